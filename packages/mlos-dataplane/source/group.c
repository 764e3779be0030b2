/* SPDX-License-Identifier: Apache-2.0 */
#include "group.h"

#include <errno.h>
#include <limits.h>
#include <time.h>

#include "park.h"
#include "pause.h"
#include "worker.h"

#define SPINS 500 /* as in wait.h */

/*
 * Nanoseconds for which a worker that waits sleeps at most. It is woken when its group is done, but not by other work
 * that comes meanwhile, which nobody else may be there for.
 */
#define WORKER_SLICE 2000000

void dp_group_add(struct dp_group *group, unsigned int count)
{
	atomic_fetch_add_explicit(group_word(group), count * GROUP_ONE, memory_order_relaxed);
}

void dp_group_done(struct dp_group *group)
{
	shared_event *word = group_word(group);
	uint32_t before = atomic_fetch_sub_explicit(word, GROUP_ONE, memory_order_acq_rel);

	if (before == (GROUP_ONE | GROUP_SLEEPER))
		unpark(word, INT_MAX);
}

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static bool is_done(uint32_t state)
{
	return state < GROUP_ONE;
}

/* Sleep until all is done, for `left` nanoseconds at most. */
static void sleep_until_done(shared_event *word, uint32_t state, int64_t left)
{
	if (!(state & GROUP_SLEEPER) && !atomic_compare_exchange_strong(word, &state, state | GROUP_SLEEPER))
		return; /* it has changed: look again */
	park(word, state | GROUP_SLEEPER, left);
}

static bool spin(shared_event *word)
{
	for (int i = 0; i < SPINS; i++) {
		if (is_done(read_acquire(word)))
			return true;
		pause_briefly();
	}
	return false;
}

int dp_group_wait(struct dp_group *group, int64_t timeout)
{
	shared_event *word = group_word(group);
	bool worker = is_worker();
	int64_t end;

	if (timeout < 0 || __builtin_add_overflow(now(), timeout, &end))
		end = INT64_MAX;
	if (timeout != 0 && !worker && spin(word))
		return 0;
	for (;;) {
		uint32_t state = read_acquire(word);
		int64_t left = end == INT64_MAX ? -1 : end - now();

		if (is_done(state))
			return 0;
		if (timeout == 0 || (end != INT64_MAX && left <= 0)) {
			errno = timeout == 0 ? EAGAIN : ETIMEDOUT;
			return -1;
		}
		if (worker && work_once())
			continue;
		if (worker && (left < 0 || left > WORKER_SLICE))
			left = WORKER_SLICE;
		sleep_until_done(word, state, left);
	}
}

int dp_future_wait(struct dp_future *future, int64_t timeout, void **result)
{
	if (dp_group_wait(&future->group, timeout) < 0)
		return -1;
	*result = future->result;
	return 0;
}
