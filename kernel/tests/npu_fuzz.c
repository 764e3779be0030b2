// SPDX-License-Identifier: GPL-2.0
/*
 * A million random calls of /dev/npuN: whatever is passed, a call is refused by one of the errors that the documentation
 * names, or does what it says; every job that was taken ends, and all memory comes back.
 *
 *	npu_fuzz [CALLS] [SEED]
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "accel_hub.h"
#include "fuzzer.h"

#define PAGE 4096UL
#define HANDLES 16U
static int device, number;

/* Numbers at the edges of what is allowed, far from it, and anything. */
static uint64_t draw_number(void)
{
	static const uint64_t edges[] = {
		0, 1, 16, 17, 64, 65, PAGE - 1, PAGE, PAGE + 1, INT32_MAX, UINT32_MAX, UINT64_MAX - PAGE + 1, UINT64_MAX,
	};

	return DRAW_AROUND(edges, draw() % 256);
}

/* As a rule what fits. */
static uint32_t draw_or(uint64_t usual)
{
	return (uint32_t)(draw() % 32 ? usual : draw_number());
}

static bool call(const char *what, unsigned long command, void *argument, const int *errors)
{
	if (draw() % 128 == 0)
		argument = (void *)(~0UL << draw() % 32);
	return judge(what, ioctl(device, command, argument), errors);
}

static void let_go(uint32_t handle)
{
	struct npu_buffer buffer = {.handle = handle};

	ioctl(device, NPU_FREE, &buffer);
}

static struct operation draw_operation(void)
{
	struct operation operation = {.code = draw_or(draw() % OPERATIONS), .type = draw_or(draw() % 2)};

	for (unsigned int i = 0; i < 8; i++)
		operation.shape[i] = draw_or(i < 1 + draw() % 3 ? 1 + draw() % 12 : 0);
	for (unsigned int i = 0; i < 3; i++)
		operation.operands[i] = draw_or(draw() % 3);
	return operation;
}

/* A buffer is zeros; as a rule a model is written into it. */
static void fill(const struct npu_buffer *buffer)
{
	struct npu_model *model = (struct npu_model *)(uintptr_t)buffer->address;

	if (*(volatile uint64_t *)model)
		complain("a buffer is not zero", 0);
	model->count = draw_or(1 + draw() % 3);
	model->pad = draw_or(0);
	for (int i = 0; i < 3; i++)
		model->operations[i] = draw() % 2 ? draw_operation() : (struct operation){.code = NOP};
}

static void try_alloc(void)
{
	static const int errors[] = {EINVAL, ENOSPC, ENOMEM, 0};
	struct npu_buffer buffer = {
		.size = draw() % 4 ? 1 + draw() % (2 * PAGE) : draw_number(), .physical = draw(), .flags = draw_or(draw() % 8),
	};

	/* Zeros take a while. */
	if (buffer.size > 1 << 20 && buffer.size < 1ULL << 28)
		buffer.size %= 1 << 20;
	if (!call("alloc", NPU_ALLOC, &buffer, errors) || !buffer.handle)
		return;
	if (buffer.physical)
		complain("a physical address is told", 0);
	fill(&buffer);
	munmap((void *)(uintptr_t)buffer.address, buffer.size);
	if (buffer.handle > HANDLES)
		let_go(buffer.handle);
}

static void try_free(void)
{
	static const int errors[] = {ENOENT, 0};
	struct npu_buffer buffer = {.handle = draw_or(1 + draw() % HANDLES)};

	call("free", NPU_FREE, &buffer, errors);
}

static void try_submit(void)
{
	static const int errors[] = {EINVAL, ENOENT, EPERM, ERANGE, EOPNOTSUPP, EAGAIN, ENOMEM, 0};
	uint32_t handles[17];
	struct npu_job job = {
		.model = draw_or(1 + draw() % HANDLES),
		.input_count = draw_or(draw() % 3),
		.output_count = draw_or(1),
		.inputs = (uintptr_t)handles,
		.outputs = (uintptr_t)handles,
		.timeout_ms = (uint32_t)draw_number(),
		.priority = draw_or(draw() % 6),
	};

	for (int i = 0; i < 17; i++)
		handles[i] = draw_or(1 + draw() % HANDLES);
	call("submit", NPU_SUBMIT, &job, errors);
}

/* The file does not block. */
static void try_wait(void)
{
	static const int errors[] = {ENOENT, 0};
	struct npu_result result = {.id = draw_or(draw() % 2048), .status = 99};

	if (call("wait", NPU_WAIT, &result, errors) && result.status > 4 && result.status != 99)
		complain("a job has a status", 0);
}

static void try_cancel(void)
{
	static const int errors[] = {ENOENT, EBUSY, 0};
	uint32_t id = draw_or(draw() % 2048);

	call("cancel", NPU_CANCEL, &id, errors);
}

static void try_map(void)
{
	char *bytes = mmap(NULL, PAGE, PROT_READ, draw() % 8 ? MAP_SHARED : MAP_PRIVATE, device,
			   (off_t)(draw_or(1 + draw() % HANDLES) * PAGE));

	if (bytes != MAP_FAILED) {
		(void)*(volatile char *)bytes;
		munmap(bytes, PAGE);
	}
}

static void try_anything(void)
{
	static const int errors[] = {ENOTTY, EINVAL, ENOENT, EBUSY, ENOSPC, ENOMEM, EPERM, ERANGE, EOPNOTSUPP, EAGAIN, 0};
	char bytes[128] = {0};

	call("any", _IOC(draw() % 4, 'N', draw() % 16, draw() % 128), bytes, errors);
}

static void try_one(void)
{
	static const int errors[] = {0};
	struct npu_info info;

	switch (draw() % 16) {
	case 0:
	case 1:
		try_alloc();
		break;
	case 2:
		try_free();
		break;
	case 3:
		call("info", NPU_INFO, &info, errors);
		break;
	case 4:
		try_cancel();
		break;
	case 5:
		try_map();
		break;
	case 6:
		try_anything();
		break;
	case 7:
	case 8:
	case 9:
		try_wait();
		break;
	default:
		try_submit();
	}
}

static uint64_t used(void)
{
	char path[64], text[32] = "";
	int fd;

	snprintf(path, sizeof(path), "/sys/class/accel_hub/%d/memory_used", number);
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		complain(path, errno);
	close(fd);
	return strtoull(text, NULL, 10);
}

/* The first there is: not every device of the hub's list has one. */
static bool open_device(void)
{
	for (number = 0; number < 16; number++) {
		char path[32];

		snprintf(path, sizeof(path), "/dev/npu%d", number);
		device = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		if (device >= 0)
			return true;
	}
	return false;
}

static void close_device(void)
{
	close(device);
}

int main(int count, char **arguments)
{
	static const struct fuzzer npu = {
		.missing = "there is no /dev/npuN",
		.open_device = open_device,
		.try_one = try_one,
		.let_go = close_device,
		.used = used,
	};

	return fuzz(&npu, count, arguments);
}
