/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/launcher/limits.h"

#include <sys/resource.h>

#include "control/log.h"

void pk_limits_raise_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files))
		return;
	files.rlim_cur = files.rlim_max;
	if (files.rlim_max < PK_LIMITS_FILES) {
		struct rlimit more = { PK_LIMITS_FILES, PK_LIMITS_FILES };

		if (!setrlimit(RLIMIT_NOFILE, &more))
			return;
		pk_warn("only %llu files may be open (RLIMIT_NOFILE), so fewer "
			"may subscribe; %d would do for all",
			(unsigned long long)files.rlim_max, PK_LIMITS_FILES);
	}
	setrlimit(RLIMIT_NOFILE, &files);
}
