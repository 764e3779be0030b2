/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches of samples, read into slots: which samples a batch has, which parts of the file they are, and when all of them
 * are there. One thread drives this. Who else may see a slot, and who waits for whom, is the business of its callers.
 */
#ifndef BATCHES_H
#define BATCHES_H

#include "order.h"
#include "reads.h"

#define BATCHES_MOST_SLOTS 1024

enum slot_state {
	SLOT_FREE,
	SLOT_READING,
	SLOT_READY, /* all there, or its error is set */
	SLOT_LENT, /* with whoever asked for a batch */
};

struct slot {
	enum slot_state state;
	struct dp_batch batch;
	uint64_t parts; /* under way */
	int error; /* an errno */
};

struct batches {
	struct source source;
	struct order order;
	struct reads reads;
	struct dp_reader_stat stat;
	uint64_t count; /* batches in all */
	uint64_t next; /* the first one that was not begun */
	uint32_t samples; /* of a batch */
	uint64_t table_offset; /* of struct dp_sample in a slot's memory, behind the largest samples */
	uint64_t block_size; /* of a slot's memory */
	unsigned int slot_count;
	struct slot *slots;
	/* The slot whose parts are being begun, and how far that is. */
	struct slot *current;
	uint64_t sample;
	struct dp_record span;
	unsigned char *to;
};

/* Check options, open the file, and find out sizes; the slots have no memory yet. */
int batches_open(struct batches *batches, const char *path, const struct dp_reader_options *options);

/* Make it possible to read; the slots' memory is all in that of `setup`. */
int batches_start(struct batches *batches, const struct reads_setup *setup);

/* Waits for what is under way. */
void batches_close(struct batches *batches);

/* Whether another batch may be begun now: there is one, and the one before is on its way with all of its parts. */
static inline bool batches_may_begin(const struct batches *batches)
{
	return !batches->current && batches->next < batches->count;
}

/* Begin the next batch in a slot that is now SLOT_READING, with memory of `block_size` bytes. */
void batches_begin(struct batches *batches, struct slot *slot, void *memory);

/* Go on with what was begun; wait for something to happen if asked to. */
void batches_advance(struct batches *batches, bool wait);

/* Whether a slot's batch, which was begun, is complete: it is to become SLOT_READY. */
static inline bool batches_is_complete(const struct batches *batches, const struct slot *slot)
{
	return slot->state == SLOT_READING && slot->parts == 0 && slot != batches->current;
}

/* Whether more of what was begun can be handed to the kernel now. */
static inline bool batches_can_go_on(const struct batches *batches)
{
	return batches->current && reads_have_room(&batches->reads);
}

/* Whether nothing is under way. */
static inline bool batches_are_idle(const struct batches *batches)
{
	return !batches->current && reads_are_idle(&batches->reads);
}

#endif
