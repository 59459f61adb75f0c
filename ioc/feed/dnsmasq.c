/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dnsmasq: names that a dnsmasq configuration answers itself, with all that is
 * below them:
 *
 *	address=/bad.example/			NXDOMAIN
 *	address=/bad.example/worse.example/0.0.0.0
 *	local=/bad.example/			the same without forwarding
 *	server=/bad.example/			the same
 *	server=/good.example/#			the usual servers: an exception
 *
 * A server or another address behind the names is routing: skipped.
 */
#include <stdlib.h>

#include "ioc/feed/line.h"
#include "ioc/feed/reader.h"

/* What stands behind the last slash. */
enum target { BLOCKED, ALLOWED, ROUTED };

static enum target target_of(struct pk_word target)
{
	if (pk_word_is(target, "#"))
		return ALLOWED;
	if (!target.len || pk_word_is(target, "0.0.0.0") ||
	    pk_word_is(target, "::") || pk_word_is(target, "::1") ||
	    pk_begins(target.text, target.len, "127."))
		return BLOCKED;
	return ROUTED;
}

/* The part behind "address=" and its like, or NULL. */
static const char *directive(const char *text, size_t len)
{
	static const char *const words[] = { "address=", "local=", "server=" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (pk_begins(text, len, words[i]))
			return text + strlen(words[i]);
	return NULL;
}

static void take_name(struct pk_reader *r, struct pk_word name, bool allowed)
{
	struct pk_indicator *ind = pk_reader_fresh(r);
	enum pk_refused why;

	if (!allowed) {
		pk_reader_add_text(r, ind, PK_INDICATOR_DOMAIN, name.text,
				   name.len);
		return;
	}
	why = pk_indicator_parse_name(ind, name.text, name.len);
	if (why)
		pk_reader_refuse(r, why, 0, name.text, name.len);
	else
		pk_reader_allow(r, ind);
}

static enum pk_outcome refuse(struct pk_reader *r, struct pk_word line)
{
	pk_reader_refuse(r, PK_REFUSED_SYNTAX, 1, line.text, line.len);
	return PK_OUTCOME_REFUSED;
}

static enum pk_outcome record(void *state, struct pk_reader *r, char *text,
			      size_t len)
{
	struct pk_word line = pk_trim(text, len), target;
	const char *names, *last;
	struct pk_words w;
	enum target kind;

	(void)state;
	if (pk_is_comment(line))
		return PK_OUTCOME_COMMENT;
	names = directive(line.text, line.len);
	if (!names || *names != '/') {
		/* Other directives are well-formed and say nothing here. */
		if (!names && !memchr(line.text, '=', line.len))
			return refuse(r, line);
		pk_reader_skip(r, PK_SKIP_NOT_INDICATOR);
		return PK_OUTCOME_SKIPPED;
	}
	last = memrchr(line.text, '/', line.len);
	if (last == names)
		return refuse(r, line);
	target = pk_trim(last + 1, (size_t)(line.text + line.len - last - 1));
	target.len = (size_t)(pk_inline_comment(target.text,
						target.text + target.len) -
			      target.text);
	kind = target_of(pk_trim(target.text, target.len));
	if (kind == ROUTED) {
		pk_reader_skip(r, PK_SKIP_NOT_INDICATOR);
		return PK_OUTCOME_SKIPPED;
	}
	w = pk_words(names + 1, (size_t)(last - names - 1));
	do {
		struct pk_word name = pk_next_field(&w, '/');

		pk_reader_at(r, pk_column(text, name.text), NULL);
		take_name(r, name, kind == ALLOWED);
	} while (w.at);
	return PK_OUTCOME_VALUES;
}

static int like(const char *line, size_t len)
{
	const char *names = directive(line, len);

	return names && names < line + len && *names == '/';
}

static int guess(const char *head, size_t len)
{
	return pk_reader_share(head, len, like) * 95 / 100;
}

const struct pk_reader_kind pk_reader_dnsmasq = {
	.format = PK_FEED_DNSMASQ,
	.cut = PK_CUT_LINES,
	.guess = guess,
	.record = record,
};
