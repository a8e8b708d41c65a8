"""The keeper may die at any moment: no accepted job, no byte of output and no result is lost, and rules hold at once."""

import json
import os
import signal
import threading
import time
import unittest

import harness
from harness import Instance, Refused, new_token, token_hash, wait_until

# Numbered lines on both streams, so that every lost, doubled or moved byte shows.
TALKER = "for i in $(seq 1 400); do echo line $i; echo error $i >&2; [ $((i % 10)) = 0 ] && sleep 0.05; done; exit 3"
STDOUT = "".join(f"line {i}\n" for i in range(1, 401)).encode()
STDERR = "".join(f"error {i}\n" for i in range(1, 401)).encode()


COMMANDS = {
    "talk": {"exec": ["/usr/bin/bash", "-c", TALKER]},
    "wait": {"exec": ["/usr/bin/sleep", "60"], "timeout": "60s"},
    "short": {"exec": ["/usr/bin/echo", "short"]},
}


class Crashes(unittest.TestCase):
    """An instance for each test."""

    def setUp(self):
        harness.needs_program(self, "sallyportd")
        self.instance = Instance(COMMANDS).start()

    def tearDown(self):
        self.instance.stop()

    def kill_keeper(self):
        """kill -9, then until the next one answers."""
        victim = self.instance.part("keeper")
        os.kill(victim.pid, signal.SIGKILL)
        self.assertTrue(wait_until(lambda: not victim.is_alive(), 5))
        self.wait_until_served()

    def wait_until_served(self):
        def is_served():
            try:
                return self.instance.request("GET", "/v1/whoami", timeout=2).status == 200
            except OSError:
                return False
        self.assertTrue(wait_until(is_served, 20), self.instance.log())

    def streams(self, job_id):
        """What the record has of both streams, from the start."""
        stream = self.instance.stream("GET", f"/v1/jobs/{job_id}/output")
        said = {"out": b"", "err": b""}
        for record in stream:
            if record["type"] == "output":
                said[record["s"]] += harness.output_bytes(record)
        stream.close()
        return said["out"], said["err"]

    def test_output_is_exact_however_often_the_keeper_dies(self):
        job_id = self.instance.submit("talk")["id"]
        deaths = 0
        while deaths < 4 and not self.instance.job(job_id)["end"]:
            self.kill_keeper()
            deaths += 1
        job = self.instance.wait(job_id)
        self.assertGreaterEqual(deaths, 2, "it died while the job was running")
        self.assertEqual((job["state"], job["end"]["exit_code"]), ("failed", 3), job)
        out, err = self.streams(job_id)
        self.assertEqual(out, STDOUT)
        self.assertEqual(err, STDERR)
        self.assertEqual(job["output"]["bytes"], len(STDOUT) + len(STDERR))

    def test_an_accepted_job_is_there_after_a_crash(self):
        job_id = self.instance.submit("short")["id"]
        self.kill_keeper()
        self.assertEqual(self.instance.wait(job_id)["state"], "succeeded")
        self.assertEqual(self.streams(job_id)[0], b"short\n")

    def test_what_waits_runs_in_its_turn(self):
        held = [self.instance.submit("wait")["id"] for _ in range(4)]
        waiting = [self.instance.submit("short")["id"] for _ in range(3)]
        self.kill_keeper()
        self.assertEqual([self.instance.job(job_id)["state"] for job_id in waiting], ["queued"] * 3)
        for job_id in held:
            self.assertEqual(self.instance.request("POST", f"/v1/jobs/{job_id}/cancel", {}).status, 202)
        ended = [self.instance.wait(job_id) for job_id in waiting]
        self.assertEqual([job["state"] for job in ended], ["succeeded"] * 3)
        self.assertEqual([self.instance.wait(job_id)["state"] for job_id in held], ["cancelled"] * 4)

    def test_the_launcher_takes_its_jobs_with_it_and_the_queue_goes_on(self):
        held = [self.instance.submit("wait")["id"] for _ in range(4)]
        waiting = self.instance.submit("short")["id"]
        self.assertTrue(wait_until(lambda: all(self.instance.job(job_id)["state"] == "running" for job_id in held), 10))
        os.kill(self.instance.part("launcher").pid, signal.SIGKILL)
        self.assertEqual([self.instance.wait(job_id)["state"] for job_id in held], ["lost"] * 4)
        self.assertEqual(self.instance.wait(waiting)["state"], "succeeded")

    def test_the_same_key_makes_one_job_also_over_a_crash(self):
        def submit():
            return self.instance.request("POST", "/v1/commands/short/jobs", {"params": {}}, headers={"Idempotency-Key": "k1"})
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(submit())) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.kill_keeper()
        answers.append(submit())
        self.assertEqual({answer.status for answer in answers} - {200, 202}, set(), answers)
        self.assertEqual(len({answer.json()["id"] for answer in answers}), 1, answers)
        self.assertEqual(sum(answer.headers.get("Idempotency-Replayed") != "true" for answer in answers), 1)

    def test_a_withdrawn_token_loses_its_running_streams_within_a_second(self):
        token = new_token()
        self.instance.config["tokens"]["guest"] = {"hash": token_hash(token), "allow": ["read:all"]}
        self.instance.reload()
        self.assertTrue(wait_until(lambda: self.instance.request("GET", "/v1/whoami", token=token).status == 200, 10))
        job_id = self.instance.submit("wait")["id"]
        stream = self.instance.stream("GET", f"/v1/jobs/{job_id}/output?follow=1", token=token)
        records, ended = [], threading.Event()

        def follow():
            try:
                records.extend(stream)
            finally:
                ended.set()
        follower = threading.Thread(target=follow, daemon=True)
        follower.start()
        time.sleep(0.5)
        self.assertFalse(ended.is_set())
        del self.instance.config["tokens"]["guest"]
        self.instance.reload()
        began = time.monotonic()
        self.assertTrue(ended.wait(5), "the stream goes on")
        self.assertLess(time.monotonic() - began, 1.5)
        self.assertEqual(self.instance.request("GET", "/v1/whoami", token=token).status, 401)
        stream.close()
        self.assertNotIn("end", [record["type"] for record in records], json.dumps(records))
        self.instance.request("POST", f"/v1/jobs/{job_id}/cancel", {})
        self.instance.wait(job_id)

    def test_an_unknown_token_is_refused_whatever_it_asks(self):
        with self.assertRaises(Refused) as caught:
            self.instance.stream("POST", "/v1/commands/short/jobs", {"params": {}}, token="sp_nobody")
        self.assertEqual(caught.exception.response.status, 401)


if __name__ == "__main__":
    unittest.main()
