#!/bin/bash
# Rows D01-D12, D19 and D20 as a capture (tests/decode_rows.py), to threats and to
# counted reasons, on all planes with 1, 2 and 4 workers. TAP.
set -u
build=${BUILD:-build}
dir=$(mktemp -d /tmp/picket-rows-XXXXXX)
trap 'rm -rf "$dir"' EXIT
n=0 failed=0
planes=inline
[ "$(id -u)" = 0 ] && planes="inline xdp dpdk"
export LC_ALL=C

check() { # NAME COMMAND...
	local name=$1
	shift
	n=$((n + 1))
	if "$@"; then
		echo "ok $n - $name"
	else
		failed=$((failed + 1))
		echo "not ok $n - $name"
	fi
}

replay() { # PLANE WORKERS: into $dir/out and $dir/err
	"$build/picket-replay" --plane "$1" --workers "$2" --audit --ioc "$dir/ioc,lines" \
		"$dir/pcap" >"$dir/out" 2>"$dir/err"
}

same() { # WANT GOT
	diff "$1" "$2" >"$dir/diff" && return
	head -20 "$dir/diff" | sed 's/^/# /'
	false
}

found() {
	jq -r 'select(.state == "open") | .indicator.value' "$dir/out" | sort -u >"$dir/found"
	same "$dir/want" "$dir/found"
}

counted() {
	sed -n 's/^reason \([A-Z0-9_]*\) (.*): \([0-9]*\)$/\1 \2/p' "$dir/err" | sort >"$dir/counted"
	same "$dir/reasons" "$dir/counted"
}

as_first() {
	sed 's/"plane":"[a-z]*"//' "$dir/out" >"$dir/this"
	[ -s "$dir/first" ] || cp "$dir/this" "$dir/first"
	cmp -s "$dir/first" "$dir/this"
}

python3 tests/decode_rows.py "$dir" || exit 1
for p in $planes; do
	for w in 1 2 4; do
		check "$p replays with $w workers" replay "$p" $w
		check "$p with $w workers: what may be seen is met, and nothing else" found
		check "$p with $w workers: each row has its reason" counted
		check "$p with $w workers: the same output" as_first
		check "$p with $w workers: the audit closes" grep -q '^audit: ok' "$dir/err"
	done
done
# Row D19: it is told, and marked. Only where the frame is at hand: not by xdp.
marked() {
	"$build/picket-replay" --records --ioc "$dir/ioc,lines" "$dir/pcap" 2>/dev/null |
		jq -r 'select(.record == "hit" and .name) | .name + if .checksum then " " + .checksum else "" end' |
		grep -F -f <(sed 's/ .*//' "$dir/marks") >"$dir/marked"
	same "$dir/marks" "$dir/marked"
}
check "records of a wrong checksum say so" marked
echo "1..$n"
[ $failed = 0 ]
