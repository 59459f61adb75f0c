/* SPDX-License-Identifier: BSD-2-Clause */
/* Fragments that end too early, at each byte, and lengths that cannot be. */
#include "dataplane/inspect/fragment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FRAME = 128, ETH = 14 };

struct frame {
	uint8_t bytes[FRAME];
	uint32_t len;
};

/* A header with an option, the first 8 bytes of a datagram. */
static struct frame fragment4(void)
{
	static const uint8_t ip[24] = { 0x46, 0,  0, 32, 0,  1, 0x20, 0,
					64,   17, 0, 0,	 10, 0, 0,    1,
					10,   0,  0, 2,	 1,  1, 1,    0 };
	struct frame f = { .len = ETH + 24 + 8 };

	f.bytes[12] = 8;
	memcpy(f.bytes + ETH, ip, sizeof(ip));
	return f;
}

/* With a Hop-by-Hop header before the Fragment header. */
static struct frame fragment6(void)
{
	struct frame f = { .len = ETH + 40 + 8 + 8 + 8 };
	uint8_t *ip = f.bytes + ETH;

	f.bytes[12] = 0x86;
	f.bytes[13] = 0xdd;
	ip[0] = 0x60;
	ip[5] = 24;
	ip[7] = 64;
	ip[23] = 1;
	ip[39] = 2;
	ip[40] = 44;
	ip[42] = 1;
	ip[43] = 4;
	ip[48] = 17;
	ip[51] = 1; /* more follow */
	ip[55] = 7;
	return f;
}

/* From a block of its very size, for the sanitizer. */
static int read_head(const struct frame *f, uint32_t n, uint32_t wire,
		     struct pk_fragment *g)
{
	uint8_t *copy = malloc(n ? n : 1);
	int reason;

	assert_non_null(copy);
	memcpy(copy, f->bytes, n);
	reason = pk_fragment_read(g, copy, n, wire);
	free(copy);
	return reason;
}

static void a_fragment_is_whole_or_cut(void **state)
{
	const struct frame frames[] = { fragment4(), fragment6() };

	(void)state;
	for (int k = 0; k < 2; k++) {
		const struct frame *f = &frames[k];
		struct pk_fragment g;

		for (uint32_t n = 0; n < f->len; n++) {
			assert_int_equal(read_head(f, n, f->len, &g),
					 PK_FRAGMENT_CUT);
			assert_int_equal(read_head(f, n, n, &g),
					 PK_FRAGMENT_CUT);
		}
		assert_int_equal(read_head(f, f->len, f->len, &g),
				 PK_FRAGMENT_OK);
		assert_int_equal(g.len, 8);
		assert_int_equal(g.more, 1);
		assert_int_equal(!!pk_fragment_is_ip6(&g), k);
	}
}

static void lengths_that_cannot_be_are_refused(void **state)
{
	struct frame four = fragment4(), six = fragment6();
	struct pk_fragment g;

	(void)state;
	four.bytes[ETH + 3] = 23; /* shorter than its header: none is found */
	assert_int_equal(read_head(&four, four.len, four.len, &g),
			 PK_FRAGMENT_CUT);
	four.bytes[ETH + 3] = 24; /* no data */
	assert_int_equal(read_head(&four, four.len, four.len, &g),
			 PK_FRAGMENT_LENGTH);
	six.bytes[ETH + 5] = 23; /* not the last, and no multiple of eight */
	assert_int_equal(read_head(&six, six.len, six.len, &g),
			 PK_FRAGMENT_LENGTH);
	six.bytes[ETH + 5] = 16; /* no data */
	assert_int_equal(read_head(&six, six.len, six.len, &g),
			 PK_FRAGMENT_LENGTH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fragment_is_whole_or_cut),
		cmocka_unit_test(lengths_that_cannot_be_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
