/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hosts: hosts(5) as blocklists use it: an address that leads nowhere, and
 * names. localhost and its like, which such files carry, are skipped.
 */
#include <stdlib.h>

#include "ioc/feed/line.h"
#include "ioc/feed/reader.h"

static bool leads_nowhere(const struct pk_indicator *ind)
{
	static const uint8_t zero[16];
	bool v4 = ind->type == PK_INDICATOR_IPV4;
	const uint8_t *b = ind->addr.b;

	if (v4)
		return b[12] == 127 || !memcmp(b + 12, zero, 4);
	return ind->type == PK_INDICATOR_IPV6 && !memcmp(b, zero, 15) &&
	       b[15] <= 1;
}

/* Names that every hosts file has. */
static bool is_local(struct pk_word name)
{
	static const char *const names[] = {
		"localhost",  "localhost.localdomain",
		"local",      "broadcasthost",
		"0.0.0.0",    "loopback",
		"localhost4", "localhost6",
	};

	if (pk_begins(name.text, name.len, "ip6-") ||
	    pk_begins(name.text, name.len, "localhost4.") ||
	    pk_begins(name.text, name.len, "localhost6."))
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (pk_word_is(name, names[i]))
			return true;
	return false;
}

static enum pk_outcome take(struct pk_reader *r, const char *line,
			    struct pk_words *words)
{
	struct pk_indicator *ind = pk_reader_fresh(r);
	struct pk_word name = pk_next_word(words);

	/* ff02::1 ip6-allnodes: any address may stand in front of those. */
	for (; name.len; name = pk_next_word(words)) {
		if (is_local(name)) {
			pk_reader_skip(r, PK_SKIP_LOCAL);
			continue;
		}
		pk_reader_at(r, pk_column(line, name.text), NULL);
		pk_reader_add_text(r, ind, PK_INDICATOR_DOMAIN, name.text,
				   name.len);
		ind = pk_reader_fresh(r);
	}
	return PK_OUTCOME_VALUES;
}

static enum pk_outcome refuse(struct pk_reader *r, enum pk_refused why,
			      const char *line, struct pk_word word)
{
	pk_reader_refuse(r, why, pk_column(line, word.text), word.text,
			 word.len);
	return PK_OUTCOME_REFUSED;
}

static bool only_local(struct pk_words words)
{
	struct pk_word name;

	while ((name = pk_next_word(&words)).len)
		if (!is_local(name))
			return false;
	return true;
}

static enum pk_outcome record(void *state, struct pk_reader *r, char *text,
			      size_t len)
{
	struct pk_word line = pk_trim(text, len), addr;
	struct pk_indicator ind;
	const char *end;
	struct pk_words words;

	(void)state;
	if (pk_is_comment(line))
		return PK_OUTCOME_COMMENT;
	end = memchr(line.text, '#', line.len);
	words = pk_words(line.text, end ? (size_t)(end - line.text) : line.len);
	addr = pk_next_word(&words);
	end = memchr(addr.text, '%', addr.len);
	if (pk_indicator_parse_addr(&ind, addr.text,
				    end ? (size_t)(end - addr.text) : addr.len))
		return refuse(r, PK_REFUSED_ADDRESS, text, addr);
	if (words.at == words.end)
		return refuse(r, PK_REFUSED_COLUMNS_FEW, text, addr);
	/* A real address: somebody's own hosts file, no blocklist. */
	if (!leads_nowhere(&ind) && !only_local(words)) {
		pk_reader_skip(r, PK_SKIP_NOT_INDICATOR);
		return PK_OUTCOME_SKIPPED;
	}
	return take(r, text, &words);
}

static int like(const char *line, size_t len)
{
	struct pk_words words = pk_words(line, len);
	struct pk_word addr = pk_next_word(&words), name = pk_next_word(&words);
	struct pk_indicator ind;

	return name.len && *name.text != '#' &&
	       !pk_indicator_parse_addr(&ind, addr.text, addr.len) &&
	       (leads_nowhere(&ind) || is_local(name));
}

static int guess(const char *head, size_t len)
{
	return pk_reader_share(head, len, like) * 9 / 10;
}

const struct pk_reader_kind pk_reader_hosts = {
	.format = PK_FEED_HOSTS,
	.cut = PK_CUT_LINES,
	.guess = guess,
	.record = record,
};
