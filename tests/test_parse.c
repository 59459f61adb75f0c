/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The decoder, from Ethernet to layer 4, against a table (parse_rows.h) and a
 * slow twin (parse_twin.h) through parse_rig.h. test_tunnel.c has what carries
 * packets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/parse.h"
#include "tests/parse_rig.h"
#include "tools/gen/grammar.h"

enum { SEED = 20 };

/* --- the table -------------------------------------------------------------- */

static void every_row_ends_as_the_table_says(void **state)
{
	uint8_t frame[FRAME_MAX];

	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		const struct row *r = &rows[i];
		uint32_t len = add_hex(frame, 0, r->hex);
		struct pk_packet p = parse_whole(frame, len);
		uint8_t six =
			r->layers && p.eth_type == PK_ETH_IPV6 ? PK_IS_IP6 : 0;

		if (p.reason != r->reason || p.layers != (r->layers | six) ||
		    p.l4_off != r->l4_off || p.payload_off != r->payload_off ||
		    p.payload_len != r->payload_len)
			fail_msg("%s: reason %u layers %u l4 %u payload %u+%u",
				 r->name, p.reason, p.layers, p.l4_off,
				 p.payload_off, p.payload_len);
	}
}

static void the_fields_of_an_ip4_packet_are_read(void **state)
{
	static const uint8_t src[16] = { [10] = 0xff, 0xff, 192, 0, 2, 1 };
	static const uint8_t dst[16] = { [10] = 0xff, 0xff, 198, 51, 100, 2 };
	uint8_t frame[FRAME_MAX];
	uint32_t len = add_hex(frame, 0, E4 IP4("002b", "4000", "06") TCP);
	struct pk_packet p;

	(void)state;
	frame[15] = 0xb8;
	len = add_hex(frame, len, "616263");
	p = parse_whole(frame, len);
	assert_memory_equal(p.key.src.b, src, 16);
	assert_memory_equal(p.key.dst.b, dst, 16);
	assert_int_equal(p.key.sport, 40000);
	assert_int_equal(p.key.dport, 80);
	assert_int_equal(p.key.proto, 6);
	assert_int_equal(p.key.direction, 0);
	assert_int_equal(p.key.port, 0);
	assert_int_equal(p.bytes, 43);
	assert_int_equal(p.eth_type, 0x0800);
	assert_int_equal(p.ip_off, 14);
	assert_int_equal(p.tos, 0xb8);
	assert_int_equal(p.ttl, 64);
	assert_int_equal(p.tcp_flags, 0x12);
	assert_int_equal(p.vlan, 0);
	assert_int_equal(p.vlans, 0);
}

static void the_fields_of_an_ip6_packet_are_read(void **state)
{
	static const uint8_t src[16] = { 0x20, 1, 0x0d, 0xb8, [15] = 1 };
	static const uint8_t dst[16] = { 0x20, 1, 0x0d, 0xb8, [15] = 2 };
	uint8_t frame[FRAME_MAX];
	uint32_t len = add_hex(frame, 0, E6 IP6("0009", "11") UDP("0009") "61");
	struct pk_packet p = parse_whole(frame, len);

	(void)state;
	assert_memory_equal(p.key.src.b, src, 16);
	assert_memory_equal(p.key.dst.b, dst, 16);
	assert_int_equal(p.key.sport, 40000);
	assert_int_equal(p.key.dport, 53);
	assert_int_equal(p.key.proto, 17);
	assert_int_equal(p.bytes, 49);
	assert_int_equal(p.eth_type, 0x86dd);
	assert_int_equal(p.tos, 0xa5);
	assert_int_equal(p.ttl, 63);
	assert_int_equal(p.tcp_flags, 0);
}

