/* SPDX-License-Identifier: Apache-2.0 */
#include "reads.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* What the kernel registers at most as one buffer. */
#define LARGEST_BUFFER ((size_t)1 << 30)
#define USUAL_DEPTH 32

enum { BUFFER_BOUNCES, BUFFER_MEMORY };

static int make_bounces(struct reads *reads)
{
	if (reads->source->files[SOURCE_DIRECT] < 0)
		return 0;
	reads->bounces = mmap(NULL, reads->depth * READS_BOUNCE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (reads->bounces == MAP_FAILED) {
		reads->bounces = NULL;
		return -1;
	}
	madvise(reads->bounces, reads->depth * READS_BOUNCE, MADV_HUGEPAGE);
	return 0;
}

static int make_tables(struct reads *reads)
{
	reads->parts = calloc(reads->depth, sizeof(*reads->parts));
	reads->idle = calloc(reads->depth, sizeof(*reads->idle));
	if (!reads->parts || !reads->idle)
		return -1;
	for (unsigned int i = 0; i < reads->depth; i++)
		reads->idle[reads->idle_count++] = reads->depth - 1 - i;
	return make_bounces(reads);
}

/* What the kernel need not look up, or map, for each read. */
static void register_all(struct reads *reads, const struct reads_setup *setup)
{
	const int *sources = reads->source->files;
	const int files[] = {sources[SOURCE_CACHED], sources[SOURCE_DIRECT], setup->hold};
	const struct iovec buffers[] = {
		[BUFFER_BOUNCES] = {reads->bounces, reads->depth * READS_BOUNCE},
		[BUFFER_MEMORY] = setup->memory,
	};
	/* What is registered is pinned once, and not for each read of a disk. Copies from the page cache are slower with it. */
	bool wanted = reads->bounces && buffers[BUFFER_BOUNCES].iov_len <= LARGEST_BUFFER &&
		      buffers[BUFFER_MEMORY].iov_len <= LARGEST_BUFFER;

	uring_register(&reads->uring, files, 3, buffers, wanted ? 2 : 0);
	if (reads->uring.has_buffers)
		reads->memory = setup->memory;
	if (setup->hold < 0 || reads->uring.has_files)
		return;
	uring_close(&reads->uring);
	reads->has_uring = false;
}

int reads_open(struct reads *reads, const struct source *source, const struct reads_setup *setup,
	       struct dp_reader_stat *stat)
{
	unsigned int depth = setup->depth ? setup->depth : USUAL_DEPTH;

	*reads = (struct reads){.source = source, .stat = stat};
	reads->has_uring = !setup->without_uring && uring_open(&reads->uring, depth) == 0;
	reads->depth = reads->has_uring ? depth : 1;
	if (make_tables(reads) < 0) {
		reads->idle_count = reads->depth;
		reads_close(reads);
		return -1;
	}
	if (reads->has_uring)
		register_all(reads, setup);
	if (!reads->has_uring)
		reads->idle_count = reads->depth = 1;
	stat->uring = reads->has_uring;
	stat->registered = reads->has_uring && reads->uring.has_buffers;
	stat->direct = source->files[SOURCE_DIRECT] >= 0;
	return 0;
}

void reads_close(struct reads *reads)
{
	unsigned int slot;

	/* The kernel writes to their memory until they are done. */
	while (reads->has_uring && !reads_are_idle(reads))
		if (reads_finish(reads, true, &slot) < 0 && slot == READS_NO_SLOT)
			break;
	if (reads->has_uring)
		uring_close(&reads->uring);
	if (reads->bounces)
		munmap(reads->bounces, reads->depth * READS_BOUNCE);
	free(reads->idle);
	free(reads->parts);
	reads->source = NULL;
}

static bool is_aligned(uint64_t value)
{
	return value % SOURCE_ALIGNMENT == 0;
}

static unsigned char *bounce_of(const struct reads *reads, const struct part *part)
{
	return reads->bounces + (size_t)(part - reads->parts) * READS_BOUNCE;
}

/* What to ask the kernel for: the part itself, or all pages that it lies on. */
static struct uring_read request_of(const struct reads *reads, const struct part *part)
{
	struct uring_read read = {
		.tag = (uint64_t)(part - reads->parts),
		.file = part->file,
		.fd = reads->source->files[part->file],
		.buffer = -1,
		.offset = part->offset,
		.to = part->to,
		.size = (uint32_t)part->size,
	};

	if (part->bounced) {
		uint64_t end = part->offset + part->size;

		read.offset = part->offset / SOURCE_ALIGNMENT * SOURCE_ALIGNMENT;
		read.size = (uint32_t)((end - read.offset + SOURCE_ALIGNMENT - 1) / SOURCE_ALIGNMENT * SOURCE_ALIGNMENT);
		read.to = bounce_of(reads, part);
		read.buffer = BUFFER_BOUNCES;
	} else if (part->file == SOURCE_DIRECT &&
		   (uintptr_t)part->to - (uintptr_t)reads->memory.iov_base < reads->memory.iov_len) {
		read.buffer = BUFFER_MEMORY;
	}
	return read;
}

/* The rest of a part after its first `done` bytes, in the plainest way. */
static int read_plainly(const struct reads *reads, const struct part *part, uint64_t done)
{
	while (done < part->size) {
		ssize_t got = pread(reads->source->files[SOURCE_CACHED], part->to + done, part->size - done,
				    (off_t)(part->offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got == 0)
			errno = EBADMSG; /* the file was longer when it was opened */
		if (got <= 0)
			return -1;
		done += (uint64_t)got;
	}
	return 0;
}

/* The kernel has answered for a part with a number of bytes, or -errno. */
static int complete(struct reads *reads, struct part *part, int64_t result)
{
	uint64_t got = result > 0 ? (uint64_t)result : 0;
	uint64_t before = part->bounced ? part->offset % SOURCE_ALIGNMENT : 0;

	got = got > before ? got - before : 0;
	if (got > part->size)
		got = part->size;
	if (part->bounced) {
		memcpy(part->to, bounce_of(reads, part) + before, got);
		reads->stat->copied_bytes += got;
	}
	if (part->file == SOURCE_DIRECT)
		reads->stat->direct_bytes += got;
	reads->stat->bytes += part->size;
	reads->stat->reads++;
	reads->idle[reads->idle_count++] = (unsigned int)(part - reads->parts);
	return read_plainly(reads, part, got);
}

void reads_begin(struct reads *reads, const struct part *asked)
{
	struct part *part = &reads->parts[reads->idle[--reads->idle_count]];
	struct uring_read request;

	*part = *asked;
	part->file = source_file_for(reads->source, part->offset);
	part->bounced = part->file == SOURCE_DIRECT &&
			!(is_aligned(part->offset) && is_aligned(part->size) && is_aligned((uintptr_t)part->to));
	if (!reads->has_uring)
		return; /* until it is finished */
	request = request_of(reads, part);
	uring_queue(&reads->uring, &request);
}

/* Without io_uring there is one at a time, and it is read now. */
static int finish_by_hand(struct reads *reads, unsigned int *slot)
{
	struct part *part = &reads->parts[0];
	struct uring_read request;
	struct iovec place;
	ssize_t got;

	if (reads_are_idle(reads))
		return 0;
	request = request_of(reads, part);
	place = (struct iovec){request.to, request.size};
	got = preadv(request.fd, &place, 1, (off_t)request.offset);
	*slot = part->slot;
	return complete(reads, part, got) < 0 ? -1 : 1;
}

int reads_finish(struct reads *reads, bool wait, unsigned int *slot)
{
	uint64_t tag;
	int64_t result;
	struct part *part;

	if (!reads->has_uring)
		return finish_by_hand(reads, slot);
	*slot = READS_NO_SLOT;
	if (uring_submit(&reads->uring, false) < 0)
		return -1;
	while (!uring_reap(&reads->uring, &tag, &result)) {
		if (!wait || reads_are_idle(reads))
			return 0;
		if (uring_submit(&reads->uring, true) < 0)
			return -1;
	}
	part = &reads->parts[tag];
	*slot = part->slot;
	return complete(reads, part, result) < 0 ? -1 : 1;
}
