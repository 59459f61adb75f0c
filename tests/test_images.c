/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "ioc/image/images.h"
#include "ioc/image/lookup.h"
#include "ioc/store/store.h"

enum { SEED = 4711, MARKS = 200 };

/* Marks of bases and of deltas are other addresses. */
static union pk_addr mark(unsigned delta, unsigned number)
{
	union pk_addr a = { .b = { [10] = 0xff, [11] = 0xff, [12] = 10 } };

	a.b[13] = (uint8_t)(1 + delta);
	a.b[14] = (uint8_t)(number >> 8);
	a.b[15] = (uint8_t)number;
	return a;
}

static void add(struct pk_store *s, union pk_addr a)
{
	struct pk_indicator ind;

	pk_indicator_init(&ind);
	ind.type = PK_INDICATOR_IPV4;
	ind.addr = a;
	assert_int_equal(pk_store_add(s, &ind, NULL), 0);
}

/* A block of MARKS marks, whose slots are number + 1 + @offset. */
static struct pk_block make_block(unsigned delta, unsigned offset)
{
	struct pk_block b = { 0 };
	struct pk_store *s;

	assert_int_equal(pk_store_new(&s, SEED), 0);
	for (unsigned i = 0; i < offset; i++)
		add(s, mark(2, i));
	for (unsigned i = 0; i < MARKS; i++)
		add(s, mark(delta, i));
	assert_int_equal(pk_builder_base(s, &b), 0);
	pk_store_free(s);
	return b;
}

/* The offset that all marks of a kind agree on; -1 if none is, -2: a mix. */
static int offset_of(const struct pk_view *v, unsigned delta)
{
	union pk_addr a = mark(delta, 0);
	int first = (int)pk_view_addr(v, &a) - 1;

	for (unsigned i = 1; i < MARKS; i++) {
		int slot;

		a = mark(delta, i);
		slot = (int)pk_view_addr(v, &a);
		if ((first < 0) != (slot == 0))
			return -2;
		if (slot && slot - 1 - (int)i != first)
			return -2;
	}
	return first;
}

static struct pk_images *new_images(int (*grace)(void *, uint64_t), void *arg)
{
	struct pk_images_conf conf = { SEED, grace, arg };
	struct pk_images *m;

	assert_int_equal(pk_images_new(&m, &conf), 0);
	return m;
}

static void the_first_pair_is_empty(void **state)
{
	struct pk_images *m = new_images(NULL, NULL);
	struct pk_view v;

	(void)state;
	pk_images_view(m, &v);
	assert_int_equal(v.generation, 1);
	assert_int_equal(pk_images_generation(m), 1);
	assert_int_equal(offset_of(&v, 0), -1);
	assert_true(v.base_head->seed == SEED && v.delta_head->seed == SEED);
	pk_images_free(m);
}

static void a_base_comes_with_an_empty_delta(void **state)
{
	struct pk_block base = make_block(0, 3), delta = make_block(1, 5);
	struct pk_images *m = new_images(NULL, NULL);
	struct pk_view v;

	(void)state;
	assert_int_equal(pk_images_publish_delta(m, &delta), 0);
	pk_images_view(m, &v);
	assert_int_equal(offset_of(&v, 0), -1);
	assert_int_equal(offset_of(&v, 1), 5);
	assert_int_equal(pk_images_publish_base(m, &base), 0);
	pk_images_view(m, &v);
	assert_int_equal(v.generation, 3);
	assert_int_equal(offset_of(&v, 0), 3);
	assert_int_equal(offset_of(&v, 1), -1);
	assert_int_equal(pk_images_publish(m, &base, &delta), 0);
	pk_images_view(m, &v);
	assert_int_equal(offset_of(&v, 0), 3);
	assert_int_equal(offset_of(&v, 1), 5);
	pk_images_free(m);
	pk_block_free(&base);
	pk_block_free(&delta);
}

static void unfit_blocks_are_refused_and_change_nothing(void **state)
{
	struct pk_block other = { 0 }, none = { 0 }, base = make_block(0, 0);
	struct pk_images *m = new_images(NULL, NULL);

	(void)state;
	assert_int_equal(pk_builder_empty(SEED + 1, &other), 0);
	assert_int_equal(pk_images_publish(m, NULL, NULL), -EINVAL);
	assert_int_equal(pk_images_publish_delta(m, &none), -EINVAL);
	assert_int_equal(pk_images_publish_base(m, &none), -EINVAL);
	assert_int_equal(pk_images_publish_delta(m, &other), -EINVAL);
	assert_int_equal(pk_images_publish(m, &base, &other), -EINVAL);
	assert_int_equal(pk_images_generation(m), 1);
	pk_images_free(m);
	pk_block_free(&base);
	pk_block_free(&other);
}