/* Decoded parts never shrink, and never change once they are there. */
static void check_growth(const struct row *r, const struct pk_packet *a,
			 const struct pk_packet *b)
{
	if (a->layers & ~b->layers || a->vlans > b->vlans ||
	    a->ip_off > b->ip_off)
		fail_msg("%s: a longer head loses a layer", r->name);
	if (a->layers & PK_HAS_IP &&
	    (memcmp(&a->key.src, &b->key.src, 32) != 0 || a->tos != b->tos ||
	     a->ttl != b->ttl))
		fail_msg("%s: a longer head changes IP", r->name);
	if (a->layers & PK_HAS_PORTS &&
	    (memcmp(&a->key, &b->key, sizeof(a->key)) != 0 ||
	     a->l4_off != b->l4_off || a->icmp_code != b->icmp_code))
		fail_msg("%s: a longer head changes ports", r->name);
	if (a->layers & PK_HAS_PAYLOAD &&
	    (a->payload_off != b->payload_off || a->tcp_flags != b->tcp_flags))
		fail_msg("%s: a longer head changes the payload", r->name);
}

static void check_truncations(const struct row *r, int snapped)
{
	uint8_t frame[FRAME_MAX];
	uint32_t len = add_hex(frame, 0, r->hex);
	struct pk_packet last = { 0 };

	for (uint32_t n = 0; n <= len; n++) {
		struct pk_packet p = parse_head(frame, n, snapped ? len : n);

		check_growth(r, &last, &p);
		if (n < 14) /* cut here, or cut before it got here */
			assert_int_equal(p.reason,
					 snapped ? PK_PARSE_NONLINEAR
						 : PK_PARSE_SHORT_ETH);
		last = p;
	}
}

static void truncations_are_monotone_and_read_nothing_outside(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		check_truncations(&rows[i], 0);
		check_truncations(&rows[i], 1);
	}
}

/* Only a head can end inside the options without an IP length that lies. */
static void a_head_that_ends_inside_ip_options_is_cut(void **state)
{
	uint8_t frame[FRAME_MAX];
	uint32_t len =
		add_hex(frame, 0, E4 IP4_OPT("4f", "0050", "06") OPTIONS TCP);
	struct pk_packet p = parse_head(frame, 73, len);

	(void)state;
	assert_int_equal(p.reason, PK_PARSE_NONLINEAR);
	assert_int_equal(p.layers, PK_HAS_IP);
	p = parse_head(frame, 74, len);
	assert_int_equal(p.reason, PK_PARSE_NONLINEAR);
	p = parse_head(frame, 73, 73);
	assert_int_equal(p.layers, PK_HAS_IP);
	assert_int_equal(p.reason, PK_PARSE_IP_TRUNCATED);
}

/* The outer packet says where it ends; a trailer follows. */
static void a_payload_ends_with_all_that_is_around_it(void **state)
{
	uint8_t frame[FRAME_MAX];
	uint32_t len =
		add_hex(frame, 0,
			E4 IP4("0033", "0000", "04") IP4("0040", "0000", "11")
				UDP("0020") "61626364");
	struct pk_packet p = parse_whole(frame, len);

	(void)state;
	assert_int_equal(p.reason, PK_PARSE_IP_TRUNCATED);
	assert_int_equal(p.payload_off, 62);
	assert_int_equal(p.payload_len, 3);
	frame[14 + 6] = 0x20; /* in a first fragment, as well */
	p = parse_whole(frame, len);
	assert_int_equal(p.reason, PK_PARSE_OK);
	assert_int_equal(p.payload_len, 3);
}

/* Whatever was wrong before: the kernel must know that more can be had. */
static void a_head_that_ends_behind_a_defect_is_cut(void **state)
{
	static const char *const hex[] = {
		E4 IP4_OPT("46", "002c",
			   "06") "07000000" TCP,  /* a bad option */
		E4 IP4("0060", "0000", "06") TCP, /* longer than the frame */
	};
	uint8_t frame[FRAME_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(hex) / sizeof(hex[0]); i++) {
		uint32_t len = add_hex(frame, 0, hex[i]);
		uint8_t whole = parse_whole(frame, len).reason;

		assert_true(whole != PK_PARSE_OK);
		for (uint32_t n = 14; n < len; n++)
			assert_int_equal(parse_head(frame, n, len).reason,
					 PK_PARSE_NONLINEAR);
	}
}

