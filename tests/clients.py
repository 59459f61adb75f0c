#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Clients that do not do as they should: clients.py CTL-SOCKET uploads half of
lists and chunks out of order; with "two" as second argument, two clients work
at the same time; with "expiry" and interfaces, frames are sent over them to an
indicator while it ends. Says what is wrong, or nothing."""
import calendar
import struct
import sys
import time

from switches import Control, Sender

BYTES = b''.join(b'17.0.%d.%d\n' % (n >> 8, n & 255) for n in range(5000))
PIECE = 16 * 1024


def chunk(number, data, length=None):
    return struct.pack('<II', number, len(data) if length is None else length) + data


def pieces():
    return [BYTES[n:n + PIECE] for n in range(0, len(BYTES), PIECE)]


def uploads():
    p = pieces()
    good = [chunk(n, data) for n, data in enumerate(p)]
    return {
        'a gap': (good[:1] + good[2:], 'upload'),
        'twice the same': ([good[0], good[0]] + good[1:], 'upload'),
        'the wrong order': ([good[1], good[0]] + good[2:], 'upload'),
        'a later beginning': ([chunk(1, p[0])], 'upload'),
        'a short chunk': ([chunk(0, p[0][:100])] + good[1:], 'upload'),
        'an empty chunk': ([chunk(0, b'')], 'upload'),
        'a chunk without end': ([chunk(0, p[0], 0xffffffff)], 'upload'),
        'more than was said': (good[:-1] + [chunk(len(p) - 1, p[-1] + b'x' * PIECE)], 'upload'),
        'the half, then silence': (good[:2], 'timeout'),
        'the half, then no more': (good[:2] + [None], 'closed'),
        'half a chunk': (good[:1] + [good[1][:100], None], 'closed'),
    }


def attempt(path, sent):
    """The error's code, or what came instead."""
    c = Control(path)
    c.s.sendall(b'{"v":1,"op":"ioc load","args":{"feed":"half","format":"lines",'
                b'"name":"half"},"bytes":%d}\n' % len(BYTES))
    try:
        for data in sent:
            if data is None:
                c.s.shutdown(1)
            else:
                c.s.sendall(data)
    except BrokenPipeError:
        pass
    try:
        c.answer()
        return 'done'
    except RuntimeError as e:
        return e.args[0]['code']
    except (OSError, ValueError):
        return 'closed'


def bad_uploads(path):
    def ask(op):
        return Control(path).ask(op, {})  # one that is silent too long is hung up on
    before = ask('ioc history')['commit']
    for what, (sent, code) in uploads().items():
        got = attempt(path, sent)
        if got != code:
            yield '%s: %s, not %s' % (what, got, code)
        if ask('ioc history')['commit'] != before:
            yield '%s: there is a commit' % what
    if 'half' in [f['feed'] for f in ask('feed list')['feeds']]:
        yield 'there is a feed'
    if attempt(path, [chunk(n, d) for n, d in enumerate(pieces())]) != 'done':
        yield 'the whole is not taken'
    Control(path).ask('feed del', {'feed': 'half'})


def result(control):
    try:
        return control.answer()
    except RuntimeError as e:
        return e.args[0]['code']


def big(first):
    return ''.join('%d.%d.%d.1\n' % (first, n >> 8, n & 255) for n in range(65536)).encode()


def together(clients, expect):
    """Both uploads are there before the daemon looks at the last piece of one."""
    for n, c in enumerate(clients):
        data = big(18 + n)
        c.s.sendall(b'{"v":1,"op":"ioc replace","args":{"feed":"f%d","format":"lines",'
                    b'"name":"f"%s},"bytes":%d}\n' % (n, expect, len(data)))
        c.s.sendall(chunk(0, data[:-1], len(data)))
    for c in clients:
        c.s.sendall(b'\n')
    return [result(c) for c in clients]


def words(got):
    return [g if isinstance(g, str) else 'done' for g in got]


def two_loads(path):
    """One after the other, each whole; the second may want to know what it finds."""
    clients = [Control(path), Control(path)]
    before = clients[0].ask('ioc history', {})['commit']
    got = together(clients, b',"expect":%d' % before)
    if sorted(words(got)) != ['conflict', 'done']:
        yield 'two at a time, of one state: %s' % words(got)
        return
    n = words(got).index('conflict')
    args = {'feed': 'f%d' % n, 'format': 'lines', 'name': 'f', 'expect': before + 1}
    clients[n].send('ioc replace', args, big(18 + n))
    again = result(clients[n])
    if not isinstance(again, dict) or again['commit'] != before + 2:
        yield 'once more, with the new one: %s' % again
    for n in range(2):
        clients[n].ask('feed del', {'feed': 'f%d' % n})
    got = together(clients, b'')
    if words(got) != ['done', 'done']:
        yield 'two at a time: %s' % words(got)
        return
    if sorted(g['commit'] for g in got) != [before + 5, before + 6]:
        yield 'two at a time: commits are %s' % [g['commit'] for g in got]
    for n in range(2):
        items = clients[n].ask('feed show', {'feed': 'f%d' % n})['items']
        if items != 65536:
            yield 'of feed f%d there are %d items' % (n, items)
        clients[n].ask('feed del', {'feed': 'f%d' % n})


def two_pushers(path):
    clients = [Control(path), Control(path)]
    before = clients[0].ask('ioc history', {})['commit']
    for n in range(100):
        for i, c in enumerate(clients):
            c.send('ioc add', {'value': '19.%d.0.%d' % (i, n), 'feed': 'two'})
    commits = [result(c)['commit'] for _ in range(100) for c in clients]
    if sorted(commits) != list(range(before + 1, before + 201)):
        yield 'pushes of two: commits are %s' % sorted(commits)
    clients[0].ask('feed del', {'feed': 'two'})


def hits(control):
    """Of each plane."""
    return [p['counters'].get('hit_packets_dst', 0) for p in control.ask('status', {})['planes']]


def expiry(path, interfaces):
    """Frames before its end hit, those a second after it do not."""
    value, ttl, control = '16.1.1.1', 2, Control(path)
    senders = [Sender(i) for i in interfaces]
    before = hits(control)
    added = time.time()
    control.ask('ioc add', {'value': value, 'ttl': ttl})
    items = control.ask('ioc explain', {'value': value})['items']
    end = calendar.timegm(time.strptime(items[0]['feeds'][0]['valid_until'], '%Y-%m-%dT%H:%M:%SZ'))
    least = most = 0
    while time.time() < end + 2:
        for s in senders:
            s.s.send(s.frame(value))
        now = time.time()
        least, most = least + (now < end), most + (now < end + 1)
        time.sleep(0.005)
        control.ask('operations', {})
    if abs(end - added - ttl) > 1:
        yield 'added at %.3f for %d s, it ends at %d' % (added, ttl, end)
    if least < 10:
        yield 'only %d frames were sent in time' % least
    for plane, now in enumerate(hits(control)):
        print('# plane %d: %d hits of %d to %d' % (plane, now - before[plane], least, most))
        if not least <= now - before[plane] <= most:
            yield 'plane %d: %d hits' % (plane, now - before[plane])


def main():
    if sys.argv[2:] == ['two']:
        problems = list(two_loads(sys.argv[1])) + list(two_pushers(sys.argv[1]))
    elif sys.argv[2:3] == ['expiry']:
        problems = list(expiry(sys.argv[1], sys.argv[3:]))
    else:
        problems = list(bad_uploads(sys.argv[1]))
    print('\n'.join(problems))
    sys.exit(1 if problems else 0)


main()
