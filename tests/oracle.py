# SPDX-License-Identifier: BSD-2-Clause
"""What tshark sees in a capture, cut to what picket sets out to decode.

tshark dissects more than a sensor of flows should: the packet that an ICMP
error quotes, samples inside of sFlow, what stands behind ESP in the clear.
Its answer for a frame is a stack of protocols and, for each field, the values
of all its occurrences in order. `walk` goes along the stack as long as the
protocols are those of CARRIERS and gives to each IP header its values. All
that picket is compared with is decided here, by these rules, for all frames
alike; what then still differs stands in captures.differences, one by one:

  R1  The packet that an ICMP or ICMPv6 message quotes is no packet of its own
      (RFC 792, RFC 4443 2.4): the walk ends at icmp and icmpv6.
  R2  The walk ends at the first protocol that is neither a link header, nor
      IP, nor a tunnel of CARRIERS: what an application carries (sFlow, SOCKS,
      L2TP, CAPWAP, IEEE 802.11 in GRE, IPComp ...) is payload.
  R3  Fragments and segments are told one by one: tshark runs without
      reassembly. Without ports, a fragment of a protocol that has them has no
      Community ID.
  R4  A question is compared where DNS runs directly over UDP or TCP of port
      53; multicast DNS and LLMNR are other protocols (RFC 6762, RFC 4795).
      What tshark writes in angle brackets is no name, but for <Root>.
  R5  A custom block of pcapng is no packet, though tshark numbers it as one.
  R6  tshark gives a frame one Community ID, and not of the packet where the
      walk ended if the walk ended early; none to IPv6 packets without ports;
      a wrong or none to frames that are malformed or cut. There the ID is
      computed here by the specification, from tshark's addresses and ports.
  R7  Files and packets that libpcap does not read, and link types that cannot
      become Ethernet (dataplane/file), are not compared but counted; the
      program must say in a sentence why it does not read on.
  R8  A packet that ends inside its link header is no frame: it is counted.
  R9  What another project claims of its capture (expected.py) is counted only
      when tshark, by these rules, does not see it either (AYIYA, Teredo on any
      port, the home address of Mobile IPv6 as the source).
"""
import base64
import hashlib
import ipaddress
import struct
import subprocess

LINKS = {
    'eth', 'ethertype', 'sll', 'null', 'raw', 'ppp', 'chdlc', 'vlan',
    'ieee8021ad', 'ieee8021ah', 'pppoes', 'llc', 'mpls', 'pwethheuristic',
    'pwethcw', 'cfp', 'etherip',
}
TUNNELS = {'gre', 'erspan', 'vxlan', 'geneve', 'gtp', 'teredo', 'nsh'}
# Headers behind an IP header that say what comes next, and where.
EXTENSIONS = {
    'ipv6.hopopts': 'ipv6.hopopts.nxt', 'ipv6.routing': 'ipv6.routing.nxt',
    'ipv6.fraghdr': 'ipv6.fraghdr.nxt', 'ipv6.dstopts': 'ipv6.dstopts.nxt',
    'ah': 'ah.next_header', 'mipv6': 'mip6.proto', 'hip': 'hip.proto',
    'shim6': 'shim6.nxt',
}
PORTS = {
    'tcp': ('tcp.srcport', 'tcp.dstport'), 'udp': ('udp.srcport', 'udp.dstport'),
    'sctp': ('sctp.srcport', 'sctp.dstport'),
    'icmp': ('icmp.type', 'icmp.code'), 'icmpv6': ('icmpv6.type', 'icmpv6.code'),
}
ADDRESSES = {
    'ip': ('ip.src', 'ip.dst', 'ip.proto', 'ip.len'),
    'ipv6': ('ipv6.src', 'ipv6.dst', 'ipv6.nxt', 'ipv6.plen'),
}
FIELDS = ['frame.number', 'frame.protocols', 'frame.cap_len', 'frame.len',
          *ADDRESSES['ip'], *ADDRESSES['ipv6'], *EXTENSIONS.values(),
          *(f for pair in PORTS.values() for f in pair),
          'ip.frag_offset', 'ip.flags.mf', 'vlan.id', 'ieee8021ad.id', 'tcp.stream', 'udp.stream', 'dns.qry.name', 'communityid',
          '_ws.malformed']
OPTIONS = ['-o', 'ip.defragment:FALSE', '-o', 'ipv6.defragment:FALSE',
           '-o', 'tcp.desegment_tcp_streams:FALSE',
           '--enable-protocol', 'communityid',
           '-d', 'udp.port==8472,vxlan']  # where Linux has it, too
BETWEEN = '\x1f'
WITH_PORTS = (1, 6, 17, 58, 132)
# ICMP types whose messages answer each other, by protocol.
PEERS = {1: {}, 58: {}}
for _proto, _pairs in ((1, ((0, 8), (9, 10), (13, 14), (15, 16), (17, 18))),
                       (58, ((128, 129), (130, 131), (133, 134), (135, 136),
                             (139, 140), (144, 145)))):
    for _a, _b in _pairs:
        PEERS[_proto][_a], PEERS[_proto][_b] = _b, _a


