/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules that suppress threats: what they match, and how they are kept. */
#include "control/suppress.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/suppress_file.h"
#include "ioc/indicator.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))
#define NOW	   1700000000ULL
#define SEC	   1000000000ULL

static uint32_t add(struct pk_suppress *s, struct pk_suppress_said said)
{
	char why[PK_SUPPRESS_WHY] = "";
	uint32_t number = 0;

	said.made = NOW;
	if (pk_suppress_add(s, &said, &number, why))
		fail_msg("%s", why);
	return number;
}

static struct pk_suppress *one_rule(struct pk_suppress_said said)
{
	struct pk_suppress *s;

	assert_int_equal(pk_suppress_new(&s), 0);
	assert_int_equal(add(s, said), 1);
	return s;
}

/* --- matching ----------------------------------------------------------------- */

/* The threat that a rule of the table is held against; texts "" are absent. */
struct seen {
	const char *type, *offender, *target, *value, *id, *feeds[3];
};

static int matches(struct pk_suppress_said said, const struct seen *seen)
{
	struct pk_suppress *s = one_rule(said);
	struct pk_threat_indicator ind = { 0 };
	union pk_addr offender, target;
	struct pk_threat_subject subject = {
		.type = seen->type,
		.offender = &offender,
		.target = &target,
		.indicator = seen->value ? &ind : NULL,
		.at_ns = NOW * SEC,
	};
	int yes;

	assert_int_equal(pk_addr_parse(&offender, seen->offender), 0);
	assert_int_equal(pk_addr_parse(&target, seen->target), 0);
	if (seen->value) {
		strcpy(ind.value, seen->value);
		strcpy(ind.id, seen->id);
	}
	for (; ind.feeds < 3 && seen->feeds[ind.feeds]; ind.feeds++)
		strcpy(ind.feed[ind.feeds], seen->feeds[ind.feeds]);
	yes = pk_suppress_take(s, &subject);
	assert_int_equal(pk_suppress_at(s, 0)->count, yes);
	pk_suppress_free(s);
	return yes;
}

static const struct seen by_address = { "indicator",	"192.0.2.7",
					"198.51.100.1", "192.0.2.7",
					"indicator--1", { "a", "b" } };
static const struct seen by_name = {
	"indicator", "2001:db8::7", "2001:db8:1::53", "evil.example",
	"",	     { "a" }
};
static const struct seen scan = { .type = "portscan",
				  .offender = "192.0.2.7",
				  .target = "198.51.100.1" };

static void each_member_of_a_rule_must_match(void **state)
{
	static const struct {
		struct pk_suppress_said said;
		int address, name, scan;
	} rows[] = {
		{ { .type = "indicator" }, 1, 1, 0 },
		{ { .type = "portscan" }, 0, 0, 1 },
		{ { .type = "spam" }, 0, 0, 0 },
		{ { .offender = "192.0.2.7" }, 1, 0, 1 },
		{ { .offender = "192.0.2.8" }, 0, 0, 0 },
		{ { .offender = "192.0.2.0/29" }, 1, 0, 1 },
		{ { .offender = "192.0.2.8/29" }, 0, 0, 0 },
		{ { .offender = "0.0.0.0/0" }, 1, 0, 1 },
		{ { .offender = "::/0" }, 0, 1, 0 },
		{ { .offender = "2001:DB8::/64" }, 0, 1, 0 },
		{ { .target = "198.51.100.1" }, 1, 0, 1 },
		{ { .target = "192.0.2.7" }, 0, 0, 0 },
		{ { .target = "2001:db8:1::/48" }, 0, 1, 0 },
		{ { .indicator = "192.0.2.7" }, 1, 0, 0 },
		{ { .indicator = "192.0.2.0/24" }, 0, 0, 0 },
		{ { .indicator = "Evil.Example" }, 0, 1, 0 },
		{ { .indicator = "example" }, 0, 0, 0 },
		{ { .indicator = "indicator--1" }, 1, 0, 0 },
		{ { .feed = "a" }, 0, 1, 0 }, /* b lists the other, too */
		{ { .feed = "b" }, 0, 0, 0 },
		{ { .type = "indicator", .offender = "192.0.2.7" }, 1, 0, 0 },
		{ { .type = "portscan", .target = "198.51.100.2" }, 0, 0, 0 },
		{ { .offender = "192.0.2.7", .target = "198.51.100.1" },
		  1,
		  0,
		  1 },
		{ { .feed = "a", .offender = "2001:db8::/32" }, 0, 1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < LEN(rows); i++) {
		if (matches(rows[i].said, &by_address) != rows[i].address ||
		    matches(rows[i].said, &by_name) != rows[i].name ||
		    matches(rows[i].said, &scan) != rows[i].scan)
			fail_msg("row %zu", i);
	}
}

static struct pk_threat_subject subject_at(uint64_t ns)
{
	static const union pk_addr a = { .b = { [10] = 0xff, 0xff, 10, 1 } };

	return (struct pk_threat_subject){
		.type = "spam", .offender = &a, .target = &a, .at_ns = ns
	};
}

static void the_first_rule_that_matches_counts(void **state)
{
	struct pk_suppress *s =
		one_rule((struct pk_suppress_said){ .target = "10.0.0.0/8" });
	struct pk_threat_subject subject = subject_at(NOW * SEC + 5);

	(void)state;
	assert_int_equal(add(s, (struct pk_suppress_said){ .type = "spam" }),
			 2);
	assert_int_equal(pk_suppress_take(s, &subject), 1);
	assert_int_equal(pk_suppress_at(s, 0)->count, 1);
	assert_int_equal(pk_suppress_at(s, 1)->count, 0);
	pk_suppress_free(s);
}

static void counts_say_when_first_and_last(void **state)
{
	struct pk_suppress *s =
		one_rule((struct pk_suppress_said){ .type = "spam" });
	static const uint64_t at[] = { 70, 50, 60 };
	const struct pk_suppress_rule *r = pk_suppress_at(s, 0);

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct pk_threat_subject subject = subject_at(at[i]);

		assert_int_equal(pk_suppress_take(s, &subject), 1);
	}
	assert_int_equal(r->count, 3);
	assert_int_equal(r->first_ns, 50);
	assert_int_equal(r->last_ns, 70);
	assert_int_equal(pk_suppress_taken(s), 3);
	pk_suppress_free(s);
}

