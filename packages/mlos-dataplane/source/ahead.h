/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading ahead: a thread reads batches into as many slots as there is memory for, and stops when none is free. A program
 * that finds no batch and the thread asleep, or not on a processor yet, reads by itself what can be read without waiting.
 *
 * The thread is there to wait for disks. When as many batches as there are slots came without, from the page cache, it rests,
 * and the program reads: what it copies is then in its own processor's cache, not in another's. The first batch that
 * has to be waited for wakes the thread again.
 *
 * Whoever reads has `driving` set. A slot's state is read and written under the lock; everything else about it belongs to who
 * is driving while it is being read, and to the program while it is lent.
 */
#ifndef AHEAD_H
#define AHEAD_H

#include <pthread.h>

#include "batches.h"

struct dp_reader {
	struct batches batches;
	bool any_order;
	uint64_t wanted; /* the next batch, in order */
	uint64_t left; /* batches that were not handed out */
	unsigned char *memory;
	size_t own_memory; /* bytes of it that are to be unmapped */
	pthread_mutex_t lock;
	pthread_cond_t freed; /* for the thread */
	pthread_cond_t ready; /* for the program */
	bool stop;
	bool driving;
	unsigned int at_once; /* batches, one after the other, that were read without waiting */
	uint64_t stalls;
	uint64_t starvations;
	struct dp_reader_stat stat; /* as of the last batch */
	pthread_t thread;
	pid_t process;
};

/*
 * Read by ourselves, with the lock held, which is let go meanwhile. Returns whether anything was done: not if the thread is at it, or
 * there would be nothing to do but wait.
 */
bool ahead_help(struct dp_reader *reader);

/* There is a free slot, or something else to do; with the lock held. */
void ahead_wake(struct dp_reader *reader);

/* -1 with errno if there can be no thread. */
int ahead_start(struct dp_reader *reader);

/* Returns when the thread has ended; reads may be under way still. */
void ahead_stop(struct dp_reader *reader);

#endif
