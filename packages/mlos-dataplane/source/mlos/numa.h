/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libdataplane: memory of chosen NUMA nodes, and which node a processor, a device or a page belongs to.
 *
 * Functions return -1 or NULL with errno where they fail, and may be called from any thread. Nodes and processors have the
 * numbers that the kernel gives them. What a whole machine looks like, with its caches, is in <mlos/topology.h>. Link
 * with -ldataplane.
 */
#ifndef MLOS_NUMA_H
#define MLOS_NUMA_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum dp_numa_policy {
	DP_NUMA_PREFERRED,  /* these nodes while they have room, then any other */
	DP_NUMA_STRICT,     /* these nodes or none */
	DP_NUMA_INTERLEAVE, /* page after page, of whichever size the kernel takes, from one node after the other */
};

#define DP_NUMA_HUGE (1U << 0)     /* the machine's reserved 2 MiB pages, or ENOMEM; they are allocated at once */
#define DP_NUMA_HUGE_TRY (1U << 1) /* those if there are any, else transparent ones where the kernel finds them */
#define DP_NUMA_POPULATE (1U << 2) /* allocate now: no page fault later, and ENOMEM instead of a kill */

struct dp_numa_request {
	enum dp_numa_policy policy;
	unsigned int flags;
	const unsigned int *nodes;
	size_t count; /* of nodes, at least 1 */
};

/*
 * Zeroed memory that begins on a page. With DP_NUMA_HUGE the size is a multiple of 2 MiB. EINVAL for a size of 0, a node
 * that is not there or has no memory, or unknown flags; ENOMEM; EPERM where a container may not choose.
 */
void *dp_numa_alloc(size_t size, const struct dp_numa_request *request);

/* Give it back; the size is what was asked for. */
int dp_numa_free(void *address, size_t size);

/* The node that has the page at this address. ENOENT if it was never touched. */
int dp_numa_node_of(const void *address);

/* The node that a processor belongs to; it may have no memory. EINVAL if there is no such processor. */
int dp_numa_node_of_cpu(unsigned int cpu);

/*
 * The node that a device is attached to, by its file (/dev/nvme0n1) or its folder below /sys. ENODATA if the machine does not say,
 * as is usual where there is one node only.
 */
int dp_numa_node_of_device(const char *path);

/* How far a node's memory is from another's processors: 10 is its own, 20 takes twice as long. EINVAL for no such node. */
int dp_numa_distance(unsigned int from, unsigned int to);

#ifdef __cplusplus
}
#endif

#endif
