/* SPDX-License-Identifier: Apache-2.0 */
/* Is a description of a tensor one that can be believed? It may come from a process that means harm. */
#include <errno.h>
#include <string.h>

#include "backend.h"

static bool has_strides(const struct tensormem_meta *meta)
{
	for (uint32_t i = 0; i < meta->dimensions; i++)
		if (meta->stride[i])
			return true;
	return false;
}

/* Bits from the first element to behind the last; types of less than a byte lie densely. */
static bool dense_bits(const struct tensormem_meta *meta, uint64_t element, uint64_t *bits)
{
	*bits = element;
	for (uint32_t i = 0; i < meta->dimensions; i++)
		if (__builtin_mul_overflow(*bits, meta->shape[i], bits))
			return false;
	return true;
}

static bool strided_bytes(const struct tensormem_meta *meta, uint64_t element, uint64_t *bytes)
{
	*bytes = element;
	for (uint32_t i = 0; i < meta->dimensions; i++) {
		uint64_t reach;

		if (meta->stride[i] < 0)
			return false;
		if (__builtin_mul_overflow(meta->shape[i] - 1, (uint64_t)meta->stride[i], &reach) ||
		    __builtin_add_overflow(*bytes, reach, bytes))
			return false;
	}
	return true;
}

bool extent_of(const struct tensormem_meta *meta, uint64_t *bytes)
{
	uint64_t bits = (uint64_t)(meta->dtype >> 8 & 0xff) * (meta->dtype & 0xff);

	*bytes = 0;
	for (uint32_t i = 0; i < meta->dimensions; i++)
		if (meta->shape[i] == 0)
			return true;
	if (has_strides(meta))
		return bits % 8 == 0 && strided_bytes(meta, bits / 8, bytes);
	if (!dense_bits(meta, bits, &bits))
		return false;
	*bytes = bits / 8 + (bits % 8 != 0);
	return true;
}

bool valid_meta(const struct tensormem_meta *meta, uint64_t size)
{
	uint64_t bytes;

	if (!memchr(meta->name, '\0', sizeof(meta->name)) || meta->reserved || meta->dimensions > TENSORMEM_DIMENSIONS)
		return false;
	if (meta->dtype == 0)
		return meta->dimensions == 0;
	if (meta->dtype >> 24 || (meta->dtype >> 8 & 0xff) == 0 || (meta->dtype & 0xff) == 0)
		return false;
	return extent_of(meta, &bytes) && bytes <= size;
}

int refuse(int error)
{
	errno = error;
	return -1;
}

void *refuse_null(int error)
{
	errno = error;
	return NULL;
}
