/* SPDX-License-Identifier: BSD-2-Clause */
/*
 *   samples, each a multiple of 8 bytes ->    <- scratch, ranks (when needed)
 */
#include "dataplane/inspect/lineup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/inspect/order.h"

enum { ALIGN = 8 };

struct pk_lineup {
	uint8_t *bytes;
	uint64_t room;
	uint64_t used;
	uint32_t count;
};

int pk_lineup_new(struct pk_lineup **out, uint64_t bytes)
{
	struct pk_lineup *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->room = bytes & ~(uint64_t)(sizeof(struct pk_rank) - 1);
	l->bytes = malloc(l->room ? l->room : 1);
	if (!l->bytes) {
		pk_lineup_free(l);
		return -ENOMEM;
	}
	*out = l;
	return 0;
}

void pk_lineup_free(struct pk_lineup *l)
{
	if (!l)
		return;
	free(l->bytes);
	free(l);
}

uint32_t pk_lineup_count(const struct pk_lineup *l)
{
	return l->count;
}

static uint64_t size_of(const struct pk_sample_event *e)
{
	return ((uint64_t)e->head.len + ALIGN - 1) & ~(uint64_t)(ALIGN - 1);
}

int pk_lineup_push(struct pk_lineup *l, const struct pk_sample_event *e)
{
	uint64_t ranks = (l->count + 1ULL) * 2 * sizeof(struct pk_rank);

	if (l->used + size_of(e) + ranks > l->room)
		return -ENOSPC;
	memcpy(l->bytes + l->used, e, e->head.len);
	l->used += size_of(e);
	l->count++;
	return 0;
}

static const struct pk_sample_event *at(const struct pk_lineup *l, uint64_t off)
{
	return (const struct pk_sample_event *)(const void *)(l->bytes + off);
}

static int came_before(const void *arg, uint32_t a, uint32_t b)
{
	(void)arg;
	return a < b;
}

/* Rank those that are due; the ranks and their scratch are at the end. */
static struct pk_rank *sort(struct pk_lineup *l, uint64_t end_ns, uint32_t *n)
{
	const struct pk_rank_tie tie = { came_before, NULL };
	struct pk_rank *ranks = (struct pk_rank *)(void *)(l->bytes + l->room);

	ranks -= l->count;
	*n = 0;
	for (uint64_t off = 0; off < l->used; off += size_of(at(l, off)))
		if (at(l, off)->time_ns < end_ns)
			ranks[(*n)++] = (struct pk_rank){
				.value = at(l, off)->frame,
				.index = (uint32_t)(off / ALIGN),
			};
	return pk_rank_sort(ranks, ranks - l->count, *n, &tie);
}

/* Close the gaps of those that were taken. */
static void forget(struct pk_lineup *l, uint64_t end_ns)
{
	uint64_t kept = 0, next;

	l->count = 0;
	for (uint64_t off = 0; off < l->used; off = next) {
		uint64_t size = size_of(at(l, off));

		next = off + size;
		if (at(l, off)->time_ns < end_ns)
			continue;
		memmove(l->bytes + kept, l->bytes + off, size);
		kept += size;
		l->count++;
	}
	l->used = kept;
}

void pk_lineup_take(struct pk_lineup *l, uint64_t end_ns, pk_lineup_fn *take,
		    void *arg)
{
	struct pk_rank *ranks;
	uint32_t n;

	if (!l->count)
		return;
	ranks = sort(l, end_ns, &n);
	for (uint32_t i = 0; i < n; i++)
		take(arg, at(l, (uint64_t)ranks[i].index * ALIGN));
	forget(l, end_ns);
}
