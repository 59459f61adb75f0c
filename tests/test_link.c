/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/file/link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LEN(a) (sizeof(a) / sizeof *(a))

/* Addresses of a built frame: nobody, or the sender of a cooked packet. */
#define NOBODY	  "000000000000000000000000"
#define SENDER	  "000000000000020000000a01"
#define SLL	  "0000000100060200" /* to us, Ethernet, 6 bytes: 02:00:... */
#define SLL_TAIL  "00000a010000"
#define SLL2	  "0000000000030001" /* reserved, interface 3, Ethernet */
#define SLL2_TAIL "00060200" SLL_TAIL

enum { BYTES_MAX = 128 };

static const struct {
	const char *what;
	int type;
	const char *in, *out; /* @out NULL: refused for @reason */
	enum pk_link_reason reason;
	int delta;
} rows[] = {
	{ "Ethernet passes as it is", 1, "0102030405060708090a0b0c080045aa",
	  "0102030405060708090a0b0c080045aa", PK_LINK_OK, 0 },
	{ "Ethernet of 14 bytes", 1, "0102030405060708090a0b0c0800",
	  "0102030405060708090a0b0c0800", PK_LINK_OK, 0 },
	{ "Ethernet of 13 bytes", 1, "0102030405060708090a0b0c08", NULL,
	  PK_LINK_SHORT, 0 },
	{ "VLAN tags stay", 1, "0102030405060708090a0b0c8100006408004500",
	  "0102030405060708090a0b0c8100006408004500", PK_LINK_OK, 0 },

	{ "NULL, IPv4, big endian", 0, "0000000245aa", NOBODY "080045aa",
	  PK_LINK_OK, 10 },
	{ "NULL, IPv4, little endian", 0, "0200000045aa", NOBODY "080045aa",
	  PK_LINK_OK, 10 },
	{ "NULL, IPv6 of Linux", 0, "0a00000060aa", NOBODY "86dd60aa",
	  PK_LINK_OK, 10 },
	{ "NULL, IPv6 of Windows", 0, "1700000060aa", NOBODY "86dd60aa",
	  PK_LINK_OK, 10 },
	{ "NULL, IPv6 of OpenBSD", 0, "0000001860aa", NOBODY "86dd60aa",
	  PK_LINK_OK, 10 },
	{ "NULL, IPv6 of FreeBSD", 0, "1c00000060aa", NOBODY "86dd60aa",
	  PK_LINK_OK, 10 },
	{ "NULL, IPv6 of macOS", 0, "1e00000060aa", NOBODY "86dd60aa",
	  PK_LINK_OK, 10 },
	{ "NULL without a payload", 0, "02000000", NOBODY "0800", PK_LINK_OK,
	  10 },
	{ "NULL, AppleTalk", 0, "1000000045aa", NULL, PK_LINK_FAMILY, 0 },
	{ "NULL, no family", 0, "ffffffff45aa", NULL, PK_LINK_FAMILY, 0 },
	{ "NULL, Cisco's HDLC instead", 0, "0f00080045aa", NOBODY "080045aa",
	  PK_LINK_OK, 10 },
	{ "NULL, no family and no EtherType", 0, "0f000000aa", NULL,
	  PK_LINK_PROTOCOL, 0 },
	{ "NULL of 3 bytes", 0, "020000", NULL, PK_LINK_SHORT, 0 },
	{ "LOOP, IPv4", 108, "0000000245aa", NOBODY "080045aa", PK_LINK_OK,
	  10 },
	{ "LOOP, IPv6", 108, "0000001860aa", NOBODY "86dd60aa", PK_LINK_OK,
	  10 },

	{ "RAW, IPv4", 12, "45aa", NOBODY "080045aa", PK_LINK_OK, 14 },
	{ "RAW, IPv6", 12, "60aa", NOBODY "86dd60aa", PK_LINK_OK, 14 },
	{ "RAW of OpenBSD", 14, "60aa", NOBODY "86dd60aa", PK_LINK_OK, 14 },
	{ "RAW as files number it", 101, "45aa", NOBODY "080045aa", PK_LINK_OK,
	  14 },
	{ "RAW, version 5", 12, "55aa", NULL, PK_LINK_VERSION, 0 },
	{ "RAW, empty", 12, "", NULL, PK_LINK_SHORT, 0 },
	{ "IPV4 whatever it holds", 228, "aabb", NOBODY "0800aabb", PK_LINK_OK,
	  14 },
	{ "IPV6 whatever it holds", 229, "aabb", NOBODY "86ddaabb", PK_LINK_OK,
	  14 },
	{ "IPV6, empty", 229, "", NULL, PK_LINK_SHORT, 0 },

	{ "SLL, IPv4", 113, SLL SLL_TAIL "080045aa", SENDER "080045aa",
	  PK_LINK_OK, -2 },
	{ "SLL, ARP", 113, SLL SLL_TAIL "08060001", SENDER "08060001",
	  PK_LINK_OK, -2 },
	{ "SLL, VLAN tag", 113, SLL SLL_TAIL "81000064080045aa",
	  SENDER "81000064080045aa", PK_LINK_OK, -2 },
	{ "SLL, sender of 4 bytes is nobody", 113,
	  "0000000100040200" SLL_TAIL "080045aa", NOBODY "080045aa", PK_LINK_OK,
	  -2 },
	{ "SLL, 802.2", 113, SLL SLL_TAIL "0004424203", SENDER "0003424203",
	  PK_LINK_OK, -2 },
	{ "SLL, 802.3 without LLC", 113, SLL SLL_TAIL "0001ffff",
	  SENDER "0002ffff", PK_LINK_OK, -2 },
	{ "SLL, AX.25", 113, SLL SLL_TAIL "0002aa", NULL, PK_LINK_PROTOCOL, 0 },
	{ "SLL, CAN", 113, SLL SLL_TAIL "000caa", NULL, PK_LINK_PROTOCOL, 0 },
	{ "SLL, netlink", 113, "0000033800060200" SLL_TAIL "080045aa", NULL,
	  PK_LINK_HARDWARE, 0 },
	{ "SLL, 802.11 with radiotap", 113,
	  "0000032300060200" SLL_TAIL "080045aa", NULL, PK_LINK_HARDWARE, 0 },
	{ "SLL, frame relay", 113, "0000030200060200" SLL_TAIL "080045aa", NULL,
	  PK_LINK_HARDWARE, 0 },
	{ "SLL of 15 bytes", 113, SLL SLL_TAIL "08", NULL, PK_LINK_SHORT, 0 },

	{ "SLL2, IPv6", 276, "86dd" SLL2 SLL2_TAIL "60aa", SENDER "86dd60aa",
	  PK_LINK_OK, -6 },
	{ "SLL2, 802.2", 276, "0004" SLL2 SLL2_TAIL "4242", SENDER "00024242",
	  PK_LINK_OK, -6 },
	{ "SLL2, protocol 3", 276, "0003" SLL2 SLL2_TAIL "4242", NULL,
	  PK_LINK_PROTOCOL, 0 },
	{ "SLL2, netlink", 276, "08000000000000030338" SLL2_TAIL "45aa", NULL,
	  PK_LINK_HARDWARE, 0 },
	{ "SLL2 of 19 bytes", 276, "0800" SLL2 "0006020000000a0100", NULL,
	  PK_LINK_SHORT, 0 },

	{ "PPP, IPv4", 9, "002145aa", NOBODY "080045aa", PK_LINK_OK, 12 },
	{ "PPP, IPv6", 9, "005760aa", NOBODY "86dd60aa", PK_LINK_OK, 12 },
	{ "PPP, MPLS", 9, "028100001140", NOBODY "884700001140", PK_LINK_OK,
	  12 },
	{ "PPP, MPLS multicast", 9, "028300001140", NOBODY "884800001140",
	  PK_LINK_OK, 12 },
	{ "PPP with address and control", 9, "ff03002145aa", NOBODY "080045aa",
	  PK_LINK_OK, 10 },
	{ "PPP, protocol of one byte", 9, "2145aa", NOBODY "080045aa",
	  PK_LINK_OK, 13 },
	{ "PPP, both, protocol of one byte", 9, "ff035760aa", NOBODY "86dd60aa",
	  PK_LINK_OK, 11 },
	{ "PPP, LCP", 9, "ff03c02101000004", NOBODY "880bc02101000004",
	  PK_LINK_OK, 12 },
	{ "PPP, empty", 9, "", NULL, PK_LINK_SHORT, 0 },
	{ "PPP, address and control alone", 9, "ff03", NULL, PK_LINK_SHORT, 0 },
	{ "PPP, half a protocol", 9, "00", NULL, PK_LINK_SHORT, 0 },
	{ "PPP_SERIAL, PPP", 50, "ff03002145aa", NOBODY "080045aa", PK_LINK_OK,
	  10 },
	{ "PPP_SERIAL, Cisco", 50, "0f00080045aa", NOBODY "080045aa",
	  PK_LINK_OK, 10 },
	{ "PPP_SERIAL, empty", 50, "", NULL, PK_LINK_SHORT, 0 },
	{ "PPP_ETHER, session", 51, "1100000100040021", NULL, PK_LINK_OK, 14 },
	{ "PPP_ETHER, discovery", 51, "11090000000001010000",
	  NOBODY "886311090000000001010000", PK_LINK_OK, 14 },
	{ "PPP_ETHER of 5 bytes", 51, "1100000100", NULL, PK_LINK_SHORT, 0 },
	{ "C_HDLC, IPv4", 104, "0f00080045aa", NOBODY "080045aa", PK_LINK_OK,
	  10 },
	{ "C_HDLC, multicast SLARP", 104, "8f00803500000002",
	  NOBODY "803500000002", PK_LINK_OK, 10 },
	{ "C_HDLC, no EtherType", 104, "0f000021aa", NULL, PK_LINK_PROTOCOL,
	  0 },
	{ "C_HDLC of 3 bytes", 104, "0f0008", NULL, PK_LINK_SHORT, 0 },

	{ "802.11", 105, "0800000000000000000000000000000000", NULL,
	  PK_LINK_UNSUPPORTED, 0 },
	{ "no type", -1, "0800000000000000000000000000000000", NULL,
	  PK_LINK_UNSUPPORTED, 0 },
};

