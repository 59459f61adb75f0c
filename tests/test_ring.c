/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum {
	BYTES = 16 * 1024,
	HEAD_BYTES = 4096, /* in front of the data, in the shared memory */
	MANY = 1000000,
};

static uint64_t rnd_state;

static uint32_t rnd(void)
{
	rnd_state = rnd_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(rnd_state >> 33);
}

static struct pk_ring *new_ring(void)
{
	struct pk_ring *r = NULL;

	assert_int_equal(pk_ring_new(&r, BYTES), 0);
	return r;
}

static struct pk_ring *join(const struct pk_ring *r)
{
	struct pk_ring *p = NULL;

	assert_int_equal(pk_ring_join(&p, pk_ring_fd(r), pk_ring_eventfd(r)),
			 0);
	return p;
}

static void fill(uint8_t *buf, uint32_t len, uint32_t with)
{
	for (uint32_t i = 0; i < len; i++)
		buf[i] = (uint8_t)(with + i * 7);
}

static void refuses_bad_sizes(void **state)
{
	struct pk_ring *r = NULL;

	(void)state;
	assert_int_equal(pk_ring_new(&r, 0), -EINVAL);
	assert_int_equal(pk_ring_new(&r, BYTES / 2), -EINVAL);
	assert_int_equal(pk_ring_new(&r, BYTES + 8), -EINVAL);
	assert_int_equal(pk_ring_new(&r, 1U << 31), -EINVAL);
	assert_null(r);
	pk_ring_free(NULL);
}

static void refuses_entries_out_of_range(void **state)
{
	static uint8_t buf[PK_RING_ENTRY_MAX + 1];
	struct pk_ring *r = new_ring(), *p = join(r);

	(void)state;
	assert_int_equal(pk_ring_push(p, buf, 0), -EINVAL);
	assert_int_equal(pk_ring_push(p, buf, PK_RING_ENTRY_MAX + 1), -EINVAL);
	assert_int_equal(pk_ring_push(p, buf, PK_RING_ENTRY_MAX), 0);
	assert_int_equal(pk_ring_pop(r, buf, sizeof buf), PK_RING_ENTRY_MAX);
	assert_int_equal(pk_ring_pop(r, buf, sizeof buf), 0);
	pk_ring_free(p);
	pk_ring_free(r);
}

