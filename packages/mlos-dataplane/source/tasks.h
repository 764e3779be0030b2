/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bounded queue of work between the threads of one process; any of them puts in and takes out.
 *
 * Every cell says in one word whose turn it is: in lap L of a queue of N cells, cell I is free while its turn is L * N + I, and full
 * while it is one more. An index is moved first and the cell filled after that, which a death in between would wedge;
 * here all threads die together. (Processes have queue.h.)
 */
#ifndef TASKS_H
#define TASKS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "mlos/workers.h"
#include "shared.h"

struct task {
	void (*work)(void *argument);
	void *argument;
	struct dp_group *group;
};

struct task_cell {
	shared_word turn;
	struct task task;
};

struct tasks {
	struct task_cell *cells;
	uint64_t capacity; /* a power of two */
	_Alignas(2 * CACHE_LINE) shared_word tail;
	_Alignas(2 * CACHE_LINE) shared_word head;
};

/* The cells are the caller's; whoever touches them first has them on its node. */
static inline void tasks_prepare(struct tasks *tasks, struct task_cell *cells, uint64_t capacity)
{
	tasks->cells = cells;
	tasks->capacity = capacity;
	for (uint64_t i = 0; i < capacity; i++)
		write_relaxed(&cells[i].turn, i);
}

/* The cell at an index once its turn is `offset` ahead of that, and the index moved past it. NULL: full, or empty. */
static inline struct task_cell *tasks_claim(struct tasks *tasks, shared_word *index, uint64_t offset, uint64_t *claimed)
{
	uint64_t at = read_relaxed(index);

	for (;;) {
		struct task_cell *cell = &tasks->cells[at & (tasks->capacity - 1)];
		int64_t ahead = (int64_t)(read_acquire(&cell->turn) - (at + offset));

		if (ahead < 0)
			return NULL;
		if (ahead > 0) { /* somebody was faster */
			at = read_relaxed(index);
			continue;
		}
		if (atomic_compare_exchange_weak_explicit(index, &at, at + 1, memory_order_relaxed, memory_order_relaxed)) {
			*claimed = at;
			return cell;
		}
	}
}

static inline bool tasks_put(struct tasks *tasks, const struct task *task)
{
	uint64_t at;
	struct task_cell *cell = tasks_claim(tasks, &tasks->tail, 0, &at);

	if (!cell)
		return false;
	cell->task = *task;
	write_release(&cell->turn, at + 1);
	return true;
}

/*
 * `half` is set where a queue that was full has lost another half of what it holds: often enough to tell those who wait for
 * room, and no wake for each single place that they would fill at once.
 */
static inline bool tasks_take(struct tasks *tasks, struct task *task, bool *half)
{
	uint64_t at;
	struct task_cell *cell = tasks_claim(tasks, &tasks->head, 1, &at);

	if (!cell)
		return false;
	*task = cell->task;
	write_release(&cell->turn, at + tasks->capacity);
	*half = tasks->capacity == 1 || at % (tasks->capacity / 2) == 0;
	return true;
}

#endif
