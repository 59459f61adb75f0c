/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/dpdk/frame.h"

#include <string.h>

enum { ETH_ADDRS = 12, VLAN_TAG = 4 };

/* Copy up to @room bytes of a chain from @off on; returns how many. */
static uint32_t copy_chain(const struct rte_mbuf *m, uint32_t off, uint8_t *to,
			   uint32_t room)
{
	uint32_t done = 0;

	for (; m && done < room; m = m->next) {
		uint32_t have = m->data_len, take;

		if (off >= have) {
			off -= have;
			continue;
		}
		take = RTE_MIN(have - off, room - done);
		memcpy(to + done,
		       rte_pktmbuf_mtod_offset(m, const uint8_t *, off), take);
		done += take;
		off = 0;
	}
	return done;
}

/* Returns the bytes in @to; the tag goes between addresses and EtherType. */
static uint32_t put_tag_back(const struct rte_mbuf *m, uint8_t *to)
{
	uint32_t n = copy_chain(m, 0, to, ETH_ADDRS);

	if (n < ETH_ADDRS)
		return n;
	to[n++] = 0x81;
	to[n++] = 0x00;
	to[n++] = (uint8_t)(m->vlan_tci >> 8);
	to[n++] = (uint8_t)m->vlan_tci;
	return n + copy_chain(m, ETH_ADDRS, to + n, PK_SAMPLE_BYTES - n);
}

void pk_frame_copy(struct pk_frame_rooms *rooms, uint32_t i,
		   const struct rte_mbuf *m, struct pk_worker_frame *out)
{
	uint8_t *room = rooms->room[i];

	out->data = room;
	out->len = m->pkt_len;
	if (m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) {
		out->readable = put_tag_back(m, room);
		out->len += VLAN_TAG;
		rooms->retagged++;
	} else {
		out->readable = copy_chain(m, 0, room, PK_SAMPLE_BYTES);
		rooms->linearised++;
	}
	if (out->len < out->readable)
		out->len = out->readable;
}
