"""Clients of http-runner (v0.0.5): what they sent and got, row by row, with who they are asked first."""

import contextlib
import http.client
import json
import os
import re
import sqlite3
import time
import unittest

from harness import free_port, token_hash
from predecessors import LOOK, SECRET_ENVIRONMENT, HoleTests, PredecessorCase, SharedTests
from receivers import Receiver

COMMANDS = {
    "echo": {"exec": ["/usr/bin/echo", "{args...}"], "params": {"args": {"type": "list", "of": {"type": "string"}, "default": []}}},
    "say": {"exec": ["/usr/bin/printf", "{args...}"],
            "params": {"args": {"type": "list", "of": {"type": "string", "max_length": 1000}, "required": True}}},
    "both": {"exec": ["/usr/bin/python3", "-c", "import sys; sys.stdout.write('out'); sys.stdout.flush(); sys.stderr.write('err'); sys.exit(7)"]},
    "bytes": {"exec": ["/usr/bin/python3", "-c",
                       "import sys; sys.stdout.buffer.write(b'\\xc3\\xa4' * 40000 + b'\\xff\\x00\\xc3\"\\\\end')"]},
    "long": {"exec": ["/usr/bin/python3", "-c", "print('x' * 8000000, end='')"]},
    "slow": {"exec": ["/usr/bin/python3", "-u", "-c", "import time; print('so far'); time.sleep(60)"], "timeout": "90s"},
    "gone": {"exec": ["/usr/bin/true"], "user": "nobody", "workdir": "/nonexistent-directory"},
}
ID = re.compile(r"^[0-9a-f]{40}$")


class Client(PredecessorCase):
    name = "http-runner"

    def post(self, body, **more):
        return self.ask("POST", "/", body if isinstance(body, (str, bytes)) else json.dumps(body), **more)

    def start(self, command, args="", **more):
        answer = self.post({"command": command, "args": args, **more})
        self.assertEqual(answer.status, 202, answer.body)
        return answer.json()

    def read(self, job_id):
        answer = self.ask("GET", "/" + job_id)
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "application/json"))
        return answer.json()

    def run_to_end(self, command, args="", **more):
        job_id = self.start(command, args, **more)["id"]
        return self.ended(lambda: (lambda job: job if "err" in job else None)(self.read(job_id)))


