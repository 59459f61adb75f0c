/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * disk_rig: a directory for a disk, a store beside it, and their whole state as
 * text, so that two states can be compared.
 */
#ifndef PK_TESTS_DISK_RIG_H
#define PK_TESTS_DISK_RIG_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "ioc/image/builder.h"
#include "ioc/disk/disk.h"

enum {
	RIG_SEED = 0x5eed,
	RIG_FEEDS = 5,
	RIG_VALUES = 220,
	RIG_COMMITS = 4096,
	RIG_SAID = 65536,
};

struct rig {
	char dir[64];
	char path[128]; /* dir/ioc */
	struct pk_disk_conf conf;
	struct pk_disk *disk;
	struct pk_store *s;
	struct pk_block base;
	struct pk_disk_loaded loaded;
	char said[RIG_SAID]; /* all sentences, each with a newline */
	uint64_t random;
	uint32_t now;
	char *state[RIG_COMMITS]; /* the store's text after each commit */
	uint64_t commits;
};

static void rig_say(void *arg, const char *sentence)
{
	struct rig *r = arg;
	size_t used = strlen(r->said);

	snprintf(r->said + used, sizeof(r->said) - used, "%s\n", sentence);
}

static inline uint32_t rig_random(struct rig *r, uint32_t below)
{
	r->random = r->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)((r->random >> 33) % below);
}

/* --- files ---------------------------------------------------------------- */

