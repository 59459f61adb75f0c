#!/bin/bash
# DNS questions in a capture of their own (tests/names.py): the same threats,
# and all that must come, from the inline, xdp and dpdk plane, with 1, 2 and 4
# workers. Prints TAP lines. The xdp and dpdk plane need root.
set -u
# shellcheck source=tests/replay_rig
. "$(dirname "$0")/replay_rig"

# What was found, a line each; and nothing differs from what must be.
as_wanted() {
	jq -r 'select(.state == "open") | [.indicator.value, .details.name, .offender] | join(" ")' \
		"$dir/out" | LC_ALL=C sort >"$dir/found"
	same "$dir/want" "$dir/found"
}

python3 tests/names.py "$dir" >/dev/null
on_all_planes --ioc "$dir/ioc.txt,lines" "$dir/names.pcap" -- \
	"each question is found" as_wanted
echo "1..$n"
[ $failed = 0 ]
