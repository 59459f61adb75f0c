/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/daemon/ctlops_ioc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/text.h"
#include "ioc/feed/reader.h"

/* --- as JSON -------------------------------------------------------------------------- */

void pk_ioc_add_bool(struct json_object *o, const char *key, bool yes)
{
	json_object_object_add(o, key, json_object_new_boolean(yes));
}

struct json_object *pk_ioc_add_list(struct json_object *o, const char *key)
{
	struct json_object *list = json_object_new_array();

	json_object_object_add(o, key, list);
	return list;
}

struct json_object *pk_ioc_add_object(struct json_object *o, const char *key)
{
	struct json_object *child = json_object_new_object();

	json_object_object_add(o, key, child);
	return child;
}

struct json_object *pk_ioc_add_element(struct json_object *list)
{
	struct json_object *child = json_object_new_object();

	json_object_array_add(list, child);
	return child;
}

void pk_ioc_add_sec(struct json_object *o, const char *key, uint64_t sec)
{
	time_t t = (time_t)sec;
	char text[32];
	struct tm tm;

	if (!sec)
		return;
	gmtime_r(&t, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	pk_ctlops_add_text(o, key, text);
}

void pk_ioc_add_ns(struct json_object *o, const char *key, uint64_t ns)
{
	char text[PK_TEXT_TIME];

	if (!ns)
		return;
	pk_text_time(ns, text);
	pk_ctlops_add_text(o, key, text);
}

void pk_ioc_add_value(struct json_object *o, const struct pk_indicator *ind)
{
	char value[PK_VALUE_TEXT_MAX];

	pk_indicator_print(ind, value);
	pk_ctlops_add_text(o, "type", pk_indicator_type_word(ind->type));
	pk_ctlops_add_text(o, "match", pk_match_word(ind->match));
	pk_ctlops_add_text(o, "value", value);
}

void pk_ioc_add_meta(struct json_object *o, const struct pk_meta *m)
{
	pk_ctlops_add_text(o, "threat_type", m->threat_type);
	pk_ctlops_add_text(o, "class", pk_threat_class_word(m->threat_class));
	if (m->confidence != PK_CONFIDENCE_UNKNOWN)
		pk_ctlops_add_number(o, "confidence", m->confidence);
	pk_ctlops_add_text(o, "severity", pk_severity_word(m->severity));
	pk_ctlops_add_text(o, "tlp", pk_tlp_word(m->tlp));
	pk_ctlops_add_text(o, "tags", m->tags);
	pk_ctlops_add_text(o, "attribution", m->attribution);
	pk_ctlops_add_text(o, "id", m->id);
	pk_ctlops_add_text(o, "action", pk_action_word(m->action));
	pk_ioc_add_bool(o, "derived", m->derived);
	pk_ioc_add_sec(o, "first_seen", m->first_seen);
	pk_ioc_add_sec(o, "last_seen", m->last_seen);
	pk_ioc_add_sec(o, "valid_from", m->valid_from);
	pk_ioc_add_sec(o, "valid_until", m->valid_until);
}

static void add_feeds(struct json_object *o, const struct pk_daemon *d,
		      uint32_t slot)
{
	const struct pk_store *s = pk_indicators_store(d->indicators);
	struct json_object *list = pk_ioc_add_list(o, "feeds");
	uint16_t feeds[64];
	unsigned n = pk_store_feeds(s, slot, feeds, 64);

	for (unsigned i = 0; i < n && i < 64; i++)
		json_object_array_add(
			list, json_object_new_string(pk_indicators_feed_name(
				      d->indicators, feeds[i])));
}

struct json_object *pk_ioc_item(const struct pk_daemon *d, uint32_t slot,
				uint16_t feed)
{
	const struct pk_store *s = pk_indicators_store(d->indicators);
	struct json_object *o = json_object_new_object();
	struct pk_indicator ind;
	struct pk_meta meta;

	if (pk_store_get(s, slot, &ind))
		return o;
	if (feed != PK_IOC_ANY_FEED && !pk_store_meta(s, slot, feed, &meta)) {
		ind.feed = feed;
		ind.meta = meta;
	}
	pk_ctlops_add_number(o, "slot", slot);
	pk_ioc_add_value(o, &ind);
	pk_ctlops_add_text(o, "feed",
			   pk_indicators_feed_name(d->indicators, ind.feed));
	add_feeds(o, d, slot);
	pk_ctlops_add_number(o, "hits",
			     pk_indicators_hits(d->indicators, slot));
	pk_ioc_add_meta(o, &ind.meta);
	return o;
}

void pk_ioc_add_reasons(struct json_object *o, const char *key,
			const uint64_t *counts, unsigned n,
			const char *(*word)(unsigned n))
{
	struct json_object *reasons = pk_ioc_add_object(o, key);

	for (unsigned i = 0; i < n; i++)
		if (counts[i])
			pk_ctlops_add_number(reasons, word(i), counts[i]);
}

const char *pk_ioc_refused_word(unsigned n)
{
	return pk_refused_word(n);
}

const char *pk_ioc_skip_word(unsigned n)
{
	return pk_skip_word(n);
}

/* --- as arguments ------------------------------------------------------------------------ */

int pk_ioc_usage(struct pk_ctl_answer *out, const char *why)
{
	pk_ctl_fail(out, PK_CTL_E_USAGE, NULL, "%s", why);
	return 0;
}

int pk_ioc_take_word(struct pk_args *a, const char *name,
		     int (*find)(const char *word), int *out,
		     char why[PK_SAY_MAX])
{
	const char *word = pk_args_text(a, name, false);
	int n;

	if (!word)
		return 0;
	n = find(word);
	if (n < 0) {
		snprintf(why, PK_SAY_MAX, "unknown %s \"%.60s\"", name, word);
		return -EINVAL;
	}
	*out = n;
	return 0;
}

int pk_ioc_take_value(struct pk_args *a, struct pk_ioc_args *out)
{
	const char *value = pk_args_text(a, "value", true);
	int type = -1, match = -1;
	enum pk_refused no;
	int err = pk_ioc_take_word(a, "type", pk_indicator_type_find, &type,
				   out->why);

	if (!err)
		err = pk_ioc_take_word(a, "match", pk_match_find, &match,
				       out->why);
	if (err || !value)
		return err;
	no = type < 0 ? pk_indicator_parse(&out->ind, value, strlen(value))
		      : pk_indicator_parse_as(&out->ind,
					      (enum pk_indicator_type)type,
					      value, strlen(value), NULL);
	if (no != PK_REFUSED_NONE) {
		snprintf(out->why, sizeof(out->why), "\"%.200s\": %s", value,
			 pk_refused_text(no));
		return -EINVAL;
	}
	out->has_type = type >= 0;
	out->has_match = match >= 0;
	if (match < 0)
		return 0;
	if (out->ind.type != PK_INDICATOR_DOMAIN && match != PK_MATCH_EXACT) {
		snprintf(out->why, sizeof(out->why),
			 "\"match\" is for names alone");
		return -EINVAL;
	}
	out->ind.match = (uint8_t)match;
	return 0;
}

static int take_text(struct pk_args *a, const char *name, size_t max,
		     const char **to, char why[PK_SAY_MAX])
{
	const char *text = pk_args_text(a, name, false);

	if (!text)
		return 0;
	if (strlen(text) > max) {
		snprintf(why, PK_SAY_MAX, "\"%s\" is longer than %zu bytes",
			 name, max);
		return -EINVAL;
	}
	*to = text;
	return 0;
}

static int find_class(const char *word)
{
	enum pk_threat_class class = pk_threat_class_guess(word);

	return !strcmp(word, pk_threat_class_word(class)) ? (int)class
							  : -ENOENT;
}

static int take_words(struct pk_args *a, struct pk_ioc_args *out)
{
	struct pk_meta *m = &out->ind.meta;
	int class = -1, severity = m->severity, tlp = m->tlp;
	int action = m->action;
	int err = pk_ioc_take_word(a, "class", find_class, &class, out->why);

	if (!err)
		err = pk_ioc_take_word(a, "severity", pk_severity_find,
				       &severity, out->why);
	if (!err)
		err = pk_ioc_take_word(a, "tlp", pk_tlp_find, &tlp, out->why);
	if (!err)
		err = pk_ioc_take_word(a, "action", pk_action_find, &action,
				       out->why);
	if (class < 0)
		class = (int)pk_threat_class_guess(m->threat_type);
	m->threat_class = (uint8_t) class;
	m->severity = (uint8_t)severity;
	m->tlp = (uint8_t)tlp;
	m->action = (uint8_t)action;
	return err;
}

int pk_ioc_take_meta(struct pk_args *a, struct pk_ioc_args *out)
{
	struct pk_meta *m = &out->ind.meta;
	uint64_t confidence =
		pk_args_number(a, "confidence", PK_CONFIDENCE_UNKNOWN, 100);
	int err = take_text(a, "threat_type", PK_THREAT_TYPE_MAX,
			    &m->threat_type, out->why);

	m->confidence = (uint8_t)confidence;
	out->ttl_sec =
		(uint32_t)pk_args_number(a, "ttl", 0, PK_FEED_OPTIONS_TTL_MAX);
	if (!err)
		err = take_text(a, "tags", PK_TAGS_MAX, &m->tags, out->why);
	if (!err)
		err = take_text(a, "attribution", PK_ATTRIBUTION_MAX,
				&m->attribution, out->why);
	return err ? err : take_words(a, out);
}

int pk_ioc_take_times(struct pk_args *a, struct pk_ioc_args *out)
{
	struct pk_meta *m = &out->ind.meta;
	const struct {
		const char *name;
		uint32_t *to;
	} times[] = { { "first_seen", &m->first_seen },
		      { "last_seen", &m->last_seen },
		      { "valid_from", &m->valid_from },
		      { "valid_until", &m->valid_until } };

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		const char *text = pk_args_text(a, times[i].name, false);

		if (!text)
			continue;
		*times[i].to = times[i].to == &m->valid_until
				       ? pk_reader_until(text, strlen(text))
				       : pk_reader_time(text, strlen(text));
		if (*times[i].to)
			continue;
		snprintf(out->why, sizeof(out->why),
			 "\"%s\" must be a time such as 2026-01-02T03:04:05Z",
			 times[i].name);
		return -EINVAL;
	}
	return 0;
}

