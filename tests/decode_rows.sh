#!/bin/bash
# Rows D01-D12, D19 and D20 as a capture (tests/decode_rows.py), to threats and to
# counted reasons, on all planes with 1, 2 and 4 workers. TAP.
set -u
# shellcheck source=tests/replay_rig
. "$(dirname "$0")/replay_rig"
export LC_ALL=C

found() {
	jq -r 'select(.state == "open") | .indicator.value' "$dir/out" | sort -u >"$dir/found"
	same "$dir/want" "$dir/found"
}

counted() {
	sed -n 's/^reason \([A-Z0-9_]*\) (.*): \([0-9]*\)$/\1 \2/p' "$dir/err" | sort >"$dir/counted"
	same "$dir/reasons" "$dir/counted"
}

python3 tests/decode_rows.py "$dir" || exit 1
on_all_planes --ioc "$dir/ioc,lines" "$dir/pcap" -- \
	"what may be seen is met, and nothing else" found \
	"each row has its reason" counted
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
