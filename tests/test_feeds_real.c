/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Published lists, and what an independent program counted in them
 * (MANIFEST.tsv, last column). They lie in $PK_SHARED/feeds, by default in
 * ../shared; without them this test skips.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ioc/feed.h"
#include "ioc/store.h"

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

static int accept(void *arg, const struct pk_indicator *ind)
{
	return pk_store_add(arg, ind, NULL);
}

static struct pk_feed_stats read_file(const char *path)
{
	FILE *in = open_shared(path);
	struct pk_feed_sink sink = { .accept = accept };
	struct pk_feed_stats st;
	struct pk_store_stats stored;
	struct pk_store *store;
	struct pk_feed *f;
	char bytes[10007];
	size_t len;

	assert_non_null(in);
	assert_int_equal(pk_store_new(&store, 1), 0);
	sink.arg = store;
	assert_int_equal(pk_feed_open(&f, "lines", 0, &sink), 0);
	while ((len = fread(bytes, 1, sizeof(bytes), in)))
		pk_feed_push(f, bytes, len);
	pk_feed_finish(f);
	fclose(in);
	st = *pk_feed_stats(f);
	pk_store_stats(store, &stored);
	assert_int_equal(stored.live, st.accepted);
	pk_feed_close(f);
	pk_store_free(store);
	return st;
}

static int is_plain_list(const char *row)
{
	return (strstr(row, "IP address list") || strstr(row, "domain list") ||
		strstr(row, "URL/domain list")) &&
	       !fact(row, "hosts_lines") && strstr(row, " lines=") &&
	       !strstr(row, "ipsum__ipsum.txt"); /* a second column */
}

static void published_lists_give_what_others_count(void **state)
{
	FILE *manifest = open_shared("feeds/MANIFEST.tsv");
	unsigned files = 0;
	char row[4096];

	(void)state;
	if (!manifest) {
		print_message("SKIPPED: no feeds below %s (set PK_SHARED)\n",
			      shared());
		skip();
		return;
	}
	while (fgets(row, sizeof(row), manifest)) {
		struct pk_feed_stats st;
		char path[256];

		if (!is_plain_list(row) || sscanf(row, "%255s", path) != 1)
			continue;
		st = read_file(path);
		assert_int_equal(st.lines, fact(row, "lines"));
		assert_int_equal(st.accepted + st.duplicates,
				 fact(row, "ipv4") + fact(row, "ipv6") +
					 fact(row, "domain"));
		assert_int_equal(st.refused[PK_REFUSED_PREFIX],
				 fact(row, "cidr"));
		files++;
	}
	fclose(manifest);
	assert_true(files >= 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_lists_give_what_others_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
