"""S108: each system call of a job's setup is made to fail once. Then the job does not start, or it is set up as always.

A tracer takes the place of the kernel (injector/main.c). What a job's setup has decided is printed by the job itself
(`escape-probe fingerprint`), and two that differ were not set up alike.
"""

import collections
import contextlib
import errno
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "service"))

import harness
from harness import Instance, probe_command, probe_directory, skip

INJECTOR = os.path.join(os.path.dirname(harness.PROBE), "escape-injector")
CODES = (errno.ENOMEM, errno.EPERM, errno.EINTR, errno.EMFILE, errno.ENOSPC)

# What may fail and yet leave a job that succeeds: closing what ends with the process anyway, the name of init for whoever looks at
# the host's processes, and umask(2), which always succeeds, so that nobody asks whether it did.
CLOSE, PRCTL, UMASK = 3, 157, 95
HARMLESS = {"cell": {CLOSE: 2, PRCTL: 1}, "job": {CLOSE: 99, UMASK: 1}}

# Layers whose absence a job can see in itself.
LAYERS_SEEN = ["seccomp", "landlock", "caps", "uts", "fds", "rlimits", "proc", "tmp"]


class Steps(unittest.TestCase):
    known = None
    LEAST = {"cell": 60, "job": 80}     # as many steps are made to fail, or the tracer has lost its way

    @classmethod
    def setUpClass(cls):
        if not os.access(INJECTOR, os.X_OK):
            raise unittest.SkipTest(f"{INJECTOR} is not built")
        cls.probes = probe_directory()
        sandbox = {"profile": "net", "pids": 30, "tmp": "4MiB"}
        commands = {"job": cls.command(sandbox)}
        cls.instance = Instance(commands, slots={"count": 1}).__enter__()
        cls.usual = cls.instance.run("job").stdout

    @classmethod
    def command(cls, sandbox, **more):
        return probe_command(cls.probes, "fingerprint", env={"MARK": "1"}, sandbox=sandbox, **more)

    @classmethod
    def tearDownClass(cls):
        cls.instance.stop()

    def setUp(self):
        harness.needs_root(self)
        if os.uname().machine != "x86_64":
            skip(self, "needs a kernel for x86_64")

    def supervisor(self):
        """The process of the slot; another one when the last has ended."""
        if self.known is None or not self.known.is_alive():
            type(self).known = self.find_supervisor()
        return self.known

    def find_supervisor(self):
        def find():
            for process in self.instance.processes():
                with contextlib.suppress(OSError), open(f"/proc/{process.pid}/cmdline", "rb") as file:
                    if b"supervise" in file.read():
                        return process
            return None
        return harness.wait_until(find, 10, 0.01)

    def run_with(self, role, number, code):
        """The job with that call failing: (was there such a call and which, its outcome)."""
        injector = subprocess.Popen([INJECTOR, str(self.supervisor().pid), role, str(number), str(code)], stdout=subprocess.PIPE, text=True)
        try:
            self.assertEqual(injector.stdout.readline(), "attached\n")
            outcome = self.instance.run("job")
            said = injector.communicate(timeout=20)[0].split()
        finally:
            if injector.poll() is None:
                injector.kill()
                injector.communicate()
        return (int(said[1]) if said[0] == "hit" else None), outcome

    def assert_all_steps_hold(self, role):
        number, started = 0, []
        while True:
            number += 1
            code = CODES[number % len(CODES)]
            call, outcome = self.run_with(role, number, code)
            what = f"step {number} of {role}, system call {call}, answered {errno.errorcode[code]}: {outcome}"
            if call is None:
                self.assertEqual(outcome.stdout, self.usual, "nothing failed, so all is as usual")
                break
            if outcome.stdout:
                if call != UMASK:
                    self.assertEqual(outcome.stdout, self.usual, what)
                started.append((call, outcome.state))
            else:
                self.assertNotEqual(outcome.state, "succeeded", what)
            if number % 20 == 0:
                self.assertEqual(self.instance.run("job").stdout, self.usual, "the slot is clean after " + what)
        print(f"{role}: {number - 1} steps failed, {len(started)} of them when the job ran as usual: {collections.Counter(started)}", file=sys.stderr)
        for call, times in collections.Counter(call for call, state in started if state == "succeeded").items():
            self.assertLessEqual(times, HARMLESS[role].get(call, 0), f"system call {call} failed, and the job succeeded")
        self.assertGreater(number - len(started), self.LEAST[role])
        self.assertEqual(self.instance.run("job").stdout, self.usual)

    def test_S108_no_job_starts_when_a_step_of_its_cell_fails(self):
        self.assert_all_steps_hold("cell")

    def test_S108_no_job_starts_when_a_step_of_its_own_fails(self):
        self.assert_all_steps_hold("job")


class LeftOut(unittest.TestCase):
    """The control: a layer that is not there is seen in what the job prints."""

    def test_S108_a_setup_without_a_layer_prints_something_else(self):
        probes = probe_directory()
        sandbox = {"profile": "net", "pids": 30, "tmp": "4MiB"}
        commands = {"usual": probe_command(probes, "fingerprint", sandbox=sandbox)}
        for layer in LAYERS_SEEN:
            commands["no-" + layer] = probe_command(probes, "fingerprint", sandbox=sandbox, test_layers_off=[layer])
        with Instance(commands, slots={"count": 1}) as instance:
            usual = instance.run("usual").stdout
            self.assertTrue(usual.endswith(b"end\n"), usual)
            for layer in LAYERS_SEEN:
                with self.subTest(layer):
                    self.assertNotEqual(instance.run("no-" + layer).stdout, usual)


if __name__ == "__main__":
    unittest.main()
