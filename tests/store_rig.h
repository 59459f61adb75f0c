/* SPDX-License-Identifier: BSD-2-Clause */
/* A store spoken to in text, for its tests. */
#ifndef PK_TESTS_STORE_RIG_H
#define PK_TESTS_STORE_RIG_H

#include "ioc/store/store.h"

static struct pk_indicator value(const char *text)
{
	struct pk_indicator ind;

	pk_indicator_init(&ind);
	assert_int_equal(pk_indicator_parse(&ind, text, strlen(text)), 0);
	return ind;
}

static int del(struct pk_store *s, const char *text, uint16_t feed)
{
	struct pk_indicator ind = value(text);

	return pk_store_del(s, &ind, feed);
}

static uint32_t find(const struct pk_store *s, const char *text)
{
	struct pk_indicator ind = value(text);

	return pk_store_find(s, &ind);
}

static struct pk_store_stats stats(const struct pk_store *s)
{
	struct pk_store_stats st;

	pk_store_stats(s, &st);
	return st;
}

/* Addresses spread over all of IPv4. */
static struct pk_indicator address(uint32_t n)
{
	struct pk_indicator ind;

	pk_indicator_init(&ind);
	ind.type = PK_INDICATOR_IPV4;
	ind.addr = (union pk_addr){ .b = { [10] = 0xff, [11] = 0xff } };
	ind.addr.w[3] = n * 2654435761U;
	return ind;
}

#endif /* PK_TESTS_STORE_RIG_H */
