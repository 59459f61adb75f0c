/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctlops_ioc: what the operations on indicators share: an indicator as JSON,
 * and as arguments of a request. control/ctl/ctl.h says how they look. Nobody but
 * ctlops_*.c includes it.
 */
#ifndef PK_CONTROL_CTLOPS_IOC_H
#define PK_CONTROL_CTLOPS_IOC_H

#include "control/daemon/ctlops_inside.h"
#include "ioc/feed/feed.h"

enum { PK_IOC_ANY_FEED = PK_ALL_FEEDS };

#define PK_IOC_DEFAULT_FEED "manual"

/* --- as JSON ----------------------------------------------------------------- */

/* type, match and value */
void pk_ioc_add_value(struct json_object *o, const struct pk_indicator *ind);
void pk_ioc_add_meta(struct json_object *o, const struct pk_meta *meta);
/* @key as a time; absent for 0. Seconds, nanoseconds. */
void pk_ioc_add_sec(struct json_object *o, const char *key, uint64_t sec);
void pk_ioc_add_ns(struct json_object *o, const char *key, uint64_t ns);
void pk_ioc_add_bool(struct json_object *o, const char *key, bool yes);
struct json_object *pk_ioc_add_list(struct json_object *o, const char *key);
struct json_object *pk_ioc_add_object(struct json_object *o, const char *key);
struct json_object *pk_ioc_add_element(struct json_object *list);

/* ITEM: as it is reported, or as @feed says it. */
struct json_object *pk_ioc_item(const struct pk_daemon *d, uint32_t slot,
				uint16_t feed);

/* The counters of a reason that are not 0, by their words. */
void pk_ioc_add_reasons(struct json_object *o, const char *key,
			const uint64_t *counts, unsigned n,
			const char *(*word)(unsigned n));
const char *pk_ioc_refused_word(unsigned n);
const char *pk_ioc_skip_word(unsigned n);

/* --- as arguments -------------------------------------------------------------- */

/* Values and meta data of a request; texts are borrowed from it. */
struct pk_ioc_args {
	struct pk_indicator ind; /* with meta */
	bool has_type, has_match;
	uint32_t ttl_sec;
	char why[PK_SAY_MAX]; /* of -EINVAL */
};

/* "value", "type", "match". 0, or -EINVAL with why. */
int pk_ioc_take_value(struct pk_args *a, struct pk_ioc_args *out);
/* All of META's but id; @out's meta must be initialised. */
int pk_ioc_take_meta(struct pk_args *a, struct pk_ioc_args *out);
/* The times of META, as `ioc list` tells them. */
int pk_ioc_take_times(struct pk_args *a, struct pk_ioc_args *out);

/* A word of a list; *@out is left alone if it is absent. 0 or -EINVAL. */
int pk_ioc_take_word(struct pk_args *a, const char *name,
		     int (*find)(const char *word), int *out,
		     char why[PK_SAY_MAX]);

/* Answer `usage` with why; returns 0 for the operation. */
int pk_ioc_usage(struct pk_ctl_answer *out, const char *why);

/* Would a guard keep it out? 1 with the sentence. */
int pk_ioc_refused(const struct pk_daemon *d, const struct pk_indicator *ind,
		   int force, char why[PK_SAY_MAX]);
/* The hint for what it refused: NULL where force was or would be of no use. */
const char *pk_ioc_refused_hint(const struct pk_daemon *d,
				const struct pk_indicator *ind, int force);

/* --- doing it, while free -------------------------------------------------------- */

/* 0: new; -EEXIST: changed; -EALREADY: was so; or as pk_indicators_add(). */
int pk_ioc_add(struct pk_daemon *d, struct pk_ioc_args *args, const char *feed,
	       uint32_t *slot);

/* The slot of the value, with the match that was said or, if none was, the
 * only one there is, which is set. 0: there is none. */
uint32_t pk_ioc_find(const struct pk_daemon *d, struct pk_ioc_args *args);

/* Of @feed, NULL: of all. 0 or -ENOENT. */
int pk_ioc_del(struct pk_daemon *d, struct pk_ioc_args *args, const char *feed);

/* Does anything refer to the feed? Of others nothing is told. */
int pk_ioc_feed_is_shown(const struct pk_daemon *d, uint16_t feed);

/* Loads that wait for the one under way. */
unsigned pk_ctlops_loads_waiting(const struct pk_daemon *d);

/* --- the parts ------------------------------------------------------------------- */

int pk_ctlops_register_push(struct pk_daemon *d);
int pk_ctlops_register_apply(struct pk_daemon *d);
int pk_ctlops_register_load(struct pk_daemon *d);
int pk_ctlops_register_feed(struct pk_daemon *d);
int pk_ctlops_register_show(struct pk_daemon *d);
int pk_ctlops_register_hits(struct pk_daemon *d);
int pk_ctlops_register_status(struct pk_daemon *d);
int pk_ctlops_register_safelist(struct pk_daemon *d);

struct pk_ctlop {
	const char *name;
	pk_ctl_fn *fn;
};
int pk_ctlops_add_all(struct pk_daemon *d, const struct pk_ctlop *ops,
		      size_t n);

#endif /* PK_CONTROL_CTLOPS_IOC_H */
