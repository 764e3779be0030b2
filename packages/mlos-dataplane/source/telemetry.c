/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of events whose writer never waits: what the reader has no room for is counted and dropped. */
#include <errno.h>
#include <stdlib.h>

#include "mlos/dataplane.h"
#include "share.h"
#include "stream.h"

#define READ_AT_ONCE 256

/* The seats of the two sides are their numbers. */
struct dp_telemetry {
	struct stream_side side;
	shared_word *dropped; /* only the writer changes it */
	enum dp_side seat;
	struct share share;
};

struct telemetry_control {
	struct stream stream;
	_Alignas(2 * CACHE_LINE) shared_word dropped;
};

_Static_assert(sizeof(struct telemetry_control) <= SHARE_ITEMS - SHARE_CONTROL, "the algorithm's words have their place");

int dp_telemetry_create(const char *path, size_t capacity)
{
	struct share_shape shape = {.kind = SHARE_TELEMETRY, .item_size = sizeof(struct dp_event), .items = capacity};

	return share_create(path, &shape);
}

static struct dp_telemetry *join(struct dp_telemetry *telemetry, enum dp_side side)
{
	struct telemetry_control *control = share_control(&telemetry->share);
	struct stream *stream = &control->stream;
	int error = EBADMSG;

	telemetry->seat = side;
	telemetry->dropped = &control->dropped;
	telemetry->side = (struct stream_side){
		.stream = stream,
		.slots = share_items(&telemetry->share),
		.capacity = telemetry->share.shape.items,
		.message_size = sizeof(struct dp_event),
	};
	if (telemetry->share.shape.item_size == sizeof(struct dp_event)) {
		if (share_sit(&telemetry->share, side) >= 0) {
			telemetry->side.own = read_acquire(side == DP_PRODUCER ? &stream->tail : &stream->head);
			telemetry->side.other = read_acquire(side == DP_PRODUCER ? &stream->head : &stream->tail);
			return telemetry;
		}
		error = errno;
	}
	share_close(&telemetry->share);
	free(telemetry);
	errno = error;
	return NULL;
}

struct dp_telemetry *dp_telemetry_open(const char *path, enum dp_side side)
{
	struct dp_telemetry *telemetry = malloc(sizeof(*telemetry));

	if (!telemetry)
		return NULL;
	if (share_open(&telemetry->share, path, SHARE_TELEMETRY) == 0)
		return join(telemetry, side);
	free(telemetry);
	return NULL;
}

void dp_telemetry_close(struct dp_telemetry *telemetry)
{
	if (!telemetry)
		return;
	share_leave(&telemetry->share, telemetry->seat);
	share_close(&telemetry->share);
	free(telemetry);
}

void dp_telemetry_record(struct dp_telemetry *telemetry, const struct dp_event *event)
{
	struct stream_side *side = &telemetry->side;
	uint64_t room;

	if (telemetry->seat != DP_PRODUCER || telemetry->share.fd < 0)
		return;
	room = stream_room(side, 1);
	if (room > 0 && room <= side->capacity) {
		*(struct dp_event *)(void *)stream_slot(side) = *event;
		stream_publish(side, 1);
		return;
	}
	write_relaxed(telemetry->dropped, read_relaxed(telemetry->dropped) + 1);
}

static void count(struct dp_totals *totals, const struct dp_event *event)
{
	switch (event->kind) {
	case DP_EVENT_ALLOCATION:
		totals->allocations++;
		return;
	case DP_EVENT_DEALLOCATION:
		totals->deallocations++;
		return;
	default:
		totals->events++;
		totals->bytes += event->bytes;
		totals->latency_sum += event->latency;
		if (event->latency > totals->latency_max)
			totals->latency_max = event->latency;
	}
}

int dp_telemetry_read(struct dp_telemetry *telemetry, struct dp_totals *totals)
{
	struct stream_side *side = &telemetry->side;
	struct dp_event events[READ_AT_ONCE];
	uint64_t available;

	if (telemetry->seat != DP_CONSUMER || telemetry->share.fd < 0) {
		errno = telemetry->share.fd < 0 ? EBADF : EINVAL;
		return -1;
	}
	/* What is there now: a busy writer would never let us end. */
	for (available = stream_available(side, side->capacity); available > 0;) {
		uint64_t now = available < READ_AT_ONCE ? available : READ_AT_ONCE;

		if (available > side->capacity) {
			errno = EBADMSG;
			return -1;
		}
		stream_take(side, events, now);
		for (uint64_t i = 0; i < now; i++)
			count(totals, &events[i]);
		available -= now;
	}
	totals->dropped = read_relaxed(telemetry->dropped);
	return 0;
}
