/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/inspect/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/abi.h"
#include "dataplane/ring.h"
#include "tests/fragments_rig.h"

enum { RING = 1 << 16, LEN = 1000, SENT = 200 };

static void fragments_leave_half_of_the_ring_to_others(void **state)
{
	static struct pk_worker_block block;
	const uint8_t data[LEN] = { 0 };
	const struct shape s = { .len = LEN, .more = 1, .data = data };
	const struct pk_plane_counters *c = &block.counters;
	struct pk_worker_conf conf = { .block = &block };
	uint8_t frame[RIG_FRAME], entry[PK_RING_ENTRY_MAX];
	struct pk_worker_frame f = { .data = frame, .time_ns = 1 };
	uint32_t held;
	struct pk_worker *w;

	(void)state;
	assert_int_equal(pk_ring_new(&conf.events, RING), 0);
	conf.alerts = conf.events;
	assert_int_equal(pk_worker_new(&w, &conf), 0);
	f.len = f.readable = rig_build(&s, frame);
	for (uint32_t i = 0; i < SENT; i++)
		pk_worker_burst(w, &f, 1);
	held = (uint32_t)c->sample_submitted;
	assert_int_equal(c->sample_offered, SENT);
	assert_int_equal(c->sample_frag_refused, SENT - held);
	assert_int_equal(c->sample_ring_full, 0);
	assert_in_range(pk_ring_used(conf.events), RING / 2,
			RING / 2 + 2 * LEN);
	while (pk_ring_pop(conf.events, entry, sizeof(entry)) > 0)
		;
	pk_worker_burst(w, &f, 1);
	assert_int_equal(c->sample_submitted, held + 1);
	pk_worker_free(w);
	pk_ring_free(conf.events);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fragments_leave_half_of_the_ring_to_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
