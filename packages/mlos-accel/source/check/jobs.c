/* SPDX-License-Identifier: Apache-2.0 */
/* Devices, buffers and jobs: what is said of them, and what is refused. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check/device.h"
#include "check/expect.h"

static void says_what_it_is(void)
{
	struct mlaccel_device *device = opened(), *same;
	struct mlaccel_info info = {0}, other = {0};

	EXPECT(mlaccel_version() == MLACCEL_VERSION);
	EXPECT(mlaccel_info(device, &info) == 0);
	EXPECT((info.capabilities & NEEDED) == NEEDED && info.queues > 0 && *info.name && info.node >= -1);
	EXPECT(fcntl(mlaccel_fd(device), F_GETFD) == FD_CLOEXEC);
	same = mlaccel_open(info.number);
	EXPECT(same != NULL);
	if (same)
		EXPECT(mlaccel_info(same, &other) == 0 && other.number == info.number && strcmp(other.name, info.name) == 0);
	mlaccel_close(same);
	mlaccel_close(device);
	mlaccel_close(NULL);
}

static void opens_devices_of_the_hub_only(void)
{
	REFUSED(mlaccel_open(999999), ENODEV);
	REFUSED(mlaccel_open_node("/dev/null"), ENODEV);
	REFUSED(mlaccel_open_node("/"), EISDIR);
	REFUSED(mlaccel_open_node("/dev/no/such/node"), ENOENT);
	EXPECT(strstr(mlaccel_why(), "/dev/no/such/node"));
	REFUSED(mlaccel_open_best(UINT64_C(1) << 63), ENODEV);
}

static void buffers_are_zeros_and_have_an_end(void)
{
	struct mlaccel_device *device = opened();
	struct area area = area_of(device, 10000);
	struct mlaccel_info info = {0};

	EXPECT(mlaccel_buffer_size(area.buffer) >= 10000);
	for (int i = 0; i < 10000; i++)
		EXPECT(((char *)area.memory)[i] == 0);
	EXPECT(mlaccel_info(device, &info) == 0 && info.memory_used >= mlaccel_buffer_size(area.buffer));
	area_close(&area);
	/* Were they kept, the device would soon be full. */
	for (int i = 0; i < 5; i++)
		mlaccel_buffer_close(mlaccel_buffer_create(device, info.memory_total ? info.memory_total / 4 : 4096));
	area = area_of(device, 64);
	area_close(&area);
	REFUSED(mlaccel_buffer_create(device, 0), EINVAL);
	if (info.memory_total)
		REFUSED(mlaccel_buffer_create(device, info.memory_total + 1), ENOSPC);
	mlaccel_buffer_close(NULL);
	mlaccel_close(device);
}

/* Everything keeps what it needs. */
static void closes_in_any_order(void)
{
	struct mlaccel_device *device = opened();
	struct mlaccel_context *context = mlaccel_context_create(device, 3);
	struct area from = area_of(device, 64), to = area_of(device, 64);
	struct mlaccel_job *job = mlaccel_job_create();
	int64_t number;

	strcpy(from.memory, "kept");
	EXPECT(mlaccel_copy(job, part_of(&to), part_of(&from), 64) == 0);
	mlaccel_close(device);
	mlaccel_buffer_close(from.buffer);
	mlaccel_buffer_close(to.buffer);
	number = mlaccel_submit(context, job, NULL);
	EXPECT(number == 1);
	mlaccel_job_close(job);
	EXPECT(mlaccel_wait(context, 1, UINT64_MAX, NULL) == 0);
	mlaccel_context_close(context);
	EXPECT(strcmp(to.memory, "kept") == 0);
	EXPECT(munmap(from.memory, 64) == 0 && munmap(to.memory, 64) == 0);
	mlaccel_job_close(NULL);
	mlaccel_context_close(NULL);
}

static void refuses_what_does_not_fit(void)
{
	const struct mlaccel_convolution large = {1, 2, 2, 1, 1, 3, 1, 1};
	struct mlaccel_device *device = opened();
	struct area area = area_of(device, 4096);
	struct mlaccel_part part = part_of(&area), none = {0};
	struct mlaccel_job *job = mlaccel_job_create();
	uint32_t size = (uint32_t)mlaccel_buffer_size(area.buffer);

	REFUSED(mlaccel_copy(job, part, part, size + 4), ERANGE);
	REFUSED(mlaccel_copy(job, part, part_at(&area, 4), size), ERANGE);
	REFUSED(mlaccel_copy(job, part, part_at(&area, UINT64_MAX - 3), 4), ERANGE);
	REFUSED(mlaccel_copy(job, part_at(&area, 2), part, 4), EINVAL);
	REFUSED(mlaccel_copy(job, part, none, 4), EINVAL);
	REFUSED(mlaccel_copy(job, none, part, 4), EINVAL);
	REFUSED(mlaccel_copy(job, part, part, 0), EINVAL);
	REFUSED(mlaccel_matmul(job, MLACCEL_INT8, part, part, part, UINT32_MAX, UINT32_MAX, UINT32_MAX), ERANGE);
	REFUSED(mlaccel_matmul(job, MLACCEL_INT8, part, part, part, 4, 4, 0), EINVAL);
	REFUSED(mlaccel_matmul(job, 2, part, part, part, 4, 4, 4), EINVAL);
	REFUSED(mlaccel_matmul(job, MLACCEL_FP32, part, part, part, 1, 1, size), ERANGE);
	EXPECT(strstr(mlaccel_why(), "matmul: the first operand takes"));
	REFUSED(mlaccel_convolve(job, MLACCEL_INT8, part, part, part, &large), EINVAL);
	REFUSED(mlaccel_relu(job, MLACCEL_FP32, part, part, size), ERANGE);
	/* Nothing of all that is in the job. */
	{
		struct mlaccel_context *context = mlaccel_context_create(device, 0);

		REFUSED(mlaccel_submit(context, job, NULL), EINVAL);
		EXPECT(mlaccel_copy(job, part, part_at(&area, 8), 8) == 0);
		EXPECT(mlaccel_submit(context, job, NULL) == 1);
		mlaccel_context_close(context);
	}
	mlaccel_job_close(job);
	area_close(&area);
	mlaccel_close(device);
}

