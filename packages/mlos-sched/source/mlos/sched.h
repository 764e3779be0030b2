/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SCHED_ML for programs: the numbers of its system calls, and a function for each.
 *
 * Every function returns 0, or -1 with errno set. A kernel without the class answers EINVAL; mlos_sched_available()
 * tells that apart from a wrong argument. Times are nanoseconds. The manual page sched_ml(7) has the meaning.
 */
#ifndef MLOS_SCHED_H
#define MLOS_SCHED_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef SCHED_ML
#define SCHED_ML 16
#endif

#define MLOS_SCHED_LEVELS 4
enum mlos_sched_level {
	MLOS_SCHED_BACKGROUND = 1, /* training beside something that matters more */
	MLOS_SCHED_BATCH = 2,
	MLOS_SCHED_SERVING = 3,
	MLOS_SCHED_INTERACTIVE = 4, /* somebody waits for each token */
};

/* prctl(PR_SCHED_ML, operation, argument, size, 0): about the thread that calls */
#ifndef PR_SCHED_ML
#define PR_SCHED_ML 0x4d4c
#define PR_SCHED_ML_SET_CONTEXT 0
#define PR_SCHED_ML_PHASE 1
#define PR_SCHED_ML_GET_STATS 2
#endif

/* The kernel's struct sched_attr as of its second version, 56 bytes; the C library's headers may have none. */
struct mlos_sched_attr {
	uint32_t size;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t level;      /* sched_priority */
	uint64_t slice_ns;   /* sched_runtime; 0: the system's */
	uint64_t latency_ns; /* sched_deadline; 0: the level's */
	uint64_t reserved;   /* sched_period: always 0 */
	uint32_t util_min;
	uint32_t util_max;
};

/* The kernel's struct sched_ml_stats, 56 bytes. */
struct mlos_sched_stats {
	uint32_t size;
	uint32_t level;
	uint32_t context;
	uint32_t reserved;
	uint64_t latency_ns;
	uint64_t slice_ns;
	uint64_t jobs;   /* wakeups that ended in a sleep */
	uint64_t misses; /* of them, those that ended after their deadline */
	uint64_t slices; /* whole slices that were used up */
};

/* Put a thread (0: the one that calls) under the class. Threads and processes that it starts later inherit it. */
static inline int mlos_sched_set(pid_t thread, int level, uint64_t latency_ns, uint64_t slice_ns)
{
	struct mlos_sched_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.size = sizeof(attr);
	attr.policy = SCHED_ML;
	attr.level = (uint32_t)level;
	attr.slice_ns = slice_ns;
	attr.latency_ns = latency_ns;
	return (int)syscall(SYS_sched_setattr, thread, &attr, 0u);
}

/* What a thread (0: the one that calls) runs under; of a policy that is not SCHED_ML only `policy` has a meaning. */
static inline int mlos_sched_get(pid_t thread, struct mlos_sched_attr *attr)
{
	return (int)syscall(SYS_sched_getattr, thread, attr, (unsigned int)sizeof(*attr), 0u);
}

/* Has the kernel the class? Changes nothing. */
static inline bool mlos_sched_available(void)
{
	return syscall(SYS_sched_get_priority_max, SCHED_ML) == MLOS_SCHED_LEVELS;
}

/* Which model the calling thread works for, 0 for none: turns that can wait are taken model by model. */
static inline int mlos_sched_context(uint32_t context)
{
	return prctl(PR_SCHED_ML, PR_SCHED_ML_SET_CONTEXT, (unsigned long)context, 0UL, 0UL);
}

/* A phase of the calling thread begins that is dear to interrupt, such as a matrix product; or it has ended. */
static inline int mlos_sched_phase(bool begins)
{
	return prctl(PR_SCHED_ML, PR_SCHED_ML_PHASE, (unsigned long)begins, 0UL, 0UL);
}

/* How the calling thread has fared. */
static inline int mlos_sched_get_stats(struct mlos_sched_stats *stats)
{
	return prctl(PR_SCHED_ML, PR_SCHED_ML_GET_STATS, stats, (unsigned long)sizeof(*stats), 0UL);
}

#ifdef __cplusplus
}
#endif

#endif
