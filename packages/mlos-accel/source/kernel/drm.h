/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every DRM device answers, as far as this library asks: numbers and layouts of the kernel's include/uapi/drm/drm.h,
 * which the headers of a C library do not have. accel_hub.h finds it here as it finds the kernel's in its tree.
 */
#ifndef MLACCEL_KERNEL_DRM_H
#define MLACCEL_KERNEL_DRM_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define DRM_IOCTL_BASE 'd'
#define DRM_COMMAND_BASE 0x40 /* the first number that belongs to a driver */
#define DRM_IOR(number, type) _IOR(DRM_IOCTL_BASE, number, type)
#define DRM_IOW(number, type) _IOW(DRM_IOCTL_BASE, number, type)
#define DRM_IOWR(number, type) _IOWR(DRM_IOCTL_BASE, number, type)

struct drm_gem_close {
	__u32 handle;
	__u32 pad;
};

/* Flags are those of open(2). */
struct drm_prime_handle {
	__u32 handle;
	__u32 flags;
	__s32 fd;
};

struct drm_syncobj_create {
	__u32 handle;
	__u32 flags;
};

struct drm_syncobj_destroy {
	__u32 handle;
	__u32 pad;
};

#define DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE (1 << 0)
#define DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE (1 << 0)

struct drm_syncobj_handle {
	__u32 handle;
	__u32 flags;
	__s32 fd;
	__u32 pad;
};

#define DRM_IOCTL_GEM_CLOSE DRM_IOW(0x09, struct drm_gem_close)
#define DRM_IOCTL_PRIME_HANDLE_TO_FD DRM_IOWR(0x2d, struct drm_prime_handle)
#define DRM_IOCTL_PRIME_FD_TO_HANDLE DRM_IOWR(0x2e, struct drm_prime_handle)
#define DRM_IOCTL_SYNCOBJ_CREATE DRM_IOWR(0xbf, struct drm_syncobj_create)
#define DRM_IOCTL_SYNCOBJ_DESTROY DRM_IOWR(0xc0, struct drm_syncobj_destroy)
#define DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD DRM_IOWR(0xc1, struct drm_syncobj_handle)
#define DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE DRM_IOWR(0xc2, struct drm_syncobj_handle)

#endif
