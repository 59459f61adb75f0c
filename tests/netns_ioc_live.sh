#!/bin/bash
# Indicators while things go on and go wrong (tests/netns_ioc_rig): half
# uploads, two clients, expiry, planes that lag, switches of generations under
# traffic, and a daemon that is killed at any moment. PK_SWITCHES="ITEMS
# SWITCHES" runs switches of that size, and deaths with as many items. Needs
# root; prints TAP lines.
set -u
# shellcheck source=tests/netns_ioc_rig
. "$(dirname "$0")/netns_ioc_rig"

switches() { # ITEMS SWITCHES
	local before sent
	before=$(ctl -j status | jq '.planes[] | select(.plane == "xdp").counters.seen')
	nested 6000 "${in_wire[@]}" python3 "$tests/switches.py" "$run/d/ctl.sock" w0 "$@"
	sent=$(awk '$1 == "SENT" { print $2 }' nested)
	expect "all ${sent:-0} frames were seen" await 5 is "[.planes[] | select(.plane == \"xdp\")
		| .counters.seen] == [$before + ${sent:-0}] and ${sent:-0} > 0" status
	expect "the ledger closes over the switches" ctl audit
	memory "after switches of $1 items"
}

deaths() { # ROUNDS SECONDS [ITEMS]
	end_pid "$daemon"
	daemon=
	rm -rf "$run/state"
	configure ""
	nested $((60 + $1 * 15 + $2 * 2)) "${in_lab[@]}" python3 "$tests/crash.py" "$run" "$run/picket.json" \
		"$build/picketd" "$@"
	wires=(w0)
	expect "the survivor is well" await 10 is '.state == "ok" and (.disk.error | not)' ioc status
	expect "it knows what it should" remembers
	expect "its planes know that, too" knows
}
remembers() { # what was acknowledged, and nothing else
	ctl -j ioc list --limit 0 | jq -r '.items[].value' | sort | diff - <(sort "$run/known")
}
knows() { # frames to what is listed hit, frames beside it do not
	local all frames
	mapfile -t to < <(awk 'NR % 50 == 0 { print $0 "/9" }' "$run/known")
	mapfile -t beside < <(awk -F. '!/^200/ && NR % 50 == 0 {
		print $1 "." $2 "." $3 "." ($4 + 1) % 256 "/9" }' "$run/known")
	all=$(listed) frames=$(seen)
	echo "${#to[@]} addresses, ${#beside[@]} beside them; $all hits before"
	send 1 "${to[@]}" >/dev/null
	await 5 all_hits $((all + ${#to[@]})) && send 1 "${beside[@]}" >/dev/null &&
		await 5 has_seen $((frames + ${#to[@]} + ${#beside[@]})) &&
		all_hits $((all + ${#to[@]})) && [ ${#beside[@]} -gt 50 ]
}

if [ -n "${PK_SWITCHES:-}" ]; then
	# shellcheck disable=SC2086
	switches $PK_SWITCHES
	deaths 40 300 200000
	echo "1..$n"
	[ $failed = 0 ]
	exit
fi


# --- clients --------------------------------------------------------------------
seq -f '15.1.0.%g' 0 99 >big
quiet ioc load big --feed l
expect "half an upload, or in the wrong order, changes nothing" timeout 60 \
	python3 "$tests/clients.py" "$run/d/ctl.sock"
expect "two loads at a time: one after the other, each whole" timeout 60 \
	python3 "$tests/clients.py" "$run/d/ctl.sock" two
half() { # picketctl itself is killed while it sends
	local before client pid
	before=$(commit)
	pid=$(pgrep -P "$daemon" -x picketd)
	for f in $(seq 40); do cat big; done >some; for f in $(seq 100); do cat some; done >much
	echo "$pid" >"$run/stopped"
	kill -STOP "$pid"
	"$build/picketctl" --socket "$run/d/ctl.sock" ioc load "$dir/much" --feed dead &
	client=$!
	await 5 sends $client
	kill -9 $client
	wait $client 2>/dev/null
	kill -CONT "$pid"
	rm "$run/stopped"
	[ "$(commit)" = "$before" ] && fails 4 "no feed" feed show dead
}
sends() { # PID: the end of the file is not what it has come to
	local f at
	for f in /proc/"$1"/fd/*; do
		[ "$(readlink "$f")" = "$dir/much" ] || continue
		at=$(awk '/^pos/ { print $2 }' "/proc/$1/fdinfo/${f##*/}")
		echo "at $at of $(stat -c %s much)"
		[ "$at" -gt 0 ] && [ "$at" -lt "$(stat -c %s much)" ] && return
	done
	return 1
}
expect "a client that dies changes nothing" half

# --- expiry ---------------------------------------------------------------------
expect "an indicator ends to the second" timeout 60 "${in_wire[@]}" \
	python3 "$tests/clients.py" "$run/d/ctl.sock" expiry "${wires[@]}"
expect "that is a commit" is '.commits[0] | .op == "expire" and .withdrawn == 1' ioc history

# --- planes that lag ------------------------------------------------------------
lags() { # NUMBER NAME VALUE: of the plane in status
	local pid
	pid=$(ctl -j status | jq ".planes[$1].pid")
	expect "all planes have the generation" is '.generation as $g | .state == "ok" and
		all(.planes[]; .generation == $g)' ioc status
	echo "$pid" >"$run/stopped"
	kill -STOP "$pid"
	quiet ioc add "$3"
	expect "a push that $2 does not take degrades" await 5 fails 5 \
		"why: plane $2 is behind the active generation" ioc status
	expect "how long is told" is ".planes[$1].lag_ms > 1000 and .state == \"degraded\"" ioc status
	kill -CONT "$pid"
	rm "$run/stopped"
	expect "when $2 goes on all is well" await 5 is '.state == "ok"' ioc status
}
lags 0 xdp 16.2.2.1
[ -z "$dpdk" ] || lags 1 p0 16.2.2.2
expect "what was pushed hits" counted 16.2.2.1/1 1 16.2.2.1

# --- switches, deaths -----------------------------------------------------------
expect "the ledger closes" ctl audit
for v in 11.2.0.0/16 11.2.3.0/24 11.5.5.5 11.5.5.6:443 bad.example.org 2a01:5::/32; do
	quiet ioc add $v
done
switches 150000 6
expect "all is in the base" is '.image | .delta.items == 0 and .base.items > 150000' ioc status
while read -r what value other; do
	expect "$value of the base hits" counted "$what" 1 "$value"
	quiet ioc del "$value"
	expect "${other:-nothing} when it is deleted" \
		"$([ -n "$other" ] && echo counted || echo silent)" "$what" ${other:+1 "$other"}
	quiet ioc add "$value"
	expect "and again when it is back" counted "$what" 1 "$value"
done <<-END
	11.2.3.4/1 11.2.3.0/24 11.2.0.0/16
	11.2.4.4/1 11.2.0.0/16
	11.5.5.5/1 11.5.5.5
	11.5.5.6/443 11.5.5.6:443
	a.bad.example.org bad.example.org
	2a01:5::1/1 2a01:5::/32
END
deaths 25 30
echo "1..$n"
[ $failed = 0 ]
