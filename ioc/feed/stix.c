/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * STIX 2.0 and 2.1: bundles, TAXII envelopes, lists and single objects. Each
 * object is a record; only indicators have values.
 *
 * Names of malware, actors and authors, markings, and newer versions of an
 * object count wherever they stand within the same window of the document (see
 * json_scan.h), and for everything behind it. In a bundle whose indicators and
 * relationships take more than a window, an indicator whose relationship comes
 * more than a window later has no label, and of two versions of it that far
 * apart both are taken. What is known of other objects is bounded: see
 * stix_known.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ioc/feed/json_record.h"
#include "ioc/feed/json_scan.h"
#include "ioc/feed/reader.h"
#include "ioc/feed/stix_known.h"
#include "ioc/feed/stix_pattern.h"

enum { TOP, LIST, BUNDLE, OBJECTS };

static const struct pk_json_rule rules[] = {
	{ TOP, NULL, PK_JSON_OBJECT, PK_JSON_MAYBE, BUNDLE },
	{ TOP, NULL, PK_JSON_ARRAY, PK_JSON_WALK, LIST },
	{ LIST, NULL, PK_JSON_OBJECT, PK_JSON_MAYBE, BUNDLE },
	{ LIST, NULL, PK_JSON_ANY, PK_JSON_RECORD, 0 },
	{ BUNDLE, "objects", PK_JSON_ARRAY, PK_JSON_WALK, OBJECTS },
	{ OBJECTS, NULL, PK_JSON_ANY, PK_JSON_RECORD, 0 },
};

static const struct pk_json_rules stix_rules = {
	rules, sizeof(rules) / sizeof(rules[0]), .hold = 1, .peek = 1
};

struct stix {
	struct json_tokener *json;
	struct pk_stix_known *known;
	struct pk_stix_pattern *pattern;
};

static void end(void *state)
{
	struct stix *s = state;

	if (!s)
		return;
	if (s->json)
		json_tokener_free(s->json);
	pk_stix_known_free(s->known);
	pk_stix_pattern_free(s->pattern);
	free(s);
}

static int begin(void **state, struct pk_reader *r)
{
	struct stix *s = calloc(1, sizeof(*s));

	(void)r;
	if (!s)
		return -ENOMEM;
	s->json = pk_json_parser_new();
	if (!s->json || pk_stix_known_new(&s->known) ||
	    pk_stix_pattern_new(&s->pattern)) {
		end(s);
		return -ENOMEM;
	}
	*state = s;
	return 0;
}

static int guess(const char *head, size_t len)
{
	if (!pk_json_head(head, len))
		return 0;
	if (pk_json_head_has(head, len, "\"bundle--"))
		return 95;
	if (pk_json_head_has(head, len, "\"indicator--"))
		return 90;
	if (pk_json_head_has(head, len, "\"spec_version\"") ||
	    pk_json_head_has(head, len, "\"created_by_ref\""))
		return 80;
	return 0;
}

/* --- the first look at every object ---------------------------------------- */

enum { TYPE, ID, MODIFIED, REVOKED, RELATION, SOURCE, TARGET, KEYS };

static const char *const keys[KEYS] = {
	[TYPE] = "type",
	[ID] = "id",
	[MODIFIED] = "modified",
	[REVOKED] = "revoked",
	[RELATION] = "relationship_type",
	[SOURCE] = "source_ref",
	[TARGET] = "target_ref",
};

/* Microseconds: publishers make several versions in a second. */
static uint64_t micros(struct pk_json_span time)
{
	const char *p = time.text ? memchr(time.text, '.', time.len) : NULL;
	size_t left = p ? time.len - (size_t)(p - time.text) - 1 : 0;
	uint64_t all = (uint64_t)pk_json_time(time) * 1000000;

	for (unsigned unit = 100000; left && unit; left--, unit /= 10) {
		p++;
		if (*p < '0' || *p > '9')
			break;
		all += unit * (unsigned)(*p - '0');
	}
	return all;
}

