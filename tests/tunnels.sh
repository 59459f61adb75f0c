#!/bin/bash
# Tunnels and IPv6 addresses that carry IPv4, from a capture to threats, on all
# planes with 1, 2 and 4 workers: every listed address at every depth, with its
# role, as tests/tunnels.py says it must be; rows R17, D07, D30, D31. TAP.
set -u
# shellcheck source=tests/replay_rig
. "$(dirname "$0")/replay_rig"

found() { # what the threats were when they closed
	jq -r 'select(.state == "closed") | [.indicator.value, .indicator.role, .indicator.depth // 0,
		.indicator.embedded // "-", .count, .offender, .target, .flow.proto] | join(" ")' "$dir/out" |
		LC_ALL=C sort
}

agrees() {
	found >"$dir/found"
	LC_ALL=C sort -o "$dir/want" "$dir/want"
	same "$dir/want" "$dir/found"
}

python3 tests/tunnels.py "$dir" || exit 1
on_all_planes --ioc "$dir/ioc,lines" "$dir/pcap" -- \
	"each address with its role, depth and count" agrees
# Records say so, too: one hit at least for each end of a tunnel.
"$build/picket-replay" --records --ioc "$dir/ioc,lines" "$dir/pcap" >"$dir/out" 2>/dev/null
depths() {
	[ "$(jq -c 'select(.record == "hit") | .depth' "$dir/out" | sort -u | tr '\n' ' ')" = "0 1 2 3 4 " ]
}
check "hits have their depth" depths
echo "1..$n"
[ $failed = 0 ]
