/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/bus/tail.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>
#include <zmq.h>

#include "tests/bus_rig.h"

#define SECOND 1000000000ULL

enum { MANY = 200000 };

static uint64_t beat_ns;

static void rig_beat(struct bus_rig *r)
{
	pk_bus_tick(r->bus, beat_ns += SECOND);
}

static struct pk_tail *tail_since(struct bus_rig *r, uint64_t since)
{
	const struct pk_tail_conf conf = { .endpoint = r->endpoint,
					   .class = PK_BUS_THREAT,
					   .since = since,
					   .patience_ms = 200 };
	struct pk_tail *t = NULL;

	assert_int_equal(pk_tail_new(&t, &conf), 0);
	return t;
}

/*
 * The next event, while the publisher's heart beats. A server that was stopped
 * amid a replay is no news.
 */
static struct pk_tail_event expect(struct bus_rig *r, struct pk_tail *t)
{
	struct pk_tail_event e;
	int ret;

	do {
		rig_beat(r);
		ret = pk_tail_recv(t, RIG_SHORT_MS, &e);
	} while (!ret || (ret == 1 && e.kind == PK_TAIL_TROUBLE));
	assert_int_equal(ret, 1);
	return e;
}

/* 0 when @e is the message number @n, whole. */
static int differs(const struct pk_tail_event *e, uint64_t n)
{
	char text[128], topic[PK_BUS_TOPIC_MAX];
	int len = rig_text(n, text, sizeof(text));

	snprintf(topic, sizeof(topic), "v1/threat/%s/", rig_subject(n));
	return e->kind != PK_TAIL_MESSAGE || e->header.sequence != n ||
	       e->header.time_ns != n * 7 || e->header.class != PK_BUS_THREAT ||
	       e->header.sensor != pk_bus_sensor("s1") ||
	       e->len != (size_t)len || strcmp(e->json, text) ||
	       strcmp(e->topic, topic);
}

static void expect_all(struct bus_rig *r, struct pk_tail *t, uint64_t from,
		       uint64_t to)
{
	for (uint64_t n = from; n <= to; n++) {
		struct pk_tail_event e = expect(r, t);

		assert_int_equal(differs(&e, n), 0);
		assert_int_equal(pk_tail_last(t), n);
	}
}

static void check_counts(const struct pk_tail *t)
{
	const struct pk_tail_counters *c = pk_tail_count(t);

	assert_int_equal(c->received,
			 c->live + c->replayed + c->again + c->ahead);
}

static void end_tail(struct pk_tail *t)
{
	check_counts(t);
	pk_tail_free(t);
}

/* ---- a stalled and a healthy subscriber, each a process ---- */

struct subscriber {
	pid_t pid;
	int from; /* a byte: the first message is there; EOF: the end */
};

/* The exit status: 0 when 1 to MANY came in order, each once. */
static int read_many(const char *endpoint, int to)
{
	const struct pk_tail_conf conf = { .endpoint = endpoint,
					   .class = PK_BUS_THREAT };
	struct pk_tail_event e;
	struct pk_tail *t;

	if (pk_tail_new(&t, &conf))
		return 2;
	for (uint64_t n = 1; n <= MANY; n++) {
		if (pk_tail_recv(t, RIG_WAIT_MS * 3, &e) != 1)
			return 3;
		if (differs(&e, n))
			return 4;
		if (n == 1 && write(to, "1", 1) != 1)
			return 5;
	}
	pk_tail_free(t);
	return 0;
}

static struct subscriber start_subscriber(const struct bus_rig *r)
{
	struct subscriber s;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	s.pid = fork();
	assert_true(s.pid >= 0);
	if (!s.pid)
		_exit(read_many(r->endpoint, fds[1]));
	close(fds[1]);
	s.from = fds[0];
	return s;
}

/* Until @s says something, or ends. */
static void await(struct bus_rig *r, struct subscriber *s)
{
	struct pollfd p = { s->from, POLLIN, 0 };
	char byte;

	while (!poll(&p, 1, RIG_SHORT_MS))
		rig_beat(r);
	assert_true(read(s->from, &byte, 1) >= 0);
}

