/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs on their way: given to a context, waited for, taken back. */
#include <errno.h>
#include <sys/ioctl.h>

#include "device.h"
#include "refusal.h"
#include "words.h"

static int check(const struct mlaccel_context *context, const struct mlaccel_job *job, const struct mlaccel_how *how)
{
	uint64_t missing = job->needs & ~context->device->capabilities;
	char words[128];

	if (!job->operation_count)
		return refuse(EINVAL, "the job has no operation");
	if (job->device && job->device != context->device)
		return refuse(EINVAL, "the job's buffers are on another device than the context");
	if (missing)
		return refuse(ENOTSUP, "the device cannot: %s", words_of(missing, words, sizeof(words)));
	if (how->after_count > ACCEL_HUB_MAX_SYNCOBJS)
		return refuse(EINVAL, "a job waits for at most %d sync_files", ACCEL_HUB_MAX_SYNCOBJS);
	return 0;
}

static int refuse_submission(void)
{
	switch (errno) {
	case EAGAIN:
		return refuse(EAGAIN, "%d jobs of the context have not ended", ACCEL_HUB_JOBS);
	case EPERM:
		return refuse(EPERM, "the job writes to what is for reading only");
	default:
		return refuse_as_kernel("the job was refused");
	}
}

static void destroy(struct mlaccel_device *device, const struct accel_hub_syncobj *syncobjs, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		syncobj_destroy(device, syncobjs[i].handle);
}

static int64_t submit(struct mlaccel_context *context, const struct mlaccel_job *job, const struct mlaccel_how *how,
		      const struct accel_hub_syncobj *after, const struct accel_hub_syncobj *done)
{
	struct accel_hub_submit submission = {
		.context = context->id,
		.operands = (uintptr_t)job->operands,
		.operations = (uintptr_t)job->operations,
		.wait = (uintptr_t)after,
		.signal = (uintptr_t)done,
		.operand_count = job->operand_count,
		.operation_count = job->operation_count,
		.wait_count = how->after_count,
		.signal_count = done->handle ? 1 : 0,
		.timeout_ms = how->timeout_ms,
	};

	if (call(context->device, DRM_IOCTL_ACCEL_HUB_SUBMIT, &submission) < 0)
		return refuse_submission();
	if (done->handle)
		*how->done = syncobj_export(context->device, done->handle);
	return (int64_t)submission.job;
}

/* With the sync_files as syncobjs, which live as long as the call. */
static int64_t submit_between(struct mlaccel_context *context, const struct mlaccel_job *job, const struct mlaccel_how *how)
{
	struct accel_hub_syncobj after[ACCEL_HUB_MAX_SYNCOBJS] = {0}, done = {0};
	struct mlaccel_device *device = context->device;
	int64_t number = -1;
	uint32_t taken;

	for (taken = 0; taken < how->after_count; taken++) {
		after[taken].handle = syncobj_of(device, how->after[taken]);
		if (!after[taken].handle)
			break;
	}
	if (taken == how->after_count && how->done)
		done.handle = syncobj_create(device);
	if (taken == how->after_count && (done.handle || !how->done))
		number = submit(context, job, how, after, &done);
	destroy(device, after, taken);
	destroy(device, &done, 1);
	return number;
}

int64_t mlaccel_submit(struct mlaccel_context *context, const struct mlaccel_job *job, const struct mlaccel_how *how)
{
	static const struct mlaccel_how nothing_said;

	if (!how)
		how = &nothing_said;
	if (how->done)
		*how->done = -1;
	return check(context, job, how) < 0 ? -1 : submit_between(context, job, how);
}

static int refuse_failed(int error)
{
	switch (error) {
	case ETIMEDOUT:
		return refuse(error, "the job took too long and was stopped");
	case EIO:
		return refuse(error, "the device failed with the job");
	case ECANCELED:
		return refuse(error, "the job was taken back");
	case ENODEV:
		return refuse(error, "the device has gone before the job was done");
	default:
		return refuse(error, "the job failed with error %d", error);
	}
}

int mlaccel_wait(struct mlaccel_context *context, uint64_t job, uint64_t deadline, struct mlaccel_times *times)
{
	struct accel_hub_wait wait = {
		.context = context->id,
		.job = job,
		.deadline_ns = deadline > INT64_MAX ? INT64_MAX : (int64_t)deadline,
	};

	/* A signal ends it: what a program does then may be to wait no longer. */
	if (ioctl(context->device->fd, DRM_IOCTL_ACCEL_HUB_WAIT, &wait) < 0) {
		if (errno == ETIME)
			return refuse(ETIME, "the job has not ended");
		if (errno == ENOENT)
			return refuse(ENOENT, "job %llu is none of the last %d of the context", (unsigned long long)job, ACCEL_HUB_JOBS);
		return refuse_as_kernel("the job could not be waited for");
	}
	if (times)
		*times = (struct mlaccel_times){.queued_ns = wait.queued_ns, .run_ns = wait.run_ns};
	return wait.error ? refuse_failed(-wait.error) : 0;
}

int mlaccel_cancel(struct mlaccel_context *context, uint64_t job)
{
	struct accel_hub_cancel cancel = {.context = context->id, .job = job};

	if (call(context->device, DRM_IOCTL_ACCEL_HUB_CANCEL, &cancel) == 0)
		return 0;
	if (errno == EBUSY)
		return refuse(EBUSY, "the job has begun");
	if (errno == ENOENT)
		return refuse(ENOENT, "job %llu is none of the last %d of the context", (unsigned long long)job, ACCEL_HUB_JOBS);
	return refuse_as_kernel("the job could not be taken back");
}