static void joins_nothing_but_a_sealed_ring(void **state)
{
	struct pk_ring *p = NULL;
	int fd = memfd_create("bare", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	(void)state;
	assert_int_equal(ftruncate(fd, HEAD_BYTES + BYTES), 0);
	assert_int_equal(pk_ring_join(&p, fd, -1), -EINVAL);
	fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	assert_int_equal(pk_ring_join(&p, fd, -1), -EINVAL); /* no magic */
	assert_int_equal(pk_ring_join(&p, 0, -1), -EINVAL);
	assert_int_equal(pk_ring_join(&p, -1, -1), -EINVAL);
	assert_null(p);
	close(fd);
}

static void memory_cannot_be_cut_short(void **state)
{
	struct pk_ring *r = new_ring();

	(void)state;
	assert_int_equal(ftruncate(pk_ring_fd(r), 4096), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(pk_ring_fd(r), 1 << 20), -1);
	assert_int_equal(fcntl(pk_ring_fd(r), F_ADD_SEALS, F_SEAL_WRITE), -1);
	pk_ring_free(r);
}

/* The slow twin: a plain queue of lengths and contents. */
struct twin {
	uint32_t len[BYTES / 16], with[BYTES / 16];
	uint32_t head, tail;
};

static void push_both(struct pk_ring *p, struct twin *t, uint32_t len)
{
	uint8_t buf[PK_RING_ENTRY_MAX];
	uint32_t at = t->head % (BYTES / 16);

	t->len[at] = len;
	t->with[at] = rnd();
	fill(buf, len, t->with[at]);
	if (pk_ring_push(p, buf, len) == 0)
		t->head++;
	else
		/* A refusal is due when the entry and a filler could not fit. */
		assert_true(pk_ring_used(p) + 2 * (len + 16) > BYTES);
}

static void pop_both(struct pk_ring *r, struct twin *t)
{
	uint8_t buf[PK_RING_ENTRY_MAX], want[PK_RING_ENTRY_MAX];
	uint32_t at = t->tail % (BYTES / 16);
	int n = pk_ring_pop(r, buf, sizeof buf);

	if (t->head == t->tail) {
		assert_int_equal(n, 0);
		return;
	}
	assert_int_equal(n, t->len[at]);
	fill(want, t->len[at], t->with[at]);
	assert_memory_equal(buf, want, t->len[at]);
	t->tail++;
}

static void agrees_with_a_queue(void **state)
{
	static struct twin t;
	struct pk_ring *r = new_ring(), *p = join(r);

	(void)state;
	rnd_state = 1;
	for (int i = 0; i < 300000; i++) {
		uint32_t max = rnd() % 8 ? 200 : PK_RING_ENTRY_MAX;
		uint32_t push = i / 1000 % 2 ? 2 : 3; /* fill, then empty */

		if (rnd() % 5 < push)
			push_both(p, &t, 1 + rnd() % max);
		else
			pop_both(r, &t);
		if (t.head == t.tail)
			assert_int_equal(pk_ring_used(p), 0);
	}
	assert_true(t.head > 50000);
	pk_ring_free(p);
	pk_ring_free(r);
}

/* Bring the next place to @place: a sum of 16s and at most one 24. */
static void move_to(struct pk_ring *r, struct pk_ring *p, uint32_t place)
{
	uint8_t buf[16] = { 0 };

	while (place) {
		uint32_t len = place % 16 ? 16 : 8;

		assert_int_equal(pk_ring_push(p, buf, len), 0);
		assert_int_equal(pk_ring_pop(r, buf, sizeof buf), len);
		place -= len + 8;
	}
}

/* An entry of each length at every place that entries can begin at. */
static void wraps_at_every_place(void **state)
{
	static uint8_t buf[PK_RING_ENTRY_MAX], got[PK_RING_ENTRY_MAX];
	static const uint32_t lens[] = { 4096, 1, 8, 9, 160, 2048 };

	(void)state;
	for (uint32_t place = 16; place <= BYTES; place += 8) {
		struct pk_ring *r = new_ring(), *p = join(r);

		move_to(r, p, place);
		for (uint32_t k = 0; k < sizeof lens / sizeof *lens; k++) {
			fill(buf, lens[k], place + k);
			assert_int_equal(pk_ring_push(p, buf, lens[k]), 0);
			assert_int_equal(pk_ring_pop(r, got, sizeof got),
					 lens[k]);
			assert_memory_equal(buf, got, lens[k]);
			assert_int_equal(pk_ring_used(r), 0);
			assert_int_equal(pk_ring_used(p), 0);
		}
		pk_ring_free(p);
		pk_ring_free(r);
	}
}

static void a_full_ring_refuses_and_keeps(void **state)
{
	uint64_t v = 0, n = 0;
	struct pk_ring *r = new_ring(), *p = join(r);

	(void)state;
	while (pk_ring_push(p, &n, sizeof n) == 0)
		n++;
	assert_int_equal(n, BYTES / 16);
	assert_int_equal(pk_ring_used(p), BYTES);
	assert_int_equal(pk_ring_push(p, &n, 1), -ENOBUFS);
	for (uint64_t i = 0; i < n; i++) {
		assert_int_equal(pk_ring_pop(r, &v, sizeof v), 8);
		assert_int_equal(v, i);
	}
	assert_int_equal(pk_ring_pop(r, &v, sizeof v), 0);
	assert_int_equal(pk_ring_push(p, &n, sizeof n), 0);
	pk_ring_free(p);
	pk_ring_free(r);
}

static void a_new_producer_goes_on(void **state)
{
	struct pk_ring *r = new_ring(), *p;
	uint32_t v, next = 0;

	(void)state;
	for (uint32_t i = 0; i < 5000; i++) {
		p = join(r);
		assert_int_equal(pk_ring_push(p, &i, sizeof i), 0);
		pk_ring_free(p);
		if (i % 3 == 0)
			continue;
		while (pk_ring_pop(r, &v, sizeof v) == sizeof v)
			assert_int_equal(v, next++);
	}
	assert_int_equal(next, 5000);
	pk_ring_free(r);
}

static void one_handle_may_do_both(void **state)
{
	struct pk_ring *r = new_ring();
	uint32_t v;

	(void)state;
	for (uint32_t i = 0; i < 5000; i++) {
		assert_int_equal(pk_ring_push(r, &i, sizeof i), 0);
		assert_int_equal(pk_ring_used(r), 16);
		assert_int_equal(pk_ring_pop(r, &v, sizeof v), 4);
		assert_int_equal(v, i);
	}
	pk_ring_free(r);
}

static void an_entry_longer_than_the_buffer_poisons(void **state)
{
	struct pk_ring *r = new_ring(), *p = join(r);
	uint8_t buf[64] = { 0 };

	(void)state;
	assert_int_equal(pk_ring_push(p, buf, 33), 0);
	assert_int_equal(pk_ring_pop(r, buf, 32), -EBADMSG);
	assert_int_equal(pk_ring_pop(r, buf, 64), -EBADMSG);
	assert_int_equal(pk_ring_sleep(r), 0);
	pk_ring_free(p);
	pk_ring_free(r);
}

/* --- two processes, two threads ----------------------------------------- */

struct entry {
	uint64_t number;
	uint32_t len, sum;
	uint8_t bytes[400];
};

static void entry_make(struct entry *e, uint64_t number)
{
	e->number = number;
	e->len = (uint32_t)(offsetof(struct entry, bytes) +
			    number * 2654435761ULL % 397);
	e->sum = (uint32_t)(number * 31 + e->len);
	memset(e->bytes, (int)(number & 255), sizeof e->bytes);
}

static void entry_expect(const struct entry *e, int n, uint64_t number)
{
	static struct entry want;

	entry_make(&want, number);
	assert_int_equal(n, want.len);
	assert_memory_equal(e, &want, want.len);
}

static void produce(struct pk_ring *p, uint64_t n)
{
	static struct entry e;

	for (uint64_t i = 0; i < n; i++) {
		entry_make(&e, i);
		while (pk_ring_push(p, &e, e.len) == -ENOBUFS)
			sched_yield();
		if (i % 13 == 0)
			pk_ring_wake(p);
	}
	pk_ring_wake(p);
}

/* Wait at most 20 s: a lost wake-up must end in a failure, not in a hang. */
static void wait_for_wake(struct pk_ring *r)
{
	struct pollfd pfd = { pk_ring_eventfd(r), POLLIN, 0 };

	assert_int_equal(poll(&pfd, 1, 20000), 1);
}

static uint64_t consume(struct pk_ring *r, uint64_t n)
{
	struct entry e;
	uint64_t slept = 0;

	for (uint64_t i = 0; i < n;) {
		int got = pk_ring_pop(r, &e, sizeof e);

		assert_true(got >= 0);
		if (got) {
			entry_expect(&e, got, i++);
			continue;
		}
		if (!pk_ring_sleep(r))
			continue;
		wait_for_wake(r);
		pk_ring_awake(r);
		slept++;
	}
	return slept;
}

static void a_forked_producer_is_read_whole(void **state)
{
	struct pk_ring *r = new_ring();
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct pk_ring *p = NULL;

		if (pk_ring_join(&p, pk_ring_fd(r), pk_ring_eventfd(r)))
			_exit(1);
		produce(p, MANY / 4);
		_exit(0);
	}
	consume(r, MANY / 4);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	pk_ring_free(r);
}

