/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_disk: a directory whose files say anything. The first byte chooses:
 *
 *	0  the rest is log-0
 *	1  the rest is snapshot-1
 *	2  the rest is records, which get frames, sums and a commit
 *	3  the rest is changes of a snapshot, 4 bytes each (where, what), and
 *	   its sums are made right again
 *
 * Whatever is loaded is then used in every way there is.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ioc/disk/disk_inside.h"
#include "ioc/store/store_inside.h"

enum { SEED = 7, KEYS = 512, VALUES = 40, LOOK = 1000 };

static char path[64];

static ssize_t write_(void *arg, int fd, const void *bytes, size_t len,
		      off_t at)
{
	return pk_disk_system.write(arg, fd, bytes, len, at);
}

static int no_sync(void *arg, int fd)
{
	(void)arg;
	(void)fd;
	return 0;
}

static void remove_file(const char *name)
{
	char full[128];

	snprintf(full, sizeof(full), "%s/%s", path, name);
	unlink(full);
}

static void clear(void)
{
	static const char *const names[] = {
		"log-0",
		"log-1",
		"snapshot-1",
		"log-0.damaged",
		"snapshot-1.damaged",
		"log-1.damaged",
		"audit.ndjson",
		"new-log",
		"new-snapshot",
	};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		remove_file(names[i]);
}

static void put_file(const char *name, const uint8_t *bytes, size_t len)
{
	char full[128];
	int fd;

	snprintf(full, sizeof(full), "%s/%s", path, name);
	fd = open(full, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, bytes, len) != (ssize_t)len)
		abort();
	close(fd);
}

static struct pk_disk *open_disk(void)
{
	struct pk_disk_io io = pk_disk_system;
	struct pk_disk_conf conf = { .path = path, .seed = SEED, .io = &io };
	struct pk_disk *d;

	io.sync = no_sync;
	io.write = write_;
	if (pk_disk_open(&d, &conf))
		abort();
	return d;
}

/* --- use what was loaded -------------------------------------------------- */

static void ignore(void *arg, const struct pk_indicator *ind)
{
	(void)arg;
	(void)ind;
}

static void look_at(struct pk_store *s, uint32_t slot)
{
	uint32_t covers[PK_STORE_COVERS];
	uint16_t feeds[64];
	struct pk_indicator ind;
	struct pk_meta meta;
	unsigned n = pk_store_feeds(s, slot, feeds, 64);

	if (pk_store_get(s, slot, &ind))
		return;
	for (unsigned i = 0; i < n && i < 64; i++)
		pk_store_meta(s, slot, feeds[i], &meta);
	pk_store_find(s, &ind);
	pk_store_cover(s, &ind, covers, PK_STORE_COVERS);
	pk_store_is_value(s, slot, &ind);
}

static void use(struct pk_store *s)
{
	static struct pk_key keys[KEYS];
	struct pk_indicator ind;
	uint32_t cursor = 0, slot = 0;
	int more;

	for (unsigned i = 0; i < LOOK && (slot = pk_store_next(s, slot)); i++)
		look_at(s, slot);
	for (unsigned i = 0; i < LOOK; i++)
		if (!pk_store_base_keys(s, &cursor, keys, KEYS))
			break;
	cursor = 0;
	for (unsigned i = 0; i < LOOK; i++)
		if (!pk_store_delta_keys(s, &cursor, keys, KEYS))
			break;
	pk_store_expire(s, 1000, LOOK, &more, ignore, NULL);
	for (uint32_t i = 1; i < 2 * VALUES; i += 3)
		if (!pk_store_get(s, i, &ind))
			pk_store_del(s, &ind, i % 2 ? PK_ALL_FEEDS : ind.feed);
	pk_store_settle(s);
	pk_indicator_init(&ind);
	for (uint32_t i = 0; i < VALUES; i++) {
		char text[32];

		snprintf(text, sizeof(text), "x%u.example", i);
		if (!pk_indicator_parse(&ind, text, strlen(text)))
			pk_store_add(s, &ind, NULL);
	}
	pk_store_settle(s);
}

static void load(void)
{
	struct pk_disk *d = open_disk();
	struct pk_disk_loaded loaded;
	struct pk_store *s;
	struct pk_block base;

	if (!pk_disk_load(d, &s, &base, &loaded)) {
		use(s);
		pk_store_free(s);
		pk_block_free(&base);
	}
	pk_disk_close(d);
}

/* --- well-formed on the outside ------------------------------------------- */

static struct pk_store *small_store(void)
{
	static const char *const formats[] = { "192.0.2.%u", "n%u.example",
					       "10.%u.0.0/16", "2001:db8::%u",
					       "http://h/%u" };
	struct pk_indicator ind;
	struct pk_store *s;
	char text[64];

