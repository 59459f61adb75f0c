#!/bin/bash
# Fragments from the outside: rows D12 to D18 and tunnels, made by scapy, on
# every plane with 1, 2 or 4 workers; and what the captures' fragments make,
# against tshark. TAP.
set -u
shared=${PK_SHARED:-../shared}
here=$(dirname "$0")
# shellcheck source=tests/replay_rig
. "$(dirname "$0")/replay_rig"

# How many hits the file's name promises; the audit closes.
hits() { # NUMBER
	local got
	got=$(grep -c '^{"record":"hit"' "$dir/out")
	[ "$1" = any ] || [ "$got" = "$1" ] || {
		echo "# $got hits"
		return 1
	}
	grep -q '^audit: ok' "$dir/err" || {
		grep -h MISMATCH "$dir/err" | sed 's/^/# /'
		return 1
	}
}

# The same for every plane and any number of workers, but for the plane's name,
# the numbers in the ring, where marks count too, and hits of addresses, which
# each worker tells once.
agree() { # CAPTURE WANT
	local plane w
	turn=$((turn + 1))
	for plane in $planes; do
		for w in $(workers "$plane"); do
			agrees "$plane" "$w" "$@" || return
		done
	done
}
agrees() { # PLANE WORKERS CAPTURE WANT
	if ! replay "$1" "$2" --records --ioc "$dir/ioc,lines" "$3" || ! hits "$4"; then
		echo "# $1 with $2 workers"
		return 1
	fi
	sed 's/"plane":"[a-z]*"//; s/"seq":[0-9]*,//' "$dir/out" |
		grep -v '^{"record":"hit".*"role":"[sd][a-z]*",' >"$dir/this"
	[ "$1.$2" = inline.1 ] && cp "$dir/this" "$dir/first"
	same "$dir/first" "$dir/this" && return
	echo "# $1 with $2 workers differs"
	return 1
}

/usr/bin/python3 -c 'import scapy' 2>/dev/null || {
	echo "1..0 # SKIP scapy is missing"
	exit 77
}
printf '%s\n' bad.example 203.0.113.7 2001:db8:bad::1 >"$dir/ioc"
mkdir "$dir/made"
/usr/bin/python3 "$here/fragments.py" "$dir/made" >"$dir/log" 2>&1 || {
	tail -3 "$dir/log" | sed 's/^/# /'
	check "scapy makes the captures" false
}
for c in "$dir"/made/*.pcap; do
	name=$(basename "$c" .pcap)
	check "$name: the hits it promises on $planes" agree "$c" "${name##*-}"
done

# --- against tshark ------------------------------------------------------------

truth() { # CAPTURE: number and payload of what tshark puts together
	tshark -n -r "$1" -o ip.defragment:TRUE -o ipv6.defragment:TRUE -T fields \
		-E occurrence=f -e frame.number -e ip.reassembled.data \
		-e ipv6.reassembled.data 2>/dev/null |
		awk -F'\t' '$2 != "" || $3 != "" { print $1 "\t" tolower($2 $3) }' | tr -d ':'
}

# Of one that contradicts itself we make several; tshark's is among them.
same_payloads() { # CAPTURE LEAST HOW
	"$build/tests/reassemble" "$1" >"$dir/ours" 2>"$dir/err"
	truth "$1" >"$dir/theirs"
	[ "$3" = exactly ] || {
		sort -u "$dir/ours" >"$dir/all"
		comm -12 "$dir/all" <(sort -u "$dir/theirs") >"$dir/ours"
	}
	[ "$(wc -l <"$dir/ours")" -ge "$2" ] || {
		echo "# only $(wc -l <"$dir/ours") datagrams"
		return 1
	}
	cmp -s "$dir/ours" "$dir/theirs" || {
		diff "$dir/ours" "$dir/theirs" | cut -c1-120 | head -4 | sed 's/^/# /'
		return 1
	}
}

if ! command -v tshark >/dev/null; then
	n=$((n + 1))
	echo "ok $n - captures against tshark # SKIP tshark is missing"
elif [ -d "$shared/captures" ]; then
	while read -r least how c; do
		check "$c: $least datagrams or more, $how as tshark" \
			same_payloads "$shared/captures/$c" "$least" "$how"
		check "$c: the same on $planes" agree "$shared/captures/$c" any
	done <<-END
		1 exactly l2l3/pcapplusplus/IPv4Frag.pcap
		1 exactly l2l3/pcapplusplus/frag_with_padding.pcap
		6 exactly l2l3/pcapplusplus/ip4_fragments.pcap
		4 exactly l2l3/pcapplusplus/ip6_fragments.pcap
		1 exactly l2l3/pcapplusplus/ipv6_opt_fragments.pcap
		0 exactly l2l3/zeek/ipv4__fragmented-2.pcap
		0 exactly l2l3/zeek/ipv4__fragmented-3.pcap
		1 among l2l3/zeek/ipv4__fragmented-4.pcap
		1 exactly l2l3/zeek/ipv6-fragmented-dns.pcap
	END
else
	n=$((n + 1))
	echo "ok $n - captures against tshark # SKIP no captures to compare"
fi
echo "1..$n"
[ $failed = 0 ]
