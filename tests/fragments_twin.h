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

#include "tests/fragments_twin_join.h"

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

static inline void twin_drop(struct twin *t, struct twin_datagram *d,
			     uint32_t before, __u64 *end)
{
	uint32_t kept = 0;
	uint64_t addr[2];

	for (uint32_t i = 0; i < d->n; i++) {
		if (d->piece[i].seq >= before && !d->piece[i].gone) {
			d->piece[kept++] = d->piece[i];
			continue;
		}
		free(d->piece[i].bytes);
		t->count.frag_resident -= !d->piece[i].used;
		*end += !d->piece[i].used;
	}
	d->n = kept;
	twin_addr(&d->key, addr);
	twin_note(t, addr);
}

static inline void twin_forget(struct twin *t, struct twin_datagram *d,
			       __u64 *end)
{
	uint64_t addr[2];

	if (!d->done)
		twin_run(t, d, NULL);
	twin_drop(t, d, UINT32_MAX, end);
	twin_addr(&d->key, addr);
	d->used = false;
	twin_note(t, addr);
}

static inline void twin_evict(struct twin *t, struct twin_datagram *d)
{
	t->count.frag_forgotten += d->done;
	twin_forget(t, d, &t->count.frag_evicted);
}

static inline void twin_close(struct twin *t, uint32_t tick)
{
	uint64_t now = pk_tick_start(tick);

	if (tick <= t->tick)
		return;
	t->tick = tick;
	for (uint32_t i = 0; i < t->conf.datagrams; i++) {
		struct twin_datagram *d = &t->datagram[i];
		uint64_t most = 60 * 1000000000ULL;

		if (d->used && now >= most && d->born_ns <= now - most)
			twin_forget(t, d,
				    d->oversize ? &t->count.frag_oversize
						: &t->count.frag_expired);
	}
}

/* --- room ----------------------------------------------------------------------- */

static inline struct twin_datagram *twin_oldest_that(
	struct twin *t, const uint64_t *addr, const struct twin_datagram *but,
	bool is_done)
{
	struct twin_datagram *best = NULL;

	for (uint32_t i = 0; i < t->conf.datagrams; i++) {
		struct twin_datagram *d = &t->datagram[i];

		if (!d->used || d == but || d->done != is_done ||
		    (addr && !twin_is_of(d, addr)))
			continue;
		if (!best || d->age < best->age)
			best = d;
	}
	return best;
}

static inline struct twin_datagram *twin_oldest(struct twin *t,
						const uint64_t *addr,
						const struct twin_datagram *but)
{
	struct twin_datagram *d = twin_oldest_that(t, addr, but, true);

	return d ? d : twin_oldest_that(t, addr, but, false);
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
		twin_evict(t, v);
	}
	for (;;) {
		twin_sum(t, NULL, &blocks, &datagrams);
		if (blocks + need <= t->conf.blocks &&
		    (d || datagrams < t->conf.datagrams))
			return true;
		v = twin_victim(t, d);
		if (!v)
			return false;
		twin_evict(t, v);
	}
}

/* --- relations ------------------------------------------------------------------ */

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

static inline enum twin_relation twin_to(const struct twin_datagram *d,
					 uint32_t i,
					 const struct pk_fragment *g)
{
	return twin_compare(&d->piece[i], g,
			    g->key.direction & PK_FRAGMENT_IP6);
}

static inline enum twin_relation twin_relate(struct twin_datagram *d,
					     const struct pk_fragment *g)
{
	enum twin_relation most = TWIN_FRESH;

	for (uint32_t i = 0; i < d->n; i++) {
		enum twin_relation r = twin_to(d, i, g);

		if (r == TWIN_COPY && g->ttl > d->piece[i].ttl)
			d->piece[i].ttl = g->ttl;
		if (r == TWIN_COPY)
			return r;
		if (r > most)
			most = r;
	}
	return most;
}

/* --- taking a fragment --------------------------------------------------------------- */

static inline void twin_renew(struct twin *t, struct twin_datagram *d,
			      uint64_t now)
{
	d->born_ns = now;
	d->age = ++t->clock;
}

static inline void twin_complete(struct twin *t, struct twin_datagram *d,
				 uint64_t now)
{
	int done = twin_join_all(t, d, false, NULL);

	d->oversize |= done < 0;
	if (done <= 0)
		return;
	t->count.frag_datagrams++;
	for (uint32_t i = 0; i < d->n; i++) {
		t->count.frag_used += !d->piece[i].used;
		t->count.frag_resident -= !d->piece[i].used;
		d->piece[i].used = true;
	}
	d->done = true;
	d->oversize = false;
	twin_renew(t, d, now);
}

