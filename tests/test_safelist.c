/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/guard/safelist.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SEED 7

static struct pk_safelist *make(void)
{
	struct pk_safelist *s = NULL;

	assert_int_equal(pk_safelist_new(&s, SEED), 0);
	return s;
}

static int try_read(struct pk_safelist_draft **d, const char *name,
		    const char *text, size_t len, char *err)
{
	assert_int_equal(pk_safelist_draft_new(d, name, SEED), 0);
	return pk_safelist_draft_read(*d, text, len, err);
}

static void put(struct pk_safelist *s, const char *name, const char *text)
{
	char err[PK_SAFELIST_SENTENCE];
	struct pk_safelist_draft *d;

	assert_int_equal(try_read(&d, name, text, strlen(text), err), 0);
	assert_int_equal(pk_safelist_put(s, d), 0);
}

static struct pk_indicator value(const char *text)
{
	struct pk_indicator ind;

	pk_indicator_init(&ind);
	assert_int_equal(pk_indicator_parse(&ind, text, strlen(text)), 0);
	return ind;
}

static int find(const struct pk_safelist *s, const char *text)
{
	struct pk_indicator ind = value(text);

	return pk_safelist_find(s, &ind, NULL);
}

static void says(const struct pk_safelist *s, const char *text,
		 const char *sentence)
{
	struct pk_indicator ind = value(text);
	struct pk_safelist_hit hit;
	char out[512];

	assert_int_equal(pk_safelist_find(s, &ind, &hit), 1);
	assert_int_equal(pk_safelist_hit_print(&hit, out, sizeof(out)),
			 strlen(sentence));
	assert_string_equal(out, sentence);
}

/* --- what each type refuses --------------------------------------------- */

static void an_address_list_refuses_what_it_covers(void **state)
{
	struct pk_safelist *s = make();

	(void)state;
	put(s, "nets",
	    "{\"type\":\"cidr\",\"list\":[\"192.0.2.0/24\",\"198.51.100.7\","
	    "\"2001:db8:1::/48\"]}");
	says(s, "192.0.2.1", "is within 192.0.2.0/24 on safelist nets");
	says(s, "198.51.100.7", "is 198.51.100.7 on safelist nets");
	says(s, "192.0.2.128/25", "is within 192.0.2.0/24 on safelist nets");
	says(s, "192.0.2.0/24", "is 192.0.2.0/24 on safelist nets");
	says(s, "192.0.2.9:443", "is within 192.0.2.0/24 on safelist nets");
	says(s, "2001:db8:1:2::3",
	     "is within 2001:db8:1::/48 on safelist nets");
	says(s, "198.51.0.0/16", "covers 198.51.100.7 on safelist nets");
	says(s, "192.0.2.0/23", "covers 192.0.2.0/24 on safelist nets");
	says(s, "2001:db8::/32", "covers 2001:db8:1::/48 on safelist nets");
	assert_false(find(s, "198.51.100.0/24")); /* not wider than /24 */
	assert_false(find(s, "198.51.100.6"));
	assert_false(find(s, "192.0.3.0"));
	assert_false(find(s, "192.0.1.255"));
	assert_false(find(s, "2001:db8:2::1"));
	assert_false(find(s, "nets.example"));
	pk_safelist_free(s);
}

static void a_name_list_knows_labels(void **state)
{
	struct pk_safelist *s = make();

	(void)state;
	put(s, "hosts",
	    "{\"list\":[\".good.example\",\"203.0.113.5\"],"
	    "\"type\":\"hostname\"}");
	put(s, "strings",
	    "{\"list\":[\"www.site.example\"],\"type\":\"string\"}");
	says(s, "good.example", "is good.example on safelist hosts");
	says(s, "=a.good.example", "is within good.example on safelist hosts");
	says(s, "203.0.113.5", "is 203.0.113.5 on safelist hosts");
	says(s, "www.site.example", "is =www.site.example on safelist strings");
	says(s, "site.example", "covers www.site.example on safelist strings");
	assert_false(find(s, "=site.example"));
	assert_false(find(s, "a.www.site.example"));
	assert_false(find(s, "notgood.example"));
	assert_false(find(s, "good.example.net"));
	assert_false(find(s, "good"));
	assert_true(find(s, "example")); /* covers both */
	pk_safelist_free(s);
}

