/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Published lists, and what an independent program counted in them
 * (MANIFEST.tsv, last column). They lie in $PK_SHARED/feeds, by default in
 * ../shared; without them this test skips. Every file is read as "auto", into a
 * store; where counts differ, differences[] says why.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ioc/feed/feed.h"
#include "ioc/feed/mapping.h"
#include "ioc/store/store.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static const char *shared(void)
{
	const char *dir = getenv("PK_SHARED");

	return dir ? dir : "../shared";
}

static FILE *open_shared(const char *path)
{
	char full[4096];

	snprintf(full, sizeof(full), "%s/%s", shared(), path);
	return fopen(full, "rb");
}

static unsigned long fact(const char *row, const char *name)
{
	char key[32];
	const char *at;

	snprintf(key, sizeof(key), " %s=", name);
	at = strstr(row, key);
	return at ? strtoul(at + strlen(key), NULL, 10) : 0;
}

/* A file as read: values by type, with duplicates. */
struct reading {
	struct pk_store *store;
	unsigned long by_type[PK_INDICATOR_TYPE_COUNT];
	struct pk_feed_stats stats;
	enum pk_feed_format format;
	char broken[256];
};

static int accept(void *arg, const struct pk_indicator *ind)
{
	struct reading *r = arg;

	r->by_type[ind->type]++;
	return pk_store_add(r->store, ind, NULL);
}

static void read_file(const char *path, const struct pk_feed_options *options,
		      struct reading *r)
{
	struct pk_feed_sink sink = { .accept = accept, .arg = r };
	FILE *in = open_shared(path);
	struct pk_store_stats stored;
	char bytes[10007];
	struct pk_feed *f;
	size_t len;

	memset(r, 0, sizeof(*r));
	assert_non_null(in);
	assert_int_equal(pk_store_new(&r->store, 1), 0);
	assert_int_equal(pk_store_feed(r->store, "real"), 0);
	assert_int_equal(pk_feed_open(&f, options, 0, &sink), 0);
	while ((len = fread(bytes, 1, sizeof(bytes), in)))
		pk_feed_push(f, bytes, len);
	pk_feed_finish(f);
	fclose(in);
	r->stats = *pk_feed_stats(f);
	r->format = pk_feed_format_of(f);
	snprintf(r->broken, sizeof(r->broken), "%s", pk_feed_broken(f));
	pk_store_stats(r->store, &stored);
	assert_int_equal(stored.live, r->stats.added);
	assert_int_equal(r->stats.records,
			 r->stats.blank + r->stats.comments + r->stats.headers +
				 r->stats.accepted + r->stats.duplicates +
				 r->stats.unused + pk_feed_refused(&r->stats));
	pk_feed_close(f);
	pk_store_free(r->store);
}

/* What we count minus what the manifest says, and why. */
static const struct {
	const char *path, *what;
	long more;
	const char *why;
} differences[] = {
	{ "ransomware-ags.txt", "name", 1904, "||name^ is a name" },
	{ "ransomware-ags.txt", "other", -1904, "the same lines" },
	{ "ransomware-dnsmasq.txt", "name", 1904, "address=/name/ is one" },
	{ "ransomware-dnsmasq.txt", "url", -1904, "the same lines" },
	{ "maltrail__generic.txt", "name", 3,
	  "regular expressions, refused as names" },
	{ "maltrail__generic.txt", "other", -3, "the same lines" },
	{ "maltrail__domain.txt", "name", 145,
	  ".tld is a name; one regular expression" },
	{ "maltrail__domain.txt", "other", -145, "the same lines" },
	{ "keybase_panels.txt", "url", -2621,
	  "URL, time, hash: a table, read as one below" },
	{ "keybase_panels.txt", "other", 2621, "more columns than a list has" },
};

static long expected_difference(const char *path, const char *what)
{
	for (size_t i = 0; i < LEN(differences); i++)
		if (strstr(path, differences[i].path) &&
		    !strcmp(what, differences[i].what))
			return differences[i].more;
	return 0;
}

static unsigned mismatches;

static void compare(const char *path, const char *what, unsigned long ours,
		    unsigned long theirs)
{
	long more = (long)ours - (long)theirs;

	if (more == expected_difference(path, what))
		return;
	print_message("%s: %s: %lu, the manifest says %lu\n", path, what, ours,
		      theirs);
	mismatches++;
}

