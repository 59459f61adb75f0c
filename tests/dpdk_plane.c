/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * picket-dpdk from outside: this rig plays the daemon's side of the uplink and
 * starts the real program on captures (net_pcap) and, as root, on a veth pair
 * in a network namespace of its own (net_af_packet).
 */
#include "tests/dpdk_rig.h"

#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>

#include "bpf/parse.h"

/* --- replay -------------------------------------------------------------------- */

static void replay_mixed(struct rig *r, unsigned queues)
{
	struct capture c;

	mixed_capture(&c, queues, 60000);
	rig_open(r);
	start_replay(r, &c);
	assert_int_equal(rig_await_end(r), 0);
	capture_remove(&c);
	check_sums(r, c.count);
}

static void replay_counts_every_frame_once(void **state)
{
	struct totals t;
	struct rig r;

	(void)state;
	replay_mixed(&r, 1);
	t = add_up(&r);
	assert_int_equal(t.ends, 1);
	assert_true(t.flows > 1000);
	assert_true(t.hits > 100);
	rig_close(&r);
}

/* A HIT of the same key, role and generation came before: redundant. */
static int is_repeat(const struct rig *r, const struct pk_hit *hit)
{
	for (size_t at = 0; at < r->bytes;) {
		const struct pk_hit *h = (const void *)(r->records + at);

		if (h == hit)
			return 0;
		if (h->head.type == PK_RECORD_HIT && h->role == hit->role &&
		    h->generation == hit->generation &&
		    !memcmp(&h->packet.key, &hit->packet.key,
			    sizeof(hit->packet.key)))
			return 1;
		at += h->head.len;
	}
	return 0;
}

/* The next record from @at on that is no redundant hit, or NULL. */
static const struct pk_record *next_record(const struct rig *r, size_t *at)
{
	while (*at < r->bytes) {
		const struct pk_record *rec = (const void *)(r->records + *at);

		*at += rec->len;
		if (rec->type != PK_RECORD_HIT ||
		    !is_repeat(r, (const struct pk_hit *)rec))
			return rec;
	}
	return NULL;
}

/*
 * Each worker reports a flow line once, so more workers may report a flow more
 * often; the first hit and everything else must be the same.
 */
static void assert_same_records(const struct rig *a, const struct rig *b)
{
	size_t i = 0, k = 0;
	const struct pk_record *x, *y;

	do {
		x = next_record(a, &i);
		y = next_record(b, &k);
		assert_int_equal(!x, !y);
		if (!x)
			break;
		assert_int_equal(x->len, y->len);
		assert_int_equal(x->seen_ns, y->seen_ns);
		assert_memory_equal(x + 1, y + 1, x->len - sizeof(*x));
	} while (1);
}

static void replay_gives_the_same_records_for_any_number_of_workers(
	void **state)
{
	static const unsigned workers[] = { 2, 4 };
	struct rig one, many;

	(void)state;
	replay_mixed(&one, 1);
	for (size_t i = 0; i < 2; i++) {
		replay_mixed(&many, workers[i]);
		assert_same_records(&one, &many);
		rig_close(&many);
	}
	rig_close(&one);
}

/* Queue 1 is all in the future and fills its rings while queue 0 works. */
static void replay_waits_for_the_slowest_queue(void **state)
{
	struct capture c;
	struct frame f;
	struct rig r;

	(void)state;
	capture_open(&c, 2);
	for (uint32_t k = 0; k < 300000; k++) {
		udp4(&f, 0x0a090001, 0x0b000000 + k, 0, 0);
		capture_put(&c, 0, START_US + k, &f);
		udp4(&f, 0x0a090001, 0x0c000000 + k, 0, 0);
		capture_put(&c, 1, START_US + 20000000 + k, &f);
	}
	capture_ready(&c);
	rig_open(&r);
	start_replay(&r, &c);
	assert_int_equal(rig_await_end(&r), 0);
	capture_remove(&c);
	check_sums(&r, c.count);
	assert_int_equal(add_up(&r).hits, c.count);
	rig_close(&r);
}

static void replay_of_nothing_ends(void **state)
{
	struct capture c;
	struct rig r;

	(void)state;
	mixed_capture(&c, 2, 0);
	rig_open(&r);
	start_replay(&r, &c);
	assert_int_equal(rig_await_end(&r), 0);
	capture_remove(&c);
	assert_int_equal(add_up(&r).ends, 1);
	rig_close(&r);
}

static void replay_says_that_a_capture_is_short(void **state)
{
	struct capture c;
	struct rig r;

	(void)state;
	mixed_capture(&c, 2, 1000);
	c.frames[1] += 5;
	rig_open(&r);
	start_replay(&r, &c);
	assert_int_equal(rig_await_end(&r), 1);
	capture_remove(&c);
	assert_non_null(strstr(r.down->said, "queue 1 ended after 500 of 505"));
	check_sums(&r, 1000);
	rig_close(&r);
}

