/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Spamhaus DROP and ASN-DROP in JSON: {"cidr", "sblid", "rir"} or {"asn",
 * "rir", "domain", "cc", "asname"} a line, and one last line {"type":
 * "metadata", "records"}. A file without it, or with another number of records,
 * is broken: half a list must not take the place of a whole one.
 */
#include <errno.h>
#include <inttypes.h>
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

static const struct pk_json_rules drop_rules = {
	rules, sizeof(rules) / sizeof(rules[0]), 0, 0
};

struct drop {
	struct json_tokener *json;
	uint64_t rows;
	bool last; /* the metadata came, and nothing behind it */
};

static void end(void *state)
{
	struct drop *d = state;

	if (!d)
		return;
	if (d->json)
		json_tokener_free(d->json);
	free(d);
}

static int begin(void **state, struct pk_reader *r)
{
	struct drop *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->json = pk_json_parser_new();
	if (!d->json) {
		end(d);
		return -ENOMEM;
	}
	pk_reader_stats(r)->complete = 0;
	*state = d;
	return 0;
}

static int guess(const char *head, size_t len)
{
	if (!pk_json_head(head, len))
		return 0;
	if ((pk_json_head_has(head, len, "\"cidr\"") &&
	     pk_json_head_has(head, len, "\"sblid\"")) ||
	    (pk_json_head_has(head, len, "\"asn\"") &&
	     pk_json_head_has(head, len, "\"asname\"")))
		return 94;
	return 0;
}

static enum pk_outcome metadata(struct drop *d, struct pk_reader *r,
				struct json_object *o)
{
	struct pk_feed_stats *stats = pk_reader_stats(r);
	struct pk_json_span records = pk_json_get(o, "records");

	d->last = true;
	if (records.len) {
		stats->has_declared = 1;
		stats->declared = strtoull(records.text, NULL, 10);
	}
	return PK_OUTCOME_HEADER;
}

static void fill_meta(struct pk_reader *r, struct json_object *o,
		      struct pk_meta *meta)
{
	struct pk_json_span rir = pk_json_get(o, "rir");
	struct pk_json_span who = pk_json_get(o, "asname");
	struct pk_json_span id = pk_json_get(o, "sblid");
	struct pk_json_tags tags = { 0 };

	if (meta->threat_class == PK_CLASS_NONE)
		meta->threat_class = PK_CLASS_BLACKLIST;
	if (id.len)
		meta->id = pk_json_keep(r, id, PK_ID_MAX);
	if (who.len)
		meta->attribution = pk_json_keep(r, who, PK_ATTRIBUTION_MAX);
	pk_json_tags_add_list(&tags, meta->tags);
	if (rir.len)
		pk_json_tags_add(&tags, rir.text, rir.len);
	if (tags.len)
		meta->tags =
			pk_reader_keep(r, tags.text, tags.len, PK_TAGS_MAX);
}

static enum pk_outcome row(struct pk_reader *r, struct json_object *o)
{
	struct pk_json_span cidr = pk_json_get(o, "cidr");
	struct pk_json_span asn = pk_json_get(o, "asn");
	struct pk_indicator *ind = pk_reader_fresh(r);
	char as[32];

	if (!cidr.len && !asn.len) {
		pk_reader_at(r, 0, "cidr");
		pk_reader_refuse(r, PK_REFUSED_EMPTY, 0, "", 0);
		return PK_OUTCOME_REFUSED;
	}
	fill_meta(r, o, &ind->meta);
	pk_reader_at(r, 0, cidr.len ? "cidr" : "asn");
	if (cidr.len) {
		pk_reader_add_text(r, ind, PK_INDICATOR_IPV4_NET, cidr.text,
				   cidr.len);
		return PK_OUTCOME_VALUES;
	}
	snprintf(as, sizeof(as), "AS%s", asn.text);
	pk_reader_add_text(r, ind, PK_INDICATOR_ASN, as, strlen(as));
	return PK_OUTCOME_VALUES;
}

static enum pk_outcome record(void *state, struct pk_reader *r, char *text,
			      size_t len)
{
	struct drop *d = state;
	struct json_object *o = pk_json_parse_record(d->json, r, text, len);
	enum pk_outcome outcome = PK_OUTCOME_REFUSED;

	d->last = false;
	if (o && pk_json_is(pk_json_get(o, "type"), "metadata")) {
		outcome = metadata(d, r, o);
	} else {
		d->rows++;
		if (o)
			outcome = row(r, o);
	}
	json_object_put(o);
	return outcome;
}

static void item(void *state, struct pk_reader *r,
		 const struct pk_json_item *item)
{
	struct drop *d = state;

	(void)r;
	if (item->what != PK_JSON_MALFORMED && item->what != PK_JSON_TOO_LONG)
		return;
	d->rows++;
	d->last = false;
}

static void finish(void *state, struct pk_reader *r)
{
	struct pk_feed_stats *stats = pk_reader_stats(r);
	const struct drop *d = state;

	if (!d->last)
		pk_reader_break(r, "no metadata line at the end: truncated?");
	else if (stats->has_declared && stats->declared != d->rows)
		pk_reader_break(r,
				"the metadata line says %" PRIu64
				" records, but there are %" PRIu64
				": truncated?",
				stats->declared, d->rows);
	else
		stats->complete = 1;
}

const struct pk_reader_kind pk_reader_drop_json = {
	.format = PK_FEED_DROP_JSON,
	.cut = PK_CUT_OBJECTS,
	.guess = guess,
	.begin = begin,
	.end = end,
	.record = record,
	.finish = finish,
	.json = &drop_rules,
	.item = item,
};
