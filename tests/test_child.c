/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/launcher/child.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int run_shell(const char *script, const int *fds, uint32_t count)
{
	const char *argv[] = { "sh", "-c", script, NULL };
	int program = open("/bin/sh", O_PATH | O_CLOEXEC), status = -1, err;
	const struct pk_child_conf conf = { program, argv, fds, count };
	pid_t pid;

	err = pk_child_start(&pid, &conf);
	close(program);
	if (err)
		return err;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256;
}

static void it_has_exactly_its_descriptors(void **state)
{
	int stray = open("/dev/null", O_RDONLY), end[2], fds[3];
	char text[64] = "";

	(void)state;
	assert_int_equal(pipe(end), 0);
	/* in an order in which one target is another's source */
	fds[0] = end[1];
	fds[1] = stray;
	fds[2] = end[1];
	/* the shell's own descriptor of the folder may be 6 or 10 */
	assert_int_equal(
		run_shell("for f in /proc/$$/fd/*; do "
			  "n=${f##*/}; [ $n -lt 6 ] && echo -n $n >&3; "
			  "[ $n -gt 5 ] && readlink $f | grep -q null && "
			  "exit 9; done; exit 0",
			  fds, 3),
		0);
	close(end[1]);
	assert_true(read(end[0], text, sizeof(text) - 1) > 0);
	assert_string_equal(text, "012345");
	close(end[0]);
	close(stray);
}

static void its_environment_is_empty(void **state)
{
	(void)state;
	setenv("PICKET_TEST", "1", 1);
	assert_int_equal(run_shell("[ -z \"$PICKET_TEST\" ]", NULL, 0), 0);
}

static void no_signal_is_blocked(void **state)
{
	sigset_t set;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	/* a TERM that was blocked would let the shell reach its end */
	assert_int_equal(run_shell("kill -TERM $$; exit 3", NULL, 0), 256);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void what_cannot_run_is_an_error(void **state)
{
	const char *argv[] = { "x", NULL };
	int file = open("/etc/passwd", O_PATH | O_CLOEXEC);
	const struct pk_child_conf conf = { file, argv, NULL, 0 };
	pid_t pid = 77;

	(void)state;
	assert_int_equal(pk_child_start(&pid, &conf), -EACCES);
	assert_int_equal(pid, 77);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left */
	close(file);
}

static int is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void a_fork_keeps_only_what_it_names(void **state)
{
	int fd[6], keep[2], status;
	pid_t pid;

	(void)state;
	for (int i = 0; i < 6; i++)
		fd[i] = open("/dev/null", O_RDONLY);
	keep[0] = fd[4];
	keep[1] = fd[1];
	pid = fork();
	if (!pid) {
		int wrong = pk_child_keep_only(keep, 2) != 0;

		for (int i = 0; i < 6; i++)
			wrong |= is_open(fd[i]) != (i == 1 || i == 4);
		_exit(wrong || !is_open(2));
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	for (int i = 0; i < 6; i++)
		close(fd[i]);
}

static void five_deaths_in_a_minute_are_too_many(void **state)
{
	struct pk_deaths d = { 0 };

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_false(pk_deaths_add(&d, 1000));
	assert_true(pk_deaths_add(&d, 60999));
	memset(&d, 0, sizeof(d));
	for (int i = 0; i < 4; i++)
		assert_false(pk_deaths_add(&d, 1000));
	assert_false(pk_deaths_add(&d, 61000));
}

static void slow_deaths_never_end_it(void **state)
{
	struct pk_deaths d = { 0 };

	(void)state;
	for (uint64_t i = 0; i < 1000; i++)
		assert_false(pk_deaths_add(&d, i * 15001));
	assert_int_equal(d.total, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_has_exactly_its_descriptors),
		cmocka_unit_test(its_environment_is_empty),
		cmocka_unit_test(no_signal_is_blocked),
		cmocka_unit_test(what_cannot_run_is_an_error),
		cmocka_unit_test(a_fork_keeps_only_what_it_names),
		cmocka_unit_test(five_deaths_in_a_minute_are_too_many),
		cmocka_unit_test(slow_deaths_never_end_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
