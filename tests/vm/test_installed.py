"""What `cmake --install` installs, as a service of systemd: started, reloaded, killed and stopped by it, with control groups of
version 2. Runs as root in a machine of its own, whose pid 1 is systemd (tests/vm/run)."""

import grp
import json
import os
import pwd
import signal
import subprocess
import unittest

from harness import Instance, Process, cgroups_of, wait_until

UNIT = "sallyport.service"
CAPABILITIES = 9            # that the unit leaves to the bootstrap
PATIENCE_SECONDS = 60       # an emulated machine: what is awaited comes, in its time
EXIT_CONFIG = 78
MIB = 1 << 20
SHELL = {"exec": ["/usr/bin/sh", "-c", "{text}"], "params": {"text": {"type": "string", "required": True}}}


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read().strip()


def call(*words, status=0, **more):
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=240, **more)
    if status is not None and done.returncode != status:
        raise AssertionError(f"{' '.join(words)} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def systemctl(*words, status=0):
    return call("systemctl", *words, status=status)


def shown(*names):
    """Properties of the unit, in one question: each costs half a second there. A text, or one for each name."""
    said = dict(line.split("=", 1) for line in systemctl("show", "-p", ",".join(names), UNIT).splitlines())
    return said[names[0]] if len(names) == 1 else tuple(said[name] for name in names)


def mounts():
    """Every mount of this namespace but what systemd mounts when somebody looks at it."""
    return sorted(line.split()[4] for line in read("/proc/self/mountinfo").splitlines() if "autofs" not in line)


def setUpModule():
    if os.geteuid() != 0 or not os.path.isdir("/sallyport/installed") or not os.path.isdir("/run/systemd/system"):
        raise unittest.SkipTest("needs the guest 'systemd' of tests/vm/run")
    call("cp", "-a", "/sallyport/installed/.", "/")
    call("systemd-sysusers")
    call("systemd-tmpfiles", "--create")
    systemctl("daemon-reload")


class Installed(Instance):
    """The one that systemd runs. Its configuration and its state are where the unit has them."""

    def __init__(self, commands, **options):
        super().__init__(commands, degrade=None, **options)
        self.config_path, self.state = "/etc/sallyport/sallyport.yaml", "/var/lib/sallyport"
        self.config["server"]["listen"].append("unix:/run/sallyport/api.sock")
        self.config["peers"] = {"root": {"uid": 0, "allow": ["admin"]}}

    def adopt(self):
        """The process that systemd calls the main one, now."""
        self.process = Process(int(shown("MainPID")))
        self.processes()

    def log(self):
        return call("journalctl", "--no-pager", "-o", "cat", "-u", UNIT)[-20000:]

    def group(self):
        return "/sys/fs/cgroup" + shown("ControlGroup")


class Service(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.mounts = mounts()
        cls.instance = Installed({"show": SHELL}, callbacks={"chat": {"url": "https://chat.example/"}}, server={"shutdown_grace": "1s"},
                                 defaults={"timeout": "5m", "grace": "1s", "sandbox": {"memory": "32MiB", "pids": 32}})

    @classmethod
    def tearDownClass(cls):
        systemctl("stop", UNIT)
        cls.instance.clean()

    def setUp(self):
        self.instance.write_config()
        systemctl("start", UNIT)
        self.instance.adopt()

    def hold(self):
        job = self.instance.submit("show", {"text": "exec sleep 1000"})
        self.addCleanup(lambda: self.instance.request("POST", f"/v1/jobs/{job['id']}/cancel", {}))
        self.assertTrue(wait_until(lambda: self.instance.job(job["id"])["state"] == "running", PATIENCE_SECONDS), self.instance.log())
        return job["id"]

    def group_of(self, job_id):
        found = wait_until(lambda: [path for path in cgroups_of(self.instance.state) if path.endswith("/jobs/" + job_id)], PATIENCE_SECONDS)
        self.assertTrue(found, cgroups_of(self.instance.state))
        return found[0]


class Starts(Service):
    def test_when_systemd_says_that_it_is_started_it_takes_a_job(self):
        systemctl("restart", UNIT)
        self.assertEqual(self.instance.run("show", {"text": "echo taken"}).stdout, b"taken\n")
        self.assertEqual(shown("ActiveState", "SubState", "StatusText"), ("active", "running", "Serving 1 commands"))

    def test_systemd_gives_it_what_the_unit_asks_for(self):
        wanted = {"Delegate": "yes", "NotifyAccess": "main", "KillMode": "mixed", "OOMPolicy": "continue", "TasksMax": "infinity",
                  "Restart": "on-failure", "NeedDaemonReload": "no"}
        self.assertEqual(dict(zip(wanted, shown(*wanted))), wanted)
        self.assertEqual(set(shown("DelegateControllers").split()), {"cpu", "io", "memory", "pids"})
        self.assertEqual(os.getxattr(self.instance.group(), "user.delegate"), b"1")
        status = self.instance.process.status()
        self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))
        self.assertEqual(int(status["CapBnd"], 16).bit_count(), CAPABILITIES)

    def test_each_process_has_the_user_that_was_made_for_it(self):
        self.assertEqual(self.instance.process.uid(), 0)
        for name in ("front", "keeper", "launcher", "notifier"):
            user = pwd.getpwnam("sallyport-" + name)
            self.assertEqual(self.instance.part(name).uid(), user.pw_uid, name)
            self.assertEqual(grp.getgrgid(user.pw_uid).gr_name, user.pw_name)

    def test_selftest_finds_every_process_as_it_should_be(self):
        call("/usr/local/bin/sallyport", "selftest")

    def test_doctor_finds_control_groups_outside_and_in_a_unit_with_delegation(self):
        words = ("/usr/local/bin/sallyport", "doctor", "-o", "json")
        call("systemd-run", "--quiet", "--unit=doctor", "-p", "Type=oneshot", "-p", "Delegate=yes", "-p", "StandardOutput=file:/run/doctor", *words)
        for said, parent in ((call(*words), "/sys/fs/cgroup"), (read("/run/doctor"), "/sys/fs/cgroup/system.slice/doctor.service")):
            found = {finding["subject"]: finding for finding in json.loads(said)["findings"]}
            self.assertEqual(found["control groups"]["verdict"], "pass", found)
            self.assertIn(f"go below '{parent}' and get ", found["control groups"]["text"])
            self.assertEqual([name for name, finding in found.items() if finding["verdict"] == "fail"], [], found)
        self.assertEqual(call("/usr/local/bin/sallyport", "doctor", "--degrade").strip(), "")

    def test_it_can_be_enabled_for_the_next_boot(self):
        systemctl("enable", UNIT)
        self.addCleanup(systemctl, "disable", UNIT)
        self.assertEqual(systemctl("is-enabled", UNIT).strip(), "enabled")
        self.assertIn(UNIT, systemctl("show", "--value", "-p", "Wants", "multi-user.target").split())

    def test_a_configuration_with_faults_is_not_tried_again(self):
        systemctl("stop", UNIT)
        self.instance.write_config("commands: 1\n")
        systemctl("start", UNIT, status=1)
        self.addCleanup(systemctl, "reset-failed", UNIT)
        self.assertEqual(shown("ActiveState", "ExecMainStatus", "NRestarts"), ("failed", str(EXIT_CONFIG), "0"))


