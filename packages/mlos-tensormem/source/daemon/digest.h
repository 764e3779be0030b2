/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TENSORMEMD_DIGEST_H
#define TENSORMEMD_DIGEST_H

#include "mlos/tensormem.h"

/* SHA-256 of a sealed tensor's bytes as `sha256:...`, TENSORMEM_DIGEST_LENGTH bytes with the terminating zero. */
int digest_of(struct tensormem *tensor, const struct tensormem_info *info, char *text);

#endif
