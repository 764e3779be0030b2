/* SPDX-License-Identifier: Apache-2.0 */
#include "mlos/training.h"

#include <time.h>

#include "mlos/sched.h"

#define RESET_ON_FORK 0x01 /* SCHED_FLAG_RESET_ON_FORK */

/* What the scheduler makes of a phase: is an interruption dear, and do others wait for this thread? */
static const struct {
	bool dear;
	bool awaited;
} wishes[MLOS_TRAINING_PHASES] = {
	[MLOS_TRAINING_FORWARD] = {.dear = true},
	[MLOS_TRAINING_BACKWARD] = {.dear = true},
	[MLOS_TRAINING_OPTIMIZER] = {.dear = true},
	[MLOS_TRAINING_COMMUNICATION] = {.awaited = true},
};

static _Thread_local struct {
	bool scheduled;
	bool dear;
	bool awaited;
	enum mlos_training_phase phase;
	struct timespec since;
	struct mlos_sched_attr before;
	struct mlos_sched_attr base; /* what it trains under while nobody waits for it */
	struct mlos_training_times times;
} thread;

static double seconds_since(const struct timespec *since)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - since->tv_sec) + (double)(now.tv_nsec - since->tv_nsec) * 1e-9;
}

static void book(void)
{
	thread.times.seconds[thread.phase] += seconds_since(&thread.since);
	clock_gettime(CLOCK_MONOTONIC, &thread.since);
}

/* One level up while others wait, with that level's latency target; else as it was. */
static int set_level(bool awaited)
{
	struct mlos_sched_attr attr = thread.base;

	if (awaited && attr.level < MLOS_SCHED_LEVELS) {
		attr.level++;
		attr.latency_ns = 0;
	}
	return (int)syscall(SYS_sched_setattr, 0, &attr, 0u);
}

bool mlos_training_begin(uint32_t model)
{
	if (thread.scheduled)
		mlos_training_end();
	thread.phase = MLOS_TRAINING_IDLE;
	thread.times = (struct mlos_training_times){0};
	clock_gettime(CLOCK_MONOTONIC, &thread.since);

	if (mlos_sched_get(0, &thread.before) < 0)
		return false;
	thread.base = thread.before;
	if (thread.base.policy != SCHED_ML)
		thread.base = (struct mlos_sched_attr){.level = MLOS_SCHED_BACKGROUND, .policy = SCHED_ML};
	thread.base.size = sizeof(thread.base);
	thread.base.flags = thread.before.flags & RESET_ON_FORK; /* taking it back is a privilege */
	thread.dear = thread.awaited = false;
	thread.scheduled = set_level(false) == 0;
	if (thread.scheduled)
		mlos_sched_context(model);
	return thread.scheduled;
}

int mlos_training_phase(enum mlos_training_phase phase)
{
	if ((unsigned int)phase >= MLOS_TRAINING_PHASES) {
		errno = EINVAL;
		return -1;
	}
	book();
	thread.phase = phase;
	if (!thread.scheduled)
		return 0;
	/* A refused wish is no failure: the level may be above what an administrator allows. */
	if (wishes[phase].awaited != thread.awaited && set_level(wishes[phase].awaited) == 0)
		thread.awaited = wishes[phase].awaited;
	if (wishes[phase].dear != thread.dear && mlos_sched_phase(wishes[phase].dear) == 0)
		thread.dear = wishes[phase].dear;
	return 0;
}

void mlos_training_times(struct mlos_training_times *times)
{
	book();
	*times = thread.times;
}

void mlos_training_end(void)
{
	if (!thread.scheduled)
		return;
	book();
	thread.phase = MLOS_TRAINING_IDLE;
	thread.scheduled = false;
	mlos_sched_phase(false);
	mlos_sched_context(0);
	thread.before.size = sizeof(thread.before);
	thread.before.flags &= RESET_ON_FORK;
	if (thread.before.policy != SCHED_ML)
		thread.before.slice_ns = 0; /* of an ordinary thread it is what the system gives, unless it was chosen */
	syscall(SYS_sched_setattr, 0, &thread.before, 0u);
}
