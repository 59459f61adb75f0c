/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/cli/cli.h"

/* Words of several commands. What each means is in control/ctl/ctl.h. */
/* clang-format off */
#define FEED { "--feed", "NAME", "the feed it belongs to (manual)" }
#define TYPE { "--type", "TYPE", "what the value is, if its look does not tell" }
#define FORCE { "--force", NULL, "past the guards: safelists, bogons, width, size" }
#define DRY_RUN { "--dry-run", NULL, "tell what would change, and change nothing" }
#define META                                                                  \
	{ "--match", "WORD", "names: exact, subdomains or one-label" },       \
	{ "--threat-type", "WORD", "the publisher's word for it" },           \
	{ "--class", "WORD", "c2-server, phishing, scanner, ... (guessed)" }, \
	{ "--confidence", "N", "0 to 100" },                                  \
	{ "--severity", "WORD", "info, low, medium, high or critical" },      \
	{ "--tlp", "WORD", "clear, green, amber, amber+strict or red" },      \
	{ "--tags", "TEXT", "words, separated by commas" },                   \
	{ "--attribution", "TEXT", "whom it is put down to" },                \
	{ "--action", "WORD", "alert, watch, capture or block" },             \
	{ "--ttl", "DURATION", "until it ends: 90s, 15m, 12h, 7d, 4w" }
#define FILES                                                                  \
	{ "--feed", "NAME", "the feed they belong to (the file's name)" },     \
	{ "--format", "WORD", "lines, hosts, table, stix, misp, ... (auto)" }, \
	{ "--mapping", "MAPPING", "columns of a table: a name or a file" },    \
	{ "--refang", NULL, "read hxxp://, [.] and their like" },              \
	{ "--hosts", NULL, "also the hosts of URLs and e-mail addresses" },    \
	{ "--everything", NULL, "also what is not meant for detection" },      \
	{ "--score-min", "N", "only what scores at least N" },                 \
	{ "--licence", "TEXT", "of the feed" },                                \
	{ "--expect", "N", "fail if the last commit is another one" },         \
	TYPE, META, FORCE


