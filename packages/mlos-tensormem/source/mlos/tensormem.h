/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libtensormem: buffers that processes share, that say what lies in them, and that can be made immutable.
 *
 * A tensor comes from the kernel's /dev/tensor where that opens, and is a sealed memfd elsewhere; the functions and what
 * they refuse are the same. They may be called from any thread, but a tensor is closed by one, after the last call about
 * it. Functions return NULL or -1 with errno set. The manual page tensormem(3) has the meaning and every error. Link with
 * -ltensormem.
 */
#ifndef MLOS_TENSORMEM_H
#define MLOS_TENSORMEM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of this header; tensormem_version() has the library's. A library of a later version serves programs of this one. */
#define TENSORMEM_VERSION 1

#define TENSORMEM_NAME_LENGTH 64 /* with the terminating zero */
#define TENSORMEM_DIMENSIONS 8

/* Type of an element, by the numbers of DLPack: code 0 signed, 1 unsigned, 2 float, 4 bfloat, 5 complex, 6 bool. */
#define TENSORMEM_DTYPE(code, bits, lanes) (((uint32_t)(code) << 16) | ((uint32_t)(bits) << 8) | (uint32_t)(lanes))

/* What lies in a tensor. */
struct tensormem_meta {
	char name[TENSORMEM_NAME_LENGTH]; /* text for people */
	uint32_t dtype;                   /* 0: not said, and no dimensions */
	uint32_t dimensions;              /* how many of shape and stride count */
	uint64_t shape[TENSORMEM_DIMENSIONS];
	int64_t stride[TENSORMEM_DIMENSIONS]; /* bytes, not negative; all 0: row-major, without gaps */
	uint32_t model;                       /* the number of mlos_sched_context(); 0: none */
	uint32_t reserved;                    /* 0 */
};

/* Flags of tensormem_create(). */
#define TENSORMEM_CREATE_HUGE (1U << 0)     /* 2 MiB pages or ENOMEM */
#define TENSORMEM_CREATE_HUGE_TRY (1U << 1) /* 2 MiB pages where the machine has them */
#define TENSORMEM_CREATE_NODE (1U << 2)     /* all of it on the NUMA node .node */
#define TENSORMEM_CREATE_POPULATE (1U << 3) /* allocated and zeroed now, so that the first use does not pay for it */
#define TENSORMEM_CREATE_MEMFD (1U << 4)    /* without /dev/tensor even where it is there */

struct tensormem_request {
	uint64_t size; /* bytes, not 0 */
	uint32_t flags;
	uint32_t node;
	struct tensormem_meta meta;
};

/* What a tensor says of itself; flags of tensormem_info. */
#define TENSORMEM_INFO_HUGE (1U << 0)
#define TENSORMEM_INFO_SEALED (1U << 1)    /* nobody can write any more */
#define TENSORMEM_INFO_READ_ONLY (1U << 2) /* not through this handle */
#define TENSORMEM_INFO_IMPORTED (1U << 3)
#define TENSORMEM_INFO_SLICE (1U << 4) /* a part of another */
#define TENSORMEM_INFO_DEVICE (1U << 5) /* of /dev/tensor, and no memfd */

struct tensormem_info {
	uint64_t size;
	uint64_t allocated; /* bytes that a mapping may touch */
	uint64_t offset;    /* of a slice, in the tensor that it is a part of */
	uint32_t flags;
	int32_t node; /* that it was asked to be on, or -1 */
	uint64_t generation;
	struct tensormem_meta meta;
};

/* Flags of tensormem_map(). */
#define TENSORMEM_MAP_WRITE (1U << 0)
#define TENSORMEM_MAP_POPULATE (1U << 1) /* no page fault later */

/* Flags of tensormem_slice(). */
#define TENSORMEM_SLICE_READ_ONLY (1U << 0)

struct tensormem;
struct tensormem_pool;

/* The version of the library that the program runs with. */
unsigned int tensormem_version(void);

/* A new tensor, zeroed and writable. ENOMEM, EDQUOT, EINVAL for what is asked wrongly. */
struct tensormem *tensormem_create(const struct tensormem_request *request);

/* The tensor behind a file descriptor, which stays the caller's. EINVAL if it is none, or not one to be trusted. */
struct tensormem *tensormem_from_fd(int fd);

/* Give up the handle. Mappings stay, and so does the tensor while anybody has it. NULL is nothing to close. */
void tensormem_close(struct tensormem *tensor);

/* The file descriptor, to be handed on to another process. Of a slice on memfd it is the whole tensor's. */
int tensormem_fd(const struct tensormem *tensor);

int tensormem_info(struct tensormem *tensor, struct tensormem_info *info);

/* Say anew what lies in it. EPERM once it is sealed, or read-only; EINVAL if it would not fit. */
int tensormem_set_meta(struct tensormem *tensor, const struct tensormem_meta *meta);

/* Map all of it. EPERM if it is to be written and cannot be. The address is that of the tensor's first byte. */
void *tensormem_map(struct tensormem *tensor, unsigned int flags);
int tensormem_unmap(struct tensormem *tensor, void *address);

/* Make it immutable, for everybody and for ever. EBUSY while anybody has it mapped for writing; EINVAL for a slice. */
int tensormem_seal(struct tensormem *tensor);

/* A part of it, which shares its memory: `offset` a multiple of the page size. EINVAL if it lies outside. */
struct tensormem *tensormem_slice(struct tensormem *tensor, uint64_t offset, uint64_t size, unsigned int flags,
				  const struct tensormem_meta *meta);

/* Hand a tensor to the process at the other end of a Unix socket, and take one. EBADMSG for what is no tensor. */
int tensormem_send(int socket, struct tensormem *tensor);
struct tensormem *tensormem_receive(int socket);

/*
 * Every tensor counts its generations from 0. Signal the next one (`generation` 0) or a later one; wait until CLOCK_MONOTONIC
 * reaches `deadline` nanoseconds (0: do not, UINT64_MAX: for ever) for one. Both answer the present one in `generation`.
 * ETIMEDOUT; EPERM once it is sealed: then no further one comes. EINVAL for a slice: generations are the whole's.
 */
int tensormem_signal(struct tensormem *tensor, uint64_t *generation);
int tensormem_wait(struct tensormem *tensor, uint64_t *generation, uint64_t deadline);

/*
 * Tensors that are allocated ahead, all after the same request: `count` of them, made at once. Taking one costs a few
 * instructions; where none is left, one is made. What is put back goes to the next who takes, as it is: zeroed or not.
 * EPERM for putting back what is sealed, EINVAL for what has another size.
 */
struct tensormem_pool *tensormem_pool_create(const struct tensormem_request *request, unsigned int count);
struct tensormem *tensormem_pool_take(struct tensormem_pool *pool);
int tensormem_pool_put(struct tensormem_pool *pool, struct tensormem *tensor);
unsigned int tensormem_pool_ready(struct tensormem_pool *pool);
void tensormem_pool_close(struct tensormem_pool *pool);

/*
 * The tensor mapped, as DLPack's DLManagedTensorVersioned (`versioned`) or DLManagedTensor, for whoever speaks that. It is
 * read-only if the tensor is sealed or read-only, which only the versioned form can say: the other is then refused with
 * EPERM. Its deleter unmaps it. ENOTSUP for a tensor whose type is not said or whose strides are no whole elements.
 */
void *tensormem_dlpack(struct tensormem *tensor, int versioned);

#ifdef __cplusplus
}
#endif

#endif
