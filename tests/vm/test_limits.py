"""Limits by cgroup version 2, with a kernel that has its controllers. Runs as root in a machine of its own (tests/vm/run): it
turns controllers off, swaps, and sets the clock."""

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import time
import unittest

from harness import Instance, ServiceTest, cgroups_of, probe_command, probe_directory, wait_until

ROOT = "/sys/fs/cgroup"
PATIENCE_SECONDS = 60       # an emulated machine: what is awaited comes, in its time
SHELL = {"exec": ["/usr/bin/sh", "-c", "{text}"], "params": {"text": {"type": "string", "required": True}}}
MIB = 1 << 20
DAY_SECONDS = 86400


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
        self.set_clock(DAY_SECONDS)
        self.addCleanup(self.set_clock, -DAY_SECONDS)
        ended = self.instance.wait(job, PATIENCE_SECONDS)
        self.assertEqual(ended["state"], "succeeded", ended)
        self.assertGreaterEqual(ended["usage"]["wall"], 5, ended)
        self.assertLess(ended["usage"]["wall"], DAY_SECONDS, "what it took is told by a clock that nobody sets")

    def test_S88_a_clock_that_jumps_back_keeps_no_job(self):
        job = self.hold(timeout="3s")
        self.set_clock(-DAY_SECONDS)
        self.addCleanup(self.set_clock, DAY_SECONDS)
        ended = self.instance.wait(job, PATIENCE_SECONDS)
        self.assertEqual((ended["state"], ended["end"]["reason"]), ("timed_out", "timed_out"), ended)
        self.assertGreaterEqual(ended["usage"]["wall"], 3, ended)
        self.assertLess(ended["usage"]["wall"], DAY_SECONDS, ended)

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


class MemoryGames(LimitsTest):
    """A process that offers a child of its own to the kernel, to be killed in its place (S68)."""

    GAME = ("(echo 1000 >/proc/self/oom_score_adj; cat /proc/self/oom_score_adj; exec tail /dev/zero); echo survived")

    def in_a_raw_group(self, whole):
        """The same below a group that the test made: who is left, by what it says."""
        group = os.path.join(ROOT, "raw")
        os.mkdir(group)
        self.addCleanup(os.rmdir, group)
        for text, name in ((str(32 * MIB), "memory.max"), ("0", "memory.swap.max"), (whole, "memory.oom.group")):
            write(text, group, name)
        return subprocess.run(["/usr/bin/sh", "-c", self.GAME], check=False, capture_output=True,
                              preexec_fn=lambda: write("0", group, "cgroup.procs"))

    def test_S68_a_parent_does_not_outlive_the_child_that_it_offered(self):
        outcome = self.instance.run("show", {"text": self.GAME})
        self.assertEqual((outcome.reason, outcome.stdout), ("oom", b"1000\n"), outcome)
        self.assertEqual(self.jobs_groups(), [])

    def test_S68_control_a_group_that_is_not_killed_whole_leaves_the_parent(self):
        alone = self.in_a_raw_group("0")
        self.assertEqual((alone.returncode, alone.stdout), (0, b"1000\nsurvived\n"), alone)

    def test_S68_control_a_group_that_is_killed_whole_leaves_nobody(self):
        whole = self.in_a_raw_group("1")
        self.assertEqual((whole.returncode, whole.stdout), (-signal.SIGKILL, b"1000\n"), whole)


def processors_used(job):
    usage = job["usage"]
    return (usage["cpu_user"] + usage["cpu_sys"]) / usage["wall"]


