/* SPDX-License-Identifier: BSD-2-Clause */
/* picketctl: every command line has its status and words, as text and JSON. */
#include "tests/picketctl_rig.h"

enum { ITEMS = 2500 };

static void answer(struct pk_ctl_answer *out, const char *text)
{
	pk_ctl_ok(out, json_tokener_parse(text));
}

static const char *audit_result;

static int op_status(void *arg, struct json_object *args, const void *bytes,
		     size_t n, struct pk_ctl_answer *out)
{
	char text[2048];

	(void)arg;
	(void)args;
	(void)bytes;
	(void)n;
	snprintf(text, sizeof(text),
		 "{\"version\":\"9\",\"uptime_s\":77,\"sensor\":\"s1\","
		 "\"generation\":3,\"interfaces\":[{\"name\":\"eth" HOSTILE
		 "\",\"ifindex\":2,\"port\":0,\"mode\":\"native\",\"egress\":"
		 "\"tcx\",\"state\":\"running\",\"counters\":{\"seen\":42,"
		 "\"lost\":0}}],\"ports\":[],\"planes\":[{\"plane\":\"xdp\","
		 "\"port\":\"eth0\",\"pid\":5,\"state\":\"running\","
		 "\"restarts\":1,\"gaps\":[{\"from\":\"A\",\"to\":\"B\"}],"
		 "\"said\":\"no link\"}],"
		 "\"bus\":{\"endpoints\":[\"%s\"]},\"indicators\":{\"total\":"
		 "4,\"by_type\":{\"ipv4-addr\":4}}}",
		 endpoint);
	answer(out, text);
	return 0;
}

static const char *audit_result = "ok";

static int op_audit(void *arg, struct json_object *args, const void *bytes,
		    size_t n, struct pk_ctl_answer *out)
{
	char text[512];

	(void)arg;
	(void)args;
	(void)bytes;
	(void)n;
	snprintf(text, sizeof(text),
		 "{\"result\":\"%s\",\"identities\":[{\"name\":\"K1\","
		 "\"plane\":\"xdp\",\"left\":10,\"right\":9,\"delta\":1,"
		 "\"ok\":false,\"doubt\":true}],\"doubt\":%s,\"lost\":"
		 "[{\"plane\":\"p0\",\"counter\":\"socket_drops\","
		 "\"count\":27952},{\"plane\":\"xdp\",\"counter\":"
		 "\"read_bad\",\"count\":1}],\"notes\":[\"N1\"]}",
		 audit_result, strcmp(audit_result, "ok") ? "false" : "true");
	answer(out, text);
	return 0;
}

/* The interface's name says how it goes. */
static int op_attach(void *arg, struct json_object *args, const void *bytes,
		     size_t n, struct pk_ctl_answer *out)
{
	const char *name = pk_cli_text(args, "interface");
	enum pk_ctl_code code = pk_ctl_code_find(name);
	char text[256];

	(void)arg;
	(void)bytes;
	(void)n;
	if (code < PK_CTL_CODE_COUNT) {
		pk_ctl_fail(out, code, "a hint", "about \"%s\"", name);
		return 0;
	}
	if (!strcmp(name, "exit"))
		_exit(0);
	snprintf(text, sizeof(text),
		 "{\"interface\":\"%s\",\"ifindex\":2,\"port\":1,\"mode\":"
		 "\"%s\",\"egress\":\"%s\",\"notes\":[\"yes=%d\"]}",
		 name, pk_cli_int(args, "skb") ? "skb" : "native",
		 pk_cli_int(args, "ingress_only") ? "none" : "tcx",
		 (int)pk_cli_int(args, "yes"));
	answer(out, text);
	return 0;
}

static int op_echo(void *arg, struct json_object *args, const void *bytes,
		   size_t n, struct pk_ctl_answer *out)
{
	(void)arg;
	(void)bytes;
	(void)n;
	pk_ctl_ok(out, json_object_get(args));
	return 0;
}

