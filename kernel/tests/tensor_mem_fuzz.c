// SPDX-License-Identifier: GPL-2.0
/*
 * A million random calls of /dev/tensor and its buffers: whatever is passed, a call is refused by one of the errors that
 * the documentation names, or does what it says; and what is sealed never changes.
 *
 *	tensor_mem_fuzz [CALLS] [SEED]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "draw.h"

/* include/uapi/linux/tensor_mem.h, which the compiler's headers do not have. */
#define MAGIC 0xBB
#define DEVICE_COMMANDS 3
#define FIRST_OF_BUFFERS 0x10
#define BUFFER_COMMANDS 7

enum { CREATE, IMPORT, STAT, SEAL = FIRST_OF_BUFFERS, INFO, SET_META, SLICE, EXPORT, WAIT, SIGNAL };

struct meta {
	char name[64];
	uint32_t dtype, dimensions;
	uint64_t shape[8];
	int64_t stride[8];
	uint32_t model, reserved;
};

struct create { uint64_t size; uint32_t flags, node; struct meta meta; };
struct import { int32_t fd; uint32_t flags; struct meta meta; };
struct slice { uint64_t offset, size; uint32_t flags, reserved; struct meta meta; };
struct info { uint64_t size, allocated, offset; uint32_t flags; int32_t node; uint64_t generation; struct meta meta; };
struct export { uint32_t flags, reserved; };
struct wait { uint64_t generation, deadline; };
struct statistics { uint64_t buffers, bytes, huge_bytes, exported_bytes, user_bytes, user_limit; };

#define HUGE_PAGES 1U
#define SEALED 2U
#define READ_ONLY 4U
#define PAGE 4096UL
#define BUFFERS 24

static unsigned long accepted, refused, wrong;
static int device, fds[BUFFERS];

/* Numbers at the edges of what is allowed, far from it, and anything. */
static uint64_t draw_number(void)
{
	static const uint64_t edges[] = {
		0, 1, PAGE - 1, PAGE, PAGE + 1, 2 << 20, INT32_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX - PAGE + 1, UINT64_MAX,
	};

	return DRAW_AROUND(edges, draw() % 256 * PAGE);
}

static void complain(const char *what, int error)
{
	if (wrong++ < 10)
		printf("# %s: %s\n", what, error ? strerror(error) : "not what was asked for");
}

static unsigned long command(unsigned int direction, unsigned int number, size_t size)
{
	/* Now and then the structure of another kernel. */
	if (draw() % 16 == 0)
		size = draw() % 1024;
	return _IOC(direction, MAGIC, number, size);
}

static struct meta draw_meta(void)
{
	struct meta meta = {.model = (uint32_t)draw()};

	if (draw() % 2)
		return meta;
	memcpy(meta.name, "weights", 8);
	meta.dtype = (uint32_t)(draw() % 4 ? 2 << 16 | 32 << 8 | 1 : draw_number());
	meta.dimensions = (uint32_t)(draw() % 4 ? draw() % 3 : draw_number());
	for (int i = 0; i < 8; i++)
		meta.shape[i] = draw() % 4 ? draw() % 64 : draw_number();
	meta.reserved = draw() % 16 ? 0 : 1;
	if (draw() % 16 == 0)
		memset(meta.name, 'x', sizeof(meta.name));
	return meta;
}

/* One of `errors`, which end with 0. */
static void check(const char *what, long result, const int *errors)
{
	if (result >= 0) {
		accepted++;
		return;
	}
	refused++;
	for (; *errors; errors++) {
		if (errno == *errors)
			return;
	}
	complain(what, errno);
}

static bool has(int fd, uint32_t flag)
{
	struct info info = {0};

	return !ioctl(fd, _IOC(_IOC_READ, MAGIC, INFO, sizeof(info)), &info) && info.flags & flag;
}

/* In the place of another, which is closed. */
static void keep(int fd)
{
	int *place = &fds[draw() % BUFFERS];

	if (fd < 0)
		return;
	close(*place);
	*place = fd;
}

