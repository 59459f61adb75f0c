/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/profile/view.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "control/profile/profile.h"

enum { DEPTH = 8, TIME_LEN = 27 }; /* 2017-02-11T17:38:27.000001Z */

static struct json_object *member(struct json_object *o, const char *key,
				  enum json_type type)
{
	struct json_object *m = NULL;

	if (!json_object_object_get_ex(o, key, &m) ||
	    !json_object_is_type(m, type))
		return NULL;
	return m;
}

/* Text behind a NUL is not of ours. */
static const char *text(struct json_object *o, const char *key)
{
	struct json_object *m = member(o, key, json_type_string);

	return m ? json_object_get_string(m) : "";
}

static uint64_t number(struct json_object *o, const char *key)
{
	struct json_object *m = member(o, key, json_type_int);

	return m ? json_object_get_uint64(m) : 0;
}

/* What is no time of ours is left out: nothing else may stand in a header. */
static const char *get_time(struct json_object *o, const char *key,
			    uint64_t *ms)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd.ddddddZ";
	const char *t = text(o, key);
	struct tm tm = { 0 };
	unsigned micro = 0;

	*ms = 0;
	for (int i = 0; i < TIME_LEN + 1; i++)
		if (form[i] == 'd' ? t[i] < '0' || t[i] > '9' : t[i] != form[i])
			return "";
	sscanf(t, "%4d-%2d-%2dT%2d:%2d:%2d.%6uZ", &tm.tm_year, &tm.tm_mon,
	       &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &micro);
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	*ms = (uint64_t)timegm(&tm) * 1000 + micro / 1000;
	return t;
}

static void read_indicator(struct pk_view *v, struct json_object *o)
{
	v->ind_type = text(o, "type");
	v->value = text(o, "value");
	v->ind_id = text(o, "id");
	v->role = text(o, "role");
	v->threat_type = text(o, "threat_type");
	v->class = text(o, "class");
	v->tlp = text(o, "tlp");
	v->tags = text(o, "tags");
	v->attribution = text(o, "attribution");
	v->expires = text(o, "expires");
	v->feeds = member(o, "feeds", json_type_array);
	v->feed_count = v->feeds ? json_object_array_length(v->feeds) : 0;
}

static void read_flow(struct pk_view *v, struct json_object *o)
{
	v->src = text(o, "src_ip");
	v->dst = text(o, "dst_ip");
	v->proto = text(o, "proto");
	v->community = text(o, "community_id");
	v->sport = number(o, "src_port");
	v->dport = number(o, "dst_port");
	v->ttl = number(o, "ttl");
	v->has_ttl = member(o, "ttl", json_type_int) != NULL;
}

static void read_top(struct pk_view *v, struct json_object *o)
{
	struct json_object *details = member(o, "details", json_type_object);

	v->type = text(o, "type");
	v->observer = text(o, "observer");
	v->offender = text(o, "offender");
	v->target = text(o, "target");
	v->id = text(o, "id");
	v->epoch = text(o, "epoch");
	v->sensor = text(o, "sensor");
	v->plane = text(o, "plane");
	v->state = text(o, "state");
	v->severity = text(o, "severity");
	v->first = get_time(o, "first", &v->first_ms);
	v->last = get_time(o, "last", &v->last_ms);
	v->seq = number(o, "seq");
	v->count = number(o, "count");
	v->confidence = number(o, "confidence");
	v->name = text(details, "name");
	v->hosts = number(details, "hosts");
	v->ports = number(details, "ports");
}

int pk_view_read(struct pk_view *v, const char *json, size_t len)
{
	struct json_tokener *parser = json_tokener_new_ex(DEPTH);
	struct json_object *tree;

	if (!parser)
		return -ENOMEM;
	json_tokener_set_flags(parser, JSON_TOKENER_STRICT);
	tree = json_tokener_parse_ex(parser, json, (int)len);
	if (json_tokener_get_parse_end(parser) != len)
		json_object_put(tree), tree = NULL;
	json_tokener_free(parser);
	if (!json_object_is_type(tree, json_type_object)) {
		json_object_put(tree);
		return -EBADMSG;
	}
	memset(v, 0, sizeof(*v));
	v->tree = tree;
	read_top(v, tree);
	read_indicator(v, member(tree, "indicator", json_type_object));
	read_flow(v, member(tree, "flow", json_type_object));
	return 0;
}

const char *pk_view_feed(const struct pk_view *v, size_t i)
{
	struct json_object *o;

	if (i >= v->feed_count)
		return "";
	o = json_object_array_get_idx(v->feeds, i);
	return json_object_is_type(o, json_type_string)
		       ? json_object_get_string(o)
		       : "";
}

int pk_view_is_v6(const char *addr)
{
	return strchr(addr, ':') != NULL;
}

int pk_view_is_icmp(const struct pk_view *v)
{
	return !strcmp(v->proto, "icmp") || !strcmp(v->proto, "ipv6-icmp");
}

unsigned pk_view_severity(const struct pk_view *v)
{
	int severity = pk_profile_severity_find(v->severity);

	return severity < 0 ? 1 : (unsigned)severity;
}

const char *pk_view_title(const struct pk_view *v, char out[64])
{
	snprintf(out, 64, "%.31s%s%.31s", v->type, *v->ind_type ? " " : "",
		 v->ind_type);
	return out;
}

uint32_t pk_view_stable(const char *at)
{
	uint32_t h = 2166136261U; /* FNV-1a */

	for (; *at; at++)
		h = (h ^ (unsigned char)*at) * 16777619U;
	return h & 0x7fffffff;
}

void pk_view_said(struct pk_json_out *j, const char *key, const char *at)
{
	if (*at)
		pk_json_out_again(j, key, at);
}
