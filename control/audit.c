/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/audit.h"

#include <stddef.h>
#include <string.h>

#include "bpf/cursor.h"
#include "dataplane/record.h"

enum { FIELD_NAME = 48 };

/* Planes that an identity speaks of. */
enum {
	ON_XDP = 1 << PK_PLANE_XDP,
	ON_DPDK = 1 << PK_PLANE_DPDK,
	ON_ALL = (1 << PK_PLANES) - 1,
};

/* By what an identity may be off for a while: see audit.h. */
enum doubt {
	EXACT,
	EVENTS,	 /* one for each death */
	LINES,	 /* what as many flow lines stand for */
	RECORDS, /* what as many flow records stand for */
	EDGES,	 /* the frames during starts and ends */
};

/* What there is of that. */
struct allowance {
	uint64_t deaths;
	uint64_t edge;
	int events; /* an identity of events is off */
};

struct identity {
	const char *name;
	const char *left;
	const char *right;
	unsigned planes; /* 0: of the sensor */
	enum doubt doubt;
};

/* The terms are counters' names; "all.x" sums x over the planes. */
static const struct identity identities[] = {
	/* in the workers, or in the kernel */
	{ "offered", "offered",
	  "nic_packets + nic_missed + nic_errors + nic_nombuf + "
	  "socket_drops + gap_frames",
	  ON_DPDK, EDGES },
	{ "offered", "offered", "seen_in + gap_frames", ON_XDP, EDGES },
	{ "driver", "nic_packets", "seen", ON_DPDK, EXACT },
	{ "frames", "seen", "reasons", ON_ALL, EXACT },
	{ "hits offered", "hit_offered", "hit_submitted + hit_ring_full",
	  ON_ALL, EXACT },
	{ "samples offered", "sample_offered",
	  "sample_submitted + sample_ring_full + sample_frag_refused + "
	  "sample_deep_refused + sample_unreadable",
	  ON_ALL, EXACT },
	{ "DNS messages", "dns_messages",
	  "dns_names + dns_deep + dns_short + dns_no_question + "
	  "dns_label_type + dns_pointer + dns_name_length + dns_tcp_split + "
	  "dns_tcp_other + dns_more_questions + dns_tcp_more + "
	  "dns_unreadable",
	  ON_ALL, EXACT },
	{ "flow lines", "flow_lines", "flow_out_lines + flow_lost_lines",
	  ON_ALL, EXACT },
	{ "flow packets", "flow_packets",
	  "flow_out_packets + flow_lost_packets + cached_packets + "
	  "gone_cached_packets",
	  ON_ALL, EXACT },
	{ "flow bytes", "flow_bytes",
	  "flow_out_bytes + flow_lost_bytes + cached_bytes + "
	  "gone_cached_bytes",
	  ON_ALL, EXACT },

	/* from the workers to the stage */
	{ "hits taken", "hit_submitted", "hits_in + before_hits + gone_hits",
	  ON_ALL, EVENTS },
	{ "samples taken", "sample_submitted",
	  "samples_in + before_samples + gone_samples", ON_ALL, EVENTS },
	{ "lines taken", "flow_out_lines",
	  "lines_in + before_lines + gone_lines", ON_ALL, EVENTS },
	{ "line packets taken", "flow_out_packets",
	  "packets_in + before_packets + gone_line_packets", ON_ALL, LINES },
	{ "line bytes taken", "flow_out_bytes",
	  "bytes_in + before_bytes + gone_line_bytes", ON_ALL, LINES },

	/* in the stage */
	{ "table packets", "packets_in",
	  "packets_out + packets_resident + gone_packets", ON_ALL, EXACT },
	{ "table bytes", "bytes_in", "bytes_out + bytes_resident + gone_bytes",
	  ON_ALL, EXACT },
	{ "names taken", "names_in",
	  "names_given + names_looked_up + names_bad", ON_ALL, EXACT },
	{ "samples looked into", "samples_in + frag_nested",
	  "names_in + frag_in", ON_ALL, EVENTS },
	{ "fragments", "frag_in",
	  "frag_used + frag_duplicate + frag_expired + frag_evicted + "
	  "frag_dropped + frag_oversize + frag_quota + frag_cut + "
	  "frag_long + frag_checksum + frag_length + frag_resident",
	  ON_ALL, EXACT },
	{ "records made", "records_offered",
	  "hits_in + names_given + names_found + frag_hits + flows_out", ON_ALL,
	  EVENTS },
	{ "records offered", "records_offered",
	  "records_written + records_ring_full", ON_ALL, EVENTS },

	/* from the stage to the daemon */
	{ "records read", "records_written",
	  "read_records + read_bad + read_lost + read_held", ON_ALL, EVENTS },
	{ "entries read", "read",
	  "read_records + read_marks + read_bad + read_lost + read_held",
	  ON_ALL, EXACT },

	/* in the daemon */
	{ "kernel's hit counters", "kernel_hits",
	  "kernel.hit_packets_src + kernel.hit_packets_dst + "
	  "kernel.hit_packets_outer + kernel.dns_listed",
	  0, EXACT },
	{ "planes' hit counters", "user_hits",
	  "user.hit_packets_src + user.hit_packets_dst + "
	  "user.hit_packets_outer + user.dns_listed + all.names_found + "
	  "all.frag_hits",
	  0, EXACT },
	{ "records merged", "all.read_records", "merged", 0, EXACT },
	{ "records piped", "merged", "pipeline.records", 0, EXACT },
	{ "records by type", "pipeline.records",
	  "pipeline.hits + pipeline.flows + pipeline.others", 0, EXACT },
	{ "packets exported", "all.packets_out",
	  "pipeline.flow_packets + all.lost_packets", 0, RECORDS },
	{ "bytes exported", "all.bytes_out",
	  "pipeline.flow_bytes + all.lost_bytes", 0, RECORDS },
	{ "matches", "pipeline.matches",
	  "pipeline.below + pipeline.evidence + pipeline.no_window", 0, EXACT },
	{ "window", "window.events + window.restored",
	  "window.resident + window.aged + window.displaced + "
	  "window.forgotten",
	  0, EXACT },
	{ "evidence", "threat.evidence",
	  "threat.opened + threat.folded + threat.redundant + "
	  "threat.watched + threat.expired + threat.suppressed + "
	  "threat.no_memory",
	  0, EXACT },
	{ "threats", "threat.opened + threat.revived",
	  "threat.closed_quiet + threat.closed_early + threat.closed_end + "
	  "threat.closed_suppressed + threat.open",
	  0, EXACT },
	{ "threats told", "threat.told",
	  "threat.opened + threat.updates + threat.closed_quiet + "
	  "threat.closed_early + threat.closed_end + "
	  "threat.closed_suppressed",
	  0, EXACT },
	{ "threats out", "threat.told", "told_out", 0, EXACT },
	{ "journal", "journal_offered",
	  "journal_refused + journal_committed + journal_dropped + "
	  "journal_waiting",
	  0, EXACT },
	{ "bus", "bus_offered", "bus_published + bus_refused", 0, EXACT },
	{ "replay requests", "replay_requests",
	  "replay_hellos + replay_begun + replay_credits + replay_cancels + "
	  "replay_refused",
	  0, EXACT },
	{ "replays", "replay_begun",
	  "replay_done + replay_broken + replay_open", 0, EXACT },
	{ "connections", "control_connections", "control_closed + control_open",
	  0, EXACT },
	{ "requests", "control_requests",
	  "control_pending + control_ok + control_errors", 0, EXACT },
};

