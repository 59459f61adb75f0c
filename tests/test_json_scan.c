/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json_scan: against a twin that parses the whole document with json-c and
 * walks the tree by the same rules; cut into pieces in every way; and by hand
 * where documents are damaged.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "ioc/feed/json_scan.h"

enum { TOP, BOX, LIST, SUB, SUBS, KEYED };

static const struct pk_json_rule rules_array[] = {
	{ TOP, NULL, PK_JSON_OBJECT, PK_JSON_MAYBE_UNIT, BOX },
	{ TOP, NULL, PK_JSON_ARRAY, PK_JSON_WALK, LIST },
	{ LIST, NULL, PK_JSON_OBJECT, PK_JSON_MAYBE_UNIT, BOX },
	{ LIST, NULL, PK_JSON_ANY, PK_JSON_RECORD, 0 },
	{ BOX, "list", PK_JSON_ARRAY, PK_JSON_WALK, SUBS },
	{ BOX, "box", PK_JSON_OBJECT, PK_JSON_WALK_UNIT, BOX },
	{ BOX, "info", PK_JSON_ANY, PK_JSON_CONTEXT, 0 },
	{ BOX, "#", PK_JSON_ARRAY, PK_JSON_WALK, KEYED },
	{ SUBS, NULL, PK_JSON_OBJECT, PK_JSON_WALK, SUB },
	{ SUBS, NULL, PK_JSON_ANY, PK_JSON_RECORD, 0 },
	{ SUB, "one", PK_JSON_ANY, PK_JSON_RECORD, 0 },
	{ SUB, "list", PK_JSON_ARRAY, PK_JSON_WALK, SUBS },
	{ SUB, "info", PK_JSON_ANY, PK_JSON_CONTEXT, 0 },
	{ KEYED, NULL, PK_JSON_ANY, PK_JSON_RECORD, 0 },
};

enum { RULES = sizeof(rules_array) / sizeof(rules_array[0]) };
static const struct pk_json_rules at_once = { rules_array, RULES, 0, 0 };
static const struct pk_json_rules held = { rules_array, RULES, 1, 1 };

/* --- what came ------------------------------------------------------------- */

struct log {
	char *text;
	size_t len;
	FILE *file;
	int exact; /* texts as they are; else as json-c prints them */
	const char *document; /* as far as it is there at all: whole */
	size_t document_len;
};

static void log_open(struct log *log, int exact)
{
	memset(log, 0, sizeof(*log));
	log->exact = exact;
	log->file = open_memstream(&log->text, &log->len);
	assert_non_null(log->file);
}

static void log_free(struct log *log)
{
	free(log->text);
}

static const char *const words[] = {
	"enter",  "leave",    "context",   "peek",
	"record", "too long", "malformed", "broken"
};

static void log_value(FILE *file, const char *what, unsigned place,
		      const char *key, struct json_object *value)
{
	fprintf(file, "%s %u %s %s\n", what, place, key,
		json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN));
}

/* What is told must stand in the document, at that line and column. */
static void assert_place(const struct log *log, const struct pk_json_item *item)
{
	const char *at = log->document, *end = at + log->document_len;

	for (uint64_t line = 1; line < item->line; line++) {
		at = memchr(at, '\n', (size_t)(end - at));
		assert_non_null(at);
		at++;
	}
	at += item->column - 1;
	assert_true(item->column && item->len <= (size_t)(end - at));
	if (item->what > PK_JSON_LEAVE)
		assert_memory_equal(at, item->text, item->len);
	else
		assert_true(*at == '{' || *at == '[');
}

static void log_item(void *arg, const struct pk_json_item *item)
{
	struct log *log = arg;
	struct json_object *value;

	assert_int_equal(item->text[item->len], 0);
	assert_true(item->line);
	if (item->what <= PK_JSON_IS_RECORD)
		assert_place(log, item);
	if (log->exact || item->what >= PK_JSON_TOO_LONG) {
		fprintf(log->file, "%s %u %s %s", words[item->what],
			item->place, item->key, item->text);
		fprintf(log->file, log->exact ? " @%lu\n" : "\n",
			(unsigned long)item->line);
		return;
	}
	if (item->what <= PK_JSON_LEAVE) {
		assert_int_equal(item->len, 0);
		fprintf(log->file, "%s %u %s\n", words[item->what], item->place,
			item->key);
		return;
	}
	value = json_tokener_parse(item->text);
	log_value(log->file, words[item->what], item->place, item->key, value);
	json_object_put(value);
}

