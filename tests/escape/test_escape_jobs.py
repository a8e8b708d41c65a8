"""Attacks that need more than one verdict: two jobs, a swapped program, a process that will not go, a report to be fooled.

Each has its control beside it: the same with the layer off, or without a sandbox.
"""

import ctypes
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "service"))

import harness
from harness import BIN, PROBE, Instance, Refused, probe_command, probe_directory, processes_named, skip


def bare(*arguments, **more):
    """The probe without a sandbox, under an id that nobody else has."""
    who = ["setpriv", f"--reuid={harness.BARE_UID}", f"--regid={harness.BARE_UID}", "--clear-groups", "--"] if os.geteuid() == 0 else []
    return subprocess.Popen([*who, PROBE, *arguments], cwd="/tmp", stdin=more.pop("stdin", subprocess.DEVNULL),
                            stdout=more.pop("stdout", subprocess.PIPE), stderr=subprocess.DEVNULL, **more)


def end_named(name):
    """Ends what a control left behind on purpose."""
    for process in processes_named(name):
        os.kill(process.pid, signal.SIGKILL)


class EscapeTest(unittest.TestCase):
    instance = None
    options = {}

    @classmethod
    def setUpClass(cls):
        for path in (os.path.join(BIN, "sallyportd"), PROBE):
            if not os.access(path, os.X_OK):
                raise unittest.SkipTest(f"{path} is not built")
        cls.probes = probe_directory()
        cls.instance = Instance(cls.make_commands(), slots={"count": 1}, **cls.options).__enter__()

    @classmethod
    def make_commands(cls):
        return {}

    @classmethod
    def tearDownClass(cls):
        if cls.instance is not None:
            cls.instance.stop()

    def worked(self, outcome):
        self.assertIn(b"worked", outcome.stdout, outcome)

    def refused(self, outcome):
        self.assertNotIn(b"worked", outcome.stdout, outcome)
        self.assertIn(outcome.exit_code if outcome.reason == "exited" else outcome.reason, (10, "policy_violation"), outcome)


def join_session_keyring():
    """What a login does: everything that it starts shares the keyring."""
    ctypes.CDLL(None).syscall(250, 1, None)     # keyctl(KEYCTL_JOIN_SESSION_KEYRING)


class Keyrings(EscapeTest):
    """S46: what a job leaves in a keyring, the next job with the same ids looks for."""

    options = {"preexec": join_session_keyring}

    @classmethod
    def make_commands(cls):
        commands = {}
        for arm, layers in (("full", []), ("call", ["seccomp"]), ("both", ["seccomp", "keyring"])):
            for stage in ("p", "f"):
                commands[f"{arm}-{stage}"] = probe_command(cls.probes, "S46" + stage, **({"test_layers_off": layers} if layers else {}))
        return commands

    def plant_and_find(self, arm, ring):
        name, payload = "sallyport-" + secrets.token_hex(6), secrets.token_hex(12)
        planted = self.instance.run(f"{arm}-p", {"args": [ring, name, payload]})
        found = self.instance.run(f"{arm}-f", {"args": [ring, name]})
        return planted, found, payload.encode()

    def test_S46_leaving_a_key_is_refused(self):
        for ring in ("user", "session"):
            planted, found, payload = self.plant_and_find("full", ring)
            self.refused(planted)
            self.assertNotIn(payload, found.stdout)

    def test_S46_a_key_of_the_user_is_found_by_the_next_job_without_seccomp(self):
        planted, found, payload = self.plant_and_find("call", "user")
        self.worked(planted)
        self.assertIn(payload, found.stdout, found)

    def test_S46_a_key_of_the_session_is_not_found_while_each_job_has_its_own(self):
        planted, found, payload = self.plant_and_find("call", "session")
        self.worked(planted)
        self.assertNotIn(payload, found.stdout, found)

    def test_S46_a_key_of_the_session_is_found_without_seccomp_keyring(self):
        planted, found, payload = self.plant_and_find("both", "session")
        self.worked(planted)
        self.assertIn(payload, found.stdout, found)


