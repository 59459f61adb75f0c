/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Answers that take their time, while what they are about changes: lists,
 * applied lines, loads behind one another.
 */
#include "tests/ctlops_rig.h"

/* The answer has not been given: nobody has taken a byte of its end. */
static bool is_under_way(const struct rig *r, unsigned others)
{
	struct pk_ctl_counters c;

	pk_ctl_counters(r->d.ctl, &c);
	return c.pending > others;
}

static void del(struct rig *r, int i)
{
	char args[64];

	snprintf(args, sizeof(args), "\"value\":\"10.1.%d.%d\"", i / 250,
		 i % 250);
	put(ok(r, "ioc del", args));
}

/* --- lists --------------------------------------------------------------------------- */

/* What was there all the time is told once; the rest, once at most. */
static void a_list_survives_changes_of_the_store(void **state)
{
	unsigned told[MANY] = { 0 }, between = 0;
	struct json_object *o, *items;
	struct rig r;
	int fd;

	(void)state;
	open_rig(&r);
	store_many(&r);
	pk_indicators_publish(r.d.indicators, 1, NULL, NULL);
	rest(&r);
	fd = ask(&r, "ioc list", "\"limit\":10000,\"feed\":\"many\"");
	for (int i = 0; i < 40; i++) {
		del(&r, i * 50 + 7);
		between += is_under_way(&r, 0);
		/* slots that were given up get other values */
		if (i % 10 == 9)
			pk_indicators_publish(r.d.indicators, 1, NULL, NULL);
		put(ok(&r, "ioc add", "\"value\":\"203.0.113.9\""));
		put(ok(&r, "ioc del", "\"value\":\"203.0.113.9\""));
	}
	o = answer(&r, fd);
	items = at(o, "result.items");
	for (size_t i = 0; i < json_object_array_length(items); i++) {
		struct json_object *item = json_object_array_get_idx(items, i);
		int a, b;

		if (sscanf(text(item, "value"), "10.1.%d.%d", &a, &b) == 2)
			told[a * 250 + b]++;
	}
	for (int i = 0; i < MANY; i++)
		assert_in_range(told[i], i % 50 != 7, 1);
	assert_true(between > 3);
	put(o);
	close_rig(&r);
}

static void a_rare_type_is_found_in_one_page(void **state)
{
	struct json_object *o;
	struct rig r;

	(void)state;
	open_rig(&r);
	store_many(&r);
	put(ok(&r, "ioc add", "\"value\":\"2001:db8::1\""));
	o = ok(&r, "ioc list", "\"type\":\"ipv6-addr\",\"limit\":1");
	assert_int_equal(json_object_array_length(at(o, "items")), 1);
	assert_false(json_object_object_get_ex(o, "next", NULL));
	put(o);
	o = ok(&r, "ioc list", "\"type\":\"ipv4-addr\",\"limit\":1999");
	assert_int_equal(json_object_array_length(at(o, "items")), 1999);
	assert_int_equal(number(o, "total"), MANY);
	assert_int_equal(number(o, "next"), 1999);
	put(o);
	close_rig(&r);
}

/* --- many changes ----------------------------------------------------------------- */

