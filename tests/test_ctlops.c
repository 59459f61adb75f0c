/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations of the control socket, on their way between clients,
 * indicators and the launcher: what becomes of one push after the other, and
 * of ports and interfaces.
 */
#include "tests/ctlops_rig.h"

/* --- adding indicators ----------------------------------------------------------- */

static void a_second_add_waits_for_the_first(void **state)
{
	struct json_object *first, *second, *third;
	uint64_t before;
	struct rig r;
	int fd[2];

	(void)state;
	open_rig(&r);
	before = pk_indicators_generation(r.d.indicators);
	/* both are read in one turn of the loop */
	fd[0] = ask(&r, "ioc add", "\"value\":\"192.0.2.1\"");
	fd[1] = ask(&r, "ioc add", "\"value\":\"192.0.2.1\"");
	first = answer(&r, fd[0]);
	second = answer(&r, fd[1]);
	assert_true(generation(first) > before);
	assert_true(generation(second) >= generation(first));
	/* the third finds it visible, and publishes nothing */
	third = answer(&r, ask(&r, "ioc add", "\"value\":\"192.0.2.1\""));
	assert_true(generation(third) ==
		    pk_indicators_generation(r.d.indicators));
	assert_true(generation(third) == generation(second));
	assert_false(json_object_get_boolean(member(third, "result", "added")));
	json_object_put(first);
	json_object_put(second);
	json_object_put(third);
	close_rig(&r);
}

/* As the kernel's, but with no more room than the present images need. */
static void add_small_target(struct rig *r)
{
	struct pk_indicators *i = r->d.indicators;
	struct pk_image_target *t = &i->kernel.target;

	t->control = &r->control;
	for (unsigned s = 0; s < PK_IMAGE_SLOTS; s++) {
		t->lines[s] = 64;
		t->slot[s] = mmap(NULL, t->lines[s] * sizeof(struct pk_line),
				  PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		assert_true(t->slot[s] != MAP_FAILED);
	}
	assert_true(pk_images_add_target(i->images, t) > 0);
}

static void remove_small_target(struct rig *r)
{
	struct pk_indicators *i = r->d.indicators;
	struct pk_image_target *t = &i->kernel.target;

	pk_images_del_target(i->images, 1);
	for (unsigned s = 0; s < PK_IMAGE_SLOTS; s++)
		munmap(t->slot[s], t->lines[s] * sizeof(struct pk_line));
	memset(t, 0, sizeof(*t));
}

/* A map as large as is wanted. */
static void grow(struct rig *r, const struct pk_request *q)
{
	int fd = memfd_create("slot", MFD_CLOEXEC);

	assert_int_equal(
		ftruncate(fd, (off_t)(q->lines * sizeof(struct pk_line))), 0);
	reply(r, q, 0, "", fd);
	close(fd);
}

static void a_failed_add_can_be_tried_again(void **state)
{
	static const char value[] = "\"value\":\"192.0.2.1\"";
	struct json_object *o;
	struct pk_request q;
	uint64_t before;
	struct rig r;
	int fd;

	(void)state;
	open_rig(&r);
	add_small_target(&r);
	store_many(&r);
	before = pk_indicators_generation(r.d.indicators);
	for (int i = 0; i < 2; i++) { /* it must not hide behind the store */
		fd = ask(&r, "ioc add", value);
		assert_int_equal(request(&r, &q), 1);
		assert_int_equal(q.kind, PK_REQUEST_GROW);
		reply(&r, &q, -ENOMEM, "no memory", -1);
		expect_error(&r, fd, "failed", "the old one stays");
		assert_true(pk_indicators_generation(r.d.indicators) == before);
	}
	fd = ask(&r, "ioc add", value);
	assert_int_equal(request(&r, &q), 1);
	grow(&r, &q);
	o = answer(&r, fd);
	assert_true(generation(o) > before);
	json_object_put(o);
	/* now it is visible, and nothing is done about it */
	o = answer(&r, ask(&r, "ioc add", value));
	assert_true(generation(o) == pk_indicators_generation(r.d.indicators));
	assert_int_equal(request(&r, &q), 0);
	json_object_put(o);
	remove_small_target(&r);
	close_rig(&r);
}

/* --- ports and interfaces ------------------------------------------------------------ */

static void typing_errors_do_not_reach_the_launcher(void **state)
{
	static const char *const bad[][4] = {
		{ "port add", "\"name\":\"a b\",\"vdev\":\"net_null0\"",
		  "usage", "a port's name must be" },
		{ "port add", "\"name\":\"xdp\",\"vdev\":\"net_null0\"",
		  "usage", "a port's name must be" },
		{ "port add", "\"name\":\"a\",\"vdev\":\"net null\"", "usage",
		  "no such driver" },
		{ "port add", "\"name\":\"a\"", "usage", "one of" },
		{ "port add",
		  "\"name\":\"a\",\"vdev\":\"net_pcap0,tx_pcap=/etc/x\"",
		  "configuration", "tx_pcap" },
		{ "port add",
		  "\"name\":\"a\",\"vdev\":\"net_af_xdp0,xdp_prog=/x\"",
		  "configuration", "xdp_prog" },
		{ "port add", "\"name\":\"a\",\"pci\":\"3:0\"", "usage",
		  "full address" },
		{ "port del", "\"name\":\"a b\"", "not-found", "no port" },
		{ "attach", "\"interface\":\"a b\"", "usage", "interface" },
		{ "detach", "\"interface\":\"-a\"", "usage", "interface" },
	};
	struct pk_request q;
	struct rig r;

	(void)state;
	open_rig(&r);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		expect_error(&r, ask(&r, bad[i][0], bad[i][1]), bad[i][2],
			     bad[i][3]);
		assert_int_equal(request(&r, &q), 0);
	}
	close_rig(&r);
}

