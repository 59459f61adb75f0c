/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control socket over real sockets: the server's event loop and its
 * clients take turns in one thread, so every wait is for a condition.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <grp.h>
#include <json-c/json.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/ctl/ctl.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

enum { GROUP = 54321, CHUNK = PK_CTL_CHUNK_MIN };

struct rig {
	char dir[32];
	char path[64];
	struct event_base *base;
	struct pk_ctl *ctl;
	struct pk_ctl_answer *late; /* of the last "late" */
	unsigned ran;		    /* operations that ran */
	unsigned said;
	uint64_t sum; /* over the bytes of the last upload */
	size_t bytes;
};

static int echo(void *arg, struct json_object *args, const void *bytes,
		size_t n, struct pk_ctl_answer *out)
{
	struct rig *r = arg;

	r->ran++;
	r->bytes = n;
	r->sum = 0;
	for (size_t i = 0; i < n; i++)
		r->sum = r->sum * 31 + ((const uint8_t *)bytes)[i];
	pk_ctl_ok(out, json_object_get(args));
	return 0;
}

static int late(void *arg, struct json_object *args, const void *bytes,
		size_t n, struct pk_ctl_answer *out)
{
	struct rig *r = arg;

	(void)args;
	(void)bytes;
	(void)n;
	r->ran++;
	r->late = out;
	return PK_CTL_LATER;
}

static int fails(void *arg, struct json_object *args, const void *bytes,
		 size_t n, struct pk_ctl_answer *out)
{
	(void)arg;
	(void)args;
	(void)bytes;
	(void)n;
	pk_ctl_fail(out, PK_CTL_E_NOT_FOUND, "look elsewhere", "no \"%s\"",
		    "thing");
	return 0;
}

static int breaks(void *arg, struct json_object *args, const void *bytes,
		  size_t n, struct pk_ctl_answer *out)
{
	(void)arg;
	(void)args;
	(void)bytes;
	(void)n;
	(void)out;
	return -EIO;
}

static void hear(void *arg, const char *sentence)
{
	struct rig *r = arg;

	assert_non_null(strstr(sentence, "denied uid=65534"));
	r->said++;
}

