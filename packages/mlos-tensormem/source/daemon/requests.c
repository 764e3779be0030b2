/* SPDX-License-Identifier: Apache-2.0 */
/* What a connection may ask for: tensormemd(8) has the protocol. */
#define _GNU_SOURCE
#include "requests.h"

#include <errno.h>
#include <string.h>

#define LARGEST_ENTRY 2048 /* of a list, in bytes; and what comes after the list */

/* What a packet says; what it does not say is NULL, -1 or false. */
struct request {
	const char *what;
	const char *name;
	const char *scope;
	int64_t number;
	uint64_t from;
	bool replace;
	int fd;
};

static bool read_number(struct json *json, uint64_t most, uint64_t *number)
{
	return json_natural(json, number) && *number <= most;
}

/* What one member of the request says; false, and which one it is, if it is not what is to stand there. */
static bool read_member(struct json *json, const char *key, struct request *request)
{
	uint64_t number;

	if (strcmp(key, "do") == 0)
		return (request->what = json_text(json)) != NULL;
	if (strcmp(key, "name") == 0)
		return (request->name = json_text(json)) != NULL;
	if (strcmp(key, "scope") == 0)
		return (request->scope = json_text(json)) != NULL;
	if (strcmp(key, "from") == 0)
		return read_number(json, INT64_MAX, &request->from);
	if (strcmp(key, "number") == 0) {
		if (!read_number(json, UINT32_MAX, &number))
			return false;
		request->number = (int64_t)number;
		return true;
	}
	if (strcmp(key, "replace") == 0) {
		request->replace = json_word(json, "true");
		return request->replace || json_word(json, "false");
	}
	return json_skip(json); /* of a later version */
}

static bool read_request(struct json *json, struct request *request, struct refusal *refusal)
{
	bool first = true;
	char *key;
	int more;

	if (!json_take(json, '{'))
		return refused(refusal, EBADMSG, "a request is an object");
	while ((more = json_member(json, &first, &key)) == 1)
		if (!read_member(json, key, request))
			return refused(refusal, EINVAL, "\"%.40s\" is not what it is to be", key);
	return more == 0 || refused(refusal, EBADMSG, "a request is an object");
}

/* Whose name is meant: the user's own, if nothing is said. */
static bool scope_of(const struct request *request, const struct peer *peer, struct tensormem_scope *scope,
		     struct refusal *refusal)
{
	scope->kind = request->scope ? scope_kind(request->scope) : TENSORMEM_SCOPE_USER;
	scope->number = request->number < 0 ? peer->uid : (uint32_t)request->number;
	if (scope->kind == 0 || (scope->kind == TENSORMEM_SCOPE_GROUP && request->number < 0))
		return refused(refusal, EINVAL, "a scope is \"user\" or \"group\" and its number");
	if (!request->name || !valid_name(request->name))
		return refused(refusal, EINVAL, "a name has 1 to %d bytes that can be printed", TENSORMEM_NAMED_LENGTH - 1);
	return true;
}

static bool publish(struct registry *registry, const struct peer *peer, const struct tensormem_scope *scope,
		    const struct request *request, struct tensormem_named *told, struct refusal *refusal)
{
	struct tensormem *tensor;

	if (request->fd < 0)
		return refused(refusal, EINVAL, "a file descriptor is missing");
	tensor = tensormem_from_fd(request->fd);
	if (!tensor)
		return refused(refusal, errno, "the file descriptor is no tensor");
	return registry_publish(registry, peer, scope, request->name, tensor, request->replace, told, refusal);
}

/* What is asked of one name. */
static bool answer_of_name(struct registry *registry, const struct peer *peer, const struct request *request,
			   struct json_writer *answer, int *answer_fd, struct refusal *refusal)
{
	struct tensormem_named told = {0};
	struct tensormem_scope scope;
	bool done;

	if (!scope_of(request, peer, &scope, refusal))
		return false;
	if (strcmp(request->what, "publish") == 0)
		done = publish(registry, peer, &scope, request, &told, refusal);
	else if (strcmp(request->what, "attach") == 0)
		done = registry_attach(registry, peer, &scope, request->name, &told, answer_fd, refusal);
	else if (strcmp(request->what, "look") == 0)
		done = registry_look(registry, peer, &scope, request->name, &told, refusal);
	else
		done = registry_remove(registry, peer, &scope, request->name, refusal);
	if (done && told.name[0])
		named_write(answer, &told);
	return done;
}

static bool tell_entry(void *context, const struct tensormem_named *named)
{
	struct json_writer *answer = context;

	if (answer->room - answer->used < 2 * LARGEST_ENTRY)
		return false;
	json_open(answer, NULL, '{');
	named_write(answer, named);
	json_close(answer, '}');
	return true;
}

static void list(struct registry *registry, const struct peer *peer, uint64_t from, struct json_writer *answer)
{
	uint64_t left;

	json_open(answer, "tensors", '[');
	left = registry_list(registry, peer, from, tell_entry, answer);
	json_close(answer, ']');
	json_put_number(answer, "more", left);
}

static bool fulfil(struct registry *registry, const struct peer *peer, const struct request *request,
		   struct json_writer *answer, int *answer_fd, struct refusal *refusal)
{
	static const char *const of_names[] = {"publish", "attach", "look", "remove"};
	struct tensormem_statistics statistics;

	if (!request->what)
		return refused(refusal, EINVAL, "the request does not say what to do");
	for (size_t i = 0; i < sizeof(of_names) / sizeof(of_names[0]); i++)
		if (strcmp(request->what, of_names[i]) == 0)
			return answer_of_name(registry, peer, request, answer, answer_fd, refusal);
	if (strcmp(request->what, "list") == 0) {
		list(registry, peer, request->from, answer);
		return true;
	}
	if (strcmp(request->what, "statistics") == 0) {
		registry_statistics(registry, &statistics);
		statistics_write(answer, &statistics);
		return true;
	}
	return refused(refusal, EINVAL, "nothing that the broker does: \"%.40s\"", request->what);
}

void write_refusal(struct json_writer *answer, const struct refusal *refusal)
{
	*answer = (struct json_writer){.text = answer->text, .room = answer->room};
	json_open(answer, NULL, '{');
	json_put_number(answer, "error", (uint64_t)refusal->number);
	json_put_text(answer, "text", refusal->text);
	json_close(answer, '}');
}

void answer_request(struct registry *registry, const struct peer *peer, char *text, size_t length, int fd,
		    struct json_writer *answer, int *answer_fd)
{
	struct request request = {.number = -1, .fd = fd};
	struct json json = {text, text + length};
	struct refusal refusal = {0};

	*answer_fd = -1;
	json_open(answer, NULL, '{');
	json_put_word(answer, "ok", "true");
	if (read_request(&json, &request, &refusal) && fulfil(registry, peer, &request, answer, answer_fd, &refusal)) {
		json_close(answer, '}');
		return;
	}
	registry_count_refusal(registry);
	write_refusal(answer, &refusal);
}
