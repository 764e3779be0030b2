/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where one side sleeps until the other has done something, with a system call on either side only if somebody sleeps.
 *
 * Sleeper: seen = gate_enter(); look again whether there is something to do; if not, sleep while the event is `seen`.
 * Waker: do it; gate_wake(). The barriers see to it that the sleeper finds what was done, or the waker the sleeper.
 */
#ifndef GATE_H
#define GATE_H

#include "shared.h"

struct gate {
	shared_word waiting; /* a flag, not a count: one that was killed in its sleep costs one idle wake and no more */
	shared_event event;
	uint32_t unused;
};

static inline uint32_t gate_enter(struct gate *gate)
{
	uint32_t seen = read_event(&gate->event);

	write_relaxed(&gate->waiting, 1);
	barrier_heavy();
	return seen;
}

void gate_open(struct gate *gate);

/*
 * Sleep until the gate opens, at most `nanoseconds`. Returns at once if the event is no longer `seen`, and may return
 * for no reason.
 */
void gate_sleep(struct gate *gate, uint32_t seen, int64_t nanoseconds);

static inline void gate_wake(struct gate *gate)
{
	barrier_light();
	if (__builtin_expect(read_relaxed(&gate->waiting) != 0, false))
		gate_open(gate);
}

#endif
