"""What a job is and sees, and what our own processes are, as the host's kernel tells it."""

import os
import pwd
import re
import unittest

import harness
from harness import ServiceTest, probe_command, probe_directory

CAPABILITY_SETS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
SECCOMP_FILTER = "2"


class Confinement(ServiceTest):
    """Jobs that look around."""

    @classmethod
    def make_commands(cls):
        cls.probes = probe_directory()
        shell = {"text": {"type": "string", "required": True}}
        return {
            "id": {"exec": ["/usr/bin/id"]},
            "status": {"exec": ["/usr/bin/cat", "/proc/self/status"]},
            "show": {"exec": ["/usr/bin/sh", "-c", "{text}"], "params": shell},
            "hold": probe_command(cls.probes, "hold"),
        }

    def show(self, text):
        outcome = self.instance.run("show", {"text": text})
        return outcome.stdout.decode()

    def status_of_job(self):
        outcome = self.instance.run("status")
        self.assertEqual(outcome.state, "succeeded", outcome)
        return dict(line.split(":\t", 1) for line in outcome.stdout.decode().splitlines())

    def jobs_on_host(self, count):
        """The processes of so many running jobs."""
        jobs = [self.instance.submit("hold", {"args": ["8000"]}) for _ in range(count)]
        self.addCleanup(lambda: [self.instance.request("POST", f"/v1/jobs/{job['id']}/cancel", {}) for job in jobs])
        found = harness.wait_until(
            lambda: (lambda held: held if len(held) == count else None)(
                [p for p in self.instance.processes() if p.name() == "escape-probe"]), 10)
        self.assertIsNotNone(found, f"{count} jobs were not seen on the host")
        return found

    def test_a_job_has_no_capability_in_any_set(self):
        status = self.status_of_job()
        for name in CAPABILITY_SETS:
            self.assertEqual(int(status[name], 16), 0, name)

    def test_a_job_cannot_gain_privileges_and_has_a_filter(self):
        status = self.status_of_job()
        self.assertEqual(status["NoNewPrivs"], "1")
        self.assertEqual(status["Seccomp"], SECCOMP_FILTER)
        self.assertEqual(int(status["Seccomp_filters"]), 2, "its own, and the supervisor's")

    def test_a_job_is_in_no_group_and_nobody_known(self):
        output = self.instance.run("id").stdout.decode()
        self.assertNotIn("uid=0", output)
        self.assertNotIn("gid=0", output)
        self.assertRegex(output, r"^uid=(\d+)(\(\w+\))? gid=(\d+)(\(\w+\))? groups=\3(\(\w+\))?\n$")

    def test_two_running_jobs_have_different_ids_on_the_host(self):
        harness.needs_root(self)
        first, second = self.jobs_on_host(2)
        self.assertNotEqual(first.uid(), second.uid())
        for job in (first, second):
            self.assertGreaterEqual(job.uid(), 65536)

    def test_a_job_has_three_descriptors_as_the_host_sees_it(self):
        job, = self.jobs_on_host(1)
        self.assertEqual(job.descriptors(), [0, 1, 2])

    def test_a_job_is_confined_as_the_host_sees_it(self):
        job, = self.jobs_on_host(1)
        status = job.status()
        for name in CAPABILITY_SETS:
            self.assertEqual(int(status[name], 16), 0, name)
        self.assertEqual(status["NoNewPrivs"], "1")
        self.assertEqual(status["Seccomp"], SECCOMP_FILTER)
        for namespace in ("mnt", "pid", "ipc", "uts", "net", "cgroup", "user"):
            self.assertNotEqual(os.readlink(f"/proc/{job.pid}/ns/{namespace}"), os.readlink(f"/proc/self/ns/{namespace}"), namespace)

    def test_a_job_sees_no_process_but_its_own(self):
        numbers = [int(name) for name in self.show("echo /proc/[0-9]*").split("/proc/")[1:]]
        self.assertTrue(numbers)
        self.assertNotIn(1, numbers, "init is of another id and hidden")
        self.assertLess(max(numbers), 10)

    def test_a_job_sees_of_proc_only_processes(self):
        names = set(self.show("ls /proc").split())
        self.assertEqual({name for name in names if not name.isdigit()}, {"self", "thread-self"})

    def test_a_job_has_a_minimal_dev(self):
        names = set(self.show("ls /dev").split())
        self.assertEqual(names, {"fd", "full", "null", "random", "shm", "stderr", "stdin", "stdout", "urandom", "zero"} & names
                         | {"null", "zero", "full", "random", "urandom"})
        for name in ("null", "zero", "full", "random", "urandom"):
            self.assertIn(name, names)

    def test_a_job_sees_of_the_host_what_was_listed_and_no_more(self):
        names = set(self.show("ls -A /").split())
        allowed = {"bin", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "run", "sbin", "tmp", "usr", "var"}
        self.assertLessEqual(names, allowed | {self.probes.split("/")[1]})
        self.assertEqual(self.show("ls -A /root /home /boot /sys /srv /opt 2>/dev/null"), "")
        self.assertNotIn("shadow", self.show("ls -A /etc"))

    def test_a_job_cannot_write_to_its_root(self):
        for place in ("/", "/etc", "/usr", "/usr/bin", "/var", "/dev", "/proc", "/run"):
            output = self.show(f"touch {place}/made-by-a-job 2>&1 && echo MADE")
            self.assertNotIn("MADE", output, place)

    def test_every_mount_of_a_job_is_read_only_or_its_own_memory(self):
        for line in self.show("cat /proc/self/mountinfo").splitlines():
            left, right = line.split(" - ", 1)
            path, options = left.split()[4], left.split()[5].split(",")
            kind = right.split()[0]
            self.assertIn("nosuid", options, line)
            if path in ("/tmp", "/dev/shm"):
                self.assertEqual(kind, "tmpfs", line)
                self.assertIn("noexec", options, line)
                self.assertIn("nodev", options, line)
            elif path == "/proc":
                self.assertEqual(kind, "proc", line)
            elif not path.startswith("/dev/"):
                self.assertIn("ro", options, line)
                self.assertIn("nodev", options, line)

    def test_a_job_has_no_network_but_its_own_loopback(self):
        lines = self.show("cat /proc/self/net/dev").splitlines()
        interfaces = [line.split(":")[0].strip() for line in lines if ":" in line]
        self.assertEqual(interfaces, ["lo"])
        self.assertEqual(self.show("cat /proc/self/net/route").splitlines()[1:], [])

    def test_a_job_has_a_hostname_that_tells_nothing(self):
        self.assertEqual(self.show("uname -n").strip(), "sallyport")

    def test_a_job_starts_in_its_own_tmp(self):
        self.assertEqual(self.show("pwd; ls -A").strip(), "/tmp")

    def test_nothing_of_a_job_is_found_by_the_next(self):
        self.show("echo secret >/tmp/left; echo secret >/dev/shm/left")
        for _ in range(5):
            self.assertEqual(self.show("cat /tmp/left /dev/shm/left 2>/dev/null"), "")