int pk_ioc_refused(const struct pk_daemon *d, const struct pk_indicator *ind,
		   int force, char why[PK_SAY_MAX])
{
	char detail[PK_GUARD_DETAIL] = "", value[PK_VALUE_TEXT_MAX];
	enum pk_refused no =
		pk_guard_check(pk_guards_guard(d->guards), ind, force, detail);

	if (no == PK_REFUSED_NONE)
		return 0;
	pk_indicator_print(ind, value);
	snprintf(why, PK_SAY_MAX, "%.200s: %.100s%s%.180s", value,
		 pk_refused_text(no), *detail ? ": " : "", detail);
	return 1;
}

const char *pk_ioc_refused_hint(const struct pk_daemon *d,
				const struct pk_indicator *ind, int force)
{
	if (force || pk_guard_check(pk_guards_guard(d->guards), ind, 1, NULL))
		return NULL;
	return "force (--force) takes it all the same";
}

/* --- doing it --------------------------------------------------------------------------------- */

int pk_ioc_add(struct pk_daemon *d, struct pk_ioc_args *args, const char *feed,
	       uint32_t *slot)
{
	struct pk_indicators *i = d->indicators;
	const struct pk_store *s = pk_indicators_store(i);
	struct pk_indicator *ind = &args->ind;
	uint32_t now = pk_indicators_clock(i), ttl = args->ttl_sec;
	struct pk_meta said;
	int n = pk_indicators_feed(i, feed);

	if (n < 0)
		return n;
	ind->feed = (uint16_t)n;
	if (!ttl)
		ttl = pk_store_feed_info(s, ind->feed)->ttl_sec;
	if (!ind->meta.first_seen)
		ind->meta.first_seen = now;
	if (!ind->meta.valid_until && ttl)
		ind->meta.valid_until = now + ttl;
	*slot = pk_store_find(s, ind);
	if (*slot && !pk_store_meta(s, *slot, ind->feed, &said))
		ind->meta.first_seen = said.first_seen;
	return pk_indicators_add(i, ind, slot);
}

