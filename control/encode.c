/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/encode.h"

#include "bpf/parse.h"
#include "control/community.h"
#include "control/encode_inside.h"
#include "control/text.h"

void pk_encode_observer(struct pk_json_out *j, const union pk_addr *observer,
			const char *sensor)
{
	if (observer->q[0] || observer->q[1])
		pk_json_out_addr(j, "observer", observer);
	else if (sensor)
		pk_json_out_text(j, "observer", sensor);
}

void pk_encode_flow(struct pk_json_out *j, const struct pk_flow_key *key)
{
	char proto[PK_TEXT_PROTO], community[PK_COMMUNITY_TEXT];

	pk_text_proto(key->proto, proto);
	pk_community_id(key, 0, community);
	pk_json_out_addr(j, "src_ip", &key->src);
	pk_json_out_number(j, "src_port", key->sport);
	pk_json_out_addr(j, "dst_ip", &key->dst);
	pk_json_out_number(j, "dst_port", key->dport);
	pk_json_out_plain(j, "proto", proto);
	pk_json_out_plain(j, "community_id", community);
}

void pk_encode_flags(struct pk_json_out *j, const char *key, uint8_t proto,
		     uint8_t flags)
{
	char text[PK_TEXT_FLAGS];

	if (proto != PK_PROTO_TCP)
		return;
	pk_text_flags(flags, text);
	pk_json_out_plain(j, key, text);
}

static void add_flow(struct pk_json_out *j, const struct pk_threat_flow *f)
{
	pk_json_out_open(j, "flow", '{');
	pk_encode_flow(j, &f->key);
	pk_encode_flags(j, "tcp_flags", f->key.proto, f->tcp_flags);
	if (f->has_ttl)
		pk_json_out_number(j, "ttl", f->ttl);
	pk_json_out_close(j, '}');
}

static void add_piece(struct pk_json_out *j, const struct pk_threat_piece *p)
{
	int flow = p->record == PK_RECORD_FLOW;
	char proto[PK_TEXT_PROTO];

	pk_text_proto(p->key.proto, proto);
	pk_json_out_open(j, NULL, '{');
	pk_json_out_plain(j, "record", flow ? "flow" : "hit");
	pk_json_out_time(j, "time", p->at_ns);
	pk_json_out_addr(j, "src_ip", &p->key.src);
	pk_json_out_number(j, "src_port", p->key.sport);
	pk_json_out_addr(j, "dst_ip", &p->key.dst);
	pk_json_out_number(j, "dst_port", p->key.dport);
	pk_json_out_plain(j, "proto", proto);
	pk_encode_flags(j, "tcp_flags", p->key.proto, p->tcp_flags);
	if (flow) {
		pk_json_out_number(j, "packets", p->packets);
		pk_json_out_number(j, "bytes", p->bytes);
	}
	pk_json_out_close(j, '}');
}

static void add_targets(struct pk_json_out *j,
			const struct pk_threat_targets *t)
{
	struct pk_threat_target top[PK_THREAT_TARGETS_TOLD];
	uint64_t more;
	uint32_t n = pk_threat_targets_top(t, top, &more);

	pk_json_out_open(j, "targets", '[');
	for (uint32_t i = 0; i < n; i++) {
		pk_json_out_open(j, NULL, '{');
		pk_json_out_addr(j, "addr", &top[i].addr);
		pk_json_out_number(j, "count", top[i].count);
		if (top[i].error)
			pk_json_out_number(j, "error", top[i].error);
		pk_json_out_close(j, '}');
	}
	pk_json_out_close(j, ']');
	pk_json_out_number(j, "targets_more", more);
}

static void add_evidence(struct pk_json_out *j,
			 const struct pk_threat_evidence *e)
{
	pk_json_out_open(j, "evidence", '[');
	for (uint32_t i = 0; i < e->pieces; i++)
		add_piece(j, &e->piece[i]);
	pk_json_out_close(j, ']');
	add_targets(j, &e->targets);
}

