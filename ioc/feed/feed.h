/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * feed: a list of indicators in any of the known formats, read as a stream.
 *
 * Bytes come in pieces of any size; gzip (RFC 1952) is undone on the way. Text
 * formats are cut into lines of at most PK_FEED_LINE_MAX bytes, JSON formats
 * into objects of at most PK_FEED_OBJECT_MAX (longer ones are refused and
 * skipped), so memory is bounded whatever comes. LF and CRLF end a line, a
 * UTF-8 byte order mark in front is ignored; UTF-16 is refused by name.
 *
 * A *record* is a line, a CSV row (which may span lines when the format's
 * publisher quotes newlines) or a JSON object. Each ends in exactly one
 * counter:
 *
 *	records == blank + comments + headers + accepted + duplicates
 *		   + unused + sum(refused[])
 *
 * unused: well-formed and not for the network (a file name, an attribute
 * without to_ids, an offline server, a revoked object): by reason in skipped[].
 * A record may hold several values (a hosts line, a range, an OR pattern): it
 * is accepted when at least one of them is new, a duplicate when all were
 * known; indicators, added and known count values. A value that is refused
 * beside others that are taken is told to the sink and not in refused[].
 *
 * One feed belongs to one thread. It reads no file: the caller does.
 */
#ifndef PK_IOC_FEED_H
#define PK_IOC_FEED_H

#include <stddef.h>
#include <stdint.h>

#include "ioc/indicator.h"
#include "ioc/refused.h"

enum {
	PK_FEED_LINE_MAX = 65536,
	PK_FEED_OBJECT_MAX = 8 << 20,
	PK_FEED_HEAD_MAX =
		65536, /* looked at by "auto" before a byte is read */
	PK_FEED_OPTIONS_TTL_MAX = 10 * 366 * 86400,
};

/* name, and what it is; the readers are in ioc/feed/. */
#define PK_FEED_FORMATS(_)                                                    \
	_(AUTO, "auto", "told from the content")                              \
	_(LINES, "lines",                                                     \
	  "one value a line: address, prefix, range, name, URL, hash")        \
	_(HOSTS, "hosts", "hosts file: 0.0.0.0 name ...")                     \
	_(ADBLOCK, "adblock", "||name^")                                      \
	_(DNSMASQ, "dnsmasq", "address=/name/... local=/name/ server=/name/") \
	_(RPZ, "rpz", "DNS response policy zone")                             \
	_(SDN, "sdn", "sdn_sensor's CSV")                                     \
	_(TABLE, "table", "delimited columns by name, see --mapping")         \
	_(MISP_CSV, "misp-csv", "MISP's CSV export")                          \
	_(DROP, "drop", "Spamhaus DROP text")                                 \
	_(DROP_JSON, "drop-json", "Spamhaus DROP NDJSON")                     \
	_(MISP, "misp", "MISP event or attribute JSON")                       \
	_(STIX, "stix", "STIX 2.0 or 2.1 bundle")                             \
	_(INTELMQ, "intelmq", "IntelMQ events")                               \
	_(OTX, "otx", "OTX pulses")                                           \
	_(JSON, "json", "JSON records by name, see --mapping")                \
	_(ZEEK, "zeek", "Zeek intel file")                                    \
	_(IPREP, "iprep", "Suricata IP reputation")                           \
	_(DATASET, "dataset", "Suricata dataset")

#define PK_FEED_FORMAT_ENUM(name, word, text) PK_FEED_##name,
enum pk_feed_format {
	PK_FEED_FORMATS(PK_FEED_FORMAT_ENUM) PK_FEED_FORMAT_COUNT
};
#undef PK_FEED_FORMAT_ENUM

/* Why a well-formed record is of no use here. The names are the counters'. */
#define PK_SKIPS(_)                                                        \
	_(HOST_ONLY, "host_only", "seen on hosts, not on the network")     \
	_(NOT_INDICATOR, "not_indicator", "not an indicator")              \
	_(NOT_TO_IDS, "not_to_ids",                                        \
	  "the publisher does not mean it for detection")                  \
	_(REVOKED, "revoked", "withdrawn by the publisher")                \
	_(EXPIRED, "expired", "its validity has ended")                    \
	_(INACTIVE, "inactive", "offline, false positive or not verified") \
	_(LOCAL, "local", "localhost and its like")                        \
	_(ALLOWED, "allowed", "an exception: a safelist entry")            \
	_(BELOW, "below", "below the score that was asked for")

#define PK_SKIP_ENUM(name, word, text) PK_SKIP_##name,
enum pk_skip { PK_SKIPS(PK_SKIP_ENUM) PK_SKIP_REASONS };
#undef PK_SKIP_ENUM

struct pk_feed;
struct pk_mapping; /* ioc/feed/mapping.h */

