/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lookup: questions that only user space asks of an image.
 *
 * One address is looked up by pk_view_match() of bpf/match.h, in the kernel and
 * here. This header has the rest: names, values, and bursts, in which the cache
 * misses of many look-ups overlap. A burst finds what the single look-up finds.
 *
 * A hit on a name or value is exact up to a collision of a keyed 64-bit hash:
 * whoever reports it compares with pk_store_covers(), pk_store_is_endpoint() or
 * pk_store_is_value().
 *
 * No state, no locks, no allocation: any thread, as long as the view holds.
 */
#ifndef PK_IOC_LOOKUP_H
#define PK_IOC_LOOKUP_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/match.h"

/*
 * The indicator that a canonical wire name matches, the most specific one: the
 * name itself (exact, then with subdomains), then its parent (one-label, then
 * subdomains), then what covers subdomains of shorter ancestors. Its slot, or
 * PK_NO_SLOT; *@labels (may be NULL) gets the number of labels of the
 * indicator. The root and malformed bytes match nothing; at most PK_NAME_MAX
 * bytes are read. O(labels), and it ends at the first suffix that no indicator
 * has.
 */
uint32_t pk_name_find(const struct pk_view *v, const uint8_t *wire,
		      unsigned *labels);

/* The same for @n names. */
void pk_lookup_names(const struct pk_view *v, const uint8_t *const *wires,
		     unsigned n, uint32_t *slots);

/* An end of a packet; port PK_NO_PORT when it has none. */
struct pk_endpoint {
	const union pk_addr *addr;
	uint16_t port;
};

/* Both ends of a pair, the source first. */
static inline void pk_endpoints_of(struct pk_endpoint to[2],
				   const struct pk_flow_key *key)
{
	int ports = pk_names_ports(key->proto);

	to[0].addr = &key->src;
	to[0].port = ports ? key->sport : PK_NO_PORT;
	to[1].addr = &key->dst;
	to[1].port = ports ? key->dport : PK_NO_PORT;
}

/* pk_view_match() of @n endpoints. */
void pk_lookup_endpoints(const struct pk_view *v, const struct pk_endpoint *e,
			 unsigned n, uint32_t *slots);

/* The 64-bit key of a value (canonical bytes, see ioc/indicator.h). */
uint64_t pk_value_hash(uint64_t seed, uint8_t type, const void *bytes,
		       size_t len);

/* The slot of the value with this key (of the view's seed), or PK_NO_SLOT. */
uint32_t pk_view_value(const struct pk_view *v, uint64_t key);

#endif /* PK_IOC_LOOKUP_H */
