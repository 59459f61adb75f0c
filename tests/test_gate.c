/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/bus/gate.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <zmq.h>

#include "control/bus/tail.h"
#include "control/bus/topics.h"
#include "tests/bus_rig.h"

#define SECOND 1000000000ULL

/* The sensor's keys, and those of clients by their roles. */
static struct pk_keys sensor, subscriber, replayer, both, stranger;

struct gate_rig {
	struct bus_rig bus;
	char secret[96];
	char clients[96];
	uint64_t beat_ns;
};

/* ---- files ---- */

static void write_file(const char *path, int mode, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, (mode_t)mode), 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void write_clients(struct gate_rig *r, int with_both)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "# who may listen\n\n%s one subscribe\n%s two replay\n%s%s%s",
		 subscriber.open, replayer.open, with_both ? both.open : "",
		 with_both ? " three\tboth\n" : "", with_both ? "" : "#\n");
	write_file(r->clients, 0644, text);
}

/* ---- a publisher behind a gate, on two free ports ---- */

static int is_free(uint16_t port)
{
	char endpoint[64];
	void *context = zmq_ctx_new(), *s = zmq_socket(context, ZMQ_PUB);
	int ret;

	snprintf(endpoint, sizeof(endpoint), "tcp://127.0.0.1:%u", port);
	ret = zmq_bind(s, endpoint);
	zmq_close(s);
	zmq_ctx_term(context);
	return !ret;
}

static uint16_t find_ports(void)
{
	uint16_t port = rig_ports();

	while (!is_free(port) || !is_free((uint16_t)(port + 1)))
		port = (uint16_t)(port + 2);
	return port;
}

static int open_gate(struct gate_rig *r)
{
	struct pk_gate_conf conf = {
		.secret = r->secret,
		.clients = r->clients,
		.secret_fd = open(r->secret, O_RDONLY),
		.clients_fd = open(r->clients, O_RDONLY),
	};
	int ret = pk_gate_new(&r->bus.gate, &conf);

	close(conf.secret_fd);
	close(conf.clients_fd);
	return ret;
}

static void begin_files(struct gate_rig *r)
{
	memset(r, 0, sizeof(*r));
	rig_begin(&r->bus);
	snprintf(r->secret, sizeof(r->secret), "%s/secret", r->bus.path);
	snprintf(r->clients, sizeof(r->clients), "%s/clients", r->bus.path);
	write_file(r->secret, 0600, sensor.secret);
	write_clients(r, 1);
}

static void begin(struct gate_rig *r)
{
	begin_files(r);
	assert_int_equal(open_gate(r), 0);
	assert_string_equal(pk_gate_key(r->bus.gate), sensor.open);
	snprintf(r->bus.endpoint, sizeof(r->bus.endpoint), "tcp://127.0.0.1:%u",
		 find_ports());
	rig_start(&r->bus);
}

static struct pk_gate_counters counters(struct gate_rig *r)
{
	struct pk_gate_counters c;

	pk_gate_count(r->bus.gate, &c);
	assert_int_equal(c.asked,
			 c.allowed + c.unknown + c.unfit + c.malformed);
	return c;
}

static void end_files(struct gate_rig *r)
{
	unlink(r->secret);
	unlink(r->clients);
	rig_end(&r->bus);
}

static void end(struct gate_rig *r)
{
	rig_stop(&r->bus);
	counters(r);
	pk_gate_free(r->bus.gate);
	end_files(r);
}

/* ---- clients ---- */

static struct pk_tail *tail_with(struct gate_rig *r, const struct pk_keys *keys)
{
	const struct pk_tail_conf conf = { .endpoint = r->bus.endpoint,
					   .keys = keys,
					   .class = PK_BUS_THREAT,
					   .patience_ms = 200 };
	struct pk_tail *t = NULL;

	assert_int_equal(pk_tail_new(&t, &conf), 0);
	return t;
}

static struct pk_bus_sub *sub_with(struct gate_rig *r,
				   const struct pk_keys *keys)
{
	struct pk_bus_sub *s = NULL;

	assert_int_equal(
		pk_bus_subscribe_keys(&s, r->bus.endpoint, NULL, 0, keys), 0);
	return s;
}

static void beat(struct gate_rig *r)
{
	pk_bus_tick(r->bus.bus, r->beat_ns += SECOND);
}

/* The next event but trouble, while the publisher's heart beats. */
static struct pk_tail_event expect(struct gate_rig *r, struct pk_tail *t)
{
	struct pk_tail_event e;
	int ret;

