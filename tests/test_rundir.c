/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/launcher/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char top[32];
static char path[64];

static int set_up(void **state)
{
	(void)state;
	strcpy(top, "/tmp/pk-rundir-XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(path, sizeof(path), "%s/run", top);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	rmdir(path);
	return rmdir(top);
}

static int open_dir(struct pk_rundir *r)
{
	char why[400] = "";

	return pk_rundir_open(r, path, geteuid(), getegid(), why, sizeof(why));
}

/* The bus binds its socket as a file of this name. */
static void put(const char *name)
{
	char file[128];
	int fd;

	snprintf(file, sizeof(file), "%s/%s", path, name);
	fd = open(file, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static int exists(const char *name)
{
	char file[128];

	snprintf(file, sizeof(file), "%s/%s", path, name);
	return !access(file, F_OK);
}

static void what_was_made_is_removed(void **state)
{
	struct pk_rundir r;
	char why[400];
	int fd;

	(void)state;
	assert_int_equal(open_dir(&r), 0);
	assert_int_equal(pk_rundir_listen(&r, getegid(), &fd, why, 400), 0);
	put("bus.sock");
	assert_true(exists("ctl.sock") && exists("lock"));
	pk_rundir_close(&r);
	close(fd);
	assert_false(exists(""));
}

static void what_was_there_stays(void **state)
{
	struct pk_rundir r;

	(void)state;
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(open_dir(&r), 0);
	put("bus.sock");
	pk_rundir_close(&r);
	assert_true(exists(""));
	assert_false(exists("bus.sock") || exists("lock"));
}

static void a_strangers_file_keeps_the_directory(void **state)
{
	struct pk_rundir r;
	char file[128];

	(void)state;
	assert_int_equal(open_dir(&r), 0);
	put("notes");
	pk_rundir_close(&r);
	assert_true(exists("notes"));
	snprintf(file, sizeof(file), "%s/notes", path);
	unlink(file);
}

static void one_that_is_refused_removes_nothing(void **state)
{
	struct pk_rundir first, second;
	char why[400] = "", pid[24];

	(void)state;
	assert_int_equal(open_dir(&first), 0);
	put("bus.sock");
	assert_int_equal(pk_rundir_open(&second, path, geteuid(), getegid(),
					why, sizeof(why)),
			 -EBUSY);
	snprintf(pid, sizeof(pid), "pid %d:", (int)getpid());
	assert_non_null(strstr(why, pid));
	pk_rundir_close(&second);
	assert_true(exists("bus.sock") && exists("lock"));
	pk_rundir_close(&first);
	assert_false(exists(""));
}

/* What a killed owner left is the next one's to remove, if it was made. */
static void a_killed_owners_directory_goes_too(void **state)
{
	for (int was_there = 0; was_there < 2; was_there++) {
		struct pk_rundir r;
		int status;
		pid_t pid;

		if (was_there)
			assert_int_equal(mkdir(path, 0755), 0);
		pid = fork();
		if (!pid) {
			if (open_dir(&r))
				_exit(1);
			put("bus.sock");
			raise(SIGKILL);
		}
		waitpid(pid, &status, 0);
		assert_true(WIFSIGNALED(status));
		assert_true(exists("lock"));
		assert_int_equal(open_dir(&r), 0);
		pk_rundir_close(&r);
		assert_int_equal(exists(""), was_there);
	}
	(void)state;
}

/* One ends while others begin: each begins or is refused, none is lost. */
static void beginning_and_ending_do_not_trip_each_other(void **state)
{
	enum { PROCESSES = 4, TIMES = 200 };
	int status;

	(void)state;
	for (int i = 0; i < PROCESSES; i++) {
		if (fork())
			continue;
		for (int k = 0; k < TIMES; k++) {
			struct pk_rundir r;
			int err = open_dir(&r);

			pk_rundir_close(&r);
			if (err && err != -EBUSY)
				_exit(-err);
		}
		_exit(0);
	}
	for (int i = 0; i < PROCESSES; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_false(exists("lock"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_was_made_is_removed),
		TEST(what_was_there_stays),
		TEST(a_strangers_file_keeps_the_directory),
		TEST(one_that_is_refused_removes_nothing),
		TEST(a_killed_owners_directory_goes_too),
		TEST(beginning_and_ending_do_not_trip_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
