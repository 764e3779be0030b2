/* SPDX-License-Identifier: Apache-2.0 */
#include "sysfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A whole decimal number, as in `node0`. */
static bool parse(const char *text, int *number)
{
	char *end;
	long value;

	if (*text < '0' || *text > '9')
		return false;
	value = strtol(text, &end, 10);
	*number = (int)value;
	return *end == '\0' && value <= INT_MAX;
}

int sysfs_numbered_entry(const char *folder, const char *prefix)
{
	size_t length = strlen(prefix);
	DIR *entries = opendir(folder);
	struct dirent *entry;
	int number, found = -1;

	if (!entries)
		return -1;
	while (found < 0 && (entry = readdir(entries)))
		if (strncmp(entry->d_name, prefix, length) == 0 && parse(entry->d_name + length, &number))
			found = number;
	closedir(entries);
	if (found < 0)
		errno = ENODATA;
	return found;
}

bool sysfs_read(const char *path, char *text, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;
	int error;

	if (fd < 0)
		return false;
	got = read(fd, text, room);
	error = got < 0 ? errno : EFBIG;
	close(fd);
	if (got < 0 || (size_t)got == room) {
		errno = error;
		return false;
	}
	text[got] = '\0';
	return true;
}

int sysfs_place_in_list(const char *list, unsigned int number)
{
	unsigned long place = 0;
	char *rest;

	while (*list >= '0' && *list <= '9') {
		unsigned long first = strtoul(list, &rest, 10), last = first;

		if (*rest == '-')
			last = strtoul(rest + 1, &rest, 10);
		if (first <= number && number <= last)
			return (int)(place + number - first);
		place += last - first + 1;
		list = *rest == ',' ? rest + 1 : rest;
	}
	return -1;
}
