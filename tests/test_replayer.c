/* SPDX-License-Identifier: BSD-2-Clause */
/* The replay server, asked by plain DEALER sockets. */
#include "control/bus/replayer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <zmq.h>

#include "control/bus/ask.h"
#include "tests/bus_rig.h"

struct client {
	void *context;
	void *socket;
	char topic[PK_BUS_TOPIC_MAX];
	struct pk_bus_header header;
	char json[4096];
};

static void client_open(struct client *c, const struct bus_rig *r)
{
	int wait = RIG_WAIT_MS, zero = 0;

	c->context = zmq_ctx_new();
	c->socket = zmq_socket(c->context, ZMQ_DEALER);
	zmq_setsockopt(c->socket, ZMQ_RCVTIMEO, &wait, sizeof(wait));
	zmq_setsockopt(c->socket, ZMQ_LINGER, &zero, sizeof(zero));
	assert_int_equal(zmq_connect(c->socket, r->replay), 0);
}

static void client_close(struct client *c)
{
	zmq_close(c->socket);
	zmq_ctx_term(c->context);
}

static void ask_bytes(struct client *c, const void *bytes, size_t len)
{
	assert_int_equal(zmq_send(c->socket, bytes, len, 0), len);
}

static void ask(struct client *c, const char *json)
{
	ask_bytes(c, json, strlen(json));
}

static void ask_replay(struct client *c, int id, uint64_t from, uint64_t to,
		       unsigned credit)
{
	char json[256];

	snprintf(json, sizeof(json),
		 "{\"op\":\"replay\",\"id\":%d,\"class\":\"threat\","
		 "\"from\":%llu,\"to\":%llu,\"credit\":%u}",
		 id, (unsigned long long)from, (unsigned long long)to, credit);
	ask(c, json);
}

static void answer(struct client *c)
{
	int n = zmq_recv(c->socket, c->topic, sizeof(c->topic) - 1, 0);

	assert_in_range(n, 1, sizeof(c->topic) - 1);
	c->topic[n] = 0;
	n = zmq_recv(c->socket, &c->header, sizeof(c->header), 0);
	assert_int_equal(n, sizeof(c->header));
	n = zmq_recv(c->socket, c->json, sizeof(c->json) - 1, 0);
	assert_in_range(n, 1, sizeof(c->json) - 1);
	c->json[n] = 0;
}

static void expect_message(struct client *c, uint64_t n, uint64_t epoch)
{
	char text[128], topic[PK_BUS_TOPIC_MAX];

	answer(c);
	snprintf(topic, sizeof(topic), "v1/threat/%s/", rig_subject(n));
	rig_text(n, text, sizeof(text));
	assert_string_equal(c->topic, topic);
	assert_string_equal(c->json, text);
	assert_int_equal(c->header.schema, PK_BUS_SCHEMA);
	assert_int_equal(c->header.class, PK_BUS_THREAT);
	assert_int_equal(c->header.sensor, pk_bus_sensor("s1"));
	assert_int_equal(c->header.epoch, epoch);
	assert_int_equal(c->header.sequence, n);
	assert_int_equal(c->header.time_ns, n * 7);
}

static void expect_messages(struct client *c, uint64_t from, uint64_t to,
			    uint64_t epoch)
{
	for (uint64_t n = from; n <= to; n++)
		expect_message(c, n, epoch);
}

static void expect_answer(struct client *c, const char *topic, const char *json)
{
	answer(c);
	assert_string_equal(c->topic, topic);
	assert_int_equal(c->header.class, PK_BUS_ANSWER);
	assert_int_equal(c->header.sequence, 0);
	assert_non_null(strstr(c->json, json));
}

static void expect_end(struct client *c, int id, uint64_t from, uint64_t to,
		       uint64_t sent)
{
	char json[256];

	snprintf(json, sizeof(json),
		 "{\"id\":%d,\"class\":\"threat\",\"from\":%llu,\"to\":%llu,"
		 "\"sent\":%llu}",
		 id, (unsigned long long)from, (unsigned long long)to,
		 (unsigned long long)sent);
	expect_answer(c, "v1/end/", json);
}

/* An answer comes behind all that was sent before it. */
static void expect_hello(struct client *c)
{
	ask(c, "{\"op\":\"hello\"}");
	expect_answer(c, "v1/hello/", "\"sensor\":\"s1\"");
}