class Jobs(Service):
    def test_root_runs_one_through_the_socket_without_a_token(self):
        self.assertEqual(call("/usr/local/bin/sallyport", "run", "show", "-p", "text=echo hello"), "hello\n")

    def test_its_limits_are_in_a_group_below_the_units(self):
        group, ours = self.group_of(self.hold()), self.instance.group()
        self.assertTrue(group.startswith(ours + "/"), group)
        for name, value in (("memory.max", str(32 * MIB)), ("memory.swap.max", "0"), ("memory.oom.group", "1"), ("pids.max", "33")):
            self.assertEqual(read(group, name), value, name)
        self.assertEqual(read(ours, "bootstrap", "cgroup.procs").split()[0], str(self.instance.process.pid))
        self.assertEqual(read(ours, "cgroup.procs"), "")

    def test_one_above_its_memory_ends_alone(self):
        outcome = self.instance.run("show", {"text": "tail /dev/zero & wait; echo survived"})
        self.assertEqual((outcome.state, outcome.reason, outcome.stdout), ("failed", "oom", b""), outcome)
        self.assertEqual(outcome.job["degraded"], [])
        self.assertEqual(shown("ActiveState", "Result", "NRestarts", "MainPID"), ("active", "success", "0", str(self.instance.process.pid)))

    def test_one_has_the_devices_of_its_root(self):
        outcome = self.instance.run("show", {"text": "echo gone >/dev/null; head -c 3 /dev/zero | wc -c; head -c 5 /dev/urandom | wc -c"})
        self.assertEqual(outcome.stdout, b"3\n5\n", outcome)

    def test_one_that_runs_is_not_touched_when_systemd_reads_its_units_again(self):
        job = self.hold()
        group = self.group_of(job)
        for word in ("daemon-reload", "daemon-reexec"):
            systemctl(word)
            self.assertEqual((read(group, "memory.max"), read(group, "pids.max")), (str(32 * MIB), "33"), word)
        self.assertEqual(int(shown("MainPID")), self.instance.process.pid)
        self.assertEqual(self.instance.job(job)["state"], "running")
        self.assertEqual(self.instance.run("show", {"text": "tail /dev/zero"}).reason, "oom")


