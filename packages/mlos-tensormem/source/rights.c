/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "rights.h"

#include <string.h>
#include <unistd.h>

void give_descriptor(struct msghdr *header, union control *control, int fd)
{
	struct cmsghdr *rights = &control->aligned;

	header->msg_control = control;
	header->msg_controllen = CMSG_SPACE(sizeof(fd));
	rights->cmsg_level = SOL_SOCKET;
	rights->cmsg_type = SCM_RIGHTS;
	rights->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(rights), &fd, sizeof(fd));
}

int take_descriptor(struct msghdr *header, int *fd)
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
	if (count > 1) {
		close(found);
		found = -1;
	}
	*fd = found;
	return count;
}
