#!/bin/bash
# The bus off the host, and outputs, with a real daemon (tests/netns_ioc_rig):
# who has a key and a role hears what was found, who has not is refused and
# counted; the list of clients is read again; each output gets what its rules
# choose; test messages reach everybody and look like no threat. Needs root;
# prints TAP lines.
set -u
# shellcheck source=tests/netns_ioc_rig
. "$(dirname "$0")/netns_ioc_rig"
wires=(w0)
bus=tcp://127.0.0.1:5555
python=/usr/bin/python3
$python -c 'import zmq' 2>/dev/null || {
	echo "1..0 # SKIP no python3-zmq"
	exit 77
}

lab() { "${in_lab[@]}" "$@"; }
gen() { "$build/picketctl" key gen --out "$dir" --name "$1"; }
open_key() { grep -v '^# ' "$dir/$1.public"; }
subscribe() { # NAME OPTION...: as that client
	lab timeout 20 "$build/picket-subscribe" --server-key "$dir/sensor.public" \
		--secret "$dir/$1.secret" "${@:2}" $bus
}
subscribe_python() {
	lab timeout 20 $python "$tests/../tools/subscribe/picket_subscribe.py" \
		--server-key "$dir/sensor.public" --secret "$dir/$1.secret" "${@:2}" $bus
}
curve() { ctl -j status | jq ".bus.curve.$1"; }
refused_as() { [ "$(curve "$1")" -gt "$2" ]; }
write_clients() { # NAME...: with the role that the name is
	local name
	for name in "$@"; do echo "$(open_key "$name") $name $name"; done >"$run/clients"
}
# Whoever listens here gets nothing, and that is counted as COUNTER.
nothing_and() { # COUNTER COMMAND...
	local before pid
	before=$(curve "$1")
	"${@:2}" >got 2>got.err &
	pid=$!
	await 15 refused_as "$1" "$before" || return
	end_pid $pid
	cat got
	! [ -s got ]
}
pull() { # ENDPOINT COUNT FILE: in the background; $! is its pid
	lab $python - "$@" <<-'PY' &
		import sys, zmq
		s = zmq.Context().socket(zmq.PULL)
		s.setsockopt(zmq.RCVTIMEO, 20000)
		s.connect(sys.argv[1])
		with open(sys.argv[3], "wb", 0) as f:
		    for _ in range(int(sys.argv[2])):
		        topic, head, text = s.recv_multipart()
		        f.write(topic + b" " + text + b"\n")
	PY
}
texts() { sed 's/^[^ ]* //' "$1"; }
has_lines() { [ "$(wc -l <"$2")" -ge "$1" ]; }

end_pid "$daemon"
gen_all() {
	local name
	for name in sensor both subscribe replay stranger; do gen $name || return; done
}
expect "keys are made" gen_all
expect "a secret is its owner's alone" test "$(stat -c %a "$dir/sensor.secret")" = 600
refuses() {
	local rc
	gen sensor >again 2>&1
	rc=$?
	cat again
	[ $rc = 1 ] && grep -q "there already" again
}
expect "a key that is there is not written over" refuses
not_sound() { # JSON SENTENCE
	local rc
	configure "$1"
	"$build/picketd" -c "$run/picket.json" --check >said 2>&1
	rc=$?
	cat said
	[ $rc = 6 ] && grep -qF -- "$2" said
}
expect "off loopback without keys is refused" not_sound \
	'"bus": { "endpoints": ["tcp://0.0.0.0:5555"] }' 'set "bus.curve"'
write_clients both subscribe replay
configure '"bus": { "endpoints": ["ipc://'"$run"'/d/bus.sock", "tcp://0.0.0.0:5555"],
	"curve": { "secret": "'"$dir"'/sensor.secret", "clients": "'"$run"'/clients" } },
	"outputs": [
	{ "name": "found", "endpoint": "ipc://'"$run"'/d/found.sock", "types": ["indicator"] },
	{ "name": "other", "endpoint": "ipc://'"$run"'/d/other.sock", "types": ["portscan"] },
	{ "name": "eve", "endpoint": "tcp://[::1]:5560", "connect": true, "feeds": ["mine"], "profile": "eve" }]'
lab sysctl -qw net.ipv6.conf.lo.disable_ipv6=0
expect "picketd starts, open to others with keys" start
lab $python - >eve 2>eve.err <<-'PY' &
	import sys, zmq
	s = zmq.Context().socket(zmq.PULL)
	s.setsockopt(zmq.IPV6, 1)
	s.setsockopt(zmq.RCVTIMEO, 30000)
	s.bind("tcp://[::1]:5560")
	for _ in range(2):
	    sys.stdout.buffer.write(s.recv_multipart()[2] + b"\n")
	    sys.stdout.buffer.flush()
