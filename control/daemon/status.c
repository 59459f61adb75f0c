/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/daemon/status.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <json-c/json.h>

#include "bpf/parse.h"
#include "control/daemon/ctlops_bus.h"
#include "control/daemon/daemon_inside.h"
#include "control/metrics/tree.h"

static void add_text(struct json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, json_object_new_string(text));
}

static void add_number(struct json_object *o, const char *key, uint64_t n)
{
	json_object_object_add(o, key, json_object_new_uint64(n));
}

static struct json_object *add_object(struct json_object *o, const char *key)
{
	struct json_object *child = json_object_new_object();

	json_object_object_add(o, key, child);
	return child;
}

static struct json_object *add_list(struct json_object *o, const char *key)
{
	struct json_object *child = json_object_new_array();

	json_object_object_add(o, key, child);
	return child;
}

static struct json_object *add_element(struct json_object *list)
{
	struct json_object *child = json_object_new_object();

	json_object_array_add(list, child);
	return child;
}

static void add_time(struct json_object *o, const char *key, uint64_t ns)
{
	time_t sec = (time_t)(ns / 1000000000);
	char day[32], text[64];
	struct tm tm;

	if (!ns) {
		json_object_object_add(o, key, NULL);
		return;
	}
	gmtime_r(&sec, &tm);
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text, sizeof(text), "%s.%06uZ", day,
		 (unsigned)(ns % 1000000000 / 1000));
	add_text(o, key, text);
}

/* --- counters ----------------------------------------------------------------- */

#define ADD(name, text) pk_tree_counter(o, #name, c->name, text);

static const char *const reason_names[] = {
#define REASON(name, text) #name,
	PK_PARSE_REASONS(REASON)
#undef REASON
};

static void add_reasons(struct json_object *o,
			const struct pk_plane_counters *c)
{
	struct json_object *reasons = add_object(o, "reasons");
	char name[32];

	pk_tree_by_key(reasons, "frames by where the decoder ended");
	for (unsigned i = 0; i < PK_PARSE_COUNT; i++) {
		size_t n = 0;

		for (; reason_names[i][n] && n < sizeof(name) - 1; n++)
			name[n] = (char)tolower(
				(unsigned char)reason_names[i][n]);
		name[n] = '\0';
		if (c->reason[i])
			add_number(reasons, name, c->reason[i]);
	}
}

static void add_workers(struct json_object *o,
			const struct pk_plane_counters *c)
{
	PK_PLANE_COUNTERS(ADD)
}

static void add_stage(struct json_object *o, const struct pk_stage_counters *c)
{
	PK_STAGE_COUNTERS(ADD)
}

static void add_nic(struct json_object *o, const struct pk_stage_counters *c)
{
	PK_PORT_COUNTERS(ADD)
}

static void add_known(struct json_object *o, const struct pk_audit_known *c)
{
	PK_AUDIT_KNOWN(ADD)
}

static void add_bus(struct json_object *o, const struct pk_bus_counters *c)
{
	PK_BUS_COUNTERS(ADD)
}

static void add_merge(struct json_object *o, const struct pk_merge_counters *c)
{
	PK_MERGE_COUNTERS(ADD)
}

static void add_pipeline(struct json_object *o,
			 const struct pk_pipeline_counters *c)
{
	PK_PIPELINE_COUNTERS(ADD)
}

static void add_window(struct json_object *o,
		       const struct pk_window_counters *c)
{
	PK_WINDOW_COUNTERS(ADD)
}

static void add_threat(struct json_object *o,
		       const struct pk_threat_counters *c)
{
	PK_THREAT_COUNTERS(ADD)
}

/* What the kernel counted of the interface since it was attached. */
static void add_netdev(struct json_object *o, const struct pk_iface_view *v)
{
	struct pk_host_netdev now;

	if (pk_host_netdev(v->name, &now))
		return;
#define SINCE(name, text)                                                      \
	pk_tree_counter(o, #name,                                              \
			now.name >= v->before.name ? now.name - v->before.name \
						   : now.name,                 \
			text);
	PK_HOST_NETDEV(SINCE)
#undef SINCE
}

/* --- parts --------------------------------------------------------------------- */

static void add_interfaces(struct json_object *o, const struct pk_daemon *d)
{
	static const char *const egress[] = { "none", "tcx", "clsact" };
	struct json_object *list = add_list(o, "interfaces");

	for (uint32_t i = 0; i < PK_IFACES_MAX; i++) {
		const struct pk_iface_view *v = pk_ifaces_view(d->ifaces, i);
		struct json_object *e;

		if (!v)
			continue;
		e = add_element(list);
		add_text(e, "name", v->name);
		add_number(e, "ifindex", v->ifindex);
		add_number(e, "port", v->port);
		add_text(e, "mode", v->attached.native ? "native" : "skb");
		add_text(e, "egress",
			 v->attached.egress < 3 ? egress[v->attached.egress]
						: "?");
		add_text(e, "state", v->lost ? "waiting" : "running");
		add_netdev(add_object(e, "counters"), v);
	}
}

