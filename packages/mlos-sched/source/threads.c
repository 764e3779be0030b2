/* SPDX-License-Identifier: Apache-2.0 */
#include "threads.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool known(const struct threads *threads, pid_t thread)
{
	for (size_t i = 0; i < threads->count; i++)
		if (threads->ids[i] == thread)
			return true;
	return false;
}

static int add(struct threads *threads, pid_t thread)
{
	if (threads->count == threads->room) {
		size_t room = threads->room ? 2 * threads->room : 64;
		pid_t *ids = realloc(threads->ids, room * sizeof(*ids));

		if (!ids)
			return -1;
		threads->ids = ids;
		threads->room = room;
	}
	threads->ids[threads->count++] = thread;
	return 0;
}

ssize_t add_threads_of_process(struct threads *threads, pid_t process)
{
	char path[64];
	struct dirent *entry;
	ssize_t added = 0;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)process);
	folder = opendir(path);
	if (!folder) {
		if (errno == ENOENT)
			errno = ESRCH;
		return -1;
	}
	while ((entry = readdir(folder))) {
		pid_t thread = (pid_t)atoi(entry->d_name);

		if (thread == 0 || known(threads, thread)) /* `.` and `..` are no numbers */
			continue;
		if (add(threads, thread) < 0) {
			added = -1;
			break;
		}
		added++;
	}
	closedir(folder);
	return added;
}

/* The folder of a process's control group (version 2), which /proc/PID/cgroup names as `0::/PATH`. */
static int group_folder(pid_t process, char folder[PATH_MAX])
{
	char path[64], *line = NULL;
	size_t size = 0;
	int found = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)process);
	file = fopen(path, "re");
	if (!file) {
		if (errno == ENOENT)
			errno = ESRCH;
		return -1;
	}
	errno = ENOTSUP;
	while (getline(&line, &size, file) > 0)
		if (strncmp(line, "0::", 3) == 0) {
			line[strcspn(line, "\n")] = '\0';
			/* The root group is no service, but all that has no group of its own, the kernel's threads too. */
			if (strcmp(line, "0::/") != 0)
				found = snprintf(folder, PATH_MAX, "/sys/fs/cgroup%s", line + 3) < PATH_MAX ? 0 : -1;
		}
	free(line);
	fclose(file);
	return found;
}

static ssize_t add_threads_below(struct threads *threads, const char *folder)
{
	char path[PATH_MAX];
	struct dirent *entry;
	ssize_t added = 0;
	DIR *groups;
	FILE *file;
	int process;

	if (snprintf(path, sizeof(path), "%s/cgroup.procs", folder) >= PATH_MAX)
		return 0;
	file = fopen(path, "re");
	if (!file) {
		errno = ENOTSUP;
		return -1;
	}
	while (fscanf(file, "%d", &process) == 1) {
		ssize_t more = add_threads_of_process(threads, process);

		added += more > 0 ? more : 0; /* one that has ended since is no matter */
	}
	fclose(file);

	groups = opendir(folder);
	while (groups && (entry = readdir(groups))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) < PATH_MAX) {
			ssize_t more = add_threads_below(threads, path);

			added += more > 0 ? more : 0;
		}
	}
	if (groups)
		closedir(groups);
	return added;
}

ssize_t add_threads_of_group(struct threads *threads, pid_t process)
{
	char folder[PATH_MAX];

	if (group_folder(process, folder) < 0)
		return -1;
	return add_threads_below(threads, folder);
}

void free_threads(struct threads *threads)
{
	free(threads->ids);
	*threads = (struct threads){0};
}
