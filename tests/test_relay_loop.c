/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * picket-relay's loop with a broker that is these functions: when it confirms,
 * and where it begins. (With a real one: tests/test_relay.c.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/bus_rig.h"

#define main relay_main
#include "tools/relay/relay.c"
#undef main
#include "tools/relay/message.c"

enum { STREAM = 150, PAUSE_NS = 20000000, OPENINGS = 8 };

struct broker {
	int dummy;
};

static struct bus_rig rig;
static struct relay it;
static int streaming, failing;
static int openings, sends, confirmed_at;

static void put_threat(void)
{
	static const char text[] = "{\"type\":\"ip\",\"offender\":\"a\","
				   "\"state\":\"open\"}";
	struct pk_journal_message m = {
		.time_ns = 1,
		.subject = "ip",
		.subject_len = 2,
		.text = text,
		.text_len = sizeof(text) - 1,
	};

	assert_int_equal(pk_journal_append(rig.journal, &m), 0);
	rig_commit(&rig);
}

/* --- the broker ------------------------------------------------------------ */

int broker_open(struct broker **out, const char *uri, const char *queue,
		char err[BROKER_SENTENCE])
{
	(void)uri;
	(void)queue;
	ending = ++openings == OPENINGS;
	if (failing) {
		if (it.conf.since != PK_TAIL_NOW) {
			failing = 0;
			put_threat(); /* while there is no broker */
		}
		snprintf(err, BROKER_SENTENCE, "it is away");
		return -EIO;
	}
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void broker_free(struct broker *b)
{
	free(b);
}

int broker_send(struct broker *b, const char *json, size_t len)
{
	(void)b;
	(void)json;
	assert_true(len > 0);
	sends++;
	if (!streaming || sends == STREAM) {
		ending = 1;
	} else { /* the next is there before this one is dealt with */
		put_threat();
		nanosleep(&(struct timespec){ .tv_nsec = PAUSE_NS }, NULL);
	}
	return 0;
}

int broker_confirm(struct broker *b, int timeout_s)
{
	(void)b;
	(void)timeout_s;
	confirmed_at = confirmed_at ? confirmed_at : sends;
	ending = 1;
	return 0;
}

int broker_idle(struct broker *b)
{
	(void)b;
	if (streaming && !sends)
		put_threat();
	return 0;
}

/* --- the tests ------------------------------------------------------------- */

static void begin(uint64_t since)
{
	rig_begin(&rig);
	rig_start(&rig);
	openings = sends = confirmed_at = streaming = failing = ending = 0;
	it = (struct relay){ .conf = { .endpoint = rig.endpoint,
				       .class = PK_BUS_THREAT,
				       .since = since },
			     .queue = "q" };
}

static void end(void)
{
	rig_stop(&rig);
	rig_end(&rig);
}

static void a_steady_stream_is_confirmed_all_the_same(void **state)
{
	(void)state;
	begin(0);
	streaming = 1;
	assert_int_equal(run(&it), 0);
	assert_in_range(confirmed_at, 1, STREAM - 1);
	end();
}

static void now_is_when_it_began_and_not_when_the_broker_came(void **state)
{
	(void)state;
	begin(PK_TAIL_NOW);
	for (int i = 0; i < 5; i++)
		put_threat();
	failing = 1;
	run(&it);
	assert_int_equal(sends, 1);
	assert_int_equal(it.conf.since, 6);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_steady_stream_is_confirmed_all_the_same),
		cmocka_unit_test(
			now_is_when_it_began_and_not_when_the_broker_came),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
