#!/usr/bin/python3
"""Five thousand clients that hold their connections, and floods beside them: others are served as before, the front stays small, and
the log does not tell the same again and again. With the release build, whose memory is that of production."""

import collections
import contextlib
import json
import os
import re
import resource
import selectors
import socket
import time
import unittest

import harness
from harness import Instance

RELEASE_BIN = os.environ.get("SALLYPORT_RELEASE_BIN", os.path.join(harness.SOURCE, "build", "release", "bin"))
SLOW_CLIENTS = 5000
FLOODS = 40
RESIDENT_MAX_KIB = 60 * 1000
NEEDED_DESCRIPTORS = 3 * SLOW_CLIENTS


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1])


class SlowClients(unittest.TestCase):
    def setUp(self):
        if not os.access(os.path.join(RELEASE_BIN, "sallyportd"), os.X_OK):
            self.skipTest(f"{RELEASE_BIN}/sallyportd is not built")
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < NEEDED_DESCRIPTORS:
            self.skipTest(f"only {hard} descriptors may be open here")
        resource.setrlimit(resource.RLIMIT_NOFILE, (NEEDED_DESCRIPTORS, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        self.instance = Instance({"talk": {"exec": ["/usr/bin/head", "-c", "20000000", "/dev/zero"]}}, bin_directory=RELEASE_BIN)
        self.instance.__enter__()
        self.addCleanup(self.instance.stop)
        self.kept = contextlib.ExitStack()
        self.addCleanup(self.kept.close)
        self.job = self.instance.submit("talk", {})["id"]
        self.instance.wait(self.job)

    def open_slow_client(self, number):
        """From one of many addresses, for one address has its bound: one that does not end its head, its body, or its reading."""
        peer = self.kept.enter_context(socket.socket())
        peer.settimeout(20)
        if number % 3 == 2:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.bind((f"127.0.{1 + number % 20}.1", 0))
        peer.connect(("127.0.0.1", self.instance.port))
        host = f"Host: 127.0.0.1:{self.instance.port}\r\n"
        peer.sendall((
            f"GET /healthz HTTP/1.1\r\n{host}X-A: ",
            f"POST /v1/commands/talk/jobs HTTP/1.1\r\n{host}Content-Type: application/json\r\nContent-Length: 4000\r\n\r\n{{",
            f"GET /v1/jobs/{self.job}/output HTTP/1.1\r\n{host}Authorization: Bearer {self.instance.token}\r\n\r\n",
        )[number % 3].encode())
        return peer

    def flood(self, peers):
        """As much as they take, for a moment: heads without end, chunks without end, requests without reading."""
        kinds = [b"X-A: b\r\n" * 512, b"1\r\na\r\n" * 512, b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 64]
        ends = time.monotonic() + 3
        with selectors.DefaultSelector() as selector:
            for number, peer in enumerate(peers):
                selector.register(peer, selectors.EVENT_WRITE, kinds[number % 3])
            while time.monotonic() < ends:
                for key, _ in selector.select(0.1):
                    with contextlib.suppress(OSError):
                        key.fileobj.send(key.data)

    def test_others_are_served_the_front_stays_small_and_the_log_is_short(self):
        for number in range(SLOW_CLIENTS):
            self.open_slow_client(number)
        floods = [self.kept.enter_context(socket.create_connection(("127.0.0.1", self.instance.port), 20)) for _ in range(FLOODS)]
        for peer in floods:
            peer.setblocking(False)
        front = self.instance.part("front")
        sizes = []
        for _ in range(3):
            self.flood(floods)
            sizes.append(resident_kib(front.pid))
            for _ in range(50):
                self.assertEqual(self.instance.request("GET", "/v1/whoami").status, 200)
        self.assertEqual(self.instance.run("talk", timeout=120).state, "succeeded")
        self.assertEqual(self.instance.part("front"), front)
        self.assertLess(max(sizes), RESIDENT_MAX_KIB)
        self.assert_log_is_calm()

    def assert_log_is_calm(self):
        """No message comes twice in one second."""
        told = collections.Counter()
        for line in self.instance.log().splitlines():
            with contextlib.suppress(ValueError, KeyError):
                record = json.loads(line)
                told[record["time"][:19], re.sub(r"[0-9]+", "0", record["message"])] += 1
        self.assertEqual([entry for entry in told.items() if entry[1] > 1 and "job" not in entry[0][1]], [])


if __name__ == "__main__":
    unittest.main()
