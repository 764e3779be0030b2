/* SPDX-License-Identifier: Apache-2.0 */
/* The command tensormem. */
#ifndef TENSORMEM_COMMAND_H
#define TENSORMEM_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "json.h"
#include "mlos/tensormem.h"

/* sysexits.h has the last three. */
enum { EXIT_REFUSED = 1, EXIT_USAGE = 64, EXIT_DATA = 65, EXIT_NO_BROKER = 69 };

/* What was asked for. */
struct wish {
	const char *command;
	const char *argument; /* name or file, or NULL */
	const char *name;
	const char *group;
	bool json;
	bool replace;
	bool hold;
	bool huge;
	uint64_t size; /* bytes */
};

/* What is asked of the broker; the exit status. */
int with_broker(const struct wish *wish);

/* How fast tensors are on this machine; the exit status. */
int bench(const struct wish *wish);

/* Say what is wrong, and what may help, by the number; the exit status. */
int complain_of(const char *about, int number, const char *said, int status);

/* As people write it: `1.5 MiB`. */
#define SIZE_LENGTH 32
const char *size_text(uint64_t size, char *text);

/* A document of JSON on the standard output: writes what `fill` says, whatever its length. The exit status. */
int print_json(void (*fill)(struct json_writer *writer, const void *context), const void *context);

#endif
