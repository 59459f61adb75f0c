/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stream under all feeds: gzip, encodings, lines, rows, limits, totals.
 * Formats have tests of their own.
 */
#include <malloc.h>
#include <time.h>

#include <zlib.h>

#include "tests/feed_log_rig.h"

#include "ioc/feed/reader.h"
#include "ioc/range.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static struct feed_log log_;

static struct pk_feed_options with(enum pk_feed_format format)
{
	struct pk_feed_options options;

	pk_feed_options_init(&options);
	options.format = format;
	return options;
}

static void read_lines(const char *text)
{
	struct pk_feed_options options = with(PK_FEED_LINES);

	log_.terse = 1;
	log_.answer = 0;
	feed_read_both(&log_, &options, text);
}

static void line_ends_bom_and_blanks_are_understood(void **state)
{
	(void)state;
	read_lines("\xef\xbb\xbf# one\r\n\r\n \t \r\n192.0.2.1\r\n"
		   "  192.0.2.2\t\n\n192.0.2.3");
	assert_string_equal(log_.text, "+ipv4-addr 192.0.2.1\n"
				       "+ipv4-addr 192.0.2.2\n"
				       "+ipv4-addr 192.0.2.3\n");
	assert_int_equal(log_.stats.lines, 7);
	assert_int_equal(log_.stats.blank, 3);
	assert_int_equal(log_.stats.comments, 1);
	assert_int_equal(log_.stats.accepted, 3);
	assert_string_equal(log_.broken, "");
}

static void an_empty_feed_is_a_feed(void **state)
{
	struct pk_feed_options options = with(PK_FEED_AUTO);

	(void)state;
	feed_read_both(&log_, &options, "");
	assert_int_equal(log_.stats.records, 0);
	assert_int_equal(log_.format, PK_FEED_LINES);
	assert_string_equal(log_.broken, "");
	feed_read_both(&log_, &options, "\n");
	assert_int_equal(log_.stats.blank, 1);
}

/* --- what is no feed ------------------------------------------------------ */

static void what_is_no_text_is_refused_by_name(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *why;
	} rows[] = {
		{ "\xff\xfe"
		  "1\0.\0",
		  6, "UTF-16" },
		{ "\xfe\xff\0"
		  "1\0.",
		  6, "UTF-16" },
		{ "1\0.\0002\0.\0003\0", 10, "UTF-16" },
		{ "<!DOCTYPE html><p>", 18, "web page" },
		{ " \r\n<html>", 9, "web page" },
		{ "\xef\xbb\xbf<HTML>", 9, "web page" },
		{ "<?xml version", 13, "web page" },
		{ "PK\3\4.......", 11, "ZIP" },
		{ "BZh91AY", 7, "bzip2" },
		{ "\xfd"
		  "7zXZ\0",
		  6, "xz" },
		{ "\x28\xb5\x2f\xfd\4", 5, "zstd" },
	};
	static const enum pk_feed_format formats[] = { PK_FEED_AUTO,
						       PK_FEED_LINES,
						       PK_FEED_STIX };

	(void)state;
	for (size_t i = 0; i < LEN(rows); i++)
		for (size_t k = 0; k < LEN(formats); k++) {
			struct pk_feed_options options = with(formats[k]);

			feed_read(&log_, &options, rows[i].bytes, rows[i].len,
				  1 + i % 3);
			if (!strstr(log_.broken, rows[i].why))
				fail_msg("row %zu: \"%s\"", i, log_.broken);
			assert_int_equal(log_.stats.records, 0);
		}
}

static void binary_garbage_is_refused_line_by_line(void **state)
{
	struct pk_feed_options options = with(PK_FEED_AUTO);
	static char bytes[60000];
	uint64_t refused;

	(void)state;
	srandom(3);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)random();
	/* Neither gzip nor UTF-16, by chance. */
	bytes[0] = 'x';
	log_.terse = 1;
	log_.len = 0;
	feed_read(&log_, &options, bytes, sizeof(bytes), 777);
	refused = pk_feed_refused(&log_.stats);
	assert_true(refused > 100);
	assert_true(log_.stats.refused[PK_REFUSED_CONTROL] > refused / 2);
	assert_int_equal(log_.stats.accepted, 0);
}

