/* The first process of a guest that tests its kernel: prepares what programs look for, runs them, switches off. */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "leaks.h"

#define TESTS "/tests"

static const struct {
	const char *type, *place;
} file_systems[] = {
	{"proc", "/proc"},   {"sysfs", "/sys"}, {"devtmpfs", "/dev"},           {"tmpfs", "/tmp"},
	{"tmpfs", "/run"},   {"cgroup2", "/sys/fs/cgroup"}, {"debugfs", "/sys/kernel/debug"},
};

/* What this kernel does not have is left out: the tests that need it say so. */
static void mount_all(void)
{
	for (size_t i = 0; i < sizeof(file_systems) / sizeof(file_systems[0]); i++) {
		mkdir(file_systems[i].place, 0755);
		mount("none", file_systems[i].place, file_systems[i].type, 0, NULL);
	}
}

static int run(char *path, char **arguments)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		arguments[0] = path;
		execv(path, arguments);
		perror(path);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return 126;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int is_program(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int main(int count, char **arguments)
{
	struct dirent **entries;
	int programs;

	(void)count; /* the kernel hands on the words of its command line after `--` */
	setvbuf(stdout, NULL, _IOLBF, 0);
	mount_all();
	forget_leaks();
	programs = scandir(TESTS, &entries, is_program, alphasort);
	for (int i = 0; i < programs; i++) {
		char path[512];

		snprintf(path, sizeof(path), TESTS "/%s", entries[i]->d_name);
		printf("# %s ended with status %d\n", entries[i]->d_name, run(path, arguments));
	}
	report_leaks();
	fflush(stdout);
	sync();
	reboot(RB_POWER_OFF);
	return EXIT_FAILURE;
}
