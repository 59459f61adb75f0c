# SPDX-License-Identifier: BSD-2-Clause
"""What other projects say of their own captures, as claims about flows.

Read are the files of captures/expected/ that facts.jsonl names for a capture.
A claim is (kind, what must be found): for Zeek's logs and Arkime's sessions
a conversation, which may be that of a tunnel or of what it carries, or a pair
of addresses where no protocol is told; for Zeek's dns.log a question; for
tcpdump's output the outermost addresses of a packet; for the reference of
Community ID an ID of a conversation.
"""
import ipaddress
import json
import os
import re

PROTOCOLS = {'tcp': 6, 'udp': 17, 'icmp': 1, 'sctp': 132}
ENDS = {'id.orig_h', 'id.orig_p', 'id.resp_h', 'id.resp_p'}
PATH = re.compile(r'captures/expected/[^;\s,]+')
RECORD = re.compile(r'^\s*(\d+)  \S')
PAIR = re.compile(r'(?:^|[ (])([0-9a-fA-F:.]+) > ([0-9a-fA-F:.]+): ')


def address(text):
    return str(ipaddress.ip_address(text))


def flow(src, sport, dst, dport, proto):
    """As captures.conversation; ICMP has no ports here."""
    if proto in (1, 58):
        sport = dport = 0
        proto = 58 if ':' in src else 1
    return (proto, *sorted([(address(src), sport), (address(dst), dport)]))


# --- Zeek ---------------------------------------------------------------------

def zeek_rows(path):
    names = []
    with open(path, encoding='utf-8', errors='backslashreplace') as f:
        for line in f:
            part = line.rstrip('\n').split('\t')
            if part[0] == '#fields':
                names = part[1:]
            elif part[0].startswith('#'):
                continue
            elif not names:
                names = part
            elif len(part) == len(names):
                yield dict(zip(names, part))


def zeek(path):
    for row in zeek_rows(path):
        if not ENDS <= set(row) or '-' in (row['id.orig_h'], row['id.orig_p']):
            continue
        ends = (row['id.orig_h'], int(row['id.orig_p']), row['id.resp_h'],
                int(row['id.resp_p']))
        proto = PROTOCOLS.get(row.get('proto', ''))
        if row.get('ip_proto', '').isdigit():
            proto = int(row['ip_proto'])
        if proto is None:  # and ports mean what the log's subject likes
            yield 'pair', tuple(sorted((address(ends[0]), address(ends[2]))))
        else:
            yield 'zeek', flow(*ends, proto)
        query = row.get('query', '-')
        if query not in ('-', '') and ends[3] == 53:
            yield 'name', query.lower().rstrip('.')


# --- Arkime -------------------------------------------------------------------

def arkime(path):
    with open(path, encoding='utf-8', errors='backslashreplace') as f:
        sessions = json.load(f).get('sessions3', [])
    for session in sessions:
        b = session['body']
        src, dst = b.get('source', {}), b.get('destination', {})
        if 'ip' not in src or 'ip' not in dst:
            continue
        yield 'arkime', flow(src['ip'], src.get('port', 0), dst['ip'],
                             dst.get('port', 0), b['ipProtocol'])


# --- tcpdump --------------------------------------------------------------------

def end_address(text):
    """An address with or without a port behind a dot, or None."""
    for t in (text, text.rpartition('.')[0]):
        try:
            return address(t)
        except ValueError:
            continue
    return None


def tcpdump(path):
    """The first pair of addresses of each packet."""
    number, done = 0, True
    with open(path, encoding='utf-8', errors='backslashreplace') as f:
        for line in f:
            m = RECORD.match(line)
            if m:
                number, done = int(m[1]), False
            if done:
                continue
            for m in PAIR.finditer(line):
                src, dst = end_address(m[1]), end_address(m[2])
                if src and dst:
                    yield 'tcpdump', (number, '%s>%s' % (src, dst))
                    done = True
                    break


# --- Community ID ---------------------------------------------------------------

def baseline(path):
    with open(path, encoding='utf-8') as f:
        for row in json.load(f):
            ports = (row['sport'] or 0, row['dport'] or 0)
            yield 'baseline', (flow(row['saddr'], ports[0], row['daddr'], ports[1],
                                    row['proto']), row['communityid'])


def claims(shared, fact):
    """All claims about a capture, each once."""
    named = fact.get('repo_expected') or ''
    found = set()
    for path in PATH.findall(named):
        full = os.path.join(shared, path)
        kind = path.split('/')[2]
        if kind == 'zeek' and '.log' in path:
            found |= set(zeek(full))
        elif kind == 'arkime':
            found |= set(arkime(full))
        elif kind == 'tcpdump':
            found |= set(tcpdump(full))
    if fact['path'].endswith('community-id-spec/combined.pcap'):
        found |= set(baseline(os.path.join(
            shared, 'captures/expected/community-id/baseline_deflt.json')))
    return sorted(found, key=repr)
