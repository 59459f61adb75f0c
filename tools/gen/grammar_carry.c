/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/gen/grammar_inside.h"

enum {
	ETHERTYPE_IP4 = 0x0800,
	ETHERTYPE_IP6 = 0x86dd,
	ETHERTYPE_BRIDGED = 0x6558,
	ETHERTYPE_PPP = 0x880b,
	ETHERTYPE_MPLS = 0x8847,
	ETHERTYPE_PPPOE = 0x8864,
	ETHERTYPE_PBB = 0x88e7,
	ETHERTYPE_FABRICPATH = 0x8903,
	ETHERTYPE_NSH = 0x894f,
	ETHERTYPE_FIRST = 1536, /* below: an 802.3 length */
	SHIMS_MAX = 3,		/* in a row */
};

/* What may follow a number that names it. */
enum inner { INNER_IP4, INNER_IP6, INNER_FRAME, INNER_MPLS, INNER_NSH };

enum carrier {
	CARRIER_NONE,
	CARRIER_IP4,
	CARRIER_IP6,
	CARRIER_GRE,
	CARRIER_ETHERIP,
	CARRIER_MPLS,
	CARRIER_ETHERNET,
	CARRIER_VXLAN,
	CARRIER_GPE,
	CARRIER_GENEVE,
	CARRIER_GTP,
	CARRIER_TEREDO,
	CARRIER_MPLS_UDP,
	CARRIERS
};

static void put_type(struct writer *w, uint32_t shims);

/* --- between link and IP -------------------------------------------------- */

static void put_any_ip(struct writer *w)
{
	pk_grammar_put_ip(w, chance(w, 50));
}

static void put_inner_frame(struct writer *w, uint32_t shims)
{
	mark_header(w);
	put_random(w, 12);
	put_type(w, shims);
}

static void put_tags(struct writer *w)
{
	static const uint16_t tpids[] = { 0x8100, 0x88a8, 0x9100, 0x9200,
					  0x9300 };
	bool first = w->len <= 12;
	uint32_t most = first ? 4 : 1;
	uint32_t count = chance(w, first ? 35 : 8) ? 1 + pick(w, most) : 0;

	if (spoils(w, first ? 4 : 1))
		count = 5 + pick(w, 2);
	/* All tags of a frame count together. */
	if (!first && w->clean)
		count = 0;
	while (count--) {
		put16(w, tpids[pick(w, 5)]);
		put_random(w, 2);
	}
}

/* IP, a frame behind a control word, or one that must be told by its looks. */
static void put_labelled(struct writer *w, uint32_t shims)
{
	uint32_t roll = pick(w, 100);

	mark_header(w);
	if (roll < 55) {
		put_any_ip(w);
	} else if (roll < 85) {
		put16(w, 0);
		put_random(w, 2);
		put_inner_frame(w, shims);
	} else if (w->clean) {
		put_any_ip(w);
	} else if (roll < 98) {
		put_inner_frame(w, shims);
	} else {
		put_random(w, pick(w, 40));
	}
}

static void put_mpls(struct writer *w, uint32_t shims)
{
	uint32_t labels = 1 + (chance(w, 40) ? pick(w, 8) : 0);

	if (spoils(w, 12))
		labels = 9 + pick(w, 3);
	mark_header(w);
	for (uint32_t i = 1; i <= labels; i++) {
		put_random(w, 2);
		put8(w, (pick(w, 256) & 0xfe) | (i == labels));
		put_random(w, 1);
	}
	put_labelled(w, shims);
}

static void put_ppp(struct writer *w, uint32_t shims)
{
	static const uint16_t others[] = { 0xc021, 0x8021, 0x002d, 0x00fd };
	bool ip6 = chance(w, 50);

	mark_header(w);
	if (chance(w, 20))
		put16(w, 0xff03);
	if (spoils(w, 8)) {
		put16(w, others[pick(w, 4)]);
		put_random(w, pick(w, 30));
	} else if (chance(w, 15)) {
		put16(w, chance(w, 80) ? 0x0281 : 0x0283);
		put_mpls(w, shims);
	} else {
		if (chance(w, 80))
			put8(w, 0);
		put8(w, ip6 ? 0x57 : 0x21);
		pk_grammar_put_ip(w, ip6);
	}
}

