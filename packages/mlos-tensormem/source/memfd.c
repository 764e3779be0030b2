/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tensors on any kernel: a memfd that cannot change its size, with a trailer behind the data (trailer.h).
 *
 * Mappings for reading are made through a second, read-only file descriptor of the same file, since the kernel counts those
 * of a writable one as writable, whatever their protection, and refuses the seal.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backend.h"
#include "bell.h"
#include "trailer.h"

#define SIZE_SEALS (F_SEAL_SHRINK | F_SEAL_GROW)
#define FOREIGN_SEALS (SIZE_SEALS | F_SEAL_WRITE)
#define HUGE_PAGE (UINT64_C(2) << 20)
#define MOST_NODES 1024

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

static const struct backend memfd_backend;

static int open_read_only(int fd)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}

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

/* Is it a memfd whose size nobody can change, and is there a trailer that fits it? Then the handle gets what it says. */
static int adopt(struct tensormem *tensor)
{
	struct mapped_trailer mapped;
	struct trailer trailer;
	struct stat status;
	int seals = fcntl(tensor->fd, F_GET_SEALS);

	if (seals < 0 || (seals & SIZE_SEALS) != SIZE_SEALS || fstat(tensor->fd, &status) < 0)
		return refuse(EINVAL);
	tensor->granule = (uint64_t)status.st_blksize; /* of a memfd: its pages' */
	if (map_trailer(tensor->read_fd, tensor->granule, false, &mapped) < 0)
		return -1;
	trailer.magic = mapped.trailer->magic;
	trailer.layout = mapped.trailer->layout;
	trailer.flags = mapped.trailer->flags;
	trailer.size = mapped.trailer->size;
	trailer.granule = mapped.trailer->granule;
	unmap_trailer(&mapped);
	if (trailer.magic != TRAILER_MAGIC || trailer.layout != TRAILER_LAYOUT || trailer.granule != tensor->granule ||
	    trailer.size == 0 || trailer.size > (uint64_t)status.st_size ||
	    file_size_of(trailer.size, trailer.granule) != (uint64_t)status.st_size)
		return refuse(EINVAL);
	tensor->size = trailer.size;
	tensor->advise_huge = trailer.flags & TRAILER_HUGE_TRY;
	return 0;
}

struct tensormem *memfd_from_fd(int fd)
{
	struct tensormem *tensor = new_handle(&memfd_backend, fd);
	int mode = fcntl(fd, F_GETFL);

	if (!tensor)
		return NULL;
	if (fcntl(fd, F_GET_SEALS) < 0) { /* a pipe, or a file of somebody's file system, could keep open() waiting */
		tensormem_close(tensor);
		return refuse_null(EINVAL);
	}
	tensor->read_only = (mode & O_ACCMODE) == O_RDONLY;
	if (!tensor->read_only) {
		tensor->read_fd = open_read_only(fd);
		if (tensor->read_fd < 0) /* without /proc a mapping for reading keeps a tensor from being sealed */
			tensor->read_fd = fd;
	}
	if (adopt(tensor) < 0) {
		int error = errno;

		tensormem_close(tensor);
		return refuse_null(error);
	}
	return tensor;
}

/* The end of the file is the tensor's. Its maker cannot change it any more, and who imports it never could. */
static int adopt_foreign(struct tensormem *tensor, const struct tensormem_meta *meta)
{
	struct stat status;
	int seals = fcntl(tensor->fd, F_GET_SEALS);

	if (seals < 0 || (seals & FOREIGN_SEALS) != FOREIGN_SEALS || fstat(tensor->fd, &status) < 0 || status.st_size == 0)
		return refuse(EINVAL);
	tensor->granule = (uint64_t)status.st_blksize;
	tensor->size = (uint64_t)status.st_size;
	tensor->meta = *meta;
	return valid_meta(meta, tensor->size) ? 0 : refuse(EINVAL);
}

struct tensormem *memfd_import(int fd, const struct tensormem_meta *meta)
{
	struct tensormem *tensor;
	int own;

	if (fcntl(fd, F_GET_SEALS) < 0)
		return refuse_null(errno == EBADF ? EBADF : EINVAL);
	own = open_read_only(fd); /* one that could write would map nothing before Linux 6.7 */
	if (own < 0)
		own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	tensor = own < 0 ? NULL : new_handle(&memfd_backend, own);
	if (!tensor)
		return NULL;
	tensor->foreign = true;
	tensor->read_only = true;
	if (adopt_foreign(tensor, meta) < 0) {
		int error = errno;

		tensormem_close(tensor);
		return refuse_null(error);
	}
	return tensor;
}

