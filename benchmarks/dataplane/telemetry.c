/* SPDX-License-Identifier: Apache-2.0 */
/*
 * telemetry PATH EVENTS ROUNDS: microseconds in which a program notes so many events, in its best round, and in which it
 * writes as many lines to a file, the way programs usually say what they do. The file at PATH is made, and stays.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "mlos/dataplane.h"

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e6 + (double)time.tv_nsec * 1e-3;
}

static double note(struct dp_telemetry *writer, uint64_t events)
{
	double start = now();

	for (uint64_t i = 0; i < events; i++)
		dp_telemetry_record(writer, &(struct dp_event){.bytes = i, .latency = i});
	return now() - start;
}

static double print(FILE *file, uint64_t events)
{
	double start = now();

	for (uint64_t i = 0; i < events; i++)
		fprintf(file, "%lu %lu\n", i, i);
	fflush(file);
	return now() - start;
}

int main(int count, char **arguments)
{
	struct dp_telemetry *writer, *reader;
	struct dp_totals totals = {0};
	FILE *file = tmpfile();
	double best = 1e9, printed = 1e9;
	uint64_t events, rounds;

	if (count != 4 || !file || dp_telemetry_create(arguments[1], 1 << 14) < 0)
		return 1;
	writer = dp_telemetry_open(arguments[1], DP_PRODUCER);
	reader = dp_telemetry_open(arguments[1], DP_CONSUMER);
	events = strtoull(arguments[2], NULL, 10);
	rounds = strtoull(arguments[3], NULL, 10);
	if (!writer || !reader)
		return 1;
	for (uint64_t i = 0; i < rounds; i++) {
		double time = note(writer, events);

		best = time < best ? time : best;
		if (dp_telemetry_read(reader, &totals) < 0)
			return 1;
		time = print(file, events);
		printed = time < printed ? time : printed;
	}
	if (totals.events != events * rounds)
		return 1; /* some were dropped: nothing was measured */
	printf("dataplane\t%.3f\nfprintf\t%.3f\n", best, printed);
	return 0;
}
