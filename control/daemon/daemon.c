/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/daemon/daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <json-c/json.h>

#include "control/daemon/ctlops.h"
#include "control/daemon/ctlops_bus.h"
#include "control/daemon/daemon_inside.h"
#include "control/daemon/metrics.h"
#include "control/launcher/launcher.h"
#include "control/log.h"
#include "control/daemon/status.h"

enum { STATS_EVERY_S = 5 };

uint64_t pk_daemon_real_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void pk_daemon_end(struct pk_daemon *d, int status)
{
	if (!d->ending)
		d->status = status;
	d->ending = 1;
	event_base_loopbreak(d->base);
}

/* --- records and threats ---------------------------------------------------------- */

static const char *hit_kind(const struct pk_hit *hit)
{
	const union pk_addr *a;

	if (hit->role == PK_ROLE_DNS_QUESTION)
		return pk_indicator_type_word(PK_INDICATOR_DOMAIN);
	a = hit->role == PK_ROLE_SOURCE ? &hit->packet.key.src
					: &hit->packet.key.dst;
	return pk_indicator_type_word(pk_is_v4(a) ? PK_INDICATOR_IPV4
						  : PK_INDICATOR_IPV6);
}

static void on_record(void *arg, const struct pk_record *r)
{
	struct pk_daemon *d = arg;
	int n;

	pk_guards_see(d->guards, r);
	if (r->type == PK_RECORD_HIT) {
		pk_evidence_hit(d->evidence, (const struct pk_hit *)r);
		n = pk_encode_record(r, d->text, sizeof(d->text));
		if (n > 0)
			pk_bus_publish(d->bus, PK_BUS_HIT,
				       hit_kind((const struct pk_hit *)r),
				       r->seen_ns, d->text, (size_t)n);
	}
	d->record = r;
	pk_pipeline_record(d->pipeline, r);
	d->record = NULL;
}

static void on_threat(void *arg, const struct pk_threat *t)
{
	struct pk_daemon *d = arg;
	const struct pk_record *r = d->record;

	if (r && t->state != PK_THREAT_CLOSED)
		pk_latency_wait(&d->latency,
				r->type == PK_RECORD_FLOW ? PK_LATENCY_FLOW
							  : PK_LATENCY_HIT,
				r->seen_ns, pk_pump_now_ns(d->pump));
	pk_outbox_threat(d->outbox, t);
}

/* What is written is for outputs, too. */
static void commit(struct pk_daemon *d)
{
	uint64_t before = atomic_load(&pk_outbox_mark(d->outbox)->written);

	pk_outbox_commit(d->outbox);
	if (d->sender &&
	    before != atomic_load(&pk_outbox_mark(d->outbox)->written))
		pk_sender_kick(d->sender);
}

static void on_taken(void *arg)
{
	struct pk_daemon *d = arg;

	commit(d);
}

static void on_fenced(void *arg, int source)
{
	struct pk_daemon *d = arg;

	pk_planes_fenced(d->planes, source);
}

/* --- the sensor's own state ---------------------------------------------------------- */

static void publish_status(struct pk_daemon *d)
{
	struct json_object *o;
	const char *text;
	size_t len;

	o = pk_status_json(d);
	if (!o)
		return;
	text = json_object_to_json_string_length(o, JSON_C_TO_STRING_PLAIN,
						 &len);
	if (text)
		pk_bus_publish(d->bus, PK_BUS_STATS, NULL, pk_daemon_real_ns(),
			       text, len);
	json_object_put(o);
}

/* A gap is published when it begins and when it ends. */
static void on_plane_changed(void *arg, const struct pk_plane_view *plane)
{
	struct pk_daemon *d = arg;

	(void)plane;
	if (d->ifaces && d->bus && !d->ending)
		publish_status(d);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct pk_daemon *d = arg;
	uint64_t now = pk_daemon_real_ns();

	(void)fd;
	(void)what;
	pk_pump_turn(d->pump);
	pk_pipeline_tick(d->pipeline, now - PK_MERGE_HOLD_NS);
	pk_rules_tick(d->rules, now);
	pk_outbox_tick(d->outbox);
	if (d->sender)
		pk_sender_kick(d->sender);
	pk_bus_tick(d->bus, now);
	if (now / 1000000000 % STATS_EVERY_S == 0)
		publish_status(d);
}

