/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "ioc/name.h"
#include "ioc/guard/safelist_inside.h"

#define WORD(name, word) word,
static const char *const way_words[] = { PK_SAFELIST_WAYS(WORD) };
#undef WORD

int pk_safe_entry(const struct pk_safelist *s, const struct pk_safe_value *v,
		  struct pk_indicator *ind)
{
	struct pk_safe_record r;

	if (v->kind == PK_SAFE_ABOVE)
		return -ENOENT;
	pk_safe_record(s->lists[v->owner], v->text, &r);
	pk_indicator_init(ind);
	ind->type = r.type;
	ind->match =
		v->kind == PK_SAFE_HOST ? PK_MATCH_SUBDOMAINS : PK_MATCH_EXACT;
	return pk_indicator_set_bytes(ind, r.bytes, r.len);
}

/* --- printing -------------------------------------------------------------- */

/* As a mixed list has it: types that a value does not tell are named. */
static size_t print_value(const struct pk_indicator *ind,
			  char text[PK_VALUE_TEXT_MAX + 32])
{
	size_t n = 0;

	switch (ind->type) {
	case PK_INDICATOR_DOMAIN:
		if (ind->match == PK_MATCH_EXACT)
			text[n++] = '=';
		break;
	case PK_INDICATOR_JA3:
	case PK_INDICATOR_JA4:
	case PK_INDICATOR_CERT:
	case PK_INDICATOR_USER_AGENT:
		n = (size_t)sprintf(text,
				    "%s:", pk_indicator_type_word(ind->type));
		break;
	default:
		break;
	}
	return n + pk_indicator_print(ind, text + n);
}

static size_t print_sub(const struct pk_safelist *s,
			const struct pk_safe_sub *sub,
			char text[PK_VALUE_TEXT_MAX + 32])
{
	struct pk_safe_record r;

	pk_safe_record(s->lists[sub->owner], sub->text, &r);
	text[0] = '~';
	memcpy(text + 1, r.bytes, r.len);
	text[1 + r.len] = 0;
	return 1 + r.len;
}

/* --- asking ---------------------------------------------------------------- */

struct query {
	const struct pk_safelist *s;
	const struct pk_indicator *ind;
	uint32_t type; /* its bit */
	struct pk_safelist_hit *hit;
};

/* Does the list @owner hold for this type? */
static bool is_meant(const struct query *q, uint16_t owner)
{
	return q->s->lists[owner]->info.types & q->type;
}

static int say_hit(const struct query *q, uint16_t owner,
		   enum pk_safelist_way way)
{
	if (q->hit) {
		q->hit->list = &q->s->lists[owner]->info;
		q->hit->way = way;
	}
	return 1;
}

static int net_hit(const struct query *q, const struct pk_net *net,
		   enum pk_safelist_way way)
{
	if (q->hit)
		pk_net_print(net, q->hit->entry);
	return say_hit(q, net->owner, way);
}

static int find_net(const struct query *q)
{
	const struct pk_netset *set = &q->s->nets;
	unsigned wide = q->ind->type == PK_INDICATOR_IPV4_NET
				? PK_SAFELIST_WIDE_V4
				: PK_SAFELIST_WIDE_V6;
	const struct pk_net *at;
	struct pk_net net;

	pk_net_of(&net, q->ind);
	for (at = pk_netset_cover(set, &net); at; at = pk_netset_wider(set, at))
		if (is_meant(q, at->owner))
			return net_hit(q, at,
				       at->bits == net.bits
					       ? PK_SAFELIST_WAY_IS
					       : PK_SAFELIST_WAY_BELOW);
	if ((q->ind->type != PK_INDICATOR_IPV4_NET &&
	     q->ind->type != PK_INDICATOR_IPV6_NET) ||
	    q->ind->bits >= wide)
		return 0;
	for (at = pk_netset_inside(set, &net); at;
	     at = pk_netset_next(set, &net, at))
		if (is_meant(q, at->owner))
			return net_hit(q, at, PK_SAFELIST_WAY_ABOVE);
	return 0;
}

static uint32_t values_begin(const struct pk_safe_values *v, uint64_t hash)
{
	return v->count ? v->dir[hash >> (64 - v->bits)] : 0;
}

/* The next value of @hash from *@at on, or NULL. */
static const struct pk_safe_value *values_next(const struct pk_safe_values *v,
					       uint64_t hash, uint32_t *at)
{
	while (*at < v->count && v->all[*at].hash < hash)
		(*at)++;
	if (*at == v->count || v->all[*at].hash != hash)
		return NULL;
	return &v->all[(*at)++];
}

