"""The audit trail of a real instance: read and verified while it works, and after somebody had the files."""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import threading
import unittest

import harness
from harness import Instance, Refused, wait_until

COMMANDS = {
    "hello": {"exec": ["/usr/bin/echo", "hello"]},
    "wait": {"exec": ["/usr/bin/sleep", "60"], "timeout": "60s"},
}
START_RECORD_BYTES = 76


def audit(state, *arguments):
    return subprocess.run([os.path.join(harness.BIN, "sallyport"), "audit", *arguments, "--state", state],
                          capture_output=True, text=True, timeout=60, check=False)


def entries(state, *arguments):
    done = audit(state, *arguments)
    assert done.returncode == 0, done
    return [json.loads(line) for line in done.stdout.splitlines()]


class Trail(unittest.TestCase):
    """One instance with a history; tests that tamper do so in a copy of its state."""

    @classmethod
    def setUpClass(cls):
        if not os.access(os.path.join(harness.BIN, "sallyportd"), os.X_OK):
            raise unittest.SkipTest(f"{harness.BIN}/sallyportd is not built")
        cls.instance = Instance(COMMANDS, server={"shutdown_grace": "1s"}).start()
        cls.jobs = [cls.instance.run("hello").job["id"] for _ in range(6)]
        cls.instance.submit("wait", reason="because of the moon")
        try:
            cls.instance.submit("nothing-like-it")
        except Refused:
            pass

    @classmethod
    def tearDownClass(cls):
        cls.instance.stop()

    def copy(self):
        """The state as a backup has it, where nobody is in our way. Its database is one file."""
        directory = harness.make_directory("audit")
        self.addCleanup(shutil.rmtree, directory, True)
        target = os.path.join(directory, "state")
        done = subprocess.run([os.path.join(harness.BIN, "sallyport"), "backup", "--state", self.instance.state, target],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done)
        return target

    def tamper(self, *statements):
        """A copy whose database somebody with the file has changed."""
        state = self.copy()
        database = sqlite3.connect(os.path.join(state, "keeper", "jobs.db"))
        with database:
            database.execute("DROP TRIGGER audit_is_append_only")
            for statement in statements:
                database.execute(statement)
        database.close()
        return state

    def expect_fault(self, state, *words):
        done = audit(state, "verify")
        self.assertEqual(done.returncode, 1, done)
        self.assertEqual(done.stdout, "")
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def test_is_whole_while_the_service_runs(self):
        done = audit(self.instance.state, "verify")
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        self.assertRegex(done.stdout, r"^the audit trail is whole: \d+ entries, and all \d+ heads that the launcher noted\n$")

    def test_verify_and_submits_do_not_disturb_each_other(self):
        failures = []

        def verify():
            for _ in range(15):
                done = audit(self.instance.state, "verify")
                if done.returncode != 0:
                    failures.append(done)
        thread = threading.Thread(target=verify)
        thread.start()
        while thread.is_alive():
            self.assertEqual(self.instance.run("hello").stdout, b"hello\n")
        thread.join()
        self.assertEqual(failures, [])

    def test_every_start_is_in_the_launcher_s_own_record(self):
        path = os.path.join(self.instance.state, "launcher", "starts")
        size = os.path.getsize(path)
        self.assertEqual(size % START_RECORD_BYTES, 0)
        with open(path, "rb") as file:
            data = file.read(size)
        heads = {entry["head"] for entry in entries(self.instance.state, "export")}
        for at in range(0, size, START_RECORD_BYTES):
            self.assertIn(data[at + START_RECORD_BYTES - 32:at + START_RECORD_BYTES].hex(), heads)
        self.assertGreaterEqual(size // START_RECORD_BYTES, len(self.jobs) + 1)

    def test_nobody_but_the_bootstrap_can_replace_the_start_record(self):
        harness.needs_root(self)
        directory = os.stat(os.path.join(self.instance.state, "launcher"))
        record = os.stat(os.path.join(self.instance.state, "launcher", "starts"))
        self.assertEqual((directory.st_uid, directory.st_mode & 0o777), (os.geteuid(), 0o700))
        self.assertEqual(record.st_mode & 0o777, 0o600)
        self.assertNotEqual(record.st_uid, os.stat(os.path.join(self.instance.state, "keeper")).st_uid)
        found = []
        pid = self.instance.part("launcher").pid
        for number in os.listdir(f"/proc/{pid}/fd"):
            seen = os.stat(f"/proc/{pid}/fd/{number}")
            if (seen.st_dev, seen.st_ino) == (record.st_dev, record.st_ino):
                with open(f"/proc/{pid}/fdinfo/{number}", encoding="ascii") as file:
                    found.append(int(file.read().split("flags:")[1].split()[0], 8) & (os.O_APPEND | os.O_ACCMODE))
        self.assertEqual(found, [os.O_APPEND | os.O_WRONLY])

    def test_export_says_who_asked_for_what_and_what_was_answered(self):
        told = entries(self.instance.state, "export")
        self.assertEqual([entry["entry"] for entry in told], list(range(1, len(told) + 1)))
        for before, after in zip(told, told[1:]):
            self.assertEqual(after["previous"], before["head"])
        of_job = [entry for entry in told if entry["job"] == self.jobs[0]]
        self.assertEqual([(entry["what"], entry["verdict"], entry["actor"], entry["command"]) for entry in of_job],
                         [("submit", "accepted", "tester", "hello"), ("start", None, "tester", "hello"),
                          ("end", None, "tester", "hello")])
        self.assertIn("because of the moon", [entry["why"] for entry in told])
        refused = [entry for entry in told if entry["verdict"] == "refused"]
        self.assertEqual([entry["actor"] for entry in refused], ["tester"])
        self.assertIn("submit: 404", refused[0]["why"])

    def test_ls_is_a_table_with_filters(self):
        done = audit(self.instance.state, "ls", "--job", self.jobs[1])
        lines = done.stdout.splitlines()
        self.assertEqual(lines[0].split(), ["TIME", "WHO", "WHAT", "JOB", "VERDICT", "WHY"])
        self.assertEqual([line.split()[1:4] for line in lines[1:]],
                         [["tester", what, self.jobs[1]] for what in ("submit", "start", "end")])
        self.assertEqual(len(entries(self.instance.state, "ls", "-o", "ndjson", "-n", "2")), 2)
        for entry in entries(self.instance.state, "ls", "-o", "ndjson", "--verdict", "refused"):
            self.assertEqual(entry["what"], "refused")
        self.assertEqual(len(entries(self.instance.state, "ls", "-o", "ndjson", "--all")),
                         len(entries(self.instance.state, "export")))

    def test_one_entry_changed_removed_or_moved_is_found(self):
        for statements, number in (
                (["UPDATE audit SET actor = 'somebody' WHERE sequence = 4"], 4),
                (["UPDATE audit SET count = 2 WHERE sequence = 2"], 2),
                (["DELETE FROM audit WHERE sequence = 5"], 5),
                (["UPDATE audit SET sequence = -1 WHERE sequence = 6", "UPDATE audit SET sequence = 6 WHERE sequence = 7",
                  "UPDATE audit SET sequence = 7 WHERE sequence = -1"], 6)):
            with self.subTest(statements=statements):
                self.expect_fault(self.tamper(*statements), f"audit entry {number} is not what was written")

    def test_a_trail_that_was_cut_is_found_by_the_launcher_s_heads(self):
        state = self.tamper("DELETE FROM audit WHERE sequence > 8")
        self.expect_fault(state, "rebuilt, shortened or put back", "the launcher was ordered to start job")

    def test_a_trail_of_another_life_is_found_by_the_launcher_s_heads(self):
        state = self.copy()
        with Instance(COMMANDS) as other:
            for _ in range(8):
                other.run("hello")
            self.assertEqual(audit(other.state, "verify").returncode, 0)
            shutil.rmtree(os.path.join(state, "keeper"))
            shutil.copytree(os.path.join(other.state, "keeper"), os.path.join(state, "keeper"))
        self.expect_fault(state, "rebuilt, shortened or put back", self.jobs[0])

    def test_a_start_record_that_was_changed_or_taken_away_is_found(self):
        state = self.copy()
        path = os.path.join(state, "launcher", "starts")
        with open(path, "r+b") as file:
            file.seek(2 * START_RECORD_BYTES - 1)
            byte = file.read(1)
            file.seek(2 * START_RECORD_BYTES - 1)
            file.write(bytes([byte[0] ^ 1]))
        self.expect_fault(state, self.jobs[1], "a head that the trail does not have there")
        os.remove(path)
        self.expect_fault(state, "no start record of the launcher")

    def test_an_unfinished_start_means_nothing(self):
        state = self.copy()
        with open(os.path.join(state, "launcher", "starts"), "ab") as file:
            file.write(b"torn")
        self.assertEqual(audit(state, "verify").returncode, 0)

    def test_says_what_it_cannot_read(self):
        directory = harness.make_directory("audit")
        self.addCleanup(shutil.rmtree, directory, True)
        done = audit(directory, "verify")
        self.assertEqual(done.returncode, 125, done)
        self.assertIn("is no state directory", done.stderr)


class Crash(unittest.TestCase):
    @staticmethod
    def works(instance):
        with contextlib.suppress(OSError, Refused):     # who was killed may take a request with it
            return instance.run("hello").stdout == b"hello\n"
        return False

    def test_the_trail_fits_the_start_record_after_kills(self):
        harness.needs_program(self, "sallyportd")
        with Instance(COMMANDS) as instance:
            for name in ("keeper", "launcher", "keeper"):
                for _ in range(3):
                    instance.submit("hello")
                victim = instance.part(name)
                os.kill(victim.pid, harness.signal.SIGKILL)
                self.assertTrue(wait_until(lambda: not victim.is_alive(), 5))
                self.assertTrue(wait_until(lambda: instance.request("GET", "/readyz", token=None).status == 200, 20))
                self.assertTrue(wait_until(lambda: self.works(instance), 20))
            done = audit(instance.state, "verify")
            self.assertEqual(done.returncode, 0, done)


if __name__ == "__main__":
    unittest.main()