class HttpRunner(SharedTests, Client):
    words = {"echo": "echo", "/bin/echo": "echo", "say": "say", "both": "both", "bytes": "bytes", "slow": "slow", "long": "long"}
    commands = {name: COMMANDS[name] for name in ("echo", "say", "both", "bytes", "slow", "long")}
    routes = [("POST", "/"), ("GET", "/" + "0" * 40), ("GET", "/"), ("DELETE", "/" + "0" * 40), ("HEAD", "/"), ("GET", "/a/b")]

    def test_a_job_is_created_and_told_as_not_known_of_yet(self):
        answer = self.post('{"command": "echo", "args": "hello  world", "more": [1]}')
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (202, "application/json"))
        job = answer.json()
        self.assertEqual(list(job), ["stderr", "stdout", "id", "code", "command", "arguments"])
        self.assertRegex(job["id"], ID)
        self.assertEqual((job["stderr"], job["stdout"], job["code"], job["command"], job["arguments"]),
                         ("", "", None, "echo", ["hello", "world"]))
        self.assertFalse(answer.body.endswith(b"\n"))

    def test_a_job_that_has_ended_has_all_it_wrote_and_an_err(self):
        job = self.run_to_end("both")
        self.assertEqual(list(job), ["stderr", "stdout", "id", "code", "command", "arguments", "err"])
        self.assertEqual((job["stdout"], job["stderr"], job["code"], job["err"]), ("out", "err", 7, None))

    def test_a_running_job_shows_what_it_wrote_so_far_and_no_err(self):
        job_id = self.start("slow")["id"]
        job = self.ended(lambda: (lambda job: job if job["stdout"] else None)(self.read(job_id)))
        self.assertEqual((job["stdout"], job["code"]), ("so far\n", None))
        self.assertNotIn("err", job)
        ours = self.instance.request("GET", "/v1/jobs?command=slow").json()["items"][0]
        self.assertEqual(self.instance.request("POST", ours["url"] + "/cancel", {}).status, 202)
        job = self.ended(lambda: (lambda job: job if "err" in job else None)(self.read(job_id)))
        self.assertEqual((job["code"], job["err"]), (None, None))

    def test_the_name_that_was_asked_for_is_the_name_that_is_told(self):
        self.assertEqual(self.run_to_end("/bin/echo", "x")["command"], "/bin/echo")
        self.assertEqual(self.run_to_end("echo", "x")["command"], "echo")

    def test_arguments_are_split_at_runs_of_white_space_without_a_shell(self):
        for args, arguments in (("", [""]), ("a b", ["a", "b"]), (" a", ["", "a"]), ("a ", ["a", ""]), ("a \t\n b", ["a", "b"]),
                                ("a\u00a0b", ["a", "b"]), ("'a b'", ["'a", "b'"]), ("$(id) ;x", ["$(id)", ";x"])):
            with self.subTest(args=args):
                job = self.run_to_end("echo", args)
                self.assertEqual(job["arguments"], arguments)
                self.assertEqual(job["stdout"], " ".join(arguments) + "\n")

    def test_no_arguments_are_one_that_is_empty_for_every_command(self):
        self.assertEqual((self.start("both")["arguments"], self.run_to_end("both")["arguments"]), ([""], [""]))

    def test_bytes_that_are_no_text_are_replaced_and_characters_are_never_cut(self):
        job = self.run_to_end("bytes")
        self.assertEqual(job["stdout"], "\u00e4" * 40000 + "\ufffd\x00\ufffd\"\\end")

    def test_wrong_bodies_are_400_in_its_own_shape(self):
        for body in ("", "{", "[]", "null", "{} x", '{"command": 1, "args": ""}', '{"command": "", "args": ""}', '{"args": ""}',
                     '{"command": "echo"}', '{"command": "echo", "args": ["a"]}', '{"command": "echo", "arguments": "a"}',
                     '{"command": "echo", "args": ""} x', '{"command": "echo", "args": ""}{}', '{"Command": "echo", "args": ""}',
                     '{"command": "echo", "Args": ""}', '{"command": "ec\\u0000ho", "args": ""}', '"echo"'):
            with self.subTest(body=body):
                answer = self.post(body)
                self.assertEqual(answer.status, 400, answer.body)
                self.assertEqual((answer.headers["Content-Type"], answer.body[-1:]), ("application/json", b"}"))
                self.assertEqual(list(answer.json()), ["message", "error"])
                self.assertEqual(answer.json()["message"], "Bad Request")

    def test_a_command_that_is_not_in_the_whitelist_is_told_first_and_letter_for_letter(self):
        for command in ("rm", "Echo", "echo ", "/usr/bin/echo", "../echo", "sh", "", 1):
            with self.subTest(command=command):
                answer = self.post({"command": command} if command else {})
                self.assertEqual((answer.status, answer.json()["error"]), (400, "Specified command is not in whitelist."))

    def test_ids_and_paths(self):
        known = self.run_to_end("echo", "x")["id"]
        for method, path, status, message in (
                ("GET", "/" + "0" * 40, 404, "Not Found"), ("GET", "/" + known[:-1] + "1", 404, "Not Found"),
                ("GET", "/" + known + "/", 404, "Not Found"), ("GET", "/x/", 501, "Not Implemented"), ("GET", "/", 501, "Not Implemented"),
                ("GET", "/" + known.upper(), 501, "Not Implemented"), ("GET", "/" + known[:-1], 501, "Not Implemented"),
                ("DELETE", "/" + known, 501, "Not Implemented"), ("PUT", "/", 501, "Not Implemented"),
                ("GET", "/a/b", 501, "Not Implemented"), ("POST", "/" + known, 501, "Not Implemented"), ("POST", "/x", 501, "Not Implemented"),
                ("DELETE", "/", 501, "Not Implemented"), ("GET", "/" + "0" * 40 + "/", 404, "Not Found")):
            with self.subTest(method=method, path=path):
                answer = self.ask(method, path, "" if method == "POST" else None)
                self.assertEqual((answer.status, answer.headers["Content-Type"], answer.body),
                                 (status, "application/json", b'{"message":"%s"}' % message.encode()))
        self.assertEqual(self.ask("POST", "/?x=1", '{"command": "echo", "args": ""}').status, 202)
        self.assertFalse(self.ask("GET", "/" + known).body.endswith(b"\n"))
        self.assertEqual(self.ask("GET", f"/{known}?x=1").status, 200)
        self.assertEqual(self.ask("HEAD", "/" + known).status, 501)

    def test_below_a_path_it_is_the_same_with_a_token(self):
        answer = self.instance.request("POST", "/old/", {"command": "echo", "args": "below"})
        self.assertEqual(answer.status, 202)
        path = "/old/" + answer.json()["id"]
        job = self.ended(lambda: (lambda job: job if "err" in job else None)(self.instance.request("GET", path).json()))
        self.assertEqual(job["stdout"], "below\n")
        self.assertEqual(self.instance.request("GET", "/old/nothing").status, 501)
        self.assertEqual(self.instance.request("GET", "/older").status, 404)

    def test_jobs_of_others_are_not_found(self):
        ours = self.instance.request("POST", "/old/", {"command": "echo", "args": "mine"}).json()["id"]
        self.assertEqual(self.ask("GET", "/" + ours).status, 404)

    def test_who_may_not_run_a_command_starts_none(self):
        before = len(self.jobs())
        for command in ("echo", "nothing"):
            answer = self.instance.request("POST", "/old/", {"command": command, "args": ""}, token="poor" * 10)
            self.assertEqual((answer.status, answer.json()["error"]), (400, "Specified command is not in whitelist."))
        self.assertEqual(len(self.jobs()), before)

    def test_a_value_that_the_command_does_not_take_is_refused_with_its_reason(self):
        answer = self.post({"command": "say", "args": "x" * 2000})
        self.assertEqual((answer.status, answer.json()["message"]), (400, "Bad Request"))
        self.assertIn("/params/args/0 ", answer.json()["error"])

    def test_arguments_that_a_command_does_not_take_are_not_left_out(self):
        before = len(self.jobs())
        answer = self.post({"command": "both", "args": "--dry-run"})
        self.assertEqual((answer.status, answer.json()["message"]), (400, "Bad Request"))
        self.assertEqual(len(self.jobs()), before)

    def test_a_document_that_is_half_read_is_read_to_its_end_while_the_keeper_dies(self):
        job_id = self.run_to_end("long")["id"]
        front = self.instance.part("front").pid
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        self.addCleanup(connection.close)
        connection.request("GET", "/" + job_id)
        answer = connection.getresponse()
        beginning = answer.read(10)
        self.kill_keeper()
        job = json.loads(beginning + answer.read())
        self.assertEqual((len(job["stdout"]), job["code"], job["err"]), (8_000_000, 0, None))
        self.assertEqual(self.instance.part("front").pid, front)

    def test_records_say_who_came_without_a_token(self):
        job_id = self.run_to_end("echo", "who")["id"]
        job = next(job for job in self.jobs() if job["params"].get("args") == ["who"])
        self.assertEqual((job["actor"]["id"], job["actor"]["via"], job["labels"]), ("old-clients", "listener", {"called": "echo", "predecessor": "http-runner"}))
        self.assertTrue(job_id)