	if (pk_store_new(&s, SEED) || pk_store_feed(s, "a") ||
	    pk_store_feed(s, "b") != 1)
		abort();
	for (unsigned i = 0; i < VALUES; i++) {
		pk_indicator_init(&ind);
		snprintf(text, sizeof(text), formats[i % 5], i);
		if (pk_indicator_parse(&ind, text, strlen(text)))
			abort();
		ind.feed = i % 2;
		ind.meta.id = i % 3 ? "" : "id";
		ind.meta.threat_type = i % 4 ? "" : "c2";
		ind.meta.valid_until = i % 5 ? 0 : 500;
		pk_store_add(s, &ind, NULL);
		ind.feed = 0;
		pk_store_add(s, &ind, NULL);
	}
	return s;
}

static void put_records(const uint8_t *bytes, size_t len)
{
	static uint8_t frame[sizeof(struct frame) + FRAME_MAX];
	struct pk_disk *d = open_disk();
	struct pk_disk_commit c = { .number = 1 };
	struct disk_log log;

	if (len > OPS_BYTES)
		len = OPS_BYTES;
	if (pk_log_create(d, 0, &log))
		abort();
	log.turn = 1;
	memcpy(frame + sizeof(struct frame), bytes, len);
	pk_log_append(d, &log, frame, FRAME_OPS, len);
	len = pk_op_commit(frame + sizeof(struct frame), &c);
	pk_log_append(d, &log, frame, FRAME_COMMIT, len);
	close(log.fd);
	pk_disk_close(d);
}

/* The bytes of a snapshot of the small store. */
static uint8_t *make_snapshot(size_t *len)
{
	struct pk_disk_commit c = { .number = 0 };
	struct pk_store *s = small_store(), *none;
	struct pk_disk *d = open_disk();
	struct pk_disk_loaded loaded;
	struct pk_block base;
	struct stat st;
	char full[128];
	uint8_t *bytes;
	int fd;

	if (pk_disk_load(d, &none, &base, &loaded) ||
	    pk_disk_commit(d, s, &c) || pk_disk_snapshot_begin(d) ||
	    pk_disk_snapshot_write(d, s, NULL) ||
	    pk_disk_snapshot_end(d, PK_DISK_THREAD, 0))
		abort();
	pk_disk_close(d);
	pk_store_free(none);
	pk_store_free(s);
	snprintf(full, sizeof(full), "%s/snapshot-1", path);
	fd = open(full, O_RDONLY);
	if (fd < 0 || fstat(fd, &st))
		abort();
	*len = (size_t)st.st_size;
	bytes = malloc(*len);
	if (!bytes || read(fd, bytes, *len) != st.st_size)
		abort();
	close(fd);
	clear();
	return bytes;
}

static void seal(uint8_t *file, size_t len)
{
	struct snapshot_head h;
	struct table_entry e;
	uint64_t at, table;

	memcpy(&h, file, sizeof(h));
	table = h.sections * sizeof(e);
	at = sizeof(h) + table;
	for (uint32_t i = 0; i < h.sections && at < len; i++) {
		uint8_t *entry = file + sizeof(h) + i * sizeof(e);

		if (entry + sizeof(e) > file + len)
			return;
		memcpy(&e, entry, sizeof(e));
		if (!e.bytes)
			continue;
		at = section_from(at);
		if (at > len || e.bytes > len - at)
			break;
		e.sum = XXH3_64bits_withSeed(file + at, e.bytes, 0);
		memcpy(entry, &e, sizeof(e));
		at += e.bytes;
	}
	if (sizeof(h) + table > len)
		return;
	h.table_sum = XXH3_64bits(file + sizeof(h), table);
	h.sum = XXH3_64bits(&h, offsetof(struct snapshot_head, sum));
	memcpy(file, &h, sizeof(h));
}

static void put_changed(const uint8_t *bytes, size_t len)
{
	static uint8_t *whole;
	static size_t size;
	uint8_t *file;

	if (!whole)
		whole = make_snapshot(&size);
	file = malloc(size);
	if (!file)
		abort();
	memcpy(file, whole, size);
	for (; len >= 4; len -= 4, bytes += 4)
		file[(bytes[0] | bytes[1] << 8 | (size_t)bytes[2] << 16) %
		     size] = bytes[3];
	seal(file, size);
	put_file("snapshot-1", file, size);
	free(file);
}

static void leave(void)
{
	clear();
	rmdir(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	if (!path[0]) {
		snprintf(path, sizeof(path), "/dev/shm/fuzz-disk-%d", getpid());
		mkdir(path, 0700);
		atexit(leave);
	}
	if (!len)
		return 0;
	clear();
	switch (bytes[0] % 4) {
	case 0:
		put_file("log-0", bytes + 1, len - 1);
		break;
	case 1:
		put_file("snapshot-1", bytes + 1, len - 1);
		break;
	case 2:
		put_records(bytes + 1, len - 1);
		break;
	case 3:
		put_changed(bytes + 1, len - 1);
		break;
	}
	load();
	clear();
	return 0;
}
