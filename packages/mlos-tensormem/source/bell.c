/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "bell.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "trailer.h"

#define SECOND UINT64_C(1000000000)
#define SEAL_POLL (SECOND / 1000)
/*
 * Nothing can be written after a seal, so nobody can be told of it then. Whoever waits is told before, and looks every
 * millisecond until the seal, a matter of microseconds, has come or has failed.
 */

static void toll(struct trailer *trailer)
{
	__atomic_fetch_add(&trailer->bell, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &trailer->bell, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* Sleep while the bell is as it was at `heard`, until CLOCK_MONOTONIC reaches `deadline`. */
static int sleep_until(const struct trailer *trailer, uint32_t heard, uint64_t deadline)
{
	struct timespec time = {.tv_sec = (time_t)(deadline / SECOND), .tv_nsec = (long)(deadline % SECOND)};
	long result = syscall(SYS_futex, &trailer->bell, FUTEX_WAIT_BITSET, heard, deadline == UINT64_MAX ? NULL : &time,
			      NULL, FUTEX_BITSET_MATCH_ANY);

	return result < 0 && errno != EAGAIN ? -1 : 0;
}

int ring(struct tensormem *tensor, uint64_t *generation)
{
	struct mapped_trailer mapped;
	uint64_t last;
	int result = 0;

	if (map_trailer(tensor->fd, tensor->granule, true, &mapped) < 0)
		return -1;
	last = __atomic_load_n(&mapped.trailer->generation, __ATOMIC_ACQUIRE);
	do {
		uint64_t next = *generation ? *generation : last + 1;

		if (next <= last) {
			result = refuse(EINVAL);
			break;
		}
		if (__atomic_compare_exchange_n(&mapped.trailer->generation, &last, next, false, __ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE)) {
			*generation = next;
			toll(mapped.trailer);
			break;
		}
	} while (true);
	unmap_trailer(&mapped);
	return result;
}

int announce_seal(struct tensormem *tensor, uint32_t state)
{
	struct mapped_trailer mapped;

	if (map_trailer(tensor->fd, tensor->granule, true, &mapped) < 0)
		return -1;
	__atomic_store_n(&mapped.trailer->state, state, __ATOMIC_SEQ_CST);
	toll(mapped.trailer);
	unmap_trailer(&mapped);
	return 0;
}

/* One look, and one sleep if there is nothing to see. 1: look again; 0: the generation is there. */
static int listen_once(const struct tensormem *tensor, const struct trailer *trailer, uint64_t wanted, uint64_t *found,
		       uint64_t deadline)
{
	uint32_t heard = __atomic_load_n(&trailer->bell, __ATOMIC_SEQ_CST);
	uint64_t until = deadline;

	*found = __atomic_load_n(&trailer->generation, __ATOMIC_ACQUIRE);
	if (*found >= wanted)
		return 0;
	if (fcntl(tensor->fd, F_GET_SEALS) & F_SEAL_WRITE)
		return refuse(EPERM);
	if (monotonic_now() >= deadline)
		return refuse(ETIMEDOUT);
	if (__atomic_load_n(&trailer->state, __ATOMIC_SEQ_CST) == TRAILER_SEALING && monotonic_now() + SEAL_POLL < deadline)
		until = monotonic_now() + SEAL_POLL;
	if (sleep_until(trailer, heard, until) < 0 && errno != ETIMEDOUT)
		return -1;
	return 1;
}

int listen_for(struct tensormem *tensor, uint64_t *generation, uint64_t deadline)
{
	uint64_t wanted = *generation;
	struct mapped_trailer mapped;
	int result;

	if (map_trailer(tensor->read_fd, tensor->granule, false, &mapped) < 0)
		return -1;
	do
		result = listen_once(tensor, mapped.trailer, wanted, generation, deadline);
	while (result == 1);
	unmap_trailer(&mapped);
	return result;
}
