/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "header.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "dtype.h"
#include "json.h"

#define MOST_DIMENSIONS 64
#define METADATA "__metadata__"

enum { HAS_DTYPE = 1, HAS_SHAPE = 2, HAS_OFFSETS = 4, HAS_ALL = 7 };

/* What is being read. The arrays grow with what has been found, so that a file costs what it holds and not what it claims. */
struct reader {
	struct json json;
	struct header *header;
	size_t parts_room;
	size_t pairs_room;
	size_t numbers;
	size_t numbers_room;
	bool has_metadata;
	char *why;
};

int complain(char *why, const char *format, ...)
{
	va_list arguments;

	if (why) {
		va_start(arguments, format);
		vsnprintf(why, TENSORMEM_WHY, format, arguments);
		va_end(arguments);
		for (; *why; why++) /* names in a file must not reach a terminal as commands */
			if ((unsigned char)*why < 0x20 || *why == 0x7f)
				*why = '?';
	}
	return refuse(EBADMSG);
}

int check_header_length(uint64_t length, uint64_t size, char *why)
{
	if (length > LONGEST_HEADER || length > size - LENGTH_BYTES)
		return complain(why, "a header of %" PRIu64 " bytes in a file of %" PRIu64 "; at most %" PRIu64 " are allowed",
				length, size, LONGEST_HEADER);
	return 0;
}

/* The array, with room for one element more than the `count` that it has; NULL, and it is as it was, without memory. */
static void *grown(void *array, size_t count, size_t *room, size_t element)
{
	size_t more = *room ? *room * 2 : 16;

	if (count < *room)
		return array;
	array = reallocarray(array, more, element);
	if (array)
		*room = more;
	return array;
}

static int read_dtype(struct reader *reader, struct tensormem_part *part)
{
	const char *text = json_text(&reader->json);

	part->dtype = text ? dtype_of_safetensors(text) : 0;
	if (part->dtype == 0)
		return complain(reader->why, "%.60s has elements of a type that is not known: %.40s", part->name,
				text ? text : "(no text)");
	return 0;
}

static int read_shape(struct reader *reader, struct tensormem_part *part)
{
	struct header *header = reader->header;
	bool first = true;
	uint64_t *numbers;
	int more = -1;

	if (json_take(&reader->json, '['))
		while ((more = json_element(&reader->json, &first)) == 1) {
			numbers = grown(header->numbers, reader->numbers, &reader->numbers_room, sizeof(*numbers));
			if (!numbers)
				return -1;
			header->numbers = numbers;
			if (part->dimensions++ == MOST_DIMENSIONS ||
			    !json_natural(&reader->json, &header->numbers[reader->numbers++]))
				break;
		}
	return more == 0 ? 0 : complain(reader->why, "%.60s has no shape of at most %d lengths", part->name, MOST_DIMENSIONS);
}

static int read_offsets(struct reader *reader, struct tensormem_part *part)
{
	struct json *json = &reader->json;
	uint64_t end;

	if (!json_take(json, '[') || !json_natural(json, &part->offset) || !json_take(json, ',') || !json_natural(json, &end) ||
	    !json_take(json, ']') || end < part->offset)
		return complain(reader->why, "%.60s has no offsets of its first byte and behind its last", part->name);
	part->size = end - part->offset;
	return 0;
}

/* Bytes that the shape, the last one read, needs; false if that is not a number. */
static bool size_of(const struct reader *reader, const struct tensormem_part *part, uint64_t *size)
{
	const uint64_t *shape = reader->header->numbers + reader->numbers - part->dimensions;
	bool fits = true;

	*size = dtype_bits(part->dtype) / 8;
	for (uint32_t i = 0; i < part->dimensions; i++) {
		if (shape[i] == 0) {
			*size = 0;
			return true;
		}
		fits &= !__builtin_mul_overflow(*size, shape[i], size);
	}
	return fits;
}

/* Which one it was, 0 for a key that is not known, or -1. */
static int read_member(struct reader *reader, const char *key, struct tensormem_part *part)
{
	if (strcmp(key, "dtype") == 0)
		return read_dtype(reader, part) < 0 ? -1 : HAS_DTYPE;
	if (strcmp(key, "shape") == 0)
		return read_shape(reader, part) < 0 ? -1 : HAS_SHAPE;
	if (strcmp(key, "data_offsets") == 0)
		return read_offsets(reader, part) < 0 ? -1 : HAS_OFFSETS;
	return 0;
}

static int read_part(struct reader *reader, struct tensormem_part *part)
{
	bool first = true;
	int has = 0, more = -1;
	uint64_t needed;
	char *key;

	if (json_take(&reader->json, '{'))
		while ((more = json_member(&reader->json, &first, &key)) == 1) {
			int found = read_member(reader, key, part);

			if (found < 0)
				return -1;
			if (found == 0 || has & found)
				break;
			has |= found;
		}
	if (more != 0 || has != HAS_ALL)
		return complain(reader->why, "%.60s is to have dtype, shape and data_offsets once, and nothing else", part->name);
	if (!size_of(reader, part, &needed) || needed != part->size)
		return complain(reader->why, "%.60s takes %" PRIu64 " bytes, and its shape needs others", part->name, part->size);
	return 0;
}

