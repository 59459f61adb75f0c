/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bus against those who may connect to it and mean no good: subscriptions
 * without end (Z05), connections that say nothing, nonsense or an old version
 * (Z06), and what lies where its socket is to be (Z11). The clients speak ZMTP
 * 3.0 (RFC 23) by themselves.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <zmq.h>

#include "control/bus.h"
#include "control/bus/topics.h"

#define SEC 1000000000ULL

/* The sanitizer keeps what was freed for a while. */
#ifdef __SANITIZE_ADDRESS__
#define MEMORY_KB (768 * 1024)
#else
#define MEMORY_KB (64 * 1024)
#endif

enum {
	TOPICS = 300000,
	TOPIC = 60,
	CONNECTIONS = 120, /* of each kind */
	PATIENCE_MS = 30000,
};

static char folder[] = "/tmp/picket-hostile-XXXXXX";
static char path[96], endpoint[128];

static int try_bus(struct pk_bus **out, const char *where)
{
	const struct pk_bus_conf conf = { .endpoints = &where,
					  .endpoint_count = 1,
					  .sensor = "s1",
					  .epoch = 1 };

	return pk_bus_new(out, &conf);
}

static struct pk_bus *make_bus(void)
{
	struct pk_bus *b = NULL;

	assert_int_equal(try_bus(&b, endpoint), 0);
	return b;
}

static uint64_t memory_kb(void)
{
	unsigned long long kb = 0;
	FILE *f = fopen("/proc/self/status", "r");
	char line[128];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "VmRSS: %llu", &kb) == 1)
			break;
	fclose(f);
	return kb;
}

/* Somebody who means well hears it. */
static void assert_heard(struct pk_bus *b)
{
	struct pk_bus_sub *s = NULL;
	struct pk_bus_message m;
	static uint64_t now;
	int got = 0;

	assert_int_equal(pk_bus_subscribe(&s, endpoint, NULL, 0), 0);
	for (int i = 0; !got && i < PATIENCE_MS / 10; i++) {
		pk_bus_tick(b, now += SEC);
		got = pk_bus_recv(s, 10, &m);
	}
	assert_int_equal(got, 1);
	pk_bus_sub_free(s);
}

/* --- ZMTP ------------------------------------------------------------------- */

static int dial(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(a.sun_path, path);
	while (connect(fd, (struct sockaddr *)&a, sizeof(a)))
		poll(NULL, 0, 1); /* it is being opened anew */
	return fd;
}

