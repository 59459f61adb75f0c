/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * safelist: values that must never become indicators, as named lists.
 *
 * A list comes from a text in one of two forms, told from the first byte:
 *
 *	MISP warning list  {"name": .., "type": .., "list": [..],
 *	                   "matching_attributes": [..]} (RFC 8259)
 *	lines              one entry a line, # ; and ! begin a comment, also
 *	                   behind a blank
 *
 * What an entry refuses depends on the list's type:
 *
 *	cidr       addresses and prefixes
 *	hostname   the name and everything below it; ".x" is "x"
 *	string     the very value: a name, address, URL, hash, ...
 *	mixed      (lines, and what pk_safelist_write() writes) as for
 *	           indicators: "x" with everything below, "=x" alone; "~x" is
 *	           a substring; "ja3:x", "ja4:x", "x509-certificate:x" and
 *	           "user-agent:x", which a value does not tell
 *	substring  every value whose text has it in it: at least
 *	           PK_SAFELIST_SUB_MIN bytes, and no more than
 *	           PK_SAFELIST_SUBS_MAX of them in all lists together: each
 *	           costs every look-up a search
 *	regex      is not supported: the list is refused by name
 *
 * matching_attributes limits a list to the indicator types that it names; if it
 * names none, the list holds for all types.
 *
 * An indicator is refused when a list says what it says *or less*:
 *
 *	address, ip:port   that a list's prefix covers
 *	prefix             that one covers; or that has an entry inside and is
 *	                   wider than /24 (IPv6: /48): a narrower one may have
 *	                   a bad half
 *	name               that is on a list or below a hostname; or that covers
 *	                   subdomains and has a safe name below it
 *	URL                itself; or its host when the path is "/": any other
 *	                   path may be bad on a host that is good, which is why
 *	                   the host of an e-mail address does not matter either
 *	other types        itself
 *
 * Hosts that were derived from a URL or an e-mail are names and addresses.
 *
 * Memory: 28 bytes a prefix, 16 and the text a value, 16 for each ancestor of a
 * name. At most PK_SAFELIST_LISTS lists; a text is at most PK_SAFELIST_TEXT_MAX
 * bytes. Addresses cost one binary search, names one probe for each label: over
 * a million look-ups a second without substrings.
 *
 * A draft is read in any thread. pk_safelist_put() and the other changes are
 * linear in what the safelist holds, without sorting, so that a daemon's loop
 * can do them; look-ups may run in any number of threads while nobody changes.
 * pk_safelist_copy() gives another thread a snapshot of its own.
 */
#ifndef PK_IOC_SAFELIST_H
#define PK_IOC_SAFELIST_H

#include <stddef.h>
#include <stdint.h>

#include "ioc/indicator.h"

enum {
	PK_SAFELIST_NAME_MAX = 63,
	PK_SAFELIST_TITLE_MAX = 255,
	PK_SAFELIST_LISTS = 1024,
	PK_SAFELIST_TEXT_MAX = 64 << 20,
	PK_SAFELIST_ENTRIES = 4 << 20, /* most in one list */
	PK_SAFELIST_SUBS_MAX = 64,
	PK_SAFELIST_SUB_MIN = 3,
	PK_SAFELIST_WIDE_V4 = 24, /* see above: prefixes with less bits */
	PK_SAFELIST_WIDE_V6 = 48,
	PK_SAFELIST_SENTENCE = 320,
};

#define PK_SAFELIST_TYPES(_)      \
	_(MIXED, "mixed")         \
	_(CIDR, "cidr")           \
	_(HOSTNAME, "hostname")   \
	_(STRING, "string")       \
	_(SUBSTRING, "substring") \
	_(REGEX, "regex")

#define PK_SAFELIST_ENUM(name, word) PK_SAFELIST_##name,
enum pk_safelist_type {
	PK_SAFELIST_TYPES(PK_SAFELIST_ENUM) PK_SAFELIST_TYPE_COUNT
};
#undef PK_SAFELIST_ENUM

struct pk_safelist;
struct pk_safelist_draft;

/* What is known of a list. entries + duplicates + refused were read. */
struct pk_safelist_info {
	char name[PK_SAFELIST_NAME_MAX + 1];   /* unique: the caller's */
	char title[PK_SAFELIST_TITLE_MAX + 1]; /* what it calls itself */
	char version[32];		       /* "" if it does not say */
	enum pk_safelist_type type;
	uint32_t types; /* a bit for each enum pk_indicator_type it is for */
	uint32_t entries;
	uint32_t duplicates;
	uint32_t refused;    /* entries that are no values */
	uint64_t refused_at; /* the first of them: line, or place in "list" */
	enum pk_refused refused_why;
	char refused_text[64]; /* cut, control characters as '?' */
};

