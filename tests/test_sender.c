/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/bus/sender.h"

#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <zmq.h>

#include "control/bus/gate.h"
#include "control/canned.h"
#include "control/profile/profile.h"
#include "tests/bus_rig.h"

struct send_rig {
	struct bus_rig bus;
	char state[96];
	char endpoint[2][128];
	struct pk_sender_output output[2];
	struct pk_sender_conf conf;
	struct pk_sender *sender;
};

/* ---- the publisher ---- */

static void begin(struct send_rig *r)
{
	memset(r, 0, sizeof(*r));
	rig_begin(&r->bus);
	snprintf(r->state, sizeof(r->state), "%s/outputs", r->bus.path);
	for (int i = 0; i < 2; i++) {
		snprintf(r->endpoint[i], sizeof(r->endpoint[i]),
			 "ipc://%s/out%d", r->bus.path, i);
		r->output[i] = (struct pk_sender_output){
			.name = i ? "two" : "one",
			.endpoint = r->endpoint[i],
		};
	}
	r->conf = (struct pk_sender_conf){
		.output = r->output,
		.outputs = 1,
		.sensor = "s1",
		.journal_dir = r->bus.path,
		.state_dir = r->state,
		.mark = &r->bus.mark,
	};
}

static void start(struct send_rig *r)
{
	rig_start(&r->bus);
	r->conf.gate = r->bus.gate;
	assert_int_equal(pk_sender_new(&r->sender, &r->conf), 0);
}

static struct pk_sender_view view(struct send_rig *r, uint32_t i)
{
	struct pk_sender_view v;

	assert_int_equal(pk_sender_view(r->sender, i, &v), 0);
	assert_int_equal(v.count.read,
			 v.count.sent + v.count.passed + v.count.refused);
	return v;
}

static void stop(struct send_rig *r)
{
	view(r, 0);
	pk_sender_free(r->sender);
	rig_stop(&r->bus);
}

static void put(struct send_rig *r, uint64_t count)
{
	rig_put(&r->bus, count);
	pk_sender_kick(r->sender);
}

static void remove_in(const char *dir, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
}

static void end(struct send_rig *r)
{
	remove_in(r->state, "one.cursor");
	remove_in(r->state, "two.cursor");
	rmdir(r->state);
	remove_in(r->bus.path, "out0");
	remove_in(r->bus.path, "out1");
	rig_end(&r->bus);
}

/* ---- a receiver ---- */

struct receiver {
	void *context;
	void *socket;
	struct pk_bus_header header; /* of the latest */
	char topic[64];
	char text[512];
};

static void open_receiver(struct receiver *c, int type, const char *endpoint,
			  const struct pk_keys *keys)
{
	int zero = 0, wait = RIG_WAIT_MS, hwm = 16;

	memset(c, 0, sizeof(*c));
	c->context = zmq_ctx_new();
	c->socket = zmq_socket(c->context, type);
	zmq_setsockopt(c->socket, ZMQ_LINGER, &zero, sizeof(zero));
	zmq_setsockopt(c->socket, ZMQ_RCVTIMEO, &wait, sizeof(wait));
	zmq_setsockopt(c->socket, ZMQ_RCVHWM, &hwm, sizeof(hwm));
	zmq_setsockopt(c->socket, ZMQ_IPV6, &(int){ 1 }, sizeof(int));
	if (type == ZMQ_SUB)
		zmq_setsockopt(c->socket, ZMQ_SUBSCRIBE, "", 0);
	if (keys)
		assert_int_equal(pk_keys_use(c->socket, keys), 0);
	assert_int_equal(zmq_connect(c->socket, endpoint), 0);
}

static void close_receiver(struct receiver *c)
{
	zmq_close(c->socket);
	zmq_ctx_term(c->context);
}

