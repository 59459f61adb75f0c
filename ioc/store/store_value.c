/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include <arpa/inet.h>
#include <xxhash.h>

#include "bpf/image.h"
#include "ioc/store/store_inside.h"

enum { ADDR6_BYTES = 16, SHORT_MAX = 127 };

/* --- making values -------------------------------------------------------- */

static uint64_t hash_of(const struct pk_store *s, const struct value *v)
{
	if (v->kind == PK_INDICATOR_IPV4)
		return pk_hash_v4(s->seed, v->packed);
	if (!v->len)
		return pk_mix(pk_mix(s->seed + v->kind) ^ v->packed);
	return XXH3_64bits_withSeed(v->bytes, v->len, s->seed + v->kind);
}

static void packed_value(const struct pk_store *s, unsigned kind,
			 uint32_t packed, struct value *v)
{
	v->kind = (uint8_t)kind;
	v->packed = packed;
	v->len = 0;
	v->bytes = NULL;
	v->hash = hash_of(s, v);
}

void pk_store_bytes_value(const struct pk_store *s, unsigned kind,
			  const uint8_t *bytes, unsigned len, struct value *v)
{
	v->kind = (uint8_t)kind;
	v->bytes = bytes;
	v->len = (uint16_t)len;
	v->packed = 0;
	v->hash = hash_of(s, v);
}

void pk_store_addr_value(const struct pk_store *s, const union pk_addr *addr,
			 struct value *v)
{
	if (pk_is_v4(addr))
		packed_value(s, PK_INDICATOR_IPV4, addr->w[3], v);
	else
		pk_store_bytes_value(s, PK_INDICATOR_IPV6, addr->b, ADDR6_BYTES,
				     v);
}

/* Host bits are cleared here. */
void pk_store_net_value(const struct pk_store *s, const union pk_addr *addr,
			bool v4, unsigned bits, struct value *v)
{
	if (v4) {
		uint64_t mask = ~0ULL << (32 - bits);

		packed_value(
			s, PK_INDICATOR_IPV4_NET,
			pk_store_net(ntohl(addr->w[3]) & (uint32_t)mask, bits),
			v);
		return;
	}
	memcpy(v->small, addr->b, ADDR6_BYTES);
	for (unsigned bit = bits; bit < ADDR6_BYTES * 8;) {
		v->small[bit / 8] &= (uint8_t) ~(0xffU >> bit % 8);
		bit = (bit / 8 + 1) * 8;
	}
	v->small[ADDR6_BYTES] = (uint8_t)bits;
	pk_store_bytes_value(s, PK_INDICATOR_IPV6_NET, v->small,
			     ADDR6_BYTES + 1, v);
}

void pk_store_value(const struct pk_store *s, const struct pk_indicator *ind,
		    struct value *v)
{
	const uint8_t *bytes;
	unsigned len;

	switch (ind->type) {
	case PK_INDICATOR_IPV4:
		packed_value(s, ind->type, ind->addr.w[3], v);
		break;
	case PK_INDICATOR_IPV4_NET:
		pk_store_net_value(s, &ind->addr, true, ind->bits, v);
		break;
	case PK_INDICATOR_ASN:
		packed_value(s, ind->type, ind->asn, v);
		break;
	case PK_INDICATOR_DOMAIN:
		pk_store_bytes_value(s, kind_of(ind->type, ind->match),
				     ind->value, ind->value_len, v);
		break;
	default:
		len = pk_indicator_bytes(ind, v->small, &bytes);
		pk_store_bytes_value(s, ind->type, bytes, len, v);
	}
}

/* --- in the arena --------------------------------------------------------- */

static bool is_packed(unsigned type)
{
	return type == PK_INDICATOR_IPV4 || type == PK_INDICATOR_IPV4_NET ||
	       type == PK_INDICATOR_ASN;
}

static unsigned prefix_bytes(unsigned len)
{
	return len > SHORT_MAX ? 2 : 1;
}

const uint8_t *pk_store_bytes_of(const struct pk_store *s, uint32_t slot,
				 unsigned *len)
{
	const uint8_t *at = s->arena.room.at + s->value[slot];

	*len = at[0] & SHORT_MAX;
	if (*len == at[0])
		return at + 1;
	*len |= (unsigned)at[1] << 7;
	return at + 2;
}

void pk_store_slot_value(const struct pk_store *s, uint32_t slot,
			 struct value *v)
{
	const uint8_t *bytes;
	unsigned len;

	if (is_packed(type_of(s, slot))) {
		packed_value(s, s->kind[slot], s->value[slot], v);
		return;
	}
	bytes = pk_store_bytes_of(s, slot, &len);
	pk_store_bytes_value(s, s->kind[slot], bytes, len, v);
}

