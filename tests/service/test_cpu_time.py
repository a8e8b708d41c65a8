"""`sandbox.cpu_time`: a job has so much of the processor, all of its processes together, and no more; waiting costs none."""

import unittest

import harness
from harness import Instance, ServiceTest

SPIN = "while :; do :; done"


def command(script, cpu_time="500ms"):
    return {"exec": ["/usr/bin/bash", "-c", script], "timeout": "30s", "grace": "10s", "sandbox": {"cpu_time": cpu_time}}


class CpuTime(ServiceTest):
    commands = {
        "spin": command(SPIN),
        "many": command(f"for i in 1 2 3 4; do ({SPIN}) & done; wait"),
        "deaf": command(f"trap '' XCPU TERM; {SPIN}"),
        # Each of them dies long before a limit of its own; only the sum is too much.
        "relay": command("while :; do bash -c 'for ((i = 0; i < 20000; i++)); do :; done'; done"),
        "sleep": command("sleep 2; echo rested"),
        "free": {"exec": ["/usr/bin/bash", "-c", "for ((i = 0; i < 400000; i++)); do :; done; echo done"], "timeout": "60s"},
    }

    def assert_limited(self, outcome):
        self.assertEqual((outcome.state, outcome.reason), ("timed_out", "cpu_limit"), outcome)
        end, usage = outcome.job["end"], outcome.job["usage"]
        self.assertEqual((end["stopped_by"], end["message"]), ("cpu_limit", "used up its processor time of 500 ms and was killed"))
        used = usage["cpu_user"] + usage["cpu_sys"]
        self.assertGreaterEqual(used, 0.5)
        self.assertLess(used, 1.5, "it was looked at in time")

    def test_who_used_it_up_is_killed_whatever_it_does_about_signals(self):
        for name in ("spin", "deaf"):
            with self.subTest(name):
                self.assert_limited(self.instance.run(name))

    def test_it_is_that_of_all_processes_together_also_of_those_that_ended(self):
        for name in ("many", "relay"):
            with self.subTest(name):
                self.assert_limited(self.instance.run(name))

    def test_waiting_costs_nothing(self):
        outcome = self.instance.run("sleep")
        self.assertEqual((outcome.state, outcome.stdout), ("succeeded", b"rested\n"), outcome)

    def test_a_command_without_it_has_as_much_as_its_timeout_gives(self):
        self.assertEqual(self.instance.run("free").stdout, b"done\n")

    def test_the_command_line_ends_like_after_a_timeout(self):
        done = self.instance.cli("run", "spin")
        self.assertEqual(done.returncode, 124, done.stderr)


class WithoutGroups(unittest.TestCase):
    """An ordinary user on a host that delegates no control group: the kernel's limit of each process is what is left."""

    def test_each_process_is_limited_where_no_group_counts(self):
        user = harness.ordinary_user()
        if user is None:
            harness.skip(self, "no ordinary user to start an instance as")
        with Instance({"spin": command(SPIN, "1s")}, user=user) as instance:
            outcome = instance.run("spin")
            self.assertIn("cgroup-cpu", outcome.job["degraded"], "an instance with a group tests nothing here")
            self.assertEqual((outcome.state, outcome.reason), ("timed_out", "cpu_limit"), outcome)


if __name__ == "__main__":
    unittest.main()
