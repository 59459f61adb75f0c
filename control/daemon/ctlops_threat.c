/* SPDX-License-Identifier: BSD-2-Clause */
/* threat journal, threat list */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/daemon/ctlops_threat.h"
#include "control/journal/reader.h"
#include "control/threat_pass.h"

enum {
	LIMIT = 1000,
	LIMIT_MAX = 10000,
	BATCH = 64,	    /* messages read at a time, beside the loop */
	LOOK_MAX = 1 << 17, /* messages looked at for one answer */
	TELL = 4,	    /* elements told in a step */
	ID = 64,
};

/* --- threat journal ------------------------------------------------------- */

/* A message, or numbers that are not there. */
struct message {
	struct json_object *json; /* NULL: only numbers */
	uint64_t missing_from;	  /* 0: none; up to the next message's */
	uint64_t missing_to;
	uint64_t number;
};

struct journal {
	struct pk_job job;
	const struct pk_daemon *d;
	struct pk_journal_reader *reader;
	int dir_fd;
	uint64_t since_ns;
	char id[ID];	/* "": of any threat */
	uint64_t next;	/* the number to read next */
	uint32_t limit; /* messages still wanted */
	uint32_t looked;
	int end; /* 1: there is no more; or -errno */
	struct message batch[BATCH];
	uint32_t read, told;
	struct json_object *missing;
};

static void free_journal(struct pk_job *job)
{
	struct journal *j = (struct journal *)job;

	for (uint32_t i = j->told; i < j->read; i++)
		json_object_put(j->batch[i].json);
	pk_journal_reader_free(j->reader);
	if (j->dir_fd >= 0)
		close(j->dir_fd);
	json_object_put(j->missing);
	free(j);
}

static bool is_of(const struct pk_journal_message *m, const char *id)
{
	return !*id || memmem(m->text, m->text_len, id, strlen(id));
}

/* "id":"..." as it is written, "" for none; 1: answered. */
static int take_id(char to[ID], struct pk_args *a, struct pk_ctl_answer *out)
{
	const char *id = pk_args_text(a, "id", false);

	if (!id)
		return 0;
	if (strlen(id) != 32 || strspn(id, "0123456789abcdef") != 32) {
		pk_ctl_fail(out, PK_CTL_E_USAGE,
			    "an id is 32 hexadecimal digits",
			    "\"%.40s\" is not the id of a threat", id);
		return 1;
	}
	snprintf(to, ID, "\"id\":\"%s\"", id);
	return 0;
}

/* What becomes of a message: 1 when there is something to tell. */
static int take_message(struct journal *j, struct json_tokener *parser,
			const struct pk_journal_message *m, uint64_t missing)
{
	struct message *to = &j->batch[j->read];
	int wanted = m->time_ns >= j->since_ns && is_of(m, j->id);

	*to = (struct message){ .number = m->number };
	if (missing) {
		to->missing_from = m->number - missing;
		to->missing_to = m->number - 1;
	}
	if (!wanted)
		return missing != 0;
	json_tokener_reset(parser);
	to->json = json_tokener_parse_ex(parser, m->text, (int)m->text_len);
	if (!to->json) { /* not one of ours: as if it were not there */
		to->missing_to = m->number;
		if (!to->missing_from)
			to->missing_from = m->number;
	}
	return 1;
}

/* In the jobs' thread: the next batch. */
static void read_batch(struct pk_job *job)
{
	struct journal *j = (struct journal *)job;
	struct json_tokener *parser = json_tokener_new();
	struct pk_journal_message m;
	uint64_t missing;
	int ret = 1;

	j->read = 0;
	j->told = 0;
	if (!parser)
		ret = -ENOMEM;
	while (ret > 0 && j->read < BATCH && j->looked < LOOK_MAX) {
		ret = pk_journal_read(j->reader, &m, &missing);
		if (ret <= 0)
			break;
		j->looked++;
		j->next = m.number + 1;
		j->read += (uint32_t)take_message(j, parser, &m, missing);
	}
	if (ret <= 0)
		j->end = ret ? ret : 1;
	if (parser)
		json_tokener_free(parser);
}

