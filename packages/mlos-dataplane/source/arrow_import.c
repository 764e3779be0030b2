/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arrow arrays as memory. Who made them may be wrong or malicious: every number is checked before it leads anywhere. Only
 * how long the buffers are has to be believed, because the interface does not say it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arrow_format.h"
#include "mlos/arrow.h"

#define MOST_COLUMNS (1 << 16)

struct dp_arrow {
	struct ArrowSchema schema;
	struct ArrowArray array;
	size_t count;
	struct dp_arrow_column columns[];
};

/* Rows of one array: what it and the arrays around it leave of it. */
struct part {
	const struct ArrowSchema *schema;
	const struct ArrowArray *array;
	int64_t first; /* with the array's own offset */
	int64_t rows;
};

static int refuse(int error)
{
	errno = error;
	return -1;
}

/* The parts of a schema and its array fit each other, as far as that does not depend on the type. */
static int check_node(const struct ArrowSchema *schema, const struct ArrowArray *array)
{
	int64_t end;

	if (!schema || !array || !schema->release || !array->release || !schema->format)
		return refuse(EBADMSG);
	if (array->length < 0 || array->offset < 0 || __builtin_add_overflow(array->offset, array->length, &end))
		return refuse(EBADMSG);
	if (array->null_count < -1 || array->null_count > array->length)
		return refuse(EBADMSG);
	if (array->n_buffers < 0 || (array->n_buffers > 0 && !array->buffers))
		return refuse(EBADMSG);
	if (schema->n_children < 0 || schema->n_children != array->n_children)
		return refuse(EBADMSG);
	if (schema->n_children > 0 && (!schema->children || !array->children))
		return refuse(EBADMSG);
	return schema->dictionary || array->dictionary ? refuse(ENOTSUP) : 0;
}

static int check_numbers(const struct ArrowArray *array, int64_t buffers, int64_t children)
{
	return array->n_buffers == buffers && array->n_children == children ? 0 : refuse(EBADMSG);
}

/* `rows` rows from the `start`th on. */
static int take_part(const struct ArrowSchema *schema, const struct ArrowArray *array, int64_t start, int64_t rows,
		     struct part *part)
{
	if (check_node(schema, array) < 0)
		return -1;
	if (start > array->length || rows > array->length - start)
		return refuse(EBADMSG);
	*part = (struct part){schema, array, array->offset + start, rows};
	return 0;
}

static int64_t count_nulls(const uint8_t *valid, int64_t first, int64_t rows)
{
	int64_t nulls = 0;

	for (int64_t at = first; at < first + rows; at++)
		nulls += !(valid[at / 8] >> at % 8 & 1);
	return nulls;
}

/* How many of these rows have no value. */
static int find_nulls(const struct part *part, int64_t *nulls)
{
	const struct ArrowArray *array = part->array;

	*nulls = 0;
	if (array->null_count == 0 || array->n_buffers == 0)
		return 0;
	if (array->buffers[0])
		*nulls = count_nulls(array->buffers[0], part->first, part->rows);
	else if (array->null_count > 0)
		return refuse(EBADMSG);
	return 0;
}

static int read_nulls(const struct part *part, struct dp_arrow_column *column)
{
	if (find_nulls(part, &column->nulls) < 0)
		return -1;
	if (column->nulls > 0) {
		column->valid = part->array->buffers[0];
		column->valid_offset = part->first;
	}
	return 0;
}

static int read_items(const struct part *part, struct dp_arrow_column *column)
{
	const unsigned char *data;
	int64_t end, bytes;

	if (check_numbers(part->array, 2, 0) < 0)
		return -1;
	end = part->first + part->rows;
	if (!arrow_multiply(end, (int64_t)column->item, &bytes))
		return refuse(EBADMSG);
	data = part->array->buffers[1];
	if (!data && part->rows > 0)
		return refuse(EBADMSG);
	column->data = data ? data + (size_t)part->first * column->item : NULL;
	return 0;
}

static int64_t offset_at(const struct dp_arrow_column *column, int64_t row)
{
	if (column->format[0] == 'Z' || column->format[0] == 'U')
		return ((const int64_t *)column->offsets)[row];
	return ((const int32_t *)column->offsets)[row];
}

static int read_bytes(const struct part *part, struct dp_arrow_column *column)
{
	size_t width = column->format[0] == 'Z' || column->format[0] == 'U' ? sizeof(int64_t) : sizeof(int32_t);
	const unsigned char *offsets;
	int64_t bytes, end;

	if (check_numbers(part->array, 3, 0) < 0)
		return -1;
	if (__builtin_add_overflow(part->first + part->rows, 1, &end) || !arrow_multiply(end, (int64_t)width, &bytes))
		return refuse(EBADMSG);
	column->data = part->array->buffers[2];
	if (part->rows == 0)
		return 0;
	offsets = part->array->buffers[1];
	if (!offsets || (uintptr_t)offsets % width)
		return refuse(EBADMSG);
	column->offsets = offsets + (size_t)part->first * width;
	if (offset_at(column, 0) < 0)
		return refuse(EBADMSG);
	for (int64_t row = 0; row < part->rows; row++)
		if (offset_at(column, row + 1) < offset_at(column, row))
			return refuse(EBADMSG);
	return column->data || offset_at(column, part->rows) == offset_at(column, 0) ? 0 : refuse(EBADMSG);
}

