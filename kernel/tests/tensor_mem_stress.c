// SPDX-License-Identifier: GPL-2.0
/*
 * Eight processes make, fill, seal, pass on, slice, export and read buffers, and are killed at any moment. What was
 * sealed is whole wherever it arrives, and when all have ended all memory is back. What else goes wrong, a kernel with
 * lock debugging says on its console.
 *
 *	tensor_mem_stress [SECONDS [PERCENT]]: of the memory, this may be missing afterwards (1)
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* include/uapi/linux/tensor_mem.h, which the compiler's headers do not have. */
struct meta {
	char name[64];
	uint32_t dtype, dimensions;
	uint64_t shape[8];
	int64_t stride[8];
	uint32_t model, reserved;
};
struct create { uint64_t size; uint32_t flags, node; struct meta meta; };
struct slice { uint64_t offset, size; uint32_t flags, reserved; struct meta meta; };
struct info { uint64_t size, allocated, offset; uint32_t flags; int32_t node; uint64_t generation; struct meta meta; };
struct export { uint32_t flags, reserved; };
struct statistics { uint64_t buffers, bytes, huge_bytes, exported_bytes, user_bytes, user_limit; };

#define CREATE _IOW(0xBB, 0x00, struct create)
#define STAT _IOR(0xBB, 0x02, struct statistics)
#define SEAL _IO(0xBB, 0x10)
#define INFO _IOR(0xBB, 0x11, struct info)
#define SLICE _IOW(0xBB, 0x13, struct slice)
#define EXPORT _IOW(0xBB, 0x14, struct export)

#define HUGE_PAGES 1U
#define HUGE_TRY 2U
#define NODE 4U
#define SEALED 2U
#define PAGE 4096UL
#define WORKERS 8

/* What all processes have done together. */
struct counters {
	unsigned long made, read, torn, refused;
};

static struct counters *counters;
static int device, sockets[2];

