/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Tensor memory: buffers that processes and devices share, and that can be made immutable.
 *
 * Documentation/userspace-api/tensor_mem.rst describes the interface.
 */
#ifndef _UAPI_LINUX_TENSOR_MEM_H
#define _UAPI_LINUX_TENSOR_MEM_H

#include <linux/ioctl.h>
#include <linux/types.h>

/*
 * The size of a structure is part of the number of its ioctl. A kernel that knows a shorter one
 * takes a longer one whose unknown part is zero and answers E2BIG otherwise; one that knows a
 * longer one takes what is missing for zero.
 */
#define TENSOR_MEM_MAGIC	0xBB

#define TENSOR_MEM_NAME_LENGTH	64	/* with the terminating zero */
#define TENSOR_MEM_DIMENSIONS	8

/* Flags of tensor_mem_create. */
#define TENSOR_MEM_CREATE_HUGE		(1U << 0)	/* 2 MiB pages or ENOMEM */
#define TENSOR_MEM_CREATE_HUGE_TRY	(1U << 1)	/* 2 MiB pages where the machine has them */
#define TENSOR_MEM_CREATE_NODE		(1U << 2)	/* all of it on the NUMA node .node */

/* What a buffer says of itself; flags of tensor_mem_info. */
#define TENSOR_MEM_INFO_HUGE		(1U << 0)	/* all pages are 2 MiB */
#define TENSOR_MEM_INFO_SEALED		(1U << 1)	/* nobody can write any more */
#define TENSOR_MEM_INFO_READ_ONLY	(1U << 2)	/* not through this file descriptor */
#define TENSOR_MEM_INFO_IMPORTED	(1U << 3)	/* memory of something imported */
#define TENSOR_MEM_INFO_SLICE		(1U << 4)	/* a part of another buffer */

/* Types of elements, by the numbers of DLPack's codes and bits: code << 16 | bits << 8 | lanes. */
#define TENSOR_MEM_DTYPE(code, bits, lanes)	(((code) << 16) | ((bits) << 8) | (lanes))

/**
 * struct tensor_mem_meta - what lies in a buffer
 * @name: text for people, any bytes but zero, at most 63
 * @dtype: type of an element, see TENSOR_MEM_DTYPE(); 0: not said
 * @dimensions: how many of @shape and @stride count, at most 8
 * @shape: elements in each dimension; needs @dtype
 * @stride: bytes from an element to the next in each dimension, not negative; all zero: row-major,
 *	without gaps
 * @model: the model it belongs to, as SCHED_ML's context (PR_SCHED_ML_SET_CONTEXT); 0: none
 * @reserved: must be zero
 */
struct tensor_mem_meta {
	char name[TENSOR_MEM_NAME_LENGTH];
	__u32 dtype;
	__u32 dimensions;
	__u64 shape[TENSOR_MEM_DIMENSIONS];
	__s64 stride[TENSOR_MEM_DIMENSIONS];
	__u32 model;
	__u32 reserved;
};

/**
 * struct tensor_mem_create - argument of TENSOR_MEM_CREATE on /dev/tensor
 * @size: bytes; rounded up to pages
 * @flags: TENSOR_MEM_CREATE_*
 * @node: NUMA node, with TENSOR_MEM_CREATE_NODE; zero otherwise
 * @meta: what will lie in it
 *
 * Returns a new file descriptor, open for reading and writing and closed by execve().
 */
struct tensor_mem_create {
	__u64 size;
	__u32 flags;
	__u32 node;
	struct tensor_mem_meta meta;
};

/**
 * struct tensor_mem_import - argument of TENSOR_MEM_IMPORT on /dev/tensor
 * @fd: a memfd that is sealed against writing, growing and shrinking, or a dma-buf
 * @flags: must be zero
 * @meta: what lies in it
 *
 * Returns a new file descriptor, open for reading.
 */
struct tensor_mem_import {
	__s32 fd;
	__u32 flags;
	struct tensor_mem_meta meta;
};

/**
 * struct tensor_mem_slice - argument of TENSOR_MEM_SLICE on a buffer
 * @offset: first byte, a multiple of the page size
 * @size: bytes, not zero; rounded up to pages
 * @flags: TENSOR_MEM_SLICE_READ_ONLY or zero
 * @reserved: must be zero
 * @meta: what lies in it
 *
 * Returns a new file descriptor, for reading if @flags say so, if the one asked may not write, or
 * if the buffer is sealed.
 */
