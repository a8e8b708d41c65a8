"""A keeper that was taken over, against the launcher: it may have listed commands run, with values in their schema, and nothing else.

Its word on what was done is no evidence any more; the launcher's log and its record of starts are.
"""

import os
import shutil
import signal
import stat
import tempfile
import unittest

import rows
from attacker import Attacker
from rig import SECONDS, Died, Evil, Takeover, add_rows, inet_address, trail, unix_address, verify, wait_until, wire

DROPS = "waiting for a new"
DOUBTS = "it asks for what none of ours does"
MEBIBYTE = 1024 * 1024
UP = b"../" * 12
INVALID = wire.enumerators("not_launched", "proto", "orders.h")["NOT_LAUNCHED_INVALID"]
BUSY = wire.enumerators("not_launched", "proto", "orders.h")["NOT_LAUNCHED_BUSY"]


class Keeper(Attacker):
    """Its channel to the launcher, and what it knows."""

    def __init__(self, test, keeper):
        self.front = keeper         # whose memory the files are made in
        self.job, self.generation = test.job_bytes, test.generation
        self.index = {name: number for number, name in enumerate(test.commands)}
        self.channel = test.launcher_fd(keeper)
        self.directory = next(fd for fd in keeper.descriptors() if stat.S_ISDIR(keeper.mode(fd) or 0))
        keeper.forget()


class KeeperRig(Evil):
    generation = 1
    lasting = ("launcher", "front")

    def launcher_fd(self, keeper):
        """Which of its channels leads to the launcher: a word that comes out there is taken back before it is read."""
        with Takeover(self.instance.part("launcher").pid) as launcher, Takeover(self.instance.part("front").pid) as front:
            for fd in self.channels(keeper):
                self.assertEqual(keeper.send(fd, b"where"), 5)
                for taken, is_it in ((launcher, True), (front, False)):
                    for end in self.channels(taken):
                        taken.forget()
                        got = taken.receive(end, timeout_ms=0)
                        while got is not None and got[0] != b"where":
                            got = taken.receive(end, timeout_ms=0)
                        if got is not None and is_it:
                            return fd
        raise AssertionError("no channel of the keeper leads to the launcher")

    def untouched(self):
        """Another keeper may be there by now, the launcher and the job are the same."""
        self.assertTrue(wait_until(self.instance.is_ready, SECONDS, 0.05), self.instance.log())
        self.assertTrue(wait_until(lambda: self.instance.job(self.job).get("state") == "running", SECONDS, 0.05))
        self.assertTrue(self.parts["launcher"].is_alive())
        self.assertTrue(self.parts["front"].is_alive())
        self.assertEqual(self.instance.run("other").stdout, b"other\n")

    def head(self):
        return bytes.fromhex(trail(self.instance)[-1]["head"])


