/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/config.h"
#include "ioc/indicator.h"
#include "control/near.h"
#include "control/launcher/spec.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

static int parse(struct pk_config **c, const char *text, char *err)
{
	return pk_config_parse(c, "f", text, strlen(text), err, 300);
}

/* Each text and the exact sentence it is refused with. */
static const struct {
	const char *text;
	const char *sentence;
} bad[] = {
	{ "", "f:1: the text ends where a value is wanted" },
	{ "[]", "f:1: the file must be one object in braces" },
	{ "{} {}", "f:1: '{' where the end is wanted" },
	{ "{\n\"sensor\" \"a\"}",
	  "f:2: '\"' where ':' behind a name is wanted" },
	{ "{\"keep\": true \"user\": \"a\"}",
	  "f:1: '\"' where ',' or '}' is wanted" },
	{ "{'keep': true}",
	  "f:1: ''' where a string in double quotation marks is wanted" },
	{ "{/* no */}", "f:1: '/' where a string in double quotation marks "
			"is wanted" },
	{ "{,}",
	  "f:1: ',' where a string in double quotation marks is wanted" },
	{ "{\"keep\": NaN}", "f:1: 'N' where a value is wanted" },
	{ "{\"keep\": \x01}", "f:1: byte 0x01 where a value is wanted" },
	{ "{\"sensor\": \"a\nb\"}", "f:1: control character 0x0a in a string; "
				    "is a quotation mark missing?" },
	{ "{\"sensor\": \"a", "f:1: a string is not closed" },
	{ "{\"sensor\": \"\\q\"}", "f:1: 'q' where an escape is wanted" },
	{ "{\"sensor\": \"\\ud800\"}", "f:1: bad \\u escape in a string" },
	{ "{\"sensor\": \"\\udc00\\udc00\"}",
	  "f:1: bad \\u escape in a string" },
	{ "{\"sensor\": \"\\u0000\"}", "f:1: bad \\u escape in a string" },
	{ "{\"sensor\": \"\xc0\x80\"}",
	  "f:1: byte 0xc0 in a string is not UTF-8" },
	{ "{\"flow\": {\"idle\": 007}}", "f:1: a number begins with 0" },
	{ "{\"flow\": {\"idle\": 99999999999999999999}}",
	  "f:1: a number does not fit in 64 bits" },
	{ "{\"a\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}",
	  "f:1: nested deeper than 16" },
	{ "{\n\"keep\": true,\n// again\n\"keep\": true}",
	  "f:4: \"keep\" is there twice, first on line 2; remove one" },
	{ "{\"flow\": {\"idle\": 1,\n\"idle\": 2}}",
	  "f:2: \"idle\" is there twice, first on line 1; remove one" },
	{ "{\n\n\"sensr\": \"a\"}",
	  "f:3: unknown key \"sensr\"; the nearest key is \"sensor\"" },
	{ "{\"flow\": {\"Idle\": 1}}",
	  "f:1: unknown key \"flow.Idle\"; the nearest key is \"idle\"" },
	{ "{\"interfaces\": [{\"name\": \"a\",\n\"skbmode\": true}]}",
	  "f:2: unknown key \"interfaces[0].skbmode\"; the nearest key is "
	  "\"skb_mode\"" },
	{ "{\"\\u001b[2J\\u202e\": 1}",
	  "f:1: unknown key \"?[2J???\"; the nearest key is "
	  "\"sensor\"" },
	{ "{\"sensor\": 3}",
	  "f:1: \"sensor\" must be a string, not an integer" },
	{ "{\"keep\": \"yes\"}",
	  "f:1: \"keep\" must be true or false, not a string" },
	{ "{\"keep\": null}", "f:1: \"keep\" must be true or false, not null" },
	{ "{\"flow\": []}", "f:1: \"flow\" must be an object, not a list" },
	{ "{\"ports\": {}}", "f:1: \"ports\" must be a list, not an object" },
	{ "{\"ports\": [3]}",
	  "f:1: \"ports[0]\" must be an object, not an integer" },
	{ "{\"flow\": {\"idle\": 1.5}}",
	  "f:1: \"flow.idle\" must be an integer, not a fraction" },
	{ "{\"flow\": {\"idle\": 0}}",
	  "f:1: \"flow.idle\" must be from 1 to 3600, not 0" },
	{ "{\"flow\": {\"active\": -1}}",
	  "f:1: \"flow.active\" must be from 1 to 3600, not -1" },
	{ "{\"flow\": {\"capacity\":\n5000}}",
	  "f:1: \"flow.capacity\" must be a power of two, not 5000" },
	{ "{\"control\": {\"upload_bytes\": 5}}",
	  "f:1: \"control.upload_bytes\" must be from 1048576 to 68719476736, "
	  "not 5" },
	{ "{\"log_level\": \"loud\"}", "f:1: \"log_level\" must be \"error\", "
				       "\"warn\", \"info\" or \"debug\"" },
	{ "{\"observer\": \"10.0.0.256\"}",
	  "f:1: \"observer\" must be an IPv4 or IPv6 address" },
	{ "{\"observer\": \"::\"}",
	  "f:1: \"observer\" must be an IPv4 or IPv6 address" },
	{ "{\"sensor\": \"a b\"}",
	  "f:1: \"sensor\" must be letters, digits, '.', '_' and '-'" },
	{ "{\"run_dir\": \"run\"}",
	  "f:1: \"run_dir\" must be an absolute path" },
	{ "{\"run_dir\": \"/01234567890123456789012345678901234567890123456789"
	  "01234567890123456789012345678\"}",
	  "f:1: \"run_dir\" must be at most 79 bytes long" },
	{ "{\"bus\": {\"endpoints\": [\"tcp://127.0.0.1:99999999\"]}}",
	  "f:1: \"bus.endpoints[0]\" must be ipc:///PATH or "
	  "tcp://ADDRESS:PORT" },
	{ "{\"bus\": {\"endpoints\": [\"tcp://127.0.0.1:5555\",\n"
	  "\"tcp://127.0.0.1:5556\"]}}",
	  "f:2: \"bus.endpoints[1]\" needs tcp://127.0.0.1:5556, which is the "
	  "replay server of \"bus.endpoints[0]\" already; choose another "
	  "one" },
	{ "{\"bus\": {\"endpoints\": [\"tcp://127.0.0.1:65535\"]}}",
	  "f:1: \"bus.endpoints[0]\" leaves no place for the replay server, "
	  "which takes the next port, or replay.sock in the same folder" },
	{ "{\"bus\": {\"curve\": {\"secret\": \"/a\"}}}",
	  "f:1: \"bus.curve\" needs both \"secret\" and \"clients\"" },
	{ "{\"bus\": {\"curve\": {\"secret\": \"a\"}}}",
	  "f:1: \"bus.curve.secret\" must be an absolute path" },
	{ "{\"outputs\": [{\"name\": \"a\"}]}",
	  "f:1: \"outputs[0]\" lacks \"endpoint\"" },
	{ "{\"outputs\": [{\"endpoint\": \"tcp://[::1]:1\"}]}",
	  "f:1: \"outputs[0]\" lacks \"name\"" },
	{ "{\"outputs\": [{\"name\": \"a\", \"pattern\": \"pair\"}]}",
	  "f:1: \"outputs[0].pattern\" must be push or pub" },
	{ "{\"outputs\": [{\"name\": \"a\", \"types\": [\"x\"]}]}",
	  "f:1: \"outputs[0].types[0]\" must be indicator or a detector's "
	  "name" },
	{ "{\"outputs\": [{\"name\": \"a\", \"endpoint\": "
	  "\"tcp://127.0.0.1:7\"},\n{\"name\": \"b\", \"endpoint\": "
	  "\"tcp://127.0.0.1:7\"}]}",
	  "f:2: \"outputs[1]\" needs tcp://127.0.0.1:7, which is "
	  "\"outputs[0]\" already; choose another one" },
	{ "{\"outputs\": [{\"name\": \"a\", \"endpoint\": "
	  "\"tcp://192.0.2.1:7\"}]}",
	  "f:1: \"outputs[0].endpoint\" leaves the host, so it needs "
	  "\"bus.curve\", to know who may receive" },
	{ "{\"outputs\": [{\"name\": \"a\", \"connect\": true, "
	  "\"endpoint\": \"tcp://192.0.2.1:7\"}]}",
	  "f:1: \"outputs[0].endpoint\" leaves the host, so it needs "
	  "\"server_key\", the receiver's public key" },
	{ "{\"outputs\": [{\"name\": \"a\", \"connect\": true, "
	  "\"server_key\": \"short\"}]}",
	  "f:1: \"outputs[0].server_key\" must be a public key of 40 "
	  "characters, as `picketctl key gen` prints it" },
	{ "{\"outputs\": [{\"name\": \"a\", \"connect\": true, "
	  "\"endpoint\": \"tcp://192.0.2.1:7\", \"server_key\": "
	  "\"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\"}]}",
	  "f:1: \"outputs[0].server_key\" needs a key of our own: set "
	  "\"bus.curve\"" },
	{ "{\"bus\": {\"endpoints\": [\"tcp://0.0.0.0:5\"]}}",
	  "f:1: \"bus.endpoints[0]\" must be ipc:///PATH or "
	  "tcp://127.0.0.1:PORT, which other hosts cannot read; for "
	  "others set \"bus.curve\"" },
	{ "{\"bus\": {\"endpoints\": [\"tcp://127.0.0.1.example.com:5\"]}}",
	  "f:1: \"bus.endpoints[0]\" must be ipc:///PATH or "
	  "tcp://127.0.0.1:PORT, which other hosts cannot read; for "
	  "others set \"bus.curve\"" },
	{ "{\"bus\": {\"endpoints\": [\"ipc:///1\",\"ipc:///2\",\"ipc:///3\","
	  "\"ipc:///4\",\"ipc:///5\",\"ipc:///6\",\"ipc:///7\",\"ipc:///8\","
	  "\n\"ipc:///9\"]}}",
	  "f:2: \"bus.endpoints\" must be a list of at most 8 elements" },
	{ "{\"interfaces\": [{\"name\": \"a/b\"}]}",
	  "f:1: \"interfaces[0].name\" must be the name of a network "
	  "interface" },
	{ "{\"interfaces\": [{\"name\": \"0123456789abcdef\"}]}",
	  "f:1: \"interfaces[0].name\" must be at most 15 bytes long" },
	{ "{\"interfaces\": [{\"yes\": true}]}",
	  "f:1: \"interfaces[0]\" lacks \"name\"" },
	{ "{\"interfaces\": [{\"name\": \"a\"},\n{\"name\": \"a\"}]}",
	  "f:2: \"interfaces[1].name\" is \"a\" once more, first on line 1" },
	{ "{\"ports\": [{\"name\": \"a\"}]}",
	  "f:1: \"ports[0]\" must have one of \"vdev\" and \"pci\"" },
	{ "{\"ports\": [{\"name\": \"a\", \"pci\": \"0000:01:02.3\",\n"
	  "\"vdev\": \"net_null0\"}]}",
	  "f:1: \"ports[0]\" must have one of \"vdev\" and \"pci\"" },
	{ "{\"ports\": [{\"name\": \"a\", \"pci\": \"3:0\"}]}",
	  "f:1: \"ports[0].pci\" must be a PCI address such as 0000:03:00.0" },
	{ "{\"ports\": [{\"name\": \"a\", \"vdev\": \"net null\"}]}",
	  "f:1: \"ports[0].vdev\" must be a DPDK device string such as "
	  "net_af_packet0,iface=eth1" },
	{ "{\"ports\": [{\"name\": \"a\", \"workers\": 17}]}",
	  "f:1: \"ports[0].workers\" must be from 1 to 16, not 17" },
	{ "{\"indicators\": [{\"format\": \"sdn\"}]}",
	  "f:1: \"indicators[0]\" lacks \"path\"" },
	{ "{\"ports\": [{\"name\": \"a\", \"pci\": \"03:00.0\"}]}",
	  "f:1: \"ports[0].pci\" must be a PCI address such as 0000:03:00.0" },
	{ "{\"ports\": [{\"name\": \"a\", \"vdev\": \"net_nope0\"}]}",
	  "f:1: \"ports[0].vdev\" must be a DPDK device string such as "
	  "net_af_packet0,iface=eth1" },
	{ "{\"ports\": [{\"name\": \"xdp\"}]}",
	  "f:1: \"ports[0].name\" must be " PK_SPEC_PORT_TEXT },
	{ "{\"ports\": [{\"name\": \".a\"}]}",
	  "f:1: \"ports[0].name\" must be " PK_SPEC_PORT_TEXT },
	{ "{\"ports\": [{\"name\": \"-a\"}]}",
	  "f:1: \"ports[0].name\" must be " PK_SPEC_PORT_TEXT },
	{ "{\"ports\": [{\"name\": \"a23456789012345678901234567890123\"}]}",
	  "f:1: \"ports[0].name\" must be " PK_SPEC_PORT_TEXT },
	{ "{\"interfaces\": [{\"name\": \"-a\"}]}",
	  "f:1: \"interfaces[0].name\" must be the name of a network "
	  "interface" },
	{ "{\"indicators\": [{\"path\": \"/a\", \"format\": \"csv\"}]}",
	  "f:1: \"indicators[0].format\" must be a format: auto, lines, hosts, "
	  "adblock, dnsmasq, rpz, sdn, table, misp, stix ... (picketctl(8))" },
	{ "{\"indicators\": [{\"path\": \"/a\", \"mapping\": \"nosuch\"}]}",
	  "f:1: \"indicators[0].mapping\" must be an absolute path, or the "
	  "name of a mapping that is built in" },
	{ "{\"indicators\": [{\"path\": \"/a\", \"match\": \"below\"}]}",
	  "f:1: \"indicators[0].match\" must be exact, subdomains or "
	  "one-label" },
	{ "{\"indicators\": [{\"path\": \"/a\", \"class\": \"botnet_cc\"}]}",
	  "f:1: \"indicators[0].class\" must be a class such as c2-server, "
	  "phishing or scanner" },
	{ "{\"indicators\": [{\"path\": \"/a\", \"confidence\": 101}]}",
	  "f:1: \"indicators[0].confidence\" must be from 0 to 100, not 101" },
	{ "{\"suppress\": [{}]}",
	  "f:1: \"suppress[0]\": a rule names a type, an offender, a target, "
	  "an indicator or a feed: one without would suppress all" },
	{ "{\"suppress\": [{\"type\": \"scan\"}]}",
	  "f:1: \"suppress[0].type\" must be indicator or a detector's name" },
	{ "{\"suppress\": [{\"offender\": \"10.0.0\"}]}",
	  "f:1: \"suppress[0].offender\" must be an address or a prefix such "
	  "as 192.0.2.0/24" },
	{ "{\"suppress\": [{\"type\": \"spam\", \"until\": \"soon\"}]}",
	  "f:1: \"suppress[0].until\" must be a time such as "
	  "2026-12-31T12:00:00Z or a day" },
	{ "{\"suppress\": [{\"type\": \"spam\"},\n{\"feed\": \"a\"},\n"
	  "{\"type\": \"spam\"}]}",
	  "f:3: \"suppress[2]\" names the same as \"suppress[0]\"" },
	{ "{\"suppress\": [{\"type\": \"spam\", \"feed\": \"a\"}]}",
	  "f:1: \"suppress[0]\": threats of the type spam have no feed: the "
	  "rule would match nothing" },
	{ "{\"files\": [{\"profile\": \"eve\"}]}",
	  "f:1: \"files[0]\" lacks \"path\"" },
	{ "{\"files\": [{\"path\": \"out\"}]}",
	  "f:1: \"files[0].path\" must be an absolute path" },
	{ "{\"files\": [{\"path\": \"/o\", \"profile\": \"leef\"}]}",
	  "f:1: \"files[0].profile\" must be picket, eve, ecs, cef, syslog or "
	  "sdn" },
	{ "{\"files\": [{\"path\": \"/o\", \"types\": [\"hit\"]}]}",
	  "f:1: \"files[0].types[0]\" must be indicator or a detector's name" },
	{ "{\"files\": [{\"path\": \"/o\", \"severity_min\": \"x\"}]}",
	  "f:1: \"files[0].severity_min\" must be low, medium, high or "
	  "critical" },
	{ "{\"files\": [{\"path\": \"/o\", \"keep\": 1001}]}",
	  "f:1: \"files[0].keep\" must be from 0 to 1000, not 1001" },
	{ "{\"files\": [{\"path\": \"/o\"}, {\"path\": \"/o\"}]}",
	  "f:1: \"files[1].path\" is \"/o\" once more, first on line 1" },
	{ "{\"safelists\": [{\"list\": \"a\"}]}",
	  "f:1: \"safelists[0]\" lacks \"path\"" },
	{ "{\"safelists\": [{\"path\": \"/a/\"}]}",
	  "f:1: \"safelists[0]\" needs a \"list\" of 1 to 63 bytes, as the "
	  "file's name is none" },
	{ "{\"threats\": {\"mute\": 0}}",
	  "f:1: \"threats.mute\" must be a time such as \"90s\", \"10m\" or "
	  "\"1h\", from 1 to 604800 seconds" },
	{ "{\"threats\": {\n\"hold\": \"366d\"}}",
	  "f:2: \"threats.hold\" must be a time such as \"90s\", \"10m\" or "
	  "\"1h\", from 1 to 31536000 seconds" },
	{ "{\"threats\": {\"hold\": \"1 h\"}}",
	  "f:1: \"threats.hold\" must be a time such as \"90s\", \"10m\" or "
	  "\"1h\", from 1 to 31536000 seconds" },
	{ "{\"threats\": {\"hold\": true}}",
	  "f:1: \"threats.hold\" must be a time such as \"90s\", \"10m\" or "
	  "\"1h\", from 1 to 31536000 seconds" },
	{ "{\"threats\": {\"capacity\": 63}}",
	  "f:1: \"threats.capacity\" must be from 64 to 1048576, not 63" },
	{ "{\"threats\": {\"muted\": 1}}",
	  "f:1: unknown key \"threats.muted\"; the nearest key is \"mute\"" },
	{ "{\"journal\": {\"sync\": \"often\"}}",
	  "f:1: \"journal.sync\" must be never, second or turn" },
	{ "{\"journal\": {\"bytes\": 1000}}",
	  "f:1: \"journal.bytes\" must be from 67108864 to 1099511627776, "
	  "not 1000" },
	{ "{\"guards\": {\"own_networks\": [\"example\"]}}",
	  "f:1: \"guards.own_networks[0]\" must be an address or a prefix such as "
	  "192.0.2.0/24" },
	{ "{\"state_dir\": \"state\"}",
	  "f:1: \"state_dir\" must be an absolute path" },
	{ "{\"indicators\": [{\"path\": \"/a\"},\n{\"path\": \"/a/\"}]}",
	  "f:2: \"indicators[1]\" needs a \"feed\" of 1 to 63 bytes, as the "
	  "file's name is none" },
	{ "{\"indicators\": [{\"path\": \"/0123456789012345678901234567890123"
	  "456789012345678901234567890123\"}]}",
	  "f:1: \"indicators[0]\" needs a \"feed\" of 1 to 63 bytes, as the "
	  "file's name is none" },
	{ "{\"indicators\": [{\"path\": \"a.csv\"}]}",
	  "f:1: \"indicators[0].path\" must be an absolute path" },
};