static int op_port_add(void *arg, struct json_object *args, const void *bytes,
		       size_t n, struct pk_ctl_answer *out)
{
	const char *vdev = pk_cli_text(args, "vdev");

	(void)arg;
	(void)bytes;
	(void)n;
	json_object_object_add(
		args, "device",
		json_object_new_string(*vdev ? vdev
					     : pk_cli_text(args, "pci")));
	pk_ctl_ok(out, json_object_get(args));
	return 0;
}

static int op_ioc_add(void *arg, struct json_object *args, const void *bytes,
		      size_t n, struct pk_ctl_answer *out)
{
	(void)arg;
	(void)bytes;
	(void)n;
	if (!strcmp(pk_cli_text(args, "value"), "nonsense")) {
		pk_ctl_fail(out, PK_CTL_E_USAGE, NULL, "no indicator");
		return 0;
	}
	json_object_object_add(args, "type",
			       json_object_new_string("ipv4-addr"));
	json_object_object_add(args, "added", json_object_new_boolean(1));
	pk_ctl_ok(out, json_object_get(args));
	return 0;
}

static int op_ioc_load(void *arg, struct json_object *args, const void *bytes,
		       size_t n, struct pk_ctl_answer *out)
{
	int64_t lines = 0, refused = 0;

	(void)arg;
	for (size_t i = 0; i < n; i++) {
		lines += ((const char *)bytes)[i] == '\n';
		refused += ((const char *)bytes)[i] == '!';
	}
	json_object_object_add(args, "lines", json_object_new_int64(lines));
	json_object_object_add(args, "records", json_object_new_int64(lines));
	json_object_object_add(args, "refused", json_object_new_int64(refused));
	json_object_object_add(args, "accepted",
			       json_object_new_int64(lines - refused));
	json_object_object_add(
		args, "samples",
		json_tokener_parse(refused ? "[\"feed x:1: \\u001b\"]" : "[]"));
	pk_ctl_ok(out, json_object_get(args));
	return 0;
}

static int op_ioc_list(void *arg, struct json_object *args, const void *bytes,
		       size_t n, struct pk_ctl_answer *out)
{
	struct json_object *r = json_object_new_object();
	struct json_object *items = json_object_new_array();
	int64_t slot =
		pk_cli_get(args, "after") ? pk_cli_int(args, "after") + 1 : 0;
	int64_t end = slot + pk_cli_int(args, "limit");
	char text[128];

	(void)arg;
	(void)bytes;
	(void)n;
	for (; slot < end && slot < ITEMS; slot++) {
		snprintf(text, sizeof(text),
			 "{\"slot\":%d,\"type\":\"domain-name\",\"value\":"
			 "\"a%d\x1b[2J.example\",\"hits\":7}",
			 (int)slot, (int)slot);
		json_object_array_add(items, json_tokener_parse(text));
	}
	json_object_object_add(r, "items", items);
	json_object_object_add(r, "total", json_object_new_int(ITEMS));
	if (slot < ITEMS)
		json_object_object_add(r, "next",
				       json_object_new_int64(slot - 1));
	pk_ctl_ok(out, r);
	return 0;
}

static int op_ioc_test(void *arg, struct json_object *args, const void *bytes,
		       size_t n, struct pk_ctl_answer *out)
{
	bool match = !strcmp(pk_cli_text(args, "value"), "listed");

	(void)arg;
	(void)bytes;
	(void)n;
	json_object_object_add(args, "match", json_object_new_boolean(match));
	pk_ctl_ok(out, json_object_get(args));
	return 0;
}

static void register_ops(struct pk_ctl *ctl)
{
	static const struct {
		const char *name;
		pk_ctl_fn *fn;
	} ops[] = { { "status", op_status },	 { "audit", op_audit },
		    { "attach", op_attach },	 { "detach", op_echo },
		    { "port add", op_port_add }, { "port del", op_echo },
		    { "ioc add", op_ioc_add },	 { "ioc del", op_ioc_add },
		    { "ioc load", op_ioc_load }, { "ioc list", op_ioc_list },
		    { "ioc test", op_ioc_test } };

	for (size_t i = 0; i < LEN(ops); i++)
		pk_ctl_add(ctl, ops[i].name, ops[i].fn, NULL);
}

