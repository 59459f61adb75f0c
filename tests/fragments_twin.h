/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fragments_twin: reassembly the slow way.
 *
 * Datagrams are lists of byte arrays. Whether a byte is missing, whether bytes
 * differ, and whose byte wins is asked of every byte by looking at every piece;
 * who makes room is asked of every datagram. Nothing is shared with the table
 * but the shape of a fragment.
 */
#ifndef PK_TESTS_FRAGMENTS_TWIN_H
#define PK_TESTS_FRAGMENTS_TWIN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/inspect/fragments.h"
#include "tests/fragments_rig.h"

enum {
	TWIN_PIECES = PK_FRAGMENTS_EACH + 1,
	TWIN_DATAGRAMS = 256,
	TWIN_OUT = 64,
	TWIN_BLOCK = 256,
};

struct twin_piece {
	uint32_t seq, offset, len, head_len;
	bool more, elder;
	uint8_t *bytes; /* the whole frame behind the Ethernet header */
};

struct twin_datagram {
	struct pk_flow_key key;
	uint64_t born_ns, age;
	uint32_t n, seq, overlaps;
	bool used, dropped, disputed, elders, shown;
	struct twin_piece piece[TWIN_PIECES];
};

struct twin_source {
	uint64_t addr[2];
	uint32_t class;
	uint64_t entered;
	bool used;
};

struct twin {
	struct pk_fragments_conf conf;
	struct pk_stage_counters count;
	uint32_t tick;
	uint64_t clock;
	struct twin_datagram datagram[TWIN_DATAGRAMS];
	struct twin_source source[TWIN_DATAGRAMS];
	/* What the last fragment made whole: hashes, each once. */
	uint64_t out[TWIN_OUT];
	uint32_t outs;
	uint8_t frame[RIG_FRAME + 4096];
};

/* FNV-1a: what was emitted is compared by it. */
static inline uint64_t twin_hash(const uint8_t *bytes, uint32_t len)
{
	uint64_t h = 0xcbf29ce484222325ULL;

	for (uint32_t i = 0; i < len; i++)
		h = (h ^ bytes[i]) * 0x100000001b3ULL;
	return h;
}

static inline void twin_keep_hash(uint64_t *out, uint32_t *n, uint64_t h)
{
	uint32_t i = 0;

	while (i < *n && out[i] < h)
		i++;
	if (i < *n && out[i] == h)
		return;
	if (*n == TWIN_OUT)
		abort();
	memmove(&out[i + 1], &out[i], (*n - i) * sizeof(*out));
	out[i] = h;
	++*n;
}

/* --- sources ---------------------------------------------------------------- */

static inline void twin_addr(const struct pk_flow_key *key, uint64_t addr[2])
{
	addr[0] = key->src.q[0];
	addr[1] = key->direction & PK_FRAGMENT_IP6 ? 0 : key->src.q[1];
}

static inline bool twin_is_of(const struct twin_datagram *d,
			      const uint64_t addr[2])
{
	uint64_t a[2];

	twin_addr(&d->key, a);
	return d->used && a[0] == addr[0] && a[1] == addr[1];
}

static inline uint32_t twin_blocks(const struct twin_datagram *d)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < d->n; i++)
		n += ((d->piece[i].offset ? 0 : d->piece[i].head_len) +
		      d->piece[i].len + TWIN_BLOCK - 1) /
		     TWIN_BLOCK;
	return n;
}

static inline void twin_sum(const struct twin *t, const uint64_t *addr,
			    uint32_t *blocks, uint32_t *datagrams)
{
	*blocks = *datagrams = 0;
	for (uint32_t i = 0; i < t->conf.datagrams; i++) {
		const struct twin_datagram *d = &t->datagram[i];

		if (!d->used || (addr && !twin_is_of(d, addr)))
			continue;
		*blocks += twin_blocks(d);
		++*datagrams;
	}
}

