/* SPDX-License-Identifier: Apache-2.0 */
/* Index files: where the samples of another file lie. A header, then struct dp_record as often as it says. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source.h"

#define INDEX_MAGIC "MLOSINDX"
#define INDEX_VERSION 1

struct index_header {
	char magic[8];
	uint32_t version;
	uint32_t unused;
	uint64_t records;
	uint64_t file_size; /* of what it is about */
};

static int write_all(int fd, const void *from, size_t size)
{
	const unsigned char *next = from;

	while (size > 0) {
		ssize_t written = write(fd, next, size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -1;
		next += written;
		size -= (size_t)written;
	}
	return 0;
}

static int read_all(int fd, void *to, size_t size)
{
	unsigned char *next = to;

	while (size > 0) {
		ssize_t got = read(fd, next, size);

		if (got < 0 && errno == EINTR)
			continue;
		if (got == 0)
			errno = EBADMSG;
		if (got <= 0)
			return -1;
		next += got;
		size -= (size_t)got;
	}
	return 0;
}

static int write_index(int fd, const char *of, const struct dp_record *records, size_t count)
{
	struct index_header header = {.version = INDEX_VERSION, .records = count};
	struct stat status;

	if (stat(of, &status) < 0)
		return -1;
	header.file_size = (uint64_t)status.st_size;
	memcpy(header.magic, INDEX_MAGIC, sizeof(header.magic));
	for (size_t i = 0; i < count; i++)
		if (records[i].offset > header.file_size || records[i].size > header.file_size - records[i].offset) {
			errno = EINVAL;
			return -1;
		}
	/* Whoever may read the samples may read where they are; mkostemp() lets nobody but us. */
	if (fchmod(fd, status.st_mode & 0666) < 0 || write_all(fd, &header, sizeof(header)) < 0)
		return -1;
	return write_all(fd, records, count * sizeof(*records));
}

int dp_index_write(const char *path, const char *of, const struct dp_record *records, size_t count)
{
	char *temporary;
	int fd, result, error;

	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		return -1;
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0) {
		free(temporary);
		return -1;
	}
	result = write_index(fd, of, records, count);
	if (result == 0)
		result = fsync(fd);
	if (result == 0)
		result = rename(temporary, path);
	error = errno;
	close(fd);
	if (result < 0)
		unlink(temporary);
	free(temporary);
	errno = error;
	return result;
}

/* The number of records, once the header and the size of the file agree. */
static int check_header(int fd, const struct index_header *header, uint64_t size)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return -1;
	errno = EBADMSG;
	if (memcmp(header->magic, INDEX_MAGIC, sizeof(header->magic)) != 0)
		return -1;
	if (header->version != INDEX_VERSION) {
		errno = EPROTONOSUPPORT;
		return -1;
	}
	if (header->file_size != size || header->records > SIZE_MAX / sizeof(struct dp_record) - 1)
		return -1;
	return (uint64_t)status.st_size == sizeof(*header) + header->records * sizeof(struct dp_record) ? 0 : -1;
}

static struct dp_record *load(int fd, uint64_t size, uint64_t *count)
{
	struct index_header header;
	struct dp_record *records;

	if (read_all(fd, &header, sizeof(header)) < 0 || check_header(fd, &header, size) < 0)
		return NULL;
	records = malloc((header.records + 1) * sizeof(*records));
	if (!records)
		return NULL;
	if (read_all(fd, records, header.records * sizeof(*records)) < 0) {
		free(records);
		return NULL;
	}
	*count = header.records;
	return records;
}

struct dp_record *index_load(const char *path, uint64_t size, uint64_t *count)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), error;
	struct dp_record *records;

	if (fd < 0)
		return NULL;
	records = load(fd, size, count);
	error = errno;
	close(fd);
	errno = error;
	return records;
}