def tshark(path):
    """One dict a frame, field to the list of its values; and how many custom
    blocks were left out (R5)."""
    command = ['tshark', '-n', '-r', path, *OPTIONS, '-T', 'fields',
               '-E', 'separator=/t', '-E', 'occurrence=a',
               '-E', 'aggregator=' + BETWEEN]
    for field in FIELDS:
        command += ['-e', field]
    run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True,
                         check=False)
    rows, blocks = [], 0
    for line in run.stdout.decode('utf-8', 'backslashreplace').split('\n')[:-1]:
        row = {f: v.split(BETWEEN) if v else []
               for f, v in zip(FIELDS, line.split('\t'))}
        if row['frame.protocols'] == ['data'] and path.endswith('.pcapng'):
            blocks += 1
        else:
            rows.append(row)
    return rows, blocks


class Layer:
    """An IP header, and the protocol and ports behind it."""

    def __init__(self, six, src, dst, proto, size):
        self.six, self.src, self.dst, self.proto = six, src, dst, proto
        self.bytes = None if size is None else size + (40 if six else 0)
        self.ports = None  # of TCP, UDP, SCTP; type and code of ICMP
        self.last = None   # protocol that ends the walk in this layer


def community(layer):
    """Community ID version 1 by its specification."""
    a, b = (ipaddress.ip_address(x).packed for x in (layer.src, layer.dst))
    ports, one_way = layer.ports or (0, 0), False
    if layer.proto in PEERS:
        peer = PEERS[layer.proto].get(ports[0])
        one_way = peer is None
        ports = ports if one_way else (ports[0], peer)
    sport, dport = ports
    if not one_way and (a, sport) > (b, dport):
        a, b, sport, dport = b, a, dport, sport
    text = b'\0\0' + a + b + bytes([layer.proto, 0])
    if layer.proto in WITH_PORTS:
        text += struct.pack('>HH', sport, dport)
    return '1:' + base64.b64encode(hashlib.sha1(text).digest()).decode()


class Frame:
    """A frame as tshark sees it, by the rules above."""

    def __init__(self, row):
        self.row = row
        self.number = int(row['frame.number'][0])
        self.stack = ''.join(row['frame.protocols']).split(':')
        self.at = dict.fromkeys(FIELDS, 0)
        self.layers = []
        self.rule = None  # what ended the walk before the stack's end
        self.question = None
        # Facts made with other settings than these say something else.
        self.apart = '8472' in row['udp.dstport'] or bool(row['ipv6.fraghdr.nxt']) or \
            any(x not in ('0', '0x0000') for x in row['ip.frag_offset']) or \
            any(x not in ('0', 'False') for x in row['ip.flags.mf'])
        self.computed = False  # the Community ID is not tshark's
        self.walked = 0  # protocols of the stack
        self.end_at = None  # the last protocol of the walk
        self.walk()
        self.vlan = self.tag()
        self.community = self.community_id()

    def take(self, field):
        """The next occurrence of a field, or None."""
        i = self.at[field]
        self.at[field] += 1
        values = self.row[field]
        return values[i] if i < len(values) else None

    def number_of(self, field):
        value = self.take(field)
        return None if value is None else int(value, 0)

    def ip(self, name):
        src, dst, proto, size = ADDRESSES[name]
        layer = Layer(name == 'ipv6', self.take(src), self.take(dst),
                      self.number_of(proto), self.number_of(size))
        if layer.src is None or layer.dst is None:
            self.rule = 'cut'
        else:
            self.layers.append(layer)

    def ports(self, name):
        a, b = (self.number_of(f) for f in PORTS[name])
        if self.layers and b is not None:
            self.layers[-1].ports = (a, b)

    def tag(self):
        """The VLAN of the first tag on the way, or 0."""
        for name in self.stack[:self.walked]:
            if name in ('vlan', 'ieee8021ad'):
                values = self.row[name + '.id']
                return int(values[0], 0) if values else 0
        return 0

    def community_id(self):
        """tshark's, or by R6 the specification's."""
        if not self.layers:
            return ''
        last = self.layers[-1]
        if last.proto in WITH_PORTS and not last.ports:
            self.apart = True
            return ''
        whole = self.rule in (None, 'R1') and not self.row['_ws.malformed'] \
            and self.row['frame.cap_len'] == self.row['frame.len']
        if whole and last.proto in WITH_PORTS and self.row['communityid']:
            return self.row['communityid'][0]
        self.computed = True
        return community(last)

    def walk(self):
        for i, name in enumerate(self.stack):
            self.walked = i + 1
            if name in ADDRESSES:
                self.ip(name)
            elif name in EXTENSIONS:
                proto = self.number_of(EXTENSIONS[name])
                if self.layers and proto is not None:
                    self.layers[-1].proto = proto
            elif name in PORTS:
                self.ports(name)
                after = self.stack[i + 1] if i + 1 < len(self.stack) else ''
                if name == 'udp' and after in TUNNELS | {'mpls'}:
                    continue
                self.end(i, after)
                return
            elif name not in LINKS and name not in TUNNELS:
                self.end(i - 1, name)
                return
            if self.rule:
                return

    def end(self, i, after):
        """The walk ends behind stack[i]."""
        self.end_at = self.stack[i]
        beyond = self.stack[i + 1:]
        if any(p in ADDRESSES for p in beyond):
            self.rule = 'R1' if self.stack[i] in ('icmp', 'icmpv6') else 'R2'
        names = self.row['dns.qry.name']
        if after == 'dns' and self.layers and 53 in (self.layers[-1].ports or ()):
            name = names[0] if names else ''
            if name == '<Root>' or not name.startswith('<'):
                self.question = name
