/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/bus.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <zmq.h>

#define SEC 1000000000ULL

enum { WAIT_MS = 20000, SHORT_MS = 10 };

static char folder[] = "/tmp/picket-bus-XXXXXX";
static char endpoint[128];

static struct pk_bus *make_bus(uint64_t epoch)
{
	const char *const endpoints[] = { endpoint };
	struct pk_bus_conf conf = { .endpoints = endpoints,
				    .endpoint_count = 1,
				    .sensor = "s1",
				    .epoch = epoch };
	struct pk_bus *b = NULL;

	assert_int_equal(pk_bus_new(&b, &conf), 0);
	return b;
}

/*
 * A subscriber that has joined: the publisher's heartbeats are sent until one
 * arrives; then all that are still on their way are read.
 */
static uint64_t beat_ns;

static void join(struct pk_bus *b, struct pk_bus_sub *s)
{
	struct pk_bus_message m;
	uint64_t sent;

	do {
		pk_bus_tick(b, beat_ns += SEC);
	} while (pk_bus_recv(s, SHORT_MS, &m) == 0);
	sent = pk_bus_sequence(b, PK_BUS_HEARTBEAT);
	while (m.header.sequence < sent)
		assert_int_equal(pk_bus_recv(s, WAIT_MS, &m), 1);
}

static struct pk_bus_sub *subscribe(const char *topic)
{
	struct pk_bus_sub *s = NULL;

	assert_int_equal(pk_bus_subscribe(&s, endpoint, topic ? &topic : NULL,
					  topic != NULL),
			 0);
	return s;
}

static void publish(struct pk_bus *b, enum pk_bus_class class,
		    const char *subject, int n)
{
	char json[64];
	int len = snprintf(json, sizeof(json), "{\"n\":%d}", n);

	assert_int_equal(pk_bus_publish(b, class, subject, (uint64_t)n * SEC,
					json, (size_t)len),
			 0);
}

static struct pk_bus_message expect(struct pk_bus_sub *s)
{
	struct pk_bus_message m;

	assert_int_equal(pk_bus_recv(s, WAIT_MS, &m), 1);
	return m;
}

static void a_thousand_messages_arrive_in_order(void **state)
{
	struct pk_bus *b = make_bus(77);
	struct pk_bus_sub *s = subscribe("v1/threat/");

	(void)state;
	join(b, s);
	for (int i = 1; i <= 1000; i++)
		publish(b, PK_BUS_THREAT, i % 2 ? "portscan" : "indicator", i);
	for (int i = 1; i <= 1000; i++) {
		struct pk_bus_message m = expect(s);
		char json[64];

		snprintf(json, sizeof(json), "{\"n\":%d}", i);
		assert_string_equal(m.topic, i % 2 ? "v1/threat/portscan/"
						   : "v1/threat/indicator/");
		assert_string_equal(m.json, json);
		assert_int_equal(m.len, strlen(json));
		assert_int_equal(m.header.schema, PK_BUS_SCHEMA);
		assert_int_equal(m.header.class, PK_BUS_THREAT);
		assert_int_equal(m.header.sensor, pk_bus_sensor("s1"));
		assert_int_equal(m.header.epoch, 77);
		assert_int_equal(m.header.sequence, i);
		assert_int_equal(m.header.time_ns, (uint64_t)i * SEC);
		assert_int_equal(m.missed, 0);
	}
	assert_int_equal(pk_bus_sequence(b, PK_BUS_THREAT), 1000);
	assert_int_equal(pk_bus_count(b)->published,
			 1000 + pk_bus_sequence(b, PK_BUS_HEARTBEAT));
	pk_bus_sub_free(s);
	pk_bus_free(b);
}