RETRY_SPEED = 100       # pauses of 50 ms, 300 ms, 1.2 s, 6 s, ...


class Callbacks(Client):
    """`callback`: a POST of the job to a URL of the request, at its end."""

    commands = {name: {**COMMANDS[name]} for name in ("echo", "both", "bytes", "long", "gone")} | {
        "steps": {"exec": ["/usr/bin/sleep", "2"]},
        "letters": {"exec": ["/usr/bin/python3", "-c", "print('\u00e4\u20ac\U0001f600' * 20000, end='')"]},
        "killed": {"exec": ["/usr/bin/python3", "-c", "import os; os.kill(os.getpid(), 9)"]},
        "quiet": {"exec": ["/usr/bin/echo", "nobody keeps this"], "record": "metadata-only"},
    }
    words = {name: name for name in commands}

    @classmethod
    def setUpClass(cls):
        cls.place = free_port()
        cls.keys = {"callback": "runner"}
        cls.options = {"server": {"test_retry_speed": RETRY_SPEED},
                       "callbacks": {"runner": {"allow_url": f"http://127.0.0.1:{cls.place}/status/200", "allow_plain": True,
                                                "allow_net": ["127.0.0.0/8"]}}}
        super().setUpClass()

    def url(self, rest=""):
        return f"http://127.0.0.1:{self.place}/status/200{rest}"

    def receiver(self):
        receiver = Receiver(port=self.place)
        self.addCleanup(receiver.close)
        return receiver

    def told(self, receiver, count=1):
        receiver.wait_for_requests(count)
        return receiver.requests[count - 1]

    def told_of(self, command, args=""):
        receiver = self.receiver()
        job = self.run_to_end(command, args, callback=self.url("?of=" + command))
        request = self.told(receiver)
        self.assertEqual(request.method, "POST")
        self.assertEqual(request.target, "/status/200?of=" + command)
        self.assertEqual(request.field("content-length"), [str(len(request.body))])
        return job, request

    def raw(self, job):
        return self.ask("GET", "/" + job["id"]).body

    def test_the_body_is_what_get_answers_and_the_head_is_as_it_was(self):
        before_ms = int(time.time() * 1000)
        job, request = self.told_of("both")
        self.assertEqual(request.body, self.raw(job))
        self.assertEqual(list(job), ["stderr", "stdout", "id", "code", "command", "arguments", "callback", "err"])
        self.assertEqual((job["stdout"], job["stderr"], job["code"], job["err"]), ("out", "err", 7, None))
        self.assertEqual(job["callback"], self.url("?of=both"))
        self.assertEqual((request.field("content-type"), request.field("accept")), (["application/json"], ["application/json"]))
        self.assertEqual(request.field("host"), [f"127.0.0.1:{self.place}"])
        stamp, = request.field("x-notify-timestamp")
        self.assertRegex(stamp, r"^[0-9]{13}$")
        self.assertLessEqual(before_ms, int(stamp))
        self.assertLessEqual(int(stamp), int(time.time() * 1000))

    def bodies(self):
        path = os.path.join(self.instance.state, "keeper", "jobs.db")
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            return [bytes(body) for body, in database.execute("SELECT body FROM deliveries WHERE format = 1 AND state <> 1")]

    def test_what_was_told_is_not_kept_and_is_written_anew_to_be_sent_again(self):
        receiver = self.receiver()
        job = self.run_to_end("both", "", callback=self.url("?of=again"))
        first = self.told(receiver)
        of_job = lambda: self.instance.request("GET", "/v1/callbacks?job=" + self.instance.request("GET", "/v1/jobs").json()["items"][0]["id"]).json()["items"]
        item = self.ended(lambda: (lambda item: item if item["state"] == "delivered" else None)(of_job()[0]))
        self.assertEqual(set(self.bodies()), {b""})
        self.assertEqual(self.instance.request("POST", f"/v1/callbacks/{item['id']}/redeliver").status, 202)
        second = self.told(receiver, 2)
        self.assertEqual((second.body, second.field("webhook-id")), (first.body, first.field("webhook-id")))
        self.assertEqual(second.body, self.raw(job))

    def test_the_job_shows_the_callback_as_it_was_sent_from_the_first_answer_on(self):
        receiver = self.receiver()
        sent = self.url("/?q=%41&r=")
        job = self.start("echo", "x", callback=sent)
        self.assertEqual(list(job), ["stderr", "stdout", "id", "code", "command", "arguments", "callback"])
        self.assertEqual(job["callback"], sent)
        self.assertEqual(self.ended(lambda: (lambda job: job if "err" in job else None)(self.read(job["id"])))["callback"], sent)
        self.assertEqual(json.loads(self.told(receiver).body)["callback"], sent)

    def test_a_job_that_named_none_has_no_such_member(self):
        for more in ({}, {"callback": None}):
            self.assertNotIn("callback", self.run_to_end("echo", "x", **more))

    def test_H4_4_the_length_counts_bytes_of_output_that_is_not_ascii(self):
        """H.4.4: Content-Length counted characters, and what came behind the cut was lost."""
        job, request = self.told_of("letters")
        self.assertEqual(json.loads(request.body)["stdout"], "\u00e4\u20ac\U0001f600" * 20000)
        self.assertEqual(request.body, self.raw(job))
        self.assertGreater(len(request.body), 180_000)

    def test_bytes_that_are_no_text_are_told_as_get_tells_them(self):
        job, request = self.told_of("bytes")
        self.assertEqual(request.body, self.raw(job))

    def test_output_beyond_what_an_outbox_holds_is_cut_and_said_to_be(self):
        job, request = self.told_of("long")
        told = json.loads(request.body)
        self.assertIs(told.pop("truncated"), True)
        self.assertLess(len(request.body), 1024 * 1024)
        self.assertGreater(len(told["stdout"]), 900_000)
        self.assertTrue(job["stdout"].startswith(told["stdout"]))
        self.assertEqual({**told, "stdout": job["stdout"]}, job)

    def test_a_program_that_cannot_be_started_is_told_too(self):
        job, request = self.told_of("gone")
        self.assertEqual(request.body, self.raw(job))
        self.assertEqual((job["code"], job["stdout"], job["stderr"]), (-2, "", ""))
        self.assertEqual(job["err"], {"errno": -2, "code": "ENOENT", "syscall": "spawn gone", "path": "gone", "spawnargs": [""],
                                      "message": job["err"]["message"]})

    def test_a_death_by_signal_is_told_and_is_no_running_job(self):
        job, request = self.told_of("killed")
        self.assertEqual(request.body, self.raw(job))
        self.assertEqual((job["code"], job["err"]), (None, None))

    def test_output_that_nobody_keeps_is_told_to_nobody(self):
        job, request = self.told_of("quiet")
        self.assertEqual(json.loads(request.body)["stdout"], "")
        self.ended(lambda: self.raw(job) == request.body)

    def refused(self, callback):
        before = len(self.jobs())
        answer = self.post({"command": "echo", "args": "x", "callback": callback})
        self.assertEqual((answer.status, answer.json()["message"]), (400, "Bad Request"), callback)
        self.assertIn("callback", answer.json()["error"])
        self.assertEqual(len(self.jobs()), before)

    def test_H4_2_a_callback_that_is_no_url_ends_nothing(self):
        """H.4.2: a callback that was no string, or had a port above 65535, ended the whole server after its 202."""
        parts = {name: self.instance.part(name).pid for name in ("front", "keeper", "notifier")}
        for callback in (1, True, False, 1.5, [], {}, ["http://x"], {"url": self.url()}, "", "x", "http://", "http://127.0.0.1:65536/",
                         "http://127.0.0.1:99999/status/200", "http://127.0.0.1:-1/", "http://127.0.0.1:x/", "http://[::1/", "//", "http:///x",
                         "http://127.0.0.1:0/", "file:///etc/passwd", "gopher://127.0.0.1/", "javascript:1", "http://\u00e4/", "http://a b/",
                         "http://127.0.0.1\n/", "x" * 5000, "http://" + "a" * 300 + "/"):
            with self.subTest(callback=callback):
                self.refused(callback)
        self.assertEqual(self.post('{"command": "echo", "args": "x", "callback": "http://x/\\u0000"}').status, 400)
        self.assertEqual(self.run_to_end("echo", "still here")["stdout"], "still here\n")
        self.assertEqual({name: self.instance.part(name).pid for name in parts}, parts)

    def test_H4_3_a_destination_that_the_operator_did_not_list_is_refused(self):
        """H.4.3: any host, port and path could be had; https: was sent as plain HTTP."""
        other = Receiver()
        self.addCleanup(other.close)
        for callback in (f"http://127.0.0.1:{other.port}/status/200", self.url().replace("127.0.0.1", "localhost"),
                         self.url().replace("127.0.0.1", "127.0.0.2"), self.url().replace("http:", "https:"), self.url("-other"),
                         self.url("/../x"), self.url("/%2e%2e/x"), self.url().replace("//", "//me@"), "http://169.254.169.254/latest/meta-data/",
                         self.url().replace("/status/200", "/"), self.url("#x"), f"http://127.0.0.1:{self.place}\\@127.0.0.1:{other.port}/"):
            with self.subTest(callback=callback):
                self.refused(callback)
        self.assertEqual(other.connections, 0)

    def test_a_receiver_that_was_down_hears_of_it_and_the_keeper_may_die_meanwhile(self):
        job = self.run_to_end("both", callback=self.url("/late"))
        attempts = lambda: [item for item in self.instance.request("GET", "/v1/callbacks?state=waiting").json()["items"] if item["attempt_count"] >= 1]
        self.ended(attempts)
        self.kill_keeper()
        receiver = self.receiver()
        request = self.told(receiver)
        self.assertEqual((request.target, request.body), ("/status/200/late", self.raw(job)))

    def test_a_job_that_ends_under_another_keeper_is_told_in_the_same_form(self):
        receiver = self.receiver()
        job = self.start("steps", callback=self.url())
        self.kill_keeper()
        request = self.told(receiver)
        self.assertEqual(json.loads(request.body)["id"], job["id"])
        self.assertEqual(request.body, self.raw(job))

    def test_every_attempt_says_the_same_and_is_signed(self):
        receiver = self.receiver()
        receiver.answer_status = lambda connection, _: receiver.say(connection, 503 if len(receiver.requests) < 3 else 200)
        self.run_to_end("echo", "again", callback=self.url())
        self.told(receiver, 3)
        self.assertEqual(len({request.body for request in receiver.requests}), 1)
        self.assertEqual(len({request.field("webhook-id")[0] for request in receiver.requests}), 1)
        for request in receiver.requests:
            self.assertTrue(request.field("webhook-signature")[0].startswith("v1,"))

    def test_the_url_is_in_no_log_and_no_answer_of_the_api(self):
        receiver = self.receiver()
        self.run_to_end("echo", "x", callback=self.url("/SECRET-Q7"))
        self.told(receiver)
        self.assertNotIn("SECRET-Q7", self.instance.log())
        for path in ("/v1/jobs", "/v1/callbacks"):
            self.assertNotIn(b"SECRET-Q7", self.instance.request("GET", path).body)

    def test_who_may_not_read_the_output_has_it_sent_nowhere(self):
        with self.without_read():
            answer = self.instance.request("POST", "/old/", {"command": "echo", "args": "x", "callback": self.url()}, token="blind" * 8)
            self.assertEqual((answer.status, answer.json()["message"]), (400, "Bad Request"))
            self.assertIn("may not read", answer.json()["error"])

    @contextlib.contextmanager
    def without_read(self):
        self.instance.config["tokens"]["blind"] = {"hash": token_hash("blind" * 8), "allow": ["run:*"]}
        self.reloaded()
        yield
        del self.instance.config["tokens"]["blind"]
        self.reloaded()

    def reloaded(self):
        count = self.instance.log().count("of the configuration is in effect")
        self.instance.write_config()
        self.instance.reload()
        self.ended(lambda: self.instance.log().count("of the configuration is in effect") > count)


