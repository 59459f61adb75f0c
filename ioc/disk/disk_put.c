/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A value gets the slot that the log names. The list of free slots is of no use
 * meanwhile: it is made anew at the end.
 */
#include "ioc/disk/disk_inside.h"

#include <errno.h>

#include "ioc/store/store_inside.h"

/* Slots up to @slot exist; new ones are free. */
static int reach(struct pk_store *s, uint32_t slot)
{
	uint32_t items = slot + 1;
	int err;

	if (slot < s->n.items)
		return 0;
	err = pk_store_reserve(s, items - s->n.items, 0);
	if (err)
		return err;
	s->n.items = items;
	s->value_room.used = items * sizeof(*s->value);
	s->meta_room.used = items * sizeof(*s->meta);
	s->kind_room.used = items;
	s->flags_room.used = items;
	return 0;
}

/* Let go of a dead or gone value. True: the base image has it. */
static bool release(struct pk_store *s, uint32_t slot)
{
	unsigned flags = flags_of(s, slot);

	if ((flags & STATE) == DEAD)
		pk_store_unplace(s, slot);
	pk_store_forget(s, slot);
	pk_pairs_forget(s, slot);
	set_flags(s, slot, FREE | (flags & CHANGED));
	return flags & IN_BASE;
}

int pk_redo_put(struct pk_store *s, const struct pk_indicator *ind,
		bool *base_is_void)
{
	uint32_t slot = ind->slot, there;
	struct value v;
	int err = reach(s, slot);

	if (err)
		return err;
	pk_store_value(s, ind, &v);
	there = pk_store_seek(s, &v);
	if (there == slot)
		return pk_store_add(s, ind, NULL);
	if (is_live(s, there) || is_live(s, slot))
		return -EBADMSG;
	if (there)
		*base_is_void |= release(s, there);
	if (is_known(s, slot))
		*base_is_void |= release(s, slot);
	s->n.free_slot = slot;
	s->value[slot] = 0;
	return pk_store_add(s, ind, NULL);
}

void pk_redo_done(struct pk_store *s)
{
	s->n.free_slot = 0;
	for (uint32_t slot = s->n.items - 1; slot; slot--) {
		if (state_of(s, slot) != FREE)
			continue;
		s->value[slot] = s->n.free_slot;
		s->n.free_slot = slot;
	}
}
