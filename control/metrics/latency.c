/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/metrics/latency.h"

const char *pk_latency_stage_word(unsigned stage)
{
#define WORD(name, word) #word,
	static const char *const words[] = { PK_LATENCY_STAGES(WORD) };
#undef WORD

	return stage < PK_LATENCY_STAGE_COUNT ? words[stage] : "";
}

const char *pk_latency_record_word(unsigned record)
{
	static const char *const words[] = { "hit", "flow" };

	return record < PK_LATENCY_RECORDS ? words[record] : "";
}

void pk_latency_wait(struct pk_latency *l, enum pk_latency_record record,
		     uint64_t seen_ns, uint64_t released_ns)
{
	if (l->pending == PK_LATENCY_PENDING)
		return;
	l->wait[l->pending++] = (struct pk_latency_pending){
		.seen_ns = seen_ns,
		.released_ns = released_ns,
		.record = record,
	};
}

void pk_latency_commit(struct pk_latency *l, uint64_t written_ns,
		       uint64_t published_ns)
{
	for (uint32_t i = 0; i < l->pending; i++) {
		const struct pk_latency_pending *p = &l->wait[i];

		pk_latency_add(l, PK_LATENCY_TOLD, p->record, p->released_ns,
			       written_ns);
		pk_latency_add(l, PK_LATENCY_PUBLISHED, p->record, written_ns,
			       published_ns);
		pk_latency_add(l, PK_LATENCY_TOTAL, p->record, p->seen_ns,
			       published_ns);
	}
	l->pending = 0;
}
