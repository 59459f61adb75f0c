/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Jobs behind a real control socket. The loop and the clients take turns in one
 * thread, so every wait is for a condition.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>
#include <event2/event.h>
#include <json-c/json.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/daemon/jobs.h"

enum { TURNS = 200000, CLIENTS = 32 };

struct rig {
	char dir[32], path[64];
	struct event_base *base;
	struct pk_ctl *ctl;
	struct pk_jobs *jobs;
	sem_t gate; /* what runs beside waits for it, once armed */
	int gated;
	unsigned next_beside, ended, most_apart;
	struct work *work[CLIENTS]; /* by number; NULL: ended */
};

/* A job that takes @steps, tells an element of @bytes in each, and more. */
struct work {
	struct pk_job job;
	struct rig *rig;
	unsigned number, steps, done;
	size_t bytes;
	char kind; /* "m"ore, "b"eside, "w"ait, "g"o at once */
	unsigned beside;
	pthread_t thread;
};

static void tell(struct work *w)
{
	char *text = malloc(w->bytes + 1);

	memset(text, 'x', w->bytes);
	text[w->bytes] = '\0';
	pk_ctl_element(w->job.out, json_object_new_string(text));
	free(text);
}

/* How far the others are from this one. */
static void compare(const struct work *w)
{
	for (unsigned i = 0; i < CLIENTS; i++) {
		const struct work *o = w->rig->work[i];

		if (o && w->done > o->done + w->rig->most_apart)
			w->rig->most_apart = w->done - o->done;
	}
}

static enum pk_job_next step(struct pk_job *job)
{
	struct work *w = (struct work *)job;

	if (w->done == w->steps) {
		pk_ctl_ok(job->out, json_object_new_object());
		return PK_JOB_DONE;
	}
	w->done++;
	compare(w);
	if (w->bytes)
		tell(w);
	switch (w->kind) {
	case 'b':
		return PK_JOB_BESIDE;
	case 'w':
		return PK_JOB_WAIT;
	case 'g':
		pk_job_go(job);
		return PK_JOB_WAIT;
	default:
		return PK_JOB_MORE;
	}
}

static void beside(struct pk_job *job)
{
	struct work *w = (struct work *)job;

	if (w->rig->gated)
		sem_wait(&w->rig->gate);
	w->thread = pthread_self();
	w->beside = ++w->rig->next_beside;
}

static void end(struct pk_job *job)
{
	struct work *w = (struct work *)job;

	w->rig->ended++;
	w->rig->work[w->number] = NULL;
	free(w);
}

static int number(struct json_object *args, const char *name)
{
	struct json_object *v;

	return json_object_object_get_ex(args, name, &v)
		       ? json_object_get_int(v)
		       : 0;
}

static int op_work(void *arg, struct json_object *args, const void *bytes,
		   size_t n, struct pk_ctl_answer *out)
{
	struct work *w = calloc(1, sizeof(*w));
	struct json_object *kind;

	(void)bytes;
	(void)n;
	w->job = (struct pk_job){ .out = out,
				  .step = step,
				  .beside = beside,
				  .end = end,
				  .stay = number(args, "stay") != 0 };
	w->rig = arg;
	w->number = (unsigned)number(args, "number");
	w->steps = (unsigned)number(args, "steps");
	w->bytes = (size_t)number(args, "size");
	if (json_object_object_get_ex(args, "kind", &kind))
		w->kind = *json_object_get_string(kind);
	w->rig->work[w->number] = w;
	pk_ctl_begin(out, "items");
	pk_jobs_start(w->rig->jobs, &w->job);
	return PK_CTL_LATER;
}

static int op_ping(void *arg, struct json_object *args, const void *bytes,
		   size_t n, struct pk_ctl_answer *out)
{
	(void)arg;
	(void)args;
	(void)bytes;
	(void)n;
	pk_ctl_ok(out, NULL);
	return 0;
}