	do {
		beat(r);
		ret = pk_tail_recv(t, RIG_SHORT_MS, &e);
	} while (!ret || e.kind == PK_TAIL_TROUBLE);
	assert_int_equal(ret, 1);
	return e;
}

static void expect_all(struct gate_rig *r, struct pk_tail *t, uint64_t from,
		       uint64_t to)
{
	for (uint64_t n = from; n <= to; n++)
		assert_int_equal(expect(r, t).header.sequence, n);
}

static void expect_heard(struct gate_rig *r, struct pk_bus_sub *s)
{
	struct pk_bus_message m;
	int tries = 0;

	do {
		beat(r);
		assert_true(tries++ < RIG_WAIT_MS / RIG_SHORT_MS);
	} while (!pk_bus_recv(s, RIG_SHORT_MS, &m));
}

static uint64_t unknown(const struct pk_gate_counters *c)
{
	return c->unknown;
}

static uint64_t unfit(const struct pk_gate_counters *c)
{
	return c->unfit;
}

/* Who hangs up first leaves nothing to read why. */
static uint64_t no_curve(const struct pk_gate_counters *c)
{
	return c->no_curve + c->broken;
}

static uint64_t wrong_key(const struct pk_gate_counters *c)
{
	return c->wrong_key;
}

/* It hears nothing until the counter has grown that says why. */
static void expect_refused(struct gate_rig *r, const struct pk_keys *keys,
			   uint64_t (*counter)(const struct pk_gate_counters *))
{
	struct pk_gate_counters before = counters(r), now = before;
	struct pk_bus_sub *s = sub_with(r, keys);
	struct pk_bus_message m;

	for (int i = 0; i < RIG_WAIT_MS / RIG_SHORT_MS &&
			counter(&now) == counter(&before);
	     i++) {
		beat(r);
		assert_int_equal(pk_bus_recv(s, RIG_SHORT_MS, &m), 0);
		now = counters(r);
	}
	assert_true(counter(&now) > counter(&before));
	assert_int_equal(now.allowed, before.allowed);
	assert_int_equal(pk_bus_recv(s, 0, &m), 0);
	pk_bus_sub_free(s);
}

/* ---- the tests ---- */

static void who_has_the_key_and_the_roles_gets_everything(void **state)
{
	struct pk_tail *t;
	struct gate_rig r;

	(void)state;
	begin(&r);
	rig_put(&r.bus, 100);
	t = tail_with(&r, &both);
	expect_all(&r, t, 1, 100); /* fetched */
	rig_put(&r.bus, 100);
	expect_all(&r, t, 101, 200);
	assert_true(pk_tail_count(t)->replayed >= 100);
	assert_int_equal(counters(&r).allowed, 2);
	assert_int_equal(counters(&r).clients, 3);
	assert_int_equal(counters(&r).forbidden, 0);
	pk_tail_free(t);
	end(&r);
}

static void who_has_no_key_or_a_wrong_one_hears_nothing(void **state)
{
	struct pk_keys wrong = both;
	struct pk_bus_sub *s;
	struct gate_rig r;

	(void)state;
	begin(&r);
	memcpy(wrong.server, stranger.open, PK_CURVE_TEXT);
	expect_refused(&r, &stranger, unknown);
	expect_refused(&r, NULL, no_curve);
	expect_refused(&r, &wrong, wrong_key);
	expect_refused(&r, &replayer, unfit);
	s = sub_with(&r, &subscriber);
	expect_heard(&r, s);
	pk_bus_sub_free(s);
	end(&r);
}

static void who_may_not_replay_is_told_so(void **state)
{
	struct pk_gate_counters c;
	struct pk_tail_event e;
	struct pk_tail *t;
	struct gate_rig r;
	int ret;

	(void)state;
	begin(&r);
	rig_put(&r.bus, 10);
	t = tail_with(&r, &subscriber);
	do
		ret = pk_tail_recv(t, RIG_WAIT_MS, &e);
	while (ret == 1 && (e.kind != PK_TAIL_TROUBLE ||
			    !strstr(e.json, "your key has no role")));
	assert_int_equal(ret, 1);
	c = counters(&r);
	assert_true(c.forbidden >= 1);
	assert_int_equal(c.unfit, 0);
	pk_tail_free(t);
	end(&r);
}