/* --- grace -------------------------------------------------------------- */

struct asked {
	uint64_t generation;
	unsigned times;
	int answer;
};

static int ask(void *arg, uint64_t generation)
{
	struct asked *a = arg;

	a->generation = generation;
	a->times++;
	return a->answer;
}

static void a_used_slot_is_overwritten_only_after_grace(void **state)
{
	struct pk_block base = make_block(0, 0), delta = make_block(1, 0);
	struct asked asked = { 0 };
	struct pk_images *m = new_images(ask, &asked);

	(void)state;
	/* Generation 1 took one delta slot; three are fresh. */
	for (int i = 0; i < PK_IMAGE_DELTAS - 1; i++)
		assert_int_equal(pk_images_publish_delta(m, &delta), 0);
	assert_int_equal(asked.times, 0);
	assert_int_equal(pk_images_publish_delta(m, &delta), 0);
	assert_int_equal(asked.times, 1);
	assert_int_equal(asked.generation, 1);
	/* The other base is fresh; the delta was active in generation 2. */
	assert_int_equal(pk_images_publish_base(m, &base), 0);
	assert_int_equal(asked.generation, 2);
	/* Now the first base: it was active up to generation 5. */
	asked.answer = -ETIMEDOUT;
	assert_int_equal(pk_images_publish_base(m, &base), -ETIMEDOUT);
	assert_int_equal(asked.generation, 5);
	assert_int_equal(pk_images_generation(m), 6);
	asked.answer = 0;
	assert_int_equal(pk_images_publish_base(m, &base), 0);
	/* Deltas of generations up to 5 are quiet: no more questions. */
	assert_int_equal(asked.times, 4);
	assert_int_equal(pk_images_publish_delta(m, &delta), 0);
	assert_int_equal(asked.times, 4);
	pk_images_free(m);
	pk_block_free(&base);
	pk_block_free(&delta);
}

/* --- targets ------------------------------------------------------------ */

enum { ROOM = 200 };

struct other {
	struct pk_control control;
	struct pk_line line[PK_IMAGE_SLOTS][ROOM];
	struct pk_line large[4 * ROOM];
};

static struct pk_image_target target_in(struct other *o, uint32_t lines)
{
	struct pk_image_target t = { .control = &o->control };

	for (unsigned i = 0; i < PK_IMAGE_SLOTS; i++) {
		t.slot[i] = o->line[i];
		t.lines[i] = lines;
	}
	return t;
}

static struct pk_view view_in(const struct other *o)
{
	uint32_t base = pk_word_base(o->control.word);
	uint32_t delta = pk_word_delta(o->control.word);

	return (struct pk_view){
		.base = o->line[base],
		.delta = o->line[delta],
		.base_head = &o->control.heads[base],
		.delta_head = &o->control.heads[delta],
	};
}

static void a_target_gets_the_active_pair_and_what_follows(void **state)
{
	struct pk_block base = make_block(0, 3), delta = make_block(1, 5);
	struct pk_images *m = new_images(NULL, NULL);
	struct other *o = aligned_alloc(64, sizeof(*o));
	struct pk_image_target t = target_in(o, ROOM);
	struct pk_view v;
	int number;

	(void)state;
	assert_int_equal(pk_images_publish_base(m, &base), 0);
	number = pk_images_add_target(m, &t);
	assert_int_equal(number, 1);
	v = view_in(o);
	assert_int_equal(pk_word_generation(o->control.word), 2);
	assert_int_equal(offset_of(&v, 0), 3);
	assert_int_equal(offset_of(&v, 1), -1);
	for (int i = 0; i < 9; i++)
		assert_int_equal(pk_images_publish_delta(m, &delta), 0);
	v = view_in(o);
	assert_int_equal(pk_word_generation(o->control.word), 11);
	assert_int_equal(offset_of(&v, 0), 3);
	assert_int_equal(offset_of(&v, 1), 5);
	assert_int_equal(pk_images_del_target(m, 1), 0);
	assert_int_equal(pk_images_del_target(m, 1), -ENOENT);
	assert_int_equal(pk_images_publish_base(m, &base), 0);
	assert_int_equal(pk_word_generation(o->control.word), 11);
	pk_images_free(m);
	free(o);
	pk_block_free(&base);
	pk_block_free(&delta);
}

