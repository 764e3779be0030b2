/* SPDX-License-Identifier: Apache-2.0 */
/* What tensormemd keeps: sealed tensors by name, each content once, and who may have them. No sockets here. */
#ifndef TENSORMEMD_REGISTRY_H
#define TENSORMEMD_REGISTRY_H

#include "access.h"

#define MOST_NAMES 4096 /* of one user */

struct registry;

/* `limit`: bytes that the contents of one user's names may have together, each content counted once. NULL: no memory. */
struct registry *registry_create(uint64_t limit);

/*
 * Any thread may call these. False if refused. `scope` and `name` have been checked for being such.
 *
 * Publishing takes the tensor over in any case; where the registry has the same content already, it keeps that. The file
 * descriptor of attaching is the caller's to close.
 */
bool registry_publish(struct registry *registry, const struct peer *peer, const struct tensormem_scope *scope,
		      const char *name, struct tensormem *tensor, bool replace, struct tensormem_named *told,
		      struct refusal *refusal);
bool registry_attach(struct registry *registry, const struct peer *peer, const struct tensormem_scope *scope,
		     const char *name, struct tensormem_named *told, int *fd, struct refusal *refusal);
bool registry_look(struct registry *registry, const struct peer *peer, const struct tensormem_scope *scope,
		   const char *name, struct tensormem_named *told, struct refusal *refusal);
bool registry_remove(struct registry *registry, const struct peer *peer, const struct tensormem_scope *scope,
		     const char *name, struct refusal *refusal);

/*
 * Tell of each name that the peer may see, but the first `from`, in the order of their publication, until `tell` answers
 * false. How many were not told.
 */
uint64_t registry_list(struct registry *registry, const struct peer *peer, uint64_t from,
		       bool (*tell)(void *context, const struct tensormem_named *named), void *context);

void registry_statistics(struct registry *registry, struct tensormem_statistics *statistics);
void registry_count_refusal(struct registry *registry);

#endif
