// SPDX-License-Identifier: GPL-2.0
/*
 * What the accelerator hub costs and how it shares, on its software device. Meant for a guest whose clock counts
 * instructions: figures repeat.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "accel_hub.h"

/* <linux/sched/types.h> has it, and some C libraries, too. */
struct attributes { uint32_t size, policy; uint64_t flags; int32_t nice; uint32_t priority; uint64_t runtime, deadline, period; };
#define SCHED_ML 16U

#define US 1e3
#define SECOND 1000000000LL
#define ROUNDS 2000
#define CONTEXTS 64
#define JOBS 100000
#define FIRST_WAVE 1000 /* jobs of a context: it takes 1024 that have not ended */
#define FAULTS "/sys/kernel/debug/accel/accel_sim.0/"

static int device;

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void tell(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fail(path);
	close(fd);
}

static unsigned long number(const char *name)
{
	char path[128], text[32] = "";
	int fd;

	snprintf(path, sizeof(path), "/sys/class/accel_hub/0/%s", name);
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		fail(path);
	close(fd);
	return strtoul(text, NULL, 10);
}

static void become(uint32_t level)
{
	struct attributes attributes = {
		.size = sizeof(attributes), .policy = level ? SCHED_ML : 0, .priority = level,
	};

	if (syscall(SYS_sched_setattr, 0, &attributes, 0))
		fail("sched_setattr");
}

static uint32_t context_of(uint64_t model)
{
	struct context context = {.model = model};

	if (ioctl(device, DRM(CONTEXT, struct context), &context))
		fail("context");
	return context.id;
}

static uint64_t submit(uint32_t context)
{
	struct operation nop = {.code = NOP};
	struct submit submit = {.context = context, .operations = (uintptr_t)&nop, .operation_count = 1};

	if (ioctl(device, DRM(SUBMIT, struct submit), &submit))
		fail("submit");
	return submit.job;
}

/* Whether it has ended, at the latest in so many ns. */
static bool wait_for(uint32_t context, uint64_t job, int64_t patience, struct wait *result)
{
	*result = (struct wait){.context = context, .job = job, .deadline = patience ? (int64_t)now() + patience : 0};
	return !ioctl(device, DRM(WAIT, struct wait), result);
}

static void end_of(uint32_t context, uint64_t job, struct wait *result)
{
	if (!wait_for(context, job, 600 * SECOND, result))
		fail("wait");
}

