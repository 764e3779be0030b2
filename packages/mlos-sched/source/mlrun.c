/* SPDX-License-Identifier: Apache-2.0 */
/* mlrun: run a command, or every thread of a process, under SCHED_ML. See mlrun(1). */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "duration.h"
#include "explain.h"
#include "mlos/sched.h"
#include "threads.h"

enum {
	EXIT_NOT_EXECUTABLE = 126, /* what shells, env(1) and nice(1) answer */
	EXIT_NOT_FOUND = 127,
};

#define PASSES 100 /* over a process that starts threads faster than we list them */

struct request {
	int level;
	uint64_t latency_ns;
	uint64_t slice_ns;
	pid_t process; /* 0: run a command */
	bool group;
	bool show;
	bool optional;
	bool explain;
};

static const char usage[] =
	"Usage: mlrun [OPTION...] [--] COMMAND [ARGUMENT...]\n"
	"       mlrun [OPTION...] --pid PID\n"
	"       mlrun --show --pid PID\n"
	"\n"
	"Run a command, or all threads of a running process, under the scheduling class SCHED_ML.\n"
	"\n"
	"  -l, --level LEVEL        1 background, 2 batch, 3 serving (default) or 4 interactive\n"
	"  -d, --deadline DURATION  latency target, such as 500us, 20ms or 1s; default: the level's\n"
	"  -s, --slice DURATION     how long equal threads take turns; default: the system's\n"
	"  -p, --pid PID            all threads of this process instead of a command\n"
	"  -g, --group              with --pid: of every process in its control group\n"
	"  -o, --optional           where the kernel lacks the class or forbids it: say so and go on without\n"
	"  -e, --explain            say what was done and what it means\n"
	"  -S, --show               with --pid: only list the threads and what they run under\n"
	"  -h, --help               this text\n"
	"  -V, --version            the version\n"
	"\n"
	"Exit status: the command's, or 64 wrong usage, 69 the kernel has no SCHED_ML, 70 no such process,\n"
	"77 not permitted, 126 the command cannot be run, 127 it was not found.\n";

static void __attribute__((noreturn)) wrong_usage(const char *what, const char *value)
{
	fprintf(stderr, "mlrun: %s%s%s%s\n", what, value ? ": `" : "", value ? value : "", value ? "`" : "");
	fprintf(stderr, "Try `mlrun --help`.\n");
	exit(EX_USAGE);
}

static uint64_t duration(const char *text)
{
	uint64_t nanoseconds;

	if (!read_duration(text, &nanoseconds))
		wrong_usage("no duration such as 500us, 20ms or 1s", text);
	return nanoseconds;
}

static pid_t process_of(const char *text)
{
	char *end;
	long process = strtol(text, &end, 10);

	if (*end || process <= 0 || process > INT32_MAX)
		wrong_usage("no process", text);
	return (pid_t)process;
}

