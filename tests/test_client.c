/* SPDX-License-Identifier: BSD-2-Clause */
/* The client against servers that lie, leave or stall. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>
#include <json-c/json.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/cli/client.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

static char path[] = "/tmp/pk-client-XXXXXX";
static pid_t server;

/* What the next server does with its one client. */
struct script {
	const char *reply; /* behind the request line; NULL: stay silent */
	int drain;	   /* read on until the client has sent all */
};

static void serve(int listener, const struct script *s)
{
	int fd = accept(listener, NULL, NULL);
	char c = 0;

	while (c != '\n' && read(fd, &c, 1) == 1)
		;
	if (!s->reply)
		pause();
	if (write(fd, s->reply, strlen(s->reply)) < 0)
		_exit(1);
	while (s->drain && read(fd, &c, 1) == 1)
		;
	_exit(0);
}

static struct pk_client *meet(const struct script *s)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pk_client *c;

	strcpy(at.sun_path, path);
	unlink(path);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 1), 0);
	server = fork();
	if (!server)
		serve(fd, s);
	close(fd);
	assert_int_equal(pk_client_open(&c, path), 0);
	return c;
}

static void part(struct pk_client *c)
{
	pk_client_close(c);
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
}

static int call(const struct script *s, struct pk_client_call *how)
{
	struct pk_client *c = meet(s);
	struct json_object *answer = NULL;
	int err;

	how->op = "test";
	err = pk_client_call(c, how, &answer);
	assert_int_equal(!err, answer != NULL);
	json_object_put(answer);
	part(c);
	return err;
}

static void answers_are_checked(void **state)
{
	static const struct {
		const char *reply;
		int err;
	} rows[] = {
		{ "{\"result\":{}}\n", 0 },
		{ "{\"error\":{}}\n", 0 },
		{ "", -ECONNRESET },
		{ "{\"result\":{}}", -ECONNRESET },
		{ "\n", -EPROTO },
		{ "garbage\n", -EPROTO },
		{ "[]\n", -EPROTO },
		{ "{}\n", -EPROTO },
		{ "{\"result\":{},\"error\":{}}\n", -EPROTO },
		{ "{\"result\":{}}\n{\"result\":{}}", -EPROTO },
	};

	(void)state;
	for (size_t i = 0; i < LEN(rows); i++) {
		struct pk_client_call how = { .timeout_ms = -1 };
		struct script s = { rows[i].reply, 0 };

		assert_int_equal(call(&s, &how), rows[i].err);
	}
}

static void a_silent_server_is_given_up(void **state)
{
	struct pk_client_call how = { .timeout_ms = 20 };
	struct script s = { NULL, 0 };

	(void)state;
	assert_int_equal(call(&s, &how), -ETIMEDOUT);
}

static void an_early_refusal_is_heard(void **state)
{
	struct pk_client_call how = { .timeout_ms = -1,
				      .bytes = 64 << 20,
				      .fd = memfd_create("x", MFD_CLOEXEC) };
	struct script s = { "{\"error\":{\"code\":\"too-large\"}}\n", 0 };

	(void)state;
	assert_int_equal(ftruncate(how.fd, 64 << 20), 0);
	assert_int_equal(call(&s, &how), 0);
	close(how.fd);
}

static void shrink(void *arg, uint64_t sent, uint64_t bytes)
{
	(void)sent;
	(void)bytes;
	assert_int_equal(ftruncate(*(int *)arg, 5), 0);
}

static void grow(void *arg, uint64_t sent, uint64_t bytes)
{
	(void)sent;
	(void)bytes;
	assert_int_equal(ftruncate(*(int *)arg, 4 << 20), 0);
}

/* G15: while it is read */
static void a_file_that_changes_is_not_sent(void **state)
{
	void (*const changes[])(void *, uint64_t, uint64_t) = { shrink, grow };
	struct script s = { "", 1 };

	(void)state;
	for (size_t i = 0; i < LEN(changes); i++) {
		int fd = memfd_create("x", MFD_CLOEXEC);
		struct pk_client_call how = { .timeout_ms = -1,
					      .bytes = 3 << 20,
					      .fd = fd,
					      .progress = changes[i],
					      .arg = &fd };

		assert_int_equal(ftruncate(fd, 3 << 20), 0);
		assert_int_equal(call(&s, &how), -ESTALE);
		close(fd);
	}
}

static void nobody_there_has_an_errno(void **state)
{
	struct pk_client *c;
	char name[200];

	(void)state;
	unlink(path);
	assert_int_equal(pk_client_open(&c, path), -ENOENT);
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = 0;
	assert_int_equal(pk_client_open(&c, name), -ENAMETOOLONG);
	pk_client_close(NULL);
}

static int name_socket(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_checked),
		cmocka_unit_test(a_silent_server_is_given_up),
		cmocka_unit_test(an_early_refusal_is_heard),
		cmocka_unit_test(a_file_that_changes_is_not_sent),
		cmocka_unit_test(nobody_there_has_an_errno),
	};

	return cmocka_run_group_tests(tests, name_socket, NULL);
}
