/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libdataplane-topology: what a machine looks like, as hwloc finds it: NUMA nodes, their processors and memory, how far they
 * are apart, and caches.
 *
 * A library of its own: it needs hwloc, and everything else here runs on machines without that. hwloc's own variables of the
 * environment hold (HWLOC_XMLFILE, HWLOC_SYNTHETIC): a program can be shown another machine. Nodes and processors have the
 * numbers that the kernel gives them. A topology does not change once it is read, and threads may share it. Link with
 * -ldataplane-topology.
 */
#ifndef MLOS_TOPOLOGY_H
#define MLOS_TOPOLOGY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dp_topology;

struct dp_topology_node {
	unsigned int number;
	unsigned int cpus; /* processors for which no other node is nearer; 0 for memory without processors */
	uint64_t bytes;    /* of memory; never 0: what has none is no node here */
};

enum dp_cache_kind {
	DP_CACHE_UNIFIED,
	DP_CACHE_DATA,
	DP_CACHE_INSTRUCTION,
};

struct dp_topology_cache {
	enum dp_cache_kind kind;
	unsigned int level;
	unsigned int line;      /* bytes; 0: not said */
	unsigned int first_cpu; /* the lowest number among those */
	unsigned int cpus;      /* that share it */
	uint64_t bytes;
};

/* Read it. NULL with errno where hwloc cannot. */
struct dp_topology *dp_topology_read(void);
void dp_topology_free(struct dp_topology *topology);

/*
 * These write up to `room` of what there is, in the order of the numbers, and return how many there are, which may be more. -1 with
 * EINVAL if there is no such node.
 */
ssize_t dp_topology_nodes(const struct dp_topology *topology, struct dp_topology_node *nodes, size_t room);
ssize_t dp_topology_caches(const struct dp_topology *topology, struct dp_topology_cache *caches, size_t room);
ssize_t dp_topology_cpus(const struct dp_topology *topology, unsigned int node, unsigned int *cpus, size_t room);

/* The nodes from the nearest on, as seen from the processors of `node`, which is the first itself. */
ssize_t dp_topology_near(const struct dp_topology *topology, unsigned int node, unsigned int *nodes, size_t room);

/* The nearest node that has memory. -1 with EINVAL if there is no such processor, or it is offline. */
int dp_topology_node_of_cpu(const struct dp_topology *topology, unsigned int cpu);

/* 10 for a node itself; 20 takes twice as long. Where the machine does not say, 20 for any other. -1 with EINVAL. */
int dp_topology_distance(const struct dp_topology *topology, unsigned int from, unsigned int to);

#ifdef __cplusplus
}
#endif

#endif