static void try_create(void)
{
	static const int errors[] = {EINVAL, ENOMEM, E2BIG, EDQUOT, EFAULT, 0};
	struct { struct create known; char later[1024]; } create = {
		.known = {.size = draw() % 2 ? 1 + draw() % (64 * PAGE) : draw_number(),
			  .flags = draw() % 4 ? 0 : (uint32_t)draw_number(), .meta = draw_meta()},
	};
	int fd;

	/* 2 MiB of zeros take a while. */
	if (create.known.size > 256 * PAGE && create.known.size < 1ULL << 40)
		create.known.size %= 256 * PAGE;
	if (draw() % 64 == 0)
		create.known.flags = HUGE_PAGES;
	else if (create.known.flags & HUGE_PAGES)
		create.known.flags &= ~HUGE_PAGES;
	if (create.known.flags & 4)
		create.known.node = draw() % 4 ? 0 : (uint32_t)draw_number();
	create.later[0] = draw() % 64 ? 0 : 1;
	fd = ioctl(device, command(_IOC_WRITE, CREATE, sizeof(create.known)), draw() % 64 ? (void *)&create : NULL);
	check("create", fd, errors);
	keep(fd);
}

static void try_import(void)
{
	static const int errors[] = {EINVAL, ENOMEM, E2BIG, EBADF, EFAULT, 0};
	struct { struct import known; char later[1024]; } import = {
		.known = {.fd = draw() % 2 ? fds[draw() % BUFFERS] : (int)(draw() % 64),
			  .flags = draw() % 16 ? 0 : (uint32_t)draw_number(), .meta = draw_meta()},
	};
	int fd = ioctl(device, command(_IOC_WRITE, IMPORT, sizeof(import.known)), &import);

	check("import", fd, errors);
	keep(fd);
}

static void try_slice(int buffer)
{
	static const int errors[] = {EINVAL, ENOMEM, E2BIG, EFAULT, ENOTTY, 0};
	struct { struct slice known; char later[1024]; } slice = {
		.known = {.offset = draw() % 4 ? draw() % 64 * PAGE : draw_number(), .size = draw_number(),
			  .flags = draw() % 4 ? 0 : (uint32_t)(draw() % 3), .meta = draw_meta()},
	};
	bool sealed = has(buffer, SEALED);
	int fd = ioctl(buffer, command(_IOC_WRITE, SLICE, sizeof(slice.known)), &slice);

	check("slice", fd, errors);
	if (fd >= 0 && sealed && !has(fd, READ_ONLY))
		complain("a slice of what is sealed may write", 0);
	keep(fd);
}

static void try_map(int buffer)
{
	static const int errors[] = {EINVAL, EPERM, EACCES, ENOMEM, EOVERFLOW, ENODEV, 0};
	int protection = draw() % 8 ? PROT_READ | (int)(draw() % 2 * PROT_WRITE) : (int)(draw() % 8);
	size_t size = draw() % 8 ? (1 + draw() % 16) * PAGE : draw_number() % (1UL << 40);
	off_t offset = draw() % 4 ? 0 : (off_t)(draw_number() & ~(PAGE - 1) & INT64_MAX);
	bool frozen = has(buffer, SEALED | READ_ONLY);
	char *bytes = mmap(NULL, size, protection, draw() % 8 ? MAP_SHARED : MAP_PRIVATE, buffer, offset);

	check("mmap", bytes == MAP_FAILED ? -1 : 0, errors);
	if (bytes == MAP_FAILED)
		return;
	if (frozen && protection & PROT_WRITE)
		complain("mapped for writing what is frozen", 0);
	if (protection & PROT_EXEC)
		complain("mapped for execution", 0);
	if (protection & PROT_WRITE)
		bytes[draw() % size] = 1;
	else if (protection & PROT_READ)
		accepted += *(volatile char *)(bytes + draw() % size) > 1;
	if (mprotect(bytes, size, (int)(draw() % 4)) == 0 && draw() % 2)
		madvise(bytes, size, (int)(draw() % 26));
	munmap(bytes, size);
}

