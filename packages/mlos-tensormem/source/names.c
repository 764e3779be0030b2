/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors by name: the side of the programs that ask tensormemd. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "backend.h"
#include "packet.h"

struct tensormem_names {
	int socket;
	pthread_mutex_t lock; /* of one request and its answer */
	char refusal[LONGEST_TEXT];
	char packet[PACKET_SIZE];
};

/* What the broker answered. */
struct answer {
	uint64_t error;
	int fd;
	bool of_statistics; /* the same keys may mean other things there */
	struct tensormem_named named;
	struct tensormem_statistics statistics;
	struct tensormem_named *list;
	size_t count;
	uint64_t more; /* names that the list has no room for */
};

struct tensormem_names *tensormem_connect(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct tensormem_names *names;

	path = path ? path : broker_address();
	if (strlen(path) >= sizeof(address.sun_path))
		return refuse_null(ENAMETOOLONG);
	strcpy(address.sun_path, path);
	names = calloc(1, sizeof(*names));
	if (!names)
		return NULL;
	pthread_mutex_init(&names->lock, NULL);
	names->socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (names->socket < 0 || connect(names->socket, (struct sockaddr *)&address, sizeof(address)) < 0) {
		int error = errno;

		tensormem_disconnect(names);
		return refuse_null(error);
	}
	return names;
}

void tensormem_disconnect(struct tensormem_names *names)
{
	if (!names)
		return;
	if (names->socket >= 0)
		close(names->socket);
	pthread_mutex_destroy(&names->lock);
	free(names);
}

const char *tensormem_refusal(struct tensormem_names *names)
{
	return names->refusal;
}

static bool read_list(struct json *json, struct answer *answer)
{
	bool first = true;
	int more;

	if (!json_take(json, '['))
		return false;
	while ((more = json_element(json, &first)) == 1) {
		struct tensormem_named *grown = reallocarray(answer->list, answer->count + 1, sizeof(*grown)), *named;
		bool first_key = true;
		int more_keys;
		char *key;

		if (!grown || !json_take(json, '{'))
			return false;
		answer->list = grown;
		named = &grown[answer->count++];
		*named = (struct tensormem_named){0};
		while ((more_keys = json_member(json, &first_key, &key)) == 1) {
			int taken = named_read(json, key, named);

			if (taken < 0 || (taken == 0 && !json_skip(json)))
				return false;
		}
		if (more_keys < 0)
			return false;
	}
	return more == 0;
}

static bool read_refusal(struct json *json, struct tensormem_names *names)
{
	const char *text = json_text(json);

	if (text)
		strncpy(names->refusal, text, sizeof(names->refusal) - 1);
	return text != NULL;
}

static bool read_answer(struct tensormem_names *names, size_t length, struct answer *answer)
{
	struct json json = {names->packet, names->packet + length};
	bool first = true, good = true;
	char *key;
	int more;

	if (!json_take(&json, '{'))
		return false;
	while (good && (more = json_member(&json, &first, &key)) == 1) {
		int taken = 0;

		if (strcmp(key, "error") == 0)
			good = json_natural(&json, &answer->error) && answer->error > 0 && answer->error < 4096;
		else if (strcmp(key, "text") == 0)
			good = read_refusal(&json, names);
		else if (strcmp(key, "tensors") == 0)
			good = read_list(&json, answer);
		else if (strcmp(key, "more") == 0)
			good = json_natural(&json, &answer->more);
		else if (answer->of_statistics)
			good = (taken = statistics_read(&json, key, &answer->statistics)) > 0 || (taken == 0 && json_skip(&json));
		else
			good = (taken = named_read(&json, key, &answer->named)) > 0 || (taken == 0 && json_skip(&json));
	}
	return good && more == 0;
}

static void forget(struct answer *answer)
{
	if (answer->fd >= 0)
		close(answer->fd);
	free(answer->list);
	answer->list = NULL;
	answer->fd = -1;
}

/* Send the request that the packet has, and take the answer. Called with the lock. */
static int exchange(struct tensormem_names *names, const struct json_writer *request, int fd, struct answer *answer)
{
	ssize_t length;

	answer->fd = -1;
	memset(names->refusal, 0, sizeof(names->refusal));
	if (packet_send(names->socket, request, fd) < 0)
		return -1;
	length = packet_receive(names->socket, names->packet, &answer->fd);
	if (length < 0)
		return errno == EBADMSG ? refuse(EPROTO) : -1;
	if (length == 0)
		return refuse(ECONNRESET);
	if (!read_answer(names, (size_t)length, answer)) {
		forget(answer);
		return refuse(EPROTO);
	}
	if (answer->error) {
		forget(answer);
		return refuse((int)answer->error);
	}
	return 0;
}

static struct json_writer begin(struct tensormem_names *names, const char *what)
{
	struct json_writer writer = {.text = names->packet, .room = sizeof(names->packet)};

	pthread_mutex_lock(&names->lock);
	json_open(&writer, NULL, '{');
	json_put_text(&writer, "do", what);
	return writer;
}

