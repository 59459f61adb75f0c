/* SPDX-License-Identifier: BSD-2-Clause */
/* Hits of indicators over a restart, whole and damaged. */
#include "tests/ctlops_rig.h"

struct place {
	char dir[32];
	char disk[48], hits[48];
};

static void open_place(struct place *p)
{
	strcpy(p->dir, "/tmp/pk-tally-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->disk, sizeof(p->disk), "%s/d", p->dir);
	snprintf(p->hits, sizeof(p->hits), "%s/hits", p->dir);
}

static void start(struct rig *r, const struct place *p, uint32_t every_ms)
{
	struct pk_tally_conf conf = { .path = p->hits, .every_ms = every_ms };

	open_rig_in(r, p->disk);
	pk_indicators_on_anew(r->d.indicators, pk_evidence_forget,
			      r->d.evidence);
	conf.base = r->d.base;
	conf.indicators = r->d.indicators;
	conf.evidence = r->d.evidence;
	assert_int_equal(pk_tally_new(&r->d.tally, &conf), 0);
}

static void stop(struct rig *r)
{
	pk_tally_free(r->d.tally);
	close_rig(r);
}

static uint32_t push(struct rig *r, const char *value)
{
	char args[128];
	struct json_object *o;
	uint32_t slot;

	snprintf(args, sizeof(args), "\"value\":\"%s\"", value);
	o = ok(r, "ioc add", args);
	slot = (uint32_t)number(o, "slot");
	put(o);
	return slot;
}

/* As a plane and its record would tell it. */
static void hit(struct rig *r, uint32_t slot, uint64_t ns)
{
	struct pk_hit h = { .slot = slot };

	h.head.seen_ns = ns;
	h.packet.key.sport = 4242;
	pk_evidence_hit(r->d.evidence, &h);
	pk_images_hit((struct pk_images *)pk_indicators_images(r->d.indicators),
		      slot);
}

static struct json_object *explain(struct rig *r, const char *value)
{
	char args[128];

	snprintf(args, sizeof(args), "\"value\":\"%s\"", value);
	return ok(r, "ioc explain", args);
}

static void hits_come_back_and_go_on(void **state)
{
	struct json_object *before, *after;
	struct place p;
	uint32_t slot;
	struct rig r;

	(void)state;
	open_place(&p);
	start(&r, &p, 0);
	push(&r, "203.0.113.1");
	slot = push(&r, "evil.example.org");
	hit(&r, slot, 1700000000000000000);
	hit(&r, slot, 1700000005000000000);
	before = explain(&r, "evil.example.org");
	stop(&r);
	start(&r, &p, 0);
	after = explain(&r, "evil.example.org");
	assert_int_equal(number(after, "items.0.hits"), 2);
	assert_string_equal(text(after, "items.0.first_hit"),
			    text(before, "items.0.first_hit"));
	assert_string_equal(
		json_object_to_json_string(at(after, "items.0.evidence")),
		json_object_to_json_string(at(before, "items.0.evidence")));
	put(before);
	put(after);
	slot = (uint32_t)pk_store_next(r.d.indicators->store, slot - 1);
	hit(&r, slot, 1700000009000000000);
	after = ok(&r, "ioc hits", "");
	assert_int_equal(number(after, "hits"), 3);
	assert_int_equal(number(after, "items.0.hits"), 3);
	assert_string_equal(text(after, "items.0.first_hit"),
			    "2023-11-14T22:13:20.000000Z");
	put(after);
	stop(&r);
	/* and over another one */
	start(&r, &p, 0);
	after = explain(&r, "evil.example.org");
	assert_int_equal(number(after, "items.0.hits"), 3);
	put(after);
	stop(&r);
	remove_dir(p.dir);
}

/* Who is killed has what was written last. */
static void they_are_written_while_it_runs(void **state)
{
	struct json_object *o;
	char last[64];
	struct place p;
	struct rig r;
	int i;

	(void)state;
	open_place(&p);
	start(&r, &p, 1);
	hit(&r, push(&r, "203.0.113.1"), 1700000000000000000);
	unlink(p.hits); /* written before there was a hit */
	for (i = 0; i < TURNS && access(p.hits, F_OK); i++)
		turn(&r);
	assert_true(i < TURNS);
	snprintf(last, sizeof(last), "%s.last", p.hits);
	assert_int_equal(rename(p.hits, last), 0);
	stop(&r);
	assert_int_equal(rename(last, p.hits), 0);
	start(&r, &p, 0);
	o = explain(&r, "203.0.113.1");
	assert_int_equal(number(o, "items.0.hits"), 1);
	put(o);
	stop(&r);
	remove_dir(p.dir);
}

/* A slot that another indicator gets counts from nothing. */
static void another_indicator_does_not_inherit_them(void **state)
{
	struct json_object *o;
	struct place p;
	uint32_t slot;
	struct rig r;

	(void)state;
	open_place(&p);
	start(&r, &p, 0);
	slot = push(&r, "203.0.113.1");
	hit(&r, slot, 1700000000000000000);
	stop(&r);
	start(&r, &p, 0);
	rest(&r);
	put(ok(&r, "ioc del", "\"value\":\"203.0.113.1\""));
	for (int i = 0; i < 3; i++) { /* dead, gone, free */
		pk_indicators_publish(r.d.indicators, 1, NULL, NULL);
		rest(&r);
	}
	assert_int_equal(push(&r, "203.0.113.2"), slot);
	o = explain(&r, "203.0.113.2");
	assert_int_equal(number(o, "items.0.hits"), 0);
	assert_false(
		json_object_object_get_ex(at(o, "items.0"), "first_hit", NULL));
	put(o);
	stop(&r);
	remove_dir(p.dir);
}

static void damage(const struct place *p, long from_end)
{
	FILE *f = fopen(p->hits, "r+");
	int c;

	assert_non_null(f);
	assert_int_equal(fseek(f, from_end, SEEK_END), 0);
	c = fgetc(f);
	assert_int_equal(fseek(f, from_end, SEEK_END), 0);
	assert_int_equal(fputc(c ^ 1, f), c ^ 1);
	fclose(f);
}

static void what_is_damaged_is_left_out(void **state)
{
	struct json_object *o;
	struct place p;
	struct rig r;

	(void)state;
	open_place(&p);
	start(&r, &p, 0);
	hit(&r, push(&r, "203.0.113.1"), 1700000000000000000);
	hit(&r, push(&r, "203.0.113.2"), 1700000001000000000);
	push(&r, "203.0.113.3");
	stop(&r);
	damage(&p, -1); /* the second address would be 203.0.113.3 */
	start(&r, &p, 0);
	o = ok(&r, "ioc hits", "");
	assert_int_equal(number(o, "hits"), 1);
	assert_string_equal(text(o, "items.0.value"), "203.0.113.1");
	put(o);
	stop(&r);
	/* nor is half a record, or another file, the end of the daemon */
	assert_int_equal(truncate(p.hits, 40), 0);
	start(&r, &p, 0);
	stop(&r);
	assert_int_equal(truncate(p.hits, 3), 0);
	start(&r, &p, 0);
	o = ok(&r, "ioc hits", "");
	assert_int_equal(number(o, "hits"), 0);
	put(o);
	stop(&r);
	remove_dir(p.dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hits_come_back_and_go_on),
		cmocka_unit_test(they_are_written_while_it_runs),
		cmocka_unit_test(another_indicator_does_not_inherit_them),
		cmocka_unit_test(what_is_damaged_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