static void *produce_many(void *arg)
{
	produce(arg, MANY);
	return NULL;
}

static void no_wake_up_is_lost(void **state)
{
	struct pk_ring *r = new_ring(), *p = join(r);
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, produce_many, p), 0);
	assert_true(consume(r, MANY) > 0);
	pthread_join(thread, NULL);
	pk_ring_free(p);
	pk_ring_free(r);
}

/* One entry a sleep: the narrowest race, both ways. */
static void *produce_one_by_one(void *arg)
{
	struct pk_ring **pair = arg;
	uint64_t v;

	for (uint64_t i = 0; i < 50000; i++) {
		if (pk_ring_push(pair[0], &i, sizeof i) < 0)
			return (void *)1;
		pk_ring_wake(pair[0]);
		while (pk_ring_pop(pair[1], &v, sizeof v) == 0) {
			struct pollfd pfd = { pk_ring_eventfd(pair[1]), POLLIN,
					      0 };

			if (!pk_ring_sleep(pair[1]))
				continue;
			if (poll(&pfd, 1, 20000) != 1)
				return (void *)1;
			pk_ring_awake(pair[1]);
		}
		if (v != i)
			return (void *)1;
	}
	return NULL;
}

static void ping_pong_never_hangs(void **state)
{
	struct pk_ring *to = new_ring(), *back = new_ring();
	struct pk_ring *to_p = join(to), *back_p = join(back);
	struct pk_ring *pair[2] = { to_p, back };
	pthread_t thread;
	void *failed;
	uint64_t v;

	(void)state;
	assert_int_equal(
		pthread_create(&thread, NULL, produce_one_by_one, pair), 0);
	for (uint64_t i = 0; i < 50000;) {
		if (pk_ring_pop(to, &v, sizeof v)) {
			assert_int_equal(v, i++);
			assert_int_equal(pk_ring_push(back_p, &v, sizeof v), 0);
			pk_ring_wake(back_p);
		} else if (pk_ring_sleep(to)) {
			wait_for_wake(to);
			pk_ring_awake(to);
		}
	}
	pthread_join(thread, &failed);
	assert_null(failed);
	pk_ring_free(to_p);
	pk_ring_free(back_p);
	pk_ring_free(to);
	pk_ring_free(back);
}