/*
 * Counters are told at the end of each turn of the server, and a hello makes
 * one more.
 */
static struct pk_replayer_counters counters(struct bus_rig *r, struct client *c)
{
	struct pk_replayer_counters n;
	uint64_t before;

	pk_replayer_count(r->replayer, &n);
	before = n.hellos;
	expect_hello(c);
	do
		pk_replayer_count(r->replayer, &n);
	while (n.hellos == before);
	return n;
}

static void begin(struct bus_rig *r, struct client *c, uint64_t messages)
{
	rig_begin(r);
	rig_start(r);
	rig_put(r, messages);
	client_open(c, r);
}

static void end(struct bus_rig *r, struct client *c)
{
	client_close(c);
	rig_stop(r);
	rig_end(r);
}

/* ---- the tests ---- */

static void hello_tells_how_far_the_journal_is(void **state)
{
	struct bus_rig r;
	struct client c;

	(void)state;
	begin(&r, &c, 0);
	ask(&c, "{\"op\":\"hello\"}");
	expect_answer(&c, "v1/hello/",
		      "{\"sensor\":\"s1\",\"epoch\":\"0000000000000001\","
		      "\"classes\":{\"threat\":{\"first\":1,\"last\":0,"
		      "\"written\":0,\"began\":1}}}");
	rig_put(&r, 7);
	rig_stop(&r);
	rig_start(&r);
	rig_put(&r, 2);
	client_close(&c);
	client_open(&c, &r);
	ask(&c, "{\"op\":\"hello\"}");
	expect_answer(&c, "v1/hello/",
		      "\"epoch\":\"0000000000000002\",\"classes\":"
		      "{\"threat\":{\"first\":1,\"last\":9,\"written\":9,"
		      "\"began\":8}}}");
	end(&r, &c);
}

static void a_replay_is_what_was_published_once(void **state)
{
	struct bus_rig r;
	struct client c;

	(void)state;
	begin(&r, &c, 100);
	rig_stop(&r);
	rig_start(&r);
	rig_put(&r, 50);
	client_close(&c);
	client_open(&c, &r);
	ask_replay(&c, 1, 90, 110, 1000);
	expect_messages(&c, 90, 100, 1); /* with the epoch of then */
	expect_messages(&c, 101, 110, 2);
	expect_end(&c, 1, 90, 110, 21);
	ask_replay(&c, 2, 1, 0, 1000);
	expect_messages(&c, 1, 100, 1);
	expect_messages(&c, 101, 150, 2);
	expect_end(&c, 2, 1, 150, 150);
	ask_replay(&c, 3, 150, 200, 0x10000); /* further than there is */
	expect_message(&c, 150, 2);
	expect_end(&c, 3, 150, 150, 1);
	ask_replay(&c, 4, 151, 0, 0); /* nothing */
	expect_end(&c, 4, 151, 150, 0);
	end(&r, &c);
}

static void credit_is_the_pace(void **state)
{
	struct pk_replayer_counters n;
	struct bus_rig r;
	struct client c;

	(void)state;
	begin(&r, &c, 100);
	ask_replay(&c, 1, 1, 0, 0);
	expect_hello(&c);
	ask(&c, "{\"op\":\"credit\",\"id\":1,\"credit\":10}");
	expect_messages(&c, 1, 10, 1);
	expect_hello(&c);
	ask(&c, "{\"op\":\"credit\",\"id\":1,\"credit\":3}");
	expect_messages(&c, 11, 13, 1);
	ask(&c, "{\"op\":\"credit\",\"id\":9,\"credit\":3}"); /* nobody's */
	expect_hello(&c);
	ask(&c, "{\"op\":\"credit\",\"id\":1,\"credit\":87}");
	expect_messages(&c, 14, 100, 1);
	expect_end(&c, 1, 1, 100, 100); /* the end needs none */
	n = counters(&r, &c);
	assert_int_equal(n.messages, 100);
	assert_int_equal(n.credits, 4);
	assert_int_equal(n.ended, 1);
	end(&r, &c);
}

