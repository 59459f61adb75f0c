/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fragments_twin_join: what the slow twin keeps, and how it puts it together.
 */
#ifndef PK_TESTS_FRAGMENTS_TWIN_JOIN_H
#define PK_TESTS_FRAGMENTS_TWIN_JOIN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/inspect/fragments.h"
#include "tests/fragments_rig.h"

enum {
	TWIN_PIECES = PK_FRAGMENTS_EACH + 1,
	TWIN_DATAGRAMS = 256,
	TWIN_OUT = 4096,
	TWIN_BLOCK = 256,
};

struct twin_piece {
	uint32_t seq, offset, len, head_len;
	uint8_t ttl;
	bool more, used, against, disputed, gone;
	uint8_t *bytes; /* the whole frame behind the Ethernet header */
};

struct twin_datagram {
	struct pk_flow_key key;
	uint64_t born_ns, age;
	uint32_t n, seq, credit;
	bool used, dropped, done, oversize;
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
	/* What came out for the last fragment: hashes, each once. */
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

/* --- putting together ------------------------------------------------------------- */

static inline uint8_t twin_byte(const struct twin_piece *p, uint32_t at)
{
	return p->bytes[p->head_len + at - p->offset];
}

static inline bool twin_has(const struct twin_piece *p, uint32_t at)
{
	return at >= p->offset && at < p->offset + p->len;
}

enum twin_policy {
	BY_LAST,
	BY_FIRST,
	BY_BEFORE,
	BY_AFTER,
	BY_TTL_LAST,
	BY_TTL_FIRST,
	POLICIES
};

/* A way to put a datagram together. */
struct twin_way {
	enum twin_policy by;
	const struct twin_piece *raised; /* wins over all others */
	bool run;			 /* up to the first hole */
};

/* Does @a win over @b? */
static inline bool twin_wins(const struct twin_way *w,
			     const struct twin_piece *a,
			     const struct twin_piece *b)
{
	bool later = a->seq > b->seq;

	if (a == w->raised || b == w->raised)
		return a == w->raised;
	switch (w->by) {
	case BY_FIRST:
		return !later;
	case BY_LAST:
		return later;
	case BY_BEFORE:
		return a->offset != b->offset ? a->offset < b->offset : !later;
	case BY_AFTER:
		return a->offset != b->offset ? a->offset > b->offset : later;
	default:
		if (a->ttl != b->ttl)
			return a->ttl > b->ttl;
		return (w->by == BY_TTL_LAST) == later;
	}
}

/* Whose byte it is; NULL: nobody has it. */
static inline const struct twin_piece *twin_owner(const struct twin_datagram *d,
						  const struct twin_way *w,
						  uint32_t at)
{
	const struct twin_piece *owner = NULL;

	for (uint32_t i = 0; i < d->n; i++) {
		const struct twin_piece *p = &d->piece[i];

		if (twin_has(p, at) && (!owner || twin_wins(w, p, owner)))
			owner = p;
	}
	return owner;
}

static inline uint32_t twin_reach(const struct twin_datagram *d)
{
	static const struct twin_way any;
	uint32_t at = 0;

	while (twin_owner(d, &any, at))
		at++;
	return at;
}

/* 0: nobody names an end. */
static inline uint32_t twin_end(const struct twin_datagram *d,
				const struct twin_way *w)
{
	const struct twin_piece *last = NULL;
	uint32_t low = UINT32_MAX, high = 0;

	for (uint32_t i = 0; i < d->n; i++) {
		const struct twin_piece *p = &d->piece[i];

		if (p->more)
			continue;
		if (p->offset + p->len < low)
			low = p->offset + p->len;
		if (p->offset + p->len > high)
			high = p->offset + p->len;
		if (!last || twin_wins(w, p, last))
			last = p;
	}
	if (!last)
		return 0;
	if (last == w->raised)
		return last->offset + last->len;
	if (w->by == BY_BEFORE)
		return low;
	return w->by == BY_AFTER ? high : last->offset + last->len;
}

/* 1: emitted, 0: a byte is missing, -1: too long. */
static inline int twin_join_by(struct twin *t, const struct twin_datagram *d,
			       const struct twin_way *w)
{
	bool ip6 = d->key.direction & PK_FRAGMENT_IP6;
	uint32_t reach = twin_reach(d), end = twin_end(d, w), head, most;
	const struct twin_piece *first;
	uint8_t *ip = t->frame + RIG_ETH;

	if (!w->run && (!end || end > reach))
		return 0;
	first = twin_owner(d, w, 0);
	head = first->head_len - (ip6 && !w->run ? 8 : 0);
	most = 65535 - (head - (ip6 ? RIG_IP6 : 0));
	if (w->run)
		end = reach < most ? reach : most;
	if (end > most)
		return -1;
	memset(t->frame, 0, RIG_ETH);
	rig_put(t->frame + 12, ip6 ? 0x86dd : 0x0800, 2);
	memcpy(ip, first->bytes, head);
	if (ip6)
		rig_put(ip + 4, head - RIG_IP6 + end, 2);
	else
		rig_put(ip + 2, RIG_IP4 + end, 2);
	if (ip6 && !w->run)
		ip[6] = first->bytes[RIG_IP6];
	else if (!w->run)
		rig_put(ip + 6, 0, 2);
	for (uint32_t at = 0; at < end; at++)
		ip[head + at] = twin_byte(twin_owner(d, w, at), at);
	twin_keep_hash(t->out, &t->outs,
		       twin_hash(t->frame, RIG_ETH + head + end));
	return 1;
}

/* Is every byte there up to the lowest end? */
static inline bool twin_is_whole(const struct twin_datagram *d)
{
	static const struct twin_way low = { .by = BY_BEFORE };
	uint32_t end = twin_end(d, &low);

	return end && end <= twin_reach(d);
}

/* If @over, it wins over all others in each way. */
static inline int twin_join_all(struct twin *t, const struct twin_datagram *d,
				bool run, const struct twin_piece *over)
{
	bool emitted = false, oversize = false, disputed = false;
	struct twin_way w = { .run = run, .raised = over };

	for (uint32_t i = 0; i < d->n; i++)
		disputed |= d->piece[i].disputed;
	for (int by = 0; by < (disputed ? POLICIES : 1); by++) {
		int done;

		w.by = (enum twin_policy)by;
		done = twin_join_by(t, d, &w);
		emitted |= done > 0;
		oversize |= done < 0;
	}
	for (uint32_t i = 0; !over && i < d->n; i++) {
		w.raised = &d->piece[i];
		if (!d->piece[i].against || d->piece[i].used)
			continue;
		w.by = BY_LAST;
		twin_join_by(t, d, &w);
		w.by = BY_FIRST;
		twin_join_by(t, d, &w);
	}
	return emitted ? 1 : oversize ? -1 : 0;
}

/*
 * What is there of one that is given up, or that gives up @over, unless one
 * piece is all of it, or @over lies behind it.
 */
static inline void twin_run(struct twin *t, const struct twin_datagram *d,
			    const struct twin_piece *over)
{
	const struct twin_piece *eldest = NULL;
	bool disputed = false;

	for (uint32_t i = 0; i < d->n; i++) {
		const struct twin_piece *p = &d->piece[i];

		disputed |= p->disputed;
		if (!p->offset && (!eldest || p->seq < eldest->seq))
			eldest = p;
	}
	if (!eldest || d->n < 2 || (!disputed && twin_reach(d) == eldest->len))
		return;
	if (over && over->offset >= twin_reach(d))
		return;
	t->count.frag_runs++;
	twin_join_all(t, d, true, over);
}

#endif /* PK_TESTS_FRAGMENTS_TWIN_JOIN_H */
