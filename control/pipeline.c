/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/pipeline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { THREATS_VERSION = 2 }; /* 2: the rest of the targets */

struct pk_pipeline {
	const struct pk_detector *detectors;
	uint32_t detector_count;
	struct pk_window *window;
	struct pk_threats *threats;
	struct pk_pipeline_counters counters;
	/* The numbers now of the detectors that were saved. */
	uint32_t now[PK_DETECTORS_MAX];
	uint32_t saved;
	uint64_t load_ns;
};

static int detectors_valid(const struct pk_pipeline *p)
{
	if (p->detector_count > PK_DETECTORS_MAX)
		return 0;
	for (uint32_t i = 0; i < p->detector_count; i++)
		if (p->detectors[i].window.threshold > PK_WINDOW_THRESHOLD_MAX)
			return 0;
	return 1;
}

int pk_pipeline_new(struct pk_pipeline **out,
		    const struct pk_pipeline_conf *conf)
{
	struct pk_pipeline *p = calloc(1, sizeof(*p));
	int err = -EINVAL;

	if (!p)
		return -ENOMEM;
	p->detectors = conf->detectors ? conf->detectors : pk_detectors;
	p->detector_count =
		conf->detectors ? conf->detector_count : PK_DETECTORS;
	if (!detectors_valid(p))
		goto fail;
	err = pk_window_new(&p->window, conf->window_keys, conf->seed);
	if (err)
		goto fail;
	err = pk_threats_new(&p->threats, &conf->threats);
	if (err)
		goto fail;
	*out = p;
	return 0;
fail:
	pk_pipeline_free(p);
	return err;
}

void pk_pipeline_free(struct pk_pipeline *p)
{
	if (!p)
		return;
	pk_threats_free(p->threats);
	pk_window_free(p->window);
	free(p);
}

static void match(struct pk_pipeline *p, uint32_t index,
		  const struct pk_flow *f)
{
	struct pk_threat_match m = {
		.detector = &p->detectors[index],
		.index = index,
		.flow = f,
		.window = p->window,
	};
	struct pk_window_key key = {
		.observer = f->head.observer,
		.src = f->key.src,
		.detector = index,
	};
	struct pk_window_evidence evidence = {
		.seen_ns = f->head.seen_ns,
		.dst = f->key.dst,
		.dport = f->key.dport,
	};

	p->counters.matches++;
	p->counters.matched[index]++;
	m.entry =
		pk_window_add(p->window, &key, &m.detector->window, &evidence);
	if (!m.entry)
		p->counters.no_window++;
	else if (pk_threats_match(p->threats, &m))
		p->counters.evidence++;
	else
		p->counters.below++;
}

static void take_flow(struct pk_pipeline *p, const struct pk_flow *f)
{
	p->counters.flows++;
	p->counters.flow_packets += f->packets[0] + f->packets[1];
	p->counters.flow_bytes += f->bytes[0] + f->bytes[1];
	pk_threats_flow(p->threats, f);
	for (uint32_t i = 0; i < p->detector_count; i++)
		if (p->detectors[i].match(f))
			match(p, i, f);
}

void pk_pipeline_record(struct pk_pipeline *p, const struct pk_record *record)
{
	p->counters.records++;
	if (record->type == PK_RECORD_FLOW) {
		take_flow(p, (const struct pk_flow *)record);
	} else if (record->type == PK_RECORD_HIT) {
		p->counters.hits++;
		pk_threats_hit(p->threats, (const struct pk_hit *)record);
	} else {
		p->counters.others++;
	}
}

void pk_pipeline_tick(struct pk_pipeline *p, uint64_t now_ns)
{
	pk_threats_advance(p->threats, now_ns);
}

void pk_pipeline_finish(struct pk_pipeline *p)
{
	pk_threats_close_all(p->threats);
}

void pk_pipeline_suppress(struct pk_pipeline *p)
{
	pk_threats_suppress(p->threats);
}

struct pk_threats *pk_pipeline_threats(struct pk_pipeline *p)
{
	return p->threats;
}

void pk_pipeline_each(const struct pk_pipeline *p, pk_threat_sink_fn *show,
		      void *arg)
{
	pk_threats_each(p->threats, show, arg);
}

