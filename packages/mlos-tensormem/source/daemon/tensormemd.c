/* SPDX-License-Identifier: Apache-2.0 */
/* tensormemd: hands out sealed tensors by name, each connection served by a thread of its own. See tensormemd(8). */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "mebibytes.h"
#include "requests.h"

#define FIRST_DESCRIPTOR 3   /* that systemd hands over: SD_LISTEN_FDS_START */
#define MOST_CONNECTIONS 64  /* of one user at a time */
#define PATIENCE 600         /* seconds after which a connection that says nothing is closed */
#define STACK (256 << 10)    /* bytes, of a thread */
#define BACKLOG 128
#define EXIT_USAGE 64

struct connection {
	struct connection *next; /* of those that are served */
	struct registry *registry;
	int socket;
	struct peer peer;
	char packet[PACKET_SIZE];
	char answer[PACKET_SIZE];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct connection *connections;

/* Who is at the other end: as of the moment it connected. */
static int find_peer(int socket, struct peer *peer)
{
	socklen_t length = sizeof(peer->groups) - sizeof(peer->groups[0]);
	struct ucred credentials;
	socklen_t size = sizeof(credentials);

	if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
		return -1;
	peer->uid = credentials.uid;
	peer->groups[0] = credentials.gid;
	peer->group_count = 1;
	if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, &peer->groups[1], &length) == 0)
		peer->group_count += length / sizeof(peer->groups[0]);
	else if (errno != ERANGE) /* of so many groups only the first counts */
		return -1;
	return 0;
}

static bool enter(struct connection *connection)
{
	unsigned int count = 0;

	pthread_mutex_lock(&lock);
	for (struct connection *each = connections; each; each = each->next)
		count += each->peer.uid == connection->peer.uid;
	if (count < MOST_CONNECTIONS) {
		connection->next = connections;
		connections = connection;
	}
	pthread_mutex_unlock(&lock);
	return count < MOST_CONNECTIONS;
}

static void leave(const struct connection *connection)
{
	struct connection **place = &connections;

	pthread_mutex_lock(&lock);
	while (*place != connection)
		place = &(*place)->next;
	*place = connection->next;
	pthread_mutex_unlock(&lock);
}

/* One request and its answer; false when there is nothing more to be said. */
static bool exchange(struct connection *connection)
{
	static const struct refusal malformed = {
		.number = EBADMSG,
		.text = "the packet is no JSON, too long, or has more than one file descriptor",
	};
	struct json_writer answer = {.text = connection->answer, .room = sizeof(connection->answer)};
	ssize_t length;
	int fd, answer_fd;
	bool sent;

	length = packet_receive(connection->socket, connection->packet, &fd);
	if (length < 0 && errno == EBADMSG) {
		registry_count_refusal(connection->registry);
		write_refusal(&answer, &malformed);
		packet_send(connection->socket, &answer, -1);
	}
	if (length <= 0) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	answer_request(connection->registry, &connection->peer, connection->packet, (size_t)length, fd, &answer, &answer_fd);
	sent = packet_send(connection->socket, &answer, answer_fd) == 0;
	if (fd >= 0)
		close(fd);
	if (answer_fd >= 0)
		close(answer_fd);
	return sent;
}

static void *talk(void *argument)
{
	struct connection *connection = argument;

	if (find_peer(connection->socket, &connection->peer) == 0 && enter(connection)) {
		while (exchange(connection))
			;
		leave(connection);
	}
	close(connection->socket);
	free(connection);
	return NULL;
}

static int start(struct registry *registry, int socket, const pthread_attr_t *attributes)
{
	const struct timeval patience = {.tv_sec = PATIENCE};
	struct connection *connection = calloc(1, sizeof(*connection));
	pthread_t thread;

	if (!connection)
		return -1;
	connection->registry = registry;
	connection->socket = socket;
	if (setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0 &&
	    setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0 &&
	    pthread_create(&thread, attributes, talk, connection) == 0)
		return 0;
	free(connection);
	return -1;
}

/* Take connections, for ever. */
static void serve(struct registry *registry, int listener)
{
	pthread_attr_t attributes;

	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, STACK);
	for (;;) {
		int socket = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (socket >= 0 && start(registry, socket, &attributes) < 0)
			close(socket);
		else if (socket < 0 && errno != EINTR && errno != ECONNABORTED)
			usleep(100000); /* without file descriptors or memory: until somebody gives some back */
	}
}

/* The socket that systemd hands over, or else one of our own at `path`. */
static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	int listener;

	if (pid && count && strtol(pid, NULL, 10) == getpid() && strcmp(count, "1") == 0)
		return FIRST_DESCRIPTOR;
	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path, path);
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(listener, BACKLOG) < 0 ||
	    chmod(path, 0666) < 0) /* the kernel says who speaks, and the registry what they may */
		return -1;
	return listener;
}

static int usage(FILE *to)
{
	fputs("Usage: tensormemd [--socket PATH] [--limit MIB]\n"
	      "Hand out sealed tensors by name.\n"
	      "  --socket PATH  where to listen when systemd hands no socket over\n"
	      "  --limit MIB    of the contents of one user's names; half of the memory if not said\n",
	      to);
	return to == stderr ? EXIT_USAGE : 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"socket", required_argument, NULL, 's'},
		{"limit", required_argument, NULL, 'l'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	uint64_t limit = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) / 2;
	const char *path = broker_address();
	struct registry *registry;
	int option, listener;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 's')
			path = optarg;
		else if (option == 'l')
			limit = mebibytes(optarg);
		else
			return usage(option == 'h' ? stdout : stderr);
	}
	if (optind < argc || limit == 0)
		return usage(stderr);
	listener = listen_at(path);
	registry = registry_create(limit);
	if (listener < 0 || !registry) {
		fprintf(stderr, "tensormemd: %s: %m\n", path);
		return 1;
	}
	serve(registry, listener);
}
