/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MISP events and attributes: a file of a feed, {"Event": ..}, {"response":
 * [..]}, {"response": {"Attribute": [..]}}, or lists of those. Each attribute,
 * of the event or of an object in it, is a record. Only those that are meant
 * for detection (to_ids) and not deleted have values; what the event says of
 * itself holds for all of its attributes, wherever it stands in it, as long as
 * the event fits into a window (see json_scan.h).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ioc/feed/json_record.h"
#include "ioc/feed/json_scan.h"
#include "ioc/feed/misp_types.h"
#include "ioc/feed/reader.h"
#include "ioc/feed/stix_pattern.h"

enum { TOP, LIST, EVENT, ATTRIBUTES, OBJECTS, OBJECT };

static const struct pk_json_rule rules[] = {
	{ TOP, NULL, PK_JSON_OBJECT, PK_JSON_WALK_UNIT, EVENT },
	{ TOP, NULL, PK_JSON_ARRAY, PK_JSON_WALK, LIST },
	{ LIST, NULL, PK_JSON_OBJECT, PK_JSON_WALK_UNIT, EVENT },
	{ EVENT, "response", PK_JSON_OBJECT, PK_JSON_WALK_UNIT, EVENT },
	{ EVENT, "response", PK_JSON_ARRAY, PK_JSON_WALK, LIST },
	{ EVENT, "Event", PK_JSON_OBJECT, PK_JSON_WALK_UNIT, EVENT },
	{ EVENT, "Attribute", PK_JSON_ARRAY, PK_JSON_WALK, ATTRIBUTES },
	{ EVENT, "Object", PK_JSON_ARRAY, PK_JSON_WALK, OBJECTS },
	{ EVENT, "Tag", PK_JSON_ARRAY, PK_JSON_CONTEXT, 0 },
	{ EVENT, "Orgc", PK_JSON_OBJECT, PK_JSON_CONTEXT, 0 },
	{ EVENT, "threat_level_id", PK_JSON_SCALAR, PK_JSON_CONTEXT, 0 },
	{ OBJECTS, NULL, PK_JSON_OBJECT, PK_JSON_WALK, OBJECT },
	{ OBJECT, "Attribute", PK_JSON_ARRAY, PK_JSON_WALK, ATTRIBUTES },
	{ OBJECT, "deleted", PK_JSON_SCALAR, PK_JSON_CONTEXT, 0 },
	{ OBJECT, "first_seen", PK_JSON_SCALAR, PK_JSON_CONTEXT, 0 },
	{ OBJECT, "last_seen", PK_JSON_SCALAR, PK_JSON_CONTEXT, 0 },
	{ ATTRIBUTES, NULL, PK_JSON_ANY, PK_JSON_RECORD, 0 },
};

static const struct pk_json_rules misp_rules = {
	rules, sizeof(rules) / sizeof(rules[0]), .hold = 1
};

/* What tags, threat levels and authors say, of an event or an attribute. */
struct about {
	struct pk_json_tags tags;
	enum pk_tlp tlp;
	enum pk_threat_class class;
	enum pk_indicator_severity severity;
	char org[PK_ATTRIBUTION_MAX + 1];
};

struct object {
	bool deleted;
	uint32_t first_seen, last_seen;
};

struct misp {
	struct json_tokener *json;
	struct pk_stix_pattern *pattern;
	struct about event;
	struct object object;
};

static void end(void *state)
{
	struct misp *m = state;

	if (!m)
		return;
	if (m->json)
		json_tokener_free(m->json);
	pk_stix_pattern_free(m->pattern);
	free(m);
}

static int begin(void **state, struct pk_reader *r)
{
	struct misp *m = calloc(1, sizeof(*m));

	(void)r;
	if (!m)
		return -ENOMEM;
	m->json = pk_json_parser_new();
	if (!m->json || pk_stix_pattern_new(&m->pattern)) {
		end(m);
		return -ENOMEM;
	}
	*state = m;
	return 0;
}

