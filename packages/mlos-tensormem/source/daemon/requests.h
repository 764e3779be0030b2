/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TENSORMEMD_REQUESTS_H
#define TENSORMEMD_REQUESTS_H

#include "packet.h"
#include "registry.h"

/*
 * Do what a packet, which is JSON, asks for, and write the answer; the text is changed. `fd` came with it, or is -1, and stays
 * the caller's; `*answer_fd`, or -1, goes with the answer and is the caller's then.
 */
void answer_request(struct registry *registry, const struct peer *peer, char *text, size_t length, int fd,
		    struct json_writer *answer, int *answer_fd);

/* An answer that refuses. */
void write_refusal(struct json_writer *answer, const struct refusal *refusal);

#endif
