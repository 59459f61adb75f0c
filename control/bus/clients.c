/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/bus/clients.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LETTERS                      \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ" \
	"abcdefghijklmnopqrstuvwxyz0123456789"

enum { WORDS = 3 };

#define WORD(name, word) #word,
const char *const pk_client_role_words[PK_CLIENT_ROLE_COUNT] = {
	PK_CLIENT_ROLES(WORD)
};
#undef WORD

struct word {
	const char *at;
	size_t len;
};

/* ---- a line ---- */

static int is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* How many words @line has; the first of them to @w. */
static int split(const char *line, size_t len, struct word w[WORDS])
{
	size_t i = 0;
	int n = 0;

	for (;;) {
		size_t from;

		while (i < len && is_space(line[i]))
			i++;
		if (i == len)
			return n;
		from = i;
		while (i < len && !is_space(line[i]))
			i++;
		if (n < WORDS)
			w[n] = (struct word){ line + from, i - from };
		n++;
	}
}

static int is(const char *word, const char *at, size_t len)
{
	return strlen(word) == len && !memcmp(word, at, len);
}

static unsigned role_bits(const char *at, size_t len)
{
	if (is("all", at, len))
		return (1U << PK_CLIENT_ROLE_COUNT) - 1;
	if (is("both", at, len))
		return 1U << PK_CLIENT_SUBSCRIBE | 1U << PK_CLIENT_REPLAY;
	for (unsigned i = 0; i < PK_CLIENT_ROLE_COUNT; i++)
		if (is(pk_client_role_words[i], at, len))
			return 1U << i;
	return 0;
}

/* 0 when one of the words is none. */
static unsigned read_roles(struct word w)
{
	unsigned roles = 0;

	for (size_t i = 0; i <= w.len;) {
		const char *comma = memchr(w.at + i, ',', w.len - i);
		size_t end = comma ? (size_t)(comma - w.at) : w.len;
		unsigned bits = role_bits(w.at + i, end - i);

		if (!bits)
			return 0;
		roles |= bits;
		i = end + 1;
	}
	return roles;
}

static int is_name(struct word w)
{
	if (!w.len || w.len >= PK_CLIENT_NAME)
		return 0;
	for (size_t i = 0; i < w.len; i++)
		if (!w.at[i] || !strchr(LETTERS "._-", w.at[i]))
			return 0;
	return 1;
}

/* NULL, or what is wrong. */
static const char *read_client(struct pk_client *c, const struct word *w, int n)
{
	if (n != WORDS)
		return "a line is \"PUBLICKEY NAME ROLES\"";
	if (!pk_keys_valid(w[0].at, w[0].len))
		return "the first word is no public key of 40 characters";
	if (!is_name(w[1]))
		return "the name must be 1 to 63 letters, digits, '.', '_' "
		       "and '-'";
	c->roles = (uint8_t)read_roles(w[2]);
	if (!c->roles)
		return "the roles must be words of subscribe, replay, pull, "
		       "both and all, with commas between them";
	memcpy(c->key, w[0].at, PK_CURVE_CHARS);
	c->key[PK_CURVE_CHARS] = 0;
	memcpy(c->name, w[1].at, w[1].len);
	c->name[w[1].len] = 0;
	return NULL;
}

/* ---- the file ---- */

static int fail(char *err, const char *file, uint32_t line, const char *what)
{
	snprintf(err, PK_CURVE_SENTENCE, "%s:%u: %s", file, line, what);
	return -EINVAL;
}

static int add(struct pk_clients *c, const struct pk_client *new,
	       const char *file, char *err)
{
	const struct pk_client *same = pk_clients_find_key(c, new->key);
	char what[96];

	if (!same)
		same = pk_clients_find_name(c, new->name);
	if (same) {
		snprintf(what, sizeof(what),
			 "this key or name is on line %u already", same->line);
		return fail(err, file, new->line, what);
	}
	if (c->count == PK_CLIENTS_MAX)
		return fail(err, file, new->line, "more than 1024 clients");
	c->client[c->count++] = *new;
	return 0;
}

static int parse_line(struct pk_clients *c, const char *file, uint32_t line,
		      struct word text, char *err)
{
	struct pk_client new = { .line = line };
	struct word w[WORDS];
	int n = split(text.at, text.len, w);
	const char *what;

	if (!n || is("#", w[0].at, w[0].len))
		return 0;
	what = read_client(&new, w, n);
	return what ? fail(err, file, line, what) : add(c, &new, file, err);
}

int pk_clients_parse(struct pk_clients *out, const char *file, const char *text,
		     size_t len, char err[PK_CURVE_SENTENCE])
{
	struct pk_clients c = { 0 };
	uint32_t line = 0;
	int ret = 0;

	c.client = calloc(PK_CLIENTS_MAX, sizeof(*c.client));
	if (!c.client) {
		snprintf(err, PK_CURVE_SENTENCE, "%s: out of memory", file);
		return -ENOMEM;
	}
	while (len && !ret) {
		const char *end = memchr(text, '\n', len);
		size_t n = end ? (size_t)(end - text) : len;

		ret = parse_line(&c, file, ++line, (struct word){ text, n },
				 err);
		n += end != NULL;
		text += n;
		len -= n;
	}
	if (ret)
		pk_clients_free(&c);
	else
		*out = c;
	return ret;
}

static ssize_t read_all(int fd, char *text)
{
	size_t have = 0;

	while (have <= PK_CLIENTS_BYTES) {
		ssize_t n = pread(fd, text + have, PK_CLIENTS_BYTES + 1 - have,
				  (off_t)have);

		if (n < 0)
			return -errno;
		if (!n)
			return (ssize_t)have;
		have += (size_t)n;
	}
	return -EFBIG;
}

int pk_clients_read_fd(struct pk_clients *out, int fd, const char *file,
		       char err[PK_CURVE_SENTENCE])
{
	char *text = malloc(PK_CLIENTS_BYTES + 1);
	ssize_t n = text ? read_all(fd, text) : -ENOMEM;
	int ret;

	if (n < 0) {
		ret = (int)n;
		snprintf(err, PK_CURVE_SENTENCE, "%s: cannot be read: %s", file,
			 strerror(-ret));
	} else {
		ret = pk_clients_parse(out, file, text, (size_t)n, err);
	}
	free(text);
	return ret;
}

void pk_clients_free(struct pk_clients *c)
{
	free(c->client);
	c->client = NULL;
	c->count = 0;
}

const struct pk_client *pk_clients_find_key(const struct pk_clients *c,
					    const char *key)
{
	for (uint32_t i = 0; i < c->count; i++)
		if (!strcmp(c->client[i].key, key))
			return &c->client[i];
	return NULL;
}

const struct pk_client *pk_clients_find_name(const struct pk_clients *c,
					     const char *name)
{
	for (uint32_t i = 0; i < c->count; i++)
		if (!strcmp(c->client[i].name, name))
			return &c->client[i];
	return NULL;
}
