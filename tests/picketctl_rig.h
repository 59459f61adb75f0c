/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rig of the tests of picketctl: a child process serves the control socket
 * and the bus with the includer's made-up answers, another one is picketctl
 * itself, from its table to its exit status.
 *
 * The includer defines register_ops().
 */
#ifndef PK_TESTS_PICKETCTL_RIG_H
#define PK_TESTS_PICKETCTL_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/bus.h"
#include "control/cli/cli.h"
#include "control/ctl/ctl.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

/* Everything J02 of the test plan names, and bytes that are no UTF-8. */
#define HOSTILE                                                    \
	"\\u001b[2J\\u001b]52;c;YQ==\\u0007\\u009b1m\\b\\r\\u007f" \
	"\\u202e\\u200b\\n\\u0000\xff\xc3\x80"

static char dir[] = "/tmp/pk-picketctl-XXXXXX";
static char path[64];
static char endpoint[80];

/* What the daemon that is not there answers. */
static void register_ops(struct pk_ctl *ctl);

/* ---- the daemon that is not there ---- */

static struct pk_bus *bus;
static struct event_base *base;
static unsigned epoch;

/* One threat every 10 ms: whoever subscribes late still sees one. */
static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	char text[512];
	int n = snprintf(text, sizeof(text),
			 "{\"type\":\"epoch%u\",\"state\":\"open\",\"first\":"
			 "\"2017-02-11T17:38:27.000001Z\",\"count\":3,"
			 "\"severity\":\"high\",\"offender\":\"" HOSTILE
			 "\",\"target\":\"10.0.0.1\"}",
			 epoch);

	(void)fd;
	(void)what;
	(void)arg;
	pk_bus_publish(bus, PK_BUS_THREAT, "test", 1, text, (size_t)n);
}

/* Until the test ends or its parent does. */
static void serve(int ready, unsigned number)
{
	const char *const endpoints[] = { endpoint };
	struct pk_bus_conf bus_conf = { .endpoints = endpoints,
					.endpoint_count = 1,
					.sensor = "s1",
					.epoch = number };
	struct pk_ctl_conf conf = { .upload_bytes = 64 << 20 };
	const struct timeval tick = { .tv_usec = 10000 };
	struct pk_ctl *ctl;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	epoch = number;
	base = event_base_new();
	if (pk_ctl_listen(&conf.fd, path, getegid()) ||
	    pk_ctl_new(&ctl, base, &conf) || pk_bus_new(&bus, &bus_conf))
		_exit(1);
	register_ops(ctl);
	event_add(event_new(base, -1, EV_PERSIST, on_tick, NULL), &tick);
	if (write(ready, "r", 1) != 1)
		_exit(1);
	event_base_dispatch(base);
	_exit(1);
}

static pid_t server;

static void start_server(unsigned number)
{
	int ready[2];
	char c;

	assert_int_equal(pipe(ready), 0);
	server = fork();
	if (!server)
		serve(ready[1], number);
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
}

static void stop(void)
{
	if (server <= 0)
		return;
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	server = 0;
}

/* After each test, however it ended. */
static int clean_up(void **state)
{
	(void)state;
	if (!geteuid() || !seteuid(0))
		stop();
	return 0;
}

/* ---- picketctl ---- */

struct run {
	int status;
	char out[1 << 20];
	char err[1 << 16];
};

static struct run result;

/* The words of @line, cut at blanks; "~" stands for an empty word. */
static int split(char *line, const char **argv)
{
	int n = 0;

	for (char *w = strtok(line, " "); w; w = strtok(NULL, " "))
		argv[n++] = !strcmp(w, "~") ? "" : w;
	return n;
}

static void be_picketctl(const char *line, const char *socket)
{
	const char *argv[32] = { "--socket", socket };
	char copy[512];
	int rc;

	snprintf(copy, sizeof(copy), "%s", line);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	rc = pk_cli_main(2 + split(copy, argv + 2), argv);
	/* A leak checker cannot look at a process of another uid. */
	exit(seteuid(getuid()) ? 99 : rc);
}

static size_t drain(int fd, char *to, size_t at, size_t size)
{
	ssize_t n = read(fd, to + at, size - 1 - at);

	assert_true(n >= 0);
	to[at + (size_t)n] = 0;
	return (size_t)n;
}

static void collect(int out, int err)
{
	struct pollfd p[2] = { { out, POLLIN, 0 }, { err, POLLIN, 0 } };
	size_t at[2] = { 0, 0 };

	while (p[0].fd >= 0 || p[1].fd >= 0) {
		assert_true(poll(p, 2, 60000) > 0);
		for (int i = 0; i < 2; i++) {
			size_t n;

			if (!p[i].revents)
				continue;
			n = i ? drain(err, result.err, at[1],
				      sizeof(result.err))
			      : drain(out, result.out, at[0],
				      sizeof(result.out));
			at[i] += n;
			if (!n)
				p[i].fd = -1;
		}
	}
}

static pid_t spawn(const char *line, const char *socket, const char *in,
		   int out[2], int err[2])
{
	int input[2];
	pid_t pid;

	assert_int_equal(pipe2(input, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(err, O_CLOEXEC), 0);
	assert_int_equal(write(input[1], in, strlen(in)), strlen(in));
	close(input[1]);
	fflush(NULL);
	pid = fork();
	if (!pid) {
		dup2(input[0], 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		close(out[0]);
		close(err[0]);
		be_picketctl(line, socket);
	}
	close(input[0]);
	close(out[1]);
	close(err[1]);
	return pid;
}

static int picketctl_at(const char *line, const char *socket, const char *in)
{
	int out[2], err[2], status;
	pid_t pid = spawn(line, socket, in, out, err);

	result.out[0] = result.err[0] = 0;
	collect(out[0], err[0]);
	close(out[0]);
	close(err[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	result.status = WEXITSTATUS(status);
	return result.status;
}

static int picketctl(const char *line)
{
	return picketctl_at(line, path, "");
}

static void assert_harmless(const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		assert_true(*p == '\n' || (*p >= 0x20 && *p < 0x7f));
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no \"%s\" in \"%.2000s\"", part, text);
}

/* stdout holds exactly one JSON document and its line end. */
static struct json_object *document(void)
{
	struct json_tokener *t = json_tokener_new();
	struct json_object *root;
	size_t n = strlen(result.out);

	json_tokener_set_flags(t, JSON_TOKENER_STRICT |
					  JSON_TOKENER_VALIDATE_UTF8);
	assert_true(n > 0);
	root = json_tokener_parse_ex(t, result.out, (int)n - 1);
	assert_non_null(root);
	assert_int_equal(json_tokener_get_parse_end(t), n - 1);
	assert_int_equal(result.out[n - 1], '\n');
	json_tokener_free(t);
	return root;
}

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/ctl.sock", dir);
	snprintf(endpoint, sizeof(endpoint), "ipc://%s/bus.sock", dir);
	return 0;
}

static int drop_folder(void **state)
{
	(void)state;
	unlink(path);
	unlink(endpoint + strlen("ipc://"));
	return rmdir(dir);
}

#endif /* PK_TESTS_PICKETCTL_RIG_H */
