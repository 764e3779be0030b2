/* SPDX-License-Identifier: Apache-2.0 */
/* What the library's other parts must know of a pool. */
#ifndef POOL_H
#define POOL_H

#include <sys/uio.h>

#include "mlos/dataplane.h"

/* All blocks, in one piece. */
struct iovec pool_memory(const struct dp_pool *pool);

/* The open file that our seat, and with it what we have, hangs on. */
int pool_file(const struct dp_pool *pool);

#endif
