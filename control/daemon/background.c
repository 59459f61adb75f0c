/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/daemon/background.h"

#include <sys/resource.h>
#include <unistd.h>

enum { NICE = 10 };

void pk_background(void)
{
	/* of the thread alone, in Linux; that it is refused changes nothing */
	setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
}
