#!/bin/bash
# Every published feed in $PK_SHARED/feeds: what it lists is found on crafted
# packets, what stands beside is not; in the inline plane for all of them, in
# the kernel's for one of each kind. TAP.
set -u
build=${BUILD:-build}
feeds=${PK_SHARED:-../shared}/feeds
if [ ! -d "$feeds" ]; then
	echo "SKIPPED: no feeds below ${PK_SHARED:-../shared} (set PK_SHARED)"
	echo "1..0 # SKIP published feeds"
	exit 0
fi
status=0
tests/feeds.py "$feeds" "$build" inline || status=1
if [ "$(id -u)" = 0 ]; then
	tests/feeds.py "$feeds" "$build" xdp Lists__malware.ip \
		maltrail__cobaltstrike maltrail__mass_scanner \
		Lists__ransomware.txt playbook_viewer__statelytaurus || status=1
fi
exit $status
