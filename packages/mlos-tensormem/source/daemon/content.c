/* SPDX-License-Identifier: Apache-2.0 */
#include "content.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK (UINT64_C(1) << 20)

/* A memfd is read and not mapped: then a part that was never written takes no memory. */
static int read_memfd(EVP_MD_CTX *context, int fd, uint64_t size)
{
	unsigned char *buffer = malloc(CHUNK);
	uint64_t done = 0;
	int result = buffer ? 0 : -1;

	while (result == 0 && done < size) {
		uint64_t wanted = size - done < CHUNK ? size - done : CHUNK;
		ssize_t got = pread(fd, buffer, wanted, (off_t)done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0 || !EVP_DigestUpdate(context, buffer, (size_t)got))
			result = -1;
		else
			done += (uint64_t)got;
	}
	free(buffer);
	return result;
}

static int read_mapping(EVP_MD_CTX *context, struct tensormem *tensor, uint64_t size)
{
	void *memory = tensormem_map(tensor, 0);
	int result;

	if (!memory)
		return -1;
	result = EVP_DigestUpdate(context, memory, size) ? 0 : -1;
	tensormem_unmap(tensor, memory);
	return result;
}

int content_digest(struct content *content)
{
	const struct tensormem_info *info = &content->info;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned char digest[EVP_MAX_MD_SIZE];
	char *text = content->digest;
	unsigned int length = 0;
	int result = -1;

	errno = EIO; /* libcrypto has numbers of its own */
	if (context && EVP_DigestInit_ex(context, EVP_sha256(), NULL))
		result = info->flags & TENSORMEM_INFO_DEVICE ? read_mapping(context, content->tensor, info->size)
							     : read_memfd(context, tensormem_fd(content->tensor), info->size);
	if (result == 0 && !EVP_DigestFinal_ex(context, digest, &length))
		result = -1;
	EVP_MD_CTX_free(context);
	if (result < 0)
		return -1;
	text += sprintf(text, "sha256:");
	for (unsigned int i = 0; i < length; i++)
		text += sprintf(text, "%02x", digest[i]);
	return 0;
}

static bool same_description(const struct tensormem_info *one, const struct tensormem_info *other)
{
	return one->size == other->size && one->meta.dtype == other->meta.dtype && one->meta.model == other->meta.model &&
	       one->meta.dimensions == other->meta.dimensions &&
	       memcmp(one->meta.shape, other->meta.shape, sizeof(one->meta.shape)) == 0 &&
	       memcmp(one->meta.stride, other->meta.stride, sizeof(one->meta.stride)) == 0;
}

struct content *content_like(struct content *each, const struct content *content)
{
	while (each && (strcmp(each->digest, content->digest) != 0 || !same_description(&each->info, &content->info)))
		each = each->next;
	return each;
}

void content_free(struct content *content)
{
	if (content)
		tensormem_close(content->tensor);
	free(content);
}
