/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * adblock: the part of the filter syntax that is about whole names:
 *
 *	||bad.example^			the name and what is below it
 *	||bad.example^$important	options that do not narrow it
 *	|http://bad.example/x|		one URL
 *	@@||good.example^		an exception
 *
 * Rules for page elements, parts of URLs, patterns and those that hold for
 * some pages only are for browsers: skipped.
 */
#include <stdlib.h>

#include "ioc/feed/line.h"
#include "ioc/feed/reader.h"

/* Options that leave a rule a rule about the whole name. */
static bool is_harmless(struct pk_word option)
{
	static const char *const words[] = {
		"important",   "all", "document", "doc",	"popup",
		"third-party", "3p",  "network",  "match-case",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (pk_word_is(option, words[i]))
			return true;
	return false;
}

static bool are_harmless(const char *text, const char *end)
{
	struct pk_words w = pk_words(text, (size_t)(end - text));

	while (w.at)
		if (!is_harmless(pk_next_field(&w, ',')))
			return false;
	return true;
}

/* "##", "#@#", "#?#", "#$#": what to do with parts of a page. */
static bool is_cosmetic(const char *text, size_t len)
{
	for (size_t i = 0; i + 1 < len; i++)
		if (text[i] == '#' &&
		    (text[i + 1] == '#' || (i + 2 < len && text[i + 2] == '#')))
			return true;
	return false;
}

static enum pk_outcome skip(struct pk_reader *r)
{
	pk_reader_skip(r, PK_SKIP_NOT_INDICATOR);
	return PK_OUTCOME_SKIPPED;
}

static enum pk_outcome allow(struct pk_reader *r, struct pk_word name)
{
	struct pk_indicator *ind = pk_reader_fresh(r);
	enum pk_refused why = pk_indicator_parse(ind, name.text, name.len);

	if (why) {
		pk_reader_refuse(r, why, 0, name.text, name.len);
		return PK_OUTCOME_REFUSED;
	}
	pk_reader_allow(r, ind);
	return PK_OUTCOME_SKIPPED;
}

/* The rule without its marks; false: it is not about a whole name or URL. */
static bool unwrap(struct pk_word *rule)
{
	const char *end = rule->text + rule->len;
	const char *dollar = memrchr(rule->text, '$', rule->len);

	if (dollar && !are_harmless(dollar + 1, end))
		return false;
	if (dollar)
		end = dollar;
	if (pk_begins(rule->text, (size_t)(end - rule->text), "||")) {
		rule->text += 2;
		if (end > rule->text && (end[-1] == '^' || end[-1] == '|'))
			end--;
	} else if (*rule->text == '|') {
		rule->text++;
		if (end == rule->text || end[-1] != '|')
			return false;
		end--;
	}
	if (end > rule->text && end[-1] == '^')
		end--;
	rule->len = (size_t)(end - rule->text);
	return rule->len && !memchr(rule->text, '*', rule->len) &&
	       !memchr(rule->text, '^', rule->len) && *rule->text != '/';
}

static enum pk_outcome record(void *state, struct pk_reader *r, char *text,
			      size_t len)
{
	struct pk_word rule = pk_trim(text, len);
	bool exception = pk_begins(rule.text, rule.len, "@@");

	(void)state;
	if (*rule.text == '!' || *rule.text == '[' ||
	    pk_begins(rule.text, rule.len, "# "))
		return PK_OUTCOME_COMMENT;
	if (is_cosmetic(rule.text, rule.len))
		return skip(r);
	if (*rule.text == '#')
		return PK_OUTCOME_COMMENT;
	if (exception) {
		rule.text += 2;
		rule.len -= 2;
	}
	if (!unwrap(&rule))
		return skip(r);
	pk_reader_at(r, pk_column(text, rule.text), NULL);
	if (exception)
		return allow(r, rule);
	pk_reader_add_text(r, pk_reader_fresh(r), -1, rule.text, rule.len);
	return PK_OUTCOME_VALUES;
}

static int like(const char *line, size_t len)
{
	return pk_begins(line, len, "||") || pk_begins(line, len, "@@") ||
	       is_cosmetic(line, len);
}

static int guess(const char *head, size_t len)
{
	if (pk_begins(head, len, "[Adblock"))
		return 97;
	return pk_reader_share(head, len, like) * 95 / 100;
}

const struct pk_reader_kind pk_reader_adblock = {
	.format = PK_FEED_ADBLOCK,
	.cut = PK_CUT_LINES,
	.guess = guess,
	.record = record,
};