static void the_eventfd_is_written_for_sleepers_only(void **state)
{
	struct pk_ring *r = new_ring(), *p = join(r);
	struct pollfd pfd = { pk_ring_eventfd(r), POLLIN, 0 };
	uint32_t v = 7;

	(void)state;
	pk_ring_push(p, &v, sizeof v);
	pk_ring_wake(p);
	assert_int_equal(poll(&pfd, 1, 0), 0);
	assert_int_equal(pk_ring_sleep(r), 0); /* there is something */
	pk_ring_pop(r, &v, sizeof v);
	assert_int_equal(pk_ring_sleep(r), 1);
	pk_ring_push(p, &v, sizeof v);
	assert_int_equal(poll(&pfd, 1, 0), 0);
	pk_ring_wake(p);
	assert_int_equal(poll(&pfd, 1, 0), 1);
	pk_ring_awake(r);
	assert_int_equal(poll(&pfd, 1, 0), 0);
	pk_ring_wake(p);
	assert_int_equal(poll(&pfd, 1, 0), 0);
	pk_ring_free(p);
	pk_ring_free(r);
}

/* The producer makes the eventfd blocking and empty: nobody hangs. */
static void a_hostile_eventfd_does_not_block(void **state)
{
	struct pk_ring *r = new_ring();

	(void)state;
	assert_int_equal(fcntl(pk_ring_eventfd(r), F_SETFL, 0), 0);
	alarm(20);
	pk_ring_awake(r);
	alarm(0);
	pk_ring_free(r);
}

/* --- a hostile producer (RELIABILITY A15) --------------------------------- */

/*
 * The ring's memory as its producer sees it. The places of the two words are
 * found, not known: an attacker has the source.
 */
struct victim {
	struct pk_ring *r;
	uint8_t *mem;
	uint64_t *head;
};

static void victim_open(struct victim *v)
{
	static uint8_t before[HEAD_BYTES];
	struct pk_ring *p;

	v->r = new_ring();
	p = join(v->r);
	v->mem = mmap(NULL, HEAD_BYTES + BYTES, PROT_READ | PROT_WRITE,
		      MAP_SHARED, pk_ring_fd(v->r), 0);
	assert_ptr_not_equal(v->mem, MAP_FAILED);
	memcpy(before, v->mem, HEAD_BYTES);
	assert_int_equal(pk_ring_push(p, "x", 1), 0);
	v->head = NULL;
	for (uint32_t i = 0; i < HEAD_BYTES; i += 8)
		if (memcmp(before + i, v->mem + i, 8) != 0)
			v->head = (uint64_t *)(void *)(v->mem + i);
	assert_non_null(v->head);
	assert_int_equal(*v->head, 16);
	pk_ring_free(p);
}