/* Lines, and what is answered: "" or a part of the message. */
static const char *const lines_rows[][2] = {
	{ "-198.51.100.1\n-198.51.100.1\n", "line 2: there is no" },
	{ "-198.51.100.1\n+198.51.100.1\n-198.51.100.1\n", "" },
	{ "+198.51.100.9\n-198.51.100.9\n-198.51.100.9\n", "line 3" },
	/* of one feed, of the other, of all: 198.51.100.2 is of a and b */
	{ "{\"op\":\"del\",\"value\":\"198.51.100.2\",\"feed\":\"a\"}\n"
	  "{\"op\":\"del\",\"value\":\"198.51.100.2\",\"feed\":\"a\"}\n",
	  "line 2: there is no" },
	{ "{\"op\":\"del\",\"value\":\"198.51.100.2\",\"feed\":\"a\"}\n"
	  "{\"op\":\"del\",\"value\":\"198.51.100.2\",\"feed\":\"b\"}\n"
	  "{\"op\":\"del\",\"value\":\"198.51.100.2\"}\n",
	  "line 3: there is no" },
	{ "{\"op\":\"del\",\"value\":\"198.51.100.2\"}\n"
	  "{\"op\":\"del\",\"value\":\"198.51.100.2\",\"feed\":\"b\"}\n",
	  "line 2: there is no" },
	{ "{\"op\":\"del\",\"value\":\"198.51.100.2\",\"feed\":\"a\"}\n"
	  "{\"op\":\"del\",\"value\":\"198.51.100.2\"}\n",
	  "" },
	/* which match is meant depends on the lines before */
	{ "+=x.example.org\n-x.example.org\n", "" },
	{ "{\"op\":\"add\",\"value\":\"x.example.org\",\"match\":\"exact\"}\n"
	  "{\"op\":\"add\",\"value\":\"x.example.org\",\"match\":\"one-label\"}\n"
	  "{\"op\":\"del\",\"value\":\"x.example.org\"}\n",
	  "line 3: there is no" },
	{ "-=only.example.org\n-only.example.org\n", "line 2: there is no" },
	{ "{\"op\":\"add\",\"value\":\"only.example.org\","
	  "\"match\":\"one-label\"}\n"
	  "{\"op\":\"del\",\"value\":\"only.example.org\"}\n",
	  "line 2: there is no" },
	/* where it is no JSON */
	{ "{\"op\":\"add\",\"value\":\"198.51.100.3\"}\n{\"op\" 1}\n",
	  "line 2: column 7" },
	{ "{\"op\":\"del\",\"value\":\"198.51.100.1\"} x\n",
	  "line 1: column 37" },
	{ "{\"op\":\"del\"\n", "line 1: column 12" },
	{ "", "" },
};

static void lines_see_what_those_before_them_do(void **state)
{
	uint64_t commit;

	(void)state;
	for (size_t i = 0; i < sizeof(lines_rows) / sizeof(lines_rows[0]);
	     i++) {
		const char *want = lines_rows[i][1];
		struct json_object *o;
		struct rig r;

		open_rig(&r);
		put(uploaded(&r, "ioc apply", "\"feed\":\"a\"",
			     "+198.51.100.1\n+198.51.100.2\n"
			     "+=only.example.org\n"));
		put(ok(&r, "ioc add",
		       "\"value\":\"198.51.100.2\",\"feed\":\"b\""));
		commit = pk_indicators_last(r.d.indicators);
		o = upload(&r, "ioc apply", "", lines_rows[i][0]);
		if (!*want) {
			at(o, "result");
		} else if (!strstr(text(o, "error.message"), want)) {
			fail_msg("row %zu: \"%s\"", i,
				 text(o, "error.message"));
		} else {
			assert_true(pk_indicators_last(r.d.indicators) ==
				    commit);
			assert_true(matches(&r, "198.51.100.1"));
			assert_true(matches(&r, "198.51.100.2"));
		}
		put(o);
		close_rig(&r);
	}
}

/* All that store_many() put in goes, then @more others come. */
static char *many_lines(int more)
{
	char *lines = calloc(1, (size_t)(MANY + more) * 24 + 1);
	size_t len = 0;

	for (int i = 0; i < MANY; i++)
		len += (size_t)sprintf(lines + len, "-10.1.%d.%d\n", i / 250,
				       i % 250);
	for (int i = 0; i < more; i++)
		len += (size_t)sprintf(lines + len, "+20.1.%d.%d\n", i / 250,
				       i % 250);
	return lines;
}

/* Until the job has had some turns. */
static void let_begin(struct rig *r)
{
	for (int i = 0; i < TURNS && !is_under_way(r, 0); i++)
		turn(r);
	for (int i = 0; i < 10; i++)
		turn(r);
	assert_true(is_under_way(r, 0));
}