class Holes(Client, HoleTests):
    """The holes of http-runner, one by one (docs/predecessors.md); H.4.2 to 4 are in Callbacks."""

    options = {"environment": SECRET_ENVIRONMENT}
    commands = {
        "echo": COMMANDS["echo"],
        "slow": COMMANDS["slow"],
        "cat": {"exec": ["/usr/bin/cat"]},
        "killed": {"exec": ["/usr/bin/python3", "-c", "import os; os.kill(os.getpid(), 9)"]},
        "brief": {"exec": ["/usr/bin/sleep", "60"], "timeout": "1s"},
        "endless": {"exec": ["/usr/bin/yes"], "output": {"max": "100KiB"}},
        "few": {"exec": ["/usr/bin/python3", "-u", "-c", "import sys, time; print('few'); time.sleep(int(sys.argv[1]))", "{args...}"],
                "params": {"args": {"type": "list", "of": {"type": "string"}, "default": []}}, "retention": {"count": 1}},
        "find": {"exec": ["/usr/bin/find", "{args...}"],
                 "params": {"args": {"type": "list", "of": {"type": "string", "pattern": "/[a-z/]*"}, "default": []}}},
        "look": {"exec": ["/usr/bin/python3", "-c", LOOK, "{args...}"],
                 "params": {"args": {"type": "list", "of": {"type": "string"}, "default": []}}},
    }
    words = {name: name for name in commands}

    def test_H4_1_nobody_runs_anything_without_a_token_or_from_another_site_and_nothing_is_free(self):
        """H.4.1: no authentication, any command without a whitelist, form posts and rebound names reached the loopback."""
        self.assert_nobody_gets_in("POST", "/", '{"command": "echo", "args": "x"}')
        for command in ("id", "/bin/sh", "sh", "true"):
            self.assertEqual(self.post({"command": command, "args": ""}).json()["error"], "Specified command is not in whitelist.")

    def test_H4_5_output_bodies_and_time_are_bounded_and_a_job_can_be_stopped(self):
        """H.4.5: output, jobs and bodies without bound, no timeouts, no way to kill a job."""
        self.assertLessEqual(len(self.run_to_end("endless")["stdout"]), 100 * 1024)
        self.assertIn("err", self.run_to_end("brief"))
        job_id = self.start("slow")["id"]
        self.ended(lambda: self.read(job_id)["stdout"])
        url = next(job["url"] for job in self.jobs() if job["command"] == "slow")
        self.assertEqual(self.instance.request("POST", url + "/cancel", {}).status, 202)
        self.ended(lambda: "err" in self.read(job_id))
        self.assert_bodies_are_bounded("POST", "/")

    def test_H4_6_what_runs_is_never_purged_and_ids_cannot_be_guessed(self):
        """H.4.6: a job that ran was dropped when there were too many; ids came from the time and a weak random number."""
        running = self.start("few", "60")["id"]
        self.ended(lambda: self.read(running)["stdout"])
        ended = [self.run_to_end("few", "0")["id"] for _ in range(4)]
        self.ended(lambda: not self.read(ended[0])["stdout"], seconds=60)
        self.assertEqual(self.read(running)["stdout"], "few\n")
        self.assertEqual(self.read(ended[-1])["stdout"], "few\n")
        self.assertEqual(len({job_id[16:32] for job_id in [running, *ended]}), 5, "64 bits of each are random")

    def test_H4_7_a_program_that_reads_finds_an_end(self):
        """H.4.7: standard input was a pipe that nobody closed, and `cat` ran for ever."""
        self.assertEqual(self.run_to_end("cat")["code"], 0)

    def test_H4_8_a_death_by_signal_is_an_end_and_the_signal_is_kept(self):
        """H.4.8: a job that a signal ended looked as if it ran."""
        job = self.run_to_end("killed")
        self.assertEqual((job["code"], job["err"]), (None, None))
        ours = next(job for job in self.jobs() if job["command"] == "killed")
        self.assertEqual((ours["state"], ours["end"]["signal_name"]), ("failed", "KILL"))

    def test_H4_9_arguments_are_checked_and_not_only_names(self):
        """H.4.9: a whitelisted find, env or sh was anything, by its arguments."""
        before = len(self.jobs())
        for args in ("/tmp -exec id ;", "-delete", "/etc /../x", "$(id)", "/tmp;id"):
            self.assertEqual(self.post({"command": "find", "args": args}).status, 400, args)
        self.assertEqual(len(self.jobs()), before)

    def test_H4_10_a_job_has_nothing_of_the_service(self):
        """H.4.10: jobs had the server's environment, user, network and directory."""
        self.assert_confined(self.run_to_end("look", f"{self.instance.part('keeper').pid} {self.instance.port}")["stdout"])

    def test_H4_11_a_job_is_its_owner_s(self):
        """H.4.11: whoever had an id read the job."""
        job_id = self.run_to_end("echo", "mine")["id"]
        answer = self.instance.request("GET", f"/old/{job_id}", token="poor" * 10)
        self.assertEqual((answer.status, answer.json()), (404, {"message": "Not Found"}))
        self.assertEqual(self.instance.request("GET", f"/old/{job_id}", token=None).status, 401)


class WithoutCallbacks(Client):
    commands, words = {"echo": COMMANDS["echo"]}, {"echo": "echo"}

    def test_a_callback_that_nobody_allowed_is_refused_with_what_to_do(self):
        answer = self.post({"command": "echo", "args": "x", "callback": "http://127.0.0.1:9/x"})
        self.assertEqual((answer.status, answer.json()["message"]), (400, "Bad Request"))
        self.assertIn("predecessors.http-runner.callback", answer.json()["error"])
        self.assertEqual(self.jobs(), [])


if __name__ == "__main__":
    unittest.main()