/* Things with a name that an indicator may be put down to. */
static bool has_name(struct pk_json_span type)
{
	static const char *const types[] = {
		"malware",  "threat-actor", "intrusion-set",  "campaign",
		"identity", "tool",	    "infrastructure",
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (pk_json_is(type, types[i]))
			return true;
	return false;
}

static void learn_name(struct stix *s, const struct pk_json_item *item)
{
	struct json_object *o = pk_json_parse(s->json, item->text, item->len);

	if (json_object_is_type(o, json_type_object))
		pk_stix_known_name(s->known, pk_json_get(o, "id"),
				   pk_json_get(o, "name"));
	json_object_put(o);
}

/* 2.0 and 2.1 have definition.tlp; TLP 2.0 is an extension with a name. */
static void learn_marking(struct stix *s, const struct pk_json_item *item)
{
	struct json_object *o = pk_json_parse(s->json, item->text, item->len);
	struct pk_json_span level = { NULL, 0 };
	int tlp = -ENOENT;

	if (json_object_is_type(o, json_type_object)) {
		level = pk_json_get(pk_json_object(o, "definition"), "tlp");
		if (!level.text)
			level = pk_json_get(o, "name");
	}
	if (level.text && level.len)
		tlp = pk_tlp_find(level.text);
	if (tlp > 0)
		pk_stix_known_marking(s->known, pk_json_get(o, "id"),
				      (enum pk_tlp)tlp);
	json_object_put(o);
}

static void peek(struct stix *s, const struct pk_json_item *item)
{
	struct pk_json_span m[KEYS];

	pk_json_glance(item->text, item->len, keys, m, KEYS);
	if (pk_json_is(m[TYPE], "indicator"))
		pk_stix_known_version(s->known, m[ID], micros(m[MODIFIED]));
	else if (pk_json_is(m[REVOKED], "true"))
		return;
	else if (pk_json_is(m[TYPE], "relationship") &&
		 pk_json_is(m[RELATION], "indicates"))
		pk_stix_known_link(s->known, m[SOURCE], m[TARGET]);
	else if (pk_json_is(m[TYPE], "marking-definition"))
		learn_marking(s, item);
	else if (has_name(m[TYPE]))
		learn_name(s, item);
}

static void item(void *state, struct pk_reader *r,
		 const struct pk_json_item *item)
{
	(void)r;
	if (item->what == PK_JSON_PEEK)
		peek(state, item);
}

/* --- indicators ------------------------------------------------------------ */

static enum pk_tlp tlp_of(const struct stix *s, struct json_object *o)
{
	struct json_object *refs = pk_json_list(o, "object_marking_refs");
	enum pk_tlp highest = PK_TLP_NONE;

	for (size_t i = 0; refs && i < json_object_array_length(refs); i++) {
		enum pk_tlp tlp = pk_stix_known_tlp(
			s->known,
			pk_json_text(json_object_array_get_idx(refs, i)));

		highest = tlp > highest ? tlp : highest;
	}
	return highest;
}

/* What it indicates; else who says so. */
static const char *attribution_of(const struct stix *s, struct pk_reader *r,
				  struct json_object *o)
{
	char label[PK_ATTRIBUTION_MAX + 1];
	const char *author;
	size_t len = pk_stix_known_label(s->known, pk_json_get(o, "id"), label);

	if (len)
		return pk_reader_keep(r, label, len, PK_ATTRIBUTION_MAX);
	author = pk_stix_known_name_of(s->known,
				       pk_json_get(o, "created_by_ref"));
	return pk_reader_keep(r, author, strlen(author), PK_ATTRIBUTION_MAX);
}

/*
 * Words of @list become tags; the first is the threat type, the first that is
 * known the class.
 */
static void add_words(struct json_object *list, struct pk_reader *r,
		      struct pk_meta *meta, struct pk_json_tags *tags)
{
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct pk_json_span word =
			pk_json_text(json_object_array_get_idx(list, i));
		enum pk_threat_class class;

		if (!word.len)
			continue;
		pk_json_tags_add(tags, word.text, word.len);
		class = pk_threat_class_guess(word.text);
		if (class != PK_CLASS_NONE && class != PK_CLASS_OTHER &&
		    meta->threat_class == PK_CLASS_NONE)
			meta->threat_class = (uint8_t) class;
		if (!*meta->threat_type && word.len <= PK_THREAT_TYPE_MAX)
			meta->threat_type =
				pk_json_keep(r, word, PK_THREAT_TYPE_MAX);
	}
}

