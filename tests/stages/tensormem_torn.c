/* SPDX-License-Identifier: Apache-2.0 */
/* One thread changes a tensor's description as fast as it can, others read it: exit status 1 if one is ever torn. */
#include <pthread.h>
#include <stdbool.h>

#include "backend.h"
#include "trailer.h"

#define CHANGES 3000000

static struct trailer trailer;
static bool over, torn;

static void *changes(void *unused)
{
	for (uint64_t i = 1; i < CHANGES; i++) {
		struct tensormem_meta meta = {.name[0] = (char)i, .model = (uint32_t)i};

		for (int d = 0; d < TENSORMEM_DIMENSIONS; d++)
			meta.shape[d] = i;
		write_meta(&trailer, &meta);
	}
	__atomic_store_n(&over, true, __ATOMIC_RELEASE);
	return unused;
}

static void *reads(void *unused)
{
	while (!__atomic_load_n(&over, __ATOMIC_ACQUIRE)) {
		struct tensormem_meta meta;

		if (read_meta(&trailer, &meta) < 0)
			continue;
		for (int d = 0; d < TENSORMEM_DIMENSIONS; d++)
			if (meta.shape[d] != meta.model || meta.name[0] != (char)meta.model)
				__atomic_store_n(&torn, true, __ATOMIC_RELAXED);
	}
	return unused;
}

int main(void)
{
	pthread_t threads[3];

	for (int t = 0; t < 3; t++)
		pthread_create(&threads[t], NULL, t ? reads : changes, NULL);
	for (int t = 0; t < 3; t++)
		pthread_join(threads[t], NULL);
	return torn;
}
