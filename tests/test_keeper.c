/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keeper with a journal and a checkpoint on disk: a process that is killed
 * at some point, and what the next one knows.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>
#include <xxhash.h>

#include "control/checkpoint/slot.h"
#include "control/daemon/keeper.h"

#define SEC   1000000000ULL
#define START (1700000000 * SEC)

struct life {
	char dir[32];
	char journal[64];
	char checkpoint[64];
	char endpoint[64];
	uint64_t epoch;
	int deny; /* a rule suppresses all */
	struct event_base *base;
	struct pk_bus *bus;
	struct pk_outbox *outbox;
	struct pk_pipeline *pipeline;
	struct pk_keeper *keeper;
};

static int match_tcp(const struct pk_flow *f)
{
	return f->key.proto == 6;
}

static const struct pk_detector detector = {
	.name = "any",
	.match = match_tcp,
	.window = { 60 * SEC, 0 },
	.mute_ns = 600 * SEC,
	.severity = "low",
};

static int suppressed(void *arg, const struct pk_threat_subject *subject)
{
	const struct life *l = arg;

	(void)subject;
	return l->deny;
}

static void put(void *arg, const struct pk_threat *t)
{
	struct life *l = arg;

	pk_outbox_threat(l->outbox, t);
}

static struct life *make(void)
{
	struct life *l = calloc(1, sizeof(*l));

	assert_non_null(l);
	strcpy(l->dir, "/tmp/picket-keeper-XXXXXX");
	assert_non_null(mkdtemp(l->dir));
	snprintf(l->journal, sizeof(l->journal), "%s/journal", l->dir);
	snprintf(l->checkpoint, sizeof(l->checkpoint), "%s/checkpoint", l->dir);
	snprintf(l->endpoint, sizeof(l->endpoint), "ipc://%s/bus", l->dir);
	return l;
}

static void open_outbox(struct life *l)
{
	const char *endpoints[] = { l->endpoint };
	const struct pk_bus_conf bus = { .endpoints = endpoints,
					 .endpoint_count = 1,
					 .sensor = "s",
					 .epoch = ++l->epoch };
	struct pk_outbox_conf outbox = { .dir = l->journal,
					 .epoch = l->epoch,
					 .sync = PK_SYNC_SECOND };

	assert_int_equal(pk_bus_new(&l->bus, &bus), 0);
	outbox.bus = l->bus;
	assert_int_equal(pk_outbox_new(&l->outbox, &outbox), 0);
}

static void begin(struct life *l)
{
	struct pk_pipeline_conf pipeline = {
		.threats = { .sensor = "s",
			     .sink = put,
			     .sink_arg = l,
			     .suppressed = suppressed,
			     .suppressed_arg = l },
		.detectors = &detector,
		.detector_count = 1,
	};
	struct pk_keeper_conf keeper = { .dir = l->checkpoint,
					 .journal_dir = l->journal,
					 .now_ns = START + 10 * SEC };

	open_outbox(l);
	pipeline.threats.epoch = l->epoch;
	pipeline.threats.seq = pk_outbox_last(l->outbox);
	assert_int_equal(pk_pipeline_new(&l->pipeline, &pipeline), 0);
	l->base = event_base_new();
	keeper.base = l->base;
	keeper.pipeline = l->pipeline;
	keeper.outbox = l->outbox;
	assert_int_equal(pk_keeper_new(&l->keeper, &keeper), 0);
}

static void end(struct life *l)
{
	pk_keeper_free(l->keeper);
	pk_pipeline_free(l->pipeline);
	pk_outbox_free(l->outbox);
	pk_bus_free(l->bus);
	event_base_free(l->base);
}

static void unmake(struct life *l)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", l->dir);
	assert_int_equal(system(command), 0);
	free(l);
}

/* A process of its own does it, and is killed at the end. */
static void live(struct life *l, void (*act)(struct life *l))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	l->epoch++;
	if (!pid) {
		begin(l);
		act(l);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void see(struct life *l, uint8_t host)
{
	struct pk_flow f = {
		.head = { .type = PK_RECORD_FLOW,
			  .len = sizeof(f),
			  .seen_ns = START,
			  .sampling = 1,
			  .plane = PK_PLANE_XDP },
		.key = { .src = { .b = { 1, [15] = host } }, .proto = 6 },
		.start_ns = START,
		.end_ns = START,
		.packets = { 1, 0 },
	};

	pk_pipeline_record(l->pipeline, &f.head);
}

static uint64_t open_now(const struct life *l)
{
	struct pk_pipeline_stats s;

	pk_pipeline_stats(l->pipeline, &s);
	return s.threat.open;
}

/* --- what has a number, and what is written -------------------------------------- */

static void close_all_and_save(struct life *l)
{
	see(l, 1);
	see(l, 2);
	pk_outbox_commit(l->outbox);
	l->deny = 1;
	pk_pipeline_suppress(l->pipeline);
	assert_int_equal(pk_keeper_flush(l->keeper, START), 0);
}

static void a_checkpoint_is_not_ahead_of_the_journal(void **unused)
{
	struct life *l = make();

	(void)unused;
	live(l, close_all_and_save);
	begin(l);
	assert_int_equal(open_now(l), 0);
	assert_int_equal(pk_outbox_last(l->outbox), 4);
	end(l);
	unmake(l);
}

/* --- a part that is refused ------------------------------------------------------ */

static void open_three_and_save(struct life *l)
{
	see(l, 1);
	see(l, 2);
	see(l, 3);
	pk_outbox_commit(l->outbox);
	assert_int_equal(pk_keeper_flush(l->keeper, START), 0);
	assert_int_equal(pk_keeper_flush(l->keeper, START), 0);
}

/* In the slot @path, the part "threats" is of another version. */
static void change_version(const char *path)
{
	const size_t head = offsetof(struct pk_slot_head, bytes);
	const struct pk_slot_part *p = NULL;
	static uint8_t bytes[1 << 20];
	struct pk_slot_head *h = (void *)bytes;
	FILE *f = fopen(path, "r+");
	size_t n;

	assert_non_null(f);
	n = fread(bytes, 1, sizeof(bytes), f);
	do
		p = pk_slot_next(bytes, p);
	while (p && strcmp(p->name, "threats") != 0);
	assert_non_null(p);
	((struct pk_slot_part *)(uintptr_t)p)->version = 99;
	h->checksum = XXH3_64bits(bytes + head, sizeof(*h) + h->bytes - head);
	rewind(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	fclose(f);
}

static void without_its_threats_the_journal_says_what_is_open(void **unused)
{
	struct life *l = make();
	char path[80];

	(void)unused;
	live(l, open_three_and_save);
	for (int n = 0; n < 2; n++) {
		snprintf(path, sizeof(path), "%s/%d", l->checkpoint, n);
		change_version(path);
	}
	begin(l);
	assert_int_equal(open_now(l), 3);
	end(l);
	unmake(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_checkpoint_is_not_ahead_of_the_journal),
		cmocka_unit_test(
			without_its_threats_the_journal_says_what_is_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