class Processors(LimitsTest):
    """`sandbox.cpus`, on the two processors of the guest."""

    @classmethod
    def make_commands(cls):
        cls.probes = probe_directory()
        half = {"cpus": 0.5}
        return {"show": SHELL, "half": {**SHELL, "sandbox": half},
                "hog": probe_command(cls.probes, "S69", sandbox={**half, "cpu_time": "2s"}),
                "slow-hog": probe_command(cls.probes, "S69", sandbox=half, timeout="6s", grace="0s"),
                "free-hog": probe_command(cls.probes, "S69", timeout="6s", grace="0s")}

    BURN = "for i in 1 2; do timeout 6 sh -c 'while :; do :; done' & done; wait"

    def test_the_limit_stands_before_the_first_process(self):
        job = self.instance.submit("half", {"text": "exec sleep 1000"})
        self.assertEqual(read(self.group_of(job["id"]), "cpu.max"), "50000 100000")
        self.instance.request("POST", f"/v1/jobs/{job['id']}/cancel", {})
        self.instance.wait(job["id"], PATIENCE_SECONDS)
        self.assertEqual(read(self.group_of(self.hold()), "cpu.max"), "max 100000")

    def test_two_processes_have_half_a_processor_together_and_the_report_says_that_they_waited(self):
        outcome = self.instance.run("half", {"text": self.BURN})
        self.assertEqual((outcome.state, outcome.job["end"]["limits_hit"]), ("succeeded", ["cpu"]), outcome)
        self.assertLess(processors_used(outcome.job), 0.8, outcome.job)

    def test_without_a_limit_they_have_both(self):
        outcome = self.instance.run("show", {"text": self.BURN})
        self.assertEqual((outcome.state, outcome.job["end"]["limits_hit"]), ("succeeded", []), outcome)
        self.assertGreater(processors_used(outcome.job), 1.2, outcome.job)

    def test_S69_a_hog_is_throttled_and_ended_by_its_processor_time(self):
        outcome = self.instance.run("hog")
        self.assertEqual((outcome.state, outcome.reason, outcome.stdout), ("timed_out", "cpu_limit", b"storming\n"), outcome)
        self.assertEqual(outcome.job["end"]["limits_hit"], ["cpu"], outcome)
        self.assertLess(processors_used(outcome.job), 0.8, outcome.job)
        self.assertEqual(self.jobs_groups(), [])

    def test_S69_a_hog_is_throttled_and_ended_by_its_timeout_and_others_run_beside_it(self):
        job = self.instance.submit("slow-hog")
        self.assertEqual(self.instance.run("show", {"text": "echo alive"}).stdout, b"alive\n")
        ended = self.instance.wait(job["id"], PATIENCE_SECONDS)
        self.assertEqual((ended["end"]["reason"], ended["end"]["limits_hit"]), ("timed_out", ["cpu"]), ended)
        self.assertLess(processors_used(ended), 0.8, ended)

    def test_S69_control_a_hog_without_a_limit_takes_every_processor(self):
        outcome = self.instance.run("free-hog")
        self.assertEqual((outcome.reason, outcome.job["end"]["limits_hit"]), ("timed_out", []), outcome)
        self.assertGreater(processors_used(outcome.job), 1.2, outcome.job)


class Disks(LimitsTest):
    """`sandbox.io`, with the guest's own disk below the directory that jobs see."""

    DIRECTORY = "/var/tmp/jobs-files"
    SECOND_DISK = "/dev/vdb"
    LEAST_SECONDS = 2.5     # of four, at what is allowed in one; the first second's comes at once

    @classmethod
    def make_commands(cls):
        os.mkdir(cls.DIRECTORY)
        cls.addClassCleanup(shutil.rmtree, cls.DIRECTORY)
        shutil.chown(cls.DIRECTORY, "daemon")
        device = os.stat(cls.DIRECTORY).st_dev
        cls.number = f"{os.major(device)}:{os.minor(device)}"
        cls.disk = "/dev/" + os.path.basename(os.path.realpath(f"/sys/dev/block/{cls.number}"))
        subprocess.run(["addpart", cls.SECOND_DISK, "1", "2048", "2048"], check=True)
        cls.addClassCleanup(subprocess.run, ["delpart", cls.SECOND_DISK, "1"], check=True)

        def command(disks, **more):
            sandbox = {"write": [cls.DIRECTORY], **({"io": disks} if disks else {})}
            return {**SHELL, "user": "daemon", "workdir": cls.DIRECTORY, "sandbox": sandbox, **more}
        return {"show": SHELL, "free": command({}),
                "write": command({cls.DIRECTORY: {"write": "1MiB"}}),
                "read": command({cls.DIRECTORY: {"read": "1MiB"}}),
                "ops": command({cls.disk: {"read_ops": 20, "write_ops": 20}}),
                "all": command({cls.disk: {"read": "20MiB", "write": "5MiB", "read_ops": 100, "write_ops": 50}}),
                "part": command({cls.SECOND_DISK + "1": {"write_ops": 7}}),
                "held": command({cls.DIRECTORY: {"write": "16KiB"}}, timeout="3s", grace="0s"),
                "nowhere": command({"/dev/shm": {"write": "1MiB"}}),
                "twice": command({cls.disk: {"write": "1MiB"}, cls.DIRECTORY: {"read": "1MiB"}})}

    def run_well(self, command, text):
        outcome = self.instance.run(command, {"text": text})
        self.assertEqual((outcome.state, outcome.job["degraded"]), ("succeeded", []), outcome)
        return outcome

    def assert_waits(self, command, text):
        """For the disk, and without the limit less."""
        limited = self.run_well(command, text).job["usage"]["wall"]
        self.assertGreater(limited, self.LEAST_SECONDS)
        self.assertLess(self.run_well("free", text).job["usage"]["wall"], limited)

    def test_the_limits_stand_before_the_first_process(self):
        second = read("/sys/block", os.path.basename(self.SECOND_DISK), "dev")
        for command, limits in (("write", f"{self.number} rbps=max wbps=1048576 riops=max wiops=max"),
                                ("all", f"{self.number} rbps=20971520 wbps=5242880 riops=100 wiops=50"),
                                ("part", f"{second} rbps=max wbps=max riops=max wiops=7"), ("free", "")):
            with self.subTest(command):
                job = self.instance.submit(command, {"text": "exec sleep 1000"})
                self.assertEqual(read(self.group_of(job["id"]), "io.max"), limits)
                self.instance.request("POST", f"/v1/jobs/{job['id']}/cancel", {})
                self.instance.wait(job["id"], PATIENCE_SECONDS)

    def test_in_the_same_time_less_is_written_than_without_a_limit(self):
        text = "timeout 6 dd if=/dev/zero of=file bs=64k count=1024 oflag=direct; stat -c %s file && rm file"
        limited, free = (int(self.run_well(command, text).stdout) for command in ("write", "free"))
        self.assertGreater(limited, 0)
        self.assertGreater(free, 3 * limited)

    def test_who_writes_through_the_cache_waits_for_the_disk(self):
        self.assert_waits("write", "dd if=/dev/zero of=cached bs=256k count=16 conv=fsync && rm cached")

    def test_who_reads_from_the_disk_waits(self):
        path = os.path.join(self.DIRECTORY, "file")
        subprocess.run(["dd", "if=/dev/zero", f"of={path}", "bs=256k", "count=16", "conv=fsync", "status=none"], check=True)
        self.assert_waits("read", "dd if=file of=/dev/null bs=256k iflag=direct")
        self.assert_waits("ops", "dd if=file of=/dev/null bs=4k count=80 iflag=direct")

    def test_who_writes_often_waits(self):
        self.assert_waits("ops", "dd if=/dev/zero of=small bs=4k count=80 oflag=direct && rm small")

    def test_who_waits_for_a_disk_is_killed_all_the_same(self):
        outcome = self.instance.run("held", {"text": "exec dd if=/dev/zero of=held bs=4M count=1 oflag=direct"})
        self.assertEqual(outcome.reason, "timed_out", outcome)
        self.assertTrue(wait_until(lambda: self.jobs_groups() == [], PATIENCE_SECONDS), "at that pace it waits for four minutes")

    def test_what_is_no_disk_keeps_its_command_from_running_and_no_other(self):
        for command, path in (("nowhere", "/dev/shm"), ("twice", self.DIRECTORY)):
            with self.subTest(command):
                outcome = self.instance.run(command, {"text": "echo ran"})
                self.assertEqual((outcome.reason, outcome.stdout), ("launch_failed", b""), outcome)
                self.assertIn(f"'{path}' led to no disk", outcome.job["end"]["message"])
        self.assertEqual(self.instance.run("free", {"text": "echo ran"}).stdout, b"ran\n")
        log = self.instance.log()
        self.assertIn("command 'nowhere' cannot run: sandbox.io: '/dev/shm' lies on no single disk", log)
        self.assertIn(f"command 'twice' cannot run: sandbox.io: '{self.disk}' and '{self.DIRECTORY}' are the same disk", log)


