"""A front that was taken over and has only its word: what it gets by claiming that a listener, a session, a login or a webhook says so.

The rows are of rows.DEEDS. What it is believed is shown, too: that is what docs/lockdown.md says of what it can do.
"""

import hashlib
import json
import os
import subprocess
import unittest

from attacker import Attacker
from harness import free_port, yaml_text
from hook_signing import github
from rig import COMMANDS, RELEASE, REQUEST, SECONDS, Evil, trail, wait_until, wire
from wire import ENTRY_STRING, EVIDENCE, entry, message

MEBIBYTE = 1024 * 1024
EAGAIN = -11
PASSWORD = "correct horse battery staple"
SECRET = "a-secret-of-forty-letters-as-providers-ask"
LISTENERS = ("gort", "jobrunner", "go-serverless", "http-runner", "go-tasky")
LOGINS = 2000
WISH = wire.enumerators("hook_wish", "proto", "hooks.h")["HOOK_RUN"]


class EvilFrontEvidence(Evil):
    """Peers, users and hooks are there, each with few rights."""

    bin_directory = RELEASE         # a sanitizer keeps what was freed: there memory says nothing
    commands = {**COMMANDS,
                "says": {"exec": ["/usr/bin/echo", "--", "{word}", "{fixed}"],
                         "params": {name: {"type": "string", "required": True, "pattern": "[a-z]*"} for name in ("word", "fixed")}}}

    @classmethod
    def configure(cls, instance):
        instance.config["predecessors"] = {name: {"prefix": f"/{name}", "listen": f"127.0.0.1:{free_port()}", "commands": {"echo": "echo"}}
                                           for name in ("gort", "http-runner")}
        instance.config["peers"] = {"old-clients": {"predecessor": "gort", "allow": ["run:echo", "read:own"]}}
        line = subprocess.run([os.path.join(RELEASE, "sallyport"), "user", "hash"], input=PASSWORD.encode(), capture_output=True, check=True, timeout=60)
        for name, content in (("alice", line.stdout.decode()), ("secret", SECRET + "\n")):
            instance.write_private(os.path.join(instance.directory, name), content)
        instance.config["users"] = {"alice": {"password": f"file:{os.path.join(instance.directory, 'alice')}", "allow": ["run:echo", "read:own"]}}
        verify = {"preset": "github", "secrets": f"file:{os.path.join(instance.directory, 'secret')}"}
        instance.config["hooks"] = {
            "push": {"verify": verify, "run": {"command": "echo", "params": {"text": {"json": "/text"}}}},
            "other": {"verify": verify, "run": {"command": "says", "params": {"fixed": "ours", "word": {"json": "/word"}}}}}

    def started(self):
        """Commands that were started, of the jobs that are there."""
        return sorted(job["command"] for job in self.instance.request("GET", "/v1/jobs?limit=200").json()["items"])

    def refused(self, answer, status, code):
        self.assertIsNotNone(answer)
        kind, values = answer
        self.assertEqual((kind, values.get("status"), values.get("code")), ("MSG_REFUSED", status, code), values)

    def may_do_no_more(self, front, actor, evidence):
        """Who may run echo and read its own. What is refused has its entry under this name."""
        before = len(trail(self.instance))
        self.assertEqual(self.submit(front, "echo", evidence, entry(ENTRY_STRING, "text", "x"))[0], "MSG_SUBMITTED")
        self.refused(self.submit(front, "other", evidence), 404, "not-found")
        self.refused(self.ask(front, message("MSG_READ_JOB", REQUEST, job_id=self.job_bytes, **evidence)), 404, "not-found")
        for kind, more in (("MSG_RELOAD", {}), ("MSG_DRAIN", {"is_on": 1}), ("MSG_PAUSE", {"command": "echo"}), ("MSG_LIST_CALLERS", {})):
            self.refused(self.ask(front, message(kind, REQUEST, **more, **evidence)), 403, "forbidden")
        told = [(entry["what"], entry["actor"]) for entry in trail(self.instance)[before:] if entry["what"] in ("submit", "refused") and entry["actor"]]
        self.assertEqual(told, [("submit", actor)] + [("refused", actor)] * 6)

    def submit(self, front, command, evidence, params=b""):
        return self.ask(front, message("MSG_SUBMIT", REQUEST, command=command, params=params, **evidence))

    def whoami(self, front, kind, secret):
        return self.ask(front, message("MSG_WHOAMI", REQUEST, kind=EVIDENCE[kind], secret=secret))

    def test_is_any_listeners_peer(self):
        with self.take("front") as front:
            kind, values = self.whoami(front, "LISTENER", "gort")
            self.assertEqual((kind, values["actor"], values["via"]), ("MSG_IDENTITY", "old-clients", EVIDENCE["LISTENER"]))
            self.may_do_no_more(front, "old-clients", {"kind": EVIDENCE["LISTENER"], "secret": "gort"})
            for name in [*LISTENERS[1:], "", "old-clients", "gort\0", "GORT"]:       # one has a listener, and no peer
                self.refused(self.whoami(front, "LISTENER", name), 401, "unauthenticated")
            for kind in ("BEARER", "CERTIFICATE", "SESSION"):
                self.refused(self.whoami(front, kind, "gort"), 401, "unauthenticated")
        self.untouched()

    def test_no_listeners_peer_is_an_administrator(self):
        config = {**self.instance.config, "peers": {"old-clients": {"predecessor": "gort", "allow": ["admin"]}}}
        path = os.path.join(self.instance.directory, "admin.yaml")
        self.instance.write_private(path, yaml_text(config).lstrip("\n"))
        done = subprocess.run([os.path.join(self.instance.bin, "sallyport"), "config", "check", path], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 78, done)
        self.assertIn("admin is not for who is known by a certificate or a listener", done.stdout + done.stderr)

    def log_in(self, front, user="alice", password=PASSWORD, address="192.0.2.77:1", request=REQUEST):
        return self.ask(front, message("MSG_LOGIN", request, user=user, password=password, address=address), request=request)

    def test_makes_up_sessions(self):
        with self.take("front") as front:
            kind, values = self.log_in(front)
            self.assertEqual(kind, "MSG_SESSION", values)
            cookie = values["secret"]
            self.assertEqual(len(cookie), 64)
            self.assertEqual(self.whoami(front, "SESSION", cookie)[0], "MSG_IDENTITY")
            self.may_do_no_more(front, "user:alice", {"kind": EVIDENCE["SESSION"], "secret": cookie})
            near = cookie[:-1] + ("0" if cookie[-1] != "0" else "1")
            for other in (near, cookie.upper(), hashlib.sha256(cookie.encode()).hexdigest(), cookie + "0", cookie[:-1], "alice", "", "0" * 64):
                self.refused(self.whoami(front, "SESSION", other), 401, "unauthenticated")
            for kind in ("BEARER", "LISTENER", "SERVICE", "HOOK", "CERTIFICATE"):
                self.refused(self.whoami(front, kind, cookie), 401, "unauthenticated")
            ended = {"kind": EVIDENCE["SESSION"], "secret": cookie}
            self.assertEqual(self.ask(front, message("MSG_LOGOUT", REQUEST, **ended))[0], "MSG_LOGGED_OUT")
            self.refused(self.whoami(front, "SESSION", cookie), 401, "unauthenticated")
            self.refused(self.ask(front, message("MSG_LOGOUT", REQUEST, **ended)), 401, "unauthenticated")
        self.untouched()

    def strangers(self):
        return [entry for entry in trail(self.instance) if (entry["what"], entry["actor"]) == ("refused", "")]

    def count_of_strangers(self):
        return sum(entry["count"] for entry in self.strangers())

    def test_floods_logins(self):
        keeper = self.parts["keeper"]
        before, entries, count = keeper.resident_bytes(), len(self.strangers()), self.count_of_strangers()
        answers = {}
        with self.take("front") as front:
            fd = self.keeper_fd(front)

            def take_answer():
                front.forget()
                got = front.receive(fd, timeout_ms=int(SECONDS * 1000))
                self.assertIsNotNone(got, "it neither takes nor answers")
                number = wire.request_of(got[0])
                if number > REQUEST:
                    self.assertNotIn(number, answers)
                    kind, _, values = wire.read(got[0])
                    answers[number] = (kind, values.get("status"), values.get("code"))
            for number in range(LOGINS):
                data = message("MSG_LOGIN", REQUEST + 1 + number, user=f"user{number}", password="x", address=f"198.51.100.{number % 250}:{number}")
                while (sent := front.send(fd, data)) == EAGAIN:
                    take_answer()
                self.assertEqual(sent, len(data))
                front.forget()
            while len(answers) < LOGINS:
                take_answer()
            self.assertEqual(set(answers.values()), {("MSG_REFUSED", 401, "unauthenticated"), ("MSG_REFUSED", 429, "rate-limited")})
            self.assertLess(keeper.resident_bytes() - before, 64 * MEBIBYTE)        # of which one comparison takes the half
            self.assertEqual(self.log_in(front, address="192.0.2.78:1")[0], "MSG_SESSION")
        self.assertTrue(wait_until(lambda: self.count_of_strangers() == count + LOGINS, SECONDS * 2, 0.5), self.count_of_strangers())
        self.assertLess(len(self.strangers()) - entries, LOGINS / 2)
        self.untouched()

    # --- webhooks ---

    def deliver(self, front, hook, body, name, request=REQUEST):
        """A delivery that is genuine, as it goes through the front."""
        attacker, content = Attacker(self, front), json.dumps(body).encode()
        headers = github(SECRET, content, 0, name)
        data = message("MSG_HOOK", request, hook=hook, signature=headers["X-Hub-Signature-256"], delivery=name, address="192.0.2.5:1")
        kind, values = self.ask(front, data, [attacker.memory(content, 0xf)], request=request)
        self.assertEqual(kind, "MSG_HOOK_ANSWER", values)
        self.assertNotEqual(values["ticket"], bytes(16))
        return values["ticket"]

    def run_of(self, ticket, params, request=REQUEST):
        return message("MSG_HOOK_RUN", request, ticket=ticket, wish=WISH, event="push", params=params, generation=1)

    def test_forges_tickets(self):
        text = entry(ENTRY_STRING, "text", "hook")
        before = self.started()
        with self.take("front") as front:
            self.refused(self.ask(front, self.run_of(os.urandom(16), text)), 503, "reloading")
            self.refused(self.ask(front, self.run_of(bytes(16), text)), 503, "reloading")
            ticket = self.deliver(front, "push", {"text": "hook"}, "d-1")
            near = ticket[:-1] + bytes([ticket[-1] ^ 1])
            self.refused(self.ask(front, self.run_of(near, text)), 503, "reloading")
            kind, values = self.ask(front, self.run_of(ticket, text))
            self.assertEqual((kind, values["job_id"] != bytes(16)), ("MSG_HOOK_ANSWER", True))
            self.refused(self.ask(front, self.run_of(ticket, text)), 503, "reloading")
            kept = self.deliver(front, "push", {"text": "kept"}, "d-2")
        self.end(self.part)
        self.untouched()
        with self.take("front") as front:       # the next one
            self.refused(self.ask(front, self.run_of(kept, text)), 503, "reloading")
        self.assertEqual(self.started(), sorted([*before, "echo"]))
        self.assertTrue(wait_until(lambda: self.late_runs() == 5, SECONDS, 0.5), self.strangers())
        self.untouched()

    def late_runs(self):
        return sum(entry["count"] for entry in self.strangers() if "proven too long ago, or never" in entry["why"])

    def test_mixes_hooks(self):
        before, drops = self.started(), sum(count for _, count in self.dropped())
        fault = "parameters that its message may not have"
        for hook, params in (("push", entry(ENTRY_STRING, "word", "x")), ("push", entry(ENTRY_STRING, "exec", "x")),
                             ("other", entry(ENTRY_STRING, "word", "x") + entry(ENTRY_STRING, "fixed", "theirs")), ("other", b"junk")):
            with self.subTest(hook=hook, params=params):
                told = len(self.log_lines("front is not listened to any more", fault))
                with self.take("front") as front:
                    ticket = self.deliver(front, hook, {"text": "x", "word": "x"}, os.urandom(8).hex())
                    self.assertIsNone(self.ask(front, self.run_of(ticket, params)))
                    self.assertEqual(front.send(self.keeper_fd(front), b"x"), -32, "the keeper still listens")
                self.assertEqual(len(self.log_lines("front is not listened to any more", fault)), told + 1)
                self.end(self.part)
                self.untouched()
        self.assertTrue(wait_until(lambda: sum(count for why, count in self.dropped() if fault in why) == 4, SECONDS, 0.5), self.dropped())
        self.assertEqual(sum(count for _, count in self.dropped()), drops + 4)
        self.assertEqual(self.started(), before)


if __name__ == "__main__":
    unittest.main()
