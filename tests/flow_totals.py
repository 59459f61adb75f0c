#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Flow records and those of another flow meter: the same totals.

flow_totals.py SHARED BUILD [--few N] [--write FILE]: for each capture of SHARED/captures/mixed
and SHARED/captures/scans, the flow records of picket-replay are summed by
conversation (protocol and both ends, in either order; the innermost pair), and
so are those of nfpcapd, the meter of nfdump. Packets and bytes of each
conversation must be equal, or the difference stands in captures.differences:
capture, 0, field `meter`, the conversation with picket's packets and bytes,
the same of the meter, and the section of the standard that settles it.

  M1  nfpcapd reads no packet of a capture whose link type it does not know,
      and refuses some files; those are counted and need no entry.
  M2  Ports are those of TCP, UDP and SCTP; what nfpcapd puts there for other
      protocols (type and code of ICMP, and bits of GRE) is left out.

Prints TAP.
"""
import collections
import ipaddress
import json
import os
import subprocess
import sys
import tempfile

import captures

NUMBERS = {'icmp': 1, 'igmp': 2, 'tcp': 6, 'udp': 17, 'gre': 47, 'esp': 50,
           'ah': 51, 'ipv6-icmp': 58, 'sctp': 132}


def key(proto, src, sport, dst, dport):
    if proto not in (6, 17, 132):
        sport = dport = 0
    ends = sorted([(str(ipaddress.ip_address(src)), sport),
                   (str(ipaddress.ip_address(dst)), dport)])
    return '%d %s %d %s %d' % (proto, *ends[0], *ends[1])


def of_picket(build, path):
    """Conversation to [packets, bytes]."""
    run = subprocess.run([build + '/picket-replay', '--records', path],
                         stdin=subprocess.DEVNULL, capture_output=True, check=False)
    total = collections.defaultdict(lambda: [0, 0])
    for line in run.stdout.decode('utf-8', 'backslashreplace').split('\n'):
        if not line.startswith('{"record":"flow"'):
            continue
        r = json.loads(line)
        f = r['flow']
        proto = NUMBERS.get(f['proto']) or int(f['proto'])
        t = total[key(proto, f['src_ip'], f.get('src_port', 0), f['dst_ip'],
                      f.get('dst_port', 0))]
        t[0] += r['packets'] + r['r_packets']
        t[1] += r['bytes'] + r['r_bytes']
    return total


def of_meter(path, folder):
    """The same by nfpcapd, or None and why if it does not read the file."""
    run = subprocess.run(['nfpcapd', '-r', path, '-l', folder, '-s', '65535'],
                         stdin=subprocess.DEVNULL, capture_output=True, check=False)
    said = (run.stdout + run.stderr).decode('utf-8', 'backslashreplace')
    total = collections.defaultdict(lambda: [0, 0])
    files = [n for n in os.listdir(folder) if n.startswith('nfcapd.') and
             'current' not in n]
    if not files:
        return None, said.strip().replace('\n', '; ')[-200:]
    run = subprocess.run(['nfdump', '-R', folder, '-o', 'json', '-N'],
                         stdin=subprocess.DEVNULL, capture_output=True, check=False)
    try:
        rows = json.loads(run.stdout)
    except ValueError:
        rows = []
    for r in rows:
        src = r.get('src4_addr') or r.get('src6_addr')
        dst = r.get('dst4_addr') or r.get('dst6_addr')
        if not src:
            continue
        t = total[key(r['proto'], src, r.get('src_port', 0), dst, r.get('dst_port', 0))]
        t[0] += r.get('in_packets', 0) + r.get('out_packets', 0)
        t[1] += r.get('in_bytes', 0) + r.get('out_bytes', 0)
    return total, said


def compare(tally, name, mine, theirs):
    for conversation in sorted(set(mine) | set(theirs)):
        a, b = mine.get(conversation), theirs.get(conversation)
        tally.compare(name, 0, 'meter',
                      '%s: %d %d' % (conversation, *a) if a else conversation + ': none',
                      '%s: %d %d' % (conversation, *b) if b else conversation + ': none')


def main(argv):
    shared, build = argv[1:3]
    few, write = captures.options_of(argv[3:])
    chosen = [c for c in captures.captures_of(shared, 0)
              if c[0].startswith(('mixed/', 'scans/'))]
    if few:
        chosen = chosen[::max(1, len(chosen) // few)]
    tap, names = captures.Tap(), set()
    with open(write or os.devnull, 'w', encoding='utf-8') as out:
        tally = captures.Tally(captures.Listed(captures.LIST), out)
        for name, path, _ in chosen:
            with tempfile.TemporaryDirectory(prefix='picket-meter-') as folder:
                theirs, said = of_meter(path, folder)
            if theirs is None:
                tally.rules['M1'] += 1
                print('# M1 %s: %s' % (name, said))
                continue
            names.add(name)
            compare(tally, name, of_picket(build, path), theirs)
    tap.row(len(names) * 10 >= len(chosen) * 9,
            '%d of %d captures were metered' % (len(names), len(chosen)))
    captures.report(tap, tally, names, ['meter'], not few)
    return tap.end()


if __name__ == '__main__':
    sys.exit(main(sys.argv))
