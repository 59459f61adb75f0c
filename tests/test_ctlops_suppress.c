/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules that suppress, through the control socket and over restarts. */
#include "tests/ctlops_rig.h"

#include <sys/stat.h>

#include "control/suppress_file.h"

#define NOW 1700000000000000000ULL
#define SEC 1000000000ULL

static const char scan[] =
	"\"threat\":{\"type\":\"portscan\",\"offender\":\"10.1.2.3\","
	"\"target\":\"192.0.2.1\"}";
static const char listed[] =
	"\"threat\":{\"type\":\"indicator\",\"offender\":\"10.1.2.3\","
	"\"target\":\"192.0.2.1\",\"indicator\":{\"value\":\"10.1.2.3\","
	"\"id\":\"i-1\",\"feeds\":[\"a\"]}}";

static uint32_t add(struct rig *r, const char *args)
{
	struct json_object *o = ok(r, "threat suppress add", args);
	uint32_t number = (uint32_t)json_object_get_int(at(o, "number"));

	put(o);
	return number;
}

static void explain_names_detector_and_rules(void **state)
{
	struct json_object *o;
	struct rig r;

	(void)state;
	open_rig(&r);
	assert_int_equal(add(&r, "\"offender\":\"10.0.0.0/8\""), 1);
	assert_int_equal(add(&r, "\"indicator\":\"i-1\""), 2);
	assert_int_equal(add(&r, "\"feed\":\"b\""), 3);
	o = ok(&r, "threat explain", scan);
	assert_int_equal(json_object_get_int(at(o, "detector.threshold")), 100);
	assert_int_equal(json_object_get_int(at(o, "detector.window")), 60);
	assert_int_equal(json_object_array_length(at(o, "suppress")), 1);
	put(o);
	o = ok(&r, "threat explain", listed);
	assert_int_equal(json_object_array_length(at(o, "suppress")), 2);
	put(o);
	expect_error(&r, ask(&r, "threat explain", ""), "usage",
		     "must be a threat");
	expect_error(&r, ask(&r, "threat explain", "\"threat\":{}"), "usage",
		     "must be a threat");
	/* whatever it says of itself, nothing but an answer comes of it */
	put(answer(&r, ask(&r, "threat explain",
			   "\"threat\":{\"type\":[],\"offender\":\"::\","
			   "\"target\":\"::\",\"indicator\":{\"value\":{},"
			   "\"id\":7,\"feeds\":[1,null,{}]}}")));
	close_rig(&r);
}

static void wrong_arguments_are_told(void **state)
{
	struct rig r;

	(void)state;
	open_rig(&r);
	expect_error(&r, ask(&r, "threat suppress add", ""), "usage",
		     "would suppress all");
	expect_error(&r, ask(&r, "threat suppress add", "\"typ\":\"spam\""),
		     "usage", "does not know");
	expect_error(&r,
		     ask(&r, "threat suppress add",
			 "\"type\":\"spam\",\"until\":\"soon\""),
		     "usage", "\"until\" is a time");
	expect_error(&r,
		     ask(&r, "threat suppress add",
			 "\"type\":\"spam\",\"until\":\"2020-01-01\""),
		     "usage", "would have ended already");
	expect_error(&r,
		     ask(&r, "threat suppress add",
			 "\"type\":\"spam\",\"until\":\"2100-01-01\","
			 "\"for\":5"),
		     "usage", "one end");
	assert_int_equal(add(&r, "\"type\":\"spam\",\"for\":5"), 1);
	expect_error(&r, ask(&r, "threat suppress add", "\"type\":\"spam\""),
		     "conflict", "rule 1 names the same");
	expect_error(&r, ask(&r, "threat suppress del", "\"number\":2"),
		     "not-found", "there is no rule 2");
	put(ok(&r, "threat suppress del", "\"number\":1"));
	expect_error(&r, ask(&r, "threat suppress del", "\"number\":1"),
		     "not-found", "there is no rule 1");
	close_rig(&r);
}

/* --- what is open -------------------------------------------------------------- */

static void count_closed(void *arg, const struct pk_threat *t)
{
	*(unsigned *)arg += t->state == PK_THREAT_CLOSED;
}

