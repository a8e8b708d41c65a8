"""Everything is killed while jobs run, and nothing is lost; and a damage that is done on purpose is found (tests/chaos/run)."""

import os
import subprocess
import sys
import tempfile
import time
import unittest

import harness

CHAOS = os.path.join(harness.SOURCE, "tests", "chaos")
sys.path.append(CHAOS)

from mayhem import WATCH_SECONDS, Mayhem  # noqa: E402
from sabotage import SABOTAGE  # noqa: E402

RUN = os.path.join(CHAOS, "run")
STORM_SECONDS = "15"        # with a death of the whole instance in it
CALM_SECONDS = "3"          # sabotage needs jobs, and no storm
CALM_WALK_SECONDS = "12"    # in which a sequence comes to its second step

# What is damaged in the same run: kinds that do not hide each other.
TOGETHER = {
    "fall": ("strike", "make-wait", "drop-waiting", "change-end", "revive", "survive"),
    "left": ("keep-connection", "keep-group", "keep-mount", "keep-namespace", "keep-process", "forget-audit"),
    "jobs": ("change-output", "lose-job", "call-lost", "hold-back"),
    "supervisors": ("blame-supervisors",),
    "following": ("repeat-step", "forget-following", "repeat-run", "forget-callback", "forge-callback", "feed-too"),
}
ALONE = ("cut-output", "start-twice", "double-key")


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
        self.assertIn(words, self.sabotage([kind], CALM_SECONDS))

    def sabotage(self, kinds, seconds):
        with tempfile.TemporaryDirectory() as directory:        # a failed run keeps its record, which nobody needs here
            status, said = self.run_chaos("--seed", "7", "--seconds", seconds, "--sabotage", ",".join(kinds),
                                          environment={"TMPDIR": directory})
        self.assertEqual(status, 1, said)
        for kind in kinds:
            self.assertIn(f"sabotage {kind}: was seen", said)
        return said

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

    def test_damage_while_the_instance_dies_is_found(self):
        self.sabotage(TOGETHER["fall"], STORM_SECONDS)

    def test_what_is_left_over_is_found(self):
        self.sabotage(TOGETHER["left"], CALM_SECONDS)

    def test_damaged_jobs_and_a_missing_process_are_found(self):
        self.sabotage(TOGETHER["jobs"], CALM_SECONDS)

    def test_more_lost_jobs_than_supervisors_are_found(self):
        self.sabotage(TOGETHER["supervisors"], CALM_SECONDS)

    def test_damage_to_what_follows_is_found(self):
        self.sabotage(TOGETHER["following"], CALM_WALK_SECONDS)

    def test_every_kind_of_damage_is_tried(self):
        self.assertEqual({*ALONE, *(kind for kinds in TOGETHER.values() for kind in kinds)}, set(SABOTAGE))


class LateKiller(Mayhem):
    """Its last act is still under way when the storm ends, and the watcher has seen everybody alive by then."""

    def _rage(self):
        self.ending.wait()
        time.sleep(5 * WATCH_SECONDS)
        self._kill("front")


class Watcher(unittest.TestCase):
    def test_whoever_is_killed_last_is_seen_again(self):
        harness.needs_root(self)
        harness.needs_program(self, "sallyportd")
        instance = harness.Instance({"short": {"exec": ["/usr/bin/true"]}}).start()
        self.addCleanup(instance.kill)
        mayhem = LateKiller(instance, None, 1, lambda _: None, None)
        mayhem.start()
        mayhem.stop()
        self.assertEqual([restart.name for restart in mayhem.restarts], ["front"])
        self.assertEqual((mayhem.killed, mayhem.missing(), mayhem.unexpected), ({}, [], []))
        instance.stop()


if __name__ == "__main__":
    unittest.main()
