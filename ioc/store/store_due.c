/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/store/store_due.h"

#include <string.h>

#include "bpf/image.h"

enum { SHIFT = 6, FAN = 1 << SHIFT, STEP = 1 << 14, TOP = PK_DUE_LEVELS - 1 };

/* Kept the other way round, so that untouched memory is never due. */
static uint32_t *urgency(const struct pk_due *d, unsigned level)
{
	return (uint32_t *)(void *)d->level[level].at;
}

static uint32_t made(const struct pk_due *d)
{
	return (uint32_t)(d->level[0].used / sizeof(uint32_t));
}

int pk_due_init(struct pk_due *d)
{
	uint64_t count = (uint64_t)PK_SLOT_MAX + 1;
	int err = 0;

	memset(d, 0, sizeof(*d));
	for (unsigned i = 0; i < PK_DUE_LEVELS && !err; i++, count >>= SHIFT)
		err = pk_room_init(&d->level[i], count * sizeof(uint32_t));
	return err;
}

void pk_due_fini(struct pk_due *d)
{
	for (unsigned i = 0; i < PK_DUE_LEVELS; i++)
		pk_room_fini(&d->level[i]);
}

int pk_due_make(struct pk_due *d, uint32_t slot)
{
	uint32_t count = (slot / STEP + 1) * STEP;
	int err = 0;

	if (slot < made(d))
		return 0;
	for (unsigned i = TOP; i && !err; i--) {
		/* Whole groups: no search has to look for an end. */
		uint64_t groups = (count >> i * SHIFT) / FAN + 1;
		uint64_t bytes = groups * FAN * sizeof(uint32_t);

		if (bytes > d->level[i].limit)
			bytes = d->level[i].limit;
		err = pk_room_open(&d->level[i], bytes);
		if (!err)
			d->level[i].used = bytes;
	}
	if (!err)
		err = pk_room_open(&d->level[0], count * sizeof(uint32_t));
	if (!err)
		d->level[0].used = count * sizeof(uint32_t);
	return err;
}

static void raise(struct pk_due *d, uint32_t slot, uint32_t value)
{
	for (unsigned i = 1; i <= TOP; i++) {
		uint32_t *most = urgency(d, i) + (slot >> i * SHIFT);

		if (*most >= value)
			return;
		*most = value;
	}
}

void pk_due_set(struct pk_due *d, uint32_t slot, uint32_t when)
{
	uint32_t *own = urgency(d, 0) + slot;

	if (slot >= made(d) || *own == ~when)
		return;
	*own = ~when;
	raise(d, slot, ~when);
}

/*
 * A slot of at least @value in the group @at of @level, or 0 and what is above
 * the group is right again.
 */
static uint32_t search(struct pk_due *d, unsigned level, uint32_t at,
		       uint32_t value)
{
	const uint32_t *group = urgency(d, level) + (at << SHIFT);
	uint32_t most = 0, found;

	for (uint32_t i = 0; i < FAN; i++) {
		if (group[i] >= value) {
			found = at << SHIFT | i;
			if (level)
				found = search(d, level - 1, found, value);
			if (found)
				return found;
		}
		most = group[i] > most ? group[i] : most;
	}
	if (level < TOP)
		urgency(d, level + 1)[at] = most;
	return 0;
}

uint32_t pk_due_find(struct pk_due *d, uint32_t now)
{
	if (!made(d) || now == PK_DUE_NEVER)
		return 0;
	return search(d, TOP, 0, ~now);
}

int pk_due_restore(struct pk_due *d, uint32_t slots)
{
	int err = slots ? pk_due_make(d, slots - 1) : 0;

	for (uint32_t slot = 0; slot < slots && !err; slot++)
		raise(d, slot, urgency(d, 0)[slot]);
	return err;
}

uint64_t pk_due_bytes(const struct pk_due *d)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < PK_DUE_LEVELS; i++)
		bytes += pk_room_bytes(&d->level[i]);
	return bytes;
}