static const struct pk_audit_plane *plane_of(const struct pk_audit *a,
					     const char *name)
{
	for (uint32_t i = 0; i < a->planes; i++)
		if (!strcmp(a->plane[i].name, name))
			return &a->plane[i];
	return NULL;
}

static void add_ports(struct json_object *o, const struct pk_daemon *d,
		      const struct pk_audit *a)
{
	struct json_object *list = add_list(o, "ports");
	const struct pk_plane_view *v;

	for (uint32_t i = 0; (v = pk_planes_view(d->planes, i)); i++) {
		const struct pk_audit_plane *p = plane_of(a, v->desc.name);
		struct json_object *e;

		if (v->desc.plane != PK_PLANE_DPDK)
			continue;
		e = add_element(list);
		add_text(e, "name", v->desc.name);
		add_number(e, "port", v->desc.port);
		add_text(e, "device", v->desc.device);
		add_number(e, "workers", v->desc.workers);
		add_text(e, "state", pk_plane_state_word(v->state));
		e = add_object(e, "counters");
		if (p)
			add_nic(e, &p->stage);
	}
}

static void add_gaps(struct json_object *o, const struct pk_plane_view *v)
{
	struct json_object *list = add_list(o, "gaps");
	uint32_t n = v->gaps > PK_PLANES_GAPS ? v->gaps - PK_PLANES_GAPS : 0;

	for (; n < v->gaps; n++) {
		const struct pk_gap *g = &v->gap[n % PK_PLANES_GAPS];
		struct json_object *e = add_element(list);

		add_time(e, "from", g->from_ns);
		add_time(e, "to", g->to_ns);
		add_number(e, "restarts", g->deaths);
		add_text(e, "reason", g->why);
	}
}

static void add_plane_counters(struct json_object *o,
			       const struct pk_audit_plane *p)
{
	struct json_object *c = add_object(o, "counters");

	add_workers(c, &p->workers);
	add_stage(c, &p->stage);
	add_known(c, &p->known);
	add_reasons(o, &p->workers);
}

static void add_planes(struct json_object *o, const struct pk_daemon *d,
		       const struct pk_audit *a)
{
	struct json_object *list = add_list(o, "planes");
	const struct pk_plane_view *v;

	for (uint32_t i = 0; (v = pk_planes_view(d->planes, i)); i++) {
		const struct pk_audit_plane *p = plane_of(a, v->desc.name);
		struct json_object *e = add_element(list);
		int is_port = v->desc.plane == PK_PLANE_DPDK;

		add_text(e, "plane", is_port ? "dpdk" : "xdp");
		add_text(e, "port", is_port ? v->desc.name : "");
		add_number(e, "pid", (uint64_t)v->pid);
		add_text(e, "state", pk_plane_state_word(v->state));
		pk_tree_counter(e, "restarts", v->restarts,
				"times that its process was started again");
		if (v->said[0])
			add_text(e, "said", v->said);
		add_gaps(e, v);
		if (p)
			add_plane_counters(e, p);
	}
}

static void add_journal(struct json_object *o,
			const struct pk_journal_counters *c)
{
	PK_JOURNAL_COUNTERS(ADD)
}

static void add_journal_part(struct json_object *o, const struct pk_daemon *d)
{
	struct json_object *part = add_object(o, "journal");
	struct pk_journal_counters c;

	pk_outbox_count(d->outbox, &c);
	add_text(part, "dir", d->journal_dir);
	add_text(part, "sync", d->conf->config->journal_sync);
	pk_tree_gauge(part, "first", pk_outbox_first(d->outbox),
		      "the oldest number that is in the journal");
	pk_tree_gauge(part, "last", pk_outbox_last(d->outbox),
		      "the latest number given");
	pk_tree_counter(part, "sync_failed", pk_outbox_sync_failed(d->outbox),
			"seconds whose sync failed");
	add_journal(part, &c);
}

static void add_replayer(struct json_object *o,
			 const struct pk_replayer_counters *c)
{
	PK_REPLAYER_COUNTERS(ADD)
}

static void add_replayer_part(struct json_object *o, const struct pk_daemon *d)
{
	struct json_object *list = add_list(o, "endpoints");
	struct pk_replayer_counters c;
	const char *endpoint;

	for (uint32_t i = 0; (endpoint = pk_replayer_endpoint(d->replayer, i));
	     i++)
		json_object_array_add(list, json_object_new_string(endpoint));
	pk_replayer_count(d->replayer, &c);
	add_replayer(o, &c);
}

static void add_bus_part(struct json_object *o, const struct pk_daemon *d)
{
	const struct pk_config *c = d->conf->config;
	struct json_object *bus = add_object(o, "bus");
	struct json_object *list = add_list(bus, "endpoints");

	for (uint32_t i = 0; i < c->endpoints; i++)
		json_object_array_add(list,
				      json_object_new_string(c->endpoint[i]));
	add_bus(bus, pk_bus_count(d->bus));
	add_replayer_part(add_object(bus, "replay"), d);
	pk_daemon_gate_status(d, bus);
}

