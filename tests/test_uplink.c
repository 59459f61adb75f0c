/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/uplink.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "ioc/image/images.h"

/* The daemon's side of a test, and the plane that a thread connects. */
struct rig {
	struct pk_downlink *down;
	struct pk_downlink_conf conf;
	struct pk_plane_stats *stats;
	struct pk_images *images;
	int plane_fd;
	int fds_before;

	struct pk_uplink_hello hello;
	struct pk_uplink *up;
	int err;
	pthread_t thread;
};

static int count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static int set_up(void **state)
{
	struct pk_images_conf images = { .seed = 1 };
	struct rig *g = calloc(1, sizeof *g);

	*state = g;
	g->fds_before = count_fds();
	assert_int_equal(pk_images_new(&g->images, &images), 0);
	assert_int_equal(pk_stats_new(&g->stats, &g->conf.stats_fd), 0);
	assert_int_equal(pk_downlink_new(&g->down, &g->plane_fd), 0);
	g->conf.conf.abi = PK_ABI_VERSION;
	g->conf.conf.epoch = 3;
	g->conf.conf.sampling = 1;
	g->conf.conf.port = 7;
	g->conf.conf.seed = 0x1122334455667788ULL;
	g->conf.ring_bytes = 16384;
	g->conf.images_fd = pk_images_fd(g->images);
	g->conf.hits_fd = pk_images_hits_fd(g->images);
	g->hello.abi = PK_ABI_VERSION;
	g->hello.plane = PK_PLANE_XDP;
	g->hello.rings = 3;
	g->hello.workers = 2;
	return 0;
}

/* Every fd that came with a message or a ring is closed again. */
static int tear_down(void **state)
{
	struct rig *g = *state;

	pk_uplink_free(g->up);
	pk_downlink_free(g->down);
	if (g->plane_fd >= 0)
		close(g->plane_fd);
	pk_stats_free(g->stats);
	if (g->conf.stats_fd >= 0)
		close(g->conf.stats_fd);
	pk_images_free(g->images);
	assert_int_equal(count_fds(), g->fds_before);
	free(g);
	return 0;
}

static void *connect_plane(void *arg)
{
	struct rig *g = arg;

	g->err = pk_uplink_connect(&g->up, g->plane_fd, &g->hello);
	return NULL;
}

static void begin_connect(struct rig *g)
{
	assert_int_equal(pthread_create(&g->thread, NULL, connect_plane, g), 0);
}

static int end_connect(struct rig *g)
{
	pthread_join(g->thread, NULL);
	g->plane_fd = -1;
	return g->err;
}

static int poll_until_something(struct rig *g)
{
	int n;

	do
		n = pk_downlink_poll(g->down, &g->conf);
	while (n == 0);
	return n;
}

static void connect_both(struct rig *g)
{
	begin_connect(g);
	assert_int_equal(poll_until_something(g), 1);
	assert_int_equal(end_connect(g), 0);
}

static void a_plane_gets_what_it_asked_for(void **state)
{
	struct rig *g = *state;
	uint32_t v;

	connect_both(g);
	assert_memory_equal(&g->up->conf, &g->conf.conf, sizeof g->up->conf);
	assert_memory_equal(&g->down->hello, &g->hello, sizeof g->hello);
	assert_int_equal(g->up->rings, 3);
	assert_int_equal(g->down->rings, 3);
	assert_non_null(g->up->images);
	for (uint32_t i = 0; i < 3; i++) {
		v = i + 40;
		assert_int_equal(pk_ring_push(g->up->ring[i], &v, sizeof v), 0);
	}
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(pk_ring_pop(g->down->ring[i], &v, sizeof v),
				 sizeof v);
		assert_int_equal(v, i + 40);
	}
	g->up->stats->stage.hits_in = 99;
	assert_int_equal(g->stats->stage.hits_in, 99);
	assert_int_equal(g->stats->incarnations, 1);
	assert_int_equal(g->stats->workers, 2);
}

static void a_sleeping_daemon_is_woken(void **state)
{
	struct rig *g = *state;
	uint64_t count = 0;

	connect_both(g);
	assert_int_equal(pk_ring_sleep(g->down->ring[1]), 1);
	assert_int_equal(pk_ring_push(g->up->ring[1], "x", 1), 0);
	pk_ring_wake(g->up->ring[1]);
	assert_int_equal(read(pk_ring_eventfd(g->down->ring[1]), &count, 8), 8);
	assert_int_equal(count, 1);
}

