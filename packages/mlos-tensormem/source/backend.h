/* SPDX-License-Identifier: Apache-2.0 */
/* What a handle is, and what the two kinds of tensors do differently. */
#ifndef TENSORMEM_BACKEND_H
#define TENSORMEM_BACKEND_H

#include <pthread.h>
#include <stdbool.h>

#include "mlos/tensormem.h"

struct backend;

struct tensormem {
	const struct backend *backend;
	int fd;
	int read_fd;      /* for mappings that do not stand in the way of a seal; may be `fd` */
	uint64_t offset;  /* of a slice whose file is the whole tensor's */
	uint64_t size;
	uint64_t granule; /* bytes of a page of the file: lengths and offsets of mappings are multiples of it */
	bool slice;
	bool read_only;
	bool foreign;     /* a memfd that others have made: there is no trailer, and it is sealed */
	bool advise_huge;
	pthread_mutex_t lock;       /* of `meta`, and of this process's changes of the tensor's own */
	struct tensormem_meta meta; /* of a slice whose file is the whole tensor's, and of what is foreign */
};

/* Each as the function of the same name, after the checks that both kinds share. `map` and the like are not among them. */
struct backend {
	int (*info)(struct tensormem *tensor, struct tensormem_info *info);
	int (*set_meta)(struct tensormem *tensor, const struct tensormem_meta *meta);
	int (*seal)(struct tensormem *tensor);
	int (*signal)(struct tensormem *tensor, uint64_t *generation);
	int (*wait)(struct tensormem *tensor, uint64_t *generation, uint64_t deadline);
	struct tensormem *(*slice)(struct tensormem *tensor, uint64_t offset, uint64_t size, unsigned int flags,
				   const struct tensormem_meta *meta);
	int (*export)(struct tensormem *tensor, unsigned int flags);
};

/* A handle that owns `fd`; it is closed if there is no memory for one. */
struct tensormem *new_handle(const struct backend *backend, int fd);

/* A part of `whole`, which lies inside it, as a handle of its own. `meta` has been checked. */
struct tensormem *memfd_slice_of(struct tensormem *whole, uint64_t offset, uint64_t size, bool read_only,
				 const struct tensormem_meta *meta);

/* ENODEV where there is no such device; then the other kind is made. */
struct tensormem *device_create(const struct tensormem_request *request);
struct tensormem *memfd_create_tensor(const struct tensormem_request *request);

/* A tensor of what others have made; `meta` has not been checked. The first answers ENODEV where there is no such device. */
struct tensormem *device_import(int fd, const struct tensormem_meta *meta);
struct tensormem *memfd_import(int fd, const struct tensormem_meta *meta);

/* A dma-buf over a tensor's part of its memfd, for devices that write, by /dev/udmabuf. ENOTSUP. */
int udmabuf_export(const struct tensormem *tensor);

/* The tensor behind `fd`, which is theirs from then on. The first leaves it alone if it is none of the device: ENODEV. */
struct tensormem *device_from_fd(int fd);
struct tensormem *memfd_from_fd(int fd);

/* Is `meta` well formed, and does what it describes fit into `size` bytes? */
bool valid_meta(const struct tensormem_meta *meta, uint64_t size);

/* Bytes that a row-major tensor takes, or that its strides reach; false if that is not a number. */
bool extent_of(const struct tensormem_meta *meta, uint64_t *bytes);

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t monotonic_now(void);

/* -1 with errno, for a return statement. */
int refuse(int error);
void *refuse_null(int error);

#endif
