/* SPDX-License-Identifier: Apache-2.0 */
/* How Arrow spells types, shapes of tensors among them. */
#ifndef ARROW_FORMAT_H
#define ARROW_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TENSOR_EXTENSION "arrow.fixed_shape_tensor"

/* Bytes of one element of this format; 0 for what has no fixed size, or none in whole bytes. */
size_t arrow_item_size(const char *format);

/* The number in `+w:NUMBER`; -1 if it is no list of a fixed size. */
int64_t arrow_list_size(const char *format);

/* a * b; false if that is more than an array can have. */
bool arrow_multiply(int64_t a, int64_t b, int64_t *product);

/*
 * Arrow's binary form of the metadata of a tensor with these lengths in a row; to be freed. NULL with ENOMEM.
 */
char *arrow_tensor_metadata(size_t dimensions, const int64_t *shape);

enum arrow_tensor {
	TENSOR_NONE, /* no extension, or another one: what it is stored as counts */
	TENSOR_FOUND,
	TENSOR_PERMUTED, /* its dimensions lie in another order than their shape says */
	TENSOR_BROKEN,
};

/* What metadata says about the shape of a row. */
enum arrow_tensor arrow_read_tensor(const char *metadata, size_t room, int64_t *shape, size_t *dimensions);

#endif
