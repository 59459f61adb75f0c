/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * encode: threats and records as JSON, and as a line for people.
 *
 * One JSON object, no line break, keys always in the same order. Text that an
 * outsider controls comes out as valid UTF-8; bytes that are not, DEL, and
 * the control and direction characters of Unicode are written as \xNN, which
 * JSON writes as \\xNN, and so that it can be undone (control/text.h). Too long
 * a text is cut and ends in U+2026 and its length. Addresses follow RFC 5952, IPv4 as a dotted quad;
 * times RFC 3339 in UTC, cut to microseconds. 64-bit identities (epoch, id)
 * are hexadecimal text, because JSON numbers lose bits in some readers.
 *
 * All functions write a NUL-terminated text to @out and return its length,
 * or -ENOSPC when @size does not hold it.
 */
#ifndef PK_CONTROL_ENCODE_H
#define PK_CONTROL_ENCODE_H

#include <stddef.h>
#include <stdint.h>

#include "control/pipeline.h"
#include "control/threat.h"
#include "dataplane/record.h"

enum { PK_ENCODE_MAX = 32768 }; /* holds every threat and record */

/* The threat object. `indicator` is there for indicators only. */
int pk_encode_threat(const struct pk_threat *threat, char *out, size_t size);

/* One line without control bytes, for a terminal. */
int pk_encode_line(const struct pk_threat *threat, char *out, size_t size);

/* A HIT or FLOW as it left the plane; -EINVAL for other types. */
int pk_encode_record(const struct pk_record *record, char *out, size_t size);

/* All counters of the pipeline, by their names. */
int pk_encode_pipeline(const struct pk_pipeline_stats *stats, char *out,
		       size_t size);

/* The heartbeat of the bus: the latest number of each class. */
struct pk_heartbeat {
	const char *sensor; /* not read back */
	uint64_t epoch;	    /* not read back: the header has it */
	uint64_t time_ns;   /* likewise */
	uint32_t classes;
	const char *const *word; /* of each class; given for reading, too */
	uint64_t *last;
	/* The oldest that can be fetched; not read back. 0: none can. */
	const uint64_t *first;
};

int pk_encode_heartbeat(const struct pk_heartbeat *beat, char *out,
			size_t size);

/*
 * Read @len bytes, followed by a NUL, into @beat->last; a class that is not
 * named there gets 0. 0, -EBADMSG for anything that is no heartbeat, -ENOMEM.
 */
int pk_decode_heartbeat(const char *json, size_t len,
			struct pk_heartbeat *beat);

#endif /* PK_CONTROL_ENCODE_H */
