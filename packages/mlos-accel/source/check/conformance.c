/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What libmlaccel does and refuses, on a device of this machine that can multiply matrices of int8: `conformance [CASE...]`,
 * all cases if none is named. It speaks TAP: a line for each case, and before it one of standard error for every expectation
 * that failed. Faults and a device that goes need the software accelerator, debugfs and root. Exit status 1 if an expectation
 * failed, 64 for wrong usage, 77 where there is no such device.
 *
 * The package has it as /usr/libexec/mlos-accel/conformance.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "check/device.h"
#include "check/expect.h"

int failures;
const char *skipped;

static const struct a_case *const groups[] = {compute_cases, job_cases, sharing_cases, fault_cases};

#define GROUPS (sizeof(groups) / sizeof(groups[0]))

static const struct a_case *find(const char *name)
{
	for (size_t i = 0; i < GROUPS; i++)
		for (const struct a_case *each = groups[i]; each->name; each++)
			if (strcmp(each->name, name) == 0)
				return each;
	fprintf(stderr, "no case %s\n", name);
	exit(64);
}

/* 1 if an expectation failed. */
static int try(int number, const struct a_case *chosen)
{
	failures = 0;
	skipped = NULL;
	chosen->run();
	no_faults();
	printf("%s %d %s%s%s\n", failures ? "not ok" : "ok", number, chosen->name, skipped ? " # SKIP " : "",
	       skipped ? skipped : "");
	fflush(stdout);
	return failures != 0;
}

static int count_of_all(void)
{
	int count = 0;

	for (size_t i = 0; i < GROUPS; i++)
		for (const struct a_case *each = groups[i]; each->name; each++)
			count++;
	return count;
}

static int try_all(void)
{
	int failed = 0, number = 0;

	for (size_t i = 0; i < GROUPS; i++)
		for (const struct a_case *each = groups[i]; each->name; each++)
			failed |= try(++number, each);
	return failed;
}

int main(int argc, char **argv)
{
	struct mlaccel_device *device = mlaccel_open_best(NEEDED);
	int failed = 0;

	if (!device) {
		printf("TAP version 13\n1..0 # SKIP %s\n", mlaccel_why());
		return 77;
	}
	mlaccel_close(device);
	printf("TAP version 13\n1..%d\n", argc > 1 ? argc - 1 : count_of_all());
	if (argc < 2)
		return try_all();
	for (int i = 1; i < argc; i++)
		failed |= try(i, find(argv[i]));
	return failed;
}
