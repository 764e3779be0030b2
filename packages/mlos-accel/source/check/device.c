/* SPDX-License-Identifier: Apache-2.0 */
#include "check/device.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "check/expect.h"

#define FAULTS "/sys/kernel/debug/accel/accel_sim.0"
#define DRIVER "/sys/bus/platform/drivers/accel_sim"

struct mlaccel_device *opened(void)
{
	struct mlaccel_device *device = mlaccel_open_best(NEEDED);

	if (!device) {
		printf("Bail out! %s\n", mlaccel_why());
		exit(1);
	}
	return device;
}

struct area area_of(struct mlaccel_device *device, uint64_t size)
{
	struct area area = {.buffer = mlaccel_buffer_create(device, size)};

	if (area.buffer)
		area.memory = mlaccel_buffer_map(area.buffer);
	if (!area.memory) {
		printf("Bail out! %s\n", mlaccel_why());
		exit(1);
	}
	return area;
}

void area_close(struct area *area)
{
	EXPECT(mlaccel_buffer_unmap(area->buffer, area->memory) == 0);
	mlaccel_buffer_close(area->buffer);
}

struct mlaccel_part part_of(const struct area *area)
{
	return part_at(area, 0);
}

struct mlaccel_part part_at(const struct area *area, uint64_t offset)
{
	return (struct mlaccel_part){.buffer = area->buffer, .offset = offset};
}

uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

uint64_t soon(void)
{
	return now() + 60 * SECOND;
}

int run(struct mlaccel_device *device, const struct mlaccel_job *job)
{
	struct mlaccel_context *context = mlaccel_context_create(device, 0);
	int64_t number = context ? mlaccel_submit(context, job, NULL) : -1;
	int result = number < 0 ? -1 : mlaccel_wait(context, (uint64_t)number, soon(), NULL);

	mlaccel_context_close(context);
	return result;
}

int64_t submit_nop(struct mlaccel_context *context)
{
	struct mlaccel_job *job = mlaccel_job_create();
	int64_t number;

	EXPECT(mlaccel_nop(job) == 0);
	number = mlaccel_submit(context, job, NULL);
	mlaccel_job_close(job);
	return number;
}

static bool tell(const char *folder, const char *name, const char *text)
{
	char path[128];
	bool told;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	told = write(fd, text, strlen(text)) > 0;
	close(fd);
	return told;
}

bool fault(const char *name, unsigned int value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	return tell(FAULTS, name, text);
}

void no_faults(void)
{
	fault("hang", 0);
	fault("fail", 0);
	fault("delay_us", 0);
}

struct mlaccel_context *gate_close(struct mlaccel_device *device, int *fence)
{
	enum { JOBS = 25 }; /* the driver lets each hang for 2 s */
	struct mlaccel_context *gate;
	struct mlaccel_job *job;
	struct mlaccel_how how = {.done = fence};

	if (!fault("hang", JOBS))
		return NULL;
	gate = mlaccel_context_create(device, 99);
	job = mlaccel_job_create();
	EXPECT(mlaccel_nop(job) == 0);
	for (int64_t i = 1; i < JOBS; i++)
		EXPECT(mlaccel_submit(gate, job, NULL) == i);
	EXPECT(mlaccel_submit(gate, job, &how) == JOBS && *fence >= 0);
	mlaccel_job_close(job);
	return gate;
}

void gate_open(struct mlaccel_context *gate, int fence)
{
	no_faults();
	close(fence);
	mlaccel_context_close(gate);
}

bool unbind(void)
{
	return tell(DRIVER, "unbind", "accel_sim.0");
}

bool bind_again(void)
{
	return tell(DRIVER, "bind", "accel_sim.0");
}
