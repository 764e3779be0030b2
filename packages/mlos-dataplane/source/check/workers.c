/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workers [ROUNDS [CASE...]]: what the manual page of dp_workers says, and a storm of work. Says `ok CASE` of each, or what is wrong and
 * ends with 1. For the sanitizers and valgrind, too.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mlos/workers.h"

static unsigned long rounds = 20000;

#define must(condition) must_(condition, __func__, __LINE__, #condition)

static void must_(int good, const char *function, int line, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s:%d: %s (%s)\n", function, line, what, strerror(errno));
	exit(1);
}

/* Work that waits until it is let go. */
struct latch {
	atomic_int arrived, open;
	atomic_int cpu; /* where it ran */
};

static void hold(void *of)
{
	struct latch *latch = of;

	latch->cpu = sched_getcpu();
	atomic_fetch_add(&latch->arrived, 1);
	while (!atomic_load(&latch->open))
		sched_yield();
}

static void add_one(void *number)
{
	atomic_fetch_add((atomic_ulong *)number, 1);
}

/* A storm: several threads submit, the work submits more, and somebody waits for each group. */

struct storm {
	struct dp_workers *workers;
	struct dp_group *group;
	atomic_ulong done;
};

static void submit_more(void *of)
{
	struct storm *storm = of;

	for (int i = 0; i < 3; i++)
		must(dp_workers_submit(storm->workers, DP_ANY_NODE, add_one, &storm->done, storm->group, -1) == 0);
	atomic_fetch_add(&storm->done, 1);
}

static void *submit_storm(void *workers)
{
	for (unsigned long round = 0; round < rounds / 100; round++) {
		struct dp_group group = {0};
		struct storm storm = {.workers = workers, .group = &group};

		for (int i = 0; i < 25; i++)
			must(dp_workers_submit(workers, i % 2, submit_more, &storm, &group, -1) == 0);
		must(dp_group_wait(&group, -1) == 0);
		must(storm.done == 100);
	}
	return NULL;
}

static int parity(unsigned int cpu)
{
	return (int)cpu % 2;
}

static int two_nodes(unsigned int from, unsigned int to)
{
	if (from > 2 || to > 2) {
		errno = EINVAL;
		return -1;
	}
	return from == to ? 10 : 20 + (int)from + (int)to;
}

static const struct dp_workers_options small = {
	.threads = 4, .capacity = 2, .node_of_cpu = parity, .distance = two_nodes};

static void a_storm_of_work_is_done_once(void)
{
	struct dp_workers *workers = dp_workers_create(&small);
	struct dp_workers_info info;
	pthread_t submitters[3];

	must(workers != NULL);
	for (int i = 0; i < 3; i++)
		must(pthread_create(&submitters[i], NULL, submit_storm, workers) == 0);
	for (int i = 0; i < 3; i++)
		pthread_join(submitters[i], NULL);
	dp_workers_info(workers, &info);
	must(info.threads == 4 && info.done <= 3 * rounds / 100 * 100);
	dp_workers_close(workers);
}

static void what_was_submitted_is_done_before_the_end(void)
{
	for (unsigned long round = 0; round < rounds / 200; round++) {
		struct dp_workers *workers = dp_workers_create(&(struct dp_workers_options){.threads = 3});
		struct storm storm = {.workers = workers};

		for (int i = 0; i < 20; i++)
			must(dp_workers_submit(workers, DP_ANY_NODE, submit_more, &storm, NULL, -1) == 0);
		dp_workers_close(workers);
		must(storm.done == 80);
	}
}

/* Work that waits for its own parts: there must be no deadlock, however few workers there are. */

static struct dp_workers *few;

static void *fibonacci(void *argument)
{
	uintptr_t number = (uintptr_t)argument;
	struct dp_future before;
	void *one, *other;

	if (number < 2)
		return argument;
	must(dp_workers_start(few, DP_ANY_NODE, &before, fibonacci, (void *)(number - 1), -1) == 0);
	one = fibonacci((void *)(number - 2));
	must(dp_future_wait(&before, -1, &other) == 0);
	return (void *)((uintptr_t)one + (uintptr_t)other);
}

static void work_may_wait_for_its_parts(void)
{
	for (unsigned int threads = 1; threads < 4; threads++) {
		struct dp_future whole;
		void *result;

		few = dp_workers_create(&(struct dp_workers_options){.threads = threads, .capacity = 4});
		must(few != NULL);
		must(dp_workers_start(few, DP_ANY_NODE, &whole, fibonacci, (void *)15, -1) == 0);
		must(dp_future_wait(&whole, -1, &result) == 0);
		must((size_t)result == 610);
		dp_workers_close(few);
	}
}

