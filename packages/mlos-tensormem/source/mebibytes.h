/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TENSORMEM_MEBIBYTES_H
#define TENSORMEM_MEBIBYTES_H

#include <stdint.h>
#include <stdlib.h>

#define MEBIBYTE 20 /* as a shift */

/* An option's MiB as bytes; 0 for what is no such number. */
static inline uint64_t mebibytes(const char *text)
{
	char *end;
	unsigned long long number = strtoull(text, &end, 10);

	return *text >= '0' && *text <= '9' && !*end && number < 1ULL << (63 - MEBIBYTE) ? (uint64_t)number << MEBIBYTE : 0;
}

#endif
