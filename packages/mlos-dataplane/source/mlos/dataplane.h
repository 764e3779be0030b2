/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libdataplane: messages between processes of one machine through shared memory, at the speed of memory.
 *
 * Functions return -1 or NULL with errno where they fail. Timeouts are nanoseconds; 0 does not wait, a negative one waits
 * for as long as it takes. A handle is used by one thread at a time. After fork() a handle is the parent's only: in
 * the child it fails with EBADF; the child opens its own. Link with -ldataplane.
 */
#ifndef MLOS_DATAPLANE_H
#define MLOS_DATAPLANE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What became of the other side. */
enum dp_peer {
	DP_PEER_ABSENT, /* it never came */
	DP_PEER_PRESENT,
	DP_PEER_CLOSED, /* it left in good order */
	DP_PEER_DEAD, /* its process ended without that */
};

/*
 * Rings: one producer, one consumer, messages of one size, in order.
 *
 * A message is published after its last byte is written, and belongs to nobody else until the consumer has given it
 * back. So whichever side is killed, whenever, the other one sees no torn message and none twice. It finds out at once if
 * it waits (EOWNERDEAD, after every message published before was delivered), and by dp_ring_peer() at any other time.
 * A successor may take the seat of a dead side, and goes on with the first message that was not published or not given back.
 */
struct dp_ring;

enum dp_side {
	DP_PRODUCER,
	DP_CONSUMER,
};

/*
 * Make a ring for `capacity` messages, a power of two, of `message_size` bytes each. With a path, say below /dev/shm, 0 is
 * returned; the file has mode 0600 and stays until it is unlinked. Without one (NULL), the descriptor of an anonymous file
 * is, to be inherited or sent over a socket.
 */
int dp_ring_create(const char *path, size_t message_size, size_t capacity);

/*
 * Take one side of it. EBUSY: a living process has it. EPROTONOSUPPORT: another version of this library made the file.
 * EBADMSG: it is truncated, or no ring.
 */
struct dp_ring *dp_ring_open(const char *path, enum dp_side side);
struct dp_ring *dp_ring_open_fd(int fd, enum dp_side side); /* the descriptor stays yours */

/* Leave in good order: the consumer gets what is published, then EPIPE. */
void dp_ring_close(struct dp_ring *ring);

size_t dp_ring_message_size(const struct dp_ring *ring);
size_t dp_ring_capacity(const struct dp_ring *ring);
enum dp_peer dp_ring_peer(const struct dp_ring *ring);

/*
 * Write `count` messages; waits for room as often as it takes, up to `timeout` each time. Returns how many were written,
 * fewer if time ran out or the consumer went away in between. If none was: EAGAIN (timeout 0), ETIMEDOUT, EPIPE (the consumer left), EOWNERDEAD (it
 * died). A ring that is not full takes messages whether or not somebody is there to read them.
 */
ssize_t dp_ring_push(struct dp_ring *ring, const void *messages, size_t count, int64_t timeout);

/* Read up to `room` messages, at least one; waits for the first. Returns how many. Fails as dp_ring_push() does. */
ssize_t dp_ring_pop(struct dp_ring *ring, void *messages, size_t room, int64_t timeout);

/*
 * The same without a copy. dp_ring_reserve() gives the place of the next messages and sets `count` to how many fit there,
 * dp_ring_commit() publishes the first `count` of them. dp_ring_peek() gives the place of messages to read,
 * dp_ring_release() gives the first `count` of them back. A consumer that dies before that has not read them: its
 * successor does.
 */
void *dp_ring_reserve(struct dp_ring *ring, size_t *count, int64_t timeout);
int dp_ring_commit(struct dp_ring *ring, size_t count);
const void *dp_ring_peek(struct dp_ring *ring, size_t *count, int64_t timeout);
int dp_ring_release(struct dp_ring *ring, size_t count);

/*
 * Queues: up to 32 producers and 32 consumers, each message to one consumer. Messages of one producer that one consumer gets
 * are in order.
 *
 * Nobody who is killed, whenever, holds up the others, and no message arrives torn or twice. Who waits learns that all of
 * the other side are gone: EPIPE if all closed, EOWNERDEAD if at least one died. The functions are otherwise those of rings.
 */
struct dp_queue;

/* `message_size` is a multiple of 8. */
int dp_queue_create(const char *path, size_t message_size, size_t capacity);

