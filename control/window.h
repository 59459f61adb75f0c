/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * window: what each key did during the last span of time.
 *
 * `More than N in the span` is answered exactly by keeping the N + 1 newest
 * pieces of evidence of a key: an event is in the window while it is not older
 * than the span (one of exactly that age still counts). The evidence is what
 * the finding's details are made of, too.
 *
 * A key belongs to a detector, so that detectors with different spans and
 * thresholds share one window; the rule comes with each call and must be the
 * same for the same detector.
 *
 * Memory: a buffer of 4 pieces for a new key, doubled up to N + 1 (32 bytes
 * each); at most @keys keys. When a new one finds no room, the key that was
 * seen longest ago is forgotten and counted: under a flood of keys a window
 * loses history, it does not grow or fail. When memory itself is short, a key
 * forgets its oldest evidence.
 *
 * Time is an argument, in ns. For one key, a time before the newest one seen
 * counts as the newest. One thread.
 */
#ifndef PK_CONTROL_WINDOW_H
#define PK_CONTROL_WINDOW_H

#include <stdint.h>

#include "bpf/abi.h"
#include "control/checkpoint/bytes.h"

enum {
	PK_WINDOW_KEYS = 65536,
	PK_WINDOW_THRESHOLD_MAX = 65534,
	PK_WINDOW_HOSTS = 20, /* hosts named in a summary */
};

struct pk_window;
struct pk_window_entry;

struct pk_window_key {
	union pk_addr observer;
	union pk_addr src;
	uint64_t detector;
};
_Static_assert(sizeof(struct pk_window_key) == 40, "pk_window_key");

struct pk_window_rule {
	uint64_t span_ns;
	uint32_t threshold; /* at most PK_WINDOW_THRESHOLD_MAX */
};

struct pk_window_evidence {
	uint64_t seen_ns;
	union pk_addr dst;
	uint16_t dport;
};

struct pk_window_summary {
	uint32_t hosts; /* distinct destination addresses */
	uint32_t ports; /* distinct destination ports */
	uint32_t named; /* of host[] */
	union pk_addr host[PK_WINDOW_HOSTS]; /* the first ones, oldest first */
};

/* events + restored = resident + aged + displaced + forgotten */
#define PK_WINDOW_COUNTERS(_)                                                \
	_(events, "pieces of evidence added")                                \
	_(restored, "pieces taken from a checkpoint")                        \
	_(ahead, "pieces of a checkpoint not taken: their time was to come") \
	_(resident, "pieces kept now")                                       \
	_(aged, "pieces that grew older than the span")                      \
	_(displaced, "pieces that gave way to newer ones of their key")      \
	_(forgotten, "pieces of keys that were evicted")                     \
	_(keys, "keys kept now")                                             \
	_(evicted, "keys forgotten for want of room")                        \
	_(starved, "times that memory was short")

struct pk_window_counters {
	PK_WINDOW_COUNTERS(PK_COUNTER_FIELD)
};

/* @keys 0: PK_WINDOW_KEYS. 0, -EINVAL above 2^24, or -ENOMEM. */
int pk_window_new(struct pk_window **out, uint32_t keys, uint64_t seed);
void pk_window_free(struct pk_window *w); /* NULL is a no-op */

/*
 * Add @evidence to @key. The key's entry, valid until the next call, or NULL
 * when there is no memory for a new key. O(1) amortized.
 */
const struct pk_window_entry *pk_window_add(
	struct pk_window *w, const struct pk_window_key *key,
	const struct pk_window_rule *rule,
	const struct pk_window_evidence *evidence);

/* Pieces in the window as of the latest add; threshold + 1 means `or more`. */
uint32_t pk_window_count(const struct pk_window_entry *entry);
/* Time of the oldest of them. */
uint64_t pk_window_first_ns(const struct pk_window_entry *entry);

/* Sum up the evidence. O(pieces kept). */
void pk_window_summarize(const struct pk_window *w,
			 const struct pk_window_entry *entry,
			 struct pk_window_summary *out);

/* Each piece kept, oldest first. */
void pk_window_each(const struct pk_window_entry *entry,
		    void (*show)(void *arg, const struct pk_window_evidence *),
		    void *arg);

const struct pk_window_counters *pk_window_counted(const struct pk_window *w);

/*
 * Put some of it into @out (control/checkpoint/checkpoint.h): 1 when there is
 * more, 0 when that was all, -errno. A key that comes while a pass goes on, in
 * the place of another, may not be in it.
 */
int pk_window_save(const struct pk_window *w, struct pk_writer *out,
		   uint64_t *at);

/*
 * The rule of a detector that was saved, and its number now: 0, or -ENOENT
 * when there is no such detector any more.
 */
typedef int pk_window_rule_fn(void *arg, uint64_t *detector,
			      struct pk_window_rule *rule);

/*
 * Add what was saved, in the order of use; a rule that is another one now is
 * applied. Pieces that are later than @now_ns, of a clock that was ahead, are
 * not taken: nothing would age before it is that late again. 0, -EBADMSG with
 * nothing added, or -ENOMEM. @w counts and reports then as the saved one would,
 * but for these and for what its detectors have lost.
 */
int pk_window_load(struct pk_window *w, struct pk_reader *r,
		   pk_window_rule_fn *rule_of, void *arg, uint64_t now_ns);

#endif /* PK_CONTROL_WINDOW_H */
