/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors that are allocated ahead of the moment at which somebody waits for one. */
#include <errno.h>
#include <stdlib.h>

#include "backend.h"

struct tensormem_pool {
	struct tensormem_request request;
	pthread_mutex_t lock;
	unsigned int room;
	unsigned int ready;
	struct tensormem *tensors[];
};

struct tensormem_pool *tensormem_pool_create(const struct tensormem_request *request, unsigned int count)
{
	struct tensormem_pool *pool = calloc(1, sizeof(*pool) + count * sizeof(pool->tensors[0]));

	if (!pool)
		return NULL;
	pool->request = *request;
	pool->request.flags |= TENSORMEM_CREATE_POPULATE;
	pool->room = count;
	pthread_mutex_init(&pool->lock, NULL);
	while (pool->ready < count) {
		struct tensormem *tensor = tensormem_create(&pool->request);

		if (!tensor) {
			int error = errno;

			tensormem_pool_close(pool);
			return refuse_null(error);
		}
		pool->tensors[pool->ready++] = tensor;
	}
	return pool;
}

struct tensormem *tensormem_pool_take(struct tensormem_pool *pool)
{
	struct tensormem *tensor = NULL;

	pthread_mutex_lock(&pool->lock);
	if (pool->ready)
		tensor = pool->tensors[--pool->ready];
	pthread_mutex_unlock(&pool->lock);
	return tensor ? tensor : tensormem_create(&pool->request);
}

int tensormem_pool_put(struct tensormem_pool *pool, struct tensormem *tensor)
{
	struct tensormem_info info;
	bool kept = false;

	if (tensormem_info(tensor, &info) < 0)
		return -1;
	if (info.flags & TENSORMEM_INFO_SLICE || info.size != pool->request.size)
		return refuse(EINVAL);
	if (info.flags & (TENSORMEM_INFO_SEALED | TENSORMEM_INFO_READ_ONLY))
		return refuse(EPERM);
	pthread_mutex_lock(&pool->lock);
	if (pool->ready < pool->room) {
		pool->tensors[pool->ready++] = tensor;
		kept = true;
	}
	pthread_mutex_unlock(&pool->lock);
	if (!kept)
		tensormem_close(tensor);
	return 0;
}

unsigned int tensormem_pool_ready(struct tensormem_pool *pool)
{
	unsigned int ready;

	pthread_mutex_lock(&pool->lock);
	ready = pool->ready;
	pthread_mutex_unlock(&pool->lock);
	return ready;
}

void tensormem_pool_close(struct tensormem_pool *pool)
{
	if (!pool)
		return;
	while (pool->ready)
		tensormem_close(pool->tensors[--pool->ready]);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}
