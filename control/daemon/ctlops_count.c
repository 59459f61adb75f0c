/* SPDX-License-Identifier: BSD-2-Clause */
/* ioc hits, ioc status */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/daemon/ctlops_ioc.h"

enum { HITS_LIMIT = 20, HITS_MAX = 10000, LAG_MS = 1000 };

/* --- hits ------------------------------------------------------------------------------- */

struct tally {
	uint64_t hits;
	uint32_t items;
	uint32_t key; /* slot, feed or type */
};

/* The best so far, the least of them first: a heap of at most limit. */
struct tallies {
	struct tally *heap;
	uint32_t count, limit;
	uint64_t total, hits;
	struct tally *feed; /* PK_FEEDS_MAX */
	struct tally type[PK_INDICATOR_TYPE_COUNT];
};

static bool is_less(const struct tally *a, const struct tally *b)
{
	return a->hits < b->hits || (a->hits == b->hits && a->key > b->key);
}

static void sink(struct tally *heap, uint32_t count, uint32_t i)
{
	struct tally t = heap[i];

	for (;;) {
		uint32_t child = 2 * i + 1;

		if (child + 1 < count &&
		    is_less(&heap[child + 1], &heap[child]))
			child++;
		if (child >= count || !is_less(&heap[child], &t))
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = t;
}

static void keep_best(struct tallies *all, const struct tally *t)
{
	if (!all->limit)
		return;
	if (all->count < all->limit) {
		uint32_t i = all->count++;

		for (; i && is_less(t, &all->heap[(i - 1) / 2]);
		     i = (i - 1) / 2)
			all->heap[i] = all->heap[(i - 1) / 2];
		all->heap[i] = *t;
	} else if (is_less(&all->heap[0], t)) {
		all->heap[0] = *t;
		sink(all->heap, all->count, 0);
	}
}

static int by_most(const void *a, const void *b)
{
	return is_less(a, b) ? 1 : -1;
}

static void count_one(const struct pk_daemon *d, struct tallies *all,
		      uint32_t slot, uint64_t hits)
{
	const struct pk_store *s = pk_indicators_store(d->indicators);
	struct tally t = { hits, 1, slot };
	struct pk_indicator ind;
	uint16_t feeds[64];
	unsigned n;

	all->total++;
	all->hits += hits;
	keep_best(all, &t);
	if (pk_store_get(s, slot, &ind))
		return;
	all->type[ind.type].hits += hits;
	all->type[ind.type].items++;
	n = pk_store_feeds(s, slot, feeds, 64);
	for (unsigned i = 0; i < n && i < 64; i++) {
		all->feed[feeds[i]].hits += hits;
		all->feed[feeds[i]].items++;
	}
}

static void count_all(const struct pk_daemon *d, struct tallies *all)
{
	const struct pk_store *s = pk_indicators_store(d->indicators);

	for (uint32_t slot = 0; (slot = pk_store_next(s, slot));) {
		uint64_t hits = pk_indicators_hits(d->indicators, slot);

		if (hits)
			count_one(d, all, slot, hits);
	}
}

static void tell_indicator(const struct pk_daemon *d, struct json_object *o,
			   const struct tally *t)
{
	const struct pk_evidence_entry *e =
		pk_evidence_find(d->evidence, t->key);
	struct pk_indicator ind;

	if (pk_store_get(pk_indicators_store(d->indicators), t->key, &ind))
		return;
	pk_ctlops_add_number(o, "slot", t->key);
	pk_ioc_add_value(o, &ind);
	pk_ctlops_add_text(o, "feed",
			   pk_indicators_feed_name(d->indicators, ind.feed));
	pk_ctlops_add_number(o, "hits", t->hits);
	if (!e)
		return;
	pk_ioc_add_ns(o, "first_hit", e->first_ns);
	pk_ioc_add_ns(o, "last_hit", e->last_ns);
}

static void tell_sum(struct json_object *o, const char *key, const char *name,
		     const struct tally *t)
{
	pk_ctlops_add_text(o, key, name);
	pk_ctlops_add_number(o, "items", t->items);
	pk_ctlops_add_number(o, "hits", t->hits);
}

/* Sums take the place of the indicators in the heap. */
static void rank(struct tallies *all, struct tally *sums, uint32_t n)
{
	all->count = 0;
	for (uint32_t i = 0; i < n; i++) {
		sums[i].key = i;
		if (sums[i].hits)
			keep_best(all, &sums[i]);
	}
}

static void tell_hits(const struct pk_daemon *d, struct tallies *all,
		      const char *by, struct json_object *items)
{
	bool feeds = !strcmp(by, "feed"), types = !strcmp(by, "type");

	if (feeds)
		rank(all, all->feed, PK_FEEDS_MAX);
	else if (types)
		rank(all, all->type, PK_INDICATOR_TYPE_COUNT);
	qsort(all->heap, all->count, sizeof(*all->heap), by_most);
	for (uint32_t i = 0; i < all->count; i++) {
		const struct tally *t = &all->heap[i];
		struct json_object *o = pk_ioc_add_element(items);

		if (feeds)
			tell_sum(o, "feed",
				 pk_indicators_feed_name(d->indicators, t->key),
				 t);
		else if (types)
			tell_sum(o, "type", pk_indicator_type_word(t->key), t);
		else
			tell_indicator(d, o, t);
	}
}

static int op_hits(void *arg, struct json_object *args, const void *bytes,
		   size_t n, struct pk_ctl_answer *out)
{
	struct tallies all = { 0 };
	struct json_object *o;
	struct pk_args a;
	const char *by;

	(void)bytes;
	(void)n;
	pk_args_begin(&a, args);
	by = pk_args_text(&a, "by", false);
	all.limit = (uint32_t)pk_args_number(&a, "limit", HITS_LIMIT, HITS_MAX);
	if (pk_args_end(&a, out))
		return 0;
	by = by ? by : "indicator";
	if (strcmp(by, "indicator") && strcmp(by, "feed") &&
	    strcmp(by, "type")) {
		pk_ctl_fail(out, PK_CTL_E_USAGE,
			    "by is indicator, feed or type",
			    "hits by \"%.40s\"", by);
		return 0;
	}
	all.heap = calloc(all.limit + 1, sizeof(*all.heap));
	all.feed = calloc(PK_FEEDS_MAX, sizeof(*all.feed));
	if (!all.heap || !all.feed) {
		free(all.heap);
		free(all.feed);
		return -ENOMEM;
	}
	count_all(arg, &all);
	o = json_object_new_object();
	pk_ctlops_add_text(o, "by", by);
	pk_ctlops_add_number(o, "total", all.total);
	pk_ctlops_add_number(o, "hits", all.hits);
	tell_hits(arg, &all, by, pk_ioc_add_list(o, "items"));
	free(all.heap);
	free(all.feed);
	pk_ctl_ok(out, o);
	return 0;
}

/* --- status -------------------------------------------------------------------------------- */

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

/* Of the active base; made when somebody asks, as it reads all of it. */
static const struct pk_build_report *report(struct pk_daemon *d)
{
	struct pk_indicators_state state;
	struct pk_view v;

	pk_indicators_state(d->indicators, &state);
	if (!d->report)
		d->report = calloc(1, sizeof(*d->report));
	else if (d->report_generation == state.base_generation)
		return d->report;
	if (!d->report)
		return NULL;
	pk_images_view(pk_indicators_images(d->indicators), &v);
	pk_block_report(v.base, d->report);
	d->report_generation = state.base_generation;
	return d->report;
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
	const struct pk_build_report *r = report(d);
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
	if (!r)
		return;
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

static void add_loading(struct json_object *o, const struct pk_load_progress *p)
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

static int op_status(void *arg, struct json_object *args, const void *bytes,
		     size_t n, struct pk_ctl_answer *out)
{
	struct pk_daemon *d = arg;
	struct json_object *o, *part;
	struct pk_indicators_state state;
	struct pk_load_progress progress;
	struct pk_store_stats stats;
	char why[160] = "";
	struct pk_args a;

	(void)bytes;
	(void)n;
	pk_args_begin(&a, args);
	if (pk_args_end(&a, out))
		return 0;
	o = json_object_new_object();
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
	add_loading(o, &progress);
	pk_ctl_ok(out, o);
	return 0;
}

int pk_ctlops_register_count(struct pk_daemon *d)
{
	static const struct pk_ctlop ops[] = {
		{ "ioc hits", op_hits },
		{ "ioc status", op_status },
		{ "ioc confirm-clock", op_confirm_clock },
	};

	return pk_ctlops_add_all(d, ops, sizeof(ops) / sizeof(ops[0]));
}
