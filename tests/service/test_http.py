#!/usr/bin/python3
"""What the service reads on its sockets: every request of http_cases.py has its one answer, however its bytes arrive, and a second
reader (http_reference.py) comes to the same verdict; who may ask from a browser, and how many connections an address has."""

import array
import contextlib
import fcntl
import os
import random
import re
import socket
import sys
import termios
import time
import unittest

import http_cases
import http_reference
from harness import BIN, Instance, ServiceTest

AFTER = b"GET /after HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
INSTANCE = re.compile(rb'"instance":"([^"]*)"')
MUTATIONS = 1500
LONG_CASE_BYTES = 400  # beyond, only some places are cut at


def receive_all(peer):
    """All that comes up to the peer's end."""
    answer = b""
    with contextlib.suppress(ConnectionResetError):
        while part := peer.recv(65536):
            answer += part
    return answer


def send_all(peer, data):
    """A refusal may come before all of it was taken."""
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        peer.sendall(data)


def wait_until_read(peer):
    """Until the other end of a unix socket has taken all that was sent: what waits there counts as ours (unix(7), SIOCOUTQ)."""
    waiting = array.array("i", [1])
    deadline = time.monotonic() + 10
    while waiting[0] > 0:
        fcntl.ioctl(peer, termios.TIOCOUTQ, waiting)
        if time.monotonic() > deadline:
            raise TimeoutError("the service does not read")


class HttpTest(ServiceTest):
    commands = {"any": {"exec": ["/usr/bin/true"]}}
    server = {"hosts": ["jobs.example.org"], "origins": ["https://dash.example.org"]}

    @classmethod
    def setUpClass(cls):
        if not os.access(os.path.join(BIN, "sallyportd"), os.X_OK):
            raise unittest.SkipTest(f"{BIN}/sallyportd is not built")
        cls.instance = Instance(cls.commands, server=cls.server)
        cls.instance.config["server"]["listen"].append(f"unix:{cls.instance.socket_path}")
        cls.instance.__enter__()

    def over_tcp(self, *parts):
        with socket.create_connection(("127.0.0.1", self.instance.port), 10) as peer:
            for part in parts:
                send_all(peer, part)
            return receive_all(peer)

    def over_unix(self, *parts):
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(10)
            peer.connect(self.instance.socket_path)
            for number, part in enumerate(parts):
                send_all(peer, part)
                if number + 1 < len(parts):
                    wait_until_read(peer)
            return receive_all(peer)

    def assert_answer(self, case, answer):
        """One answer with the case's status, and one to the request behind it if this one was taken."""
        answer = answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n") if b"Expect" in case.data else answer
        self.assertNotIn(b"/smuggled", answer, case.name)
        statuses = [int(status) for status in STATUS.findall(answer)]
        self.assertEqual(statuses[:1], [case.status], (case.name, answer[:300]))
        is_taken = case.status in (http_cases.FINE, http_cases.NOT_HERE, http_cases.NEEDS_TOKEN, http_cases.NOT_US)
        self.assertEqual(statuses[1:], [401] if is_taken else [], (case.name, answer[-300:]))
        if is_taken:
            self.assertEqual(INSTANCE.findall(answer)[-1], b"/after", case.name)
        elif case.status != 200:
            self.assertIn(b"application/problem+json", answer, case.name)


