/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/gen/grammar_dns.h"

#include <string.h>

#include "tools/gen/splitmix.h"

enum {
	HEADER = 12,
	LABEL_MAX = 63,
	ROOM = 600, /* for a name that is too long */
	TOPS = 6,
	FAMILIES = 160, /* names that have the same beginning of their walk */
};

/* A name being made, its last label at the end of the buffer. */
struct name {
	uint64_t random;
	uint8_t bytes[ROOM];
	uint32_t at; /* its first byte */
};

static uint32_t pick(uint64_t *random, uint32_t n)
{
	return (uint32_t)((pk_splitmix_next(random) >> 32) * n >> 32);
}

static bool chance(uint64_t *random, uint32_t percent)
{
	return pick(random, 100) < percent;
}

static uint32_t wire_bytes(const struct name *n)
{
	return ROOM - n->at;
}

/* A label of @len bytes, made of @random, in front of the name. */
static void add_label(struct name *n, uint32_t len, uint64_t random)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";

	n->at -= len + 1;
	n->bytes[n->at] = (uint8_t)len;
	for (uint32_t i = 1; i <= len; i++)
		n->bytes[n->at + i] =
			(uint8_t)letters[pick(&random, sizeof(letters) - 1)];
}

/* How long labels are, and how many: mostly as on the net, some as never. */
static void pick_shape(uint64_t *random, uint32_t *labels, uint32_t *longest)
{
	uint32_t roll = pick(random, 100);

	*longest = 16;
	if (roll < 50)
		*labels = 1 + pick(random, 4);
	else if (roll < 70)
		*labels = 5 + pick(random, 6);
	else if (roll < 80)
		*labels = 9 + pick(random, 40);
	else if (roll < 90)
		*labels = 127;
	else
		*labels = 2 + pick(random, 5);
	if (roll >= 90)
		*longest = LABEL_MAX;
	else if (roll >= 70)
		*longest = 3;
}

static struct name make_name(uint64_t seed, uint32_t n)
{
	uint64_t family = pk_splitmix_at(seed, 1000000 + n % FAMILIES);
	struct name name = { .random = pk_splitmix_at(seed, 2000000 + n),
			     .at = ROOM - 1 };
	uint32_t labels, longest, shared = pick(&name.random, 10);

	pick_shape(&name.random, &labels, &longest);
	if (labels > 12 && chance(&name.random, 70))
		longest = 1;
	for (uint32_t i = 0; i < labels; i++) {
		uint64_t random = i < shared ? pk_splitmix_at(family, i)
					     : pk_splitmix_next(&name.random);
		uint32_t len = 1 + pick(&random, longest);

		if (i == 0) {
			random = pk_splitmix_at(seed, family % TOPS);
			len = labels > 100 ? 1 : 2 + random % 3;
		}
		if (wire_bytes(&name) + 1 + len > PK_GRAMMAR_NAME_MAX)
			break;
		add_label(&name, len, random);
	}
	return name;
}

uint32_t pk_grammar_name(uint64_t seed, uint32_t n,
			 uint8_t wire[PK_GRAMMAR_NAME_MAX])
{
	struct name name = make_name(seed, n);

	memcpy(wire, name.bytes + name.at, wire_bytes(&name));
	return wire_bytes(&name);
}

/* --- questions -------------------------------------------------------------- */

/* Below the name, above it, beside it. */
static void vary(struct name *n, uint64_t *random, bool clean)
{
	uint32_t roll = pick(random, 100), most = clean ? 0 : 1;

	if (roll < 30) {
		for (uint32_t i = 1 + pick(random, 3); i; i--) {
			uint32_t len = 1 + pick(random, roll < 4 ? 63 : 9);

			if (wire_bytes(n) + 1 + len <=
			    PK_GRAMMAR_NAME_MAX + most * len)
				add_label(n, len, pk_splitmix_next(random));
		}
	} else if (roll < 40 && n->bytes[n->at]) {
		n->at += 1U + n->bytes[n->at];
	} else if (roll < 50 && n->bytes[n->at]) {
		uint32_t i = 1 + pick(random, n->bytes[n->at]);

		n->bytes[n->at + i] ^= (uint8_t)(1 << pick(random, 8));
	}
}

