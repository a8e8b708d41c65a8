"""The files for systemd: they hold what they say, and sallyportd works with exactly what the unit leaves it."""

import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

import harness
from harness import BIN, Instance, wait_until

BUILD = os.path.dirname(os.path.normpath(BIN))
WORST_EXPOSURE = 6.4        # of 10, as `systemd-analyze security` counts; may only become less
EXIT_OS = 71

# What sallyportd says without one capability. CAP_KILL has a test of its own: it is needed where a child does not end.
MISSED = {
    "CAP_CHOWN": "give the keeper its directory: Operation not permitted",
    "CAP_DAC_OVERRIDE": "open gid_map of a slot: Permission denied",
    "CAP_SETGID": "become the launcher's user: Operation not permitted",
    "CAP_SETPCAP": "start the launcher and its slots",
    "CAP_SETUID": "become the launcher's user: Operation not permitted",
    "CAP_SYS_ADMIN": "make a mount namespace: Operation not permitted",
    "CAP_SYS_CHROOT": "enter a template root: Operation not permitted",
    "CAP_SYS_PTRACE": "keep the template of a root: Permission denied",
}


def install():
    """What `cmake --install` puts into place for systemd, below a directory of its own."""
    root = tempfile.mkdtemp(prefix="sallyport-units-")
    subprocess.run(["cmake", "--install", BUILD, "--component", "systemd"], check=True, capture_output=True,
                   env={**os.environ, "DESTDIR": root})
    found = {}
    for directory, _, names in os.walk(root):
        found.update({os.path.join(directory, name)[len(root):]: os.path.join(directory, name) for name in names})
    return root, found


def words_of(text, key):
    """All words that a unit gives to a key, which may come more than once."""
    return [word for line in text.splitlines() if line.startswith(key + "=") for word in line.partition("=")[2].split()]


class Files(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        if shutil.which("systemd-analyze") is None:
            raise unittest.SkipTest("needs systemd-analyze")
        cls.root, cls.found = install()
        cls.addClassCleanup(shutil.rmtree, cls.root)
        cls.unit = next(path for name, path in cls.found.items() if name.endswith("/lib/systemd/system/sallyport.service"))
        with open(cls.unit, encoding="utf-8") as file:
            cls.text = file.read()

    def systemd_analyze(self, *arguments):
        return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False, timeout=60,
                              env={**os.environ, "SYSTEMD_COLORS": "0", "LANG": "C.UTF-8"})

    def runnable(self):
        """The unit with the program that was built: verify looks whether it is there."""
        path = os.path.join(self.root, "sallyport.service")
        with open(path, "w", encoding="utf-8") as file:
            file.write(re.sub(r"^ExecStart=\S+", f"ExecStart={os.path.join(BIN, 'sallyportd')}", self.text, flags=re.M))
        return path

    def test_each_file_goes_where_systemd_looks_for_it(self):
        places = sorted(name[name.index("/lib/"):] for name in self.found)
        self.assertEqual(places, ["/lib/systemd/system/sallyport.service", "/lib/sysusers.d/sallyport.conf",
                                  "/lib/tmpfiles.d/sallyport.conf"])

    def test_the_unit_starts_the_program_that_is_installed_with_it(self):
        program = words_of(self.text, "ExecStart")[0]
        self.assertTrue(os.path.isabs(program) and program.endswith("/sallyportd"), program)
        self.assertIsNone(re.search(r"@\w+@", self.text), "a place that was to be filled in")

    def test_systemd_finds_no_fault_in_the_unit(self):
        done = self.systemd_analyze("verify", "--man=no", self.runnable())
        self.assertEqual((done.returncode, done.stderr.strip()), (0, ""), done)

    def test_systemd_finds_a_fault_that_is_there(self):
        path = self.runnable()
        with open(path, "a", encoding="utf-8") as file:
            file.write("[Service]\nNoSuchDirective=yes\n")
        self.assertIn("NoSuchDirective", self.systemd_analyze("verify", "--man=no", path).stderr)

    def test_exposure_is_no_more_than_it_was(self):
        path = self.runnable()
        print(self.systemd_analyze("security", "--offline=true", "--no-pager", path).stdout)
        done = self.systemd_analyze("security", "--offline=true", "--no-pager", f"--threshold={round(WORST_EXPOSURE * 10)}", path)
        self.assertEqual(done.returncode, 0, done.stdout[-300:])
        self.assertRegex(done.stdout, rf"Overall exposure level for sallyport.service: {WORST_EXPOSURE}\b")

    def test_the_unit_has_nothing_that_reaches_into_the_roots_of_jobs(self):
        rows = json.loads(self.systemd_analyze("security", "--offline=true", "--json=short", self.runnable()).stdout)
        is_set = {row["name"]: row["set"] for row in rows}
        for name in ("ProtectSystem=", "ProtectHome=", "PrivateTmp=", "PrivateDevices=", "ProtectKernelTunables=", "ProtectProc=",
                     "ProtectKernelLogs=", "ProtectControlGroups=", "ProtectHostname=", "MemoryDenyWriteExecute="):
            self.assertFalse(is_set[name], name)
            self.assertIn(name.rstrip("="), self.text, "and says why")

    def test_systemd_can_read_the_users_and_the_directories(self):
        harness.needs_root(self)
        for tool, name, wanted in (("systemd-sysusers", "sysusers.d", "sallyport-keeper"),
                                   ("systemd-tmpfiles", "tmpfiles.d", "/var/lib/sallyport")):
            if shutil.which(tool) is None:
                self.skipTest(f"needs {tool}")
            path = next(path for place, path in self.found.items() if f"/{name}/" in place)
            root = os.path.join(self.root, name)
            os.makedirs(os.path.join(root, "etc"), exist_ok=True)
            arguments = ["--create"] if tool == "systemd-tmpfiles" else []
            done = subprocess.run([tool, f"--root={root}", *arguments, path], capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stderr if "rror" in done.stderr else ""), (0, ""), done)
            if name == "tmpfiles.d":
                self.assertEqual(os.stat(root + wanted).st_mode & 0o7777, 0o711)
                self.assertEqual(os.stat(root + "/etc/sallyport").st_mode & 0o7777, 0o700)
                continue
            with open(os.path.join(root, "etc/passwd"), encoding="utf-8") as file:
                ours = [line.split(":") for line in file if line.startswith("sallyport-")]
            self.assertEqual(sorted(fields[0] for fields in ours),
                             ["sallyport-front", "sallyport-keeper", "sallyport-launcher", "sallyport-notifier"])
            for fields in ours:
                self.assertEqual(fields[2], fields[3], "a process takes its uid's number as its gid")


