/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * own: the networks of this host, for the guards: what must not become an
 * indicator because alerts on it would be alerts on ourselves.
 *
 * Three kinds, with different weight: the addresses of the interfaces, the
 * gateways of the routes, and the prefixes that the addresses lie in. The last
 * kind is a matter of opinion (a host in the own network may well be an
 * infected one), so the caller says which kinds it wants. Loopback interfaces
 * and link-local addresses are left out: they are bogons anyway.
 *
 * Of the network namespace of the calling thread, at this moment. One thread.
 */
#ifndef PK_CONTROL_OWN_H
#define PK_CONTROL_OWN_H

#include <stddef.h>

#include "ioc/guard/guard.h"

enum {
	PK_OWN_ADDRESSES = 1,
	PK_OWN_GATEWAYS = 2,
	PK_OWN_PREFIXES = 4,
	PK_OWN_MAX = 16384, /* entries; further ones are counted */
};

struct pk_own {
	struct pk_guard_own *all;
	unsigned count, room;
	unsigned left_out; /* for want of room */
};

/*
 * Read what @kinds says, in the place of what @own had. 0, or -errno when the
 * system does not tell; then @own has what could be read. All zero is an empty
 * pk_own.
 */
int pk_own_read(struct pk_own *own, unsigned kinds);
void pk_own_fini(struct pk_own *own);

/*
 * Parts of it. The gateways in the text of /proc/net/route and
 * /proc/net/ipv6_route: malformed lines are skipped. 0 or -ENOMEM.
 */
int pk_own_parse_route(struct pk_own *own, const char *text, size_t len);
int pk_own_parse_route6(struct pk_own *own, const char *text, size_t len);

/* An interface's address with its mask's bits: the address, the prefix. */
int pk_own_add(struct pk_own *own, unsigned kinds, const char *interface,
	       const union pk_addr *addr, unsigned bits);

#endif /* PK_CONTROL_OWN_H */
