/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * merge: from the rings of all planes to one stream of records.
 *
 * Records are ordered by seen_ns; at equal time a FLOW stands before a HIT,
 * then the frame number, the role of the hit, the source's number and its
 * sequence decide. A ring need not be in this order: the stage of a plane
 * hands on hits of several workers as they come, and says by PK_RECORD_MARK
 * that nothing earlier than a time will follow. What has been read waits in a
 * heap until it may be released:
 *
 *   replay  when every source has marked beyond it or has ended
 *           (PK_RECORD_END). So the order depends on the records alone, on no
 *           clock and no scheduling.
 *   live    also when it is PK_MERGE_HOLD_NS old: a silent source holds
 *           nobody. A record behind one that was released already is released
 *           and counted as late: flows of a tick that was closed later are
 *           that as a rule. A time that is PK_MERGE_AHEAD_NS ahead of the
 *           clock is replaced by the clock's, and counted.
 *
 * What a ring holds is hostile: an entry is copied out, then checked
 * (pk_record_check). Bad ones are counted and left out; after
 * PK_MERGE_BAD_MAX of them, or when the ring is poisoned, the source is
 * fenced: it is never read again and holds nobody.
 *
 * MARK and END are consumed here. Each source counts its records from 1 in
 * every epoch, marks included; numbers that are missing are counted as gaps.
 *
 * Memory: at most PK_MERGE_WAITING records wait. Beyond, live rings are left
 * alone until there is room; in replay the earliest record is released by
 * force and counted, because nothing else could end the wait. O(log waiting)
 * a record. One thread.
 */
#ifndef PK_CONTROL_MERGE_H
#define PK_CONTROL_MERGE_H

#include <stdint.h>

#include "dataplane/record.h"
#include "dataplane/ring.h"

enum {
	PK_MERGE_SOURCES = 64,
	PK_MERGE_BAD_MAX = 16,
	PK_MERGE_WAITING = 1 << 20,
	PK_MERGE_HOLD_NS = 2000000,	/* 2 ms */
	PK_MERGE_AHEAD_NS = 1000000000, /* 1 s */
};

/* As a time, for all that waits; it is not measured. With room for sums. */
#define PK_MERGE_END_OF_TIME (UINT64_MAX / 2)

enum pk_merge_mode { PK_MERGE_LIVE, PK_MERGE_REPLAY };

/* read = released + marks + bad + no_memory + waiting */
#define PK_MERGE_COUNTERS(_)                                        \
	_(read, "entries read from the ring")                       \
	_(released, "records released")                             \
	_(marks, "marks and ends consumed")                         \
	_(bad, "entries that no plane could have written")          \
	_(no_memory, "records lost for want of memory")             \
	_(waiting, "records that wait now")                         \
	_(gaps, "sequence numbers that are missing")                \
	_(repeats, "sequence numbers that were not expected again") \
	_(late, "records released behind a later one")              \
	_(ahead, "records whose time was ahead of the clock")       \
	_(forced, "records released too early for want of room")

struct pk_merge_counters {
	PK_MERGE_COUNTERS(PK_COUNTER_FIELD)
};

struct pk_merge_source {
	struct pk_merge_counters counters;
	uint32_t epoch; /* of the latest record */
	uint8_t fenced;
	uint8_t ended;
};

struct pk_merge;
struct pk_latency;

/* 0 or -ENOMEM. */
int pk_merge_new(struct pk_merge **out, enum pk_merge_mode mode);
void pk_merge_free(struct pk_merge *m); /* NULL is a no-op; rings stay */

/*
 * Tell @l, which outlives @m, how long records took to be read, and how long
 * they were held (stages READ and HELD); live mode.
 */
void pk_merge_measure(struct pk_merge *m, struct pk_latency *l);

/*
 * Read @ring too, as its consumer. The source's number in [0,
 * PK_MERGE_SOURCES), the lowest free one, or -ENOSPC. @ring is borrowed until
 * pk_merge_del(), which reads nothing more; what had been read is still
 * released.
 */
int pk_merge_add(struct pk_merge *m, struct pk_ring *ring);
void pk_merge_del(struct pk_merge *m, int source);

/*
 * The next record: 1 and *@out, valid until the next call, or 0 when none may
 * be released yet. @now_ns is real time; not looked at in replay.
 */
int pk_merge_next(struct pk_merge *m, uint64_t now_ns,
		  const struct pk_record **out);

/* When the earliest waiting record falls due in live mode; else UINT64_MAX. */
uint64_t pk_merge_due_ns(const struct pk_merge *m);

/* 1 when every source has ended or is fenced, and nothing waits. */
int pk_merge_ended(const struct pk_merge *m);

/* NULL when @source is not in use. Valid until pk_merge_del(). */
const struct pk_merge_source *pk_merge_source(const struct pk_merge *m,
					      int source);

/* Sum over all sources, the deleted ones included. */
void pk_merge_count(const struct pk_merge *m, struct pk_merge_counters *out);

#endif /* PK_CONTROL_MERGE_H */
