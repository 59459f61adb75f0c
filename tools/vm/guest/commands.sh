# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Every picket command line that the guest tests use. Interfaces are names,
# ports are PCI addresses; each returns when what it asks for is in force.

bin=/picket/build
run_dir=/run/picket
pins=/sys/fs/bpf/picket
listed=198.51.100.20 # whom picket-gen's frames are for

ctl()
{
	$bin/picketctl --socket $run_dir/ctl.sock "$@"
}

# The sensor lives as long as the script that started it.
start_sensor()
{
	printf '{ "sensor": "vm", "run_dir": "%s", "pin_dir": "%s" }\n' \
		$run_dir $pins >/tmp/picket.json
	$bin/picketd --config /tmp/picket.json >/tmp/picketd.log 2>&1 &
	sensor=$!
	trap stop_sensor EXIT
	await 20 status_answers
}

# How the sensor ended; nothing if it was stopped before.
stop_sensor()
{
	[ -n "$sensor" ] || return 0
	pid=$sensor
	sensor=
	kill "$pid" 2>/dev/null || :
	wait "$pid"
}

# give_up NAME REASON: the check failed, and what follows needs it.
give_up()
{
	cat /tmp/picketd.log /tmp/status.json /tmp/ctl.err 2>/dev/null || :
	report 'not ok' "$1" "$2: $(tail -n 1 /tmp/ctl.err 2>/dev/null)"
	exit 0
}

status_answers()
{
	ctl -j status >/tmp/status.json 2>/tmp/ctl.err
}

# status FILTER: what jq's FILTER finds in the status.
status()
{
	status_answers && jq -r "$1" /tmp/status.json
}

list()
{
	ctl ioc add "$1" 2>/tmp/ctl.err
}

attach()
{
	ctl attach "$1" --yes 2>/tmp/ctl.err
}

detach()
{
	ctl detach "$1" 2>/tmp/ctl.err
}

# start_port NAME PCI [OPTION...]
start_port()
{
	name=$1
	pci=$2
	shift 2
	ctl port add "$name" --pci "$pci" "$@" 2>/tmp/ctl.err
}

stop_port()
{
	ctl port del "$1" 2>/tmp/ctl.err
}

# The ledger closes, and says so.
audit()
{
	ctl -j audit >/tmp/audit.json 2>/tmp/ctl.err &&
		[ "$(jq -r .result /tmp/audit.json)" = ok ]
}

identities()
{
	jq '.identities | length' /tmp/audit.json
}

# send INTERFACE COUNT
send()
{
	$bin/picket-gen established --count "$2" --pps 20000 \
		--interface "$1"
}

# Frames that the plane (`xdp` or `dpdk`) saw so far.
frames_of()
{
	status "[.planes[] | select(.plane == \"$1\") | .counters.seen] | add"
}

subscribed()
{
	grep -q ' 03 .*/bus\.sock$' /proc/net/unix
}

# The first threat into /tmp/threat.json, within 20 seconds; returns when the
# bus has its reader.
follow()
{
	ctl -j threat follow --count 1 --timeout 20 >/tmp/threat.json \
		2>/tmp/follow.err &
	follower=$!
	await 10 subscribed
}

# A threat by the indicator came, found by the plane.
found_by()
{
	wait "$follower" &&
		[ "$(jq -r '"\(.plane) \(.indicator.value)"' /tmp/threat.json)" \
			= "$1 $listed" ]
}
