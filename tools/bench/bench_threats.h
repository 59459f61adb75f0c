/* SPDX-License-Identifier: BSD-2-Clause */
/* bench_threats: the threats of bench_bus, and their JSON built with json-c. */
#ifndef PK_TOOLS_BENCH_THREATS_H
#define PK_TOOLS_BENCH_THREATS_H

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <json-c/json.h>

#include "control/community.h"
#include "control/threat.h"

/* --- threats ---------------------------------------------------------------- */

static struct pk_threat_indicator indicator = {
	.type = "ipv4-addr",
	.id = "indicator--8d12aa0e-7fa9-4d8a-b6c9-0f4a64c9e5d1",
	.threat_type = "c2",
	.class = "c2",
	.feed = { "feodo", "local/2" },
	.feeds = 2,
	.value = "198.51.100.23",
};

static void set_addr(union pk_addr *a, uint32_t ip)
{
	uint8_t bytes[16] = { [10] = 0xff, [11] = 0xff };

	ip = htonl(ip);
	memcpy(bytes + 12, &ip, 4);
	memcpy(a, bytes, sizeof(bytes));
}

static void make(struct pk_threat *t, uint32_t i, int listed)
{
	*t = (struct pk_threat){
		.type = listed ? "indicator" : "portscan",
		.sensor = "sensor-1",
		.severity = "high",
		.epoch = 0x1846a1b2c3d4e5f6,
		.id = { i * 0x9e3779b97f4a7c15ULL, i },
		.seq = i,
		.first_ns = 1700000000000000000ULL + i * 1000ULL,
		.last_ns = 1700000000000000999ULL + i * 1000ULL,
		.count = i % 1000,
		.generation = 7,
		.hold_sec = 3600,
		.sampling = 1,
		.plane = PK_PLANE_XDP,
		.confidence = 90,
		.indicator = listed ? &indicator : NULL,
		.flow = { .tcp_flags = 2, .ttl = 61, .has_ttl = 1 },
		.details = { .hosts = 3, .ports = 101, .named = 1 },
	};
	set_addr(&t->observer, 0x0a080203);
	set_addr(&t->offender, 0xc6336400 + i % 4096);
	set_addr(&t->target, 0x0a000000 + i % 65536);
	set_addr(&t->details.host[0], 0x0a000007);
	t->flow.key.src = t->offender;
	t->flow.key.dst = t->target;
	t->flow.key.sport = (uint16_t)(1024 + i % 50000);
	t->flow.key.dport = 443;
	t->flow.key.proto = 6;
}

/* --- the same with json-c --------------------------------------------------- */

static void text(struct json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, json_object_new_string(value));
}

static void number(struct json_object *o, const char *key, uint64_t n)
{
	json_object_object_add(o, key, json_object_new_uint64(n));
}

static struct json_object *child(struct json_object *o, const char *key)
{
	struct json_object *c = json_object_new_object();

	json_object_object_add(o, key, c);
	return c;
}

static const char *addr_text(const union pk_addr *a, char out[64])
{
	inet_ntop(AF_INET, (const uint8_t *)a + 12, out, 64);
	return out;
}

static void addr(struct json_object *o, const char *key, const union pk_addr *a)
{
	char out[64];

	text(o, key, addr_text(a, out));
}

static void hex(struct json_object *o, const char *key, uint64_t n)
{
	char out[32];

	snprintf(out, sizeof(out), "%016llx", (unsigned long long)n);
	text(o, key, out);
}

static void when(struct json_object *o, const char *key, uint64_t ns)
{
	time_t sec = (time_t)(ns / 1000000000);
	char day[32], out[64];
	struct tm tm;

	gmtime_r(&sec, &tm);
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out, sizeof(out), "%s.%06uZ", day,
		 (unsigned)(ns % 1000000000 / 1000));
	text(o, key, out);
}

static void add_indicator(struct json_object *o, const struct pk_threat *t)
{
	struct json_object *c = child(o, "indicator");
	struct json_object *feeds = json_object_new_array();

	text(c, "type", t->indicator->type);
	text(c, "value", t->indicator->value);
	text(c, "id", t->indicator->id);
	for (unsigned i = 0; i < t->indicator->feeds; i++)
		json_object_array_add(
			feeds, json_object_new_string(t->indicator->feed[i]));
	json_object_object_add(c, "feeds", feeds);
	text(c, "role", "source");
	number(c, "generation", t->generation);
	text(c, "threat_type", t->indicator->threat_type);
	text(c, "class", t->indicator->class);
}

static void add_flow(struct json_object *o, const struct pk_threat *t)
{
	struct json_object *c = child(o, "flow");
	char community[PK_COMMUNITY_TEXT];

	pk_community_id(&t->flow.key, 0, community);
	addr(c, "src_ip", &t->flow.key.src);
	number(c, "src_port", t->flow.key.sport);
	addr(c, "dst_ip", &t->flow.key.dst);
	number(c, "dst_port", t->flow.key.dport);
	text(c, "proto", "tcp");
	text(c, "community_id", community);
	text(c, "tcp_flags", "S");
	number(c, "ttl", t->flow.ttl);
}

static void add_details(struct json_object *o, const struct pk_threat *t)
{
	struct json_object *c = child(o, "details"), *hosts;
	char out[64];

	if (t->indicator)
		return;
	number(c, "hosts", t->details.hosts);
	number(c, "ports", t->details.ports);
	hosts = json_object_new_array();
	json_object_array_add(hosts, json_object_new_string(addr_text(
					     &t->details.host[0], out)));
	json_object_object_add(c, "attacked_hosts", hosts);
}

static struct json_object *build(const struct pk_threat *t)
{
	struct json_object *o = json_object_new_object();
	char id[48];

	snprintf(id, sizeof(id), "%016llx%016llx", (unsigned long long)t->id[0],
		 (unsigned long long)t->id[1]);
	text(o, "type", t->type);
	addr(o, "observer", &t->observer);
	addr(o, "offender", &t->offender);
	number(o, "timestamp", t->first_ns / 1000000000);
	add_details(o, t);
	text(o, "id", id);
	number(o, "seq", t->seq);
	hex(o, "epoch", t->epoch);
	text(o, "sensor", t->sensor);
	text(o, "plane", "xdp");
	text(o, "state", "open");
	number(o, "count", t->count);
	addr(o, "target", &t->target);
	when(o, "first", t->first_ns);
	when(o, "last", t->last_ns);
	text(o, "severity", t->severity);
	number(o, "confidence", t->confidence);
	number(o, "hold", t->hold_sec);
	if (t->indicator)
		add_indicator(o, t);
	add_flow(o, t);
	json_object_object_add(o, "coverage",
			       json_object_new_double_s(1.0, "1.0"));
	number(o, "sampling", t->sampling);
	return o;
}

static const char *print(struct json_object *o, size_t *len)
{
	return json_object_to_json_string_length(
		o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE,
		len);
}

#endif /* PK_TOOLS_BENCH_THREATS_H */