static void put_pppoe(struct writer *w, uint32_t shims)
{
	uint32_t at = w->len, len;

	mark_header(w);
	put8(w, spoils(w, 4) ? pick(w, 256) : 0x11);
	put8(w, spoils(w, 4) ? pick(w, 256) : 0);
	put_random(w, 4);
	put_ppp(w, shims);
	if (spoils(w, 25))
		cut_behind(w, at + 6);
	len = w->len - at - 6;
	if (spoils(w, 8))
		len = chance(w, 50) ? pick(w, len + 1) : len + pick(w, 40);
	set16(w, at + 4, len);
}

static void put_snap(struct writer *w)
{
	uint32_t at = w->len, len;

	mark_header(w);
	put16(w, 0);
	put8(w, 0xaa);
	put8(w, spoils(w, 4) ? 0xab : 0xaa);
	put8(w, 3);
	put16(w, 0);
	put8(w, spoils(w, 4) ? pick(w, 256) : chance(w, 20) ? 0xf8 : 0);
	put_type(w, SHIMS_MAX);
	len = w->len - at - 2;
	set16(w, at, len < 1500 && chance(w, 80) ? len : pick(w, 1500));
}

/* @number names what follows in VXLAN-GPE and NSH. */
static void put_inner(struct writer *w, enum inner inner, uint32_t shims);

static enum inner pick_inner(struct writer *w, uint32_t shims)
{
	return (enum inner)pick(w, shims < SHIMS_MAX ? 5 : 3);
}

static uint32_t inner_number(struct writer *w, enum inner inner)
{
	static const uint8_t numbers[] = { 1, 2, 3, 5, 4 };

	return spoils(w, 4) ? pick(w, 256) : numbers[inner];
}

static void put_nsh(struct writer *w, uint32_t shims)
{
	enum inner inner = pick_inner(w, shims);
	uint32_t words = 2 + (chance(w, 60) ? 4 : pick(w, 8));

	mark_header(w);
	put8(w, spoils(w, 3) ? pick(w, 256) : pick(w, 64));
	put8(w, pick(w, 4) << 6 | (spoils(w, 6) ? pick(w, 64) : words));
	put_random(w, 1);
	put8(w, inner_number(w, inner));
	put_random(w, 4 * (words - 1));
	put_inner(w, inner, shims);
}

static void put_inner(struct writer *w, enum inner inner, uint32_t shims)
{
	switch (inner) {
	case INNER_IP4:
	case INNER_IP6:
		pk_grammar_put_ip(w, inner == INNER_IP6);
		break;
	case INNER_FRAME:
		put_inner_frame(w, shims + 1);
		break;
	case INNER_MPLS:
		put_mpls(w, shims + 1);
		break;
	case INNER_NSH:
		put_nsh(w, shims + 1);
		break;
	}
}

static void put_shim(struct writer *w, uint32_t shims)
{
	switch (pick(w, 8)) {
	case 0:
		put_snap(w);
		break;
	case 1:
	case 5:
		put16(w, ETHERTYPE_PPPOE);
		put_pppoe(w, shims);
		break;
	case 2:
		put16(w, ETHERTYPE_PBB);
		mark_header(w);
		put_random(w, 4);
		put_inner_frame(w, shims);
		break;
	case 3:
		put16(w, ETHERTYPE_FABRICPATH);
		mark_header(w);
		put_random(w, 2);
		put_inner_frame(w, shims);
		break;
	case 4:
		put16(w, ETHERTYPE_NSH);
		put_nsh(w, shims);
		break;
	default:
		put16(w, ETHERTYPE_MPLS + chance(w, 20));
		put_mpls(w, shims);
		break;
	}
}

