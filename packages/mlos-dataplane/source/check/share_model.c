/* SPDX-License-Identifier: Apache-2.0 */
/* Files and their locks (share.h) as the checker has them: one file in its arena, a lock's holder is a thread. */
#include "check/share_model.h"

#include <errno.h>

#include "check/interleave.h"

static struct share_shape model_shape;
static unsigned int thread_of_next_seat;

/* Whose lock is on a seat: the thread's number + 1, or 0. */
static uint32_t *holder_of(unsigned int seat)
{
	return (uint32_t *)(void *)(interleave_arena + INTERLEAVE_ARENA - SHARE_SEATS * sizeof(uint32_t)) + seat;
}

static bool is_held(unsigned int seat)
{
	uint32_t holder = interleave_peek(holder_of(seat));

	return holder && !interleave_is_dead(holder - 1);
}

void model_begin(enum share_kind kind, uint64_t item_size, uint64_t items)
{
	model_shape = (struct share_shape){.kind = kind, .item_size = item_size, .items = items};
}

void model_sit_for(unsigned int thread)
{
	thread_of_next_seat = thread;
}

int share_create(const char *path, const struct share_shape *shape)
{
	(void)path;
	(void)shape;
	return 0;
}

int share_open(struct share *share, const char *path, enum share_kind kind)
{
	(void)path;
	(void)kind;
	*share = (struct share){.header = (struct share_header *)interleave_arena, .shape = model_shape};
	return 0;
}

int share_open_fd(struct share *share, int fd, enum share_kind kind)
{
	(void)fd;
	return share_open(share, NULL, kind);
}

void share_close(struct share *share)
{
	(void)share;
}

int share_sit(struct share *share, unsigned int seat)
{
	shared_word *state = &share->header->seats[seat];
	bool of_the_dead;

	interleave_system_call();
	if (is_held(seat)) {
		errno = EBUSY;
		return -1;
	}
	of_the_dead = interleave_peek(holder_of(seat)) != 0;
	interleave_poke(holder_of(seat), thread_of_next_seat + 1);
	write_release(state, SEAT_TAKEN);
	return of_the_dead;
}

void share_leave(struct share *share, unsigned int seat)
{
	write_release(&share->header->seats[seat], SEAT_LEFT);
	interleave_system_call();
	interleave_poke(holder_of(seat), 0);
}

enum seat_state share_seat(const struct share *share, unsigned int seat)
{
	uint64_t state = read_acquire(&share->header->seats[seat]);

	if (state != SEAT_TAKEN)
		return state == SEAT_LEFT ? SEAT_LEFT : SEAT_EMPTY;
	interleave_system_call();
	if (is_held(seat))
		return SEAT_TAKEN;
	return read_acquire(&share->header->seats[seat]) == SEAT_TAKEN ? SEAT_DEAD : SEAT_LEFT;
}
