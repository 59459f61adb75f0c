/* SPDX-License-Identifier: BSD-2-Clause */
/* picketctl: the operator's command; see control/cli/cli.h and picketctl(8). */
#include "control/cli/cli.h"

int main(int argc, char **argv)
{
	return pk_cli_main(argc - 1, (const char *const *)argv + 1);
}