static int guess(const char *head, size_t len)
{
	if (!pk_json_head(head, len))
		return 0;
	if (pk_json_head_has(head, len, "\"Attribute\"") &&
	    (pk_json_head_has(head, len, "\"Event\"") ||
	     pk_json_head_has(head, len, "\"response\"") ||
	     pk_json_head_has(head, len, "\"to_ids\"")))
		return 92;
	if (pk_json_head_has(head, len, "\"threat_level_id\"") &&
	    pk_json_head_has(head, len, "\"Orgc\""))
		return 92;
	return 0;
}

/* --- context --------------------------------------------------------------- */

/* taxonomy:predicate="word" or word: the word. */
static struct pk_json_span tag_word(struct pk_json_span tag)
{
	const char *from = memchr(tag.text, '"', tag.len);
	const char *to = tag.text + tag.len;
	struct pk_json_span word = tag;

	if (!from)
		return tag;
	word.text = from + 1;
	if (to - word.text > 0 && to[-1] == '"')
		to--;
	word.len = (size_t)(to - word.text);
	return word;
}

static void add_class(struct about *about, struct pk_json_span tag)
{
	struct pk_json_span word = tag_word(tag);
	char text[64];
	enum pk_threat_class class;

	/* Galaxies name families, not what an indicator stands for. */
	if (about->class != PK_CLASS_NONE || word.len >= sizeof(text) ||
	    !strncmp(tag.text, "misp-galaxy:", 12))
		return;
	memcpy(text, word.text, word.len);
	text[word.len] = 0;
	class = pk_threat_class_guess(text);
	if (class != PK_CLASS_OTHER)
		about->class = class;
}

static void add_tags(struct about *about, struct json_object *tags)
{
	size_t n = tags ? json_object_array_length(tags) : 0;

	for (size_t i = 0; i < n; i++) {
		struct pk_json_span name =
			pk_json_get(json_object_array_get_idx(tags, i), "name");
		int tlp;

		if (!name.len)
			continue;
		tlp = strncasecmp(name.text, "tlp:", 4)
			      ? -ENOENT
			      : pk_tlp_find(name.text);
		if (tlp > (int)about->tlp)
			about->tlp = (enum pk_tlp)tlp;
		if (tlp >= 0)
			continue;
		pk_json_tags_add(&about->tags, name.text, name.len);
		add_class(about, name);
	}
}

static void add_org(struct about *about, struct json_object *orgc)
{
	struct pk_json_span name = pk_json_get(orgc, "name");

	if (!name.len || name.len >= sizeof(about->org))
		return;
	memcpy(about->org, name.text, name.len);
	about->org[name.len] = 0;
}

static void add_level(struct about *about, struct pk_json_span level)
{
	static const enum pk_indicator_severity levels[] = { PK_SEVERITY_HIGH,
							     PK_SEVERITY_MEDIUM,
							     PK_SEVERITY_LOW };

	if (level.len == 1 && *level.text >= '1' && *level.text <= '3')
		about->severity = levels[*level.text - '1'];
}

static void event_context(struct about *event, const char *key,
			  struct json_object *value)
{
	if (!strcmp(key, "Tag"))
		add_tags(event, value);
	else if (!strcmp(key, "Orgc"))
		add_org(event, value);
	else
		add_level(event, pk_json_text(value));
}

static void object_context(struct object *object, const char *key,
			   struct json_object *value)
{
	struct pk_json_span text = pk_json_text(value);

	if (!strcmp(key, "deleted"))
		object->deleted =
			pk_json_is(text, "true") || pk_json_is(text, "1");
	else if (!strcmp(key, "first_seen"))
		object->first_seen = pk_json_time(text);
	else
		object->last_seen = pk_json_time(text);
}

