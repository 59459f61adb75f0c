/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/file/capture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum {
	FILE_MAX = 4096,
	MAGIC_US = 0xa1b2c3d4,
	MAGIC_NS = 0xa1b23c4d,
	ETHERNET = 1,
	FRAME = 20, /* bytes of each packet that the tests write */
};

/* A capture file under construction, in either byte order. */
struct made {
	uint8_t bytes[FILE_MAX];
	size_t len;
	bool big;
	char path[32];
};

static void add(struct made *m, uint64_t value, size_t size)
{
	assert_true(m->len + size <= FILE_MAX);
	for (size_t i = 0; i < size; i++) {
		size_t shift = 8 * (m->big ? size - 1 - i : i);

		m->bytes[m->len++] = (uint8_t)(value >> shift);
	}
}

static void pcap_header(struct made *m, uint32_t magic, uint32_t link)
{
	add(m, magic, 4);
	add(m, 2, 2);
	add(m, 4, 2);
	add(m, 0, 8);
	add(m, 65535, 4);
	add(m, link, 4);
}

/* Bytes of a packet: an Ethernet header (or cooked nonsense) and @n. */
static void packet(struct made *m, uint8_t n)
{
	for (size_t i = 0; i < FRAME; i++)
		add(m, i == 12 ? 8 : n, 1);
}

static void pcap_record(struct made *m, uint32_t sec, uint32_t fraction,
			uint8_t n)
{
	add(m, sec, 4);
	add(m, fraction, 4);
	add(m, FRAME, 4);
	add(m, FRAME, 4);
	packet(m, n);
}

/* A microsecond Ethernet file of @records packets. */
static struct made plain(uint8_t records)
{
	struct made m = { .len = 0 };

	pcap_header(&m, MAGIC_US, ETHERNET);
	for (uint8_t i = 1; i <= records; i++)
		pcap_record(&m, 1500000000, i, i);
	return m;
}

/* Section header, and an interface with if_tsresol @resol. */
static void pcapng_header(struct made *m, uint8_t resol)
{
	add(m, 0x0a0d0d0a, 4);
	add(m, 28, 4);
	add(m, 0x1a2b3c4d, 4);
	add(m, 1, 2);
	add(m, 0, 2);
	add(m, UINT64_MAX, 8);
	add(m, 28, 4);

	add(m, 1, 4);
	add(m, 32, 4);
	add(m, ETHERNET, 2);
	add(m, 0, 2);
	add(m, 65535, 4);
	add(m, 9, 2);
	add(m, 1, 2);
	add(m, resol, 1);
	add(m, 0, 3);
	add(m, 0, 4);
	add(m, 32, 4);
}

static void pcapng_packet(struct made *m, uint64_t ticks, uint8_t n)
{
	add(m, 6, 4);
	add(m, 32 + FRAME, 4);
	add(m, 0, 4);
	add(m, ticks >> 32, 4);
	add(m, ticks & UINT32_MAX, 4);
	add(m, FRAME, 4);
	add(m, FRAME, 4);
	packet(m, n);
	add(m, 32 + FRAME, 4);
}

static void save(struct made *m)
{
	int fd;

	strcpy(m->path, "/tmp/pk-capture-XXXXXX");
	fd = mkstemp(m->path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, m->bytes, m->len), m->len);
	close(fd);
}

static struct pk_capture *open_made(struct made *m)
{
	struct pk_capture *c = NULL;
	char why[512] = "";

	save(m);
	if (pk_capture_open(&c, m->path, why, sizeof why) != 0)
		fail_msg("%s", why);
	assert_int_equal(unlink(m->path), 0);
	return c;
}

/* The file must be refused at opening with @error and @word in the reason. */
static void refused(struct made *m, int error, const char *word)
{
	struct pk_capture *c = NULL;
	char why[512] = "";

	save(m);
	assert_int_equal(pk_capture_open(&c, m->path, why, sizeof why), error);
	assert_null(c);
	assert_int_equal(unlink(m->path), 0);
	assert_non_null(strstr(why, m->path));
	if (!strstr(why, word))
		fail_msg("\"%s\" does not say \"%s\"", why, word);
}

