/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What programs and tensormemd say to each other: a packet of JSON each way, and a file descriptor beside it. The socket
 * keeps packets apart (SOCK_SEQPACKET), and the kernel tells the broker who speaks. tensormemd(8) has what they say.
 */
#ifndef TENSORMEM_PACKET_H
#define TENSORMEM_PACKET_H

#include <sys/types.h>

#include "json.h"
#include "mlos/tensormem.h"

#define PACKET_SIZE (128 << 10)
#define LONGEST_TEXT 256 /* of what the broker says of a refusal, with the terminating zero */

/* Where the broker listens, unless TENSORMEM_SOCKET says otherwise. */
const char *broker_address(void);

/* `fd` stays the caller's, and is -1 where none is meant. EMSGSIZE if the writer was full. */
int packet_send(int socket, const struct json_writer *writer, int fd);

/*
 * The bytes of a packet, 0 at the end. `*fd`, or -1 where none came, is the caller's. EBADMSG for what is longer than
 * PACKET_SIZE, has more than one file descriptor, or is no JSON.
 */
ssize_t packet_receive(int socket, char *text, int *fd);

/* May something be called so: UTF-8 that can be printed in a line, from 1 to 200 bytes? */
bool valid_name(const char *name);

/* A scope's name, and its number; 0 for a name that is none. */
const char *scope_name(uint32_t kind);
uint32_t scope_kind(const char *name);

/* What is known of a name, as members of an object. */
void named_write(struct json_writer *writer, const struct tensormem_named *named);

/* The value of one of these members. 1: taken; 0: another key; -1: not what is to stand there. */
int named_read(struct json *json, const char *key, struct tensormem_named *named);

/* Likewise of the broker's statistics. */
void statistics_write(struct json_writer *writer, const struct tensormem_statistics *statistics);
int statistics_read(struct json *json, const char *key, struct tensormem_statistics *statistics);

#endif
