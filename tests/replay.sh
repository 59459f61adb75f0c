#!/bin/bash
# picket-replay from the outside: the regression tests that the three older
# systems would fail, conservation against tshark, broken files, and the
# negative control of the audit. TAP.
set -u
# shellcheck source=tests/replay_rig
. "$(dirname "$0")/replay_rig"

gen() { "$build/picket-gen" "$@" >/dev/null; }
replay() { # PLANE ARGS...: into $dir/out
	local plane=$1
	shift
	"$build/picket-replay" --plane "$plane" "$@" >"$dir/out" 2>"$dir/err"
}
count() { # JQ-FILTER NUMBER
	[ "$(jq -c "select($1)" "$dir/out" | wc -l)" = "$2" ]
}
value() { # JQ-FILTER JQ-PATH TEXT
	[ "$(jq -r "select($1) | $2" "$dir/out" | head -1)" = "$3" ]
}

# --- R1: 101 SYN flows in 60 s are one portscan, 100 none, 8443 not counted ---
gen portscan --count 101 --write "$dir/101.pcap"
gen portscan --count 100 --write "$dir/100.pcap"
gen portscan --count 150 --hosts 150 --port 8443 --write "$dir/8443.pcap"
gen portscan --count 101 --pps 1 --write "$dir/slow.pcap"
for p in $planes; do
	replay "$p" "$dir/101.pcap"
	check "R1 $p: 101 SYN flows open exactly one portscan" count '.type=="portscan" and .state=="open"' 1
	check "R4 $p: it tells the count" value '.type=="portscan"' .count 101
	check "R4 $p: and a UTC time" value '.type=="portscan"' '.first | endswith("Z")' true
	check "R1 $p: distinct hosts and ports" value '.type=="portscan"' '"\(.details.hosts) \(.details.ports)"' "1 101"
	replay "$p" "$dir/100.pcap"
	check "R1 $p: 100 SYN flows open none" count 'true' 0
	replay "$p" "$dir/8443.pcap"
	check "R1 $p: flows to port 8443 are not counted" count 'true' 0
	replay "$p" "$dir/slow.pcap"
	check "R1 $p: 101 SYN flows over 100 s open none" count 'true' 0
done

# --- R12: a transit TCP packet reports ports, flags and TTL -----------------
gen talk --count 10 --src 203.0.113.9 --dst 198.51.100.1 --write "$dir/talk.pcap"
echo 203.0.113.9 >"$dir/ioc"
tshark -n -r "$dir/talk.pcap" -c 1 -T fields -e tcp.srcport -e tcp.dstport -e ip.ttl 2>/dev/null >"$dir/truth"
read -r sport dport ttl <"$dir/truth"
for p in $planes; do
	replay "$p" --ioc "$dir/ioc,lines" "$dir/talk.pcap"
	check "R12 $p: ports and TTL as tshark says, flags of the SYN" value '.state=="open"' \
		'"\(.flow.src_port) \(.flow.dst_port) \(.flow.ttl) \(.flow.tcp_flags)"' "$sport $dport $ttl S"
done

# --- R14, raw part: IPv6 in RFC 5952 form, rows in any spelling --------------
gen talk --src 2001:db8::1:0:0:1 --dst 2001:db8::2 --write "$dir/six.pcap"
echo "1,ip,bot,2001:0DB8:0000:0000:0001:0000:0000:0001,,x" >"$dir/six.csv"
for p in $planes; do
	replay "$p" --ioc "$dir/six.csv,sdn" "$dir/six.pcap"
	check "R14 $p: an IPv6 row in another spelling hits and prints by RFC 5952" \
		value '.state=="open"' '"\(.offender) \(.indicator.value)"' "2001:db8::1:0:0:1 2001:db8::1:0:0:1"
done

# --- R27: a million packets of a bad flow are two messages --------------------
gen established --count 100000 --flows 1 --src 203.0.113.9 --pps 10000 --write "$dir/many.pcap"
for p in $planes; do
	replay "$p" --audit --ioc "$dir/ioc,lines" "$dir/many.pcap"
	check "R27 $p: 100,000 packets of one flow are one open and one closed" count true 2
	check "R27 $p: with the exact count" value '.state=="closed"' .count 100000
