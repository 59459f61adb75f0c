/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flow_sum: what is known of one flow, and the rules that end it.
 *
 * The part of the flow table (dataplane/inspect/flows.h, which states the
 * rules) that knows no table: both directions of one conversation, summed from
 * flow lines in any order. A *span* is what lies between two exports.
 *
 * Side 0 is the lower endpoint, side 1 the other; an endpoint is an address
 * and a port. Nothing here fails.
 */
#ifndef PK_DATAPLANE_INSPECT_FLOW_SUM_H
#define PK_DATAPLANE_INSPECT_FLOW_SUM_H

#include <stdint.h>

#include "dataplane/record.h"
#include "dataplane/uplink.h"

#define PK_FLOW_NEVER UINT64_MAX

/* One side of a span. */
struct pk_flow_half {
	uint64_t first; /* ns, PK_FLOW_NEVER: this side sent nothing */
	uint64_t packets;
	uint64_t bytes;
	uint64_t listed; /* packets while this side's address was listed */
};

struct pk_flow_sum {
	struct pk_flow_key key; /* side 0 is the source; direction is 0 */
	uint64_t last;		/* ns, of the whole flow */
	uint64_t end;		/* ns, of the span */
	struct pk_flow_half half[2];
	uint8_t tcp_flags[2]; /* of the span */
	uint8_t seen;	      /* flags of the whole flow, both sides */
	uint8_t initiator;    /* side, or PK_FLOW_UNDECIDED */
	uint8_t direction[2]; /* of each side's earliest packet in the span */
	uint8_t pad[2];
};
_Static_assert(sizeof(struct pk_flow_sum) == 128, "pk_flow_sum");

enum { PK_FLOW_UNDECIDED = 2 };

/* The key that both directions share; which side sent @in is returned. */
int pk_flow_sum_side(const struct pk_flow_key *in, struct pk_flow_key *shared);

void pk_flow_sum_begin(struct pk_flow_sum *s, const struct pk_flow_key *shared);
void pk_flow_sum_add(struct pk_flow_sum *s, int side,
		     const struct pk_flow_line *line);

/* Fix the initiator, by the sums so far; later calls change nothing. */
void pk_flow_sum_decide(struct pk_flow_sum *s);

/* After an export the flow goes on: begin the next span. */
void pk_flow_sum_next(struct pk_flow_sum *s);

/* The span's first packet, PK_FLOW_NEVER when it has none. */
static inline uint64_t pk_flow_sum_start(const struct pk_flow_sum *s)
{
	return s->half[0].first < s->half[1].first ? s->half[0].first
						   : s->half[1].first;
}

/* The earliest time at which a rule ends the flow or its span. */
uint64_t pk_flow_sum_due_ns(const struct pk_flow_sum *s,
			    const struct pk_flow_conf *conf);

/* The rule by which it ends at @now_ns, not before its due time. */
enum pk_flow_end pk_flow_sum_end(const struct pk_flow_sum *s,
				 const struct pk_flow_conf *conf,
				 uint64_t now_ns);

/* The key and record of the span; the initiator is decided. */
void pk_flow_sum_key(const struct pk_flow_sum *s, struct pk_flow_key *out);
void pk_flow_sum_record(const struct pk_flow_sum *s, struct pk_flow *out);

#endif /* PK_DATAPLANE_INSPECT_FLOW_SUM_H */