static void each_bad_file_has_its_sentence(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(bad); i++) {
		struct pk_config *c = (struct pk_config *)state;
		char err[300] = "";

		assert_int_equal(parse(&c, bad[i].text, err), -EINVAL);
		assert_string_equal(err, bad[i].sentence);
		assert_ptr_equal(c, state);
	}
}

static void an_empty_object_gives_the_defaults(void **state)
{
	struct pk_config *c;
	char err[300];

	(void)state;
	assert_int_equal(parse(&c, "{ // nothing\n}", err), 0);
	assert_string_equal(c->user, "");
	assert_string_equal(c->run_dir, "/run/picket");
	assert_string_equal(c->pin_dir, "/sys/fs/bpf/picket");
	assert_int_equal(c->endpoints, 1);
	assert_string_equal(c->endpoint[0], "ipc:///run/picket/bus.sock");
	assert_int_equal(c->flow.idle_s, 15);
	assert_int_equal(c->flow.active_s, 60);
	assert_int_equal(c->flow.syn_s, 5);
	assert_int_equal(c->flow.closed_s, 1);
	assert_int_equal(c->log_level, PK_LOG_INFO);
	assert_true(c->upload_bytes == 1ULL << 30);
	assert_false(c->keep);
	assert_true(strlen(c->sensor) > 0);
	pk_config_free(c);
	assert_int_equal(pk_config_new(&c), 0);
	assert_string_equal(c->user, "");
	pk_config_free(c);
}