static inline bool twin_is_full(const struct twin_datagram *d,
				enum twin_relation r)
{
	uint32_t overlaps = 0;

	for (uint32_t i = 0; i < d->n; i++)
		overlaps += d->piece[i].against;
	return d->n == PK_FRAGMENTS_EACH ||
	       (r == TWIN_DISPUTE && overlaps == PK_FRAGMENT_OVERLAPS);
}

/* The youngest agrees with what lies in it, which was disputed by nobody. */
static inline void twin_absorb(struct twin *t, struct twin_datagram *d)
{
	struct twin_piece *g = &d->piece[d->n - 1];

	for (uint32_t i = 0; i + 1 < d->n; i++) {
		struct twin_piece *p = &d->piece[i];

		p->gone = !p->disputed && twin_has(g, p->offset) &&
			  twin_has(g, p->offset + p->len - 1);
		if (p->gone && p->ttl > g->ttl)
			g->ttl = p->ttl;
	}
	twin_drop(t, d, 0, &t->count.frag_duplicate);
}

static inline void twin_put(struct twin *t, struct twin_datagram *d,
			    const struct pk_fragment *g, enum twin_relation r)
{
	struct twin_piece *p = &d->piece[d->n];
	uint64_t addr[2];

	for (uint32_t i = 0; i < d->n; i++)
		d->piece[i].disputed |=
			r == TWIN_DISPUTE && twin_to(d, i, g) == TWIN_DISPUTE;
	d->n++;
	*p = (struct twin_piece){ .seq = d->seq++,
				  .offset = g->offset,
				  .len = g->len,
				  .head_len = g->head_len,
				  .ttl = g->ttl,
				  .more = g->more,
				  .against = r == TWIN_DISPUTE,
				  .disputed = r == TWIN_DISPUTE };
	p->bytes = malloc(g->head_len + g->len);
	if (!p->bytes)
		abort();
	memcpy(p->bytes, g->head, g->head_len);
	memcpy(p->bytes + g->head_len, g->data, g->len);
	d->credit += 32 * (g->len + 64);
	if (d->credit > 4 << 20)
		d->credit = 4 << 20;
	t->count.frag_resident++;
	twin_addr(&d->key, addr);
	twin_note(t, addr);
	if (r == TWIN_OVERLAP)
		twin_absorb(t, d);
}

/* The oldest that came against others: of @firsts, or of the others. */
static inline struct twin_piece *twin_oldest_piece(struct twin_datagram *d,
						   bool firsts)
{
	struct twin_piece *best = NULL;

	for (uint32_t i = 0; i < d->n; i++) {
		struct twin_piece *p = &d->piece[i];

		if (p->against && !p->offset == firsts &&
		    (!best || p->seq < best->seq))
			best = p;
	}
	return best;
}

/* The first that @g contradicts, by place, then by age. */
static inline struct twin_piece *twin_opponent(struct twin_datagram *d,
					       const struct pk_fragment *g)
{
	struct twin_piece *best = NULL;

	for (uint32_t i = 0; i < d->n; i++) {
		struct twin_piece *p = &d->piece[i];

		if (twin_to(d, i, g) != TWIN_DISPUTE)
			continue;
		if (!best || p->offset < best->offset ||
		    (p->offset == best->offset && p->seq < best->seq))
			best = p;
	}
	return best;
}

/* The oldest first piece goes with all before the next one. */
static inline void twin_displace_firsts(struct twin *t, struct twin_datagram *d)
{
	uint32_t low = UINT32_MAX, next = UINT32_MAX;

	for (uint32_t i = 0; i < d->n; i++) {
		uint32_t seq = d->piece[i].seq;

		if (d->piece[i].offset)
			continue;
		if (seq < low) {
			next = low;
			low = seq;
		} else if (seq < next) {
			next = seq;
		}
	}
	if (!d->done)
		twin_run(t, d, NULL);
	twin_drop(t, d, low == UINT32_MAX ? low : next, &t->count.frag_quota);
}

static inline void twin_displace(struct twin *t, struct twin_datagram *d,
				 const struct pk_fragment *g)
{
	bool first = !g->offset;
	struct twin_piece *p = twin_oldest_piece(d, first);
	uint32_t overlaps = 0, n = d->n;

	for (uint32_t i = 0; i < d->n; i++)
		overlaps += d->piece[i].against;
	if (!p)
		p = twin_oldest_piece(d, !first);
	if (!p && !first)
		p = twin_opponent(d, g);
	if (first && overlaps < PK_FRAGMENT_OVERLAPS) {
		twin_displace_firsts(t, d);
	} else {
		if (!d->done)
			twin_run(t, d, p);
		p->gone = true;
		twin_drop(t, d, 0, &t->count.frag_quota);
	}
	t->count.frag_displaced += n - d->n;
	d->done = d->oversize = false;
	twin_renew(t, d, g->time_ns);
}

