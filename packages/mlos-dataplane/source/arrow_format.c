/* SPDX-License-Identifier: Apache-2.0 */
#include "arrow_format.h"

#include <string.h>

/* A whole decimal number, without sign or leading zeros. -1: it is none, or more than Arrow's 32 bits. */
static int64_t parse(const char *text)
{
	int64_t number = 0;

	if (*text == '\0' || (*text == '0' && text[1] != '\0'))
		return -1;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		number = number * 10 + (*text - '0');
		if (number > INT32_MAX)
			return -1;
	}
	return number;
}

size_t arrow_item_size(const char *format)
{
	int64_t size;

	if (format[0] == 'w' && format[1] == ':') {
		size = parse(format + 2);
		return size > 0 ? (size_t)size : 0;
	}
	if (format[0] == '\0' || format[1] != '\0')
		return 0;
	switch (*format) {
	case 'c':
	case 'C':
		return 1;
	case 's':
	case 'S':
	case 'e':
		return 2;
	case 'i':
	case 'I':
	case 'f':
		return 4;
	case 'l':
	case 'L':
	case 'g':
		return 8;
	}
	return 0;
}

int64_t arrow_list_size(const char *format)
{
	return strncmp(format, "+w:", 3) == 0 ? parse(format + 3) : -1;
}

bool arrow_multiply(int64_t a, int64_t b, int64_t *product)
{
	return !__builtin_mul_overflow(a, b, product) && *product >= 0;
}
