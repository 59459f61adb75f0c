/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole feeds behind the control socket: loaded, replaced, held back, withdrawn;
 * history, and what comes back after a restart. What the daemon says of itself
 * is checked against look-ups in its published image.
 */
#include "tests/ctlops_rig.h"

/* --- whole feeds ------------------------------------------------------------------------ */

static void a_feed_is_loaded_replaced_and_withdrawn(void **state)
{
	struct json_object *o;
	struct rig r;

	(void)state;
	open_rig(&r);
	o = uploaded(&r, "ioc load", "\"feed\":\"f\",\"format\":\"lines\"",
		     "# mine\n\n203.0.113.1\n203.0.113.2\nnot a value\n"
		     "203.0.113.2\n10.0.0.1\n");
	assert_int_equal(number(o, "records"), 7);
	assert_int_equal(number(o, "blank"), 1);
	assert_int_equal(number(o, "comments"), 1);
	assert_int_equal(number(o, "accepted"), 2);
	assert_int_equal(number(o, "duplicates"), 1);
	assert_int_equal(number(o, "refused"), 2);
	assert_int_equal(number(o, "reasons.bogon"), 1);
	assert_int_equal(number(o, "diff.added"), 2);
	assert_true(json_object_get_boolean(at(o, "applied")));
	put(o);
	assert_true(matches(&r, "203.0.113.1"));
	o = uploaded(&r, "ioc replace", "\"feed\":\"f\",\"format\":\"lines\"",
		     "203.0.113.2\n203.0.113.3\n");
	assert_int_equal(number(o, "diff.added"), 1);
	assert_int_equal(number(o, "diff.withdrawn"), 1);
	assert_int_equal(number(o, "diff.same"), 1);
	put(o);
	assert_false(matches(&r, "203.0.113.1"));
	assert_true(matches(&r, "203.0.113.3"));
	o = ok(&r, "feed show", "\"feed\":\"f\"");
	assert_int_equal(number(o, "items"), 2);
	put(o);
	o = ok(&r, "feed del", "\"feed\":\"f\"");
	assert_int_equal(number(o, "withdrawn"), 2);
	put(o);
	assert_false(matches(&r, "203.0.113.3"));
	close_rig(&r);
}

static void a_dry_run_changes_nothing(void **state)
{
	struct json_object *o;
	uint64_t before, commit;
	struct rig r;

	(void)state;
	open_rig(&r);
	put(uploaded(&r, "ioc load", "\"feed\":\"f\"",
		     "203.0.113.1\n203.0.113.2\n"));
	before = pk_indicators_generation(r.d.indicators);
	commit = pk_indicators_last(r.d.indicators);
	o = uploaded(&r, "ioc diff", "\"feed\":\"f\"",
		     "203.0.113.2\n203.0.113.3\n203.0.113.4\n");
	assert_int_equal(number(o, "diff.added"), 2);
	assert_int_equal(number(o, "diff.withdrawn"), 1);
	assert_int_equal(number(o, "diff.same"), 1);
	assert_true(number(o, "memory.store_after") >=
		    number(o, "memory.store"));
	assert_false(json_object_get_boolean(at(o, "applied")));
	put(o);
	o = uploaded(&r, "ioc load", "\"feed\":\"new\",\"dry_run\":true",
		     "203.0.113.9\n");
	assert_int_equal(number(o, "diff.added"), 1);
	put(o);
	assert_true(pk_indicators_generation(r.d.indicators) == before);
	assert_true(pk_indicators_last(r.d.indicators) == commit);
	assert_false(matches(&r, "203.0.113.3"));
	o = ok(&r, "feed list", "");
	assert_int_equal(json_object_array_length(at(o, "feeds")), 1);
	put(o);
	close_rig(&r);
}