static void expect_success(struct subscriber *s)
{
	int status;

	assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	close(s->from);
}

static void a_stalled_subscriber_costs_nobody_anything(void **state)
{
	struct subscriber healthy, stalled;
	struct pk_replayer_counters c;
	struct bus_rig r;
	int status;

	(void)state;
	rig_begin(&r);
	healthy = start_subscriber(&r);
	stalled = start_subscriber(&r);
	rig_start(&r);
	rig_put(&r, 1);
	await(&r, &healthy);
	await(&r, &stalled);
	kill(stalled.pid, SIGSTOP);
	assert_int_equal(waitpid(stalled.pid, &status, WUNTRACED), stalled.pid);
	while (pk_journal_last(r.journal) < MANY)
		rig_put(&r, 100 - pk_journal_last(r.journal) % 100);
	await(&r, &healthy); /* while the other one still stands */
	expect_success(&healthy);
	pk_replayer_count(r.replayer, &c);
	kill(stalled.pid, SIGCONT);
	await(&r, &stalled);
	expect_success(&stalled);
	rig_check_counts(&r);
	{
		uint64_t before = c.messages;

		pk_replayer_count(r.replayer, &c);
		assert_true(c.messages > before); /* PUB lost some */
	}
	rig_stop(&r);
	rig_end(&r);
}

/* ---- the others need no luck: the publisher says what PUB loses ---- */

static void every_loss_is_fetched_in_its_place(void **state)
{
	struct bus_rig r;
	struct pk_tail *t;

	(void)state;
	rig_begin(&r);
	rig_start(&r);
	t = tail_since(&r, 0);
	rig_put(&r, 10);
	expect_all(&r, t, 1, 10);
	r.mute = 1;
	rig_put(&r, 5000); /* in the middle */
	r.mute = 0;
	rig_put(&r, 10);
	expect_all(&r, t, 11, 5020);
	r.mute = 1;
	rig_put(&r, 1); /* at the tail: the heartbeat tells */
	expect_all(&r, t, 5021, 5021);
	r.mute = 0;
	rig_put(&r, 3);
	expect_all(&r, t, 5022, 5024);
	assert_true(pk_tail_count(t)->replayed >= 5001);
	assert_int_equal(pk_tail_count(t)->gone, 0);
	end_tail(t);
	rig_stop(&r);
	rig_end(&r);
}

static void who_joins_late_claims_nothing_before(void **state)
{
	struct pk_tail_event e;
	struct pk_tail *t;
	struct bus_rig r;

	(void)state;
	rig_begin(&r);
	rig_start(&r);
	rig_put(&r, 100);
	t = tail_since(&r, PK_TAIL_NOW);
	assert_int_equal(pk_tail_last(t), PK_TAIL_NOW);
	while (pk_tail_last(t) == PK_TAIL_NOW) /* hello */
		assert_int_equal(pk_tail_recv(t, RIG_SHORT_MS, &e), 0);
	assert_int_equal(pk_tail_last(t), 100);
	assert_int_equal(pk_tail_epoch(t), r.epoch);
	rig_put(&r, 5); /* whether the subscription is there yet or not */
	expect_all(&r, t, 101, 105);
	end_tail(t);
	t = tail_since(&r, 50);
	expect_all(&r, t, 51, 105);
	end_tail(t);
	rig_stop(&r);
	rig_end(&r);
}

static void a_restart_of_the_publisher_leaves_no_hole(void **state)
{
	uint64_t n = 0, last = 0;
	struct pk_tail *t;
	struct bus_rig r;

	(void)state;
	rig_begin(&r);
	t = tail_since(&r, 0); /* before there is anybody */
	for (int run = 0; run < 12; run++) {
		rig_start(&r);
		r.mute = run % 3 == 1;
		rig_put(&r, run % 4 * 50);
		last += (uint64_t)(run % 4) * 50;
		r.mute = 0;
		if (run % 2) { /* else it is stopped before all was read */
			rig_put(&r, 1);
			last++;
			expect_all(&r, t, n + 1, last);
			n = last;
			assert_int_equal(pk_tail_epoch(t), r.epoch);
		}
		rig_stop(&r);
	}
	assert_int_equal(pk_tail_count(t)->gone, 0);
	end_tail(t);
	rig_end(&r);
}

