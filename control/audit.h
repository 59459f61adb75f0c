/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * audit: do the counters add up?
 *
 * The ledger of a sensor is a table of identities (DESIGN 2.5): the sum of the
 * left terms equals the sum of the right terms, over the counters of one plane
 * or of the sensor. The table is data; so a reader can see what is claimed, and
 * a test can break every term. The caller takes a snapshot of all counters;
 * nothing here reads a clock, a map or a socket.
 *
 * Counters of a running sensor are read one after the other, so an identity
 * may be off while something is in flight. Whoever asks repeats until all hold
 * or nothing moves any more: what differs then is a mismatch.
 *
 * A process that was killed takes along what it held. The daemon books that as
 * `gone` when it finds the process dead, from the same counters. What it cannot
 * know is the one event that the process was counting: where a process died,
 * an identity of events may be off by one for each death, one of packets or
 * bytes by what that event stood for: 2^32 - 1 for a flow line, whose counters
 * have 32 bits; a flow record has no such bound. And what an interface received
 * while it was being opened or closed (`edge_frames`) may have been taken or
 * not. Such a result is marked `doubt`. When nothing moves any more, the caller
 * settles it (pk_audit_settle()): the difference is written off, and from then
 * on the same deaths and edges excuse nothing.
 */
#ifndef PK_CONTROL_AUDIT_H
#define PK_CONTROL_AUDIT_H

#include <stdint.h>

#include "control/pipeline.h"
#include "control/launcher/request.h"
#include "dataplane/stats.h"

/* What the daemon knows of a plane beside the plane's own counters. */
#define PK_AUDIT_KNOWN(_)                                                  \
	_(cached_packets, "packets in the flow caches")                    \
	_(cached_bytes, "their IP bytes")                                  \
	_(before_hits, "hits taken by earlier readers of the rings")       \
	_(before_samples, "samples taken by them")                         \
	_(before_lines, "flow lines taken by them")                        \
	_(before_packets, "their packets")                                 \
	_(before_bytes, "their IP bytes")                                  \
	_(gone_hits, "hits that a dead process had not taken")             \
	_(gone_samples, "samples that it had not taken")                   \
	_(gone_lines, "flow lines that it had not taken")                  \
	_(gone_line_packets, "their packets")                              \
	_(gone_line_bytes, "their IP bytes")                               \
	_(gone_packets, "packets of flows that it had not exported")       \
	_(gone_bytes, "their IP bytes")                                    \
	_(gone_cached_packets, "packets in its flow caches")               \
	_(gone_cached_bytes, "their IP bytes")                             \
	_(read, "entries read from the plane's rings")                     \
	_(read_records, "of these, records")                               \
	_(read_marks, "of these, marks")                                   \
	_(read_bad, "of these, entries that no plane could have written")  \
	_(read_lost, "of these, lost for want of memory")                  \
	_(read_held, "of these, waiting for their time")                   \
	_(offered, "frames that the interfaces received meanwhile")        \
	_(gap_frames, "of these, while no process took them, or lost "     \
		      "with one that died")                                \
	_(edge_frames, "of these, during a start or an end: taken or not") \
	_(edge_settled, "of these, settled by an audit")                   \
	_(deaths, "times that the plane's process died")                   \
	_(deaths_settled, "of these, settled by an audit")

struct pk_audit_known {
	PK_AUDIT_KNOWN(PK_COUNTER_FIELD)
};

enum {
	PK_AUDIT_NAME = 64,
	PK_AUDIT_NOTE = 160,
	PK_AUDIT_IDENTITIES = 48, /* at most */
};

struct pk_audit_plane {
	char name[PK_AUDIT_NAME];
	char note[PK_AUDIT_NOTE];	  /* what cannot be claimed, or "" */
	uint8_t plane;			  /* enum pk_plane */
	uint8_t offers;			  /* known.offered can be compared */
	struct pk_plane_counters workers; /* summed over workers or CPUs */
	struct pk_stage_counters stage;
	struct pk_audit_known known;
	uint64_t off[PK_AUDIT_IDENTITIES]; /* written off; may be negative */
};

