/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What carries packets (bpf/tunnel.h), against a table and against the slow
 * twin: every header in every shape, cut at every byte, with every byte changed
 * to every value, nested to every depth. Each decode goes through parse_rig.h.
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
#include "tests/tunnel_rows.h"
#include "tools/gen/grammar.h"

enum { FLIPS = 256 };

static const uint8_t inner_src[16] = { [10] = 0xff, 0xff, 10, 0, 0, 1 };
static const uint8_t inner_dst[16] = { [10] = 0xff, 0xff, 10, 0, 0, 2 };
static const uint8_t outer_src[16] = { [10] = 0xff, 0xff, 192, 0, 2, 1 };
static const uint8_t outer_dst[16] = { [10] = 0xff, 0xff, 198, 51, 100, 2 };

/* --- building: lengths are filled in from the inside out -------------------- */

struct builder {
	uint8_t bytes[FRAME_MAX];
	uint32_t len;
};

static void add(struct builder *b, const char *hex)
{
	b->len = add_hex(b->bytes, b->len, hex);
	assert_true(b->len < FRAME_MAX);
}

/* The row's frame: what is in front, and perhaps the packet inside. */
static struct builder build(const struct tunnel_row *r)
{
	struct builder b = { .len = 0 };

	add(&b, r->front);
	if (r->inside)
		add(&b, r->inside);
	if (pk_be16(b.bytes + 12) != PK_ETH_IPV4)
		return b;
	if (!pk_be16(b.bytes + 16))
		put16(b.bytes + 16, b.len - 14);
	if (b.bytes[23] == 17 && !pk_be16(b.bytes + 38))
		put16(b.bytes + 38, b.len - 34);
	return b;
}

/* --- the table --------------------------------------------------------------- */

static enum found found(const struct pk_packet *p)
{
	static const uint8_t six[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };

	if (!p->layers)
		return NOTHING;
	if (p->layers & PK_IS_IP6)
		return memcmp(p->key.src.b, six, 16) ? NOTHING : INNER_6;
	if (!memcmp(p->key.src.b, inner_src, 16) &&
	    !memcmp(p->key.dst.b, inner_dst, 16))
		return INNER;
	if (!memcmp(p->key.src.b, outer_src, 16) &&
	    !memcmp(p->key.dst.b, outer_dst, 16))
		return OUTER;
	return NOTHING;
}

static void check_row(const struct tunnel_row *r, const struct pk_decode *d)
{
	const struct pk_packet *p = &d->packet;

	if (p->reason != r->reason || p->depth != r->depth ||
	    found(p) != r->found)
		fail_msg("%s: reason %u depth %u, found %d", r->name, p->reason,
			 p->depth, found(p));
	if (r->found > OUTER && p->reason == PK_PARSE_OK &&
	    (p->key.sport != 40000 || p->key.dport != 80 || p->key.proto != 6 ||
	     p->tcp_flags != 0x12))
		fail_msg("%s: another packet", r->name);
	if (r->depth && (memcmp(d->outer[0].src.b, outer_src, 16) != 0 ||
			 memcmp(d->outer[0].dst.b, outer_dst, 16) != 0))
		fail_msg("%s: other outer addresses", r->name);
}

/* D03, D04, D05, D06, D08, R17 */
static void every_row_ends_as_the_table_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < TUNNEL_ROWS; i++) {
		struct builder b = build(&tunnel_rows[i]);
		struct pk_decode d = decode_whole(b.bytes, b.len);

		check_row(&tunnel_rows[i], &d);
	}
}