static void a_path_on_a_good_host_may_be_bad(void **state)
{
	struct pk_safelist *s = make();

	(void)state;
	put(s, "l", "good.example\n198.51.100.7\nhttp://other.example/ok\n");
	assert_true(find(s, "http://good.example/"));
	assert_true(find(s, "https://www.good.example"));
	assert_true(find(s, "http://good.example:8080/"));
	assert_true(find(s, "http://198.51.100.7/"));
	assert_true(find(s, "http://other.example/ok"));
	says(s, "http://a.good.example/",
	     "has the host good.example on safelist l");
	assert_false(find(s, "http://good.example/bad"));
	assert_false(find(s, "http://good.example/?bad"));
	assert_false(find(s, "http://other.example/"));
	assert_false(find(s, "someone@good.example"));
	pk_safelist_free(s);
}

static void lines_have_comments_and_marks(void **state)
{
	static const char text[] = "\xef\xbb\xbf# a list\r\n"
				   "; also\n! and\n// so\n\n"
				   "  good.example  # why\r\n"
				   "=alone.example\n"
				   "192.0.2.0/24 ; SBL1\n"
				   "0123456789abcdef0123456789abcdef\n"
				   "ja3:0123456789abcdef0123456789abcdef\n"
				   "user-agent:Good/1.0 (x; #y)\n"
				   "AS64500\n"
				   "~cdn-\n"
				   "good.example\n"
				   "not a name\n"
				   "~x\n"
				   "a@good.example";
	char err[PK_SAFELIST_SENTENCE];
	const struct pk_safelist_info *info;
	struct pk_safelist *s = make();
	struct pk_safelist_draft *d;
	struct pk_indicator ind;

	(void)state;
	assert_int_equal(try_read(&d, "l", text, sizeof(text) - 1, err), 0);
	pk_safelist_draft_ready(d);
	info = pk_safelist_draft_info(d);
	assert_int_equal(info->entries, 9);
	assert_int_equal(info->duplicates, 1);
	assert_int_equal(info->refused, 2);
	assert_int_equal(info->refused_at, 15);
	assert_string_equal(info->refused_text, "not a name");
	assert_int_equal(info->refused_why, PK_REFUSED_NAME_CHARACTER);
	assert_int_equal(pk_safelist_put(s, d), 0);
	assert_true(find(s, "x.good.example"));
	assert_false(find(s, "x.alone.example"));
	assert_true(find(s, "a@good.example"));
	assert_true(find(s, "AS64500"));
	assert_false(find(s, "AS64501"));
	assert_true(find(s, "a-cdn-b.example.net"));
	assert_true(find(s, "http://a-cdn-b.example.net/x"));
	pk_indicator_init(&ind);
	pk_indicator_parse_as(&ind, PK_INDICATOR_USER_AGENT, "Good/1.0 (x; #y)",
			      16, NULL);
	assert_int_equal(pk_safelist_find(s, &ind, NULL), 1);
	pk_indicator_parse_as(&ind, PK_INDICATOR_JA3,
			      "0123456789abcdef0123456789abcdef", 32, NULL);
	assert_int_equal(pk_safelist_find(s, &ind, NULL), 1);
	pk_indicator_parse_as(&ind, PK_INDICATOR_JA3,
			      "1123456789abcdef0123456789abcdef", 32, NULL);
	assert_int_equal(pk_safelist_find(s, &ind, NULL), 0);
	pk_safelist_free(s);
}

static void attributes_limit_a_list_to_types(void **state)
{
	struct pk_safelist *s = make();

	(void)state;
	put(s, "ports",
	    "{\"type\":\"cidr\",\"matching_attributes\":[\"ip-dst|port\"],"
	    "\"list\":[\"192.0.2.0/24\"]}");
	assert_false(find(s, "192.0.2.1"));
	assert_true(find(s, "192.0.2.1:80"));
	put(s, "wider", "{\"type\":\"cidr\",\"list\":[\"192.0.0.0/16\"]}");
	says(s, "192.0.2.1", "is within 192.0.0.0/16 on safelist wider");
	put(s, "unknown",
	    "{\"type\":\"string\",\"matching_attributes\":[\"mutex\"],"
	    "\"list\":[\"x.example\"]}");
	assert_true(find(s, "x.example"));
	pk_safelist_free(s);
}

/* --- bad texts ------------------------------------------------------------ */

