/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/suppress.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ioc/indicator.h"

#define INDICATOR "indicator"

enum { OFFENDER, TARGET };

struct pk_suppress {
	struct pk_suppress_rule *rule[PK_SUPPRESS_MAX]; /* by number */
	uint32_t count;
	uint32_t last;
	uint64_t taken;
};

int pk_suppress_new(struct pk_suppress **out)
{
	struct pk_suppress *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	*out = s;
	return 0;
}

void pk_suppress_free(struct pk_suppress *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->count; i++)
		free(s->rule[i]);
	free(s);
}

/* --- what was said -------------------------------------------------------- */

static int copy_text(char *to, size_t size, const char *from, const char *what,
		     char *why)
{
	size_t n = from ? strlen(from) : 0;

	if (n >= size) {
		snprintf(why, PK_SUPPRESS_WHY,
			 "the rule's %s is longer than %zu bytes", what,
			 size - 1);
		return -EINVAL;
	}
	memcpy(to, n ? from : "", n + 1);
	return 0;
}

static int set_type(struct pk_suppress_rule *r, const char *type, char *why)
{
	int n, known = !type || !*type || !strcmp(type, INDICATOR);

	for (int i = 0; i < PK_DETECTORS && !known; i++)
		known = !strcmp(type, pk_detectors[i].name);
	if (known)
		return copy_text(r->type, sizeof(r->type), type, "type", why);
	n = snprintf(why, PK_SUPPRESS_WHY,
		     "no threat is of the type \"%.40s\"; write " INDICATOR,
		     type);
	for (int i = 0; i < PK_DETECTORS; i++)
		n += snprintf(why + n, (size_t)(PK_SUPPRESS_WHY - n), "%s%s",
			      i + 1 < PK_DETECTORS ? ", " : " or ",
			      pk_detectors[i].name);
	return -EINVAL;
}

static int set_net(struct pk_suppress_net *net, char text[PK_SUPPRESS_NET],
		   const char *said, const char *what, char *why)
{
	char value[PK_VALUE_TEXT_MAX];
	struct pk_indicator ind;
	enum pk_refused no;

	if (!said || !*said)
		return 0;
	pk_indicator_init(&ind);
	no = pk_indicator_parse_addr(&ind, said, strlen(said));
	if (no != PK_REFUSED_NONE) {
		snprintf(why, PK_SUPPRESS_WHY,
			 "the rule's %s is an address or a prefix such as "
			 "192.0.2.0/24, not \"%.60s\": %s",
			 what, said, pk_refused_text(no));
		return -EINVAL;
	}
	net->addr = ind.addr;
	net->named = 1;
	net->bits = ind.type == PK_INDICATOR_IPV4   ? 32
		    : ind.type == PK_INDICATOR_IPV6 ? 128
						    : ind.bits;
	pk_indicator_print(&ind, value);
	return copy_text(text, PK_SUPPRESS_NET, value, what, why);
}

/* As threats say the value, whatever its case or form. */
static void set_value(struct pk_suppress_rule *r)
{
	char value[PK_VALUE_TEXT_MAX];
	struct pk_indicator ind;

	pk_indicator_init(&ind);
	if (!*r->indicator ||
	    pk_indicator_parse(&ind, r->indicator, strlen(r->indicator)))
		return;
	pk_indicator_print(&ind, value);
	snprintf(r->value, sizeof(r->value), "%.*s", PK_THREAT_VALUE - 1,
		 value);
}

static int names_nothing(const struct pk_suppress_rule *r, char *why)
{
	const char *of = *r->indicator ? "indicator" : "feed";

	if (!*r->type && !r->net[OFFENDER].named && !r->net[TARGET].named &&
	    !*r->indicator && !*r->feed) {
		snprintf(why, PK_SUPPRESS_WHY,
			 "a rule names a type, an offender, a target, an "
			 "indicator or a feed: one without would suppress all");
		return -EINVAL;
	}
	if ((*r->indicator || *r->feed) && *r->type &&
	    strcmp(r->type, INDICATOR) != 0) {
		snprintf(why, PK_SUPPRESS_WHY,
			 "threats of the type %s have no %s: the rule would "
			 "match nothing",
			 r->type, of);
		return -EINVAL;
	}
	return 0;
}

static int set_rule(struct pk_suppress_rule *r,
		    const struct pk_suppress_said *said, int known, char *why)
{
	int err = known ? set_type(r, said->type, why)
			: copy_text(r->type, sizeof(r->type), said->type,
				    "type", why);

	if (!err)
		err = set_net(&r->net[OFFENDER], r->offender, said->offender,
			      "offender", why);
	if (!err)
		err = set_net(&r->net[TARGET], r->target, said->target,
			      "target", why);
	if (!err)
		err = copy_text(r->indicator, sizeof(r->indicator),
				said->indicator, "indicator", why);
	if (!err)
		err = copy_text(r->feed, sizeof(r->feed), said->feed, "feed",
				why);
	if (!err)
		err = copy_text(r->comment, sizeof(r->comment), said->comment,
				"comment", why);
	if (err)
		return err;
	set_value(r);
	r->by = said->by;
	r->made = said->made;
	r->until = said->until;
	if (!r->until || r->until > r->made)
		return names_nothing(r, why);
	snprintf(why, PK_SUPPRESS_WHY, "the rule would have ended already");
	return -EINVAL;
}

