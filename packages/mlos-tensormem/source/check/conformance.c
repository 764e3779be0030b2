/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What libtensormem does and refuses, on memfds and on /dev/tensor alike: `conformance KIND [CASE...]`, KIND being memfd or
 * device, and all cases if none is named. It speaks TAP: a line for each case, and before it one of standard error for every
 * expectation that failed. Exit status 1 if there was any, 64 for wrong usage, 77 where there is no such device.
 *
 * The package has it as /usr/libexec/mlos-tensormem/conformance.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "mlos/tensormem.h"

#define SIZE (4 * 1024 * 1024 + 12)
#define FLOAT32 TENSORMEM_DTYPE(2, 32, 1)
#define SECOND UINT64_C(1000000000)

static int failures;
static uint32_t kind;

#define EXPECT(condition)                                                                                                      \
	do {                                                                                                                   \
		if (!(condition)) {                                                                                            \
			__atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED);                                                    \
			fprintf(stderr, "%s:%d: %s (errno %d: %s)\n", __func__, __LINE__, #condition, errno, strerror(errno)); \
		}                                                                                                              \
	} while (0)

/* The call fails, with this errno. */
#define REFUSED(call, number)                                                                                                  \
	do {                                                                                                                   \
		errno = 0;                                                                                                     \
		EXPECT((intptr_t)(call) == -1 || (intptr_t)(call) == 0);                                                       \
		EXPECT(errno == (number));                                                                                     \
	} while (0)

static struct tensormem_request request_of(uint64_t size)
{
	return (struct tensormem_request){.size = size, .flags = kind};
}

static struct tensormem *created(uint64_t size)
{
	struct tensormem_request request = request_of(size);
	struct tensormem *tensor = tensormem_create(&request);

	EXPECT(tensor != NULL);
	if (!tensor)
		exit(1);
	return tensor;
}

static struct tensormem_info info_of(struct tensormem *tensor)
{
	struct tensormem_info info = {0};

	EXPECT(tensormem_info(tensor, &info) == 0);
	return info;
}

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

/* Fill it with a pattern, and seal it. */
static struct tensormem *sealed(uint64_t size)
{
	struct tensormem *tensor = created(size);
	unsigned char *bytes = tensormem_map(tensor, TENSORMEM_MAP_WRITE);

	for (uint64_t i = 0; i < size; i++)
		bytes[i] = (unsigned char)(i * 7);
	EXPECT(tensormem_unmap(tensor, bytes) == 0);
	EXPECT(tensormem_seal(tensor) == 0);
	return tensor;
}

static bool has_pattern(const unsigned char *bytes, uint64_t from, uint64_t size)
{
	for (uint64_t i = 0; i < size; i++)
		if (bytes[i] != (unsigned char)((from + i) * 7))
			return false;
	return true;
}

static void says_what_it_was_made_as(void)
{
	struct tensormem_request request = request_of(24);
	struct tensormem_info info;
	struct tensormem *tensor;
	unsigned char *bytes;

	strcpy(request.meta.name, "weights");
	request.meta.dtype = FLOAT32;
	request.meta.dimensions = 2;
	request.meta.shape[0] = 2;
	request.meta.shape[1] = 3;
	request.meta.model = 7;
	tensor = tensormem_create(&request);
	EXPECT(tensor != NULL);
	info = info_of(tensor);
	EXPECT(info.size == 24 && info.allocated >= 24 && info.offset == 0 && info.node == -1 && info.generation == 0);
	EXPECT(info.flags == (kind ? 0 : TENSORMEM_INFO_DEVICE));
	EXPECT(memcmp(&info.meta, &request.meta, sizeof(info.meta)) == 0);
	bytes = tensormem_map(tensor, TENSORMEM_MAP_WRITE | TENSORMEM_MAP_POPULATE);
	for (int i = 0; i < 24; i++)
		EXPECT(bytes[i] == 0);
	EXPECT(tensormem_unmap(tensor, bytes) == 0);
	EXPECT(fcntl(tensormem_fd(tensor), F_GETFD) == FD_CLOEXEC);
	tensormem_close(tensor);
	tensormem_close(NULL);
	EXPECT(tensormem_version() == TENSORMEM_VERSION);
}

static void lies_on_the_node_that_was_asked_for(void)
{
	struct tensormem_request request = request_of(SIZE);
	struct tensormem *tensor;

	request.flags |= TENSORMEM_CREATE_NODE | TENSORMEM_CREATE_POPULATE; /* every machine has node 0 */
	tensor = tensormem_create(&request);
	EXPECT(tensor != NULL);
	EXPECT(tensor && info_of(tensor).node == 0);
	tensormem_close(tensor);
}

