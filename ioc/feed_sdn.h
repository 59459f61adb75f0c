/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * feed_sdn: rows of sdn_sensor's comma-separated indicator files.
 *
 *	id,type,threat type,ip,dns,value
 *	106231730,ip,bot_ip,198.51.100.180,,198.51.100.180
 *
 * type is ip (matched: column 4), cidr, domain, url, email, md5 or sha256
 * (matched: column 6), in any case. A field may be quoted (RFC 4180), which
 * sdn_sensor itself did not know. A cidr row that is one host is an address;
 * wider prefixes, url, email and hashes are not matched yet and refused by
 * name. A domain row matches the name and its subdomains.
 */
#ifndef PK_IOC_FEED_SDN_H
#define PK_IOC_FEED_SDN_H

#include <stddef.h>

#include "ioc/feed.h"

struct pk_feed_sdn;

int pk_feed_sdn_new(struct pk_feed_sdn **out); /* 0 or -ENOMEM */
void pk_feed_sdn_free(struct pk_feed_sdn *s);  /* NULL is a no-op */

/*
 * Read one row, without its line end. On PK_REFUSED_NONE @ind holds it and
 * borrows its threat type from @s until the next row; otherwise @refusal has
 * the reason, column and text, which @s keeps as long.
 */
enum pk_refused pk_feed_sdn_row(struct pk_feed_sdn *s, const char *row,
				size_t len, struct pk_indicator *ind,
				struct pk_refusal *refusal);

#endif /* PK_IOC_FEED_SDN_H */
