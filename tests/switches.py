#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""R16, X27: generation switches under traffic, from the sender's side.

switches.py CTL-SOCKET INTERFACE ITEMS SWITCHES: sends UDP frames by the raw
socket, each a flow of its own, to three addresses in turn: "both" is in every
generation, "one" in every other, "none" in no list. Meanwhile a feed of ITEMS
addresses is replaced SWITCHES times, every time by a list that differs in more
entries than a delta holds, so that each switch is a new base. Then:

  every frame to "both" was a hit, by the kernel's own counter;
  no frame to "none" was;
  from 10 ms after the answer that took "one" away frames to it are no hits
  (all hits of the planes are those of "both"), and after the answer that
  brings it back they are.

Prints TAP and the latencies.
"""
import json
import socket
import struct
import sys
import threading
import time

RATE = 5000          # frames a second to each address
WATCHED = 200        # frames to each address after a switch
IN_FLIGHT = 2        # packets that are counted here, but not yet there
MOVED = 70000        # entries that differ: more than a delta's 65,536
BOTH, ONE, NONE = '203.0.113.1', '203.0.113.2', '203.0.113.3'


class Control:
    def __init__(self, path):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(120)
        self.s.connect(path)
        self.f = self.s.makefile('rb')

    def send(self, op, args, upload=b''):
        line = {'v': 1, 'op': op, 'args': args}
        if upload:
            line['bytes'] = len(upload)
        self.s.sendall(json.dumps(line).encode() + b'\n')
        for n, at in enumerate(range(0, len(upload), 1 << 20)):
            piece = upload[at:at + (1 << 20)]
            self.s.sendall(struct.pack('<II', n, len(piece)) + piece)

    def answer(self):
        answer = json.loads(self.f.readline())
        if 'error' in answer:
            raise RuntimeError(answer['error'])
        return answer['result']

    def ask(self, op, args, upload=b''):
        self.send(op, args, upload)
        return self.answer()

    def hits(self, value):
        items = self.ask('ioc test', {'value': value})['items']
        return sum(i['hits'] for i in items)

    def others(self):
        """Hits of all planes that are not those of BOTH: at least, at most."""
        before = self.hits(BOTH)
        planes = self.ask('status', {})['planes']
        hits = sum(p['counters'].get('hit_packets_dst', 0) for p in planes)
        return hits - self.hits(BOTH), hits - before


class Sender(threading.Thread):
    """Frames of UDP, a source port and address a frame."""

    def __init__(self, interface):
        super().__init__(daemon=True)
        self.s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.s.bind((interface, 0))
        self.on = True
        self.sent = 0  # to each

    def frame(self, dst):
        src = struct.pack('>BBH', 10, 88, self.sent >> 14 & 0xffff)
        udp = struct.pack('>HHHH', 1024 + (self.sent & 0x3fff), 9, 8, 0)
        ip = struct.pack('>BBHHHBBH', 0x45, 0, 28, 1, 0, 64, 17, 0)
        return b'\xff' * 6 + b'\x02' * 6 + b'\x08\x00' + ip + src + \
            socket.inet_aton(dst) + udp

    def run(self):
        begin = time.monotonic()
        while self.on:
            behind = int((time.monotonic() - begin) * RATE) - self.sent
            for _ in range(min(behind, 64)):
                for dst in (BOTH, ONE, NONE):
                    self.s.send(self.frame(dst))
                self.sent += 1
            if behind < 8:
                time.sleep(0.001)


def lists(items):
    def text(skip, more):
        rows = []
        for i in range(skip, items):
            a = 0x14000000 + 11 * i
            rows.append('%d.%d.%d.%d' % (a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255))
        return ('\n'.join(rows + more) + '\n').encode()
    moved = min(MOVED, items // 2)
    return text(0, [BOTH, ONE]), text(moved, [BOTH])


def main():
    ctl = Control(sys.argv[1])
    sender = Sender(sys.argv[2])
    items, switches = int(sys.argv[3]), int(sys.argv[4])
    with_one, without = lists(items)
    problems = {'silent': [], 'back': []}
    took = []

    def switch(upload):
        begin = time.monotonic()
        r = ctl.ask('ioc replace', {'feed': 'big', 'format': 'lines', 'name': 'big',
                                    'force': True}, upload)
        took.append(time.monotonic() - begin)
        return r

    switch(with_one)
    sender.start()
    def others_meanwhile():
        before, sent = ctl.others(), sender.sent
        while sender.sent < sent + WATCHED:
            time.sleep(0.002)
        return ctl.others()[0] - before[1]  # at least

    for n in range(switches):
        switch(with_one if n % 2 else without)
        time.sleep(0.010)
        hits = others_meanwhile()
        tries = 20 if n % 2 else 0  # a slow answer says nothing of what came back
        while hits < WATCHED // 2 and tries:
            hits, tries = others_meanwhile(), tries - 1
        if hits > IN_FLIGHT if n % 2 == 0 else hits < WATCHED // 2:
            problems['back' if n % 2 else 'silent'].append((n, hits))
    sender.on = False
    sender.join()
    time.sleep(0.5)
    both = ctl.hits(BOTH)
    took.sort()
    print('# %d switches of %d items: %.2f s median, %.2f s max; %d frames to each'
          % (switches, items, took[len(took) // 2], took[-1], sender.sent))
    rows = [('every frame to the indicator of all generations is a hit',
             both != sender.sent and '%d hits of %d frames' % (both, sender.sent)),
            ('an indicator that is gone is silent', problems['silent']),
            ('an indicator that came back hits', problems['back'])]
    for n, (name, problem) in enumerate(rows, 1):
        print('%sok %d - %s' % ('not ' if problem else '', n, name))
        if problem:
            print('# %s' % (problem,))
    print('1..%d' % len(rows))
    print('SENT %d' % (3 * sender.sent))


if __name__ == '__main__':
    main()
