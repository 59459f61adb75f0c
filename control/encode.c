/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/encode.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bpf/embedded.h"
#include "bpf/parse.h"
#include "control/community.h"
#include "control/text.h"
#include "ioc/indicator.h"
#include "ioc/name.h"

enum { CLEAN_MAX = 4096, LINE_TEXT = 300 };

/*
 * An object under construction. The first failure is kept; members added
 * after it are dropped, so that the callers need not look each time.
 */
struct object {
	struct json_object *json;
	int err;
};

static struct object start(void)
{
	struct object o = { .json = json_object_new_object() };

	o.err = o.json ? 0 : -ENOMEM;
	return o;
}

/* Keys are constants of this file: no look-up, no copy. */
static void add(struct object *o, const char *key, struct json_object *value)
{
	const unsigned how =
		JSON_C_OBJECT_ADD_KEY_IS_NEW | JSON_C_OBJECT_ADD_CONSTANT_KEY;

	if (!o->err && value &&
	    !json_object_object_add_ex(o->json, key, value, how))
		return;
	json_object_put(value);
	if (!o->err)
		o->err = -ENOMEM;
}

static void add_object(struct object *o, const char *key, struct object value)
{
	if (value.err) {
		json_object_put(value.json);
		value.json = NULL;
	}
	add(o, key, value.json);
}

static void add_plain(struct object *o, const char *key, const char *text)
{
	add(o, key, json_object_new_string(text));
}

static struct json_object *clean_string(const char *text)
{
	char clean[CLEAN_MAX];
	size_t n = pk_text_clean(text, clean, sizeof(clean));

	return json_object_new_string_len(clean, (int)n);
}

static void add_text(struct object *o, const char *key, const char *text)
{
	add(o, key, clean_string(text));
}

static void add_number(struct object *o, const char *key, uint64_t n)
{
	add(o, key, json_object_new_uint64(n));
}

static void add_hex(struct object *o, const char *key, uint64_t n)
{
	char text[17];

	snprintf(text, sizeof(text), "%016" PRIx64, n);
	add_plain(o, key, text);
}

static void add_time(struct object *o, const char *key, uint64_t ns)
{
	char text[PK_TEXT_TIME];

	pk_text_time(ns, text);
	add_plain(o, key, text);
}

static struct json_object *addr_string(const union pk_addr *addr)
{
	char text[PK_ADDR_TEXT_MAX];

	pk_addr_print(addr, text);
	return json_object_new_string(text);
}

static void add_addr(struct object *o, const char *key,
		     const union pk_addr *addr)
{
	add(o, key, addr_string(addr));
}

static int is_zero(const union pk_addr *addr)
{
	return !addr->q[0] && !addr->q[1];
}

static void add_observer(struct object *o, const union pk_addr *observer,
			 const char *sensor)
{
	if (is_zero(observer))
		add_text(o, "observer", sensor);
	else
		add_addr(o, "observer", observer);
}

/* Write @o and free it. */
static int finish(struct object *o, char *out, size_t size)
{
	const int how = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;
	int err = o->err;
	const char *text;
	size_t len;

	if (!err) {
		text = json_object_to_json_string_length(o->json, how, &len);
		if (!text)
			err = -ENOMEM;
		else if (len >= size)
			err = -ENOSPC;
		else
			memcpy(out, text, len + 1);
	}
	json_object_put(o->json);
	return err ? err : (int)len;
}

static const char *plane_word(uint8_t plane)
{
	static const char *const words[] = {
		[PK_PLANE_FILE] = "file",
		[PK_PLANE_XDP] = "xdp",
		[PK_PLANE_DPDK] = "dpdk",
		[PK_PLANE_COLLECT] = "collect",
	};

	return plane < PK_PLANES ? words[plane] : "unknown";
}

/* "" : the address itself is listed. */
static const char *embedded_word(uint8_t kind)
{
#define WORD(name, text) text,
	static const char *const words[] = { PK_EMBEDDED_KINDS(WORD) };
#undef WORD
	return kind < PK_EMBEDDED_COUNT ? words[kind] : "";
}

static const char *state_word(uint8_t state)
{
	static const char *const words[] = {
		[PK_THREAT_OPEN] = "open",
		[PK_THREAT_UPDATE] = "update",
		[PK_THREAT_CLOSED] = "closed",
	};

	return state <= PK_THREAT_CLOSED ? words[state] : "unknown";
}