/* The kernel leaves the length of a segment above 64 KiB at 0. */
static void a_segment_beyond_64_kib_has_the_length_of_its_frame(void **state)
{
	uint8_t frame[FRAME_MAX];
	uint32_t len = add_hex(frame, 0, E4 IP4("0000", "0000", "06") TCP);
	struct pk_packet p = parse_head(frame, len, 14 + 70000);

	(void)state;
	assert_int_equal(p.reason, PK_PARSE_OK);
	assert_int_equal(p.bytes, 70000);
	assert_int_equal(p.payload_len, 65535);
	p = parse_head(frame, len, len);
	assert_int_equal(p.reason, PK_PARSE_IP_LENGTH);
	len = add_hex(frame, 0, E6 IP6("0000", "06") TCP);
	p = parse_head(frame, len, 14 + 40 + 65536);
	assert_int_equal(p.reason, PK_PARSE_OK);
	assert_int_equal(p.bytes, 40 + 65536);
	p = parse_head(frame, len, 14 + 40 + 65535);
	assert_int_equal(p.bytes, 40);
}

/* --- tags ------------------------------------------------------------------- */

static uint32_t add_tags(uint8_t *frame, uint32_t len, const uint16_t *tpid,
			 unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		put16(frame + len, tpid[i]);
		put16(frame + len + 2, 0xf000 | (100 + i));
		len += 4;
	}
	return len;
}

static void check_tags(const uint16_t *tpid, unsigned depth)
{
	uint8_t frame[FRAME_MAX];
	uint32_t len = add_hex(frame, 0, MACS);
	struct pk_packet p;

	len = add_tags(frame, len, tpid, depth);
	len = add_hex(frame, len, "0800 " IP4("0028", "0000", "06") TCP);
	p = parse_whole(frame, len);
	assert_int_equal(p.vlan, depth ? 100 : 0);
	if (depth > 4) {
		assert_int_equal(p.reason, PK_PARSE_VLAN_DEPTH);
		assert_int_equal(p.vlans, 4);
		assert_int_equal(p.eth_type, tpid[4]);
		return;
	}
	assert_int_equal(p.reason, PK_PARSE_OK);
	assert_int_equal(p.vlans, depth);
	assert_int_equal(p.ip_off, 14 + 4 * depth);
	for (uint32_t n = 14; n < 14 + 4 * depth; n++) {
		p = parse_whole(frame, n);
		assert_int_equal(p.reason, PK_PARSE_SHORT_VLAN);
		assert_int_equal(p.vlans, (n - 14) / 4);
	}
}

static const uint16_t tpids[] = { 0x8100, 0x88a8, 0x9100, 0x9200, 0x9300 };

/* D01, D02 */
static void tags_of_every_kind_and_depth_are_walked_to_four(void **state)
{
	uint16_t chain[8];

	(void)state;
	for (unsigned mix = 0; mix < 3125; mix++) {
		for (unsigned i = 0, rest = mix; i < 8; i++, rest /= 5)
			chain[i] = tpids[rest % 5];
		for (unsigned depth = 0; depth <= 8; depth++)
			check_tags(chain, depth);
	}
}

/* These carry something; test_tunnel.c has what. */
static bool carries(uint32_t type)
{
	static const uint16_t types[] = { 0x0800, 0x86dd, 0x8847, 0x8848,
					  0x8864, 0x88e7, 0x8903, 0x894f };

	for (int i = 0; i < 8; i++)
		if (type == types[i])
			return true;
	return false;
}

static void other_types_are_neither_tags_nor_packets(void **state)
{
	uint8_t frame[FRAME_MAX];
	uint32_t len = add_hex(frame, 0, MACS "0000 0064 0800");

	(void)state;
	for (uint32_t type = 0; type < 65536; type++) {
		struct pk_packet p;
		bool tag = false;

		for (int i = 0; i < 5; i++)
			tag |= type == tpids[i];
		put16(frame + 12, type);
		p = parse_whole(frame, len);
		assert_int_equal(p.vlan, tag ? 0x64 : 0);
		assert_int_equal(p.vlans, tag);
		if (!tag && !carries(type))
			assert_int_equal(p.reason, type < 1536
							   ? PK_PARSE_LLC
							   : PK_PARSE_NOT_IP);
	}
}

/* --- IPv6 extension headers -------------------------------------------------- */

static const uint8_t extensions[] = { 0, 43, 44, 51, 60, 135, 139, 140 };

