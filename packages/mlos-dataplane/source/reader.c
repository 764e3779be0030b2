/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Samples for this process: a thread reads ahead into as many slots as there is memory for, and stops when none is free.
 * A slot's state is read and written under the lock; everything else about it belongs to the thread while it is being read,
 * and to the program while it is lent.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "batches.h"

struct dp_reader {
	struct batches batches;
	bool any_order;
	uint64_t wanted; /* the next batch, in order */
	uint64_t left; /* batches that were not handed out */
	unsigned char *memory;
	size_t own_memory; /* bytes of it that are to be unmapped */
	pthread_mutex_t lock;
	pthread_cond_t freed; /* for the thread */
	pthread_cond_t ready; /* for the program */
	bool stop;
	uint64_t stalls;
	uint64_t starvations;
	struct dp_reader_stat stat; /* as of the last batch */
	pthread_t thread;
	pid_t process;
};

static struct slot *find(struct dp_reader *reader, enum slot_state state)
{
	for (unsigned int i = 0; i < reader->batches.slot_count; i++)
		if (reader->batches.slots[i].state == state)
			return &reader->batches.slots[i];
	return NULL;
}

static void *memory_of(const struct dp_reader *reader, const struct slot *slot)
{
	return reader->memory + (size_t)(slot - reader->batches.slots) * reader->batches.block_size;
}

static void publish(struct dp_reader *reader)
{
	bool any = false;

	for (unsigned int i = 0; i < reader->batches.slot_count; i++) {
		struct slot *slot = &reader->batches.slots[i];

		if (!batches_is_complete(&reader->batches, slot))
			continue;
		slot->state = SLOT_READY;
		any = true;
	}
	reader->stat = reader->batches.stat;
	if (any)
		pthread_cond_broadcast(&reader->ready);
}

static void *read_ahead(void *of)
{
	struct dp_reader *reader = of;
	struct batches *batches = &reader->batches;

	pthread_mutex_lock(&reader->lock);
	while (!reader->stop) {
		struct slot *slot = batches_may_begin(batches) ? find(reader, SLOT_FREE) : NULL;

		if (!slot && batches_are_idle(batches)) {
			reader->stalls += batches_may_begin(batches);
			pthread_cond_wait(&reader->freed, &reader->lock);
			continue;
		}
		if (slot)
			slot->state = SLOT_READING;
		pthread_mutex_unlock(&reader->lock);
		if (slot)
			batches_begin(batches, slot, memory_of(reader, slot));
		batches_advance(batches, !slot);
		pthread_mutex_lock(&reader->lock);
		publish(reader);
	}
	pthread_mutex_unlock(&reader->lock);
	return NULL;
}

ssize_t dp_reader_block_size(const char *path, const struct dp_reader_options *options)
{
	struct batches batches;
	ssize_t size;

	if (batches_open(&batches, path, options) < 0)
		return -1;
	size = (ssize_t)batches.block_size;
	batches_close(&batches);
	return size;
}

static int find_memory(struct dp_reader *reader, const struct dp_reader_options *options)
{
	size_t needed = reader->batches.block_size * reader->batches.slot_count;

	if (options->memory) {
		reader->memory = options->memory;
		errno = EINVAL;
		return options->memory_size >= needed && (uintptr_t)options->memory % sizeof(uint64_t) == 0 ? 0 : -1;
	}
	reader->memory = mmap(NULL, needed, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (reader->memory == MAP_FAILED)
		return -1;
	reader->own_memory = needed;
	return 0;
}

/* Signals are for the program's own threads. */
static int start_thread(struct dp_reader *reader)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&reader->thread, NULL, read_ahead, reader);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = error;
	return error ? -1 : 0;
}

static int start(struct dp_reader *reader, const struct dp_reader_options *options)
{
	pthread_condattr_t attributes;
	struct reads_setup setup = {
		.depth = options->depth,
		.without_uring = options->flags & DP_READER_NO_URING,
		.hold = -1,
	};

	if (find_memory(reader, options) < 0)
		return -1;
	setup.memory = (struct iovec){reader->memory, reader->batches.block_size * reader->batches.slot_count};
	if (batches_start(&reader->batches, &setup) < 0)
		return -1;
	reader->stat = reader->batches.stat;
	reader->any_order = options->flags & DP_READER_ANY_ORDER;
	reader->wanted = options->skip;
	reader->left = options->skip < reader->batches.count ? reader->batches.count - options->skip : 0;
	reader->process = getpid();
	pthread_mutex_init(&reader->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&reader->freed, NULL);
	pthread_cond_init(&reader->ready, &attributes);
	pthread_condattr_destroy(&attributes);
	return start_thread(reader);
}

static void discard(struct dp_reader *reader)
{
	batches_close(&reader->batches);
	if (reader->own_memory)
		munmap(reader->memory, reader->own_memory);
	free(reader);
}

