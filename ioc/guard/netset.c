/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sorted by (address, bits), a prefix stands behind all that cover it, and the
 * longest that covers a place is the one before the place, or one of that
 * one's parents: prefixes nest or are apart.
 */
#include "ioc/guard/netset.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { V4_SHIFT = 96 };

static bool in_net(const uint64_t key[2], const struct pk_net *net)
{
	uint64_t high = key[0] ^ net->key[0];
	uint64_t low = key[1] ^ net->key[1];

	if (net->bits <= 64)
		return !net->bits || !(high >> (64 - net->bits));
	return !high && !(low >> (128 - net->bits));
}

static bool covers(const struct pk_net *wide, const struct pk_net *net)
{
	return wide->bits <= net->bits && in_net(net->key, wide);
}

static int by_place(const struct pk_net *a, const struct pk_net *b)
{
	for (int i = 0; i < 2; i++)
		if (a->key[i] != b->key[i])
			return a->key[i] < b->key[i] ? -1 : 1;
	return (int)a->bits - (int)b->bits;
}

static int by_place_and_owner(const void *x, const void *y)
{
	const struct pk_net *a = x, *b = y;
	int order = (int)a->v4 - (int)b->v4;

	if (!order)
		order = by_place(a, b);
	return order ? order : (int)a->owner - (int)b->owner;
}

void pk_net_set(struct pk_net *net, const union pk_addr *addr, unsigned bits,
		int v4)
{
	memset(net, 0, sizeof(*net));
	net->v4 = v4 != 0;
	net->bits = (uint8_t)(v4 ? bits + V4_SHIFT : bits);
	net->key[0] = be64toh(addr->q[0]);
	net->key[1] = be64toh(addr->q[1]);
	if (net->bits <= 64) {
		net->key[1] = 0;
		net->key[0] &= net->bits ? ~0ULL << (64 - net->bits) : 0;
	} else if (net->bits < 128) {
		net->key[1] &= ~0ULL << (128 - net->bits);
	}
}

int pk_net_of(struct pk_net *net, const struct pk_indicator *ind)
{
	switch (ind->type) {
	case PK_INDICATOR_IPV4:
		pk_net_set(net, &ind->addr, 32, 1);
		return 0;
	case PK_INDICATOR_IPV6:
		pk_net_set(net, &ind->addr, 128, 0);
		return 0;
	case PK_INDICATOR_IPV4_NET:
		pk_net_set(net, &ind->addr, ind->bits, 1);
		return 0;
	case PK_INDICATOR_IPV6_NET:
		pk_net_set(net, &ind->addr, ind->bits, 0);
		return 0;
	case PK_INDICATOR_IP_PORT:
		if (pk_is_v4(&ind->addr))
			pk_net_set(net, &ind->addr, 32, 1);
		else
			pk_net_set(net, &ind->addr, 128, 0);
		return 0;
	default:
		return -EINVAL;
	}
}

size_t pk_net_print(const struct pk_net *net, char text[PK_VALUE_TEXT_MAX])
{
	union pk_addr addr;
	size_t len;

	addr.q[0] = htobe64(net->key[0]);
	addr.q[1] = htobe64(net->key[1]);
	len = pk_addr_print(&addr, text);
	if (net->bits < 128)
		len += (size_t)sprintf(text + len, "/%u",
				       net->bits - (net->v4 ? V4_SHIFT : 0U));
	return len;
}

void pk_net_sort(struct pk_net *nets, size_t count)
{
	if (count)
		qsort(nets, count, sizeof(*nets), by_place_and_owner);
}

/* --- changes ------------------------------------------------------------- */

static void half_fini(struct pk_netset_half *h)
{
	free(h->nets);
	free(h->parent);
	memset(h, 0, sizeof(*h));
}

void pk_netset_fini(struct pk_netset *set)
{
	half_fini(&set->half[0]);
	half_fini(&set->half[1]);
}

static void find_parents(struct pk_netset_half *h)
{
	uint32_t open = 0; /* place + 1 of the innermost one begun */

	for (uint32_t i = 0; i < h->count; i++) {
		while (open && !covers(&h->nets[open - 1], &h->nets[i]))
			open = h->parent[open - 1];
		h->parent[i] = open;
		open = i + 1;
	}
}

static int half_merge(struct pk_netset_half *out,
		      const struct pk_netset_half *old, uint16_t owner,
		      const struct pk_net *nets, size_t count)
{
	size_t room = old->count + count, n = 0;

	memset(out, 0, sizeof(*out));
	if (!room)
		return 0;
	out->nets = malloc(room * sizeof(*out->nets));
	out->parent = malloc(room * sizeof(*out->parent));
	if (!out->nets || !out->parent) {
		half_fini(out);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < old->count; i++) {
		const struct pk_net *was = &old->nets[i];

		if (was->owner == owner && owner != PK_NO_OWNER)
			continue;
		while (count && by_place_and_owner(nets, was) < 0) {
			out->nets[n++] = *nets++;
			count--;
		}
		out->nets[n++] = *was;
	}
	if (count)
		memcpy(out->nets + n, nets, count * sizeof(*nets));
	out->count = (uint32_t)(n + count);
	find_parents(out);
	return 0;
}

int pk_netset_put(struct pk_netset *set, uint16_t owner,
		  const struct pk_net *nets, size_t count)
{
	struct pk_netset fresh = { 0 };
	size_t v6 = 0;

	while (v6 < count && !nets[v6].v4)
		v6++;
	if (half_merge(&fresh.half[0], &set->half[0], owner, nets, v6) ||
	    half_merge(&fresh.half[1], &set->half[1], owner,
		       count ? nets + v6 : nets, count - v6)) {
		pk_netset_fini(&fresh);
		return -ENOMEM;
	}
	pk_netset_fini(set);
	*set = fresh;
	return 0;
}

/* --- look-ups ------------------------------------------------------------ */

static const struct pk_netset_half *half_of(const struct pk_netset *set,
					    const struct pk_net *net)
{
	return &set->half[net->v4 != 0];
}

/* How many stand at or before the place of @net. */
static uint32_t places(const struct pk_netset_half *h, const struct pk_net *net)
{
	uint32_t low = 0, high = h->count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (by_place(&h->nets[mid], net) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct pk_net *pk_netset_cover(const struct pk_netset *set,
				     const struct pk_net *net)
{
	const struct pk_netset_half *h = half_of(set, net);
	uint32_t at = places(h, net);

	while (at && !covers(&h->nets[at - 1], net))
		at = h->parent[at - 1];
	return at ? &h->nets[at - 1] : NULL;
}

const struct pk_net *pk_netset_wider(const struct pk_netset *set,
				     const struct pk_net *below)
{
	const struct pk_netset_half *h = half_of(set, below);
	uint32_t at = h->parent[below - h->nets];

	return at ? &h->nets[at - 1] : NULL;
}

static const struct pk_net *inside_at(const struct pk_netset_half *h,
				      const struct pk_net *net, size_t at)
{
	if (at >= h->count || !in_net(h->nets[at].key, net))
		return NULL;
	return &h->nets[at];
}

const struct pk_net *pk_netset_inside(const struct pk_netset *set,
				      const struct pk_net *net)
{
	const struct pk_netset_half *h = half_of(set, net);

	return inside_at(h, net, places(h, net));
}

const struct pk_net *pk_netset_next(const struct pk_netset *set,
				    const struct pk_net *net,
				    const struct pk_net *last)
{
	const struct pk_netset_half *h = half_of(set, net);

	return inside_at(h, net, (size_t)(last - h->nets) + 1);
}
