#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Row N18: names whose labels are what they should not be.

hostile_names.py write PCAP       a question for each, of a client of its own,
                                  below sub.example
hostile_names.py check THREATS    each name is in a threat, and comes back
                                  byte for byte from \\DDD (RFC 1035, 5.1)
"""
import json
import re
import struct
import sys

LABELS = [bytes([b]) for b in range(256)] + [bytes([b, b ^ 0x5a]) for b in range(256)] + [
    b'"},"type":"forged",{"', b'\\x41\\', b"line\nbreak\r", b"\x1b]0;owned\x07\x1b[2J",
    b"</script>{}", b"%n%s%99999d", b"a|b=c]d", b"\xe2\x80\xaeevil", b"na\xc3\xafve",
    b"=cmd|' /C calc'!A0", b"`id`$(id)", b"\\\\.\\\"", b"a.b", b"\x9b31m"]
SUFFIX = b"\3sub\7example\0"


def question(client, label):
    wire = bytes([len(label)]) + label + SUFFIX
    dns = struct.pack(">6H", client, 0x100, 1, 0, 0, 0) + wire + b"\0\1\0\1"
    udp = struct.pack(">4H", 4000, 53, 8 + len(dns), 0) + dns
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), client, 0, 64, 17, 0)
    return (b"\2" * 12 + b"\x08\0" + head + bytes([10, 18, client >> 8, client & 255]) +
            bytes([192, 0, 2, 53]) + udp)


def write(path):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for i, label in enumerate(LABELS):
            frame = question(i, label)
            f.write(struct.pack("<IIII", 1700000000, i, len(frame), len(frame)) + frame)


def wire(text):
    labels, label, at = [], b"", 0
    while at < len(text):
        m = re.match(r"\\(\d{3})|\\(.)|(.)", text[at:], re.S)
        at += m.end()
        if m.group(1):
            label += bytes([int(m.group(1))])
        elif m.group(3) == ".":
            labels, label = labels + [label], b""
        else:
            label += (m.group(2) or m.group(3)).encode("ascii")
    return b"".join(bytes([len(x)]) + x for x in labels + [label]) + b"\0"


def check(path):
    got = {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            t = json.loads(line)
            if t["offender"].startswith("10.18.") and t["state"] == "open":
                # of the message: each \xNN is one byte
                name = re.sub(r"\\x([0-9a-f]{2})", lambda m: chr(int(m.group(1), 16)),
                              t["details"]["name"])
                got[t["offender"]] = wire(name)
    for i, label in enumerate(LABELS):
        want = bytes([len(label)]) + bytes(label).lower() + SUFFIX
        if got.get(f"10.18.{i >> 8}.{i & 255}") != want:
            sys.exit(f"# {label!r}: {got.get(f'10.18.{i >> 8}.{i & 255}')!r}")
    print(f"# {len(LABELS)}")


if __name__ == "__main__":
    {"write": write, "check": check}[sys.argv[1]](sys.argv[2])
