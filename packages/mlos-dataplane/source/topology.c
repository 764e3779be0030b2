/* SPDX-License-Identifier: Apache-2.0 */
/* libdataplane-topology: hwloc's tree of objects as a few flat tables. */
#include "mlos/topology.h"

#include <errno.h>
#include <hwloc.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>

/* As in ACPI's table of distances. */
#define OWN 10
#define OTHER 20

struct dp_topology {
	hwloc_topology_t hwloc;
	struct hwloc_distances_s *distances; /* NULL: the machine does not say */
};

static int refuse(int error)
{
	errno = error;
	return -1;
}

/* hwloc may know several kinds of distances. Those that mean latencies are the machine's own. */
static struct hwloc_distances_s *read_distances(hwloc_topology_t hwloc)
{
	struct hwloc_distances_s *found = NULL;
	unsigned int count = 1;

	if (hwloc_distances_get_by_type(hwloc, HWLOC_OBJ_NUMANODE, &count, &found, HWLOC_DISTANCES_KIND_MEANS_LATENCY, 0) < 0)
		return NULL;
	return count > 0 ? found : NULL;
}

struct dp_topology *dp_topology_read(void)
{
	struct dp_topology *topology = calloc(1, sizeof(*topology));

	if (!topology)
		return NULL;
	errno = 0; /* hwloc does not always say why */
	if (hwloc_topology_init(&topology->hwloc) == 0) {
		if (hwloc_topology_load(topology->hwloc) == 0) {
			topology->distances = read_distances(topology->hwloc);
			return topology;
		}
		hwloc_topology_destroy(topology->hwloc);
	}
	free(topology);
	errno = errno ? errno : EIO;
	return NULL;
}

void dp_topology_free(struct dp_topology *topology)
{
	if (!topology)
		return;
	if (topology->distances)
		hwloc_distances_release(topology->hwloc, topology->distances);
	hwloc_topology_destroy(topology->hwloc);
	free(topology);
}

/* The object of a node, with or without memory. NULL: there is none of this number. */
static hwloc_obj_t node_object(const struct dp_topology *topology, unsigned int number)
{
	return hwloc_get_numanode_obj_by_os_index(topology->hwloc, number);
}

static bool has_memory(hwloc_obj_t node)
{
	return node && node->attr->numanode.local_memory > 0;
}

static int distance_between(const struct dp_topology *topology, hwloc_obj_t from, hwloc_obj_t to)
{
	hwloc_uint64_t there, back;

	if (from == to)
		return OWN;
	if (!topology->distances ||
	    hwloc_distances_obj_pair_values(topology->distances, from, to, &there, &back) < 0 || there > INT_MAX)
		return OTHER;
	return (int)there;
}

int dp_topology_distance(const struct dp_topology *topology, unsigned int from, unsigned int to)
{
	hwloc_obj_t one = node_object(topology, from), other = node_object(topology, to);

	return one && other ? distance_between(topology, one, other) : refuse(EINVAL);
}

/* Of the nodes in a set the one with memory that is nearest to `own`, or the first one if that is not known. */
static int nearest(const struct dp_topology *topology, hwloc_const_nodeset_t set, hwloc_obj_t own)
{
	int best = -1, least = INT_MAX;
	unsigned int number;

	hwloc_bitmap_foreach_begin(number, set)
	{
		hwloc_obj_t node = node_object(topology, number);
		int distance = node && own ? distance_between(topology, own, node) : OTHER;

		if (has_memory(node) && distance < least) {
			best = (int)number;
			least = distance;
		}
	}
	hwloc_bitmap_foreach_end();
	return best;
}

/* What is local to a core is nearer than what is local to its package, and so on. */
static int node_of(const struct dp_topology *topology, hwloc_obj_t cpu)
{
	hwloc_obj_t own = NULL;

	for (hwloc_obj_t at = cpu; at; at = at->parent) {
		int node;

		if (!own)
			own = node_object(topology, (unsigned int)hwloc_bitmap_first(at->nodeset));
		node = nearest(topology, at->nodeset, own);
		if (node >= 0)
			return node;
	}
	return -1;
}