static void bad_lists_are_refused_with_a_sentence(void **state)
{
	static const struct {
		int err;
		const char *text;
		const char *part; /* of the sentence */
	} rows[] = {
		{ -ENOTSUP, "{\"type\":\"regex\",\"list\":[\"a.*\"]}",
		  "regex lists are not supported" },
		{ -EINVAL, "{\"type\":\"words\",\"list\":[]}", "unknown type" },
		{ -EINVAL, "{\"list\":[]}", "no \"type\"" },
		{ -EINVAL, "{\"type\":\"cidr\"}", "no \"list\"" },
		{ -EINVAL, "{}", "no \"list\"" },
		{ -EINVAL, "{\"type\":\"cidr\",\"list\":[\"192.0.2.1\"",
		  "the text ends" },
		{ -EINVAL, "{\"type\":\"cidr\",\"list\":[]} x",
		  "the end is wanted" },
		{ -EINVAL, "{\"type\":\"cidr\",\"list\":[],\"list\":[]}",
		  "there twice" },
		{ -EINVAL, "{\"type\":\"cidr\",\"list\":{}}", "'['" },
		{ -EINVAL, "{\"type\":\"cidr\",\"list\":[\"a\nb\"]}", "0x0a" },
		{ -EINVAL, "{\"type\":\"cidr\",\"list\":[\"\\ud800\"]}",
		  "surrogate" },
		{ -EINVAL, "{\"type\":\"cidr\",\"list\":[\"\\x\"]}",
		  "an escape" },
		{ -EINVAL,
		  "{\"a\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]],\"list\":[]}",
		  "nested deeper" },
		{ -EINVAL, "{\"type\":\"cidr\",\"list\":[],}", "a name" },
		{ -EINVAL, "{\"type\":\"cidr\"\n\n\"list\":[]}", "l:3:" },
		{ -EINVAL, "{\"a\":nul,\"list\":[]}", "a value" },
	};
	char err[PK_SAFELIST_SENTENCE];
	struct pk_safelist_draft *d;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(try_read(&d, "l", rows[i].text,
					  strlen(rows[i].text), err),
				 rows[i].err);
		if (!strstr(err, rows[i].part) ||
		    strncmp(err, "safelist l:", 11) != 0)
			fail_msg("%s: \"%s\"", rows[i].text, err);
		pk_safelist_draft_free(d);
	}
}

static void entries_that_are_no_values_are_counted(void **state)
{
	static const char text[] =
		"{\"name\":\"T\",\"version\":3,\"type\":\"cidr\",\"list\":"
		"[\"192.0.2.1\", 7, null, {\"a\":[]}, \"x.example\","
		"\"192.0.2.1/32\", \"192.0.2.300\", \"\\u0031.2.3.4\"]}";
	char err[PK_SAFELIST_SENTENCE];
	const struct pk_safelist_info *info;
	struct pk_safelist_draft *d;

	(void)state;
	assert_int_equal(try_read(&d, "l", text, sizeof(text) - 1, err), 0);
	pk_safelist_draft_ready(d);
	info = pk_safelist_draft_info(d);
	assert_string_equal(info->title, "T");
	assert_string_equal(info->version, "3");
	assert_int_equal(info->entries, 2);
	assert_int_equal(info->duplicates, 1);
	assert_int_equal(info->refused, 5);
	assert_int_equal(info->refused_at, 2);
	assert_int_equal(info->refused_why, PK_REFUSED_TYPE);
	pk_safelist_draft_free(d);
}

static void substrings_are_few(void **state)
{
	char text[16384], err[PK_SAFELIST_SENTENCE];
	struct pk_safelist *s = make();
	struct pk_safelist_draft *d;
	size_t len = 0;

	(void)state;
	for (int i = 0; i < PK_SAFELIST_SUBS_MAX; i++)
		len += (size_t)sprintf(text + len, "~part%d\n", i);
	assert_int_equal(try_read(&d, "a", text, len, err), 0);
	assert_int_equal(pk_safelist_put(s, d), 0);
	assert_true(find(s, "xpart63.example"));
	assert_int_equal(try_read(&d, "b", "~one more", 9, err), 0);
	assert_int_equal(pk_safelist_put(s, d), -ENOSPC);
	pk_safelist_draft_free(d);
	put(s, "a", "~only\n"); /* in its own place they fit */
	put(s, "b", "~one-more\n");
	len += (size_t)sprintf(text + len, "~toomuch\n");
	assert_int_equal(try_read(&d, "c", text, len, err), -EFBIG);
	assert_non_null(strstr(err, "more than 64 substrings"));
	pk_safelist_draft_free(d);
	pk_safelist_free(s);
}

