"""GET /metrics tells what has happened, in a text that Prometheus can read, to those who may know."""

import datetime
import json
import os
import re
import signal
import subprocess
import time
import unittest

import harness
import prometheus
from harness import BIN, Instance, free_port, new_token, token_hash, wait_until

COMMANDS = {
    "good": {"exec": ["/usr/bin/echo", "twelve bytes"]},
    "bad": {"exec": ["/usr/bin/sh", "-c", "exit 3"]},
    "slow": {"exec": ["/usr/bin/sleep", "60"], "timeout": "300ms"},
    "wait": {"exec": ["/usr/bin/sleep", "60"], "timeout": "60s"},
    "missing": {"exec": ["/usr/bin/echo", "never"]},
}

FAMILIES = {
    "sallyport_jobs_total", "sallyport_job_duration_seconds", "sallyport_job_queue_seconds", "sallyport_jobs_running",
    "sallyport_jobs_queued", "sallyport_queue_oldest_seconds", "sallyport_http_requests_total",
    "sallyport_http_request_duration_seconds", "sallyport_auth_failures_total", "sallyport_streams_open",
    "sallyport_output_bytes_total", "sallyport_schedule_missed_total", "sallyport_callback_backlog",
    "sallyport_callback_attempts_total", "sallyport_callback_overflows_total", "sallyport_webhook_deliveries_total", "sallyport_store_bytes", "sallyport_store_free_bytes",
    "sallyport_token_expiry_timestamp_seconds", "sallyport_config_last_reload_successful",
    "sallyport_config_last_reload_success_timestamp_seconds", "sallyport_launcher_up",
    "sallyport_build_info",
}


