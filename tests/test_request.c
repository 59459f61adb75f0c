/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/launcher/request.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct pk_request request(uint32_t kind)
{
	struct pk_request r = { .version = PK_REQUEST_VERSION,
				.kind = kind,
				.id = 7 };

	if (kind == PK_REQUEST_ATTACH || kind == PK_REQUEST_DETACH ||
	    kind == PK_REQUEST_OPEN)
		strcpy(r.name, "eth0");
	if (kind == PK_REQUEST_OPEN)
		r.lines = 1 << 20;
	if (kind == PK_REQUEST_ATTACH)
		r.port = 1;
	if (kind == PK_REQUEST_GROW) {
		r.slot = PK_IMAGE_SLOTS - 1;
		r.lines = 1 << 24;
	}
	if (kind == PK_REQUEST_PORT_START || kind == PK_REQUEST_PORT_STOP)
		strcpy(r.name, "port-1.a_b");
	if (kind == PK_REQUEST_PORT_START) {
		strcpy(r.device, "net_af_packet0,iface=eth0");
		r.workers = 16;
	}
	return r;
}

static uint32_t fds_of(uint32_t kind)
{
	return kind == PK_REQUEST_XDP_START || kind == PK_REQUEST_PORT_START;
}

static int check(const struct pk_request *r)
{
	char why[PK_REQUEST_WHY] = "";
	int err = pk_request_check(r, fds_of(r->kind), why, sizeof(why));

	assert_true(!err == !why[0]);
	return err;
}

static void well_formed_requests_pass(void **state)
{
	(void)state;
	for (uint32_t kind = 1; kind < PK_REQUEST_KINDS; kind++) {
		struct pk_request r = request(kind);

		assert_int_equal(check(&r), 0);
		assert_string_not_equal(pk_request_word(kind), "unknown");
	}
}

static void unknown_kinds_are_refused(void **state)
{
	const uint32_t kinds[] = { 0, PK_REQUEST_KINDS, PK_NOTICE_EXITED,
				   UINT32_MAX };

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct pk_request r = request(kinds[i]);

		assert_int_equal(check(&r), -EINVAL);
	}
}

static void bad_names_are_refused(void **state)
{
	static const char *const names[] = {
		"",	".",	 "..",
		"-x",	"a/b",	 "a b",
		"a\nb", "a\x80", "sixteen-letters-",
		"a;b"
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct pk_request r = request(PK_REQUEST_ATTACH);

		memset(r.name, 0, sizeof(r.name));
		strcpy(r.name, names[i]);
		assert_int_equal(check(&r), -EINVAL);
	}
}

static void strings_without_an_end_are_refused(void **state)
{
	struct pk_request r = request(PK_REQUEST_PORT_START);

	(void)state;
	memset(r.name, 'a', sizeof(r.name));
	assert_int_equal(check(&r), -EINVAL);
	r = request(PK_REQUEST_PORT_START);
	memset(r.device, 'a', sizeof(r.device));
	assert_int_equal(check(&r), -EINVAL);
	r = request(PK_REQUEST_PORT_START);
	memset(r.name, 'a', 33); /* longer than the plane takes */
	assert_int_equal(check(&r), -EINVAL);
}

static void devices_hide_nothing(void **state)
{
	static const char *const devices[] = {
		"",
		"-x",
		"-net_null0",
		"net_null0,a b",
		"net_null0\tb",
		"net_null0,\x7f",
		"net_nope0",
		"net_nullx",
		"net_null0 ",
		"net_null0\n",
		"eth_af_packet0",
		"0000:03:00.0",
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		struct pk_request r = request(PK_REQUEST_PORT_START);

		memset(r.device, 0, sizeof(r.device));
		strcpy(r.device, devices[i]);
		assert_int_equal(check(&r), -EINVAL);
	}
}

static void a_pci_device_is_an_address(void **state)
{
	static const char *const bad[] = {
		"03:00.0",	  "0000:03:00",	    "0000:03:00.8",
		"0000:03:00.0,x", "0000:03:00.0 ",  "-000:03:00.0",
		"0000:0x3:00.0",  "0000:03:00.0/.", "net_null0",
	};

	(void)state;
	for (unsigned i = 0; i <= sizeof(bad) / sizeof(bad[0]); i++) {
		struct pk_request r = request(PK_REQUEST_PORT_START);

		r.flags = PK_PORT_PCI;
		memset(r.device, 0, sizeof(r.device));
		strcpy(r.device, i ? bad[i - 1] : "0000:03:00.0");
		assert_int_equal(check(&r), i ? -EINVAL : 0);
	}
}

static void a_port_is_not_called_as_the_xdp_plane(void **state)
{
	static const char *const bad[] = { "xdp", ".a", "-a", "a b", "a@b" };

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct pk_request r = request(PK_REQUEST_PORT_STOP);

		memset(r.name, 0, sizeof(r.name));
		strcpy(r.name, bad[i]);
		assert_int_equal(check(&r), -EINVAL);
	}
}

