#!/bin/bash
# Indicators, from a command to a packet and back (tests/netns_ioc_rig): every
# operation of picketctl, what it does to frames in both planes, and what keeps
# bad values out. Needs root; prints TAP lines.
set -u
# shellcheck source=tests/netns_ioc_rig
. "$(dirname "$0")/netns_ioc_rig"

# --- one of each type -----------------------------------------------------------
life() { # TYPE MATCH VALUE ARGS...: it comes and goes
	local type=$1 match=$2 value=$3 asked=$3
	shift 3
	[ "$match" != one-label ] || asked=x.$value
	is ".type == \"$type\" and .match == \"$match\" and .slot > 0 and .added and .commit > 0" \
		ioc add "$value" "$@" &&
		is '.added or .changed | not' ioc add "$value" "$@" &&
		is '.match and (.items | length) == 1 and .items[0].feed == "manual"' \
			ioc test "$asked" --type "$type" &&
		is ".total == 1 and (.items[0] | .type == \"$type\" and .match == \"$match\")" ioc list &&
		ctl ioc del "$value" "$@" && fails 4 "no match" ioc test "$asked" --type "$type" &&
		fails 4 "there is no indicator" ioc del "$value" "$@"
}
hex=0123456789abcdef0123456789abcdef
while read -r type match value args; do
	# shellcheck disable=SC2086
	expect "$type $value $args comes and goes" life "$type" "$match" "$value" $args
done <<-END
	ipv4-addr exact 11.1.1.1
	ipv6-addr exact 2a01::1
	ipv4-net exact 11.1.0.0/16
	ipv6-net exact 2a01:1::/32
	ip-port exact 11.1.1.1:443
	ip-port exact [2a01::1]:443
	domain-name subdomains bad.example.org
	domain-name exact =bad.example.org
	domain-name one-label one.example.org --match one-label
	url exact http://bad.example.org/a?b=c
	email-addr exact a@bad.example.org
	file exact $hex
	file exact ${hex}01234567
	file exact $hex$hex
	ja3 exact $hex --type ja3
	ja4 exact t13d1516h2_8daaf6152771_e5627efa2ab1 --type ja4
	x509-certificate exact ${hex}01234567 --type x509-certificate
	user-agent exact evil/1.0 --type user-agent
	autonomous-system exact AS64500
END
expect "nothing is left of them" is '.total == 0' ioc list
expect "nonsense is refused, with the reason" fails 2 "zzz zzz" ioc add "zzz zzz"

# --- frames ---------------------------------------------------------------------
send 1000 14.0.0.1/1 >/dev/null # what follows is less than a percent of the traffic
while read -r feed value args; do
	# shellcheck disable=SC2086
	quiet ioc add "$value" --feed "$feed" $args
done <<-END
	f 11.1.1.1
	f 11.1.1.1:443
	g 11.9.9.9:53
	wide 11.2.0.0/16 --confidence 10
	narrow 11.2.3.0/24 --confidence 90 --threat-type c2
	f bad.example.org
	f =exact.example.org
	f one.example.org --match one-label
	f 2a01::5
	f 2a01:2::/32
	f [2a01::7]:8443
END
while read -r what more values; do
	# shellcheck disable=SC2086
	expect "$what makes $more hits of ${values:-anything}" counted "$what" "$more" $values
done <<-END
	11.1.1.1/80 1 11.1.1.1
	11.1.1.1/443 1 11.1.1.1:443
	11.9.9.9/53 1 11.9.9.9:53
	11.2.255.255/1 1 11.2.0.0/16
	11.2.3.4/1 1 11.2.3.0/24
	bad.example.org 1 bad.example.org
	a.b.bad.example.org 1 bad.example.org
	exact.example.org 1 exact.example.org
	x.one.example.org 1 one.example.org
	2a01::5/1 1 2a01::5
	2a01:2:ffff::1/1 1 2a01:2::/32
	2a01::7/8443 1 [2a01::7]:8443
END
for what in 11.1.1.2/80 11.9.9.9/54 11.3.0.0/1 11.1.255.255/1 notbad.example.org \
	x.exact.example.org one.example.org x.y.one.example.org 2a01::6/1 2a01:3::/1 2a01::7/443; do
	expect "$what is silent" silent $what