/* 1 with a message, 0 without one in time. */
static int receive(struct receiver *c)
{
	int n = zmq_recv(c->socket, c->topic, sizeof(c->topic) - 1, 0);

	if (n < 0)
		return 0;
	c->topic[n] = 0;
	n = zmq_recv(c->socket, &c->header, sizeof(c->header), 0);
	assert_int_equal(n, sizeof(c->header));
	n = zmq_recv(c->socket, c->text, sizeof(c->text) - 1, 0);
	assert_in_range(n, 1, sizeof(c->text) - 1);
	c->text[n] = 0;
	return 1;
}

static uint64_t number(const struct receiver *c)
{
	return le64toh(c->header.sequence);
}

static uint64_t journal_number(const struct receiver *c)
{
	unsigned long long n = 0;

	assert_int_equal(sscanf(c->text, "{\"n\":%llu,", &n), 1);
	return n;
}

static void expect(struct receiver *c, uint64_t own, uint64_t journal)
{
	char topic[64];

	assert_true(receive(c));
	assert_int_equal(number(c), own);
	assert_int_equal(journal_number(c), journal);
	snprintf(topic, sizeof(topic), "v1/threat/%s/", rig_subject(journal));
	assert_string_equal(c->topic, topic);
}

static void expect_nothing(struct receiver *c)
{
	int wait = 50;

	zmq_setsockopt(c->socket, ZMQ_RCVTIMEO, &wait, sizeof(wait));
	assert_false(receive(c));
	wait = RIG_WAIT_MS;
	zmq_setsockopt(c->socket, ZMQ_RCVTIMEO, &wait, sizeof(wait));
}

/* ---- the tests ---- */