static void several_replays_go_side_by_side(void **state)
{
	uint64_t next[4] = { 1, 101, 201, 301 };
	struct bus_rig r;
	struct client c;
	int ends = 0;

	(void)state;
	begin(&r, &c, 400);
	for (int i = 0; i < 4; i++)
		ask_replay(&c, i, next[i], next[i] + 99, 1000);
	while (ends < 4) {
		int i;

		answer(&c);
		ends += !strcmp(c.topic, "v1/end/");
		if (c.header.class != PK_BUS_THREAT)
			continue;
		i = (int)(c.header.sequence - 1) / 100;
		assert_int_equal(c.header.sequence, next[i]);
		next[i]++;
	}
	for (int i = 0; i < 4; i++)
		assert_int_equal(next[i], 100 * i + 101);
	end(&r, &c);
}

static void a_replay_can_be_cancelled(void **state)
{
	struct pk_replayer_counters n;
	struct bus_rig r;
	struct client c;

	(void)state;
	begin(&r, &c, 100);
	ask_replay(&c, 7, 1, 0, 5);
	expect_messages(&c, 1, 5, 1);
	ask(&c, "{\"op\":\"cancel\",\"id\":7}");
	expect_end(&c, 7, 1, 5, 5);
	ask(&c, "{\"op\":\"cancel\",\"id\":7}"); /* it is over */
	n = counters(&r, &c);
	assert_int_equal(n.cancels, 2);
	assert_int_equal(n.cancelled, 1);
	assert_int_equal(n.open, 0);
	end(&r, &c);
}

static void what_is_gone_is_told_as_a_gap(void **state)
{
	char gap[128];
	uint64_t first;
	struct bus_rig r;
	struct client c;

	(void)state;
	rig_begin(&r);
	r.journal_conf.segment_bytes = 4096;
	r.journal_conf.max_bytes = 16384;
	rig_start(&r);
	client_open(&c, &r);
	for (int i = 0; i < 50; i++) /* a file ends with a commit */
		rig_put(&r, 10);
	first = pk_journal_first(r.journal);
	assert_true(first > 1);
	ask_replay(&c, 1, 1, 0, 0x10000);
	snprintf(gap, sizeof(gap),
		 "{\"id\":1,\"class\":\"threat\",\"from\":1,\"to\":%llu}",
		 (unsigned long long)first - 1);
	expect_answer(&c, "v1/gap/", gap);
	expect_messages(&c, first, 500, 1);
	expect_end(&c, 1, 1, 500, 500 - first + 1);
	ask_replay(&c, 2, 1, 2, 0); /* all of it */
	expect_answer(&c, "v1/gap/", "\"from\":1,\"to\":2}");
	expect_end(&c, 2, 1, 2, 0);
	assert_int_equal(counters(&r, &c).overrun, first + 1);
	end(&r, &c);
}

/* The file that is being read stays; what is behind it is overrun. */
static void a_journal_that_overtakes_a_replay_leaves_a_gap(void **state)
{
	uint64_t next = 1, gone = 0, seen = 0;
	unsigned long long from, to;
	struct bus_rig r;
	struct client c;

	(void)state;
	rig_begin(&r);
	r.journal_conf.segment_bytes = 4096;
	r.journal_conf.max_bytes = 1 << 20;
	rig_start(&r);
	client_open(&c, &r);
	for (int i = 0; i < 200; i++)
		rig_put(&r, 40);
	assert_int_equal(pk_journal_first(r.journal), 1);
	ask_replay(&c, 1, 1, 0, 1);
	expect_message(&c, 1, 1);
	for (int i = 0; i < 100; i++)
		rig_put(&r, 200);
	assert_true(pk_journal_first(r.journal) > 8000);
	ask(&c, "{\"op\":\"credit\",\"id\":1,\"credit\":10000}");
	for (;;) {
		answer(&c);
		if (!strcmp(c.topic, "v1/end/"))
			break;
		if (!strcmp(c.topic, "v1/gap/")) {
			assert_int_equal(sscanf(strstr(c.json, "\"from\""),
						"\"from\":%llu,\"to\":%llu",
						&from, &to),
					 2);
			assert_int_equal(from, next + 1);
			gone += to - from + 1;
			next = to;
			continue;
		}
		assert_int_equal(c.header.sequence, ++next);
		seen++;
	}
	assert_int_equal(next, 8000);
	assert_int_equal(1 + seen + gone, 8000);
	assert_true(gone > 0);
	end(&r, &c);
}