/* G06: what shrinks a lot is held back, with all that it would have done. */
static void a_feed_that_shrinks_is_held_back(void **state)
{
	char many[400 * 16] = "";
	struct json_object *o;
	struct rig r;

	(void)state;
	open_rig(&r);
	for (int i = 0; i < 400; i++)
		sprintf(many + strlen(many), "198.18.%d.%d\n", i / 200,
			i % 200 + 1);
	put(uploaded(&r, "ioc load", "\"feed\":\"f\",\"force\":true", many));
	o = upload(&r, "ioc replace", "\"feed\":\"f\",\"force\":false",
		   "203.0.113.1\n");
	assert_string_equal(text(o, "error.code"), "guarded");
	assert_string_equal(text(o, "error.details.guards.0.guard"), "shrink");
	assert_int_equal(number(o, "error.details.diff.withdrawn"), 400);
	put(o);
	assert_true(matches(&r, "198.18.0.1"));
	o = upload(&r, "ioc replace", "\"feed\":\"f\"", "");
	assert_string_equal(text(o, "error.code"), "guarded");
	put(o);
	o = upload(&r, "ioc replace", "\"feed\":\"f\",\"force\":true",
		   "<!DOCTYPE html><html><body>404</body></html>\n");
	assert_string_equal(text(o, "error.code"), "broken");
	put(o);
	assert_true(matches(&r, "198.18.0.1"));
	o = uploaded(&r, "ioc replace", "\"feed\":\"f\",\"force\":true",
		     "203.0.113.1\n");
	assert_int_equal(number(o, "diff.withdrawn"), 400);
	put(o);
	assert_false(matches(&r, "198.18.0.1"));
	close_rig(&r);
}

/* G08 */
/* Else the list that is right could not be renewed while it matches. */
static void only_new_values_are_compared_with_traffic(void **state)
{
	struct pk_flow flow = { .packets = { 5000, 0 } };
	struct pk_indicator ind;
	struct json_object *o;
	struct rig r;

	(void)state;
	open_rig(&r);
	pk_indicator_init(&ind);
	assert_int_equal(pk_indicator_parse(&ind, "203.0.113.1", 11), 0);
	flow.head.type = PK_RECORD_FLOW;
	flow.head.seen_ns = pk_daemon_real_ns();
	flow.key.src = flow.key.dst = ind.addr;
	pk_guards_see(r.d.guards, (const struct pk_record *)&flow);
	o = upload(&r, "ioc load", "\"feed\":\"a\"", "203.0.113.1\n");
	assert_string_equal(text(o, "error.code"), "guarded");
	assert_non_null(strstr(text(o, "error.message"), "recent packets"));
	put(o);
	put(uploaded(&r, "ioc load", "\"feed\":\"a\",\"force\":true",
		     "203.0.113.1\n"));
	put(uploaded(&r, "ioc replace", "\"feed\":\"a\"",
		     "203.0.113.1\n203.0.113.2\n"));
	close_rig(&r);
}

static void a_value_lives_until_its_last_feed_withdraws_it(void **state)
{
	struct json_object *o;
	struct rig r;

	(void)state;
	open_rig(&r);
	put(uploaded(&r, "ioc load", "\"feed\":\"a\"",
		     "203.0.113.1\n203.0.113.2\n"));
	put(uploaded(&r, "ioc load", "\"feed\":\"b\",\"confidence\":90",
		     "203.0.113.2\n203.0.113.3\n"));
	o = ok(&r, "ioc test", "\"value\":\"203.0.113.2\"");
	assert_string_equal(text(o, "items.0.feed"), "b");
	assert_int_equal(json_object_array_length(at(o, "items.0.feeds")), 2);
	put(o);
	put(ok(&r, "feed del", "\"feed\":\"b\""));
	assert_true(matches(&r, "203.0.113.2"));
	assert_false(matches(&r, "203.0.113.3"));
	put(ok(&r, "ioc del", "\"value\":\"203.0.113.2\",\"feed\":\"a\""));
	assert_false(matches(&r, "203.0.113.2"));
	close_rig(&r);
}

