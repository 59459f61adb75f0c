/* SPDX-License-Identifier: BSD-2-Clause */
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "ioc/feed/mapping_inside.h"

enum {
	LINE_MAX_BYTES = 4096, /* of a line that names columns */
	NAMES_MAX = 64,	       /* of its cells that are looked at */
};

/* symbol, document; of those that fit equally well the first wins. */
#define BUILTINS(_)                         \
	_(feodo, "feodo")                   \
	_(feodo_json, "feodo-json")         \
	_(urlhaus, "urlhaus")               \
	_(urlhaus_json, "urlhaus-json")     \
	_(threatfox, "threatfox")           \
	_(threatfox_json, "threatfox-json") \
	_(sslbl_cert, "sslbl-cert")         \
	_(sslbl_ip, "sslbl-ip")             \
	_(sslbl_ja3, "sslbl-ja3")           \
	_(phishtank, "phishtank")           \
	_(phishtank_json, "phishtank-json") \
	_(dataplane, "dataplane")           \
	_(crowdsec, "crowdsec")             \
	_(crowdsec_json, "crowdsec-json")   \
	_(dshield, "dshield")               \
	_(turris, "turris")                 \
	_(otx_reputation, "otx-reputation") \
	_(ja3_salesforce, "ja3-salesforce") \
	_(picket, "picket")                 \
	_(picket_json, "picket-json")

/* The documents as they are in ioc/mappings/, in the program's read-only data;
 * the compiler runs in the folder above ioc/. */
#define EMBED(symbol, file)                                \
	__asm__(".pushsection .rodata\n"                   \
		".global pk_mapping_text_" #symbol "\n"    \
		"pk_mapping_text_" #symbol ":\n"           \
		".incbin \"ioc/mappings/" file ".json\"\n" \
		".global pk_mapping_end_" #symbol "\n"     \
		"pk_mapping_end_" #symbol ":\n"            \
		".byte 0\n"                                \
		".popsection\n");                          \
	extern const char pk_mapping_text_##symbol[]       \
		__attribute__((visibility("hidden")));     \
	extern const char pk_mapping_end_##symbol[]        \
		__attribute__((visibility("hidden")));
BUILTINS(EMBED)
#undef EMBED

struct document {
	const char *name, *text, *end;
};

#define DOCUMENT(symbol, file) \
	{ file, pk_mapping_text_##symbol, pk_mapping_end_##symbol },
static const struct document documents[] = { BUILTINS(DOCUMENT) };
#undef DOCUMENT

enum { COUNT = sizeof(documents) / sizeof(documents[0]) };

/* Made once, by whoever asks first; a NULL ends them. */
static struct pk_mapping *mappings[COUNT + 1];
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* What does not parse (the tests see to it) or has no memory is not there. */
static void make(void)
{
	char why[PK_MAPPING_WHY_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < COUNT; i++) {
		const struct document *d = &documents[i];

		n += !pk_mapping_parse(&mappings[n], d->name, d->text,
				       (size_t)(d->end - d->text), why);
	}
}

const struct pk_mapping *pk_mapping_at(unsigned number)
{
	pthread_once(&once, make);
	return number < COUNT ? mappings[number] : NULL;
}

const struct pk_mapping *pk_mapping_find(const char *name)
{
	const struct pk_mapping *m;

	for (unsigned i = 0; (m = pk_mapping_at(i)); i++)
		if (!strcmp(m->name, name))
			return m;
	return NULL;
}

/* How well the columns fit: 0 not at all, else how many are there. */
static int fitness(const struct pk_mapping *m, const char *const *names,
		   unsigned n)
{
	uint64_t present = pk_mapping_present(m, names, n);

	return (present & m->known_by) == m->known_by
		       ? __builtin_popcountll(present)
		       : 0;
}

const struct pk_mapping *pk_mapping_match(enum pk_mapping_kind kind,
					  const char *const *names, unsigned n)
{
	const struct pk_mapping *best = NULL, *m;
	int most = 0;

	for (unsigned i = 0; (m = pk_mapping_at(i)); i++) {
		int fit = m->kind == kind && m->header != PK_MAPPING_HEADER_NONE
				  ? fitness(m, names, n)
				  : 0;

		if (fit > most) {
			most = fit;
			best = m;
		}
	}
	return best;
}

/* --- told from text ------------------------------------------------------- */

struct cells {
	char text[LINE_MAX_BYTES];
	const char *names[NAMES_MAX];
	unsigned n;
};

/* Names of columns hold no delimiters: quotation marks are only dropped. */
static void cut_cells(struct cells *c, const char *line, size_t len,
		      char delimiter)
{
	char *at = c->text, *next;

	memcpy(c->text, line, len);
	c->text[len] = 0;
	for (c->n = 0; at && c->n < NAMES_MAX; at = next) {
		size_t size;

		next = strchr(at, delimiter);
		if (next)
			*next++ = 0;
		size = strlen(at);
		at = (char *)pk_mapping_trim(at, &size);
		if (size > 1 && *at == '"' && at[size - 1] == '"') {
			at++;
			size -= 2;
		}
		at[size] = 0;
		c->names[c->n++] = at;
	}
}

static const struct pk_mapping *of_names(const char *line, size_t len)
{
	static const char delimiters[] = ",\t|;";
	const struct pk_mapping *m = NULL;
	struct cells cells;

	if (len >= LINE_MAX_BYTES)
		return NULL;
	for (const char *d = delimiters; *d && !m; d++) {
		if (!memchr(line, *d, len))
			continue;
		cut_cells(&cells, line, len, *d);
		m = pk_mapping_match(PK_MAPPING_TABLE, cells.names, cells.n);
		if (m && m->delimiter != *d)
			m = NULL;
	}
	return m;
}

static const struct pk_mapping *of_text(const char *line, size_t len)
{
	const struct pk_mapping *m;

	for (unsigned i = 0; (m = pk_mapping_at(i)); i++)
		if (m->kind == PK_MAPPING_TABLE && m->known_by_text &&
		    memmem(line, len, m->known_by_text,
			   strlen(m->known_by_text)))
			return m;
	return NULL;
}

const struct pk_mapping *pk_mapping_of_line(const char *line, size_t len,
					    bool first, bool *named)
{
	const struct pk_mapping *m;
	bool comment;

	line = pk_mapping_trim(line, &len);
	comment = len && (*line == '#' || *line == ';');
	while (comment && len && *line == '#') {
		line++;
		len--;
	}
	m = of_names(line, len);
	*named = m != NULL;
	return m || !(comment || first) ? m : of_text(line, len);
}

/* The line at @at without its end; *@next gets where the next one begins. */
static size_t line_at(const char *head, size_t len, size_t at, size_t *next)
{
	const char *newline = memchr(head + at, '\n', len - at);
	size_t end = newline ? (size_t)(newline - head) : len;

	*next = end + 1;
	if (end > at && head[end - 1] == '\r')
		end--;
	return end - at;
}

const struct pk_mapping *pk_mapping_guess(const char *head, size_t len)
{
	const struct pk_mapping *found = NULL;
	bool first = true;

	for (size_t at = 0, next; at < len; at = next) {
		size_t n = line_at(head, len, at, &next), trimmed = n;
		const char *line = pk_mapping_trim(head + at, &trimmed);
		const struct pk_mapping *m;
		bool named;

		if (!trimmed)
			continue;
		m = pk_mapping_of_line(line, trimmed, first, &named);
		if (m)
			found = m;
		if (*line != '#' && *line != ';')
			return found;
		first = false;
	}
	return found;
}