static void open_threats(struct rig *r, uint32_t many, unsigned *closed)
{
	const struct pk_pipeline_conf conf = {
		.threats = { .sensor = "s",
			     .suppressed = pk_suppress_take,
			     .suppressed_arg = pk_rules_all(r->d.rules),
			     .sink = count_closed,
			     .sink_arg = closed },
	};
	struct pk_flow f = { .head = { .type = PK_RECORD_FLOW,
				       .len = sizeof(f),
				       .sampling = 1,
				       .seen_ns = NOW },
			     .start_ns = NOW,
			     .end_ns = NOW,
			     .listed = { 1, 0 } };

	f.key.proto = 17;
	assert_int_equal(pk_pipeline_new(&r->d.pipeline, &conf), 0);
	for (uint32_t i = 0; i < many; i++) {
		f.key.src = (union pk_addr){ .b = { [10] = 0xff,
						    0xff,
						    10,
						    0,
						    (uint8_t)(i >> 8),
						    (uint8_t)i } };
		pk_pipeline_record(r->d.pipeline, &f.head);
	}
}

/* In turns of the loop, so that records go on; and of the new rule alone. */
static void a_rule_closes_what_is_open_by_and_by(void **state)
{
	enum { OPEN = 20000 };
	unsigned closed = 0, turns = 0, was = 0, most = 0;
	struct json_object *o;
	struct rig r;
	int fd;

	(void)state;
	open_rig(&r);
	open_threats(&r, OPEN, &closed);
	fd = ask(&r, "threat suppress add", "\"offender\":\"10.0.0.0/9\"");
	while (closed < OPEN && turns++ < TURNS) {
		turn(&r);
		most = closed - was > most ? closed - was : most;
		was = closed;
	}
	assert_in_range(most, 1, OPEN / 2);
	o = answer(&r, fd);
	assert_int_equal(json_object_get_int(at(o, "result.closed")), OPEN);
	assert_int_equal(json_object_get_int(at(o, "result.number")), 1);
	put(o);
	assert_int_equal(pk_suppress_at(pk_rules_all(r.d.rules), 0)->count,
			 OPEN);
	o = ok(&r, "threat suppress add", "\"offender\":\"11.0.0.0/9\"");
	assert_int_equal(json_object_get_int(at(o, "closed")), 0);
	put(o);
	pk_pipeline_free(r.d.pipeline);
	r.d.pipeline = NULL;
	close_rig(&r);
}

/* By pages, of which each goes on behind the one before. */
static void all_that_is_open_is_listed(void **state)
{
	enum { OPEN = 2500 };
	unsigned closed = 0, pages = 0, told = 0;
	uint8_t seen[OPEN] = { 0 };
	char args[64] = "";
	struct json_object *o, *list, *next;
	struct rig r;

	(void)state;
	open_rig(&r);
	open_threats(&r, OPEN, &closed);
	do {
		o = answer(&r, ask(&r, "threat list", args));
		list = at(o, "result.threats");
		for (size_t i = 0; i < json_object_array_length(list); i++) {
			unsigned a, b;
			const char *text = json_object_get_string(
				at(json_object_array_get_idx(list, i),
				   "offender"));

			assert_int_equal(sscanf(text, "10.0.%u.%u", &a, &b), 2);
			assert_int_equal(a * 256 + b, told++);
			assert_int_equal(seen[a * 256 + b]++, 0);
		}
		assert_int_equal(json_object_get_int(at(o, "result.total")),
				 OPEN);
		next = json_object_object_get(at(o, "result"), "next");
		if (next)
			snprintf(args, sizeof(args), "\"from\":%s",
				 json_object_get_string(next));
		pages++;
		put(o);
	} while (next);
	assert_int_equal(told, OPEN);
	assert_int_equal(pages, 3);
	o = answer(&r, ask(&r, "threat list", "\"limit\":2"));
	assert_int_equal(json_object_array_length(at(o, "result.threats")), 2);
	put(o);
	pk_pipeline_free(r.d.pipeline);
	r.d.pipeline = NULL;
	close_rig(&r);
}

/* What was there all the time is told once. */
static void a_list_survives_changes(void **state)
{
	enum { RULES = PK_SUPPRESS_MAX };
	unsigned told[RULES + 1] = { 0 };
	struct json_object *o, *rules;
	char args[320];
	struct rig r;
	int fd;

	(void)state;
	open_rig(&r);
	/* long, so that the list waits for its reader midway */
	for (int i = 0; i < RULES; i++) {
		snprintf(args, sizeof(args),
			 "\"feed\":\"f%d\",\"comment\":\"%0250d\"", i, i);
		add(&r, args);
	}
	fd = ask(&r, "threat suppress list", "");
	for (uint32_t i = 1; i <= RULES; i += 3) {
		turn(&r);
		assert_int_equal(pk_suppress_del(pk_rules_all(r.d.rules), i),
				 0);
	}
	o = answer(&r, fd);
	rules = at(o, "result.rules");
	for (size_t i = 0; i < json_object_array_length(rules); i++)
		told[json_object_get_int(
			at(json_object_array_get_idx(rules, i), "number"))]++;
	for (unsigned i = 1; i <= RULES; i++)
		assert_in_range(told[i], i % 3 != 1, 1);
	put(o);
	close_rig(&r);
}

