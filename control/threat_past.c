/* SPDX-License-Identifier: BSD-2-Clause */
/* What was told, read back: pk_threats_told(). */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <json-c/json.h>

#include "bpf/parse.h"
#include "control/text.h"
#include "control/threat_inside.h"
#include "control/threat_text.h"

enum { NS_TOLD = 1000 }; /* times are told in microseconds */

struct message {
	struct json_object *json;
	struct pk_threat_kept *kept;
	uint64_t id[2];
	int state; /* enum pk_threat_state */
};

/* --- JSON --------------------------------------------------------------------- */

static struct json_object *member(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	json_object_object_get_ex(o, key, &v);
	return v;
}

static const char *text_of(struct json_object *o, const char *key)
{
	struct json_object *v = member(o, key);

	return json_object_is_type(v, json_type_string)
		       ? json_object_get_string(v)
		       : "";
}

static uint64_t number_of(struct json_object *o, const char *key)
{
	return json_object_get_uint64(member(o, key));
}

static void copy_text(char *to, size_t size, struct json_object *o,
		      const char *key)
{
	snprintf(to, size, "%s", text_of(o, key));
}

#define COPY(to, o, key) copy_text((to), sizeof(to), (o), (key))

/* 2017-02-11T17:38:27.000001Z; 0: it is none. */
static uint64_t time_of(struct json_object *o, const char *key)
{
	struct tm tm = { 0 };
	unsigned us = 0;

	if (sscanf(text_of(o, key), "%4d-%2d-%2dT%2d:%2d:%2d.%6uZ", &tm.tm_year,
		   &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec,
		   &us) != 7)
		return 0;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	return (uint64_t)timegm(&tm) * 1000000000 + us * 1000ULL;
}

static union pk_addr addr_of(struct json_object *o, const char *key)
{
	const char *text = text_of(o, key);
	union pk_addr a = { 0 };
	uint8_t v4[4];

	if (inet_pton(AF_INET, text, v4) == 1) {
		a.b[10] = a.b[11] = 0xff;
		memcpy(a.b + 12, v4, sizeof(v4));
	} else if (inet_pton(AF_INET6, text, a.b) != 1) {
		memset(&a, 0, sizeof(a));
	}
	return a;
}

/* The number below @end of that word, or 0. */
static uint8_t word_of(struct json_object *o, const char *key,
		       const char *(*word)(uint8_t n), unsigned end)
{
	const char *text = text_of(o, key);

	for (unsigned n = 0; n < end; n++)
		if (!strcmp(word((uint8_t)n), text))
			return (uint8_t)n;
	return 0;
}

static uint8_t proto_of(struct json_object *o)
{
	const char *text = text_of(o, "proto");
	char word[PK_TEXT_PROTO];

	for (unsigned n = 0; n < 256; n++) {
		pk_text_proto((uint8_t)n, word);
		if (!strcmp(word, text))
			return (uint8_t)n;
	}
	return 0;
}

static uint8_t flags_of(struct json_object *o)
{
	static const char letters[] = "FSRPAUEC";
	uint8_t flags = 0;

	for (const char *s = text_of(o, "tcp_flags"); *s; s++) {
		const char *at = strchr(letters, *s);

		if (at)
			flags |= (uint8_t)(1 << (at - letters));
	}
	return flags;
}

/* --- a threat of it ----------------------------------------------------------- */

static void read_flow(struct pk_threat_flow *f, struct json_object *o)
{
	f->key.src = addr_of(o, "src_ip");
	f->key.dst = addr_of(o, "dst_ip");
	f->key.sport = (uint16_t)number_of(o, "src_port");
	f->key.dport = (uint16_t)number_of(o, "dst_port");
	f->key.proto = proto_of(o);
	f->tcp_flags = flags_of(o);
	f->has_ttl = member(o, "ttl") != NULL;
	f->ttl = (uint8_t)number_of(o, "ttl");
}