static struct object flow_object(const struct pk_flow_key *key)
{
	char proto[PK_TEXT_PROTO], community[PK_COMMUNITY_TEXT];
	struct object o = start();

	pk_text_proto(key->proto, proto);
	pk_community_id(key, 0, community);
	add_addr(&o, "src_ip", &key->src);
	add_number(&o, "src_port", key->sport);
	add_addr(&o, "dst_ip", &key->dst);
	add_number(&o, "dst_port", key->dport);
	add_plain(&o, "proto", proto);
	add_plain(&o, "community_id", community);
	return o;
}

static void add_flags(struct object *o, const char *key, uint8_t proto,
		      uint8_t flags)
{
	char text[PK_TEXT_FLAGS];

	if (proto != PK_PROTO_TCP)
		return;
	pk_text_flags(flags, text);
	add_plain(o, key, text);
}

static struct object threat_flow(const struct pk_threat_flow *f)
{
	struct object o = flow_object(&f->key);

	add_flags(&o, "tcp_flags", f->key.proto, f->tcp_flags);
	if (f->has_ttl)
		add_number(&o, "ttl", f->ttl);
	return o;
}

/* A list of what @at makes of 0 to @n - 1. */
static void add_list(struct object *o, const char *key, uint32_t n,
		     struct json_object *(*at)(const void *arg, uint32_t i),
		     const void *arg)
{
	struct json_object *list = json_object_new_array_ext((int)(n ? n : 1));

	for (uint32_t i = 0; list && i < n; i++) {
		struct json_object *item = at(arg, i);

		if (item && json_object_array_add(list, item) == 0)
			continue;
		json_object_put(item);
		json_object_put(list);
		list = NULL;
	}
	add(o, key, list);
}

static struct json_object *host_at(const void *arg, uint32_t i)
{
	const struct pk_window_summary *s = arg;

	return addr_string(&s->host[i]);
}

static struct json_object *feed_at(const void *arg, uint32_t i)
{
	const struct pk_threat_indicator *ind = arg;

	return clean_string(ind->feed[i]);
}

static struct object details_object(const struct pk_threat *t)
{
	const struct pk_window_summary *s = &t->details;
	struct object o = start();

	if (t->name)
		add_text(&o, "name", t->name);
	if (t->indicator)
		return o;
	add_number(&o, "hosts", s->hosts);
	add_number(&o, "ports", s->ports);
	add_list(&o, "attacked_hosts", s->named, host_at, s);
	return o;
}

static void add_said(struct object *o, const char *key, const char *text)
{
	if (*text)
		add_text(o, key, text);
}

static struct object indicator_object(const struct pk_threat *t)
{
	const struct pk_threat_indicator *ind = t->indicator;
	uint32_t feeds = ind->feeds;
	struct object o = start();

	if (feeds > PK_THREAT_FEEDS)
		feeds = PK_THREAT_FEEDS;
	add_text(&o, "type", ind->type);
	add_text(&o, "value", ind->value);
	add_text(&o, "id", ind->id);
	add_list(&o, "feeds", feeds, feed_at, ind);
	add_plain(&o, "role", pk_text_role(t->role));
	if (t->depth)
		add_number(&o, "depth", t->depth);
	if (ind->embedded)
		add_plain(&o, "embedded", embedded_word(ind->embedded));
	add_number(&o, "generation", t->generation);
	add_said(&o, "threat_type", ind->threat_type);
	add_said(&o, "class", ind->class);
	add_said(&o, "severity", ind->severity);
	add_said(&o, "tlp", ind->tlp);
	add_said(&o, "tags", ind->tags);
	add_said(&o, "attribution", ind->attribution);
	if (ind->expires)
		add_time(&o, "expires", (uint64_t)ind->expires * 1000000000);
	return o;
}

static void add_identity(struct object *o, const struct pk_threat *t)
{
	char id[33];

	snprintf(id, sizeof(id), "%016" PRIx64 "%016" PRIx64, t->id[0],
		 t->id[1]);
	add_plain(o, "id", id);
	add_number(o, "seq", t->seq);
	add_hex(o, "epoch", t->epoch);
	add_text(o, "sensor", t->sensor);
	add_plain(o, "plane", plane_word(t->plane));
}

