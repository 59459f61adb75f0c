/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "control/threat_inside.h"

enum {
	SLICE_BYTES = 64 << 10,
	SLICE_BUCKETS = 8192,
};

/* --- names -------------------------------------------------------------------- */

uint32_t pk_threats_past_slot(const char *value)
{
	return (uint32_t)XXH3_64bits(value, strlen(value));
}

void pk_threats_past_key(struct pk_threats *t, struct pk_threat_key *key,
			 const char *value)
{
	key->slot = pk_threats_past_slot(value);
	for (key->past = 1; pk_threat_table_find(t->table, key); key->past++)
		if (key->past == UINT8_MAX)
			break;
}

struct pk_threat_entry *pk_threats_adopt(struct pk_threats *t,
					 const struct pk_threat_key *key,
					 const char *value)
{
	struct pk_threat_key past = *key;
	struct pk_threat_entry *e;

	if (!t->counters.revived)
		return NULL;
	past.slot = pk_threats_past_slot(value);
	for (past.past = 1; past.past < UINT8_MAX; past.past++) {
		e = pk_threat_table_find(t->table, &past);
		if (!e)
			return NULL;
		if (strcmp(e->shown.indicator->value, value) != 0)
			continue;
		pk_threat_table_rekey(t->table, e, key);
		return e;
	}
	return NULL;
}

int pk_threats_keep(struct pk_threat_entry *e,
		    const struct pk_threat_indicator *ind)
{
	size_t n = offsetof(struct pk_threat_indicator, value) +
		   strnlen(ind->value, PK_THREAT_VALUE - 1) + 1;
	char *copy = malloc(n);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, ind, n);
	copy[n - 1] = 0;
	e->shown.indicator = (struct pk_threat_indicator *)(void *)copy;
	e->shown.severity =
		*ind->severity ? e->shown.indicator->severity : "high";
	return 0;
}

/* --- saving ------------------------------------------------------------------- */

static void put_indicator(const struct pk_threat_indicator *ind,
			  struct pk_writer *w)
{
	pk_put_u8(w, ind->confidence);
	pk_put_u8(w, ind->embedded);
	pk_put_u32(w, ind->expires);
	pk_put_text(w, ind->type);
	pk_put_text(w, ind->id);
	pk_put_text(w, ind->threat_type);
	pk_put_text(w, ind->class);
	pk_put_text(w, ind->severity);
	pk_put_text(w, ind->tlp);
	pk_put_text(w, ind->tags);
	pk_put_text(w, ind->attribution);
	pk_put_text(w, ind->value);
	pk_put_u8(w, ind->feeds);
	for (uint32_t i = 0; i < ind->feeds && i < PK_THREAT_FEEDS; i++)
		pk_put_text(w, ind->feed[i]);
}

static void put_evidence(const struct pk_threat_evidence *e,
			 struct pk_writer *w)
{
	pk_put_u8(w, (uint8_t)e->pieces);
	pk_put_bytes(w, e->piece, e->pieces * sizeof(e->piece[0]));
	pk_put_u64(w, e->targets.rest);
	pk_put_u8(w, (uint8_t)e->targets.used);
	pk_put_bytes(w, e->targets.target,
		     e->targets.used * sizeof(e->targets.target[0]));
}

static void put_shown(const struct pk_threat *s, struct pk_writer *w)
{
	pk_put_u64(w, s->id[0]);
	pk_put_u64(w, s->id[1]);
	pk_put_u64(w, s->seq);
	pk_put_u64(w, s->first_ns);
	pk_put_u64(w, s->last_ns);
	pk_put_u64(w, s->count);
	pk_put_u64(w, s->generation);
	pk_put_bytes(w, &s->target, sizeof(s->target));
	pk_put_u32(w, s->hold_sec);
	pk_put_u32(w, s->sampling);
	pk_put_u8(w, s->state);
	pk_put_u8(w, s->plane);
	pk_put_u8(w, s->role);
	pk_put_u8(w, s->depth);
	pk_put_u8(w, s->confidence);
	pk_put_bytes(w, &s->flow.key, sizeof(s->flow.key));
	pk_put_u8(w, s->flow.tcp_flags);
	pk_put_u8(w, s->flow.ttl);
	pk_put_u8(w, s->flow.has_ttl);
	pk_put_u32(w, s->details.hosts);
	pk_put_u32(w, s->details.ports);
	pk_put_u8(w, (uint8_t)s->details.named);
	pk_put_bytes(w, s->details.host,
		     s->details.named * sizeof(s->details.host[0]));
}