/* --- over restarts -------------------------------------------------------------- */

static char path[128], aside[160], later[160], counts[160];

static void open_kept(struct rig *r, const char *folder)
{
	open_rig(r);
	snprintf(path, sizeof(path), "%s%s/rules", r->dir, folder);
	snprintf(aside, sizeof(aside), "%s.bad", path);
	snprintf(counts, sizeof(counts), "%s.counts", path);
	snprintf(later, sizeof(later), "%s%s", r->dir, folder);
	pk_rules_free(r->d.rules);
	assert_int_equal(pk_rules_new(&r->d.rules, path, NULL, NOW), 0);
}

static void again(struct rig *r, const struct pk_config *c)
{
	pk_rules_free(r->d.rules);
	assert_int_equal(pk_rules_new(&r->d.rules, path, c, NOW), 0);
}

static const struct pk_suppress_rule *rule(const struct rig *r, uint32_t at)
{
	return pk_suppress_at(pk_rules_all(r->d.rules), at);
}

static void rules_and_counts_outlive_a_restart(void **state)
{
	static const union pk_addr a = { .b = { [10] = 0xff, 0xff, 10 } };
	const struct pk_threat_subject spam = {
		.type = "spam", .offender = &a, .target = &a, .at_ns = NOW
	};
	struct pk_config *c;
	struct rig r;

	(void)state;
	open_kept(&r, "");
	add(&r, "\"type\":\"spam\"");
	add(&r, "\"type\":\"winscan\"");
	assert_int_equal(pk_suppress_take(pk_rules_all(r.d.rules), &spam), 1);
	again(&r, NULL);
	assert_string_equal(rule(&r, 0)->type, "spam");
	assert_int_equal(rule(&r, 0)->count, 1);
	assert_int_equal(rule(&r, 0)->by, getuid());

	/* the configuration takes one over, and lets go of it */
	assert_int_equal(pk_config_new(&c), 0);
	strcpy(c->suppress[0].type, "spam");
	strcpy(c->suppress[1].feed, "f");
	c->suppresses = 2;
	again(&r, c);
	assert_int_equal(rule(&r, 0)->by, PK_SUPPRESS_NOBODY);
	assert_int_equal(rule(&r, 0)->count, 1);
	assert_int_equal(rule(&r, 2)->number, 3);
	expect_error(&r, ask(&r, "threat suppress del", "\"number\":3"),
		     "configuration", "the configuration's");
	again(&r, NULL);
	assert_string_equal(rule(&r, 0)->type, "winscan");
	assert_null(rule(&r, 1));
	pk_config_free(c);
	pk_rules_free(r.d.rules);
	r.d.rules = NULL;
	unlink(path);
	close_rig(&r);
}

static void counts_are_written_once_a_minute(void **state)
{
	static const union pk_addr a = { .b = { [10] = 0xff, 0xff, 10 } };
	const struct pk_threat_subject spam = {
		.type = "spam", .offender = &a, .target = &a, .at_ns = NOW
	};
	struct pk_suppress *s;
	char why[PK_SUPPRESS_WHY];
	struct rig r;

	(void)state;
	open_kept(&r, "");
	add(&r, "\"type\":\"spam\"");
	for (uint64_t i = 0; i < 60; i++) {
		pk_suppress_take(pk_rules_all(r.d.rules), &spam);
		pk_rules_tick(r.d.rules, NOW + i * SEC);
	}
	for (unsigned written = 0; written <= 61; written += 61) {
		assert_int_equal(pk_suppress_new(&s), 0);
		assert_int_equal(pk_suppress_read(s, path, why), 0);
		assert_int_equal(pk_suppress_at(s, 0)->count, 0);
		assert_int_equal(pk_suppress_read_counts(s, counts, why),
				 written ? 0 : -ENOENT);
		assert_int_equal(pk_suppress_at(s, 0)->count, written);
		pk_suppress_free(s);
		pk_suppress_take(pk_rules_all(r.d.rules), &spam);
		pk_rules_tick(r.d.rules, NOW + 60 * SEC);
	}
	pk_rules_free(r.d.rules);
	r.d.rules = NULL;
	unlink(path);
	close_rig(&r);
}

