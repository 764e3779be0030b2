/* SPDX-License-Identifier: Apache-2.0 */
/* Operations, and how large their operands are: as uapi/drm/accel_hub.h defines them. */
#include <assert.h>
#include <errno.h>
#include <stddef.h>

#include "job.h"
#include "refusal.h"

#define SUM sizeof(uint32_t) /* bytes of a sum of products, int32 or fp32 */

static_assert(MLACCEL_INT8 == ACCEL_HUB_TYPE_INT8 && MLACCEL_FP32 == ACCEL_HUB_TYPE_FP32, "types go to the kernel as they are");

static uint64_t element_size(uint32_t type)
{
	return type == MLACCEL_INT8 ? sizeof(int8_t) : sizeof(float);
}

static uint64_t can(uint32_t type)
{
	return type == MLACCEL_INT8 ? MLACCEL_CAN_INT8 : MLACCEL_CAN_FP32;
}

/* Of `count` dimensions; UINT64_MAX if there is no such number. */
static uint64_t bytes(uint64_t element, const uint32_t *dimensions, unsigned int count)
{
	uint64_t product = element;

	for (unsigned int i = 0; i < count; i++)
		if (__builtin_mul_overflow(product, (uint64_t)dimensions[i], &product))
			return UINT64_MAX;
	return product;
}

static int check_type(const char *name, uint32_t type)
{
	return type > MLACCEL_FP32 ? refuse(EINVAL, "%s: there is no type %u", name, type) : 0;
}

static int check_dimensions(const char *name, const uint32_t *dimensions, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		if (!dimensions[i])
			return refuse(EINVAL, "%s: its dimension %u is 0", name, i);
	return 0;
}

int mlaccel_nop(struct mlaccel_job *job)
{
	return job_add(job, &(struct addition){.name = "nop", .operation = {.code = ACCEL_HUB_NOP}});
}

int mlaccel_copy(struct mlaccel_job *job, struct mlaccel_part to, struct mlaccel_part from, uint32_t size)
{
	const struct addition addition = {
		.name = "copy",
		.needs = MLACCEL_CAN_COPY,
		.operation = {.code = ACCEL_HUB_COPY, .shape = {size}},
		.count = 2,
		.parts = {to, from},
		.sizes = {size, size},
	};

	return check_dimensions(addition.name, &size, 1) < 0 ? -1 : job_add(job, &addition);
}

int mlaccel_matmul(struct mlaccel_job *job, uint32_t type, struct mlaccel_part to, struct mlaccel_part left,
		   struct mlaccel_part right, uint32_t m, uint32_t n, uint32_t k)
{
	const struct addition addition = {
		.name = "matmul",
		.needs = MLACCEL_CAN_MATMUL | can(type),
		.operation = {.code = ACCEL_HUB_MATMUL, .type = type, .shape = {m, n, k}},
		.count = 3,
		.parts = {to, left, right},
		.sizes = {
			bytes(SUM, (const uint32_t[]){m, n}, 2),
			bytes(element_size(type), (const uint32_t[]){m, k}, 2),
			bytes(element_size(type), (const uint32_t[]){k, n}, 2),
		},
	};

	if (check_type(addition.name, type) < 0 || check_dimensions(addition.name, addition.operation.shape, 3) < 0)
		return -1;
	return job_add(job, &addition);
}

/* Of a result along one side. */
static uint32_t steps(uint32_t length, uint32_t kernel, uint32_t stride)
{
	return (length - kernel) / stride + 1;
}

static int check_convolution(const struct mlaccel_convolution *shape)
{
	const uint32_t dimensions[] = {
		shape->batch, shape->height, shape->width, shape->channels, shape->filters, shape->kernel_height, shape->kernel_width, shape->stride,
	};

	if (check_dimensions("convolution", dimensions, sizeof(dimensions) / sizeof(dimensions[0])) < 0)
		return -1;
	if (shape->kernel_height > shape->height || shape->kernel_width > shape->width)
		return refuse(EINVAL, "convolution: filters of %u x %u are larger than images of %u x %u", shape->kernel_height,
			      shape->kernel_width, shape->height, shape->width);
	return 0;
}

