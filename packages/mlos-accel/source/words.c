/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "mlos/accel.h"
#include "words.h"

static const struct {
	const char *word;
	uint64_t capability;
} known[] = {
	{"int8", MLACCEL_CAN_INT8},
	{"fp32", MLACCEL_CAN_FP32},
	{"copy", MLACCEL_CAN_COPY},
	{"matmul", MLACCEL_CAN_MATMUL},
	{"convolution", MLACCEL_CAN_CONVOLUTION},
	{"elementwise", MLACCEL_CAN_ELEMENTWISE},
	{"import", MLACCEL_CAN_IMPORT},
	{"factorial", MLACCEL_CAN_FACTORIAL},
};

#define COUNT (sizeof(known) / sizeof(known[0]))

uint64_t capabilities_in(const char *words)
{
	uint64_t found = 0;
	size_t length;

	for (; *words; words += length) {
		words += strspn(words, " \n");
		length = strcspn(words, " \n");
		for (size_t i = 0; i < COUNT; i++)
			if (strlen(known[i].word) == length && strncmp(known[i].word, words, length) == 0)
				found |= known[i].capability;
	}
	return found;
}

const char *words_of(uint64_t capabilities, char *words, size_t size)
{
	size_t length = 0;

	words[0] = 0;
	for (size_t i = 0; i < COUNT; i++) {
		size_t needed = strlen(known[i].word) + (length ? 1 : 0);

		if (!(capabilities & known[i].capability) || length + needed >= size)
			continue;
		sprintf(words + length, "%s%s", length ? " " : "", known[i].word);
		length += needed;
	}
	return words;
}