static void mix_case(struct name *n, uint64_t *random)
{
	for (uint32_t at = n->at; n->bytes[at]; at += 1U + n->bytes[at])
		for (uint32_t i = 1; i <= n->bytes[at]; i++) {
			uint8_t *c = &n->bytes[at + i];

			if (*c >= 'a' && *c <= 'z' && chance(random, 50))
				*c ^= 0x20;
		}
}

/* Bytes that text would give a meaning, or that only look like letters. */
static void put_odd_bytes(struct name *n, uint64_t *random)
{
	static const uint8_t odd[] = { 0,    '.',  0xc9, '@',  '[', '`',
				       '\\', 0xc1, 0x80, 0xff, 'A', 'Z' };

	for (uint32_t at = n->at; n->bytes[at]; at += 1U + n->bytes[at])
		if (chance(random, 30))
			n->bytes[at + 1 + pick(random, n->bytes[at])] =
				odd[pick(random, sizeof(odd))];
}

/* The place of some label's length byte, the root's included. */
static uint32_t some_label(const struct name *n, uint64_t *random)
{
	uint32_t at = n->at, labels = 0, left;

	for (; n->bytes[at]; at += 1U + n->bytes[at])
		labels++;
	at = n->at;
	for (left = pick(random, labels + 1); left; left--)
		at += 1U + n->bytes[at];
	return at;
}

static void spoil_name(struct name *n, uint64_t *random)
{
	uint32_t at = some_label(n, random), roll = pick(random, 100);

	if (roll < 25) {
		n->bytes[at] = (uint8_t)(0xc0 | pick(random, 64));
	} else if (roll < 50) {
		n->bytes[at] = (uint8_t)((1 + pick(random, 2)) << 6 |
					 pick(random, 64));
	} else if (roll < 75) {
		while (wire_bytes(n) <= PK_GRAMMAR_NAME_MAX)
			add_label(n, 1 + pick(random, 63),
				  pk_splitmix_next(random));
	} else {
		n->bytes[at] = (uint8_t)pick(random, 64);
	}
}

/* --- messages ---------------------------------------------------------------- */

static uint32_t questions(uint64_t *random, bool clean)
{
	uint32_t roll = pick(random, 100);

	if (clean || roll < 86)
		return 1;
	if (roll < 91)
		return 0;
	return roll < 95 ? 65535 : pick(random, 65536);
}

static void put_header(uint8_t *p, uint64_t *random, bool clean)
{
	uint32_t count = questions(random, clean);

	for (int i = 0; i < HEADER; i++)
		p[i] = (uint8_t)pick(random, 256);
	p[4] = (uint8_t)(count >> 8);
	p[5] = (uint8_t)count;
}

/* The length that stands in front over TCP; at times of something else. */
static void put_prefix(uint8_t *p, uint32_t len, uint64_t *random, bool clean)
{
	if (!clean && chance(random, 15))
		len = pick(random, chance(random, 50) ? 40 : 65536);
	p[0] = (uint8_t)(len >> 8);
	p[1] = (uint8_t)len;
}

static struct name ask(uint64_t seed, uint64_t *random, bool clean)
{
	struct name n = make_name(seed, pick(random, chance(random, 85)
							     ? PK_GRAMMAR_NAMES
							     : UINT32_MAX));

	vary(&n, random, clean);
	if (chance(random, 60))
		mix_case(&n, random);
	if (chance(random, 8))
		put_odd_bytes(&n, random);
	if (!clean && chance(random, 12))
		spoil_name(&n, random);
	return n;
}

uint32_t pk_grammar_dns(uint64_t seed, uint64_t draw, bool tcp, bool clean,
			uint8_t bytes[PK_GRAMMAR_DNS_MAX])
{
	uint64_t random = draw;
	struct name n = ask(seed, &random, clean);
	uint32_t start = tcp ? 2 : 0, len = start + HEADER;
	uint32_t tail = 4 + pick(&random, chance(&random, 20) ? 300 : 20);

	put_header(bytes + start, &random, clean);
	memcpy(bytes + len, n.bytes + n.at, wire_bytes(&n));
	len += wire_bytes(&n);
	for (uint32_t i = 0; i < tail; i++)
		bytes[len++] = (uint8_t)pick(&random, 256);
	if (tcp)
		put_prefix(bytes, len - start, &random, clean);
	if (!clean && chance(&random, 12))
		len = pick(&random, len + 1);
	return len;
}