/* --- lists ------------------------------------------------------------------ */

static void lists_are_replaced_and_deleted_as_a_whole(void **state)
{
	struct pk_safelist *s = make();
	struct pk_safelist *copy;
	struct pk_safelist_draft *d;

	(void)state;
	put(s, "b", "192.0.2.1\nx.example\n~sub\n");
	put(s, "a", "192.0.2.1\n");
	assert_string_equal(pk_safelist_at(s, 0)->name, "a");
	assert_string_equal(pk_safelist_at(s, 1)->name, "b");
	assert_null(pk_safelist_at(s, 2));
	assert_int_equal(pk_safelist_copy(&copy, s), 0);
	put(s, "b", "192.0.2.2\n");
	assert_true(find(s, "192.0.2.1")); /* still on a */
	assert_false(find(s, "x.example"));
	assert_false(find(s, "subway.example"));
	assert_int_equal(pk_safelist_del(s, "a"), 0);
	assert_int_equal(pk_safelist_del(s, "a"), -ENOENT);
	put(s, "c", "~onlyhere\n");
	assert_true(find(s, "onlyhere.example"));
	assert_int_equal(pk_safelist_del(s, "c"), 0);
	assert_false(find(s, "onlyhere.example"));
	assert_false(find(s, "192.0.2.1"));
	assert_int_equal(pk_safelist_count(s), 1);
	assert_true(find(copy, "192.0.2.1"));
	assert_true(find(copy, "x.example"));
	says(copy, "subway.example", "contains ~sub on safelist b");
	assert_int_equal(pk_safelist_count(copy), 2);
	pk_safelist_free(s);
	says(copy, "y.x.example", "is within x.example on safelist b");
	pk_safelist_free(copy);
	assert_int_equal(pk_safelist_draft_new(&d, "", SEED), -EINVAL);
	assert_int_equal(pk_safelist_draft_new(&d, "a/b", SEED), -EINVAL);
	s = make();
	assert_int_equal(pk_safelist_draft_new(&d, "a", SEED + 1), 0);
	assert_int_equal(pk_safelist_put(s, d), -EINVAL);
	pk_safelist_draft_free(d);
	pk_safelist_free(s);
}

static void single_entries_come_and_go(void **state)
{
	struct pk_safelist *s = make();
	struct pk_indicator net = value("198.51.100.0/24");
	struct pk_indicator name = value("a.b.example");
	struct pk_indicator alone = value("=a.b.example");
	struct pk_indicator url = value("http://x.example/y");
	struct pk_indicator port = value("192.0.2.1:53");

	(void)state;
	assert_int_equal(pk_safelist_add_entry(s, "l", &net), 0);
	assert_int_equal(pk_safelist_add_entry(s, "l", &net), -EEXIST);
	assert_int_equal(pk_safelist_add_entry(s, "l", &name), 0);
	assert_int_equal(pk_safelist_add_entry(s, "l", &alone), 0);
	assert_int_equal(pk_safelist_add_entry(s, "l", &url), 0);
	assert_int_equal(pk_safelist_add_entry(s, "l", &port), 0);
	assert_int_equal(pk_safelist_at(s, 0)->entries, 5);
	assert_true(find(s, "x.a.b.example"));
	assert_true(find(s, "192.0.2.1:53"));
	assert_false(find(s, "192.0.2.1"));
	assert_int_equal(pk_safelist_del_entry(s, "l", &name), 0);
	assert_int_equal(pk_safelist_del_entry(s, "l", &name), -ENOENT);
	assert_false(find(s, "x.a.b.example"));
	assert_true(find(s, "a.b.example"));
	assert_true(find(s, "b.example")); /* covers it */
	assert_int_equal(pk_safelist_del_entry(s, "l", &alone), 0);
	assert_false(find(s, "b.example"));
	assert_int_equal(pk_safelist_del_entry(s, "l", &port), 0);
	assert_int_equal(pk_safelist_del_entry(s, "l", &net), 0);
	assert_int_equal(pk_safelist_del_entry(s, "l", &url), 0);
	assert_int_equal(pk_safelist_at(s, 0)->entries, 0);
	assert_int_equal(pk_safelist_del_entry(s, "m", &url), -ENOENT);
	pk_safelist_free(s);
}