/* X28 */
static void a_small_target_slot_is_named_and_can_be_replaced(void **state)
{
	struct pk_block base = make_block(0, 0);
	struct pk_images *m = new_images(NULL, NULL);
	struct other *o = aligned_alloc(64, sizeof(*o));
	struct pk_image_target t = target_in(o, 8);
	const struct pk_image_shortage *s = pk_images_shortage(m);

	(void)state;
	assert_int_equal(pk_images_add_target(m, &t), 1);
	assert_true(base.count > 8);
	assert_int_equal(pk_images_publish_base(m, &base), -ENOSPC);
	assert_int_equal(pk_images_generation(m), 1);
	assert_int_equal(s->target, 1);
	assert_int_equal(s->lines, base.count);
	assert_int_equal(pk_images_set_slot(m, 1, s->slot ^ 1, o->large, 800),
			 -EBUSY);
	assert_int_equal(pk_images_set_slot(m, 0, s->slot, o->large, 800),
			 -EINVAL);
	assert_int_equal(pk_images_set_slot(m, 2, s->slot, o->large, 800),
			 -ENOENT);
	assert_int_equal(pk_images_set_slot(m, 1, s->slot, o->large, 800), 0);
	assert_int_equal(pk_images_publish_base(m, &base), 0);
	assert_memory_equal(o->large, base.lines, base.count * 64ULL);
	assert_int_equal(pk_images_add_target(m, &t), -ENOSPC);
	pk_images_free(m);
	free(o);
	pk_block_free(&base);
}

/* A value table of its own, behind what the kernel needs. */
static unsigned values(const void *arg, uint32_t *cursor, struct pk_key *keys,
		       unsigned max)
{
	unsigned n = 0;

	for (; n < max && *cursor < MARKS; n++) {
		keys[n] = (struct pk_key){ .id = ++*cursor };
		keys[n].q[0] = pk_mix(*cursor);
		keys[n].table = arg ? PK_TABLE_VALUE : PK_TABLE_NAME;
		keys[n].hash = keys[n].q[0];
	}
	return n;
}

static void a_kernel_gets_no_more_than_it_needs(void **state)
{
	struct pk_key_source source = { .next = values,
					.arg = "",
					.seed = SEED };
	struct pk_images *m = new_images(NULL, NULL);
	struct other *o = aligned_alloc(64, sizeof(*o));
	struct pk_block b = { 0 };
	struct pk_image_target t;
	struct pk_view v;
	uint32_t slot;

	(void)state;
	assert_int_equal(pk_builder_build(&source, &b), 0);
	assert_true(b.head->shared_lines < b.count);
	t = target_in(o, b.head->shared_lines);
	assert_int_equal(pk_images_add_target(m, &t), 1);
	assert_int_equal(pk_images_publish_base(m, &b), 0);
	slot = pk_word_base(o->control.word);
	assert_memory_equal(o->line[slot], b.lines,
			    b.head->shared_lines * 64ULL);
	assert_int_equal(o->control.heads[slot].lines, b.head->shared_lines);
	assert_int_equal(o->control.heads[slot].value_buckets, 0);
	pk_images_view(m, &v);
	assert_int_equal(pk_view_value(&v, pk_mix(7)), 7);
	v = view_in(o);
	assert_int_equal(pk_view_value(&v, pk_mix(7)), 0);
	t = target_in(o, b.head->shared_lines);
	t.whole = 1; /* there is no room for all of it */
	assert_int_equal(pk_images_add_target(m, &t), -ENOSPC);
	assert_int_equal(pk_images_shortage(m)->lines, b.count);
	pk_block_free(&b);
	pk_images_free(m);
	free(o);
}

static void what_was_prepared_is_published_and_nothing_else(void **state)
{
	struct pk_block a = make_block(0, 3), b = make_block(0, 5);
	struct pk_block delta = make_block(1, 7);
	struct pk_images *m = new_images(NULL, NULL);
	struct pk_image_shortage shortage;
	struct pk_view v;

	(void)state;
	assert_int_equal(pk_images_prepare(m, &a, &shortage), 0);
	pk_images_view(m, &v);
	assert_int_equal(offset_of(&v, 0), -1); /* not yet */
	assert_int_equal(pk_images_publish_delta(m, &delta), 0);
	assert_int_equal(pk_images_publish_base(m, &a), 0);
	pk_images_view(m, &v);
	assert_int_equal(offset_of(&v, 0), 3);
	/* Another block, be it at the same place in memory, is copied. */
	assert_int_equal(pk_images_prepare(m, &a, &shortage), 0);
	assert_int_equal(a.count, b.count);
	memcpy(a.lines, b.lines, a.count * 64ULL);
	assert_int_equal(pk_images_publish_base(m, &a), 0);
	pk_images_view(m, &v);
	assert_int_equal(offset_of(&v, 0), 5);
	pk_block_free(&a);
	pk_block_free(&b);
	pk_block_free(&delta);
	pk_images_free(m);
}

