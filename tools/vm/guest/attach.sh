#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# XDP attaches natively, egress as the kernel can; every frame of the wire and
# every sent one is counted, a listed address becomes a threat, the ledger
# closes, and nothing is left behind.
set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. /guest/lib.sh
# shellcheck source-path=SCRIPTDIR source=commands.sh
. /guest/commands.sh

count=1000
device=$(tested)

# What the kernel says, not picket: `xdp`, or `xdpgeneric` for the slow mode.
mode()
{
	ip link show dev "$device" | grep -oE 'xdp[a-z]*' | head -n 1
}

# Links for tc (tcx) are in kernels since 6.6.
wanted_egress()
{
	if printf '6.6\n%s\n' "$(uname -r)" | sort -V -c 2>/dev/null; then
		echo tcx
	else
		echo clsact
	fi
}

# `clsact` if the kernel has our filter; a tcx link does not show here.
filter()
{
	tc filter show dev "$device" egress 2>/dev/null |
		grep -q picket_tc && echo clsact
}

counted()
{
	[ "$(frames_of xdp)" = "$1" ]
}

check_attach()
{
	attach "$device" || give_up attach_native 'picketctl attach failed'
	[ "$(mode)" = xdp ] || give_up attach_native "mode is '$(mode)'"
	[ "$(status '.interfaces[0].mode')" = native ] ||
		give_up attach_native 'the status does not say native'
	report ok attach_native "on $PK_NIC"
}

check_egress()
{
	wanted=$(wanted_egress)
	told=$(status '.interfaces[0].egress')
	[ "$told" = "$wanted" ] ||
		give_up attach_egress "$told, and $wanted was due"
	has=$(filter || echo tcx)
	[ "$has" = "$wanted" ] ||
		give_up attach_egress "$told is told, the kernel has $has"
	report ok attach_egress "$told"
}

check_count()
{
	send "$(sender)" $count || give_up attach_count 'picket-gen failed'
	await 20 counted $count ||
		give_up attach_count "$(frames_of xdp) of $count frames"
	report ok attach_count "$count of $count received frames"
	send "$device" $count || give_up attach_sent 'picket-gen failed'
	await 20 counted $((2 * count)) ||
		give_up attach_sent "$(frames_of xdp) of $((2 * count)) frames"
	report ok attach_sent "$count of $count sent frames"
}

check_threat()
{
	found_by xdp || give_up attach_threat \
		"$(cat /tmp/threat.json /tmp/follow.err)"
	report ok attach_threat "$(jq -r '"\(.type) \(.offender)"' \
		/tmp/threat.json)"
}

check_audit()
{
	audit || give_up attach_audit "$(cat /tmp/audit.json)"
	report ok attach_audit "$(identities) identities hold"
}

check_detach()
{
	detach "$device" || give_up attach_detach 'picketctl detach failed'
	[ -z "$(mode)" ] || give_up attach_detach "still '$(mode)'"
	! filter || give_up attach_detach 'still a filter'
	report ok attach_detach 'no program left on the interface'
}

check_end()
{
	stop_sensor || give_up attach_end "picketd ended with $?"
	[ ! -e $pins ] || [ -z "$(find $pins -type f)" ] ||
		give_up attach_end "pins left: $(find $pins -type f)"
	[ ! -e $run_dir/ctl.sock ] || give_up attach_end 'ctl.sock is left'
	report ok attach_end 'picketd ended as asked and left nothing'
}

need attach $bin/picketd $bin/picketctl $bin/picket-gen $bin/picket-xdp
start_sensor || give_up attach_sensor 'picketctl status does not answer'
list $listed || give_up attach_listed 'picketctl ioc add failed'
check_attach
check_egress
follow || give_up attach_threat 'picketctl threat follow does not connect'
check_count
check_threat
check_audit
check_detach
check_end
