/* SPDX-License-Identifier: BSD-2-Clause */
/* picketctl ioc: indicators. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/cli.h"

enum {
	PAGE = 1000, /* indicators in one answer */
	LIMIT = 100,
	FORMAT = 32,
	PROGRESS_BYTES = 16 << 20, /* shorter files are there at once */
	PIECE = 1 << 16,
};

static const uint64_t stdin_max = 1ULL << 30;

/* A file that is to be loaded, taken from FILE[,FORMAT]. */
struct source {
	char *path;
	char format[FORMAT]; /* "" : told from the content */
	const char *name;    /* for the daemon's messages */
	struct pk_cli_file file;
};

static void add_text(struct json_object *o, const char *name, const char *text)
{
	if (text && *text)
		json_object_object_add(o, name, json_object_new_string(text));
}

static int not_a_file(const struct pk_cli *cli, const char *path,
		      const char *why)
{
	return pk_cli_fail(cli, PK_CLI_FAILED, "failed", NULL,
			   "cannot load %s: %s", path, why);
}

/* Standard input, whole: the server wants to know the length first. */
static int spool_stdin(const struct pk_cli *cli, struct source *s)
{
	static char piece[PIECE];
	ssize_t n;

	s->name = "stdin";
	s->file.fd = memfd_create("picketctl", MFD_CLOEXEC);
	if (s->file.fd < 0)
		return not_a_file(cli, "-", strerror(errno));
	while ((n = read(STDIN_FILENO, piece, sizeof(piece))) > 0) {
		if (write(s->file.fd, piece, (size_t)n) != n)
			return not_a_file(cli, "-", "no memory for it");
		s->file.bytes += (uint64_t)n;
		if (s->file.bytes > stdin_max)
			return not_a_file(cli, "-", "longer than 1 GiB");
	}
	if (n < 0)
		return not_a_file(cli, "-", strerror(errno));
	lseek(s->file.fd, 0, SEEK_SET);
	return 0;
}