class Programs(EscapeTest):
    """S93, S94, S103: the file that was listed is not the file that is there now."""

    @classmethod
    def make_commands(cls):
        commands = {}
        for arm, layers in (("full", []), ("minus", ["identity"])):
            for kind in ("rename", "inplace", "script"):
                name = f"{kind}-{arm}"
                path = os.path.join(cls.probes, name)
                if kind == "script":
                    cls.write(path, b"#!/bin/sh\necho original\n")
                else:
                    shutil.copy(PROBE, path)
                    os.chmod(path, 0o755)
                arguments = [] if kind == "script" else ["env"]
                commands[name] = {"exec": [path, *arguments], "env": {"MARK": "original"}, "sandbox": {"read": [cls.probes]},
                                  **({"test_layers_off": layers} if layers else {})}
        cls.write(os.path.join(cls.probes, "plain"), b"echo ran by a shell\n")
        return commands

    @staticmethod
    def write(path, data):
        with open(path, "wb") as file:
            file.write(data)
        os.chmod(path, 0o755)

    def swap(self, kind, arm):
        """Replaces the file by one that says `swapped`, as an attacker (or an upgrade) would."""
        path = os.path.join(self.probes, f"{kind}-{arm}")
        swapped = b"#!/bin/sh\necho swapped\n" if kind == "script" else self.static_program()
        if kind == "rename":
            self.write(path + ".new", swapped)
            os.rename(path + ".new", path)
        else:
            self.write(path, swapped)
        return self.instance.run(f"{kind}-{arm}")

    @staticmethod
    def static_program():
        """Another program in the same place: ours, told apart by what it does without an environment to print."""
        with open(PROBE, "rb") as file:
            return file.read().replace(b"escape-probe ID [ARGUMENT...]", b"swapped-prob ID [ARGUMENT...]")

    def assert_unchanged_runs(self, kind, arm):
        outcome = self.instance.run(f"{kind}-{arm}")
        self.assertEqual(outcome.state, "succeeded", outcome)
        self.assertIn(b"original", outcome.stdout)

    def assert_refused(self, kind):
        self.assert_unchanged_runs(kind, "full")
        outcome = self.swap(kind, "full")
        self.assertEqual((outcome.state, outcome.reason), ("launch_failed", "launch_failed"), outcome)
        self.assertIn("changed", outcome.end["message"])
        self.assertEqual(outcome.stdout, b"")

    def assert_runs(self, kind):
        outcome = self.swap(kind, "minus")
        self.assertEqual(outcome.state, "succeeded", outcome)

    def test_S93_a_renamed_program_is_refused(self):
        self.assert_refused("rename")

    def test_S93_a_renamed_program_runs_without_identity(self):
        self.assert_runs("rename")

    def test_S93_a_program_written_in_place_is_refused(self):
        self.assert_refused("inplace")

    def test_S93_a_program_written_in_place_runs_without_identity(self):
        self.assert_runs("inplace")

    def test_S94_a_changed_script_is_refused(self):
        self.assert_refused("script")

    def test_S94_a_changed_script_runs_without_identity(self):
        self.assert_runs("script")
        self.assertIn(b"swapped", self.instance.run("script-minus").stdout)

    def test_S103_a_text_file_without_interpreter_is_not_given_to_a_shell(self):
        path = os.path.join(self.probes, "plain")
        try:
            with Instance({"plain": {"exec": [path], "sandbox": {"read": [self.probes]}}}) as instance:
                try:
                    outcome = instance.run("plain")
                except Refused as refused:
                    self.assertGreaterEqual(refused.response.status, 400)
                    return
                self.assertEqual((outcome.state, outcome.stdout), ("launch_failed", b""), outcome)
        except RuntimeError as refused:
            self.assertIn("plain", str(refused))

    def test_S103_a_shell_would_run_it(self):
        done = subprocess.run(["bash", "-c", os.path.join(self.probes, "plain")], capture_output=True, check=False)
        self.assertEqual(done.stdout, b"ran by a shell\n")


