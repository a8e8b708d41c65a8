"""What a front that was taken over does in more than one message: rows.DEEDS, a test for each by its name."""

import json
import os
import socket
import stat
import struct
import subprocess
import unittest

from attacker import Attacker
from rig import RELEASE, REQUEST, SECONDS, SEQPACKET, Evil, inet_address, trail, verify, wait_until, wire

MEBIBYTE = 1024 * 1024
KEEPER_MAY_GROW = 32 * MEBIBYTE
EAGAIN = -11


class EvilFrontDeeds(Evil):
    bin_directory = RELEASE         # a sanitizer keeps what was freed: there memory says nothing

    def kinds(self, front):
        """What stands behind each descriptor."""
        found = []
        for fd in range(1024):
            mode = front.mode(fd)
            if mode is not None:
                kind = stat.S_IFMT(mode)
                if kind == stat.S_IFSOCK:
                    found.append("listener" if front.option(fd, 30) == 1 else "channel" if front.option(fd, 3) == SEQPACKET else "connection")
                elif fd <= 2:
                    found.append("standard")
                else:
                    found.append({stat.S_IFIFO: "pipe", 0: "loop"}.get(kind, oct(mode)))
            front.forget()
        return found

    def test_holds_nothing_else(self):
        with self.take("front") as front:
            found = self.kinds(front)
        self.assertEqual({kind: found.count(kind) for kind in set(found) - {"loop", "pipe", "connection"}},
                         {"standard": 3, "channel": 2, "listener": 2})
        self.assertLessEqual(found.count("pipe"), 2)        # the loop's own, for signals
        self.assertLessEqual(found.count("loop"), 3)        # epoll, a timer, an eventfd
        self.untouched()

    def submit(self, front, token, **more):
        return self.ask(front, wire.message("MSG_SUBMIT", REQUEST, **{
            "command": "echo", "params": wire.entry(wire.ENTRY_STRING, "text", "x"), **wire.bearer(token), **more}))

    def test_replays_a_key(self):
        before = len(trail(self.instance))
        with self.take("front") as front:
            kind, first = self.submit(front, self.ops, idempotency_key="k-1")
            self.assertEqual((kind, first["was_replayed"]), ("MSG_SUBMITTED", 0))
            kind, other = self.submit(front, self.ci, idempotency_key="k-1")
            self.assertEqual((kind, other["was_replayed"]), ("MSG_SUBMITTED", 0))
            kind, again = self.submit(front, self.ops, idempotency_key="k-1")
            self.assertEqual((kind, again["was_replayed"], again["job_id"]), ("MSG_SUBMITTED", 1, first["job_id"]))
        self.assertNotEqual(first["job_id"], other["job_id"])
        self.assertEqual([entry["actor"] for entry in trail(self.instance)[before:] if entry["what"] == "submit"], ["ops", "ci"])
        self.untouched()

    def test_lists_others_jobs(self):
        with self.take("front") as front:
            for actor in ("", "tester"):
                kind, values = self.ask(front, wire.message("MSG_LIST_JOBS", REQUEST, limit=200, actor=actor, **wire.bearer(self.ops)))
                while kind == "MSG_JOB":
                    self.assertEqual((values["actor"], actor), ("ops", ""))
                    kind, values = self.answer(front, self.keeper_fd(front))
                self.assertEqual(kind, "MSG_JOBS_END")
        self.untouched()

    def test_zero_for_a_limit(self):
        with self.take("front") as front:
            kind, made = self.submit(front, self.ci, timeout_ms=0)
            self.assertEqual(kind, "MSG_SUBMITTED")
            kind, job = self.ask(front, wire.message("MSG_READ_JOB", REQUEST, job_id=made["job_id"], **wire.bearer(self.ci)))
        self.assertEqual((kind, job["timeout_ms"]), ("MSG_JOB", 60000))
        self.untouched()

    def test_forges_text(self):
        before = len(trail(self.instance))
        nasty = 'x","what":"end"}\n{"entry":1,"what":"end"}\x1b[2J\r\x7f\u009b2J'
        with self.take("front") as front:
            kind, _ = self.submit(front, self.ci, reason=nasty, address=nasty[:60])
            self.assertIn(kind, ("MSG_SUBMITTED", "MSG_REFUSED"))
            for token in (self.ci, "sp_nobody"):
                kind, _ = self.ask(front, wire.message("MSG_SUBMIT", REQUEST, **{**wire.bearer(token, nasty[:60]), "command": nasty[:60]}))
                self.assertEqual(kind, "MSG_REFUSED")
        self.assertGreaterEqual(len(trail(self.instance)), before + 3)
        export = subprocess.run([os.path.join(self.instance.bin, "sallyport"), "audit", "export", "--state", self.instance.state],
                                capture_output=True, timeout=60, check=True).stdout
        for line in export.decode().splitlines():
            self.assertEqual(set(json.loads(line)), set(json.loads(export.splitlines()[0])))
        table = subprocess.run([os.path.join(self.instance.bin, "sallyport"), "audit", "ls", "-o", "wide", "-n", "100000", "--state", self.instance.state],
                               capture_output=True, timeout=60, check=True).stdout
        self.assertFalse([byte for byte in export + table if byte < 32 and byte != 10], "a control character is shown")
        self.assertFalse([sign for sign in table.decode() if 0x7f <= ord(sign) <= 0x9f], "a terminal would obey it")
        self.assertEqual(len(export.splitlines()), len(trail(self.instance)))
        self.assertEqual(len(table.splitlines()), len(trail(self.instance)) + 1)
        self.assertEqual(verify(self.instance).returncode, 0)
        self.untouched()

    def test_never_reads(self):
        """Nothing more goes in, and the front is not let go for that: it is listened to again when it takes its answers."""
        keeper = self.parts["keeper"]
        before, drops = keeper.resident_bytes(), self.dropped()
        asked = wire.message("MSG_LIST_JOBS", REQUEST, limit=200, **wire.bearer(self.instance.token))
        with self.take("front") as front:
            fd = self.keeper_fd(front)
            part = front.put(struct.pack("QQ", front.put(asked), len(asked)))
            head = front.put(struct.pack("QIxxxxQQQQIxxxx", 0, 0, part, 1, 0, 0, 0))
            mark = front.at

            def is_stopped():
                for _ in range(200):
                    sent = front.call("sendmsg", fd, head, 0x4040)
                    if sent != len(asked):
                        self.assertEqual(sent, EAGAIN, "it was let go")
                        return True
                return False
            self.assertTrue(wait_until(lambda: is_stopped() and not wait_until(lambda: not is_stopped(), 1, 0.1), SECONDS * 3))
            self.assertLess(keeper.resident_bytes() - before, KEEPER_MAY_GROW)

            def goes_in_again():
                front.at = mark
                while front.receive(fd, timeout_ms=0) is not None:
                    front.at = mark
                return front.call("sendmsg", fd, head, 0x4040) == len(asked)
            self.assertTrue(wait_until(goes_in_again, SECONDS))
        self.assertEqual(self.dropped(), drops)
        self.end(self.part)
        self.untouched()

    def test_floods_with_descriptors(self):
        """Each is answered, and the keeper has none of them afterwards."""
        keeper, times = self.parts["keeper"], 1000
        before, entries = len(keeper.descriptors()), len(self.refused_of_ci())
        answers = []
        with self.take("front") as front:
            attacker = Attacker(self, front)
            memory = attacker.memory(b"x", 0xf)
            asked = wire.message("MSG_SUBMIT", REQUEST, command="other", has_stdin=1, **wire.bearer(self.ci))
            mark = front.at

            def take_answer(timeout_ms):
                got = front.receive(attacker.channel, timeout_ms)
                front.at = mark
                if got is not None and wire.request_of(got[0]) == REQUEST:
                    kind, _, values = wire.read(got[0])
                    answers.append((kind, values.get("status"), values.get("code")))
                return got is not None
            for _ in range(times):
                while (sent := front.send(attacker.channel, asked, [memory])) == EAGAIN:
                    self.assertTrue(take_answer(int(SECONDS * 1000)), "it neither takes nor answers")
                self.assertEqual(sent, len(asked))
                front.at = mark
            while len(answers) < times and take_answer(int(SECONDS * 1000)):
                pass
        self.assertEqual({answer: answers.count(answer) for answer in set(answers)}, {("MSG_REFUSED", 404, "not-found"): times})
        self.end(self.part)
        self.untouched()
        self.assertTrue(wait_until(lambda: len(keeper.descriptors()) <= before, SECONDS), (before, keeper.descriptors()))
        self.assertEqual(len(self.refused_of_ci()), entries + times)

    def refused_of_ci(self):
        return [entry for entry in trail(self.instance, "--verdict", "refused") if entry["actor"] == "ci"]

    def test_floods_the_bootstrap(self):
        with self.take("front") as front:
            sent = 0
            while (answer := front.send(3, bytes(4000))) > 0:
                front.forget()
                sent += 1
                self.assertLess(sent, 10000, "the bootstrap's buffer has no end")
            self.assertEqual(answer, EAGAIN)
            self.assertGreater(sent, 0)
        self.instance.reload()
        self.untouched()
        self.end(self.part)
        self.untouched()

    def test_names_no_path(self):
        """Of all messages there are; what is left of them has somebody else for its speaker, or is the name of a caller."""
        words = {"path", "uid", "gid", "policy", "root", "exec", "env", "argv", "cgroup", "profile", "filter", "user", "dir", "file", "program", "mount", "namespace",
                 "caps", "capabilities", "umask"}
        found = {kind: [name for _, name in fields if words & set(name.replace(".", "_").split("_"))] for kind, fields in wire.RECORDS.items()}
        self.assertEqual({kind: names for kind, names in found.items() if names}, {
            "MSG_BECOME": ["uid", "gid"], "MSG_SLOT": ["uid", "gid"], "MSG_SLOT_ROOT": ["root"],            # the bootstrap's
            "MSG_VERDICT": ["has_argv", "argv"], "MSG_JOB": ["user_us"], "MSG_CALLER": ["uid"],             # what the keeper tells the front
            "MSG_EXITED": ["user_us"],                                                                      # what the launcher tells the keeper
            "MSG_LOGIN": ["user"],                                                                          # of `users`, and none of the system's
            # What stands behind /r in a URL: a key of rows in the keeper's database, and no name of a file.
            "MSG_LIST_FUNCTIONS": ["path"], "MSG_CHANGE_FUNCTIONS": ["path"], "MSG_FUNCTION": ["path"]})

    def test_leaves_nothing(self):
        """What it may do to a listener, and the next front has: none of it keeps that from its work."""
        with self.take("front") as front:
            attacker = Attacker(self, front)
            for listener in (attacker.fd("listener"), attacker.fd("unix")):
                front.call("shutdown", listener, 0)
                front.call("shutdown", listener, 1)
                front.call("fcntl", listener, 4, 0)             # F_SETFL: it waits
                front.call("fcntl", listener, 4, 0x2000)        # and signals
                for command, value in ((8, front.pid), (10, 9)):
                    front.call("fcntl", listener, command, value)
                front.call("sendto", listener, front.put(b"x"), 1, 0x20004000, front.put(inet_address(self.instance.port)), 16)
        self.end(self.part)
        self.untouched()
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(self.instance.socket_path)
            peer.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertIn(b"200", peer.recv(1000))


if __name__ == "__main__":
    unittest.main()
