/* SPDX-License-Identifier: Apache-2.0 */
/* File descriptors beside the bytes of a message through a Unix socket. */
#ifndef TENSORMEM_RIGHTS_H
#define TENSORMEM_RIGHTS_H

#include <sys/socket.h>

#define MOST_DESCRIPTORS 16 /* room for what must not come, so that it can be closed */

union control {
	char space[CMSG_SPACE(MOST_DESCRIPTORS * sizeof(int))];
	struct cmsghdr aligned;
};

/* Let a message to be sent carry `fd`, which stays the caller's. */
void give_descriptor(struct msghdr *header, union control *control, int fd);

/* How many descriptors came with a message. `*fd` is the only one; where there are more, all are closed, and it is -1. */
int take_descriptor(struct msghdr *header, int *fd);

#endif