const struct pk_cli_command pk_cli_commands[] = {
	{ "status", NULL, "", 0, 0,
	  "show what is watched, by which process, and what was counted",
	  pk_cli_status, { { 0 } } },
	{ "audit", NULL, "", 0, 0,
	  "check that every packet and record is accounted for",
	  pk_cli_audit, { { 0 } } },
	{ "attach", NULL, "IFACE", 1, 1,
	  "watch a network interface of this host",
	  pk_cli_attach,
	  { { "--skb", NULL, "use generic XDP instead of the driver's" },
	    { "--ingress-only", NULL, "leave out what the host itself sends" },
	    { "--yes", NULL, "attach although the link may restart" } } },
	{ "detach", NULL, "IFACE", 1, 1,
	  "stop watching a network interface",
	  pk_cli_detach, { { 0 } } },
	{ "port", "add", "NAME", 1, 1,
	  "start a capture port with DPDK",
	  pk_cli_port_add,
	  { { "--vdev", "STRING", "a DPDK virtual device" },
	    { "--pci", "ADDRESS", "a PCI device that is bound for DPDK" },
	    { "--workers", "N", "worker threads (1)" },
	    { "--no-huge", NULL, "do without huge pages" } } },
	{ "port", "del", "NAME", 1, 1,
	  "stop a capture port",
	  pk_cli_port_del, { { 0 } } },
	{ "ioc", "add", "VALUE", 1, 1,
	  "add one indicator: address, prefix, address:port, name, URL, hash, ...",
	  pk_cli_ioc_add,
	  { FEED, TYPE, META, { "--id", "TEXT", "the publisher's own" }, FORCE } },
	{ "ioc", "del", "VALUE", 1, 1,
	  "delete one indicator",
	  pk_cli_ioc_del,
	  { { "--feed", "NAME", "only as this feed says it" }, TYPE,
	    { "--match", "WORD", "names: exact, subdomains or one-label" } } },
	{ "ioc", "load", "FILE[,FORMAT]", 1, 1,
	  "add a file of indicators to a feed; - reads standard input",
	  pk_cli_ioc_load, { FILES, DRY_RUN } },
	{ "ioc", "replace", "FILE[,FORMAT]", 1, 1,
	  "make a feed what a file says",
	  pk_cli_ioc_replace, { FILES, DRY_RUN } },
	{ "ioc", "diff", "FILE[,FORMAT]", 1, 1,
	  "tell what `ioc replace` would change",
	  pk_cli_ioc_diff, { FILES } },
	{ "ioc", "apply", "FILE", 1, 1,
	  "add and delete as the lines +VALUE and -VALUE say, all or nothing",
	  pk_cli_ioc_apply,
	  { FEED, { "--format", "WORD", "text or ndjson (told from the content)" },
	    { "--expect", "N", "fail if the last commit is another one" },
	    META, FORCE, DRY_RUN } },
	{ "ioc", "rollback", "COMMIT", 1, 1,
	  "go back to the indicators as they were after a commit",
	  pk_cli_ioc_rollback, { DRY_RUN } },
	{ "ioc", "history", "", 0, 0,
	  "list what was changed, by whom, when",
	  pk_cli_ioc_history, { { "--limit", "N", "at most N (20)" } } },
	{ "ioc", "list", "", 0, 0,
	  "list indicators and how often each was seen",
	  pk_cli_ioc_list,
	  { { "--type", "TYPE", "only ipv4-addr, ipv4-net, domain-name, url, ..." },
	    { "--feed", "NAME", "only those of a feed" },
	    { "--limit", "N", "at most N (100); 0: all" } } },
	{ "ioc", "export", "", 0, 0,
	  "write indicators as others read them",
	  pk_cli_ioc_export,
	  { { "--format", "WORD", "csv (default), lines, ndjson, zeek or dataset" },
	    { "--type", "TYPE", "only those of a type" },
	    { "--feed", "NAME", "only those of a feed" } } },
	{ "ioc", "test", "VALUE", 1, 1,
	  "tell whether a value would be found; status 4 if not",
	  pk_cli_ioc_test, { TYPE } },
	{ "ioc", "explain", "VALUE", 1, 1,
	  "tell why a value matches: feeds, since when, hits, last evidence",
	  pk_cli_ioc_explain, { TYPE } },
	{ "ioc", "hits", "", 0, 0,
	  "list what was seen most",
	  pk_cli_ioc_hits,
	  { { "--by", "WORD", "indicator (default), feed or type" },
	    { "--limit", "N", "at most N (20)" } } },
	{ "ioc", "status", "", 0, 0,
	  "show the image in every plane, the store and the disk; status 5 if degraded",
	  pk_cli_ioc_status, { { 0 } } },
	{ "ioc", "confirm-clock", "", 0, 0,
	  "say that the system's time is right, so that indicators may end",
	  pk_cli_ioc_confirm_clock, { { 0 } } },
	{ "feed", "list", "", 0, 0,
	  "list feeds",
	  pk_cli_feed_list, { { 0 } } },
	{ "feed", "show", "NAME", 1, 1,
	  "show a feed, what it counted and what was refused",
	  pk_cli_feed_show,
	  { { "--rejected", NULL, "every refused record that is remembered" } } },
	{ "feed", "del", "NAME", 1, 1,
	  "withdraw all that a feed says",
	  pk_cli_feed_del, { DRY_RUN } },
	{ "safelist", "list", "", 0, 0,
	  "list the lists of what must never match",
	  pk_cli_safelist_list, { { 0 } } },
	{ "safelist", "load", "FILE", 1, 1,
	  "load or replace a safelist: MISP warninglist or one value a line",
	  pk_cli_safelist_load,
	  { { "--list", "NAME", "the list's name (the file's)" } } },
	{ "safelist", "add", "VALUE", 1, 1,
	  "add a value to a safelist",
	  pk_cli_safelist_add,
	  { { "--list", "NAME", "the list (local)" } } },
	{ "safelist", "del", "[VALUE]", 0, 1,
	  "delete a value, or a whole list",
	  pk_cli_safelist_del,
	  { { "--list", "NAME", "the list (local)" } } },
	{ "safelist", "test", "VALUE", 1, 1,
	  "tell whether a safelist keeps a value out; status 4 if not",
	  pk_cli_safelist_test, { TYPE } },
	{ "threat", "list", "", 0, 0,
	  "show the threats that are open now",
	  pk_cli_threat_list, { { "--limit", "N", "at most N (1000)" } } },
	{ "threat", "show", "ID", 1, 1,
	  "show all that was told of a threat",
	  pk_cli_threat_show, { { 0 } } },
	{ "threat", "export", "", 0, 0,
	  "print what the journal has, a JSON object a line",
	  pk_cli_threat_export,
	  { { "--from", "N", "from number N on" },
	    { "--since", "DURATION", "what is not older: 90s, 15m, 12h, 7d" } } },
	{ "threat", "follow", "", 0, 0,
	  "show threats as they are found",
	  pk_cli_threat_follow,
	  { { "--count", "N", "end after N threats" },
	    { "--timeout", "S", "end after S seconds" },
	    { "--since", "now", "where to begin; only now is kept" } } },
	{ "completion", "bash", "", 0, 0,
	  "print a completion script for bash",
	  pk_cli_completion_bash, { { 0 } } },
	{ "help", NULL, "[OBJECT [COMMAND]]", 0, 2,
	  "show how commands are used",
	  pk_cli_help,
	  { { "--scdoc", NULL, "as a part of the manual page's source" } } },
	{ "version", NULL, "", 0, 0,
	  "show the version",
	  pk_cli_version, { { 0 } } },
	{ 0 }
};
/* clang-format on */
