/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "mlos/accel.h"
#include "refusal.h"

#define LENGTH 256

static _Thread_local char why[LENGTH];

const char *mlaccel_why(void)
{
	return why;
}

int refuse(int error, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	vsnprintf(why, sizeof(why), format, values);
	va_end(values);
	errno = error;
	return -1;
}

int refuse_as_kernel(const char *what)
{
	int error = errno;

	if (error == ENODEV)
		return refuse(error, "%s: the device has gone", what);
	return refuse(error, "%s: %s", what, strerrordesc_np(error));
}
