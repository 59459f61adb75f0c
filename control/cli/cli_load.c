/* SPDX-License-Identifier: BSD-2-Clause */
/* picketctl ioc load, replace, diff, apply: files of indicators. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/cli/cli.h"
#include "control/cli/client.h"

enum {
	PROGRESS_BYTES = 16 << 20, /* shorter files are there at once */
	PIECE = 1 << 16,
	POLL_MS = 1000,
};

static const uint64_t stdin_max = 1ULL << 30;

/* --- the file ----------------------------------------------------------------- */

static int not_a_file(const struct pk_cli *cli, const char *path,
		      const char *why)
{
	return pk_cli_fail(cli, PK_CLI_FAILED, "failed", NULL,
			   "cannot read %s: %s", path, why);
}

/* Standard input, whole: the server wants to know the length first. */
static int spool_stdin(const struct pk_cli *cli, struct pk_cli_source *s)
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

static int open_source(const struct pk_cli *cli, struct pk_cli_source *s)
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
static int split_format(struct pk_cli_source *s, const char *word)
{
	char *comma;

	s->path = strdup(word);
	if (!s->path)
		return -ENOMEM;
	comma = strrchr(s->path, ',');
	if (!comma || !comma[1] || strlen(comma + 1) >= sizeof(s->format) ||
	    !access(s->path, F_OK))
		return 0;
	for (const char *p = comma + 1; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '-' && *p != '_')
			return 0;
	strcpy(s->format, comma + 1);
	*comma = 0;
	return 0;
}

int pk_cli_open_source(const struct pk_cli *cli, struct pk_cli_source *s,
		       const char *word)
{
	memset(s, 0, sizeof(*s));
	s->file.fd = -1;
	if (split_format(s, word))
		return not_a_file(cli, word, "out of memory");
	return open_source(cli, s);
}

void pk_cli_close_source(struct pk_cli_source *s)
{
	if (s->file.fd >= 0)
		close(s->file.fd);
	free(s->path);
}

/* --- how far the daemon is ------------------------------------------------------ */

struct watch {
	const struct pk_cli *cli;
	pthread_t thread;
	bool on;
	_Atomic int stop;
};

enum { PHASE_TEXT = 160 };

/* Of the load under way: ours may still wait for it. */
static void tell_phase(struct json_object *answer, char last[PHASE_TEXT])
{
	struct json_object *l =
		pk_cli_get(pk_cli_get(answer, "result"), "loading");
	int64_t total = pk_cli_int(l, "total");
	int64_t done = pk_cli_int(l, "done");
	char now[PHASE_TEXT];

	if (!l)
		return;
	snprintf(now, sizeof(now), "%.20s of %.100s: %.20s %d %%",
		 pk_cli_text(l, "op"), pk_cli_text(l, "feed"),
		 pk_cli_text(l, "phase"),
		 total ? (int)(done * 100 / total) : 0);
	if (!strcmp(now, last))
		return;
	strcpy(last, now);
	pk_cli_print(stderr, "picketctl: %s\n", now);
}

/* Asks on a connection of its own while the other one waits. */
static void *watch_phases(void *arg)
{
	struct watch *w = arg;
	char last[PHASE_TEXT] = "";

	while (!atomic_load(&w->stop)) {
		struct pk_client_call call = { .op = "ioc status",
					       .timeout_ms = POLL_MS,
					       .fd = -1 };
		struct json_object *answer = NULL;
		struct pk_client *client = NULL;

		for (int i = 0; i < POLL_MS / 50 && !atomic_load(&w->stop); i++)
			usleep(50 * 1000);
		if (atomic_load(&w->stop) ||
		    pk_client_open(&client, w->cli->socket))
			break;
		if (!pk_client_call(client, &call, &answer))
			tell_phase(answer, last);
		json_object_put(answer);
		pk_client_close(client);
	}
	return NULL;
}

static void begin_watch(struct watch *w, const struct pk_cli *cli)
{
	w->cli = cli;
	w->on = !cli->json && isatty(STDERR_FILENO) &&
		!pthread_create(&w->thread, NULL, watch_phases, w);
}

static void end_watch(struct watch *w)
{
	atomic_store(&w->stop, 1);
	if (w->on)
		pthread_join(w->thread, NULL);
}

int pk_cli_ask_long(const struct pk_cli *cli, const char *op,
		    struct json_object *args, const struct pk_cli_file *file,
		    struct json_object **result)
{
	struct watch watch = { 0 };
	int rc;

	begin_watch(&watch, cli);
	rc = pk_cli_ask(cli, op, args, file, result);
	end_watch(&watch);
	return rc;
}

/* --- what came of it -------------------------------------------------------------- */

static void show_samples(struct json_object *samples)
{
	for (size_t i = 0; samples && i < json_object_array_length(samples);
	     i++)
		pk_cli_print(stderr, "%s\n",
			     json_object_get_string(
				     json_object_array_get_idx(samples, i)));
}

static void show_guards(struct json_object *guards)
{
	for (size_t i = 0; guards && i < json_object_array_length(guards);
	     i++) {
		struct json_object *g = json_object_array_get_idx(guards, i);

		pk_cli_print(stderr, "guard %s: %s\n", pk_cli_text(g, "guard"),
			     pk_cli_text(g, "message"));
	}
}

static void show_counts(const char *what, struct json_object *counts)
{
	json_object_object_foreach(counts, word, n)
	{
		pk_cli_print(stdout, "  %s %s: %s\n", what, word,
			     json_object_get_string(n));
	}
}

