/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/feed/stix_lex.h"

#include <string.h>

/* The first reason stays, and reading ends there. */
bool pk_stix_refuse(struct pk_stix_lex *l, enum pk_stix_refusal why)
{
	if (!l->why)
		l->why = why;
	return false;
}

/* --- characters ------------------------------------------------------------ */

static bool starts(const struct pk_stix_lex *l, const char *text)
{
	size_t len = strlen(text);

	return (size_t)(l->end - l->p) >= len && !memcmp(l->p, text, len);
}

void pk_stix_space(struct pk_stix_lex *l)
{
	for (;;) {
		const char *stop;

		while (l->p < l->end && strchr(" \t\r\n\v\f", *l->p) && *l->p)
			l->p++;
		if (starts(l, "//")) {
			stop = memchr(l->p, '\n', (size_t)(l->end - l->p));
			l->p = stop ? stop : l->end;
		} else if (starts(l, "/*")) {
			stop = memmem(l->p + 2, (size_t)(l->end - l->p - 2),
				      "*/", 2);
			l->p = stop ? stop + 2 : l->end;
		} else {
			return;
		}
	}
}

bool pk_stix_take(struct pk_stix_lex *l, const char *mark)
{
	pk_stix_space(l);
	if (!starts(l, mark))
		return false;
	l->p += strlen(mark);
	return true;
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_' || c == '-';
}

bool pk_stix_is_keyword(struct pk_stix_lex *l, const char *word)
{
	size_t len = strlen(word);

	pk_stix_space(l);
	return starts(l, word) && (l->p + len == l->end || !is_word(l->p[len]));
}

bool pk_stix_keyword(struct pk_stix_lex *l, const char *word)
{
	if (!pk_stix_is_keyword(l, word))
		return false;
	l->p += strlen(word);
	return true;
}

/* --- literals and paths ---------------------------------------------------- */

static void add_char(struct pk_stix_lex *l, char c)
{
	l->text[l->used++] = c; /* never more than the pattern has */
}

/* Behind the opening quotation mark, up to behind the closing one. */
static bool quoted(struct pk_stix_lex *l, struct pk_stix_slice *out)
{
	out->at = (uint32_t)l->used;
	for (; l->p < l->end && *l->p != '\''; l->p++) {
		if (*l->p == '\\') {
			l->p++;
			if (l->p == l->end)
				break;
			/* Other escapes are read as what they look like. */
			if (*l->p != '\'' && *l->p != '\\')
				add_char(l, '\\');
		}
		add_char(l, *l->p);
	}
	out->len = (uint32_t)l->used - out->at;
	if (l->p >= l->end)
		return pk_stix_refuse(l, PK_STIX_SYNTAX);
	l->p++;
	return true;
}

static bool is_number(const char *text, size_t len)
{
	size_t i = len && (*text == '-' || *text == '+');
	size_t digits = 0, points = 0;

	for (; i < len; i++) {
		digits += text[i] >= '0' && text[i] <= '9';
		points += text[i] == '.';
		if (text[i] != '.' && (text[i] < '0' || text[i] > '9'))
			return false;
	}
	return digits && points <= 1;
}

static bool bare_literal(struct pk_stix_lex *l, struct pk_stix_literal *out)
{
	const char *from = l->p;
	size_t len;

	while (l->p < l->end &&
	       (is_word(*l->p) || *l->p == '.' || *l->p == '+'))
		l->p++;
	len = (size_t)(l->p - from);
	out->kind = 0;
	if ((len == 4 && !memcmp(from, "true", 4)) ||
	    (len == 5 && !memcmp(from, "false", 5))) {
		out->kind = 'w';
	} else if (!is_number(from, len)) {
		l->p = from;
		return pk_stix_refuse(l, PK_STIX_SYNTAX);
	}
	out->text.at = (uint32_t)l->used;
	out->text.len = (uint32_t)len;
	memcpy(l->text + l->used, from, len);
	l->used += len;
	return true;
}

bool pk_stix_literal(struct pk_stix_lex *l, struct pk_stix_literal *out)
{
	pk_stix_space(l);
	if (pk_stix_take(l, "'")) {
		out->kind = '\'';
		return quoted(l, &out->text);
	}
	for (const char *kind = "thb"; *kind; kind++) {
		char mark[] = { *kind, '\'', 0 };

		if (!pk_stix_take(l, mark))
			continue;
		out->kind = *kind;
		return quoted(l, &out->text);
	}
	return bare_literal(l, out);
}

static bool add_path(struct pk_stix_lex *l, size_t *used, const char *text,
		     size_t len)
{
	if (*used + len > PK_STIX_PATH_MAX)
		return pk_stix_refuse(l, PK_STIX_LARGE);
	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		l->path[(*used)++] =
			c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
	}
	l->path[*used] = 0;
	return true;
}

static bool path_word(struct pk_stix_lex *l, size_t *used)
{
	const char *from = l->p;

	while (l->p < l->end && is_word(*l->p))
		l->p++;
	if (l->p == from)
		return pk_stix_refuse(l, PK_STIX_SYNTAX);
	return add_path(l, used, from, (size_t)(l->p - from));
}

static bool path_step(struct pk_stix_lex *l, size_t *used)
{
	size_t was = l->used;
	struct pk_stix_slice step;

	if (!pk_stix_take(l, "'"))
		return path_word(l, used);
	if (!quoted(l, &step))
		return false;
	l->used = was; /* kept in path[] alone */
	return add_path(l, used, l->text + step.at, step.len);
}

/* [*], [0]: any element is as good as another. */
static bool path_index(struct pk_stix_lex *l)
{
	if (!pk_stix_take(l, "*")) {
		pk_stix_space(l);
		if (l->p < l->end && *l->p == '-')
			l->p++;
		if (l->p == l->end || *l->p < '0' || *l->p > '9')
			return pk_stix_refuse(l, PK_STIX_SYNTAX);
		while (l->p < l->end && *l->p >= '0' && *l->p <= '9')
			l->p++;
	}
	return pk_stix_take(l, "]") || pk_stix_refuse(l, PK_STIX_SYNTAX);
}

bool pk_stix_path(struct pk_stix_lex *l)
{
	size_t used = 0;

	pk_stix_space(l);
	if (!path_word(l, &used))
		return false;
	if (!pk_stix_take(l, ":"))
		return pk_stix_refuse(l, PK_STIX_SYNTAX);
	if (!add_path(l, &used, ":", 1))
		return false;
	pk_stix_space(l);
	if (!path_step(l, &used))
		return false;
	for (;;) {
		if (pk_stix_take(l, "[")) {
			if (!path_index(l))
				return false;
		} else if (pk_stix_take(l, ".")) {
			pk_stix_space(l);
			if (!add_path(l, &used, ".", 1) || !path_step(l, &used))
				return false;
		} else {
			return true;
		}
	}
}
