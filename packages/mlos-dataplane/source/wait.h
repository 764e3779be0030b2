/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting at a gate for something that another process does, unless that process is gone. */
#ifndef WAIT_H
#define WAIT_H

#include "gate.h"

/* Nobody wakes a sleeper when the other side dies, so it looks by itself so often, in nanoseconds. */
#define WAIT_SLICE 20000000

/*
 * Looks before falling asleep. Sleep and wake cost some 10 us; a busy other side has mostly done something by then, and an
 * idle one costs no more than this.
 */
#ifndef WAIT_SPINS
#define WAIT_SPINS 500
#endif

/* What somebody waits for. */
struct waiter {
	struct gate *gate;
	void *self;
	/* How much there is to do now. */
	uint64_t (*ready)(void *self);
	/* The errno that says why nothing will come any more; 0 if something may. */
	int (*reason_to_stop)(void *self);
};

/*
 * Returns what ready() did as soon as that is not 0. 0 with errno: the reason to stop, EAGAIN (timeout 0) or ETIMEDOUT. The
 * timeout is in nanoseconds; a negative one waits for as long as it takes.
 */
uint64_t wait_until_ready(const struct waiter *waiter, int64_t timeout);

#endif