def seconds_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Metrics(unittest.TestCase):
    """An instance for each test, for each counts from zero."""

    def setUp(self):
        harness.needs_program(self, "sallyportd")
        self.metrics_port = free_port()
        self.scraper, self.runner = new_token(), new_token()
        tokens = {"prometheus": {"hash": token_hash(self.scraper), "allow": ["metrics"], "expires": "2100-01-01T00:00:00Z"},
                  "ci": {"hash": token_hash(self.runner), "allow": ["run:*", "read:all", "cancel:all"]}}
        self.instance = Instance(dict(COMMANDS), tokens=tokens, slots={"count": 2},
                                 server={"metrics": {"listen": f"127.0.0.1:{self.metrics_port}"}})
        self.addCleanup(self.stop)
        self.instance.start()

    def stop(self):
        self.instance.stop()

    def scrape(self, token="scraper"):
        answer = self.instance.request("GET", "/metrics", token=self.scraper if token == "scraper" else token)
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
        return prometheus.parse(answer.body.decode("utf-8"))

    def scrape_until(self, condition, seconds=20):
        families = wait_until(lambda: (lambda now: now if condition(now) else None)(self.scrape()), seconds, 0.05)
        self.assertIsNotNone(families, self.instance.request("GET", "/metrics", token=self.scraper))
        return families

    def ended(self, families, command):
        jobs = families["sallyport_jobs_total"]
        return {state: int(jobs.get(command=command, state=state, source="api"))
                for state in jobs.labels("state") if jobs.get(command=command, state=state, source="api")}

    def cancel(self, job_id):
        self.assertEqual(self.instance.request("POST", f"/v1/jobs/{job_id}/cancel", {}).status, 202)

    def test_counts_are_those_of_what_was_run(self):
        for _ in range(3):
            self.assertEqual(self.instance.run("good").state, "succeeded")
        for _ in range(2):
            self.assertEqual(self.instance.run("bad").state, "failed")
        self.assertEqual(self.instance.run("slow").state, "timed_out")
        waiting = self.instance.submit("wait")["id"]
        self.scrape_until(lambda now: now["sallyport_jobs_running"].get() == 1)
        self.cancel(waiting)
        self.assertEqual(self.instance.wait(waiting)["state"], "cancelled")

        families = self.scrape()
        self.assertEqual(set(families), FAMILIES)
        self.assertEqual(self.ended(families, "good"), {"succeeded": 3})
        self.assertEqual(self.ended(families, "bad"), {"failed": 2})
        self.assertEqual(self.ended(families, "slow"), {"timed_out": 1})
        self.assertEqual(self.ended(families, "wait"), {"cancelled": 1})
        self.assertEqual(self.ended(families, "missing"), {})
        jobs = families["sallyport_jobs_total"]
        self.assertEqual(jobs.get(command="missing", state="failed", source="api"), 0, "a zero, so that its first shows")
        self.assertEqual(jobs.labels("state"), {"succeeded", "failed", "timed_out", "cancelled", "rejected", "lost",
                                                "launch_failed"})
        for name, command, count in (("duration", "good", 3), ("queue", "good", 3), ("duration", "slow", 1), ("queue", "bad", 2),
                                     ("duration", "wait", 1), ("queue", "missing", None)):
            self.assertEqual(families[f"sallyport_job_{name}_seconds"].get("_count", command=command), count, (name, command))
        slow = families["sallyport_job_duration_seconds"]
        self.assertEqual(slow.get("_bucket", command="slow", le="0.1"), 0)
        self.assertGreaterEqual(slow.get("_sum", command="slow"), 0.3)
        self.assertEqual(families["sallyport_output_bytes_total"].get(), 3 * len("twelve bytes\n"))
        self.assertGreaterEqual(families["sallyport_store_bytes"].get(), 3 * len("twelve bytes\n"))
        self.assertGreater(families["sallyport_store_free_bytes"].get(), 0)
        self.assertEqual(families["sallyport_jobs_running"].get(), 0)
        self.assertEqual(families["sallyport_launcher_up"].get(), 1)

    def test_what_waits_is_counted_with_the_age_of_the_oldest(self):
        held = [self.instance.submit("wait")["id"] for _ in range(2)]
        self.scrape_until(lambda now: now["sallyport_jobs_running"].get() == 2)
        oldest = self.instance.submit("good")
        self.instance.submit("good")
        created = seconds_of(oldest["created_at"])
        for _ in range(3):
            before = time.time()
            families = self.scrape()
            after = time.time()
            self.assertEqual(families["sallyport_jobs_queued"].get(), 2)
            age = families["sallyport_queue_oldest_seconds"].get()
            # Both clocks are the host's; the record's and the metric's milliseconds are cut.
            self.assertTrue(before - created - 0.002 <= age <= after - created + 0.002, (before - created, age, after - created))
        for job_id in held:
            self.cancel(job_id)
        families = self.scrape_until(lambda now: self.ended(now, "good") == {"succeeded": 2})
        self.assertEqual(families["sallyport_jobs_queued"].get(), 0)
        self.assertEqual(families["sallyport_queue_oldest_seconds"].get(), 0)

    def test_requests_are_counted_by_rows_of_the_table_and_never_by_paths(self):
        job_id = self.instance.run("good").job["id"]
        for _ in range(3):
            self.instance.request("GET", f"/v1/jobs/{job_id}")
        for path in ("/made/up", "/v1/jobs/%22%7d%0a", "/v1/jobs/nonsense"):
            self.assertIn(self.instance.request("GET", path).status, (400, 404))
        self.assertEqual(self.instance.request("DELETE", "/v1/jobs").status, 405)
        families = self.scrape()
        requests = families["sallyport_http_requests_total"]
        self.assertGreaterEqual(requests.get(route="/v1/jobs/{id}", method="GET", code="200"), 3)
        self.assertEqual(requests.get(route="/v1/commands/{name}/jobs", method="POST", code="200"), 1)
        self.assertEqual(requests.sum(route="other", method="GET"), 3)
        self.assertEqual(requests.get(route="other", method="DELETE", code="405"), 1)
        for route in requests.labels("route"):
            self.assertTrue(route == "other" or re.fullmatch(r"/[a-z0-9/{}]+", route), route)
        text = self.instance.request("GET", "/metrics").body.decode()
        for secret in (job_id, "made", "nonsense", "tester"):
            self.assertNotIn(secret, text)
        durations = families["sallyport_http_request_duration_seconds"]
        self.assertEqual(durations.get("_count", route="/v1/jobs/{id}"), requests.sum(route="/v1/jobs/{id}"))

    def test_open_streams_are_counted(self):
        job_id = self.instance.submit("wait")["id"]
        streams = [self.instance.stream("GET", f"/v1/jobs/{job_id}/output?follow=1") for _ in range(3)]
        self.scrape_until(lambda now: now["sallyport_streams_open"].get() == 3)
        for stream in streams:
            stream.response.close()
            stream.close()
        self.scrape_until(lambda now: now["sallyport_streams_open"].get() == 0)
        self.cancel(job_id)

    def test_callers_that_nobody_knows_are_counted(self):
        for token, count in ((None, 1), ("sp_wrong", 2)):
            for _ in range(count):
                self.assertEqual(self.instance.request("GET", "/v1/whoami", token=token).status, 401)
        failures = self.scrape()["sallyport_auth_failures_total"]
        self.assertEqual(failures.get(method="none", reason="missing"), 1)
        self.assertEqual(failures.get(method="bearer", reason="unknown"), 2)
        self.assertEqual(failures.get(method="bearer", reason="expired"), 0)

    def test_the_scope_metrics_is_needed_and_opens_nothing_else(self):
        refused = self.instance.request("GET", "/metrics", token=self.runner)
        self.assertEqual((refused.status, refused.json()["code"]), (403, "forbidden"))
        self.assertEqual(self.instance.request("GET", "/metrics", token=None).status, 401)
        self.assertIn("sallyport_jobs_total", self.scrape("ours"), "admin has it")
        self.assertEqual(self.instance.request("GET", "/v1/whoami", token=self.scraper).json()["scopes"], ["metrics"])
        self.assertEqual(self.instance.request("GET", "/v1/jobs", token=self.scraper).json()["items"], [])
        self.assertEqual(self.instance.request("GET", "/v1/commands", token=self.scraper).json()["items"], [])
        self.assertEqual(self.instance.request("POST", "/v1/commands/good/jobs", {}, token=self.scraper).status, 404)

    def ask_listener(self, method, path, body=None):
        api, self.instance.port = self.instance.port, self.metrics_port
        try:
            return self.instance.request(method, path, body, token=None)
        finally:
            self.instance.port = api

    def test_its_own_listener_serves_metrics_alone_and_asks_for_no_token(self):
        self.instance.run("good")
        answer = self.ask_listener("GET", "/metrics")
        self.assertEqual(answer.status, 200, answer)
        families = prometheus.parse(answer.body.decode())
        self.assertEqual(self.ended(families, "good"), {"succeeded": 1})
        for path in ("/", "/healthz", "/readyz", "/version", "/v1/whoami", "/v1/jobs", "/v1/commands", "/v1/events", "/metrics/x"):
            self.assertEqual(self.ask_listener("GET", path).status, 404, path)
        self.assertEqual(self.ask_listener("POST", "/v1/commands/good/jobs", {}).status, 404)
        self.assertEqual(self.ask_listener("POST", "/metrics", {}).status, 405)
        self.assertEqual(self.ended(self.scrape(), "good"), {"succeeded": 1}, "nothing was run")

    def test_nobody_is_let_in_without_a_token_when_there_is_no_such_listener(self):
        self.instance.stop()
        self.instance = Instance(dict(COMMANDS))
        self.instance.start()
        self.assertEqual(self.instance.request("GET", "/metrics", token=None).status, 401)
        self.assertEqual(self.instance.request("GET", "/metrics").status, 200)

    def test_its_listener_is_on_loopback_or_the_configuration_is_refused(self):
        path = os.path.join(self.instance.directory, "open.yaml")
        for address in ("0.0.0.0:9464", "[::]:9464", "192.0.2.1:9464", "unix:/run/metrics.sock"):
            text = harness.yaml_text({**self.instance.config, "server": {"metrics": {"listen": address}}}).lstrip("\n")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(path, 0o600)
            line = next(number for number, row in enumerate(text.splitlines(), 1) if address in row)
            column = text.splitlines()[line - 1].index(json.dumps(address)) + 1
            checked = subprocess.run([os.path.join(BIN, "sallyport"), "config", "check", path], capture_output=True, text=True,
                                     timeout=60, check=False)
            self.assertEqual(checked.returncode, 78, checked)
            self.assertIn(f"{path}:{line}:{column}: server.metrics.listen: '{address}' is no loopback address",
                          checked.stdout + checked.stderr)
            started = subprocess.run([os.path.join(BIN, "sallyportd"), "--config", path, "--state",
                                      os.path.join(self.instance.directory, "other"), "--foreground"], capture_output=True,
                                     text=True, timeout=60, check=False)
            self.assertEqual(started.returncode, 78, started)

    def test_a_keeper_counts_from_its_own_start_and_the_front_goes_on(self):
        self.instance.run("good")
        before = self.scrape()
        os.kill(self.instance.part("keeper").pid, signal.SIGKILL)
        self.assertTrue(wait_until(lambda: self.instance.request("GET", "/metrics", token=self.scraper).status == 200, 20))
        self.instance.run("bad")
        after = self.scrape()
        self.assertEqual(self.ended(after, "good"), {}, "ends of before are not counted again")
        self.assertEqual(self.ended(after, "bad"), {"failed": 1})
        route = {"route": "/v1/commands/{name}/jobs", "method": "POST", "code": "200"}
        self.assertEqual(before["sallyport_http_requests_total"].get(**route), 1)
        self.assertEqual(after["sallyport_http_requests_total"].get(**route), 2)

    def test_a_reload_is_told_and_a_command_that_it_took_away_keeps_its_counts(self):
        self.instance.run("good")
        before = self.scrape()
        name = "sallyport_config_last_reload_success_timestamp_seconds"
        del self.instance.config["commands"]["good"]
        self.instance.config["tokens"]["short"] = {"hash": token_hash(new_token()), "allow": ["admin"],
                                                   "expires": "2090-01-31T18:00:00Z"}
        self.instance.reload()
        after = self.scrape_until(lambda now: now[name].get() > before[name].get())
        self.assertEqual(after["sallyport_config_last_reload_successful"].get(), 1)
        self.assertEqual(self.ended(after, "good"), {"succeeded": 1})
        expiry = after["sallyport_token_expiry_timestamp_seconds"]
        self.assertEqual(expiry.get(token="short"), seconds_of("2090-01-31T18:00:00Z"))
        self.assertEqual(expiry.labels("token"), {"prometheus", "short"}, "those without an end are left out")
        self.assertEqual(before["sallyport_token_expiry_timestamp_seconds"].labels("token"), {"prometheus"})