static void a_rule_ends_with_its_second(void **state)
{
	struct pk_suppress *s = one_rule(
		(struct pk_suppress_said){ .type = "spam", .until = NOW + 10 });
	struct pk_threat_subject before = subject_at((NOW + 10) * SEC - 1);
	struct pk_threat_subject after = subject_at((NOW + 10) * SEC);

	(void)state;
	assert_int_equal(pk_suppress_take(s, &before), 1);
	assert_int_equal(pk_suppress_take(s, &after), 0);
	assert_int_equal(pk_suppress_expire(s, NOW + 9), 0);
	assert_int_equal(pk_suppress_expire(s, NOW + 10), 1);
	assert_null(pk_suppress_at(s, 0));
	/* and its number is not given again */
	assert_int_equal(add(s, (struct pk_suppress_said){ .type = "spam" }),
			 2);
	pk_suppress_free(s);
}

/* --- rules that cannot be ------------------------------------------------------- */

static void bad_rules_are_refused_with_a_sentence(void **state)
{
	static char long_text[PK_THREAT_VALUE + 8];
	const struct {
		struct pk_suppress_said said;
		int err;
		const char *why;
	} rows[] = {
		{ { 0 }, -EINVAL, "would suppress all" },
		{ { .type = "", .feed = "" }, -EINVAL, "would suppress all" },
		{ { .comment = "why" }, -EINVAL, "would suppress all" },
		{ { .type = "scan" },
		  -EINVAL,
		  "no threat is of the type \"scan\"; write indicator, "
		  "portscan, spam or winscan" },
		{ { .offender = "10.0.0" }, -EINVAL, "not \"10.0.0\"" },
		{ { .target = "evil.example" },
		  -EINVAL,
		  "the rule's target is an address or a prefix" },
		{ { .indicator = long_text }, -EINVAL, "longer than 1023" },
		{ { .feed = long_text }, -EINVAL, "longer than 63" },
		{ { .type = "spam", .comment = long_text },
		  -EINVAL,
		  "comment is longer than 255" },
		{ { .type = "spam", .feed = "a" },
		  -EINVAL,
		  "threats of the type spam have no feed" },
		{ { .type = "spam", .until = NOW },
		  -EINVAL,
		  "would have ended already" },
		{ { .type = "portscan", .offender = "10.0.0.0/8" },
		  -EEXIST,
		  "rule 1 names the same" },
		{ { .type = "portscan", .offender = "10.1.2.3/8" },
		  -EEXIST,
		  "rule 1 names the same" },
		{ { .indicator = "EVIL.example" },
		  -EEXIST,
		  "rule 2 names the same" },
	};
	struct pk_suppress *s = one_rule((struct pk_suppress_said){
		.type = "portscan", .offender = "10.0.0.0/8" });

	(void)state;
	memset(long_text, 'x', sizeof(long_text) - 1);
	assert_int_equal(
		add(s,
		    (struct pk_suppress_said){ .indicator = "evil.example" }),
		2);
	for (size_t i = 0; i < LEN(rows); i++) {
		struct pk_suppress_said said = rows[i].said;
		char why[PK_SUPPRESS_WHY] = "";
		uint32_t number;
		int err;

		said.made = NOW;
		err = pk_suppress_add(s, &said, &number, why);
		if (err != rows[i].err || !strstr(why, rows[i].why))
			fail_msg("row %zu: %d, %s", i, err, why);
	}
	assert_null(pk_suppress_at(s, 2));
	pk_suppress_free(s);
}