static void start(const char *audit, unsigned number)
{
	audit_result = audit;
	start_server(number);
}

/*
 * Command lines, their exit status, and a part of what they say: of stdout if
 * they succeed, of stderr if they fail. With -j the status is the same, stdout
 * is one document, and a failure has a code.
 */
static const struct {
	const char *line;
	int status;
	const char *text;
	const char *code; /* NULL: a result */
} lines[] = {
	{ "status", 0, "picketd 9, sensor s1, up 77 s", NULL },
	{ "status", 0, "xdp eth0 saw nothing from A to B", NULL },
	{ "status", 0, "seen=42\n", NULL },
	{ "status", 0, "xdp eth0: no link\n", NULL },
	{ "audit", 0, "K1       xdp     10     9     1 MISMATCH", NULL },
	{ "attach eth0", 0,
	  "eth0 is watched: port 1, XDP mode native, egress tcx\nnote: yes=0",
	  NULL },
	{ "attach --skb eth0 --ingress-only --yes", 0,
	  "XDP mode skb, egress none\nnote: yes=1", NULL },
	{ "attach not-found", 4, "about \"not-found\"\npicketctl: hint: a hint",
	  "not-found" },
	{ "attach confirm", 1, "about", "confirm" },
	{ "attach conflict", 1, "about", "conflict" },
	{ "attach configuration", 6, "about", "configuration" },
	{ "attach privilege", 8, "about", "privilege" },
	{ "attach denied", 8, "about", "denied" },
	{ "attach usage", 2, "about", "usage" },
	{ "detach eth0", 0, "eth0 is no longer watched", NULL },
	{ "port add p --vdev net_null0 --workers 3", 0,
	  "port p captures from net_null0: number 0, workers 3", NULL },
	{ "port add p --pci=0000:03:00.0 --no-huge", 0,
	  "captures from 0000:03:00.0", NULL },
	{ "port add p", 2, "give one of --vdev and --pci", "usage" },
	{ "port add p --vdev a --pci b", 2, "give one of", "usage" },
	{ "port add p --vdev a --workers x", 2, "needs a number", "usage" },
	{ "port add p --vdev a --workers -1", 2, "needs a number", "usage" },
	{ "port add p --vdev a --workers 99999999999", 2, "needs a number",
	  "usage" },
	{ "port del p", 0, "port p is stopped", NULL },
	{ "ioc add 192.0.2.1 --feed f --threat-type c2", 0,
	  "ipv4-addr 192.0.2.1 added", NULL },
	{ "ioc add nonsense", 2, "no indicator", "usage" },
	{ "ioc add -- -dash.example", 0, "-dash.example added", NULL },
	{ "ioc del ::1", 0, "::1 deleted", NULL },
	{ "ioc test listed", 0, "listed: match", NULL },
	{ "ioc test other", 4, "", NULL },
	{ "ioc load /nonexistent", 4, "no file /nonexistent", "not-found" },
	{ "ioc load /dev/zero", 1, "not a regular file", "failed" },
	{ "ioc load /tmp", 1, "not a regular file", "failed" },
	{ "ioc load /tmp/picketctl-test-fifo", 1, "not a regular file",
	  "failed" }, /* G15 */
	{ "ioc list --limit 2", 0, "0 domain-name", NULL },
	{ "ioc list --limit x", 2, "needs a number", "usage" },
	{ "threat follow --since 5x", 2, "--since takes now, the number",
	  "usage" },
	{ "threat follow --since 0", 2, "--since takes now, the number",
	  "usage" },
	{ "threat suppress", 2, "missing: add|del|list", "usage" },
	{ "threat suppress ad", 2, "unknown word for suppress: ad", "usage" },
	{ "threat suppress del", 2, "missing: NUMBER", "usage" },
	{ "threat suppress del x1", 2, "not the number of a rule: \"x1\"",
	  "usage" },
	{ "threat suppress list 1", 2, "too many words for suppress list",
	  "usage" },
	{ "threat suppress list --feed a", 2, "suppress list takes no options",
	  "usage" },
	{ "threat suppress add --for x", 2, "--for needs a duration", "usage" },
	{ "threat follow --count", 2, "--count needs a value", "usage" },
	{ "help", 0, "Exit status: 0 ok", NULL },
	{ "--help", 0, "Usage: picketctl", NULL },
	{ "ioc help", 0, "ioc load FILE[,FORMAT]", NULL },
	{ "ioc -h", 0, "--threat-type WORD", NULL },
	{ "help ioc load", 0, "--feed NAME", NULL },
	{ "attach --help", 0, "--ingress-only", NULL },
	{ "version", 0, "picketctl ", NULL },
	{ "-V", 0, "picketctl ", NULL },
	{ "completion bash", 0, "-F _picketctl picketctl", NULL },
	/* abbreviations */
	{ "stat", 0, "picketd 9", NULL },
	{ "po d p", 0, "port p is stopped", NULL },
	{ "i t listed", 0, "match", NULL },
	{ "att --ing --y eth0", 0, "egress none\nnote: yes=1", NULL },
	{ "h i l", 2, "could be several", "usage" },
	{ "h i lo", 0, "ioc load", NULL },
	{ "a", 2,
	  "\"a\" could be several words\npicketctl: hint: audit, attach",
	  "usage" },
	{ "ioc l", 2, "hint: load, list", "usage" },
	/* mistakes */
	{ "", 2, "what shall I do?", "usage" },
	{ "staus", 2, "did you mean \"status\"?", "usage" },
	{ "ioc laod", 2, "did you mean \"load\"?", "usage" },
	{ "ioc", 2, "ioc needs a command", "usage" },
	{ "attach", 2, "missing: IFACE", "usage" },
	{ "attach a b", 2, "too many words: b", "usage" },
	{ "attach a --nonsense", 2, "unknown option --nonsense", "usage" },
	{ "attach a --yes=1", 2, "--yes takes no value", "usage" },
	{ "attach a --yes --yes", 2, "--yes was given twice", "usage" },
	{ "ioc add v --feed a --feed b", 2, "--feed was given twice", "usage" },
	{ "--nonsense status", 2, "unknown option --nonsense", "usage" },
	{ "-x status", 2, "unknown option -x", "usage" },
	{ "status --socket", 2, "--socket needs a value", "usage" },
	{ "\x1b[2J", 2, "no such object: \\x1b[2J", "usage" },
	{ "ioc load \x9b\xe2\x80\xae", 4, "no file \\x9b\\xe2\\x80\\xae",
	  "not-found" },
};

