/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tags: words separated by commas, as feeds hang them on indicators.
 */
#ifndef PK_IOC_FEED_TAGS_H
#define PK_IOC_FEED_TAGS_H

#include <stddef.h>

/* The length of the first of the tags that are whole within PK_TAGS_MAX. */
size_t pk_tags_cut(const char *tags, size_t len);

/*
 * The Traffic Light Protocol word among the tags (tlp:amber), the strictest if
 * there are several: enum pk_tlp, PK_TLP_NONE without one.
 */
int pk_tags_tlp(const char *tags, size_t len);

#endif /* PK_IOC_FEED_TAGS_H */
