/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/dpdk/tsc.h"

enum { NS_PER_SEC = 1000000000 };

static void publish(struct pk_tsc *t, uint64_t base, uint64_t real,
		    uint64_t mult)
{
	uint32_t turn = atomic_load_explicit(&t->turn, memory_order_relaxed);

	atomic_store_explicit(&t->turn, turn + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&t->base, base, memory_order_relaxed);
	atomic_store_explicit(&t->real, real, memory_order_relaxed);
	atomic_store_explicit(&t->mult, mult, memory_order_relaxed);
	atomic_store_explicit(&t->turn, turn + 2, memory_order_release);
}

void pk_tsc_init(struct pk_tsc *t, uint64_t hz, uint64_t count,
		 uint64_t real_ns)
{
	atomic_init(&t->turn, 0);
	t->nominal = ((unsigned __int128)NS_PER_SEC << PK_TSC_SHIFT) / hz;
	publish(t, count, real_ns, t->nominal);
}

/*
 * How fast to run when we are @ahead ns ahead: as fast as makes it up within
 * a second, but not below half speed.
 */
static uint64_t slowed(uint64_t nominal, uint64_t ahead)
{
	if (ahead >= NS_PER_SEC / 2)
		return nominal / 2;
	return nominal - nominal / 1000 * ahead / (NS_PER_SEC / 1000);
}

void pk_tsc_measure(struct pk_tsc *t, uint64_t count, uint64_t real_ns)
{
	uint64_t ours = pk_tsc_real(t, count);

	if (real_ns >= ours)
		publish(t, count, real_ns, t->nominal);
	else
		publish(t, count, ours, slowed(t->nominal, ours - real_ns));
}
