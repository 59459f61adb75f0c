#!/bin/bash
# Captures of other projects: picket beside tshark, beside what those projects
# expect, beside a flow meter, and the kernel beside user space. A spread of
# captures; with PK_CAPTURES=all (make check-captures) every one of them, by
# the sanitizers' build, heads of every length, all single-byte changes, and
# 10,000,000 mutations.
# PK_DECODE is the decode program to use. TAP.
set -u
build=${BUILD:-build}
shared=${PK_SHARED:-../shared}
if [ ! -d "$shared/captures" ]; then
	echo "SKIPPED: no captures below $shared (set PK_SHARED)"
	echo "1..0 # SKIP captures of other projects"
	exit 77
fi
if ! command -v tshark >/dev/null; then
	echo "1..0 # SKIP tshark is missing"
	exit 77
fi
spread=(--few 60) totals=(--few 12) every=23 mutations=300000
if [ "${PK_CAPTURES:-}" = all ]; then
	spread=(--bend) totals=() every=1 mutations=10000000
	export PK_EVERY=1
fi
status=0
tests/captures.py "$shared" "${PK_DECODE:-$build/tests/decode}" "${spread[@]}" || status=1
tests/flow_totals.py "$shared" "$build" "${totals[@]}" || status=1
mapfile -t files < <(find "$shared/captures" -path '*/expected' -prune -o \
	-type f \( -name '*.pcap' -o -name '*.pcapng' -o -name '*.cap' \) -print |
	sort | awk -v every="$every" 'NR % every == 0')
if [ "$(id -u)" = 0 ]; then
	PK_MUTATIONS=${PK_MUTATIONS:-$mutations} "$build/tests/bpf_captures" "${files[@]}" || status=1
else
	echo "1..0 # SKIP the kernel's decoder needs root"
fi
exit $status
