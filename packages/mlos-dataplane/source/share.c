/* SPDX-License-Identifier: Apache-2.0 */
#include "share.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LARGEST_ITEM ((uint64_t)1 << 30)
#define MOST_ITEMS ((uint64_t)1 << 30)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct share *opened;

/* Fails for shapes whose size would be beyond reason; the product of what is left cannot overflow. */
static int size_of(const struct share_shape *shape, uint64_t *size)
{
	if (shape->item_size == 0 || shape->item_size > LARGEST_ITEM || shape->items == 0 || shape->items > MOST_ITEMS ||
	    (shape->items & (shape->items - 1)) != 0)
		return -1;
	*size = SHARE_ITEMS + shape->item_size * shape->items;
	return 0;
}

static int write_header(int fd, const struct share_shape *shape, uint64_t size)
{
	struct share_header header = {.version = SHARE_VERSION, .file_size = size, .shape = *shape};

	memcpy(header.magic, SHARE_MAGIC, sizeof(header.magic));
	if (ftruncate(fd, (off_t)size) < 0)
		return -1;
	return pwrite(fd, &header, sizeof(header), 0) == sizeof(header) ? 0 : -1;
}

static int create_anonymous(const struct share_shape *shape, uint64_t size)
{
	int fd = memfd_create("dataplane", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -1;
	/* A file that shrinks kills whoever has it mapped. */
	if (write_header(fd, shape, size) == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		return fd;
	close(fd);
	return -1;
}

int share_create(const char *path, const struct share_shape *shape)
{
	char *temporary;
	int fd, result, error;
	uint64_t size;

	if (size_of(shape, &size) < 0) {
		errno = EINVAL;
		return -1;
	}
	if (!path)
		return create_anonymous(shape, size);
	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		return -1;
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0) {
		free(temporary);
		return -1;
	}
	result = write_header(fd, shape, size);
	if (result == 0)
		result = link(temporary, path); /* unlike rename, it does not replace one that others use */
	error = errno;
	unlink(temporary);
	close(fd);
	free(temporary);
	errno = error;
	return result;
}

/* Another version may have put everything after the first 12 bytes elsewhere. */
static int check_header(const struct share_header *header, off_t found, enum share_kind kind)
{
	uint64_t size;

	errno = EBADMSG;
	if (memcmp(header->magic, SHARE_MAGIC, sizeof(header->magic)) != 0)
		return -1;
	if (header->version != SHARE_VERSION) {
		errno = EPROTONOSUPPORT;
		return -1;
	}
	if (header->shape.kind != kind || size_of(&header->shape, &size) < 0)
		return -1;
	return header->file_size == size && (uint64_t)found == size ? 0 : -1;
}

static int map(struct share *share, enum share_kind kind)
{
	struct share_header header;
	struct stat status;
	ssize_t got;

	if (fstat(share->fd, &status) < 0)
		return -1;
	got = pread(share->fd, &header, sizeof(header), 0);
	if (got < 0)
		return -1;
	errno = EBADMSG;
	if (got != sizeof(header) || check_header(&header, status.st_size, kind) < 0)
		return -1;
	share->shape = header.shape;
	share->size = header.file_size;
	share->header = mmap(NULL, share->size, PROT_READ | PROT_WRITE, MAP_SHARED, share->fd, 0);
	return share->header == MAP_FAILED ? -1 : 0;
}

/*
 * The open file, and with it the locks, would live on in the child, and make a dead parent look alive. A mapping keeps it
 * open as well, so there are zeros in its place, which say that nobody is there.
 */
static void give_up_in_child(void)
{
	for (struct share *share = opened; share; share = share->next) {
		mmap(share->header, share->size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
		close(share->fd);
		share->fd = -1;
	}
	pthread_mutex_unlock(&lock);
}

static void before_fork(void)
{
	pthread_mutex_lock(&lock);
}

static void after_fork(void)
{
	pthread_mutex_unlock(&lock);
}

static void prepare_process(void)
{
	pthread_atfork(before_fork, after_fork, give_up_in_child);
	barrier_prepare();
}

static int open_locked(struct share *share, const char *path, enum share_kind kind)
{
	int error;

	*share = (struct share){.fd = open(path, O_RDWR | O_CLOEXEC)};
	if (share->fd < 0)
		return -1;
	if (map(share, kind) < 0) {
		error = errno;
		close(share->fd);
		errno = error;
		return -1;
	}
	share->next = opened;
	opened = share;
	return 0;
}

int share_open(struct share *share, const char *path, enum share_kind kind)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int result;

	pthread_once(&once, prepare_process);
	pthread_mutex_lock(&lock); /* no fork between open and the list that its child goes through */
	result = open_locked(share, path, kind);
	pthread_mutex_unlock(&lock);
	return result;
}

int share_open_fd(struct share *share, int fd, enum share_kind kind)
{
	char path[64];

	/* A duplicate would be the same open file, and its seats those of whoever sent it. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return share_open(share, path, kind);
}

void share_close(struct share *share)
{
	struct share **place = &opened;

	pthread_mutex_lock(&lock);
	while (*place && *place != share)
		place = &(*place)->next;
	if (*place)
		*place = share->next;
	if (share->fd >= 0)
		close(share->fd);
	pthread_mutex_unlock(&lock);
	munmap(share->header, share->size);
}

static int seat_lock(const struct share *share, int command, short type, unsigned int seat, struct flock *lock_of_seat)
{
	*lock_of_seat = (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = seat, .l_len = 1};
	return fcntl(share->fd, command, lock_of_seat);
}

int share_sit(struct share *share, unsigned int seat)
{
	struct flock seat_of_ours;
	bool of_the_dead;

	if (seat_lock(share, F_OFD_SETLK, F_WRLCK, seat, &seat_of_ours) < 0) {
		if (errno == EAGAIN || errno == EACCES)
			errno = EBUSY;
		return -1;
	}
	of_the_dead = read_acquire(&share->header->seats[seat]) == SEAT_TAKEN;
	write_release(&share->header->seats[seat], SEAT_TAKEN);
	return of_the_dead;
}

void share_leave(struct share *share, unsigned int seat)
{
	struct flock seat_of_ours;

	if (share->fd < 0)
		return;
	write_release(&share->header->seats[seat], SEAT_LEFT);
	seat_lock(share, F_OFD_SETLK, F_UNLCK, seat, &seat_of_ours);
}

enum seat_state share_seat(const struct share *share, unsigned int seat)
{
	uint64_t state = read_acquire(&share->header->seats[seat]);
	struct flock holder;

	if (state != SEAT_TAKEN)
		return state == SEAT_LEFT ? SEAT_LEFT : SEAT_EMPTY;
	if (seat_lock(share, F_OFD_GETLK, F_WRLCK, seat, &holder) < 0 || holder.l_type != F_UNLCK)
		return SEAT_TAKEN;
	/* It may have left between the two looks. */
	return read_acquire(&share->header->seats[seat]) == SEAT_TAKEN ? SEAT_DEAD : SEAT_LEFT;
}