static void hostile_requests_get_a_sentence(void **state)
{
	static const struct {
		const char *json;
		const char *why;
	} rows[] = {
		{ "", "one JSON object" },
		{ " ", "one JSON object" },
		{ "null", "one JSON object" },
		{ "[]", "one JSON object" },
		{ "\"hello\"", "one JSON object" },
		{ "{\"op\":\"hello\"", "one JSON object" },
		{ "{\"op\":\"hello\"} x", "one JSON object" },
		{ "{\"op\":\"hello\"}{}", "one JSON object" },
		{ "{'op':'hello'}", "one JSON object" },
		{ "{\"op\":\"\xff\xfe\"}", "one JSON object" },
		{ "{\"a\":{\"b\":{\"c\":{\"d\":1}}}}", "one JSON object" },
		{ "{}", "\\\"op\\\" must be" },
		{ "{\"op\":1}", "\\\"op\\\" must be" },
		{ "{\"op\":\"HELLO\"}", "\\\"op\\\" must be" },
		{ "{\"op\":\"hello\\u0000\"}", NULL },
		{ "{\"op\":\"cancel\"}", "\\\"id\\\" must be" },
		{ "{\"op\":\"cancel\",\"id\":-1}", "\\\"id\\\" must be" },
		{ "{\"op\":\"cancel\",\"id\":1.0}", "\\\"id\\\" must be" },
		{ "{\"op\":\"cancel\",\"id\":\"1\"}", "\\\"id\\\" must be" },
		{ "{\"op\":\"cancel\",\"id\":9223372036854775808}",
		  "\\\"id\\\" must be" },
		{ "{\"op\":\"cancel\",\"id\":99999999999999999999999}",
		  "\\\"id\\\" must be" },
		{ "{\"op\":\"credit\",\"id\":1}", "\\\"credit\\\" must be" },
		{ "{\"op\":\"credit\",\"id\":1,\"credit\":65537}",
		  "more than 65536" },
		{ "{\"op\":\"replay\",\"id\":1}", "\\\"class\\\" must name" },
		{ "{\"op\":\"replay\",\"id\":1,\"class\":\"hit\",\"from\":1,"
		  "\"credit\":1}",
		  "\\\"class\\\" must name" },
		{ "{\"op\":\"replay\",\"id\":1,\"class\":\"../threat\","
		  "\"from\":1,\"credit\":1}",
		  "\\\"class\\\" must name" },
		{ "{\"op\":\"replay\",\"id\":1,\"class\":\"threat\","
		  "\"credit\":1}",
		  "\\\"from\\\" must be" },
		{ "{\"op\":\"replay\",\"id\":1,\"class\":\"threat\","
		  "\"from\":0,\"credit\":1}",
		  "\\\"from\\\" must be" },
		{ "{\"op\":\"replay\",\"id\":1,\"class\":\"threat\","
		  "\"from\":2,\"to\":1,\"credit\":1}",
		  "\\\"to\\\" must be" },
		{ "{\"op\":\"replay\",\"id\":1,\"class\":\"threat\","
		  "\"from\":2,\"to\":null,\"credit\":1}",
		  "\\\"to\\\" must be" },
		{ "{\"op\":\"replay\",\"id\":1,\"class\":\"threat\","
		  "\"from\":2}",
		  "\\\"credit\\\" must be" },
	};
	const uint64_t count = sizeof(rows) / sizeof(*rows);
	char big[PK_ASK_MAX + 2];
	struct bus_rig r;
	struct client c;

	(void)state;
	begin(&r, &c, 1);
	for (size_t i = 0; i < count; i++) {
		ask(&c, rows[i].json);
		if (rows[i].why)
			expect_answer(&c, "v1/error/", rows[i].why);
		else
			answer(&c);
	}
	memset(big, ' ', sizeof(big));
	ask_bytes(&c, big, sizeof(big));
	expect_answer(&c, "v1/error/", "one JSON object");
	zmq_send(c.socket, "{\"op\":\"hello\"}", 14, ZMQ_SNDMORE);
	zmq_send(c.socket, "{}", 2, 0);
	expect_answer(&c, "v1/error/", "one JSON object");
	ask(&c, "{\"op\":\"cancel\",\"id\":-1}"); /* no id to answer */
	expect_answer(&c, "v1/error/", "{\"error\":");
	ask(&c, "{\"op\":\"credit\",\"id\":5}");
	expect_answer(&c, "v1/error/", "{\"id\":5,\"error\":");
	assert_in_range(counters(&r, &c).refused, count + 3, count + 4);
	end(&r, &c);
}

