/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The algorithm of the queue with many producers and many consumers: every slot says in one word whose turn it is.
 *
 * The position of a message is a number that only grows; its slot is the position modulo the capacity, its lap the
 * position divided by it. A slot's word goes through
 *
 *	free in lap L  ->  being written by seat S in lap L  ->  full in lap L  ->  free in lap L + 1
 *
 * and each arrow is one compare-and-swap, so the word never has the same value twice.
 *
 * - A producer claims the slot itself, with its name in the same step, and only then moves `tail`, which is no more than
 *   a hint where to look: whoever finds it behind moves it. So there is no moment at which a slot is claimed and nobody
 *   knows by whom, and one that its claimer has died on goes from "being written" straight to "free in lap L + 1": the
 *   message was never published, and consumers pass over its position.
 * - A consumer copies first and takes the message by the same compare-and-swap that frees the slot. If that succeeds,
 *   the slot was full all the time, so the copy is whole, and nobody else has it. If it dies before, the message
 *   is still there; if after, the message was delivered. It never holds a slot that somebody would have to wait for.
 */
#ifndef QUEUE_H
#define QUEUE_H

#include "gate.h"

struct queue {
	_Alignas(2 * CACHE_LINE) shared_word head;
	_Alignas(2 * CACHE_LINE) shared_word tail;
	_Alignas(2 * CACHE_LINE) struct gate filled;
	_Alignas(2 * CACHE_LINE) struct gate emptied;
};

/* In front of each message, whose size is a multiple of a word's. */
struct queue_slot {
	shared_word state;
	shared_word words[];
};

/* One process's view. */
struct queue_view {
	struct queue *queue;
	unsigned char *slots;
	uint64_t capacity; /* messages, a power of two */
	unsigned int lap_shift; /* its logarithm */
	uint64_t slot_size; /* bytes */
};

#define QUEUE_FREE 0
#define QUEUE_FULL 255 /* in between: written by this seat + 1 */

static inline uint64_t queue_state(uint64_t lap, uint64_t phase)
{
	return lap << 8 | phase;
}

static inline struct queue_slot *queue_slot(const struct queue_view *view, uint64_t position)
{
	return (struct queue_slot *)(view->slots + (position & (view->capacity - 1)) * view->slot_size);
}

static inline uint64_t queue_words(const struct queue_view *view)
{
	return view->slot_size / sizeof(shared_word) - 1;
}

/* Others may read or write the same words meanwhile: what they then get, they throw away. */
static inline void queue_write(const struct queue_view *view, struct queue_slot *slot, const uint64_t *message)
{
	for (uint64_t i = 0; i < queue_words(view); i++)
		write_relaxed(&slot->words[i], message[i]);
}

static inline void queue_read(const struct queue_view *view, const struct queue_slot *slot, uint64_t *message)
{
	for (uint64_t i = 0; i < queue_words(view); i++)
		message[i] = read_relaxed(&slot->words[i]);
}

/* Write a message as this seat. Returns whether there was room. */
static inline bool queue_put(const struct queue_view *view, unsigned int seat, const uint64_t *message)
{
	for (;;) {
		uint64_t position = read_acquire(&view->queue->tail);
		uint64_t lap = position >> view->lap_shift;
		struct queue_slot *slot = queue_slot(view, position);
		uint64_t state = read_acquire(&slot->state);
		uint64_t ours = queue_state(lap, seat + 1);

		if (state < queue_state(lap, QUEUE_FREE))
			return false; /* the last lap's message is there still */
		if (state == queue_state(lap, QUEUE_FREE) && replace(&slot->state, state, ours)) {
			replace(&view->queue->tail, position, position + 1);
			queue_write(view, slot, message);
			replace(&slot->state, ours, queue_state(lap, QUEUE_FULL));
			gate_wake(&view->queue->filled);
			return true;
		}
		replace(&view->queue->tail, position, position + 1);
	}
}

/* Read a message. Returns whether there was one. */
static inline bool queue_take(const struct queue_view *view, uint64_t *message)
{
	for (;;) {
		uint64_t position = read_acquire(&view->queue->head);
		uint64_t lap = position >> view->lap_shift;
		struct queue_slot *slot = queue_slot(view, position);
		uint64_t state = read_acquire(&slot->state);

		if (state < queue_state(lap, QUEUE_FULL))
			return false; /* free, or being written */
		if (state == queue_state(lap, QUEUE_FULL)) {
			queue_read(view, slot, message);
			if (!replace(&slot->state, state, queue_state(lap + 1, QUEUE_FREE)))
				continue;
			replace(&view->queue->head, position, position + 1);
			gate_wake(&view->queue->emptied);
			return true;
		}
		replace(&view->queue->head, position, position + 1);
	}
}

/* The seat that is writing into a slot of this state, or -1. */
static inline int queue_writer(uint64_t state)
{
	uint64_t phase = state & 255;

	return phase == QUEUE_FREE || phase == QUEUE_FULL ? -1 : (int)phase - 1;
}

/* The writer of this slot is dead: nothing was published, and its position is passed over. */
static inline void queue_abandon(const struct queue_view *view, struct queue_slot *slot, uint64_t state)
{
	if (!replace(&slot->state, state, queue_state((state >> 8) + 1, QUEUE_FREE)))
		return;
	gate_wake(&view->queue->filled);
	gate_wake(&view->queue->emptied);
}

#endif
