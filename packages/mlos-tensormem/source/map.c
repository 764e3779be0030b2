/* SPDX-License-Identifier: Apache-2.0 */
/* Mappings of tensors. Where they begin and end follows from the handle, so nothing about them has to be kept. */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/mman.h>

#include "backend.h"

/* The pages of the file that a mapping takes, and how far the tensor's first byte lies behind their start. */
static void range_of(const struct tensormem *tensor, uint64_t *start, uint64_t *length, uint64_t *skipped)
{
	uint64_t granule = tensor->granule;

	*start = tensor->offset / granule * granule;
	*skipped = tensor->offset - *start;
	*length = (*skipped + tensor->size + granule - 1) / granule * granule;
}

void *tensormem_map(struct tensormem *tensor, unsigned int flags)
{
	bool write = flags & TENSORMEM_MAP_WRITE;
	int how = MAP_SHARED | (flags & TENSORMEM_MAP_POPULATE ? MAP_POPULATE : 0);
	uint64_t start, length, skipped;
	struct tensormem_info info;
	char *address;

	if (flags & ~(TENSORMEM_MAP_WRITE | TENSORMEM_MAP_POPULATE))
		return refuse_null(EINVAL);
	if (tensormem_info(tensor, &info) < 0)
		return NULL;
	if (write && info.flags & (TENSORMEM_INFO_SEALED | TENSORMEM_INFO_READ_ONLY))
		return refuse_null(EPERM);
	range_of(tensor, &start, &length, &skipped);
	address = mmap(NULL, length, write ? PROT_READ | PROT_WRITE : PROT_READ, how, write ? tensor->fd : tensor->read_fd,
		       (off_t)start);
	if (address == MAP_FAILED)
		return NULL;
	/* Advice: a core dump without models, and pages as large as there are. Nothing depends on it. */
	madvise(address, length, MADV_DONTDUMP);
	if (tensor->advise_huge)
		madvise(address, length, MADV_HUGEPAGE);
	return address + skipped;
}

int tensormem_unmap(struct tensormem *tensor, void *address)
{
	uint64_t start, length, skipped;

	range_of(tensor, &start, &length, &skipped);
	return munmap((char *)address - skipped, length);
}