static void add_window(struct pk_json_out *j, const struct pk_window_summary *s)
{
	pk_json_out_number(j, "hosts", s->hosts);
	pk_json_out_number(j, "ports", s->ports);
	pk_json_out_open(j, "attacked_hosts", '[');
	for (uint32_t i = 0; i < s->named; i++)
		pk_json_out_addr(j, NULL, &s->host[i]);
	pk_json_out_close(j, ']');
}

static void add_details(struct pk_json_out *j, const struct pk_threat *t)
{
	pk_json_out_open(j, "details", '{');
	if (t->name)
		pk_json_out_text(j, "name", t->name);
	if (!t->indicator)
		add_window(j, &t->details);
	pk_json_out_close(j, '}');
}

static void add_said(struct pk_json_out *j, const char *key, const char *text)
{
	if (*text)
		pk_json_out_text(j, key, text);
}

static void add_feeds(struct pk_json_out *j,
		      const struct pk_threat_indicator *ind)
{
	pk_json_out_open(j, "feeds", '[');
	for (uint32_t i = 0; i < ind->feeds && i < PK_THREAT_FEEDS; i++)
		pk_json_out_text(j, NULL, ind->feed[i]);
	pk_json_out_close(j, ']');
}

static void add_indicator(struct pk_json_out *j, const struct pk_threat *t)
{
	const struct pk_threat_indicator *ind = t->indicator;

	pk_json_out_open(j, "indicator", '{');
	pk_json_out_text(j, "type", ind->type);
	pk_json_out_text(j, "value", ind->value);
	pk_json_out_text(j, "id", ind->id);
	add_feeds(j, ind);
	pk_json_out_plain(j, "role", pk_text_role(t->role));
	if (t->depth)
		pk_json_out_number(j, "depth", t->depth);
	if (ind->embedded)
		pk_json_out_plain(j, "embedded",
				  pk_text_embedded(ind->embedded));
	pk_json_out_number(j, "generation", t->generation);
	add_said(j, "threat_type", ind->threat_type);
	add_said(j, "class", ind->class);
	add_said(j, "severity", ind->severity);
	add_said(j, "tlp", ind->tlp);
	add_said(j, "tags", ind->tags);
	add_said(j, "attribution", ind->attribution);
	if (ind->expires)
		pk_json_out_time(j, "expires",
				 (uint64_t)ind->expires * 1000000000);
	pk_json_out_close(j, '}');
}

static void add_identity(struct pk_json_out *j, const struct pk_threat *t)
{
	char id[33];

	pk_text_hex(t->id[0], id);
	pk_text_hex(t->id[1], id + 16);
	pk_json_out_plain(j, "id", id);
	pk_json_out_number(j, "seq", t->seq);
	pk_json_out_hex(j, "epoch", t->epoch);
	pk_json_out_text(j, "sensor", t->sensor);
	pk_json_out_plain(j, "plane", pk_text_plane(t->plane));
}

int pk_encode_threat(const struct pk_threat *t, char *out, size_t size)
{
	struct pk_json_out j;

	pk_json_out_begin(&j, out, size);
	pk_json_out_text(&j, "type", t->type);
	pk_encode_observer(&j, &t->observer, t->sensor);
	pk_json_out_addr(&j, "offender", &t->offender);
	pk_json_out_number(&j, "timestamp", t->first_ns / 1000000000);
	add_details(&j, t);
	add_identity(&j, t);
	pk_json_out_plain(&j, "state", pk_text_state(t->state));
	pk_json_out_number(&j, "count", t->count);
	pk_json_out_addr(&j, "target", &t->target);
	pk_json_out_time(&j, "first", t->first_ns);
	pk_json_out_time(&j, "last", t->last_ns);
	pk_json_out_text(&j, "severity", t->severity);
	pk_json_out_number(&j, "confidence", t->confidence);
	pk_json_out_number(&j, "hold", t->hold_sec);
	if (t->indicator)
		add_indicator(&j, t);
	add_flow(&j, &t->flow);
	if (t->evidence)
		add_evidence(&j, t->evidence);
	pk_json_out_raw(&j, "coverage", "1.0");
	pk_json_out_number(&j, "sampling", t->sampling);
	return pk_json_out_end(&j);
}