static void numbers_have_bounds(void **state)
{
	struct pk_request r;

	(void)state;
	r = request(PK_REQUEST_GROW);
	r.slot = PK_IMAGE_SLOTS;
	assert_int_equal(check(&r), -EINVAL);
	r = request(PK_REQUEST_GROW);
	r.lines = 0;
	assert_int_equal(check(&r), -EINVAL);
	r.lines = (1 << 24) + 1;
	assert_int_equal(check(&r), -EINVAL);
	r = request(PK_REQUEST_PORT_START);
	r.workers = 0;
	assert_int_equal(check(&r), -EINVAL);
	r.workers = 17;
	assert_int_equal(check(&r), -EINVAL);
	r = request(PK_REQUEST_ATTACH);
	r.port = 65536;
	assert_int_equal(check(&r), -EINVAL);
	r = request(PK_REQUEST_ATTACH);
	r.id = 0;
	assert_int_equal(check(&r), -EINVAL);
}

static void what_a_kind_does_not_use_is_zero(void **state)
{
	struct pk_request r;

	(void)state;
	r = request(PK_REQUEST_ATTACH);
	r.flags = PK_PORT_NO_HUGE;
	assert_int_equal(check(&r), -EINVAL);
	r = request(PK_REQUEST_ATTACH);
	strcpy(r.device, "x");
	assert_int_equal(check(&r), -EINVAL);
	r = request(PK_REQUEST_ATTACH);
	r.workers = 1;
	assert_int_equal(check(&r), -EINVAL);
	r = request(PK_REQUEST_HELLO);
	strcpy(r.name, "x");
	assert_int_equal(check(&r), -EINVAL);
	r = request(PK_REQUEST_HELLO);
	r.lines = 1;
	assert_int_equal(check(&r), -EINVAL);
	r = request(PK_REQUEST_DETACH);
	r.pad = 1;
	assert_int_equal(check(&r), -EINVAL);
}

static void descriptors_must_be_as_many_as_needed(void **state)
{
	char why[PK_REQUEST_WHY];
	struct pk_request r;

	(void)state;
	r = request(PK_REQUEST_XDP_START);
	assert_int_equal(pk_request_check(&r, 0, why, sizeof(why)), -EINVAL);
	assert_int_equal(pk_request_check(&r, 2, why, sizeof(why)), -EINVAL);
	r = request(PK_REQUEST_ATTACH);
	assert_int_equal(pk_request_check(&r, 1, why, sizeof(why)), -EINVAL);
}

/* --- the socket ------------------------------------------------------------------ */

static int open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void pair(int fd[2])
{
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd), 0);
}

static void a_message_and_its_descriptors_arrive(void **state)
{
	struct pk_request in = request(PK_REQUEST_PORT_START), out;
	struct pk_fds send = { 0 }, got;
	int fd[2], before = open_fds();

	(void)state;
	pair(fd);
	for (int i = 0; i < PK_REQUEST_FDS; i++)
		send.fd[send.count++] = open("/dev/null", O_RDONLY);
	assert_int_equal(pk_request_send(fd[0], &in, sizeof(in), &send), 0);
	assert_int_equal(pk_request_recv(fd[1], &out, sizeof(out), &got), 1);
	assert_memory_equal(&in, &out, sizeof(in));
	assert_int_equal(got.count, PK_REQUEST_FDS);
	assert_true(fcntl(got.fd[15], F_GETFD) & FD_CLOEXEC);
	assert_int_equal(pk_request_recv(fd[1], &out, sizeof(out), &got), 0);
	pk_fds_close(&send);
	close(fd[0]);
	assert_int_equal(pk_request_recv(fd[1], &out, sizeof(out), &got),
			 -ECONNRESET);
	close(fd[1]);
	/* the received ones are still open, and nothing else is */
	assert_int_equal(open_fds() - before, PK_REQUEST_FDS);
	for (int i = 3; i < 64; i++)
		if (fcntl(i, F_GETFD) >= 0 && i >= before)
			close(i);
}

static void nonsense_leaves_no_descriptor(void **state)
{
	struct pk_request r = request(PK_REQUEST_HELLO), out;
	struct pk_fds send = { 0 }, got;
	int fd[2], before;

	(void)state;
	pair(fd);
	send.fd[send.count++] = open("/dev/null", O_RDONLY);
	before = open_fds();
	assert_int_equal(pk_request_send(fd[0], &r, sizeof(r) - 1, &send), 0);
	assert_int_equal(pk_request_recv(fd[1], &out, sizeof(out), &got),
			 -EBADMSG);
	r.version++;
	assert_int_equal(pk_request_send(fd[0], &r, sizeof(r), &send), 0);
	assert_int_equal(pk_request_recv(fd[1], &out, sizeof(out), &got),
			 -EBADMSG);
	assert_int_equal(got.count, 0);
	assert_int_equal(open_fds(), before);
	pk_fds_close(&send);
	close(fd[0]);
	close(fd[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(well_formed_requests_pass),
		cmocka_unit_test(unknown_kinds_are_refused),
		cmocka_unit_test(bad_names_are_refused),
		cmocka_unit_test(strings_without_an_end_are_refused),
		cmocka_unit_test(devices_hide_nothing),
		cmocka_unit_test(a_pci_device_is_an_address),
		cmocka_unit_test(a_port_is_not_called_as_the_xdp_plane),
		cmocka_unit_test(numbers_have_bounds),
		cmocka_unit_test(what_a_kind_does_not_use_is_zero),
		cmocka_unit_test(descriptors_must_be_as_many_as_needed),
		cmocka_unit_test(a_message_and_its_descriptors_arrive),
		cmocka_unit_test(nonsense_leaves_no_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
