/* SPDX-License-Identifier: Apache-2.0 */
#include "duration.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	uint64_t nanoseconds;
} units[] = {{"s", 1000000000}, {"ms", 1000000}, {"us", 1000}, {"ns", 1}};

#define UNITS (sizeof(units) / sizeof(units[0]))
#define LONGEST_SECONDS 1e9

bool read_duration(const char *text, uint64_t *nanoseconds)
{
	uint64_t unit = 0;
	double number;
	char *end;
	size_t i;

	if (!isdigit((unsigned char)*text)) /* strtod reads signs, `inf` and hexadecimal numbers as well */
		return false;
	if (strspn(text, "0123456789.") != strcspn(text, "nums"))
		return false;
	number = strtod(text, &end);
	for (i = 0; i < UNITS; i++)
		if (strcmp(end, units[i].name) == 0)
			unit = units[i].nanoseconds;
	if (*end == '\0')
		unit = 1000000;
	if (unit == 0 || number * (double)unit > LONGEST_SECONDS * 1e9)
		return false;
	*nanoseconds = (uint64_t)llround(number * (double)unit);
	return true;
}

const char *write_duration(uint64_t nanoseconds, char text[DURATION_SIZE])
{
	size_t i = 0;

	while (i + 1 < UNITS && (nanoseconds < units[i].nanoseconds || nanoseconds % (units[i].nanoseconds / 1000)))
		i++;
	snprintf(text, DURATION_SIZE, "%g %s", (double)nanoseconds / (double)units[i].nanoseconds, units[i].name);
	return text;
}
