/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/daemon/tally.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <xxhash.h>

#include "control/log.h"

#define MAGIC "picket hits 1"

enum { SLICE = 1024, PATH_BYTES = 512 };

struct head {
	char magic[sizeof(MAGIC)];
	uint32_t record; /* bytes of one, as it was compiled */
};

/* Canonical bytes of the value follow. */
struct record {
	uint64_t sum; /* of the rest, and of those bytes */
	uint64_t hits;
	struct pk_evidence_entry entry;
	uint16_t len;
	uint8_t type, match;
	uint8_t pad[4];
};

struct pk_tally {
	struct pk_tally_conf conf;
	struct event *tick;
	FILE *file; /* a pass is under way */
	uint32_t at;
	int told; /* that it cannot be written */
};

static uint64_t sum_of(const struct record *r, const uint8_t *bytes)
{
	uint64_t sum = XXH3_64bits(&r->hits, sizeof(*r) - sizeof(r->sum));

	return XXH3_64bits_withSeed(bytes, r->len, sum);
}

/* --- writing ------------------------------------------------------------------- */

static void fresh_path(const struct pk_tally *t, char out[PATH_BYTES])
{
	snprintf(out, PATH_BYTES, "%s.new", t->conf.path);
}

static int begin(struct pk_tally *t)
{
	struct head h = { .magic = MAGIC, .record = sizeof(struct record) };
	char path[PATH_BYTES];
	int fd;

	fresh_path(t, path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
		  0600);
	t->file = fd < 0 ? NULL : fdopen(fd, "w");
	t->at = 0;
	if (t->file)
		return fwrite(&h, sizeof(h), 1, t->file) == 1 ? 0 : -EIO;
	if (fd >= 0)
		close(fd);
	return -errno;
}

static int write_one(struct pk_tally *t, const struct pk_evidence_entry *e)
{
	const struct pk_indicators *d = t->conf.indicators;
	struct record r = { .entry = *e };
	uint8_t small[PK_SMALL_VALUE];
	struct pk_indicator ind;
	const uint8_t *bytes;

	r.hits = pk_indicators_hits(d, e->slot);
	if (!e->slot || !r.hits ||
	    !pk_store_is_live(pk_indicators_store(d), e->slot) ||
	    pk_store_get(pk_indicators_store(d), e->slot, &ind))
		return 0;
	r.len = (uint16_t)pk_indicator_bytes(&ind, small, &bytes);
	r.type = ind.type;
	r.match = ind.match;
	r.sum = sum_of(&r, bytes);
	return fwrite(&r, sizeof(r), 1, t->file) == 1 &&
			       fwrite(bytes, r.len, 1, t->file) == 1
		       ? 0
		       : -EIO;
}

/* 1: there is more; 0: it is written; or -errno. */
static int write_some(struct pk_tally *t)
{
	const struct pk_evidence_entry *e = NULL;
	int err = 0;

	for (unsigned i = 0; i < SLICE && !err; i++) {
		e = pk_evidence_at(t->conf.evidence, t->at);
		if (!e)
			break;
		t->at++;
		err = write_one(t, e);
	}
	return err ? err : e != NULL;
}

static int end(struct pk_tally *t, int err)
{
	char path[PATH_BYTES];

	fresh_path(t, path);
	if (t->file && fclose(t->file) && !err)
		err = -errno;
	t->file = NULL;
	if (!err && rename(path, t->conf.path))
		err = -errno;
	if (err)
		unlink(path);
	if (err && !t->told)
		pk_warn("the hits are not kept over a restart: %s: %s",
			t->conf.path, strerror(-err));
	t->told = err != 0;
	return err;
}

static void tick_later(struct pk_tally *t, uint32_t ms)
{
	const struct timeval wait = { ms / 1000, ms % 1000 * 1000 };

	event_add(t->tick, &wait);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct pk_tally *t = arg;
	int err = t->file ? 1 : begin(t);

	(void)fd;
	(void)what;
	if (err >= 0)
		err = write_some(t);
	if (err == 1) {
		tick_later(t, 0);
		return;
	}
	end(t, err);
	tick_later(t, t->conf.every_ms);
}

/* --- reading ------------------------------------------------------------------- */

/* Its slot now, or 0. */
static uint32_t slot_of(const struct pk_tally *t, const struct record *r,
			const uint8_t *bytes)
{
	struct pk_indicator ind;

	pk_indicator_init(&ind);
	ind.type = r->type;
	ind.match = r->match;
	if (r->type >= PK_INDICATOR_TYPE_COUNT || r->match >= PK_MATCH_COUNT ||
	    pk_indicator_set_bytes(&ind, bytes, r->len))
		return 0;
	return pk_store_find(pk_indicators_store(t->conf.indicators), &ind);
}

static void read_records(struct pk_tally *t, FILE *f)
{
	uint8_t bytes[PK_VALUE_MAX];
	struct record r;

	while (fread(&r, sizeof(r), 1, f) == 1) {
		if (!r.len || r.len > sizeof(bytes) ||
		    fread(bytes, r.len, 1, f) != 1 ||
		    sum_of(&r, bytes) != r.sum) {
			pk_warn("%s is damaged: the rest of the hits begins "
				"anew",
				t->conf.path);
			return;
		}
		r.entry.slot = slot_of(t, &r, bytes);
		if (r.entry.slot &&
		    !pk_indicators_hits_before(t->conf.indicators, r.entry.slot,
					       r.hits))
			pk_evidence_put(t->conf.evidence, &r.entry);
	}
}

static void read_all(struct pk_tally *t)
{
	int fd = open(t->conf.path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	struct head h = { 0 };

	if (!f) {
		if (fd >= 0)
			close(fd);
		return;
	}
	if (fread(&h, sizeof(h), 1, f) == 1 &&
	    !memcmp(h.magic, MAGIC, sizeof(MAGIC)) &&
	    h.record == sizeof(struct record))
		read_records(t, f);
	else
		pk_warn("%s is not of this version: hits begin anew",
			t->conf.path);
	fclose(f);
}

/* --- life ---------------------------------------------------------------------- */

int pk_tally_new(struct pk_tally **out, const struct pk_tally_conf *conf)
{
	struct pk_tally *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->conf = *conf;
	if (!t->conf.every_ms)
		t->conf.every_ms = PK_TALLY_EVERY_S * 1000;
	t->tick = evtimer_new(conf->base, on_tick, t);
	if (!t->tick) {
		free(t);
		return -ENOMEM;
	}
	read_all(t);
	tick_later(t, t->conf.every_ms);
	*out = t;
	return 0;
}

void pk_tally_free(struct pk_tally *t)
{
	int err;

	if (!t)
		return;
	if (t->file)
		fclose(t->file); /* what it began is of earlier */
	err = begin(t);
	while (err >= 0 && (err = write_some(t)) == 1)
		;
	end(t, err);
	event_free(t->tick);
	free(t);
}