static const char full[] =
	"// a sensor\n"
	"{ \"sensor\": \"s1\", \"user\": \"nobody\", \"run_dir\": \"/tmp/p\",\n"
	"  \"pin_dir\": \"/sys/fs/bpf/x\", \"libexec_dir\": \"/opt/\\u00e4\",\n"
	"  \"observer\": \"192.0.2.1\", \"keep\": true,\n"
	"  \"log_level\": \"debug\", // loud\n"
	"  \"flow\": { \"idle\": 3600, \"active\": 2, \"syn\": 3,\n"
	"            \"closed\": 4, \"capacity\": 2048 },\n"
	"  \"bus\": { \"endpoints\": [\"tcp://127.0.0.1:7000\",\n"
	"                          \"ipc:///tmp/b\", \"tcp://[::1]:7000\",] },\n"
	"  \"control\": { \"upload_bytes\": 68719476736 },\n"
	"  \"interfaces\": [ { \"name\": \"eth0\", \"skb_mode\": true,\n"
	"                    \"ingress_only\": true, \"yes\": true },\n"
	"                  { \"name\": \"eth1\" }, ],\n"
	"  \"ports\": [ { \"name\": \"p\", \"pci\": \"0000:03:00.0\",\n"
	"               \"workers\": 4, \"no_huge\": true },\n"
	"             { \"name\": \"q\", \"vdev\": \"net_null0\" } ],\n"
	"  \"indicators\": [ { \"path\": \"/a b.csv\", \"format\": \"sdn\",\n"
	"                    \"feed\": \"f\" },\n"
	"                  { \"path\": \"/b\", \"format\": \"table\",\n"
	"                    \"mapping\": \"/m\", \"match\": \"exact\",\n"
	"                    \"type\": \"url\", \"threat_type\": \"bad\",\n"
	"                    \"class\": \"phishing\", \"severity\": \"low\",\n"
	"                    \"tlp\": \"amber\", \"action\": \"watch\",\n"
	"                    \"tags\": \"a,b\", \"attribution\": \"x\",\n"
	"                    \"licence\": \"CC0\", \"confidence\": 0,\n"
	"                    \"ttl\": 60, \"score_min\": 3, \"refang\": true,\n"
	"                    \"hosts\": true, \"everything\": true,\n"
	"                    \"replace\": false, \"force\": true } ],\n"
	"  \"suppress\": [ { \"type\": \"indicator\", \"offender\": "
	"\"10.0.0.0/8\", \"target\": \"::1\", \"indicator\": \"i\", "
	"\"feed\": \"f\", \"until\": \"2020-01-01\", \"comment\": \"c\" "
	"} ],\n"
	"  \"safelists\": [ { \"path\": \"/s.json\", \"list\": \"l\" },\n"
	"                 { \"path\": \"/top\" } ],\n"
	"  \"guards\": { \"bogons\": false, \"public_suffixes\": false,\n"
	"              \"shrink\": 20, \"growth\": 3,\n"
	"              \"own_networks\": [\"192.0.2.0/24\", \"::1\"] },\n"
	"  \"state_dir\": \"/var/p\",\n"
	"  \"journal\": { \"bytes\": 100000000, \"sync\": \"turn\" },\n"
	"}\n";

