// SPDX-License-Identifier: Apache-2.0
//
// workers TASKS ROUNDS: nanoseconds per task of the best round, for a pool of libdataplane, GLib's GThreadPool and oneTBB,
// each with a thread for every processor.
//
//	NAME TAB many TAB one TAB parts
//
// many: one thread submits so many tasks that add one to a number, and waits for all of them. one: it submits one and waits for
// it, again and again. parts: tasks split themselves in two until so many are done.

#include <glib.h>
#include <tbb/global_control.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "mlos/workers.h"

static std::atomic<unsigned long> sum;

static void expect(unsigned long expected)
{
	if (sum != expected) {
		fprintf(stderr, "%lu tasks instead of %lu\n", sum.load(), expected);
		exit(1);
	}
	sum = 0;
}

template <typename Run> static double best_of(unsigned long rounds, unsigned long tasks, Run run)
{
	double best = 1e18;

	for (unsigned long round = 0; round < rounds; round++) {
		auto start = std::chrono::steady_clock::now();

		run(tasks);
		std::chrono::duration<double, std::nano> time = std::chrono::steady_clock::now() - start;
		expect(tasks);
		best = std::min(best, time.count() / (double)tasks);
	}
	return best;
}

namespace dataplane {

static dp_workers *workers;
static dp_group all;

static void add(void *)
{
	sum.fetch_add(1, std::memory_order_relaxed);
}

static void many(unsigned long tasks)
{
	for (unsigned long i = 0; i < tasks; i++)
		dp_workers_submit(workers, DP_ANY_NODE, add, nullptr, &all, -1);
	dp_group_wait(&all, -1);
}

static void one(unsigned long tasks)
{
	for (unsigned long i = 0; i < tasks; i++) {
		dp_workers_submit(workers, DP_ANY_NODE, add, nullptr, &all, -1);
		dp_group_wait(&all, -1);
	}
}

static void split(void *of)
{
	unsigned long tasks = (unsigned long)of;

	for (; tasks > 1; tasks -= tasks / 2)
		dp_workers_submit(workers, DP_ANY_NODE, split, (void *)(tasks / 2), &all, -1);
	add(nullptr);
}

static void parts(unsigned long tasks)
{
	dp_workers_submit(workers, DP_ANY_NODE, split, (void *)tasks, &all, -1);
	dp_group_wait(&all, -1);
}

} // namespace dataplane

namespace glib {

static GThreadPool *pool;
static std::atomic<unsigned long> left;

static void finish()
{
	left.fetch_sub(1, std::memory_order_release);
	left.notify_one();
}

// It has no group to wait for.
static void wait()
{
	for (unsigned long now; (now = left.load(std::memory_order_acquire)) != 0;)
		left.wait(now);
}

static void submit(unsigned long tasks)
{
	left.fetch_add(1, std::memory_order_relaxed);
	g_thread_pool_push(pool, (void *)tasks, nullptr);
}

static void split(void *of, void *)
{
	unsigned long tasks = (unsigned long)of;

	for (; tasks > 1; tasks -= tasks / 2)
		submit(tasks / 2);
	sum.fetch_add(1, std::memory_order_relaxed);
	finish();
}

static void many(unsigned long tasks)
{
	for (unsigned long i = 0; i < tasks; i++)
		submit(1);
	wait();
}

static void one(unsigned long tasks)
{
	for (unsigned long i = 0; i < tasks; i++) {
		submit(1);
		wait();
	}
}

static void parts(unsigned long tasks)
{
	submit(tasks);
	wait();
}

} // namespace glib

namespace onetbb {

static tbb::task_arena *arena;
static tbb::task_group *group;

static void add()
{
	sum.fetch_add(1, std::memory_order_relaxed);
}

static void many(unsigned long tasks)
{
	arena->execute([tasks] {
		for (unsigned long i = 0; i < tasks; i++)
			group->run(add);
		group->wait();
	});
}

// From outside of the arena, so that another thread does it: the others have no choice either.
static void one(unsigned long tasks)
{
	for (unsigned long i = 0; i < tasks; i++) {
		std::atomic<bool> done = false;

		arena->enqueue([&done] {
			add();
			done.store(true, std::memory_order_release);
			done.notify_one();
		});
		done.wait(false);
	}
}

static void split(unsigned long tasks)
{
	for (; tasks > 1; tasks -= tasks / 2)
		group->run([half = tasks / 2] { split(half); });
	add();
}

static void parts(unsigned long tasks)
{
	arena->execute([tasks] {
		group->run([tasks] { split(tasks); });
		group->wait();
	});
}

} // namespace onetbb

template <typename Many, typename One, typename Parts>
static void measure(const char *name, unsigned long tasks, unsigned long rounds, Many many, One one, Parts parts)
{
	printf("%s\t%g", name, best_of(rounds, tasks, many));
	printf("\t%g", best_of(rounds, tasks / 50, one));
	printf("\t%g\n", best_of(rounds, tasks, parts));
	fflush(stdout);
}

int main(int count, char **arguments)
{
	unsigned int threads = std::thread::hardware_concurrency();
	unsigned long tasks, rounds;

	if (count != 3)
		return 2;
	tasks = strtoul(arguments[1], nullptr, 10);
	rounds = strtoul(arguments[2], nullptr, 10);

	dataplane::workers = dp_workers_create(nullptr);
	measure("dataplane", tasks, rounds, dataplane::many, dataplane::one, dataplane::parts);
	dp_workers_close(dataplane::workers);

	glib::pool = g_thread_pool_new(glib::split, nullptr, (int)threads, TRUE, nullptr);
	measure("GThreadPool", tasks, rounds, glib::many, glib::one, glib::parts);
	g_thread_pool_free(glib::pool, FALSE, TRUE);

	tbb::global_control limit(tbb::global_control::max_allowed_parallelism, threads + 1);
	tbb::task_arena arena((int)threads + 1);
	tbb::task_group group;
	onetbb::arena = &arena;
	onetbb::group = &group;
	measure("oneTBB", tasks, rounds, onetbb::many, onetbb::one, onetbb::parts);
	return 0;
}
