/* SPDX-License-Identifier: Apache-2.0 */
/* Which node processors and devices belong to, and how far apart nodes are. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "mlos/numa.h"
#include "sysfs.h"

#define PROCESSORS SYSFS "/devices/system/cpu"
#define NODES SYSFS "/devices/system/node"
#define OWN 10 /* a node's distance from itself, by ACPI's rule */
#define TEXT 16384 /* more than a row of distances to 1024 nodes */

static int refuse(int error)
{
	errno = error;
	return -1;
}

int dp_numa_node_of_cpu(unsigned int cpu)
{
	char folder[PATH_MAX];
	int node;

	snprintf(folder, sizeof(folder), PROCESSORS "/cpu%u", cpu);
	node = sysfs_numbered_entry(folder, "node");
	if (node >= 0)
		return node;
	/* A kernel without NUMA, or a container without /sys, where nothing says that there are several nodes. */
	if (errno == ENODATA || (errno == ENOENT && access(PROCESSORS, F_OK) < 0))
		return 0;
	return errno == ENOENT ? refuse(EINVAL) : -1;
}

/* A row of distances has a column for each node that is online, whatever their numbers. */
static int column_of(unsigned int node)
{
	char online[TEXT];

	return sysfs_read(NODES "/online", online, sizeof(online)) ? sysfs_place_in_list(online, node) : -1;
}

int dp_numa_distance(unsigned int from, unsigned int to)
{
	char path[PATH_MAX], row[TEXT], *rest = row;
	int column = column_of(to);
	long distance = 0;

	snprintf(path, sizeof(path), NODES "/node%u/distance", from);
	if (!sysfs_read(path, row, sizeof(row)))
		return errno == ENOENT && from == 0 && to == 0 ? OWN : refuse(EINVAL);
	if (column < 0)
		return refuse(EINVAL);
	for (int i = 0; i <= column; i++) {
		char *start = rest;

		distance = strtol(start, &rest, 10);
		if (rest == start || distance <= 0 || distance > INT_MAX)
			return refuse(EBADMSG);
	}
	return (int)distance;
}

/* The folder below /sys of a device's file, or of what is such a folder already. */
static bool find_folder(const char *path, char folder[PATH_MAX])
{
	struct stat status;
	char link[PATH_MAX];
	const char *kind;

	if (stat(path, &status) < 0)
		return false;
	if (S_ISDIR(status.st_mode))
		return realpath(path, folder) != NULL;
	if (!S_ISBLK(status.st_mode) && !S_ISCHR(status.st_mode)) {
		errno = ENODEV;
		return false;
	}
	kind = S_ISBLK(status.st_mode) ? "block" : "char";
	snprintf(link, sizeof(link), SYSFS "/dev/%s/%u:%u", kind, major(status.st_rdev), minor(status.st_rdev));
	return realpath(link, folder) != NULL;
}

/* The number in `numa_node` of this very folder; -1 if there is none, or none is said. */
static int node_said_in(const char *folder)
{
	char path[PATH_MAX + sizeof("/numa_node")], text[32];

	snprintf(path, sizeof(path), "%s/numa_node", folder);
	return sysfs_read(path, text, sizeof(text)) ? atoi(text) : -1;
}

int dp_numa_node_of_device(const char *path)
{
	char folder[PATH_MAX];

	if (!find_folder(path, folder))
		return -1;
	/* What has no node of its own is as near as what it hangs on: a disk as its controller. */
	for (char *end = folder + strlen(folder); end && end != folder; end = strrchr(folder, '/')) {
		int node;

		*end = '\0';
		node = node_said_in(folder);
		if (node >= 0)
			return node;
	}
	return refuse(ENODATA);
}
