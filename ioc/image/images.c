/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/image/images.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010 /* Linux 5.1 */
#endif

enum {
	PAGE = 4096,
	SIZE_SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL,
	IMAGE_SEALS = SIZE_SEALS | F_SEAL_FUTURE_WRITE,
	HITS = PK_SLOT_MAX + 1,
};

static const size_t LINE = sizeof(struct pk_line);
static const size_t BASE_BYTES = PK_IMAGES_BASE_LINES * sizeof(struct pk_line);
static const size_t DELTA_BYTES =
	PK_IMAGES_DELTA_LINES * sizeof(struct pk_line);
static const size_t HEAD_BYTES = sizeof(struct pk_image_head);
static const size_t HITS_BYTES = HITS * sizeof(uint64_t);
static const size_t IMAGE_BYTES =
	PAGE +
	PK_IMAGE_BASES * (PK_IMAGES_BASE_LINES * sizeof(struct pk_line)) +
	PK_IMAGE_DELTAS * (PK_IMAGES_DELTA_LINES * sizeof(struct pk_line));

_Static_assert(sizeof(struct pk_control) <= PAGE, "control fits its page");

/* target[0] is the memfd; a target whose control is NULL is not in use. */
struct pk_images {
	struct pk_image_target target[PK_IMAGES_TARGETS];
	uint64_t *hits;
	int fd, hits_fd; /* -1 in a reader */
	/* The writer's alone. */
	int (*grace)(void *arg, uint64_t generation);
	void *arg;
	uint64_t last_active[PK_IMAGE_SLOTS]; /* generation; 0: never */
	uint64_t quiet; /* nobody uses this generation or an earlier one */
	struct pk_image_shortage shortage;
	bool prepared; /* the idle base slots hold a block that was prepared */
};

/* What a switch is going to do. */
struct plan {
	const struct pk_block *block[PK_IMAGE_SLOTS]; /* NULL: not written */
	uint64_t word;
};

static uint64_t word_of(const struct pk_images *m)
{
	return __atomic_load_n(&m->target[0].control->word, __ATOMIC_ACQUIRE);
}

static size_t slot_offset(unsigned slot)
{
	if (slot < PK_IMAGE_BASES)
		return PAGE + slot * BASE_BYTES;
	return PAGE + PK_IMAGE_BASES * BASE_BYTES +
	       (slot - PK_IMAGE_BASES) * DELTA_BYTES;
}

static uint32_t slot_lines(unsigned slot)
{
	return slot < PK_IMAGE_BASES ? PK_IMAGES_BASE_LINES
				     : PK_IMAGES_DELTA_LINES;
}

/* Map the images and point target 0 into them. 0 or -errno. */
static int map_images(struct pk_images *m, int fd, int protection)
{
	char *at = mmap(NULL, IMAGE_BYTES, protection, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		return -errno;
	m->target[0].control = (struct pk_control *)at;
	m->target[0].whole = 1;
	for (unsigned slot = 0; slot < PK_IMAGE_SLOTS; slot++) {
		m->target[0].slot[slot] =
			(struct pk_line *)(at + slot_offset(slot));
		m->target[0].lines[slot] = slot_lines(slot);
	}
	return 0;
}

static int map_hits(struct pk_images *m, int fd)
{
	void *at = mmap(NULL, HITS_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
			fd, 0);

	if (at == MAP_FAILED)
		return -errno;
	m->hits = at;
	return 0;
}

static int new_memory(const char *name, size_t bytes, int *out)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	*out = fd;
	return ftruncate(fd, (off_t)bytes) ? -errno : 0;
}

static int seal(int fd, int seals)
{
	return fcntl(fd, F_ADD_SEALS, seals) ? -errno : 0;
}

static struct pk_images *new_images(void)
{
	struct pk_images *m = calloc(1, sizeof(*m));

	if (m) {
		m->fd = -1;
		m->hits_fd = -1;
	}
	return m;
}

/* --- publishing --------------------------------------------------------- */

static bool is_sound(const struct pk_block *b)
{
	return b->lines && b->head && b->head->magic == PK_IMAGE_MAGIC &&
	       b->head->lines == b->count && b->head->shared_lines <= b->count;
}

