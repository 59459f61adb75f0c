/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * decode_rig: what must hold of every decoded frame, of every shorter head of
 * it (row D32) and of every value of every byte of it (row D33).
 *
 * A violation ends the program with a sentence that names file, packet and
 * the bytes decoded.
 */
#ifndef PK_TESTS_DECODE_RIG_H
#define PK_TESTS_DECODE_RIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/parse.h"

enum {
	/* Every length up to here; then every 16th, or `every` one. */
	DECODE_DENSE = 256,
	DECODE_STRIDE = 16,
	DECODE_SHAPES = 1 << 16, /* a power of two */
};

struct decode_totals {
	const char *file;
	unsigned long long number; /* of the packet at hand */
	unsigned long long frames, heads, shapes, bent;
	bool every; /* length of a head; else only those of decode_dense() */
	bool bend;
	uint64_t *seen; /* shapes met: an open table */
};

/* A heap block of exactly @len bytes. */
static inline uint8_t *decode_copy(const uint8_t *data, uint32_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	if (!copy)
		abort();
	if (len)
		memcpy(copy, data, len);
	return copy;
}

static inline void decode_fail(const struct decode_totals *t,
			       const uint8_t *data, uint32_t len,
			       const char *what)
{
	fprintf(stderr, "%s: packet %llu: %s; decoded were %u bytes:\n",
		t->file, t->number, what, len);
	for (uint32_t i = 0; i < len && i < PK_VISIBLE_BYTES; i++)
		fprintf(stderr, "%02x", data[i]);
	fprintf(stderr, "\n");
	fflush(stdout);
	exit(1);
}

/* The address pairs told: those around, and the innermost. */
static inline int decode_pairs(const struct pk_decode *d)
{
	return d->packet.depth + !!(d->packet.layers & PK_HAS_IP);
}

static inline const struct pk_flow_key *decode_pair(const struct pk_decode *d,
						    int i)
{
	return i < d->packet.depth ? &d->outer[i] : &d->packet.key;
}

/* What every result fulfils; NULL, or what it does not. */
static inline const char *decode_broken(const struct pk_decode *d, uint32_t len)
{
	const struct pk_packet *p = &d->packet;
	bool has_ip = p->layers & PK_HAS_IP;

	if (p->reason >= PK_PARSE_COUNT)
		return "there is no such reason";
	if (p->depth > PK_OUTERS)
		return "more outer pairs than there is room for";
	if (p->layers & (PK_HAS_PORTS | PK_HAS_PAYLOAD) && !has_ip)
		return "ports or payload without addresses";
	if (p->vlans > PK_VLAN_DEPTH)
		return "more VLAN tags than are walked";
	if (has_ip && (p->ip_off < 14 || p->ip_off + 20U > len))
		return "the IP header lies outside of the frame";
	if (p->layers & PK_HAS_PORTS &&
	    (p->l4_off < p->ip_off + 20 || p->l4_off + 4U > len))
		return "the ports lie outside of the frame";
	if (p->layers & PK_HAS_PAYLOAD &&
	    p->payload_off > PK_VISIBLE_BYTES + 60)
		return "the payload begins behind the visible bytes";
	return NULL;
}

/* Does @more tell every address pair of @less, in its place? */
static inline bool decode_keeps(const struct pk_decode *less,
				const struct pk_decode *more)
{
	if (decode_pairs(more) < decode_pairs(less))
		return false;
	for (int i = 0; i < decode_pairs(less); i++)
		if (memcmp(decode_pair(less, i), decode_pair(more, i), 32))
			return false;
	return true;
}

static inline bool decode_dense(uint32_t len)
{
	return len < DECODE_DENSE || len % DECODE_STRIDE == 0;
}

/* Every head of the frame, as a frame of its own and as a readable part. */
static inline void decode_heads(struct decode_totals *t, const uint8_t *data,
				uint32_t len, const struct pk_decode *whole)
{
	struct pk_decode last[2], d;
	const char *broken;

	memset(last, 0, sizeof(last));
	for (uint32_t n = 0; n < len; n++) {
		uint8_t *head;

		if (!t->every && !decode_dense(n))
			continue;
		head = decode_copy(data, n);
		for (int part = 0; part < 2; part++) {
			pk_parse(head, head + n, part ? len : n, &d);
			broken = decode_broken(&d, n);
			if (broken)
				decode_fail(t, head, n, broken);
			if (!decode_keeps(&last[part], &d) ||
			    !decode_keeps(&d, whole))
				decode_fail(t, head, n,
					    "a longer head loses an address");
			last[part] = d;
		}
		free(head);
		t->heads += 2;
	}
}

/* A number for the way the frame was decoded, addresses and ports aside. */
static inline uint64_t decode_shape(const struct pk_decode *d)
{
	const struct pk_packet *p = &d->packet;
	uint64_t h = 1469598103934665603U;
	uint32_t parts[12] = { p->reason,      p->layers,   p->depth,
			       p->vlans,       p->ip_off,   p->l4_off,
			       p->payload_off, p->eth_type, d->steps,
			       p->key.proto,   d->off,	    0 };

	for (int i = 0; i < p->depth; i++)
		parts[11] = parts[11] * 257 + d->outer[i].proto + 1U;
	for (unsigned i = 0; i < 12; i++)
		h = (h ^ parts[i]) * 1099511628211U;
	return h | 1;
}

/* Was the shape met before? Beyond a full table, all were. */
static inline bool decode_met(struct decode_totals *t, uint64_t shape)
{
	uint64_t at = shape >> 20;

	if (!t->seen)
		t->seen = calloc(DECODE_SHAPES, sizeof(*t->seen));
	if (!t->seen)
		abort();
	for (;; at++) {
		uint64_t *slot = &t->seen[at & (DECODE_SHAPES - 1)];

		if (*slot == shape || t->shapes >= DECODE_SHAPES / 2)
			return true;
		if (!*slot) {
			*slot = shape;
			t->shapes++;
			return false;
		}
	}
}

/* All 256 values of every byte that the decoder may look at. */
static inline void decode_bend(struct decode_totals *t, uint8_t *data,
			       uint32_t len)
{
	uint32_t end = len < DECODE_DENSE ? len : DECODE_DENSE;
	struct pk_decode d;

	for (uint32_t at = 0; at < end; at++) {
		uint8_t kept = data[at];

		for (int v = 0; v < 256; v++) {
			const char *broken;

			data[at] = (uint8_t)v;
			pk_parse(data, data + len, len, &d);
			broken = decode_broken(&d, len);
			if (broken)
				decode_fail(t, data, len, broken);
		}
		data[at] = kept;
		t->bent += 256;
	}
}

static inline void decode_check(struct decode_totals *t, uint8_t *data,
				uint32_t len, const struct pk_decode *d)
{
	const char *broken = decode_broken(d, len);

	t->frames++;
	if (broken)
		decode_fail(t, data, len, broken);
	decode_heads(t, data, len, d);
	if (!decode_met(t, decode_shape(d)) && t->bend)
		decode_bend(t, data, len);
}

#endif /* PK_TESTS_DECODE_RIG_H */
