/* The first process of a guest that tests its kernel: prepares what programs look for, runs them, switches off. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "leaks.h"

#define TESTS "/tests"
#define MODULES "/modules"

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

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void load(const char *name)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), MODULES "/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0))
		printf("# %s cannot be loaded: %s\n", name, strerror(errno));
	close(fd);
}

/* Their names say in which order. */
static void load_modules(void)
{
	struct dirent **entries;
	int modules = scandir(MODULES, &entries, is_visible, alphasort);

	for (int i = 0; i < modules; i++)
		load(entries[i]->d_name);
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

int main(int count, char **arguments)
{
	struct dirent **entries;
	int programs;

	(void)count; /* the kernel hands on the words of its command line after `--` */
	setvbuf(stdout, NULL, _IOLBF, 0);
	mount_all();
	load_modules();
	forget_leaks();
	programs = scandir(TESTS, &entries, is_visible, alphasort);
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