struct tensor_mem_slice {
	__u64 offset;
	__u64 size;
	__u32 flags;
	__u32 reserved;
	struct tensor_mem_meta meta;
};

#define TENSOR_MEM_SLICE_READ_ONLY	(1U << 0)

/**
 * struct tensor_mem_info - answer of TENSOR_MEM_INFO on a buffer
 * @size: bytes, as asked for
 * @allocated: bytes that can be mapped
 * @offset: bytes from the start of the buffer, for a slice
 * @flags: TENSOR_MEM_INFO_*
 * @node: NUMA node it was asked to be on, or -1
 * @generation: see TENSOR_MEM_SIGNAL
 * @meta: what was last said to lie in it
 */
struct tensor_mem_info {
	__u64 size;
	__u64 allocated;
	__u64 offset;
	__u32 flags;
	__s32 node;
	__u64 generation;
	struct tensor_mem_meta meta;
};

/**
 * struct tensor_mem_export - argument of TENSOR_MEM_EXPORT on a buffer
 * @flags: TENSOR_MEM_EXPORT_WRITE or zero
 * @reserved: must be zero
 *
 * Returns a new file descriptor of a dma-buf.
 */
struct tensor_mem_export {
	__u32 flags;
	__u32 reserved;
};

/* Devices may write. Without this the buffer has to be sealed, and with it, it cannot be. */
#define TENSOR_MEM_EXPORT_WRITE		(1U << 0)

/**
 * struct tensor_mem_wait - argument of TENSOR_MEM_WAIT on a buffer
 * @generation: return as soon as the buffer's is this or later; the answer is the buffer's
 * @deadline: CLOCK_MONOTONIC in ns; 0: do not wait, U64_MAX: for ever
 */
struct tensor_mem_wait {
	__u64 generation;
	__u64 deadline;
};

/**
 * struct tensor_mem_signal - argument of TENSOR_MEM_SIGNAL on a buffer that is open for writing
 * @generation: the buffer's new one, later than its last; 0: the next. The answer is the new one
 */
struct tensor_mem_signal {
	__u64 generation;
};

/**
 * struct tensor_mem_stat - answer of TENSOR_MEM_STAT on /dev/tensor
 * @buffers: buffers on this machine
 * @bytes: their size
 * @huge_bytes: the part in 2 MiB pages
 * @exported_bytes: the part that is held in memory for devices
 * @user_bytes: what counts against the caller's user id
 * @user_limit: and how much may, in bytes
 */
struct tensor_mem_stat {
	__u64 buffers;
	__u64 bytes;
	__u64 huge_bytes;
	__u64 exported_bytes;
	__u64 user_bytes;
	__u64 user_limit;
};

/* On /dev/tensor. */
#define TENSOR_MEM_CREATE	_IOW(TENSOR_MEM_MAGIC, 0x00, struct tensor_mem_create)
#define TENSOR_MEM_IMPORT	_IOW(TENSOR_MEM_MAGIC, 0x01, struct tensor_mem_import)
#define TENSOR_MEM_STAT		_IOR(TENSOR_MEM_MAGIC, 0x02, struct tensor_mem_stat)

/* On a buffer. */
#define TENSOR_MEM_SEAL		_IO(TENSOR_MEM_MAGIC, 0x10)
#define TENSOR_MEM_INFO		_IOR(TENSOR_MEM_MAGIC, 0x11, struct tensor_mem_info)
#define TENSOR_MEM_SET_META	_IOW(TENSOR_MEM_MAGIC, 0x12, struct tensor_mem_meta)
#define TENSOR_MEM_SLICE	_IOW(TENSOR_MEM_MAGIC, 0x13, struct tensor_mem_slice)
#define TENSOR_MEM_EXPORT	_IOW(TENSOR_MEM_MAGIC, 0x14, struct tensor_mem_export)
#define TENSOR_MEM_WAIT		_IOWR(TENSOR_MEM_MAGIC, 0x15, struct tensor_mem_wait)
#define TENSOR_MEM_SIGNAL	_IOWR(TENSOR_MEM_MAGIC, 0x16, struct tensor_mem_signal)

#endif /* _UAPI_LINUX_TENSOR_MEM_H */
