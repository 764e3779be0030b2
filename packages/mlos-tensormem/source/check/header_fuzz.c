/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Headers of safetensors files that somebody has damaged, and packets of the broker likewise: every truncation, every flipped
 * bit, and COUNT random changes of more than one place (`header_fuzz COUNT SEED`). What is still believed must be true. It is
 * to be built with sanitizers, which see every byte that is touched and not there: each header lies in memory of its own size.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "header.h"
#include "packet.h"

#define DATA 56

static const char *const seeds[] = {
	"{\"weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},\"bias\":{\"dtype\":\"F64\",\"shape\":[4],"
	"\"data_offsets\":[24,56]},\"nothing\":{\"dtype\":\"I8\",\"shape\":[0,5],\"data_offsets\":[56,56]}}",
	"{\"__metadata__\":{\"format\":\"pt\",\"a\\u00e4\\n\":\"\\ud83d\\ude00\"},\"w\\\"\\\\\":{\"data_offsets\":[0,56],"
	"\"dtype\":\"BF16\",\"shape\":[1,2,1,14]}}   ",
	"{\"a\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]},\"b\":{\"dtype\":\"C64\",\"shape\":[6],"
	"\"data_offsets\":[1,49]},\"\xc3\xa4\":{\"dtype\":\"BOOL\",\"shape\":[7],\"data_offsets\":[49,56]}}",
	"{\"ok\":true,\"name\":\"llama\",\"scope\":\"group\",\"number\":7,\"owner\":0,\"size\":56,\"digest\":\"sha256:00\","
	"\"attached\":1,\"published\":1e3,\"dtype\":null,\"shape\":[1,2],\"huge\":false,\"device\":-0.5E+1}",
};

#define SEEDS (sizeof(seeds) / sizeof(seeds[0]))

static uint64_t state, believed, tried;

/* xorshift64*: the same numbers everywhere. */
static uint64_t any(uint64_t below)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (state * UINT64_C(2685821657736338717) >> 16) % below;
}

static void require(bool condition, const char *what, const char *text, size_t length)
{
	if (condition)
		return;
	fprintf(stderr, "%s: %.*s\n", what, (int)length, text);
	abort();
}

/* What was believed describes each byte once. */
static void check(const struct header *header, const char *text, size_t length)
{
	uint64_t end = 0;

	for (size_t i = 0; i < header->count; i++) {
		const struct tensormem_part *part = &header->parts[i];
		uint64_t elements = 1;

		for (uint32_t d = 0; d < part->dimensions; d++)
			elements *= part->shape[d];
		require(part->offset == end, "a gap", text, length);
		require(elements * (part->dtype >> 8 & 0xff) / 8 == part->size, "a wrong size", text, length);
		require(part->name[strlen(part->name)] == '\0', "no name", text, length);
		end += part->size;
	}
	require(end == DATA, "not all of it", text, length);
}

static void try(const char *text, size_t length)
{
	char *copy = malloc(length ? length : 1), why[TENSORMEM_WHY];
	struct tensormem_named named = {0};
	struct header header;
	struct json json;
	bool first = true;
	char *key;

	memcpy(copy, text, length);
	tried++;
	if (header_read(copy, length, DATA, &header, why) == 0) {
		believed++;
		check(&header, text, length);
		header_free(&header);
	}
	memcpy(copy, text, length);
	json = (struct json){copy, copy + length};
	json_skip(&json);
	require(memcmp(copy, text, length) == 0, "skipping has changed it", text, length);
	json = (struct json){copy, copy + length};
	if (json_take(&json, '{'))
		while (json_member(&json, &first, &key) == 1 && named_read(&json, key, &named) == 1)
			;
	free(copy);
}

/* Another text that is much like it; at most twice as long. */
static size_t mutate(char *text, size_t length, size_t room)
{
	static const char marks[] = "{}[]\",:\\u09-.eE \n\xc3\x80\x00";

	for (uint64_t left = 1 + any(6); left && length; left--) {
		size_t at = any(length), count = 1 + any(length - at < 24 ? length - at : 24);

		switch (any(6)) {
		case 0:
			text[at] = (char)(text[at] ^ 1 << any(8));
			break;
		case 1:
			text[at] = marks[any(sizeof(marks) - 1)];
			break;
		case 2: /* leave a part out */
			memmove(text + at, text + at + count, length - at - count);
			length -= count;
			break;
		case 3: /* say a part twice */
			if (length + count > room)
				break;
			memmove(text + at + count, text + at, length - at);
			length += count;
			break;
		case 4: /* a number that is larger than it looks */
			for (size_t i = at; i < length && text[i] >= '0' && text[i] <= '9'; i++)
				text[i] = '9';
			break;
		default: /* a part of another */
			memcpy(text + at, seeds[any(SEEDS)] + any(64), count);
		}
	}
	return length;
}

int main(int argc, char **argv)
{
	uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000;
	char text[1024];

	state = argc > 2 ? strtoull(argv[2], NULL, 10) | 1 : 88172645463325252;
	for (size_t s = 0; s < SEEDS; s++) {
		size_t length = strlen(seeds[s]);

		for (size_t end = 0; end <= length; end++)
			try(seeds[s], end);
		for (size_t bit = 0; bit < 8 * length; bit++) {
			memcpy(text, seeds[s], length);
			text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
			try(text, length);
		}
	}
	require(believed >= SEEDS - 1, "not even the good ones are believed", "", 0);
	while (count--) {
		size_t s = any(SEEDS), length = strlen(seeds[s]);

		memcpy(text, seeds[s], length);
		try(text, mutate(text, length, sizeof(text)));
	}
	printf("%" PRIu64 " tried, %" PRIu64 " believed\n", tried, believed);
	return 0;
}
