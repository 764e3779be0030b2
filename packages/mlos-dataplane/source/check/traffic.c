/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traffic ring|queue|telemetry MESSAGES: threads pass messages, and say whether each arrived whole, in order and once.
 * There is so little room that all sides fall asleep all the time. For the sanitizers and valgrind.
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

static int run_ring(int fd)
{
	pthread_t producer, consumer;

	pthread_create(&consumer, NULL, consume, &fd);
	pthread_create(&producer, NULL, produce, &fd);
	pthread_join(producer, NULL);
	pthread_join(consumer, NULL);
	return 0;
}

/* Queues: each producer has every second number. */

#define THREADS 2

static struct queue_thread {
	int fd;
	uint64_t first;
	uint64_t arrived;
	uint64_t sum;
	pthread_t thread;
} queue_producers[THREADS], queue_consumers[THREADS];

static void *put(void *of)
{
	struct queue_thread *self = of;
	struct dp_queue *queue = dp_queue_open_fd(self->fd, DP_PRODUCER);
	uint64_t message[WORDS];

	must(queue != NULL, "open producer");
	for (uint64_t next = self->first; next < messages; next += THREADS) {
		fill(message, next);
		must(dp_queue_push(queue, message, 1, -1) == 1, "push");
	}
	dp_queue_close(queue);
	return NULL;
}

static void *take(void *of)
{
	struct queue_thread *self = of;
	struct dp_queue *queue = dp_queue_open_fd(self->fd, DP_CONSUMER);
	uint64_t batch[BATCH][WORDS], expected[WORDS], after[THREADS] = {0};
	ssize_t count;

	must(queue != NULL, "open consumer");
	while ((count = dp_queue_pop(queue, batch, BATCH, -1)) > 0)
		for (ssize_t i = 0; i < count; i++) {
			uint64_t number = batch[i][0] / WORDS;

			fill(expected, number);
			must(memcmp(batch[i], expected, sizeof(expected)) == 0, "torn");
			must(number >= after[number % THREADS], "out of a producer's order");
			after[number % THREADS] = number + 1;
			self->arrived++;
			self->sum += number;
		}
	must(errno == EPIPE, "pop");
	dp_queue_close(queue);
	return NULL;
}

static int run_queue(int fd)
{
	struct dp_queue *early = dp_queue_open_fd(fd, DP_PRODUCER); /* so that nobody finds all producers gone too soon */
	uint64_t arrived = 0, sum = 0;

	must(early != NULL, "open");
	for (unsigned int i = 0; i < THREADS; i++) {
		queue_producers[i] = (struct queue_thread){.fd = fd, .first = i};
		queue_consumers[i] = (struct queue_thread){.fd = fd};
		pthread_create(&queue_producers[i].thread, NULL, put, &queue_producers[i]);
		pthread_create(&queue_consumers[i].thread, NULL, take, &queue_consumers[i]);
	}
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(queue_producers[i].thread, NULL);
	dp_queue_close(early);
	for (unsigned int i = 0; i < THREADS; i++) {
		pthread_join(queue_consumers[i].thread, NULL);
		arrived += queue_consumers[i].arrived;
		sum += queue_consumers[i].sum;
	}
	must(arrived == messages && sum == messages * (messages - 1) / 2, "lost or twice");
	return 0;
}

/* Telemetry: every event is counted or dropped, and of one that was counted every part. */

static char telemetry_path[] = "/tmp/traffic-XXXXXX";

static void *note(void *path)
{
	struct dp_telemetry *telemetry = dp_telemetry_open(path, DP_PRODUCER);

	must(telemetry != NULL, "open writer");
	for (uint64_t i = 0; i < messages; i++)
		dp_telemetry_record(telemetry, &(struct dp_event){.bytes = i, .latency = 2 * i});
	dp_telemetry_close(telemetry);
	return NULL;
}

static int run_telemetry(const char *path)
{
	struct dp_telemetry *telemetry = dp_telemetry_open(path, DP_CONSUMER);
	struct dp_totals totals = {0};
	pthread_t writer;

	must(telemetry != NULL, "open reader");
	pthread_create(&writer, NULL, note, telemetry_path);
	do
		must(dp_telemetry_read(telemetry, &totals) == 0, "read");
	while (totals.events + totals.dropped < messages);
	pthread_join(writer, NULL);
	must(totals.events + totals.dropped == messages, "an event twice");
	must(totals.latency_sum == 2 * totals.bytes && totals.latency_max < 2 * messages, "a torn event");
	dp_telemetry_close(telemetry);
	return unlink(path);
}

static int run(const char *kind)
{
	size_t size = WORDS * sizeof(uint64_t);
	int fd, result;

	if (strcmp(kind, "telemetry") == 0) {
		must(mkdtemp(telemetry_path) != NULL && rmdir(telemetry_path) == 0, "a name");
		must(dp_telemetry_create(telemetry_path, CAPACITY) == 0, "create");
		return run_telemetry(telemetry_path);
	}
	fd = strcmp(kind, "ring") == 0 ? dp_ring_create(NULL, size, CAPACITY) : dp_queue_create(NULL, size, CAPACITY);
	must(fd >= 0, "create");
	result = strcmp(kind, "ring") == 0 ? run_ring(fd) : run_queue(fd);
	close(fd);
	return result;
}

int main(int count, char **arguments)
{
	int result;

	if (count != 3)
		return 2;
	messages = strtoull(arguments[2], NULL, 10);
	result = run(arguments[1]);
	printf("%" PRIu64 " messages\n", messages);
	return result;
}
