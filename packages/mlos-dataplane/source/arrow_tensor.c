/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The canonical extension type `arrow.fixed_shape_tensor`: its name and its shape, in JSON, among the metadata of a schema.
 *
 * Metadata are a number of pairs, then length and bytes of each key and each value; all numbers have 32 bits.
 */
#include "arrow_format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_KEY "ARROW:extension:name"
#define SHAPE_KEY "ARROW:extension:metadata"
#define MOST_PAIRS 1024
#define LONGEST (1 << 20)
#define DEEPEST 16

static char *put_text(char *place, const char *text)
{
	int32_t length = (int32_t)strlen(text);

	memcpy(place, &length, sizeof(length));
	memcpy(place + sizeof(length), text, (size_t)length);
	return place + sizeof(length) + length;
}

char *arrow_tensor_metadata(size_t dimensions, const int64_t *shape)
{
	char json[64 + 8 * 24], *end = json + sprintf(json, "{\"shape\":["), *metadata, *place;
	int32_t pairs = 2;

	for (size_t i = 0; i < dimensions; i++)
		end += sprintf(end, "%s%lld", i ? "," : "", (long long)shape[i]);
	strcpy(end, "]}");
	metadata = malloc(5 * sizeof(int32_t) + strlen(NAME_KEY TENSOR_EXTENSION SHAPE_KEY) + strlen(json));
	if (!metadata)
		return NULL;
	memcpy(metadata, &pairs, sizeof(pairs));
	place = put_text(metadata + sizeof(pairs), NAME_KEY);
	place = put_text(place, TENSOR_EXTENSION);
	place = put_text(place, SHAPE_KEY);
	put_text(place, json);
	return metadata;
}

struct text {
	const char *at;
	const char *end;
};

static bool take_number(const char **at, int32_t *number, int32_t most)
{
	memcpy(number, *at, sizeof(*number));
	*at += sizeof(*number);
	return *number >= 0 && *number <= most;
}

static bool take_text(const char **at, struct text *text)
{
	int32_t length;

	if (!take_number(at, &length, LONGEST))
		return false;
	*text = (struct text){*at, *at + length};
	*at += length;
	return true;
}

static bool is(const struct text *text, const char *expected)
{
	size_t length = strlen(expected);

	return (size_t)(text->end - text->at) == length && memcmp(text->at, expected, length) == 0;
}

/* JSON, as far as it takes to find two lists of numbers in an object. */

static char next(struct text *json)
{
	while (json->at < json->end && strchr(" \t\r\n", *json->at) && *json->at)
		json->at++;
	return json->at < json->end ? *json->at : '\0';
}

static bool take(struct text *json, char expected)
{
	if (next(json) != expected)
		return false;
	json->at++;
	return true;
}

static bool take_string(struct text *json, struct text *string)
{
	if (!take(json, '"'))
		return false;
	string->at = json->at;
	while (json->at < json->end && *json->at != '"')
		json->at += *json->at == '\\' && json->at + 1 < json->end ? 2 : 1;
	string->end = json->at;
	return take(json, '"');
}

static bool take_integer(struct text *json, int64_t *number)
{
	const char *start;

	next(json);
	*number = 0;
	for (start = json->at; json->at < json->end && *json->at >= '0' && *json->at <= '9'; json->at++)
		if (!arrow_multiply(*number, 10, number) || __builtin_add_overflow(*number, *json->at - '0', number))
			return false;
	return json->at > start;
}

static bool take_list(struct text *json, size_t room, int64_t *numbers, size_t *count)
{
	*count = 0;
	if (!take(json, '['))
		return false;
	if (take(json, ']'))
		return true;
	do
		if (*count == room || !take_integer(json, &numbers[(*count)++]))
			return false;
	while (take(json, ','));
	return take(json, ']');
}

/* Any value: strings whole, everything else up to the comma or bracket that belongs to the object around it. */
static bool skip(struct text *json)
{
	struct text string;
	int depth = 0;

	for (;;) {
		char seen = next(json);

		if (seen == '\0' || depth > DEEPEST)
			return false;
		if (depth == 0 && (seen == ',' || seen == '}'))
			return true;
		if (seen == '"') {
			if (!take_string(json, &string))
				return false;
			continue;
		}
		depth += (seen == '[' || seen == '{') - (seen == ']' || seen == '}');
		if (depth < 0)
			return false;
		json->at++;
	}
}

static bool is_permuted(const int64_t *order, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (order[i] != (int64_t)i)
			return true;
	return false;
}

static enum arrow_tensor read_json(struct text json, size_t room, int64_t *shape, size_t *dimensions)
{
	int64_t order[16];
	size_t count = 0;
	bool found = false;
	struct text key;

	if (room > sizeof(order) / sizeof(*order) || !take(&json, '{'))
		return TENSOR_BROKEN;
	do {
		if (!take_string(&json, &key) || !take(&json, ':'))
			return TENSOR_BROKEN;
		if (is(&key, "shape"))
			found = take_list(&json, room, shape, dimensions);
		else if (!is(&key, "permutation") || next(&json) == 'n')
			skip(&json);
		else if (!take_list(&json, room, order, &count))
			return TENSOR_BROKEN;
	} while (take(&json, ','));
	if (!found || !take(&json, '}'))
		return TENSOR_BROKEN;
	return is_permuted(order, count) ? TENSOR_PERMUTED : TENSOR_FOUND;
}

enum arrow_tensor arrow_read_tensor(const char *metadata, size_t room, int64_t *shape, size_t *dimensions)
{
	struct text key, value, json = {NULL, NULL};
	bool is_tensor = false;
	int32_t pairs;

	if (!metadata)
		return TENSOR_NONE;
	if (!take_number(&metadata, &pairs, MOST_PAIRS))
		return TENSOR_BROKEN;
	while (pairs-- > 0) {
		if (!take_text(&metadata, &key) || !take_text(&metadata, &value))
			return TENSOR_BROKEN;
		is_tensor |= is(&key, NAME_KEY) && is(&value, TENSOR_EXTENSION);
		if (is(&key, SHAPE_KEY))
			json = value;
	}
	return is_tensor ? read_json(json, room, shape, dimensions) : TENSOR_NONE;
}
