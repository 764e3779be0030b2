/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words in memory that other processes write at the same time, and how they are read and written.
 *
 * Everything that the algorithms do to shared memory goes through this page. The checker (check/interleave.h) gives
 * another meaning to the same names: it runs the very same algorithms in every order that a processor may choose.
 */
#ifndef SHARED_H
#define SHARED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CACHE_LINE 64

typedef _Atomic uint64_t shared_word;
typedef _Atomic uint32_t shared_event; /* a futex: the kernel compares 32 bits */

#ifdef INTERLEAVE
#include "check/interleave.h"
#else

#include <string.h>

#include "barrier.h"

#define read_relaxed(word) atomic_load_explicit(word, memory_order_relaxed)
#define read_acquire(word) atomic_load_explicit(word, memory_order_acquire)
#define write_relaxed(word, value) atomic_store_explicit(word, value, memory_order_relaxed)
#define write_release(word, value) atomic_store_explicit(word, value, memory_order_release)
#define read_event(event) atomic_load_explicit(event, memory_order_acquire)
#define add_event(event) atomic_fetch_add_explicit(event, 1, memory_order_seq_cst)

/* Put `value` if the word is `expected`. Returns whether it was. */
static inline bool replace(shared_word *word, uint64_t expected, uint64_t value)
{
	return atomic_compare_exchange_strong_explicit(word, &expected, value, memory_order_acq_rel,
						       memory_order_relaxed);
}

/* Bytes that nobody else touches meanwhile, because an index keeps them away. */
#define copy_in(to, from, size) memcpy(to, from, size)
#define copy_out(to, from, size) memcpy(to, from, size)

#endif

#endif
