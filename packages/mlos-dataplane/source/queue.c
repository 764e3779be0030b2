/* SPDX-License-Identifier: Apache-2.0 */
#include "queue.h"

#include <errno.h>
#include <stdlib.h>

#include "mlos/dataplane.h"
#include "share.h"
#include "wait.h"

#define SEATS_OF_A_SIDE (SHARE_SEATS / 2) /* producers first, then consumers */

struct dp_queue {
	struct queue_view view;
	enum dp_side side;
	unsigned int seat;
	struct share share;
};

_Static_assert(sizeof(struct queue) <= SHARE_ITEMS - SHARE_CONTROL, "the algorithm's words have their place");
_Static_assert(SHARE_SEATS < QUEUE_FULL, "a slot's word can name every seat");

int dp_queue_create(const char *path, size_t message_size, size_t capacity)
{
	struct share_shape shape = {.kind = SHARE_QUEUE, .item_size = message_size + sizeof(shared_word), .items = capacity};

	if (message_size == 0 || message_size % sizeof(shared_word) != 0) {
		errno = EINVAL;
		return -1;
	}
	return share_create(path, &shape);
}

/* What a dead process was writing from this seat is never going to be published. */
static void abandon_all(const struct dp_queue *queue)
{
	for (uint64_t i = 0; i < queue->view.capacity; i++) {
		struct queue_slot *slot = queue_slot(&queue->view, i);
		uint64_t state = read_acquire(&slot->state);

		if (queue_writer(state) == (int)queue->seat)
			queue_abandon(&queue->view, slot, state);
	}
}

/* Take any free seat of the side; those of the dead only if there is no other. */
static int sit(struct dp_queue *queue)
{
	unsigned int first = queue->side * SEATS_OF_A_SIDE;

	for (int pass = 0; pass < 2; pass++)
		for (queue->seat = first; queue->seat < first + SEATS_OF_A_SIDE; queue->seat++) {
			enum seat_state state = share_seat(&queue->share, queue->seat);

			if (state == SEAT_TAKEN || (state == SEAT_DEAD && pass == 0))
				continue;
			switch (share_sit(&queue->share, queue->seat)) {
			case 1:
				abandon_all(queue);
				return 0;
			case 0:
				return 0;
			}
			if (errno != EBUSY)
				return -1;
		}
	errno = EBUSY;
	return -1;
}

static struct dp_queue *join(struct dp_queue *queue, enum dp_side side)
{
	struct share_shape *shape = &queue->share.shape;
	int error = EBADMSG;

	queue->side = side;
	queue->view = (struct queue_view){
		.queue = share_control(&queue->share),
		.slots = share_items(&queue->share),
		.capacity = shape->items,
		.lap_shift = (unsigned int)__builtin_ctzll(shape->items),
		.slot_size = shape->item_size,
	};
	if (shape->item_size > sizeof(shared_word) && shape->item_size % sizeof(shared_word) == 0) {
		if (sit(queue) == 0)
			return queue;
		error = errno;
	}
	share_close(&queue->share);
	free(queue);
	errno = error;
	return NULL;
}

static struct dp_queue *new_queue(enum dp_side side)
{
	if (side == DP_PRODUCER || side == DP_CONSUMER)
		return malloc(sizeof(struct dp_queue));
	errno = EINVAL;
	return NULL;
}

struct dp_queue *dp_queue_open(const char *path, enum dp_side side)
{
	struct dp_queue *queue = new_queue(side);

	if (!queue)
		return NULL;
	if (share_open(&queue->share, path, SHARE_QUEUE) == 0)
		return join(queue, side);
	free(queue);
	return NULL;
}

struct dp_queue *dp_queue_open_fd(int fd, enum dp_side side)
{
	struct dp_queue *queue = new_queue(side);

	if (!queue)
		return NULL;
	if (share_open_fd(&queue->share, fd, SHARE_QUEUE) == 0)
		return join(queue, side);
	free(queue);
	return NULL;
}

static enum dp_side other_side(const struct dp_queue *queue)
{
	return queue->side == DP_PRODUCER ? DP_CONSUMER : DP_PRODUCER;
}

