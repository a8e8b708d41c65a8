"""sallyport audit-policy: what opens a command has points and a reason, and what opens nothing has none."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import BIN  # noqa: E402

QUIET = {"exec": ["/usr/bin/true"], "sandbox": {"profile": "strict"}, "concurrency": {"limit": 1}}
TEXT = {"type": "string", "required": True}


def sandboxed(more=None, **sandbox):
    return {**QUIET, "sandbox": {"profile": "strict", **sandbox}, **(more or {})}


def with_param(**rule):
    return {**QUIET, "exec": ["/usr/bin/echo", "{x}"], "params": {"x": {**TEXT, **rule}}}


# Name of the command, what it has, and the reasons that it is said to have.
CASES = [
    ("nothing", QUIET, []),
    ("network", sandboxed(network="host"), [("network", 25)]),
    ("account", {**QUIET, "user": "nobody"}, [("user", 10)]),
    ("profile-base", sandboxed(profile="base"), [("profile", 4)]),
    ("profile-net", sandboxed(profile="net"), [("profile", 8)]),
    ("profile-build", sandboxed(profile="build"), [("profile", 12)]),
    ("writes", sandboxed({"user": "nobody"}, write=["/srv/a", "/srv/b"]), [("user", 10), ("write", 10), ("write", 10)]),
    ("writes-system", sandboxed({"user": "nobody"}, write=["/var/lib/x"]), [("user", 10), ("write", 30)]),
    ("reads-home", sandboxed(read=["/home/x"]), [("bind", 10)]),
    ("reads", sandboxed(read=["/srv/a"]), []),
    ("manager", sandboxed(read=["/srv/proxy/docker.sock"]), [("bind", 60)]),
    ("degraded", {**QUIET, "degrade": ["landlock"]}, [("degrade", 10)]),
    ("text", with_param(), [("param", 5)]),
    ("text-ruled", with_param(pattern="[a-z]+"), []),
    ("text-partly", with_param(pattern="[a-z]+", partial=True), [("param", 3)]),
    ("text-dash", with_param(pattern="[-a-z]+", allow_dash=True), [("dash", 5)]),
    ("list", {**QUIET, "exec": ["/usr/bin/echo", "{x...}"], "params": {"x": {"type": "list", "required": True, "of": {"type": "string"}}}}, [("param", 5)]),
    ("number", {**QUIET, "exec": ["/usr/bin/echo", "{x}"], "params": {"x": {"type": "int", "required": True}}}, []),
    ("secret-file", {**QUIET, "exec": ["/usr/bin/cat", "{x}"], "params": {"x": {"type": "secret", "required": True}}}, [("secret", 3)]),
    ("secret-env", {**QUIET, "params": {"x": {"type": "secret", "deliver": "env:TOKEN"}}}, [("secret", 6)]),
    ("shell", {**QUIET, "exec": ["/usr/bin/bash", "/srv/a.sh"]}, [("shell", 10)]),
    ("python", {**QUIET, "exec": ["/usr/bin/python3.11", "/srv/a.py"]}, [("interpreter", 5)]),
    ("script-fixed", {**QUIET, "exec": ["/usr/bin/sh", "-c", "echo fixed"]}, [("shell", 10)]),
    ("script", {**QUIET, "exec": ["/usr/bin/sh", "-ec", "{x}"], "params": {"x": {**TEXT, "pattern": "[a-z]+"}}}, [("script", 60)]),
    ("script-number", {**QUIET, "exec": ["/usr/bin/sh", "-c", "exit {x}"], "params": {"x": {"type": "int", "required": True}}},
     [("shell", 10)]),
    ("script-argument", {**QUIET, "exec": ["/usr/bin/sh", "-c", 'echo "$1"', "sh", "{x}"], "params": {"x": {**TEXT, "pattern": "[a-z]+"}}},
     [("shell", 10)]),
    ("script-python", {**QUIET, "exec": ["/usr/bin/python3", "-c", "{x}"], "params": {"x": {**TEXT, "pattern": "[a-z]+"}}},
     [("script", 60)]),
    ("starter", {**QUIET, "exec": ["/usr/bin/env", "true"]}, [("starter", 10)]),
    ("stdin", {**QUIET, "stdin": "body"}, [("stdin", 3)]),
    ("long", {**QUIET, "timeout": "48h"}, [("timeout", 3)]),
    ("unbounded", {"exec": ["/usr/bin/true"], "sandbox": {"profile": "strict"}}, [("queue", 2)]),
    ("steps", {"steps": [{"command": "nothing"}, {"command": "network"}, {"command": "shell"}]}, [("step", 25)]),
    ("steps-within", {"steps": [{"command": "steps"}, {"command": "shell"}]}, [("step", 25)]),
    ("all", sandboxed({"user": "nobody", "exec": ["/usr/bin/sh", "-c", "{x}"], "params": {"x": TEXT}}, network="host",
                      write=["/var/lib/x"], profile="build"),
     [("user", 10), ("network", 25), ("write", 30), ("profile", 12), ("script", 60), ("param", 5)]),
]


class AuditPolicy(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="sallyport-audit-policy.")
        self.addCleanup(self.directory.cleanup)
        self.path = os.path.join(self.directory.name, "sallyport.yaml")
        with open(self.path, "w", encoding="utf-8") as file:
            json.dump({"commands": {name: command for name, command, _ in CASES}}, file, indent=1)

    def audit(self, *words):
        ran = subprocess.run([os.path.join(BIN, "sallyport"), "audit-policy", *words], capture_output=True, text=True, timeout=60,
                             check=False, env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"})
        return ran.returncode, ran.stdout, ran.stderr

    def items(self):
        code, out, err = self.audit(self.path, "--json")
        self.assertEqual(code, 0, err)
        return {item["command"]: item for item in json.loads(out)["items"]}

    def test_gives_each_opening_its_points_and_a_reason(self):
        items = self.items()
        for name, _, reasons in CASES:
            with self.subTest(name):
                found = items[name]
                self.assertEqual([(finding["what"], finding["points"]) for finding in found["findings"]], reasons)
                self.assertEqual(found["points"], min(100, sum(points for _, points in reasons)))
                self.assertTrue(all(finding["why"] for finding in found["findings"]))

    def test_names_levels(self):
        items = self.items()
        self.assertEqual({name: items[name]["level"] for name in ("nothing", "network", "script", "all")},
                         {"nothing": "low", "network": "medium", "script": "high", "all": "high"})

    def test_lists_the_most_exposed_first(self):
        points = [item["points"] for item in json.loads(self.audit(self.path, "-o", "json")[1])["items"]]
        self.assertEqual(points, sorted(points, reverse=True))
        lines = self.audit(self.path)[1].splitlines()
        self.assertEqual(lines[0].split(), ["COMMAND", "POINTS", "LEVEL", "REASONS"])
        self.assertEqual(lines[1].split()[:3], ["all", "100", "high"])
        self.assertIn("write 20 (2)", next(line for line in lines if line.startswith("writes ")))

    def test_of_one_command_shows_each_reason(self):
        code, out, _ = self.audit(self.path, "-c", "script")
        self.assertEqual(code, 0)
        self.assertRegex(out, r"60 +script +a parameter becomes part of the text that sh runs")
        self.assertEqual(self.audit(self.path, "-c", "nope")[0], 125)

    def test_fails_above_the_most_that_is_wanted(self):
        self.assertEqual(self.audit(self.path, "--max", "100")[0], 0)
        self.assertEqual(self.audit(self.path, "--max", "99")[0], 1)
        self.assertEqual(self.audit(self.path, "-c", "network", "--max", "25")[0], 0)

    def test_refuses_what_would_be_refused(self):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write("commands: {x: {exce: [/bin/true]}}\n")
        code, out, err = self.audit(self.path)
        self.assertEqual((code, out), (78, ""))
        self.assertIn("exce", err)


if __name__ == "__main__":
    unittest.main()
