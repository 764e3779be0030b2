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
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend.h"
#include "bell.h"
#include "trailer.h"

#define FOREIGN_SEALS (SIZE_SEALS | F_SEAL_WRITE)

static const struct backend memfd_backend;

static int open_read_only(int fd)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDONLY | O_CLOEXEC);
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
