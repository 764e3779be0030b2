/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the format safetensors in sealed tensors. */
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend.h"
#include "header.h"

#define ALIGNMENT 4096 /* of the data in memory */
#define CHUNK (UINT64_C(64) << 20)

struct tensormem_model {
	struct header header;
	char *text; /* names lie in it */
};

/* A file being loaded. */
struct file {
	int fd;
	uint64_t size;
	uint64_t header; /* bytes of its header, padding too */
	uint64_t text;   /* without padding */
	char *why;
};

static uint64_t data_of(const struct file *file)
{
	return file->size - LENGTH_BYTES - file->header;
}

static int read_at(const struct file *file, void *to, uint64_t count, uint64_t offset)
{
	char *at = to;

	while (count) {
		ssize_t got = pread(file->fd, at, count < CHUNK ? count : CHUNK, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			return complain(file->why, "the file was cut while it was read");
		at += got;
		offset += (uint64_t)got;
		count -= (uint64_t)got;
	}
	return 0;
}

static int open_file(struct file *file, const char *path)
{
	struct stat status;

	/* Without O_NONBLOCK a pipe without a writer would be waited for. */
	file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (file->fd < 0 || fstat(file->fd, &status) < 0)
		return -1;
	if (S_ISDIR(status.st_mode))
		return refuse(EISDIR);
	if (!S_ISREG(status.st_mode))
		return complain(file->why, "it is no ordinary file");
	file->size = (uint64_t)status.st_size;
	return 0;
}

/* Does the header describe the file? Nothing is kept of it: the file may change until it is in memory. */
static int check_header(struct file *file)
{
	struct header header;
	uint64_t length;
	char *text;
	int result;

	if (file->size < LENGTH_BYTES)
		return complain(file->why, "it is shorter than the 8 bytes with which such a file begins");
	if (read_at(file, &length, sizeof(length), 0) < 0)
		return -1;
	file->header = file->text = le64toh(length);
	if (check_header_length(file->header, file->size, file->why) < 0)
		return -1;
	text = malloc(file->header + 1);
	if (!text)
		return -1;
	result = read_at(file, text, file->header, LENGTH_BYTES);
	if (result == 0) {
		while (file->text && text[file->text - 1] == ' ')
			file->text--;
		result = header_read(text, file->header, data_of(file), &header, file->why);
	}
	if (result == 0)
		header_free(&header);
	free(text);
	return result;
}

/* The header is padded anew, so that the data begin at a page and the same file gives the same bytes everywhere. */
static int fill(const struct file *file, struct tensormem *tensor, uint64_t start)
{
	char *memory = tensormem_map(tensor, TENSORMEM_MAP_WRITE | TENSORMEM_MAP_POPULATE);
	uint64_t length = htole64(start - LENGTH_BYTES);
	int result, error;

	if (!memory)
		return -1;
	memcpy(memory, &length, sizeof(length));
	memset(memory + LENGTH_BYTES + file->text, ' ', start - LENGTH_BYTES - file->text);
	result = read_at(file, memory + LENGTH_BYTES, file->text, LENGTH_BYTES);
	if (result == 0)
		result = read_at(file, memory + start, data_of(file), LENGTH_BYTES + file->header);
	error = errno;
	tensormem_unmap(tensor, memory);
	return result < 0 ? refuse(error) : 0;
}

/* The file's name without its folder and its ending, as far as there is room. */
static void name_after(const char *path, char *name)
{
	const char *base = strrchr(path, '/');
	const char *ending;
	size_t length;

	base = base ? base + 1 : path;
	ending = strrchr(base, '.');
	length = ending && ending > base ? (size_t)(ending - base) : strlen(base);
	if (length >= TENSORMEM_NAME_LENGTH)
		for (length = TENSORMEM_NAME_LENGTH - 1; length && (base[length] & 0xc0) == 0x80; length--)
			; /* not within a character */
	memcpy(name, base, length);
}

static struct tensormem *load(const struct file *file, const char *path, const struct tensormem_request *how)
{
	uint64_t start = (LENGTH_BYTES + file->text + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	struct tensormem_request request = {.size = start + data_of(file), .flags = how->flags, .node = how->node};
	struct tensormem_model *model;
	struct tensormem *tensor;
	int error;

	memcpy(request.meta.name, how->meta.name, sizeof(request.meta.name));
	request.meta.model = how->meta.model;
	if (!request.meta.name[0])
		name_after(path, request.meta.name);
	tensor = tensormem_create(&request);
	if (!tensor)
		return NULL;
	if (fill(file, tensor, start) == 0 && tensormem_seal(tensor) == 0) {
		/* What counts is what is in memory: the file may have been changed meanwhile. */
		model = tensormem_model_open(tensor, file->why);
		if (model) {
			tensormem_model_close(model);
			return tensor;
		}
	}
	error = errno;
	tensormem_close(tensor);
	return refuse_null(error);
}

struct tensormem *tensormem_load(const char *path, const struct tensormem_request *how, char *why)
{
	static const struct tensormem_request anyhow = {0};
	struct file file = {.why = why};
	struct tensormem *tensor = NULL;
	int error;

	how = how ? how : &anyhow;
	if (why)
		why[0] = '\0';
	if (open_file(&file, path) == 0 && check_header(&file) == 0)
		tensor = load(&file, path, how);
	error = errno;
	if (file.fd >= 0)
		close(file.fd);
	errno = error;
	return tensor;
}

/* A copy of the header, which is decoded in its place; and how long it is. */
static char *copy_header(struct tensormem *tensor, uint64_t size, uint64_t *length, char *why)
{
	const char *memory = tensormem_map(tensor, 0);
	char *text = NULL;
	int error;

	if (!memory)
		return NULL;
	memcpy(length, memory, sizeof(*length));
	*length = le64toh(*length);
	if (check_header_length(*length, size, why) == 0)
		text = malloc(*length + 1);
	if (text)
		memcpy(text, memory + LENGTH_BYTES, *length);
	error = errno;
	tensormem_unmap(tensor, (void *)memory);
	errno = error;
	return text;
}

struct tensormem_model *tensormem_model_open(struct tensormem *tensor, char *why)
{
	struct tensormem_model *model;
	struct tensormem_info info;
	uint64_t length;
	int error;

	if (why)
		why[0] = '\0';
	if (tensormem_info(tensor, &info) < 0)
		return NULL;
	if (!(info.flags & TENSORMEM_INFO_SEALED)) {
		complain(why, "a model whose memory can still be changed is not to be trusted: seal it");
		return refuse_null(EPERM);
	}
	if (info.size < LENGTH_BYTES) {
		complain(why, "it is shorter than the 8 bytes with which such a file begins");
		return NULL;
	}
	model = calloc(1, sizeof(*model));
	if (!model)
		return NULL;
	model->text = copy_header(tensor, info.size, &length, why);
	if (model->text && header_read(model->text, length, info.size - LENGTH_BYTES - length, &model->header, why) == 0) {
		for (size_t i = 0; i < model->header.count; i++)
			model->header.parts[i].offset += LENGTH_BYTES + length;
		return model;
	}
	error = errno;
	tensormem_model_close(model);
	return refuse_null(error);
}

void tensormem_model_close(struct tensormem_model *model)
{
	if (!model)
		return;
	header_free(&model->header);
	free(model->text);
	free(model);
}

const struct tensormem_part *tensormem_model_parts(const struct tensormem_model *model, size_t *count)
{
	*count = model->header.count;
	return model->header.parts;
}

static int by_name(const void *name, const void *part)
{
	return strcmp(name, (*(const struct tensormem_part *const *)part)->name);
}

const struct tensormem_part *tensormem_model_find(const struct tensormem_model *model, const char *name)
{
	const struct tensormem_part *const *found =
		bsearch(name, model->header.by_name, model->header.count, sizeof(*model->header.by_name), by_name);

	return found ? *found : refuse_null(ENOENT);
}

const char *const *tensormem_model_metadata(const struct tensormem_model *model, size_t *count)
{
	*count = model->header.pairs;
	return model->header.metadata;
}