static void there_is_a_most(void **state)
{
	struct pk_suppress_said said = { .made = NOW };
	char why[PK_SUPPRESS_WHY], feed[16];
	struct pk_suppress *s;
	uint32_t number;

	(void)state;
	assert_int_equal(pk_suppress_new(&s), 0);
	said.feed = feed;
	for (uint32_t i = 0; i < PK_SUPPRESS_MAX; i++) {
		snprintf(feed, sizeof(feed), "f%u", i);
		assert_int_equal(pk_suppress_add(s, &said, &number, why), 0);
		assert_int_equal(number, i + 1);
	}
	strcpy(feed, "one-more");
	assert_int_equal(pk_suppress_add(s, &said, &number, why), -ENOSPC);
	assert_int_equal(pk_suppress_del(s, 7), 0);
	assert_int_equal(pk_suppress_add(s, &said, &number, why), 0);
	assert_int_equal(number, PK_SUPPRESS_MAX + 1);
	assert_int_equal(pk_suppress_del(s, 7), -ENOENT);
	pk_suppress_free(s);
}

static void times_are_read(void **state)
{
	uint64_t t;

	(void)state;
	assert_int_equal(pk_suppress_time("2023-11-14T22:13:20Z", &t), 0);
	assert_int_equal(t, 1700000000);
	assert_int_equal(pk_suppress_time("2023-11-14", &t), 0);
	assert_int_equal(t, 1699920000);
	assert_int_equal(pk_suppress_time("2023-11-14T22:13:20", &t), -EINVAL);
	assert_int_equal(pk_suppress_time("14.11.2023", &t), -EINVAL);
	assert_int_equal(pk_suppress_time("", &t), -EINVAL);
	assert_int_equal(pk_suppress_time("2h", &t), -EINVAL);
}

/* --- the configuration's ---------------------------------------------------------- */

static void the_configuration_has_its_own(void **state)
{
	struct pk_suppress_said said = { .made = NOW, .type = "spam" };
	struct pk_threat_subject subject = subject_at(NOW * SEC);
	struct pk_suppress *s;

	(void)state;
	assert_int_equal(pk_suppress_new(&s), 0);
	said.by = PK_SUPPRESS_NOBODY;
	assert_int_equal(add(s, said), 1);
	said.type = "winscan";
	assert_int_equal(add(s, said), 2);
	said.type = "portscan";
	said.by = 7;
	assert_int_equal(add(s, said), 3);
	said.feed = "mine", said.type = NULL;
	assert_int_equal(add(s, said), 4);
	assert_int_equal(pk_suppress_del(s, 1), -EPERM);
	assert_int_equal(pk_suppress_take(s, &subject), 1);

	/* spam again, winscan no more, portscan is the configuration's now */
	pk_suppress_config_begin(s);
	said = (struct pk_suppress_said){ .type = "spam",
					  .comment = "new",
					  .by = PK_SUPPRESS_NOBODY };
	assert_int_equal(add(s, said), 1);
	said.type = "portscan";
	assert_int_equal(add(s, said), 3);
	pk_suppress_config_end(s);
	assert_int_equal(pk_suppress_at(s, 0)->number, 1);
	assert_int_equal(pk_suppress_at(s, 0)->count, 1);
	assert_string_equal(pk_suppress_at(s, 0)->comment, "new");
	assert_int_equal(pk_suppress_at(s, 1)->number, 3);
	assert_int_equal(pk_suppress_del(s, 3), -EPERM);
	assert_int_equal(pk_suppress_at(s, 2)->number, 4);
	assert_int_equal(pk_suppress_del(s, 4), 0);
	assert_null(pk_suppress_at(s, 2));
	pk_suppress_free(s);
}

/* --- the file ------------------------------------------------------------------------ */

static char dir[] = "/tmp/pk-suppress-XXXXXX";
static char path[64], fresh[64];

static int make_dir(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "%s/rules", mkdtemp(dir));
	snprintf(fresh, sizeof(fresh), "%s/rules.new", dir);
	return 0;
}

