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

/* Copy the name at @at, whose place in @msg ends before @end. */
static int copy_name(struct pk_dns *out, const uint8_t *msg, uint32_t at,
		     uint32_t end)
{
	uint32_t hops = 0;

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

/* The question whose name is in @msg from @at to @end, type and class too. */
static int take_question(struct pk_dns *out, const uint8_t *msg, uint32_t len,
			 uint32_t at, uint32_t end)
{
	if (len < end + PK_DNS_TYPE_CLASS || copy_name(out, msg, at, end)) {
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
	if (q.prefix)
		len = q.left;
	if (len >= PK_DNS_HEADER && reason != PK_DNS_TCP_OTHER)
		read_header(msg, out);
	if (reason == PK_DNS_OK || reason == PK_DNS_POINTER)
		reason = take_question(out, msg, len, PK_DNS_HEADER,
				       PK_DNS_HEADER + q.name_len);
	out->reason = (uint8_t)reason;
	return reason;
}

/* --- all questions ----------------------------------------------------------- */

void pk_questions_begin(struct pk_questions *all, const uint8_t *payload,
			uint32_t here, uint32_t whole, int tcp)
{
	struct pk_question q = { .left = (uint16_t)whole };
	int reason = PK_DNS_OK;

	memset(all, 0, sizeof(*all));
	all->payload = payload;
	all->here = here < whole ? here : whole;
	all->whole = whole;
	if (tcp)
		reason = here < PK_DNS_PREFIX + PK_DNS_HEADER
				 ? PK_DNS_TCP_SPLIT
				 : pk_dns_segment(payload, whole, &q);
	if (reason != PK_DNS_OK && reason != PK_DNS_TCP_MORE)
		all->next = whole;
	all->prefix = q.prefix;
}

/* Behind a message whose end is known there may be another one. */
static void find_end(struct pk_questions *all)
{
	uint32_t said = be16(all->payload + all->next);

	all->end = all->next = all->msg + said;
	if (all->end > all->here)
		all->end = all->here;
}

/* 1 if there is a message more. */
static int next_message(struct pk_questions *all)
{
	const uint8_t *msg;

	if (all->next > all->whole ||
	    all->whole - all->next < all->prefix + (uint32_t)PK_DNS_LEAST)
		return 0;
	all->msg = all->next + all->prefix;
	if (all->messages++ == PK_DNS_MESSAGES ||
	    all->here < all->msg + PK_DNS_HEADER) {
		all->cut = 1;
		return 0;
	}
	if (all->prefix) {
		find_end(all);
	} else {
		all->end = all->here;
		all->next = all->whole;
	}
	msg = all->payload + all->msg;
	all->at = all->msg + PK_DNS_HEADER;
	all->left = be16(msg + 4);
	if (all->left > PK_DNS_QUESTIONS) {
		all->left = PK_DNS_QUESTIONS;
		all->cut = 1;
	}
	if (all->end < all->at) { /* not even a header */
		all->left = 0;
		all->cut = 1;
	}
	return 1;
}

/* Where the name at @at ends, root byte or pointer included, or 0. */
static uint32_t end_of_name(const uint8_t *msg, uint32_t len, uint32_t at)
{
	uint32_t most = at + PK_DNS_NAME_MAX;

	while (at < len && at < most) {
		uint32_t n = msg[at];

		if (n >= PK_DNS_TYPE_BITS)
			return at + 2;
		if (n & PK_DNS_TYPE_BITS)
			return 0;
		at += 1 + n;
		if (!n)
			return at;
	}
	return 0;
}

/* 1 if it could be read. */
static int next_question(struct pk_questions *all, struct pk_dns *out)
{
	const uint8_t *msg = all->payload + all->msg;
	uint32_t len = all->end - all->msg, at = all->at - all->msg;
	uint32_t end = end_of_name(msg, len, at);

	all->left--;
	all->at = all->msg + end + PK_DNS_TYPE_CLASS;
	if (!end)
		all->left = 0;
	memset(out, 0, sizeof(*out));
	read_header(msg, out);
	if (end && take_question(out, msg, len, at, end) == PK_DNS_OK)
		return 1;
	all->cut = 1;
	return 0;
}

int pk_questions_next(struct pk_questions *all, struct pk_dns *out)
{
	do {
		while (all->left && all->tried < PK_DNS_ALL) {
			all->tried++;
			if (next_question(all, out))
				return 1;
		}
		if (all->left) {
			all->cut = 1;
			return 0;
		}
	} while (next_message(all));
	return 0;
}
