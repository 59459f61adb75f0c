/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * feed_lines: plain lists, one address or name a line.
 *
 * Blanks around the value and a comment behind it ("# ...") are ignored; a
 * second word is refused. A name matches its subdomains as well. There is no
 * id and no threat type.
 */
#ifndef PK_IOC_FEED_LINES_H
#define PK_IOC_FEED_LINES_H

#include <stddef.h>

#include "ioc/feed.h"

/* Read one line, without its end; as pk_feed_sdn_row(). No state. */
enum pk_refused pk_feed_lines_row(const char *row, size_t len,
				  struct pk_indicator *ind,
				  struct pk_refusal *refusal);

#endif /* PK_IOC_FEED_LINES_H */
