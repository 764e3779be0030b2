/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool of blocks of one size. Every block has a word that says which process has it, and how often it was free before:
 *
 *	free in generation G  ->  of seat S in G  ->  passed on in G  ->  of seat T in G  ->  free in G + 1
 *
 * Each arrow is one compare-and-swap, so a block has an owner at any moment, and what the dead own is found by looking.
 * A handle names block and generation: one that is out of date fits no word.
 */
#include <errno.h>
#include <stdlib.h>

#include "mlos/dataplane.h"
#include "pool.h"
#include "share.h"

#define FREE 0
#define PASSED 255 /* in between: of this seat + 1 */
#define ALIGNMENT 64
#define GENERATIONS UINT32_MAX

struct dp_pool {
	unsigned char *blocks;
	shared_word *words;
	uint64_t count;
	uint64_t block_size;
	uint64_t next; /* where to look first */
	unsigned int seat;
	struct share share;
};

/* The blocks come first, so that they begin on a page; then their words. */
int dp_pool_create(const char *path, size_t block_size, size_t blocks)
{
	struct share_shape shape = {.kind = SHARE_POOL, .item_size = block_size + sizeof(shared_word), .items = blocks};

	if (block_size == 0 || block_size % ALIGNMENT != 0) {
		errno = EINVAL;
		return -1;
	}
	return share_create(path, &shape);
}

static uint64_t word(uint64_t generation, uint64_t phase)
{
	return generation << 8 | phase;
}

static uint64_t ours(const struct dp_pool *pool, uint64_t generation)
{
	return word(generation, pool->seat + 1);
}

/* Generations begin at 1 in handles, so that no handle is 0, and at 0 in a new file. */
static uint64_t handle_of(uint64_t index, uint64_t generation)
{
	return ((generation % GENERATIONS) + 1) << 32 | index;
}

/* The word of a handle's block as it is now. Returns whether the handle still fits. */
static bool find(const struct dp_pool *pool, uint64_t handle, uint64_t *index, uint64_t *found)
{
	*index = handle & UINT32_MAX;
	if (*index >= pool->count) {
		errno = EINVAL;
		return false;
	}
	*found = read_acquire(&pool->words[*index]);
	errno = ESTALE;
	return (*found & 255) != FREE && handle_of(*index, *found >> 8) == handle;
}

/* What this seat still has becomes free. */
static void free_all(const struct dp_pool *pool)
{
	for (uint64_t i = 0; i < pool->count; i++) {
		uint64_t found = read_acquire(&pool->words[i]);

		if (found == ours(pool, found >> 8))
			replace(&pool->words[i], found, word((found >> 8) + 1, FREE));
	}
}

static int sit(struct dp_pool *pool)
{
	for (pool->seat = 0; pool->seat < SHARE_SEATS; pool->seat++) {
		switch (share_sit(&pool->share, pool->seat)) {
		case 1:
			free_all(pool); /* else we could not tell its blocks from ours */
			return 0;
		case 0:
			return 0;
		}
		if (errno != EBUSY)
			return -1;
	}
	return -1;
}

static struct dp_pool *join(struct dp_pool *pool)
{
	const struct share_shape *shape = &pool->share.shape;
	int error = EBADMSG;

	pool->count = shape->items;
	pool->block_size = shape->item_size - sizeof(shared_word);
	pool->next = 0;
	if (shape->item_size > sizeof(shared_word) && pool->block_size % ALIGNMENT == 0) {
		pool->blocks = share_items(&pool->share);
		pool->words = (shared_word *)(void *)(pool->blocks + pool->block_size * pool->count);
		if (sit(pool) == 0)
			return pool;
		error = errno;
	}
	share_close(&pool->share);
	free(pool);
	errno = error;
	return NULL;
}

struct dp_pool *dp_pool_open(const char *path)
{
	struct dp_pool *pool = malloc(sizeof(*pool));

	if (!pool)
		return NULL;
	if (share_open(&pool->share, path, SHARE_POOL) == 0)
		return join(pool);
	free(pool);
	return NULL;
}