/* @good frames, then the damage with @word in a sentence that counts them. */
static void breaks_after(struct made *m, uint8_t good, const char *word)
{
	struct pk_capture *c = open_made(m);
	struct pk_frame f;
	char count[32];

	for (uint8_t i = 1; i <= good; i++) {
		assert_int_equal(pk_capture_next(c, &f), 1);
		assert_int_equal(f.number, i);
		assert_int_equal(f.len, FRAME);
		assert_int_equal(f.data[0], i);
		assert_string_equal(pk_capture_error(c), "");
	}
	assert_int_equal(pk_capture_next(c, &f), -EBADMSG);
	assert_int_equal(pk_capture_next(c, &f), -EBADMSG);
	snprintf(count, sizeof count, "packet %u:", good);
	assert_non_null(strstr(pk_capture_error(c), m->path));
	assert_non_null(strstr(pk_capture_error(c), count));
	if (!strstr(pk_capture_error(c), word))
		fail_msg("\"%s\" does not say \"%s\"", pk_capture_error(c),
			 word);
	pk_capture_close(c);
}

static void next_is(struct pk_capture *c, uint64_t number, uint64_t ts_ns)
{
	struct pk_frame f;

	assert_int_equal(pk_capture_next(c, &f), 1);
	assert_int_equal(f.number, number);
	assert_int_equal(f.ts_ns, ts_ns);
	assert_int_equal(f.link, PK_LINK_OK);
	assert_int_equal(f.len, FRAME);
	assert_int_equal(f.wire_len, FRAME);
	assert_int_equal(f.data[0], number);
}

static void ends(struct pk_capture *c)
{
	struct pk_frame f;

	assert_int_equal(pk_capture_next(c, &f), 0);
	assert_int_equal(pk_capture_next(c, &f), 0);
	assert_string_equal(pk_capture_error(c), "");
	pk_capture_close(c);
}

static void reads_pcap_in_both_orders_and_units(void **state)
{
	static const uint32_t magics[] = { MAGIC_US, MAGIC_NS };

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct made m = { .big = i & 1 };
		uint32_t magic = magics[i >> 1];
		uint32_t unit = magic == MAGIC_US ? 1 : 1000;
		struct pk_capture *c;

		pcap_header(&m, magic, ETHERNET);
		pcap_record(&m, 1500000000, 123456 * unit, 1);
		pcap_record(&m, 1500000001, 999999 * unit + unit - 1, 2);
		c = open_made(&m);
		next_is(c, 1, 1500000000123456000);
		next_is(c, 2, 1500000001999999000);
		ends(c);
	}
}

static void reads_pcapng_in_both_orders_and_any_resolution(void **state)
{
	static const struct {
		uint8_t resol;
		uint64_t ticks, ts_ns;
	} clocks[] = {
		{ 6, 1500000000123456, 1500000000123456000 },
		{ 9, 1500000000123456789, 1500000000123456000 },
		{ 3, 1500000000123, 1500000000123000000 },
		{ 0, 1500000000, 1500000000000000000 },
		{ 0x80 | 10, (1500000000ull << 10) + 512, 1500000000500000000 },
		{ 6, 5000000000123456, 5000000000123456000 },
		{ 9, 18000000000000000999u, 18000000000000000000u },
	};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof clocks / sizeof *clocks; i++) {
		struct made m = { .big = i & 1 };
		struct pk_capture *c;

		pcapng_header(&m, clocks[i / 2].resol);
		pcapng_packet(&m, clocks[i / 2].ticks, 1);
		c = open_made(&m);
		next_is(c, 1, clocks[i / 2].ts_ns);
		ends(c);
	}
}