static void read_window(struct pk_window_summary *s, struct json_object *o)
{
	struct json_object *list = member(o, "attacked_hosts");
	size_t n = json_object_is_type(list, json_type_array)
			   ? json_object_array_length(list)
			   : 0;

	s->hosts = (uint32_t)number_of(o, "hosts");
	s->ports = (uint32_t)number_of(o, "ports");
	for (s->named = 0; s->named < n && s->named < PK_WINDOW_HOSTS;
	     s->named++) {
		struct json_object *one = json_object_new_object();
		struct json_object *host =
			json_object_array_get_idx(list, s->named);

		json_object_object_add(one, "a", json_object_get(host));
		s->host[s->named] = addr_of(one, "a");
		json_object_put(one);
	}
}

static void read_targets(struct pk_threat_targets *t, struct json_object *o)
{
	struct json_object *list = member(o, "targets");
	size_t n = json_object_is_type(list, json_type_array)
			   ? json_object_array_length(list)
			   : 0;

	for (t->used = 0; t->used < n && t->used < PK_THREAT_TARGETS;
	     t->used++) {
		struct json_object *one =
			json_object_array_get_idx(list, t->used);

		t->target[t->used] = (struct pk_threat_target){
			.addr = addr_of(one, "addr"),
			.count = number_of(one, "count"),
			.error = number_of(one, "error"),
		};
	}
	t->rest = number_of(o, "targets_more");
}

static void read_feeds(struct pk_threat_indicator *ind, struct json_object *o)
{
	struct json_object *list = member(o, "feeds");
	size_t n = json_object_is_type(list, json_type_array)
			   ? json_object_array_length(list)
			   : 0;

	for (ind->feeds = 0; ind->feeds < n && ind->feeds < PK_THREAT_FEEDS;
	     ind->feeds++)
		snprintf(ind->feed[ind->feeds], sizeof(ind->feed[0]), "%s",
			 json_object_get_string(
				 json_object_array_get_idx(list, ind->feeds)));
}

static void read_indicator(struct pk_threat_kept *k, struct json_object *o)
{
	struct pk_threat_indicator *ind = &k->indicator;

	COPY(ind->type, o, "type");
	COPY(ind->value, o, "value");
	COPY(ind->id, o, "id");
	COPY(ind->threat_type, o, "threat_type");
	COPY(ind->class, o, "class");
	COPY(ind->severity, o, "severity");
	COPY(ind->tlp, o, "tlp");
	COPY(ind->tags, o, "tags");
	COPY(ind->attribution, o, "attribution");
	read_feeds(ind, o);
	ind->embedded = word_of(o, "embedded", pk_text_embedded, 16);
	ind->expires = (uint32_t)(time_of(o, "expires") / 1000000000);
	ind->confidence = k->e.shown.confidence;
	k->e.shown.role = word_of(o, "role", pk_text_role, PK_ROLES);
	k->e.shown.depth = (uint8_t)number_of(o, "depth");
	k->e.shown.generation = number_of(o, "generation");
}

static int read_id(struct message *m)
{
	const char *text = text_of(m->json, "id");
	char high[17] = "";

	if (strlen(text) != 32 || strspn(text, "0123456789abcdef") != 32)
		return -EBADMSG;
	memcpy(high, text, 16);
	m->id[0] = strtoull(high, NULL, 16);
	m->id[1] = strtoull(text + 16, NULL, 16);
	return 0;
}

static int read_state(struct message *m)
{
	const char *text = text_of(m->json, "state");

	for (m->state = PK_THREAT_OPEN; m->state <= PK_THREAT_CLOSED;
	     m->state++)
		if (!strcmp(pk_text_state((uint8_t)m->state), text))
			return 0;
	return -EBADMSG;
}