static void holds_so_many_operations_and_parts(void)
{
	struct mlaccel_device *device = opened();
	struct area area = area_of(device, 4096);
	struct mlaccel_job *operations = mlaccel_job_create(), *parts = mlaccel_job_create();

	for (int i = 0; i < 64; i++)
		EXPECT(mlaccel_copy(operations, part_of(&area), part_at(&area, 4), 4) == 0);
	REFUSED(mlaccel_nop(operations), ENOSPC);
	EXPECT(run(device, operations) == 0);
	for (unsigned int i = 0; i < 16; i += 2)
		EXPECT(mlaccel_copy(parts, part_at(&area, i * 4), part_at(&area, i * 4 + 4), 4) == 0);
	REFUSED(mlaccel_copy(parts, part_at(&area, 0), part_at(&area, 400), 4), ENOSPC);
	EXPECT(mlaccel_copy(parts, part_at(&area, 0), part_at(&area, 60), 4) == 0); /* both are there already */
	EXPECT(run(device, parts) == 0);
	mlaccel_job_close(operations);
	mlaccel_job_close(parts);
	area_close(&area);
	mlaccel_close(device);
}

static void refuses_buffers_of_another_device(void)
{
	struct mlaccel_device *device = opened(), *other = opened();
	struct mlaccel_context *context = mlaccel_context_create(other, 0);
	struct area here = area_of(device, 64), there = area_of(other, 64);
	struct mlaccel_job *job = mlaccel_job_create();

	REFUSED(mlaccel_copy(job, part_of(&here), part_of(&there), 4), EINVAL);
	EXPECT(mlaccel_copy(job, part_of(&here), part_at(&here, 8), 4) == 0);
	REFUSED(mlaccel_relu(job, MLACCEL_INT8, part_of(&there), part_of(&there), 4), EINVAL);
	REFUSED(mlaccel_submit(context, job, NULL), EINVAL);
	mlaccel_job_close(job);
	area_close(&here);
	area_close(&there);
	mlaccel_context_close(context);
	mlaccel_close(device);
	mlaccel_close(other);
}

static void numbers_jobs_and_keeps_their_ends(void)
{
	struct mlaccel_device *device = opened();
	struct mlaccel_context *context = mlaccel_context_create(device, 0);
	struct mlaccel_times times = {0};

	REFUSED(mlaccel_wait(context, 1, 0, NULL), ENOENT);
	REFUSED(mlaccel_cancel(context, 1), ENOENT);
	for (int64_t i = 1; i <= 3; i++)
		EXPECT(submit_nop(context) == i);
	EXPECT(mlaccel_wait(context, 3, soon(), &times) == 0);
	EXPECT(mlaccel_wait(context, 1, 0, NULL) == 0);
	EXPECT(mlaccel_wait(context, 2, 0, NULL) == 0);
	REFUSED(mlaccel_cancel(context, 3), EBUSY);
	mlaccel_context_close(context);
	mlaccel_close(device);
}

static int descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void leaves_no_descriptor(void)
{
	int before = descriptors(), fd;

	for (int i = 0; i < 10; i++) {
		struct mlaccel_device *device = opened();
		struct area area = area_of(device, 64);

		fd = mlaccel_buffer_export(area.buffer);
		EXPECT(fcntl(fd, F_GETFD) == FD_CLOEXEC);
		close(fd);
		area_close(&area);
		mlaccel_close(device);
		EXPECT(!mlaccel_open_node("/dev/null"));
	}
	EXPECT(descriptors() == before);
}

const struct a_case job_cases[] = {
	CASE(says_what_it_is),
	CASE(opens_devices_of_the_hub_only),
	CASE(buffers_are_zeros_and_have_an_end),
	CASE(closes_in_any_order),
	CASE(refuses_what_does_not_fit),
	CASE(holds_so_many_operations_and_parts),
	CASE(refuses_buffers_of_another_device),
	CASE(numbers_jobs_and_keeps_their_ends),
	CASE(leaves_no_descriptor),
	{0},
};