static inline void rig_wipe(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;

	if (!dir)
		return;
	while ((e = readdir(dir)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			unlinkat(dirfd(dir), e->d_name, 0);
	closedir(dir);
	rmdir(path);
}

static inline void rig_file(const struct rig *r, const char *name,
			    char path[256])
{
	snprintf(path, 256, "%s/%s", r->path, name);
}

static inline uint8_t *rig_read(const struct rig *r, const char *name,
				size_t *len)
{
	char path[256];
	struct stat st;
	uint8_t *bytes;
	int fd;

	rig_file(r, name, path);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return NULL;
	assert_int_equal(fstat(fd, &st), 0);
	*len = (size_t)st.st_size;
	bytes = malloc(*len + 1);
	assert_non_null(bytes);
	assert_int_equal(read(fd, bytes, *len), (ssize_t)*len);
	bytes[*len] = 0;
	close(fd);
	return bytes;
}

static inline void rig_write(const struct rig *r, const char *name,
			     const void *bytes, size_t len)
{
	char path[256];
	int fd;

	rig_file(r, name, path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
	close(fd);
}

static inline bool rig_has(const struct rig *r, const char *name)
{
	char path[256];

	rig_file(r, name, path);
	return !access(path, F_OK);
}

static inline void rig_remove(const struct rig *r, const char *name)
{
	char path[256];

	rig_file(r, name, path);
	unlink(path);
}

/* --- the store as text ---------------------------------------------------- */

static inline void rig_text_pair(FILE *f, const struct pk_store *s,
				 uint32_t slot, uint16_t feed)
{
	struct pk_meta m;

	assert_int_equal(pk_store_meta(s, slot, feed, &m), 0);
	fprintf(f, " [%u %s|%s|%s|%s %u %u %u %u %u %u %u %u %u %u]", feed,
		m.id, m.threat_type, m.tags, m.attribution, m.first_seen,
		m.last_seen, m.valid_from, m.valid_until, m.threat_class,
		m.confidence, m.severity, m.tlp, m.action, m.derived);
}

static inline void rig_text_feeds(FILE *f, const struct pk_store *s)
{
	for (unsigned i = 0; i < pk_store_feed_count(s); i++) {
		const struct pk_feed_info *info =
			pk_store_feed_info(s, (uint16_t)i);

		fprintf(f,
			"feed %u %s %s %s %s %s %u %u %" PRIu64 " %" PRIu64
			" %u\n",
			i, info->name, info->format, info->source,
			info->licence, info->attribution, info->ttl_sec,
			info->loaded, info->records, info->refused,
			pk_store_feed_items(s, (uint16_t)i));
	}
}

/* malloc()ed. */
static inline char *rig_text(const struct pk_store *s)
{
	char value[PK_VALUE_TEXT_MAX], *text = NULL;
	struct pk_store_stats stats;
	uint16_t feeds[64];
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	rig_text_feeds(f, s);
	for (uint32_t slot = 0; (slot = pk_store_next(s, slot));) {
		struct pk_indicator ind;
		unsigned n = pk_store_feeds(s, slot, feeds, 64);

		assert_int_equal(pk_store_get(s, slot, &ind), 0);
		assert_int_equal(pk_store_find(s, &ind), slot);
		pk_indicator_print(&ind, value);
		fprintf(f, "%u %u %u %s by %u", slot, ind.type, ind.match,
			value, ind.feed);
		for (unsigned i = 0; i < n; i++)
			rig_text_pair(f, s, slot, feeds[i]);
		fputc('\n', f);
	}
	pk_store_stats(s, &stats);
	fprintf(f, "live %u expiring %u\n", stats.live, stats.expiring);
	fclose(f);
	return text;
}

static inline void rig_expect_text(const struct pk_store *s, const char *text)
{
	char *now = rig_text(s);

	assert_string_equal(now, text);
	free(now);
}

/* --- open and close ------------------------------------------------------- */

static inline void rig_init(struct rig *r)
{
	memset(r, 0, sizeof(*r));
	/* Thousands of small directories: in memory, if there is such. */
	strcpy(r->dir, "/dev/shm/picket-disk-XXXXXX");
	if (!mkdtemp(r->dir)) {
		strcpy(r->dir, "/tmp/picket-disk-XXXXXX");
		assert_non_null(mkdtemp(r->dir));
	}
	snprintf(r->path, sizeof(r->path), "%s/ioc", r->dir);
	r->random = 1;
	r->now = 1700000000;
	r->conf = (struct pk_disk_conf){
		.path = r->path,
		.seed = RIG_SEED,
		.now = r->now,
		.boot_id = { 1, 2, 3 },
		.say = rig_say,
		.say_arg = r,
	};
}

static inline int rig_try(struct rig *r)
{
	int err;

	r->said[0] = '\0';
	err = pk_disk_open(&r->disk, &r->conf);
	if (err)
		return err;
	err = pk_disk_load(r->disk, &r->s, &r->base, &r->loaded);
	if (err) {
		pk_disk_close(r->disk);
		r->disk = NULL;
	}
	return err;
}

static inline void rig_close(struct rig *r)
{
	pk_disk_close(r->disk);
	pk_store_free(r->s);
	pk_block_free(&r->base);
	r->disk = NULL;
	r->s = NULL;
}

static inline void rig_open(struct rig *r)
{
	assert_int_equal(rig_try(r), 0);
}

static inline void rig_reopen(struct rig *r)
{
	rig_close(r);
	rig_open(r);
}

static inline void rig_fini(struct rig *r)
{
	rig_close(r);
	for (unsigned i = 0; i < RIG_COMMITS; i++)
		free(r->state[i]);
	rig_wipe(r->path);
	rmdir(r->dir);
}

/* --- values --------------------------------------------------------------- */

static inline struct pk_indicator rig_parse(enum pk_indicator_type type,
					    const char *text)
{
	struct pk_indicator ind;

	pk_indicator_init(&ind);
	ind.type = (uint8_t)type;
	assert_int_equal(
		pk_indicator_parse_as(&ind, type, text, strlen(text), NULL),
		PK_REFUSED_NONE);
	return ind;
}

/* Value @n of a small world, of every type. */
static inline struct pk_indicator rig_value(unsigned n)
{
	static const struct {
		enum pk_indicator_type type;
		const char *format;
	} kinds[] = {
		{ PK_INDICATOR_IPV4, "192.0.2.%u" },
		{ PK_INDICATOR_IPV6, "2001:db8::%x" },
		{ PK_INDICATOR_IPV4_NET, "10.%u.0.0/16" },
		{ PK_INDICATOR_IPV6_NET, "2001:db8:%x::/48" },
		{ PK_INDICATOR_IP_PORT, "198.51.100.%u:443" },
		{ PK_INDICATOR_DOMAIN, "n%u.example" },
		{ PK_INDICATOR_DOMAIN, "=n%u.example" },
		{ PK_INDICATOR_URL, "http://n%u.example/a" },
		{ PK_INDICATOR_EMAIL, "u%u@mail.example" },
		{ PK_INDICATOR_FILE, "d41d8cd98f00b204e9800998ecf8%04x" },
		{ PK_INDICATOR_USER_AGENT, "curl/%u (\"x\")" },
	};
	char text[128];
	unsigned kind = n % (sizeof(kinds) / sizeof(kinds[0]));

	snprintf(text, sizeof(text), kinds[kind].format, n);
	return rig_parse(kinds[kind].type, text);
}

static inline void rig_meta(struct rig *r, struct pk_meta *m)
{
	static const char *const texts[] = { "", "c2", "bot \"x\"", "a,b,c" };

	pk_meta_init(m);
	m->threat_type = texts[rig_random(r, 4)];
	m->tags = texts[rig_random(r, 4)];
	m->attribution = texts[rig_random(r, 4)];
	m->id = texts[rig_random(r, 4)];
	m->confidence = (uint8_t)(rig_random(r, 5) * 25);
	m->threat_class = (uint8_t)rig_random(r, PK_THREAT_CLASS_COUNT);
	m->severity = (uint8_t)rig_random(r, PK_SEVERITY_COUNT);
	m->tlp = (uint8_t)rig_random(r, PK_TLP_COUNT);
	m->action = (uint8_t)rig_random(r, PK_ACTION_COUNT);
	m->first_seen = rig_random(r, 100);
	if (!rig_random(r, 4))
		m->valid_until = r->now + 1 + rig_random(r, 50);
}

/* --- changes, each noted -------------------------------------------------- */

static inline int rig_note(struct rig *r, uint32_t slot)
{
	return r->disk ? pk_disk_note(r->disk, r->s, slot) : 0;
}

static inline int rig_add(struct rig *r, unsigned value, uint16_t feed)
{
	struct pk_indicator ind = rig_value(value);
	uint32_t slot;
	int err;

	ind.feed = feed;
	rig_meta(r, &ind.meta);
	err = pk_store_add(r->s, &ind, &slot);
	assert_true(!err || err == -EEXIST);
	return rig_note(r, slot);
}

static inline int rig_del(struct rig *r, unsigned value, uint16_t feed)
{
	struct pk_indicator ind = rig_value(value);
	uint32_t slot = pk_store_find(r->s, &ind);

	if (!slot || pk_store_del(r->s, &ind, feed))
		return 0;
	return rig_note(r, slot);
}

static inline int rig_feed(struct rig *r, unsigned n)
{
	struct pk_feed_info info = { .ttl_sec = rig_random(r, 9),
				     .records = rig_random(r, 1000) };
	char name[16];
	int feed;

	snprintf(name, sizeof(name), "feed-%u", n);
	feed = pk_store_feed(r->s, name);
	assert_true(feed >= 0);
	snprintf(info.source, sizeof(info.source), "%s.csv", name);
	snprintf(info.licence, sizeof(info.licence), "CC0");
	assert_int_equal(pk_store_feed_set(r->s, (uint16_t)feed, &info), 0);
	return r->disk ? pk_disk_note_feed(r->disk, r->s, (uint16_t)feed) : 0;
}

struct rig_gone {
	uint32_t slot[RIG_VALUES * RIG_FEEDS];
	unsigned count;
};

static void rig_gone(void *arg, const struct pk_indicator *ind)
{
	struct rig_gone *g = arg;

	g->slot[g->count++] = ind->slot;
}

static inline int rig_expire(struct rig *r)
{
	struct rig_gone g = { .count = 0 };
	int more, err = 0;

	r->now += rig_random(r, 20);
	pk_store_expire(r->s, r->now, 1000, &more, rig_gone, &g);
	for (unsigned i = 0; i < g.count && !err; i++)
		err = rig_note(r, g.slot[i]);
	return err;
}

static inline int rig_change(struct rig *r)
{
	uint16_t feed = (uint16_t)rig_random(r, RIG_FEEDS);
	unsigned value = rig_random(r, RIG_VALUES);

	if (feed >= pk_store_feed_count(r->s))
		return rig_feed(r, pk_store_feed_count(r->s));
	switch (rig_random(r, 12)) {
	case 0:
		return rig_feed(r, feed);
	case 1:
		return rig_expire(r);
	case 2:
	case 3:
	case 4:
		return rig_del(r, value, feed);
	case 5:
		return rig_del(r, value, PK_ALL_FEEDS);
	default:
		return rig_add(r, value, feed);
	}
}

/* --- transactions --------------------------------------------------------- */

static inline struct pk_disk_commit rig_commit_info(struct rig *r)
{
	struct pk_disk_commit c = {
		.at = r->now,
		.uid = 1000,
		.added = rig_random(r, 100),
		.feed = "feed-1",
	};

	snprintf(c.op, sizeof(c.op), "test %u", rig_random(r, 1000));
	return c;
}

static inline void rig_remember(struct rig *r)
{
	r->commits++;
	assert_true(r->commits < RIG_COMMITS);
	free(r->state[r->commits]);
	r->state[r->commits] = rig_text(r->s);
}

static inline int rig_commit(struct rig *r)
{
	struct pk_disk_commit c = rig_commit_info(r);

	return r->disk ? pk_disk_commit(r->disk, r->s, &c) : 0;
}

/* @n changes, one commit. */
static inline void rig_transaction(struct rig *r, unsigned n)
{
	while (n--)
		assert_int_equal(rig_change(r), 0);
	assert_int_equal(rig_commit(r), 0);
	rig_remember(r);
	if (r->disk)
		assert_int_equal(pk_disk_last(r->disk), r->commits);
}

static inline void rig_rebase(struct rig *r)
{
	struct pk_block b;

	assert_int_equal(pk_builder_base(r->s, &b), 0);
	pk_block_free(&r->base);
	r->base = b;
	pk_store_settle(r->s);
}

static inline int rig_snapshot(struct rig *r)
{
	int err = pk_disk_snapshot_begin(r->disk);

	if (err)
		return err;
	err = pk_disk_snapshot_write(r->disk, r->s, &r->base);
	return pk_disk_snapshot_end(r->disk, PK_DISK_THREAD, err);
}

#endif /* PK_TESTS_DISK_RIG_H */
