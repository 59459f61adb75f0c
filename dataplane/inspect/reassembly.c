/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/inspect/reassembly.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/flow.h"
#include "dataplane/inspect/fragments.h"
#include "dataplane/inspect/lineup.h"

enum {
	LINEUP_BYTES = 128 << 20,
	NESTED_BYTES = 14 + PK_VISIBLE_BYTES + PK_DATAGRAM_MAX,
};

struct pk_reassembly {
	struct pk_stage_counters *count;
	struct pk_fragments *fragments;
	struct pk_lineup *lineup; /* NULL: as they come */
	struct pk_judge judge;
	uint32_t nested_len; /* 0: there is none */
	uint8_t nested[NESTED_BYTES];
};

/* Of variants that all hold a fragment, the first one's goes on. */
static void on_datagram(void *arg, const struct pk_datagram *d)
{
	struct pk_reassembly *r = arg;

	if (!d->index)
		r->nested_len = 0;
	if (!pk_judge_datagram(&r->judge, d))
		return;
	if (r->nested_len) {
		r->count->frag_nested_left +=
			d->len != r->nested_len ||
			memcmp(d->frame, r->nested, d->len);
		return;
	}
	memcpy(r->nested, d->frame, d->len);
	r->nested_len = d->len;
}

int pk_reassembly_new(struct pk_reassembly **out,
		      const struct pk_reassembly_conf *conf)
{
	struct pk_reassembly *r = calloc(1, sizeof(*r));
	struct pk_fragments_conf fragments;
	int err;

	if (!r)
		return -ENOMEM;
	r->count = conf->stats;
	r->judge.images = conf->images;
	r->judge.hit = conf->hit;
	r->judge.arg = conf->arg;
	r->judge.seed = conf->seed;
	pk_fragments_conf_default(&fragments);
	fragments.seed = conf->seed;
	err = pk_fragments_new(&r->fragments, &fragments, conf->stats);
	if (!err && conf->in_order)
		err = pk_lineup_new(&r->lineup, LINEUP_BYTES);
	if (err) {
		pk_reassembly_free(r);
		return err;
	}
	pk_fragments_on_emit(r->fragments, on_datagram, r);
	*out = r;
	return 0;
}

void pk_reassembly_free(struct pk_reassembly *r)
{
	if (!r)
		return;
	pk_fragments_free(r->fragments);
	pk_lineup_free(r->lineup);
	free(r);
}

/* --- one fragment ---------------------------------------------------------------- */

static void add(struct pk_reassembly *r, const struct pk_fragment *g,
		int reason)
{
	r->nested_len = 0;
	if (reason == PK_FRAGMENT_OK)
		pk_fragments_add(r->fragments, g);
	else
		pk_fragments_refuse(r->fragments, reason);
}

static void take(void *arg, const struct pk_sample_event *e)
{
	const uint8_t *frame = (const uint8_t *)(e + 1);
	struct pk_reassembly *r = arg;
	struct pk_fragment g, outer;
	int reason = pk_fragment_read(&g, frame, e->caplen, e->frame_len);

	if (reason == PK_FRAGMENT_CUT && e->caplen == PK_SAMPLE_BYTES &&
	    e->frame_len > e->caplen)
		reason = PK_FRAGMENT_LONG;
	g.key.direction |= e->packet.key.direction;
	g.key.port = e->packet.key.port;
	g.time_ns = e->time_ns;
	g.frame = e->frame;
	add(r, &g, reason);
	for (int i = 0; i < PK_OUTERS && r->nested_len; i++) {
		outer = g;
		reason = pk_fragment_read(&g, r->nested, r->nested_len,
					  r->nested_len);
		g.key.direction |= outer.key.direction & ~PK_FRAGMENT_IP6;
		g.key.port = outer.key.port;
		g.time_ns = outer.time_ns;
		g.frame = outer.frame;
		g.depth = (uint8_t)(g.depth + outer.depth);
		r->count->frag_nested++;
		add(r, &g, reason);
	}
	r->count->frag_nested_left += r->nested_len != 0;
}

void pk_reassembly_sample(struct pk_reassembly *r,
			  const struct pk_sample_event *e)
{
	if (!r->lineup) {
		take(r, e);
		return;
	}
	if (!pk_lineup_push(r->lineup, e))
		return;
	r->count->frag_early += pk_lineup_count(r->lineup) + 1;
	pk_lineup_take(r->lineup, UINT64_MAX, take, r);
	take(r, e);
}

void pk_reassembly_close(struct pk_reassembly *r, uint32_t tick)
{
	if (r->lineup)
		pk_lineup_take(r->lineup, pk_tick_start(tick), take, r);
	pk_fragments_close(r->fragments, tick);
}

void pk_reassembly_drain(struct pk_reassembly *r)
{
	if (r->lineup)
		pk_lineup_take(r->lineup, UINT64_MAX, take, r);
	pk_fragments_drain(r->fragments);
}