static void put_entry(const struct pk_threat_entry *e, struct pk_writer *w)
{
	const struct pk_threat *s = &e->shown;

	pk_put_u8(w, 1);
	pk_put_u64(w, e->touched);
	pk_put_u64(w, e->order);
	pk_put_bytes(w, &e->key.observer, sizeof(e->key.observer));
	pk_put_bytes(w, &e->key.addr, sizeof(e->key.addr));
	pk_put_u16(w, e->key.kind);
	pk_put_u8(w, e->key.depth);
	pk_put_u64(w, e->quiet_ns);
	pk_put_u64(w, e->mute_ns);
	pk_put_u64(w, e->told_ns);
	pk_put_u64(w, e->due_ns);
	pk_put_u64(w, e->packets);
	pk_put_text(w, s->type);
	pk_put_text(w, s->severity);
	put_shown(s, w);
	put_evidence(&e->evidence, w);
	pk_put_u8(w, s->indicator != NULL);
	if (s->indicator)
		put_indicator(s->indicator, w);
	pk_put_u8(w, s->name != NULL);
	if (s->name)
		pk_put_text(w, s->name);
}

/* Some are put as they are in memory: how long they are tells versions apart. */
static const uint16_t sizes[] = {
	sizeof(struct pk_flow_key),
	sizeof(struct pk_threat_piece),
	sizeof(struct pk_threat_target),
};

enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

/* Those of a bucket whose key was changed behind change @since, or all. */
static void put_bucket(struct pk_threats *t, uint32_t number, uint64_t since,
		       struct pk_writer *w)
{
	const struct pk_threat_entry *e =
		pk_threat_table_bucket(t->table, number);

	for (; e; e = e->chain)
		if (!since || e->rekeyed >= since)
			put_entry(e, w);
}

/*
 * An entry stays in its bucket, unless it gets another key, which is once in
 * its life. So when some did since the pass began, these are put in a second
 * round; who gets one in that was put in the first.
 */
int pk_threats_save(struct pk_threats *t, struct pk_writer *w, uint64_t *at)
{
	uint32_t buckets = pk_threat_table_buckets(t->table);
	uint64_t end = *at + SLICE_BUCKETS, last = buckets;
	size_t begun = w->used;

	if (!*at) {
		for (int i = 0; i < SIZES; i++)
			pk_put_u16(w, sizes[i]);
		pk_put_u64(w, t->now_ns);
		t->save_rekeyed = pk_threat_table_rekeyed(t->table);
		*at = 1;
	}
	if (t->save_rekeyed != pk_threat_table_rekeyed(t->table))
		last = 2 * (uint64_t)buckets;
	while (*at <= last) {
		put_bucket(t, (uint32_t)((*at - 1) % buckets),
			   *at > buckets ? t->save_rekeyed + 1 : 0, w);
		++*at;
		if (*at >= end || w->used - begun > SLICE_BYTES)
			return w->err ? w->err : 1;
	}
	pk_put_u8(w, 0);
	return w->err;
}

/* --- loading ------------------------------------------------------------------ */

/* Where one is. */
struct spot {
	uint64_t touched;
	struct pk_reader at;
};

static void get_indicator(struct pk_reader *r, struct pk_threat_indicator *ind)
{
	ind->confidence = pk_get_u8(r);
	ind->embedded = pk_get_u8(r);
	ind->expires = pk_get_u32(r);
	pk_get_text(r, ind->type, sizeof(ind->type));
	pk_get_text(r, ind->id, sizeof(ind->id));
	pk_get_text(r, ind->threat_type, sizeof(ind->threat_type));
	pk_get_text(r, ind->class, sizeof(ind->class));
	pk_get_text(r, ind->severity, sizeof(ind->severity));
	pk_get_text(r, ind->tlp, sizeof(ind->tlp));
	pk_get_text(r, ind->tags, sizeof(ind->tags));
	pk_get_text(r, ind->attribution, sizeof(ind->attribution));
	pk_get_text(r, ind->value, sizeof(ind->value));
	ind->feeds = pk_get_u8(r);
	if (ind->feeds > PK_THREAT_FEEDS)
		r->err = -EBADMSG;
	for (uint32_t i = 0; !r->err && i < ind->feeds; i++)
		pk_get_text(r, ind->feed[i], sizeof(ind->feed[i]));
}

/* @most at most, of @size each. */
static uint32_t get_list(struct pk_reader *r, void *to, uint32_t most,
			 size_t size)
{
	uint32_t n = pk_get_u8(r);

	if (n > most) {
		r->err = -EBADMSG;
		return 0;
	}
	pk_get_bytes(r, to, n * size);
	return n;
}

