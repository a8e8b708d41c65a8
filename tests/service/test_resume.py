"""A reader that is cut off a thousand times, wherever it hurts, ends with every byte once.

The job writes both streams, bytes that are no UTF-8 among them, and still writes for a part of the time. Each connection is
reset after a random number of received bytes: in heads, in the framing of chunks, in the middle of records. The next one goes on
behind the last whole record, by offset or by Last-Event-ID. The cuts come from a seed that is printed.
"""

import glob
import hashlib
import json
import os
import random
import select
import socket
import struct
import time
import unittest

from harness import ServiceTest, output_bytes, wait_until

CUTS = 1000
CUT_MAX_BYTES = 4000        # received on most connections; all together bring less than the log has
PATIENCE_SECONDS = 0.01     # a reader at the end of what was written is cut as well
SEED = int(os.environ.get("SALLYPORT_SEED", "20261128"))

# Run by the job and by the test: the same bytes on both sides.
WRITER = r"""
import random

def pieces(seed):
    '''(stream, bytes): short and long, text and noise, characters cut in the middle.'''
    chance = random.Random(seed)
    for i in range(9000):
        kind = chance.randrange(10)
        if kind < 5:
            data = b"line %d of many\n" % i
        elif kind < 7:
            data = chance.randbytes(chance.randrange(1, 2000))
        elif kind < 8:
            data = "h\u00e9 \u20ac \U0001f600\n".encode()[:chance.randrange(1, 12)]
        elif kind < 9:
            data = b'data: {"type":"end"}\n\nevent: end\nid: 7\n\r\n0\r\n\r\n'
        else:
            data = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 60))) * chance.randrange(1, 130)
        yield chance.choice((1, 1, 2)), data[:100] if i < 1000 else data
"""
JOB = WRITER + r"""
import os, sys, time
for number, (stream, data) in enumerate(pieces(int(sys.argv[1]))):
    while data:
        data = data[os.write(stream, data):]
    if number < 1000:       # readers catch up with it; then as fast as it goes
        time.sleep(0.004)
"""


class Body:
    """What a connection brings until it is cut: a head, then chunks; whole records come out of it, also of half a chunk."""

    def __init__(self, separator):
        self.separator, self.raw, self.head, self.data = separator, b"", None, b""
        self.left, self.ended = 0, False        # left: of the chunk, with its line's end

    def add(self, data):
        self.raw += data
        if self.head is None and b"\r\n\r\n" in self.raw:
            self.head, self.raw = self.raw.split(b"\r\n\r\n", 1)
        while self.head is not None and self.raw and not self.ended:
            if self.left == 0:
                line, found, rest = self.raw.partition(b"\r\n")
                if not found:
                    return
                self.left, self.raw = int(line, 16) + 2, rest
                self.ended = self.left == 2
            piece = self.raw[:self.left]
            self.data += piece[:max(0, self.left - 2)]
            self.raw = self.raw[len(piece):]
            self.left -= len(piece)

    def records(self):
        *whole, self.data = self.data.split(self.separator)
        return whole


