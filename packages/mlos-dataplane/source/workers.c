/* SPDX-License-Identifier: Apache-2.0 */
/* A pool of workers: made, given work, and closed. What a worker does by itself is in worker.c. */
#include "mlos/workers.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "crew.h"
#include "wait.h"
#include "worker.h"

#define DEFAULT_CAPACITY 4096 /* 128 KiB for each worker */
#define MOST_CAPACITY (1u << 20)

static shared_word forks; /* that made this process, since the first pool of workers */

static void note_fork(void)
{
	write_relaxed(&forks, read_relaxed(&forks) + 1);
}

static void prepare_process(void)
{
	pthread_atfork(NULL, NULL, note_fork);
	barrier_prepare();
}

/* Start the threads; they come to rest before the first work. Signals are for the program's own threads. */
static int start(struct dp_workers *workers)
{
	sigset_t all, before;
	unsigned int started = 0;
	int error = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	dp_group_add(&workers->beginning, 1);
	while (started < workers->count && error == 0) {
		struct worker *worker = &workers->all[started];

		dp_group_add(&workers->settling, 1);
		error = pthread_create(&worker->thread, NULL, worker_main, worker);
		if (error == 0)
			started++;
		else
			dp_group_done(&workers->settling);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	dp_group_wait(&workers->settling, -1);
	workers->abandoned = error != 0;
	dp_group_done(&workers->beginning);
	for (unsigned int i = 0; error && i < started; i++)
		pthread_join(workers->all[i].thread, NULL);
	errno = error;
	return error ? -1 : 0;
}

struct dp_workers *dp_workers_create(const struct dp_workers_options *options)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	static const struct dp_workers_options none;
	struct dp_workers *workers;
	unsigned int capacity;

	if (!options)
		options = &none;
	capacity = options->capacity ? options->capacity : DEFAULT_CAPACITY;
	if (capacity > MOST_CAPACITY || (capacity & (capacity - 1)) || options->reserved) {
		errno = EINVAL;
		return NULL;
	}
	pthread_once(&once, prepare_process);
	workers = crew_gather(options, capacity);
	if (!workers)
		return NULL;
	workers->forks = read_relaxed(&forks);
	if (start(workers) < 0) {
		int error = errno;

		crew_dismiss(workers);
		errno = error;
		return NULL;
	}
	return workers;
}

void dp_workers_close(struct dp_workers *workers)
{
	if (!workers)
		return;
	if (workers->forks == read_relaxed(&forks)) { /* in a child there are no threads to wait for */
		write_release(&workers->closing, 1);
		barrier_light();
		for (unsigned int i = 0; i < workers->count; i++)
			worker_wake(&workers->all[i]);
		for (unsigned int i = 0; i < workers->count; i++)
			pthread_join(workers->all[i].thread, NULL);
	}
	crew_dismiss(workers);
}

/* Work for one of a row of workers. */
struct order {
	struct dp_workers *workers;
	struct task task;
	unsigned int first, count;
};

/* Put it into the first queue that has room, from a given one on; whose it is. NULL: all are full. */
static struct worker *put(const struct order *order, uint64_t from)
{
	for (unsigned int i = 0; i < order->count; i++) {
		struct worker *worker = &order->workers->all[order->first + (from + i) % order->count];

		if (tasks_put(&worker->queue, &order->task))
			return worker;
	}
	return NULL;
}

static bool put_from_outside(const struct order *order)
{
	uint64_t turn = atomic_fetch_add_explicit(&order->workers->next, 1, memory_order_relaxed);
	struct worker *worker = put(order, turn);

	if (worker)
		worker_notify(worker);
	return worker != NULL;
}

static uint64_t ready(void *order)
{
	return put_from_outside(order);
}

static int reason_to_stop(void *self)
{
	const struct order *order = self;

	return read_acquire(&order->workers->closing) ? ESHUTDOWN : 0;
}

/* A worker may be the one whom all the others wait for, so it does not wait for room, but makes it. */
static void put_or_do(const struct order *order)
{
	unsigned int own = own_number();
	bool is_near = own >= order->first && own - order->first < order->count;
	struct worker *worker = put(order, is_near ? own - order->first : 0);

	if (worker) {
		worker_notify(worker);
		return;
	}
	order->task.work(order->task.argument);
	if (order->task.group)
		dp_group_done(order->task.group);
}

static int submit(struct order *order, int64_t timeout)
{
	struct dp_workers *workers = order->workers;
	struct waiter waiter = {.gate = &workers->room, .self = order, .ready = ready, .reason_to_stop = reason_to_stop};

	if (is_worker_of(workers)) {
		put_or_do(order);
		return 0;
	}
	errno = reason_to_stop(order);
	if (errno)
		return -1;
	return put_from_outside(order) || wait_until_ready(&waiter, timeout) ? 0 : -1;
}

int dp_workers_submit(struct dp_workers *workers, int node, void (*work)(void *argument), void *argument,
		      struct dp_group *group, int64_t timeout)
{
	struct order order = {.workers = workers, .task = {work, argument, group}, .count = workers->count};
	int error;

	if (workers->forks != read_relaxed(&forks)) {
		errno = EBADF;
		return -1;
	}
	if (node != DP_ANY_NODE && !crew_near(workers, node, &order.first, &order.count)) {
		errno = EINVAL;
		return -1;
	}
	if (group)
		dp_group_add(group, 1);
	if (submit(&order, timeout) == 0)
		return 0;
	error = errno;
	if (group)
		dp_group_done(group);
	errno = error;
	return -1;
}

static void fulfil(void *of)
{
	struct dp_future *future = of;

	future->result = future->work(future->argument);
}

int dp_workers_start(struct dp_workers *workers, int node, struct dp_future *future, void *(*work)(void *argument),
		     void *argument, int64_t timeout)
{
	*future = (struct dp_future){.work = work, .argument = argument};
	return dp_workers_submit(workers, node, fulfil, future, &future->group, timeout);
}

void dp_workers_info(const struct dp_workers *workers, struct dp_workers_info *info)
{
	bool all_have_level = workers->level > 0;

	*info = (struct dp_workers_info){.threads = workers->count};
	for (unsigned int i = 0; i < workers->count; i++) {
		const struct worker *worker = &workers->all[i];

		info->nodes += i == 0 || worker[-1].node != worker->node;
		info->pinned += worker->pinned;
		all_have_level &= worker->has_level;
		info->done += read_relaxed(&worker->done);
		info->from_own_node += read_relaxed(&worker->from_own_node);
		info->from_other_node += read_relaxed(&worker->from_other_node);
	}
	info->level = all_have_level ? workers->level : 0;
}
