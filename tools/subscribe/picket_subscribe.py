#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every threat of a sensor, in order, a line each.

    picket_subscribe.py [--since N|now] [--count N] [--idle SECONDS]
                        [--state FILE] [--replay ENDPOINT]
                        [--server-key FILE --secret FILE] [ENDPOINT]

The protocol of the bus and its replay server, written down once more and from
the description alone: an example for other subscribers, and what the tests
hold the C one against. Needs python3-zmq.
"""
import argparse
import json
import os
import struct
import sys
import time

import zmq

HEADER = struct.Struct("<HHIQQQ")  # schema, class, sensor, epoch, number, ns
SCHEMA, HEARTBEAT, THREAT, ANSWER = 1, 0, 1, 0xFFFF
CREDIT, PATIENCE_S = 1000, 3


def replay_endpoint(bus):
    """Where the replay server of that bus is."""
    if bus.startswith("ipc://"):
        return bus.rsplit("/", 1)[0] + "/replay.sock"
    host, port = bus.rsplit(":", 1)
    return "%s:%d" % (host, int(port) + 1)


class Subscriber:
    """Gives ("message", json), ("gap", from, to) or ("anew", from)."""

    def __init__(self, bus, replay, since, epoch, keys=None):
        self.keys = keys
        self.next = None if since is None else since + 1
        self.epoch = epoch
        self.top = 0
        self.ids = 0
        context = zmq.Context.instance()
        self.sub = context.socket(zmq.SUB)
        self.sub.setsockopt(zmq.SUBSCRIBE, b"v1/threat/")
        self.sub.setsockopt(zmq.SUBSCRIBE, b"v1/hb/")
        self.use_keys(self.sub)
        self.sub.connect(bus)
        self.context, self.replay = context, replay
        self.dealer = None

    def use_keys(self, socket):
        """The sensor's public key and our own secret: CURVE."""
        if self.keys:
            server, secret = self.keys
            socket.curve_serverkey = server
            socket.curve_publickey = zmq.curve_public(secret)
            socket.curve_secretkey = secret

    def close(self):
        self.sub.close(linger=0)
        if self.dealer:
            self.dealer.close(linger=0)

    def reconnect(self):
        """What was asked on an old connection will not be answered here."""
        if self.dealer:
            self.dealer.close(linger=0)
        self.dealer = self.context.socket(zmq.DEALER)
        self.use_keys(self.dealer)
        self.dealer.connect(self.replay)

    def answer(self):
        if not self.dealer.poll(PATIENCE_S * 1000):
            raise TimeoutError
        topic, head, text = self.dealer.recv_multipart()
        return topic.decode(), HEADER.unpack(head), text

    def ask(self, **request):
        self.dealer.send(json.dumps(request).encode())

    def hello(self):
        """How far is the journal, and are its numbers the ones we know?"""
        self.reconnect()
        self.ask(op="hello")
        topic, _, text = self.answer()
        told = json.loads(text)
        if topic == "v1/error/":
            time.sleep(1)  # to be asked again, not at once
            raise TimeoutError(told["error"])
        assert topic == "v1/hello/", (topic, text)
        epoch, threat = int(told["epoch"], 16), told["classes"]["threat"]
        other = self.epoch not in (None, epoch)
        self.epoch, self.top = epoch, threat["last"]
        if self.next is None:
            self.next = self.top + 1
        elif self.next > self.top + 1 or other and threat["began"] < self.next:
            self.next = 1
            yield ("anew", 1)

    def fetch(self):
        """All from self.next to self.top, at the pace of the reader."""
        self.ids += 1
        self.ask(op="replay", id=self.ids, to=self.top, credit=CREDIT,
                 **{"class": "threat", "from": self.next})
        used = 0
        while True:
            topic, head, text = self.answer()
            if head[1] == THREAT:
                used += 1
                if used == CREDIT // 2:
                    self.ask(op="credit", id=self.ids, credit=used)
                    used = 0
                assert head[4] == self.next, (head, self.next)
                self.next += 1
                yield ("message", text)
                continue
            told = json.loads(text)
            assert told.get("id") == self.ids, told
            if topic == "v1/gap/":
                assert told["from"] == self.next, told
                self.next = told["to"] + 1
                yield ("gap", told["from"], told["to"])
            elif topic == "v1/end/":
                return
            else:
                raise TimeoutError(told.get("error"))

    def catch_up(self):
        """Until nothing is missing; whatever does not answer is asked again."""
        while True:
            try:
                if self.dealer is None:
                    yield from self.hello()
                before = None
                while self.next <= self.top and before != self.next:
                    before = self.next
                    yield from self.fetch()
                return
            except TimeoutError as why:
                print("picket_subscribe: no answer, asking again", why,
                      file=sys.stderr)
                self.dealer.close(linger=0)
                self.dealer = None

    def events(self, wait_ms):
        """For ever; None when there was nothing for wait_ms."""
        yield from self.catch_up()
        while True:
            if not self.sub.poll(wait_ms):
                yield None
                continue
            topic, head, text = self.sub.recv_multipart()
            schema, kind, _, epoch, number, _ = HEADER.unpack(head)
            if schema != SCHEMA:
                continue
            if epoch != self.epoch:
                self.dealer.close(linger=0)
                self.dealer = None
            elif kind == HEARTBEAT:
                self.top = max(self.top, json.loads(text)["last"]["threat"])
            elif kind == THREAT:
                self.top = max(self.top, number)
                if number == self.next:
                    self.next += 1
                    yield ("message", text)
            if self.dealer is None or self.next <= self.top:
                yield from self.catch_up()


