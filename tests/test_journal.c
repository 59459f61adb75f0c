/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The journal against what was told: whatever is cut, damaged, removed or
 * refused, each message is there as it was told, or its number is missing.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
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

#include "control/journal/journal.h"
#include "control/journal/reader.h"
#include "control/journal/segment.h"

enum { TEXT = 2048 };

struct rig {
	char path[64];
	int dir;
	struct pk_journal_conf conf;
	struct pk_journal *j;
	uint64_t told;	/* the latest number told */
	uint64_t tells; /* calls */
	char said[512];
};

static void hear(void *arg, const char *sentence)
{
	struct rig *r = arg;

	snprintf(r->said, sizeof(r->said), "%s", sentence);
}

/* Text and subject of message @n: all lengths, all bytes. */
static uint32_t text_of(uint64_t n, char *out)
{
	uint64_t x = n * 0x9e3779b97f4a7c15ULL;
	uint32_t len = (uint32_t)((x >> 32) % 300);

	for (uint32_t i = 0; i < len; i++) {
		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		out[i] = (char)(x >> 56);
	}
	return len;
}

static const char *subject_of(uint64_t n)
{
	static const char *const subject[] = { "", "portscan", "indicator" };

	return subject[n % 3];
}

static void check_message(const struct pk_journal_message *m)
{
	char text[TEXT];
	const char *subject = subject_of(m->number);
	uint32_t len = text_of(m->number, text);

	assert_int_equal(m->text_len, len);
	assert_memory_equal(m->text, text, len);
	assert_int_equal(m->subject_len, strlen(subject));
	assert_memory_equal(m->subject, subject, m->subject_len);
	assert_int_equal(m->time_ns, m->number * 10);
}

static void told(void *arg, const struct pk_journal_message *m)
{
	struct rig *r = arg;

	assert_int_equal(m->number, r->told + 1);
	check_message(m);
	r->told = m->number;
	r->tells++;
}

static void rig_open(struct rig *r)
{
	assert_int_equal(pk_journal_open(&r->j, &r->conf), 0);
}

static void rig_begin(struct rig *r)
{
	*r = (struct rig){ .path = "/tmp/picket-journal-XXXXXX" };
	assert_non_null(mkdtemp(r->path));
	r->dir = open(r->path, O_RDONLY | O_DIRECTORY);
	assert_true(r->dir >= 0);
	r->conf = (struct pk_journal_conf){
		.dir_fd = r->dir,
		.word = "threat",
		.epoch = 7,
		.say = hear,
		.say_arg = r,
		.tell = told,
		.tell_arg = r,
	};
}

static void rig_end(struct rig *r)
{
	struct pk_journal_segment *list = NULL;
	char name[PK_JOURNAL_NAME_MAX];
	int n;

	pk_journal_close(r->j);
	n = pk_journal_list(r->dir, "threat", &list);
	for (int i = 0; i < n; i++) {
		pk_journal_name(name, "threat", list[i].first);
		assert_int_equal(unlinkat(r->dir, name, 0), 0);
	}
	free(list);
	unlinkat(r->dir, "threat.told", 0);
	close(r->dir);
	assert_int_equal(rmdir(r->path), 0);
}

static void append(struct rig *r, uint64_t count)
{
	char text[TEXT];

	while (count--) {
		uint64_t n = pk_journal_last(r->j) + 1;
		struct pk_journal_message m = {
			.time_ns = n * 10,
			.subject = subject_of(n),
			.subject_len = (uint32_t)strlen(subject_of(n)),
			.text = text,
			.text_len = text_of(n, text),
		};

		assert_int_equal(pk_journal_append(r->j, &m), 0);
		assert_int_equal(m.number, n);
	}
}

/* What a reader finds from @from on: how many, and how many are missing. */
static uint64_t read_all(const struct rig *r, uint64_t from, uint64_t *missing)
{
	struct pk_journal_reader *reader;
	struct pk_journal_message m;
	uint64_t found = 0, lost, next = from;

	*missing = 0;
	assert_int_equal(pk_journal_reader_new(&reader, r->dir, "threat", from),
			 0);
	while (pk_journal_read(reader, &m, &lost) == 1) {
		check_message(&m);
		assert_int_equal(m.number, next + lost);
		next = m.number + 1;
		*missing += lost;
		found++;
	}
	pk_journal_reader_free(reader);
	return found;
}

