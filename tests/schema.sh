#!/bin/bash
# Every message of picket-replay beside its JSON Schema, and in every profile:
# threats of detectors, of indicators of each type, with hostile text in what
# they say; records, too. Lines of syslog and CEF by their grammars, and every
# text comes back from its profile (tests/schema.py). Prints TAP lines.
set -u
# shellcheck source=tests/replay_rig
. "$(dirname "$0")/replay_rig"
schema=$(dirname "$0")/schema.py
schemas=$dir/schemas
/usr/bin/python3 -c 'import jsonschema' 2>/dev/null || {
	echo "1..0 # SKIP python3-jsonschema is missing"
	exit 77
}

said() { # COMMAND...: what it says is shown
	"$@" >"$dir/said" 2>&1
	local rc=$?
	[ $rc = 0 ] || head -5 "$dir/said"
	return $rc
}
gen() { "$build/picket-gen" "$@" >/dev/null; }

# --- the schemas, as they are printed --------------------------------------------------
mkdir "$schemas"
"$build/picketctl" -j schema | jq -r '.schemas[].class' >"$dir/classes"
while read -r class; do
	"$build/picketctl" schema "$class" >"$schemas/$class.schema.json"
done <"$dir/classes"
check "there are schemas, and they take no other key" said "$schema" selftest "$schemas"

# --- messages of all kinds ---------------------------------------------------------------
gen portscan --write "$dir/portscan.pcap"
gen spam --write "$dir/spam.pcap"
gen winscan --write "$dir/winscan.pcap"
gen ping --src 203.0.113.7 --write "$dir/ping.pcap"
gen talk --src 203.0.113.9 --dst 198.51.100.1 --write "$dir/talk.pcap"
gen talk --src 2001:db8::1 --dst 2001:db8:fe::2 --write "$dir/six.pcap"
gen dnsquery --name c2.evil.example --write "$dir/dns.pcap"
python3 tests/names.py "$dir" >/dev/null
cp "$dir/ioc.txt" "$dir/names.txt"
python3 tests/tunnels.py "$dir" >/dev/null
python3 tests/hostile_names.py write "$dir/hostile.pcap"
# Text of outsiders, in each column that takes it.
python3 - >"$dir/feed \"=]|x.csv" <<-'PY'
	import csv, sys
	out = csv.writer(sys.stdout)
	out.writerow("type value id threat_type class confidence severity tlp tags attribution".split())
	text = ['a"b\\c]d|e=f', "\\x41 \\\\x1b \\", "%n%s</script>{}", "na\u00efve \u4f60 \U0001f600",
	        "\u202eevil\u2066", "caf\u00e9 \u200b\ufeff", "[x@1 a=\"b\"] cs1=forged |0|", "\u0085\u2028"]
	values = [("ipv4-addr", "203.0.113.9"), ("ipv6-addr", "2001:db8::1"), ("ipv4-net", "198.51.100.0/24"),
	          ("ipv6-net", "2001:db8:fe::/48"), ("domain-name", "c2.evil.example"), ("ipv4-addr", "203.0.113.7"),
	          ("ip-port", "198.51.100.1:80"), ("domain-name", "evil.example")]
	for i, (kind, value) in enumerate(values):
	    t = [text[(i + k) % len(text)] for k in range(4)]
	    out.writerow([kind, value, t[0], t[1], "c2", 80, ["low", "medium", "high", "critical"][i % 4], "amber", t[2], t[3]])
PY
"$build/picket-replay" --records --audit --ioc "$dir/feed \"=]|x.csv,picket" --ioc "$dir/names.txt,lines" \
	--ioc "$dir/ioc,lines" "$dir"/{portscan,spam,winscan,ping,talk,six,dns,names,hostile}.pcap "$dir/pcap" \
	>"$dir/out" 2>"$dir/err" </dev/null
check "all of it is replayed" ledger
grep -v '^{"record"' "$dir/out" >"$dir/threats"
types() { # of threats, and of indicators
	jq -r '.type, (.indicator.type // empty)' "$dir/threats" | sort -u | tr '\n' ' '
}
all_types() { # or the rest shows nothing
	echo "# $(types)"
	[ "$(types)" = "domain-name indicator ip-port ipv4-addr ipv4-net ipv6-addr ipv6-net portscan spam winscan " ]
}
check "there are threats of every type" all_types
hostile() { # the hostile text came through, and is in threats
	jq -r '.indicator | .tags, .attribution, .id, .threat_type' "$dir/threats" | grep -qF '[x@1 a="b"] cs1=forged |0|'
}
check "with the text of outsiders" hostile
check "N18: every name comes back, byte for byte" said tests/hostile_names.py check "$dir/threats"
check "every message is as its schema says" said "$schema" records "$schemas" "$dir/out"
jq -c 'del(.coverage) + { unheard: 1 }' "$dir/threats" | head -1 >"$dir/wrong"
refused() { ! "$schema" records "$schemas" "$dir/wrong" >/dev/null; }
check "one with another key is not" refused

# --- profiles ---------------------------------------------------------------------------------
in_profile() { "$build/tests/profile" "$1" <"$dir/threats" >"$dir/$1"; }
for p in eve ecs sdn cef syslog; do
	check "$p: every threat has it" in_profile $p
	case $p in
	cef | syslog) check "$p: each is a line by its grammar" said "$schema" $p "$dir/$p" ;;
	*) check "$p: each is as its schema says" said "$schema" check "$schemas/$p.schema.json" "$dir/$p" ;;
	esac
	check "$p: it says what the threat said" said "$schema" same $p "$dir/threats" "$dir/$p"
done
check "picket: every threat has it" in_profile picket
check "picket: it is the message" cmp "$dir/threats" "$dir/picket"
echo "# $(wc -l <"$dir/out") messages, $(wc -l <"$dir/threats") threats"
echo "1..$n"
[ $failed = 0 ]
