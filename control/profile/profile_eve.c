/* SPDX-License-Identifier: BSD-2-Clause */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "control/profile/view.h"

enum { SID_LOCAL = 1000000, SID_COUNT = 1000000 }; /* for rules of one's own */

/* EVE's times end in a numeric offset without a colon. */
static void add_time(struct pk_json_out *j, const char *key, const char *time)
{
	char text[40];
	size_t n = strlen(time);

	if (!n)
		return;
	snprintf(text, sizeof(text), "%.*s+0000", (int)n - 1, time);
	pk_json_out_plain(j, key, text);
}

static void add_proto(struct pk_json_out *j, const struct pk_view *v)
{
	char text[16] = "";

	if (!strcmp(v->proto, "ipv6-icmp"))
		strcpy(text, "IPv6-ICMP");
	else
		for (size_t i = 0; v->proto[i] && i < sizeof(text) - 1; i++)
			text[i] = (char)toupper((unsigned char)v->proto[i]);
	pk_view_said(j, "proto", text);
}

static void add_flow(struct pk_json_out *j, const struct pk_view *v)
{
	pk_view_said(j, "src_ip", v->src);
	if (!pk_view_is_icmp(v))
		pk_json_out_number(j, "src_port", v->sport);
	pk_view_said(j, "dest_ip", v->dst);
	if (!pk_view_is_icmp(v))
		pk_json_out_number(j, "dest_port", v->dport);
	add_proto(j, v);
	if (pk_view_is_icmp(v))
		pk_json_out_number(j, "icmp_type", v->sport);
	pk_view_said(j, "community_id", v->community);
}

/* Suricata's rules give lists of texts as metadata. */
static void add_list(struct pk_json_out *j, const char *key, const char *text)
{
	if (!*text)
		return;
	pk_json_out_open(j, key, '[');
	pk_json_out_again(j, NULL, text);
	pk_json_out_close(j, ']');
}

static void add_count(struct pk_json_out *j, const char *key, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	add_list(j, key, text);
}

static void add_indicator(struct pk_json_out *j, const struct pk_view *v)
{
	add_list(j, "indicator_type", v->ind_type);
	add_list(j, "indicator", v->value);
	add_list(j, "indicator_id", v->ind_id);
	add_list(j, "indicator_role", v->role);
	if (v->feed_count) {
		pk_json_out_open(j, "feed", '[');
		for (size_t i = 0; i < v->feed_count; i++)
			pk_json_out_again(j, NULL, pk_view_feed(v, i));
		pk_json_out_close(j, ']');
	}
	add_list(j, "tlp", v->tlp);
	add_list(j, "tag", v->tags);
	add_list(j, "attribution", v->attribution);
}

static void add_metadata(struct pk_json_out *j, const struct pk_view *v)
{
	pk_json_out_open(j, "metadata", '{');
	add_list(j, "picket_id", v->id);
	add_list(j, "picket_epoch", v->epoch);
	add_count(j, "picket_seq", v->seq);
	add_list(j, "state", v->state);
	add_count(j, "count", v->count);
	add_count(j, "confidence", v->confidence);
	add_list(j, "offender", v->offender);
	add_list(j, "target", v->target);
	add_list(j, "observer", v->observer);
	add_list(j, "plane", v->plane);
	if (*v->value) {
		add_indicator(j, v);
	} else {
		add_count(j, "hosts", v->hosts);
		add_count(j, "ports", v->ports);
	}
	add_list(j, "name_seen", v->name);
	pk_json_out_close(j, '}');
}

static void add_alert(struct pk_json_out *j, const struct pk_view *v)
{
	static const uint8_t severities[] = { 3, 2, 1, 1 };
	char title[64], signature[80];

	pk_view_title(v, title);
	snprintf(signature, sizeof(signature), "picket %s", title);
	pk_json_out_open(j, "alert", '{');
	pk_json_out_plain(j, "action", "allowed");
	pk_json_out_number(j, "gid", 1);
	pk_json_out_number(j, "signature_id",
			   SID_LOCAL + pk_view_stable(title) % SID_COUNT);
	pk_json_out_number(j, "rev", 1);
	pk_json_out_again(j, "signature", signature);
	pk_json_out_again(j, "category",
			  *v->threat_type ? v->threat_type : v->type);
	pk_json_out_number(j, "severity", severities[pk_view_severity(v)]);
	add_metadata(j, v);
	pk_json_out_close(j, '}');
}

int pk_profile_eve(const struct pk_view *v, char *out, size_t size)
{
	struct pk_json_out j;

	pk_json_out_begin(&j, out, size);
	add_time(&j, "timestamp", v->last);
	pk_json_out_plain(&j, "event_type", "alert");
	pk_view_said(&j, "host", v->sensor);
	add_flow(&j, v);
	add_alert(&j, v);
	if (*v->first) {
		pk_json_out_open(&j, "flow", '{');
		add_time(&j, "start", v->first);
		pk_json_out_close(&j, '}');
	}
	return pk_json_out_end(&j);
}
