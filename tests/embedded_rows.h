/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * embedded_rows: addresses that carry 198.51.100.7, and some that look so
 * (row D30), for user space and the kernel.
 */
#ifndef PK_TESTS_EMBEDDED_ROWS_H
#define PK_TESTS_EMBEDDED_ROWS_H

#include <arpa/inet.h>

#include "bpf/embedded.h"

#define EMBEDDED_V4 "::ffff:198.51.100.7"

static const struct embedded_row {
	const char *addr;
	enum pk_embedded_kind kind;
} embedded_rows[] = {
	{ "64:ff9b::198.51.100.7", PK_EMBEDDED_NAT64 },
	{ "64:ff9b::1:c633:6407", PK_EMBEDDED_NONE },
	{ "64:ff9b::1:0:c633:6407", PK_EMBEDDED_NONE },
	{ "64:ff9b:1::198.51.100.7", PK_EMBEDDED_NAT64_LOCAL },
	{ "64:ff9b:1:abcd:ef01:2345:198.51.100.7", PK_EMBEDDED_NAT64_LOCAL },
	{ "64:ff9b:2::198.51.100.7", PK_EMBEDDED_NONE },
	{ "64:ff9b:101::198.51.100.7", PK_EMBEDDED_NONE },
	{ "64:ff9c::198.51.100.7", PK_EMBEDDED_NONE },
	{ "164:ff9b::198.51.100.7", PK_EMBEDDED_NONE },
	{ "2002:c633:6407::1", PK_EMBEDDED_6TO4 },
	{ "2002:c633:6407:ffff:ffff:ffff:ffff:ffff", PK_EMBEDDED_6TO4 },
	{ "2002:c633:6407::5efe:0:1", PK_EMBEDDED_6TO4 },
	{ "2003:c633:6407::1", PK_EMBEDDED_NONE },
	{ "2001:0:4136:e378:8000:63bf:39cc:9bf8", PK_EMBEDDED_TEREDO },
	{ "2001:1::39cc:9bf8", PK_EMBEDDED_NONE },
	{ "2001:db8::198.51.100.7", PK_EMBEDDED_NONE },
	{ "2a0a::5efe:198.51.100.7", PK_EMBEDDED_ISATAP },
	{ "fe80::200:5efe:198.51.100.7", PK_EMBEDDED_ISATAP },
	{ "2a0a::100:5efe:198.51.100.7", PK_EMBEDDED_NONE },
	{ "2a0a::2:5efe:198.51.100.7", PK_EMBEDDED_NONE },
	{ "2a0a::5eff:198.51.100.7", PK_EMBEDDED_NONE },
	{ "0:0:1::5efe:198.51.100.7", PK_EMBEDDED_NONE },
	{ "::198.51.100.7", PK_EMBEDDED_NONE },
	{ "::ffff:0:198.51.100.7", PK_EMBEDDED_NONE },
	/* picket's own form of IPv4: found as such */
	{ EMBEDDED_V4, PK_EMBEDDED_MAPPED },
};
enum { EMBEDDED_ROWS = sizeof(embedded_rows) / sizeof(embedded_rows[0]) };

static inline union pk_addr embedded_addr(const char *text)
{
	union pk_addr a;

	assert_int_equal(inet_pton(AF_INET6, text, a.b), 1);
	return a;
}

#endif /* PK_TESTS_EMBEDDED_ROWS_H */