static int read_message(struct message *m)
{
	struct json_object *details = member(m->json, "details");
	struct json_object *ind = member(m->json, "indicator");
	struct pk_threat_kept *k = m->kept;
	struct pk_threat *s = &k->e.shown;

	if (read_id(m) || read_state(m))
		return -EBADMSG;
	COPY(k->type, m->json, "type");
	COPY(k->severity, m->json, "severity");
	k->e.key.observer = addr_of(m->json, "observer");
	k->e.key.addr = addr_of(m->json, "offender");
	s->type = k->type;
	s->state = (uint8_t)m->state;
	s->seq = number_of(m->json, "seq");
	s->target = addr_of(m->json, "target");
	s->count = number_of(m->json, "count");
	s->first_ns = time_of(m->json, "first");
	s->last_ns = time_of(m->json, "last");
	s->confidence = (uint8_t)number_of(m->json, "confidence");
	s->hold_sec = (uint32_t)number_of(m->json, "hold");
	s->sampling = (uint32_t)number_of(m->json, "sampling");
	s->plane = word_of(m->json, "plane", pk_text_plane, 8);
	read_flow(&s->flow, member(m->json, "flow"));
	read_targets(&k->e.evidence.targets, m->json);
	k->has_indicator = ind != NULL;
	if (ind)
		read_indicator(k, ind);
	else
		read_window(&s->details, details);
	k->has_name = ind && member(details, "name");
	if (k->has_name)
		COPY(k->name, details, "name");
	return *k->type && s->first_ns ? 0 : -EBADMSG;
}

/* --- which one it is ---------------------------------------------------------- */

static void set_kind(struct message *m, const struct pk_threats_past *past)
{
	struct pk_threat_kept *k = m->kept;

	if (k->has_indicator) {
		k->e.key.kind = k->e.shown.role == PK_ROLE_DNS_QUESTION
					? PK_THREAT_NAME
					: PK_THREAT_ADDRESS;
		return;
	}
	pk_threats_set_detector(k, m->id, past);
}

static int is_told(const struct message *m, const uint64_t id[2])
{
	return m->id[0] == id[0] && m->id[1] == id[1];
}

/*
 * The message does not say all: an observer that is the sensor itself may look
 * like an address, the address may be that of a tunnel, and times are cut. The
 * id says which of these it is. 1 when it does, for this key.
 */
static int fits(const struct pk_threats *t, const struct message *m,
		const struct pk_threat_key *key, uint64_t *first_ns)
{
	struct pk_threat s = m->kept->e.shown;

	s.sensor = t->conf.sensor;
	s.indicator = &m->kept->indicator;
	for (unsigned ns = 0; ns < NS_TOLD; ns++) {
		s.first_ns = m->kept->e.shown.first_ns + ns;
		pk_threat_set_id(&s, key);
		if (is_told(m, s.id)) {
			*first_ns = s.first_ns;
			return 1;
		}
	}
	return 0;
}

enum { KEYS = 4 };

static unsigned list_keys(const struct message *m,
			  struct pk_threat_key key[KEYS])
{
	unsigned n = 0;

	key[n++] = m->kept->e.key;
	if (key[0].kind == PK_THREAT_ADDRESS) {
		key[n] = key[0];
		key[n].kind = PK_THREAT_OUTER;
		key[n++].depth = m->kept->e.shown.depth;
	}
	for (unsigned i = n; i; i--) {
		key[n] = key[n - i];
		memset(&key[n].observer, 0, sizeof(key[n].observer));
		n++;
	}
	return n;
}

static void choose_key(const struct pk_threats *t, struct message *m)
{
	struct pk_threat_key key[KEYS];
	unsigned n = list_keys(m, key);
	uint64_t first_ns;

	for (unsigned i = 0; i < n; i++)
		if (fits(t, m, &key[i], &first_ns)) {
			m->kept->e.key = key[i];
			m->kept->e.shown.first_ns = first_ns;
			return;
		}
}

/* --- what it changes ---------------------------------------------------------- */

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void set_spans(const struct pk_threats *t, struct pk_threat_kept *k)
{
	struct pk_threat_entry *e = &k->e;
	const struct pk_detector *d = k->detector;

	e->mute_ns = d ? d->mute_ns : t->conf.mute_ns;
	e->quiet_ns = d ? later(d->window.span_ns, d->mute_ns)
			: later(t->conf.mute_ns, PK_THREAT_FLOW_DELAY_NS);
	e->told_ns = e->shown.last_ns;
	e->due_ns = e->shown.last_ns + e->quiet_ns;
}

/* A hit that opened one of an address counts until the first flow came. */
static uint64_t packets_of(const struct message *m)
{
	const struct pk_threat *s = &m->kept->e.shown;

	return m->state == PK_THREAT_OPEN && s->flow.has_ttl ? 0 : s->count;
}

static void forget(struct pk_threats *t, struct pk_threat_entry *e)
{
	pk_threat_table_del(t->table, e);
	t->counters.revived--;
}