static void add_replayer(const struct pk_daemon *d, struct pk_audit_sensor *s)
{
	struct pk_replayer_counters c;

	pk_replayer_count(d->replayer, &c);
	s->replay_requests = c.requests;
	s->replay_hellos = c.hellos;
	s->replay_begun = c.replays;
	s->replay_credits = c.credits;
	s->replay_cancels = c.cancels;
	s->replay_refused = c.refused;
	s->replay_done = c.ended + c.cancelled;
	s->replay_broken = c.expired + c.gone + c.failed;
	s->replay_open = c.open;
}

static void add_sensor(const struct pk_daemon *d, struct pk_audit_sensor *s)
{
	const struct pk_bus_counters *bus = pk_bus_count(d->bus);
	struct pk_journal_counters journal;
	struct pk_merge_counters merge;
	struct pk_ctl_counters ctl = { 0 };

	pk_merge_count(pk_pump_merge(d->pump), &merge);
	s->merged = merge.released;
	pk_outbox_count(d->outbox, &journal);
	s->told_out = journal.offered - journal.refused;
	s->journal_offered = journal.offered;
	s->journal_refused = journal.refused;
	s->journal_committed = journal.committed;
	s->journal_dropped = journal.dropped;
	s->journal_waiting = journal.waiting;
	s->journal_sync_failed = pk_outbox_sync_failed(d->outbox);
	s->bus_offered = bus->offered;
	s->bus_published = bus->published;
	s->bus_refused = bus->refused;
	add_replayer(d, s);
	if (d->ctl)
		pk_ctl_counters(d->ctl, &ctl);
	s->control_connections = ctl.connections;
	s->control_closed = ctl.closed;
	s->control_open = ctl.open;
	s->control_requests = ctl.requests;
	s->control_pending = ctl.pending;
	s->control_ok = ctl.ok;
	for (unsigned i = 0; i < PK_CTL_CODE_COUNT; i++)
		s->control_errors += ctl.error[i];
	pk_pipeline_stats(d->pipeline, &s->pipeline);
}

void pk_daemon_snapshot(const struct pk_daemon *d, struct pk_audit *a,
			struct pk_audit_plane *plane,
			const struct pk_indicators_sums *deep)
{
	memset(a, 0, sizeof(*a));
	a->plane = plane;
	a->planes = pk_planes_snapshot(d->planes, plane, deep != NULL);
	memcpy(a->sensor.off, d->off, sizeof(d->off));
	for (uint32_t i = 0; i < a->planes; i++)
		if (plane[i].plane == PK_PLANE_XDP)
			pk_ifaces_offered(d->ifaces, &plane[i]);
	if (deep) {
		a->sensor.kernel_hits = deep->kernel;
		a->sensor.user_hits = deep->user;
	}
	add_sensor(d, &a->sensor);
}

void pk_daemon_settle(struct pk_daemon *d, struct pk_audit *a,
		      const struct pk_audit_result *results, uint32_t count)
{
	pk_audit_settle(a, results, count);
	pk_planes_settle(d->planes, a->plane, a->planes);
	memcpy(d->off, a->sensor.off, sizeof(d->off));
}

/* --- the launcher ---------------------------------------------------------------------- */

static void on_notice(void *arg, const struct pk_answer *a, struct pk_fds *fds)
{
	struct pk_daemon *d = arg;

	(void)fds;
	if (a->kind == PK_NOTICE_ATTACHED)
		pk_ifaces_notice(d->ifaces, a);
	else if (a->kind == PK_NOTICE_EXITED)
		pk_planes_exited(d->planes, a);
	else if (a->kind == PK_NOTICE_ENDING)
		pk_planes_ending(d->planes);
}

static void on_launcher_gone(void *arg)
{
	pk_daemon_end(arg, PK_EXIT_FAILED);
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
	(void)number;
	(void)what;
	pk_daemon_end(arg, PK_EXIT_OK);
}

/* What rotates our files has renamed them; clients may be others. */
static void on_hangup(evutil_socket_t number, short what, void *arg)
{
	struct pk_daemon *d = arg;

	(void)number;
	(void)what;
	pk_files_reopen(d->files);
	pk_daemon_reload_clients(d);
}

/* Ctrl-C goes to the whole group; the launcher decides when we end. */
static void on_interrupt(evutil_socket_t number, short what, void *arg)
{
	(void)number;
	(void)what;
	(void)arg;
}

/* --- life --------------------------------------------------------------------------------- */

