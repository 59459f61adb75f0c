/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * picketctl's commands about indicators, feeds and safelists: what they ask,
 * and how they show what the protocol's table (control/ctl/ctl.h) says comes back.
 */
#include "tests/picketctl_rig.h"

#define LOADED                                                                   \
	"{\"op\":\"replace\",\"feed\":\"f\",\"format\":\"lines\",\"records\":9," \
	"\"accepted\":4,\"duplicates\":1,\"unused\":1,\"refused\":1,"            \
	"\"comments\":1,\"headers\":0,\"blank\":1,"                              \
	"\"reasons\":{\"bogon\":1},\"skipped\":{\"local\":1},"                   \
	"\"samples\":[\"feed f:3: bogon\\u001b\"],"                              \
	"\"guards\":[{\"guard\":\"shrink\",\"refuses\":true,\"forced\":false,"   \
	"\"count\":0,\"message\":\"shrinks by 90 %%\"}],"                        \
	"\"diff\":{\"added\":2,\"changed\":1,\"withdrawn\":3,\"same\":4,"        \
	"\"samples\":[{\"op\":\"add\",\"type\":\"domain-name\","                 \
	"\"match\":\"exact\",\"value\":\"a.example\"},"                          \
	"{\"op\":\"del\",\"type\":\"ipv4-addr\",\"match\":\"exact\","            \
	"\"value\":\"192.0.2.1\"}]},"                                            \
	"\"memory\":{\"store\":2048,\"store_after\":4096,\"image\":1024,"        \
	"\"image_after\":8192},\"seen\":{\"count\":5},"                          \
	"\"dry_run\":%s,\"applied\":true,\"generation\":7,\"commit\":12}"

#define ITEM                                                               \
	"{\"slot\":3,\"type\":\"domain-name\",\"match\":\"subdomains\","   \
	"\"value\":\"bad.example\",\"feed\":\"f\",\"feeds\":[\"f\"],"      \
	"\"hits\":9,\"threat_type\":\"c2, and \\\"more\\\"\","             \
	"\"class\":\"c2-server\",\"confidence\":75,\"severity\":\"high\"," \
	"\"tlp\":\"amber\",\"tags\":\"a,b\",\"attribution\":\"\","         \
	"\"id\":\"17\",\"action\":\"alert\",\"derived\":false}"
#define JA3                                                 \
	"{\"slot\":4,\"type\":\"ja3\",\"match\":\"exact\"," \
	"\"value\":\"0123456789abcdef0123456789abcdef\",\"feed\":\"f\"}"
#define ADDRESS                                                   \
	"{\"slot\":5,\"type\":\"ipv4-addr\",\"match\":\"exact\"," \
	"\"value\":\"192.0.2.9\",\"feed\":\"f\",\"threat_type\":\"\"}"