class Changes(Service):
    def test_a_reload_takes_the_new_configuration_and_keeps_what_runs(self):
        job = self.hold()
        self.instance.config["commands"]["more"] = {"exec": ["/usr/bin/true"]}
        self.addCleanup(self.instance.config["commands"].pop, "more")
        self.instance.write_config()
        systemctl("reload", UNIT)
        self.assertTrue(wait_until(lambda: shown("StatusText").startswith("Serving 2 commands"), PATIENCE_SECONDS), shown("StatusText"))
        self.assertEqual(shown("ActiveState"), "active")
        self.assertEqual(self.instance.run("more").state, "succeeded")
        self.assertEqual(self.instance.job(job)["state"], "running")

    def test_a_reload_of_faults_leaves_the_service_as_it_was(self):
        self.instance.write_config("commands: 1\n")
        systemctl("reload", UNIT)
        self.assertTrue(wait_until(lambda: "refused" in shown("StatusText"), PATIENCE_SECONDS), shown("StatusText"))
        self.assertEqual(shown("ActiveState"), "active")
        self.assertEqual(self.instance.run("show", {"text": "echo served"}).stdout, b"served\n")

    def test_a_stop_leaves_nothing_and_the_next_start_says_what_became_of_the_job(self):
        job, group = self.hold(), self.instance.group()
        self.instance.processes()
        systemctl("stop", UNIT)
        self.assertEqual(shown("ActiveState", "Result"), ("inactive", "success"), self.instance.log())
        self.assertEqual([process for process in self.instance.seen if process.is_alive()], [])
        self.assertFalse(os.path.exists(group))
        self.assertEqual(cgroups_of(self.instance.state), [])
        self.assertEqual(mounts(), self.mounts)
        systemctl("start", UNIT)
        ended = self.instance.job(job)
        self.assertEqual((ended["state"], ended["end"]["stopped_by"]), ("cancelled", "shutdown"), ended)

    def test_a_main_process_that_is_killed_is_started_again_and_its_job_is_lost(self):
        job = self.hold()
        group, before = self.group_of(job), list(self.instance.processes())
        os.kill(self.instance.process.pid, signal.SIGKILL)
        self.assertTrue(wait_until(lambda: shown("NRestarts") == "1" and self.instance.is_ready(), PATIENCE_SECONDS), self.instance.log())
        self.assertNotEqual(int(shown("MainPID")), self.instance.process.pid)
        self.assertEqual([process for process in before if process.is_alive()], [])
        self.assertFalse(os.path.exists(group))
        self.assertEqual(self.instance.wait(job, PATIENCE_SECONDS)["state"], "lost")
        self.assertEqual(self.instance.run("show", {"text": "echo again"}).stdout, b"again\n")
        self.assertEqual(mounts(), self.mounts)


if __name__ == "__main__":
    unittest.main()
