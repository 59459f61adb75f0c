/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a list of clients: an error names the file and a line; what is
 * read has whole keys, names and roles, each key and name once.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control/bus/clients.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check(const struct pk_clients *c)
{
	for (uint32_t i = 0; i < c->count; i++) {
		const struct pk_client *one = &c->client[i];

		if (!pk_keys_valid(one->key, strlen(one->key)) || !*one->name ||
		    strlen(one->name) >= PK_CLIENT_NAME || !one->roles ||
		    one->roles >> PK_CLIENT_ROLE_COUNT || !one->line)
			abort();
		if (pk_clients_find_key(c, one->key) != one ||
		    pk_clients_find_name(c, one->name) != one)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct pk_clients c = { 0 };
	char err[PK_CURVE_SENTENCE] = "";

	if (pk_clients_parse(&c, "f", (const char *)bytes, len, err)) {
		if (strncmp(err, "f:", 2) != 0 || c.client || c.count)
			abort();
		return 0;
	}
	check(&c);
	pk_clients_free(&c);
	return 0;
}
