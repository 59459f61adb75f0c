/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/gen/grammar.h"

#include <string.h>

#include "tools/gen/grammar_dns.h"
#include "tools/gen/grammar_inside.h"
#include "tools/gen/splitmix.h"

enum {
	HOPOPT = 0,
	ICMP = 1,
	TCP = 6,
	UDP = 17,
	FRAGMENT = 44,
	AH = 51,
	ICMP6 = 58,
	NO_NEXT = 59,
	SCTP = 132,
	IP4_HEADER = 20,
	IP6_HEADER = 40,
	BUSY_HOSTS = 6,
};

/* --- hosts ----------------------------------------------------------------- */

void pk_grammar_host(uint64_t seed, uint32_t n, bool ip6, uint8_t address[16])
{
	uint64_t q[2] = { pk_splitmix_at(seed, 2 * n),
			  pk_splitmix_at(seed, 2 * n + 1) };

	memcpy(address, q, 16);
	if (ip6) {
		address[0] = 0x20;
		return;
	}
	memset(address, 0, 10);
	address[10] = address[11] = 0xff;
}

/* An IPv6 address that carries an IPv4 host, in one of the known ways. */
static void put_carrier(struct writer *w, uint32_t host)
{
	static const uint8_t ways[][16] = {
		{ 0x00, 0x64, 0xff, 0x9b },
		{ 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01, 0xab },
		{ 0x20, 0x02 },
		{ 0x20, 0x01, 0x00, 0x00 },
		{ 0x2a, 0x0a, [10] = 0x5e, 0xfe },
		{ 0xfe, 0x80, [8] = 0x02, 0x00, 0x5e, 0xfe },
		{ [10] = 0xff, 0xff },
	};
	uint32_t way = pick(w, 7);
	uint8_t a[16], v4[16];

	memcpy(a, ways[way], 16);
	pk_grammar_host(w->seed, host, false, v4);
	memcpy(a + (way == 2 ? 2 : 12), v4 + 12, 4);
	for (int i = 12; i < 16 && way == 3; i++)
		a[i] ^= 0xff;
	for (int i = 0; i < 16; i++)
		put8(w, a[i]);
}

static void put_address(struct writer *w, bool ip6)
{
	uint32_t n =
		chance(w, 40) ? pick(w, BUSY_HOSTS) : pick(w, PK_GRAMMAR_HOSTS);
	uint8_t a[16];

	if (chance(w, 15)) {
		put_random(w, ip6 ? 16 : 4);
		return;
	}
	if (ip6 && chance(w, 12)) {
		put_carrier(w, n);
		return;
	}
	pk_grammar_host(w->seed, n, ip6, a);
	for (int i = ip6 ? 0 : 12; i < 16; i++)
		put8(w, a[i]);
}

/* --- layer 4 -------------------------------------------------------------- */

static void put_port(struct writer *w)
{
	static const uint16_t known[] = { 53, 80, 443, 22, 123, 1024, 5353, 0 };

	if (chance(w, 60))
		put16(w, known[pick(w, 8)]);
	else if (w->clean) /* no tunnel's port */
		put16(w, 0x8000 | pick(w, 0x8000));
	else
		put_random(w, 2);
}

/* Options of IPv4 or TCP, @n bytes of them. */
static void put_options(struct writer *w, uint32_t n)
{
	uint32_t end = w->len + n;

	if (n == 12 && chance(w, 30)) {
		put16(w, 0x0101);
		put16(w, 0x080a);
	}
	while (w->len < end && !chance(w, 10) && !spoils(w, 5)) {
		uint32_t left = end - w->len;

		if (left < 2 || chance(w, 40)) {
			put8(w, 1);
			continue;
		}
		left = 2 + pick(w, left - 1);
		put8(w, 2 + pick(w, 250));
		put8(w, left);
		put_random(w, left - 2);
	}
	if (w->len < end && w->clean)
		put8(w, 0);
	if (w->len < end)
		put_random(w, end - w->len);
}