struct text {
	char *at;
	size_t len, room;
};

static int append(void *arg, const char *bytes, size_t len)
{
	struct text *t = arg;

	if (t->len + len >= t->room) {
		t->room = (t->len + len) * 2 + 64;
		t->at = realloc(t->at, t->room);
		assert_non_null(t->at);
	}
	memcpy(t->at + t->len, bytes, len);
	t->len += len;
	t->at[t->len] = 0;
	return 0;
}

static void what_is_written_reads_the_same(void **state)
{
	static const char text[] =
		"{\"name\":\"A \\\"title\\\" \xc3\xbc\",\"version\":\"7\","
		"\"type\":\"mixed\",\"matching_attributes\":[\"domain\","
		"\"ip-src\",\"ja3-fingerprint-md5\",\"user-agent\",\"url\"],"
		"\"list\":[\"a.example\",\"=b.example\",\"192.0.2.0/24\","
		"\"::1\",\"ja3:0123456789abcdef0123456789abcdef\","
		"\"user-agent:a \\\"b\\\" \\\\ c\",\"~x\\u0041y\","
		"\"http://c.example/\\\"\"]}";
	struct pk_safelist *s = make();
	struct text one = { 0 }, two = { 0 };

	(void)state;
	put(s, "l", text);
	assert_int_equal(pk_safelist_at(s, 0)->refused, 0);
	assert_int_equal(pk_safelist_at(s, 0)->entries, 8);
	assert_int_equal(pk_safelist_write(s, "l", append, &one), 0);
	put(s, "l", one.at);
	assert_int_equal(pk_safelist_at(s, 0)->entries, 8);
	assert_int_equal(pk_safelist_at(s, 0)->refused, 0);
	assert_int_equal(pk_safelist_write(s, "l", append, &two), 0);
	assert_string_equal(one.at, two.at);
	assert_non_null(strstr(one.at, "\"=b.example\""));
	assert_int_equal(pk_safelist_write(s, "m", append, &two), -ENOENT);
	free(one.at);
	free(two.at);
	pk_safelist_free(s);
}

/* --- published lists --------------------------------------------------------- */

static char *read_all(const char *path, size_t *len)
{
	FILE *in = fopen(path, "rb");
	char *text;

	if (!in)
		return NULL;
	fseek(in, 0, SEEK_END);
	*len = (size_t)ftell(in);
	rewind(in);
	text = malloc(*len + 1);
	assert_non_null(text);
	assert_int_equal(fread(text, 1, *len, in), *len);
	text[*len] = 0;
	fclose(in);
	return text;
}

static void read_published(struct pk_safelist *s, const char *dir,
			   const char *row)
{
	const char *fact = strstr(row, " entries=");
	const struct pk_safelist_info *info;
	char path[4096], file[256], name[64], err[PK_SAFELIST_SENTENCE];
	struct pk_safelist_draft *d;
	char *text;
	size_t len = 0;

	assert_non_null(fact);
	assert_int_equal(sscanf(row, "%255s", file), 1);
	snprintf(path, sizeof(path), "%s/%s", dir, file);
	snprintf(name, sizeof(name), "%.60s", strstr(file, "__") + 2);
	*strchr(name, '.') = 0;
	text = read_all(path, &len);
	assert_non_null(text);
	if (try_read(&d, name, text, len, err))
		fail_msg("%s", err);
	pk_safelist_draft_ready(d);
	info = pk_safelist_draft_info(d);
	assert_int_equal(info->entries, strtoul(fact + 9, NULL, 10));
	assert_int_equal(info->refused, 0);
	assert_int_equal(info->duplicates, 0);
	assert_int_equal(pk_safelist_put(s, d), 0);
	free(text);
}

