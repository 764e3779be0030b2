/* SPDX-License-Identifier: GPL-2.0 */
/* Calls with anything in them: each is refused by one of the errors that the documentation names, or does what it says. */
#ifndef KERNEL_TESTS_VERDICT_H
#define KERNEL_TESTS_VERDICT_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static unsigned long accepted, refused, wrong;

static void complain(const char *what, int error)
{
	if (wrong++ < 10)
		printf("# %s: %s\n", what, error ? strerror(error) : "not what was asked for");
}

/* Whether the kernel did it. If not, errno is one of `errors`, which end with 0, or there was no memory to be read. */
static bool judge(const char *what, int result, const int *errors)
{
	if (!result) {
		accepted++;
		return true;
	}
	refused++;
	if (errno == EFAULT)
		return false;
	for (; *errors; errors++) {
		if (errno == *errors)
			return false;
	}
	complain(what, errno);
	return false;
}

#endif
