/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf_rig: the shipped BPF object on one CPU, driven by BPF_PROG_TEST_RUN.
 *
 *	rig ── pk_xdp_new, pk_xdp_load (replay) ── programs
 *	    ├─ store ── builder ── images ── the kernel's slots
 *	    ├─ counters, lines, hits: mapped; the packet: the cpus map
 *	    └─ rings of this CPU ── events, appended to a buffer
 *
 * Repeat is 1 always. Every failure ends the test that caused it.
 */
#ifndef PK_TESTS_BPF_RIG_H
#define PK_TESTS_BPF_RIG_H

#include <errno.h>
#include <linux/bpf.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>

#include "bpf/abi.h"
#include "bpf/dns.h"
#include "bpf/flow.h"
#include "dataplane/xdp/object.h"
#include "ioc/image/builder.h"
#include "ioc/image/images.h"
#include "ioc/store/store.h"

enum {
	RIG_META = sizeof(struct pk_replay_meta),
	RIG_FRAME_MAX = 16384,
	RIG_PORT = 7,
	RIG_SEED = 4242,
	RIG_SLOTS = 1 << 18,
	RIG_GO_ON = -1, /* TC_ACT_UNSPEC */
	/* struct pk_cpu_state of bpf/maps.bpf.h */
	RIG_STATE = 8 + sizeof(struct pk_decode) + 8 +
		    sizeof(struct pk_dns_scratch) +
		    sizeof(struct pk_sample_event) + PK_SAMPLE_BYTES,
};

/* Events of one ring in the order of their making. */
struct rig_events {
	uint8_t *data;
	size_t len, cap;
	uint32_t count;
};

struct rig {
	struct pk_xdp *xdp;
	struct pk_xdp_progs progs;
	struct pk_store *store;
	struct pk_images *images;
	struct pk_image_target target;
	struct pk_plane_counters *count; /* this CPU's */
	struct pk_flow_line *lines;	 /* this CPU's */
	uint64_t *hits;
	uint32_t cpu;
	struct ring_buffer *alert_ring, *event_ring;
	struct rig_events alerts, events;
	void *map[3];
	size_t map_len[3];
	uint8_t in[RIG_META + RIG_FRAME_MAX];
};

/* --- making --------------------------------------------------------------- */

static inline uint32_t rig_pin(void)
{
	cpu_set_t set;
	uint32_t cpu = 0;

	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	while (!CPU_ISSET(cpu, &set))
		cpu++;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	assert_int_equal(sched_setaffinity(0, sizeof(set), &set), 0);
	return cpu;
}

static inline void *rig_map(struct rig *r, int i, enum pk_xdp_map which,
			    size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ, MAP_SHARED,
		       pk_xdp_fd(r->xdp, which), 0);

	assert_ptr_not_equal(p, MAP_FAILED);
	r->map[i] = p;
	r->map_len[i] = bytes;
	return p;
}

static inline void rig_keep(struct rig_events *e, const void *data, size_t size)
{
	if (e->len + size > e->cap) {
		e->cap = (e->len + size) * 2;
		e->data = realloc(e->data, e->cap);
		assert_non_null(e->data);
	}
	memcpy(e->data + e->len, data, size);
	e->len += size;
	e->count++;
}

static inline int rig_on_event(void *arg, void *data, size_t size)
{
	const struct pk_event *head = data;

	assert_true(size >= sizeof(*head));
	assert_int_equal(head->len, size);
	assert_int_equal(head->version, PK_ABI_VERSION);
	rig_keep(arg, data, size);
	return 0;
}

