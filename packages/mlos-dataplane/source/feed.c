/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Samples for another process: batches are read straight into the blocks of a pool, and their handles go through a ring.
 *
 * Who is killed, and when: a block that is being read belongs to our seat, and nobody has heard of it; one whose handle was
 * pushed is adopted by the consumer, or by its successor, before the handle leaves the ring. Reads that are under way when we
 * are killed go on writing to our blocks for a moment. io_uring has the pool's file registered, so our seat is not free,
 * and nobody takes those blocks, before the last of them is done.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "batches.h"
#include "pool.h"

/* How often to look for a free block, in nanoseconds, while consumers have them all: a pool wakes nobody. */
#define LOOK_AGAIN 1000000

/* What goes through the ring. */
struct message {
	uint64_t handle;
	uint64_t number;
	uint64_t batches;
	uint64_t size;
	uint64_t count;
	uint64_t table_offset;
	uint64_t unused[2];
};

_Static_assert(sizeof(struct message) == DP_BATCH_MESSAGE, "the header tells programs how large it is");

struct dp_feed {
	struct batches batches;
	struct dp_pool *pool;
	struct dp_ring *ring;
	uint64_t wanted; /* the next batch to be pushed */
};

static int open_feed(struct dp_feed *feed, const char *path, const struct dp_reader_options *options)
{
	const struct reads_setup setup = {
		.depth = options->depth,
		.without_uring = options->flags & DP_READER_NO_URING,
		.memory = pool_memory(feed->pool),
		.hold = pool_file(feed->pool),
	};

	if (options->memory || options->flags & DP_READER_ANY_ORDER || dp_ring_message_size(feed->ring) != DP_BATCH_MESSAGE) {
		errno = EINVAL;
		return -1;
	}
	if (batches_open(&feed->batches, path, options) < 0)
		return -1;
	feed->wanted = options->skip;
	if (dp_pool_block_size(feed->pool) >= feed->batches.block_size)
		return batches_start(&feed->batches, &setup);
	errno = EINVAL;
	return -1;
}

struct dp_feed *dp_feed_open(const char *path, const struct dp_reader_options *options, struct dp_pool *pool,
			     struct dp_ring *ring)
{
	struct dp_feed *feed = calloc(1, sizeof(*feed));
	int error;

	if (!feed)
		return NULL;
	feed->pool = pool;
	feed->ring = ring;
	if (open_feed(feed, path, options) == 0)
		return feed;
	error = errno;
	dp_feed_close(feed);
	errno = error;
	return NULL;
}

void dp_feed_close(struct dp_feed *feed)
{
	if (!feed)
		return;
	/* The kernel writes to blocks that are being read, so they cannot be given back before. */
	if (feed->batches.reads.source)
		while (!batches_are_idle(&feed->batches))
			batches_advance(&feed->batches, true);
	for (unsigned int i = 0; feed->batches.slots && i < feed->batches.slot_count; i++)
		if (feed->batches.slots[i].state != SLOT_FREE)
			dp_pool_give_back(feed->pool, feed->batches.slots[i].batch.handle);
	if (feed->batches.slots)
		batches_close(&feed->batches);
	free(feed);
}

uint64_t dp_feed_batches(const struct dp_feed *feed)
{
	return feed->batches.count;
}

static struct slot *find(struct dp_feed *feed, enum slot_state state)
{
	for (unsigned int i = 0; i < feed->batches.slot_count; i++) {
		struct slot *slot = &feed->batches.slots[i];

		if (slot->state == state && (state != SLOT_READY || slot->batch.number == feed->wanted))
			return slot;
	}
	return NULL;
}

/* Begin as many batches as there are slots and blocks for. */
static void begin_all(struct dp_feed *feed)
{
	struct slot *slot;

	while (batches_may_begin(&feed->batches) && (slot = find(feed, SLOT_FREE))) {
		uint64_t handle = dp_pool_take(feed->pool);

		if (handle == 0)
			break;
		slot->state = SLOT_READING;
		batches_begin(&feed->batches, slot, dp_pool_block(feed->pool, handle));
		slot->batch.handle = handle;
		batches_advance(&feed->batches, false);
	}
}