/* A chain of @count headers of one kind, 8 bytes each; AH of length 0 too. */
static uint32_t make_chain(uint8_t *frame, uint8_t kind, unsigned count)
{
	uint32_t len = add_hex(frame, 0, E6 IP6("0000", "11")), named = 20;

	for (unsigned i = 0; i < count; i++) {
		frame[named] = kind;
		named = len;
		len = add_hex(frame, len, "11 00 0000 00000000");
	}
	len = add_hex(frame, len, UDP("0008"));
	put16(frame + 18, len - 54);
	return len;
}

static void check_chain(uint8_t kind, unsigned count)
{
	uint8_t frame[FRAME_MAX];
	uint32_t len = make_chain(frame, kind, count);
	struct pk_packet p = parse_whole(frame, len);

	if (count > 8) {
		assert_int_equal(p.reason, PK_PARSE_EXT_DEPTH);
		assert_int_equal(p.key.proto, kind);
		assert_int_equal(p.l4_off, 0);
		return;
	}
	assert_int_equal(p.reason, PK_PARSE_OK);
	assert_int_equal(p.key.proto, 17);
	assert_int_equal(p.l4_off, 54 + 8 * count);
}

/* The packet says that it ends at @n, with and without bytes behind it. */
static void check_short_chain(uint8_t kind, unsigned count, uint32_t n)
{
	uint8_t frame[FRAME_MAX];
	uint32_t len = make_chain(frame, kind, count);
	struct pk_packet p;

	put16(frame + 18, n - 54);
	p = parse_whole(frame, n);
	assert_int_equal(p.reason, PK_PARSE_SHORT_EXT);
	p = parse_whole(frame, len);
	/* Length 0 and hop-by-hop: a jumbogram, which ends with the frame. */
	assert_int_equal(p.reason, n == 54 && kind == 0 ? PK_PARSE_OK
							: PK_PARSE_SHORT_EXT);
}

static void chains_of_every_kind_are_walked_to_eight(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof(extensions); k++) {
		for (unsigned count = 0; count <= 10; count++)
			check_chain(extensions[k], count);
		for (unsigned count = 1; count <= 8; count++)
			for (uint32_t n = 54; n < 54 + 8 * count; n++)
				check_short_chain(extensions[k], count, n);
	}
}

/* Lengths as RFC 8200 4 and RFC 4302 2.2 count them, for all 256 values. */
static void extension_lengths_have_their_own_units(void **state)
{
	uint8_t frame[FRAME_MAX] = { 0 };

	(void)state;
	for (size_t k = 0; k < sizeof(extensions); k++) {
		for (uint32_t units = 0; units < 256; units++) {
			uint32_t bytes = 8 + 8 * units, l4;
			struct pk_packet p;

			if (extensions[k] == 44)
				bytes = 8;
			else if (extensions[k] == 51)
				bytes = 8 + 4 * units;
			make_chain(frame, extensions[k], 1);
			frame[55] = (uint8_t)units;
			memset(frame + 62, 0, bytes - 8);
			l4 = add_hex(frame, 54 + bytes, UDP("0008"));
			put16(frame + 18, l4 - 54);
			p = parse_whole(frame, l4);
			assert_int_equal(p.l4_off, l4 > 2056 ? 0 : 54 + bytes);
		}
	}
}

/* --- the visible bytes ------------------------------------------------------- */

/* UDP behind destination options of 8 * @units bytes and @tags tags. */
static uint32_t make_deep(uint8_t *frame, unsigned tags, unsigned units)
{
	static const uint16_t tpid[4] = { 0x8100, 0x8100, 0x8100, 0x8100 };
	uint32_t len = add_tags(frame, add_hex(frame, 0, MACS), tpid, tags);

	len = add_hex(frame, len, "86dd " IP6("0000", "3c") "11");
	frame[len] = (uint8_t)(units - 1);
	memset(frame + len + 1, 0, 8 * units - 2);
	len += 8 * units - 1;
	put16(frame + 18 + 4 * tags, 8 * units + 32);
	len = add_hex(frame, len, UDP("0020"));
	memset(frame + len, 0x5a, 24);
	return len + 24;
}

