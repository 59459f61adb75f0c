/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/feed/stix_known.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

enum { LINKS_MAX = 8 }; /* looked at for one label */

/* From hashes of ids, never 0, to numbers. Open addressing, at most half full. */
struct map {
	struct pair {
		uint64_t key, value;
	} * pair;
	size_t size, count;
};

struct link {
	uint64_t target;
	uint32_t next; /* number + 1; 0: the last */
};

struct pk_stix_known {
	struct map versions, names, links, markings;
	char *text; /* names, a NUL behind each */
	size_t text_used, text_size;
	struct link *link;
	uint32_t link_count, link_size;
};

static uint64_t hash(struct pk_json_span id)
{
	uint64_t h = id.text ? XXH3_64bits(id.text, id.len) : 0;

	return h ? h : 1;
}

static struct pair *slot(const struct map *m, uint64_t key)
{
	size_t i = key & (m->size - 1);

	while (m->pair[i].key && m->pair[i].key != key)
		i = (i + 1) & (m->size - 1);
	return &m->pair[i];
}

static bool grow(struct map *m)
{
	struct map new = { .size = m->size ? 2 * m->size : 64 };

	if (m->count * 2 < m->size)
		return true;
	if (m->count >= PK_STIX_KNOWN_MAX)
		return false;
	new.pair = calloc(new.size, sizeof(*new.pair));
	if (!new.pair)
		return false;
	for (size_t i = 0; i < m->size; i++)
		if (m->pair[i].key)
			*slot(&new, m->pair[i].key) = m->pair[i];
	new.count = m->count;
	free(m->pair);
	*m = new;
	return true;
}

static const struct pair *find(const struct map *m, uint64_t key)
{
	const struct pair *p = m->size ? slot(m, key) : NULL;

	return p && p->key ? p : NULL;
}

/* The pair of @key, made with value 0 if there was none; NULL: no room. */
static struct pair *want(struct map *m, uint64_t key)
{
	struct pair *p = (struct pair *)find(m, key);

	if (p)
		return p;
	if (!grow(m))
		return NULL;
	p = slot(m, key);
	p->key = key;
	m->count++;
	return p;
}

int pk_stix_known_new(struct pk_stix_known **out)
{
	struct pk_stix_known *k = calloc(1, sizeof(*k));

	if (!k)
		return -ENOMEM;
	*out = k;
	return 0;
}

void pk_stix_known_free(struct pk_stix_known *k)
{
	if (!k)
		return;
	free(k->versions.pair);
	free(k->names.pair);
	free(k->links.pair);
	free(k->markings.pair);
	free(k->text);
	free(k->link);
	free(k);
}

void pk_stix_known_version(struct pk_stix_known *k, struct pk_json_span id,
			   uint64_t micros)
{
	struct pair *p = id.text ? want(&k->versions, hash(id)) : NULL;

	if (p && p->value < micros)
		p->value = micros;
}

bool pk_stix_known_newer(const struct pk_stix_known *k, struct pk_json_span id,
			 uint64_t micros)
{
	const struct pair *p = id.text ? find(&k->versions, hash(id)) : NULL;

	return p && p->value > micros;
}

void pk_stix_known_name(struct pk_stix_known *k, struct pk_json_span id,
			struct pk_json_span name)
{
	struct pair *p;
	size_t size = k->text_size;
	char *text;

	if (!id.text || !name.len || name.len > PK_ATTRIBUTION_MAX)
		return;
	while (size < k->text_used + name.len + 1)
		size = size ? 2 * size : 4096;
	if (size > PK_STIX_NAMES_MAX)
		return;
	text = realloc(k->text, size);
	if (!text)
		return;
	k->text = text;
	k->text_size = size;
	p = want(&k->names, hash(id));
	if (!p)
		return;
	p->value = k->text_used;
	memcpy(text + k->text_used, name.text, name.len);
	text[k->text_used + name.len] = 0;
	k->text_used += name.len + 1;
}

static const char *name_of(const struct pk_stix_known *k, uint64_t key)
{
	const struct pair *p = find(&k->names, key);

	return p ? k->text + p->value : "";
}

const char *pk_stix_known_name_of(const struct pk_stix_known *k,
				  struct pk_json_span id)
{
	return id.text ? name_of(k, hash(id)) : "";
}

