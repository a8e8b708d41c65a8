"""Callbacks of a real instance, with receivers that behave well or badly: what arrives, how often, and what is given up."""

import base64
import hashlib
import hmac
import json
import os
import random
import signal
import threading
import time
import unittest

import harness
from harness import Instance, wait_until
from receivers import Receiver

RETRY_SPEED = 100       # pauses of 50 ms, 300 ms, 1.2 s, 6 s, ...
COMMANDS = {
    "hello": {"exec": ["/usr/bin/echo", "hello"]},
    "fails": {"exec": ["/usr/bin/false"]},
    "either": {"exec": ["/usr/bin/test", "{outcome}", "=", "good"], "params": {"outcome": {"type": "string", "required": True}}},
    "says": {"exec": ["/usr/bin/echo", "{text}"], "params": {"text": {"type": "string", "required": True}}},
}


class Answering(Receiver):
    """Answers with the next of `statuses`, and with 200 when there is none left."""

    def __init__(self, *statuses):
        self.statuses = list(statuses)
        super().__init__()

    def answer_next(self, connection, _):
        with self.lock:
            status = self.statuses.pop(0) if self.statuses else 200
        self.say(connection, status)


class CallbacksTest(unittest.TestCase):
    def start(self, callbacks, on, **commands):
        harness.needs_program(self, "sallyportd")
        self.instance = Instance(
            {name: {**keys, **commands.get(name, {})} for name, keys in COMMANDS.items()},
            callbacks={name: {"allow_net": ["127.0.0.0/8"], "allow_plain": True, **keys} for name, keys in callbacks.items()},
            defaults={"on": on}, server={"test_retry_speed": RETRY_SPEED}).start()
        self.addCleanup(self.instance.kill)
        return self.instance

    def receiver(self, *statuses):
        receiver = Answering(*statuses)
        self.addCleanup(receiver.close)
        return receiver, f"http://127.0.0.1:{receiver.port}/next"

    def verify(self, request, key=None):
        """A receiver's own check, as Standard Webhooks has it. Returns the body."""
        name, timestamp, signatures = (request.field("webhook-" + word) for word in ("id", "timestamp", "signature"))
        content = f"{name[0]}.{timestamp[0]}.".encode() + request.body
        wanted = base64.b64encode(hmac.new((key or self.instance.callback_key).encode(), content, hashlib.sha256).digest()).decode()
        self.assertIn(f"v1,{wanted}", signatures[0].split(" "))
        self.assertLess(abs(time.time() - int(timestamp[0])), 60)
        self.assertEqual(request.field("content-type"), ["application/json"])
        return json.loads(request.body)

    def bodies(self, receiver, count):
        receiver.wait_for_requests(count)
        return [self.verify(request) for request in receiver.requests]


class TheWord(CallbacksTest):
    def test_an_end_is_told_with_the_job_that_the_api_shows(self):
        receiver, url = self.receiver()
        self.start({"chat": {"url": url}}, {"succeeded": [{"callback": "chat"}]})
        job_id = self.instance.submit("says", {"text": "grüße \U0001f600"})["id"]
        self.instance.wait(job_id)
        body, = self.bodies(receiver, 1)
        self.assertEqual(body["type"], "job.succeeded")
        self.assertEqual(body["data"], self.instance.job(job_id))
        self.assertEqual(set(body), {"type", "timestamp", "data"})

    def test_a_start_is_told_before_its_end(self):
        receiver, url = self.receiver()
        self.start({"chat": {"url": url}}, {"started": [{"callback": "chat"}], "failed": [{"callback": "chat"}]})
        self.instance.run("fails")
        bodies = self.bodies(receiver, 2)
        self.assertEqual({body["type"] for body in bodies}, {"job.started", "job.failed"})

    def test_a_command_s_own_list_replaces_that_of_defaults(self):
        receiver, url = self.receiver()
        other, other_url = self.receiver()
        self.start({"chat": {"url": url}, "other": {"url": other_url}}, {"succeeded": [{"callback": "chat"}]},
                   hello={"on": {"succeeded": [{"callback": "other"}]}})
        self.instance.run("hello")
        self.bodies(other, 1)
        self.instance.run("says", {"text": "x"})
        body, = self.bodies(receiver, 1)
        self.assertEqual(body["data"]["command"], "says")

    def test_threshold_and_recovery(self):
        receiver, url = self.receiver()
        self.start({"chat": {"url": url}}, {"failed": [{"callback": "chat", "threshold": 3}], "recovered": [{"callback": "chat"}]})
        for outcome in ("good", "bad", "bad", "good", "bad", "bad", "bad", "bad", "good", "good"):
            self.instance.run("either", {"outcome": outcome})
        bodies = self.bodies(receiver, 4)
        self.assertEqual(sorted(body["type"] for body in bodies), ["job.failed"] * 2 + ["job.recovered"] * 2)

    def test_cool_down(self):
        receiver, url = self.receiver()
        self.start({"chat": {"url": url}}, {"failed": [{"callback": "chat", "cool_down": "1h"}], "succeeded": [{"callback": "chat"}]})
        for _ in range(3):
            self.instance.run("fails")
        self.instance.run("hello")
        bodies = self.bodies(receiver, 2)
        self.assertEqual(sorted(body["type"] for body in bodies), ["job.failed", "job.succeeded"])


