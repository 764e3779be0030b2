/* SPDX-License-Identifier: Apache-2.0 */
#include "dtype.h"

#include <stddef.h>
#include <string.h>

#include "mlos/tensormem.h"

enum { SIGNED = 0, UNSIGNED = 1, FLOAT = 2, BFLOAT = 4, COMPLEX = 5, BOOL = 6, FLOAT8_E4M3FN = 10, FLOAT8_E5M2 = 12 };

static const struct {
	uint32_t dtype;
	const char *name;
	const char *safetensors; /* NULL: the format has no such type */
} types[] = {
	{TENSORMEM_DTYPE(SIGNED, 8, 1), "int8", "I8"},
	{TENSORMEM_DTYPE(SIGNED, 16, 1), "int16", "I16"},
	{TENSORMEM_DTYPE(SIGNED, 32, 1), "int32", "I32"},
	{TENSORMEM_DTYPE(SIGNED, 64, 1), "int64", "I64"},
	{TENSORMEM_DTYPE(UNSIGNED, 8, 1), "uint8", "U8"},
	{TENSORMEM_DTYPE(UNSIGNED, 16, 1), "uint16", "U16"},
	{TENSORMEM_DTYPE(UNSIGNED, 32, 1), "uint32", "U32"},
	{TENSORMEM_DTYPE(UNSIGNED, 64, 1), "uint64", "U64"},
	{TENSORMEM_DTYPE(FLOAT, 16, 1), "float16", "F16"},
	{TENSORMEM_DTYPE(FLOAT, 32, 1), "float32", "F32"},
	{TENSORMEM_DTYPE(FLOAT, 64, 1), "float64", "F64"},
	{TENSORMEM_DTYPE(BFLOAT, 16, 1), "bfloat16", "BF16"},
	{TENSORMEM_DTYPE(COMPLEX, 64, 1), "complex64", "C64"},
	{TENSORMEM_DTYPE(COMPLEX, 128, 1), "complex128", NULL},
	{TENSORMEM_DTYPE(BOOL, 8, 1), "bool", "BOOL"},
	{TENSORMEM_DTYPE(FLOAT8_E4M3FN, 8, 1), "float8_e4m3fn", "F8_E4M3"},
	{TENSORMEM_DTYPE(FLOAT8_E5M2, 8, 1), "float8_e5m2", "F8_E5M2"},
};

#define COUNT (sizeof(types) / sizeof(types[0]))

const char *dtype_name(uint32_t dtype)
{
	for (size_t i = 0; i < COUNT; i++)
		if (types[i].dtype == dtype)
			return types[i].name;
	return NULL;
}

uint32_t dtype_named(const char *name)
{
	for (size_t i = 0; i < COUNT; i++)
		if (strcmp(types[i].name, name) == 0)
			return types[i].dtype;
	return 0;
}

uint32_t dtype_of_safetensors(const char *name)
{
	for (size_t i = 0; i < COUNT; i++)
		if (types[i].safetensors && strcmp(types[i].safetensors, name) == 0)
			return types[i].dtype;
	return 0;
}

uint32_t dtype_bits(uint32_t dtype)
{
	return (dtype >> 8 & 0xff) * (dtype & 0xff);
}
