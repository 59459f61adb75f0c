/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * OTX: a pulse, a list or a page of pulses ({"results": [..]}), or a page of
 * indicators alone. Each indicator is a record; what its pulse says of author,
 * adversary, TLP and tags holds for it, wherever it stands in the pulse.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ioc/feed/json_record.h"
#include "ioc/feed/json_scan.h"
#include "ioc/feed/reader.h"

enum { TOP, LIST, PULSE, INDICATORS };

static const struct pk_json_rule rules[] = {
	{ TOP, NULL, PK_JSON_OBJECT, PK_JSON_MAYBE_UNIT, PULSE },
	{ TOP, NULL, PK_JSON_ARRAY, PK_JSON_WALK, LIST },
	{ LIST, NULL, PK_JSON_OBJECT, PK_JSON_MAYBE_UNIT, PULSE },
	{ LIST, NULL, PK_JSON_ANY, PK_JSON_RECORD, 0 },
	{ PULSE, "results", PK_JSON_ARRAY, PK_JSON_WALK, LIST },
	{ PULSE, "indicators", PK_JSON_ARRAY, PK_JSON_WALK, INDICATORS },
	{ PULSE, "author_name", PK_JSON_SCALAR, PK_JSON_CONTEXT, 0 },
	{ PULSE, "adversary", PK_JSON_SCALAR, PK_JSON_CONTEXT, 0 },
	{ PULSE, "modified", PK_JSON_SCALAR, PK_JSON_CONTEXT, 0 },
	{ PULSE, "id", PK_JSON_SCALAR, PK_JSON_CONTEXT, 0 },
	{ PULSE, "tlp", PK_JSON_SCALAR, PK_JSON_CONTEXT, 0 },
	{ PULSE, "TLP", PK_JSON_SCALAR, PK_JSON_CONTEXT, 0 },
	{ PULSE, "tags", PK_JSON_ARRAY, PK_JSON_CONTEXT, 0 },
	{ INDICATORS, NULL, PK_JSON_ANY, PK_JSON_RECORD, 0 },
};

static const struct pk_json_rules otx_rules = {
	rules, sizeof(rules) / sizeof(rules[0]), .hold = 1
};

struct pulse {
	char id[PK_ID_MAX + 1];
	char author[PK_ATTRIBUTION_MAX + 1], adversary[PK_ATTRIBUTION_MAX + 1];
	uint32_t modified;
	int tlp;
	struct pk_json_tags tags;
};

struct otx {
	struct json_tokener *json;
	struct pulse pulse;
};

static void end(void *state)
{
	struct otx *x = state;

	if (!x)
		return;
	if (x->json)
		json_tokener_free(x->json);
	free(x);
}

static int begin(void **state, struct pk_reader *r)
{
	struct otx *x = calloc(1, sizeof(*x));

	(void)r;
	if (!x)
		return -ENOMEM;
	x->json = pk_json_parser_new();
	if (!x->json) {
		end(x);
		return -ENOMEM;
	}
	*state = x;
	return 0;
}

static int guess(const char *head, size_t len)
{
	if (!pk_json_head(head, len))
		return 0;
	if (pk_json_head_has(head, len, "\"indicators\"") &&
	    (pk_json_head_has(head, len, "\"author_name\"") ||
	     pk_json_head_has(head, len, "\"adversary\"") ||
	     pk_json_head_has(head, len, "\"pulse_key\"")))
		return 92;
	if (pk_json_head_has(head, len, "\"indicator\"") &&
	    (pk_json_head_has(head, len, "\"FileHash-") ||
	     pk_json_head_has(head, len, "\"pulse_key\"") ||
	     pk_json_head_has(head, len, "\"results\"")))
		return 85;
	return 0;
}

/* --- pulses ---------------------------------------------------------------- */

static void copy(char *to, size_t size, struct pk_json_span text)
{
	if (text.len >= size)
		return;
	memcpy(to, text.text, text.len);
	to[text.len] = 0;
}

static void add_tags(struct pk_json_tags *tags, struct json_object *list)
{
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct pk_json_span tag =
			pk_json_text(json_object_array_get_idx(list, i));

		if (tag.len)
			pk_json_tags_add(tags, tag.text, tag.len);
	}
}

static void context(struct pulse *p, const char *key, struct json_object *value)
{
	struct pk_json_span text = pk_json_text(value);

	if (json_object_is_type(value, json_type_array))
		add_tags(&p->tags, value);
	if (!text.text)
		return;
	if (!strcmp(key, "author_name"))
		copy(p->author, sizeof(p->author), text);
	else if (!strcmp(key, "adversary"))
		copy(p->adversary, sizeof(p->adversary), text);
	else if (!strcmp(key, "modified"))
		p->modified = pk_json_time(text);
	else if (!strcmp(key, "id"))
		copy(p->id, sizeof(p->id), text);
	else
		p->tlp = pk_tlp_find(text.text);
}

static void item(void *state, struct pk_reader *r,
		 const struct pk_json_item *item)
{
	struct otx *x = state;
	struct json_object *value;

	(void)r;
	if (item->place == PULSE &&
	    (item->what == PK_JSON_ENTER || item->what == PK_JSON_LEAVE))
		memset(&x->pulse, 0, sizeof(x->pulse));
	if (item->what != PK_JSON_IS_CONTEXT)
		return;
	value = pk_json_parse(x->json, item->text, item->len);
	context(&x->pulse, item->key, value);
	json_object_put(value);
}

/* --- indicators ------------------------------------------------------------ */

/* Of nothing on the network. */
enum { HOST = -1, UNKNOWN = -2 };

