/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file in memory that several processes map: what it is, who takes part in it, and who of them has died.
 *
 * Whoever takes part holds a seat: a lock on one byte of the file, of the kind that belongs to an open file and not to a
 * process. The kernel lets go of it when the process ends, however it ends, and only after the last of its threads has
 * stopped writing. So a seat that nobody holds, and nobody has left by share_leave(), is that of a dead process; there is
 * no number of a process in it that another one could have by now, or that means something else in a container.
 */
#ifndef SHARE_H
#define SHARE_H

#include <limits.h>
#include <pthread.h>
#include <sys/types.h>

#include "shared.h"

#define SHARE_MAGIC "MLOSDATA"
#define SHARE_VERSION 1
#ifndef SHARE_SEATS
#define SHARE_SEATS 64
#endif
#define SHARE_CONTROL 4096 /* where an algorithm's own words are */
#define SHARE_ITEMS 8192 /* where its items are */

enum share_kind {
	SHARE_RING = 1,
	SHARE_QUEUE = 2,
	SHARE_POOL = 3,
	SHARE_TELEMETRY = 4,
};

enum seat_state {
	SEAT_EMPTY, /* nobody ever */
	SEAT_TAKEN,
	SEAT_LEFT,
	SEAT_DEAD, /* never in the file: taken, but nobody holds the lock */
};

/* What kind of file, and how large. It never changes, and is read once. */
struct share_shape {
	uint32_t kind;
	uint32_t unused;
	uint64_t item_size; /* bytes, with whatever the algorithm keeps beside each */
	uint64_t items;
};

/* The first bytes of the file. */
struct share_header {
	char magic[8];
	uint32_t version;
	uint32_t unused;
	uint64_t file_size;
	struct share_shape shape;
	_Alignas(2 * CACHE_LINE) shared_word seats[SHARE_SEATS];
};

/* A file as one process has it open. */
struct share {
	int fd; /* -1 in the child of a fork: it has no seat */
	struct share_header *header;
	size_t size;
	struct share_shape shape;
	struct share *next; /* of all that this process has open */
};

/*
 * Make a file, all zeros after its header. With a path, it appears there whole, mode 0600, and EEXIST is an error. Without one
 * it is anonymous, and its descriptor is returned; 0 with a path. -1 with errno: EINVAL for a size of 0 or beyond reason.
 */
int share_create(const char *path, const struct share_shape *shape);

/*
 * Map a file. -1 with errno: EPROTONOSUPPORT if another version made it, EBADMSG if it is truncated or no file of this kind.
 */
int share_open(struct share *share, const char *path, enum share_kind kind);

/* The same with a descriptor, which stays the caller's. */
int share_open_fd(struct share *share, int fd, enum share_kind kind);

void share_close(struct share *share);

/* Take a seat. Returns 1 if the one before died on it, else 0; -1 with errno EBUSY if a living process holds it. */
int share_sit(struct share *share, unsigned int seat);

/* Leave it in good order. */
void share_leave(struct share *share, unsigned int seat);

/* Who sits there, as seen from another open file. */
enum seat_state share_seat(const struct share *share, unsigned int seat);

static inline void *share_control(const struct share *share)
{
	return (unsigned char *)share->header + SHARE_CONTROL;
}

static inline void *share_items(const struct share *share)
{
	return (unsigned char *)share->header + SHARE_ITEMS;
}

#endif
