/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/suppress_file.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VERSION = 1, PATH_BYTES = 512 };
#define PICKET "suppress"
#define COUNTS "suppress-counts"

/* --- writing -------------------------------------------------------------- */

static void add_text(struct json_object *o, const char *key, const char *text)
{
	if (*text)
		json_object_object_add(o, key, json_object_new_string(text));
}

static void add_number(struct json_object *o, const char *key, uint64_t n)
{
	if (n)
		json_object_object_add(o, key, json_object_new_uint64(n));
}

static struct json_object *print_rule(const struct pk_suppress_rule *r)
{
	struct json_object *o = json_object_new_object();

	add_number(o, "number", r->number);
	add_text(o, "type", r->type);
	add_text(o, "offender", r->offender);
	add_text(o, "target", r->target);
	add_text(o, "indicator", r->indicator);
	add_text(o, "feed", r->feed);
	add_text(o, "comment", r->comment);
	add_number(o, "until", r->until);
	add_number(o, "made", r->made);
	if (r->by != PK_SUPPRESS_NOBODY)
		json_object_object_add(o, "by", json_object_new_uint64(r->by));
	add_number(o, "count", r->count);
	add_number(o, "first_ns", r->first_ns);
	add_number(o, "last_ns", r->last_ns);
	return o;
}

static struct json_object *print_count(const struct pk_suppress_rule *r)
{
	struct json_object *o = json_object_new_object();

	add_number(o, "number", r->number);
	add_number(o, "count", r->count);
	add_number(o, "first_ns", r->first_ns);
	add_number(o, "last_ns", r->last_ns);
	return o;
}

static char *print(const struct pk_suppress *s, const char *what,
		   struct json_object *(*one)(const struct pk_suppress_rule *r))
{
	struct json_object *o = json_object_new_object();
	struct json_object *rules = json_object_new_array();
	const struct pk_suppress_rule *r;
	const char *text;
	char *copy;

