/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stats: the counters of a plane, in memory that outlives the plane.
 *
 * The daemon makes one sealed memfd per plane and hands it to every
 * incarnation in turn, so counters stay cumulative when a plane dies and comes
 * back, and whatever was on its way inside the dead process shows up as a
 * difference that the audit can name. One writer a block, plain stores;
 * readers see each 64-bit counter whole.
 *
 * A worker counts in struct pk_plane_counters (bpf/abi.h; in the XDP plane the
 * kernel does, in its own map). The stage behind the workers (flow table, name
 * look-up, uplink) counts in struct pk_stage_counters.
 */
#ifndef PK_DATAPLANE_STATS_H
#define PK_DATAPLANE_STATS_H

#include <stdint.h>

#include "bpf/abi.h"

enum { PK_WORKERS_MAX = 16 };

#define PK_STAGE_COUNTERS(_)                                                  \
	_(hits_in, "hits received from the workers")                          \
	_(samples_in, "samples received from the workers")                    \
	_(lines_in, "closed flow lines received from the workers")            \
	_(packets_in, "their packets")                                        \
	_(bytes_in, "their IP bytes")                                         \
	_(lines_late, "of these, older than the tick being closed")           \
	_(events_bad, "events of another version or length")                  \
	_(flows_out, "flow records exported")                                 \
	_(packets_out, "their packets")                                       \
	_(bytes_out, "their IP bytes")                                        \
	_(flows_evicted, "of these, exported early for want of room")         \
	_(flows_resident, "flows in the table now")                           \
	_(packets_resident, "packets in the table or waiting for their tick") \
	_(bytes_resident, "their IP bytes")                                   \
	_(names_in, "samples with DNS messages")                              \
	_(names_given, "of these, questions that the workers found listed")   \
	_(names_looked_up, "of these, with questions looked up here")         \
	_(names_bad, "of these, without a question that can be read")         \
	_(names_more, "questions looked up here behind a sample's first one") \
	_(names_cut, "samples of which not all questions were looked up")     \
	_(names_found, "questions looked up here that are listed")            \
	_(frag_in, "fragments for reassembly")                                \
	_(frag_used, "of these, put together with others")                    \
	_(frag_duplicate, "of these, copies that say nothing new")            \
	_(frag_expired, "of these, of datagrams that were never whole")       \
	_(frag_evicted, "of these, of datagrams that made room")              \
	_(frag_dropped, "of these, of IPv6 datagrams that overlapped")        \
	_(frag_oversize, "of these, beyond the longest datagram")             \
	_(frag_quota, "of these, too many for a datagram or a source")        \
	_(frag_cut, "of these, not there up to their end")                    \
	_(frag_long, "of these, longer than a sample")                        \
	_(frag_checksum, "of these, with a wrong IPv4 header checksum")       \
	_(frag_length, "of these, empty or of an impossible length")          \
	_(frag_resident, "of these, in the table now")                        \
	_(frag_overlap, "fragments that contradict one of their datagram")    \
	_(frag_displaced, "fragments displaced by one that contradicts")      \
	_(frag_forgotten, "datagrams put together that made room early")      \
	_(frag_runs, "datagrams never whole whose beginning was judged")      \
	_(frag_nested, "fragments found in datagrams put together")           \
	_(frag_nested_left, "others so found, but not judged themselves")     \
	_(frag_early, "fragments that left the order of frames: replay only") \
	_(frag_datagrams, "datagrams put together")                           \
	_(frag_hits, "hits that only a whole datagram shows")                 \
	_(records_offered, "records for the uplink: hits and flows")          \
	_(records_written, "of these, written to the uplink")                 \
	_(records_ring_full, "of these, lost because the uplink was full")    \
	_(lost_packets, "packets of flow records lost at the uplink")         \
	_(lost_bytes, "their IP bytes")

/* What the NIC or the socket says, read from another place than the frames. */
#define PK_PORT_COUNTERS(_)                                             \
	_(nic_packets, "frames that the driver delivered")              \
	_(nic_missed, "frames the NIC dropped for want of descriptors") \
	_(nic_errors, "frames with errors")                             \
	_(nic_nombuf, "frames dropped for want of buffers")             \
	_(socket_drops, "frames the kernel dropped before the driver's ring")

struct pk_stage_counters {
	PK_STAGE_COUNTERS(PK_COUNTER_FIELD)
	PK_PORT_COUNTERS(PK_COUNTER_FIELD)
} __attribute__((aligned(64)));

struct pk_worker_block {
	struct pk_plane_counters counters;
	uint64_t generation; /* of the image used by the latest burst */
	uint64_t bursts;     /* grows while the worker polls */
} __attribute__((aligned(64)));

struct pk_plane_stats {
	uint32_t abi;	  /* PK_ABI_VERSION */
	uint32_t workers; /* blocks in use */
	uint64_t incarnations;
	struct pk_stage_counters stage;
	struct pk_worker_block worker[PK_WORKERS_MAX];
};

#endif /* PK_DATAPLANE_STATS_H */