static void who_was_away_goes_on_where_it_was(void **state)
{
	struct pk_tail_conf conf = { .class = PK_BUS_THREAT,
				     .patience_ms = 200 };
	struct pk_tail *t;
	struct bus_rig r;

	(void)state;
	rig_begin(&r);
	conf.endpoint = r.endpoint;
	for (uint64_t run = 0; run < 5; run++) {
		rig_start(&r);
		rig_put(&r, 10);
		assert_int_equal(pk_tail_new(&t, &conf), 0);
		expect_all(&r, t, conf.since + 1, conf.since + 8);
		conf.since = pk_tail_last(t);
		conf.epoch = pk_tail_epoch(t);
		assert_int_equal(conf.since, 8 * (run + 1));
		end_tail(t);
		rig_stop(&r);
	}
	rig_end(&r);
}

static void another_journal_is_told_and_read_from_its_beginning(void **state)
{
	struct pk_tail_event e;
	struct pk_tail *t;
	struct bus_rig r;

	(void)state;
	rig_begin(&r);
	rig_start(&r);
	t = tail_since(&r, 0);
	rig_put(&r, 100);
	expect_all(&r, t, 1, 100);
	rig_stop(&r);
	rig_forget(&r);
	rig_start(&r);
	rig_put(&r, 20); /* fewer than we have */
	e = expect(&r, t);
	assert_int_equal(e.kind, PK_TAIL_ANEW);
	assert_int_equal(e.from, 1);
	expect_all(&r, t, 1, 20);
	rig_stop(&r);
	rig_forget(&r);
	rig_start(&r);
	rig_put(&r, 30); /* more: the epoch's first number tells */
	e = expect(&r, t);
	assert_int_equal(e.kind, PK_TAIL_ANEW);
	assert_int_equal(e.from, 1);
	expect_all(&r, t, 1, 30);
	end_tail(t);
	rig_stop(&r);
	rig_end(&r);
}

static void what_the_journal_lost_is_an_explicit_gap(void **state)
{
	struct pk_replayer_counters c;
	struct pk_tail_event e;
	uint64_t first;
	struct pk_tail *t;
	struct bus_rig r;

	(void)state;
	rig_begin(&r);
	r.journal_conf.segment_bytes = 4096;
	r.journal_conf.max_bytes = 16384;
	rig_start(&r);
	t = tail_since(&r, 0);
	rig_put(&r, 3);
	expect_all(&r, t, 1, 3);
	r.mute = 1;
	for (int i = 0; i < 100; i++)
		rig_put(&r, 10);
	first = pk_journal_first(r.journal);
	assert_true(first > 4 && first < 1003);
	e = expect(&r, t);
	assert_int_equal(e.kind, PK_TAIL_GAP);
	assert_int_equal(e.from, 4);
	assert_int_equal(e.to, first - 1);
	expect_all(&r, t, first, 1003);
	assert_int_equal(pk_tail_count(t)->gone, first - 4);
	pk_replayer_count(r.replayer, &c);
	assert_int_equal(c.overrun, first - 4);
	end_tail(t);
	rig_stop(&r);
	rig_end(&r);
}

/* Told, and the publisher was ended before it could send. */
static void what_was_unsent_at_the_end_is_in_the_journal(void **state)
{
	struct pk_tail *t;
	struct bus_rig r;

	(void)state;
	rig_begin(&r);
	rig_start(&r);
	t = tail_since(&r, 0);
	rig_put(&r, 1);
	expect_all(&r, t, 1, 1);
	rig_put(&r, 50000);
	rig_stop(&r); /* nobody reads: LINGER ends */
	rig_start(&r);
	expect_all(&r, t, 2, 50001);
	end_tail(t);
	rig_stop(&r);
	rig_end(&r);
}

