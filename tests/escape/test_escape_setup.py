"""Attacks on what is done before a job starts: places that a job moves about while the service looks at them, and values that
are options to the program that gets them. Each has its control beside it."""

import contextlib
import ctypes
import os
import shutil
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "service"))

import harness
from harness import Instance, Refused, probe_command, probe_directory
from host import make_directory

LIBC = ctypes.CDLL(None, use_errno=True)
AT_FDCWD, RENAME_EXCHANGE = -100, 2


class Flipping(threading.Thread):
    """Exchanges two names as fast as it can, as a job does that may write there."""

    def __init__(self, one, other):
        super().__init__(daemon=True)
        self.names = os.fsencode(one), os.fsencode(other)
        self.stopped = threading.Event()

    def run(self):
        while not self.stopped.is_set():
            LIBC.renameat2(AT_FDCWD, self.names[0], AT_FDCWD, self.names[1], RENAME_EXCHANGE)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.join(10)


class SharedPlace(unittest.TestCase):
    """A directory that a command may write to, with a way out in it: DIRECTORY/way and DIRECTORY/real change places."""

    def setUp(self):
        harness.needs_root(self)
        harness.needs_program(self, "sallyportd")
        self.base = make_directory("shared")
        self.addCleanup(shutil.rmtree, self.base)
        self.shared, self.canary = os.path.join(self.base, "shared"), os.path.join(self.base, "canary")
        os.makedirs(os.path.join(self.shared, "real", "inner"))
        os.mkdir(self.canary)
        os.chmod(self.shared, 0o777)
        os.symlink(self.canary, os.path.join(self.shared, "way"))
        self.real, self.way = os.path.join(self.shared, "real"), os.path.join(self.shared, "way")
        self.inner = os.path.join(self.real, "inner")

    def command(self, *words, **more):
        return {"exec": list(words), "user": "nobody", "sandbox": {"write": [self.shared], **more.pop("sandbox", {})}, **more}


class Reloads(SharedPlace):
    """S19: the place of a directory below one that a job may write to."""

    RELOADS = 8

    def test_S19_nothing_is_made_where_a_moving_link_leads(self):
        config = {"command": self.command("/usr/bin/true", sandbox={"read": [self.inner]})}
        with Instance(config, slots={"count": 1}) as instance, Flipping(self.real, self.way):
            answers = []
            for turn in range(self.RELOADS):
                # Another root each time, so that each reload builds one.
                instance.config["commands"]["command"]["sandbox"]["read"] = [self.inner, ["/etc/default", "/etc/skel"][turn % 2]]
                instance.write_config()
                answers.append(instance.request("POST", "/v1/config/reload", timeout=60).status)
                self.assertEqual(os.listdir(self.canary), [], answers)
        self.assertLessEqual(set(answers), {200, 422})
        self.assertIn(422, answers, "the link was never met, so nothing was shown")

    def test_S19_whoever_makes_places_by_path_makes_them_outside(self):
        with Flipping(self.real, self.way):
            for _ in range(20000):
                if os.path.isdir(os.path.join(self.base, "canary", "inner")):
                    return
                with contextlib.suppress(FileExistsError):
                    os.makedirs(self.inner)
        self.fail("a careless setup was not led astray")


class Starts(SharedPlace):
    """S18: the same at the start of each job, where it works and what it writes to are moving."""

    JOBS = 40

    def test_S18_a_moving_working_directory_leads_no_job_outside(self):
        script = "echo here >mark-$$ 2>/dev/null; cat /proc/self/mountinfo >/dev/null; ls -d /"
        config = {"command": self.command("/usr/bin/sh", "-c", script, workdir=self.real)}
        os.chmod(self.real, 0o777)
        os.chmod(self.canary, 0o777)
        with Instance(config, slots={"count": 2}) as instance, Flipping(self.real, self.way):
            states = {instance.run("command").state for _ in range(self.JOBS)}
        self.assertEqual(os.listdir(self.canary), [])
        self.assertEqual(states, {"succeeded", "launch_failed"}, "both names must have been met")
        inside = self.way if os.path.islink(self.real) else self.real
        self.assertTrue([name for name in os.listdir(inside) if name.startswith("mark-")])

    def test_S18_without_a_sandbox_a_working_directory_leads_outside(self):
        os.chmod(self.real, 0o777)
        os.chmod(self.canary, 0o777)
        with Flipping(self.real, self.way):
            for _ in range(500):
                subprocess.run(["/usr/bin/touch", "mark"], cwd=self.real, check=False)
                if os.listdir(self.canary):
                    return
        self.fail("a careless start was not led astray")