enum { IDENTITIES = sizeof(identities) / sizeof(identities[0]) };
_Static_assert((int)IDENTITIES <= (int)PK_AUDIT_IDENTITIES,
	       "PK_AUDIT_IDENTITIES");

/* The counters of what was lost, or not seen whole, on the way of a frame. */
static const char *const plane_losses[] = { "nic_missed",
					    "nic_errors",
					    "nic_nombuf",
					    "socket_drops",
					    "gap_frames",
					    "reason.VLAN_DEPTH",
					    "reason.MPLS_DEPTH",
					    "reason.EXT_DEPTH",
					    "reason.GTP_EXT_DEPTH",
					    "reason.TUNNEL_DEPTH",
					    "reason.GRE_UNSUPPORTED",
					    "reason.NONLINEAR",
					    "dns_tcp_split",
					    "dns_tcp_other",
					    "dns_unreadable",
					    "hit_ring_full",
					    "sample_ring_full",
					    "sample_frag_refused",
					    "sample_deep_refused",
					    "sample_unreadable",
					    "flow_lost_lines",
					    "flow_lost_packets",
					    "gone_hits",
					    "gone_samples",
					    "gone_lines",
					    "gone_line_packets",
					    "gone_packets",
					    "gone_cached_packets",
					    "events_bad",
					    "names_bad",
					    "names_cut",
					    "frag_evicted",
					    "frag_quota",
					    "frag_displaced",
					    "frag_dropped",
					    "frag_oversize",
					    "frag_cut",
					    "frag_long",
					    "frag_length",
					    "frag_nested_left",
					    "records_ring_full",
					    "lost_packets",
					    "read_bad",
					    "read_lost",
					    NULL };
