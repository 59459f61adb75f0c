/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/metrics/exposition.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/text.h"

#define PREFIX "picket_"

struct row {
	char *family;
	char *labels; /* "{...}" or "" */
	const char *help;
	enum pk_metric type;
	uint64_t value;
	size_t place; /* so that sorting keeps the order within a family */
};

struct pk_exposition {
	struct row *row;
	size_t count;
	size_t room;
	FILE *histograms; /* text that stands behind the others */
	char *histogram_text;
	size_t histogram_len;
	char *family; /* of the latest histogram */
	int failed;
};

int pk_exposition_new(struct pk_exposition **out)
{
	struct pk_exposition *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->histograms = open_memstream(&e->histogram_text, &e->histogram_len);
	if (!e->histograms) {
		free(e);
		return -ENOMEM;
	}
	*out = e;
	return 0;
}

void pk_exposition_free(struct pk_exposition *e)
{
	if (!e)
		return;
	for (size_t i = 0; i < e->count; i++) {
		free(e->row[i].family);
		free(e->row[i].labels);
	}
	free(e->row);
	fclose(e->histograms);
	free(e->histogram_text);
	free(e->family);
	free(e);
}

/* --- text ------------------------------------------------------------------ */

static void print_value(FILE *f, const char *value)
{
	char clean[PK_EXPOSITION_LABEL];

	pk_text_clean(value, clean, sizeof(clean));
	for (const char *c = clean; *c; c++) {
		if (*c == '\\' || *c == '"')
			fputc('\\', f);
		fputc(*c, f);
	}
}

/* With @le: the bound of a histogram's bucket behind the others. */
static void print_labels(FILE *f, const struct pk_labels *labels,
			 const char *le)
{
	char before = '{';

	for (unsigned i = 0; i < labels->count; i++, before = ',') {
		fprintf(f, "%c%s=\"", before, labels->label[i].name);
		print_value(f, labels->label[i].value);
		fputc('"', f);
	}
	if (le)
		fprintf(f, "%cle=\"%s\"", before, le);
	if (labels->count || le)
		fputc('}', f);
}

static char *labels_text(const struct pk_labels *labels)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	print_labels(f, labels, NULL);
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

/* A HELP is one line. */
static void print_head(FILE *f, const char *family, const char *help,
		       const char *type)
{
	fprintf(f, "# HELP %s ", family);
	for (; *help; help++) {
		if (*help == '\n')
			fputs("\\n", f);
		else if (*help == '\\')
			fputs("\\\\", f);
		else
			fputc(*help, f);
	}
	fprintf(f, "\n# TYPE %s %s\n", family, type);
}

/* --- samples --------------------------------------------------------------- */

static struct row *next_row(struct pk_exposition *e)
{
	size_t room = e->room ? 2 * e->room : 512;
	struct row *row;

	if (e->count < e->room)
		return &e->row[e->count];
	row = realloc(e->row, room * sizeof(*row));
	if (!row)
		return NULL;
	e->row = row;
	e->room = room;
	return &e->row[e->count];
}

void pk_exposition_add(struct pk_exposition *e, const struct pk_sample *s,
		       const struct pk_labels *labels)
{
	struct row *row = next_row(e);

	if (!row) {
		e->failed = 1;
		return;
	}
	*row = (struct row){ .help = s->help,
			     .type = s->type,
			     .value = s->value,
			     .place = e->count };
	row->labels = labels_text(labels);
	if (asprintf(&row->family, PREFIX "%s%s%s%s", s->module,
		     *s->module && *s->name ? "_" : "", s->name,
		     s->type == PK_METRIC_COUNTER ? "_total" : "") < 0)
		row->family = NULL;
	e->count++;
	e->failed |= !row->labels || !row->family;
}

static int by_family(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int order = strcmp(x->family, y->family);

	return order ? order : (x->place > y->place) - (x->place < y->place);
}

static void print_rows(const struct pk_exposition *e, FILE *f)
{
	for (size_t i = 0; i < e->count; i++) {
		const struct row *r = &e->row[i];

		if (!i || strcmp(r->family, e->row[i - 1].family) != 0)
			print_head(f, r->family, r->help,
				   r->type == PK_METRIC_GAUGE ? "gauge"
							      : "counter");
		fprintf(f, "%s%s %" PRIu64 "\n", r->family, r->labels,
			r->value);
	}
}

/* --- histograms ------------------------------------------------------------ */

/* Exact, and in no language but C's. */
static void print_seconds(char out[32], uint64_t ns)
{
	snprintf(out, 32, "%" PRIu64 ".%09" PRIu64, ns / 1000000000,
		 ns % 1000000000);
}

static void begin_family(struct pk_exposition *e, const char *name,
			 const char *help)
{
	char *family;

	if (asprintf(&family, PREFIX "%s", name) < 0) {
		e->failed = 1;
		return;
	}
	if (!e->family || strcmp(e->family, family) != 0)
		print_head(e->histograms, family, help, "histogram");
	free(e->family);
	e->family = family;
}

void pk_exposition_histogram(struct pk_exposition *e, const char *name,
			     const char *help, const struct pk_labels *labels,
			     const struct pk_histogram *h)
{
	FILE *f = e->histograms;
	char text[32];

	begin_family(e, name, help);
	for (unsigned o = PK_HISTOGRAM_LOW; o <= PK_HISTOGRAM_HIGH; o++) {
		print_seconds(text, 1ULL << o);
		fprintf(f, PREFIX "%s_bucket", name);
		print_labels(f, labels, text);
		fprintf(f, " %" PRIu64 "\n", pk_histogram_upto(h, o));
	}
	fprintf(f, PREFIX "%s_bucket", name);
	print_labels(f, labels, "+Inf");
	fprintf(f, " %" PRIu64 "\n", h->count);
	print_seconds(text, h->sum_ns);
	fprintf(f, PREFIX "%s_sum", name);
	print_labels(f, labels, NULL);
	fprintf(f, " %s\n" PREFIX "%s_count", text, name);
	print_labels(f, labels, NULL);
	fprintf(f, " %" PRIu64 "\n", h->count);
}

int pk_exposition_text(struct pk_exposition *e, char **out, size_t *len)
{
	char *text = NULL;
	FILE *f;

	if (e->failed || fflush(e->histograms))
		return -ENOMEM;
	f = open_memstream(&text, len);
	if (!f)
		return -ENOMEM;
	if (e->count)
		qsort(e->row, e->count, sizeof(*e->row), by_family);
	print_rows(e, f);
	fwrite(e->histogram_text, 1, e->histogram_len, f);
	if (ferror(f) | fclose(f)) {
		free(text);
		return -ENOMEM;
	}
	*out = text;
	return 0;
}