static void rest(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

static void wait_for_the_end(struct send_rig *r)
{
	while (view(r, 0).at < r->bus.mark.written)
		rest();
}

static void a_puller_and_a_subscriber_both_receive(void **state)
{
	struct receiver pull, sub;
	struct send_rig r;

	(void)state;
	begin(&r);
	r.conf.outputs = 2;
	r.output[1].pattern = PK_SENDER_PUB;
	start(&r);
	open_receiver(&pull, ZMQ_PULL, r.endpoint[0], NULL);
	open_receiver(&sub, ZMQ_SUB, r.endpoint[1], NULL);
	zmq_setsockopt(sub.socket, ZMQ_RCVTIMEO, &(int){ RIG_SHORT_MS },
		       sizeof(int));
	do
		put(&r, 1); /* PUB does not say when one has joined */
	while (!receive(&sub));
	zmq_setsockopt(sub.socket, ZMQ_RCVTIMEO, &(int){ RIG_WAIT_MS },
		       sizeof(int));
	put(&r, 10);
	for (uint64_t n = 1; n <= r.bus.mark.written; n++)
		expect(&pull, n, n);
	for (uint64_t n = journal_number(&sub) + 1; n <= r.bus.mark.written;
	     n++)
		expect(&sub, n, n);
	close_receiver(&pull);
	close_receiver(&sub);
	stop(&r);
	end(&r);
}

static void two_rules_and_two_endpoints_have_no_cross_talk(void **state)
{
	struct receiver one, two;
	struct send_rig r;

	(void)state;
	begin(&r);
	r.conf.outputs = 2;
	r.output[0].types = 1;
	r.output[0].type[0] = "ip";
	r.output[1].types = 2;
	r.output[1].type[0] = "ip6";
	r.output[1].type[1] = "spamscan"; /* as long as one of them */
	start(&r);
	open_receiver(&one, ZMQ_PULL, r.endpoint[0], NULL);
	open_receiver(&two, ZMQ_PULL, r.endpoint[1], NULL);
	put(&r, 300);
	for (uint64_t n = 1; n <= 100; n++) {
		expect(&one, n, 3 * n);
		expect(&two, n, 3 * n - 2);
	}
	expect_nothing(&one);
	expect_nothing(&two);
	assert_int_equal(view(&r, 0).count.passed, 200);
	assert_int_equal(view(&r, 1).count.sent, 100);
	close_receiver(&one);
	close_receiver(&two);
	stop(&r);
	end(&r);
}

/* Nobody there, then one that does not read: the journal keeps it all. */
static void a_receiver_that_wakes_catches_up(void **state)
{
	enum { MANY = 20000 };
	struct receiver c;
	struct send_rig r;

	(void)state;
	begin(&r);
	start(&r);
	put(&r, MANY / 2);
	open_receiver(&c, ZMQ_PULL, r.endpoint[0], NULL);
	expect(&c, 1, 1);
	put(&r, MANY / 2);
	while (!view(&r, 0).count.blocked)
		pk_sender_kick(r.sender);
	assert_true(view(&r, 0).at < MANY);
	for (uint64_t n = 2; n <= MANY; n++)
		expect(&c, n, n);
	assert_int_equal(view(&r, 0).count.lost, 0);
	close_receiver(&c);
	stop(&r);
	end(&r);
}

static void what_left_the_journal_is_a_gap_that_is_counted(void **state)
{
	uint64_t first;
	struct receiver c;
	struct send_rig r;

	(void)state;
	begin(&r);
	r.bus.journal_conf.segment_bytes = 4096;
	r.bus.journal_conf.max_bytes = 16384;
	start(&r);
	for (int i = 0; i < 100; i++)
		put(&r, 10);
	first = pk_journal_first(r.bus.journal);
	assert_true(first > 1);
	open_receiver(&c, ZMQ_PULL, r.endpoint[0], NULL);
	assert_true(receive(&c));
	/* what it had read before they were removed may still come */
	while (number(&c) < first) {
		assert_int_equal(number(&c), journal_number(&c));
		assert_true(receive(&c));
	}
	for (uint64_t n = number(&c) + 1; n <= 1000; n++)
		expect(&c, n, n);
	wait_for_the_end(&r);
	assert_int_equal(view(&r, 0).count.lost + view(&r, 0).count.sent, 1000);
	assert_true(view(&r, 0).count.lost > 0);
	close_receiver(&c);
	stop(&r);
	end(&r);
}

static void who_takes_over_gets_what_another_left(void **state)
{
	uint8_t seen[2001] = { 0 };
	struct receiver c;
	struct send_rig r;

	(void)state;
	begin(&r);
	start(&r);
	open_receiver(&c, ZMQ_PULL, r.endpoint[0], NULL);
	put(&r, 2000);
	for (uint64_t n = 1; n <= 100; n++) {
		expect(&c, n, n);
		seen[n] = 1;
	}
	while (!view(&r, 0).count.blocked)
		pk_sender_kick(r.sender);
	close_receiver(&c); /* with its queue */
	open_receiver(&c, ZMQ_PULL, r.endpoint[0], NULL);
	while (!seen[2000]) {
		assert_true(receive(&c));
		assert_int_equal(number(&c), journal_number(&c));
		seen[number(&c)] = 1;
	}
	for (int n = 1; n <= 2000; n++)
		assert_true(seen[n]);
	assert_true(view(&r, 0).count.again > 0);
	close_receiver(&c);
	stop(&r);
	end(&r);
}

static void a_restart_goes_on_where_it_was(void **state)
{
	struct receiver c;
	struct send_rig r;
	uint64_t next = 1;

	(void)state;
	begin(&r);
	for (int run = 0; run < 3; run++) {
		start(&r);
		open_receiver(&c, ZMQ_PULL, r.endpoint[0], NULL);
		put(&r, 100);
		for (int i = 0; i < 100; i++, next++)
			expect(&c, next, next);
		stop(&r); /* nothing is under way: no message comes again */
		close_receiver(&c);
		assert_int_equal(r.bus.epoch, run + 1);
	}
	end(&r);
}

/* As a crash leaves it: the cursor is behind, the numbers are the same. */
static void a_crash_sends_again_with_the_same_numbers(void **state)
{
	struct receiver c;
	struct send_rig r;
	char path[128];
	FILE *f;

	(void)state;
	begin(&r);
	r.output[0].types = 1;
	r.output[0].type[0] = "ip";
	start(&r);
	put(&r, 30);
	open_receiver(&c, ZMQ_PULL, r.endpoint[0], NULL);
	for (uint64_t n = 1; n <= 10; n++)
		expect(&c, n, 3 * n);
	stop(&r);
	close_receiver(&c);
	snprintf(path, sizeof(path), "%s/one.cursor", r.state);
	f = fopen(path, "w");
	fprintf(f, "14 4 end\n");
	fclose(f);
	start(&r);
	open_receiver(&c, ZMQ_PULL, r.endpoint[0], NULL);
	for (uint64_t n = 5; n <= 10; n++)
		expect(&c, n, 3 * n);
	stop(&r);
	close_receiver(&c);
	end(&r);
}

static void a_cursor_that_is_damaged_or_of_another_journal(void **state)
{
	static const char *const bad[] = { "", "5", "5 5", "x y end\n",
					   "5 5 end\nmore" };
	struct receiver c;
	struct send_rig r;
	char path[128];

	(void)state;
	begin(&r);
	snprintf(path, sizeof(path), "%s/one.cursor", r.state);
	assert_int_equal(mkdir(r.state, 0700), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		FILE *f = fopen(path, "w");

		fputs(bad[i], f);
		fclose(f);
		start(&r);
		put(&r, 1);
		open_receiver(&c, ZMQ_PULL, r.endpoint[0], NULL);
		expect(&c, 1, i + 1); /* with what comes */
		stop(&r);
		close_receiver(&c);
	}
	rig_forget(&r.bus);
	start(&r);
	put(&r, 3); /* its cursor says 5 */
	open_receiver(&c, ZMQ_PULL, r.endpoint[0], NULL);
	expect(&c, 2, 1);
	expect(&c, 3, 2);
	expect(&c, 4, 3);
	stop(&r);
	close_receiver(&c);
	end(&r);
}

/* It connects, over IPv6, to whoever pulls. */
static void an_output_connects_to_an_address_of_ipv6(void **state)
{
	char endpoint[128];
	size_t size = sizeof(endpoint);
	struct receiver c = { 0 };
	struct send_rig r;

	(void)state;
	c.context = zmq_ctx_new();
	c.socket = zmq_socket(c.context, ZMQ_PULL);
	zmq_setsockopt(c.socket, ZMQ_IPV6, &(int){ 1 }, sizeof(int));
	zmq_setsockopt(c.socket, ZMQ_LINGER, &(int){ 0 }, sizeof(int));
	zmq_setsockopt(c.socket, ZMQ_RCVTIMEO, &(int){ RIG_WAIT_MS },
		       sizeof(int));
	if (zmq_bind(c.socket, "tcp://[::1]:*")) {
		print_message("SKIPPED: no IPv6\n");
		close_receiver(&c);
		skip();
	}
	zmq_getsockopt(c.socket, ZMQ_LAST_ENDPOINT, endpoint, &size);
	assert_non_null(strstr(endpoint, "[::1]"));
	begin(&r);
	r.output[0].endpoint = endpoint;
	r.output[0].connect = 1;
	start(&r);
	put(&r, 100);
	for (uint64_t n = 1; n <= 100; n++)
		expect(&c, n, n);
	stop(&r);
	close_receiver(&c);
	end(&r);
}

/* Severity and feeds are read from the message; others get nothing. */
static void rules_read_the_message(void **state)
{
	static const char *const texts[] = {
		"{\"n\":1,\"severity\":\"low\",\"indicator\":{\"feeds\":[\"a\"]}}",
		"{\"n\":2,\"severity\":\"high\",\"indicator\":{\"feeds\":[\"b\"]}}",
		"{\"n\":3,\"severity\":\"critical\"}",
		"{\"n\":4,\"severity\":\"medium\",\"indicator\":{\"feeds\":"
		"[\"b\",\"a\"]}}",
		"{\"n\":5,\"severity\":\"high\",\"indicator\":{\"feeds\":7}}",
	};
	struct receiver one, two;
	struct send_rig r;

	(void)state;
	begin(&r);
	r.conf.outputs = 2;
	r.output[0].severity_min = (uint32_t)pk_profile_severity_find("high");
	r.output[1].feeds = 1;
	r.output[1].feed[0] = "a";
	start(&r);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct pk_journal_message m = {
			.time_ns = 1,
			.subject = "ip",
			.subject_len = 2,
			.text = texts[i],
			.text_len = (uint32_t)strlen(texts[i]),
		};

		assert_int_equal(pk_journal_append(r.bus.journal, &m), 0);
	}
	rig_commit(&r.bus);
	pk_sender_kick(r.sender);
	open_receiver(&one, ZMQ_PULL, r.endpoint[0], NULL);
	open_receiver(&two, ZMQ_PULL, r.endpoint[1], NULL);
	for (uint64_t n = 1; n <= 3; n++) {
		static const uint64_t high[] = { 2, 3, 5 };

		assert_true(receive(&one));
		assert_int_equal(number(&one), n);
		assert_int_equal(journal_number(&one), high[n - 1]);
	}
	assert_true(receive(&two));
	assert_int_equal(journal_number(&two), 1);
	assert_true(receive(&two));
	assert_int_equal(journal_number(&two), 4);
	expect_nothing(&one);
	expect_nothing(&two);
	stop(&r);
	close_receiver(&one);
	close_receiver(&two);
	end(&r);
}

