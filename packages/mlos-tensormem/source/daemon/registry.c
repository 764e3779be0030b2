/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "registry.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "content.h"
#include "packet.h"

/* A name of a content. */
struct name {
	struct name *next;
	struct tensormem_named told;
	struct content *content;
};

struct registry {
	pthread_mutex_t lock; /* of all below */
	uint64_t limit;
	struct name *names; /* in the order of their publication */
	struct content *contents;
	struct tensormem_statistics statistics;
};

struct registry *registry_create(uint64_t limit)
{
	struct registry *registry = calloc(1, sizeof(*registry));

	if (!registry)
		return NULL;
	pthread_mutex_init(&registry->lock, NULL);
	registry->limit = limit;
	registry->statistics.started = (uint64_t)time(NULL);
	return registry;
}

static bool may_change(const struct name *name, const struct peer *peer, struct refusal *refusal)
{
	return peer->uid == 0 || peer->uid == name->told.owner ||
	       refused(refusal, EACCES, "\"%.60s\" was published by another user", name->told.name);
}

/* Where the pointer to such a name is, or would be. */
static struct name **place_of(struct registry *registry, const struct tensormem_scope *scope, const char *name)
{
	struct name **place = &registry->names;

	while (*place && ((*place)->told.scope.kind != scope->kind || (*place)->told.scope.number != scope->number ||
			  strcmp((*place)->told.name, name) != 0))
		place = &(*place)->next;
	return place;
}

static struct name **find(struct registry *registry, const struct peer *peer, const struct tensormem_scope *scope,
			  const char *name, struct refusal *refusal)
{
	struct name **place;

	if (!may_use(scope, peer, refusal))
		return NULL;
	place = place_of(registry, scope, name);
	if (*place)
		return place;
	refused(refusal, ENOENT, "no tensor \"%.60s\" of %s %u", name, scope_name(scope->kind), scope->number);
	return NULL;
}

/* May a new name take its place? `*old` is whose place that is, or NULL. */
static bool may_publish(struct registry *registry, const struct peer *peer, const struct tensormem_scope *scope,
			const char *name, bool replace, struct name **old, struct refusal *refusal)
{
	*old = *place_of(registry, scope, name);
	if (!*old)
		return true;
	if (!replace)
		return refused(refusal, EEXIST, "there is a tensor \"%.60s\" already: remove it, or ask for a replacement", name);
	return may_change(*old, peer, refusal);
}

/* Is there room for a content, known or new, in the place of `old`? */
static bool has_room(struct registry *registry, const struct peer *peer, const struct name *old, uint64_t size,
		     const struct content *known, struct refusal *refusal)
{
	uint64_t used = 0, names = 0;

	for (struct content *each = registry->contents; each; each = each->next)
		each->counted = each == known;
	for (struct name *each = registry->names; each; each = each->next) {
		if (each->told.owner != peer->uid || each == old)
			continue;
		names++;
		if (!each->content->counted)
			used += each->content->info.size;
		each->content->counted = true;
	}
	if (names >= MOST_NAMES)
		return refused(refusal, EDQUOT, "user %u has %d names already", peer->uid, MOST_NAMES);
	if (size > registry->limit || used > registry->limit - size)
		return refused(refusal, EDQUOT,
			       "%" PRIu64 " bytes of user %u and %" PRIu64 " more exceed %" PRIu64, used, peer->uid, size,
			       registry->limit);
	return true;
}

static void forget_content(struct registry *registry, struct content *content)
{
	struct content **place = &registry->contents;

	if (--content->names)
		return;
	while (*place != content)
		place = &(*place)->next;
	*place = content->next;
	content_free(content);
}

static void forget_name(struct registry *registry, struct name **place)
{
	struct name *name = *place;

	*place = name->next;
	forget_content(registry, name->content);
	free(name);
}

/* Put a name at the end, in the place of `old`. Called with the lock, when nothing can fail any more. */
static void add_name(struct registry *registry, struct name *name, struct content *content)
{
	struct name **end = place_of(registry, &name->told.scope, name->told.name);

	content->names++;
	name->content = content;
	memcpy(name->told.digest, content->digest, sizeof(name->told.digest));
	name->told.flags = content->info.flags & (TENSORMEM_INFO_HUGE | TENSORMEM_INFO_DEVICE);
	if (*end)
		forget_name(registry, end);
	for (end = &registry->names; *end; end = &(*end)->next)
		;
	*end = name;
	registry->statistics.published++;
}

static struct name *new_name(const struct peer *peer, const struct tensormem_scope *scope, const char *name,
			     const struct tensormem_info *info)
{
	struct name *made = calloc(1, sizeof(*made));

	if (!made)
		return NULL;
	made->told = (struct tensormem_named){
		.scope = *scope,
		.owner = peer->uid,
		.size = info->size,
		.published = (uint64_t)time(NULL),
		.dtype = info->meta.dtype,
		.dimensions = info->meta.dimensions,
	};
	strcpy(made->told.name, name);
	memcpy(made->told.shape, info->meta.shape, sizeof(made->told.shape));
	return made;
}