static void try_others(int buffer)
{
	static const int errors[] = {EINVAL, EPERM, EBUSY, E2BIG, EFAULT, ENOTTY, ETIMEDOUT, EOPNOTSUPP, ENOMEM, 0};
	static const struct { unsigned int direction, number; size_t size; } calls[] = {
		{_IOC_NONE, SEAL, 0}, {_IOC_READ, INFO, sizeof(struct info)}, {_IOC_WRITE, SET_META, sizeof(struct meta)},
		{_IOC_WRITE, EXPORT, sizeof(struct export)}, {_IOC_READ | _IOC_WRITE, WAIT, sizeof(struct wait)},
		{_IOC_READ | _IOC_WRITE, SIGNAL, sizeof(uint64_t)},
	};
	unsigned int which = (unsigned int)(draw() % 6);
	union { struct info info; struct meta meta; struct export export; struct wait wait; uint64_t signal; char all[2048]; }
		argument = {0};
	unsigned long number = command(calls[which].direction, calls[which].number, calls[which].size);
	long result;

	switch (calls[which].number) {
	case SET_META:
		argument.meta = draw_meta();
		break;
	case EXPORT:
		argument.export.flags = (uint32_t)(draw() % 8 ? draw() % 2 : draw_number());
		break;
	case WAIT:
		argument.wait.generation = draw_number();
		argument.wait.deadline = draw() % 2;
		break;
	case SIGNAL:
		argument.signal = draw() % 2 ? 0 : draw_number();
		break;
	default:
		break;
	}
	if (draw() % 64 == 0)
		number = draw();
	result = ioctl(buffer, number, draw() % 64 ? (void *)&argument : (void *)(~0UL << draw() % 32));
	check("ioctl", result, errors);
	if (result > 2 && calls[which].number == EXPORT && _IOC_NR(number) == EXPORT)
		keep((int)result);
}

/* What there was before, when nobody has a buffer any more. */
static bool all_came_back(const struct statistics *before)
{
	struct statistics after = {0};

	for (int i = 0; i < BUFFERS; i++)
		close(fds[i]);
	ioctl(device, _IOC(_IOC_READ, MAGIC, STAT, sizeof(after)), &after);
	return !memcmp(before, &after, sizeof(after));
}

int main(int count, char **arguments)
{
	long calls = count > 1 ? atol(arguments[1]) : 1000000;
	struct statistics before = {0};
	bool back;

	draw_state = count > 2 ? strtoull(arguments[2], NULL, 0) : 4711;
	device = open("/dev/tensor", O_RDWR | O_CLOEXEC);
	if (device < 0) {
		puts("1..0 # SKIP the kernel has no tensor memory");
		return 4;
	}
	ioctl(device, _IOC(_IOC_READ, MAGIC, STAT, sizeof(before)), &before);
	printf("KTAP version 1\n1..3\n# seed %llu\n", (unsigned long long)draw_state);
	/* Well away from the standard streams. */
	for (int i = 0; i < BUFFERS; i++)
		fds[i] = fcntl(device, F_DUPFD_CLOEXEC, 64);
	for (long call = 0; call < calls; call++) {
		int buffer = fds[draw() % BUFFERS];

		switch (draw() % 16) {
		case 0:
		case 1:
			try_create();
			break;
		case 2:
			try_import();
			break;
		case 3:
		case 4:
			try_slice(buffer);
			break;
		case 5:
		case 6:
		case 7:
			try_map(buffer);
			break;
		default:
			try_others(buffer);
		}
	}
	printf("%sok 1 every call is refused as documented, or does what it says # %ld calls\n", wrong ? "not " : "", calls);
	printf("%sok 2 both happened # %lu accepted, %lu refused\n", accepted && refused ? "" : "not ", accepted, refused);
	back = all_came_back(&before);
	printf("%sok 3 all memory came back\n", back ? "" : "not ");
	return wrong != 0 || !back;
}