/* Until clients that are not in the list have been refused so often. */
static void expect_unknown(struct gate_rig *r, uint64_t count)
{
	for (int i = 0;
	     i < RIG_WAIT_MS / RIG_SHORT_MS && counters(r).unknown < count;
	     i++) {
		beat(r);
		poll(NULL, 0, RIG_SHORT_MS);
	}
	assert_true(counters(r).unknown >= count);
}

static void expect_silence(struct gate_rig *r, struct pk_bus_sub *s)
{
	struct pk_bus_message m;

	while (pk_bus_recv(s, 0, &m) == 1)
		; /* from before */
	for (int i = 0; i < 10; i++) {
		beat(r);
		assert_int_equal(pk_bus_recv(s, RIG_SHORT_MS, &m), 0);
	}
}

static int may_replay(struct gate_rig *r, const char *name, const char *key)
{
	char user[PK_GATE_USER];

	snprintf(user, sizeof(user), "%s %s", name, key);
	return pk_gate_may(r->bus.gate, user, PK_CLIENT_REPLAY);
}

/* A stolen one is worth nothing once its owner has another. */
static void a_key_that_was_replaced_ends_its_connections(void **state)
{
	char err[PK_CURVE_SENTENCE] = "", text[512];
	struct pk_bus_sub *old, *other, *new;
	struct pk_tail *t;
	struct gate_rig r;

	(void)state;
	begin(&r);
	old = sub_with(&r, &both);
	other = sub_with(&r, &subscriber);
	expect_heard(&r, old);
	expect_heard(&r, other);
	rig_put(&r.bus, 5);
	t = tail_with(&r, &both);
	expect_all(&r, t, 1, 5);
	assert_true(may_replay(&r, "three", both.open));
	snprintf(text, sizeof(text), "%s one subscribe\n%s three both\n",
		 subscriber.open, stranger.open);
	write_file(r.clients, 0644, text);
	assert_int_equal(pk_gate_reload(r.bus.gate, err), 0);
	assert_false(may_replay(&r, "three", both.open));
	assert_false(may_replay(&r, "one", stranger.open));
	assert_true(may_replay(&r, "three", stranger.open));
	assert_false(pk_gate_may(r.bus.gate, "three", PK_CLIENT_REPLAY));
	expect_unknown(&r, 3); /* two subscriptions, and for replays */
	expect_silence(&r, old);
	new = sub_with(&r, &stranger);
	expect_heard(&r, new);
	expect_heard(&r, other);
	pk_tail_free(t);
	pk_bus_sub_free(old);
	pk_bus_sub_free(other);
	pk_bus_sub_free(new);
	end(&r);
}

static void a_list_read_again_decides_for_new_connections(void **state)
{
	char err[PK_CURVE_SENTENCE] = "";
	struct pk_bus_sub *old;
	struct pk_tail *t;
	struct gate_rig r;

	(void)state;
	begin(&r);
	old = sub_with(&r, &both);
	expect_heard(&r, old);
	write_clients(&r, 0);
	assert_int_equal(pk_gate_reload(r.bus.gate, err), 0);
	expect_unknown(&r, 1); /* it is cut off, and comes back in vain */
	expect_silence(&r, old);
	expect_refused(&r, &both, unknown);
	write_file(r.clients, 0644, "# all\nnonsense\n");
	assert_int_equal(pk_gate_reload(r.bus.gate, err), -EINVAL);
	assert_non_null(strstr(err, "/clients:2: a line is"));
	assert_int_equal(counters(&r).clients, 2); /* as before */
	unlink(r.clients);
	assert_int_equal(pk_gate_reload(r.bus.gate, err), -ENOENT);
	write_clients(&r, 1);
	assert_int_equal(pk_gate_reload(r.bus.gate, err), 0);
	assert_int_equal(counters(&r).reloads, 4);
	assert_int_equal(counters(&r).reloads_failed, 2);
	rig_put(&r.bus, 5);
	t = tail_with(&r, &both);
	expect_all(&r, t, 1, 5);
	pk_tail_free(t);
	pk_bus_sub_free(old);
	end(&r);
}

