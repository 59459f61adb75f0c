/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_due: when slots are due, and which is.
 *
 * A second for each slot, and above it a tree of the earliest of each 64. The
 * tree may say too early (a slot was put off), never too late; who searches
 * puts it right. 4 bytes for every slot up to the highest that was ever due.
 *
 * Part of the store, same rules for threads.
 */
#ifndef PK_IOC_STORE_DUE_H
#define PK_IOC_STORE_DUE_H

#include <stdint.h>

#include "ioc/store/store_room.h"

enum { PK_DUE_LEVELS = 4 };
#define PK_DUE_NEVER 0xffffffffU

struct pk_due {
	/* uint32_t: all ones less the second; by slot, then above it. */
	struct pk_room level[PK_DUE_LEVELS];
};

int pk_due_init(struct pk_due *d); /* 0 or -ENOMEM */
void pk_due_fini(struct pk_due *d);

/* Make slots up to @slot settable. 0 or -ENOMEM. */
int pk_due_make(struct pk_due *d, uint32_t slot);

/* Slots beyond what was made are never due, and stay so. O(1). */
void pk_due_set(struct pk_due *d, uint32_t slot, uint32_t when);

/* A slot due at @now or before, or 0. */
uint32_t pk_due_find(struct pk_due *d, uint32_t now);

/* level[0] was filled for @slots slots: build the rest. 0 or -ENOMEM. */
int pk_due_restore(struct pk_due *d, uint32_t slots);

uint64_t pk_due_bytes(const struct pk_due *d);

#endif /* PK_IOC_STORE_DUE_H */
