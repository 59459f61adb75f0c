/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a DNS message. A question that was read must be a well-formed
 * name of the length it claims, and reading it again must give it again.
 */
#include "dataplane/inspect/dns.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void check(const struct pk_dns *dns, size_t size)
{
	uint32_t at = 0, labels = 0;

	if (!dns->name_len || dns->name_len > PK_DNS_NAME_MAX ||
	    12 + dns->name_len + 4U > size)
		abort();
	for (; dns->name[at]; at += 1U + dns->name[at], labels++)
		if (dns->name[at] > 63 || at >= dns->name_len)
			abort();
	if (at + 1 != dns->name_len || labels != dns->labels)
		abort();
	for (at = 0; at < dns->name_len; at++)
		if (dns->name[at] >= 'A' && dns->name[at] <= 'Z')
			abort();
}

/* The message that @dns was read from, folded. */
static void check_again(const struct pk_dns *dns)
{
	uint8_t msg[12 + PK_DNS_NAME_MAX + 4] = { [5] = 1 };
	struct pk_dns again;

	memcpy(msg + 12, dns->name, dns->name_len);
	if (pk_dns_question(msg, 12 + dns->name_len + 4U, &again) != PK_DNS_OK)
		abort();
	if (memcmp(again.name, dns->name, sizeof dns->name) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pk_dns dns;
	int reason;

	if (size > 65535)
		return 0;
	reason = pk_dns_question(data, (uint32_t)size, &dns);
	if (reason < 0 || reason >= PK_DNS_REASON_COUNT || reason != dns.reason)
		abort();
	if (reason != PK_DNS_OK)
		return 0;
	check(&dns, size);
	check_again(&dns);
	return 0;
}