class BoundedInstance(Instance):
    """A sallyportd whose bounding set is what the unit says, or one less."""

    capabilities = ()

    def command_line(self):
        chosen = "".join(f",+{name[4:].lower()}" for name in self.capabilities)
        return ["setpriv", "--bounding-set", "-all" + chosen, *super().command_line()]


class BoundingSet(unittest.TestCase):
    """The unit's CapabilityBoundingSet is enough for everything, and nothing in it is too much."""

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("needs root")
        root, found = install()
        cls.addClassCleanup(shutil.rmtree, root)
        path = next(path for name, path in found.items() if name.endswith(".service"))
        with open(path, encoding="utf-8") as file:
            cls.named = words_of(file.read(), "CapabilityBoundingSet")

    def bounded(self, capabilities):
        place = harness.make_directory("place")
        self.addCleanup(shutil.rmtree, place, True)
        os.chown(place, pwd.getpwnam("games").pw_uid, -1)
        shell = {"exec": ["/usr/bin/sh", "-c", "cat /proc/self/status; touch " + place + "/made || true"]}
        instance = BoundedInstance({"plain": shell, "account": {**shell, "user": "games", "sandbox": {"write": [place]}},
                                    "network": {**shell, "sandbox": {"network": "host"}}},
                                   callbacks={"chat": {"url": "https://chat.example/"}})
        instance.capabilities = capabilities
        self.addCleanup(lambda: instance.kill() if instance.process is not None else instance.clean())
        return instance, place

    def test_it_is_what_this_test_looks_at(self):
        self.assertEqual(sorted(self.named), sorted([*MISSED, "CAP_KILL"]))

    def test_with_it_jobs_run_reloads_work_and_a_stop_leaves_nothing(self):
        instance, place = self.bounded(self.named)
        instance.start()
        bits = int(instance.processes()[0].status()["CapBnd"], 16)
        self.assertEqual(bits.bit_count(), len(self.named))
        for name in ("plain", "account", "network"):
            outcome = instance.run(name)
            self.assertEqual(outcome.state, "succeeded", outcome)
            self.assertIn(b"CapBnd:\t0000000000000000", outcome.stdout)
        self.assertTrue(os.path.exists(os.path.join(place, "made")))
        instance.config["commands"]["more"] = {"exec": ["/usr/bin/true"]}
        instance.reload()
        self.assertTrue(wait_until(lambda: instance.request("GET", "/v1/commands/more").status == 200, 20), instance.log())
        self.assertEqual(instance.run("more").state, "succeeded")
        for name in ("keeper", "launcher"):     # started again, on files that have other owners by now
            gone = instance.part(name)
            os.kill(gone.pid, signal.SIGKILL)
            self.assertTrue(wait_until(lambda gone=gone: not gone.is_alive(), 10))
            instance.wait_ready()
            self.assertTrue(wait_until(lambda: instance.request("GET", "/readyz", token=None).status == 200, 20))
        self.assertEqual(instance.run("account").state, "succeeded")
        instance.stop()

    def test_with_one_less_it_says_what_it_cannot_do(self):
        for left_out, words in MISSED.items():
            with self.subTest(left_out):
                instance, _ = self.bounded([name for name in self.named if name != left_out])
                instance.start(wait=False)
                self.assertEqual(instance.process.wait(60), EXIT_OS, instance.log())
                self.assertIn(words, instance.log())

    def stop_with_a_front_that_does_not_end(self, capabilities):
        instance, _ = self.bounded(capabilities)
        instance.start()
        front = instance.part("front")
        os.kill(front.pid, signal.SIGSTOP)
        instance.process.send_signal(signal.SIGTERM)
        self.assertTrue(wait_until(lambda: "stopping: running jobs" in instance.log(), 20))
        instance.process.send_signal(signal.SIGTERM)        # at once
        return instance, front

    def test_with_kill_it_ends_a_child_that_does_not_end_by_itself(self):
        instance, front = self.stop_with_a_front_that_does_not_end(self.named)
        instance.process.wait(60)
        self.assertFalse(front.is_alive())

    def test_without_kill_it_waits_for_such_a_child_for_ever(self):
        instance, front = self.stop_with_a_front_that_does_not_end([name for name in self.named if name != "CAP_KILL"])

        def waits_for_it():
            with open(f"/proc/{instance.process.pid}/syscall", encoding="ascii") as file:
                fields = file.read().split()
            return fields[0] in ("61", "260") and int(fields[1], 16) == front.pid       # wait4, here and on arm64
        self.assertTrue(wait_until(waits_for_it, 60), instance.log())
        self.assertTrue(front.is_alive())
        os.kill(front.pid, signal.SIGKILL)
        instance.process.wait(60)


