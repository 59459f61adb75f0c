# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
#
# What guest tests share. A test reports each of its checks by `report`; lines
# that start with "@ " are all that the host reads, the rest is for the log.

# report VERDICT NAME REASON; VERDICT is `ok`, `not ok` or `skip`.
report()
{
	printf '%s %s %s\n' "$1" "$2" "$3" >>/run/results
	printf '\n@ %s %s %s\n' "$1" "$2" "$3"
}

note()
{
	printf '\n@ # %s\n' "$*"
}

# need NAME PROGRAM...: ends the test as failed unless all are in the image.
need()
{
	name=$1
	shift
	for program in "$@"; do
		[ -x "$program" ] && continue
		report 'not ok' "$name" "$program is not built"
		exit 0
	done
}

uptime_sec()
{
	cut -d . -f 1 /proc/uptime
}

# await SECONDS COMMAND...: 0 as soon as the command succeeds.
await()
{
	deadline=$(($(uptime_sec) + $1))
	shift
	until "$@"; do
		[ "$(uptime_sec)" -lt $deadline ] || return 1
		sleep 0.1
	done
}

# The interface that has the MAC address.
interface_of()
{
	grep -lx "$1" /sys/class/net/*/address | cut -d / -f 5
}

sender()
{
	interface_of 52:54:00:00:00:01
}

tested()
{
	interface_of 52:54:00:00:00:02
}

# The PCI address under an interface; a virtio device is one level deeper.
pci_of()
{
	realpath "/sys/class/net/$1/device" | tr '/' '\n' |
		grep -E '^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-9]$' | tail -n 1
}
