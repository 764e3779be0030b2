/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readers of libdataplane: the samples of a file, in batches, for training. A thread reads ahead into as much memory as was
 * agreed on, and stops when that is full. The manual page dp_reader(3) has the meaning and every error. What
 * <mlos/dataplane.h> says of return values, timeouts, threads and fork() holds here as well.
 */
#ifndef MLOS_READER_H
#define MLOS_READER_H

#include "dataplane.h"

#ifdef __cplusplus
extern "C" {
#endif

struct dp_reader;

/* Where a sample lies in a file, in bytes. */
struct dp_record {
	uint64_t offset;
	uint64_t size;
};

enum dp_cache {
	DP_CACHE_AUTO, /* fill it with a file that takes less than half of the memory; else read past it what is not there */
	DP_CACHE_FILL, /* read through the page cache */
	DP_CACHE_BYPASS, /* read past it: O_DIRECT */
};

#define DP_READER_ANY_ORDER (1U << 0) /* batches as they are complete, not in order */
#define DP_READER_WHOLE_BATCHES (1U << 1) /* without the samples that are left for a smaller one */
#define DP_READER_NO_URING (1U << 2) /* without io_uring even where it is there */

/* All zeros but `batch`, and one of `record_size`, `index` and `index_path`, is a good choice. */
struct dp_reader_options {
	uint64_t record_size; /* bytes, where all are of one size */
	uint64_t first; /* of these: where the first one is */
	uint64_t records; /* how many of these (0: all up to the file's end), or entries of `index` */
	const struct dp_record *index; /* stays yours, and as it is until dp_reader_close() */
	const char *index_path; /* a file that dp_index_write() made */
	uint64_t seed; /* 0: in the order of the file; else another order for each seed and epoch */
	uint64_t epoch;
	uint32_t rank; /* of `world` readers that share the samples; a world of 0 is one of 1 */
	uint32_t world;
	uint32_t batch; /* samples */
	uint32_t prefetch; /* batches that there is memory for; 0: 4 */
	uint32_t depth; /* reads at once; 0: 32 */
	uint32_t flags; /* DP_READER_* */
	uint32_t cache; /* enum dp_cache */
	uint32_t unused;
	uint64_t skip; /* batches that were read before */
	void *memory; /* for all batches, `prefetch` times dp_reader_block_size(), such as a tensor's; NULL: our own */
	size_t memory_size;
};

struct dp_sample {
	uint64_t number; /* of the record in the file */
	uint64_t offset; /* in the batch's data */
	uint64_t size;
};

struct dp_batch {
	uint64_t number;
	void *data; /* the samples, one after the other */
	uint64_t size; /* bytes */
	const struct dp_sample *samples;
	uint64_t count; /* of samples */
	uint64_t handle; /* the library's, or that of the block in its pool */
};

struct dp_reader_stat {
	uint32_t uring; /* whether io_uring is used; else it was refused, and preadv() is */
	uint32_t registered; /* whether memory is registered with it: only for what goes past the page cache */
	uint32_t direct; /* whether O_DIRECT may be used; else it was refused, or is not wanted */
	uint32_t unused;
	uint64_t reads;
	uint64_t bytes;
	uint64_t direct_bytes; /* of these: past the page cache */
	uint64_t copied_bytes; /* of these: through a buffer, as the samples are not aligned */
	uint64_t stalls; /* how often the reader waited for the program, all memory being full */
	uint64_t starvations; /* how often the program waited for the reader */
};

/* EBADMSG: the file, or its index, is not as long as that. EPROTONOSUPPORT: another version made the index. */
struct dp_reader *dp_reader_open(const char *path, const struct dp_reader_options *options);
void dp_reader_close(struct dp_reader *reader);

/* Bytes of memory for one batch, and what the library notes beside it; also the smallest block for dp_feed_open(). */
ssize_t dp_reader_block_size(const char *path, const struct dp_reader_options *options);

/* Of this rank. */
uint64_t dp_reader_batches(const struct dp_reader *reader);
uint64_t dp_reader_samples(const struct dp_reader *reader);

/*
 * The next batch: 1, or 0 after the last one. It is yours until dp_reader_release(), which any thread may call. EBADMSG: the
 * file has become shorter. ENOBUFS: all of the memory is in batches that you have.
 */
int dp_reader_next(struct dp_reader *reader, struct dp_batch *batch, int64_t timeout);
int dp_reader_release(struct dp_reader *reader, const struct dp_batch *batch);

int dp_reader_stat(struct dp_reader *reader, struct dp_reader_stat *stat);

/* Write an index of `count` samples in the file `of`, to be there whole or not at all. EINVAL: it is not as long as that. */
int dp_index_write(const char *path, const char *of, const struct dp_record *records, size_t count);

/*
 * Feeds: a reader whose batches another process gets, without a copy: in the blocks of a pool, and their handles through a
 * ring of DP_BATCH_MESSAGE bytes each. Whoever is killed, whenever, no batch arrives torn or twice.
 */
struct dp_feed;

#define DP_BATCH_MESSAGE 64

/* Pool and ring (its producer's side) stay yours, and open until dp_feed_close(). No `memory`, no DP_READER_ANY_ORDER. */
struct dp_feed *dp_feed_open(const char *path, const struct dp_reader_options *options, struct dp_pool *pool,
			     struct dp_ring *ring);
void dp_feed_close(struct dp_feed *feed);
uint64_t dp_feed_batches(const struct dp_feed *feed);

/*
 * Pass on one batch: 1, or 0 after the last one. The timeout is for a consumer that has no room, not for the disk.
 * EOWNERDEAD, EPIPE: the consumer is gone; the batch is kept for a successor.
 */
int dp_feed_step(struct dp_feed *feed, int64_t timeout);

/*
 * Receive a batch; dp_pool_give_back(pool, batch->handle) when it is done with. `batches` is set to how many there are in
 * all, unless it is NULL. Fails as dp_ring_pop() does; ESTALE: this batch went with its producer.
 */
int dp_batch_receive(struct dp_ring *ring, struct dp_pool *pool, struct dp_batch *batch, uint64_t *batches,
		     int64_t timeout);

#ifdef __cplusplus
}
#endif

#endif
