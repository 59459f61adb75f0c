/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include <arpa/inet.h>

#include "bpf/image.h"
#include "ioc/image/lookup.h"
#include "ioc/store/store_inside.h"

/* Most keys of one indicator: a name and its ancestors. */
enum { KEYS_MAX = PK_NAME_LABELS + 1 };

/* --- keys of one slot ----------------------------------------------------- */

static unsigned addr_key(const struct pk_store *s, const union pk_addr *addr,
			 uint32_t id, struct pk_key *key)
{
	bool v4 = pk_is_v4(addr);

	*key = (struct pk_key){
		.hash = pk_hash_addr(s->seed, addr, v4),
		.id = id,
		.table = v4 ? PK_TABLE_V4 : PK_TABLE_V6,
	};
	if (v4)
		key->q[0] = addr->w[3];
	else
		memcpy(key->q, addr->q, sizeof(key->q));
	return 1;
}

static unsigned net_key(const struct pk_store *s, uint32_t slot, uint32_t id,
			struct pk_key *key)
{
	bool v4 = type_of(s, slot) == PK_INDICATOR_IPV4_NET;
	union pk_addr addr;

	*key = (struct pk_key){ .table = v4 ? PK_TABLE_NET4 : PK_TABLE_NET6 };
	key->bits = (uint8_t)pk_store_net_of(s, slot, &addr);
	/* The delta says which prefix of the base is gone by its slot. */
	key->id = id | slot;
	if (v4)
		key->q[0] = addr.w[3];
	else
		memcpy(key->q, addr.q, sizeof(key->q));
	return 1;
}

/* An endpoint's own key, and that its address has ports listed. */
static unsigned endpoint_keys(const struct pk_store *s, uint32_t slot,
			      uint32_t id, struct pk_key *keys)
{
	unsigned len;
	const uint8_t *bytes = pk_store_bytes_of(s, slot, &len);
	union pk_addr addr;
	uint64_t hash;

	memcpy(addr.b, bytes, sizeof(addr.b));
	hash = pk_endpoint_key(s->seed, &addr,
			       (uint16_t)(bytes[16] << 8 | bytes[17]));
	keys[0] = (struct pk_key){
		.hash = hash,
		.q[0] = hash,
		.id = id,
		.table = PK_TABLE_NAME,
	};
	if (id == PK_TOMBSTONE)
		return 1; /* asking for a port in vain does no harm */
	return 1 + addr_key(s, &addr, PK_PORTS, &keys[1]);
}

static uint64_t name_key(uint64_t hash, enum pk_match match)
{
	switch (match) {
	case PK_MATCH_SUBDOMAINS:
		return pk_name_subdomains(hash);
	case PK_MATCH_ONE_LABEL:
		return pk_name_one_label(hash);
	default:
		return hash;
	}
}

/* All suffixes but the whole name are ancestors. */
static unsigned name_keys(const struct pk_store *s, uint32_t slot, uint32_t id,
			  struct pk_key *keys)
{
	unsigned len, n = 0;
	const uint8_t *wire = pk_store_bytes_of(s, slot, &len);
	struct pk_name_suffixes suffixes;
	uint64_t hash = 0;

	if (!pk_name_suffixes(&suffixes, s->seed, wire))
		return 0;
	while (pk_name_next(&suffixes)) {
		hash = suffixes.hash;
		keys[n++] = (struct pk_key){
			.hash = hash,
			.table = PK_TABLE_NAME,
			.ancestor = 1,
		};
	}
	/* The base let the walk come as far as a dead name. */
	if (id == PK_TOMBSTONE)
		n = 1;
	keys[n - 1] = (struct pk_key){
		.hash = hash,
		.q[0] = name_key(hash, match_of(s, slot)),
		.id = id,
		.table = PK_TABLE_NAME,
	};
	return n;
}

static unsigned value_key(const struct pk_store *s, uint32_t slot, uint32_t id,
			  struct pk_key *key)
{
	unsigned type = type_of(s, slot), len = sizeof(uint32_t);
	uint32_t asn = htonl(s->value[slot]);
	const void *bytes = &asn;

	if (type != PK_INDICATOR_ASN)
		bytes = pk_store_bytes_of(s, slot, &len);
	*key = (struct pk_key){ .id = id, .table = PK_TABLE_VALUE };
	key->hash = pk_value_hash(s->seed, (uint8_t)type, bytes, len);
	key->q[0] = key->hash;
	return 1;
}

/* Returns how many keys, at most KEYS_MAX. @id: the slot or PK_TOMBSTONE. */
static unsigned keys_of(const struct pk_store *s, uint32_t slot, uint32_t id,
			struct pk_key *keys)
{
	union pk_addr addr = { .b = { [10] = 0xff, [11] = 0xff } };
	unsigned len;

	switch (type_of(s, slot)) {
	case PK_INDICATOR_IPV4:
		addr.w[3] = s->value[slot];
		return addr_key(s, &addr, id, keys);
	case PK_INDICATOR_IPV6:
		memcpy(addr.b, pk_store_bytes_of(s, slot, &len),
		       sizeof(addr.b));
		return addr_key(s, &addr, id, keys);
	case PK_INDICATOR_IPV4_NET:
	case PK_INDICATOR_IPV6_NET:
		return net_key(s, slot, id, keys);
	case PK_INDICATOR_IP_PORT:
		return endpoint_keys(s, slot, id, keys);
	case PK_INDICATOR_DOMAIN:
		return name_keys(s, slot, id, keys);
	default:
		return value_key(s, slot, id, keys);
	}
}

/* --- walks ---------------------------------------------------------------- */

/* Of the frozen state if there is one; may run beside the writer. */
static bool is_in_next_base(const struct pk_store *s, uint32_t slot)
{
	unsigned flags = flags_of(s, slot);
	bool live = (flags & STATE) == LIVE;

	return live != !!(flags & TOGGLED);
}

unsigned pk_store_base_keys(const struct pk_store *s, uint32_t *cursor,
			    struct pk_key *keys, unsigned max)
{
	uint32_t end = s->frozen ? s->frozen_items : s->n.items;
	uint32_t slot = *cursor;
	unsigned n = 0;

	while (n + KEYS_MAX <= max && slot + 1 < end)
		if (is_in_next_base(s, ++slot))
			n += keys_of(s, slot, slot, &keys[n]);
	*cursor = slot;
	return n;
}

void pk_store_base_counts(const struct pk_store *s,
			  uint32_t by_type[PK_INDICATOR_TYPE_COUNT])
{
	memcpy(by_type, s->frozen ? s->frozen_types : s->n.stats.by_type,
	       sizeof(s->frozen_types));
}

unsigned pk_store_delta_keys(const struct pk_store *s, uint32_t *cursor,
			     struct pk_key *keys, unsigned max)
{
	uint32_t end = s->n.changes_lost ? s->n.items - 1 : s->n.changes;
	unsigned n = 0;

	while (n + KEYS_MAX <= max && *cursor < end) {
		uint32_t at = (*cursor)++;
		uint32_t slot = s->n.changes_lost ? at + 1 : s->change[at];
		bool live = is_live(s, slot);

		if (live == !!(flags_of(s, slot) & IN_BASE))
			continue;
		n += keys_of(s, slot, live ? slot : PK_TOMBSTONE, &keys[n]);
	}
	return n;
}
