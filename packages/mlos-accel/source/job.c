/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs as they are described: parts of buffers, each once, and operations on them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "job.h"
#include "refusal.h"

static const char *const roles[] = {"the result", "the first operand", "the second operand"};

struct mlaccel_job *mlaccel_job_create(void)
{
	struct mlaccel_job *job = calloc(1, sizeof(*job));

	if (!job)
		refuse(ENOMEM, "there is no memory for a job");
	return job;
}

void mlaccel_job_close(struct mlaccel_job *job)
{
	if (!job)
		return;
	for (unsigned int i = 0; i < job->operand_count; i++)
		mlaccel_buffer_close(job->buffers[i]);
	free(job);
}

static int check_part(const struct mlaccel_job *job, const struct addition *addition, unsigned int index)
{
	const struct mlaccel_part *part = &addition->parts[index];
	const struct mlaccel_device *device = job->device;
	uint64_t size = addition->sizes[index];

	if (!part->buffer)
		return refuse(EINVAL, "%s: %s has no buffer", addition->name, roles[index]);
	if (!device)
		device = addition->parts[0].buffer->device;
	if (part->buffer->device != device)
		return refuse(EINVAL, "%s: %s is on another device", addition->name, roles[index]);
	if (part->offset % sizeof(uint32_t))
		return refuse(EINVAL, "%s: %s begins at byte %llu, which is no multiple of 4", addition->name, roles[index],
			      (unsigned long long)part->offset);
	if (part->offset > part->buffer->size || size > part->buffer->size - part->offset)
		return refuse(ERANGE, "%s: %s takes %llu bytes from byte %llu of a buffer of %llu", addition->name, roles[index],
			      (unsigned long long)size, (unsigned long long)part->offset, (unsigned long long)part->buffer->size);
	return 0;
}

static bool is_part(const struct accel_hub_operand *operand, const struct mlaccel_part *part, uint64_t size)
{
	return operand->handle == part->buffer->handle && operand->offset == part->offset && operand->size == size;
}

/* Its index among the job's operands, or among `count` of them with those that are to be added; that of a new one is the last. */
static unsigned int index_of(const struct accel_hub_operand *operands, unsigned int count, const struct mlaccel_part *part,
			     uint64_t size)
{
	unsigned int i = 0;

	while (i < count && !is_part(&operands[i], part, size))
		i++;
	return i;
}

/* The operands with those of the addition, and their indexes in its operation; how many there are then, maybe too many. */
static unsigned int join(const struct mlaccel_job *job, const struct addition *addition, struct accel_hub_operand *operands,
			 struct accel_hub_operation *operation)
{
	unsigned int count = job->operand_count;

	memcpy(operands, job->operands, sizeof(job->operands));
	for (unsigned int i = 0; i < addition->count; i++) {
		const struct mlaccel_part *part = &addition->parts[i];
		unsigned int index = index_of(operands, count, part, addition->sizes[i]);

		if (index == count)
			operands[count++] = (struct accel_hub_operand){
				.handle = part->buffer->handle,
				.offset = part->offset,
				.size = addition->sizes[i],
			};
		operands[index].access |= i ? ACCEL_HUB_READ : ACCEL_HUB_WRITE;
		operation->operands[i] = index;
	}
	return count;
}

int job_add(struct mlaccel_job *job, const struct addition *addition)
{
	struct accel_hub_operand operands[ACCEL_HUB_MAX_OPERANDS + 3];
	struct accel_hub_operation operation = addition->operation;
	unsigned int count;

	for (unsigned int i = 0; i < addition->count; i++)
		if (check_part(job, addition, i) < 0)
			return -1;
	count = join(job, addition, operands, &operation);
	if (count > ACCEL_HUB_MAX_OPERANDS || job->operation_count == ACCEL_HUB_MAX_OPERATIONS)
		return refuse(ENOSPC, "%s: a job has at most %d operations on %d parts of buffers", addition->name,
			      ACCEL_HUB_MAX_OPERATIONS, ACCEL_HUB_MAX_OPERANDS);
	for (unsigned int i = 0; i < addition->count; i++)
		if (operation.operands[i] >= job->operand_count && !job->buffers[operation.operands[i]])
			job->buffers[operation.operands[i]] = buffer_take(addition->parts[i].buffer);
	memcpy(job->operands, operands, sizeof(job->operands));
	job->operand_count = count;
	job->operations[job->operation_count++] = operation;
	job->needs |= addition->needs;
	if (addition->count)
		job->device = addition->parts[0].buffer->device;
	return 0;
}