static void open_rig(struct rig *r, uint32_t deadline_ms)
{
	struct pk_ctl_conf conf = { .upload_bytes = 1 << 20,
				    .deadline_ms = deadline_ms };

	memset(r, 0, sizeof(*r));
	strcpy(r->dir, "/tmp/pk-jobs-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	snprintf(r->path, sizeof(r->path), "%s/s", r->dir);
	sem_init(&r->gate, 0, 0);
	r->base = event_base_new();
	assert_int_equal(pk_jobs_new(&r->jobs, r->base), 0);
	assert_int_equal(pk_ctl_listen(&conf.fd, r->path, getegid()), 0);
	assert_int_equal(pk_ctl_new(&r->ctl, r->base, &conf), 0);
	assert_int_equal(pk_ctl_add(r->ctl, "work", op_work, r), 0);
	assert_int_equal(pk_ctl_add(r->ctl, "ping", op_ping, r), 0);
}

static void close_rig(struct rig *r)
{
	pk_ctl_free(r->ctl);
	pk_jobs_free(r->jobs);
	event_base_free(r->base);
	sem_destroy(&r->gate);
	unlink(r->path);
	rmdir(r->dir);
}

/* Once round: without ONCE it would go on while there is a job. */
static void turn(struct rig *r)
{
	event_base_loop(r->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static struct pk_ctl_counters counts(const struct rig *r)
{
	struct pk_ctl_counters c;

	pk_ctl_counters(r->ctl, &c);
	return c;
}

/* --- clients ----------------------------------------------------------------- */

static int ask(struct rig *r, const char *line)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ssize_t n = (ssize_t)strlen(line);

	strcpy(at.sun_path, r->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(send(fd, line, (size_t)n, MSG_NOSIGNAL), n);
	return fd;
}

static int work(struct rig *r, unsigned n, const char *rest)
{
	char line[256];

	snprintf(line, sizeof(line),
		 "{\"op\":\"work\",\"args\":{\"number\":%u,%s}}\n", n, rest);
	return ask(r, line);
}

/* The answer's elements; 0: none, the connection ended without it. */
static size_t elements(struct rig *r, int fd)
{
	size_t got = 0, room = 1 << 16, n = 0;
	char *text = malloc(room);
	struct json_object *o, *v;
	ssize_t more = -1;

	for (int i = 0; i < TURNS && !(got && text[got - 1] == '\n'); i++) {
		if (got == room)
			text = realloc(text, room *= 2);
		more = recv(fd, text + got, room - got, 0);
		if (!more)
			break;
		got += more > 0 ? (size_t)more : 0;
		turn(r);
	}
	close(fd);
	if (more > 0) {
		text[got - 1] = '\0';
		o = json_tokener_parse(text);
		assert_non_null(o);
		assert_true(json_object_object_get_ex(o, "result", &v));
		if (json_object_object_get_ex(v, "items", &v))
			n = json_object_array_length(v);
		else
			n = 1; /* a ping's */
		json_object_put(o);
	}
	free(text);
	return n;
}

static void wait_ended(struct rig *r, unsigned n)
{
	for (int i = 0; i < TURNS && r->ended != n; i++) {
		usleep(10);
		turn(r);
	}
	assert_int_equal(r->ended, n);
}

static void wait_done(struct rig *r, unsigned number, unsigned steps)
{
	for (int i = 0; i < TURNS; i++) {
		if (r->work[number] && r->work[number]->done >= steps)
			return;
		turn(r);
	}
	fail_msg("job %u did not get to step %u", number, steps);
}

/* --- tests ---------------------------------------------------------------------- */

static void jobs_take_turns_and_others_come_between(void **state)
{
	unsigned before;
	struct rig r;
	int a, b;

	(void)state;
	open_rig(&r, 0);
	a = work(&r, 0, "\"steps\":400000");
	b = work(&r, 1, "\"steps\":400000");
	wait_done(&r, 0, 1);
	wait_done(&r, 1, 1);
	r.most_apart = 0;
	before = r.work[0]->done;
	assert_int_equal(elements(&r, ask(&r, "{\"op\":\"ping\"}\n")), 1);
	/* a job does not have the loop for itself, nor does it stand still */
	assert_int_equal(r.ended, 0);
	assert_true(r.work[0]->done > before);
	close(a);
	close(b);
	wait_ended(&r, 2);
	assert_in_range(r.most_apart, 0, 2);
	close_rig(&r);
}

/* One that has left something unread, and one that has not: poll(2) differs. */
static void end_with_client(int reads)
{
	struct rig r;
	char some[64];
	int fd;

	open_rig(&r, 0);
	fd = work(&r, 0, "\"steps\":1000000000");
	wait_done(&r, 0, 10);
	while (reads && recv(fd, some, sizeof(some), 0) < 0)
		turn(&r);
	close(fd);
	wait_ended(&r, 1);
	assert_int_equal(counts(&r).error[PK_CTL_E_ABORTED], 1);
	assert_int_equal(counts(&r).pending, 0);
	for (int i = 0; i < 100 && counts(&r).open; i++)
		turn(&r);
	assert_int_equal(counts(&r).open, 0);
	close_rig(&r);
}

static void a_job_ends_with_its_client(void **state)
{
	(void)state;
	end_with_client(0);
	end_with_client(1);
}

static void a_job_that_stays_goes_on_without_it(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	open_rig(&r, 0);
	fd = work(&r, 0, "\"stay\":1,\"steps\":20000");
	wait_done(&r, 0, 10);
	close(fd);
	wait_ended(&r, 1);
	assert_int_equal(counts(&r).error[PK_CTL_E_ABORTED], 0);
	assert_int_equal(counts(&r).ok, 1);
	close_rig(&r);
}

static void a_client_that_sends_no_more_gets_its_list(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	open_rig(&r, 0);
	fd = work(&r, 0, "\"steps\":50,\"size\":100");
	shutdown(fd, SHUT_WR);
	assert_int_equal(elements(&r, fd), 50);
	close_rig(&r);
}

static void one_that_does_not_read_holds_up_its_own_job_alone(void **state)
{
	enum { MANY = 200 }; /* of 64 KiB */
	unsigned told;
	struct rig r;
	int slow;

	(void)state;
	open_rig(&r, 60000);
	slow = work(&r, 0, "\"steps\":200,\"size\":65536");
	wait_done(&r, 0, 2);
	for (int i = 0; i < 1000; i++)
		turn(&r);
	/* 256 KiB, what the socket takes, and the element beyond */
	told = r.work[0]->done;
	assert_in_range(told, 4, 16);
	for (unsigned i = 1; i < 4; i++)
		assert_int_equal(
			elements(&r, work(&r, i, "\"steps\":900,\"size\":9")),
			900);
	assert_int_equal(r.work[0]->done, told);
	assert_int_equal(elements(&r, slow), MANY);
	assert_int_equal(r.ended, 4);
	close_rig(&r);
}

static void one_that_never_reads_is_let_go(void **state)
{
	struct rig r;
	int slow;

	(void)state;
	open_rig(&r, 50);
	slow = work(&r, 0, "\"steps\":200,\"size\":65536");
	wait_ended(&r, 1);
	assert_int_equal(counts(&r).open, 0);
	assert_int_equal(counts(&r).error[PK_CTL_E_ABORTED], 1);
	close(slow);
	close_rig(&r);
}

static void beside_is_another_thread_one_after_the_other(void **state)
{
	struct rig r;
	int fd[3];

	(void)state;
	open_rig(&r, 0);
	r.gated = 1;
	for (unsigned i = 0; i < 3; i++) {
		fd[i] = work(&r, i, "\"steps\":1,\"kind\":\"b\"");
		wait_done(&r, i, 1);
	}
	/* none of them has come back, and the loop goes on */
	assert_int_equal(elements(&r, ask(&r, "{\"op\":\"ping\"}\n")), 1);
	assert_int_equal(r.ended, 0);
	for (unsigned i = 0; i < 3; i++) {
		sem_post(&r.gate);
		wait_ended(&r, i + 1);
		/* the first that came, and no other */
		assert_null(r.work[i]);
		assert_int_equal(r.next_beside, i + 1);
	}
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(elements(&r, fd[i]), 0);
	close_rig(&r);
}

static void one_whose_client_left_is_not_freed_under_its_thread(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	open_rig(&r, 0);
	r.gated = 1;
	fd = work(&r, 0, "\"steps\":1,\"kind\":\"b\"");
	wait_done(&r, 0, 1);
	close(fd);
	for (int i = 0; i < 100; i++)
		turn(&r);
	assert_int_equal(r.ended, 0);
	sem_post(&r.gate);
	wait_ended(&r, 1);
	assert_int_equal(counts(&r).error[PK_CTL_E_ABORTED], 1);
	close_rig(&r);
}

static void one_that_waits_goes_on_when_told(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	open_rig(&r, 0);
	fd = work(&r, 0, "\"steps\":2,\"size\":1,\"kind\":\"w\"");
	for (unsigned i = 1; i <= 2; i++) {
		wait_done(&r, 0, i);
		for (int k = 0; k < 100; k++)
			turn(&r);
		assert_int_equal(r.work[0]->done, i);
		pk_job_go(&r.work[0]->job);
	}
	assert_int_equal(elements(&r, fd), 2);
	/* told before it waits */
	fd = work(&r, 1, "\"steps\":5,\"size\":1,\"kind\":\"g\"");
	assert_int_equal(elements(&r, fd), 5);
	close_rig(&r);
}

static void many_at_once_all_get_their_list(void **state)
{
	int fd[CLIENTS];
	struct rig r;

	(void)state;
	open_rig(&r, 60000);
	for (unsigned i = 0; i < CLIENTS; i++)
		fd[i] = work(&r, i,
			     i % 2 ? "\"steps\":3000,\"size\":300"
				   : "\"steps\":300,\"size\":1,\"kind\":\"g\"");
	for (unsigned i = CLIENTS; i--;)
		assert_int_equal(elements(&r, fd[i]), i % 2 ? 3000 : 300);
	assert_int_equal(r.ended, CLIENTS);
	close_rig(&r);
}

/* In each state that there is. */
static void jobs_that_are_left_are_ended(void **state)
{
	static const char *const kinds[] = { "\"steps\":1000000000",
					     "\"steps\":5,\"kind\":\"w\"",
					     "\"steps\":5,\"kind\":\"b\"",
					     "\"steps\":5,\"kind\":\"b\"",
					     "\"steps\":200,\"size\":65536" };
	struct rig r;
	int fd[5];

	(void)state;
	open_rig(&r, 60000);
	r.gated = 1;
	for (unsigned i = 0; i < 5; i++) {
		fd[i] = work(&r, i, kinds[i]);
		wait_done(&r, i, 1);
	}
	for (int i = 0; i < 100; i++)
		turn(&r);
	sem_post(&r.gate);
	pk_jobs_free(r.jobs);
	r.jobs = NULL;
	assert_int_equal(r.ended, 5);
	assert_int_equal(counts(&r).pending, 0);
	for (unsigned i = 0; i < 5; i++)
		close(fd[i]);
	close_rig(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(jobs_take_turns_and_others_come_between),
		cmocka_unit_test(a_job_ends_with_its_client),
		cmocka_unit_test(a_job_that_stays_goes_on_without_it),
		cmocka_unit_test(a_client_that_sends_no_more_gets_its_list),
		cmocka_unit_test(
			one_that_does_not_read_holds_up_its_own_job_alone),
		cmocka_unit_test(one_that_never_reads_is_let_go),
		cmocka_unit_test(beside_is_another_thread_one_after_the_other),
		cmocka_unit_test(
			one_whose_client_left_is_not_freed_under_its_thread),
		cmocka_unit_test(one_that_waits_goes_on_when_told),
		cmocka_unit_test(many_at_once_all_get_their_list),
		cmocka_unit_test(jobs_that_are_left_are_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
