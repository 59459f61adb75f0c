/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * checkpoint: what a process knows, on disk about twice a second, so that the
 * next one goes on.
 *
 * State is made of parts: a name, a version, and a pair of functions that put
 * it into bytes and take it from them (control/checkpoint/bytes.h). A pass asks
 * each part in order for a slice at a time, between the turns of the event
 * loop, so the loop never waits; then a thread of its own writes the whole and
 * syncs it (control/checkpoint/slot.h). Parts change while a pass goes on, so a
 * checkpoint is not of one instant: each part must be able to go on
 * from what it saved, and what must be exact has a journal to catch up with.
 *
 * SIGKILL costs what changed since the latest pass began:
 * PK_CHECKPOINT_EVERY_NS and the time of a pass and a write. That is below a
 * second up to PK_CHECKPOINT_RATE bytes; beyond, passes are as far apart as
 * that rate allows. When nothing changes, nothing is written. A power cut costs
 * no more as a rule: the one before was synced before the next is written.
 *
 * At the start the newest sound one is loaded. A file that is torn, damaged or
 * of another version is refused with a sentence, and counted; so is a part
 * that cannot be taken, whose owner then begins without it or with what it got.
 *
 * Memory: one buffer of the size of a checkpoint. One thread beside its own.
 */
#ifndef PK_CONTROL_CHECKPOINT_CHECKPOINT_H
#define PK_CONTROL_CHECKPOINT_CHECKPOINT_H

#include <stdint.h>

#include "bpf/abi.h"
#include "control/checkpoint/slot.h"
#include "ioc/say.h"

enum {
	PK_CHECKPOINT_EVERY_NS = 500000000,
	PK_CHECKPOINT_RATE = 32 << 20, /* bytes a second */
	PK_CHECKPOINT_PARTS = 16,      /* at most */
};

struct pk_checkpoint_part {
	const char *name; /* at most PK_CHECKPOINT_NAME_MAX bytes */
	uint32_t version; /* of what save writes */
	/*
	 * Put some, in a time that the event loop can spare. *@at is 0 at
	 * first, and the part's own then. 1: there is more; 0: that was all;
	 * -errno.
	 */
	int (*save)(void *arg, struct pk_writer *w, uint64_t *at);
	/* Take what save put. 0; -EPROTO: not of that version; -errno. */
	int (*load)(void *arg, struct pk_reader *r, uint32_t version);
	void *arg;
};

struct pk_checkpoint_conf {
	const char *dir; /* made when it is missing; borrowed */
	/* In the order in which they are saved and loaded; borrowed. */
	const struct pk_checkpoint_part *parts;
	uint32_t count;
	/* A number that is another one whenever something changed. */
	uint64_t (*changes)(void *arg);
	void *arg;
	pk_say_fn *say;
	void *say_arg;
};

/* begun = written + failed + under_way */
#define PK_CHECKPOINT_COUNTERS(_)                                  \
	_(begun, "checkpoints begun")                              \
	_(written, "of these, written and synced")                 \
	_(failed, "of these, not: for want of memory or disk")     \
	_(under_way, "of these, under way")                        \
	_(bytes, "bytes of the latest that was written")           \
	_(refused, "files refused at the start: torn, damaged or " \
		   "of another version")                           \
	_(loaded_parts, "parts taken at the start")                \
	_(refused_parts, "parts that could not be taken, or not whole")

struct pk_checkpoint_counters {
	PK_CHECKPOINT_COUNTERS(PK_COUNTER_FIELD)
};

struct pk_checkpoint_view {
	struct pk_checkpoint_counters counters;
	uint64_t loaded_ns;  /* when the one was made that was loaded; or 0 */
	uint64_t written_ns; /* when the latest was begun that is on disk */
	int current;	     /* nothing changed since */
};

struct pk_checkpoint;

/* 0, -EINVAL, -ENOMEM, or -errno of the directory, with a sentence. */
int pk_checkpoint_new(struct pk_checkpoint **out,
		      const struct pk_checkpoint_conf *conf);
/* Ends without writing; waits for what is being written. NULL: no-op. */
void pk_checkpoint_free(struct pk_checkpoint *c);

/* Give the newest one to the parts. 0, or -ENOENT when there is none. */
int pk_checkpoint_load(struct pk_checkpoint *c);

/* Was the part of that name in it, and taken whole? */
int pk_checkpoint_has(const struct pk_checkpoint *c, const char *part);

/*
 * It is @now_ns, real time: begin a pass if it is time, and take one slice. 1
 * when there are more slices: call it again soon. Else every
 * PK_CHECKPOINT_EVERY_NS is enough.
 */
int pk_checkpoint_turn(struct pk_checkpoint *c, uint64_t now_ns);

/* Write one at once, and wait for it. 0 or -errno. */
int pk_checkpoint_flush(struct pk_checkpoint *c, uint64_t now_ns);

void pk_checkpoint_view(struct pk_checkpoint *c,
			struct pk_checkpoint_view *out);

#endif /* PK_CONTROL_CHECKPOINT_CHECKPOINT_H */