static int ascending(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static double percentile(double *values, int count, int percent)
{
	qsort(values, count, sizeof(double), ascending);
	return values[count * percent / 100];
}

/* Two threads that answer each other: as many wake-ups as a job takes, there and back, and nothing else. */
static int there, back;

static void *answer(void *unused)
{
	uint64_t count;

	(void)unused;
	for (int i = 0; i < ROUNDS; i++) {
		if (read(there, &count, 8) != 8 || write(back, &count, 8) != 8)
			fail("answer");
	}
	return NULL;
}

static double wake_ups(void)
{
	static double took[ROUNDS];
	uint64_t count = 1;
	pthread_t thread;

	there = eventfd(0, 0);
	back = eventfd(0, 0);
	pthread_create(&thread, NULL, answer, NULL);
	for (int i = 0; i < ROUNDS; i++) {
		double start = now();

		if (write(there, &count, 8) != 8 || read(back, &count, 8) != 8)
			fail("ask");
		took[i] = now() - start;
	}
	pthread_join(thread, NULL);
	return percentile(took, ROUNDS, 50);
}

static double empty_jobs(void)
{
	static double took[ROUNDS];
	uint32_t context = context_of(0);
	struct wait result;

	for (int i = 0; i < ROUNDS; i++) {
		double start = now();

		end_of(context, submit(context), &result);
		took[i] = now() - start;
	}
	return percentile(took, ROUNDS, 50);
}

static bool an_empty_job_is_cheap(void)
{
	double wake = wake_ups(), job = empty_jobs();
	bool good = job - wake <= 50 * US;

	printf("%sok 1 an empty job takes 50 us more than the wake-ups # %.1f us, wake-ups %.1f us\n",
	       good ? "" : "not ", job / US, wake / US);
	return good;
}

/* All queues are busy while jobs are given. */
static void close_gate(void)
{
	tell(FAULTS "delay_us", "1000000");
	for (unsigned long i = number("queues"); i > 0; i--)
		submit(context_of(1000 + i));
	usleep(10000);
	tell(FAULTS "delay_us", "0");
}

static void give(const uint32_t *contexts, int each)
{
	for (int job = 0; job < each; job++) {
		for (int i = 0; i < CONTEXTS; i++)
			submit(contexts[i]);
	}
}

/* How many of its first jobs have ended. */
static int ended(uint32_t context)
{
	int least = 0, most = FIRST_WAVE;
	struct wait result;

	while (least < most) {
		int middle = (least + most + 1) / 2;

		if (wait_for(context, middle, 0, &result))
			least = middle;
		else
			most = middle - 1;
	}
	return least;
}

/* The least of a context's shares, of what it would have if all had the same. */
static double least_share(const uint32_t *contexts)
{
	int least = FIRST_WAVE, all = 0;

	for (int i = 0; i < CONTEXTS; i++) {
		int each = ended(contexts[i]);

		least = each < least ? each : least;
		all += each;
	}
	return (double)least * CONTEXTS / all;
}

static bool contexts_share(void)
{
	unsigned long before = number("jobs_done");
	unsigned long lost, gates = number("queues");
	const int rest = (JOBS + CONTEXTS - 1) / CONTEXTS - FIRST_WAVE;
	uint32_t contexts[CONTEXTS];
	struct wait result;
	double share;
	bool good;

	for (int i = 0; i < CONTEXTS; i++)
		contexts[i] = context_of(1 + i);
	close_gate();
	give(contexts, FIRST_WAVE);
	end_of(contexts[CONTEXTS / 2], FIRST_WAVE / 2, &result);
	share = least_share(contexts);
	for (int i = 0; i < CONTEXTS; i++)
		end_of(contexts[i], FIRST_WAVE, &result);
	give(contexts, rest);
	for (int i = 0; i < CONTEXTS; i++)
		end_of(contexts[i], FIRST_WAVE + rest, &result);
	lost = before + gates + (unsigned long)CONTEXTS * (FIRST_WAVE + rest) - number("jobs_done");
	printf("%sok 2 no job of 100,000 is lost # %lu of %d\n", lost ? "not " : "", lost,
	       CONTEXTS * (FIRST_WAVE + rest));
	good = share >= 0.9;
	printf("%sok 3 no context of 64 has less than 0.9 of its share # the least has %.3f\n", good ? "" : "not ", share);
	return good && !lost;
}

/* Jobs of 1 ms, more than the device can do at level 1, and now and then one at level 4. */
static bool levels_count(void)
{
	enum { LOW = 8, BACKLOG = 400, HIGH = 200 };
	static double of_low[LOW * BACKLOG], of_high[HIGH];
	uint32_t low[LOW], high = context_of(2000);
	double low_p99, high_p99;
	struct wait result;
	bool good;

	tell(FAULTS "delay_us", "1000");
	become(1);
	for (int i = 0; i < LOW; i++)
		low[i] = context_of(2001 + i);
	for (int job = 0; job < BACKLOG; job++) {
		for (int i = 0; i < LOW; i++)
			submit(low[i]);
	}
	become(4);
	for (int i = 0; i < HIGH; i++) {
		end_of(high, submit(high), &result);
		of_high[i] = (double)result.queued;
		usleep(1000);
	}
	become(0);
	for (int i = 0; i < LOW * BACKLOG; i++) {
		end_of(low[i / BACKLOG], 1 + i % BACKLOG, &result);
		of_low[i] = (double)result.queued;
	}
	tell(FAULTS "delay_us", "0");
	low_p99 = percentile(of_low, LOW * BACKLOG, 99);
	high_p99 = percentile(of_high, HIGH, 99);
	good = low_p99 >= 10 * high_p99;
	printf("%sok 4 level 4 waits a tenth of level 1 under overload # p99 %.2f ms, level 1 %.2f ms\n",
	       good ? "" : "not ", high_p99 / 1e6, low_p99 / 1e6);
	return good;
}

int main(void)
{
	bool good;

	setvbuf(stdout, NULL, _IOLBF, 0);
	device = open("/dev/accel/accel0", O_RDWR);
	if (device < 0)
		fail("/dev/accel/accel0");
	puts("KTAP version 1\n1..4");
	good = an_empty_job_is_cheap();
	good &= contexts_share();
	good &= levels_count();
	return !good;
}