static void check_json(const char *line, int status, const char *code)
{
	char with[256];
	struct json_object *root;

	for (int pretty = 0; pretty < 2; pretty++) {
		snprintf(with, sizeof(with), "%s%s", pretty ? "-p " : "-j ",
			 line);
		assert_int_equal(picketctl(with), status);
		assert_harmless(result.out);
		assert_harmless(result.err);
		assert_string_equal(result.err, "");
		root = document();
		assert_int_equal(!!pk_cli_get(root, "error"), !!code);
		if (code)
			assert_string_equal(
				pk_cli_text(pk_cli_get(root, "error"), "code"),
				code);
		json_object_put(root);
	}
}

static void each_command_line_has_its_status_and_words(void **state)
{
	(void)state;
	unlink("/tmp/picketctl-test-fifo");
	assert_int_equal(mkfifo("/tmp/picketctl-test-fifo", 0600), 0);
	start("ok", 1);
	for (size_t i = 0; i < LEN(lines); i++) {
		bool failed = lines[i].code != NULL;

		if (picketctl(lines[i].line) != lines[i].status)
			fail_msg("%s: status %d, not %d: %s", lines[i].line,
				 result.status, lines[i].status, result.err);
		assert_has(failed ? result.err : result.out, lines[i].text);
		if (failed)
			assert_string_equal(result.out, "");
		assert_harmless(result.out);
		assert_harmless(result.err);
		check_json(lines[i].line, lines[i].status, lines[i].code);
	}
	unlink("/tmp/picketctl-test-fifo");
	stop();
}

