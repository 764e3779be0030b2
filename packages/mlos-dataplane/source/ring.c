/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "mlos/dataplane.h"
#include "share.h"
#include "stream.h"
#include "wait.h"

/* The seats of the two sides are their numbers. */
struct dp_ring {
	struct stream_side side;
	enum dp_side seat;
	struct share share;
};

_Static_assert(sizeof(struct stream) <= SHARE_ITEMS - SHARE_CONTROL, "the algorithm's words have their place");

int dp_ring_create(const char *path, size_t message_size, size_t capacity)
{
	struct share_shape shape = {.kind = SHARE_RING, .item_size = message_size, .items = capacity};

	return share_create(path, &shape);
}

/* Messages that this side may write or read. */
static uint64_t ready(struct dp_ring *ring, uint64_t wanted)
{
	return ring->seat == DP_PRODUCER ? stream_room(&ring->side, wanted) : stream_available(&ring->side, wanted);
}

/* Go on where the one before us left off: what it had not published or not given back has not happened. */
static int resume(struct dp_ring *ring)
{
	struct stream_side *side = &ring->side;

	*side = (struct stream_side){
		.stream = share_control(&ring->share),
		.slots = share_items(&ring->share),
		.capacity = ring->share.shape.items,
		.message_size = ring->share.shape.item_size,
	};
	side->own = read_acquire(ring->seat == DP_PRODUCER ? &side->stream->tail : &side->stream->head);
	side->other = read_acquire(ring->seat == DP_PRODUCER ? &side->stream->head : &side->stream->tail);
	if (ready(ring, 0) <= side->capacity)
		return 0;
	errno = EBADMSG;
	return -1;
}

static struct dp_ring *take_side(struct dp_ring *ring, enum dp_side side)
{
	int error;

	ring->seat = side;
	if (share_sit(&ring->share, side) >= 0 && resume(ring) == 0)
		return ring;
	error = errno;
	share_close(&ring->share);
	free(ring);
	errno = error;
	return NULL;
}

