/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The algorithm of the ring with one producer and one consumer: two indices that only grow.
 *
 * Messages from `head` to `tail` belong to the consumer, all other slots to the producer. Each side writes its own index
 * only, and only after its bytes are copied: whoever is killed in the middle of a message has not moved the index, so the
 * other side never sees a torn message, and never the same one twice. Each side keeps a copy of the other's index and
 * looks at the shared one only if the copy says that nothing is left, so their cache lines seldom travel.
 */
#ifndef STREAM_H
#define STREAM_H

#include "gate.h"

/* In shared memory. Pairs of cache lines, since processors fetch them in pairs. */
struct stream {
	_Alignas(2 * CACHE_LINE) shared_word head;
	_Alignas(2 * CACHE_LINE) shared_word tail;
	_Alignas(2 * CACHE_LINE) struct gate filled; /* where the consumer sleeps */
	_Alignas(2 * CACHE_LINE) struct gate emptied; /* where the producer sleeps */
};

/* One side's own view, which nobody else can write. */
struct stream_side {
	struct stream *stream;
	unsigned char *slots;
	uint64_t capacity; /* messages, a power of two */
	uint64_t message_size; /* bytes */
	uint64_t own; /* the index that this side moves */
	uint64_t other; /* what the other side's index was when we last looked */
};

/* Of `count` items from `index`, those before the end of the memory. */
static inline uint64_t stream_straight(const struct stream_side *side, uint64_t count)
{
	uint64_t until_end = side->capacity - (side->own & (side->capacity - 1));

	return count < until_end ? count : until_end;
}

static inline unsigned char *stream_slot(const struct stream_side *side)
{
	return side->slots + (side->own & (side->capacity - 1)) * side->message_size;
}

/*
 * How many messages the producer may write, looking at the consumer's index only if that is less than `wanted`.
 * More than the capacity: the indices are no ring's.
 */
static inline uint64_t stream_room(struct stream_side *side, uint64_t wanted)
{
	uint64_t room = side->capacity - (side->own - side->other);

	if (room >= wanted)
		return room;
	side->other = read_acquire(&side->stream->head);
	return side->capacity - (side->own - side->other);
}

/* How many messages the consumer may read; likewise. */
static inline uint64_t stream_available(struct stream_side *side, uint64_t wanted)
{
	uint64_t available = side->other - side->own;

	if (available >= wanted)
		return available;
	side->other = read_acquire(&side->stream->tail);
	return side->other - side->own;
}

/* The producer has written `count` messages. */
static inline void stream_publish(struct stream_side *side, uint64_t count)
{
	side->own += count;
	write_release(&side->stream->tail, side->own);
	gate_wake(&side->stream->filled);
}

/* The consumer has read `count` messages. */
static inline void stream_retire(struct stream_side *side, uint64_t count)
{
	side->own += count;
	write_release(&side->stream->head, side->own);
	gate_wake(&side->stream->emptied);
}

/* Write `count` messages, which there is room for, and publish them at once. */
static inline void stream_put(struct stream_side *side, const void *messages, uint64_t count)
{
	uint64_t straight = stream_straight(side, count);
	uint64_t first = straight * side->message_size;

	copy_in(stream_slot(side), messages, first);
	if (straight < count)
		copy_in(side->slots, (const unsigned char *)messages + first, (count - straight) * side->message_size);
	stream_publish(side, count);
}

/* Read `count` messages, which are available, and give their slots back. */
static inline void stream_take(struct stream_side *side, void *messages, uint64_t count)
{
	uint64_t straight = stream_straight(side, count);
	uint64_t first = straight * side->message_size;

	copy_out(messages, stream_slot(side), first);
	if (straight < count)
		copy_out((unsigned char *)messages + first, side->slots, (count - straight) * side->message_size);
	stream_retire(side, count);
}

#endif