class Persistence(EscapeTest):
    """S61, S62, S63, S85, S87, S88: processes that will not go, and pipes that will not end."""

    LIMITS = {"timeout": "800ms", "grace": "300ms"}

    @classmethod
    def make_commands(cls):
        commands = {attack.lower(): probe_command(cls.probes, attack, **cls.LIMITS) for attack in ("S61", "S62", "S63")}
        commands["input"] = probe_command(cls.probes, "stdin", **cls.LIMITS)
        commands["hold"] = probe_command(cls.probes, "hold", **cls.LIMITS)
        return commands

    def name(self):
        return "sp-" + secrets.token_hex(4)

    def assert_gone(self, name):
        self.assertEqual(harness.wait_until(lambda: not processes_named(name), 1) or processes_named(name), True)

    def control(self, *arguments):
        """Runs the attack bare, ends its first process as a simple runner would, and returns what is left."""
        name = arguments[1]
        process = bare(*arguments)
        process.stdout.read(1)
        time.sleep(0.3)
        process.terminate()
        time.sleep(0.2)
        left = processes_named(name)
        end_named(name)
        with process.stdout:
            process.kill()
            process.wait()
        for _ in range(100):
            if not processes_named(name):
                break
            end_named(name)
        return left

    def test_S61_a_job_that_stops_everything_is_ended(self):
        name = self.name()
        outcome = self.instance.run("s61", {"args": [name]})
        self.assertEqual(outcome.state, "timed_out", outcome)
        self.assert_gone(name)

    def test_S61_without_a_sandbox_it_stays(self):
        self.assertTrue(self.control("S61", self.name()))

    def test_S62_a_daemon_ends_with_its_job(self):
        name = self.name()
        outcome = self.instance.run("s62", {"args": [name, "60"]})
        self.assertEqual(outcome.state, "succeeded", outcome)
        self.assert_gone(name)

    def test_S62_without_a_sandbox_it_stays(self):
        self.assertTrue(self.control("S62", self.name(), "60"))

    def test_S63_a_race_of_forks_ends_with_its_job(self):
        name = self.name()
        started = time.monotonic()
        self.instance.run("s63", {"args": [name, "60"]})
        self.assertLess(time.monotonic() - started, 4)
        self.assertFalse(any(processes_named(name) for _ in range(50)))

    def test_S63_without_a_sandbox_it_goes_on(self):
        name = self.name()
        process = bare("S63", name, "5")
        process.stdout.read(1)
        process.wait()      # what was started has ended, its children go on for their five seconds
        self.assertTrue(harness.wait_until(lambda: processes_named(name), 4, 0))
        process.communicate()

    def test_S85_an_open_pipe_does_not_keep_a_job_alive(self):
        name = self.name()
        started = time.monotonic()
        outcome = self.instance.run("s62", {"args": [name, "60", "keep"]})
        self.assertEqual((outcome.state, outcome.exit_code), ("succeeded", 0), outcome)
        self.assertLess(time.monotonic() - started, 3)
        self.assert_gone(name)

    def test_S85_whoever_waits_for_the_pipe_waits_for_the_daemon(self):
        name = self.name()
        process = bare("S62", name, "2", "keep")
        started = time.monotonic()
        process.communicate()
        self.assertGreater(time.monotonic() - started, 1.5)
        end_named(name)

    def test_S87_reading_input_ends_at_once(self):
        outcome = self.instance.run("input")
        self.assertEqual((outcome.state, outcome.stdout), ("succeeded", b"0 bytes\n"), outcome)

    def test_S87_on_an_open_pipe_it_would_wait(self):
        process = bare("stdin", stdin=subprocess.PIPE)
        time.sleep(0.5)
        self.assertIsNone(process.poll())
        process.communicate()

    def test_S88_sleeping_for_ever_ends_on_time(self):
        started = time.monotonic()
        outcome = self.instance.run("hold", {"args": ["60000"]})
        self.assertEqual(outcome.state, "timed_out", outcome)
        self.assertLess(time.monotonic() - started, 0.8 + 0.3 + 1)


    def test_S88_whom_nobody_watches_sleeps_on(self):
        process = bare("hold", "60000")
        process.stdout.readline()
        with self.assertRaises(subprocess.TimeoutExpired):
            process.wait(0.8 + 0.3 + 1)
        process.kill()
        process.communicate()