/* The pair that becomes active, and the slots it goes to. 0 or -EINVAL. */
static int make_plan(const struct pk_images *m, const struct pk_block *base,
		     const struct pk_block *delta, struct plan *plan)
{
	uint64_t word = word_of(m);
	uint32_t b = pk_word_base(word), d = pk_word_delta(word);
	const struct pk_image_head *head = &m->target[0].control->heads[b];

	if (!is_sound(delta) || (base && !is_sound(base)))
		return -EINVAL;
	if (delta->head->seed != (base ? base->head : head)->seed)
		return -EINVAL;
	*plan = (struct plan){ 0 };
	if (base) {
		b ^= 1;
		plan->block[b] = base;
	}
	d = (d - PK_IMAGE_BASES + 1) % PK_IMAGE_DELTAS;
	plan->block[PK_IMAGE_BASES + d] = delta;
	plan->word = pk_word_make(pk_word_generation(word) + 1, b, d);
	return 0;
}

/* How many lines of a block a target gets. */
static uint32_t lines_for(const struct pk_image_target *t,
			  const struct pk_line *block)
{
	const struct pk_image_head *head = (const void *)block;

	return t->whole ? head->lines : head->shared_lines;
}

static int check_room(struct pk_image_shortage *shortage, unsigned target,
		      const struct pk_image_target *t, const struct plan *plan)
{
	for (unsigned slot = 0; slot < PK_IMAGE_SLOTS; slot++) {
		const struct pk_block *b = plan->block[slot];

		if (!b ||
		    (t->slot[slot] && lines_for(t, b->lines) <= t->lines[slot]))
			continue;
		*shortage = (struct pk_image_shortage){
			.target = target,
			.slot = slot,
			.lines = lines_for(t, b->lines),
		};
		return -ENOSPC;
	}
	return 0;
}

static int check_all_room(const struct pk_images *m, const struct plan *plan,
			  struct pk_image_shortage *shortage)
{
	for (unsigned i = 0; i < PK_IMAGES_TARGETS; i++) {
		int err = 0;

		if (m->target[i].control)
			err = check_room(shortage, i, &m->target[i], plan);
		if (err)
			return err;
	}
	return 0;
}

/* Take the pages now: a store that finds none would be a SIGBUS. */
static int take_pages(const struct pk_images *m, const struct plan *plan)
{
	for (unsigned slot = 0; slot < PK_IMAGE_SLOTS; slot++) {
		const struct pk_block *b = plan->block[slot];

		if (b && fallocate(m->fd, 0, (off_t)slot_offset(slot),
				   (off_t)(b->count * LINE)))
			return errno == ENOSPC ? -ENOMEM : -errno;
	}
	return 0;
}

static int wait_grace(struct pk_images *m, const struct plan *plan)
{
	uint64_t generation = 0;
	int err;

	for (unsigned slot = 0; slot < PK_IMAGE_SLOTS; slot++)
		if (plan->block[slot] && m->last_active[slot] > generation)
			generation = m->last_active[slot];
	if (generation <= m->quiet)
		return 0;
	err = m->grace ? m->grace(m->arg, generation) : 0;
	if (!err)
		m->quiet = generation;
	return err;
}

static void write_slot(const struct pk_image_target *t, unsigned slot,
		       const struct pk_line *lines)
{
	struct pk_image_head *head = &t->control->heads[slot];

	if (t->slot[slot] != lines) /* built there */
		memcpy(t->slot[slot], lines, lines_for(t, lines) * LINE);
	memcpy(head, lines, HEAD_BYTES);
	if (t->whole)
		return;
	head->lines = head->shared_lines;
	head->value_buckets = 0;
}

static void write_plan(struct pk_images *m, const struct plan *plan)
{
	for (unsigned i = 0; i < PK_IMAGES_TARGETS; i++) {
		const struct pk_image_target *t = &m->target[i];

		if (!t->control)
			continue;
		for (unsigned slot = 0; slot < PK_IMAGE_SLOTS; slot++)
			if (plan->block[slot])
				write_slot(t, slot, plan->block[slot]->lines);
	}
}

static void switch_word(struct pk_images *m, uint64_t word)
{
	uint64_t old = word_of(m), generation = pk_word_generation(old);

	/* What stays active gets a later generation when it stops. */
	if (generation) {
		m->last_active[pk_word_base(old)] = generation;
		m->last_active[pk_word_delta(old)] = generation;
	}
	for (unsigned i = 0; i < PK_IMAGES_TARGETS; i++)
		if (m->target[i].control)
			__atomic_store_n(&m->target[i].control->word, word,
					 __ATOMIC_RELEASE);
}

/* Is it this very block that was prepared? Its checksum is in the head. */
static bool is_prepared(const struct pk_images *m, unsigned slot,
			const struct pk_block *base)
{
	return m->prepared && !memcmp(&m->target[0].control->heads[slot],
				      base->lines, HEAD_BYTES);
}