static int open_loop(struct pk_daemon *d)
{
	struct event_config *c = event_config_new();
	const struct timeval second = { 1, 0 };

	/* a record is held back for 2 ms: milliseconds are too coarse */
	if (c) {
		event_config_set_flag(c, EVENT_BASE_FLAG_PRECISE_TIMER);
		d->base = event_base_new_with_config(c);
		event_config_free(c);
	}
	if (!d->base)
		return -ENOMEM;
	d->tick = event_new(d->base, -1, EV_PERSIST, on_tick, d);
	d->term = evsignal_new(d->base, SIGTERM, on_signal, d);
	d->interrupt = evsignal_new(d->base, SIGINT, on_interrupt, d);
	d->hangup = evsignal_new(d->base, SIGHUP, on_hangup, d);
	if (!d->hangup || event_add(d->hangup, NULL))
		return -ENOMEM;
	if (!d->tick || !d->term || !d->interrupt ||
	    event_add(d->tick, &second) || event_add(d->term, NULL) ||
	    event_add(d->interrupt, NULL))
		return -ENOMEM;
	return 0;
}

/* Beside the bus, for what its subscribers missed. */
static int open_replayer(struct pk_daemon *d)
{
	const struct pk_config *c = d->conf->config;
	const char *endpoints[PK_CONFIG_ENDPOINTS];
	const struct pk_replayer_conf conf = {
		.endpoints = endpoints,
		.endpoint_count = c->endpoints,
		.sensor = c->sensor,
		.epoch = d->epoch,
		.dir = d->journal_dir,
		.mark[PK_BUS_THREAT] = pk_outbox_mark(d->outbox),
		.gate = d->gate,
	};

	for (uint32_t i = 0; i < c->endpoints; i++)
		endpoints[i] = c->endpoint[i];
	return pk_replayer_new(&d->replayer, &conf);
}

static int open_gate(struct pk_daemon *d)
{
	const struct pk_config *c = d->conf->config;
	const struct pk_gate_conf conf = {
		.secret = c->curve_secret,
		.clients = c->curve_clients,
		.secret_fd = d->conf->curve[0],
		.clients_fd = d->conf->curve[1],
	};
	int err = *c->curve_secret ? pk_gate_new(&d->gate, &conf) : 0;

	for (int i = 0; i < PK_DAEMON_CURVE; i++)
		if (d->conf->curve[i] >= 0)
			close(d->conf->curve[i]);
	return err;
}

static int open_bus(struct pk_daemon *d)
{
	const struct pk_config *c = d->conf->config;
	const char *endpoints[PK_CONFIG_ENDPOINTS];
	struct pk_bus_conf conf = {
		.endpoints = endpoints,
		.endpoint_count = c->endpoints,
		.sensor = c->sensor,
		.epoch = d->epoch,
	};
	int err = open_gate(d);

	if (err)
		return err;
	conf.gate = d->gate;
	for (uint32_t i = 0; i < c->endpoints; i++)
		endpoints[i] = c->endpoint[i];
	return pk_bus_new(&d->bus, &conf);
}

static int open_outbox(struct pk_daemon *d)
{
	const struct pk_outbox_conf conf = {
		.dir = d->journal_dir,
		.bus = d->bus,
		.epoch = d->epoch,
		.max_bytes = d->conf->config->journal_bytes,
		.sync = (enum pk_sync)pk_sync_find(
			d->conf->config->journal_sync),
		.latency = &d->latency,
	};

	int err = pk_outbox_new(&d->outbox, &conf);

	if (!err)
		err = open_replayer(d);
	return err ? err : pk_daemon_senders(d);
}

static int open_pipeline(struct pk_daemon *d)
{
	const struct pk_config_threats *c = &d->conf->config->threats;
	const struct pk_pipeline_conf conf = {
		.threats = {
			.sensor = d->conf->config->sensor,
			.mute_ns = c->mute_s * 1000000000ULL,
			.hold_sec = c->hold_s,
			.capacity = c->capacity,
			.epoch = d->epoch,
			.seq = pk_outbox_last(d->outbox),
			.seed = d->seed,
			.indicator = pk_indicators_describe,
			.arg = d->indicators,
			.suppressed = pk_suppress_take,
			.suppressed_arg = pk_rules_all(d->rules),
			.sink = on_threat,
			.sink_arg = d,
		},
		.seed = d->seed,
	};
	const struct pk_pump_conf pump = { .base = d->base,
					   .take = on_record,
					   .fenced = on_fenced,
					   .taken = on_taken,
					   .latency = &d->latency,
					   .arg = d };
	int err = pk_pipeline_new(&d->pipeline, &conf);

	return err ? err : pk_pump_new(&d->pump, &pump);
}

