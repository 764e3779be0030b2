/* SPDX-License-Identifier: Apache-2.0 */
/* How fast tensors are on this machine: seconds, beside the named thing that they replace. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "command.h"

#define ATTACHMENTS 200
#define RUNS 3

struct measurement {
	const char *what;
	double seconds;
	const char *baseline;
	double baseline_seconds;
};

struct result {
	struct measurement measurements[3];
};

/* What is measured, and with what. */
struct bench {
	uint64_t size;
	struct tensormem_request request;
	struct tensormem *source;
	char *from;
	char *to;
	bool huge; /* the pages that it got */
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Seconds of the fastest of some runs, or -1. */
static double best_of(int (*work)(const struct bench *bench), const struct bench *bench)
{
	double best = -1;

	for (int i = 0; i < RUNS; i++) {
		double start = now(), took;

		if (work(bench) < 0)
			return -1;
		took = now() - start;
		if (best < 0 || took < best)
			best = took;
	}
	return best;
}

static int copy(const struct bench *bench)
{
	memcpy(bench->to, bench->from, bench->size);
	return 0;
}

/* Memory of this process alone, in pages of the same size. */
static int fill_new_memory(const struct bench *bench)
{
	char *memory = mmap(NULL, bench->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return -1;
	madvise(memory, bench->size, bench->huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	memset(memory, 1, bench->size);
	__asm__ volatile("" : : "r"(memory) : "memory"); /* the compiler must not find that nobody reads it */
	munmap(memory, bench->size);
	return 0;
}

static int make(const struct bench *bench)
{
	struct tensormem *tensor = tensormem_create(&bench->request);
	char *memory = tensor ? tensormem_map(tensor, TENSORMEM_MAP_WRITE | TENSORMEM_MAP_POPULATE) : NULL;
	int result = -1;

	if (memory) {
		memset(memory, 1, bench->size);
		tensormem_unmap(tensor, memory);
		result = tensormem_seal(tensor);
	}
	tensormem_close(tensor);
	return result;
}

/* From the socket to memory without page faults. */
static double attach(int socket)
{
	struct tensormem *tensor;
	double start, took;
	char *memory;

	recv(socket, &(char){0}, 1, MSG_PEEK); /* it is there: what counts is not how long the sender takes */
	start = now();
	tensor = tensormem_receive(socket);
	memory = tensor ? tensormem_map(tensor, TENSORMEM_MAP_POPULATE) : NULL;
	took = now() - start;
	if (memory)
		tensormem_unmap(tensor, memory);
	tensormem_close(tensor);
	return memory ? took : -1;
}

/* The other process: it attaches each time that something comes, and answers how long that took. */
static void attach_all(int socket)
{
	for (int i = 0; i < ATTACHMENTS; i++) {
		double took = attach(socket);

		if (took < 0 || send(socket, &took, sizeof(took), MSG_NOSIGNAL) < 0)
			_exit(1);
	}
	_exit(0);
}

static int by_time(const void *left, const void *right)
{
	double one = *(const double *)left, other = *(const double *)right;

	return (one > other) - (one < other);
}

/* Sorted seconds that another process needs to attach it. */
static int attach_times(struct tensormem *tensor, double *times)
{
	int sockets[2], done = 0;
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0)
		return -1;
	child = fork();
	if (child == 0) {
		close(sockets[0]);
		attach_all(sockets[1]);
	}
	close(sockets[1]);
	while (child > 0 && done < ATTACHMENTS && tensormem_send(sockets[0], tensor) == 0 &&
	       recv(sockets[0], &times[done], sizeof(*times), MSG_WAITALL) == sizeof(*times))
		done++;
	close(sockets[0]);
	if (child > 0)
		waitpid(child, NULL, 0);
	qsort(times, ATTACHMENTS, sizeof(*times), by_time);
	return done == ATTACHMENTS ? 0 : -1;
}

/* A tensor with all its memory, and its mapping for writing. */
static struct tensormem *prepared(const struct bench *bench, char **memory)
{
	struct tensormem_request request = bench->request;
	struct tensormem *tensor;

	request.flags |= TENSORMEM_CREATE_POPULATE;
	tensor = tensormem_create(&request);
	*memory = tensor ? tensormem_map(tensor, TENSORMEM_MAP_WRITE | TENSORMEM_MAP_POPULATE) : NULL;
	return tensor;
}

static double measure_copy(struct bench *bench)
{
	struct tensormem *target = prepared(bench, &bench->to);
	struct tensormem_info info = {0};
	double seconds = -1;

	bench->source = prepared(bench, &bench->from);
	if (bench->from && bench->to && tensormem_info(bench->source, &info) == 0) {
		bench->huge = info.flags & TENSORMEM_INFO_HUGE;
		memset(bench->from, 1, bench->size);
		seconds = best_of(copy, bench);
	}
	if (bench->from)
		tensormem_unmap(bench->source, bench->from);
	if (bench->to)
		tensormem_unmap(target, bench->to);
	tensormem_close(target);
	return seconds;
}

static int measure(struct bench *bench, struct result *result)
{
	double memcpy_seconds = measure_copy(bench), times[ATTACHMENTS] = {0}, make_seconds = -1, memset_seconds = -1;

	if (memcpy_seconds > 0 && tensormem_seal(bench->source) == 0 && attach_times(bench->source, times) == 0) {
		make_seconds = best_of(make, bench);
		memset_seconds = best_of(fill_new_memory, bench);
	}
	tensormem_close(bench->source);
	if (make_seconds < 0 || memset_seconds < 0)
		return -1;
	*result = (struct result){{
		{"attach, all mapped, median", times[ATTACHMENTS / 2], "memcpy", memcpy_seconds},
		{"attach, all mapped, p99", times[ATTACHMENTS * 99 / 100], "memcpy", memcpy_seconds},
		{"create, fill, seal", make_seconds, "memset of new memory", memset_seconds},
	}};
	return 0;
}

static void fill_result(struct json_writer *writer, const void *context)
{
	const struct result *result = context;

	json_open(writer, NULL, '[');
	for (size_t i = 0; i < sizeof(result->measurements) / sizeof(result->measurements[0]); i++) {
		const struct measurement *each = &result->measurements[i];

		json_open(writer, NULL, '{');
		json_put_text(writer, "what", each->what);
		json_put_fraction(writer, "seconds", each->seconds);
		json_put_text(writer, "baseline", each->baseline);
		json_put_fraction(writer, "baseline_seconds", each->baseline_seconds);
		json_put_fraction(writer, "ratio", each->baseline_seconds / each->seconds);
		json_close(writer, '}');
	}
	json_close(writer, ']');
}

int bench(const struct wish *wish)
{
	struct bench bench = {
		.size = wish->size,
		.request = {
			.size = wish->size,
			.flags = wish->huge ? TENSORMEM_CREATE_HUGE : TENSORMEM_CREATE_HUGE_TRY,
		},
	};
	struct result result;

	errno = 0;
	if (measure(&bench, &result) < 0)
		return complain_of("bench", errno ? errno : EIO, NULL, EXIT_REFUSED);
	if (wish->json)
		return print_json(fill_result, &result);
	for (size_t i = 0; i < sizeof(result.measurements) / sizeof(result.measurements[0]); i++) {
		const struct measurement *each = &result.measurements[i];

		printf("%-28s %10.3f ms   %s: %.1f ms   %.2f times as fast\n", each->what, each->seconds * 1e3, each->baseline,
		       each->baseline_seconds * 1e3, each->baseline_seconds / each->seconds);
	}
	return 0;
}
