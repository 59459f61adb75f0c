/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dns: the header and the first question of a DNS message, as records need
 * them. bpf/dns.h reads the question and says what is wrong with it; this adds
 * the header's fields and the name in canonical wire form: labels with length
 * bytes, the root's zero byte at its end, ASCII letters in lower case (RFC
 * 4343: other bytes are left alone), so it can be looked up as it is.
 *
 * Compression pointers in the question (RFC 1035 4.1.4) are followed if they
 * lead to before where they stand, up to PK_DNS_POINTERS of them; the name may
 * lie in the header, or inside another label. What leads forward, to itself, in
 * a circle, or to no name, is PK_DNS_POINTER.
 */
#ifndef PK_DATAPLANE_INSPECT_DNS_H
#define PK_DATAPLANE_INSPECT_DNS_H

#include <stdint.h>

#include "bpf/dns.h"

enum { PK_DNS_POINTERS = 32 };

struct pk_dns {
	uint16_t id;
	uint16_t flags;	    /* as in the header, host order */
	uint16_t questions; /* QDCOUNT, not verified */
	uint16_t qtype;
	uint16_t qclass;
	uint16_t name_len; /* root byte included; 1: the root */
	uint8_t response;  /* the QR bit */
	uint8_t labels;
	uint8_t reason;			   /* enum pk_dns_reason */
	uint8_t name[PK_DNS_NAME_MAX + 1]; /* 0 behind name_len */
};

/*
 * Read the @len bytes of a payload, a datagram's or a segment's (@tcp). Returns
 * the reason, PK_DNS_OK (0) when @out holds a question; otherwise only what the
 * header says is valid in it, and not even that when it ends inside its header
 * or begins with no message (all zero then).
 */
int pk_dns_question(const uint8_t *payload, uint32_t len, int tcp,
		    struct pk_dns *out);

#endif /* PK_DATAPLANE_INSPECT_DNS_H */