static void count(unsigned long *counter)
{
	__atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

/* Each page says which buffer it belongs to and where it stands there. */
static uint64_t word(uint64_t seed, uint64_t offset)
{
	return seed * 0x9e3779b97f4a7c15ULL ^ offset;
}

static bool whole(const char *bytes, uint64_t size, uint64_t from, uint32_t seed)
{
	uint64_t value;

	for (uint64_t at = 0; at < size; at += PAGE) {
		memcpy(&value, bytes + at, sizeof(value));
		if (value != word(seed, from + at))
			return false;
	}
	return true;
}

static void pass_on(int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec vector = {&byte, 1};
	struct msghdr message = {
		.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	sendmsg(sockets[0], &message, MSG_DONTWAIT);
}

static int take_over(void)
{
	char byte, control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec vector = {&byte, 1};
	struct msghdr message = {
		.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	int fd = -1;

	if (recvmsg(sockets[1], &message, MSG_DONTWAIT) == 1 && CMSG_FIRSTHDR(&message))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

/* A new buffer in pages of any kind, filled and sealed. Memory may be short: others have it. */
static void make(unsigned int *random)
{
	static const uint32_t kinds[] = {0, 0, HUGE_PAGES, HUGE_TRY, NODE};
	struct create create = {
		.size = (1 + rand_r(random) % 600) * PAGE, .flags = kinds[rand_r(random) % 5],
		.meta = {.name = "stress", .model = (uint32_t)rand_r(random)}};
	int fd = ioctl(device, CREATE, &create);
	char *bytes;

	if (fd < 0) {
		count(&counters->refused);
		return;
	}
	bytes = mmap(NULL, create.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	for (uint64_t at = 0; at < create.size; at += PAGE)
		memcpy(bytes + at, &(uint64_t){word(create.meta.model, at)}, sizeof(uint64_t));
	/* The other one that may write goes first, or the last. */
	if (rand_r(random) % 4 == 0)
		ioctl(fd, SEAL);
	munmap(bytes, create.size);
	if (!ioctl(fd, SEAL)) {
		count(&counters->made);
		pass_on(fd);
	}
	close(fd);
}

static void look(int fd, uint32_t seed)
{
	struct info info = {0};
	char *bytes;

	if (ioctl(fd, INFO, &info))
		return;
	bytes = mmap(NULL, info.size, PROT_READ, MAP_SHARED, fd, 0);
	if (bytes == MAP_FAILED)
		return;
	count(whole(bytes, info.size, info.offset, seed) ? &counters->read : &counters->torn);
	munmap(bytes, info.size);
}

static void read_one(unsigned int *random)
{
	struct export export = {0};
	struct info info = {0};
	int fd = take_over(), part, dma_buf;

	if (fd < 0 || ioctl(fd, INFO, &info))
		return;
	look(fd, info.meta.model);
	if (info.size > PAGE) {
		struct slice slice = {.offset = PAGE, .size = info.size - PAGE};

		part = ioctl(fd, SLICE, &slice);
		look(part, info.meta.model);
		dma_buf = ioctl(part, EXPORT, &export);
		close(part);
		/* A dma-buf holds the memory as well. */
		if (rand_r(random) % 2)
			close(dma_buf);
	}
	if (rand_r(random) % 4)
		pass_on(fd);
	close(fd);
	/* Some are left open, for the kernel to close. */
	if (rand_r(random) % 64 == 0)
		_exit(0);
}

static pid_t worker(unsigned int seed)
{
	pid_t child = fork();

	if (child)
		return child;
	for (;;) {
		if (rand_r(&seed) % 3)
			read_one(&seed);
		else
			make(&seed);
	}
}

static struct statistics statistics(void)
{
	struct statistics now = {0};

	ioctl(device, STAT, &now);
	return now;
}

/* The sum of the numbers that stand after such a word in a file of /proc. */
static long sum(const char *path, const char *format)
{
	FILE *file = fopen(path, "r");
	long total = 0, value;
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, format, &value) == 1)
			total += value;
	}
	if (file)
		fclose(file);
	return total;
}

/*
 * Memory that can be had. The lists of free pages that each processor keeps to itself are not in what the kernel calls
 * available, and grow with the number of processes that end.
 */
static long available_kib(void)
{
	int caches = open("/proc/sys/vm/drop_caches", O_WRONLY);

	if (caches >= 0 && write(caches, "3", 1) == 1)
		close(caches);
	/* What ended processes leave to RCU. */
	sleep(1);
	return sum("/proc/meminfo", "MemAvailable: %ld kB") + sum("/proc/zoneinfo", " count: %ld") * (long)(PAGE / 1024);
}

static void run(time_t seconds)
{
	struct timespec pause = {.tv_nsec = 20000000};
	time_t end = time(NULL) + seconds;
	pid_t children[WORKERS];
	unsigned int seed = 1;

	for (int i = 0; i < WORKERS; i++)
		children[i] = worker(seed++);
	while (time(NULL) < end) {
		int victim = rand() % WORKERS;

		nanosleep(&pause, NULL);
		kill(children[victim], SIGKILL);
		waitpid(children[victim], NULL, 0);
		children[victim] = worker(seed++);
	}
	for (int i = 0; i < WORKERS; i++) {
		kill(children[i], SIGKILL);
		waitpid(children[i], NULL, 0);
	}
	for (int fd; (fd = take_over()) >= 0; close(fd))
		;
}

int main(int argument_count, char **arguments)
{
	time_t seconds = argument_count > 1 ? atol(arguments[1]) : 60;
	/* KASAN keeps what was freed in quarantine, up to a 32nd of the memory. */
	long tolerated_percent = argument_count > 2 ? atol(arguments[2]) : 1;
	struct statistics before, after;
	long kib_before, kib_after;
	bool back, near;

	device = open("/dev/tensor", O_RDWR | O_CLOEXEC);
	if (device < 0) {
		puts("1..0 # SKIP the kernel has no tensor memory");
		return 4;
	}
	counters = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (counters == MAP_FAILED || socketpair(AF_UNIX, SOCK_DGRAM, 0, sockets))
		return 1;
	puts("KTAP version 1\n1..4");
	/* Tables grow with what happens at once, and not with time: a third of it is enough to fill them. */
	run(seconds / 3);
	kib_before = available_kib();
	before = statistics();

	run(seconds - seconds / 3);
	kib_after = available_kib();
	after = statistics();
	back = !after.buffers && !memcmp(&before, &after, sizeof(after));
	near = kib_after > kib_before - kib_before * tolerated_percent / 100;

	printf("%sok 1 what was sealed arrives whole # %lu torn\n", counters->torn ? "not " : "", counters->torn);
	printf("%sok 2 all buffers are gone # %llu left\n", back ? "" : "not ", (unsigned long long)after.buffers);
	printf("%sok 3 all memory is back # %ld of %ld KiB\n", near ? "" : "not ", kib_after, kib_before);
	printf("%sok 4 there was work # %lu made, %lu read, %lu refused\n", counters->made && counters->read ? "" : "not ",
	       counters->made, counters->read, counters->refused);
	return counters->torn || !back || !near || !counters->made || !counters->read;
}
