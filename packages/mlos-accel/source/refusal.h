/* SPDX-License-Identifier: Apache-2.0 */
/* How calls fail: by errno, and by words of the thread. */
#ifndef MLACCEL_REFUSAL_H
#define MLACCEL_REFUSAL_H

/* -1 with errno and these words, for a return statement. */
int refuse(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same for what the kernel refused with the present errno: `what` it was asked for. */
int refuse_as_kernel(const char *what);

#endif
