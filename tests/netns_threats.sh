#!/bin/bash
# The life of a threat from the outside (tests/netns_ioc_rig): evidence and
# targets, rules that suppress, why a threat opened, and following from an
# earlier point on. Needs root; prints TAP lines.
set -u
# shellcheck source=tests/netns_ioc_rig
. "$(dirname "$0")/netns_ioc_rig"
wires=(w0)

threats() { ctl -j threat list; }
open_of() { # OFFENDER: how many are open
	threats | jq --arg o "$1" '[.threats[] | select(.offender == $o)] | length'
}
is_open() { [ "$(open_of "$1")" = 1 ]; }
counts() { # OFFENDER COUNT
	threats | jq -e --arg o "$1" --argjson n "$2" \
		'any(.threats[]; .offender == $o and .count == $n)' >/dev/null
}
rule() { # NUMBER JQ-EXPRESSION
	is ".rules[] | select(.number == $1) | $2" threat suppress list
}
suppressed() { # OFFENDER RULE COUNT: frames to it are counted there, no threat opens
	local before
	before=$(ctl -j threat suppress list | jq ".rules[] | select(.number == $2).count")
	send 5 "$1/9" >/dev/null &&
		await 10 rule "$2" ".count >= $((before + $3))" && ! is_open "$1"
}
opens() { # OFFENDER
	send 5 "$1/9" >/dev/null && await 10 is_open "$1"
}
told() { # the journal
	ctl threat export
}
closed_last() { # ID
	[ "$(told | jq -r "select(.id == \"$1\").state" | tail -1)" = closed ]
}

end_pid "$daemon"
configure '"suppress": [{ "feed": "quiet", "comment": "known" }]'
expect "picketd starts with a rule of its configuration" start
printf '20.1.1.%d\n' 1 2 3 4 >listed
echo 20.9.9.9 >quiet
expect "indicators are loaded" ctl ioc load "$dir/listed" --feed listed
expect "those of a feed that is suppressed, too" ctl ioc load "$dir/quiet" --feed quiet

# --- evidence and targets ---
expect "a listed address opens a threat" opens 20.1.1.1
expect "its evidence is the hit" \
	is '.threats[0].evidence[0] | .record == "hit" and .dst_ip == "20.1.1.1" and .proto == "udp"' threat list
expect "flows count" await 10 counts 20.1.1.1 5
expect "they are evidence, at most four records" \
	is '.threats[0].evidence | length == 4 and .[1].record == "flow" and .[1].packets == 1' threat list
expect "and it tells its target and how often" \
	is '.threats[0] | .targets == [{"addr": "12.0.0.1", "count": 5}] and .targets_more == 0' threat list
id=$(threats | jq -r '.threats[0].id')

# --- explain ---
explains() { # TEXT...
	local text
	ctl threat explain "$id" >said || return
	cat said
	for text; do grep -qF -- "$text" said || return; done
}
expect "explain tells why, what, whom and where" explains "threat $id is open" \
	"ipv4-addr 20.1.1.1, met as destination, is listed by listed" "hit  udp 12.0.0.1:20000 > 20.1.1.1:9" \
	"12.0.0.1: 5" "1: open" "No rule would suppress it now" "feed listed"
expect "explain -j has all of it" is '.state == "open" and .suppress == [] and .threat.count == 5 and
	.messages[0].seq == 1 and .indicator_now.items[0].value == "20.1.1.1"' threat explain "$id"
unknown() { fails 4 "no threat" threat explain 0123456789abcdef0123456789abcdef; }
expect "a threat that is not there cannot be explained" unknown

# --- rules ---
expect "what the configuration suppresses opens none, and is counted" suppressed 20.9.9.9 1 5
expect "the rule is the configuration's" rule 1 '.from == "configuration" and .comment == "known" and .first != null'
kept() { fails 6 "the configuration's" threat suppress del 1; }
expect "and cannot be deleted here" kept
expect "a new rule closes what is open" \
	is '.number == 2 and .closed == 1 and .until != null' threat suppress add --offender 20.1.1.0/24 --for 1h --comment "a test"
expect "which is told" await 5 closed_last "$id"
expect "explain names the rule" explains "is closed" "rule 2: offender 20.1.1.0/24" "a test"
expect "it opens no more" suppressed 20.1.1.1 2 5
twice() { fails 1 "rule 2 names the same" threat suppress add --offender 20.1.1.7/24; }
expect "the same rule twice is refused" twice
empty() { fails 2 "would suppress all" threat suppress add --comment nothing; }
expect "one that names nothing, too" empty
wrong() { fails 2 "write indicator, portscan, spam or winscan" threat suppress add --type scan; }
expect "one of a type that there is not, too" wrong
both() { fails 2 "one end" threat suppress add --type spam --for 1h --until 2030-01-01; }
expect "one with two ends, too" both
no_rule() { fails 4 "no rule 9" threat suppress del 9; }
expect "one that is not there cannot be deleted" no_rule
expect "a rule ends by itself" quiet threat suppress add --type spam --for 1s
ended() { ctl -j threat suppress list | jq -e 'all(.rules[]; .number != 3)'; }
expect "and is gone then" await 10 ended
expect "the audit closes" ctl audit
expect "the status counts what was suppressed" await 5 is '.threats | .suppressed >= 15 and .closed_suppressed == 1' status

# --- over a kill ---
kill -9 "$(pgrep -P "$daemon" -x picketd)"
end_pid "$daemon"
expect "picketd starts again after a kill" start
expect "the rules are there" is '.rules | map(.number) == [1, 2] and .[1].comment == "a test"' threat suppress list
expect "and in force" suppressed 20.1.1.1 2 5
expect "a rule is deleted" is '.number == 2' threat suppress del 2
expect "what it suppressed opens" opens 20.1.1.1
expect "an address that no rule is about opens" opens 20.1.1.2

# --- follow ---
follow() { timeout 30 "$build/picketctl" --socket "$run/d/ctl.sock" -j threat follow "$@"; }
from_the_first() { # ...: what it shows is what the journal has, and then what comes
	local rest=$1 have
	shift
	have=$(told | wc -l)
	follow "$@" --count $((have + 1)) >followed &
	opens "$rest" || return
	wait $! || return
	told | jq -c . | head -$((have + 1)) >one
	jq -c . followed >two
	same one two
}
expect "follow from number 1 shows the journal, then what comes" from_the_first 20.1.1.3 --since 1
expect "from an hour ago, too" from_the_first 20.1.1.4 --since 1h
from_two() { follow --since 2 --count 1 | jq -e '.seq == 2'; }
expect "from a number" from_two
of_type() { ! follow --since 1 --type portscan --timeout 1 | grep . && follow --since 1 --type indicator --count 2; }
expect "of one type alone" of_type
nonsense() { fails 2 "--since takes now" threat follow --since yesterday; }
expect "not from nowhere" nonsense
expect "the audit closes at the end" ctl audit
echo "1..$n"
[ $failed = 0 ]
