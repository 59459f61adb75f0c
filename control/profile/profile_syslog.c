/* SPDX-License-Identifier: BSD-2-Clause */
/* cef and syslog: lines of RFC 5424. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "control/profile/view.h"
#include "control/text.h"

enum {
	LOCAL0 = 16,
	HOST_MAX = 255,
	MSGID_MAX = 32,
};

/* Private Enterprise Number for documentation (RFC 5612): picket has none. */
#define SD_ID "picket@32473"

struct line {
	char *out;
	size_t size;
	size_t len; /* not less than size: it did not fit */
};

__attribute__((format(printf, 2, 3))) static void put(struct line *l,
						      const char *format, ...)
{
	size_t room = l->len < l->size ? l->size - l->len : 0;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(room ? l->out + l->len : NULL, room, format, args);
	va_end(args);
	l->len += n > 0 ? (size_t)n : 0;
}

static void put_char(struct line *l, char c)
{
	if (l->len + 1 < l->size)
		l->out[l->len] = c;
	l->len++;
}

/* @text with a backslash in front of each of @marks. */
static void put_escaped(struct line *l, const char *text, const char *marks)
{
	char clean[PK_TEXT_STEP];

	while (*text) {
		size_t n = pk_text_again(&text, clean);

		for (size_t i = 0; i < n; i++) {
			if (strchr(marks, clean[i]))
				put_char(l, '\\');
			put_char(l, clean[i]);
		}
	}
}

static int end(const struct line *l)
{
	if (l->len >= l->size)
		return -ENOSPC;
	l->out[l->len] = 0;
	return (int)l->len;
}

/* A field of the header: PRINTUSASCII, "-" for none (RFC 5424 section 6). */
static void put_field(struct line *l, const char *text, size_t max)
{
	put_char(l, ' ');
	if (!*text)
		put_char(l, '-');
	for (size_t i = 0; text[i] && i < max; i++)
		put_char(l, text[i] > 0x20 && text[i] < 0x7f ? text[i] : '_');
}

static void put_header(struct line *l, const struct pk_view *v)
{
	/* notice, warning, error, critical */
	static const unsigned severities[] = { 5, 4, 3, 2 };

	put(l, "<%u>1 %s", LOCAL0 * 8 + severities[pk_view_severity(v)],
	    *v->last ? v->last : "-");
	put_field(l, v->sensor, HOST_MAX);
	put(l, " picketd -");
	put_field(l, v->type, MSGID_MAX);
	put_char(l, ' ');
}

/* ---- structured data ---- */

static void param(struct line *l, const char *name, const char *text)
{
	if (!*text)
		return;
	put(l, " %s=\"", name);
	put_escaped(l, text, "\"\\]");
	put_char(l, '"');
}

static void param_number(struct line *l, const char *name, uint64_t n)
{
	put(l, " %s=\"%" PRIu64 "\"", name, n);
}

static void put_threat_params(struct line *l, const struct pk_view *v)
{
	param(l, "id", v->id);
	param_number(l, "seq", v->seq);
	param(l, "epoch", v->epoch);
	param(l, "type", v->type);
	param(l, "state", v->state);
	param(l, "severity", v->severity);
	param_number(l, "confidence", v->confidence);
	param(l, "sensor", v->sensor);
	param(l, "observer", v->observer);
	param(l, "plane", v->plane);
	param(l, "offender", v->offender);
	param(l, "target", v->target);
	param_number(l, "count", v->count);
	param(l, "first", v->first);
	param(l, "last", v->last);
	param(l, "name", v->name);
}

static void put_flow_params(struct line *l, const struct pk_view *v)
{
	param(l, "src_ip", v->src);
	param_number(l, "src_port", v->sport);
	param(l, "dst_ip", v->dst);
	param_number(l, "dst_port", v->dport);
	param(l, "proto", v->proto);
	param(l, "community_id", v->community);
}

static void put_indicator_params(struct line *l, const struct pk_view *v)
{
	param(l, "indicator_type", v->ind_type);
	param(l, "indicator", v->value);
	param(l, "indicator_id", v->ind_id);
	param(l, "role", v->role);
	for (size_t i = 0; i < v->feed_count; i++)
		param(l, "feed", pk_view_feed(v, i));
	param(l, "threat_type", v->threat_type);
	param(l, "class", v->class);
	param(l, "tlp", v->tlp);
	param(l, "tags", v->tags);
	param(l, "attribution", v->attribution);
}