/* G10 */
static void two_at_once_do_not_mix(void **state)
{
	char *many = calloc(1, 200000 * 16);
	struct json_object *o;
	struct rig r;
	size_t n = 0;
	int fd, other;

	(void)state;
	open_rig(&r);
	for (int i = 0; i < 200000; i++)
		n += (size_t)sprintf(many + n, "8.%d.%d.%d\n", i >> 16,
				     i >> 8 & 255, i & 255);
	fd = ask_with(&r, "ioc load", "\"feed\":\"big\",\"force\":true", many,
		      n);
	for (int i = 0; i < TURNS && !r.d.loader->load; i++)
		turn(&r);
	other = ask_with(&r, "ioc load", "\"feed\":\"other\"", "203.0.113.1\n",
			 12);
	/* a push goes on beside them */
	put(ok(&r, "ioc add", "\"value\":\"203.0.113.5\""));
	assert_true(r.d.loader->load != NULL);
	assert_false(matches(&r, "203.0.113.1"));
	put(answer(&r, fd));
	assert_true(matches(&r, "8.3.13.63"));
	assert_true(matches(&r, "203.0.113.5"));
	o = answer(&r, other);
	assert_int_equal(number(o, "result.diff.added"), 1);
	put(o);
	assert_true(matches(&r, "203.0.113.1"));
	o = upload(&r, "ioc replace", "\"feed\":\"other\",\"expect\":0",
		   "203.0.113.2\n");
	assert_string_equal(text(o, "error.code"), "conflict");
	put(o);
	assert_true(matches(&r, "203.0.113.1"));
	rest(&r);
	o = ok(&r, "ioc status", "");
	assert_string_equal(text(o, "state"), "ok");
	assert_int_equal(number(o, "items"), 200002);
	assert_true(number(o, "image.base.items") >= 200000);
	put(o);
	free(many);
	close_rig(&r);
}

static void rejected_lines_can_be_seen(void **state)
{
	struct json_object *o;
	struct rig r;

	(void)state;
	open_rig(&r);
	put(uploaded(&r, "ioc load",
		     "\"feed\":\"f\",\"format\":\"lines\","
		     "\"name\":\"x.txt\",\"force\":true",
		     "203.0.113.1\n1.2.3.400\n203.0.113.2\n"));
	o = ok(&r, "feed show", "\"feed\":\"f\"");
	assert_int_equal(number(o, "refused"), 1);
	assert_int_equal(number(o, "rejected.0.line"), 2);
	assert_string_equal(text(o, "rejected.0.text"), "1.2.3.400");
	assert_non_null(strstr(text(o, "rejected.0.message"), "x.txt:2"));
	put(o);
	close_rig(&r);
}

/* --- history and restarts ---------------------------------------------------------------- */

static void history_can_be_gone_back_to(void **state)
{
	char dir[] = "/tmp/pk-ioc-XXXXXX", disk[32], args[64];
	struct json_object *o;
	uint64_t commit;
	struct rig r;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(disk, sizeof(disk), "%s/d", dir);
	open_rig_in(&r, disk);
	put(uploaded(&r, "ioc load", "\"feed\":\"a\"",
		     "203.0.113.1\n203.0.113.2\n"));
	commit = pk_indicators_last(r.d.indicators);
	put(uploaded(&r, "ioc replace", "\"feed\":\"a\",\"force\":true",
		     "203.0.113.3\n"));
	put(ok(&r, "ioc add", "\"value\":\"203.0.113.4\""));
	o = ok(&r, "ioc history", "");
	assert_int_equal(json_object_array_length(at(o, "commits")), 3);
	assert_string_equal(text(o, "commits.0.op"), "add");
	assert_string_equal(text(o, "commits.1.op"), "replace");
	assert_int_equal(number(o, "commits.1.withdrawn"), 2);
	put(o);
	snprintf(args, sizeof(args), "\"commit\":%d", (int)commit);
	o = ok(&r, "ioc rollback", args);
	assert_int_equal(number(o, "added"), 2);
	assert_int_equal(number(o, "withdrawn"), 2);
	put(o);
	assert_true(matches(&r, "203.0.113.1"));
	assert_false(matches(&r, "203.0.113.3"));
	assert_false(matches(&r, "203.0.113.4"));
	expect_error(&r, ask(&r, "ioc rollback", "\"commit\":99"), "not-found",
		     "history");
	put(ok(&r, "ioc add", "\"value\":\"203.0.113.9\""));
	close_rig(&r);
	remove_dir(dir);
}