static void every_key_arrives(void **state)
{
	static const uint8_t v4[16] = { [10] = 0xff, 0xff, 192, 0, 2, 1 };
	struct pk_config *c;
	char err[300];

	(void)state;
	assert_int_equal(parse(&c, full, err), 0);
	assert_string_equal(c->sensor, "s1");
	assert_string_equal(c->user, "nobody");
	assert_string_equal(c->run_dir, "/tmp/p");
	assert_string_equal(c->pin_dir, "/sys/fs/bpf/x");
	assert_string_equal(c->libexec_dir, "/opt/\xc3\xa4");
	assert_memory_equal(c->observer.b, v4, 16);
	assert_true(c->keep);
	assert_int_equal(c->log_level, PK_LOG_DEBUG);
	assert_int_equal(c->flow.idle_s, 3600);
	assert_int_equal(c->flow.active_s, 2);
	assert_int_equal(c->flow.syn_s, 3);
	assert_int_equal(c->flow.closed_s, 4);
	assert_int_equal(c->flow.capacity, 2048);
	assert_int_equal(c->endpoints, 3);
	assert_string_equal(c->endpoint[0], "tcp://127.0.0.1:7000");
	assert_string_equal(c->endpoint[1], "ipc:///tmp/b");
	assert_true(c->upload_bytes == 68719476736ULL);
	pk_config_free(c);
}