struct dp_reader *dp_reader_open(const char *path, const struct dp_reader_options *options)
{
	struct dp_reader *reader = calloc(1, sizeof(*reader));
	int error;

	if (!reader)
		return NULL;
	if (batches_open(&reader->batches, path, options) < 0) {
		free(reader);
		return NULL;
	}
	if (start(reader, options) == 0)
		return reader;
	error = errno;
	discard(reader);
	errno = error;
	return NULL;
}

static bool is_ours(const struct dp_reader *reader)
{
	errno = EBADF;
	return reader->process == getpid();
}

void dp_reader_close(struct dp_reader *reader)
{
	/* The child of a fork has neither the thread nor the reads. */
	if (!reader || !is_ours(reader))
		return;
	pthread_mutex_lock(&reader->lock);
	reader->stop = true;
	pthread_cond_signal(&reader->freed);
	pthread_mutex_unlock(&reader->lock);
	pthread_join(reader->thread, NULL);
	discard(reader);
}

uint64_t dp_reader_batches(const struct dp_reader *reader)
{
	return reader->batches.count;
}

uint64_t dp_reader_samples(const struct dp_reader *reader)
{
	return reader->batches.order.ours;
}

int dp_reader_stat(struct dp_reader *reader, struct dp_reader_stat *stat)
{
	if (!is_ours(reader))
		return -1;
	pthread_mutex_lock(&reader->lock);
	*stat = reader->stat;
	stat->stalls = reader->stalls;
	stat->starvations = reader->starvations;
	pthread_mutex_unlock(&reader->lock);
	return 0;
}

/* The batch to hand out: the next one in order, or the first of those that are ready. */
static struct slot *find_ready(struct dp_reader *reader)
{
	struct slot *best = NULL;

	for (unsigned int i = 0; i < reader->batches.slot_count; i++) {
		struct slot *slot = &reader->batches.slots[i];

		if (slot->state != SLOT_READY || (!reader->any_order && slot->batch.number != reader->wanted))
			continue;
		if (!best || slot->batch.number < best->batch.number)
			best = slot;
	}
	return best;
}

/* Whether all slots are with the program: waiting for another batch would last for ever. */
static bool all_are_lent(struct dp_reader *reader)
{
	for (unsigned int i = 0; i < reader->batches.slot_count; i++)
		if (reader->batches.slots[i].state != SLOT_LENT)
			return false;
	return true;
}

static int wait_for_ready(struct dp_reader *reader, int64_t timeout, const struct timespec *end)
{
	if (all_are_lent(reader))
		return ENOBUFS;
	if (timeout == 0)
		return EAGAIN;
	if (timeout < 0)
		return pthread_cond_wait(&reader->ready, &reader->lock);
	return pthread_cond_timedwait(&reader->ready, &reader->lock, end);
}

static int next_locked(struct dp_reader *reader, struct dp_batch *batch, int64_t timeout, const struct timespec *end)
{
	struct slot *slot;
	bool starved = false;

	if (reader->left == 0)
		return 0;
	while (!(slot = find_ready(reader))) {
		int error = wait_for_ready(reader, timeout, end);

		reader->starvations += !starved;
		starved = true;
		if (error) {
			errno = error;
			return -1;
		}
	}
	if (slot->error) {
		errno = slot->error;
		return -1;
	}
	slot->state = SLOT_LENT;
	*batch = slot->batch;
	batch->handle = (uint64_t)(slot - reader->batches.slots);
	reader->wanted++;
	reader->left--;
	return 1;
}

static struct timespec ends_at(int64_t timeout)
{
	const int64_t second = 1000000000;
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += timeout / second;
	end.tv_nsec += timeout % second;
	if (end.tv_nsec >= second) {
		end.tv_sec++;
		end.tv_nsec -= second;
	}
	return end;
}

int dp_reader_next(struct dp_reader *reader, struct dp_batch *batch, int64_t timeout)
{
	struct timespec end = {0};
	int result;

	if (!is_ours(reader))
		return -1;
	if (timeout > 0)
		end = ends_at(timeout);
	pthread_mutex_lock(&reader->lock);
	result = next_locked(reader, batch, timeout, &end);
	pthread_mutex_unlock(&reader->lock);
	return result;
}

int dp_reader_release(struct dp_reader *reader, const struct dp_batch *batch)
{
	int result = -1;

	if (!is_ours(reader))
		return -1;
	pthread_mutex_lock(&reader->lock);
	if (batch->handle < reader->batches.slot_count) {
		struct slot *slot = &reader->batches.slots[batch->handle];

		if (slot->state == SLOT_LENT && slot->batch.number == batch->number) {
			slot->state = SLOT_FREE;
			pthread_cond_signal(&reader->freed);
			result = 0;
		}
	}
	pthread_mutex_unlock(&reader->lock);
	if (result < 0)
		errno = EINVAL;
	return result;
}