uint32_t pk_pipeline_detectors(const struct pk_pipeline *p,
			       const struct pk_detector **out)
{
	*out = p->detectors;
	return p->detector_count;
}

void pk_pipeline_stats(const struct pk_pipeline *p,
		       struct pk_pipeline_stats *out)
{
	out->pipeline = p->counters;
	out->window = *pk_window_counted(p->window);
	pk_threats_count(p->threats, &out->threat);
}

/* ---- over a restart ---- */

static int save_detectors(void *arg, struct pk_writer *w, uint64_t *at)
{
	const struct pk_pipeline *p = arg;

	(void)at;
	pk_put_u32(w, p->detector_count);
	for (uint32_t i = 0; i < p->detector_count; i++)
		pk_put_text(w, p->detectors[i].name);
	return w->err;
}

static uint32_t number_of(const struct pk_pipeline *p, const char *name)
{
	for (uint32_t i = 0; i < p->detector_count; i++)
		if (!strcmp(p->detectors[i].name, name))
			return i;
	return UINT32_MAX;
}

static int load_detectors(void *arg, struct pk_reader *r, uint32_t version)
{
	struct pk_pipeline *p = arg;
	char name[64];
	uint32_t n;

	if (version != 1)
		return -EPROTO;
	n = pk_get_u32(r);
	if (n > PK_DETECTORS_MAX)
		return -EBADMSG;
	for (uint32_t i = 0; i < n; i++) {
		pk_get_text(r, name, sizeof(name));
		p->now[i] = number_of(p, name);
	}
	p->saved = n;
	return r->err;
}

static uint32_t detector_now(void *arg, uint32_t saved)
{
	const struct pk_pipeline *p = arg;

	return saved < p->saved ? p->now[saved] : UINT32_MAX;
}

static int rule_now(void *arg, uint64_t *detector, struct pk_window_rule *rule)
{
	const struct pk_pipeline *p = arg;
	uint32_t now = *detector < PK_DETECTORS_MAX
			       ? detector_now(arg, (uint32_t)*detector)
			       : UINT32_MAX;

	if (now == UINT32_MAX)
		return -ENOENT;
	*detector = now;
	*rule = p->detectors[now].window;
	return 0;
}

static int save_windows(void *arg, struct pk_writer *w, uint64_t *at)
{
	const struct pk_pipeline *p = arg;

	return pk_window_save(p->window, w, at);
}

static int load_windows(void *arg, struct pk_reader *r, uint32_t version)
{
	struct pk_pipeline *p = arg;

	return version == 1
		       ? pk_window_load(p->window, r, rule_now, p, p->load_ns)
		       : -EPROTO;
}

static struct pk_threats_past past_of(struct pk_pipeline *p)
{
	return (struct pk_threats_past){
		.detectors = p->detectors,
		.detector_count = p->detector_count,
		.now_ns = p->load_ns,
	};
}

static int save_threats(void *arg, struct pk_writer *w, uint64_t *at)
{
	const struct pk_pipeline *p = arg;

	return pk_threats_save(p->threats, w, at);
}

static int load_threats(void *arg, struct pk_reader *r, uint32_t version)
{
	struct pk_threats_past past = past_of(arg);
	struct pk_pipeline *p = arg;

	return version == THREATS_VERSION
		       ? pk_threats_load(p->threats, r, &past)
		       : -EPROTO;
}

void pk_pipeline_parts(struct pk_pipeline *p, uint64_t now_ns,
		       struct pk_checkpoint_part out[PK_PIPELINE_PARTS])
{
	const struct pk_checkpoint_part parts[PK_PIPELINE_PARTS] = {
		{ "detectors", 1, save_detectors, load_detectors, p },
		{ "windows", 1, save_windows, load_windows, p },
		{ "threats", THREATS_VERSION, save_threats, load_threats, p },
	};

	p->load_ns = now_ns;
	memcpy(out, parts, sizeof(parts));
}

int pk_pipeline_told(struct pk_pipeline *p, const char *text, size_t len)
{
	const struct pk_threats_past past = past_of(p);

	return pk_threats_told(p->threats, text, len, &past);
}

void pk_pipeline_caught_up(struct pk_pipeline *p)
{
	pk_threats_caught_up(p->threats);
}