static void item(void *state, struct pk_reader *r,
		 const struct pk_json_item *item)
{
	struct misp *m = state;
	struct json_object *value;

	(void)r;
	if (item->what == PK_JSON_ENTER && item->place == EVENT)
		memset(&m->event, 0, sizeof(m->event));
	if ((item->what == PK_JSON_ENTER || item->what == PK_JSON_LEAVE) &&
	    item->place == OBJECT)
		memset(&m->object, 0, sizeof(m->object));
	if (item->what != PK_JSON_IS_CONTEXT)
		return;
	value = pk_json_parse(m->json, item->text, item->len);
	if (item->place == EVENT)
		event_context(&m->event, item->key, value);
	else
		object_context(&m->object, item->key, value);
	json_object_put(value);
}

/* --- attributes ------------------------------------------------------------ */

static uint32_t first_of(uint32_t a, uint32_t b, uint32_t c)
{
	return a ? a : b ? b : c;
}

/* What is said nearer to the value wins; tags add up. */
static void add_event(struct about *own, const struct about *event)
{
	const char *p = event->tags.text;

	while (*p) {
		size_t n = strcspn(p, ",");

		pk_json_tags_add(&own->tags, p, n);
		p += n + (p[n] == ',');
	}
	if (own->tlp == PK_TLP_NONE)
		own->tlp = event->tlp;
	if (own->class == PK_CLASS_NONE)
		own->class = event->class;
	if (own->severity == PK_SEVERITY_NONE)
		own->severity = event->severity;
	if (!*own->org)
		strcpy(own->org, event->org);
}

/* Attributes of a search tell their event themselves. */
static void learn(const struct misp *m, struct json_object *o,
		  struct about *about)
{
	struct json_object *event = pk_json_object(o, "Event");

	add_tags(about, pk_json_list(o, "Tag"));
	if (event) {
		add_org(about, pk_json_object(event, "Orgc"));
		add_level(about, pk_json_get(event, "threat_level_id"));
	}
	add_event(about, &m->event);
}

static void fill_times(const struct misp *m, struct json_object *o,
		       struct pk_meta *meta)
{
	uint32_t edited = pk_json_time(pk_json_get(o, "timestamp"));

	meta->first_seen = first_of(pk_json_time(pk_json_get(o, "first_seen")),
				    m->object.first_seen, edited);
	meta->last_seen = first_of(pk_json_time(pk_json_get(o, "last_seen")),
				   m->object.last_seen, edited);
}

static void fill_meta(const struct misp *m, struct pk_reader *r,
		      struct json_object *o, struct pk_meta *meta)
{
	struct pk_json_span category = pk_json_get(o, "category");
	struct about about = { .tlp = PK_TLP_NONE };

	learn(m, o, &about);
	fill_times(m, o, meta);
	meta->id = pk_json_keep(r, pk_json_get(o, "uuid"), PK_ID_MAX);
	if (category.len)
		meta->threat_type =
			pk_json_keep(r, category, PK_THREAT_TYPE_MAX);
	if (about.class == PK_CLASS_NONE && category.len)
		about.class = pk_threat_class_guess(category.text);
	if (about.class != PK_CLASS_NONE && about.class != PK_CLASS_OTHER)
		meta->threat_class = (uint8_t)about.class;
	if (about.severity != PK_SEVERITY_NONE)
		meta->severity = (uint8_t)about.severity;
	if (about.tlp != PK_TLP_NONE)
		meta->tlp = (uint8_t)about.tlp;
	pk_json_tags_add_list(&about.tags, meta->tags);
	if (about.tags.len)
		meta->tags = pk_reader_keep(r, about.tags.text, about.tags.len,
					    PK_TAGS_MAX);
	if (*about.org)
		meta->attribution = pk_reader_keep(
			r, about.org, strlen(about.org), PK_ATTRIBUTION_MAX);
}

static enum pk_outcome skip(struct pk_reader *r, enum pk_skip why)
{
	pk_reader_skip(r, why);
	return PK_OUTCOME_SKIPPED;
}

static enum pk_outcome pattern(const struct misp *m, struct pk_reader *r,
			       struct json_object *o, struct pk_json_span text)
{
	enum pk_stix_refusal why =
		pk_stix_pattern_parse(m->pattern, text.text, text.len);
	struct pk_stix_value value;
	struct pk_meta meta = pk_reader_fresh(r)->meta;

