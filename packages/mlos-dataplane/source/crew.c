/* SPDX-License-Identifier: Apache-2.0 */
#include "crew.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>

#include "mlos/numa.h"

#define MOST_CPUS 8192 /* the kernel's own limit (CONFIG_NR_CPUS) */
#define MOST_THREADS 8192
#define FAR INT_MAX

struct place {
	unsigned int node;
	unsigned int cpu;
};

/* By node, so that the workers of one stand in a row. */
static int compare_places(const void *one, const void *other)
{
	const struct place *a = one, *b = other;

	if (a->node != b->node)
		return a->node < b->node ? -1 : 1;
	return a->cpu < b->cpu ? -1 : a->cpu > b->cpu;
}

/* The processors that this process may use, at most `room`. Returns how many; -1 with errno. */
static int find_places(struct place *places, int room, int (*node_of_cpu)(unsigned int cpu))
{
	size_t size = CPU_ALLOC_SIZE(MOST_CPUS);
	cpu_set_t *allowed = CPU_ALLOC(MOST_CPUS);
	int found = 0, node = 0;

	if (!allowed)
		return -1;
	if (sched_getaffinity(0, size, allowed) < 0)
		node = -1;
	for (unsigned int cpu = 0; node >= 0 && cpu < MOST_CPUS && found < room; cpu++)
		if (CPU_ISSET_S(cpu, size, allowed)) {
			node = node_of_cpu(cpu);
			if (node >= 0)
				places[found++] = (struct place){(unsigned int)node, cpu};
		}
	CPU_FREE(allowed);
	return node < 0 ? -1 : found;
}

struct neighbour {
	int distance;
	unsigned int turn; /* workers of one node begin with different neighbours, so that they do not meet */
	unsigned int number;
};

/* 0 within a node, whatever the machine says; beyond all others where it says nothing. */
static int distance_between(const struct dp_workers *workers, unsigned int from, unsigned int to)
{
	int distance = from == to ? 0 : workers->distance(from, to);

	return distance < 0 ? FAR : distance;
}

static int compare_neighbours(const void *one, const void *other)
{
	const struct neighbour *a = one, *b = other;

	if (a->distance != b->distance)
		return a->distance < b->distance ? -1 : 1;
	return a->turn < b->turn ? -1 : 1;
}

static bool order_neighbours(struct dp_workers *workers, unsigned int number)
{
	struct worker *worker = &workers->all[number];
	unsigned int others = workers->count - 1, *order = workers->orders + (size_t)number * others;
	unsigned int node = worker->node;
	int distance = 0;
	struct neighbour *neighbours = calloc(others + 1, sizeof(*neighbours));

	if (!neighbours)
		return false;
	for (unsigned int i = 0; i < others; i++) {
		unsigned int other = (number + 1 + i) % workers->count;

		/* They stand in rows, and the kernel is asked once for each. */
		if (workers->all[other].node != node) {
			node = workers->all[other].node;
			distance = distance_between(workers, worker->node, node);
		}
		neighbours[i] = (struct neighbour){distance, i, other};
	}
	qsort(neighbours, others, sizeof(*neighbours), compare_neighbours);
	for (unsigned int i = 0; i < others; i++) {
		order[i] = neighbours[i].number;
		worker->near += workers->all[order[i]].node == worker->node;
	}
	worker->order = order;
	free(neighbours);
	return true;
}

static bool take_places(struct dp_workers *workers, const struct place *places, unsigned int cpus)
{
	struct place *taken = calloc(workers->count, sizeof(*taken));

	if (!taken)
		return false;
	for (unsigned int i = 0; i < workers->count; i++)
		taken[i] = places[i % cpus];
	qsort(taken, workers->count, sizeof(*taken), compare_places);
	for (unsigned int i = 0; i < workers->count; i++) {
		workers->all[i].workers = workers;
		workers->all[i].node = taken[i].node;
		workers->all[i].cpu = taken[i].cpu;
	}
	free(taken);
	return true;
}

static void *aligned(size_t count, size_t size)
{
	size_t bytes = count * size;
	void *memory = aligned_alloc(2 * CACHE_LINE, (bytes + 2 * CACHE_LINE - 1) & ~(size_t)(2 * CACHE_LINE - 1));

	return memory;
}

/* All memory but that of the queues is zeroed: those are touched by their workers, each on its own node. */
static struct dp_workers *allocate(unsigned int count, unsigned int capacity)
{
	struct dp_workers *workers = aligned(1, sizeof(*workers));

	if (!workers)
		return NULL;
	*workers = (struct dp_workers){.count = count, .capacity = capacity};
	workers->all = aligned(count, sizeof(*workers->all));
	workers->cells = aligned((size_t)count * capacity, sizeof(*workers->cells));
	workers->orders = calloc((size_t)count * count, sizeof(*workers->orders));
	if (!workers->all || !workers->cells || !workers->orders) {
		crew_dismiss(workers);
		errno = ENOMEM;
		return NULL;
	}
	for (unsigned int i = 0; i < count; i++)
		workers->all[i] = (struct worker){0};
	return workers;
}

static struct dp_workers *settle(const struct dp_workers_options *options, unsigned int capacity,
				 const struct place *places, unsigned int cpus)
{
	struct dp_workers *workers = allocate(options->threads ? options->threads : cpus, capacity);
	bool good;

	if (!workers)
		return NULL;
	workers->level = options->level;
	workers->latency = options->latency;
	workers->distance = options->distance ? options->distance : dp_numa_distance;
	good = take_places(workers, places, cpus);
	for (unsigned int i = 0; good && i < workers->count; i++)
		good = order_neighbours(workers, i);
	if (good)
		return workers;
	crew_dismiss(workers);
	errno = ENOMEM;
	return NULL;
}

struct dp_workers *crew_gather(const struct dp_workers_options *options, unsigned int capacity)
{
	struct place *places = calloc(MOST_CPUS, sizeof(*places));
	struct dp_workers *workers = NULL;
	int cpus;

	if (!places)
		return NULL;
	cpus = find_places(places, MOST_CPUS, options->node_of_cpu ? options->node_of_cpu : dp_numa_node_of_cpu);
	if (options->threads > MOST_THREADS)
		errno = EINVAL;
	else if (cpus > 0)
		workers = settle(options, capacity, places, (unsigned int)cpus);
	free(places);
	return workers;
}

void crew_dismiss(struct dp_workers *workers)
{
	free(workers->all);
	free(workers->cells);
	free(workers->orders);
	free(workers);
}

static bool row_of(const struct dp_workers *workers, unsigned int node, unsigned int *first, unsigned int *count)
{
	*count = 0;
	for (unsigned int i = 0; i < workers->count; i++)
		if (workers->all[i].node == node && (*count)++ == 0)
			*first = i;
	return *count > 0;
}

bool crew_near(const struct dp_workers *workers, int node, unsigned int *first, unsigned int *count)
{
	unsigned int nearest = 0;
	int least = FAR;

	if (node < 0)
		return false;
	if (row_of(workers, (unsigned int)node, first, count))
		return true;
	for (unsigned int i = 0; i < workers->count; i++) {
		int distance = workers->distance((unsigned int)node, workers->all[i].node);

		if (distance >= 0 && distance < least) {
			least = distance;
			nearest = workers->all[i].node;
		}
	}
	return least < FAR && row_of(workers, nearest, first, count);
}
