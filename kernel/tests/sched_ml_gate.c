// SPDX-License-Identifier: GPL-2.0
/*
 * SCHED_ML beside SCHED_FIFO and SCHED_OTHER: four workloads and a context switch, with a bar for each figure. Meant for
 * one processor whose clock counts instructions: each figure then repeats, and is compared within this run.
 *
 * With the argument `table` nothing is judged: every policy is measured under every workload.
 *
 * A server gets work at random times, on average one piece in a period. Its latency is from when the work came to when
 * it was done. Hogs stand for all other work: they multiply matrices without a break.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SCHED_ML 16
#define SECONDS 4
#define MAX_THREADS 16
#define MAX_JOBS 4096
#define SIDE 16
#define MS 1000000ULL

enum policy { OTHER, NICE, FIFO, RR, ML };

struct workload {
	int servers, work_us, period_us;
	int batches; /* beside the servers, 30 ms of work every 100 ms under the same policy, at a lower level */
	int hogs, pipes;
};

static const struct workload inference = {.servers = 2, .work_us = 3000, .period_us = 20000, .hogs = 4};
static const struct workload crowd = {.servers = 2, .work_us = 3000, .period_us = 20000, .hogs = 8, .pipes = 4};
static const struct workload overload = {.servers = 4, .work_us = 15000, .period_us = 20000, .hogs = 2};
static const struct workload decode = {.servers = 1, .work_us = 2000, .period_us = 10000, .batches = 2, .hogs = 2};

struct figures {
	double p99_ms;
	double share;	       /* of the processor that was left to the hogs */
	double longest_gap_ms; /* for which no step of a hog was done */
};

struct thread {
	pthread_t id;
	unsigned int seed;
	const struct workload *load;
	uint64_t latencies[MAX_JOBS];
	size_t jobs;
	uint64_t steps, longest_gap;
	int in, out;
};

static atomic_bool started, stopped;
static enum policy policy;
static double nanoseconds_per_step;
static int tests;

/* The kernel's struct sched_attr. */
struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000ULL + (uint64_t)time.tv_nsec;
}

static void sleep_until(uint64_t when)
{
	struct timespec time = {(time_t)(when / 1000000000ULL), (long)(when % 1000000000ULL)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR)
		;
}

/* A level for SCHED_ML, a priority below that of the judge for the real-time policies, nothing for SCHED_OTHER. */
static void take_policy(int level, uint64_t deadline)
{
	static const uint32_t numbers[] = {
		[OTHER] = SCHED_OTHER, [NICE] = SCHED_OTHER, [FIFO] = SCHED_FIFO, [RR] = SCHED_RR, [ML] = SCHED_ML};
	struct attributes attributes = {.size = sizeof(attributes), .policy = numbers[policy]};

	if (policy == OTHER)
		return;
	if (policy == NICE)
		attributes.nice = -20;
	else
		attributes.priority = policy == ML ? (uint32_t)level : 10;
	attributes.deadline = policy == ML ? deadline : 0;
	if (syscall(SYS_sched_setattr, 0, &attributes, 0)) {
		perror("sched_setattr");
		exit(1);
	}
}

/* One step of work: a small product of matrices, which stays in the cache. */
static void step(unsigned int matrix[3][SIDE][SIDE])
{
	for (int i = 0; i < SIDE; i++)
		for (int k = 0; k < SIDE; k++)
			for (int j = 0; j < SIDE; j++)
				matrix[0][i][j] += matrix[1][i][k] * matrix[2][k][j];
	__asm__ volatile("" ::: "memory");
}

static void work(unsigned int matrix[3][SIDE][SIDE], double microseconds)
{
	long steps = lround(microseconds * 1000 / nanoseconds_per_step);

	while (steps-- > 0)
		step(matrix);
}

static void wait_for_start(void)
{
	while (!started)
		usleep(1000);
}

static void *server(void *argument)
{
	static _Thread_local unsigned int matrix[3][SIDE][SIDE];
	struct thread *thread = argument;
	const struct workload *load = thread->load;
	uint64_t period = (uint64_t)load->period_us * 1000, due;

	take_policy(load->batches ? 4 : 2, period / 2);
	wait_for_start();
	due = now() + (uint64_t)rand_r(&thread->seed) % period;
	while (!stopped) {
		sleep_until(due);
		work(matrix, load->work_us);
		if (thread->jobs < MAX_JOBS)
			thread->latencies[thread->jobs++] = now() - due;
		due += period / 2 + (uint64_t)rand_r(&thread->seed) % period;
		if (due + 2000 * MS < now()) /* hopelessly behind: what is measured is no queue of seconds */
			due = now();
	}
	return NULL;
}

static void *batch(void *argument)
{
	static _Thread_local unsigned int matrix[3][SIDE][SIDE];
	struct thread *thread = argument;
	uint64_t due;

	take_policy(1, 100 * MS);
	wait_for_start();
	due = now() + thread->seed * 7 * MS;
	while (!stopped) {
		sleep_until(due);
		work(matrix, 30000);
		due += 100 * MS;
		if (due < now())
			due = now();
	}
	return NULL;
}

