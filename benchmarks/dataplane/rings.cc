/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rings MESSAGES ROUNDS: pass messages of 64 bytes between two processes, each on a processor of its own, through several
 * rings in turn, and print for each the nanoseconds per message of its best round.
 *
 * Everybody's ring stands in the same kind of memory and has as many slots, and whoever can pass several messages at once
 * (all but Concurrency Kit's) does so.
 */
#include <boost/lockfree/spsc_queue.hpp>
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "mlos/dataplane.h"

extern "C" {
#include "concurrency_kit.h"
}

namespace {

constexpr size_t CAPACITY = 4096;
constexpr size_t BATCH = 64;

struct message {
	uint64_t words[8];
};

[[noreturn]] void die(const char *what)
{
	perror(what);
	_exit(1);
}

template <typename T> T *shared()
{
	void *memory = mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (memory == MAP_FAILED)
		die("mmap");
	return new (memory) T;
}

/* One ring: how each side opens it, and how many of up to BATCH messages it passes now. */
class ring {
public:
	virtual ~ring() = default;
	virtual void open(bool) {}
	virtual size_t push(const message *, size_t) = 0;
	virtual size_t pop(message *, size_t) = 0;
};

class dataplane_ring : public ring {
public:
	explicit dataplane_ring(size_t batch) : fd(dp_ring_create(nullptr, sizeof(message), CAPACITY)), batch(batch) {}
	~dataplane_ring() override { close(fd); }
	void open(bool producer) override { handle = dp_ring_open_fd(fd, producer ? DP_PRODUCER : DP_CONSUMER); }
	size_t push(const message *from, size_t count) override
	{
		return dp_ring_push(handle, from, count < batch ? count : batch, -1);
	}
	size_t pop(message *to, size_t room) override { return dp_ring_pop(handle, to, room < batch ? room : batch, -1); }

private:
	int fd;
	size_t batch;
	dp_ring *handle = nullptr;
};

class boost_ring : public ring {
public:
	size_t push(const message *from, size_t count) override { return queue->push(from, count); }
	size_t pop(message *to, size_t room) override { return queue->pop(to, room); }

private:
	using type = boost::lockfree::spsc_queue<message, boost::lockfree::capacity<CAPACITY>>;
	type *queue = shared<type>();
};

class kit_ring : public ring {
public:
	kit_ring() { kit_init(queue); }
	size_t push(const message *from, size_t) override { return kit_push(queue, from); }
	size_t pop(message *to, size_t) override { return kit_pop(queue, to); }

private:
	kit_queue *queue = shared<kit_queue>();
};

void run_on(int processor)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(processor, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		die("sched_setaffinity");
}

double now()
{
	timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec * 1e-9;
}

void produce(ring &ring, size_t messages)
{
	message batch[BATCH];

	for (size_t next = 0; next < messages;) {
		size_t count = messages - next < BATCH ? messages - next : BATCH;

		for (size_t i = 0; i < count; i++)
			for (auto &word : batch[i].words)
				word = next + i;
		for (size_t done = 0; done < count;)
			done += ring.push(batch + done, count - done);
		next += count;
	}
}

void consume(ring &ring, size_t messages)
{
	message batch[BATCH];

	for (size_t next = 0; next < messages;) {
		size_t count = ring.pop(batch, BATCH);

		for (size_t i = 0; i < count; i++, next++)
			if (batch[i].words[0] != next || batch[i].words[7] != next) {
				fprintf(stderr, "message %zu is torn or lost\n", next);
				_exit(1);
			}
	}
}

/* Nanoseconds per message. */
double measure(ring &ring, size_t messages)
{
	auto *ready = shared<std::atomic<bool>>();
	double start;
	int status;
	pid_t child = fork();

	if (child < 0)
		die("fork");
	if (child == 0) {
		run_on(0);
		ring.open(true);
		*ready = true;
		produce(ring, messages);
		_exit(0);
	}
	run_on(1);
	ring.open(false);
	while (!*ready)
		sched_yield();
	start = now();
	consume(ring, messages);
	start = (now() - start) / messages * 1e9;
	if (waitpid(child, &status, 0) != child || status != 0)
		_exit(1);
	munmap(ready, sizeof(*ready));
	return start;
}

} // namespace

int main(int, char **arguments)
{
	struct {
		const char *name;
		std::unique_ptr<ring> (*make)();
		double best;
	} rings[] = {
		{"dataplane", [] { return std::unique_ptr<ring>(new dataplane_ring(BATCH)); }, 1e9},
		{"dataplane, one by one", [] { return std::unique_ptr<ring>(new dataplane_ring(1)); }, 1e9},
		{"boost::lockfree::spsc_queue", [] { return std::unique_ptr<ring>(new boost_ring); }, 1e9},
		{"Concurrency Kit ck_ring", [] { return std::unique_ptr<ring>(new kit_ring); }, 1e9},
	};
	size_t messages = strtoull(arguments[1], nullptr, 10);

	for (int round = atoi(arguments[2]); round > 0; round--)
		for (auto &each : rings) {
			auto ring = each.make();
			double time = measure(*ring, messages);

			if (time < each.best)
				each.best = time;
		}
	for (auto &each : rings)
		printf("%s\t%.3f\n", each.name, each.best);
	return 0;
}
