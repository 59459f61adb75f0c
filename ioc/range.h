/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * range: the addresses from a first to a last, as the fewest prefixes.
 *
 *	struct pk_range range;
 *	if (!pk_range_parse(&range, "192.0.2.1-192.0.2.6", 19))
 *		while (pk_range_next(&range, ind))
 *			use(ind);	192.0.2.1, .2/31, .4/31, .6
 *
 * At most 62 prefixes for IPv4, 254 for IPv6.
 */
#ifndef PK_IOC_RANGE_H
#define PK_IOC_RANGE_H

#include <stddef.h>

#include "ioc/indicator.h"

struct pk_range {
	union pk_addr next, last; /* IPv4 mapped */
	int done;
};

/* 0, or -EINVAL: of two families, or @last before @first. */
int pk_range_set(struct pk_range *range, const union pk_addr *first,
		 const union pk_addr *last);

/*
 * "a-b", blanks around "-" allowed. PK_REFUSED_NONE; ADDRESS when it is not two
 * addresses; RANGE when pk_range_set() says no.
 */
enum pk_refused pk_range_parse(struct pk_range *range, const char *text,
			       size_t len);

/* Set type, addr and bits of @ind to the next prefix or address; 0: no more. */
int pk_range_next(struct pk_range *range, struct pk_indicator *ind);

#endif /* PK_IOC_RANGE_H */