static int open_it(struct pk_threats *t, struct message *m,
		   const struct pk_threats_past *past)
{
	struct pk_threat_kept *k = m->kept;

	choose_key(t, m);
	k->e.shown.id[0] = m->id[0];
	k->e.shown.id[1] = m->id[1];
	if (k->e.key.kind == PK_THREAT_ADDRESS)
		k->e.packets = packets_of(m);
	set_spans(t, k);
	k->order = pk_threat_table_order(t->table);
	return pk_threats_revive(t, k, past->now_ns);
}

/*
 * The list that was saved goes on, but what came since is not known by target.
 * Of an address, a list of the hit that opened it ended with the first flow.
 */
static void go_on_targets(struct pk_threat_entry *e, const struct message *m)
{
	struct pk_threat_targets *targets = &e->evidence.targets;
	uint64_t n = m->kept->e.shown.count - e->shown.count;

	if (e->key.kind == PK_THREAT_ADDRESS && !e->packets)
		*targets = m->kept->e.evidence.targets;
	else if (targets->rest > UINT64_MAX - n)
		targets->rest = UINT64_MAX;
	else
		targets->rest += n;
}

static void go_on(struct pk_threats *t, struct pk_threat_entry *e,
		  const struct message *m)
{
	const struct pk_threat *s = &m->kept->e.shown;

	if (s->seq <= e->shown.seq) /* it was saved later than it was told */
		return;
	e->shown.seq = s->seq;
	e->shown.state = s->state;
	if (s->count > e->shown.count) {
		go_on_targets(e, m);
		e->shown.count = s->count;
		e->shown.details = s->details;
	}
	if (e->key.kind == PK_THREAT_ADDRESS)
		e->packets = later(e->packets, packets_of(m));
	e->shown.last_ns = later(e->shown.last_ns, s->last_ns);
	e->told_ns = later(e->told_ns, s->last_ns);
	e->due_ns = later(e->due_ns, s->last_ns + e->quiet_ns);
	pk_threat_table_touch(t->table, e);
}

static int take(struct pk_threats *t, struct message *m,
		const struct pk_threats_past *past)
{
	struct pk_threat_entry *e;
	int err = read_message(m);

	if (!err)
		err = pk_threat_table_keep_ids(t->table);
	if (err)
		return err;
	set_kind(m, past);
	e = pk_threat_table_by_id(t->table, m->id);
	if (m->state == PK_THREAT_CLOSED) {
		if (e)
			forget(t, e);
		return 0;
	}
	t->now_ns = later(t->now_ns, m->kept->e.shown.last_ns);
	if (t->now_ns > past->now_ns)
		t->now_ns = past->now_ns;
	if (!e)
		return open_it(t, m, past);
	go_on(t, e, m);
	return 0;
}

int pk_threats_told(struct pk_threats *t, const char *text, size_t len,
		    const struct pk_threats_past *past)
{
	struct json_tokener *parser = json_tokener_new();
	struct message m = { .kept = calloc(1, sizeof(*m.kept)) };
	int err = -ENOMEM;

	if (parser && m.kept) {
		m.json = json_tokener_parse_ex(parser, text, (int)len);
		err = json_object_is_type(m.json, json_type_object)
			      ? take(t, &m, past)
			      : -EBADMSG;
	}
	json_object_put(m.json);
	json_tokener_free(parser);
	free(m.kept);
	return err;
}

static void close_unfit(struct pk_threats *t)
{
	struct pk_threat_key key = { .kind = PK_THREAT_UNFIT };
	struct pk_threat_entry *e;

	for (key.slot = 0; key.slot < t->unfit; key.slot++) {
		e = pk_threat_table_find(t->table, &key);
		if (e)
			pk_threats_cut_off(t, e, &t->counters.closed_early);
	}
	t->unfit = 0;
}

void pk_threats_caught_up(struct pk_threats *t)
{
	struct pk_threat_entry *e;

	pk_threat_table_forget_ids(t->table);
	close_unfit(t);
	while (pk_threat_table_over(t->table)) {
		e = pk_threat_table_full(t->table);
		pk_threats_cut_off(t, e, &t->counters.closed_early);
	}
}
