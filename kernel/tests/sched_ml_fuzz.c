// SPDX-License-Identifier: GPL-2.0
/*
 * A million random calls of SCHED_ML's interface: whatever is passed, a call is refused by one of the errors that the
 * documentation names, or does what it says.
 *
 *	sched_ml_fuzz [CALLS] [SEED]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "draw.h"

#define SCHED_ML 16
#ifndef SCHED_DEADLINE
#define SCHED_DEADLINE 6
#endif
#define PR_SCHED_ML 0x4d4c
#define STATS_SIZE 56

struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
	uint64_t unknown;
};

static unsigned long accepted, refused, wrong;

/* Numbers at the edges of what is allowed, far from it, and anything. */
static uint64_t draw_number(void)
{
	static const uint64_t edges[] = {
		0, 1, 4, 5, 99999, 100000, 100001, 100000000, 100000001, 10000000000ULL, 10000000001ULL,
		INT32_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX,
	};

	return DRAW_AROUND(edges, draw() % 20000000);
}

static void complain(const char *what, int error)
{
	if (wrong++ < 10)
		printf("# %s: %s\n", what, error ? strerror(error) : "not what was set");
}

/* SCHED_DEADLINE is left out: with a runtime of a microsecond a year there would be no next call. */
static uint32_t draw_policy(void)
{
	uint32_t policy = draw() % 8 ? SCHED_ML : (uint32_t)(draw() % 20);

	return policy == SCHED_DEADLINE ? SCHED_ML : policy;
}

static bool in_range(uint64_t number, uint64_t low, uint64_t high)
{
	return number == 0 || (number >= low && number <= high);
}

static void try_attributes(void)
{
	struct attributes attributes = {
		.size = draw() % 4 ? 56 : (uint32_t)(draw() % 80), .policy = draw_policy(),
		.flags = draw() % 4 ? 0 : draw_number(), .nice = (int32_t)draw_number(),
		.priority = draw() % 2 ? 1 + (uint32_t)(draw() % 4) : (uint32_t)draw_number(),
		.runtime = draw() % 2 ? 0 : draw_number(), .deadline = draw() % 2 ? 0 : draw_number(),
		.period = draw() % 4 ? 0 : draw_number(), .unknown = draw() % 8 ? 0 : draw(),
	};
	struct attributes got = {0};

	if (syscall(SYS_sched_setattr, 0, &attributes, draw() % 16 ? 0 : (unsigned int)draw())) {
		refused++;
		if (errno != EINVAL && errno != EPERM && errno != E2BIG && errno != EBUSY && errno != EOPNOTSUPP)
			complain("sched_setattr", errno);
		return;
	}
	accepted++;
	if (attributes.policy != SCHED_ML || attributes.flags & ~1ULL)
		return;
	if (syscall(SYS_sched_getattr, 0, &got, 56, 0))
		complain("sched_getattr", errno);
	else if (got.policy != SCHED_ML || got.priority != attributes.priority || got.runtime != attributes.runtime ||
		 (attributes.deadline && got.deadline != attributes.deadline))
		complain("sched_getattr", 0);
	if (attributes.priority < 1 || attributes.priority > 4 || attributes.period ||
	    !in_range(attributes.deadline, 100000, 10000000000ULL) || !in_range(attributes.runtime, 100000, 100000000))
		complain("accepted what is out of range", 0);
}

static void try_prctl(char *page, size_t page_size)
{
	unsigned long operation = draw() % 4, argument = draw_number(), size = draw() % 2 ? 0 : draw_number();
	bool stats = operation == 2;

	if (stats) {
		/* Close to the end of what is mapped, so that a byte too many is seen. */
		size = draw() % 2 ? STATS_SIZE : draw() % 128;
		argument = (unsigned long)(page + page_size);
		if (draw() % 4)
			argument -= draw() % 2 ? STATS_SIZE : draw() % 128;
		else if (draw() % 2)
			argument = ~0UL << draw() % 32; /* nothing that is mapped: it would be written to */
	}
	if (prctl(PR_SCHED_ML, operation, argument, size, draw() % 8 ? 0UL : draw_number())) {
		refused++;
		if (errno != EINVAL && !(stats && errno == EFAULT))
			complain("prctl", errno);
		return;
	}
	accepted++;
	if (operation == 3 || (operation == 1 && argument > 1) || (operation == 0 && argument > UINT32_MAX) ||
	    (stats && size < STATS_SIZE))
		complain("prctl accepted what is out of range", 0);
}

int main(int count, char **arguments)
{
	long calls = count > 1 ? atol(arguments[1]) : 1000000;
	size_t page_size = (size_t)sysconf(_SC_PAGESIZE);
	char *page = mmap(NULL, 2 * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	draw_state = count > 2 ? strtoull(arguments[2], NULL, 0) : 4711;
	if (sched_get_priority_max(SCHED_ML) < 0) {
		puts("1..0 # SKIP the kernel has no SCHED_ML");
		return 4;
	}
	if (page == MAP_FAILED || munmap(page + page_size, page_size))
		return 1;
	printf("KTAP version 1\n1..2\n# seed %llu\n", (unsigned long long)draw_state);
	for (long call = 0; call < calls; call++) {
		if (draw() % 3)
			try_attributes();
		else
			try_prctl(page, page_size);
	}
	printf("%sok 1 every call is refused as documented, or does what it says # %ld calls\n", wrong ? "not " : "", calls);
	printf("%sok 2 both happened # %lu accepted, %lu refused\n", accepted && refused ? "" : "not ", accepted, refused);
	return wrong != 0;
}