static void every_key_of_indicators_arrives(void **state)
{
	const struct pk_config_file *f;
	struct pk_config *c;
	char err[300];

	(void)state;
	assert_int_equal(parse(&c, full, err), 0);
	assert_int_equal(c->files, 2);
	f = &c->file[0];
	assert_int_equal(f->confidence, PK_CONFIDENCE_UNKNOWN);
	assert_true(f->replace);
	assert_false(f->force);
	f = &c->file[1];
	assert_string_equal(f->mapping, "/m");
	assert_string_equal(f->match, "exact");
	assert_string_equal(f->type, "url");
	assert_string_equal(f->threat_type, "bad");
	assert_string_equal(f->class, "phishing");
	assert_string_equal(f->severity, "low");
	assert_string_equal(f->tlp, "amber");
	assert_string_equal(f->action, "watch");
	assert_string_equal(f->tags, "a,b");
	assert_string_equal(f->attribution, "x");
	assert_string_equal(f->licence, "CC0");
	assert_int_equal(f->confidence, 0);
	assert_int_equal(f->ttl_s, 60);
	assert_int_equal(f->score_min, 3);
	assert_true(f->refang && f->hosts && f->everything && f->force);
	assert_false(f->replace);
	pk_config_free(c);
}

static void files_arrive_with_their_defaults(void **state)
{
	static const char text[] =
		"{ \"files\": [ { \"path\": \"/a\" }, { \"path\": \"/b\", "
		"\"profile\": \"ecs\", \"types\": [\"indicator\", \"spam\"], "
		"\"severity_min\": \"high\", \"rotate_bytes\": 0, "
		"\"rotate_age\": 60, \"keep\": 0 } ] }";
	struct pk_config *c = NULL;
	char err[200];

	(void)state;
	assert_int_equal(
		pk_config_parse(&c, "f", text, strlen(text), err, sizeof(err)),
		0);
	assert_int_equal(c->outputs, 2);
	assert_string_equal(c->output[0].profile, "picket");
	assert_int_equal(c->output[0].rotate_bytes, 256 << 20);
	assert_int_equal(c->output[0].keep, 8);
	assert_int_equal(c->output[0].types, 0);
	assert_string_equal(c->output[1].profile, "ecs");
	assert_int_equal(c->output[1].types, 2);
	assert_string_equal(c->output[1].type[1], "spam");
	assert_string_equal(c->output[1].severity_min, "high");
	assert_int_equal(c->output[1].rotate_bytes, 0);
	assert_int_equal(c->output[1].rotate_age_s, 60);
	assert_int_equal(c->output[1].keep, 0);
	pk_config_free(c);
}