static int end(struct tensormem_names *names, struct json_writer *writer, int fd, struct answer *answer)
{
	int result;

	json_close(writer, '}');
	result = exchange(names, writer, fd, answer);
	pthread_mutex_unlock(&names->lock);
	return result;
}

/* A request about a name. */
static int ask_of(struct tensormem_names *names, const char *what, const struct tensormem_scope *scope, const char *name,
		  bool replace, int fd, struct answer *answer)
{
	struct json_writer writer;

	if (!valid_name(name))
		return refuse(EINVAL);
	writer = begin(names, what);
	json_put_text(&writer, "name", name);
	if (scope) {
		json_put_text(&writer, "scope", scope_name(scope->kind));
		json_put_number(&writer, "number", scope->number);
	}
	if (replace)
		json_put_word(&writer, "replace", "true");
	return end(names, &writer, fd, answer);
}

int tensormem_publish(struct tensormem_names *names, const struct tensormem_scope *scope, const char *name,
		      struct tensormem *tensor, unsigned int flags, struct tensormem_named *told)
{
	struct answer answer = {0};

	if (flags & ~TENSORMEM_PUBLISH_REPLACE || tensor->slice || tensor->foreign)
		return refuse(EINVAL);
	if (ask_of(names, "publish", scope, name, flags & TENSORMEM_PUBLISH_REPLACE, tensor->fd, &answer) < 0)
		return -1;
	if (told)
		*told = answer.named;
	forget(&answer);
	return 0;
}

struct tensormem *tensormem_attach(struct tensormem_names *names, const struct tensormem_scope *scope, const char *name)
{
	struct answer answer = {0};
	struct tensormem *tensor;
	int error;

	if (ask_of(names, "attach", scope, name, false, -1, &answer) < 0)
		return NULL;
	tensor = answer.fd < 0 ? refuse_null(EPROTO) : tensormem_from_fd(answer.fd);
	error = errno;
	forget(&answer);
	errno = error;
	return tensor;
}

int tensormem_look(struct tensormem_names *names, const struct tensormem_scope *scope, const char *name,
		   struct tensormem_named *told)
{
	struct answer answer = {0};

	if (ask_of(names, "look", scope, name, false, -1, &answer) < 0)
		return -1;
	*told = answer.named;
	forget(&answer);
	return 0;
}

int tensormem_remove(struct tensormem_names *names, const struct tensormem_scope *scope, const char *name)
{
	struct answer answer = {0};

	if (ask_of(names, "remove", scope, name, false, -1, &answer) < 0)
		return -1;
	forget(&answer);
	return 0;
}

struct tensormem *tensormem_attach_or_load(struct tensormem_names *names, const struct tensormem_scope *scope,
					   const char *name, const char *path, const struct tensormem_request *how, char *why)
{
	struct tensormem *tensor = tensormem_attach(names, scope, name);
	int result, error;

	if (why)
		why[0] = '\0';
	if (tensor || errno != ENOENT)
		return tensor;
	names->refusal[0] = '\0'; /* from here on a missing file has the same number */
	tensor = tensormem_load(path, how, why);
	if (!tensor)
		return NULL;
	result = tensormem_publish(names, scope, name, tensor, 0, NULL);
	error = errno;
	tensormem_close(tensor);
	if (result < 0 && error != EEXIST) /* somebody was faster */
		return refuse_null(error);
	return tensormem_attach(names, scope, name);
}

/* One packet of the list, from that name on, put behind `*all`. How many more there are, or -1. */
static int64_t list_more(struct tensormem_names *names, struct tensormem_named **all, size_t *count)
{
	struct json_writer writer = begin(names, "list");
	struct answer answer = {0};
	struct tensormem_named *grown;

	json_put_number(&writer, "from", *count);
	if (end(names, &writer, -1, &answer) < 0)
		return -1;
	grown = reallocarray(*all, *count + answer.count + 1, sizeof(*grown));
	if (grown) {
		*all = grown;
		if (answer.count)
			memcpy(grown + *count, answer.list, answer.count * sizeof(*grown));
		*count += answer.count;
	}
	forget(&answer);
	if (!grown)
		return refuse(ENOMEM);
	return answer.more && !answer.count ? refuse(EPROTO) : (int64_t)answer.more;
}

int tensormem_list(struct tensormem_names *names, struct tensormem_named **found, size_t *count)
{
	struct tensormem_named *all = NULL;
	size_t known = 0;
	int64_t more;

	do
		more = list_more(names, &all, &known);
	while (more > 0); /* a packet has an end */
	if (more < 0) {
		int error = errno;

		free(all);
		return refuse(error);
	}
	*found = all;
	*count = known;
	return 0;
}

int tensormem_statistics(struct tensormem_names *names, struct tensormem_statistics *statistics)
{
	struct json_writer writer = begin(names, "statistics");
	struct answer answer = {.of_statistics = true};

	if (end(names, &writer, -1, &answer) < 0)
		return -1;
	*statistics = answer.statistics;
	forget(&answer);
	return 0;
}
