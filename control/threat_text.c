/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/threat_text.h"

#include <endian.h>
#include <string.h>
#include <xxhash.h>

#include "ioc/indicator.h"

enum { TYPE_MAX = 63 };

static size_t append(uint8_t *to, size_t at, const void *from, size_t len)
{
	memcpy(to + at, from, len);
	return at + len;
}

void pk_threat_set_id(struct pk_threat *s, const struct pk_threat_key *key)
{
	uint8_t bytes[PK_THREAT_SENSOR_MAX + 1 + TYPE_MAX + 1 + 32 +
		      PK_THREAT_VALUE + 8];
	const uint8_t outer[2] = { 'o', key->depth };
	uint64_t first = htole64(s->first_ns);
	XXH128_hash_t hash;
	size_t n = 0;

	n = append(bytes, n, s->sensor, strlen(s->sensor) + 1);
	n = append(bytes, n, s->type, strnlen(s->type, TYPE_MAX));
	bytes[n++] = 0;
	n = append(bytes, n, &key->observer, sizeof(key->observer));
	n = append(bytes, n, &key->addr, sizeof(key->addr));
	if (key->kind == PK_THREAT_OUTER)
		n = append(bytes, n, outer, sizeof(outer));
	if (key->kind == PK_THREAT_NAME)
		n = append(bytes, n, s->indicator->value,
			   strlen(s->indicator->value) + 1);
	n = append(bytes, n, &first, sizeof(first));
	hash = XXH3_128bits(bytes, n);
	s->id[0] = hash.high64;
	s->id[1] = hash.low64;
}

static void set_text(char *to, size_t size, const char *from)
{
	size_t n = strlen(from);

	n = n < size ? n : size - 1;
	memcpy(to, from, n);
	to[n] = 0;
}

static int is_ip4(const union pk_addr *a)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(a, mapped, sizeof(mapped)) == 0;
}

void pk_threat_say_addr(struct pk_threat_indicator *ind,
			const union pk_addr *addr)
{
	const char *type = is_ip4(addr) ? "ipv4-addr" : "ipv6-addr";

	set_text(ind->type, sizeof(ind->type), type);
	pk_addr_print(addr, ind->value);
}

void pk_threat_say_name(struct pk_threat_indicator *ind, const uint8_t *wire)
{
	char text[PK_NAME_TEXT_MAX] = "";

	if (*wire)
		pk_name_print(wire, text);
	set_text(ind->type, sizeof(ind->type), "domain-name");
	set_text(ind->value, sizeof(ind->value), text);
}

void pk_threat_wire(const struct pk_hit *hit, uint8_t wire[PK_NAME_MAX + 1])
{
	memset(wire, 0, PK_NAME_MAX + 1);
	if (hit->text_len > PK_NAME_MAX)
		return;
	memcpy(wire, hit->text, hit->text_len);
	if (!pk_name_length(wire, hit->text_len))
		*wire = 0;
}

char *pk_threat_name(const uint8_t *wire)
{
	char text[PK_NAME_TEXT_MAX];

	if (!*wire)
		return NULL;
	pk_name_print(wire, text);
	return strdup(text);
}
