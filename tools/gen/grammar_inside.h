/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * grammar_inside: what the parts of the grammar share: the frame being written,
 * the choices, and who writes what. grammar.c has IP and layer 4,
 * grammar_carry.c what carries packets.
 */
#ifndef PK_GEN_GRAMMAR_INSIDE_H
#define PK_GEN_GRAMMAR_INSIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/gen/grammar.h"
#include "tools/gen/splitmix.h"

enum { PK_GRAMMAR_MARKS = 64 };

struct writer {
	uint64_t random;
	uint64_t seed;
	uint8_t *data;
	uint32_t len;
	bool clean;	/* nothing may be wrong */
	bool calm;	/* less is: what is deep inside shall be reached */
	uint32_t level; /* IP packets around the place that is written */
	uint32_t nest;	/* how many of them there shall be */
	uint32_t marks;
	uint32_t mark[PK_GRAMMAR_MARKS]; /* where headers begin */
};

static inline uint32_t pick(struct writer *w, uint32_t n)
{
	return (uint32_t)((pk_splitmix_next(&w->random) >> 32) * n >> 32);
}

static inline bool chance(struct writer *w, uint32_t percent)
{
	return pick(w, 100) < percent;
}

/* A chance to do what makes a frame wrong. */
static inline bool spoils(struct writer *w, uint32_t percent)
{
	return chance(w, percent) && !w->clean && (!w->calm || chance(w, 30));
}

static inline void put8(struct writer *w, uint32_t value)
{
	if (w->len < PK_GRAMMAR_FRAME_MAX)
		w->data[w->len++] = (uint8_t)value;
}

static inline void put16(struct writer *w, uint32_t value)
{
	put8(w, value >> 8);
	put8(w, value);
}

static inline void put_random(struct writer *w, uint32_t n)
{
	uint64_t bits = 0;

	for (uint32_t i = 0; i < n; i++, bits >>= 8) {
		if (i % 8 == 0)
			bits = pk_splitmix_next(&w->random);
		put8(w, (uint32_t)bits);
	}
}

static inline void set8(struct writer *w, uint32_t at, uint32_t value)
{
	if (at < w->len)
		w->data[at] = (uint8_t)value;
}

static inline void set16(struct writer *w, uint32_t at, uint32_t value)
{
	set8(w, at, value >> 8);
	set8(w, at + 1, value);
}

/* A header begins here: a good place to end, or a little behind it. */
static inline void mark_header(struct writer *w)
{
	if (w->marks < PK_GRAMMAR_MARKS)
		w->mark[w->marks++] = w->len;
}

/* End behind @first: mostly a little behind one of the next headers. */
static inline void cut_behind(struct writer *w, uint32_t first)
{
	uint32_t i = 0, at;

	if (w->len <= first)
		return;
	while (i < w->marks && w->mark[i] < first)
		i++;
	at = first + pick(w, w->len - first);
	if (i < w->marks && chance(w, 70)) {
		uint32_t rest = w->marks - i < 4 ? w->marks - i : 4;

		at = w->mark[i + pick(w, rest)] + pick(w, 12);
	}
	if (at < w->len)
		w->len = at;
}

/* An IP packet of the given version. */
void pk_grammar_put_ip(struct writer *w, bool ip6);

/* From the Ethernet addresses on, and from the EtherType on. */
void pk_grammar_put_frame(struct writer *w);

/*
 * Shall the IP packet here carry another one? Then what does; else 0. Its IP
 * protocol, and the carrying itself, behind the IP header.
 */
uint32_t pk_grammar_pick_carrier(struct writer *w);
uint32_t pk_grammar_carrier_protocol(uint32_t carrier);
void pk_grammar_put_carrier(struct writer *w, uint32_t carrier);

#endif /* PK_GEN_GRAMMAR_INSIDE_H */
