/* SPDX-License-Identifier: Apache-2.0 */
/* Memfds for devices, by the kernel's udmabuf: a driver of its own that takes pages of a memfd into a dma-buf. */
#include <errno.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "backend.h"

int udmabuf_export(const struct tensormem *tensor)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct udmabuf_create create = {
		.memfd = (uint32_t)tensor->fd,
		.flags = UDMABUF_FLAGS_CLOEXEC,
		.offset = tensor->offset,
		.size = (tensor->size + page - 1) / page * page,
	};
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	int made, error;

	if (device < 0)
		return refuse(ENOTSUP);
	made = ioctl(device, UDMABUF_CREATE, &create);
	error = errno == EINVAL ? ENOTSUP : errno; /* larger than its parameter size_limit_mb */
	close(device);
	return made < 0 ? refuse(error) : made;
}