static int type_of(struct pk_json_span word)
{
	static const struct {
		const char *word;
		int type;
	} types[] = {
		{ "IPv4", PK_INDICATOR_IPV4 },
		{ "IPv6", PK_INDICATOR_IPV6 },
		{ "CIDR", PK_INDICATOR_IPV4_NET },
		{ "domain", PK_INDICATOR_DOMAIN },
		{ "hostname", PK_INDICATOR_DOMAIN },
		{ "URL", PK_INDICATOR_URL },
		{ "URI", PK_INDICATOR_URL },
		{ "email", PK_INDICATOR_EMAIL },
		{ "FileHash-MD5", PK_INDICATOR_FILE },
		{ "FileHash-SHA1", PK_INDICATOR_FILE },
		{ "FileHash-SHA256", PK_INDICATOR_FILE },
		{ "SSLCertFingerprint", PK_INDICATOR_CERT },
		{ "JA3", PK_INDICATOR_JA3 },
		{ "JA4", PK_INDICATOR_JA4 },
		{ "ASN", PK_INDICATOR_ASN },
		{ "FileHash-IMPHASH", HOST },
		{ "FileHash-PEHASH", HOST },
		{ "FilePath", HOST },
		{ "Mutex", HOST },
		{ "CVE", HOST },
		{ "YARA", HOST },
		{ "BitcoinAddress", HOST },
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (pk_json_is(word, types[i].word))
			return types[i].type;
	return UNKNOWN;
}

static void fill_meta(const struct pulse *p, struct pk_reader *r,
		      struct json_object *o, struct pk_meta *meta)
{
	struct pk_json_span role = pk_json_get(o, "role");
	struct pk_json_span id = pk_json_get(o, "id");
	const char *who = *p->adversary ? p->adversary : p->author;
	struct pk_json_tags tags = p->tags;

	meta->id = id.len ? pk_json_keep(r, id, PK_ID_MAX)
			  : pk_reader_keep(r, p->id, strlen(p->id), PK_ID_MAX);
	if (role.len) {
		meta->threat_type = pk_json_keep(r, role, PK_THREAT_TYPE_MAX);
		meta->threat_class =
			(uint8_t)pk_threat_class_guess(meta->threat_type);
	}
	if (*who)
		meta->attribution =
			pk_reader_keep(r, who, strlen(who), PK_ATTRIBUTION_MAX);
	if (p->tlp > 0)
		meta->tlp = (uint8_t)p->tlp;
	pk_json_tags_add_list(&tags, meta->tags);
	if (tags.len)
		meta->tags =
			pk_reader_keep(r, tags.text, tags.len, PK_TAGS_MAX);
	meta->first_seen = pk_json_time(pk_json_get(o, "created"));
	meta->last_seen = p->modified;
	meta->valid_until = pk_json_until(pk_json_get(o, "expiration"));
}

static enum pk_outcome skip(struct pk_reader *r, enum pk_skip why)
{
	pk_reader_skip(r, why);
	return PK_OUTCOME_SKIPPED;
}

/* A "domain" may hold a URL, and a "URI" the path of one alone. */
static int exact_type(int type, struct pk_json_span value)
{
	if (type == PK_INDICATOR_DOMAIN && memchr(value.text, '/', value.len))
		return PK_INDICATOR_URL;
	if (type == PK_INDICATOR_URL && *value.text == '/' &&
	    (value.len < 2 || value.text[1] != '/'))
		return HOST;
	return type;
}

static enum pk_outcome indicator(const struct otx *x, struct pk_reader *r,
				 struct json_object *o)
{
	struct pk_json_span value = pk_json_get(o, "indicator");
	struct pk_json_span active = pk_json_get(o, "is_active");
	struct pk_json_span word = pk_json_get(o, "type");
	struct pk_indicator *ind = pk_reader_fresh(r);
	int type = type_of(word);

	if (!value.len && !word.len) /* a pulse without indicators */
		return skip(r, PK_SKIP_NOT_INDICATOR);
	pk_reader_at(r, 0, "indicator");
	if (!value.len) {
		pk_reader_refuse(r, PK_REFUSED_EMPTY, 0, "", 0);
		return PK_OUTCOME_REFUSED;
	}
	if (!pk_reader_options(r)->everything && active.len &&
	    (pk_json_is(active, "0") || pk_json_is(active, "false")))
		return skip(r, PK_SKIP_INACTIVE);
	type = exact_type(type, value);
	if (type < 0)
		return skip(r, type == HOST ? PK_SKIP_HOST_ONLY
					    : PK_SKIP_NOT_INDICATOR);
	fill_meta(&x->pulse, r, o, &ind->meta);
	if (pk_json_is(word, "hostname"))
		ind->match = PK_MATCH_EXACT;
	pk_reader_add_text(r, ind, type, value.text, value.len);
	return PK_OUTCOME_VALUES;
}

static enum pk_outcome record(void *state, struct pk_reader *r, char *text,
			      size_t len)
{
	struct otx *x = state;
	struct json_object *o = pk_json_parse_record(x->json, r, text, len);
	enum pk_outcome outcome;

	if (!o)
		return PK_OUTCOME_REFUSED;
	outcome = indicator(x, r, o);
	json_object_put(o);
	return outcome;
}

const struct pk_reader_kind pk_reader_otx = {
	.format = PK_FEED_OTX,
	.cut = PK_CUT_OBJECTS,
	.guess = guess,
	.begin = begin,
	.end = end,
	.record = record,
	.json = &otx_rules,
	.item = item,
};