static void *hog(void *argument)
{
	static _Thread_local unsigned int matrix[3][SIDE][SIDE];
	struct thread *thread = argument;
	uint64_t last, time;

	wait_for_start();
	for (last = now(); !stopped; last = time) {
		step(matrix);
		time = now();
		thread->steps++;
		if (time - last > thread->longest_gap)
			thread->longest_gap = time - last;
	}
	return NULL;
}

/* Hands on what comes, until there is nothing more. */
static void *pass_on(void *argument)
{
	struct thread *thread = argument;
	char byte;

	while (read(thread->in, &byte, 1) == 1 && byte) {
		thread->steps++;
		if (stopped)
			byte = 0;
		if (write(thread->out, &byte, 1) != 1 || !byte)
			break;
	}
	return NULL;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static double percentile_ms(struct thread *threads, int count, int percent)
{
	static uint64_t all[MAX_THREADS * MAX_JOBS];
	size_t jobs = 0;

	for (int i = 0; i < count; i++) {
		memcpy(all + jobs, threads[i].latencies, threads[i].jobs * sizeof(all[0]));
		jobs += threads[i].jobs;
	}
	if (!jobs)
		return INFINITY;
	qsort(all, jobs, sizeof(all[0]), by_size);
	return (double)all[jobs * (size_t)percent / 100] / (double)MS;
}

static void start(struct thread *thread, void *(*function)(void *), const struct workload *load, int seed)
{
	*thread = (struct thread){.load = load, .seed = (unsigned int)seed, .in = thread->in, .out = thread->out};
	if (pthread_create(&thread->id, NULL, function, thread)) {
		perror("pthread_create");
		exit(1);
	}
}

/* Who judges must not wait for those that are judged. */
static void take_judges_seat(bool seated)
{
	struct sched_param param = {.sched_priority = seated ? 50 : 0};

	sched_setscheduler(0, seated ? SCHED_FIFO : SCHED_OTHER, &param);
}

static void start_pair(struct thread pair[2])
{
	int there[2], back[2];

	if (pipe(there) || pipe(back)) {
		perror("pipe");
		exit(1);
	}
	pair[0].in = back[0], pair[0].out = there[1];
	pair[1].in = there[0], pair[1].out = back[1];
	start(&pair[0], pass_on, NULL, 0);
	start(&pair[1], pass_on, NULL, 0);
}

static void end_pair(struct thread pair[2])
{
	for (int i = 0; i < 2; i++)
		pthread_join(pair[i].id, NULL);
	for (int i = 0; i < 2; i++)
		close(pair[i].in), close(pair[i].out);
}

static struct figures measure(const struct workload *load, enum policy under)
{
	static struct thread servers[MAX_THREADS], batches[MAX_THREADS], hogs[MAX_THREADS], pairs[MAX_THREADS][2];
	struct figures figures = {0};
	uint64_t steps = 0, gap = 0;

	policy = under;
	started = stopped = false;
	for (int i = 0; i < load->hogs; i++)
		start(&hogs[i], hog, load, i);
	for (int i = 0; i < load->pipes; i++)
		start_pair(pairs[i]);
	for (int i = 0; i < load->servers; i++)
		start(&servers[i], server, load, i * 7919 + 1);
	for (int i = 0; i < load->batches; i++)
		start(&batches[i], batch, load, i);
	usleep(100000);
	for (int i = 0; i < load->pipes; i++)
		if (write(pairs[i][0].out, "x", 1) != 1)
			perror("write");
	started = true;
	take_judges_seat(true);
	sleep(SECONDS);
	stopped = true;
	take_judges_seat(false);
	for (int i = 0; i < load->servers; i++)
		pthread_join(servers[i].id, NULL);
	for (int i = 0; i < load->batches; i++)
		pthread_join(batches[i].id, NULL);
	for (int i = 0; i < load->pipes; i++)
		end_pair(pairs[i]);
	for (int i = 0; i < load->hogs; i++) {
		pthread_join(hogs[i].id, NULL);
		steps += hogs[i].steps;
		gap = hogs[i].longest_gap > gap ? hogs[i].longest_gap : gap;
	}
	figures.p99_ms = percentile_ms(servers, load->servers, 99);
	figures.share = (double)steps; /* made a share by whoever knows what a lone hog does */
	figures.longest_gap_ms = (double)gap / (double)MS;
	return figures;
}

/* Messages from thread to thread and back, both under one policy. */
static double switches_per_second(enum policy under)
{
	static struct thread pair[2];
	int there[2], back[2];

	policy = under;
	stopped = false;
	if (pipe(there) || pipe(back))
		return 0;
	pair[0].in = back[0], pair[0].out = there[1];
	pair[1].in = there[0], pair[1].out = back[1];
	take_policy(2, 10 * MS); /* inherited by both */
	start(&pair[0], pass_on, NULL, 0);
	start(&pair[1], pass_on, NULL, 0);
	take_judges_seat(true);
	if (write(pair[0].out, "x", 1) != 1)
		perror("write");
	sleep(1);
	stopped = true;
	take_judges_seat(false);
	end_pair(pair);
	return (double)(pair[0].steps + pair[1].steps);
}

static void calibrate(void)
{
	static unsigned int matrix[3][SIDE][SIDE];
	double best = INFINITY;

	for (int round = 0; round < 50; round++) {
		uint64_t begin = now();

		for (int i = 0; i < 20; i++)
			step(matrix);
		best = fmin(best, (double)(now() - begin) / 20);
	}
	nanoseconds_per_step = best;
}

static void judge(bool passed, const char *name, const char *format, double ours, double theirs)
{
	printf("%sok %d %s # ", passed ? "" : "not ", ++tests, name);
	printf(format, ours, theirs);
	putchar('\n');
}

static void judge_latency(const char *name, const struct workload *load)
{
	struct figures ml = measure(load, ML), fifo = measure(load, FIFO), other = measure(load, OTHER);
	char text[80];

	snprintf(text, sizeof(text), "%s: p99 at most 1.10 of SCHED_FIFO's", name);
	judge(ml.p99_ms <= 1.10 * fifo.p99_ms, text, "%.2f ms, %.2f ms", ml.p99_ms, fifo.p99_ms);
	snprintf(text, sizeof(text), "%s: p99 at most 0.25 of SCHED_OTHER's", name);
	judge(ml.p99_ms <= 0.25 * other.p99_ms, text, "%.2f ms, %.2f ms", ml.p99_ms, other.p99_ms);
}

static void judge_overload(void)
{
	static const struct workload alone = {.hogs = 1};
	struct figures solo = measure(&alone, OTHER), ml = measure(&overload, ML), fifo = measure(&overload, FIFO);

	judge(ml.share >= 0.17 * solo.share, "C: others keep at least 17 % of the processor",
	      "%.1f %%, under SCHED_FIFO %.1f %%", 100 * ml.share / solo.share, 100 * fifo.share / solo.share);
	judge(ml.longest_gap_ms <= 110, "C: others wait at most 110 ms", "%.1f ms, under SCHED_FIFO %.0f ms",
	      ml.longest_gap_ms, fifo.longest_gap_ms);
}

static bool set_feature(const char *name)
{
	FILE *file = fopen("/sys/kernel/debug/sched/features", "w");
	bool set = file && fputs(name, file) >= 0;

	return file && fclose(file) == 0 && set;
}

static void print_row(const char *name, enum policy under, double solo)
{
	struct figures a = measure(&inference, under), b = measure(&crowd, under), c = measure(&overload, under),
		       d = measure(&decode, under);

	printf("# | %s | %.2f | %.2f | %.1f | %.0f | %.2f |\n", name, a.p99_ms, b.p99_ms, 100 * c.share / solo,
	       c.longest_gap_ms, d.p99_ms);
}

static void print_table(void)
{
	static const struct workload alone = {.hogs = 1};
	double solo = measure(&alone, OTHER).share;

	puts("# | policy | A p99, ms | B p99, ms | C others, % | C longest gap, ms | D p99, ms |");
	print_row("SCHED_OTHER", OTHER, solo);
	print_row("nice -20", NICE, solo);
	if (set_feature("HRTICK")) {
		print_row("nice -20, HRTICK", NICE, solo);
		set_feature("NO_HRTICK");
	}
	print_row("SCHED_FIFO", FIFO, solo);
	print_row("SCHED_RR", RR, solo);
	print_row("SCHED_ML", ML, solo);
}

int main(int count, char **arguments)
{
	struct figures ml, fifo;
	double ours, theirs;

	if (sched_get_priority_max(SCHED_ML) < 0) {
		puts("1..0 # SKIP the kernel has no SCHED_ML");
		return 4;
	}
	calibrate();
	if (count > 1 && strcmp(arguments[1], "table") == 0) {
		print_table();
		puts("KTAP version 1\n1..1\nok 1 table");
		return 0;
	}
	puts("KTAP version 1\n1..8");
	judge_latency("A, two servers", &inference);
	judge_latency("B, two servers in a crowd", &crowd);
	judge_overload();
	ml = measure(&decode, ML), fifo = measure(&decode, FIFO);
	judge(ml.p99_ms <= 3, "D: p99 of decoding at most 3 ms beside batches", "%.2f ms, under SCHED_FIFO %.2f ms", ml.p99_ms,
	      fifo.p99_ms);
	ours = theirs = 0;
	for (int round = 0; round < 3; round++) {
		ours = fmax(ours, switches_per_second(ML));
		theirs = fmax(theirs, switches_per_second(RR));
	}
	judge(ours >= 0.97 * theirs, "E: switches inside the class at least 0.97 of SCHED_RR's", "%.0f/s, %.0f/s", ours, theirs);
	return 0;
}
