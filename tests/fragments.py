#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""fragments.py DIR: captures of fragments, made by scapy, one a test row; the
names say what tests/fragments.sh expects. bad.example and 203.0.113.7 are what
is listed there."""
import random
import struct
import sys

from scapy.all import (DNS, DNSQR, IP, UDP, Ether, IPv6, IPv6ExtHdrDestOpt,
                       IPv6ExtHdrFragment, Raw, fragment, fragment6, raw,
                       wrpcap)

START = 1700000000.0
SRC, DST = '10.1.0.1', '10.2.0.1'
SRC6, DST6 = '2001:db8::1', '2001:db8::2'
row = {}


def udp(name, size, src=SRC, dst=DST):
    """The UDP datagram of a question, SIZE bytes long."""
    question = raw(IP(src=src, dst=dst) / UDP(sport=40000, dport=53) /
                   DNS(rd=1, qd=DNSQR(qname=name)))[20:]
    body = question[8:] + bytes(size - len(question))
    return raw(IP(src=src, dst=dst) / UDP(sport=40000, dport=53) / body)[20:]


def piece(payload, at, end, more, ident=1, proto=17, src=SRC, dst=DST):
    return IP(src=src, dst=dst, id=ident, proto=proto, flags=int(more),
              frag=at // 8) / Raw(payload[at:end])


def piece6(payload, at, end, more, ident=1, proto=17, src=SRC6):
    return IPv6(src=src, dst=DST6) / IPv6ExtHdrFragment(
        nh=proto, id=ident, offset=at // 8, m=int(more)) / Raw(payload[at:end])


def write(where, name, packets, gap=0.001):
    frames = []
    for i, p in enumerate(packets):
        frame = Ether(dst='02:00:00:00:00:01', src='02:00:00:00:00:02') / p
        frame.time = START + i * gap
        frames.append(frame)
    wrpcap(f'{where}/{name}.pcap', frames)


bad, good = udp('bad.example', 2000), udp('baz.example', 2000)
small_bad, small_good = udp('bad.example', 48), udp('baz.example', 48)

# D12: an atomic fragment is a packet.
row['d12-1'] = [IPv6(src=SRC6, dst=DST6) / IPv6ExtHdrFragment(nh=17) / Raw(bad)]

# D13: the TCP header in two, and written twice; its ports count at once.
syn = struct.pack('>HHIIBBHHH', 1234, 80, 1, 0, 0x50, 2, 1000, 0, 0)
rewritten = syn[:8] + struct.pack('>IBBHHH', 0, 0x50, 16, 1000, 0, 0)
for name, first in (('a', 8), ('b', 16)):
    row[f'd13{name}-0'] = [piece(syn + bytes(20), 0, first, 1, proto=6),
                           piece(rewritten + bytes(20), 8, 40, 0, proto=6)]
# RFC 3128: the question of a UDP datagram that was one to another port.
other_port = struct.pack('>HH', 40000, 80) + small_bad[4:]
row['d13c-1'] = [piece(other_port, 0, 24, 1), piece(small_bad, 0, 8, 1),
                 piece(other_port, 24, 48, 0)]

# D14: the name in the bytes that overlap, in each order of both.
for i in range(4):
    a, b = (small_bad, small_good) if i & 2 else (small_good, small_bad)
    both = [piece(a, 0, 32, 1), piece(b, 16, 48, 0)]
    row[f'd14{"abcd"[i]}-1'] = both[::-1] if i & 1 else both
# IPv6 drops it, but it was judged with and without what overlaps.
row['d14v6-1'] = [piece6(small_bad, 0, 24, 1), piece6(small_good, 16, 48, 0),
                  piece6(small_bad, 24, 48, 0)]
# Its addresses are matched, with ports and without, and its name.
row['d14address-3'] = [piece6(small_bad, 0, 24, 1, src='2001:db8:bad::1'),
                       piece6(small_bad, 16, 48, 0, src='2001:db8:bad::1')]

# A forged end first, the true one once all is there; three copies of the name,
# the true one in the middle, and a forged one with a wrong checksum; three
# beginnings; more beginnings than are kept, the true one not the last.
forged = udp('bay.example', 48)
row['d14done-1'] = [piece(small_bad, 0, 16, 1), piece(small_good, 16, 48, 0),
                    piece(small_bad, 16, 48, 0)]
row['d14done6-1'] = [piece6(small_bad, 0, 16, 1), piece6(small_good, 16, 48, 0),
                     piece6(small_bad, 16, 48, 0)]
row['d14middle-1'] = [piece(small_bad, 0, 16, 1), piece(small_good, 16, 24, 1),
                      piece(small_bad, 16, 24, 1), piece(forged, 16, 24, 1),
                      piece(small_bad, 24, 48, 0)]
wrong = piece(small_bad, 16, 48, 0)
wrong.chksum = 0x1234
row['d14sum-0'] = [piece(small_bad, 0, 16, 1), wrong]
row['d14firsts-1'] = [piece(p, 0, 24, 1) for p in (small_good, small_bad, forged)] + [
    piece(small_bad, 24, 48, 0)]
row['d14many-1'] = [piece(small_bad if i == 9 else
                          small_good[:6] + bytes([i]) + small_good[7:], 0, 24, 1)
                    for i in range(16)] + [piece(small_bad, 24, 48, 0)]

# Eight bytes each, and no end.
row['tiny-1'] = [piece(bad, i, i + 8, 1) for i in range(0, 80, 8)]
row['tiny6-1'] = [piece6(bad, i, i + 8, 1) for i in range(0, 80, 8)]

# D15: last first; a hole; a name used again; an end that is none.
row['d15a-1'] = [piece(bad, 24, 2000, 0), piece(bad, 0, 24, 1)]
row['d15b-0'] = [piece(bad, 0, 24, 1), piece(bad, 32, 2000, 0)]
row['d15c-1'] = [piece(good, 0, 24, 1), piece(good, 1480, 2000, 0),
                 piece(bad, 0, 24, 1), piece(bad, 24, 2000, 0)]
row['d15d-1'] = [piece(bad, 32, 40, 0), piece(bad, 24, 2000, 0),
                 piece(bad, 0, 24, 1)]

# D16: longer than any datagram.
row['d16-0'] = [piece(bytes(8189 * 8) + bytes(64), 8189 * 8, 8189 * 8 + 64, 0),
                piece(bad, 0, 24, 1)]

# D18: the name in the first fragment, across both, in IPv6, and by scapy.
row['d18a-1'] = [piece(bad, 0, 1480, 1), piece(bad, 1480, 2000, 0)]
row['d18b-1'] = [piece(bad, 0, 24, 1), piece(bad, 24, 2000, 0)]
row['d18c-1'] = [piece6(bad, 0, 24, 1), piece6(bad, 24, 2000, 0)]
row['d18d-1'] = fragment(IP(src=SRC, dst=DST, id=9, proto=17) / Raw(bad), fragsize=24)
row['d18e-1'] = fragment6(IPv6(src=SRC6, dst=DST6) / IPv6ExtHdrFragment(id=7) /
                          UDP(sport=40000, dport=53) / Raw(bad[8:]), 1280)
row['d18f-1'] = [piece6(bytes([17]) + bytes(7) + bad, 0, 8, 1, proto=60),
                 piece6(bytes([17]) + bytes(7) + bad, 8, 2008, 0, proto=60)]

# Inside a tunnel: fragments of the inner packet, of the outer, of both.
inner = [piece(bad, 0, 24, 1), piece(bad, 24, 1200, 0)]
row['inner-1'] = [IP(src='10.9.0.1', dst='10.9.0.2') / p for p in inner]
whole = raw(IP(src=SRC, dst=DST, id=5, proto=17) / Raw(small_bad))
row['outer-1'] = [piece(whole, 0, 40, 1, proto=4), piece(whole, 40, 68, 0, proto=4)]
row['both-1'] = [q for i, p in enumerate(inner) for q in (
    piece(raw(p), 0, 32, 1, 50 + i, 4), piece(raw(p), 32, len(raw(p)), 0, 50 + i, 4))]
listed = raw(IP(src='203.0.113.7', dst=DST, proto=17) / UDP(sport=1, dport=2))
row['address-1'] = [piece(listed, 0, 8, 1, proto=4), piece(listed, 8, 28, 0, proto=4)]

# Of everything, mixed: the planes must agree on it.
random.seed(1)
mixed = [p for k, r in row.items() for p in r]
row['mixed-any'] = [random.choice(mixed) for i in range(3000)]

for k, r in row.items():
    write(sys.argv[1], k, r, 0.05 if k.startswith('mixed') else 0.001)

# D17: first fragments and no more of them, by hand because there are so many.
with open(f'{sys.argv[1]}/d17-1.pcap', 'wb') as f:
    f.write(struct.pack('<IHHIIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
    for i in range(200000):
        p = raw(Ether(dst='02:00:00:00:00:01', src='02:00:00:00:00:02') /
                piece(bad, 0, 24, 1)) if i == 1000 else None
        if i == 190000:
            p = raw(Ether(dst='02:00:00:00:00:01', src='02:00:00:00:00:02') /
                    piece(bad, 24, 1400, 0))
        if p is None:
            p = b'\2\0\0\0\0\1\2\0\0\0\0\2\x08\0' + struct.pack(
                '>BBHHHBBHII', 0x45, 0, 60, random.randrange(65536), 0x2000, 64,
                17, 0, 0x0a050000 + random.randrange(3), 0x0a020001) + bytes(40)
        f.write(struct.pack('<IIII', 1700000000 + i // 20000, i % 20000 * 50,
                            len(p), len(p)) + p)
