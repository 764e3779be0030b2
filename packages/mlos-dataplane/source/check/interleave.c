/* SPDX-License-Identifier: Apache-2.0 */
#include "check/interleave.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define THREADS 4
#define STACK (64 * 1024)
#define WRITES 64 /* that a thread's queue holds */
#define SLICES 3 /* that a thread sleeps in vain before it counts as stuck */
#define DEPTH 4096 /* choices in one run */
#define TABLE_BITS 25

unsigned char interleave_arena[INTERLEAVE_ARENA] __attribute__((aligned(4096)));

enum wish {
	ANY_STEP, /* goes on whenever it is chosen */
	EMPTY_QUEUE, /* goes on when its own writes are through */
	BARRIER, /* and when those are that others had when it began */
	ASLEEP, /* goes on when woken */
	ENDED,
	DEAD,
};

struct write {
	size_t place;
	size_t size;
	uint64_t value;
};

static struct thread {
	enum wish wish;
	unsigned int first, last; /* of its queue */
	struct write queue[WRITES];
	unsigned int before_barrier[THREADS]; /* writes of others that a barrier waits for */
	uint64_t sleeps_on;
	unsigned int slices; /* times that it woke because time was over */
	uint64_t history; /* digest over all that it has read */
	bool started;
	ucontext_t start;
	jmp_buf context;
	unsigned char stack[STACK] __attribute__((aligned(64)));
} threads[THREADS];

enum action {
	RUN,
	LET_WRITE_THROUGH,
	KILL,
	WAKE_BY_TIME,
};

struct option {
	unsigned char action;
	unsigned char thread;
};

static struct choice {
	struct option options[4 * THREADS];
	unsigned int count, taken;
} path[DEPTH];

static const struct interleave_case *current;
static struct interleave_counts counts;
static unsigned int depth, runner, killed;
static bool alone = true;
static uint64_t memory_digest;
static uint64_t *table;
static jmp_buf scheduler;

static uint64_t mix(uint64_t value)
{
	value ^= value >> 32;
	value *= 0xd6e8feb86659fd93;
	value ^= value >> 32;
	value *= 0xd6e8feb86659fd93;
	return value ^ value >> 32;
}

void interleave_must(bool good, const char *what)
{
	static const char *const names[] = {[RUN] = "", [LET_WRITE_THROUGH] = "w", [KILL] = "kill ", [WAKE_BY_TIME] = "time "};

	if (good)
		return;
	printf("%s: %s, after:", current->name, what);
	for (unsigned int i = 0; i < depth; i++)
		printf(" %s%u", names[path[i].options[path[i].taken].action], path[i].options[path[i].taken].thread);
	printf("\n");
	exit(1);
}

/* Memory itself. A word's digest is that of its place and value, so a write changes it in one step. */

static uint64_t get(size_t place, size_t size)
{
	uint64_t value = 0;

	memcpy(&value, interleave_arena + place, size);
	return value;
}

static void set(size_t place, size_t size, uint64_t value)
{
	memory_digest ^= mix(mix(place) ^ get(place, size)) ^ mix(mix(place) ^ value);
	memcpy(interleave_arena + place, &value, size);
}

static size_t place_of(const volatile void *pointer)
{
	size_t place = (size_t)((const volatile unsigned char *)pointer - interleave_arena);

	interleave_must(place < INTERLEAVE_ARENA, "outside of shared memory");
	return place;
}

/* Choices */

static unsigned int queued(const struct thread *thread)
{
	return thread->last - thread->first;
}

static bool barrier_is_through(const struct thread *thread)
{
	for (unsigned int i = 0; i < current->threads; i++)
		if (thread->before_barrier[i] > 0)
			return false;
	return true;
}

static bool may_run(const struct thread *thread)
{
	switch (thread->wish) {
	case ANY_STEP:
		return true;
	case EMPTY_QUEUE:
		return queued(thread) == 0;
	case BARRIER:
		return queued(thread) == 0 && barrier_is_through(thread);
	case ASLEEP:
	case ENDED:
	case DEAD:
		break;
	}
	return false;
}

static bool may_be_killed(unsigned int number)
{
	return killed == 0 && (current->mortals >> number & 1) != 0 && threads[number].wish != ENDED;
}

static bool nothing_happens(const struct choice *choice)
{
	for (unsigned int i = 0; i < choice->count; i++)
		if (choice->options[i].action != KILL)
			return false;
	return true;
}

/*
 * Time passes, as a last resort. Only a death may make that necessary, and whoever looks after it and finds nothing to do
 * will not find it later.
 */
static void list_sleepers(struct choice *choice)
{
	for (unsigned char i = 0; i < current->threads; i++)
		if (threads[i].wish == ASLEEP && threads[i].slices < SLICES)
			choice->options[choice->count++] = (struct option){WAKE_BY_TIME, i};
}

