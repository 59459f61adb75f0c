/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/inspect/dns.h"

#include <string.h>

enum { HEADER_BYTES = 12, TYPE_CLASS_BYTES = 4, LABEL_TYPE_BITS = 0xc0 };

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

static int bad_label(uint8_t length)
{
	return (length & LABEL_TYPE_BITS) == LABEL_TYPE_BITS
		       ? PK_DNS_POINTER
		       : PK_DNS_LABEL_TYPE;
}

/*
 * Walk the labels at @p, of which @left bytes may be read. The length of the
 * name decides before the end of the message: both are looked at before a
 * label is stepped over, so nothing behind either is touched.
 */
static int measure_name(const uint8_t *p, uint32_t left, struct pk_dns *out)
{
	uint32_t at = 0;

	for (;;) {
		if (at >= left)
			return PK_DNS_SHORT;
		if (p[at] & LABEL_TYPE_BITS)
			return bad_label(p[at]);
		if (p[at] == 0)
			break;
		at += 1U + p[at];
		/* The root byte, still to come, counts. */
		if (at + 1 > PK_DNS_NAME_MAX)
			return PK_DNS_NAME_LENGTH;
		out->labels++;
	}
	out->name_len = (uint16_t)(at + 1);
	return PK_DNS_OK;
}

/* Length bytes are below 64 and so no letters: no need to tell them apart. */
static void copy_folded(uint8_t *to, const uint8_t *from, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint8_t upper = (uint8_t)(from[i] - 'A') < 26;

		to[i] = (uint8_t)(from[i] | upper << 5);
	}
}

static int read_question(const uint8_t *p, uint32_t left, struct pk_dns *out)
{
	int reason = measure_name(p, left, out);

	if (reason == PK_DNS_OK && left - out->name_len < TYPE_CLASS_BYTES)
		reason = PK_DNS_SHORT;
	if (reason != PK_DNS_OK) {
		out->labels = 0;
		out->name_len = 0;
		return reason;
	}
	copy_folded(out->name, p, out->name_len);
	out->qtype = be16(p + out->name_len);
	out->qclass = be16(p + out->name_len + 2);
	return PK_DNS_OK;
}

int pk_dns_question(const uint8_t *msg, uint32_t len, struct pk_dns *out)
{
	int reason = PK_DNS_SHORT;

	memset(out, 0, sizeof(*out));
	if (len >= HEADER_BYTES) {
		read_header(msg, out);
		reason = PK_DNS_NO_QUESTION;
	}
	if (out->questions)
		reason = read_question(msg + HEADER_BYTES, len - HEADER_BYTES,
				       out);
	out->reason = (uint8_t)reason;
	return reason;
}

const char *pk_dns_reason_text(int reason)
{
#define PK_DNS_TEXT(name, text) text,
	static const char *const texts[] = { PK_DNS_REASONS(PK_DNS_TEXT) };
#undef PK_DNS_TEXT

	if (reason < 0 || reason >= PK_DNS_REASON_COUNT)
		return "unknown";
	return texts[reason];
}