static void a_frame_that_is_far_too_long_costs_the_connection(void **state)
{
	char *big = calloc(1, 1 << 20);
	struct client c, other;
	struct bus_rig r;

	(void)state;
	begin(&r, &c, 1);
	client_open(&other, &r);
	ask_bytes(&c, big, 1 << 20);
	expect_hello(&other);
	assert_int_equal(counters(&r, &other).refused, 0);
	client_close(&other);
	free(big);
	end(&r, &c);
}

static void one_peer_has_four_replays_and_all_have_sixty_four(void **state)
{
	enum { PEERS = PK_REPLAYER_SESSIONS / PK_REPLAYER_PEER };
	struct client peer[PEERS + 1];
	struct bus_rig r;
	struct client c;

	(void)state;
	begin(&r, &c, 10);
	for (int i = 0; i <= PEERS; i++)
		client_open(&peer[i], &r);
	for (int i = 0; i < PEERS; i++) {
		for (int n = 0; n < PK_REPLAYER_PEER; n++)
			ask_replay(&peer[i], n, 1, 0, 0);
		ask_replay(&peer[i], 2, 1, 0, 0);
		expect_answer(&peer[i], "v1/error/", "take another");
		ask_replay(&peer[i], 99, 1, 0, 0);
		expect_answer(&peer[i], "v1/error/", "4 replays of yours");
	}
	ask_replay(&peer[PEERS], 1, 1, 0, 10);
	expect_answer(&peer[PEERS], "v1/error/", "64 replays are under way");
	assert_int_equal(counters(&r, &c).open, PK_REPLAYER_SESSIONS);
	ask(&peer[0], "{\"op\":\"cancel\",\"id\":3}");
	expect_end(&peer[0], 3, 1, 0, 0);
	ask_replay(&peer[PEERS], 1, 1, 0, 10);
	expect_messages(&peer[PEERS], 1, 10, 1);
	expect_end(&peer[PEERS], 1, 1, 10, 10);
	for (int i = 0; i <= PEERS; i++)
		client_close(&peer[i]);
	end(&r, &c);
}

/* It has credit, and reads nothing: the queues fill up, and only its own. */
static void a_peer_that_never_reads_holds_up_nobody(void **state)
{
	struct pk_replayer_counters n;
	struct client mute, c;
	struct bus_rig r;

	(void)state;
	begin(&r, &c, 60000);
	client_open(&mute, &r);
	for (int i = 0; i < 4; i++)
		ask_replay(&mute, i, 1, 0, 60000);
	expect_hello(&c);
	ask_replay(&c, 1, 1, 0, 60000);
	expect_messages(&c, 1, 60000, 1);
	expect_end(&c, 1, 1, 60000, 60000);
	n = counters(&r, &c);
	assert_true(n.open > 0);
	client_close(&mute); /* and what it held is given back */
	do
		n = counters(&r, &c);
	while (n.open);
	assert_true(n.gone > 0);
	end(&r, &c);
}

static void who_does_nothing_is_dropped_after_a_while(void **state)
{
	struct pk_replayer_counters n;
	struct bus_rig r;
	struct client c;

	(void)state;
	rig_begin(&r);
	r.idle_ns = 1000000;
	rig_start(&r);
	rig_put(&r, 10);
	client_open(&c, &r);
	ask_replay(&c, 3, 1, 0, 2);
	expect_messages(&c, 1, 2, 1);
	expect_answer(&c, "v1/error/",
		      "{\"id\":3,\"error\":\"ended: no credit");
	n = counters(&r, &c);
	assert_int_equal(n.expired, 1);
	assert_int_equal(n.open, 0);
	end(&r, &c);
}

