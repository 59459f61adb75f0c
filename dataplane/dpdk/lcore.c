/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/dpdk/lcore.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>
#include <rte_prefetch.h>

#include "bpf/flow.h"

enum {
	PREFETCH = 4,	  /* frames ahead */
	SWEEP_BUSY = 32,  /* lines after a burst: 512 bursts see all */
	SWEEP_IDLE = 512, /* lines when there was none */
	IDLE_POLLS = 64,  /* empty looks before the first sleep */
	IDLE_NS = 100000,
	LAST_BURSTS = 4096, /* at most, after the stop */
	PATIENCE = 1 << 16, /* empty looks at a capture before it is short */
};

struct pk_lcore {
	struct pk_lcore_conf conf;
	uint64_t now_ns;    /* never goes back */
	uint64_t delivered; /* frames */
	uint32_t tick;
	uint32_t idle;
	int stamp_offset; /* of the capture's time in an mbuf */
	struct rte_mbuf *mbufs[PK_BURST];
	struct pk_worker_frame frames[PK_BURST];
	struct pk_frame_rooms rooms;
};

int pk_lcore_new(struct pk_lcore **out, const struct pk_lcore_conf *conf)
{
	struct pk_lcore *l;
	int stamp = 0;

	if (conf->replay)
		stamp = rte_mbuf_dynfield_lookup(
			RTE_MBUF_DYNFIELD_TIMESTAMP_NAME, NULL);
	if (stamp < 0)
		return -ENOTSUP;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->conf = *conf;
	l->stamp_offset = stamp;
	*out = l;
	return 0;
}

void pk_lcore_free(struct pk_lcore *l)
{
	free(l);
}

uint64_t pk_lcore_delivered(const struct pk_lcore *l)
{
	return l->delivered;
}

static int stopping(const struct pk_lcore *l)
{
	return atomic_load_explicit(l->conf.stop, memory_order_relaxed);
}

static void ahead(struct rte_mbuf *const *mbufs, uint32_t i, uint32_t n)
{
	if (i < n)
		rte_prefetch0(rte_pktmbuf_mtod(mbufs[i], const void *));
}

/* Receive up to @most frames and point l->frames at them. */
static uint32_t receive(struct pk_lcore *l, uint32_t most)
{
	uint32_t n = rte_eth_rx_burst(l->conf.port, l->conf.queue, l->mbufs,
				      (uint16_t)most);

	for (uint32_t i = 0; i < PREFETCH; i++)
		ahead(l->mbufs, i, n);
	for (uint32_t i = 0; i < n; i++) {
		ahead(l->mbufs, i + PREFETCH, n);
		pk_frame_read(&l->rooms, i, l->mbufs[i], &l->frames[i]);
	}
	l->delivered += n;
	return n;
}

static void look_at_clock(struct pk_lcore *l)
{
	uint64_t now = pk_tsc_real(l->conf.tsc, rte_rdtsc());

	if (now > l->now_ns)
		l->now_ns = now;
}

static uint32_t live_burst(struct pk_lcore *l)
{
	uint32_t n = receive(l, PK_BURST);

	look_at_clock(l);
	for (uint32_t i = 0; i < n; i++) {
		l->frames[i].time_ns = l->now_ns;
		l->frames[i].number = 0;
	}
	/* An empty burst, too, says which image is in use. */
	pk_worker_burst(l->conf.worker, l->frames, n);
	rte_pktmbuf_free_bulk(l->mbufs, n);
	return n;
}

static void rest(struct pk_lcore *l)
{
	const struct timespec nap = { .tv_nsec = IDLE_NS };

	if (++l->idle > IDLE_POLLS)
		nanosleep(&nap, NULL);
}

static int run_live(struct pk_lcore *l)
{
	uint32_t n = 1;

	while (!stopping(l)) {
		n = live_burst(l);
		pk_worker_sweep(l->conf.worker, l->now_ns,
				n ? SWEEP_BUSY : SWEEP_IDLE);
		if (n)
			l->idle = 0;
		else
			rest(l);
	}
	for (uint32_t i = 0; n && i < LAST_BURSTS; i++)
		n = live_burst(l);
	return 0;
}

/* Times in us (net_pcap); numbers as the capture was dealt to the queues. */
static void stamp(struct pk_lcore *l, uint32_t n)
{
	uint64_t number = l->delivered - n;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t ns = *RTE_MBUF_DYNFIELD(l->mbufs[i], l->stamp_offset,
						 rte_mbuf_timestamp_t *) *
			      1000;

		if (ns > l->now_ns)
			l->now_ns = ns;
		l->frames[i].time_ns = l->now_ns;
		l->frames[i].number =
			(number + i) * l->conf.queues + l->conf.queue + 1;
	}
}

/* Hand on the frames, tick by tick. */
static void replay_burst(struct pk_lcore *l, uint32_t n)
{
	uint32_t from = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t ns = l->frames[i].time_ns;

		if (pk_tick(ns) == l->tick)
			continue;
		if (i > from)
			pk_worker_burst(l->conf.worker, l->frames + from,
					i - from);
		from = i;
		l->tick = pk_tick(ns);
		pk_worker_sweep(l->conf.worker, ns, PK_FLOW_LINES);
	}
	if (n > from)
		pk_worker_burst(l->conf.worker, l->frames + from, n - from);
}

static int run_replay(struct pk_lcore *l)
{
	while (l->delivered < l->conf.expected && !stopping(l)) {
		uint64_t left = l->conf.expected - l->delivered;
		uint32_t n =
			receive(l, left < PK_BURST ? (uint32_t)left : PK_BURST);

		if (!n && ++l->idle > PATIENCE)
			return -ENODATA;
		if (!n)
			continue;
		l->idle = 0;
		stamp(l, n);
		replay_burst(l, n);
		rte_pktmbuf_free_bulk(l->mbufs, n);
	}
	return 0;
}

int pk_lcore_run(void *lcore)
{
	struct pk_lcore *l = lcore;
	int err = l->conf.replay ? run_replay(l) : run_live(l);

	pk_worker_drain(l->conf.worker);
	return err;
}
