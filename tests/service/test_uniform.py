#!/usr/bin/python3
"""Who is nobody cannot tell what is there from what is not: by status, by text, or by time. Times are compared as ranks, of requests
that were sent in turn, and the same comparison finds a difference where there is one: otherwise it would prove nothing."""

import base64
import hashlib
import json
import math
import os
import random
import socket
import time
import unittest

from harness import BIN, Instance, new_token, token_hash

ROUNDS = 1500
LOGIN_ROUNDS = 120         # each takes tens of milliseconds, which is what they are for
LOGINS_BETWEEN = 15        # so many wrong ones of each name are looked at before the address has to wait
SAME_WITHIN = 5.0       # standard deviations: once in a million, if nothing is different
DIFFERENT_FROM = 10.0
VARYING = ("X-Request-Id", "Date")


class Connection:
    """One that is kept, so that the time is that of an answer and of nothing else."""

    def __init__(self, path):
        self.peer = socket.socket(socket.AF_UNIX)
        self.peer.settimeout(20)
        self.peer.connect(path)

    def ask(self, request):
        """The answer's bytes, and how long it took."""
        began = time.perf_counter_ns()
        self.peer.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self.peer.recv(65536)
        head, _, body = answer.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        while len(body) < length:
            body += self.peer.recv(65536)
        return head, body, time.perf_counter_ns() - began

    def close(self):
        self.peer.close()


def get(path, token):
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


def post_login(user):
    body = json.dumps({"user": user, "password": "not the password"})
    return (f"POST /v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}").encode()


def password_line(log_n):
    salt = os.urandom(16)
    key = hashlib.scrypt(os.urandom(16), salt=salt, n=1 << log_n, r=8, p=1, maxmem=1 << 28, dklen=32)
    salt, key = (base64.b64encode(part).decode().rstrip("=") for part in (salt, key))
    return f"$scrypt$ln={log_n},r=8,p=1${salt}${key}\n"


def deviation(first, second):
    """How far the ranks of the two lie apart (Mann and Whitney), in standard deviations of what chance does; sign is kept."""
    ranked = sorted([(value, 0) for value in first] + [(value, 1) for value in second])
    ranks = sum(rank for rank, (_, which) in enumerate(ranked, 1) if which == 0)
    n, m = len(first), len(second)
    mean, spread = n * (n + m + 1) / 2, math.sqrt(n * m * (n + m + 1) / 12)
    return (ranks - mean) / spread


class Uniform(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        if not os.access(os.path.join(BIN, "sallyportd"), os.X_OK):
            raise unittest.SkipTest(f"{BIN}/sallyportd is not built")
        cls.secret = new_token()
        cls.instance = Instance({"there": {"exec": ["/usr/bin/true"]}},
                                tokens={"narrow": {"hash": token_hash(cls.secret), "allow": ["read:own"]}})
        cls.instance.config["server"]["listen"].append(f"unix:{cls.instance.socket_path}")
        users = cls.instance.config["users"] = {}
        for name, log_n in (("alice", 15), ("costly", 16)):
            path = os.path.join(cls.instance.directory, f"user-{name}")
            cls.instance.write_private(path, password_line(log_n))
            users[name] = {"password": f"file:{path}", "allow": ["read:own"]}
        cls.instance.__enter__()
        cls.addClassCleanup(cls.instance.stop)
        cls.job = cls.instance.submit("there")["id"]
        cls.instance.wait(cls.job)

    def setUp(self):
        self.connection = Connection(self.instance.socket_path)
        self.addCleanup(self.connection.close)

    def plain(self, request):
        """Status, headers and text without what each answer has of its own."""
        head, body, _ = self.connection.ask(request)
        status, *fields = head.decode().split("\r\n")
        problem = json.loads(body)
        problem.pop("request_id")
        problem.pop("instance")
        return status, sorted(field for field in fields if not field.startswith(VARYING)), problem

    def deviation_of(self, first, second):
        times = {first: [], second: []}
        order = [first, second] * ROUNDS
        random.Random(4711).shuffle(order)
        for request in order:
            times[request].append(self.connection.ask(request)[2])
        return deviation(times[first], times[second])

    def login_deviation_of(self, first, second):
        """The same for logins; a reload forgets how many were wrong."""
        times = {first: [], second: []}
        for at in range(0, LOGIN_ROUNDS, LOGINS_BETWEEN):
            self.assertEqual(self.instance.request("POST", "/v1/config/reload").status, 200)
            order = [first, second] * LOGINS_BETWEEN
            random.Random(4711 + at).shuffle(order)
            for user in order:
                head, _, took = self.connection.ask(post_login(user))
                self.assertIn(b" 401 ", head)
                times[user].append(took)
        return deviation(times[first], times[second])

    def other_job(self):
        return self.job[:-4] + ("0000" if self.job[-4:] != "0000" else "1111")

    def near_miss(self):
        """All but the last character of a token that is one, and a token that shares nothing with it."""
        return self.secret[:-1] + ("A" if self.secret[-1] != "A" else "B")

    def pairs(self):
        stranger = new_token()
        return {
            "a command": (get("/v1/commands/there", stranger), get("/v1/commands/other", stranger)),
            "a job": (get(f"/v1/jobs/{self.job}", stranger), get(f"/v1/jobs/{self.other_job()}", stranger)),
            "a token that is nearly right": (get("/v1/whoami", self.near_miss()), get("/v1/whoami", stranger)),
        }

    def test_a_stranger_gets_the_same_status_and_text(self):
        for what, (real, invented) in self.pairs().items():
            answers = self.plain(real), self.plain(invented)
            self.assertEqual(answers[0], answers[1], what)
            self.assertIn(" 401 ", answers[0][0], what)

    def test_a_stranger_gets_it_in_the_same_time(self):
        for what, (real, invented) in self.pairs().items():
            with self.subTest(what):
                self.assertLess(abs(self.deviation_of(real, invented)), SAME_WITHIN)

    def test_a_wrong_password_and_no_user_have_one_answer(self):
        answers = self.plain(post_login("alice")), self.plain(post_login("nobody"))
        self.assertEqual(answers[0], answers[1])
        self.assertIn(" 401 ", answers[0][0])

    def test_and_it_takes_the_same_time(self):
        self.assertLess(abs(self.login_deviation_of("alice", "nobody")), SAME_WITHIN)

    def test_a_user_whose_password_costs_more_would_have_been_found(self):
        self.assertGreater(abs(self.login_deviation_of("costly", "nobody")), DIFFERENT_FROM)

    def test_a_caller_cannot_tell_anothers_job_from_none(self):
        real, invented = get(f"/v1/jobs/{self.job}", self.secret), get(f"/v1/jobs/{self.other_job()}", self.secret)
        self.assertEqual(self.plain(real), self.plain(invented))
        self.assertIn(" 404 ", self.plain(real)[0])

    def test_a_difference_that_is_there_would_have_been_found(self):
        known, stranger = get("/v1/whoami", self.instance.token), get("/healthz", new_token())
        self.assertGreater(abs(self.deviation_of(known, stranger)), DIFFERENT_FROM)


if __name__ == "__main__":
    unittest.main()
