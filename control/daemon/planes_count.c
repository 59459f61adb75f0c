/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "control/daemon/planes_inside.h"

static void add_kernel(const struct pk_planes *p, struct pk_audit_plane *out)
{
	const struct pk_planes_kernel *k = &p->kernel;

	for (uint32_t i = 0; i < k->cpus; i++)
		pk_audit_add_worker(&out->workers, &k->counters[i]);
	out->known.before_hits = k->before.hits;
	out->known.before_samples = k->before.samples;
	out->known.before_lines = k->before.lines;
	out->known.before_packets = k->before.packets;
	out->known.before_bytes = k->before.bytes;
}

static void add_cached(const struct pk_planes *p, struct pk_audit_plane *out)
{
	const struct pk_planes_kernel *k = &p->kernel;
	size_t n = (size_t)k->cpus * PK_FLOW_LINES;

	for (size_t i = 0; i < n; i++) {
		out->known.cached_packets += k->lines[i].packets;
		if (k->lines[i].packets)
			out->known.cached_bytes += k->lines[i].bytes;
	}
}

static void add_workers(const struct pk_plane_run *r,
			struct pk_audit_plane *out)
{
	uint32_t n = r->view.desc.workers;

	for (uint32_t i = 0; i < n && i < PK_WORKERS_MAX; i++)
		pk_audit_add_worker(&out->workers,
				    &r->stats->worker[i].counters);
}

static void add_read(const struct pk_plane_run *r, struct pk_audit_plane *out)
{
	struct pk_merge_counters sums = r->read;

	for (uint32_t i = 0; r->wired && i < r->link->rings; i++)
		pk_pump_count(r->planes->conf.pump, r->source[i], &sums);
	out->known.read = sums.read;
	out->known.read_records = sums.released;
	out->known.read_marks = sums.marks;
	out->known.read_bad = sums.bad;
	out->known.read_lost = sums.no_memory;
	out->known.read_held = sums.waiting;
}

void pk_plane_run_snapshot(const struct pk_plane_run *r,
			   struct pk_audit_plane *out, int deep)
{
	int xdp = r->view.desc.plane == PK_PLANE_XDP;

	*out = r->gone;
	memcpy(out->name, r->view.desc.name, sizeof(out->name));
	out->plane = r->view.desc.plane;
	if (xdp)
		add_kernel(r->planes, out);
	else
		add_workers(r, out);
	if (xdp && deep)
		add_cached(r->planes, out);
	out->stage = r->stats->stage;
	add_read(r, out);
	if (!xdp)
		pk_offered_tell(&r->offered, out);
}

void pk_plane_run_look(struct pk_plane_run *r)
{
	int runs = r->view.state == PK_PLANE_RUNNING_STATE && r->link;

	if (r->view.desc.plane == PK_PLANE_DPDK)
		pk_offered_port_look(&r->offered, runs, &r->stats->stage);
}

uint32_t pk_planes_snapshot(struct pk_planes *p, struct pk_audit_plane *out,
			    int deep)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < PK_PLANES_MAX; i++) {
		if (!p->run[i].used)
			continue;
		pk_plane_run_look(&p->run[i]);
		pk_plane_run_snapshot(&p->run[i], &out[n++], deep);
	}
	if (p->had_former)
		out[n++] = p->former;
	return n;
}

static void keep_settled(struct pk_audit_plane *to,
			 const struct pk_audit_plane *from)
{
	to->known.deaths_settled = from->known.deaths_settled;
	to->known.edge_settled = from->known.edge_settled;
	memcpy(to->off, from->off, sizeof(to->off));
}

void pk_planes_settle(struct pk_planes *p, const struct pk_audit_plane *plane,
		      uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct pk_plane_run *r = pk_plane_run_find(p, plane[i].name);

		keep_settled(r ? &r->gone : &p->former, &plane[i]);
	}
}

void pk_plane_run_bury(struct pk_plane_run *r)
{
	struct pk_audit_plane now;
	uint64_t deaths;

	pk_plane_run_snapshot(r, &now, 0);
	deaths = now.known.deaths;
	pk_audit_bury(&now);
	if (r->stopping || r->planes->ending)
		now.known.deaths = deaths;
	r->stats->stage = now.stage;
#define KEEP(name) r->gone.known.name = now.known.name
	KEEP(gone_hits);
	KEEP(gone_samples);
	KEEP(gone_lines);
	KEEP(gone_line_packets);
	KEEP(gone_line_bytes);
	KEEP(gone_packets);
	KEEP(gone_bytes);
	KEEP(gone_cached_packets);
	KEEP(gone_cached_bytes);
	KEEP(deaths);
#undef KEEP
}