static void time_goes_on_after_2038(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct made m = { .big = i & 1 };
		struct pk_capture *c;

		pcap_header(&m, i & 2 ? MAGIC_NS : MAGIC_US, ETHERNET);
		pcap_record(&m, INT32_MAX, 0, 1);
		pcap_record(&m, INT32_MAX + 1u, 0, 2);
		pcap_record(&m, UINT32_MAX, 0, 3);
		c = open_made(&m);
		next_is(c, 1, 2147483647000000000);
		next_is(c, 2, 2147483648000000000);
		next_is(c, 3, 4294967295000000000);
		ends(c);
	}
}

static void a_fraction_beyond_the_second_stays_in_its_second(void **state)
{
	struct made m = { .len = 0 };
	struct pk_capture *c;

	(void)state;
	pcap_header(&m, MAGIC_US, ETHERNET);
	pcap_record(&m, 1500000000, 1000000, 1);
	pcap_record(&m, 1500000000, UINT32_MAX, 2);
	c = open_made(&m);
	next_is(c, 1, 1500000000999999000);
	next_is(c, 2, 1500000000999999000);
	ends(c);
}

static void a_header_alone_is_an_empty_capture(void **state)
{
	struct made m = plain(0);

	(void)state;
	ends(open_made(&m));
}

static void refuses_what_is_no_capture(void **state)
{
	struct made empty = { .len = 0 }, bad = plain(3);

	(void)state;
	refused(&empty, -EBADMSG, "truncated");
	bad.bytes[0] ^= 0xff;
	refused(&bad, -EBADMSG, "unknown file format");
}

static void refuses_every_cut_of_the_header(void **state)
{
	(void)state;
	for (size_t n = 0; n < 24; n++) {
		struct made m = plain(1);

		m.len = n;
		refused(&m, -EBADMSG, "truncated");
	}
}

static void names_a_link_type_that_it_cannot_read(void **state)
{
	struct made m = { .len = 0 };

	(void)state;
	pcap_header(&m, MAGIC_US, 105);
	pcap_record(&m, 1500000000, 0, 1);
	refused(&m, -EPROTONOSUPPORT, "105 (IEEE802_11)");
}

static void names_a_file_that_is_not_there(void **state)
{
	struct pk_capture *c = NULL;
	char why[512], small[8];

	(void)state;
	assert_int_equal(pk_capture_open(&c, "/no/such.pcap", why, 512),
			 -ENOENT);
	assert_string_equal(why, "capture /no/such.pcap: cannot be opened: "
				 "No such file or directory");
	assert_int_equal(pk_capture_open(&c, "/no/such.pcap", small, 8),
			 -ENOENT);
	assert_string_equal(small, "capture");
	assert_int_equal(pk_capture_open(&c, "/no/such.pcap", NULL, 0),
			 -ENOENT);
	assert_int_equal(pk_capture_open(&c, "", why, 512), -EINVAL);
	assert_null(c);
	pk_capture_close(NULL);
}

static void gives_the_frames_before_every_cut(void **state)
{
	const size_t record = 16 + FRAME;

	(void)state;
	for (size_t n = 1; n < 3 * record; n++) {
		struct made m = plain(3);

		if (n % record == 0)
			continue;
		m.len = 24 + n;
		breaks_after(&m, (uint8_t)(n / record), "truncated");
	}
}

static void gives_the_frames_before_every_cut_of_pcapng(void **state)
{
	struct made whole = { .len = 0 };
	size_t head, block = 32 + FRAME;

	(void)state;
	pcapng_header(&whole, 6);
	head = whole.len;
	pcapng_packet(&whole, 1, 1);
	pcapng_packet(&whole, 2, 2);
	for (size_t n = 1; n < 2 * block; n++) {
		struct made m = whole;

		if (n % block == 0)
			continue;
		m.len = head + n;
		breaks_after(&m, (uint8_t)(n / block), "truncated");
	}
}