static void headers_are_looked_for_in_the_visible_bytes_only(void **state)
{
	static const struct {
		unsigned tags, units;
		uint8_t reason, layers;
	} cases[] = {
		/* UDP at 2038..2046, 2042..2050, 2046..2054; 2048 is the end */
		{ 0, 248, PK_PARSE_OK, DATA },
		{ 1, 248, PK_PARSE_SHORT_L4, PORTS },
		{ 2, 248, PK_PARSE_SHORT_L4, IP },
		/* options that end at 2046 and at 2050 */
		{ 0, 249, PK_PARSE_SHORT_L4, IP },
		{ 1, 249, PK_PARSE_SHORT_EXT, IP },
	};
	uint8_t frame[FRAME_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t len = make_deep(frame, cases[i].tags, cases[i].units);
		struct pk_packet p = parse_whole(frame, len), q;

		assert_int_equal(p.reason, cases[i].reason);
		assert_int_equal(p.layers, cases[i].layers | PK_IS_IP6);
		assert_true(len > PK_VISIBLE_BYTES);
		for (uint32_t n = PK_VISIBLE_BYTES; n < len; n++)
			frame[n] ^= 0xff;
		q = parse_whole(frame, len);
		assert_memory_equal(&p, &q, sizeof(p));
		q = parse_head(frame, PK_VISIBLE_BYTES, len);
		assert_memory_equal(&p, &q, sizeof(p));
	}
}

/* --- layer 4 ------------------------------------------------------------------ */

static uint16_t parse_icmp(const char *head, uint8_t type, uint8_t code)
{
	uint8_t frame[FRAME_MAX];
	uint32_t len = add_hex(frame, 0, head);
	struct pk_packet p;

	frame[len - 4] = type;
	frame[len - 3] = code;
	p = parse_whole(frame, len);
	assert_int_equal(p.reason, PK_PARSE_OK);
	assert_int_equal(p.icmp_code, code);
	assert_int_equal(p.key.sport, type);
	return p.key.dport;
}

/* Community ID v1: the pairs; a type without a partner keeps its code. */
static void check_icmp(const char *head, const uint8_t (*pairs)[2], size_t n)
{
	for (unsigned type = 0; type < 256; type++) {
		int peer = -1;

		for (size_t i = 0; i < n; i++)
			for (int side = 0; side < 2; side++)
				if (pairs[i][side] == type)
					peer = pairs[i][!side];
		for (unsigned code = 0; code < 256; code += 5)
			assert_int_equal(
				parse_icmp(head, (uint8_t)type, (uint8_t)code),
				peer < 0 ? (int)code : peer);
	}
}

static void icmp_types_are_paired_as_community_id_does(void **state)
{
	static const uint8_t four[][2] = {
		{ 8, 0 }, { 13, 14 }, { 15, 16 }, { 17, 18 }, { 10, 9 }
	};
	static const uint8_t six[][2] = { { 128, 129 }, { 133, 134 },
					  { 135, 136 }, { 130, 131 },
					  { 139, 140 }, { 144, 145 } };

	(void)state;
	check_icmp(E4 IP4("0018", "0000", "01") WORD, four, 5);
	check_icmp(E6 IP6("0004", "3a") WORD, six, 6);
	/* The other family's protocol number is an odd ICMP, not none. */
	check_icmp(E6 IP6("0004", "01") WORD, four, 5);
	check_icmp(E4 IP4("0018", "0000", "3a") WORD, six, 6);
}

/* TCP's bytes under every protocol; 0 if the protocol carries a packet. */
static int reason_of(unsigned proto)
{
	switch (proto) {
	case 1:
	case 6:
	case 58:
	case 132:
		return PK_PARSE_OK;
	case 17: /* its length field is TCP's sequence */
		return PK_PARSE_UDP_LENGTH;
	case 51: /* as long as TCP's second byte says */
		return PK_PARSE_SHORT_EXT;
	case 59:
		return PK_PARSE_NO_NEXT;
	case 4:
	case 41:
	case 47:
	case 97:
	case 137:
	case 143:
		return -1;
	default:
		return PK_PARSE_L4_OTHER;
	}
}

static void protocols_without_ports_are_named(void **state)
{
	uint8_t frame[FRAME_MAX];
	uint32_t len =
		add_hex(frame, 0, E4 IP4("0028", "0000", "06") TCP_AS("50"));

	(void)state;
	for (unsigned proto = 0; proto < 256; proto++) {
		struct pk_packet p;

		frame[23] = (uint8_t)proto;
		p = parse_whole(frame, len);
		assert_true(p.layers & PK_HAS_IP);
		if (reason_of(proto) >= 0)
			assert_int_equal(p.reason, reason_of(proto));
	}
}

