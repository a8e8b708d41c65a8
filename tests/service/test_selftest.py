"""`sallyport selftest`: what each process of a running instance is. The tables here are what must be seen; a difference is a fault."""

import json
import os
import shutil
import signal
import subprocess
import time
import unittest

import harness
from harness import BIN, Instance, ServiceTest, as_user, probe_command, probe_directory, wait_until

RELEASE_BIN = os.environ.get("SALLYPORT_RELEASE_BIN") or os.path.join(harness.SOURCE, "build", "release", "bin")
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

    def test_a_process_that_is_no_sallyportd_is_told_in_a_sentence(self):
        for pid in (1, os.getpid()):
            done = self.selftest("--pid", str(pid))
            self.assertEqual((done.returncode, done.stdout), (125, ""), done)
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
            self.assertIn(f"process {pid} is no sallyportd", done.stderr)
            self.assertIn("--state DIR", done.stderr)

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


class AttackCase(unittest.TestCase):
    """`selftest --attacks`: the harmless rows of the escape tests, by the user on the user's own host."""

    user = None

    def setUp(self):
        self.place = harness.make_directory("attacks", self.user)
        self.addCleanup(shutil.rmtree, self.place, True)

    def command(self, *arguments, bin=BIN):
        return [*as_user(self.user), os.path.join(bin, "sallyport"), "selftest", "--attacks", *arguments]

    def environment(self):
        return {"PATH": "/usr/bin:/bin", "TMPDIR": self.place, "LANG": "C.UTF-8"}

    def attack(self, *arguments, bin=BIN):
        done = subprocess.run(self.command(*arguments, bin=bin), capture_output=True, text=True, check=False, timeout=300,
                              stdin=subprocess.DEVNULL, env=self.environment())
        self.assertEqual(os.listdir(self.place), [])        # in any case
        return done

    def attack_by(self, exec_words, **more):
        """With a configuration that somebody wrote by hand; the outcomes by row."""
        command = {"exec": exec_words, "params": {"words": {"type": "list", "of": {"type": "string", "allow_dash": True}, "default": []}}, **more}
        instance = Instance({"attack": command}, user=self.user)
        self.addCleanup(instance.clean)
        instance.write_config()
        done = self.attack("-o", "json", "-c", instance.config_path)
        return done, {row["row"]: row["outcome"] for row in json.loads(done.stdout or '{"attacks": []}')["attacks"]}


class Attacks(AttackCase):

    def test_every_attack_is_refused_but_what_degrade_gives_up_and_nothing_is_left(self):
        done = self.attack("-o", "json")
        rows = json.loads(done.stdout)["attacks"]
        others = [row for row in rows if row["outcome"] not in ("refused", "not there")]
        has_one_id = "job-uid" in harness.needed_degrade(self.user)
        self.assertEqual([(row["row"], row["outcome"]) for row in others], [("S06b", "worked")] if has_one_id else [])
        if has_one_id:
            self.assertIn("what stops it is given up by degrade: job-uid", others[0]["why"])
        self.assertEqual(done.returncode, 1 if has_one_id else 0, done.stderr)
        self.assertGreater(sum(row["outcome"] == "refused" for row in rows), len(rows) * 3 / 4)
        self.assertEqual("the sandbox was weaker" in done.stderr, bool(harness.needed_degrade(self.user)))

    def test_without_a_layer_attacks_work_and_are_told(self):
        probe = os.path.join(BIN, "probe")
        done, outcomes = self.attack_by([probe, "{words...}"], sandbox={"read": [probe]}, test_layers_off=["seccomp"])
        self.assertEqual({row: outcomes[row] for row in ("S32a", "S40", "S43", "S57")},
                         {row: "worked" for row in ("S32a", "S40", "S43", "S57")}, done)
        self.assertEqual(outcomes["S02"], "refused")
        self.assertEqual(done.returncode, 1)
        self.assertIn("WORKED: this sandbox does not hold", done.stderr)

    def test_what_could_not_be_tried_is_no_success(self):
        done, outcomes = self.attack_by(["/usr/bin/false", "{words...}"])
        self.assertEqual(set(outcomes.values()), {"not tried"})
        self.assertEqual(done.returncode, 125)
        self.assertIn("nothing is known of them", done.stderr)


class AttacksAsUser(Attacks):

    user = harness.ordinary_user()


class AttacksOnce(AttackCase):
    """What is the same for every user."""

    def test_it_says_so_in_a_table(self):
        done = self.attack()
        self.assertEqual(done.returncode, 0, done)
        self.assertRegex(done.stdout.splitlines()[0], r"^ROW +ATTACK +STOPPED BY +OUTCOME +WHY$")
        self.assertRegex(done.stdout, r"(?m)^S40 +ptrace +system call filter +refused +ended by SIGSYS$")
        self.assertIn("attacks were refused", done.stderr)

    def test_a_release_knows_no_way_to_switch_a_layer_off(self):
        if not os.access(os.path.join(RELEASE_BIN, "probe"), os.X_OK):
            harness.skip(self, "needs a release build")
        instance = Instance({"attack": {"exec": ["/usr/bin/true"], "test_layers_off": ["seccomp"]}})
        self.addCleanup(instance.clean)
        instance.write_config()
        done = self.attack("-c", instance.config_path, bin=RELEASE_BIN)
        self.assertEqual(done.returncode, 78, done)
        self.assertIn("test_layers_off", done.stderr)
        self.assertEqual(self.attack("-q", bin=RELEASE_BIN).returncode, 0)

    def test_it_is_never_done_unless_asked_for(self):
        for arguments in (["--attacks", "--pid", "1"], ["--attacks", "--state", "/"], ["--config", "/dev/null"]):
            done = subprocess.run([os.path.join(BIN, "sallyport"), "selftest", *arguments], capture_output=True, text=True, check=False, timeout=60)
            self.assertEqual((done.returncode, done.stdout), (125, ""), done)
            self.assertIn("--attacks", done.stderr)

    def test_the_probe_refuses_what_could_hurt(self):
        for row in ("S10", "S11a", "S14", "S28", "S38c", "S44", "S47", "S60", "S63", "S66a", "S67", "S82", "S116", "write", "die"):
            done = subprocess.run([os.path.join(BIN, "probe"), row, "1", "1"], capture_output=True, text=True, check=False, timeout=60)
            self.assertEqual((done.returncode, done.stdout), (99, ""), row)

    def test_an_interrupt_at_any_moment_leaves_nothing(self):
        began = time.monotonic()
        whole = subprocess.run(self.command(), stdin=subprocess.DEVNULL, capture_output=True, text=True, env=self.environment(), timeout=120, check=False)
        whole_s = time.monotonic() - began
        self.assertEqual(whole.returncode, 0, whole.stderr)
        for part in (0, 0.01, 0.03, 0.1, 0.3, 0.5):     # of the time that it takes on this host
            with self.subTest(part):
                trying = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                          env=self.environment())
                time.sleep(part * whole_s)      # the moment is what is tried
                trying.send_signal(signal.SIGINT)
                _, err = trying.communicate(timeout=60)
                self.assertNotEqual(trying.returncode, 0, err)
                self.assertTrue(wait_until(lambda: not os.listdir(self.place), 20), os.listdir(self.place))


if __name__ == "__main__":
    unittest.main()