static int value_hit(const struct query *q, const struct pk_safe_value *v,
		     enum pk_safelist_way way)
{
	struct pk_safe_value name = *v;
	struct pk_indicator ind;

	if (q->hit) {
		if (v->kind == PK_SAFE_ABOVE)
			name.kind = PK_SAFE_HOST; /* printed without "=" */
		q->hit->entry[0] = 0;
		if (!pk_safe_entry(q->s, &name, &ind))
			print_value(&ind, q->hit->entry);
	}
	return say_hit(q, v->owner, way);
}

/* @suffix is the name of the query, or what is above it. */
static int name_hit(const struct query *q, const struct pk_safe_value *v,
		    const uint8_t *suffix)
{
	bool whole = suffix == q->ind->value;
	unsigned len = q->ind->value_len - (unsigned)(suffix - q->ind->value);
	struct pk_safe_record r;

	if (!is_meant(q, v->owner) || v->kind == PK_SAFE_VALUE ||
	    (!whole && v->kind != PK_SAFE_HOST))
		return 0;
	pk_safe_record(q->s->lists[v->owner], v->text, &r);
	if (v->kind == PK_SAFE_ABOVE) {
		if (q->ind->match == PK_MATCH_EXACT || r.len <= len ||
		    memcmp(r.bytes + r.len - len, suffix, len) != 0)
			return 0;
		return value_hit(q, v, PK_SAFELIST_WAY_ABOVE);
	}
	if (r.len != len || memcmp(r.bytes, suffix, len) != 0)
		return 0;
	return value_hit(q, v,
			 whole ? PK_SAFELIST_WAY_IS : PK_SAFELIST_WAY_BELOW);
}

static int find_name(const struct query *q)
{
	const struct pk_safe_values *values = &q->s->values;
	const struct pk_safe_value *v;
	struct pk_name_suffixes suffixes;

	if (!values->count ||
	    !pk_name_suffixes(&suffixes, q->s->seed, q->ind->value))
		return 0;
	while (pk_name_next(&suffixes)) {
		uint32_t at = values_begin(values, suffixes.hash);

		while ((v = values_next(values, suffixes.hash, &at)))
			if (name_hit(q, v, suffixes.suffix))
				return 1;
	}
	return 0;
}

static int find_value(const struct query *q)
{
	const struct pk_safe_values *values = &q->s->values;
	uint8_t small[PK_SMALL_VALUE];
	const struct pk_safe_value *v;
	const uint8_t *bytes;
	unsigned len;
	uint64_t hash;
	uint32_t at;

	if (!values->count)
		return 0;
	len = pk_indicator_bytes(q->ind, small, &bytes);
	hash = pk_safe_hash(q->s->seed, q->ind->type, bytes, len);
	at = values_begin(values, hash);
	while ((v = values_next(values, hash, &at))) {
		struct pk_safe_record r;

		pk_safe_record(q->s->lists[v->owner], v->text, &r);
		if (v->kind == PK_SAFE_VALUE && r.type == q->ind->type &&
		    r.len == len && !memcmp(r.bytes, bytes, len) &&
		    is_meant(q, v->owner))
			return value_hit(q, v, PK_SAFELIST_WAY_IS);
	}
	return 0;
}

static int find_sub(const struct query *q)
{
	char text[PK_VALUE_TEXT_MAX];
	size_t len = pk_indicator_print(q->ind, text);

	for (unsigned i = 0; i < q->s->subs_count; i++) {
		const struct pk_safe_sub *sub = &q->s->subs[i];
		struct pk_safe_record r;

		pk_safe_record(q->s->lists[sub->owner], sub->text, &r);
		if (!is_meant(q, sub->owner) ||
		    !memmem(text, len, r.bytes, r.len))
			continue;
		if (q->hit)
			print_sub(q->s, sub, q->hit->entry);
		return say_hit(q, sub->owner, PK_SAFELIST_WAY_PART);
	}
	return 0;
}

/* A URL whose path is "/": all of its host. */
static bool is_root(const struct pk_indicator *url)
{
	const uint8_t *end = url->value + url->value_len;
	const uint8_t *host = memmem(url->value, url->value_len, "//", 2);

	return host &&
	       memchr(host + 2, '/', (size_t)(end - host - 2)) == end - 1;
}

static int find_host(const struct pk_safelist *s,
		     const struct pk_indicator *url,
		     struct pk_safelist_hit *hit)
{
	struct pk_indicator host;

	if (!is_root(url) || pk_indicator_host(url, &host) ||
	    !pk_safelist_find(s, &host, hit))
		return 0;
	if (hit)
		hit->way = PK_SAFELIST_WAY_HOST;
	return 1;
}

