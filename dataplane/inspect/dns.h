/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dns: the header and the questions of DNS messages, as records need them.
 * bpf/dns.h reads the question and says what is wrong with it; this adds the
 * header's fields and the name in canonical wire form: labels with length
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

enum {
	PK_DNS_POINTERS = 32,
	PK_DNS_MESSAGES = 32, /* of one segment */
	PK_DNS_ALL = 64,      /* questions of one payload */
};

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

/*
 * All questions of a payload, one after the other: of a message with several
 * of them, at most PK_DNS_QUESTIONS, and of the messages of a segment, at most
 * PK_DNS_MESSAGES; in all, PK_DNS_ALL. A message without a length in front is
 * the only one. A question that cannot be read hides those behind it, unless it
 * is only its pointer that leads nowhere.
 */
struct pk_questions {
	const uint8_t *payload;
	uint32_t here;	/* bytes at @payload */
	uint32_t whole; /* bytes of the payload on the wire, at most 65,535 */
	uint32_t next;	/* of the payload: where the next message begins */
	uint32_t msg;	/* the message at hand: from here */
	uint32_t end;	/* to here, as far as it is there */
	uint32_t at;	/* of the payload: its next question */
	uint32_t left;	/* its questions that were not read */
	uint32_t messages;
	uint32_t tried; /* questions */
	uint8_t prefix; /* bytes in front of each message */
	uint8_t cut;	/* not all questions could be read */
};

/* Begin; then each call gives the next question: 1, or 0 if there is none. */
void pk_questions_begin(struct pk_questions *all, const uint8_t *payload,
			uint32_t here, uint32_t whole, int tcp);
int pk_questions_next(struct pk_questions *all, struct pk_dns *out);

#endif /* PK_DATAPLANE_INSPECT_DNS_H */