/* Read @text in pieces of @piece bytes (0: at once, random below 0). */
static void scan(struct log *log, const struct pk_json_rules *rules,
		 const char *text, size_t len, long piece)
{
	struct pk_json_scan *s;

	log->document = text;
	log->document_len = len;
	assert_int_equal(pk_json_scan_new(&s, rules, 4096, log_item, log), 0);
	while (len) {
		size_t n = piece < 0 ? 1 + (size_t)rand() % 16
			   : piece   ? (size_t)piece
				     : len;
		char *bytes;

		n = n > len ? len : n;
		/* A copy of its own, so that reading beyond it shows. */
		bytes = malloc(n);
		memcpy(bytes, text, n);
		pk_json_scan_push(s, bytes, n);
		free(bytes);
		text += n;
		len -= n;
	}
	pk_json_scan_finish(s);
	pk_json_scan_free(s);
	fclose(log->file);
}

static void assert_items(const struct pk_json_rules *rules, const char *text,
			 const char *want)
{
	for (long piece = 0; piece < 9; piece++) {
		struct log log;

		log_open(&log, 1);
		scan(&log, rules, text, strlen(text), piece);
		assert_string_equal(log.text, want);
		log_free(&log);
	}
}

/* --- the twin -------------------------------------------------------------- */

static int is_digits(const char *key)
{
	return *key && strspn(key, "0123456789") == strlen(key);
}

static const struct pk_json_rule *twin_rule(unsigned in, const char *key,
					    struct json_object *v)
{
	unsigned kind =
		json_object_is_type(v, json_type_object)  ? PK_JSON_OBJECT
		: json_object_is_type(v, json_type_array) ? PK_JSON_ARRAY
							  : PK_JSON_SCALAR;

	for (unsigned i = 0; i < RULES; i++) {
		const struct pk_json_rule *r = &rules_array[i];

		if (r->in != in || !(r->kinds & kind))
			continue;
		if (!r->key || !strcmp(r->key, key) ||
		    (*r->key == '#' && is_digits(key)))
			return r;
	}
	return NULL;
}

static int twin_walks_in(unsigned place, struct json_object *v)
{
	json_object_object_foreach(v, key, member)
	{
		const struct pk_json_rule *r = twin_rule(place, key, member);

		if (r && r->verdict >= PK_JSON_WALK)
			return 1;
	}
	return 0;
}

enum pass { CONTEXTS, PEEKS, ALL, ALL_BUT_CONTEXTS };

static void twin_value(FILE *file, unsigned in, const char *key,
		       struct json_object *v, enum pass pass);

static void twin_inside(FILE *file, unsigned place, struct json_object *v,
			enum pass pass)
{
	if (json_object_is_type(v, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(v); i++)
			twin_value(file, place, "",
				   json_object_array_get_idx(v, i), pass);
		return;
	}
	json_object_object_foreach(v, key, member)
	{
		twin_value(file, place, key, member, pass);
	}
}

static void twin_value(FILE *file, unsigned in, const char *key,
		       struct json_object *v, enum pass pass)
{
	const struct pk_json_rule *r = twin_rule(in, key, v);
	unsigned verdict = r ? r->verdict : PK_JSON_SKIP;

	if (verdict == PK_JSON_MAYBE_UNIT && !twin_walks_in(r->to, v))
		verdict = PK_JSON_RECORD;
	if (verdict == PK_JSON_RECORD && pass != CONTEXTS)
		log_value(file, pass == PEEKS ? "peek" : "record", in, key, v);
	if (verdict == PK_JSON_CONTEXT && (pass == CONTEXTS || pass == ALL))
		log_value(file, "context", in, key, v);
	if (verdict < PK_JSON_WALK || pass == CONTEXTS)
		return;
	if (pass == PEEKS) {
		twin_inside(file, r->to, v, pass);
		return;
	}
	fprintf(file, "enter %u %s\n", r->to, key);
	if (pass == ALL_BUT_CONTEXTS)
		twin_inside(file, r->to, v, CONTEXTS);
	twin_inside(file, r->to, v, pass);
	fprintf(file, "leave %u %s\n", r->to, key);
}