static struct gate *gate_of(const struct dp_queue *queue, enum dp_side side)
{
	return side == DP_PRODUCER ? &queue->view.queue->emptied : &queue->view.queue->filled;
}

void dp_queue_close(struct dp_queue *queue)
{
	if (!queue)
		return;
	if (queue->share.fd >= 0) {
		share_leave(&queue->share, queue->seat);
		gate_open(gate_of(queue, other_side(queue)));
	}
	share_close(&queue->share);
	free(queue);
}

size_t dp_queue_message_size(const struct dp_queue *queue)
{
	return queue->view.slot_size - sizeof(shared_word);
}

size_t dp_queue_capacity(const struct dp_queue *queue)
{
	return queue->view.capacity;
}

enum dp_peer dp_queue_peer(const struct dp_queue *queue)
{
	unsigned int first = other_side(queue) * SEATS_OF_A_SIDE;
	enum dp_peer found = DP_PEER_ABSENT;

	for (unsigned int seat = first; seat < first + SEATS_OF_A_SIDE; seat++)
		switch (share_seat(&queue->share, seat)) {
		case SEAT_TAKEN:
			return DP_PEER_PRESENT;
		case SEAT_DEAD:
			found = DP_PEER_DEAD;
			break;
		case SEAT_LEFT:
			if (found == DP_PEER_ABSENT)
				found = DP_PEER_CLOSED;
			break;
		case SEAT_EMPTY:
			break;
		}
	return found;
}

static int reason_to_stop(void *self)
{
	switch (dp_queue_peer(self)) {
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

/* If the oldest slot in use is one that its writer died on, free it. Returns whether it did. */
static bool bury(const struct dp_queue *queue, struct queue_slot *slot, uint64_t state)
{
	int writer = queue_writer(state);

	if (writer < 0 || writer >= SEATS_OF_A_SIDE || share_seat(&queue->share, (unsigned int)writer) != SEAT_DEAD)
		return false;
	queue_abandon(&queue->view, slot, state);
	return true;
}

/* Whether it is worth trying to put or take again. */
static uint64_t may_go_on(void *self)
{
	struct dp_queue *queue = self;
	const struct queue_view *view = &queue->view;
	bool producer = queue->side == DP_PRODUCER;
	uint64_t position = read_acquire(producer ? &view->queue->tail : &view->queue->head);
	uint64_t enough = queue_state(position >> view->lap_shift, producer ? QUEUE_FREE : QUEUE_FULL);
	struct queue_slot *slot = queue_slot(view, position);
	uint64_t state = read_acquire(&slot->state);

	return state >= enough || bury(queue, slot, state);
}

/* Returns whether to try again; if not, errno says why. */
static bool await(struct dp_queue *queue, int64_t timeout)
{
	struct waiter waiter = {gate_of(queue, queue->side), queue, may_go_on, reason_to_stop};

	return wait_until_ready(&waiter, timeout) > 0;
}

static bool may(const struct dp_queue *queue, enum dp_side side)
{
	errno = queue->share.fd < 0 ? EBADF : EINVAL;
	return queue->share.fd >= 0 && queue->side == side;
}

ssize_t dp_queue_push(struct dp_queue *queue, const void *messages, size_t count, int64_t timeout)
{
	const unsigned char *next = messages;
	size_t done = 0;

	if (!may(queue, DP_PRODUCER))
		return -1;
	while (done < count) {
		if (queue_put(&queue->view, queue->seat, (const uint64_t *)(const void *)next)) {
			next += dp_queue_message_size(queue);
			done++;
		} else if (!await(queue, timeout)) {
			return done > 0 ? (ssize_t)done : -1;
		}
	}
	return (ssize_t)done;
}

ssize_t dp_queue_pop(struct dp_queue *queue, void *messages, size_t room, int64_t timeout)
{
	unsigned char *next = messages;
	size_t done = 0;

	if (!may(queue, DP_CONSUMER) || room == 0)
		return -1;
	while (done < room) {
		if (queue_take(&queue->view, (uint64_t *)(void *)next)) {
			next += dp_queue_message_size(queue);
			done++;
		} else if (done > 0) {
			break;
		} else if (!await(queue, timeout)) {
			return -1;
		}
	}
	return (ssize_t)done;
}
