/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/range.h"

#include <errno.h>
#include <string.h>

int pk_range_set(struct pk_range *range, const union pk_addr *first,
		 const union pk_addr *last)
{
	if (pk_is_v4(first) != pk_is_v4(last) || memcmp(first, last, 16) > 0)
		return -EINVAL;
	range->next = *first;
	range->last = *last;
	range->done = 0;
	return 0;
}

static int is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static int parse_end(union pk_addr *addr, const char *text, size_t len)
{
	char copy[PK_ADDR_TEXT_MAX];

	while (len && is_blank(*text)) {
		text++;
		len--;
	}
	while (len && is_blank(text[len - 1]))
		len--;
	if (len >= sizeof(copy) || memchr(text, 0, len))
		return -EINVAL;
	memcpy(copy, text, len);
	copy[len] = 0;
	return pk_addr_parse(addr, copy);
}

enum pk_refused pk_range_parse(struct pk_range *range, const char *text,
			       size_t len)
{
	const char *dash = memchr(text, '-', len);
	union pk_addr first, last;

	if (!dash || parse_end(&first, text, (size_t)(dash - text)) ||
	    parse_end(&last, dash + 1, (size_t)(text + len - dash - 1)))
		return PK_REFUSED_ADDRESS;
	return pk_range_set(range, &first, &last) ? PK_REFUSED_RANGE
						  : PK_REFUSED_NONE;
}

/* Set the last @n bits of @addr to one. */
static void fill_bits(union pk_addr *addr, unsigned n)
{
	unsigned at = 15;

	for (; n >= 8; n -= 8)
		addr->b[at--] = 0xff;
	if (n)
		addr->b[at] |= (uint8_t)((1U << n) - 1);
}

static unsigned trailing_zeros(const union pk_addr *addr)
{
	unsigned n = 0, at = 16;

	for (; at && !addr->b[at - 1]; at--)
		n += 8;
	return at ? n + (unsigned)__builtin_ctz(addr->b[at - 1]) : n;
}

/* Add one; 0 when it was the highest. */
static int increment(union pk_addr *addr)
{
	for (unsigned at = 16; at; at--)
		if (++addr->b[at - 1])
			return 1;
	return 0;
}

int pk_range_next(struct pk_range *range, struct pk_indicator *ind)
{
	int v4 = pk_is_v4(&range->next);
	unsigned width = v4 ? 32 : 128, host = trailing_zeros(&range->next);
	union pk_addr end;

	if (range->done)
		return 0;
	host = host < width ? host : width;
	/* The widest that is aligned and does not pass the last address. */
	for (;; host--) {
		end = range->next;
		fill_bits(&end, host);
		if (memcmp(&end, &range->last, 16) <= 0)
			break;
	}
	pk_indicator_set_net(ind, &range->next, 128 - host);
	range->done = !memcmp(&end, &range->last, 16) || !increment(&end);
	range->next = end;
	return 1;
}
