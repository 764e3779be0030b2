/* SPDX-License-Identifier: Apache-2.0 */
/* Types of elements: their numbers, and what they are called. */
#ifndef TENSORMEM_DTYPE_H
#define TENSORMEM_DTYPE_H

#include <stdint.h>

/* As NumPy and PyTorch write it; NULL for a number that has no name. */
const char *dtype_name(uint32_t dtype);

/* 0 for a name that is none: `float32`; and as files of the format safetensors have it: `F32`. */
uint32_t dtype_named(const char *name);
uint32_t dtype_of_safetensors(const char *name);

/* Bits of an element. */
uint32_t dtype_bits(uint32_t dtype);

#endif