static void start(struct rig *r, uint32_t deadline_ms)
{
	struct pk_ctl_conf conf = { .group = GROUP,
				    .upload_bytes = 4 << 20,
				    .deadline_ms = deadline_ms,
				    .say = hear,
				    .say_arg = r };

	memset(r, 0, sizeof(*r));
	strcpy(r->dir, "/tmp/pk-ctl-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	snprintf(r->path, sizeof(r->path), "%s/s", r->dir);
	r->base = event_base_new();
	assert_non_null(r->base);
	assert_int_equal(pk_ctl_listen(&conf.fd, r->path, getegid()), 0);
	assert_int_equal(pk_ctl_new(&r->ctl, r->base, &conf), 0);
	assert_int_equal(pk_ctl_add(r->ctl, "echo", echo, r), 0);
	assert_int_equal(pk_ctl_add(r->ctl, "late", late, r), 0);
	assert_int_equal(pk_ctl_add(r->ctl, "fails", fails, NULL), 0);
	assert_int_equal(pk_ctl_add(r->ctl, "breaks", breaks, NULL), 0);
}

/* The ledger of the server closes. */
static struct pk_ctl_counters counters(struct rig *r)
{
	struct pk_ctl_counters n;
	uint64_t errors = 0;

	pk_ctl_counters(r->ctl, &n);
	for (int i = 0; i < PK_CTL_CODE_COUNT; i++)
		errors += n.error[i];
	assert_int_equal(n.connections, n.closed + n.open);
	assert_int_equal(n.requests, n.ok + errors + n.pending);
	return n;
}

static void stop(struct rig *r)
{
	if (r->ctl)
		counters(r);
	pk_ctl_free(r->ctl);
	event_base_free(r->base);
	unlink(r->path);
	rmdir(r->dir);
}

static int dial(const struct rig *r)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	strcpy(at.sun_path, r->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static void turn(struct rig *r)
{
	assert_true(event_base_loop(r->base, EVLOOP_NONBLOCK) >= 0);
}

static void put(struct rig *r, int fd, const void *bytes, size_t n)
{
	const char *p = bytes;

	while (n) {
		ssize_t k = send(fd, p, n, MSG_NOSIGNAL);

		if (k < 0 && (errno == EPIPE || errno == ECONNRESET))
			return;
		assert_true(k >= 0 || errno == EAGAIN);
		p += k > 0 ? k : 0;
		n -= k > 0 ? (size_t)k : 0;
		turn(r);
	}
}

static void say(struct rig *r, int fd, const char *text)
{
	put(r, fd, text, strlen(text));
}

/* The next line; "" when the server closed instead. */
static const char *hear_line(struct rig *r, int fd)
{
	static char line[4096];
	size_t n = 0;
	ssize_t k;

	for (;;) {
		k = recv(fd, line + n, 1, 0);
		if (k == 0 || (k < 0 && errno == ECONNRESET)) {
			assert_int_equal(n, 0);
			return "";
		}
		if (k < 0) {
			assert_int_equal(errno, EAGAIN);
			turn(r);
			continue;
		}
		if (line[n] == '\n')
			break;
		assert_true(++n < sizeof(line));
	}
	line[n] = 0;
	return line;
}

static void expect(struct rig *r, int fd, const char *line)
{
	assert_string_equal(hear_line(r, fd), line);
}

static void expect_code(struct rig *r, int fd, const char *code)
{
	char begin[96];
	const char *line = hear_line(r, fd);

	snprintf(begin, sizeof(begin), "{\"v\":1,\"error\":{\"code\":\"%s\",",
		 code);
	assert_memory_equal(line, begin, strlen(begin));
}

#define ECHO_ANSWER "{\"v\":1,\"ok\":true,\"result\":{\"a\":1}}"
#define ECHO_LINE   "{\"v\":1,\"op\":\"echo\",\"args\":{\"a\":1}}\n"

static void answers_one_request_after_the_other(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	start(&r, 0);
	fd = dial(&r);
	say(&r, fd, ECHO_LINE);
	expect(&r, fd, ECHO_ANSWER);
	say(&r, fd, "{\"op\":\"fails\"}\n");
	expect(&r, fd,
	       "{\"v\":1,\"error\":{\"code\":\"not-found\",\"message\":"
	       "\"no \\\"thing\\\"\",\"hint\":\"look elsewhere\"}}");
	say(&r, fd, "{\"op\":\"breaks\"}\n");
	expect(&r, fd,
	       "{\"v\":1,\"error\":{\"code\":\"failed\",\"message\":"
	       "\"breaks: Input/output error\"}}");
	say(&r, fd, "{\"op\":\"operations\"}\n");
	expect(&r, fd,
	       "{\"v\":1,\"ok\":true,\"result\":{\"operations\":["
	       "\"operations\",\"echo\",\"late\",\"fails\",\"breaks\"]}}");
	say(&r, fd, ECHO_LINE ECHO_LINE ECHO_LINE "{\"op\":\"ech");
	expect(&r, fd, ECHO_ANSWER);
	expect(&r, fd, ECHO_ANSWER);
	expect(&r, fd, ECHO_ANSWER);
	say(&r, fd, "o\"}\n");
	expect(&r, fd, "{\"v\":1,\"ok\":true,\"result\":{}}");
	assert_int_equal(r.ran, 5);
	assert_int_equal(counters(&r).requests, 8);
	assert_int_equal(counters(&r).ok, 6);
	close(fd);
	stop(&r);
}

/* A request each, its error, and whether the connection goes on. */
static const struct {
	const char *text;
	const char *code;
	bool goes_on;
} bad[] = {
	{ "\n", "bad-request", false },
	{ "[]\n", "bad-request", false },
	{ "\"op\"\n", "bad-request", false },
	{ "{\"op\":\"echo\"} {}\n", "bad-request", false },
	{ "{\"op\":\"echo\"}x\n", "bad-request", false },
	{ "{\"op\":\"echo\"\n", "bad-request", false },
	{ "{\"op\":\"echo\",\"more\":1}\n", "bad-request", false },
	{ "{\"op\":3}\n", "bad-request", false },
	{ "{\"op\":\"\"}\n", "bad-request", false },
	{ "{\"op\":\"ec\\u0000ho\"}\n", "bad-request", false },
	{ "{\"op\":\"\\u001b[2J\"}\n", "bad-request", false },
	{ "{\"op\":\"01234567890123456789012345678901234567890123456789"
	  "01234567890123\"}\n",
	  "bad-request", false },
	{ "{\"args\":{}}\n", "bad-request", false },
	{ "{\"op\":\"echo\",\"args\":[]}\n", "bad-request", false },
	{ "{\"op\":\"echo\",\"args\":null}\n", "bad-request", false },
	{ "{\"op\":\"echo\",\"bytes\":-1}\n", "bad-request", false },
	{ "{\"op\":\"echo\",\"bytes\":1.5}\n", "bad-request", false },
	{ "{\"op\":\"echo\",\"bytes\":\"5\"}\n", "bad-request", false },
	{ "{\"op\":\"echo\xff\"}\n", "bad-request", false },
	{ "{\"op\":\"echo\",\"args\":{\"a\":[[[[[[[[[1]]]]]]]]]}}\n",
	  "bad-request", false },
	{ "{\"v\":2,\"op\":\"echo\"}\n", "version", false },
	{ "{\"v\":\"1\",\"op\":\"echo\"}\n", "version", false },
	{ "{\"op\":\"nothing\"}\n", "unknown-op", true },
	{ "{\"op\":\"nothing\",\"bytes\":5}\n", "unknown-op", false },
	{ "{\"op\":\"echo\",\"bytes\":4194305}\n", "too-large", false },
	{ "{\"op\":\"echo\",\"bytes\":99999999999999999999999}\n", "too-large",
	  false },
};

static void each_bad_request_has_its_code(void **state)
{
	struct rig r;

	(void)state;
	start(&r, 0);
	for (size_t i = 0; i < LEN(bad); i++) {
		int fd = dial(&r);

		say(&r, fd, bad[i].text);
		expect_code(&r, fd, bad[i].code);
		if (bad[i].goes_on) {
			say(&r, fd, ECHO_LINE);
			expect(&r, fd, ECHO_ANSWER);
		} else {
			expect(&r, fd, "");
		}
		close(fd);
	}
	assert_int_equal(r.ran, 1);
	stop(&r);
}

static void a_line_has_at_most_64_kib(void **state)
{
	char *line = malloc(PK_CTL_LINE_MAX + 2);
	struct rig r;
	int fd;

	(void)state;
	assert_non_null(line);
	start(&r, 0);
	memset(line, ' ', PK_CTL_LINE_MAX + 2);
	memcpy(line, "{\"op\":\"echo\"", 12);
	line[PK_CTL_LINE_MAX - 2] = '}';
	line[PK_CTL_LINE_MAX - 1] = '\n';
	fd = dial(&r);
	put(&r, fd, line, PK_CTL_LINE_MAX);
	expect(&r, fd, "{\"v\":1,\"ok\":true,\"result\":{}}");
	close(fd);
	line[PK_CTL_LINE_MAX - 2] = ' ';
	line[PK_CTL_LINE_MAX - 1] = '}';
	line[PK_CTL_LINE_MAX] = '\n';
	fd = dial(&r);
	put(&r, fd, line, PK_CTL_LINE_MAX + 1);
	expect_code(&r, fd, "too-large");
	expect(&r, fd, "");
	close(fd);
	free(line);
	stop(&r);
}

static void put_chunk(struct rig *r, int fd, uint32_t number, uint32_t len,
		      uint8_t fill)
{
	uint8_t *chunk = malloc(8 + (size_t)len);

	assert_non_null(chunk);
	memcpy(chunk, &number, 4); /* little endian, as this machine is */
	memcpy(chunk + 4, &len, 4);
	memset(chunk + 8, fill, len);
	put(r, fd, chunk, 8 + (size_t)len);
	free(chunk);
}

/* Only as many bytes as a test needs behind a head that promises @len. */
static void put_wrong_chunk(struct rig *r, int fd, uint32_t number,
			    uint32_t len)
{
	put(r, fd, &number, 4);
	put(r, fd, &len, 4);
	for (uint32_t i = 0; i < len && i < 50000; i++)
		put(r, fd, "x", 1);
}

static void an_upload_arrives_whole(void **state)
{
	struct rig r;
	uint64_t sum = 0;
	int fd;

	(void)state;
	start(&r, 0);
	fd = dial(&r);
	say(&r, fd, "{\"op\":\"echo\",\"bytes\":1065000}\n");
	put_chunk(&r, fd, 0, CHUNK, 'a');
	put_chunk(&r, fd, 1, PK_CTL_CHUNK_MAX, 'b');
	assert_int_equal(r.ran, 0);
	put_chunk(&r, fd, 2, 1065000 - CHUNK - PK_CTL_CHUNK_MAX, 'c');
	expect(&r, fd, "{\"v\":1,\"ok\":true,\"result\":{}}");
	for (size_t i = 0; i < 1065000; i++)
		sum = sum * 31 + (i < CHUNK			 ? 'a'
				  : i < CHUNK + PK_CTL_CHUNK_MAX ? 'b'
								 : 'c');
	assert_int_equal(r.ran, 1);
	assert_int_equal(r.bytes, 1065000);
	assert_true(r.sum == sum);
	say(&r, fd, ECHO_LINE);
	expect(&r, fd, ECHO_ANSWER);
	assert_int_equal(r.bytes, 0);
	close(fd);
	stop(&r);
}

/* Chunks of an upload of 40000 bytes that must be refused. */
static const struct {
	uint32_t number[3];
	uint32_t len[3];
} wrong[] = {
	{ { 1 }, { CHUNK } },			/* a gap in front */
	{ { 0, 2 }, { CHUNK, CHUNK } },		/* a gap */
	{ { 0, 0 }, { CHUNK, CHUNK } },		/* the same again */
	{ { 0 }, { 0 } },			/* nothing */
	{ { 0 }, { CHUNK - 1 } },		/* too short */
	{ { 0 }, { 40001 } },			/* more than promised */
	{ { 0, 1 }, { CHUNK, 40001 - CHUNK } }, /* the same, later */
	{ { 0 }, { 0xffffffff } },		/* nonsense */
	{ { 0xffffffff }, { CHUNK } },		/* nonsense */
	{ { 0, 1, 3 }, { CHUNK, CHUNK, 40000 - 2 * CHUNK } },
};

static void chunks_out_of_order_change_nothing(void **state)
{
	struct rig r;

	(void)state;
	start(&r, 0);
	for (size_t i = 0; i < LEN(wrong); i++) {
		int fd = dial(&r);

		say(&r, fd, "{\"op\":\"echo\",\"bytes\":40000}\n");
		for (int k = 0; k < 3 && (!k || wrong[i].len[k]); k++)
			put_wrong_chunk(&r, fd, wrong[i].number[k],
					wrong[i].len[k]);
		expect_code(&r, fd, "upload");
		close(fd);
	}
	assert_int_equal(r.ran, 0);
	stop(&r);
}

static size_t open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void half_an_upload_leaves_nothing_behind(void **state)
{
	struct rig r;
	size_t fds;
	int fd;

	(void)state;
	start(&r, 0);
	fds = open_fds();
	for (int i = 0; i < 3; i++) {
		fd = dial(&r);
		say(&r, fd, "{\"op\":\"echo\",\"bytes\":4194304}\n");
		put_chunk(&r, fd, 0, PK_CTL_CHUNK_MAX, 'x');
		assert_int_equal(open_fds(), fds + 3);
		close(fd);
		while (counters(&r).open)
			turn(&r);
	}
	assert_int_equal(open_fds(), fds);
	assert_int_equal(r.ran, 0);
	assert_int_equal(counters(&r).error[PK_CTL_E_ABORTED], 3);
	stop(&r);
}

static void uploads_share_one_bound(void **state)
{
	struct rig r;
	int a, b;

	(void)state;
	start(&r, 0);
	a = dial(&r);
	b = dial(&r);
	say(&r, a, "{\"op\":\"echo\",\"bytes\":4000000}\n");
	turn(&r);
	say(&r, b, "{\"op\":\"echo\",\"bytes\":400000}\n");
	expect_code(&r, b, "busy");
	close(b);
	close(a);
	while (counters(&r).open)
		turn(&r);
	b = dial(&r);
	say(&r, b, "{\"op\":\"echo\",\"bytes\":400000}\n");
	put_chunk(&r, b, 0, 400000, 'y');
	expect(&r, b, "{\"v\":1,\"ok\":true,\"result\":{}}");
	close(b);
	stop(&r);
}

static void an_answer_may_come_late(void **state)
{
	struct rig r;
	int a, b;

	(void)state;
	start(&r, 0);
	a = dial(&r);
	b = dial(&r);
	say(&r, a, "{\"op\":\"late\"}\n" ECHO_LINE);
	while (!r.late)
		turn(&r);
	say(&r, b, ECHO_LINE);
	expect(&r, b, ECHO_ANSWER);
	assert_int_equal(counters(&r).pending, 1);
	pk_ctl_ok(r.late, NULL);
	expect(&r, a, "{\"v\":1,\"ok\":true,\"result\":{}}");
	expect(&r, a, ECHO_ANSWER);
	close(a);
	close(b);
	stop(&r);
}

static void a_client_or_server_may_leave_before_the_answer(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	start(&r, 0);
	fd = dial(&r);
	say(&r, fd, "{\"op\":\"late\",\"bytes\":5}\n");
	put_chunk(&r, fd, 0, 5, 'z');
	while (!r.late)
		turn(&r);
	close(fd);
	turn(&r);
	pk_ctl_fail(r.late, PK_CTL_E_FAILED, NULL, "too late");
	while (counters(&r).open)
		turn(&r);
	assert_int_equal(counters(&r).error[PK_CTL_E_FAILED], 1);
	r.late = NULL;
	fd = dial(&r);
	say(&r, fd, "{\"op\":\"late\"}\n");
	while (!r.late)
		turn(&r);
	pk_ctl_free(r.ctl);
	r.ctl = NULL;
	expect(&r, fd, "");
	pk_ctl_ok(r.late, NULL);
	close(fd);
	stop(&r);
}

static void a_client_that_says_no_more_gets_its_answer(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	start(&r, 0);
	fd = dial(&r);
	say(&r, fd, ECHO_LINE "{\"op\":\"late\"}\n" ECHO_LINE "{\"op\":");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	expect(&r, fd, ECHO_ANSWER);
	while (!r.late)
		turn(&r);
	turn(&r);
	pk_ctl_ok(r.late, NULL);
	expect(&r, fd, "{\"v\":1,\"ok\":true,\"result\":{}}");
	expect(&r, fd, ECHO_ANSWER);
	expect(&r, fd, "");
	assert_int_equal(counters(&r).error[PK_CTL_E_ABORTED], 1);
	close(fd);
	stop(&r);
}

static void a_client_that_owes_bytes_has_a_deadline(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	start(&r, 30);
	fd = dial(&r); /* says nothing */
	expect(&r, fd, "");
	close(fd);
	assert_int_equal(counters(&r).requests, 0);
	fd = dial(&r); /* one blank after the other, never a line */
	while (!counters(&r).error[PK_CTL_E_TIMEOUT])
		say(&r, fd, " ");
	expect_code(&r, fd, "timeout");
	expect(&r, fd, "");
	close(fd);
	fd = dial(&r); /* half a chunk */
	say(&r, fd, "{\"op\":\"echo\",\"bytes\":40000}\n");
	put_chunk(&r, fd, 0, CHUNK, 'x');
	say(&r, fd, "\1\0\0");
	expect_code(&r, fd, "timeout");
	expect(&r, fd, "");
	close(fd);
	assert_int_equal(r.ran, 0);
	stop(&r);
}

static void an_answer_that_nobody_reads_does_not_stay(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	start(&r, 30);
	fd = dial(&r);
	for (int i = 0; i < 100000 && (!i || counters(&r).open); i++) {
		send(fd, ECHO_LINE, sizeof(ECHO_LINE) - 1, MSG_NOSIGNAL);
		turn(&r);
	}
	while (counters(&r).open)
		turn(&r);
	assert_true(counters(&r).ok > 0);
	close(fd);
	stop(&r);
}

static void the_33rd_client_is_turned_away(void **state)
{
	int fds[PK_CTL_CONNECTIONS];
	struct rig r;
	int fd;

	(void)state;
	start(&r, 0);
	for (int i = 0; i < PK_CTL_CONNECTIONS; i++)
		fds[i] = dial(&r);
	while (counters(&r).open < PK_CTL_CONNECTIONS)
		turn(&r);
	for (int i = 0; i < 1000; i++) {
		fd = dial(&r);
		expect_code(&r, fd, "busy");
		expect(&r, fd, "");
		close(fd);
	}
	say(&r, fds[5], ECHO_LINE);
	expect(&r, fds[5], ECHO_ANSWER);
	assert_int_equal(counters(&r).error[PK_CTL_E_BUSY], 1000);
	for (int i = 0; i < PK_CTL_CONNECTIONS; i++)
		close(fds[i]);
	while (counters(&r).open)
		turn(&r);
	fd = dial(&r);
	say(&r, fd, ECHO_LINE);
	expect(&r, fd, ECHO_ANSWER);
	close(fd);
	stop(&r);
}

/* Another user's process asks; exits 0 if its answer begins with @begin. */
static pid_t ask_as(const struct rig *r, const gid_t *groups, size_t n,
		    const char *begin)
{
	char line[512];
	size_t got = 0;
	ssize_t k = 1;
	pid_t pid = fork();
	int fd;

	if (pid)
		return pid;
	if (setgroups(n, groups) || setgid(65534) || setuid(65534))
		_exit(2);
	fd = dial(r);
	fcntl(fd, F_SETFL, 0);
	send(fd, ECHO_LINE, sizeof(ECHO_LINE) - 1, MSG_NOSIGNAL);
	while (k > 0 && got < sizeof(line) && !memchr(line, '\n', got)) {
		k = recv(fd, line + got, sizeof(line) - got, 0);
		got += k > 0 ? (size_t)k : 0;
	}
	_exit(got < strlen(begin) || memcmp(line, begin, strlen(begin)) != 0);
}

static void await(struct rig *r, pid_t pid)
{
	int status;

	while (!waitpid(pid, &status, WNOHANG))
		turn(r);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void only_root_and_the_group_are_heard(void **state)
{
	static const gid_t groups[] = { 7, GROUP, 9 };
	struct rig r;

	(void)state;
	if (geteuid()) {
		print_message("SKIPPED: needs root\n");
		skip();
	}
	start(&r, 0);
	/* As if the modes of folder and socket had failed. */
	assert_int_equal(chmod(r.dir, 0755), 0);
	assert_int_equal(chmod(r.path, 0666), 0);
	await(&r, ask_as(&r, groups, 1,
			 "{\"v\":1,\"error\":{\"code\":\"denied\","));
	await(&r, ask_as(&r, groups, 3, ECHO_ANSWER));
	assert_int_equal(r.said, 1);
	assert_int_equal(counters(&r).error[PK_CTL_E_DENIED], 1);
	stop(&r);
}

static void passed_descriptors_are_dropped(void **state)
{
	enum { N = 253 };
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(N * sizeof(int))];
	} control = { .head = { .cmsg_len = CMSG_LEN(N * sizeof(int)),
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS } };
	struct iovec iov = { ECHO_LINE, sizeof(ECHO_LINE) - 1 };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	struct rig r;
	size_t fds;
	int fd;

	(void)state;
	for (int i = 0; i < N; i++)
		memcpy(CMSG_DATA(&control.head) + (size_t)i * sizeof(int),
		       &(int){ 0 }, sizeof(int));
	start(&r, 0);
	fd = dial(&r);
	while (!counters(&r).open)
		turn(&r);
	fds = open_fds();
	assert_int_equal(sendmsg(fd, &m, 0), sizeof(ECHO_LINE) - 1);
	expect(&r, fd, ECHO_ANSWER);
	assert_int_equal(open_fds(), fds);
	close(fd);
	stop(&r);
}

static void the_cut_of_the_bytes_does_not_matter(void **state)
{
	uint8_t text[60000];
	unsigned seed = 7;
	struct rig r;
	size_t n;

	(void)state;
	start(&r, 0);
	n = (size_t)sprintf((char *)text,
			    ECHO_LINE "{\"op\":\"echo\",\"bytes\":40000}\n");
	memcpy(text + n, "\0\0\0\0\x20\x4e\0\0", 8);
	memset(text + n + 8, '\n', 20000);
	memcpy(text + n + 20008, "\1\0\0\0\x20\x4e\0\0", 8);
	memset(text + n + 20016, '{', 20000);
	n += 40016;
	n += (size_t)sprintf((char *)text + n, ECHO_LINE);
	for (int round = 0; round < 50; round++) {
		int fd = dial(&r);

		for (size_t at = 0, k; at < n; at += k) {
			k = 1 + (size_t)rand_r(&seed) % (round * 400 + 9);
			k = k < n - at ? k : n - at;
			put(&r, fd, text + at, k);
		}
		expect(&r, fd, ECHO_ANSWER);
		expect(&r, fd, "{\"v\":1,\"ok\":true,\"result\":{}}");
		expect(&r, fd, ECHO_ANSWER);
		close(fd);
	}
	assert_int_equal(r.ran, 150);
	stop(&r);
}

static void a_dead_socket_is_replaced_and_a_live_one_is_not(void **state)
{
	struct stat st;
	struct rig r;
	int fd;

	(void)state;
	start(&r, 0);
	assert_int_equal(stat(r.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_int_equal(st.st_gid, getegid());
	assert_int_equal(pk_ctl_listen(&fd, r.path, getegid()), -EADDRINUSE);
	pk_ctl_free(r.ctl);
	r.ctl = NULL;
	assert_int_equal(pk_ctl_listen(&fd, r.path, getegid()), 0);
	close(fd);
	unlink(r.path);
	fd = open(r.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	assert_int_equal(pk_ctl_listen(&fd, r.path, 0), -EADDRINUSE);
	assert_int_equal(
		pk_ctl_listen(&fd,
			      "/01234567890123456789012345678901234567890123456"
			      "78901234567890123456789012345678901234567890123"
			      "4567890123456789",
			      0),
		-ENAMETOOLONG);
	assert_int_equal(pk_ctl_listen(&fd, "/nonexistent/s", 0), -ENOENT);
	stop(&r);
}

static void operations_have_one_name_each(void **state)
{
	static char names[PK_CTL_OPS][8];
	struct rig r;
	int n = 0;

	(void)state;
	start(&r, 0);
	assert_int_equal(pk_ctl_add(r.ctl, "echo", echo, &r), -EEXIST);
	assert_int_equal(pk_ctl_add(r.ctl, "", echo, &r), -EINVAL);
	assert_int_equal(pk_ctl_add(r.ctl, "x", NULL, &r), -EINVAL);
	for (; n < PK_CTL_OPS; n++) {
		sprintf(names[n], "n%d", n);
		if (pk_ctl_add(r.ctl, names[n], echo, &r))
			break;
	}
	assert_int_equal(n, PK_CTL_OPS - 5);
	assert_int_equal(pk_ctl_add(r.ctl, "more", echo, &r), -ENOSPC);
	stop(&r);
}

static void codes_have_words(void **state)
{
	(void)state;
	for (int i = 0; i < PK_CTL_CODE_COUNT; i++)
		assert_int_equal(
			pk_ctl_code_find(pk_ctl_code_word((enum pk_ctl_code)i)),
			i);
	assert_int_equal(pk_ctl_code_find("nonsense"), PK_CTL_CODE_COUNT);
	assert_int_equal(pk_ctl_code_status(PK_CTL_E_NOT_FOUND), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_one_request_after_the_other),
		cmocka_unit_test(each_bad_request_has_its_code),
		cmocka_unit_test(a_line_has_at_most_64_kib),
		cmocka_unit_test(an_upload_arrives_whole),
		cmocka_unit_test(chunks_out_of_order_change_nothing),
		cmocka_unit_test(half_an_upload_leaves_nothing_behind),
		cmocka_unit_test(uploads_share_one_bound),
		cmocka_unit_test(an_answer_may_come_late),
		cmocka_unit_test(
			a_client_or_server_may_leave_before_the_answer),
		cmocka_unit_test(a_client_that_says_no_more_gets_its_answer),
		cmocka_unit_test(a_client_that_owes_bytes_has_a_deadline),
		cmocka_unit_test(an_answer_that_nobody_reads_does_not_stay),
		cmocka_unit_test(the_33rd_client_is_turned_away),
		cmocka_unit_test(only_root_and_the_group_are_heard),
		cmocka_unit_test(passed_descriptors_are_dropped),
		cmocka_unit_test(the_cut_of_the_bytes_does_not_matter),
		cmocka_unit_test(
			a_dead_socket_is_replaced_and_a_live_one_is_not),
		cmocka_unit_test(operations_have_one_name_each),
		cmocka_unit_test(codes_have_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
