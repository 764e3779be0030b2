/* SPDX-License-Identifier: Apache-2.0 */
/* The header of a file of the format safetensors: JSON that says what lies where in the data behind it. */
#ifndef TENSORMEM_HEADER_H
#define TENSORMEM_HEADER_H

#include "mlos/tensormem.h"

#define LENGTH_BYTES 8 /* a file begins with the length of its header, in little endian */
#define LONGEST_HEADER UINT64_C(100000000) /* bytes; the limit of the format's own implementation */

struct header {
	struct tensormem_part *parts; /* in the order of their bytes; offsets are from the start of the data */
	size_t count;
	const struct tensormem_part **by_name;
	const char **metadata; /* keys and values in turn */
	size_t pairs;
	uint64_t *numbers; /* of all shapes */
};

/*
 * Read the header of `data` bytes of data. `text` is decoded in its place and must live as long as what is found in it. -1
 * with EBADMSG, and why, if it does not describe each of them once; ENOMEM.
 */
int header_read(char *text, size_t length, uint64_t data, struct header *header, char *why);
void header_free(struct header *header);

/* Is a header of this length one that a file of `size` bytes can have? */
int check_header_length(uint64_t length, uint64_t size, char *why);

/* -1 with EBADMSG; the text goes to `why`, which may be NULL. */
int complain(char *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
