#!/bin/bash
# DNS questions in a capture of their own (tests/names.py): the same threats,
# and all that must come, from the inline, xdp and dpdk plane, with 1, 2 and 4
# workers. Prints TAP lines. The xdp plane needs root.
set -u
build=${BUILD:-build}
dir=$(mktemp -d /tmp/picket-names-XXXXXX)
trap 'rm -rf "$dir"' EXIT
n=0 failed=0

say() { # ok|"not ok" NAME
	n=$((n + 1))
	[ "$1" = ok ] || failed=$((failed + 1))
	echo "$1 $n - $2"
}

check() { # NAME COMMAND...
	local name=$1
	shift
	if "$@"; then say ok "$name"; else say "not ok" "$name"; fi
}

replay() { # PLANE WORKERS: threats in $dir/out, the audit in $dir/err
	"$build/picket-replay" --plane "$1" --workers "$2" --audit \
		--ioc "$dir/ioc.txt,lines" "$dir/names.pcap" >"$dir/out" 2>"$dir/err"
}

# What was found, a line each; and nothing differs from what must be.
as_wanted() {
	jq -r 'select(.state == "open") | [.indicator.value, .details.name, .offender] | join(" ")' \
		"$dir/out" | LC_ALL=C sort >"$dir/found"
	diff "$dir/want" "$dir/found" | head -20 | sed 's/^/# /'
	cmp -s "$dir/want" "$dir/found"
}

# All planes print the same bytes but for their own name.
as_first() {
	sed 's/"plane":"[a-z]*"//' "$dir/out" >"$dir/this"
	[ -f "$dir/first" ] || cp "$dir/this" "$dir/first"
	cmp "$dir/first" "$dir/this"
}

ledger() { grep -q '^audit: ok' "$dir/err"; }

[ "$(id -u)" = 0 ] || {
	echo "1..0 # SKIP the xdp plane needs root"
	exit 77
}
python3 tests/names.py "$dir" >/dev/null
for plane in inline xdp dpdk; do
	for workers in 1 2 4; do
		check "$plane with $workers workers reads the capture" replay $plane $workers
		check "$plane with $workers workers finds each question" as_wanted
		check "$plane with $workers workers prints what the first one did" as_first
		check "$plane with $workers workers has a ledger that closes" ledger
	done
done
echo "1..$n"
[ $failed = 0 ]