/* Plain ASCII, so that it needs no byte order mark (RFC 5424 section 6.4). */
static void put_ascii(struct line *l, const char *text)
{
	for (; *text; text++)
		put_char(l, *text >= 0x20 && *text < 0x7f ? *text : '?');
}

static void put_sentence(struct line *l, const struct pk_view *v)
{
	char title[64];

	put_ascii(l, pk_view_title(v, title));
	put_char(l, ' ');
	put_ascii(l, v->state);
	put(l, ": ");
	put_ascii(l, v->offender);
	put(l, " -> ");
	put_ascii(l, v->target);
	put(l, ", count %" PRIu64, v->count);
}

int pk_profile_syslog(const struct pk_view *v, char *out, size_t size)
{
	struct line l = { .out = out, .size = size };

	put_header(&l, v);
	put(&l, "[" SD_ID);
	put_threat_params(&l, v);
	put_flow_params(&l, v);
	if (*v->value) {
		put_indicator_params(&l, v);
	} else {
		param_number(&l, "hosts", v->hosts);
		param_number(&l, "ports", v->ports);
	}
	put(&l, "] ");
	put_sentence(&l, v);
	return end(&l);
}

/* ---- CEF ---- */

static void ext(struct line *l, const char *key, const char *text)
{
	if (!*text)
		return;
	put(l, " %s=", key);
	put_escaped(l, text, "=\\");
}

static void ext_labelled(struct line *l, const char *key, const char *label,
			 const char *text)
{
	if (!*text)
		return;
	put(l, " %sLabel=%s", key, label);
	ext(l, key, text);
}

/* src and dst are IPv4 only. */
static void ext_addr(struct line *l, int source, const char *addr)
{
	if (!pk_view_is_v6(addr))
		ext(l, source ? "src" : "dst", addr);
	else if (source)
		ext_labelled(l, "c6a2", "Source IPv6 Address", addr);
	else
		ext_labelled(l, "c6a3", "Destination IPv6 Address", addr);
}

static void put_cef_flow(struct line *l, const struct pk_view *v)
{
	ext_addr(l, 1, v->src);
	ext_addr(l, 0, v->dst);
	if (!pk_view_is_icmp(v))
		put(l, " spt=%" PRIu64 " dpt=%" PRIu64, v->sport, v->dport);
	ext(l, "proto", v->proto);
}

static void put_cef_indicator(struct line *l, const struct pk_view *v)
{
	ext_labelled(l, "cs1", "indicator", v->value);
	if (v->feed_count) {
		put(l, " cs2Label=feeds cs2=");
		for (size_t i = 0; i < v->feed_count; i++) {
			if (i)
				put_char(l, ' ');
			put_escaped(l, pk_view_feed(v, i), "=\\");
		}
	}
	ext_labelled(l, "cs3", "indicatorType", v->ind_type);
	ext_labelled(l, "cs6", "indicatorId", v->ind_id);
	ext(l, "cat", v->threat_type);
}

static void put_cef_ext(struct line *l, const struct pk_view *v)
{
	put(l, "rt=%" PRIu64 " start=%" PRIu64 " end=%" PRIu64, v->last_ms,
	    v->first_ms, v->last_ms);
	ext(l, "externalId", v->id);
	ext(l, "dvchost", v->sensor);
	put(l, " cnt=%" PRIu64, v->count);
	put_cef_flow(l, v);
	put(l, " cn1Label=confidence cn1=%" PRIu64, v->confidence);
	put(l, " cn2Label=seq cn2=%" PRIu64, v->seq);
	ext_labelled(l, "cs4", "communityId", v->community);
	ext_labelled(l, "cs5", "state", v->state);
	ext(l, "destinationDnsDomain", v->name);
	if (*v->value)
		put_cef_indicator(l, v);
	put(l, " msg=");
	put_escaped(l, v->offender, "=\\");
	put(l, " -> ");
	put_escaped(l, v->target, "=\\");
}

int pk_profile_cef(const struct pk_view *v, char *out, size_t size)
{
	static const unsigned severities[] = { 3, 5, 8, 10 };
	struct line l = { .out = out, .size = size };
	char title[64];

	put_header(&l, v);
	put(&l, "- CEF:0|picket|picketd|" PK_VERSION "|");
	put_escaped(&l, v->type, "|\\");
	put_char(&l, '|');
	put_escaped(&l, pk_view_title(v, title), "|\\");
	put(&l, "|%u|", severities[pk_view_severity(v)]);
	put_cef_ext(&l, v);
	return end(&l);
}