/* --- the rules ------------------------------------------------------------ */

static const char *value_of(const struct pk_suppress_rule *r)
{
	return *r->value ? r->value : r->indicator;
}

static int names_the_same(const struct pk_suppress_rule *a,
			  const struct pk_suppress_rule *b)
{
	return !strcmp(a->type, b->type) && !strcmp(a->feed, b->feed) &&
	       !strcmp(a->offender, b->offender) &&
	       !strcmp(a->target, b->target) &&
	       !strcmp(value_of(a), value_of(b));
}

static struct pk_suppress_rule *twin_of(struct pk_suppress *s,
					const struct pk_suppress_rule *r)
{
	for (uint32_t i = 0; i < s->count; i++)
		if (names_the_same(s->rule[i], r))
			return s->rule[i];
	return NULL;
}

static struct pk_suppress_rule *with_number(const struct pk_suppress *s,
					    uint32_t number)
{
	for (uint32_t i = 0; i < s->count; i++)
		if (s->rule[i]->number == number)
			return s->rule[i];
	return NULL;
}

static void remove_at(struct pk_suppress *s, uint32_t place)
{
	free(s->rule[place]);
	s->count--;
	memmove(&s->rule[place], &s->rule[place + 1],
		(s->count - place) * sizeof(*s->rule));
}

/* In order of their numbers. */
static void put(struct pk_suppress *s, struct pk_suppress_rule *r)
{
	uint32_t i = s->count++;

	for (; i && s->rule[i - 1]->number > r->number; i--)
		s->rule[i] = s->rule[i - 1];
	s->rule[i] = r;
	if (r->number > s->last)
		s->last = r->number;
}

/* The configuration says again what there is: it is the configuration's. */
static void adopt(struct pk_suppress_rule *to,
		  const struct pk_suppress_rule *from)
{
	to->stale = 0;
	to->by = PK_SUPPRESS_NOBODY;
	to->until = from->until;
	memcpy(to->comment, from->comment, sizeof(to->comment));
}

/* Put @r, which has a number; it is taken if there is no error. */
static int put_new(struct pk_suppress *s, struct pk_suppress_rule *r,
		   uint32_t *number, char *why)
{
	struct pk_suppress_rule *twin = twin_of(s, r);

	if (twin) {
		*number = twin->number;
		snprintf(why, PK_SUPPRESS_WHY, "rule %u names the same",
			 twin->number);
		return -EEXIST;
	}
	if (s->count == PK_SUPPRESS_MAX) {
		snprintf(why, PK_SUPPRESS_WHY,
			 "there are %d rules, which is the most there may be",
			 PK_SUPPRESS_MAX);
		return -ENOSPC;
	}
	put(s, r);
	*number = r->number;
	return 0;
}

static int new_rule(struct pk_suppress_rule **out,
		    const struct pk_suppress_said *said, int known, char *why)
{
	struct pk_suppress_rule *r = calloc(1, sizeof(*r));
	int err = r ? set_rule(r, said, known, why) : -ENOMEM;

	if (!r)
		snprintf(why, PK_SUPPRESS_WHY, "out of memory");
	if (!err)
		*out = r;
	else
		free(r);
	return err;
}

int pk_suppress_add(struct pk_suppress *s, const struct pk_suppress_said *said,
		    uint32_t *number, char why[PK_SUPPRESS_WHY])
{
	struct pk_suppress_rule *r, *twin;
	int err = new_rule(&r, said, 1, why);

	if (err)
		return err;
	r->number = s->last + 1;
	twin = twin_of(s, r);
	if (twin && twin->stale) {
		adopt(twin, r);
		*number = twin->number;
		free(r);
		return 0;
	}
	err = put_new(s, r, number, why);
	if (err)
		free(r);
	return err;
}

int pk_suppress_restore(struct pk_suppress *s,
			const struct pk_suppress_said *said,
			const struct pk_suppress_rule *was,
			char why[PK_SUPPRESS_WHY])
{
	struct pk_suppress_rule *r;
	uint32_t number;
	int err = new_rule(&r, said, 0, why);

	if (err)
		return err;
	r->number = was->number;
	r->count = was->count;
	r->first_ns = was->first_ns;
	r->last_ns = was->last_ns;
	if (!r->number || with_number(s, r->number)) {
		snprintf(why, PK_SUPPRESS_WHY, "%u is no number for a rule%s",
			 r->number, r->number ? ": another has it" : "");
		err = r->number ? -EEXIST : -EINVAL;
	}
	if (!err)
		err = put_new(s, r, &number, why);
	if (err)
		free(r);
	return err;
}

