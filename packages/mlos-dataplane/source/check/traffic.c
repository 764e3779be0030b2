/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traffic MESSAGES: threads pass messages through a ring, and say whether each arrived whole, in order and once.
 * The ring is so small that both sides fall asleep all the time. For the thread sanitizer, valgrind, and haste.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mlos/dataplane.h"

#define WORDS 5
#define CAPACITY 8
#define BATCH 3

static uint64_t messages;

/* Every word differs, so that a part of one message in another shows. */
static void fill(uint64_t message[WORDS], uint64_t number)
{
	for (uint64_t i = 0; i < WORDS; i++)
		message[i] = number * WORDS + i;
}

static void must(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static void *produce(void *fd)
{
	struct dp_ring *ring = dp_ring_open_fd(*(int *)fd, DP_PRODUCER);
	uint64_t batch[BATCH][WORDS];

	must(ring != NULL, "open producer");
	for (uint64_t next = 0; next < messages;) {
		uint64_t count = messages - next < BATCH ? messages - next : 1 + next % BATCH;

		for (uint64_t i = 0; i < count; i++)
			fill(batch[i], next + i);
		must(dp_ring_push(ring, batch, count, -1) == (ssize_t)count, "push");
		next += count;
	}
	dp_ring_close(ring);
	return NULL;
}

static void *consume(void *fd)
{
	struct dp_ring *ring = dp_ring_open_fd(*(int *)fd, DP_CONSUMER);
	uint64_t batch[BATCH][WORDS], expected[WORDS], next = 0;
	ssize_t count;

	must(ring != NULL, "open consumer");
	while ((count = dp_ring_pop(ring, batch, BATCH, -1)) > 0)
		for (ssize_t i = 0; i < count; i++) {
			fill(expected, next++);
			must(memcmp(batch[i], expected, sizeof(expected)) == 0, "torn or out of order");
		}
	must(errno == EPIPE, "pop");
	must(next == messages, "lost");
	dp_ring_close(ring);
	return NULL;
}

int main(int count, char **arguments)
{
	int fd = dp_ring_create(NULL, WORDS * sizeof(uint64_t), CAPACITY);
	pthread_t producer, consumer;

	messages = count > 1 ? strtoull(arguments[1], NULL, 10) : 100000;
	must(fd >= 0, "create");
	pthread_create(&consumer, NULL, consume, &fd);
	pthread_create(&producer, NULL, produce, &fd);
	pthread_join(producer, NULL);
	pthread_join(consumer, NULL);
	close(fd);
	printf("%" PRIu64 " messages\n", messages);
	return 0;
}
