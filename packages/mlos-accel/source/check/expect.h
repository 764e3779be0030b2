/* SPDX-License-Identifier: Apache-2.0 */
/* What a case of the conformance program expects, and how it says that it was disappointed. */
#ifndef MLACCEL_CHECK_EXPECT_H
#define MLACCEL_CHECK_EXPECT_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "mlos/accel.h"

/* Of the case that runs. */
extern int failures;
extern const char *skipped; /* why it had nothing to do, or NULL */

#define EXPECT(condition)                                                                                                      \
	do {                                                                                                                   \
		if (!(condition)) {                                                                                            \
			__atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED);                                                    \
			fprintf(stderr, "%s:%d: %s (errno %d, %s)\n", __func__, __LINE__, #condition, errno, mlaccel_why());    \
		}                                                                                                              \
	} while (0)

/* The call fails, with this errno and words. */
#define REFUSED(call, number)                                                                                                  \
	do {                                                                                                                   \
		int64_t result;                                                                                                \
                                                                                                                               \
		errno = 0;                                                                                                     \
		result = (int64_t)(call);                                                                                      \
		EXPECT(result == -1 || result == 0);                                                                           \
		EXPECT(errno == (number));                                                                                     \
		EXPECT(*mlaccel_why());                                                                                        \
	} while (0)

#define SKIP(why)                                                                                                              \
	do {                                                                                                                   \
		skipped = why;                                                                                                 \
		return;                                                                                                        \
	} while (0)

struct a_case {
	const char *name;
	void (*run)(void);
};

#define CASE(function) {#function, function}

/* Each ends with one without a name. */
extern const struct a_case compute_cases[], job_cases[], sharing_cases[], fault_cases[];

#endif