static void get_evidence(struct pk_reader *r, struct pk_threat_evidence *e)
{
	e->pieces =
		get_list(r, e->piece, PK_THREAT_PIECES, sizeof(e->piece[0]));
	e->targets.rest = pk_get_u64(r);
	e->targets.used = get_list(r, e->targets.target, PK_THREAT_TARGETS,
				   sizeof(e->targets.target[0]));
}

static void get_shown(struct pk_reader *r, struct pk_threat *s)
{
	s->id[0] = pk_get_u64(r);
	s->id[1] = pk_get_u64(r);
	s->seq = pk_get_u64(r);
	s->first_ns = pk_get_u64(r);
	s->last_ns = pk_get_u64(r);
	s->count = pk_get_u64(r);
	s->generation = pk_get_u64(r);
	pk_get_bytes(r, &s->target, sizeof(s->target));
	s->hold_sec = pk_get_u32(r);
	s->sampling = pk_get_u32(r);
	s->state = pk_get_u8(r);
	s->plane = pk_get_u8(r);
	s->role = pk_get_u8(r);
	s->depth = pk_get_u8(r);
	s->confidence = pk_get_u8(r);
	pk_get_bytes(r, &s->flow.key, sizeof(s->flow.key));
	s->flow.tcp_flags = pk_get_u8(r);
	s->flow.ttl = pk_get_u8(r);
	s->flow.has_ttl = pk_get_u8(r);
	s->details.hosts = pk_get_u32(r);
	s->details.ports = pk_get_u32(r);
	s->details.named = get_list(r, s->details.host, PK_WINDOW_HOSTS,
				    sizeof(s->details.host[0]));
}

/* 1, or 0 behind the last one or a fault. */
static int get_entry(struct pk_reader *r, struct pk_threat_kept *k)
{
	struct pk_threat_entry *e = &k->e;

	memset(k, 0, sizeof(*k));
	if (!pk_get_u8(r))
		return 0;
	k->touched = pk_get_u64(r);
	k->order = pk_get_u64(r);
	pk_get_bytes(r, &e->key.observer, sizeof(e->key.observer));
	pk_get_bytes(r, &e->key.addr, sizeof(e->key.addr));
	e->key.kind = pk_get_u16(r);
	e->key.depth = pk_get_u8(r);
	e->quiet_ns = pk_get_u64(r);
	e->mute_ns = pk_get_u64(r);
	e->told_ns = pk_get_u64(r);
	e->due_ns = pk_get_u64(r);
	e->packets = pk_get_u64(r);
	pk_get_text(r, k->type, sizeof(k->type));
	pk_get_text(r, k->severity, sizeof(k->severity));
	get_shown(r, &e->shown);
	get_evidence(r, &e->evidence);
	k->has_indicator = pk_get_u8(r);
	if (k->has_indicator)
		get_indicator(r, &k->indicator);
	k->has_name = pk_get_u8(r);
	if (k->has_name)
		pk_get_text(r, k->name, sizeof(k->name));
	if (k->has_indicator != (e->key.kind < PK_THREAT_DETECTOR))
		r->err = -EBADMSG;
	return !r->err;
}

static int by_touch(const void *a, const void *b)
{
	const struct spot *x = a, *y = b;

	return (x->touched > y->touched) - (x->touched < y->touched);
}

static uint32_t number_of_detector(const struct pk_threats_past *past,
				   const char *name)
{
	uint32_t n = 0;

	while (n < past->detector_count &&
	       strcmp(past->detectors[n].name, name) != 0)
		n++;
	return n;
}

void pk_threats_set_detector(struct pk_threat_kept *k, const uint64_t id[2],
			     const struct pk_threats_past *past)
{
	uint32_t n = number_of_detector(past, k->type);

	if (n < past->detector_count)
		k->detector = &past->detectors[n];
	else /* a number that no detector has */
		n = PK_DETECTORS_MAX + (uint32_t)(id[1] & 0x3fff);
	k->e.key.kind = (uint16_t)(PK_THREAT_DETECTOR + n);
}

static char *keep_words(const struct pk_threat_kept *k)
{
	size_t type = strlen(k->type) + 1, severity = strlen(k->severity) + 1;
	char *words = malloc(type + severity);

	if (!words)
		return NULL;
	memcpy(words, k->type, type);
	memcpy(words + type, k->severity, severity);
	return words;
}

static int say_detector(struct pk_threat_entry *e,
			const struct pk_threat_kept *k)
{
	if (k->detector) {
		e->shown.type = k->detector->name;
		e->shown.severity = k->detector->severity;
		return 0;
	}
	e->words = keep_words(k);
	if (!e->words)
		return -ENOMEM;
	e->shown.type = e->words;
	e->shown.severity = e->words + strlen(k->type) + 1;
	return 0;
}

