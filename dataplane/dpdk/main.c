/* SPDX-License-Identifier: BSD-2-Clause */
/* picket-dpdk: one DPDK port as a plane; see README.md in this folder. */
#include <stdio.h>

#include "dataplane/dpdk/options.h"
#include "dataplane/dpdk/plane.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

static void complain(void *arg, const char *sentence)
{
	(void)arg;
	fprintf(stderr, "picket-dpdk: %s\n", sentence);
}

int main(int argc, char **argv)
{
	struct pk_options options;

	if (!pk_options_parse(&options, argc, argv, complain, NULL))
		return pk_plane_run(&options) ? EXIT_FAILED : 0;
	fprintf(stderr,
		"usage: picket-dpdk --name NAME (--vdev DEVICE | --pci ADDRESS) [--workers N]\n"
		"                   [--no-huge] [--memory MIB] [--mtu BYTES] [--frames N,N,..]\n"
		"                   [--uid N --gid N]\n");
	return EXIT_USAGE;
}
