/* SPDX-License-Identifier: Apache-2.0 */
/* Capabilities in the words of sysfs. */
#ifndef MLACCEL_WORDS_H
#define MLACCEL_WORDS_H

#include <stddef.h>
#include <stdint.h>

/* Unknown words are left out. */
uint64_t capabilities_in(const char *words);

/* Words with a space between, as many as fit. */
const char *words_of(uint64_t capabilities, char *words, size_t size);

#endif
