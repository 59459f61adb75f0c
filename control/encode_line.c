/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/encode.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "control/text.h"
#include "ioc/indicator.h"

enum { LINE_TEXT = 300 };

struct line {
	char *out;
	size_t size;
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void put(struct line *l,
						      const char *format, ...)
{
	va_list args;
	int n;

	if (l->len >= l->size)
		return;
	va_start(args, format);
	n = vsnprintf(l->out + l->len, l->size - l->len, format, args);
	va_end(args);
	l->len += n > 0 ? (size_t)n : 0;
}

static void put_text(struct line *l, const char *before, const char *text)
{
	char clean[LINE_TEXT + 1], step[PK_TEXT_STEP];
	const char *at = text;
	size_t n = 0;

	put(l, "%s", before);
	while (*at) {
		size_t len = pk_text_step(&at, step);

		if (n + len > LINE_TEXT) {
			put(l, "%.*s\xe2\x80\xa6(%zu bytes)", (int)n, clean,
			    strlen(text));
			return;
		}
		memcpy(clean + n, step, len);
		n += len;
	}
	put(l, "%.*s", (int)n, clean);
}

static void put_addr(struct line *l, const char *before,
		     const union pk_addr *addr)
{
	char text[PK_ADDR_TEXT_MAX];

	pk_addr_print(addr, text);
	put(l, "%s%s", before, text);
}

static void put_indicator(struct line *l, const struct pk_threat *t)
{
	const struct pk_threat_indicator *ind = t->indicator;

	put_text(l, "  ", ind->value);
	put(l, " (%s", pk_text_role(t->role));
	if (t->depth)
		put(l, " at depth %u", t->depth);
	if (ind->embedded)
		put(l, ", %s", pk_text_embedded(ind->embedded));
	if (*ind->threat_type)
		put_text(l, ", ", ind->threat_type);
	if (ind->feeds)
		put_text(l, ", ", ind->feed[0]);
	put(l, ")");
	if (t->name && strcmp(t->name, ind->value) != 0)
		put_text(l, " seen as ", t->name);
}

int pk_encode_line(const struct pk_threat *t, char *out, size_t size)
{
	struct line l = { .out = out, .size = size };
	char proto[PK_TEXT_PROTO], time[PK_TEXT_TIME];

	pk_text_time(t->last_ns, time);
	pk_text_proto(t->flow.key.proto, proto);
	put(&l, "%s  %-6s %-6s", time, pk_text_state(t->state), t->severity);
	put_text(&l, "  ", t->type);
	put_addr(&l, "  ", &t->offender);
	put_addr(&l, " -> ", &t->target);
	put(&l, "  %s/%u  count %" PRIu64, proto, t->flow.key.dport, t->count);
	if (t->indicator)
		put_indicator(&l, t);
	else
		put(&l, "  hosts %u ports %u", t->details.hosts,
		    t->details.ports);
	return l.len < size ? (int)l.len : -ENOSPC;
}
