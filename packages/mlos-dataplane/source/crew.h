/* SPDX-License-Identifier: Apache-2.0 */
/* Who the workers of a pool are: how many, on which processors, and who is near to whom. */
#ifndef CREW_H
#define CREW_H

#include "worker.h"

/* A pool whose threads have not been started. NULL with errno. */
struct dp_workers *crew_gather(const struct dp_workers_options *options, unsigned int capacity);

/* Free it; the threads have ended. */
void crew_dismiss(struct dp_workers *workers);

/* The row of workers of a node, or, where it has none, of the nearest node that does. False if there is no such node. */
bool crew_near(const struct dp_workers *workers, int node, unsigned int *first, unsigned int *count);

#endif
