/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "json.h"

#define DEEPEST 32
#define LARGEST ((uint64_t)INT64_MAX)

static void skip_space(struct json *json)
{
	while (json->at < json->end && (*json->at == ' ' || *json->at == '\t' || *json->at == '\n' || *json->at == '\r'))
		json->at++;
}

bool json_take(struct json *json, char mark)
{
	skip_space(json);
	if (json->at == json->end || *json->at != mark)
		return false;
	json->at++;
	return true;
}

bool json_over(struct json *json)
{
	skip_space(json);
	return json->at == json->end;
}

size_t utf8_character(const char *at, const char *end, uint32_t *character)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *bytes = (const unsigned char *)at;
	size_t length = bytes[0] < 0x80 ? 1 : bytes[0] < 0xc0 ? 0 : bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : 4;

	if (length == 0 || bytes[0] > 0xf4 || (size_t)(end - at) < length)
		return 0;
	*character = length == 1 ? bytes[0] : bytes[0] & (0x7fU >> length);
	for (size_t i = 1; i < length; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
		*character = *character << 6 | (bytes[i] & 0x3f);
	}
	if (*character < smallest[length] || *character > 0x10ffff || (*character >= 0xd800 && *character < 0xe000))
		return 0;
	return length;
}

/* Write a character; at most as many bytes as its escape has. */
static size_t encode(char *to, uint32_t character)
{
	if (character < 0x80) {
		to[0] = (char)character;
		return 1;
	}
	if (character < 0x800) {
		to[0] = (char)(0xc0 | character >> 6);
		to[1] = (char)(0x80 | (character & 0x3f));
		return 2;
	}
	if (character < 0x10000) {
		to[0] = (char)(0xe0 | character >> 12);
		to[1] = (char)(0x80 | (character >> 6 & 0x3f));
		to[2] = (char)(0x80 | (character & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | character >> 18);
	to[1] = (char)(0x80 | (character >> 12 & 0x3f));
	to[2] = (char)(0x80 | (character >> 6 & 0x3f));
	to[3] = (char)(0x80 | (character & 0x3f));
	return 4;
}

/* Four hexadecimal digits, or -1. */
static int32_t four_digits(struct json *json)
{
	int32_t number = 0;

	if (json->end - json->at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char digit = *json->at++;

		if (digit >= '0' && digit <= '9')
			number = number << 4 | (digit - '0');
		else if ((digit | 0x20) >= 'a' && (digit | 0x20) <= 'f')
			number = number << 4 | ((digit | 0x20) - 'a' + 10);
		else
			return -1;
	}
	return number;
}

/* What stands behind `\u`; 0, which no text may have, if it is no character. */
static uint32_t escaped_unicode(struct json *json)
{
	int32_t number = four_digits(json), low;

	if (number < 0 || (number >= 0xdc00 && number < 0xe000))
		return 0;
	if (number < 0xd800 || number >= 0xe000)
		return (uint32_t)number;
	if (json->end - json->at < 2 || json->at[0] != '\\' || json->at[1] != 'u')
		return 0;
	json->at += 2;
	low = four_digits(json);
	if (low < 0xdc00 || low >= 0xe000)
		return 0;
	return 0x10000 + (((uint32_t)number - 0xd800) << 10 | ((uint32_t)low - 0xdc00));
}

/* What stands behind `\`; 0 if it is nothing. */
static uint32_t escaped(struct json *json)
{
	static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	const char *found;
	char letter;

	if (json->at == json->end)
		return 0;
	letter = *json->at++;
	if (letter == 'u')
		return escaped_unicode(json);
	found = letter ? strchr(letters, letter) : NULL;
	return found ? (unsigned char)meant[found - letters] : 0;
}

/* A string, decoded in its place if `write`; NULL if none stands there. */
static char *string(struct json *json, bool write)
{
	char *start, *to;

	if (!json_take(json, '"'))
		return NULL;
	start = to = json->at;
	while (json->at < json->end && *json->at != '"') {
		size_t length = 1;
		uint32_t character;

		if (*json->at == '\\') {
			json->at++;
			character = escaped(json);
			if (character == 0)
				return NULL;
		} else {
			length = utf8_character(json->at, json->end, &character);
			if (length == 0 || character < 0x20)
				return NULL;
			json->at += length;
		}
		if (write)
			to += encode(to, character);
	}
	if (!json_take(json, '"'))
		return NULL;
	if (write)
		*to = '\0';
	return start;
}

char *json_text(struct json *json)
{
	return string(json, true);
}

static bool digits(struct json *json)
{
	const char *start = json->at;

	while (json->at < json->end && *json->at >= '0' && *json->at <= '9')
		json->at++;
	return json->at > start;
}

bool json_natural(struct json *json, uint64_t *number)
{
	const char *start;

	skip_space(json);
	start = json->at;
	if (!digits(json) || (*start == '0' && json->at - start > 1))
		return false;
	*number = 0;
	for (const char *at = start; at < json->at; at++)
		if (__builtin_mul_overflow(*number, 10, number) || __builtin_add_overflow(*number, *at - '0', number) ||
		    *number > LARGEST)
			return false;
	return json->at == json->end || (*json->at != '.' && (*json->at | 0x20) != 'e');
}

static bool skip_number(struct json *json)
{
	const char *start;

	if (json->at < json->end && *json->at == '-')
		json->at++;
	start = json->at;
	if (!digits(json) || (*start == '0' && json->at - start > 1))
		return false;
	if (json->at < json->end && *json->at == '.') {
		json->at++;
		if (!digits(json))
			return false;
	}
	if (json->at < json->end && (*json->at | 0x20) == 'e') {
		json->at++;
		if (json->at < json->end && (*json->at == '+' || *json->at == '-'))
			json->at++;
		return digits(json);
	}
	return true;
}

bool json_word(struct json *json, const char *word)
{
	size_t length = strlen(word);

	skip_space(json);
	if ((size_t)(json->end - json->at) < length || memcmp(json->at, word, length) != 0)
		return false;
	json->at += length;
	return true;
}

int json_element(struct json *json, bool *first)
{
	bool begins = *first;

	*first = false;
	if (json_take(json, ']'))
		return 0;
	return begins || json_take(json, ',') ? 1 : -1;
}

/* A member's key and its colon. 0: the object ends here. */
static int member(struct json *json, bool *first, char **key, bool write)
{
	bool begins = *first;

	*first = false;
	if (json_take(json, '}'))
		return 0;
	if (!begins && !json_take(json, ','))
		return -1;
	*key = string(json, write);
	return *key && json_take(json, ':') ? 1 : -1;
}

int json_member(struct json *json, bool *first, char **key)
{
	return member(json, first, key, true);
}

static bool skip(struct json *json, int depth)
{
	bool first = true, object;
	int more = 1;
	char *key;

	skip_space(json);
	if (json->at == json->end || depth > DEEPEST)
		return false;
	if (*json->at == '"')
		return string(json, false) != NULL;
	if (*json->at != '{' && *json->at != '[')
		return json_word(json, "true") || json_word(json, "false") || json_word(json, "null") || skip_number(json);
	object = *json->at++ == '{';
	while (more == 1) {
		more = object ? member(json, &first, &key, false) : json_element(json, &first);
		if (more == 1 && !skip(json, depth + 1))
			return false;
	}
	return more == 0;
}

bool json_skip(struct json *json)
{
	return skip(json, 1);
}
