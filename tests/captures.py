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

LIST = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'captures.differences')
FRAME_FIELDS = ['addresses', 'outer', 'protocol', 'ports', 'vlan', 'bytes',
                'name', 'community']
FIELDS = ['packets', *FRAME_FIELDS, 'flows', 'streams', 'facts', 'expected',
          'meter']
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
        self.rows, self.bad, self.used = set(), [], set()
        with open(path, encoding='utf-8') as f:
            for n, line in enumerate(f, 1):
                if line.startswith('#') or not line.strip():
                    continue
                part = line.rstrip('\n').split('\t')
                if len(part) != 6 or not REFERENCE.match(part[5]) or \
                        part[2] not in FIELDS or not part[1].isdigit() or \
                        part[3] == part[4] or tuple(part[:5]) in self.rows:
                    self.bad.append('line %d: %s' % (n, line.strip()[:120]))
                else:
                    self.rows.add(tuple(part[:5]))

    def has(self, entry):
        if entry in self.rows:
            self.used.add(entry)
        return entry in self.rows

    def stale(self, names, fields):
        """Entries of captures and fields compared that no longer differ."""
        return sorted(r for r in self.rows - self.used
                      if r[0] in names and r[2] in fields)


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
        entry = (name, str(frame), field, picket, tshark)
        if self.listed.has(entry):
            self.explained[field] += 1
            return False
        self.wrong.append(entry)
        if self.write:
            self.write.write('\t'.join((*entry, '?')) + '\n')
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


def compare_frames(tally, name, packets, rows):
    """The pairs of (what picket and what tshark saw) that do not differ."""
    same = []
    for p, row in zip(packets, rows):
        f = oracle.Frame(row)
        if p['link'] != 'OK':
            tally.rules['R8 %s: no frame' % p['link']] += 1
            continue
        if f.rule:
            tally.rules[f.rule] += 1
        if f.computed:
            tally.rules['R6'] += 1
        if compare_frame(tally, name, p, f):
            same.append((p, f))
    return same


def compare_flows(tally, name, same):
    flows, streams = (set(), set()), collections.defaultdict(set)
    for p, f in same:
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


def names_of_facts(same, dns):
    """Questions and how often, where R4 lets all of them be compared."""
    if not dns or any(f.row['dns.qry.name'] and (
            f.question is None or len(f.row['dns.qry.name']) > 1) for _, f in same):
        return []
    names = collections.Counter(seen_by_picket(p)['name'] for p, _ in same)
    names.pop('', None)
    return [('names', len(names), dns['unique_qnames'])] + \
        [('name ' + n, names[n.lower()], count) for n, count in dns['qnames']]


def compare_facts(tally, name, fact, packets, blocks, same):
    """Where no rule set anything aside, facts.jsonl has the same numbers."""
    facts = fact['tshark']
    tally.compare(name, 0, 'facts', 'packets %d' % (len(packets) + blocks),
                  'packets %d' % facts['frames'])
    frames = [f for _, f in same]
    if len(frames) < len(packets) or any(f.rule or f.computed or f.apart
                                         for f in frames):
        tally.rules['facts of a capture with other rules'] += 1
        return
    tally.rules['facts of a capture without other rules'] += 1
    ips, ids = collections.Counter(), collections.Counter()
    protos = collections.Counter()
    for p, _ in same:
        ips.update({a for pair in p['pairs'] for a in pair[:2]})
        v = seen_by_picket(p)
        ids[v['community']] += 1
        protos.update({str(pair[2]) for pair in p['pairs'][:-1]} |
                      ({v['protocol']} if v['ports'] else set()))
    ids.pop('', None)
    check = [('addresses', len(ips), facts['unique_ips']),
             ('tcp', protos['6'], facts.get('tcp_packets', 0)),
             ('udp', protos['17'], facts.get('udp_packets', 0)),
             ('ids', len(ids), facts.get('community_id_unique', 0))]
    check += [(a, ips[address(a)], n) for a, n in facts['top_ips']]
    check += [(i, ids[i], n) for i, n in facts.get('community_ids', [])]
    check += names_of_facts(same, facts.get('dns'))
    for what, mine, theirs in check:
        tally.compare(name, 0, 'facts', '%s %d' % (what, mine),
                      '%s %d' % (what, theirs))


class Found:
    """What claims are compared with, of picket or of tshark."""

    def __init__(self):
        self.flows, self.names, self.ids = set(), set(), set()
        self.pairs, self.outer = set(), {}

    def add(self, number, pairs, name, identity):
        for src, dst, proto, sport, dport in pairs:
            for ports in ((sport, dport), (0, 0)):
                if proto not in (6, 17) or ports == (sport, dport):
                    self.flows.add(conversation((src, dst, proto), ports))
            self.pairs.add(tuple(sorted((src, dst))))
        if pairs:
            self.outer[number] = '%s>%s' % tuple(pairs[0][:2])
            last = pairs[-1]
            ports = tuple(last[3:]) if last[2] not in (1, 58) else (0, 0)
            self.ids.add((conversation(last[:3], ports), identity))
        self.names.add(name)

    def has(self, kind, claim):
        if kind == 'tcpdump':
            return self.outer.get(claim[0]) == claim[1]
        return claim in {'name': self.names, 'baseline': self.ids,
                         'pair': self.pairs}.get(kind, self.flows)