done

# --- conservation: what tshark counts is what flows hold -----------------------
# IP packets and bytes of the innermost header; not of what ICMP quotes.
truth() { # CAPTURE
	tshark -n -r "$1" --disable-protocol tcp --disable-protocol icmp --disable-protocol icmpv6 \
		-T fields -E occurrence=l -e ip.len -e ipv6.plen 2>/dev/null |
		awk -F'\t' '$1 != "" { n++; b += $1 } $1 == "" && $2 != "" { n++; b += $2 + 40 } END { print n + 0, b + 0 }'
}
flows() {
	grep '^{"record":"flow"' "$dir/out" |
		sed -E 's/.*"packets":([0-9]+),"bytes":([0-9]+),.*"r_packets":([0-9]+),"r_bytes":([0-9]+).*/\1 \2 \3 \4/' |
		awk '{ n += $1 + $3; b += $2 + $4 } END { print n + 0, b + 0 }'
}
equal() { [ "$1" = "$2" ] || { echo "# flows $1, tshark $2"; false; }; }
gen mixed --count 5000 --write "$dir/mixed.pcap"
gen flood --count 400000 --pps 200000 --write "$dir/flood.pcap"
for p in $planes; do
	for c in mixed flood many; do
		replay "$p" --workers 2 --records --audit "$dir/$c.pcap"
		check "conservation $p: packets and bytes of $c are tshark's" equal "$(flows)" "$(truth "$dir/$c.pcap")"
		check "conservation $p: the audit of $c closes" grep -q '^audit: ok' "$dir/err"
	done
done

records() { # flows without their ring's numbers; hits may come more than once
	grep '^{"record":"flow"' "$dir/out" | sed 's/"seq":[0-9]*,//' | md5sum
}

# --- a flood of flows: the same records for any number of workers ---------------
for p in $planes; do
	replay "$p" --workers 1 --audit --records "$dir/flood.pcap"
	records >"$dir/one"
	replay "$p" --workers 4 --audit --records "$dir/flood.pcap"
	records >"$dir/four"
	check "flood $p: 400,000 flows in two seconds are the same records with 1 and 4 workers" cmp -s "$dir/one" "$dir/four"
done
# --- broken files: a clear error after the last good packet --------------------
head -c $(($(stat -c %s "$dir/101.pcap") - 7)) "$dir/101.pcap" >"$dir/cut.pcap"
replay inline --records "$dir/cut.pcap"
rc=$?
check "a cut file ends with status 1" test $rc = 1
check "a cut file names the last good packet" grep -qE 'cut\.pcap.*packet 100' "$dir/err"
check "the frames before the damage were replayed" equal "$(flows | cut -d' ' -f1)" 100
replay inline "$dir/nothing.pcap"
check "a missing file is named" grep -q 'nothing.pcap.*No such file' "$dir/err"
: >"$dir/empty"
replay inline "$dir/empty" "$dir/101.pcap"
check "an empty file is named, the next one is replayed" eval \
	"grep -q 'empty' '$dir/err' && count '.type==\"portscan\" and .state==\"open\"' 1"
echo "no address at all" >"$dir/bad.ioc"
replay inline --ioc "$dir/bad.ioc,lines" "$dir/101.pcap"
rc=$?
check "a refused indicator line: status 5, file and line named" eval "test $rc = 5 && grep -q 'bad.ioc:1' '$dir/err'"

# --- the audit can fail: a build that leaves one reason uncounted -----------------
if make -s -j"$(nproc)" BUILD="$build-skip" SKIP_COUNT=0 "$build-skip/picket-replay" "$build-skip/picket-dpdk" >"$dir/make.log" 2>&1; then
	for p in $planes; do
		"$build-skip/picket-replay" --plane "$p" --audit "$dir/101.pcap" >/dev/null 2>"$dir/err"
		rc=$?
		check "a skipped increment makes the audit fail on $p" eval \
			"test $rc = 1 && grep -q '^MISMATCH.*frames' '$dir/err'"
	done
else
	tail -3 "$dir/make.log" | sed 's/^/# /'
	check "the negative control builds" false
fi
echo "1..$n"
[ $failed = 0 ]
