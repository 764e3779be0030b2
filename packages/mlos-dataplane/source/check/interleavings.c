/* SPDX-License-Identifier: Apache-2.0 */
/* interleavings [CASE]: the small cases of the library's algorithms in every order (check/interleave.h). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/interleave.h"
#include "check/share_model.h"
#include "mlos/dataplane.h"
#include "queue.h"
#include "stream.h"

#define WORDS 2 /* of a message, all the same: two are enough to be torn */
#define LARGEST 2 /* capacity */
#define MOST 4

static void *handles[4];
static unsigned int got[4][MOST]; /* which messages each thread got, in order */
static unsigned int count[4];
static int ended_with[4];

static void forget(void)
{
	for (unsigned int i = 0; i < 4; i++) {
		free(handles[i]); /* of a run that was not gone through to its end */
		handles[i] = NULL;
	}
	memset(got, 0, sizeof(got));
	memset(count, 0, sizeof(count));
	memset(ended_with, 0, sizeof(ended_with));
}

static void keep(unsigned int thread, const uint64_t message[WORDS])
{
	interleave_must(message[0] == message[1], "a torn message");
	interleave_must(count[thread] < MOST, "too many messages");
	got[thread][count[thread]++] = (unsigned int)message[0];
}

/* Rings: thread 0 writes 1, 2, ...; thread 1 reads. */

static unsigned int batch, messages, capacity;

static void open_ring(unsigned int messages_at_once, unsigned int slots)
{
	forget();
	batch = messages_at_once;
	capacity = slots;
	messages = slots + 1;
	model_begin(SHARE_RING, WORDS * sizeof(uint64_t), slots);
	for (unsigned int i = 0; i < 2; i++) {
		model_sit_for(i);
		handles[i] = dp_ring_open("", i == 0 ? DP_PRODUCER : DP_CONSUMER);
	}
}

static void open_ring_single(void)
{
	open_ring(1, 1);
}

static void open_ring_batches(void)
{
	open_ring(2, 2);
}

static void write_to_ring(void)
{
	uint64_t content[MOST][WORDS];
	ssize_t written;

	for (uint64_t i = 0; i < messages; i++)
		content[i][0] = content[i][1] = i + 1;
	for (unsigned int i = 0; i < messages; i += (unsigned int)written) {
		written = dp_ring_push(handles[0], content[i], messages - i < batch ? messages - i : batch, -1);
		if (written < 0) {
			ended_with[0] = errno;
			break;
		}
	}
	dp_ring_close(handles[0]);
	handles[0] = NULL;
}

static void read_from_ring(void)
{
	uint64_t content[LARGEST][WORDS];
	ssize_t read;

	while ((read = dp_ring_pop(handles[1], content, batch, -1)) > 0)
		for (ssize_t i = 0; i < read; i++)
			keep(1, content[i]);
	ended_with[1] = errno;
	dp_ring_close(handles[1]);
	handles[1] = NULL;
}

static void ring_thread(unsigned int number)
{
	if (number == 0)
		write_to_ring();
	else
		read_from_ring();
}

static void must_be_in_order(unsigned int thread, unsigned int first)
{
	for (unsigned int i = 0; i < count[thread]; i++)
		interleave_must(got[thread][i] == first + i, "a message twice or out of order");
}

static struct stream *stream(void)
{
	return (struct stream *)(void *)(interleave_arena + SHARE_CONTROL);
}

static void all_arrived(void)
{
	must_be_in_order(1, 1);
	interleave_must(count[1] == messages && ended_with[1] == EPIPE, "a message is lost");
}

static void published_arrived(void)
{
	must_be_in_order(1, 1);
	interleave_must(count[1] == read_acquire(&stream()->tail), "a published message is lost");
	interleave_must(ended_with[1] == EPIPE || ended_with[1] == EOWNERDEAD, "the producer's end is unknown");
}

/* A successor of the consumer gets the rest; what the dead one took and was killed before it noted is one message. */
static void rest_arrives(void)
{
	unsigned int taken = (unsigned int)read_acquire(&stream()->head);
	bool killed = handles[1] != NULL;
	uint64_t message[WORDS];

	interleave_must(!ended_with[0] || ended_with[0] == EOWNERDEAD || !killed, "the producer is misled");
	interleave_must(!ended_with[0] || read_acquire(&stream()->tail) - taken == capacity, "there was room");
	must_be_in_order(1, 1);
	interleave_must(count[1] <= taken && count[1] + batch >= taken, "more was taken than was read");
	if (!killed)
		return;
	free(handles[1]);
	model_sit_for(2);
	handles[1] = dp_ring_open("", DP_CONSUMER);
	interleave_must(handles[1] != NULL, "the seat of the dead is taken");
	count[1] = 0;
	while (dp_ring_pop(handles[1], message, 1, 0) > 0)
		keep(1, message);
	must_be_in_order(1, taken + 1);
	interleave_must(taken + count[1] == read_acquire(&stream()->tail), "a message is lost");
}

