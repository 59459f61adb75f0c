/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/launcher/identity.h"

#include <errno.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_configured_user_must_exist(void **state)
{
	static const char *const names[] = { "no-such-user", "root" };
	struct pk_identity id;
	char why[300];

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pk_identity_find(&id, names[i], why, 300),
				 -ENOENT);
		assert_non_null(strstr(why, names[i]));
		assert_non_null(strstr(why, "useradd"));
	}
}

static void its_group_steers(void **state)
{
	const struct passwd *pw = getpwnam("daemon");
	struct pk_identity id;
	char why[300];

	(void)state;
	assert_non_null(pw);
	assert_int_equal(pk_identity_find(&id, "daemon", why, 300), 0);
	assert_int_equal(id.uid, pw->pw_uid);
	assert_int_equal(id.gid, pw->pw_gid);
	assert_int_equal(id.control, pw->pw_gid);
	assert_string_equal(why, "");
}

static void nobodys_group_does_not(void **state)
{
	const struct passwd *pw = getpwnam("nobody");
	struct pk_identity id;
	char why[300];

	(void)state;
	assert_non_null(pw);
	assert_int_equal(pk_identity_find(&id, "nobody", why, 300), 0);
	assert_int_equal(id.uid, pw->pw_uid);
	assert_int_equal(id.gid, pw->pw_gid);
	assert_int_equal(id.control, 0);
	assert_non_null(strstr(why, "only root"));
}

static void without_a_user_it_is_picket_or_nobody(void **state)
{
	const struct passwd *pw = getpwnam("picket");
	struct pk_identity id;
	char why[300];

	(void)state;
	assert_int_equal(pk_identity_find(&id, "", why, 300), 0);
	if (pw) {
		assert_int_equal(id.uid, pw->pw_uid);
		return;
	}
	assert_int_equal(id.uid, getpwnam("nobody")->pw_uid);
	assert_int_equal(id.control, 0);
	assert_non_null(strstr(why, "there is no user picket"));
}

/* A user of its own in a group that is not: Debian's adduser makes such. */
static void a_user_in_nobodys_group_is_alike(void **state)
{
	gid_t nogroup = getpwnam("nobody")->pw_gid;
	struct pk_identity id;
	const struct passwd *pw;
	char name[64] = "", why[300];

	(void)state;
	setpwent();
	while (!name[0] && (pw = getpwent()))
		if (pw->pw_gid == nogroup && strcmp(pw->pw_name, "nobody") &&
		    strlen(pw->pw_name) < sizeof(name))
			strcpy(name, pw->pw_name);
	endpwent();
	if (!name[0])
		return;
	assert_int_equal(pk_identity_find(&id, name, why, 300), 0);
	assert_int_equal(id.control, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_configured_user_must_exist),
		cmocka_unit_test(its_group_steers),
		cmocka_unit_test(nobodys_group_does_not),
		cmocka_unit_test(without_a_user_it_is_picket_or_nobody),
		cmocka_unit_test(a_user_in_nobodys_group_is_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
