/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors of /dev/tensor: the kernel does the work, and each, a slice too, is a file descriptor of its own. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backend.h"
#include "kernel/tensor_mem.h"

#define KERNEL_FLAGS (TENSORMEM_CREATE_HUGE | TENSORMEM_CREATE_HUGE_TRY | TENSORMEM_CREATE_NODE)

static_assert(sizeof(struct tensormem_meta) == sizeof(struct tensor_mem_meta), "one is copied to the other");
static_assert(offsetof(struct tensormem_meta, model) == offsetof(struct tensor_mem_meta, model), "as it is");
static_assert(TENSORMEM_CREATE_HUGE == TENSOR_MEM_CREATE_HUGE && TENSORMEM_CREATE_HUGE_TRY == TENSOR_MEM_CREATE_HUGE_TRY &&
		      TENSORMEM_CREATE_NODE == TENSOR_MEM_CREATE_NODE,
	      "flags go to the kernel as they are");
static_assert(TENSORMEM_INFO_HUGE == TENSOR_MEM_INFO_HUGE && TENSORMEM_INFO_SEALED == TENSOR_MEM_INFO_SEALED &&
		      TENSORMEM_INFO_READ_ONLY == TENSOR_MEM_INFO_READ_ONLY &&
		      TENSORMEM_INFO_IMPORTED == TENSOR_MEM_INFO_IMPORTED && TENSORMEM_INFO_SLICE == TENSOR_MEM_INFO_SLICE,
	      "and come from it");
static_assert(TENSORMEM_SLICE_READ_ONLY == TENSOR_MEM_SLICE_READ_ONLY &&
		      TENSORMEM_EXPORT_WRITE == TENSOR_MEM_EXPORT_WRITE,
	      "both ways");

static const struct backend device_backend;
static struct tensormem *handle_of(int fd);

static int populate(int fd, uint64_t size)
{
	void *start = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);

	if (start == MAP_FAILED)
		return -1;
	munmap(start, size);
	return 0;
}

struct tensormem *device_create(const struct tensormem_request *request)
{
	struct tensor_mem_create create = {
		.size = request->size,
		.flags = request->flags & KERNEL_FLAGS,
		.node = request->node,
	};
	int device = open("/dev/tensor", O_RDWR | O_CLOEXEC);
	int error, fd;

	if (device < 0)
		return refuse_null(ENODEV);
	memcpy(&create.meta, &request->meta, sizeof(create.meta));
	fd = ioctl(device, TENSOR_MEM_CREATE, &create);
	error = errno;
	close(device);
	if (fd < 0)
		return refuse_null(error);
	if (request->flags & TENSORMEM_CREATE_POPULATE && populate(fd, request->size) < 0) {
		error = errno;
		close(fd);
		return refuse_null(error);
	}
	return handle_of(fd);
}

struct tensormem *device_import(int fd, const struct tensormem_meta *meta)
{
	struct tensor_mem_import import = {.fd = fd};
	int device = open("/dev/tensor", O_RDWR | O_CLOEXEC);
	int error, made;

	if (device < 0)
		return refuse_null(ENODEV);
	memcpy(&import.meta, meta, sizeof(import.meta));
	made = ioctl(device, TENSOR_MEM_IMPORT, &import);
	error = errno;
	close(device);
	return made < 0 ? refuse_null(error) : handle_of(made);
}

static int info(struct tensormem *tensor, struct tensormem_info *info)
{
	struct tensor_mem_info found;

	if (ioctl(tensor->fd, TENSOR_MEM_INFO, &found) < 0)
		return -1;
	*info = (struct tensormem_info){
		.size = found.size,
		.allocated = found.allocated,
		.offset = found.offset,
		.flags = found.flags | TENSORMEM_INFO_DEVICE,
		.node = found.node,
		.generation = found.generation,
	};
	memcpy(&info->meta, &found.meta, sizeof(info->meta));
	return valid_meta(&info->meta, info->size) ? 0 : refuse(EINVAL);
}

static int set_meta(struct tensormem *tensor, const struct tensormem_meta *meta)
{
	return ioctl(tensor->fd, TENSOR_MEM_SET_META, meta) < 0 ? -1 : 0;
}

static int seal(struct tensormem *tensor)
{
	return ioctl(tensor->fd, TENSOR_MEM_SEAL) < 0 ? -1 : 0;
}

static int device_signal(struct tensormem *tensor, uint64_t *generation)
{
	struct tensor_mem_signal argument = {.generation = *generation};

	if (ioctl(tensor->fd, TENSOR_MEM_SIGNAL, &argument) < 0)
		return -1;
	*generation = argument.generation;
	return 0;
}

static int device_wait(struct tensormem *tensor, uint64_t *generation, uint64_t deadline)
{
	struct tensor_mem_wait argument = {.generation = *generation, .deadline = deadline};

	if (ioctl(tensor->fd, TENSOR_MEM_WAIT, &argument) < 0)
		return -1;
	*generation = argument.generation;
	return 0;
}

static int device_export(struct tensormem *tensor, unsigned int flags)
{
	struct tensor_mem_export argument = {.flags = flags};

	return ioctl(tensor->fd, TENSOR_MEM_EXPORT, &argument);
}

static struct tensormem *slice(struct tensormem *tensor, uint64_t offset, uint64_t size, unsigned int flags,
			       const struct tensormem_meta *meta)
{
	struct tensor_mem_slice argument = {.offset = offset, .size = size, .flags = flags};
	int fd;

	memcpy(&argument.meta, meta, sizeof(argument.meta));
	fd = ioctl(tensor->fd, TENSOR_MEM_SLICE, &argument);
	return fd < 0 ? NULL : handle_of(fd);
}

static const struct backend device_backend = {
	.info = info,
	.set_meta = set_meta,
	.seal = seal,
	.signal = device_signal,
	.wait = device_wait,
	.slice = slice,
	.export = device_export,
};

/* Owns `fd`; ENODEV, and the file descriptor stays open, if the kernel does not know it for one of its own. */
static struct tensormem *handle_of(int fd)
{
	struct tensor_mem_info found;
	struct tensormem *tensor;

	if (ioctl(fd, TENSOR_MEM_INFO, &found) < 0)
		return refuse_null(ENODEV);
	tensor = new_handle(&device_backend, fd);
	if (!tensor)
		return NULL;
	tensor->size = found.size;
	tensor->slice = found.flags & TENSOR_MEM_INFO_SLICE;
	tensor->read_only = found.flags & TENSOR_MEM_INFO_READ_ONLY;
	return tensor;
}

/*
 * Somebody's file system in user space could answer the ioctl as well, or never. Only the kernel's own files have such a
 * name, and asking for it asks no file system.
 */
static bool kernel_made(int fd)
{
	static const char prefix[] = "anon_inode:";
	char path[40], name[sizeof(prefix) - 1];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return readlink(path, name, sizeof(name)) == (ssize_t)sizeof(name) && memcmp(name, prefix, sizeof(name)) == 0;
}

struct tensormem *device_from_fd(int fd)
{
	return kernel_made(fd) ? handle_of(fd) : refuse_null(ENODEV);
}
