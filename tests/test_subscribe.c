/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The subscribers of tools/subscribe, as programs, beside one another: the one
 * in C and the one in Python, which shares no code with it, print the same.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "tests/bus_rig.h"

#define SECOND 1000000000ULL

static const char python[] = "tools/subscribe/picket_subscribe.py";
static char program[512];

/* ---- a subscriber, and what it prints ---- */

struct reader {
	pid_t pid;
	int fd;
	char line[512]; /* the latest */
	char bytes[4096];
	size_t have;
};

/* From @arguments[2] on; the endpoint comes last. */
static void start(struct reader *s, const char *name, struct bus_rig *r,
		  const char *since, const char *state)
{
	const char *argv[] = { name, state ? "--state" : "--since",
			       state ? state : since, r->endpoint, NULL };
	int fds[2];

	memset(s, 0, sizeof(*s));
	assert_int_equal(pipe(fds), 0);
	s->pid = fork();
	assert_true(s->pid >= 0);
	if (!s->pid) {
		dup2(fds[1], STDOUT_FILENO);
		close(fds[0]);
		close(fds[1]);
		execv(name, (char **)argv);
		_exit(127);
	}
	close(fds[1]);
	s->fd = fds[0];
}

/* 1 with a line, 0 without one yet. */
static int has_line(struct reader *s)
{
	char *end = memchr(s->bytes, '\n', s->have);
	size_t len;

	if (!end)
		return 0;
	len = (size_t)(end - s->bytes);
	assert_true(len < sizeof(s->line));
	memcpy(s->line, s->bytes, len);
	s->line[len] = 0;
	s->have -= len + 1;
	memmove(s->bytes, end + 1, s->have);
	return 1;
}

static void next_line(struct reader *s, struct bus_rig *r)
{
	static uint64_t beat_ns;
	struct pollfd p = { s->fd, POLLIN, 0 };
	ssize_t n;

	while (!has_line(s)) {
		while (!poll(&p, 1, RIG_SHORT_MS))
			pk_bus_tick(r->bus, beat_ns += SECOND);
		n = read(s->fd, s->bytes + s->have, sizeof(s->bytes) - s->have);
		assert_true(n > 0);
		s->have += (size_t)n;
	}
}

static void expect_lines(struct reader *s, struct bus_rig *r, uint64_t from,
			 uint64_t to)
{
	char text[128];

	for (uint64_t n = from; n <= to; n++) {
		next_line(s, r);
		rig_text(n, text, sizeof(text));
		assert_string_equal(s->line, text);
	}
}

static void stop(struct reader *s, int signal, int wanted)
{
	int status;

	kill(s->pid, signal);
	assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
	if (wanted >= 0) {
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), wanted);
	}
	close(s->fd);
}

/* ---- the story that each of them goes through ---- */

static void losses_restarts_and_a_gap(const char *name)
{
	struct bus_rig r;
	struct reader s;

	rig_begin(&r);
	r.journal_conf.segment_bytes = 4096;
	r.journal_conf.max_bytes = 1 << 20;
	rig_start(&r);
	rig_put(&r, 2500); /* before it joined */
	start(&s, name, &r, "0", NULL);
	expect_lines(&s, &r, 1, 2500);
	rig_put(&r, 10);
	r.mute = 1;
	rig_put(&r, 700);
	r.mute = 0;
	rig_put(&r, 10);
	expect_lines(&s, &r, 2501, 3220);
	rig_stop(&r);
	rig_start(&r);
	r.mute = 1;
	rig_put(&r, 5);
	r.mute = 0;
	rig_put(&r, 5);
	expect_lines(&s, &r, 3221, 3230);
	stop(&s, SIGINT, 130);
	start(&s, name, &r, "3000", NULL);
	expect_lines(&s, &r, 3001, 3230);
	stop(&s, SIGINT, 130);
	rig_stop(&r);
	rig_forget(&r);
	rig_start(&r);
	rig_put(&r, 3);
	start(&s, name, &r, "3230", NULL); /* of another journal */
	next_line(&s, &r);
	assert_string_equal(s.line, "{\"anew\":{\"from\":1}}");
	expect_lines(&s, &r, 1, 3);
	stop(&s, SIGINT, 130);
	rig_stop(&r);
	rig_end(&r);
}

static void a_gap_is_a_line(const char *name)
{
	unsigned long long to;
	struct bus_rig r;
	struct reader s;

	rig_begin(&r);
	r.journal_conf.segment_bytes = 4096;
	r.journal_conf.max_bytes = 16384;
	rig_start(&r);
	for (int i = 0; i < 100; i++)
		rig_put(&r, 10);
	start(&s, name, &r, "0", NULL);
	next_line(&s, &r);
	assert_int_equal(
		sscanf(s.line, "{\"gap\":{\"from\":1,\"to\":%llu}}", &to), 1);
	assert_int_equal(to, pk_journal_first(r.journal) - 1);
	expect_lines(&s, &r, to + 1, 1000);
	stop(&s, SIGKILL, -1);
	rig_stop(&r);
	rig_end(&r);
}

/* The file is there when the number in it is @n. */
static void await_state(const char *path, uint64_t n)
{
	unsigned long long have = 0;

	while (have != n) {
		FILE *f = fopen(path, "r");

		if (f && fscanf(f, "%llu", &have) != 1)
			have = 0;
		if (f)
			fclose(f);
	}
}

static void the_state_file_is_where_it_goes_on(const char *name)
{
	char state[128];
	struct bus_rig r;
	struct reader s;

	rig_begin(&r);
	rig_start(&r);
	snprintf(state, sizeof(state), "%s/state", r.path);
	rig_put(&r, 10);
	{
		FILE *f = fopen(state, "w");

		assert_non_null(f);
		fprintf(f, "4 0000000000000001\n");
		fclose(f);
	}
	start(&s, name, &r, NULL, state);
	expect_lines(&s, &r, 5, 10);
	await_state(state, 10); /* idle, so it is written */
	stop(&s, SIGKILL, -1);
	rig_put(&r, 10);
	start(&s, name, &r, NULL, state);
	expect_lines(&s, &r, 11, 20);
	stop(&s, SIGKILL, -1);
	unlink(state);
	snprintf(state, sizeof(state), "%s/state.new", r.path);
	unlink(state);
	rig_stop(&r);
	rig_end(&r);
}

static void all_stories(const char *name)
{
	losses_restarts_and_a_gap(name);
	a_gap_is_a_line(name);
	the_state_file_is_where_it_goes_on(name);
}

static void the_subscriber_in_c_gets_everything(void **state)
{
	const char *build = getenv("BUILD");

	(void)state;
	snprintf(program, sizeof(program), "%s/picket-subscribe",
		 build ? build : "build");
	if (access(program, X_OK)) {
		print_message("SKIPPED: no %s\n", program);
		skip();
	}
	all_stories(program);
}

static void the_subscriber_in_python_gets_everything(void **state)
{
	(void)state;
	if (system("/usr/bin/python3 -c 'import zmq' 2>/dev/null")) {
		print_message("SKIPPED: no python3-zmq\n");
		skip();
	}
	all_stories(python);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_subscriber_in_c_gets_everything),
		cmocka_unit_test(the_subscriber_in_python_gets_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
