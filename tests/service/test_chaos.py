"""Everything is killed while jobs run, and nothing is lost; and a damage that is done on purpose is found (tests/chaos/run)."""

import os
import subprocess
import sys
import tempfile
import unittest

import harness

RUN = os.path.join(harness.SOURCE, "tests", "chaos", "run")
STORM_SECONDS = "15"
CALM_SECONDS = "3"          # sabotage needs jobs, and no storm


class Chaos(unittest.TestCase):
    def setUp(self):
        harness.needs_root(self)
        harness.needs_program(self, "sallyportd")

    def run_chaos(self, *arguments, environment=None):
        done = subprocess.run([sys.executable, "-B", RUN, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=300, check=False,
                              env={**os.environ, **(environment or {})})
        return done.returncode, done.stdout

    def storm(self, seed):
        status, said = self.run_chaos("--seed", str(seed), "--seconds", STORM_SECONDS)
        self.assertEqual(status, 0, said)

    def found(self, kind, words):
        """The run must fail, and for this reason."""
        with tempfile.TemporaryDirectory() as directory:        # a failed run keeps its record, which nobody needs here
            status, said = self.run_chaos("--seed", "7", "--seconds", CALM_SECONDS, "--sabotage", kind,
                                          environment={"TMPDIR": directory})
        self.assertEqual(status, 1, said)
        self.assertIn(words, said)

    def test_nothing_is_lost_with_seed_101(self):
        self.storm(101)

    def test_nothing_is_lost_with_seed_102(self):
        self.storm(102)

    def test_nothing_is_lost_with_seed_103(self):
        self.storm(103)

    def test_a_lost_byte_of_output_is_found(self):
        self.found("cut-output", "bytes")

    def test_a_second_start_is_found(self):
        self.found("start-twice", "was started twice")

    def test_a_second_job_for_a_key_is_found(self):
        self.found("double-key", "made 2 jobs")


if __name__ == "__main__":
    unittest.main()