static uint32_t unhex(const char *hex, uint8_t *out)
{
	uint32_t n = 0;
	unsigned int byte;

	while (sscanf(hex + 2 * n, "%2x", &byte) == 1)
		out[n++] = (uint8_t)byte;
	return n;
}

/* An exact copy on the heap, so that the sanitizer sees one byte too far. */
static uint8_t *exact(const uint8_t *bytes, uint32_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	return copy;
}

static void makes_of_each_link_type_the_frame_of_the_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(rows); i++) {
		uint8_t in[BYTES_MAX], want[BYTES_MAX], buf[BYTES_MAX];
		struct pk_link_frame got = { NULL, 99, 99 };
		struct pk_link_bytes bytes = { in, 0, 0, rows[i].type };
		uint32_t len;

		bytes.len = bytes.wire_len = unhex(rows[i].in, in);
		if (pk_link_ethernet(&bytes, buf, sizeof buf, &got) !=
		    rows[i].reason)
			fail_msg("%s: not %s", rows[i].what,
				 pk_link_reason_name(rows[i].reason));
		if (rows[i].reason != PK_LINK_OK) {
			assert_int_equal(got.len, 99);
			continue;
		}
		assert_int_equal(got.delta, rows[i].delta);
		assert_int_equal((int)got.len - got.delta, bytes.len);
		if (!rows[i].out)
			continue;
		len = unhex(rows[i].out, want);
		if (got.len != len || memcmp(got.data, want, len) != 0)
			fail_msg("%s: another frame", rows[i].what);
	}
}

