"""Attacks the sandbox: every row of corpus.py in the whole sandbox and with its layers switched off.

    python3 -m unittest discover -s tests/escape -v

Needs a dev build: only that knows `test_layers_off: [...]` of a command. Two instances share the work: one whose commands have
every layer, so that the supervisors have their filter too, and one whose commands leave layers out.
"""

import ctypes
import os
import platform
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "service"))

import harness
from corpus import CONTROL_LAYERS, CONTROL_NONE, CONTROL_ROOT, ROWS, VIOLATION
from harness import BIN, PROBE, Instance, probe_command, probe_directory, skip
from stages import CARELESS_ENVIRONMENT, STAGES, Scene, be_careless

WORKED, BLOCKED, CANNOT = 0, 10, 77

# Why a row that needs it is skipped where it is not.
NEEDS = {
    "root": "needs root",
    "ia32": "needs a kernel with 32-bit system calls",
    "x32": "needs a kernel with x32 system calls",
    "vsock": "needs a kernel with AF_VSOCK",
    "perf": "needs a kernel whose perf_event_paranoid lets users count their own events",
    "tiocsti": "needs a kernel with dev.tty.legacy_tiocsti=1",
    "core-file": "needs kernel.core_pattern to be a plain file name",
    "cgroup-path": "needs to run below the root of a cgroup",
    "no-pids-cgroup": "the cgroup v2 pids controller is there and stands before the rlimit that is switched off",
    "no-memory-cgroup": "the cgroup v2 memory controller is there and stands before the rlimit that is switched off",
    "landlock-scope": "needs Landlock ABI 6",
    "landlock-net": "needs Landlock ABI 4",
    "mdwe": "needs a kernel with PR_SET_MDWE (Linux 6.3)",
    "two-ids": "needs jobs with an id of their own (root, or a range in /etc/subuid)",
}


def read_number(path, fallback):
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return fallback


def landlock_abi():
    return ctypes.CDLL(None).syscall(444, 0, 0, 1)      # landlock_create_ruleset, LANDLOCK_CREATE_RULESET_VERSION


def kernel_facts():
    """What this machine has, by the names that rows use. Printed once, so that a skip can be understood."""
    with open("/proc/sys/kernel/core_pattern", encoding="ascii") as file:
        pattern = file.read().strip()
    with open("/proc/self/cgroup", encoding="ascii") as file:
        groups = [line.strip().split(":", 2)[2] for line in file]
    try:
        with open("/sys/fs/cgroup/cgroup.controllers", encoding="ascii") as file:
            controllers = file.read().split()
    except OSError:
        controllers = []
    return {
        "root": os.geteuid() == 0,
        "ia32": platform.machine() == "x86_64" and try_probe("S35") != CANNOT,
        "x32": platform.machine() == "x86_64" and try_probe("S37") != CANNOT,
        "vsock": try_probe("S53a") == WORKED,
        "perf": try_probe("S44b") == WORKED,
        "tiocsti": read_number("/proc/sys/dev/tty/legacy_tiocsti", 1) == 1,
        "core-file": pattern == "core",
        "cgroup-path": any(group != "/" for group in groups),
        "no-pids-cgroup": "pids" not in controllers,
        "no-memory-cgroup": "memory" not in controllers,
        "landlock-scope": landlock_abi() >= 6,
        "landlock-net": landlock_abi() >= 4,
        "mdwe": ctypes.CDLL(None).prctl(66, 0, 0, 0, 0) >= 0,   # PR_GET_MDWE
        "two-ids": os.geteuid() == 0,
    }


def try_probe(*arguments):
    who = ["setpriv", f"--reuid={harness.BARE_UID}", f"--regid={harness.BARE_UID}", "--clear-groups"] if os.geteuid() == 0 else []
    return subprocess.run([*who, PROBE, *arguments], capture_output=True, check=False, timeout=20, cwd="/tmp").returncode


def command_name(row, arm):
    return f"{row.id}-{arm}".lower()


def arms_of(row):
    """(name, layers off) of every command that the row needs in the instance without layers."""
    if row.control != CONTROL_LAYERS:
        return [("fixed", row.fixed_off)] if row.by else []
    arms = [("minus", row.layers)]
    arms += [("only-" + layer, [other for other in row.layers if other != layer]) for layer in row.layers if len(row.layers) > 1]
    return arms


def verdict_errno(output):
    found = re.search(rb": blocked (\w+)", output)
    return found.group(1).decode() if found else None


