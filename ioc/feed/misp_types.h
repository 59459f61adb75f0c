/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * misp_types: attribute types of MISP (core format, section 2.4.2.3) and what
 * they are on the network.
 *
 * An attribute's value is one part, or two with a "|" between; each part is an
 * indicator of a type or nothing for the network. Ports join the address in
 * front of them. Types that are not in the table are unknown: not for the
 * network either, but worth a count of their own.
 */
#ifndef PK_IOC_FEED_MISP_TYPES_H
#define PK_IOC_FEED_MISP_TYPES_H

#include <stddef.h>

#include "ioc/indicator.h"

/* What a part is, where it is no enum pk_indicator_type. */
enum {
	PK_MISP_NOTHING = -1, /* seen on hosts or by people alone */
	PK_MISP_PORT = -2,    /* of the address or name in front */
};

struct pk_misp_type {
	const char *word;
	int part[2]; /* enum pk_indicator_type or PK_MISP_*; of a composite */
	unsigned char composite; /* 1: two parts */
	unsigned char exact; /* 1: a name is that host alone, no subdomains */
};

/* By MISP's word, as it is written there; NULL: unknown. */
const struct pk_misp_type *pk_misp_type_find(const char *word, size_t len);

/* Is any part of it an indicator? */
int pk_misp_type_useful(const struct pk_misp_type *type);

struct pk_misp_value {
	int type;	  /* enum pk_indicator_type */
	const char *text; /* borrowed: into the value, or @joined */
	size_t len;
	char joined[PK_ADDR_TEXT_MAX + 8]; /* 192.0.2.1:443, [2001:db8::1]:1 */
};

/*
 * Split an attribute's value into the indicators that it holds: 0 .. 2. An
 * address and a port are one IP_PORT; a name and a port are the name. A
 * composite without a "|" is its first part. A "uri" without a host is none.
 */
unsigned pk_misp_type_split(const struct pk_misp_type *type, const char *value,
			    size_t len, struct pk_misp_value out[2]);

#endif /* PK_IOC_FEED_MISP_TYPES_H */
