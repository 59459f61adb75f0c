/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process that is killed in front of or in the middle of each call that
 * changes a file, calls that fail, and files with any byte wrong: what
 * comes back is the state of one commit, whole.
 */
#include "tests/disk_rig.h"

#include <sys/mman.h>
#include <sys/wait.h>

/* --- a world that ends ---------------------------------------------------- */

/* Behind a call is in front of the next one. */
enum how { BEFORE, MIDDLE, HOWS };

struct world {
	unsigned calls;
	unsigned end_at; /* which call, 0: none */
	enum how how;
	int fail; /* fail with this from then on instead of dying, 0: die */
	int fails_for; /* this many calls */
	bool stutter;  /* writes are short */
};

static void die(void)
{
	kill(getpid(), SIGKILL);
	pause();
}

/* Call number ...: true: it fails. */
static bool enter(struct world *w)
{
	w->calls++;
	if (!w->end_at || w->calls < w->end_at)
		return false;
	if (w->fail) {
		errno = w->fail;
		return w->calls < w->end_at + (unsigned)w->fails_for;
	}
	if (w->calls == w->end_at && w->how == BEFORE)
		die();
	return false;
}

static int leave(const struct world *w, int result)
{
	if (w->end_at && w->calls == w->end_at && !w->fail)
		die();
	return result;
}