static void times_of_threats_arrive(void **state)
{
	static const struct {
		const char *text;
		uint32_t mute, hold, capacity;
	} rows[] = {
		{ "{}", 600, 3600, 65536 },
		{ "{ \"threats\": {} }", 600, 3600, 65536 },
		{ "{ \"threats\": { \"mute\": \"90s\", \"hold\": \"2h\", "
		  "\"capacity\": 64 } }",
		  90, 7200, 64 },
		{ "{ \"threats\": { \"mute\": 1, \"hold\": \"365d\", "
		  "\"capacity\": 1048576 } }",
		  1, 31536000, 1048576 },
		{ "{ \"threats\": { \"mute\": \"10m\" } }", 600, 3600, 65536 },
	};
	struct pk_config *c;
	char err[300];

	(void)state;
	for (size_t i = 0; i < LEN(rows); i++) {
		assert_int_equal(parse(&c, rows[i].text, err), 0);
		assert_int_equal(c->threats.mute_s, rows[i].mute);
		assert_int_equal(c->threats.hold_s, rows[i].hold);
		assert_int_equal(c->threats.capacity, rows[i].capacity);
		pk_config_free(c);
	}
}

static void guards_and_safelists_arrive(void **state)
{
	struct pk_config *c;
	char err[300];

	(void)state;
	assert_int_equal(parse(&c, full, err), 0);
	assert_int_equal(c->lists, 2);
	assert_string_equal(c->list[0].path, "/s.json");
	assert_string_equal(pk_config_list(&c->list[0]), "l");
	assert_string_equal(pk_config_list(&c->list[1]), "top");
	assert_false(c->guard.bogons || c->guard.suffixes);
	assert_int_equal(c->guard.shrink, 20);
	assert_int_equal(c->guard.growth, 3);
	assert_int_equal(c->guard.networks, 2);
	assert_string_equal(c->guard.network[1], "::1");
	assert_string_equal(c->state_dir, "/var/p");
	assert_int_equal(c->journal_bytes, 100000000);
	assert_string_equal(c->journal_sync, "turn");
	pk_config_free(c);
	assert_int_equal(pk_config_new(&c), 0);
	assert_true(c->guard.bogons && c->guard.suffixes);
	assert_int_equal(c->guard.shrink, 50);
	assert_int_equal(c->guard.growth, 10);
	assert_string_equal(c->state_dir, "/var/lib/picket");
	assert_int_equal(c->journal_bytes, 1 << 30);
	assert_string_equal(c->journal_sync, "second");
	pk_config_free(c);
}