static void full_queues_hold_up_whoever_submits(void)
{
	struct dp_workers *workers = dp_workers_create(&(struct dp_workers_options){.threads = 1, .capacity = 2});
	struct dp_group group = {0};
	struct latch latch = {0};
	atomic_ulong done = 0;

	must(dp_workers_submit(workers, DP_ANY_NODE, hold, &latch, &group, -1) == 0);
	while (!latch.arrived)
		sched_yield();
	for (int i = 0; i < 2; i++)
		must(dp_workers_submit(workers, DP_ANY_NODE, add_one, &done, &group, 0) == 0);
	must(dp_workers_submit(workers, DP_ANY_NODE, add_one, &done, &group, 0) < 0 && errno == EAGAIN);
	must(dp_workers_submit(workers, DP_ANY_NODE, add_one, &done, &group, 1000000) < 0 && errno == ETIMEDOUT);
	must(dp_group_wait(&group, 0) < 0 && errno == EAGAIN);
	must(dp_group_wait(&group, 1000000) < 0 && errno == ETIMEDOUT);
	must(done == 0);
	latch.open = 1;
	must(dp_workers_submit(workers, DP_ANY_NODE, add_one, &done, &group, -1) == 0);
	must(dp_group_wait(&group, -1) == 0);
	must(done == 3);
	dp_workers_close(workers);
}

/* Who is the only one free takes its own node's work first. */

static struct {
	atomic_int length;
	int nodes[2 * 8];
} order;

static void note_node(void *node)
{
	order.nodes[atomic_fetch_add(&order.length, 1)] = *(int *)node;
}

static void work_is_taken_from_the_own_node_first(void)
{
	struct dp_workers_options options = {.threads = 4, .capacity = 8, .node_of_cpu = parity, .distance = two_nodes};
	struct dp_workers *workers = dp_workers_create(&options);
	struct dp_workers_info info;
	struct latch latches[4] = {0};
	struct dp_group group = {0}, notes = {0};
	static int numbers[] = {0, 1};
	int own;

	must(workers != NULL);
	dp_workers_info(workers, &info);
	if (info.nodes < 2) {
		puts("skip work_is_taken_from_the_own_node_first: a single processor");
		dp_workers_close(workers);
		return;
	}
	for (int i = 0; i < 4; i++) {
		must(dp_workers_submit(workers, DP_ANY_NODE, hold, &latches[i], &group, -1) == 0);
		while (!latches[i].arrived)
			sched_yield();
	}
	/* All are busy. What the one that is free first does not take from its own node it has to take from the other. */
	own = latches[2].cpu % 2;
	for (int i = 0; i < 8; i++)
		must(dp_workers_submit(workers, 1 - own, note_node, &numbers[1 - own], &notes, -1) == 0);
	for (int i = 0; i < 8; i++)
		must(dp_workers_submit(workers, own, note_node, &numbers[own], &notes, -1) == 0);
	latches[2].open = 1;
	must(dp_group_wait(&notes, -1) == 0);
	for (int i = 0; i < 16; i++)
		must(order.nodes[i] == (i < 8 ? own : 1 - own));
	for (int i = 0; i < 4; i++)
		latches[i].open = 1;
	must(dp_group_wait(&group, -1) == 0);
	dp_workers_info(workers, &info);
	must(info.from_other_node >= 8 && info.from_own_node >= 4);
	dp_workers_close(workers);
}

/* Work for a node without workers goes to the nearest that has some. */
static void a_node_without_processors_is_served_by_the_nearest(void)
{
	struct dp_workers *workers = dp_workers_create(&small);
	atomic_ulong done = 0;
	struct dp_group group = {0};

	must(dp_workers_submit(workers, 2, add_one, &done, &group, -1) == 0);
	must(dp_workers_submit(workers, 3, add_one, &done, &group, -1) < 0 && errno == EINVAL);
	must(dp_workers_submit(workers, -2, add_one, &done, &group, -1) < 0 && errno == EINVAL);
	must(dp_group_wait(&group, -1) == 0);
	must(done == 1);
	dp_workers_close(workers);
}

static void note_mask(void *set)
{
	must(pthread_getaffinity_np(pthread_self(), sizeof(cpu_set_t), set) == 0);
}

