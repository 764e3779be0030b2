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

/* Flags of tensormem_import(). */
#define TENSORMEM_IMPORT_MEMFD (1U << 0) /* without /dev/tensor even where it is there */

/*
 * A tensor of memory that somebody else has made: a memfd that is sealed against writing, growing and shrinking, or, where
 * there is /dev/tensor, a dma-buf. `fd` stays the caller's. It is for reading only. EINVAL if it is neither, or can still be
 * changed.
 */
struct tensormem *tensormem_import(int fd, unsigned int flags, const struct tensormem_meta *meta);

/* Flags of tensormem_export(). */
#define TENSORMEM_EXPORT_WRITE (1U << 0) /* the device may write */

/*
 * A new file descriptor of a dma-buf over its memory, for a device's driver. What devices only read is to be sealed before
 * (EBUSY), what they write is not (EPERM), nor can it be while the dma-buf is there. A memfd is exported by /dev/udmabuf,
 * which takes only what can be written and is not too large for it: ENOTSUP for all else.
 */
int tensormem_export(struct tensormem *tensor, unsigned int flags);

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

/*
 * The destructor of a PyCapsule over such a structure, which deletes it unless somebody has taken it out and renamed the
 * capsule. One that is written in Python would lose the exception because of which a capsule is dropped.
 */
void tensormem_dlpack_drop(void *capsule);

/*
 * Model files of the format safetensors, loaded straight into one sealed tensor. The memory is such a file again, but for
 * padding: its data begin at a page. A file may come from anybody: its header must describe every byte of the data once, in
 * parts whose size follows from their shape, and nothing is allocated for a file before that is known.
 */
#define TENSORMEM_WHY 256 /* bytes of a text that says what is wrong with a file */

/* One of the tensors in such a file. */
struct tensormem_part {
	const char *name;
	uint32_t dtype;
	uint32_t dimensions; /* may be more than TENSORMEM_DIMENSIONS */
	const uint64_t *shape;
	uint64_t offset; /* from the first byte of the tensor that holds the file */
	uint64_t size;
};

struct tensormem_model;

/*
 * The file as a sealed tensor. Of `how` only `flags`, `node` and the name count; without a name it has the file's.
 * EBADMSG for a malformed file; `why`, TENSORMEM_WHY bytes or NULL, then says what is wrong, and is empty otherwise.
 */
struct tensormem *tensormem_load(const char *path, const struct tensormem_request *how, char *why);

/* What is in a sealed tensor that holds such a file, whoever loaded it. EBADMSG as above; EPERM if it is not sealed. */
struct tensormem_model *tensormem_model_open(struct tensormem *tensor, char *why);
void tensormem_model_close(struct tensormem_model *model);

/* Its parts in the order of their bytes, and how many there are; one by its name, or NULL with ENOENT. */
const struct tensormem_part *tensormem_model_parts(const struct tensormem_model *model, size_t *count);
const struct tensormem_part *tensormem_model_find(const struct tensormem_model *model, const char *name);

/* Its metadata: keys and values in turn, and how many pairs there are. */
const char *const *tensormem_model_metadata(const struct tensormem_model *model, size_t *count);

/*
 * Sealed tensors by name, through tensormemd(8). A name is one of a user, who alone sees it, or of a group. A connection may
 * be used by any thread. What the broker refuses fails with the errno it says: EACCES, EDQUOT, EEXIST, EINVAL, ENOENT;
 * EPROTO for an answer that is none.
 */
#define TENSORMEM_BROKER "/run/tensormem/broker" /* where it listens, unless the environment has TENSORMEM_SOCKET */
#define TENSORMEM_NAMED_LENGTH 201               /* of a name, with the terminating zero */
#define TENSORMEM_DIGEST_LENGTH 72               /* `sha256:` and 64 digits, likewise */

#define TENSORMEM_SCOPE_USER 1
#define TENSORMEM_SCOPE_GROUP 2

/* Whose name it is. Where NULL may stand for it, that is the caller's own user. */
struct tensormem_scope {
	uint32_t kind; /* TENSORMEM_SCOPE_* */
	uint32_t number;
};

/* What the broker knows of a name. */
struct tensormem_named {
	char name[TENSORMEM_NAMED_LENGTH];
	char digest[TENSORMEM_DIGEST_LENGTH];
	struct tensormem_scope scope;
	uint32_t owner; /* user who published it */
	uint32_t flags; /* TENSORMEM_INFO_HUGE, TENSORMEM_INFO_DEVICE */
	uint64_t size;
	uint64_t attached;  /* how often */
	uint64_t published; /* seconds since 1970 */
	uint32_t dtype;     /* 0: not said, or a type without a name */
	uint32_t dimensions;
	uint64_t shape[TENSORMEM_DIMENSIONS];
};

/* What it has done since it started, and what it holds. */
struct tensormem_statistics {
	uint64_t published;
	uint64_t attached;
	uint64_t shared; /* publications whose content was there already */
	uint64_t refused;
	uint64_t started; /* seconds since 1970 */
	uint64_t memory;  /* bytes */
	uint64_t memory_without_sharing;
};

struct tensormem_names;

/* A connection to the broker at `path`, or NULL: where it usually is. */
struct tensormem_names *tensormem_connect(const char *path);
void tensormem_disconnect(struct tensormem_names *names);

/* What the broker said of the last refusal on this connection. */
const char *tensormem_refusal(struct tensormem_names *names);

/* Flags of tensormem_publish(). */
#define TENSORMEM_PUBLISH_REPLACE (1U << 0) /* where there is such a name already */

/*
 * Give a sealed tensor a name. If the broker has the same content already, the name is of that: attach it, and let go of
 * `tensor`. What it is now goes to `told` unless that is NULL.
 */
int tensormem_publish(struct tensormem_names *names, const struct tensormem_scope *scope, const char *name,
		      struct tensormem *tensor, unsigned int flags, struct tensormem_named *told);

/* The tensor of a name; what is known of it; take it away: who has attached the tensor keeps it. */
struct tensormem *tensormem_attach(struct tensormem_names *names, const struct tensormem_scope *scope, const char *name);
int tensormem_look(struct tensormem_names *names, const struct tensormem_scope *scope, const char *name,
		   struct tensormem_named *told);
int tensormem_remove(struct tensormem_names *names, const struct tensormem_scope *scope, const char *name);

/* The tensor of a name; where there is none, tensormem_load() and publish the file first. */
struct tensormem *tensormem_attach_or_load(struct tensormem_names *names, const struct tensormem_scope *scope,
					   const char *name, const char *path, const struct tensormem_request *how, char *why);

/* Every name that this user may see: an array to be given to free(). */
int tensormem_list(struct tensormem_names *names, struct tensormem_named **found, size_t *count);
int tensormem_statistics(struct tensormem_names *names, struct tensormem_statistics *statistics);

#ifdef __cplusplus
}
#endif

#endif