static const char *const sensor_losses[] = {
	"pipeline.no_window",  "window.displaced", "window.forgotten",
	"threat.no_memory",    "journal_refused",  "journal_dropped",
	"journal_sync_failed", "bus_refused",	   NULL
};

/* --- counters by name ----------------------------------------------------- */

struct field {
	const char *name;
	size_t offset;
	unsigned count; /* of u64 from there on */
};

#define FIELD(type, part, name)       \
	{                             \
		#name,                \
		offsetof(type, part), \
		1,                    \
	},
#define WORKER_FIELD(name, text) \
	FIELD(struct pk_audit_plane, workers.name, name)
#define STAGE_FIELD(name, text) FIELD(struct pk_audit_plane, stage.name, name)
#define KNOWN_FIELD(name, text) FIELD(struct pk_audit_plane, known.name, name)

static const struct field plane_fields[] = {
	PK_PLANE_COUNTERS(WORKER_FIELD) PK_STAGE_COUNTERS(STAGE_FIELD)
		PK_PORT_COUNTERS(STAGE_FIELD) PK_AUDIT_KNOWN(KNOWN_FIELD){
			"reasons",
			offsetof(struct pk_audit_plane, workers.reason),
			PK_REASONS_MAX },
	{ NULL, 0, 0 },
};

/* Each of them, for who wants one; together they are "reasons" above. */
#define REASON_FIELD(name, text)                            \
	{ #name,                                            \
	  offsetof(struct pk_audit_plane, workers.reason) + \
		  PK_PARSE_##name * sizeof(uint64_t),       \
	  1 },
static const struct field reason_fields[] = { PK_PARSE_REASONS(REASON_FIELD){
	NULL, 0, 0 } };

#define OWN_FIELD(name, text) FIELD(struct pk_audit_sensor, name, name)
static const struct field own_fields[] = { PK_AUDIT_SENSOR(OWN_FIELD){ NULL, 0,
								       0 } };

#define PIPELINE_FIELD(name, text) \
	FIELD(struct pk_audit_sensor, pipeline.pipeline.name, name)
static const struct field pipeline_fields[] = { PK_PIPELINE_COUNTERS(
	PIPELINE_FIELD){ NULL, 0, 0 } };

#define WINDOW_FIELD(name, text) \
	FIELD(struct pk_audit_sensor, pipeline.window.name, name)
static const struct field window_fields[] = { PK_WINDOW_COUNTERS(WINDOW_FIELD){
	NULL, 0, 0 } };

#define THREAT_FIELD(name, text) \
	FIELD(struct pk_audit_sensor, pipeline.threat.name, name)
static const struct field threat_fields[] = { PK_THREAT_COUNTERS(THREAT_FIELD){
	NULL, 0, 0 } };

/* Where names without a prefix, and with each prefix, are found. */
struct space {
	const char *prefix; /* "" : none */
	const struct field *fields;
	const void *base;
};

