/* SPDX-License-Identifier: Apache-2.0 */
#include "uring.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct uring *opened;

/* A ring that lived on in the child would keep the registered files open: see feed.c. Its mappings are not inherited. */
static void give_up_in_child(void)
{
	for (struct uring *ring = opened; ring; ring = ring->next) {
		close(ring->fd);
		ring->fd = -1;
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
}

static int map_rings(struct uring *ring, const struct io_uring_params *asked)
{
	size_t submission = asked->sq_off.array + asked->sq_entries * sizeof(unsigned int);
	size_t completion = asked->cq_off.cqes + asked->cq_entries * sizeof(struct io_uring_cqe);
	unsigned char *base;

	ring->rings_size = submission > completion ? submission : completion;
	ring->entries_size = asked->sq_entries * sizeof(struct io_uring_sqe);
	ring->rings = mmap(NULL, ring->rings_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->fd,
			   IORING_OFF_SQ_RING);
	if (ring->rings == MAP_FAILED)
		return -1;
	ring->entries = mmap(NULL, ring->entries_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->fd,
			     IORING_OFF_SQES);
	if (ring->entries == MAP_FAILED) {
		munmap(ring->rings, ring->rings_size);
		return -1;
	}
	madvise(ring->rings, ring->rings_size, MADV_DONTFORK);
	madvise(ring->entries, ring->entries_size, MADV_DONTFORK);
	base = ring->rings;
	ring->sq_tail = (unsigned int *)(void *)(base + asked->sq_off.tail);
	ring->sq_array = (unsigned int *)(void *)(base + asked->sq_off.array);
	ring->sq_mask = asked->sq_entries - 1;
	ring->cq_head = (unsigned int *)(void *)(base + asked->cq_off.head);
	ring->cq_tail = (unsigned int *)(void *)(base + asked->cq_off.tail);
	ring->cq_mask = asked->cq_entries - 1;
	ring->completions = (struct io_uring_cqe *)(void *)(base + asked->cq_off.cqes);
	return 0;
}

static int open_locked(struct uring *ring, unsigned int depth)
{
	struct io_uring_params asked = {.flags = IORING_SETUP_CLAMP};
	/* The last of them came with 5.6, as did the plain read. */
	const unsigned int needed = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_RW_CUR_POS;
	int error;

	*ring = (struct uring){.fd = (int)syscall(SYS_io_uring_setup, depth, &asked)};
	if (ring->fd < 0)
		return -1;
	errno = EOPNOTSUPP;
	if ((asked.features & needed) == needed && asked.sq_entries >= depth && map_rings(ring, &asked) == 0) {
		ring->next = opened;
		opened = ring;
		return 0;
	}
	error = errno;
	close(ring->fd);
	errno = error;
	return -1;
}

int uring_open(struct uring *ring, unsigned int depth)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int result;

	pthread_once(&once, prepare_process);
	pthread_mutex_lock(&lock); /* no fork between open and the list that its child goes through */
	result = open_locked(ring, depth);
	pthread_mutex_unlock(&lock);
	return result;
}

void uring_close(struct uring *ring)
{
	struct uring **place = &opened;

	pthread_mutex_lock(&lock);
	while (*place != ring)
		place = &(*place)->next;
	*place = ring->next;
	close(ring->fd);
	pthread_mutex_unlock(&lock);
	munmap(ring->entries, ring->entries_size);
	munmap(ring->rings, ring->rings_size);
}

static bool registers(const struct uring *ring, unsigned int what, const void *list, unsigned int count)
{
	return count > 0 && syscall(SYS_io_uring_register, ring->fd, what, list, count) == 0;
}

void uring_register(struct uring *ring, const int *files, unsigned int file_count, const struct iovec *buffers,
		    unsigned int buffer_count)
{
	ring->has_files = registers(ring, IORING_REGISTER_FILES, files, file_count);
	ring->has_buffers = registers(ring, IORING_REGISTER_BUFFERS, buffers, buffer_count);
}

void uring_queue(struct uring *ring, const struct uring_read *read)
{
	unsigned int tail = *ring->sq_tail; /* ours alone */
	unsigned int place = tail & ring->sq_mask;
	struct io_uring_sqe *entry = &ring->entries[place];
	bool fixed = ring->has_buffers && read->buffer >= 0;

	memset(entry, 0, sizeof(*entry));
	entry->opcode = fixed ? IORING_OP_READ_FIXED : IORING_OP_READ;
	entry->flags = ring->has_files ? IOSQE_FIXED_FILE : 0;
	entry->fd = ring->has_files ? (int)read->file : read->fd;
	entry->off = read->offset;
	entry->addr = (uint64_t)(uintptr_t)read->to;
	entry->len = read->size;
	entry->buf_index = fixed ? (uint16_t)read->buffer : 0;
	entry->user_data = read->tag;
	ring->sq_array[place] = place;
	__atomic_store_n(ring->sq_tail, tail + 1, __ATOMIC_RELEASE);
	ring->unsubmitted++;
}

int uring_submit(struct uring *ring, bool wait)
{
	while (ring->unsubmitted > 0 || wait) {
		long taken = syscall(SYS_io_uring_enter, ring->fd, ring->unsubmitted, wait ? 1 : 0,
				     wait ? IORING_ENTER_GETEVENTS : 0, NULL, 0);

		if (taken < 0 && (errno == EINTR || errno == EAGAIN || errno == EBUSY)) {
			sched_yield(); /* a signal, or the kernel is short of memory for the moment */
			continue;
		}
		if (taken < 0)
			return -1;
		ring->unsubmitted -= (unsigned int)taken;
		if (ring->unsubmitted == 0)
			break;
	}
	return 0;
}

bool uring_reap(struct uring *ring, uint64_t *tag, int64_t *result)
{
	unsigned int head = *ring->cq_head; /* ours alone */
	const struct io_uring_cqe *found;

	if (head == __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE))
		return false;
	found = &ring->completions[head & ring->cq_mask];
	*tag = found->user_data;
	*result = found->res;
	__atomic_store_n(ring->cq_head, head + 1, __ATOMIC_RELEASE);
	return true;
}