static int open_keeper(struct pk_daemon *d)
{
	const struct pk_keeper_conf conf = {
		.base = d->base,
		.dir = d->checkpoint_dir,
		.journal_dir = d->journal_dir,
		.pipeline = d->pipeline,
		.outbox = d->outbox,
		.now_ns = d->start_ns,
	};

	return pk_keeper_new(&d->keeper, &conf);
}

static int open_planes(struct pk_daemon *d)
{
	const struct pk_config *c = d->conf->config;
	const uint64_t second = 1000000000;
	const struct pk_planes_conf conf = {
		.base = d->base,
		.asker = d->asker,
		.pump = d->pump,
		.grace = d->grace,
		.images_fd = pk_indicators_fd(d->indicators),
		.hits_fd = pk_indicators_hits_fd(d->indicators),
		.uplink = {
			.sampling = 1,
			.observer = c->observer,
			.seed = d->seed,
			.flow = {
				.idle_ns = c->flow.idle_s * second,
				.active_ns = c->flow.active_s * second,
				.syn_ns = c->flow.syn_s * second,
				.closed_ns = c->flow.closed_s * second,
				.capacity = c->flow.capacity,
			},
		},
		.changed = on_plane_changed,
		.arg = d,
	};
	struct pk_ifaces_conf ifaces = { .asker = d->asker,
					 .indicators = d->indicators };
	int err = pk_planes_new(&d->planes, &conf);

	if (err)
		return err;
	ifaces.planes = d->planes;
	return pk_ifaces_new(&d->ifaces, &ifaces);
}

static void set_dirs(struct pk_daemon *d)
{
	const char *state = d->conf->config->state_dir;

	snprintf(d->disk_dir, sizeof(d->disk_dir), "%s/indicators", state);
	snprintf(d->clock_path, sizeof(d->clock_path), "%s/clock", state);
	snprintf(d->lists_dir, sizeof(d->lists_dir), "%s/safelists", state);
	snprintf(d->hits_path, sizeof(d->hits_path), "%s/hits", state);
	snprintf(d->journal_dir, sizeof(d->journal_dir), "%s/journal", state);
	snprintf(d->checkpoint_dir, sizeof(d->checkpoint_dir), "%s/checkpoint",
		 state);
	snprintf(d->rules_path, sizeof(d->rules_path), "%s/suppress.json",
		 state);
	snprintf(d->rejected_dir, sizeof(d->rejected_dir), "%s/rejected",
		 state);
}

/* An upload is the control socket's shared memory, and looked at once. */
static void spend_upload(const void *bytes, size_t at, size_t n)
{
	madvise((char *)bytes + at, n, MADV_REMOVE);
}

static int open_tally(struct pk_daemon *d)
{
	const struct pk_tally_conf conf = { .base = d->base,
					    .indicators = d->indicators,
					    .evidence = d->evidence,
					    .path = d->hits_path };

	return pk_tally_new(&d->tally, &conf);
}

static int open_guards(struct pk_daemon *d)
{
	const struct pk_guards_conf conf = {
		.guard = &d->conf->config->guard,
		.seed = pk_store_seed(pk_indicators_store(d->indicators)),
		.dir = d->lists_dir,
		.host = 1,
	};
	struct pk_loader_conf loader = { .base = d->base,
					 .indicators = d->indicators,
					 .dir = d->rejected_dir,
					 .spend = spend_upload };
	int err = pk_guards_new(&d->guards, &conf);

	if (!err)
		err = pk_evidence_new(&d->evidence);
	if (err)
		return err;
	pk_indicators_on_anew(d->indicators, pk_evidence_forget, d->evidence);
	loader.guards = d->guards;
	err = pk_loader_new(&d->loader, &loader);
	if (!err)
		err = pk_jobs_new(&d->jobs, d->base);
	return err ? err : open_tally(d);
}

static int open_indicators(struct pk_daemon *d)
{
	struct pk_asker_conf asker = { .base = d->base,
				       .fd = d->conf->requests,
				       .notice = on_notice,
				       .gone = on_launcher_gone,
				       .arg = d };
	struct pk_indicators_conf conf = { .base = d->base };
	int err = pk_asker_new(&d->asker, &asker);

	if (!err)
		err = pk_grace_new(&d->grace);
	if (err)
		return err;
	conf.asker = d->asker;
	conf.grace = d->grace;
	if (getrandom(&conf.seed, sizeof(conf.seed), 0) !=
		    (ssize_t)sizeof(conf.seed) ||
	    getrandom(&d->seed, sizeof(d->seed), 0) != (ssize_t)sizeof(d->seed))
		return -EIO;
	set_dirs(d);
	conf.dir = d->disk_dir;
	conf.clock = d->clock_path;
	err = pk_indicators_new(&d->indicators, &conf);
	return err ? err : open_guards(d);
}