static void put_payload(struct writer *w)
{
	put_random(w, chance(w, 2) ? pick(w, 1500) : pick(w, 40));
}

/* Behind port 53 there is mostly DNS; @ports is where both stand. */
static void put_datagram(struct writer *w, uint32_t ports, bool tcp)
{
	uint8_t bytes[PK_GRAMMAR_DNS_MAX];
	const uint8_t *p = w->data + ports;
	uint32_t len;

	if (ports + 4 > w->len || chance(w, 15) ||
	    ((p[0] || p[1] != 53) && (p[2] || p[3] != 53))) {
		put_payload(w);
		return;
	}
	len = pk_grammar_dns(w->seed, pk_splitmix_next(&w->random), tcp,
			     w->clean, bytes);
	for (uint32_t i = 0; i < len; i++)
		put8(w, bytes[i]);
}

static void put_tcp(struct writer *w)
{
	uint32_t words = 5 + (chance(w, 30) ? pick(w, 11) : 0);
	uint32_t at = w->len;

	put_port(w);
	put_port(w);
	put_random(w, 8);
	if (spoils(w, 5))
		put8(w, (chance(w, 50) ? pick(w, 5) : 15) << 4);
	else
		put8(w, words << 4 | pick(w, 16));
	put_random(w, 7);
	put_options(w, 4 * (words - 5));
	put_datagram(w, at, true);
}

static void put_udp(struct writer *w)
{
	uint32_t at = w->len, len;

	put_port(w);
	put_port(w);
	put_random(w, 4);
	put_datagram(w, at, false);
	len = w->len - at;
	if (spoils(w, 6))
		len = chance(w, 50) ? pick(w, 8) : len + 1 + pick(w, 40);
	set16(w, at + 4, len);
}

static void put_icmp(struct writer *w)
{
	static const uint8_t types[] = {
		0,   3,	  5,   8,   9,	 10,  13,  14,	15,  16,  17,  18,
		128, 129, 130, 131, 133, 134, 135, 136, 139, 140, 144, 145
	};

	if (chance(w, 80))
		put8(w, types[pick(w, sizeof(types))]);
	else
		put_random(w, 1);
	put8(w, pick(w, chance(w, 80) ? 3 : 256));
	put_random(w, 6);
	put_payload(w);
}

static void put_sctp(struct writer *w)
{
	put_port(w);
	put_port(w);
	put_random(w, 8);
	put_payload(w);
}

static uint32_t pick_protocol(struct writer *w)
{
	static const uint8_t other[] = { 50, 255, 89, 46, SCTP, SCTP };
	uint32_t roll = pick(w, 100);

	if (roll < 38)
		return TCP;
	if (roll < 74)
		return UDP;
	if (roll < 82)
		return ICMP;
	if (roll < 90)
		return ICMP6;
	if (roll < 93)
		return NO_NEXT;
	if (roll < 97 || w->clean)
		return other[pick(w, sizeof(other))];
	return pick(w, 256);
}

static void put_l4(struct writer *w, uint32_t protocol)
{
	mark_header(w);
	if (protocol == TCP)
		put_tcp(w);
	else if (protocol == UDP)
		put_udp(w);
	else if (protocol == ICMP || protocol == ICMP6)
		put_icmp(w);
	else if (protocol == SCTP)
		put_sctp(w);
	else
		put_payload(w);
}

/* --- layer 3 -------------------------------------------------------------- */

/*
 * The length that the IP header at @at is to state, @header bytes of which
 * stay. The cut is a truth: the packet ends early and says so.
 */
static uint32_t pick_length(struct writer *w, uint32_t at, uint32_t header)
{
	uint32_t room = w->len - at;

	if (room > header && spoils(w, 10))
		cut_behind(w, at + header);
	room = w->len - at;
	if (spoils(w, 4))
		return room + 1 + pick(w, 60);
	if (spoils(w, 2))
		return pick(w, 65536);
	return room;
}