static int send_all(int fd, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

		if (n <= 0)
			return -1;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

static int greet(int fd)
{
	static const char ready[] = "\x04\x19\x05READY\x0bSocket-Type\0\0\0\3"
				    "SUB";
	uint8_t greeting[64] = { 0xff, [9] = 0x7f, 3, 0, 'N', 'U', 'L', 'L' };

	return send_all(fd, greeting, sizeof(greeting)) ||
	       send_all(fd, ready, sizeof(ready) - 1);
}

/* A subscription to a topic of @len bytes that nobody else has. */
static size_t make_frame(uint8_t *out, uint64_t n, size_t len)
{
	size_t body = len + 1, at = 0;
	uint64_t x = n * 0x9e3779b97f4a7c15ULL;

	out[at++] = body > 255 ? 2 : 0;
	for (int i = body > 255 ? 7 : 0; i >= 0; i--)
		out[at++] = (uint8_t)((uint64_t)body >> (8 * i));
	out[at++] = 1;
	for (size_t i = 0; i < len; i++) {
		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		out[at++] = (uint8_t)(x >> 56);
	}
	return at;
}

/* Whoever is cut off comes back and goes on. Never returns. */
static void bomb(uint64_t topics, size_t len)
{
	uint8_t frame[2048];
	uint64_t n = 0;

	close_range(3, ~0U, 0); /* the publisher's socket, too */
	while (n < topics) {
		int fd = dial(), bad = greet(fd);

		while (!bad && n < topics)
			bad = send_all(fd, frame, make_frame(frame, n++, len));
		n += bad != 0; /* or one that is too long would come for ever */
		close(fd);
	}
	_exit(0);
}

static uint64_t suffer(struct pk_bus *b, uint64_t topics, size_t len)
{
	uint64_t before = memory_kb(), most = 0, kb;
	pid_t pid = fork();
	int status;

	if (!pid)
		bomb(topics, len);
	for (int i = 0; waitpid(pid, &status, WNOHANG) == 0; i++) {
		pk_bus_publish(b, PK_BUS_HIT, "ip", SEC, "{}", 2);
		if (i % 1000)
			continue;
		kb = memory_kb();
		most = kb > most ? kb : most;
		if (most > before + MEMORY_KB)
			kill(pid, SIGKILL);
	}
	return most > before ? most - before : 0;
}

static void many_topics_cost_little_memory(void **unused)
{
	struct pk_bus *b = make_bus();
	uint64_t kb;

	(void)unused;
	assert_heard(b);
	kb = suffer(b, TOPICS, TOPIC);
	print_message("%d topics: %llu KiB, cut off %llu times\n", TOPICS,
		      (unsigned long long)kb,
		      (unsigned long long)pk_bus_count(b)->cut_off);
	assert_true(kb < MEMORY_KB);
	assert_true(pk_bus_count(b)->cut_off > 0);
	assert_heard(b);
	pk_bus_free(b);
}

static void a_long_topic_costs_its_connection(void **unused)
{
	struct pk_bus *b = make_bus();

	(void)unused;
	assert_true(suffer(b, 2000, 1024) < MEMORY_KB);
	assert_int_equal(pk_bus_count(b)->cut_off, 0);
	assert_heard(b);
	pk_bus_free(b);
}

static void usual_subscribers_are_never_cut_off(void **unused)
{
	enum { MANY = 40, EACH = PK_TOPICS_MAX / 64 };
	static char text[EACH][16];
	const char *topics[EACH];
	struct pk_bus_sub *s[MANY];
	struct pk_bus *b = make_bus();

	(void)unused;
	for (int i = 0; i < EACH; i++) {
		snprintf(text[i], sizeof(text[i]), "v1/hit/%d/", i);
		topics[i] = text[i];
	}
	for (int i = 0; i < MANY; i++)
		assert_int_equal(
			pk_bus_subscribe(&s[i], endpoint, topics, EACH), 0);
	assert_heard(b);
	for (int i = 0; i < MANY; i++)
		pk_bus_sub_free(s[i]);
	assert_heard(b);
	assert_int_equal(pk_bus_count(b)->cut_off, 0);
	pk_bus_free(b);
}

/* Each has a queue of its own; with 100,000 messages these take 400 MiB. */
static void stalled_subscribers_cost_bounded_memory(void **unused)
{
	enum { STALLED = 16, MESSAGES = 50000, BYTES = 600 };
	static char text[BYTES];
	struct pk_bus *b = make_bus();
	void *context = zmq_ctx_new(), *stalled[STALLED];
	int one = 1, none = 0;
	uint64_t before, kb;

	(void)unused;
	memset(text, ' ', sizeof(text));
	memcpy(text, "{}", 2);
	for (int i = 0; i < STALLED; i++) {
		stalled[i] = zmq_socket(context, ZMQ_SUB);
		zmq_setsockopt(stalled[i], ZMQ_RCVHWM, &one, sizeof(one));
		zmq_setsockopt(stalled[i], ZMQ_LINGER, &none, sizeof(none));
		zmq_setsockopt(stalled[i], ZMQ_SUBSCRIBE, "", 0);
		assert_int_equal(zmq_connect(stalled[i], endpoint), 0);
	}
	for (int i = 0; i < STALLED; i++)
		while (zmq_recv(stalled[i], text + 2, 1, ZMQ_DONTWAIT) < 0) {
			pk_bus_publish(b, PK_BUS_HIT, "ip", SEC, "{}", 2);
			poll(NULL, 0, 1);
		}
	before = memory_kb();
	for (int i = 0; i < MESSAGES; i++)
		pk_bus_publish(b, PK_BUS_HIT, "ip", SEC, text, BYTES);
	kb = memory_kb() - before;
	print_message("%d stalled subscribers: %llu KiB\n", STALLED,
		      (unsigned long long)kb);
	assert_true(kb < STALLED * 2 * MEMORY_KB / 16);
	for (int i = 0; i < STALLED; i++)
		zmq_close(stalled[i]);
	zmq_ctx_term(context);
	assert_heard(b);
	pk_bus_free(b);
}

/* --- connections ------------------------------------------------------------- */

static int open_files(void)
{
	char name[32];
	int n = 0;

	for (int fd = 0; fd < 4096; fd++) {
		snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
		n += faccessat(AT_FDCWD, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	}
	return n;
}

static void what_says_nothing_or_nonsense_is_dropped(void **unused)
{
	static const char nonsense[] = "GET / HTTP/1.0\r\n\r\n";
	static const char half[] = "\xff\0\0\0\0\0\0\0\1\x7f\3";
	struct pk_bus *b = make_bus();
	int before, fd[3][CONNECTIONS], patience = PATIENCE_MS / 10;

	(void)unused;
	assert_heard(b);
	before = open_files();
	for (int i = 0; i < CONNECTIONS; i++) {
		fd[0][i] = dial(); /* nothing */
		fd[1][i] = dial();
		send_all(fd[1][i], nonsense, sizeof(nonsense) - 1);
		fd[2][i] = dial();
		send_all(fd[2][i], half, sizeof(half) - 1);
	}
	assert_heard(b);
	/* ours stay open: it is the publisher who is to end them */
	while (open_files() > before + 3 * CONNECTIONS + 8 && --patience)
		pk_bus_publish(b, PK_BUS_HIT, "ip", SEC, "{}", 2),
			poll(NULL, 0, 10);
	assert_true(patience > 0);
	for (int i = 0; i < 3 * CONNECTIONS; i++)
		close(fd[i / CONNECTIONS][i % CONNECTIONS]);
	assert_heard(b);
	pk_bus_free(b);
}

static void an_old_version_is_no_harm(void **unused)
{
	/* ZMTP 1.0: an identity without a name, then a subscription to all */
	static const char old[] = "\1\0\2\0\1";
	struct pk_bus *b = make_bus();
	int fd[CONNECTIONS];

	(void)unused;
	for (int i = 0; i < CONNECTIONS; i++) {
		fd[i] = dial();
		send_all(fd[i], old, sizeof(old) - 1);
	}
	assert_heard(b);
	for (int i = 0; i < CONNECTIONS; i++)
		close(fd[i]);
	assert_heard(b);
	pk_bus_free(b);
}

/* --- what lies there ------------------------------------------------------------ */

static void assert_refused(int err)
{
	struct pk_bus *b = NULL;

	assert_int_equal(try_bus(&b, endpoint), err);
	assert_null(b);
}

static int listen_there(int backlog)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(a.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	if (backlog >= 0)
		assert_int_equal(listen(fd, backlog), 0);
	return fd;
}

static void only_a_dead_socket_of_ours_is_replaced(void **unused)
{
	char other[128];
	struct pk_bus *b;
	struct stat st;
	int fd;

	(void)unused;
	unlink(path);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_refused(-EEXIST);
	assert_int_equal(stat(path, &st), 0); /* it is still there */
	unlink(path);

	snprintf(other, sizeof(other), "%s/other", folder);
	assert_int_equal(symlink(other, path), 0);
	assert_refused(-EEXIST);
	unlink(path);

	fd = listen_there(0);
	assert_refused(-EADDRINUSE);
	close(fd); /* dead from here on */
	if (!geteuid()) {
		assert_int_equal(chown(path, 65534, 65534), 0);
		assert_refused(-EPERM);
		assert_int_equal(chown(path, 0, 0), 0);
	}
	b = make_bus();
	assert_heard(b);
	assert_refused(-EADDRINUSE); /* by ourselves */
	assert_heard(b);
	pk_bus_free(b);
}

static int set_up(void **unused)
{
	(void)unused;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/bus.sock", folder);
	snprintf(endpoint, sizeof(endpoint), "ipc://%s", path);
	return 0;
}

static int tear_down(void **unused)
{
	(void)unused;
	unlink(path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_topics_cost_little_memory),
		cmocka_unit_test(a_long_topic_costs_its_connection),
		cmocka_unit_test(usual_subscribers_are_never_cut_off),
		cmocka_unit_test(stalled_subscribers_cost_bounded_memory),
		cmocka_unit_test(what_says_nothing_or_nonsense_is_dropped),
		cmocka_unit_test(an_old_version_is_no_harm),
		cmocka_unit_test(only_a_dead_socket_of_ours_is_replaced),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
