/* SPDX-License-Identifier: Apache-2.0 */
/* Memory and fences that go to others and come from them, and threads. */
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "check/device.h"
#include "check/expect.h"
#include "check/sealed.h"

static void reads_a_sealed_tensor_and_does_not_write_it(void)
{
	enum { SIZE = 8192 };
	struct mlaccel_device *device = opened();
	struct area area = area_of(device, SIZE);
	char *bytes = malloc(SIZE);
	struct mlaccel_job *read = mlaccel_job_create(), *write = mlaccel_job_create();
	struct mlaccel_part tensor = {0};
	int fd;

	for (int i = 0; i < SIZE; i++)
		bytes[i] = (char)(i * 13 + 5);
	fd = sealed_tensor(bytes, SIZE);
	if (fd < 0)
		skipped = "no /dev/tensor here";
	else
		tensor.buffer = mlaccel_buffer_import(device, fd);
	close(fd);
	if (!skipped) {
		EXPECT(tensor.buffer && mlaccel_buffer_size(tensor.buffer) == SIZE);
		REFUSED(mlaccel_buffer_map(tensor.buffer), ENOTSUP);
		EXPECT(mlaccel_copy(read, part_of(&area), tensor, SIZE) == 0);
		EXPECT(run(device, read) == 0);
		EXPECT(memcmp(area.memory, bytes, SIZE) == 0);
		EXPECT(mlaccel_copy(write, tensor, part_of(&area), SIZE) == 0);
		REFUSED(run(device, write), EPERM);
	}
	mlaccel_buffer_close(tensor.buffer);
	mlaccel_job_close(read);
	mlaccel_job_close(write);
	free(bytes);
	area_close(&area);
	mlaccel_close(device);
}

static void a_buffer_of_one_program_is_that_of_another(void)
{
	struct mlaccel_device *device = opened(), *other = opened();
	struct area here = area_of(device, 4096), from = area_of(other, 4096);
	int fd = mlaccel_buffer_export(here.buffer);
	struct mlaccel_part there = {.buffer = mlaccel_buffer_import(other, fd)};
	struct mlaccel_job *job = mlaccel_job_create();

	close(fd);
	strcpy(from.memory, "from the other one");
	EXPECT(mlaccel_copy(job, there, part_of(&from), 4096) == 0);
	EXPECT(run(other, job) == 0);
	EXPECT(strcmp(here.memory, "from the other one") == 0);
	mlaccel_job_close(job);
	mlaccel_buffer_close(there.buffer);
	area_close(&from);
	area_close(&here);
	mlaccel_close(device);
	mlaccel_close(other);
}

/* The kernel has one handle for all of them, and would take it away at the first end. */
static void what_is_imported_twice_is_closed_twice(void)
{
	struct mlaccel_device *device = opened();
	struct area area = area_of(device, 4096);
	int fd = mlaccel_buffer_export(area.buffer);
	struct mlaccel_buffer *first = mlaccel_buffer_import(device, fd), *second = mlaccel_buffer_import(device, fd);
	struct mlaccel_job *job = mlaccel_job_create();

	EXPECT(first == area.buffer && second == area.buffer);
	mlaccel_buffer_close(first);
	mlaccel_buffer_close(second);
	EXPECT(mlaccel_copy(job, part_of(&area), part_at(&area, 64), 64) == 0);
	EXPECT(run(device, job) == 0);
	REFUSED(mlaccel_buffer_import(device, STDIN_FILENO), EINVAL);
	REFUSED(mlaccel_buffer_import(device, -1), EINVAL);
	close(fd);
	mlaccel_job_close(job);
	area_close(&area);
	mlaccel_close(device);
}

/* A job of one device after that of another, and a program that waits for both by poll(). */
static void fences_order_jobs_and_wake_programs(void)
{
	struct mlaccel_device *device = opened(), *other = opened();
	struct mlaccel_context *first = mlaccel_context_create(device, 1), *second = mlaccel_context_create(other, 2);
	struct mlaccel_job *job = mlaccel_job_create();
	int fence = -1, last = -1;
	struct mlaccel_how before = {.done = &fence}, after = {.after = &fence, .after_count = 1, .done = &last};
	struct mlaccel_how wrong = {.after = &fence, .after_count = 65};

	fault("delay_us", 100000);
	EXPECT(mlaccel_nop(job) == 0);
	EXPECT(mlaccel_submit(first, job, &before) == 1 && fence >= 0);
	EXPECT(mlaccel_submit(second, job, &after) == 1 && last >= 0);
	EXPECT(poll(&(struct pollfd){.fd = last, .events = POLLIN}, 1, 60000) == 1);
	EXPECT(mlaccel_wait(second, 1, soon(), NULL) == 0);
	EXPECT(mlaccel_wait(first, 1, 0, NULL) == 0);
	close(fence);
	close(last);
	REFUSED(mlaccel_submit(second, job, &wrong), EINVAL);
	fence = STDIN_FILENO;
	REFUSED(mlaccel_submit(second, job, &after), EINVAL);
	EXPECT(last == -1);
	mlaccel_job_close(job);
	mlaccel_context_close(first);
	mlaccel_context_close(second);
	mlaccel_close(device);
	mlaccel_close(other);
}

static void *works(void *of)
{
	struct mlaccel_device *device = of;
	struct mlaccel_context *context = mlaccel_context_create(device, 0);

	for (unsigned int i = 0; i < 100; i++) {
		struct area from = area_of(device, 4096), to = area_of(device, 4096);
		int fd = mlaccel_buffer_export(to.buffer);
		struct mlaccel_part again = {.buffer = mlaccel_buffer_import(device, fd)};
		struct mlaccel_job *job = mlaccel_job_create();
		int64_t number;

		memset(from.memory, (int)(i + 1), 4096);
		EXPECT(mlaccel_copy(job, again, part_of(&from), 4096) == 0);
		number = mlaccel_submit(context, job, NULL);
		EXPECT(number == i + 1);
		EXPECT(mlaccel_wait(context, (uint64_t)number, soon(), NULL) == 0);
		EXPECT(memcmp(from.memory, to.memory, 4096) == 0);
		REFUSED(mlaccel_wait(context, 10000 + i, 0, NULL), ENOENT);
		close(fd);
		mlaccel_buffer_close(again.buffer);
		mlaccel_job_close(job);
		area_close(&from);
		area_close(&to);
	}
	mlaccel_context_close(context);
	return NULL;
}

static void threads_use_one_device(void)
{
	struct mlaccel_device *device = opened();
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, works, device);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	mlaccel_close(device);
}

const struct a_case sharing_cases[] = {
	CASE(reads_a_sealed_tensor_and_does_not_write_it),
	CASE(a_buffer_of_one_program_is_that_of_another),
	CASE(what_is_imported_twice_is_closed_twice),
	CASE(fences_order_jobs_and_wake_programs),
	CASE(threads_use_one_device),
	{0},
};
