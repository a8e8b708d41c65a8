"""Output is seen as it is written, by everybody who looks, from wherever they begin."""

import json
import os
import subprocess
import threading
import time
import unittest

import harness
from harness import BIN, ServiceTest, output_bytes, probe_command, probe_directory

PROMPT_SECONDS = 1.0        # what a loaded machine may take; the real figure is printed


class Streams(ServiceTest):
    @classmethod
    def make_commands(cls):
        cls.probes = probe_directory()
        return {"lines": probe_command(cls.probes, "lines"), "raw": probe_command(cls.probes, "raw"),
                "both": {"exec": ["/usr/bin/sh", "-c", "echo one; echo two >&2; echo three"]}}

    def follow(self, job_id, query="follow=1", headers=None):
        """[(arrival, record)] of a follower until the end."""
        stream = self.instance.stream("GET", f"/v1/jobs/{job_id}/output?{query}", headers=headers)
        try:
            return [(time.monotonic(), record) for record in stream]
        finally:
            stream.close()

    def assert_prompt(self, arrivals, what):
        """The job prints the monotonic time with each line; both sides have the same clock."""
        delays = []
        for arrived, text in arrivals:
            for line in text.decode().splitlines():
                delays.append(arrived - float(line.split()[1]))
        self.assertTrue(delays)
        print(f"{what}: first line after {delays[0] * 1000:.1f} ms, slowest after {max(delays) * 1000:.1f} ms")
        self.assertLess(max(delays), PROMPT_SECONDS)

    def test_each_line_arrives_while_the_job_still_runs(self):
        stream = self.instance.stream("POST", "/v1/commands/lines/jobs", {"params": {"args": ["4", "300"]}})
        arrivals, kinds = [], []
        for record in stream:
            kinds.append(record["type"])
            if record["type"] == "output":
                arrivals.append((time.monotonic(), output_bytes(record)))
        stream.close()
        self.assertEqual(kinds[-1], "end")
        self.assertGreaterEqual(len(arrivals), 4, "lines that are 300 ms apart came together")
        self.assert_prompt(arrivals, "stream of the POST")
        self.assertGreater(arrivals[-1][0] - arrivals[0][0], 0.6)

    def test_a_late_follower_gets_everything_from_the_start(self):
        job = self.instance.submit("lines", {"args": ["4", "400"]})
        early = []
        watcher = threading.Thread(target=lambda: early.extend(self.follow(job["id"])))
        watcher.start()
        time.sleep(1.0)
        late = self.follow(job["id"])
        watcher.join(30)
        texts = [b"".join(output_bytes(record) for _, record in found if record["type"] == "output") for found in (early, late)]
        self.assertEqual(texts[0], texts[1])
        self.assertEqual([line.split()[0] for line in texts[0].decode().splitlines()], ["0", "1", "2", "3"])
        self.assertEqual(late[-1][1]["type"], "end")

    def test_sse_shows_the_same_with_its_own_words(self):
        job = self.instance.submit("lines", {"args": ["3", "200"]})
        connection = self.instance.connect()
        connection.request("GET", f"/v1/jobs/{job['id']}/output?follow=1",
                           headers={"Authorization": f"Bearer {self.instance.token}", "Accept": "text/event-stream"})
        response = connection.getresponse()
        self.assertEqual(response.getheader("Content-Type").split(";")[0], "text/event-stream")
        arrivals, events, event = [], [], None
        for line in response:
            line = line.decode().rstrip("\n")
            if line.startswith("event:"):
                event = line.split(":", 1)[1].strip()
                events.append(event)
            elif line.startswith("data:") and event == "output":
                arrivals.append((time.monotonic(), output_bytes(json.loads(line.split(":", 1)[1]))))
        connection.close()
        self.assertEqual(events[0], "hello")
        self.assertEqual(events[-1], "end")
        self.assert_prompt(arrivals, "server-sent events")

    def test_curl_shows_line_by_line(self):
        stream = subprocess.Popen(["curl", "-sN", "-X", "POST", "-H", f"Authorization: Bearer {self.instance.token}",
                                   "-H", "Content-Type: application/json", "-H", "Accept: application/x-ndjson",
                                   "-d", '{"params": {"args": ["3", "300"]}}', f"{self.instance.url}/v1/commands/lines/jobs"],
                                  stdout=subprocess.PIPE)
        arrivals = []
        for line in stream.stdout:
            record = json.loads(line)
            if record["type"] == "output":
                arrivals.append((time.monotonic(), output_bytes(record)))
        stream.stdout.close()
        self.assertEqual(stream.wait(10), 0)
        self.assertGreaterEqual(len(arrivals), 3)
        self.assert_prompt(arrivals, "curl -N")

    def test_the_cli_shows_line_by_line(self):
        harness.needs_program(self, "sallyport")
        run = subprocess.Popen([os.path.join(BIN, "sallyport"), "run", "lines", "-p", "args=3", "-p", "args=300"],
                               env=self.instance.cli_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               stdin=subprocess.DEVNULL, bufsize=0)
        arrivals = []
        while text := os.read(run.stdout.fileno(), 65536):
            arrivals.append((time.monotonic(), text))
        error = run.stderr.read()
        run.stdout.close()
        run.stderr.close()
        self.assertEqual(run.wait(10), 0, error)
        self.assertGreaterEqual(len(arrivals), 3, "lines that are 300 ms apart came together")
        self.assert_prompt(arrivals, "sallyport run")

    def test_the_streams_are_told_apart(self):
        outcome = self.instance.run("both")
        self.assertEqual(outcome.stdout, b"one\nthree\n")
        self.assertEqual(outcome.stderr, b"two\n")
        job = outcome.job["id"]
        for stream, text in (("stdout", b"one\nthree\n"), ("stderr", b"two\n")):
            response = self.instance.request("GET", f"/v1/jobs/{job}/output?stream={stream}",
                                             headers={"Accept": "application/octet-stream"})
            self.assertEqual(response.body, text)

    def test_a_reader_can_begin_anywhere(self):
        outcome = self.instance.run("raw", {"args": [b"0123456789abcdef".hex()]})
        job = outcome.job["id"]
        plain = {"Accept": "text/plain"}
        self.assertEqual(self.instance.request("GET", f"/v1/jobs/{job}/output?offset=10", headers=plain).body, b"abcdef")
        part = self.instance.request("GET", f"/v1/jobs/{job}/output", headers={**plain, "Range": "bytes=2-5"})
        self.assertEqual((part.status, part.body), (206, b"2345"))
        self.assertEqual(part.headers["Content-Range"], "bytes 2-5/16")

    def test_bytes_that_are_no_text_come_out_as_they_went_in(self):
        nasty = bytes(range(256)) + b"\r\nHTTP/1.1 200 OK\r\n\r\ndata: {\"type\":\"end\"}\n\nevent: end\n\x1b[2J\xff\xfe"
        outcome = self.instance.run("raw", {"args": [nasty.hex()]})
        self.assertEqual(outcome.stdout, nasty)
        self.assertEqual(outcome.records[-1]["type"], "end")
        self.assertEqual(len([record for record in outcome.records if record["type"] == "end"]), 1)


if __name__ == "__main__":
    unittest.main()