/* Read by a plain ZeroMQ socket: the bytes, not our own reader's view. */
static void the_header_is_little_endian_on_the_wire(void **state)
{
	/* clang-format off */
	static const uint8_t wanted[32] = {
		1, 0, 1, 0, 0, 0, 0, 0,
		0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,
		1, 0, 0, 0, 0, 0, 0, 0,
		0x00, 0xca, 0x9a, 0x3b, 0, 0, 0, 0,
	};
	/* clang-format on */
	struct pk_bus *b = make_bus(0x1122334455667788);
	struct pk_bus_sub *guard = subscribe(NULL);
	void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_SUB);
	uint32_t sensor = pk_bus_sensor("s1");
	int wait = SHORT_MS, zero = 0;
	uint8_t frame[256];

	(void)state;
	zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "v1/", 3);
	zmq_setsockopt(socket, ZMQ_RCVTIMEO, &wait, sizeof(wait));
	zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof(zero));
	assert_int_equal(zmq_connect(socket, endpoint), 0);
	do {
		pk_bus_tick(b, beat_ns += SEC);
	} while (zmq_recv(socket, frame, sizeof(frame), 0) < 0);
	wait = WAIT_MS;
	zmq_setsockopt(socket, ZMQ_RCVTIMEO, &wait, sizeof(wait));
	publish(b, PK_BUS_THREAT, "spam", 1);
	while (zmq_recv(socket, frame, sizeof(frame), 0) != 15 ||
	       memcmp(frame, "v1/threat/spam/", 15) != 0)
		;
	assert_int_equal(zmq_recv(socket, frame, sizeof(frame), 0), 32);
	for (int i = 0; i < 32; i++)
		if (i < 4 || i > 7)
			assert_int_equal(frame[i], wanted[i]);
		else
			assert_int_equal(frame[i],
					 sensor >> (8 * (i - 4)) & 0xff);
	assert_int_equal(zmq_recv(socket, frame, sizeof(frame), 0), 7);
	assert_memory_equal(frame, "{\"n\":1}", 7);
	zmq_close(socket);
	zmq_ctx_term(context);
	pk_bus_sub_free(guard);
	pk_bus_free(b);
}

static void a_heartbeat_comes_each_second_with_the_latest_numbers(void **state)
{
	struct pk_bus *b = make_bus(1);
	struct pk_bus_sub *s = subscribe("v1/hb/");
	struct pk_bus_message m;
	uint64_t before;

	(void)state;
	join(b, s);
	publish(b, PK_BUS_THREAT, "spam", 1);
	publish(b, PK_BUS_THREAT, "spam", 2);
	publish(b, PK_BUS_STATS, NULL, 3);
	pk_bus_oldest(b, PK_BUS_THREAT, 2);
	before = pk_bus_sequence(b, PK_BUS_HEARTBEAT);
	pk_bus_tick(b, beat_ns + SEC - 1);
	assert_int_equal(pk_bus_sequence(b, PK_BUS_HEARTBEAT), before);
	pk_bus_tick(b, beat_ns += SEC);
	assert_int_equal(pk_bus_sequence(b, PK_BUS_HEARTBEAT), before + 1);
	m = expect(s);
	assert_string_equal(m.topic, "v1/hb/");
	assert_non_null(strstr(m.json, "\"sensor\":\"s1\""));
	assert_non_null(strstr(m.json, "\"threat\":2,\"hit\":0,\"stats\":1"));
	assert_non_null(strstr(m.json, "\"first\":{\"threat\":2}"));
	assert_int_equal(m.missed, 0);
	/* a clock that was set back */
	pk_bus_tick(b, 5);
	assert_int_equal(expect(s).header.sequence, before + 2);
	pk_bus_sub_free(s);
	pk_bus_free(b);
}

/*
 * Our reader is fed by a publisher of the test's own, which leaves out what it
 * likes: a loss that needs no luck.
 */
struct feeder {
	void *context;
	void *socket;
};