class Resume(ServiceTest):
    @classmethod
    def make_commands(cls):
        script = JOB.replace("{", "{{").replace("}", "}}")      # an element of exec may hold placeholders
        return {"writer": {"exec": ["/usr/bin/python3", "-c", script, "{seed}"], "params": {"seed": {"type": "int", "required": True}}}}

    make_options = classmethod(lambda cls: {"defaults": {"timeout": "5m"}})

    def open(self, path, headers):
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        peer = socket.create_connection(("127.0.0.1", self.instance.port), 30)
        peer.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self.instance.token}\r\n{lines}\r\n".encode())
        return peer

    def read(self, path, headers, separator, most):
        """The whole records of one connection that is cut after `most` bytes; of one that comes to its end, if most is None."""
        body, left = Body(separator), most
        peer = self.open(path, headers)
        try:
            while not body.ended and left != 0:
                if most is not None and not select.select([peer], [], [], PATIENCE_SECONDS)[0]:
                    self.waits += 1
                    break
                data = peer.recv(65536 if left is None else left)
                if not data:
                    break
                left = left - len(data) if left is not None else None
                body.add(data)
            if most is not None:    # the reset, instead of an orderly end
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        finally:
            peer.close()
        if body.head is not None:
            self.assertTrue(body.head.startswith(b"HTTP/1.1 200 "), body.head)
        return body.records()

    def stored(self, job_id):
        """The log as it lies on the disk, and as the API gives it."""
        whole = self.instance.request("GET", f"/v1/jobs/{job_id}/output", headers={"Accept": "text/plain"}).body
        if os.geteuid() == 0:
            path, = glob.glob(os.path.join(self.instance.state, "**", f"{job_id}.log"), recursive=True)
            with open(path, "rb") as file:
                self.assertEqual(file.read(), whole)
        return whole

    def check(self, job_id, seed, got):
        """`got` is [(offset, stream, bytes)] in the order of arrival."""
        job = self.instance.wait(job_id, 120)
        whole, said, at = b"".join(data for _, _, data in got), {"out": b"", "err": b""}, 0
        for offset, stream, data in got:
            self.assertEqual(offset, at, "bytes are missing, or came twice")
            at += len(data)
            said[stream] += data
        self.assertEqual(len(whole), job["output"]["bytes"])
        self.assertEqual(hashlib.sha256(whole).hexdigest(), job["output"]["sha256"])
        self.assertEqual(whole, self.stored(job_id))
        scope = {}
        exec(WRITER, scope)
        witness = {"out": b"", "err": b""}
        for stream, data in scope["pieces"](seed):
            witness["out" if stream == 1 else "err"] += data
        self.assertEqual(said["out"], witness["out"])
        self.assertEqual(said["err"], witness["err"])

    def cut_and_resume(self, job_id, chance, next_records):
        """Cuts CUTS connections at random, half of them while the job may run, and then lets one come to its end. Returns how many
        were cut while it did run."""
        while_running = 0
        for number in range(CUTS):
            # Most are cut early; the rest get further than the largest record, or nothing would ever come through.
            next_records(chance.randrange(1, CUT_MAX_BYTES) if number % 40 else chance.randrange(50000, 80000))
            if number < CUTS // 2 and number % 10 == 0:
                while_running += 10 * (self.instance.job(job_id)["end"] is None)
            if number == CUTS // 2:
                self.instance.wait(job_id, 120)
        self.assertGreater(while_running, 0, "the job had ended before the first cut")
        next_records(None)
        return while_running

    def settle(self, before):
        """Every cut connection is gone, with its descriptors and its watches."""
        front = self.instance.part("front")
        self.assertTrue(wait_until(lambda: len(front.descriptors()) <= before, 20), f"{len(front.descriptors())} descriptors, {before} before")

    def run_cut_off(self, seed, separator, ask, take):
        """ask(job_id, state) -> (path, headers); take(record, state) -> (offset, stream, bytes) or None."""
        print(f"seed {seed}")
        chance, state, got, self.waits = random.Random(seed), {"next": 0}, [], 0
        before = len(self.instance.part("front").descriptors()) if os.geteuid() == 0 else None
        started = time.monotonic()
        job_id = self.instance.submit("writer", {"seed": seed})["id"]

        def next_records(most):
            path, headers = ask(job_id, state)
            for record in self.read(path, headers, separator, most):
                piece = take(record, state)
                if piece is not None:
                    got.append(piece)
            state["connections"] = state.get("connections", 0) + 1
            state["before"], state["last"] = state.get("last", 0), state["next"]
        while_running = self.cut_and_resume(job_id, chance, next_records)
        print(f"{state['connections'] - 1} cuts in {time.monotonic() - started:.1f} s, {while_running} of them while the job ran, "
              f"{self.waits} at the end of what it had written; "
              f"{len(got)} records of {state['next']} bytes, {state['next'] - state['before']} of them behind the last cut")
        self.assertEqual((state.get("end"), state["connections"]), ("succeeded", CUTS + 1))
        self.assertGreater(state["next"], state["before"], "the log had come to its end before the last cut")
        self.check(job_id, seed, got)
        if before is not None:
            self.settle(before)

    def test_by_offset_every_byte_comes_once(self):
        def ask(job_id, state):
            return f"/v1/jobs/{job_id}/output?follow=1&offset={state['next']}", {"Accept": "application/x-ndjson"}

        def take(line, state):
            record = json.loads(line)
            if record["type"] == "end":
                state["end"] = record["state"]
            if record["type"] != "output":
                return None
            data = output_bytes(record)
            state["next"] = record["off"] + len(data)
            return record["off"], record["s"], data
        self.run_cut_off(SEED, b"\n", ask, take)

    def test_by_last_event_id_every_byte_comes_once(self):
        def ask(job_id, state):
            known = {"Last-Event-ID": str(state["next"])} if state["next"] else {}
            return f"/v1/jobs/{job_id}/output", {"Accept": "text/event-stream", **known}

        def take(event, state):
            fields = dict(line.split(b": ", 1) for line in event.split(b"\n") if line and not line.startswith(b":"))
            if fields.get(b"event") == b"end":
                state["end"] = json.loads(fields[b"data"])["state"]
            if fields.get(b"event") != b"output":
                return None
            record = json.loads(fields[b"data"])
            state["next"] = int(fields[b"id"])
            return record["off"], record["s"], output_bytes(record)
        self.run_cut_off(SEED + 1, b"\n\n", ask, take)


if __name__ == "__main__":
    unittest.main()
