/* SPDX-License-Identifier: Apache-2.0 */
#include "concurrency_kit.h"

#include <ck_ring.h>
#include <stdint.h>

struct slot {
	uint64_t words[8];
};

CK_RING_PROTOTYPE(slot, slot)

_Static_assert(sizeof(struct ck_ring) <= sizeof(((struct kit_queue *)0)->ring), "the ring has its place");

void kit_init(struct kit_queue *queue)
{
	ck_ring_init((struct ck_ring *)queue->ring, sizeof(queue->slots) / sizeof(struct slot));
}

size_t kit_push(struct kit_queue *queue, const void *message)
{
	/* It copies, and would take the message as const if it could. */
	return CK_RING_ENQUEUE_SPSC(slot, (struct ck_ring *)queue->ring, (struct slot *)queue->slots,
				    (struct slot *)message);
}

size_t kit_pop(struct kit_queue *queue, void *message)
{
	return CK_RING_DEQUEUE_SPSC(slot, (struct ck_ring *)queue->ring, (struct slot *)queue->slots, message);
}
