/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * canned: a valid sample of every kind of message, for whoever wants to see
 * that the way to a receiver works and that the receiver can read them.
 *
 * Each begins with "test":true, has sequence 0, an id of zeros and addresses of
 * documentation (RFC 5737), and goes out under topics of its own,
 * v1/test/<kind>/, so nobody takes it for a finding.
 */
#ifndef PK_CONTROL_CANNED_H
#define PK_CONTROL_CANNED_H

#include <stddef.h>
#include <stdint.h>

enum { PK_CANNED_KIND = 48 }; /* bytes of a kind's word, with its NUL */

struct pk_canned_conf {
	const char *sensor;
	uint64_t epoch;
	uint64_t now_ns;
};

/*
 * Sample @i from 0: its kind, [a-z0-9-]+, to @kind, its JSON to @out. The
 * length; 0 behind the last; or -ENOSPC.
 */
int pk_canned(const struct pk_canned_conf *conf, uint32_t i,
	      char kind[PK_CANNED_KIND], char *out, size_t size);

/* Mark the JSON object at @json as a test, into @out. The length or -ENOSPC. */
int pk_canned_mark(const char *json, size_t len, char *out, size_t size);

#endif /* PK_CONTROL_CANNED_H */
