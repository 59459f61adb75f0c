#!/bin/bash
# Nothing that was told is lost, and nothing is told twice (tests/netns_ioc_rig):
# the daemon is killed again and again, at random times, while frames to listed
# addresses go on. Each address must open one threat in all that time, unless
# the one before was closed; the numbers must have no hole. PK_KILLS=N: so often
# (12); PK_SEED=N. Needs root; prints TAP lines.
set -u
# shellcheck source=tests/netns_ioc_rig
. "$(dirname "$0")/netns_ioc_rig"
kills=${PK_KILLS:-12} seed=${PK_SEED:-$RANDOM}
wires=(w0)
echo "# $kills kills, seed $seed"

kill_all() {
	timeout "${PK_TEST_SECONDS:-1500}" "${in_wire[@]}" python3 "$tests/kills.py" w0 "$kills" "$seed" \
		"$run/d/ctl.sock" "$dir/listed" "${in_lab[@]}" "$build/picketd" -c "$run/picket.json" >done.json
	cat done.json
	jq -e ".kills == $kills" done.json
}
# What the journal has, told by jq alone.
no_hole() { jq -se 'map(.seq) == [range(1; length + 1)] and length > 0' all; }
once() { jq -se 'map(select(.state == "open").id) | length == (unique | length)' all; }
# of each: first open, then updates, then at most one end, then nothing
lives() {
	jq -se 'group_by(.id) | all(map(.state) |
		.[0] == "open" and all(.[1:-1][]; . == "update") and (length == 1 or .[-1] != "open"))' all
}
# An address opens again only when its threat before has ended.
in_turn() {
	jq -se 'group_by(.offender) | all(map(.state) | . as $s |
		all(range(1; length); $s[.] != "open" or $s[. - 1] == "closed"))' all
}
# The daemon has open what the journal has open: nothing was lost. Threats may
# end meanwhile, so the two are read until the journal's number stands.
compare() {
	ctl threat export >all && ctl -j status >status.json || return
	# the list is cut
	ctl -j threat list >open.json && jq -r '.threats[].id' open.json | sort >open.now
	[ "$(jq .journal.last status.json)" = "$(wc -l <all)" ] || return
	jq -sr 'group_by(.id)[] | select(.[-1].state != "closed") | .[0].id' all | sort >open.told
	jq -c '[.threats.open, .threats.revived, .journal.last]' status.json
	wc -l open.told
	jq -e ".threats.open == $(wc -l <open.told)" status.json &&
		[ -s open.now ] && [ -z "$(comm -13 open.told open.now)" ]
}
nothing_lost() { await 30 compare; }
books() {
	is '.threats.opened + .threats.revived == .threats.open + .threats.closed_quiet + .threats.closed_early' status
}

end_pid "$daemon"
configure ""
expect "picketd starts" start
for i in $(seq 60); do
	for j in $(seq 250); do echo "20.1.$i.$j"; done
done >listed
expect "indicators are loaded" ctl ioc load "$dir/listed" --feed listed
end_pid "$daemon"
daemon=
expect "picketd is killed $kills times under load" kill_all
expect "picketd starts" start
expect "there is no damaged checkpoint" is '.checkpoint | .refused + .refused_parts + .journal.refused + .journal.missing == 0' status
ctl threat export >all 2>exported
expect "the journal can be read, whole" test ! -s exported
expect "its numbers have no hole" no_hole
expect "no threat opened twice" once
expect "each threat is told from its beginning to its end" lives
expect "no address has two threats" in_turn
expect "what is open in the journal is open, and nothing else" nothing_lost
expect "the books of threats close" books
expect "totals go back to the first start" is '.totals.since < .checkpoint.loaded and .totals.threats.told >= .threats.told' status
says_checkpoint() { ctl status | grep -E '^checkpoint: [1-9][0-9]* bytes, [0-9.]+ s old'; }
expect "status says how old the checkpoint is" says_checkpoint
expect "the audit closes" ctl audit
echo "# $(jq -c . done.json); $(wc -l <all) messages, $(jq -r 'select(.state == "open").id' all | wc -l) threats, $(wc -l <open.told) open"

# An orderly end, then damage.
restart() {
	end_pid "$daemon"
	daemon=
	start
}
as_it_was() { # nothing was told, and all goes on from the checkpoint
	ctl threat export >now && is '.checkpoint.journal.read == 0 and .threats.revived > 0' status || return
	# but for threats that ended meanwhile
	[ "$(head -n "$(wc -l <all)" now)" = "$(cat all)" ] &&
		tail -n +$(($(wc -l <all) + 1)) now | jq -se 'all(.state == "closed")'
}
expect "ended in an orderly way picketd starts" restart
expect "threats go on without a word" as_it_was
expect "and none is lost" nothing_lost
end_pid "$daemon"
daemon=
for i in 0 1; do
	[ -f "$run/state/checkpoint/$i" ] && printf 'X' | dd of="$run/state/checkpoint/$i" bs=1 seek=100 conv=notrunc 2>/dev/null
done
expect "with a damaged checkpoint picketd starts" start
expect "it is refused, and counted" is '.checkpoint.refused == 2' status
expect "with a sentence" grep -q "is not loaded: it is torn or damaged" "$run/log"
expect "the journal says what is open" nothing_lost
echo "1..$n"
[ $failed = 0 ]
