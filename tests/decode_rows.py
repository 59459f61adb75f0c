#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""decode_rows.py DIR: writes DIR/pcap, frames of the rows D01 to D12, D19 and
D20; DIR/ioc, an address and a name for each of them; DIR/want, those that must
be met, sorted; DIR/marks, how records of row D19 must be marked; and
DIR/reasons, how often each reason must be counted. An
indicator that is listed and not wanted is where nobody may look: behind a limit,
or behind the end of a packet."""
import collections
import itertools
import struct
import sys

frames, listed, want = [], [], set()
reasons = collections.Counter()
marks = []  # of a record, by the name that it shows
MACS = b'\2\0\0\0\0\1\2\0\0\0\0\2'
PEER = bytes([198, 51, 100, 2])
UDP, TCP, GRE, AH, ESP = 17, 6, 47, 51, 50


def some(wanted):
    """An address of its own."""
    some.n += 1
    text = '10.8.%d.%d' % (some.n >> 8, some.n & 255)
    listed.append(text)
    if wanted:
        want.add(text)
    return bytes([10, 8, some.n >> 8, some.n & 255])


some.n = 0


def question(wanted):
    """A DNS message that asks for a name of its own: layer 4 was read right."""
    question.n += 1
    label = b'row%d' % question.n
    text = '%s.example' % label.decode()
    listed.append('=' + text)
    if wanted:
        want.add(text)
    return (struct.pack('>6H', 7, 0x100, 1, 0, 0, 0) + bytes([len(label)]) + label +
            b'\7example\0\0\1\0\1')


question.n = 0


def ip4(src, proto, body, options=b'', total=None, ihl=None):
    n = 5 + len(options) // 4
    return struct.pack('>BBHHHBBH', 0x40 | (n if ihl is None else ihl), 0,
                       4 * n + len(body) if total is None else total, 1, 0, 64, proto, 0) + \
        src + PEER + options + body


def ip6(src, proto, body, length=None):
    mapped = b'\x20\x02' + src + b'\0' * 10  # 6to4: found by the IPv4 address in it
    return struct.pack('>IHBB', 6 << 28, len(body) if length is None else length, proto, 64) + \
        mapped + b'\x20\1\x0d\xb8' + b'\0' * 11 + b'\2' + body


def udp(body, port=53, length=None, checksum=0):
    return struct.pack('>4H', 4000, port, 8 + len(body) if length is None else length, checksum) + body


def tcp(body=b'', options=b'', offset=None, port=53):
    n = 5 + len(options) // 4 if offset is None else offset
    return struct.pack('>HHIIBBHHH', 4000, port, 1, 1, n << 4, 0x18, 512, 0, 0) + options + body


def dns(wanted=True, **how):
    return udp(question(wanted), **how)


def row(frame, reason='OK'):
    frames.append(frame)
    reasons[reason] += 1


def eth(packet):
    return MACS + (b'\x86\xdd' if packet[0] >> 4 == 6 else b'\x08\0') + packet


def packet(found=True):
    return ip4(some(found), UDP, dns(found))


def d01_d02():
    for tpid in b'\x81\0', b'\x88\xa8', b'\x91\0', b'\x92\0':
        for depth in range(9):
            row(MACS + (tpid + b'\0\x64') * depth + b'\x08\0' + packet(depth < 5),
                'OK' if depth < 5 else 'VLAN_DEPTH')
    row(MACS + b'\x81\0\0', 'SHORT_VLAN')


def d03():
    label, last = b'\0\1\0\x40', b'\0\1\1\x40'
    for n in range(1, 17):
        row(MACS + b'\x88\x47' + label * (n - 1) + last + packet(n < 9), 'OK' if n < 9 else 'MPLS_DEPTH')
    row(MACS + b'\x88\x47' + label * 3, 'SHORT_MPLS')
    row(MACS + b'\x88\x47' + last + b'\0\0\0\0' + eth(packet()))


def gre(flags, kind, body):
    words = bin(flags & 0xb000).count('1')
    return struct.pack('>HH', flags, kind) + b'\xff' * 4 * words + body


def d04():
    for flags in range(0, 8):
        bits = (flags & 1) << 15 | (flags & 2) << 12 | (flags & 4) << 10
        row(eth(ip4(some(True), GRE, gre(bits, 0x0800, packet()))))
        row(eth(ip4(some(True), GRE, gre(bits, 0x86dd, ip6(some(True), UDP, dns())))))
        row(eth(ip4(some(True), GRE, gre(bits, 0x6558, eth(packet())))))
    row(eth(ip4(some(True), GRE, gre(0x1000, 0x88be, b'\x10' + b'\0' * 7 + eth(packet())))))
    row(eth(ip4(some(True), GRE, gre(0x1000, 0x22eb, b'\x20' + b'\0' * 11 + eth(packet())))))
    row(eth(ip4(some(True), GRE, gre(0x4000, 0x0800, packet(False)))), 'GRE_UNSUPPORTED')
    row(eth(ip4(some(True), GRE, b'\xb0\0\x08\0\0\0')), 'SHORT_GRE')


def d05_d06():
    row(eth(ip4(some(True), UDP, udp(b'\x08\0\0\0\0\0\5\0' + eth(packet()), 4789))))
    row(eth(ip4(some(True), UDP, udp(b'\x0c\0\0\1\0\0\5\0' + packet(), 4790))))
    for words in range(64):
        head = bytes([words, 0]) + b'\x08\0\0\0\1\0'
        row(eth(ip4(some(True), UDP, udp(head + b'\1\2\3\4' * words + packet(), 6081))))
    row(eth(ip4(some(True), UDP, udp(b'\x3f\0\x08\0\0\0\1\0' + packet(False), 6081))), 'SHORT_GENEVE')

    def gtp(first, rest):
        return udp(struct.pack('>BBHI', first, 255, len(rest), 1) + rest, 2152)
    row(eth(ip4(some(True), UDP, gtp(0x30, packet()))))
    row(eth(ip4(some(True), UDP, gtp(0x33, b'\0\1\2\0' + packet()))))
    row(eth(ip4(some(True), UDP, gtp(0x34, b'\0\0\0\x85' + b'\0' + packet(False)))), 'GTP_EXT_ZERO')
    for n in 1, 8, 9, 255:
        chain = b'\0\0\0\x85' + b'\1\0\0\x85' * (n - 1) + b'\1\0\0\0'
        row(eth(ip4(some(True), UDP, gtp(0x34, chain + packet(n < 9)))), 'OK' if n < 9 else 'GTP_EXT_DEPTH')


def d07():
    for around, mixed in itertools.product(range(1, 33), (False, True)):
        six = mixed and around % 2
        body = ip6(some(around < 5), UDP, dns(around < 5)) if six else packet(around < 5)
        for level in reversed(range(around)):
            proto = 41 if body[0] >> 4 == 6 else 4
            body = (ip6 if mixed and level % 2 else ip4)(some(level < 5), proto, body)
        row(eth(body), 'OK' if around < 5 else 'TUNNEL_DEPTH')


def d08():
    inside = packet()
    row(MACS + b'\x88\x64\x11\0\0\1' + struct.pack('>H', len(inside) + 2) + b'\0\x21' + inside)
    row(MACS + b'\x88\xe7\0\0\0\7' + eth(packet()))
    for length in 0, 8, 60, 1535:
        row(MACS + struct.pack('>H', length) + b'\xaa\xaa\3\0\0\0\x08\0' + packet())
    row(MACS + b'\0\4\x42\x42\3\0', 'LLC')
    row(MACS + b'\x88\x64\x11\0\0', 'SHORT_PPPOE')


def d09_d10():
    row(eth(ip4(some(True), UDP, dns(False), ihl=4)), 'IP_HLEN')
    row(eth(ip4(some(True), UDP, dns(False), ihl=15, total=60)[:40]), 'IP_TRUNCATED')
    row(eth(ip4(some(True), UDP, dns(False), total=19)), 'IP_LENGTH')
    row(eth(ip4(some(True), UDP, dns(), total=900)), 'IP_TRUNCATED')
    row(eth(ip4(some(True), UDP, udp(b'')) + question(False)))                     # a trailer
    row(eth(ip4(some(True), UDP, udp(question(False), length=60), total=28)), 'UDP_LENGTH')
    row(eth(ip4(some(True), 4, b'') + packet(False)), 'SHORT_IP')
    # The question ends behind the packet around it.
    row(eth(ip4(some(True), 4, ip4(some(True), UDP, dns(False)), total=20 + 20 + 8 + 15)), 'IP_TRUNCATED')
    row(eth(ip4(some(True), UDP, dns(), options=b'\1' * 40)))
    for options in b'\7\0\0\0', b'\x83\1\0\0', b'\x83\5\0\0', b'\1\1\1\x83':
        row(eth(ip4(some(True), UDP, dns(), options=options)), 'IP_OPTION')


def d11_d12():
    for n in range(1, 65):
        chain = b'\0\0\1\4\0\0\0\0' * (n - 1) + bytes([UDP]) + b'\0\1\4\0\0\0\0'
        row(eth(ip6(some(True), 0, chain + dns(n < 9))), 'OK' if n < 9 else 'EXT_DEPTH')
    row(eth(ip6(some(True), 60, bytes([UDP, 255]) + b'\1\4\0\0\0\0' + dns(False))), 'SHORT_EXT')
    row(eth(ip6(some(True), AH, bytes([UDP, 4]) + b'\0' * 22 + dns())))
    row(eth(ip6(some(True), 135, bytes([UDP, 0]) + b'\0' * 6 + dns())))
    row(eth(ip6(some(True), 253, dns(False))), 'L4_OTHER')
    row(eth(ip6(some(True), ESP, dns(False))), 'L4_OTHER')
    row(eth(ip6(some(True), 59, dns(False))), 'NO_NEXT')
    row(eth(ip6(some(True), 0, bytes([UDP, 0]) + b'\xc2\4\0\1\0\0' + dns(), length=0)))  # jumbogram
    row(eth(ip6(some(True), 44, bytes([UDP, 0]) + b'\0\0\0\0\0\1' + dns())))             # atomic


def d19_d20():
    for length in 0, 7:
        row(eth(ip4(some(True), UDP, dns(False, length=length))), 'UDP_LENGTH')
    row(eth(ip4(some(True), UDP, dns(length=400))), 'UDP_LENGTH')
    for version, checksum in (ip4, 0x1234), (ip6, 0), (ip4, 0):  # wrong, missing, legal
        row(eth(version(some(True), UDP, dns(checksum=checksum))))
        marks.append('row%d.example%s' % (question.n, ' bad' if version == ip6 or checksum else ''))

    def stream(wanted=True):
        message = question(wanted)
        return struct.pack('>H', len(message)) + message
    row(eth(ip4(some(True), TCP, tcp(stream()))))
    for offset in 0, 4, 15:
        row(eth(ip4(some(True), TCP, tcp(stream(False)[:30], offset=offset))), 'TCP_HLEN')
    for options in b'\5\0\0\0', b'\5\1\0\0', b'\5\5\0\0':
        row(eth(ip4(some(True), TCP, tcp(stream(), options))), 'TCP_OPTION')
    row(eth(ip4(some(True), TCP, tcp(stream(), b'\1' * 40))))


for part in d01_d02, d03, d04, d05_d06, d07, d08, d09_d10, d11_d12, d19_d20:
    part()
base = sys.argv[1]
with open(base + '/pcap', 'wb') as f:
    f.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
    for i, frame in enumerate(frames):
        f.write(struct.pack('<IIII', 1700000000 + i // 1000, i % 1000 * 1000, len(frame), len(frame)) + frame)
for path, lines in (('ioc', listed), ('want', sorted(want)),
                    ('marks', marks),
                    ('reasons', sorted('%s %d' % r for r in reasons.items()))):
    with open(base + '/' + path, 'w') as f:
        f.write(''.join(line + '\n' for line in lines))