/* A connection that is there loses its replays with its line. */
static void a_list_read_again_decides_for_each_replay(void **state)
{
	char err[PK_CURVE_SENTENCE] = "";
	struct pk_tail_event e;
	struct pk_tail *t;
	struct gate_rig r;

	(void)state;
	begin(&r);
	rig_put(&r.bus, 5);
	t = tail_with(&r, &both);
	expect_all(&r, t, 1, 5);
	write_clients(&r, 0);
	assert_int_equal(pk_gate_reload(r.bus.gate, err), 0);
	r.bus.mute = 1;
	rig_put(&r.bus, 5);
	expect_unknown(&r, 2); /* of the bus and of the replay server */
	while (pk_tail_recv(t, RIG_SHORT_MS, &e) == 1)
		assert_int_equal(e.kind, PK_TAIL_TROUBLE);
	pk_tail_free(t);
	end(&r);
}

/* A key is no leave to fill the publisher's memory. */
static void too_many_topics_cut_off_those_with_a_key_too(void **state)
{
	void *context = zmq_ctx_new(), *many = zmq_socket(context, ZMQ_SUB);
	struct pk_bus_sub *s;
	struct gate_rig r;
	char topic[16];
	int all = 0; /* no bound to what it may have to send */

	(void)state;
	begin(&r);
	zmq_setsockopt(many, ZMQ_SNDHWM, &all, sizeof(all));
	for (int i = 0; i < PK_TOPICS_MAX + 200; i++) {
		int n = snprintf(topic, sizeof(topic), "v1/hit/%d/", i);

		zmq_setsockopt(many, ZMQ_SUBSCRIBE, topic, (size_t)n);
	}
	assert_int_equal(pk_keys_use(many, &subscriber), 0);
	assert_int_equal(zmq_connect(many, r.bus.endpoint), 0);
	for (int i = 0; i < RIG_WAIT_MS / RIG_SHORT_MS &&
			!pk_bus_count(r.bus.bus)->cut_off;
	     i++) {
		beat(&r);
		poll(NULL, 0, RIG_SHORT_MS);
	}
	assert_true(pk_bus_count(r.bus.bus)->cut_off > 0);
	zmq_close(many);
	zmq_ctx_term(context);
	s = sub_with(&r, &both);
	expect_heard(&r, s);
	pk_bus_sub_free(s);
	end(&r);
}

static void files_on_the_same_host_need_no_key(void **state)
{
	const char *endpoints[2];
	struct pk_bus_conf conf = { .endpoints = endpoints,
				    .endpoint_count = 2,
				    .sensor = "s1" };
	struct pk_bus_sub *s = NULL, *remote = NULL;
	struct pk_bus_message m;
	uint16_t port = find_ports();
	char tcp[64];
	struct pk_bus *b = NULL;
	struct gate_rig r;

	(void)state;
	begin_files(&r);
	snprintf(tcp, sizeof(tcp), "tcp://0.0.0.0:%u", port);
	endpoints[0] = r.bus.endpoint;
	endpoints[1] = tcp;
	assert_int_equal(pk_bus_new(&b, &conf), -EPERM); /* without a gate */
	assert_null(b);
	assert_int_equal(open_gate(&r), 0);
	conf.gate = r.bus.gate;
	assert_int_equal(pk_bus_new(&b, &conf), 0);
	assert_int_equal(pk_bus_subscribe(&s, r.bus.endpoint, NULL, 0), 0);
	snprintf(tcp, sizeof(tcp), "tcp://127.0.0.1:%u", port);
	assert_int_equal(pk_bus_subscribe_keys(&remote, tcp, NULL, 0, &both),
			 0);
	do
		pk_bus_tick(b, r.beat_ns += SECOND);
	while (!pk_bus_recv(s, RIG_SHORT_MS, &m));
	do
		pk_bus_tick(b, r.beat_ns += SECOND);
	while (!pk_bus_recv(remote, RIG_SHORT_MS, &m));
	pk_bus_sub_free(s);
	pk_bus_sub_free(remote);
	pk_bus_free(b);
	pk_gate_free(r.bus.gate);
	end_files(&r);
}

static void a_secret_that_others_may_read_is_none(void **state)
{
	struct pk_keys keys;
	char err[PK_CURVE_SENTENCE] = "";
	struct gate_rig r;

	(void)state;
	begin_files(&r);
	assert_int_equal(chmod(r.secret, 0640), 0);
	assert_int_equal(open_gate(&r), -EPERM);
	assert_int_equal(pk_keys_load(&keys, r.clients, r.secret, err),
			 -EINVAL);
	assert_non_null(strstr(err, "/clients:3: not a key"));
	assert_int_equal(pk_keys_read(keys.secret, r.secret, 1, err), -EPERM);
	assert_non_null(strstr(err, "chmod 600"));
	assert_int_equal(chmod(r.secret, 0600), 0);
	write_file(r.secret, 0600, "# nothing\n\n");
	assert_int_equal(open_gate(&r), -EINVAL);
	unlink(r.secret);
	assert_int_equal(open_gate(&r), -EBADF);
	assert_int_equal(pk_keys_read(keys.secret, r.secret, 1, err), -ENOENT);
	assert_non_null(strstr(err, "cannot be opened"));
	assert_null(r.bus.gate);
	pk_gate_free(NULL);
	end_files(&r);
}