static inline bool twin_pays(struct twin_datagram *d)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < d->n; i++)
		if (d->piece[i].offset + d->piece[i].len > most)
			most = d->piece[i].offset + d->piece[i].len;
	if (d->credit < 6 * most)
		return false;
	d->credit -= 6 * most;
	return true;
}

/* What nobody has of @g, which contradicts nobody: how many bytes. */
static inline uint32_t twin_cut(struct twin_datagram *d, struct pk_fragment *g)
{
	bool had[RIG_FRAME] = { false }, lasts = false;
	uint32_t low = g->offset, end = g->offset + g->len, high = end;

	for (uint32_t i = 0; i < d->n; i++) {
		struct twin_piece *p = &d->piece[i];
		bool touches = false, inside = true;

		lasts |= !p->more;
		for (uint32_t at = p->offset; at < p->offset + p->len; at++) {
			had[at] = true;
			touches |= at >= low && at < end;
			inside &= at >= low && at < end;
		}
		if (touches && (inside || !p->disputed) && g->ttl > p->ttl)
			p->ttl = g->ttl;
	}
	while (low < end && had[low])
		low++;
	if (!g->more && !lasts) {
		while (low == end || low % 8)
			low--;
	} else {
		while (high > low && had[high - 1])
			high--;
	}
	g->data += low - g->offset;
	g->more |= high < end;
	g->offset = low;
	g->len = high - low;
	return g->len;
}

/* RFC 5722; but what it makes with the rest is judged. */
static inline void twin_forbid(struct twin *t, struct twin_datagram *d,
			       const struct pk_fragment *g)
{
	if (d->n < PK_FRAGMENTS_EACH && twin_room(t, d, g))
		twin_put(t, d, g, TWIN_DISPUTE);
	else
		t->count.frag_dropped++;
	if (!twin_is_whole(d) || twin_join_all(t, d, false, NULL) < 0)
		twin_run(t, d, NULL);
	twin_drop(t, d, UINT32_MAX, &t->count.frag_dropped);
	d->dropped = true;
	d->done = d->oversize = false;
	twin_renew(t, d, g->time_ns);
}

static inline bool twin_admit(struct twin *t, struct twin_datagram *d,
			      struct pk_fragment *g, enum twin_relation *r)
{
	*r = twin_relate(d, g);
	t->count.frag_overlap += *r == TWIN_DISPUTE;
	if (*r == TWIN_DISPUTE && g->key.direction & PK_FRAGMENT_IP6) {
		twin_forbid(t, d, g);
		return false;
	}
	while (*r == TWIN_DISPUTE && twin_is_full(d, *r) &&
	       (!g->offset || d->done) && twin_pays(d)) {
		twin_displace(t, d, g);
		*r = twin_relate(d, g);
	}
	if (*r == TWIN_COPY || (*r == TWIN_OVERLAP && !twin_cut(d, g))) {
		t->count.frag_duplicate++;
		return false;
	}
	if (twin_is_full(d, *r)) {
		t->count.frag_quota++;
		return false;
	}
	if (*r == TWIN_DISPUTE)
		twin_renew(t, d, g->time_ns);
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
	d->credit = 4 << 20;
	twin_renew(t, d, g->time_ns);
	return d;
}

static inline void twin_add(struct twin *t, const struct pk_fragment *g)
{
	struct pk_fragment part = *g;
	struct twin_datagram *d = NULL;
	enum twin_relation r = TWIN_FRESH;

	t->outs = 0;
	twin_close(t, pk_tick(g->time_ns));
	t->count.frag_in++;
	for (uint32_t i = 0; i < t->conf.datagrams; i++)
		if (t->datagram[i].used &&
		    !memcmp(&t->datagram[i].key, &g->key, sizeof(g->key)))
			d = &t->datagram[i];
	if (d && d->dropped) {
		t->count.frag_dropped++;
		return;
	}
	if (d && !twin_admit(t, d, &part, &r))
		return;
	if (!twin_room(t, d, &part)) {
		t->count.frag_quota++;
		return;
	}
	if (!d)
		d = twin_create(t, &part);
	twin_put(t, d, &part, r);
	twin_complete(t, d, g->time_ns);
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