static void control_characters_are_refused(void **state)
{
	(void)state;
	read_lines("192.0.2.1\x01\n192.0.2.2\r.\n192.0.2.3\x7f\n"
		   "long enough for eight bytes at once \x1b[2J\n"
		   "192.0.2.4\n");
	assert_string_equal(log_.text, "-1:0 control\n-2:0 control\n"
				       "-3:0 control\n-4:0 control\n"
				       "+ipv4-addr 192.0.2.4\n");
	{
		struct pk_feed_options options = with(PK_FEED_LINES);

		feed_read(&log_, &options, "192.0.2.1\0\n192.0.2.2\n", 21, 3);
		assert_string_equal(log_.text,
				    "-1:0 control\n+ipv4-addr 192.0.2.2\n");
	}
}

/* --- limits --------------------------------------------------------------- */

static void long_lines_are_skipped_whole(void **state)
{
	static char text[3 * PK_FEED_LINE_MAX];
	struct pk_feed_options options = with(PK_FEED_LINES);
	static const size_t pieces[] = { 1,	4096,	65535,	65536,
					 65537, 131072, 1 << 20 };

	(void)state;
	for (size_t extra = 0; extra < 4; extra++) {
		size_t len = PK_FEED_LINE_MAX + extra - 1, n;

		n = (size_t)sprintf(text, "192.0.2.1\n#");
		memset(text + n, 'x', len - 1);
		n += len - 1;
		n += (size_t)sprintf(text + n, "\r\n192.0.2.2\n");
		for (size_t i = 0; i < LEN(pieces); i++) {
			feed_read(&log_, &options, text, n, pieces[i]);
			assert_int_equal(log_.stats.lines, 3);
			assert_int_equal(log_.stats.accepted, 2);
			assert_int_equal(log_.stats.comments,
					 len <= PK_FEED_LINE_MAX);
			assert_int_equal(
				log_.stats.refused[PK_REFUSED_LINE_LONG],
				len > PK_FEED_LINE_MAX);
		}
	}
}

/* G07: memory is that of the feed, whatever comes. */
static void a_line_of_ten_mebibytes_is_one_refusal(void **state)
{
	struct pk_feed_options options = with(PK_FEED_LINES);
	size_t len = 10 << 20;
	char *text = malloc(len + 32);

	(void)state;
	assert_non_null(text);
	memset(text, 'a', len);
	strcpy(text + len, "\n192.0.2.1\n");
	feed_read(&log_, &options, text, len + 11, 50000);
	assert_int_equal(log_.stats.lines, 2);
	assert_int_equal(log_.stats.refused[PK_REFUSED_LINE_LONG], 1);
	assert_string_equal(log_.text,
			    "-1:0 line_long\n+ipv4-addr 192.0.2.1\n");
	/* Without its end, too. */
	feed_read(&log_, &options, text, len, 50000);
	assert_int_equal(log_.stats.records, 1);
	free(text);
}

/* --- gzip ----------------------------------------------------------------- */

/* The same, compressed. Returns its length. */
static size_t gzip(const char *text, size_t len, uint8_t *out, size_t room)
{
	z_stream z = { 0 };

	assert_int_equal(
		deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY),
		Z_OK);
	z.next_in = (Bytef *)text;
	z.avail_in = (uInt)len;
	z.next_out = out;
	z.avail_out = (uInt)room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return room - z.avail_out;
}

static void gzip_is_undone_in_pieces_and_members(void **state)
{
	static const char first[] = "192.0.2.1\n192.0.", second[] = "2.2\n";
	struct pk_feed_options options = with(PK_FEED_AUTO);
	uint8_t bytes[512];
	size_t n;

	(void)state;
	n = gzip(first, strlen(first), bytes, sizeof(bytes));
	n += gzip(second, strlen(second), bytes + n, sizeof(bytes) - n);
	memset(bytes + n, 0, 16); /* padding, as from tape */
	for (size_t piece = 1; piece <= n + 16; piece++) {
		feed_read(&log_, &options, (char *)bytes, n + 16, piece);
		assert_string_equal(log_.broken, "");
		assert_string_equal(log_.text, "+ipv4-addr 192.0.2.1\n"
					       "+ipv4-addr 192.0.2.2\n");
		assert_int_equal(log_.stats.bytes, n + 16);
		assert_int_equal(log_.stats.text_bytes, 20);
	}
}

