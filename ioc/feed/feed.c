/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/feed/feed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ioc/feed/json_scan.h"
#include "ioc/feed/feed_inside.h"

enum { ESTIMATE_BYTES = 1 << 19 }; /* too few tell little */

/* By format; AUTO has none. */
static const struct pk_reader_kind *const kinds[PK_FEED_FORMAT_COUNT] = {
	[PK_FEED_LINES] = &pk_reader_lines,
	[PK_FEED_HOSTS] = &pk_reader_hosts,
	[PK_FEED_ADBLOCK] = &pk_reader_adblock,
	[PK_FEED_DNSMASQ] = &pk_reader_dnsmasq,
	[PK_FEED_RPZ] = &pk_reader_rpz,
	[PK_FEED_SDN] = &pk_reader_sdn,
	[PK_FEED_TABLE] = &pk_reader_table,
	[PK_FEED_MISP_CSV] = &pk_reader_misp_csv,
	[PK_FEED_DROP] = &pk_reader_drop,
	[PK_FEED_DROP_JSON] = &pk_reader_drop_json,
	[PK_FEED_MISP] = &pk_reader_misp,
	[PK_FEED_STIX] = &pk_reader_stix,
	[PK_FEED_INTELMQ] = &pk_reader_intelmq,
	[PK_FEED_OTX] = &pk_reader_otx,
	[PK_FEED_JSON] = &pk_reader_json,
	[PK_FEED_ZEEK] = &pk_reader_zeek,
	[PK_FEED_IPREP] = &pk_reader_iprep,
	[PK_FEED_DATASET] = &pk_reader_dataset,
};

void pk_feed_options_init(struct pk_feed_options *options)
{
	memset(options, 0, sizeof(*options));
	options->format = PK_FEED_AUTO;
	options->match = PK_MATCH_SUBDOMAINS;
	pk_meta_init(&options->meta);
}

int pk_feed_open(struct pk_feed **out, const struct pk_feed_options *options,
		 uint16_t feed, const struct pk_feed_sink *sink)
{
	struct pk_feed *f;

	if ((unsigned)options->format >= PK_FEED_FORMAT_COUNT ||
	    feed >= PK_FEEDS_MAX || options->match >= PK_MATCH_COUNT ||
	    (options->has_type && options->type >= PK_INDICATOR_TYPE_COUNT) ||
	    options->ttl_sec > PK_FEED_OPTIONS_TTL_MAX)
		return -EINVAL;
	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->r.options = *options;
	if (!options->meta.threat_class)
		f->r.options.meta.threat_class = (uint8_t)pk_threat_class_guess(
			options->meta.threat_type);
	f->r.sink = *sink;
	f->r.feed = feed;
	f->r.stats.complete = 1;
	*out = f;
	return 0;
}

void pk_feed_close(struct pk_feed *f)
{
	if (!f)
		return;
	if (f->r.kind && f->r.kind->end)
		f->r.kind->end(f->r.state);
	pk_json_scan_free(f->objects);
	pk_gunzip_free(f->gunzip);
	pk_reader_fini(&f->r);
	free(f);
}

/* --- the head: what is it? ------------------------------------------------ */

static const char *after_blanks(const char *head, const char *stop)
{
	while (head < stop && strchr(" \t\r\n", *head) && *head)
		head++;
	return head;
}

static bool is_web_page(const char *head, size_t len)
{
	static const char *const begins[] = { "<!doctype", "<html", "<head",
					      "<body", "<?xml" };
	const char *stop = head + len;

	head = after_blanks(head, stop);
	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
		if ((size_t)(stop - head) >= strlen(begins[i]) &&
		    !strncasecmp(head, begins[i], strlen(begins[i])))
			return true;
	return false;
}

static bool is_utf16(const char *head, size_t len)
{
	unsigned even = 0, odd = 0;

	if (len >= 2 &&
	    (!memcmp(head, "\xff\xfe", 2) || !memcmp(head, "\xfe\xff", 2)))
		return true;
	for (size_t i = 0; i + 1 < len && i < 64; i += 2) {
		even += !head[i];
		odd += !head[i + 1];
	}
	/* ASCII text in UTF-16 without a mark: every second byte is 0. */
	return len >= 8 && (even ^ odd) && (even + odd) * 2 >= (len & ~1U) &&
	       (even + odd) >= 4 && (!even || !odd);
}

/* Why these bytes are no feed of any format, or NULL. */
static const char *not_text(const char *head, size_t len)
{
	static const struct {
		const char *bytes;
		unsigned len;
		const char *why;
	} archives[] = {
		{ "PK\3\4", 4, "is a ZIP archive: unpack it first" },
		{ "BZh", 3, "is compressed with bzip2: unpack it first" },
		{ "\xfd"
		  "7zXZ",
		  5, "is compressed with xz: unpack it first" },
		{ "\x28\xb5\x2f\xfd", 4,
		  "is compressed with zstd: unpack it first" },
	};

	for (size_t i = 0; i < sizeof(archives) / sizeof(archives[0]); i++)
		if (len >= archives[i].len &&
		    !memcmp(head, archives[i].bytes, archives[i].len))
			return archives[i].why;
	if (is_utf16(head, len))
		return "is UTF-16 text: convert it to UTF-8 first";
	if (is_web_page(head, len))
		return "is a web page, not a list: was a login or an error "
		       "page saved?";
	return NULL;
}

static enum pk_feed_format guess(const char *head, size_t len)
{
	enum pk_feed_format best = PK_FEED_LINES;
	int most = 0;

