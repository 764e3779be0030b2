/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libdataplane: threads that stay on their processors, and work for them.
 *
 * There is a worker for each processor that this process may use (its affinity mask, which its control group limits), with a
 * bounded queue of its own. A worker without work takes some from the queues of its own NUMA node, then from those of the
 * nearest other node. Functions return -1 or NULL with errno where they fail, and may be called from any thread. Timeouts are
 * nanoseconds; 0 does not wait, a negative one waits for as long as it takes. After fork() the workers are the parent's
 * only. Link with -ldataplane.
 */
#ifndef MLOS_WORKERS_H
#define MLOS_WORKERS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dp_workers;

#define DP_ANY_NODE (-1)

/* All zeros is a good choice. */
struct dp_workers_options {
	unsigned int threads;  /* how many; 0: one for each processor. More than that share processors */
	unsigned int capacity; /* how much work each queue holds, a power of two; 0: 4096 */
	unsigned int level;    /* of SCHED_ML, where the kernel has it (see sched_ml(7)); 0: as the caller */
	unsigned int reserved; /* 0 */
	uint64_t latency;      /* with a level, in nanoseconds; 0: the level's own */
	/* The machine, if it shall look different from what the kernel says; as in <mlos/numa.h>. */
	int (*node_of_cpu)(unsigned int cpu);
	int (*distance)(unsigned int from, unsigned int to);
};

/* `options` may be NULL. EINVAL for a capacity that is no power of two; EAGAIN if no thread can be had. */
struct dp_workers *dp_workers_create(const struct dp_workers_options *options);

/* Do all work that was submitted, and what that submits, then end the threads. Not to be called by a worker. */
void dp_workers_close(struct dp_workers *workers);

/*
 * Work that is waited for together. It begins as {0}, and is the caller's memory: it stays until dp_group_wait() has said that
 * all is done.
 */
struct dp_group {
	unsigned int state;
};

/*
 * Have work(argument) done, near `node` if the workers there come to it first, or anywhere (DP_ANY_NODE). `group` may be
 * NULL. While the queues are full it waits; a worker does the work itself then. EAGAIN, ETIMEDOUT, EINVAL (no such node),
 * EBADF (after fork), ESHUTDOWN (closing, and the caller is no worker).
 */
int dp_workers_submit(struct dp_workers *workers, int node, void (*work)(void *argument), void *argument,
		      struct dp_group *group, int64_t timeout);

/* Wait until all work of the group is done; a worker does other work meanwhile. EAGAIN, ETIMEDOUT. */
int dp_group_wait(struct dp_group *group, int64_t timeout);

/* The same for what no pool of workers does: so many things are to be done; one of them is. */
void dp_group_add(struct dp_group *group, unsigned int count);
void dp_group_done(struct dp_group *group);

/* One piece of work with a result. The memory is the caller's, as of a group. */
struct dp_future {
	struct dp_group group;
	void *(*work)(void *argument);
	void *argument;
	void *result;
};

int dp_workers_start(struct dp_workers *workers, int node, struct dp_future *future, void *(*work)(void *argument),
		     void *argument, int64_t timeout);
int dp_future_wait(struct dp_future *future, int64_t timeout, void **result);

struct dp_workers_info {
	unsigned int threads;
	unsigned int nodes;      /* that have a worker */
	unsigned int pinned;     /* threads that stay on a processor of their own choice */
	unsigned int level;      /* of SCHED_ML, or 0: none was asked for, or the kernel refused it */
	uint64_t done;           /* work done by workers, */
	uint64_t from_own_node;  /* of which taken from another worker of the same node, */
	uint64_t from_other_node; /* and of another node */
};

void dp_workers_info(const struct dp_workers *workers, struct dp_workers_info *info);

#ifdef __cplusplus
}
#endif

#endif
