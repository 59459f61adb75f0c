/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * profile PROFILE: threats' messages from stdin, a line each, in a profile.
 * For tests/schema.sh. What no profile can be had of is an error.
 */
#include "control/profile/profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	static char out[PK_PROFILE_MAX];
	int profile = argc == 2 ? pk_profile_find(argv[1]) : -1;
	char *line = NULL;
	size_t size = 0;
	ssize_t n;

	if (profile < 0) {
		fprintf(stderr, "usage: profile PROFILE <messages\n");
		return 2;
	}
	while ((n = getline(&line, &size, stdin)) > 0) {
		size_t len = (size_t)n - (line[n - 1] == '\n');
		int got = pk_profile_convert(profile, line, len, out,
					     sizeof(out));

		if (got < 0) {
			fprintf(stderr, "profile: %s: %.200s\n", strerror(-got),
				line);
			return 1;
		}
		puts(out);
	}
	free(line);
	return 0;
}
