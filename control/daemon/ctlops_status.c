/* SPDX-License-Identifier: BSD-2-Clause */
/* ioc status, ioc confirm-clock */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/daemon/ctlops_ioc.h"

enum {
	LAG_MS = 1000,
	REPORTS = 3, /* of bases that were replaced meanwhile */
};

/* Is the process held by a signal (or a tracer)? proc(5), stat, field 3. */
static bool is_stopped(pid_t pid)
{
	char path[32], text[64] = "";
	const char *state;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	fd = pid ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0)
		return false;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	state = strrchr(text, ')');
	return state && state[1] && strchr("Tt", state[2]);
}

/*
 * What a plane uses. The programs of xdp read the kernel's word with each
 * packet; until the kernel has its maps nothing is used.
 */
static uint64_t used_by(const struct pk_daemon *d,
			const struct pk_plane_view *v)
{
	struct pk_indicators_pair kernel;

	if (v->desc.plane == PK_PLANE_DPDK)
		return pk_planes_generation(d->planes, v->desc.name);
	return pk_indicators_pair(d->indicators, 1, &kernel)
		       ? 0
		       : kernel.generation;
}

/*
 * How long a plane has been without the active generation; one that does not
 * run, or whose process is stopped, counts as without.
 */
static uint64_t lag_ms(const struct pk_daemon *d, const struct pk_plane_view *v,
		       uint64_t generation)
{
	struct pk_indicators_state state;
	uint64_t now = pk_daemon_real_ns(), since;
	bool is_port = v->desc.plane == PK_PLANE_DPDK;

	pk_indicators_state(d->indicators, &state);
	if (v->state == PK_PLANE_RUNNING_STATE &&
	    generation == pk_indicators_generation(d->indicators) &&
	    (is_port || !is_stopped(v->pid)))
		return 0;
	since = state.since_ns;
	if (v->state == PK_PLANE_RUNNING_STATE && v->since_ns > since)
		since = v->since_ns; /* it cannot be behind for longer */
	return now > since ? (now - since) / 1000000 + 1 : 1;
}

static void say_why(char *why, size_t size, const char *format,
		    const char *name)
{
	if (!*why)
		snprintf(why, size, format, name);
}

static void add_planes(struct json_object *o, const struct pk_daemon *d,
		       char *why, size_t size)
{
	struct json_object *list = pk_ioc_add_list(o, "planes");
	const struct pk_plane_view *v;

	for (uint32_t i = 0; (v = pk_planes_view(d->planes, i)); i++) {
		struct json_object *e = pk_ioc_add_element(list);
		int is_port = v->desc.plane == PK_PLANE_DPDK;
		uint64_t used = used_by(d, v);
		uint64_t lag = lag_ms(d, v, used);

		pk_ctlops_add_text(e, "plane", is_port ? "dpdk" : "xdp");
		pk_ctlops_add_text(e, "port", is_port ? v->desc.name : "");
		pk_ctlops_add_text(e, "state", pk_plane_state_word(v->state));
		pk_ctlops_add_number(e, "generation", used);
		pk_ctlops_add_number(e, "lag_ms", lag);
		if (v->state == PK_PLANE_STOPPED_STATE)
			continue;
		if (v->state != PK_PLANE_RUNNING_STATE)
			say_why(why, size, "plane %s does not run",
				v->desc.name);
		else if (lag > LAG_MS)
			say_why(why, size,
				"plane %s is behind the active generation",
				v->desc.name);
	}
}

static void add_tables(struct json_object *o, const struct pk_build_report *r)
{
	struct json_object *list = pk_ioc_add_list(o, "tables"), *e;
	static const char *const nets[] = { "net4", "net6" };

	for (int i = 0; i < PK_BLOCK_TABLE_COUNT; i++) {
		e = pk_ioc_add_element(list);
		pk_ctlops_add_text(e, "table", pk_block_table_word(i));
		pk_ctlops_add_number(e, "items", r->table[i].keys);
		pk_ctlops_add_number(e, "bytes", r->table[i].lines * 64ULL);
		pk_ctlops_add_number(e, "load", r->table[i].load_pct);
	}
	for (int i = 0; i < 2; i++) {
		e = pk_ioc_add_element(list);
		pk_ctlops_add_text(e, "table", nets[i]);
		pk_ctlops_add_number(e, "items", r->nets[i]);
		pk_ctlops_add_number(e, "bytes", i ? 0 : r->net_lines * 64ULL);
		pk_ctlops_add_number(e, "load", 0);
	}
}

static void add_double(struct json_object *o, const char *key, double n)
{
	json_object_object_add(o, key, json_object_new_double(n));
}

static void add_hash(struct json_object *o, const char *key, uint64_t sum)
{
	char text[20];

	snprintf(text, sizeof(text), "%016llx", (unsigned long long)sum);
	pk_ctlops_add_text(o, key, text);
}