/* A source's class changed, it came, or it went: note when. */
static inline void twin_note(struct twin *t, const uint64_t addr[2])
{
	uint32_t blocks, datagrams, class = 0, free = 0, i;

	twin_sum(t, addr, &blocks, &datagrams);
	for (uint32_t most = t->conf.blocks / 64; blocks > most && class < 7;
	     most *= 2)
		class ++;
	for (i = 0; i < t->conf.datagrams; i++) {
		struct twin_source *s = &t->source[i];

		if (!s->used)
			free = i;
		else if (s->addr[0] == addr[0] && s->addr[1] == addr[1])
			break;
	}
	if (i == t->conf.datagrams) {
		i = free;
		t->source[i] = (struct twin_source){
			{ addr[0], addr[1] }, 0, 0, true
		};
	}
	t->source[i].used = datagrams != 0;
	if (t->source[i].class != class) {
		t->source[i].class = class;
		t->source[i].entered = ++t->clock;
	}
}

/* --- forgetting --------------------------------------------------------------- */

static inline uint32_t twin_drop(struct twin *t, struct twin_datagram *d,
				 bool only_elders)
{
	uint32_t kept = 0, gone = 0;
	uint64_t addr[2];

	for (uint32_t i = 0; i < d->n; i++) {
		if (only_elders && !d->piece[i].elder) {
			d->piece[kept++] = d->piece[i];
			continue;
		}
		free(d->piece[i].bytes);
		gone++;
	}
	d->n = kept;
	t->count.frag_resident -= gone;
	twin_addr(&d->key, addr);
	twin_note(t, addr);
	return gone;
}

static inline void twin_forget(struct twin *t, struct twin_datagram *d,
			       __u64 *end)
{
	uint64_t addr[2];

	*end += twin_drop(t, d, false);
	twin_addr(&d->key, addr);
	d->used = false;
	twin_note(t, addr);
}

static inline void twin_close(struct twin *t, uint32_t tick)
{
	uint64_t now = pk_tick_start(tick);

	if (tick <= t->tick)
		return;
	t->tick = tick;
	for (uint32_t i = 0; i < t->conf.datagrams; i++) {
		struct twin_datagram *d = &t->datagram[i];
		bool ip6 = d->key.direction & PK_FRAGMENT_IP6;
		uint64_t most = (ip6 ? 60 : 30) * 1000000000ULL;

		if (d->used && now >= most && d->born_ns <= now - most)
			twin_forget(t, d,
				    d->shown ? &t->count.frag_used
					     : &t->count.frag_expired);
	}
}

/* --- room ----------------------------------------------------------------------- */

static inline struct twin_datagram *twin_oldest(struct twin *t,
						const uint64_t *addr,
						const struct twin_datagram *but)
{
	struct twin_datagram *best = NULL;

	for (uint32_t i = 0; i < t->conf.datagrams; i++) {
		struct twin_datagram *d = &t->datagram[i];

		if (!d->used || d == but || (addr && !twin_is_of(d, addr)))
			continue;
		if (!best || d->age < best->age)
			best = d;
	}
	return best;
}

/* The biggest class first; in it, who has been there the longest. */
static inline struct twin_datagram *twin_victim(struct twin *t,
						const struct twin_datagram *but)
{
	for (uint32_t class = 7; class; class --) {
		uint64_t after = 0;

		for (;;) {
			const struct twin_source *next = NULL;
			struct twin_datagram *d;

			for (uint32_t i = 0; i < t->conf.datagrams; i++) {
				const struct twin_source *s = &t->source[i];

				if (s->used && s->class == class &&
				    s->entered > after &&
				    (!next || s->entered < next->entered))
					next = s;
			}
			if (!next)
				break;
			d = twin_oldest(t, next->addr, but);
			if (d)
				return d;
			after = next->entered;
		}
	}
	return twin_oldest(t, NULL, but);
}