class Accounts(ServiceTest):
    """A command with `user:` has that account's id, and writes where `write:` lets it."""

    ACCOUNT = "games"       # Debian's own, without files and without processes

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("needs root")
        super().setUpClass()

    @classmethod
    def make_commands(cls):
        account = pwd.getpwnam(cls.ACCOUNT)
        cls.probes = probe_directory()
        cls.place = os.path.join(cls.probes, "place")
        os.mkdir(cls.place)
        os.chown(cls.place, account.pw_uid, account.pw_gid)
        text = {"text": {"type": "string", "required": True}}
        own = {"user": cls.ACCOUNT, "sandbox": {"read": [cls.probes], "write": [cls.place]}}
        return {
            "show": {"exec": ["/usr/bin/sh", "-c", "{text}"], "params": text, **own},
            "hold": {**probe_command(cls.probes, "hold"), **own},
            "nobody": {"exec": ["/usr/bin/sh", "-c", "{text}"], "params": text, "sandbox": {"read": [cls.probes]}},
        }

    def test_a_job_has_the_id_of_its_account(self):
        account = pwd.getpwnam(self.ACCOUNT)
        job = self.instance.submit("hold", {"args": ["3000"]})
        self.addCleanup(lambda: self.instance.request("POST", f"/v1/jobs/{job['id']}/cancel", {}))
        held = harness.wait_until(lambda: [p for p in self.instance.processes() if p.name() == "escape-probe"], 5)
        status = held[0].status()
        self.assertEqual(set(status["Uid"].split()), {str(account.pw_uid)})
        self.assertEqual(set(status["Gid"].split()), {str(account.pw_gid)})
        self.assertEqual(status["Groups"].split(), [])
        for name in CAPABILITY_SETS:
            self.assertEqual(int(status[name], 16), 0, name)

    def test_what_it_writes_belongs_to_the_account(self):
        outcome = self.instance.run("show", {"text": f"id -u; echo text >{self.place}/made; cat {self.place}/made"})
        self.assertEqual(outcome.state, "succeeded", outcome)
        made = os.stat(os.path.join(self.place, "made"))
        self.assertEqual(made.st_uid, pwd.getpwnam(self.ACCOUNT).pw_uid)

    def test_it_writes_nowhere_else(self):
        outcome = self.instance.run("show", {"text": f"echo x >{self.probes}/made 2>&1 || echo x >/etc/made 2>&1 || echo refused"})
        self.assertIn(b"refused", outcome.stdout, outcome)

    def test_it_can_make_nothing_there_that_gains_privilege(self):
        outcome = self.instance.run("show", {"text": f"cp /usr/bin/id {self.place}/id && chmod 6755 {self.place}/id; {self.place}/id; echo $?"})
        self.assertNotIn(b"euid=", outcome.stdout, outcome)
        path = os.path.join(self.place, "id")
        if os.path.exists(path):
            self.assertNotEqual(os.stat(path).st_uid, 0)

    def test_a_device_or_a_link_there_leads_nowhere(self):
        os.symlink("/etc/shadow", os.path.join(self.place, "link"))
        outcome = self.instance.run("show", {"text": f"cat {self.place}/link; mknod {self.place}/null c 1 3 && echo MADE; true"})
        self.assertEqual(outcome.stdout, b"", outcome)

    def test_a_job_without_the_account_cannot_write_there(self):
        outcome = self.instance.run("nobody", {"text": f"echo x >{self.place}/other 2>&1 || echo refused"})
        self.assertIn(b"refused", outcome.stdout, outcome)