/* A link's number + 1, or 0. */
static uint32_t add_link(struct pk_stix_known *k, uint64_t target)
{
	if (k->link_count == PK_STIX_KNOWN_MAX)
		return 0;
	if (k->link_count == k->link_size) {
		uint32_t n = k->link_size ? 2 * k->link_size : 64;
		struct link *link = realloc(k->link, n * sizeof(*link));

		if (!link)
			return 0;
		k->link = link;
		k->link_size = n;
	}
	k->link[k->link_count].target = target;
	k->link[k->link_count].next = 0;
	return ++k->link_count;
}

void pk_stix_known_link(struct pk_stix_known *k, struct pk_json_span source,
			struct pk_json_span target)
{
	struct pair *p;
	uint32_t last, added;

	if (!source.text || !target.text)
		return;
	p = want(&k->links, hash(source));
	if (!p)
		return;
	last = (uint32_t)p->value;
	for (unsigned n = 1; last && k->link[last - 1].next; n++) {
		if (n == LINKS_MAX)
			return;
		last = k->link[last - 1].next;
	}
	added = add_link(k, hash(target));
	if (last)
		k->link[last - 1].next = added;
	else
		p->value = added;
}

static size_t add_name(char *label, size_t len, const char *name)
{
	size_t gap = len ? 2 : 0, n = strlen(name);

	if (!n || len + gap + n > PK_ATTRIBUTION_MAX || strstr(label, name))
		return len;
	memcpy(label + len, ", ", gap);
	memcpy(label + len + gap, name, n + 1);
	return len + gap + n;
}

size_t pk_stix_known_label(const struct pk_stix_known *k,
			   struct pk_json_span source,
			   char label[PK_ATTRIBUTION_MAX + 1])
{
	const struct pair *p =
		source.text ? find(&k->links, hash(source)) : NULL;
	uint32_t i = p ? (uint32_t)p->value : 0;
	size_t len = 0;

	label[0] = 0;
	for (; i; i = k->link[i - 1].next)
		len = add_name(label, len, name_of(k, k->link[i - 1].target));
	return len;
}

void pk_stix_known_marking(struct pk_stix_known *k, struct pk_json_span id,
			   enum pk_tlp tlp)
{
	struct pair *p = id.text ? want(&k->markings, hash(id)) : NULL;

	if (p)
		p->value = tlp;
}

enum pk_tlp pk_stix_known_tlp(const struct pk_stix_known *k,
			      struct pk_json_span id)
{
	/* Without "marking-definition--"; TLP 1.0 and 2.0. */
	static const struct {
		const char *uuid;
		enum pk_tlp tlp;
	} known[] = {
		{ "613f2e26-407d-48c7-9eca-b8e91df99dc9", PK_TLP_CLEAR },
		{ "34098fce-860f-48ae-8e50-ebd3cc5e41da", PK_TLP_GREEN },
		{ "f88d31f6-486f-44da-b317-01333bde0b82", PK_TLP_AMBER },
		{ "5e57c739-391a-4eb3-b6be-7d15ca92d5ed", PK_TLP_RED },
		{ "94868c89-83c2-464b-929b-a1a8aa3c8487", PK_TLP_CLEAR },
		{ "bab4a63c-aed9-4cf5-a766-dfca5abac2bb", PK_TLP_GREEN },
		{ "55d920b0-5e8b-4f79-9ee9-91f868d9b421", PK_TLP_AMBER },
		{ "939a9414-2ddd-4d32-a0cd-375ea402b003", PK_TLP_AMBER_STRICT },
		{ "e828b379-4e03-4974-9ac4-e53a884c97c1", PK_TLP_RED },
	};
	static const char prefix[] = "marking-definition--";
	const struct pair *p;

	if (!id.text || id.len < sizeof(prefix) - 1)
		return PK_TLP_NONE;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (id.len == sizeof(prefix) - 1 + 36 &&
		    !memcmp(id.text + sizeof(prefix) - 1, known[i].uuid, 36))
			return known[i].tlp;
	p = find(&k->markings, hash(id));
	return p ? (enum pk_tlp)p->value : PK_TLP_NONE;
}