uint32_t pk_ioc_find(const struct pk_daemon *d, struct pk_ioc_args *args)
{
	const struct pk_store *s = pk_indicators_store(d->indicators);
	struct pk_indicator *ind = &args->ind;
	uint32_t slot = pk_store_find(s, ind), found = 0;
	uint8_t match = ind->match;
	int n = 0;

	if (slot || args->has_match || ind->type != PK_INDICATOR_DOMAIN)
		return slot;
	for (int m = 0; m <= PK_MATCH_ONE_LABEL; m++) {
		ind->match = (uint8_t)m;
		slot = pk_store_find(s, ind);
		if (!slot)
			continue;
		found = slot;
		match = ind->match;
		n++;
	}
	ind->match = match;
	return n == 1 ? found : 0;
}

int pk_ioc_del(struct pk_daemon *d, struct pk_ioc_args *args, const char *feed)
{
	const struct pk_store *s = pk_indicators_store(d->indicators);
	int n = PK_ALL_FEEDS;

	if (feed)
		n = pk_store_feed_find(s, feed);
	if (n < 0 || !pk_ioc_find(d, args))
		return -ENOENT;
	return pk_indicators_del(d->indicators, &args->ind, (uint16_t)n);
}

/* --- all of them ---------------------------------------------------------------------------- */

int pk_ctlops_add_all(struct pk_daemon *d, const struct pk_ctlop *ops, size_t n)
{
	int err = 0;

	for (size_t i = 0; i < n && !err; i++)
		err = pk_ctl_add(d->ctl, ops[i].name, ops[i].fn, d);
	return err;
}

int pk_ctlops_register_ioc(struct pk_daemon *d)
{
	int err = pk_ctlops_register_push(d);

	if (!err)
		err = pk_ctlops_register_apply(d);
	if (!err)
		err = pk_ctlops_register_load(d);
	if (!err)
		err = pk_ctlops_register_feed(d);
	if (!err)
		err = pk_ctlops_register_show(d);
	if (!err)
		err = pk_ctlops_register_hits(d);
	if (!err)
		err = pk_ctlops_register_status(d);
	return err ? err : pk_ctlops_register_safelist(d);
}