static void outer_pairs_keep_their_ports_and_protocol(void **state)
{
	(void)state;
	for (size_t i = 0; i < TUNNEL_ROWS; i++) {
		struct builder b = build(&tunnel_rows[i]);
		struct pk_decode d = decode_whole(b.bytes, b.len);
		const struct pk_flow_key *k = &d.outer[0];

		if (!d.packet.depth)
			continue;
		if (b.bytes[23] != 51)
			assert_int_equal(k->proto, b.bytes[23]);
		if (k->proto == 17) {
			assert_int_equal(k->sport, pk_be16(b.bytes + 34));
			assert_int_equal(k->dport, pk_be16(b.bytes + 36));
		} else {
			assert_int_equal(k->sport | k->dport, 0);
		}
		assert_int_equal(d.outer_ip6, 0);
		assert_int_equal(d.packet.vlans, 0);
		assert_int_equal(d.packet.eth_type, 0x0800);
	}
}

/* --- D32: cut at every byte ---------------------------------------------------- */

/* What was decoded of addresses stays, however much follows. */
static void check_growth(const char *name, const struct pk_decode *a,
			 const struct pk_decode *b)
{
	const struct pk_packet *p = &a->packet, *q = &b->packet;
	const struct pk_flow_key *now = &q->key;

	if (q->depth < p->depth || (p->layers & PK_HAS_IP && !q->layers))
		fail_msg("%s: a longer head loses a packet", name);
	if (memcmp(a->outer, b->outer, p->depth * sizeof(a->outer[0])) != 0)
		fail_msg("%s: a longer head changes an outer pair", name);
	if (q->depth > p->depth)
		now = &b->outer[p->depth];
	if (p->layers & PK_HAS_IP && memcmp(&p->key.src, &now->src, 32) != 0)
		fail_msg("%s: a longer head changes addresses", name);
	if (p->layers & PK_HAS_PORTS &&
	    (p->key.sport != now->sport || p->key.dport != now->dport))
		fail_msg("%s: a longer head changes ports", name);
}

static void check_cuts(const char *name, const uint8_t *frame, uint32_t len)
{
	for (int snapped = 0; snapped < 2; snapped++) {
		struct pk_decode last = { 0 };

		for (uint32_t n = 0; n <= len; n++) {
			struct pk_decode d =
				decode_head(frame, n, snapped ? len : n);

			check_growth(name, &last, &d);
			if (snapped && n < len &&
			    (1ULL << d.packet.reason & PK_PARSE_BIT(SHORT_ETH)))
				fail_msg("%s: short at %u of %u", name, n, len);
			last = d;
		}
	}
}

static void truncations_are_monotone_and_read_nothing_outside(void **state)
{
	(void)state;
	for (size_t i = 0; i < TUNNEL_ROWS; i++) {
		struct builder b = build(&tunnel_rows[i]);

		check_cuts(tunnel_rows[i].name, b.bytes, b.len);
	}
}

/* A head that ends before what is inside shows itself is NONLINEAR. */
static void a_cut_head_of_a_good_row_is_told_from_a_short_frame(void **state)
{
	(void)state;
	for (size_t i = 0; i < TUNNEL_ROWS; i++) {
		const struct tunnel_row *r = &tunnel_rows[i];
		struct builder b = build(r);

		if (r->reason != PK_PARSE_OK || r->found != INNER)
			continue;
		for (uint32_t n = 0; n + 40 < b.len; n++)
			if (parse_head(b.bytes, n, b.len).reason !=
			    PK_PARSE_NONLINEAR)
				fail_msg("%s: %u of %u bytes: reason %u",
					 r->name, n, b.len,
					 parse_head(b.bytes, n, b.len).reason);
	}
}

/* --- D33: every byte, every value ------------------------------------------------ */

static void every_change_of_one_byte_agrees_with_the_slow_twin(void **state)
{
	uint64_t tried = 0;

	(void)state;
	for (size_t i = 0; i < TUNNEL_ROWS; i++) {
		struct builder b = build(&tunnel_rows[i]);

		for (uint32_t at = 12; at < b.len; at++) {
			uint8_t was = b.bytes[at];

			for (unsigned v = 0; v < FLIPS; v++, tried++) {
				b.bytes[at] = (uint8_t)v;
				decode_whole(b.bytes, b.len);
			}
			b.bytes[at] = was;
		}
	}
	print_message("# %llu frames\n", (unsigned long long)tried);
}

