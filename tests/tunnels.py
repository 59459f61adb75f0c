#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""tunnels.py DIR: a capture of tunnels and of IPv6 addresses that carry IPv4
(DIR/pcap), indicators for it (DIR/ioc) and the threats that it holds when all
is over (DIR/want): value, role, depth, embedded, count, offender, target and
protocol, one a line. Each conversation has 40 packets of 3 flows in 280 s."""
import ipaddress
import struct
import sys

START = 1_700_000_000_000_000  # us
PACKETS, FLOWS, STEP = 40, 3, 7_000_000
UDP, TCP, GRE = 17, 6, 47


def address(text):
    return ipaddress.ip_address(text)


def ip(src, dst, proto, body):
    src, dst = address(src), address(dst)
    if src.version == 4:
        return struct.pack('>BBHHHBBH', 0x45, 0, 20 + len(body), 1, 0, 64, proto, 0) + src.packed + dst.packed + body
    return struct.pack('>IHBB', 6 << 28, len(body), proto, 64) + src.packed + dst.packed + body


def options4(src, dst, proto, body):
    """IPv4 with a record route option."""
    head = struct.pack('>BBHHHBBH', 0x47, 0, 28 + len(body), 1, 0, 64, proto, 0)
    return head + address(src).packed + address(dst).packed + b'\x07\x07\x04\0\0\0\0\0' + body


def options6(src, dst, proto, body):
    """IPv6 with hop-by-hop and destination options."""
    pad = b'\1\4\0\0\0\0'
    return ip(src, dst, 0, bytes([60, 0]) + pad + bytes([proto, 0]) + pad + body)


def udp(sport, dport, body):
    return struct.pack('>HHHH', sport, dport, 8 + len(body), 0) + body


def tcp(sport, dport=443):
    return struct.pack('>HHIIBBHHH', sport, dport, 1, 1, 0x50, 0x10, 1000, 0, 0)


def version(packet):
    return 0x86dd if packet[0] >> 4 == 6 else 0x0800


def eth(packet, *tags):
    kind = b''.join(struct.pack('>HH', t, 5) for t in tags)
    return b'\2\0\0\0\0\1\2\0\0\0\0\2' + kind + struct.pack('>H', version(packet)) + packet


def gre(packet):
    return struct.pack('>HHI', 0x2000, version(packet), 7) + packet


def vxlan(packet):
    return udp(50000, 4789, b'\x08\0\0\0\0\0\1\0' + eth(packet))


def geneve(packet):
    return udp(50001, 6081, b'\0\0\x65\x58\0\0\1\0' + eth(packet))


def gtp(packet):
    return udp(2152, 2152, struct.pack('>BBHI', 0x30, 255, len(packet), 9) + packet)


def inner(n, sport):
    return ip(f'10.{n}.0.1', f'10.{n}.0.2', TCP, tcp(sport))


class Story:
    def __init__(self):
        self.frames, self.ioc, self.want = [], [], []

    def talk(self, make):
        for i in range(PACKETS):
            self.frames.append((START + i * STEP + len(self.frames) * 10 % 5_000_000, make(4000 + i % FLOWS)))

    def periods(self):
        """In how many periods of 2^34 ns the last conversation was seen."""
        return len({t * 1000 >> 34 for t, _ in self.frames[-PACKETS:]})

    def expect(self, value, role, offender, target, proto, depth=0, embedded='-', outer=False):
        self.ioc.append(value)
        count = self.periods() if outer else PACKETS
        self.want.append(f'{value} {role} {depth} {embedded} {count} {offender} {target} {proto}')

    def tunnels(self):
        """R17: ends and insides of each kind of tunnel."""
        kinds = [(vxlan, UDP, 'udp'), (geneve, UDP, 'udp'), (gtp, UDP, 'udp'), (gre, GRE, 'gre'),
                 (lambda p: p, 4, 'ipv4')]
        for n, (wrap, number, word) in enumerate(kinds):
            a, b = f'203.0.113.{2 * n + 1}', f'203.0.113.{2 * n + 2}'
            self.talk(lambda s: eth(ip(a, b, number, wrap(inner(n, s)))))
            self.expect(f'10.{n}.0.1', 'source', f'10.{n}.0.1', f'10.{n}.0.2', 'tcp', depth=1)
            self.expect(a, 'source', a, b, word, outer=True)
            self.expect(b, 'destination', b, a, word, outer=True)

    def depths(self):
        """D07: one address a depth, IPv4 and IPv6 in turn."""
        ends = [(f'2a0a:{n}::1', f'2a0a:{n}::2') if n % 2 else (f'192.0.2.{n + 1}', f'192.0.3.{n + 1}') for n in range(5)]

        def nest(sport):
            packet = ip(*ends[4], TCP, tcp(sport))
            for a, b in reversed(ends[:4]):
                packet = ip(a, b, 41 if version(packet) == 0x86dd else 4, packet)
            return eth(packet)
        self.talk(nest)
        for n, (a, b) in enumerate(ends):
            word = 'tcp' if n == 4 else 'ipv4' if (n + 1) % 2 == 0 else 'ipv6'
            self.expect(b, 'destination', b, a, word, depth=n, outer=n < 4)

    def headers(self):
        """R17: what stands between does not matter, and is no depth."""
        made = [lambda a, b, s: eth(ip(a, b, TCP, tcp(s)), 0x8100),
                lambda a, b, s: eth(ip(a, b, TCP, tcp(s)), 0x88a8, 0x8100),
                lambda a, b, s: eth(options4(a, b, TCP, tcp(s)))]
        for n, make in enumerate(made):
            a, b = f'192.0.4.{n}', f'192.0.5.{n}'
            self.talk(lambda s: make(a, b, s))
            self.expect(a, 'source', a, b, 'tcp')
        self.talk(lambda s: eth(options6('2a0b::1', '2a0b::2', TCP, tcp(s))))
        self.expect('2a0b::2', 'destination', '2a0b::2', '2a0b::1', 'tcp')

    def carriers(self):
        """D30: each kind, by address, prefix and port, inside and outside."""
        kinds = {'nat64': '64:ff9b::198.51.{}.7', 'nat64-local': '64:ff9b:1:2::198.51.{}.7',
                 '6to4': '2002:c633:{:02x}07::1', 'isatap': '2a0c::200:5efe:198.51.{}.7',
                 'teredo': '2001:0:4136:e378:8000:63bf:39cc:{:04x}', 'mapped': '::ffff:198.51.{}.7'}
        for n, (kind, form) in enumerate(kinds.items()):
            for k, listed in enumerate(['198.51.{}.7', '198.51.{}.0/24', '198.51.{}.7:443']):
                octet = 10 * n + k + 1
                a = str(address(form.format(0xffff ^ (octet << 8 | 7) if kind == 'teredo' else octet)))
                shown = f'198.51.{octet}.7' if kind == 'mapped' else a
                self.talk(lambda s: eth(ip('2a0d::1', a, TCP, tcp(s))))
                self.expect(listed.format(octet), 'destination', shown, '2a0d::1', 'tcp', embedded=kind)
            octet = 10 * n + 9
            a = str(address(form.format(0xffff ^ (octet << 8 | 7) if kind == 'teredo' else octet)))
            shown = f'198.51.{octet}.7' if kind == 'mapped' else a
            self.talk(lambda s: eth(ip(a, '2a0d::2', 4, inner(200 + n, s))))
            self.expect(f'198.51.{octet}.7', 'source', shown, '2a0d::2', 'ipv4', embedded=kind, outer=True)
        # A 6to4 router's packets: the same IPv4 address twice.
        self.talk(lambda s: eth(ip('198.51.200.1', '192.88.99.1', 41, ip('2002:c633:c801::1', '2a0d::3', TCP, tcp(s)))))
        self.expect('198.51.200.1', 'source', '2002:c633:c801::1', '2a0d::3', 'tcp', depth=1, embedded='6to4')
        self.expect('198.51.200.1', 'source', '198.51.200.1', '192.88.99.1', 'ipv6', outer=True)
        # Listed itself: what it carries does not count.
        self.talk(lambda s: eth(ip('2002:c633:c901::1', '2a0d::4', TCP, tcp(s))))
        self.expect('2002:c633:c901::1', 'source', '2002:c633:c901::1', '2a0d::4', 'tcp')
        self.ioc.append('198.51.201.1')

    def roles(self):
        """D31: whatever the addresses are, the role is the packet's."""
        for a, b, listed in [('192.0.6.1', '224.0.0.251', '224.0.0.251'), ('0.0.0.0', '255.255.255.254', '0.0.0.0'),
                             ('192.0.6.2', '192.0.6.2', '192.0.6.2'), ('fe80::1', 'ff02::fb', 'ff02::fb')]:
            self.talk(lambda s: eth(ip(a, b, TCP, tcp(s))))
            role = 'source' if listed == a else 'destination'
            self.expect(listed, role, listed, b if listed == a else a, 'tcp')

    def write(self, folder):
        with open(f'{folder}/pcap', 'wb') as f:
            f.write(struct.pack('<IHHIIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
            for t, frame in sorted(self.frames, key=lambda x: x[0]):
                f.write(struct.pack('<IIII', t // 1_000_000, t % 1_000_000, len(frame), len(frame)) + frame)
        with open(f'{folder}/ioc', 'w', encoding='ascii') as f:
            f.write(''.join(f'{v}\n' for v in dict.fromkeys(self.ioc)))
        with open(f'{folder}/want', 'w', encoding='ascii') as f:
            f.write(''.join(f'{v}\n' for v in sorted(self.want)))


def main():
    story = Story()
    for part in (story.tunnels, story.depths, story.headers, story.carriers, story.roles):
        part()
    story.write(sys.argv[1])


main()
