/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files of a checkpoint: what is written is read; damage of any byte, at
 * any place, is refused and gives the checkpoint before.
 */
#include <errno.h>
#include <fcntl.h>
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
#include <unistd.h>

#include <cmocka.h>

#include "control/checkpoint/checkpoint.h"
#include "control/window.h"

#define SEC   1000000000ULL
#define START (1486834647 * SEC)

enum { STATE_MAX = 200000, SLICE = 1000 };

struct state {
	char path[64];
	uint8_t bytes[STATE_MAX];
	size_t len;
	uint8_t got[STATE_MAX];
	size_t got_len;
	uint64_t changes;
	char said[2048];
	struct pk_checkpoint_part part[2];
	struct pk_checkpoint *c;
};

static void hear(void *arg, const char *sentence)
{
	struct state *s = arg;

	snprintf(s->said, sizeof(s->said), "%s", sentence);
}

static uint64_t changes_of(void *arg)
{
	return ((struct state *)arg)->changes;
}

static int save_bytes(void *arg, struct pk_writer *w, uint64_t *at)
{
	struct state *s = arg;
	size_t n = s->len - *at < SLICE ? s->len - *at : SLICE;

	if (!*at)
		pk_put_u64(w, s->len);
	pk_put_bytes(w, s->bytes + *at, n);
	*at += n;
	return *at < s->len;
}

static int load_bytes(void *arg, struct pk_reader *r, uint32_t version)
{
	struct state *s = arg;

	if (version != 3)
		return -EPROTO;
	s->got_len = pk_get_u64(r);
	assert_in_range(s->got_len, 0, STATE_MAX);
	pk_get_bytes(r, s->got, s->got_len);
	return r->err;
}

static int save_text(void *arg, struct pk_writer *w, uint64_t *at)
{
	(void)arg;
	(void)at;
	pk_put_text(w, "hello");
	return w->err;
}

static int load_text(void *arg, struct pk_reader *r, uint32_t version)
{
	char text[16];

	(void)arg;
	assert_int_equal(version, 1);
	pk_get_text(r, text, sizeof(text));
	assert_string_equal(text, "hello");
	return r->err;
}

static void open_state(struct state *s)
{
	const struct pk_checkpoint_conf conf = {
		.dir = s->path,
		.parts = s->part,
		.count = 2,
		.changes = changes_of,
		.arg = s,
		.say = hear,
		.say_arg = s,
	};

	s->part[0] = (struct pk_checkpoint_part){ "text", 1, save_text,
						  load_text, s };
	s->part[1] = (struct pk_checkpoint_part){ "bytes", 3, save_bytes,
						  load_bytes, s };
	s->said[0] = 0;
	s->got_len = 0;
	assert_int_equal(pk_checkpoint_new(&s->c, &conf), 0);
}

static void fill(struct state *s, size_t len, unsigned seed)
{
	s->len = len;
	s->changes++;
	for (size_t i = 0; i < len; i++)
		s->bytes[i] =
			(uint8_t)(seed = seed * 1103515245 + 12345, seed >> 16);
}

static struct state *begin(void)
{
	struct state *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	strcpy(s->path, "/tmp/picket-checkpoint-XXXXXX");
	assert_non_null(mkdtemp(s->path));
	return s;
}

static void slot_path(const struct state *s, unsigned n, char out[80])
{
	snprintf(out, 80, "%s/%u", s->path, n);
}

static void end(struct state *s)
{
	char path[80];

	pk_checkpoint_free(s->c);
	for (unsigned n = 0; n < 2; n++) {
		slot_path(s, n, path);
		unlink(path);
	}
	assert_int_equal(rmdir(s->path), 0);
	free(s);
}

static void reopen(struct state *s)
{
	pk_checkpoint_free(s->c);
	open_state(s);
}

static size_t read_slot(const struct state *s, unsigned n, uint8_t **bytes)
{
	char path[80];
	struct stat st;
	int fd;

	slot_path(s, n, path);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	*bytes = malloc((size_t)st.st_size);
	assert_int_equal(read(fd, *bytes, (size_t)st.st_size), st.st_size);
	close(fd);
	return (size_t)st.st_size;
}