class Sources(SharedPlace):
    """S20: what was listed is shown, whatever has its name later."""

    def setUp(self):
        super().setUp()
        for name, text in (("listed", "as listed"), ("other", "swapped")):
            os.mkdir(os.path.join(self.base, name))
            with open(os.path.join(self.base, name, "file"), "w", encoding="ascii") as file:
                file.write(text)
        self.listed, self.other = os.path.join(self.base, "listed"), os.path.join(self.base, "other")

    def swap(self):
        os.rename(self.listed, self.listed + ".away")
        os.symlink(self.other, self.listed)

    def test_S20_what_has_the_name_later_is_not_shown(self):
        config = {"command": {"exec": ["/usr/bin/cat", os.path.join(self.listed, "file")], "sandbox": {"read": [self.listed]}}}
        with Instance(config, slots={"count": 1}) as instance:
            self.assertEqual(instance.run("command").stdout, b"as listed")
            self.swap()
            self.assertEqual(instance.run("command").stdout, b"as listed")

    def test_S20_whoever_goes_by_the_path_gets_the_other(self):
        self.swap()
        with open(os.path.join(self.listed, "file"), encoding="ascii") as file:
            self.assertEqual(file.read(), "swapped")


class WorkingDirectories(unittest.TestCase):
    """S03: a working directory that is a descriptor."""

    FDS = range(3, 16)

    def test_S03_no_descriptor_is_a_working_directory(self):
        harness.needs_program(self, "sallyportd")
        probes = probe_directory()
        config = {f"fd{fd}": probe_command(probes, "hold", "0", workdir=f"/proc/self/fd/{fd}") for fd in self.FDS}
        with Instance(config, slots={"count": 1}) as instance:
            for fd in self.FDS:
                outcome = instance.run(f"fd{fd}")
                self.assertEqual((outcome.state, outcome.end["step"], outcome.stdout), ("launch_failed", "enter-workdir", b""), outcome)

    def test_S03_where_a_directory_is_left_open_it_is_one(self):
        directory = os.open("/usr", os.O_RDONLY | os.O_DIRECTORY)
        self.addCleanup(os.close, directory)
        done = subprocess.run(["/usr/bin/pwd"], pass_fds=[directory], cwd=f"/proc/self/fd/{directory}", capture_output=True, check=True)
        self.assertEqual(done.stdout, b"/usr\n")


class HostSockets(unittest.TestCase):
    """S73: sockets behind which somebody does everything for whoever asks."""

    ROOTS = ("/run/docker.sock", "/run/containerd", "/run/containerd/containerd.sock", "/run/podman/podman.sock", "/run/crio/crio.sock",
             "/run/systemd/private", "/run/user/1000", "/run/libvirt/libvirt-sock")

    def check(self, path):
        directory = make_directory("config")
        self.addCleanup(shutil.rmtree, directory)
        config = os.path.join(directory, "sallyport.yaml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(harness.yaml_text({"commands": {"x": {"exec": ["/usr/bin/true"], "sandbox": {"read": [path]}}}}).lstrip("\n"))
        os.chmod(config, 0o600)
        return subprocess.run([os.path.join(harness.BIN, "sallyport"), "config", "check", config], capture_output=True, text=True, check=False)

    def test_S73_a_socket_that_is_as_good_as_root_is_refused(self):
        harness.needs_program(self, "sallyport")
        for path in self.ROOTS:
            with self.subTest(path):
                done = self.check(path)
                self.assertEqual(done.returncode, 78, done)
                self.assertIn("as good as root", done.stdout + done.stderr)

    def test_S73_another_path_is_taken(self):
        done = self.check("/run/service-of-ours")
        self.assertNotIn("as good as root", done.stdout + done.stderr)
        self.assertEqual(done.returncode, 0, done)


class Interpreters(unittest.TestCase):
    """S52: tools that run what an option tells them."""

    TOOLS = {
        "tar": (["/usr/bin/tar", "-cf", "/tmp/archive", "{words...}", "/etc/passwd"], ["--use-compress-program=sh -c 'echo INJECTED >&2'"]),
        "find": (["/usr/bin/find", "/etc/passwd", "{words...}"], ["-exec", "echo", "INJECTED", ";"]),
        "perl": (["/usr/bin/perl", "{words...}"], ["-eprint 'INJECTED'"]),
        "python": (["/usr/bin/python3", "{words...}"], ["-cprint('INJECTED')"]),
        "xargs": (["/usr/bin/xargs", "{words...}"], ["--arg-file=/etc/hostname", "echo", "INJECTED"]),
    }

    @classmethod
    def setUpClass(cls):
        commands = {}
        for name, (words, _) in cls.TOOLS.items():
            for arm, may in (("guarded", False), ("open", True)):
                of = {"type": "string", **({"allow_dash": True} if may else {})}
                commands[f"{name}-{arm}"] = {"exec": words, "params": {"words": {"type": "list", "of": of, "required": True}}}
        cls.instance = Instance(commands, slots={"count": 1}).__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.instance.stop()

    def test_S52_options_that_run_programs_are_refused(self):
        for name, (_, values) in self.TOOLS.items():
            with self.subTest(name), self.assertRaises(Refused) as caught:
                self.instance.run(f"{name}-guarded", {"words": values})
            self.assertEqual(caught.exception.response.status, 422)
            self.assertIn("/params/words/0", caught.exception.response.body.decode())

    def test_S52_where_the_owner_lets_them_in_they_run_programs(self):
        for name, (_, values) in self.TOOLS.items():
            with self.subTest(name):
                outcome = self.instance.run(f"{name}-open", {"words": values})
                self.assertIn(b"INJECTED", outcome.stdout + outcome.stderr, outcome)


if __name__ == "__main__":
    unittest.main()
