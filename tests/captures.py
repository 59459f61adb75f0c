#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""picket's decoder and tshark over captures: the same, or listed one by one.

captures.py SHARED DECODE [--few N] [--bend] [--write FILE]

DECODE (tests/decode.c) says what picket sees in each frame of the captures in
SHARED/captures, tests/oracle.py what tshark sees, by the rules written there.
Compared for each frame: address pairs, outer protocols and ports, protocol,
ports (type and code of ICMP), VLAN, bytes, DNS question, Community ID; for
each capture: packets, conversations, tshark's streams, the facts that
facts.jsonl has of it and the results of its own project in expected/.

What differs must stand in tests/captures.differences: capture, frame, field,
what picket says, what tshark says, and the section of the standard that
settles it. Entries of a field are at most a hundredth of its values; one that
no longer differs is a failure. --few N takes about N captures; --write FILE
writes all differences found as such lines. Prints TAP.
"""
import collections
import concurrent.futures
import ipaddress
import json
import os
import re
import subprocess
import sys
import tempfile

import expected
import oracle

HERE = os.path.dirname(os.path.abspath(__file__))
FIELDS = ['packets', 'addresses', 'outer', 'protocol', 'ports', 'vlan', 'bytes',
          'name', 'community', 'flows', 'streams']
FRAME_FIELDS = FIELDS[1:-2]
REFERENCE = re.compile(r'^(RFC \d+ \d|IEEE 802\.\S+ \d|3GPP TS [\d.]+ \d)')
MOST = 100  # one entry of so many values


# --- what picket says ---------------------------------------------------------

def decode(program, paths, bend):
    """Path to (what the file is, its packets, how it ended)."""
    with tempfile.TemporaryFile() as out:
        run = subprocess.run([program, *(['--bend'] if bend else []), *paths],
                             stdin=subprocess.DEVNULL, stdout=out,
                             stderr=subprocess.PIPE, check=False)
        out.seek(0)
        lines = out.read().decode('utf-8', 'backslashreplace').split('\n')
    files, packets = {}, []
    for line in lines[:-1]:
        row = json.loads(line)
        if 'n' in row:
            packets.append(row)
        elif 'type' in row or 'refused' in row:
            packets = []
            files[row['file']] = [row, packets, None]
        else:
            files[row['file']][2] = row
    return files, run.returncode, run.stderr.decode('utf-8', 'replace').strip()


def wire_text(wire):
    """A name in wire form as tshark prints it."""
    labels, at = [], 0
    while wire[at]:
        labels.append(wire[at + 1:at + 1 + wire[at]])
        at += 1 + wire[at]
    return '.'.join(''.join(chr(c) if 32 <= c < 127 else '\\%03o' % c
                            for c in label) for label in labels) or '<Root>'


def seen_by_picket(p):
    """Field to text, of a packet that decode printed."""
    pairs = p.get('pairs', [])
    v = dict.fromkeys(FRAME_FIELDS, '')
    v['addresses'] = ' '.join('%s>%s' % (a[0], a[1]) for a in pairs)
    v['vlan'] = str(p['vlan']) if p.get('vlan') else ''
    if 'bytes' not in p:
        return v
    v['outer'] = ' '.join('%d/%d/%d' % tuple(a[2:]) for a in pairs[:-1])
    _, _, proto, sport, dport = pairs[-1]
    v['protocol'] = str(proto)
    if p['layers'] & 2:
        v['ports'] = '%d/%d' % (sport, p['code'] if proto in (1, 58) else dport)
    v['bytes'] = str(p['bytes'])
    if p['layers'] & 2 or proto not in oracle.WITH_PORTS:
        v['community'] = p['community']
    if 'name' in p:
        v['name'] = wire_text(bytes.fromhex(p['name'])).lower()
    return v


# --- what tshark says ---------------------------------------------------------

def address(text):
    return str(ipaddress.ip_address(text))


def seen_by_tshark(f):
    v = dict.fromkeys(FRAME_FIELDS, '')
    v['vlan'] = str(f.vlan) if f.vlan else ''
    v['addresses'] = ' '.join('%s>%s' % (address(x.src), address(x.dst))
                              for x in f.layers)
    if not f.layers:
        return v
    v['outer'] = ' '.join('%d/%d/%d' % (x.proto, *(x.ports or (0, 0)))
                          for x in f.layers[:-1])
    last = f.layers[-1]
    v['protocol'] = str(last.proto)
    if last.ports:
        v['ports'] = '%d/%d' % last.ports
    v['bytes'] = str(last.bytes)
    v['community'] = f.community
    v['name'] = (f.question or '').lower()
    return v


# --- the list -----------------------------------------------------------------

class Listed:
    """tests/captures.differences."""

    def __init__(self, path):
        self.rows, self.bad, self.used = {}, [], set()
        with open(path, encoding='utf-8') as f:
            for n, line in enumerate(f, 1):
                if line.startswith('#') or not line.strip():
                    continue
                part = line.rstrip('\n').split('\t')
                if len(part) != 6 or not REFERENCE.match(part[5]) or \
                        part[2] not in FIELDS or not part[1].isdigit():
                    self.bad.append('line %d: %s' % (n, line.strip()[:120]))
                else:
                    self.rows[tuple(part[:3])] = tuple(part[3:5])

    def has(self, key, values):
        if self.rows.get(key) != values:
            return False
        self.used.add(key)
        return True


class Tally:
    """Agreement by field."""

    def __init__(self, listed, write):
        self.listed, self.write = listed, write
        self.same = collections.Counter()
        self.explained = collections.Counter()
        self.rules = collections.Counter()
        self.wrong = []

    def compare(self, name, frame, field, picket, tshark):
        """False when they differ, listed or not."""
        if picket == tshark:
            self.same[field] += 1
            return True
        key = (name, str(frame), field)
        if self.listed.has(key, (picket, tshark)):
            self.explained[field] += 1
            return False
        self.wrong.append((*key, picket, tshark))
        if self.write:
            self.write.write('\t'.join((*key, picket, tshark, '?')) + '\n')
        return False

    def share(self, field):
        all_of = self.same[field] + self.explained[field]
        return 100.0 * self.same[field] / all_of if all_of else 100.0


# --- one capture --------------------------------------------------------------

def conversation(layers_last, ports):
    """Both directions of a flow have the same one."""
    src, dst, proto = layers_last
    return (proto, *sorted([(src, ports[0]), (dst, ports[1])]))


def compare_frame(tally, name, p, f):
    """True if nothing differs, not even as listed."""
    a, b = seen_by_picket(p), seen_by_tshark(f)
    good = True
    for field in FRAME_FIELDS:
        if a[field] or b[field]:
            good &= tally.compare(name, p['n'], field, a[field], b[field])
    return good


def flow_of_picket(p):
    if not p.get('layers', 0) & 1:
        return None
    src, dst, proto, sport, dport = p['pairs'][-1]
    if not p['layers'] & 2 or proto in (1, 58):
        sport = dport = 0
    return conversation((src, dst, proto), (sport, dport))


def flow_of_tshark(f):
    if not f.layers:
        return None
    x = f.layers[-1]
    ports = x.ports if x.ports and x.proto not in (1, 58) else (0, 0)
    return conversation((address(x.src), address(x.dst), x.proto), ports)


def stream_of(f):
    """tshark's number of the conversation, or None."""
    for name in ('tcp', 'udp'):
        i = f.at[name + '.srcport'] - 1
        if f.end_at == name and f.layers and f.layers[-1].ports and \
                i < len(f.row[name + '.stream']):
            return name, f.row[name + '.stream'][i]
    return None