class Reader(unittest.TestCase):
    """The reader that the other tests trust."""

    def test_takes_what_the_format_allows(self):
        families = prometheus.parse('# HELP a_total Words.\n# TYPE a_total counter\na_total{b="x\\"\\\\\\n{,}",c=""} 12.5\n')
        self.assertEqual(families["a_total"].get(b='x"\\\n{,}', c=""), 12.5)

    def test_refuses_what_a_lenient_reader_would_let_pass(self):
        head = "# HELP a Words.\n# TYPE a gauge\n"
        histogram = "# HELP a Words.\n# TYPE a histogram\n"
        for text in ("", head + "a 1", "a 1\n", "# HELP a Words.\na 1\n", "# TYPE a gauge\n# HELP a Words.\na 1\n", head + head,
                     head + "a 1\na 1\n", head + "b 1\n", head + "a -1\n", head + "a one\n", head + "a 1 2\n", head + "a  1\n",
                     head + 'a{b="x} 1\n', head + 'a{b="\\x"} 1\n', head + 'a{b="x",} 1\n', head + 'a{b="x",b="x"} 1\n',
                     head + 'a{b="\n"} 1\n', head + "a{} 1\n", head + "\n", head + "# a word\n",
                     "# HELP a Words.\n# TYPE a counter\na 1\n", "# HELP a Words.\n# TYPE a thing\na 1\n",
                     "# HELP a_total Words.\n# TYPE a_total gauge\na_total 1\n",
                     histogram + 'a_bucket{le="1"} 1\na_sum 1\na_count 1\n',
                     histogram + 'a_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n',
                     histogram + 'a_bucket{le="2"} 1\na_bucket{le="1"} 1\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n',
                     histogram + 'a_bucket{le="+Inf"} 1\na_sum 1\na_count 2\n'):
            with self.assertRaises((ValueError, KeyError), msg=text):
                prometheus.parse(text)



if __name__ == "__main__":
    unittest.main()
