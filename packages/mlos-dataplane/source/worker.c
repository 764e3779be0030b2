/* SPDX-License-Identifier: Apache-2.0 */
#include "worker.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "park.h"
#include "pause.h"

/* Looks at all queues before falling asleep. */
#define IDLE_SPINS 200

/* SCHED_ML, as <mlos/sched.h> of mlos-sched has it: a kernel without that answers EINVAL. */
#define POLICY_ML 16
struct level_attributes {
	uint32_t size;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t level;
	uint64_t slice;
	uint64_t latency;
	uint64_t reserved;
	uint32_t util_min;
	uint32_t util_max;
};

static _Thread_local struct worker *self;

bool is_worker(void)
{
	return self != NULL;
}

bool is_worker_of(const struct dp_workers *workers)
{
	return self && self->workers == workers;
}

static unsigned int number_of(const struct worker *worker)
{
	return (unsigned int)(worker - worker->workers->all);
}

unsigned int own_number(void)
{
	return number_of(self);
}

static void count(shared_word *number)
{
	write_relaxed(number, read_relaxed(number) + 1);
}

/* Work from a queue; whoever waits for room there hears of it. */
static bool take(struct dp_workers *workers, struct worker *from, struct task *task)
{
	bool half;

	if (!tasks_take(&from->queue, task, &half))
		return false;
	if (half)
		gate_wake(&workers->room);
	return true;
}

/* Own work, then that of the own node, then the nearest other. */
static bool find(struct worker *worker, struct task *task)
{
	struct dp_workers *workers = worker->workers;

	if (take(workers, worker, task))
		return true;
	for (unsigned int i = 0; i + 1 < workers->count; i++)
		if (take(workers, &workers->all[worker->order[i]], task)) {
			count(i < worker->near ? &worker->from_own_node : &worker->from_other_node);
			return true;
		}
	return false;
}

static void run(struct worker *worker, const struct task *task)
{
	task->work(task->argument);
	count(&worker->done);
	if (task->group)
		dp_group_done(task->group);
}

bool work_once(void)
{
	struct task task;

	if (!find(self, &task))
		return false;
	run(self, &task);
	return true;
}

/* Whoever takes a worker's mark away has taken it out of the sleepers, too. */
static bool take_mark(struct worker *worker)
{
	uint32_t marked = 1;

	if (read_relaxed(&worker->parked) != 1 || !atomic_compare_exchange_strong(&worker->parked, &marked, 0))
		return false;
	atomic_fetch_sub_explicit(&worker->workers->sleepers, 1, memory_order_relaxed);
	return true;
}

bool worker_wake(struct worker *worker)
{
	if (!take_mark(worker))
		return false;
	unpark(&worker->parked, 1);
	return true;
}

void worker_notify(struct worker *worker)
{
	struct dp_workers *workers = worker->workers;

	/* Either the sleeper sees the work when it looks again, or we see the sleeper: see gate.h. */
	barrier_light();
	if (read_relaxed(&workers->sleepers) == 0 || worker_wake(worker))
		return;
	for (unsigned int i = 0; i + 1 < workers->count; i++)
		if (worker_wake(&workers->all[worker->order[i]]))
			return;
}

static bool find_patiently(struct worker *worker, struct task *task)
{
	for (int i = 0; i < IDLE_SPINS; i++) {
		if (find(worker, task))
			return true;
		pause_briefly();
	}
	return false;
}

/* Sleep until there is work, or nothing to wait for any more. True with work that was found on the way. */
static bool sleep_until_work(struct worker *worker, struct task *task)
{
	struct dp_workers *workers = worker->workers;

	write_relaxed(&worker->parked, 1);
	atomic_fetch_add(&workers->sleepers, 1);
	barrier_heavy();
	if (find(worker, task)) {
		take_mark(worker);
		return true;
	}
	if (read_acquire(&workers->closing))
		take_mark(worker);
	while (read_acquire(&worker->parked) == 1)
		park(&worker->parked, 1, -1);
	return false;
}

static bool next_task(struct worker *worker, struct task *task)
{
	for (;;) {
		/* First that, then the queues: what was submitted before the end began is found. */
		bool closing = read_acquire(&worker->workers->closing);

		if (find_patiently(worker, task))
			return true;
		/* What others still do may submit more, but then they are there to do it themselves. */
		if (closing)
			return false;
		if (sleep_until_work(worker, task))
			return true;
	}
}

static bool pin(unsigned int cpu)
{
	size_t size = CPU_ALLOC_SIZE(cpu + 1);
	cpu_set_t *set = CPU_ALLOC(cpu + 1);
	bool done;

	if (!set)
		return false;
	CPU_ZERO_S(size, set);
	CPU_SET_S(cpu, size, set);
	done = pthread_setaffinity_np(pthread_self(), size, set) == 0;
	CPU_FREE(set);
	return done;
}

static bool take_level(unsigned int level, uint64_t latency)
{
	struct level_attributes wish = {
		.size = sizeof(wish), .policy = POLICY_ML, .level = level, .latency = latency};

	return level > 0 && syscall(SYS_sched_setattr, 0, &wish, 0u) == 0;
}

static void settle(struct worker *worker)
{
	struct dp_workers *workers = worker->workers;
	char name[16];

	snprintf(name, sizeof(name), "dp-worker-%u", number_of(worker) % 10000);
	pthread_setname_np(pthread_self(), name);
	worker->pinned = pin(worker->cpu);
	worker->has_level = take_level(workers->level, workers->latency);
	/* Only now, on its own node. */
	tasks_prepare(&worker->queue, workers->cells + number_of(worker) * workers->capacity, workers->capacity);
}

void *worker_main(void *argument)
{
	struct worker *worker = argument;
	struct dp_workers *workers = worker->workers;
	struct task task;

	settle(worker);
	dp_group_done(&workers->settling);
	dp_group_wait(&workers->beginning, -1); /* the others' queues are no queues before they have settled */
	self = worker;
	while (!workers->abandoned && next_task(worker, &task))
		run(worker, &task);
	return NULL;
}