static inline bool twin_room(struct twin *t, const struct twin_datagram *d,
			     const struct pk_fragment *g)
{
	uint32_t need =
		((g->offset ? 0 : g->head_len) + g->len + TWIN_BLOCK - 1) /
		TWIN_BLOCK;
	uint32_t blocks, datagrams;
	struct twin_datagram *v;
	uint64_t addr[2];

	twin_addr(&g->key, addr);
	for (;;) {
		twin_sum(t, addr, &blocks, &datagrams);
		if (blocks + need <= t->conf.blocks / PK_FRAGMENT_SHARE &&
		    (!datagrams ||
		     datagrams + !d <= t->conf.datagrams / PK_FRAGMENT_SHARE))
			break;
		v = twin_oldest(t, addr, d);
		if (!v)
			return false;
		twin_forget(t, v, &t->count.frag_evicted);
	}
	for (;;) {
		twin_sum(t, NULL, &blocks, &datagrams);
		if (blocks + need <= t->conf.blocks &&
		    (d || datagrams < t->conf.datagrams))
			return true;
		v = twin_victim(t, d);
		if (!v)
			return false;
		twin_forget(t, v, &t->count.frag_evicted);
	}
}

/* --- relations ------------------------------------------------------------------ */

static inline uint8_t twin_byte(const struct twin_piece *p, uint32_t at)
{
	return p->bytes[p->head_len + at - p->offset];
}

static inline bool twin_has(const struct twin_piece *p, uint32_t at)
{
	return at >= p->offset && at < p->offset + p->len;
}

enum twin_relation { TWIN_FRESH, TWIN_COPY, TWIN_OVERLAP, TWIN_DISPUTE };

static inline enum twin_relation twin_compare(const struct twin_piece *p,
					      const struct pk_fragment *g,
					      bool ip6)
{
	uint32_t end = g->offset + g->len, other = p->offset + p->len;
	bool touches = false, differs = false;

	if ((!g->more && !p->more && end != other) ||
	    (!g->more && other > end) || (!p->more && end > other))
		return TWIN_DISPUTE;
	for (uint32_t at = g->offset; at < end; at++) {
		if (!twin_has(p, at))
			continue;
		touches = true;
		differs |= twin_byte(p, at) != g->data[at - g->offset];
	}
	if (!touches)
		return TWIN_FRESH;
	if (ip6 && !g->offset && !p->offset &&
	    p->bytes[RIG_IP6] != g->head[RIG_IP6])
		differs = true;
	if (differs)
		return TWIN_DISPUTE;
	if (p->offset == g->offset && p->len == g->len && p->more == g->more)
		return TWIN_COPY;
	return ip6 ? TWIN_DISPUTE : TWIN_OVERLAP;
}

static inline enum twin_relation twin_relate(const struct twin_datagram *d,
					     const struct pk_fragment *g)
{
	enum twin_relation most = TWIN_FRESH;

	for (uint32_t i = 0; i < d->n; i++) {
		enum twin_relation r;

		if (d->piece[i].elder)
			continue;
		r = twin_compare(&d->piece[i], g,
				 g->key.direction & PK_FRAGMENT_IP6);
		if (r == TWIN_COPY)
			return r;
		if (r > most)
			most = r;
	}
	return most;
}

/* --- putting together ------------------------------------------------------------- */

enum twin_policy { BY_FIRST, BY_LAST, BY_BEFORE, BY_AFTER };

/* Does @a win over @b? */
static inline bool twin_wins(enum twin_policy by, const struct twin_piece *a,
			     const struct twin_piece *b)
{
	switch (by) {
	case BY_FIRST:
		return a->seq < b->seq;
	case BY_LAST:
		return a->seq > b->seq;
	case BY_BEFORE:
		return a->offset != b->offset ? a->offset < b->offset
					      : a->seq < b->seq;
	default:
		return a->offset != b->offset ? a->offset > b->offset
					      : a->seq > b->seq;
	}
}

/* Whose byte it is; NULL: nobody has it. */
static inline const struct twin_piece *twin_owner(const struct twin_datagram *d,
						  bool elders,
						  enum twin_policy by,
						  uint32_t at)
{
	const struct twin_piece *owner = NULL;

	for (uint32_t i = 0; i < d->n; i++) {
		const struct twin_piece *p = &d->piece[i];

		if ((p->elder && !elders) || !twin_has(p, at))
			continue;
		if (!owner || twin_wins(by, p, owner))
			owner = p;
	}
	return owner;
}