unsigned pk_store_value_bytes(const struct value *v)
{
	return v->len ? v->len + prefix_bytes(v->len) : 0;
}

uint32_t pk_store_keep(struct pk_store *s, const struct value *v)
{
	uint32_t at;
	uint8_t *to;

	if (!v->len)
		return v->packed;
	at = pk_arena_take(&s->arena, pk_store_value_bytes(v));
	to = s->arena.room.at + at;
	*to++ = (uint8_t)(v->len & SHORT_MAX);
	if (v->len > SHORT_MAX) {
		to[-1] |= SHORT_MAX + 1;
		*to++ = (uint8_t)(v->len >> 7);
	}
	memcpy(to, v->bytes, v->len);
	return at;
}

unsigned pk_store_kept_bytes(const struct pk_store *s, uint32_t slot)
{
	unsigned len;

	if (is_packed(type_of(s, slot)))
		return 0;
	pk_store_bytes_of(s, slot, &len);
	return len + prefix_bytes(len);
}

void pk_store_forget(struct pk_store *s, uint32_t slot)
{
	unsigned len = pk_store_kept_bytes(s, slot);

	if (len)
		pk_arena_give(&s->arena, s->value[slot], len);
}

unsigned pk_store_net_of(const struct pk_store *s, uint32_t slot,
			 union pk_addr *addr)
{
	const uint8_t *bytes;
	unsigned len;

	if (type_of(s, slot) == PK_INDICATOR_IPV4_NET) {
		*addr = (union pk_addr){ .b = { [10] = 0xff, [11] = 0xff } };
		addr->w[3] = htonl(pk_store_net_addr(s->value[slot]));
		return pk_store_net_bits(s->value[slot]);
	}
	bytes = pk_store_bytes_of(s, slot, &len);
	memcpy(addr->b, bytes, ADDR6_BYTES);
	return bytes[ADDR6_BYTES];
}

/* --- the index ------------------------------------------------------------ */

static uint64_t slot_hash(const void *arg, uint32_t slot)
{
	struct value v;

	pk_store_slot_value(arg, slot, &v);
	return v.hash;
}

static void slot_fetch(const void *arg, uint32_t slot, int deep)
{
	const struct pk_store *s = arg;

	if (!deep) {
		__builtin_prefetch(&s->kind[slot]);
		__builtin_prefetch(&s->value[slot]);
	} else if (!is_packed(type_of(s, slot))) {
		__builtin_prefetch(s->arena.room.at + s->value[slot]);
	}
}

static int slot_is(const void *arg, uint32_t slot, const void *key)
{
	const struct pk_store *s = arg;
	const struct value *v = key;
	const uint8_t *bytes;
	unsigned len;

	if (s->kind[slot] != v->kind)
		return 0;
	if (!v->len)
		return s->value[slot] == v->packed;
	bytes = pk_store_bytes_of(s, slot, &len);
	return len == v->len && !memcmp(bytes, v->bytes, len);
}

static const struct pk_places_user slot_user = {
	.hash = slot_hash,
	.fetch = slot_fetch,
	.is = slot_is,
};

uint32_t pk_store_seek(const struct pk_store *s, const struct value *v)
{
	return pk_places_find(&s->places, &slot_user, s, v->hash, v);
}

int pk_store_make_place(struct pk_store *s, const struct value *v)
{
	return pk_places_make(&s->places, &slot_user, s, v->hash);
}

void pk_store_place(struct pk_store *s, const struct value *v, uint32_t slot)
{
	pk_places_add(&s->places, v->hash, slot);
}

void pk_store_expect(struct pk_store *s, uint32_t count)
{
	pk_places_expect(&s->places, &slot_user, s, count);
}

void pk_store_fetch_seek(const struct pk_store *s, uint64_t hash, int step)
{
	uint32_t slot;

	if (!step) {
		pk_places_fetch(&s->places, hash);
		return;
	}
	slot = pk_places_guess(&s->places, hash);
	if (!slot)
		return;
	if (step == 1) {
		__builtin_prefetch(&s->flags[slot]);
		__builtin_prefetch(&s->meta[slot]);
	}
	slot_fetch(s, slot, step - 1);
}

void pk_store_fetch_place(const struct pk_store *s, uint32_t slot)
{
	pk_places_fetch(&s->places, slot_hash(s, slot));
}

void pk_store_unplace(struct pk_store *s, uint32_t slot)
{
	pk_places_del(&s->places, slot_hash(s, slot), slot);
}
