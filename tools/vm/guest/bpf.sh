#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The shipped BPF object loads and passes its tests as root and with exactly
# the three capabilities it asks for, and without CAP_PERFMON it is refused.
set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. /guest/lib.sh

program=/picket/build/tests/bpf_picket
caps=+bpf,+net_admin,+perfmon
# Under emulation the default of a million takes too long.
frames=20000
few_frames=4000

# with_caps SET COMMAND...: as an ordinary user that holds SET and no more.
with_caps()
{
	set=-all,$1
	shift
	setpriv --reuid=990 --regid=990 --clear-groups --no-new-privs \
		--bounding-set="$set" --inh-caps="$set" --ambient-caps="$set" \
		"$@"
}

# Sum cmocka's counts of a kind (PASSED, FAILED, SKIPPED) over its groups.
sum_of()
{
	awk -v kind="$1" '$2 == kind && $5 ~ /^test/ { sum += $4 }
		END { print sum + 0 }' "$2"
}

# passes NAME COMMAND...
passes()
{
	name=$1
	log=/tmp/$1.log
	shift
	status=0
	"$@" >"$log" 2>&1 || status=$?
	cat "$log"
	passed=$(sum_of PASSED "$log")
	counts="$passed passed, $(sum_of SKIPPED "$log") skipped"
	if [ $status -eq 0 ] && [ "$passed" -gt 0 ]; then
		report ok "$name" "$counts"
	else
		report 'not ok' "$name" "ended with $status, $counts: $(
			grep -m 1 -E 'FAILED|rror|denied' "$log")"
	fi
}

# A crash, or a program that cannot start, is no refusal.
refused()
{
	status=0
	with_caps +bpf,+net_admin "$program" >/tmp/refused.log 2>&1 || status=$?
	cat /tmp/refused.log
	why=$(grep -m 1 -iE 'denied|not permitted|prohibited|EACCES|EPERM' \
		/tmp/refused.log || :)
	if [ $status -ne 0 ] && [ $status -lt 126 ] && [ -n "$why" ]; then
		report ok bpf_no_perfmon "refused: $why"
	else
		report 'not ok' bpf_no_perfmon "not refused: ended with $status"
	fi
}

need bpf $program
passes bpf_root env PK_FRAMES=$frames $program
grep -iE 'insn|instruction|load' /tmp/bpf_root.log | head -n 30 |
	sed 's/^# //' |
	while read -r line; do
		note "$line"
	done
passes bpf_caps with_caps $caps env PK_FRAMES=$few_frames $program
passes bpf_tunnels /picket/build/tests/bpf_tunnels
refused
