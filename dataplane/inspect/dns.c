/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/inspect/dns.h"

#include <string.h>

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void read_header(const uint8_t *msg, struct pk_dns *out)
{
	out->id = be16(msg);
	out->flags = be16(msg + 2);
	out->response = msg[2] >> 7;
	out->questions = be16(msg + 4);
}

/* Length bytes are below 64 and so no letters: no need to tell them apart. */
static void fold(struct pk_dns *out)
{
	for (uint32_t at = 0; at < out->name_len; at += 8) {
		uint64_t word;

		memcpy(&word, out->name + at, 8);
		word = pk_fold_word(word);
		memcpy(out->name + at, &word, 8);
	}
}

/* Add the label at @at. Returns its length, or -1. */
static int add_label(struct pk_dns *out, const uint8_t *msg, uint32_t end,
		     uint32_t at)
{
	uint32_t n = msg[at];

	if (n & PK_DNS_TYPE_BITS || n >= end - at ||
	    out->name_len + 1 + n + (n != 0) > PK_DNS_NAME_MAX)
		return -1;
	memcpy(out->name + out->name_len, msg + at, 1 + n);
	out->name_len = (uint16_t)(out->name_len + 1 + n);
	out->labels = (uint8_t)(out->labels + (n != 0));
	return (int)n;
}

/* Where the pointer at @at leads to: to before itself, or else nowhere. */
static int follow(const uint8_t *msg, uint32_t end, uint32_t at)
{
	int to = end - at < 2 ? -1 : be16(msg + at) & 0x3fff;

	return to < (int)at ? to : -1;
}

/* Copy the name of the question, whose place in @msg ends before @end. */
static int copy_name(struct pk_dns *out, const uint8_t *msg, uint32_t end)
{
	uint32_t at = PK_DNS_HEADER, hops = 0;

	while (at < end) {
		if (msg[at] >= PK_DNS_TYPE_BITS) {
			int to = follow(msg, end, at);

			if (to < 0 || ++hops > PK_DNS_POINTERS)
				return -1;
			at = (uint32_t)to;
		} else {
			int n = add_label(out, msg, end, at);

			if (n <= 0)
				return n;
			at += 1 + (uint32_t)n;
		}
	}
	return -1;
}

/* The question whose name stands in @msg as @q says, type and class too. */
static int take_question(struct pk_dns *out, const uint8_t *msg, uint32_t len,
			 const struct pk_question *q)
{
	uint32_t end = PK_DNS_HEADER + q->name_len;

	if (len < end + PK_DNS_TYPE_CLASS || copy_name(out, msg, end)) {
		out->name_len = out->labels = 0;
		memset(out->name, 0, sizeof(out->name));
		return PK_DNS_POINTER;
	}
	fold(out);
	out->qtype = be16(msg + end);
	out->qclass = be16(msg + end + 2);
	return PK_DNS_OK;
}

int pk_dns_question(const uint8_t *payload, uint32_t len, int tcp,
		    struct pk_dns *out)
{
	struct pk_question q;
	int reason = pk_dns_payload(payload, len, tcp, &q);
	const uint8_t *msg = payload + q.prefix;

	memset(out, 0, sizeof(*out));
	len -= q.prefix;
	if (len >= PK_DNS_HEADER && reason != PK_DNS_TCP_OTHER)
		read_header(msg, out);
	if (reason == PK_DNS_OK || reason == PK_DNS_POINTER)
		reason = take_question(out, msg, len, &q);
	out->reason = (uint8_t)reason;
	return reason;
}