static void broken_gzip_is_told(void **state)
{
	static const char text[] = "192.0.2.1\n192.0.2.2\n192.0.2.3\n";
	struct pk_feed_options options = with(PK_FEED_LINES);
	uint8_t bytes[512];
	size_t n = gzip(text, strlen(text), bytes, sizeof(bytes));

	(void)state;
	for (size_t cut = 2; cut < n; cut++) {
		feed_read(&log_, &options, (char *)bytes, cut, 7);
		assert_non_null(strstr(log_.broken, "ends inside gzip"));
	}
	/* Behind padding comes nothing. */
	memset(bytes + n, 0, 4);
	memcpy(bytes + n + 4, bytes, n);
	feed_read(&log_, &options, (char *)bytes, 2 * n + 4, 5);
	assert_non_null(strstr(log_.broken, "broken gzip"));
	bytes[n] = 'x';
	feed_read(&log_, &options, (char *)bytes, n + 1, 5);
	assert_non_null(strstr(log_.broken, "broken gzip"));
	bytes[n - 5] ^= 1; /* the checksum */
	feed_read(&log_, &options, (char *)bytes, n, 1000);
	assert_non_null(strstr(log_.broken, "broken gzip"));
	/* One byte is text. */
	feed_read(&log_, &options, "\x1f", 1, 1);
	assert_string_equal(log_.broken, "");
	assert_int_equal(log_.stats.refused[PK_REFUSED_CONTROL], 1);
}

static void half_a_line_of_broken_gzip_is_no_value(void **state)
{
	struct pk_feed_options options = with(PK_FEED_LINES);
	static char text[40000];
	static uint8_t bytes[65536];
	size_t len = 0, n;

	(void)state;
	for (unsigned i = 0; i < 2000; i++)
		len += (size_t)sprintf(text + len, "192.0.%u.%u\n", i / 256,
				       i % 256);
	n = gzip(text, len, bytes, sizeof(bytes));
	log_.terse = 1;
	feed_read(&log_, &options, (char *)bytes, n / 2, 100);
	assert_non_null(strstr(log_.broken, "ends inside"));
	assert_int_equal(log_.stats.refused[PK_REFUSED_ADDRESS], 0);
	assert_int_equal(log_.stats.accepted, log_.stats.lines);
}

static void a_gzip_bomb_is_only_read_through(void **state)
{
	struct pk_feed_options options = with(PK_FEED_LINES);
	size_t len = 64 << 20;
	char *zeros = calloc(1, len);
	uint8_t *bytes = malloc(1 << 20);
	size_t n;

	(void)state;
	assert_non_null(zeros);
	assert_non_null(bytes);
	n = gzip(zeros, len, bytes, 1 << 20);
	assert_true(n < 100000);
	feed_read(&log_, &options, (char *)bytes, n, 1000);
	/* Zero bytes look like UTF-16 in neither order; one long line. */
	assert_int_equal(log_.stats.records, 1);
	assert_int_equal(log_.stats.refused[PK_REFUSED_LINE_LONG], 1);
	assert_int_equal(log_.stats.text_bytes, len);
	free(bytes);
	free(zeros);
}

/* --- many ----------------------------------------------------------------- */

static int count_only(void *arg, const struct pk_indicator *ind)
{
	*(uint64_t *)arg += ind->addr.b[15];
	return 0;
}

/* G07: 5,000,000 lines, and the feed's memory is what it was at first. */
static void five_million_lines_take_no_memory(void **state)
{
	struct pk_feed_options options = with(PK_FEED_LINES);
	struct pk_feed_sink sink = { .accept = count_only };
	static char text[1 << 16];
	uint64_t sum = 0, want = 0;
	struct pk_feed *f;
	size_t len = 0;

	(void)state;
	sink.arg = &sum;
	assert_int_equal(pk_feed_open(&f, &options, 0, &sink), 0);
	for (uint32_t i = 0; i < 5000000; i++) {
		len += (size_t)sprintf(text + len, "10.%u.%u.%u\n", i >> 16,
				       i >> 8 & 255, i & 255);
		want += i & 255;
		if (len < sizeof(text) - 32)
			continue;
		pk_feed_push(f, text, len);
		len = 0;
	}
	pk_feed_push(f, text, len);
	pk_feed_finish(f);
	assert_int_equal(pk_feed_stats(f)->accepted, 5000000);
	assert_int_equal(pk_feed_stats(f)->lines, 5000000);
	assert_true(sum == want);
	pk_feed_close(f);
}