/* Why a record was refused. @text is the offending field, borrowed, raw. */
struct pk_refusal {
	uint64_t line;	 /* from 1: where the record begins */
	unsigned column; /* from 1, of an object: where it begins; 0: the line
			    as a whole */
	enum pk_refused reason;
	const char *text;
	size_t text_len;
	const char *field; /* its name, where fields have names; or NULL */
};

/*
 * Where values go. @accept borrows the indicator and returns 0 (new), -EEXIST
 * (known already), a positive enum pk_refused (a guard said no), or another
 * negative errno (PK_REFUSED_NO_ROOM). @refuse and @allow may be NULL;
 * @allow gets the values that a feed means as exceptions (rpz-passthru,
 * adblock "@@").
 */
struct pk_feed_sink {
	int (*accept)(void *arg, const struct pk_indicator *ind);
	void (*refuse)(void *arg, const struct pk_refusal *refusal);
	void (*allow)(void *arg, const struct pk_indicator *ind);
	void *arg;
};

/* What the operator says of a whole feed. pk_feed_options_init() first. */
struct pk_feed_options {
	enum pk_feed_format format;
	const struct pk_mapping *mapping; /* TABLE and JSON; NULL: by header */
	struct pk_meta meta; /* for what a record does not say; borrowed */
	enum pk_match match; /* of names without a mark of their own */
	uint8_t refang;	     /* 1: undo defanging */
	uint8_t hosts;	     /* 1: also the hosts of URLs and e-mails */
	uint8_t everything;  /* 1: also what is not to_ids, offline, ... */
	uint8_t has_type;    /* 1: every value is of @type */
	uint8_t type;	     /* enum pk_indicator_type */
	uint32_t score_min;  /* iprep, ipsum: lowest score to take */
	uint32_t now;	     /* Unix seconds: for validity and ttl */
	uint32_t ttl_sec;    /* valid_until = now + ttl if not said; 0: none */
};

struct pk_feed_stats {
	uint64_t bytes;	     /* as given, before gzip is undone */
	uint64_t text_bytes; /* after it */
	uint64_t lines;
	uint64_t records, blank, comments, headers;
	uint64_t accepted, duplicates, unused;
	uint64_t indicators, added, known; /* values */
	uint64_t partly; /* accepted or duplicates, but some value refused */
	uint64_t skipped[PK_SKIP_REASONS];
	uint64_t refused[PK_REFUSED_COUNT]; /* [PK_REFUSED_NONE] stays 0 */
	uint64_t refanged;		    /* values that had to be */
	uint64_t host_bits;	  /* prefixes whose host bits were cleared */
	uint64_t unknown_columns; /* ignored */
	uint64_t declared;	  /* records that the feed itself says it has */
	uint8_t has_declared;
	uint8_t complete; /* no trailer is due, or it came: drop-json, Feodo */
};

void pk_feed_options_init(struct pk_feed_options *options);

/*
 * Open a feed. Indicators get feed number @feed. Copies @options (but for what
 * it borrows) and @sink. 0, -EINVAL for a number out of range, or -ENOMEM; on
 * failure *@out is untouched. The caller owns *@out.
 */
int pk_feed_open(struct pk_feed **out, const struct pk_feed_options *options,
		 uint16_t feed, const struct pk_feed_sink *sink);
void pk_feed_close(struct pk_feed *f); /* NULL is a no-op */

int pk_feed_format_find(const char *word); /* or -ENOENT */
const char *pk_feed_format_word(enum pk_feed_format format);
const char *pk_skip_word(enum pk_skip skip);
const char *pk_skip_text(enum pk_skip skip);

/* Take @len bytes. Calls the sink for each record that they complete. */
void pk_feed_push(struct pk_feed *f, const void *bytes, size_t len);

/* The bytes have ended: a last line without a newline counts as a line. */
void pk_feed_finish(struct pk_feed *f);

const struct pk_feed_stats *pk_feed_stats(const struct pk_feed *f);
uint64_t pk_feed_refused(const struct pk_feed_stats *stats); /* the sum */

/* The format that is read; AUTO until enough has come to tell. */
enum pk_feed_format pk_feed_format_of(const struct pk_feed *f);

/*
 * Why the feed as a whole cannot be used: "" or a sentence. HTML, a missing
 * required column (named), broken gzip, UTF-16, an unterminated document.
 * What was accepted before stays accepted: the caller decides.
 */
const char *pk_feed_broken(const struct pk_feed *f);

/*
 * How many values a feed of @bytes bytes will have in all, told from what it
 * has so far, an eighth to spare; 0 until enough has been read to tell. For
 * pk_store_reserve(): a guess, not a bound.
 */
uint32_t pk_feed_estimate(const struct pk_feed *f, uint64_t bytes);

/*
 * One sentence about a refusal: `feed a.csv:117: column 4: not an IP address:
 * "10.0.0.256" (line skipped)`. The text is cut at 64 bytes and escaped.
 */
void pk_refusal_print(const struct pk_refusal *refusal, const char *name,
		      char *out, size_t size);

#endif /* PK_IOC_FEED_H */