static void errors_of_the_list_name_file_and_line(void **state)
{
	static const struct {
		const char *before; /* K stands for a key, L for another one */
		const char *sentence;
	} rows[] = {
		{ "K", ":1: a line is" },
		{ "K a subscribe more", ":1: a line is" },
		{ "\n# x\nK- a replay", ":3: the first word" },
		{ "short a replay", ":1: the first word" },
		{ "K a/b replay", ":1: the name" },
		{ "K a all,", ":1: the roles" },
		{ "K a ,all", ":1: the roles" },
		{ "K a none", ":1: the roles" },
		{ "K a All", ":1: the roles" },
		{ "K a all\nK b all", ":2: this key or name is on line 1" },
		{ "K a all\n\nL a all", ":3: this key or name is on line 1" },
	};
	char text[512], err[PK_CURVE_SENTENCE];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct pk_clients c = { 0 };
		size_t n = 0;

		for (const char *p = rows[i].before; *p; p++)
			n += (size_t)snprintf(text + n, sizeof(text) - n,
					      "%.*s",
					      *p == 'K' || *p == 'L' ? 40 : 1,
					      *p == 'K'	  ? both.open
					      : *p == 'L' ? stranger.open
							  : p);
		assert_int_equal(pk_clients_parse(&c, "list", text, n, err),
				 -EINVAL);
		assert_ptr_equal(strstr(err, "list:"), err);
		assert_non_null(strstr(err, rows[i].sentence));
		assert_null(c.client);
	}
}

static void roles_are_words_with_commas(void **state)
{
	struct pk_clients c = { 0 };
	char text[512], err[PK_CURVE_SENTENCE];
	int n = snprintf(text, sizeof(text),
			 "%s a subscribe,pull\r\n#\n  %s\tb all", both.open,
			 stranger.open);

	(void)state;
	assert_int_equal(pk_clients_parse(&c, "list", text, (size_t)n, err), 0);
	assert_int_equal(c.count, 2);
	assert_int_equal(pk_clients_find_name(&c, "a")->roles,
			 1 << PK_CLIENT_SUBSCRIBE | 1 << PK_CLIENT_PULL);
	assert_int_equal(pk_clients_find_key(&c, stranger.open)->roles, 7);
	assert_int_equal(pk_clients_find_key(&c, stranger.open)->line, 3);
	assert_null(pk_clients_find_name(&c, "c"));
	pk_clients_free(&c);
	assert_int_equal(pk_clients_parse(&c, "list", "", 0, err), 0);
	assert_int_equal(c.count, 0); /* nobody */
	pk_clients_free(&c);
}

static int make_keys(void **state)
{
	struct pk_keys *all[] = { &sensor, &subscriber, &replayer, &both,
				  &stranger };

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		char open[PK_CURVE_TEXT];

		if (pk_keys_generate(all[i]->open, all[i]->secret) ||
		    pk_keys_public(open, all[i]->secret) ||
		    strcmp(open, all[i]->open) != 0)
			return -1;
		memcpy(all[i]->server, sensor.open, PK_CURVE_TEXT);
	}
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_has_the_key_and_the_roles_gets_everything),
		cmocka_unit_test(who_has_no_key_or_a_wrong_one_hears_nothing),
		cmocka_unit_test(who_may_not_replay_is_told_so),
		cmocka_unit_test(a_list_read_again_decides_for_new_connections),
		cmocka_unit_test(a_key_that_was_replaced_ends_its_connections),
		cmocka_unit_test(a_list_read_again_decides_for_each_replay),
		cmocka_unit_test(too_many_topics_cut_off_those_with_a_key_too),
		cmocka_unit_test(files_on_the_same_host_need_no_key),
		cmocka_unit_test(a_secret_that_others_may_read_is_none),
		cmocka_unit_test(errors_of_the_list_name_file_and_line),
		cmocka_unit_test(roles_are_words_with_commas),
	};

	return cmocka_run_group_tests(tests, make_keys, NULL);
}