struct dp_pool *dp_pool_open_fd(int fd)
{
	struct dp_pool *pool = malloc(sizeof(*pool));

	if (!pool)
		return NULL;
	if (share_open_fd(&pool->share, fd, SHARE_POOL) == 0)
		return join(pool);
	free(pool);
	return NULL;
}

void dp_pool_close(struct dp_pool *pool)
{
	if (!pool)
		return;
	if (pool->share.fd >= 0) {
		free_all(pool);
		share_leave(&pool->share, pool->seat);
	}
	share_close(&pool->share);
	free(pool);
}

size_t dp_pool_block_size(const struct dp_pool *pool)
{
	return pool->block_size;
}

size_t dp_pool_blocks(const struct dp_pool *pool)
{
	return pool->count;
}

struct iovec pool_memory(const struct dp_pool *pool)
{
	return (struct iovec){pool->blocks, pool->block_size * pool->count};
}

int pool_file(const struct dp_pool *pool)
{
	return pool->share.fd;
}

static bool is_of_the_dead(const struct dp_pool *pool, uint64_t found)
{
	uint64_t phase = found & 255;

	/* Our own lock does not show to ourselves, and we live. */
	if (phase == pool->seat + 1)
		return false;
	return phase != FREE && phase <= SHARE_SEATS && share_seat(&pool->share, (unsigned int)phase - 1) == SEAT_DEAD;
}

/* Make a block ours if its word is still as found. Its contents are nobody's any more, so it begins a generation. */
static uint64_t claim(struct dp_pool *pool, uint64_t index, uint64_t found)
{
	uint64_t generation = (found >> 8) + ((found & 255) == FREE ? 0 : 1);

	if (!replace(&pool->words[index], found, ours(pool, generation)))
		return 0;
	pool->next = index + 1;
	return handle_of(index, generation);
}

uint64_t dp_pool_take(struct dp_pool *pool)
{
	if (pool->share.fd < 0) {
		errno = EBADF;
		return 0;
	}
	for (int pass = 0; pass < 2; pass++)
		for (uint64_t i = 0; i < pool->count; i++) {
			uint64_t index = (pool->next + i) & (pool->count - 1);
			uint64_t found = read_acquire(&pool->words[index]);
			uint64_t handle;

			if ((found & 255) != FREE && (pass == 0 || !is_of_the_dead(pool, found)))
				continue;
			handle = claim(pool, index, found);
			if (handle)
				return handle;
		}
	errno = ENOMEM;
	return 0;
}

/* One step for a handle's block, if it is in this phase, or, for FREE, in any. */
static int move(struct dp_pool *pool, uint64_t handle, uint64_t from, uint64_t to, uint64_t generations)
{
	uint64_t index, found;

	if (pool->share.fd < 0) {
		errno = EBADF;
		return -1;
	}
	for (;;) {
		if (!find(pool, handle, &index, &found))
			return -1;
		if (from != FREE && (found & 255) != from) {
			errno = EPERM;
			return -1;
		}
		if (replace(&pool->words[index], found, word((found >> 8) + generations, to)))
			return 0;
	}
}

int dp_pool_give_back(struct dp_pool *pool, uint64_t handle)
{
	return move(pool, handle, pool->seat + 1, FREE, 1);
}

int dp_pool_pass(struct dp_pool *pool, uint64_t handle)
{
	return move(pool, handle, pool->seat + 1, PASSED, 0);
}

int dp_pool_adopt(struct dp_pool *pool, uint64_t handle)
{
	return move(pool, handle, FREE, pool->seat + 1, 0);
}

void *dp_pool_block(const struct dp_pool *pool, uint64_t handle)
{
	uint64_t index, found;

	if (pool->share.fd < 0) {
		errno = EBADF;
		return NULL;
	}
	if (!find(pool, handle, &index, &found))
		return NULL;
	if (found != ours(pool, found >> 8)) {
		errno = EPERM;
		return NULL;
	}
	return pool->blocks + index * pool->block_size;
}
