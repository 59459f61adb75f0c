/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * safelist_inside: what the files of the safelist share. Nobody else includes
 * it.
 *
 * A draft becomes a list when it is put in: its prefixes and values move to the
 * safelist's arrays, the texts stay and are shared by all copies.
 */
#ifndef PK_IOC_SAFELIST_INSIDE_H
#define PK_IOC_SAFELIST_INSIDE_H

#include <stdatomic.h>

#include "ioc/guard/netset.h"
#include "ioc/guard/safelist.h"

enum {
	PK_SAFE_TEXTS_MAX = 256 << 20, /* bytes of all values of a list */
	PK_SAFE_ALL_TYPES = (1 << PK_INDICATOR_TYPE_COUNT) - 1,
};

enum pk_safe_kind {
	PK_SAFE_VALUE, /* not a name, not a prefix */
	PK_SAFE_NAME,
	PK_SAFE_HOST,  /* a name and all below */
	PK_SAFE_ABOVE, /* an ancestor of the name in the texts */
};

struct pk_safe_value {
	uint64_t hash;
	uint32_t text; /* where its record begins: type, length, bytes */
	uint16_t owner;
	uint16_t kind; /* enum pk_safe_kind */
};
_Static_assert(sizeof(struct pk_safe_value) == 16, "pk_safe_value");

struct pk_safe_record {
	uint8_t type;
	unsigned len;
	const uint8_t *bytes;
};

struct pk_safelist_draft {
	struct pk_safelist_info info;
	uint64_t seed;
	atomic_uint refs;
	int ready;
	struct pk_net *nets;
	size_t nets_count, nets_room;
	struct pk_safe_value *values;
	size_t values_count, values_room;
	uint8_t *texts;
	size_t texts_len, texts_room;
	uint32_t subs[PK_SAFELIST_SUBS_MAX]; /* records of substrings */
	unsigned subs_count;
};

struct pk_safe_values {
	struct pk_safe_value *all;
	uint32_t *dir; /* (1 << bits) + 1 places */
	uint32_t count;
	unsigned bits; /* 1 .. 31 */
};

struct pk_safe_sub {
	uint32_t text;
	uint16_t owner;
};

struct pk_safelist {
	uint64_t seed;
	struct pk_netset nets;
	struct pk_safe_values values;
	unsigned count;
	unsigned subs_count;
	struct pk_safe_sub subs[PK_SAFELIST_SUBS_MAX];
	uint16_t order[PK_SAFELIST_LISTS]; /* owners by name */
	struct pk_safelist_draft *lists[PK_SAFELIST_LISTS];
};

void pk_safe_record(const struct pk_safelist_draft *d, uint32_t text,
		    struct pk_safe_record *out);
uint64_t pk_safe_hash(uint64_t seed, uint8_t type, const uint8_t *bytes,
		      unsigned len);

/* Parts of pk_safelist_draft_add(): 0, -EFBIG or -ENOMEM. */
int pk_safe_add_net(struct pk_safelist_draft *d, const struct pk_net *net);
int pk_safe_add_sub(struct pk_safelist_draft *d, const char *text, size_t len);

/* An entry of @d's type as text. 0, -EFBIG or -ENOMEM; refusals are counted. */
int pk_safe_take(struct pk_safelist_draft *d, const char *text, size_t len,
		 uint64_t place);
void pk_safe_refuse(struct pk_safelist_draft *d, enum pk_refused why,
		    const char *text, size_t len, uint64_t place);

/* The text is JSON: read it. As pk_safelist_draft_read(). */
int pk_safe_read_json(struct pk_safelist_draft *d, const char *text, size_t len,
		      char err[PK_SAFELIST_SENTENCE]);

/* The types that a MISP attribute is about, as bits; 0: none of ours. */
uint32_t pk_safe_attribute(const char *word);
/* A word for the types in @types from bit *@at on, or NULL at the end. */
const char *pk_safe_attribute_next(uint32_t types, unsigned *at);

/* The list @name, or NULL. */
struct pk_safelist_draft *pk_safe_list(const struct pk_safelist *s,
				       const char *name);

/* A value as an indicator; -ENOENT for an ancestor. */
int pk_safe_entry(const struct pk_safelist *s, const struct pk_safe_value *v,
		  struct pk_indicator *ind);

#endif /* PK_IOC_SAFELIST_INSIDE_H */