static inline uint32_t twin_end(const struct twin_datagram *d, bool elders,
				enum twin_policy by)
{
	const struct twin_piece *last = NULL;
	uint32_t low = UINT32_MAX, high = 0;

	for (uint32_t i = 0; i < d->n; i++) {
		const struct twin_piece *p = &d->piece[i];

		if ((p->elder && !elders) || p->more)
			continue;
		if (p->offset + p->len < low)
			low = p->offset + p->len;
		if (p->offset + p->len > high)
			high = p->offset + p->len;
		if (!last || twin_wins(by, p, last))
			last = p;
	}
	if (!last)
		return 0;
	if (by == BY_BEFORE)
		return low;
	return by == BY_AFTER ? high : last->offset + last->len;
}

/* 1: emitted, 0: a byte is missing, -1: too long. */
static inline int twin_join_by(struct twin *t, const struct twin_datagram *d,
			       bool elders, enum twin_policy by)
{
	bool ip6 = d->key.direction & PK_FRAGMENT_IP6;
	uint32_t end = twin_end(d, elders, by), head;
	const struct twin_piece *first;
	uint8_t *ip = t->frame + RIG_ETH;

	for (uint32_t at = 0; at < end; at++)
		if (!twin_owner(d, elders, by, at))
			return 0;
	if (!end)
		return 0;
	first = twin_owner(d, elders, by, 0);
	head = first->head_len - (ip6 ? 8 : 0);
	if (head - (ip6 ? RIG_IP6 : 0) + end > 65535)
		return -1;
	memset(t->frame, 0, RIG_ETH);
	rig_put(t->frame + 12, ip6 ? 0x86dd : 0x0800, 2);
	memcpy(ip, first->bytes, head);
	if (ip6) {
		ip[6] = first->bytes[RIG_IP6];
		rig_put(ip + 4, end, 2);
	} else {
		rig_put(ip + 2, RIG_IP4 + end, 2);
		rig_put(ip + 6, 0, 2);
	}
	for (uint32_t at = 0; at < end; at++)
		ip[head + at] = twin_byte(twin_owner(d, elders, by, at), at);
	twin_keep_hash(t->out, &t->outs,
		       twin_hash(t->frame, RIG_ETH + head + end));
	return 1;
}

static inline int twin_join(struct twin *t, const struct twin_datagram *d,
			    bool elders)
{
	bool emitted = false, oversize = false;

	for (int by = BY_FIRST; by <= BY_AFTER; by++) {
		int done = twin_join_by(t, d, elders, (enum twin_policy)by);

		emitted |= done > 0;
		oversize |= done < 0;
	}
	return emitted ? 1 : oversize ? -1 : 0;
}

static inline void twin_complete(struct twin *t, struct twin_datagram *d)
{
	int done = 0;

	if (d->elders && !d->shown) {
		d->shown = twin_join(t, d, true) > 0;
		t->count.frag_datagrams += d->shown;
	}
	done = twin_join(t, d, false);
	if (!done)
		return;
	t->count.frag_datagrams += done > 0;
	t->count.frag_expired += twin_drop(t, d, true);
	twin_forget(t, d,
		    done > 0 ? &t->count.frag_used : &t->count.frag_oversize);
}

/* --- taking a fragment --------------------------------------------------------------- */

static inline bool twin_has_first(const struct twin_datagram *d)
{
	for (uint32_t i = 0; i < d->n; i++)
		if (!d->piece[i].elder && !d->piece[i].offset)
			return true;
	return false;
}