static void rules_that_suppress_arrive(void **state)
{
	struct pk_config *c;
	char err[300];

	(void)state;
	assert_int_equal(parse(&c, full, err), 0);
	assert_int_equal(c->suppresses, 1);
	assert_string_equal(c->suppress[0].type, "indicator");
	assert_string_equal(c->suppress[0].offender, "10.0.0.0/8");
	assert_string_equal(c->suppress[0].target, "::1");
	assert_string_equal(c->suppress[0].indicator, "i");
	assert_string_equal(c->suppress[0].feed, "f");
	assert_string_equal(c->suppress[0].until, "2020-01-01");
	assert_string_equal(c->suppress[0].comment, "c");
	pk_config_free(c);
}

static void every_element_arrives(void **state)
{
	struct pk_config *c;
	char err[300];

	(void)state;
	assert_int_equal(parse(&c, full, err), 0);
	assert_int_equal(c->interfaces, 2);
	assert_string_equal(c->interface[0].name, "eth0");
	assert_true(c->interface[0].skb_mode);
	assert_true(c->interface[0].ingress_only);
	assert_true(c->interface[0].yes);
	assert_string_equal(c->interface[1].name, "eth1");
	assert_false(c->interface[1].skb_mode);
	assert_false(c->interface[1].yes);
	assert_int_equal(c->ports, 2);
	assert_string_equal(c->port[0].pci, "0000:03:00.0");
	assert_int_equal(c->port[0].workers, 4);
	assert_true(c->port[0].no_huge);
	assert_string_equal(c->port[1].vdev, "net_null0");
	assert_int_equal(c->port[1].workers, 1);
	assert_int_equal(c->files, 2);
	assert_string_equal(c->file[0].path, "/a b.csv");
	assert_string_equal(c->file[0].format, "sdn");
	assert_string_equal(c->file[0].feed, "f");
	pk_config_free(c);
}

/* A file with @text, mode and owner; pk_config_load() and its sentence. */
static int load(const char *text, mode_t mode, uid_t uid, char *err)
{
	char path[] = "/tmp/pk-config-XXXXXX";
	int fd = mkstemp(path);
	struct pk_config *c = NULL;
	char *at;
	int rc;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	if (uid)
		assert_int_equal(fchown(fd, uid, (gid_t)-1), 0);
	rc = pk_config_load(&c, path, err, 300);
	close(fd);
	unlink(path);
	pk_config_free(c);
	while ((at = strstr(err, path)))
		memmove(at + 1, at + strlen(path),
			strlen(at + strlen(path)) + 1),
			*at = 'F';
	return rc;
}

static void root_refuses_a_file_that_others_may_write(void **state)
{
	char err[300] = "";

	(void)state;
	if (geteuid()) {
		print_message("SKIPPED: needs root\n");
		skip();
	}
	assert_int_equal(load("{}", 0640, 0, err), 0);
	assert_int_equal(load("{}", 0660, 0, err), -EPERM);
	assert_string_equal(err,
			    "F: others may write it (mode 0660): chmod go-w F");
	assert_int_equal(load("{}", 0602, 0, err), -EPERM);
	assert_int_equal(load("{}", 0600, 65534, err), -EPERM);
	assert_string_equal(err, "F: uid 65534 may write it, root does not "
				 "follow that: chown root F");
}

