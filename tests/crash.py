#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""G09: the daemon is killed in the middle of pushes and replaces, again and again.

crash.py RUN-DIR CONFIG PICKETD ROUNDS SECONDS [ITEMS]: runs picketd with CONFIG (in the
network namespace it is called in), whose state_dir is RUN-DIR/state and whose
socket RUN-DIR/d/ctl.sock. ROUNDS times a SIGKILL hits it at a moment drawn from
a fixed seed, every fifth time the launcher, too; then for SECONDS it dies at the
1st, 2nd, ... system call by which a replace changes files (strace). After each
death what is there must be the commit before or after the operation that was
under way, whole, with everything that was acknowledged, each in its slot; and
the audit log must consist of whole lines. Prints TAP; the last daemon is left
running, its pid in RUN-DIR/pid, and what it should know in RUN-DIR/known.
"""
import json
import os
import random
import signal
import subprocess
import sys
import time

from switches import Control

ITEMS = int(sys.argv[6]) if sys.argv[6:] else 8000  # of a list that is replaced
STEP = ITEMS // 4  # that leave it and come with each version
CALLS = ('pwrite64', 'write', 'fdatasync', 'fsync', 'openat', 'renameat', 'unlinkat', 'ftruncate',
         'fallocate')


def address(n):
    a = 0x15000000 + 7 * n
    return '%d.%d.%d.%d' % (a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255)


def until(what, condition, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.005)
    raise RuntimeError('%s: not within %d s' % (what, seconds))


def children(pid):
    try:
        with open('/proc/%d/task/%d/children' % (pid, pid)) as f:
            return [int(p) for p in f.read().split()]
    except OSError:
        return []


def name_of(pid):
    try:
        with open('/proc/%d/comm' % pid) as f:
            return f.read().strip()
    except OSError:
        return ''


def gone(pid):
    """A zombie is gone."""
    try:
        with open('/proc/%d/stat' % pid) as f:
            return f.read().rpartition(')')[2].split()[0] in 'ZX'
    except OSError:
        return True


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


class Picketd:
    def __init__(self, run, config, program):
        self.run, self.command = run, [program, '-c', config]
        self.launcher = None
        self.log = open(run + '/crash.log', 'ab')

    def daemon(self):
        pids = [p for p in children(self.launcher.pid) if name_of(p) == 'picketd']
        return pids[0] if pids else 0

    def start(self):
        self.launcher = subprocess.Popen(self.command, stdout=self.log, stderr=self.log)
        with open(self.run + '/pid', 'w') as f:
            f.write('%d\n' % self.launcher.pid)

    def control(self):
        """To a daemon that answers; a launcher that gave up is replaced."""
        def answers():
            if self.launcher.poll() is not None:
                self.start()
            try:
                control = Control(self.run + '/d/ctl.sock')
                status = control.ask('ioc status', {})
                return control if status['state'] != 'loading' else None
            except (OSError, ValueError, RuntimeError):
                return None
        return until('the daemon answers', answers)

    def end(self):
        pid = self.daemon()
        kill(self.launcher.pid)
        kill(pid)
        self.launcher.wait()
        until('it is gone', lambda: gone(pid))


class Model:
    """What was acknowledged, and what may have happened besides."""

    def __init__(self):
        self.pushed, self.version = set(), -1
        self.slots, self.commit = {}, 0
        self.pending = None
        self.deaths = {'before': 0, 'after': 0}
        self.took = {'push': 0.004, 'replace': 0.030}

    def bulk(self, version):
        return {address(n) for n in range(version * STEP, version * STEP + ITEMS)} \
            if version >= 0 else set()

    def apply(self, operation):
        if operation[0] == 'push':
            self.pushed.add(operation[1])
        else:
            self.version = operation[1]
        self.pending = None

    def states(self):
        """(pushed, bulk) before and after what is under way."""
        old = self.pushed, self.bulk(self.version)
        if not self.pending:
            return [old]
        if self.pending[0] == 'push':
            return [old, (old[0] | {self.pending[1]}, old[1])]
        return [old, (old[0], self.bulk(self.pending[1]))]


def listed(control, feed):
    items, after = {}, None
    while True:
        args = {'feed': feed, 'limit': 10000}
        if after is not None:
            args['after'] = after
        try:
            r = control.ask('ioc list', args)
        except RuntimeError as e:
            if 'not-found' in str(e):
                return items
            raise
        items.update((i['value'], i['slot']) for i in r['items'])
        after = r.get('next')
        if after is None:
            return items


def check_log(run, commit):
    """Whole lines, and every commit once and in order."""
    with open(run + '/state/indicators/audit.ndjson', 'rb') as f:
        text = f.read()
    if text and not text.endswith(b'\n'):
        return 'the audit log ends in half a line: %r' % text[-80:]
    numbers = []
    for line in text.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            return 'the audit log has a torn line: %r' % line
        if row['commit']:
            numbers.append(row['commit'])
    if numbers != sorted(set(numbers)):
        return 'commits are out of order in the audit log'
    missing = set(range(1, commit + 1)) - set(numbers)
    return 'the audit log lacks commits %s' % sorted(missing) if missing else ''


def check(model, control, run):
    """'' or what is wrong; the model becomes what is there."""
    pushed, bulk = listed(control, 'manual'), listed(control, 'bulk')
    states = model.states()
    which = [i for i, s in enumerate(states) if s == (set(pushed), set(bulk))]
    if not which:
        return 'neither old nor new: %d pushed of %d, %d in bulk; pending %s' % (
            len(pushed), len(model.pushed), len(bulk), model.pending)
    commit = control.ask('ioc history', {'limit': 1})['commit']
    if model.pending:
        model.deaths['after' if which[0] else 'before'] += 1
    if commit != model.commit + which[0]:
        return 'commit %d, not %d + %d' % (commit, model.commit, which[0])
    if which[0]:
        model.apply(model.pending)
    model.pending, model.commit = None, commit
    slots = {**bulk, **pushed}
    moved = [v for v in slots if v in model.slots and model.slots[v] != slots[v]]
    if moved or len(set(slots.values())) != len(slots):
        return 'slots moved or are shared: %s' % moved[:5]
    model.slots = slots
    return check_log(run, commit)


def operation(model, n):
    if n % 3:
        return 'push', '200.0.%d.%d' % (len(model.slots) >> 8 & 255, n & 255)
    return 'replace', model.version + 1


def send(control, op):
    """Only the request: the answer may never come."""
    if op[0] == 'push':
        control.send('ioc add', {'value': op[1]})
    else:
        rows = [address(n) for n in range(op[1] * STEP, op[1] * STEP + ITEMS)]
        control.send('ioc replace', {'feed': 'bulk', 'format': 'lines', 'name': 'bulk',
                                     'force': True}, ('\n'.join(rows) + '\n').encode())


def answered(control, model):
    try:
        model.commit = control.answer()['commit']
        model.apply(model.pending)
        return True
    except (OSError, ValueError):
        return False


def complete(control, model, n):
    model.pending = operation(model, n)
    kind, begin = model.pending[0], time.monotonic()
    send(control, model.pending)
    assert answered(control, model)
    model.took[kind] = time.monotonic() - begin


def random_deaths(picketd, model, rounds):
    """Yields what was wrong after each."""
    draw = random.Random(20)
    control = picketd.control()
    for n in range(rounds):
        for i in range(2):
            complete(control, model, 1000 + 2 * n + i)
        daemon = picketd.daemon()
        model.pending = operation(model, n)
        delay = draw.random() * model.took[model.pending[0]]
        try:
            send(control, model.pending)
            end = time.monotonic() + delay
            while time.monotonic() < end:
                pass
        except OSError:
            pass
        if n % 5 == 4:
            kill(picketd.launcher.pid)
        kill(daemon)
        until('it is gone', lambda: gone(daemon))
        if n % 5 == 4:
            picketd.launcher.wait()
        answered(control, model)  # it may have come before the death
        control = picketd.control()
        yield check(model, control, picketd.run)


def traced_death(picketd, control, model, call, n):
    """At the Nth such call of a thread; False if there are fewer."""
    daemon = picketd.daemon()
    tracer = subprocess.Popen(
        ['strace', '-f', '-qq', '-o', '/dev/null', '-p', str(daemon), '-e', 'trace=' + call,
         '-e', 'inject=%s:signal=SIGKILL:when=%d' % (call, n)], stderr=subprocess.DEVNULL)
    until('it is traced', lambda: traced(daemon))
    model.pending = 'replace', model.version + 1
    try:
        send(control, model.pending)
        died = not answered(control, model)
        if not died:
            until('it is on disk', lambda: not control.ask('ioc status', {})['disk']['behind'])
    except (OSError, ValueError):
        died = True
    tracer.kill()  # it may wait for a zombie for ever
    tracer.wait()
    if died:
        until('it is gone', lambda: gone(daemon))
    return died


def traced_deaths(picketd, model, seconds):
    """One for each call, until the time is over."""
    end = time.monotonic() + seconds
    control = picketd.control()
    for call in CALLS:
        n, died = 0, time.monotonic() < end
        while died and time.monotonic() < end:
            n += 1
            died = traced_death(picketd, control, model, call, n)
            control = picketd.control()
            yield check(model, control, picketd.run)
        print('# %s: died at %d%s' % (call, n - (not died and n > 0), ', time is over' * died))


def traced(pid):
    try:
        for task in os.listdir('/proc/%d/task' % pid):
            with open('/proc/%d/task/%s/status' % (pid, task)) as f:
                if 'TracerPid:\t0' in f.read():
                    return False
        return True
    except OSError:
        return True


def report(number, name, results):
    count, problems = 0, []
    for count, problem in enumerate(results, 1):
        if problem:
            problems.append('death %d: %s' % (count, problem))
            break
    print('%sok %d - %s' % ('not ' if problems or not count else '', number, name % count))
    for problem in problems:
        print('# ' + problem)
    sys.stdout.flush()


def main():
    run, config, program = sys.argv[1:4]
    model, picketd = Model(), Picketd(run, config, program)
    picketd.start()
    report(1, '%d deaths at random moments leave a whole commit',
           random_deaths(picketd, model, int(sys.argv[4])))
    report(2, '%d deaths at the system calls of a replace, too',
           traced_deaths(picketd, model, float(sys.argv[5])))
    print('# the operation under way was lost %(before)d times, done %(after)d times'
          % model.deaths)
    with open(run + '/known', 'w') as f:
        f.write('\n'.join(sorted(model.pushed | model.bulk(model.version))) + '\n')


if __name__ == '__main__':
    main()
