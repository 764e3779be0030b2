/* SPDX-License-Identifier: Apache-2.0 */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* The largest record whose place in a batch can be counted without overflow. */
#define LARGEST_RECORD ((uint64_t)1 << 40)

static int damaged(void)
{
	errno = EBADMSG;
	return -1;
}

static int check_index(struct source *source)
{
	for (uint64_t i = 0; i < source->records; i++) {
		const struct dp_record *record = &source->index[i];

		if (record->offset > source->size || record->size > source->size - record->offset)
			return damaged();
		if (record->size > source->largest)
			source->largest = record->size;
	}
	return source->largest <= LARGEST_RECORD ? 0 : damaged();
}

/* As many records of one size as there are, or as many as were asked for. */
static int check_fixed(struct source *source, uint64_t asked)
{
	uint64_t room;

	if (source->first > source->size)
		return damaged();
	room = (source->size - source->first) / source->record_size;
	if (asked > room || (asked == 0 && (source->size - source->first) % source->record_size != 0))
		return damaged();
	source->records = asked ? asked : room;
	source->largest = source->record_size;
	return 0;
}

static int find_records(struct source *source, const struct dp_reader_options *options)
{
	source->index = options->index;
	source->records = options->records;
	if (options->index_path) {
		source->loaded = index_load(options->index_path, source->size, &source->records);
		if (!source->loaded)
			return -1;
		source->index = source->loaded;
	}
	if (source->index)
		return check_index(source);
	source->first = options->first;
	source->record_size = options->record_size;
	return check_fixed(source, options->records);
}

/* A file system may take O_DIRECT when a file is opened, and refuse it when it is read. */
static bool reads_directly(int fd)
{
	void *page = mmap(NULL, SOURCE_ALIGNMENT, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ssize_t got = -1;

	if (page != MAP_FAILED) {
		got = pread(fd, page, SOURCE_ALIGNMENT, 0);
		munmap(page, SOURCE_ALIGNMENT);
	}
	return got >= 0;
}

static bool fits_in_memory(uint64_t size)
{
	return size / 4096 < (uint64_t)sysconf(_SC_PHYS_PAGES) / 2;
}

/* Open it past the page cache, and make it possible to ask what is in there. Neither is needed: some files refuse it. */
static void prepare_direct(struct source *source, const char *path, enum dp_cache cache)
{
	if (cache == DP_CACHE_FILL || (cache == DP_CACHE_AUTO && fits_in_memory(source->size)))
		return;
	source->files[SOURCE_DIRECT] = open(path, O_RDONLY | O_CLOEXEC | O_DIRECT);
	if (source->files[SOURCE_DIRECT] >= 0 && !reads_directly(source->files[SOURCE_DIRECT])) {
		close(source->files[SOURCE_DIRECT]);
		source->files[SOURCE_DIRECT] = -1;
	}
	if (cache == DP_CACHE_BYPASS || source->files[SOURCE_DIRECT] < 0 || source->size == 0)
		return;
	source->map = mmap(NULL, source->size, PROT_READ, MAP_SHARED, source->files[SOURCE_CACHED], 0);
	if (source->map == MAP_FAILED)
		source->map = NULL;
}

static int open_all(struct source *source, const char *path, const struct dp_reader_options *options)
{
	struct stat status;

	if (fstat(source->files[SOURCE_CACHED], &status) < 0)
		return -1;
	if (!S_ISREG(status.st_mode)) {
		errno = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
		return -1;
	}
	source->size = (uint64_t)status.st_size;
	if (find_records(source, options) < 0)
		return -1;
	prepare_direct(source, path, options->cache);
	return 0;
}

int source_open(struct source *source, const char *path, const struct dp_reader_options *options)
{
	int error;

	*source = (struct source){.files = {-1, -1}};
	if ((options->index != NULL) + (options->index_path != NULL) + (options->record_size != 0) != 1 ||
	    options->record_size > LARGEST_RECORD) {
		errno = EINVAL;
		return -1;
	}
	/* Not to wait for a writer if it is a pipe. */
	source->files[SOURCE_CACHED] = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (source->files[SOURCE_CACHED] < 0)
		return -1;
	if (open_all(source, path, options) == 0)
		return 0;
	error = errno;
	source_close(source);
	errno = error;
	return -1;
}

void source_close(struct source *source)
{
	if (source->map)
		munmap(source->map, source->size);
	for (int i = 0; i < 2; i++)
		if (source->files[i] >= 0)
			close(source->files[i]);
	free(source->loaded);
}

struct dp_record source_record(const struct source *source, uint64_t number)
{
	if (source->index)
		return source->index[number];
	return (struct dp_record){source->first + number * source->record_size, source->record_size};
}

enum source_file source_file_for(const struct source *source, uint64_t offset)
{
	unsigned char resident = 0;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	if (source->files[SOURCE_DIRECT] < 0)
		return SOURCE_CACHED;
	/* Its first page speaks for all of it: a wrong guess costs time and nothing else. */
	if (source->map && mincore((unsigned char *)source->map + offset / page * page, 1, &resident) == 0 && (resident & 1))
		return SOURCE_CACHED;
	return SOURCE_DIRECT;
}
