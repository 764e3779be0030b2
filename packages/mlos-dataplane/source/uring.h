/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads through io_uring(7), by its three system calls: no more is needed, and a library of its own would be one more that
 * every image must have. Used by one thread at a time.
 */
#ifndef URING_H
#define URING_H

#include <linux/io_uring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct uring {
	int fd;
	bool has_files; /* files are registered: a read names them by their places */
	bool has_buffers;
	unsigned int *sq_tail;
	unsigned int *sq_array;
	unsigned int sq_mask;
	unsigned int *cq_head;
	unsigned int *cq_tail;
	unsigned int cq_mask;
	unsigned int unsubmitted;
	struct io_uring_cqe *completions;
	struct io_uring_sqe *entries;
	void *rings;
	size_t rings_size;
	size_t entries_size;
	struct uring *next; /* of all that this process has open */
};

struct uring_read {
	uint64_t tag; /* comes back with the result */
	unsigned int file; /* place in what was registered */
	int fd; /* the same, where none were */
	int buffer; /* place in what was registered; -1: none of them */
	uint64_t offset;
	void *to;
	uint32_t size;
};

/* For so many reads at once. The child of a fork() has no part in it. -1 with errno: ENOSYS, EPERM (io_uring_disabled), EOPNOTSUPP (a kernel before 5.6). */
int uring_open(struct uring *ring, unsigned int depth);
void uring_close(struct uring *ring);

/* Both may be refused, memory by RLIMIT_MEMLOCK: reads then go on without. */
void uring_register(struct uring *ring, const int *files, unsigned int file_count, const struct iovec *buffers,
		    unsigned int buffer_count);

/* Note a read; there is room for as many as the depth. */
void uring_queue(struct uring *ring, const struct uring_read *read);

/* Hand over what is noted; wait for a result if asked to. */
int uring_submit(struct uring *ring, bool wait);

/* Take a result, bytes or -errno. Returns whether there was one. */
bool uring_reap(struct uring *ring, uint64_t *tag, int64_t *result);

#endif