static void indicators_come_back_after_a_restart(void **state)
{
	char dir[] = "/tmp/pk-ioc-XXXXXX", disk[32];
	struct json_object *before, *after;
	uint64_t commit;
	struct rig r;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(disk, sizeof(disk), "%s/d", dir);
	open_rig_in(&r, disk);
	put(uploaded(&r, "ioc load", "\"feed\":\"a\",\"ttl\":3600",
		     "203.0.113.1\nevil.example.org\nhttp://x.example/y\n"));
	put(ok(&r, "ioc add", "\"value\":\"203.0.113.2\",\"tags\":\"t\""));
	put(ok(&r, "ioc del", "\"value\":\"203.0.113.1\""));
	before = ok(&r, "ioc list", "");
	commit = pk_indicators_last(r.d.indicators);
	close_rig(&r);
	open_rig_in(&r, disk);
	assert_true(pk_indicators_last(r.d.indicators) == commit);
	after = ok(&r, "ioc list", "");
	assert_string_equal(json_object_to_json_string(before),
			    json_object_to_json_string(after));
	rest(&r);
	assert_true(matches(&r, "203.0.113.2"));
	assert_true(matches(&r, "www.evil.example.org"));
	assert_false(matches(&r, "203.0.113.1"));
	put(before);
	put(after);
	close_rig(&r);
	remove_dir(dir);
}

static size_t rejected_of(struct rig *r, struct json_object **out)
{
	*out = ok(r, "feed show", "\"feed\":\"b\"");
	return json_object_array_length(at(*out, "rejected"));
}

/* One byte of the file that keeps them is another one. */
static void damage(const struct rig *r, const char *feed)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", r->rejected, feed);
	f = fopen(path, "r+");
	assert_non_null(f);
	assert_int_equal(fseek(f, -20, SEEK_END), 0);
	assert_int_equal(fputc(0x7e, f), 0x7e);
	fclose(f);
}

static void rejected_lines_come_back_after_a_restart(void **state)
{
	char dir[] = "/tmp/pk-ioc-XXXXXX", disk[32], path[128];
	struct json_object *before, *after;
	struct rig r;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(disk, sizeof(disk), "%s/d", dir);
	open_rig_in(&r, disk);
	put(ok(&r, "ioc add", "\"value\":\"203.0.113.9\""));
	put(uploaded(&r, "ioc load",
		     "\"feed\":\"b\",\"format\":\"lines\",\"name\":\"x\"",
		     "203.0.113.1\n1.2.3.400\n203.0.113.2\n\"\"\"\n"));
	assert_int_equal(rejected_of(&r, &before), 2);
	close_rig(&r);
	open_rig_in(&r, disk);
	assert_int_equal(rejected_of(&r, &after), 2);
	assert_string_equal(json_object_to_json_string(before),
			    json_object_to_json_string(after));
	put(before);
	put(after);
	/* of the number of "b", 1; nothing is shown of what is damaged */
	damage(&r, "1");
	close_rig(&r);
	open_rig_in(&r, disk);
	assert_int_equal(rejected_of(&r, &after), 0);
	put(after);
	put(ok(&r, "feed del", "\"feed\":\"b\""));
	snprintf(path, sizeof(path), "%s/1", r.rejected);
	assert_int_equal(access(path, F_OK), -1);
	close_rig(&r);
	remove_dir(dir);
}

