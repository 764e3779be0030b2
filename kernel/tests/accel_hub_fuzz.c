// SPDX-License-Identifier: GPL-2.0
/*
 * A million random calls of an accelerator of the hub: whatever is passed, a call is refused by one of the errors that
 * the documentation names, or does what it says; every job that was taken ends, and all memory comes back.
 *
 *	accel_hub_fuzz [CALLS] [SEED]
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accel_hub.h"
#include "fuzzer.h"

#define MAGIC 'd'
#define PAGE 4096UL
#define HANDLES 16U
#define CONTEXTS 8U

static int device;

/* Numbers at the edges of what is allowed, far from it, and anything. */
static uint64_t draw_number(void)
{
	static const uint64_t edges[] = {
		0, 1, PAGE - 1, PAGE, PAGE + 1, 1 << 16, INT32_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX - PAGE + 1, UINT64_MAX,
	};

	return DRAW_AROUND(edges, draw() % 256);
}

/* As a rule what fits. */
static uint32_t draw_or(uint64_t usual)
{
	return (uint32_t)(draw() % 32 ? usual : draw_number());
}

static bool call(const char *what, unsigned int number, size_t size, void *argument, const int *errors)
{
	/* Now and then the structure of another kernel, and no memory. */
	if (draw() % 64 == 0)
		size = draw() % size;
	if (draw() % 128 == 0)
		argument = (void *)(~0UL << draw() % 32);
	return judge(what, ioctl(device, _IOC(_IOC_READ | _IOC_WRITE, MAGIC, number, size), argument), errors);
}

static void close_handle(uint32_t handle)
{
	uint32_t close_it[2] = {handle, 0};

	ioctl(device, _IOC(_IOC_WRITE, MAGIC, GEM_CLOSE, sizeof(close_it)), close_it);
}

static void try_buffer(void)
{
	static const int errors[] = {EINVAL, ENOSPC, ENOMEM, 0};
	struct buffer buffer = {.size = draw() % 4 ? 1 + draw() % (4 * PAGE) : draw_number(), .flags = draw_or(0)};
	char *bytes;

	/* Zeros take a while. */
	if (buffer.size > 1 << 20 && buffer.size < 1ULL << 28)
		buffer.size %= 1 << 20;
	if (!call("buffer", BUFFER, sizeof(buffer), &buffer, errors) || !buffer.handle)
		return;
	bytes = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, device, (off_t)buffer.offset);
	if (bytes != MAP_FAILED) {
		if (*bytes)
			complain("a buffer is not zero", 0);
		*bytes = 1;
		munmap(bytes, PAGE);
	}
	if (buffer.handle > HANDLES)
		close_handle(buffer.handle);
}

static void try_context(void)
{
	static const int errors[] = {EINVAL, ENOSPC, ENOMEM, 0};
	struct context context = {.model = draw() % 4, .flags = draw_or(0)};
	struct context_end end = {0};

	if (call("context", CONTEXT, sizeof(context), &context, errors) && context.id > CONTEXTS) {
		end.id = context.id;
		ioctl(device, _IOC(_IOC_WRITE, MAGIC, CONTEXT_END, sizeof(end)), &end);
	}
}

static void try_end(void)
{
	static const int errors[] = {EINVAL, ENOENT, 0};
	struct context_end end = {.id = draw_or(1 + draw() % CONTEXTS), .pad = draw_or(0)};

	call("context end", CONTEXT_END, sizeof(end), &end, errors);
}

static struct operation draw_operation(void)
{
	static const unsigned char dimensions[OPERATIONS] = {0, 1, 3, 8, 1, 1, 1, 1};
	static const unsigned char operands[OPERATIONS] = {0, 2, 3, 3, 3, 3, 2, 2};
	struct operation operation = {.code = draw_or(draw() % OPERATIONS), .type = draw_or(draw() % 2)};
	unsigned int code = operation.code % OPERATIONS;

	for (unsigned int i = 0; i < 8; i++)
		operation.shape[i] = draw_or(i < dimensions[code] ? 1 + draw() % 12 : 0);
	for (unsigned int i = 0; i < 4; i++)
		operation.operands[i] = draw_or(i < operands[code] ? i : 0);
	return operation;
}