/* Only for values without units inside: where windows end is not modelled. */
static void twin(struct log *log, const struct pk_json_rules *rules,
		 struct json_object *v)
{
	if (!rules->hold) {
		twin_value(log->file, TOP, "", v, ALL);
	} else {
		twin_value(log->file, TOP, "", v, PEEKS);
		twin_value(log->file, TOP, "", v, ALL_BUT_CONTEXTS);
	}
	fclose(log->file);
}

/* --- random documents ------------------------------------------------------ */

static void blank(FILE *f)
{
	static const char *const blanks[] = { "", "", "", " ", "\n", "\t\r\n" };

	fputs(blanks[rand() % 6], f);
}

static void random_string(FILE *f)
{
	static const char *const parts[] = { "a", "\\\"", "\\\\",    "{",
					     "}", "[",	  "]",	     ",",
					     ":", "\\n",  "\\u00e4", "\xc3\xa4",
					     "0", "list", "//" };

	fputc('"', f);
	for (int n = rand() % 6; n; n--)
		fputs(parts[rand() % 15], f);
	fputc('"', f);
}

static void random_key(FILE *f, int i)
{
	static const char *const keys[] = { "list", "info", "one", "7", "x" };

	/* Every key once in an object: json-c keeps the last of several. */
	if (rand() % 4)
		fprintf(f, "\"%s\"", keys[i]);
	else
		fprintf(f, "\"%d%s\"", i, keys[rand() % 5]);
}

static void random_value(FILE *f, int depth)
{
	static const char *const scalars[] = { "0",    "-1.5e3", "true",
					       "null", "12345",	 "false" };
	int kind = rand() % (depth ? 4 : 2), n = rand() % 6;

	if (kind == 0) {
		fputs(scalars[rand() % 6], f);
	} else if (kind == 1) {
		random_string(f);
	} else {
		fputc("[{"[kind - 2], f);
		for (int i = 0; i < n; i++) {
			blank(f);
			if (kind == 3 && i == 5)
				break;
			if (i)
				fputc(',', f);
			blank(f);
			if (kind == 3) {
				random_key(f, i);
				blank(f);
				fputc(':', f);
				blank(f);
			}
			random_value(f, depth - 1);
		}
		blank(f);
		fputc("]}"[kind - 2], f);
	}
}

/* An object or a list of scalars, lists and no units. */
static char *random_document(size_t *len)
{
	char *text;

	do {
		FILE *f = open_memstream(&text, len);

		blank(f);
		random_value(f, 5);
		fclose(f);
		if (text[strspn(text, " \t\r\n")] == '{')
			return text;
		free(text);
	} while (1);
}

static void documents_give_what_the_twin_finds(void **state)
{
	unsigned records = 0;

	(void)state;
	srand(1);
	for (int i = 0; i < 60000; i++) {
		const struct pk_json_rules *rules = i % 2 ? &held : &at_once;
		struct log want, got;
		struct json_object *v;
		size_t len;
		char *text = random_document(&len);

		v = json_tokener_parse(text);
		assert_non_null(v);
		log_open(&want, 0);
		twin(&want, rules, v);
		json_object_put(v);
		log_open(&got, 0);
		scan(&got, rules, text, len, i % 3 ? -1 : 0);
		if (strcmp(got.text, want.text))
			print_error("%s\n", text);
		assert_string_equal(got.text, want.text);
		records += !!strstr(got.text, "record");
		log_free(&want);
		log_free(&got);
		free(text);
	}
	assert_true(records > 10000);
}

/* Damage a document at random: cut, or change a byte. */
static size_t spoil(char *text, size_t len)
{
	static const char bytes[] = "{}[],:\"\\\n a0\x01\xff";

	for (int n = rand() % 3; n && len; n--)
		text[(size_t)rand() % len] = bytes[rand() % 15];
	return rand() % 3 ? len : (size_t)rand() % (len + 1);
}

