/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Buffers. The kernel gives one handle to a dma-buf however often it is imported, and takes it back at once: so each has one
 * structure, and a lock that keeps importing and closing apart.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "device.h"
#include "refusal.h"

static void close_handle(struct mlaccel_device *device, uint32_t handle)
{
	struct drm_gem_close gem_close = {.handle = handle};

	call(device, DRM_IOCTL_GEM_CLOSE, &gem_close);
}

/* Under the device's lock. The handle is closed if there is no memory. */
static struct mlaccel_buffer *add(struct mlaccel_device *device, const struct mlaccel_buffer *made)
{
	struct mlaccel_buffer *buffer = malloc(sizeof(*buffer));

	if (!buffer) {
		close_handle(device, made->handle);
		refuse(ENOMEM, "there is no memory for a buffer");
		return NULL;
	}
	*buffer = *made;
	buffer->device = device_take(device);
	buffer->users = 1;
	buffer->next = device->buffers;
	device->buffers = buffer;
	return buffer;
}

struct mlaccel_buffer *mlaccel_buffer_create(struct mlaccel_device *device, uint64_t size)
{
	struct accel_hub_buffer_create create = {.size = size};
	struct mlaccel_buffer *buffer;

	if (call(device, DRM_IOCTL_ACCEL_HUB_BUFFER, &create) < 0) {
		if (errno == ENOSPC)
			refuse(ENOSPC, "the device has no memory left for a buffer of %llu bytes", (unsigned long long)size);
		else
			refuse_as_kernel("no buffer could be made");
		return NULL;
	}
	pthread_mutex_lock(&device->lock);
	buffer = add(device, &(struct mlaccel_buffer){
				     .handle = create.handle,
				     .size = create.size,
				     .offset = create.offset,
			     });
	pthread_mutex_unlock(&device->lock);
	return buffer;
}

/* Under the device's lock: the buffer of a handle that the kernel gave. */
static struct mlaccel_buffer *imported(struct mlaccel_device *device, uint32_t handle, uint64_t size)
{
	for (struct mlaccel_buffer *buffer = device->buffers; buffer; buffer = buffer->next) {
		if (buffer->handle == handle) {
			buffer->users++;
			return buffer;
		}
	}
	return add(device, &(struct mlaccel_buffer){.handle = handle, .size = size, .imported = true});
}

struct mlaccel_buffer *mlaccel_buffer_import(struct mlaccel_device *device, int fd)
{
	struct drm_prime_handle prime = {.fd = fd};
	struct mlaccel_buffer *buffer = NULL;
	off_t size = lseek(fd, 0, SEEK_END);

	if (!(device->capabilities & MLACCEL_CAN_IMPORT)) {
		refuse(ENOTSUP, "the device takes no dma-bufs of others");
		return NULL;
	}
	if (size < 0) {
		refuse(EINVAL, "the descriptor is no dma-buf");
		return NULL;
	}
	pthread_mutex_lock(&device->lock);
	if (call(device, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime) < 0)
		refuse_as_kernel("the descriptor could not be imported as a dma-buf");
	else
		buffer = imported(device, prime.handle, (uint64_t)size);
	pthread_mutex_unlock(&device->lock);
	return buffer;
}

int mlaccel_buffer_export(struct mlaccel_buffer *buffer)
{
	struct drm_prime_handle prime = {.handle = buffer->handle, .flags = O_RDWR | O_CLOEXEC};

	if (call(buffer->device, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime) < 0)
		return refuse_as_kernel("the buffer could not be exported");
	return prime.fd;
}

uint64_t mlaccel_buffer_size(const struct mlaccel_buffer *buffer)
{
	return buffer->size;
}

void *mlaccel_buffer_map(struct mlaccel_buffer *buffer)
{
	void *address;

	if (buffer->imported) {
		refuse(ENOTSUP, "the buffer was imported: map it where it comes from");
		return NULL;
	}
	address = mmap(NULL, buffer->size, PROT_READ | PROT_WRITE, MAP_SHARED, buffer->device->fd, (off_t)buffer->offset);
	if (address == MAP_FAILED) {
		refuse_as_kernel("the buffer could not be mapped");
		return NULL;
	}
	return address;
}

int mlaccel_buffer_unmap(struct mlaccel_buffer *buffer, void *address)
{
	return munmap(address, buffer->size) < 0 ? refuse_as_kernel("the buffer is not mapped there") : 0;
}

struct mlaccel_buffer *buffer_take(struct mlaccel_buffer *buffer)
{
	pthread_mutex_lock(&buffer->device->lock);
	buffer->users++;
	pthread_mutex_unlock(&buffer->device->lock);
	return buffer;
}

void mlaccel_buffer_close(struct mlaccel_buffer *buffer)
{
	struct mlaccel_device *device;
	struct mlaccel_buffer **place;

	if (!buffer)
		return;
	device = buffer->device;
	pthread_mutex_lock(&device->lock);
	if (--buffer->users) {
		pthread_mutex_unlock(&device->lock);
		return;
	}
	for (place = &device->buffers; *place != buffer; place = &(*place)->next)
		;
	*place = buffer->next;
	close_handle(device, buffer->handle);
	pthread_mutex_unlock(&device->lock);
	free(buffer);
	device_put(device);
}