/* All tables, and prefixes, for which room is made in the middle. */
static struct pk_store *mixed_store(void)
{
	static const char *const values[] = { "10.1.%u.0/24", "n%u.example",
					      "http://h%u.example/", "2a01::%u",
					      "20.0.0.%u" };
	struct pk_indicator ind;
	struct pk_store *s;
	char text[64];

	assert_int_equal(pk_store_new(&s, SEED), 0);
	for (unsigned i = 0; i < 1000; i++) {
		sprintf(text, values[i % 5], i / 5);
		pk_indicator_init(&ind);
		assert_int_equal(pk_indicator_parse(&ind, text, strlen(text)),
				 0);
		assert_int_equal(pk_store_add(s, &ind, NULL), 0);
	}
	return s;
}

static void a_base_built_in_its_place_is_the_same_and_not_copied(void **state)
{
	struct pk_images *m = new_images(NULL, NULL);
	struct pk_store *s = mixed_store();
	struct pk_image_shortage shortage;
	struct pk_block own, b = { 0 };
	struct pk_block_place place;
	struct pk_view v;

	(void)state;
	assert_int_equal(pk_builder_base(s, &own), 0);
	for (int round = 0; round < 4; round++) {
		assert_int_equal(pk_images_place(m, &place), 0);
		assert_int_equal(place.take(place.arg, own.count), 0);
		memset(place.lines, 0xa5, own.count * 64ULL); /* an old base */
		assert_int_equal(pk_builder_base_at(s, &place, &b), 0);
		assert_ptr_equal(b.lines, place.lines);
		assert_int_equal(b.count, own.count);
		assert_memory_equal(b.lines, own.lines, own.count * 64ULL);
		if (round % 2)
			assert_int_equal(pk_images_prepare(m, &b, &shortage),
					 0);
		assert_int_equal(pk_images_publish_base(m, &b), 0);
		pk_images_view(m, &v);
		assert_ptr_equal(v.base, b.lines);
		assert_int_equal(v.base_head->checksum, own.head->checksum);
		pk_block_free(&b);
		assert_int_equal(pk_block_check(v.base, own.count), 0);
	}
	assert_int_equal(pk_images_place(m, &place), 0);
	place.count = own.count - 1;
	assert_int_equal(pk_builder_base_at(s, &place, &b), -EFBIG);
	pk_block_free(&own);
	pk_store_free(s);
	pk_images_free(m);
}

/* --- other processes ---------------------------------------------------- */

static void nobody_else_can_write_the_images(void **state)
{
	struct pk_images *m = new_images(NULL, NULL), *reader = NULL;
	int fd = pk_images_fd(m), again, plain;
	char path[64];
	struct stat st;
	void *at;

	(void)state;
	assert_int_equal(fstat(fd, &st), 0);
	errno = 0;
	assert_ptr_equal(
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0),
		MAP_FAILED);
	assert_int_equal(errno, EPERM);
	at = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(at, MAP_FAILED);
	assert_int_equal(mprotect(at, 4096, PROT_READ | PROT_WRITE), -1);
	munmap(at, 4096);
	assert_true(pwrite(fd, "x", 1, 0) < 0);
	assert_true(ftruncate(fd, 0) < 0);
	assert_true(ftruncate(fd, st.st_size * 2) < 0);
	assert_true(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) < 0);
	sprintf(path, "/proc/self/fd/%d", fd);
	again = open(path, O_RDWR | O_CLOEXEC);
	if (again >= 0) {
		assert_ptr_equal(
			mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, again, 0),
			MAP_FAILED);
		close(again);
	}
	plain = memfd_create("plain", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(plain, st.st_size), 0);
	assert_int_equal(pk_images_open(&reader, plain, -1), -EINVAL);
	assert_int_equal(pk_images_open(&reader, fd, plain), -EINVAL);
	assert_int_equal(pk_images_open(&reader, 0, -1), -EINVAL);
	assert_null(reader);
	close(plain);
	pk_images_free(m);
}

