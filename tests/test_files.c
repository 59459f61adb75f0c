/* SPDX-License-Identifier: BSD-2-Clause */
/* files: every line of the journal, whole, at least once. */
#include "control/files/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <xxhash.h>

#include "control/journal/journal.h"
#include "control/profile/profile.h"

enum { AWAIT_MS = 20000, LINES = 4096 };

static struct world {
	char dir[64];
	char journal_dir[80];
	char state[80];
	char path[PK_FILES_MAX][128];
	int dir_fd;
	struct pk_journal *journal;
	struct pk_journal_mark mark;
	struct pk_files *files;
	struct pk_files_file conf[PK_FILES_MAX];
} w;

static void open_journal(void)
{
	const struct pk_journal_conf conf = { .dir_fd = w.dir_fd,
					      .word = "threat",
					      .epoch = 7 };

	assert_int_equal(pk_journal_open(&w.journal, &conf), 0);
	w.mark.began = pk_journal_last(w.journal) + 1;
	w.mark.first = pk_journal_first(w.journal);
	w.mark.written = w.mark.last = pk_journal_last(w.journal);
}

static int set_up(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	strcpy(w.dir, "/tmp/picket-files-XXXXXX");
	assert_non_null(mkdtemp(w.dir));
	snprintf(w.journal_dir, sizeof(w.journal_dir), "%s/journal", w.dir);
	snprintf(w.state, sizeof(w.state), "%s/state", w.dir);
	for (int i = 0; i < PK_FILES_MAX; i++) {
		snprintf(w.path[i], sizeof(w.path[i]), "%s/out%d", w.dir, i);
		strcpy(w.conf[i].path, w.path[i]);
	}
	assert_int_equal(mkdir(w.journal_dir, 0700), 0);
	w.dir_fd = open(w.journal_dir, O_RDONLY | O_DIRECTORY);
	assert_true(w.dir_fd >= 0);
	open_journal();
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	pk_files_free(w.files);
	pk_journal_close(w.journal);
	close(w.dir_fd);
	snprintf(command, sizeof(command), "rm -rf %s", w.dir);
	return system(command);
}

static void start(uint32_t count)
{
	const struct pk_files_conf conf = { .journal_dir = w.journal_dir,
					    .state_dir = w.state,
					    .mark = &w.mark,
					    .file = w.conf,
					    .count = count };

	assert_int_equal(pk_files_new(&w.files, &conf), 0);
}

static void stop(void)
{
	pk_files_free(w.files);
	w.files = NULL;
}

static void append(const char *type, const char *severity, int more)
{
	while (more--) {
		char text[256];
		struct pk_journal_message m = {
			.time_ns = 1,
			.subject = type,
			.subject_len = (uint32_t)strlen(type),
			.text = text,
		};

		m.text_len = (uint32_t)snprintf(
			text, sizeof(text),
			"{\"type\":\"%s\",\"seq\":%llu,\"severity\":\"%s\"}",
			type,
			(unsigned long long)pk_journal_last(w.journal) + 1,
			severity);
		assert_int_equal(pk_journal_append(w.journal, &m), 0);
	}
	assert_int_equal(pk_journal_commit(w.journal), 0);
	w.mark.first = pk_journal_first(w.journal);
	w.mark.written = w.mark.last = pk_journal_last(w.journal);
}

static struct pk_files_counters count(uint32_t i)
{
	struct pk_files_counters c;

	pk_files_count(w.files, i, &c);
	assert_int_equal(c.seen, c.lines + c.filtered + c.refused + c.waiting);
	return c;
}

/* Until file @i has passed all of the journal. */
static void await(uint32_t i)
{
	for (int ms = 0; ms < AWAIT_MS; ms++) {
		struct pk_files_counters c;

		pk_files_count(w.files, i, &c);
		if (c.next == w.mark.written + 1 && !c.waiting)
			return;
		poll(NULL, 0, 1);
	}
	fail_msg("file %u does not follow", i);
}

