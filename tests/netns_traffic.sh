#!/bin/bash
# What leaves the kernel under real traffic, and how `make run` behaves:
#
#	netns pt-wire-PID                   netns pt-lab-PID
#	picket-gen ── w0 ══════ veth ══════ m0 ── XDP and tc ──┐
#	picket-gen ── w1 ══════ veth ══════ m1 ── picket-dpdk ─┴─ picketd
#
# Full rate without a tap, a stopped plane, both directions, no open port,
# pushes under load; then tools/lab/run with signals. Every name is unique, so
# that other labs may run beside it. Needs root; prints TAP lines.
set -u
[ "$(id -u)" = 0 ] || {
	echo "1..0 # SKIP needs root"
	exit 77
}
build=$(realpath "${BUILD:-build}")
tools=$(realpath "$(dirname "$0")/../tools")
export PK_LAB=pt-lab-$$ PK_WIRE=pt-wire-$$
run=/run/picket-test-$$
pins=/sys/fs/bpf/picket-test-$$
dir=$run/tmp
n=0 failed=0
daemon='' started=()

# shellcheck source=tools/lab/net
. "$tools/lab/net"

for python in /usr/bin/python3 python3; do
	"$python" -c 'import zmq' 2>/dev/null && break
	python=
done
[ -n "$python" ] || {
	echo "1..0 # SKIP python3-zmq is missing"
	exit 77
}
mount_bpffs || {
	echo "1..0 # SKIP no BPF file system"
	exit 77
}