static void check_counts(const struct rig *r)
{
	struct pk_journal_counters c;

	pk_journal_count(r->j, &c);
	assert_int_equal(c.offered,
			 c.refused + c.committed + c.dropped + c.waiting);
}

/* ---- the tests ---- */

static void nothing_is_told_before_it_is_in_the_file(void **state)
{
	uint64_t missing;
	struct rig r;

	(void)state;
	rig_begin(&r);
	rig_open(&r);
	append(&r, 100);
	assert_int_equal(r.tells, 0);
	assert_int_equal(read_all(&r, 1, &missing), 0);
	assert_int_equal(pk_journal_commit(r.j), 0);
	assert_int_equal(r.tells, 100);
	assert_int_equal(read_all(&r, 1, &missing), 100);
	assert_int_equal(missing, 0);
	assert_int_equal(read_all(&r, 40, &missing), 61);
	assert_int_equal(missing, 0);
	assert_int_equal(read_all(&r, 101, &missing), 0);
	check_counts(&r);
	rig_end(&r);
}

static void a_full_buffer_is_written_not_lost(void **state)
{
	struct rig r;
	uint64_t missing;

	(void)state;
	rig_begin(&r);
	r.conf.buffer_bytes = 80000;
	rig_open(&r);
	append(&r, 5000);
	assert_true(r.tells > 4000);
	assert_int_equal(pk_journal_commit(r.j), 0);
	assert_int_equal(r.tells, 5000);
	assert_int_equal(read_all(&r, 1, &missing), 5000);
	assert_int_equal(missing, 0);
	check_counts(&r);
	rig_end(&r);
}

static void numbers_go_on_over_restarts(void **state)
{
	uint64_t missing;
	struct rig r;

	(void)state;
	rig_begin(&r);
	for (uint64_t run = 0; run < 20; run++) {
		r.conf.epoch = run;
		rig_open(&r);
		assert_int_equal(pk_journal_last(r.j), run * 13);
		append(&r, 13); /* closing commits */
		pk_journal_close(r.j);
	}
	rig_open(&r);
	assert_int_equal(r.tells, 260);
	assert_int_equal(read_all(&r, 1, &missing), 260);
	assert_int_equal(missing, 0);
	rig_end(&r);
}

static void what_cannot_be_a_message_is_refused_and_counted(void **state)
{
	char *text = calloc(1, PK_JOURNAL_TEXT_MAX + 1);
	struct pk_journal_message m = { .text = text, .subject = text };
	struct pk_journal_counters c;
	struct rig r;

	(void)state;
	rig_begin(&r);
	rig_open(&r);
	m.text_len = PK_JOURNAL_TEXT_MAX + 1;
	assert_int_equal(pk_journal_append(r.j, &m), -EMSGSIZE);
	m.text_len = 1;
	m.subject_len = PK_JOURNAL_SUBJECT_MAX + 1;
	assert_int_equal(pk_journal_append(r.j, &m), -EINVAL);
	pk_journal_count(r.j, &c);
	assert_int_equal(c.refused, 2);
	assert_int_equal(pk_journal_last(r.j), 0);
	check_counts(&r);
	rig_end(&r);

	rig_begin(&r);
	r.conf.word = "no/path";
	assert_int_equal(pk_journal_open(&r.j, &r.conf), -EINVAL);
	r.conf.word = "";
	assert_int_equal(pk_journal_open(&r.j, &r.conf), -EINVAL);
	r.conf.word = "threat";
	r.conf.buffer_bytes = PK_JOURNAL_TEXT_MAX;
	assert_int_equal(pk_journal_open(&r.j, &r.conf), -EINVAL);
	rig_end(&r);
	free(text);
}

/* The only file of the rig. */
static int open_file(const struct rig *r, int flags)
{
	char name[PK_JOURNAL_NAME_MAX];
	int fd;

	pk_journal_name(name, "threat", 1);
	fd = openat(r->dir, name, flags);
	assert_true(fd >= 0);
	return fd;
}

static uint8_t *file_bytes(const struct rig *r, size_t *len)
{
	int fd = open_file(r, O_RDONLY);
	struct stat st;
	uint8_t *bytes;

	assert_int_equal(fstat(fd, &st), 0);
	*len = (size_t)st.st_size;
	bytes = malloc(*len);
	assert_non_null(bytes);
	assert_int_equal(read(fd, bytes, *len), *len);
	close(fd);
	return bytes;
}

