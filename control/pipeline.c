/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/pipeline.h"

#include <errno.h>
#include <stdlib.h>

struct pk_pipeline {
	const struct pk_detector *detectors;
	uint32_t detector_count;
	struct pk_window *window;
	struct pk_threats *threats;
	struct pk_pipeline_counters counters;
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