int pk_encode_threat(const struct pk_threat *t, char *out, size_t size)
{
	struct object o = start();

	add_text(&o, "type", t->type);
	add_observer(&o, &t->observer, t->sensor);
	add_addr(&o, "offender", &t->offender);
	add_number(&o, "timestamp", t->first_ns / 1000000000);
	add_object(&o, "details", details_object(t));
	add_identity(&o, t);
	add_plain(&o, "state", state_word(t->state));
	add_number(&o, "count", t->count);
	add_addr(&o, "target", &t->target);
	add_time(&o, "first", t->first_ns);
	add_time(&o, "last", t->last_ns);
	add_text(&o, "severity", t->severity);
	add_number(&o, "confidence", t->confidence);
	add_number(&o, "hold", t->hold_sec);
	if (t->indicator)
		add_object(&o, "indicator", indicator_object(t));
	add_object(&o, "flow", threat_flow(&t->flow));
	add(&o, "coverage", json_object_new_double_s(1.0, "1.0"));
	add_number(&o, "sampling", t->sampling);
	return finish(&o, out, size);
}

/* ---- the line for people ---- */

struct line {
	char *out;
	size_t size;
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void put(struct line *l,
						      const char *format, ...)
{
	va_list args;
	int n;

	if (l->len >= l->size)
		return;
	va_start(args, format);
	n = vsnprintf(l->out + l->len, l->size - l->len, format, args);
	va_end(args);
	l->len += n > 0 ? (size_t)n : 0;
}

static void put_text(struct line *l, const char *before, const char *text)
{
	char clean[LINE_TEXT];

	pk_text_clean(text, clean, sizeof(clean));
	put(l, "%s%s", before, clean);
}

static void put_addr(struct line *l, const char *before,
		     const union pk_addr *addr)
{
	char text[PK_ADDR_TEXT_MAX];

	pk_addr_print(addr, text);
	put(l, "%s%s", before, text);
}

static void put_indicator(struct line *l, const struct pk_threat *t)
{
	const struct pk_threat_indicator *ind = t->indicator;

	put_text(l, "  ", ind->value);
	put(l, " (%s", pk_text_role(t->role));
	if (t->depth)
		put(l, " at depth %u", t->depth);
	if (ind->embedded)
		put(l, ", %s", embedded_word(ind->embedded));
	if (*ind->threat_type)
		put_text(l, ", ", ind->threat_type);
	if (ind->feeds)
		put_text(l, ", ", ind->feed[0]);
	put(l, ")");
	if (t->name && strcmp(t->name, ind->value) != 0)
		put_text(l, " seen as ", t->name);
}

int pk_encode_line(const struct pk_threat *t, char *out, size_t size)
{
	struct line l = { .out = out, .size = size };
	char proto[PK_TEXT_PROTO], time[PK_TEXT_TIME];

	pk_text_time(t->last_ns, time);
	pk_text_proto(t->flow.key.proto, proto);
	put(&l, "%s  %-6s %-6s", time, state_word(t->state), t->severity);
	put_text(&l, "  ", t->type);
	put_addr(&l, "  ", &t->offender);
	put_addr(&l, " -> ", &t->target);
	put(&l, "  %s/%u  count %" PRIu64, proto, t->flow.key.dport, t->count);
	if (t->indicator)
		put_indicator(&l, t);
	else
		put(&l, "  hosts %u ports %u", t->details.hosts,
		    t->details.ports);
	return l.len < size ? (int)l.len : -ENOSPC;
}

/* ---- records and counters ---- */

static void add_head(struct object *o, const struct pk_record *r)
{
	add_time(o, "seen", r->seen_ns);
	add_plain(o, "plane", plane_word(r->plane));
	add_number(o, "port", r->port);
	add_plain(o, "direction", r->direction == PK_OUT ? "out" : "in");
	if (!is_zero(&r->observer))
		add_addr(o, "observer", &r->observer);
	add_number(o, "epoch", r->epoch);
	add_number(o, "seq", r->seq);
	if (r->frame)
		add_number(o, "frame", r->frame);
	add_number(o, "sampling", r->sampling);
}

static void add_name(struct object *o, const struct pk_hit *h)
{
	uint8_t wire[PK_NAME_MAX + 1] = { 0 };
	char text[PK_NAME_TEXT_MAX];

	if (!h->text_len || h->text_len > PK_NAME_MAX)
		return;
	memcpy(wire, h->text, h->text_len);
	if (!pk_name_length(wire, h->text_len))
		return;
	pk_name_print(wire, text);
	add_plain(o, "name", text);
}

static int encode_hit(const struct pk_hit *h, char *out, size_t size)
{
	const struct pk_packet *p = &h->packet;
	struct object o = start();

	add_plain(&o, "record", "hit");
	add_head(&o, &h->head);
	add_plain(&o, "role", pk_text_role(h->role));
	add_number(&o, "slot", h->slot);
	add_number(&o, "generation", h->generation);
	add_number(&o, "depth", h->depth);
	add_name(&o, h);
	add_object(&o, "flow", flow_object(&p->key));
	add_flags(&o, "tcp_flags", p->key.proto, p->tcp_flags);
	add_number(&o, "ttl", p->ttl);
	add_number(&o, "bytes", p->bytes);
	if (p->vlans)
		add_number(&o, "vlan", p->vlan);
	return finish(&o, out, size);
}

static const char *end_word(uint8_t end)
{
#define WORD(name, text) #name,
	static const char *const words[] = { PK_FLOW_ENDS(WORD) };
#undef WORD
	return end < PK_FLOW_END_COUNT ? words[end] : "UNKNOWN";
}

static int encode_flow(const struct pk_flow *f, char *out, size_t size)
{
	struct object o = start();

	add_plain(&o, "record", "flow");
	add_head(&o, &f->head);
	add_object(&o, "flow", flow_object(&f->key));
	add_time(&o, "start", f->start_ns);
	add_time(&o, "end", f->end_ns);
	add_number(&o, "packets", f->packets[0]);
	add_number(&o, "bytes", f->bytes[0]);
	add_flags(&o, "tcp_flags", f->key.proto, f->tcp_flags[0]);
	add_number(&o, "r_packets", f->packets[1]);
	add_number(&o, "r_bytes", f->bytes[1]);
	add_flags(&o, "r_tcp_flags", f->key.proto, f->tcp_flags[1]);
	add_number(&o, "listed_src", f->listed[0]);
	add_number(&o, "listed_dst", f->listed[1]);
	add_plain(&o, "reason", end_word(f->end));
	return finish(&o, out, size);
}

int pk_encode_record(const struct pk_record *record, char *out, size_t size)
{
	if (record->type == PK_RECORD_HIT)
		return encode_hit((const struct pk_hit *)record, out, size);
	if (record->type == PK_RECORD_FLOW)
		return encode_flow((const struct pk_flow *)record, out, size);
	return -EINVAL;
}

int pk_encode_pipeline(const struct pk_pipeline_stats *stats, char *out,
		       size_t size)
{
	struct object o = start(), part;

#define ADD_PIPELINE(name, text) add_number(&part, #name, stats->pipeline.name);
#define ADD_WINDOW(name, text)	 add_number(&part, #name, stats->window.name);
#define ADD_THREAT(name, text)	 add_number(&part, #name, stats->threat.name);
	part = start();
	PK_PIPELINE_COUNTERS(ADD_PIPELINE)
	add_object(&o, "pipeline", part);
	part = start();
	PK_WINDOW_COUNTERS(ADD_WINDOW)
	add_object(&o, "window", part);
	part = start();
	PK_THREAT_COUNTERS(ADD_THREAT)
	add_object(&o, "threat", part);
	return finish(&o, out, size);
}

/* ---- heartbeats ---- */

int pk_encode_heartbeat(const struct pk_heartbeat *beat, char *out, size_t size)
{
	struct object o = start(), last = start();

	add_text(&o, "sensor", beat->sensor);
	add_hex(&o, "epoch", beat->epoch);
	add_time(&o, "time", beat->time_ns);
	for (uint32_t i = 0; i < beat->classes; i++)
		add_number(&last, beat->word[i], beat->last[i]);
	add_object(&o, "last", last);
	return finish(&o, out, size);
}

int pk_decode_heartbeat(const char *json, size_t len, struct pk_heartbeat *beat)
{
	struct json_tokener *parser = json_tokener_new_ex(4);
	struct json_object *o = NULL, *last, *n;
	int err = -EBADMSG;

	if (!parser)
		return -ENOMEM;
	if (len < PK_ENCODE_MAX)
		o = json_tokener_parse_ex(parser, json, (int)len + 1);
	json_tokener_free(parser);
	if (!json_object_is_type(o, json_type_object) ||
	    !json_object_object_get_ex(o, "last", &last) ||
	    !json_object_is_type(last, json_type_object))
		goto out;
	for (uint32_t i = 0; i < beat->classes; i++) {
		beat->last[i] = 0;
		if (json_object_object_get_ex(last, beat->word[i], &n))
			beat->last[i] = json_object_get_uint64(n);
	}
	err = 0;
out:
	json_object_put(o);
	return err;
}
