"""Limits by cgroup version 2, with a kernel that has its controllers. Runs as root in a machine of its own (tests/vm/run): it
turns controllers off, swaps, and sets the clock."""

import contextlib
import os
import resource
import signal
import subprocess
import time
import unittest

from harness import Instance, ServiceTest, cgroups_of, probe_command, probe_directory, wait_until

ROOT = "/sys/fs/cgroup"
PATIENCE_SECONDS = 60       # an emulated machine: what is awaited comes, in its time
SHELL = {"exec": ["/usr/bin/sh", "-c", "{text}"], "params": {"text": {"type": "string", "required": True}}}
MIB = 1 << 20


def read(*path):
    with open(os.path.join(*path), encoding="ascii") as file:
        return file.read().strip()


def write(text, *path):
    with open(os.path.join(*path), "w", encoding="ascii") as file:
        file.write(text)


def setUpModule():
    if os.geteuid() != 0 or not os.path.exists("/sallyport/tests/vm/guest"):
        raise unittest.SkipTest("needs the guest of tests/vm/run")


class LimitsTest(ServiceTest):
    options = {"degrade": None, "defaults": {"timeout": "5m", "sandbox": {"memory": "32MiB", "pids": 32, "tmp": "256MiB"}}}

    @classmethod
    def make_commands(cls):
        cls.probes = probe_directory()
        return {"show": SHELL, "bomb": probe_command(cls.probes, "S66a", "200")}

    def group_of(self, job_id):
        """The control group of a job that has started."""
        found = wait_until(lambda: [path for path in cgroups_of(self.instance.state) if path.endswith("/jobs/" + job_id)], PATIENCE_SECONDS)
        self.assertTrue(found, cgroups_of(self.instance.state))
        return found[0]

    def jobs_groups(self):
        return [path for path in cgroups_of(self.instance.state) if "/jobs/" in path]

    def hold(self, text="exec sleep 1000", **more):
        job = self.instance.submit("show", {"text": text}, **more)
        self.addCleanup(lambda: self.instance.request("POST", f"/v1/jobs/{job['id']}/cancel", {}))
        self.assertTrue(wait_until(lambda: self.instance.job(job["id"])["state"] == "running", PATIENCE_SECONDS))
        return job["id"]