static inline void rig_open_maps(struct rig *r)
{
	uint32_t cpus = pk_xdp_cpus(r->xdp);
	struct pk_plane_counters *count =
		rig_map(r, 0, PK_XDP_MAP_counters, cpus * sizeof(*count));
	struct pk_flow_line *lines = rig_map(
		r, 1, PK_XDP_MAP_lines, cpus * PK_FLOW_LINES * sizeof(*lines));

	r->count = &count[r->cpu];
	r->lines = &lines[r->cpu * PK_FLOW_LINES];
	r->hits = rig_map(r, 2, PK_XDP_MAP_hits, RIG_SLOTS * 8);
	r->alert_ring = ring_buffer__new(pk_xdp_alert_fd(r->xdp, r->cpu),
					 rig_on_event, &r->alerts, NULL);
	r->event_ring = ring_buffer__new(pk_xdp_event_fd(r->xdp, r->cpu),
					 rig_on_event, &r->events, NULL);
	assert_non_null(r->alert_ring);
	assert_non_null(r->event_ring);
}

/* Programs as a sensor runs them: the frames have no time of their own. */
static int rig_live;

/* A rig whose rings have so many bytes; 0: those of an ordinary sensor. */
static inline int rig_load(struct rig *r, uint32_t ring_bytes, char *why,
			   size_t size)
{
	struct pk_xdp_conf conf;
	int err;

	memset(r, 0, sizeof(*r));
	pk_xdp_conf_default(&conf);
	conf.replay = !rig_live;
	conf.seed = RIG_SEED;
	conf.slots = RIG_SLOTS;
	conf.base_lines = 1 << 16;
	if (ring_bytes)
		conf.alert_bytes = conf.event_bytes = ring_bytes;
	err = pk_xdp_new(&r->xdp, &conf, why, size);
	if (!err)
		err = pk_xdp_load(r->xdp, RIG_PORT, &r->progs, why, size);
	return err;
}

/* As above, with the rest: an empty store, images that the kernel sees. */
static inline struct rig *rig_new(uint32_t ring_bytes,
				  int (*grace)(void *arg, uint64_t generation),
				  void *arg)
{
	struct pk_images_conf conf = { RIG_SEED, grace, arg };
	struct rig *r = malloc(sizeof(*r));
	int slots[PK_IMAGE_SLOTS];
	char why[4096] = "";

	assert_non_null(r);
	if (rig_load(r, ring_bytes, why, sizeof(why)))
		fail_msg("%s", why);
	r->cpu = rig_pin();
	rig_open_maps(r);
	assert_int_equal(pk_store_new(&r->store, RIG_SEED), 0);
	assert_int_equal(pk_images_new(&r->images, &conf), 0);
	for (uint32_t i = 0; i < PK_IMAGE_SLOTS; i++)
		slots[i] = pk_xdp_slot_fd(r->xdp, i);
	assert_int_equal(
		pk_xdp_map_target(&r->target,
				  pk_xdp_fd(r->xdp, PK_XDP_MAP_control), slots),
		0);
	return r;
}

/* Let the kernel see the images, if it does not yet. */
static inline void rig_show(struct rig *r)
{
	if (!r->target.control->word)
		assert_int_equal(pk_images_add_target(r->images, &r->target),
				 1);
}

/* Build what the store holds and let the kernel see it. */
static inline void rig_publish(struct rig *r)
{
	struct pk_block base = { 0 };

	assert_int_equal(pk_builder_base(r->store, &base), 0);
	pk_store_settle(r->store);
	assert_int_equal(pk_images_publish_base(r->images, &base), 0);
	pk_block_free(&base);
	rig_show(r);
}

static inline void rig_free(struct rig *r)
{
	ring_buffer__free(r->alert_ring);
	ring_buffer__free(r->event_ring);
	pk_images_free(r->images);
	pk_xdp_unmap_target(&r->target);
	pk_store_free(r->store);
	for (int i = 0; i < 3; i++)
		munmap(r->map[i], r->map_len[i]);
	close(r->progs.xdp_fd);
	close(r->progs.tc_fd);
	close(r->progs.sweep_fd);
	pk_xdp_free(r->xdp);
	free(r->alerts.data);
	free(r->events.data);
	free(r);
}

/* List an indicator, which may be there already; its slot. */
static inline uint32_t rig_add(struct rig *r, const struct pk_indicator *ind)
{
	uint32_t slot = 0;
	int err = pk_store_add(r->store, ind, &slot);

	assert_true(err == 0 || err == -EEXIST);
	return slot;
}