static int read_metadata(struct reader *reader)
{
	struct header *header = reader->header;
	bool first = true;
	char *key, *value;
	const char **metadata;
	int more = -1;

	if (reader->has_metadata)
		return complain(reader->why, "the header names %s twice", METADATA);
	reader->has_metadata = true;
	if (json_take(&reader->json, '{'))
		while ((more = json_member(&reader->json, &first, &key)) == 1) {
			value = json_text(&reader->json);
			if (!value)
				break;
			metadata = grown(header->metadata, header->pairs, &reader->pairs_room, 2 * sizeof(*metadata));
			if (!metadata)
				return -1;
			header->metadata = metadata;
			header->metadata[2 * header->pairs] = key;
			header->metadata[2 * header->pairs++ + 1] = value;
		}
	return more == 0 ? 0 : complain(reader->why, "%s is to be an object of texts", METADATA);
}

static int read_all(struct reader *reader)
{
	struct header *header = reader->header;
	struct tensormem_part *parts;
	bool first = true;
	char *key;
	int more, result = 0;

	if (reader->json.at == reader->json.end || *reader->json.at != '{')
		return complain(reader->why, "the header does not begin with an object of JSON");
	reader->json.at++;
	while (result == 0 && (more = json_member(&reader->json, &first, &key)) == 1) {
		if (strcmp(key, METADATA) == 0) {
			result = read_metadata(reader);
			continue;
		}
		parts = grown(header->parts, header->count, &reader->parts_room, sizeof(*parts));
		if (!parts)
			return -1;
		header->parts = parts;
		header->parts[header->count] = (struct tensormem_part){.name = key};
		result = read_part(reader, &header->parts[header->count++]);
	}
	if (result < 0)
		return -1;
	if (more < 0 || !json_over(&reader->json))
		return complain(reader->why, "the header is no object of JSON");
	return 0;
}

static int by_place(const void *left, const void *right)
{
	const struct tensormem_part *one = left, *other = right;

	if (one->offset != other->offset)
		return one->offset < other->offset ? -1 : 1;
	if (one->size != other->size)
		return one->size < other->size ? -1 : 1;
	return strcmp(one->name, other->name); /* empty ones: the same order everywhere */
}

static int by_name(const void *left, const void *right)
{
	return strcmp((*(const struct tensormem_part *const *)left)->name, (*(const struct tensormem_part *const *)right)->name);
}

static int by_key(const void *left, const void *right)
{
	return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* Every byte of the data belongs to one part. */
static int check_places(const struct header *header, uint64_t data, char *why)
{
	uint64_t end = 0;

	for (size_t i = 0; i < header->count; i++) {
		const struct tensormem_part *part = &header->parts[i];

		if (part->offset != end)
			return complain(why, "%.60s begins at byte %" PRIu64 " of the data, and what is before it ends at %" PRIu64,
					part->name, part->offset, end);
		end += part->size; /* both below 2^63 */
	}
	return end == data ? 0 : complain(why, "the tensors end at byte %" PRIu64 " of %" PRIu64 " of data", end, data);
}

static int check_names(struct header *header, char *why)
{
	header->by_name = reallocarray(NULL, header->count + 1, sizeof(*header->by_name));
	if (!header->by_name)
		return -1;
	for (size_t i = 0; i < header->count; i++)
		header->by_name[i] = &header->parts[i];
	qsort(header->by_name, header->count, sizeof(*header->by_name), by_name);
	for (size_t i = 1; i < header->count; i++)
		if (by_name(&header->by_name[i - 1], &header->by_name[i]) == 0)
			return complain(why, "the header names %.60s twice", header->by_name[i]->name);
	if (header->pairs)
		qsort(header->metadata, header->pairs, 2 * sizeof(*header->metadata), by_key);
	for (size_t i = 1; i < header->pairs; i++)
		if (strcmp(header->metadata[2 * i - 2], header->metadata[2 * i]) == 0)
			return complain(why, "%s has %.60s twice", METADATA, header->metadata[2 * i]);
	return 0;
}

int header_read(char *text, size_t length, uint64_t data, struct header *header, char *why)
{
	struct reader reader = {.json = {text, text + length}, .header = header, .why = why};
	uint64_t *shape;
	int result;

	*header = (struct header){0};
	result = read_all(&reader);
	if (result == 0) {
		/* Where the shapes lie is known when their array grows no more; they are in the order of the text. */
		shape = header->numbers;
		for (size_t i = 0; i < header->count; shape += header->parts[i++].dimensions)
			header->parts[i].shape = shape;
		if (header->count)
			qsort(header->parts, header->count, sizeof(*header->parts), by_place);
		result = check_places(header, data, why);
	}
	if (result == 0)
		result = check_names(header, why);
	if (result < 0) {
		int error = errno;

		header_free(header);
		return refuse(error);
	}
	return 0;
}

void header_free(struct header *header)
{
	free(header->parts);
	free(header->by_name);
	free(header->metadata);
	free(header->numbers);
	*header = (struct header){0};
}
