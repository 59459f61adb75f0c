/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * judge: what a whole datagram tells that its fragments did not.
 *
 * The fast path looks at each fragment: its addresses, and what a first
 * fragment holds of ports, tunnels and questions. A datagram put together is
 * decoded and looked up again, in every variant; what one of its first
 * fragments showed alone was reported already and is left out, and each
 * indicator, role and depth is reported once a datagram: when it is judged again
 * because of a contradiction, what was told of its name in this period (see
 * bpf/outer.h) is not told again. Of a datagram that was never whole, its
 * beginning is judged likewise.
 *
 * One thread.
 */
#ifndef PK_DATAPLANE_INSPECT_JUDGE_H
#define PK_DATAPLANE_INSPECT_JUDGE_H

#include <stdint.h>

#include "bpf/image.h"
#include "bpf/outer.h"
#include "dataplane/inspect/fragments.h"
#include "dataplane/record.h"
#include "ioc/image/images.h"

enum { PK_JUDGE_KNOWN = 64 }; /* findings remembered of one datagram */

/*
 * A hit. Set are, of the head, time (of the fragment's clock), frame, direction
 * and port, and all of the body.
 */
typedef void pk_judge_hit_fn(void *arg, const struct pk_hit *h);

struct pk_finding {
	uint32_t slot;
	uint8_t role;
	uint8_t depth;
	uint8_t pad[2];
};

struct pk_judge {
	struct pk_images *images; /* NULL: nothing is listed */
	pk_judge_hit_fn *hit;
	void *arg;
	struct pk_view view; /* of the datagram at hand */
	uint32_t known;
	struct pk_finding finding[PK_JUDGE_KNOWN];
	uint64_t seed;
	__u64 told[PK_OUTER_TAGS]; /* tags, as of outer addresses */
};

/*
 * Take what pk_fragments_add() emits. Returns 1 if the datagram is whole and
 * holds a fragment of another one, else 0.
 */
int pk_judge_datagram(struct pk_judge *j, const struct pk_datagram *d);

#endif /* PK_DATAPLANE_INSPECT_JUDGE_H */