static int open_all(struct pk_daemon *d)
{
	int err = open_loop(d);

	if (!err)
		err = open_indicators(d);
	if (!err)
		err = open_bus(d);
	if (!err)
		err = open_outbox(d);
	if (!err)
		err = pk_rules_new(&d->rules, d->rules_path, d->conf->config,
				   d->start_ns);
	if (!err)
		err = open_pipeline(d);
	if (!err)
		err = pk_daemon_outputs(d);
	if (!err)
		err = open_keeper(d);
	if (!err)
		err = open_planes(d);
	if (!err)
		err = pk_daemon_metrics(d);
	if (err)
		pk_err("the daemon cannot start: %s", strerror(-err));
	return err;
}

int pk_daemon_serve(struct pk_daemon *d)
{
	const struct pk_ctl_conf conf = {
		.fd = d->conf->ctl,
		.group = d->conf->group,
		.upload_bytes = d->conf->config->upload_bytes,
	};
	struct pk_request ready = { .kind = PK_REQUEST_READY };
	int err = pk_ctl_new(&d->ctl, d->base, &conf);

	if (!err)
		err = pk_ctlops_register(d);
	if (err) {
		pk_err("the control socket cannot be served: %s",
		       strerror(-err));
		return err;
	}
	/* what was open in an earlier run, by the rules of this one */
	pk_pipeline_suppress(d->pipeline);
	pk_outbox_commit(d->outbox);
	pk_info("ready sensor=%s", d->conf->config->sensor);
	return pk_asker_ask(d->asker, &ready, NULL, NULL, NULL);
}

/* What the planes left in their rings, then what is open, then goodbye. */
static void drain(struct pk_daemon *d)
{
	pk_metrics_free(d->metrics);
	d->metrics = NULL;
	pk_ctl_free(d->ctl);
	d->ctl = NULL;
	pk_planes_free(d->planes);
	d->planes = NULL;
	pk_outbox_commit(d->outbox);
	/* they go on with the next run, or nobody would ever close them */
	if (pk_keeper_flush(d->keeper, pk_daemon_real_ns()))
		pk_pipeline_finish(d->pipeline);
	pk_outbox_commit(d->outbox);
	pk_bus_tick(d->bus, pk_daemon_real_ns() + 1000000000);
}

static void free_all(struct pk_daemon *d)
{
	pk_metrics_free(d->metrics);
	pk_ctl_free(d->ctl);
	pk_loader_free(d->loader); /* tells jobs */
	pk_jobs_free(d->jobs);
	pk_boot_free(d);
	pk_planes_free(d->planes);
	pk_ifaces_free(d->ifaces);
	pk_pump_free(d->pump);
	pk_keeper_free(d->keeper);
	pk_pipeline_free(d->pipeline);
	pk_rules_free(d->rules);
	pk_files_free(d->files);
	pk_sender_free(d->sender);
	pk_replayer_free(d->replayer);
	pk_outbox_free(d->outbox);
	pk_bus_free(d->bus);
	pk_gate_free(d->gate);
	pk_tally_free(d->tally);
	pk_indicators_free(d->indicators);
	pk_evidence_free(d->evidence);
	pk_guards_free(d->guards);
	free(d->report);
	pk_grace_free(d->grace);
	pk_asker_free(d->asker);
	if (d->tick)
		event_free(d->tick);
	if (d->term)
		event_free(d->term);
	if (d->interrupt)
		event_free(d->interrupt);
	if (d->hangup)
		event_free(d->hangup);
	if (d->base)
		event_base_free(d->base);
	free(d);
}

int pk_daemon_run(const struct pk_daemon_conf *conf)
{
	struct pk_daemon *d = calloc(1, sizeof(*d));
	int status;

	if (!d) {
		pk_err("out of memory");
		return PK_EXIT_FAILED;
	}
	signal(SIGPIPE, SIG_IGN);
	d->conf = conf;
	d->start_ns = d->epoch = pk_daemon_real_ns();
	d->status = PK_EXIT_FAILED;
	if (!open_all(d)) {
		pk_boot_start(d);
		event_base_dispatch(d->base);
		drain(d);
	}
	status = d->status;
	free_all(d);
	return status;
}