static void add_image(struct json_object *o, struct pk_daemon *d,
		      const struct pk_store_stats *stats)
{
	struct json_object *image = pk_ioc_add_object(o, "image"), *part;
	const struct pk_build_report *r = d->report;
	struct pk_indicators_state state;
	struct pk_indicators_pair pair;

	pk_indicators_state(d->indicators, &state);
	pk_indicators_pair(d->indicators, 0, &pair);
	part = pk_ioc_add_object(image, "base");
	pk_ctlops_add_number(part, "items", state.base_items);
	pk_ctlops_add_number(part, "bytes", state.base_lines * 64ULL);
	pk_ctlops_add_number(part, "generation", state.base_generation);
	add_hash(part, "hash", pair.base_sum);
	part = pk_ioc_add_object(image, "delta");
	pk_ctlops_add_number(part, "items", stats->additions);
	pk_ctlops_add_number(part, "tombstones", stats->tombstones);
	pk_ctlops_add_number(part, "bytes", state.delta_lines * 64ULL);
	if (!r || d->report_generation != state.base_generation)
		return; /* bases come faster than they are looked at */
	add_tables(image, r);
	part = pk_ioc_add_object(image, "filter");
	pk_ctlops_add_number(part, "bytes", r->filter_bits / 8);
	add_double(part, "bits_per_item",
		   state.base_items
			   ? (double)r->filter_bits / (double)state.base_items
			   : 0);
	add_double(part, "error_rate", r->filter_measured);
	pk_ctlops_add_number(image, "worst_probes",
			     r->worst_endpoint > r->worst_address
				     ? r->worst_endpoint
				     : r->worst_address);
	pk_ctlops_add_number(image, "collisions", r->collisions);
}

static void add_store(struct json_object *o, const struct pk_daemon *d,
		      const struct pk_store_stats *s)
{
	struct json_object *part = pk_ioc_add_object(o, "store"), *types;
	const char *clock = pk_indicators_clock_state(d->indicators);

	pk_ctlops_add_number(part, "bytes", s->bytes);
	pk_ctlops_add_number(part, "expiring", s->expiring);
	pk_ctlops_add_number(part, "expired", s->expired);
	if (*clock)
		pk_ctlops_add_text(part, "clock", clock);
	types = pk_ioc_add_object(part, "by_type");
	for (unsigned i = 0; i < PK_INDICATOR_TYPE_COUNT; i++)
		if (s->by_type[i])
			pk_ctlops_add_number(types, pk_indicator_type_word(i),
					     s->by_type[i]);
}

static void add_disk(struct json_object *o, const struct pk_daemon *d,
		     char *why, size_t size)
{
	struct json_object *part = pk_ioc_add_object(o, "disk");
	struct pk_indicators_disk disk;

	pk_indicators_disk(d->indicators, &disk);
	pk_ctlops_add_text(part, "dir", disk.dir);
	pk_ctlops_add_number(part, "bytes", disk.log_bytes);
	pk_ctlops_add_number(part, "synced_commit", disk.synced);
	pk_ioc_add_ns(part, "synced_time", disk.synced_ns);
	pk_ctlops_add_number(part, "behind",
			     pk_indicators_last(d->indicators) - disk.synced);
	if (!*disk.error)
		return;
	pk_ctlops_add_text(part, "error", disk.error);
	say_why(why, size, "%s", disk.error);
}

static void add_loading(struct json_object *o, const struct pk_daemon *d,
			const struct pk_load_progress *p)
{
	struct json_object *part;

	if (p->phase == PK_LOAD_IDLE)
		return;
	part = pk_ioc_add_object(o, "loading");
	pk_ctlops_add_text(part, "op", p->op);
	pk_ctlops_add_text(part, "feed", p->feed);
	pk_ctlops_add_text(part, "phase", pk_load_phase_word(p->phase));
	pk_ctlops_add_number(part, "done", p->done);
	pk_ctlops_add_number(part, "total", p->total);
	pk_ctlops_add_number(part, "waiting", pk_ctlops_loads_waiting(d));
}

static unsigned feeds_with_items(const struct pk_daemon *d)
{
	const struct pk_store *s = pk_indicators_store(d->indicators);
	unsigned n = pk_store_feed_count(s), with = 0;

	for (unsigned i = 0; i < n; i++)
		with += pk_store_feed_items(s, (uint16_t)i) > 0;
	return with;
}

static void add_state(struct json_object *o, const struct pk_daemon *d,
		      const char *why, const struct pk_load_progress *p)
{
	struct pk_indicators_state state;
	struct pk_indicators_pair pair;
	const char *word;

	pk_indicators_state(d->indicators, &state);
	pk_indicators_pair(d->indicators, 0, &pair);
	word = *why			  ? "degraded"
	       : p->phase != PK_LOAD_IDLE ? "loading"
	       : state.building		  ? "building"
					  : "ok";
	pk_ctlops_add_text(o, "state", word);
	if (*why)
		pk_ctlops_add_text(o, "why", why);
	pk_ctlops_add_number(o, "generation", pair.generation);
	pk_ctlops_add_number(o, "commit", pk_indicators_last(d->indicators));
	add_hash(o, "hash", pair.base_sum ^ pair.delta_sum << 1);
}

