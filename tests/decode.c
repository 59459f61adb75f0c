/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * decode: what the decoder sees in capture files, as JSON lines.
 *
 *	decode [--bend] FILE...
 *
 * A line for each file ({"file", "link"}), then one for each of its packets,
 * then {"file", "packets", "error"}. Of a packet: its number `n`, why it is or
 * is not a frame (`link`), the decoder's `reason`, `pairs` (outermost first,
 * the innermost last) as [source, destination, protocol, source port,
 * destination port], and of the innermost bytes, ttl, flags, Community ID and
 * DNS question (its name in wire form, in hexadecimal).
 *
 * Each frame is decoded from a heap block of exactly its size, so that the
 * sanitizers see every byte read beyond it, and is checked on the way:
 * pk_parse is given each shorter head of it, once as a shorter frame and once
 * as a frame of which only the head can be read (row D32); no longer head
 * loses an address that a shorter one told. With --bend, heads of every length
 * are tried, and every byte of the first frame of each shape takes all 256
 * values (row D33).
 *
 * Status 1 and a sentence when a check fails or a file cannot be opened.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include "bpf/dns.h"
#include "bpf/parse.h"
#include "control/community.h"
#include "dataplane/file/capture.h"
#include "dataplane/inspect/dns.h"
#include "tests/decode_rig.h"

static struct decode_totals totals;

static const char *reason_name(unsigned reason)
{
	static const char *const names[] = {
#define REASON_NAME(name, text) #name,
		PK_PARSE_REASONS(REASON_NAME)
	};

	return reason < PK_PARSE_COUNT ? names[reason] : "?";
}

static const char *dns_name(unsigned reason)
{
	static const char *const names[] = {
#define DNS_NAME(name, counter, text) #name,
		PK_DNS_REASONS(DNS_NAME)
	};

	return reason < PK_DNS_REASON_COUNT ? names[reason] : "?";
}

static void print_text(const char *text)
{
	putchar('"');
	for (; *text; text++)
		if (*text == '"' || *text == '\\' || (unsigned char)*text < ' ')
			printf("\\u%04x", (unsigned char)*text);
		else
			putchar(*text);
	putchar('"');
}

static void print_addr(const union pk_addr *a, bool six)
{
	char text[INET6_ADDRSTRLEN];

	if (six)
		inet_ntop(AF_INET6, a->b, text, sizeof(text));
	else
		inet_ntop(AF_INET, a->b + 12, text, sizeof(text));
	printf("\"%s\",", text);
}

/* An outer ::ffff:a.b.c.d in an IPv6 header looks like IPv4. */
static void print_pair(const struct pk_flow_key *k, bool six)
{
	putchar('[');
	print_addr(&k->src, six || !pk_is_v4(&k->src));
	print_addr(&k->dst, six || !pk_is_v4(&k->dst));
	printf("%u,%u,%u]", k->proto, k->sport, k->dport);
}

static void print_name(unsigned response, const uint8_t *name, uint32_t len)
{
	printf(",\"response\":%u,\"name\":\"", response);
	for (uint32_t i = 0; i < len; i++)
		printf("%02x", name[i]);
	putchar('"');
}

/* Of what only user space can tell: the first question. */
static void print_first(const uint8_t *payload, uint32_t len, int tcp)
{
	struct pk_questions all;
	struct pk_dns dns;

	pk_questions_begin(&all, payload, len, len, tcp);
	if (pk_questions_next(&all, &dns))
		print_name(dns.response, dns.name, dns.name_len);
}