/* Until *@counter is @least. */
static void await_count(size_t at, uint64_t least)
{
	for (int ms = 0; ms < AWAIT_MS; ms++) {
		struct pk_files_counters c;

		pk_files_count(w.files, 0, &c);
		if (*(__u64 *)((char *)&c + at) >= least)
			return;
		poll(NULL, 0, 1);
	}
	fail_msg("a counter does not move");
}
#define AWAIT(counter, least) \
	await_count(offsetof(struct pk_files_counters, counter), least)

/* The numbers of @path's lines, each of which is whole: how many. */
static int read_lines(const char *path, uint64_t number[LINES])
{
	FILE *f = fopen(path, "r");
	char line[512];
	int n = 0;

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		unsigned long long seq;

		assert_true(n < LINES);
		assert_int_equal(sscanf(line,
					"{\"type\":\"%*[a-z]\",\"seq\":%llu,",
					&seq),
				 1);
		assert_string_equal(line + strlen(line) - 3, "\"}\n");
		number[n++] = seq;
	}
	fclose(f);
	return n;
}

static void assert_lines(const char *path, uint64_t from, uint64_t to)
{
	uint64_t number[LINES];
	int n = read_lines(path, number);

	assert_int_equal(n, to - from + 1);
	for (int i = 0; i < n; i++)
		assert_int_equal(number[i], from + (uint64_t)i);
}