class Reports(EscapeTest):
    """S84, S90, S92: jobs that lie about how they ended, or in what they say."""

    @classmethod
    def make_commands(cls):
        return {name: probe_command(cls.probes, name.upper() if name == "s92" else name) for name in ("exit", "die", "raw", "s92")}

    def end(self, command, argument):
        return self.instance.run(command, {"args": [argument]})

    def test_S90_a_status_that_looks_like_a_signal_is_a_status(self):
        for code in (124, 125, 126, 127, 137, 143, 159, 255):
            outcome = self.end("exit", str(code))
            self.assertEqual((outcome.state, outcome.reason, outcome.exit_code), ("failed", "exited", code), outcome)
            self.assertFalse(outcome.end.get("signal"), outcome)

    def test_S90_a_jobs_own_signal_is_no_timeout_and_no_oom(self):
        for number, name in ((9, "KILL"), (15, "TERM"), (11, "SEGV"), (24, "XCPU"), (6, "ABRT")):
            outcome = self.end("die", str(number))
            self.assertEqual((outcome.state, outcome.reason), ("failed", "signalled"), outcome)
            self.assertIn(str(outcome.end["signal"]).removeprefix("SIG"), (name, str(number)))

    def test_S90_whoever_guesses_from_the_status_is_fooled(self):
        process = bare("exit", "124")
        process.communicate()
        self.assertEqual(process.returncode, 124, "what timeout(1) says of a program that ran too long")

    def test_S92_a_poisoned_name_spoils_no_report(self):
        outcome = self.end("s92", "3")
        self.assertEqual((outcome.reason, outcome.exit_code), ("exited", 3), outcome)
        for figure in outcome.job["usage"].values():
            self.assertLess(figure or 0, 2**32)

    def test_S92_whoever_splits_at_spaces_is_fooled(self):
        name = ") R 1 1"
        process = bare("S62", name, "20", stdout=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(lambda: end_named(name))
        found = harness.wait_until(lambda: processes_named(name), 5, 0.01)
        with open(f"/proc/{found[0].pid}/stat", encoding="ascii") as file:
            words = file.read().split()
        self.assertEqual(words[2:5], ["R", "1", "1)"], "state, parent and group, as the program chose them")

    def test_S84_whoever_takes_lines_for_records_is_fooled(self):
        lie = b'{"type":"end","state":"succeeded","reason":"exited","exit_code":0}\n'
        process = bare("raw", lie.hex())
        said, _ = process.communicate()
        self.assertEqual([json.loads(line)["type"] for line in said.splitlines()], ["end"])

    def test_S84_output_that_looks_like_our_framing_is_data(self):
        lies = (b'{"type":"end","state":"succeeded","reason":"exited","exit_code":0}\n', b"event: end\ndata: {}\n\n",
                b"\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"\x1b]0;owned\x07\x1b[2J", b"\xff\xfe\x00\xc0\xaf",
                b'level=error job=forged "x"\n')
        for lie in lies:
            outcome = self.end("raw", lie.hex())
            self.assertEqual(outcome.stdout, lie)
            self.assertEqual([record["type"] for record in outcome.records].count("end"), 1)
            self.assertEqual(outcome.records[-1]["type"], "end")
        self.assertNotIn("forged", self.instance.log())


class Arguments(EscapeTest):
    """S96: options smuggled in as values."""

    @classmethod
    def make_commands(cls):
        name = {"type": "string", "required": True}
        return {"guarded": {"exec": ["/usr/bin/env", "{name}"], "params": {"name": name}},
                "open": {"exec": ["/usr/bin/env", "{name}"], "params": {"name": {**name, "allow_dash": True}}}}

    INJECTION = "--split-string=echo INJECTED"

    def test_S96_an_option_as_a_value_is_refused(self):
        with self.assertRaises(Refused) as caught:
            self.instance.run("guarded", {"name": self.INJECTION})
        self.assertEqual(caught.exception.response.status, 422)
        self.assertEqual(caught.exception.response.json()["errors"][0]["pointer"], "/params/name")

    def test_S96_where_the_owner_allows_it_the_option_works(self):
        self.assertEqual(self.instance.run("open", {"name": self.INJECTION}).stdout, b"INJECTED\n")


class Degrade(unittest.TestCase):
    """S107: what the host cannot give is refused, unless the owner spelled it."""

    def setUp(self):
        harness.needs_program(self, "sallyportd")
        if not harness.needed_degrade():
            skip(self, "needs a host that lacks something (here every cgroup v2 controller is there)")

    def test_S107_a_job_without_its_limits_is_refused(self):
        with Instance({"true": {"exec": ["/usr/bin/true"]}}, degrade=None) as instance:
            try:
                outcome = instance.run("true")
                self.assertEqual(outcome.state, "launch_failed", outcome)
                text = outcome.end["message"]
            except Refused as refused:
                self.assertIn(refused.response.status, (409, 422, 503))
                text = refused.response.json()["detail"]
            self.assertTrue(any(name in text for name in harness.needed_degrade()), text)
            self.assertIn("degrade", text)

    def test_S107_where_the_owner_spelled_it_the_job_runs_and_its_report_says_so(self):
        with Instance({"true": {"exec": ["/usr/bin/true"]}}) as instance:
            outcome = instance.run("true")
            self.assertEqual(outcome.state, "succeeded", outcome)
            report = json.dumps(outcome.job)
            for name in harness.needed_degrade():
                self.assertIn(name, report)


class Start(unittest.TestCase):
    """S110: a daemon that was started without its first three descriptors."""

    def test_S110_closed_standard_descriptors_do_no_harm(self):
        harness.needs_program(self, "sallyportd")
        probes = probe_directory()

        def close_all():
            for descriptor in (0, 1, 2):
                os.close(descriptor)

        with Instance({"env": probe_command(probes, "env"), "input": probe_command(probes, "stdin")}, preexec=close_all) as instance:
            outcome = instance.run("env")
            self.assertEqual(outcome.state, "succeeded", outcome)
            self.assertIn(b"HOME=", outcome.stdout)
            self.assertEqual(outcome.stderr, b"")
            self.assertEqual(instance.run("input").stdout, b"0 bytes\n")


    def test_S110_without_care_the_first_file_becomes_standard_input(self):
        done = subprocess.run(["sh", "-c", "exec 0<&- ; exec python3 -c 'import os; print(os.open(\"/dev/null\", 0))'"],
                              capture_output=True, check=True)
        self.assertEqual(done.stdout, b"0\n")


class Release(unittest.TestCase):
    """The switches of these tests are in no release."""

    switches = (b"test_layers_off", b"test_clock", b"test_retry_speed", b"test_name_server")

    def test_a_release_does_not_know_the_test_switches(self):
        directory = os.environ.get("SALLYPORT_RELEASE_BIN") or os.path.join(harness.SOURCE, "build", "release", "bin")
        programs = [os.path.join(directory, name) for name in ("sallyportd", "launcher", "keeper", "front", "cell", "sallyport")]
        if not all(os.path.exists(path) for path in programs):
            skip(self, f"needs the release programs in {directory}")
        for path in programs:
            with open(path, "rb") as file:
                text = file.read()
            for switch in self.switches:
                self.assertNotIn(switch, text, path)
        with open(os.path.join(BIN, "sallyportd"), "rb") as file:
            text = file.read()
        for switch in self.switches:
            self.assertIn(switch, text, "the control: a dev build knows them")


if __name__ == "__main__":
    unittest.main()
