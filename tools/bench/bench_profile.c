/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_profile: what a threat costs in each output profile.
 *
 *	profile.WORD	ns to convert a journaled message, beside ns to encode
 *			it in the first place; the thread's CPU time
 *
 * Median of RUNS runs. JSON=1: NDJSON.
 */
#include <stdio.h>
#include <stdlib.h>

#include "control/encode.h"
#include "control/profile/profile.h"
#include "tools/bench/bench_threats.h"

enum { RUNS = 7, TIMES = 20000 };

static uint64_t total; /* keeps the loops from being left out */

static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double encode(char *json)
{
	double begin = cpu_ns();
	struct pk_threat t;

	for (uint32_t i = 0; i < TIMES; i++) {
		make(&t, i, 1);
		total += (uint64_t)pk_encode_threat(&t, json, PK_ENCODE_MAX);
	}
	return (cpu_ns() - begin) / TIMES;
}

static double convert(int profile, const char *json, char *out)
{
	size_t len = strlen(json);
	double begin = cpu_ns();

	for (uint32_t i = 0; i < TIMES; i++)
		total += (uint64_t)pk_profile_convert(profile, json, len, out,
						      PK_PROFILE_MAX);
	return (cpu_ns() - begin) / TIMES;
}

int main(void)
{
	static char json[PK_ENCODE_MAX], out[PK_PROFILE_MAX];
	const char *as = getenv("JSON");

	(void)build;
	(void)print;

	for (int p = 0; p < PK_PROFILE_COUNT; p++) {
		double ours[RUNS], base[RUNS];

		for (int i = 0; i < RUNS; i++) {
			base[i] = encode(json);
			ours[i] = convert(p, json, out);
		}
		qsort(ours, RUNS, sizeof(*ours), by_value);
		qsort(base, RUNS, sizeof(*base), by_value);
		if (as && *as == '1')
			printf("{\"name\":\"profile.%s\",\"value\":%.0f,"
			       "\"unit\":\"ns\",\"baseline\":%.0f,\"ratio\":"
			       "%.2f,\"goal\":null,\"met\":null}\n",
			       pk_profile_word(p), ours[RUNS / 2],
			       base[RUNS / 2], ours[RUNS / 2] / base[RUNS / 2]);
		else
			printf("profile.%-8s %8.0f ns   encode %8.0f   "
			       "ratio %.2f   (%zu bytes)\n",
			       pk_profile_word(p), ours[RUNS / 2],
			       base[RUNS / 2], ours[RUNS / 2] / base[RUNS / 2],
			       strlen(out));
	}
	return total == 0;
}