static void each_threat_is_a_line(void **state)
{
	struct stat st;

	(void)state;
	start(1);
	append("spam", "high", 3);
	await(0);
	append("spam", "high", 1000);
	await(0);
	assert_lines(w.path[0], 1, 1003);
	assert_int_equal(stat(w.path[0], &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(count(0).lines, 1003);
	assert_int_equal(count(0).bytes, st.st_size);
}

static void each_file_has_its_own_choice(void **state)
{
	char line[1024];
	FILE *f;

	(void)state;
	w.conf[0].types = 2;
	strcpy(w.conf[0].type[0], "portscan");
	strcpy(w.conf[0].type[1], "winscan");
	w.conf[1].severity_min = 2;
	w.conf[2].profile = PK_PROFILE_CEF;
	start(3);
	append("portscan", "low", 2);
	append("spam", "high", 3);
	append("winscan", "critical", 4);
	for (uint32_t i = 0; i < 3; i++)
		await(i);
	assert_int_equal(count(0).lines, 6);
	assert_int_equal(count(0).filtered, 3);
	assert_int_equal(count(1).lines, 7);
	assert_int_equal(count(2).lines, 9);
	assert_lines(w.path[1], 3, 9);
	f = fopen(w.path[2], "r");
	assert_non_null(fgets(line, sizeof(line), f));
	assert_non_null(strstr(line, " CEF:0|picket|"));
	fclose(f);
}

static void it_goes_on_where_it_was(void **state)
{
	(void)state;
	start(1);
	append("spam", "high", 5);
	await(0);
	stop();
	append("spam", "high", 5);
	pk_journal_close(w.journal);
	open_journal();
	append("spam", "high", 5);
	start(1);
	await(0);
	assert_lines(w.path[0], 1, 15);
}

/* A new file begins with this run; what was before was not asked for. */
static void a_new_file_begins_with_the_run(void **state)
{
	(void)state;
	append("spam", "high", 5);
	pk_journal_close(w.journal);
	open_journal();
	append("spam", "high", 2);
	start(1);
	await(0);
	assert_lines(w.path[0], 6, 7);
}

static void a_damaged_cursor_means_all_again(void **state)
{
	char command[256];

	(void)state;
	start(1);
	append("spam", "high", 5);
	await(0);
	stop();
	snprintf(command, sizeof(command),
		 "sed -i 's/^1 0000/1 0009/' %s/*.cursor", w.state);
	assert_int_equal(system(command), 0);
	unlink(w.path[0]);
	start(1);
	await(0);
	assert_lines(w.path[0], 1, 5);
}

static int open_cursor(void)
{
	DIR *dir = opendir(w.state);
	struct dirent *e;
	int fd = -1;

	assert_non_null(dir);
	while ((e = readdir(dir)))
		if (strstr(e->d_name, ".cursor"))
			fd = openat(dirfd(dir), e->d_name, O_RDWR);
	closedir(dir);
	assert_true(fd >= 0);
	return fd;
}

/* A power cut: what was not synced may be gone. */
static void another_boot_goes_back_to_what_was_synced(void **state)
{
	char text[200];
	uint64_t number[LINES];
	int fd, n;

	(void)state;
	start(1);
	append("spam", "high", 5);
	await(0);
	stop();
	n = snprintf(text, sizeof(text), "1 %020d %020d %.36s", 5, 2,
		     "01234567-89ab-cdef-0123-456789abcdef");
	n += snprintf(text + n, sizeof(text) - (size_t)n, " %016llx\n",
		      (unsigned long long)XXH3_64bits(text, (size_t)n));
	fd = open_cursor();
	assert_int_equal(pwrite(fd, text, (size_t)n, 0), n);
	close(fd);
	start(1);
	await(0);
	assert_int_equal(read_lines(w.path[0], number), 8);
	assert_int_equal(number[5], 3);
	assert_int_equal(count(0).lines, 3);
}

static void it_is_rotated_by_its_length(void **state)
{
	char old[160];
	uint64_t number[LINES], next = 1;
	struct stat st;

	(void)state;
	w.conf[0].rotate_bytes = 1000;
	w.conf[0].keep = 3;
	start(1);
	append("spam", "high", 100);
	await(0);
	assert_true(count(0).rotated > 3);
	for (int i = 3; i >= 0; i--) {
		int n;

		snprintf(old, sizeof(old), i ? "%s.%d" : "%s", w.path[0], i);
		assert_int_equal(stat(old, &st), 0);
		assert_true(st.st_size <= 1000 && st.st_size > 0);
		n = read_lines(old, number);
		if (i == 3)
			next = number[0];
		for (int k = 0; k < n; k++)
			assert_int_equal(number[k], next++);
	}
	assert_int_equal(next, 101);
	snprintf(old, sizeof(old), "%s.4", w.path[0]);
	assert_int_equal(stat(old, &st), -1);
}

static void it_is_rotated_by_its_age(void **state)
{
	char old[160];

	(void)state;
	w.conf[0].rotate_age_s = 1;
	w.conf[0].keep = 1;
	start(1);
	append("spam", "high", 2);
	await(0);
	AWAIT(rotated, 1);
	append("spam", "high", 2);
	await(0);
	snprintf(old, sizeof(old), "%s.1", w.path[0]);
	assert_lines(old, 1, 2);
	assert_lines(w.path[0], 3, 4);
}

/* logrotate: renamed, then told; or only renamed. */
static void it_is_opened_anew_for_others(void **state)
{
	char old[160];

	(void)state;
	snprintf(old, sizeof(old), "%s.old", w.path[0]);
	start(1);
	append("spam", "high", 2);
	await(0);
	assert_int_equal(rename(w.path[0], old), 0);
	AWAIT(reopened, 1);
	append("spam", "high", 2);
	await(0);
	assert_lines(old, 1, 2);
	assert_lines(w.path[0], 3, 4);
	pk_files_reopen(w.files);
	AWAIT(reopened, 2);
	append("spam", "high", 1);
	await(0);
	assert_lines(w.path[0], 3, 5);
}

static void what_cannot_be_opened_waits(void **state)
{
	char deep[100];

	(void)state;
	snprintf(deep, sizeof(deep), "%s/deep", w.dir);
	snprintf(w.conf[0].path, PK_FILES_PATH, "%s/out", deep);
	start(2);
	append("spam", "high", 500);
	await(1);
	AWAIT(failed, 2);
	assert_lines(w.path[1], 1, 500);
	assert_int_equal(mkdir(deep, 0700), 0);
	await(0);
	assert_lines(w.conf[0].path, 1, 500);
	assert_int_equal(count(0).missing, 0);
}

/* The file system takes a part of it only, as when it is full. */
static void a_full_disk_leaves_whole_lines(void **state)
{
	struct rlimit limit = { 5000, RLIM_INFINITY }, before;
	struct stat st;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	append("spam", "high", 300);
	getrlimit(RLIMIT_FSIZE, &before);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	start(1);
	AWAIT(failed, 2);
	assert_int_equal(stat(w.path[0], &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	await(0);
	assert_lines(w.path[0], 1, 300);
}

static void a_torn_line_is_cut_off(void **state)
{
	int fd;

	(void)state;
	start(1);
	append("spam", "high", 2);
	await(0);
	stop();
	fd = open(w.path[0], O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, "{\"type\":\"sp", 11), 11);
	close(fd);
	start(1);
	append("spam", "high", 2);
	await(0);
	assert_lines(w.path[0], 1, 4);
	assert_int_equal(count(0).torn, 11);
}

static void what_is_no_file_is_not_written(void **state)
{
	(void)state;
	strcpy(w.conf[0].path, "/dev/null");
	assert_int_equal(symlink("/tmp", w.path[1]), 0);
	start(2);
	append("spam", "high", 2);
	AWAIT(failed, 1);
	for (int ms = 0; ms < AWAIT_MS && !count(1).failed; ms++)
		poll(NULL, 0, 1);
	assert_int_equal(count(0).lines + count(1).lines, 0);
}

static void what_is_no_message_is_counted(void **state)
{
	struct pk_journal_message m = { .text = "{\x01}", .text_len = 3 };

	(void)state;
	start(1);
	append("spam", "high", 1);
	m.subject = "x";
	m.subject_len = 1;
	assert_int_equal(pk_journal_append(w.journal, &m), 0);
	append("spam", "high", 1);
	await(0);
	assert_int_equal(count(0).refused, 1);
	assert_int_equal(count(0).lines, 2);
}

/* What the journal lost before its turn is missing, and counted. */
static void lost_numbers_are_counted(void **state)
{
	char command[200];

	(void)state;
	append("spam", "high", 10);
	pk_journal_close(w.journal);
	snprintf(command, sizeof(command), "rm -f %s/threat*", w.journal_dir);
	start(1);
	await(0);
	stop();
	assert_int_equal(system(command), 0);
	/* the numbers are gone, as far as the cursor knows */
	w.mark.written = 20;
	start(1);
	await(0);
	assert_int_equal(count(0).missing, 10);
	stop();
	snprintf(command, sizeof(command), "rm -rf %s/*", w.journal_dir);
	assert_int_equal(system(command), 0);
	open_journal();
}

/* ---- SIGKILL ---- */

static void follow_until_killed(void)
{
	start(1);
	for (;;)
		pause();
}

static void sigkill_loses_no_line(void **state)
{
	uint64_t number[LINES], seen[LINES] = { 0 }, twice = 0;
	int n;

	(void)state;
	srand(4);
	append("spam", "high", 1);
	w.mark.began = 1;
	for (int round = 0; round < 40; round++) {
		pid_t child;

		append("spam", "high", 1 + rand() % 60);
		child = fork();
		assert_true(child >= 0);
		if (!child)
			follow_until_killed();
		poll(NULL, 0, rand() % 20);
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, NULL, 0), child);
	}
	start(1);
	await(0);
	n = read_lines(w.path[0], number);
	for (int i = 0; i < n; i++)
		twice += seen[number[i]]++ > 0;
	for (uint64_t i = 1; i <= w.mark.written; i++)
		assert_true(seen[i] > 0);
	print_message("%llu lines, %llu twice\n",
		      (unsigned long long)w.mark.written,
		      (unsigned long long)twice);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_threat_is_a_line),
		TEST(each_file_has_its_own_choice),
		TEST(it_goes_on_where_it_was),
		TEST(a_new_file_begins_with_the_run),
		TEST(a_damaged_cursor_means_all_again),
		TEST(another_boot_goes_back_to_what_was_synced),
		TEST(it_is_rotated_by_its_length),
		TEST(it_is_rotated_by_its_age),
		TEST(it_is_opened_anew_for_others),
		TEST(what_cannot_be_opened_waits),
		TEST(a_full_disk_leaves_whole_lines),
		TEST(a_torn_line_is_cut_off),
		TEST(what_is_no_file_is_not_written),
		TEST(what_is_no_message_is_counted),
		TEST(lost_numbers_are_counted),
		TEST(sigkill_loses_no_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
