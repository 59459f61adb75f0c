#!/bin/bash
# Metrics of a running daemon (tests/netns_ioc_rig): read by Prometheus' own
# parser and by promtool, beside what status and audit say; feeds with hostile
# names; clients that dawdle. Needs root; prints TAP lines.
set -u
# shellcheck source=tests/netns_ioc_rig
. "$(dirname "$0")/netns_ioc_rig"
url=http://127.0.0.1:9779
py=/usr/bin/python3

metrics() { timeout 30 "${in_lab[@]}" $py "$tests/metrics.py" "$@"; }
scrape() { metrics get $url/metrics >text; }
answers() { # CODE METHOD PATH
	[ "$(metrics code "$2" $url"$3" | tee code)" = "$1" ]
}
quiet_port() { ! "${in_lab[@]}" ss -Hltn 'sport = 9779' | grep .; }
refused() { # LISTEN TEXT
	configure "\"metrics\": { \"listen\": \"$1\" }"
	"$build/picketd" -c "$run/picket.json" >said 2>&1
	echo $?
	cat said
	grep -qF "$2" said && grep -q 'picket.json:[0-9]*: "metrics.listen"' said
}

$py -c 'import prometheus_client.parser' 2>/dev/null || {
	echo "1..0 # SKIP prometheus_client is missing"
	exit 77
}
# --- off, or off the host ------------------------------------------------------
expect "without a configuration nobody listens" quiet_port
end_pid "$daemon"
daemon=
expect "an address that others reach is refused" refused 0.0.0.0:9779 "no authentication"
expect "so is one of this host's" refused 192.0.2.2:9779 "no authentication"
expect "a port alone is no address" refused 9779 "an address and a port"

# --- what it says --------------------------------------------------------------
for name in sensor puller; do
	"$build/picketctl" key gen --out "$dir" --name $name >keys 2>&1
done
echo "$(grep -v '^# ' "$dir/puller.public") puller pull" >"$run/clients"
outputs="\"bus\": { \"curve\": { \"secret\": \"$dir/sensor.secret\", \"clients\": \"$run/clients\" } },
	\"outputs\": [{ \"name\": \"siem\", \"endpoint\": \"tcp://127.0.0.1:9781\", \"pattern\": \"push\" },
		{ \"name\": \"all\", \"endpoint\": \"ipc://$run/d/all\", \"pattern\": \"pub\" }]"
configure "${port:+$port, }$outputs, \"metrics\": { \"listen\": \"127.0.0.1:9779\" }"
expect "picketd starts" start
expect "it is well" answers 200 GET /healthz
expect "another path is not found" answers 404 GET /
expect "another method is not served" answers 405 POST /metrics
echo 20.0.0.1 >listed
expect "an indicator is loaded" ctl ioc load "$dir/listed" --feed listed
has_told() { ctl threat export | grep -q '"value":"20.0.0.1"'; }
tell() { send 3 20.0.0.1/17 >/dev/null && await 10 has_told; }
expect "it is hit, and a threat told" tell
newer() { # the text, than the first status
	scrape && [ "$(awk '$1 == "picket_control_requests_total" { print $2 }' text)" -ge "$(jq .control.requests before)" ]
}
around() {
	ctl -j status >before && await 10 newer && ctl -j status >after
}
expect "metrics are read between two statuses" around
expect "each line is one for Prometheus' parser" metrics check text
expect "each number of the status is a metric, and the same" metrics status before text after
audited() { ctl -j audit >audit && scrape && metrics audit audit text; }
expect "the identities of the planes hold in metrics alone" await 20 audited
has() { grep -qE "^$1" text; }
expect "how long the threat took is told" has 'picket_latency_seconds_count\{stage="total",record="(hit|flow)"\} [1-9]'
expect "so does the status" is '.latency.read_hit.count > 0 and .latency.total_hit.p99_us >= .latency.total_hit.p50_us' status
in_words() { ctl status | tee said | grep -q '^total_'; }
expect "and its table" in_words

# --- promtool -------------------------------------------------------------------
promtool=${PK_PROMTOOL:-$(command -v promtool)}
lints() { "$promtool" check metrics <text; }
if [ -n "$promtool" ]; then
	expect "promtool finds nothing to say" lints
else
	n=$((n + 1))
	echo "ok $n - promtool finds nothing to say # SKIP promtool is missing"
fi

# --- names of feeds ----------------------------------------------------------------
hostile=('a"b' 'back\slash' '} 1' $'\xe2\x80\xae' 'x",feed="y' '# TYPE x' '\"' 'end\')
clean=('a"b' 'back\slash' '} 1' '\xe2\x80\xae' 'x",feed="y' '# TYPE x' '\"' 'end\')
load_all() {
	local i
	for i in "${!hostile[@]}"; do
		echo "20.1.0.$i" >value
		ctl ioc load "$dir/value" --feed "${hostile[i]}" || return
	done
}
all_feeds() { scrape && metrics feeds text listed "${clean[@]}"; }
expect "a line feed is in no name" fails 2 "name" ioc load "$dir/listed" --feed $'a\nb'
expect "feeds with hostile names are loaded" load_all
expect "they are labels, and nothing else" await 5 all_feeds
[ -z "$promtool" ] || expect "promtool still finds nothing to say" lints

# --- clients that dawdle -------------------------------------------------------------
fds() { find "/proc/$(pgrep -P "$daemon" -x picketd)/fd" -mindepth 1 | wc -l; }
at_first=$(fds)
metrics hold 127.0.0.1 9779 60 >held 2>&1 &
holder=$!
holds() { grep -q held held; }
expect "60 clients connect and dawdle" await 10 holds
bounded() { echo "$at_first $(fds)"; [ "$(fds)" -le $((at_first + 17)) ]; }
expect "only so many are let in" bounded
expect "the daemon answers meanwhile" ctl status
expect "all of them are cut off" wait $holder
expect "and others are served again" await 20 scrape
few() { bounded && [ "$(fds)" -le $((at_first + 1)) ]; }
expect "nothing is left of them" await 10 few
expect "the audit closes" ctl audit
echo "1..$n"
[ $failed = 0 ]