/* A phase is more exact than "malicious-activity". */
static void add_phases(struct json_object *o, struct pk_meta *meta,
		       struct pk_json_tags *tags)
{
	struct json_object *list = pk_json_list(o, "kill_chain_phases");

	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct pk_json_span phase = pk_json_get(
			json_object_array_get_idx(list, i), "phase_name");

		if (!phase.len)
			continue;
		pk_json_tags_add(tags, phase.text, phase.len);
		if (pk_json_is(phase, "command-and-control"))
			meta->threat_class = PK_CLASS_C2;
	}
}

static bool is_in(struct json_object *list, const char *word)
{
	for (size_t i = 0; list && i < json_object_array_length(list); i++)
		if (pk_json_is(pk_json_text(json_object_array_get_idx(list, i)),
			       word))
			return true;
	return false;
}

static void fill_meta(const struct stix *s, struct pk_reader *r,
		      struct json_object *o, struct pk_meta *meta,
		      struct pk_json_tags *tags)
{
	const struct pk_meta own = *meta;
	struct pk_json_span confidence = pk_json_get(o, "confidence");
	enum pk_tlp tlp = tlp_of(s, o);
	const char *who = attribution_of(s, r, o);

	meta->id = pk_json_keep(r, pk_json_get(o, "id"), PK_ID_MAX);
	meta->threat_type = "";
	meta->threat_class = PK_CLASS_NONE;
	add_words(pk_json_list(o, "indicator_types"), r, meta, tags);
	add_words(pk_json_list(o, "labels"), r, meta, tags);
	add_phases(o, meta, tags);
	if (!*meta->threat_type)
		meta->threat_type = own.threat_type;
	if (meta->threat_class == PK_CLASS_NONE)
		meta->threat_class = own.threat_class;
	if (*who)
		meta->attribution = who;
	if (tlp != PK_TLP_NONE)
		meta->tlp = (uint8_t)tlp;
	if (confidence.len && confidence.len <= 3 &&
	    strspn(confidence.text, "0123456789") == confidence.len &&
	    atoi(confidence.text) <= 100)
		meta->confidence = (uint8_t)atoi(confidence.text);
	meta->first_seen = pk_json_time(pk_json_get(o, "created"));
	meta->last_seen = pk_json_time(pk_json_get(o, "modified"));
	meta->valid_from = pk_json_time(pk_json_get(o, "valid_from"));
	meta->valid_until = pk_json_until(pk_json_get(o, "valid_until"));
}

static void add_value(struct pk_reader *r, const struct pk_meta *meta,
		      const struct pk_json_tags *tags,
		      const struct pk_stix_value *value)
{
	struct pk_indicator *ind = pk_reader_fresh(r);
	struct pk_json_tags own = *tags;
	char unchecked[32];

	ind->meta = *meta;
	if (value->unchecked) {
		snprintf(unchecked, sizeof(unchecked), "unchecked:%u",
			 value->unchecked);
		pk_json_tags_add(&own, unchecked, strlen(unchecked));
	}
	if (own.len)
		ind->meta.tags =
			pk_reader_keep(r, own.text, own.len, PK_TAGS_MAX);
	pk_reader_add_text(r, ind, (int)value->type, value->text, value->len);
}

static enum pk_outcome refuse(struct pk_reader *r, enum pk_refused why,
			      const char *field, struct pk_json_span text)
{
	pk_reader_at(r, 0, field);
	pk_reader_refuse(r, why, 0, text.text ? text.text : "", text.len);
	return PK_OUTCOME_REFUSED;
}

