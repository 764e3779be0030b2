/* SPDX-License-Identifier: Apache-2.0 */
/* Memory as Arrow arrays. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arrow_format.h"
#include "mlos/arrow.h"
#include "shared.h"

/* The memory, as long as an array or its child needs it: whoever takes an array may move the child out of it. */
struct memory {
	shared_word users;
	void (*release)(void *context);
	void *context;
};

/* What a schema points to. */
struct schema_parts {
	char *format;
	char *name;
	char *metadata;
	struct ArrowSchema child;
	struct ArrowSchema *children[1];
};

/* What an array points to. */
struct array_parts {
	struct memory *memory;
	const void *buffers[2]; /* no validity bitmap: there are no nulls */
	struct ArrowArray child;
	struct ArrowArray *children[1];
};

static void release_schema(struct ArrowSchema *schema)
{
	struct schema_parts *parts = schema->private_data;

	if (schema->n_children && parts->child.release)
		parts->child.release(&parts->child);
	free(parts->format);
	free(parts->name);
	free(parts->metadata);
	free(parts);
	schema->release = NULL;
}

static int make_schema(struct ArrowSchema *schema, const char *format, const char *name)
{
	struct schema_parts *parts = calloc(1, sizeof(*parts));

	*schema = (struct ArrowSchema){.private_data = parts, .release = release_schema};
	if (!parts)
		return -1;
	schema->format = parts->format = strdup(format);
	schema->name = parts->name = strdup(name ? name : "");
	if (parts->format && parts->name)
		return 0;
	release_schema(schema);
	return -1;
}

/* Rows of several elements are lists, in memory one after the other, and Arrow knows that they are tensors. */
static int make_tensor_schema(struct ArrowSchema *schema, const struct dp_arrow_values *values, int64_t row)
{
	struct schema_parts *parts;
	char format[32];

	snprintf(format, sizeof(format), "+w:%lld", (long long)row);
	if (make_schema(schema, format, values->name) < 0)
		return -1;
	parts = schema->private_data;
	parts->metadata = arrow_tensor_metadata(values->dimensions - 1, values->shape + 1);
	if (!parts->metadata || make_schema(&parts->child, values->format, "item") < 0) {
		release_schema(schema);
		return -1;
	}
	parts->children[0] = &parts->child;
	schema->metadata = parts->metadata;
	schema->n_children = 1;
	schema->children = parts->children;
	return 0;
}

static void let_go(struct memory *memory)
{
	if (atomic_fetch_sub_explicit(&memory->users, 1, memory_order_acq_rel) > 1)
		return;
	if (memory->release)
		memory->release(memory->context);
	free(memory);
}

static void release_array(struct ArrowArray *array)
{
	struct array_parts *parts = array->private_data;

	if (array->n_children && parts->child.release)
		parts->child.release(&parts->child);
	let_go(parts->memory);
	free(parts);
	array->release = NULL;
}

static bool make_array(struct ArrowArray *array, struct memory *memory, int64_t length)
{
	struct array_parts *parts = calloc(1, sizeof(*parts));

	if (!parts)
		return false;
	parts->memory = memory;
	parts->children[0] = &parts->child;
	atomic_fetch_add_explicit(&memory->users, 1, memory_order_relaxed);
	*array = (struct ArrowArray){
		.length = length,
		.n_buffers = 2,
		.buffers = parts->buffers,
		.private_data = parts,
		.release = release_array,
	};
	return true;
}

/* The array of the elements, and around it, if the rows are lists, that of the rows. */
static bool make_arrays(struct ArrowArray *array, struct memory *memory, const struct dp_arrow_values *values, int64_t row)
{
	struct ArrowArray *items = array;
	struct array_parts *parts;

	if (!make_array(array, memory, values->shape[0]))
		return false;
	if (values->dimensions > 1) {
		parts = array->private_data;
		items = &parts->child;
		if (!make_array(items, memory, values->shape[0] * row)) {
			release_array(array);
			return false;
		}
		array->n_buffers = 1;
		array->n_children = 1;
		array->children = parts->children;
	}
	parts = items->private_data;
	parts->buffers[1] = values->data;
	return true;
}

/* Elements in a row, and bytes of all rows. EINVAL, ENOTSUP. */
static int measure(const struct dp_arrow_values *values, int64_t *row, int64_t *bytes)
{
	int64_t item = (int64_t)arrow_item_size(values->format);

	errno = ENOTSUP;
	if (item == 0)
		return -1;
	errno = EINVAL;
	if (values->dimensions < 1 || values->dimensions > DP_ARROW_DIMENSIONS || values->shape[0] < 0)
		return -1;
	*row = 1;
	for (size_t i = 1; i < values->dimensions; i++)
		if (values->shape[i] < 0 || !arrow_multiply(*row, values->shape[i], row) || *row > INT32_MAX)
			return -1;
	return arrow_multiply(values->shape[0], *row, bytes) && arrow_multiply(*bytes, item, bytes) ? 0 : -1;
}

static int export(const struct dp_arrow_values *values, int64_t row, struct ArrowSchema *schema, struct ArrowArray *array)
{
	struct memory *memory = calloc(1, sizeof(*memory));
	int made = -1;

	if (memory)
		made = values->dimensions > 1 ? make_tensor_schema(schema, values, row)
					      : make_schema(schema, values->format, values->name);
	if (made < 0) {
		free(memory);
		return -1;
	}
	/* Ours until all is made: what fails before that must leave the memory to the caller. */
	memory->users = 1;
	if (!make_arrays(array, memory, values, row)) {
		schema->release(schema);
		free(memory);
		errno = ENOMEM;
		return -1;
	}
	memory->release = values->release;
	memory->context = values->context;
	let_go(memory);
	return 0;
}

int dp_arrow_export(const struct dp_arrow_values *values, struct ArrowSchema *schema, struct ArrowArray *array)
{
	int64_t row, bytes;

	if (measure(values, &row, &bytes) < 0)
		return -1;
	if (bytes > 0 && !values->data) {
		errno = EINVAL;
		return -1;
	}
	return export(values, row, schema, array);
}

struct block {
	struct dp_pool *pool;
	uint64_t handle;
};

static void give_back(void *of)
{
	struct block *block = of;

	dp_pool_give_back(block->pool, block->handle);
	free(block);
}

int dp_arrow_export_block(struct dp_pool *pool, uint64_t handle, const struct dp_arrow_values *values,
			  struct ArrowSchema *schema, struct ArrowArray *array)
{
	struct dp_arrow_values of_block = *values;
	struct block *block;
	int64_t row, bytes;

	if (measure(values, &row, &bytes) < 0)
		return -1;
	of_block.data = dp_pool_block(pool, handle);
	if (!of_block.data)
		return -1;
	if ((uint64_t)bytes > dp_pool_block_size(pool)) {
		errno = EINVAL;
		return -1;
	}
	block = malloc(sizeof(*block));
	if (!block)
		return -1;
	*block = (struct block){pool, handle};
	of_block.release = give_back;
	of_block.context = block;
	if (export(&of_block, row, schema, array) == 0)
		return 0;
	free(block);
	return -1;
}