/* So that what ended while the sensor was off may end. */
static int op_confirm_clock(void *arg, struct json_object *args,
			    const void *bytes, size_t n,
			    struct pk_ctl_answer *out)
{
	struct pk_daemon *d = arg;
	struct json_object *o;
	struct pk_args a;

	(void)bytes;
	(void)n;
	pk_args_begin(&a, args);
	if (pk_args_end(&a, out))
		return 0;
	pk_indicators_confirm_clock(d->indicators);
	o = json_object_new_object();
	pk_ctlops_add_text(o, "clock",
			   pk_indicators_clock_state(d->indicators));
	pk_ctl_ok(out, o);
	return 0;
}

static struct json_object *status_object(struct pk_daemon *d)
{
	struct json_object *o = json_object_new_object(), *part;
	struct pk_indicators_state state;
	struct pk_load_progress progress;
	struct pk_store_stats stats;
	char why[160] = "";

	pk_store_stats(pk_indicators_store(d->indicators), &stats);
	pk_indicators_state(d->indicators, &state);
	pk_loader_progress(d->loader, &progress);
	if (state.failed)
		say_why(why, sizeof(why), "%s", state.why);
	add_planes(o, d, why, sizeof(why));
	add_disk(o, d, why, sizeof(why));
	add_state(o, d, why, &progress);
	pk_ctlops_add_number(o, "items", stats.live);
	pk_ctlops_add_number(o, "feeds", feeds_with_items(d));
	add_image(o, d, &stats);
	add_store(o, d, &stats);
	part = pk_ioc_add_object(o, "hits");
	pk_ctlops_add_number(part, "tracked", pk_evidence_count(d->evidence));
	pk_ctlops_add_number(part, "capacity", PK_EVIDENCE_MAX);
	add_loading(o, d, &progress);
	return o;
}

/* A report of the active base reads all of it: once, when somebody asks. */
struct asking {
	struct pk_job job;
	struct pk_daemon *d;
	struct pk_build_report *report; /* NULL: none was made yet */
	struct pk_view view;
	uint64_t generation; /* of the base that it is of */
	bool reads;	     /* that base */
	unsigned reports;
};

static enum pk_job_next begin_report(struct asking *q, uint64_t generation)
{
	if (!q->report)
		q->report = calloc(1, sizeof(*q->report));
	if (!q->report)
		return PK_JOB_MORE;
	q->generation = generation;
	q->reads = true;
	pk_indicators_read_base(q->d->indicators);
	pk_images_view(pk_indicators_images(q->d->indicators), &q->view);
	return PK_JOB_BESIDE;
}

/* In the thread. */
static void make_report(struct pk_job *job)
{
	struct asking *q = (struct asking *)job;

	pk_block_report(q->view.base, q->report);
}

static void end_report(struct asking *q)
{
	if (q->reads)
		pk_indicators_leave_base(q->d->indicators);
	q->reads = false;
}

static enum pk_job_next status_step(struct pk_job *job)
{
	struct asking *q = (struct asking *)job;
	struct pk_indicators_state state;
	struct pk_daemon *d = q->d;

	end_report(q);
	pk_indicators_state(d->indicators, &state);
	if (q->report && q->generation == state.base_generation) {
		free(d->report);
		d->report = q->report;
		d->report_generation = q->generation;
		q->report = NULL;
	}
	if ((!d->report || d->report_generation != state.base_generation) &&
	    q->reports++ < REPORTS)
		return begin_report(q, state.base_generation);
	pk_ctl_ok(job->out, status_object(d));
	return PK_JOB_DONE;
}

static void free_asking(struct pk_job *job)
{
	struct asking *q = (struct asking *)job;

	end_report(q);
	free(q->report);
	free(q);
}

static int op_status(void *arg, struct json_object *args, const void *bytes,
		     size_t n, struct pk_ctl_answer *out)
{
	struct pk_daemon *d = arg;
	struct asking *q;
	struct pk_args a;

	(void)bytes;
	(void)n;
	pk_args_begin(&a, args);
	if (pk_args_end(&a, out))
		return 0;
	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	q->job = (struct pk_job){ .out = out,
				  .step = status_step,
				  .beside = make_report,
				  .end = free_asking };
	q->d = d;
	pk_jobs_start(d->jobs, &q->job);
	return PK_CTL_LATER;
}

int pk_ctlops_register_status(struct pk_daemon *d)
{
	static const struct pk_ctlop ops[] = {
		{ "ioc status", op_status },
		{ "ioc confirm-clock", op_confirm_clock },
	};

	return pk_ctlops_add_all(d, ops, sizeof(ops) / sizeof(ops[0]));
}