class Limits(LimitsTest):
    def test_a_job_above_its_memory_ends_whole_and_for_that_reason(self):
        outcome = self.instance.run("show", {"text": "tail /dev/zero & wait; echo survived"})
        self.assertEqual((outcome.state, outcome.reason), ("failed", "oom"), outcome)
        self.assertNotIn(b"survived", outcome.stdout, "its shell was killed with it")
        self.assertIn("memory limit of 32 MiB", outcome.job["end"]["message"])
        self.assertLessEqual(outcome.job["usage"]["memory_peak"], 32 * MIB)
        self.assertGreater(outcome.job["usage"]["memory_peak"], 24 * MIB)

    def test_files_in_tmp_count_as_memory_and_the_peak_is_in_the_report(self):
        outcome = self.instance.run("show", {"text": "head -c 20971520 /dev/zero >/tmp/file; rm /tmp/file"})
        self.assertEqual(outcome.state, "succeeded", outcome)
        self.assertGreater(outcome.job["usage"]["memory_peak"], 20 * MIB)
        self.assertEqual(outcome.job["degraded"], [])

    def test_a_job_gets_no_swap(self):
        swap = "/var/tmp/swap"
        subprocess.run(["dd", "if=/dev/zero", f"of={swap}", "bs=1M", "count=96", "status=none"], check=True)
        os.chmod(swap, 0o600)
        subprocess.run(["mkswap", swap], check=True, capture_output=True)
        subprocess.run(["swapon", swap], check=True)
        try:
            outcome = self.instance.run("show", {"text": "head -c 62914560 /dev/zero >/tmp/file; echo survived"})
        finally:
            subprocess.run(["swapoff", swap], check=True)
            os.unlink(swap)
        self.assertEqual((outcome.reason, outcome.stdout), ("oom", b""), outcome)

    def test_a_fork_bomb_meets_its_limit_and_nobody_else_does(self):
        job = self.hold("sh -c 'while :; do sleep 1000 & done' 2>/dev/null; exec sleep 1000")     # a shell that may not fork ends
        group = self.group_of(job)
        self.assertTrue(wait_until(lambda: "max 0" not in read(group, "pids.events"), PATIENCE_SECONDS),
                        f"{read(group, 'pids.current')} of {read(group, 'pids.max')}")
        self.assertLessEqual(int(read(group, "pids.current")), 33, "32 and the job's init")
        self.assertEqual(self.instance.run("show", {"text": "echo alive"}).stdout, b"alive\n")
        self.instance.request("POST", f"/v1/jobs/{job}/cancel", {})
        ended = self.instance.wait(job, PATIENCE_SECONDS)
        self.assertEqual(ended["end"]["limits_hit"], ["pids"], ended)
        self.assertEqual(self.jobs_groups(), [])

    def test_a_program_that_is_refused_a_process_hears_so_and_goes_on(self):
        outcome = self.instance.run("bomb")
        self.assertIn(b"blocked EAGAIN", outcome.stdout, outcome)
        self.assertEqual(outcome.job["end"]["limits_hit"], ["pids"], outcome)

    def test_the_limits_stand_before_the_first_process(self):
        group = self.group_of(self.hold())
        for name, value in (("memory.max", str(32 * MIB)), ("memory.swap.max", "0"), ("memory.oom.group", "1"), ("pids.max", "33")):
            self.assertEqual(read(group, name), value, name)

    def test_a_group_is_named_after_its_job_and_gone_with_it(self):
        for _ in range(3):
            job = self.hold()
            self.assertEqual([os.path.basename(path) for path in self.jobs_groups()], [job])
            self.instance.request("POST", f"/v1/jobs/{job}/cancel", {})
            self.instance.wait(job, PATIENCE_SECONDS)
            self.assertEqual(self.jobs_groups(), [])

    def test_what_a_job_leaves_running_is_gone_with_its_group(self):
        outcome = self.instance.run("show", {"text": "setsid sh -c 'trap \"\" TERM HUP; sleep 1000 & sleep 1000' & echo done"})
        self.assertEqual((outcome.state, outcome.stdout), ("succeeded", b"done\n"), outcome)
        self.assertEqual(self.jobs_groups(), [])

    def test_a_launcher_that_is_killed_leaves_no_group(self):
        job = self.hold()
        group = self.group_of(job)
        os.kill(self.instance.part("launcher").pid, signal.SIGKILL)
        self.assertEqual(self.instance.wait(job, PATIENCE_SECONDS)["state"], "lost")
        self.assertTrue(wait_until(lambda: not os.path.exists(group), PATIENCE_SECONDS))
        self.assertEqual(self.instance.run("show", {"text": "echo again"}).stdout, b"again\n")

    def test_a_keeper_that_is_killed_takes_no_job_with_it(self):
        job = self.hold()
        os.kill(self.instance.part("keeper").pid, signal.SIGKILL)
        def is_answered():
            with contextlib.suppress(OSError, ValueError, KeyError):
                return self.instance.job(job)["state"] == "running"
        self.assertTrue(wait_until(is_answered, PATIENCE_SECONDS, 0.2))
        self.instance.request("POST", f"/v1/jobs/{job}/cancel", {})
        self.assertEqual(self.instance.wait(job, PATIENCE_SECONDS)["state"], "cancelled")
        self.assertEqual(self.jobs_groups(), [])

    # --- the clock (S88) ---

    def set_clock(self, seconds):
        time.clock_settime(time.CLOCK_REALTIME, time.time() + seconds)

    def test_S88_a_clock_that_jumps_ahead_ends_no_job(self):
        job = self.hold("read x </dev/null; sleep 5; echo done", timeout="4m")
        self.set_clock(86400)
        self.addCleanup(self.set_clock, -86400)
        self.assertEqual(self.instance.wait(job, PATIENCE_SECONDS)["state"], "succeeded")

    def test_S88_a_clock_that_jumps_back_keeps_no_job(self):
        job = self.hold(timeout="3s")
        self.set_clock(-86400)
        self.addCleanup(self.set_clock, 86400)
        ended = self.instance.wait(job, PATIENCE_SECONDS)
        self.assertEqual((ended["state"], ended["end"]["reason"]), ("timed_out", "timed_out"), ended)

    # --- core_pattern (S81) ---

    def test_S81_a_crash_of_a_job_starts_no_program_of_the_host(self):
        before, helper, witness = read("/proc/sys/kernel/core_pattern"), "/var/tmp/core-helper", "/var/tmp/core-witness"
        with open(helper, "w", encoding="ascii") as file:
            file.write(f"#!/bin/sh\ncat >/dev/null\necho \"$1\" >>{witness}\n")
        os.chmod(helper, 0o755)
        write(f"|{helper} %p", "/proc/sys/kernel/core_pattern")
        self.addCleanup(write, before, "/proc/sys/kernel/core_pattern")
        outcome = self.instance.run("show", {"text": "kill -SEGV $$"})
        self.assertEqual(outcome.reason, "signalled", outcome)
        # The control: with the usual limit of 0 the kernel starts it. And it is started in order: the job's would be there.
        crash = subprocess.Popen(["sh", "-c", "kill -SEGV $$"],
                                 preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)))
        crash.wait()
        self.assertTrue(wait_until(lambda: os.path.exists(witness) and read(witness), PATIENCE_SECONDS))
        self.assertEqual(read(witness), str(crash.pid))


