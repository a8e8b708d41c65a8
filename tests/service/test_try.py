"""`sallyport try`: one job of a configuration without the service, and nothing left behind."""

import os
import shutil
import signal
import subprocess
import time
import unittest

import harness
from harness import BIN, Instance, as_user


class Try(unittest.TestCase):

    user = None

    def setUp(self):
        shell = {"exec": ["/usr/bin/sh", "-c", "id -u; echo to $0; echo err >&2; exit 7", "{who}"],
                 "params": {"who": {"type": "string", "default": "all"}}}
        self.instance = Instance({"hello": shell, "sleep": {"exec": ["/usr/bin/sleep", "15"]}}, user=self.user)
        self.addCleanup(self.instance.clean)
        self.place = harness.make_directory("try", self.user)
        self.addCleanup(shutil.rmtree, self.place, True)
        self.instance.write_config()

    def run_try(self, *arguments):
        return subprocess.run([*as_user(self.user), os.path.join(BIN, "sallyport"), "try", *arguments, "-c", self.instance.config_path],
                              capture_output=True, text=True, check=False, timeout=120, stdin=subprocess.DEVNULL,
                              env={"PATH": "/usr/bin:/bin", "TMPDIR": self.place, "LANG": "C.UTF-8"})

    def test_output_and_exit_code_are_the_jobs_and_nothing_is_left(self):
        done = self.run_try("hello", "-p", "who=you")
        self.assertEqual((done.returncode, done.stdout.splitlines()[1:]), (7, ["to you"]), done)
        self.assertIn("err\n", done.stderr)
        self.assertEqual(os.listdir(self.place), [])

    def test_it_says_which_layers_were_in_effect(self):
        done = self.run_try("hello")
        lacked = harness.needed_degrade(self.user)
        if lacked:
            self.assertIn("the sandbox was weaker", done.stderr)
        else:
            self.assertIn("every layer and every limit", done.stderr)
        self.assertNotIn("sandbox", self.run_try("hello", "-q").stderr)

    def test_an_interrupt_at_any_moment_leaves_nothing(self):
        for after_ms in (0, 10, 20, 30, 40, 60, 80, 120, 200, 400):
            with self.subTest(after_ms):
                trying = subprocess.Popen([*as_user(self.user), os.path.join(BIN, "sallyport"), "try", "sleep", "-c", self.instance.config_path],
                                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                          env={"PATH": "/usr/bin:/bin", "TMPDIR": self.place, "LANG": "C.UTF-8"})
                time.sleep(after_ms / 1000)     # the moment is what is tried
                trying.send_signal(signal.SIGINT)
                out, err = trying.communicate(timeout=60)
                self.assertEqual(out, "")
                self.assertNotEqual(trying.returncode, 0, err)
                self.assertTrue(harness.wait_until(lambda: not os.listdir(self.place), 20), os.listdir(self.place))

    def test_a_faulty_configuration_and_an_unknown_command_are_told(self):
        self.assertEqual(self.run_try("nothing").returncode, 125)
        self.instance.write_config("commands: 1\n")
        done = self.run_try("hello")
        self.assertEqual(done.returncode, 78, done)
        self.assertEqual(os.listdir(self.place), [])


class TryAsUser(Try):

    user = harness.ordinary_user()


if __name__ == "__main__":
    unittest.main()