static void mutated_rows_agree_with_the_slow_twin(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 300000; i++) {
		struct builder b = build(&tunnel_rows[i % TUNNEL_ROWS]);

		b.len = pk_grammar_mutate(i, b.bytes, b.len);
		decode_whole(b.bytes, b.len);
	}
}

/* --- D03: labels ------------------------------------------------------------------ */

static void label_stacks_are_walked_to_eight(void **state)
{
	(void)state;
	for (unsigned labels = 1; labels <= 16; labels++) {
		struct builder b = { .len = 0 };
		struct pk_decode d;

		add(&b, MACS "8847 ");
		for (unsigned i = 1; i <= labels; i++)
			add(&b, i < labels ? "00010040" : "00010140");
		add(&b, INNER4);
		d = decode_whole(b.bytes, b.len);
		assert_int_equal(d.packet.reason, labels > 8
							  ? PK_PARSE_MPLS_DEPTH
							  : PK_PARSE_OK);
		assert_int_equal(!!d.packet.layers, labels <= 8);
		for (uint32_t n = 14; n <= 14 + 4 * labels; n++) {
			d = decode_whole(b.bytes, n);
			assert_int_equal(d.packet.reason,
					 n < 46 || labels < 9
						 ? PK_PARSE_SHORT_MPLS
						 : PK_PARSE_MPLS_DEPTH);
		}
	}
}