/* The question, read from a copy with the room around it that is asked for. */
static void print_question(const uint8_t *data, uint32_t len,
			   const struct pk_packet *p)
{
	struct pk_dns_scratch *s;
	struct pk_question *q;
	uint32_t bytes, copied;

	if (!pk_is_dns(p))
		return;
	s = calloc(1, sizeof(*s));
	if (!s)
		abort();
	q = &s->question;
	bytes = pk_dns_bytes(p, len);
	copied = bytes < PK_DNS_BYTES ? bytes : PK_DNS_BYTES;
	if (copied)
		memcpy(s->payload, data + p->payload_off, copied);
	pk_dns_payload(s->payload, bytes, pk_dns_is_tcp(p), q);
	printf(",\"dns\":\"%s\"", dns_name(q->reason));
	if (q->reason == PK_DNS_OK)
		print_name(s->payload[q->prefix + 2] >> 7,
			   s->payload + q->prefix + PK_DNS_HEADER, q->name_len);
	else if (pk_dns_is_open(q->reason))
		print_first(data + p->payload_off, bytes, pk_dns_is_tcp(p));
	free(s);
}

static void print_packet(const uint8_t *data, uint32_t len,
			 const struct pk_decode *d)
{
	const struct pk_packet *p = &d->packet;
	char id[PK_COMMUNITY_TEXT];

	printf(",\"reason\":\"%s\",\"layers\":%u,\"type\":%u,\"vlan\":%u,"
	       "\"vlans\":%u,\"pairs\":[",
	       reason_name(p->reason), p->layers, p->eth_type, p->vlan,
	       p->vlans);
	for (int i = 0; i < p->depth; i++) {
		print_pair(&d->outer[i], false);
		if (i + 1 < p->depth || p->layers & PK_HAS_IP)
			putchar(',');
	}
	if (p->layers & PK_HAS_IP)
		print_pair(&p->key, p->layers & PK_IS_IP6);
	putchar(']');
	if (!(p->layers & PK_HAS_IP))
		return;
	printf(",\"bytes\":%u,\"ttl\":%u,\"tcp\":%u,\"code\":%u", p->bytes,
	       p->ttl, p->tcp_flags, p->icmp_code);
	pk_community_id(&p->key, 0, id);
	printf(",\"community\":\"%s\"", id);
	print_question(data, len, p);
}

/* Decode, check, print. */
static void take(const struct pk_frame *f)
{
	struct pk_decode d;
	uint8_t *data;

	printf("{\"n\":%llu,\"len\":%u,\"wire\":%u,\"link\":\"%s\"",
	       (unsigned long long)f->number, f->len, f->wire_len,
	       pk_link_reason_name(f->link));
	if (f->link == PK_LINK_OK) {
		data = decode_copy(f->data, f->len);
		memset(&d, 0xa5, sizeof(d));
		pk_parse(data, data + f->len, f->len, &d);
		decode_check(&totals, data, f->len, &d);
		print_packet(data, f->len, &d);
		free(data);
	}
	puts("}");
}

static int take_file(const char *path)
{
	struct pk_capture *c;
	struct pk_frame f;
	char why[600];
	unsigned long long n = 0;
	int got;

	printf("{\"file\":");
	print_text(path);
	if (pk_capture_open(&c, path, why, sizeof(why))) {
		printf(",\"refused\":");
		print_text(why);
		puts("}");
		return 1;
	}
	printf(",\"type\":\"%s\"}\n", pk_capture_link_name(c));
	while ((got = pk_capture_next(c, &f)) == 1) {
		n++;
		totals.number = f.number;
		take(&f);
	}
	printf("{\"file\":");
	print_text(path);
	printf(",\"packets\":%llu,\"error\":", n);
	print_text(pk_capture_error(c));
	puts("}");
	pk_capture_close(c);
	return 0;
}

int main(int argc, char **argv)
{
	int i = 1;

	if (argc > 2 && !strcmp(argv[1], "--bend")) {
		totals.bend = totals.every = true;
		i = 2;
	}
	if (i >= argc) {
		fprintf(stderr, "usage: decode [--bend] FILE...\n");
		return 2;
	}
	for (; i < argc; i++) {
		totals.file = argv[i];
		take_file(argv[i]);
	}
	fprintf(stderr,
		"%llu frames, %llu heads, %llu shapes, %llu bent frames\n",
		totals.frames, totals.heads, totals.shapes, totals.bent);
	free(totals.seen);
	return ferror(stdout) || fflush(stdout) ? 1 : 0;
}
