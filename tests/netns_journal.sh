#!/bin/bash
# What was told is in the journal (tests/netns_ioc_rig): the daemon is killed
# again and again while it tells threats. Everything that was heard on the bus
# must be in the journal as it was heard, the numbers must have no hole, and no
# threat may open twice. PK_KILLS=ROUNDS: so many (8). Needs root; prints TAP
# lines.
set -u
# shellcheck source=tests/netns_ioc_rig
. "$(dirname "$0")/netns_ioc_rig"
rounds=${PK_KILLS:-8}
wires=(w0)
each=40 joins=20
: >heard

addresses() { # ROUND: first some to be sure that the bus is heard
	local i
	for i in $(seq $((joins + each))); do
		echo "20.$(($1 / 256)).$(($1 % 256)).$i"
	done
}
has_heard() { # LINES
	[ "$(wc -l <heard)" -ge "$1" ]
}
join() { # ADDRESS...: PUB does not say when one has joined
	local before to
	before=$(wc -l <heard)
	for to in "$@"; do
		send 1 "$to" >/dev/null || return
		await 1 has_heard $((before + 1)) && return
	done
	return 1
}
drip() { # ADDRESS...: a few at a time, so that it takes a while
	while [ $# -gt 0 ]; do
		send 1 "${@:1:5}" >/dev/null
		shift $(($# < 5 ? $# : 5))
	done
}
# ROUND: follow the bus, send frames, kill the daemon when some was heard
round() {
	local pid follower to rc=1
	mapfile -t to < <(addresses "$1" | sed 's,$,/9,')
	"$build/picketctl" --socket "$run/d/ctl.sock" -j threat follow >>heard 2>>follow.log &
	follower=$!
	if join "${to[@]:0:joins}"; then
		drip "${to[@]:joins}" &
		await 10 has_heard $(($(wc -l <heard) + 1 + $1 * 29 % (each - 1)))
		rc=$?
	fi
	pid=$(pgrep -P "$daemon" -x picketd)
	kill -9 "$pid"
	wait $!
	end_pid $follower
	end_pid "$daemon"
	daemon=
	return $rc
}
rounds() {
	local i
	for i in $(seq "$rounds"); do
		[ -n "$daemon" ] || start || return
		round "$i" || {
			echo "round $i; heard $(wc -l <heard)"
			return 1
		}
	done
	start
}
# What the journal has, told by jq alone.
no_hole() { jq -se 'map(.seq) == [range(1; length + 1)] and length > 0' all; }
once() { jq -se 'map(select(.state == "open").id) | length == (unique | length)' all; }
epochs() { jq -se '(map(.epoch) | unique | length) > 1' all; }
as_heard() {
	jq -c . heard | sort >one
	jq -c . all | sort >two
	[ -s one ] && ! comm -23 one two | grep .
}

end_pid "$daemon"
configure ""
expect "picketd starts" start
for i in $(seq "$rounds"); do addresses "$i"; done >listed
expect "indicators are loaded" ctl ioc load "$dir/listed" --feed listed
expect "picketd is killed $rounds times while it tells threats" rounds
ctl threat export >all 2>exported
expect "the journal can be read, whole" test ! -s exported
expect "its numbers have no hole" no_hole
expect "it goes over restarts" epochs
expect "what was heard on the bus is in it, as it was heard" as_heard
expect "no threat opened twice" once
echo "# $(wc -l <heard) heard, $(wc -l <all) in the journal"
expect "the audit closes" ctl audit
id=$(jq -r .id all | tail -1)
expect "one threat is shown, with all that was told of it" is ".threats | length > 0 and all(.id == \"$id\")" threat show "$id"
fails_to_find() { fails 4 "no threat" threat show 0123456789abcdef0123456789abcdef; }
expect "a threat that is not there is not found" fails_to_find
expect "open threats are listed" is '.threats | length == 0 or all(.state != "closed")' threat list
last=$(jq .seq all | tail -1)
from_last() { [ "$(ctl threat export --from "$last" | head -1 | jq .seq)" = "$last" ]; }
expect "export begins where it is told to" from_last
echo "1..$n"
[ $failed = 0 ]
