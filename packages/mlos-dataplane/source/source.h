/* SPDX-License-Identifier: Apache-2.0 */
/* The file that samples are read from: opened with and without the page cache, and where each sample lies in it. */
#ifndef SOURCE_H
#define SOURCE_H

#include <stdbool.h>

#include "mlos/reader.h"

/* What reads without the page cache begin, end and lie at multiples of. No disk asks for more. */
#define SOURCE_ALIGNMENT 4096

enum source_file {
	SOURCE_CACHED, /* through the page cache */
	SOURCE_DIRECT, /* past it */
};

struct source {
	int files[2]; /* by enum source_file; without O_DIRECT the second one is -1 */
	uint64_t size; /* when it was opened */
	void *map; /* to ask what is in the page cache; never touched. NULL: need not be asked */
	uint64_t records;
	uint64_t largest; /* bytes of a record */
	uint64_t first;
	uint64_t record_size;
	const struct dp_record *index;
	struct dp_record *loaded; /* the same, if it came from an index file */
};

/* -1 with errno: EINVAL, EBADMSG (records that the file does not have), EPROTONOSUPPORT (of the index file). */
int source_open(struct source *source, const char *path, const struct dp_reader_options *options);
void source_close(struct source *source);

struct dp_record source_record(const struct source *source, uint64_t number);

/* How this part is read best: past the page cache, unless it is there already or is to get there. */
enum source_file source_file_for(const struct source *source, uint64_t offset);

/* Load an index file that was made for a file of `size` bytes. NULL with errno. The result is malloc()'s. */
struct dp_record *index_load(const char *path, uint64_t size, uint64_t *count);

#endif
