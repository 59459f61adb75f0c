/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * More connections than files: the publisher and the replay server, in a
 * process that may open few, against somebody who opens many.
 */
#include "control/bus/peers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "control/launcher/limits.h"
#include "tests/bus_rig.h"

#define SECOND 1000000000ULL

/* Files of the server, and connections; so many that its thread may be late. */
enum { FEW = 1024, MANY = 1100 };

struct told {
	uint64_t turned_away; /* of the bus */
	uint64_t by_replay;
};

/* The publisher's process: told to end by a byte, then tells. */
struct server {
	struct bus_rig rig;
	char tcp[64];
	uint16_t port;
	int line;
	pid_t pid;
};

static void serve(struct server *s, int line)
{
	const char *const endpoints[] = { s->rig.endpoint, s->tcp };
	const struct pk_bus_conf bus = { .endpoints = endpoints,
					 .endpoint_count = 2,
					 .sensor = "s1",
					 .epoch = 1 };
	struct rlimit files = { FEW, FEW };
	struct pk_replayer_counters c;
	struct bus_rig *r = &s->rig;
	struct told told;
	char end;

	setrlimit(RLIMIT_NOFILE, &files);
	rig_start(r);
	pk_bus_free(r->bus); /* in its stead, one with two endpoints */
	assert_int_equal(pk_bus_new(&r->bus, &bus), 0);
	assert_int_equal(send(line, "", 1, 0), 1);
	for (uint64_t now = SECOND; recv(line, &end, 1, MSG_DONTWAIT) < 0;
	     now += SECOND) {
		pk_bus_tick(r->bus, now);
		poll(NULL, 0, 5);
	}
	pk_replayer_count(r->replayer, &c);
	told.turned_away = pk_bus_count(r->bus)->turned_away;
	told.by_replay = c.turned_away;
	assert_int_equal(send(line, &told, sizeof(told), 0), sizeof(told));
	rig_stop(r);
	_exit(0);
}

static uint16_t find_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	close(fd);
	return ntohs(a.sin_port);
}

static void begin(struct server *s)
{
	int pair[2];
	char ready;

	rig_begin(&s->rig);
	s->port = find_port();
	snprintf(s->tcp, sizeof(s->tcp), "tcp://127.0.0.1:%u", s->port);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	s->pid = fork();
	if (!s->pid) {
		close(pair[0]);
		serve(s, pair[1]);
	}
	close(pair[1]);
	s->line = pair[0];
	assert_int_equal(recv(s->line, &ready, 1, 0), 1);
}

static struct told end(struct server *s)
{
	struct told told = { 0 };
	int status = 0;

	send(s->line, "", 1, MSG_NOSIGNAL);
	recv(s->line, &told, sizeof(told), MSG_WAITALL);
	assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
	assert_int_equal(status, 0); /* SIGABRT: libzmq had no file left */
	close(s->line);
	rig_end(&s->rig);
	return told;
}

/* ---- connections ---- */

static void greet(int fd)
{
	static const char ready[] = "\x04\x19\x05READY\x0bSocket-Type\0\0\0\3"
				    "SUB";
	uint8_t greeting[64] = { 0xff, [9] = 0x7f, 3, 0, 'N', 'U', 'L', 'L' };

	send(fd, greeting, sizeof(greeting), MSG_NOSIGNAL);
	send(fd, ready, sizeof(ready) - 1, MSG_NOSIGNAL);
}

static int dial_tcp(uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (!connect(fd, (struct sockaddr *)&a, sizeof(a)))
		greet(fd);
	return fd;
}

/* One that says nothing is there for the time of a handshake. */
static int dial_ipc(const char *endpoint, int greets)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s",
		 endpoint + strlen("ipc://"));
	if (!connect(fd, (struct sockaddr *)&a, sizeof(a)) && greets)
		greet(fd);
	return fd;
}

static void close_all(int *fd, int count)
{
	while (count--)
		close(fd[count]);
}

static void await_end_of(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLRDHUP };

	assert_int_equal(poll(&p, 1, RIG_WAIT_MS), 1);
}

static void expect_heard(struct pk_bus_sub *s)
{
	struct pk_bus_message m;

	while (pk_bus_recv(s, 0, &m) == 1)
		; /* older */
	assert_int_equal(pk_bus_recv(s, RIG_WAIT_MS, &m), 1);
}

/* ---- the tests ---- */

static void no_number_of_subscribers_ends_the_publisher(void **state)
{
	struct pk_bus_sub *sub = NULL;
	static int fd[MANY + 8];
	struct server s;
	struct told told;

	(void)state;
	begin(&s);
	for (int i = 0; i < MANY; i++)
		fd[i] = dial_tcp(s.port);
	for (int i = MANY; i < MANY + 8; i++)
		fd[i] = dial_ipc(s.rig.endpoint, 1);
	/* Who comes last of an endpoint is turned away last. */
	await_end_of(fd[MANY - 1]);
	await_end_of(fd[MANY + 7]);
	close_all(fd, MANY + 8);
	/* and with them gone there is room */
	assert_int_equal(pk_bus_subscribe(&sub, s.rig.endpoint, NULL, 0), 0);
	expect_heard(sub);
	pk_bus_sub_free(sub);
	told = end(&s);
	assert_true(told.turned_away >= MANY - FEW / 4);
	assert_int_equal(told.by_replay, 0);
}

static void who_was_there_stays(void **state)
{
	struct pk_bus_sub *sub = NULL;
	static int fd[MANY];
	struct server s;

	(void)state;
	begin(&s);
	assert_int_equal(pk_bus_subscribe(&sub, s.tcp, NULL, 0), 0);
	expect_heard(sub);
	for (int i = 0; i < MANY; i++)
		fd[i] = dial_tcp(s.port);
	await_end_of(fd[MANY - 1]);
	for (int i = 0; i < 20; i++) {
		struct pk_bus_message m;

		assert_int_equal(pk_bus_recv(sub, RIG_WAIT_MS, &m), 1);
		assert_int_equal(m.missed, 0); /* never cut off */
	}
	pk_bus_sub_free(sub);
	close_all(fd, MANY);
	assert_true(end(&s).turned_away > 0);
}

static void the_replay_server_has_a_bound_too(void **state)
{
	static int fd[MANY];
	struct server s;

	(void)state;
	begin(&s);
	for (int i = 0; i < MANY; i++)
		fd[i] = dial_ipc(s.rig.replay, 0);
	await_end_of(fd[MANY - 1]);
	close_all(fd, MANY);
	assert_true(end(&s).by_replay >= MANY - FEW / 4);
}

static void the_launcher_takes_all_the_files_it_may(void **state)
{
	struct rlimit files;
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	if (!pid) {
		struct rlimit few = { FEW, 4096 };

		setrlimit(RLIMIT_NOFILE, &few);
		pk_limits_raise_files();
		getrlimit(RLIMIT_NOFILE, &files);
		/* whether the hard one may be raised is the system's affair */
		_exit(files.rlim_cur != files.rlim_max ||
		      files.rlim_cur < 4096);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	struct rlimit files = { 4 * MANY, 4 * MANY }; /* of the many */

	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_number_of_subscribers_ends_the_publisher),
		cmocka_unit_test(who_was_there_stays),
		cmocka_unit_test(the_replay_server_has_a_bound_too),
		cmocka_unit_test(the_launcher_takes_all_the_files_it_may),
	};

	if (setrlimit(RLIMIT_NOFILE, &files)) {
		getrlimit(RLIMIT_NOFILE, &files);
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
