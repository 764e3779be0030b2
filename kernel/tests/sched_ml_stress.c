// SPDX-License-Identifier: GPL-2.0
/*
 * No task of SCHED_ML is lost, whatever happens at once: policies, nice, affinity, fork, yield and sleep by many threads,
 * while processors go and come, tasks move between control groups and the budget changes. What else goes wrong, a
 * kernel with lock debugging says on its console.
 *
 *	sched_ml_stress [SECONDS]
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SCHED_ML 16
#define PR_SCHED_ML 0x4d4c
#define THREADS 12
#define PATIENCE_SECONDS 20
#define GROUP "/sys/fs/cgroup/stress"

struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};

static atomic_bool stopped;
static atomic_ulong operations, lost_policies;
static atomic_int names[THREADS];
static int cpus;

static int set_policy(uint32_t number, uint32_t priority, uint64_t deadline)
{
	struct attributes attributes = {
		.size = sizeof(attributes), .policy = number, .priority = priority, .deadline = deadline};

	return (int)syscall(SYS_sched_setattr, 0, &attributes, 0);
}

static void spin(int rounds)
{
	for (volatile int i = 0; i < rounds; i++)
		;
}

static void change_affinity(unsigned int *seed)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(rand_r(seed) % (unsigned int)cpus, &set);
	if (rand_r(seed) % 2)
		for (int cpu = 0; cpu < cpus; cpu++)
			CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set); /* refused if the only one is off */
}

static void fork_one(unsigned int *seed)
{
	int status;
	pid_t child;

	if (rand_r(seed) % 20)
		return;
	set_policy(SCHED_ML, 2, 0);
	child = fork();
	if (child == 0) {
		spin(10000);
		_exit(sched_getscheduler(0) != SCHED_ML);
	}
	if (child > 0 && waitpid(child, &status, 0) == child && status)
		lost_policies++;
}

static void *disturb(void *number)
{
	unsigned int seed = (unsigned int)(uintptr_t)number + 1;

	names[(uintptr_t)number] = (int)syscall(SYS_gettid);
	while (!stopped) {
		switch (rand_r(&seed) % 13) {
		case 0:
		case 1:
			set_policy(SCHED_ML, 1 + rand_r(&seed) % 4, (1 + rand_r(&seed) % 50) * 1000000ULL);
			break;
		case 2:
			set_policy(SCHED_OTHER, 0, 0);
			break;
		case 3:
			set_policy(SCHED_RR, 1 + rand_r(&seed) % 5, 0);
			break;
		case 4:
			change_affinity(&seed);
			break;
		case 5:
			sched_yield();
			break;
		case 6:
			usleep(rand_r(&seed) % 2000);
			break;
		case 7:
			fork_one(&seed);
			break;
		case 8:
			prctl(PR_SCHED_ML, 0, (unsigned long)(rand_r(&seed) % 3), 0UL, 0UL);
			break;
		case 9:
			prctl(PR_SCHED_ML, 1, (unsigned long)(rand_r(&seed) % 2), 0UL, 0UL);
			break;
		case 10:
			/* Of a task that waits: a class is told of it where it may not push tasks. */
			setpriority(PRIO_PROCESS, (id_t)names[rand_r(&seed) % THREADS], (int)(rand_r(&seed) % 5));
			break;
		default:
			spin(3000);
		}
		operations++;
	}
	return NULL;
}

static bool write_text(const char *path, const char *text)
{
	int file = open(path, O_WRONLY | O_CLOEXEC);
	bool written = file >= 0 && write(file, text, strlen(text)) > 0;

	if (file >= 0)
		close(file);
	return written;
}

static void switch_processor(int cpu, bool on)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
	write_text(path, on ? "1" : "0");
}

static void change_surroundings(int round)
{
	char process[16];

	snprintf(process, sizeof(process), "%d", (int)getpid());
	write_text(round % 2 ? "/sys/fs/cgroup/cgroup.procs" : GROUP "/cgroup.procs", process);
	write_text("/proc/sys/kernel/sched_ml_runtime_us", round % 2 ? "20000" : "80000");
	if (cpus < 2)
		return;
	switch_processor(1 + round % (cpus - 1), false);
	usleep(150000);
	switch_processor(1 + round % (cpus - 1), true);
	usleep(150000);
}

static bool joined(pthread_t thread)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_SECONDS;
	return pthread_timedjoin_np(thread, NULL, &until) == 0;
}

static void judge(int number, bool passed, const char *name, unsigned long count)
{
	printf("%sok %d %s # %lu\n", passed ? "" : "not ", number, name, count);
}

int main(int count, char **arguments)
{
	struct sched_param above_all = {.sched_priority = 60};
	int seconds = count > 1 ? atoi(arguments[1]) : 60, rounds = 0, lost = 0;
	pthread_t threads[THREADS];
	struct timespec begin, now;

	if (set_policy(SCHED_ML, 1, 0)) {
		puts("1..0 # SKIP the kernel has no SCHED_ML");
		return 4;
	}
	set_policy(SCHED_OTHER, 0, 0);
	puts("KTAP version 1\n1..4");
	cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
	write_text("/sys/fs/cgroup/cgroup.subtree_control", "+cpu");
	mkdir(GROUP, 0755);
	for (uintptr_t i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, disturb, (void *)i))
			return 1;
	sched_setscheduler(0, SCHED_FIFO, &above_all);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	do {
		change_surroundings(rounds++);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec - begin.tv_sec < seconds);
	stopped = true;
	for (int i = 0; i < THREADS; i++)
		lost += !joined(threads[i]);
	write_text("/proc/sys/kernel/sched_ml_runtime_us", "80000");
	judge(1, lost == 0, "every thread comes to its end, of those that do not", (unsigned long)lost);
	judge(2, lost_policies == 0, "every child inherits, of those that do not", lost_policies);
	judge(3, sysconf(_SC_NPROCESSORS_ONLN) == cpus, "every processor came back, after rounds", (unsigned long)rounds);
	judge(4, operations > 1000, "operations", operations);
	return lost != 0;
}
