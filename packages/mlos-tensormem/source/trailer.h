/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last 4096 bytes of a memfd that holds a tensor: what it says of itself, so that one file descriptor is enough to
 * hand it on. Whoever has the file descriptor can write there until it is sealed: nothing in it is believed unchecked.
 */
#ifndef TENSORMEM_TRAILER_H
#define TENSORMEM_TRAILER_H

#include <stdbool.h>
#include <stdint.h>

#include "mlos/tensormem.h"

#define SIZE_SEALS (F_SEAL_SHRINK | F_SEAL_GROW) /* of each file: see fcntl(2) */
#define HUGE_PAGE (UINT64_C(2) << 20)

#define TRAILER_SIZE 4096
#define TRAILER_MAGIC UINT64_C(0x006d656d726e7374) /* "tsnrmem" in little endian */
#define TRAILER_LAYOUT 1

enum { TRAILER_OPEN, TRAILER_SEALING };

#define TRAILER_HUGE_TRY (1U << 0) /* mappings ask for transparent huge pages */

struct trailer {
	uint64_t magic;
	uint32_t layout;
	uint32_t flags;
	uint64_t size;
	uint64_t granule;
	int32_t node;
	uint32_t state;      /* TRAILER_SEALING: whoever waits looks whether it is sealed yet */
	uint64_t generation;
	uint32_t bell;       /* futex: changes with each generation and each state */
	uint32_t current;    /* its lowest bit tells which of the two descriptions holds */
	struct tensormem_meta meta[2];
};

struct mapped_trailer {
	struct trailer *trailer;
	void *start;
	uint64_t length;
};

/* Map the end of the file, whose pages have `granule` bytes. A mapping for writing stands in the way of a seal. */
int map_trailer(int fd, uint64_t granule, bool writable, struct mapped_trailer *mapped);
void unmap_trailer(const struct mapped_trailer *mapped);

/* Bytes of the file of a tensor of `size` bytes. */
uint64_t file_size_of(uint64_t size, uint64_t granule);

/* The description that holds, untorn. EBUSY if it never comes to rest. It has not been checked. */
int read_meta(const struct trailer *trailer, struct tensormem_meta *meta);

/* Replace it. Whoever reads sees the one or the other; so it is after a crash in between. One writer at a time. */
void write_meta(struct trailer *trailer, const struct tensormem_meta *meta);

#endif