/* Somebody but the store's own, who lets indicators end. */
static bool waits_for_the_store(const struct rig *r)
{
	const struct pk_waiter *w = r->d.indicators->free.first;

	while (w && w->arg == r->d.indicators)
		w = w->next;
	return w != NULL;
}

/* What was checked is not there any more when it is to be changed. */
static void lines_that_another_change_overtook_are_checked_again(void **state)
{
	char *lines = many_lines(0);
	struct pk_indicator ind;
	struct json_object *o;
	uint64_t commit;
	struct rig r;
	int fd;

	(void)state;
	open_rig(&r);
	store_many(&r);
	pk_indicators_hold(r.d.indicators);
	fd = ask_with(&r, "ioc apply", "", lines, strlen(lines));
	for (int i = 0; i < TURNS && !waits_for_the_store(&r); i++)
		turn(&r);
	assert_true(waits_for_the_store(&r));
	/* the lines were checked, and wait for whoever holds the store */
	pk_indicator_init(&ind);
	assert_int_equal(pk_indicator_parse(&ind, "10.1.0.3", 8),
			 PK_REFUSED_NONE);
	assert_int_equal(pk_indicators_del(r.d.indicators, &ind, PK_ALL_FEEDS),
			 0);
	assert_int_equal(
		pk_indicators_commit(r.d.indicators, "del", "", 0, &commit), 0);
	pk_indicators_release(r.d.indicators);
	o = answer(&r, fd);
	assert_non_null(strstr(text(o, "error.message"),
			       "line 4: there is no indicator 10.1.0.3"));
	put(o);
	/* the first lines have done nothing, and nobody holds the store */
	put(ok(&r, "ioc del", "\"value\":\"10.1.0.0\""));
	o = ok(&r, "ioc status", "");
	assert_int_equal(number(o, "items"), MANY - 2);
	put(o);
	free(lines);
	close_rig(&r);
}

/* A push waits for the lines, and neither is seen in part. */
static void pushes_wait_while_lines_are_applied(void **state)
{
	char *lines = many_lines(50000);
	struct json_object *o;
	struct rig r;
	int fd, push;

	(void)state;
	open_rig(&r);
	store_many(&r);
	pk_indicators_publish(r.d.indicators, 1, NULL, NULL);
	rest(&r);
	fd = ask_with(&r, "ioc apply", "", lines, strlen(lines));
	for (int i = 0; i < TURNS && !r.d.indicators->held; i++)
		turn(&r);
	assert_true(r.d.indicators->held);
	push = ask(&r, "ioc add", "\"value\":\"203.0.113.1\"");
	while (r.d.indicators->held) {
		assert_true(matches(&r, "10.1.0.0"));
		assert_false(matches(&r, "203.0.113.1"));
		turn(&r);
	}
	o = answer(&r, fd);
	assert_int_equal(number(o, "result.withdrawn"), MANY);
	put(o);
	put(answer(&r, push));
	assert_true(matches(&r, "203.0.113.1"));
	assert_false(matches(&r, "10.1.0.0"));
	free(lines);
	close_rig(&r);
}

/* The client leaves while lines are checked: nothing changes, nobody waits. */
static void lines_without_a_client_change_nothing(void **state)
{
	char *lines = many_lines(50000);
	struct json_object *o;
	struct rig r;
	int fd;

	(void)state;
	open_rig(&r);
	store_many(&r);
	fd = ask_with(&r, "ioc apply", "", lines, strlen(lines));
	let_begin(&r);
	close(fd);
	for (int i = 0; i < TURNS && is_under_way(&r, 0); i++)
		turn(&r);
	put(ok(&r, "ioc add", "\"value\":\"203.0.113.1\""));
	o = ok(&r, "ioc status", "");
	assert_int_equal(number(o, "items"), MANY + 1);
	put(o);
	free(lines);
	close_rig(&r);
}