static unsigned long refused_names(const struct pk_feed_stats *st)
{
	return st->refused[PK_REFUSED_NAME_CHARACTER] +
	       st->refused[PK_REFUSED_NAME_NUMERIC] +
	       st->refused[PK_REFUSED_NAME_EMPTY_LABEL] +
	       st->refused[PK_REFUSED_NAME_IDNA];
}

static void compare_lines(const char *path, const char *row)
{
	struct pk_feed_options options;
	struct reading r;
	const struct pk_feed_stats *st = &r.stats;
	const unsigned long *n = r.by_type;

	pk_feed_options_init(&options);
	read_file(path, &options, &r);
	compare(path, "lines", st->lines, fact(row, "lines"));
	compare(path, "data", st->records - st->blank - st->comments,
		fact(row, "non-comment"));
	compare(path, "ipv4", n[PK_INDICATOR_IPV4], fact(row, "ipv4"));
	compare(path, "ipv6", n[PK_INDICATOR_IPV6], fact(row, "ipv6"));
	compare(path, "cidr", n[PK_INDICATOR_IPV4_NET], fact(row, "cidr"));
	compare(path, "ip:port",
		n[PK_INDICATOR_IP_PORT] + st->refused[PK_REFUSED_PORT],
		fact(row, "ip:port"));
	compare(path, "url",
		n[PK_INDICATOR_URL] + st->refused[PK_REFUSED_URL_HOST],
		fact(row, "url_or_path"));
	compare(path, "name", n[PK_INDICATOR_DOMAIN] + refused_names(st),
		fact(row, "domain") + fact(row, "hosts_lines"));
	compare(path, "other",
		n[PK_INDICATOR_EMAIL] + st->refused[PK_REFUSED_ADDRESS] +
			st->refused[PK_REFUSED_COLUMNS_MANY],
		fact(row, "other"));
	assert_string_equal(r.broken, "");
}

static int is_list(const char *row)
{
	return strstr(row, "IP address list") || strstr(row, "domain list") ||
	       strstr(row, "URL/domain list") || strstr(row, "malware trails");
}

static FILE *open_manifest(void)
{
	FILE *manifest = open_shared("feeds/MANIFEST.tsv");

	if (!manifest) {
		print_message("SKIPPED: no feeds below %s (set PK_SHARED)\n",
			      shared());
		skip();
	}
	return manifest;
}

static void published_lists_give_what_others_count(void **state)
{
	FILE *manifest = open_manifest();
	unsigned files = 0;
	char row[4096];

	(void)state;
	mismatches = 0;
	while (fgets(row, sizeof(row), manifest)) {
		char path[256];

		if (!is_list(row) || sscanf(row, "%255s", path) != 1)
			continue;
		compare_lines(path, row);
		files++;
	}
	fclose(manifest);
	assert_int_equal(mismatches, 0);
	assert_true(files >= 29);
}

/* No header, three columns, defanged: told by a mapping of one's own. */
static void a_table_without_a_header_is_read_by_a_mapping(void **state)
{
	static const char text[] =
		"{ \"name\": \"panels\", \"about\": \"URL, time, hash\","
		" \"for\": \"table\", \"header\": \"none\","
		" \"columns\": [\"url\", \"seen\", \"sha256\"],"
		" \"fields\": { \"value\": \"url\","
		" \"first_seen\": \"seen\","
		" \"type\": { \"is\": \"url\" } } }";
	FILE *manifest = open_manifest();
	char why[PK_MAPPING_WHY_MAX] = "";
	struct pk_feed_options options;
	struct pk_mapping *mapping;
	struct reading r;

	(void)state;
	fclose(manifest);
	if (pk_mapping_parse(&mapping, "panels.json", text, strlen(text), why))
		fail_msg("%s", why);
	pk_feed_options_init(&options);
	options.format = PK_FEED_TABLE;
	options.mapping = mapping;
	options.refang = 1;
	read_file("feeds/url-and-mixed/iocs__keybase_panels.txt", &options, &r);
	assert_string_equal(r.broken, "");
	assert_int_equal(r.stats.records, 2621);
	assert_int_equal(r.stats.refanged, 2621);
	assert_int_equal(r.by_type[PK_INDICATOR_URL], 2621);
	assert_int_equal(pk_feed_refused(&r.stats), 0);
	pk_mapping_free(mapping);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_without_a_header_is_read_by_a_mapping),
		cmocka_unit_test(published_lists_give_what_others_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
