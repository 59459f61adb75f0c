/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stix_path: what the object paths of STIX patterns are on the network. For
 * stix_pattern.c alone.
 */
#ifndef PK_IOC_FEED_STIX_PATH_H
#define PK_IOC_FEED_STIX_PATH_H

#include <stddef.h>

/* The most selective first: the one that becomes the key. */
enum pk_stix_class {
	PK_STIX_HASH,
	PK_STIX_CERT,
	PK_STIX_URL,
	PK_STIX_IP,
	PK_STIX_NAME,
	PK_STIX_EMAIL,
	PK_STIX_AGENT,
	PK_STIX_AS,
	PK_STIX_KEYS,		    /* the classes above can be keys */
	PK_STIX_REF = PK_STIX_KEYS, /* an address or a name */
	PK_STIX_PORT,
	PK_STIX_KIND,	   /* what type a reference has: says nothing new */
	PK_STIX_CONDITION, /* of the network, but not looked at */
	PK_STIX_HOST,
};

enum { PK_STIX_PATH_MAX = 255 };

/* Which end of a connection; NEITHER: not said. */
enum pk_stix_end { PK_STIX_NEITHER, PK_STIX_SRC, PK_STIX_DST };

/*
 * @path is in lower case, without quotation marks and [ ]:
 * "file:hashes.sha-256".
 */
enum pk_stix_class pk_stix_path_class(const char *path, enum pk_stix_end *end);

#endif /* PK_IOC_FEED_STIX_PATH_H */
