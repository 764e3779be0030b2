/* SPDX-License-Identifier: Apache-2.0 */
/* The threads of a process, or of all processes of its control group, as /proc and /sys/fs/cgroup list them. */
#ifndef MLRUN_THREADS_H
#define MLRUN_THREADS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct threads {
	pid_t *ids;
	size_t count;
	size_t room;
};

/* Add those threads of `process` that are not among `threads` yet. Returns how many, or -1 with errno set. */
ssize_t add_threads_of_process(struct threads *threads, pid_t process);

/* The same for every process of the control group that `process` is in; ENOTSUP if it has none of its own. */
ssize_t add_threads_of_group(struct threads *threads, pid_t process);

void free_threads(struct threads *threads);

#endif