static void list_options(struct choice *choice)
{
	choice->count = choice->taken = 0;
	for (unsigned char i = 0; i < current->threads; i++) {
		if (may_run(&threads[i]))
			choice->options[choice->count++] = (struct option){RUN, i};
		if (queued(&threads[i]) > 0)
			choice->options[choice->count++] = (struct option){LET_WRITE_THROUGH, i};
		if (may_be_killed(i))
			choice->options[choice->count++] = (struct option){KILL, i};
	}
	if (killed > 0 && nothing_happens(choice))
		list_sleepers(choice);
}

static uint64_t digest(void)
{
	uint64_t sum = memory_digest;

	for (unsigned int i = 0; i < current->threads; i++) {
		const struct thread *thread = &threads[i];

		sum = mix(sum ^ thread->history) + thread->wish + thread->started;
		sum = mix(sum + thread->sleeps_on) + thread->slices;
		for (unsigned int j = thread->first; j != thread->last; j++) {
			const struct write *write = &thread->queue[j % WRITES];

			sum = mix(mix(sum ^ write->place) ^ write->value);
		}
		sum = mix(sum + queued(thread));
		for (unsigned int j = 0; j < current->threads; j++)
			sum = mix(sum + thread->before_barrier[j]);
	}
	return sum | 1;
}

/* Returns whether the state is new. */
static bool remember(uint64_t state)
{
	size_t mask = ((size_t)1 << TABLE_BITS) - 1;
	size_t i = mix(state) & mask;

	for (; table[i]; i = (i + 1) & mask)
		if (table[i] == state)
			return false;
	table[i] = state;
	counts.states++;
	interleave_must(counts.states < mask / 4 * 3, "too many states for the table");
	return true;
}

/* Actions */

static void let_write_through(struct thread *thread)
{
	struct write *write = &thread->queue[thread->first++ % WRITES];
	unsigned int number = (unsigned int)(thread - threads);

	set(write->place, write->size, write->value);
	for (unsigned int i = 0; i < current->threads; i++)
		if (threads[i].before_barrier[number] > 0)
			threads[i].before_barrier[number]--;
}

static void enter(void)
{
	current->thread(runner);
	threads[runner].wish = ENDED;
	_longjmp(scheduler, 1);
}

static void go_on(unsigned int number)
{
	struct thread *thread = &threads[number];

	runner = number;
	if (_setjmp(scheduler))
		return;
	if (thread->started)
		_longjmp(thread->context, 1);
	thread->started = true;
	getcontext(&thread->start);
	thread->start.uc_stack.ss_sp = thread->stack;
	thread->start.uc_stack.ss_size = STACK;
	makecontext(&thread->start, enter, 0);
	setcontext(&thread->start);
}

static void act(struct option option)
{
	switch (option.action) {
	case RUN:
		go_on(option.thread);
		break;
	case LET_WRITE_THROUGH:
		let_write_through(&threads[option.thread]);
		break;
	case KILL:
		threads[option.thread].wish = DEAD;
		killed++;
		break;
	case WAKE_BY_TIME:
		threads[option.thread].slices++;
		threads[option.thread].wish = ANY_STEP;
		break;
	}
}

static void begin(void)
{
	memset(interleave_arena, 0, sizeof(interleave_arena));
	memory_digest = 0;
	killed = 0;
	for (unsigned int i = 0; i < current->threads; i++) {
		struct thread *thread = &threads[i];

		thread->wish = ANY_STEP;
		thread->started = false;
		thread->first = thread->last = thread->slices = 0;
		thread->history = thread->sleeps_on = 0;
		memset(thread->before_barrier, 0, sizeof(thread->before_barrier));
	}
	current->before();
}

/* One run: along the path that is left of the last one, then always the first option, to the end or a known state. */
static void run_once(unsigned int known)
{
	begin();
	alone = false;
	for (depth = 0;; depth++) {
		struct choice *choice = &path[depth];

		interleave_must(depth < DEPTH - 1, "no end");
		if (depth >= known) {
			list_options(choice);
			if (choice->count == 0 || !remember(digest()))
				break;
		}
		act(choice->options[choice->taken]);
	}
	if (path[depth].count == 0)
		for (unsigned int i = 0; i < current->threads; i++)
			interleave_must(threads[i].wish != ASLEEP, "sleeps for ever");
	alone = true;
	if (path[depth].count == 0)
		current->after();
}

struct interleave_counts interleave_run(const struct interleave_case *each)
{
	unsigned int known = 0;

	current = each;
	counts = (struct interleave_counts){0};
	if (!table)
		table = malloc(sizeof(*table) << TABLE_BITS);
	interleave_must(table != NULL, "no memory");
	memset(table, 0, sizeof(*table) << TABLE_BITS);
	for (;;) {
		run_once(known);
		counts.runs++;
		while (depth > 0 && path[depth - 1].taken + 1 == path[depth - 1].count)
			depth--;
		if (depth == 0)
			return counts;
		path[depth - 1].taken++;
		known = depth;
	}
}

