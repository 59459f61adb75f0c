/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { UID = 65534, GID = 65534, THREADS = 3 };

/* Each test enters a sandbox in a child: a way back does not exist. */
static int in_child(int (*body)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (!pid)
		_exit(body());
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* A line of a status file, as the oracle: the kernel's own words. */
static int status_says(const char *tid, const char *name, const char *want)
{
	char path[64], line[256];
	size_t n = strlen(name);
	int same = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/self/task/%s/status", tid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof line, f))
		if (!strncmp(line, name, n) && line[n] == ':')
			same = !strncmp(line + n + 2, want, strlen(want));
	if (f)
		fclose(f);
	return same;
}

static int thread_is_bare(const char *tid)
{
	static const char zero[] = "0000000000000000\n";

	return status_says(tid, "CapInh", zero) &&
	       status_says(tid, "CapPrm", zero) &&
	       status_says(tid, "CapEff", zero) &&
	       status_says(tid, "CapBnd", zero) &&
	       status_says(tid, "CapAmb", zero) &&
	       status_says(tid, "NoNewPrivs", "1\n") &&
	       status_says(tid, "Uid", "65534\t65534\t65534\t65534\n") &&
	       status_says(tid, "Gid", "65534\t65534\t65534\t65534\n") &&
	       status_says(tid, "Groups", "\n") +
		       status_says(tid, "Groups", " \n");
}

static int enter(void)
{
	const char *step = "none";
	int err = pk_sandbox_enter(UID, GID, &step);

	if (err)
		fprintf(stderr, "pk_sandbox_enter: %s: %s\n", step,
			strerror(-err));
	return err;
}

static int become_nobody(void)
{
	const gid_t groups[] = { 4, 24, 30 };
	char tid[16];
	struct rlimit core;

	if (setgroups(3, groups) || getgroups(0, NULL) != 3)
		return 7;
	if (enter() || getgroups(0, NULL) != 0)
		return 1;
	snprintf(tid, sizeof tid, "%d", gettid());
	if (!thread_is_bare(tid))
		return 2;
	if (getrlimit(RLIMIT_CORE, &core) || core.rlim_cur || core.rlim_max)
		return 3;
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return 4;
	if (setuid(0) == 0 || setgid(0) == 0)
		return 5;
	if (socket(AF_PACKET, SOCK_RAW, 0) >= 0 || errno != EPERM)
		return 6;
	return 0;
}

static pid_t tids[THREADS];
static volatile int ended;

static void *idle(void *arg)
{
	*(pid_t *)arg = gettid();
	while (!ended)
		usleep(1000);
	return NULL;
}

static int all_threads_become_nobody(void)
{
	pthread_t t[THREADS];
	char tid[16];

	for (int i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, idle, &tids[i]);
	for (int i = 0; i < THREADS; i++)
		while (!__atomic_load_n(&tids[i], __ATOMIC_ACQUIRE))
			sched_yield();
	if (enter())
		return 1;
	for (int i = 0; i < THREADS; i++) {
		snprintf(tid, sizeof tid, "%d", tids[i]);
		if (!thread_is_bare(tid))
			return 2;
	}
	ended = 1;
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	return 0;
}

/*
 * Only this thread left root, by a bare system call that glibc does not carry
 * to the others: nothing can be done about those, so it must not pass.
 */
static int a_thread_stayed_root(void)
{
	const char *step = "none";
	pthread_t t;
	int err;

	pthread_create(&t, NULL, idle, &tids[0]);
	while (!__atomic_load_n(&tids[0], __ATOMIC_ACQUIRE))
		sched_yield();
	if (syscall(SYS_setresuid, UID, UID, UID))
		return 1;
	err = pk_sandbox_enter(UID, GID, &step);
	return err == -EPERM && !strcmp(step, "uids read back") ? 0 : 2;
}

static int twice(void)
{
	return enter() || enter();
}

/* Someone who is not root and has only an ambient capability. */
static int ambient_is_lost(void)
{
	char tid[16];

	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) || setresgid(1000, 1000, 1000) ||
	    setresuid(1000, 1000, 1000))
		return 1;
	if (enter())
		return 2;
	snprintf(tid, sizeof tid, "%d", gettid());
	/* It keeps its own uid. */
	return status_says(tid, "CapPrm", "0000000000000000\n") &&
			       status_says(tid, "NoNewPrivs", "1\n") &&
			       status_says(tid, "Uid", "1000\t1000\t1000\t1000")
		       ? 0
		       : 3;
}