	if (why) {
		pk_reader_at(r, 0, pk_stix_refusal_text(why));
		pk_reader_refuse(r, PK_REFUSED_PATTERN, 0, text.text, text.len);
		return PK_OUTCOME_REFUSED;
	}
	fill_meta(m, r, o, &meta);
	for (unsigned i = 0; i < pk_stix_pattern_count(m->pattern); i++) {
		struct pk_indicator *ind = pk_reader_fresh(r);

		pk_stix_pattern_value(m->pattern, i, &value);
		ind->meta = meta;
		pk_reader_add_text(r, ind, (int)value.type, value.text,
				   value.len);
	}
	if (!pk_stix_pattern_count(m->pattern))
		return skip(r, PK_SKIP_HOST_ONLY);
	return PK_OUTCOME_VALUES;
}

static enum pk_outcome values(const struct misp *m, struct pk_reader *r,
			      struct json_object *o,
			      const struct pk_misp_type *type)
{
	struct pk_json_span text = pk_json_get(o, "value");
	struct pk_meta meta = pk_reader_fresh(r)->meta;
	struct pk_misp_value value[2];
	unsigned n;

	pk_reader_at(r, 0, "value");
	if (!text.len) {
		pk_reader_refuse(r, PK_REFUSED_EMPTY, 0, "", 0);
		return PK_OUTCOME_REFUSED;
	}
	n = pk_misp_type_split(type, text.text, text.len, value);
	if (!n)
		return skip(r, PK_SKIP_HOST_ONLY);
	fill_meta(m, r, o, &meta);
	for (unsigned i = 0; i < n; i++) {
		struct pk_indicator *ind = pk_reader_fresh(r);

		ind->meta = meta;
		if (type->exact)
			ind->match = PK_MATCH_EXACT;
		pk_reader_add_text(r, ind, value[i].type, value[i].text,
				   value[i].len);
	}
	return PK_OUTCOME_VALUES;
}

static enum pk_outcome attribute(const struct misp *m, struct pk_reader *r,
				 struct json_object *o)
{
	bool everything = pk_reader_options(r)->everything;
	struct pk_json_span word = pk_json_get(o, "type");
	const struct pk_misp_type *type;

	if (!word.len) {
		pk_reader_at(r, 0, "type");
		pk_reader_refuse(r, PK_REFUSED_EMPTY, 0, "", 0);
		return PK_OUTCOME_REFUSED;
	}
	if (m->object.deleted || pk_json_truth(o, "deleted", false))
		return skip(r, PK_SKIP_REVOKED);
	if (!everything && !pk_json_truth(o, "to_ids", false))
		return skip(r, PK_SKIP_NOT_TO_IDS);
	if (pk_json_is(word, "stix2-pattern") && pk_json_get(o, "value").len)
		return pattern(m, r, o, pk_json_get(o, "value"));
	type = pk_misp_type_find(word.text, word.len);
	if (!type)
		return skip(r, PK_SKIP_NOT_INDICATOR);
	if (!pk_misp_type_useful(type))
		return skip(r, PK_SKIP_HOST_ONLY);
	return values(m, r, o, type);
}

static enum pk_outcome record(void *state, struct pk_reader *r, char *text,
			      size_t len)
{
	struct misp *m = state;
	struct json_object *o = pk_json_parse_record(m->json, r, text, len);
	enum pk_outcome outcome;

	if (!o)
		return PK_OUTCOME_REFUSED;
	outcome = attribute(m, r, o);
	json_object_put(o);
	return outcome;
}

const struct pk_reader_kind pk_reader_misp = {
	.format = PK_FEED_MISP,
	.cut = PK_CUT_OBJECTS,
	.guess = guess,
	.begin = begin,
	.end = end,
	.record = record,
	.json = &misp_rules,
	.item = item,
};