static void a_profile_makes_the_last_frame(void **state)
{
	struct receiver c;
	struct send_rig r;

	(void)state;
	begin(&r);
	r.output[0].profile = pk_profile_find("eve");
	start(&r);
	put(&r, 1);
	open_receiver(&c, ZMQ_PULL, r.endpoint[0], NULL);
	assert_true(receive(&c));
	assert_non_null(strstr(c.text, "\"event_type\""));
	assert_int_equal(number(&c), 1);
	stop(&r);
	close_receiver(&c);
	end(&r);
}

static void open_gate(struct send_rig *r, const struct pk_keys *sensor,
		      const struct pk_keys *puller)
{
	char secret[128], clients[128];
	struct pk_gate_conf conf = { .secret = secret, .clients = clients };
	FILE *f;

	snprintf(secret, sizeof(secret), "%s/secret", r->bus.path);
	snprintf(clients, sizeof(clients), "%s/clients", r->bus.path);
	f = fopen(secret, "w");
	assert_int_equal(fchmod(fileno(f), 0600), 0);
	fputs(sensor->secret, f);
	fclose(f);
	f = fopen(clients, "w");
	fprintf(f, "%s one pull\n", puller->open);
	fclose(f);
	conf.secret_fd = open(secret, O_RDONLY);
	conf.clients_fd = open(clients, O_RDONLY);
	assert_int_equal(pk_gate_new(&r->bus.gate, &conf), 0);
	close(conf.secret_fd);
	close(conf.clients_fd);
}

