/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/inspect/waiting.h"

#include <errno.h>
#include <stdlib.h>

struct pk_waiting {
	struct pk_flow_line *line;
	uint64_t *heap;	 /* the lowest first: tick << 32 | place of the line */
	uint32_t *spare; /* places free: [n, max) */
	uint32_t n, max;
};

int pk_waiting_new(struct pk_waiting **out, uint32_t lines)
{
	struct pk_waiting *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->line = calloc(lines, sizeof(*w->line));
	w->heap = calloc(lines, sizeof(*w->heap));
	w->spare = calloc(lines, sizeof(*w->spare));
	if (!w->line || !w->heap || !w->spare) {
		pk_waiting_free(w);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < lines; i++)
		w->spare[i] = i;
	w->max = lines;
	*out = w;
	return 0;
}

void pk_waiting_free(struct pk_waiting *w)
{
	if (!w)
		return;
	free(w->line);
	free(w->heap);
	free(w->spare);
	free(w);
}

uint32_t pk_waiting_count(const struct pk_waiting *w)
{
	return w->n;
}

int pk_waiting_full(const struct pk_waiting *w)
{
	return w->n == w->max;
}

uint32_t pk_waiting_tick(const struct pk_waiting *w)
{
	return (uint32_t)(w->heap[0] >> 32);
}

void pk_waiting_push(struct pk_waiting *w, const struct pk_flow_line *line)
{
	uint32_t i = w->n, place = w->spare[w->n];
	uint64_t item = (uint64_t)line->tick << 32 | place;

	w->line[place] = *line;
	w->n++;
	while (i && w->heap[(i - 1) / 2] > item) {
		w->heap[i] = w->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	w->heap[i] = item;
}

/* The last item goes where the first was, and down to where it belongs. */
static void drop_first(struct pk_waiting *w)
{
	uint64_t item = w->heap[--w->n];
	uint32_t i = 0, child = 1;

	while (child < w->n) {
		if (child + 1 < w->n && w->heap[child + 1] < w->heap[child])
			child++;
		if (w->heap[child] >= item)
			break;
		w->heap[i] = w->heap[child];
		i = child;
		child = 2 * i + 1;
	}
	w->heap[i] = item;
}

const struct pk_flow_line *pk_waiting_pop(struct pk_waiting *w)
{
	uint32_t place = (uint32_t)w->heap[0];

	drop_first(w);
	w->spare[w->n] = place;
	return &w->line[place];
}