done
expect "the counts of the feeds add up" is "([.items[].hits] | add) == .hits" ioc hits --by feed
expect "and of the types" is "([.items[].hits] | add) == .hits" ioc hits --by type
expect "explain shows feed, structure and the last evidence" is '.items[0] | .hits > 0 and
	.first_hit <= .last_hit and .feeds[0].feed == "f" and .where.layer == "delta" and
	(.evidence | .src == "12.0.0.1" and .src_port == 20004 and .dst == "11.1.1.1" and
	.dst_port == 443 and .role == "destination" and .protocol == "udp")' ioc explain 11.1.1.1:443
expect "of a name the question" is '.items[0].evidence | .role == "dns-question" and
	.dst_port == 53' ioc explain x.one.example.org
told() { # WIRE PLANE: a threat of the longest prefix, which names the feeds of both
	local i threat
	timeout 20 "$build/picketctl" --socket "$run/d/ctl.sock" -j threat follow --count 1 \
		--timeout 10 >threat &
	for i in $(seq 10 200); do # until it listens
		timeout 5 "${in_wire[@]}" python3 "$tests/frames.py" "$1" 1 "11.2.3.$i/1" >/dev/null
		await 0 test -s threat && break
	done
	wait $!
	threat=$(cat threat)
	echo "$threat"
	jq -e '.indicator | .value == "11.2.3.0/24" and .threat_type == "c2" and
		(.feeds | sort) == ["narrow", "wide"]' threat && [ "$(jq -r .plane threat)" = "$2" ]
}
expect "the threat is of the longest prefix and names all feeds" told w0 xdp
[ -z "$dpdk" ] || expect "in the other plane, too" told w1 dpdk
for v in 11.2.3.0/24 11.1.1.1:443 bad.example.org; do quiet ioc del $v; done
expect "without the prefix the shorter one hits" counted 11.2.3.4/1 1 11.2.0.0/16
expect "without the port its address hits" counted 11.1.1.1/443 1 11.1.1.1
expect "a name that is deleted is silent" silent a.b.bad.example.org
quiet ioc add 11.1.1.1 --feed g
quiet ioc del 11.1.1.1 --feed f
expect "what another feed says, too, stays" counted 11.1.1.1/80 1 11.1.1.1
expect "a feed is withdrawn" is '.withdrawn == 2' feed del g
expect "and silent" silent 11.1.1.1/80
expect "the ledger closes" ctl audit

# --- files ----------------------------------------------------------------------
for f in f wide narrow; do quiet feed del $f; done
seq -f '15.1.0.%g' 0 99 >big
seq -f '15.1.0.%g' 50 149 >next
seq -f '15.3.0.%g' 0 20 >small
seq -f '15.3.0.%g' 0 99 >large
expect "a dry run tells all" is '.dry_run and .diff.added == 100 and .accepted == 100' \
	ioc replace big --feed l --dry-run
base=$(commit)
expect "and changes nothing" fails 4 "no feed" feed show l
expect "a file is loaded" is '.applied and .diff.added == 100 and .records == 100' \
	ioc load big --feed l
expect "that is one commit" [ "$(commit)" = $((base + 1)) ]
expect "diff tells what a replace would do" is '.diff | .added == 50 and .withdrawn == 50
	and .same == 50' ioc diff next --feed l
expect "replace does it" is '.diff | .added == 50 and .withdrawn == 50' ioc replace next --feed l
expect "what it withdrew is silent" silent 15.1.0.7/1
expect "what it kept is not" counted 15.1.0.60/1 1 15.1.0.60
expect "load withdraws nothing" is '.diff | .added == 50 and .withdrawn == 0' ioc load big --feed l
expect "a rollback is told first" is '.added == 0 and .withdrawn == 50' \
	ioc rollback $((base + 2)) --dry-run