static const uint64_t *find(const struct space *spaces, const char *name,
			    unsigned *count)
{
	const struct space *s;

	for (s = spaces; s->prefix; s++) {
		size_t n = strlen(s->prefix);
		const struct field *f;

		if (strncmp(name, s->prefix, n))
			continue;
		for (f = s->fields; f->name; f++) {
			if (strcmp(f->name, name + n))
				continue;
			*count = f->count;
			return (const uint64_t *)((const char *)s->base +
						  f->offset);
		}
	}
	return NULL;
}

/* The sum of the terms of @text; a name that nobody has spoils it. */
static uint64_t sum(const struct space *spaces, const char *text)
{
	uint64_t total = 0;

	while (*text) {
		size_t n = strcspn(text, " ");
		char name[FIELD_NAME] = "";
		const uint64_t *at = NULL;
		unsigned count = 0;

		if (n < sizeof(name)) {
			memcpy(name, text, n);
			at = find(spaces, name, &count);
		}
		if (!at)
			return UINT64_MAX / 3;
		for (unsigned i = 0; i < count; i++)
			total += at[i];
		text += n;
		text += strspn(text, " +");
	}
	return total;
}

/* --- evaluation ------------------------------------------------------------ */

/* The sums over planes that the sensor's identities speak of. */
struct totals {
	struct pk_audit_plane all;
	struct pk_audit_plane kernel; /* XDP */
	struct pk_audit_plane user;   /* the others */
};

void pk_audit_add_worker(struct pk_plane_counters *to,
			 const struct pk_plane_counters *from)
{
	uint64_t *a = (uint64_t *)to;
	const uint64_t *b = (const uint64_t *)from;

	for (size_t i = 0; i < sizeof(*to) / sizeof(*a); i++)
		a[i] += b[i];
}

void pk_audit_add_plane(struct pk_audit_plane *to,
			const struct pk_audit_plane *from)
{
	const struct field *f;

	for (f = plane_fields; f->name; f++) {
		uint64_t *a = (uint64_t *)((char *)to + f->offset);
		const uint64_t *b =
			(const uint64_t *)((const char *)from + f->offset);

		for (unsigned i = 0; i < f->count; i++)
			a[i] += b[i];
	}
	for (unsigned i = 0; i < PK_AUDIT_IDENTITIES; i++)
		to->off[i] += from->off[i];
}

static void total(struct totals *t, const struct pk_audit *a)
{
	memset(t, 0, sizeof(*t));
	for (uint32_t i = 0; i < a->planes; i++) {
		const struct pk_audit_plane *p = &a->plane[i];

		pk_audit_add_plane(&t->all, p);
		pk_audit_add_plane(
			p->plane == PK_PLANE_XDP ? &t->kernel : &t->user, p);
	}
}

/* @off: what was written off of each identity. */
static void evaluate(unsigned index, const struct space *spaces,
		     const uint64_t *off, struct pk_audit_result *r)
{
	const struct identity *id = &identities[index];

	memset(r, 0, sizeof(*r));
	r->identity = id->name;
	r->left_text = id->left;
	r->right_text = id->right;
	r->index = index;
	r->left = sum(spaces, id->left);
	r->right = sum(spaces, id->right);
	r->off = (int64_t)off[index];
	r->delta = (int64_t)(r->left - r->right - off[index]);
	r->holds = !r->delta;
}

/*
 * One event for each death may have been taken and not counted, or counted
 * twice. Sums are in doubt only when the events they belong to are.
 */
static uint64_t tolerance(enum doubt doubt, const struct allowance *a)
{
	switch (doubt) {
	case EXACT:
		return 0;
	case EVENTS:
		return a->deaths;
	case LINES:
		return a->events ? a->deaths * UINT32_MAX : 0;
	case RECORDS:
		return a->events && a->deaths ? UINT64_MAX : 0;
	case EDGES:
		return a->edge;
	}
	return 0;
}

