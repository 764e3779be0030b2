/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads of parts of a file, many at once: by io_uring, or where that is refused one after the other by preadv(2). A part that
 * cannot go past the page cache as it lies goes through an aligned buffer, and what the kernel reads short or refuses is read
 * again in the plainest way, so that only the last word counts.
 */
#ifndef READS_H
#define READS_H

#include "source.h"
#include "uring.h"

/* Bytes of the largest part. With larger ones fewer are under way at once, and smaller ones cost more system calls. */
#define READS_PART ((uint64_t)512 << 10)
/* Bytes of a part's own buffer: it may begin and end in the middle of a page. */
#define READS_BOUNCE (READS_PART + 2 * SOURCE_ALIGNMENT)

#define READS_NO_SLOT UINT32_MAX

/* A part of a file, and where it goes. */
struct part {
	uint64_t offset;
	uint64_t size; /* 1 to READS_PART */
	unsigned char *to;
	unsigned int slot; /* whose it is */
	enum source_file file; /* from here on set by reads_begin() */
	bool bounced;
};

struct reads {
	const struct source *source;
	struct part *parts;
	unsigned int *idle; /* a stack of places in `parts` */
	unsigned int idle_count;
	unsigned int depth;
	bool has_uring;
	struct uring uring;
	unsigned char *bounces; /* one for each part; NULL if nothing goes past the page cache */
	struct iovec memory; /* where parts may go without being mapped for each read, if it was registered */
	struct dp_reader_stat *stat;
};

struct reads_setup {
	unsigned int depth; /* parts at once; 0 for the usual number */
	bool without_uring;
	struct iovec memory; /* where parts go */
	int hold; /* a file that stays open, even after our death, until no read writes there any more; -1: none */
};

/* What is refused on the way is noted in `stat`. */
int reads_open(struct reads *reads, const struct source *source, const struct reads_setup *setup,
	       struct dp_reader_stat *stat);

/* Waits for what is under way. */
void reads_close(struct reads *reads);

static inline bool reads_have_room(const struct reads *reads)
{
	return reads->idle_count > 0;
}

static inline bool reads_are_idle(const struct reads *reads)
{
	return reads->idle_count == reads->depth;
}

/* Begin to read a part; there must be room. It is not given to the kernel before the next reads_finish(). */
void reads_begin(struct reads *reads, const struct part *part);

/*
 * Take a part that was read. 1 if there was one, 0 if not: that is only after `wait` if nothing is under way. -1 with errno
 * if it could not be read: EBADMSG at the end of the file. `slot` is then set as well, or READS_NO_SLOT if the kernel takes
 * no more reads at all.
 */
int reads_finish(struct reads *reads, bool wait, unsigned int *slot);

#endif
