/* SPDX-License-Identifier: BSD-2-Clause */
/* Confirmations of an AMQP broker, single and multiple, in any order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tools/relay/broker.c"

static int ack(struct broker *b, uint64_t tag, int multiple)
{
	amqp_basic_ack_t a = { .delivery_tag = tag, .multiple = multiple };
	const amqp_frame_t f = {
		.frame_type = AMQP_FRAME_METHOD,
		.payload.method = { .id = AMQP_BASIC_ACK_METHOD,
				    .decoded = &a },
	};

	return take(b, &f);
}

static void a_multiple_one_keeps_the_single_ones_above_it(void **state)
{
	struct broker b = { .sent = 5 };

	(void)state;
	assert_int_equal(ack(&b, 5, 0), 0);
	assert_int_equal(ack(&b, 4, 0), 0);
	assert_int_equal(b.confirmed, 2);
	assert_int_equal(ack(&b, 3, 1), 0);
	assert_int_equal(b.confirmed, 5);
}

static void one_that_is_told_twice_counts_once(void **state)
{
	struct broker b = { .sent = 5 };

	(void)state;
	assert_int_equal(ack(&b, 2, 0), 0);
	assert_int_equal(ack(&b, 2, 0), 0);
	assert_int_equal(ack(&b, 2, 1), 0);
	assert_int_equal(ack(&b, 1, 1), 0);
	assert_int_equal(b.confirmed, 2);
}

static void tags_of_another_batch_follow(void **state)
{
	struct broker b = { .sent = 0 };

	(void)state;
	for (int round = 0; round < 5; round++) {
		uint64_t from = b.sent;

		b.sent += BROKER_UNCONFIRMED;
		for (uint64_t t = b.sent; t > from + 1; t--)
			assert_int_equal(ack(&b, t, 0), 0);
		assert_int_equal(b.confirmed, b.sent - 1);
		assert_int_equal(ack(&b, from + 1, 0), 0);
		assert_int_equal(b.confirmed, b.sent);
	}
}

static void what_was_never_sent_ends_the_connection(void **state)
{
	struct broker b = { .sent = 5 };

	(void)state;
	assert_int_equal(ack(&b, 6, 0), -EIO);
	assert_int_equal(ack(&b, 6, 1), -EIO);
	assert_int_equal(b.confirmed, 0);
	assert_int_equal(ack(&b, 0, 1), 0); /* all */
	assert_int_equal(b.confirmed, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_multiple_one_keeps_the_single_ones_above_it),
		cmocka_unit_test(one_that_is_told_twice_counts_once),
		cmocka_unit_test(tags_of_another_batch_follow),
		cmocka_unit_test(what_was_never_sent_ends_the_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
