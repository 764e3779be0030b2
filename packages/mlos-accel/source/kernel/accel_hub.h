/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Accelerators of the hub: one set of calls on /dev/accel/accel* for all drivers that use it.
 *
 * Documentation/userspace-api/accel_hub.rst says what they promise. Every structure may grow at its end:
 * what a caller leaves out is zero. An older kernel does not look at what it does not know, so ask
 * accel_hub_query.version before you use what is new.
 */
#ifndef _UAPI_DRM_ACCEL_HUB_H
#define _UAPI_DRM_ACCEL_HUB_H

#include "drm.h"

#if defined(__cplusplus)
extern "C" {
#endif

#define ACCEL_HUB_VERSION		1

/* Of a job. */
#define ACCEL_HUB_MAX_OPERANDS		16
#define ACCEL_HUB_MAX_OPERATIONS	64
#define ACCEL_HUB_MAX_SYNCOBJS		64
/* As many jobs of a context can be waiting, and of as many the results are kept. */
#define ACCEL_HUB_JOBS			1024
/* Contexts of a file. */
#define ACCEL_HUB_MAX_CONTEXTS		1024

#define ACCEL_HUB_KIND_OTHER		0
#define ACCEL_HUB_KIND_NPU		1
#define ACCEL_HUB_KIND_TPU		2
#define ACCEL_HUB_KIND_GPU		3
#define ACCEL_HUB_KIND_SIM		4	/* software */

/* What a device can do; in sysfs the words behind. */
#define ACCEL_HUB_CAN_INT8		(1ULL << 0)	/* int8 */
#define ACCEL_HUB_CAN_FP32		(1ULL << 1)	/* fp32 */
#define ACCEL_HUB_CAN_COPY		(1ULL << 2)	/* copy */
#define ACCEL_HUB_CAN_MATMUL		(1ULL << 3)	/* matmul */
#define ACCEL_HUB_CAN_CONVOLUTION	(1ULL << 4)	/* convolution */
#define ACCEL_HUB_CAN_ELEMENTWISE	(1ULL << 5)	/* elementwise */
#define ACCEL_HUB_CAN_IMPORT		(1ULL << 6)	/* import: dma-bufs of others */
#define ACCEL_HUB_CAN_FACTORIAL		(1ULL << 7)	/* factorial */

/**
 * struct accel_hub_query - what device this is
 *
 * @version:		ACCEL_HUB_VERSION of the kernel
 * @kind:		ACCEL_HUB_KIND_*
 * @capabilities:	ACCEL_HUB_CAN_*
 * @memory_total:	bytes that buffers can take, 0 if there is no limit of its own
 * @memory_used:	bytes that they take
 * @queues:		how many jobs it runs at the same time
 * @numa_node:		the nearest one, or -1
 * @number:		N of /sys/class/accel_hub/N
 * @pad:		0
 * @name:		of the device
 */
struct accel_hub_query {
	__u32	version;
	__u32	kind;
	__u64	capabilities;
	__u64	memory_total;
	__u64	memory_used;
	__u32	queues;
	__s32	numa_node;
	__u32	number;
	__u32	pad;
	char	name[32];
};

/**
 * struct accel_hub_buffer_create - make a buffer of zeros
 *
 * DRM_IOCTL_GEM_CLOSE ends it, DRM_IOCTL_PRIME_FD_TO_HANDLE and _HANDLE_TO_FD make one of a
 * dma-buf and the other way round.
 *
 * @size:	bytes; rounded up to pages
 * @flags:	0
 * @handle:	returned
 * @offset:	returned: where mmap(2) finds it
 */
struct accel_hub_buffer_create {
	__u64	size;
	__u32	flags;
	__u32	handle;
	__u64	offset;
};

/**
 * struct accel_hub_context_create - a row of jobs that run one after the other
 *
 * Contexts of one model share what a model gets.
 *
 * @model:	which model they are of: any number; 0: that of the caller's SCHED_ML context, and
 *		if there is none, contexts of this file are of one model
 * @flags:	0
 * @id:		returned
 */
struct accel_hub_context_create {
	__u64	model;
	__u32	flags;
	__u32	id;
};

/**
 * struct accel_hub_context_end - end a context; its jobs that have not begun are cancelled
 *
 * @id:		of the context
 * @pad:	0
 */
struct accel_hub_context_end {
	__u32	id;
	__u32	pad;
};

#define ACCEL_HUB_READ			(1U << 0)
#define ACCEL_HUB_WRITE			(1U << 1)

/**
 * struct accel_hub_operand - a part of a buffer that a job uses
 *
 * @handle:	of the buffer
 * @access:	ACCEL_HUB_READ, ACCEL_HUB_WRITE, or both
 * @offset:	of the part, in bytes, a multiple of 4
 * @size:	of the part, in bytes
 */
struct accel_hub_operand {
	__u32	handle;
	__u32	access;
	__u64	offset;
	__u64	size;
};

#define ACCEL_HUB_TYPE_INT8		0	/* sums are int32 */
#define ACCEL_HUB_TYPE_FP32		1

/*
 * What is done with operands[], which are indexes into the job's. Each operand holds at least what
 * is said here, row by row, without gaps; other members of shape[] are 0.
 */
#define ACCEL_HUB_NOP			0
/* [0] becomes [1]; shape: bytes */
#define ACCEL_HUB_COPY			1
/* [0] (m, n) becomes [1] (m, k) times [2] (k, n); shape: m, n, k */
#define ACCEL_HUB_MATMUL		2
/*
 * [0] (batch, rows, columns, filters) becomes [1] (batch, height, width, channels) seen through
 * [2] (filters, kernel_height, kernel_width, channels) in steps of stride, without padding;
 * shape: batch, height, width, channels, filters, kernel_height, kernel_width, stride
 */
#define ACCEL_HUB_CONVOLUTION		3
/* [0] becomes [1] + [2], [1] * [2], max([1], 0); int8 is cut off at its ends; shape: elements */
#define ACCEL_HUB_ADD			4
#define ACCEL_HUB_MULTIPLY		5
#define ACCEL_HUB_RELU			6
/* [0] becomes the factorials of [1], all of them u32 and modulo 2^32; shape: elements */
#define ACCEL_HUB_FACTORIAL		7

struct accel_hub_operation {
	__u32	code;
	__u32	type;
	__u32	operands[4];
	__u32	shape[8];
};

/**
 * struct accel_hub_syncobj - a point of a DRM syncobj
 *
 * @handle:	of the syncobj
 * @pad:	0
 * @point:	of a timeline, or 0
 */
struct accel_hub_syncobj {
	__u32	handle;
	__u32	pad;
	__u64	point;
};

/**
 * struct accel_hub_submit - give a job to a context
 *
 * It begins after the jobs of its context before it, after all that writes to what it reads or
 * uses what it writes, and after @wait. Its operations run in order.
 *
 * @context:	id
 * @flags:	0
 * @operands:	address of struct accel_hub_operand[@operand_count]
 * @operations:	address of struct accel_hub_operation[@operation_count]
 * @wait:	address of struct accel_hub_syncobj[@wait_count]
 * @signal:	address of struct accel_hub_syncobj[@signal_count]
 * @operand_count:	at most ACCEL_HUB_MAX_OPERANDS
 * @operation_count:	at most ACCEL_HUB_MAX_OPERATIONS
 * @wait_count:		at most ACCEL_HUB_MAX_SYNCOBJS
 * @signal_count:	at most ACCEL_HUB_MAX_SYNCOBJS
 * @timeout_ms:	how long it may run, 0: what the driver says, which is also the most
 * @pad:	0
 * @job:	returned: its number in the context, from 1
 */
struct accel_hub_submit {
	__u32	context;
	__u32	flags;
	__u64	operands;
	__u64	operations;
	__u64	wait;
	__u64	signal;
	__u32	operand_count;
	__u32	operation_count;
	__u32	wait_count;
	__u32	signal_count;
	__u32	timeout_ms;
	__u32	pad;
	__u64	job;
};

/**
 * struct accel_hub_wait - wait until a job has ended
 *
 * @context:	id
 * @error:	returned: 0, or the negative errno of the job: ETIMEDOUT, ECANCELED, EIO of the
 *		device, ENODEV if it has gone
 * @job:	its number; one of the last ACCEL_HUB_JOBS
 * @deadline_ns: of CLOCK_MONOTONIC; one that has passed only asks
 * @queued_ns:	returned: from the call until it began
 * @run_ns:	returned: from then until it ended
 */
struct accel_hub_wait {
	__u32	context;
	__s32	error;
	__u64	job;
	__s64	deadline_ns;
	__u64	queued_ns;
	__u64	run_ns;
};

/**
 * struct accel_hub_cancel - take back a job that has not begun (EBUSY: it has, or has ended)
 *
 * @context:	id
 * @pad:	0
 * @job:	its number
 */
struct accel_hub_cancel {
	__u32	context;
	__u32	pad;
	__u64	job;
};

#define DRM_ACCEL_HUB_QUERY		0x00
#define DRM_ACCEL_HUB_BUFFER		0x01
#define DRM_ACCEL_HUB_CONTEXT		0x02
#define DRM_ACCEL_HUB_CONTEXT_END	0x03
#define DRM_ACCEL_HUB_SUBMIT		0x04
#define DRM_ACCEL_HUB_WAIT		0x05
#define DRM_ACCEL_HUB_CANCEL		0x06

#define DRM_IOCTL_ACCEL_HUB_QUERY \
	DRM_IOR(DRM_COMMAND_BASE + DRM_ACCEL_HUB_QUERY, struct accel_hub_query)
#define DRM_IOCTL_ACCEL_HUB_BUFFER \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_ACCEL_HUB_BUFFER, struct accel_hub_buffer_create)
#define DRM_IOCTL_ACCEL_HUB_CONTEXT \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_ACCEL_HUB_CONTEXT, struct accel_hub_context_create)
#define DRM_IOCTL_ACCEL_HUB_CONTEXT_END \
	DRM_IOW(DRM_COMMAND_BASE + DRM_ACCEL_HUB_CONTEXT_END, struct accel_hub_context_end)
#define DRM_IOCTL_ACCEL_HUB_SUBMIT \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_ACCEL_HUB_SUBMIT, struct accel_hub_submit)
#define DRM_IOCTL_ACCEL_HUB_WAIT \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_ACCEL_HUB_WAIT, struct accel_hub_wait)
#define DRM_IOCTL_ACCEL_HUB_CANCEL \
	DRM_IOW(DRM_COMMAND_BASE + DRM_ACCEL_HUB_CANCEL, struct accel_hub_cancel)

#if defined(__cplusplus)
}
#endif

#endif /* _UAPI_DRM_ACCEL_HUB_H */
