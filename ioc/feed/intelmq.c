/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IntelMQ events: one object each, with dotted names ("source.ip") or nested
 * ones, one a line or in a list.
 *
 * An event tells where something came from, often down to several layers. Its
 * most exact layer is the indicator: URL, else name, else address, else
 * prefix, else e-mail, else AS; a URL's address may be thousands of other
 * sites'. Hashes stand beside it. A port belongs to the address where the class
 * is a service, not where it is a client whose port was a passing one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ioc/feed/json_record.h"
#include "ioc/feed/json_scan.h"
#include "ioc/feed/reader.h"

enum { TOP, LIST };

static const struct pk_json_rule rules[] = {
	{ TOP, NULL, PK_JSON_OBJECT, PK_JSON_RECORD, 0 },
	{ TOP, NULL, PK_JSON_ARRAY, PK_JSON_WALK, LIST },
	{ LIST, NULL, PK_JSON_ANY, PK_JSON_RECORD, 0 },
};

static const struct pk_json_rules intelmq_rules = {
	rules, sizeof(rules) / sizeof(rules[0]), 0, 0
};

static int begin(void **state, struct pk_reader *r)
{
	(void)r;
	*state = pk_json_parser_new();
	return *state ? 0 : -ENOMEM;
}

static void end(void *state)
{
	if (state)
		json_tokener_free(state);
}

static int guess(const char *head, size_t len)
{
	if (!pk_json_head(head, len))
		return 0;
	if (pk_json_head_has(head, len, "\"classification.type\"") ||
	    pk_json_head_has(head, len, "\"source.ip\"") ||
	    pk_json_head_has(head, len, "\"source.fqdn\"") ||
	    pk_json_head_has(head, len, "\"feed.accuracy\""))
		return 93;
	return 0;
}

/* "a.b" as a name, or b in the object a. */
static struct pk_json_span get(struct json_object *o, const char *name)
{
	struct pk_json_span s = pk_json_get(o, name);
	const char *dot = strchr(name, '.');
	char first[32];

	if (s.text || !dot || (size_t)(dot - name) >= sizeof(first))
		return s;
	memcpy(first, name, (size_t)(dot - name));
	first[dot - name] = 0;
	o = pk_json_object(o, first);
	return o ? get(o, dot + 1) : s;
}

static void fill_meta(struct pk_reader *r, struct json_object *o,
		      struct pk_meta *meta)
{
	struct pk_json_span type = get(o, "classification.type");
	struct pk_json_span what = get(o, "classification.identifier");
	struct pk_json_span accuracy = get(o, "feed.accuracy");
	struct pk_json_span who = get(o, "malware.name");
	struct pk_json_span tlp = get(o, "tlp");
	uint32_t seen = pk_json_time(get(o, "time.source"));
	struct pk_json_tags tags = { 0 };

	if (type.len) {
		meta->threat_type = pk_json_keep(r, type, PK_THREAT_TYPE_MAX);
		meta->threat_class =
			(uint8_t)pk_threat_class_guess(meta->threat_type);
	}
	if (accuracy.len && atof(accuracy.text) >= 0 &&
	    atof(accuracy.text) <= 100)
		meta->confidence = (uint8_t)atof(accuracy.text);
	if (who.len)
		meta->attribution = pk_json_keep(r, who, PK_ATTRIBUTION_MAX);
	if (tlp.len && pk_tlp_find(tlp.text) > 0)
		meta->tlp = (uint8_t)pk_tlp_find(tlp.text);
	pk_json_tags_add_list(&tags, meta->tags);
	if (what.len)
		pk_json_tags_add(&tags, what.text, what.len);
	if (tags.len)
		meta->tags =
			pk_reader_keep(r, tags.text, tags.len, PK_TAGS_MAX);
	if (!seen)
		seen = pk_json_time(get(o, "time.observation"));
	meta->first_seen = seen;
	meta->last_seen = seen;
}

static void add(struct pk_reader *r, const struct pk_meta *meta,
		const char *field, int type, struct pk_json_span text)
{
	struct pk_indicator *ind = pk_reader_fresh(r);

	ind->meta = *meta;
	pk_reader_at(r, 0, field);
	pk_reader_add_text(r, ind, type, text.text, text.len);
}