/* What can be refused before the content has been looked at, which may take minutes. */
static bool check_content(struct registry *registry, const struct peer *peer, const struct tensormem_scope *scope,
			  const char *name, struct content *content, bool replace, struct refusal *refusal)
{
	struct name *old;
	bool may;

	if (!may_use(scope, peer, refusal))
		return false;
	if (tensormem_info(content->tensor, &content->info) < 0)
		return refused(refusal, EINVAL, "the tensor contradicts itself");
	if (!(content->info.flags & TENSORMEM_INFO_SEALED) || content->info.flags & TENSORMEM_INFO_SLICE)
		return refused(refusal, EINVAL, "only what is whole and sealed has a name: nobody may change it later");
	if (content->info.size > registry->limit)
		return refused(refusal, EDQUOT, "%" PRIu64 " bytes exceed the %" PRIu64 " of a user", content->info.size,
			       registry->limit);
	pthread_mutex_lock(&registry->lock);
	may = may_publish(registry, peer, scope, name, replace, &old, refusal);
	pthread_mutex_unlock(&registry->lock);
	return may;
}

bool registry_publish(struct registry *registry, const struct peer *peer, const struct tensormem_scope *scope,
		      const char *name, struct tensormem *tensor, bool replace, struct tensormem_named *told,
		      struct refusal *refusal)
{
	struct content *content = calloc(1, sizeof(*content)), *known;
	struct name *made = NULL, *old;
	bool done = false;

	if (!content) {
		tensormem_close(tensor);
		return refused(refusal, ENOMEM, "the broker has no memory left");
	}
	content->tensor = tensor;
	if (!check_content(registry, peer, scope, name, content, replace, refusal)) {
		content_free(content);
		return false;
	}
	if (content_digest(content) < 0)
		refused(refusal, EIO, "the tensor cannot be read: %m");
	else if (!(made = new_name(peer, scope, name, &content->info)))
		refused(refusal, ENOMEM, "the broker has no memory left");
	if (!made) {
		content_free(content);
		return false;
	}
	pthread_mutex_lock(&registry->lock);
	known = content_like(registry->contents, content);
	if (may_publish(registry, peer, scope, name, replace, &old, refusal) &&
	    has_room(registry, peer, old, content->info.size, known, refusal)) {
		if (known) {
			registry->statistics.shared++;
		} else {
			content->next = registry->contents;
			registry->contents = known = content;
			content = NULL;
		}
		add_name(registry, made, known);
		*told = made->told;
		made = NULL;
		done = true;
	}
	pthread_mutex_unlock(&registry->lock);
	free(made);
	content_free(content);
	return done;
}

bool registry_attach(struct registry *registry, const struct peer *peer, const struct tensormem_scope *scope,
		     const char *name, struct tensormem_named *told, int *fd, struct refusal *refusal)
{
	struct name **place;

	*fd = -1;
	pthread_mutex_lock(&registry->lock);
	place = find(registry, peer, scope, name, refusal);
	if (place) {
		*fd = fcntl(tensormem_fd((*place)->content->tensor), F_DUPFD_CLOEXEC, 0);
		if (*fd < 0)
			refused(refusal, errno, "the broker has no file descriptor left");
	}
	if (*fd >= 0) {
		(*place)->told.attached++;
		registry->statistics.attached++;
		*told = (*place)->told;
	}
	pthread_mutex_unlock(&registry->lock);
	return *fd >= 0;
}

bool registry_look(struct registry *registry, const struct peer *peer, const struct tensormem_scope *scope,
		   const char *name, struct tensormem_named *told, struct refusal *refusal)
{
	struct name **place;

	pthread_mutex_lock(&registry->lock);
	place = find(registry, peer, scope, name, refusal);
	if (place)
		*told = (*place)->told;
	pthread_mutex_unlock(&registry->lock);
	return place != NULL;
}

bool registry_remove(struct registry *registry, const struct peer *peer, const struct tensormem_scope *scope,
		     const char *name, struct refusal *refusal)
{
	struct name **place;
	bool may;

	pthread_mutex_lock(&registry->lock);
	place = find(registry, peer, scope, name, refusal);
	may = place && may_change(*place, peer, refusal);
	if (may)
		forget_name(registry, place);
	pthread_mutex_unlock(&registry->lock);
	return may;
}

uint64_t registry_list(struct registry *registry, const struct peer *peer, uint64_t from,
		       bool (*tell)(void *context, const struct tensormem_named *named), void *context)
{
	uint64_t left = 0;
	bool room = true;

	pthread_mutex_lock(&registry->lock);
	for (struct name *each = registry->names; each; each = each->next) {
		if (!open_to(&each->told.scope, peer))
			continue;
		if (from) {
			from--;
			continue;
		}
		room = room && tell(context, &each->told);
		left += !room;
	}
	pthread_mutex_unlock(&registry->lock);
	return left;
}

void registry_statistics(struct registry *registry, struct tensormem_statistics *statistics)
{
	pthread_mutex_lock(&registry->lock);
	*statistics = registry->statistics;
	for (struct content *each = registry->contents; each; each = each->next) {
		statistics->memory += each->info.size;
		statistics->memory_without_sharing += each->info.size * each->names;
	}
	pthread_mutex_unlock(&registry->lock);
}

void registry_count_refusal(struct registry *registry)
{
	pthread_mutex_lock(&registry->lock);
	registry->statistics.refused++;
	pthread_mutex_unlock(&registry->lock);
}