static void kept_texts_are_no_leak(void **state)
{
	struct pk_feed_options options = with(PK_FEED_DROP);
	struct pk_feed_sink sink = { .accept = count_only };
	char row[64];
	uint64_t sum = 0;
	struct pk_feed *f;
	size_t before = 0;

	(void)state;
	sink.arg = &sum;
	assert_int_equal(pk_feed_open(&f, &options, 0, &sink), 0);
	for (unsigned i = 0; i < 100000; i++) {
		int n = sprintf(row, "10.%u.%u.0/24 ; SBL%u\n", i >> 8 & 255,
				i & 255, i);

		pk_feed_push(f, row, (size_t)n);
		if (i == 1000)
			before = mallinfo2().uordblks;
	}
	assert_true(mallinfo2().uordblks - before < 4096);
	pk_feed_finish(f);
	pk_feed_close(f);
}

/* R15: many prefixes, CRLF, quoted commas, short rows, 0.0.0.0/0. */
static void a_million_prefixes_load_and_errors_are_counted(void **state)
{
	struct pk_feed_options options = with(PK_FEED_SDN);
	struct pk_feed_sink sink = { .accept = count_only };
	char row[64];
	uint64_t sum = 0;
	struct pk_feed *f;

	(void)state;
	sink.arg = &sum;
	assert_int_equal(pk_feed_open(&f, &options, 0, &sink), 0);
	for (uint32_t i = 0; i < 1000000; i++) {
		int n = i % 1000 ? sprintf(row,
					   "%u,cidr,\"a, b\",,,"
					   "%u.%u.%u.0/24\r\n",
					   i, 1 + (i >> 16), i >> 8 & 255,
					   i & 255)
				 : sprintf(row, "%u,cidr,short\r\n", i);

		pk_feed_push(f, row, (size_t)n);
	}
	pk_feed_push(f, "1,cidr,all,,,0.0.0.0/0\r\n", 24);
	pk_feed_finish(f);
	assert_int_equal(pk_feed_stats(f)->accepted, 999001);
	assert_int_equal(pk_feed_stats(f)->refused[PK_REFUSED_COLUMNS_FEW],
			 1000);
	assert_int_equal(pk_feed_refused(pk_feed_stats(f)), 1000);
	pk_feed_close(f);
}

static void random_bytes_close_the_ledger_in_every_format(void **state)
{
	static const char some[] =
		"1,ip,c,1.2.3.4,,\"\n\r#\0 domain.xn--\xff{}[]:|^$@;/-\t=";
	static char text[3000];

	(void)state;
	srandom(7);
	for (int round = 0; round < 600; round++) {
		struct pk_feed_options options = with(
			(enum pk_feed_format)(round % PK_FEED_FORMAT_COUNT));

		for (size_t i = 0; i < sizeof(text); i++)
			text[i] = some[(size_t)random() % (sizeof(some) - 1)];
		log_.terse = 1;
		feed_read(&log_, &options, text, sizeof(text),
			  1 + (size_t)random() % 100);
	}
}

/* --- rows ----------------------------------------------------------------- */

static void rows(const char *text)
{
	struct pk_feed_options options = with(PK_FEED_MISP_CSV);

	log_.terse = 1;
	feed_read_both(&log_, &options, text);
}

static const char header[] = "uuid,event_id,category,type,value,comment,to_ids,"
			     "date\n";

static void a_quoted_row_spans_lines(void **state)
{
	char text[2048];

	(void)state;
	snprintf(text, sizeof(text), "%s%s", header,
		 "\"u\",1,\"n\",\"ip-dst\",\"192.0.2.1\",\"a\nb\r\n\"\"c\"\"\","
		 "1,1\n"
		 "\"u\",1,\"n\",\"ip-dst\",\"192.0.2.2\",\"\",1,1\n");
	rows(text);
	assert_string_equal(log_.text, "+ipv4-addr 192.0.2.1\n"
				       "+ipv4-addr 192.0.2.2\n");
	assert_int_equal(log_.stats.lines, 5);
	assert_int_equal(log_.stats.records, 3);
}

