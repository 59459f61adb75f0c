/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frame: from an mbuf to the frame that the inspection reads.
 *
 * The inspection wants one piece of memory and the bytes as they were on the
 * wire. Nearly every mbuf has both, and then nothing is copied. Two kinds do
 * not, and their first PK_SAMPLE_BYTES are copied into a room of the burst:
 *   - a chain whose first segment ends before the bytes that are looked at,
 *   - a frame whose VLAN tag the driver took out: it is put back, as 0x8100
 *     (the mbuf does not say which EtherType the tag had).
 * Both are counted. The rooms hold until the next burst. One thread.
 */
#ifndef PK_DATAPLANE_DPDK_FRAME_H
#define PK_DATAPLANE_DPDK_FRAME_H

#include <stdint.h>

#include <rte_mbuf.h>

#include "bpf/abi.h"
#include "dataplane/inspect/worker.h"

struct pk_frame_rooms {
	uint64_t linearised; /* chains copied together */
	uint64_t retagged;   /* VLAN tags put back */
	uint8_t room[PK_BURST][PK_SAMPLE_BYTES];
};

/* The slow kinds; into room @i. Use pk_frame_read(). */
void pk_frame_copy(struct pk_frame_rooms *rooms, uint32_t i,
		   const struct rte_mbuf *m, struct pk_worker_frame *out);

/* Set data, readable and len of @out from @m, the @i-th of its burst. */
static inline void pk_frame_read(struct pk_frame_rooms *rooms, uint32_t i,
				 const struct rte_mbuf *m,
				 struct pk_worker_frame *out)
{
	uint32_t readable = m->data_len;

	if ((m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) ||
	    (readable < m->pkt_len && readable < PK_SAMPLE_BYTES)) {
		pk_frame_copy(rooms, i, m, out);
		return;
	}
	out->data = rte_pktmbuf_mtod(m, const uint8_t *);
	out->readable = readable;
	out->len = m->pkt_len;
}

#endif /* PK_DATAPLANE_DPDK_FRAME_H */
