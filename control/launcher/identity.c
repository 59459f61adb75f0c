/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/launcher/identity.h"

#include <errno.h>
#include <stdio.h>

#include "dataplane/sandbox.h"

#define DEFAULT_USER "picket"

static int is_shared(const struct pk_identity *id)
{
	uid_t uid;
	gid_t gid;

	return !pk_sandbox_identity("nobody", &uid, &gid) &&
	       (id->uid == uid || id->gid == gid);
}

int pk_identity_find(struct pk_identity *out, const char *user, char *why,
		     size_t size)
{
	const char *name = *user ? user : DEFAULT_USER;
	int fell_back = 0;

	if (pk_sandbox_identity(name, &out->uid, &out->gid)) {
		fell_back = !*user;
		if (!fell_back ||
		    pk_sandbox_identity("nobody", &out->uid, &out->gid)) {
			snprintf(why, size,
				 "user %s does not exist, or is root: create "
				 "it (useradd --system %s), or set \"user\" to "
				 "another one",
				 name, name);
			return -ENOENT;
		}
	}
	out->control = is_shared(out) ? 0 : out->gid;
	why[0] = '\0';
	if (fell_back)
		snprintf(why, size,
			 "there is no user " DEFAULT_USER
			 ": the daemon becomes "
			 "nobody, and only root may use the control socket; "
			 "create it (useradd --system " DEFAULT_USER
			 "), or set \"user\"");
	else if (!out->control)
		snprintf(why, size,
			 "user %s is nobody, or of its group: only root may "
			 "use the control socket",
			 name);
	return 0;
}
