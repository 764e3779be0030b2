/* SPDX-License-Identifier: Apache-2.0 */
/* Which device is meant, and whether it is one of the hub: other drivers give the same numbers to other calls. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "device.h"
#include "refusal.h"
#include "words.h"

#define CLASS "/sys/class/accel_hub"

/* What a file of sysfs says; "" if it says nothing. */
static void read_text(const char *folder, const char *name, char *text, size_t size)
{
	char path[PATH_MAX];
	ssize_t length;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	length = fd < 0 ? 0 : read(fd, text, size - 1);
	text[length > 0 ? length : 0] = 0;
	text[strcspn(text, "\n")] = 0;
	if (fd >= 0)
		close(fd);
}

static unsigned long read_number(const char *folder, const char *name)
{
	char text[32];

	read_text(folder, name, text, sizeof(text));
	return strtoul(text, NULL, 10);
}

static int is_number(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && !entry->d_name[strspn(entry->d_name, "0123456789")];
}

/* The hub also lists devices of other drivers. */
static bool is_listed_only(const char *folder)
{
	return read_number(folder, "foreign") == 1;
}

static bool is_of_hub(int fd)
{
	char folder[64], listed[PATH_MAX];
	struct dirent **entries;
	bool found = false;
	struct stat status;
	int count;

	if (fstat(fd, &status) < 0 || !S_ISCHR(status.st_mode))
		return false;
	snprintf(folder, sizeof(folder), "/sys/dev/char/%u:%u/device/accel_hub", major(status.st_rdev), minor(status.st_rdev));
	count = scandir(folder, &entries, is_number, NULL);
	for (int i = 0; i < count; i++) {
		snprintf(listed, sizeof(listed), "%s/%s", folder, entries[i]->d_name);
		found |= !is_listed_only(listed);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return found;
}

struct mlaccel_device *mlaccel_open_node(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		refuse(errno, "%s: %s", path, strerrordesc_np(errno));
		return NULL;
	}
	if (!is_of_hub(fd)) {
		close(fd);
		refuse(ENODEV, "%s: no device of the accelerator hub", path);
		return NULL;
	}
	return device_of(fd);
}

struct mlaccel_device *mlaccel_open(unsigned int number)
{
	char link[64], target[PATH_MAX], path[PATH_MAX + 16];
	ssize_t length;

	snprintf(link, sizeof(link), CLASS "/%u/accel", number);
	length = readlink(link, target, sizeof(target) - 1);
	if (length < 0) {
		refuse(ENODEV, "there is no device %u in " CLASS, number);
		return NULL;
	}
	target[length] = 0;
	snprintf(path, sizeof(path), "/dev/accel/%s", basename(target));
	return mlaccel_open_node(path);
}

struct candidate {
	unsigned int number;
	bool software;
	unsigned long waiting; /* thousandths of a job for each queue */
	unsigned long load;
};

/* Whether a device can do all this, and what speaks for it. */
static bool is_candidate(const char *name, uint64_t capabilities, struct candidate *candidate)
{
	char folder[PATH_MAX], text[256];
	unsigned long queues;

	snprintf(folder, sizeof(folder), CLASS "/%s", name);
	read_text(folder, "capabilities", text, sizeof(text));
	if (capabilities & ~capabilities_in(text) || is_listed_only(folder))
		return false;
	read_text(folder, "power_state", text, sizeof(text));
	if (strcmp(text, "off") == 0)
		return false;
	read_text(folder, "kind", text, sizeof(text));
	queues = read_number(folder, "queues");
	*candidate = (struct candidate){
		.number = (unsigned int)strtoul(name, NULL, 10),
		.software = strcmp(text, "sim") == 0,
		.waiting = read_number(folder, "queue_depth") * 1000 / (queues ? queues : 1),
		.load = read_number(folder, "load"),
	};
	return true;
}

static int compare(const void *left, const void *right)
{
	const struct candidate *a = left, *b = right;

	if (a->software != b->software)
		return a->software - b->software;
	if (a->waiting != b->waiting)
		return a->waiting < b->waiting ? -1 : 1;
	if (a->load != b->load)
		return a->load < b->load ? -1 : 1;
	return a->number < b->number ? -1 : 1;
}

/* All that can do it, the best first; to be given to free(). */
static struct candidate *candidates_for(uint64_t capabilities, size_t *count)
{
	struct candidate *found = NULL;
	struct dirent **entries;
	int listed = scandir(CLASS, &entries, is_number, NULL);

	*count = 0;
	if (listed > 0)
		found = calloc((size_t)listed, sizeof(*found));
	for (int i = 0; i < listed; i++) {
		if (found && is_candidate(entries[i]->d_name, capabilities, &found[*count]))
			++*count;
		free(entries[i]);
	}
	if (listed >= 0)
		free(entries);
	if (*count)
		qsort(found, *count, sizeof(*found), compare);
	return found;
}

struct mlaccel_device *mlaccel_open_best(uint64_t capabilities)
{
	size_t count;
	struct candidate *candidates = candidates_for(capabilities, &count);
	struct mlaccel_device *device = NULL;
	char words[128];

	if (!count)
		refuse(ENODEV, "no device of the accelerator hub can: %s", words_of(capabilities, words, sizeof(words)));
	for (size_t i = 0; i < count && !device; i++)
		device = mlaccel_open(candidates[i].number);
	free(candidates);
	return device;
}
