/* SPDX-License-Identifier: Apache-2.0 */
/* Concurrency Kit's ring for messages of 64 bytes. Its headers are C, the benchmark is C++ for Boost's sake. */
#ifndef CONCURRENCY_KIT_H
#define CONCURRENCY_KIT_H

#include <stddef.h>

struct kit_queue {
	__attribute__((aligned(128))) unsigned char ring[512];
	__attribute__((aligned(128))) unsigned char slots[4096 * 64];
};

void kit_init(struct kit_queue *queue);
size_t kit_push(struct kit_queue *queue, const void *message);
size_t kit_pop(struct kit_queue *queue, void *message);

#endif
