/* SPDX-License-Identifier: Apache-2.0 */
/* What the command tensormem asks the broker. */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "packet.h"

#define SHORT_DIGEST 19 /* characters of one in a table */

/* The broker's own word, where it has said one. */
static int refused(struct tensormem_names *names, const char *about)
{
	return complain_of(about, errno, tensormem_refusal(names), EXIT_REFUSED);
}

struct listing {
	struct tensormem_named *found;
	size_t count;
};

static int by_place(const void *left, const void *right)
{
	const struct tensormem_named *one = left, *other = right;

	if (one->scope.kind != other->scope.kind)
		return one->scope.kind > other->scope.kind ? -1 : 1; /* groups, and then users */
	if (one->scope.number != other->scope.number)
		return one->scope.number < other->scope.number ? -1 : 1;
	return strcmp(one->name, other->name);
}

static void fill_listing(struct json_writer *writer, const void *context)
{
	const struct listing *listing = context;

	json_open(writer, NULL, '[');
	for (size_t i = 0; i < listing->count; i++) {
		json_open(writer, NULL, '{');
		named_write(writer, &listing->found[i]);
		json_close(writer, '}');
	}
	json_close(writer, ']');
}

static void print_table(const struct listing *listing)
{
	const char *row = "%-30s %-14s %10s %9s %-5s %-17s %.*s\n";

	printf(row, "NAME", "OF", "SIZE", "ATTACHED", "PAGES", "SINCE", SHORT_DIGEST, "CONTENT");
	for (size_t i = 0; i < listing->count; i++) {
		const struct tensormem_named *named = &listing->found[i];
		char place[32], size[SIZE_LENGTH], attached[24], since[24] = "";
		time_t published = (time_t)named->published;
		struct tm local;

		snprintf(place, sizeof(place), "%s %u", scope_name(named->scope.kind), named->scope.number);
		snprintf(attached, sizeof(attached), "%llu", (unsigned long long)named->attached);
		if (localtime_r(&published, &local))
			strftime(since, sizeof(since), "%Y-%m-%d %H:%M", &local);
		printf(row, named->name, place, size_text(named->size, size), attached,
		       named->flags & TENSORMEM_INFO_HUGE ? "2 MiB" : "small", since, SHORT_DIGEST, named->digest);
	}
}

static int list(struct tensormem_names *names, const struct wish *wish)
{
	struct listing listing;
	int status = 0;

	if (tensormem_list(names, &listing.found, &listing.count) < 0)
		return refused(names, "ls");
	qsort(listing.found, listing.count, sizeof(*listing.found), by_place);
	if (wish->json)
		status = print_json(fill_listing, &listing);
	else
		print_table(&listing);
	free(listing.found);
	return status;
}

static void fill_named(struct json_writer *writer, const void *named)
{
	json_open(writer, NULL, '{');
	named_write(writer, named);
	json_close(writer, '}');
}

static void fill_statistics(struct json_writer *writer, const void *statistics)
{
	json_open(writer, NULL, '{');
	statistics_write(writer, statistics);
	json_close(writer, '}');
}

static int stat_name(struct tensormem_names *names, const struct tensormem_scope *scope, const struct wish *wish)
{
	struct tensormem_statistics statistics;
	struct tensormem_named named;

	if (!wish->argument) {
		if (tensormem_statistics(names, &statistics) < 0)
			return refused(names, "stat");
		return print_json(fill_statistics, &statistics);
	}
	if (tensormem_look(names, scope, wish->argument, &named) < 0)
		return refused(names, wish->argument);
	return print_json(fill_named, &named);
}

/* The file's name without its folder and its ending; the caller's to free. */
static char *name_of(const char *path)
{
	char *name = strdup(basename(path)), *ending = name ? strrchr(name, '.') : NULL;

	if (ending && ending > name)
		*ending = '\0';
	return name;
}

static int malformed_or_refused(struct tensormem_names *names, const char *path, const char *why)
{
	const char *said = tensormem_refusal(names);

	if (errno == EBADMSG && !*said)
		return complain_of(path, EBADMSG, why, EXIT_DATA);
	if (!*said) /* the file, and no name */
		return complain_of(path, errno == ENOENT ? 0 : errno, *why ? why : strerror(errno), EXIT_REFUSED);
	return complain_of(path, errno, said, EXIT_REFUSED);
}