/* All processors have a worker, which stays there. */
static void everybody_has_a_place(const cpu_set_t *all)
{
	struct dp_workers *workers = dp_workers_create(NULL);
	struct dp_group group = {0};
	struct dp_workers_info info;
	cpu_set_t seen;

	must(workers != NULL);
	dp_workers_info(workers, &info);
	must(info.threads == (unsigned int)CPU_COUNT(all) && info.pinned == info.threads);
	must(dp_workers_submit(workers, DP_ANY_NODE, note_mask, &seen, &group, -1) == 0);
	must(dp_group_wait(&group, -1) == 0);
	must(CPU_COUNT(&seen) == 1);
	dp_workers_close(workers);
}

static void workers_stay_where_the_process_may_be(void)
{
	cpu_set_t all, one, seen;

	must(sched_getaffinity(0, sizeof(all), &all) == 0);
	everybody_has_a_place(&all);
	for (unsigned int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		struct dp_workers_info info;
		struct dp_workers *workers;
		struct dp_group group = {0};

		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		must(sched_setaffinity(0, sizeof(one), &one) == 0);
		workers = dp_workers_create(NULL);
		must(workers != NULL);
		must(sched_setaffinity(0, sizeof(all), &all) == 0);
		dp_workers_info(workers, &info);
		must(info.threads == 1 && info.pinned == 1 && info.level == 0);
		must(dp_workers_submit(workers, DP_ANY_NODE, note_mask, &seen, &group, -1) == 0);
		must(dp_group_wait(&group, -1) == 0);
		must(CPU_EQUAL(&seen, &one));
		dp_workers_close(workers);
	}
}

static void a_child_has_no_workers(void)
{
	struct dp_workers *workers = dp_workers_create(NULL);
	atomic_ulong done = 0;
	int status;
	pid_t child = fork();

	if (child == 0) {
		int refused = dp_workers_submit(workers, DP_ANY_NODE, add_one, &done, NULL, -1) < 0 && errno == EBADF;

		dp_workers_close(workers);
		_exit(!refused);
	}
	must(waitpid(child, &status, 0) == child && status == 0);
	must(dp_workers_submit(workers, 0, add_one, &done, NULL, -1) == 0);
	dp_workers_close(workers);
	must(done == 1);
}

static void a_level_that_the_kernel_lacks_is_told(void)
{
	struct dp_workers *workers = dp_workers_create(&(struct dp_workers_options){.level = 3});
	bool has_class = syscall(SYS_sched_get_priority_max, 16) == 4;
	struct dp_workers_info info;

	must(workers != NULL);
	dp_workers_info(workers, &info);
	must(has_class ? info.level == 3 || geteuid() != 0 : info.level == 0);
	dp_workers_close(workers);
}

static void wrong_options_are_refused(void)
{
	must(dp_workers_create(&(struct dp_workers_options){.capacity = 3}) == NULL && errno == EINVAL);
	must(dp_workers_create(&(struct dp_workers_options){.capacity = 1u << 21}) == NULL && errno == EINVAL);
	must(dp_workers_create(&(struct dp_workers_options){.threads = 10000}) == NULL && errno == EINVAL);
	must(dp_workers_create(&(struct dp_workers_options){.reserved = 1}) == NULL && errno == EINVAL);
	dp_workers_close(NULL);
}

#define CASE(name) {#name, name}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	CASE(a_storm_of_work_is_done_once),
	CASE(what_was_submitted_is_done_before_the_end),
	CASE(work_may_wait_for_its_parts),
	CASE(full_queues_hold_up_whoever_submits),
	CASE(work_is_taken_from_the_own_node_first),
	CASE(a_node_without_processors_is_served_by_the_nearest),
	CASE(workers_stay_where_the_process_may_be),
	CASE(a_child_has_no_workers),
	CASE(a_level_that_the_kernel_lacks_is_told),
	CASE(wrong_options_are_refused),
};

static int is_wanted(const char *name, int count, char **wanted)
{
	for (int i = 0; i < count; i++)
		if (strcmp(wanted[i], name) == 0)
			return 1;
	return count == 0;
}

int main(int count, char **arguments)
{
	if (count > 1)
		rounds = strtoul(arguments[1], NULL, 10);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (is_wanted(cases[i].name, count > 2 ? count - 2 : 0, arguments + 2)) {
			cases[i].run();
			printf("ok %s\n", cases[i].name);
			fflush(stdout);
		}
	return 0;
}
