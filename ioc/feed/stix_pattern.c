/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/feed/stix_pattern.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ioc/feed/stix_lex.h"
#include "ioc/feed/stix_path.h"

enum {
	ENDPOINT_ROOM = INET6_ADDRSTRLEN + 16, /* "[address]:port" */
	CROSSED_MAX = 64 * PK_STIX_BRANCHES,
};

/* What is joined by AND, as far as a value can come of it. */
struct branch {
	struct pk_stix_slice key[PK_STIX_KEYS];
	uint16_t port;
	uint8_t ip_end, port_end; /* enum pk_stix_end */
	uint8_t hosts;		  /* 1: a condition that hosts alone see */
	uint32_t atoms;		  /* comparisons, those that say nothing new
				     left out */
};

struct range {
	unsigned at, count; /* of branch[] */
};

struct pk_stix_pattern {
	struct pk_stix_lex lex;
	unsigned level;
	unsigned crossed; /* branches that AND made */
	struct branch *branch;
	unsigned branches, branch_room;
	struct pk_stix_value *value;
	unsigned count, value_room;
	unsigned host_only, keyless;
	size_t text_room; /* of lex.text */
};

int pk_stix_pattern_new(struct pk_stix_pattern **out)
{
	struct pk_stix_pattern *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	*out = p;
	return 0;
}

void pk_stix_pattern_free(struct pk_stix_pattern *p)
{
	if (!p)
		return;
	free(p->branch);
	free(p->value);
	free(p->lex.text);
	free(p);
}

/* --- branches -------------------------------------------------------------- */

static struct branch *add_branch(struct pk_stix_pattern *p)
{
	if (p->branches == p->branch_room) {
		unsigned n = p->branch_room ? 2 * p->branch_room : 16;
		struct branch *b = realloc(p->branch, n * sizeof(*b));

		if (!b) {
			pk_stix_refuse(&p->lex, PK_STIX_MEMORY);
			return NULL;
		}
		p->branch = b;
		p->branch_room = n;
	}
	if (p->branches >= 3 * PK_STIX_BRANCHES) {
		pk_stix_refuse(&p->lex, PK_STIX_LARGE);
		return NULL;
	}
	memset(&p->branch[p->branches], 0, sizeof(*p->branch));
	return &p->branch[p->branches++];
}

/* The digits of a longer hash are rarer than those of a shorter one. */
static bool better(enum pk_stix_class class, const struct pk_stix_slice *a,
		   const struct pk_stix_slice *b)
{
	return !a->len || (class == PK_STIX_HASH && b->len > a->len);
}

static void join(struct branch *to, const struct branch *from)
{
	for (int c = 0; c < PK_STIX_KEYS; c++) {
		if (!from->key[c].len ||
		    !better((enum pk_stix_class)c, &to->key[c], &from->key[c]))
			continue;
		to->key[c] = from->key[c];
		if (c == PK_STIX_IP)
			to->ip_end = from->ip_end;
	}
	if (from->port && !to->port) {
		to->port = from->port;
		to->port_end = from->port_end;
	}
	to->hosts |= from->hosts;
	to->atoms += from->atoms;
}

/* a AND b: every branch of one with every branch of the other. */
static bool cross(struct pk_stix_pattern *p, struct range *a,
		  const struct range *b)
{
	unsigned from = p->branches, n = a->count * b->count;

	p->crossed += n;
	if ((uint64_t)a->count * b->count > PK_STIX_BRANCHES ||
	    p->crossed > CROSSED_MAX)
		return pk_stix_refuse(&p->lex, PK_STIX_LARGE);
	for (unsigned i = 0; i < n; i++) {
		struct branch *to = add_branch(p);

		if (!to)
			return false;
		*to = p->branch[a->at + i / b->count];
		join(to, &p->branch[b->at + i % b->count]);
	}
	memmove(p->branch + a->at, p->branch + from, n * sizeof(*p->branch));
	p->branches = a->at + n;
	a->count = n;
	return true;
}