/* Also with the sensor's keys, whoever went away is known. */
static void who_pulls_over_tcp_needs_the_role(void **state)
{
	struct pk_keys sensor, puller, stranger;
	struct receiver c, none;
	struct send_rig r;
	char endpoint[64];

	(void)state;
	begin(&r);
	assert_int_equal(pk_keys_generate(sensor.open, sensor.secret), 0);
	assert_int_equal(pk_keys_generate(puller.open, puller.secret), 0);
	assert_int_equal(pk_keys_generate(stranger.open, stranger.secret), 0);
	memcpy(puller.server, sensor.open, PK_CURVE_TEXT);
	memcpy(stranger.server, sensor.open, PK_CURVE_TEXT);
	open_gate(&r, &sensor, &puller);
	snprintf(endpoint, sizeof(endpoint), "tcp://127.0.0.1:%d", rig_ports());
	r.output[0].endpoint = endpoint;
	start(&r);
	open_receiver(&none, ZMQ_PULL, endpoint, &stranger);
	open_receiver(&c, ZMQ_PULL, endpoint, &puller);
	put(&r, 100);
	for (uint64_t n = 1; n <= 100; n++)
		expect(&c, n, n);
	expect_nothing(&none);
	close_receiver(&c);
	open_receiver(&c, ZMQ_PULL, endpoint, &puller);
	expect(&c, 1, 1); /* sent again */
	close_receiver(&none);
	close_receiver(&c);
	stop(&r);
	pk_gate_free(r.bus.gate);
	remove_in(r.bus.path, "secret");
	remove_in(r.bus.path, "clients");
	end(&r);
}