/* --- random frames -------------------------------------------------------------- */

static void random_frames_agree_with_the_slow_twin(void **state)
{
	uint32_t met[PK_PARSE_COUNT] = { 0 };
	uint8_t frame[PK_GRAMMAR_FRAME_MAX];

	(void)state;
	for (uint64_t i = 0; i < 300000; i++) {
		uint32_t len = pk_grammar_frame(SEED, i, frame);
		uint32_t head = i % 7 ? len : len * (uint32_t)(i % 11) / 11;

		met[parse_head(frame, head, len).reason]++;
	}
	for (int r = 0; r < PK_PARSE_COUNT; r++)
		assert_true(met[r] >= 300);
}

/* Where the first IP packet ends, and with it all that is in it. */
static uint32_t end_of_outermost(const uint8_t *frame, uint32_t len)
{
	struct pk_decode d;

	pk_parse_begin(&d, len);
	while (d.next != PK_NEXT_NONE && !(d.packet.layers & PK_HAS_IP))
		pk_parse_step(frame, frame + len, &d);
	return d.packet.ip_off + d.packet.bytes;
}

static void clean_frames_are_parsed_and_trailers_never_read(void **state)
{
	uint8_t frame[FRAME_MAX];

	(void)state;
	for (uint64_t i = 0; i < 30000; i++) {
		uint32_t len = pk_grammar_clean(SEED, i, frame), end;
		struct pk_packet p = parse_whole(frame, len), q;

		if (p.reason != PK_PARSE_OK && p.reason != PK_PARSE_FRAGMENT &&
		    p.reason != PK_PARSE_L4_OTHER &&
		    p.reason != PK_PARSE_NO_NEXT)
			fail_msg("clean frame %u: reason %u", (unsigned)i,
				 p.reason);
		end = end_of_outermost(frame, len);
		assert_true(end <= len);
		for (uint32_t n = end; n < end + 60; n++)
			frame[n] = (uint8_t)(n * 37 + i);
		q = parse_whole(frame, end + (uint32_t)(i % 61));
		assert_memory_equal(&p, &q, sizeof(p));
	}
}

static void mutated_rows_agree_with_the_slow_twin(void **state)
{
	uint8_t frame[FRAME_MAX];

	(void)state;
	for (uint64_t i = 0; i < 200000; i++) {
		uint32_t len = add_hex(frame, 0, rows[i % ROWS].hex);

		parse_whole(frame, pk_grammar_mutate(i, frame, len));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_ends_as_the_table_says),
		cmocka_unit_test(the_fields_of_an_ip4_packet_are_read),
		cmocka_unit_test(the_fields_of_an_ip6_packet_are_read),
		cmocka_unit_test(
			truncations_are_monotone_and_read_nothing_outside),
		cmocka_unit_test(a_head_that_ends_inside_ip_options_is_cut),
		cmocka_unit_test(a_payload_ends_with_all_that_is_around_it),
		cmocka_unit_test(a_head_that_ends_behind_a_defect_is_cut),
		cmocka_unit_test(
			a_segment_beyond_64_kib_has_the_length_of_its_frame),
		cmocka_unit_test(
			tags_of_every_kind_and_depth_are_walked_to_four),
		cmocka_unit_test(other_types_are_neither_tags_nor_packets),
		cmocka_unit_test(chains_of_every_kind_are_walked_to_eight),
		cmocka_unit_test(extension_lengths_have_their_own_units),
		cmocka_unit_test(
			headers_are_looked_for_in_the_visible_bytes_only),
		cmocka_unit_test(icmp_types_are_paired_as_community_id_does),
		cmocka_unit_test(protocols_without_ports_are_named),
		cmocka_unit_test(random_frames_agree_with_the_slow_twin),
		cmocka_unit_test(
			clean_frames_are_parsed_and_trailers_never_read),
		cmocka_unit_test(mutated_rows_agree_with_the_slow_twin),
	};

	return cmocka_run_group_tests(tests, map_edge, NULL);
}