/* An EtherType and what it names; @shims are in front of it already. */
static void put_type(struct writer *w, uint32_t shims)
{
	bool ip6 = chance(w, 50), other = spoils(w, 1);

	put_tags(w);
	if (spoils(w, 4)) {
		put16(w, chance(w, 50) ? pick(w, ETHERTYPE_FIRST)
				       : ETHERTYPE_FIRST + pick(w, 64000));
		put_random(w, pick(w, 40));
		return;
	}
	if (shims < SHIMS_MAX && chance(w, shims || w->level ? 10 : 14)) {
		put_shim(w, shims + 1);
		return;
	}
	put16(w, ip6 != other ? ETHERTYPE_IP6 : ETHERTYPE_IP4);
	pk_grammar_put_ip(w, ip6);
}

void pk_grammar_put_frame(struct writer *w)
{
	put_random(w, 12);
	put_type(w, 0);
	if (chance(w, 20)) /* padding behind the IP length */
		put_random(w, 1 + pick(w, 46));
}

/* --- in IP ------------------------------------------------------------------ */

/* What an EtherType of a tunnel names; most are IP or a whole frame. */
static void put_gre_body(struct writer *w, uint32_t type)
{
	switch (type) {
	case ETHERTYPE_IP4:
	case ETHERTYPE_IP6:
		pk_grammar_put_ip(w, type == ETHERTYPE_IP6);
		break;
	case ETHERTYPE_BRIDGED:
		put_inner_frame(w, SHIMS_MAX - 1);
		break;
	case ETHERTYPE_MPLS:
		put_mpls(w, SHIMS_MAX);
		break;
	case ETHERTYPE_PPP:
		put_ppp(w, SHIMS_MAX);
		break;
	default:
		put_random(w, pick(w, 40));
		break;
	}
}

static uint32_t pick_type(struct writer *w)
{
	static const uint16_t types[] = { ETHERTYPE_IP4,     ETHERTYPE_IP6,
					  ETHERTYPE_BRIDGED, ETHERTYPE_IP4,
					  ETHERTYPE_BRIDGED, ETHERTYPE_MPLS,
					  ETHERTYPE_PPP };

	return spoils(w, 4) ? pick(w, 65536) : types[pick(w, 7)];
}

/* ERSPAN: I without a sequence number, II, III with and without its last 8. */
static void put_erspan(struct writer *w)
{
	uint32_t kind = 1 + pick(w, 3), type = chance(w, 20) ? 2 : 0;
	bool more = chance(w, 50);

	put16(w, kind == 1 ? 0 : 0x1000);
	put16(w, kind == 3 ? 0x22eb : 0x88be);
	if (kind == 1) {
		put_inner_frame(w, SHIMS_MAX);
		return;
	}
	put_random(w, 4);
	mark_header(w);
	put8(w, (spoils(w, 8) ? pick(w, 16) : kind - 1) << 4);
	put_random(w, 7);
	if (kind == 2) {
		put_inner_frame(w, SHIMS_MAX);
		return;
	}
	put_random(w, 2);
	if (spoils(w, 8))
		type = pick(w, 32);
	put8(w, type << 2);
	put8(w, (pick(w, 256) & 0xfe) | more);
	put_random(w, more ? 8 : 0);
	if (type == 2)
		put_any_ip(w);
	else
		put_inner_frame(w, SHIMS_MAX);
}

/* GRE of PPTP: key with a length in it, PPP. */
static void put_pptp(struct writer *w)
{
	uint32_t at = w->len, flags = 0x3001, len;

	if (spoils(w, 20))
		flags ^= 0x1000 << pick(w, 4);
	if (chance(w, 40))
		flags |= 0x80;
	put16(w, flags);
	put16(w, spoils(w, 4) ? pick(w, 65536) : ETHERTYPE_PPP);
	put_random(w, 4);
	put_random(w, (flags & 0x1000 ? 4 : 0) + (flags & 0x80 ? 4 : 0));
	len = w->len;
	put_ppp(w, SHIMS_MAX);
	len = w->len - len;
	set16(w, at + 4, spoils(w, 10) ? pick(w, 65536) : len);
}