static void hits_are_counted_across_processes(void **state)
{
	struct pk_images *m = new_images(NULL, NULL), *reader;
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		if (pk_images_open(&reader, pk_images_fd(m),
				   pk_images_hits_fd(m)))
			_exit(1);
		for (int i = 0; i < 1000; i++)
			pk_images_hit(reader, 7);
		pk_images_hit(reader, PK_SLOT_MAX);
		pk_images_hit(reader, PK_SLOT_MAX + 1);
		pk_images_hit(reader, PK_TOMBSTONE);
		pk_images_hit(reader, PK_NO_SLOT);
		_exit(pk_images_publish_base(reader, NULL) == -EINVAL ? 0 : 2);
	}
	for (int i = 0; i < 1000; i++)
		pk_images_hit(m, 7);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(pk_images_hits(m, 7), 2000);
	assert_int_equal(pk_images_hits(m, PK_SLOT_MAX), 1);
	assert_int_equal(pk_images_hits(m, 0), 0);
	pk_images_hits_clear(m, 7);
	assert_int_equal(pk_images_hits(m, 7), 0);
	assert_int_equal(pk_images_open(&reader, pk_images_fd(m), -1), 0);
	pk_images_hit(reader, 7);
	assert_int_equal(pk_images_hits(reader, 7), 0);
	pk_images_free(reader);
	pk_images_free(m);
}

/*
 * A reader in another process against a writer that never rests. Generation g
 * holds the delta of offset g % KINDS, and the base of offset g / 5 % KINDS.
 */
enum { KINDS = 16, SWITCHES = 6000 };

struct shared {
	uint64_t announced; /* written by the reader */
	uint32_t stop;
};

static int wait_for_reader(void *arg, uint64_t generation)
{
	struct shared *sh = arg;

	while (__atomic_load_n(&sh->announced, __ATOMIC_ACQUIRE) <= generation)
		sched_yield();
	return 0;
}

/* Exit status: 0 well, 1 a mix or a wrong image, 2 too few switches seen. */
static int read_along(int fd, struct shared *sh)
{
	uint64_t last = 0, changes = 0;
	struct pk_images *m;
	struct pk_view v;

	if (pk_images_open(&m, fd, -1))
		return 3;
	while (!__atomic_load_n(&sh->stop, __ATOMIC_ACQUIRE)) {
		pk_images_view(m, &v);
		__atomic_store_n(&sh->announced, v.generation,
				 __ATOMIC_RELEASE);
		if (v.generation < last)
			return 1;
		changes += v.generation != last;
		last = v.generation;
		if (last < 5)
			continue;
		if (offset_of(&v, 0) != (int)(last / 5 % KINDS) ||
		    offset_of(&v, 1) != (int)(last % KINDS))
			return 1;
	}
	/* Never in the way any more. */
	__atomic_store_n(&sh->announced, UINT64_MAX, __ATOMIC_RELEASE);
	return changes > 100 ? 0 : 2;
}

static void a_reader_sees_whole_pairs_while_the_writer_switches(void **state)
{
	struct pk_block base[KINDS], delta[KINDS];
	struct shared *sh = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct pk_images *m = new_images(wait_for_reader, sh);
	int status;
	pid_t pid;

	(void)state;
	for (unsigned i = 0; i < KINDS; i++) {
		base[i] = make_block(0, i);
		delta[i] = make_block(1, i);
	}
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		status = read_along(pk_images_fd(m), sh);
		/* A reader that gives up must not hold the writer. */
		__atomic_store_n(&sh->announced, UINT64_MAX, __ATOMIC_RELEASE);
		_exit(status);
	}
	for (uint64_t g = 2; g < SWITCHES; g++)
		assert_int_equal(pk_images_publish(
					 m, g % 5 ? NULL : &base[g / 5 % KINDS],
					 &delta[g % KINDS]),
				 0);
	__atomic_store_n(&sh->stop, 1, __ATOMIC_RELEASE);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(pk_images_generation(m), SWITCHES - 1);
	for (unsigned i = 0; i < KINDS; i++) {
		pk_block_free(&base[i]);
		pk_block_free(&delta[i]);
	}
	pk_images_free(m);
	munmap(sh, 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_pair_is_empty),
		cmocka_unit_test(a_base_comes_with_an_empty_delta),
		cmocka_unit_test(unfit_blocks_are_refused_and_change_nothing),
		cmocka_unit_test(a_used_slot_is_overwritten_only_after_grace),
		cmocka_unit_test(
			a_target_gets_the_active_pair_and_what_follows),
		cmocka_unit_test(
			a_small_target_slot_is_named_and_can_be_replaced),
		cmocka_unit_test(a_kernel_gets_no_more_than_it_needs),
		cmocka_unit_test(
			what_was_prepared_is_published_and_nothing_else),
		cmocka_unit_test(
			a_base_built_in_its_place_is_the_same_and_not_copied),
		cmocka_unit_test(nobody_else_can_write_the_images),
		cmocka_unit_test(hits_are_counted_across_processes),
		cmocka_unit_test(
			a_reader_sees_whole_pairs_while_the_writer_switches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
