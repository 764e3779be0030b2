/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON (RFC 8259), read strictly and written. The reader takes one value after another and allocates nothing: whoever calls
 * it says what is to come, so nothing can be nested deeper than that. Text is decoded where it stands.
 */
#ifndef TENSORMEM_JSON_H
#define TENSORMEM_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is still to be read. */
struct json {
	char *at;
	const char *end;
};

/* Space, and then this character; false, and only the space is taken, if another one stands there. */
bool json_take(struct json *json, char mark);

/* A string in UTF-8, with a zero at its end, which stays where it was read; NULL if none stands there. It has no zero. */
char *json_text(struct json *json);

/* A whole number from 0 to 2^63 - 1, written without fraction and exponent. */
bool json_natural(struct json *json, uint64_t *number);

/* `true`, `false`, `null`. */
bool json_word(struct json *json, const char *word);

/* Any value, unchanged, in at most 32 levels. */
bool json_skip(struct json *json);

/* Nothing but space is left. */
bool json_over(struct json *json);

/* The key of an object's next member, after `{` (`*first`) or a comma. 0: it is the last `}`; -1: malformed. */
int json_member(struct json *json, bool *first, char **key);

/* Likewise an element of an array, whose value comes next. */
int json_element(struct json *json, bool *first);

/* Text that grows up to `room`; what has no place sets `full`, and `used` stays what fits. */
struct json_writer {
	char *text;
	size_t room;
	size_t used;
	bool full;
	bool lines; /* for people: a member or element to a line */
	int depth;
};

/* `{` or `[`, and its end. `key` is NULL for what is no member of an object, here and below. */
void json_open(struct json_writer *writer, const char *key, char mark);
void json_close(struct json_writer *writer, char mark);
void json_put_text(struct json_writer *writer, const char *key, const char *text);
void json_put_number(struct json_writer *writer, const char *key, uint64_t number);
void json_put_fraction(struct json_writer *writer, const char *key, double number);
void json_put_word(struct json_writer *writer, const char *key, const char *word);

/* Bytes of the UTF-8 character that `at` begins with, and the character; 0 if it is none. */
size_t utf8_character(const char *at, const char *end, uint32_t *character);

#endif
