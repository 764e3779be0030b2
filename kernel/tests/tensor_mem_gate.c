// SPDX-License-Identifier: GPL-2.0
/*
 * What tensor memory costs, against what a program would do without it. Meant for a guest whose clock counts
 * instructions: figures repeat, and say nothing of caches and the width of a bus.
 *
 *	tensor_mem_gate [MIB]
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
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
struct export { uint32_t flags, reserved; };

#define CREATE _IOW(0xBB, 0x00, struct create)
#define SEAL _IO(0xBB, 0x10)
#define EXPORT _IOW(0xBB, 0x14, struct export)
#define HUGE_PAGES 1U

#define MS 1e6
#define ATTACHES 200
#define PROCESSES 4

/* What readers tell their parent. */
static struct shared {
	double attach[ATTACHES];
	unsigned long pss_kib[PROCESSES];
	int ready;
} *shared;

static size_t size;

/* ns. */
static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static char *anonymous(void)
{
	char *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (bytes == MAP_FAILED)
		fail("mmap");
	madvise(bytes, size, MADV_HUGEPAGE);
	return bytes;
}

static char *attach(int fd)
{
	char *bytes = mmap(NULL, size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);

	if (bytes == MAP_FAILED)
		fail("attach");
	return bytes;
}

static int ascending(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

/* The 99th percentile of attaching in another process, every page mapped, in ns. */
static double attach_p99(int fd)
{
	pid_t child = fork();

	if (!child) {
		for (int i = 0; i < ATTACHES; i++) {
			double start = now();
			char *bytes = attach(fd);

			shared->attach[i] = now() - start;
			munmap(bytes, size);
		}
		_exit(0);
	}
	waitpid(child, NULL, 0);
	qsort(shared->attach, ATTACHES, sizeof(double), ascending);
	return shared->attach[ATTACHES * 99 / 100];
}

/* The proportional set size of the mapping that begins there. */
static unsigned long pss_kib(const char *bytes)
{
	FILE *file = fopen("/proc/self/smaps", "r");
	unsigned long start = 0, first, end, value = 0;
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%lx-%lx ", &first, &end) == 2)
			start = first;
		else if (start == (unsigned long)bytes && sscanf(line, "Pss: %lu kB", &value) == 1)
			break;
	}
	if (file)
		fclose(file);
	return value;
}

/* Of all processes that have it attached at once, in bytes. */
static double pss_of_readers(int fd)
{
	double total = 0;

	for (int i = 0; i < PROCESSES; i++) {
		if (fork())
			continue;
		char *bytes = attach(fd);

		__atomic_add_fetch(&shared->ready, 1, __ATOMIC_SEQ_CST);
		while (__atomic_load_n(&shared->ready, __ATOMIC_SEQ_CST) < PROCESSES)
			usleep(1000);
		shared->pss_kib[i] = pss_kib(bytes);
		__atomic_add_fetch(&shared->ready, 1, __ATOMIC_SEQ_CST);
		while (__atomic_load_n(&shared->ready, __ATOMIC_SEQ_CST) < 2 * PROCESSES)
			usleep(1000);
		_exit(0);
	}
	while (wait(NULL) > 0)
		;
	for (int i = 0; i < PROCESSES; i++)
		total += (double)shared->pss_kib[i] * 1024;
	return total;
}

static bool say(int number, const char *what, bool good, double ours, double theirs, const char *baseline)
{
	printf("%sok %d %s # %.3f ms, %s %.3f ms, %.4f\n", good ? "" : "not ", number, what, ours / MS, baseline, theirs / MS,
	       ours / theirs);
	return good;
}

int main(int count, char **arguments)
{
	struct create create = {.flags = HUGE_PAGES};
	struct export export = {0};
	double made, start, filled, copied, attached, exported, pss;
	int device = open("/dev/tensor", O_RDWR | O_CLOEXEC), fd, dma_buf;
	char *memory, *copy;
	bool good = true;

	if (device < 0) {
		puts("1..0 # SKIP the kernel has no tensor memory");
		return 4;
	}
	size = (size_t)(count > 1 ? atol(arguments[1]) : 1024) << 20;
	create.size = size;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	puts("KTAP version 1\n1..4");

	/* Pages that nobody had: clearing them is what the kernel does for either. */
	memory = anonymous();
	start = now();
	memset(memory, 1, size);
	filled = now() - start;

	start = now();
	fd = ioctl(device, CREATE, &create);
	if (fd < 0)
		fail("create");
	if (ioctl(fd, SEAL))
		fail("seal");
	made = now() - start;

	copy = anonymous();
	memset(copy, 1, size);
	start = now();
	memcpy(copy, memory, size);
	copied = now() - start;
	munmap(copy, size);
	munmap(memory, size);

	attached = attach_p99(fd);
	start = now();
	dma_buf = ioctl(fd, EXPORT, &export);
	exported = now() - start;
	if (dma_buf < 0)
		fail("export");
	close(dma_buf);
	pss = pss_of_readers(fd);

	good &= say(1, "creating and sealing is filling", made <= 1.3 * filled, made, filled, "memset");
	good &= say(2, "attaching is a hundredth of copying", attached <= copied / 100, attached, copied, "memcpy");
	good &= say(3, "exporting is a hundredth of copying", exported <= copied / 100, exported, copied, "memcpy");
	printf("%sok 4 one copy for all # Pss of %d processes is %.4f of the size\n",
	       pss > 0.98 * (double)size && pss < 1.02 * (double)size ? "" : "not ", PROCESSES, pss / (double)size);
	return !good || pss <= 0.98 * (double)size || pss >= 1.02 * (double)size;
}