static void print_loaded(const char *name, struct tensormem *tensor, const struct tensormem_named *told)
{
	struct tensormem_model *model = tensormem_model_open(tensor, NULL);
	char size[SIZE_LENGTH];
	size_t count = 0;

	if (model)
		tensormem_model_parts(model, &count);
	tensormem_model_close(model);
	printf("%s: %zu tensors, %s, %s\n", name, count, size_text(told->size, size), told->digest);
}

static int load_and_publish(struct tensormem_names *names, const struct tensormem_scope *scope, const char *name,
			    const struct wish *wish, const struct tensormem_request *how)
{
	unsigned int flags = wish->replace ? TENSORMEM_PUBLISH_REPLACE : 0;
	struct tensormem_named told;
	char why[TENSORMEM_WHY];
	struct tensormem *tensor = tensormem_load(wish->argument, how, why);
	int status = 0;

	if (!tensor)
		return malformed_or_refused(names, wish->argument, why);
	if (tensormem_publish(names, scope, name, tensor, flags, &told) < 0)
		status = refused(names, name);
	else
		print_loaded(name, tensor, &told);
	tensormem_close(tensor);
	return status;
}

/* Have the model in memory, mapped, until a signal ends it; from the broker, or from the file where it has none. */
static int hold(struct tensormem_names *names, const struct tensormem_scope *scope, const char *name, const struct wish *wish,
		const struct tensormem_request *how)
{
	char why[TENSORMEM_WHY];
	struct tensormem *tensor = tensormem_attach_or_load(names, scope, name, wish->argument, how, why);
	struct tensormem_named told;
	sigset_t ends;
	int received;

	if (!tensor)
		return malformed_or_refused(names, wish->argument, why);
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigprocmask(SIG_BLOCK, &ends, NULL); /* from before it says that it holds it */
	if (!tensormem_map(tensor, TENSORMEM_MAP_POPULATE) || tensormem_look(names, scope, name, &told) < 0)
		return refused(names, name);
	print_loaded(name, tensor, &told);
	fflush(stdout);
	sigwait(&ends, &received);
	tensormem_close(tensor);
	return 0;
}

static int load(struct tensormem_names *names, const struct tensormem_scope *scope, const struct wish *wish)
{
	const struct tensormem_request how = {
		.flags = wish->huge ? TENSORMEM_CREATE_HUGE : TENSORMEM_CREATE_HUGE_TRY,
	};
	char *own = wish->name ? NULL : name_of(wish->argument);
	const char *name = wish->name ? wish->name : own;
	int status;

	if (!name)
		status = complain_of(wish->argument, ENOMEM, NULL, EXIT_REFUSED);
	else
		status = (wish->hold ? hold : load_and_publish)(names, scope, name, wish, &how);
	free(own);
	return status;
}

static int forget(struct tensormem_names *names, const struct tensormem_scope *scope, const struct wish *wish)
{
	return tensormem_remove(names, scope, wish->argument) < 0 ? refused(names, wish->argument) : 0;
}

/* A group by its name or number; false if there is none. */
static bool group_number(const char *text, uint32_t *number)
{
	const struct group *group;
	char *end;
	unsigned long found;

	errno = 0;
	found = strtoul(text, &end, 10);
	if (*text >= '0' && *text <= '9' && !*end && errno == 0 && found <= UINT32_MAX) {
		*number = (uint32_t)found;
		return true;
	}
	group = getgrnam(text);
	if (group)
		*number = group->gr_gid;
	return group != NULL;
}

int with_broker(const struct wish *wish)
{
	struct tensormem_scope group = {.kind = TENSORMEM_SCOPE_GROUP}, *scope = wish->group ? &group : NULL;
	struct tensormem_names *names;
	int status;

	if (wish->group && !group_number(wish->group, &group.number))
		return complain_of(wish->group, 0, "no such group: `getent group` lists them", EXIT_REFUSED);
	names = tensormem_connect(NULL);
	if (!names)
		return complain_of(broker_address(), errno, NULL, EXIT_NO_BROKER);
	if (strcmp(wish->command, "ls") == 0)
		status = list(names, wish);
	else if (strcmp(wish->command, "stat") == 0)
		status = stat_name(names, scope, wish);
	else if (strcmp(wish->command, "load") == 0)
		status = load(names, scope, wish);
	else
		status = forget(names, scope, wish);
	tensormem_disconnect(names);
	return status;
}
