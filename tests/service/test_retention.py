"""Output goes when retention says so and the record stays; metadata-only keeps neither what went in nor what came out."""

import contextlib
import glob
import os
import unittest

from harness import Refused, ServiceTest, wait_until


class Retention(ServiceTest):
    commands = {
        "brief": {"exec": ["/usr/bin/echo", "gone soon"], "retention": {"count": 1}},
        "kept": {"exec": ["/usr/bin/echo", "still here"]},
        "private": {"exec": ["/usr/bin/echo", "{word}"], "record": "metadata-only",
                    "params": {"word": {"type": "string", "required": True}}},
    }

    def output(self, job):
        return self.instance.request("GET", f"/v1/jobs/{job['id']}/output", headers={"Accept": "text/plain"})

    def files_with(self, text):
        found = []
        for path in glob.glob(os.path.join(self.instance.state, "**"), recursive=True):
            with contextlib.suppress(IsADirectoryError, FileNotFoundError), open(path, "rb") as file:
                if text in file.read():
                    found.append(path)
        return found

    def wait_until_gone(self, job):
        self.assertTrue(wait_until(lambda: self.output(job).status == 410, 40, 0.2), self.instance.log())
        self.assertEqual(self.output(job).json()["code"], "output-expired")

    def test_output_above_the_count_goes_and_the_record_stays(self):
        jobs = [self.instance.run("brief").job for _ in range(3)]
        kept = self.instance.run("kept").job
        for job in jobs[:2]:
            self.wait_until_gone(job)
            self.assertEqual(self.instance.job(job["id"])["output"]["bytes"], 10)
            self.assertEqual(glob.glob(os.path.join(self.instance.state, "**", job["id"] + "*"), recursive=True), [])
        self.assertEqual(self.output(jobs[2]).body, b"gone soon\n")
        self.assertEqual(self.output(kept).body, b"still here\n")

    def test_a_command_that_keeps_metadata_only_answers_whoever_waits_and_forgets(self):
        word = "q7zb-not-on-disk"
        outcome = self.instance.run("private", {"word": word})
        self.assertEqual(outcome.stdout, word.encode() + b"\n")
        self.assertEqual(outcome.job["params"], {})
        answer = self.instance.request("POST", "/v1/commands/private/jobs", {"params": {"word": word}},
                                       headers={"Prefer": "wait=20"})
        self.assertEqual(answer.json()["output"]["head"], {"d": word + "\n"}, answer.json())
        self.wait_until_gone(outcome.job)
        self.wait_until_gone(answer.json())
        self.assertEqual(self.instance.job(outcome.job["id"])["end"]["exit_code"], 0)
        self.assertTrue(wait_until(lambda: not self.files_with(word.encode()), 20, 0.2), self.files_with(word.encode()))


class NoRoom(ServiceTest):
    commands = {"hello": {"exec": ["/usr/bin/echo", "hello"]}}

    def test_no_job_is_taken_while_the_disk_is_too_full(self):
        self.instance.run("hello")
        self.instance.config["store"] = {"free_min": "900TiB"}
        self.instance.reload()

        def is_refused():
            try:
                self.instance.submit("hello")
            except Refused as refused:
                return refused.response
            return None
        answer = wait_until(is_refused, 10, 0.1)
        self.assertEqual((answer.status, answer.json()["code"]), (503, "store-full"))
        self.assertEqual(answer.headers.get("Retry-After"), "30")
        del self.instance.config["store"]
        self.instance.reload()
        self.assertTrue(wait_until(lambda: is_refused() is None, 10, 0.1))


if __name__ == "__main__":
    unittest.main()