static void show_diff(struct json_object *r)
{
	struct json_object *diff = pk_cli_get(r, "diff");
	struct json_object *samples = pk_cli_get(diff, "samples");
	struct json_object *seen = pk_cli_get(r, "seen");
	struct json_object *memory = pk_cli_get(r, "memory");
	char value[2200];

	for (size_t i = 0; samples && i < json_object_array_length(samples);
	     i++) {
		struct json_object *o = json_object_array_get_idx(samples, i);
		const char *op = pk_cli_text(o, "op");

		pk_cli_show_value(o, value, sizeof(value));
		pk_cli_print(stdout, "%c%s\n",
			     *op == 'a'	  ? '+'
			     : *op == 'd' ? '-'
					  : '~',
			     value);
	}
	pk_cli_print(stdout,
		     "%" PRId64 " new, %" PRId64 " changed, %" PRId64
		     " withdrawn, %" PRId64 " the same\n",
		     pk_cli_int(diff, "added"), pk_cli_int(diff, "changed"),
		     pk_cli_int(diff, "withdrawn"), pk_cli_int(diff, "same"));
	if (!json_object_get_boolean(pk_cli_get(r, "dry_run")))
		return;
	pk_cli_print(stdout,
		     "store %" PRId64 " -> %" PRId64 " KiB, image %" PRId64
		     " -> %" PRId64 " KiB; %" PRId64
		     " of the new ones were seen lately\n",
		     pk_cli_int(memory, "store") >> 10,
		     pk_cli_int(memory, "store_after") >> 10,
		     pk_cli_int(memory, "image") >> 10,
		     pk_cli_int(memory, "image_after") >> 10,
		     pk_cli_int(seen, "count"));
}

static void show_loaded(struct json_object *r, bool failed)
{
	bool dry = json_object_get_boolean(pk_cli_get(r, "dry_run"));

	show_samples(pk_cli_get(r, "samples"));
	show_guards(pk_cli_get(r, "guards"));
	pk_cli_print(stdout,
		     "feed %s (%s): %" PRId64 " records, %" PRId64
		     " accepted, %" PRId64 " duplicates, %" PRId64
		     " unused, %" PRId64 " refused, %" PRId64
		     " comments, headings and blank\n",
		     pk_cli_text(r, "feed"), pk_cli_text(r, "format"),
		     pk_cli_int(r, "records"), pk_cli_int(r, "accepted"),
		     pk_cli_int(r, "duplicates"), pk_cli_int(r, "unused"),
		     pk_cli_int(r, "refused"),
		     pk_cli_int(r, "comments") + pk_cli_int(r, "blank") +
			     pk_cli_int(r, "headers"));
	if (pk_cli_get(r, "reasons"))
		show_counts("refused", pk_cli_get(r, "reasons"));
	if (pk_cli_get(r, "skipped"))
		show_counts("unused", pk_cli_get(r, "skipped"));
	show_diff(r);
	if (dry || failed)
		pk_cli_print(stdout, "%snothing was changed\n",
			     dry ? "dry run: " : "");
	else
		pk_cli_print(
			stdout, "generation %" PRId64 ", commit %" PRId64 "\n",
			pk_cli_int(r, "generation"), pk_cli_int(r, "commit"));
}

/* --- the commands -------------------------------------------------------------------- */

static int send_file(const struct pk_cli *cli, const struct pk_cli_args *args,
		     const char *op, struct json_object **r)
{
	struct json_object *request = NULL;
	struct pk_cli_source s;
	int rc = pk_cli_open_source(cli, &s, args->word[0]);

	if (!rc)
		rc = pk_cli_request(cli, args, NULL, &request);
	if (!rc) {
		if (strcmp(op, "ioc apply"))
			json_object_object_add(request, "name",
					       json_object_new_string(s.name));
		if (*s.format && !pk_cli_get(request, "format"))
			json_object_object_add(
				request, "format",
				json_object_new_string(s.format));
		rc = pk_cli_ask_long(cli, op, request, &s.file, r);
	}
	pk_cli_close_source(&s);
	return rc;
}

static int load(const struct pk_cli *cli, const struct pk_cli_args *args,
		const char *op)
{
	struct json_object *r = NULL;
	int rc = send_file(cli, args, op, &r);

	if (rc && r && !cli->json)
		show_loaded(r, true);
	if (rc)
		goto out;
	if (cli->json)
		pk_cli_json(cli, r);
	else
		show_loaded(r, false);
	rc = pk_cli_int(r, "refused") ? PK_CLI_PARTIAL : PK_CLI_OK;
out:
	json_object_put(r);
	return rc;
}

int pk_cli_ioc_load(const struct pk_cli *cli, const struct pk_cli_args *args)
{
	return load(cli, args, "ioc load");
}

int pk_cli_ioc_replace(const struct pk_cli *cli, const struct pk_cli_args *args)
{
	return load(cli, args, "ioc replace");
}

int pk_cli_ioc_diff(const struct pk_cli *cli, const struct pk_cli_args *args)
{
	return load(cli, args, "ioc diff");
}

int pk_cli_ioc_apply(const struct pk_cli *cli, const struct pk_cli_args *args)
{
	struct json_object *r = NULL;
	int rc = send_file(cli, args, "ioc apply", &r);

	if (!rc && cli->json)
		pk_cli_json(cli, r);
	else if (!rc)
		pk_cli_print(stdout,
			     "%" PRId64 " added, %" PRId64 " changed, %" PRId64
			     " withdrawn; generation %" PRId64
			     ", commit %" PRId64 "%s\n",
			     pk_cli_int(r, "added"), pk_cli_int(r, "changed"),
			     pk_cli_int(r, "withdrawn"),
			     pk_cli_int(r, "generation"),
			     pk_cli_int(r, "commit"), pk_cli_dry_run(r));
	json_object_put(r);
	return rc;
}