static const struct {
	const char *op;
	const char *answer;
} canned[] = {
	{ "ioc add", "{\"type\":\"ipv4-net\",\"match\":\"exact\",\"value\":"
		     "\"192.0.2.0/24\",\"added\":false,\"changed\":true,"
		     "\"slot\":4,\"generation\":8}" },
	{ "ioc del", "{\"type\":\"domain-name\",\"match\":\"one-label\","
		     "\"value\":\"bad.example\",\"generation\":9}" },
	{ "ioc rollback", "{\"commit\":20,\"to\":11,\"added\":1,\"changed\":2,"
			  "\"withdrawn\":3,\"generation\":10}" },
	{ "ioc history",
	  "{\"commits\":[{\"commit\":12,\"time\":\"2026-01-02T03:04:05Z\","
	  "\"op\":\"load\",\"feed\":\"f\",\"by\":\"root\",\"added\":5,"
	  "\"changed\":0,\"withdrawn\":0,\"total\":5}],\"commit\":12}" },
	{ "ioc list",
	  "{\"items\":[" ITEM "," JA3 "," ADDRESS "],\"total\":3}" },
	{ "ioc explain",
	  "{\"type\":\"domain-name\",\"match\":\"exact\",\"value\":"
	  "\"x.bad.example\",\"generation\":7,\"commit\":12,\"items\":["
	  "{\"slot\":3,\"type\":\"domain-name\",\"match\":\"subdomains\","
	  "\"value\":\"bad.example\",\"hits\":9,\"last_hit\":\"2026\","
	  "\"evidence\":{\"time\":\"T\",\"plane\":\"xdp\",\"role\":"
	  "\"question\",\"depth\":1,\"protocol\":\"udp\",\"src\":\"10.0.0.1\","
	  "\"src_port\":5,\"dst\":\"10.0.0.2\",\"dst_port\":53},"
	  "\"where\":{\"layer\":\"delta\",\"table\":\"name\","
	  "\"generation\":7},\"feeds\":[{\"feed\":\"f\",\"since\":\"S\","
	  "\"tags\":\"a,b\",\"licence\":\"CC0\"}]}]}" },
	{ "ioc hits", "{\"by\":\"indicator\",\"total\":1,\"hits\":9,\"items\":"
		      "[" ITEM "]}" },
	{ "ioc status",
	  "{\"state\":\"degraded\",\"why\":\"xdp lags\",\"generation\":7,"
	  "\"commit\":12,\"items\":5,\"feeds\":1,\"planes\":[{\"plane\":"
	  "\"xdp\",\"port\":\"-\",\"state\":\"running\",\"generation\":6,"
	  "\"lag_ms\":1500}],\"image\":{\"base\":{\"items\":4,\"bytes\":999},"
	  "\"delta\":{\"items\":1,\"tombstones\":0,\"bytes\":128},"
	  "\"tables\":[{\"table\":\"v4\",\"items\":4,\"bytes\":64}],"
	  "\"filter\":{\"bytes\":64}},\"store\":{\"bytes\":77},"
	  "\"disk\":{\"dir\":\"/d\",\"bytes\":5}}" },
	{ "ioc confirm-clock", "{\"clock\":\"\"}" },
	{ "feed list", "{\"feeds\":[{\"feed\":\"f\",\"items\":5,\"format\":"
		       "\"lines\",\"licence\":\"CC0\"}]}" },
	{ "feed show",
	  "{\"feed\":\"f\",\"items\":5,\"reasons\":{\"bogon\":1},"
	  "\"rejected\":[{\"line\":3,\"message\":\"feed f:3: a bogon\"}]}" },
	{ "feed del", "{\"feed\":\"f\",\"withdrawn\":5,\"dry_run\":true}" },
	{ "safelist list", "{\"lists\":[{\"list\":\"top\",\"entries\":1000,"
			   "\"title\":\"top.json\"}]}" },
	{ "safelist load", "{\"list\":\"top\",\"entries\":3,\"refused\":0,"
			   "\"covered\":2}" },
	{ "safelist add", "{\"list\":\"manual\",\"value\":\"a.example\","
			  "\"added\":true}" },
	{ "safelist del", "{\"list\":\"manual\",\"value\":\"a.example\"}" },
	{ "safelist test", "{\"match\":true,\"type\":\"domain-name\",\"value\":"
			   "\"a.example\",\"list\":\"top\",\"entry\":\"e\"}" },
};

/* The canned answer, and the question behind "asked". */
static int op_canned(void *arg, struct json_object *args, const void *bytes,
		     size_t n, struct pk_ctl_answer *out)
{
	struct json_object *o = json_tokener_parse(arg);

	(void)bytes;
	(void)n;
	json_object_object_add(o, "asked", json_object_get(args));
	pk_ctl_ok(out, o);
	return 0;
}

/* A file of "!" is refused by a guard. */
static int op_load(void *arg, struct json_object *args, const void *bytes,
		   size_t n, struct pk_ctl_answer *out)
{
	struct json_object *o;
	char text[2048];

	(void)arg;
	snprintf(text, sizeof(text), LOADED,
		 json_object_get_boolean(pk_cli_get(args, "dry_run"))
			 ? "true"
			 : "false");
	o = json_tokener_parse(text);
	json_object_object_add(o, "asked", json_object_get(args));
	if (n && *(const char *)bytes == '!')
		pk_ctl_fail_with(out, PK_CTL_E_GUARDED, o, "a guard refuses");
	else
		pk_ctl_ok(out, o);
	return 0;
}

static void register_ops(struct pk_ctl *ctl)
{
	static const char *const loads[] = { "ioc load", "ioc replace",
					     "ioc diff", "ioc apply" };

	for (size_t i = 0; i < LEN(canned); i++)
		pk_ctl_add(ctl, canned[i].op, op_canned,
			   (void *)canned[i].answer);
	for (size_t i = 0; i < LEN(loads); i++)
		pk_ctl_add(ctl, loads[i], op_load, NULL);
}

