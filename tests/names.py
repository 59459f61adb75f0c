#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""names.py DIR: writes DIR/names.pcap, questions of the rows N01 to N13 over UDP
and TCP, whole and cut; DIR/ioc.txt, indicators for them; and DIR/want, a
line for each threat that must come of it: indicator, name seen, client. Prints
how many frames that made."""
import random
import struct
import sys

RANDOM = random.Random(53)
frames = []
want = set()


def labels(*parts):
    return b''.join(bytes([len(p)]) + p for p in parts)


def name(text):
    return labels(*[p.encode() for p in text.split('.')]) + b'\0'


def message(wire, qdcount=1, tail=b'\0\1\0\1'):
    return struct.pack('>6H', RANDOM.randrange(65536), 0x100, qdcount, 0, 0, 0) + wire + tail


def ip(client, proto, body, frag=0):
    head = struct.pack('>BBHHHBBH', 0x45, 0, 20 + len(body), client, frag, 64, proto, 0)
    return (b'\2' * 12 + b'\x08\x00' + head + bytes([10, 9, client >> 8, client & 255]) +
            bytes([192, 0, 2, 53]) + body)


def udp(client, payload, port=53):
    return ip(client, 17, struct.pack('>4H', 4000, port, 8 + len(payload), 0) + payload)


def tcp(client, payload, port=53):
    return ip(client, 6, struct.pack('>HHIIBBHHH', 4000, port, 1, 1, 0x50, 0x18, 512, 0, 0) +
              payload)


class Row:
    """A client of its own, so that each row can have a threat of its own."""
    def __init__(self, indicator=None, seen=None):
        self.client = Row.clients = getattr(Row, 'clients', 0) + 1
        if indicator:
            self.expect(indicator, seen or indicator)

    def expect(self, indicator, seen):
        want.add('%s %s 10.9.%d.%d' % (indicator, seen, self.client >> 8, self.client & 255))

    def udp(self, payload):
        frames.append(udp(self.client, payload))

    def tcp(self, payload):
        frames.append(tcp(self.client, payload))


def ask(wire, indicator=None, seen=None):
    Row(indicator, seen).udp(message(wire))


def defects():
    evil = labels(b'evil', b'example')
    for wire in (b'\xc0\x0c', b'\xc0\x0e\xc0\x0c', b'\xc0\xff', b'\xc0\x02',       # N01, N02
                 labels(b'x') + b'\xc0\x0c', evil[:5] + b'\xc0\x0c', evil + b'\xc0\xff',
                 b'\x41' + evil + b'\0', b'\x80\0', labels(b'evil') + b'\x47example\0',  # N03
                 labels(b'a' * 63, b'b' * 63, b'c' * 63, b'd' * 61) + evil + b'\0',   # N04
                 b'\x40' + b'a' * 64 + evil + b'\0',
                 b'\0'):
        ask(wire)
    # N02: back to a zero of the header, and into the label before
    ask(evil + b'\xc0\x06', 'evil.example')
    ask(labels(b'\3sub\7example\0') + b'\xc0\x0d', 'sub.example',
        r'\003sub\007example\000.sub.example')
    whole = message(name('evil.example'))
    for cut in range(len(whole)):                                                   # N06
        Row().udp(whole[:cut])
    Row().udp(message(b'', 65535, b''))
    Row().udp(message(name('evil.example'), 0))
    Row('evil.example').udp(message(name('evil.example'), 65535))
    # N05, N07: what stands behind the question
    answers = b'\xc0\x0c\0\5\0\1\0\0\0\1\xff\xff\xc0\x15' * 60
    Row('evil.example').udp(message(name('evil.example'), 1, b'\0\1\0\1' + answers))


def odd_labels():
    ask(labels(b'evil\0', b'example') + b'\0')                                      # N08
    ask(labels(b'evil', b'example\0') + b'\0')
    ask(labels(b'ev\0il', b'sub', b'example') + b'\0', 'sub.example', r'ev\000il.sub.example')
    ask(labels(b'evil.example') + b'\0')                                            # N09
    ask(labels(b'a.evil', b'example') + b'\0')
    ask(labels(b'a.b', b'sub', b'example') + b'\0', 'sub.example', r'a\.b.sub.example')
    ask(labels(b'ev\xc9l', b'example') + b'\0')


def cases():                                                                        # N10
    row = Row('evil.example')
    for mix in range(1 << 11):
        text = ''.join(c.upper() if mix >> i & 1 else c for i, c in enumerate('evilexample'))
        row.udp(message(name(text[:4] + '.' + text[4:])))


def kinds():                                                                        # N11, N12
    ask(name('x.evil.example'))
    ask(name('notevil.example'))
    ask(name('evil.example.net'))
    ask(name('example'))
    ask(name('sub.example'), 'sub.example')
    ask(name('a.b.sub.example'), 'sub.example', 'a.b.sub.example')
    ask(name('asub.example'))
    ask(name('xn--bcher-kva.example'), 'xn--bcher-kva.example')                     # N13


def depths():
    deep = 'a.b.c.d.e.f.g.h.deep.example'
    ask(name(deep), deep)
    ask(name('x.' + deep))
    ask(name('z.b.c.d.e.f.g.h.deep.example'))
    for count in (5, 6, 7, 8, 9, 40, 120):
        text = '.'.join(['x'] * count) + '.sub.example'
        ask(name(text), 'sub.example', text)


def streams():
    for payload, hit in ((message(name('evil.example')), True),
                         (message(name('other.example')), False),
                         (message(name('x.sub.example')), 'x.sub.example')):
        seen = hit if isinstance(hit, str) else 'evil.example'
        row = Row(('sub.example' if isinstance(hit, str) else 'evil.example') if hit else None, seen)
        row.tcp(struct.pack('>H', len(payload)) + payload)
    whole = message(name('evil.example'))
    Row().tcp(struct.pack('>H', 3) + whole)
    row = Row('evil.example')                       # the length in a segment of its own
    row.tcp(struct.pack('>H', len(whole)))
    row.tcp(whole)
    row = Row()                                     # a question in two: counted, not seen
    row.tcp(struct.pack('>H', len(whole)) + whole[:20])
    row.tcp(whole[20:])
    Row().tcp(b'')
    Row().tcp(b'\0')
    Row('evil.example').tcp(struct.pack('>H', 900) + whole)
    client = Row().client
    for port in (5353, 5355):
        frames.append(udp(client, whole, port))


def several():                                                                      # X21
    kind = b'\0\1\0\1'
    evil, sub, other = name('evil.example'), name('sub.example'), name('other.example')
    Row('evil.example').udp(message(other + kind + evil, 2))
    Row('evil.example').udp(message(evil + kind + other, 2))
    row = Row('evil.example')
    row.expect('sub.example', 'x.sub.example')
    row.udp(message(evil + kind + b'\1x' + sub, 2))
    # y.sub in front of the first one's "example"
    Row('sub.example', 'y.sub.example').udp(message(other + kind + b'\1y\3sub\xc0\x12', 2))
    Row().udp(message((other + kind) * 16 + evil, 17))          # too many: counted
    Row('evil.example').udp(message((other + kind) * 15 + evil, 16))
    # a frame of 9,000 bytes is a sample of 2,560: found before that, counted behind
    far = name('.'.join(['a' * 61] * 4))
    Row('evil.example').udp(message((far + kind) * 8 + evil, 9))
    Row().udp(message((far + kind) * 14 + evil, 15))
    whole = [struct.pack('>H', len(m)) + m for m in
             (message(other), message(evil), message(name('z.sub.example')))]
    Row('evil.example').tcp(whole[0] + whole[1])                # RFC 7766 6.2.1.1
    Row('evil.example').tcp(whole[1] + whole[0])
    row = Row('evil.example')
    row.expect('sub.example', 'z.sub.example')
    row.tcp(whole[0] + whole[1] + whole[2])
    Row('sub.example', 'z.sub.example').tcp(whole[2] + whole[1][:20])
    Row('evil.example').tcp(whole[0] * 31 + whole[1])
    Row().tcp(whole[0] * 32 + whole[1])                         # too many: counted
    many = message(other + kind + evil, 2)
    Row('evil.example').tcp(struct.pack('>H', len(many)) + many)
    Row('evil.example').tcp(whole[0] + struct.pack('>H', len(many)) + many)
    Row('evil.example').udp(message(evil, 2))                   # the second is not there


def write(path):
    with open(path, 'wb') as f:
        f.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for i, frame in enumerate(frames):
            f.write(struct.pack('<IIII', 1700000000 + i // 1000, i % 1000 * 1000, len(frame),
                                len(frame)) + frame)


for part in (defects, odd_labels, cases, kinds, depths, streams, several):
    part()
write(sys.argv[1] + '/names.pcap')
with open(sys.argv[1] + '/ioc.txt', 'w') as f:
    f.write('=evil.example\n=xn--bcher-kva.example\n=a.b.c.d.e.f.g.h.deep.example\n'
            'sub.example\n')
with open(sys.argv[1] + '/want', 'w') as f:
    f.write(''.join(line + '\n' for line in sorted(want)))
print(len(frames))