static void try_submit(void)
{
	static const int errors[] = {EINVAL, ENOENT, EPERM, ERANGE, EOPNOTSUPP, EAGAIN, ENOMEM, 0};
	struct operand operands[16];
	struct operation operations[4];
	struct syncobj points[2] = {{(uint32_t)draw_number(), 0, draw_number()}, {0, 0, 0}};
	struct submit submit = {
		.context = draw_or(1 + draw() % CONTEXTS),
		.flags = draw_or(0),
		.operands = (uintptr_t)operands,
		.operations = (uintptr_t)operations,
		.wait = (uintptr_t)points,
		.signal = (uintptr_t)points,
		.operand_count = draw_or(3),
		.operation_count = draw_or(1 + draw() % 4),
		.wait_count = draw_or(0),
		.signal_count = draw_or(0),
		.timeout_ms = (uint32_t)draw_number(),
		.pad = draw_or(0),
	};

	for (int i = 0; i < 16; i++) {
		operands[i] = (struct operand){
			.handle = draw_or(1 + draw() % HANDLES),
			.access = draw_or(3),
			.offset = draw() % 16 ? 0 : draw_number(),
			.size = draw() % 16 ? PAGE : draw_number(),
		};
	}
	for (int i = 0; i < 4; i++)
		operations[i] = draw_operation();
	call("submit", SUBMIT, sizeof(submit), &submit, errors);
}

static void try_wait(void)
{
	static const int errors[] = {ENOENT, ETIME, 0};
	struct wait wait = {.context = draw_or(1 + draw() % CONTEXTS), .job = draw() % 2048};

	if (draw() % 8 == 0)
		wait.job = draw_number();
	if (call("wait", WAIT, sizeof(wait), &wait, errors) && wait.error && wait.error != -ECANCELED &&
	    wait.error != -ETIMEDOUT)
		complain("a job ended", -wait.error);
}

static void try_cancel(void)
{
	static const int errors[] = {EINVAL, ENOENT, EBUSY, 0};
	struct cancel cancel = {.context = draw_or(1 + draw() % CONTEXTS), .pad = draw_or(0), .job = draw() % 2048};

	call("cancel", CANCEL, sizeof(cancel), &cancel, errors);
}

static void try_dma_buf(void)
{
	static const int errors[] = {EINVAL, ENOENT, EBADF, EMFILE, ENOSYS, ENOMEM, EPERM, EOPNOTSUPP, 0};
	struct prime prime = {.handle = draw_or(1 + draw() % HANDLES), .flags = draw_or(O_CLOEXEC | O_RDWR), .fd = -1};

	if (!call("to a dma-buf", TO_FD, sizeof(prime), &prime, errors) || prime.fd < 0)
		return;
	prime.flags = 0;
	call("from a dma-buf", TO_HANDLE, sizeof(prime), &prime, errors);
	if (prime.fd > device)
		close(prime.fd);
}

static void try_one(void)
{
	static const int errors[] = {EINVAL, 0};
	struct query query = {0};

	switch (draw() % 16) {
	case 0:
		try_buffer();
		break;
	case 1:
		if (draw() % 4)
			try_context();
		else
			try_end();
		break;
	case 2:
		try_cancel();
		break;
	case 3:
		try_dma_buf();
		break;
	case 4:
		close_handle(1 + (uint32_t)draw() % HANDLES);
		break;
	case 5:
		call("query", QUERY, sizeof(query), &query, errors);
		break;
	case 6:
	case 7:
	case 8:
		try_wait();
		break;
	default:
		try_submit();
	}
}

/* The first one of the hub; there may be others of the class accel. */
static bool open_device(void)
{
	struct query query;

	mkdir("/dev", 0755);
	for (int number = 0; number < 64; number++) {
		char path[32];

		snprintf(path, sizeof(path), "/dev/accel/accel%d", number);
		device = open(path, O_RDWR | O_CLOEXEC);
		if (device >= 0 && !ioctl(device, _IOC(_IOC_READ, MAGIC, QUERY, sizeof(query)), &query))
			return true;
		close(device);
	}
	return false;
}

static uint64_t used(void)
{
	struct query query = {0};

	if (ioctl(device, _IOC(_IOC_READ, MAGIC, QUERY, sizeof(query)), &query))
		complain("query", errno);
	return query.used;
}

/* Descriptors of dma-bufs that the kernel had no place to tell of are closed, too. The device is still asked. */
static void close_all(void)
{
	close_range(device, ~0U, 0);
	open_device();
}

int main(int count, char **arguments)
{
	static const struct fuzzer hub = {
		.missing = "there is no accelerator",
		.open_device = open_device,
		.try_one = try_one,
		.let_go = close_all,
		.used = used,
	};

	return fuzz(&hub, count, arguments);
}
