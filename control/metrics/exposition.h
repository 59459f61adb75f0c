/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exposition: figures as Prometheus' text format 0.0.4.
 *
 * Samples are collected in any order and printed by family: HELP and TYPE
 * once, then its samples as they came. A name is picket_MODULE_COUNTER, with
 * _total behind it for a counter. Label values are anybody's text: what
 * pk_text_clean() makes of it, with backslash, quotation mark and line feed
 * escaped as the format wants.
 *
 * The first want of memory is kept; the caller looks once, at the end. One
 * thread an object.
 */
#ifndef PK_METRICS_EXPOSITION_H
#define PK_METRICS_EXPOSITION_H

#include <stddef.h>
#include <stdint.h>

#include "control/metrics/histogram.h"

enum { PK_EXPOSITION_LABEL = 256 }; /* bytes of a label's value, at most */

enum pk_metric { PK_METRIC_COUNTER, PK_METRIC_GAUGE };

struct pk_label {
	const char *name;  /* a constant */
	const char *value; /* anybody's */
};

struct pk_labels {
	struct pk_label label[4];
	unsigned count;
};

struct pk_exposition;

int pk_exposition_new(struct pk_exposition **out); /* 0 or -ENOMEM */
void pk_exposition_free(struct pk_exposition *e);  /* NULL is a no-op */

/*
 * A sample of the family picket_@module_@name, without _total; one of the two
 * may be "". @help stays the caller's until the text was made; the others are
 * copied.
 */
struct pk_sample {
	const char *module;
	const char *name;
	const char *help;
	enum pk_metric type;
	uint64_t value;
};

void pk_exposition_add(struct pk_exposition *e, const struct pk_sample *s,
		       const struct pk_labels *labels);

/*
 * A histogram of the family @name, in seconds, with a bound each octave; those
 * of one family follow one another.
 */
void pk_exposition_histogram(struct pk_exposition *e, const char *name,
			     const char *help, const struct pk_labels *labels,
			     const struct pk_histogram *h);

/* The whole text, NUL-terminated; the caller frees it. 0 or -ENOMEM. */
int pk_exposition_text(struct pk_exposition *e, char **out, size_t *len);

#endif /* PK_METRICS_EXPOSITION_H */
