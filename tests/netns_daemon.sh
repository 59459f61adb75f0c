#!/bin/bash
# The daemon, the launcher and the planes in two network namespaces:
#
#	netns pd-a-PID                      netns pd-b-PID
#	picketd ── a0 10.77.0.1 ══ veth ══ 10.77.0.2 b0 ── sender
#
# What is attached, refused, killed, adopted and left behind; and whether the
# ledger closes after each of them. Needs root; prints TAP lines.
set -u
nsa=pd-a-$$ nsb=pd-b-$$
build=$(realpath "${BUILD:-build}")
n=0 failed=0

[ "$(id -u)" = 0 ] || {
	echo "1..0 # SKIP namespaces need root"
	exit 77
}
dir=$(mktemp -d /tmp/picket-daemon-XXXXXX)
chmod 755 "$dir" # the daemon's run directory is below
tag=$(basename "$dir" | tr -c 'A-Za-z0-9\n' _)
bpffs=/sys/fs/bpf
mountpoint -q $bpffs || mount -t bpf bpf $bpffs || {
	echo "1..0 # SKIP no bpffs"
	exit 77
}
pins=$bpffs/$tag
daemon=

cleanup() {
	[ -n "$daemon" ] && kill -9 "$daemon" 2>/dev/null
	ip netns del $nsa 2>/dev/null
	ip netns del $nsb 2>/dev/null
	find "$pins" -depth -delete 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT

say() { # ok|"not ok" NAME
	n=$((n + 1))
	[ "$1" = ok ] || failed=$((failed + 1))
	echo "$1 $n - $2"
}

expect() { # NAME COMMAND...: the command succeeds
	local name=$1
	shift
	if "$@" >"$dir/out" 2>&1; then
		say ok "$name"
	else
		say "not ok" "$name"
		sed 's/^/# /' "$dir/out" "$dir/log" | tail -20
	fi
}

until_true() { # COMMAND...: within ten seconds
	for _ in $(seq 200); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.05
	done
	return 1
}

network() {
	ip netns add $nsa && ip netns add $nsb || return 1
	for ns in "$nsa" "$nsb"; do
		ip netns exec $ns sysctl -qw net.ipv6.conf.all.disable_ipv6=1 \
			net.ipv6.conf.default.disable_ipv6=1
		ip -n $ns link set lo up
	done
	wire
}

wire() {
	ip link add a0 netns $nsa type veth peer name b0 netns $nsb &&
		ip -n $nsa addr add 10.77.0.1/24 dev a0 &&
		ip -n $nsb addr add 10.77.0.2/24 dev b0 &&
		ip -n $nsa link set a0 up && ip -n $nsb link set b0 up
}

# The namespaces have private addresses, which a guard would refuse.
configure() { # EXTRA_JSON [STATE_DIR]
	cat >"$dir/conf.json" <<-END
		{ "sensor": "test", "run_dir": "$dir/run", "pin_dir": "$pins",
		  "state_dir": "${2:-$dir/state}",
		  "guards": { "bogons": false },
		  "libexec_dir": "$build" ${1:+, $1} }
	END
}

ctl() {
	"$build/picketctl" --socket "$dir/run/ctl.sock" "$@"
}

field() { # PYTHON_EXPRESSION over status s
	ctl -j status | python3 -c 'import json,sys
s = json.load(sys.stdin)
sys.exit(0 if ('"$1"') else 1)'
}

value() { # PYTHON_EXPRESSION over status s
	ctl -j status | python3 -c 'import json,sys
s = json.load(sys.stdin)
print('"$1"')'
}

picketd() { # ARGS...: in the sensor's namespace
	nsenter --net=/run/netns/$nsa "$build/picketd" -c "$dir/conf.json" "$@"
}

start() { # ARGS...
	: >"$dir/log"
	nsenter --net=/run/netns/$nsa "$build/picketd" -c "$dir/conf.json" \
		"$@" >"$dir/log" 2>&1 &
	daemon=$!
	until_true ctl status
}

stop() {
	kill "$daemon" 2>/dev/null
	wait "$daemon" 2>/dev/null
	rc=$?
	daemon=
	return $rc
}

send() { # COUNT: UDP datagrams from b to a
	nsenter --net=/run/netns/$nsb python3 -c '
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(int(sys.argv[1])):
    s.sendto(b"x" * 100, ("10.77.0.1", 9999))
    if i % 50 == 49: time.sleep(0.002)' "$1"
}

# Datagrams until the file ENOUGH is there, 200,000 at most; prints how many.
send_until() { # ENOUGH
	nsenter --net=/run/netns/$nsb python3 -c '
import os, socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
n = 0
while n < 200000 and not os.path.exists(sys.argv[1]):
    for i in range(50): s.sendto(b"x" * 100, ("10.77.0.1", 9999))
    n += 50
    time.sleep(0.005)
print(n)' "$1"
}

seen_at_least() { field "sum(p['counters']['seen'] for p in s['planes']) >= $1"; }
state_is() { field "[p['state'] for p in s['planes']] == ['$1']"; }
restarted() { field "s['planes'][0]['restarts'] >= $1 and s['planes'][0]['state'] == 'running'"; }
plane_pid() { value "s['planes'][0]['pid']"; }
port_pid() { value "[p['pid'] for p in s['planes'] if p['port'] == 'p0'][0]"; }

# The first gap of plane PLANE of PORT has ended; its length is told.
gap_is_told() { # PLANE PORT
	local ms
	ms=$(ctl -j status | python3 -c 'import json, sys
from datetime import datetime
s = json.load(sys.stdin)
p = [p for p in s["planes"] if (p["plane"], p["port"]) == tuple(sys.argv[1:])][0]
t = [datetime.strptime(p["gaps"][0][k], "%Y-%m-%dT%H:%M:%S.%fZ")
     for k in ("from", "to")]
print(int((t[1] - t[0]).total_seconds() * 1000))' "$1" "$2") || return 1
	echo "# plane $1 $2 was away for $ms ms" >&3
	[ "$ms" -gt 0 ]
}

# PLANE OFFERED LOSSES: the audit is ok, at least OFFERED frames were offered
# and accounted for, and LOSSES (a python expression over lost) is true.
audited() {
	ctl -j audit | python3 -c 'import json, sys
a = json.load(sys.stdin)
print(json.dumps(a, indent=1))
i = [i for i in a["identities"] if (i["name"], i["plane"]) == ("offered", sys.argv[1])]
lost = {(l["plane"], l["counter"]): l["count"] for l in a["lost"]}
sys.exit(not (a["result"] == "ok" and len(i) == 1 and i[0]["ok"] and
	i[0]["left"] >= int(sys.argv[2]) and eval(sys.argv[3])))' "$@"
}
lost_says() { ctl audit | grep -E '^lost: ' | grep -E -- "$1"; }
daemon_child() { pgrep -P "$daemon" -x picketd; }
fails_with() { # STATUS TEXT COMMAND...
	local want=$1 text=$2 rc
	shift 2
	"$@" >"$dir/said" 2>&1
	rc=$?
	cat "$dir/said"
	echo "exit status $rc"
	[ $rc = "$want" ] && grep -qF -- "$text" "$dir/said"
}
nothing_left() {
	ls -la "$dir/run" 2>&1
	[ ! -e "$pins" ] && [ ! -e "$dir/run" ]
}
ids_are() { # PID UID:GID: real and effective ones, of every thread
	local ids
	ids=$(awk '/^[UG]id:/ { print $1 $2, $1 $3, $1 $4 }' \
		/proc/"$1"/task/*/status | tr ' ' '\n' | sort -u | tr '\n' ' ')
	echo "$ids"
	[ "$ids" = "Gid:${2#*:} Uid:${2%:*} " ]
}
no_program() { ! ip -n $nsa -d link show a0 | grep -q xdp; }
has_program() { ip -n $nsa -d link show a0 | grep -q xdp; }

exec 3>&1 # for comments
network || {
	echo "1..0 # SKIP namespaces cannot be made"
	exit 77
}
configure ""

# --- privileges, refusals ----------------------------------------------------
expect "picketd starts without anything to watch" start
expect "the daemon has no privilege" bash -c "
	grep -qE '^CapEff:.0+$' /proc/$(daemon_child)/status &&
	! grep -qE '^Uid:.0' /proc/$(daemon_child)/status &&
	grep -qE '^NoNewPrivs:.1' /proc/$(daemon_child)/status"
expect "a second one is refused with the owner's pid" \
	fails_with 1 "pid $daemon" picketd
expect "an unknown interface is refused" \
	fails_with 4 "nosuch does not exist" ctl attach nosuch
expect "and left nothing behind" [ ! -e "$pins/maps" ]
expect "an interface that is not attached cannot be detached" \
	fails_with 4 "not attached" ctl detach a0
ip -n $nsa route add default via 10.77.0.2
expect "the default route's interface needs --yes" \
	fails_with 1 "default route" ctl attach a0
ip -n $nsa route del default
expect "a0 is attached" ctl attach a0
expect "twice is refused" fails_with 1 "attached already" ctl attach a0
expect "a port may not take it" fails_with 1 "belongs to the XDP plane" \
	ctl port add p0 --vdev net_af_packet0,iface=a0 --no-huge

# --- work ----------------------------------------------------------------------
expect "an indicator is pushed" ctl ioc add 10.77.0.2
expect "frames are sent" send 1000
expect "all are seen" until_true seen_at_least 1000
expect "the ledger closes" ctl audit

ioc_is() { # STATE: ioc status says so
	ctl -j ioc status | python3 -c 'import json, sys
s = json.load(sys.stdin)
print(s["state"], s.get("why"))
sys.exit(s["state"] != sys.argv[1])' "$1"
}
expect "every plane has the generation" until_true ioc_is ok
kill -STOP "$(plane_pid)"
expect "a push does not wait for a plane that is stopped" \
	ctl ioc add 203.0.113.1
expect "but it is said that it lags" until_true ioc_is degraded
kill -CONT "$(plane_pid)"
expect "until it goes on" until_true ioc_is ok

# --- a plane dies ---------------------------------------------------------------
pid=$(plane_pid)
(send 2000) &
sender=$!
kill -9 "$pid"
expect "the plane is back" until_true restarted 1
wait $sender
expect "its gap has a beginning and an end" \
	field "s['planes'][0]['gaps'][0]['from'] and s['planes'][0]['gaps'][0]['to']"
expect "and a length" gap_is_told xdp ""
expect "the ledger closes over the gap" ctl audit

# --- the daemon dies -------------------------------------------------------------
child=$(daemon_child)
(send 2000) &
sender=$!
kill -9 "$child"
expect "the daemon is back" until_true ctl status
expect "its interface is still attached" \
	until_true field "[i['name'] for i in s['interfaces']] == ['a0']"
expect "the launcher is the same" kill -0 "$daemon"
wait $sender
expect "its ledger closes, too" ctl audit
expect "it knows its indicators" ctl ioc test 10.77.0.2

# --- all die ----------------------------------------------------------------------
kill -9 "$daemon"
wait "$daemon" 2>/dev/null
expect "without picketd the program stays" has_program
until_true bash -c "! pgrep -f '$dir/conf.json'"
send 500
expect "a new picketd starts" start
expect "its indicators are on disk" ctl ioc test 203.0.113.1
expect "it adopts the interface" \
	until_true field "[i['name'] for i in s['interfaces']] == ['a0']"
expect "frames of the time between are not forgotten" \
	until_true seen_at_least 5500
send 500
expect "its ledger closes" ctl audit

# --- interfaces come and go ---------------------------------------------------------
ip -n $nsa link del a0
expect "an interface that is gone is noticed" \
	until_true field "s['interfaces'][0]['state'] == 'waiting'"
wire
expect "and attached again when it is back" \
	until_true field "s['interfaces'][0]['state'] == 'running'"
expect "it has a program" has_program
before=$(value "s['planes'][0]['counters']['seen']")
send 100
expect "and frames are seen" until_true seen_at_least $((before + 100))
expect "a0 is detached" ctl detach a0
expect "it has no program any more" no_program

# --- ports -----------------------------------------------------------------------------
if [ -x "$build/picket-dpdk" ]; then
	expect "a port takes a0" \
		ctl port add p0 --vdev net_af_packet0,iface=a0 --no-huge
	expect "XDP may not have it now" \
		fails_with 1 "belongs to port p0" ctl attach a0
	expect "a driver that does not exist is named" \
		fails_with 2 "no such driver" ctl port add p1 --vdev net_nonsense
	expect "what the plane finds out is the answer" \
		fails_with 1 "iface=NAME is missing" ctl port add p1 --vdev net_af_packet1
	# Root must not open what a member of the group names.
	echo precious >"$dir/victim"
	for key in tx_pcap rx_pcap; do
		expect "a port with $key is refused" fails_with 6 "$key" \
			ctl port add p1 --vdev "net_pcap0,$key=$dir/victim"
	done
	expect "also of another driver" fails_with 6 "xdp_prog" \
		ctl port add p1 --vdev "net_af_xdp0,iface=a0,xdp_prog=$dir/victim"
	expect "the file is as it was" [ "$(cat "$dir/victim")" = precious ]
	expect "a typing error in a name is the user's" \
		fails_with 2 "a port's name must be" ctl port add "a b" --vdev net_null0
	expect "and in an interface's" \
		fails_with 2 "not the name of an interface" ctl attach "a b"
	expect "the log takes neither for a fault" \
		[ "$(grep -cE 'out of order|may not be asked' "$dir/log")" = 0 ]
	ctl ioc add 10.77.0.2 >/dev/null
	send 1000
	expect "the port sees them" until_true field \
		"any(p['port'] == 'p0' and p['counters']['seen'] >= 1000 for p in s['planes'])"
	expect "the ledger closes with two planes" ctl audit
	expect "what the interface received is what the port accounts for" \
		audited p0 1000 True
	kill -9 "$(port_pid)"
	expect "a port that dies comes back" until_true field \
		"any(p['port'] == 'p0' and p['restarts'] == 1 and p['state'] == 'running' for p in s['planes'])"
	expect "its gap has a beginning and an end" gap_is_told dpdk p0
	send 100
	expect "the ledger closes over its gap" audited p0 1100 True
	before=$(value "[p['counters']['seen'] for p in s['planes'] if p['port'] == 'p0'][0]")
	send_until "$dir/enough" >"$dir/sent" &
	sender=$!
	expect "traffic begins" until_true field \
		"any(p['port'] == 'p0' and p['counters']['seen'] > $before for p in s['planes'])"
	kill -9 "$(port_pid)"
	expect "it comes back under traffic" until_true field \
		"any(p['port'] == 'p0' and p['restarts'] == 2 and p['state'] == 'running' for p in s['planes'])"
	touch "$dir/enough"
	wait $sender
	all=$((1100 + $(cat "$dir/sent")))
	expect "what it missed is a gap of the ledger" \
		audited p0 $all "lost['p0', 'gap_frames'] > 0"
	expect "which excuses nothing from now on" audited p0 $all "not a['doubt']"

	kill -STOP "$(port_pid)"
	send 30000
	kill -CONT "$(port_pid)"
	expect "what its socket dropped while it was stopped is accounted for" \
		audited p0 $((all + 30000)) "lost['p0', 'socket_drops'] > 1000 and not a['doubt']"
	expect "and told to the operator" lost_says 'p0 socket_drops=[0-9]+'
	expect "the port is stopped" ctl port del p0
	expect "what it counted is kept" ctl audit
	expect "a port that is not there cannot be stopped" \
		fails_with 4 "no port p0" ctl port del p0
	expect "where to look is a command that exists" \
		fails_with 4 "picketctl status" ctl port del p0
fi

# --- what is offered to XDP ---------------------------------------------------------------
expect "both directions are watched" ctl attach a0
send 1000
expect "all that the interface received was seen" audited xdp 1000 "not a['doubt']"
ctl detach a0 >/dev/null
(send 3000) &
sender=$!
expect "attached under traffic" ctl attach a0
wait $sender
expect "the beginning leaves no more open than it must" audited xdp 1000 True
send 500
expect "and nothing later" audited xdp 1500 "not a['doubt']"
ctl detach a0 >/dev/null

# --- a crash loop ------------------------------------------------------------------------
ctl attach a0 >/dev/null
until_true state_is running
for _ in 1 2 3 4 5 6; do
	pid=$(plane_pid)
	[ "$pid" -gt 0 ] && kill -9 "$pid"
	until_true bash -c "[ \"\$('$build/picketctl' --socket '$dir/run/ctl.sock' -j status |
		python3 -c 'import json,sys; print(json.load(sys.stdin)[\"planes\"][0][\"pid\"])')\" != $pid ]"
	state_is failed && break
	until_true state_is running
done
expect "a plane that dies again and again stays down" until_true state_is failed
expect "and it is said once" \
	[ "$(grep -c 'stays down' "$dir/log")" = 1 ]

# --- the end ---------------------------------------------------------------------------------
expect "picketd ends as asked" stop
expect "nothing is left behind" nothing_left
expect "the interface is as it was" no_program
configure '"interfaces": [{ "name": "a0" }]'
expect "an interface is attached from the configuration" start --keep
expect "it runs" until_true state_is running
stop
expect "--keep leaves the program" has_program
expect "the next one adopts it" start
expect "and needs no second attachment" \
	field "[i['name'] for i in s['interfaces']] == ['a0']"
stop
expect "then nothing is left" nothing_left

configure '"interfaces": [{ "name": "nosuch" }]'
expect "a configured interface that is missing is fatal" \
	fails_with 1 "nosuch does not exist" picketd
expect "and leaves nothing" nothing_left
configure '"interfaces": [{ "name": "a0" }]'
expect "a hidden bpffs is named, and how to see it" \
	fails_with 6 "nsenter --net" \
	ip netns exec $nsa "$build/picketd" -c "$dir/conf.json"
expect "a missing capability is named" \
	fails_with 8 "CAP_NET_ADMIN" nsenter --net=/run/netns/$nsa \
	setpriv --bounding-set -net_admin "$build/picketd" -c "$dir/conf.json"
expect "all missing capabilities are named" \
	fails_with 8 "CAP_BPF CAP_PERFMON" nsenter --net=/run/netns/$nsa \
	setpriv --bounding-set -bpf,-perfmon,-sys_admin "$build/picketd" \
	-c "$dir/conf.json"
expect "and nothing is left after that" nothing_left

# --- whom it becomes --------------------------------------------------------------------------
configure '"user": "no-such-user"'
expect "a user that does not exist is refused, with the file" \
	fails_with 6 "$dir/conf.json: user no-such-user does not exist" picketd
expect "and by --check" fails_with 6 "no-such-user" picketd --check
expect "and leaves nothing, too" nothing_left
as() { # UID GID ARGS...: of picketctl
	setpriv --reuid "$1" --regid "$2" --clear-groups "$dir/picketctl" \
		--socket "$dir/run/ctl.sock" "${@:3}"
}
cp "$build/picketctl" "$dir/picketctl"
ids=$(id -u daemon):$(id -g daemon)
port=
[ -x "$build/picket-dpdk" ] && {
	# An empty capture: only root's file may name it.
	printf '\xd4\xc3\xb2\xa1\2\0\4\0\0\0\0\0\0\0\0\0\0\0\4\0\1\0\0\0' >"$dir/empty.pcap"
	port=', "ports": [{ "name": "cap", "no_huge": true,
		"vdev": "net_pcap0,rx_pcap='$dir'/empty.pcap" }]'
}
configure '"user": "daemon", "interfaces": [{ "name": "a0" }]'"$port"
expect "the state of another user is not taken over" \
	fails_with 8 "belongs to uid" picketd
configure '"user": "daemon", "interfaces": [{ "name": "a0" }]'"$port" \
	"$dir/state-daemon"
expect "it starts as another user" start
expect "its planes run" until_true field "all(p['state'] == 'running' for p in s['planes'])"
expect "the daemon is that user" ids_are "$(daemon_child)" "$ids"
for pid in $(value "*[p['pid'] for p in s['planes']], sep=' '"); do
	expect "and the plane $(cat "/proc/$pid/comm")" ids_are "$pid" "$ids"
done
[ -z "$port" ] || expect "the configured capture is a port" \
	field "'cap' in [p['port'] for p in s['planes']]"
expect "a member of its group may ask" as 12345 "${ids#*:}" status
expect "a stranger may not" fails_with 8 "may not connect" as 12345 12345 status
stop
expect "nothing is left of that" nothing_left

configure '"user": "nobody"' "$dir/state-nobody"
expect "it starts as nobody" start
expect "then the socket is root's" \
	[ "$(stat -c '%u:%g %a' "$dir/run/ctl.sock")" = "0:0 660" ]
expect "and nobody's group may not ask" \
	fails_with 8 "may not connect" as 12345 "$(id -g nobody)" status
expect "root may" ctl status
expect "it is said once" [ "$(grep -c 'only root may use' "$dir/log")" = 1 ]
stop
for name in xdp .p a2345678901234567890123456789012x; do
	configure '"ports": [{ "name": "'$name'", "vdev": "net_null0" }]'
	expect "--check refuses a port called $name" \
		fails_with 6 '"ports[0].name" must be' picketd --check
done
configure '"indicators": [{ "path": "/etc/passwd", "format": "csv" }]'
expect "--check refuses a format that there is not" \
	fails_with 6 '"indicators[0].format" must be' picketd --check

# --- the terminal goes away ----------------------------------------------------------------------
configure '"interfaces": [{ "name": "a0" }]'
expect "it starts" start
kill -HUP "$daemon"
# The launcher looks at signals before it serves what comes after them.
expect "SIGHUP is no end" ctl detach a0
expect "it ends" stop
mkfifo "$dir/hang"
python3 -c '
import os, pty, sys
pid, terminal = pty.fork()
if not pid:
    os.execvp(sys.argv[2], sys.argv[2:])
open(sys.argv[1]).read()
os.close(terminal)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
' "$dir/hang" nsenter --net=/run/netns/$nsa "$build/picketd" -c "$dir/conf.json" &
daemon=$!
expect "it starts on a terminal" until_true ctl status
: >"$dir/hang"
wait "$daemon"
rc=$?
daemon=
expect "a terminal that hangs up is an orderly end" [ $rc = 0 ]
expect "that leaves nothing" nothing_left
expect "and no program" no_program
nsenter --net=/run/netns/$nsa nohup "$build/picketd" -c "$dir/conf.json" \
	>"$dir/log" 2>&1 &
daemon=$!
expect "it starts under nohup" until_true ctl status
kill -HUP "$daemon"
expect "and stays" ctl detach a0
expect "until it is asked to end" stop
expect "then, too, nothing is left" nothing_left

echo "1..$n"
[ $failed = 0 ]