static void feed(struct feeder *f, uint16_t class, uint64_t epoch,
		 uint64_t sequence, const char *json)
{
	static const char *const topics[] = { "v1/hb/", "v1/threat/spam/",
					      "v1/hit/src/", "v1/stats/" };
	struct pk_bus_header h = { .schema = 1,
				   .class = class,
				   .sensor = 5,
				   .epoch = epoch,
				   .sequence = sequence };

	zmq_send(f->socket, topics[class], strlen(topics[class]), ZMQ_SNDMORE);
	zmq_send(f->socket, &h, sizeof(h), ZMQ_SNDMORE);
	zmq_send(f->socket, json, strlen(json), 0);
}

static void beat(struct feeder *f, uint64_t epoch, uint64_t sequence,
		 int threat, int hit)
{
	char json[128];

	snprintf(json, sizeof(json), "{\"last\":{\"threat\":%d,\"hit\":%d}}",
		 threat, hit);
	feed(f, PK_BUS_HEARTBEAT, epoch, sequence, json);
}

static void start_feeder(struct feeder *f)
{
	int zero = 0;

	f->context = zmq_ctx_new();
	f->socket = zmq_socket(f->context, ZMQ_PUB);
	zmq_setsockopt(f->socket, ZMQ_LINGER, &zero, sizeof(zero));
	assert_int_equal(zmq_bind(f->socket, endpoint), 0);
}

static void stop_feeder(struct feeder *f)
{
	zmq_close(f->socket);
	zmq_ctx_term(f->context);
}

/* Until it is heard; returns the number of the last heartbeat. */
static uint64_t first_beat(struct feeder *f, struct pk_bus_sub *s, int threat)
{
	struct pk_bus_message m;
	uint64_t n = 0;

	do {
		beat(f, 1, ++n, threat, 0);
	} while (pk_bus_recv(s, SHORT_MS, &m) == 0);
	while (m.header.sequence < n)
		m = expect(s);
	return n;
}

static void missing_messages_are_reported(void **state)
{
	struct pk_bus_message m;
	struct pk_bus_sub *s;
	struct feeder f;
	uint64_t n;

	(void)state;
	start_feeder(&f);
	s = subscribe(NULL);
	n = first_beat(&f, s, 10); /* joined late: the first ten are not ours */
	feed(&f, PK_BUS_THREAT, 1, 11, "{}");
	feed(&f, PK_BUS_THREAT, 1, 14, "{}"); /* 12, 13 */
	feed(&f, PK_BUS_HIT, 1, 3, "{}");     /* 1, 2 */
	assert_int_equal(expect(s).missed, 0);
	m = expect(s);
	assert_int_equal(m.missed, 2);
	assert_int_equal(m.missed_class, PK_BUS_THREAT);
	m = expect(s);
	assert_int_equal(m.missed, 2);
	assert_int_equal(m.missed_class, PK_BUS_HIT);
	beat(&f, 1, n + 1, 15, 7); /* at the tail, in two classes */
	m = expect(s);
	assert_int_equal(m.missed, 1);
	assert_int_equal(m.missed_class, PK_BUS_THREAT);
	m = expect(s);
	assert_int_equal(m.header.class, PK_BUS_HEARTBEAT);
	assert_int_equal(m.missed, 4);
	assert_int_equal(m.missed_class, PK_BUS_HIT);
	assert_non_null(strstr(m.json, "\"hit\":7"));
	beat(&f, 1, n + 2, 15, 7);
	assert_int_equal(expect(s).missed, 0);
	feed(&f, PK_BUS_HIT, 2, 3, "{}"); /* a new epoch: 1, 2 */
	assert_int_equal(expect(s).missed, 2);
	pk_bus_sub_free(s);
	stop_feeder(&f);
}

