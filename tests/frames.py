#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""frames.py INTERFACE COUNT WHAT...: sends COUNT frames of each WHAT by the raw
socket, each of a source port of its own: ADDRESS/PORT for a UDP frame to there,
a name for a DNS question about it. Prints how many frames that made."""
import ipaddress
import socket
import struct
import sys


def udp(dst, sport, dport, body):
    dst = ipaddress.ip_address(dst)
    src = ipaddress.ip_address('12.0.0.1' if dst.version == 4 else '2a0f::1')
    udp = struct.pack('>HHHH', sport, dport, 8 + len(body), 0) + body
    if dst.version == 4:
        head = struct.pack('>BBHHHBBH', 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0)
        return b'\x08\x00' + head + src.packed + dst.packed + udp
    head = struct.pack('>IHBB', 6 << 28, len(udp), 17, 64)
    return b'\x86\xdd' + head + src.packed + dst.packed + udp


def question(name):
    labels = b''.join(bytes([len(n)]) + n.encode() for n in name.split('.'))
    return struct.pack('>6H', 7, 0x100, 1, 0, 0, 0) + labels + b'\0\0\1\0\1'


def frame(what, sport):
    if '/' in what:
        dst, port = what.split('/')
        return udp(dst, sport, int(port), b'')
    return udp('12.0.0.2', sport, 53, question(what))


def main():
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind((sys.argv[1], 0))
    count = int(sys.argv[2])
    for i in range(count):
        for what in sys.argv[3:]:
            s.send(b'\xff' * 6 + b'\x02' * 6 + frame(what, 20000 + i))
    print(count * len(sys.argv[3:]))


main()
