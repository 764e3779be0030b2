/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tensor through a Unix socket: its file descriptor, and beside it which part of that is meant, since a slice of a memfd
 * has none of its own. The other end may be anybody; what it says must fit what it sends.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "backend.h"
#include "rights.h"

#define MESSAGE_MAGIC 0x6d726e74 /* "tnrm" in little endian */
#define MESSAGE_LAYOUT 1

enum { MESSAGE_SLICE = 1, MESSAGE_READ_ONLY = 2, MESSAGE_FOREIGN = 4, MESSAGE_FLAGS = 7 };

struct message {
	uint32_t magic;
	uint32_t layout;
	uint32_t flags;
	uint32_t reserved;
	uint64_t offset;
	uint64_t size;
	struct tensormem_meta meta;
};

int tensormem_send(int socket, struct tensormem *tensor)
{
	struct message message = {.magic = MESSAGE_MAGIC, .layout = MESSAGE_LAYOUT};
	struct iovec part = {.iov_base = &message, .iov_len = sizeof(message)};
	int fd = tensor->read_only ? tensor->read_fd : tensor->fd;
	struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
	union control control = {0};
	struct tensormem_info info;
	ssize_t sent;

	if (tensormem_info(tensor, &info) < 0)
		return -1;
	if ((tensor->slice || tensor->foreign) && !(info.flags & TENSORMEM_INFO_DEVICE)) {
		message.flags = (tensor->slice ? MESSAGE_SLICE : 0) | (tensor->read_only ? MESSAGE_READ_ONLY : 0) |
				(tensor->foreign ? MESSAGE_FOREIGN : 0);
		message.offset = info.offset;
		message.size = info.size;
		message.meta = info.meta;
	}
	give_descriptor(&header, &control, fd);
	do
		sent = sendmsg(socket, &header, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return -1;
	return sent == (ssize_t)sizeof(message) ? 0 : refuse(EMSGSIZE);
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

/* The whole tensor that came, whose flags of the message have been looked at. */
static struct tensormem *whole_of(int fd, const struct message *message)
{
	static const struct tensormem_meta nothing = {0};
	struct tensormem *tensor;
	struct tensormem_info info;

	if (message->flags & MESSAGE_FOREIGN)
		return memfd_import(fd, message->flags & MESSAGE_SLICE ? &nothing : &message->meta);
	tensor = tensormem_from_fd(fd);
	if (!tensor || (tensormem_info(tensor, &info) == 0 && !(message->flags && info.flags & TENSORMEM_INFO_DEVICE)))
		return tensor;
	tensormem_close(tensor);
	return refuse_null(EBADMSG);
}

static bool well_formed(const struct msghdr *header, ssize_t got, const struct message *message)
{
	return got == (ssize_t)sizeof(*message) && !(header->msg_flags & (MSG_CTRUNC | MSG_TRUNC)) &&
	       message->magic == MESSAGE_MAGIC && message->layout == MESSAGE_LAYOUT && !message->reserved &&
	       !(message->flags & ~(uint32_t)MESSAGE_FLAGS);
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
	ssize_t got;
	int fd;

	do
		got = recvmsg(socket, &header, MSG_CMSG_CLOEXEC | MSG_WAITALL);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return NULL;
	take_descriptor(&header, &fd);
	if (got == 0 && fd < 0)
		return refuse_null(ECONNRESET);
	if (fd < 0)
		return refuse_null(EBADMSG);
	errno = EBADMSG;
	tensor = well_formed(&header, got, &message) ? whole_of(fd, &message) : NULL;
	close(fd);
	if (!tensor)
		return refuse_null(errno == EINVAL || errno == EBADF ? EBADMSG : errno);
	return message.flags & MESSAGE_SLICE ? part_of(tensor, &message) : tensor;
}
