/* SPDX-License-Identifier: GPL-2.0 */
/* A run of many random calls of a device, and what came of it as KTAP. */
#ifndef KERNEL_TESTS_FUZZER_H
#define KERNEL_TESTS_FUZZER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "draw.h"
#include "verdict.h"

#define NO_DEVICE 4 /* exit status of a test that is left out */
#define PATIENCE_SECONDS 60

struct fuzzer {
	const char *missing;		/* what is said if there is no device */
	bool (*open_device)(void);	/* false: there is none */
	void (*try_one)(void);
	void (*let_go)(void);		/* of all that the calls have taken */
	uint64_t (*used)(void);		/* bytes of the device's memory */
};

/* Jobs that have not ended keep their buffers, until the last of them has. */
static bool comes_back_to(uint64_t before, uint64_t (*used)(void))
{
	for (int i = 0; i < PATIENCE_SECONDS * 10 && used() != before; i++)
		nanosleep(&(struct timespec){0, 100000000}, NULL);
	return used() == before;
}

/* main() of a program `NAME [CALLS] [SEED]`; its exit status. */
static int fuzz(const struct fuzzer *fuzzer, int count, char **arguments)
{
	long calls = count > 1 ? atol(arguments[1]) : 1000000;
	uint64_t before;
	bool back;

	draw_state = count > 2 ? strtoull(arguments[2], NULL, 0) : 4711;
	if (!fuzzer->open_device()) {
		printf("1..0 # SKIP %s\n", fuzzer->missing);
		return NO_DEVICE;
	}
	before = fuzzer->used();
	printf("KTAP version 1\n1..3\n# seed %llu\n", (unsigned long long)draw_state);
	for (long i = 0; i < calls; i++)
		fuzzer->try_one();
	printf("%sok 1 every call is refused as documented, or does what it says # %ld calls\n", wrong ? "not " : "", calls);
	printf("%sok 2 both happened # %lu accepted, %lu refused\n", accepted && refused ? "" : "not ", accepted, refused);
	fuzzer->let_go();
	back = comes_back_to(before, fuzzer->used);
	printf("%sok 3 all memory came back\n", back ? "" : "not ");
	return wrong != 0 || !back;
}

#endif
