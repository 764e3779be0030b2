/* SPDX-License-Identifier: Apache-2.0 */
/* How long to wait, and in which portions. */
#ifndef WAIT_H
#define WAIT_H

#include <stdbool.h>
#include <stdint.h>

/* Nobody wakes a sleeper when the other side dies, so it looks by itself so often, in nanoseconds. */
#define WAIT_SLICE 20000000

/*
 * Looks before falling asleep. Sleep and wake cost some 10 us; a busy other side has mostly done something by then, and an
 * idle one costs no more than this.
 */
#define WAIT_SPINS 500

struct deadline {
	int64_t timeout; /* as the caller gave it */
	int64_t end; /* of the monotonic clock, for a positive one */
};

struct deadline deadline_after(int64_t timeout);

/* Nanoseconds to sleep now. 0: time ran out, and errno is EAGAIN or ETIMEDOUT. */
int64_t deadline_slice(const struct deadline *deadline);

static inline void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("isb");
#endif
}

#endif