static int unprivileged_enters(void)
{
	if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000))
		return 1;
	return enter() ? 2 : 0;
}

/*
 * Root in a bounding set without CAP_SETUID cannot become anybody. The set
 * binds at the next exec, so the child runs this program anew (see main).
 */
static int root_that_cannot_leave(void)
{
	if (prctl(PR_CAPBSET_DROP, CAP_SETUID, 0, 0, 0) < 0)
		return 1;
	execl("/proc/self/exe", "test_sandbox", "--enter", NULL);
	return 2;
}

static int needs_root(void)
{
	if (!geteuid())
		return 0;
	print_message("SKIPPED: needs root to give root up\n");
	skip();
	return 1;
}

static void root_becomes_nobody_for_good(void **state)
{
	(void)state;
	if (!needs_root())
		assert_int_equal(in_child(become_nobody), 0);
}

static void every_thread_is_stripped(void **state)
{
	(void)state;
	if (!needs_root())
		assert_int_equal(in_child(all_threads_become_nobody), 0);
}

static void a_forgotten_thread_is_found(void **state)
{
	(void)state;
	if (!needs_root())
		assert_int_equal(in_child(a_thread_stayed_root), 0);
}

static void entering_twice_is_fine(void **state)
{
	(void)state;
	assert_int_equal(in_child(twice), 0);
}

static void kept_capabilities_are_lost(void **state)
{
	(void)state;
	if (!needs_root())
		assert_int_equal(in_child(ambient_is_lost), 0);
}

static void a_process_without_rights_enters(void **state)
{
	(void)state;
	assert_int_equal(in_child(geteuid() ? enter : unprivileged_enters), 0);
}

static void root_that_stays_root_is_an_error(void **state)
{
	(void)state;
	if (!needs_root())
		assert_int_equal(in_child(root_that_cannot_leave), EPERM);
}

static void root_is_no_identity(void **state)
{
	const char *step;

	(void)state;
	assert_int_equal(pk_sandbox_enter(0, GID, &step), -EINVAL);
	assert_int_equal(pk_sandbox_enter(UID, 0, &step), -EINVAL);
	assert_string_equal(step, "identity");
}

static void only_no_name_at_all_may_become_nobody(void **state)
{
	uid_t uid = 0;
	gid_t gid = 0;

	(void)state;
	assert_int_equal(pk_sandbox_identity("no such user", &uid, &gid),
			 -ENOENT);
	assert_int_equal(pk_sandbox_identity("root", &uid, &gid), -ENOENT);
	assert_int_equal(pk_sandbox_identity("", &uid, &gid), -ENOENT);
	assert_true(!uid && !gid);
	assert_int_equal(pk_sandbox_identity(NULL, &uid, &gid), 0);
	assert_true(uid && gid);
	assert_int_equal(pk_sandbox_identity("daemon", &uid, &gid), 0);
	assert_int_equal(uid, 1);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(root_becomes_nobody_for_good),
		cmocka_unit_test(every_thread_is_stripped),
		cmocka_unit_test(a_forgotten_thread_is_found),
		cmocka_unit_test(entering_twice_is_fine),
		cmocka_unit_test(kept_capabilities_are_lost),
		cmocka_unit_test(a_process_without_rights_enters),
		cmocka_unit_test(root_that_stays_root_is_an_error),
		cmocka_unit_test(root_is_no_identity),
		cmocka_unit_test(only_no_name_at_all_may_become_nobody),
	};

	if (argc > 1 && !strcmp(argv[1], "--enter"))
		return -enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
