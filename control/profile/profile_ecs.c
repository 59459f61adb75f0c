/* SPDX-License-Identifier: BSD-2-Clause */
#include <ctype.h>
#include <string.h>

#include "control/profile/view.h"

static void add_words(struct pk_json_out *j, const char *key, const char *one,
		      const char *two)
{
	pk_json_out_open(j, key, '[');
	pk_json_out_plain(j, NULL, one);
	if (two)
		pk_json_out_plain(j, NULL, two);
	pk_json_out_close(j, ']');
}

static void add_event(struct pk_json_out *j, const struct pk_view *v)
{
	/* Elastic's scores of the words */
	static const uint8_t severities[] = { 21, 47, 73, 99 };
	int ind = *v->value != 0;

	pk_json_out_open(j, "event", '{');
	pk_json_out_plain(j, "kind", "alert");
	add_words(j, "category", ind ? "threat" : "intrusion_detection",
		  "network");
	add_words(j, "type", ind ? "indicator" : "info", NULL);
	pk_json_out_plain(j, "module", "picket");
	pk_json_out_plain(j, "dataset", "picket.threat");
	pk_json_out_plain(j, "provider", "picketd");
	pk_view_said(j, "id", v->id);
	pk_view_said(j, "action", v->state);
	pk_json_out_number(j, "sequence", v->seq);
	pk_view_said(j, "start", v->first);
	pk_view_said(j, "end", v->last);
	pk_json_out_number(j, "severity", severities[pk_view_severity(v)]);
	pk_json_out_close(j, '}');
}

static void add_end(struct pk_json_out *j, const char *key, const char *addr,
		    uint64_t port, int has_port)
{
	if (!*addr)
		return;
	pk_json_out_open(j, key, '{');
	pk_json_out_again(j, "address", addr);
	pk_json_out_again(j, "ip", addr);
	if (has_port)
		pk_json_out_number(j, "port", port);
	pk_json_out_close(j, '}');
}

static void add_network(struct pk_json_out *j, const struct pk_view *v)
{
	int has_ports = !pk_view_is_icmp(v);

	add_end(j, "source", v->src, v->sport, has_ports);
	add_end(j, "destination", v->dst, v->dport, has_ports);
	pk_json_out_open(j, "network", '{');
	if (*v->src)
		pk_json_out_plain(j, "type",
				  pk_view_is_v6(v->src) ? "ipv6" : "ipv4");
	pk_view_said(j, "transport", v->proto);
	pk_view_said(j, "community_id", v->community);
	pk_json_out_close(j, '}');
	if (!*v->name)
		return;
	pk_json_out_open(j, "dns", '{');
	pk_json_out_open(j, "question", '{');
	pk_json_out_again(j, "name", v->name);
	pk_json_out_close(j, '}');
	pk_json_out_close(j, '}');
}

/* ECS's words are STIX's scale of "None / Low / Med / High". */
static const char *confidence(uint64_t n)
{
	return !n ? "None" : n < 30 ? "Low" : n < 70 ? "Medium" : "High";
}

/* Where ECS has the value of an indicator of that type. */
static void add_value(struct pk_json_out *j, const struct pk_view *v)
{
	static const struct {
		const char *type, *outer, *key;
	} places[] = {
		{ "ipv4-addr", NULL, "ip" },
		{ "ipv6-addr", NULL, "ip" },
		{ "url", "url", "full" },
		{ "domain-name", "url", "domain" },
		{ "email-addr", "email", "address" },
	};

	pk_json_out_again(j, "name", v->value);
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		if (strcmp(places[i].type, v->ind_type) != 0)
			continue;
		if (places[i].outer)
			pk_json_out_open(j, places[i].outer, '{');
		pk_json_out_again(j, places[i].key, v->value);
		if (places[i].outer)
			pk_json_out_close(j, '}');
	}
}

static void add_marking(struct pk_json_out *j, const struct pk_view *v)
{
	char tlp[24] = "";

	for (size_t i = 0; v->tlp[i] && i < sizeof(tlp) - 1; i++)
		tlp[i] = (char)toupper((unsigned char)v->tlp[i]);
	if (!*tlp)
		return;
	pk_json_out_open(j, "marking", '{');
	pk_json_out_again(j, "tlp", tlp);
	pk_json_out_close(j, '}');
}

