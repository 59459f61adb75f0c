#!/bin/bash
# Tunnels and IPv6 addresses that carry IPv4, from a capture to threats, on all
# planes with 1, 2 and 4 workers: every listed address at every depth, with its
# role, as tests/tunnels.py says it must be; rows R17, D07, D30, D31. TAP.
set -u
build=${BUILD:-build}
dir=$(mktemp -d /tmp/picket-tunnels-XXXXXX)
trap 'rm -rf "$dir"' EXIT
n=0 failed=0
planes=inline
[ "$(id -u)" = 0 ] && planes="inline xdp dpdk"

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

replay() { # PLANE WORKERS: into $dir/out
	"$build/picket-replay" --plane "$1" --workers "$2" --audit --ioc "$dir/ioc,lines" \
		"$dir/pcap" >"$dir/out" 2>"$dir/err"
}

found() { # what the threats were when they closed
	jq -r 'select(.state == "closed") | [.indicator.value, .indicator.role, .indicator.depth // 0,
		.indicator.embedded // "-", .count, .offender, .target, .flow.proto] | join(" ")' "$dir/out" |
		LC_ALL=C sort
}

agrees() {
	found >"$dir/found"
	LC_ALL=C sort "$dir/want" | diff - "$dir/found" >"$dir/diff" && return
	head -20 "$dir/diff" | sed 's/^/# /'
	false
}

as_first() {
	sed 's/"plane":"[a-z]*"//' "$dir/out" >"$dir/this"
	[ -s "$dir/first" ] || cp "$dir/this" "$dir/first"
	cmp -s "$dir/first" "$dir/this"
}

python3 tests/tunnels.py "$dir" || exit 1
for p in $planes; do
	for w in 1 2 4; do
		check "$p replays with $w workers" replay "$p" $w
		check "$p with $w workers: each address with its role, depth and count" agrees
		check "$p with $w workers: the same output" as_first
		check "$p with $w workers: the audit closes" grep -q '^audit: ok' "$dir/err"
	done
done
# Records say so, too: one hit at least for each end of a tunnel.
"$build/picket-replay" --records --ioc "$dir/ioc,lines" "$dir/pcap" >"$dir/out" 2>/dev/null
depths() {
	[ "$(jq -c 'select(.record == "hit") | .depth' "$dir/out" | sort -u | tr '\n' ' ')" = "0 1 2 3 4 " ]
}
check "hits have their depth" depths
echo "1..$n"
[ $failed = 0 ]
