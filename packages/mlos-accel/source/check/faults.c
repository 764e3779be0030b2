/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of jobs that wait, are taken back, hang or fail, and of a device that goes. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "check/device.h"
#include "check/expect.h"

#define NO_FAULTS "no software accelerator that fails on demand"

/* Give a context this many jobs without effect, the first of which is after a fence. */
static void submit_after(struct mlaccel_context *context, int fence, int64_t count)
{
	const struct mlaccel_how how = {.after = &fence, .after_count = 1};
	struct mlaccel_job *job = mlaccel_job_create();

	EXPECT(mlaccel_nop(job) == 0);
	for (int64_t i = 1; i <= count; i++)
		EXPECT(mlaccel_submit(context, job, i == 1 ? &how : NULL) == i);
	mlaccel_job_close(job);
}

static void waits_until_a_deadline_and_says_how_long(void)
{
	struct mlaccel_device *device = opened();
	struct mlaccel_context *context = mlaccel_context_create(device, 0), *gate;
	struct mlaccel_times times = {0};
	int fence;

	gate = gate_close(device, &fence);
	if (!gate) {
		skipped = NO_FAULTS;
	} else {
		submit_after(context, fence, 1);
		REFUSED(mlaccel_wait(context, 1, 0, NULL), ETIME);
		REFUSED(mlaccel_wait(context, 1, now() + SECOND / 100, &times), ETIME);
		EXPECT(times.queued_ns == 0);
		gate_open(gate, fence);
		EXPECT(mlaccel_wait(context, 1, UINT64_MAX, &times) == 0);
		EXPECT(times.queued_ns > 0 && times.run_ns > 0);
	}
	mlaccel_context_close(context);
	mlaccel_close(device);
}

static void takes_back_what_has_not_begun(void)
{
	struct mlaccel_device *device = opened();
	struct mlaccel_context *context = mlaccel_context_create(device, 0), *gate;
	int fence;

	gate = gate_close(device, &fence);
	if (!gate) {
		skipped = NO_FAULTS;
	} else {
		submit_after(context, fence, 3);
		EXPECT(mlaccel_cancel(context, 2) == 0);
		REFUSED(mlaccel_cancel(context, 2), EBUSY);
		REFUSED(mlaccel_wait(context, 2, soon(), NULL), ECANCELED);
		gate_open(gate, fence);
		EXPECT(mlaccel_wait(context, 3, soon(), NULL) == 0);
		EXPECT(mlaccel_wait(context, 1, soon(), NULL) == 0);
	}
	mlaccel_context_close(context);
	mlaccel_close(device);
}

static void tells_how_jobs_failed(void)
{
	struct mlaccel_device *device = opened();
	struct mlaccel_context *context = mlaccel_context_create(device, 0);
	struct mlaccel_how how = {.timeout_ms = 100};
	struct mlaccel_job *job = mlaccel_job_create();

	EXPECT(mlaccel_nop(job) == 0);
	if (!fault("hang", 1)) {
		skipped = NO_FAULTS;
	} else {
		EXPECT(mlaccel_submit(context, job, &how) == 1);
		REFUSED(mlaccel_wait(context, 1, soon(), NULL), ETIMEDOUT);
		fault("fail", 1);
		EXPECT(mlaccel_submit(context, job, NULL) == 2);
		REFUSED(mlaccel_wait(context, 2, soon(), NULL), EIO);
		EXPECT(mlaccel_submit(context, job, NULL) == 3);
		EXPECT(mlaccel_wait(context, 3, soon(), NULL) == 0);
	}
	mlaccel_job_close(job);
	mlaccel_context_close(context);
	mlaccel_close(device);
}

static void takes_so_many_jobs(void)
{
	struct mlaccel_device *device = opened();
	struct mlaccel_context *context = mlaccel_context_create(device, 0), *gate;
	int fence;

	gate = gate_close(device, &fence);
	if (!gate) {
		skipped = NO_FAULTS;
	} else {
		submit_after(context, fence, 1024);
		REFUSED(submit_nop(context), EAGAIN);
		gate_open(gate, fence);
		EXPECT(mlaccel_wait(context, 1024, soon(), NULL) == 0);
		EXPECT(submit_nop(context) == 1025);
	}
	mlaccel_context_close(context);
	mlaccel_close(device);
}

/* One of those who use the device when it goes. */
struct user {
	struct mlaccel_device *device;
	atomic_int *busy;
	int error; /* with which its last call failed */
};

static void *uses(void *of)
{
	struct user *user = of;
	struct mlaccel_context *context = mlaccel_context_create(user->device, 0);
	struct area from = area_of(user->device, 4096), to = area_of(user->device, 4096);
	struct mlaccel_job *job = mlaccel_job_create();
	int64_t number;

	strcpy(from.memory, "still here");
	EXPECT(mlaccel_copy(job, part_of(&to), part_of(&from), 4096) == 0);
	do {
		number = mlaccel_submit(context, job, NULL);
		atomic_fetch_add(user->busy, 1);
	} while (number > 0 && mlaccel_wait(context, (uint64_t)number, soon(), NULL) == 0);
	user->error = errno;
	EXPECT(*mlaccel_why());
	EXPECT(strcmp(from.memory, "still here") == 0);
	strcpy(to.memory, from.memory);
	REFUSED(mlaccel_buffer_create(user->device, 4096), ENODEV);
	REFUSED(mlaccel_context_create(user->device, 0), ENODEV);
	REFUSED(mlaccel_submit(context, job, NULL), ENODEV);
	mlaccel_job_close(job);
	area_close(&from);
	area_close(&to);
	mlaccel_context_close(context);
	return NULL;
}

static void a_device_goes_while_jobs_run(void)
{
	struct mlaccel_device *device = opened();
	atomic_int busy = 0;
	struct user users[4];
	pthread_t threads[4];
	struct mlaccel_info info;

	if (!fault("delay_us", 1000)) {
		mlaccel_close(device);
		SKIP(NO_FAULTS);
	}
	for (int i = 0; i < 4; i++) {
		users[i] = (struct user){.device = device, .busy = &busy};
		pthread_create(&threads[i], NULL, uses, &users[i]);
	}
	while (atomic_load(&busy) < 20)
		usleep(1000);
	EXPECT(unbind());
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		EXPECT(users[i].error == ENODEV);
	}
	REFUSED(mlaccel_info(device, &info), ENODEV);
	EXPECT(strstr(mlaccel_why(), "the device has gone"));
	mlaccel_close(device);
	EXPECT(bind_again());
	device = opened();
	EXPECT(mlaccel_info(device, &info) == 0);
	mlaccel_close(device);
}

const struct a_case fault_cases[] = {
	CASE(waits_until_a_deadline_and_says_how_long),
	CASE(takes_back_what_has_not_begun),
	CASE(tells_how_jobs_failed),
	CASE(takes_so_many_jobs),
	CASE(a_device_goes_while_jobs_run),
	{0},
};