static void images_and_hits_may_be_missing(void **state)
{
	struct rig *g = *state;

	g->conf.images_fd = -1;
	g->hello.rings = PK_UPLINK_RINGS;
	connect_both(g);
	assert_null(g->up->images);
	assert_int_equal(g->up->rings, PK_UPLINK_RINGS);
}

static void hits_may_be_missing(void **state)
{
	struct rig *g = *state;

	g->conf.hits_fd = -1;
	g->hello.rings = 1;
	connect_both(g);
	assert_non_null(g->up->images);
}

static void ready_and_sentences_arrive(void **state)
{
	struct rig *g = *state;
	char longest[2 * PK_SAY_BYTES];

	connect_both(g);
	assert_int_equal(g->down->ready, 0);
	assert_int_equal(pk_uplink_ready(g->up), 0);
	assert_int_equal(pk_downlink_poll(g->down, &g->conf), 1);
	assert_int_equal(g->down->ready, 1);
	pk_uplink_say(g->up, "port 3: \033[2Jno such \"device\"\n\xc3\xa4");
	assert_int_equal(pk_downlink_poll(g->down, &g->conf), 1);
	assert_string_equal(g->down->said, "port 3: ?[2Jno such \"device\"???");
	memset(longest, 'a', sizeof longest);
	longest[sizeof longest - 1] = '\0';
	pk_uplink_say(g->up, longest);
	assert_int_equal(pk_downlink_poll(g->down, &g->conf), 1);
	assert_int_equal(strlen(g->down->said), PK_SAY_BYTES - 1);
	pk_uplink_say(g->up, "");
	assert_int_equal(pk_downlink_poll(g->down, &g->conf), 1);
	assert_string_equal(g->down->said, "");
	assert_int_equal(pk_downlink_poll(g->down, &g->conf), 0);
}

static void a_stop_is_remembered(void **state)
{
	struct rig *g = *state;

	connect_both(g);
	assert_int_equal(pk_uplink_stopping(g->up), 0);
	assert_int_equal(pk_downlink_stop(g->down), 0);
	assert_int_equal(pk_uplink_stopping(g->up), 1);
	assert_int_equal(pk_uplink_stopping(g->up), 1);
}

static void each_side_notices_that_the_other_left(void **state)
{
	struct rig *g = *state;

	connect_both(g);
	pk_uplink_free(g->up);
	g->up = NULL;
	assert_int_equal(pk_downlink_poll(g->down, &g->conf), -ECONNRESET);
	assert_int_equal(pk_downlink_stop(g->down), -ECONNRESET);
}

static void a_daemon_that_left_means_stop(void **state)
{
	struct rig *g = *state;

	connect_both(g);
	pk_downlink_free(g->down);
	g->down = NULL;
	assert_int_equal(pk_uplink_stopping(g->up), 1);
	assert_int_equal(pk_uplink_ready(g->up), -ECONNRESET);
	pk_uplink_say(g->up, "nobody listens");
}

static void a_daemon_that_leaves_early_is_an_error(void **state)
{
	struct rig *g = *state;

	pk_downlink_free(g->down);
	g->down = NULL;
	begin_connect(g);
	assert_int_equal(end_connect(g), -ECONNRESET);
	assert_null(g->up);
}

static void a_stop_before_the_configuration_is_an_error(void **state)
{
	struct rig *g = *state;

	assert_int_equal(pk_downlink_stop(g->down), 0);
	begin_connect(g);
	assert_int_equal(end_connect(g), -ECONNRESET);
}

static void refused_greetings_are_told(void **state)
{
	static const struct pk_uplink_hello bad[] = {
		{ PK_ABI_VERSION + 1, PK_PLANE_XDP, 3, 2 },
		{ PK_ABI_VERSION, PK_PLANES, 3, 2 },
		{ PK_ABI_VERSION, PK_PLANE_XDP, 0, 2 },
		{ PK_ABI_VERSION, PK_PLANE_XDP, PK_UPLINK_RINGS + 1, 2 },
		{ PK_ABI_VERSION, PK_PLANE_XDP, UINT32_MAX, 2 },
		{ PK_ABI_VERSION, PK_PLANE_XDP, 3, PK_WORKERS_MAX + 1 },
	};
	struct rig *g = *state;

	for (uint32_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		pk_downlink_free(g->down);
		if (g->plane_fd >= 0)
			close(g->plane_fd);
		assert_int_equal(pk_downlink_new(&g->down, &g->plane_fd), 0);
		g->hello = bad[i];
		begin_connect(g);
		assert_int_equal(poll_until_something(g), -EPROTO);
		assert_int_equal(end_connect(g), -EPROTO);
		assert_null(g->up);
		assert_int_equal(g->down->rings, 0);
	}
}

