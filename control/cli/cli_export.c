/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * picketctl ioc export: the indicators in forms that others read, and that
 * "ioc load" reads back. Pages are asked for as "ioc list" gives
 * them, so an export of any size takes the memory of one page.
 */
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/cli/cli.h"

enum { PAGE = 2000, VALUE = 2200, TOLD = 100000 };

struct form {
	const char *word;
	void (*head)(FILE *to);
	/* False: this form has no place for it. */
	bool (*item)(FILE *to, struct json_object *o);
};

static bool is(struct json_object *o, const char *name, const char *word)
{
	return !strcmp(pk_cli_text(o, name), word);
}

/* --- lines ---------------------------------------------------------------------- */

static void no_head(FILE *to)
{
	(void)to;
}

static bool lines_item(FILE *to, struct json_object *o)
{
	char value[VALUE];

	if (is(o, "type", "ja3") || is(o, "type", "ja4") ||
	    is(o, "type", "x509-certificate") || is(o, "type", "user-agent"))
		return false;
	pk_cli_show_value(o, value, sizeof(value));
	fprintf(to, "%s\n", value);
	return true;
}

/* --- ndjson ------------------------------------------------------------------------ */

/* What `ioc apply` takes. */
static bool ndjson_item(FILE *to, struct json_object *o)
{
	struct json_object *copy = NULL;

	if (json_object_deep_copy(o, &copy, NULL))
		return false;
	json_object_object_del(copy, "slot");
	json_object_object_del(copy, "hits");
	json_object_object_del(copy, "feeds");
	json_object_object_del(copy, "derived");
	json_object_object_add(copy, "op", json_object_new_string("add"));
	fprintf(to, "%s\n",
		json_object_to_json_string_ext(
			copy, JSON_C_TO_STRING_PLAIN |
				      JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(copy);
	return true;
}

/* --- csv ------------------------------------------------------------------------- */

static const char *const columns[] = {
	"value",      "type",	    "match",	   "threat_type", "class",
	"confidence", "severity",   "tlp",	   "tags",	  "first_seen",
	"last_seen",  "valid_from", "valid_until", "id",	  "attribution",
	"action",     NULL
};

static void csv_head(FILE *to)
{
	for (int i = 0; columns[i]; i++)
		fprintf(to, "%s%s", i ? "," : "", columns[i]);
	fputc('\n', to);
}

/* RFC 4180. */
static void csv_cell(FILE *to, const char *text)
{
	if (!text[strcspn(text, ",\"\r\n")]) {
		fputs(text, to);
		return;
	}
	fputc('"', to);
	for (; *text; text++) {
		if (*text == '"')
			fputc('"', to);
		fputc(*text, to);
	}
	fputc('"', to);
}

static bool csv_item(FILE *to, struct json_object *o)
{
	for (int i = 0; columns[i]; i++) {
		if (i)
			fputc(',', to);
		csv_cell(to, pk_cli_text(o, columns[i]));
	}
	fputc('\n', to);
	return true;
}

/* --- Zeek's intel file -------------------------------------------------------------- */

static void zeek_head(FILE *to)
{
	fputs("#fields\tindicator\tindicator_type\tmeta.source\tmeta.desc\n",
	      to);
}

static const char *zeek_type(struct json_object *o)
{
	static const char *const types[][2] = {
		{ "ipv4-addr", "Intel::ADDR" },
		{ "ipv6-addr", "Intel::ADDR" },
		{ "ipv4-net", "Intel::SUBNET" },
		{ "ipv6-net", "Intel::SUBNET" },
		{ "domain-name", "Intel::DOMAIN" },
		{ "url", "Intel::URL" },
		{ "email-addr", "Intel::EMAIL" },
		{ "file", "Intel::FILE_HASH" },
		{ "x509-certificate", "Intel::CERT_HASH" },
		{ "user-agent", "Intel::SOFTWARE" },
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (is(o, "type", types[i][0]))
			return types[i][1];
	return NULL;
}

/* Tabs and line ends have no escape there. */
static void zeek_cell(FILE *to, const char *text)
{
	if (!*text)
		fputc('-', to);
	for (; *text; text++)
		fputc((unsigned char)*text < 0x20 ? ' ' : *text, to);
}

static bool zeek_item(FILE *to, struct json_object *o)
{
	const char *type = zeek_type(o);
	const char *value = pk_cli_text(o, "value");
	const char *scheme = strstr(value, "//");

	if (!type)
		return false;
	if (is(o, "type", "url") && scheme) /* Intel::URL has no scheme */
		value = scheme + 2;
	zeek_cell(to, value);
	fprintf(to, "\t%s\t", type);
	zeek_cell(to, pk_cli_text(o, "feed"));
	fputc('\t', to);
	zeek_cell(to, *pk_cli_text(o, "threat_type")
			      ? pk_cli_text(o, "threat_type")
			      : pk_cli_text(o, "class"));
	fputc('\n', to);
	return true;
}

/* --- Suricata datasets --------------------------------------------------------------- */

static void base64(FILE *to, const char *text, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		uint32_t v = (uint32_t)(unsigned char)text[i] << 16;

		if (i + 1 < len)
			v |= (uint32_t)(unsigned char)text[i + 1] << 8;
		if (i + 2 < len)
			v |= (unsigned char)text[i + 2];
		fputc(digits[v >> 18], to);
		fputc(digits[v >> 12 & 63], to);
		fputc(i + 1 < len ? digits[v >> 6 & 63] : '=', to);
		fputc(i + 2 < len ? digits[v & 63] : '=', to);
	}
	fputc('\n', to);
}

/* Addresses and hashes as they are, names and URLs in base64. */
static bool dataset_item(FILE *to, struct json_object *o)
{
	char value[VALUE];

	if (is(o, "type", "ipv4-addr") || is(o, "type", "ipv6-addr") ||
	    is(o, "type", "file") || is(o, "type", "ja3")) {
		fprintf(to, "%s\n", pk_cli_text(o, "value"));
		return true;
	}
	if (!is(o, "type", "domain-name") && !is(o, "type", "url") &&
	    !is(o, "type", "user-agent") && !is(o, "type", "email-addr"))
		return false;
	snprintf(value, sizeof(value), "%s%s",
		 is(o, "match", "subdomains") ? "." : "",
		 pk_cli_text(o, "value"));
	base64(to, value, strlen(value));
	return true;
}

/* --- the command --------------------------------------------------------------------- */

static const struct form forms[] = {
	{ "csv", csv_head, csv_item },	      { "lines", no_head, lines_item },
	{ "ndjson", no_head, ndjson_item },   { "zeek", zeek_head, zeek_item },
	{ "dataset", no_head, dataset_item },
};

static const struct form *form_of(const char *word)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (!strcmp(word, forms[i].word))
			return &forms[i];
	return NULL;
}

struct export
{
	const struct form *form;
	const char *type, *feed;
	int64_t after; /* -1: from the beginning */
	uint64_t done, left_out;
	bool told; /* progress */
};

static struct json_object *page_request(const struct export *e)
{
	struct json_object *request = json_object_new_object();

	if (e->type)
		json_object_object_add(request, "type",
				       json_object_new_string(e->type));
	if (e->feed)
		json_object_object_add(request, "feed",
				       json_object_new_string(e->feed));
	if (e->after >= 0)
		json_object_object_add(request, "after",
				       json_object_new_int64(e->after));
	json_object_object_add(request, "limit", json_object_new_int(PAGE));
	return request;
}

static int page(const struct pk_cli *cli, struct export *e, bool *more)
{
	struct json_object *r = NULL, *items;
	int rc = pk_cli_ask(cli, "ioc list", page_request(e), NULL, &r);
	size_t n;

	if (rc)
		return rc;
	items = pk_cli_get(r, "items");
	n = items ? json_object_array_length(items) : 0;
	for (size_t i = 0; i < n; i++)
		e->left_out += !e->form->item(
			stdout, json_object_array_get_idx(items, i));
	e->done += n;
	*more = n && pk_cli_get(r, "next") && pk_cli_int(r, "next") > e->after;
	e->after = pk_cli_int(r, "next");
	json_object_put(r);
	if (e->told && e->done / TOLD != (e->done - n) / TOLD)
		pk_cli_print(stderr, "picketctl: %" PRIu64 " indicators\n",
			     e->done);
	return 0;
}

int pk_cli_ioc_export(const struct pk_cli *cli, const struct pk_cli_args *args)
{
	const char *word = pk_cli_value(args, "--format");
	struct export e = { .form = form_of(word ? word : "csv"),
			    .type = pk_cli_value(args, "--type"),
			    .feed = pk_cli_value(args, "--feed"),
			    .after = -1,
			    .told = isatty(STDERR_FILENO) };
	bool more = true;
	int rc = 0;

	if (!e.form)
		return pk_cli_fail(cli, PK_CLI_USAGE, "usage",
				   "csv, lines, ndjson, zeek or dataset",
				   "unknown form \"%s\"", word);
	e.form->head(stdout);
	while (!rc && more)
		rc = page(cli, &e, &more);
	if (fflush(stdout) || ferror(stdout))
		return pk_cli_fail(cli, PK_CLI_FAILED, "failed", NULL,
				   "cannot write the export");
	if (!rc && e.left_out) {
		pk_cli_print(stderr,
			     "picketctl: %" PRIu64 " of %" PRIu64
			     " indicators have no place in %s\n",
			     e.left_out, e.done, e.form->word);
		return PK_CLI_PARTIAL;
	}
	return rc;
}