class WithoutAController(LimitsTest):
    """A host that keeps the memory controller to itself."""

    @classmethod
    def setUpClass(cls):
        write("-memory", ROOT, "cgroup.subtree_control")
        cls.addClassCleanup(write, "+memory", ROOT, "cgroup.subtree_control")
        super().setUpClass()

    @classmethod
    def make_commands(cls):
        return {"show": SHELL, "content": {**SHELL, "degrade": ["cgroup-memory"]}}

    def test_a_job_is_refused_and_told_what_is_missing(self):
        outcome = self.instance.run("show", {"text": "echo ran"})
        self.assertEqual((outcome.reason, outcome.stdout), ("launch_failed", b""), outcome)
        self.assertIn("no cgroup v2 memory controller", outcome.job["end"]["message"])
        self.assertIn("degrade: [cgroup-memory]", outcome.job["end"]["message"])

    def test_a_command_that_accepts_that_runs_and_its_report_says_so(self):
        outcome = self.instance.run("content", {"text": "echo ran"})
        self.assertEqual((outcome.stdout, outcome.job["degraded"]), (b"ran\n", ["cgroup-memory"]), outcome)


class Delegated(LimitsTest):
    """A group of its own, marked and handed over as systemd does for a unit with Delegate=."""

    UNIT = os.path.join(ROOT, "sallyport.service")

    @classmethod
    def setUpClass(cls):
        os.mkdir(cls.UNIT)
        os.setxattr(cls.UNIT, "user.delegate", b"1")
        cls.addClassCleanup(cls.remove)
        super().setUpClass()

    @classmethod
    def make_options(cls):
        return {**cls.options, "preexec": lambda: write("0", cls.UNIT, "cgroup.procs")}

    @classmethod
    def remove(cls):
        for path in (os.path.join(cls.UNIT, "bootstrap"), cls.UNIT):
            with contextlib.suppress(FileNotFoundError):
                os.rmdir(path)

    def test_the_bootstrap_makes_room_in_a_leaf_and_jobs_are_limited_below(self):
        self.assertEqual(read(self.UNIT, "cgroup.procs"), "")
        self.assertEqual(read(self.UNIT, "bootstrap", "cgroup.procs").split()[0], str(self.instance.process.pid))
        group = self.group_of(self.hold())
        self.assertTrue(group.startswith(self.UNIT + "/"), group)
        self.assertEqual(read(group, "memory.max"), str(32 * MIB))
        self.assertEqual(self.instance.run("show", {"text": "tail /dev/zero"}).reason, "oom")


if __name__ == "__main__":
    unittest.main()
