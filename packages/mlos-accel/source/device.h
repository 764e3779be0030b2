/* SPDX-License-Identifier: Apache-2.0 */
/* What handles are. */
#ifndef MLACCEL_DEVICE_H
#define MLACCEL_DEVICE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "kernel/accel_hub.h"
#include "mlos/accel.h"

struct mlaccel_device {
	int fd;
	uint64_t capabilities;
	atomic_uint users;              /* its own handle, buffers, contexts */
	pthread_mutex_t lock;           /* of what follows, and of their users */
	struct mlaccel_buffer *buffers; /* each of the kernel's handles once */
};

struct mlaccel_buffer {
	struct mlaccel_device *device;
	struct mlaccel_buffer *next;
	unsigned int users; /* handles of programs, and jobs */
	uint32_t handle;
	uint64_t size;
	uint64_t offset; /* where mmap() finds it, if it is not imported */
	bool imported;
};

struct mlaccel_context {
	struct mlaccel_device *device;
	uint32_t id;
};

struct mlaccel_job {
	struct mlaccel_device *device; /* of all buffers; NULL as long as there are none */
	uint64_t needs;                /* MLACCEL_CAN_* */
	unsigned int operand_count;
	unsigned int operation_count;
	struct mlaccel_buffer *buffers[ACCEL_HUB_MAX_OPERANDS];
	struct accel_hub_operand operands[ACCEL_HUB_MAX_OPERANDS];
	struct accel_hub_operation operations[ACCEL_HUB_MAX_OPERATIONS];
};

/* A handle that owns `fd`, the node of a device of the hub; it is closed if nothing comes of it. */
struct mlaccel_device *device_of(int fd);
struct mlaccel_device *device_take(struct mlaccel_device *device);
void device_put(struct mlaccel_device *device);

struct mlaccel_buffer *buffer_take(struct mlaccel_buffer *buffer);

/* An ioctl of the device that a signal does not end. -1 with errno. */
int call(const struct mlaccel_device *device, unsigned long command, void *argument);

/* A syncobj of a sync_file, or one without; 0 with a refusal. */
uint32_t syncobj_create(struct mlaccel_device *device);
uint32_t syncobj_of(struct mlaccel_device *device, int sync_file);
/* Its sync_file, or -1. */
int syncobj_export(struct mlaccel_device *device, uint32_t syncobj);
void syncobj_destroy(struct mlaccel_device *device, uint32_t syncobj);

#endif