/* EBUSY: all places of this side are taken. */
struct dp_queue *dp_queue_open(const char *path, enum dp_side side);
struct dp_queue *dp_queue_open_fd(int fd, enum dp_side side);
void dp_queue_close(struct dp_queue *queue);

size_t dp_queue_message_size(const struct dp_queue *queue);
size_t dp_queue_capacity(const struct dp_queue *queue);

/* Of the other side: present if one is, else dead if one died and nobody has its place. */
enum dp_peer dp_queue_peer(const struct dp_queue *queue);

/* The messages are aligned to 8 bytes. */
ssize_t dp_queue_push(struct dp_queue *queue, const void *messages, size_t count, int64_t timeout);
ssize_t dp_queue_pop(struct dp_queue *queue, void *messages, size_t room, int64_t timeout);

/*
 * Pools: blocks of one size, such as tensors, that up to 64 processes share. A ring or a queue passes their handles on:
 *
 *	giver     handle = dp_pool_take(pool); write dp_pool_block(pool, handle); push the handle; dp_pool_pass(pool, handle)
 *	receiver  peek at the handle; dp_pool_adopt(pool, handle); release it; read the block; dp_pool_give_back(pool, handle)
 *
 * In this order nothing is lost for good, whoever is killed between two steps: what a dead process has is taken by who needs a
 * block and finds none free. A handle to such a block is out of date (ESTALE), so nobody reads what somebody else writes.
 * dp_pool_pass() fails with EPERM or ESTALE if the receiver was faster, which does no harm.
 */
struct dp_pool;

/* `block_size` is a multiple of 64; blocks of whole pages begin on a page. `blocks` is a power of two. */
int dp_pool_create(const char *path, size_t block_size, size_t blocks);

/* EBUSY: 64 processes are there already. */
struct dp_pool *dp_pool_open(const char *path);
struct dp_pool *dp_pool_open_fd(int fd);

/* Gives back what this process still has, but nothing that it passed on. */
void dp_pool_close(struct dp_pool *pool);

size_t dp_pool_block_size(const struct dp_pool *pool);
size_t dp_pool_blocks(const struct dp_pool *pool);

/* The handle of a block that is now ours, or 0 with errno ENOMEM. Its contents are what they were. */
uint64_t dp_pool_take(struct dp_pool *pool);

/* Where a block of ours is. ESTALE: the handle is out of date. EPERM: somebody else has it. */
void *dp_pool_block(const struct dp_pool *pool, uint64_t handle);

/* Not ours any more, but not free: whoever gets the handle adopts it. */
int dp_pool_pass(struct dp_pool *pool, uint64_t handle);

/* Ours from now on, whoever had it. */
int dp_pool_adopt(struct dp_pool *pool, uint64_t handle);
int dp_pool_give_back(struct dp_pool *pool, uint64_t handle);

/*
 * Telemetry: one writer notes what it does and never waits; one reader adds it up. What the ring has no room for is dropped,
 * and counted.
 */
struct dp_telemetry;

enum dp_event_kind {
	DP_EVENT_WORK, /* bytes passed on, and how long that took */
	DP_EVENT_ALLOCATION,
	DP_EVENT_DEALLOCATION,
};

struct dp_event {
	uint64_t kind; /* enum dp_event_kind */
	uint64_t bytes;
	uint64_t latency; /* nanoseconds */
};

/* Sums over what was read. Latencies are nanoseconds, of events of work. */
struct dp_totals {
	uint64_t events; /* of work */
	uint64_t bytes;
	uint64_t latency_sum;
	uint64_t latency_max;
	uint64_t allocations;
	uint64_t deallocations;
	uint64_t dropped; /* by the writer, since the file was made */
};

/* As for rings; the capacity is a number of events. */
int dp_telemetry_create(const char *path, size_t capacity);
struct dp_telemetry *dp_telemetry_open(const char *path, enum dp_side side);
void dp_telemetry_close(struct dp_telemetry *telemetry);

/* The writer notes an event, in some nanoseconds. */
void dp_telemetry_record(struct dp_telemetry *telemetry, const struct dp_event *event);

/* The reader adds what was noted since the last time to `totals`, which begin as zeros. */
int dp_telemetry_read(struct dp_telemetry *telemetry, struct dp_totals *totals);

#ifdef __cplusplus
}
#endif

#endif
