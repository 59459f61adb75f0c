#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Published feeds, sampled: what is listed matches, what stands beside is silent.

feeds.py FEEDS-DIR BUILD PLANE: for each feed 200 values drawn from what this
program itself reads in the file (never from what picket says), put into
crafted packets (addresses, prefixes, address and port: SYNs; names: DNS
questions) or, where no decoder sees the type yet, into look-ups of the built
image (tests/look_up); and up to 200 neighbours that this program knows not to
be listed: next address, other port, sibling name, longer name, longer URL.
Prints TAP. The samples are drawn with a fixed seed.
"""
import ipaddress
import json
import os
import random
import re
import struct
import subprocess
import sys
import tempfile

SAMPLES = 200
LABEL = r'(?!-)[a-z0-9_-]{1,63}(?<!-)'
NAME = re.compile(r'^(?:%s\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{1,59})$' % LABEL)
PATTERN = re.compile(r"^\[\s*([a-z0-9-]+):([^=\s]+)\s*=\s*'((?:[^'\\]|\\.)*)'\s*\]$")
HASH = re.compile(r'^[0-9a-f]+$')


class Listed:
    """What a file lists, by kind, as this program reads it."""

    def __init__(self):
        self.addr, self.net, self.port = set(), set(), set()
        self.name, self.value = set(), set()

    def text(self, t):
        t = t.strip()
        m = re.match(r'^(\d+\.\d+\.\d+\.\d+):(\d+)$', t)
        if m and 0 < int(m[2]) < 65535:
            self.port.add((ipaddress.ip_address(m[1]), int(m[2])))
        elif re.match(r'^[0-9a-f:.]+/\d+$', t, re.I):
            net = ipaddress.ip_network(t, strict=False)
            if net.num_addresses == 1:
                self.addr.add(net[0])
            else:
                self.net.add(net)
        elif re.match(r'^(\d+\.){3}\d+$', t) or t.count(':') > 1:
            self.addr.add(ipaddress.ip_address(t))
        elif NAME.match(t.lower().strip('.')) or re.match(r'^\.[a-z]+$', t):
            self.name.add(t.lower().strip('.'))
        elif '/' in t[1:] and t[0] != '/':  # a path alone has no host
            self.value.add(('url', t))

    def covered(self, name):
        labels = name.split('.')
        return any('.'.join(labels[i:]) in self.name for i in range(len(labels)))

    def has(self, a):
        return a in self.addr or any(a in n for n in self.net)


# A table without a heading: what its columns are, its reader must be told.
PANELS = {'name': 'panels', 'for': 'table', 'header': 'none', 'columns': ['url', 'seen', 'hash'],
          'fields': {'value': 'url', 'type': {'is': 'url'}, 'first_seen': 'seen'}}


def read_lines(path, listed):
    for line in open(path, encoding='utf-8', errors='replace'):
        line = line.strip()
        if not line or line[0] in '#!;':
            continue
        hosts = re.match(r'^(?:0\.0\.0\.0|127\.0\.0\.1)\s+(\S+)', line)
        rule = re.match(r'^\|\|([^/^|]+)\^$', line) or \
            re.match(r'^(?:server|address|local)=/([^/]+)/', line)
        try:
            row = re.match(r'^(\S+),\d{4}-\d\d-\d\d ', line)  # URL, date, ...
            listed.text((hosts or rule or row)[1] if hosts or rule or row
                        else re.split(r'\s', line)[0])
        except ValueError:
            pass


def read_stix(path, listed):
    paths = {'domain-name': 'name', 'url': 'url'}
    document = json.load(open(path))
    for o in document if isinstance(document, list) else document['objects']:
        m = PATTERN.match(o.get('pattern', '')) if o.get('type') == 'indicator' else None
        if not m or o.get('revoked'):
            continue
        kind, prop, value = m[1], m[2], re.sub(r'\\(.)', r'\1', m[3])
        try:
            if kind in ('ipv4-addr', 'ipv6-addr') and prop == 'value':
                listed.text(value)
            elif kind in paths and prop == 'value' and (kind == 'url') == ('/' in value):
                listed.text(value)
            elif kind == 'file' and prop.startswith('hashes') and HASH.match(value.lower()) \
                    and len(value) in (32, 40, 64):
                listed.value.add(('file', value.lower()))
            elif kind == 'email-addr' and prop == 'value':
                listed.value.add(('email-addr', value.lower()))
        except ValueError:
            pass


def attributes(node):
    """Every object below an "Attribute" key, wherever the event stands."""
    if isinstance(node, list):
        for x in node:
            yield from attributes(x)
    elif isinstance(node, dict):
        for key, x in node.items():
            if key == 'Attribute':
                yield from x
            elif key != 'ShadowAttribute':
                yield from attributes(x)


def read_misp(path, listed):
    for a in attributes(json.load(open(path))):
        if not isinstance(a, dict) or not a.get('to_ids') or a.get('deleted'):
            continue
        kind, value = a['type'], a['value']
        try:
            if kind in ('ip-src', 'ip-dst', 'domain', 'hostname', 'url'):
                listed.text(value)
            elif kind in ('md5', 'sha1', 'sha256'):
                listed.value.add(('file', value.lower()))
        except ValueError:
            pass


def read_ja3(path, listed):
    for line in open(path):
        m = re.match(r'^"?([0-9a-f]{32})"?,', line)
        if m:
            listed.value.add(('ja3', m[1]))


# --- packets -------------------------------------------------------------------

def ip_packet(dst, payload, proto):
    if dst.version == 4:
        head = struct.pack('>BBHHHBBH4s4s', 0x45, 0, 20 + len(payload), 1, 0, 64, proto, 0,
                           bytes([10, 9, 8, 7]), dst.packed)
        return b'\x02' * 12 + b'\x08\x00' + head + payload
    src = ipaddress.ip_address('fd00::7').packed
    head = struct.pack('>IHBB', 0x60000000, len(payload), proto, 64) + src + dst.packed
    return b'\x02' * 12 + b'\x86\xdd' + head + payload


def syn(dst, port, number):
    tcp = struct.pack('>HHIIBBHHH', 1024 + number, port, 1, 0, 0x50, 2, 1024, 0, 0)
    return ip_packet(dst, tcp, 6)


def question(name, number):
    wire = b''.join(bytes([len(x)]) + x.encode() for x in name.split('.')) + b'\0'
    dns = struct.pack('>HHHHHH', number, 0x100, 1, 0, 0, 0) + wire + b'\0\1\0\1'
    udp = struct.pack('>HHHH', 1024 + number, 53, 8 + len(dns), 0) + dns
    return ip_packet(ipaddress.ip_address('10.9.8.6'), udp, 17)


def write_pcap(path, frames):
    with open(path, 'wb') as f:
        f.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for i, frame in enumerate(frames):
            f.write(struct.pack('<IIII', 1700000000 + i // 1000, i % 1000 * 1000,
                                len(frame), len(frame)) + frame)


# --- samples --------------------------------------------------------------------

def beside(a):
    other = ipaddress.ip_address(int(a) ^ 1) if int(a) & 1 else a + 1
    return other


def sample_addresses(listed, rng):
    yes, no = [], []
    for a in pick(listed.addr, rng):
        yes.append((a, 443))
        no.append((beside(a), 443))
    for n in pick(listed.net, rng):
        yes.append((n[rng.randrange(n.num_addresses)], 443))
        for edge in (n[0] - 1 if int(n[0]) else n[0], n[-1]):
            no.append((edge if edge != n[-1] else n[-1] + 1, 443))
    for a, p in pick(listed.port, rng):
        yes.append((a, p))
        no += [(a, p ^ 1), (beside(a), p)]
    no = [(a, p) for a, p in no if not listed.has(a) and (a, p) not in listed.port]
    return yes, no


def sample_names(listed, rng):
    yes, no = [], []
    for n in pick(listed.name, rng):
        yes += [n, 'zq.' + n]
        first, _, rest = n.partition('.')
        no += [('zq' + first)[:63] + '.' + rest, n + 'zq', n + '.zq']
    fits = lambda n: len(n) < 250 and all(len(x) < 64 for x in n.split('.'))
    return [n for n in yes if fits(n)], [n for n in no if fits(n) and not listed.covered(n)]


def pick(values, rng):
    values = sorted(values, key=str)
    return rng.sample(values, min(SAMPLES, len(values)))


class Run:
    def __init__(self, build, plane, folder):
        self.build, self.plane, self.folder = build, plane, folder
        self.number = 0

    def check(self, name, problem):
        self.number += 1
        print('%sok %d - %s' % ('not ' if problem else '', self.number, name))
        if problem:
            print('# ' + problem)

    def format(self, feed):
        if 'keybase_panels' not in feed:
            return 'auto'
        path = os.path.join(self.folder, 'panels.json')
        with open(path, 'w') as f:
            json.dump(PANELS, f)
        return path

    def hits(self, feed, frames):
        pcap = os.path.join(self.folder, 'x.pcap')
        write_pcap(pcap, frames)
        out = subprocess.run([self.build + '/picket-replay', '--plane', self.plane, '--records',
                              '--refang', '--ioc', feed + ',' + self.format(feed), pcap],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, timeout=120)
        if out.returncode not in (0, 5):
            raise RuntimeError('picket-replay: status %d' % out.returncode)
        found = set()
        for line in out.stdout.splitlines():
            record = json.loads(line)
            if record.get('record') == 'hit':
                found.add(record['frame'])
        return found

    def packets(self, feed, listed, rng):
        a_yes, a_no = sample_addresses(listed, rng)
        n_yes, n_no = sample_names(listed, rng)
        a_no, n_no = a_no[:2 * SAMPLES], n_no[:2 * SAMPLES]
        wanted = a_yes + n_yes
        frames = [syn(*v, i) if isinstance(v, tuple) else question(v, i)
                  for i, v in enumerate(wanted + a_no + n_no)]
        if not frames:
            return
        found = self.hits(feed, frames)
        missed = [v for i, v in enumerate(wanted) if i + 1 not in found]
        false = [v for i, v in enumerate(a_no + n_no) if i + 1 + len(wanted) in found]
        base = os.path.basename(feed)
        self.check('%s: %d of what it lists hit' % (base, len(wanted)),
                   missed and '%d silent: %s' % (len(missed), missed[:5]))
        self.check('%s: %d neighbours are silent' % (base, len(a_no) + len(n_no)),
                   false and '%d hit: %s' % (len(false), false[:5]))

    def values(self, feed, listed, rng):
        wanted = pick(listed.value, rng)
        if not wanted:
            return
        other = [(t, v[:-1] + ('0' if v[-1] != '0' else '1') if t != 'url' else v + 'zq')
                 for t, v in wanted]
        other = [v for v in other if v not in listed.value]
        text = ''.join('%s\t%s\n' % v for v in wanted + other)
        out = subprocess.run([self.build + '/tests/look_up', feed, self.format(feed)], input=text.encode(),
                             stdout=subprocess.PIPE, timeout=120, check=True)
        found = out.stdout.decode().split()
        missed = [v for v, f in zip(wanted, found) if f != '1']
        false = [v for v, f in zip(other, found[len(wanted):]) if f != '0']
        base = os.path.basename(feed)
        self.check('%s: %d values found' % (base, len(wanted)),
                   missed and '%d not: %s' % (len(missed), missed[:5]))
        self.check('%s: %d neighbours not' % (base, len(other)),
                   false and '%d are: %s' % (len(false), false[:5]))


READERS = {'ip': read_lines, 'domain': read_lines, 'mixed-trails': read_lines,
           'url-and-mixed': read_lines, 'stix': read_stix, 'misp': read_misp, 'ja3': read_ja3}


def main():
    feeds, build, plane = sys.argv[1:4]
    only = sys.argv[4:]
    with tempfile.TemporaryDirectory(prefix='picket-feeds-') as folder:
        run = Run(build, plane, folder)
        for kind in sorted(READERS):
            for file in sorted(os.listdir(os.path.join(feeds, kind))):
                if only and not any(o in file for o in only):
                    continue
                path = os.path.join(feeds, kind, file)
                listed = Listed()
                READERS[kind](path, listed)
                rng = random.Random(20260101)
                run.packets(path, listed, rng)
                run.values(path, listed, rng)
        print('1..%d' % run.number)


main()
