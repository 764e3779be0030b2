/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "json.h"

static void put(struct json_writer *writer, const char *text, size_t length)
{
	if (writer->full || length > writer->room - writer->used) {
		writer->full = true;
		return;
	}
	memcpy(writer->text + writer->used, text, length);
	writer->used += length;
}

static void new_line(struct json_writer *writer)
{
	if (!writer->lines)
		return;
	put(writer, "\n", 1);
	for (int i = 0; i < writer->depth; i++)
		put(writer, "  ", 2);
}

static void put_string(struct json_writer *writer, const char *text)
{
	put(writer, "\"", 1);
	for (; *text; text++) {
		char escape[8];
		int length = 1;

		if (*text == '"' || *text == '\\')
			length = snprintf(escape, sizeof(escape), "\\%c", *text);
		else if ((unsigned char)*text < 0x20)
			length = snprintf(escape, sizeof(escape), "\\u%04x", (unsigned int)*text);
		else
			escape[0] = *text;
		put(writer, escape, (size_t)length);
	}
	put(writer, "\"", 1);
}

/* Is the object or array that is open still empty? */
static bool is_first(const struct json_writer *writer)
{
	return writer->used && (writer->text[writer->used - 1] == '[' || writer->text[writer->used - 1] == '{');
}

/* The comma after what came before, and the key. */
static void begin(struct json_writer *writer, const char *key)
{
	if (writer->used && !is_first(writer))
		put(writer, ",", 1);
	if (writer->used)
		new_line(writer);
	if (!key)
		return;
	put_string(writer, key);
	put(writer, ": ", writer->lines ? 2 : 1);
}

void json_open(struct json_writer *writer, const char *key, char mark)
{
	begin(writer, key);
	put(writer, &mark, 1);
	writer->depth++;
}

void json_close(struct json_writer *writer, char mark)
{
	writer->depth--;
	if (!is_first(writer))
		new_line(writer);
	put(writer, &mark, 1);
}

void json_put_text(struct json_writer *writer, const char *key, const char *text)
{
	begin(writer, key);
	put_string(writer, text);
}

void json_put_word(struct json_writer *writer, const char *key, const char *word)
{
	begin(writer, key);
	put(writer, word, strlen(word));
}

void json_put_number(struct json_writer *writer, const char *key, uint64_t number)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%llu", (unsigned long long)number);
	json_put_word(writer, key, digits);
}

void json_put_fraction(struct json_writer *writer, const char *key, double number)
{
	char digits[32];

	snprintf(digits, sizeof(digits), "%.9g", number);
	json_put_word(writer, key, digits);
}