/* What follows the labels, by its first bytes. */
static void what_follows_labels_is_told_by_its_looks(void **state)
{
	static const struct {
		const char *name, *hex;
		uint8_t reason, layers;
	} cases[] = {
		{ "IPv4", INNER4, PK_PARSE_OK, DATA },
		{ "IPv6", IP6("0014", "06") TCP, PK_PARSE_OK,
		  DATA | PK_IS_IP6 },
		{ "control word", "00000000" E4 INNER4, PK_PARSE_OK, DATA },
		{ "control word, numbered", "0000beef" E4 INNER4, PK_PARSE_OK,
		  DATA },
		{ "control word, ARP", "00000000" MACS "0806 0001",
		  PK_PARSE_NOT_IP, 0 },
		{ "no control word", "001122334455 020000000002 0800" INNER4,
		  PK_PARSE_OK, DATA },
		{ "no control word, a tag",
		  "001122334455 020000000002 8100 0001 0800" INNER4,
		  PK_PARSE_OK, DATA },
		{ "an address that begins with 4, too short for IPv4",
		  "441122334455 020000000002 0800" INNER4, PK_PARSE_OK, DATA },
		{ "an address that begins with a",
		  "a41122334455 020000000002 0800" INNER4, PK_PARSE_OK, DATA },
		{ "associated channel", "10000007 00010203", PK_PARSE_NOT_IP,
		  0 },
		{ "anything", "a0000007 00010203", PK_PARSE_NOT_IP, 0 },
		{ "nothing", "", PK_PARSE_SHORT_MPLS, 0 },
		{ "3 bytes of a control word", "000000", PK_PARSE_SHORT_MPLS,
		  0 },
		{ "a control word alone", "00000000", PK_PARSE_SHORT_ETH, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct builder b = { .len = 0 };
		struct pk_packet p;

		add(&b, MACS "8847 000101ff");
		add(&b, cases[i].hex);
		p = parse_whole(b.bytes, b.len);
		if (p.reason != cases[i].reason || p.layers != cases[i].layers)
			fail_msg("%s: reason %u layers %u", cases[i].name,
				 p.reason, p.layers);
	}
}

/* --- D04: GRE --------------------------------------------------------------------- */

/* All 2^16 flag words: how long the header is, or why it is not read. */
static void gre_lengths_follow_the_flags(void **state)
{
	(void)state;
	for (uint32_t flags = 0; flags < 65536; flags++) {
		uint32_t words = !!(flags & 0x8000) + !!(flags & 0x2000) +
				 !!(flags & 0x1000);
		struct builder b = { .len = 0 };
		struct pk_packet p;

		if ((flags & 7) == 1)
			continue;
		add(&b, E4 IP4("0050", "0000", "2f") "00000800");
		put16(b.bytes + 34, flags);
		for (uint32_t i = 0; i < words; i++)
			add(&b, "ffffffff");
		add(&b, INNER4);
		put16(b.bytes + 16, b.len - 14);
		p = parse_whole(b.bytes, b.len);
		if (flags & 0x4007) {
			assert_int_equal(p.reason, PK_PARSE_GRE_UNSUPPORTED);
			assert_int_equal(p.depth, 0);
			continue;
		}
		assert_int_equal(p.reason, PK_PARSE_OK);
		assert_int_equal(p.ip_off, 38 + 4 * words);
		put16(b.bytes + 16, 20 + 4 + 4 * words - 1);
		p = parse_whole(b.bytes, b.len);
		assert_int_equal(p.reason, PK_PARSE_SHORT_GRE);
	}
}

/* --- D05: Geneve ------------------------------------------------------------------ */

static void geneve_options_of_every_length_are_stepped_over(void **state)
{
	(void)state;
	for (uint32_t words = 0; words < 64; words++) {
		struct builder b = { .len = 0 };
		struct pk_packet p;

		add(&b, UDP4("17c1") "00000800 00000100");
		b.bytes[42] = (uint8_t)words;
		for (uint32_t i = 0; i < words; i++)
			add(&b, "01020304");
		add(&b, INNER4);
		put16(b.bytes + 16, b.len - 14);
		put16(b.bytes + 38, b.len - 34);
		p = parse_whole(b.bytes, b.len);
		assert_int_equal(p.reason, PK_PARSE_OK);
		assert_int_equal(p.ip_off, 50 + 4 * words);
		/* One byte less than the options say, in truth and by snap. */
		put16(b.bytes + 16, 36 + 4 * words - 1);
		put16(b.bytes + 38, 16 + 4 * words - 1);
		p = parse_whole(b.bytes, b.len);
		assert_int_equal(p.reason, PK_PARSE_SHORT_GENEVE);
		assert_int_equal(p.depth, 0);
		assert_true(p.layers & PK_HAS_PAYLOAD);
	}
}

/* --- D06: GTP-U ------------------------------------------------------------------- */

static void gtp_extensions_are_walked_to_eight(void **state)
{
	(void)state;
	for (unsigned exts = 0; exts <= 20; exts++) {
		struct builder b = { .len = 0 };
		struct pk_packet p;

		add(&b, UDP4("0868") "34ff0000 00000001 00000000");
		b.bytes[53] = exts ? 0x85 : 0;
		for (unsigned i = 0; i < exts; i++)
			add(&b, i + 1 < exts ? "01aabb85" : "01aabb00");
		add(&b, INNER4);
		put16(b.bytes + 16, b.len - 14);
		put16(b.bytes + 38, b.len - 34);
		put16(b.bytes + 44, b.len - 50);
		p = parse_whole(b.bytes, b.len);
		assert_int_equal(p.reason, exts > 8 ? PK_PARSE_GTP_EXT_DEPTH
						    : PK_PARSE_OK);
		assert_int_equal(p.depth, exts <= 8);
		if (!exts)
			continue;
		b.bytes[54] = 0;
		p = parse_whole(b.bytes, b.len);
		assert_int_equal(p.reason, PK_PARSE_GTP_EXT_ZERO);
		b.bytes[54] = 255;
		p = parse_whole(b.bytes, b.len);
		assert_int_equal(p.reason, PK_PARSE_SHORT_GTP);
	}
}

/* --- D07: nesting ------------------------------------------------------------------ */

enum way { IPIP, IN_GRE, IN_VXLAN, WAYS };

/* An IP packet of @six that carries one of @inner_six in its way. */
static void add_carrier(struct builder *b, int six, int inner_six, enum way way)
{
	static const char *const protos[] = { "04", "2f", "11" };
	char text[256];
	const char *proto = way == IPIP && inner_six ? "29" : protos[way];

	if (six)
		snprintf(text, sizeof(text), "60000000 0000 %s 40 " HOSTS6,
			 proto);
	else
		snprintf(text, sizeof(text),
			 "45000000 0001 0000 40 %s 0000 c0000201 c6336402 ",
			 proto);
	add(b, text);
	if (way == IN_GRE)
		add(b, inner_six ? "000086dd" : "00000800");
	if (way == IN_VXLAN)
		add(b, "c001 12b5 0000 0000 08000000 00000500");
	if (way == IN_VXLAN)
		add(b, inner_six ? E6 : E4);
}

/* Fill in all lengths of the nest that begins at 14. */
static void fill_lengths(struct builder *b, const uint32_t *at, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint8_t *h = b->bytes + at[i];
		uint32_t header = h[0] >> 4 == 6 ? 40 : 20;

		if (header == 40)
			put16(h + 4, b->len - at[i] - 40);
		else
			put16(h + 2, b->len - at[i]);
		if (h[header == 40 ? 6 : 9] == 17)
			put16(h + header + 4, b->len - at[i] - header);
	}
}