/* What threads call. Each gives the checker a choice before it happens. */

static void note(struct thread *thread, uint64_t read)
{
	thread->history = mix(thread->history * 31 + read + 1);
}

static struct thread *step(enum wish wish)
{
	struct thread *thread = &threads[runner];

	thread->wish = wish;
	if (!_setjmp(thread->context))
		_longjmp(scheduler, 1);
	thread->wish = ANY_STEP;
	return thread;
}

bool interleave_is_dead(unsigned int number)
{
	bool dead = threads[number].wish == DEAD && queued(&threads[number]) == 0;

	if (!alone)
		note(&threads[runner], dead);
	return dead;
}

uint64_t interleave_load(const volatile void *pointer, size_t size)
{
	size_t place = place_of(pointer);
	uint64_t value;
	struct thread *thread;

	if (alone)
		return get(place, size);
	thread = step(ANY_STEP);
	value = get(place, size);
	for (unsigned int i = thread->first; i != thread->last; i++)
		if (thread->queue[i % WRITES].place == place)
			value = thread->queue[i % WRITES].value;
	note(thread, value);
	return value;
}

void interleave_store(volatile void *pointer, size_t size, uint64_t value)
{
	size_t place = place_of(pointer);
	struct thread *thread;

	if (alone) {
		set(place, size, value);
		return;
	}
	/* Nobody sees it yet, so when it happens makes no difference, but to whoever is killed between two of them. */
	thread = (current->mortals >> runner & 1) != 0 ? step(ANY_STEP) : &threads[runner];
	interleave_must(queued(thread) < WRITES, "too many writes at once");
	thread->queue[thread->last++ % WRITES] = (struct write){place, size, value};
	note(thread, 0);
}

void interleave_add(volatile void *pointer, size_t size)
{
	size_t place = place_of(pointer);
	uint64_t value;

	if (!alone)
		note(step(EMPTY_QUEUE), 0);
	value = get(place, size) + 1;
	set(place, size, value);
}

bool interleave_replace(volatile void *pointer, uint64_t expected, uint64_t value)
{
	size_t place = place_of(pointer);
	struct thread *thread = alone ? NULL : step(EMPTY_QUEUE);
	bool same = get(place, sizeof(value)) == expected;

	if (same)
		set(place, sizeof(value), value);
	if (thread)
		note(thread, same);
	return same;
}

void interleave_copy_in(void *to, const void *from, uint64_t size)
{
	for (uint64_t i = 0; i < size; i += sizeof(uint64_t))
		interleave_store((unsigned char *)to + i, sizeof(uint64_t),
				 *(const uint64_t *)(const void *)((const unsigned char *)from + i));
}

void interleave_copy_out(void *to, const void *from, uint64_t size)
{
	for (uint64_t i = 0; i < size; i += sizeof(uint64_t))
		*(uint64_t *)(void *)((unsigned char *)to + i) =
			interleave_load((const unsigned char *)from + i, sizeof(uint64_t));
}

void interleave_sleep(volatile void *event, uint32_t seen)
{
	size_t place = place_of(event);
	struct thread *thread = step(EMPTY_QUEUE); /* the kernel looks and falls asleep in one step */

	note(thread, get(place, sizeof(seen)));
	if (get(place, sizeof(seen)) != seen)
		return;
	thread->sleeps_on = place;
	thread = step(ASLEEP);
	thread->sleeps_on = 0;
	note(thread, 1);
}

void interleave_wake(volatile void *event)
{
	size_t place = place_of(event);

	if (alone)
		return;
	note(step(EMPTY_QUEUE), 0);
	for (unsigned int i = 0; i < current->threads; i++)
		if (threads[i].wish == ASLEEP && threads[i].sleeps_on == place)
			threads[i].wish = ANY_STEP;
}

void interleave_system_call(void)
{
	if (!alone)
		note(step(EMPTY_QUEUE), 0);
}

uint32_t interleave_peek(const uint32_t *pointer)
{
	uint32_t value = (uint32_t)get(place_of(pointer), sizeof(value));

	if (!alone)
		note(&threads[runner], value);
	return value;
}

void interleave_poke(uint32_t *pointer, uint32_t value)
{
	set(place_of(pointer), sizeof(value), value);
}

void barrier_heavy(void)
{
	struct thread *thread = &threads[runner];

	if (alone)
		return;
	note(step(EMPTY_QUEUE), 0); /* the kernel has a barrier for the caller before all others, too */
	for (unsigned int i = 0; i < current->threads; i++)
		thread->before_barrier[i] = i == runner ? 0 : queued(&threads[i]);
	note(step(BARRIER), 0);
}