static void a_stray_quotation_mark_costs_its_own_line(void **state)
{
	char *text = malloc(400000);
	size_t n = 0;

	(void)state;
	assert_non_null(text);
	n += (size_t)sprintf(text + n,
			     "%s\"u\",1,\"n\",\"ip-dst\",\"192.0.2.1,"
			     "1,1\n",
			     header);
	for (int i = 0; i < 2000; i++)
		n += (size_t)sprintf(text + n,
				     "u,1,n,ip-dst,192.0.2.%d,%040d,1,1\n",
				     i % 200, i);
	rows(text);
	assert_int_equal(log_.stats.refused[PK_REFUSED_QUOTES], 1);
	assert_int_equal(log_.stats.accepted, 2000);
	assert_int_equal(log_.stats.lines, 2002);
	/* At the end of a short file. */
	sprintf(text,
		"%su,1,n,ip-dst,\"192.0.2.1,,1,1\n"
		"u,1,n,ip-dst,192.0.2.2,,1,1\n",
		header);
	rows(text);
	assert_string_equal(log_.text, "-2:0 quotes\n+ipv4-addr 192.0.2.2\n");
	free(text);
}

/* Cutting a row must not depend on where pieces end. */
static void rows_are_the_same_in_all_pieces(void **state)
{
	static const char some[] = "\"\"\",a\n\n \r#";
	struct pk_feed_options options = with(PK_FEED_MISP_CSV);
	static char text[200000], whole[sizeof(log_.text)];
	struct pk_feed_stats stats;

	(void)state;
	srandom(5);
	for (int round = 0; round < 40; round++) {
		size_t n = (size_t)sprintf(text, "%s", header);
		size_t len = round % 4 ? 3000 : sizeof(text) - 1;

		for (; n < len; n++)
			text[n] = round % 8 == 0 ? (random() % 3000 ? 'x' : '"')
						 : some[(size_t)random() %
							(sizeof(some) - 1)];
		if (round % 8 == 0)
			for (size_t i = 300; i < len;
			     i += 1000 + (size_t)random() % 90000)
				text[i] = '\n';
		log_.terse = 1;
		if (len > 3000 && round % 8)
			continue; /* too many refusals for the log */
		feed_read(&log_, &options, text, len, len);
		strcpy(whole, log_.text);
		stats = log_.stats;
		for (size_t piece = 1000; piece < 90000; piece += 8777) {
			feed_read(&log_, &options, text, len, piece);
			assert_string_equal(whole, log_.text);
			assert_memory_equal(&stats, &log_.stats, sizeof(stats));
		}
	}
}

/* --- what happens to values ----------------------------------------------- */

static void what_the_sink_answers_is_counted(void **state)
{
	struct pk_feed_options options = with(PK_FEED_LINES);
	static const struct {
		int answer;
		uint64_t accepted, duplicates, refused;
		enum pk_refused why;
	} rows_[] = {
		{ 0, 1, 0, 0, 0 },
		{ -EEXIST, 0, 1, 0, 0 },
		{ -ENOSPC, 0, 0, 1, PK_REFUSED_NO_ROOM },
		{ PK_REFUSED_SAFELISTED, 0, 0, 1, PK_REFUSED_SAFELISTED },
		{ 10000, 0, 0, 1, PK_REFUSED_NO_ROOM },
	};

	(void)state;
	for (size_t i = 0; i < LEN(rows_); i++) {
		log_.answer = rows_[i].answer;
		feed_read_both(&log_, &options, "192.0.2.1\n");
		assert_int_equal(log_.stats.accepted, rows_[i].accepted);
		assert_int_equal(log_.stats.duplicates, rows_[i].duplicates);
		assert_int_equal(pk_feed_refused(&log_.stats),
				 rows_[i].refused);
		assert_int_equal(log_.stats.refused[rows_[i].why],
				 rows_[i].refused);
		assert_int_equal(log_.stats.indicators, 1);
	}
	log_.answer = 0;
}

static void a_ttl_ends_values_and_past_ends_are_skipped(void **state)
{
	struct pk_feed_options options = with(PK_FEED_LINES);

	(void)state;
	options.now = 1000;
	options.ttl_sec = 60;
	log_.terse = 0;
	feed_read_both(&log_, &options, "192.0.2.1\n");
	assert_string_equal(log_.text, "+ipv4-addr 192.0.2.1 until=1060\n");
	options.meta.valid_until = 1001;
	feed_read_both(&log_, &options, "192.0.2.1\n");
	assert_string_equal(log_.text, "+ipv4-addr 192.0.2.1 until=1001\n");
	options.meta.valid_until = 1000; /* exclusive */
	feed_read_both(&log_, &options, "192.0.2.1\n");
	assert_string_equal(log_.text, "");
	assert_int_equal(log_.stats.skipped[PK_SKIP_EXPIRED], 1);
}

