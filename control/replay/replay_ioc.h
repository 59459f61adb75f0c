/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay_ioc: the indicator files of picket-replay, as one store.
 *
 * Each file is a feed of its own, named as the file. Refused records are told
 * on stderr and cost nothing else. No clock: nothing expires, so that the
 * output depends on the input alone. One thread.
 */
#ifndef PK_CONTROL_REPLAY_IOC_H
#define PK_CONTROL_REPLAY_IOC_H

#include <stdint.h>

#include "ioc/store/store.h"

enum { PK_REPLAY_IOC_FILES = 32 };

struct pk_replay_file {
	const char *path;   /* borrowed */
	const char *format; /* of ioc/feed/feed.h, or the name of a mapping */
};

struct pk_replay_ioc {
	struct pk_replay_file file[PK_REPLAY_IOC_FILES];
	uint32_t files;
	uint8_t refang;		/* for all files, as ioc/feed/feed.h says */
	uint64_t refused;	/* records */
	const char *at;		/* the file being read, for sentences */
	struct pk_store *store; /* NULL until loaded */
};

/* Note "FILE[,FORMAT]"; @arg is cut in two. 0, or -E2BIG and a sentence. */
int pk_replay_ioc_add(struct pk_replay_ioc *ioc, char *arg);

/*
 * Read all files into a new store of @seed. 0 or -errno, the sentence having
 * been told. pk_replay_ioc_fini() afterwards in any case.
 */
int pk_replay_ioc_load(struct pk_replay_ioc *ioc, uint64_t seed);
void pk_replay_ioc_fini(struct pk_replay_ioc *ioc);

#endif /* PK_CONTROL_REPLAY_IOC_H */