/* "F" in a line is a file, "G" one that a guard refuses. */
static const struct {
	const char *line;
	int status;
	const char *text;  /* a part of what is said */
	const char *asked; /* the arguments of the request; NULL: none */
} lines[] = {
	{ "ioc add 192.0.2.0/24 --feed x --type ipv4-net --threat-type c2 "
	  "--confidence 80 --tlp amber --tags a,b --ttl 7d --force",
	  0, "ipv4-net 192.0.2.0/24 changed: slot 4, generation 8",
	  "{\"value\":\"192.0.2.0/24\",\"feed\":\"x\",\"type\":\"ipv4-net\","
	  "\"threat_type\":\"c2\",\"confidence\":80,\"tlp\":\"amber\","
	  "\"tags\":\"a,b\",\"ttl\":604800,\"force\":true}" },
	{ "ioc add a --ttl 90", 0, "changed", "{\"value\":\"a\",\"ttl\":90}" },
	{ "ioc add a --ttl 15m", 0, "changed",
	  "{\"value\":\"a\",\"ttl\":900}" },
	{ "ioc add a --ttl 7y", 2, "needs a duration", NULL },
	{ "ioc add a --ttl ~", 2, "needs a duration", NULL },
	{ "ioc add a --ttl 4294967296", 2, "needs a duration", NULL },
	{ "ioc del a --match exact", 0, "domain-name +.bad.example deleted",
	  "{\"value\":\"a\",\"match\":\"exact\"}" },
	{ "ioc replace F --feed f --refang --score-min 3 --licence CC0", 5,
	  "feed f (lines): 9 records, 4 accepted, 1 duplicates, 1 unused, 1 "
	  "refused, 2 comments",
	  "{\"feed\":\"f\",\"refang\":true,\"score_min\":3,\"licence\":\"CC0\","
	  "\"name\":\"list\"}" },
	{ "ioc load F,stix", 5, "  refused bogon: 1\n  unused local: 1\n",
	  "{\"name\":\"list\",\"format\":\"stix\"}" },
	{ "ioc load F --dry-run", 5,
	  "+=a.example\n-192.0.2.1\n2 new, 1 changed, 3 withdrawn, 4 the same\n"
	  "store 2 -> 4 KiB, image 1 -> 8 KiB; 5 of the new ones were seen "
	  "lately\ndry run: nothing was changed\n",
	  "{\"name\":\"list\",\"dry_run\":true}" },
	{ "ioc load F --mapping feodo", 5, "generation 7, commit 12",
	  "{\"name\":\"list\",\"mapping\":\"feodo\"}" },
	{ "ioc load F --mapping F", 5, "generation 7",
	  "{\"name\":\"list\",\"mapping\":\"x\\n\"}" },
	{ "ioc diff F", 5, "2 new", "{\"name\":\"list\"}" },
	{ "ioc load G", 1, "a guard refuses", NULL },
	{ "ioc apply F --expect 12", 0, "commit 12", "{\"expect\":12}" },
	{ "ioc rollback 11", 0,
	  "as after commit 11: 1 added, 2 changed, 3 withdrawn; commit 20",
	  "{\"commit\":11}" },
	{ "ioc rollback last", 2, "not the number of a commit", NULL },
	{ "ioc history --limit 5", 0, "load f    root     5", "{\"limit\":5}" },
	{ "ioc explain x.bad.example", 0,
	  "domain-name bad.example (slot 3)\n  in: delta, table name, generation "
	  "7\n  hits: 9\n  last hit: 2026\n  last evidence: T xdp, question at depth 1: "
	  "10.0.0.1 port 5 -> 10.0.0.2 port 53 (udp)\n  feed f\n    since: S\n"
	  "    tags: a,b\n    licence: CC0\n",
	  "{\"value\":\"x.bad.example\"}" },
	{ "ioc hits --by indicator", 0, "9 hits of 1 indicators",
	  "{\"by\":\"indicator\"}" },
	{ "ioc status", 5,
	  "degraded: generation 7, commit 12, 5 indicators of 1 feeds\nwhy: xdp "
	  "lags\n",
	  "{}" },
	{ "ioc confirm-clock", 0, "indicators end by the system's time", "{}" },
	{ "feed list", 0, "CC0", "{}" },
	{ "feed show f", 0, "refused bogon: 1\nfeed f:3: a bogon",
	  "{\"feed\":\"f\",\"samples\":10}" },
	{ "feed show f --rejected", 0, "items: 5",
	  "{\"feed\":\"f\",\"samples\":1000}" },
	{ "feed del f --dry-run", 0, "5 indicators withdrawn (dry run",
	  "{\"feed\":\"f\",\"dry_run\":true}" },
	{ "safelist list", 0, "top.json", "{}" },
	{ "safelist load F --list top", 0,
	  "safelist top: 3 entries, 0 refused\n2 indicators",
	  "{\"list\":\"top\"}" },
	{ "safelist load F", 0, "3 entries", "{\"list\":\"list\"}" },
	{ "safelist add a.example", 0, "safelist manual: a.example added",
	  "{\"value\":\"a.example\"}" },
	{ "safelist del a.example", 0, "a.example deleted",
	  "{\"value\":\"a.example\"}" },
	{ "safelist del", 2, "what shall be deleted", NULL },
	{ "safelist test a.example", 0, "kept out by top: e",
	  "{\"value\":\"a.example\"}" },
};

