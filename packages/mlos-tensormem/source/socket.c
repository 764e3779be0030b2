/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tensor through a Unix socket: its file descriptor, and beside it which part of that is meant, since a slice of a memfd
 * has none of its own. The other end may be anybody; what it says must fit what it sends.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "backend.h"

#define MESSAGE_MAGIC 0x6d726e74 /* "tnrm" in little endian */
#define MESSAGE_LAYOUT 1
#define MOST_DESCRIPTORS 16 /* room for what must not come, so that it can be closed */

enum { MESSAGE_SLICE = 1, MESSAGE_READ_ONLY = 2 };

struct message {
	uint32_t magic;
	uint32_t layout;
	uint32_t flags;
	uint32_t reserved;
	uint64_t offset;
	uint64_t size;
	struct tensormem_meta meta;
};

union control {
	char space[CMSG_SPACE(MOST_DESCRIPTORS * sizeof(int))];
	struct cmsghdr aligned;
};

int tensormem_send(int socket, struct tensormem *tensor)
{
	struct message message = {.magic = MESSAGE_MAGIC, .layout = MESSAGE_LAYOUT};
	struct iovec part = {.iov_base = &message, .iov_len = sizeof(message)};
	int fd = tensor->read_only ? tensor->read_fd : tensor->fd;
	union control control = {0};
	struct msghdr header = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_SPACE(sizeof(fd)),
	};
	struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
	struct tensormem_info info;
	ssize_t sent;

	if (tensormem_info(tensor, &info) < 0)
		return -1;
	if (info.flags & TENSORMEM_INFO_SLICE && !(info.flags & TENSORMEM_INFO_DEVICE)) {
		message.flags = MESSAGE_SLICE | (tensor->read_only ? MESSAGE_READ_ONLY : 0);
		message.offset = info.offset;
		message.size = info.size;
		message.meta = info.meta;
	}
	rights->cmsg_level = SOL_SOCKET;
	rights->cmsg_type = SCM_RIGHTS;
	rights->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(rights), &fd, sizeof(fd));
	do
		sent = sendmsg(socket, &header, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return -1;
	return sent == (ssize_t)sizeof(message) ? 0 : refuse(EMSGSIZE);
}

/* The one file descriptor that came, or -1 after closing all, if there are more or fewer. */
static int only_descriptor(struct msghdr *header)
{
	int found = -1, count = 0;

	for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part; part = CMSG_NXTHDR(header, part)) {
		if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; at + sizeof(int) <= part->cmsg_len - CMSG_LEN(0); at += sizeof(int)) {
			if (count++)
				close(found);
			memcpy(&found, CMSG_DATA(part) + at, sizeof(found));
		}
	}
	if (count == 1)
		return found;
	if (count)
		close(found);
	return -1;
}

static struct tensormem *part_of(struct tensormem *whole, const struct message *message)
{
	struct tensormem *slice = NULL;
	uint64_t end;

	if (message->offset % (uint64_t)sysconf(_SC_PAGESIZE) || message->size == 0 ||
	    __builtin_add_overflow(message->offset, message->size, &end) || end > whole->size ||
	    !valid_meta(&message->meta, message->size))
		errno = EBADMSG;
	else
		slice = memfd_slice_of(whole, message->offset, message->size,
				       whole->read_only || message->flags & MESSAGE_READ_ONLY, &message->meta);
	tensormem_close(whole);
	return slice;
}

struct tensormem *tensormem_receive(int socket)
{
	struct message message = {0};
	struct iovec part = {.iov_base = &message, .iov_len = sizeof(message)};
	union control control = {0};
	struct msghdr header = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct tensormem *tensor;
	struct tensormem_info info;
	ssize_t got;
	int fd;

	do
		got = recvmsg(socket, &header, MSG_CMSG_CLOEXEC | MSG_WAITALL);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return NULL;
	fd = only_descriptor(&header);
	if (got == 0 && fd < 0)
		return refuse_null(ECONNRESET);
	if (fd < 0)
		return refuse_null(EBADMSG);
	tensor = tensormem_from_fd(fd);
	close(fd);
	if (!tensor && (errno == EINVAL || errno == EBADF))
		errno = EBADMSG;
	if (!tensor)
		return NULL;
	if (got != (ssize_t)sizeof(message) || header.msg_flags & (MSG_CTRUNC | MSG_TRUNC) ||
	    message.magic != MESSAGE_MAGIC || message.layout != MESSAGE_LAYOUT || message.reserved ||
	    message.flags & ~(uint32_t)(MESSAGE_SLICE | MESSAGE_READ_ONLY) || tensormem_info(tensor, &info) < 0 ||
	    (message.flags && info.flags & TENSORMEM_INFO_DEVICE)) {
		tensormem_close(tensor);
		return refuse_null(EBADMSG);
	}
	return message.flags & MESSAGE_SLICE ? part_of(tensor, &message) : tensor;
}