/* --- loads -------------------------------------------------------------------------- */

static int load(struct rig *r, int feed, const char *value)
{
	char args[64];

	snprintf(args, sizeof(args), "\"feed\":\"f%d\"", feed);
	return ask_with(r, "ioc load", args, value, strlen(value));
}

static void loads_wait_in_line(void **state)
{
	struct json_object *o;
	struct rig r;
	int fd[9];

	(void)state;
	open_rig(&r);
	/* none begins to read while the store is held */
	for (int i = 0; i < 9; i++) {
		fd[i] = load(&r, i, "203.0.113.1\n");
		for (int k = 0; k < 3 && !i; k++)
			turn(&r);
	}
	while (pk_loader_memory(r.d.loader, 0) == NULL && !r.d.loader->load)
		turn(&r);
	close(fd[4]); /* it does not want to any more */
	for (int i = 0; i < 9; i++) {
		if (i == 4)
			continue;
		o = answer(&r, fd[i]);
		assert_int_equal(number(o, "result.diff.added"), 1);
		/* one commit after the other, in their order */
		assert_int_equal(number(o, "result.commit"), i + 1 - (i > 4));
		put(o);
	}
	o = ok(&r, "feed list", "");
	assert_int_equal(json_object_array_length(at(o, "feeds")), 8);
	put(o);
	close_rig(&r);
}

static void too_many_loads_are_told_so(void **state)
{
	struct json_object *o;
	struct rig r;
	int fd[9];

	(void)state;
	open_rig(&r);
	pk_indicators_hold(r.d.indicators);
	for (int i = 0; i < 9; i++) {
		fd[i] = load(&r, i, "203.0.113.1\n");
		for (int k = 0; k < 200 && !is_under_way(&r, (unsigned)i); k++)
			turn(&r);
		for (int k = 0; k < 20; k++)
			turn(&r);
	}
	o = upload(&r, "ioc load", "\"feed\":\"x\"", "203.0.113.1\n");
	assert_string_equal(text(o, "error.code"), "busy");
	assert_non_null(strstr(text(o, "error.message"), "load of feed f0"));
	put(o);
	o = ok(&r, "ioc status", "");
	assert_int_equal(number(o, "loading.waiting"), 8);
	put(o);
	pk_indicators_release(r.d.indicators);
	for (int i = 0; i < 9; i++)
		put(answer(&r, fd[i]));
	close_rig(&r);
}

/* Eight places, and who does not want his any more has none. */
static void a_load_whose_client_left_takes_no_place(void **state)
{
	struct json_object *o;
	struct rig r;
	int fd[10];

	(void)state;
	open_rig(&r);
	pk_indicators_hold(r.d.indicators);
	for (int i = 0; i < 9; i++) {
		fd[i] = load(&r, i, "203.0.113.1\n");
		for (int k = 0; k < 200 && !is_under_way(&r, (unsigned)i); k++)
			turn(&r);
		for (int k = 0; k < 20; k++)
			turn(&r);
	}
	close(fd[3]);
	o = ok(&r, "ioc status", "");
	assert_int_equal(number(o, "loading.waiting"), 7);
	put(o);
	fd[9] = load(&r, 9, "203.0.113.1\n");
	for (int k = 0; k < 200; k++)
		turn(&r);
	/* f0, its eight, and no more the one that left */
	assert_true(is_under_way(&r, 8));
	assert_false(is_under_way(&r, 9));
	pk_indicators_release(r.d.indicators);
	for (int i = 0; i < 10; i++) {
		if (i == 3)
			continue;
		o = answer(&r, fd[i]);
		assert_int_equal(number(o, "result.diff.added"), 1);
		put(o);
	}
	close_rig(&r);
}

/* --- reports and hits ------------------------------------------------------------------- */