/* The daemon stops reading in mid-replay and leaves. */
static void replay_ends_when_nobody_listens(void **state)
{
	struct capture c;
	struct rig r;

	(void)state;
	mixed_capture(&c, 1, 200000);
	rig_open(&r);
	r.conf.ring_bytes = 1 << 14;
	start_replay(&r, &c);
	rig_await_ready(&r);
	pk_downlink_free(r.down);
	r.down = NULL;
	while (waitpid(r.pid, &r.status, WNOHANG) != r.pid) {
		rig_watch(&r);
		poll(NULL, 0, 10);
	}
	r.pid = 0;
	capture_remove(&c);
	rig_close(&r);
}

/* --- refusals -------------------------------------------------------------------- */

static void refused(const char *args, const char *needle)
{
	struct words w;
	struct rig r;
	int status;

	rig_open(&r);
	rig_start(&r, words(&w, "%s", args));
	status = rig_await_end(&r);
	if (!status || !strstr(r.down->said, needle))
		fail_msg("%s: status %d, said \"%s\"", args, status,
			 r.down->said);
	assert_int_equal(r.down->ready, 0);
	rig_close(&r);
}

static void refuses_with_a_sentence(void **state)
{
	(void)state;
	refused("--name a --no-huge --vdev net_nope0",
		"device \"net_nope0\": no such driver");
	refused("--name a --no-huge --vdev net_af_packet0",
		"iface=NAME is missing");
	refused("--name a --no-huge --vdev net_pcap0,rx_pcap=/nowhere.pcap",
		"capture /nowhere.pcap: No such file");
	refused("--name a --no-huge --vdev net_pcap0,rx_pcap=/dev/null",
		"device net_pcap0");
	refused("--name a --no-huge --workers 2 --vdev net_pcap0,rx_pcap=/dev/null",
		"1 captures for --workers 2");
	refused("--name a --memory 900000 --vdev net_null0",
		"sysctl vm.nr_hugepages=");
	refused("--name a --no-huge --pci 0000:ff:1f.7", "not there");
	refused("--name a --no-huge --vdev net_null0 --frames 1",
		"--frames is for replays only");
	refused("--name a --no-huge --vdev net_null0,nonsense=1",
		"device net_null0,nonsense=1");
	refused("--name a --no-huge --memory 1 --vdev net_null0", "memory");
}

static void refuses_nonsense_on_the_command_line(void **state)
{
	static const char *const lines[] = {
		"",
		"--name a",
		"--name ../a --vdev net_null0",
		"--name a --vdev net_null0 --workers 17",
		"--name a --vdev net_null0 --workers 0",
		"--name a --vdev net_null0 --pci 0000:00:03.0",
		"--name a --vdev net_null0 --frames 1,2",
		"--name a --vdev net_null0 --frames 1,x --workers 2",
		"--name a --vdev net_null0 surplus",
		"--name a --vdev net_null0 --memory -1",
		"--name a --vdev net_null0 --uid 0 --gid 1",
		"--name a --vdev net_null0 --uid 1",
		"--name a --vdev net_null0 --uid 1 --gid nogroup",
	};
	struct words w;
	struct rig r;

	(void)state;
	rig_open(&r);
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		rig_start(&r, words(&w, "%s", lines[i]));
		assert_int_equal(rig_await_end(&r), 2);
	}
	rig_close(&r);
}

/* --- live, on a veth pair ----------------------------------------------------------- */

/* 1: in a fresh namespace. Said once if that cannot be had. */
static int live_possible(void)
{
	static int possible = -1;

	if (possible < 0)
		possible = !geteuid() && !unshare(CLONE_NEWNET);
	if (!possible)
		print_message("SKIPPED: needs root and a network namespace\n");
	return possible;
}

__attribute__((format(printf, 1, 2))) static void shell(const char *format, ...)
{
	char command[256];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	if (system(command))
		fail_msg("failed: %s", command);
}

static int veth_open(unsigned mtu)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET };
	int fd;

	shell("sysctl -qw net.ipv6.conf.default.disable_ipv6=1 net.ipv6.conf.all.disable_ipv6=1");
	shell("ip link del pkt0 2>/dev/null; ip link add pkt0 mtu %u type veth peer name pkt1 mtu %u",
	      mtu, mtu);
	shell("ip link set pkt0 up && ip link set pkt1 up");
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	to.sll_ifindex = (int)if_nametoindex("pkt0");
	assert_int_equal(bind(fd, (void *)&to, sizeof(to)), 0);
	return fd;
}

