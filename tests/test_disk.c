/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/disk_rig.h"

#include <sys/wait.h>

/* --- what comes back ------------------------------------------------------ */

static void a_new_directory_holds_nothing_and_is_private(void **state)
{
	struct stat st;
	struct rig r;
	char path[256];

	(void)state;
	rig_init(&r);
	rig_open(&r);
	assert_int_equal(r.loaded.last.number, 0);
	assert_int_equal(r.loaded.damaged, 0);
	assert_int_equal(pk_store_next(r.s, 0), 0);
	assert_true(pk_store_seed(r.s) == RIG_SEED);
	assert_string_equal(r.said, "");
	assert_int_equal(stat(r.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	rig_file(&r, "log-0", path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	rig_reopen(&r);
	assert_int_equal(r.loaded.last.number, 0);
	rig_fini(&r);
}

static void a_commit_comes_back_with_slots_and_all_that_was_said(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_open(&r);
	rig_feed(&r, 0);
	rig_feed(&r, 1);
	for (unsigned i = 0; i < RIG_VALUES; i++) {
		rig_add(&r, i, 0);
		rig_add(&r, i, i % 2);
	}
	rig_del(&r, 7, PK_ALL_FEEDS);
	rig_commit(&r);
	rig_remember(&r);
	/* The directory's seed counts, not the one asked for. */
	r.conf.seed = 1;
	rig_reopen(&r);
	rig_expect_text(r.s, r.state[1]);
	assert_true(pk_store_seed(r.s) == RIG_SEED);
	assert_int_equal(r.loaded.last.number, 1);
	assert_int_equal(r.loaded.last.live, RIG_VALUES - 1);
	assert_int_equal(r.loaded.last.uid, 1000);
	assert_int_equal(r.loaded.last.boot_id[1], 2);
	assert_int_equal(r.loaded.snapshot, 0);
	assert_int_equal(r.loaded.replayed, 1);
	assert_string_equal(r.loaded.last.feed, "feed-1");
	assert_string_equal(r.said, "");
	rig_fini(&r);
}

static uint64_t room_of_log(const struct rig *r)
{
	char path[256];
	struct stat st;

	rig_file(r, "log-0", path);
	assert_int_equal(stat(path, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

static void room_that_was_not_needed_is_given_back(void **state)
{
	enum { MUCH = 4 << 20 };
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_open(&r);
	rig_feed(&r, 0);
	rig_commit(&r);
	assert_int_equal(pk_disk_reserve(r.disk, MUCH), 0);
	rig_add(&r, 1, 0);
	rig_commit(&r);
	rig_remember(&r);
	assert_true(room_of_log(&r) < MUCH / 2);
	assert_int_equal(pk_disk_reserve(r.disk, MUCH), 0);
	rig_add(&r, 2, 0);
	pk_disk_abort(r.disk);
	assert_true(room_of_log(&r) < MUCH / 2);
	/* More than there is: said, and nothing is kept. */
	assert_true(pk_disk_reserve(r.disk, INT64_MAX / 2) < 0);
	assert_non_null(strstr(r.said, "no room for a change of"));
	assert_true(room_of_log(&r) < MUCH / 2);
	r.said[0] = 0;
	rig_reopen(&r);
	rig_expect_text(r.s, r.state[1]);
	rig_fini(&r);
}

static void what_was_not_committed_is_not_there(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_open(&r);
	rig_feed(&r, 0);
	rig_add(&r, 1, 0);
	rig_commit(&r);
	rig_remember(&r);
	rig_add(&r, 2, 0);
	pk_disk_abort(r.disk);
	rig_reopen(&r);
	rig_expect_text(r.s, r.state[1]);
	/* More than a frame was written already. */
	for (unsigned i = 0; i < 2000; i++)
		rig_add(&r, 3 + i % 100, 0);
	rig_reopen(&r);
	rig_expect_text(r.s, r.state[1]);
	assert_string_equal(r.said, "");
	rig_add(&r, 5, 0);
	rig_commit(&r);
	rig_remember(&r);
	rig_reopen(&r);
	rig_expect_text(r.s, r.state[2]);
	rig_fini(&r);
}

/* A base image that came back answers as one built anew does. */
static void check_base(struct rig *r)
{
	struct pk_store_stats stats;

	if (!r->base.count)
		return;
	assert_int_equal(pk_block_check(r->base.lines, r->base.count), 0);
	assert_true(r->base.head == (const void *)r->base.lines);
	pk_store_stats(r->s, &stats);
	assert_int_equal(stats.live, r->base.head->items + stats.additions -
					     stats.tombstones);
}

static void random_walk(uint64_t seed, unsigned steps)
{
	unsigned bases = 0, reopened = 0;
	struct rig r;

	rig_init(&r);
	r.random = seed;
	rig_open(&r);
	for (unsigned i = 0; i < steps; i++) {
		rig_transaction(&r, 1 + rig_random(&r, 40));
		switch (rig_random(&r, 12)) {
		case 0:
			rig_rebase(&r);
			break;
		case 1:
			rig_rebase(&r);
			assert_int_equal(rig_snapshot(&r), 0);
			break;
		case 2:
			assert_int_equal(rig_snapshot(&r), 0);
			break;
		case 3:
		case 4:
			rig_reopen(&r);
			assert_string_equal(r.said, "");
			assert_int_equal(r.loaded.last.number, r.commits);
			rig_expect_text(r.s, r.state[r.commits]);
			check_base(&r);
			bases += r.base.count != 0;
			reopened++;
			break;
		}
	}
	assert_true(bases && reopened > bases);
	rig_fini(&r);
}

static void random_transactions_come_back_through_logs_and_snapshots(
	void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 8; seed++)
		random_walk(seed, 150);
}

/* --- history -------------------------------------------------------------- */

struct told {
	struct pk_disk_commit first, last;
	unsigned count;
	unsigned stop;
};

static int tell(void *arg, const struct pk_disk_commit *c)
{
	struct told *t = arg;

	if (!t->count++)
		t->first = *c;
	else
		assert_int_equal(c->number, t->last.number - 1);
	t->last = *c;
	return t->count == t->stop ? 7 : 0;
}

static void history_is_told_newest_first_and_every_commit_can_be_had(
	void **state)
{
	struct told t = { .count = 0 };
	struct pk_store *s;
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_open(&r);
	for (unsigned i = 1; i <= 40; i++) {
		rig_transaction(&r, 10);
		if (i % 10 == 0 && i < 40)
			assert_int_equal(rig_snapshot(&r), 0);
	}
	assert_int_equal(pk_disk_history(r.disk, tell, &t), 0);
	assert_int_equal(t.count, 40);
	assert_int_equal(t.first.number, 40);
	assert_int_equal(t.first.uid, 1000);
	assert_memory_equal(t.first.op, "test ", 5);
	assert_int_equal(t.last.number, 1);
	t = (struct told){ .stop = 3 };
	assert_int_equal(pk_disk_history(r.disk, tell, &t), 7);
	assert_int_equal(t.count, 3);
	for (uint64_t n = 1; n <= 40; n++) {
		assert_int_equal(pk_disk_load_at(r.disk, n, &s), 0);
		rig_expect_text(s, r.state[n]);
		pk_store_free(s);
	}
	assert_int_equal(pk_disk_load_at(r.disk, 41, &s), -ENOENT);
	rig_expect_text(r.s, r.state[40]);
	rig_fini(&r);
}

static void old_snapshots_and_logs_go_and_their_commits_are_gone(void **state)
{
	struct told t = { .count = 0 };
	struct pk_store *s;
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_open(&r);
	for (unsigned i = 1; i <= 65; i++) {
		rig_transaction(&r, 5);
		if (i % 10 == 0)
			assert_int_equal(rig_snapshot(&r), 0);
	}
	/* 30, 40, 50 and 60 stay. */
	assert_false(rig_has(&r, "snapshot-20"));
	assert_true(rig_has(&r, "snapshot-30"));
	assert_false(rig_has(&r, "log-20"));
	assert_true(rig_has(&r, "log-30"));
	assert_int_equal(pk_disk_history(r.disk, tell, &t), 0);
	assert_int_equal(t.count, 35);
	assert_int_equal(pk_disk_load_at(r.disk, 29, &s), -ENOENT);
	for (uint64_t n = 30; n <= 65; n++) {
		assert_int_equal(pk_disk_load_at(r.disk, n, &s), 0);
		rig_expect_text(s, r.state[n]);
		pk_store_free(s);
	}
	/* A bound on bytes leaves two. */
	r.conf.max_bytes = 1;
	rig_reopen(&r);
	rig_transaction(&r, 5);
	assert_int_equal(rig_snapshot(&r), 0);
	assert_false(rig_has(&r, "snapshot-50"));
	assert_true(rig_has(&r, "snapshot-60"));
	assert_true(rig_has(&r, "snapshot-66"));
	assert_string_equal(r.said, "");
	rig_fini(&r);
}

/* --- snapshots ------------------------------------------------------------ */

static void a_snapshot_of_a_store_that_changed_meanwhile_is_dropped(
	void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_open(&r);
	assert_int_equal(pk_disk_snapshot_begin(r.disk), -ENOENT);
	rig_transaction(&r, 50);
	rig_change(&r);
	assert_int_equal(pk_disk_snapshot_begin(r.disk), -EBUSY);
	rig_transaction(&r, 1);
	assert_int_equal(pk_disk_snapshot_begin(r.disk), 0);
	assert_int_equal(pk_disk_snapshot_begin(r.disk), -EBUSY);
	assert_int_equal(pk_disk_snapshot_write(r.disk, r.s, NULL), 0);
	rig_transaction(&r, 5);
	assert_int_equal(pk_disk_snapshot_end(r.disk, PK_DISK_THREAD, 0),
			 -EAGAIN);
	assert_false(rig_has(&r, "snapshot-2"));
	assert_false(rig_has(&r, "new-snapshot"));
	assert_int_equal(pk_disk_snapshot_end(r.disk, PK_DISK_THREAD, 0),
			 -EINVAL);
	rig_reopen(&r);
	rig_expect_text(r.s, r.state[3]);
	rig_fini(&r);
}

static void a_child_writes_the_snapshot_while_changes_go_on(void **state)
{
	struct rig r;
	int status;
	pid_t child;

	(void)state;
	rig_init(&r);
	rig_open(&r);
	rig_transaction(&r, 200);
	rig_rebase(&r);
	assert_int_equal(pk_disk_snapshot_begin(r.disk), 0);
	child = fork();
	if (!child)
		_exit(pk_disk_snapshot_write(r.disk, r.s, &r.base) != 0);
	rig_transaction(&r, 200);
	rig_rebase(&r);
	rig_transaction(&r, 200);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(pk_disk_snapshot_end(r.disk, PK_DISK_CHILD, status),
			 0);
	rig_reopen(&r);
	assert_int_equal(r.loaded.snapshot, 1);
	assert_int_equal(r.loaded.replayed, 2);
	rig_expect_text(r.s, r.state[3]);
	check_base(&r);
	assert_string_equal(r.said, "");
	rig_fini(&r);
}

/* --- who may -------------------------------------------------------------- */

static void two_cannot_share_a_directory(void **state)
{
	struct pk_disk *other;
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_open(&r);
	assert_int_equal(pk_disk_open(&other, &r.conf), -EBUSY);
	assert_non_null(strstr(r.said, "another picketd"));
	rig_reopen(&r);
	rig_fini(&r);
}

static void a_path_that_cannot_be_one_is_refused(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	r.conf.path = "/dev/null";
	assert_int_equal(rig_try(&r), -ENOTDIR);
	assert_non_null(strstr(r.said, "/dev/null"));
	r.conf.path = "/nonexistent/a/b";
	assert_int_equal(rig_try(&r), -ENOENT);
	rig_fini(&r);
}

/* --- audit log ------------------------------------------------------------ */

static unsigned lines_of(const char *text)
{
	unsigned n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void every_attempt_leaves_a_line_and_hostile_text_stays_text(
	void **state)
{
	struct pk_disk_commit c = { .at = 1700000000, .uid = 7 };
	struct rig r;
	char *text;
	size_t len;

	(void)state;
	rig_init(&r);
	rig_open(&r);
	rig_feed(&r, 0);
	rig_add(&r, 0, 0);
	strcpy(c.op, "load \"\\\n\x1b[2J \xe2\x80\xae \xff \xf0\x9f\x92\xa9");
	strcpy(c.feed, "x\x7f");
	c.added = 1;
	assert_int_equal(pk_disk_commit(r.disk, r.s, &c), 0);
	c.number = 0;
	pk_disk_audit(r.disk, &c, "refused: too wide");
	text = (char *)rig_read(&r, "audit.ndjson", &len);
	assert_string_equal(
		text,
		"{\"time\":\"2023-11-14T22:13:20Z\",\"at\":1700000000,"
		"\"uid\":7,\"op\":\"load \\\"\\\\\\u000a\\u001b[2J \\u202e "
		"\\ufffd \\ud83d\\udca9\",\"feed\":\"x\\u007f\",\"added\":1,"
		"\"changed\":0,\"withdrawn\":0,\"outcome\":\"committed\","
		"\"commit\":1,\"last\":1}\n"
		"{\"time\":\"2023-11-14T22:13:20Z\",\"at\":1700000000,"
		"\"uid\":7,\"op\":\"load \\\"\\\\\\u000a\\u001b[2J \\u202e "
		"\\ufffd \\ud83d\\udca9\",\"feed\":\"x\\u007f\",\"added\":1,"
		"\"changed\":0,\"withdrawn\":0,\"outcome\":\"refused: too "
		"wide\",\"commit\":0,\"last\":1}\n");
	free(text);
	rig_fini(&r);
}

static void the_audit_log_turns_over_and_keeps_two_files(void **state)
{
	struct rig r;
	char *text;
	size_t len = 0;

	(void)state;
	rig_init(&r);
	r.conf.audit_bytes = 1000;
	rig_open(&r);
	for (unsigned i = 0; i < 30; i++)
		rig_transaction(&r, 1);
	text = (char *)rig_read(&r, "audit.ndjson", &len);
	assert_true(len && len <= 1000);
	assert_non_null(strstr(text, "\"commit\":30,"));
	free(text);
	text = (char *)rig_read(&r, "audit.ndjson.1", &len);
	assert_true(len > 800 && len <= 1000);
	free(text);
	assert_false(rig_has(&r, "audit.ndjson.2"));
	rig_fini(&r);
}

static void a_line_that_a_crash_lost_is_written_at_the_next_start(void **state)
{
	struct rig r;
	char *text;
	size_t len = 0;

	(void)state;
	rig_init(&r);
	rig_open(&r);
	for (unsigned i = 0; i < 3; i++)
		rig_transaction(&r, 1);
	text = (char *)rig_read(&r, "audit.ndjson", &len);
	/* The last line is torn. */
	rig_write(&r, "audit.ndjson", text, len - 9);
	rig_reopen(&r);
	free(text);
	text = (char *)rig_read(&r, "audit.ndjson", &len);
	assert_int_equal(lines_of(text), 3);
	assert_non_null(strstr(text, "\"commit\":3,\"last\":3}\n"));
	free(text);
	rig_remove(&r, "audit.ndjson");
	rig_reopen(&r);
	text = (char *)rig_read(&r, "audit.ndjson", &len);
	assert_int_equal(lines_of(text), 3);
	free(text);
	rig_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_directory_holds_nothing_and_is_private),
		cmocka_unit_test(
			a_commit_comes_back_with_slots_and_all_that_was_said),
		cmocka_unit_test(room_that_was_not_needed_is_given_back),
		cmocka_unit_test(what_was_not_committed_is_not_there),
		cmocka_unit_test(
			random_transactions_come_back_through_logs_and_snapshots),
		cmocka_unit_test(
			history_is_told_newest_first_and_every_commit_can_be_had),
		cmocka_unit_test(
			old_snapshots_and_logs_go_and_their_commits_are_gone),
		cmocka_unit_test(
			a_snapshot_of_a_store_that_changed_meanwhile_is_dropped),
		cmocka_unit_test(
			a_child_writes_the_snapshot_while_changes_go_on),
		cmocka_unit_test(two_cannot_share_a_directory),
		cmocka_unit_test(a_path_that_cannot_be_one_is_refused),
		cmocka_unit_test(
			every_attempt_leaves_a_line_and_hostile_text_stays_text),
		cmocka_unit_test(the_audit_log_turns_over_and_keeps_two_files),
		cmocka_unit_test(
			a_line_that_a_crash_lost_is_written_at_the_next_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