static void victim_close(struct victim *v)
{
	munmap(v->mem, HEAD_BYTES + BYTES);
	pk_ring_free(v->r);
}

static void impossible_heads_poison(void **state)
{
	static const uint64_t heads[] = {
		8,	    12,		BYTES + 8,     BYTES + 24,
		1ULL << 63, UINT64_MAX, UINT64_MAX - 7
	};
	uint8_t buf[PK_RING_ENTRY_MAX];

	(void)state;
	for (uint32_t i = 0; i < sizeof heads / sizeof *heads; i++) {
		struct victim v;

		victim_open(&v);
		assert_int_equal(pk_ring_pop(v.r, buf, sizeof buf), 1);
		*v.head = heads[i]; /* 8: backwards */
		assert_int_equal(pk_ring_pop(v.r, buf, sizeof buf), -EBADMSG);
		*v.head = 16;
		assert_int_equal(pk_ring_pop(v.r, buf, sizeof buf), -EBADMSG);
		assert_true(pk_ring_used(v.r) <= BYTES);
		victim_close(&v);
	}
}

static void impossible_lengths_poison(void **state)
{
	static const uint64_t words[] = {
		0,	    9, /* longer than what was published */
		4097,	    0xffffffff, 0x100000008ULL,
		1ULL << 63, UINT64_MAX, /* a filler with nothing behind */
	};
	uint8_t buf[PK_RING_ENTRY_MAX];

	(void)state;
	for (uint32_t i = 0; i < sizeof words / sizeof *words; i++) {
		struct victim v;

		victim_open(&v);
		assert_int_equal(pk_ring_pop(v.r, buf, sizeof buf), 1);
		memcpy(v.mem + HEAD_BYTES + 16, &words[i], 8);
		*v.head = 32;
		assert_int_equal(pk_ring_pop(v.r, buf, sizeof buf), -EBADMSG);
		victim_close(&v);
	}
}

/* The length is fine, and published, but reaches over the end of the data. */
static void an_entry_over_the_end_poisons(void **state)
{
	uint8_t buf[PK_RING_ENTRY_MAX];
	const uint64_t len = 2000;
	struct victim v;
	struct pk_ring *p;

	(void)state;
	victim_open(&v);
	p = join(v.r);
	while (*v.head < BYTES - 16) {
		assert_int_equal(pk_ring_push(p, buf, 8), 0);
		assert_true(pk_ring_pop(v.r, buf, sizeof buf) > 0);
	}
	assert_int_equal(pk_ring_pop(v.r, buf, sizeof buf), 8);
	assert_int_equal(pk_ring_used(v.r), 0);
	memcpy(v.mem + HEAD_BYTES + BYTES - 16, &len, 8);
	*v.head += 4096;
	assert_int_equal(pk_ring_pop(v.r, buf, sizeof buf), -EBADMSG);
	pk_ring_free(p);
	victim_close(&v);
}

/*
 * Garbage everywhere, the plausible mixed in. Popping must end (each pop moves
 * on or poisons) and stay inside: buf is exact, and the sanitizers watch.
 */
static void garbage_ends_in_poison_and_never_outside(void **state)
{
	uint64_t popped = 0, poisoned = 0;

	(void)state;
	rnd_state = 15;
	for (int round = 0; round < 3000; round++) {
		struct victim v;
		uint8_t *buf = malloc(512);
		int n = 1;

		victim_open(&v);
		for (uint32_t i = 0; i < BYTES; i += 8) {
			uint64_t word =
				rnd() % 4 ? rnd() % 600 : (uint64_t)rnd() << 32;

			if (rnd() % 50 == 0)
				word = UINT64_MAX;
			memcpy(v.mem + HEAD_BYTES + i, &word, 8);
		}
		for (int step = 0; step < 100 && n >= 0; step++) {
			*v.head += rnd() % 4 ? rnd() % 512 * 8 : 0;
			if (rnd() % 200 == 0)
				*v.head = (uint64_t)rnd() << 20;
			for (int k = 0; k < BYTES / 8 && n > 0; k++) {
				n = pk_ring_pop(v.r, buf, 512);
				popped += n > 0;
			}
			if (n == 0)
				n = 1;
		}
		if (n < 0) {
			poisoned++;
			assert_int_equal(n, -EBADMSG);
			assert_int_equal(pk_ring_pop(v.r, buf, 512), -EBADMSG);
		}
		free(buf);
		victim_close(&v);
	}
	assert_true(popped > 1000);
	assert_true(poisoned > 2000);
}

