/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * community: Community ID version 1, the name of a conversation that other
 * tools compute too (https://github.com/corelight/community-id-spec).
 *
 *	"1:" base64(SHA1(seed . saddr . daddr . proto . 0 . sport . dport))
 *
 * with the lower (address, port) first, so both directions have one name.
 * Ports are those of TCP, UDP and SCTP, and type and counterpart of ICMP as
 * struct pk_flow_key carries them; one-way ICMP types keep their order. Other
 * protocols have none. A SHA-1 a call: for findings, not for packets.
 */
#ifndef PK_CONTROL_COMMUNITY_H
#define PK_CONTROL_COMMUNITY_H

#include <stdint.h>

#include "bpf/abi.h"

enum { PK_COMMUNITY_TEXT = 31 }; /* "1:", 28 characters, NUL */

void pk_community_id(const struct pk_flow_key *key, uint16_t seed,
		     char out[PK_COMMUNITY_TEXT]);

#endif /* PK_CONTROL_COMMUNITY_H */