static void refuses_wrong_requests(void)
{
	struct tensormem_request request = request_of(4096);

	request.flags = kind | 1U << 31;
	REFUSED(tensormem_create(&request), EINVAL);
	request = request_of(0);
	REFUSED(tensormem_create(&request), EINVAL);
	request = request_of(UINT64_MAX);
	REFUSED(tensormem_create(&request), ENOMEM);
	request = request_of(4096);
	request.node = 1; /* without the flag that says so */
	REFUSED(tensormem_create(&request), EINVAL);
	request.flags |= TENSORMEM_CREATE_NODE;
	request.node = 1023;
	REFUSED(tensormem_create(&request), EINVAL);
	request = request_of(4096);
	request.meta.reserved = 1;
	REFUSED(tensormem_create(&request), EINVAL);
}

static void refuses_descriptions_that_do_not_fit(void)
{
	struct tensormem *tensor = created(4096);
	const struct tensormem_meta good = {.dtype = FLOAT32, .dimensions = 2, .shape = {4, 256}};
	struct tensormem_meta meta;

	EXPECT(tensormem_set_meta(tensor, &good) == 0);
	meta = good;
	meta.shape[1] = 257;
	REFUSED(tensormem_set_meta(tensor, &meta), EINVAL);
	meta = good;
	meta.shape[0] = meta.shape[1] = UINT64_C(1) << 33; /* the product is 0 in 64 bits */
	REFUSED(tensormem_set_meta(tensor, &meta), EINVAL);
	meta = good;
	meta.dimensions = TENSORMEM_DIMENSIONS + 1;
	REFUSED(tensormem_set_meta(tensor, &meta), EINVAL);
	meta = good;
	meta.stride[0] = 1024;
	meta.stride[1] = -4;
	REFUSED(tensormem_set_meta(tensor, &meta), EINVAL);
	meta.stride[1] = 4;
	EXPECT(tensormem_set_meta(tensor, &meta) == 0);
	meta.stride[0] = 1028;
	REFUSED(tensormem_set_meta(tensor, &meta), EINVAL);
	meta = good;
	meta.dtype = 0; /* a shape of nothing */
	REFUSED(tensormem_set_meta(tensor, &meta), EINVAL);
	meta.dtype = TENSORMEM_DTYPE(2, 0, 1);
	REFUSED(tensormem_set_meta(tensor, &meta), EINVAL);
	memset(meta.name, 'x', sizeof(meta.name));
	meta.dtype = FLOAT32;
	REFUSED(tensormem_set_meta(tensor, &meta), EINVAL);
	meta = (struct tensormem_meta){.dtype = FLOAT32, .dimensions = 2, .shape = {0, UINT64_MAX}};
	EXPECT(tensormem_set_meta(tensor, &meta) == 0); /* no elements at all */
	meta = (struct tensormem_meta){.dtype = TENSORMEM_DTYPE(0, 4, 1), .dimensions = 1, .shape = {8192}};
	EXPECT(tensormem_set_meta(tensor, &meta) == 0); /* two to a byte */
	EXPECT(info_of(tensor).meta.shape[0] == 8192);
	tensormem_close(tensor);
}

static void a_writable_mapping_keeps_the_seal_away(void)
{
	struct tensormem *tensor = created(SIZE);
	char *bytes = tensormem_map(tensor, TENSORMEM_MAP_WRITE);

	EXPECT(bytes != NULL);
	REFUSED(tensormem_seal(tensor), EBUSY);
	bytes[SIZE - 1] = 'x';
	EXPECT(!(info_of(tensor).flags & TENSORMEM_INFO_SEALED));
	EXPECT(tensormem_unmap(tensor, bytes) == 0);
	EXPECT(tensormem_seal(tensor) == 0);
	EXPECT(tensormem_seal(tensor) == 0); /* it is so already */
	EXPECT(info_of(tensor).flags & TENSORMEM_INFO_SEALED);
	tensormem_close(tensor);
}

static void a_mapping_for_reading_does_not(void)
{
	struct tensormem *tensor = created(SIZE);
	char *bytes = tensormem_map(tensor, 0);

	EXPECT(bytes != NULL);
	EXPECT(mprotect(bytes, 4096, PROT_READ | PROT_WRITE) < 0 && errno == EACCES);
	EXPECT(tensormem_seal(tensor) == 0);
	EXPECT(bytes[SIZE - 1] == 0);
	EXPECT(tensormem_unmap(tensor, bytes) == 0);
	tensormem_close(tensor);
}

