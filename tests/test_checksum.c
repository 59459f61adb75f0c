/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Row D19: the checksums of frames that scapy made, whole and with every bit
 * changed; a checksum of 0; and what cannot be told.
 */
#include "dataplane/inspect/checksum.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/parse.h"
#include "tests/parse_rows.h"

enum { FRAME_MAX = 256 };

static const struct {
	const char *name, *hex;
} frames[] = {
	{ "UDP", "020000000002020000000001080045000022000100004011"
		 "8e93c0000201c63364020fa00035000eca7c7069636b6574" },
	{ "UDP, an odd byte", "02000000000202000000000108004500001f000100004011"
			      "8e96c0000201c63364020fa00009000b30936f6464" },
	{ "UDP, a sum of 0 is sent as ffff",
	  "02000000000202000000000108004500001e000100004011"
	  "8e97c0000201c6336402b2370009000affff6162" },
	{ "TCP",
	  "020000000002020000000001080045000031000100004006"
	  "46900affff01c63364020fa000500000000000000000600220006995000002"
	  "0405b4474554202f" },
	{ "UDP over IPv6",
	  "02000000000202000000000186dd60000000000f114020010db8000000000000"
	  "00000000000120010db80000000000000000ffff00020fa00035000f3a3d7069"
	  "636b657421" },
	{ "TCP over IPv6",
	  "02000000000202000000000186dd600000000015064020010db8000000000000"
	  "00000000000120010db80000000000000000000000020fa00050000000000000"
	  "000050022000ac7c000078" },
	{ "TCP in GRE",
	  "02000000000202000000000108004500004300010000402f8e54c0000201c633"
	  "6402000008004500002b00010000400666ca0a0000010a0000020fa000500000"
	  "00000000000050022000a78a0000616263" },
};

enum { FRAMES = sizeof(frames) / sizeof(frames[0]) };

/* In memory of exactly that length. */
static int is_bad(const uint8_t *bytes, uint32_t readable, uint32_t len)
{
	uint8_t *exact = malloc(readable ? readable : 1);
	struct pk_decode d;
	int bad;

	assert_non_null(exact);
	memcpy(exact, bytes, readable);
	pk_parse(exact, exact + readable, len, &d);
	bad = pk_checksum_is_bad(exact, readable, &d);
	free(exact);
	return bad;
}

static void sound_frames_are_not_marked(void **state)
{
	uint8_t frame[FRAME_MAX];

	(void)state;
	for (int i = 0; i < FRAMES; i++) {
		uint32_t len = add_hex(frame, 0, frames[i].hex);

		if (is_bad(frame, len, len))
			fail_msg("%s", frames[i].name);
		frame[len] = 0x55; /* a trailer */
		assert_false(is_bad(frame, len + 1, len + 1));
		for (uint32_t n = 0; n < len; n++)
			assert_false(is_bad(frame, n, len));
	}
}

static void a_change_of_any_bit_of_the_payload_is_seen(void **state)
{
	uint8_t frame[FRAME_MAX];

	(void)state;
	for (int i = 0; i < FRAMES; i++) {
		uint32_t len = add_hex(frame, 0, frames[i].hex);

		for (uint32_t bit = 8 * (len - 2); bit < 8 * len; bit++) {
			frame[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
			if (!is_bad(frame, len, len))
				fail_msg("%s, bit %u", frames[i].name, bit);
			frame[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
		}
	}
}

/* RFC 768: none was made. RFC 8200 8.1: over IPv6 one must be. */
static void a_checksum_of_0_is_legal_over_ip4_only(void **state)
{
	uint8_t frame[FRAME_MAX];
	struct pk_decode d;
	uint32_t len;

	(void)state;
	len = add_hex(frame, 0, frames[0].hex);
	frame[40] = frame[41] = 0;
	assert_false(is_bad(frame, len, len));
	pk_parse(frame, frame + len, len, &d);
	assert_int_equal(d.no_checksum, 1);
	len = add_hex(frame, 0, frames[4].hex);
	pk_parse(frame, frame + len, len, &d);
	assert_int_equal(d.no_checksum, 0);
	frame[60] = frame[61] = 0;
	assert_true(is_bad(frame, len, len));
	len = add_hex(frame, 0, frames[3].hex);
	frame[50] = frame[51] = 0;
	assert_true(is_bad(frame, len, len));
	pk_parse(frame, frame + len, len, &d);
	assert_int_equal(d.no_checksum, 0);
}

static void fragments_and_routed_packets_cannot_be_told(void **state)
{
	uint8_t frame[FRAME_MAX];
	uint32_t len = add_hex(frame, 0, frames[0].hex);

	(void)state;
	frame[len - 1]++;
	assert_true(is_bad(frame, len, len));
	frame[20] = 0x20;
	assert_false(is_bad(frame, len, len));
	len = add_hex(
		frame, 0,
		E4 IP4_OPT("46", "0022", "11") "01010101" UDP("000a") "6162");
	frame[44] = 1; /* a checksum that is there, and wrong */
	assert_false(is_bad(frame, len, len));
	len = add_hex(frame, 0, E4 IP4("001c", "0000", "84") SCTP);
	assert_false(is_bad(frame, len, len));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sound_frames_are_not_marked),
		cmocka_unit_test(a_change_of_any_bit_of_the_payload_is_seen),
		cmocka_unit_test(a_checksum_of_0_is_legal_over_ip4_only),
		cmocka_unit_test(fragments_and_routed_packets_cannot_be_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