static void pieces_make_no_difference_whatever_comes(void **state)
{
	(void)state;
	srand(2);
	for (int i = 0; i < 40000; i++) {
		const struct pk_json_rules *rules = i % 2 ? &held : &at_once;
		struct log whole, bytes, random;
		size_t len;
		char *text = random_document(&len);

		len = spoil(text, len);
		log_open(&whole, 1);
		scan(&whole, rules, text, len, 0);
		log_open(&bytes, 1);
		scan(&bytes, rules, text, len, 1);
		log_open(&random, 1);
		scan(&random, rules, text, len, -1);
		if (strcmp(bytes.text, whole.text))
			print_error("%.*s\n", (int)len, text);
		assert_string_equal(bytes.text, whole.text);
		assert_string_equal(random.text, whole.text);
		log_free(&whole);
		log_free(&bytes);
		log_free(&random);
		free(text);
	}
}

/* --- by hand --------------------------------------------------------------- */

static void lines_are_records_and_know_their_place(void **state)
{
	(void)state;
	assert_items(&at_once, "{\"a\":1}\n\n {\"b\":[2]}\r\n{\n}{}",
		     "record 0  {\"a\":1} @1\n"
		     "record 0  {\"b\":[2]} @3\n"
		     "record 0  {\n} @4\n"
		     "record 0  {} @5\n");
	assert_items(&at_once, "", "");
	assert_items(&at_once, " \n\n", "");
}

static void context_behind_the_records_is_told_in_front(void **state)
{
	static const char text[] = "{\"info\":1,\"list\":[5,{\"one\":6,"
				   "\"info\":2}],\"x\":{},\"info\":3}\n";

	(void)state;
	assert_items(&held, text,
		     "peek 4  5 @1\n"
		     "peek 3 one 6 @1\n"
		     "enter 1   @1\n"
		     "context 1 info 1 @1\n"
		     "context 1 info 3 @1\n"
		     "enter 4 list  @1\n"
		     "record 4  5 @1\n"
		     "enter 3   @1\n"
		     "context 3 info 2 @1\n"
		     "record 3 one 6 @1\n"
		     "leave 3   @1\n"
		     "leave 4 list  @1\n"
		     "leave 1   @1\n");
	assert_items(&at_once, text,
		     "enter 1   @1\n"
		     "context 1 info 1 @1\n"
		     "enter 4 list  @1\n"
		     "record 4  5 @1\n"
		     "enter 3   @1\n"
		     "record 3 one 6 @1\n"
		     "context 3 info 2 @1\n"
		     "leave 3   @1\n"
		     "leave 4 list  @1\n"
		     "context 1 info 3 @1\n"
		     "leave 1   @1\n");
}

static void units_end_the_window(void **state)
{
	(void)state;
	assert_items(&held,
		     "[{\"list\":[1],\"info\":2},\n{\"list\":[3],\"info\":4}]",
		     "peek 4  1 @1\n"
		     "enter 2   @1\n"
		     "enter 1   @1\n"
		     "context 1 info 2 @1\n"
		     "enter 4 list  @1\n"
		     "record 4  1 @1\n"
		     "leave 4 list  @1\n"
		     "leave 1   @1\n"
		     "peek 4  3 @2\n"
		     "enter 1   @2\n"
		     "context 1 info 4 @2\n"
		     "enter 4 list  @2\n"
		     "record 4  3 @2\n"
		     "leave 4 list  @2\n"
		     "leave 1   @2\n"
		     "leave 2   @1\n");
}

static void keys_come_along(void **state)
{
	(void)state;
	assert_items(&at_once, "{\"15\":[{\"a\":1}],\"1x\":[2],\"\":[3]}",
		     "enter 1   @1\n"
		     "enter 5 15  @1\n"
		     "record 5  {\"a\":1} @1\n"
		     "leave 5 15  @1\n"
		     "leave 1   @1\n");
}

