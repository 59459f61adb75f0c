/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows of sdn_sensor's comma-separated indicator files, without a header:
 *
 *	id,type,threat type,ip,dns,value
 *	106231730,ip,bot_ip,198.51.100.180,,198.51.100.180
 *
 * An ip row's value is column 4, or 6 if that is empty; every other row's is
 * column 6. Fields may be quoted (RFC 4180) and "#" begins a comment, which
 * sdn_sensor itself did not know. A quoted field ends on its line: a stray
 * quotation mark spoils one row.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ioc/feed/csv_row.h"
#include "ioc/feed/reader.h"

enum { COL_ID, COL_TYPE, COL_THREAT, COL_IP, COL_DNS, COL_VALUE, COLUMNS };

enum { SURE = 85 }; /* what guess() says of half such rows or more */

struct type {
	const char *word;
	enum pk_indicator_type type;
	unsigned hash_len; /* hexadecimal digits; 0: no hash */
};

static const struct type types[] = {
	{ "ip", PK_INDICATOR_IPV4, 0 },
	{ "cidr", PK_INDICATOR_IPV4_NET, 0 },
	{ "domain", PK_INDICATOR_DOMAIN, 0 },
	{ "url", PK_INDICATOR_URL, 0 },
	{ "email", PK_INDICATOR_EMAIL, 0 },
	{ "md5", PK_INDICATOR_FILE, 32 },
	{ "sha1", PK_INDICATOR_FILE, 40 },
	{ "sha256", PK_INDICATOR_FILE, 64 },
};

static const struct type *find_type(const char *word, size_t len)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strlen(types[i].word) == len &&
		    !strncasecmp(word, types[i].word, len))
			return &types[i];
	return NULL;
}

/* "bot_ip", "mal_url": what, and on which kind of value. */
static enum pk_threat_class guess_class(const char *threat)
{
	static const struct {
		const char *word;
		enum pk_threat_class class;
	} words[] = {
		{ "bot_", PK_CLASS_INFECTED },
		{ "brute_", PK_CLASS_BRUTE_FORCE },
		{ "c2_", PK_CLASS_C2 },
		{ "compromised_", PK_CLASS_COMPROMISED },
		{ "mal_", PK_CLASS_MALWARE_DISTRIBUTION },
		{ "phish_", PK_CLASS_PHISHING },
		{ "proxy_", PK_CLASS_PROXY },
		{ "scan_", PK_CLASS_SCANNER },
		{ "spam_", PK_CLASS_SPAM },
		{ "tor_", PK_CLASS_TOR },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strncasecmp(threat, words[i].word, strlen(words[i].word)))
			return words[i].class;
	return pk_threat_class_guess(threat);
}

struct sdn {
	struct pk_csv_row *row;
	/* Rows of one threat type follow each other: the last guess. */
	char threat[PK_THREAT_TYPE_MAX + 1];
	enum pk_threat_class class;
};

static enum pk_threat_class class_of(struct sdn *s, const char *threat)
{
	if (strcmp(s->threat, threat) != 0) {
		strcpy(s->threat, threat);
		s->class = guess_class(threat);
	}
	return s->class;
}

/* --- recognising it ------------------------------------------------------- */

static const char *trim(const char *text, size_t *len)
{
	while (*len && strchr(" \t\"", *text) && *text) {
		text++;
		(*len)--;
	}
	while (*len && strchr(" \t\r\"", text[*len - 1]) && text[*len - 1])
		(*len)--;
	return text;
}

/* A number, a known type and four more fields? */
static int is_row(const char *line, size_t len)
{
	const char *stop = line + len, *comma = memchr(line, ',', len), *second;
	const char *id, *type;
	size_t id_len, type_len, commas = 0;

	second = comma ? memchr(comma + 1, ',', (size_t)(stop - comma - 1))
		       : NULL;
	if (!second)
		return 0;
	for (const char *p = line; p < stop; p++)
		commas += *p == ',';
	id_len = (size_t)(comma - line);
	type_len = (size_t)(second - comma - 1);
	id = trim(line, &id_len);
	type = trim(comma + 1, &type_len);
	for (size_t i = 0; i < id_len; i++)
		if (id[i] < '0' || id[i] > '9')
			return 0;
	return id_len && commas + 1 >= COLUMNS && find_type(type, type_len);
}

static int guess(const char *head, size_t len)
{
	return pk_reader_share(head, len, is_row) >= 50 ? SURE : 0;
}

/* --- reading it ----------------------------------------------------------- */

static int begin(void **state, struct pk_reader *r)
{
	struct sdn *s = calloc(1, sizeof(*s));

	(void)r;
	if (!s || pk_csv_row_new(&s->row, ',', true)) {
		free(s);
		return -ENOMEM;
	}
	*state = s;
	return 0;
}

