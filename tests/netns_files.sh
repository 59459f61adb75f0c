#!/bin/bash
# Threats in files (tests/netns_ioc_rig): in several profiles, rotated, through
# SIGKILL, SIGHUP, renaming and a full disk. Each file has all that the journal
# has; lines that a kill made twice are counted. And every message that was on
# the bus is as its schema says. Needs root; prints TAP lines.
set -u
# shellcheck source=tests/netns_ioc_rig
. "$(dirname "$0")/netns_ioc_rig"
wires=(w0)
out=$run/out
# shellcheck disable=SC2154 # of the rig
schema=$tests/schema.py
recorder=
unmount() {
	[ -z "$recorder" ] || end_pid "$recorder"
	[ -z "$daemon" ] || end_pid "$daemon"
	umount "$run/full" 2>/dev/null
	cleanup
}
trap unmount EXIT
/usr/bin/python3 -c 'import jsonschema, zmq' 2>/dev/null || {
	echo "1..0 # SKIP python3-jsonschema is missing"
	exit 77
}

addresses() { # ROUND
	seq -f "20.0.$1.%g" 60
}
attack() { # ROUND: a threat for each
	local to
	mapfile -t to < <(addresses "$1" | sed 's,$,/9,')
	send 1 "${to[@]}" >/dev/null
}
last() { ctl -j status | jq .journal.last; }
has_told() { [ "$(last)" -ge "$1" ]; }
followed() { # by the files from A to B
	is ".journal.last as \$l | all(.files[$1:$2][]; .next == \$l + 1 and .waiting == 0)" status
}
adds_up() {
	is 'all(.files[]; .seen == .lines + .filtered + .refused + .waiting)' status
}
kill_it() { # what forks the daemon notices, and ends
	kill -9 "$(pgrep -P "$daemon" -x picketd)"
	end_pid "$daemon"
	daemon=
}
round() { # NUMBER: attack, and kill it in the middle
	local before
	before=$(last)
	attack "$1" &
	await 10 has_told $((before + 1 + $1 * 7 % 40)) || return
	wait $!
	kill_it
	start
}
rounds() {
	local i
	for i in 1 2 3 4 5; do round $i || return; done
}

# Which file is which does not depend on the profile: by the journal's number.
numbers() { # PROFILE FILE...
	case $1 in
	picket) cat "${@:2}" | jq .seq ;;
	eve) cat "${@:2}" | jq -r '.alert.metadata.picket_seq[0]' ;;
	cef) cat "${@:2}" | grep -o ' cn2Label=seq cn2=[0-9]*' | cut -d= -f3 ;;
	syslog) cat "${@:2}" | grep -o ' seq="[0-9]*"' | tr -dc '0-9\n' ;;
	esac
}
as_journal() { # PROFILE FILE...: a threat may be told at any time
	numbers "$@" | sort -n >got
	ctl threat export 2>/dev/null | jq .seq | sort -n >want
	uniq got | cmp - want
}
complete() { # PROFILE FILE...: as the journal, and how many are there twice
	await 5 as_journal "$@"
	local rc=$?
	echo "$1: $(wc -l <got) lines, $(uniq got | wc -l) messages, $(wc -l <want) in the journal" | tee -a counts
	return $rc
}

end_pid "$daemon"
mkdir "$out" "$run/full"
chown --reference="$run/state" "$out"
mount -t tmpfs -o size=16k,mode=777 none "$run/full"
# The first run makes the files' cursors: they begin with it.
rm -rf "$run/state/journal"
configure "\"files\": [
	{ \"path\": \"$out/all\", \"rotate_bytes\": 0 },
	{ \"path\": \"$out/eve\", \"profile\": \"eve\", \"rotate_bytes\": 60000, \"keep\": 100 },
	{ \"path\": \"$out/cef\", \"profile\": \"cef\" },
	{ \"path\": \"$run/full/syslog\", \"profile\": \"syslog\", \"rotate_bytes\": 0 },
	{ \"path\": \"$out/critical\", \"types\": [\"portscan\"], \"severity_min\": \"critical\" }]"
expect "picketd starts" start
for i in $(seq 9); do addresses "$i"; done >listed
expect "indicators are loaded" ctl ioc load "$dir/listed" --feed "$(printf 'a"b\\\\c]d|e=f')"
expect "picketd is killed five times while it tells threats" rounds
expect "files follow, but for the one on the full disk" await 10 followed 0 3
expect "that one waits, and says so" await 5 is '.files[3] | .failed > 0 and .waiting > 0' status

# --- logrotate ----------------------------------------------------------------------------
expect "threats come" attack 6
expect "and are written" await 10 followed 0 3
mv "$out/all" "$out/all.old"
expect "a file that is renamed is opened anew" await 5 is '.files[0].reopened == 1' status
kill -HUP "$daemon"
expect "and all are at SIGHUP" await 5 is '.files[2].reopened == 1' status

# --- room again ---------------------------------------------------------------------------
/usr/bin/python3 "$tests/bus_record.py" "$run/d" "$dir/said" &
recorder=$!
has_words() { # all classes are there
	[ "$(cut -d/ -f2 said | sort -u | tr '\n' ' ')" = "end error hb hello hit stats test threat " ]
}
expect "what waits is written when there is room" mount -o remount,size=8m "$run/full"
attack_until_heard() {
	local i
	for i in 7 8 9; do
		attack $i
		await 6 has_words && return
	done
	cut -d/ -f2 said | sort | uniq -c
	return 1
}
expect "the bus is heard" await 10 grep -q '^v1/hb/' said
expect "samples are sent" ctl bus send-test
has_samples() { grep -q '^v1/test/hb/' said; }
expect "and heard" await 5 has_samples
expect "every class is heard on the bus" attack_until_heard
expect "each message is as its schema says" "$schema" bus "$tests/../control/schema" said
cat out
printable() { # J02
	ctl threat list >listing && [ "$(wc -l <listing)" -gt 60 ] && ! LC_ALL=C grep -P '[^\x20-\x7e]' listing
}
expect "the list is safe for a terminal" printable
expect "all files follow" await 10 followed 0 5
expect "their counters add up" adds_up

# --- what is in them ------------------------------------------------------------------------
: >counts
expect "all is in the file that was renamed, and its successor" complete picket "$out/all.old" "$out/all"
expect "and in the profile eve, rotated" complete eve "$out"/eve*
several() { [ "$(find "$out" -name 'eve.*' | wc -l)" -ge 3 ]; }
expect "into several files" several
bounded() { ! find "$out" -name 'eve*' -size +60000c | grep .; }
expect "none of them over its bound" bounded
expect "and in the profile cef" complete cef "$out/cef"
expect "and on the disk that was full" complete syslog "$run/full/syslog"
sed 's/^/# /' counts
expect "nothing is in the file of what there was not" [ ! -e "$out/critical" ]
for p in picket:threat:all.old picket:threat:all eve:eve:eve; do
	IFS=: read -r _ word file <<<"$p"
	expect "each line of $file is as its schema says" "$schema" check "$tests/../control/schema/$word.schema.json" "$out/$file"
done
expect "each line of CEF is one" "$schema" cef "$out/cef"
expect "each line of syslog is one" "$schema" syslog "$run/full/syslog"
mode() { [ "$(stat -c %a "$out/all" "$out/eve" | sort -u)" = 640 ]; }
expect "their mode is 0640" mode
expect "the audit closes" ctl audit
echo "1..$n"
[ $failed = 0 ]