static void audit_has_three_ends(void **state)
{
	(void)state;
	start("mismatch", 1);
	assert_int_equal(picketctl("audit"), 1);
	assert_has(result.out, "\nmismatch\n");
	assert_has(result.out, "\nlost: p0 socket_drops=27952, "
			       "xdp read_bad=1\n");
	assert_has(result.out, "\nnote: N1\n");
	check_json("audit", 1, NULL);
	stop();
	start("ok", 1);
	assert_int_equal(picketctl("audit"), 0);
	assert_has(result.out, "\nok (doubt)\n");
	stop();
	start("not-quiescent", 1);
	assert_int_equal(picketctl("audit"), 7);
	check_json("audit", 7, NULL);
	stop();
}

static void without_a_daemon_the_status_is_3(void **state)
{
	static const char *const asks[] = { "status", "ioc list",
					    "threat follow", "attach eth0" };

	(void)state;
	unlink(path);
	for (size_t i = 0; i < LEN(asks); i++) {
		assert_int_equal(picketctl(asks[i]), 3);
		assert_has(result.err, "nobody answers at ");
		assert_string_equal(result.out, "");
		check_json(asks[i], 3, "unreachable");
	}
	start("ok", 1);
	stop(); /* leaves a dead socket behind */
	assert_int_equal(picketctl("status"), 3);
	assert_has(result.err, "Connection refused");
}

static void a_daemon_that_dies_has_status_3(void **state)
{
	(void)state;
	start("ok", 1);
	assert_int_equal(picketctl("attach exit"), 3);
	assert_has(result.err, "left without an answer");
	stop();
}

static void a_user_who_may_not_has_status_8(void **state)
{
	(void)state;
	if (geteuid()) {
		print_message("SKIPPED: needs root\n");
		skip();
	}
	start("ok", 1);
	assert_int_equal(seteuid(65534), 0);
	assert_int_equal(picketctl("status"), 8);
	assert_has(result.err, "may not connect to");
	check_json("status", 8, "privilege");
	assert_int_equal(seteuid(0), 0);
	stop();
}

static void write_file(const char *name, const char *text, size_t times)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	for (size_t i = 0; i < times; i++)
		fputs(text, f);
	fclose(f);
}

static void files_are_loaded_with_their_format(void **state)
{
	struct json_object *root;
	char name[64], line[128];

	(void)state;
	start("ok", 1);
	snprintf(name, sizeof(name), "%s/f.csv", dir);
	write_file(name, "1.2.3.4,good,line,here\n", 100000);
	snprintf(line, sizeof(line), "-j ioc load %s,sdn --feed F", name);
	assert_int_equal(picketctl(line), 0);
	root = document();
	assert_int_equal(pk_cli_int(root, "lines"), 100000);
	assert_string_equal(pk_cli_text(root, "format"), "sdn");
	assert_string_equal(pk_cli_text(root, "feed"), "F");
	assert_string_equal(pk_cli_text(root, "name"), "f.csv");
	json_object_put(root);
	write_file(name, "ok\n!\n", 1);
	snprintf(line, sizeof(line), "ioc load %s", name);
	assert_int_equal(picketctl(line), 5);
	assert_has(result.out, "2 records, 1 accepted");
	assert_has(result.err, "feed x:1: \\x1b\n");
	check_json(line, 5, NULL);
	write_file(name, "", 0);
	assert_int_equal(picketctl(line), 0);
	unlink(name);
	stop();
}

static void a_comma_may_belong_to_the_name(void **state)
{
	struct json_object *root;
	char name[64], line[128];

	(void)state;
	start("ok", 1);
	snprintf(name, sizeof(name), "%s/a,sdn", dir);
	write_file(name, "x\n", 1);
	snprintf(line, sizeof(line), "-j ioc load %s", name);
	assert_int_equal(picketctl(line), 0);
	root = document();
	assert_string_equal(pk_cli_text(root, "format"), "");
	assert_string_equal(pk_cli_text(root, "name"), "a,sdn");
	json_object_put(root);
	unlink(name);
	stop();
}