static void end(void *state)
{
	struct sdn *s = state;

	if (!s)
		return;
	pk_csv_row_free(s->row);
	free(s);
}

static const char *column_name(unsigned column)
{
	static const char *const names[COLUMNS] = { "id", "type", "threat type",
						    "ip", "dns",  "value" };

	return names[column];
}

static enum pk_outcome refuse(struct pk_reader *r, const struct pk_csv_row *row,
			      unsigned column, enum pk_refused why)
{
	size_t len = 0;
	const char *text = pk_csv_row_cell(row, column, &len);

	pk_reader_at(r, column + 1, column_name(column));
	pk_reader_refuse(r, why, 0, text, len);
	return PK_OUTCOME_REFUSED;
}

static bool is_number(const char *text)
{
	char *stop;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	(void)strtoull(text, &stop, 10);
	return !errno && !*stop;
}

static enum pk_outcome read_value(struct pk_reader *r, struct pk_csv_row *row,
				  struct pk_indicator *ind,
				  const struct type *type)
{
	unsigned column = type->type == PK_INDICATOR_IPV4 ? COL_IP : COL_VALUE;
	size_t len;
	const char *text = pk_csv_row_cell(row, column, &len);

	if (!len && column == COL_IP) {
		text = pk_csv_row_cell(row, COL_VALUE, &len);
		column = len ? COL_VALUE : COL_IP;
	}
	if (!len)
		return refuse(r, row, column, PK_REFUSED_EMPTY);
	/* A prefix has no place in an ip row, even if it is one host. */
	if (type->type == PK_INDICATOR_IPV4 && memchr(text, '/', len))
		return refuse(r, row, column, PK_REFUSED_ADDRESS);
	if (type->hash_len && type->hash_len != len)
		return refuse(r, row, column, PK_REFUSED_HASH);
	pk_reader_at(r, column + 1, column_name(column));
	pk_reader_add_text(r, ind, (int)type->type, text, len);
	return PK_OUTCOME_VALUES;
}

static enum pk_outcome read_row(struct pk_reader *r, struct sdn *s)
{
	struct pk_csv_row *row = s->row;
	size_t id_len, type_len, threat_len;
	const char *id = pk_csv_row_cell(row, COL_ID, &id_len);
	const char *word = pk_csv_row_cell(row, COL_TYPE, &type_len);
	const char *threat = pk_csv_row_cell(row, COL_THREAT, &threat_len);
	const struct type *type = find_type(word, type_len);
	struct pk_indicator *ind;
	enum pk_threat_class class;

	if (!is_number(id))
		return refuse(r, row, COL_ID, PK_REFUSED_ID);
	if (id_len > PK_ID_MAX)
		return refuse(r, row, COL_ID, PK_REFUSED_ID_LONG);
	if (!type)
		return refuse(r, row, COL_TYPE, PK_REFUSED_TYPE);
	if (threat_len > PK_THREAT_TYPE_MAX)
		return refuse(r, row, COL_THREAT, PK_REFUSED_THREAT_TYPE);
	ind = pk_reader_fresh(r);
	ind->meta.id = id;
	if (threat_len) {
		ind->meta.threat_type = threat;
		class = class_of(s, threat);
		if (class != PK_CLASS_OTHER || !ind->meta.threat_class)
			ind->meta.threat_class = (uint8_t) class;
	}
	return read_value(r, row, ind, type);
}

static enum pk_outcome record(void *state, struct pk_reader *r, char *text,
			      size_t len)
{
	struct sdn *s = state;
	struct pk_csv_row *row = s->row;
	unsigned columns;

	if (text[strspn(text, " \t")] == '#')
		return PK_OUTCOME_COMMENT;
	if (pk_csv_row_cut(row, text, len)) {
		columns = pk_csv_row_count(row);
		pk_reader_refuse(r, PK_REFUSED_QUOTES, columns + 1, text, len);
		return PK_OUTCOME_REFUSED;
	}
	columns = pk_csv_row_count(row);
	if (columns == COLUMNS)
		return read_row(r, s);
	pk_reader_refuse(r,
			 columns < COLUMNS ? PK_REFUSED_COLUMNS_FEW
					   : PK_REFUSED_COLUMNS_MANY,
			 columns < COLUMNS ? columns + 1 : COLUMNS + 1, text,
			 len);
	return PK_OUTCOME_REFUSED;
}

const struct pk_reader_kind pk_reader_sdn = {
	.format = PK_FEED_SDN,
	.cut = PK_CUT_LINES,
	.guess = guess,
	.begin = begin,
	.end = end,
	.record = record,
};