static void veth_close(int fd)
{
	close(fd);
	shell("ip link del pkt0 2>/dev/null || true");
}

static void start_live(struct rig *r, unsigned workers)
{
	struct words w;

	r->conf.conf.replay = 0;
	rig_start(
		r,
		words(&w,
		      "--name live --no-huge --workers %u --vdev net_af_packet0,iface=pkt1",
		      workers));
	rig_await_ready(r);
}

static void send_frame(int fd, const struct frame *f)
{
	while (send(fd, f->b, f->len, 0) < 0)
		assert_int_equal(errno, ENOBUFS);
}

static void send_some(int fd, uint32_t count)
{
	struct frame f;

	for (uint32_t i = 0; i < count; i++) {
		udp4(&f, 0x0a000000 + i % 500, 0x0b000001, 0, i % 1000);
		send_frame(fd, &f);
	}
}

static uint64_t arrived(const struct rig *r)
{
	return add_up(r).seen + r->stats->stage.socket_drops;
}

static void await_arrival(struct rig *r, uint64_t frames)
{
	while (r->pid && arrived(r) < frames)
		rig_turn(r);
}

static void end_by_signal(struct rig *r)
{
	kill(r->pid, SIGTERM);
	assert_int_equal(rig_await_end(r), 0);
}

static void live_counts_what_was_sent(unsigned workers)
{
	struct rig r;
	int fd;

	if (!live_possible())
		skip();
	fd = veth_open(1500);
	rig_open(&r);
	start_live(&r, workers);
	for (uint32_t sent = 0; sent < 50000; sent += 500) {
		send_some(fd, 500);
		await_arrival(&r, sent + 500);
	}
	end_by_signal(&r);
	assert_int_equal(r.stats->stage.socket_drops, 0);
	check_sums(&r, 50000);
	rig_close(&r);
	veth_close(fd);
}

static void live_counts_what_was_sent_to_one_worker(void **state)
{
	(void)state;
	live_counts_what_was_sent(1);
}

static void live_counts_what_was_sent_to_two_workers(void **state)
{
	(void)state;
	live_counts_what_was_sent(2);
}

/* The driver knows nothing of it: only its sockets do. */
static void live_counts_what_the_kernel_dropped(void **state)
{
	struct totals t;
	struct rig r;
	int fd;

	(void)state;
	if (!live_possible())
		skip();
	fd = veth_open(1500);
	rig_open(&r);
	start_live(&r, 1);
	kill(r.pid, SIGSTOP);
	send_some(fd, 5000);
	kill(r.pid, SIGCONT);
	await_arrival(&r, 5000);
	end_by_signal(&r);
	t = add_up(&r);
	assert_int_equal(t.seen + r.stats->stage.socket_drops, 5000);
	assert_true(r.stats->stage.socket_drops > 0);
	assert_int_equal(t.reasons, t.seen);
	rig_close(&r);
	veth_close(fd);
}

static const struct pk_hit *first_hit(const struct rig *r)
{
	for (size_t at = 0; at < r->bytes;) {
		const struct pk_record *head = (const void *)(r->records + at);

		if (head->type == PK_RECORD_HIT)
			return (const void *)head;
		at += head->len;
	}
	return NULL;
}

static void live_sees_the_tag_that_the_kernel_took_out(void **state)
{
	const struct pk_hit *hit;
	struct frame f;
	struct rig r;
	int fd;

	(void)state;
	if (!live_possible())
		skip();
	fd = veth_open(1500);
	rig_open(&r);
	start_live(&r, 1);
	udp4(&f, 0x0a090001, 0x0b000001, 42, 100);
	send_frame(fd, &f);
	await_arrival(&r, 1);
	end_by_signal(&r);
	check_sums(&r, 1);
	hit = first_hit(&r);
	assert_non_null(hit);
	assert_int_equal(hit->packet.vlan, 42);
	assert_int_equal(hit->head.port, 3);
	assert_int_equal(hit->packet.bytes, 128);
	rig_close(&r);
	veth_close(fd);
}

static void live_holds_the_frames_of_a_large_mtu(void **state)
{
	struct frame f;
	struct rig r;
	int fd;

	(void)state;
	if (!live_possible())
		skip();
	fd = veth_open(9000);
	rig_open(&r);
	start_live(&r, 1);
	for (uint32_t i = 0; i < 100; i++) {
		udp4(&f, 0x0a000001, 0x0b000001, 0, 3900);
		send_frame(fd, &f);
	}
	await_arrival(&r, 100);
	end_by_signal(&r);
	check_sums(&r, 100);
	assert_int_equal(r.stats->worker[0].counters.reason[PK_PARSE_OK], 100);
	assert_int_equal(r.stats->worker[0].counters.flow_bytes, 392800);
	rig_close(&r);
	veth_close(fd);
}

