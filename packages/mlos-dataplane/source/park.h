/* SPDX-License-Identifier: Apache-2.0 */
/* Sleeping on a word of this process (futex(2)), for whoever has looked at it before. */
#ifndef PARK_H
#define PARK_H

#include <stdint.h>

#include "shared.h"

/* Sleep while the word is `seen`; at most so many nanoseconds, a negative number for ever. May return for no reason. */
void park(const shared_event *word, uint32_t seen, int64_t nanoseconds);

/* Wake up to `count` threads. The word itself is not touched, and may be gone by now. */
void unpark(const shared_event *word, int count);

#endif