static inline void twin_begin_anew(struct twin *t, struct twin_datagram *d,
				   const struct pk_fragment *g)
{
	t->count.frag_expired += twin_drop(t, d, true);
	if (d->n == PK_FRAGMENTS_EACH)
		t->count.frag_expired += twin_drop(t, d, false);
	for (uint32_t i = 0; i < d->n; i++)
		d->piece[i].elder = true;
	d->elders = d->n != 0;
	d->shown = d->disputed = false;
	d->overlaps = 1;
	d->born_ns = g->time_ns;
	d->age = ++t->clock;
}

static inline bool twin_admit(struct twin *t, struct twin_datagram *d,
			      const struct pk_fragment *g)
{
	enum twin_relation r = twin_relate(d, g);

	if (r == TWIN_COPY) {
		t->count.frag_duplicate++;
		return false;
	}
	t->count.frag_overlap += r == TWIN_DISPUTE;
	if (r == TWIN_DISPUTE && g->key.direction & PK_FRAGMENT_IP6) {
		t->count.frag_dropped += twin_drop(t, d, false) + 1;
		d->dropped = true;
		return false;
	}
	if (r == TWIN_DISPUTE && !g->offset && twin_has_first(d)) {
		twin_begin_anew(t, d, g);
		return true;
	}
	if (d->n == PK_FRAGMENTS_EACH ||
	    (r != TWIN_FRESH && d->overlaps == PK_FRAGMENT_OVERLAPS)) {
		t->count.frag_quota++;
		return false;
	}
	d->overlaps += r != TWIN_FRESH;
	d->disputed |= r == TWIN_DISPUTE;
	return true;
}

static inline struct twin_datagram *twin_create(struct twin *t,
						const struct pk_fragment *g)
{
	struct twin_datagram *d = t->datagram;

	while (d->used)
		d++;
	memset(d, 0, sizeof(*d));
	d->used = true;
	d->key = g->key;
	d->born_ns = g->time_ns;
	d->age = ++t->clock;
	return d;
}

static inline void twin_put(struct twin *t, struct twin_datagram *d,
			    const struct pk_fragment *g)
{
	struct twin_piece *p = &d->piece[d->n++];
	uint64_t addr[2];

	*p = (struct twin_piece){ .seq = d->seq++,
				  .offset = g->offset,
				  .len = g->len,
				  .head_len = g->head_len,
				  .more = g->more };
	p->bytes = malloc(g->head_len + g->len);
	if (!p->bytes)
		abort();
	memcpy(p->bytes, g->head, g->head_len);
	memcpy(p->bytes + g->head_len, g->data, g->len);
	t->count.frag_resident++;
	twin_addr(&d->key, addr);
	twin_note(t, addr);
}

static inline void twin_add(struct twin *t, const struct pk_fragment *g)
{
	struct twin_datagram *d = NULL;

	twin_close(t, pk_tick(g->time_ns));
	t->outs = 0;
	t->count.frag_in++;
	for (uint32_t i = 0; i < t->conf.datagrams; i++)
		if (t->datagram[i].used &&
		    !memcmp(&t->datagram[i].key, &g->key, sizeof(g->key)))
			d = &t->datagram[i];
	if (d && d->dropped) {
		t->count.frag_dropped++;
		return;
	}
	if (d && !twin_admit(t, d, g))
		return;
	if (!twin_room(t, d, g)) {
		t->count.frag_quota++;
		return;
	}
	if (!d)
		d = twin_create(t, g);
	twin_put(t, d, g);
	twin_complete(t, d);
}

/* A zeroed twin, and one that was emptied, may begin. */
static inline void twin_begin(struct twin *t,
			      const struct pk_fragments_conf *conf)
{
	t->conf = *conf;
	t->tick = t->outs = 0;
	t->clock = 0;
	memset(&t->count, 0, sizeof(t->count));
	memset(t->source, 0, sizeof(t->source));
}

static inline void twin_empty(struct twin *t)
{
	for (uint32_t i = 0; i < TWIN_DATAGRAMS; i++)
		if (t->datagram[i].used)
			twin_forget(t, &t->datagram[i], &t->count.frag_expired);
}

#endif /* PK_TESTS_FRAGMENTS_TWIN_H */
