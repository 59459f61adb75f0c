/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "control/profile/view.h"

enum { ETH_IP4 = 0x0800, ETH_IP6 = 0x86dd, ID_DIGITS = 18 };

static int is_name(const struct pk_view *v)
{
	return !strcmp(v->ind_type, "domain-name");
}

static const char *type_word(const struct pk_view *v)
{
	static const char *const words[][2] = {
		{ "ipv4-addr", "IP" },	     { "ipv6-addr", "IP" },
		{ "ipv4-net", "CIDR" },	     { "ipv6-net", "CIDR" },
		{ "domain-name", "DOMAIN" }, { "url", "URL" },
		{ "email-addr", "EMAIL" },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(words[i][0], v->ind_type))
			return words[i][1];
	return v->ind_type;
}

static uint64_t proto_number(const char *word)
{
	static const struct {
		const char *word;
		uint64_t number;
	} known[] = {
		{ "icmp", 1 },	 { "igmp", 2 },	      { "ipv4", 4 },
		{ "tcp", 6 },	 { "udp", 17 },	      { "ipv6", 41 },
		{ "gre", 47 },	 { "esp", 50 },	      { "ah", 51 },
		{ "sctp", 132 }, { "ipv6-icmp", 58 },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (!strcmp(known[i].word, word))
			return known[i].number;
	return strtoull(word, NULL, 10);
}

/* A number when it is one, as sdn_sensor's always are. */
static void add_id(struct pk_json_out *j, const char *id)
{
	size_t n = strspn(id, "0123456789");

	if (n && !id[n] && n <= ID_DIGITS)
		pk_json_out_number(j, "ioc_id", strtoull(id, NULL, 10));
	else
		pk_json_out_again(j, "ioc_id", id);
}

static void add_packet(struct pk_json_out *j, const struct pk_view *v)
{
	pk_json_out_plain(j, "direction", "RX");
	pk_json_out_number(j, "eth_type",
			   pk_view_is_v6(v->src) ? ETH_IP6 : ETH_IP4);
	pk_json_out_again(j, "sip", v->src);
	pk_json_out_again(j, "dip", v->dst);
	pk_json_out_number(j, "ip_protocol", proto_number(v->proto));
	if (v->has_ttl)
		pk_json_out_number(j, "ttl", v->ttl);
	if (pk_view_is_icmp(v))
		pk_json_out_number(j, "icmp_type", v->sport);
	pk_json_out_number(j, "sport", pk_view_is_icmp(v) ? 0 : v->sport);
	pk_json_out_number(j, "dport", pk_view_is_icmp(v) ? 0 : v->dport);
	pk_json_out_again(j, "dns_name", v->name);
}

static void add_indicator(struct pk_json_out *j, const struct pk_view *v)
{
	const char *seen = !strcmp(v->role, "source") ? v->src : v->dst;

	pk_json_out_number(j, "file_id", pk_view_stable(pk_view_feed(v, 0)));
	pk_json_out_again(j, "file", pk_view_feed(v, 0));
	add_id(j, v->ind_id);
	pk_json_out_again(j, "type", type_word(v));
	pk_json_out_again(j, "threat_type", v->threat_type);
	pk_json_out_again(j, "ip", is_name(v) ? "" : seen);
	pk_json_out_again(j, "value", v->value);
	pk_json_out_again(j, "dns", is_name(v) ? v->value : "");
}

int pk_profile_sdn(const struct pk_view *v, char *out, size_t size)
{
	struct pk_json_out j;

	pk_json_out_begin(&j, out, size);
	if (!*v->value) {
		pk_json_out_plain(&j, "source", "rule");
		pk_json_out_again(&j, "rule", v->type);
	} else {
		pk_json_out_plain(&j, "source",
				  is_name(v) ? "dns_ioc" : "frame_ioc");
	}
	pk_json_out_number(&j, "seq_num", v->seq);
	add_packet(&j, v);
	if (*v->value)
		add_indicator(&j, v);
	return pk_json_out_end(&j);
}
