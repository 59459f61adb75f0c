/* SPDX-License-Identifier: BSD-2-Clause */
/*
 *   lists[owner] ─► texts, substrings       shared by copies, counted
 *   nets                                    prefixes of all lists (ioc/guard/netset.h)
 *   values, sorted by hash ◄─ dir           dir: where each run of leading hash
 *                                           bits begins; about one value each
 */
#include "ioc/guard/safelist.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ioc/name.h"
#include "ioc/guard/safelist_inside.h"

int pk_safelist_new(struct pk_safelist **out, uint64_t seed)
{
	struct pk_safelist *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->seed = seed;
	*out = s;
	return 0;
}

static void values_fini(struct pk_safe_values *v)
{
	free(v->all);
	free(v->dir);
}

void pk_safelist_free(struct pk_safelist *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < PK_SAFELIST_LISTS; i++)
		pk_safelist_draft_free(s->lists[i]);
	pk_netset_fini(&s->nets);
	values_fini(&s->values);
	free(s);
}

/* --- values --------------------------------------------------------------- */

static int values_alloc(struct pk_safe_values *v, size_t count)
{
	memset(v, 0, sizeof(*v));
	for (v->bits = 1; v->bits < 31 && (size_t)1 << v->bits < count;)
		v->bits++;
	v->count = (uint32_t)count;
	if (!count)
		return 0;
	v->all = malloc(count * sizeof(*v->all));
	v->dir = malloc((((size_t)1 << v->bits) + 1) * sizeof(*v->dir));
	if (v->all && v->dir)
		return 0;
	values_fini(v);
	return -ENOMEM;
}

static void values_index(struct pk_safe_values *v)
{
	uint32_t at = 0;

	for (uint32_t run = 0; v->count && run <= 1U << v->bits; run++) {
		while (at < v->count && v->all[at].hash >> (64 - v->bits) < run)
			at++;
		v->dir[run] = at;
	}
}

static size_t count_owned(const struct pk_safe_values *v, uint16_t owner)
{
	size_t n = 0;

	for (uint32_t i = 0; i < v->count; i++)
		n += v->all[i].owner == owner;
	return n;
}

/* Without the values of @owner, and with @count sorted ones more. */
static int values_merge(struct pk_safe_values *out,
			const struct pk_safe_values *old, uint16_t owner,
			const struct pk_safe_value *more, size_t count)
{
	size_t n = 0;

	if (values_alloc(out, old->count - count_owned(old, owner) + count))
		return -ENOMEM;
	for (uint32_t i = 0; i < old->count; i++) {
		const struct pk_safe_value *was = &old->all[i];

		if (was->owner == owner)
			continue;
		for (; count && more->hash < was->hash; count--)
			out->all[n++] = *more++;
		out->all[n++] = *was;
	}
	if (count)
		memcpy(out->all + n, more, count * sizeof(*more));
	values_index(out);
	return 0;
}

/* --- lists ---------------------------------------------------------------- */

/* The place of @name in the order, or where it belongs. */
static unsigned place_of(const struct pk_safelist *s, const char *name,
			 bool *found)
{
	unsigned low = 0, high = s->count;

	*found = false;
	while (low < high) {
		unsigned mid = (low + high) / 2;
		int order = strcmp(s->lists[s->order[mid]]->info.name, name);

		if (!order)
			*found = true;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct pk_safelist_draft *pk_safe_list(const struct pk_safelist *s,
				       const char *name)
{
	bool found;
	unsigned place = place_of(s, name, &found);

	return found ? s->lists[s->order[place]] : NULL;
}

static uint16_t free_owner(const struct pk_safelist *s)
{
	uint16_t owner = 0;

	while (owner < PK_SAFELIST_LISTS && s->lists[owner])
		owner++;
	return owner;
}

/* All of @owner out, all of @d (may be NULL) in. */
static int swap_entries(struct pk_safelist *s, uint16_t owner,
			struct pk_safelist_draft *d)
{
	struct pk_safe_values fresh;

	for (size_t i = 0; d && i < d->nets_count; i++)
		d->nets[i].owner = owner;
	for (size_t i = 0; d && i < d->values_count; i++)
		d->values[i].owner = owner;
	if (values_merge(&fresh, &s->values, owner, d ? d->values : NULL,
			 d ? d->values_count : 0))
		return -ENOMEM;
	if (pk_netset_put(&s->nets, owner, d ? d->nets : NULL,
			  d ? d->nets_count : 0)) {
		values_fini(&fresh);
		return -ENOMEM;
	}
	values_fini(&s->values);
	s->values = fresh;
	return 0;
}

static void drop_subs(struct pk_safelist *s, uint16_t owner)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->subs_count; i++)
		if (s->subs[i].owner != owner)
			s->subs[n++] = s->subs[i];
	s->subs_count = n;
}

