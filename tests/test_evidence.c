/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of latest hits, against a plain array over all slots. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "control/daemon/evidence.h"

enum { SLOTS = 300000, HITS = 2000000 };

static struct pk_hit hit_of(uint32_t slot, uint64_t ns)
{
	struct pk_hit h = { .slot = slot, .head = { .seen_ns = ns } };

	h.packet.key.sport = (uint16_t)(slot ^ ns);
	return h;
}

static uint32_t next(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(*state >> 33);
}

static void few_are_remembered_exactly(void **state)
{
	struct {
		uint64_t first, last;
	} twin[1000] = { { 0 } };
	struct pk_evidence *e;
	uint64_t seed = 1;

	(void)state;
	assert_int_equal(pk_evidence_new(&e), 0);
	for (uint64_t ns = 1; ns < 100000; ns++) {
		uint32_t slot = 1 + next(&seed) % 999;
		struct pk_hit h = hit_of(slot, ns);

		if (next(&seed) % 50 == 0) {
			pk_evidence_forget(e, slot);
			twin[slot].first = twin[slot].last = 0;
			continue;
		}
		pk_evidence_hit(e, &h);
		twin[slot].first = twin[slot].first ? twin[slot].first : ns;
		twin[slot].last = ns;
	}
	for (uint32_t slot = 1; slot < 1000; slot++) {
		const struct pk_evidence_entry *f = pk_evidence_find(e, slot);

		assert_int_equal(f != NULL, twin[slot].last != 0);
		if (!f)
			continue;
		assert_int_equal(f->first_ns, twin[slot].first);
		assert_int_equal(f->last_ns, twin[slot].last);
		assert_int_equal(f->key.sport,
				 (uint16_t)(slot ^ twin[slot].last));
	}
	assert_null(pk_evidence_find(e, 0));
	pk_evidence_free(e);
}

static void of_many_the_latest_are_right(void **state)
{
	uint64_t *last = calloc(SLOTS, sizeof(*last)), seed = 2;
	struct pk_evidence *e;
	uint32_t known = 0;

	(void)state;
	assert_int_equal(pk_evidence_new(&e), 0);
	for (uint64_t ns = 1; ns <= HITS; ns++) {
		uint32_t slot = 1 + next(&seed) % (SLOTS - 1);
		struct pk_hit h = hit_of(slot, ns);

		pk_evidence_hit(e, &h);
		last[slot] = ns;
		assert_non_null(pk_evidence_find(e, slot));
		if (next(&seed) % 64)
			continue;
		pk_evidence_forget(e, slot);
		assert_null(pk_evidence_find(e, slot));
	}
	for (uint32_t slot = 1; slot < SLOTS; slot++) {
		const struct pk_evidence_entry *f = pk_evidence_find(e, slot);

		if (!f)
			continue;
		known++;
		assert_int_equal(f->slot, slot);
		assert_int_equal(f->last_ns, last[slot]);
	}
	/* nothing but what was forgotten is missing from a full table */
	assert_in_range(known, PK_EVIDENCE_MAX * 3 / 4, PK_EVIDENCE_MAX);
	assert_in_range(pk_evidence_count(e), known, PK_EVIDENCE_MAX);
	free(last);
	pk_evidence_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(few_are_remembered_exactly),
		cmocka_unit_test(of_many_the_latest_are_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