static void puts_a_whole_pppoe_header_behind_its_ethertype(void **state)
{
	const uint8_t session[] = { 0x11, 0, 0, 1, 0, 4, 0, 0x21, 0x45, 0 };
	struct pk_link_bytes in = { session, sizeof session, 0,
				    PK_LINK_TYPE_PPP_ETHER };
	struct pk_link_frame out;
	uint8_t buf[64];

	(void)state;
	assert_int_equal(pk_link_ethernet(&in, buf, sizeof buf, &out),
			 PK_LINK_OK);
	assert_int_equal(out.len, 14 + sizeof session);
	assert_int_equal(out.data[12] << 8 | out.data[13], 0x8864);
	assert_memory_equal(out.data + 14, session, sizeof session);
}

static void does_not_copy_ethernet(void **state)
{
	const uint8_t frame[20] = { 1, 2, 3 };
	struct pk_link_bytes in = { frame, sizeof frame, sizeof frame,
				    PK_LINK_TYPE_EN10MB };
	struct pk_link_frame out;

	(void)state;
	assert_int_equal(pk_link_ethernet(&in, NULL, 0, &out), PK_LINK_OK);
	assert_ptr_equal(out.data, frame);
}

static void reads_and_writes_inside_for_every_prefix_of_every_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(rows); i++) {
		uint8_t whole[BYTES_MAX];
		uint32_t len = unhex(rows[i].in, whole);

		for (uint32_t n = 0; n <= len; n++) {
			uint8_t *in = exact(whole, n);
			uint8_t *buf = malloc(n + PK_LINK_ETH_BYTES);
			struct pk_link_bytes bytes = { in, n, n, rows[i].type };
			struct pk_link_frame out;

			assert_int_not_equal(
				pk_link_ethernet(&bytes, buf,
						 n + PK_LINK_ETH_BYTES, &out),
				PK_LINK_ROOM);
			free(buf);
			free(in);
		}
	}
}