static void write_slot(const struct state *s, unsigned n, const uint8_t *bytes,
		       size_t len)
{
	char path[80];
	int fd;

	slot_path(s, n, path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	close(fd);
}

static void what_is_written_is_read(void **unused)
{
	struct state *s = begin();

	(void)unused;
	open_state(s);
	assert_int_equal(pk_checkpoint_load(s->c), -ENOENT);
	for (unsigned i = 0; i < 9; i++) {
		fill(s, i * 19999 % STATE_MAX, i);
		assert_int_equal(pk_checkpoint_flush(s->c, START + i), 0);
		reopen(s);
		assert_int_equal(pk_checkpoint_load(s->c), 0);
		assert_int_equal(s->got_len, s->len);
		assert_memory_equal(s->got, s->bytes, s->len);
		assert_string_equal(s->said, "");
	}
	end(s);
}

static void passes_go_slice_by_slice_and_only_when_something_changed(void **u)
{
	struct pk_checkpoint_view v;
	uint64_t now = START;
	struct state *s = begin();
	unsigned slices = 0;

	(void)u;
	open_state(s);
	fill(s, 100000, 1);
	while (pk_checkpoint_turn(s->c, now))
		slices++;
	assert_in_range(slices, 100, 110);
	do { /* the thread writes */
		pk_checkpoint_turn(s->c, now);
		pk_checkpoint_view(s->c, &v);
	} while (v.counters.under_way);
	assert_int_equal(v.counters.written, 1);
	assert_int_equal(v.written_ns, now);
	assert_true(v.current);
	assert_in_range(v.counters.bytes, 100000, 101000);
	now += 10 * SEC; /* nothing changed */
	assert_int_equal(pk_checkpoint_turn(s->c, now), 0);
	s->changes++;
	pk_checkpoint_view(s->c, &v);
	assert_false(v.current);
	assert_int_equal(v.counters.begun, 1);
	assert_int_equal(pk_checkpoint_turn(s->c, now), 1);
	assert_int_equal(pk_checkpoint_flush(s->c, now), 0); /* gives it up */
	pk_checkpoint_view(s->c, &v);
	assert_int_equal(v.counters.begun, 2);
	assert_int_equal(v.counters.written, 2);
	s->changes++; /* too early */
	assert_int_equal(pk_checkpoint_turn(s->c, now + SEC / 10), 0);
	pk_checkpoint_view(s->c, &v);
	assert_int_equal(v.counters.begun, 2);
	end(s);
}

static void expect_the_older(struct state *s, size_t older_len)
{
	struct pk_checkpoint_view v;

	reopen(s);
	assert_int_equal(pk_checkpoint_load(s->c), 0);
	assert_int_equal(s->got_len, older_len);
	pk_checkpoint_view(s->c, &v);
	assert_int_equal(v.counters.refused, 1);
	assert_non_null(strstr(s->said, "is not loaded"));
}

/* Two checkpoints: 300 bytes of state in slot 1, 500 in slot 0. */
static size_t write_two(struct state *s, uint8_t **newest)
{
	open_state(s);
	fill(s, 300, 1);
	assert_int_equal(pk_checkpoint_flush(s->c, START), 0);
	fill(s, 500, 2);
	assert_int_equal(pk_checkpoint_flush(s->c, START + 1), 0);
	return read_slot(s, 0, newest);
}

static void each_byte_that_is_flipped_gives_the_older_one(void **unused)
{
	struct state *s = begin();
	uint8_t *bytes;
	size_t len = write_two(s, &bytes);

	(void)unused;
	for (size_t i = 0; i < len; i++) {
		bytes[i] ^= (uint8_t)(1 << i % 8);
		write_slot(s, 0, bytes, len);
		bytes[i] ^= (uint8_t)(1 << i % 8);
		expect_the_older(s, 300);
	}
	free(bytes);
	end(s);
}

static void each_truncation_gives_the_older_one(void **unused)
{
	struct state *s = begin();
	uint8_t *bytes;
	size_t len = write_two(s, &bytes);

	(void)unused;
	for (size_t i = 0; i < len; i++) {
		write_slot(s, 0, bytes, i);
		expect_the_older(s, 300);
	}
	/* what follows is the end of a longer one */
	bytes = realloc(bytes, len + 100);
	memset(bytes + len, 7, 100);
	write_slot(s, 0, bytes, len + 100);
	reopen(s);
	assert_int_equal(pk_checkpoint_load(s->c), 0);
	assert_int_equal(s->got_len, 500);
	free(bytes);
	end(s);
}

static void two_damaged_ones_are_none(void **unused)
{
	struct pk_checkpoint_view v;
	struct state *s = begin();
	uint8_t *bytes;
	size_t len = write_two(s, &bytes);

	(void)unused;
	write_slot(s, 0, bytes, len - 1);
	write_slot(s, 1, bytes, len / 2);
	reopen(s);
	assert_int_equal(pk_checkpoint_load(s->c), -ENOENT);
	pk_checkpoint_view(s->c, &v);
	assert_int_equal(v.counters.refused, 2);
	fill(s, 100, 3); /* and the next one is sound */
	assert_int_equal(pk_checkpoint_flush(s->c, START), 0);
	reopen(s);
	assert_int_equal(pk_checkpoint_load(s->c), 0);
	assert_int_equal(s->got_len, 100);
	free(bytes);
	end(s);
}

static void the_sound_one_is_not_written_over_by_one_that_fails(void **unused)
{
	const struct rlimit small = { 400, RLIM_INFINITY };
	struct rlimit before, now;
	struct pk_checkpoint_view v;
	struct state *s = begin();

	(void)unused;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	open_state(s);
	fill(s, 200, 1);
	assert_int_equal(pk_checkpoint_flush(s->c, START), 0);
	now = (struct rlimit){ small.rlim_cur, before.rlim_max };
	setrlimit(RLIMIT_FSIZE, &now);
	fill(s, 5000, 2);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pk_checkpoint_flush(s->c, START), -EFBIG);
	setrlimit(RLIMIT_FSIZE, &before);
	assert_non_null(strstr(s->said, "cannot write"));
	pk_checkpoint_view(s->c, &v);
	assert_int_equal(v.counters.failed, 3);
	assert_int_equal(v.counters.begun, 4);
	reopen(s);
	assert_int_equal(pk_checkpoint_load(s->c), 0);
	assert_int_equal(s->got_len, 200);
	assert_int_equal(pk_checkpoint_flush(s->c, START), 0);
	end(s);
}