class Notify(unittest.TestCase):
    """What a service manager hears."""

    def setUp(self):
        self.name = f"@sallyport-test-units-{os.getpid()}"
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.manager.close)
        self.manager.bind("\0" + self.name[1:])
        self.manager.settimeout(60)

    def heard(self):
        return dict(line.split("=", 1) for line in self.manager.recv(4096).decode().splitlines())

    def start(self, name):
        instance = Instance({"true": {"exec": ["/usr/bin/true"]}}, environment={"NOTIFY_SOCKET": name})
        self.addCleanup(lambda: instance.kill() if instance.process is not None else None)
        return instance.start()

    def test_hears_of_readiness_reloads_and_the_stop(self):
        instance = self.start(self.name)
        ready = self.heard()
        self.assertEqual(ready, {"READY": "1", "STATUS": "Serving 1 commands"})

        instance.config["commands"]["false"] = {"exec": ["/usr/bin/false"]}
        instance.reload()
        began = self.heard()
        self.assertEqual(began["RELOADING"], "1")
        self.assertGreater(int(began["MONOTONIC_USEC"]), 0)
        self.assertEqual(self.heard(), {"READY": "1", "STATUS": "Serving 2 commands, generation 2"})

        instance.write_config("commands: 1\n")
        os.kill(instance.process.pid, signal.SIGHUP)
        self.assertEqual(self.heard()["RELOADING"], "1")
        refused = self.heard()
        self.assertEqual(refused["READY"], "1", "the old configuration serves on")
        self.assertIn("refused", refused["STATUS"])

        instance.stop()
        stopping = self.heard()
        self.assertEqual((stopping["STOPPING"], stopping["EXTEND_TIMEOUT_USEC"]), ("1", "40000000"))

    def test_a_socket_that_cannot_be_used_is_no_reason_to_fail(self):
        instance = self.start("/nowhere/notify")
        self.assertEqual(instance.run("true").state, "succeeded")
        self.assertIn("NOTIFY_SOCKET cannot be used", instance.log())
        instance.stop()


if __name__ == "__main__":
    unittest.main()