class Escape(unittest.TestCase):
    """The tests are made below, from the corpus."""

    full = minus = None
    facts = {}

    @classmethod
    def setUpClass(cls):
        for path in (os.path.join(BIN, "sallyportd"), PROBE):
            if not os.access(path, os.X_OK):
                raise unittest.SkipTest(f"{path} is not built")
        cls.facts = kernel_facts()
        print("this machine:", ", ".join(f"{name}={'yes' if there else 'no'}" for name, there in cls.facts.items()),
              file=sys.stderr)
        cls.probes = probe_directory()
        cls.job_uid = None
        options = {
            "slots": {"count": 1},      # so that the next job gets the ids of the last
            "defaults": {"timeout": "20s", "grace": "1s"},
            "preexec": be_careless, "environment": CARELESS_ENVIRONMENT,
        }
        full = {command_name(row, "full"): cls.command(row, []) for row in ROWS}
        full["hold"] = probe_command(cls.probes, "hold", "5000")
        minus = {command_name(row, arm): cls.command(row, layers) for row in ROWS for arm, layers in arms_of(row)}
        cls.full = Instance(full, **options).__enter__()
        try:
            cls.minus = Instance(minus, **options).__enter__()
            cls.job_uid = cls.find_job_uid()
        except BaseException:
            cls.full.kill()
            raise

    @classmethod
    def command(cls, row, layers):
        more = {"stdin": "body"} if row.stdin is not None else {}
        if layers:
            more["test_layers_off"] = layers
        return probe_command(cls.probes, sandbox=row.sandbox, **more)

    @classmethod
    def find_job_uid(cls):
        """The id that a job has on the host: the host's canaries get the same."""
        job = cls.full.submit("hold")
        found = harness.wait_until(lambda: [p for p in cls.full.processes() if p.name() == "escape-probe"], 5)
        uid = found[0].uid() if found else None
        cls.full.request("POST", f"/v1/jobs/{job['id']}/cancel", {})
        cls.full.wait(job["id"])
        return uid

    @classmethod
    def tearDownClass(cls):
        for instance in (cls.full, cls.minus):
            if instance is not None:
                instance.stop()

    def need(self, needs):
        for need in needs:
            if not self.facts[need]:
                skip(self, NEEDS[need])

    def stage(self, row):
        return STAGES[row.stage](Scene(self.probes, self.job_uid))

    def attempt(self, instance, row, arm, stage):
        words = [word.format(**stage.words) for word in row.probe]
        more = {"stdin": row.stdin} if row.stdin is not None else {}
        return instance.run(command_name(row, arm), {"args": words}, **more)

    def assert_refused(self, row, outcome, stage):
        self.assertIsNot(stage.has_escaped(outcome.stdout), True, f"the host was touched: {outcome}")
        if outcome.reason == VIOLATION:
            answer = VIOLATION
        elif outcome.reason == "exited" and outcome.exit_code == BLOCKED:
            answer = verdict_errno(outcome.stdout)
        else:
            answer = outcome.reason if outcome.reason in row.blocked else None
        self.assertIn(answer, row.blocked, f"{outcome}")

    def assert_worked(self, status, output, stage, detail):
        if status is None and b": worked " in output:
            status = WORKED     # the report itself was the victim
        escaped = stage.has_escaped(output)
        self.assertIsNot(escaped, False, f"the host saw nothing of it: {detail}")
        if status == CANNOT:
            skip(self, f"this kernel cannot be asked: {output.decode(errors='replace').strip()}")
        if escaped is None:
            self.assertEqual(status, WORKED, f"the attack must work here, or it proves nothing: {detail}")


def full_test(row):
    def test(self):
        self.need(row.full_needs)
        with self.stage(row) as stage:
            self.assert_refused(row, self.attempt(self.full, row, "full", stage), stage)
    return test


def minus_test(row):
    def test(self):
        # With one id only there is no inner root that could keep capabilities over the exec.
        self.need([*row.needs, *(["two-ids"] if "caps" in row.layers else [])])
        with self.stage(row) as stage:
            outcome = self.attempt(self.minus, row, "minus", stage)
            self.assert_worked(outcome.exit_code, outcome.stdout, stage, outcome)
    return test


def only_test(row, layer):
    def test(self):
        self.need([*row.needs, *row.alone_needs.get(layer, [])])
        with self.stage(row) as stage:
            outcome = self.attempt(self.minus, row, "only-" + layer, stage)
            if layer in row.alone:
                self.assert_refused(row, outcome, stage)
            else:
                self.assert_worked(outcome.exit_code, outcome.stdout, stage, f"corpus.py says that {layer} alone gives way: {outcome}")
    return test


def fixed_test(row):
    def test(self):
        self.need([*row.full_needs, "two-ids"])
        with self.stage(row) as stage:
            self.assert_refused(row, self.attempt(self.minus, row, "fixed", stage), stage)
    return test


def bare_test(row, as_root):
    def test(self):
        self.need(row.needs)
        with self.stage(row) as stage:
            words = [word.format(**stage.words) for word in row.control_probe or row.probe]
            status, output = stage.run_bare(words, as_root)
            self.assert_worked(status, output, stage, (status, output))
    return test


def add_tests():
    """A method for each arm, named by the sentence that it shows."""
    for row in ROWS:
        tests = {f"test {row.id} {row.title} is refused": full_test(row)}
        if row.control == CONTROL_LAYERS:
            tests[f"test {row.id} {row.title} works without {', '.join(row.layers)}"] = minus_test(row)
            for arm, _ in arms_of(row)[1:]:
                layer = arm.removeprefix("only-")
                answer = "is refused by" if layer in row.alone else "works in spite of"
                tests[f"test {row.id} {row.title} {answer} {layer} alone"] = only_test(row, layer)
        elif row.control != CONTROL_NONE:
            who = "as root " if row.control == CONTROL_ROOT else ""
            tests[f"test {row.id} {row.title} works {who}without a sandbox"] = bare_test(row, row.control == CONTROL_ROOT)
        if row.control != CONTROL_LAYERS and row.by:
            tests[f"test {row.id} {row.title} is refused by {row.by} alone"] = fixed_test(row)
        for name, test in tests.items():
            test.__name__ = test.__qualname__ = name
            setattr(Escape, name, test)


add_tests()


if __name__ == "__main__":
    unittest.main()
