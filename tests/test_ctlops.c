/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations of the control socket, with the launcher's end of the daemon's
 * socket in the test's hand. The event loop, the clients and the launcher take
 * turns in one thread, so every wait is for a condition.
 */
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
#include <json-c/json.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/ctlops.h"
#include "control/daemon_inside.h"
#include "control/indicators_inside.h"

enum { TURNS = 20000, LINE = 4096, MANY = 2000 };

struct rig {
	char dir[32];
	char path[64];
	struct pk_config *config;
	struct pk_daemon_conf conf;
	struct pk_daemon d;
	int launcher;
	struct pk_control control; /* of a target whose slots are small */
};

static void open_rig(struct rig *r)
{
	struct pk_asker_conf asker = { .arg = &r->d };
	struct pk_indicators_conf ind = { .seed = 5 };
	struct pk_ctl_conf ctl = { .upload_bytes = 1 << 20 };
	struct pk_planes_conf planes = { 0 };
	struct pk_ifaces_conf ifaces = { 0 };
	struct pk_daemon *d = &r->d;
	int pair[2];

	memset(r, 0, sizeof(*r));
	strcpy(r->dir, "/tmp/pk-ctlops-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	snprintf(r->path, sizeof(r->path), "%s/s", r->dir);
	assert_int_equal(pk_config_new(&r->config), 0);
	r->conf.config = r->config;
	d->conf = &r->conf;
	d->base = event_base_new();
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	r->launcher = pair[0];
	asker.base = ind.base = planes.base = d->base;
	asker.fd = pair[1];
	assert_int_equal(pk_asker_new(&d->asker, &asker), 0);
	assert_int_equal(pk_grace_new(&d->grace), 0);
	ind.asker = planes.asker = ifaces.asker = d->asker;
	ind.grace = d->grace;
	assert_int_equal(pk_indicators_new(&d->indicators, &ind), 0);
	assert_int_equal(pk_planes_new(&d->planes, &planes), 0);
	ifaces.planes = d->planes;
	ifaces.indicators = d->indicators;
	assert_int_equal(pk_ifaces_new(&d->ifaces, &ifaces), 0);
	assert_int_equal(pk_ctl_listen(&ctl.fd, r->path, getegid()), 0);
	assert_int_equal(pk_ctl_new(&d->ctl, d->base, &ctl), 0);
	assert_int_equal(pk_ctlops_register(d), 0);
}

static void close_rig(struct rig *r)
{
	struct pk_daemon *d = &r->d;

	pk_ctl_free(d->ctl);
	pk_planes_free(d->planes);
	pk_ifaces_free(d->ifaces);
	pk_indicators_free(d->indicators);
	pk_grace_free(d->grace);
	pk_asker_free(d->asker);
	event_base_free(d->base);
	pk_config_free(r->config);
	close(r->launcher);
	unlink(r->path);
	rmdir(r->dir);
}

static void turn(struct rig *r)
{
	event_base_loop(r->d.base, EVLOOP_NONBLOCK);
	usleep(50);
}

/* --- a client ----------------------------------------------------------------- */

static int ask(struct rig *r, const char *op, const char *args)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	char line[LINE];
	int n = snprintf(line, sizeof(line), "{\"op\":\"%s\",\"args\":{%s}}\n",
			 op, args);

	strcpy(at.sun_path, r->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(send(fd, line, (size_t)n, MSG_NOSIGNAL), n);
	return fd;
}

/* The answer, which the caller owns. */
static struct json_object *answer(struct rig *r, int fd)
{
	struct json_object *o;
	char line[LINE] = "";
	size_t got = 0;

	for (int i = 0; i < TURNS && !strchr(line, '\n'); i++) {
		ssize_t n = recv(fd, line + got, sizeof(line) - 1 - got, 0);

		got += n > 0 ? (size_t)n : 0;
		line[got] = '\0';
		turn(r);
	}
	close(fd);
	o = json_tokener_parse(line);
	if (!o)
		fail_msg("no answer: \"%s\"", line);
	return o;
}

static struct json_object *member(struct json_object *o, const char *part,
				  const char *name)
{
	struct json_object *v = NULL;

	if (!json_object_object_get_ex(o, part, &v) ||
	    !json_object_object_get_ex(v, name, &v))
		fail_msg("no %s.%s in %s", part, name,
			 json_object_to_json_string(o));
	return v;
}

static uint64_t generation(struct json_object *o)
{
	return json_object_get_uint64(member(o, "result", "generation"));
}

/* The code of the answer's error; @text must be in its message. */
static void expect_error(struct rig *r, int fd, const char *code,
			 const char *text)
{
	struct json_object *o = answer(r, fd);
	const char *message =
		json_object_get_string(member(o, "error", "message"));

	assert_string_equal(json_object_get_string(member(o, "error", "code")),
			    code);
	if (!strstr(message, text))
		fail_msg("\"%s\" is not in \"%s\"", text, message);
	json_object_put(o);
}

/* --- the launcher -------------------------------------------------------------- */

/* The next request: 1, or 0 when none comes until the loop is at rest. */
static int request(struct rig *r, struct pk_request *q)
{
	struct pk_fds fds;

	for (int i = 0; i < 200; i++) {
		int n = pk_request_recv(r->launcher, q, sizeof(*q), &fds);

		if (n == 1)
			pk_fds_close(&fds);
		if (n)
			return n;
		turn(r);
	}
	return 0;
}

static void reply(struct rig *r, const struct pk_request *q, int status,
		  const char *why, int fd)
{
	struct pk_answer a = { .version = PK_REQUEST_VERSION,
			       .kind = q->kind,
			       .id = q->id,
			       .status = status };
	struct pk_fds fds = { fd >= 0, { fd } };

	snprintf(a.why, sizeof(a.why), "%s", why);
	assert_int_equal(pk_request_send(r->launcher, &a, sizeof(a), &fds), 0);
}

/* --- adding indicators ----------------------------------------------------------- */

static void a_second_add_waits_for_the_first(void **state)
{
	struct json_object *first, *second, *third;
	uint64_t before;
	struct rig r;
	int fd[2];

	(void)state;
	open_rig(&r);
	before = pk_indicators_generation(r.d.indicators);
	/* both are read in one turn of the loop */
	fd[0] = ask(&r, "ioc add", "\"value\":\"192.0.2.1\"");
	fd[1] = ask(&r, "ioc add", "\"value\":\"192.0.2.1\"");
	first = answer(&r, fd[0]);
	second = answer(&r, fd[1]);
	assert_true(generation(first) > before);
	assert_true(generation(second) >= generation(first));
	/* the third finds it visible, and publishes nothing */
	third = answer(&r, ask(&r, "ioc add", "\"value\":\"192.0.2.1\""));
	assert_true(generation(third) ==
		    pk_indicators_generation(r.d.indicators));
	assert_true(generation(third) == generation(second));
	assert_false(json_object_get_boolean(member(third, "result", "added")));
	json_object_put(first);
	json_object_put(second);
	json_object_put(third);
	close_rig(&r);
}

/* As the kernel's, but with no more room than the present images need. */
static void add_small_target(struct rig *r)
{
	struct pk_indicators *i = r->d.indicators;
	struct pk_image_target *t = &i->kernel.target;

	t->control = &r->control;
	for (unsigned s = 0; s < PK_IMAGE_SLOTS; s++) {
		t->lines[s] = 64;
		t->slot[s] = mmap(NULL, t->lines[s] * sizeof(struct pk_line),
				  PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		assert_true(t->slot[s] != MAP_FAILED);
	}
	assert_true(pk_images_add_target(i->images, t) > 0);
}

static void remove_small_target(struct rig *r)
{
	struct pk_indicators *i = r->d.indicators;
	struct pk_image_target *t = &i->kernel.target;

	pk_images_del_target(i->images, 1);
	for (unsigned s = 0; s < PK_IMAGE_SLOTS; s++)
		munmap(t->slot[s], t->lines[s] * sizeof(struct pk_line));
	memset(t, 0, sizeof(*t));
}

static void store_many(struct rig *r)
{
	struct pk_indicator ind;
	char text[32];

	for (int i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "10.1.%d.%d", i / 250, i % 250);
		pk_indicator_init(&ind);
		assert_int_equal(pk_indicator_parse(&ind, text, strlen(text)),
				 PK_REFUSED_NONE);
		assert_int_equal(pk_indicators_add(r->d.indicators, &ind, NULL),
				 0);
	}
}

/* A map as large as is wanted. */
static void grow(struct rig *r, const struct pk_request *q)
{
	int fd = memfd_create("slot", MFD_CLOEXEC);

	assert_int_equal(
		ftruncate(fd, (off_t)(q->lines * sizeof(struct pk_line))), 0);
	reply(r, q, 0, "", fd);
	close(fd);
}

static void a_failed_add_can_be_tried_again(void **state)
{
	static const char value[] = "\"value\":\"192.0.2.1\"";
	struct json_object *o;
	struct pk_request q;
	uint64_t before;
	struct rig r;
	int fd;

	(void)state;
	open_rig(&r);
	add_small_target(&r);
	store_many(&r);
	before = pk_indicators_generation(r.d.indicators);
	for (int i = 0; i < 2; i++) { /* it must not hide behind the store */
		fd = ask(&r, "ioc add", value);
		assert_int_equal(request(&r, &q), 1);
		assert_int_equal(q.kind, PK_REQUEST_GROW);
		reply(&r, &q, -ENOMEM, "no memory", -1);
		expect_error(&r, fd, "failed", "the old one stays");
		assert_true(pk_indicators_generation(r.d.indicators) == before);
	}
	fd = ask(&r, "ioc add", value);
	assert_int_equal(request(&r, &q), 1);
	grow(&r, &q);
	o = answer(&r, fd);
	assert_true(generation(o) > before);
	json_object_put(o);
	/* now it is visible, and nothing is done about it */
	o = answer(&r, ask(&r, "ioc add", value));
	assert_true(generation(o) == pk_indicators_generation(r.d.indicators));
	assert_int_equal(request(&r, &q), 0);
	json_object_put(o);
	remove_small_target(&r);
	close_rig(&r);
}

/* --- ports and interfaces ------------------------------------------------------------ */

static void typing_errors_do_not_reach_the_launcher(void **state)
{
	static const char *const bad[][4] = {
		{ "port add", "\"name\":\"a b\",\"vdev\":\"net_null0\"",
		  "usage", "a port's name must be" },
		{ "port add", "\"name\":\"xdp\",\"vdev\":\"net_null0\"",
		  "usage", "a port's name must be" },
		{ "port add", "\"name\":\"a\",\"vdev\":\"net null\"", "usage",
		  "no such driver" },
		{ "port add", "\"name\":\"a\"", "usage", "one of" },
		{ "port add",
		  "\"name\":\"a\",\"vdev\":\"net_pcap0,tx_pcap=/etc/x\"",
		  "configuration", "tx_pcap" },
		{ "port add",
		  "\"name\":\"a\",\"vdev\":\"net_af_xdp0,xdp_prog=/x\"",
		  "configuration", "xdp_prog" },
		{ "port add", "\"name\":\"a\",\"pci\":\"3:0\"", "usage",
		  "full address" },
		{ "port del", "\"name\":\"a b\"", "not-found", "no port" },
		{ "attach", "\"interface\":\"a b\"", "usage", "interface" },
		{ "detach", "\"interface\":\"-a\"", "usage", "interface" },
	};
	struct pk_request q;
	struct rig r;

	(void)state;
	open_rig(&r);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		expect_error(&r, ask(&r, bad[i][0], bad[i][1]), bad[i][2],
			     bad[i][3]);
		assert_int_equal(request(&r, &q), 0);
	}
	close_rig(&r);
}