static void samples_go_out_beside_threats(void **state)
{
	const struct pk_canned_conf canned = { "s1", 7, 1000000000 };
	char kind[PK_CANNED_KIND], text[16384];
	struct receiver c;
	struct send_rig r;
	int n;

	(void)state;
	begin(&r);
	start(&r);
	open_receiver(&c, ZMQ_PULL, r.endpoint[0], NULL);
	put(&r, 1);
	expect(&c, 1, 1);
	for (uint32_t i = 0;
	     (n = pk_canned(&canned, i, kind, text, sizeof(text))) > 0; i++) {
		char topic[64];

		assert_int_equal(
			pk_sender_test(r.sender, 0, kind, text, (size_t)n), 0);
		assert_true(zmq_recv(c.socket, topic, sizeof(topic), 0) > 0);
		assert_memory_equal(topic, "v1/test/", 8);
		assert_memory_equal(topic + 8, kind, strlen(kind));
		zmq_recv(c.socket, topic, sizeof(topic), 0);
		assert_int_equal(zmq_recv(c.socket, text, sizeof(text), 0), n);
		assert_memory_equal(text, "{\"test\":true,", 13);
	}
	assert_int_equal(n, 0);
	put(&r, 1);
	expect(&c, 2, 2); /* no number was used */
	assert_int_equal(pk_sender_test(r.sender, 1, "x", "{}", 2), -ENOENT);
	assert_true(view(&r, 0).count.tests >= 7);
	stop(&r);
	close_receiver(&c);
	end(&r);
}

/* ---- what PUB promises ---- */

static void set_receive(struct receiver *c, int option, int value)
{
	assert_int_equal(
		zmq_setsockopt(c->socket, option, &value, sizeof(value)), 0);
}

static void join(struct send_rig *r, struct receiver *c, int hwm)
{
	open_receiver(c, ZMQ_SUB, "inproc://nowhere", NULL);
	set_receive(c, ZMQ_RCVHWM, hwm);
	assert_int_equal(zmq_connect(c->socket, r->endpoint[0]), 0);
	set_receive(c, ZMQ_RCVTIMEO, RIG_SHORT_MS);
	do
		put(r, 1);
	while (!receive(c));
	set_receive(c, ZMQ_RCVTIMEO, RIG_WAIT_MS);
}

static void a_burst_reaches_a_subscriber_whole(void **state)
{
	enum { MANY = 50000 };
	struct receiver c;
	struct send_rig r;

	(void)state;
	begin(&r);
	r.output[0].pattern = PK_SENDER_PUB;
	start(&r);
	join(&r, &c, 0);
	for (int i = 0; i < MANY / 1000; i++)
		put(&r, 1000);
	for (uint64_t n = number(&c) + 1; n <= r.bus.mark.written; n++)
		expect(&c, n, n);
	assert_int_equal(view(&r, 0).count.left_out, 0);
	close_receiver(&c);
	stop(&r);
	end(&r);
}

static void a_full_subscriber_is_left_out_and_the_others_lose_nothing(
	void **state)
{
	enum { MANY = 60000 };
	struct receiver slow, good;
	struct send_rig r;

	(void)state;
	begin(&r);
	r.output[0].pattern = PK_SENDER_PUB;
	start(&r);
	join(&r, &slow, 16);
	join(&r, &good, 0);
	while (number(&slow) < number(&good)) /* it has room again */
		assert_true(receive(&slow));
	put(&r, MANY);
	for (uint64_t n = number(&good) + 1; n <= r.bus.mark.written; n++)
		expect(&good, n, n);
	wait_for_the_end(&r);
	assert_true(view(&r, 0).count.left_out > 0);
	assert_int_equal(view(&r, 0).count.sent, r.bus.mark.written);
	set_receive(&slow, ZMQ_RCVTIMEO, 500);
	while (receive(&slow))
		;
	assert_true(number(&slow) < r.bus.mark.written);
	close_receiver(&slow);
	close_receiver(&good);
	stop(&r);
	end(&r);
}