/* Queues: the first threads write each its own numbers, the others read until nobody is left who could write. */

static unsigned int producers, each_writes;

static void open_queue(unsigned int writers, unsigned int readers, unsigned int writes, unsigned int slots)
{
	forget();
	producers = writers;
	each_writes = writes;
	model_begin(SHARE_QUEUE, (1 + WORDS) * sizeof(uint64_t), slots);
	for (unsigned int i = 0; i < writers + readers; i++) {
		model_sit_for(i);
		handles[i] = dp_queue_open("", i < writers ? DP_PRODUCER : DP_CONSUMER);
	}
}

static void open_one_to_one(void)
{
	open_queue(1, 1, 2, 1);
}

static void open_one_message(void)
{
	open_queue(1, 1, 1, 1);
}

static void number(uint64_t message[WORDS], unsigned int thread, unsigned int i)
{
	message[0] = message[1] = thread * each_writes + i + 1;
}

static void queue_thread(unsigned int thread)
{
	uint64_t message[WORDS];

	for (unsigned int i = 0; thread < producers && i < each_writes; i++) {
		number(message, thread, i);
		if (dp_queue_push(handles[thread], message, 1, -1) < 0)
			ended_with[thread] = errno;
	}
	while (thread >= producers && dp_queue_pop(handles[thread], message, 1, -1) > 0)
		keep(thread, message);
	dp_queue_close(handles[thread]);
	handles[thread] = NULL;
}

/* How often a message arrived. */
static unsigned int arrivals(unsigned int message)
{
	unsigned int found = 0;

	for (unsigned int thread = 0; thread < 4; thread++)
		for (unsigned int i = 0; i < count[thread]; i++)
			found += got[thread][i] == message;
	return found;
}

/* Messages of the living arrived once, of a dead producer at most once. */
static void each_arrived_once(void)
{
	for (unsigned int i = 0; i < producers * each_writes; i++) {
		interleave_must(arrivals(i + 1) <= 1, "a message twice");
		interleave_must(arrivals(i + 1) == 1 || handles[i / each_writes], "a message is lost");
	}
}

/* A consumer that died took one message with it, at most. */
static void at_most_one_is_lost(void)
{
	unsigned int found = 0;

	for (unsigned int i = 0; i < producers * each_writes; i++) {
		interleave_must(arrivals(i + 1) <= 1, "a message twice");
		found += arrivals(i + 1);
	}
	interleave_must(found + 1 >= producers * each_writes, "more than one message is lost");
}

/* The same without waiting: each producer puts once, each consumer tries as often; what is left is read at the end. */

static void open_two_to_one(void)
{
	open_queue(2, 1, 1, 2);
}

static void open_one_to_two(void)
{
	open_queue(1, 2, 2, 2);
}

static struct queue_view view(void)
{
	return (struct queue_view){
		.queue = (struct queue *)(void *)(interleave_arena + SHARE_CONTROL),
		.slots = interleave_arena + SHARE_ITEMS,
		.capacity = 2,
		.lap_shift = 1,
		.slot_size = (1 + WORDS) * sizeof(uint64_t),
	};
}

static void try_thread(unsigned int thread)
{
	struct queue_view ours = view();
	uint64_t message[WORDS];

	if (thread < producers)
		for (unsigned int i = 0; i < each_writes; i++) {
			number(message, thread, i);
			interleave_must(queue_put(&ours, thread, message), "an empty queue is full");
		}
	else if (queue_take(&ours, message))
		keep(thread, message);
}

/* Whoever waits frees the slots of the dead; here nobody did, so a reader does now. */
static void read_the_rest(void)
{
	unsigned int reader = producers;
	uint64_t message[WORDS];

	while (dp_queue_pop(handles[reader], message, 1, 0) > 0)
		keep(reader, message);
	while (reader > 0)
		if (!interleave_is_dead(--reader)) {
			free(handles[reader]);
			handles[reader] = NULL;
		}
}

static void rest_is_each_once(void)
{
	read_the_rest();
	each_arrived_once();
}

static void rest_lacks_at_most_one(void)
{
	read_the_rest();
	at_most_one_is_lost();
}

/*
 * Pools: both threads take a block and write to it; or thread 0 takes one, and passes it to thread 1 by a word of its own.
 */

static void open_pool(unsigned int threads, unsigned int blocks)
{
	forget();
	model_begin(SHARE_POOL, 64 + sizeof(uint64_t), blocks);
	for (unsigned int i = 0; i < threads; i++) {
		model_sit_for(i);
		handles[i] = dp_pool_open("");
	}
}

static void open_small_pool(void)
{
	open_pool(2, 1);
}

static void open_pool_of_two(void)
{
	open_pool(2, 2);
}

static void write_own_name(shared_word *block, unsigned int thread)
{
	write_relaxed(block, thread + 1);
	interleave_must(read_relaxed(block) == thread + 1, "a block has two owners");
}

