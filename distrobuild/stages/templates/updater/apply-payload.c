/*
 * apply-payload: write the /usr and the kernel of an update payload to where they belong.
 *
 *     apply-payload KEY PAYLOAD PARTITION KERNEL
 *
 * KEY is an RSA public key (PEM), PAYLOAD a full payload as Flatcar's update_engine reads it: `CrAU`, version and length
 * of the manifest (64 bits each, big-endian), the manifest (protobuf, update_metadata.proto), the data of its operations,
 * the signatures (PKCS #1 v1.5 over the SHA-256 of all that stands before them). Nothing is written before the signature
 * was found good. What was written is read again and compared with the digests in the manifest.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include <bzlib.h>
#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 4096, HEADER = 20, DIGEST = 32, CHUNK = 1 << 20, SIGNATURE_VERSION = 2 };
enum { REPLACE = 0, REPLACE_BZ = 1 };
enum { KERNEL = 0 };

/* Bytes that somebody else owns. */
struct bytes {
	const uint8_t *at;
	size_t size;
};

/* One field of a protobuf message: a number, or bytes. */
struct field {
	uint64_t number;
	uint64_t value;
	struct bytes content;
};

struct payload {
	struct bytes file;
	struct bytes manifest;
	struct bytes data;
	uint64_t signatures_offset;
	uint64_t signatures_size;
};

/* Where operations write to, and what must come out. */
struct output {
	const char *path;
	int file;
	uint64_t size;
	struct bytes digest;
};

static uint64_t big_endian(const uint8_t *at)
{
	uint64_t value = 0;

	for (int byte = 0; byte < 8; byte++)
		value = value << 8 | at[byte];
	return value;
}

static uint64_t read_varint(struct bytes *message)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; shift < 64; shift += 7) {
		if (!message->size)
			break;
		uint8_t byte = *message->at;
		message->at++;
		message->size--;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
	errx(1, "the manifest is damaged: a number does not end");
}

/* Take the next field from a message; false at its end. */
static bool next_field(struct bytes *message, struct field *field)
{
	if (!message->size)
		return false;
	uint64_t tag = read_varint(message);
	*field = (struct field){ .number = tag >> 3 };
	uint64_t size = 0;
	switch (tag & 7) {
	case 0:
		field->value = read_varint(message);
		return true;
	case 1:
		size = 8;
		break;
	case 2:
		size = read_varint(message);
		break;
	case 5:
		size = 4;
		break;
	default:
		errx(1, "the manifest is damaged: a field of an unknown kind");
	}
	if (size > message->size)
		errx(1, "the manifest is damaged: a field is longer than what is left");
	field->content = (struct bytes){ message->at, size };
	message->at += size;
	message->size -= size;
	return true;
}

static struct bytes map_file(const char *path)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;

	if (file < 0 || fstat(file, &status) < 0)
		err(1, "%s", path);
	if (!S_ISREG(status.st_mode) || status.st_size < HEADER)
		errx(1, "%s is no update payload", path);
	void *at = mmap(NULL, status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
	if (at == MAP_FAILED)
		err(1, "%s", path);
	close(file);
	return (struct bytes){ at, status.st_size };
}

static struct payload read_payload(const char *path)
{
	struct payload payload = { .file = map_file(path) };
	const uint8_t *at = payload.file.at;

	if (memcmp(at, "CrAU", 4) != 0)
		errx(1, "%s is no update payload", path);
	if (big_endian(at + 4) != 1)
		errx(1, "%s has format %" PRIu64 ", this program knows 1", path, big_endian(at + 4));
	uint64_t length = big_endian(at + 12);
	if (length > payload.file.size - HEADER)
		errx(1, "%s was cut off", path);
	payload.manifest = (struct bytes){ at + HEADER, length };
	payload.data = (struct bytes){ at + HEADER + length, payload.file.size - HEADER - length };

	struct bytes rest = payload.manifest;
	for (struct field field; next_field(&rest, &field);) {
		if (field.number == 3 && field.value != BLOCK)
			errx(1, "%s has blocks of %" PRIu64 " bytes, not %d", path, field.value, BLOCK);
		if (field.number == 4)
			payload.signatures_offset = field.value;
		if (field.number == 5)
			payload.signatures_size = field.value;
	}
	if (!payload.signatures_offset || !payload.signatures_size)
		errx(1, "%s is not signed", path);
	if (payload.signatures_offset > payload.data.size ||
	    payload.signatures_size != payload.data.size - payload.signatures_offset)
		errx(1, "%s was cut off", path);
	return payload;
}

