/* SPDX-License-Identifier: Apache-2.0 */
/*
 * samples FOLDER SAMPLES: write a file of samples there, read it in every way that there is, and say whether each sample
 * came once and whole. For the sanitizers and valgrind.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mlos/reader.h"

#define FIRST 24 /* bytes in front of the first sample */
#define BATCH 7

static uint64_t samples;
static char path[4096], index_path[4200];

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

/* Samples of one size, or of all sizes from 0 to `size`. */
static uint64_t size_of(uint64_t number, uint64_t size, bool same)
{
	return same ? size : number * UINT64_C(2654435761) % (size + 1);
}

static unsigned char byte_of(uint64_t number, uint64_t place)
{
	return (unsigned char)(number * 31 + (number >> 8) + place * 7);
}

static void write_file(uint64_t size, bool same)
{
	struct dp_record *records = calloc(samples + 1, sizeof(*records));
	FILE *file = fopen(path, "w");
	uint64_t offset = FIRST;

	must(file && records && fwrite("in front of the samples.", FIRST, 1, file) == 1, path);
	for (uint64_t i = 0; i < samples; i++) {
		records[i] = (struct dp_record){offset, size_of(i, size, same)};
		offset += records[i].size;
		for (uint64_t j = 0; j < records[i].size; j++)
			putc(byte_of(i, j), file);
	}
	must(fclose(file) == 0 && dp_index_write(index_path, path, records, samples) == 0, "write");
	free(records);
}

static void check_sample(const struct dp_batch *batch, const struct dp_sample *sample, uint64_t size, bool same)
{
	const unsigned char *data = (const unsigned char *)batch->data + sample->offset;

	must(sample->number < samples && sample->size == size_of(sample->number, size, same), "a wrong sample");
	for (uint64_t i = 0; i < sample->size; i++)
		must(data[i] == byte_of(sample->number, i), "a torn sample");
}

/* Read one rank's part, and count each sample. */
static void read_part(const struct dp_reader_options *options, uint64_t size, bool same, unsigned char *seen)
{
	struct dp_reader *reader = dp_reader_open(path, options);
	struct dp_reader_stat stat;
	struct dp_batch batch;
	uint64_t batches = 0;
	int result;

	must(reader != NULL, "open");
	while ((result = dp_reader_next(reader, &batch, -1)) > 0) {
		must(options->flags & DP_READER_ANY_ORDER || batch.number == batches, "a batch out of order");
		batches++;
		for (uint64_t i = 0; i < batch.count; i++) {
			check_sample(&batch, &batch.samples[i], size, same);
			must(seen[batch.samples[i].number]++ == 0, "a sample twice");
		}
		must(dp_reader_release(reader, &batch) == 0, "release");
	}
	must(result == 0 && batches == dp_reader_batches(reader), "next");
	must(dp_reader_stat(reader, &stat) == 0, "stat");
	must(!(options->flags & DP_READER_NO_URING) || !stat.uring, "io_uring though it is not wanted");
	must(options->cache != DP_CACHE_FILL || stat.direct_bytes == 0, "past the page cache though it is not wanted");
	dp_reader_close(reader);
}

static void read_all(struct dp_reader_options options, uint64_t size, bool same)
{
	unsigned char *seen = calloc(samples + 1, 1);

	for (options.rank = 0; options.rank == 0 || options.rank < options.world; options.rank++)
		read_part(&options, size, same, seen);
	for (uint64_t i = 0; i < samples; i++)
		must(seen[i] == 1, "a sample is missing");
	free(seen);
}

/* Every combination of what can be chosen. */
static uint64_t read_in_every_way(uint64_t size, bool same)
{
	uint64_t ways = 0;

	write_file(size, same);
	for (uint32_t flags = 0; flags < 8; flags++)
		for (uint32_t cache = DP_CACHE_AUTO; cache <= DP_CACHE_BYPASS; cache++)
			for (uint64_t seed = 0; seed < 2; seed++) {
				struct dp_reader_options options = {
					.batch = BATCH,
					.prefetch = 3,
					.depth = 5,
					.seed = seed,
					.world = seed ? 3 : 0,
					.cache = cache,
					.flags = flags & (DP_READER_ANY_ORDER | DP_READER_NO_URING),
				};

				if (flags & 2) {
					options.index_path = index_path;
				} else if (same) {
					options.record_size = size;
					options.first = FIRST;
				} else {
					continue;
				}
				read_all(options, size, same);
				ways++;
			}
	return ways;
}

int main(int count, char **arguments)
{
	uint64_t ways = 0;

	if (count != 3)
		return 2;
	snprintf(path, sizeof(path), "%s/samples", arguments[1]);
	snprintf(index_path, sizeof(index_path), "%s.index", path);
	samples = strtoull(arguments[2], NULL, 10);
	ways += read_in_every_way(100, true);
	ways += read_in_every_way(4096, true);
	ways += read_in_every_way(3000, false);
	printf("%" PRIu64 " ways\n", ways);
	return unlink(path) + unlink(index_path);
}