static void add_indicators(struct json_object *o, const struct pk_daemon *d)
{
	struct json_object *part = add_object(o, "indicators");
	struct json_object *types;
	struct pk_store_stats s;

	pk_store_stats(pk_indicators_store(d->indicators), &s);
	pk_tree_gauge(part, "total", s.live, "indicators in force");
	types = add_object(part, "by_type");
	pk_tree_gauge_by_key(types, "of these, by their type");
	for (unsigned i = 0; i < PK_INDICATOR_TYPE_COUNT; i++)
		if (s.by_type[i])
			add_number(types, pk_indicator_type_word(i),
				   s.by_type[i]);
	pk_tree_gauge(part, "additions", s.additions,
		      "changes since the base was built");
	pk_tree_gauge(part, "tombstones", s.tombstones,
		      "of these, withdrawals");
	pk_tree_gauge(part, "bytes", s.bytes, "memory of the store");
}

static void add_control(struct json_object *o, const struct pk_daemon *d)
{
	struct json_object *part = add_object(o, "control"), *errors;
	struct pk_ctl_counters c = { 0 };

	if (d->ctl)
		pk_ctl_counters(d->ctl, &c);
	pk_tree_counter(part, "connections", c.connections,
			"connections to the control socket");
	pk_tree_counter(part, "closed", c.closed, "of these, closed");
	pk_tree_gauge(part, "open", c.open, "of these, open");
	pk_tree_counter(part, "requests", c.requests,
			"requests on the control socket");
	pk_tree_gauge(part, "pending", c.pending, "of these, under way");
	pk_tree_counter(part, "ok", c.ok, "of these, answered");
	errors = add_object(part, "errors");
	pk_tree_by_key(errors, "of these, failed, by their code");
	for (unsigned i = 0; i < PK_CTL_CODE_COUNT; i++)
		if (c.error[i])
			add_number(errors, pk_ctl_code_word(i), c.error[i]);
}

static void add_merge_part(struct json_object *o, const struct pk_daemon *d)
{
	struct pk_merge_counters c;

	pk_merge_count(pk_pump_merge(d->pump), &c);
	add_merge(add_object(o, "merge"), &c);
}

/* Exported as histograms: see control/daemon/metrics.c. */
static void add_latency(struct json_object *o, const struct pk_daemon *d)
{
	struct json_object *part = add_object(o, "latency");

	for (unsigned s = 0; s < PK_LATENCY_STAGE_COUNT; s++)
		for (unsigned r = 0; r < PK_LATENCY_RECORDS; r++) {
			const struct pk_histogram *h = &d->latency.of[s][r];
			struct json_object *e;
			char key[32];

			snprintf(key, sizeof(key), "%s_%s",
				 pk_latency_stage_word(s),
				 pk_latency_record_word(r));
			e = add_object(part, key);
			add_number(e, "count", h->count);
			add_number(e, "p50_us",
				   pk_histogram_quantile(h, 500) / 1000);
			add_number(e, "p99_us",
				   pk_histogram_quantile(h, 990) / 1000);
			add_number(e, "max_us", h->max_ns / 1000);
		}
}

static void add_head(struct json_object *o, const struct pk_daemon *d)
{
	char epoch[24];

	snprintf(epoch, sizeof(epoch), "%016llx", (unsigned long long)d->epoch);
	add_text(o, "version", PK_VERSION);
	add_number(o, "uptime_s",
		   (pk_daemon_real_ns() - d->start_ns) / 1000000000);
	add_text(o, "sensor", d->conf->config->sensor);
	add_text(o, "epoch", epoch);
	add_number(o, "generation", pk_indicators_generation(d->indicators));
}

struct json_object *pk_status_json(const struct pk_daemon *d)
{
	struct json_object *o = json_object_new_object();
	struct pk_audit_plane *plane =
		calloc(PK_PLANES_MAX + 1, sizeof(*plane));
	struct pk_audit a;

	if (!o || !plane) {
		json_object_put(o);
		free(plane);
		return NULL;
	}
	pk_daemon_snapshot(d, &a, plane, NULL);
	add_head(o, d);
	add_interfaces(o, d);
	add_ports(o, d, &a);
	add_planes(o, d, &a);
	add_journal_part(o, d);
	pk_daemon_outputs_status(d, o);
	add_bus_part(o, d);
	pk_daemon_senders_status(d, o);
	add_indicators(o, d);
	add_control(o, d);
	add_latency(o, d);
	add_merge_part(o, d);
	add_pipeline(add_object(o, "pipeline"), &a.sensor.pipeline.pipeline);
	add_window(add_object(o, "window"), &a.sensor.pipeline.window);
	add_threat(add_object(o, "threats"), &a.sensor.pipeline.threat);
	pk_keeper_status(d->keeper, o, pk_daemon_real_ns());
	free(plane);
	return o;
}
