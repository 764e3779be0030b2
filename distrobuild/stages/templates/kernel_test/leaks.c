/* Asks kmemleak, as Documentation/dev-tools/kmemleak.rst describes. */
#define _GNU_SOURCE
#include "leaks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define KMEMLEAK "/sys/kernel/debug/kmemleak"
#define MIN_AGE_SECONDS 6 /* kmemleak passes over what is younger than 5 s, MSECS_MIN_AGE in mm/kmemleak.c */
#define MOST_LINES 200 /* of a report; a loop that leaks would fill the console for minutes */

static bool command(const char *word)
{
	int file = open(KMEMLEAK, O_WRONLY | O_CLOEXEC);
	bool done = file >= 0 && write(file, word, strlen(word)) > 0;

	if (!done)
		printf("# kmemleak cannot %s: %s\n", word, strerror(errno));
	if (file >= 0)
		close(file);
	return done;
}

/* One scan notes the content of what is lost, and a second one reports it if nobody has changed it. */
static bool scan(void)
{
	sleep(MIN_AGE_SECONDS);
	return command("scan") && command("scan");
}

void forget_leaks(void)
{
	if (access(KMEMLEAK, F_OK) == 0 && scan())
		command("clear");
}

void report_leaks(void)
{
	static const char head[] = "unreferenced object";
	int leaks = 0, lines = 0;
	char line[512];
	FILE *report;

	if (access(KMEMLEAK, F_OK) || !scan())
		return;
	report = fopen(KMEMLEAK, "re");
	if (!report) {
		printf("# kmemleak cannot report: %s\n", strerror(errno));
		return;
	}
	while (fgets(line, sizeof(line), report)) {
		leaks += strncmp(line, head, strlen(head)) == 0;
		if (lines++ < MOST_LINES)
			printf("# %s", line);
	}
	fclose(report);
	printf("# kmemleak found %d leaks\n", leaks);
}