static void note_missing(struct journal *j, const struct message *m)
{
	struct json_object *o;

	if (!m->missing_from)
		return;
	o = json_object_new_object();
	pk_ctlops_add_number(o, "from", m->missing_from);
	pk_ctlops_add_number(o, "to", m->missing_to);
	json_object_array_add(j->missing, o);
}

static enum pk_job_next end_journal(struct journal *j)
{
	const struct pk_outbox *box = j->d->outbox;
	struct json_object *o = json_object_new_object();

	if (j->end < 0) {
		json_object_put(o);
		pk_ctl_fail(j->job.out, PK_CTL_E_FAILED, NULL,
			    "the journal cannot be read: %s",
			    strerror(-j->end));
		return PK_JOB_DONE;
	}
	json_object_object_add(o, "missing", json_object_get(j->missing));
	pk_ctlops_add_number(o, "first", pk_outbox_first(box));
	pk_ctlops_add_number(o, "last", pk_outbox_last(box));
	if (!j->end)
		pk_ctlops_add_number(o, "next", j->next);
	pk_ctl_ok(j->job.out, o);
	return PK_JOB_DONE;
}

static enum pk_job_next journal_step(struct pk_job *job)
{
	struct journal *j = (struct journal *)job;

	for (int i = 0; i < TELL && j->told < j->read && j->limit; i++) {
		struct message *m = &j->batch[j->told++];

		note_missing(j, m);
		if (!m->json)
			continue;
		pk_ctl_element(job->out, m->json);
		j->limit--;
		j->next = m->number + 1;
	}
	if (!j->limit) {
		j->end = 0;
		return end_journal(j);
	}
	if (j->told < j->read)
		return PK_JOB_MORE;
	if (j->end || j->looked == LOOK_MAX)
		return end_journal(j);
	return PK_JOB_BESIDE;
}

/* The time @ago seconds ago. */
static uint64_t since(uint64_t ago)
{
	uint64_t now = pk_daemon_real_ns(), ns = ago * 1000000000;

	return now > ns ? now - ns : 0;
}