class WithoutOneController:
    """A host that keeps a controller to itself which only some commands need."""

    controller, limit = None, None

    @classmethod
    def setUpClass(cls):
        write("-" + cls.controller, ROOT, "cgroup.subtree_control")
        cls.addClassCleanup(write, "+" + cls.controller, ROOT, "cgroup.subtree_control")
        super().setUpClass()

    @classmethod
    def make_commands(cls):
        limited = {**SHELL, "sandbox": cls.limit}
        return {"show": SHELL, "limited": limited, "content": {**limited, "degrade": ["cgroup-" + cls.controller]}}

    def test_a_job_with_a_limit_is_refused_and_told_what_is_missing(self):
        outcome = self.instance.run("limited", {"text": "echo ran"})
        self.assertEqual((outcome.reason, outcome.stdout), ("launch_failed", b""), outcome)
        self.assertIn(f"no cgroup v2 {self.controller} controller", outcome.job["end"]["message"])
        self.assertIn(f"degrade: [cgroup-{self.controller}]", outcome.job["end"]["message"])

    def test_a_job_without_one_needs_no_controller(self):
        outcome = self.instance.run("show", {"text": "echo ran"})
        self.assertEqual((outcome.stdout, outcome.job["degraded"]), (b"ran\n", []), outcome)

    def test_a_command_that_accepts_that_runs_and_its_report_says_so(self):
        outcome = self.instance.run("content", {"text": "echo ran"})
        self.assertEqual((outcome.stdout, outcome.job["degraded"]), (b"ran\n", ["cgroup-" + self.controller]), outcome)


class WithoutTheProcessorController(WithoutOneController, LimitsTest):
    controller, limit = "cpu", {"cpus": 0.5}


class WithoutTheDiskController(WithoutOneController, LimitsTest):
    controller, limit = "io", {"io": {"/var/tmp": {"write": "1MiB"}}}


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

    def test_S107_a_job_is_refused_and_told_what_is_missing(self):
        outcome = self.instance.run("show", {"text": "echo ran"})
        self.assertEqual((outcome.reason, outcome.stdout), ("launch_failed", b""), outcome)
        self.assertIn("no cgroup v2 memory controller", outcome.job["end"]["message"])
        self.assertIn("degrade: [cgroup-memory]", outcome.job["end"]["message"])

    def test_S107_a_command_that_accepts_that_runs_and_its_report_says_so(self):
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
