/* SPDX-License-Identifier: Apache-2.0 */
/* The command tensormem: names of the broker, for people. See tensormem(1). */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "mebibytes.h"

#define FIRST_ROOM (64 << 10)

static const char *hint_of(int number)
{
	switch (number) {
	case ENOENT:
		return "`tensormem ls` lists the names that you may see.";
	case EEXIST:
		return "`--replace` takes the name for the new one; who has attached the old one keeps it.";
	case EDQUOT:
		return "`tensormem rm NAME` makes room; the limit is an option of tensormemd.";
	case ENOMEM:
		return "There are not so many free pages: without --huge, or with fewer tensors, it may fit.";
	case EACCES:
		return "Names belong to the user or the group that published them.";
	case EBADMSG:
		return "Load it again from where it came from; a file that was cut or changed is not used in part.";
	default:
		return NULL;
	}
}

int complain_of(const char *about, int number, const char *said, int status)
{
	const char *hint = hint_of(number);

	fprintf(stderr, "tensormem: %s: %s\n", about, said && *said ? said : strerror(number));
	if (status == EXIT_NO_BROKER)
		hint = "The broker does not answer: `systemctl enable --now tensormemd.socket`.";
	if (hint)
		fprintf(stderr, "  %s\n", hint);
	return status;
}

const char *size_text(uint64_t size, char *text)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	double scaled = (double)size;
	size_t unit = 0;

	while (scaled >= 1024 && unit < 4) {
		scaled /= 1024;
		unit++;
	}
	snprintf(text, SIZE_LENGTH, unit ? "%.1f %s" : "%.0f %s", scaled, units[unit]);
	return text;
}

int print_json(void (*fill)(struct json_writer *writer, const void *context), const void *context)
{
	struct json_writer writer = {.full = true};

	for (size_t room = FIRST_ROOM; writer.full; room *= 2) {
		char *text = realloc(writer.text, room);

		if (!text) {
			free(writer.text);
			return complain_of("output", ENOMEM, NULL, EXIT_REFUSED);
		}
		writer = (struct json_writer){.text = text, .room = room, .lines = true};
		fill(&writer, context);
	}
	printf("%.*s\n", (int)writer.used, writer.text);
	free(writer.text);
	return 0;
}

static int usage(FILE *to)
{
	fputs("Usage: tensormem COMMAND [OPTION...]\n"
	      "Models in memory that processes share.\n"
	      "  ls [--json]                        the names that you may see\n"
	      "  stat [--group GROUP] [NAME]        all about a name, or what the broker has done\n"
	      "  load [--name NAME] [--group GROUP] [--huge] [--replace | --hold] FILE\n"
	      "                                     load a safetensors file and publish it\n"
	      "  rm [--group GROUP] NAME            take a name away; who has attached the tensor keeps it\n"
	      "  bench [--size MIB] [--huge] [--json]\n"
	      "                                     how fast attaching and making is, beside copying\n"
	      "`man tensormem` has the options.\n",
	      to);
	return to == stderr ? EXIT_USAGE : 0;
}

/* The options of a command as letters, and which argument it has: `!` needs one, `?` may have one. NULL: no such command. */
static const char *form_of(const char *command)
{
	static const struct {
		const char *command;
		const char *form;
	} forms[] = {{"ls", "j"}, {"stat", "g?"}, {"load", "nghrk!"}, {"rm", "g!"}, {"bench", "shj"}};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (strcmp(forms[i].command, command) == 0)
			return forms[i].form;
	return NULL;
}

static void take(struct wish *wish, int option)
{
	wish->json |= option == 'j';
	wish->replace |= option == 'r';
	wish->hold |= option == 'k';
	wish->huge |= option == 'h';
	if (option == 'n')
		wish->name = optarg;
	else if (option == 'g')
		wish->group = optarg;
	else if (option == 's')
		wish->size = mebibytes(optarg);
}

/* 0: `wish` is one; else the exit status and 1 added. */
static int read_arguments(int argc, char **argv, struct wish *wish)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},	 {"group", required_argument, NULL, 'g'},
		{"name", required_argument, NULL, 'n'}, {"huge", no_argument, NULL, 'h'},
		{"replace", no_argument, NULL, 'r'},	 {"hold", no_argument, NULL, 'k'},
		{"size", required_argument, NULL, 's'}, {"help", no_argument, NULL, 'H'},
		{0},
	};
	const char *form = NULL;
	int option;

	if (argc > 1 && strcmp(argv[1], "--help") != 0) {
		wish->command = argv[1];
		form = form_of(argv[1]);
		optind = 2;
	}
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'H')
			return usage(stdout) + 1;
		if (!form || !strchr(form, option))
			return usage(stderr) + 1;
		take(wish, option);
	}
	if (!form || argc - optind > (strpbrk(form, "!?") ? 1 : 0) || (strchr(form, '!') && optind == argc))
		return usage(stderr) + 1;
	if (wish->size == 0 || (wish->hold && wish->replace))
		return usage(stderr) + 1;
	wish->argument = optind < argc ? argv[optind] : NULL;
	return 0;
}

int main(int argc, char **argv)
{
	struct wish wish = {.size = UINT64_C(1024) << MEBIBYTE};
	int status = read_arguments(argc, argv, &wish);

	if (status)
		return status - 1;
	status = strcmp(wish.command, "bench") == 0 ? bench(&wish) : with_broker(&wish);
	if (fflush(stdout) != 0 && status == 0)
		return complain_of("output", errno, NULL, EXIT_REFUSED);
	return status;
}
