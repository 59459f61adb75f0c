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
static void copy_folded(struct pk_dns *out, const uint8_t *name)
{
	memcpy(out->name, name, out->name_len);
	for (uint32_t at = 0; at < out->name_len; at += 8) {
		uint64_t word;

		memcpy(&word, out->name + at, 8);
		word = pk_fold_word(word);
		memcpy(out->name + at, &word, 8);
	}
}

static void take_question(struct pk_dns *out, const uint8_t *name,
			  const struct pk_question *q)
{
	out->name_len = q->name_len;
	out->labels = q->labels;
	copy_folded(out, name);
	out->qtype = be16(name + q->name_len);
	out->qclass = be16(name + q->name_len + 2);
}

int pk_dns_question(const uint8_t *msg, uint32_t len, struct pk_dns *out)
{
	struct pk_question q;
	int reason = pk_dns_read(msg, len, &q);

	memset(out, 0, sizeof(*out));
	out->reason = (uint8_t)reason;
	if (len >= PK_DNS_HEADER)
		read_header(msg, out);
	if (reason == PK_DNS_OK)
		take_question(out, msg + PK_DNS_HEADER, &q);
	return reason;
}

const char *pk_dns_reason_text(int reason)
{
#define PK_DNS_TEXT(name, counter, text) text,
	static const char *const texts[] = { PK_DNS_REASONS(PK_DNS_TEXT) };
#undef PK_DNS_TEXT

	if (reason < 0 || reason >= PK_DNS_REASON_COUNT)
		return "unknown";
	return texts[reason];
}
