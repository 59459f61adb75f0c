/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * grammar: frames that lie, for tests that compare two decoders.
 *
 * Frame number @i is a function of the seed and @i alone, as in scenario.h:
 * any frame can be made again at any time. Frames follow the grammar of
 * Ethernet, VLAN tags, MPLS, PPPoE, SNAP, 802.1ah, NSH and FabricPath in any
 * order, IPv4 with options and AH, IPv6 with extension headers, TCP, UDP, SCTP,
 * ICMP and ICMPv6, and of all tunnels that bpf/tunnel.h knows, up to eight IP
 * packets in each other. About every second frame is then spoiled: a length
 * field contradicts another, the end is cut off (with and without the lengths
 * knowing it), bytes are flipped, inserted or taken out. Each reason to stop
 * is met in at least 0.1 % of the frames.
 *
 * Checksums are random: nothing that reads these frames looks at them.
 * Addresses come from PK_GRAMMAR_HOSTS hosts of each family, a few of them
 * often, and sometimes from anywhere; some of IPv6 carry a host of IPv4.
 */
#ifndef PK_GEN_GRAMMAR_H
#define PK_GEN_GRAMMAR_H

#include <stdbool.h>
#include <stdint.h>

enum {
	PK_GRAMMAR_FRAME_MAX = 2400, /* bytes; some pass PK_VISIBLE_BYTES */
	PK_GRAMMAR_HOSTS = 4096,
};

/* A frame that may be spoiled. Returns its length, from 0 bytes on. */
uint32_t pk_grammar_frame(uint64_t seed, uint64_t i,
			  uint8_t bytes[PK_GRAMMAR_FRAME_MAX]);

/* A frame in which all lengths are right and every header is whole. */
uint32_t pk_grammar_clean(uint64_t seed, uint64_t i,
			  uint8_t bytes[PK_GRAMMAR_FRAME_MAX]);

/* Spoil any frame: one to four random edits. Returns the new length. */
uint32_t pk_grammar_mutate(uint64_t seed, uint8_t bytes[PK_GRAMMAR_FRAME_MAX],
			   uint32_t len);

/* Host @n of a family, 16 bytes, IPv4 mapped. @n < PK_GRAMMAR_HOSTS. */
void pk_grammar_host(uint64_t seed, uint32_t n, bool ip6, uint8_t address[16]);

#endif /* PK_GEN_GRAMMAR_H */
