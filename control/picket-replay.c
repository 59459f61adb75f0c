/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * picket-replay: capture files in, threats out, as one JSON object a line.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/parse.h"
#include "control/config.h"
#include "control/describe.h"
#include "control/encode.h"
#include "control/merge.h"
#include "control/pipeline.h"
#include "control/replay/replay.h"
#include "control/replay/replay_ioc.h"
#include "dataplane/inspect/flows.h"
#include "ioc/store/store.h"

enum {
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_PARTIAL = 5,
	EXIT_CONFIG = 6,
	WAIT_MS = 50,
	CAPACITY = 1 << 21, /* flows: memory is taken as they come */
};

/* Constants, so that the output depends on the input alone. */
static const uint64_t replay_seed = 0x7069636b65740001ULL;
static const uint64_t replay_epoch = 1;
static const char replay_sensor[] = "replay";

struct session {
	struct pk_replay_ioc ioc;
	const struct pk_replay_plane *plane;
	void *state;
	struct pk_config *conf;
	struct pk_replay replay;
	struct pk_merge *merge;
	struct pk_pipeline *pipeline;
	const char *config;
	int source;
	int records;
	int audit;
	uint64_t printed; /* messages of threats */
	char text[PK_ENCODE_MAX];
};

int pk_replay_say(struct pk_replay *r, int err, const char *format, ...)
{
	va_list ap;

	if (r->why[0])
		return err;
	va_start(ap, format);
	vsnprintf(r->why, sizeof(r->why), format, ap);
	va_end(ap);
	return err;
}

/* --- indicators ------------------------------------------------------------ */

static int load_indicators(struct session *s)
{
	struct pk_images_conf conf = { .seed = replay_seed };
	int err = pk_replay_ioc_load(&s->ioc, replay_seed);

	if (!err)
		err = pk_builder_base(s->ioc.store, &s->replay.base);
	if (!err)
		err = pk_images_new(&s->replay.images, &conf);
	if (!err)
		err = pk_images_publish_base(s->replay.images, &s->replay.base);
	return err;
}

static const char *feed_name(const void *arg, uint16_t feed)
{
	const struct session *s = arg;

	const struct pk_feed_info *info =
		pk_store_feed_info(s->ioc.store, feed);

	return info ? info->name : "";
}

static int indicator_of(void *arg, const struct pk_threat_seen *seen,
			struct pk_threat_indicator *out)
{
	struct session *s = arg;
	struct pk_describe how = { s->ioc.store, feed_name, s, 0 };

	return pk_describe(&how, seen, out);
}

/* --- output ----------------------------------------------------------------- */

static void on_threat(void *arg, const struct pk_threat *threat)
{
	struct session *s = arg;

	if (pk_encode_threat(threat, s->text, sizeof(s->text)) <= 0)
		return;
	puts(s->text);
	s->printed++;
}

static void on_record(struct session *s, const struct pk_record *record)
{
	if (s->records &&
	    pk_encode_record(record, s->text, sizeof(s->text)) > 0)
		puts(s->text);
	pk_pipeline_record(s->pipeline, record);
}

/* --- the audit --------------------------------------------------------------- */

static void fill_known(struct session *s, struct pk_audit_known *known)
{
	struct pk_merge_counters c;

	pk_merge_count(s->merge, &c);
	known->read = c.read;
	known->read_records = c.released;
	known->read_marks = c.marks;
	known->read_bad = c.bad;
	known->read_held = c.waiting;
}

static void fill_sensor(struct session *s, struct pk_audit *a)
{
	uint64_t hits = 0;

	pk_pipeline_stats(s->pipeline, &a->sensor.pipeline);
	a->sensor.told_out = s->printed;
	a->sensor.merged = a->plane->known.read_records;
	for (uint32_t slot = pk_store_next(s->ioc.store, 0); slot;
	     slot = pk_store_next(s->ioc.store, slot))
		hits += pk_images_hits(s->replay.images, slot);
	a->sensor.user_hits = hits;
	/* In replay the kernel's counters by slot are not read back. */
	if (a->plane->plane == PK_PLANE_XDP)
		a->sensor.kernel_hits = a->plane->workers.hit_packets_src +
					a->plane->workers.hit_packets_dst +
					a->plane->workers.hit_packets_outer +
					a->plane->workers.dns_listed;
}