static void journaled_numbers_go_on_over_a_restart(void **state)
{
	struct pk_bus_sub *s;
	struct feeder f;

	(void)state;
	start_feeder(&f);
	s = subscribe(NULL);
	first_beat(&f, s, 10);
	feed(&f, PK_BUS_THREAT, 2, 11, "{}"); /* the next one */
	assert_int_equal(expect(s).missed, 0);
	feed(&f, PK_BUS_THREAT, 3, 14, "{}"); /* 12, 13 */
	assert_int_equal(expect(s).missed, 2);
	beat(&f, 4, 1, 14, 0); /* nothing new */
	assert_int_equal(expect(s).missed, 0);
	feed(&f, PK_BUS_THREAT, 4, 16, "{}"); /* 15 */
	assert_int_equal(expect(s).missed, 1);
	feed(&f, PK_BUS_THREAT, 5, 3, "{}"); /* a new journal: 1, 2 */
	assert_int_equal(expect(s).missed, 2);
	feed(&f, PK_BUS_THREAT, 5, 5, "{}"); /* 4 */
	assert_int_equal(expect(s).missed, 1);
	pk_bus_sub_free(s);
	stop_feeder(&f);
}

static void a_part_of_a_class_shows_no_gaps(void **state)
{
	struct pk_bus_sub *s;
	struct feeder f;
	uint64_t n;

	(void)state;
	start_feeder(&f);
	s = subscribe("v1/threat/spam/");
	n = first_beat(&f, s, 0);
	feed(&f, PK_BUS_THREAT, 1, 1, "{}");
	feed(&f, PK_BUS_THREAT, 1, 5, "{}");
	assert_int_equal(expect(s).missed, 0);
	assert_int_equal(expect(s).missed, 0);
	beat(&f, 1, n + 1, 9, 0);
	assert_int_equal(expect(s).missed, 0);
	pk_bus_sub_free(s);
	stop_feeder(&f);
}

static void malformed_messages_are_skipped_and_counted(void **state)
{
	struct pk_bus_header h = { .schema = 2, .class = 1, .sequence = 1 };
	char topic[PK_BUS_TOPIC_MAX + 1];
	struct pk_bus_sub *s;
	struct feeder f;

	(void)state;
	start_feeder(&f);
	s = subscribe(NULL);
	first_beat(&f, s, 0);
	zmq_send(f.socket, "v1/threat/x/", 12, 0);
	zmq_send(f.socket, "v1/threat/x/", 12, ZMQ_SNDMORE);
	zmq_send(f.socket, &h, 31, ZMQ_SNDMORE);
	zmq_send(f.socket, "{}", 2, 0);
	zmq_send(f.socket, "v1/threat/x/", 12, ZMQ_SNDMORE);
	zmq_send(f.socket, &h, sizeof(h), ZMQ_SNDMORE);
	zmq_send(f.socket, "{}", 2, 0);
	h.schema = 1;
	h.class = PK_BUS_CLASS_COUNT;
	zmq_send(f.socket, "v1/threat/x/", 12, ZMQ_SNDMORE);
	zmq_send(f.socket, &h, sizeof(h), ZMQ_SNDMORE);
	zmq_send(f.socket, "{}", 2, 0);
	h.class = 1;
	zmq_send(f.socket, "v1/threat/x/", 12, ZMQ_SNDMORE);
	zmq_send(f.socket, &h, sizeof(h), ZMQ_SNDMORE);
	zmq_send(f.socket, "{}", 2, ZMQ_SNDMORE);
	zmq_send(f.socket, "more", 4, 0);
	memset(topic, 'x', sizeof(topic));
	zmq_send(f.socket, topic, sizeof(topic), ZMQ_SNDMORE);
	zmq_send(f.socket, &h, sizeof(h), ZMQ_SNDMORE);
	zmq_send(f.socket, "{}", 2, 0);
	feed(&f, PK_BUS_THREAT, 1, 1, "{\"good\":1}");
	assert_string_equal(expect(s).json, "{\"good\":1}");
	assert_int_equal(pk_bus_sub_malformed(s), 6);
	pk_bus_sub_free(s);
	stop_feeder(&f);
}