static void hosts_are_derived_when_asked_for(void **state)
{
	struct pk_feed_options options = with(PK_FEED_LINES);

	(void)state;
	log_.terse = 1;
	feed_read_both(&log_, &options, "http://a.example/x\nb@c.example\n");
	assert_string_equal(log_.text, "+url http://a.example/x\n"
				       "+email-addr b@c.example\n");
	options.hosts = 1;
	feed_read_both(&log_, &options,
		       "http://a.example/x\nb@c.example\n192.0.2.1:80\n");
	assert_string_equal(log_.text, "+url http://a.example/x\n"
				       "+domain-name a.example match=exact\n"
				       "+email-addr b@c.example\n"
				       "+domain-name c.example match=exact\n"
				       "+ip-port 192.0.2.1:80\n");
	assert_int_equal(log_.stats.accepted, 3);
	assert_int_equal(log_.stats.indicators, 5);
}

static void what_the_operator_says_holds_for_every_value(void **state)
{
	struct pk_feed_options options = with(PK_FEED_LINES);

	(void)state;
	options.meta.threat_type = "botnet_cc";
	options.meta.confidence = 70;
	options.meta.tlp = PK_TLP_GREEN;
	options.match = PK_MATCH_EXACT;
	log_.terse = 0;
	feed_read_both(&log_, &options, "a.example\n.b.example\n");
	assert_string_equal(
		log_.text,
		"+domain-name a.example match=exact threat=botnet_cc "
		"class=c2-server conf=70 tlp=green\n"
		"+domain-name b.example threat=botnet_cc class=c2-server "
		"conf=70 tlp=green\n");
}

static void options_out_of_range_are_refused(void **state)
{
	struct pk_feed_sink sink = { .accept = feed_log_accept };
	struct pk_feed_options options = with(PK_FEED_LINES);
	struct pk_feed *f = NULL;

	(void)state;
	assert_int_equal(pk_feed_open(&f, &options, PK_FEEDS_MAX, &sink),
			 -EINVAL);
	options.format = PK_FEED_FORMAT_COUNT;
	assert_int_equal(pk_feed_open(&f, &options, 0, &sink), -EINVAL);
	options = with(PK_FEED_LINES);
	options.has_type = 1;
	options.type = PK_INDICATOR_TYPE_COUNT;
	assert_int_equal(pk_feed_open(&f, &options, 0, &sink), -EINVAL);
	assert_null(f);
	assert_true(pk_feed_format_find("sdn2") < 0);
	for (int i = 0; i < PK_FEED_FORMAT_COUNT; i++)
		assert_int_equal(pk_feed_format_find(pk_feed_format_word(
					 (enum pk_feed_format)i)),
				 i);
	pk_feed_close(NULL);
}

static void a_refusal_is_one_harmless_sentence(void **state)
{
	struct pk_refusal r = { 117,	      4,  PK_REFUSED_ADDRESS,
				"10.0.0.256", 10, NULL };
	char out[512];

	(void)state;
	pk_refusal_print(&r, "a.csv", out, sizeof(out));
	assert_string_equal(out, "feed a.csv:117: column 4: not an IP address: "
				 "\"10.0.0.256\" (line skipped)");
	r.field = "dst_ip";
	pk_refusal_print(&r, "a.csv", out, sizeof(out));
	assert_string_equal(out, "feed a.csv:117: column 4: dst_ip: not an IP "
				 "address: \"10.0.0.256\" (line skipped)");
	r.column = 0;
	r.field = NULL;
	r.text = "\x1b[2J\"\n";
	r.text_len = 6;
	pk_refusal_print(&r, "a.csv", out, sizeof(out));
	assert_string_equal(out, "feed a.csv:117: not an IP address: "
				 "\"\\x1b[2J\\x22\\x0a\" (line skipped)");
}

/* --- times and ranges ----------------------------------------------------- */