static void take_thread(unsigned int thread)
{
	uint64_t handle = dp_pool_take(handles[thread]);
	shared_word *block;

	if (!handle)
		return;
	block = dp_pool_block(handles[thread], handle);
	interleave_must(block != NULL, "somebody else got our block");
	write_own_name(block, thread);
	write_own_name(block, thread);
	interleave_must(dp_pool_give_back(handles[thread], handle) == 0, "our block was not ours");
}

static shared_word *letter_box(void)
{
	return (shared_word *)(void *)(interleave_arena + INTERLEAVE_ARENA / 2 + INTERLEAVE_ARENA / 4);
}

static void pass_thread(unsigned int thread)
{
	uint64_t handle;
	shared_word *block;

	if (thread == 0) {
		handle = dp_pool_take(handles[0]);
		write_own_name(dp_pool_block(handles[0], handle), 0);
		write_release(letter_box(), handle);
		dp_pool_pass(handles[0], handle);
		return;
	}
	handle = read_acquire(letter_box());
	if (!handle || dp_pool_adopt(handles[1], handle) < 0)
		return;
	block = dp_pool_block(handles[1], handle);
	interleave_must(block != NULL, "somebody else got our block");
	interleave_must(read_relaxed(block) == 1, "the block is not what was passed on");
	interleave_must(dp_pool_give_back(handles[1], handle) == 0, "our block was not ours");
}

/* Somebody who comes afterwards and knows the handle that was passed on, if any, can have every block. */
static void no_block_is_lost(void)
{
	uint64_t passed = read_acquire(letter_box());
	struct dp_pool *pool;

	model_sit_for(3);
	pool = dp_pool_open("");
	interleave_must(pool != NULL, "no seat is left");
	if (passed && dp_pool_adopt(pool, passed) == 0)
		dp_pool_give_back(pool, passed);
	for (size_t i = 0; i < dp_pool_blocks(pool); i++)
		interleave_must(dp_pool_take(pool) != 0, "a block is lost");
	interleave_must(dp_pool_take(pool) == 0, "a block was taken twice");
	free(pool);
}

/* Gates: two sleep until the third has done something. */

static void open_gate(void)
{
	forget();
}

static struct gate *gate(void)
{
	return (struct gate *)(void *)(interleave_arena + SHARE_CONTROL);
}

static void gate_thread(unsigned int thread)
{
	shared_word *done = (shared_word *)(void *)(interleave_arena + SHARE_ITEMS);

	if (thread == 2) {
		write_release(done, 1);
		gate_wake(gate());
		return;
	}
	for (;;) {
		uint32_t seen = gate_enter(gate());

		if (read_acquire(done))
			return;
		gate_sleep(gate(), seen, 0);
	}
}

static void nothing_more(void)
{
}

static const struct interleave_case cases[] = {
	{"gate", 3, 0, open_gate, gate_thread, nothing_more},
	{"ring", 2, 0, open_ring_single, ring_thread, all_arrived},
	{"ring-batches", 2, 0, open_ring_batches, ring_thread, all_arrived},
	{"ring-producer-dies", 2, 1, open_ring_single, ring_thread, published_arrived},
	{"ring-consumer-dies", 2, 2, open_ring_single, ring_thread, rest_arrives},
	{"queue", 2, 0, open_one_to_one, queue_thread, each_arrived_once},
	{"queue-producer-dies", 2, 1, open_one_message, queue_thread, each_arrived_once},
	{"queue-two-producers", 3, 0, open_two_to_one, try_thread, rest_is_each_once},
	{"queue-one-of-two-producers-dies", 3, 1, open_two_to_one, try_thread, rest_is_each_once},
	{"queue-two-consumers", 3, 0, open_one_to_two, try_thread, rest_is_each_once},
	{"pool", 2, 0, open_small_pool, take_thread, no_block_is_lost},
	{"pool-owner-dies", 2, 1, open_small_pool, take_thread, no_block_is_lost},
	{"pool-passes", 2, 0, open_pool_of_two, pass_thread, no_block_is_lost},
	{"pool-giver-dies", 2, 1, open_pool_of_two, pass_thread, no_block_is_lost},
	{"pool-receiver-dies", 2, 2, open_pool_of_two, pass_thread, no_block_is_lost},
	{"queue-one-of-two-consumers-dies", 3, 2, open_one_to_two, try_thread, rest_lacks_at_most_one},
};

int main(int words, char **arguments)
{
	bool found = words == 1;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct interleave_counts counts;

		if (words > 1 && strcmp(cases[i].name, arguments[1]) != 0)
			continue;
		found = true;
		counts = interleave_run(&cases[i]);
		printf("%s: %lu states, %lu runs\n", cases[i].name, counts.states, counts.runs);
		fflush(stdout);
	}
	return found ? 0 : 2;
}