static bool add_dimension(struct dp_arrow_column *column, int64_t length)
{
	if (column->dimensions == DP_ARROW_DIMENSIONS)
		return false;
	column->shape[column->dimensions++] = length;
	return true;
}

/* The dimensions of a row of `size` elements: those of a tensor if its schema says so. */
static int add_dimensions(const struct ArrowSchema *schema, int64_t size, struct dp_arrow_column *column)
{
	size_t before = column->dimensions, count;
	int64_t product = 1;

	switch (arrow_read_tensor(schema->metadata, DP_ARROW_DIMENSIONS - before, column->shape + before, &count)) {
	case TENSOR_NONE:
		return add_dimension(column, size) ? 0 : refuse(ENOTSUP);
	case TENSOR_PERMUTED:
		return refuse(ENOTSUP);
	case TENSOR_BROKEN:
		return refuse(EBADMSG);
	case TENSOR_FOUND:
		break;
	}
	for (size_t i = 0; i < count; i++)
		if (!arrow_multiply(product, column->shape[before + i], &product))
			return refuse(EBADMSG);
	column->dimensions += count;
	return product == size ? 0 : refuse(EBADMSG);
}

static bool is_bytes(const char *format)
{
	return format[0] && strchr("zZuU", format[0]) && !format[1];
}

/* The elements of rows, through all lists around them. */
static int read_values(struct part part, struct dp_arrow_column *column)
{
	for (;;) {
		const char *format = part.schema->format;
		int64_t size = arrow_list_size(format), start, rows, nulls;

		column->format = format;
		column->item = arrow_item_size(format);
		if (column->item > 0)
			return read_items(&part, column);
		if (is_bytes(format) && column->dimensions == 1)
			return read_bytes(&part, column);
		if (size < 0)
			return refuse(ENOTSUP);
		if (check_numbers(part.array, 1, 1) < 0 || add_dimensions(part.schema, size, column) < 0)
			return -1;
		if (!arrow_multiply(part.first, size, &start) || !arrow_multiply(part.rows, size, &rows))
			return refuse(EBADMSG);
		if (take_part(part.schema->children[0], part.array->children[0], start, rows, &part) < 0 ||
		    find_nulls(&part, &nulls) < 0)
			return -1;
		if (nulls > 0) /* a tensor with holes */
			return refuse(ENOTSUP);
	}
}

static int read_column(const struct part *part, struct dp_arrow_column *column)
{
	*column = (struct dp_arrow_column){.name = part->schema->name ? part->schema->name : ""};
	column->shape[column->dimensions++] = part->rows;
	/* First what there is: without buffers there is no bitmap either. */
	return read_values(*part, column) < 0 ? -1 : read_nulls(part, column);
}

/* A record batch is a structure without nulls. */
static int read_batch(const struct part *batch, struct dp_arrow_column *columns)
{
	int64_t nulls;

	if (batch->array->n_buffers != 1)
		return refuse(EBADMSG);
	if (find_nulls(batch, &nulls) < 0)
		return -1;
	if (nulls > 0)
		return refuse(ENOTSUP);
	for (int64_t i = 0; i < batch->schema->n_children; i++) {
		struct part part;

		if (take_part(batch->schema->children[i], batch->array->children[i], batch->first, batch->rows, &part) < 0 ||
		    read_column(&part, &columns[i]) < 0)
			return -1;
	}
	return 0;
}

struct dp_arrow *dp_arrow_import(struct ArrowSchema *schema, struct ArrowArray *array)
{
	bool is_batch;
	struct part part;
	struct dp_arrow *arrow;
	int64_t count;

	errno = EINVAL;
	if (!schema || !array || !schema->release || !array->release)
		return NULL;
	if (take_part(schema, array, 0, array->length, &part) < 0)
		return NULL;
	is_batch = strcmp(schema->format, "+s") == 0;
	count = is_batch ? schema->n_children : 1;
	if (count > MOST_COLUMNS) {
		errno = EBADMSG;
		return NULL;
	}
	arrow = calloc(1, sizeof(*arrow) + (size_t)count * sizeof(*arrow->columns));
	if (!arrow)
		return NULL;
	if ((is_batch ? read_batch(&part, arrow->columns) : read_column(&part, arrow->columns)) < 0) {
		free(arrow);
		return NULL;
	}
	arrow->count = (size_t)count;
	arrow->schema = *schema;
	arrow->array = *array;
	schema->release = NULL;
	array->release = NULL;
	return arrow;
}

void dp_arrow_release(struct dp_arrow *arrow)
{
	if (!arrow)
		return;
	arrow->array.release(&arrow->array);
	arrow->schema.release(&arrow->schema);
	free(arrow);
}

size_t dp_arrow_columns(const struct dp_arrow *arrow)
{
	return arrow->count;
}

int dp_arrow_column(const struct dp_arrow *arrow, size_t number, struct dp_arrow_column *column)
{
	if (number >= arrow->count)
		return refuse(EINVAL);
	*column = arrow->columns[number];
	return 0;
}

int64_t dp_arrow_bytes(const struct dp_arrow_column *column, int64_t row, const void **bytes)
{
	int64_t start;

	if (column->item > 0 || row < 0 || row >= column->shape[0])
		return refuse(EINVAL);
	start = offset_at(column, row);
	*bytes = (const unsigned char *)column->data + start;
	return offset_at(column, row + 1) - start;
}