static void the_socket_is_for_owner_and_group(void **state)
{
	struct stat st;
	struct bus_rig r;
	struct client c;

	(void)state;
	begin(&r, &c, 0);
	assert_string_equal(pk_replayer_endpoint(r.replayer, 0), r.replay);
	assert_null(pk_replayer_endpoint(r.replayer, 1));
	assert_int_equal(stat(r.replay + strlen("ipc://"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	end(&r, &c);
}

static void its_place_is_beside_the_bus(void **state)
{
	static const struct {
		const char *bus;
		const char *replay; /* NULL: there is none */
	} rows[] = {
		{ "ipc:///run/picket/bus.sock",
		  "ipc:///run/picket/replay.sock" },
		{ "ipc:///run/a", "ipc:///run/replay.sock" },
		{ "tcp://127.0.0.1:5555", "tcp://127.0.0.1:5556" },
		{ "tcp://[::1]:65534", "tcp://[::1]:65535" },
		{ "tcp://127.0.0.1:*", "tcp://127.0.0.1:*" },
		{ "tcp://127.0.0.1:65535", NULL },
		{ "tcp://127.0.0.1:0", NULL },
		{ "tcp://127.0.0.1:-1", NULL },
		{ "tcp://127.0.0.1:5555x", NULL },
		{ "tcp://127.0.0.1:", NULL },
		{ "tcp://127.0.0.1", NULL },
		{ "tcp:", NULL },
		{ "ipc://relative", NULL },
		{ "inproc://bus", NULL },
		{ "", NULL },
	};
	char out[PK_ENDPOINT_MAX], longest[PK_ENDPOINT_MAX + 16];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int err = pk_endpoint_replay(rows[i].bus, out);

		assert_int_equal(err, rows[i].replay ? 0 : -EINVAL);
		if (rows[i].replay)
			assert_string_equal(out, rows[i].replay);
	}
	memset(longest, 'x', sizeof(longest));
	memcpy(longest, "ipc:///", 7);
	strcpy(longest + sizeof(longest) - 3, "/b");
	assert_int_equal(pk_endpoint_replay(longest, out), -EINVAL);
}

static void two_sockets_in_one_folder_have_one_server(void **state)
{
	char second[160];
	struct pk_replayer *replayer = NULL;
	struct pk_replayer_conf conf = { .sensor = "s1", .endpoint_count = 3 };
	const char *endpoints[3] = { NULL, second, "tcp://127.0.0.1:*" };
	struct pk_journal_mark mark = { 0 };
	struct bus_rig r;

	(void)state;
	rig_begin(&r);
	snprintf(second, sizeof(second), "ipc://%s/other.sock", r.path);
	endpoints[0] = r.endpoint;
	conf.endpoints = endpoints;
	conf.dir = r.path;
	conf.mark[PK_BUS_THREAT] = &mark;
	assert_int_equal(pk_replayer_new(&replayer, &conf), 0);
	assert_string_equal(pk_replayer_endpoint(replayer, 0), r.replay);
	assert_non_null(strstr(pk_replayer_endpoint(replayer, 1), "tcp://"));
	assert_null(pk_replayer_endpoint(replayer, 2));
	pk_replayer_free(replayer);
	replayer = NULL;
	endpoints[1] = "tcp://192.0.2.1:5555"; /* not for others to reach */
	assert_int_equal(pk_replayer_new(&replayer, &conf), -EPERM);
	conf.dir = "/nonexistent";
	assert_int_equal(pk_replayer_new(&replayer, &conf), -ENOENT);
	assert_null(replayer);
	pk_replayer_free(NULL);
	rig_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hello_tells_how_far_the_journal_is),
		cmocka_unit_test(a_replay_is_what_was_published_once),
		cmocka_unit_test(credit_is_the_pace),
		cmocka_unit_test(several_replays_go_side_by_side),
		cmocka_unit_test(a_replay_can_be_cancelled),
		cmocka_unit_test(what_is_gone_is_told_as_a_gap),
		cmocka_unit_test(
			a_journal_that_overtakes_a_replay_leaves_a_gap),
		cmocka_unit_test(hostile_requests_get_a_sentence),
		cmocka_unit_test(
			a_frame_that_is_far_too_long_costs_the_connection),
		cmocka_unit_test(
			one_peer_has_four_replays_and_all_have_sixty_four),
		cmocka_unit_test(a_peer_that_never_reads_holds_up_nobody),
		cmocka_unit_test(who_does_nothing_is_dropped_after_a_while),
		cmocka_unit_test(the_socket_is_for_owner_and_group),
		cmocka_unit_test(its_place_is_beside_the_bus),
		cmocka_unit_test(two_sockets_in_one_folder_have_one_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
