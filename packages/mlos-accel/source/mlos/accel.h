/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libmlaccel: work for the accelerators of the kernel's hub, whoever made them.
 *
 * Functions return NULL or -1 with errno set, and mlaccel_why() says in words what was wrong. They may be called from any
 * thread, but a job is described by one at a time, and what is closed is closed by one, after the last call about it.
 * Buffers and contexts keep their device, jobs keep their buffers: they can be closed in any order. Once a device has gone,
 * every call about it fails with ENODEV. The manual page mlaccel(3) has the meaning and every error. Link with -lmlaccel.
 */
#ifndef MLOS_ACCEL_H
#define MLOS_ACCEL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of this header; mlaccel_version() has the library's. A library of a later version serves programs of this one. */
#define MLACCEL_VERSION 1

#define MLACCEL_KIND_OTHER 0
#define MLACCEL_KIND_NPU 1
#define MLACCEL_KIND_TPU 2
#define MLACCEL_KIND_GPU 3
#define MLACCEL_KIND_SIM 4 /* software */

/* What a device can do; types of elements, operations, and dma-bufs of others. */
#define MLACCEL_CAN_INT8 (UINT64_C(1) << 0)
#define MLACCEL_CAN_FP32 (UINT64_C(1) << 1)
#define MLACCEL_CAN_COPY (UINT64_C(1) << 2)
#define MLACCEL_CAN_MATMUL (UINT64_C(1) << 3)
#define MLACCEL_CAN_CONVOLUTION (UINT64_C(1) << 4)
#define MLACCEL_CAN_ELEMENTWISE (UINT64_C(1) << 5) /* add, multiply, relu */
#define MLACCEL_CAN_IMPORT (UINT64_C(1) << 6)
#define MLACCEL_CAN_FACTORIAL (UINT64_C(1) << 7)

/* What a device says of itself. */
struct mlaccel_info {
	uint32_t number; /* N of /sys/class/accel_hub/N */
	uint32_t kind;
	uint64_t capabilities;
	uint64_t memory_total; /* bytes that buffers can take, 0 if it does not limit them */
	uint64_t memory_used;
	uint32_t queues; /* jobs that run at the same time */
	int32_t node;    /* the nearest NUMA node, or -1 */
	char name[32];
};

struct mlaccel_device;
struct mlaccel_buffer;
struct mlaccel_context;
struct mlaccel_job;

/* The version of the library that the program runs with. */
unsigned int mlaccel_version(void);

/* What was wrong with the last call of this thread that failed; "" before there was one. */
const char *mlaccel_why(void);

/* The device N of /sys/class/accel_hub/N, or that of a node such as /dev/accel/accel0. ENODEV if it is none of the hub. */
struct mlaccel_device *mlaccel_open(unsigned int number);
struct mlaccel_device *mlaccel_open_node(const char *path);

/*
 * The best device that can do all this (MLACCEL_CAN_*), of those that this program may open: hardware before software,
 * then the one with the fewest waiting jobs, then the least busy one. ENODEV if there is none.
 */
struct mlaccel_device *mlaccel_open_best(uint64_t capabilities);
void mlaccel_close(struct mlaccel_device *device);

/* The file descriptor of its node, which stays the library's. */
int mlaccel_fd(const struct mlaccel_device *device);
int mlaccel_info(struct mlaccel_device *device, struct mlaccel_info *info);

/* A buffer of zeros, of at least `size` bytes. ENOSPC if the device has not so much left. */
struct mlaccel_buffer *mlaccel_buffer_create(struct mlaccel_device *device, uint64_t size);

/*
 * The memory of a dma-buf, without a copy; `fd` stays the caller's. What nobody may write, such as a sealed tensor that
 * tensormem_export() gives, is for reading only. The same dma-buf twice is the same buffer, to be closed twice.
 */
struct mlaccel_buffer *mlaccel_buffer_import(struct mlaccel_device *device, int fd);

/* A new file descriptor of a dma-buf over it, for other devices and processes. */
int mlaccel_buffer_export(struct mlaccel_buffer *buffer);
uint64_t mlaccel_buffer_size(const struct mlaccel_buffer *buffer);

/* Map all of it, for reading and writing. A mapping outlives the buffer and the device. ENOTSUP for what was imported. */
void *mlaccel_buffer_map(struct mlaccel_buffer *buffer);
int mlaccel_buffer_unmap(struct mlaccel_buffer *buffer, void *address);
void mlaccel_buffer_close(struct mlaccel_buffer *buffer);