static void print_identity(const struct pk_audit_result *r)
{
	fprintf(stderr, "%-9s %s: %s = %llu, %s = %llu\n",
		r->holds ? "ok" : "MISMATCH", r->identity, r->left_text,
		(unsigned long long)r->left, r->right_text,
		(unsigned long long)r->right);
}

static void print_reasons(const struct pk_audit_plane *p)
{
	static const struct {
		const char *name, *text;
	} reasons[] = {
#define REASON_ROW(name, text) { #name, text },
		PK_PARSE_REASONS(REASON_ROW)
	};

	for (unsigned i = 0; i < PK_PARSE_COUNT; i++)
		if (p->workers.reason[i])
			fprintf(stderr, "reason %s (%s): %llu\n",
				reasons[i].name, reasons[i].text,
				(unsigned long long)p->workers.reason[i]);
}

static void print_shares(const struct session *s)
{
	const struct pk_replay_counts *c =
		pk_replay_input_counts(s->replay.input);

	fprintf(stderr, "frames %llu unreplayable %llu backwards %llu\n",
		(unsigned long long)c->frames,
		(unsigned long long)c->unreplayable,
		(unsigned long long)c->backwards);
	for (uint32_t i = 0; i < s->replay.shares; i++)
		fprintf(stderr, "worker %u saw %llu\n", i,
			(unsigned long long)s->replay.stats->worker[i]
				.counters.seen);
}

/* What left early depends on how packets were spread: say so. */
static uint32_t check_order(const struct pk_stage_counters *stage)
{
	if (!stage->frag_early)
		return 0;
	fprintf(stderr,
		"picket-replay: %llu fragments of one second found no room to wait for their order, so the output depends on the number of workers\n",
		(unsigned long long)stage->frag_early);
	return 1;
}

static uint32_t check_table(const struct pk_stage_counters *stage)
{
	if (!stage->flows_evicted && !stage->lines_late)
		return 0;
	fprintf(stderr,
		"picket-replay: the flow table was full: %llu flows were exported early and %llu lines came late, so the output depends on the number of workers; raise flow.capacity\n",
		(unsigned long long)stage->flows_evicted,
		(unsigned long long)stage->lines_late);
	return 1;
}

/* What the reader gave against what the plane counted: offered, from outside. */
static uint32_t check_given(const char *what, uint64_t given, uint64_t counted)
{
	fprintf(stderr, "%-9s given: %s = %llu, seen = %llu\n",
		given == counted ? "ok" : "MISMATCH", what,
		(unsigned long long)given, (unsigned long long)counted);
	return given != counted;
}

/* 1 when an identity does not hold. */
static int check_audit(struct session *s)
{
	struct pk_audit_plane plane = { .name = "replay" };
	struct pk_audit a = { .planes = 1, .plane = &plane };
	struct pk_audit_result *results;
	const struct pk_replay_counts *given =
		pk_replay_input_counts(s->replay.input);
	uint32_t n, bad;

	s->plane->audit(&s->replay, s->state, &plane);
	fill_known(s, &plane.known);
	fill_sensor(s, &a);
	results = calloc(pk_audit_size(1), sizeof(*results));
	if (!results)
		return 1;
	n = pk_audit_check(&a, results, &bad);
	bad += check_table(&plane.stage);
	bad += check_order(&plane.stage);
	print_shares(s);
	print_reasons(&plane);
	bad += check_given("frames", given->frames, plane.workers.seen);
	bad += check_given("bytes", given->bytes, plane.workers.seen_bytes);
	for (uint32_t i = 0; i < n; i++)
		print_identity(&results[i]);
	fprintf(stderr, "audit: %s\n", bad ? "mismatch" : "ok");
	free(results);
	return bad != 0;
}

/* --- the run ------------------------------------------------------------------ */