static void a_captured_length_of_4_gib_is_damage(void **state)
{
	struct made m = plain(2);

	(void)state;
	add(&m, 1500000000, 8);
	add(&m, UINT32_MAX, 4);
	add(&m, UINT32_MAX, 4);
	packet(&m, 3);
	breaks_after(&m, 2, "4294967295");
}

static void more_captured_than_sent_counts_as_sent(void **state)
{
	struct made m = plain(1);
	struct pk_capture *c;
	struct pk_frame f;

	(void)state;
	m.bytes[24 + 12] = 3; /* the wire length */
	c = open_made(&m);
	assert_int_equal(pk_capture_next(c, &f), 1);
	assert_int_equal(f.len, FRAME);
	assert_int_equal(f.wire_len, FRAME);
	ends(c);
}

static void a_snapshot_keeps_its_length_on_the_wire(void **state)
{
	struct made m = plain(1);
	struct pk_capture *c;
	struct pk_frame f;

	(void)state;
	m.bytes[24 + 12] = 0xdc; /* the wire length: 1,500 */
	m.bytes[24 + 13] = 0x05;
	c = open_made(&m);
	assert_int_equal(pk_capture_next(c, &f), 1);
	assert_int_equal(f.len, FRAME);
	assert_int_equal(f.wire_len, 1500);
	ends(c);
}

static void other_links_become_ethernet_and_add_no_bytes(void **state)
{
	struct made m = { .len = 0 };
	struct pk_capture *c;
	struct pk_frame f;

	(void)state;
	pcap_header(&m, MAGIC_US, 101);
	pcap_record(&m, 1, 0, 0x45);
	pcap_record(&m, 2, 0, 0x11);
	c = open_made(&m);
	assert_string_equal(pk_capture_link_name(c), "RAW");
	assert_int_equal(pk_capture_link(c), PK_LINK_TYPE_RAW);

	assert_int_equal(pk_capture_next(c, &f), 1);
	assert_int_equal(f.len, FRAME + 14);
	assert_int_equal(f.wire_len, FRAME + 14);
	assert_int_equal(f.link_delta, 14);
	assert_int_equal(f.data[14], 0x45);

	assert_int_equal(pk_capture_next(c, &f), 1);
	assert_int_equal(f.link, PK_LINK_VERSION);
	assert_null(f.data);
	assert_int_equal(f.len, 0);
	assert_int_equal(f.link_delta, 0);
	assert_int_equal(f.wire_len, FRAME);
	assert_int_equal(f.number, 2);
	assert_int_equal(f.ts_ns, 2000000000);
	ends(c);
}

/* Runs in a child of its own: standard input is the file. */
static int read_standard_input(void)
{
	struct pk_capture *c;
	struct pk_frame f;
	char why[512];
	int frames = 0;

	if (pk_capture_open(&c, "-", why, sizeof why) != 0)
		return 100;
	while (pk_capture_next(c, &f) == 1)
		frames++;
	if (!strstr(pk_capture_error(c), "(standard input)"))
		frames = 101;
	pk_capture_close(c);
	return frames;
}

static void reads_standard_input_through_a_pipe(void **state)
{
	struct made m = plain(5);
	int ends_of_pipe[2], status;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(ends_of_pipe), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		dup2(ends_of_pipe[0], STDIN_FILENO);
		close(ends_of_pipe[0]);
		close(ends_of_pipe[1]);
		_exit(read_standard_input());
	}
	close(ends_of_pipe[0]);
	/* One byte is missing, so that the error has a file to name. */
	assert_int_equal(write(ends_of_pipe[1], m.bytes, m.len - 1), m.len - 1);
	close(ends_of_pipe[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), 4);
}

/* What came of the captures that others made. */
struct tally {
	unsigned int files, damaged, unread, other_links;
	uint64_t frames, refused;
};

