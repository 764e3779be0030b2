/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libdataplane: memory as Arrow arrays and Arrow arrays as memory, by Arrow's C Data Interface
 * (https://arrow.apache.org/docs/format/CDataInterface.html), without a copy.
 *
 * Functions return -1 or NULL with errno where they fail, and then have taken nothing over. What they make may be released
 * by any thread. Link with -ldataplane.
 */
#ifndef MLOS_ARROW_H
#define MLOS_ARROW_H

#include <stddef.h>
#include <stdint.h>

#include "dataplane.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The interface's two structures: names and layout are those of its specification. */
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

struct ArrowSchema {
	const char *format;
	const char *name;
	const char *metadata;
	int64_t flags;
	int64_t n_children;
	struct ArrowSchema **children;
	struct ArrowSchema *dictionary;
	void (*release)(struct ArrowSchema *);
	void *private_data;
};

struct ArrowArray {
	int64_t length;
	int64_t null_count;
	int64_t offset;
	int64_t n_buffers;
	int64_t n_children;
	const void **buffers;
	struct ArrowArray **children;
	struct ArrowArray *dictionary;
	void (*release)(struct ArrowArray *);
	void *private_data;
};

#endif

#define DP_ARROW_DIMENSIONS 8

/* Elements in memory, row-major and without gaps. The array has shape[0] rows; with more dimensions each row is a tensor. */
struct dp_arrow_values {
	const char *format; /* of one element, as Arrow spells it: c C s S i I l L e f g, or w:SIZE */
	const char *name;   /* of the column; NULL: none */
	const void *data;
	size_t dimensions; /* 1 to 8 */
	const int64_t *shape;
	void (*release)(void *context); /* called once, when nobody needs the memory any more; may be NULL */
	void *context;
};

/*
 * Describe them as an array of that type, or, with more than one dimension, as one of `arrow.fixed_shape_tensor` over lists
 * of a fixed size. EINVAL for a shape that cannot be; ENOTSUP for a format that is none of the above.
 */
int dp_arrow_export(const struct dp_arrow_values *values, struct ArrowSchema *schema, struct ArrowArray *array);

/*
 * The same with a block of a pool, which is ours, and is given back when the array is released: the pool stays open
 * until then. `data`, `release` and `context` are not looked at. EINVAL also if the block is too small.
 */
int dp_arrow_export_block(struct dp_pool *pool, uint64_t handle, const struct dp_arrow_values *values,
			  struct ArrowSchema *schema, struct ArrowArray *array);

/* An array, or the columns of a record batch, that somebody else made. */
struct dp_arrow;

/*
 * Take both over, after a look at everything that can be checked without knowing how long the buffers are: the interface
 * does not say that, so whoever made them is trusted in it. EBADMSG: it contradicts itself. ENOTSUP: a type that is no
 * column of numbers, tensors or bytes. EINVAL: released already.
 */
struct dp_arrow *dp_arrow_import(struct ArrowSchema *schema, struct ArrowArray *array);

/* Nobody needs the columns any more. */
void dp_arrow_release(struct dp_arrow *arrow);

struct dp_arrow_column {
	const char *name;   /* never NULL */
	const char *format; /* of one element; of bytes: z Z u U */
	size_t dimensions;
	int64_t shape[DP_ARROW_DIMENSIONS]; /* the first is the number of rows */
	const void *data;                   /* of the first row; of bytes: of all rows */
	size_t item;                        /* bytes of an element; 0: rows of bytes of any length */
	const void *offsets;                /* then: of the rows in `data`, 64 bits for Z and U, else 32; one more than rows */
	int64_t nulls;                      /* rows without a value */
	const uint8_t *valid;               /* if there are any: a bit for each row, from the lowest of the first byte on, */
	int64_t valid_offset;               /* after so many bits */
};

size_t dp_arrow_columns(const struct dp_arrow *arrow);

/* What it points to is there until the release. EINVAL: there is no such column. */
int dp_arrow_column(const struct dp_arrow *arrow, size_t number, struct dp_arrow_column *column);

/* One row of bytes. Returns how many, or -1 with EINVAL. */
int64_t dp_arrow_bytes(const struct dp_arrow_column *column, int64_t row, const void **bytes);

/*
 * For the Python module. The first is a `release` whose context is a reference to an object of the interpreter; the others
 * are destructors of capsules whose structure PyMem_RawMalloc() has allocated.
 */
void dp_arrow_python_let_go(void *object);
void dp_arrow_python_drop_schema(void *capsule);
void dp_arrow_python_drop_array(void *capsule);

#ifdef __cplusplus
}
#endif

#endif