static void files_that_are_none_are_named(void **state)
{
	struct pk_config *c;
	char err[300];

	(void)state;
	assert_int_equal(pk_config_load(&c, "/nonexistent", err, 300), -ENOENT);
	assert_string_equal(err, "/nonexistent: cannot open: No such file or "
				 "directory");
	assert_int_equal(pk_config_load(&c, "/tmp", err, 300), -EINVAL);
	assert_string_equal(err, "/tmp: not a regular file");
	assert_int_equal(load("{\n\"x\":1}", 0600, 0, err), -EINVAL);
	assert_string_equal(
		err, "F:2: unknown key \"x\"; the nearest key is \"bus\"");
}

static void a_file_has_a_bounded_length(void **state)
{
	char *text = malloc(PK_CONFIG_BYTES + 2);
	char err[300];

	(void)state;
	assert_non_null(text);
	memset(text, ' ', PK_CONFIG_BYTES + 1);
	memcpy(text, "{}", 2);
	text[PK_CONFIG_BYTES + 1] = 0;
	assert_int_equal(load(text, 0600, 0, err), -EFBIG);
	assert_string_equal(err, "F: longer than 1048576 bytes");
	text[PK_CONFIG_BYTES] = 0;
	assert_int_equal(load(text, 0600, 0, err), 0);
	free(text);
}

static void a_port_is_known_by_name_and_device(void **state)
{
	struct pk_config *c;
	char err[300];

	(void)state;
	assert_int_equal(parse(&c, full, err), 0);
	assert_true(pk_config_has_port(c, "p", "0000:03:00.0", 1));
	assert_true(pk_config_has_port(c, "q", "net_null0", 0));
	assert_false(pk_config_has_port(c, "q", "0000:03:00.0", 1));
	assert_false(pk_config_has_port(c, "p", "0000:03:00.0", 0));
	assert_false(pk_config_has_port(c, "q", "net_null0,size=1", 0));
	assert_false(pk_config_has_port(c, "p", "", 0));
	assert_false(pk_config_has_port(c, "r", "net_null0", 0));
	pk_config_free(c);
}

static void truncation_is_always_an_error(void **state)
{
	struct pk_config *c;
	char err[300];

	(void)state;
	for (size_t n = 0; n + 2 < sizeof(full); n++)
		assert_int_equal(pk_config_parse(&c, "f", full, n, err, 300),
				 -EINVAL);
}

static void a_short_sentence_buffer_is_respected(void **state)
{
	struct pk_config *c;

	(void)state;
	for (size_t n = 1; n < 60; n++) {
		char err[64];

		memset(err, 'x', sizeof(err));
		assert_int_equal(
			pk_config_parse(&c, "file", "{\"a\":1}", 7, err, n),
			-EINVAL);
		assert_true(strlen(err) < n);
		assert_int_equal(err[n], 'x');
	}
}

static void nearness_counts_edits(void **state)
{
	static const struct {
		const char *a, *b;
		unsigned n;
	} rows[] = { { "", "", 0 },
		     { "a", "", 1 },
		     { "", "abc", 3 },
		     { "abc", "abc", 0 },
		     { "kitten", "sitting", 3 },
		     { "ab", "ba", 1 },
		     { "staus", "status", 1 },
		     { "attahc", "attach", 1 } };

	(void)state;
	for (size_t i = 0; i < LEN(rows); i++) {
		assert_int_equal(pk_near(rows[i].a, rows[i].b), rows[i].n);
		assert_int_equal(pk_near(rows[i].b, rows[i].a), rows[i].n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_bad_file_has_its_sentence),
		cmocka_unit_test(an_empty_object_gives_the_defaults),
		cmocka_unit_test(every_key_arrives),
		cmocka_unit_test(every_element_arrives),
		cmocka_unit_test(every_key_of_indicators_arrives),
		cmocka_unit_test(files_arrive_with_their_defaults),
		cmocka_unit_test(times_of_threats_arrive),
		cmocka_unit_test(guards_and_safelists_arrive),
		cmocka_unit_test(rules_that_suppress_arrive),
		cmocka_unit_test(root_refuses_a_file_that_others_may_write),
		cmocka_unit_test(files_that_are_none_are_named),
		cmocka_unit_test(a_file_has_a_bounded_length),
		cmocka_unit_test(a_port_is_known_by_name_and_device),
		cmocka_unit_test(truncation_is_always_an_error),
		cmocka_unit_test(a_short_sentence_buffer_is_respected),
		cmocka_unit_test(nearness_counts_edits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