static void times_are_read_as_feeds_write_them(void **state)
{
	static const struct {
		const char *text;
		uint32_t sec;
	} rows_[] = {
		{ "1970-01-01 00:00:01", 1 },
		{ "2026-01-02 03:04:05", 1767323045 },
		{ "2026-01-02 03:04:05 UTC", 1767323045 },
		{ "2026-01-02T03:04:05Z", 1767323045 },
		{ "2026-01-02T03:04:05.123456Z", 1767323045 },
		{ "2026-01-02T05:04:05+02:00", 1767323045 },
		{ "2026-01-02T01:34:05-0130", 1767323045 },
		{ "2026-01-02T03:04Z", 1767323040 },
		{ "2026-01-02", 1767312000 },
		{ "2026/01/02 03:04:05", 1767323045 },
		{ " 2026-01-02 03:04:05 ", 1767323045 },
		{ "2024-02-29", 1709164800 },
		{ "2000-02-29", 951782400 },
		{ "1767323045", 1767323045 },
		{ "1767323045.250000", 1767323045 },
		{ "4294967295", 4294967295 },
		{ "4294967296", 0 },
		{ "99999999999999999999", 0 },
		{ "", 0 },
		{ "-", 0 },
		{ "None", 0 },
		{ "null", 0 },
		{ "2026-02-29", 0 },
		{ "1900-02-29", 0 },
		{ "2026-13-01", 0 },
		{ "2026-00-01", 0 },
		{ "2026-01-00", 0 },
		{ "2026-01-02 24:00:00", 0 },
		{ "2026-01-02 03:60:00", 0 },
		{ "2026-01-02 03:04:05 nonsense", 0 },
		{ "2026-01-02 03", 0 },
		{ "2026-1-2", 0 },
		{ "1960-01-01", 0 },
		{ "2200-01-01", 0 },
		{ "12.", 0 },
		{ "-5", 0 },
	};

	(void)state;
	for (size_t i = 0; i < LEN(rows_); i++)
		if (pk_reader_time(rows_[i].text, strlen(rows_[i].text)) !=
		    rows_[i].sec)
			fail_msg("\"%s\": %u", rows_[i].text,
				 pk_reader_time(rows_[i].text,
						strlen(rows_[i].text)));
}

static void an_end_before_1970_is_long_over(void **state)
{
	static const struct {
		const char *text;
		uint32_t sec;
	} ends[] = {
		{ "1960-01-01", 1 },
		{ "1969-12-31T23:59:59Z", 1 },
		{ "1970-01-01T00:00:00Z", 1 },
		{ "1970-01-01 01:00:00+02:00", 1 },
		{ "0001-01-01T00:00:00Z", 1 },
		{ "0000-01-01", 1 },
		{ "1970-01-01T00:00:09Z", 9 },
		{ "2026-01-02", 1767312000 },
		{ "1767312000", 1767312000 },
		{ "0", 0 },
		{ "", 0 },
		{ "null", 0 },
		{ "1960-13-01", 0 },
		{ "1960-01-01 or so", 0 },
		{ "2200-01-01", 0 },
	};

	(void)state;
	for (size_t i = 0; i < LEN(ends); i++)
		if (pk_reader_until(ends[i].text, strlen(ends[i].text)) !=
		    ends[i].sec)
			fail_msg("\"%s\"", ends[i].text);
}

static void all_days_agree_with_timegm(void **state)
{
	char text[32];

	(void)state;
	for (time_t day = 0; day < 49000; day++) {
		time_t sec = day * 86400 + day % 86400;
		struct tm tm;

		gmtime_r(&sec, &tm);
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
		assert_int_equal(pk_reader_time(text, strlen(text)), sec);
	}
}

