"""A job ends when its time is over, whatever it does against it, and nothing of it stays."""

import threading
import time
import unittest

import harness
from harness import ServiceTest, probe_command, probe_directory, processes_named

TIMEOUT, GRACE, SLACK = 1.5, 1.0, 1.0


class Timeouts(ServiceTest):
    @classmethod
    def make_commands(cls):
        cls.probes = probe_directory()
        limits = {"timeout": f"{int(TIMEOUT * 1000)}ms", "grace": f"{int(GRACE * 1000)}ms"}
        stubborn = ("trap '' TERM HUP INT; setsid sh -c \"trap '' TERM HUP; sh -c 'exec -a stubborn sleep 300 & exec -a x sleep 300' &"
                    " sleep 300\" & echo started; while :; do sleep 1; done")
        return {
            "sleep": {"exec": ["/usr/bin/sleep", "300"], **limits},
            "stubborn": {"exec": ["/usr/bin/bash", "-c", stubborn], **limits},
            "daemon": probe_command(cls.probes, "S62", **limits),
            "race": probe_command(cls.probes, "S63", **limits),
            "stop": probe_command(cls.probes, "S61", **limits),
            "polite": {"exec": ["/usr/bin/bash", "-c", "trap 'echo bye; exit 7' TERM; echo here; while :; do sleep 0.1; done"], **limits},
            "hold": probe_command(cls.probes, "hold", timeout="60s", grace="1s"),
        }

    def run_timed(self, command, params=None):
        started = time.monotonic()
        outcome = self.instance.run(command, params)
        return outcome, time.monotonic() - started

    def job_processes(self):
        """Everything in our tree that is none of our programs."""
        ours = {"sallyportd", "front", "keeper", "launcher", "notifier", "cell", "cell-slot", "cell-init", "cell-reaper", "memfd:sallyport"}
        return [process for process in self.instance.processes() if process.name() not in ours and process.is_alive()]

    def assert_gone(self):
        self.assertEqual(harness.wait_until(lambda: not self.job_processes(), 0.5) or self.job_processes(), True)

    def test_a_sleeping_job_ends_on_time(self):
        outcome, took = self.run_timed("sleep")
        self.assertEqual((outcome.state, outcome.reason), ("timed_out", "timed_out"), outcome)
        self.assertGreaterEqual(took, TIMEOUT - 0.1)
        self.assertLess(took, TIMEOUT + GRACE + SLACK)
        self.assert_gone()

    def test_a_job_that_forks_twice_leaves_its_session_and_ignores_term_is_gone(self):
        outcome, took = self.run_timed("stubborn")
        self.assertEqual((outcome.state, outcome.reason), ("timed_out", "timed_out"), outcome)
        self.assertIn(b"started", outcome.stdout)
        self.assertGreaterEqual(took, TIMEOUT + GRACE - 0.1, "it had its grace")
        self.assertLess(took, TIMEOUT + GRACE + SLACK)
        self.assert_gone()

    def test_a_job_that_forks_faster_than_it_is_killed_is_gone(self):
        outcome, took = self.run_timed("race", {"args": ["racer", "300"]})
        self.assertLess(took, TIMEOUT + GRACE + SLACK)
        self.assertIn(outcome.state, ("timed_out", "succeeded"), outcome)
        self.assert_gone()
        self.assertEqual(processes_named("racer"), [])

    def test_a_job_that_stops_itself_is_ended(self):
        outcome, took = self.run_timed("stop", {"args": ["stopper"]})
        self.assertEqual(outcome.state, "timed_out", outcome)
        self.assertLess(took, TIMEOUT + GRACE + SLACK)
        self.assertEqual(processes_named("stopper"), [])

    def test_what_a_job_leaves_behind_ends_with_it(self):
        outcome, took = self.run_timed("daemon", {"args": ["daemonised", "300"]})
        self.assertEqual(outcome.state, "succeeded", outcome)
        self.assertLess(took, TIMEOUT)
        self.assertEqual(processes_named("daemonised"), [])

    def test_an_open_pipe_in_a_daemon_does_not_keep_a_job_alive(self):
        outcome, took = self.run_timed("daemon", {"args": ["daemonised", "300", "keep"]})
        self.assertEqual(outcome.state, "succeeded", outcome)
        self.assertLess(took, TIMEOUT)
        self.assertEqual(processes_named("daemonised"), [])

    def test_a_job_that_listens_to_term_can_say_goodbye(self):
        outcome, took = self.run_timed("polite")
        self.assertEqual((outcome.state, outcome.reason), ("timed_out", "timed_out"), outcome)
        self.assertTrue(outcome.stdout.endswith(b"bye\n"), outcome)
        self.assertLess(took, TIMEOUT + GRACE)

    def test_a_caller_may_shorten_the_time(self):
        started = time.monotonic()
        stream = self.instance.stream("POST", "/v1/commands/hold/jobs", {"params": {"args": ["30000"]}, "timeout": "500ms"})
        list(stream)
        stream.close()
        job = self.instance.wait(stream.headers["Sallyport-Job"])
        self.assertEqual(job["state"], "timed_out", job)
        self.assertLess(time.monotonic() - started, 0.5 + GRACE + SLACK)

    def test_a_cancelled_job_is_gone_and_says_so(self):
        job = self.instance.submit("hold", {"args": ["30000"]})
        harness.wait_until(lambda: self.instance.job(job["id"])["state"] == "running", 5)
        response = self.instance.request("POST", f"/v1/jobs/{job['id']}/cancel", {"reason": "enough"})
        self.assertEqual(response.status, 202, response)
        ended = self.instance.wait(job["id"], 5)
        self.assertEqual((ended["state"], ended["end"]["reason"]), ("cancelled", "cancelled"))
        again = self.instance.request("POST", f"/v1/jobs/{job['id']}/cancel", {})
        self.assertEqual((again.status, again.json()["changed"]), (200, False))
        self.assert_gone()

    def test_many_jobs_leave_no_process_mount_cgroup_or_descriptor(self):
        def counts():
            parts = [self.instance.part(name) for name in ("launcher", "keeper", "front")]
            return {part.name(): len(part.descriptors()) for part in parts}

        self.instance.run("daemon", {"args": ["daemonised", "1"]})
        time.sleep(0.3)
        before = counts()
        workers = [threading.Thread(target=lambda: [self.instance.run("daemon", {"args": ["daemonised", "300"]}) for _ in range(10)])
                   for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(60)
        self.assert_gone()
        after = harness.wait_until(lambda: (lambda now: now if now == before else None)(counts()), 3) or counts()
        self.assertEqual(after, before)


if __name__ == "__main__":
    unittest.main()
