/* SPDX-License-Identifier: Apache-2.0 */
/* A sealed tensor, made by the calls of /dev/tensor themselves: this program needs no other library. */
#ifndef MLACCEL_CHECK_SEALED_H
#define MLACCEL_CHECK_SEALED_H

#include <stddef.h>

/* A dma-buf over a sealed tensor of these bytes; -1 where there is no /dev/tensor. */
int sealed_tensor(const void *bytes, size_t size);

#endif
