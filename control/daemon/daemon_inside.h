/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * daemon_inside: what the daemon is made of, for daemon.c (its life), boot.c
 * (its start), status.c (what it says of itself) and ctlops.c, ctlops_audit.c,
 * ctlops_ioc.c (what it is told on the control socket). Nobody else includes
 * it.
 *
 * One thread: the event loop's.
 */
#ifndef PK_CONTROL_DAEMON_INSIDE_H
#define PK_CONTROL_DAEMON_INSIDE_H

#include <stdint.h>

#include "control/launcher/asker.h"
#include "control/audit.h"
#include "control/bus.h"
#include "control/bus/gate.h"
#include "control/bus/replayer.h"
#include "control/bus/sender.h"
#include "control/ctl/ctl.h"
#include "control/daemon/daemon.h"
#include "control/encode.h"
#include "control/files/files.h"
#include "control/daemon/evidence.h"
#include "control/daemon/grace.h"
#include "control/daemon/guards.h"
#include "control/daemon/ifaces.h"
#include "control/daemon/indicators.h"
#include "control/daemon/jobs.h"
#include "control/daemon/keeper.h"
#include "control/daemon/loader.h"
#include "control/daemon/outbox.h"
#include "control/daemon/tally.h"
#include "control/metrics/latency.h"
#include "control/metrics/server.h"
#include "control/pipeline.h"
#include "control/daemon/planes.h"
#include "control/daemon/pump.h"
#include "control/daemon/rules.h"
#include "ioc/image/block.h"

struct event;
struct event_base;
struct pk_boot;

struct pk_daemon {
	const struct pk_daemon_conf *conf;
	struct event_base *base;
	struct event *tick;
	struct event *term;
	struct event *interrupt;
	uint64_t start_ns; /* real time */
	uint64_t epoch;	   /* of the bus and of threats */
	uint64_t seed;
	int status; /* the exit status */
	int ending;
	struct pk_grace *grace;
	struct pk_asker *asker;
	struct pk_indicators *indicators;
	struct pk_guards *guards;
	struct pk_loader *loader;
	struct pk_jobs *jobs;
	struct pk_tally *tally;
	struct pk_load_request *loads; /* of ctlops_load.c */
	struct pk_evidence *evidence;
	struct pk_rules *rules;		/* by which threats are suppressed */
	struct pk_build_report *report; /* of base report_generation */
	uint64_t report_generation;
	char disk_dir[PK_CONFIG_TEXT + 16];
	char clock_path[PK_CONFIG_TEXT + 16];
	char lists_dir[PK_CONFIG_TEXT + 16];
	char rejected_dir[PK_CONFIG_TEXT + 16];
	char hits_path[PK_CONFIG_TEXT + 16];
	char rules_path[PK_CONFIG_TEXT + 16];
	char journal_dir[PK_CONFIG_TEXT + 16];
	char cursors_dir[PK_CONFIG_TEXT + 16];
	char checkpoint_dir[PK_CONFIG_TEXT + 16];
	struct pk_pump *pump;
	struct pk_pipeline *pipeline;
	struct pk_keeper *keeper;
	struct pk_planes *planes;
	struct pk_ifaces *ifaces;
	struct pk_gate *gate; /* NULL: no CURVE is configured */
	struct pk_bus *bus;
	struct pk_outbox *outbox;
	struct pk_replayer *replayer;
	struct pk_sender *sender; /* NULL: no output is configured */
	struct pk_files *files;	  /* NULL: none is configured */
	struct event *hangup;
	struct pk_metrics *metrics; /* NULL: not configured */
	struct pk_ctl *ctl;	    /* NULL until all is started */
	struct pk_boot *boot;
	char text[PK_ENCODE_MAX];
	const struct pk_record *record; /* in the pipeline; else NULL */
	struct pk_latency latency;
	uint64_t off[PK_AUDIT_IDENTITIES]; /* of the sensor: written off */
};

uint64_t pk_daemon_real_ns(void);

/* Leave the loop with @status. */
void pk_daemon_end(struct pk_daemon *d, int status);

/* boot.c: start what the configuration says, then serve. */
void pk_boot_start(struct pk_daemon *d);
void pk_boot_free(struct pk_daemon *d);

/* outputs.c: the files that threats are written to. 0 or -errno. */
int pk_daemon_outputs(struct pk_daemon *d);
struct json_object;
void pk_daemon_outputs_status(const struct pk_daemon *d, struct json_object *o);

/* daemon.c, for boot.c: everything is started. 0 or -errno. */
int pk_daemon_serve(struct pk_daemon *d);

/*
 * All counters, for the audit. @plane has room for PK_PLANES_MAX + 1. With
 * @deep (may be NULL) the sums over indicators, and as in pk_planes_snapshot().
 */
void pk_daemon_snapshot(const struct pk_daemon *d, struct pk_audit *a,
			struct pk_audit_plane *plane,
			const struct pk_indicators_sums *deep);

/* @results of @a hold and nothing moves: keep what pk_audit_settle() says. */
void pk_daemon_settle(struct pk_daemon *d, struct pk_audit *a,
		      const struct pk_audit_result *results, uint32_t count);

#endif /* PK_CONTROL_DAEMON_INSIDE_H */
