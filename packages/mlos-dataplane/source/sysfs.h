/* SPDX-License-Identifier: Apache-2.0 */
/* What /sys says of processors, nodes and devices. The files' formats: Documentation/ABI/stable/sysfs-devices-node. */
#ifndef SYSFS_H
#define SYSFS_H

#include <stdbool.h>
#include <stddef.h>

#ifndef SYSFS
#define SYSFS "/sys"
#endif

/* The number that follows `prefix` in the name of the first entry of a folder that has one; -1 with errno. */
int sysfs_numbered_entry(const char *folder, const char *prefix);

/* The content of a small file, with a zero behind it. False with errno if it cannot be read or is longer. */
bool sysfs_read(const char *path, char *text, size_t room);

/* The place of a number in a list such as `0-1,4`, counted from 0; -1 if it is not there. */
int sysfs_place_in_list(const char *list, unsigned int number);

#endif
