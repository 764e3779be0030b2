/* SPDX-License-Identifier: Apache-2.0 */
/* Samples for this process: what the program sees of ahead.h. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "ahead.h"

ssize_t dp_reader_block_size(const char *path, const struct dp_reader_options *options)
{
	struct batches batches;
	ssize_t size;

	if (batches_open(&batches, path, options) < 0)
		return -1;
	size = (ssize_t)batches.block_size;
	batches_close(&batches);
	return size;
}

static int find_memory(struct dp_reader *reader, const struct dp_reader_options *options)
{
	size_t needed = reader->batches.block_size * reader->batches.slot_count;

	if (options->memory) {
		reader->memory = options->memory;
		errno = EINVAL;
		return options->memory_size >= needed && (uintptr_t)options->memory % sizeof(uint64_t) == 0 ? 0 : -1;
	}
	reader->memory = mmap(NULL, needed, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (reader->memory == MAP_FAILED)
		return -1;
	reader->own_memory = needed;
	madvise(reader->memory, needed, MADV_HUGEPAGE); /* fewer faults; a kernel without does without */
	return 0;
}

static int start(struct dp_reader *reader, const struct dp_reader_options *options)
{
	struct reads_setup setup = {
		.depth = options->depth,
		.without_uring = options->flags & DP_READER_NO_URING,
		.hold = -1,
	};

	if (find_memory(reader, options) < 0)
		return -1;
	setup.memory = (struct iovec){reader->memory, reader->batches.block_size * reader->batches.slot_count};
	if (batches_start(&reader->batches, &setup) < 0)
		return -1;
	reader->stat = reader->batches.stat;
	reader->any_order = options->flags & DP_READER_ANY_ORDER;
	reader->wanted = options->skip;
	reader->left = options->skip < reader->batches.count ? reader->batches.count - options->skip : 0;
	reader->process = getpid();
	return ahead_start(reader);
}

static void discard(struct dp_reader *reader)
{
	batches_close(&reader->batches);
	if (reader->own_memory)
		munmap(reader->memory, reader->own_memory);
	free(reader);
}

struct dp_reader *dp_reader_open(const char *path, const struct dp_reader_options *options)
{
	struct dp_reader *reader = calloc(1, sizeof(*reader));
	int error;

	if (!reader)
		return NULL;
	if (batches_open(&reader->batches, path, options) < 0) {
		free(reader);
		return NULL;
	}
	if (start(reader, options) == 0)
		return reader;
	error = errno;
	discard(reader);
	errno = error;
	return NULL;
}

static bool is_ours(const struct dp_reader *reader)
{
	errno = EBADF;
	return reader->process == getpid();
}

void dp_reader_close(struct dp_reader *reader)
{
	/* The child of a fork has neither the thread nor the reads. */
	if (!reader || !is_ours(reader))
		return;
	ahead_stop(reader);
	discard(reader);
}

uint64_t dp_reader_batches(const struct dp_reader *reader)
{
	return reader->batches.count;
}

uint64_t dp_reader_samples(const struct dp_reader *reader)
{
	return reader->batches.order.ours;
}

int dp_reader_stat(struct dp_reader *reader, struct dp_reader_stat *stat)
{
	if (!is_ours(reader))
		return -1;
	pthread_mutex_lock(&reader->lock);
	*stat = reader->stat;
	stat->stalls = reader->stalls;
	stat->starvations = reader->starvations;
	pthread_mutex_unlock(&reader->lock);
	return 0;
}

/* The batch to hand out: the next one in order, or the first of those that are ready. */
static struct slot *find_ready(struct dp_reader *reader)
{
	struct slot *best = NULL;

	for (unsigned int i = 0; i < reader->batches.slot_count; i++) {
		struct slot *slot = &reader->batches.slots[i];

		if (slot->state != SLOT_READY || (!reader->any_order && slot->batch.number != reader->wanted))
			continue;
		if (!best || slot->batch.number < best->batch.number)
			best = slot;
	}
	return best;
}

/* Whether all slots are with the program: waiting for another batch would last for ever. */
static bool all_are_lent(struct dp_reader *reader)
{
	for (unsigned int i = 0; i < reader->batches.slot_count; i++)
		if (reader->batches.slots[i].state != SLOT_LENT)
			return false;
	return true;
}

static int wait_for_ready(struct dp_reader *reader, int64_t timeout, const struct timespec *end)
{
	if (all_are_lent(reader))
		return ENOBUFS;
	if (timeout == 0)
		return EAGAIN;
	if (timeout < 0)
		return pthread_cond_wait(&reader->ready, &reader->lock);
	return pthread_cond_timedwait(&reader->ready, &reader->lock, end);
}

static int next_locked(struct dp_reader *reader, struct dp_batch *batch, int64_t timeout, const struct timespec *end)
{
	struct slot *slot;
	bool starved = false;

	if (reader->left == 0)
		return 0;
	while (!(slot = find_ready(reader))) {
		int error;

		if (ahead_help(reader))
			continue;
		reader->starvations += !starved;
		starved = true;
		error = wait_for_ready(reader, timeout, end);
		if (error) {
			errno = error;
			return -1;
		}
	}
	if (slot->error) {
		errno = slot->error;
		return -1;
	}
	slot->state = SLOT_LENT;
	*batch = slot->batch;
	batch->handle = (uint64_t)(slot - reader->batches.slots);
	reader->wanted++;
	reader->left--;
	return 1;
}

static struct timespec ends_at(int64_t timeout)
{
	const int64_t second = 1000000000;
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += timeout / second;
	end.tv_nsec += timeout % second;
	if (end.tv_nsec >= second) {
		end.tv_sec++;
		end.tv_nsec -= second;
	}
	return end;
}

int dp_reader_next(struct dp_reader *reader, struct dp_batch *batch, int64_t timeout)
{
	struct timespec end = {0};
	int result;

	if (!is_ours(reader))
		return -1;
	if (timeout > 0)
		end = ends_at(timeout);
	pthread_mutex_lock(&reader->lock);
	result = next_locked(reader, batch, timeout, &end);
	pthread_mutex_unlock(&reader->lock);
	return result;
}

int dp_reader_release(struct dp_reader *reader, const struct dp_batch *batch)
{
	int result = -1;

	if (!is_ours(reader))
		return -1;
	pthread_mutex_lock(&reader->lock);
	if (batch->handle < reader->batches.slot_count) {
		struct slot *slot = &reader->batches.slots[batch->handle];

		if (slot->state == SLOT_LENT && slot->batch.number == batch->number) {
			slot->state = SLOT_FREE;
			ahead_wake(reader);
			result = 0;
		}
	}
	pthread_mutex_unlock(&reader->lock);
	if (result < 0)
		errno = EINVAL;
	return result;
}
