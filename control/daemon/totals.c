/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/daemon/totals.h"

#include <errno.h>
#include <string.h>

#include <json-c/json.h>

#define WORD(name, text) #name,
static const char *const pipeline_words[] = { PK_PIPELINE_COUNTERS(WORD) };
static const char *const window_words[] = { PK_WINDOW_COUNTERS(WORD) };
static const char *const threat_words[] = { PK_THREAT_COUNTERS(WORD) };
static const char *const journal_words[] = { PK_JOURNAL_COUNTERS(WORD) };
#undef WORD

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

_Static_assert(COUNT(pipeline_words) <= PK_TOTALS_COUNTERS, "pipeline");
_Static_assert(COUNT(window_words) <= PK_TOTALS_COUNTERS, "window");
_Static_assert(COUNT(threat_words) <= PK_TOTALS_COUNTERS, "threats");
_Static_assert(COUNT(journal_words) <= PK_TOTALS_COUNTERS, "journal");

static const struct group {
	const char *name;
	const char *const *word;
	uint32_t count;
} groups[PK_TOTALS_GROUPS] = {
	{ "pipeline", pipeline_words, COUNT(pipeline_words) },
	{ "window", window_words, COUNT(window_words) },
	{ "threats", threat_words, COUNT(threat_words) },
	{ "journal", journal_words, COUNT(journal_words) },
};

/* Those of what is there now, and of a start. */
static int is_sum(const char *word)
{
	static const char *const others[] = { "resident", "keys",    "open",
					      "waiting",  "revived", "restored",
					      "torn" };

	for (size_t i = 0; i < COUNT(others); i++)
		if (!strcmp(others[i], word))
			return 0;
	return 1;
}

/* The counters of this run, by group. */
static void list_now(const struct pk_pipeline_stats *now,
		     const struct pk_journal_counters *journal,
		     const uint64_t *out[PK_TOTALS_GROUPS])
{
	out[0] = (const uint64_t *)&now->pipeline;
	out[1] = (const uint64_t *)&now->window;
	out[2] = (const uint64_t *)&now->threat;
	out[3] = (const uint64_t *)journal;
}

void pk_totals_save(const struct pk_totals *t,
		    const struct pk_pipeline_stats *now,
		    const struct pk_journal_counters *journal,
		    struct pk_writer *w)
{
	const uint64_t *counted[PK_TOTALS_GROUPS];

	list_now(now, journal, counted);
	pk_put_u64(w, t->since_ns);
	pk_put_u32(w, PK_TOTALS_GROUPS);
	for (unsigned g = 0; g < PK_TOTALS_GROUPS; g++) {
		pk_put_text(w, groups[g].name);
		pk_put_u32(w, groups[g].count);
		for (unsigned i = 0; i < groups[g].count; i++) {
			pk_put_text(w, groups[g].word[i]);
			pk_put_u64(w, t->before[g][i] + counted[g][i]);
		}
	}
}

static void set(struct pk_totals *t, const char *group, const char *word,
		uint64_t n)
{
	for (unsigned g = 0; g < PK_TOTALS_GROUPS; g++)
		for (unsigned i = 0; i < groups[g].count; i++)
			if (!strcmp(groups[g].name, group) &&
			    !strcmp(groups[g].word[i], word) && is_sum(word))
				t->before[g][i] = n;
}

int pk_totals_load(struct pk_totals *t, struct pk_reader *r)
{
	struct pk_totals got = { .since_ns = pk_get_u64(r) };
	char group[32], word[64];
	uint32_t n;

	for (uint32_t left = pk_get_u32(r); left && !r->err; left--) {
		pk_get_text(r, group, sizeof(group));
		for (n = pk_get_u32(r); n && !r->err; n--) {
			pk_get_text(r, word, sizeof(word));
			set(&got, group, word, pk_get_u64(r));
		}
	}
	if (r->err)
		return r->err;
	*t = got;
	return 0;
}

void pk_totals_tell(const struct pk_totals *t,
		    const struct pk_pipeline_stats *now,
		    const struct pk_journal_counters *journal,
		    struct json_object *o)
{
	const uint64_t *counted[PK_TOTALS_GROUPS];

	list_now(now, journal, counted);
	for (unsigned g = 0; g < PK_TOTALS_GROUPS; g++) {
		struct json_object *part = json_object_new_object();

		for (unsigned i = 0; i < groups[g].count; i++)
			if (is_sum(groups[g].word[i]))
				json_object_object_add(
					part, groups[g].word[i],
					json_object_new_uint64(t->before[g][i] +
							       counted[g][i]));
		json_object_object_add(o, groups[g].name, part);
	}
}
