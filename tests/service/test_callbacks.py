"""Callbacks of a real instance, with receivers that behave well or badly: what arrives, how often, and what is given up."""

import base64
import datetime
import hashlib
import hmac
import json
import os
import random
import secrets
import signal
import tempfile
import threading
import time
import unittest

import harness
from harness import Instance, wait_until
from receivers import NameServer, Receiver

RETRY_SPEED = 100       # pauses of 50 ms, 300 ms, 1.2 s, 6 s, ...
COMMANDS = {
    "hello": {"exec": ["/usr/bin/echo", "hello"]},
    "fails": {"exec": ["/usr/bin/false"]},
    "either": {"exec": ["/usr/bin/test", "{outcome}", "=", "good"], "params": {"outcome": {"type": "string", "required": True}}},
    "bytes": {"exec": ["/usr/bin/printf", r"0123\377\376z"]},
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


def documented_check():
    """The receiver of docs/callbacks.md, as it stands there."""
    with open(os.path.join(harness.SOURCE, "docs", "callbacks.md"), encoding="utf-8") as file:
        code = file.read().partition("```python\n")[2].partition("```")[0]
    names = {}
    exec(code, names)       # our own document
    return names["is_genuine"]


class CallbacksTest(unittest.TestCase):
    def start(self, callbacks, on, tokens=None, name_server=None, **commands):
        harness.needs_program(self, "sallyportd")
        self.instance = Instance(
            {name: {**keys, **commands.get(name, {})} for name, keys in COMMANDS.items()},
            callbacks={name: {"allow_net": ["127.0.0.0/8"], "allow_plain": True, **keys} for name, keys in callbacks.items()},
            defaults={"on": on}, tokens=tokens,
            server={"test_retry_speed": RETRY_SPEED, **({"test_name_server": f"127.0.0.1:{name_server.port}"} if name_server else {})}).start()
        self.addCleanup(self.instance.kill)
        return self.instance

    def receiver(self, *statuses):
        receiver = Answering(*statuses)
        self.addCleanup(receiver.close)
        return receiver, f"http://127.0.0.1:{receiver.port}/next"

    def verify(self, request, key=None):
        """A receiver's own check, as Standard Webhooks has it. Returns the body."""
        key = key or self.instance.callback_key.encode()
        name, timestamp, signatures = (request.field("webhook-" + word) for word in ("id", "timestamp", "signature"))
        content = f"{name[0]}.{timestamp[0]}.".encode() + request.body
        wanted = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        self.assertIn(f"v1,{wanted}", signatures[0].split(" "))
        self.assertLess(abs(time.time() - int(timestamp[0])), 60)
        self.assertEqual(request.field("content-type"), ["application/json"])
        self.assertTrue(documented_check()(key, {name.lower(): value for name, value in request.fields}, request.body))
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

    def told_tail(self, command, params=None, **notice):
        receiver, url = self.receiver()
        self.start({"chat": {"url": url}}, {"succeeded": [{"callback": "chat", **notice}]})
        job = self.instance.run(command, params).job
        body, = self.bodies(receiver, 1)
        output = body["data"].pop("output")
        self.assertEqual({name: output[name] for name in job["output"]}, job["output"])
        return output, self.instance.request("GET", job["output"]["url"]).body

    def test_the_end_of_the_output_is_told_whole(self):
        text = "größe \U0001f600 €" * 60
        output, log = self.told_tail("says", {"text": text}, output="700B")
        self.assertEqual(log.decode(), text + "\n")
        self.assertEqual(output["tail"].encode(), log[output["tail_offset"]:])
        self.assertEqual((len(log), output["tail_offset"]), (961, 262), "the cut would be within the second byte of a letter")
        self.assertNotIn("tail_b64", output)

    def test_output_that_is_no_text_is_told_in_base64(self):
        output, log = self.told_tail("bytes", output="4B")
        self.assertEqual(log, b"0123\377\376z")
        self.assertEqual((base64.b64decode(output["tail_b64"]), output["tail_offset"]), (log[-4:], len(log) - 4))
        self.assertNotIn("tail", output)

    def test_two_keys_sign_while_one_replaces_the_other(self):
        receiver, url = self.receiver()
        old, new = secrets.token_hex(20), base64.b64encode(os.urandom(32)).decode()
        with tempfile.TemporaryDirectory() as directory:
            paths = [os.path.join(directory, name) for name in ("new", "old")]
            for path, text in zip(paths, ("whsec_" + new, old)):
                with open(path, "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                    file.write(text + "\n")
            self.start({"chat": {"url": url, "secret": [f"file:{path}" for path in paths]}}, {"succeeded": [{"callback": "chat"}]})
            self.instance.run("hello")
            receiver.wait_for_requests(1)
            self.verify(receiver.requests[0], old.encode())
            self.verify(receiver.requests[0], base64.b64decode(new))
            self.assertEqual(len(receiver.requests[0].field("webhook-signature")[0].split(" ")), 2)
            self.instance.config["callbacks"]["chat"]["secret"] = f"file:{paths[0]}"
            self.instance.reload()
            self.assertTrue(wait_until(lambda: "generation 2 of the configuration is in effect" in self.instance.log(), 20))
            self.instance.run("hello")
            receiver.wait_for_requests(2)
            self.verify(receiver.requests[1], base64.b64decode(new))
            with self.assertRaises(AssertionError):
                self.verify(receiver.requests[1], old.encode())

    def test_the_documented_receiver_believes_nothing_that_was_changed(self):
        receiver, url = self.receiver()
        self.start({"chat": {"url": url}}, {"succeeded": [{"callback": "chat"}]})
        self.instance.run("hello")
        self.bodies(receiver, 1)
        request, check, key = receiver.requests[0], documented_check(), self.instance.callback_key.encode()
        head = {name.lower(): value for name, value in request.fields}
        self.assertTrue(check(key, head, request.body))
        self.assertFalse(check(key, head, request.body + b" "))
        self.assertFalse(check(key, {**head, "webhook-id": "other"}, request.body))
        self.assertFalse(check(b"x" * 32, head, request.body))


class OfRequests(CallbacksTest):
    def start_both(self, **more):
        self.chat, chat_url = self.receiver()
        self.reply, reply_url = self.receiver()
        self.start({"chat": {"url": chat_url}, "reply": {"allow_url": reply_url}}, {}, **more)
        return reply_url

    def post(self, body, command="hello", path=None, **more):
        return self.instance.request("POST", path or f"/v1/commands/{command}/jobs", body, **more)

    def test_a_callback_that_is_named_hears_of_the_end(self):
        reply_url = self.start_both()
        job = self.post({"callback": "chat"}).json()
        body, = self.bodies(self.chat, 1)
        self.assertEqual((body["type"], body["data"]), ("job.succeeded", self.instance.job(job["id"])))
        self.post({"callback": {"name": "reply", "url": reply_url + "/TEAM-Q7/secret"}}, "fails")
        body, = self.bodies(self.reply, 1)
        self.assertEqual((self.reply.requests[0].target, body["type"]), ("/next/TEAM-Q7/secret", "job.failed"))
        self.assertEqual(len(self.chat.requests), 1)
        self.assertNotIn("TEAM-Q7", self.instance.log(), "who knows the URL may post there")
        self.assertNotIn(b"TEAM-Q7", self.instance.request("GET", "/v1/callbacks").body)

    def test_a_url_that_is_not_allowed_is_refused(self):
        reply_url = self.start_both()
        for callback in ("nobody", "reply", {"name": "chat", "url": reply_url}, {"name": "reply", "url": reply_url + "-other/x"},
                         {"name": "reply", "url": reply_url.replace("127.0.0.1", "127.0.0.2")}, {"name": "reply", "url": reply_url + "/../x"},
                         {"name": "reply", "url": reply_url.replace("http://", "http://me@")}, {"name": "reply", "key": 1}):
            answer = self.post({"callback": callback})
            self.assertEqual((answer.status, answer.json()["code"]), (422, "params-invalid"), callback)
            self.assertTrue(answer.json()["errors"][0]["pointer"].startswith("/callback"), answer.body)
        self.assertEqual(self.instance.request("GET", "/v1/jobs").json()["items"], [])

    def test_it_is_a_part_of_the_request_that_a_key_stands_for(self):
        self.start_both()
        key = {"Idempotency-Key": "k1"}
        first = self.post({"callback": "chat"}, headers=key)
        again = self.post({"callback": "chat"}, headers=key)
        self.assertEqual((first.json()["id"], again.headers["Idempotency-Replayed"]), (again.json()["id"], "true"))
        self.assertEqual(self.post({}, headers=key).json()["code"], "idempotency-mismatch")
        self.bodies(self.chat, 1)

    def test_a_sequence_has_one_and_its_steps_do_not(self):
        self.start_both()
        sequence = self.post({"steps": [{"command": "hello"}, {"command": "fails"}], "callback": "chat"}, path="/v1/jobs").json()
        self.instance.wait(sequence["id"])
        again = self.post({"callback": "chat"}, path=f"/v1/jobs/{sequence['id']}/rerun").json()
        bodies = self.bodies(self.chat, 2)
        self.assertEqual([(body["type"], body["data"]["id"]) for body in bodies], [("job.failed", sequence["id"]), ("job.failed", again["id"])])

    def test_the_command_line_names_one(self):
        reply_url = self.start_both()
        self.assertEqual(self.instance.cli("run", "hello", "--callback", f"reply={reply_url}/x").returncode, 0)
        self.bodies(self.reply, 1)
        refused = self.instance.cli("run", "hello", "--callback", "nobody")
        self.assertEqual(refused.returncode, 125)
        self.assertIn(b"there is no such callback", refused.stderr)

    def test_it_is_told_whoever_is_killed_before_the_end(self):
        self.start_both(hello={"exec": ["/usr/bin/sleep", "2"]})
        job = self.post({"callback": "chat"}).json()
        for process in self.instance.processes():
            if process.name() in ("keeper", "notifier"):
                os.kill(process.pid, signal.SIGKILL)
        body = self.bodies(self.chat, 1)[0]
        self.assertEqual((body["type"], body["data"]["id"]), ("job.succeeded", job["id"]))


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
        self.assertTrue(wait_until(lambda: f"in 1 attempt: answered with {statuses[0]}" in self.instance.log(), 20), self.instance.log())
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
        self.assertTrue(wait_until(lambda: "left alone until the configuration is reloaded" in self.instance.log(), 20), self.instance.log())
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

    def items(self, query=""):
        return self.instance.request("GET", f"/v1/callbacks{query}").json()["items"]

    def ended(self, state):
        self.assertTrue(wait_until(lambda: self.items(f"?state={state}"), 30), self.instance.log())
        return self.items(f"?state={state}")

    def test_a_receiver_that_was_down_hears_of_it_when_it_is_there(self):
        port = harness.free_port()
        self.start({"chat": {"url": f"http://127.0.0.1:{port}/status/200"}}, {"succeeded": [{"callback": "chat"}]})
        job_id = self.instance.run("hello").job["id"]
        self.assertTrue(wait_until(lambda: self.items()[0]["attempt_count"] >= 2, 30), self.instance.log())
        receiver = Receiver(port=port)
        self.addCleanup(receiver.close)
        self.assertEqual([body["data"]["id"] for body in self.bodies(receiver, 1)], [job_id])
        item, = self.ended("delivered")
        outcomes = [attempt["outcome"] for attempt in item["attempts"]]
        self.assertEqual((set(outcomes[:-1]), outcomes[-1]), ({"connect"}, "answered"))

    def test_who_does_not_answer_in_time_is_asked_again(self):
        slow, _ = self.receiver()
        self.start({"chat": {"url": f"http://127.0.0.1:{slow.port}/slow-head", "timeout": "1s", "max_attempts": 2}},
                   {"succeeded": [{"callback": "chat"}]})
        self.instance.run("hello")
        item, = self.ended("failed")
        self.assertEqual([attempt["outcome"] for attempt in item["attempts"]], ["timeout"] * 2)
        self.assertEqual(len(slow.requests), 2)

    def test_who_asks_for_time_gets_it(self):
        receiver, _ = self.receiver()
        self.start({"chat": {"url": f"http://127.0.0.1:{receiver.port}/retry/86400"}}, {"succeeded": [{"callback": "chat"}]})
        self.instance.run("hello")
        self.assertTrue(wait_until(lambda: self.items()[0]["attempts"], 30), self.instance.log())
        item, = self.items("?state=waiting")
        attempt, = item["attempts"]
        self.assertEqual((attempt["status"], item["detail"]), (429, "answered with 429"))
        at, due = (datetime.datetime.fromisoformat(text.replace("Z", "+00:00")) for text in (attempt["at"], item["due_at"]))
        self.assertGreaterEqual((due - at).total_seconds(), 86400 / RETRY_SPEED, "a day, as fast as this test's clock runs")

    def test_where_a_redirect_leads_nothing_is_sent(self):
        receiver, _ = self.receiver()
        other, _ = self.receiver()
        self.start({"chat": {"url": f"http://127.0.0.1:{receiver.port}/redirect/{other.port}"}}, {"succeeded": [{"callback": "chat"}]})
        self.instance.run("hello")
        item, = self.ended("failed")
        self.assertEqual((item["detail"], len(receiver.requests), other.connections), ("answered with 307", 1, 0))

    def test_a_name_that_moves_to_a_forbidden_address_is_not_followed(self):
        """DNS rebinding: good for the first attempt, and then the address of somebody who must not be reached."""
        names = NameServer({"turns.example": [["127.0.0.2"], ["127.0.0.1"]]})
        self.addCleanup(names.close)
        allowed = Receiver("127.0.0.2")
        forbidden = Receiver("127.0.0.1", allowed.port)
        for receiver in (allowed, forbidden):
            self.addCleanup(receiver.close)
        self.start({"chat": {"url": f"http://turns.example:{allowed.port}/status/503", "allow_net": ["127.0.0.2/32"], "max_attempts": 3}},
                   {"succeeded": [{"callback": "chat"}]}, name_server=names)
        self.instance.run("hello")
        item, = self.ended("failed")
        self.assertEqual([attempt["outcome"] for attempt in item["attempts"]], ["answered", "network_refused", "network_refused"])
        self.assertEqual((len(allowed.requests), forbidden.connections), (1, 0))

    def test_a_name_that_is_not_known_is_asked_for_again(self):
        names = NameServer()
        self.addCleanup(names.close)
        receiver, url = self.receiver()
        self.start({"chat": {"url": url.replace("127.0.0.1", "late.example")}}, {"succeeded": [{"callback": "chat"}]}, name_server=names)
        self.instance.run("hello")
        self.assertTrue(wait_until(lambda: self.items()[0]["attempts"], 30), self.instance.log())
        names.names["late.example"] = ["127.0.0.1"]
        self.bodies(receiver, 1)
        item, = self.ended("delivered")
        self.assertEqual((item["attempts"][0]["outcome"], item["attempts"][-1]["outcome"]), ("dns", "answered"))

    def test_410_outlives_the_keeper_that_heard_it(self):
        receiver = self.given_up(410)
        keeper = next(process for process in self.instance.processes() if process.name() == "keeper")
        os.kill(keeper.pid, signal.SIGKILL)
        self.assertTrue(wait_until(lambda: {process.pid for process in self.instance.processes() if process.name() == "keeper"} - {keeper.pid}, 30))
        self.assertTrue(wait_until(lambda: self.instance.request("GET", "/v1/jobs").status == 200, 30))
        self.instance.run("hello")
        self.assertTrue(wait_until(lambda: "its receiver is gone (410)" in self.instance.log(), 20), self.instance.log())
        self.assertEqual(len(receiver.requests), 1)

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


class TheLog(CallbacksTest):
    def listed(self, query="", **more):
        answer = self.instance.request("GET", f"/v1/callbacks{query}", **more)
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json()

    def items(self, query=""):
        return self.listed(query)["items"]

    def state_of(self, item):
        return next(found["state"] for found in self.items() if found["id"] == item["id"])

    def test_it_has_every_attempt(self):
        receiver, url = self.receiver(503)
        self.start({"chat": {"url": url}}, {"succeeded": [{"callback": "chat"}]})
        job = self.instance.run("hello").job
        receiver.wait_for_requests(2)
        self.assertTrue(wait_until(lambda: self.items("?state=delivered"), 20))
        item, = self.items()
        self.assertEqual((item["target"], item["type"], item["job"], item["command"]), ("chat", "job.succeeded", job["id"], "hello"))
        self.assertEqual(item["id"], receiver.requests[0].field("webhook-id")[0])
        self.assertEqual([(attempt["outcome"], attempt["status"]) for attempt in item["attempts"]], [("answered", 503), ("answered", 200)])
        self.assertEqual((item["attempt_count"], item["detail"], item["due_at"]), (2, "answered with 200", None))

    def test_attempts_and_backlog_are_counted(self):
        receiver, url = self.receiver(503, 200, 404)
        slow, _ = self.receiver()
        self.start({"chat": {"url": url}, "slow": {"url": f"http://127.0.0.1:{slow.port}/wait"}},
                   {"succeeded": [{"callback": "chat"}]}, says={"on": {"succeeded": [{"callback": "slow"}]}})
        for count in (2, 3):
            self.instance.run("hello")
            receiver.wait_for_requests(count)
            self.assertTrue(wait_until(lambda: not self.items("?state=waiting"), 20))
        self.instance.run("says", {"text": "x"})
        slow.wait_for_requests(1)
        lines = self.instance.request("GET", "/metrics").body.decode().splitlines()
        for line in ('attempts_total{target="chat",result="delivered"} 1', 'attempts_total{target="chat",result="retried"} 1',
                     'attempts_total{target="chat",result="refused"} 1', 'attempts_total{target="chat",result="gone"} 0',
                     'attempts_total{target="slow",result="delivered"} 0', "backlog 1"):
            self.assertIn("sallyport_callback_" + line, lines)

    def test_filters_and_pages(self):
        receiver, url = self.receiver(404)
        self.start({"chat": {"url": url}, "other": {"url": url}}, {"succeeded": [{"callback": "chat"}, {"callback": "other"}]})
        jobs = [self.instance.run("hello").job["id"] for _ in range(3)]
        receiver.wait_for_requests(6)
        self.assertTrue(wait_until(lambda: len(self.items("?state=delivered")) == 5 and len(self.items("?state=failed")) == 1, 20))
        self.assertEqual(len(self.items("?target=other")), 3)
        self.assertEqual({item["job"] for item in self.items(f"?job={jobs[1]}")}, {jobs[1]})
        first = self.listed("?limit=4")
        second = self.listed(f"?limit=4&cursor={first['next_cursor']}")
        self.assertEqual((len(first["items"]), len(second["items"]), second["next_cursor"]), (4, 2, None))
        self.assertEqual(len({item["id"] for item in first["items"] + second["items"]}), 6)
        for query in ("?state=lost", "?target=NO", "?job=x", "?limit=0", "?limit=101", "?cursor=x", "?other=1"):
            self.assertEqual(self.instance.request("GET", f"/v1/callbacks{query}").status, 400, query)

    def test_it_shows_what_the_caller_may_read(self):
        mine, guest = harness.new_token(), harness.new_token()
        receiver, url = self.receiver()
        self.start({"chat": {"url": url}}, {"succeeded": [{"callback": "chat"}]},
                   tokens={"mine": {"hash": harness.token_hash(mine), "allow": ["run:hello", "read:own"]},
                           "guest": {"hash": harness.token_hash(guest), "allow": ["run:hello"]}})
        self.instance.run("hello")
        own = self.instance.request("POST", "/v1/commands/hello/jobs", {}, token=mine).json()["id"]
        receiver.wait_for_requests(2)
        self.assertEqual([item["job"] for item in self.listed(token=mine)["items"]], [own])
        self.assertEqual(self.listed(token=guest)["items"], [])
        self.assertEqual(self.instance.request("GET", "/v1/callbacks", token=None).status, 401)
        item = self.items()[0]
        self.assertEqual(self.instance.request("POST", f"/v1/callbacks/{item['id']}/redeliver", token=mine).status, 403)
        self.assertEqual(len(receiver.requests), 2)

    def test_one_is_sent_again_when_it_is_asked_for(self):
        receiver, url = self.receiver(404)
        self.start({"chat": {"url": url}}, {"succeeded": [{"callback": "chat"}]})
        self.instance.run("hello")
        self.assertTrue(wait_until(lambda: self.items("?state=failed"), 20))
        item, = self.items()
        answer = self.instance.request("POST", f"/v1/callbacks/{item['id']}/redeliver")
        self.assertEqual((answer.status, answer.json()["state"]), (202, "waiting"))
        receiver.wait_for_requests(2)
        first, second = receiver.requests
        self.assertEqual((first.body, first.field("webhook-id")), (second.body, second.field("webhook-id")))
        self.assertTrue(wait_until(lambda: self.state_of(item) == "delivered", 20))
        done = self.instance.cli("callback", "redeliver", item["id"])
        self.assertEqual(done.returncode, 0, done.stderr)
        receiver.wait_for_requests(3)
        self.verify(receiver.requests[2])
        self.assertIn(item["id"].encode(), self.instance.cli("callback", "ls").stdout)
        self.assertEqual(self.instance.request("POST", "/v1/callbacks/" + "0" * 26 + "/redeliver").status, 404)

    def test_what_waits_for_a_target_that_is_removed_has_failed(self):
        receiver, url = self.receiver(*[503] * 50)
        instance = self.start({"chat": {"url": url}, "other": {"url": url}}, {"succeeded": [{"callback": "chat"}]})
        instance.run("hello")
        receiver.wait_for_requests(1)
        del instance.config["callbacks"]["chat"]
        instance.config["defaults"]["on"] = {"succeeded": [{"callback": "other"}]}
        instance.reload()
        self.assertTrue(wait_until(lambda: self.items("?state=failed"), 20), instance.log())
        self.assertIn("not in the configuration any more", self.items("?state=failed")[0]["detail"])


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