	add_text(o, "picket", what);
	add_number(o, "version", VERSION);
	add_number(o, "last", pk_suppress_last(s));
	for (uint32_t i = 0; (r = pk_suppress_at(s, i)); i++)
		json_object_array_add(rules, one(r));
	json_object_object_add(o, "rules", rules);
	text = json_object_to_json_string_ext(
		o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
	copy = text ? strdup(text) : NULL;
	json_object_put(o);
	return copy;
}

char *pk_suppress_print(const struct pk_suppress *s)
{
	return print(s, PICKET, print_rule);
}

char *pk_suppress_print_counts(const struct pk_suppress *s)
{
	return print(s, COUNTS, print_count);
}

static int write_all(int fd, const char *text)
{
	size_t len = strlen(text), at = 0;

	while (at < len) {
		ssize_t n = write(fd, text + at, len - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		at += (size_t)n;
	}
	return 0;
}

static int write_fresh(const char *fresh, const char *text, int sync)
{
	int fd = open(fresh,
		      O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
		      0600);
	int err = fd < 0 ? -errno : write_all(fd, text);

	if (!err && sync && fsync(fd))
		err = -errno;
	if (fd >= 0 && close(fd) && !err)
		err = -errno;
	return err;
}

/* The name is on the disk when its folder is. */
static int sync_folder(const char *path)
{
	char copy[PATH_BYTES];
	int fd, err = 0;

	snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fsync(fd))
		err = -errno;
	close(fd);
	return err;
}

int pk_suppress_write(const char *path, const char *fresh, const char *text,
		      int sync)
{
	int err = write_fresh(fresh, text, sync);

	if (!err && rename(fresh, path))
		err = -errno;
	if (err) {
		unlink(fresh);
		return err;
	}
	return sync ? sync_folder(path) : 0;
}

/* --- reading -------------------------------------------------------------- */

static const char *text_of(struct json_object *o, const char *key)
{
	struct json_object *v = json_object_object_get(o, key);

	return json_object_is_type(v, json_type_string)
		       ? json_object_get_string(v)
		       : NULL;
}

static uint64_t number_of(struct json_object *o, const char *key)
{
	struct json_object *v = json_object_object_get(o, key);

	return json_object_is_type(v, json_type_int) ? json_object_get_uint64(v)
						     : 0;
}

static int read_rule(struct pk_suppress *s, struct json_object *o, char *why)
{
	const int has_by = json_object_object_get_ex(o, "by", NULL);
	const struct pk_suppress_rule was = {
		.number = (uint32_t)number_of(o, "number"),
		.count = number_of(o, "count"),
		.first_ns = number_of(o, "first_ns"),
		.last_ns = number_of(o, "last_ns"),
	};
	const struct pk_suppress_said said = {
		.type = text_of(o, "type"),
		.offender = text_of(o, "offender"),
		.target = text_of(o, "target"),
		.indicator = text_of(o, "indicator"),
		.feed = text_of(o, "feed"),
		.comment = text_of(o, "comment"),
		.until = number_of(o, "until"),
		.made = number_of(o, "made"),
		.by = has_by ? (uint32_t)number_of(o, "by")
			     : PK_SUPPRESS_NOBODY,
	};

	return pk_suppress_restore(s, &said, &was, why);
}

/* What is wrong with the rules that are left out: who they are, why the first. */
struct refused {
	uint32_t count;
	char numbers[160];
	char why[PK_SUPPRESS_WHY];
};

static void refuse(struct refused *r, struct json_object *o, size_t place,
		   const char *why)
{
	const size_t n = strlen(r->numbers), room = sizeof(r->numbers) - n;
	const char *comma = r->count ? ", " : "";
	uint32_t number = (uint32_t)number_of(o, "number");

	if (!r->count++)
		snprintf(r->why, sizeof(r->why), "%s", why);
	if (room < 32) /* it ends in dots, once */
		snprintf(r->numbers + n, room, "%s",
			 room > 8 && r->numbers[n - 1] != '.' ? " ..." : "");
	else if (number)
		snprintf(r->numbers + n, room, "%s%u", comma, number);
	else
		snprintf(r->numbers + n, room, "%sthat at place %zu", comma,
			 place + 1);
}

/* The list of a file that says it is @what; or NULL with the sentence. */
static struct json_object *rules_of(struct json_object *top, const char *what,
				    char *why)
{
	struct json_object *rules = json_object_object_get(top, "rules");
	const char *picket = text_of(top, "picket");

	if (picket && !strcmp(picket, what) &&
	    number_of(top, "version") == VERSION &&
	    json_object_is_type(rules, json_type_array))
		return rules;
	snprintf(why, PK_SUPPRESS_WHY, "it holds no %s",
		 strcmp(what, PICKET) != 0 ? "counts" : "rules");
	return NULL;
}

static int read_rules(struct pk_suppress *s, struct json_object *top, char *why)
{
	struct json_object *rules = rules_of(top, PICKET, why);
	struct refused refused = { 0 };

	if (!rules)
		return -EBADMSG;
	pk_suppress_set_last(s, (uint32_t)number_of(top, "last"));
	for (size_t i = 0; i < json_object_array_length(rules); i++) {
		struct json_object *o = json_object_array_get_idx(rules, i);

		if (read_rule(s, o, why))
			refuse(&refused, o, i, why);
	}
	if (!refused.count)
		return 0;
	snprintf(why, PK_SUPPRESS_WHY, "refused: %s (the first: %.200s)",
		 refused.numbers, refused.why);
	return -EBADMSG;
}

static int read_counts(struct pk_suppress *s, struct json_object *top,
		       char *why)
{
	struct json_object *rules = rules_of(top, COUNTS, why);

	if (!rules)
		return -EBADMSG;
	for (size_t i = 0; i < json_object_array_length(rules); i++) {
		struct json_object *o = json_object_array_get_idx(rules, i);
		const struct pk_suppress_rule was = {
			.number = (uint32_t)number_of(o, "number"),
			.count = number_of(o, "count"),
			.first_ns = number_of(o, "first_ns"),
			.last_ns = number_of(o, "last_ns"),
		};

		pk_suppress_recount(s, &was);
	}
	return 0;
}

typedef int take_fn(struct pk_suppress *s, struct json_object *top, char *why);

static char *read_text(int fd, size_t *len)
{
	char *text = malloc(PK_SUPPRESS_FILE_MAX + 1);
	ssize_t n = 1;

	for (*len = 0; text && n > 0 && *len < PK_SUPPRESS_FILE_MAX;
	     *len += (size_t)n) {
		n = read(fd, text + *len, PK_SUPPRESS_FILE_MAX - *len);
		if (n < 0)
			break;
	}
	if (!text || n < 0) {
		free(text);
		return NULL;
	}
	text[*len] = 0;
	return text;
}

static int parse(struct pk_suppress *s, const char *text, size_t len,
		 take_fn *take, char *why)
{
	struct json_tokener *parser = json_tokener_new();
	enum json_tokener_error fault;
	struct json_object *top = NULL;
	int err = -EBADMSG;

	if (!parser)
		return -ENOMEM;
	top = json_tokener_parse_ex(parser, text, (int)len);
	fault = json_tokener_get_error(parser);
	if (fault == json_tokener_continue)
		snprintf(why, PK_SUPPRESS_WHY, "it ends too early");
	else if (!top)
		snprintf(
			why, PK_SUPPRESS_WHY, "it is no JSON: %s at byte %zu",
			json_tokener_error_desc(json_tokener_get_error(parser)),
			json_tokener_get_parse_end(parser));
	else
		err = take(s, top, why);
	json_object_put(top);
	json_tokener_free(parser);
	return err;
}

static int read_with(struct pk_suppress *s, const char *path, take_fn *take,
		     char *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), err;
	size_t len = 0;
	char *text;

	if (fd < 0) {
		err = -errno;
		snprintf(why, PK_SUPPRESS_WHY, "%s", strerror(-err));
		return err;
	}
	text = read_text(fd, &len);
	close(fd);
	if (!text) {
		snprintf(why, PK_SUPPRESS_WHY, "it cannot be read");
		return -EIO;
	}
	err = parse(s, text, len, take, why);
	free(text);
	return err;
}

int pk_suppress_read(struct pk_suppress *s, const char *path,
		     char why[PK_SUPPRESS_WHY])
{
	return read_with(s, path, read_rules, why);
}

int pk_suppress_read_counts(struct pk_suppress *s, const char *path,
			    char why[PK_SUPPRESS_WHY])
{
	return read_with(s, path, read_counts, why);
}