static void allow_doubt(struct pk_audit_result *r, struct allowance *a)
{
	enum doubt doubt = identities[r->index].doubt;
	uint64_t off = (uint64_t)(r->delta < 0 ? -r->delta : r->delta);

	if (r->holds || off > tolerance(doubt, a))
		return;
	r->holds = r->doubt = 1;
	a->events |= doubt == EVENTS;
}

static struct allowance allowance_of(const struct pk_audit_known *k)
{
	return (struct allowance){ k->deaths - k->deaths_settled,
				   k->edge_frames - k->edge_settled, 0 };
}

static uint32_t check_plane(const struct pk_audit_plane *p, uint32_t place,
			    struct pk_audit_result *r, int *doubted)
{
	const struct space spaces[] = { { "", plane_fields, p },
					{ NULL, NULL, NULL } };
	struct allowance a = allowance_of(&p->known);
	uint32_t n = 0;

	for (unsigned i = 0; i < IDENTITIES; i++) {
		const struct identity *id = &identities[i];

		if (!(id->planes & 1U << p->plane) ||
		    (id->doubt == EDGES && !p->offers))
			continue;
		evaluate(i, spaces, p->off, &r[n]);
		r[n].plane = p->name;
		r[n].place = place;
		allow_doubt(&r[n++], &a);
	}
	*doubted |= a.events;
	return n;
}

static void sensor_spaces(const struct pk_audit *a, const struct totals *t,
			  struct space spaces[8])
{
	const struct space all[] = { { "all.", plane_fields, &t->all },
				     { "kernel.", plane_fields, &t->kernel },
				     { "user.", plane_fields, &t->user },
				     { "pipeline.", pipeline_fields,
				       &a->sensor },
				     { "window.", window_fields, &a->sensor },
				     { "threat.", threat_fields, &a->sensor },
				     { "", own_fields, &a->sensor },
				     { NULL, NULL, NULL } };

	memcpy(spaces, all, sizeof(all));
}

static uint32_t check_sensor(const struct pk_audit *a, const struct totals *t,
			     struct pk_audit_result *r, int doubted)
{
	struct allowance allow = allowance_of(&t->all.known);
	struct space spaces[8];
	uint32_t n = 0;

	allow.events = doubted;
	sensor_spaces(a, t, spaces);
	for (unsigned i = 0; i < IDENTITIES; i++) {
		if (identities[i].planes)
			continue;
		evaluate(i, spaces, a->sensor.off, &r[n]);
		r[n].plane = "sensor";
		r[n].place = a->planes;
		allow_doubt(&r[n++], &allow);
	}
	return n;
}

uint32_t pk_audit_size(uint32_t planes)
{
	return IDENTITIES * (planes + 1);
}

uint32_t pk_audit_check(const struct pk_audit *a,
			struct pk_audit_result *results, uint32_t *failed)
{
	struct totals t;
	uint32_t n = 0, bad = 0;
	int doubted = 0;

	for (uint32_t i = 0; i < a->planes; i++)
		n += check_plane(&a->plane[i], i, results + n, &doubted);
	total(&t, a);
	n += check_sensor(a, &t, results + n, doubted);
	for (uint32_t i = 0; i < n; i++)
		bad += !results[i].holds;
	if (failed)
		*failed = bad;
	return n;
}

/* --- losses ---------------------------------------------------------------- */

static uint32_t add_losses(const char *const *names, const struct space *spaces,
			   const char *plane, struct pk_audit_loss *out)
{
	uint32_t n = 0;

	for (; *names; names++) {
		uint64_t count = sum(spaces, *names);

		if (count)
			out[n++] =
				(struct pk_audit_loss){ plane, *names, count };
	}
	return n;
}

uint32_t pk_audit_losses(const struct pk_audit *a, struct pk_audit_loss *out)
{
	const struct totals none = { 0 };
	struct space sensor[8];
	uint32_t n = 0;

	for (uint32_t i = 0; i < a->planes; i++) {
		const struct space spaces[] = {
			{ "", plane_fields, &a->plane[i] },
			{ "reason.", reason_fields, &a->plane[i] },
			{ NULL, NULL, NULL }
		};

		n += add_losses(plane_losses, spaces, a->plane[i].name,
				out + n);
	}
	sensor_spaces(a, &none, sensor);
	return n + add_losses(sensor_losses, sensor, "sensor", out + n);
}