static bool looks_like_address(const char *text, size_t len)
{
	char copy[INET6_ADDRSTRLEN];
	const char *slash = memchr(text, '/', len);
	struct in6_addr addr;

	if (slash)
		len = (size_t)(slash - text);
	if (len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = 0;
	return inet_pton(AF_INET, copy, &addr) == 1 ||
	       inet_pton(AF_INET6, copy, &addr) == 1;
}

static enum pk_stix_class what_is(struct pk_stix_pattern *p,
				  enum pk_stix_class class,
				  struct pk_stix_slice s)
{
	const char *text = p->lex.text + s.at;

	if (class == PK_STIX_REF)
		class = looks_like_address(text, s.len) ? PK_STIX_IP
							: PK_STIX_NAME;
	if (class == PK_STIX_NAME && memchr(text, '/', s.len))
		class = PK_STIX_URL;
	return class;
}

static bool set_port(struct pk_stix_pattern *p, struct branch *b,
		     enum pk_stix_end end, struct pk_stix_slice s)
{
	unsigned long port = 0;

	for (uint32_t i = 0; i < s.len && port < 65536; i++) {
		char c = p->lex.text[s.at + i];

		if (c < '0' || c > '9')
			return pk_stix_refuse(&p->lex, PK_STIX_SYNTAX);
		port = port * 10 + (unsigned long)(c - '0');
	}
	if (!port || port > 65535)
		return pk_stix_refuse(&p->lex, PK_STIX_SYNTAX);
	b->port = (uint16_t)port;
	b->port_end = (uint8_t)end;
	return true;
}

/* One comparison for equality becomes one branch. */
static bool atom(struct pk_stix_pattern *p, const struct pk_stix_literal *lit)
{
	enum pk_stix_end end;
	enum pk_stix_class class = pk_stix_path_class(p->lex.path, &end);
	struct branch *b = add_branch(p);

	if (!b)
		return false;
	b->atoms = class != PK_STIX_KIND;
	if (class == PK_STIX_PORT)
		return set_port(p, b, end, lit->text);
	if (class == PK_STIX_HOST)
		b->hosts = 1;
	if (class > PK_STIX_REF)
		return true;
	/* AS numbers are numbers; everything else is a string. */
	if (lit->kind && lit->kind != '\'')
		return pk_stix_refuse(&p->lex, PK_STIX_OPERAND);
	if (!lit->text.len)
		return pk_stix_refuse(&p->lex, PK_STIX_SYNTAX);
	class = what_is(p, class, lit->text);
	b->key[class] = lit->text;
	b->ip_end = (uint8_t)end;
	return true;
}

static bool in_set(struct pk_stix_pattern *p)
{
	struct pk_stix_literal lit;

	if (!pk_stix_take(&p->lex, "("))
		return pk_stix_refuse(&p->lex, PK_STIX_SYNTAX);
	do {
		if (!pk_stix_literal(&p->lex, &lit) || !atom(p, &lit))
			return false;
	} while (pk_stix_take(&p->lex, ","));
	return pk_stix_take(&p->lex, ")") ||
	       pk_stix_refuse(&p->lex, PK_STIX_SYNTAX);
}

static bool like(struct pk_stix_pattern *p)
{
	enum pk_stix_end end;
	enum pk_stix_class class = pk_stix_path_class(p->lex.path, &end);
	const char *at = p->lex.p;
	struct pk_stix_literal lit;
	const char *text;

	if (!pk_stix_literal(&p->lex, &lit))
		return false;
	text = p->lex.text + lit.text.at;
	if (class == PK_STIX_HOST || class == PK_STIX_CONDITION)
		return atom(p, &lit);
	if (class == PK_STIX_NAME && lit.text.len > 2 &&
	    !memcmp(text, "%.", 2)) {
		lit.text.at++;
		lit.text.len--;
		text++;
	}
	if (memchr(text, '%', lit.text.len) ||
	    memchr(text, '_', lit.text.len)) {
		p->lex.p = at;
		return pk_stix_refuse(&p->lex, PK_STIX_LIKE);
	}
	return atom(p, &lit);
}

static bool subset(struct pk_stix_pattern *p)
{
	enum pk_stix_end end;
	enum pk_stix_class class = pk_stix_path_class(p->lex.path, &end);
	struct pk_stix_literal lit;

	if (class != PK_STIX_IP && class != PK_STIX_REF)
		return pk_stix_refuse(&p->lex, PK_STIX_OPERAND);
	if (!pk_stix_literal(&p->lex, &lit))
		return false;
	if (!looks_like_address(p->lex.text + lit.text.at, lit.text.len))
		return pk_stix_refuse(&p->lex, PK_STIX_OPERAND);
	return atom(p, &lit);
}

/* Operators that make the pattern refused; or the syntax is not known. */
static bool other_operator(struct pk_stix_pattern *p)
{
	static const struct {
		const char *mark;
		enum pk_stix_refusal why;
	} marks[] = {
		{ "!=", PK_STIX_NOT },
		{ "<>", PK_STIX_NOT },
		{ "<", PK_STIX_ORDER },
		{ ">", PK_STIX_ORDER },
	};

	if (pk_stix_is_keyword(&p->lex, "NOT"))
		return pk_stix_refuse(&p->lex, PK_STIX_NOT);
	if (pk_stix_is_keyword(&p->lex, "MATCHES"))
		return pk_stix_refuse(&p->lex, PK_STIX_MATCHES);
	if (pk_stix_is_keyword(&p->lex, "ISSUPERSET"))
		return pk_stix_refuse(&p->lex, PK_STIX_SUPERSET);
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (pk_stix_take(&p->lex, marks[i].mark))
			return pk_stix_refuse(&p->lex, marks[i].why);
	return pk_stix_refuse(&p->lex, PK_STIX_SYNTAX);
}

static bool comparison(struct pk_stix_pattern *p)
{
	struct pk_stix_literal lit;

	if (pk_stix_is_keyword(&p->lex, "EXISTS"))
		return pk_stix_refuse(&p->lex, PK_STIX_EXISTS);
	if (pk_stix_is_keyword(&p->lex, "NOT"))
		return pk_stix_refuse(&p->lex, PK_STIX_NOT);
	if (!pk_stix_path(&p->lex))
		return false;
	if (pk_stix_take(&p->lex, "==") || pk_stix_take(&p->lex, "="))
		return pk_stix_literal(&p->lex, &lit) && atom(p, &lit);
	if (pk_stix_keyword(&p->lex, "IN"))
		return in_set(p);
	if (pk_stix_keyword(&p->lex, "LIKE"))
		return like(p);
	if (pk_stix_keyword(&p->lex, "ISSUBSET"))
		return subset(p);
	return other_operator(p);
}

/* --- expressions ----------------------------------------------------------- */

static bool either(struct pk_stix_pattern *p, struct range *out);

static bool deeper(struct pk_stix_pattern *p)
{
	return ++p->level <= PK_STIX_LEVELS ||
	       pk_stix_refuse(&p->lex, PK_STIX_LARGE);
}

static bool operand(struct pk_stix_pattern *p, struct range *out)
{
	out->at = p->branches;
	if (pk_stix_take(&p->lex, "(")) {
		if (!deeper(p) || !either(p, out))
			return false;
		p->level--;
		return pk_stix_take(&p->lex, ")") ||
		       pk_stix_refuse(&p->lex, PK_STIX_SYNTAX);
	}
	if (!comparison(p))
		return false;
	out->count = p->branches - out->at;
	if (p->branches > PK_STIX_BRANCHES)
		return pk_stix_refuse(&p->lex, PK_STIX_LARGE);
	return true;
}

static bool both(struct pk_stix_pattern *p, struct range *out)
{
	struct range next;

	if (!operand(p, out))
		return false;
	while (pk_stix_keyword(&p->lex, "AND"))
		if (!operand(p, &next) || !cross(p, out, &next))
			return false;
	return true;
}

static bool either(struct pk_stix_pattern *p, struct range *out)
{
	struct range next;

	if (!both(p, out))
		return false;
	while (pk_stix_keyword(&p->lex, "OR")) {
		if (!both(p, &next))
			return false;
		out->count += next.count;
	}
	return true;
}

static bool observations(struct pk_stix_pattern *p);

static bool observation(struct pk_stix_pattern *p)
{
	struct range all;

	if (pk_stix_take(&p->lex, "(")) {
		if (!deeper(p) || !observations(p))
			return false;
		p->level--;
		return pk_stix_take(&p->lex, ")") ||
		       pk_stix_refuse(&p->lex, PK_STIX_SYNTAX);
	}
	if (!pk_stix_take(&p->lex, "["))
		return pk_stix_refuse(&p->lex, PK_STIX_SYNTAX);
	if (!either(p, &all))
		return false;
	return pk_stix_take(&p->lex, "]") ||
	       pk_stix_refuse(&p->lex, PK_STIX_SYNTAX);
}

/* What may follow an observation, and is not for us. */
static bool qualifier(struct pk_stix_pattern *p)
{
	static const struct {
		const char *word;
		enum pk_stix_refusal why;
	} words[] = {
		{ "AND", PK_STIX_AND },
		{ "FOLLOWEDBY", PK_STIX_FOLLOWEDBY },
		{ "WITHIN", PK_STIX_WITHIN },
		{ "REPEATS", PK_STIX_REPEATS },
		{ "START", PK_STIX_START },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (pk_stix_is_keyword(&p->lex, words[i].word))
			return pk_stix_refuse(&p->lex, words[i].why);
	return true;
}

static bool observations(struct pk_stix_pattern *p)
{
	do {
		if (!observation(p) || !qualifier(p))
			return false;
	} while (pk_stix_keyword(&p->lex, "OR"));
	return true;
}

/* --- values ---------------------------------------------------------------- */

static int type_of(int class)
{
	static const int types[PK_STIX_KEYS] = {
		[PK_STIX_HASH] = PK_INDICATOR_FILE,
		[PK_STIX_CERT] = PK_INDICATOR_CERT,
		[PK_STIX_URL] = PK_INDICATOR_URL,
		[PK_STIX_IP] = PK_INDICATOR_IPV4,
		[PK_STIX_NAME] = PK_INDICATOR_DOMAIN,
		[PK_STIX_EMAIL] = PK_INDICATOR_EMAIL,
		[PK_STIX_AGENT] = PK_INDICATOR_USER_AGENT,
		[PK_STIX_AS] = PK_INDICATOR_ASN,
	};

	return types[class];
}

static bool has_port(const struct pk_stix_pattern *p, const struct branch *b)
{
	const struct pk_stix_slice *ip = &b->key[PK_STIX_IP];

	return b->port && (!b->ip_end || b->ip_end == b->port_end) &&
	       ip->len < INET6_ADDRSTRLEN &&
	       !memchr(p->lex.text + ip->at, '/', ip->len);
}

/* Room for it was made for every branch. */
static void add_endpoint(struct pk_stix_pattern *p, const struct branch *b,
			 struct pk_stix_value *v)
{
	struct pk_stix_slice ip = b->key[PK_STIX_IP];
	char *out = p->lex.text + p->lex.used, address[INET6_ADDRSTRLEN];
	const char *form = "%s:%u";

	memcpy(address, p->lex.text + ip.at, ip.len);
	address[ip.len] = 0;
	if (strchr(address, ':'))
		form = "[%s]:%u";
	v->type = PK_INDICATOR_IP_PORT;
	v->text = out;
	v->len = (size_t)snprintf(out, ENDPOINT_ROOM, form, address, b->port);
	v->unchecked--;
	p->lex.used += v->len;
}

static void add_value(struct pk_stix_pattern *p, const struct branch *b)
{
	struct pk_stix_value *v = &p->value[p->count];
	int class = 0;

	while (class < PK_STIX_KEYS && !b->key[class].len)
		class ++;
	if (class == PK_STIX_KEYS) {
		p->host_only += b->hosts;
		p->keyless += !b->hosts;
		return;
	}
	v->type = (enum pk_indicator_type)type_of(class);
	v->text = p->lex.text + b->key[class].at;
	v->len = b->key[class].len;
	v->unchecked = b->atoms - 1;
	if (class == PK_STIX_IP && has_port(p, b))
		add_endpoint(p, b, v);
	p->count++;
}

static size_t endpoint_room(const struct pk_stix_pattern *p)
{
	size_t n = 0;

	for (unsigned i = 0; i < p->branches; i++)
		n += p->branch[i].port ? ENDPOINT_ROOM : 0;
	return n;
}

static bool add_values(struct pk_stix_pattern *p)
{
	size_t want = p->lex.used + endpoint_room(p);
	void *room;

	if (want > p->text_room) {
		room = realloc(p->lex.text, want);
		if (!room)
			return pk_stix_refuse(&p->lex, PK_STIX_MEMORY);
		p->lex.text = room;
		p->text_room = want;
	}
	if (p->branches > p->value_room) {
		room = realloc(p->value, p->branches * sizeof(*p->value));
		if (!room)
			return pk_stix_refuse(&p->lex, PK_STIX_MEMORY);
		p->value = room;
		p->value_room = p->branches;
	}
	for (unsigned i = 0; i < p->branches; i++)
		add_value(p, &p->branch[i]);
	return true;
}

static bool prepare(struct pk_stix_pattern *p, const char *text, size_t len)
{
	p->lex.begin = p->lex.p = text;
	p->lex.end = text + len;
	p->lex.why = PK_STIX_NONE;
	p->level = p->crossed = p->branches = p->count = p->host_only =
		p->keyless = 0;
	p->lex.used = 0;
	if (len > PK_STIX_PATTERN_MAX)
		return pk_stix_refuse(&p->lex, PK_STIX_LARGE);
	if (len >= p->text_room) {
		char *room = realloc(p->lex.text, len + 1);

		if (!room)
			return pk_stix_refuse(&p->lex, PK_STIX_MEMORY);
		p->lex.text = room;
		p->text_room = len + 1;
	}
	return true;
}

enum pk_stix_refusal pk_stix_pattern_parse(struct pk_stix_pattern *p,
					   const char *text, size_t len)
{
	if (!prepare(p, text, len) || !observations(p))
		return p->lex.why;
	pk_stix_space(&p->lex);
	if (p->lex.p < p->lex.end)
		pk_stix_refuse(&p->lex, PK_STIX_SYNTAX);
	else
		add_values(p);
	return p->lex.why;
}

unsigned pk_stix_pattern_count(const struct pk_stix_pattern *p)
{
	return p->count;
}

void pk_stix_pattern_value(const struct pk_stix_pattern *p, unsigned i,
			   struct pk_stix_value *out)
{
	*out = p->value[i];
}

unsigned pk_stix_pattern_host_only(const struct pk_stix_pattern *p)
{
	return p->host_only;
}

unsigned pk_stix_pattern_keyless(const struct pk_stix_pattern *p)
{
	return p->keyless;
}

size_t pk_stix_pattern_at(const struct pk_stix_pattern *p)
{
	return (size_t)(p->lex.p - p->lex.begin);
}

const char *pk_stix_refusal_text(enum pk_stix_refusal why)
{
#define PK_STIX_REFUSAL_TEXT(name, text) text,
	static const char *const texts[] = { PK_STIX_REFUSALS(
		PK_STIX_REFUSAL_TEXT) };
#undef PK_STIX_REFUSAL_TEXT

	return why < PK_STIX_COUNT ? texts[why] : "";
}
