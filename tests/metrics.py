#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Metrics as Prometheus' own client reads them, for tests/netns_metrics.sh.

  metrics.py get URL                 its body; exit status 1 but for 200
  metrics.py code METHOD URL         the status code
  metrics.py check TEXT              every line is one; what it says of itself
  metrics.py status A TEXT B         each counter is between two statuses
  metrics.py audit AUDIT TEXT        both sides of the planes' identities
  metrics.py feeds TEXT NAME...      those, as labels say them
  metrics.py hold HOST PORT N        N connections, a byte each now and then
"""
import http.client
import json
import select
import socket
import sys
import urllib.parse

from prometheus_client.parser import text_string_to_metric_families

# Numbers of the status that are no metrics: names, places, states.
NONE = {"pid", "port", "ifindex", "workers", "uptime_s", "generation"}
LISTS = {
    "interfaces": ("interface", {"name": "iface"}),
    "ports": ("port", {"name": "port"}),
    "files": ("file", {"path": "path", "profile": "profile"}),
    "outputs": ("output", {"name": "output"}),
    "planes": ("plane", {"plane": "plane", "port": "port"}),
}
# They are of whoever asks.
MOVING = {("control", "open"), ("control", "pending")}
# Told otherwise, or once more with what was before a restart.
OTHERS = {"latency", "totals"}
KEYED = {"reasons": "reason", "errors": "code", "by_type": "type"}


def request(method, url):
    u = urllib.parse.urlsplit(url)
    c = http.client.HTTPConnection(u.hostname, u.port, timeout=20)
    c.request(method, u.path)
    r = c.getresponse()
    return r.status, r.read()


def read(path):
    """{name: {labels: value}}, names with _total and their like."""
    out = {}
    with open(path, encoding="utf-8", newline="") as f:
        for family in text_string_to_metric_families(f.read()):
            assert family.documentation, family.name
            assert family.type != "unknown", family.name
            for s in family.samples:
                at = out.setdefault(s.name, {})
                key = frozenset(s.labels.items())
                assert key not in at, (s.name, s.labels)
                at[key] = s.value
    return out


def walk(o, module, labels, out):
    """Every number of a status: (module, name, labels) -> value."""
    for key, v in o.items():
        if isinstance(v, bool) or v is None or isinstance(v, str):
            continue
        if isinstance(v, int):
            if key not in NONE:
                out[(module, key, frozenset(labels.items()))] = v
        elif isinstance(v, list) and key in LISTS:
            name, by = LISTS[key]
            for e in v:
                walk(e, name, {**labels, **{l: e[k] for k, l in by.items()}}, out)
        elif isinstance(v, dict) and key in KEYED:
            for k, n in v.items():
                out[(module, key, frozenset({**labels, KEYED[key]: k}.items()))] = n
        elif isinstance(v, dict) and key not in OTHERS:
            deeper = module if key == "counters" else f"{module}_{key}".strip("_")
            walk(v, deeper, labels, out)
    return out


def value_of(metrics, module, name, labels):
    base = f"picket_{module}" + ("" if name == "total" else f"_{name}")
    for n in (base + "_total", base):
        if labels in metrics.get(n, {}):
            return metrics[n][labels]
    return None


def status(before, text, after):
    a, b = (walk(json.load(open(p, encoding="utf-8")), "", {}, {}) for p in (before, after))
    metrics = read(text)
    bad = 0
    for key, low in a.items():
        got = value_of(metrics, *key)
        lo, hi = sorted((low, b.get(key, low)))
        # what is held or open now may have gone up and down in between
        gauge = f"picket_{key[0]}_{key[1]}_total" not in metrics
        if key[:2] in MOVING and got is not None:
            continue
        if got is None or (not lo <= got <= hi and not (gauge and lo != hi)):
            print("status", key[0], key[1], sorted(key[2]), lo, hi, "metric", got)
            bad = 1
    print(f"{len(a)} numbers")
    return bad or len(a) < 100


def side(metrics, terms, labels):
    total = 0
    for name in terms.split(" + "):
        if name == "reasons":
            total += sum(v for k, v in metrics["picket_plane_reasons_total"].items() if labels <= k)
            continue
        v = value_of(metrics, "plane", name, labels)
        if v is None:
            port = dict(labels)["port"]
            v = value_of(metrics, "port", name, frozenset({("port", port)}))
        if v is None:
            return None
        total += v
    return total


def audit(path, text):
    """The planes' identities, summed up from the metrics alone."""
    metrics = read(text)
    bad = checked = 0
    planes = {dict(k)["port"] or "xdp": k for k in metrics["picket_plane_up"]}
    for i in json.load(open(path, encoding="utf-8"))["identities"]:
        if i["plane"] not in planes:
            continue
        for which in ("left", "right"):
            got = side(metrics, i[which + "_terms"], planes[i["plane"]])
            if got != i[which]:
                print(i["name"], i["plane"], which, i[which], "metrics", got)
                bad = 1
            checked += 1
    print(checked, "sides")
    return bad or not checked


def feeds(text, names):
    told = {dict(k)["feed"] for k in read(text)["picket_feed_indicators"]}
    print(sorted(told))
    return set(names) != told


def hold(host, port, count):
    """Until all of them were closed by the other end; prints when they are."""
    held = [socket.create_connection((host, int(port))) for _ in range(int(count))]
    print("held", flush=True)
    while held:
        for s in list(held):
            try:
                s.send(b"G")
                if select.select([s], [], [], 0.01)[0] and not s.recv(1):
                    raise ConnectionResetError
            except OSError:
                s.close()
                held.remove(s)
    print("closed", flush=True)
    return 0


def main():
    do, args = sys.argv[1], sys.argv[2:]
    if do == "get":
        code, body = request("GET", args[0])
        sys.stdout.buffer.write(body)
        return code != 200
    if do == "code":
        print(request(*args)[0])
        return 0
    if do == "check":
        print(len(read(args[0])), "names")
        return 0
    if do == "feeds":
        return feeds(args[0], args[1:])
    return {"status": status, "audit": audit, "hold": hold}[do](*args)


sys.exit(main())