int mlaccel_convolve(struct mlaccel_job *job, uint32_t type, struct mlaccel_part to, struct mlaccel_part images,
		     struct mlaccel_part filters, const struct mlaccel_convolution *shape)
{
	struct addition addition = {
		.name = "convolution",
		.needs = MLACCEL_CAN_CONVOLUTION | can(type),
		.operation = {
			.code = ACCEL_HUB_CONVOLUTION,
			.type = type,
			.shape = {shape->batch, shape->height, shape->width, shape->channels, shape->filters,
				  shape->kernel_height, shape->kernel_width, shape->stride},
		},
		.count = 3,
		.parts = {to, images, filters},
	};
	const uint32_t *sides = addition.operation.shape;

	if (check_type(addition.name, type) < 0 || check_convolution(shape) < 0)
		return -1;
	addition.sizes[0] = bytes(SUM, (const uint32_t[]){
					       shape->batch,
					       steps(shape->height, shape->kernel_height, shape->stride),
					       steps(shape->width, shape->kernel_width, shape->stride),
					       shape->filters,
				       }, 4);
	addition.sizes[1] = bytes(element_size(type), sides, 4);
	addition.sizes[2] = bytes(element_size(type), (const uint32_t[]){sides[4], sides[5], sides[6], sides[3]}, 4);
	return job_add(job, &addition);
}

static int add_elementwise(struct mlaccel_job *job, struct addition *addition, uint32_t type, uint32_t elements)
{
	addition->needs = MLACCEL_CAN_ELEMENTWISE | can(type);
	addition->operation.type = type;
	addition->operation.shape[0] = elements;
	for (unsigned int i = 0; i < addition->count; i++)
		addition->sizes[i] = elements * element_size(type);
	if (check_type(addition->name, type) < 0 || check_dimensions(addition->name, &elements, 1) < 0)
		return -1;
	return job_add(job, addition);
}

int mlaccel_add(struct mlaccel_job *job, uint32_t type, struct mlaccel_part to, struct mlaccel_part left,
		struct mlaccel_part right, uint32_t elements)
{
	struct addition addition = {
		.name = "add",
		.operation = {.code = ACCEL_HUB_ADD},
		.count = 3,
		.parts = {to, left, right},
	};

	return add_elementwise(job, &addition, type, elements);
}

int mlaccel_multiply(struct mlaccel_job *job, uint32_t type, struct mlaccel_part to, struct mlaccel_part left,
		     struct mlaccel_part right, uint32_t elements)
{
	struct addition addition = {
		.name = "multiply",
		.operation = {.code = ACCEL_HUB_MULTIPLY},
		.count = 3,
		.parts = {to, left, right},
	};

	return add_elementwise(job, &addition, type, elements);
}

int mlaccel_relu(struct mlaccel_job *job, uint32_t type, struct mlaccel_part to, struct mlaccel_part from, uint32_t elements)
{
	struct addition addition = {
		.name = "relu",
		.operation = {.code = ACCEL_HUB_RELU},
		.count = 2,
		.parts = {to, from},
	};

	return add_elementwise(job, &addition, type, elements);
}

int mlaccel_factorial(struct mlaccel_job *job, struct mlaccel_part to, struct mlaccel_part from, uint32_t elements)
{
	const uint64_t size = elements * sizeof(uint32_t);
	const struct addition addition = {
		.name = "factorial",
		.needs = MLACCEL_CAN_FACTORIAL,
		.operation = {.code = ACCEL_HUB_FACTORIAL, .shape = {elements}},
		.count = 2,
		.parts = {to, from},
		.sizes = {size, size},
	};

	return check_dimensions(addition.name, &elements, 1) < 0 ? -1 : job_add(job, &addition);
}