/* --- doubts ---------------------------------------------------------------- */

int pk_audit_is_unsettled(const struct pk_audit *a)
{
	for (uint32_t i = 0; i < a->planes; i++) {
		struct allowance left = allowance_of(&a->plane[i].known);

		if (left.deaths || left.edge)
			return 1;
	}
	return 0;
}

void pk_audit_settle(struct pk_audit *a, const struct pk_audit_result *results,
		     uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct pk_audit_result *r = &results[i];
		uint64_t *off = r->place < a->planes ? a->plane[r->place].off
						     : a->sensor.off;

		off[r->index] += (uint64_t)r->delta;
	}
	for (uint32_t i = 0; i < a->planes; i++) {
		struct pk_audit_known *k = &a->plane[i].known;

		k->deaths_settled = k->deaths;
		k->edge_settled = k->edge_frames;
	}
}

/* What becomes of fragments when their time is over. */
static void forget_fragments(struct pk_stage_counters *s)
{
	s->frag_used = s->frag_expired = s->frag_oversize = 0;
	s->frag_resident = s->frag_runs = 0;
}

/* The control socket and the bus move by asking; they keep nobody waiting. */
int pk_audit_moved(const struct pk_audit *a, const struct pk_audit *b)
{
	if (a->planes != b->planes ||
	    memcmp(&a->sensor.pipeline, &b->sensor.pipeline,
		   sizeof(a->sensor.pipeline)))
		return 1;
	for (uint32_t i = 0; i < a->planes; i++) {
		struct pk_audit_plane x = a->plane[i], y = b->plane[i];

		/* these move by themselves while nothing happens */
		x.workers.sweeps = y.workers.sweeps = 0;
		forget_fragments(&x.stage);
		forget_fragments(&y.stage);
		x.known.read = y.known.read = 0;
		x.known.read_marks = y.known.read_marks = 0;
		if (memcmp(&x.workers, &y.workers, sizeof(x.workers)) ||
		    memcmp(&x.stage, &y.stage, sizeof(x.stage)) ||
		    memcmp(&x.known, &y.known, sizeof(x.known)))
			return 1;
	}
	return 0;
}

static uint64_t fragments_ended(const struct pk_stage_counters *s)
{
	return s->frag_used + s->frag_duplicate + s->frag_expired +
	       s->frag_evicted + s->frag_dropped + s->frag_oversize +
	       s->frag_quota + s->frag_cut + s->frag_long + s->frag_checksum +
	       s->frag_length;
}

void pk_audit_bury(struct pk_audit_plane *p)
{
	const struct pk_plane_counters *w = &p->workers;
	struct pk_stage_counters *s = &p->stage;
	struct pk_audit_known *k = &p->known;

	k->deaths++;
	k->gone_packets = s->packets_in - s->packets_out;
	k->gone_bytes = s->bytes_in - s->bytes_out;
	s->flows_resident = s->packets_resident = s->bytes_resident = 0;
	/* what was in its fragment table will never be whole */
	s->frag_expired += s->frag_in - fragments_ended(s);
	s->frag_resident = 0;
	if (p->plane == PK_PLANE_XDP)
		return;
	/* read once a second: it died in between */
	s->nic_packets = w->seen;
	k->gone_hits = w->hit_submitted - s->hits_in - k->before_hits;
	k->gone_samples =
		w->sample_submitted - s->samples_in - k->before_samples;
	k->gone_lines = w->flow_out_lines - s->lines_in - k->before_lines;
	k->gone_line_packets =
		w->flow_out_packets - s->packets_in - k->before_packets;
	k->gone_line_bytes = w->flow_out_bytes - s->bytes_in - k->before_bytes;
	k->gone_cached_packets =
		w->flow_packets - w->flow_out_packets - w->flow_lost_packets;
	k->gone_cached_bytes =
		w->flow_bytes - w->flow_out_bytes - w->flow_lost_bytes;
}
