#!/bin/bash
# Do the planes agree? Replays captures of every topic folder through inline,
# xdp and dpdk, with 1, 2 and 4 workers (or one of them, ALL=1 for all), with
# indicators drawn from each capture, and compares the output: all fields but
# `plane` are equal, and each plane prints at least one threat. Prints TAP
# lines; `all` as the first argument takes every capture, otherwise about four
# a folder.
set -u
shared=${PK_SHARED:-../shared}
# shellcheck source=tests/replay_rig
. "$(dirname "$0")/replay_rig"
per_folder=${1:-4}

# Up to ten addresses and one question name of the capture, by tshark.
draw() { # CAPTURE
	tshark -n -r "$1" -c 2000 -T fields -E occurrence=f -e ip.src -e ip.dst \
		-e ipv6.src -e ipv6.dst 2>/dev/null | tr '\t' '\n' |
		grep -vE '^$|^0\.0\.0\.0$|^::$' | sort -u | head -10 >"$dir/ioc.txt"
	[ -s "$dir/ioc.txt" ] || return 1
	tshark -n -r "$1" -c 2000 -Y 'dns.flags.response == 0 && udp.dstport == 53' -T fields \
		-E occurrence=f -e dns.qry.name 2>/dev/null | grep -E '^[a-zA-Z0-9.-]+\.[a-zA-Z]+$' |
		head -1 >>"$dir/ioc.txt"
}

# Every worker saw a fifth of the packets (with 8 frames or more).
share() {
	awk '/^frames/ { all = $2 } /^worker/ { if (all >= 8 && $4 * 5 < all) bad = 1 }
		END { exit bad }' "$dir/err"
}

damaged() { # the capture itself ends in damage
	grep -qE 'cannot be read beyond|cannot be opened' "$dir/err"
}

compare() { # CAPTURE
	local plane w
	turn=$((turn + 1))
	for plane in $planes; do
		for w in $(workers "$plane"); do
			agrees "$plane" "$w" "$1" && continue
			echo "# $plane with $w workers"
			return 1
		done
	done
}

agrees() { # PLANE WORKERS CAPTURE
	if ! replay "$1" "$2" --ioc "$dir/ioc.txt,lines" "$3" && ! damaged; then
		tail -3 "$dir/err" | sed 's/^/# /'
		return 1
	fi
	ledger || {
		grep -h MISMATCH "$dir/err" | sed 's/^/# /'
		return 1
	}
	share || { echo "# worker share"; return 1; }
	[ -s "$dir/out" ] || { echo "# no threat"; return 1; }
	[ "$1.$2" = inline.1 ] && rm -f "$dir/first"
	as_first && return
	same "$dir/first" "$dir/this"
}

folders() {
	for d in "$shared"/captures/*/; do
		case $d in */expected/ | */bench/ | */LICENSES/) continue ;; esac
		[ -n "$(find "$d" -name '*.pcap*' | head -1)" ] && echo "$d"
	done
}

[ -d "$shared/captures" ] || {
	echo "1..0 # SKIP no captures in $shared"
	exit 77
}
[ "$(id -u)" = 0 ] || {
	echo "1..0 # SKIP the xdp plane needs root"
	exit 77
}
used=0
for d in $(folders); do
	taken=0
	# A spread over the folder, the same each time.
	for c in $(find "$d" -name '*.pcap*' -size -2000k | sort | awk '{ print (NR * 7919) % 1009, $0 }' | sort -n | cut -d' ' -f2); do
		[ "$per_folder" = all ] || [ $taken -lt "$per_folder" ] || break
		draw "$c" || continue
		taken=$((taken + 1))
		used=$((used + 1))
		name=${c#"$shared"/captures/}
		check "planes agree on $name" compare "$c"
	done
done
check "$used captures, 40 or more" [ $used -ge 40 ]
echo "1..$n"
[ $failed = 0 ]