/* How many packets libpcap gives, whatever becomes of them. */
static void read_shared(const char *path, uint64_t expected, struct tally *t)
{
	struct pk_capture *c;
	struct pk_frame f;
	uint64_t count = 0;
	char why[512];
	int got;

	t->files++;
	got = pk_capture_open(&c, path, why, sizeof why);
	if (got) {
		t->other_links += got == -EPROTONOSUPPORT;
		t->unread += got == -EBADMSG;
		assert_true(got == -EPROTONOSUPPORT || got == -EBADMSG);
		return;
	}
	while ((got = pk_capture_next(c, &f)) == 1) {
		assert_int_equal(f.number, ++count);
		t->refused += f.link != PK_LINK_OK;
	}
	t->frames += count;
	t->damaged += got == -EBADMSG;
	if (got < 0 && !strstr(pk_capture_error(c), path))
		fail_msg("no name in: %s", pk_capture_error(c));
	if (got == 0 && count != expected)
		fail_msg("%s: %llu frames, capinfos says %llu", path,
			 (unsigned long long)count,
			 (unsigned long long)expected);
	if (got < 0 && count > expected)
		fail_msg("%s: more frames than capinfos found", path);
	pk_capture_close(c);
}

/* The two members of a fact that matter here; false if one is absent. */
static bool read_fact(const char *line, unsigned long long *packets,
		      char path[512])
{
	const char *count = strstr(line, "\"packets\": \"");
	const char *name = strstr(line, "\"path\": \"");

	return strstr(line, "\"capinfos\": {") && count && name &&
	       sscanf(count, "\"packets\": \"%llu\"", packets) == 1 &&
	       sscanf(name, "\"path\": \"%511[^\"]\"", path) == 1;
}

static void delivers_every_packet_that_capinfos_counts(void **state)
{
	const char *shared = getenv("PK_SHARED");
	unsigned long long packets;
	char name[512], path[1024], *line = NULL;
	struct tally t = { 0 };
	size_t room = 0;
	FILE *facts;

	(void)state;
	shared = shared ? shared : "../shared";
	snprintf(path, sizeof path, "%s/captures/facts.jsonl", shared);
	facts = fopen(path, "r");
	if (!facts) {
		print_message("SKIPPED: no %s (set PK_SHARED)\n", path);
		skip();
	}
	while (getline(&line, &room, facts) > 0) {
		if (!read_fact(line, &packets, name))
			continue;
		snprintf(path, sizeof path, "%s/%s", shared, name);
		read_shared(path, packets, &t);
	}
	free(line);
	fclose(facts);
	print_message("%u captures: %llu frames, of them %llu not Ethernet; "
		      "%u damaged, %u not for libpcap, %u of other links\n",
		      t.files, (unsigned long long)t.frames,
		      (unsigned long long)t.refused, t.damaged, t.unread,
		      t.other_links);
	assert_true(t.files > 1000);
	assert_true(t.frames > 90000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_pcap_in_both_orders_and_units),
		cmocka_unit_test(
			reads_pcapng_in_both_orders_and_any_resolution),
		cmocka_unit_test(time_goes_on_after_2038),
		cmocka_unit_test(
			a_fraction_beyond_the_second_stays_in_its_second),
		cmocka_unit_test(a_header_alone_is_an_empty_capture),
		cmocka_unit_test(refuses_what_is_no_capture),
		cmocka_unit_test(refuses_every_cut_of_the_header),
		cmocka_unit_test(names_a_link_type_that_it_cannot_read),
		cmocka_unit_test(names_a_file_that_is_not_there),
		cmocka_unit_test(gives_the_frames_before_every_cut),
		cmocka_unit_test(gives_the_frames_before_every_cut_of_pcapng),
		cmocka_unit_test(a_captured_length_of_4_gib_is_damage),
		cmocka_unit_test(more_captured_than_sent_counts_as_sent),
		cmocka_unit_test(a_snapshot_keeps_its_length_on_the_wire),
		cmocka_unit_test(other_links_become_ethernet_and_add_no_bytes),
		cmocka_unit_test(reads_standard_input_through_a_pipe),
		cmocka_unit_test(delivers_every_packet_that_capinfos_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