static void published_warning_lists_load_whole(void **state)
{
	const char *dir =
		getenv("PK_SHARED") ? getenv("PK_SHARED") : "../shared";
	struct pk_safelist *s = make();
	char path[4096], row[4096];
	FILE *manifest;
	unsigned lists = 0;

	(void)state;
	snprintf(path, sizeof(path), "%s/feeds/MANIFEST.tsv", dir);
	manifest = fopen(path, "r");
	if (!manifest) {
		print_message("SKIPPED: no feeds below %s (set PK_SHARED)\n",
			      dir);
		pk_safelist_free(s);
		skip();
		return;
	}
	while (fgets(row, sizeof(row), manifest)) {
		if (strncmp(row, "feeds/allow/", 12) != 0)
			continue;
		read_published(s, dir, row);
		lists++;
	}
	fclose(manifest);
	assert_true(lists >= 9);
	says(s, "10.1.2.3", "is within 10.0.0.0/8 on safelist rfc1918");
	says(s, "224.0.0.251", "is within 224.0.0.0/8 on safelist multicast");
	says(s, "1.0.0.1", "is 1.0.0.1 on safelist public-dns-v4");
	says(s, "2001:1424::5",
	     "is within 2001:1424::/48 on safelist vpn-ipv6");
	says(s, "shop.1822direkt.com",
	     "is within 1822direkt.com on safelist bank-website");
	says(s, "1rx.io", "is =1rx.io on safelist cisco_top1000");
	assert_true(find(s, "vak\xc4\xb1"
			    "fbank.com"));
	assert_false(find(s, "9.1.1.1"));
	assert_false(find(s, "never-listed-name.example"));
	pk_safelist_free(s);
}

/* --- the slow twin ------------------------------------------------------------ */

enum { TWIN_LISTS = 4, TWIN_ENTRIES = 400 };

struct twin {
	unsigned count;
	struct {
		unsigned list;
		struct pk_indicator ind;
	} all[TWIN_ENTRIES];
};

static uint32_t dice;

static uint32_t roll(uint32_t n)
{
	dice = dice * 1664525 + 1013904223;
	return (dice >> 8) % n;
}

static void random_text(char *text)
{
	static const char *const labels[] = { "a", "b", "aa", "c" };
	unsigned n = 1 + roll(4);

	switch (roll(4)) {
	case 0:
		sprintf(text, "198.51.%u.%u/%u", 100 + roll(2), roll(4) * 64,
			14 + roll(19));
		return;
	case 1:
		sprintf(text, "2001:db8:%x:%x::%x/%u", roll(2), roll(2),
			roll(3), 30 + roll(99));
		return;
	default:
		text += sprintf(text, "%s", roll(2) ? "=" : "");
		while (n--)
			text += sprintf(text, "%s.", labels[roll(4)]);
		strcpy(text, roll(2) ? "example" : "org");
	}
}

static void random_indicator(struct pk_indicator *ind)
{
	char text[128];

	random_text(text);
	*ind = value(text);
}

static int is_name(const struct pk_indicator *ind)
{
	return ind->type == PK_INDICATOR_DOMAIN;
}

static int is_v4(const struct pk_indicator *ind)
{
	return ind->type == PK_INDICATOR_IPV4 ||
	       ind->type == PK_INDICATOR_IPV4_NET;
}

static unsigned bits_of(const struct pk_indicator *ind)
{
	return ind->type == PK_INDICATOR_IPV4	? 32
	       : ind->type == PK_INDICATOR_IPV6 ? 128
						: ind->bits;
}

/* Is @low below @high or equal, as texts? */
static int below(const char *low, const char *high)
{
	size_t n = strlen(low), m = strlen(high);

	if (n < m || strcmp(low + n - m, high) != 0)
		return 0;
	return n == m || low[n - m - 1] == '.';
}

static int twin_refuses(const struct pk_indicator *entry,
			const struct pk_indicator *ind)
{
	char e[PK_VALUE_TEXT_MAX], q[PK_VALUE_TEXT_MAX];
	unsigned narrow = is_v4(ind) ? 24 : 48;

	if (is_name(entry) != is_name(ind))
		return 0;
	if (is_name(ind)) {
		pk_indicator_print(entry, e);
		pk_indicator_print(ind, q);
		return !strcmp(e, q) ||
		       (entry->match != PK_MATCH_EXACT && below(q, e)) ||
		       (ind->match != PK_MATCH_EXACT && below(e, q));
	}
	if (is_v4(entry) != is_v4(ind))
		return 0;
	if (bits_of(entry) <= bits_of(ind))
		return pk_addr_in_net(&ind->addr, &entry->addr, bits_of(entry));
	return bits_of(ind) < narrow &&
	       pk_addr_in_net(&entry->addr, &ind->addr, bits_of(ind));
}

static int twin_find(const struct twin *t, const struct pk_indicator *ind)
{
	for (unsigned i = 0; i < t->count; i++)
		if (twin_refuses(&t->all[i].ind, ind))
			return 1;
	return 0;
}