static enum pk_outcome skip(struct pk_reader *r, enum pk_skip why)
{
	pk_reader_skip(r, why);
	return PK_OUTCOME_SKIPPED;
}

static enum pk_outcome values(const struct stix *s, struct pk_reader *r,
			      struct json_object *o)
{
	unsigned n = pk_stix_pattern_count(s->pattern);
	struct pk_json_tags tags = { 0 };
	struct pk_meta meta = pk_reader_fresh(r)->meta;

	if (!n)
		return skip(r, pk_stix_pattern_host_only(s->pattern)
				       ? PK_SKIP_HOST_ONLY
				       : PK_SKIP_NOT_INDICATOR);
	pk_json_tags_add_list(&tags, meta.tags);
	fill_meta(s, r, o, &meta, &tags);
	pk_reader_at(r, 0, "pattern");
	for (unsigned i = 0; i < n; i++) {
		struct pk_stix_value value;

		pk_stix_pattern_value(s->pattern, i, &value);
		add_value(r, &meta, &tags, &value);
	}
	return PK_OUTCOME_VALUES;
}

static enum pk_outcome indicator(const struct stix *s, struct pk_reader *r,
				 struct json_object *o)
{
	struct pk_json_span pattern = pk_json_get(o, "pattern");
	struct pk_json_span type = pk_json_get(o, "pattern_type");
	enum pk_stix_refusal why;

	if (pk_json_truth(o, "revoked", false) ||
	    pk_stix_known_newer(s->known, pk_json_get(o, "id"),
				micros(pk_json_get(o, "modified"))))
		return skip(r, PK_SKIP_REVOKED);
	if (is_in(pk_json_list(o, "indicator_types"), "benign") ||
	    is_in(pk_json_list(o, "labels"), "benign"))
		if (!pk_reader_options(r)->everything)
			return skip(r, PK_SKIP_NOT_TO_IDS);
	if (type.text && !pk_json_is(type, "stix"))
		return refuse(r, PK_REFUSED_PATTERN,
			      "pattern_type: other than stix", type);
	if (pk_json_get(o, "id").len > PK_ID_MAX)
		return refuse(r, PK_REFUSED_ID_LONG, "id",
			      pk_json_get(o, "id"));
	if (!pattern.len)
		return refuse(r, PK_REFUSED_EMPTY, "pattern", pattern);
	why = pk_stix_pattern_parse(s->pattern, pattern.text, pattern.len);
	if (why)
		return refuse(r, PK_REFUSED_PATTERN, pk_stix_refusal_text(why),
			      pattern);
	return values(s, r, o);
}

static enum pk_outcome record(void *state, struct pk_reader *r, char *text,
			      size_t len)
{
	static const char word[] = "\"indicator\"";
	const struct pk_json_span whole = { text, len };
	struct stix *s = state;
	struct json_object *o;
	enum pk_outcome outcome;

	/* Most objects are something else: a glance is enough. */
	if (!memmem(text, len, word, sizeof(word) - 1))
		return skip(r, PK_SKIP_NOT_INDICATOR);
	o = pk_json_parse_record(s->json, r, text, len);
	if (!o)
		return PK_OUTCOME_REFUSED;
	if (!pk_json_get(o, "type").len)
		outcome = refuse(r, PK_REFUSED_SYNTAX, "type", whole);
	else if (!pk_json_is(pk_json_get(o, "type"), "indicator"))
		outcome = skip(r, PK_SKIP_NOT_INDICATOR);
	else
		outcome = indicator(s, r, o);
	json_object_put(o);
	return outcome;
}

const struct pk_reader_kind pk_reader_stix = {
	.format = PK_FEED_STIX,
	.cut = PK_CUT_OBJECTS,
	.guess = guess,
	.begin = begin,
	.end = end,
	.record = record,
	.json = &stix_rules,
	.item = item,
};
