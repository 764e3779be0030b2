/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of chosen nodes, by the system calls themselves: all of libnuma that would be needed are two of them. */
#include "mlos/numa.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HUGE ((size_t)2 << 20)
#define HUGE_2MIB (21 << MAP_HUGE_SHIFT) /* as a power of two */
#define MOST_NODES 1024 /* the kernel's own limit (CONFIG_NODES_SHIFT) */
#define WORD_BITS (8 * sizeof(unsigned long))
#define KNOWN_FLAGS (DP_NUMA_HUGE | DP_NUMA_HUGE_TRY | DP_NUMA_POPULATE)

#ifndef MPOL_PREFERRED_MANY /* Linux 5.15 */
#define MPOL_PREFERRED_MANY 5
#endif

/* A policy as mbind(2) takes it. */
struct placement {
	int mode;
	unsigned long nodes[MOST_NODES / WORD_BITS];
	bool first_only;
};

static void *refuse(int error)
{
	errno = error;
	return NULL;
}

static int mode_of(const struct dp_numa_request *request)
{
	switch (request->policy) {
	case DP_NUMA_PREFERRED:
		return request->count == 1 ? MPOL_PREFERRED : MPOL_PREFERRED_MANY;
	case DP_NUMA_STRICT:
		return MPOL_BIND;
	case DP_NUMA_INTERLEAVE:
		return MPOL_INTERLEAVE;
	}
	return -1;
}

static bool understand(const struct dp_numa_request *request, struct placement *placement)
{
	*placement = (struct placement){.mode = mode_of(request), .first_only = true};
	if (placement->mode < 0 || request->flags & ~KNOWN_FLAGS || request->count == 0)
		return false;
	for (size_t i = 0; i < request->count; i++) {
		unsigned int node = request->nodes[i];

		if (node >= MOST_NODES)
			return false;
		placement->nodes[node / WORD_BITS] |= 1UL << node % WORD_BITS;
		placement->first_only &= node == 0;
	}
	return true;
}

static bool place(void *address, size_t size, const struct placement *placement)
{
	/* The kernel takes one bit less than it is told. */
	if (syscall(SYS_mbind, address, size, placement->mode, placement->nodes, MOST_NODES + 1UL, 0) == 0)
		return true;
	/* A kernel without NUMA has all memory in node 0. */
	return errno == ENOSYS && placement->first_only;
}

static bool populate(void *address, size_t size)
{
	if (madvise(address, size, MADV_POPULATE_WRITE) == 0)
		return true;
	if (errno == EFAULT) /* reserved, but not on these nodes */
		errno = ENOMEM;
	return false;
}

/* Set up a new mapping, or undo it. */
static void *finish(void *address, size_t size, const struct placement *placement, bool now)
{
	int error;

	if (place(address, size, placement) && (!now || populate(address, size)))
		return address;
	error = errno;
	munmap(address, size);
	return refuse(error);
}

static void *map(size_t size, int flags)
{
	void *address = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	return address == MAP_FAILED ? NULL : address;
}

/* Of the machine's reserved pages. Touched at once: one that is missing later is a SIGBUS. */
static void *alloc_reserved(size_t size, const struct placement *placement)
{
	void *address = map(size, MAP_HUGETLB | HUGE_2MIB);

	return address ? finish(address, size, placement, true) : NULL;
}

/* A mapping that begins where a huge page can. */
static void *map_aligned(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = (size + page - 1) & ~(page - 1), before;
	unsigned char *address;

	if (whole < size || whole > SIZE_MAX - HUGE)
		return refuse(ENOMEM);
	address = map(whole + HUGE, 0);
	if (!address)
		return NULL;
	before = -(uintptr_t)address % HUGE;
	if (before > 0)
		munmap(address, before);
	munmap(address + before + whole, HUGE - before);
	madvise(address + before, whole, MADV_HUGEPAGE); /* a wish */
	return address + before;
}

void *dp_numa_alloc(size_t size, const struct dp_numa_request *request)
{
	struct placement placement;
	void *address;

	if (size == 0 || !understand(request, &placement))
		return refuse(EINVAL);
	if (request->flags & DP_NUMA_HUGE)
		return size % HUGE ? refuse(EINVAL) : alloc_reserved(size, &placement);
	if (request->flags & DP_NUMA_HUGE_TRY && size % HUGE == 0) {
		address = alloc_reserved(size, &placement);
		if (address || errno != ENOMEM)
			return address;
	}
	address = request->flags & DP_NUMA_HUGE_TRY ? map_aligned(size) : map(size, 0);
	return address ? finish(address, size, &placement, request->flags & DP_NUMA_POPULATE) : NULL;
}

int dp_numa_free(void *address, size_t size)
{
	return munmap(address, size);
}

int dp_numa_node_of(const void *address)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	void *pages[] = {(void *)((uintptr_t)address & ~(page - 1))};
	int status;

	/* Without nodes to move to, it says where the pages are. */
	if (syscall(SYS_move_pages, 0, 1UL, pages, NULL, &status, 0) < 0)
		return -1;
	if (status >= 0)
		return status;
	errno = -status;
	return -1;
}