static void swap_subs(struct pk_safelist *s, uint16_t owner,
		      const struct pk_safelist_draft *d)
{
	drop_subs(s, owner);
	for (unsigned i = 0; i < d->subs_count; i++)
		s->subs[s->subs_count++] =
			(struct pk_safe_sub){ .text = d->subs[i],
					      .owner = owner };
}

/* What stands in the safelist's arrays now. */
static void shed(struct pk_safelist_draft *d)
{
	free(d->nets);
	free(d->values);
	d->nets = NULL;
	d->values = NULL;
	d->nets_count = d->nets_room = 0;
	d->values_count = d->values_room = 0;
}

int pk_safelist_put(struct pk_safelist *s, struct pk_safelist_draft *d)
{
	struct pk_safelist_draft *old = pk_safe_list(s, d->info.name);
	bool found;
	unsigned place = place_of(s, d->info.name, &found);
	uint16_t owner = found ? s->order[place] : free_owner(s);

	if (d->seed != s->seed)
		return -EINVAL;
	if (owner == PK_SAFELIST_LISTS ||
	    s->subs_count + d->subs_count >
		    PK_SAFELIST_SUBS_MAX + (old ? old->subs_count : 0))
		return -ENOSPC;
	pk_safelist_draft_ready(d);
	if (swap_entries(s, owner, d))
		return -ENOMEM;
	swap_subs(s, owner, d);
	shed(d);
	if (!found) {
		memmove(&s->order[place + 1], &s->order[place],
			(s->count - place) * sizeof(s->order[0]));
		s->order[place] = owner;
		s->count++;
	}
	pk_safelist_draft_free(old);
	s->lists[owner] = d;
	return 0;
}

int pk_safelist_del(struct pk_safelist *s, const char *name)
{
	bool found;
	unsigned place = place_of(s, name, &found);
	uint16_t owner = found ? s->order[place] : PK_NO_OWNER;

	if (!found)
		return -ENOENT;
	if (swap_entries(s, owner, NULL))
		return -ENOMEM;
	drop_subs(s, owner);
	s->count--;
	memmove(&s->order[place], &s->order[place + 1],
		(s->count - place) * sizeof(s->order[0]));
	pk_safelist_draft_free(s->lists[owner]);
	s->lists[owner] = NULL;
	return 0;
}

int pk_safelist_copy(struct pk_safelist **out, const struct pk_safelist *s)
{
	struct pk_safelist *copy;

	if (pk_safelist_new(&copy, s->seed))
		return -ENOMEM;
	for (unsigned i = 0; i < 2; i++)
		if (pk_netset_put(&copy->nets, PK_NO_OWNER,
				  s->nets.half[i].nets, s->nets.half[i].count))
			goto fail;
	if (values_merge(&copy->values, &s->values, PK_NO_OWNER, NULL, 0))
		goto fail;
	copy->count = s->count;
	copy->subs_count = s->subs_count;
	memcpy(copy->subs, s->subs, sizeof(s->subs));
	memcpy(copy->order, s->order, sizeof(s->order));
	memcpy(copy->lists, s->lists, sizeof(s->lists));
	for (unsigned i = 0; i < PK_SAFELIST_LISTS; i++)
		if (copy->lists[i])
			atomic_fetch_add(&copy->lists[i]->refs, 1);
	*out = copy;
	return 0;
fail:
	pk_safelist_free(copy);
	return -ENOMEM;
}

unsigned pk_safelist_count(const struct pk_safelist *s)
{
	return s->count;
}

const struct pk_safelist_info *pk_safelist_at(const struct pk_safelist *s,
					      unsigned place)
{
	return place < s->count ? &s->lists[s->order[place]]->info : NULL;
}

uint64_t pk_safelist_bytes(const struct pk_safelist *s)
{
	uint64_t bytes = sizeof(*s);

	for (unsigned i = 0; i < 2; i++)
		bytes += s->nets.half[i].count *
			 (sizeof(struct pk_net) + sizeof(uint32_t));
	bytes += s->values.count * sizeof(struct pk_safe_value);
	if (s->values.count)
		bytes += ((1ULL << s->values.bits) + 1) * sizeof(uint32_t);
	for (unsigned i = 0; i < s->count; i++)
		bytes += sizeof(struct pk_safelist_draft) +
			 s->lists[s->order[i]]->texts_room;
	return bytes;
}

/* --- single entries -------------------------------------------------------- */

static int copy_nets(struct pk_safelist_draft *d, const struct pk_netset *set,
		     uint16_t owner)
{
	int err = 0;

	for (unsigned i = 0; i < 2; i++)
		for (uint32_t n = 0; !err && n < set->half[i].count; n++)
			if (set->half[i].nets[n].owner == owner)
				err = pk_safe_add_net(d, &set->half[i].nets[n]);
	return err;
}