class Trouble(CallbacksTest):
    def retried(self, *statuses):
        receiver, url = self.receiver(*statuses)
        self.start({"chat": {"url": url}}, {"succeeded": [{"callback": "chat"}]})
        self.instance.run("hello")
        receiver.wait_for_requests(len(statuses) + 1)
        for request in receiver.requests:
            self.verify(request)
        self.assertEqual(len({request.field("webhook-id")[0] for request in receiver.requests}), 1, "one delivery has one name")
        self.assertEqual(len({request.body for request in receiver.requests}), 1, "and says the same each time")

    def test_what_may_pass_is_tried_again(self):
        self.retried(500, 429, 408, 425)

    def given_up(self, *statuses):
        receiver, url = self.receiver(*statuses)
        self.start({"chat": {"url": url}}, {"succeeded": [{"callback": "chat"}]})
        self.instance.run("hello")
        receiver.wait_for_requests(1)
        self.assertTrue(wait_until(lambda: f"in 1 attempts: answered with {statuses[0]}" in self.instance.log(), 20), self.instance.log())
        return receiver

    def test_other_answers_are_final(self):
        for status in (400, 404, 302):
            with self.subTest(status=status):
                receiver = self.given_up(status)
                self.instance.run("hello")
                receiver.wait_for_requests(2)
                first, second = receiver.requests
                self.assertNotEqual(first.field("webhook-id"), second.field("webhook-id"))

    def test_410_ends_it_until_a_reload(self):
        receiver = self.given_up(410)
        self.assertIn("left alone until the configuration is reloaded", self.instance.log())
        self.instance.run("hello")
        self.assertTrue(wait_until(lambda: "its receiver is gone (410)" in self.instance.log(), 20), self.instance.log())
        self.instance.reload()
        self.assertTrue(wait_until(lambda: "generation 2 of the configuration is in effect" in self.instance.log(), 20))
        self.instance.run("hello")
        receiver.wait_for_requests(2)

    def test_attempts_come_to_an_end(self):
        receiver, url = self.receiver(500, 500, 500)
        self.start({"chat": {"url": url, "max_attempts": 2}}, {"succeeded": [{"callback": "chat"}]})
        self.instance.run("hello")
        self.assertTrue(wait_until(lambda: "in 2 attempts: answered with 500" in self.instance.log(), 20), self.instance.log())
        self.assertEqual(len(receiver.requests), 2)

    def test_a_network_that_is_not_allowed_is_not_reached(self):
        receiver, url = self.receiver()
        self.start({"chat": {"url": url.replace("127.0.0.1", "localhost"), "allow_net": ["10.0.0.0/8"], "max_attempts": 1}},
                   {"succeeded": [{"callback": "chat"}]})
        self.instance.run("hello")
        self.assertTrue(wait_until(lambda: "could not be told" in self.instance.log(), 20), self.instance.log())
        self.assertIn("no network that the callback may reach", self.instance.log())
        self.assertEqual(receiver.connections, 0)

    def test_who_is_slow_holds_up_nobody_else(self):
        slow, _ = self.receiver()
        quick, url = self.receiver()
        self.start({"slow": {"url": f"http://127.0.0.1:{slow.port}/wait"}, "quick": {"url": url}},
                   {"succeeded": [{"callback": "slow"}, {"callback": "quick"}]})
        for _ in range(20):
            self.instance.run("hello")
        self.bodies(quick, 20)
        self.assertLessEqual(len(slow.requests), 8)

    def test_a_receiver_that_comes_back_hears_all_of_it(self):
        receiver, url = self.receiver(*[503] * 12)
        self.start({"chat": {"url": url}}, {"succeeded": [{"callback": "chat"}]})
        ids = {self.instance.submit("hello")["id"] for _ in range(8)}
        told = lambda: {json.loads(request.body)["data"]["id"] for request in receiver.requests[12:]}     # noqa: E731
        self.assertTrue(wait_until(lambda: told() == ids, 60), f"{len(told())} of {len(ids)}, {len(receiver.requests)} requests")


class Deaths(CallbacksTest):
    def test_what_waits_outlives_the_service(self):
        receiver, url = self.receiver(*[503] * 2)
        self.start({"chat": {"url": url}}, {"succeeded": [{"callback": "chat"}]})
        job_id = self.instance.submit("hello")["id"]
        self.instance.wait(job_id)
        self.instance.process.send_signal(signal.SIGTERM)
        self.instance.process.wait(30)
        self.instance.start()
        self.assertTrue(wait_until(lambda: len(receiver.requests) >= 3, 30), self.instance.log())
        self.assertEqual({json.loads(request.body)["data"]["id"] for request in receiver.requests}, {job_id})

    def test_every_end_is_told_whoever_is_killed_meanwhile(self):
        receiver, url = self.receiver()
        self.start({"chat": {"url": url}}, {event: [{"callback": "chat"}] for event in ("succeeded", "failed", "lost", "rejected")})
        ids, is_over = set(), threading.Event()
        chosen = random.Random(int.from_bytes(os.urandom(4), "big"))

        def kill():
            while not is_over.wait(chosen.uniform(0.3, 0.9)):
                name = chosen.choice(("keeper", "notifier"))
                for process in self.instance.processes():
                    if process.name() == name:
                        os.kill(process.pid, signal.SIGKILL)
        killer = threading.Thread(target=kill)
        killer.start()
        try:
            while len(ids) < 200:
                try:
                    ids.add(self.instance.submit("hello")["id"])
                except (OSError, harness.Refused):
                    time.sleep(0.02)        # the keeper is not there; its successor will be
        finally:
            is_over.set()
            killer.join()
        told = lambda: {json.loads(request.body)["data"]["id"] for request in list(receiver.requests)}     # noqa: E731
        self.assertTrue(wait_until(lambda: ids <= told(), 90), f"{len(ids - told())} of {len(ids)} were never told\n{self.instance.log()[-3000:]}")
        for request in receiver.requests:
            self.verify(request)


if __name__ == "__main__":
    unittest.main()