static void what_is_sealed_cannot_be_written(void)
{
	const struct tensormem_meta meta = {.name = "other"};
	struct tensormem *tensor = sealed(SIZE);
	uint64_t generation = 0;
	unsigned char *bytes;

	REFUSED(tensormem_map(tensor, TENSORMEM_MAP_WRITE), EPERM);
	REFUSED(tensormem_set_meta(tensor, &meta), EPERM);
	REFUSED(tensormem_signal(tensor, &generation), EPERM);
	bytes = tensormem_map(tensor, TENSORMEM_MAP_POPULATE);
	EXPECT(bytes && has_pattern(bytes, 0, SIZE));
	EXPECT(mprotect(bytes, 4096, PROT_READ | PROT_WRITE) < 0 && errno == EACCES);
	EXPECT(pwrite(tensormem_fd(tensor), "x", 1, 0) < 0);
	EXPECT(ftruncate(tensormem_fd(tensor), 0) < 0);
	EXPECT(fallocate(tensormem_fd(tensor), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) < 0);
	EXPECT(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, tensormem_fd(tensor), 0) == MAP_FAILED);
	EXPECT(has_pattern(bytes, 0, SIZE));
	EXPECT(tensormem_unmap(tensor, bytes) == 0);
	tensormem_close(tensor);
}

static void refuses_unknown_flags(void)
{
	struct tensormem_meta meta = {0};
	struct tensormem *tensor = created(SIZE);

	REFUSED(tensormem_map(tensor, 1U << 7), EINVAL);
	REFUSED(tensormem_slice(tensor, 0, 4096, 1U << 7, &meta), EINVAL);
	tensormem_close(tensor);
}

static void a_slice_is_a_part_that_shares_memory(void)
{
	struct tensormem_meta meta = {.name = "part", .dtype = FLOAT32, .dimensions = 1, .shape = {1024}};
	struct tensormem *tensor = created(SIZE), *slice, *inner;
	struct tensormem_info info;
	char *whole, *part;

	slice = tensormem_slice(tensor, 8192, 8192, 0, &meta);
	EXPECT(slice != NULL);
	info = info_of(slice);
	EXPECT(info.size == 8192 && info.offset == 8192 && info.flags & TENSORMEM_INFO_SLICE);
	EXPECT(strcmp(info.meta.name, "part") == 0 && info.meta.shape[0] == 1024);
	whole = tensormem_map(tensor, TENSORMEM_MAP_WRITE);
	part = tensormem_map(slice, TENSORMEM_MAP_WRITE);
	part[5] = 'x';
	EXPECT(whole[8192 + 5] == 'x');
	inner = tensormem_slice(slice, 4096, 4096, TENSORMEM_SLICE_READ_ONLY, &meta);
	EXPECT(inner != NULL);
	EXPECT(info_of(inner).offset == 12288 && info_of(inner).flags & TENSORMEM_INFO_READ_ONLY);
	REFUSED(tensormem_map(inner, TENSORMEM_MAP_WRITE), EPERM);
	EXPECT(tensormem_unmap(tensor, whole) == 0);
	EXPECT(tensormem_unmap(slice, part) == 0);
	REFUSED(tensormem_seal(slice), EINVAL);
	EXPECT(tensormem_seal(tensor) == 0);
	EXPECT(info_of(slice).flags & TENSORMEM_INFO_SEALED);
	REFUSED(tensormem_map(slice, TENSORMEM_MAP_WRITE), EPERM);
	tensormem_close(inner);
	tensormem_close(tensor);
	part = tensormem_map(slice, 0); /* it keeps the memory alive */
	EXPECT(part && part[5] == 'x');
	EXPECT(tensormem_unmap(slice, part) == 0);
	tensormem_close(slice);
}

static void refuses_slices_that_lie_outside(void)
{
	struct tensormem_meta meta = {0}, large = {.dtype = FLOAT32, .dimensions = 1, .shape = {1025}};
	struct tensormem *tensor = created(16384);

	REFUSED(tensormem_slice(tensor, 16384, 1, 0, &meta), EINVAL);
	REFUSED(tensormem_slice(tensor, 12288, 4097, 0, &meta), EINVAL);
	REFUSED(tensormem_slice(tensor, 0, 0, 0, &meta), EINVAL);
	REFUSED(tensormem_slice(tensor, 100, 100, 0, &meta), EINVAL);
	REFUSED(tensormem_slice(tensor, 4096, UINT64_MAX - 4095, 0, &meta), EINVAL);
	REFUSED(tensormem_slice(tensor, UINT64_MAX - 4095, 8192, 0, &meta), EINVAL);
	REFUSED(tensormem_slice(tensor, 0, 4096, 0, &large), EINVAL);
	tensormem_close(tensor);
}

