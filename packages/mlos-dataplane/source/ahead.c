/* SPDX-License-Identifier: Apache-2.0 */
#include "ahead.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

static struct slot *find(struct dp_reader *reader, enum slot_state state)
{
	for (unsigned int i = 0; i < reader->batches.slot_count; i++)
		if (reader->batches.slots[i].state == state)
			return &reader->batches.slots[i];
	return NULL;
}

static void *memory_of(const struct dp_reader *reader, const struct slot *slot)
{
	return reader->memory + (size_t)(slot - reader->batches.slots) * reader->batches.block_size;
}

static void publish(struct dp_reader *reader)
{
	bool any = false;

	for (unsigned int i = 0; i < reader->batches.slot_count; i++) {
		struct slot *slot = &reader->batches.slots[i];

		if (!batches_is_complete(&reader->batches, slot))
			continue;
		slot->state = SLOT_READY;
		any = true;
	}
	reader->stat = reader->batches.stat;
	if (any)
		pthread_cond_broadcast(&reader->ready);
}

/* Where the next batch goes, if it may be begun now. */
static struct slot *next_slot(struct dp_reader *reader)
{
	return batches_may_begin(&reader->batches) ? find(reader, SLOT_FREE) : NULL;
}

/* Whether the thread is of no use: nothing has to be waited for. Only io_uring says so; preadv() waits in silence. */
static bool rests(const struct dp_reader *reader)
{
	return reader->batches.stat.uring && reader->at_once >= reader->batches.slot_count;
}

/* One step: begin a batch, if there is a slot, and go on with what was begun. */
static void drive(struct dp_reader *reader, struct slot *slot, bool wait)
{
	reader->driving = true;
	if (slot)
		slot->state = SLOT_READING;
	pthread_mutex_unlock(&reader->lock);
	if (slot)
		batches_begin(&reader->batches, slot, memory_of(reader, slot));
	batches_advance(&reader->batches, wait);
	pthread_mutex_lock(&reader->lock);
	reader->driving = false;
	if (slot)
		reader->at_once = batches_is_complete(&reader->batches, slot) ? reader->at_once + 1 : 0;
	publish(reader);
}

static void *read_ahead(void *of)
{
	struct dp_reader *reader = of;

	pthread_mutex_lock(&reader->lock);
	while (!reader->stop) {
		struct slot *slot = reader->driving || rests(reader) ? NULL : next_slot(reader);

		if (slot || (!reader->driving && !batches_are_idle(&reader->batches))) {
			drive(reader, slot, !slot);
			continue;
		}
		reader->stalls += !reader->driving && batches_may_begin(&reader->batches) && !find(reader, SLOT_FREE);
		pthread_cond_wait(&reader->freed, &reader->lock);
	}
	pthread_mutex_unlock(&reader->lock);
	return NULL;
}

bool ahead_help(struct dp_reader *reader)
{
	struct slot *slot;

	if (reader->driving)
		return false;
	slot = next_slot(reader);
	if (!slot && !batches_can_go_on(&reader->batches))
		return false;
	drive(reader, slot, false);
	ahead_wake(reader); /* for what is left to do */
	return true;
}

void ahead_wake(struct dp_reader *reader)
{
	/* Whoever is driving looks by itself when it is done. */
	if (!reader->driving && (!rests(reader) || !batches_are_idle(&reader->batches)))
		pthread_cond_signal(&reader->freed);
}

/* Signals are for the program's own threads. */
static int start_quietly(struct dp_reader *reader)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&reader->thread, NULL, read_ahead, reader);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = error;
	return error ? -1 : 0;
}

int ahead_start(struct dp_reader *reader)
{
	pthread_condattr_t attributes;

	pthread_mutex_init(&reader->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&reader->freed, NULL);
	pthread_cond_init(&reader->ready, &attributes);
	pthread_condattr_destroy(&attributes);
	return start_quietly(reader);
}

void ahead_stop(struct dp_reader *reader)
{
	pthread_mutex_lock(&reader->lock);
	reader->stop = true;
	pthread_cond_signal(&reader->freed);
	pthread_mutex_unlock(&reader->lock);
	pthread_join(reader->thread, NULL);
}
