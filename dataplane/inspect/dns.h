/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dns: the header and the first question of a DNS message, as records need
 * them. bpf/dns.h reads the question and says what is wrong with it; this adds
 * the header's fields and the name in canonical wire form: labels with length
 * bytes, the root's zero byte at its end, ASCII letters in lower case (RFC
 * 4343: other bytes are left alone), so it can be looked up as it is.
 */
#ifndef PK_DATAPLANE_INSPECT_DNS_H
#define PK_DATAPLANE_INSPECT_DNS_H

#include <stdint.h>

#include "bpf/dns.h"

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
 * Read the @len bytes at @msg. Returns the reason, PK_DNS_OK (0) when @out
 * holds a question; otherwise only what the header says is valid in it, and
 * not even that when it is SHORT of a header (all zero then).
 */
int pk_dns_question(const uint8_t *msg, uint32_t len, struct pk_dns *out);

/* The reason in words. */
const char *pk_dns_reason_text(int reason);

#endif /* PK_DATAPLANE_INSPECT_DNS_H */