static int op_journal(void *arg, struct json_object *args, const void *bytes,
		      size_t n, struct pk_ctl_answer *out)
{
	struct journal *j = calloc(1, sizeof(*j));
	struct pk_daemon *d = arg;
	struct pk_args a;
	uint64_t ago;
	int err = -ENOMEM;

	(void)bytes;
	(void)n;
	if (!j)
		return -ENOMEM;
	pk_args_begin(&a, args);
	j->job = (struct pk_job){ .out = out,
				  .step = journal_step,
				  .beside = read_batch,
				  .end = free_journal };
	j->d = d;
	j->dir_fd = -1;
	j->next = pk_args_number(&a, "from", 1, INT64_MAX);
	ago = pk_args_number(&a, "since", 0, INT32_MAX);
	if (ago)
		j->since_ns = since(ago);
	j->limit = (uint32_t)pk_args_number(&a, "limit", LIMIT, LIMIT_MAX);
	if (take_id(j->id, &a, out) || pk_args_end(&a, out)) {
		free_journal(&j->job);
		return 0;
	}
	j->missing = json_object_new_array();
	j->dir_fd = open(d->journal_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (j->dir_fd < 0)
		err = -errno;
	else if (j->missing)
		err = pk_journal_reader_new(&j->reader, j->dir_fd, "threat",
					    j->next);
	if (err) {
		free_journal(&j->job);
		return err;
	}
	pk_ctl_begin(out, "threats");
	pk_jobs_start(d->jobs, &j->job);
	return PK_CTL_LATER;
}

/* --- threat list ------------------------------------------------------------ */

/* The open ones, oldest first, from a number of opening on. */
struct list {
	struct pk_job job;
	struct pk_daemon *d;
	struct pk_threat_pass *pass;
	uint32_t limit, told;
	bool sorted;
	bool one;
	uint64_t id[2]; /* of that one */
	char *encoded;	/* PK_ENCODE_MAX */
};

static void free_list(struct pk_job *job)
{
	struct list *l = (struct list *)job;

	pk_threat_pass_free(l->pass);
	free(l->encoded);
	free(l);
}

static void sort_list(struct pk_job *job)
{
	struct list *l = (struct list *)job;

	pk_threat_pass_sort(l->pass);
	l->sorted = true;
}

static void tell_one(void *arg, const struct pk_threat *t)
{
	struct list *l = arg;
	struct json_object *o;

	if (l->one && (t->id[0] != l->id[0] || t->id[1] != l->id[1]))
		return;
	if (pk_encode_threat(t, l->encoded, PK_ENCODE_MAX) < 0)
		return;
	o = json_tokener_parse(l->encoded);
	if (!o)
		return;
	pk_ctl_element(l->job.out, o);
	l->told++;
}

static enum pk_job_next end_list(struct list *l)
{
	struct json_object *o = json_object_new_object();
	uint64_t next = pk_threat_pass_at(l->pass);
	struct pk_pipeline_stats s;

	pk_pipeline_stats(l->d->pipeline, &s);
	pk_ctlops_add_number(o, "total", l->one ? l->told : s.threat.open);
	if (next)
		pk_ctlops_add_number(o, "next", next);
	pk_ctl_ok(l->job.out, o);
	return PK_JOB_DONE;
}

static enum pk_job_next list_step(struct pk_job *job)
{
	struct list *l = (struct list *)job;
	int ret = l->sorted ? 0 : pk_threat_pass_look(l->pass);

	if (ret < 0) {
		pk_ctl_fail(job->out, PK_CTL_E_FAILED, NULL, "out of memory");
		return PK_JOB_DONE;
	}
	if (!l->sorted)
		return ret ? PK_JOB_MORE : PK_JOB_BESIDE;
	for (int i = 0; i < TELL; i++)
		if (l->told == l->limit ||
		    !pk_threat_pass_show(l->pass, tell_one, l))
			return end_list(l);
	return PK_JOB_MORE;
}

static int op_list(void *arg, struct json_object *args, const void *bytes,
		   size_t n, struct pk_ctl_answer *out)
{
	struct list *l = calloc(1, sizeof(*l));
	struct pk_threat_pass_conf pass = { 0 };
	struct pk_daemon *d = arg;
	char id[ID] = "";
	struct pk_args a;

	(void)bytes;
	(void)n;
	if (!l)
		return -ENOMEM;
	pk_args_begin(&a, args);
	l->job = (struct pk_job){ .out = out,
				  .step = list_step,
				  .beside = sort_list,
				  .end = free_list };
	l->d = d;
	pass.from = pk_args_number(&a, "from", 0, INT64_MAX);
	l->limit = (uint32_t)pk_args_number(&a, "limit", LIMIT, LIMIT);
	if (take_id(id, &a, out) || pk_args_end(&a, out)) {
		free_list(&l->job);
		return 0;
	}
	l->one = sscanf(id, "\"id\":\"%16" SCNx64 "%16" SCNx64, &l->id[0],
			&l->id[1]) == 2;
	l->encoded = malloc(PK_ENCODE_MAX);
	pass.threats = pk_pipeline_threats(d->pipeline);
	if (!l->encoded || pk_threat_pass_new(&l->pass, &pass)) {
		free_list(&l->job);
		return -ENOMEM;
	}
	pk_ctl_begin(out, "threats");
	pk_jobs_start(d->jobs, &l->job);
	return PK_CTL_LATER;
}

int pk_ctlops_register_threat(struct pk_daemon *d)
{
	int err = pk_ctl_add(d->ctl, "threat journal", op_journal, d);

	if (!err)
		err = pk_ctl_add(d->ctl, "threat list", op_list, d);
	return err ? err : pk_ctlops_register_suppress(d);
}