static struct dp_ring *new_ring(enum dp_side side)
{
	if (side == DP_PRODUCER || side == DP_CONSUMER)
		return aligned_alloc(CACHE_LINE, (sizeof(struct dp_ring) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
	errno = EINVAL;
	return NULL;
}

struct dp_ring *dp_ring_open(const char *path, enum dp_side side)
{
	struct dp_ring *ring = new_ring(side);

	if (!ring)
		return NULL;
	if (share_open(&ring->share, path, SHARE_RING) == 0)
		return take_side(ring, side);
	free(ring);
	return NULL;
}

struct dp_ring *dp_ring_open_fd(int fd, enum dp_side side)
{
	struct dp_ring *ring = new_ring(side);

	if (!ring)
		return NULL;
	if (share_open_fd(&ring->share, fd, SHARE_RING) == 0)
		return take_side(ring, side);
	free(ring);
	return NULL;
}

static struct gate *gate_of(const struct dp_ring *ring, enum dp_side side)
{
	return side == DP_PRODUCER ? &ring->side.stream->emptied : &ring->side.stream->filled;
}

void dp_ring_close(struct dp_ring *ring)
{
	if (!ring)
		return;
	if (ring->share.fd >= 0) {
		share_leave(&ring->share, ring->seat);
		gate_open(gate_of(ring, ring->seat == DP_PRODUCER ? DP_CONSUMER : DP_PRODUCER));
	}
	share_close(&ring->share);
	free(ring);
}

size_t dp_ring_message_size(const struct dp_ring *ring)
{
	return ring->side.message_size;
}

size_t dp_ring_capacity(const struct dp_ring *ring)
{
	return ring->side.capacity;
}

enum dp_peer dp_ring_peer(const struct dp_ring *ring)
{
	switch (share_seat(&ring->share, ring->seat == DP_PRODUCER ? DP_CONSUMER : DP_PRODUCER)) {
	case SEAT_TAKEN:
		return DP_PEER_PRESENT;
	case SEAT_LEFT:
		return DP_PEER_CLOSED;
	case SEAT_DEAD:
		return DP_PEER_DEAD;
	case SEAT_EMPTY:
		break;
	}
	return DP_PEER_ABSENT;
}

static int reason_to_stop(void *self)
{
	switch (dp_ring_peer(self)) {
	case DP_PEER_CLOSED:
		return EPIPE;
	case DP_PEER_DEAD:
		return EOWNERDEAD;
	case DP_PEER_ABSENT:
	case DP_PEER_PRESENT:
		break;
	}
	return 0;
}

static uint64_t any_ready(void *self)
{
	return ready(self, 1);
}

/*
 * Wait until at least one message can be written or read. Returns how many, or -1. The other side's index is its word
 * only: one that cannot be would lead us out of the ring.
 */
static int64_t await(struct dp_ring *ring, uint64_t wanted, int64_t timeout)
{
	uint64_t count;

	if (ring->share.fd < 0) {
		errno = EBADF;
		return -1;
	}
	count = ready(ring, wanted);
	if (__builtin_expect(count == 0, false)) {
		struct waiter waiter = {gate_of(ring, ring->seat), ring, any_ready, reason_to_stop};

		count = wait_until_ready(&waiter, timeout);
		if (count == 0)
			return -1;
	}
	if (count <= ring->side.capacity)
		return (int64_t)count;
	errno = EBADMSG;
	return -1;
}

ssize_t dp_ring_push(struct dp_ring *ring, const void *messages, size_t count, int64_t timeout)
{
	struct stream_side *side = &ring->side;
	const unsigned char *next = messages;
	size_t left = count;

	if (ring->seat != DP_PRODUCER) {
		errno = EINVAL;
		return -1;
	}
	while (left > 0) {
		int64_t room = await(ring, left, timeout);
		uint64_t now;

		if (room < 0)
			return left < count ? (ssize_t)(count - left) : -1;
		now = (uint64_t)room < left ? (uint64_t)room : left;
		stream_put(side, next, now);
		next += now * side->message_size;
		left -= now;
	}
	return (ssize_t)count;
}

ssize_t dp_ring_pop(struct dp_ring *ring, void *messages, size_t room, int64_t timeout)
{
	int64_t count;

	if (ring->seat != DP_CONSUMER || room == 0) {
		errno = EINVAL;
		return -1;
	}
	count = await(ring, room, timeout);
	if (count < 0)
		return -1;
	if ((size_t)count > room)
		count = (int64_t)room;
	stream_take(&ring->side, messages, (uint64_t)count);
	return count;
}

/* Where the next messages are, in one piece. */
static void *place(struct dp_ring *ring, enum dp_side side, size_t *count, int64_t timeout)
{
	int64_t found;

	if (ring->seat != side) {
		errno = EINVAL;
		return NULL;
	}
	found = await(ring, ring->side.capacity, timeout);
	if (found < 0)
		return NULL;
	*count = stream_straight(&ring->side, (uint64_t)found);
	return stream_slot(&ring->side);
}

void *dp_ring_reserve(struct dp_ring *ring, size_t *count, int64_t timeout)
{
	return place(ring, DP_PRODUCER, count, timeout);
}

const void *dp_ring_peek(struct dp_ring *ring, size_t *count, int64_t timeout)
{
	return place(ring, DP_CONSUMER, count, timeout);
}

/* Whether this is our side, and so many messages were in the piece that place() gave. */
static bool may_move(struct dp_ring *ring, enum dp_side side, size_t count)
{
	if (ring->share.fd < 0) {
		errno = EBADF;
		return false;
	}
	errno = EINVAL;
	return ring->seat == side && count <= ready(ring, 0);
}

int dp_ring_commit(struct dp_ring *ring, size_t count)
{
	if (!may_move(ring, DP_PRODUCER, count))
		return -1;
	stream_publish(&ring->side, count);
	return 0;
}

int dp_ring_release(struct dp_ring *ring, size_t count)
{
	if (!may_move(ring, DP_CONSUMER, count))
		return -1;
	stream_retire(&ring->side, count);
	return 0;
}
