/* SPDX-License-Identifier: Apache-2.0 */
/* Durations as people write them: `500us`, `20ms`, `1.5s`. */
#ifndef MLRUN_DURATION_H
#define MLRUN_DURATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DURATION_SIZE 24

/* Read a number with one of ns, us, ms and s after it; without one it is milliseconds. False for anything else. */
bool read_duration(const char *text, uint64_t *nanoseconds);

/* Write it with the largest unit that needs no more than three decimals, and return `text`. */
const char *write_duration(uint64_t nanoseconds, char text[DURATION_SIZE]);

#endif
