/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In which order the samples of a file come, and which of them are ours.
 *
 * The order is a permutation that is computed, not stored: a Feistel network over the next larger power of four, walked on
 * until it meets a number that is a sample's. So it costs no memory however many samples there are, every sample has exactly
 * one place, and all ranks agree on it without a word.
 */
#ifndef ORDER_H
#define ORDER_H

#include <stdbool.h>
#include <stdint.h>

#define ORDER_ROUNDS 6

struct order {
	uint64_t records; /* of all ranks */
	uint64_t ours;
	uint64_t rank;
	uint64_t world;
	bool shuffled;
	unsigned int half_bits;
	uint64_t keys[ORDER_ROUNDS];
};

/* A seed of 0 is the order of the file. `rank` is less than `world`: it gets every `world`-th sample of the order. */
void order_make(struct order *order, uint64_t records, uint64_t rank, uint64_t world, uint64_t seed, uint64_t epoch);

/* The number of the sample that comes at this place, from 0 to `ours` - 1. */
uint64_t order_at(const struct order *order, uint64_t place);

#endif
