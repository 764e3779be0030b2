/* SPDX-License-Identifier: Apache-2.0 */
#include "wait.h"

#include <errno.h>
#include <time.h>

#include "pause.h"

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

/* Nanoseconds to sleep now. 0: time ran out, and errno is EAGAIN or ETIMEDOUT. */
static int64_t next_slice(int64_t timeout, int64_t end)
{
	int64_t left;

	if (timeout < 0)
		return WAIT_SLICE;
	left = timeout == 0 ? 0 : end - now();
	if (left > 0)
		return left < WAIT_SLICE ? left : WAIT_SLICE;
	errno = timeout == 0 ? EAGAIN : ETIMEDOUT;
	return 0;
}

static uint64_t sleep_until_ready(const struct waiter *waiter, int64_t timeout, int64_t end)
{
	for (;;) {
		uint32_t seen = gate_enter(waiter->gate);
		int reason = waiter->reason_to_stop(waiter->self);
		/* After that: what was done before somebody went is there to be seen now. */
		uint64_t ready = waiter->ready(waiter->self);
		int64_t slice;

		if (ready)
			return ready;
		if (reason) {
			errno = reason;
			return 0;
		}
		slice = next_slice(timeout, end);
		if (slice == 0)
			return 0;
		gate_sleep(waiter->gate, seen, slice);
	}
}

uint64_t wait_until_ready(const struct waiter *waiter, int64_t timeout)
{
	int64_t end = 0;

	for (int i = 0; timeout != 0 && i < WAIT_SPINS; i++) {
		uint64_t ready = waiter->ready(waiter->self);

		if (ready)
			return ready;
		pause_briefly();
	}
	if (timeout > 0 && __builtin_add_overflow(now(), timeout, &end))
		timeout = -1; /* centuries */
	return sleep_until_ready(waiter, timeout, end);
}