/* Read on until the next batch is there. NULL: there is no block to read it into. */
static struct slot *read_on(struct dp_feed *feed)
{
	struct slot *slot;

	for (;;) {
		begin_all(feed);
		for (unsigned int i = 0; i < feed->batches.slot_count; i++)
			if (batches_is_complete(&feed->batches, &feed->batches.slots[i]))
				feed->batches.slots[i].state = SLOT_READY;
		slot = find(feed, SLOT_READY);
		if (slot || batches_are_idle(&feed->batches))
			return slot;
		batches_advance(&feed->batches, true);
	}
}

static int push(struct dp_feed *feed, struct slot *slot, int64_t timeout)
{
	struct message message = {
		.handle = slot->batch.handle,
		.number = slot->batch.number,
		.batches = feed->batches.count,
		.size = slot->batch.size,
		.count = slot->batch.count,
		.table_offset = feed->batches.table_offset,
	};

	if (slot->error) {
		errno = slot->error;
		return -1;
	}
	if (dp_ring_push(feed->ring, &message, 1, timeout) < 0)
		return -1;
	dp_pool_pass(feed->pool, message.handle); /* fails if the consumer was faster */
	slot->state = SLOT_FREE;
	feed->wanted++;
	return 1;
}

static int consumer_is_gone(const struct dp_feed *feed)
{
	switch (dp_ring_peer(feed->ring)) {
	case DP_PEER_DEAD:
		errno = EOWNERDEAD;
		return -1;
	case DP_PEER_CLOSED:
		errno = EPIPE;
		return -1;
	case DP_PEER_ABSENT:
	case DP_PEER_PRESENT:
		break;
	}
	return 0;
}

int dp_feed_step(struct dp_feed *feed, int64_t timeout)
{
	const struct timespec moment = {.tv_nsec = LOOK_AGAIN};

	if (feed->wanted >= feed->batches.count)
		return 0;
	for (;;) {
		struct slot *slot;

		if (consumer_is_gone(feed) < 0)
			return -1;
		slot = read_on(feed);
		if (slot)
			return push(feed, slot, timeout);
		if (timeout >= 0 && (timeout -= LOOK_AGAIN) < 0) {
			errno = timeout == -LOOK_AGAIN ? EAGAIN : ETIMEDOUT;
			return -1;
		}
		nanosleep(&moment, NULL);
	}
}

/* What another process says may be wrong; it must not lead us out of the block. */
static bool is_sound(const struct message *message, const unsigned char *block, size_t block_size)
{
	const struct dp_sample *table;

	if (message->table_offset > block_size || message->table_offset % sizeof(uint64_t) != 0 ||
	    message->count > (block_size - message->table_offset) / sizeof(*table) || message->size > message->table_offset)
		return false;
	table = (const struct dp_sample *)(const void *)(block + message->table_offset);
	for (uint64_t i = 0; i < message->count; i++)
		if (table[i].offset > message->size || table[i].size > message->size - table[i].offset)
			return false;
	return true;
}

int dp_batch_receive(struct dp_ring *ring, struct dp_pool *pool, struct dp_batch *batch, uint64_t *batches, int64_t timeout)
{
	const struct message *found;
	struct message message;
	size_t count;
	unsigned char *block;

	if (dp_ring_message_size(ring) != sizeof(message)) {
		errno = EINVAL;
		return -1;
	}
	found = dp_ring_peek(ring, &count, timeout);
	if (!found)
		return -1;
	memcpy(&message, found, sizeof(message));
	if (dp_pool_adopt(pool, message.handle) < 0) {
		int error = errno;

		dp_ring_release(ring, 1);
		errno = error;
		return -1;
	}
	dp_ring_release(ring, 1);
	block = dp_pool_block(pool, message.handle);
	if (!block || !is_sound(&message, block, dp_pool_block_size(pool))) {
		dp_pool_give_back(pool, message.handle);
		errno = EBADMSG;
		return -1;
	}
	*batch = (struct dp_batch){
		.number = message.number,
		.data = block,
		.size = message.size,
		.samples = (const struct dp_sample *)(const void *)(block + message.table_offset),
		.count = message.count,
		.handle = message.handle,
	};
	if (batches)
		*batches = message.batches;
	return 0;
}
