#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# DPDK captures every frame of the wire on a real PCI driver. Last test of a
# boot: the interface is gone afterwards.
set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. /guest/lib.sh
# shellcheck source-path=SCRIPTDIR source=commands.sh
. /guest/commands.sh

count=10000
step=500
pci=$(pci_of "$(tested)")
device=/sys/bus/pci/devices/$pci

bind()
{
	echo "$pci" >"$device/driver/unbind"
	echo uio_pci_generic >"$device/driver_override"
	echo "$pci" >/sys/bus/pci/drivers_probe
	[ "$(basename "$(realpath "$device/driver")")" = uio_pci_generic ]
}

counted()
{
	[ "$(frames_of dpdk)" = "$1" ]
}

check_bind()
{
	bind || give_up dpdk_bind "$pci: uio_pci_generic did not take it"
	report ok dpdk_bind "$pci by uio_pci_generic"
}

# In steps that any RX ring of 600 or more holds whole, each awaited: qemu's
# e1000 drops what its ring does not take, so one starved host thread would
# lose frames that nobody here could have received.
send_all()
{
	sent=0
	while [ $sent -lt $count ]; do
		send "$(sender)" $step || return 1
		sent=$((sent + step))
		await 10 counted $sent || return 1
	done
}

# Without hugepages nobody knows physical addresses, which uio needs.
check_no_huge()
{
	! start_port cap1 "$pci" --no-huge ||
		give_up dpdk_no_huge 'taken, and the device reads anywhere'
	grep -q 'needs hugepages' /tmp/ctl.err ||
		give_up dpdk_no_huge 'refused without the reason'
	report ok dpdk_no_huge "refused: $(tail -n 1 /tmp/ctl.err)"
	stop_port cap1 || :
}

check_count()
{
	start_port cap0 "$pci" || give_up dpdk_count 'picketctl port add failed'
	follow || give_up dpdk_threat 'picketctl threat follow does not connect'
	send_all ||
		give_up dpdk_count "$(frames_of dpdk) of $sent frames, $count due"
	report ok dpdk_count "$count of $count frames on $PK_NIC"
}

check_threat()
{
	found_by dpdk || give_up dpdk_threat \
		"$(cat /tmp/threat.json /tmp/follow.err)"
	report ok dpdk_threat "$(jq -r '"\(.type) \(.offender)"' \
		/tmp/threat.json)"
}

check_audit()
{
	audit || give_up dpdk_audit "$(cat /tmp/audit.json)"
	report ok dpdk_audit "$(identities) identities hold"
}

check_end()
{
	stop_port cap0 || give_up dpdk_end 'picketctl port del failed'
	audit || give_up dpdk_end "after the port: $(cat /tmp/audit.json)"
	stop_sensor || give_up dpdk_end "picketd ended with $?"
	report ok dpdk_end 'the port and picketd ended as asked'
}

need dpdk $bin/picketd $bin/picketctl $bin/picket-gen $bin/picket-dpdk
check_bind
start_sensor || give_up dpdk_sensor 'picketctl status does not answer'
list $listed || give_up dpdk_listed 'picketctl ioc add failed'
check_no_huge
check_count
check_threat
check_audit
check_end