static void a_refused_port_is_not_stopped(void **state)
{
	static const char port[] = "\"name\":\"a\",\"vdev\":\"net_null0\"";
	struct pk_request q;
	struct rig r;

	(void)state;
	open_rig(&r);
	for (int i = 0; i < 2; i++) { /* its name is free again */
		int fd = ask(&r, "port add", port);

		assert_int_equal(request(&r, &q), 1);
		assert_int_equal(q.kind, PK_REQUEST_PORT_START);
		reply(&r, &q, -EBUSY, "it belongs to port b", -1);
		expect_error(&r, fd, "conflict", "belongs to port b");
		assert_int_equal(request(&r, &q), 0);
		assert_null(pk_planes_view(r.d.planes, 0));
	}
	close_rig(&r);
}

/* Of one that died too often the launcher keeps the name until it is told. */
static void a_fenced_port_is_forgotten_by_the_launcher(void **state)
{
	struct pk_request q;
	struct rig r;
	int fd;

	(void)state;
	open_rig(&r);
	fd = ask(&r, "port add", "\"name\":\"a\",\"vdev\":\"net_null0\"");
	assert_int_equal(request(&r, &q), 1);
	reply(&r, &q, -ECONNABORTED, "it stays down", -1);
	expect_error(&r, fd, "failed", "it stays down");
	assert_int_equal(request(&r, &q), 1);
	assert_int_equal(q.kind, PK_REQUEST_PORT_STOP);
	assert_string_equal(q.name, "a");
	reply(&r, &q, 0, "", -1);
	assert_int_equal(request(&r, &q), 0);
	assert_null(pk_planes_view(r.d.planes, 0));
	close_rig(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_second_add_waits_for_the_first),
		cmocka_unit_test(a_failed_add_can_be_tried_again),
		cmocka_unit_test(typing_errors_do_not_reach_the_launcher),
		cmocka_unit_test(a_refused_port_is_not_stopped),
		cmocka_unit_test(a_fenced_port_is_forgotten_by_the_launcher),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
