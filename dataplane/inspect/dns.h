/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dns: the header and the first question of a DNS message.
 *
 * Only bytes inside the message are read, and each of them once, however the
 * counts in it lie. The name comes out in canonical wire form: labels with
 * length bytes, the root's zero byte at its end, ASCII letters in lower case
 * (RFC 4343: other bytes are left alone), so it can be looked up as it is.
 * More questions than the first are not read: no server answers them.
 *
 * A compression pointer in the first question (RFC 1035 4.1.4) has nothing to
 * point at but the header: no name stands before it. So it is a defect, and
 * none is ever followed.
 *
 * Standards: RFC 1035 sections 3.1, 4.1.1, 4.1.2; RFC 6891 for label types.
 */
#ifndef PK_DATAPLANE_INSPECT_DNS_H
#define PK_DATAPLANE_INSPECT_DNS_H

#include <stdint.h>

/* Why a question was not read. The names are the counter names. */
#define PK_DNS_REASONS(_)                                        \
	_(OK, "question read")                                   \
	_(SHORT, "ends inside the header or the question")       \
	_(NO_QUESTION, "QDCOUNT is 0")                           \
	_(LABEL_TYPE, "label type 0x40 or 0x80 in the question") \
	_(POINTER, "compression pointer in the question")        \
	_(NAME_LENGTH, "question name longer than 255 bytes")

#define PK_DNS_REASON_ENUM(name, text) PK_DNS_##name,
enum pk_dns_reason { PK_DNS_REASONS(PK_DNS_REASON_ENUM) PK_DNS_REASON_COUNT };

enum { PK_DNS_NAME_MAX = 255 }; /* RFC 1035 2.3.4, root byte included */

struct pk_dns {
	uint16_t id;
	uint16_t flags;	    /* as in the header, host order */
	uint16_t questions; /* QDCOUNT, not verified */
	uint16_t qtype;
	uint16_t qclass;
	uint16_t name_len; /* root byte included; 1: the root */
	uint8_t response;  /* the QR bit */
	uint8_t labels;
	uint8_t reason; /* enum pk_dns_reason */
	uint8_t name[PK_DNS_NAME_MAX + 1];
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