static void a_dash_reads_standard_input(void **state)
{
	(void)state;
	start("ok", 1);
	assert_int_equal(picketctl_at("ioc load - --feed f", path, "a\nb\nc\n"),
			 0);
	assert_has(result.out, "3 records, 3 accepted");
	stop();
}

static void a_list_is_fetched_in_pages(void **state)
{
	struct json_object *root, *items;

	(void)state;
	start("ok", 1);
	assert_int_equal(picketctl("-j ioc list --limit 0"), 0);
	root = document();
	items = pk_cli_get(root, "items");
	assert_int_equal(json_object_array_length(items), ITEMS);
	for (int i = 0; i < ITEMS; i++)
		assert_int_equal(
			pk_cli_int(json_object_array_get_idx(items, (size_t)i),
				   "slot"),
			i);
	assert_int_equal(pk_cli_int(root, "total"), ITEMS);
	json_object_put(root);
	assert_int_equal(picketctl("-p ioc list --limit 1001"), 0);
	root = document();
	items = pk_cli_get(root, "items");
	assert_int_equal(json_object_array_length(items), 1001);
	json_object_put(root);
	assert_int_equal(picketctl("ioc list"), 0);
	assert_has(result.err, "100 of 2500 shown");
	assert_harmless(result.out);
	stop();
}

static void follows_threats(void **state)
{
	size_t n = 0;

	(void)state;
	start("ok", 1);
	assert_int_equal(picketctl("threat follow --count 3"), 0);
	assert_harmless(result.out);
	for (const char *p = result.out; *p; p++)
		n += *p == '\n';
	assert_int_equal(n, 3);
	assert_has(result.out, "2017-02-11T17:38:27.000001Z  open   high    "
			       "epoch1  \\x1b[2J\\x1b]52;c;YQ==\\x07");
	assert_has(result.out, " -> 10.0.0.1  count 3\n");
	assert_int_equal(picketctl("threat follow -j --count 1"), 0);
	assert_harmless(result.out);
	json_object_put(document());
	assert_int_equal(picketctl("threat follow --timeout 1 --since now"), 0);
	assert_int_equal(picketctl("threat follow --timeout 1 --count 9999"),
			 5);
	stop();
}

/* Read lines of the follower until one holds @word. */
static void await_line(FILE *from, const char *word)
{
	char line[1024];

	do
		assert_non_null(fgets(line, sizeof(line), from));
	while (!strstr(line, word));
}

static void follows_past_a_restart_until_interrupted(void **state)
{
	int out[2], err[2], status;
	FILE *lines_out, *lines_err;
	pid_t pid;

	(void)state;
	start("ok", 1);
	pid = spawn("threat follow", path, "", out, err);
	lines_out = fdopen(out[0], "r");
	lines_err = fdopen(err[0], "r");
	await_line(lines_out, "epoch1");
	stop();
	start("ok", 2);
	await_line(lines_err, "picketd was restarted");
	await_line(lines_out, "epoch2");
	kill(pid, SIGINT);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 130);
	fclose(lines_out);
	fclose(lines_err);
	stop();
}

/* On a terminal nothing else comes out: the terminal itself adds the CR. */
static void a_terminal_gets_no_control_byte(void **state)
{
	struct termios raw;
	char bytes[4096];
	int fd, other;
	size_t n = 0;
	ssize_t k;
	pid_t pid;

	(void)state;
	start("ok", 1);
	assert_int_equal(openpty(&fd, &other, NULL, NULL, NULL), 0);
	assert_int_equal(tcgetattr(other, &raw), 0);
	cfmakeraw(&raw);
	assert_int_equal(tcsetattr(other, TCSANOW, &raw), 0);
	fflush(NULL);
	pid = fork();
	if (!pid) {
		dup2(other, 1);
		dup2(other, 2);
		be_picketctl("status", path);
	}
	close(other);
	while ((k = read(fd, bytes + n, sizeof(bytes) - 1 - n)) > 0)
		n += (size_t)k;
	bytes[n] = 0;
	waitpid(pid, NULL, 0);
	assert_has(bytes, "picketd 9");
	assert_has(bytes, "\\x1b[2J");
	assert_harmless(bytes);
	close(fd);
	stop();
}

