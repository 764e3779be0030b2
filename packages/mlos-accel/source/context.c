/* SPDX-License-Identifier: Apache-2.0 */
/* Contexts: rows of jobs. */
#include <errno.h>
#include <stdlib.h>

#include "device.h"
#include "refusal.h"

static void end(struct mlaccel_device *device, uint32_t id)
{
	struct accel_hub_context_end context_end = {.id = id};

	call(device, DRM_IOCTL_ACCEL_HUB_CONTEXT_END, &context_end);
}

struct mlaccel_context *mlaccel_context_create(struct mlaccel_device *device, uint64_t model)
{
	struct accel_hub_context_create create = {.model = model};
	struct mlaccel_context *context;

	if (call(device, DRM_IOCTL_ACCEL_HUB_CONTEXT, &create) < 0) {
		refuse_as_kernel("no context could be made");
		return NULL;
	}
	context = malloc(sizeof(*context));
	if (!context) {
		end(device, create.id);
		refuse(ENOMEM, "there is no memory for a context");
		return NULL;
	}
	*context = (struct mlaccel_context){.device = device_take(device), .id = create.id};
	return context;
}

void mlaccel_context_close(struct mlaccel_context *context)
{
	if (!context)
		return;
	end(context->device, context->id);
	device_put(context->device);
	free(context);
}