static void unusable_fds_are_refused(void **state)
{
	struct rig *g = *state;

	close(g->conf.stats_fd);
	g->conf.stats_fd = memfd_create("no stats", MFD_CLOEXEC);
	begin_connect(g);
	assert_int_equal(poll_until_something(g), 1);
	assert_int_equal(end_connect(g), -EINVAL);
	assert_null(g->up);
}

static void a_next_incarnation_goes_on_counting(void **state)
{
	struct rig *g = *state;

	connect_both(g);
	g->up->stats->stage.flows_out = 5;
	pk_uplink_free(g->up);
	g->up = NULL;
	pk_downlink_free(g->down);
	assert_int_equal(pk_downlink_new(&g->down, &g->plane_fd), 0);
	g->hello.workers = 1;
	connect_both(g);
	assert_int_equal(g->up->stats->stage.flows_out, 5);
	assert_int_equal(g->stats->incarnations, 2);
	assert_int_equal(g->stats->workers, 2);
}

/* --- hostile planes -------------------------------------------------------- */

static void garbage_is_refused(void **state)
{
	struct rig *g = *state;
	uint8_t buf[1024];

	srandom(7);
	for (int i = 0; i < 2000; i++) {
		size_t len = (size_t)random() % sizeof buf;
		int n;

		for (size_t k = 0; k < len; k++)
			buf[k] = (uint8_t)(random() % 4 ? 0 : random());
		buf[0] = (uint8_t)(random() % 7);
		memset(buf + 1, 0, 3);
		send(g->plane_fd, buf, len, 0);
		n = pk_downlink_poll(g->down, &g->conf);
		assert_true(n == 1 || n == -EPROTO || n == -ECONNRESET);
		assert_true(len || n == -ECONNRESET);
		assert_true(g->down->rings <= PK_UPLINK_RINGS);
		assert_true(strlen(g->down->said) < PK_SAY_BYTES);
	}
}

static void a_second_greeting_is_nonsense(void **state)
{
	struct rig *g = *state;
	uint8_t hello[8 + sizeof g->hello] = { 1 };

	connect_both(g);
	memcpy(hello + 8, &g->hello, sizeof g->hello);
	assert_int_equal(send(g->up->fd, hello, sizeof hello, 0), sizeof hello);
	assert_int_equal(pk_downlink_poll(g->down, &g->conf), -EPROTO);
	assert_int_equal(g->down->rings, 3);
}

static const int stdins[64]; /* all 0: fds that are of no use */

static void send_with_fds(int to, const void *bytes, size_t len, const int *fds,
			  uint32_t n)
{
	char control[CMSG_SPACE(64 * sizeof(int))] = { 0 };
	struct iovec iov = { (void *)(uintptr_t)bytes, len };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = CMSG_SPACE(n * sizeof(int)) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	assert_int_equal(sendmsg(to, &m, 0), len);
}

static void fds_from_a_plane_are_not_taken(void **state)
{
	struct rig *g = *state;
	uint8_t hello[8 + sizeof g->hello] = { 1 };
	int before = count_fds();

	memcpy(hello + 8, &g->hello, sizeof g->hello);
	send_with_fds(g->plane_fd, hello, sizeof hello, stdins, 5);
	assert_int_equal(pk_downlink_poll(g->down, &g->conf), -EPROTO);
	assert_int_equal(count_fds(), before);
}

/* A daemon that sends more, fewer or other fds than it says; none leaks. */
static void a_plane_keeps_no_surplus_fds(void **state)
{
	static const uint32_t counts[] = { 1, 8, 9, 10, 37, 38, 39, 60 };
	struct rig *g = *state;
	uint8_t config[512] = { 2 };
	size_t len = 8 + sizeof(struct pk_uplink_conf) + 8;

	memcpy(config + 8, &g->conf.conf, sizeof g->conf.conf);
	config[8 + sizeof g->conf.conf] = 3; /* rings */
	config[8 + sizeof g->conf.conf + 4] = 1;
	config[8 + sizeof g->conf.conf + 5] = 1;
	for (uint32_t i = 0; i < sizeof counts / sizeof *counts; i++) {
		int pair[2], before = count_fds();
		struct pk_uplink *up = NULL;

		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair),
				 0);
		send_with_fds(pair[0], config, len, stdins, counts[i]);
		assert_true(pk_uplink_connect(&up, pair[1], &g->hello) < 0);
		assert_null(up);
		close(pair[0]);
		assert_int_equal(count_fds(), before);
	}
}

