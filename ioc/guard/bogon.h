/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bogon: addresses and names that do not belong to anybody on the Internet.
 *
 * Addresses: the IANA registries of special-purpose addresses (RFC 6890) and
 * the IPv6 address space (global unicast is 2000::/3; of the rest only
 * 64:ff9b::/96, RFC 6052, is reachable). Names: special use (RFC 6761, 6762,
 * 7686, 8375, 9476), "internal" and what is below "arpa"; not "onion", which
 * infected hosts do ask for.
 *
 * What is kept for documentation (192.0.2.0/24, 198.51.100.0/24,
 * 203.0.113.0/24, 2001:db8::/32, 3fff::/20, example, example.com, .net, .org,
 * test) has a class of its own: examples and tests live there.
 *
 * No state: any thread.
 */
#ifndef PK_IOC_BOGON_H
#define PK_IOC_BOGON_H

#include "ioc/guard/netset.h"

struct pk_bogon {
	enum pk_refused reason; /* BOGON, MULTICAST, BROADCAST, ... */
	const char *what;	/* "10.0.0.0/8, private use" */
};

/* What @net overlaps, or NULL. The worst class first: documentation last. */
const struct pk_bogon *pk_bogon_net(const struct pk_net *net);

/* What a canonical name is or is below, or NULL. */
const struct pk_bogon *pk_bogon_name(const uint8_t *wire, unsigned len);

#endif /* PK_IOC_BOGON_H */