/* @around carriers and a packet; every second one IPv6 if @mixed. */
static struct builder make_nest(unsigned around, enum way way, int mixed)
{
	struct builder b = { .len = 0 };
	uint32_t at[40];
	unsigned n = 0;

	add(&b, E4);
	for (; n < around; n++) {
		at[n] = b.len;
		add_carrier(&b, mixed && n % 2, mixed && (n + 1) % 2, way);
	}
	at[n++] = b.len;
	add(&b, mixed && around % 2 ? IP6("0014", "06") TCP : INNER4);
	fill_lengths(&b, at, n);
	return b;
}

static void nests_are_decoded_four_deep_and_then_named(void **state)
{
	(void)state;
	for (enum way way = IPIP; way < WAYS; way++) {
		for (unsigned around = 0; around <= 32; around++) {
			struct builder b = make_nest(around, way, 0);
			struct builder m = make_nest(around, way, 1);
			struct pk_decode d = decode_whole(b.bytes, b.len);
			struct pk_decode e = decode_whole(m.bytes, m.len);

			assert_int_equal(d.packet.reason,
					 around > 4 ? PK_PARSE_TUNNEL_DEPTH
						    : PK_PARSE_OK);
			assert_int_equal(e.packet.reason, d.packet.reason);
			assert_int_equal(d.packet.depth,
					 around > 4 ? 4 : around);
			assert_int_equal(e.packet.depth, d.packet.depth);
			assert_int_equal(e.outer_ip6,
					 0x0a & ((1 << e.packet.depth) - 1));
			assert_int_equal(!!(e.packet.layers & PK_IS_IP6),
					 e.packet.depth % 2);
		}
	}
}

/* The last pair that decoded is the packet, with its own ports. */
static void beyond_the_depth_the_last_pair_is_the_packet(void **state)
{
	struct builder b = make_nest(9, IN_VXLAN, 0);
	struct pk_decode d = decode_whole(b.bytes, b.len);

	(void)state;
	assert_int_equal(d.packet.key.proto, 17);
	assert_int_equal(d.packet.key.dport, 4789);
	for (int i = 0; i < 4; i++)
		assert_int_equal(d.outer[i].dport, 4789);
	assert_true(d.packet.layers & PK_HAS_PAYLOAD);
}

/* --- the bound on work --------------------------------------------------------------- */

static unsigned steps_of(const uint8_t *frame, uint32_t len)
{
	struct pk_decode d;
	unsigned steps = 0;

	pk_parse_begin(&d, len);
	for (; d.next != PK_NEXT_NONE; steps++)
		pk_parse_step(frame, frame + len, &d);
	pk_parse_end(&d, len, len);
	return steps;
}

