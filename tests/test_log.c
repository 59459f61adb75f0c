/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/log.h"

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

static int ends[2];
static char text[65536];

/* As systemd says that its stream is this inode. */
static int name_stream(unsigned long long inode)
{
	char name[64];
	struct stat st;

	if (fstat(ends[1], &st))
		return -1;
	snprintf(name, sizeof(name), "%llu:%llu", (unsigned long long)st.st_dev,
		 st.st_ino + inode);
	return setenv("JOURNAL_STREAM", name, 1);
}

static int set_up(void **state)
{
	(void)state;
	if (pipe(ends))
		return -1;
	pk_log_set_fd(ends[1]);
	return name_stream(0);
}

static int tear_down(void **state)
{
	(void)state;
	pk_log_set_fd(STDERR_FILENO);
	pk_log_set_level(PK_LOG_INFO);
	close(ends[1]);
	return close(ends[0]);
}

/* All that was logged; a last line of the test's own ends it. */
static const char *logged(void)
{
	size_t n = 0;

	assert_int_equal(write(ends[1], "\x04", 1), 1);
	do {
		assert_int_equal(read(ends[0], text + n, 1), 1);
	} while (text[n++] != '\x04' && n < sizeof(text));
	text[n - 1] = 0;
	return text;
}

static void a_line_carries_its_level_for_the_journal(void **state)
{
	(void)state;
	pk_err("no plane answered plane=%s", "xdp");
	pk_warn("warned");
	pk_info("told");
	assert_string_equal(logged(), "<3>no plane answered plane=xdp\n"
				      "<4>warned\n<6>told\n");
}

static void no_other_file_gets_levels(void **state)
{
	(void)state;
	assert_int_equal(name_stream(1), 0);
	pk_warn("inherited");
	setenv("JOURNAL_STREAM", "nonsense", 1);
	pk_warn("of nobody");
	unsetenv("JOURNAL_STREAM");
	pk_warn("a pipe");
	assert_string_equal(logged(), "inherited\nof nobody\na pipe\n");
}

static void lines_above_the_level_are_dropped(void **state)
{
	(void)state;
	pk_debug("not yet");
	pk_log_set_level(PK_LOG_DEBUG);
	pk_debug("now");
	assert_string_equal(logged(), "<7>now\n");
}

static void text_cannot_forge_a_line(void **state)
{
	(void)state;
	pk_err("bad name name=%s", "a\n<3>forged \x1b[2J\x7f\xc3\xaf");
	assert_string_equal(logged(), "<3>bad name name=a\\x0a<3>forged "
				      "\\x1b[2J\\x7f\\xc3\\xaf\n");
}

static void a_long_line_is_cut(void **state)
{
	char big[3 * PK_LOG_LINE];

	(void)state;
	memset(big, 1, sizeof(big) - 1);
	big[sizeof(big) - 1] = 0;
	pk_err("%s", big);
	assert_true(strlen(logged()) <= PK_LOG_LINE + 64);
	assert_string_equal(text + strlen(text) - 5, "\\x01\n");
}

/* The period may end once in between; never twice. */
static void a_flood_from_one_place_is_held_back(void **state)
{
	int lines = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		pk_err("again");
	for (const char *p = logged(); *p; p++)
		lines += *p == '\n';
	assert_in_range(lines, PK_LOG_BURST, 2 * PK_LOG_BURST);
}

static void the_next_line_says_how_many_are_missing(void **state)
{
	static struct pk_log_site site;

	(void)state;
	atomic_store(&site.suppressed, 990);
	pk_log(&site, PK_LOG_ERR, "again");
	pk_log(&site, PK_LOG_ERR, "and again");
	assert_string_equal(logged(),
			    "<3>again suppressed=990\n<3>and again\n");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_line_carries_its_level_for_the_journal),
		TEST(no_other_file_gets_levels),
		TEST(lines_above_the_level_are_dropped),
		TEST(text_cannot_forge_a_line),
		TEST(a_long_line_is_cut),
		TEST(a_flood_from_one_place_is_held_back),
		TEST(the_next_line_says_how_many_are_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