/* Another handle of the whole file. */
static struct tensormem *again(const struct tensormem *tensor, bool read_only)
{
	int fd;

	if (tensor->foreign)
		return memfd_import(tensor->fd, &(struct tensormem_meta){0});
	fd = fcntl(read_only ? tensor->read_fd : tensor->fd, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? NULL : memfd_from_fd(fd);
}

struct tensormem *memfd_slice_of(struct tensormem *whole, uint64_t offset, uint64_t size, bool read_only,
				 const struct tensormem_meta *meta)
{
	struct tensormem *slice = again(whole, read_only);

	if (!slice)
		return NULL;
	slice->slice = true;
	slice->read_only |= read_only;
	slice->offset = whole->offset + offset;
	slice->size = size;
	slice->meta = *meta;
	return slice;
}

static struct tensormem *slice(struct tensormem *tensor, uint64_t offset, uint64_t size, unsigned int flags,
			       const struct tensormem_meta *meta)
{
	return memfd_slice_of(tensor, offset, size, tensor->read_only || flags & TENSORMEM_SLICE_READ_ONLY, meta);
}

static bool sealed(const struct tensormem *tensor)
{
	return fcntl(tensor->fd, F_GET_SEALS) & F_SEAL_WRITE;
}

static uint32_t flags_of(const struct tensormem *tensor)
{
	uint32_t flags = 0;

	if (tensor->granule == HUGE_PAGE)
		flags |= TENSORMEM_INFO_HUGE;
	if (sealed(tensor))
		flags |= TENSORMEM_INFO_SEALED;
	if (tensor->read_only)
		flags |= TENSORMEM_INFO_READ_ONLY;
	if (tensor->slice)
		flags |= TENSORMEM_INFO_SLICE;
	if (tensor->foreign)
		flags |= TENSORMEM_INFO_IMPORTED;
	return flags;
}

/* What the trailer says, for the handle of a whole tensor that has one. */
static int read_trailer(const struct tensormem *tensor, struct tensormem_info *info)
{
	struct mapped_trailer mapped;
	int result = 0;

	if (map_trailer(tensor->read_fd, tensor->granule, false, &mapped) < 0)
		return -1;
	info->node = mapped.trailer->node;
	info->generation = __atomic_load_n(&mapped.trailer->generation, __ATOMIC_ACQUIRE);
	if (!tensor->slice)
		result = read_meta(mapped.trailer, &info->meta);
	unmap_trailer(&mapped);
	return result;
}

static int info(struct tensormem *tensor, struct tensormem_info *info)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	*info = (struct tensormem_info){
		.size = tensor->size,
		.allocated = (tensor->size + page - 1) / page * page,
		.offset = tensor->offset,
		.flags = flags_of(tensor),
		.node = -1,
	};
	if (!tensor->foreign && read_trailer(tensor, info) < 0)
		return -1;
	if (tensor->foreign || tensor->slice) {
		pthread_mutex_lock(&tensor->lock);
		info->meta = tensor->meta;
		pthread_mutex_unlock(&tensor->lock);
	}
	return valid_meta(&info->meta, tensor->size) ? 0 : refuse(EINVAL);
}

static int set_meta(struct tensormem *tensor, const struct tensormem_meta *meta)
{
	struct mapped_trailer mapped;

	if (tensor->slice) {
		tensor->meta = *meta;
		return 0;
	}
	if (map_trailer(tensor->fd, tensor->granule, true, &mapped) < 0)
		return -1;
	write_meta(mapped.trailer, meta);
	unmap_trailer(&mapped);
	return 0;
}

static int seal(struct tensormem *tensor)
{
	int result;

	if (announce_seal(tensor, TRAILER_SEALING) < 0)
		return -1;
	result = fcntl(tensor->fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL);
	if (result < 0) {
		int error = errno;

		announce_seal(tensor, TRAILER_OPEN);
		return refuse(error);
	}
	return 0;
}

static int memfd_wait(struct tensormem *tensor, uint64_t *generation, uint64_t deadline)
{
	if (!tensor->foreign)
		return listen_for(tensor, generation, deadline);
	return *generation ? refuse(EPERM) : 0; /* sealed before anybody could signal */
}

static int memfd_export(struct tensormem *tensor, unsigned int flags)
{
	return flags & TENSORMEM_EXPORT_WRITE ? udmabuf_export(tensor) : refuse(ENOTSUP);
}

static const struct backend memfd_backend = {
	.info = info,
	.set_meta = set_meta,
	.seal = seal,
	.signal = ring,
	.wait = memfd_wait,
	.slice = slice,
	.export = memfd_export,
};