static void put_gre(struct writer *w)
{
	uint32_t roll = pick(w, 100), type, flags;

	if (roll < 30) {
		put_erspan(w);
		return;
	}
	if (roll < 45) {
		put_pptp(w);
		return;
	}
	flags = pick(w, 8);
	flags = (flags & 4 ? 0x8000 : 0) | (flags & 2 ? 0x2000 : 0) |
		(flags & 1 ? 0x1000 : 0);
	type = pick_type(w);
	put16(w, flags | (spoils(w, 10) ? 0x4000 >> pick(w, 15) : 0));
	put16(w, type);
	for (uint32_t bit = 0x1000; bit <= 0x8000; bit <<= 1)
		put_random(w, flags & bit ? 4 : 0);
	put_gre_body(w, type);
}

/* --- in UDP ----------------------------------------------------------------- */

static void put_vxlan(struct writer *w)
{
	put8(w, spoils(w, 10) ? pick(w, 256) : 8 | (pick(w, 256) & 0x80));
	put_random(w, 7);
	put_inner_frame(w, SHIMS_MAX - 1);
}

static void put_gpe(struct writer *w)
{
	enum inner inner = pick_inner(w, SHIMS_MAX - 1);
	bool named = chance(w, 80);

	if (!named)
		inner = INNER_FRAME;
	put8(w, spoils(w, 10) ? pick(w, 256) : named ? 0x0c : 0x08);
	put_random(w, 2);
	put8(w, inner_number(w, inner));
	put_random(w, 4);
	put_inner(w, inner, SHIMS_MAX - 1);
}

static void put_geneve(struct writer *w)
{
	uint32_t words = chance(w, 50) ? 0 : pick(w, 12), type = pick_type(w);

	put8(w, spoils(w, 10) ? pick(w, 256) : words);
	put_random(w, 1);
	put16(w, type);
	put_random(w, 4 + 4 * words);
	put_gre_body(w, type);
}

static void put_gtp_extension(struct writer *w, bool last)
{
	uint32_t words = 1 + (chance(w, 30) ? pick(w, 3) : 0);

	mark_header(w);
	put8(w, spoils(w, 12) ? pick(w, 2) * 255 : words);
	put_random(w, 4 * words - 2);
	put8(w, last ? 0 : 0x85);
}

static void put_gtp(struct writer *w)
{
	uint32_t at = w->len, flags = chance(w, 30) ? 0 : pick(w, 8), len;
	uint32_t exts = flags & 4 ? 1 + pick(w, spoils(w, 60) ? 20 : 3) : 0;

	if (spoils(w, 25))
		flags |= 4;
	put8(w, spoils(w, 6) ? pick(w, 256) : 0x30 | flags);
	put8(w, spoils(w, 6) ? pick(w, 256) : 255);
	put_random(w, 6);
	put_random(w, flags ? 3 : 0);
	if (flags)
		put8(w, exts ? 0x85 : 0);
	while (exts--)
		put_gtp_extension(w, !exts);
	put_any_ip(w);
	len = w->len - at - 8;
	if (spoils(w, 8))
		len = chance(w, 50) ? pick(w, len + 1) : len + pick(w, 40);
	set16(w, at + 2, len);
}

static void put_teredo(struct writer *w)
{
	uint32_t id = pick(w, 5), value = pick(w, 9);

	if (chance(w, 50)) {
		put16(w, spoils(w, 10) ? pick(w, 3) : 1);
		put8(w, spoils(w, 8) ? pick(w, 256) : id);
		put8(w, value);
		put_random(w, id + value + 9);
		mark_header(w);
	}
	if (chance(w, 50)) {
		put16(w, spoils(w, 10) ? pick(w, 3) : 0);
		put_random(w, 6);
		mark_header(w);
	}
	pk_grammar_put_ip(w, !spoils(w, 5));
}