PY
eve=$!
for i in 1 2 3 4; do echo "20.0.0.$i"; done >mine
for i in 5 6; do echo "20.0.0.$i"; done >theirs
expect "indicators are loaded" ctl ioc load "$dir/theirs" --feed theirs
expect "and others" ctl ioc load "$dir/mine" --feed mine
pull "ipc://$run/d/found.sock" 6 found
found=$!
pull "ipc://$run/d/other.sock" 1 other
other=$!
send 1 20.0.0.5/9 20.0.0.6/9 20.0.0.1/9 20.0.0.2/9 20.0.0.3/9 20.0.0.4/9 >/dev/null
expect "an output has what its rules choose" await 10 has_lines 6 found
only_found() { texts found | jq -se 'length == 6 and all(.type == "indicator")'; }
expect "and nothing else" only_found
has_eve() { jq -se 'length == 2 and all(.event_type == "alert")' eve; }
expect "another one has what its feeds found, as EVE, over IPv6" await 10 has_eve

heard() { # SUBSCRIBE NAME
	"$1" "$2" --since 0 --count 6 >got 2>got.err
	cat got.err
	jq -se 'map(.seq) == [1, 2, 3, 4, 5, 6]' got
}
expect "who has the key and the roles gets all of it" heard subscribe both
expect "in Python, too" heard subscribe_python both
expect "who is not in the list gets nothing" nothing_and unknown subscribe stranger --since 0
expect "who may only fetch, fetches" heard subscribe replay
was_unfit() { [ "$(curve unfit)" -gt 0 ]; }
expect "but was refused what is live" was_unfit
plain() { lab timeout 20 "$build/picket-subscribe" --since 0 $bus; }
expect "who has no key gets nothing" nothing_and 'no_curve + .bus.curve.broken' plain
may_not() {
	subscribe subscribe --since 0 --idle 3 >got 2>got.err
	cat got.err
	grep -q "your key has no role" got.err && ! [ -s got ]
}
expect "who may not ask for what was missed is told so" may_not
follow() { # as another host does
	lab timeout 20 "$build/picketctl" -j threat follow --endpoint $bus --since 1 --count 6 \
		--server-key "$dir/sensor.public" --secret "$dir/both.secret" --socket "$run/d/ctl.sock" >got
	jq -se 'length == 6' got
}
expect "threat follow can use keys" follow

write_clients subscribe
expect "the list is read again" is '.clients == 1' key reload
expect "who is no more in it gets nothing" nothing_and unknown subscribe both --since 0
echo nonsense >"$run/clients"
expect "a list with an error has a line" fails 1 "clients:1: a line is" key reload
expect "and changes nothing" is '.bus.curve.clients == 1 and .bus.curve.reloads_failed == 1' status
write_clients both subscribe
kill -HUP "$daemon"
has_two() { is '.bus.curve.clients == 2' status; }
expect "SIGHUP reads it, too" await 5 has_two

lab timeout 30 $python - "ipc://$run/d/bus.sock" >tests.log 2>&1 <<-'PY' &
	import sys, zmq
	s = zmq.Context().socket(zmq.SUB)
	s.setsockopt(zmq.SUBSCRIBE, b"v1/test/")
	s.setsockopt(zmq.SUBSCRIBE, b"v1/threat/")
	s.connect(sys.argv[1])
	while True:
	    topic, head, text = s.recv_multipart()
	    print(topic.decode(), text.decode(), flush=True)
PY
listener=$!
all_kinds() {
	ctl bus send-test >sent
	[ "$(cut -d' ' -f1 tests.log | sort -u | wc -l)" -ge 8 ]
}
expect "test messages of every kind are heard" await 15 all_kinds
marked() {
	cut -d' ' -f1 tests.log | sort -u
	! grep -v '^v1/test/[a-z0-9-]*/ {"test":true,' tests.log && texts tests.log | jq -e . >/dev/null
}
expect "all are marked, and none looks like a threat" marked
unjournaled() { is '.journal.last == 6' status; }
expect "none is in the journal" unjournaled
before=$(wc -l <found)
pull "ipc://$run/d/found.sock" 99 tested
tested=$!
one_test() {
	ctl bus send-test --endpoint found --type threat-indicator >sent
	grep -q '^v1/test/threat-indicator/ {"test":true,"type":"indicator"' tested
}
expect "an output gets them, too" await 10 one_test
sent_again() { [ "$(grep -c ^v1/threat/ tested)" = 6 ]; }
expect "and again what one that went away may not have taken" sent_again
expect "a kind that is none is not found" fails 4 "no kind" bus send-test --type nonsense
expect "nor an endpoint" fails 4 "no endpoint" bus send-test --endpoint nonsense
not_other() { ! grep -v "^v1/test/" other; }
expect "nothing came by the wrong output" not_other
expect "the outputs' numbers add up" is '.outputs | length == 3 and all(.read == .sent + .passed + .refused) and all(.lost == 0)' status
for pid in $eve $found $other $listener $tested; do end_pid "$pid"; done
echo "# $before found, $(curve asked) handshakes, $(curve allowed) let in"
echo "1..$n"
[ $failed = 0 ]