/* While somebody reads the active base, no other is built in its place. */
static void a_base_that_is_read_stays(void **state)
{
	struct pk_indicators_state s;
	struct json_object *o;
	uint64_t generation;
	struct rig r;
	int fd;

	(void)state;
	open_rig(&r);
	store_many(&r);
	pk_indicators_publish(r.d.indicators, 1, NULL, NULL);
	rest(&r);
	pk_indicators_state(r.d.indicators, &s);
	generation = s.base_generation;
	fd = ask(&r, "ioc status", "");
	for (int i = 0; i < TURNS && !r.d.indicators->built.readers; i++)
		turn(&r);
	assert_int_equal(r.d.indicators->built.readers, 1);
	pk_indicators_read_base(r.d.indicators); /* and we */
	put(answer(&r, fd));
	assert_int_equal(r.d.indicators->built.readers, 1);
	pk_indicators_publish(r.d.indicators, 1, NULL, NULL);
	for (int i = 0; i < 200; i++) {
		turn(&r);
		pk_indicators_state(r.d.indicators, &s);
		assert_false(s.building);
	}
	o = ok(&r, "ioc add", "\"value\":\"203.0.113.9\"");
	put(o); /* pushes go on */
	pk_indicators_leave_base(r.d.indicators);
	rest(&r);
	pk_indicators_state(r.d.indicators, &s);
	assert_true(s.base_generation > generation);
	close_rig(&r);
}

static void hits_of_what_has_gone_are_not_told(void **state)
{
	struct pk_images *images;
	struct json_object *o, *items;
	struct rig r;
	int fd;

	(void)state;
	open_rig(&r);
	store_many(&r);
	images = (struct pk_images *)pk_indicators_images(r.d.indicators);
	for (uint32_t slot = 1; slot <= MANY; slot++)
		pk_images_hit(images, slot);
	fd = ask(&r, "ioc hits", "\"limit\":10000");
	for (int i = 0; i < 200 && !is_under_way(&r, 0); i++)
		turn(&r);
	turn(&r); /* a millisecond of its work: counted, and some are told */
	assert_true(is_under_way(&r, 0));
	for (uint32_t slot = 1; slot <= MANY; slot++) {
		struct pk_indicator ind;

		assert_int_equal(
			pk_store_get(r.d.indicators->store, slot, &ind), 0);
		assert_int_equal(
			pk_indicators_del(r.d.indicators, &ind, PK_ALL_FEEDS),
			0);
	}
	o = answer(&r, fd);
	items = at(o, "result.items");
	assert_true(json_object_array_length(items) < MANY);
	for (size_t i = 0; i < json_object_array_length(items); i++)
		assert_true(json_object_object_get_ex(
			json_object_array_get_idx(items, i), "slot", NULL));
	put(o);
	close_rig(&r);
}

static void a_feed_that_was_deleted_is_told_no_more(void **state)
{
	struct json_object *o;
	char dir[] = "/tmp/pk-disk-XXXXXX";
	struct rig r;

	(void)state;
	assert_non_null(mkdtemp(dir));
	open_rig_in(&r, dir);
	put(uploaded(&r, "ioc load", "\"feed\":\"f\"", "203.0.113.1\n"));
	put(uploaded(&r, "ioc load", "\"feed\":\"g\"", "203.0.113.2\n"));
	put(ok(&r, "feed del", "\"feed\":\"f\""));
	o = ok(&r, "feed list", "");
	assert_int_equal(json_object_array_length(at(o, "feeds")), 1);
	put(o);
	expect_error(&r, ask(&r, "feed show", "\"feed\":\"f\""), "not-found",
		     "no feed");
	expect_error(&r, ask(&r, "feed del", "\"feed\":\"f\""), "not-found",
		     "no feed");
	/* history still has it, and nothing of what came later */
	put(ok(&r, "ioc rollback", "\"commit\":1"));
	o = ok(&r, "feed list", "");
	assert_int_equal(json_object_array_length(at(o, "feeds")), 1);
	assert_string_equal(text(o, "feeds.0.feed"), "f");
	assert_int_equal(number(o, "feeds.0.items"), 1);
	assert_true(*text(o, "feeds.0.loaded"));
	put(o);
	close_rig(&r);
	remove_dir(dir);
}