class EvilKeeper(KeeperRig):
    """A test for each row of rows.KEEPER_BREACHES and rows.KEEPER_ORDERS is added below. The launcher tells 20 doubts in ten seconds
    and counts the rest (src/launcher/keeper_tell.c): so floods have an instance of their own, and here each has its line."""

    def told(self, words, before=()):
        """What the launcher has logged with these words, but what it had before."""
        return self.log_lines('"launcher"', words)[len(before):]

    def attack_with_breach(self, row):
        before = self.told(DROPS)
        with self.take("keeper") as keeper:
            attacker = Keeper(self, keeper)
            for data, fds in row.build(attacker):
                self.assertEqual(keeper.send(attacker.channel, data, fds), len(data), "the attacker cannot even send")
            while keeper.receive(attacker.channel, timeout_ms=int(SECONDS * 1000)) is not None:
                keeper.forget()
            self.assertEqual(keeper.send(attacker.channel, b"x"), -32, "the launcher still listens")
        drops = self.told(DROPS, before)
        self.assertEqual(len(drops), 1, drops)
        self.assertIn(row.why, drops[0])
        self.end(self.part)
        self.untouched()

    def order(self, keeper, attacker, data, fds=()):
        """The launcher's answer to this order."""
        self.assertEqual(keeper.send(attacker.channel, data, fds), len(data))
        return self.answer(keeper, attacker.channel)

    def attack_with_order(self, row):
        starts = os.path.getsize(os.path.join(self.instance.state, "launcher", "starts"))
        before = self.told(DOUBTS)
        with self.take("keeper") as keeper:
            attacker = Keeper(self, keeper)
            kind, values = self.order(keeper, attacker, row.build(attacker), row.fds(attacker))
        self.assertEqual(kind, "MSG_NOT_LAUNCHED", values)
        self.assertIn(row.says, values["detail"])
        self.assertEqual(os.path.getsize(os.path.join(self.instance.state, "launcher", "starts")), starts, "it was started")
        doubts = self.told(DOUBTS, before)
        if row.line == rows.LAUNCHER:
            self.assertEqual((values["why"], len(doubts)), (INVALID, 1), doubts)
            self.assertIn(row.says, doubts[0])
        else:
            self.assertEqual(doubts, [])
        self.untouched()

    def test_a_valid_order_is_taken(self):
        """The control: what is refused is refused for what is wrong with it. And the residual: listed commands run."""
        with self.take("keeper") as keeper:
            attacker = Keeper(self, keeper)
            data = rows.order(attacker, command=attacker.index["other"], params=b"", job_id=b"\x02" * 16, audit_head=self.head())
            self.assertEqual(keeper.send(attacker.channel, data), len(data))
            kind, values = self.answer(keeper, attacker.channel, 0)
        self.assertEqual((kind, values["job_id"]), ("MSG_LAUNCHED", b"\x02" * 16))
        self.end(self.part)
        self.untouched()

    def test_signals_beyond_the_list(self):
        before = self.told(DOUBTS)
        with self.take("keeper") as keeper:
            attacker = Keeper(self, keeper)
            data = wire.message("MSG_SIGNAL_JOB", 0, job_id=self.job_bytes, signal=9)
            self.assertEqual(keeper.send(attacker.channel, data), len(data))
        self.assertTrue(wait_until(lambda: self.told(DOUBTS, before), SECONDS))
        self.assertEqual([("signal 9, which the command does not allow" in line) for line in self.told(DOUBTS, before)], [True])
        self.untouched()

    def test_orders_while_full(self):
        with self.take("keeper") as keeper:
            attacker, busy = Keeper(self, keeper), 0
            for number in range(16):
                data = rows.order(attacker, command=attacker.index["long"], params=b"", job_id=bytes([3, number]) + bytes(14), audit_head=self.head())
                self.assertEqual(keeper.send(attacker.channel, data), len(data))
            while busy < 13:
                got = keeper.receive(attacker.channel, timeout_ms=int(SECONDS * 1000))
                self.assertIsNotNone(got, busy)
                keeper.forget()
                kind, _, values = wire.read(got[0])
                busy += kind == "MSG_NOT_LAUNCHED" and values["why"] == BUSY
        self.end(self.part)         # its successor has jobs ended of which it knows nothing
        self.untouched()

    def test_keeper_calls(self):
        with self.take("keeper") as keeper:
            attacker, pid = Keeper(self, keeper), self.parts["launcher"].pid
            name, port = keeper.put(unix_address(b"\0x")), keeper.put(inet_address(self.instance.port))
            for call, arguments in (("socket", (2, 1, 0)), ("socket", (1, 1, 0)), ("socketpair", (1, 1, 0, keeper.room(8))), ("connect", (attacker.channel, name, 4)),
                                    ("bind", (attacker.channel, port, 16)), ("listen", (attacker.channel, 1)), ("accept4", (attacker.channel, 0, 0, 0)),
                                    ("shutdown", (attacker.channel, 2)), ("setsockopt", (attacker.channel, 1, 13, name, 4)), ("kill", (pid, 0)),
                                    ("tgkill", (pid, pid, 0)), ("pidfd_open", (pid, 0)), ("fork", ()), ("clone", (0x10000, 0, 0, 0, 0)), ("clone3", (0, 0)),
                                    ("mmap", (0, 4096, 5, 0x22, -1, 0)), ("mprotect", (keeper.base, 4096, 5)), ("prctl", (4, 1, 0, 0, 0)),
                                    ("fcntl", (attacker.channel, 8, pid)), ("mknod", (name, 0, 0)), ("link", (name, name)), ("symlink", (name, name))):
                self.assertEqual(keeper.call(call, *arguments), -38, (call, arguments))
            for path in (b"/etc/passwd\0", b"/../../../etc/passwd\0", b"/proc/self/mem\0", b"/../launcher/starts\0"):
                self.assertEqual(keeper.call("openat", -100, path, 0), -2, path)
            own = keeper.call("openat", -100, b"/output\0", 0o200000)       # the control: there it may
            self.assertGreaterEqual(own, 0)
            self.assertEqual(keeper.call("close", own), 0)
        self.assertTrue(self.part.is_alive())
        self.untouched()

    def test_keeper_looks_outside(self):
        """No way up leads out of its root, from none of its directories: what is there for everybody it cannot even look at."""
        outside = tempfile.mkdtemp(prefix="sallyport-evil-", dir="/tmp")
        try:
            os.chmod(outside, 0o777)
            file = os.path.join(outside, "file")
            with open(file, "w", encoding="ascii") as content:
                content.write("hello")
            os.chmod(file, 0o666)
            with self.take("keeper") as keeper:
                ways = [fd for fd in keeper.descriptors() if stat.S_ISDIR(keeper.mode(fd) or 0)]
                keeper.forget()
                self.assertGreater(len(ways), 0, "there is nothing to try from")
                for way in [*ways, -100]:
                    self.assertTrue(self.sees(keeper, way, UP + b"jobs.db\0"), "the control: its own it finds so")
                    for path in (file.encode() + b"\0", b"etc/passwd\0", b"../launcher/starts\0", b"../lock\0", b"proc\0"):
                        self.assertFalse(self.sees(keeper, way, UP + path), path)
                        self.assertFalse(self.sees(keeper, way, path), path)
                        self.assertEqual(keeper.call("openat", way, UP + path, 0), -2, path)
                        self.assertEqual(keeper.call("unlinkat", way, UP + path, 0), -2, path)
                        keeper.forget()
            self.assertEqual((os.listdir(outside), os.path.getsize(file)), (["file"], 5))
        finally:
            shutil.rmtree(outside)
        self.assertTrue(self.part.is_alive())
        self.untouched()

    def sees(self, keeper, directory, path):
        answer = keeper.call("newfstatat", directory, path, keeper.room(144), 0)
        self.assertIn(answer, (0, -2), path)
        return answer == 0

    def test_keeper_fatal_calls(self):
        for call, arguments in (("execve", (b"/bin/sh\0", 0, 0)), ("ptrace", (16, self.parts["launcher"].pid, 0, 0)), ("setns", (0, 0)),
                                ("process_vm_writev", (self.parts["launcher"].pid, 0, 0, 0, 0, 0))):
            with self.subTest(call):
                with self.assertRaises(Died) as end, self.take("keeper") as keeper:
                    keeper.call(call, *arguments)
                self.assertEqual(end.exception.signal, signal.SIGSYS)
                self.untouched()
        self.assertEqual(len(self.log_lines("keeper was ended by signal 31")), 4)