static void add_indicator(struct pk_json_out *j, const struct pk_view *v)
{
	pk_json_out_open(j, "indicator", '{');
	pk_view_said(j, "type", v->ind_type);
	add_value(j, v);
	pk_view_said(j, "reference", v->ind_id);
	pk_view_said(j, "provider", pk_view_feed(v, 0));
	pk_view_said(j, "description", v->threat_type);
	pk_json_out_plain(j, "confidence", confidence(v->confidence));
	add_marking(j, v);
	pk_json_out_close(j, '}');
}

static const char *matched_field(const struct pk_view *v)
{
	if (!strcmp(v->role, "source"))
		return "source.ip";
	return !strcmp(v->role, "destination") ? "destination.ip"
					       : "dns.question.name";
}

static void add_threat(struct pk_json_out *j, const struct pk_view *v)
{
	pk_json_out_open(j, "threat", '{');
	if (v->feed_count) {
		pk_json_out_open(j, "feed", '{');
		pk_json_out_again(j, "name", pk_view_feed(v, 0));
		pk_json_out_close(j, '}');
	}
	add_indicator(j, v);
	pk_json_out_open(j, "enrichments", '[');
	pk_json_out_open(j, NULL, '{');
	add_indicator(j, v);
	pk_json_out_open(j, "matched", '{');
	pk_json_out_again(j, "atomic", v->value);
	pk_json_out_plain(j, "field", matched_field(v));
	pk_json_out_plain(j, "type", "indicator_match_rule");
	pk_view_said(j, "occurred", v->last);
	pk_json_out_close(j, '}');
	pk_json_out_close(j, '}');
	pk_json_out_close(j, ']');
	pk_json_out_close(j, '}');
}

static void add_own(struct pk_json_out *j, const struct pk_view *v)
{
	pk_json_out_open(j, "picket", '{');
	pk_view_said(j, "epoch", v->epoch);
	pk_view_said(j, "plane", v->plane);
	pk_view_said(j, "offender", v->offender);
	pk_view_said(j, "target", v->target);
	pk_json_out_number(j, "count", v->count);
	pk_json_out_number(j, "confidence", v->confidence);
	if (v->feed_count) {
		pk_json_out_open(j, "feeds", '[');
		for (size_t i = 0; i < v->feed_count; i++)
			pk_json_out_again(j, NULL, pk_view_feed(v, i));
		pk_json_out_close(j, ']');
	}
	pk_view_said(j, "class", v->class);
	pk_view_said(j, "attribution", v->attribution);
	if (!*v->value) {
		pk_json_out_number(j, "hosts", v->hosts);
		pk_json_out_number(j, "ports", v->ports);
	}
	pk_json_out_close(j, '}');
}

static void add_observer(struct pk_json_out *j, const struct pk_view *v)
{
	pk_json_out_open(j, "observer", '{');
	pk_view_said(j, "name", v->sensor);
	if (strcmp(v->observer, v->sensor) != 0)
		pk_view_said(j, "ip", v->observer);
	pk_json_out_plain(j, "type", "ids");
	pk_json_out_plain(j, "vendor", "picket");
	pk_json_out_plain(j, "product", "picketd");
	pk_json_out_close(j, '}');
}

int pk_profile_ecs(const struct pk_view *v, char *out, size_t size)
{
	struct pk_json_out j;
	char title[64];

	pk_json_out_begin(&j, out, size);
	pk_view_said(&j, "@timestamp", v->last);
	pk_json_out_open(&j, "ecs", '{');
	pk_json_out_plain(&j, "version", "9.0.0");
	pk_json_out_close(&j, '}');
	pk_json_out_again(&j, "message", pk_view_title(v, title));
	add_event(&j, v);
	add_observer(&j, v);
	pk_json_out_open(&j, "rule", '{');
	pk_json_out_again(&j, "name", v->type);
	pk_json_out_close(&j, '}');
	add_network(&j, v);
	if (*v->value)
		add_threat(&j, v);
	if (*v->tags) {
		pk_json_out_open(&j, "tags", '[');
		pk_json_out_again(&j, NULL, v->tags);
		pk_json_out_close(&j, ']');
	}
	add_own(&j, v);
	return pk_json_out_end(&j);
}
