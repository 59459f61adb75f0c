/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wrap: frames made from the inside to the outside, header before header.
 *
 * Lengths are right, checksums are 0. A wrap is a value: copy it to go on
 * twice from the same inside.
 */
#ifndef PK_TESTS_WRAP_H
#define PK_TESTS_WRAP_H

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

#include "bpf/image.h"

enum { WRAP_MAX = 1024 };

struct wrap {
	uint32_t at; /* of the outermost header */
	uint8_t data[WRAP_MAX];
};

static inline const uint8_t *wrap_frame(const struct wrap *w)
{
	return w->data + w->at;
}

static inline uint32_t wrap_len(const struct wrap *w)
{
	return WRAP_MAX - w->at;
}

/* Room for a header of @n bytes, all zero. */
static inline uint8_t *wrap_push(struct wrap *w, uint32_t n)
{
	assert_true(w->at >= n);
	w->at -= n;
	return memset(w->data + w->at, 0, n);
}

static inline void wrap_put16(uint8_t *to, uint32_t value)
{
	to[0] = (uint8_t)(value >> 8);
	to[1] = (uint8_t)value;
}

/* Begin with a payload of @n bytes. */
static inline struct wrap wrap_begin(uint32_t n)
{
	struct wrap w = { .at = WRAP_MAX - n };

	return w;
}

/* A TCP SYN. */
static inline void wrap_tcp(struct wrap *w, uint16_t sport, uint16_t dport)
{
	uint8_t *h = wrap_push(w, 20);

	wrap_put16(h, sport);
	wrap_put16(h + 2, dport);
	h[12] = 0x50;
	h[13] = 2;
}

static inline void wrap_udp(struct wrap *w, uint16_t sport, uint16_t dport)
{
	uint32_t len = wrap_len(w) + 8;
	uint8_t *h = wrap_push(w, 8);

	wrap_put16(h, sport);
	wrap_put16(h + 2, dport);
	wrap_put16(h + 4, len);
}

static inline union pk_addr wrap_addr(const char *text)
{
	union pk_addr a = { .b = { [10] = 0xff, 0xff } };

	if (inet_pton(AF_INET, text, a.b + 12) != 1)
		assert_int_equal(inet_pton(AF_INET6, text, a.b), 1);
	return a;
}

static inline void wrap_ip4(struct wrap *w, const union pk_addr *src,
			    const union pk_addr *dst, uint8_t proto)
{
	uint32_t len = wrap_len(w) + 20;
	uint8_t *h = wrap_push(w, 20);

	h[0] = 0x45;
	wrap_put16(h + 2, len);
	h[8] = 64;
	h[9] = proto;
	memcpy(h + 12, src->b + 12, 4);
	memcpy(h + 16, dst->b + 12, 4);
}

static inline void wrap_ip6(struct wrap *w, const union pk_addr *src,
			    const union pk_addr *dst, uint8_t proto)
{
	uint32_t len = wrap_len(w);
	uint8_t *h = wrap_push(w, 40);

	h[0] = 0x60;
	wrap_put16(h + 4, len);
	h[6] = proto;
	h[7] = 64;
	memcpy(h + 8, src->b, 16);
	memcpy(h + 24, dst->b, 16);
}

/* The header that the addresses ask for; mapped ones: IPv4. */
static inline void wrap_ip(struct wrap *w, const char *src, const char *dst,
			   uint8_t proto)
{
	union pk_addr a = wrap_addr(src), b = wrap_addr(dst);

	if (pk_is_v4(&a))
		wrap_ip4(w, &a, &b, proto);
	else
		wrap_ip6(w, &a, &b, proto);
}

static inline int wrap_is_ip6(const struct wrap *w)
{
	return wrap_frame(w)[0] >> 4 == 6;
}

static inline uint16_t wrap_eth_type(const struct wrap *w)
{
	return wrap_is_ip6(w) ? 0x86dd : 0x0800;
}

/* What carries this in IP. */
static inline uint8_t wrap_proto(const struct wrap *w)
{
	return wrap_is_ip6(w) ? 41 : 4;
}

static inline void wrap_eth(struct wrap *w, uint16_t type)
{
	uint8_t *h = wrap_push(w, 14);

	h[0] = h[6] = 2;
	wrap_put16(h + 12, type);
}

static inline void wrap_vlan(struct wrap *w, uint16_t type, uint16_t id)
{
	uint8_t *h = wrap_push(w, 4);

	wrap_put16(h, id);
	wrap_put16(h + 2, type);
}

static inline void wrap_gre(struct wrap *w)
{
	uint16_t type = wrap_eth_type(w);

	wrap_put16(wrap_push(w, 4) + 2, type);
}

static inline void wrap_vxlan(struct wrap *w)
{
	wrap_push(w, 8)[0] = 8;
	wrap_udp(w, 50000, 4789);
}

static inline void wrap_geneve(struct wrap *w)
{
	wrap_put16(wrap_push(w, 8) + 2, 0x6558);
	wrap_udp(w, 50001, 6081);
}

static inline void wrap_gtp(struct wrap *w)
{
	uint32_t len = wrap_len(w);
	uint8_t *h = wrap_push(w, 8);

	h[0] = 0x30;
	h[1] = 255;
	wrap_put16(h + 2, len);
	wrap_udp(w, 2152, 2152);
}

#endif /* PK_TESTS_WRAP_H */
