"""`sallyport selftest`: what each process of a running instance is. The tables here are what must be seen; a difference is a fault."""

import json
import os
import signal
import subprocess
import unittest

import harness
from harness import BIN, Instance, ServiceTest, as_user, probe_command, probe_directory, wait_until

DEVICES = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"]
CELL = ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"]
COLUMNS = ("permitted", "effective", "bounding", "inheritable", "ambient", "no_new_privs", "seccomp", "filters", "namespaces", "writable")
NOTHING = ("none", "none", "none", "none", "none", True)

# Capabilities of slots are over their own user namespace. The reaper is pid 1 of the outer pid namespace and waits; it has no filter,
# and sees the host's tree with an id that owns nothing.
TABLE = {
    "front": (*NOTHING, "filter", 1, ["mnt"], []),
    "keeper": (*NOTHING, "filter", 1, ["mnt"], ["/"]),
    "launcher": (*NOTHING, "filter", 1, ["mnt", "pid"], []),
    "notifier": (*NOTHING, "filter", 1, ["mnt"], []),
    "reaper": (*NOTHING, "none", 0, ["pid"], None),
    "slot": ("all", "all", "all", "none", "none", True, "filter", 1, ["user", "mnt", "pid"], [*DEVICES, "/proc"]),
    "init": ("kill", "kill", "none", "none", "none", True, "filter", 2, CELL, [*DEVICES, "/proc", "/proc", "/tmp", "/dev/shm"]),
    "job": (*NOTHING, "filter", 2, CELL, [*DEVICES, "/proc", "/proc", "/tmp", "/dev/shm"]),
}


class SelftestCase(ServiceTest):

    @classmethod
    def make_commands(cls):
        return {"hold": probe_command(probe_directory(cls.user()), "hold")}

    @classmethod
    def make_options(cls):
        return {"user": cls.user(), "slots": {"count": 2}, "callbacks": {"chat": {"url": "https://chat.example/"}}}

    @classmethod
    def user(cls):
        return None

    def selftest(self, *arguments):
        return subprocess.run([*as_user(self.user()), os.path.join(BIN, "sallyport"), "selftest", *arguments], capture_output=True,
                              text=True, check=False, timeout=60)

    def hold(self, command="hold"):
        job = self.instance.submit(command, {"args": ["20000"]})
        self.addCleanup(lambda: self.instance.wait(job["id"]))
        self.addCleanup(lambda: self.instance.request("POST", f"/v1/jobs/{job['id']}/cancel", {}))
        self.assertTrue(wait_until(lambda: self.instance.job(job["id"])["state"] == "running", 20))

    def look(self):
        done = self.selftest("--state", self.instance.state, "-o", "json")
        self.assertNotEqual(done.stdout, "", done.stderr)
        return done.returncode, json.loads(done.stdout)


class Table:
    """What holds for root and for an ordinary user alike."""

    def test_every_process_is_as_the_table_says(self):
        self.hold()
        code, report = self.look()
        self.assertEqual((code, report["differences"]), (0, []))
        seen = {}
        for process in report["processes"]:
            seen.setdefault(process["process"], []).append(process)
        self.assertEqual({name: len(found) for name, found in seen.items()},
                         {"sallyportd": 1, **{name: 2 if name == "slot" else 1 for name in TABLE}})
        for name, expected in TABLE.items():
            for process in seen[name]:
                for column, value in zip(COLUMNS, expected):
                    if value is not None:
                        self.assertEqual(process[column], value, f"{name}: {column}")
                self.assertEqual(process["landlock"], "not shown")

    def test_it_says_the_same_to_people(self):
        done = self.selftest("--state", self.instance.state, "-o", "wide")
        self.assertEqual(done.returncode, 0, done)
        self.assertIn("all of it is as it must be", done.stderr)
        for name in ("sallyportd", "front", "keeper", "launcher", "notifier", "reaper", "slot"):
            self.assertRegex(done.stdout, rf"(?m)^{name} ")

    def test_it_can_be_told_the_process(self):
        done = self.selftest("--pid", str(self.instance.process.pid), "-q")
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)


class AsRoot(Table, SelftestCase):

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("needs root")
        super().setUpClass()

    def test_each_process_has_an_id_of_its_own_and_no_groups(self):
        self.hold()
        _, report = self.look()
        uids = {}
        for process in report["processes"]:
            self.assertEqual((process["gid"], process["groups"]), (process["uid"], 0), process)
            uids.setdefault(process["process"], set()).add(process["uid"])
        self.assertEqual(uids["slot"], uids["launcher"])
        self.assertEqual(uids.pop("sallyportd"), {0})
        del uids["slot"]
        self.assertEqual(len(set.union(*uids.values())), len(uids))

    def test_another_user_is_told_what_cannot_be_seen(self):
        user = harness.ordinary_user()
        done = subprocess.run([*as_user(user), os.path.join(BIN, "sallyport"), "selftest", "--state", self.instance.state],
                              capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("are not shown to this user; ask as root", done.stderr)


class AsUser(Table, SelftestCase):

    @classmethod
    def user(cls):
        return harness.ordinary_user()


class Differences(SelftestCase):
    """A selftest that finds nothing proves nothing."""

    @classmethod
    def make_commands(cls):
        commands = super().make_commands()
        return {**commands, "loose": {**commands["hold"], "test_layers_off": ["seccomp"]}}

    def test_a_job_without_its_layers_is_found(self):
        self.hold("loose")
        code, report = self.look()
        self.assertEqual(code, 1)
        sentences = [item["text"] for item in report["differences"] if item["process"] == "job"]
        self.assertTrue(any("seccomp filters and not" in text for text in sentences), sentences)

    def test_where_no_instance_is_it_says_so(self):
        directory = harness.make_directory("selftest")
        self.addCleanup(os.rmdir, directory)
        done = self.selftest("--state", directory)
        self.assertEqual(done.returncode, 125, done)
        with open(os.path.join(directory, "lock"), "w", encoding="ascii"):
            pass
        done = self.selftest("--state", directory)
        os.unlink(os.path.join(directory, "lock"))
        self.assertEqual(done.returncode, 125, done)
        self.assertIn("no sallyportd runs on", done.stderr)

    def test_an_instance_that_lost_a_process_is_found(self):
        instance = Instance({"true": {"exec": ["/usr/bin/true"]}})
        self.addCleanup(lambda: instance.kill() if instance.process is not None else None)
        instance.start()
        os.kill(instance.process.pid, signal.SIGSTOP)       # so that nobody starts it again
        front = instance.part("front")
        os.kill(front.pid, signal.SIGKILL)
        self.assertTrue(wait_until(lambda: not front.is_alive(), 20))
        done = self.selftest("--state", instance.state)
        os.kill(instance.process.pid, signal.SIGCONT)
        instance.wait_ready()
        instance.stop()
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("it has 0 processes that are a front", done.stderr)


if __name__ == "__main__":
    unittest.main()