static void refuses_a_frame_larger_than_the_buffer(void **state)
{
	const uint8_t raw[] = { 0x45, 0, 0, 20 };
	struct pk_link_bytes in = { raw, sizeof raw, 0, PK_LINK_TYPE_RAW };
	struct pk_link_frame out;
	uint8_t buf[18];

	(void)state;
	assert_int_equal(pk_link_ethernet(&in, buf, 18, &out), PK_LINK_OK);
	for (size_t cap = 0; cap < 18; cap++)
		assert_int_equal(pk_link_ethernet(&in, buf, cap, &out),
				 PK_LINK_ROOM);
}

static void takes_the_802_3_length_from_the_wire_not_the_snapshot(void **state)
{
	uint8_t sll[20] = { 0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0, 4 };
	struct pk_link_bytes in = { sll, sizeof sll, 16 + 1500,
				    PK_LINK_TYPE_LINUX_SLL };
	struct pk_link_frame out;
	uint8_t buf[64];

	(void)state;
	assert_int_equal(pk_link_ethernet(&in, buf, sizeof buf, &out),
			 PK_LINK_OK);
	assert_int_equal(buf[12] << 8 | buf[13], 1500);
	in.wire_len++;
	assert_int_equal(pk_link_ethernet(&in, buf, sizeof buf, &out),
			 PK_LINK_LENGTH);
	in.wire_len = 0; /* nonsense: below what is held */
	assert_int_equal(pk_link_ethernet(&in, buf, sizeof buf, &out),
			 PK_LINK_OK);
	assert_int_equal(buf[12] << 8 | buf[13], 4);
}

static void knows_what_it_supports(void **state)
{
	const int known[] = { 0,   1,	9,   12,  14,  50,  51,
			      101, 104, 108, 113, 228, 229, 276 };
	size_t supported = 0;

	(void)state;
	for (int type = -2; type < 70000; type++)
		supported += pk_link_supported(type);
	assert_int_equal(supported, LEN(known));
	for (size_t i = 0; i < LEN(known); i++)
		assert_true(pk_link_supported(known[i]));
}

static void names_every_reason(void **state)
{
	(void)state;
	for (int i = 0; i < PK_LINK_REASON_COUNT; i++) {
		assert_true(strlen(pk_link_reason_name(i)) > 1);
		assert_true(strlen(pk_link_reason_text(i)) > 9);
	}
	assert_string_equal(pk_link_reason_name(PK_LINK_SHORT), "SHORT");
	assert_string_equal(pk_link_reason_name(PK_LINK_REASON_COUNT), "?");
	assert_string_equal(pk_link_reason_text(-1), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			makes_of_each_link_type_the_frame_of_the_table),
		cmocka_unit_test(
			puts_a_whole_pppoe_header_behind_its_ethertype),
		cmocka_unit_test(does_not_copy_ethernet),
		cmocka_unit_test(
			reads_and_writes_inside_for_every_prefix_of_every_row),
		cmocka_unit_test(refuses_a_frame_larger_than_the_buffer),
		cmocka_unit_test(
			takes_the_802_3_length_from_the_wire_not_the_snapshot),
		cmocka_unit_test(knows_what_it_supports),
		cmocka_unit_test(names_every_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