class Secrets(ServiceTest):
    """A secret is delivered to its job and seen by nobody else (S71)."""

    @classmethod
    def make_commands(cls):
        cls.probes = probe_directory()
        probe = os.path.join(cls.probes, "escape-probe")
        read = {"read": [cls.probes]}
        return {
            "file": {"exec": ["/usr/bin/sh", "-c", 'stat -c %a "$1"; cat "$1"', "sh", "{key}"],
                     "params": {"key": {"type": "secret", "required": True}}},
            "quiet": {"exec": ["/usr/bin/test", "-s", "{key}"], "params": {"key": {"type": "secret", "required": True}}},
            "hold": {"exec": [probe, "hold", "3000", "{key}"], "params": {"key": {"type": "secret", "required": True}}, "sandbox": read},
            "loud": {"exec": [probe, "hold", "3000"], "params": {"key": {"type": "secret", "required": True, "deliver": "env:KEY"}},
                     "sandbox": read},
        }

    def seen_on_host(self, command, secret):
        """Where the host's processes show the secret while the job runs."""
        job = self.instance.submit(command, {"key": secret})
        self.addCleanup(lambda: self.instance.request("POST", f"/v1/jobs/{job['id']}/cancel", {}))
        self.assertTrue(harness.wait_until(lambda: self.instance.job(job["id"])["state"] == "running", 5))
        found = []
        for process in self.instance.processes():
            for name in ("cmdline", "environ"):
                try:
                    with open(f"/proc/{process.pid}/{name}", "rb") as file:
                        if secret.encode() in file.read():
                            found.append((process.name(), name))
                except OSError:
                    pass
        return found

    def test_a_secret_is_in_a_file_of_the_job_alone(self):
        outcome = self.instance.run("file", {"key": "hush-3141592653"})
        self.assertEqual(outcome.stdout.split()[0], b"400", outcome)
        self.assertTrue(outcome.stdout.endswith(b"hush-3141592653"), outcome)

    def test_S71_a_secret_file_is_shown_by_no_process(self):
        self.assertEqual(self.seen_on_host("hold", "hush-2718281828"), [])

    def test_S71_a_secret_in_a_variable_is_shown_to_root(self):
        harness.needs_root(self)
        self.assertEqual(self.seen_on_host("loud", "hush-1414213562"), [("escape-probe", "environ")])

    def test_a_secret_is_in_no_record_log_or_file(self):
        secret = "hush-1732050807"
        outcome = self.instance.run("quiet", {"key": secret})
        self.assertEqual((outcome.state, outcome.job["params"]), ("succeeded", {"key": {"secret": True}}), outcome)
        self.assertNotIn(secret, self.instance.request("GET", "/v1/jobs?limit=200").body.decode())
        self.assertNotIn(secret, self.instance.log())
        for directory, _, names in os.walk(self.instance.state):
            for name in names:
                with open(os.path.join(directory, name), "rb") as file:
                    self.assertNotIn(secret.encode(), file.read(), name)


