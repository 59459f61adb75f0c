/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netset: prefixes of both families, sorted, for "who covers this" and "is
 * anything inside this".
 *
 * A prefix belongs to an owner (a list, say) and may be there several times,
 * for several owners. Changes build new arrays and are linear in the size of
 * the set; look-ups are one binary search. IPv4 and IPv6 never cover each
 * other: ::/0 does not contain 192.0.2.1, which only looks like
 * ::ffff:192.0.2.1 in memory.
 *
 * 28 bytes a prefix. Whoever changes a set is alone with it; look-ups may run
 * in any number of threads otherwise.
 */
#ifndef PK_IOC_NETSET_H
#define PK_IOC_NETSET_H

#include <stddef.h>
#include <stdint.h>

#include "ioc/indicator.h"

enum { PK_NO_OWNER = 0xffff };

struct pk_net {
	uint64_t key[2]; /* the address in host order, host bits 0 */
	uint32_t id;	 /* the caller's */
	uint16_t owner;
	uint8_t bits; /* of 128: an IPv4 prefix has 96 .. 128 */
	uint8_t v4;
};

struct pk_netset_half {
	struct pk_net *nets;
	uint32_t *parent; /* place + 1 of the next wider or equal, or 0 */
	uint32_t count;
};

struct pk_netset {
	struct pk_netset_half half[2]; /* [1] is IPv4; all zero is empty */
};

/*
 * The prefix of an address, as indicators have it: @bits 0 .. 32 for IPv4.
 * Host bits are cleared; id 0, owner 0.
 */
void pk_net_set(struct pk_net *net, const union pk_addr *addr, unsigned bits,
		int v4);
/* The prefix of an indicator with an address (IP_PORT: that); -EINVAL else. */
int pk_net_of(struct pk_net *net, const struct pk_indicator *ind);
size_t pk_net_print(const struct pk_net *net, char text[PK_VALUE_TEXT_MAX]);

/* The order that pk_netset_put() wants: address, bits, owner. */
void pk_net_sort(struct pk_net *nets, size_t count);

/*
 * Take all prefixes of @owner out (PK_NO_OWNER: none) and @count sorted ones
 * in. 0 or -ENOMEM, then the set is as before.
 */
int pk_netset_put(struct pk_netset *set, uint16_t owner,
		  const struct pk_net *nets, size_t count);
void pk_netset_fini(struct pk_netset *set);

/*
 * The longest prefix that covers all of @net (or is it), or NULL; and the next
 * one of those, wider or equal, that covers @below. Borrowed until a change.
 */
const struct pk_net *pk_netset_cover(const struct pk_netset *set,
				     const struct pk_net *net);
const struct pk_net *pk_netset_wider(const struct pk_netset *set,
				     const struct pk_net *below);

/*
 * The first prefix inside @net and not equal to it, or NULL; and the next one
 * after @last.
 */
const struct pk_net *pk_netset_inside(const struct pk_netset *set,
				      const struct pk_net *net);
const struct pk_net *pk_netset_next(const struct pk_netset *set,
				    const struct pk_net *net,
				    const struct pk_net *last);

#endif /* PK_IOC_NETSET_H */