cleanup() {
	local p
	trap - EXIT
	for p in "${started[@]}"; do
		kill -CONT "$p" 2>/dev/null
		end_pid "$p"
	done 2>/dev/null
	net_down
	[ ! -d "$pins" ] || find "$pins" -depth -delete
	rm -rf "$run" "$run.lab"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
mkdir -p "$dir"
chmod 755 "$run"

say() { # ok|"not ok" NAME
	n=$((n + 1))
	[ "$1" = ok ] || failed=$((failed + 1))
	echo "$1 $n - $2"
}

# A figure that is beside the point: not judged.
note() { echo "# $*"; }

expect() { # NAME COMMAND...: the command succeeds
	local name=$1
	shift
	if "$@" >"$dir/out" 2>&1; then
		say ok "$name"
	else
		say "not ok" "$name"
		sed 's/^/# /' "$dir/out" | tail -30
	fi
}

equal() { # TEXT NUMBER TEXT NUMBER...: all numbers are the same
	local first=$2 rc=0
	while [ $# -ge 2 ]; do
		echo "$1 $2"
		[ "$2" = "$first" ] || rc=1
		shift 2
	done
	return $rc
}

within() { # WHAT NUMBER MOST
	echo "$1: $2, at most $3 allowed"
	[ "$2" -le "$3" ]
}

fails_with() { # STATUS TEXT COMMAND...
	local want=$1 text=$2 rc
	shift 2
	"$@" >"$dir/said" 2>&1
	rc=$?
	cat "$dir/said"
	echo "exit status $rc, expected $want and \"$text\""
	[ $rc = "$want" ] && grep -qF -- "$text" "$dir/said"
}

ctl() { "$build/picketctl" --socket "$run/d/ctl.sock" "$@"; }

# Numbers by name out of one status: `snap before`, then `at before seen`.
# Of XDP: seen ...; of the port: dpdk_seen ...; of the interface: rx_packets ...
declare -A status
snap() { # MOMENT
	local key value
	while read -r key value; do status[$1.$key]=$value; done < <(ctl -j status | jq -r '
		(.planes[] | (if .plane == "xdp" then "" else "dpdk_" end) as $p
			| .counters | to_entries[] | "\($p)\(.key) \(.value)"),
		(.planes[] | "\(.plane)_pid \(.pid)", "\(.plane)_restarts \(.restarts)"),
		(.interfaces[].counters | to_entries[] | "\(.key) \(.value)"),
		(.pipeline | to_entries[] | "pipeline_\(.key) \(.value)"),
		(.threats | to_entries[] | "threats_\(.key) \(.value)")')
}

at() { # MOMENT NAME
	echo "${status[$1.$2]:-0}"
}

since() { # MOMENT MOMENT NAME
	echo $(($(at "$2" "$3") - $(at "$1" "$3")))
}

grows() { # NAME MOMENT NUMBER: a counter does, since then, by so much
	snap now
	[ "$(since "$2" now "$1")" -ge "$3" ]
}

gen() { # IF ARGS...: send; how many frames and bytes into $frames, $bytes
	local iface=$1
	shift
	"${in_wire[@]}" "$build/picket-gen" "$@" --interface "$iface" -j >"$dir/gen" 2>&1 || {
		note "picket-gen $*: $(cat "$dir/gen")"
		return 1
	}
	frames=$(jq .frames "$dir/gen") bytes=$(jq .bytes "$dir/gen")
}

ticks_now() { # of 2^30 ns
	awk '{ printf "%d\n", $1 * 1e9 / 2^30 }' /proc/uptime
}

background() { # COMMAND...: on the list of what is ended
	"$@" &
	started+=($!)
}

tree_of() { # PID: it, and all that it started
	local child
	echo "$1"
	for child in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do tree_of "$child"; done
}

# --- the sensor ------------------------------------------------------------------
listed=(198.18.0.1 198.18.0.2 198.18.0.3 2001:db8:bad::66)

start() {
	cat >"$dir/conf.json" <<-END
		{ "sensor": "traffic", "run_dir": "$run/d", "pin_dir": "$pins",
		  "state_dir": "$run/state", "guards": { "bogons": false },
		  "log_level": "warn", "flow": { "idle": 1, "active": 5 } }
	END
	printf '%s\n' "${listed[@]}" 203.0.113.99 c2.evil.example >"$dir/feed"
	background "${in_lab[@]}" "$build/picketd" -c "$dir/conf.json" >"$dir/log" 2>&1
	daemon=$!
	await 20 ctl status >/dev/null 2>&1 && ctl attach m0 --yes && ctl ioc load "$dir/feed" --feed test
}

# Hit records off the bus, a line each; "joined" when the first heartbeat came.
listen() {
	cat >"$dir/listen.py" <<-'END'
		import sys, zmq
		s = zmq.Context().socket(zmq.SUB)
		s.connect(sys.argv[1])
		for topic in (b"v1/hit/", b"v1/hb/"):
		    s.setsockopt(zmq.SUBSCRIBE, topic)
		joined = False
		while True:
		    topic, head, text = s.recv_multipart()
		    if topic.startswith(b"v1/hit/"):
		        print(text.decode(), flush=True)
		    elif not joined:
		        joined = True
		        print('{"joined":true}', flush=True)
	END
	background "$python" "$dir/listen.py" "ipc://$run/d/bus.sock" >"$dir/hits" 2>"$dir/listen.err"
	await 20 grep -q joined "$dir/hits"
}

hit() { # JQ-CONDITION: such a hit record came
	jq -e -n "first(inputs | select(.record == \"hit\" and ($1)))" "$dir/hits"
}

net_up >"$dir/out" 2>&1 || {
	echo "1..0 # SKIP namespaces cannot be made: $(head -1 "$dir/out")"
	exit 77
}
expect "picketd watches m0" start
expect "its bus is followed" listen

# --- XDP is no tap -----------------------------------------------------------------
# 16 connections, both ways: 32 keys. The sender may move between CPUs, and
# each CPU has its own flow lines.
keys=32 cpus=$(nproc)
snap before
first=$(ticks_now)
begin=$(date +%s%N)
expect "a million frames of 16 connections are sent" \
	gen w0 established --flows 16 --count 1000000 --pps 10000000
ms=$((($(date +%s%N) - begin) / 1000000))
await 30 grows seen before "$frames"
expect "the audit closes behind them" ctl audit
snap after
bound=$((keys * cpus * ($(ticks_now) - first + 2)))
lines=$(since before after flow_lines)
note "$frames frames in $ms ms: $((frames * 1000 / (ms + 1))) a second; $lines flow lines left the kernel"
expect "sent, received and seen are the same" equal sent "$frames" \
	rx_packets "$(since before after rx_packets)" seen "$(since before after seen)"
expect "the flow lines are bounded by connections and time" \
	within "flow lines" "$lines" $bound
expect "all of them were handed on" equal lines "$lines" \
	out "$(since before after flow_out_lines)"
expect "no frame was copied" equal samples "$(since before after sample_offered)" none 0
expect "no hit was reported" equal hits "$(since before after hit_offered)" none 0
expect "all packets are in flow lines" equal sent "$frames" \
	flow_packets "$(since before after flow_packets)"
expect "all bytes, too, without their link headers" equal sent $((bytes - 14 * frames)) \
	flow_bytes "$(since before after flow_bytes)"
await 20 grows pipeline_flow_packets before "$frames"
snap after
expect "all packets arrive in flow records" equal sent "$frames" \
	exported "$(since before after pipeline_flow_packets)"
expect "and all bytes" equal sent $((bytes - 14 * frames)) \
	exported "$(since before after pipeline_flow_bytes)"

# The other way round: were every packet an event, the bound would be passed.
snap before
expect "a flood of random sources is sent" gen w0 flood --count 5000 --pps 100000
await 20 grows flow_lines before 4901
snap after
expect "as many flows as frames do pass that bound" \
	[ "$(since before after flow_lines)" -gt 4900 ]

# --- picket-xdp stops --------------------------------------------------------------
snap before
plane=$(at before xdp_pid)
kill -STOP "$plane"
i=0 want='' packets=0
for address in "${listed[@]}"; do
	i=$((i + 1))
	case $address in *:*) to=2001:db8::20 ;; *) to=198.51.100.20 ;; esac
	gen w0 established --flows 8 --count $((i * 1000)) --pps 20000 --src "$address" --dst "$to"
	want+="$address $frames"$'\n'
	packets=$((packets + frames))
done
hits_are() {
	ctl -j ioc list | jq -r '.items[] | select(.hits > 0) | "\(.value) \(.hits)"' >"$dir/counted"
	diff <(printf %s "$want" | sort) <(sort "$dir/counted")
}
state_of() { sed 's/.*) //' "/proc/$1/stat" | cut -c1; }
expect "the kernel counts each indicator while the plane is stopped" hits_are
snap during
expect "it is stopped and takes nothing" equal state "$(state_of "$plane")" expected T
expect "its hits wait in the kernel" [ "$(since before during hit_submitted)" -gt 0 -a \
	"$(since before during hits_in)" = 0 ]
kill -CONT "$plane"
delivered() {
	snap after
	equal submitted "$(since before after hit_submitted)" \
		taken "$(since before after hits_in)" piped "$(since before after pipeline_hits)"
}
await 20 delivered >/dev/null
expect "it goes on, and all hits are delivered" delivered
note "$packets packets, $(since before after hit_submitted) hits"
expect "none was lost in the kernel" equal full "$(since before after hit_ring_full)" \
	lost "$(since before after flow_lost_lines)" none 0
expect "it was not started anew" equal restarts "$(at after xdp_restarts)" none 0
expect "each indicator opened a threat" \
	equal opened "$(since before after threats_opened)" listed ${#listed[@]}
expect "the counters of the indicators are those of the packets" equal packets $packets \
	"sources and destinations" $(($(since before after hit_packets_src) + $(since before after hit_packets_dst)))
expect "the audit closes" ctl audit

# --- both directions ---------------------------------------------------------------
snap before
"${in_lab[@]}" bash -c '
	printf "\022\064\001\000\000\001\000\000\000\000\000\000\002c2\004evil\007example\000\000\001\000\001" >/dev/udp/192.0.2.1/53
	timeout 1 bash -c "exec 3<>/dev/tcp/203.0.113.99/443"' 2>/dev/null
expect "our own DNS question is found, going out" await 20 \
	hit '.role == "dns-question" and .direction == "out" and .flow.src_ip == "192.0.2.2"'
expect "our own SYN is found, going out" await 20 \
	hit '.role == "destination" and .direction == "out" and .flow.dst_ip == "203.0.113.99" and .tcp_flags == "S"'
ctl audit >/dev/null
snap after
sent=$(since before after tx_packets)
expect "all that was sent was seen" equal sent+received $((sent + $(since before after rx_packets))) \
	seen "$(since before after seen)"
expect "sent SYNs count for the destination only" [ "$(since before after hit_packets_dst)" -ge 1 -a \
	"$(since before after hit_packets_src)" = 0 ]
snap before
gen w0 syn --src 203.0.113.99 --dst 192.0.2.2 --count 5
expect "the same address coming in is found, too" await 20 \
	hit '.role == "source" and .direction == "in" and .flow.src_ip == "203.0.113.99"'
ctl audit >/dev/null
snap after
expect "received ones count for the source only" equal sent 5 \
	rx_packets "$(since before after rx_packets)" source "$(since before after hit_packets_src)" \
	seen "$(since before after seen)"
expect "and not for the destination" equal destination "$(since before after hit_packets_dst)" none 0

# --- no way in ---------------------------------------------------------------------
port_added() {
	ctl port add cap0 --vdev net_af_packet0,iface=m1 --no-huge
}
expect "a port is added" port_added
listening() { # PID...: their TCP and UDP sockets
	"${in_lab[@]}" ss -lntupH >"$dir/ss"
	for p in "$@"; do grep "pid=$p," "$dir/ss"; done
}
nobody_listens() {
	tree_of "$daemon" >"$dir/pids"
	cat "$dir/pids" "$dir/ss"
	# shellcheck disable=SC2046 # numbers
	! listening $(cat "$dir/pids") && [ "$(wc -l <"$dir/pids")" -ge 4 ]
}
expect "no process of picket listens on TCP or UDP" nobody_listens
background "${in_lab[@]}" "$python" -c '
import socket, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(); time.sleep(600)'
other=$!
expect "one that does would be noticed" await 10 listening $other
end_pid $other
expect "the control socket is for its group only" equal mode "$(stat -c %a "$run/d/ctl.sock")" expected 660
expect "and so is the bus" equal mode "$(stat -c %a "$run/d/bus.sock")" expected 660
expect "nobody else may enter the run directory" equal mode "$(stat -c %a "$run/d" | tail -c2)" expected 0

# Neither root, nor the daemon's user, nor of its group.
stranger=65533
[ "$(stat -c %u "$run/d/bus.sock")" != 65534 ] && stranger=65534
cp "$build/picketctl" "$run/picketctl"
as_stranger() {
	setpriv --reuid $stranger --regid $stranger --clear-groups \
		"$run/picketctl" --socket "$run/d/ctl.sock" status
}
expect "a stranger (uid $stranger) cannot connect" fails_with 8 "may not connect" as_stranger
chmod 755 "$run/d" && chmod 666 "$run/d/ctl.sock"
expect "nor is he heard if the modes were wrong" fails_with 8 "only root and the members" as_stranger
chmod 750 "$run/d" && chmod 660 "$run/d/ctl.sock"

# --- pushes under load -----------------------------------------------------------------
fresh=198.18.7.7
for i in 0 1; do
	background "${in_wire[@]}" "$build/picket-gen" established --flows 4 --src $fresh \
		--count 100000000 --pps 10000 --interface w$i >"$dir/load$i" 2>&1
done
load=("${started[@]: -2}")
snap before
expect "10,000 packets a second run by XDP" await 20 grows seen before 5000
expect "and by DPDK" await 20 grows dpdk_seen before 5000
snap before
expect "their source is pushed" ctl ioc add $fresh
by() { hit ".plane == \"$1\" and (.flow.src_ip == \"$fresh\" or .flow.dst_ip == \"$fresh\")"; }
expect "XDP finds it" await 20 by xdp
expect "DPDK finds it" await 20 by dpdk
packets_counted() { # both planes count packets of it, not only its first
	snap now
	[ "$(since before now hit_packets_src)" -gt 1000 ] && [ "$(since before now dpdk_hit_packets_src)" -gt 1000 ]
}
expect "both count its packets" await 20 packets_counted
expect "it is deleted" ctl ioc del $fresh
deleted=$(date +%s%N)
snap after
expect "5,000 packets later by XDP" await 20 grows seen after 5000
expect "and by DPDK" await 20 grows dpdk_seen after 5000
snap now
for p in '' dpdk_; do
	expect "no packet was found since: ${p:-xdp_}" equal \
		src "$(since after now ${p}hit_packets_src)" dst "$(since after now ${p}hit_packets_dst)" \
		hits "$(since after now ${p}hit_offered)" none 0
done
for p in "${load[@]}"; do end_pid "$p"; done
late() {
	jq -r --arg at "$(date -u -d "@$((deleted / 1000000000))" +%Y-%m-%dT%H:%M:%S).$(printf %09d $((deleted % 1000000000)) | cut -c1-6)Z" \
		'select(.record == "hit" and .seen > $at) | "\(.seen) \(.plane)"' "$dir/hits"
}
expect "the audit closes over both planes" ctl audit
expect "and no hit record tells of a later time" equal late "$(late)" none ""

end_pid "$daemon"
expect "picketd has left nothing" [ ! -e "$pins" -a ! -e "$run/d/ctl.sock" ]
net_down

# --- make run --------------------------------------------------------------------------
export PK_LAB=pr-lab-$$ PK_WIRE=pr-wire-$$ PK_RUN_DIR=$run.lab PK_PIN_DIR=$pins
lab_ns=$PK_LAB wire_ns=$PK_WIRE

lab() { # ARGS...: with every signal at its default, as from a terminal
	BUILD=$build timeout -k 20 120 env --default-signal "$tools/lab/run" "$@" \
		>"$dir/lab.out" 2>"$dir/lab.err"
}

lab_ends() { # STATUS ARGS...
	local want=$1 rc
	shift
	lab "$@"
	rc=$?
	cat "$dir/lab.err" "$dir/lab.out"
	echo "exit status $rc"
	[ $rc = "$want" ]
}

alive() {
	local p born
	while read -r p born; do
		[ "$(birth "$p")" = "$born" ] && tr '\0' ' ' <"/proc/$p/cmdline" && echo "$p"
	done <"$dir/tree" | grep .
}
dead() { ! alive; }

# The tree of the run, each process with its birth: pids are used again.
remember() { # PID
	local p
	for p in $(tree_of "$1"); do echo "$p $(birth "$p")"; done >"$dir/tree"
	alive >/dev/null
}

nothing_left() {
	local rc=0
	ip netns list | grep -E "$PK_LAB|$PK_WIRE" && rc=1
	ls -d "$PK_RUN_DIR" "$PK_RUN_DIR".* "$PK_PIN_DIR" 2>/dev/null && rc=1
	alive && rc=1
	return $rc
}
: >"$dir/tree"
expect "the lab runs once" lab_ends 0 --once
expect "and leaves nothing" nothing_left

started_lab() { # COMMAND...: a lab in the background, until the command succeeds
	BUILD=$build background env --default-signal "$tools/lab/run" --once \
		>"$dir/lab.out" 2>"$dir/lab.err"
	lab_pid=$!
	await 60 "$@" && remember $lab_pid
}
ends_after() { # SIGNAL STATUS
	kill -"$1" $lab_pid
	await 30 gone $lab_pid
	wait $lab_pid
	local rc=$?
	cat "$dir/lab.err"
	echo "exit status $rc, expected $2"
	[ $rc = "$2" ]
}
owned() { # not by the one before
	local owner
	read -r owner _ <"$PK_RUN_DIR/owner" && [ "$owner" = $lab_pid ]
} 2>/dev/null
threats_come() { owned && [ -s "$PK_RUN_DIR/tmp/threats" ]; }
daemon_runs() { owned && [ -S "$PK_RUN_DIR/d/ctl.sock" ]; }
network_is_up() { ip -n "$PK_LAB" link show m1 >/dev/null 2>&1; }
network_comes() { owned && network_is_up; }

expect "a lab is brought to its first threat" started_lab threats_come
refused=$(cat "$PK_RUN_DIR/owner")
expect "a second one of the same names is refused" fails_with 1 "pid ${refused% *}" \
	env BUILD="$build" "$tools/lab/run" --once
expect "SIGINT ends the first" ends_after INT 130
expect "and leaves nothing" nothing_left
expect "a lab is brought to its daemon" started_lab daemon_runs
expect "SIGTERM ends it" ends_after TERM 143
expect "and leaves nothing" nothing_left
expect "a lab is brought to its network" started_lab network_comes
expect "SIGHUP ends it" ends_after HUP 129
expect "and leaves nothing" nothing_left

expect "a lab is brought to its first threat" started_lab threats_come
disown $lab_pid
kill -KILL $lab_pid
expect "its processes end with it, even by SIGKILL" await 30 dead
expect "but its network is left" network_is_up
expect "the next one begins in spite of that" started_lab threats_come
expect "and told about it" grep "an earlier run was killed" "$dir/lab.err"
mapfile -t tree < <(cut -d' ' -f1 "$dir/tree")
disown $lab_pid
for s in STOP KILL; do # stopped, nobody notices the death of another
	kill -$s "${tree[@]}" 2>/dev/null # some lived for a moment only
done
expect "SIGKILL of the whole tree ends it" await 30 dead
expect "and leaves its pins" find "$PK_PIN_DIR" -mindepth 1
expect "the next one succeeds" lab_ends 0 --once --json
expect "and leaves nothing" nothing_left
one_object_a_line() { # of $dir/lab.out
	jq -c 'select(type == "object" and .type)' "$dir/lab.out" >"$dir/objects" &&
		[ -s "$dir/objects" ] && equal lines "$(wc -l <"$dir/lab.out")" objects "$(wc -l <"$dir/objects")"
}
expect "--json prints an object a line" one_object_a_line
told() { grep -E '"state":"open"' "$dir/lab.out" | grep -F "\"offender\":\"$1\""; }
expect "with every threat" eval \
	'told 203.0.113.66 && told 203.0.113.77 && told 198.51.100.10 && told 203.0.113.99 && grep -F c2.evil.example "$dir/lab.out"'

"$build/picket-gen" talk --src 203.0.113.77 --dst 192.0.2.50 --write "$dir/given.pcap" >/dev/null
expect "a given capture is played" lab_ends 0 --once --json --pcap "$dir/given.pcap"
expect "and its threat is told" told 203.0.113.77
expect "and no other" eval '! told 203.0.113.66'
expect "nothing is left" nothing_left
expect "a capture that is missing is named" fails_with 2 nosuch.pcap \
	env BUILD="$build" "$tools/lab/run" --pcap nosuch.pcap
expect "an interface that is missing is named" fails_with 1 "nosuch0 does not exist" \
	env BUILD="$build" "$tools/lab/run" --once --iface nosuch0
expect "nothing is left" nothing_left

# Where a user without privileges can read it.
cp -r "$tools/lab" "$build/picket-gen" "$build/picket-replay" "$run/"
as_user() {
	setpriv --reuid 65534 --regid 65534 --clear-groups env BUILD="$run" "$run/lab/run" "$@" \
		>"$dir/lab.out" 2>"$dir/lab.err"
	local rc=$?
	cat "$dir/lab.err" "$dir/lab.out"
	echo "exit status $rc"
	return $rc
}
expect "without root the inline plane does it" as_user --once
expect "and says so" grep "not root" "$dir/lab.err"
expect "as JSON, too" as_user --json
expect "an object a line" one_object_a_line
expect "with every threat" eval \
	'told 203.0.113.66 && told 203.0.113.77 && told 198.51.100.10 && told 203.0.113.99 && grep -F c2.evil.example "$dir/lab.out"'
expect "but an interface needs root" fails_with 8 "needs root" as_user --iface lo

echo "1..$n"
[ $failed = 0 ]
