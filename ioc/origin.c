/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/origin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

enum { PLACES = 1 << 17, STEP = 64 }; /* twice PK_ORIGINS_MAX, at least */

struct origin {
	char *threat_type;
	uint16_t feed;
};

struct pk_origins {
	uint64_t seed;
	unsigned count;
	unsigned last; /* rows of a feed tend to repeat it */
	struct origin *origin;
	uint16_t place[PLACES]; /* number + 1; linear probing */
};

int pk_origins_new(struct pk_origins **out, uint64_t seed)
{
	struct pk_origins *o = calloc(1, sizeof(*o));

	if (!o)
		return -ENOMEM;
	o->seed = seed;
	*out = o;
	return 0;
}

void pk_origins_free(struct pk_origins *o)
{
	if (!o)
		return;
	for (unsigned i = 0; i < o->count; i++)
		free(o->origin[i].threat_type);
	free(o->origin);
	free(o);
}

static int is_origin(const struct pk_origins *o, unsigned number, uint16_t feed,
		     const char *threat_type)
{
	const struct origin *origin = &o->origin[number];

	return origin->feed == feed &&
	       !strcmp(origin->threat_type, threat_type);
}

static int append(struct pk_origins *o, uint16_t feed, const char *threat_type)
{
	struct origin *more = o->origin;
	char *copy;

	if (o->count % STEP == 0)
		more = realloc(more, (o->count + STEP) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	o->origin = more;
	copy = strdup(threat_type);
	if (!copy)
		return -ENOMEM;
	o->origin[o->count] = (struct origin){ copy, feed };
	return (int)o->count++;
}

int pk_origins_add(struct pk_origins *o, uint16_t feed, const char *threat_type)
{
	uint32_t at;
	int number;

	if (o->count && is_origin(o, o->last, feed, threat_type))
		return (int)o->last;
again:
	at = (uint32_t)XXH3_64bits_withSeed(threat_type, strlen(threat_type),
					    o->seed + feed);
	for (at %= PLACES; o->place[at]; at = (at + 1) % PLACES) {
		o->last = o->place[at] - 1U;
		if (is_origin(o, o->last, feed, threat_type))
			return (int)o->last;
	}
	if (o->count >= PK_ORIGINS_NAMED && *threat_type) {
		threat_type = "";
		goto again;
	}
	number = append(o, feed, threat_type);
	if (number < 0)
		return number;
	o->last = (unsigned)number;
	o->place[at] = (uint16_t)(number + 1);
	return number;
}

uint16_t pk_origins_feed(const struct pk_origins *o, uint16_t origin)
{
	return o->origin[origin].feed;
}

const char *pk_origins_threat_type(const struct pk_origins *o, uint16_t origin)
{
	return o->origin[origin].threat_type;
}
