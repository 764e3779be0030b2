/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of tensormem.h: what both kinds of tensors are refused, and who does the rest. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "backend.h"

#define CREATE_FLAGS                                                                                                           \
	(TENSORMEM_CREATE_HUGE | TENSORMEM_CREATE_HUGE_TRY | TENSORMEM_CREATE_NODE | TENSORMEM_CREATE_POPULATE |               \
	 TENSORMEM_CREATE_MEMFD)
#define LARGEST (UINT64_C(1) << 47) /* more cannot be mapped; a memfd would still be made, and be good for nothing */

unsigned int tensormem_version(void)
{
	return TENSORMEM_VERSION;
}

uint64_t monotonic_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

struct tensormem *new_handle(const struct backend *backend, int fd)
{
	struct tensormem *tensor = calloc(1, sizeof(*tensor));

	if (!tensor) {
		close(fd);
		return refuse_null(ENOMEM);
	}
	tensor->backend = backend;
	tensor->fd = fd;
	tensor->read_fd = fd;
	tensor->granule = (uint64_t)sysconf(_SC_PAGESIZE);
	pthread_mutex_init(&tensor->lock, NULL);
	return tensor;
}

struct tensormem *tensormem_create(const struct tensormem_request *request)
{
	struct tensormem *tensor;

	if (request->flags & ~CREATE_FLAGS || request->size == 0)
		return refuse_null(EINVAL);
	if (request->node && !(request->flags & TENSORMEM_CREATE_NODE))
		return refuse_null(EINVAL);
	if (!valid_meta(&request->meta, request->size))
		return refuse_null(EINVAL);
	if (request->size > LARGEST)
		return refuse_null(ENOMEM);
	if (!(request->flags & TENSORMEM_CREATE_MEMFD)) {
		tensor = device_create(request);
		if (tensor || errno != ENODEV)
			return tensor;
	}
	return memfd_create_tensor(request);
}

struct tensormem *tensormem_from_fd(int fd)
{
	struct tensormem *tensor;
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (own < 0)
		return NULL;
	tensor = device_from_fd(own);
	if (tensor || errno != ENODEV)
		return tensor;
	return memfd_from_fd(own);
}

struct tensormem *tensormem_import(int fd, unsigned int flags, const struct tensormem_meta *meta)
{
	struct tensormem *tensor;

	if (flags & ~TENSORMEM_IMPORT_MEMFD)
		return refuse_null(EINVAL);
	if (!(flags & TENSORMEM_IMPORT_MEMFD)) {
		tensor = device_import(fd, meta);
		if (tensor || errno != ENODEV)
			return tensor;
	}
	return memfd_import(fd, meta);
}

int tensormem_export(struct tensormem *tensor, unsigned int flags)
{
	bool write = flags & TENSORMEM_EXPORT_WRITE;
	struct tensormem_info info;

	if (flags & ~TENSORMEM_EXPORT_WRITE)
		return refuse(EINVAL);
	if (tensormem_info(tensor, &info) < 0)
		return -1;
	if (write && info.flags & (TENSORMEM_INFO_SEALED | TENSORMEM_INFO_READ_ONLY))
		return refuse(EPERM);
	/* What is imported is not ours to seal. */
	if (!write && !(info.flags & (TENSORMEM_INFO_SEALED | TENSORMEM_INFO_IMPORTED)))
		return refuse(EBUSY);
	return tensor->backend->export(tensor, flags);
}

void tensormem_close(struct tensormem *tensor)
{
	if (!tensor)
		return;
	if (tensor->read_fd != tensor->fd)
		close(tensor->read_fd);
	close(tensor->fd);
	pthread_mutex_destroy(&tensor->lock);
	free(tensor);
}

int tensormem_fd(const struct tensormem *tensor)
{
	return tensor->fd;
}

int tensormem_info(struct tensormem *tensor, struct tensormem_info *info)
{
	return tensor->backend->info(tensor, info);
}

/* EPERM if nothing can be written through this handle. */
static int check_writable(struct tensormem *tensor, struct tensormem_info *info)
{
	if (tensormem_info(tensor, info) < 0)
		return -1;
	return info->flags & (TENSORMEM_INFO_SEALED | TENSORMEM_INFO_READ_ONLY) ? refuse(EPERM) : 0;
}

int tensormem_set_meta(struct tensormem *tensor, const struct tensormem_meta *meta)
{
	struct tensormem_info info;
	int result;

	if (!valid_meta(meta, tensor->size))
		return refuse(EINVAL);
	if (check_writable(tensor, &info) < 0)
		return -1;
	pthread_mutex_lock(&tensor->lock);
	result = tensor->backend->set_meta(tensor, meta);
	pthread_mutex_unlock(&tensor->lock);
	return result;
}

int tensormem_seal(struct tensormem *tensor)
{
	struct tensormem_info info;
	int result;

	if (tensormem_info(tensor, &info) < 0)
		return -1;
	if (info.flags & TENSORMEM_INFO_SLICE)
		return refuse(EINVAL);
	if (info.flags & TENSORMEM_INFO_SEALED)
		return 0;
	if (info.flags & TENSORMEM_INFO_READ_ONLY)
		return refuse(EPERM);
	pthread_mutex_lock(&tensor->lock);
	result = tensor->backend->seal(tensor);
	pthread_mutex_unlock(&tensor->lock);
	return result;
}

struct tensormem *tensormem_slice(struct tensormem *tensor, uint64_t offset, uint64_t size, unsigned int flags,
				  const struct tensormem_meta *meta)
{
	uint64_t end;

	if (flags & ~TENSORMEM_SLICE_READ_ONLY || size == 0 || offset % (uint64_t)sysconf(_SC_PAGESIZE))
		return refuse_null(EINVAL);
	if (__builtin_add_overflow(offset, size, &end) || end > tensor->size || !valid_meta(meta, size))
		return refuse_null(EINVAL);
	return tensor->backend->slice(tensor, offset, size, flags, meta);
}

int tensormem_signal(struct tensormem *tensor, uint64_t *generation)
{
	struct tensormem_info info;
	int result;

	if (check_writable(tensor, &info) < 0)
		return -1;
	if (info.flags & TENSORMEM_INFO_SLICE)
		return refuse(EINVAL);
	pthread_mutex_lock(&tensor->lock);
	result = tensor->backend->signal(tensor, generation);
	pthread_mutex_unlock(&tensor->lock);
	return result;
}

int tensormem_wait(struct tensormem *tensor, uint64_t *generation, uint64_t deadline)
{
	if (tensor->slice)
		return refuse(EINVAL);
	return tensor->backend->wait(tensor, generation, deadline);
}