static void ranges_become_the_fewest_prefixes(void **state)
{
	static const struct {
		const char *text, *want;
	} rows_[] = {
		{ "192.0.2.1-192.0.2.6",
		  "192.0.2.1 192.0.2.2/31 192.0.2.4/31 192.0.2.6 " },
		{ "192.0.2.0-192.0.2.255", "192.0.2.0/24 " },
		{ "192.0.2.0 - 192.0.2.255", "192.0.2.0/24 " },
		{ "192.0.2.7-192.0.2.7", "192.0.2.7 " },
		{ "192.0.2.255-192.0.3.0", "192.0.2.255 192.0.3.0 " },
		{ "0.0.0.0-255.255.255.255", "0.0.0.0/0 " },
		{ "255.255.255.254-255.255.255.255", "255.255.255.254/31 " },
		{ "2001:db8::-2001:db8::1:ffff", "2001:db8::/111 " },
		{ "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::/0 " },
	};
	struct pk_indicator ind;
	struct pk_range range;

	(void)state;
	pk_indicator_init(&ind);
	for (size_t i = 0; i < LEN(rows_); i++) {
		char got[256] = "", text[PK_VALUE_TEXT_MAX];

		assert_int_equal(pk_range_parse(&range, rows_[i].text,
						strlen(rows_[i].text)),
				 0);
		while (pk_range_next(&range, &ind)) {
			pk_indicator_print(&ind, text);
			strcat(strcat(got, text), " ");
		}
		assert_string_equal(got, rows_[i].want);
	}
}

/* The slow twin: each address is in exactly one prefix, none outside. */
static void random_ranges_are_covered_exactly(void **state)
{
	struct pk_indicator ind;
	struct pk_range range;

	(void)state;
	srandom(9);
	for (int round = 0; round < 20000; round++) {
		union pk_addr first, last;
		uint32_t a = (uint32_t)random() % 0xff00, next = a;
		uint32_t b = a + (uint32_t)random() % 256;
		unsigned n = 0;

		pk_addr_parse(&first, round & 1 ? "198.51.0.0" : "2001:db8::");
		last = first;
		first.b[14] = (uint8_t)(a >> 8);
		first.b[15] = (uint8_t)a;
		last.b[14] = (uint8_t)(b >> 8);
		last.b[15] = (uint8_t)b;
		assert_int_equal(pk_range_set(&range, &first, &last), 0);
		for (; pk_range_next(&range, &ind); n++) {
			unsigned width = round & 1 ? 32 : 128;
			unsigned host =
				ind.type == PK_INDICATOR_IPV4_NET ||
						ind.type ==
							PK_INDICATOR_IPV6_NET
					? width - ind.bits
					: 0;

			assert_int_equal(ind.addr.b[14] << 8 | ind.addr.b[15],
					 next);
			next += 1U << host;
		}
		assert_int_equal(next, b + 1);
		assert_true(n <= 14);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_ends_bom_and_blanks_are_understood),
		cmocka_unit_test(an_empty_feed_is_a_feed),
		cmocka_unit_test(what_is_no_text_is_refused_by_name),
		cmocka_unit_test(binary_garbage_is_refused_line_by_line),
		cmocka_unit_test(control_characters_are_refused),
		cmocka_unit_test(long_lines_are_skipped_whole),
		cmocka_unit_test(a_line_of_ten_mebibytes_is_one_refusal),
		cmocka_unit_test(gzip_is_undone_in_pieces_and_members),
		cmocka_unit_test(broken_gzip_is_told),
		cmocka_unit_test(half_a_line_of_broken_gzip_is_no_value),
		cmocka_unit_test(a_gzip_bomb_is_only_read_through),
		cmocka_unit_test(five_million_lines_take_no_memory),
		cmocka_unit_test(kept_texts_are_no_leak),
		cmocka_unit_test(
			a_million_prefixes_load_and_errors_are_counted),
		cmocka_unit_test(random_bytes_close_the_ledger_in_every_format),
		cmocka_unit_test(a_quoted_row_spans_lines),
		cmocka_unit_test(a_stray_quotation_mark_costs_its_own_line),
		cmocka_unit_test(rows_are_the_same_in_all_pieces),
		cmocka_unit_test(what_the_sink_answers_is_counted),
		cmocka_unit_test(a_ttl_ends_values_and_past_ends_are_skipped),
		cmocka_unit_test(hosts_are_derived_when_asked_for),
		cmocka_unit_test(what_the_operator_says_holds_for_every_value),
		cmocka_unit_test(options_out_of_range_are_refused),
		cmocka_unit_test(a_refusal_is_one_harmless_sentence),
		cmocka_unit_test(times_are_read_as_feeds_write_them),
		cmocka_unit_test(an_end_before_1970_is_long_over),
		cmocka_unit_test(all_days_agree_with_timegm),
		cmocka_unit_test(ranges_become_the_fewest_prefixes),
		cmocka_unit_test(random_ranges_are_covered_exactly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