/* --- reading a list ------------------------------------------------------ */

/*
 * An empty draft of a list @name: 1 .. PK_SAFELIST_NAME_MAX letters, digits and
 * "._-". @seed is that of the safelist it is for. 0, -EINVAL for the name, or
 * -ENOMEM.
 */
int pk_safelist_draft_new(struct pk_safelist_draft **out, const char *name,
			  uint64_t seed);
void pk_safelist_draft_free(struct pk_safelist_draft *d); /* NULL: no-op */

/*
 * Read a text, once a draft. Entries that are no values are counted and
 * skipped. 0; -EINVAL, -EFBIG, -ENOTSUP (regex) or -ENOMEM with a sentence in
 * @err: then the draft is good for nothing.
 */
int pk_safelist_draft_read(struct pk_safelist_draft *d, const char *text,
			   size_t len, char err[PK_SAFELIST_SENTENCE]);

/* One more entry: a value with its match. 0, -EFBIG or -ENOMEM. */
int pk_safelist_draft_add(struct pk_safelist_draft *d,
			  const struct pk_indicator *ind);

/* Sort what was read; pk_safelist_put() does it otherwise. */
void pk_safelist_draft_ready(struct pk_safelist_draft *d);
const struct pk_safelist_info *pk_safelist_draft_info(
	const struct pk_safelist_draft *d);

/* --- the lists ------------------------------------------------------------ */

int pk_safelist_new(struct pk_safelist **out, uint64_t seed); /* or -ENOMEM */
void pk_safelist_free(struct pk_safelist *s);		      /* NULL: no-op */

/* The same lists again, for another thread. 0 or -ENOMEM. */
int pk_safelist_copy(struct pk_safelist **out, const struct pk_safelist *s);

/*
 * Put a list in, in the place of the one of its name. Takes @d when it returns
 * 0. -ENOSPC: too many lists, or substrings; -EINVAL: another seed; -ENOMEM.
 * Nothing has changed then.
 */
int pk_safelist_put(struct pk_safelist *s, struct pk_safelist_draft *d);
int pk_safelist_del(struct pk_safelist *s, const char *name); /* or -ENOENT */

/*
 * One entry more or less in a list (more: the list is made if need be, as
 * "mixed"). 0; -EEXIST, -ENOENT; -EINVAL for the name; -ENOSPC, -EFBIG,
 * -ENOMEM.
 */
int pk_safelist_add_entry(struct pk_safelist *s, const char *name,
			  const struct pk_indicator *ind);
int pk_safelist_del_entry(struct pk_safelist *s, const char *name,
			  const struct pk_indicator *ind);

unsigned pk_safelist_count(const struct pk_safelist *s);
/* The lists in the order of their names; NULL from pk_safelist_count() on. */
const struct pk_safelist_info *pk_safelist_at(const struct pk_safelist *s,
					      unsigned place);
uint64_t pk_safelist_bytes(const struct pk_safelist *s); /* memory held */

/*
 * Write a list as JSON (type "mixed") that pk_safelist_draft_read() reads to the
 * same list, in pieces. 0, -ENOENT, or what @write returned if not 0.
 */
typedef int pk_safelist_write_fn(void *arg, const char *text, size_t len);
int pk_safelist_write(const struct pk_safelist *s, const char *name,
		      pk_safelist_write_fn *write, void *arg);

/* --- asking ---------------------------------------------------------------- */

/* How an entry refuses an indicator. */
#define PK_SAFELIST_WAYS(_)     \
	_(IS, "is")             \
	_(BELOW, "is within")   \
	_(ABOVE, "covers")      \
	_(HOST, "has the host") \
	_(PART, "contains")

#define PK_SAFELIST_ENUM(name, word) PK_SAFELIST_WAY_##name,
enum pk_safelist_way { PK_SAFELIST_WAYS(PK_SAFELIST_ENUM) };
#undef PK_SAFELIST_ENUM

struct pk_safelist_hit {
	const struct pk_safelist_info *list; /* until the safelist changes */
	enum pk_safelist_way way;
	char entry[PK_VALUE_TEXT_MAX + 32]; /* as "mixed" lists have it */
};

/* Does a list refuse @ind? 1, with @hit filled (may be NULL), or 0. */
int pk_safelist_find(const struct pk_safelist *s,
		     const struct pk_indicator *ind,
		     struct pk_safelist_hit *hit);

/* `is within 10.0.0.0/8 on safelist rfc1918`; returns the text's length. */
size_t pk_safelist_hit_print(const struct pk_safelist_hit *hit, char *out,
			     size_t size);

const char *pk_safelist_type_word(enum pk_safelist_type type);

#endif /* PK_IOC_SAFELIST_H */