/* The signature of the version that counts; no bytes if there is none. */
static struct bytes find_signature(const struct payload *payload)
{
	struct bytes list = { payload->data.at + payload->signatures_offset, payload->signatures_size };

	for (struct field each; next_field(&list, &each);) {
		struct bytes found = { NULL, 0 };
		uint64_t version = 0;
		for (struct field field; each.number == 1 && next_field(&each.content, &field);) {
			if (field.number == 1)
				version = field.value;
			if (field.number == 2)
				found = field.content;
		}
		if (version == SIGNATURE_VERSION)
			return found;
	}
	return (struct bytes){ NULL, 0 };
}

static void check_signature(const struct payload *payload, const char *path, const char *key_path)
{
	FILE *file = fopen(key_path, "re");
	if (!file)
		err(1, "%s", key_path);
	EVP_PKEY *key = PEM_read_PUBKEY(file, NULL, NULL, NULL);
	fclose(file);
	if (!key || EVP_PKEY_base_id(key) != EVP_PKEY_RSA)
		errx(1, "%s is no RSA public key", key_path);

	struct bytes signature = find_signature(payload);
	size_t covered = payload->data.at + payload->signatures_offset - payload->file.at;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	if (!context || EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) != 1)
		errx(1, "no memory");
	if (EVP_DigestVerify(context, signature.at, signature.size, payload->file.at, covered) != 1)
		errx(1, "the signature of %s does not fit: it was signed with another key, or changed afterwards", path);
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(key);
}

static bool is_empty(const uint8_t *at, size_t size)
{
	return !*at && memcmp(at, at + 1, size - 1) == 0;
}

static void write_blocks(const struct output *output, uint64_t block, const uint8_t *at, uint64_t count)
{
	uint64_t room = (output->size + BLOCK - 1) / BLOCK;

	if (!count || block > room || count > room - block)
		errx(1, "the payload writes behind the end of %s", output->path);
	off_t place = block * BLOCK;
	size_t size = count * BLOCK;
	/* Most of a slot is empty, and a disk can be told so. */
	if (is_empty(at, size) && fallocate(output->file, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, place, size) == 0)
		return;
	while (size) {
		ssize_t written = pwrite(output->file, at, size, place);
		if (written <= 0)
			err(1, "%s", output->path);
		at += written;
		place += written;
		size -= written;
	}
}

static void check_digest(struct bytes content, struct bytes digest, const char *what)
{
	uint8_t found[DIGEST];

	if (EVP_Digest(content.at, content.size, found, NULL, EVP_sha256(), NULL) != 1)
		errx(1, "no memory");
	if (digest.size != DIGEST || memcmp(found, digest.at, DIGEST) != 0)
		errx(1, "%s is damaged", what);
}

/* The number of blocks in all extents of an operation. */
static uint64_t count_blocks(struct bytes operation, const struct output *output)
{
	uint64_t blocks = 0;

	for (struct field field; next_field(&operation, &field);)
		for (struct field part; field.number == 6 && next_field(&field.content, &part);)
			if (part.number == 2)
				blocks += part.value < output->size ? part.value : output->size;
	if (!blocks || blocks > output->size / BLOCK + 1)
		errx(1, "the manifest is damaged: an operation writes %" PRIu64 " blocks", blocks);
	return blocks;
}

static void apply(const struct payload *payload, struct bytes operation, const struct output *output)
{
	uint64_t kind = 0, offset = 0, length = 0;
	struct bytes digest = { NULL, 0 }, rest = operation;

	for (struct field field; next_field(&rest, &field);) {
		if (field.number == 1)
			kind = field.value;
		if (field.number == 2)
			offset = field.value;
		if (field.number == 3)
			length = field.value;
		if (field.number == 8)
			digest = field.content;
	}
	if (offset > payload->signatures_offset || length > payload->signatures_offset - offset)
		errx(1, "the manifest is damaged: an operation's data is not there");
	struct bytes stored = { payload->data.at + offset, length };
	check_digest(stored, digest, "the payload's data");

	uint64_t room = count_blocks(operation, output) * BLOCK;
	uint8_t *content = calloc(1, room);
	if (!content)
		errx(1, "no memory");
	unsigned int size = room;
	if (kind == REPLACE && length <= room)
		memcpy(content, stored.at, length);
	else if (kind != REPLACE_BZ || room > UINT32_MAX ||
		 BZ2_bzBuffToBuffDecompress((char *)content, &size, (char *)stored.at, length, 0, 0) != BZ_OK)
		errx(1, "the payload has an operation that cannot be done: no full update, or damaged");

	const uint8_t *at = content;
	for (struct field field; next_field(&operation, &field);) {
		if (field.number != 6)
			continue;
		uint64_t start = 0, count = 0;
		for (struct field part; next_field(&field.content, &part);)
			*(part.number == 1 ? &start : &count) = part.value;
		write_blocks(output, start, at, count);
		at += count * BLOCK;
	}
	free(content);
}