static void put_in_udp(struct writer *w, uint32_t carrier)
{
	switch (carrier) {
	case CARRIER_VXLAN:
		put_vxlan(w);
		break;
	case CARRIER_GPE:
		put_gpe(w);
		break;
	case CARRIER_GENEVE:
		put_geneve(w);
		break;
	case CARRIER_GTP:
		put_gtp(w);
		break;
	case CARRIER_TEREDO:
		put_teredo(w);
		break;
	default:
		put_mpls(w, SHIMS_MAX);
		break;
	}
}

static void put_udp(struct writer *w, uint32_t carrier)
{
	static const uint16_t ports[CARRIERS] = {
		[CARRIER_VXLAN] = 4789,	 [CARRIER_GPE] = 4790,
		[CARRIER_GENEVE] = 6081, [CARRIER_GTP] = 2152,
		[CARRIER_TEREDO] = 3544, [CARRIER_MPLS_UDP] = 6635,
	};
	uint32_t at = w->len, port = ports[carrier], len;
	bool answer = carrier == CARRIER_TEREDO && chance(w, 50);

	if (carrier == CARRIER_VXLAN && chance(w, 20))
		port = 8472;
	put16(w, answer ? port : 0xc000 | pick(w, 0x4000));
	put16(w, answer ? 0xc000 | pick(w, 0x4000) : port);
	if (spoils(w, 2)) /* port 53 is never a tunnel */
		set16(w, answer ? at + 2 : at, 53);
	put_random(w, 4);
	mark_header(w);
	put_in_udp(w, carrier);
	if (spoils(w, 25))
		cut_behind(w, at + 8);
	len = w->len - at;
	if (spoils(w, 4))
		len = chance(w, 50) ? pick(w, len + 1) : len + pick(w, 40);
	set16(w, at + 4, len);
}

/* --- the carrier ------------------------------------------------------------ */

uint32_t pk_grammar_pick_carrier(struct writer *w)
{
	static const uint8_t carriers[] = {
		CARRIER_IP4,	  CARRIER_IP6,	    CARRIER_GRE,
		CARRIER_GRE,	  CARRIER_GRE,	    CARRIER_ETHERIP,
		CARRIER_MPLS,	  CARRIER_ETHERNET, CARRIER_VXLAN,
		CARRIER_VXLAN,	  CARRIER_GPE,	    CARRIER_GENEVE,
		CARRIER_GENEVE,	  CARRIER_GTP,	    CARRIER_GTP,
		CARRIER_GTP,	  CARRIER_TEREDO,   CARRIER_TEREDO,
		CARRIER_MPLS_UDP, CARRIER_GPE,
	};

	if (w->level >= w->nest)
		return CARRIER_NONE;
	return carriers[pick(w, sizeof(carriers))];
}

uint32_t pk_grammar_carrier_protocol(uint32_t carrier)
{
	switch (carrier) {
	case CARRIER_IP4:
		return 4;
	case CARRIER_IP6:
		return 41;
	case CARRIER_GRE:
		return 47;
	case CARRIER_ETHERIP:
		return 97;
	case CARRIER_MPLS:
		return 137;
	case CARRIER_ETHERNET:
		return 143;
	default:
		return 17;
	}
}

void pk_grammar_put_carrier(struct writer *w, uint32_t carrier)
{
	uint32_t at = w->len;

	mark_header(w);
	switch (carrier) {
	case CARRIER_IP4:
	case CARRIER_IP6:
		pk_grammar_put_ip(w, carrier == CARRIER_IP6);
		break;
	case CARRIER_GRE:
		put_gre(w);
		break;
	case CARRIER_ETHERIP:
		put8(w, spoils(w, 5) ? pick(w, 256) : 0x30);
		put8(w, 0);
		put_inner_frame(w, SHIMS_MAX - 1);
		break;
	case CARRIER_MPLS:
		put_mpls(w, SHIMS_MAX);
		break;
	case CARRIER_ETHERNET:
		put_inner_frame(w, SHIMS_MAX - 1);
		break;
	default:
		put_udp(w, carrier);
		break;
	}
	if (spoils(w, 6)) /* a truth: the packet around it says so */
		cut_behind(w, at);
}