static int publish_pair(struct pk_images *m, const struct pk_block *base,
			const struct pk_block *delta)
{
	struct plan plan;
	int err = make_plan(m, base, delta, &plan);

	if (!err && base && is_prepared(m, pk_word_base(plan.word), base))
		plan.block[pk_word_base(plan.word)] = NULL;
	if (!err)
		err = check_all_room(m, &plan, &m->shortage);
	if (!err)
		err = take_pages(m, &plan);
	if (!err)
		err = wait_grace(m, &plan);
	if (err)
		return err;
	if (base)
		m->prepared = false;
	write_plan(m, &plan);
	switch_word(m, plan.word);
	return 0;
}

static int take_base(void *arg, uint32_t count)
{
	const struct pk_images *m = arg;
	const struct pk_block all = { .count = count };
	struct plan plan = { 0 };

	plan.block[pk_word_base(word_of(m)) ^ 1] = &all;
	return take_pages(m, &plan);
}

int pk_images_place(struct pk_images *m, struct pk_block_place *out)
{
	unsigned slot = pk_word_base(word_of(m)) ^ 1;
	int err = 0;

	if (m->fd < 0)
		return -EINVAL;
	m->prepared = false;
	if (m->grace)
		err = m->grace(m->arg, m->last_active[slot]);
	if (err)
		return err;
	*out = (struct pk_block_place){
		.lines = m->target[0].slot[slot],
		.count = m->target[0].lines[slot],
		.take = take_base,
		.arg = m,
	};
	return 0;
}

int pk_images_prepare(struct pk_images *m, const struct pk_block *base,
		      struct pk_image_shortage *shortage)
{
	unsigned slot = pk_word_base(word_of(m)) ^ 1;
	struct plan plan = { 0 };
	int err;

	if (m->fd < 0 || !is_sound(base))
		return -EINVAL;
	m->prepared = false;
	plan.block[slot] = base;
	err = check_all_room(m, &plan, shortage);
	if (!err)
		err = take_pages(m, &plan);
	if (!err && m->grace)
		err = m->grace(m->arg, m->last_active[slot]);
	if (err)
		return err;
	write_plan(m, &plan);
	m->prepared = true;
	return 0;
}

int pk_images_publish(struct pk_images *m, const struct pk_block *base,
		      const struct pk_block *delta)
{
	struct pk_block empty = { 0 };
	int err;

	if (m->fd < 0 || (!delta && (!base || !is_sound(base))))
		return -EINVAL;
	if (delta)
		return publish_pair(m, base, delta);
	err = pk_builder_empty(base->head->seed, &empty);
	if (!err)
		err = publish_pair(m, base, &empty);
	pk_block_free(&empty);
	return err;
}

int pk_images_publish_base(struct pk_images *m, const struct pk_block *base)
{
	return pk_images_publish(m, base, NULL);
}

int pk_images_publish_delta(struct pk_images *m, const struct pk_block *delta)
{
	return pk_images_publish(m, NULL, delta);
}

const struct pk_image_shortage *pk_images_shortage(const struct pk_images *m)
{
	return &m->shortage;
}

/* --- life --------------------------------------------------------------- */

static int create(struct pk_images *m, uint64_t seed)
{
	struct pk_block empty = { 0 };
	int err = new_memory("picket-images", IMAGE_BYTES, &m->fd);

	if (!err)
		err = new_memory("picket-hits", HITS_BYTES, &m->hits_fd);
	/* The one writable mapping must be there before the seal. */
	if (!err)
		err = map_images(m, m->fd, PROT_READ | PROT_WRITE);
	if (!err)
		err = map_hits(m, m->hits_fd);
	if (!err)
		err = seal(m->fd, IMAGE_SEALS);
	if (!err)
		err = seal(m->hits_fd, SIZE_SEALS);
	if (!err)
		err = pk_builder_empty(seed, &empty);
	if (!err)
		err = pk_images_publish_base(m, &empty);
	pk_block_free(&empty);
	return err;
}

int pk_images_new(struct pk_images **out, const struct pk_images_conf *conf)
{
	struct pk_images *m = new_images();
	int err;

	if (!m)
		return -ENOMEM;
	m->grace = conf->grace;
	m->arg = conf->arg;
	err = create(m, conf->seed);
	if (err) {
		pk_images_free(m);
		return err;
	}
	*out = m;
	return 0;
}

void pk_images_free(struct pk_images *m)
{
	if (!m)
		return;
	if (m->target[0].control)
		munmap(m->target[0].control, IMAGE_BYTES);
	if (m->hits)
		munmap(m->hits, HITS_BYTES);
	if (m->fd >= 0)
		close(m->fd);
	if (m->hits_fd >= 0)
		close(m->hits_fd);
	free(m);
}

