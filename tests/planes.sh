#!/bin/bash
# Do the planes agree? Replays captures of every topic folder through inline,
# xdp and dpdk, with 1, 2 and 4 workers, with indicators drawn from each
# capture, and compares the output: all fields but `plane` are equal, and each
# plane prints at least one threat. Prints TAP lines; `all` as the first
# argument takes every capture, otherwise about four a folder.
set -u
build=${BUILD:-build}
shared=${PK_SHARED:-../shared}
dir=$(mktemp -d /tmp/picket-planes-XXXXXX)
trap 'rm -rf "$dir"' EXIT
per_folder=${1:-4}
n=0 failed=0

say() { # ok|"not ok" NAME
	n=$((n + 1))
	[ "$1" = ok ] || failed=$((failed + 1))
	echo "$1 $n - $2"
}

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

replay() { # PLANE WORKERS CAPTURE: output in $dir/PLANE.WORKERS
	"$build/picket-replay" --plane "$1" --workers "$2" --audit \
		--ioc "$dir/ioc.txt,lines" "$3" \
		>"$dir/$1.$2" 2>"$dir/$1.$2.err"
}

# Every worker saw a fifth of the packets (with 8 frames or more).
share() { # PLANE WORKERS
	awk '/^frames/ { all = $2 } /^worker/ { if (all >= 8 && $4 * 5 < all) bad = 1 }
		END { exit bad }' "$dir/$1.$2.err"
}

damaged() { # PLANE WORKERS: the capture itself ends in damage
	grep -qE 'cannot be read beyond|cannot be opened' "$dir/$1.$2.err"
}

compare() { # CAPTURE
	local plane w rc
	for plane in inline xdp dpdk; do
		for w in 1 2 4; do
			replay $plane $w "$1"
			rc=$?
			if [ $rc -ne 0 ] && ! damaged $plane $w; then
				tail -3 "$dir/$plane.$w.err" | sed 's/^/# /'
				return 1
			fi
			grep -q '^audit: ok' "$dir/$plane.$w.err" || {
				grep -h MISMATCH "$dir/$plane.$w.err" | sed 's/^/# /'
				return 1
			}
			share $plane $w || { echo "# worker share"; return 1; }
			[ -s "$dir/$plane.$w" ] || { echo "# no threat"; return 1; }
			sed 's/"plane":"[a-z]*"//' "$dir/$plane.$w" >"$dir/this"
			[ "$plane.$w" = inline.1 ] && cp "$dir/this" "$dir/first"
			cmp -s "$dir/first" "$dir/this" || {
				echo "# $plane with $w workers differs"
				diff "$dir/first" "$dir/this" | head -4 | cut -c1-300 | sed 's/^/# /'
				return 1
			}
		done
	done
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
		if compare "$c"; then say ok "planes agree on $name"; else say "not ok" "planes agree on $name"; fi
	done
done
if [ $used -ge 40 ]; then say ok "$used captures"; else say "not ok" "only $used captures"; fi
echo "1..$n"
[ $failed = 0 ]