static int copy_values(struct pk_safelist_draft *d, const struct pk_safelist *s,
		       uint16_t owner)
{
	struct pk_indicator ind;
	int err = 0;

	for (uint32_t i = 0; !err && i < s->values.count; i++)
		if (s->values.all[i].owner == owner &&
		    !pk_safe_entry(s, &s->values.all[i], &ind))
			err = pk_safelist_draft_add(d, &ind);
	return err;
}

/* A draft with the entries of a list, or an empty one. */
static int draft_of(struct pk_safelist_draft **out, const struct pk_safelist *s,
		    const char *name)
{
	struct pk_safelist_draft *d;
	struct pk_safe_record r;
	bool found;
	unsigned place = place_of(s, name, &found);
	uint16_t owner = found ? s->order[place] : PK_NO_OWNER;
	int err = pk_safelist_draft_new(&d, name, s->seed);

	if (err)
		return err;
	if (found) {
		d->info = s->lists[owner]->info;
		d->info.entries = 0;
		err = copy_nets(d, &s->nets, owner);
		if (!err)
			err = copy_values(d, s, owner);
	}
	for (unsigned i = 0; found && !err && i < s->subs_count; i++) {
		if (s->subs[i].owner != owner)
			continue;
		pk_safe_record(s->lists[owner], s->subs[i].text, &r);
		err = pk_safe_add_sub(d, (const char *)r.bytes, r.len);
	}
	if (err)
		pk_safelist_draft_free(d);
	else
		*out = d;
	return err;
}

/* Put @d in; it counts anew what its list counted. */
static int put_changed(struct pk_safelist *s, struct pk_safelist_draft *d)
{
	int err = pk_safelist_put(s, d);

	if (err)
		pk_safelist_draft_free(d);
	return err;
}

int pk_safelist_add_entry(struct pk_safelist *s, const char *name,
			  const struct pk_indicator *ind)
{
	struct pk_safelist_draft *d;
	uint32_t duplicates;
	int err = draft_of(&d, s, name);

	if (err)
		return err;
	duplicates = d->info.duplicates;
	err = pk_safelist_draft_add(d, ind);
	if (!err) {
		pk_safelist_draft_ready(d);
		if (d->info.duplicates > duplicates)
			err = -EEXIST;
	}
	if (!err)
		return put_changed(s, d);
	pk_safelist_draft_free(d);
	return err;
}

/* Take what equals the only entry of @one out of @d. */
static bool remove_one(struct pk_safelist_draft *d, const struct pk_net *net)
{
	for (size_t i = 0; i < d->nets_count; i++) {
		struct pk_net *n = &d->nets[i];

		if (n->v4 != net->v4 || n->bits != net->bits ||
		    memcmp(n->key, net->key, sizeof(n->key)) != 0)
			continue;
		*n = d->nets[--d->nets_count];
		d->info.entries--;
		d->ready = 0;
		return true;
	}
	return false;
}

static bool remove_value(struct pk_safelist_draft *d,
			 const struct pk_indicator *ind)
{
	uint8_t small[PK_SMALL_VALUE];
	const uint8_t *bytes;
	unsigned len = pk_indicator_bytes(ind, small, &bytes);
	enum pk_safe_kind kind = ind->type != PK_INDICATOR_DOMAIN
					 ? PK_SAFE_VALUE
				 : ind->match == PK_MATCH_EXACT ? PK_SAFE_NAME
								: PK_SAFE_HOST;
	uint32_t text = UINT32_MAX;
	size_t n = 0;

	for (size_t i = 0; i < d->values_count && text == UINT32_MAX; i++) {
		struct pk_safe_record r;

		pk_safe_record(d, d->values[i].text, &r);
		if (d->values[i].kind == kind && r.type == ind->type &&
		    r.len == len && !memcmp(r.bytes, bytes, len))
			text = d->values[i].text;
	}
	if (text == UINT32_MAX)
		return false;
	for (size_t i = 0; i < d->values_count; i++)
		if (d->values[i].text != text)
			d->values[n++] = d->values[i];
	d->values_count = n;
	d->info.entries--;
	d->ready = 0;
	return true;
}

int pk_safelist_del_entry(struct pk_safelist *s, const char *name,
			  const struct pk_indicator *ind)
{
	struct pk_safelist_draft *d;
	struct pk_net net;
	bool removed;
	int err;

	if (!pk_safe_list(s, name))
		return -ENOENT;
	err = draft_of(&d, s, name);
	if (err)
		return err;
	removed = ind->type != PK_INDICATOR_IP_PORT && !pk_net_of(&net, ind)
			  ? remove_one(d, &net)
			  : remove_value(d, ind);
	if (removed)
		return put_changed(s, d);
	pk_safelist_draft_free(d);
	return -ENOENT;
}