int dp_topology_node_of_cpu(const struct dp_topology *topology, unsigned int cpu)
{
	hwloc_obj_t object = hwloc_get_pu_obj_by_os_index(topology->hwloc, cpu);
	int node = object ? node_of(topology, object) : -1;

	return node >= 0 ? node : refuse(EINVAL);
}

static int compare_numbers(const void *one, const void *other)
{
	unsigned int a = *(const unsigned int *)one, b = *(const unsigned int *)other;

	return a < b ? -1 : a > b;
}

ssize_t dp_topology_cpus(const struct dp_topology *topology, unsigned int node, unsigned int *cpus, size_t room)
{
	hwloc_obj_t cpu = NULL;
	size_t count = 0;

	if (!has_memory(node_object(topology, node)))
		return refuse(EINVAL);
	while ((cpu = hwloc_get_next_obj_by_type(topology->hwloc, HWLOC_OBJ_PU, cpu))) {
		if (node_of(topology, cpu) != (int)node)
			continue;
		if (count < room)
			cpus[count] = cpu->os_index;
		count++;
	}
	if (room > 1)
		qsort(cpus, count < room ? count : room, sizeof(*cpus), compare_numbers);
	return (ssize_t)count;
}

ssize_t dp_topology_nodes(const struct dp_topology *topology, struct dp_topology_node *nodes, size_t room)
{
	hwloc_const_nodeset_t all = hwloc_topology_get_topology_nodeset(topology->hwloc);
	unsigned int number;
	size_t count = 0;

	hwloc_bitmap_foreach_begin(number, all)
	{
		hwloc_obj_t node = node_object(topology, number);

		if (!has_memory(node))
			continue;
		if (count < room)
			nodes[count] = (struct dp_topology_node){
				.number = number,
				.cpus = (unsigned int)dp_topology_cpus(topology, number, NULL, 0),
				.bytes = node->attr->numanode.local_memory,
			};
		count++;
	}
	hwloc_bitmap_foreach_end();
	return (ssize_t)count;
}

ssize_t dp_topology_near(const struct dp_topology *topology, unsigned int node, unsigned int *nodes, size_t room)
{
	hwloc_obj_t own = node_object(topology, node);
	hwloc_nodeset_t left;
	size_t count = 0;
	int next;

	if (!own)
		return refuse(EINVAL);
	left = hwloc_bitmap_dup(hwloc_topology_get_topology_nodeset(topology->hwloc));
	if (!left)
		return refuse(ENOMEM);
	while ((next = nearest(topology, left, own)) >= 0) {
		hwloc_bitmap_clr(left, (unsigned int)next);
		if (count < room)
			nodes[count] = (unsigned int)next;
		count++;
	}
	hwloc_bitmap_free(left);
	return (ssize_t)count;
}

static enum dp_cache_kind kind_of(hwloc_obj_t cache)
{
	switch (cache->attr->cache.type) {
	case HWLOC_OBJ_CACHE_DATA:
		return DP_CACHE_DATA;
	case HWLOC_OBJ_CACHE_INSTRUCTION:
		return DP_CACHE_INSTRUCTION;
	default:
		return DP_CACHE_UNIFIED;
	}
}

static struct dp_topology_cache describe(hwloc_obj_t cache)
{
	return (struct dp_topology_cache){
		.kind = kind_of(cache),
		.level = cache->attr->cache.depth,
		.line = cache->attr->cache.linesize,
		.first_cpu = (unsigned int)hwloc_bitmap_first(cache->cpuset),
		.cpus = (unsigned int)hwloc_bitmap_weight(cache->cpuset),
		.bytes = cache->attr->cache.size,
	};
}

ssize_t dp_topology_caches(const struct dp_topology *topology, struct dp_topology_cache *caches, size_t room)
{
	size_t count = 0;

	for (hwloc_obj_type_t type = HWLOC_OBJ_L1CACHE; type <= HWLOC_OBJ_L3ICACHE; type++) {
		hwloc_obj_t cache = NULL;

		while ((cache = hwloc_get_next_obj_by_type(topology->hwloc, type, cache))) {
			if (count < room)
				caches[count] = describe(cache);
			count++;
		}
	}
	return (ssize_t)count;
}