def compare_expected(tally, name, claims, packets, frames):
    """R9: a claim that tshark does not support either is only counted."""
    mine, theirs = Found(), Found()
    for p, f in zip(packets, frames):
        mine.add(p['n'], p.get('pairs', []), seen_by_picket(p)['name'],
                 p.get('community'))
        theirs.add(p['n'], [(address(x.src), address(x.dst), x.proto,
                             *(x.ports or (0, 0))) for x in f.layers],
                   (f.question or '').lower(), f.community)
    for kind, claim in claims:
        if not mine.has(kind, claim) and not theirs.has(kind, claim):
            tally.rules['R9'] += 1
            print('# R9 %s: %s %s' % (name, kind, claim))
            continue
        tally.compare(name, 0, 'expected',
                      kind if mine.has(kind, claim) else 'none',
                      kind if mine.has(kind, claim) else '%s %s' % (kind, claim))


def compare_capture(tally, name, packets, answer, fact, claims):
    rows, blocks = answer
    same = compare_frames(tally, name, packets, rows)
    compare_flows(tally, name, same)
    if len(packets) == len(rows):
        compare_facts(tally, name, fact, packets, blocks, same)
        compare_expected(tally, name, claims, packets,
                         [oracle.Frame(row) for row in rows])


# --- the whole -------------------------------------------------------------------

class Tap:
    def __init__(self):
        self.count = self.failed = 0

    def row(self, good, text, why=()):
        self.count += 1
        self.failed += not good
        print('%sok %d - %s' % ('' if good else 'not ', self.count, text))
        for line in why:
            print('#   ' + line)

    def end(self):
        print('1..%d' % self.count)
        return 1 if self.failed or not self.count else 0


def report(tap, tally, names, fields, entire):
    """The rows about the list, and about the share of exact agreement."""
    listed = tally.listed
    for rule, n in sorted(tally.rules.items()):
        print('# rule %s: %d' % (rule, n))
    for field in fields:
        same, listed_here = tally.same[field], tally.explained[field]
        total = same + listed_here
        wrong = [w for w in tally.wrong if w[2] == field]
        text = '%s: %d values agree, %d listed: %.4f %%' % (
            field, same, listed_here, tally.share(field))
        # Of a few captures a share says nothing.
        good = not wrong and (not entire or listed_here * MOST <= total)
        if total or wrong or entire:
            tap.row(good and (total > 0 or not entire), text,
                    ['\t'.join(w) for w in wrong[:20]])
    stale = listed.stale(names, fields)
    tap.row(not stale, 'every entry of the list still differs',
            ['\t'.join(r) for r in stale[:20]])
    tap.row(not listed.bad, 'every entry names file, frame, field, both values and a section',
            listed.bad)


def captures_of(shared, few):
    """(name, path, facts); a spread of @few, the same each time."""
    facts = []
    with open(os.path.join(shared, 'captures/facts.jsonl'), encoding='utf-8') as f:
        facts = [json.loads(line) for line in f]
    facts.sort(key=lambda r: r['path'])
    if few:
        facts = [r for r in facts if r['tshark']['frames'] < 2000]
        facts = facts[::max(1, len(facts) // few)]
    return [(r['path'].partition('/')[2], os.path.join(shared, r['path']), r)
            for r in facts]


def take(tally, shared, chosen, files):
    """Compare all; a capture that is not read whole must say why."""
    silent = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        asked = [(c, pool.submit(oracle.tshark, c[1])) for c in chosen]
        for (name, path, fact), answer in asked:
            answer = answer.result()
            head, packets, end = files.get(path, ({}, [], None))
            missing = len(answer[0]) - len(packets)
            if missing:
                tally.rules['R7'] += abs(missing)
                if not head.get('refused') and not (end or {}).get('error'):
                    silent.append('%s: %d packets too few' % (name, missing))
            else:
                tally.same['packets'] += len(packets)
            compare_capture(tally, name, packets, answer, fact,
                            expected.claims(shared, fact))
    return silent


def options_of(words):
    """How many captures (0: all), and where to write the differences."""
    few = int(words[words.index('--few') + 1]) if '--few' in words else 0
    write = words[words.index('--write') + 1] if '--write' in words else None
    return few, write


def main(argv):
    shared, program = argv[1:3]
    few, write = options_of(argv[3:])
    chosen = captures_of(shared, few)
    tap = Tap()
    paths = [path for _, path, _ in chosen]
    bench = os.path.join(shared, 'captures/bench')
    if not few and os.path.isdir(bench):
        paths += [os.path.join(bench, n) for n in sorted(os.listdir(bench))]
    files, status, said = decode(program, paths, '--bend' in argv)
    tap.row(status == 0 and len(files) == len(paths),
            'every frame, head and bent byte is decoded within bounds: ' +
            said.split('\n')[-1], said.split('\n')[-5:] if status else ())
    with open(write or os.devnull, 'w', encoding='utf-8') as out:
        tally = Tally(Listed(LIST), out)
        silent = take(tally, shared, chosen, files)
    tap.row(not silent, '%d captures are read whole, or it is said why not' % len(chosen), silent)
    report(tap, tally, {c[0] for c in chosen}, FIELDS[:-1], not few)
    return tap.end()


if __name__ == '__main__':
    sys.exit(main(sys.argv))