static void wait_for_records(struct session *s)
{
	struct pollfd p = { .fd = pk_ring_eventfd(s->replay.ring),
			    .events = POLLIN };

	if (pk_ring_sleep(s->replay.ring))
		poll(&p, 1, WAIT_MS);
	pk_ring_awake(s->replay.ring);
}

static int follow(struct session *s)
{
	const struct pk_record *record;
	int idle = 0;

	while (!pk_merge_ended(s->merge)) {
		if (pk_merge_next(s->merge, 0, &record)) {
			on_record(s, record);
			idle = 0;
			continue;
		}
		if (idle++ && s->plane->failed(s->state))
			return pk_replay_say(&s->replay, -EIO,
					     "the %s plane died",
					     s->plane->name);
		wait_for_records(s);
	}
	return 0;
}

static int open_pipeline(struct session *s)
{
	struct pk_pipeline_conf conf = {
		.threats = {
			.sensor = replay_sensor,
			.epoch = replay_epoch,
			.seed = replay_seed,
			.indicator = indicator_of,
			.arg = s,
			.sink = on_threat,
			.sink_arg = s,
		},
		.seed = replay_seed,
	};
	int err = pk_pipeline_new(&s->pipeline, &conf);

	return err ? err : pk_merge_new(&s->merge, PK_MERGE_REPLAY);
}

static void fill_uplink(struct session *s)
{
	struct pk_uplink_conf *u = &s->replay.uplink;
	const struct pk_config_flow *flow = &s->conf->flow;

	u->abi = PK_ABI_VERSION;
	u->epoch = 1;
	u->sampling = 1;
	u->replay = 1;
	u->seed = replay_seed;
	u->observer = s->conf->observer;
	pk_flow_conf_default(&u->flow);
	u->flow.idle_ns = flow->idle_s * 1000000000ULL;
	u->flow.active_ns = flow->active_s * 1000000000ULL;
	u->flow.syn_ns = flow->syn_s * 1000000000ULL;
	u->flow.closed_ns = flow->closed_s * 1000000000ULL;
	u->flow.capacity =
		flow->capacity > CAPACITY ? flow->capacity : CAPACITY;
}

static int run(struct session *s)
{
	int err = s->plane->start(&s->replay, &s->state);
	int ended;

	if (err)
		return err;
	s->source = pk_merge_add(s->merge, s->replay.ring);
	err = s->source < 0 ? s->source : follow(s);
	ended = s->plane->wait(&s->replay, s->state);
	if (!err)
		err = ended;
	pk_pipeline_finish(s->pipeline);
	fflush(stdout);
	if (!err && s->audit && check_audit(s))
		err = -EBADMSG;
	pk_merge_del(s->merge, s->source);
	s->plane->free(&s->replay, s->state);
	return err;
}

static void free_session(struct session *s)
{
	pk_pipeline_free(s->pipeline);
	pk_merge_free(s->merge);
	if (s->replay.ring)
		pk_ring_free(s->replay.ring);
	pk_replay_input_free(s->replay.input);
	pk_images_free(s->replay.images);
	pk_block_free(&s->replay.base);
	pk_replay_ioc_fini(&s->ioc);
	free(s->replay.stats);
}

static int prepare(struct session *s, char **files, int count)
{
	int err;

	s->replay.stats = aligned_alloc(64, sizeof(*s->replay.stats));
	if (!s->replay.stats)
		return -ENOMEM;
	memset(s->replay.stats, 0, sizeof(*s->replay.stats));
	s->replay.shares = s->replay.workers;
	fill_uplink(s);
	err = load_indicators(s);
	if (!err)
		err = pk_replay_input_new(&s->replay.input, files,
					  (uint32_t)count);
	return err ? err : open_pipeline(s);
}

static int replay(struct session *s, char **files, int count)
{
	int err = prepare(s, files, count);

	if (!err)
		err = run(s);
	if (s->replay.why[0])
		fprintf(stderr, "picket-replay: %s\n", s->replay.why);
	else if (err)
		fprintf(stderr, "picket-replay: %s\n", strerror(-err));
	free_session(s);
	if (err || s->replay.broken)
		return EXIT_FAILED;
	return s->ioc.refused ? EXIT_PARTIAL : 0;
}