	for (int i = 0; i < PK_FEED_FORMAT_COUNT; i++) {
		int n = kinds[i] ? kinds[i]->guess(head, len) : 0;

		if (n > most) {
			most = n;
			best = (enum pk_feed_format)i;
		}
	}
	return best;
}

static void drop_bom(struct pk_feed *f)
{
	if (f->used < 3 || memcmp(f->buffer, "\xef\xbb\xbf", 3) != 0)
		return;
	f->used -= 3;
	memmove(f->buffer, f->buffer + 3, f->used);
}

/* Look at the head, choose the reader and begin. */
static void start(struct pk_feed *f)
{
	struct pk_reader *r = &f->r;
	enum pk_feed_format format = r->options.format;
	const char *why;

	f->started = true;
	drop_bom(f);
	why = not_text(f->buffer, f->used);
	if (why) {
		pk_reader_break(r, "%s", why);
		return;
	}
	f->buffer[f->used] = 0;
	if (format == PK_FEED_AUTO)
		format = guess(f->buffer, f->used);
	r->kind = kinds[format];
	if ((r->kind->begin && r->kind->begin(&r->state, r)) ||
	    (r->kind->cut == PK_CUT_OBJECTS && pk_objects_new(&f->objects, r)))
		pk_reader_break(r, "needs more memory than there is");
}

/* --- the stream ----------------------------------------------------------- */

static void cut(struct pk_feed *f, bool end)
{
	if (f->r.why_broken[0]) {
		f->used = 0;
		return;
	}
	switch (f->r.kind->cut) {
	case PK_CUT_LINES:
		pk_feed_cut_lines(f, end);
		break;
	case PK_CUT_ROWS:
		pk_feed_cut_rows(f, end);
		break;
	case PK_CUT_OBJECTS:
		pk_feed_cut_objects(f, end);
		break;
	}
}

/* How much text is looked at before the first record is read. */
static size_t head_size(const struct pk_feed *f)
{
	return f->r.options.format == PK_FEED_AUTO ? PK_FEED_HEAD_MAX
						   : PK_FEED_SNIFF;
}

static void take_text(void *arg, const char *text, size_t len)
{
	struct pk_feed *f = arg;

	f->r.stats.text_bytes += len;
	while (len && !f->r.why_broken[0]) {
		size_t room =
			(f->started ? (size_t)PK_FEED_BUFFER : head_size(f)) -
			f->used;
		size_t n = len < room ? len : room;

		memcpy(f->buffer + f->used, text, n);
		f->used += n;
		text += n;
		len -= n;
		if (!f->started && f->used == head_size(f))
			start(f);
		if (f->started)
			cut(f, false);
	}
}

static void take_bytes(struct pk_feed *f, const uint8_t *bytes, size_t len)
{
	if (!f->gunzip)
		take_text(f, (const char *)bytes, len);
	else if (pk_gunzip_push(f->gunzip, bytes, len, take_text, f))
		pk_reader_break(&f->r, "is broken gzip: download it again");
}

/* Gzip or text? Known from two bytes, or from the end. */
static void tell(struct pk_feed *f)
{
	f->told = true;
	if (f->magic_len == 2 && f->magic[0] == 0x1f && f->magic[1] == 0x8b &&
	    pk_gunzip_new(&f->gunzip))
		pk_reader_break(&f->r, "needs more memory than there is");
	take_bytes(f, f->magic, f->magic_len);
}

void pk_feed_push(struct pk_feed *f, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	f->r.stats.bytes += len;
	for (; !f->told && len; p++, len--) {
		f->magic[f->magic_len++] = *p;
		if (f->magic_len == 2)
			tell(f);
	}
	if (len && !f->r.why_broken[0])
		take_bytes(f, p, len);
}

void pk_feed_finish(struct pk_feed *f)
{
	struct pk_reader *r = &f->r;

	if (!f->told)
		tell(f);
	/* Half a line of half a file could be another value. */
	if (f->gunzip && !pk_gunzip_complete(f->gunzip))
		pk_reader_break(r, "ends inside gzip data: download it again");
	if (r->why_broken[0])
		return;
	if (!f->started)
		start(f);
	cut(f, true);
	if (!r->why_broken[0] && r->kind->finish)
		r->kind->finish(r->state, r);
}

/* --- asking --------------------------------------------------------------- */

const struct pk_feed_stats *pk_feed_stats(const struct pk_feed *f)
{
	return &f->r.stats;
}

uint64_t pk_feed_refused(const struct pk_feed_stats *stats)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < PK_REFUSED_COUNT; i++)
		sum += stats->refused[i];
	return sum;
}

uint32_t pk_feed_estimate(const struct pk_feed *f, uint64_t bytes)
{
	const struct pk_feed_stats *st = pk_feed_stats(f);
	uint64_t guess;

	if (st->bytes < ESTIMATE_BYTES || bytes <= st->bytes)
		return 0;
	guess = (uint64_t)((double)st->indicators * (double)bytes /
			   (double)st->bytes * 9 / 8);
	return guess > PK_SLOT_MAX ? PK_SLOT_MAX : (uint32_t)guess;
}

enum pk_feed_format pk_feed_format_of(const struct pk_feed *f)
{
	return f->r.kind ? f->r.kind->format : PK_FEED_AUTO;
}

const char *pk_feed_broken(const struct pk_feed *f)
{
	return f->r.why_broken;
}