static void a_damaged_line_costs_its_record(void **state)
{
	(void)state;
	assert_items(&at_once, "{\"a\":1}\n{\"b\":2\n{\"c\":3}\n",
		     "record 0  {\"a\":1} @1\n"
		     "malformed 0  {\"b\":2\n @2\n"
		     "record 0  {\"c\":3} @3\n");
	assert_items(&at_once, "{\"b\":\"x\n{\"c\":3}\n",
		     "malformed 0  {\"b\":\"x @1\n"
		     "record 0  {\"c\":3} @2\n");
	assert_items(&at_once, "{\"b\":1,\n{\"c\":3}\n",
		     "malformed 0  {\"b\":1,\n @1\n"
		     "record 0  {\"c\":3} @2\n");
	assert_items(&at_once, "{\"b\" 1} x\nyz\n{\"c\":3}\nhello\n",
		     "malformed 0  {\"b\" 1} x @1\n"
		     "record 0  {\"c\":3} @3\n"
		     "malformed 0  hello @4\n");
	assert_items(&at_once, "{\"a\":[}]}\n{}\n",
		     "malformed 0  {\"a\":[}]} @1\n"
		     "record 0  {} @2\n");
	assert_items(&at_once, "{}\n}\n{}\n",
		     "record 0  {} @1\n"
		     "malformed 0  } @2\n"
		     "record 0  {} @3\n");
}

static void a_document_that_is_cut_or_damaged_is_broken(void **state)
{
	(void)state;
	assert_items(&at_once, "[{\"a\":1},\n{\"b\":2",
		     "enter 2   @1\n"
		     "record 2  {\"a\":1} @1\n"
		     "broken 0  it ends in the middle of a value @1\n");
	assert_items(&held, "\n{\"list\":[1,2,\n3 4",
		     "peek 4  1 @2\n"
		     "peek 4  2 @2\n"
		     "peek 4  3 @3\n"
		     "enter 1   @2\n"
		     "enter 4 list  @2\n"
		     "record 4  1 @2\n"
		     "record 4  2 @2\n"
		     "record 4  3 @3\n"
		     "broken 0  this is no valid JSON @3\n");
	assert_items(&at_once, "{\"a\":1}\n{\"b\":",
		     "record 0  {\"a\":1} @1\n"
		     "broken 0  it ends in the middle of a value @2\n");
	assert_items(&at_once, "<html>\n<body>",
		     "malformed 0  <html> @1\n"
		     "broken 0  this is no JSON @1\n");
	assert_items(&at_once, "\"x\"\n",
		     "malformed 0  \"x\" @1\n"
		     "broken 0  this is no JSON @1\n");
	assert_items(&at_once, "[1,,2]",
		     "enter 2   @1\n"
		     "record 2  1 @1\n"
		     "broken 0  this is no valid JSON @1\n");
	assert_items(&at_once, "[1,]",
		     "enter 2   @1\n"
		     "record 2  1 @1\n"
		     "broken 0  this is no valid JSON @1\n");
	assert_items(&at_once, "[\"\x01\"]",
		     "enter 2   @1\n"
		     "broken 0  this is no valid JSON @1\n");
}

static void levels_are_bounded(void **state)
{
	char deep[2 * PK_JSON_DEPTH + 3];
	struct log log;

	(void)state;
	for (int n = PK_JSON_DEPTH; n <= PK_JSON_DEPTH + 1; n++) {
		memset(deep, '[', (size_t)n);
		memset(deep + n, ']', (size_t)n);
		log_open(&log, 1);
		scan(&log, &at_once, deep, 2 * (size_t)n, 0);
		assert_int_equal(!strstr(log.text, "too deeply"),
				 n == PK_JSON_DEPTH);
		log_free(&log);
	}
}

/* A list of a small record, one of @n bytes, and a small one. */
static char *with_long(const char *head, size_t n, const char *tail)
{
	char *text = malloc(n + strlen(head) + strlen(tail) + 1);

	sprintf(text, "%s\"%*s\"%s", head, (int)n - 2, "", tail);
	return text;
}