/* What a change that is taken back named first is on disk with the next one. */
static void a_feed_of_a_change_taken_back_can_be_used(void **state)
{
	char dir[] = "/tmp/pk-ioc-XXXXXX", disk[32];
	struct rig r;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(disk, sizeof(disk), "%s/d", dir);
	open_rig_in(&r, disk);
	put(ok(&r, "ioc add", "\"value\":\"203.0.113.1\""));
	assert_true(pk_indicators_feed(r.d.indicators, "ghost") >= 0);
	assert_true(pk_indicators_feed(r.d.indicators, "other") >= 0);
	pk_indicators_abort(r.d.indicators);
	rest(&r);
	put(ok(&r, "ioc add", "\"value\":\"203.0.113.2\",\"feed\":\"other\""));
	put(ok(&r, "ioc add", "\"value\":\"203.0.113.3\",\"feed\":\"new\""));
	close_rig(&r);
	open_rig_in(&r, disk);
	rest(&r);
	assert_int_equal(pk_indicators_last(r.d.indicators), 3);
	assert_true(matches(&r, "203.0.113.1"));
	assert_true(matches(&r, "203.0.113.2"));
	assert_true(matches(&r, "203.0.113.3"));
	close_rig(&r);
	remove_dir(dir);
}

/* A snapshot is written beside pushes, and the next start begins with it. */
static void a_snapshot_makes_the_next_start_short(void **state)
{
	char dir[] = "/tmp/pk-ioc-XXXXXX", disk[32], name[64];
	struct json_object *before, *after;
	struct rig r;
	uint64_t log;
	int i;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(disk, sizeof(disk), "%s/d", dir);
	open_rig_in(&r, disk);
	put(uploaded(&r, "ioc load", "\"feed\":\"a\"",
		     "203.0.113.1\nevil.example.org\n203.0.113.0/28\n"));
	pk_indicators_publish(r.d.indicators, 1, NULL, NULL);
	rest(&r);
	log = pk_disk_log_bytes(r.d.indicators->disk.disk);
	r.d.indicators->disk.log_min = 0;
	snprintf(name, sizeof(name), "%s/snapshot-1", disk);
	for (i = 0; i < TURNS && access(name, F_OK); i++)
		turn(&r);
	assert_true(i < TURNS);
	for (i = 0; i < TURNS && r.d.indicators->disk.child; i++)
		turn(&r);
	r.d.indicators->disk.log_min = 1 << 30;
	assert_true(pk_disk_log_bytes(r.d.indicators->disk.disk) < log);
	put(ok(&r, "ioc add", "\"value\":\"203.0.113.77\""));
	before = ok(&r, "ioc list", "");
	close_rig(&r);
	open_rig_in(&r, disk);
	after = ok(&r, "ioc list", "");
	assert_string_equal(json_object_to_json_string(before),
			    json_object_to_json_string(after));
	/* the base came with it: nothing was built */
	assert_int_equal(r.d.indicators->base_generation, 2);
	assert_true(matches(&r, "203.0.113.14"));
	assert_true(matches(&r, "203.0.113.77"));
	put(before);
	put(after);
	close_rig(&r);
	remove_dir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_feed_is_loaded_replaced_and_withdrawn),
		cmocka_unit_test(a_dry_run_changes_nothing),
		cmocka_unit_test(a_feed_that_shrinks_is_held_back),
		cmocka_unit_test(only_new_values_are_compared_with_traffic),
		cmocka_unit_test(
			a_value_lives_until_its_last_feed_withdraws_it),
		cmocka_unit_test(two_at_once_do_not_mix),
		cmocka_unit_test(history_can_be_gone_back_to),
		cmocka_unit_test(indicators_come_back_after_a_restart),
		cmocka_unit_test(rejected_lines_come_back_after_a_restart),
		cmocka_unit_test(a_feed_of_a_change_taken_back_can_be_used),
		cmocka_unit_test(a_snapshot_makes_the_next_start_short),
		cmocka_unit_test(rejected_lines_can_be_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