class Requests(HttpTest):
    """Bytes that two readers could take differently are refused, with the right status, and nothing behind them is looked at."""

    def test_every_request_has_its_one_answer(self):
        self.assertGreaterEqual(len(http_cases.CASES), 250)
        for case in (*http_cases.CASES, *http_cases.NAMES):
            with self.subTest(case.name):
                self.assert_answer(case, self.over_tcp(case.data + AFTER))
        self.assertEqual(self.instance.request("GET", "/healthz", token=None).status, 200)

    def test_the_answer_is_the_same_wherever_the_bytes_are_cut(self):
        for case in http_cases.CASES:
            size = len(case.data)
            with self.subTest(case.name):
                for cut in range(1, size, 1 if size <= LONG_CASE_BYTES else size // 16):
                    answer = self.over_unix(case.data[:cut], case.data[cut:] + AFTER)
                    self.assert_answer(case, answer)

    def test_a_byte_at_a_time_makes_no_difference(self):
        for case in http_cases.CASES:
            if len(case.data) <= LONG_CASE_BYTES:
                self.assert_answer(case, self.over_unix(*(bytes([byte]) for byte in case.data), AFTER))

    def test_a_second_reader_comes_to_the_same_verdict(self):
        for case in http_cases.CASES:
            with self.subTest(case.name):
                self.assertEqual(self.verdict(case.data + AFTER), case.status)

    def verdict(self, data):
        """The status by the reference; what a request is answered with that is one, by the target and the method."""
        try:
            method, target, _ = http_reference.read_request(data)
        except http_reference.Refused as refused:
            return refused.status
        if re.fullmatch(rb"/(h|%68)ealth(z|%7A)\??", target) is None:
            return http_cases.NEEDS_TOKEN
        return http_cases.FINE if method in (b"GET", b"HEAD") else http_cases.NOT_HERE

    def test_both_readers_agree_on_requests_with_a_few_bytes_changed(self):
        chance = random.Random(20261129)
        cases = [case for case in http_cases.CASES if len(case.data) <= LONG_CASE_BYTES]
        counts = {True: 0, False: 0}
        for _ in range(MUTATIONS):
            data = self.mutate(chance, chance.choice(cases).data, chance.choice(cases).data)
            try:
                whole = http_reference.read_request(data + AFTER)[2] is not None
                refused = None
            except http_reference.Refused as error:
                whole, refused = True, error.status
            if not whole:
                continue
            counts[refused is None] += 1
            status = int(STATUS.match(self.over_unix(data + AFTER))[1])
            if refused is not None:
                self.assertEqual(status, refused, data)
            else:
                self.assertIn(status, (200, 401, 403, 405), data)
        self.assertGreater(min(counts.values()), MUTATIONS // 20, "both kinds came often enough to mean something")

    @staticmethod
    def mutate(chance, data, other):
        data = bytearray(data)
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(data) + 1)
            kind = chance.randrange(4)
            if kind == 0:
                data[at:at + 1] = bytes([chance.choice(b"\r\n\t :;,/%0123456789azAZ\x00\x0b\x7f\xff")])
            elif kind == 1:
                del data[at:at + chance.randint(1, 4)]
            elif kind == 2:
                data[at:at] = data[at:at + chance.randint(1, 20)]
            else:
                start = chance.randrange(len(other) + 1)
                data[at:at] = other[start:start + chance.randint(1, 20)]
        return bytes(data)

    def test_a_plain_lenient_reader_would_have_been_fooled(self):
        """The cases are no paper tigers: what Python's own reader takes for one request, or for a fine one, is refused here."""
        fooled = [case.name for case in http_cases.CASES if case.status == 400 and self.lenient_reader_takes(case.data)]
        self.assertGreater(len(fooled), 60, fooled)

    @staticmethod
    def lenient_reader_takes(data):
        lines = re.split(rb"\r?\n", data.partition(b"\r\n\r\n")[0] if b"\r\n\r\n" in data else data.partition(b"\n\n")[0])
        return len(lines[0].split()) == 3 and lines[0].split()[2].startswith(b"HTTP/")


class Slowness(HttpTest):
    """A client has so much time, and an answer when it is over."""

    def test_a_head_that_does_not_end_is_told_so(self):
        started = time.monotonic()
        with socket.create_connection(("127.0.0.1", self.instance.port), 40) as peer:
            peer.sendall(b"GET /healthz HTTP/1.1\r\n")
            answer = receive_all(peer)
        self.assertEqual(int(STATUS.match(answer)[1]), 408, answer)
        self.assertGreater(time.monotonic() - started, 5)

    def test_a_body_that_trickles_is_told_so(self):
        with socket.create_connection(("127.0.0.1", self.instance.port), 1) as peer:
            peer.sendall(http_cases.post(b"Content-Length: 100000\r\n"))
            answer, deadline = b"", time.monotonic() + 60
            while not answer and time.monotonic() < deadline:
                peer.sendall(b"x")
                with contextlib.suppress(TimeoutError):
                    answer = peer.recv(65536)
        self.assertEqual(int(STATUS.match(answer)[1]), 408, answer)


class Browsers(HttpTest):
    """Pages of other sites cannot act through a user's browser."""

    def ask(self, method, path="/v1/commands/any/jobs", **headers):
        return self.instance.request(method, path, {"params": {}} if method == "POST" else None,
                                     headers={name.replace("_", "-"): value for name, value in headers.items()})

    def test_acting_requests_of_other_sites_pages_are_refused(self):
        own = f"http://127.0.0.1:{self.instance.port}"
        for headers in ({"Origin": "https://evil.example.org"}, {"Origin": "null"}, {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"},
                        {"Origin": own, "Sec_Fetch_Site": "cross-site"}, {"Origin": "http://127.0.0.1:1"}, {"Origin": own + ".evil.org"},
                        {"Origin": "https://dash.example.org.evil.org"}):
            answer = self.ask("POST", **headers)
            self.assertEqual((answer.status, answer.json()["code"]), (403, "cross-site"), headers)
            self.assertIsNone(answer.headers.get("Access-Control-Allow-Origin"), headers)

    def test_own_pages_listed_ones_and_programs_are_served(self):
        own = f"http://127.0.0.1:{self.instance.port}"
        for headers in ({}, {"Origin": own, "Sec_Fetch_Site": "same-origin"}, {"Origin": own}, {"Sec_Fetch_Site": "none"},
                        {"Origin": "https://dash.example.org", "Sec_Fetch_Site": "cross-site"}):
            self.assertEqual(self.ask("POST", **headers).status, 202, headers)

    def test_only_listed_origins_may_read_and_ask_beforehand(self):
        listed = self.ask("GET", "/v1/whoami", Origin="https://dash.example.org")
        self.assertEqual((listed.status, listed.headers["Access-Control-Allow-Origin"], listed.headers["Vary"]),
                         (200, "https://dash.example.org", "Origin"))
        other = self.ask("GET", "/v1/whoami", Origin="https://evil.example.org")
        self.assertIsNone(other.headers.get("Access-Control-Allow-Origin"))
        preflight = self.instance.request("OPTIONS", "/v1/commands/any/jobs", token=None, headers={
            "Origin": "https://dash.example.org", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"})
        self.assertEqual(preflight.status, 204)
        self.assertIn("Authorization", preflight.headers["Access-Control-Allow-Headers"])
        refused = self.instance.request("OPTIONS", "/v1/commands/any/jobs", token=None, headers={
            "Origin": "https://evil.example.org", "Access-Control-Request-Method": "POST"})
        self.assertIsNone(refused.headers.get("Access-Control-Allow-Origin"))
        self.assertNotEqual(refused.status, 204)

    def test_nothing_here_is_a_page_a_script_or_a_worker(self):
        answer = self.ask("GET", "/v1/whoami")
        self.assertIn("default-src 'none'", answer.headers["Content-Security-Policy"])
        self.assertIn("worker-src 'none'", answer.headers["Content-Security-Policy"])
        self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
        self.assertEqual(self.ask("GET", "/v1/whoami", Service_Worker="script").status, 403)

    def test_a_page_that_lets_its_own_name_point_here_gets_nothing(self):
        answer = self.ask("GET", "/v1/whoami", Host="evil.example.org:8417")
        self.assertEqual((answer.status, answer.json()["code"]), (421, "misdirected"))


class Crowds(HttpTest):
    """One address does not take all connections."""

    server = {"connections_per_address": 20}

    def test_more_than_its_share_is_closed_and_told_once(self):
        with contextlib.ExitStack() as open_ones:
            peers = [open_ones.enter_context(socket.create_connection(("127.0.0.1", self.instance.port), 10)) for _ in range(50)]
            for peer in peers[20:]:
                self.assertEqual(receive_all(peer), b"", "closed")
            for peer in peers[:20]:
                peer.sendall(http_cases.get(b"Connection: close\r\n"))
                self.assertEqual(int(STATUS.match(receive_all(peer))[1]), 200)
        self.assertEqual(self.instance.log().count("connections_per_address"), 1, self.instance.log())
        self.assertEqual(self.instance.request("GET", "/healthz", token=None).status, 200, "they are gone, and there is room again")

    def test_a_listed_proxy_is_not_counted(self):
        """Many clients stand behind it."""
        server = {**self.server, "trusted_proxies": {"peers": ["127.0.0.1"]}}
        with Instance(self.commands, server=server) as instance, contextlib.ExitStack() as open_ones:
            for _ in range(50):
                peer = open_ones.enter_context(socket.create_connection(("127.0.0.1", instance.port), 10))
                peer.sendall(http_cases.get())
                self.assertEqual(int(STATUS.match(peer.recv(65536))[1]), 200)

    def test_unix_sockets_are_not_counted(self):
        with contextlib.ExitStack() as open_ones:
            for _ in range(50):
                peer = open_ones.enter_context(socket.socket(socket.AF_UNIX))
                peer.settimeout(10)
                peer.connect(self.instance.socket_path)
                peer.sendall(http_cases.get())
                self.assertEqual(int(STATUS.match(peer.recv(65536))[1]), 200)


if __name__ == "__main__":
    unittest.main(argv=sys.argv)
