/* SPDX-License-Identifier: Apache-2.0 */
/* New memfds for tensors: in pages of the size and on the node that were asked for, with a trailer, and of a fixed size. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backend.h"
#include "trailer.h"

#define MOST_NODES 1024

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

/* -1 without huge pages in the kernel, or with a kernel that knows no memfd of them. */
static int open_memfd(const char *name, unsigned int flags)
{
	int fd = memfd_create(name, flags | MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

	if (fd < 0 && errno == EINVAL) /* before Linux 6.3 */
		fd = memfd_create(name, flags | MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd;
}

/* The policy of a shared mapping is the file's, and stays when the mapping goes. */
static int bind_to_node(int fd, uint64_t length, uint32_t node)
{
	unsigned long nodes[MOST_NODES / (8 * sizeof(unsigned long))] = {0};
	const unsigned int bits = 8 * sizeof(unsigned long);
	long result;
	void *start;

	if (node >= MOST_NODES)
		return refuse(EINVAL);
	nodes[node / bits] = 1UL << node % bits;
	start = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (start == MAP_FAILED)
		return -1;
	result = syscall(SYS_mbind, start, length, MPOL_BIND, nodes, (unsigned long)MOST_NODES, 0UL);
	if (result < 0 && errno == ENOSYS && node == 0) /* a kernel without NUMA has this one */
		result = 0;
	else if (result < 0 && errno == ENOSYS)
		errno = EINVAL;
	munmap(start, length);
	return (int)result;
}

static int allocate(int fd, uint64_t length)
{
	int result;

	do
		result = fallocate(fd, 0, 0, (off_t)length);
	while (result < 0 && errno == EINTR);
	if (result < 0 && errno == ENOSPC)
		errno = ENOMEM;
	return result;
}

static int write_trailer(int fd, uint64_t granule, const struct tensormem_request *request)
{
	struct mapped_trailer mapped;

	if (map_trailer(fd, granule, true, &mapped) < 0)
		return -1;
	*mapped.trailer = (struct trailer){
		.magic = TRAILER_MAGIC,
		.layout = TRAILER_LAYOUT,
		.flags = request->flags & TENSORMEM_CREATE_HUGE_TRY && granule != HUGE_PAGE ? TRAILER_HUGE_TRY : 0,
		.size = request->size,
		.granule = granule,
		.node = request->flags & TENSORMEM_CREATE_NODE ? (int32_t)request->node : -1,
		.meta = {request->meta},
	};
	unmap_trailer(&mapped);
	return 0;
}

/* A file of pages of `granule` bytes with all that belongs to a tensor, or -1. Huge pages are taken at once: or ENOMEM. */
static int make_file(const struct tensormem_request *request, uint64_t granule)
{
	const char *name = request->meta.name[0] ? request->meta.name : "tensor";
	uint64_t length = file_size_of(request->size, granule);
	bool huge = granule == HUGE_PAGE;
	int fd = open_memfd(name, huge ? MFD_HUGETLB | MFD_HUGE_2MB : 0);
	int error;

	if (fd < 0) {
		if (huge && (errno == EINVAL || errno == ENOSYS || errno == ENODEV || errno == ENOENT))
			errno = ENOMEM;
		return -1;
	}
	if (ftruncate(fd, (off_t)length) == 0 &&
	    (!(request->flags & TENSORMEM_CREATE_NODE) || bind_to_node(fd, length, request->node) == 0) &&
	    (!(huge || request->flags & TENSORMEM_CREATE_POPULATE) || allocate(fd, length) == 0) &&
	    write_trailer(fd, granule, request) == 0 && fcntl(fd, F_ADD_SEALS, SIZE_SEALS) == 0)
		return fd;
	error = errno == EFBIG ? ENOMEM : errno;
	close(fd);
	return refuse(error);
}

struct tensormem *memfd_create_tensor(const struct tensormem_request *request)
{
	bool huge = request->flags & (TENSORMEM_CREATE_HUGE | TENSORMEM_CREATE_HUGE_TRY);
	int fd = -1;

	if (huge)
		fd = make_file(request, HUGE_PAGE);
	if (fd < 0 && (!huge || (!(request->flags & TENSORMEM_CREATE_HUGE) && errno == ENOMEM)))
		fd = make_file(request, (uint64_t)sysconf(_SC_PAGESIZE));
	return fd < 0 ? NULL : memfd_from_fd(fd);
}
