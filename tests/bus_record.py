#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""bus_record.py RUN_DIR OUT: all that the bus says, as "topic TAB json" lines,
and what the replay server answers to a greeting, a replay and nonsense; until
SIGTERM. For tests/schema.py bus."""
import json
import signal
import sys

try:
    import zmq
except ImportError:
    sys.exit(77)

run, out = sys.argv[1], open(sys.argv[2], "w", encoding="utf-8")
context = zmq.Context()
bus = context.socket(zmq.SUB)
bus.setsockopt(zmq.SUBSCRIBE, b"")
bus.connect(f"ipc://{run}/bus.sock")
server = context.socket(zmq.DEALER)
server.connect(f"ipc://{run}/replay.sock")
for request in ({"op": "hello"}, {"op": "nonsense", "id": 7}, {"op": 1},
                {"op": "replay", "id": 1, "class": "threat", "from": 1, "credit": 1000}):
    server.send(json.dumps(request).encode())
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
poller = zmq.Poller()
poller.register(bus, zmq.POLLIN)
poller.register(server, zmq.POLLIN)
while True:
    for socket, _ in poller.poll():
        frames = socket.recv_multipart()
        out.write(f"{frames[0].decode()}\t{frames[2].decode()}\n")
        out.flush()
