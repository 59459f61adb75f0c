/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tsc: real time from the time stamp counter, for workers that may not call a
 * clock.
 *
 * One thread measures: about once a second it gives a pair (counter, real
 * time) that it read together, and publishes a line through it. Any number of
 * threads read the line and multiply; nobody divides, locks or waits.
 *
 * The published time never runs backwards. A real clock that was set forward
 * is followed at once. One that was set back is approached: the line runs at
 * half speed until the real time has caught up, so ticks keep ending while
 * somebody corrects a clock.
 */
#ifndef PK_DATAPLANE_DPDK_TSC_H
#define PK_DATAPLANE_DPDK_TSC_H

#include <stdatomic.h>
#include <stdint.h>

enum { PK_TSC_SHIFT = 32 };

struct pk_tsc {
	_Atomic uint32_t turn; /* odd while the line is being written */
	_Atomic uint64_t base; /* counter */
	_Atomic uint64_t real; /* ns at base */
	_Atomic uint64_t mult; /* ns per count, times 2^PK_TSC_SHIFT */
	uint64_t nominal;      /* mult of a counter that runs as promised */
};

/* Begin with a counter of @hz counts a second that stands at @count. */
void pk_tsc_init(struct pk_tsc *t, uint64_t hz, uint64_t count,
		 uint64_t real_ns);

/* The real time was @real_ns when the counter stood at @count. */
void pk_tsc_measure(struct pk_tsc *t, uint64_t count, uint64_t real_ns);

/* Real time at @count; counts before the last measurement are its time. */
static inline uint64_t pk_tsc_real(const struct pk_tsc *t, uint64_t count)
{
	uint64_t base, real, mult;
	uint32_t turn;

	do {
		turn = atomic_load_explicit(&t->turn, memory_order_acquire);
		base = atomic_load_explicit(&t->base, memory_order_relaxed);
		real = atomic_load_explicit(&t->real, memory_order_relaxed);
		mult = atomic_load_explicit(&t->mult, memory_order_relaxed);
		atomic_thread_fence(memory_order_acquire);
	} while (turn & 1 ||
		 turn != atomic_load_explicit(&t->turn, memory_order_relaxed));
	if (count <= base)
		return real;
	return real + (uint64_t)((unsigned __int128)(count - base) * mult >>
				 PK_TSC_SHIFT);
}

#endif /* PK_DATAPLANE_DPDK_TSC_H */