static void on_still(void *arg, int status, const char *why,
		     const struct pk_load_result *result)
{
	(void)why;
	(void)result;
	*(int *)arg = status;
}

/* As files of the configuration are, at each start. */
static void load_still(struct rig *r, const char *bytes)
{
	struct pk_load_job job = { .kind = PK_LOAD_ADD,
				   .op = "load",
				   .feed = "f",
				   .name = "x.txt",
				   .bytes = bytes,
				   .len = strlen(bytes),
				   .licence = "",
				   .attribution = "",
				   .still = 1,
				   .fn = on_still };
	int status = 1;

	pk_feed_options_init(&job.options);
	job.options.now = pk_indicators_clock(r->d.indicators);
	job.arg = &status;
	assert_int_equal(pk_loader_start(r->d.loader, &job), 0);
	for (int i = 0; i < TURNS && status == 1; i++)
		turn(r);
	assert_int_equal(status, 0);
}

static void a_load_that_says_nothing_new_is_no_commit(void **state)
{
	struct rig r;

	(void)state;
	open_rig(&r);
	load_still(&r, "203.0.113.1\n203.0.113.2\n");
	assert_int_equal(pk_indicators_last(r.d.indicators), 1);
	load_still(&r, "203.0.113.1\n203.0.113.2\n");
	assert_int_equal(pk_indicators_last(r.d.indicators), 1);
	load_still(&r, "203.0.113.1\n203.0.113.2\n# one more line\n");
	assert_int_equal(pk_indicators_last(r.d.indicators), 1 + 1);
	load_still(&r, "203.0.113.1\n203.0.113.3\n");
	assert_int_equal(pk_indicators_last(r.d.indicators), 3);
	assert_true(matches(&r, "203.0.113.3"));
	close_rig(&r);
}

/* --- safelists -------------------------------------------------------------------------- */

/* All are made of the same lists, one beside the other; none is lost. */
static void changes_of_safelists_do_not_undo_one_another(void **state)
{
	struct json_object *o;
	char args[64];
	struct rig r;
	int fd[20];

	(void)state;
	open_rig(&r);
	for (int i = 0; i < 20; i++) {
		snprintf(args, sizeof(args), "\"value\":\"203.0.113.%d\"", i);
		fd[i] = ask(&r, "safelist add", args);
	}
	for (int i = 0; i < 20; i++) {
		o = answer(&r, fd[i]);
		assert_true(json_object_get_boolean(at(o, "result.added")));
		put(o);
	}
	o = ok(&r, "safelist list", "");
	assert_int_equal(number(o, "lists.0.entries"), 20);
	put(o);
	close_rig(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_survives_changes_of_the_store),
		cmocka_unit_test(a_rare_type_is_found_in_one_page),
		cmocka_unit_test(lines_see_what_those_before_them_do),
		cmocka_unit_test(
			lines_that_another_change_overtook_are_checked_again),
		cmocka_unit_test(pushes_wait_while_lines_are_applied),
		cmocka_unit_test(lines_without_a_client_change_nothing),
		cmocka_unit_test(loads_wait_in_line),
		cmocka_unit_test(too_many_loads_are_told_so),
		cmocka_unit_test(a_load_whose_client_left_takes_no_place),
		cmocka_unit_test(a_base_that_is_read_stays),
		cmocka_unit_test(hits_of_what_has_gone_are_not_told),
		cmocka_unit_test(a_feed_that_was_deleted_is_told_no_more),
		cmocka_unit_test(a_load_that_says_nothing_new_is_no_commit),
		cmocka_unit_test(changes_of_safelists_do_not_undo_one_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
