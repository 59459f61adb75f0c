#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""kills.py INTERFACE KILLS SEED SOCKET ADDRESSES COMMAND...: starts COMMAND, a
picketd, KILLS times while frames to listed addresses go through INTERFACE, and
kills its daemon each time: as a rule when it has served for a random while, one
time of five while it starts. ADDRESSES is the file of them; SOCKET is the
control socket. Prints what it did."""
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import threading
import time


def udp(dst, sport):
    head = bytes.fromhex('4500001c0001000040110000') + socket.inet_aton('12.0.0.1')
    return (b'\xff' * 6 + b'\x02' * 6 + b'\x08\x00' + head + socket.inet_aton(dst) +
            sport.to_bytes(2, 'big') + bytes.fromhex('000900080000'))


class Traffic(threading.Thread):
    """Some of the addresses met before, again and again, and now and then a new one."""

    def __init__(self, interface, addresses, rng):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.socket.bind((interface, 0))
        self.addresses, self.rng = addresses, rng
        self.met = self.sent = 0
        self.ending = threading.Event()

    def run(self):
        while not self.ending.wait(0.002):
            if self.met < len(self.addresses) and self.rng.random() < 0.2:
                self.met += 1
            for _ in range(5):
                if self.met:
                    dst = self.addresses[self.rng.randrange(self.met)]
                    self.socket.send(udp(dst, 1024 + self.rng.randrange(60000)))
                    self.sent += 1


def serves(path):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        s.connect(path)
        return True
    except OSError:
        return False
    finally:
        s.close()


def child_of(pid):
    with open(f'/proc/{pid}/task/{pid}/children') as f:
        for child in f.read().split():
            with open(f'/proc/{child}/comm') as c:
                if c.read().strip() == 'picketd':
                    return int(child)
    return None


def wait_for(what, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        select.select([], [], [], 0.005)
    return None


def is_ready(path, since):
    with open(path, 'rb') as f:
        f.seek(since)
        return b'ready sensor=' in f.read()


def round_of(command, path, rng, log):
    """0: it did not come; 1: killed while it started; 2: while it served."""
    since = log.seek(0, os.SEEK_END)
    p = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        daemon = wait_for(lambda: serves(path) and child_of(p.pid), 20)
        if not daemon:
            return 0
        early = rng.random() < 0.2
        if not early and not wait_for(lambda: is_ready(log.name, since), 20):
            return 0
        time.sleep(rng.random() * (0.3 if early else 0.5))
        os.kill(daemon, signal.SIGKILL)
        return 1 if early else 2
    finally:
        if p.poll() is None:
            wait_for(lambda: p.poll() is not None, 0.02)
        if p.poll() is None:
            p.terminate()
        try:
            p.wait(20)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()


def main():
    interface, kills, seed, path, listed = sys.argv[1:6]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and end what was begun
    rng = random.Random(int(seed))
    with open(listed) as f:
        addresses = f.read().split()
    traffic = Traffic(interface, addresses, random.Random(int(seed) + 1))
    traffic.start()
    begun, done = time.monotonic(), [0, 0, 0]
    with open('kills.log', 'ab') as log:
        while sum(done) < int(kills) and not done[0]:
            done[round_of(sys.argv[6:], path, rng, log)] += 1
    traffic.ending.set()
    traffic.join()
    print(json.dumps({'kills': done[1] + done[2], 'serving': done[2], 'frames': traffic.sent, 'addresses': traffic.met,
                      'seconds': round(time.monotonic() - begun)}))


main()
