/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/cli/cli.h"

#include <json-c/json.h>
#include <libsmartcols/libsmartcols.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 8192, CELL = 2048, VALUE = 2200, TABLE_COLUMNS = 12 };

struct pk_cli_table {
	struct libscols_table *t;
	size_t columns;
};

/*
 * Terminals obey C0 and C1 controls, and text can hide or turn itself with
 * other characters; a byte of a UTF-8 sequence is a C1 control on an 8-bit
 * terminal. So nothing but printable ASCII gets through.
 */
static bool printable(unsigned char b)
{
	return b >= 0x20 && b < 0x7f;
}

static void put_text(FILE *to, const char *text)
{
	for (const char *p = text; *p; p++) {
		unsigned char b = (unsigned char)*p;

		if (printable(b))
			fputc(b, to);
		else
			fprintf(to, "\\x%02x", b);
	}
}

/* An LF at the end of @format is ours; one in the text could forge a line. */
void pk_cli_print(FILE *to, const char *format, ...)
{
	size_t n = strlen(format);
	bool line = n && format[n - 1] == '\n';
	char *text = NULL;
	va_list args;
	int len;

	va_start(args, format);
	len = vasprintf(&text, format, args);
	va_end(args);
	if (len < 0)
		return;
	if (line)
		text[len - 1] = 0;
	put_text(to, text);
	if (line)
		fputc('\n', to);
	free(text);
	if (to == stdout)
		fflush(to);
}

/* Bytes of the UTF-8 sequence at @s, its code point in *@u; 0 if it is bad. */
static size_t decode(const unsigned char *s, size_t left, uint32_t *u)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = s[0] < 0xc0 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

	if (!n || n > left || s[0] > 0xf4)
		return 0;
	*u = s[0] & (0x7fU >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*u = *u << 6 | (s[i] & 0x3f);
	}
	if (*u < least[n] || *u > 0x10ffff || (*u >= 0xd800 && *u < 0xe000))
		return 0;
	return n;
}

static void put_unicode(uint32_t u)
{
	if (u < 0x10000)
		printf("\\u%04x", u);
	else
		printf("\\u%04x\\u%04x", 0xd800 + ((u - 0x10000) >> 10),
		       0xdc00 + ((u - 0x10000) & 0x3ff));
}

/*
 * JSON's own structure is ASCII, so every other byte is inside a string, where
 * \uNNNN means the same character. What is not UTF-8 becomes U+FFFD.
 */
void pk_cli_json_text(const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	uint32_t u;
	size_t n;

	for (size_t i = 0; i < len; i += n) {
		n = 1;
		if (printable(s[i]) || s[i] == '\n') {
			putchar(s[i]);
			continue;
		}
		u = s[i];
		if (u >= 0x80) {
			n = decode(s + i, len - i, &u);
			if (!n) {
				u = 0xfffd;
				n = 1;
			}
		}
		put_unicode(u);
	}
	putchar('\n');
	fflush(stdout);
}

void pk_cli_json(const struct pk_cli *cli, struct json_object *root)
{
	int flags =
		JSON_C_TO_STRING_NOSLASHESCAPE |
		(cli->pretty ? JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED
			     : JSON_C_TO_STRING_PLAIN);
	size_t n;
	const char *text = json_object_to_json_string_length(root, flags, &n);

	pk_cli_json_text(text, n);
}

static void fail_json(const struct pk_cli *cli, const char *code,
		      const char *message, const char *hint,
		      struct json_object *details)
{
	struct json_object *root = json_object_new_object();
	struct json_object *error = json_object_new_object();

	json_object_object_add(error, "code", json_object_new_string(code));
	json_object_object_add(error, "message",
			       json_object_new_string(message));
	if (hint)
		json_object_object_add(error, "hint",
				       json_object_new_string(hint));
	if (details)
		json_object_object_add(error, "details",
				       json_object_get(details));
	json_object_object_add(root, "error", error);
	pk_cli_json(cli, root);
	json_object_put(root);
}

int pk_cli_fail_details(const struct pk_cli *cli, int status, const char *code,
			const char *hint, struct json_object *details,
			const char *message)
{
	if (cli->json) {
		fail_json(cli, code, message, hint, details);
		return status;
	}
	fflush(stdout);
	fputs("picketctl: ", stderr);
	put_text(stderr, message);
	if (hint) {
		fputs("\npicketctl: hint: ", stderr);
		put_text(stderr, hint);
	}
	fputc('\n', stderr);
	return status;
}

int pk_cli_fail(const struct pk_cli *cli, int status, const char *code,
		const char *hint, const char *format, ...)
{
	char message[LINE];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	return pk_cli_fail_details(cli, status, code, hint, NULL, message);
}

int pk_cli_table_new(struct pk_cli_table **out, const char *const *heads,
		     size_t columns)
{
	struct pk_cli_table *t = calloc(1, sizeof(*t));

	if (!t)
		return -1;
	t->columns = columns;
	t->t = scols_new_table();
	if (!t->t) {
		free(t);
		return -1;
	}
	/* Values are never cut to the terminal's width. */
	scols_table_set_termforce(t->t, SCOLS_TERMFORCE_NEVER);
	for (size_t i = 0; i < columns; i++) {
		bool right = heads[i][0] == '>';

		scols_table_new_column(t->t, heads[i] + right, 0,
				       right ? SCOLS_FL_RIGHT : 0);
	}
	*out = t;
	return 0;
}

void pk_cli_table_row(struct pk_cli_table *t, const char *const *cells)
{
	struct libscols_line *line = scols_table_new_line(t->t, NULL);
	char cell[CELL];

	for (size_t i = 0; line && i < t->columns; i++) {
		FILE *to = fmemopen(cell, sizeof(cell), "w");

		if (!to)
			return;
		put_text(to, cells[i]);
		fclose(to);
		cell[sizeof(cell) - 1] = 0;
		scols_line_set_data(line, i, *cells[i] ? cell : "-");
	}
}

void pk_cli_table_print(struct pk_cli_table *t, bool headings)
{
	scols_table_enable_noheadings(t->t, !headings);
	if (scols_table_get_nlines(t->t)) {
		scols_print_table(t->t);
		fflush(stdout);
	}
	scols_unref_table(t->t);
	free(t);
}

size_t pk_cli_length(struct json_object *array)
{
	return array ? json_object_array_length(array) : 0;
}

void pk_cli_table_of(struct json_object *items, const char *const *heads,
		     const char *const *names, size_t columns)
{
	struct pk_cli_table *t;

	if (pk_cli_table_new(&t, heads, columns))
		return;
	for (size_t i = 0; i < pk_cli_length(items); i++) {
		struct json_object *o = json_object_array_get_idx(items, i);
		const char *cells[TABLE_COLUMNS];
		char value[VALUE];

		for (size_t c = 0; c < columns; c++)
			cells[c] = pk_cli_text(o, names[c]);
		for (size_t c = 0; c < columns; c++) {
			if (strcmp(names[c], "value") != 0)
				continue;
			pk_cli_show_value(o, value, sizeof(value));
			cells[c] = value;
		}
		pk_cli_table_row(t, cells);
	}
	pk_cli_table_print(t, true);
}
