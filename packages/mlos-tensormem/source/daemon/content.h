/* SPDX-License-Identifier: Apache-2.0 */
/* What names stand for: sealed tensors, known by the digest of their bytes and by their description. */
#ifndef TENSORMEMD_CONTENT_H
#define TENSORMEMD_CONTENT_H

#include <stdbool.h>

#include "mlos/tensormem.h"

/* A sealed tensor, which may have several names. */
struct content {
	struct content *next;
	struct tensormem *tensor;
	struct tensormem_info info;
	char digest[TENSORMEM_DIGEST_LENGTH];
	uint64_t names;
	bool counted; /* when bytes of a user are added up */
};

/* SHA-256 of its bytes goes to `digest`. It takes minutes for the largest models. */
int content_digest(struct content *content);

/* The first of a list that has the same bytes and the same description, or NULL. */
struct content *content_like(struct content *each, const struct content *content);

/* Let go of the tensor. NULL is nothing to free. */
void content_free(struct content *content);

#endif
