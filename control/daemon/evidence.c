/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/daemon/evidence.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PLACES = PK_EVIDENCE_MAX * 2, NONE = 0 };

/* Open addressing: place holds the number of an entry + 1. */
struct pk_evidence {
	uint32_t count;
	uint32_t hand;
	uint32_t place[PLACES];
	struct pk_evidence_entry entry[PK_EVIDENCE_MAX];
};

static uint32_t home(uint32_t slot)
{
	return slot * 2654435769U >> 15; /* PLACES is 2^17 */
}

/* The place of @slot, or the free one where it would be. */
static uint32_t place_of(const struct pk_evidence *e, uint32_t slot)
{
	uint32_t p = home(slot);

	while (e->place[p] && e->entry[e->place[p] - 1].slot != slot)
		p = (p + 1) % PLACES;
	return p;
}

/* Take a place out and move up those behind that would not be found. */
static void vacate(struct pk_evidence *e, uint32_t hole)
{
	uint32_t p = hole;

	for (;;) {
		uint32_t at;

		p = (p + 1) % PLACES;
		if (!e->place[p])
			break;
		at = home(e->entry[e->place[p] - 1].slot);
		if ((p - at) % PLACES < (p - hole) % PLACES)
			continue;
		e->place[hole] = e->place[p];
		hole = p;
	}
	e->place[hole] = NONE;
}

/* An entry to use: a new one, or that of one long not hit. */
static uint32_t make_room(struct pk_evidence *e)
{
	if (e->count < PK_EVIDENCE_MAX)
		return e->count++;
	while (e->entry[e->hand].fresh) {
		e->entry[e->hand].fresh = 0;
		e->hand = (e->hand + 1) % PK_EVIDENCE_MAX;
	}
	if (e->entry[e->hand].slot)
		vacate(e, place_of(e, e->entry[e->hand].slot));
	return e->hand;
}

static struct pk_evidence_entry *add(struct pk_evidence *e,
				     const struct pk_evidence_entry *entry)
{
	uint32_t n = make_room(e);

	e->place[place_of(e, entry->slot)] = n + 1;
	e->entry[n] = *entry;
	return &e->entry[n];
}

void pk_evidence_put(struct pk_evidence *e,
		     const struct pk_evidence_entry *entry)
{
	if (entry->slot && !e->place[place_of(e, entry->slot)])
		add(e, entry);
}

void pk_evidence_hit(struct pk_evidence *e, const struct pk_hit *hit)
{
	const struct pk_evidence_entry new = { .slot = hit->slot,
					       .first_ns = hit->head.seen_ns };
	struct pk_evidence_entry *entry;
	uint32_t p;

	if (!hit->slot)
		return;
	p = place_of(e, hit->slot);
	entry = e->place[p] ? &e->entry[e->place[p] - 1] : add(e, &new);
	entry->fresh = 1;
	if (hit->head.seen_ns < entry->last_ns)
		return;
	entry->last_ns = hit->head.seen_ns;
	entry->plane = hit->head.plane;
	entry->role = hit->role;
	entry->depth = hit->depth;
	entry->key = hit->packet.key;
}

void pk_evidence_forget(void *arg, uint32_t slot)
{
	struct pk_evidence *e = arg;
	uint32_t p = place_of(e, slot), n;

	if (!slot || !e->place[p])
		return;
	n = e->place[p] - 1;
	vacate(e, p);
	memset(&e->entry[n], 0, sizeof(e->entry[n]));
}

const struct pk_evidence_entry *pk_evidence_find(const struct pk_evidence *e,
						 uint32_t slot)
{
	uint32_t p = place_of(e, slot);

	return slot && e->place[p] ? &e->entry[e->place[p] - 1] : NULL;
}

const struct pk_evidence_entry *pk_evidence_at(const struct pk_evidence *e,
					       uint32_t number)
{
	return number < e->count ? &e->entry[number] : NULL;
}

uint32_t pk_evidence_count(const struct pk_evidence *e)
{
	return e->count;
}

int pk_evidence_new(struct pk_evidence **out)
{
	void *at = mmap(NULL, sizeof(**out), PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		return -ENOMEM;
	*out = at;
	return 0;
}

void pk_evidence_free(struct pk_evidence *e)
{
	if (e)
		munmap(e, sizeof(*e));
}