/* Tags, labels, SNAP, frames in frames: @n headers of one kind in a row. */
static unsigned steps_of_row(const char *head, const char *link, unsigned n)
{
	struct builder b = { .len = 0 };

	add(&b, head);
	while (n-- && b.len < PK_VISIBLE_BYTES)
		add(&b, link);
	add(&b, INNER4);
	return steps_of(b.bytes, b.len);
}

static void work_is_bounded_whatever_the_frame_says(void **state)
{
	static const struct {
		const char *head, *link;
	} kinds[] = {
		{ MACS, "8100 0001 " },
		{ MACS "8847 ", "00000000 " },
		{ MACS "88e7 ", "00000001 " MACS "88e7 " },
		{ MACS "8903 ", "0000 " MACS "8903 " },
		{ MACS "894f ", "0002 0004 00000100 " },
		{ MACS "0100 ", "aaaa03 000000 0100 " },
		{ MACS "8864 ", "11000001 0800 0281 00000140 " },
	};

	(void)state;
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		for (unsigned n = 1; n <= 64; n++) {
			unsigned one =
				steps_of_row(kinds[k].head, kinds[k].link, n);
			unsigned two = steps_of_row(kinds[k].head,
						    kinds[k].link, 2 * n);

			assert_true(two <= PK_STEPS);
			assert_true(10 * two <= 22 * one);
		}
	}
	for (enum way way = IPIP; way < WAYS; way++) {
		for (unsigned n = 1; n <= 16; n++) {
			struct builder a = make_nest(n, way, 1);
			struct builder b = make_nest(2 * n, way, 1);
			unsigned two = steps_of(b.bytes, b.len);

			assert_true(two <= PK_STEPS);
			assert_true(10 * two <= 22 * steps_of(a.bytes, a.len));
		}
	}
}

static void sixteen_steps_are_taken_and_the_seventeenth_is_named(void **state)
{
	(void)state;
	for (unsigned frames = 1; frames < 32; frames++) {
		struct builder b = { .len = 0 };
		struct pk_decode d;

		/* Each frame is a step, and so is the header behind it. */
		add(&b, MACS "88e7 ");
		for (unsigned i = 1; i < frames; i++)
			add(&b, "00000001 " MACS "88e7 ");
		add(&b, "00000001 " E4 INNER4);
		d = decode_whole(b.bytes, b.len);
		assert_int_equal(d.packet.reason,
				 frames < 8 ? PK_PARSE_OK
					    : PK_PARSE_TUNNEL_DEPTH);
		assert_int_equal(d.steps, frames < 8 ? 2 * frames : 16);
	}
}

/* --- fragments --------------------------------------------------------------------- */

/* The packet in a first fragment, however little of it is there. */
static void first_fragments_are_decoded_as_far_as_they_go(void **state)
{
	struct builder b = { .len = 0 };

	(void)state;
	add(&b, E4 IP4("0000", "2000", "2f") "00000800" INNER4);
	for (uint32_t n = 14 + 20 + 4 + 20; n <= b.len; n++) {
		struct pk_decode d;

		put16(b.bytes + 16, n - 14);
		d = decode_whole(b.bytes, n);
		assert_int_equal(d.packet.depth, 1);
		assert_memory_equal(d.packet.key.src.b, inner_src, 16);
		assert_true(d.packet.layers & PK_IS_FRAGMENT);
		assert_int_equal(d.packet.reason,
				 n < b.len ? PK_PARSE_SHORT_L4 : PK_PARSE_OK);
	}
	put16(b.bytes + 20, 1);
	assert_int_equal(parse_whole(b.bytes, b.len).reason, PK_PARSE_FRAGMENT);
	assert_int_equal(parse_whole(b.bytes, b.len).depth, 0);
}