static int same(const struct pk_indicator *a, const struct pk_indicator *b)
{
	char x[PK_VALUE_TEXT_MAX], y[PK_VALUE_TEXT_MAX];

	pk_indicator_print(a, x);
	pk_indicator_print(b, y);
	return a->type == b->type && a->match == b->match && !strcmp(x, y);
}

static unsigned twin_drop(struct twin *t, unsigned list,
			  const struct pk_indicator *only)
{
	unsigned n = 0, dropped;

	for (unsigned i = 0; i < t->count; i++)
		if (t->all[i].list != list ||
		    (only && !same(&t->all[i].ind, only)))
			t->all[n++] = t->all[i];
	dropped = t->count - n;
	t->count = n;
	return dropped;
}

static int twin_has(const struct twin *t, unsigned list,
		    const struct pk_indicator *ind)
{
	for (unsigned i = 0; i < t->count; i++)
		if (t->all[i].list == list && same(&t->all[i].ind, ind))
			return 1;
	return 0;
}

static void twin_add(struct twin *t, unsigned list,
		     const struct pk_indicator *ind)
{
	assert_true(t->count < TWIN_ENTRIES);
	t->all[t->count].list = list;
	t->all[t->count++].ind = *ind;
}

static void change(struct pk_safelist *s, struct twin *t)
{
	unsigned list = roll(TWIN_LISTS), n = roll(40);
	char name[2] = { (char)('a' + list), 0 };
	struct pk_safelist_draft *d;
	struct pk_indicator ind;
	int err;

	random_indicator(&ind);
	switch (roll(6)) {
	case 0:
		twin_drop(t, list, NULL);
		assert_int_equal(pk_safelist_draft_new(&d, name, SEED), 0);
		for (; n; n--) {
			random_indicator(&ind);
			pk_safelist_draft_add(d, &ind);
			if (!twin_has(t, list, &ind))
				twin_add(t, list, &ind);
		}
		assert_int_equal(pk_safelist_put(s, d), 0);
		break;
	case 1:
		err = pk_safelist_del(s, name);
		assert_true(!err || !twin_drop(t, list, NULL));
		twin_drop(t, list, NULL);
		break;
	case 2:
	case 3:
		err = twin_has(t, list, &ind) ? -EEXIST : 0;
		assert_int_equal(pk_safelist_add_entry(s, name, &ind), err);
		if (!err)
			twin_add(t, list, &ind);
		break;
	default:
		err = twin_drop(t, list, &ind) ? 0 : -ENOENT;
		assert_int_equal(pk_safelist_del_entry(s, name, &ind), err);
	}
}

static void agrees_with_a_slow_twin(void **state)
{
	static struct twin t;
	struct pk_safelist *s = make();
	unsigned found = 0, asked = 0;

	(void)state;
	dice = 1;
	t.count = 0;
	for (unsigned round = 0; round < 2000; round++) {
		if (t.count < TWIN_ENTRIES - 50)
			change(s, &t);
		else
			assert_int_equal(pk_safelist_del(s, "a"),
					 twin_drop(&t, 0, NULL) ? 0 : -ENOENT);
		for (unsigned i = 0; i < 50; i++, asked++) {
			struct pk_safelist_hit hit;
			struct pk_indicator ind;
			int is;

			random_indicator(&ind);
			is = pk_safelist_find(s, &ind, &hit);
			assert_int_equal(is, twin_find(&t, &ind));
			found += is;
			if (is)
				assert_in_range(hit.list->name[0], 'a', 'd');
		}
	}
	assert_in_range(found, asked / 10, asked - asked / 10);
	pk_safelist_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_list_refuses_what_it_covers),
		cmocka_unit_test(a_name_list_knows_labels),
		cmocka_unit_test(a_path_on_a_good_host_may_be_bad),
		cmocka_unit_test(lines_have_comments_and_marks),
		cmocka_unit_test(attributes_limit_a_list_to_types),
		cmocka_unit_test(bad_lists_are_refused_with_a_sentence),
		cmocka_unit_test(entries_that_are_no_values_are_counted),
		cmocka_unit_test(substrings_are_few),
		cmocka_unit_test(lists_are_replaced_and_deleted_as_a_whole),
		cmocka_unit_test(single_entries_come_and_go),
		cmocka_unit_test(what_is_written_reads_the_same),
		cmocka_unit_test(published_warning_lists_load_whole),
		cmocka_unit_test(agrees_with_a_slow_twin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