static int drop_dir(void **state)
{
	(void)state;
	unlink(path);
	unlink(fresh);
	return rmdir(dir);
}

static void put_file(const char *name, const char *text, size_t n)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	fclose(f);
}

static void rules_come_back_as_they_were(void **state)
{
	struct pk_threat_subject subject = subject_at(NOW * SEC);
	struct pk_suppress *s = one_rule((struct pk_suppress_said){
		.type = "spam", .comment = "\"quoted\"\n\xff", .by = 1000 });
	char why[PK_SUPPRESS_WHY], *one, *two;
	struct stat st;

	(void)state;
	add(s, (struct pk_suppress_said){ .feed = "gone" });
	add(s, (struct pk_suppress_said){ .indicator = "Evil.Example",
					  .feed = "a",
					  .until = NOW + 60,
					  .by = PK_SUPPRESS_NOBODY });
	add(s, (struct pk_suppress_said){ .offender = "2001:DB8::/32",
					  .target = "192.0.2.1" });
	assert_int_equal(pk_suppress_del(s, 2), 0);
	add(s, (struct pk_suppress_said){ .feed = "last" });
	assert_int_equal(pk_suppress_del(s, 5), 0);
	assert_int_equal(pk_suppress_take(s, &subject), 1);
	one = pk_suppress_print(s);
	pk_suppress_free(s);
	for (int sync = 0; sync < 2; sync++)
		assert_int_equal(pk_suppress_write(path, fresh, one, sync), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(access(fresh, F_OK), -1);

	assert_int_equal(pk_suppress_new(&s), 0);
	assert_int_equal(pk_suppress_read(s, path, why), 0);
	two = pk_suppress_print(s);
	assert_string_equal(one, two);
	assert_string_equal(pk_suppress_at(s, 0)->comment, "\"quoted\"\n\xff");
	assert_int_equal(pk_suppress_at(s, 0)->count, 1);
	assert_int_equal(pk_suppress_at(s, 1)->number, 3);
	assert_int_equal(pk_suppress_at(s, 1)->by, PK_SUPPRESS_NOBODY);
	assert_string_equal(pk_suppress_at(s, 2)->offender, "2001:db8::/32");
	assert_int_equal(add(s, (struct pk_suppress_said){ .feed = "x" }), 6);
	pk_suppress_free(s);
	free(one);
	free(two);
}

/* A crash at any byte of the writing leaves the old file and a part. */
static void a_part_beside_the_file_changes_nothing(void **state)
{
	struct pk_suppress *s =
		one_rule((struct pk_suppress_said){ .type = "spam" });
	char *old = pk_suppress_print(s), *new, why[PK_SUPPRESS_WHY];

	(void)state;
	add(s, (struct pk_suppress_said){ .type = "winscan" });
	new = pk_suppress_print(s);
	pk_suppress_free(s);
	assert_int_equal(pk_suppress_write(path, fresh, old, 1), 0);
	for (size_t n = 0; n <= strlen(new); n++) {
		put_file(fresh, new, n);
		assert_int_equal(pk_suppress_new(&s), 0);
		assert_int_equal(pk_suppress_read(s, path, why), 0);
		assert_non_null(pk_suppress_at(s, 0));
		assert_null(pk_suppress_at(s, 1));
		pk_suppress_free(s);
	}
	assert_int_equal(pk_suppress_write(path, fresh, new, 1), 0);
	assert_int_equal(pk_suppress_new(&s), 0);
	assert_int_equal(pk_suppress_read(s, path, why), 0);
	assert_non_null(pk_suppress_at(s, 1));
	pk_suppress_free(s);
	free(old);
	free(new);
}

static void a_damaged_file_is_told_and_harms_nothing(void **state)
{
	static const char *const bad[] = {
		"",
		"{",
		"[]",
		"null",
		"{\"picket\":\"other\",\"version\":1,\"rules\":[]}",
		"{\"picket\":\"suppress\",\"version\":2,\"rules\":[]}",
		"{\"picket\":\"suppress\",\"version\":1,\"rules\":{}}",
		"{\"picket\":\"suppress\",\"version\":1,\"rules\":[1]}",
		"{\"picket\":\"suppress\",\"version\":1,\"rules\":[{}]}",
		"{\"picket\":\"suppress\",\"version\":1,\"rules\":"
		"[{\"type\":\"spam\"}]}",
		"{\"picket\":\"suppress\",\"version\":1,\"rules\":"
		"[{\"number\":1,\"type\":\"spam\"},"
		"{\"number\":1,\"type\":\"winscan\"}]}",
		"{\"picket\":\"suppress\",\"version\":1,\"rules\":"
		"[{\"number\":1,\"type\":\"spam\"},"
		"{\"number\":2,\"type\":\"spam\"}]}",
	};
	char why[PK_SUPPRESS_WHY];
	struct pk_suppress *s;

	(void)state;
	for (size_t i = 0; i < LEN(bad); i++) {
		put_file(path, bad[i], strlen(bad[i]));
		*why = 0;
		assert_int_equal(pk_suppress_new(&s), 0);
		assert_int_equal(pk_suppress_read(s, path, why), -EBADMSG);
		assert_true(*why);
		pk_suppress_free(s);
	}
	unlink(path);
	assert_int_equal(pk_suppress_new(&s), 0);
	assert_int_equal(pk_suppress_read(s, path, why), -ENOENT);
	assert_int_equal(pk_suppress_write("/nowhere/x", "/nowhere/y", "", 1),
			 -ENOENT);
	pk_suppress_free(s);
}

/* One that is wrong, as an editor or a change of version makes it. */
static void a_bad_rule_costs_no_other(void **state)
{
	static const char text[] =
		"{\"picket\":\"suppress\",\"version\":1,\"last\":9,\"rules\":["
		"{\"number\":1,\"type\":\"spam\"},"
		"{\"number\":2,\"offender\":\"10.0.0.300\"},"
		"{\"number\":3,\"type\":\"retired\",\"count\":7},"
		"{\"number\":5},7,"
		"{\"number\":8,\"type\":\"winscan\"}]}";
	static const uint32_t kept[] = { 1, 3, 8 };
	static const union pk_addr a;
	const struct pk_threat_subject other = { .type = "portscan",
						 .offender = &a,
						 .target = &a };
	char why[PK_SUPPRESS_WHY] = "";
	struct pk_suppress *s;

	(void)state;
	put_file(path, text, strlen(text));
	assert_int_equal(pk_suppress_new(&s), 0);
	assert_int_equal(pk_suppress_read(s, path, why), -EBADMSG);
	for (uint32_t i = 0; i < LEN(kept); i++) {
		assert_non_null(pk_suppress_at(s, i));
		assert_int_equal(pk_suppress_at(s, i)->number, kept[i]);
	}
	assert_null(pk_suppress_at(s, LEN(kept)));
	assert_non_null(strstr(why, "2, 5, that at place 5"));
	assert_non_null(strstr(why, "10.0.0.300"));
	assert_string_equal(pk_suppress_at(s, 1)->type, "retired");
	assert_int_equal(pk_suppress_at(s, 1)->count, 7);
	assert_int_equal(pk_suppress_take(s, &other), 0);
	assert_int_equal(pk_suppress_last(s), 9);
	pk_suppress_free(s);
	unlink(path);
}

/* Their numbers are cut, not the sentence. */
static void many_bad_rules_are_one_sentence(void **state)
{
	char text[PK_SUPPRESS_MAX * 32], why[PK_SUPPRESS_WHY] = "";
	int n = sprintf(text, "{\"picket\":\"suppress\",\"version\":1,"
			      "\"rules\":[");
	struct pk_suppress *s;

	(void)state;
	for (int i = 1; i <= PK_SUPPRESS_MAX; i++)
		n += sprintf(text + n, "{\"number\":%d},", i);
	n += sprintf(text + n, "{\"number\":9999,\"type\":\"spam\"}]}");
	put_file(path, text, (size_t)n);
	assert_int_equal(pk_suppress_new(&s), 0);
	assert_int_equal(pk_suppress_read(s, path, why), -EBADMSG);
	assert_int_equal(pk_suppress_at(s, 0)->number, 9999);
	assert_non_null(strstr(why, "1, 2, 3, "));
	assert_non_null(strstr(why, " ... (the first: "));
	pk_suppress_free(s);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_member_of_a_rule_must_match),
		cmocka_unit_test(the_first_rule_that_matches_counts),
		cmocka_unit_test(counts_say_when_first_and_last),
		cmocka_unit_test(a_rule_ends_with_its_second),
		cmocka_unit_test(bad_rules_are_refused_with_a_sentence),
		cmocka_unit_test(there_is_a_most),
		cmocka_unit_test(times_are_read),
		cmocka_unit_test(the_configuration_has_its_own),
		cmocka_unit_test(rules_come_back_as_they_were),
		cmocka_unit_test(a_part_beside_the_file_changes_nothing),
		cmocka_unit_test(a_damaged_file_is_told_and_harms_nothing),
		cmocka_unit_test(a_bad_rule_costs_no_other),
		cmocka_unit_test(many_bad_rules_are_one_sentence),
	};

	return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