static uint32_t pick_fragment(struct writer *w)
{
	uint32_t roll = pick(w, 100);

	if (roll < 80)
		return chance(w, 50) ? 0x4000 : 0;
	if (roll < 84)
		return 0x8000; /* the reserved bit alone: no fragment */
	if (roll < 92)
		return 0x2000;
	return (1 + pick(w, 0x1fff)) | (chance(w, 50) ? 0x2000 : 0);
}

/* RFC 4302 2: as an extension header has it, in IPv4. */
static void put_ah(struct writer *w, uint32_t protocol)
{
	uint32_t units = pick(w, 5);

	mark_header(w);
	put8(w, protocol);
	put8(w, spoils(w, 5) ? pick(w, 256) : units);
	put_random(w, 4 * units + 6);
}

/* What the IP packet holds: another one, or a layer 4. */
static void put_body(struct writer *w, uint32_t carrier, uint32_t protocol)
{
	w->level++;
	if (carrier)
		pk_grammar_put_carrier(w, carrier);
	else
		put_l4(w, protocol);
	w->level--;
}

static void put_ip4(struct writer *w)
{
	uint32_t at = w->len, carrier = pk_grammar_pick_carrier(w), len;
	uint32_t protocol = carrier ? pk_grammar_carrier_protocol(carrier)
				    : pick_protocol(w);
	uint32_t words = 5 + (chance(w, 20) ? pick(w, 11) : 0);
	bool with_ah = chance(w, 4);

	put8(w, 0x40 | words);
	put_random(w, 5);
	put16(w, pick_fragment(w));
	put_random(w, 1);
	put8(w, with_ah ? AH : protocol);
	put_random(w, 2);
	put_address(w, false);
	put_address(w, false);
	put_options(w, 4 * (words - 5));
	if (with_ah)
		put_ah(w, protocol);
	put_body(w, carrier, protocol);
	len = pick_length(w, at, IP4_HEADER);
	if (spoils(w, 2))
		len = pick(w, 4 * words);
	set16(w, at + 2, len);
	if (spoils(w, 2))
		set8(w, at, 0x40 | pick(w, 5));
	if (spoils(w, 1))
		set8(w, at, pick(w, 16) << 4 | words);
}

/* RFC 8200 4.5: first, other and atomic fragments; reserved bits anywhere. */
static void put_fragment_body(struct writer *w)
{
	uint32_t roll = pick(w, 100), field = pick(w, 4) << 1;

	put_random(w, 1);
	if (roll < 25)
		field |= (1 + pick(w, 0x1fff)) << 3 | pick(w, 2);
	else if (roll < 60)
		field |= 1;
	put16(w, field);
	put_random(w, 4);
}

/* An extension header without its first byte, which names the next one. */
static void put_extension_body(struct writer *w, uint32_t type)
{
	uint32_t units = pick(w, spoils(w, 4) ? 256 : 3), stated = units;

	if (type == FRAGMENT) {
		put_fragment_body(w);
		return;
	}
	if (spoils(w, 3))
		stated = units + 1 + pick(w, 250);
	put8(w, stated);
	if (type == AH) /* RFC 4302 2.2: 4-byte words, minus 2 */
		put_random(w, 4 * (units + 2) - 2);
	else
		put_random(w, 8 * (units + 1) - 2);
}

/* Returns the place of the byte that names what follows the chain. */
static uint32_t put_extensions(struct writer *w, uint32_t named_at)
{
	static const uint8_t types[] = { HOPOPT, 43,  FRAGMENT, AH,  60,
					 60,	 135, 139,	140, 43 };
	uint32_t count = chance(w, 45) ? 1 + pick(w, w->clean ? 8 : 10) : 0;

	while (count--) {
		uint32_t type = types[pick(w, sizeof(types))];

		set8(w, named_at, type);
		named_at = w->len;
		put8(w, 0);
		put_extension_body(w, type);
	}
	return named_at;
}

