/* SPDX-License-Identifier: Apache-2.0 */
#include "wait.h"

#include <errno.h>
#include <time.h>

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

struct deadline deadline_after(int64_t timeout)
{
	struct deadline deadline = {.timeout = timeout};

	if (timeout > 0 && __builtin_add_overflow(now(), timeout, &deadline.end))
		deadline.timeout = -1; /* centuries */
	return deadline;
}

int64_t deadline_slice(const struct deadline *deadline)
{
	int64_t left;

	if (deadline->timeout < 0)
		return WAIT_SLICE;
	if (deadline->timeout == 0) {
		errno = EAGAIN;
		return 0;
	}
	left = deadline->end - now();
	if (left <= 0) {
		errno = ETIMEDOUT;
		return 0;
	}
	return left < WAIT_SLICE ? left : WAIT_SLICE;
}