static void live_does_not_see_what_is_sent(void **state)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET };
	struct rig r;
	int fd, out;

	(void)state;
	if (!live_possible())
		skip();
	fd = veth_open(1500);
	out = socket(AF_PACKET, SOCK_RAW, 0);
	to.sll_ifindex = (int)if_nametoindex("pkt1");
	assert_int_equal(bind(out, (void *)&to, sizeof(to)), 0);
	rig_open(&r);
	start_live(&r, 1);
	send_some(out, 100);
	send_some(fd, 10);
	await_arrival(&r, 10);
	end_by_signal(&r);
	check_sums(&r, 10);
	rig_close(&r);
	close(out);
	veth_close(fd);
}

static void live_starts_again_after_a_kill(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	if (!live_possible())
		skip();
	fd = veth_open(1500);
	rig_open(&r);
	start_live(&r, 2);
	send_some(fd, 300);
	await_arrival(&r, 300);
	kill(r.pid, SIGKILL);
	assert_int_equal(rig_await_end(&r), 1000 + SIGKILL);
	r.conf.conf.epoch = 2;
	start_live(&r, 2);
	send_some(fd, 200);
	await_arrival(&r, 500);
	end_by_signal(&r);
	assert_int_equal(add_up(&r).seen, 500);
	assert_int_equal(add_up(&r).reasons, 500);
	assert_int_equal(r.stats->incarnations, 2);
	rig_close(&r);
	veth_close(fd);
}

static void live_ends_when_the_daemon_leaves(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	if (!live_possible())
		skip();
	fd = veth_open(1500);
	rig_open(&r);
	start_live(&r, 1);
	assert_int_equal(pk_downlink_stop(r.down), 0);
	assert_int_equal(rig_await_end(&r), 0);
	rig_close(&r);
	veth_close(fd);
}

static void live_ends_with_a_sentence_when_the_interface_is_gone(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	if (!live_possible())
		skip();
	fd = veth_open(1500);
	rig_open(&r);
	start_live(&r, 1);
	send_some(fd, 50);
	await_arrival(&r, 50);
	veth_close(fd);
	assert_int_equal(rig_await_end(&r), 1);
	assert_non_null(strstr(r.down->said, "interface pkt1: it is gone"));
	assert_int_equal(add_up(&r).packets, 50);
	rig_close(&r);
}

static void live_refuses_with_a_sentence(void **state)
{
	int fd;

	(void)state;
	if (!live_possible())
		skip();
	refused("--name a --no-huge --vdev net_af_packet0,iface=nope",
		"interface nope: No such device");
	fd = veth_open(9000);
	refused("--name a --no-huge --vdev net_af_packet0,iface=pkt1,framesz=2048",
		"MTU 9000 needs ring frames of");
	refused("--name a --no-huge --workers 2 --vdev net_af_packet0,iface=pkt1,qpairs=1",
		"qpairs differs from --workers 2");
	refused("--name a --no-huge --vdev net_af_packet0,iface=pkt1,framesz=10000,blocksz=16384",
		"not a multiple of framesz");
	veth_close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replay_counts_every_frame_once),
		cmocka_unit_test(
			replay_gives_the_same_records_for_any_number_of_workers),
		cmocka_unit_test(replay_waits_for_the_slowest_queue),
		cmocka_unit_test(replay_of_nothing_ends),
		cmocka_unit_test(replay_says_that_a_capture_is_short),
		cmocka_unit_test(replay_ends_when_nobody_listens),
		cmocka_unit_test(refuses_with_a_sentence),
		cmocka_unit_test(refuses_nonsense_on_the_command_line),
		cmocka_unit_test(live_counts_what_was_sent_to_one_worker),
		cmocka_unit_test(live_counts_what_was_sent_to_two_workers),
		cmocka_unit_test(live_counts_what_the_kernel_dropped),
		cmocka_unit_test(live_sees_the_tag_that_the_kernel_took_out),
		cmocka_unit_test(live_holds_the_frames_of_a_large_mtu),
		cmocka_unit_test(live_does_not_see_what_is_sent),
		cmocka_unit_test(live_starts_again_after_a_kill),
		cmocka_unit_test(live_ends_when_the_daemon_leaves),
		cmocka_unit_test(
			live_ends_with_a_sentence_when_the_interface_is_gone),
		cmocka_unit_test(live_refuses_with_a_sentence),
	};

	return cmocka_run_group_tests_name("dpdk_plane", tests, NULL, NULL);
}