expect "and done" is ".to == $base + 2 and .withdrawn == 50" ioc rollback $((base + 2))
expect "what it took back is silent" silent 15.1.0.7/1
expect "history tells all of that" is "[.commits[] | select(.commit > $base) | .op] ==
	[\"rollback $((base + 2))\", \"load\", \"replace\", \"load\"]" ioc history
printf '# by hand\n+15.2.0.1\n-15.1.0.60\n' >changes
expect "changes are told first" is '.added == 1 and .withdrawn == 1 and .dry_run' \
	ioc apply changes --feed l --dry-run
expect "they are applied" is '.added == 1 and .withdrawn == 1' ioc apply changes --feed l
printf '+15.2.0.2\n-15.2.0.9\n' >changes
expect "all of them or none" fails 2 "line 2" ioc apply changes --feed l
expect "this time none" fails 4 "no match" ioc test 15.2.0.2
expect "feed list counts" is '[.feeds[] | select(.feed == "l") | .items] == [100]' feed list
{ cat small; echo 15.1.0.300; } >faulty
expect "a refused line makes the status partial" fails 5 "faulty:22: column 1" \
	ioc load faulty --feed faulty
expect "and is remembered" fails 0 "15.1.0.300" feed show faulty --rejected
quiet feed del faulty
quiet ioc add one.example.org --match one-label --feed l --confidence 70 --severity low --tlp amber \
	--tags 'a,b c' --class phishing --threat-type 'x"y,z' --attribution APT0 --id 1 --ttl 7d
for v in =e.example.org 2a01:2::/32 http://e.example.org/a,b '[2a01::7]:1'; do
	quiet ioc add "$v" --feed l
done
quiet ioc add $hex --type ja3 --feed l
values l >exported
expect "they are exported as CSV" fails 0 "one-label" ioc export --feed l
ctl ioc export --feed l >l.csv
expect "and read back" is '.refused == 0' ioc replace l.csv --feed copy --force
values copy >back
expect "the same" same exported back
ctl ioc export --feed l --format ndjson >l.ndjson
quiet feed del l
quiet feed del copy
expect "NDJSON is applied" is '.added == 106' ioc apply l.ndjson --force
values l >back
expect "and is the same" same exported back
expect "lines tell what they have no place for" fails 5 "have no place in lines" \
	ioc export --feed l --format lines

# --- what is kept out ---------------------------------------------------------------
base=$(commit)
while read -r value text; do
	expect "$value is refused" fails 1 "$text" ioc add "$value"
done <<-END
	10.1.2.3 private use
	198.18.0.1 benchmarking
	co.uk public suffix
	11.0.0.0/7 wider than /8
	0.0.0.0/0 all traffic
END
expect "nothing of that is a commit" [ "$(commit)" = "$base" ]
expect "force takes what it must" fails 0 "added" ioc add 10.1.2.3 --force
expect "even everything" fails 0 "added" ioc add 0.0.0.0/0 --force
quiet ioc del 0.0.0.0/0
quiet ioc replace large --feed l --force
base=$(commit)
expect "a list that shrank is refused" fails 1 "more than 50 %" ioc replace small --feed l
echo '# nothing today' >empty
expect "an empty one" fails 1 "no indicator" ioc replace empty --feed l
: >empty
expect "one without a byte" fails 1 "no indicator" ioc replace empty --feed l
echo '<html><body>Please log in</body></html>' >page
expect "a web page even with force" fails 1 "web page" ioc replace page --feed l --force
echo 12.0.0.1 >sender
expect "a dry run tells what was seen lately" await 10 is '.seen.count == 1 and
	.seen.samples[0].value == "12.0.0.1"' ioc load sender --feed l --dry-run
expect "what matches the traffic" fails 1 "of the recent packets" ioc load sender --feed l
expect "nothing of that is a commit, either" [ "$(commit)" = "$base" ]
expect "force takes the shorter list" is '.applied and .diff.withdrawn == 79' \
	ioc replace small --feed l --force
expect "a client that knows less than it thinks is told" fails 1 "is the last one" \
	ioc replace large --feed l --expect "$base"
expect "one that is right is heard" is .applied ioc replace large --feed l --expect "$(commit)"

printf 'good.example.net\n12.5.0.0/16\n' >safe
expect "a safelist is loaded" is '.entries == 2 and .refused == 0' safelist load safe
expect "it is listed" is '[.lists[].list] == ["safe"]' safelist list
expect "an address of it is refused" fails 1 "safelist safe" ioc add 12.5.6.7
expect "a name of it, too" fails 1 "safelist safe" ioc add x.good.example.net
expect "why is told" is '.match and .entry == "12.5.0.0/16"' safelist test 12.5.9.9
expect "what is not on it is not" fails 4 "" safelist test 12.6.0.1
printf '12.5.0.9\n12.6.0.9\n' >mixed
expect "in a file such a value is left out" is '.accepted == 1 and .refused == 1' \
	ioc load mixed --feed mixed
expect "a value is added" is .added safelist add 12.6.0.10
expect "and holds" fails 1 "safelist local" ioc add 12.6.0.10
expect "explain says so of what is there" is '.safe | contains("12.6.0.10")' ioc explain 12.6.0.10
expect "a value is deleted" is .deleted safelist del 12.6.0.10
expect "a list is deleted" is .deleted safelist del --list safe
expect "then its values are taken" fails 0 "added" ioc add 12.5.6.7
expect "a list that is not there cannot be" fails 4 "no such list" safelist del --list safe
expect "the ledger closes at the end" ctl audit

echo "1..$n"
[ $failed = 0 ]
