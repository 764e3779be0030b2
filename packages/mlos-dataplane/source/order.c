/* SPDX-License-Identifier: Apache-2.0 */
#include "order.h"

/* The finalizer of splitmix64: every bit of the input changes half of the result's. */
static uint64_t scramble(uint64_t value)
{
	value += UINT64_C(0x9e3779b97f4a7c15);
	value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
	return value ^ (value >> 31);
}

void order_make(struct order *order, uint64_t records, uint64_t rank, uint64_t world, uint64_t seed, uint64_t epoch)
{
	uint64_t key = scramble(seed) + epoch;

	*order = (struct order){.records = records, .rank = rank, .world = world, .shuffled = seed != 0, .half_bits = 1};
	if (rank < records)
		order->ours = (records - rank - 1) / world + 1;
	while (order->half_bits < 32 && UINT64_C(1) << 2 * order->half_bits < records)
		order->half_bits++;
	for (int i = 0; i < ORDER_ROUNDS; i++)
		order->keys[i] = key = scramble(key);
}

static uint64_t permute(const struct order *order, uint64_t number)
{
	uint64_t mask = (UINT64_C(1) << order->half_bits) - 1;
	uint64_t left = number >> order->half_bits, right = number & mask;

	for (int i = 0; i < ORDER_ROUNDS; i++) {
		uint64_t next = left ^ (scramble(right ^ order->keys[i]) & mask);

		left = right;
		right = next;
	}
	return left << order->half_bits | right;
}

uint64_t order_at(const struct order *order, uint64_t place)
{
	uint64_t number = place * order->world + order->rank;

	if (!order->shuffled)
		return number;
	do
		number = permute(order, number);
	while (number >= order->records);
	return number;
}