static bool is_service(uint8_t class)
{
	return class == PK_CLASS_C2 || class == PK_CLASS_MALWARE_DISTRIBUTION ||
	       class == PK_CLASS_MALWARE_CONFIGURATION ||
	       class == PK_CLASS_PHISHING || class == PK_CLASS_PROXY ||
	       class == PK_CLASS_DDOS_AMPLIFIER;
}

static void add_address(struct pk_reader *r, struct json_object *o,
			const struct pk_meta *meta, struct pk_json_span ip)
{
	struct pk_json_span port = get(o, "source.port");
	char text[128];
	int n;

	if (!port.len || !is_service(meta->threat_class)) {
		add(r, meta, "source.ip", PK_INDICATOR_IPV4, ip);
		return;
	}
	n = snprintf(text, sizeof(text),
		     memchr(ip.text, ':', ip.len) ? "[%.*s]:%.*s" : "%.*s:%.*s",
		     (int)ip.len, ip.text, (int)port.len, port.text);
	if (n >= (int)sizeof(text))
		n = sizeof(text) - 1; /* and refused */
	ip.text = text;
	ip.len = (size_t)n;
	add(r, meta, "source.ip", PK_INDICATOR_IP_PORT, ip);
}

/* 1 when the event has a place that it came from. */
static int add_source(struct pk_reader *r, struct json_object *o,
		      const struct pk_meta *meta)
{
	static const struct {
		const char *field;
		int type;
	} layers[] = {
		{ "source.url", PK_INDICATOR_URL },
		{ "source.fqdn", PK_INDICATOR_DOMAIN },
		{ "source.ip", PK_INDICATOR_IPV4 },
		{ "source.network", PK_INDICATOR_IPV4 },
		{ "source.account", PK_INDICATOR_EMAIL },
		{ "source.asn", PK_INDICATOR_ASN },
	};

	for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++) {
		struct pk_json_span text = get(o, layers[i].field);
		char as[32];

		if (!text.len)
			continue;
		/* An account need not be an address. */
		if (layers[i].type == PK_INDICATOR_EMAIL &&
		    !memchr(text.text, '@', text.len))
			continue;
		if (!strcmp(layers[i].field, "source.ip")) {
			add_address(r, o, meta, text);
			return 1;
		}
		if (layers[i].type == PK_INDICATOR_ASN) {
			snprintf(as, sizeof(as), "AS%s", text.text);
			text.text = as;
			text.len = strlen(as);
		}
		add(r, meta, layers[i].field, layers[i].type, text);
		return 1;
	}
	return 0;
}

static int add_hashes(struct pk_reader *r, struct json_object *o,
		      const struct pk_meta *meta)
{
	static const char *const fields[] = { "malware.hash.sha256",
					      "malware.hash.sha1",
					      "malware.hash.md5" };
	int n = 0;

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		struct pk_json_span text = get(o, fields[i]);

		if (!text.len)
			continue;
		add(r, meta, fields[i], PK_INDICATOR_FILE, text);
		n++;
	}
	return n;
}

static enum pk_outcome record(void *state, struct pk_reader *r, char *text,
			      size_t len)
{
	struct json_object *o = pk_json_parse_record(state, r, text, len);
	struct pk_meta meta;
	int n;

	if (!o)
		return PK_OUTCOME_REFUSED;
	meta = pk_reader_fresh(r)->meta;
	fill_meta(r, o, &meta);
	n = add_source(r, o, &meta);
	n += add_hashes(r, o, &meta);
	json_object_put(o);
	if (n)
		return PK_OUTCOME_VALUES;
	pk_reader_skip(r, PK_SKIP_NOT_INDICATOR);
	return PK_OUTCOME_SKIPPED;
}

const struct pk_reader_kind pk_reader_intelmq = {
	.format = PK_FEED_INTELMQ,
	.cut = PK_CUT_OBJECTS,
	.guess = guess,
	.begin = begin,
	.end = end,
	.record = record,
	.json = &intelmq_rules,
};