static char file[64], guarded[64];

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* The line with files' names for " F" and " G". */
static void put_files(const char *line, char out[512])
{
	size_t n = 0;

	for (const char *p = line; *p; p++) {
		const char *name = p[0] == 'F' ? file : guarded;

		if (p == line || p[-1] != ' ' || (*p != 'F' && *p != 'G'))
			out[n++] = *p;
		else
			n += (size_t)sprintf(out + n, "%s", name);
	}
	out[n] = 0;
}

static void check_json(const char *line, int status, const char *asked)
{
	struct json_object *root, *wanted;
	char with[560];

	snprintf(with, sizeof(with), "-j %s", line);
	assert_int_equal(picketctl(with), status);
	assert_harmless(result.out);
	root = document();
	assert_int_equal(!!pk_cli_get(root, "error"), !asked);
	if (asked) {
		wanted = json_tokener_parse(asked);
		if (!json_object_equal(pk_cli_get(root, "asked"), wanted))
			fail_msg("%s: asked %s", line,
				 json_object_to_json_string(
					 pk_cli_get(root, "asked")));
		json_object_put(wanted);
	}
	json_object_put(root);
}

static void each_command_asks_and_shows(void **state)
{
	char line[512];

	(void)state;
	start_server(1);
	for (size_t i = 0; i < LEN(lines); i++) {
		bool failed = !lines[i].asked;

		put_files(lines[i].line, line);
		if (picketctl(line) != lines[i].status)
			fail_msg("%s: status %d, not %d: %s", line,
				 result.status, lines[i].status, result.err);
		assert_has(failed ? result.err : result.out, lines[i].text);
		assert_harmless(result.out);
		assert_harmless(result.err);
		check_json(line, lines[i].status, lines[i].asked);
	}
	stop();
}

static void what_a_guard_refused_is_told_in_full(void **state)
{
	struct json_object *root;
	char line[512];

	(void)state;
	start_server(1);
	put_files("ioc replace G", line);
	assert_int_equal(picketctl(line), 1);
	assert_has(result.err, "guard shrink: shrinks by 90 %");
	assert_has(result.err, "feed f:3: bogon\\x1b");
	put_files("-j ioc replace G", line);
	assert_int_equal(picketctl(line), 1);
	root = document();
	assert_int_equal(
		pk_cli_int(pk_cli_get(pk_cli_get(root, "error"), "details"),
			   "records"),
		9);
	json_object_put(root);
	stop();
}

static void exports_are_what_others_read(void **state)
{
	static const struct {
		const char *form;
		int status;
		const char *text;
	} forms[] = {
		{ "csv", 0,
		  "value,type,match,threat_type,class,confidence,severity,tlp,"
		  "tags,first_seen,last_seen,valid_from,valid_until,id,"
		  "attribution,action\nbad.example,domain-name,subdomains,\"c2, and "
		  "\"\"more\"\"\",c2-server,75,high,amber,\"a,b\",,,,,17,,alert\n"
		  "0123456789abcdef0123456789abcdef,ja3,exact" },
		{ "lines", 5, "bad.example\n192.0.2.9\n" },
		{ "zeek", 5,
		  "#fields\tindicator\tindicator_type\tmeta.source\tmeta.desc\n"
		  "bad.example\tIntel::DOMAIN\tf\tc2, and \"more\"\n"
		  "192.0.2.9\tIntel::ADDR\tf\t-\n" },
		{ "dataset", 0,
		  "LmJhZC5leGFtcGxl\n0123456789abcdef0123456789abcdef\n"
		  "192.0.2.9\n" },
		{ "ndjson", 0, "\"op\":\"add\"" },
		{ "nonsense", 2, "" },
	};
	char line[64];

	(void)state;
	start_server(1);
	for (size_t i = 0; i < LEN(forms); i++) {
		snprintf(line, sizeof(line), "ioc export --format %s",
			 forms[i].form);
		if (picketctl(line) != forms[i].status)
			fail_msg("%s: status %d: %s", line, result.status,
				 result.err);
		assert_has(result.out, forms[i].text);
	}
	stop();
}

static int make_files(void **state)
{
	if (make_folder(state))
		return -1;
	snprintf(file, sizeof(file), "%s/list", dir);
	snprintf(guarded, sizeof(guarded), "%s/guarded", dir);
	write_file(file, "x\n");
	write_file(guarded, "!\n");
	return 0;
}

static int drop_files(void **state)
{
	unlink(file);
	unlink(guarded);
	return drop_folder(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(each_command_asks_and_shows,
					  clean_up),
		cmocka_unit_test_teardown(what_a_guard_refused_is_told_in_full,
					  clean_up),
		cmocka_unit_test_teardown(exports_are_what_others_read,
					  clean_up),
	};

	return cmocka_run_group_tests(tests, make_files, drop_files);
}