/* --- options -------------------------------------------------------------------- */

static int usage(FILE *to)
{
	fprintf(to,
		"usage: picket-replay [OPTION]... FILE...\n"
		"Replay capture files (pcap, pcapng; - reads standard input)\n"
		"and print the threats found in them, one JSON object a line.\n\n"
		"  --plane PLANE        inline (default), xdp or dpdk\n"
		"  --ioc FILE[,FORMAT]  indicators; FORMAT as picketctl ioc load\n"
		"                       takes it, or told from the content\n"
		"  --refang             read hxxp://, [.] and their like in them\n"
		"  --config FILE        flow timeouts and observer\n"
		"  --workers N          1 to %d (default 1)\n"
		"  --records            print hits and flows as well\n"
		"  --audit              check that the counters add up (stderr)\n"
		"  --help, --version\n\n"
		"Exit status: 0 ok, 1 failed, damaged file or audit mismatch,\n"
		"2 usage, 5 lines of an indicator file were refused,\n"
		"6 configuration.\n",
		PK_WORKERS_MAX);
	return to == stdout ? 0 : EXIT_USAGE;
}

static int choose_plane(struct session *s, const char *name)
{
	static const struct pk_replay_plane *const planes[] = {
		&pk_replay_inline, &pk_replay_xdp, &pk_replay_dpdk
	};

	for (unsigned i = 0; i < 3; i++) {
		if (strcmp(name, planes[i]->name))
			continue;
		s->plane = planes[i];
		return 0;
	}
	fprintf(stderr, "picket-replay: unknown plane \"%s\"\n", name);
	return -EINVAL;
}

static int set_workers(struct session *s, const char *arg)
{
	char *end;
	unsigned long n = strtoul(arg, &end, 10);

	if (*end || n < 1 || n > PK_WORKERS_MAX) {
		fprintf(stderr, "picket-replay: --workers %s: not 1 to %d\n",
			arg, PK_WORKERS_MAX);
		return -EINVAL;
	}
	s->replay.workers = (uint32_t)n;
	return 0;
}

static int take_option(struct session *s, int c)
{
	switch (c) {
	case 'p':
		return choose_plane(s, optarg);
	case 'i':
		return pk_replay_ioc_add(&s->ioc, optarg);
	case 'f':
		s->ioc.refang = 1;
		return 0;
	case 'w':
		return set_workers(s, optarg);
	case 'c':
		s->config = optarg;
		return 0;
	case 'r':
		s->records = 1;
		return 0;
	case 'a':
		s->audit = 1;
		return 0;
	case 'h':
		exit(usage(stdout));
	case 'V':
		puts("picket-replay " PK_VERSION);
		exit(0);
	default:
		return -EINVAL;
	}
}

static const struct option options[] = {
	{ "plane", required_argument, NULL, 'p' },
	{ "ioc", required_argument, NULL, 'i' },
	{ "refang", no_argument, NULL, 'f' },
	{ "config", required_argument, NULL, 'c' },
	{ "workers", required_argument, NULL, 'w' },
	{ "records", no_argument, NULL, 'r' },
	{ "audit", no_argument, NULL, 'a' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

int main(int argc, char **argv)
{
	static struct session s;
	char err[512] = "";
	int c, status;

	s.plane = &pk_replay_inline;
	s.replay.workers = 1;
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1)
		if (take_option(&s, c))
			return EXIT_USAGE;
	if (optind == argc)
		return usage(stderr);
	if (s.config)
		status = pk_config_load(&s.conf, s.config, err, sizeof(err));
	else
		status = pk_config_new(&s.conf);
	if (status) {
		fprintf(stderr, "picket-replay: %s\n",
			s.config ? err : strerror(-status));
		return EXIT_CONFIG;
	}
	status = replay(&s, argv + optind, argc - optind);
	pk_config_free(s.conf);
	return status;
}