/* What bash offers behind @typed, one a line. */
static void complete(const char *script, const char *typed, int words)
{
	char command[1024];
	size_t n;
	FILE *f;

	snprintf(command, sizeof(command),
		 "bash --norc -c 'source %s; COMP_WORDS=(%s); COMP_CWORD=%d; "
		 "_picketctl; printf \"%%s\\n\" \"${COMPREPLY[@]}\"' 2>&1",
		 script, typed, words);
	f = popen(command, "r");
	assert_non_null(f);
	n = fread(result.out, 1, sizeof(result.out) - 1, f);
	result.out[n] = 0;
	assert_int_equal(pclose(f), 0);
}

static void bash_completes_from_the_table(void **state)
{
	char script[64], odd[64], typed[96];

	(void)state;
	snprintf(script, sizeof(script), "%s/completion", dir);
	assert_int_equal(picketctl("completion bash"), 0);
	write_file(script, result.out, 1);
	complete(script, "picketctl a", 1);
	assert_string_equal(result.out, "audit\nattach\n");
	complete(script, "picketctl -j ioc l", 3);
	assert_string_equal(result.out, "load\nlist\n");
	complete(script, "picketctl --socket /x ioc load --fe", 5);
	assert_string_equal(result.out, "--feed\n");
	complete(script, "picketctl attach lo", 2);
	assert_has(result.out, "lo\n");
	complete(script, "picketctl attach --s", 2);
	assert_string_equal(result.out, "--skb\n");
	complete(script, "picketctl ioc load /etc/passw", 3);
	assert_has(result.out, "/etc/passwd\n");
	snprintf(odd, sizeof(odd), "%s/$(kill $$)", dir);
	write_file(odd, "", 0);
	snprintf(typed, sizeof(typed), "picketctl ioc load %s/\\$", dir);
	complete(script, typed, 3);
	assert_has(result.out, "/$(kill $$)\n");
	unlink(odd);
	complete(script, "picketctl help th", 2);
	assert_string_equal(result.out, "threat\n");
	unlink(script);
}

static void every_command_has_help(void **state)
{
	char line[64];

	(void)state;
	for (const struct pk_cli_command *c = pk_cli_commands; c->object; c++) {
		snprintf(line, sizeof(line), "help %s %s", c->object,
			 c->command ? c->command : "");
		assert_int_equal(picketctl(line), 0);
		assert_has(result.out, c->text);
		for (int i = 0; c->option[i].name; i++)
			assert_has(result.out, c->option[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
			each_command_line_has_its_status_and_words, clean_up),
		cmocka_unit_test_teardown(audit_has_three_ends, clean_up),
		cmocka_unit_test_teardown(without_a_daemon_the_status_is_3,
					  clean_up),
		cmocka_unit_test_teardown(a_daemon_that_dies_has_status_3,
					  clean_up),
		cmocka_unit_test_teardown(a_user_who_may_not_has_status_8,
					  clean_up),
		cmocka_unit_test_teardown(files_are_loaded_with_their_format,
					  clean_up),
		cmocka_unit_test_teardown(a_comma_may_belong_to_the_name,
					  clean_up),
		cmocka_unit_test_teardown(a_dash_reads_standard_input,
					  clean_up),
		cmocka_unit_test_teardown(a_list_is_fetched_in_pages, clean_up),
		cmocka_unit_test_teardown(follows_threats, clean_up),
		cmocka_unit_test_teardown(
			follows_past_a_restart_until_interrupted, clean_up),
		cmocka_unit_test_teardown(a_terminal_gets_no_control_byte,
					  clean_up),
		cmocka_unit_test_teardown(bash_completes_from_the_table,
					  clean_up),
		cmocka_unit_test_teardown(every_command_has_help, clean_up),
	};

	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
