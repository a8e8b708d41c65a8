"""What a job finds in its environment, and what the CLI says when there is nobody to talk to."""

import os
import subprocess
import tempfile
import time
import unittest

import harness
from harness import BIN, ServiceTest, free_port, probe_command, probe_directory

# Whatever stands in the daemon's environment must not reach a job.
EVIL = {"LD_LIBRARY_PATH": "/nonexistent", "GLIBC_TUNABLES": "glibc.malloc.check=0", "BASH_ENV": "/nonexistent", "ENV": "/nonexistent",
        "PYTHONPATH": "/nonexistent", "PERL5OPT": "-w", "NODE_OPTIONS": "--v8-options", "GIT_DIR": "/nonexistent", "IFS": "x",
        "http_proxy": "http://127.0.0.1:1", "SSH_AUTH_SOCK": "/nonexistent", "TMPDIR": "/nonexistent", "SECRET": "in the daemon only",
        "BASH_FUNC_ls%%": "() { echo hacked; }", "HOME": "/root", "USER": "root", "LC_ALL": "de_DE.UTF-8", "LANG": "de_DE.UTF-8"}


class Environment(ServiceTest):
    @classmethod
    def make_commands(cls):
        cls.probes = probe_directory()
        return {
            "env": probe_command(cls.probes, "env"),
            "more": probe_command(cls.probes, "env", env={"DEPLOY": "yes", "LANG": "C"}),
            "argv": probe_command(cls.probes, "argv"),
        }

    @classmethod
    def make_options(cls):
        return {"environment": EVIL}

    def environment(self, command):
        outcome = self.instance.run(command)
        self.assertEqual(outcome.state, "succeeded", outcome)
        return outcome.job, dict(line.split("=", 1) for line in outcome.stdout.decode().splitlines())

    def test_a_job_has_home_user_path_lang_and_our_own_and_nothing_else(self):
        job, found = self.environment("env")
        self.assertEqual({name for name in found if not name.startswith("SALLYPORT_")}, {"HOME", "USER", "PATH", "LANG"})
        self.assertEqual(found["HOME"], "/tmp")
        self.assertNotEqual(found["USER"], "root")
        self.assertEqual(found["PATH"], "/usr/local/bin:/usr/bin:/bin")
        self.assertEqual(found["LANG"], "C.UTF-8")
        self.assertEqual(found["SALLYPORT_JOB_ID"], job["id"])
        self.assertEqual(found["SALLYPORT_COMMAND"], "env")
        self.assertIn("tester", found["SALLYPORT_ACTOR"])
        self.assertLessEqual({name for name in found if name.startswith("SALLYPORT_")},
                             {f"SALLYPORT_{name}" for name in ("JOB_ID", "COMMAND", "ACTOR", "SOURCE", "ATTEMPT", "FENCE", "DEADLINE",
                                                              "OUTPUT_JSON")})

    def test_the_deadline_is_when_the_time_is_over(self):
        before = time.time()
        _, found = self.environment("env")
        self.assertAlmostEqual(float(found["SALLYPORT_DEADLINE"]), before + 20, delta=5)

    def test_a_command_adds_its_own_variables(self):
        _, found = self.environment("more")
        self.assertEqual((found["DEPLOY"], found["LANG"]), ("yes", "C"))

    def test_nothing_of_the_daemons_environment_is_there(self):
        _, found = self.environment("env")
        for name, value in EVIL.items():
            self.assertNotEqual(found.get(name), value, name)


class Nobody(unittest.TestCase):
    """The CLI without a server, with a wrong URL, with a careless token file: one sentence that helps."""

    def setUp(self):
        harness.needs_program(self, "sallyport")
        self.home = tempfile.TemporaryDirectory()
        self.addCleanup(self.home.cleanup)

    def cli(self, *arguments, **environment):
        return subprocess.run([os.path.join(BIN, "sallyport"), *arguments], capture_output=True, text=True, timeout=60, check=False,
                              stdin=subprocess.DEVNULL,
                              env={"PATH": "/usr/bin:/bin", "HOME": self.home.name, "LANG": "C.UTF-8", **environment})

    def assert_one_sentence(self, done, *words):
        self.assertEqual(done.returncode, 125, done)
        self.assertEqual(done.stdout, "")
        self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def test_no_server_at_all_is_one_sentence(self):
        self.assert_one_sentence(self.cli("ls"), "sallyport")

    def test_a_server_that_does_not_answer_is_one_sentence_with_its_address(self):
        port = str(free_port())
        self.assert_one_sentence(self.cli("ls", SALLYPORT_URL=f"http://127.0.0.1:{port}", SALLYPORT_TOKEN=harness.new_token()), port)

    def test_a_wrong_url_is_one_sentence(self):
        for url in ("127.0.0.1", "ftp://127.0.0.1", "http://", "http://host:99999", "nonsense"):
            self.assert_one_sentence(self.cli("ls", SALLYPORT_URL=url, SALLYPORT_TOKEN=harness.new_token()))

    def test_a_token_file_that_others_can_read_is_refused_with_the_remedy(self):
        path = os.path.join(self.home.name, "token")
        with open(path, "w", encoding="ascii") as file:
            file.write(harness.new_token() + "\n")
        os.chmod(path, 0o644)
        done = self.cli("ls", SALLYPORT_URL=f"http://127.0.0.1:{free_port()}", SALLYPORT_TOKEN_FILE=path)
        self.assert_one_sentence(done, path, "chmod")


class CliPassesThrough(ServiceTest):
    """Exit codes and bytes of a job come out of the CLI as they are."""

    @classmethod
    def make_commands(cls):
        cls.probes = probe_directory()
        return {"exit": probe_command(cls.probes, "exit"), "die": probe_command(cls.probes, "die"),
                "raw": probe_command(cls.probes, "raw"), "sleep": {"exec": ["/usr/bin/sleep", "30"], "timeout": "500ms"}}

    def setUp(self):
        harness.needs_program(self, "sallyport")

    def test_the_exit_code_is_the_jobs(self):
        for code in (0, 1, 3, 99):
            done = self.instance.cli("run", "exit", "-p", f"args={code}")
            self.assertEqual(done.returncode, code, done.stderr)

    def test_a_nonzero_end_is_explained_in_one_line(self):
        done = self.instance.cli("run", "-q", "exit", "-p", "args=3", text=True)
        self.assertRegex(done.stderr, r"exit 3 .*job [0-9a-z]{26}")

    def test_a_signal_is_128_more(self):
        self.assertEqual(self.instance.cli("run", "die", "-p", "args=9").returncode, 137)

    def test_a_timeout_is_124(self):
        self.assertEqual(self.instance.cli("run", "sleep").returncode, 124)

    def test_bytes_come_out_as_they_are(self):
        nasty = bytes(range(256))
        done = self.instance.cli("run", "raw", "-p", f"args={nasty.hex()}")
        self.assertEqual(done.stdout, nasty)


if __name__ == "__main__":
    unittest.main()
