/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "packet.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "rights.h"

const char *broker_address(void)
{
	const char *said = secure_getenv("TENSORMEM_SOCKET");

	return said ? said : TENSORMEM_BROKER;
}

int packet_send(int socket, const struct json_writer *writer, int fd)
{
	struct iovec part = {.iov_base = writer->text, .iov_len = writer->used};
	struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
	union control control = {0};
	ssize_t sent;

	if (writer->full) {
		errno = EMSGSIZE;
		return -1;
	}
	if (fd >= 0)
		give_descriptor(&header, &control, fd);
	do
		sent = sendmsg(socket, &header, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -1 : 0;
}

ssize_t packet_receive(int socket, char *text, int *fd)
{
	struct iovec part = {.iov_base = text, .iov_len = PACKET_SIZE};
	union control control = {0};
	struct msghdr header = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct json json;
	ssize_t got;

	*fd = -1;
	do
		got = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -1;
	json = (struct json){text, text + got};
	if (take_descriptor(&header, fd) <= 1 && !(header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) &&
	    (got == 0 || (json_skip(&json) && json_over(&json))))
		return got;
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = EBADMSG;
	return -1;
}