static void the_socket_is_for_owner_and_group(void **state)
{
	struct pk_bus *b;
	mode_t mask = umask(0);
	struct stat st;

	(void)state;
	b = make_bus(1);
	assert_int_equal(umask(mask), 0);
	assert_int_equal(stat(endpoint + strlen("ipc://"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	pk_bus_free(b);
}

static void refuses_endpoints_that_others_could_reach(void **state)
{
	static const struct {
		const char *endpoint;
		int err;
	} rows[] = {
		{ "tcp://*:5555", -EPERM },
		{ "tcp://0.0.0.0:5555", -EPERM },
		{ "tcp://192.0.2.1:5555", -EPERM },
		{ "tcp://[::]:5555", -EPERM },
		{ "tcp://eth0:5555", -EPERM },
		{ "tcp://localhost.example:5555", -EPERM },
		{ "tcp://127.0.0.1", -EINVAL },
		{ "ipc://@picket", -EINVAL },
		{ "ipc://*", -EINVAL },
		{ "ipc://relative", -EINVAL },
		{ "inproc://x", -EINVAL },
		{ "pgm://eth0;239.192.1.1:5555", -EINVAL },
		{ "", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct pk_bus_conf conf = { .endpoints = &rows[i].endpoint,
					    .endpoint_count = 1,
					    .sensor = "s1" };
		struct pk_bus *b = NULL;

		assert_int_equal(pk_bus_new(&b, &conf), rows[i].err);
		assert_null(b);
	}
}

static void serves_several_endpoints_and_loopback(void **state)
{
	const char *const endpoints[] = { endpoint, "tcp://127.0.0.1:*" };
	struct pk_bus_conf conf = { .endpoints = endpoints,
				    .endpoint_count = 2,
				    .sensor = "s1" };
	struct pk_bus *b = NULL;

	(void)state;
	assert_int_equal(pk_bus_new(&b, &conf), 0);
	pk_bus_free(b);
}

static void a_folder_that_is_not_there_is_an_error(void **state)
{
	const char *const missing = "ipc:///nonexistent/picket/bus.sock";
	struct pk_bus_conf conf = { .endpoints = &missing,
				    .endpoint_count = 1,
				    .sensor = "s1" };
	struct pk_bus *b = NULL;

	(void)state;
	assert_true(pk_bus_new(&b, &conf) < 0);
	assert_null(b);
}

static void refuses_subjects_that_would_forge_a_topic(void **state)
{
	static const char *const bad[] = { "", "a/b", "A", "a b", "\x1b" };
	struct pk_bus *b = make_bus(1);

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(
			pk_bus_publish(b, PK_BUS_THREAT, bad[i], 0, "{}", 2),
			-EINVAL);
	assert_int_equal(pk_bus_publish(b, PK_BUS_THREAT, "a", 0, "", 0),
			 -EINVAL);
	assert_int_equal(pk_bus_count(b)->refused, 6);
	assert_int_equal(pk_bus_count(b)->offered, 6);
	assert_int_equal(pk_bus_sequence(b, PK_BUS_THREAT), 0);
	pk_bus_free(b);
}

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(endpoint, sizeof(endpoint), "ipc://%s/bus.sock", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(endpoint + strlen("ipc://"));
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thousand_messages_arrive_in_order),
		cmocka_unit_test(the_header_is_little_endian_on_the_wire),
		cmocka_unit_test(
			a_heartbeat_comes_each_second_with_the_latest_numbers),
		cmocka_unit_test(missing_messages_are_reported),
		cmocka_unit_test(journaled_numbers_go_on_over_a_restart),
		cmocka_unit_test(a_part_of_a_class_shows_no_gaps),
		cmocka_unit_test(malformed_messages_are_skipped_and_counted),
		cmocka_unit_test(the_socket_is_for_owner_and_group),
		cmocka_unit_test(refuses_endpoints_that_others_could_reach),
		cmocka_unit_test(serves_several_endpoints_and_loopback),
		cmocka_unit_test(a_folder_that_is_not_there_is_an_error),
		cmocka_unit_test(refuses_subjects_that_would_forge_a_topic),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
