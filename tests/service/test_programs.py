"""Ordinary programs just work as jobs, each under the lowest of the shipped profiles that it can do with (programs.py)."""

import ctypes
import http.server
import os
import re
import shutil
import threading
import unittest

import harness
from harness import ServiceTest
from programs import PROGRAMS, markdown

DOCUMENT = os.path.join(harness.SOURCE, "docs", "policies.md")
JOB_SECONDS = 90        # a compiler on a loaded machine

MOVE = """
import errno, os
os.makedirs("one"), os.makedirs("other")
open("one/file", "w").close()
os.rename("one/file", "one/same")
for call in (os.rename, os.link):
    try:
        call("one/same", "other/file")
        print("done")
        os.rename("other/file", "one/same")
    except OSError as error:
        print(errno.errorcode[error.errno])
"""


def slug(name):
    return re.sub("[^a-z0-9]+", "-", name)


def landlock_abi():
    return ctypes.CDLL(None).syscall(444, 0, 0, 1)      # landlock_create_ruleset, LANDLOCK_CREATE_RULESET_VERSION


class Loopback(http.server.BaseHTTPRequestHandler):
    """GET /text, and POST of what comes back."""

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/text":
            self.answer(b"text\n")
        else:
            self.send_error(404)

    def do_POST(self):
        self.answer(self.rfile.read(int(self.headers["Content-Length"])))

    def log_message(self, *_):
        pass


def job_of(row, profile, port):
    """The command that is a row under a profile."""
    sandbox = {"profile": profile, "network": row.network, "read": [path for path in row.read if os.path.exists(path)]}
    command = {"exec": ["/usr/bin/bash", "-c", row.script.replace("{port}", str(port)).replace("{", "{{").replace("}", "}}")],
               "timeout": f"{JOB_SECONDS}s", "sandbox": sandbox}
    if row.builds:
        command["artifacts"] = [row.builds]
    if row.network == "host":       # before Linux 6.12 Landlock has no scopes, and a job says so
        command["degrade"] = sorted({*harness.needed_degrade(), "landlock"})
    return command


class Programs(ServiceTest):
    """All rows at one instance."""

    @classmethod
    def setUpClass(cls):
        cls.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Loopback)
        cls.addClassCleanup(cls.server.server_close)
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()
        cls.addClassCleanup(cls.server.shutdown)
        cls.built = harness.make_directory("built")     # by one job, to be run by another
        cls.addClassCleanup(shutil.rmtree, cls.built, True)
        super().setUpClass()

    @classmethod
    def make_commands(cls):
        commands = {"move": {"exec": ["/usr/bin/python3", "-c", MOVE]}}
        for row in PROGRAMS:
            name, port = slug(row.name), cls.server.server_port
            commands[name] = job_of(row, row.profile, port)
            if row.short:
                commands[f"{name}-short"] = job_of(row, row.lower_profile(), port)
            if row.builds:
                commands[f"{name}-built"] = {"exec": ["/usr/bin/env", os.path.join(cls.built, name)], "sandbox": {"read": [cls.built]}}
        return commands

    def check_installed(self, row):
        if [name for name in row.commands_used() if not os.path.exists(os.path.join("/usr/bin", name))]:
            harness.skip(self, f"needs a package: apt-get install {row.package}")

    def check_works(self, row):
        self.check_installed(row)
        outcome = self.instance.run(slug(row.name), timeout=JOB_SECONDS + 10)
        self.assertEqual((outcome.state, outcome.reason, outcome.exit_code), ("succeeded", "exited", 0), outcome)
        self.assertEqual(outcome.stdout.decode(), row.output, outcome)
        self.assertLessEqual(set(outcome.stderr.decode().splitlines()), {row.warns} - {""}, "said on standard error")
        if row.builds:
            self.check_built(row, outcome)

    def check_built(self, row, outcome):
        """What a job has built it may not run, but another job may, whose command lists it."""
        answer = self.instance.request("GET", f"/v1/jobs/{outcome.job['id']}/artifacts/{row.builds}")
        self.assertEqual(answer.status, 200, answer)
        path = os.path.join(self.built, slug(row.name))
        with open(path, "wb") as file:
            file.write(answer.body)
        os.chmod(path, 0o755)
        ran = self.instance.run(f"{slug(row.name)}-built")
        self.assertEqual((ran.state, ran.stdout, ran.stderr), ("succeeded", b"hello\n", b""), ran)

    def check_is_short(self, row):
        self.check_installed(row)
        outcome = self.instance.run(f"{slug(row.name)}-short", timeout=JOB_SECONDS + 10)
        self.assertNotEqual((outcome.state, outcome.stdout.decode()), ("succeeded", row.output), outcome)
        self.assertIn(row.short.says, (outcome.stdout + outcome.stderr).decode(errors="replace"), outcome)
        self.assertNotEqual(outcome.reason, "policy_violation", "a polite refusal, of which the program can tell")

    def test_a_move_between_directories_is_made_or_must_be_a_copy(self):
        """Linux answers EXDEV to all below a Landlock domain of scopes alone, which supervisors have where it knows any."""
        outcome = self.instance.run("move")
        said = "EXDEV" if landlock_abi() >= 6 and "landlock" not in harness.needed_degrade() else "done"
        self.assertEqual((outcome.stdout.decode().split(), outcome.stderr), ([said, said], b""), outcome)

    def test_the_document_has_the_table(self):
        with open(DOCUMENT, encoding="utf-8") as file:
            self.assertIn("\n\n" + markdown() + "\n", file.read(), "tests/service/programs.py prints the table")


def add_tests():
    """A test for each row, and one more for each that needs more than the next lower profile."""
    for row in PROGRAMS:
        name = slug(row.name).replace("-", "_")
        setattr(Programs, f"test_{name}_works_under_{row.profile}", lambda self, row=row: self.check_works(row))
        if row.short:
            setattr(Programs, f"test_{name}_needs_more_than_{row.lower_profile()}", lambda self, row=row: self.check_is_short(row))


add_tests()


if __name__ == "__main__":
    unittest.main()