def load(path):
    try:
        with open(path, encoding="ascii") as f:
            number, epoch = f.read().split()
        return int(number), int(epoch, 16)
    except FileNotFoundError:
        return None


def save(path, subscriber):
    sys.stdout.flush()
    if not path or subscriber.next is None:
        return
    with open(path + ".new", "w", encoding="ascii") as f:
        f.write("%d %016x\n" % (subscriber.next - 1, subscriber.epoch))
    os.replace(path + ".new", path)


def read_key(path):
    """The first line of a key file that is none of its remarks."""
    with open(path, "rb") as f:
        return next(line.strip() for line in f
                    if line.strip() and not line.startswith(b"# "))


def arguments():
    p = argparse.ArgumentParser(description="every threat of a sensor")
    p.add_argument("endpoint", nargs="?", default="ipc:///run/picket/bus.sock")
    p.add_argument("--since", default="now")
    p.add_argument("--state")
    p.add_argument("--count", type=int, default=0)
    p.add_argument("--idle", type=float, default=0)
    p.add_argument("--replay")
    p.add_argument("--server-key", type=read_key)
    p.add_argument("--secret", type=read_key)
    return p.parse_args()


def main():
    a = arguments()
    since, epoch = (None if a.since == "now" else int(a.since)), None
    if a.state and load(a.state):
        since, epoch = load(a.state)
    s = Subscriber(a.endpoint, a.replay or replay_endpoint(a.endpoint), since,
                   epoch, a.secret and (a.server_key, a.secret))
    printed, gaps, heard = 0, False, time.monotonic()
    for event in s.events(200):
        if event is None:
            save(a.state, s)
            if a.idle and time.monotonic() - heard >= a.idle:
                break
            continue
        heard = time.monotonic()
        if event[0] == "message":
            sys.stdout.buffer.write(event[1] + b"\n")
            printed += 1
        elif event[0] == "gap":
            gaps = True
            sys.stdout.buffer.write(b'{"gap":{"from":%d,"to":%d}}\n'
                                    % event[1:])
        else:
            sys.stdout.buffer.write(b'{"anew":{"from":%d}}\n' % event[1])
        if printed % 1000 == 0:
            save(a.state, s)
        if a.count and printed >= a.count:
            break
    save(a.state, s)
    s.close()
    return 5 if gaps else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