class Floods(KeeperRig):
    """After one the launcher counts what it would have told, so it has an instance of its own."""

    def test_floods_the_launcher(self):
        launcher = self.parts["launcher"]
        before, lines = launcher.resident_bytes(), len(self.log_lines('"launcher"'))
        with self.take("keeper") as keeper:
            attacker = Keeper(self, keeper)
            data = keeper.put(rows.order(attacker, command=500))
            size = len(rows.order(attacker, command=500))

            def is_over():
                for _ in range(500):
                    if keeper.call("sendto", attacker.channel, data, size, 0x4040, 0, 0) == -32:
                        return True
                return False
            self.assertTrue(wait_until(is_over, SECONDS * 4, 0), "the launcher queues answers without end")
        self.assertLess(launcher.resident_bytes() - before, 64 * MEBIBYTE)
        self.assertLess(len(self.log_lines('"launcher"')) - lines, 200)
        self.end(self.part)
        self.untouched()

    def test_rings_without_end(self):
        """While the bootstrap cannot answer, so that it finds all of them at once."""
        def reloads():
            return len([entry for entry in trail(self.instance) if entry["what"] == "config"])
        before = reloads()
        self.instance.process.send_signal(signal.SIGSTOP)
        try:
            with self.take("keeper") as keeper:
                counters = [fd for fd in keeper.descriptors() if os.readlink(f"/proc/{keeper.pid}/fd/{fd}") == "anon_inode:[eventfd]"]
                self.assertTrue(counters)
                for fd in counters:
                    for _ in range(500):
                        mark = keeper.at
                        self.assertEqual(keeper.call("write", fd, b"\1" + bytes(7), 8), 8)
                        keeper.at = mark
        finally:
            self.instance.process.send_signal(signal.SIGCONT)
        self.assertTrue(wait_until(lambda: reloads() > before, SECONDS, 0.1), "nobody heard it ring")
        self.instance.reload()      # comes behind whatever the rings still have to bring
        self.assertTrue(wait_until(lambda: reloads() >= before + 2, SECONDS, 0.1))
        self.assertEqual(reloads(), before + 2)
        self.untouched()
        self.assertTrue(self.part.is_alive())


class ForgedOrder(KeeperRig):
    """What it forges cannot be mended, so it has an instance of its own."""

    def test_forges_an_order(self):
        self.assertEqual(verify(self.instance).returncode, 0)
        with self.take("keeper") as keeper:
            attacker = Keeper(self, keeper)
            data = rows.order(attacker, command=attacker.index["other"], params=b"", job_id=b"\x04" * 16, audit_head=b"\x05" * 32)
            self.assertEqual(keeper.send(attacker.channel, data), len(data))
            self.assertEqual(self.answer(keeper, attacker.channel, 0)[0], "MSG_LAUNCHED")
        self.end(self.part)
        self.untouched()
        verdict = verify(self.instance)
        self.assertEqual(verdict.returncode, 1, verdict)
        self.assertIn("rebuilt", verdict.stderr)


add_rows(EvilKeeper, "test_", rows.KEEPER_BREACHES, "attack_with_breach")
add_rows(EvilKeeper, "test_", rows.KEEPER_ORDERS, "attack_with_order")

if __name__ == "__main__":
    unittest.main()