static void put_file(const struct rig *r, const uint8_t *bytes, size_t len)
{
	int fd = open_file(r, O_WRONLY | O_TRUNC);

	assert_int_equal(write(fd, bytes, len), len);
	close(fd);
}

static void a_file_cut_at_any_byte_keeps_what_was_whole(void **state)
{
	size_t len, whole = sizeof(struct pk_journal_head);
	uint64_t missing, n = 0;
	uint8_t *bytes;
	struct rig r;

	(void)state;
	rig_begin(&r);
	rig_open(&r);
	append(&r, 12);
	pk_journal_close(r.j);
	bytes = file_bytes(&r, &len);
	for (size_t cut = whole; cut <= len; cut++) {
		uint32_t size;

		memcpy(&size, bytes + whole + 4, 4);
		if (cut == whole + pk_journal_size(size)) {
			whole = cut;
			n++;
		}
		put_file(&r, bytes, cut);
		assert_int_equal(read_all(&r, 1, &missing), n);
		assert_int_equal(missing, 0);
		rig_open(&r);
		assert_int_equal(pk_journal_last(r.j), n);
		r.told = n;
		append(&r, 2);
		assert_int_equal(pk_journal_commit(r.j), 0);
		assert_int_equal(read_all(&r, 1, &missing), n + 2);
		assert_int_equal(missing, 0);
		pk_journal_close(r.j);
	}
	assert_int_equal(n, 12);
	/* A file whose head was not finished held nothing. */
	for (size_t cut = 0; cut < sizeof(struct pk_journal_head); cut++) {
		put_file(&r, bytes, cut);
		r.told = 0;
		rig_open(&r);
		assert_int_equal(pk_journal_last(r.j), 0);
		append(&r, 1);
		pk_journal_close(r.j);
		assert_int_equal(read_all(&r, 1, &missing), 1);
	}
	r.j = NULL;
	free(bytes);
	rig_end(&r);
}

static void a_damaged_byte_costs_its_record_only(void **state)
{
	uint64_t missing, found;
	uint8_t *bytes;
	struct rig r;
	size_t len;

	(void)state;
	rig_begin(&r);
	rig_open(&r);
	append(&r, 12);
	pk_journal_close(r.j);
	bytes = file_bytes(&r, &len);
	for (size_t i = sizeof(struct pk_journal_head); i < len; i++) {
		bytes[i] ^= 0x41;
		put_file(&r, bytes, len);
		bytes[i] ^= 0x41;
		found = read_all(&r, 1, &missing);
		assert_true(found >= 11);
		/* Behind the last one nothing says that one is missing. */
		assert_true(found + missing == 12 ||
			    (found == 11 && missing == 0));
	}
	/* A damaged head costs nothing: what follows is checked by itself. */
	for (size_t i = 0; i < sizeof(struct pk_journal_head); i++) {
		bytes[i] ^= 0x41;
		put_file(&r, bytes, len);
		bytes[i] ^= 0x41;
		assert_int_equal(read_all(&r, 1, &missing), 12);
		rig_open(&r);
		assert_int_equal(pk_journal_last(r.j), 12);
		pk_journal_close(r.j);
	}
	r.j = NULL;
	free(bytes);
	rig_end(&r);
}

static void the_files_keep_their_bound(void **state)
{
	struct pk_journal_segment *list = NULL;
	uint64_t total, missing, found;
	struct pk_journal_counters c;
	struct rig r;
	int n;

	(void)state;
	rig_begin(&r);
	r.conf.buffer_bytes = 70000;
	r.conf.segment_bytes = 100000;
	r.conf.max_bytes = 1000000;
	rig_open(&r);
	for (int i = 0; i < 400; i++) {
		append(&r, 50);
		assert_int_equal(pk_journal_commit(r.j), 0);
	}
	n = pk_journal_list(r.dir, "threat", &list);
	total = 0;
	for (int i = 0; i < n; i++)
		total += list[i].bytes;
	assert_in_range(total, 700000, 1000000);
	pk_journal_count(r.j, &c);
	assert_int_equal(c.segments - c.removed, n);
	assert_int_equal(pk_journal_first(r.j), list[0].first);
	free(list);
	found = read_all(&r, 1, &missing);
	assert_int_equal(missing, pk_journal_first(r.j) - 1);
	assert_int_equal(found + missing, 20000);
	check_counts(&r);
	rig_end(&r);
}