static void a_part_of_another_version_is_refused_alone(void **unused)
{
	struct pk_checkpoint_view v;
	struct state *s = begin();

	(void)unused;
	open_state(s);
	fill(s, 100, 1);
	s->part[1].version = 4;
	assert_int_equal(pk_checkpoint_flush(s->c, START), 0);
	reopen(s);
	assert_int_equal(pk_checkpoint_load(s->c), 0);
	pk_checkpoint_view(s->c, &v);
	assert_int_equal(v.counters.loaded_parts, 1);
	assert_int_equal(v.counters.refused_parts, 1);
	assert_non_null(strstr(s->said, "the part bytes is not loaded"));
	assert_non_null(strstr(s->said, "another version"));
	end(s);
}

/* --- windows -------------------------------------------------------------------- */

static const struct pk_window_rule rule = { 100 * SEC, 9 };

static uint32_t see(struct pk_window *w, uint8_t host, uint64_t at)
{
	const struct pk_window_key key = { .src = { .b = { host } } };
	const struct pk_window_evidence it = { .seen_ns = START + at };

	return pk_window_count(pk_window_add(w, &key, &rule, &it));
}

static int same_rule(void *arg, uint64_t *detector, struct pk_window_rule *out)
{
	(void)arg;
	(void)detector;
	*out = rule;
	return 0;
}

static void a_window_forgets_the_same_key_as_before(void **unused)
{
	struct pk_window *before, *after;
	struct pk_writer w = { 0 };
	struct pk_reader r;
	uint64_t at = 0;

	(void)unused;
	assert_int_equal(pk_window_new(&before, 3, 1), 0);
	see(before, 1, 1);
	see(before, 2, 2);
	see(before, 3, 3);
	see(before, 1, 4); /* 2 is the one seen longest ago */
	assert_int_equal(pk_window_save(before, &w, &at), 0);
	assert_int_equal(pk_window_new(&after, 3, 2), 0);
	r = (struct pk_reader){ w.bytes, w.used, 0 };
	assert_int_equal(pk_window_load(after, &r, same_rule, NULL, UINT64_MAX),
			 0);
	assert_int_equal(pk_window_counted(after)->restored, 4);
	assert_int_equal(pk_window_counted(after)->events, 0);
	see(after, 4, 5);
	assert_int_equal(see(after, 3, 6), 2);
	assert_int_equal(see(after, 1, 7), 3);
	assert_int_equal(pk_window_counted(after)->evicted, 1);
	pk_writer_fini(&w);
	pk_window_free(before);
	pk_window_free(after);
}

static void a_clock_that_was_ahead_does_not_keep_a_window_full(void **unused)
{
	struct pk_window *before, *after;
	struct pk_writer w = { 0 };
	struct pk_reader r;
	uint64_t at = 0;

	(void)unused;
	assert_int_equal(pk_window_new(&before, 3, 1), 0);
	see(before, 1, 1);
	see(before, 1, 3600 * SEC);
	see(before, 1, 3601 * SEC);
	see(before, 2, 3602 * SEC);
	assert_int_equal(pk_window_save(before, &w, &at), 0);
	assert_int_equal(pk_window_new(&after, 3, 2), 0);
	r = (struct pk_reader){ w.bytes, w.used, 0 };
	assert_int_equal(
		pk_window_load(after, &r, same_rule, NULL, START + 10 * SEC),
		0);
	assert_int_equal(pk_window_counted(after)->ahead, 3);
	assert_int_equal(see(after, 1, 200 * SEC), 1);
	assert_int_equal(see(after, 1, 400 * SEC), 1);
	pk_writer_fini(&w);
	pk_window_free(before);
	pk_window_free(after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(
			passes_go_slice_by_slice_and_only_when_something_changed),
		cmocka_unit_test(each_byte_that_is_flipped_gives_the_older_one),
		cmocka_unit_test(each_truncation_gives_the_older_one),
		cmocka_unit_test(two_damaged_ones_are_none),
		cmocka_unit_test(
			the_sound_one_is_not_written_over_by_one_that_fails),
		cmocka_unit_test(a_part_of_another_version_is_refused_alone),
		cmocka_unit_test(a_window_forgets_the_same_key_as_before),
		cmocka_unit_test(
			a_clock_that_was_ahead_does_not_keep_a_window_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