static int world_create(void *arg, int dir, const char *name)
{
	if (enter(arg))
		return -1;
	return leave(arg, openat(dir, name,
				 O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
}

static ssize_t world_write(void *arg, int fd, const void *bytes, size_t len,
			   off_t at)
{
	struct world *w = arg;
	ssize_t n;

	if (enter(w)) {
		/* A full disk takes a part first. */
		if (w->calls == w->end_at && len > 1)
			return pwrite(fd, bytes, len / 2, at);
		errno = w->fail;
		return -1;
	}
	if (w->calls == w->end_at && w->how == MIDDLE)
		len /= 2;
	else if (w->stutter && len > 1)
		len = len / 2 + 1;
	n = pwrite(fd, bytes, len, at);
	leave(w, 0);
	return n;
}

static int world_sync(void *arg, int fd)
{
	(void)fd;
	return enter(arg) ? -1 : leave(arg, 0);
}

static int world_truncate(void *arg, int fd, off_t len)
{
	return enter(arg) ? -1 : leave(arg, ftruncate(fd, len));
}

static int world_rename(void *arg, int dir, const char *from, const char *to)
{
	return enter(arg) ? -1 : leave(arg, renameat(dir, from, dir, to));
}

static int world_remove(void *arg, int dir, const char *name)
{
	return enter(arg) ? -1 : leave(arg, unlinkat(dir, name, 0));
}

static struct pk_disk_io world_io(struct world *w)
{
	return (struct pk_disk_io){
		.create = world_create,
		.write = world_write,
		.sync = world_sync,
		.truncate = world_truncate,
		.rename = world_rename,
		.remove = world_remove,
		.arg = w,
	};
}

/* As the system's, but nothing waits for the disk. */
static void be_calm(struct rig *r)
{
	static struct world calm;
	static struct pk_disk_io io;

	io = world_io(&calm);
	r->conf.io = &io;
}

/* --- a scenario ----------------------------------------------------------- */

/* What the killed process had been told. */
struct acked {
	uint64_t commits;
};

static void step(struct rig *r, struct acked *acked, unsigned changes)
{
	rig_transaction(r, changes);
	acked->commits = r->commits;
}

/* Every kind of thing, a few times; the same each time. */
static void scenario(struct rig *r, struct acked *acked)
{
	rig_open(r);
	step(r, acked, 20);
	step(r, acked, 1);
	assert_int_equal(rig_snapshot(r), 0);
	step(r, acked, 30);
	step(r, acked, 800); /* more than a frame */
	assert_int_equal(pk_disk_sync(r->disk), 0);
	rig_rebase(r);
	assert_int_equal(rig_snapshot(r), 0);
	step(r, acked, 5);
	rig_reopen(r);
	step(r, acked, 5);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(rig_snapshot(r), 0);
		step(r, acked, 10);
	}
	assert_int_equal(pk_disk_sync(r->disk), 0);
	rig_close(r);
}

/* The states of the scenario, and how many calls it makes. */
static unsigned rehearse(struct rig *r, struct world *w)
{
	struct pk_disk_io io = world_io(w);
	struct acked acked = { 0 };

	rig_init(r);
	r->conf.io = &io;
	r->conf.audit_bytes = 600;
	scenario(r, &acked);
	be_calm(r);
	r->state[0] = strdup("live 0 expiring 0\n");
	return w->calls;
}

static void check_after(struct rig *r, const struct rig *truth,
			const struct acked *acked, const char *what)
{
	uint64_t n;

	if (rig_try(r))
		fail_msg("%s: %s", what, r->said);
	n = r->loaded.last.number;
	if (n != acked->commits && n != acked->commits + 1)
		fail_msg("%s: commit %" PRIu64 " after %" PRIu64, what, n,
			 acked->commits);
	rig_expect_text(r->s, truth->state[n]);
	if (strstr(r->said, "damaged"))
		fail_msg("%s: %s", what, r->said);
	/* And life goes on. */
	r->commits = n;
	rig_feed(r, 0);
	rig_transaction(r, 10);
	assert_int_equal(rig_snapshot(r), 0);
	rig_transaction(r, 10);
	rig_reopen(r);
	rig_expect_text(r->s, r->state[n + 2]);
	assert_string_equal(r->said, "");
}

static void kill_at(const struct rig *truth, struct world w,
		    struct acked *acked)
{
	struct pk_disk_io io = world_io(&w);
	struct rig r;
	char what[64];
	int status;
	pid_t child;

	snprintf(what, sizeof(what), "call %u, %d", w.end_at, w.how);
	acked->commits = 0;
	rig_init(&r);
	be_calm(&r);
	r.conf.audit_bytes = 600;
	child = fork();
	if (!child) {
		r.conf.io = &io;
		scenario(&r, acked);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (!WIFSIGNALED(status))
		fail_msg("%s: was not killed", what);
	check_after(&r, truth, acked, what);
	rig_fini(&r);
}

static void kill_everywhere(struct acked *acked, bool stutter)
{
	struct world w = { .stutter = stutter };
	static struct rig truth;
	unsigned calls = rehearse(&truth, &w);

	assert_true(calls > 100);
	for (unsigned at = 1; at <= calls; at++)
		for (enum how how = 0; how < HOWS; how++) {
			if (stutter && how != MIDDLE)
				continue;
			w = (struct world){
				.end_at = at,
				.how = how,
				.stutter = stutter,
			};
			kill_at(&truth, w, acked);
		}
	rig_fini(&truth);
}

static void killed_anywhere_a_commit_is_there_whole_or_not_at_all(void **state)
{
	struct acked *acked = mmap(NULL, sizeof(*acked), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_true(acked != MAP_FAILED);
	kill_everywhere(acked, false);
	kill_everywhere(acked, true);
	munmap(acked, sizeof(*acked));
}

/* --- calls that fail ------------------------------------------------------ */

/* A transaction into which @fails calls from the @at-th on fail: whole or not
 * at all, and the next one works. */
static bool fail_at(unsigned at, int fails, int error)
{
	struct world w = { .fails_for = fails, .fail = error };
	struct pk_disk_io io = world_io(&w);
	struct pk_store *s;
	struct rig r;
	bool reached;
	int err = 0;

	rig_init(&r);
	r.conf.io = &io;
	rig_open(&r);
	rig_transaction(&r, 50);
	w.end_at = w.calls + at;
	for (unsigned i = 0; i < 1500 && !err; i++)
		err = rig_change(&r);
	if (!err)
		err = rig_commit(&r);
	reached = w.calls >= w.end_at;
	w.end_at = 0;
	if (err) {
		assert_int_equal(err, -error);
		pk_disk_abort(r.disk);
		assert_non_null(strstr(r.said, strerror(error)));
		assert_int_equal(pk_disk_last(r.disk), 1);
		/* The way back that the caller has. */
		assert_int_equal(pk_disk_load_at(r.disk, 1, &s), 0);
		pk_store_free(r.s);
		r.s = s;
		rig_expect_text(s, r.state[1]);
	} else {
		rig_remember(&r);
	}
	rig_transaction(&r, 20);
	rig_transaction(&r, 20);
	rig_reopen(&r);
	rig_expect_text(r.s, r.state[r.commits]);
	rig_fini(&r);
	return reached;
}

static void a_full_or_broken_disk_undoes_the_transaction_whole(void **state)
{
	static const int errors[] = { ENOSPC, EIO, EROFS };
	unsigned at;

	(void)state;
	for (unsigned e = 0; e < 3; e++)
		for (int fails = 1; fails < 4; fails++) {
			for (at = 1; fail_at(at, fails, errors[e]); at++)
				;
			assert_true(at > 4);
		}
}

static void a_snapshot_that_fails_leaves_all_as_it_was(void **state)
{
	struct world w = { .fails_for = 2, .fail = ENOSPC };
	struct pk_disk_io io = world_io(&w);
	unsigned calls;
	struct rig r;
	int err;

	(void)state;
	rig_init(&r);
	r.conf.io = &io;
	rig_open(&r);
	rig_transaction(&r, 50);
	w.end_at = 0;
	calls = w.calls;
	for (unsigned at = 1;; at++) {
		w.end_at = w.calls + at;
		calls = w.end_at;
		err = rig_snapshot(&r);
		w.end_at = 0;
		rig_transaction(&r, 5);
		rig_reopen(&r);
		rig_expect_text(r.s, r.state[r.commits]);
		assert_false(rig_has(&r, "new-snapshot"));
		if (w.calls < calls || !err)
			break;
		assert_int_equal(err, -ENOSPC);
	}
	rig_fini(&r);
}

/* --- bytes that are wrong ------------------------------------------------- */

struct copy {
	const char *name;
	uint8_t *bytes;
	size_t len;
};

static void restore(const struct rig *r, const struct copy *files, unsigned n)
{
	DIR *dir = opendir(r->path);
	struct dirent *e;

	while ((e = readdir(dir)))
		if (e->d_name[0] != '.')
			unlinkat(dirfd(dir), e->d_name, 0);
	closedir(dir);
	for (unsigned i = 0; i < n; i++)
		rig_write(r, files[i].name, files[i].bytes, files[i].len);
}

/* Loaded is a state of one commit, the @least at least; or, if @may_fail,
 * nothing and a sentence. */
static void check_damage(struct rig *r, uint64_t least, bool may_fail,
			 const char *what)
{
	int err = rig_try(r);

	if (err && (!may_fail || err != -EBADMSG || !r->said[0]))
		fail_msg("%s: %d %s", what, err, r->said);
	if (!err) {
		if (r->loaded.last.number < least)
			fail_msg("%s: commit %" PRIu64, what,
				 r->loaded.last.number);
		if (!r->said[0] && r->loaded.last.number < r->commits)
			fail_msg("%s: silent", what);
		rig_expect_text(r->s, r->state[r->loaded.last.number]);
	}
	rig_close(r);
}

/* Commits 1 to 3, snapshot-2, logs 0 and 2. */
static void make_small(struct rig *r)
{
	rig_init(r);
	be_calm(r);
	rig_open(r);
	rig_transaction(r, 12);
	rig_transaction(r, 12);
	rig_rebase(r);
	assert_int_equal(rig_snapshot(r), 0);
	rig_transaction(r, 12);
	rig_close(r);
	r->state[0] = strdup("live 0 expiring 0\n");
}

static void flip_each(struct rig *r, const struct copy *files, unsigned n,
		      uint64_t least, bool may_fail)
{
	struct copy *f = (struct copy *)&files[n - 1];
	char what[64];
	size_t i;

	/* A snapshot's head and then less: it takes its time. */
	for (i = 0; i < f->len; i += i < 2048 ? 1 : 211) {
		uint8_t was = f->bytes[i];

		snprintf(what, sizeof(what), "%s byte %zu", f->name, i);
		f->bytes[i] ^= (uint8_t)(1 << i % 8);
		restore(r, files, n);
		f->bytes[i] = was;
		check_damage(r, least, may_fail, what);
	}
}

static void cut_each(struct rig *r, const struct copy *files, unsigned n,
		     uint64_t least, bool may_fail)
{
	struct copy *f = (struct copy *)&files[n - 1];
	size_t len = f->len;
	char what[64];

	for (f->len = 0; f->len<len; f->len += len> 8192 ? 997 : 1) {
		snprintf(what, sizeof(what), "%s cut to %zu", f->name, f->len);
		restore(r, files, n);
		check_damage(r, least, may_fail, what);
	}
	f->len = len;
}

static struct copy copy_of(const struct rig *r, const char *name)
{
	struct copy c = { .name = name };

	c.bytes = rig_read(r, name, &c.len);
	assert_non_null(c.bytes);
	return c;
}

static void any_byte_of_any_file_may_be_wrong(void **state)
{
	struct copy log0, log2, snap, audit;
	static struct rig r;

	(void)state;
	make_small(&r);
	log0 = copy_of(&r, "log-0");
	log2 = copy_of(&r, "log-2");
	snap = copy_of(&r, "snapshot-2");
	audit = copy_of(&r, "audit.ndjson");

	/* With everything else in order. */
	flip_each(&r, (struct copy[]){ audit, log0, log2, snap }, 4, 3, false);
	cut_each(&r, (struct copy[]){ audit, log0, log2, snap }, 4, 3, false);
	flip_each(&r, (struct copy[]){ audit, log0, snap, log2 }, 4, 2, false);
	cut_each(&r, (struct copy[]){ audit, log0, snap, log2 }, 4, 2, false);
	flip_each(&r, (struct copy[]){ audit, log2, snap, log0 }, 4, 3, false);
	flip_each(&r, (struct copy[]){ log0, log2, snap, audit }, 4, 3, false);
	/* A log alone, and a snapshot alone. */
	flip_each(&r, (struct copy[]){ audit, log0 }, 2, 0, true);
	cut_each(&r, (struct copy[]){ audit, log0 }, 2, 0, true);
	flip_each(&r, (struct copy[]){ audit, snap }, 2, 2, true);
	cut_each(&r, (struct copy[]){ audit, snap }, 2, 2, true);
	free(log0.bytes);
	free(log2.bytes);
	free(snap.bytes);
	free(audit.bytes);
	rig_fini(&r);
}

static void nothing_left_to_build_on_is_said_and_never_an_empty_store(
	void **state)
{
	struct rig r;

	(void)state;
	make_small(&r);
	rig_remove(&r, "log-0");
	rig_write(&r, "snapshot-2", "x", 1);
	assert_int_equal(rig_try(&r), -EBADMSG);
	assert_non_null(strstr(r.said, "snapshot-2"));
	assert_non_null(strstr(r.said, "restore the directory from a backup"));
	/* And again: nothing was made of it meanwhile. */
	assert_int_equal(rig_try(&r), -EBADMSG);
	rig_fini(&r);
}

static void a_log_damaged_in_the_middle_keeps_what_it_cuts_off(void **state)
{
	struct rig r;
	uint8_t *log;
	size_t len = 0, rest = 0;

	(void)state;
	rig_init(&r);
	rig_open(&r);
	for (unsigned i = 0; i < 9; i++)
		rig_transaction(&r, 10);
	rig_close(&r);
	log = rig_read(&r, "log-0", &len);
	log[len / 2] ^= 1;
	rig_write(&r, "log-0", log, len);
	free(log);
	rig_open(&r);
	assert_true(r.loaded.last.number > 2 && r.loaded.last.number < 8);
	assert_int_equal(r.loaded.damaged, 1);
	assert_non_null(strstr(r.said, "later commits are lost"));
	rig_expect_text(r.s, r.state[r.loaded.last.number]);
	free(rig_read(&r, "log-0", &rest));
	free(rig_read(&r, "log-0.damaged", &len));
	assert_true(rest && len);
	r.commits = r.loaded.last.number;
	rig_transaction(&r, 10);
	rig_reopen(&r);
	rig_expect_text(r.s, r.state[r.commits]);
	assert_string_equal(r.said, "");
	rig_fini(&r);
}

static void files_of_another_directory_are_not_taken(void **state)
{
	struct copy log = { .name = "log-2" };
	struct rig r, other;

	(void)state;
	make_small(&r);
	rig_init(&other);
	other.conf.seed = RIG_SEED + 1;
	rig_open(&other);
	rig_transaction(&other, 30);
	rig_transaction(&other, 30);
	assert_int_equal(rig_snapshot(&other), 0);
	rig_transaction(&other, 30);
	log.bytes = rig_read(&other, log.name, &log.len);
	rig_write(&r, log.name, log.bytes, log.len);
	assert_int_equal(rig_try(&r), 0);
	assert_int_equal(r.loaded.last.number, 2);
	assert_int_equal(r.loaded.damaged, 1);
	rig_expect_text(r.s, r.state[2]);
	assert_true(rig_has(&r, "log-2.damaged"));
	free(log.bytes);
	rig_fini(&r);
	rig_fini(&other);
}

static void a_missing_log_ends_the_way_there(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_open(&r);
	for (unsigned i = 1; i <= 9; i++) {
		rig_transaction(&r, 10);
		if (i % 3 == 0)
			assert_int_equal(rig_snapshot(&r), 0);
	}
	rig_transaction(&r, 10);
	rig_close(&r);
	rig_write(&r, "snapshot-9", "x", 1);
	rig_remove(&r, "log-6");
	rig_open(&r);
	assert_int_equal(r.loaded.last.number, 6);
	assert_int_equal(r.loaded.snapshot, 6);
	assert_int_equal(r.loaded.damaged, 2);
	assert_non_null(strstr(r.said, "log-9: "));
	rig_expect_text(r.s, r.state[6]);
	r.commits = 6;
	rig_transaction(&r, 10);
	rig_reopen(&r);
	assert_string_equal(r.said, "");
	rig_expect_text(r.s, r.state[7]);
	rig_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			killed_anywhere_a_commit_is_there_whole_or_not_at_all),
		cmocka_unit_test(
			a_full_or_broken_disk_undoes_the_transaction_whole),
		cmocka_unit_test(a_snapshot_that_fails_leaves_all_as_it_was),
		cmocka_unit_test(any_byte_of_any_file_may_be_wrong),
		cmocka_unit_test(
			nothing_left_to_build_on_is_said_and_never_an_empty_store),
		cmocka_unit_test(
			a_log_damaged_in_the_middle_keeps_what_it_cuts_off),
		cmocka_unit_test(files_of_another_directory_are_not_taken),
		cmocka_unit_test(a_missing_log_ends_the_way_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