/* ---- what PUSH promises ---- */

/* A receiver as most are: with ZeroMQ's defaults. It stalls, and dies. */
static uint64_t receive_after_a_stall(struct send_rig *r, uint64_t many)
{
	uint8_t *seen = calloc(many + 1, 1);
	uint64_t holes = 0, at;
	struct receiver c;

	open_receiver(&c, ZMQ_PULL, "inproc://nowhere", NULL);
	set_receive(&c, ZMQ_RCVHWM, 1000);
	assert_int_equal(zmq_connect(c.socket, r->endpoint[0]), 0);
	put(r, many);
	for (uint64_t n = 1; n <= 10; n++) {
		expect(&c, n, n);
		seen[n] = 1;
	}
	do {
		at = view(r, 0).at;
		for (int i = 0; i < 100; i++)
			rest();
	} while (at != view(r, 0).at);
	close_receiver(&c);
	open_receiver(&c, ZMQ_PULL, r->endpoint[0], NULL);
	do {
		assert_true(receive(&c));
		assert_int_equal(number(&c), journal_number(&c));
		seen[number(&c)] = 1;
	} while (number(&c) < many);
	for (uint64_t n = 1; n <= many; n++)
		holes += !seen[n];
	assert_int_equal(view(r, 0).count.doubtful, 0);
	close_receiver(&c);
	free(seen);
	return holes;
}

static void a_receiver_with_defaults_that_dies_loses_nothing(void **state)
{
	char endpoint[64];
	struct send_rig r;

	(void)state;
	begin(&r);
	snprintf(endpoint, sizeof(endpoint), "tcp://127.0.0.1:%d", rig_ports());
	strcpy(r.endpoint[0], endpoint);
	start(&r);
	assert_int_equal(receive_after_a_stall(&r, 20000), 0);
	stop(&r);
	end(&r);
}

/* More than can be sent again: that is said. */
static void what_cannot_be_sent_again_is_doubtful(void **state)
{
	enum { MANY = PK_SENDER_BEHIND + 1000 };
	struct receiver c;
	struct send_rig r;

	(void)state;
	begin(&r);
	start(&r);
	open_receiver(&c, ZMQ_PULL, r.endpoint[0], NULL);
	put(&r, MANY);
	for (uint64_t n = 1; n <= MANY; n++)
		expect(&c, n, n);
	close_receiver(&c);
	open_receiver(&c, ZMQ_PULL, r.endpoint[0], NULL);
	for (uint64_t n = 1001; n <= MANY; n++)
		expect(&c, n, n);
	assert_int_equal(view(&r, 0).count.doubtful, 1000);
	assert_int_equal(view(&r, 0).count.lost, 0);
	close_receiver(&c);
	stop(&r);
	end(&r);
}

static void put_as(struct send_rig *r, const char *subject)
{
	uint64_t n = pk_journal_last(r->bus.journal) + 1;
	char text[128];
	struct pk_journal_message m = {
		.time_ns = n,
		.subject = subject,
		.subject_len = (uint32_t)strlen(subject),
		.text = text,
		.text_len = (uint32_t)rig_text(n, text, sizeof(text)),
	};

	assert_int_equal(pk_journal_append(r->bus.journal, &m), 0);
	rig_commit(&r->bus);
	pk_sender_kick(r->sender);
}

static void wait_for_again(struct send_rig *r, struct receiver *c, uint64_t n)
{
	assert_true(receive(c));
	assert_int_equal(number(c), n);
	assert_int_equal(view(r, 0).count.lost, 0);
}