static void a_refused_port_is_not_stopped(void **state)
{
	static const char port[] = "\"name\":\"a\",\"vdev\":\"net_null0\"";
	struct pk_request q;
	struct rig r;

	(void)state;
	open_rig(&r);
	for (int i = 0; i < 2; i++) { /* its name is free again */
		int fd = ask(&r, "port add", port);

		assert_int_equal(request(&r, &q), 1);
		assert_int_equal(q.kind, PK_REQUEST_PORT_START);
		reply(&r, &q, -EBUSY, "it belongs to port b", -1);
		expect_error(&r, fd, "conflict", "belongs to port b");
		assert_int_equal(request(&r, &q), 0);
		assert_null(pk_planes_view(r.d.planes, 0));
	}
	close_rig(&r);
}

/* Of one that died too often the launcher keeps the name until it is told. */
static void a_fenced_port_is_forgotten_by_the_launcher(void **state)
{
	struct pk_request q;
	struct rig r;
	int fd;

	(void)state;
	open_rig(&r);
	fd = ask(&r, "port add", "\"name\":\"a\",\"vdev\":\"net_null0\"");
	assert_int_equal(request(&r, &q), 1);
	reply(&r, &q, -ECONNABORTED, "it stays down", -1);
	expect_error(&r, fd, "failed", "it stays down");
	assert_int_equal(request(&r, &q), 1);
	assert_int_equal(q.kind, PK_REQUEST_PORT_STOP);
	assert_string_equal(q.name, "a");
	reply(&r, &q, 0, "", -1);
	assert_int_equal(request(&r, &q), 0);
	assert_null(pk_planes_view(r.d.planes, 0));
	close_rig(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_second_add_waits_for_the_first),
		cmocka_unit_test(a_failed_add_can_be_tried_again),
		cmocka_unit_test(typing_errors_do_not_reach_the_launcher),
		cmocka_unit_test(a_refused_port_is_not_stopped),
		cmocka_unit_test(a_fenced_port_is_forgotten_by_the_launcher),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
