/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A barrier in two halves. Who is about to sleep pays for both (membarrier(2) runs one on every processor that needs
 * it), so that who passes messages, millions of times a second, pays nothing.
 *
 * Of "I write A, then read B" here and "I write B, then read A" there, at least one of the two sees what the other
 * wrote, if one calls barrier_heavy() and the other barrier_light() in between.
 */
#ifndef BARRIER_H
#define BARRIER_H

#include <stdatomic.h>
#include <stdbool.h>

extern bool barrier_is_asymmetric; /* whether the kernel does the light side's half */

/* Ask the kernel to include this process. Once, before the first of the two below. */
void barrier_prepare(void);

void barrier_heavy(void);

static inline void barrier_light(void)
{
	if (__builtin_expect(barrier_is_asymmetric, true))
		atomic_signal_fence(memory_order_seq_cst);
	else
		atomic_thread_fence(memory_order_seq_cst);
}

#endif