/* List an address; its slot. */
static inline uint32_t rig_list(struct rig *r, const uint8_t addr[16])
{
	struct pk_indicator ind;

	pk_indicator_init(&ind);
	memcpy(ind.addr.b, addr, 16);
	ind.type = pk_is_v4(&ind.addr) ? PK_INDICATOR_IPV4 : PK_INDICATOR_IPV6;
	return rig_add(r, &ind);
}

/* --- running -------------------------------------------------------------- */

/* The verdict of the XDP program for a frame, the first @linear bytes of it
 * in one piece. -errno if the kernel refuses to try.
 */
static inline int rig_try(struct rig *r, int prog, const void *frame,
			  uint32_t len, uint32_t linear)
{
	struct xdp_md ctx = { .data = RIG_META, .data_end = RIG_META + linear };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = r->in,
		    .data_size_in = RIG_META + len, .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx));

	if (frame)
		memcpy(r->in + RIG_META, frame, len);
	if (bpf_prog_test_run_opts(prog, &opts))
		return -errno;
	return (int)opts.retval;
}

static inline void rig_stamp(struct rig *r, uint64_t time_ns, uint64_t number)
{
	struct pk_replay_meta meta = { time_ns, number };

	memcpy(r->in, &meta, sizeof(meta));
}

/* One received frame. It must pass. */
static inline void rig_run(struct rig *r, const void *frame, uint32_t len,
			   uint64_t time_ns, uint64_t number)
{
	rig_stamp(r, time_ns, number);
	assert_int_equal(rig_try(r, r->progs.xdp_fd, frame, len, len),
			 XDP_PASS);
}

static inline void rig_sweep(struct rig *r, uint64_t time_ns)
{
	rig_stamp(r, time_ns, 0);
	assert_int_equal(rig_try(r, r->progs.sweep_fd, NULL, 64, 64), XDP_PASS);
}

/* The verdict of the tc program for a frame, or -errno, as above. */
static inline int rig_try_send(struct rig *r, const void *frame, uint32_t len,
			       uint32_t segments)
{
	struct __sk_buff ctx = { .gso_segs = segments,
				 .gso_size = segments > 1 ? 1000 : 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame,
		    .data_size_in = len, .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx));

	if (bpf_prog_test_run_opts(r->progs.tc_fd, &opts))
		return -errno;
	return (int)opts.retval == RIG_GO_ON ? 0 : -EPROTO;
}

/* One sent frame of @segments GSO segments. It must go on. */
static inline void rig_send(struct rig *r, const void *frame, uint32_t len,
			    uint32_t segments)
{
	assert_int_equal(rig_try_send(r, frame, len, segments), 0);
}

/* The packet that the last program run on this CPU decoded. */
static inline struct pk_packet rig_packet(const struct rig *r)
{
	uint8_t state[RIG_STATE];
	struct pk_packet p;

	if (bpf_map_lookup_elem(pk_xdp_fd(r->xdp, PK_XDP_MAP_cpus), &r->cpu,
				state))
		fail_msg("cpus map: %s", strerror(errno));
	memcpy(&p, state + 8, sizeof(p));
	return p;
}

static inline void rig_drain(struct rig *r)
{
	assert_true(ring_buffer__consume(r->alert_ring) >= 0);
	assert_true(ring_buffer__consume(r->event_ring) >= 0);
}

static inline void rig_forget(struct rig_events *e)
{
	e->len = 0;
	e->count = 0;
}

/* Event number @n of a buffer, or NULL. */
static inline const void *rig_event(const struct rig_events *e, uint32_t n)
{
	size_t at = 0;

	while (at < e->len) {
		struct pk_event head;

		if (!n--)
			return e->data + at;
		memcpy(&head, e->data + at, sizeof(head));
		at += head.len;
	}
	return NULL;
}

#endif /* PK_TESTS_BPF_RIG_H */
