/* SPDX-License-Identifier: Apache-2.0 */
/* A worker: its thread, its queue, and where it looks for work. */
#ifndef WORKER_H
#define WORKER_H

#include <pthread.h>

#include "gate.h"
#include "tasks.h"

struct worker {
	struct tasks queue;
	_Alignas(2 * CACHE_LINE) shared_event parked; /* 1 while it sleeps, or is about to */
	shared_word done, from_own_node, from_other_node; /* only the worker itself counts */
	struct dp_workers *workers;
	const unsigned int *order; /* the others, nearest first */
	unsigned int near;         /* how many of them are of its own node */
	unsigned int node;
	unsigned int cpu;
	bool pinned;
	bool has_level;
	pthread_t thread;
};

struct dp_workers {
	unsigned int count;
	unsigned int level;
	uint64_t latency;
	uint64_t capacity; /* of each queue */
	uint64_t forks; /* when it was made */
	struct worker *all; /* by node */
	struct task_cell *cells; /* of all queues */
	unsigned int *orders;
	int (*distance)(unsigned int from, unsigned int to);
	struct dp_group settling, beginning;
	bool abandoned; /* not all threads could be had */
	_Alignas(2 * CACHE_LINE) shared_event sleepers;
	shared_event closing;
	_Alignas(2 * CACHE_LINE) shared_word next; /* whose turn it is to get work from outside */
	struct gate room; /* where those wait who found the queues full */
};

/* The thread of a worker. */
void *worker_main(void *worker);

/* There is new work in the queue of this one: see to it that somebody comes. */
void worker_notify(struct worker *worker);

/* Wake it if it sleeps. Returns whether it did. */
bool worker_wake(struct worker *worker);

/* Whether the caller is a worker, and of which pool. */
bool is_worker(void);
bool is_worker_of(const struct dp_workers *workers);

/* The number of the calling worker among those of its pool. */
unsigned int own_number(void);

/* The calling worker does one piece of work. False if there is none. */
bool work_once(void);

#endif