int pk_safelist_find(const struct pk_safelist *s,
		     const struct pk_indicator *ind,
		     struct pk_safelist_hit *hit)
{
	struct query q = { s, ind, 1U << ind->type, hit };
	int found = 0;

	if (!s->count)
		return 0;
	switch (ind->type) {
	case PK_INDICATOR_IPV4:
	case PK_INDICATOR_IPV6:
	case PK_INDICATOR_IPV4_NET:
	case PK_INDICATOR_IPV6_NET:
		found = find_net(&q);
		break;
	case PK_INDICATOR_DOMAIN:
		found = find_name(&q);
		break;
	case PK_INDICATOR_IP_PORT:
		found = find_value(&q) || find_net(&q);
		break;
	case PK_INDICATOR_URL:
		found = find_value(&q) || find_host(s, ind, hit);
		break;
	default:
		found = find_value(&q);
		break;
	}
	return found || (s->subs_count && find_sub(&q));
}

size_t pk_safelist_hit_print(const struct pk_safelist_hit *hit, char *out,
			     size_t size)
{
	int n = snprintf(out, size, "%s %.200s on safelist %s",
			 way_words[hit->way], hit->entry, hit->list->name);

	return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

/* --- writing --------------------------------------------------------------- */

struct writer {
	pk_safelist_write_fn *write;
	void *arg;
	int err;
	bool begun; /* an element is written: the next needs a comma */
};

static void put(struct writer *w, const char *text, size_t len)
{
	if (!w->err && len)
		w->err = w->write(w->arg, text, len);
}

static void put_text(struct writer *w, const char *text)
{
	put(w, text, strlen(text));
}

/* A JSON string (RFC 8259 section 7). */
static void put_string(struct writer *w, const char *text, size_t len)
{
	char escape[8];
	size_t plain = 0;

	put_text(w, "\"");
	for (size_t i = 0; i < len; i++) {
		uint8_t c = (uint8_t)text[i];

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		put(w, text + plain, i - plain);
		plain = i + 1;
		snprintf(escape, sizeof(escape), "\\u%04x", c);
		put_text(w, escape);
	}
	put(w, text + plain, len - plain);
	put_text(w, "\"");
}

static void put_element(struct writer *w, const char *text, size_t len)
{
	put_text(w, w->begun ? ",\n" : "\n");
	w->begun = true;
	put_string(w, text, len);
}

static void put_head(struct writer *w, const struct pk_safelist_info *info)
{
	unsigned at = 0;
	const char *word;

	put_text(w, "{\"name\": ");
	put_string(w, info->title, strlen(info->title));
	put_text(w, ", \"version\": ");
	put_string(w, info->version, strlen(info->version));
	put_text(w, ", \"type\": \"mixed\"");
	if (info->types != PK_SAFE_ALL_TYPES) {
		put_text(w, ", \"matching_attributes\": [");
		while ((word = pk_safe_attribute_next(info->types, &at)))
			put_element(w, word, strlen(word));
		put_text(w, "]");
		w->begun = false;
	}
	put_text(w, ", \"list\": [");
}

static void put_nets(struct writer *w, const struct pk_netset_half *half,
		     uint16_t owner)
{
	char text[PK_VALUE_TEXT_MAX];

	for (uint32_t i = 0; !w->err && i < half->count; i++)
		if (half->nets[i].owner == owner)
			put_element(w, text,
				    pk_net_print(&half->nets[i], text));
}

static void put_values(struct writer *w, const struct pk_safelist *s,
		       uint16_t owner)
{
	char text[PK_VALUE_TEXT_MAX + 32];
	struct pk_indicator ind;

	for (uint32_t i = 0; !w->err && i < s->values.count; i++)
		if (s->values.all[i].owner == owner &&
		    !pk_safe_entry(s, &s->values.all[i], &ind))
			put_element(w, text, print_value(&ind, text));
	for (unsigned i = 0; i < s->subs_count; i++)
		if (s->subs[i].owner == owner)
			put_element(w, text, print_sub(s, &s->subs[i], text));
}

int pk_safelist_write(const struct pk_safelist *s, const char *name,
		      pk_safelist_write_fn *write, void *arg)
{
	const struct pk_safelist_draft *list = pk_safe_list(s, name);
	struct writer w = { .write = write, .arg = arg };
	uint16_t owner = 0;

	if (!list)
		return -ENOENT;
	while (s->lists[owner] != list)
		owner++;
	put_head(&w, &list->info);
	put_nets(&w, &s->nets.half[1], owner);
	put_nets(&w, &s->nets.half[0], owner);
	put_values(&w, s, owner);
	put_text(&w, "\n]}\n");
	return w.err;
}