/*
 * A row of jobs that run one after the other. Models share the time of a device in equal parts, whatever contexts they
 * have: `model` is any number for one, or 0 for that of the thread's mlos_sched_context(), and without that one of the device's
 * handle. What has not begun when a context is closed is taken back.
 */
struct mlaccel_context *mlaccel_context_create(struct mlaccel_device *device, uint64_t model);
void mlaccel_context_close(struct mlaccel_context *context);

/* Operations, one after the other: at most 64, on at most 16 different parts of buffers of one device. */
struct mlaccel_job *mlaccel_job_create(void);
void mlaccel_job_close(struct mlaccel_job *job);

/* Where a matrix begins; how large it is follows from the operation. */
struct mlaccel_part {
	struct mlaccel_buffer *buffer;
	uint64_t offset; /* bytes, a multiple of 4 */
};

/* Type of an element. Sums of products are int32 or fp32. */
#define MLACCEL_INT8 0
#define MLACCEL_FP32 1

/* (batch, height, width, channels) seen through (filters, kernel_height, kernel_width, channels) */
struct mlaccel_convolution {
	uint32_t batch, height, width, channels;
	uint32_t filters, kernel_height, kernel_width;
	uint32_t stride;
};

/*
 * Add an operation, which is done after those before it. All matrices are row-major, without gaps. A part may be result
 * and operand of the same operation where each element depends on its own place only. ERANGE if a buffer is too small,
 * ENOSPC if the job has no room. A job to which nothing could be added is as it was before.
 */
int mlaccel_copy(struct mlaccel_job *job, struct mlaccel_part to, struct mlaccel_part from, uint32_t size);
/* (m, n) becomes (m, k) times (k, n) */
int mlaccel_matmul(struct mlaccel_job *job, uint32_t type, struct mlaccel_part to, struct mlaccel_part left,
		   struct mlaccel_part right, uint32_t m, uint32_t n, uint32_t k);
/* (batch, rows, columns, filters): steps of stride, without padding */
int mlaccel_convolve(struct mlaccel_job *job, uint32_t type, struct mlaccel_part to, struct mlaccel_part images,
		     struct mlaccel_part filters, const struct mlaccel_convolution *shape);
/* Results in int8 are cut off at -128 and 127. */
int mlaccel_add(struct mlaccel_job *job, uint32_t type, struct mlaccel_part to, struct mlaccel_part left,
		struct mlaccel_part right, uint32_t elements);
int mlaccel_multiply(struct mlaccel_job *job, uint32_t type, struct mlaccel_part to, struct mlaccel_part left,
		     struct mlaccel_part right, uint32_t elements);
int mlaccel_relu(struct mlaccel_job *job, uint32_t type, struct mlaccel_part to, struct mlaccel_part from, uint32_t elements);
/* Of uint32, modulo 2^32. */
int mlaccel_factorial(struct mlaccel_job *job, struct mlaccel_part to, struct mlaccel_part from, uint32_t elements);
int mlaccel_nop(struct mlaccel_job *job);

/* How a job is given; all 0, or NULL, if nothing is said. */
struct mlaccel_how {
	uint32_t timeout_ms;  /* how long it may run; 0: as long as the driver allows, which is also the most */
	uint32_t after_count;
	const int *after;     /* sync_files: it begins when all of them have happened */
	int *done;            /* returned: a sync_file that happens when it has ended, or -1 if no descriptor was left */
};

/*
 * Give a job to a context, and return its number there, from 1. It may be given again, to any context of its device. It
 * begins after those before it in its context, and after all that writes to what it reads or uses what it writes.
 * ENOTSUP for what the device cannot do, EPERM for writing to what is for reading only, EAGAIN if 1024 jobs of the
 * context have not ended.
 */
int64_t mlaccel_submit(struct mlaccel_context *context, const struct mlaccel_job *job, const struct mlaccel_how *how);

/* How long a job waited from its submission, and ran. */
struct mlaccel_times {
	uint64_t queued_ns;
	uint64_t run_ns;
};

/*
 * Wait until CLOCK_MONOTONIC reaches `deadline` nanoseconds (0: do not, UINT64_MAX: for ever) for one of the last 1024 jobs
 * of a context. 0 if it was done; ETIME if it has not ended yet. How it failed: ETIMEDOUT if it ran too long, EIO if the
 * device failed, ECANCELED if it was taken back, ENODEV if the device has gone. `times` may be NULL.
 */
int mlaccel_wait(struct mlaccel_context *context, uint64_t job, uint64_t deadline, struct mlaccel_times *times);

/* Take back a job that has not begun. EBUSY if it has. */
int mlaccel_cancel(struct mlaccel_context *context, uint64_t job);

#ifdef __cplusplus
}
#endif

#endif