/* What was sent left the journal: that is no loss, and no number is used. */
static void a_receiver_may_go_when_the_journal_was_trimmed(void **state)
{
	struct receiver c;
	struct send_rig r;

	(void)state;
	begin(&r);
	r.output[0].types = 1;
	r.output[0].type[0] = "rare";
	r.bus.journal_conf.segment_bytes = 4096;
	r.bus.journal_conf.max_bytes = 16384;
	start(&r);
	open_receiver(&c, ZMQ_PULL, r.endpoint[0], NULL);
	put_as(&r, "rare");
	wait_for_again(&r, &c, 1);
	for (int i = 0; i < 500; i++) {
		put_as(&r, "ip");
		wait_for_the_end(&r);
	}
	put_as(&r, "rare");
	wait_for_again(&r, &c, 2);
	assert_true(pk_journal_first(r.bus.journal) > 1);
	close_receiver(&c);
	open_receiver(&c, ZMQ_PULL, r.endpoint[0], NULL);
	wait_for_again(&r, &c, 2); /* it is still there */
	put_as(&r, "rare");
	wait_for_again(&r, &c, 3);
	assert_int_equal(view(&r, 0).count.doubtful, 1);
	close_receiver(&c);
	stop(&r);
	end(&r);
}

/* After a while with room all is taken. */
static void what_was_sent_long_ago_is_not_sent_again(void **state)
{
	struct receiver c;
	struct send_rig r;

	(void)state;
	begin(&r);
	r.conf.settle_ms = 1;
	start(&r);
	open_receiver(&c, ZMQ_PULL, r.endpoint[0], NULL);
	put(&r, 100);
	for (uint64_t n = 1; n <= 100; n++)
		expect(&c, n, n);
	for (int i = 0; i < 20; i++, rest())
		pk_sender_kick(r.sender);
	close_receiver(&c);
	open_receiver(&c, ZMQ_PULL, r.endpoint[0], NULL);
	put(&r, 1);
	expect(&c, 101, 101);
	assert_int_equal(view(&r, 0).count.again, 0);
	close_receiver(&c);
	stop(&r);
	end(&r);
}

static void what_cannot_be_opened_is_an_error(void **state)
{
	struct pk_sender *s = NULL;
	struct send_rig r;

	(void)state;
	begin(&r);
	r.output[0].endpoint = "ipc:///nonexistent/out";
	assert_int_equal(pk_sender_new(&s, &r.conf), -ENOENT);
	r.output[0].endpoint = r.endpoint[0];
	r.conf.journal_dir = "/nonexistent";
	assert_int_equal(pk_sender_new(&s, &r.conf), -ENOENT);
	r.conf.outputs = 0;
	assert_int_equal(pk_sender_new(&s, &r.conf), -EINVAL);
	assert_null(s);
	pk_sender_free(NULL);
	end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_puller_and_a_subscriber_both_receive),
		cmocka_unit_test(
			two_rules_and_two_endpoints_have_no_cross_talk),
		cmocka_unit_test(a_receiver_that_wakes_catches_up),
		cmocka_unit_test(
			what_left_the_journal_is_a_gap_that_is_counted),
		cmocka_unit_test(who_takes_over_gets_what_another_left),
		cmocka_unit_test(a_restart_goes_on_where_it_was),
		cmocka_unit_test(a_crash_sends_again_with_the_same_numbers),
		cmocka_unit_test(
			a_cursor_that_is_damaged_or_of_another_journal),
		cmocka_unit_test(an_output_connects_to_an_address_of_ipv6),
		cmocka_unit_test(rules_read_the_message),
		cmocka_unit_test(a_profile_makes_the_last_frame),
		cmocka_unit_test(who_pulls_over_tcp_needs_the_role),
		cmocka_unit_test(samples_go_out_beside_threats),
		cmocka_unit_test(a_burst_reaches_a_subscriber_whole),
		cmocka_unit_test(
			a_full_subscriber_is_left_out_and_the_others_lose_nothing),
		cmocka_unit_test(
			a_receiver_with_defaults_that_dies_loses_nothing),
		cmocka_unit_test(what_cannot_be_sent_again_is_doubtful),
		cmocka_unit_test(
			a_receiver_may_go_when_the_journal_was_trimmed),
		cmocka_unit_test(what_was_sent_long_ago_is_not_sent_again),
		cmocka_unit_test(what_cannot_be_opened_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
