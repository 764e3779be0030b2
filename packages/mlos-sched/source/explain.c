/* SPDX-License-Identifier: Apache-2.0 */
#include "explain.h"

#include <stdlib.h>
#include <string.h>

#include "duration.h"
#include "mlos/sched.h"

static const char *const levels[] = {"background", "batch", "serving", "interactive"};

static const char *const policies[] = {
	[0] = "SCHED_OTHER", [1] = "SCHED_FIFO",     [2] = "SCHED_RR",  [3] = "SCHED_BATCH",
	[5] = "SCHED_IDLE",  [6] = "SCHED_DEADLINE", [7] = "SCHED_EXT", [SCHED_ML] = "SCHED_ML",
};

const char *level_name(unsigned int level)
{
	return level >= 1 && level <= MLOS_SCHED_LEVELS ? levels[level - 1] : NULL;
}

int level_of(const char *text)
{
	for (int level = 1; level <= MLOS_SCHED_LEVELS; level++) {
		char number[] = {(char)('0' + level), '\0'};

		if (strcmp(text, number) == 0 || strcmp(text, levels[level - 1]) == 0)
			return level;
	}
	return 0;
}

const char *policy_name(unsigned int policy)
{
	const char *name = policy < sizeof(policies) / sizeof(policies[0]) ? policies[policy] : NULL;

	return name ? name : "an unknown policy";
}

/* A number of /proc/sys/kernel/sched_ml_NAME in microseconds, as nanoseconds; 0 if it cannot be read. */
static uint64_t setting(const char *name)
{
	unsigned long microseconds = 0;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/sys/kernel/sched_ml_%s_us", name);
	file = fopen(path, "re");
	if (file) {
		if (fscanf(file, "%lu", &microseconds) != 1)
			microseconds = 0;
		fclose(file);
	}
	return (uint64_t)microseconds * 1000;
}

void explain_thread(FILE *out, pid_t thread)
{
	char latency[DURATION_SIZE], slice[DURATION_SIZE], runtime[DURATION_SIZE], period[DURATION_SIZE];
	struct mlos_sched_attr attr = {0};

	if (mlos_sched_get(thread, &attr) < 0)
		return;
	if (attr.policy != SCHED_ML) {
		fprintf(out, "  runs under %s, as it would without mlrun\n", policy_name(attr.policy));
		return;
	}
	fprintf(out, "  level %u (%s): runs before lower levels and before all ordinary work\n", attr.level,
		level_name(attr.level));
	fprintf(out, "  latency target %s: of one level, whoever's deadline comes first runs first\n",
		write_duration(attr.latency_ns, latency));
	fprintf(out, "  slice %s: how long equal threads take turns\n",
		write_duration(attr.slice_ns ? attr.slice_ns : setting("slice"), slice));
	fprintf(out, "  while others wait, the class has %s of every %s of a processor\n",
		write_duration(setting("runtime"), runtime), write_duration(setting("period"), period));
}

void show_heading(FILE *out)
{
	fprintf(out, "%7s  %-15s  %-14s  %-15s  %10s  %10s  %10s  %10s\n", "THREAD", "NAME", "POLICY", "LEVEL", "LATENCY",
		"SLICE", "JOBS", "LATE");
}

/* The value of `key` in /proc/THREAD/sched as text, or `-`: the kernel may have been built without that file. */
static void statistic(pid_t thread, const char *key, char value[24])
{
	char path[64], line[256], name[64];
	FILE *file;

	strcpy(value, "-");
	snprintf(path, sizeof(path), "/proc/%d/sched", (int)thread);
	file = fopen(path, "re");
	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		char number[24];

		if (sscanf(line, "%63s : %23s", name, number) == 2 && strcmp(name, key) == 0)
			strcpy(value, number);
	}
	fclose(file);
}

static void thread_name(pid_t thread, char name[16])
{
	char path[64];
	FILE *file;

	strcpy(name, "?");
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)thread);
	file = fopen(path, "re");
	if (!file)
		return;
	if (fgets(name, 16, file))
		name[strcspn(name, "\n")] = '\0';
	fclose(file);
}

void show_thread(FILE *out, pid_t thread)
{
	char name[16], level[24] = "-", latency[DURATION_SIZE] = "-", slice[DURATION_SIZE] = "-";
	char jobs[24] = "-", late[24] = "-";
	struct mlos_sched_attr attr = {0};

	if (mlos_sched_get(thread, &attr) < 0)
		return;
	thread_name(thread, name);
	if (attr.policy == SCHED_ML) {
		snprintf(level, sizeof(level), "%u %s", attr.level, level_name(attr.level));
		write_duration(attr.latency_ns, latency);
		write_duration(attr.slice_ns ? attr.slice_ns : setting("slice"), slice);
		statistic(thread, "ml.jobs", jobs);
		statistic(thread, "ml.misses", late);
	}
	fprintf(out, "%7d  %-15s  %-14s  %-15s  %10s  %10s  %10s  %10s\n", (int)thread, name, policy_name(attr.policy), level,
		latency, slice, jobs, late);
}