def compare_streams(tally, name, streams):
    """A stream of tshark is one conversation; one of UDP is a whole one."""
    of = collections.defaultdict(set)
    for (kind, _), flows in streams.items():
        for flow in flows:
            of[kind, flow].add(1)
    for (kind, number), flows in streams.items():
        tally.compare(name, 0, 'streams', '%s %s: %d' % (kind, number, len(flows)),
                      '%s %s: 1' % (kind, number))
    whole = collections.Counter(flow for (kind, _), flows in streams.items()
                                if kind == 'udp' for flow in flows)
    for flow, n in whole.items():
        if n > 1:
            tally.compare(name, 0, 'streams', '1', '%d of %s' % (n, flow))


def compare_capture(tally, name, packets, rows):
    flows, streams = (set(), set()), collections.defaultdict(set)
    tally.compare(name, 0, 'packets', str(len(packets)), str(len(rows)))
    frames = []
    for p, row in zip(packets, rows):
        f = oracle.Frame(row)
        if p['link'] != 'OK':
            tally.rules['R5 ' + p['link']] += 1
            continue
        if f.rule:
            tally.rules[f.rule] += 1
        if not compare_frame(tally, name, p, f):
            continue
        frames.append(p)
        for i, flow in enumerate((flow_of_picket(p), flow_of_tshark(f))):
            if flow:
                flows[i].add(flow)
        stream = stream_of(f)
        if stream:
            streams[stream].add(flow_of_picket(p))
    for flow in flows[0] | flows[1]:
        tally.compare(name, 0, 'flows', str(flow) if flow in flows[0] else '',
                      str(flow) if flow in flows[1] else '')
    compare_streams(tally, name, streams)
    return frames