void pk_suppress_recount(struct pk_suppress *s,
			 const struct pk_suppress_rule *was)
{
	struct pk_suppress_rule *r = with_number(s, was->number);

	if (!r || was->count <= r->count)
		return;
	r->count = was->count;
	r->first_ns = was->first_ns;
	r->last_ns = was->last_ns;
}

int pk_suppress_del(struct pk_suppress *s, uint32_t number)
{
	for (uint32_t i = 0; i < s->count; i++) {
		if (s->rule[i]->number != number)
			continue;
		if (s->rule[i]->by == PK_SUPPRESS_NOBODY)
			return -EPERM;
		remove_at(s, i);
		return 0;
	}
	return -ENOENT;
}

void pk_suppress_config_begin(struct pk_suppress *s)
{
	for (uint32_t i = 0; i < s->count; i++)
		s->rule[i]->stale = 1;
}

void pk_suppress_config_end(struct pk_suppress *s)
{
	for (uint32_t i = s->count; i-- > 0;) {
		if (s->rule[i]->stale && s->rule[i]->by == PK_SUPPRESS_NOBODY)
			remove_at(s, i);
		else
			s->rule[i]->stale = 0;
	}
}

const struct pk_suppress_rule *pk_suppress_at(const struct pk_suppress *s,
					      uint32_t place)
{
	return place < s->count ? s->rule[place] : NULL;
}

const struct pk_suppress_rule *pk_suppress_find(const struct pk_suppress *s,
						uint32_t number)
{
	return with_number(s, number);
}

uint32_t pk_suppress_last(const struct pk_suppress *s)
{
	return s->last;
}

void pk_suppress_set_last(struct pk_suppress *s, uint32_t number)
{
	if (number > s->last)
		s->last = number;
}

uint64_t pk_suppress_taken(const struct pk_suppress *s)
{
	return s->taken;
}

uint32_t pk_suppress_expire(struct pk_suppress *s, uint64_t now)
{
	uint32_t before = s->count;

	for (uint32_t i = s->count; i-- > 0;)
		if (s->rule[i]->until && s->rule[i]->until <= now)
			remove_at(s, i);
	return before - s->count;
}

/* --- evidence ------------------------------------------------------------- */

static int is_in(const struct pk_suppress_net *net, const union pk_addr *addr)
{
	return !net->named || pk_addr_in_net(addr, &net->addr, net->bits);
}

static int is_of_feed(const struct pk_suppress_rule *r,
		      const struct pk_threat_indicator *ind)
{
	return !*r->feed ||
	       (ind && ind->feeds == 1 &&
		!strncmp(ind->feed[0], r->feed, sizeof(ind->feed[0])));
}

static int is_of_indicator(const struct pk_suppress_rule *r,
			   const struct pk_threat_indicator *ind)
{
	if (!*r->indicator)
		return 1;
	if (!ind)
		return 0;
	return !strcmp(ind->value, value_of(r)) ||
	       (*ind->id && !strcmp(ind->id, r->indicator));
}

int pk_suppress_matches(const struct pk_suppress_rule *r,
			const struct pk_threat_subject *subject)
{
	if (r->until && subject->at_ns / 1000000000 >= r->until)
		return 0;
	return is_in(&r->net[OFFENDER], subject->offender) &&
	       is_in(&r->net[TARGET], subject->target) &&
	       (!*r->type || !strcmp(r->type, subject->type)) &&
	       is_of_feed(r, subject->indicator) &&
	       is_of_indicator(r, subject->indicator);
}

static void count(struct pk_suppress_rule *r, uint64_t at_ns)
{
	r->count++;
	if (!r->first_ns || at_ns < r->first_ns)
		r->first_ns = at_ns;
	if (at_ns > r->last_ns)
		r->last_ns = at_ns;
}

int pk_suppress_take(void *arg, const struct pk_threat_subject *subject)
{
	struct pk_suppress *s = arg;

	for (uint32_t i = 0; i < s->count; i++) {
		if (!pk_suppress_matches(s->rule[i], subject))
			continue;
		count(s->rule[i], subject->at_ns);
		s->taken++;
		return 1;
	}
	return 0;
}

int pk_suppress_take_by(struct pk_suppress *s, uint32_t number,
			const struct pk_threat_subject *subject)
{
	struct pk_suppress_rule *r = with_number(s, number);

	if (!r || !pk_suppress_matches(r, subject))
		return 0;
	count(r, subject->at_ns);
	s->taken++;
	return 1;
}

/* --- times ---------------------------------------------------------------- */

int pk_suppress_time(const char *text, uint64_t *out)
{
	static const char *const forms[] = { "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d" };

	for (int i = 0; i < 2; i++) {
		struct tm tm = { 0 };
		const char *end = strptime(text, forms[i], &tm);
		time_t t = end && !*end ? timegm(&tm) : -1;

		if (t <= 0)
			continue;
		*out = (uint64_t)t;
		return 0;
	}
	return -EINVAL;
}