static bool is_memory(int fd, size_t bytes, int seals)
{
	int have = fcntl(fd, F_GET_SEALS);
	struct stat st;

	return have >= 0 && (have & seals) == seals && !fstat(fd, &st) &&
	       (size_t)st.st_size == bytes;
}

int pk_images_open(struct pk_images **out, int fd, int hits_fd)
{
	struct pk_images *m;
	int err;

	if (!is_memory(fd, IMAGE_BYTES, IMAGE_SEALS) ||
	    (hits_fd >= 0 && !is_memory(hits_fd, HITS_BYTES, SIZE_SEALS)))
		return -EINVAL;
	m = new_images();
	if (!m)
		return -ENOMEM;
	err = map_images(m, fd, PROT_READ);
	if (!err && hits_fd >= 0)
		err = map_hits(m, hits_fd);
	if (err) {
		pk_images_free(m);
		return err;
	}
	*out = m;
	return 0;
}

/* --- targets ------------------------------------------------------------ */

int pk_images_add_target(struct pk_images *m,
			 const struct pk_image_target *target)
{
	const struct pk_image_target *own = &m->target[0];
	uint64_t word = word_of(m);
	uint32_t slots[] = { pk_word_base(word), pk_word_delta(word) };
	struct pk_block active[2];
	struct plan plan = { .word = word };
	unsigned free_target = 1;
	int err;

	while (free_target < PK_IMAGES_TARGETS &&
	       m->target[free_target].control)
		free_target++;
	if (free_target == PK_IMAGES_TARGETS)
		return -EMFILE;
	for (unsigned i = 0; i < 2; i++) {
		active[i].lines = own->slot[slots[i]];
		active[i].count = own->control->heads[slots[i]].lines;
		plan.block[slots[i]] = &active[i];
	}
	err = check_room(&m->shortage, free_target, target, &plan);
	if (err)
		return err;
	for (unsigned i = 0; i < 2; i++)
		write_slot(target, slots[i], active[i].lines);
	__atomic_store_n(&target->control->word, word, __ATOMIC_RELEASE);
	m->target[free_target] = *target;
	m->prepared = false;
	return (int)free_target;
}

int pk_images_del_target(struct pk_images *m, unsigned target)
{
	if (!target || target >= PK_IMAGES_TARGETS ||
	    !m->target[target].control)
		return -ENOENT;
	m->target[target] = (struct pk_image_target){ 0 };
	return 0;
}

int pk_images_set_slot(struct pk_images *m, unsigned target, unsigned slot,
		       struct pk_line *lines, uint32_t count)
{
	uint64_t word = word_of(m);

	if (!target || slot >= PK_IMAGE_SLOTS)
		return -EINVAL;
	if (target >= PK_IMAGES_TARGETS || !m->target[target].control)
		return -ENOENT;
	if (slot == pk_word_base(word) || slot == pk_word_delta(word))
		return -EBUSY;
	if (slot < PK_IMAGE_BASES)
		m->prepared = false;
	m->target[target].slot[slot] = lines;
	m->target[target].lines[slot] = count;
	return 0;
}

int pk_images_fd(const struct pk_images *m)
{
	return m->fd;
}

int pk_images_hits_fd(const struct pk_images *m)
{
	return m->hits_fd;
}

/* --- reading ------------------------------------------------------------ */

void pk_images_view(const struct pk_images *m, struct pk_view *out)
{
	const struct pk_image_target *t = &m->target[0];
	uint64_t word = word_of(m);
	uint32_t base = pk_word_base(word), delta = pk_word_delta(word);

	out->base = t->slot[base];
	out->delta = t->slot[delta];
	out->base_head = &t->control->heads[base];
	out->delta_head = &t->control->heads[delta];
	out->generation = pk_word_generation(word);
}

uint64_t pk_images_generation(const struct pk_images *m)
{
	return pk_word_generation(word_of(m));
}

void pk_images_hit(struct pk_images *m, uint32_t slot)
{
	if (m->hits && slot && slot < HITS)
		__atomic_fetch_add(&m->hits[slot], 1, __ATOMIC_RELAXED);
}

uint64_t pk_images_hits(const struct pk_images *m, uint32_t slot)
{
	if (!m->hits || slot >= HITS)
		return 0;
	return __atomic_load_n(&m->hits[slot], __ATOMIC_RELAXED);
}

void pk_images_hits_clear(struct pk_images *m, uint32_t slot)
{
	if (m->hits && slot < HITS)
		__atomic_store_n(&m->hits[slot], 0, __ATOMIC_RELAXED);
}
