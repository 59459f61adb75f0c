/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * checksum: is the TCP or UDP checksum of a packet wrong?
 *
 * A sensor reports what it sees, whether the receiver will drop it or not; the
 * record only says so. Only hits are looked at: it takes every byte of the
 * packet. The kernel's programs do not ask. They see what was sent before a NIC
 * fills the checksum in, and what was received after segments were merged.
 *
 * Standards: RFC 1071, RFC 9293 3.1, RFC 768 (0: the sender made none), RFC
 * 8200 8.1 (over IPv6 it must; RFC 6935 excepts tunnels, which the innermost
 * packet is not).
 */
#ifndef PK_DATAPLANE_INSPECT_CHECKSUM_H
#define PK_DATAPLANE_INSPECT_CHECKSUM_H

#include <stdint.h>

#include "bpf/abi.h"

/*
 * The innermost packet of the frame at @data, of which @readable bytes are
 * there. 0 as well if that cannot be told: it is a fragment, not whole, has IP
 * options or extension headers, or another protocol.
 */
int pk_checksum_is_bad(const uint8_t *data, uint32_t readable,
		       const struct pk_decode *d);

#endif /* PK_DATAPLANE_INSPECT_CHECKSUM_H */
