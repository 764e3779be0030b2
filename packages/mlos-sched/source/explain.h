/* SPDX-License-Identifier: Apache-2.0 */
/* What mlrun tells people about a thread and about the class. */
#ifndef MLRUN_EXPLAIN_H
#define MLRUN_EXPLAIN_H

#include <stdio.h>
#include <sys/types.h>

/* `background`, `batch`, `serving`, `interactive`; NULL for what is no level. */
const char *level_name(unsigned int level);

/* The level of a name or a number; 0 if there is none. */
int level_of(const char *text);

/* `SCHED_ML`, `SCHED_OTHER`, ... */
const char *policy_name(unsigned int policy);

/* What the thread runs under, and what that means beside the other work of the machine. */
void explain_thread(FILE *out, pid_t thread);

/* The heading of a table of threads, and the row of one. The row is left out if the thread has ended. */
void show_heading(FILE *out);
void show_thread(FILE *out, pid_t thread);

#endif