/* The words change under the consumer's eyes. */
struct scribbler {
	struct victim *v;
	int stop;
};

static void *scribble(void *arg)
{
	struct scribbler *s = arg;
	uint64_t x = 88172645463325252ULL;

	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
		uint64_t *at;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		at = (uint64_t *)(void *)(s->v->mem + HEAD_BYTES +
					  (x % BYTES & ~7ULL));
		__atomic_store_n(at, x & 1 ? x >> 40 : 24, __ATOMIC_RELAXED);
		__atomic_store_n(s->v->head,
				 __atomic_load_n(s->v->head, __ATOMIC_RELAXED) +
					 32,
				 __ATOMIC_RELAXED);
	}
	return NULL;
}

static void racing_garbage_is_survived(void **state)
{
	uint8_t buf[512];
	uint64_t popped = 0;

	(void)state;
	for (int round = 0; round < 100; round++) {
		struct victim v;
		struct scribbler s = { &v, 0 };
		pthread_t thread;
		int n = 0;

		victim_open(&v);
		assert_int_equal(pthread_create(&thread, NULL, scribble, &s),
				 0);
		while (n >= 0) {
			n = pk_ring_pop(v.r, buf, sizeof buf);
			popped += n > 0;
		}
		__atomic_store_n(&s.stop, 1, __ATOMIC_RELAXED);
		pthread_join(thread, NULL);
		assert_int_equal(n, -EBADMSG);
		victim_close(&v);
	}
	assert_true(popped > 0);
}

/* A consumer that lies about its position gets nothing more. */
static void an_impossible_tail_is_a_full_ring(void **state)
{
	struct pk_ring *r = new_ring(), *p = join(r);
	uint8_t *mem = mmap(NULL, HEAD_BYTES, PROT_READ | PROT_WRITE,
			    MAP_SHARED, pk_ring_fd(r), 0);
	uint64_t v = 0, forged = 1ULL << 40;

	(void)state;
	assert_ptr_not_equal(mem, MAP_FAILED);
	while (pk_ring_push(p, &v, sizeof v) == 0)
		v++;
	/* Whatever of the head page is not zero, the ring stays full. */
	for (uint32_t i = 128; i + 8 <= HEAD_BYTES; i += 8) {
		uint64_t was;

		memcpy(&was, mem + i, 8);
		memcpy(mem + i, &forged, 8);
		assert_int_equal(pk_ring_push(p, &v, sizeof v), -ENOBUFS);
		memcpy(mem + i, &was, 8);
	}
	munmap(mem, HEAD_BYTES);
	pk_ring_free(p);
	pk_ring_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_bad_sizes),
		cmocka_unit_test(refuses_entries_out_of_range),
		cmocka_unit_test(joins_nothing_but_a_sealed_ring),
		cmocka_unit_test(memory_cannot_be_cut_short),
		cmocka_unit_test(agrees_with_a_queue),
		cmocka_unit_test(wraps_at_every_place),
		cmocka_unit_test(a_full_ring_refuses_and_keeps),
		cmocka_unit_test(a_new_producer_goes_on),
		cmocka_unit_test(one_handle_may_do_both),
		cmocka_unit_test(an_entry_longer_than_the_buffer_poisons),
		cmocka_unit_test(a_forked_producer_is_read_whole),
		cmocka_unit_test(no_wake_up_is_lost),
		cmocka_unit_test(ping_pong_never_hangs),
		cmocka_unit_test(the_eventfd_is_written_for_sleepers_only),
		cmocka_unit_test(a_hostile_eventfd_does_not_block),
		cmocka_unit_test(impossible_heads_poison),
		cmocka_unit_test(impossible_lengths_poison),
		cmocka_unit_test(an_entry_over_the_end_poisons),
		cmocka_unit_test(garbage_ends_in_poison_and_never_outside),
		cmocka_unit_test(racing_garbage_is_survived),
		cmocka_unit_test(an_impossible_tail_is_a_full_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