static void read_info(struct bytes info, struct output *output)
{
	for (struct field field; next_field(&info, &field);) {
		if (field.number == 1)
			output->size = field.value;
		if (field.number == 2)
			output->digest = field.content;
	}
}

static struct output open_output(const char *path, int flags)
{
	struct output output = { .path = path, .file = open(path, O_RDWR | O_CLOEXEC | flags, 0644) };

	if (output.file < 0)
		err(1, "%s", path);
	return output;
}

/* What a device says must be what was written, not what the kernel remembers of it. */
static void check_output(const struct output *output)
{
	uint8_t *buffer = malloc(CHUNK), found[DIGEST];
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	if (fsync(output->file) < 0)
		err(1, "%s", output->path);
	ioctl(output->file, BLKFLSBUF);
	if (!buffer || !context || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1)
		errx(1, "no memory");
	for (uint64_t place = 0; place < output->size;) {
		size_t wanted = output->size - place < CHUNK ? output->size - place : CHUNK;
		ssize_t size = pread(output->file, buffer, wanted, place);
		if (size <= 0)
			err(1, "%s", output->path);
		EVP_DigestUpdate(context, buffer, size);
		place += size;
	}
	EVP_DigestFinal_ex(context, found, NULL);
	if (output->digest.size != DIGEST || memcmp(found, output->digest.at, DIGEST) != 0)
		errx(1, "%s does not hold what the payload says", output->path);
	EVP_MD_CTX_free(context);
	free(buffer);
}

/* Do the operations that stand in fields of this number, in their order. */
static void install(const struct payload *payload, struct bytes list, uint64_t number, struct output *output)
{
	if (!output->size)
		errx(1, "the manifest is damaged: it does not say what comes out");
	for (struct field field; next_field(&list, &field);)
		if (field.number == number)
			apply(payload, field.content, output);
	check_output(output);
}

static void install_partition(const struct payload *payload, const char *path)
{
	struct output output = open_output(path, O_EXCL);
	struct bytes rest = payload->manifest;

	for (struct field field; next_field(&rest, &field);)
		if (field.number == 9)
			read_info(field.content, &output);
	off_t room = lseek(output.file, 0, SEEK_END);
	if (room < 0 || output.size > (uint64_t)room)
		errx(1, "%s has no room for %" PRIu64 " bytes", path, output.size);
	install(payload, payload->manifest, 1, &output);
	close(output.file);
}

static void install_kernel(const struct payload *payload, const char *path)
{
	struct bytes rest = payload->manifest;

	for (struct field field; next_field(&rest, &field);) {
		struct bytes procedure = field.content;
		uint64_t type = KERNEL;
		struct bytes info = { NULL, 0 };
		for (struct field part; field.number == 10 && next_field(&procedure, &part);) {
			if (part.number == 1)
				type = part.value;
			if (part.number == 4)
				info = part.content;
		}
		if (field.number != 10 || type != KERNEL)
			continue;
		struct output output = open_output(path, O_CREAT | O_TRUNC);
		read_info(info, &output);
		install(payload, field.content, 2, &output);
		if (ftruncate(output.file, output.size) < 0 || fsync(output.file) < 0 || close(output.file) < 0)
			err(1, "%s", path);
		return;
	}
	errx(1, "the payload brings no kernel");
}

int main(int count, char *arguments[])
{
	if (count != 5) {
		fprintf(stderr, "usage: apply-payload KEY PAYLOAD PARTITION KERNEL\n");
		return 2;
	}
	struct payload payload = read_payload(arguments[2]);
	check_signature(&payload, arguments[2], arguments[1]);
	install_partition(&payload, arguments[3]);
	install_kernel(&payload, arguments[4]);
	return 0;
}