static int open_source(const struct pk_cli *cli, struct source *s)
{
	const char *slash = strrchr(s->path, '/');
	struct stat st;

	if (!strcmp(s->path, "-"))
		return spool_stdin(cli, s);
	s->name = slash ? slash + 1 : s->path;
	s->file.fd =
		open(s->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (s->file.fd < 0 && errno == ENOENT)
		return pk_cli_fail(cli, PK_CLI_NOT_FOUND, "not-found", NULL,
				   "no file %s", s->path);
	if (s->file.fd < 0 || fstat(s->file.fd, &st))
		return not_a_file(cli, s->path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return not_a_file(cli, s->path,
				  "not a regular file; use - for pipes");
	s->file.bytes = (uint64_t)st.st_size;
	s->file.progress = st.st_size > PROGRESS_BYTES && !cli->json &&
			   isatty(STDERR_FILENO);
	return 0;
}

/* A last ",word" is the format, unless a file of the whole name is there. */
static int split_format(struct source *s, const char *word)
{
	char *comma;

	s->path = strdup(word);
	if (!s->path)
		return -ENOMEM;
	comma = strrchr(s->path, ',');
	if (!comma || !comma[1] || strlen(comma + 1) >= FORMAT ||
	    !access(s->path, F_OK))
		return 0;
	for (const char *p = comma + 1; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '-' && *p != '_')
			return 0;
	strcpy(s->format, comma + 1);
	*comma = 0;
	return 0;
}

static void show_loaded(struct json_object *r)
{
	struct json_object *samples = pk_cli_get(r, "samples");

	for (size_t i = 0; samples && i < json_object_array_length(samples);
	     i++)
		pk_cli_print(stderr, "%s\n",
			     json_object_get_string(
				     json_object_array_get_idx(samples, i)));
	pk_cli_print(stdout,
		     "feed %s: %" PRId64 " lines, %" PRId64
		     " accepted, %" PRId64 " duplicates, %" PRId64
		     " refused, %" PRId64
		     " comments and blank; generation %" PRId64 "\n",
		     pk_cli_text(r, "feed"), pk_cli_int(r, "lines"),
		     pk_cli_int(r, "accepted"), pk_cli_int(r, "duplicates"),
		     pk_cli_int(r, "refused"),
		     pk_cli_int(r, "comments") + pk_cli_int(r, "blank"),
		     pk_cli_int(r, "generation"));
}

static int load(const struct pk_cli *cli, const struct pk_cli_args *args,
		const struct source *s)
{
	struct json_object *request = json_object_new_object();
	struct json_object *r = NULL;
	int rc;

	add_text(request, "format", s->format);
	add_text(request, "feed", pk_cli_value(args, "--feed"));
	add_text(request, "name", s->name);
	rc = pk_cli_ask(cli, "ioc load", request, &s->file, &r);
	if (rc)
		return rc;
	if (cli->json)
		pk_cli_json(cli, r);
	else
		show_loaded(r);
	rc = pk_cli_int(r, "refused") ? PK_CLI_PARTIAL : PK_CLI_OK;
	json_object_put(r);
	return rc;
}

int pk_cli_ioc_load(const struct pk_cli *cli, const struct pk_cli_args *args)
{
	struct source s = { .file.fd = -1 };
	int rc;

	if (split_format(&s, args->word[0]))
		return not_a_file(cli, args->word[0], "out of memory");
	rc = open_source(cli, &s);
	if (!rc)
		rc = load(cli, args, &s);
	if (s.file.fd >= 0)
		close(s.file.fd);
	free(s.path);
	return rc;
}

int pk_cli_ioc_add(const struct pk_cli *cli, const struct pk_cli_args *args)
{
	struct json_object *request = json_object_new_object();
	struct json_object *r = NULL;
	int rc;

	json_object_object_add(request, "value",
			       json_object_new_string(args->word[0]));
	add_text(request, "feed", pk_cli_value(args, "--feed"));
	add_text(request, "threat_type", pk_cli_value(args, "--threat-type"));
	rc = pk_cli_ask(cli, "ioc add", request, NULL, &r);
	if (rc)
		return rc;
	if (cli->json)
		pk_cli_json(cli, r);
	else
		pk_cli_print(
			stdout,
			"%s %s %s: slot %" PRId64 ", generation %" PRId64 "\n",
			pk_cli_text(r, "type"), pk_cli_text(r, "value"),
			json_object_get_boolean(pk_cli_get(r, "added"))
				? "added"
				: "was there already",
			pk_cli_int(r, "slot"), pk_cli_int(r, "generation"));
	json_object_put(r);
	return PK_CLI_OK;
}

int pk_cli_ioc_del(const struct pk_cli *cli, const struct pk_cli_args *args)
{
	struct json_object *request = json_object_new_object();
	struct json_object *r = NULL;
	int rc;

	json_object_object_add(request, "value",
			       json_object_new_string(args->word[0]));
	rc = pk_cli_ask(cli, "ioc del", request, NULL, &r);
	if (rc)
		return rc;
	if (cli->json)
		pk_cli_json(cli, r);
	else
		pk_cli_print(stdout, "%s %s deleted: generation %" PRId64 "\n",
			     pk_cli_text(r, "type"), pk_cli_text(r, "value"),
			     pk_cli_int(r, "generation"));
	json_object_put(r);
	return PK_CLI_OK;
}

static void show_items(struct json_object *items, bool headings)
{
	static const char *const heads[] = { ">SLOT", "TYPE",	"VALUE",
					     "FEED",  "THREAT", ">HITS" };
	struct pk_cli_table *t;

	if (pk_cli_table_new(&t, heads, 6))
		return;
	for (size_t i = 0; items && i < json_object_array_length(items); i++) {
		struct json_object *o = json_object_array_get_idx(items, i);
		const char *cells[] = {
			pk_cli_text(o, "slot"),	       pk_cli_text(o, "type"),
			pk_cli_text(o, "value"),       pk_cli_text(o, "feed"),
			pk_cli_text(o, "threat_type"), pk_cli_text(o, "hits")
		};

		pk_cli_table_row(t, cells);
	}
	pk_cli_table_print(t, headings);
}

/* A list that is asked for page by page. */
struct list {
	const char *type;
	uint64_t left; /* items still wanted */
	uint64_t shown;
	int64_t total;
	int64_t after; /* -1: from the beginning */
	FILE *json;    /* the document of -j so far; NULL: tables */
};

static struct json_object *page_request(const struct list *l)
{
	struct json_object *request = json_object_new_object();

	add_text(request, "type", l->type);
	json_object_object_add(
		request, "limit",
		json_object_new_uint64(l->left < PAGE ? l->left : PAGE));
	if (l->after >= 0)
		json_object_object_add(request, "after",
				       json_object_new_int64(l->after));
	return request;
}

static void put_items(struct list *l, struct json_object *items)
{
	for (size_t i = 0; items && i < json_object_array_length(items); i++)
		fprintf(l->json, "%s%s", l->shown + i ? "," : "",
			json_object_to_json_string_ext(
				json_object_array_get_idx(items, i),
				JSON_C_TO_STRING_PLAIN |
					JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* One page; *@more tells whether another may follow. */
static int list_page(const struct pk_cli *cli, struct list *l, bool *more)
{
	struct json_object *r = NULL;
	struct json_object *items;
	int rc = pk_cli_ask(cli, "ioc list", page_request(l), NULL, &r);
	size_t n;

	if (rc)
		return rc;
	items = pk_cli_get(r, "items");
	n = items ? json_object_array_length(items) : 0;
	if (l->json)
		put_items(l, items);
	else
		show_items(items, !l->shown);
	l->shown += n;
	l->left -= n < l->left ? n : l->left;
	l->total = pk_cli_int(r, "total");
	*more = n && l->left && pk_cli_get(r, "next") &&
		pk_cli_int(r, "next") > l->after;
	l->after = pk_cli_int(r, "next");
	json_object_put(r);
	return 0;
}

static int list_pages(const struct pk_cli *cli, struct list *l)
{
	bool more = true;
	int rc = 0;

	while (!rc && more)
		rc = list_page(cli, l, &more);
	return rc;
}

/* The document is kept until its end is known: an error is one, too. */
static int list_json(const struct pk_cli *cli, struct list *l)
{
	struct json_object *root;
	char *text = NULL;
	size_t n;
	int rc;

	l->json = open_memstream(&text, &n);
	if (!l->json)
		return not_a_file(cli, "the list", strerror(errno));
	fputs("{\"items\":[", l->json);
	rc = list_pages(cli, l);
	fprintf(l->json, "],\"total\":%" PRId64 "}", l->total);
	fclose(l->json);
	if (!rc && cli->pretty) {
		root = json_tokener_parse(text);
		pk_cli_json(cli, root);
		json_object_put(root);
	} else if (!rc) {
		pk_cli_json_text(text, n);
	}
	free(text);
	return rc;
}

int pk_cli_ioc_list(const struct pk_cli *cli, const struct pk_cli_args *args)
{
	struct list l = { .type = pk_cli_value(args, "--type"), .after = -1 };
	int rc = pk_cli_number(cli, args, "--limit", &l.left, LIMIT);

	if (rc)
		return rc;
	if (!l.left)
		l.left = UINT64_MAX;
	if (cli->json)
		return list_json(cli, &l);
	rc = list_pages(cli, &l);
	if (!rc && (uint64_t)l.total > l.shown)
		pk_cli_print(stderr,
			     "picketctl: %" PRIu64 " of %" PRId64
			     " shown; --limit 0 shows all\n",
			     l.shown, l.total);
	return rc;
}

int pk_cli_ioc_test(const struct pk_cli *cli, const struct pk_cli_args *args)
{
	struct json_object *request = json_object_new_object();
	struct json_object *r = NULL;
	bool match;
	int rc;

	json_object_object_add(request, "value",
			       json_object_new_string(args->word[0]));
	rc = pk_cli_ask(cli, "ioc test", request, NULL, &r);
	if (rc)
		return rc;
	match = json_object_get_boolean(pk_cli_get(r, "match"));
	if (cli->json) {
		pk_cli_json(cli, r);
	} else {
		pk_cli_print(stdout, "%s %s: %s\n", pk_cli_text(r, "type"),
			     pk_cli_text(r, "value"),
			     match ? "match" : "no match");
		if (match)
			show_items(pk_cli_get(r, "items"), true);
	}
	json_object_put(r);
	return match ? PK_CLI_OK : PK_CLI_NOT_FOUND;
}
