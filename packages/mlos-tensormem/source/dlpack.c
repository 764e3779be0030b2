/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors for whoever speaks DLPack. The structures are those of its specification, versions 0.8 and 1.0. */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"

#define CPU 1 /* kDLCPU */
#define READ_ONLY UINT64_C(1)

struct device {
	int32_t type;
	int32_t id;
};

struct data_type {
	uint8_t code;
	uint8_t bits;
	uint16_t lanes;
};

struct dl_tensor {
	void *data;
	struct device device;
	int32_t dimensions;
	struct data_type type;
	int64_t *shape;
	int64_t *stride; /* in elements */
	uint64_t offset;
};

struct managed {
	struct dl_tensor tensor;
	void *context;
	void (*deleter)(struct managed *self);
};

struct managed_versioned {
	uint32_t major;
	uint32_t minor;
	void *context;
	void (*deleter)(struct managed_versioned *self);
	uint64_t flags;
	struct dl_tensor tensor;
};

/* All that one export needs; whichever structure was handed out is the one whose deleter is called. */
struct export {
	union {
		struct managed plain;
		struct managed_versioned versioned;
	} head;
	struct tensormem *tensor;
	void *address;
	int64_t shape[TENSORMEM_DIMENSIONS];
	int64_t stride[TENSORMEM_DIMENSIONS];
};

static void release(struct export *export)
{
	tensormem_unmap(export->tensor, export->address);
	tensormem_close(export->tensor);
	free(export);
}

static void delete_plain(struct managed *self)
{
	release(self->context);
}

static void delete_versioned(struct managed_versioned *self)
{
	release(self->context);
}

/* Shape and strides in elements; false if the strides are no whole elements. */
static bool describe(struct export *export, const struct tensormem_meta *meta)
{
	int64_t element = (int64_t)((meta->dtype >> 8 & 0xff) * (meta->dtype & 0xff) / 8);
	int64_t dense = 1;
	bool strided = false;

	for (uint32_t i = 0; i < meta->dimensions; i++)
		strided |= meta->stride[i] != 0;
	for (uint32_t i = meta->dimensions; i-- > 0;) {
		if (strided && meta->stride[i] % element)
			return false;
		export->shape[i] = (int64_t)meta->shape[i];
		export->stride[i] = strided ? meta->stride[i] / element : dense;
		dense *= export->shape[i];
	}
	return true;
}

static void fill(struct dl_tensor *tensor, struct export *export, const struct tensormem_meta *meta)
{
	*tensor = (struct dl_tensor){
		.data = export->address,
		.device = {.type = CPU},
		.dimensions = (int32_t)meta->dimensions,
		.type = {(uint8_t)(meta->dtype >> 16), (uint8_t)(meta->dtype >> 8), (uint8_t)meta->dtype},
		.shape = export->shape,
		.stride = export->stride,
	};
}

/* A handle of its own for the export, which outlives the caller's. */
static struct tensormem *another_handle(struct tensormem *tensor, const struct tensormem_info *info)
{
	if (tensor->slice && !(info->flags & TENSORMEM_INFO_DEVICE))
		return memfd_slice_of(tensor, 0, info->size, tensor->read_only, &info->meta);
	return tensor->foreign ? memfd_import(tensor->fd, &info->meta) : tensormem_from_fd(tensor->fd);
}

void *tensormem_dlpack(struct tensormem *tensor, int versioned)
{
	struct tensormem_info info;
	struct export *export;
	bool read_only;

	if (tensormem_info(tensor, &info) < 0)
		return NULL;
	read_only = info.flags & (TENSORMEM_INFO_SEALED | TENSORMEM_INFO_READ_ONLY);
	if (info.meta.dtype == 0)
		return refuse_null(ENOTSUP);
	if (read_only && !versioned)
		return refuse_null(EPERM);
	export = calloc(1, sizeof(*export));
	if (!export)
		return NULL;
	if (!describe(export, &info.meta)) {
		free(export);
		return refuse_null(ENOTSUP);
	}
	export->tensor = another_handle(tensor, &info);
	if (export->tensor)
		export->address = tensormem_map(export->tensor, read_only ? 0 : TENSORMEM_MAP_WRITE);
	if (!export->address) {
		int error = errno;

		tensormem_close(export->tensor);
		free(export);
		return refuse_null(error);
	}
	if (versioned) {
		export->head.versioned = (struct managed_versioned){
			.major = 1,
			.context = export,
			.deleter = delete_versioned,
			.flags = read_only ? READ_ONLY : 0,
		};
		fill(&export->head.versioned.tensor, export, &info.meta);
	} else {
		export->head.plain = (struct managed){.context = export, .deleter = delete_plain};
		fill(&export->head.plain.tensor, export, &info.meta);
	}
	return export;
}

/* The interpreter that runs in this process is looked up, so that programs without one need none. */
void tensormem_dlpack_drop(void *capsule)
{
	const char *(*name_of)(void *) = (const char *(*)(void *))dlsym(RTLD_DEFAULT, "PyCapsule_GetName");
	void *(*pointer_of)(void *, const char *) =
		(void *(*)(void *, const char *))dlsym(RTLD_DEFAULT, "PyCapsule_GetPointer");
	const char *name = name_of(capsule);
	void *managed = pointer_of(capsule, name);

	if (strcmp(name, "dltensor") == 0)
		((struct managed *)managed)->deleter(managed);
	else if (strcmp(name, "dltensor_versioned") == 0)
		((struct managed_versioned *)managed)->deleter(managed);
}