static void limit_files(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void what_the_disk_refuses_is_told_and_written_later(void **state)
{
	uint64_t missing;
	struct rig r;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	rig_begin(&r);
	rig_open(&r);
	append(&r, 10);
	assert_int_equal(pk_journal_commit(r.j), 0);
	limit_files(4000);
	append(&r, 100);
	assert_int_equal(pk_journal_commit(r.j), -EFBIG);
	append(&r, 1);
	assert_int_equal(pk_journal_commit(r.j), -EFBIG);
	assert_int_equal(pk_journal_retry(r.j), -EFBIG);
	limit_files(RLIM_INFINITY);
	assert_int_equal(r.tells, 111);
	assert_int_equal(read_all(&r, 1, &missing), 10);
	append(&r, 1);
	assert_int_equal(pk_journal_commit(r.j), -EFBIG); /* not tried */
	assert_int_equal(r.tells, 112);
	assert_int_equal(pk_journal_retry(r.j), 0);
	assert_int_equal(r.tells, 112);
	assert_int_equal(read_all(&r, 1, &missing), 112);
	assert_int_equal(missing, 0);
	append(&r, 1);
	assert_int_equal(pk_journal_commit(r.j), 0);
	assert_int_equal(r.tells, 113);
	check_counts(&r);
	rig_end(&r);
}

static void a_number_that_was_told_is_never_given_again(void **state)
{
	uint64_t missing;
	struct rig r;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	rig_begin(&r);
	rig_open(&r);
	append(&r, 10);
	assert_int_equal(pk_journal_commit(r.j), 0);
	limit_files(4000);
	append(&r, 100);
	assert_int_equal(pk_journal_commit(r.j), -EFBIG);
	assert_int_equal(r.told, 110);
	pk_journal_close(r.j);
	limit_files(RLIM_INFINITY);
	rig_open(&r);
	assert_int_equal(pk_journal_last(r.j), 110);
	append(&r, 1);
	assert_int_equal(pk_journal_commit(r.j), 0);
	assert_int_equal(r.told, 111);
	assert_int_equal(read_all(&r, 1, &missing), 11);
	assert_int_equal(missing, 100);
	rig_end(&r);
}

static void a_second_writer_is_kept_out(void **state)
{
	struct pk_journal *second;
	struct rig r;

	(void)state;
	rig_begin(&r);
	rig_open(&r);
	assert_int_equal(pk_journal_open(&second, &r.conf), -EBUSY);
	assert_non_null(strstr(r.said, "another process writes it"));
	pk_journal_close(r.j);
	rig_open(&r);
	rig_end(&r);
}

static void what_does_not_fit_memory_either_is_counted(void **state)
{
	struct pk_journal_counters c;
	uint64_t missing, found;
	struct rig r;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	rig_begin(&r);
	r.conf.buffer_bytes = 70000;
	rig_open(&r);
	append(&r, 10);
	assert_int_equal(pk_journal_commit(r.j), 0);
	limit_files(4000);
	append(&r, 3000);
	limit_files(RLIM_INFINITY);
	pk_journal_commit(r.j);
	assert_int_equal(pk_journal_retry(r.j), 0);
	assert_int_equal(r.tells, 3010);
	pk_journal_count(r.j, &c);
	assert_true(c.dropped > 2000);
	check_counts(&r);
	found = read_all(&r, 1, &missing);
	assert_int_equal(missing, c.dropped);
	assert_int_equal(found, c.committed);
	rig_end(&r);
}

static void files_to_sync_are_handed_out_once(void **state)
{
	struct rig r;
	int fd[PK_JOURNAL_DIRTY], n, most = 0;

	(void)state;
	rig_begin(&r);
	r.conf.segment_bytes = 100000;
	r.conf.sync = PK_SYNC_SECOND;
	rig_open(&r);
	assert_int_equal(pk_journal_dirty(r.j, fd), 0);
	for (int i = 0; i < 60; i++) {
		append(&r, 20);
		assert_int_equal(pk_journal_commit(r.j), 0);
		n = pk_journal_dirty(r.j, fd);
		assert_in_range(n, 1, 3);
		most = n > most ? n : most;
		while (n) {
			assert_int_equal(fsync(fd[--n]), 0);
			close(fd[n]);
		}
		assert_int_equal(pk_journal_dirty(r.j, fd), 0);
	}
	assert_int_equal(most, 3); /* a full file, a new one, the folder */
	rig_end(&r);
}

/* ---- two at once ---- */

struct follower {
	const struct rig *rig;
	uint64_t until;
	uint64_t found;
};

static void *follow(void *arg)
{
	struct follower *f = arg;
	struct pk_journal_reader *reader;
	struct pk_journal_message m;
	uint64_t missing;

	if (pk_journal_reader_new(&reader, f->rig->dir, "threat", 1))
		return NULL;
	while (f->found < f->until) {
		int ret = pk_journal_read(reader, &m, &missing);

		if (ret < 0 || (ret == 1 && missing))
			break;
		if (ret == 0)
			sched_yield();
		f->found += ret == 1;
	}
	pk_journal_reader_free(reader);
	return NULL;
}

static void a_reader_follows_the_writer(void **state)
{
	struct follower f = { .until = 40000 };
	pthread_t thread;
	struct rig r;

	(void)state;
	rig_begin(&r);
	r.conf.segment_bytes = 1 << 20;
	rig_open(&r);
	f.rig = &r;
	assert_int_equal(pthread_create(&thread, NULL, follow, &f), 0);
	for (uint64_t n = 0; n < f.until;) {
		/* a commit a message at first: the reader is at the tail */
		uint64_t some = n < f.until / 2 ? 1 : 1 + (n * 7919) % 97;

		some = some > f.until - n ? f.until - n : some;
		append(&r, some);
		assert_int_equal(pk_journal_commit(r.j), 0);
		n += some;
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(f.found, f.until);
	rig_end(&r);
}

/* ---- killed ---- */

static void say_number(void *arg, const struct pk_journal_message *m)
{
	int fd = *(const int *)arg;

	if (write(fd, &m->number, sizeof(m->number)) < 0)
		_exit(1);
}

/* Append and commit until killed; each number told goes into the pipe. */
static void live_and_die(struct rig *r, int fd)
{
	struct pk_journal_message m;
	char text[TEXT];

	r->conf.tell = say_number;
	r->conf.tell_arg = &fd;
	if (pk_journal_open(&r->j, &r->conf))
		_exit(1);
	for (;;) {
		uint64_t n = pk_journal_last(r->j) + 1;

		m = (struct pk_journal_message){
			.time_ns = n * 10,
			.subject = subject_of(n),
			.subject_len = (uint32_t)strlen(subject_of(n)),
			.text = text,
			.text_len = text_of(n, text),
		};
		if (pk_journal_append(r->j, &m) ||
		    (n % 5 == 0 && pk_journal_commit(r->j)))
			_exit(1);
	}
}

static uint64_t run_and_kill(struct rig *r, uint32_t tells)
{
	uint64_t number = 0, latest = 0;
	int fd[2], status;
	pid_t pid;

	assert_int_equal(pipe(fd), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(fd[0]);
		live_and_die(r, fd[1]);
	}
	close(fd[1]);
	while (tells-- && read(fd[0], &number, 8) == 8)
		latest = number;
	kill(pid, SIGKILL);
	while (read(fd[0], &number, 8) == 8)
		latest = number;
	close(fd[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	return latest;
}

static void what_was_told_survives_a_kill(void **state)
{
	uint64_t missing, latest, last;
	struct rig r;

	(void)state;
	rig_begin(&r);
	r.conf.segment_bytes = 200000;
	for (uint32_t round = 0; round < 100; round++) {
		latest = run_and_kill(&r, 1 + round * 37 % 501);
		last = read_all(&r, 1, &missing);
		assert_int_equal(missing, 0);
		assert_true(last >= latest);
	}
	rig_open(&r);
	assert_true(pk_journal_last(r.j) > 10000);
	rig_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_told_before_it_is_in_the_file),
		cmocka_unit_test(a_full_buffer_is_written_not_lost),
		cmocka_unit_test(numbers_go_on_over_restarts),
		cmocka_unit_test(
			what_cannot_be_a_message_is_refused_and_counted),
		cmocka_unit_test(a_file_cut_at_any_byte_keeps_what_was_whole),
		cmocka_unit_test(a_damaged_byte_costs_its_record_only),
		cmocka_unit_test(the_files_keep_their_bound),
		cmocka_unit_test(
			what_the_disk_refuses_is_told_and_written_later),
		cmocka_unit_test(a_number_that_was_told_is_never_given_again),
		cmocka_unit_test(a_second_writer_is_kept_out),
		cmocka_unit_test(what_does_not_fit_memory_either_is_counted),
		cmocka_unit_test(files_to_sync_are_handed_out_once),
		cmocka_unit_test(a_reader_follows_the_writer),
		cmocka_unit_test(what_was_told_survives_a_kill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
