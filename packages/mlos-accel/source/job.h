/* SPDX-License-Identifier: Apache-2.0 */
/* Adding an operation to a job. */
#ifndef MLACCEL_JOB_H
#define MLACCEL_JOB_H

#include "device.h"

/* What an operation does, and with how much of which parts: its result first. */
struct addition {
	const char *name;
	uint64_t needs; /* MLACCEL_CAN_* */
	struct accel_hub_operation operation;
	unsigned int count;
	struct mlaccel_part parts[3];
	uint64_t sizes[3]; /* bytes; UINT64_MAX if there is no such number */
};

/* The whole of it or nothing. */
int job_add(struct mlaccel_job *job, const struct addition *addition);

#endif