/* A power cut may leave any of the counts' file: the rules are not in it. */
static void counts_that_are_lost_cost_no_rule(void **state)
{
	static const union pk_addr a = { .b = { [10] = 0xff, 0xff, 10 } };
	const struct pk_threat_subject spam = {
		.type = "spam", .offender = &a, .target = &a, .at_ns = NOW
	};
	struct stat before, after;
	struct pk_rules *other;
	struct rig r;

	(void)state;
	open_kept(&r, "");
	add(&r, "\"type\":\"spam\"");
	assert_int_equal(stat(path, &before), 0);
	pk_suppress_take(pk_rules_all(r.d.rules), &spam);
	pk_rules_tick(r.d.rules, NOW + 60 * SEC);
	assert_int_equal(stat(path, &after), 0);
	assert_true(before.st_ino == after.st_ino); /* it was not written */

	/* as after SIGKILL: what is on the disk */
	assert_int_equal(pk_rules_new(&other, path, NULL, NOW), 0);
	assert_int_equal(pk_suppress_at(pk_rules_all(other), 0)->count, 1);
	assert_int_equal(truncate(counts, 0), 0);
	pk_rules_free(r.d.rules);
	r.d.rules = other;
	again(&r, NULL);
	assert_string_equal(rule(&r, 0)->type, "spam");
	assert_int_equal(rule(&r, 0)->count, 1);
	assert_int_equal(access(counts, F_OK), -1);
	pk_rules_free(r.d.rules);
	r.d.rules = NULL;
	unlink(path);
	close_rig(&r);
}

/* What is in force is on the disk, though the file was moved aside. */
static void a_bad_rule_is_kept_aside_and_the_rest_in_place(void **state)
{
	struct pk_suppress *s;
	char why[PK_SUPPRESS_WHY];
	struct rig r;
	FILE *f;

	(void)state;
	open_kept(&r, "");
	pk_rules_free(r.d.rules);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("{\"picket\":\"suppress\",\"version\":1,\"rules\":[7,"
	      "{\"number\":4,\"by\":0,\"type\":\"spam\"}]}",
	      f);
	fclose(f);
	assert_int_equal(pk_rules_new(&r.d.rules, path, NULL, NOW), 0);
	assert_int_equal(access(aside, F_OK), 0);
	assert_int_equal(pk_suppress_new(&s), 0);
	assert_int_equal(pk_suppress_read(s, path, why), 0);
	assert_int_equal(pk_suppress_at(s, 0)->number, 4);
	pk_suppress_free(s);
	pk_rules_free(r.d.rules);
	r.d.rules = NULL;
	unlink(path);
	unlink(aside);
	close_rig(&r);
}

static void a_disk_that_refuses_is_told_and_tried_again(void **state)
{
	struct rig r;

	(void)state;
	open_kept(&r, "/later");
	expect_error(&r, ask(&r, "threat suppress add", "\"type\":\"spam\""),
		     "failed", "in force but not on disk: No such file");
	assert_string_equal(rule(&r, 0)->type, "spam");
	assert_int_equal(mkdir(later, 0700), 0);
	pk_rules_tick(r.d.rules, NOW + 59 * SEC);
	assert_int_equal(access(path, F_OK), -1);
	pk_rules_tick(r.d.rules, NOW + 60 * SEC);
	assert_int_equal(access(path, F_OK), 0);
	pk_rules_free(r.d.rules);
	r.d.rules = NULL;
	unlink(path);
	rmdir(later);
	close_rig(&r);
}

static void a_damaged_file_is_kept_aside(void **state)
{
	struct rig r;
	FILE *f;

	(void)state;
	open_kept(&r, "");
	pk_rules_free(r.d.rules);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("{\"picket\":\"suppress\"", f);
	fclose(f);
	assert_int_equal(pk_rules_new(&r.d.rules, path, NULL, NOW), 0);
	assert_int_equal(access(aside, F_OK), 0);
	assert_int_equal(access(path, F_OK), 0); /* anew */
	assert_int_equal(add(&r, "\"type\":\"spam\""), 1);
	again(&r, NULL);
	assert_string_equal(rule(&r, 0)->type, "spam");
	pk_rules_free(r.d.rules);
	r.d.rules = NULL;
	unlink(path);
	unlink(aside);
	close_rig(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(explain_names_detector_and_rules),
		cmocka_unit_test(wrong_arguments_are_told),
		cmocka_unit_test(a_rule_closes_what_is_open_by_and_by),
		cmocka_unit_test(all_that_is_open_is_listed),
		cmocka_unit_test(a_list_survives_changes),
		cmocka_unit_test(rules_and_counts_outlive_a_restart),
		cmocka_unit_test(counts_are_written_once_a_minute),
		cmocka_unit_test(counts_that_are_lost_cost_no_rule),
		cmocka_unit_test(
			a_bad_rule_is_kept_aside_and_the_rest_in_place),
		cmocka_unit_test(a_disk_that_refuses_is_told_and_tried_again),
		cmocka_unit_test(a_damaged_file_is_kept_aside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
