#!/bin/bash
# Memory of the daemon and lateness of threats while many indicators are loaded
# and replaced (tests/memory.c, tests/netns_ioc_rig). PK_MEMORY=ITEMS: so many.
# Needs root; prints TAP lines.
set -u
# shellcheck source=tests/netns_ioc_rig
. "$(dirname "$0")/netns_ioc_rig"

# without the DPDK plane, whose worker would take a core
end_pid "$daemon"
daemon=
configure ""
expect "picketd starts with one plane" start
# what else runs on this machine is not what is measured
first() { # NICE
	local p t
	echo "$1" >/proc/$$/autogroup
	for p in $(pgrep -P "$daemon"); do
		for t in /proc/"$p"/task/*; do renice -n "$1" -p "${t##*/}"; done
	done
} >/dev/null 2>&1
first -15
nested 1800 "$build/tests/memory" "$run/d/ctl.sock" "ipc://$run/d/bus.sock" \
	"/run/netns/$wire_ns" "$(pgrep -P "$daemon" -x picketd)" "${PK_MEMORY:-200000}"
first 0
for p in $daemon $(pgrep -P "$daemon"); do
	echo "# $(cat "/proc/$p/comm") $p: $(grep -E '^VmRSS|^VmHWM' "/proc/$p/status" | tr -s '\t\n ' ' ')"
done
expect "the ledger closes" ctl audit
echo "1..$n"
[ $failed = 0 ]