static void a_server_that_does_not_answer_is_asked_again(void **state)
{
	struct pk_tail_conf conf = { .class = PK_BUS_THREAT,
				     .patience_ms = 20 };
	struct pk_tail_event e;
	char nowhere[128];
	struct pk_tail *t;
	struct bus_rig r;
	void *context = zmq_ctx_new(), *deaf = zmq_socket(context, ZMQ_ROUTER);
	int zero = 0;

	(void)state;
	rig_begin(&r);
	rig_start(&r);
	snprintf(nowhere, sizeof(nowhere), "ipc://%s/deaf.sock", r.path);
	zmq_setsockopt(deaf, ZMQ_LINGER, &zero, sizeof(zero));
	assert_int_equal(zmq_bind(deaf, nowhere), 0);
	conf.endpoint = r.endpoint;
	conf.replay = nowhere;
	assert_int_equal(pk_tail_new(&t, &conf), 0);
	assert_int_equal(pk_tail_recv(t, RIG_WAIT_MS, &e), 1);
	assert_int_equal(e.kind, PK_TAIL_TROUBLE);
	assert_non_null(strstr(e.json, "does not answer"));
	assert_true(pk_tail_count(t)->hellos >= 2);
	end_tail(t);
	zmq_close(deaf);
	zmq_ctx_term(context);
	unlinkat(r.dir, "deaf.sock", 0);
	rig_stop(&r);
	rig_end(&r);
}

/* Also when a topic is the beginning of another but for the slash. */
static void nobody_gets_foreign_topics(void **state)
{
	const char *topic = "v1/threat/ip/";
	struct pk_bus_message m;
	struct pk_bus_sub *s;
	struct pk_tail *t;
	struct bus_rig r;
	uint64_t n;

	(void)state;
	rig_begin(&r);
	rig_start(&r);
	assert_int_equal(pk_bus_subscribe(&s, r.endpoint, &topic, 1), 0);
	t = tail_since(&r, 0);
	do
		rig_beat(&r);
	while (!pk_bus_recv(s, RIG_SHORT_MS, &m));
	for (int i = 0; i < 100; i++) {
		pk_bus_publish(r.bus, PK_BUS_HIT, "ip", 1, "{}", 2);
		pk_bus_publish(r.bus, PK_BUS_STATS, NULL, 1, "{}", 2);
		rig_put(&r, 3);
	}
	expect_all(&r, t, 1, 300);
	for (n = 3; n <= 300; n += 3) { /* every third is of this type */
		do
			assert_int_equal(pk_bus_recv(s, RIG_WAIT_MS, &m), 1);
		while (m.header.class == PK_BUS_HEARTBEAT);
		assert_string_equal(m.topic, topic);
		assert_int_equal(m.header.sequence, n);
	}
	pk_bus_sub_free(s);
	end_tail(t);
	rig_stop(&r);
	rig_end(&r);
}

static void only_journaled_classes_have_a_tail(void **state)
{
	struct pk_tail_conf conf = { .endpoint = "ipc:///tmp/bus.sock",
				     .class = PK_BUS_HIT };
	struct pk_tail *t = NULL;

	(void)state;
	assert_int_equal(pk_tail_new(&t, &conf), -EINVAL);
	conf.class = PK_BUS_THREAT;
	conf.endpoint = "inproc://bus";
	assert_int_equal(pk_tail_new(&t, &conf), -EINVAL);
	assert_null(t);
	pk_tail_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stalled_subscriber_costs_nobody_anything),
		cmocka_unit_test(every_loss_is_fetched_in_its_place),
		cmocka_unit_test(who_joins_late_claims_nothing_before),
		cmocka_unit_test(a_restart_of_the_publisher_leaves_no_hole),
		cmocka_unit_test(who_was_away_goes_on_where_it_was),
		cmocka_unit_test(
			another_journal_is_told_and_read_from_its_beginning),
		cmocka_unit_test(what_the_journal_lost_is_an_explicit_gap),
		cmocka_unit_test(what_was_unsent_at_the_end_is_in_the_journal),
		cmocka_unit_test(a_server_that_does_not_answer_is_asked_again),
		cmocka_unit_test(nobody_gets_foreign_topics),
		cmocka_unit_test(only_journaled_classes_have_a_tail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
