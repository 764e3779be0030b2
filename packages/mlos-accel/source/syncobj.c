/* SPDX-License-Identifier: Apache-2.0 */
/* Syncobjs: how the kernel takes and gives the fences that programs have as sync_files. */
#include <errno.h>

#include "device.h"
#include "refusal.h"

uint32_t syncobj_create(struct mlaccel_device *device)
{
	struct drm_syncobj_create create = {0};

	if (call(device, DRM_IOCTL_SYNCOBJ_CREATE, &create) < 0) {
		refuse_as_kernel("no syncobj could be made");
		return 0;
	}
	return create.handle;
}

uint32_t syncobj_of(struct mlaccel_device *device, int sync_file)
{
	struct drm_syncobj_handle handle = {
		.handle = syncobj_create(device),
		.flags = DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE,
		.fd = sync_file,
	};

	if (!handle.handle)
		return 0;
	if (call(device, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &handle) < 0) {
		refuse_as_kernel("a job cannot wait for the descriptor: it is no sync_file");
		syncobj_destroy(device, handle.handle);
		return 0;
	}
	return handle.handle;
}

int syncobj_export(struct mlaccel_device *device, uint32_t syncobj)
{
	struct drm_syncobj_handle handle = {
		.handle = syncobj,
		.flags = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE,
		.fd = -1,
	};

	return call(device, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &handle) < 0 ? -1 : handle.fd;
}

void syncobj_destroy(struct mlaccel_device *device, uint32_t syncobj)
{
	struct drm_syncobj_destroy destroy = {.handle = syncobj};
	int error = errno;

	if (syncobj)
		call(device, DRM_IOCTL_SYNCOBJ_DESTROY, &destroy);
	errno = error;
}
