/* SPDX-License-Identifier: Apache-2.0 */
/* The device that is tried, and short ways to use it. */
#ifndef MLACCEL_CHECK_DEVICE_H
#define MLACCEL_CHECK_DEVICE_H

#include <stdbool.h>

#include "mlos/accel.h"

#define SECOND UINT64_C(1000000000)
#define NEEDED (MLACCEL_CAN_INT8 | MLACCEL_CAN_MATMUL)

/* A buffer with a mapping of it. */
struct area {
	struct mlaccel_buffer *buffer;
	void *memory;
};

/* The device that can do what the cases need; the program ends where there is none. */
struct mlaccel_device *opened(void);
struct area area_of(struct mlaccel_device *device, uint64_t size);
void area_close(struct area *area);
struct mlaccel_part part_of(const struct area *area);
struct mlaccel_part part_at(const struct area *area, uint64_t offset);

/* CLOCK_MONOTONIC, in nanoseconds. */
uint64_t now(void);
/* A moment that no job is to reach. */
uint64_t soon(void);

/* Give a job to a context of its own, and wait for it. 0 or -1 as mlaccel_wait(). */
int run(struct mlaccel_device *device, const struct mlaccel_job *job);
/* Give a job without effect; its number. */
int64_t submit_nop(struct mlaccel_context *context);

/* Ask the software device for faults, by its files in debugfs; false where there are none, or not for this user. */
bool fault(const char *name, unsigned int value);
void no_faults(void);

/*
 * A context whose jobs hang one after the other, and the sync_file of their end: what comes after that is held up until the
 * gate is opened, or for most of a minute, so that no case depends on how fast it is. NULL where there are no faults.
 */
struct mlaccel_context *gate_close(struct mlaccel_device *device, int *fence);
void gate_open(struct mlaccel_context *gate, int fence);

/* Take it away, and bring it back. */
bool unbind(void);
bool bind_again(void);

#endif
