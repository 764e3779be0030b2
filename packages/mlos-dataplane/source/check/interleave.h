/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run a few threads in every order that a processor may choose, and with a death at every point.
 *
 * The threads run the library's own code; what it does to shared memory (shared.h) comes here instead. Before each such step
 * the checker chooses who goes on. Memory is that of x86 (total store order): what a thread writes waits in a queue of
 * its own, which it sees itself and others do not, until the checker lets the oldest write through. States that were seen
 * before are not gone into again; a thread's own state follows from what it has read so far.
 */
#ifndef INTERLEAVE_H
#define INTERLEAVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Smaller than in earnest: what is more of the same only makes more states. */
#define WAIT_SPINS 0
#define SHARE_SEATS 4
#define INTERLEAVE_ARENA 16384

/* Shared memory: all zeros when a case begins. */
extern unsigned char interleave_arena[INTERLEAVE_ARENA];

struct interleave_case {
	const char *name;
	unsigned int threads;
	unsigned int mortals; /* a bit for each thread that may be killed; one of them is */
	void (*before)(void); /* alone, without choices */
	void (*thread)(unsigned int number);
	void (*after)(void); /* alone again, when all have ended or died */
};

struct interleave_counts {
	unsigned long states;
	unsigned long runs;
};

/* Run all of it. Ends the program with a message at the first thing that is wrong. */
struct interleave_counts interleave_run(const struct interleave_case *each);

/* Say what is wrong, and after which choices, and end the program. */
void interleave_must(bool good, const char *what);

bool interleave_is_dead(unsigned int thread); /* and everything that it wrote is there to be seen */

uint64_t interleave_load(const volatile void *place, size_t size);
void interleave_store(volatile void *place, size_t size, uint64_t value);
void interleave_add(volatile void *place, size_t size);
bool interleave_replace(volatile void *place, uint64_t expected, uint64_t value);
void interleave_copy_in(void *to, const void *from, uint64_t size);
void interleave_copy_out(void *to, const void *from, uint64_t size);
void interleave_sleep(volatile void *event, uint32_t seen);
void interleave_wake(volatile void *event);

/* In the kernel: first others see what was written before, then one step for all that is peeked at and poked. */
void interleave_system_call(void);
uint32_t interleave_peek(const uint32_t *place);
void interleave_poke(uint32_t *place, uint32_t value);

void barrier_heavy(void);

/* What the algorithms do to memory is the checker's when they are compiled with it. */
#define read_relaxed(word) interleave_load(word, sizeof(*(word)))
#define read_acquire(word) interleave_load(word, sizeof(*(word)))
#define write_relaxed(word, value) interleave_store(word, sizeof(*(word)), value)
#define write_release(word, value) interleave_store(word, sizeof(*(word)), value)
#define read_event(event) ((uint32_t)interleave_load(event, sizeof(*(event))))
#define add_event(event) interleave_add(event, sizeof(*(event)))
#define replace(word, expected, value) interleave_replace(word, expected, value)
#define copy_in(to, from, size) interleave_copy_in(to, from, size)
#define copy_out(to, from, size) interleave_copy_out(to, from, size)
#define barrier_light() ((void)0)
#define sleep_while(event, seen, nanoseconds) ((void)(nanoseconds), interleave_sleep(event, seen))
#define wake_all(event) interleave_wake(event)

#endif
