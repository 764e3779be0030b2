/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libmlos-training: a training loop tells what it is about to do, and the scheduler and whoever looks act on it.
 *
 * Each call is about the thread that makes it and costs a system call or two, so it belongs around a step's phases and
 * not around single operations. On a kernel without SCHED_ML, or without the right to use it, the calls do nothing but
 * measure. Link with -lmlos-training.
 */
#ifndef MLOS_TRAINING_H
#define MLOS_TRAINING_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What a step does. Matrices (forward, backward, optimizer) are dear to interrupt. Other ranks wait for whoever
 * communicates. Input and checkpoints wait for disks, and give way.
 */
enum mlos_training_phase {
	MLOS_TRAINING_IDLE,
	MLOS_TRAINING_INPUT,
	MLOS_TRAINING_FORWARD,
	MLOS_TRAINING_BACKWARD,
	MLOS_TRAINING_OPTIMIZER,
	MLOS_TRAINING_COMMUNICATION,
	MLOS_TRAINING_CHECKPOINT,
	MLOS_TRAINING_PHASES,
};

/* Seconds that the calling thread has spent in each phase since mlos_training_begin(). */
struct mlos_training_times {
	double seconds[MLOS_TRAINING_PHASES];
};

/*
 * The calling thread begins to train `model`, any number but 0 that tells models of one process apart. It keeps the
 * level that it has under SCHED_ML, for example by mlrun(1), and comes under the one for background work if it has none.
 * Returns whether the scheduler takes part; if not, errno says why.
 */
bool mlos_training_begin(uint32_t model);

/* The phase before ends, and this one begins. Returns -1 with errno EINVAL for what is no phase, else 0. */
int mlos_training_phase(enum mlos_training_phase phase);

/* What the calling thread has spent so far, the current phase included. */
void mlos_training_times(struct mlos_training_times *times);

/* Training ends: the calling thread runs under what it had before mlos_training_begin(). */
void mlos_training_end(void);

#ifdef __cplusplus
}
#endif

#endif
