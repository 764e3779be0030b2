/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of names, and what the broker counts, as members of objects in JSON. */
#include <string.h>

#include "dtype.h"
#include "packet.h"

/* Characters that have no width, end a line, or turn the direction of what follows: names that look alike differ in them. */
static bool hidden(uint32_t character)
{
	return character < 0x20 || (character >= 0x7f && character < 0xa0) || (character >= 0x200b && character <= 0x200f) ||
	       (character >= 0x2028 && character <= 0x202e) || (character >= 0x2060 && character <= 0x206f) ||
	       character == 0xfeff;
}

bool valid_name(const char *name)
{
	const char *end = name + strlen(name);

	if (name == end || end - name >= TENSORMEM_NAMED_LENGTH)
		return false;
	while (name < end) {
		uint32_t character;
		size_t length = utf8_character(name, end, &character);

		if (length == 0 || hidden(character))
			return false;
		name += length;
	}
	return true;
}

const char *scope_name(uint32_t kind)
{
	return kind == TENSORMEM_SCOPE_GROUP ? "group" : "user";
}

uint32_t scope_kind(const char *name)
{
	if (strcmp(name, "user") == 0)
		return TENSORMEM_SCOPE_USER;
	return strcmp(name, "group") == 0 ? TENSORMEM_SCOPE_GROUP : 0;
}

void named_write(struct json_writer *writer, const struct tensormem_named *named)
{
	const char *dtype = dtype_name(named->dtype);

	json_put_text(writer, "name", named->name);
	json_put_text(writer, "scope", scope_name(named->scope.kind));
	json_put_number(writer, "number", named->scope.number);
	json_put_number(writer, "owner", named->owner);
	json_put_number(writer, "size", named->size);
	json_put_text(writer, "digest", named->digest);
	json_put_number(writer, "attached", named->attached);
	json_put_number(writer, "published", named->published);
	if (dtype)
		json_put_text(writer, "dtype", dtype);
	else
		json_put_word(writer, "dtype", "null");
	json_open(writer, "shape", '[');
	for (uint32_t i = 0; i < named->dimensions; i++)
		json_put_number(writer, NULL, named->shape[i]);
	json_close(writer, ']');
	json_put_word(writer, "huge", named->flags & TENSORMEM_INFO_HUGE ? "true" : "false");
	json_put_word(writer, "device", named->flags & TENSORMEM_INFO_DEVICE ? "true" : "false");
}

static bool copy_text(struct json *json, char *to, size_t room)
{
	const char *text = json_text(json);

	if (!text || strlen(text) >= room)
		return false;
	strcpy(to, text);
	return true;
}

static bool read_number(struct json *json, uint32_t *number)
{
	uint64_t found;

	if (!json_natural(json, &found) || found > UINT32_MAX)
		return false;
	*number = (uint32_t)found;
	return true;
}

static bool read_scope(struct json *json, struct tensormem_named *named)
{
	const char *text = json_text(json);

	named->scope.kind = text ? scope_kind(text) : 0;
	return named->scope.kind != 0;
}

static bool read_dtype(struct json *json, struct tensormem_named *named)
{
	const char *text;

	if (json_word(json, "null"))
		return true;
	text = json_text(json);
	named->dtype = text ? dtype_named(text) : 0;
	return text != NULL;
}

static bool read_shape(struct json *json, struct tensormem_named *named)
{
	bool first = true;
	int more;

	if (!json_take(json, '['))
		return false;
	while ((more = json_element(json, &first)) == 1)
		if (named->dimensions == TENSORMEM_DIMENSIONS || !json_natural(json, &named->shape[named->dimensions++]))
			return false;
	return more == 0;
}

static bool read_flag(struct json *json, struct tensormem_named *named, uint32_t flag)
{
	if (json_word(json, "true"))
		named->flags |= flag;
	else
		return json_word(json, "false");
	return true;
}

int named_read(struct json *json, const char *key, struct tensormem_named *named)
{
	bool good = false;

	if (strcmp(key, "name") == 0)
		good = copy_text(json, named->name, sizeof(named->name));
	else if (strcmp(key, "scope") == 0)
		good = read_scope(json, named);
	else if (strcmp(key, "number") == 0)
		good = read_number(json, &named->scope.number);
	else if (strcmp(key, "owner") == 0)
		good = read_number(json, &named->owner);
	else if (strcmp(key, "size") == 0)
		good = json_natural(json, &named->size);
	else if (strcmp(key, "digest") == 0)
		good = copy_text(json, named->digest, sizeof(named->digest));
	else if (strcmp(key, "attached") == 0)
		good = json_natural(json, &named->attached);
	else if (strcmp(key, "published") == 0)
		good = json_natural(json, &named->published);
	else if (strcmp(key, "dtype") == 0)
		good = read_dtype(json, named);
	else if (strcmp(key, "shape") == 0)
		good = read_shape(json, named);
	else if (strcmp(key, "huge") == 0)
		good = read_flag(json, named, TENSORMEM_INFO_HUGE);
	else if (strcmp(key, "device") == 0)
		good = read_flag(json, named, TENSORMEM_INFO_DEVICE);
	else
		return 0;
	return good ? 1 : -1;
}

/* The numbers of the statistics, and where they stand. */
static const struct {
	const char *key;
	size_t offset;
} counts[] = {
	{"published", offsetof(struct tensormem_statistics, published)},
	{"attached", offsetof(struct tensormem_statistics, attached)},
	{"shared", offsetof(struct tensormem_statistics, shared)},
	{"refused", offsetof(struct tensormem_statistics, refused)},
	{"started", offsetof(struct tensormem_statistics, started)},
	{"memory", offsetof(struct tensormem_statistics, memory)},
	{"memory_without_sharing", offsetof(struct tensormem_statistics, memory_without_sharing)},
};

void statistics_write(struct json_writer *writer, const struct tensormem_statistics *statistics)
{
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		json_put_number(writer, counts[i].key, *(const uint64_t *)((const char *)statistics + counts[i].offset));
}

int statistics_read(struct json *json, const char *key, struct tensormem_statistics *statistics)
{
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		if (strcmp(counts[i].key, key) == 0)
			return json_natural(json, (uint64_t *)((char *)statistics + counts[i].offset)) ? 1 : -1;
	return 0;
}
