/* SPDX-License-Identifier: BSD-2-Clause */
/* What a plane may say where a packet's address was met. */
#include "dataplane/record.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_hit_is_no_deeper_than_its_packet(void **state)
{
	struct pk_hit h = { .head = { .type = PK_RECORD_HIT,
				      .len = pk_hit_len(0),
				      .sampling = 1 } };

	(void)state;
	for (int around = 0; around < 256; around++)
		for (int depth = 0; depth < 256; depth++) {
			int err = around > PK_DEPTH_MAX || depth > around
					  ? -EBADMSG
					  : 0;

			h.depth = (uint8_t)depth;
			h.packet.depth = (uint8_t)around;
			assert_int_equal(pk_record_check(&h.head, h.head.len),
					 err);
			assert_int_equal(pk_hit_is_outer(&h), depth < around);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hit_is_no_deeper_than_its_packet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
