/* SPDX-License-Identifier: Apache-2.0 */
/* Generations of a memfd tensor: a counter and a futex in its trailer. */
#ifndef TENSORMEM_BELL_H
#define TENSORMEM_BELL_H

#include "backend.h"

/* tensormem_signal() and tensormem_wait() of a memfd. */
int ring(struct tensormem *tensor, uint64_t *generation);
int listen_for(struct tensormem *tensor, uint64_t *generation, uint64_t deadline);

/* Tell whoever waits that the tensor is about to be sealed (TRAILER_SEALING), or that it was not (TRAILER_OPEN). */
int announce_seal(struct tensormem *tensor, uint32_t state);

#endif