static int say_indicator(struct pk_threat_entry *e,
			 const struct pk_threat_kept *k)
{
	e->shown.type = PK_THREAT_INDICATOR;
	e->shown.name = k->has_name ? strdup(k->name) : NULL;
	if (k->has_name && !e->shown.name)
		return -ENOMEM;
	return pk_threats_keep(e, &k->indicator);
}

/* A clock that was ahead before the restart must not hold anything open. */
static void bound_times(struct pk_threat_kept *k, uint64_t now_ns)
{
	struct pk_threat_entry *e = &k->e;

	if (e->shown.last_ns > now_ns)
		e->shown.last_ns = now_ns;
	if (e->told_ns > now_ns)
		e->told_ns = now_ns;
	if (e->due_ns > now_ns && e->due_ns - now_ns > e->quiet_ns)
		e->due_ns = now_ns + e->quiet_ns;
}

static void make_way(struct pk_threats *t, const struct pk_threat_key *key)
{
	struct pk_threat_entry *e = pk_threat_table_find(t->table, key);
	const struct pk_threat_key unfit = { .kind = PK_THREAT_UNFIT,
					     .slot = t->unfit };

	if (!e)
		return;
	pk_threat_table_rekey(t->table, e, &unfit);
	t->unfit++;
}

int pk_threats_revive(struct pk_threats *t, struct pk_threat_kept *k,
		      uint64_t now_ns)
{
	struct pk_threat_entry *e;
	int err;

	if (k->e.key.kind == PK_THREAT_NAME)
		pk_threats_past_key(t, &k->e.key, k->indicator.value);
	bound_times(k, now_ns);
	/* it was put twice */
	if (pk_threat_table_by_id(t->table, k->e.shown.id))
		return 0;
	make_way(t, &k->e.key);
	e = pk_threat_table_put(t->table, &k->e.key, k->e.due_ns, k->order);
	if (!e)
		return -ENOMEM;
	e->quiet_ns = k->e.quiet_ns;
	e->mute_ns = k->e.mute_ns;
	e->told_ns = k->e.told_ns;
	e->packets = k->e.packets;
	e->evidence = k->e.evidence;
	e->shown = k->e.shown;
	e->shown.sensor = t->conf.sensor;
	e->shown.epoch = t->conf.epoch;
	e->shown.observer = e->key.observer;
	e->shown.offender = e->key.addr;
	e->shown.evidence = &e->evidence;
	err = k->has_indicator ? say_indicator(e, k) : say_detector(e, k);
	if (err)
		pk_threat_table_del(t->table, e);
	else
		t->counters.revived++;
	if (!err)
		pk_threat_table_name(t->table, e);
	return err;
}

static int get_head(struct pk_reader *r, uint64_t *now_ns)
{
	for (int i = 0; i < SIZES; i++)
		if (pk_get_u16(r) != sizes[i])
			return -EPROTO;
	*now_ns = pk_get_u64(r);
	return r->err;
}

/* All of them, the one first whose evidence is oldest; *@n. NULL with r->err. */
static struct spot *find_all(struct pk_reader *r, struct pk_threat_kept *k,
			     size_t *n)
{
	struct pk_reader all = *r;
	struct spot *list;

	for (*n = 0; get_entry(&all, k); ++*n)
		;
	r->err = all.err;
	if (all.err)
		return NULL;
	list = calloc(*n + 1, sizeof(*list));
	if (!list) {
		r->err = -ENOMEM;
		return NULL;
	}
	for (size_t i = 0; i < *n; i++) {
		list[i].at = *r;
		get_entry(r, k);
		list[i].touched = k->touched;
	}
	qsort(list, *n, sizeof(*list), by_touch);
	return list;
}

int pk_threats_load(struct pk_threats *t, struct pk_reader *r,
		    const struct pk_threats_past *past)
{
	struct pk_threat_kept *k = calloc(1, sizeof(*k));
	struct spot *list;
	uint64_t now_ns;
	size_t n;
	int err = k ? get_head(r, &now_ns) : -ENOMEM;

	if (!err)
		err = pk_threat_table_keep_ids(t->table);
	list = err ? NULL : find_all(r, k, &n);
	if (!list) {
		free(k);
		return err ? err : r->err;
	}
	for (size_t i = 0; i < n && err != -ENOMEM; i++) {
		int ret;

		get_entry(&list[i].at, k);
		if (k->e.key.kind >= PK_THREAT_DETECTOR)
			pk_threats_set_detector(k, k->e.shown.id, past);
		ret = pk_threats_revive(t, k, past->now_ns);
		err = ret ? ret : err;
	}
	t->now_ns = now_ns < past->now_ns ? now_ns : past->now_ns;
	free(list);
	free(k);
	return err;
}
