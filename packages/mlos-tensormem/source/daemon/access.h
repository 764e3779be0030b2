/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks the broker, what they may see, and how they are refused. */
#ifndef TENSORMEMD_ACCESS_H
#define TENSORMEMD_ACCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "mlos/tensormem.h"

#define MOST_GROUPS 256

/* Who asks, as the kernel says. */
struct peer {
	uid_t uid;
	gid_t groups[MOST_GROUPS];
	size_t group_count;
};

/* Why a request is not fulfilled: a number of errno, and a text. */
struct refusal {
	int number;
	char text[200];
};

/* Always false. */
bool refused(struct refusal *refusal, int number, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* May this one see and use the names? The administrator may. */
bool open_to(const struct tensormem_scope *scope, const struct peer *peer);

/* Likewise; EACCES if not. */
bool may_use(const struct tensormem_scope *scope, const struct peer *peer, struct refusal *refusal);

#endif
