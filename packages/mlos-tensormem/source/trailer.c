/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "trailer.h"

#include <assert.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "backend.h"

#define TRIES 1000 /* of reading a description that somebody else changes all the time */
#define WORDS (sizeof(struct tensormem_meta) / sizeof(uint32_t))

static_assert(sizeof(struct trailer) <= TRAILER_SIZE, "the trailer has its place");
static_assert(sizeof(struct tensormem_meta) % sizeof(uint32_t) == 0, "descriptions are copied word by word");

uint64_t file_size_of(uint64_t size, uint64_t granule)
{
	return (size + TRAILER_SIZE + granule - 1) / granule * granule;
}

int map_trailer(int fd, uint64_t granule, bool writable, struct mapped_trailer *mapped)
{
	int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
	struct stat status;

	if (fstat(fd, &status) < 0)
		return -1;
	if ((uint64_t)status.st_size < granule || (uint64_t)status.st_size % granule)
		return refuse(EINVAL);
	mapped->length = granule;
	mapped->start = mmap(NULL, granule, protection, MAP_SHARED, fd, status.st_size - (off_t)granule);
	if (mapped->start == MAP_FAILED)
		return -1;
	mapped->trailer = (struct trailer *)((char *)mapped->start + granule - TRAILER_SIZE);
	return 0;
}

void unmap_trailer(const struct mapped_trailer *mapped)
{
	munmap(mapped->start, mapped->length);
}

/*
 * Word by word, since others may write at the same time: what is torn by that is thrown away, but must be seen to be torn.
 * Whoever reads a word of a description meanwhile overwritten also sees, by release and acquire, that another one holds.
 */
static void copy_in(uint32_t *to, const struct tensormem_meta *from)
{
	const uint32_t *words = (const uint32_t *)from;

	for (size_t i = 0; i < WORDS; i++)
		__atomic_store_n(&to[i], words[i], __ATOMIC_RELEASE);
}

static void copy_out(struct tensormem_meta *to, const uint32_t *from)
{
	uint32_t *words = (uint32_t *)to;

	for (size_t i = 0; i < WORDS; i++)
		words[i] = __atomic_load_n(&from[i], __ATOMIC_ACQUIRE);
}

int read_meta(const struct trailer *trailer, struct tensormem_meta *meta)
{
	for (int i = 0; i < TRIES; i++) {
		uint32_t before = __atomic_load_n(&trailer->current, __ATOMIC_ACQUIRE);

		copy_out(meta, (const uint32_t *)&trailer->meta[before & 1]);
		if (__atomic_load_n(&trailer->current, __ATOMIC_ACQUIRE) == before)
			return 0;
	}
	return refuse(EBUSY);
}

void write_meta(struct trailer *trailer, const struct tensormem_meta *meta)
{
	uint32_t next = __atomic_load_n(&trailer->current, __ATOMIC_RELAXED) + 1;

	copy_in((uint32_t *)&trailer->meta[next & 1], meta);
	__atomic_store_n(&trailer->current, next, __ATOMIC_RELEASE);
}