static void travels_to_another_process(void)
{
	struct tensormem_meta meta = {.name = "part"};
	struct tensormem *tensor = sealed(SIZE), *slice;
	int sockets[2], status;
	unsigned char *bytes;
	pid_t child;

	EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
	child = fork();
	if (child == 0) {
		tensormem_close(tensor);
		close(sockets[0]);
		tensor = tensormem_receive(sockets[1]);
		EXPECT(tensor != NULL);
		bytes = tensormem_map(tensor, 0);
		EXPECT(bytes && has_pattern(bytes, 0, SIZE));
		EXPECT(info_of(tensor).flags & TENSORMEM_INFO_SEALED);
		slice = tensormem_receive(sockets[1]);
		EXPECT(slice && info_of(slice).offset == 4096 && info_of(slice).size == 100);
		EXPECT(info_of(slice).flags & TENSORMEM_INFO_SLICE && strcmp(info_of(slice).meta.name, "part") == 0);
		bytes = tensormem_map(slice, 0);
		EXPECT(bytes && has_pattern(bytes, 4096, 100));
		REFUSED(tensormem_receive(sockets[1]), ECONNRESET);
		tensormem_close(slice);
		tensormem_close(tensor);
		_exit(failures != 0);
	}
	close(sockets[1]);
	EXPECT(tensormem_send(sockets[0], tensor) == 0);
	slice = tensormem_slice(tensor, 4096, 100, 0, &meta);
	EXPECT(tensormem_send(sockets[0], slice) == 0);
	close(sockets[0]);
	EXPECT(waitpid(child, &status, 0) == child && status == 0);
	tensormem_close(slice);
	tensormem_close(tensor);
}

/* Send `size` bytes and the file descriptor; what comes of it at the other end is refused. */
static void refused_at_the_other_end(int fd, const void *bytes, size_t size)
{
	struct iovec part = {.iov_base = (void *)bytes, .iov_len = size};
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr aligned;
	} control = {0};
	struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
	int sockets[2];

	if (fd >= 0) {
		header.msg_control = &control;
		header.msg_controllen = sizeof(control);
		control.aligned.cmsg_level = SOL_SOCKET;
		control.aligned.cmsg_type = SCM_RIGHTS;
		control.aligned.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.aligned), &fd, sizeof(fd));
	}
	EXPECT(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets) == 0);
	EXPECT(sendmsg(sockets[0], &header, 0) == (ssize_t)size);
	errno = 0;
	EXPECT(tensormem_receive(sockets[1]) == NULL);
	EXPECT(errno == EBADMSG);
	close(sockets[0]);
	close(sockets[1]);
}

static void refuses_messages_that_mean_harm(void)
{
	struct tensormem *tensor = sealed(SIZE);
	struct {
		uint32_t magic, layout, flags, reserved;
		uint64_t offset, size;
		struct tensormem_meta meta;
	} message = {.magic = 0x6d726e74, .layout = 1, .flags = 1, .size = 4096};
	int fd = tensormem_fd(tensor), other = memfd_create("empty", MFD_ALLOW_SEALING);

	refused_at_the_other_end(-1, &message, sizeof(message));
	refused_at_the_other_end(STDERR_FILENO, &message, sizeof(message));
	refused_at_the_other_end(other, &message, sizeof(message));
	refused_at_the_other_end(fd, &message, sizeof(message) - 1);
	message.offset = (SIZE / 4096 + 1) * 4096;
	refused_at_the_other_end(fd, &message, sizeof(message));
	message.offset = UINT64_MAX - 4095;
	refused_at_the_other_end(fd, &message, sizeof(message));
	message.offset = 1;
	refused_at_the_other_end(fd, &message, sizeof(message));
	message.offset = 0;
	message.flags = 1U << 9;
	refused_at_the_other_end(fd, &message, sizeof(message));
	message.flags = 1;
	message.meta.dimensions = 99;
	refused_at_the_other_end(fd, &message, sizeof(message));
	close(other);
	tensormem_close(tensor);
}