static void a_record_too_long_is_told_and_skipped(void **state)
{
	char *text;

	(void)state;
	text = with_long("[1,", 4096, ",2]");
	for (long piece = 0; piece < 5000; piece += 999) {
		struct log log;

		log_open(&log, 1);
		scan(&log, &at_once, text, strlen(text), piece);
		assert_null(strstr(log.text, "too long"));
		assert_non_null(strstr(log.text, "record 2  2 @1"));
		log_free(&log);
	}
	free(text);
	text = with_long("[1,\n", 4097, ",2]");
	for (long piece = 0; piece < 5000; piece += 999) {
		struct log log;

		log_open(&log, 1);
		scan(&log, &held, text, strlen(text), piece);
		assert_non_null(strstr(log.text, "too long 2  \"    "));
		assert_true(log.len < 600);
		assert_non_null(strstr(log.text, "record 2  2 @2"));
		log_free(&log);
	}
	free(text);
	text = with_long("{\"a\":", 4097, ",\"b\":1}\n{}\n");
	assert_items(&at_once, text,
		     "enter 1   @1\n"
		     "leave 1   @1\n"
		     "too long 0   @1\n"
		     "record 0  {} @2\n");
	free(text);
	/* What is walked may be as long as it likes. */
	text = with_long("{\"info\":0,\"a\":", 4097, ",\"list\":[1]}");
	assert_items(&at_once, text,
		     "enter 1   @1\n"
		     "context 1 info 0 @1\n"
		     "enter 4 list  @1\n"
		     "record 4  1 @1\n"
		     "leave 4 list  @1\n"
		     "leave 1   @1\n");
	free(text);
}

struct sum {
	uint64_t records, contexts, late;
};

static void count_item(void *arg, const struct pk_json_item *item)
{
	struct sum *sum = arg;

	sum->records += item->what == PK_JSON_IS_RECORD;
	if (item->what != PK_JSON_IS_CONTEXT)
		return;
	sum->contexts++;
	sum->late += !!sum->records;
}

static void a_full_window_is_told_and_goes_on(void **state)
{
	enum { N = 200, ITEM = 1 << 20 };
	char *big = malloc(ITEM);
	struct pk_json_scan *s;
	struct sum sum = { 0 };

	(void)state;
	memset(big, 'x', ITEM);
	big[0] = '"';
	big[ITEM - 2] = '"';
	big[ITEM - 1] = ',';
	assert_int_equal(pk_json_scan_new(&s, &held, 8 << 20, count_item, &sum),
			 0);
	pk_json_scan_push(s, "{\"info\":1,\"list\":[", 18);
	for (int i = 0; i < N; i++)
		pk_json_scan_push(s, big, ITEM);
	assert_in_range(sum.records, N - 33, N - 1);
	pk_json_scan_push(s, "0],\"info\":2}", 12);
	pk_json_scan_finish(s);
	assert_int_equal(sum.records, N + 1);
	assert_int_equal(sum.contexts, 2);
	assert_int_equal(sum.late, 1);
	pk_json_scan_free(s);
	free(big);
}

static void many_small_values_are_bounded_too(void **state)
{
	struct pk_json_scan *s;
	struct sum sum = { 0 };

	(void)state;
	assert_int_equal(pk_json_scan_new(&s, &held, 8 << 20, count_item, &sum),
			 0);
	pk_json_scan_push(s, "[{", 2);
	for (int i = 0; i < 700000; i++)
		pk_json_scan_push(s, "\"info\":1,", 9);
	pk_json_scan_push(s, "\"list\":[", 8);
	for (int i = 0; i < 700000; i++)
		pk_json_scan_push(s, "1,", 2);
	pk_json_scan_push(s, "1]}]", 4);
	pk_json_scan_finish(s);
	pk_json_scan_free(s);
	assert_int_equal(sum.records, 700001);
	assert_in_range(sum.contexts, PK_JSON_ITEMS_MAX - 2, PK_JSON_ITEMS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents_give_what_the_twin_finds),
		cmocka_unit_test(pieces_make_no_difference_whatever_comes),
		cmocka_unit_test(lines_are_records_and_know_their_place),
		cmocka_unit_test(context_behind_the_records_is_told_in_front),
		cmocka_unit_test(units_end_the_window),
		cmocka_unit_test(keys_come_along),
		cmocka_unit_test(a_damaged_line_costs_its_record),
		cmocka_unit_test(a_document_that_is_cut_or_damaged_is_broken),
		cmocka_unit_test(levels_are_bounded),
		cmocka_unit_test(a_record_too_long_is_told_and_skipped),
		cmocka_unit_test(a_full_window_is_told_and_goes_on),
		cmocka_unit_test(many_small_values_are_bounded_too),
	};

	return cmocka_run_group_tests_name("json_scan", tests, NULL, NULL);
}
