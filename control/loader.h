/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loader: a feed's bytes into the store, a slice a turn of the event loop.
 *
 * The store is held meanwhile, so nobody sees half a load; then a base is built
 * and published. What the lines were is counted as ioc/feed.h says; the first
 * refusals are kept as sentences. The lines that are good are loaded even if
 * others are not.
 *
 * One thread: the event loop's.
 */
#ifndef PK_CONTROL_LOADER_H
#define PK_CONTROL_LOADER_H

#include <stddef.h>

#include "control/indicators.h"
#include "ioc/feed.h"
#include "ioc/say.h"

enum {
	PK_LOADER_SAMPLES = 10,
	PK_LOADER_SLICE = 128 * 1024, /* bytes a turn: about 1 ms */
};

struct event_base;

struct pk_loader_result {
	const char *feed;
	const char *format; /* as it was asked for */
	const struct pk_feed_stats *stats;
	unsigned samples;
	char sample[PK_LOADER_SAMPLES][PK_SAY_MAX];
	uint64_t generation;
};

/* Told once; @result lives while it runs. 0, or -errno and a sentence. */
typedef void pk_loader_fn(void *arg, int status, const char *why,
			  const struct pk_loader_result *result);

struct pk_loader_conf {
	struct event_base *base;
	struct pk_indicators *indicators;
	const void *bytes; /* borrowed until @fn is called */
	size_t len;
	const char *format; /* "auto", or as ioc/feed.h says */
	const char *feed;   /* copied, as the others */
	const char *name;   /* of the bytes, in sentences */
	pk_loader_fn *fn;
	void *arg;
};

/*
 * Start to load. 0; -EINVAL for an unknown format or a feed's name that is too
 * long; -ENOSPC for too many feeds; -ENOMEM. Then @fn is not called.
 */
int pk_loader_start(const struct pk_loader_conf *conf);

#endif /* PK_CONTROL_LOADER_H */