/* What is counted once a sensor. */
#define PK_AUDIT_SENSOR(_)                                          \
	_(kernel_hits, "sum of the kernel's counters by indicator") \
	_(user_hits, "sum of the planes' counters by indicator")    \
	_(merged, "records released by the merge")                  \
	_(told_out, "messages of threats journaled or printed")     \
	_(journal_offered, "messages offered to the journal")       \
	_(journal_refused, "of these, refused")                     \
	_(journal_committed, "of these, written to disk")           \
	_(journal_dropped, "of these, told but not kept")           \
	_(journal_waiting, "of these, in memory")                   \
	_(journal_sync_failed, "seconds whose sync failed")         \
	_(bus_offered, "messages offered to the bus")               \
	_(bus_published, "of these, published")                     \
	_(bus_refused, "of these, refused")                         \
	_(replay_requests, "requests to the replay server")         \
	_(replay_hellos, "of these, greetings")                     \
	_(replay_begun, "of these, replays begun")                  \
	_(replay_credits, "of these, more credit")                  \
	_(replay_cancels, "of these, to end one early")             \
	_(replay_refused, "of these, refused")                      \
	_(replay_done, "replays that ended as they should")         \
	_(replay_broken, "replays that broke off")                  \
	_(replay_open, "replays under way")                         \
	_(control_connections, "connections to the control socket") \
	_(control_closed, "of these, closed")                       \
	_(control_open, "of these, open")                           \
	_(control_requests, "requests on the control socket")       \
	_(control_pending, "of these, under way")                   \
	_(control_ok, "of these, answered")                         \
	_(control_errors, "of these, failed")

struct pk_audit_sensor {
	PK_AUDIT_SENSOR(PK_COUNTER_FIELD)
	struct pk_pipeline_stats pipeline;
	uint64_t off[PK_AUDIT_IDENTITIES];
};

struct pk_audit {
	struct pk_audit_sensor sensor;
	uint32_t planes;
	struct pk_audit_plane *plane; /* the caller's */
};

struct pk_audit_result {
	const char *identity;	/* its name; static, as the two texts */
	const char *left_text;	/* "offered" */
	const char *right_text; /* "submitted + ring_full" */
	const char *plane;	/* of the snapshot, or "sensor" */
	uint64_t left;
	uint64_t right;
	int64_t off;   /* of the difference, what was written off before */
	int64_t delta; /* left - right - off */
	uint8_t holds;
	uint8_t doubt;	/* it holds only within a death's or edge's bound */
	uint32_t place; /* of the plane; the sensor's is the planes' number */
	uint32_t index; /* in off[] */
};

/* A counter of something that did not get where it should. */
struct pk_audit_loss {
	const char *plane; /* or "sensor" */
	const char *name;
	uint64_t count; /* never 0 */
};

enum { PK_AUDIT_LOSSES = 48 }; /* at most, of a plane or the sensor */

/* How many results a snapshot of @planes planes gives at most. */
uint32_t pk_audit_size(uint32_t planes);

/*
 * Evaluate all identities over @a into @results (room for pk_audit_size()).
 * Returns how many there are; *@failed (may be NULL) counts those that do not
 * hold.
 */
uint32_t pk_audit_check(const struct pk_audit *a,
			struct pk_audit_result *results, uint32_t *failed);

/*
 * What was lost so far, into @out (room for PK_AUDIT_LOSSES times planes + 1).
 * Losses are accounted for: the identities hold with them. Returns how many.
 */
uint32_t pk_audit_losses(const struct pk_audit *a, struct pk_audit_loss *out);

/* Are there deaths or edges that excuse something still? */
int pk_audit_is_unsettled(const struct pk_audit *a);

/*
 * All of @results hold and nothing moves: write their differences off in @a,
 * and let the deaths and edges so far excuse nothing any more. The caller keeps
 * the planes' and the sensor's off[], edge_settled and deaths_settled.
 */
void pk_audit_settle(struct pk_audit *a, const struct pk_audit_result *results,
		     uint32_t count);

/* Did a counter move between two snapshots of the same planes? */
int pk_audit_moved(const struct pk_audit *a, const struct pk_audit *b);

/* Add the counters of a worker or CPU to @to. */
void pk_audit_add_worker(struct pk_plane_counters *to,
			 const struct pk_plane_counters *from);

/* Add all counters of plane @from to @to; names stay. */
void pk_audit_add_plane(struct pk_audit_plane *to,
			const struct pk_audit_plane *from);

/*
 * The process of plane @p died, and its rings were read to their end: book
 * what it held as gone. The events of the XDP plane wait in the kernel for
 * the next process; there only the process's own flow table is gone.
 */
void pk_audit_bury(struct pk_audit_plane *p);

#endif /* PK_CONTROL_AUDIT_H */
