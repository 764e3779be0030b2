/* SPDX-License-Identifier: Apache-2.0 */
/*
 * placement: asks for memory of each node of the machine in every way that dp_numa_alloc() knows, touches it from every processor, and
 * asks the kernel where each page is (move_pages(2)). Says what it saw, line by line, and ends with 1 if a page is where it must not be.
 *
 *	node 1: strict, 4096 pages: 4096 on node 1
 *
 * For a machine with two nodes: qemu-system-x86_64 -smp 2 -m 512 -object memory-backend-ram,id=a,size=256M
 * -object memory-backend-ram,id=b,size=256M -numa node,memdev=a,cpus=0 -numa node,memdev=b,cpus=1
 */
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mlos/numa.h"

#define MOST_NODES 64
#define SIZE ((size_t)16 << 20) /* several huge pages, which the kernel may take unasked, and which are on one node each */

static unsigned int nodes[MOST_NODES];
static size_t node_count;
static bool good = true;

static const char *const policies[] = {"preferred", "strict", "interleave"};

static void say_processors(void)
{
	long count = sysconf(_SC_NPROCESSORS_CONF);

	for (unsigned int cpu = 0; cpu < count; cpu++)
		printf("processor %u: node %d\n", cpu, dp_numa_node_of_cpu(cpu));
}

/* Nodes that have memory are those that a strict request is granted for. */
static void find_nodes(void)
{
	for (unsigned int node = 0; node < MOST_NODES; node++) {
		struct dp_numa_request request = {DP_NUMA_STRICT, DP_NUMA_POPULATE, &node, 1};
		void *memory = dp_numa_alloc(1, &request);

		if (memory) {
			nodes[node_count++] = node;
			dp_numa_free(memory, 1);
		} else if (dp_numa_distance(node, node) > 0) {
			printf("node %u: no memory (%s)\n", node, strerror(errno));
		}
	}
	for (size_t from = 0; from < node_count; from++)
		for (size_t to = 0; to < node_count; to++)
			printf("distance from %u to %u: %d\n", nodes[from], nodes[to],
			       dp_numa_distance(nodes[from], nodes[to]));
}

/* Touch it from one processor after the other, so that a page without a policy would land on the nodes of all. */
static void touch(unsigned char *memory)
{
	long page = sysconf(_SC_PAGESIZE);
	cpu_set_t all, one;
	size_t next = 0;

	sched_getaffinity(0, sizeof(all), &all);
	while (next < SIZE)
		for (int cpu = 0; cpu < CPU_SETSIZE && next < SIZE; cpu++) {
			if (!CPU_ISSET(cpu, &all))
				continue;
			CPU_ZERO(&one);
			CPU_SET(cpu, &one);
			sched_setaffinity(0, sizeof(one), &one);
			for (int i = 0; i < 16 && next < SIZE; i++, next += (size_t)page)
				memory[next] = 1;
		}
	sched_setaffinity(0, sizeof(all), &all);
}

/* How many pages are on each node. */
static size_t count_pages(const unsigned char *memory, size_t found[MOST_NODES])
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	memset(found, 0, MOST_NODES * sizeof(*found));
	for (size_t at = 0; at < SIZE; at += page) {
		int node = dp_numa_node_of(memory + at);

		if (node < 0 || node >= MOST_NODES) {
			printf("page %zu: %s\n", at / page, strerror(errno));
			good = false;
			return 0;
		}
		found[node]++;
	}
	return SIZE / page;
}

/* Whether all pages are on these nodes, and for interleaving on each of them. */
static void judge(const unsigned char *memory, const struct dp_numa_request *request, const char *pages)
{
	size_t found[MOST_NODES], all = count_pages(memory, found), right = 0;
	bool even = true;

	if (request->count == 1)
		printf("node %u: ", request->nodes[0]);
	printf("%s%s, %zu pages:", policies[request->policy], pages, all);
	for (size_t node = 0; node < MOST_NODES; node++)
		if (found[node])
			printf(" %zu on node %zu", found[node], node);
	for (size_t i = 0; i < request->count; i++) {
		right += found[request->nodes[i]];
		even &= found[request->nodes[i]] >= all / request->count / 2;
	}
	if (request->policy == DP_NUMA_INTERLEAVE && !even)
		right = 0;
	good &= all > 0 && right == all;
	printf(right == all ? "\n" : ": WRONG\n");
}

static void check(const struct dp_numa_request *request, const char *pages)
{
	unsigned char *memory = dp_numa_alloc(SIZE, request);

	if (!memory) {
		printf("%s%s: %s\n", policies[request->policy], pages, strerror(errno));
		good &= *pages != '\0'; /* of huge pages there may be none */
		return;
	}
	touch(memory);
	judge(memory, request, pages);
	if (dp_numa_free(memory, SIZE) < 0) {
		perror("free");
		good = false;
	}
}

int main(void)
{
	say_processors();
	find_nodes();
	for (size_t i = 0; i < node_count; i++)
		for (int policy = DP_NUMA_PREFERRED; policy <= DP_NUMA_INTERLEAVE; policy++) {
			struct dp_numa_request request = {(enum dp_numa_policy)policy, 0, &nodes[i], 1};

			check(&request, "");
			request.flags = DP_NUMA_HUGE_TRY;
			check(&request, " in huge pages if possible");
			request.flags = DP_NUMA_HUGE;
			check(&request, " in reserved huge pages");
		}
	check(&(struct dp_numa_request){DP_NUMA_INTERLEAVE, 0, nodes, node_count}, "");
	check(&(struct dp_numa_request){DP_NUMA_STRICT, DP_NUMA_POPULATE, nodes, node_count}, "");
	printf(good && node_count > 0 ? "%zu nodes: good\n" : "%zu nodes: WRONG\n", node_count);
	return !good || node_count == 0;
}