static void refuses_files_that_are_no_tensors(void)
{
	int sealed_file = memfd_create("large enough", MFD_ALLOW_SEALING), pipes[2];
	char page[4096];

	REFUSED(tensormem_from_fd(-1), EBADF);
	EXPECT(pipe(pipes) == 0);
	REFUSED(tensormem_from_fd(pipes[0]), EINVAL);
	memset(page, 0xff, sizeof(page));
	EXPECT(write(sealed_file, page, sizeof(page)) == sizeof(page));
	EXPECT(fcntl(sealed_file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0);
	REFUSED(tensormem_from_fd(sealed_file), EINVAL);
	close(pipes[0]);
	close(pipes[1]);
	close(sealed_file);
}

static void refuses_a_file_that_somebody_could_cut(void)
{
	struct tensormem *tensor = created(4096);
	int copy = memfd_create("copy", MFD_ALLOW_SEALING);
	char bytes[8192];

	if (kind) {
		EXPECT(pread(tensormem_fd(tensor), bytes, sizeof(bytes), 0) == sizeof(bytes));
		EXPECT(write(copy, bytes, sizeof(bytes)) == sizeof(bytes));
		REFUSED(tensormem_from_fd(copy), EINVAL);
		EXPECT(fcntl(copy, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0);
		tensormem_close(tensor);
		tensor = tensormem_from_fd(copy);
		EXPECT(tensor != NULL);
	}
	close(copy);
	tensormem_close(tensor);
}

/* Where a trailer keeps its size, and its first description: see trailer.h. */
#define TRAILER_BYTES 4096
#define SIZE_AT 16
#define META_AT 56

static void believes_no_trailer(void)
{
	uint64_t lies[] = {0, 1, 4097, 16385, UINT64_MAX, UINT64_MAX - 4095};
	struct tensormem *tensor = created(16384);
	struct tensormem_info info;
	int fd = tensormem_fd(tensor);
	uint32_t large = 99;

	if (!(kind & TENSORMEM_CREATE_MEMFD)) {
		tensormem_close(tensor); /* the kernel keeps what a trailer says elsewhere */
		return;
	}
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		EXPECT(pwrite(fd, &lies[i], sizeof(lies[i]), 16384 + SIZE_AT) == sizeof(lies[i]));
		REFUSED(tensormem_from_fd(fd), EINVAL);
	}
	/* Who has looked already goes by what it saw then. */
	EXPECT(tensormem_info(tensor, &info) == 0 && info.size == 16384);
	EXPECT(pwrite(fd, &large, sizeof(large), 16384 + META_AT + offsetof(struct tensormem_meta, dimensions)) == 4);
	REFUSED(tensormem_info(tensor, &info), EINVAL);
	tensormem_close(tensor);
}

static const char others[] = "made by somebody else";

/* A memfd of one page and a bit with a text at its start, sealed as `seals` say. */
static int foreign_memfd(int seals)
{
	int fd = memfd_create("foreign", MFD_ALLOW_SEALING);

	EXPECT(ftruncate(fd, 5000) == 0);
	EXPECT(pwrite(fd, others, sizeof(others), 0) == sizeof(others));
	EXPECT(fcntl(fd, F_ADD_SEALS, seals) == 0);
	return fd;
}

static uint32_t import_kind(void)
{
	return kind ? TENSORMEM_IMPORT_MEMFD : 0;
}

/* It is what foreign_memfd() made, whichever way it came here. */
static void is_foreign(struct tensormem *tensor)
{
	const uint32_t flags = TENSORMEM_INFO_SEALED | TENSORMEM_INFO_READ_ONLY | TENSORMEM_INFO_IMPORTED;
	struct tensormem_info info;
	char *bytes;

	EXPECT(tensor != NULL);
	if (!tensor)
		return;
	info = info_of(tensor);
	EXPECT(info.size == 5000 && (info.flags & flags) == flags && info.node == -1 && info.generation == 0);
	EXPECT(info.meta.dtype == TENSORMEM_DTYPE(1, 8, 1) && info.meta.shape[0] == 5000);
	bytes = tensormem_map(tensor, 0);
	EXPECT(bytes && strcmp(bytes, others) == 0);
	EXPECT(tensormem_unmap(tensor, bytes) == 0);
}

static void takes_memory_that_others_have_made(void)
{
	const struct tensormem_meta meta = {.dtype = TENSORMEM_DTYPE(1, 8, 1), .dimensions = 1, .shape = {5000}};
	int fd = foreign_memfd(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), sockets[2];
	struct tensormem *tensor = tensormem_import(fd, import_kind(), &meta), *slice, *received;
	uint64_t generation = 0;
	char *bytes;

	close(fd);
	is_foreign(tensor);
	REFUSED(tensormem_map(tensor, TENSORMEM_MAP_WRITE), EPERM);
	REFUSED(tensormem_set_meta(tensor, &meta), EPERM);
	REFUSED(tensormem_signal(tensor, &generation), EPERM);
	EXPECT(tensormem_wait(tensor, &generation, 0) == 0 && generation == 0);
	generation = 1;
	REFUSED(tensormem_wait(tensor, &generation, UINT64_MAX), EPERM);
	EXPECT(tensormem_seal(tensor) == 0); /* it is so already */
	slice = tensormem_slice(tensor, 4096, 904, 0, &(struct tensormem_meta){.name = "end"});
	EXPECT(slice != NULL);
	EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
	EXPECT(tensormem_send(sockets[0], tensor) == 0);
	EXPECT(tensormem_send(sockets[0], slice) == 0);
	received = tensormem_receive(sockets[1]);
	is_foreign(received);
	tensormem_close(received);
	received = tensormem_receive(sockets[1]);
	EXPECT(received && info_of(received).offset == 4096 && info_of(received).size == 904);
	EXPECT(received && strcmp(info_of(received).meta.name, "end") == 0);
	bytes = tensormem_map(received, 0);
	EXPECT(bytes && bytes[0] == 0 && bytes[903] == 0);
	EXPECT(tensormem_unmap(received, bytes) == 0);
	close(sockets[0]);
	close(sockets[1]);
	tensormem_close(received);
	tensormem_close(slice);
	tensormem_close(tensor);
}

static void takes_no_memory_that_can_be_changed(void)
{
	const struct tensormem_meta nothing = {0}, large = {.dtype = FLOAT32, .dimensions = 1, .shape = {1251}};
	const int all = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	const int seals[] = {0, F_SEAL_WRITE, F_SEAL_SHRINK | F_SEAL_GROW, F_SEAL_SHRINK | F_SEAL_WRITE};
	int fd, pipes[2];

	for (size_t i = 0; i < sizeof(seals) / sizeof(seals[0]); i++) {
		fd = foreign_memfd(seals[i]);
		REFUSED(tensormem_import(fd, import_kind(), &nothing), EINVAL);
		close(fd);
	}
	fd = foreign_memfd(all);
	REFUSED(tensormem_import(fd, import_kind(), &large), EINVAL);
	REFUSED(tensormem_import(fd, 1U << 9, &nothing), EINVAL);
	close(fd);
	REFUSED(tensormem_import(-1, import_kind(), &nothing), EBADF);
	EXPECT(pipe(pipes) == 0);
	REFUSED(tensormem_import(pipes[0], import_kind(), &nothing), EINVAL);
	close(pipes[0]);
	close(pipes[1]);
}

static void gives_devices_what_they_may_have(void)
{
	struct tensormem *open = created(8192), *closed = sealed(8192), *slice;
	int fd;

	REFUSED(tensormem_export(open, 1U << 7), EINVAL);
	REFUSED(tensormem_export(open, 0), EBUSY);
	REFUSED(tensormem_export(closed, TENSORMEM_EXPORT_WRITE), EPERM);
	slice = tensormem_slice(open, 0, 4096, TENSORMEM_SLICE_READ_ONLY, &(struct tensormem_meta){0});
	REFUSED(tensormem_export(slice, TENSORMEM_EXPORT_WRITE), EPERM);
	fd = tensormem_export(open, TENSORMEM_EXPORT_WRITE);
	if (fd >= 0) {
		EXPECT(lseek(fd, 0, SEEK_END) == 8192); /* a dma-buf tells its size so */
		EXPECT(fcntl(fd, F_GETFD) == FD_CLOEXEC);
		REFUSED(tensormem_seal(open), EBUSY); /* while a device may write */
		close(fd);
	} else {
		EXPECT(kind && errno == ENOTSUP); /* a memfd, and no /dev/udmabuf */
	}
	fd = tensormem_export(closed, 0);
	if (fd >= 0)
		EXPECT(!kind && lseek(fd, 0, SEEK_END) == 8192 && close(fd) == 0);
	else
		EXPECT(kind && errno == ENOTSUP); /* udmabuf takes only what can be written */
	tensormem_close(slice);
	tensormem_close(open);
	tensormem_close(closed);
}

static void generations_only_grow(void)
{
	struct tensormem *tensor = created(4096);
	uint64_t generation = 0;

	EXPECT(tensormem_signal(tensor, &generation) == 0 && generation == 1);
	generation = 5;
	EXPECT(tensormem_signal(tensor, &generation) == 0 && generation == 5);
	REFUSED(tensormem_signal(tensor, &generation), EINVAL);
	generation = 0;
	EXPECT(tensormem_wait(tensor, &generation, 0) == 0 && generation == 5);
	generation = 6;
	REFUSED(tensormem_wait(tensor, &generation, 0), ETIMEDOUT);
	generation = 6;
	REFUSED(tensormem_wait(tensor, &generation, now() + SECOND / 100), ETIMEDOUT);
	EXPECT(info_of(tensor).generation == 5);
	EXPECT(tensormem_seal(tensor) == 0);
	generation = 5;
	EXPECT(tensormem_wait(tensor, &generation, UINT64_MAX) == 0);
	generation = 6;
	REFUSED(tensormem_wait(tensor, &generation, UINT64_MAX), EPERM);
	tensormem_close(tensor);
}

static void a_signal_wakes_another_process(void)
{
	struct tensormem *tensor = created(4096);
	uint64_t generation;
	int status;
	pid_t child = fork();

	if (child == 0) {
		for (uint64_t turn = 1; turn < 2000; turn += 2) {
			generation = turn;
			EXPECT(tensormem_wait(tensor, &generation, now() + 60 * SECOND) == 0 && generation >= turn);
			generation = turn + 1;
			EXPECT(tensormem_signal(tensor, &generation) == 0);
		}
		tensormem_close(tensor);
		_exit(failures != 0);
	}
	for (uint64_t turn = 1; turn < 2000; turn += 2) {
		generation = turn;
		EXPECT(tensormem_signal(tensor, &generation) == 0);
		generation = turn + 1;
		EXPECT(tensormem_wait(tensor, &generation, now() + 60 * SECOND) == 0);
	}
	EXPECT(waitpid(child, &status, 0) == child && status == 0);
	tensormem_close(tensor);
}

static void *waits_for_what_never_comes(void *argument)
{
	uint64_t generation = 1;

	REFUSED(tensormem_wait(argument, &generation, UINT64_MAX), EPERM);
	return NULL;
}

static void a_seal_wakes_whoever_waits(void)
{
	for (int i = 0; i < 1000; i++) {
		struct tensormem *tensor = created(4096);
		pthread_t threads[3];

		for (int t = 0; t < 3; t++)
			pthread_create(&threads[t], NULL, waits_for_what_never_comes, tensor);
		if (i % 10 == 0)
			usleep(1000); /* after they have gone to sleep; else on their way */
		EXPECT(tensormem_seal(tensor) == 0);
		for (int t = 0; t < 3; t++)
			pthread_join(threads[t], NULL);
		tensormem_close(tensor);
	}
}

static void a_failed_seal_leaves_all_as_it_was(void)
{
	struct tensormem *tensor = created(4096);
	void *bytes = tensormem_map(tensor, TENSORMEM_MAP_WRITE);
	uint64_t generation = 0;

	REFUSED(tensormem_seal(tensor), EBUSY);
	EXPECT(tensormem_signal(tensor, &generation) == 0);
	generation = 2;
	REFUSED(tensormem_wait(tensor, &generation, now() + SECOND / 100), ETIMEDOUT);
	EXPECT(tensormem_unmap(tensor, bytes) == 0);
	tensormem_close(tensor);
}

static void a_pool_hands_out_what_it_has_and_makes_more(void)
{
	struct tensormem_request request = request_of(SIZE);
	struct tensormem_pool *pool = tensormem_pool_create(&request, 2);
	struct tensormem *tensors[3], *other = created(4096);

	EXPECT(pool && tensormem_pool_ready(pool) == 2);
	for (int i = 0; i < 3; i++) {
		tensors[i] = tensormem_pool_take(pool);
		EXPECT(tensors[i] && info_of(tensors[i]).size == SIZE);
	}
	EXPECT(tensormem_pool_ready(pool) == 0);
	REFUSED(tensormem_pool_put(pool, other), EINVAL);
	EXPECT(tensormem_seal(tensors[0]) == 0);
	REFUSED(tensormem_pool_put(pool, tensors[0]), EPERM);
	EXPECT(tensormem_pool_put(pool, tensors[1]) == 0);
	EXPECT(tensormem_pool_put(pool, tensors[2]) == 0);
	EXPECT(tensormem_pool_ready(pool) == 2);
	tensormem_close(other);
	tensormem_close(tensors[0]);
	tensormem_pool_close(pool);
	request.size = 0;
	REFUSED(tensormem_pool_create(&request, 2), EINVAL);
}

static int open_descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void closes_what_it_opened(void)
{
	int before = open_descriptors();

	says_what_it_was_made_as();
	refuses_messages_that_mean_harm();
	refuses_files_that_are_no_tensors();
	refuses_a_file_that_somebody_could_cut();
	a_slice_is_a_part_that_shares_memory();
	takes_memory_that_others_have_made();
	takes_no_memory_that_can_be_changed();
	gives_devices_what_they_may_have();
	a_pool_hands_out_what_it_has_and_makes_more();
	travels_to_another_process();
	EXPECT(open_descriptors() == before);
}

struct crowd {
	struct tensormem *tensor;
	bool over;
};

static void *describes(void *argument)
{
	struct crowd *crowd = argument;

	for (uint64_t i = 1; i < 3000; i++) {
		struct tensormem_meta meta = {.dtype = FLOAT32, .dimensions = 1, .shape = {i}, .model = (uint32_t)i};
		uint64_t generation = i;

		snprintf(meta.name, sizeof(meta.name), "%d", (int)i);
		EXPECT(tensormem_set_meta(crowd->tensor, &meta) == 0);
		EXPECT(tensormem_signal(crowd->tensor, &generation) == 0);
	}
	__atomic_store_n(&crowd->over, true, __ATOMIC_RELEASE);
	return NULL;
}

static void *looks(void *argument)
{
	struct crowd *crowd = argument;
	uint64_t generation = 0;

	while (!__atomic_load_n(&crowd->over, __ATOMIC_ACQUIRE)) {
		struct tensormem_info info = info_of(crowd->tensor);
		struct tensormem *slice = tensormem_slice(crowd->tensor, 4096, 4096, 0, &(struct tensormem_meta){0});

		EXPECT((uint64_t)atoi(info.meta.name) == info.meta.shape[0] && info.meta.model == info.meta.shape[0]);
		EXPECT(slice != NULL);
		tensormem_close(slice);
		generation++;
		EXPECT(tensormem_wait(crowd->tensor, &generation, now() + SECOND / 1000) == 0 || errno == ETIMEDOUT);
	}
	return NULL;
}

static void threads_see_whole_descriptions(void)
{
	struct crowd crowd = {.tensor = created(1 << 20)};
	pthread_t threads[4];

	for (int t = 0; t < 4; t++)
		pthread_create(&threads[t], NULL, t ? looks : describes, &crowd);
	for (int t = 0; t < 4; t++)
		pthread_join(threads[t], NULL);
	tensormem_close(crowd.tensor);
}

static void huge_pages_or_not_at_all(void)
{
	struct tensormem_request request = request_of(SIZE);
	struct tensormem *tensor;

	request.flags |= TENSORMEM_CREATE_HUGE;
	tensor = tensormem_create(&request);
	if (tensor)
		EXPECT(info_of(tensor).flags & TENSORMEM_INFO_HUGE);
	else
		EXPECT(errno == ENOMEM);
	tensormem_close(tensor);
	request.flags = kind | TENSORMEM_CREATE_HUGE_TRY;
	tensor = tensormem_create(&request);
	EXPECT(tensor != NULL);
	if (tensor) {
		char *bytes = tensormem_map(tensor, TENSORMEM_MAP_WRITE);

		bytes[SIZE - 1] = 1;
		EXPECT(tensormem_unmap(tensor, bytes) == 0);
		EXPECT(tensormem_seal(tensor) == 0);
	}
	tensormem_close(tensor);
}

static const struct a_case {
	const char *name;
	void (*run)(void);
} cases[] = {
#define CASE(function) {#function, function}
	CASE(says_what_it_was_made_as),
	CASE(lies_on_the_node_that_was_asked_for),
	CASE(refuses_wrong_requests),
	CASE(refuses_descriptions_that_do_not_fit),
	CASE(a_writable_mapping_keeps_the_seal_away),
	CASE(a_mapping_for_reading_does_not),
	CASE(what_is_sealed_cannot_be_written),
	CASE(refuses_unknown_flags),
	CASE(a_slice_is_a_part_that_shares_memory),
	CASE(refuses_slices_that_lie_outside),
	CASE(travels_to_another_process),
	CASE(refuses_messages_that_mean_harm),
	CASE(refuses_files_that_are_no_tensors),
	CASE(refuses_a_file_that_somebody_could_cut),
	CASE(believes_no_trailer),
	CASE(takes_memory_that_others_have_made),
	CASE(takes_no_memory_that_can_be_changed),
	CASE(gives_devices_what_they_may_have),
	CASE(generations_only_grow),
	CASE(a_signal_wakes_another_process),
	CASE(a_seal_wakes_whoever_waits),
	CASE(a_failed_seal_leaves_all_as_it_was),
	CASE(a_pool_hands_out_what_it_has_and_makes_more),
	CASE(closes_what_it_opened),
	CASE(threads_see_whole_descriptions),
	CASE(huge_pages_or_not_at_all),
#undef CASE
};

#define COUNT (sizeof(cases) / sizeof(cases[0]))

static const struct a_case *find(const char *name)
{
	for (size_t i = 0; i < COUNT; i++)
		if (strcmp(cases[i].name, name) == 0)
			return &cases[i];
	fprintf(stderr, "no case %s\n", name);
	exit(64);
}

/* 1 if an expectation failed. */
static int run(int number, const struct a_case *chosen)
{
	failures = 0;
	chosen->run();
	printf("%s %d %s\n", failures ? "not ok" : "ok", number, chosen->name);
	fflush(stdout);
	return failures != 0;
}

int main(int argc, char **argv)
{
	int failed = 0, count = argc > 2 ? argc - 2 : (int)COUNT;

	if (argc < 2 || (strcmp(argv[1], "memfd") != 0 && strcmp(argv[1], "device") != 0)) {
		fputs("Usage: conformance memfd|device [CASE...]\n", stderr);
		return 64;
	}
	kind = strcmp(argv[1], "memfd") == 0 ? TENSORMEM_CREATE_MEMFD : 0;
	if (!kind && access("/dev/tensor", R_OK | W_OK) < 0) {
		puts("TAP version 13\n1..0 # SKIP no /dev/tensor");
		return 77;
	}
	printf("TAP version 13\n1..%d\n", count);
	for (int i = 0; i < count; i++)
		failed |= run(i + 1, argc > 2 ? find(argv[2 + i]) : &cases[i]);
	return failed;
}