static struct request read_options(int argc, char **argv)
{
	static const struct option options[] = {
		{"level", required_argument, NULL, 'l'}, {"deadline", required_argument, NULL, 'd'},
		{"slice", required_argument, NULL, 's'}, {"pid", required_argument, NULL, 'p'},
		{"group", no_argument, NULL, 'g'},       {"optional", no_argument, NULL, 'o'},
		{"explain", no_argument, NULL, 'e'},     {"show", no_argument, NULL, 'S'},
		{"help", no_argument, NULL, 'h'},        {"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	struct request request = {.level = MLOS_SCHED_SERVING};
	int option;

	while ((option = getopt_long(argc, argv, "+l:d:s:p:goeShV", options, NULL)) != -1) {
		switch (option) {
		case 'l':
			request.level = level_of(optarg);
			if (!request.level)
				wrong_usage("no level from 1 to 4, nor background, batch, serving or interactive", optarg);
			break;
		case 'd':
			request.latency_ns = duration(optarg);
			break;
		case 's':
			request.slice_ns = duration(optarg);
			break;
		case 'p':
			request.process = process_of(optarg);
			break;
		case 'g':
			request.group = true;
			break;
		case 'o':
			request.optional = true;
			break;
		case 'e':
			request.explain = true;
			break;
		case 'S':
			request.show = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(EXIT_SUCCESS);
		case 'V':
			puts("mlrun " VERSION);
			exit(EXIT_SUCCESS);
		default:
			wrong_usage("not understood", NULL);
		}
	}
	if (!request.process && (request.group || request.show))
		wrong_usage("--group and --show are about a process: name it by --pid", NULL);
	if (!request.process && optind == argc)
		wrong_usage("a command is missing", NULL);
	if (request.process && optind < argc)
		wrong_usage("with --pid there is no command", argv[optind]);
	return request;
}

/* Say why a thread could not be put under the class, and return the exit status that says the same. */
static int refusal(int error, const struct request *request)
{
	const char *regret = request->optional ? "; going on without" : "";

	switch (error) {
	case EPERM:
		fprintf(stderr, "mlrun: not permitted to use level %d of SCHED_ML%s\n", request->level, regret);
		fprintf(stderr, "  It takes CAP_SYS_NICE, a limit `rtprio` above 0 (ulimit -r, LimitRTPRIO=), or a level up\n"
				"  to the one in /proc/sys/kernel/sched_ml_unprivileged_level.\n");
		return EX_NOPERM;
	case ESRCH:
		fprintf(stderr, "mlrun: there is no process %d\n", (int)request->process);
		return EX_SOFTWARE;
	case EINVAL:
		fprintf(stderr, "mlrun: the kernel refuses these numbers: latency targets go from 100us to 10s, slices "
				"from 100us to 100ms\n");
		return EX_USAGE;
	case ENOTSUP:
		fprintf(stderr, "mlrun: process %d has no control group of its own below /sys/fs/cgroup\n",
			(int)request->process);
		return EX_SOFTWARE;
	default:
		fprintf(stderr, "mlrun: %s%s\n", strerror(error), regret);
		return EX_OSERR;
	}
}

static int without_class(const struct request *request)
{
	fprintf(stderr, "mlrun: this kernel has no scheduling class SCHED_ML%s\n",
		request->optional ? "; going on without" : "");
	fprintf(stderr, "  A kernel of MLOS Linux has it: CONFIG_SCHED_CLASS_ML. `nice -n -20` comes nearest elsewhere.\n");
	return EX_UNAVAILABLE;
}

static int put_under_class(pid_t thread, const struct request *request)
{
	return mlos_sched_set(thread, request->level, request->latency_ns, request->slice_ns);
}

static ssize_t add_threads(struct threads *threads, const struct request *request)
{
	return request->group ? add_threads_of_group(threads, request->process)
			      : add_threads_of_process(threads, request->process);
}

/*
 * Every thread is listed once more after those before it were changed: one that starts meanwhile either inherits the
 * class from a changed thread, or is found by the next look.
 */
static int change_process(const struct request *request, struct threads *threads)
{
	size_t done = 0;
	int changed = 0;

	for (int pass = 0; pass < PASSES; pass++) {
		ssize_t added = add_threads(threads, request);

		if (added < 0)
			return refusal(errno, request);
		if (added == 0)
			break;
		for (; done < threads->count; done++) {
			if (put_under_class(threads->ids[done], request) == 0)
				changed++;
			else if (errno != ESRCH) /* a thread may end at any time */
				return refusal(errno, request);
		}
	}
	if (!changed)
		return refusal(ESRCH, request);
	if (request->explain) {
		fprintf(stderr, "mlrun: %d thread%s of %s %d under SCHED_ML\n", changed, changed == 1 ? "" : "s",
			request->group ? "the control group of process" : "process", (int)request->process);
		explain_thread(stderr, threads->ids[0]);
	}
	return EXIT_SUCCESS;
}

static int show_process(const struct request *request, struct threads *threads)
{
	if (add_threads(threads, request) < 0)
		return refusal(errno, request);
	show_heading(stdout);
	for (size_t i = 0; i < threads->count; i++)
		show_thread(stdout, threads->ids[i]);
	return EXIT_SUCCESS;
}

static int run_command(char **command, const struct request *request, bool available)
{
	int status = EXIT_SUCCESS;

	if (!available)
		status = without_class(request);
	else if (put_under_class(0, request) < 0)
		status = refusal(errno, request);
	if (status == EX_USAGE || (status && !request->optional))
		return status;
	if (request->explain) {
		fprintf(stderr, "mlrun: running `%s`\n", command[0]);
		explain_thread(stderr, 0);
	}
	execvp(command[0], command);
	status = errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
	fprintf(stderr, "mlrun: `%s`: %s\n", command[0], strerror(errno));
	return status;
}

int main(int argc, char **argv)
{
	struct request request = read_options(argc, argv);
	bool available = mlos_sched_available();
	struct threads threads = {0};
	int status;

	if (!request.process)
		return run_command(argv + optind, &request, available);
	if (request.show)
		status = show_process(&request, &threads);
	else
		status = available ? change_process(&request, &threads) : without_class(&request);
	free_threads(&threads);
	if (status != EX_USAGE && status != EX_SOFTWARE && request.optional)
		return EXIT_SUCCESS;
	return status;
}
