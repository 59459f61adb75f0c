/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * suppress: rules by which threats are not told, and what each kept quiet.
 *
 * A rule names one or more of: the type of the threat, its offender, its first
 * target, its indicator, the feed of its indicator. All that it names must
 * match:
 *
 *   type       "indicator" or the name of a detector
 *   offender   an address, or a prefix that it is in; IPv4 never matches IPv6
 *   target     likewise; of the evidence that would open the threat
 *   indicator  its value, or the id that its feed gave it
 *   feed       the feed alone lists the indicator: what another one lists, too,
 *              is told
 *
 * A rule may end: from its second `until` on (in the time of the evidence) it
 * matches nothing. Each counts the pieces of evidence that would have opened a
 * threat, and the threats that were open when it was made; the first rule that
 * matches, by number, counts. How many hits there are of one flow depends on
 * the plane's caches (control/threat.h), so counts may differ between two runs,
 * but not what is told.
 *
 * Numbers are given once, and not again while the object, or the file that it
 * was written to, lives.
 *
 * Memory: at most PK_SUPPRESS_MAX rules, 2 KiB each. One thread.
 */
#ifndef PK_CONTROL_SUPPRESS_H
#define PK_CONTROL_SUPPRESS_H

#include <stddef.h>
#include <stdint.h>

#include "control/threat.h"

enum {
	PK_SUPPRESS_MAX = 1024,
	PK_SUPPRESS_WORD = 64, /* bytes with the NUL, as all below */
	PK_SUPPRESS_NET = 64,
	PK_SUPPRESS_COMMENT = 256,
	PK_SUPPRESS_WHY = 400,
};

#define PK_SUPPRESS_NOBODY UINT32_MAX

/* What a rule is made of; NULL or "": any. Borrowed. */
struct pk_suppress_said {
	const char *type;
	const char *offender;
	const char *target;
	const char *indicator;
	const char *feed;
	const char *comment;
	uint64_t until; /* Unix seconds; 0: no end */
	uint64_t made;	/* when */
	uint32_t by;	/* the user; PK_SUPPRESS_NOBODY: the configuration */
};

struct pk_suppress_net {
	union pk_addr addr;
	uint8_t bits;
	uint8_t named; /* 0: any */
};

struct pk_suppress_rule {
	uint32_t number;
	uint32_t by;
	uint64_t made;
	uint64_t until;
	uint64_t count;
	uint64_t first_ns; /* 0: nothing was suppressed */
	uint64_t last_ns;
	uint8_t stale; /* the configuration has not named it yet */
	struct pk_suppress_net net[2];	/* of the two texts */
	char offender[PK_SUPPRESS_NET]; /* as RFC 5952 writes it */
	char target[PK_SUPPRESS_NET];
	char type[PK_SUPPRESS_WORD];
	char feed[PK_SUPPRESS_WORD];
	char comment[PK_SUPPRESS_COMMENT];
	char indicator[PK_THREAT_VALUE]; /* as it was said */
	char value[PK_THREAT_VALUE];	 /* as threats say it; "": an id */
};

struct pk_suppress;

int pk_suppress_new(struct pk_suppress **out); /* 0 or -ENOMEM */
void pk_suppress_free(struct pk_suppress *s);  /* NULL is a no-op */

/*
 * Make a rule. 0 and its number; or @why is one sentence:
 *   -EINVAL  it names nothing, or something that cannot be
 *   -EEXIST  there is one that names the same; *@number is its
 *   -ENOSPC  there are PK_SUPPRESS_MAX
 *   -ENOMEM
 */
int pk_suppress_add(struct pk_suppress *s, const struct pk_suppress_said *said,
		    uint32_t *number, char why[PK_SUPPRESS_WHY]);

/* 0; -ENOENT; -EPERM: it is the configuration's. */
int pk_suppress_del(struct pk_suppress *s, uint32_t number);

/* The rule at @place, in order of their numbers; NULL behind the last. */
const struct pk_suppress_rule *pk_suppress_at(const struct pk_suppress *s,
					      uint32_t place);
const struct pk_suppress_rule *pk_suppress_find(const struct pk_suppress *s,
						uint32_t number);

/* Does it match? Nothing is counted. */
int pk_suppress_matches(const struct pk_suppress_rule *r,
			const struct pk_threat_subject *subject);

/* 1 when a rule matches, which counts it. For pk_threats_conf.suppressed. */
int pk_suppress_take(void *s, const struct pk_threat_subject *subject);

/* 1 when rule @number is there and matches, which counts it. */
int pk_suppress_take_by(struct pk_suppress *s, uint32_t number,
			const struct pk_threat_subject *subject);

/* It is @now, Unix seconds: drop those that ended. How many. */
uint32_t pk_suppress_expire(struct pk_suppress *s, uint64_t now);

/* Grows with each piece of evidence that a rule took. */
uint64_t pk_suppress_taken(const struct pk_suppress *s);

/*
 * A rule of a file: @was has its number and counts, and @said the rest. As
 * pk_suppress_add(); -EEXIST, too, when another has the number, and -EINVAL when
 * it is 0. A type that no threat has, as after a change of version, is kept: the
 * rule matches nothing until there is one.
 */
int pk_suppress_restore(struct pk_suppress *s,
			const struct pk_suppress_said *said,
			const struct pk_suppress_rule *was,
			char why[PK_SUPPRESS_WHY]);

/* @was has a rule's number and counts: those it has now, if they are higher. */
void pk_suppress_recount(struct pk_suppress *s,
			 const struct pk_suppress_rule *was);

/* The highest number given. A file's: none up to it is given any more. */
uint32_t pk_suppress_last(const struct pk_suppress *s);
void pk_suppress_set_last(struct pk_suppress *s, uint32_t number);

/*
 * The configuration's rules are made between these two, behind those of the
 * file: those that are not made again are dropped. One that the file has is the
 * configuration's from then on, with what that says; pk_suppress_add() returns
 * 0 for it.
 */
void pk_suppress_config_begin(struct pk_suppress *s);
void pk_suppress_config_end(struct pk_suppress *s);

/*
 * A time: 2026-12-31T12:00:00Z, or 2026-12-31 for its first second. 0 and Unix
 * seconds, or -EINVAL.
 */
int pk_suppress_time(const char *text, uint64_t *out);

#endif /* PK_CONTROL_SUPPRESS_H */