/* The same CONFIG with just its fds is taken, with one more it is refused. */
static void a_surplus_fd_is_refused(void **state)
{
	struct rig *g = *state;
	uint8_t config[512] = { 2 };
	size_t len = 8 + sizeof(struct pk_uplink_conf) + 8;
	struct pk_ring *r = NULL;

	assert_int_equal(pk_ring_new(&r, 16384), 0);
	memcpy(config + 8, &g->conf.conf, sizeof g->conf.conf);
	config[8 + sizeof g->conf.conf] = 1; /* one ring, no images */
	g->hello.rings = 1;
	for (uint32_t n = 2; n <= 4; n++) {
		const int fds[] = { g->conf.stats_fd, pk_ring_fd(r),
				    pk_ring_eventfd(r), g->conf.stats_fd };
		struct pk_uplink *up = NULL;
		int pair[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair),
				 0);
		send_with_fds(pair[0], config, len, fds, n);
		assert_int_equal(pk_uplink_connect(&up, pair[1], &g->hello),
				 n == 3 ? 0 : -EINVAL);
		pk_uplink_free(up);
		close(pair[0]);
	}
	pk_ring_free(r);
}

/* --- another process -------------------------------------------------------- */

static int plane_main(int fd, const struct pk_uplink_hello *hello)
{
	struct pk_uplink *u;

	if (pk_uplink_connect(&u, fd, hello))
		return 1;
	for (uint32_t i = 0; i < 1000; i++)
		if (pk_ring_push(u->ring[i % 3], &i, sizeof i))
			return 2;
	u->stats->stage.records_written += 1000;
	pk_uplink_say(u, "done");
	if (pk_uplink_ready(u))
		return 3;
	while (!pk_uplink_stopping(u))
		;
	pk_uplink_free(u);
	return 0;
}

static void a_plane_in_another_process(void **state)
{
	struct rig *g = *state;
	uint32_t v, got = 0;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		close(g->down->fd);
		_exit(plane_main(g->plane_fd, &g->hello));
	}
	close(g->plane_fd);
	g->plane_fd = -1;
	while (!g->down->ready)
		assert_int_equal(poll_until_something(g), 1);
	assert_string_equal(g->down->said, "done");
	for (uint32_t i = 0; i < 3; i++)
		while (pk_ring_pop(g->down->ring[i], &v, sizeof v) > 0)
			got++;
	assert_int_equal(got, 1000);
	assert_int_equal(g->stats->stage.records_written, 1000);
	assert_int_equal(pk_downlink_stop(g->down), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(poll_until_something(g), -ECONNRESET);
}

/* --- stats ------------------------------------------------------------------ */

static void stats_are_opened_only_when_sealed_and_whole(void **state)
{
	struct pk_plane_stats *s = NULL;
	struct pk_ring *r = NULL;
	int fd = memfd_create("bare", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	(void)state;
	assert_int_equal(ftruncate(fd, sizeof *s), 0);
	assert_int_equal(pk_stats_open(&s, fd), -EINVAL);
	fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	assert_int_equal(pk_stats_open(&s, fd), -EINVAL); /* version 0 */
	assert_int_equal(pk_stats_open(&s, -1), -EINVAL);
	close(fd);
	assert_int_equal(pk_ring_new(&r, 16384), 0);
	assert_int_equal(pk_stats_open(&s, pk_ring_fd(r)), -EINVAL);
	pk_ring_free(r);
	assert_null(s);
	pk_stats_free(NULL);
	pk_uplink_free(NULL);
	pk_downlink_free(NULL);
}

#define IN_RIG(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_RIG(a_plane_gets_what_it_asked_for),
		IN_RIG(a_sleeping_daemon_is_woken),
		IN_RIG(images_and_hits_may_be_missing),
		IN_RIG(hits_may_be_missing),
		IN_RIG(ready_and_sentences_arrive),
		IN_RIG(a_stop_is_remembered),
		IN_RIG(each_side_notices_that_the_other_left),
		IN_RIG(a_daemon_that_left_means_stop),
		IN_RIG(a_daemon_that_leaves_early_is_an_error),
		IN_RIG(a_stop_before_the_configuration_is_an_error),
		IN_RIG(refused_greetings_are_told),
		IN_RIG(unusable_fds_are_refused),
		IN_RIG(a_next_incarnation_goes_on_counting),
		IN_RIG(garbage_is_refused),
		IN_RIG(a_second_greeting_is_nonsense),
		IN_RIG(fds_from_a_plane_are_not_taken),
		IN_RIG(a_plane_keeps_no_surplus_fds),
		IN_RIG(a_surplus_fd_is_refused),
		IN_RIG(a_plane_in_another_process),
		cmocka_unit_test(stats_are_opened_only_when_sealed_and_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
