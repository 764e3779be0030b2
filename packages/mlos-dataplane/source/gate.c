/* SPDX-License-Identifier: Apache-2.0 */
#include "gate.h"

#ifdef INTERLEAVE
#include "check/interleave.h"
#else
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void sleep_while(shared_event *event, uint32_t seen, int64_t nanoseconds)
{
	struct timespec time = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};

	/* Not FUTEX_PRIVATE: the other side is another process. */
	syscall(SYS_futex, event, FUTEX_WAIT, seen, &time, NULL, 0);
}

static void wake_all(shared_event *event)
{
	syscall(SYS_futex, event, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}
#endif

void gate_open(struct gate *gate)
{
	/*
	 * First the flag, then the event: whoever raises the flag again in between has read the event before, and
	 * finds it changed instead of falling asleep.
	 */
	write_relaxed(&gate->waiting, 0);
	add_event(&gate->event);
	wake_all(&gate->event);
}

void gate_sleep(struct gate *gate, uint32_t seen, int64_t nanoseconds)
{
	sleep_while(&gate->event, seen, nanoseconds);
}