OURS = ("launcher", "keeper", "front", "notifier")
CALLBACKS = {"chat": {"url": "https://chat.example/"}}      # and so there is a notifier


class OwnProcesses(ServiceTest):
    """The launcher, the keeper, the front, the notifier: ordinary ids without any power."""

    commands = {"true": {"exec": ["/usr/bin/true"]}}
    options = {"callbacks": CALLBACKS}

    def check(self, name, threads=1):
        process = self.instance.part(name)
        self.assertEqual(len(process.threads()), threads, name)
        for thread in process.threads():
            status = process.status(thread)
            for capability_set in CAPABILITY_SETS:
                self.assertEqual(int(status[capability_set], 16), 0, f"{name} {capability_set}")
            self.assertEqual(status["NoNewPrivs"], "1", name)
            self.assertEqual(status["Seccomp"], SECCOMP_FILTER, name)
            self.assertNotIn("0", status["Uid"].split(), name)
            self.assertNotIn("0", status["Gid"].split(), name)
            if os.geteuid() == 0:
                self.assertEqual(status["Groups"].split(), [], name)

    def test_the_launcher_has_no_power(self):
        self.check("launcher")

    def test_the_keeper_has_no_power(self):
        self.check("keeper", threads=3)     # one unlinks and one compares passwords, and that is all

    def test_the_front_has_no_power(self):
        self.check("front")

    def test_the_notifier_has_no_power(self):
        self.check("notifier")

    def test_each_of_them_has_an_id_of_its_own(self):
        harness.needs_root(self)
        ids = [self.instance.part(name).uid() for name in OURS]
        self.assertEqual(len(set(ids)), len(OURS), ids)

    def test_those_that_face_the_network_see_an_empty_read_only_root(self):
        harness.needs_root(self)
        for name in ("front", "notifier"):
            process = self.instance.part(name)
            self.assertEqual(os.listdir(f"/proc/{process.pid}/root/"), [], name)
            with open(f"/proc/{process.pid}/mountinfo", encoding="utf-8") as file:
                for line in file:
                    self.assertIn("ro", re.split(r"[ ,]", line.split(" - ")[0]), f"{name}: {line}")

    def test_they_cannot_be_read_or_traced_by_their_own_ids(self):
        harness.needs_root(self)
        for name in OURS:
            process = self.instance.part(name)
            self.assertEqual(os.stat(f"/proc/{process.pid}/mem").st_uid, 0, f"{name} is dumpable")

    def test_they_have_no_terminal_and_few_descriptors(self):
        for name in OURS:
            process = self.instance.part(name)
            for descriptor in process.descriptors():
                target = os.readlink(f"/proc/{process.pid}/fd/{descriptor}")
                self.assertNotIn("/dev/tty", target, name)
                self.assertNotIn("/dev/pts", target, name)


class Rootless(ServiceTest):
    """The same started by an ordinary user: what can hold still holds."""

    commands = {"status": {"exec": ["/usr/bin/cat", "/proc/self/status"]}, "list": {"exec": ["/usr/bin/ls", "-A", "/"]},
                "shadow": {"exec": ["/usr/bin/cat", "/etc/shadow"]}}

    @classmethod
    def make_options(cls):
        return {"user": harness.ordinary_user(), "callbacks": CALLBACKS}

    def test_a_job_has_no_capability_and_a_filter(self):
        outcome = self.instance.run("status")
        self.assertEqual(outcome.state, "succeeded", outcome)
        status = dict(line.split(":\t", 1) for line in outcome.stdout.decode().splitlines())
        for name in CAPABILITY_SETS:
            self.assertEqual(int(status[name], 16), 0, name)
        self.assertEqual(status["NoNewPrivs"], "1")
        self.assertEqual(status["Seccomp"], SECCOMP_FILTER)

    def test_nobody_of_us_is_root_on_the_host(self):
        for process in self.instance.processes():
            self.assertNotIn("0", process.status()["Uid"].split(), process)

    def test_a_job_does_not_see_the_users_home(self):
        names = self.instance.run("list").stdout.decode().split()
        self.assertNotIn("home", names)
        self.assertNotIn("root", names)

    def test_none_of_our_processes_has_power(self):
        for name in OURS:
            status = self.instance.part(name).status()
            for capability_set in CAPABILITY_SETS:
                self.assertEqual(int(status[capability_set], 16), 0, f"{name} {capability_set}")
            self.assertEqual(status["NoNewPrivs"], "1", name)
            self.assertEqual(status["Seccomp"], SECCOMP_FILTER, name)


if __name__ == "__main__":
    unittest.main()