static void put_ip6(struct writer *w)
{
	uint32_t at = w->len, carrier = pk_grammar_pick_carrier(w), len;
	uint32_t protocol = carrier ? pk_grammar_carrier_protocol(carrier)
				    : pick_protocol(w);

	put8(w, 0x60 | pick(w, 16));
	put_random(w, 7);
	put_address(w, true);
	put_address(w, true);
	set8(w, put_extensions(w, at + 6), protocol);
	put_body(w, carrier, protocol);
	len = pick_length(w, at, IP6_HEADER) - IP6_HEADER;
	if (at + 6 < w->len && w->data[at + 6] == HOPOPT && spoils(w, 30))
		len = 0; /* RFC 2675: as a jumbogram says it */
	set16(w, at + 4, len);
	if (spoils(w, 1))
		set8(w, at, pick(w, 256));
}

void pk_grammar_put_ip(struct writer *w, bool ip6)
{
	mark_header(w);
	if (ip6)
		put_ip6(w);
	else
		put_ip4(w);
}

/* --- the frame ------------------------------------------------------------ */

/* Most frames carry one packet, some two, few up to eight. */
static void put_frame(struct writer *w)
{
	uint32_t roll = pick(w, 100);

	if (roll < 15)
		w->nest = w->clean ? 1 + pick(w, 2) : 1 + pick(w, 7);
	else if (roll < 45)
		w->nest = 1;
	w->calm = w->nest > 2;
	pk_grammar_put_frame(w);
}

/* The place of an edit: mostly among the headers. */
static uint32_t pick_place(struct writer *w)
{
	uint32_t front = w->len < 80 ? w->len : 80;

	return pick(w, chance(w, 80) ? front : w->len);
}

static void shift(struct writer *w, uint32_t at, bool insert)
{
	uint8_t *p = w->data + at;
	uint32_t rest = w->len - at - 1;

	if (insert) {
		memmove(p + 1, p, rest);
	} else {
		memmove(p, p + 1, rest);
		w->len--;
	}
}

static void edit(struct writer *w)
{
	static const uint8_t values[] = { 0,  1,  4,  5,   6,	17,
					  44, 51, 59, 127, 128, 255 };
	uint32_t at;

	if (!w->len)
		return;
	at = pick_place(w);
	switch (pick(w, 5)) {
	case 0:
		w->data[at] ^= (uint8_t)(1 << pick(w, 8));
		break;
	case 1:
		w->data[at] = values[pick(w, sizeof(values))];
		break;
	case 2:
		w->data[at] = (uint8_t)pick(w, 256);
		break;
	case 3:
		shift(w, at, true);
		break;
	default:
		shift(w, at, false);
		break;
	}
}

static void mutate(struct writer *w)
{
	for (uint32_t n = 1 + pick(w, 4); n; n--)
		edit(w);
}

static struct writer begin(uint64_t seed, uint64_t i, uint8_t *bytes)
{
	return (struct writer){
		.random = pk_splitmix_at(seed, i),
		.seed = seed,
		.data = bytes,
	};
}

uint32_t pk_grammar_clean(uint64_t seed, uint64_t i,
			  uint8_t bytes[PK_GRAMMAR_FRAME_MAX])
{
	struct writer w = begin(seed, i, bytes);

	w.clean = true;
	put_frame(&w);
	return w.len;
}

uint32_t pk_grammar_frame(uint64_t seed, uint64_t i,
			  uint8_t bytes[PK_GRAMMAR_FRAME_MAX])
{
	struct writer w = begin(seed, i, bytes);

	put_frame(&w);
	if (chance(&w, 12))
		cut_behind(&w, chance(&w, 50) ? 0 : 14);
	if (chance(&w, 20))
		mutate(&w);
	return w.len;
}

uint32_t pk_grammar_mutate(uint64_t seed, uint8_t bytes[PK_GRAMMAR_FRAME_MAX],
			   uint32_t len)
{
	struct writer w = begin(seed, len, bytes);

	w.len = len;
	mutate(&w);
	return w.len;
}
