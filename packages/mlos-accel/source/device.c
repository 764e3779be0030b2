/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that are open, as long as anybody needs them. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "device.h"
#include "refusal.h"

static_assert(MLACCEL_KIND_OTHER == ACCEL_HUB_KIND_OTHER && MLACCEL_KIND_NPU == ACCEL_HUB_KIND_NPU &&
		      MLACCEL_KIND_TPU == ACCEL_HUB_KIND_TPU && MLACCEL_KIND_GPU == ACCEL_HUB_KIND_GPU &&
		      MLACCEL_KIND_SIM == ACCEL_HUB_KIND_SIM,
	      "kinds come from the kernel as they are");
static_assert(MLACCEL_CAN_INT8 == ACCEL_HUB_CAN_INT8 && MLACCEL_CAN_FP32 == ACCEL_HUB_CAN_FP32 &&
		      MLACCEL_CAN_COPY == ACCEL_HUB_CAN_COPY && MLACCEL_CAN_MATMUL == ACCEL_HUB_CAN_MATMUL &&
		      MLACCEL_CAN_CONVOLUTION == ACCEL_HUB_CAN_CONVOLUTION &&
		      MLACCEL_CAN_ELEMENTWISE == ACCEL_HUB_CAN_ELEMENTWISE && MLACCEL_CAN_IMPORT == ACCEL_HUB_CAN_IMPORT &&
		      MLACCEL_CAN_FACTORIAL == ACCEL_HUB_CAN_FACTORIAL,
	      "and so do capabilities");
static_assert(sizeof(((struct mlaccel_info *)0)->name) == sizeof(((struct accel_hub_query *)0)->name), "one is copied to the other");

unsigned int mlaccel_version(void)
{
	return MLACCEL_VERSION;
}

int call(const struct mlaccel_device *device, unsigned long command, void *argument)
{
	int result;

	do
		result = ioctl(device->fd, command, argument);
	while (result < 0 && errno == EINTR);
	return result;
}

struct mlaccel_device *device_of(int fd)
{
	struct mlaccel_device *device = calloc(1, sizeof(*device));
	struct accel_hub_query query;

	if (!device) {
		close(fd);
		refuse(ENOMEM, "there is no memory for a device");
		return NULL;
	}
	device->fd = fd;
	device->users = 1;
	pthread_mutex_init(&device->lock, NULL);
	if (call(device, DRM_IOCTL_ACCEL_HUB_QUERY, &query) < 0) {
		refuse_as_kernel("the device does not say what it is");
		device_put(device);
		return NULL;
	}
	device->capabilities = query.capabilities;
	return device;
}

struct mlaccel_device *device_take(struct mlaccel_device *device)
{
	atomic_fetch_add(&device->users, 1);
	return device;
}

void device_put(struct mlaccel_device *device)
{
	int error = errno;

	if (atomic_fetch_sub(&device->users, 1) > 1)
		return;
	close(device->fd);
	pthread_mutex_destroy(&device->lock);
	free(device);
	errno = error;
}

void mlaccel_close(struct mlaccel_device *device)
{
	if (device)
		device_put(device);
}

int mlaccel_fd(const struct mlaccel_device *device)
{
	return device->fd;
}

int mlaccel_info(struct mlaccel_device *device, struct mlaccel_info *info)
{
	struct accel_hub_query query;

	if (call(device, DRM_IOCTL_ACCEL_HUB_QUERY, &query) < 0)
		return refuse_as_kernel("the device does not say what it is");
	*info = (struct mlaccel_info){
		.number = query.number,
		.kind = query.kind,
		.capabilities = query.capabilities,
		.memory_total = query.memory_total,
		.memory_used = query.memory_used,
		.queues = query.queues,
		.node = query.numa_node,
	};
	memcpy(info->name, query.name, sizeof(info->name));
	return 0;
}