/* A fragment inside a whole packet, found by who walks the steps. */
static void the_fragment_in_a_tunnel_can_be_stopped_at(void **state)
{
	struct builder b = { .len = 0 };
	struct pk_decode d;

	(void)state;
	add(&b, E4 IP4("0040", "2000", "2f") "00000800" INNER4);
	pk_parse_begin(&d, b.len);
	while (d.next != PK_NEXT_NONE && !(d.packet.layers & PK_IS_FRAGMENT))
		pk_parse_step(b.bytes, b.bytes + b.len, &d);
	assert_int_equal(d.packet.ip_off, 14);
	assert_int_equal(d.packet.depth, 0);
	assert_memory_equal(d.packet.key.src.b, outer_src, 16);
}

/* --- ports -------------------------------------------------------------------------- */

/* Which destination ports are looked into, from whatever port. */
static void only_known_ports_are_tunnels(void **state)
{
	struct builder b = { .len = 0 };

	(void)state;
	add(&b, UDP4("12b5") "08000000 00000500" E4 INNER4);
	put16(b.bytes + 16, b.len - 14);
	put16(b.bytes + 38, b.len - 34);
	for (uint32_t port = 0; port < 65536; port++) {
		struct pk_decode d;
		bool known = port == 4789 || port == 8472;

		put16(b.bytes + 34, 40000);
		put16(b.bytes + 36, port);
		d = decode_whole(b.bytes, b.len);
		/* To GPE a frame follows; to MPLS two labels and a frame. */
		known |= port == 4790 || port == 6635;
		assert_int_equal(d.packet.depth, known);
		put16(b.bytes + 34, port);
		put16(b.bytes + 36, 4789);
		d = decode_whole(b.bytes, b.len);
		assert_int_equal(d.packet.depth, 1);
	}
}

/* --- random frames -------------------------------------------------------------------- */

/* Frame by frame what the frame says, and every depth is met. */
static void deep_random_frames_agree_when_cut_anywhere(void **state)
{
	uint8_t frame[PK_GRAMMAR_FRAME_MAX];
	unsigned met[PK_OUTERS + 1] = { 0 };

	(void)state;
	for (uint64_t i = 0; i < 40000; i++) {
		uint32_t len = pk_grammar_frame(77, i, frame);
		struct pk_decode d = decode_whole(frame, len);

		met[d.packet.depth]++;
		if (d.packet.depth > 1 && len < 500)
			check_cuts("random", frame, len);
	}
	for (int i = 0; i <= PK_OUTERS; i++)
		assert_true(met[i] > 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_ends_as_the_table_says),
		cmocka_unit_test(outer_pairs_keep_their_ports_and_protocol),
		cmocka_unit_test(
			truncations_are_monotone_and_read_nothing_outside),
		cmocka_unit_test(
			a_cut_head_of_a_good_row_is_told_from_a_short_frame),
		cmocka_unit_test(
			every_change_of_one_byte_agrees_with_the_slow_twin),
		cmocka_unit_test(mutated_rows_agree_with_the_slow_twin),
		cmocka_unit_test(label_stacks_are_walked_to_eight),
		cmocka_unit_test(what_follows_labels_is_told_by_its_looks),
		cmocka_unit_test(gre_lengths_follow_the_flags),
		cmocka_unit_test(
			geneve_options_of_every_length_are_stepped_over),
		cmocka_unit_test(gtp_extensions_are_walked_to_eight),
		cmocka_unit_test(nests_are_decoded_four_deep_and_then_named),
		cmocka_unit_test(beyond_the_depth_the_last_pair_is_the_packet),
		cmocka_unit_test(work_is_bounded_whatever_the_frame_says),
		cmocka_unit_test(
			sixteen_steps_are_taken_and_the_seventeenth_is_named),
		cmocka_unit_test(first_fragments_are_decoded_as_far_as_they_go),
		cmocka_unit_test(the_fragment_in_a_tunnel_can_be_stopped_at),
		cmocka_unit_test(only_known_ports_are_tunnels),
		cmocka_unit_test(deep_random_frames_agree_when_cut_anywhere),
	};

	return cmocka_run_group_tests(tests, map_edge, NULL);
}
