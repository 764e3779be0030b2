/* SPDX-License-Identifier: Apache-2.0 */
#include "batches.h"

#include <errno.h>
#include <stdlib.h>

#define MOST_SAMPLES (1U << 20)
#define MOST_READS 1024
#define USUAL_SLOTS 4

static uint64_t round_up(uint64_t size, uint64_t to)
{
	return (size + to - 1) / to * to;
}

static bool are_sound(const struct dp_reader_options *options)
{
	uint32_t world = options->world ? options->world : 1;

	return options->batch > 0 && options->batch <= MOST_SAMPLES && options->prefetch <= BATCHES_MOST_SLOTS &&
	       options->depth <= MOST_READS && options->rank < world && options->cache <= DP_CACHE_BYPASS &&
	       !(options->flags & ~(DP_READER_ANY_ORDER | DP_READER_WHOLE_BATCHES | DP_READER_NO_URING));
}

/* How large a slot's memory is: the samples, then the table that says where each one begins. */
static int lay_out(struct batches *batches)
{
	uint64_t all;

	/* At most 2^40 bytes by 2^20 samples. */
	batches->table_offset = round_up(batches->source.largest * batches->samples, sizeof(uint64_t));
	batches->block_size =
		round_up(batches->table_offset + batches->samples * sizeof(struct dp_sample), SOURCE_ALIGNMENT);
	if (!__builtin_mul_overflow(batches->block_size, batches->slot_count, &all) && all <= SIZE_MAX / 2)
		return 0;
	errno = ENOMEM;
	return -1;
}

int batches_open(struct batches *batches, const char *path, const struct dp_reader_options *options)
{
	uint64_t ours;
	int error;

	*batches = (struct batches){
		.samples = options->batch,
		.next = options->skip,
		.slot_count = options->prefetch ? options->prefetch : USUAL_SLOTS,
	};
	if (!are_sound(options)) {
		errno = EINVAL;
		return -1;
	}
	if (source_open(&batches->source, path, options) < 0)
		return -1;
	order_make(&batches->order, batches->source.records, options->rank, options->world ? options->world : 1,
		   options->seed, options->epoch);
	ours = batches->order.ours;
	batches->count = ours / options->batch;
	if (!(options->flags & DP_READER_WHOLE_BATCHES) && ours % options->batch)
		batches->count++;
	batches->slots = calloc(batches->slot_count, sizeof(*batches->slots));
	if (batches->slots && lay_out(batches) == 0)
		return 0;
	error = errno;
	free(batches->slots);
	source_close(&batches->source);
	errno = error;
	return -1;
}

int batches_start(struct batches *batches, const struct reads_setup *setup)
{
	return reads_open(&batches->reads, &batches->source, setup, &batches->stat);
}

void batches_close(struct batches *batches)
{
	if (batches->reads.source)
		reads_close(&batches->reads);
	free(batches->slots);
	source_close(&batches->source);
}

void batches_begin(struct batches *batches, struct slot *slot, void *memory)
{
	struct dp_sample *table = (struct dp_sample *)(void *)((unsigned char *)memory + batches->table_offset);
	uint64_t first = batches->next * batches->samples, left = batches->order.ours - first, size = 0;

	slot->error = 0;
	slot->batch = (struct dp_batch){
		.number = batches->next++,
		.data = memory,
		.samples = table,
		.count = left < batches->samples ? left : batches->samples,
	};
	for (uint64_t i = 0; i < slot->batch.count; i++) {
		table[i].number = order_at(&batches->order, first + i);
		table[i].offset = size;
		table[i].size = source_record(&batches->source, table[i].number).size;
		size += table[i].size;
	}
	slot->batch.size = size;
	batches->current = slot;
	batches->sample = 0;
	batches->span = (struct dp_record){0};
	batches->to = memory;
}

/* Samples that lie one after the other in the file are one span, and read together. */
static void gather(struct batches *batches)
{
	const struct dp_batch *batch = &batches->current->batch;

	while (batches->sample < batch->count) {
		struct dp_record next = source_record(&batches->source, batch->samples[batches->sample].number);

		if (batches->span.size == 0)
			batches->span.offset = next.offset;
		else if (next.size > 0 && batches->span.offset + batches->span.size != next.offset)
			return;
		batches->span.size += next.size;
		batches->sample++;
	}
}

/* Begin one part of the current slot's batch. Returns whether there was one; if not, there is no current slot any more. */
static bool begin_part(struct batches *batches)
{
	struct part part = {.to = batches->to, .slot = (unsigned int)(batches->current - batches->slots)};

	if (batches->span.size == 0)
		gather(batches);
	if (batches->span.size == 0) {
		batches->current = NULL;
		return false;
	}
	/* The next part begins on a page of the file, so that no page is read twice. */
	part.offset = batches->span.offset;
	part.size = READS_PART - part.offset % SOURCE_ALIGNMENT;
	if (part.size > batches->span.size)
		part.size = batches->span.size;
	batches->span.offset += part.size;
	batches->span.size -= part.size;
	batches->to += part.size;
	batches->current->parts++;
	reads_begin(&batches->reads, &part);
	return true;
}

/* The kernel takes no more reads: what is under way will never be complete. */
static void give_up(struct batches *batches, int error)
{
	for (unsigned int i = 0; i < batches->slot_count; i++) {
		struct slot *slot = &batches->slots[i];

		if (slot->parts == 0 && slot != batches->current)
			continue;
		slot->error = error;
		slot->parts = 0;
	}
	batches->current = NULL;
	batches->next = batches->count;
}

void batches_advance(struct batches *batches, bool wait)
{
	unsigned int number;
	int result;

	while (batches->current && reads_have_room(&batches->reads) && begin_part(batches))
		;
	while ((result = reads_finish(&batches->reads, wait, &number)) != 0) {
		if (result < 0 && number == READS_NO_SLOT) {
			give_up(batches, errno);
			return;
		}
		if (result < 0 && batches->slots[number].error == 0)
			batches->slots[number].error = errno;
		batches->slots[number].parts--;
		wait = false;
	}
}
