"""A drained service takes no new jobs and starts none that wait; all else goes on, whoever of us dies meanwhile."""

import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import unittest

import harness
from fake_api import FakeApi
from harness import BIN, Instance, new_token, token_hash, wait_until

# Runs until a file is there, so that a test decides when it ends.
UNTIL = 'while [ ! -e "$0/$1" ]; do sleep 0.05; done; echo done'

TIME_LIMIT = 60


class Drain(unittest.TestCase):
    def setUp(self):
        harness.needs_program(self, "sallyportd")
        self.guest, self.gate = new_token(), harness.make_directory("gate")
        os.chmod(self.gate, 0o755)
        tokens = {"guest": {"hash": token_hash(self.guest), "allow": ["run:*", "read:all", "cancel:all"]}}
        commands = {
            "hello": {"exec": ["/usr/bin/echo", "hello"]},
            "until": {"exec": ["/usr/bin/bash", "-c", UNTIL, self.gate, "{file}"], "timeout": "60s",
                      "params": {"file": {"type": "string", "required": True}}, "sandbox": {"read": [self.gate]}},
        }
        self.instance = Instance(commands, tokens=tokens, slots={"count": 1}).start()

    def tearDown(self):
        self.open_gate("first")
        self.instance.stop()
        for name in os.listdir(self.gate):
            os.remove(os.path.join(self.gate, name))
        os.rmdir(self.gate)

    def open_gate(self, name):
        with open(os.path.join(self.gate, name), "w", encoding="ascii"):
            pass

    def drain(self, on=True, token="ours"):
        return self.instance.request("POST", "/v1/drain", {"on": on}, token=token)

    def state(self, token="ours"):
        return self.instance.request("GET", "/v1/drain", token=token)

    def start_running(self):
        job_id = self.instance.submit("until", {"file": "first"})["id"]
        self.assertTrue(wait_until(lambda: self.instance.job(job_id)["state"] == "running", 20))
        return job_id

    def is_ready(self):
        return self.instance.request("GET", "/readyz", token=None).status == 200

    def submit(self, **more):
        return self.instance.request("POST", "/v1/commands/hello/jobs", {}, **more)

    def expect_drained(self, running, queued):
        self.assertEqual(self.state().json(), {"on": True, "running": running, "queued": queued})
        response = self.submit()
        self.assertEqual((response.status, response.json()["code"]), (503, "draining"), response.body)
        self.assertGreater(int(response.headers["Retry-After"]), 0)
        self.assertFalse(self.is_ready())
        self.assertEqual(self.instance.request("GET", "/healthz", token=None).status, 200)

    def kill(self, name):
        victim = self.instance.part(name)
        os.kill(victim.pid, signal.SIGKILL)
        self.assertTrue(wait_until(lambda: not victim.is_alive(), 5))

        def is_served():
            with contextlib.suppress(OSError):
                return self.state().status == 200
            return False
        self.assertTrue(wait_until(is_served, 20), self.instance.log())

    # --- what goes on and what does not ---

    def test_what_runs_goes_on_and_what_waits_starts_when_the_drain_is_taken_back(self):
        running, waiting = self.start_running(), self.instance.submit("hello")["id"]
        self.assertEqual(self.drain().json(), {"on": True, "running": 1, "queued": 1})
        self.expect_drained(1, 1)
        job = self.instance.job(waiting)
        self.assertEqual(job["state"], "queued")
        self.assertIn("drained", job["queued_reason"])
        self.open_gate("first")
        self.assertEqual(self.instance.wait(running)["state"], "succeeded")
        # Its slot is free, and stays so: a job that may start does so in the turn that frees the slot.
        self.expect_drained(0, 1)
        self.assertEqual(self.instance.job(waiting)["state"], "queued")
        self.assertEqual(len(self.instance.request("GET", "/v1/jobs").json()["items"]), 2)
        self.assertEqual(self.drain(on=False).status, 200)
        self.assertEqual(self.instance.wait(waiting)["state"], "succeeded")
        self.assertTrue(self.is_ready())
        self.assertEqual(self.state().json(), {"on": False, "running": 0, "queued": 0})
        self.assertEqual(self.instance.run("hello").stdout, b"hello\n")

    def test_a_job_that_runs_or_waits_can_be_cancelled(self):
        running, waiting = self.start_running(), self.instance.submit("hello")["id"]
        self.drain()
        for job_id in (waiting, running):
            self.assertEqual(self.instance.request("POST", f"/v1/jobs/{job_id}/cancel").status, 202)
            self.assertEqual(self.instance.wait(job_id)["state"], "cancelled")
        self.expect_drained(0, 0)

    def test_the_same_submit_again_is_answered_with_its_job(self):
        key = {"Idempotency-Key": "once"}
        job_id = self.submit(headers=key).json()["id"]
        self.drain()
        response = self.submit(headers=key)
        self.assertEqual((response.status, response.json()["id"]), (202, job_id))
        self.assertEqual(self.submit(headers={"Idempotency-Key": "another"}).status, 503)

    def test_it_can_be_asked_for_again_and_the_body_may_be_missing(self):
        self.assertEqual(self.instance.request("POST", "/v1/drain").json()["on"], True)
        self.assertEqual(self.drain().json()["on"], True)
        self.assertEqual(self.drain(on=False).json()["on"], False)
        self.assertEqual(self.drain(on=False).json()["on"], False)
        response = self.instance.request("POST", "/v1/drain", {"on": "yes"})
        self.assertEqual((response.status, response.json()["errors"][0]["pointer"]), (422, "/on"))
        self.assertEqual(self.instance.request("POST", "/v1/drain", {"of": True}).status, 400)

    # --- who may ---

    def test_only_an_administrator_may_ask_and_all_of_it_is_recorded(self):
        harness.needs_root(self)        # who looks into the state directory
        for token, status in ((None, 401), (new_token(), 401), (self.guest, 403)):
            self.assertEqual(self.drain(token=token).status, status)
            self.assertEqual(self.state(token=token).status, status)
        self.assertTrue(self.is_ready())
        self.drain()
        self.drain(on=False)
        done = self.instance.cli("audit", "export", "--state", self.instance.state)
        entries = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([(entry["what"], entry["verdict"], entry["actor"], entry["why"]) for entry in entries
                          if entry["what"] == "drain" or "drain: " in entry["why"]], [
            ("refused", "refused", "guest", "drain: 403 forbidden: this needs the scope admin"),
            ("refused", "refused", "guest", "read-drain: 403 forbidden: this needs the scope admin"),
            ("drain", "accepted", "tester", "on"),
            ("drain", "accepted", "tester", "off")])

    # --- what it outlives ---

    def test_it_outlives_the_keeper_and_the_front(self):
        running, waiting = self.start_running(), self.instance.submit("hello")["id"]
        self.drain()
        self.kill("keeper")
        self.expect_drained(1, 1)
        self.kill("front")
        self.assertTrue(wait_until(lambda: self.instance.job(running)["state"] == "running", 20))
        self.expect_drained(1, 1)
        self.open_gate("first")
        self.assertEqual(self.instance.wait(running)["state"], "succeeded")
        self.kill("keeper")
        self.expect_drained(0, 1)
        self.drain(on=False)
        self.assertEqual(self.instance.wait(waiting)["state"], "succeeded")
        self.kill("keeper")
        self.assertEqual(self.state().json()["on"], False)

    def test_it_outlives_a_reload(self):
        self.drain()
        self.assertEqual(self.instance.request("POST", "/v1/config/reload").json()["changed"], False)
        self.expect_drained(0, 0)

    def doctor(self):
        done = self.instance.cli("doctor", "-o", "json", "--state", self.instance.state, "--config", self.instance.config_path)
        return [finding["subject"] for finding in json.loads(done.stdout)["findings"]]

    def end_and_start(self, number):
        """The service ends by this signal, and another start of it has the same records."""
        self.assertFalse(self.is_ready())
        self.assertIn("drain", self.doctor())
        self.instance.process.send_signal(number)
        self.instance.process.wait(harness.STOP_SECONDS)
        processes = [process for process in self.instance.seen if process.pid != self.instance.process.pid]
        self.assertTrue(wait_until(lambda: not any(process.is_alive() for process in processes), 20))
        self.instance.start()
        self.assertFalse(self.state().json()["on"])
        self.assertEqual(self.instance.run("hello").stdout, b"hello\n")
        self.assertNotIn("drain", self.doctor())

    def test_it_ends_with_an_orderly_stop(self):
        harness.needs_root(self)        # who looks into the state directory
        self.drain()
        self.end_and_start(signal.SIGTERM)

    def test_it_ends_when_all_are_killed_and_what_waited_runs_then(self):
        harness.needs_root(self)        # who looks into the state directory
        self.start_running()
        waiting = self.instance.submit("hello")["id"]
        self.drain()
        self.end_and_start(signal.SIGKILL)
        self.assertEqual(self.instance.wait(waiting)["state"], "succeeded")

    # --- the command line ---

    def test_the_command_line_drains_and_takes_it_back(self):
        self.start_running()
        done = self.instance.cli("drain")
        self.assertEqual((done.returncode, done.stdout), (0, b"drained: new jobs are refused; running: 1, queued: 0\n"))
        self.expect_drained(1, 0)
        done = self.instance.cli("run", "hello")
        self.assertEqual(done.returncode, 125)
        self.assertIn(b"the service is drained and takes no new jobs; try again in 30 s", done.stderr)
        done = self.instance.cli("drain", "--off", "-o", "ndjson")
        self.assertEqual((done.returncode, json.loads(done.stdout)), (0, {"on": False, "running": 1, "queued": 0}))
        self.assertTrue(self.is_ready())
        done = self.instance.cli("drain", "--off", "--wait")
        self.assertEqual((done.returncode, done.stdout), (125, b""))
        self.instance.token = self.guest
        done = self.instance.cli("drain")
        self.assertEqual((done.returncode, done.stderr), (125, b"sallyport: this needs the scope admin\n"))

    def test_the_command_line_waits_until_nothing_runs(self):
        self.start_running()
        done = self.instance.cli("drain", "--wait=100ms")
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        self.assertEqual(done.stderr.decode().splitlines(), [
            "1 job still runs", "sallyport: 1 job still runs after that time; the service stays drained"])
        waiting = subprocess.Popen([os.path.join(BIN, "sallyport"), "drain", "--wait"], env=self.instance.cli_environment(),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with waiting:
            self.assertEqual(waiting.stderr.readline(), b"1 job still runs\n")
            self.kill("keeper")     # which it lives through
            self.open_gate("first")
            self.assertEqual(waiting.wait(TIME_LIMIT), 0)
            self.assertEqual(waiting.stdout.read(), b"drained: new jobs are refused; running: 0, queued: 0\n")


class DrainOfTheCommandLine(unittest.TestCase):
    """What the server says, step by step."""

    def setUp(self):
        self.program = harness.needs_program(self, "sallyport")
        self.api = FakeApi()
        self.api.__enter__()
        self.addCleanup(self.api.__exit__)
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "SALLYPORT_URL": self.api.url,
                            "SALLYPORT_TOKEN": "sp_test", "TERM": "xterm"}

    def say(self, *states):
        """Answers, in their order: numbers of jobs that run, statuses, or whole objects."""
        left = list(states)

        def answer(handler, _):
            step = left.pop(0)
            if isinstance(step, int) and step >= 400:
                handler.problem(step, "keeper-down", "The keeper is not there.")
            else:
                handler.answer(200, step if isinstance(step, dict) else {"on": True, "running": step, "queued": 0})
        self.api.overrides["/v1/drain"] = answer

    def run_cli(self, *words):
        done = subprocess.run([self.program, "drain", *words], env=self.environment, capture_output=True, text=True,
                              timeout=TIME_LIMIT, check=False, stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout, done.stderr.splitlines()

    def test_each_change_is_a_line(self):
        self.say(3, 3, 1, 0)
        self.assertEqual(self.run_cli("--wait"), (0, "drained: new jobs are refused; running: 0, queued: 0\n",
                                                  ["3 jobs still run", "1 job still runs"]))
        self.assertEqual([seen["method"] for seen in self.api.requests], ["POST", "GET", "GET", "GET"])
        self.assertEqual(self.api.requests[0]["body"], {"on": True})

    def test_quiet_says_nothing(self):
        self.say(1, 0)
        self.assertEqual(self.run_cli("--wait", "-q"), (0, "", []))

    def test_a_service_that_does_not_answer_is_asked_again(self):
        self.say(1, 503, 503, 0)
        code, _, errors = self.run_cli("--wait")
        self.assertEqual((code, errors), (0, ["1 job still runs", "sallyport: The keeper is not there.; trying again"]))

    def test_a_drain_that_somebody_takes_back_is_no_drain(self):
        self.say(1, {"on": False, "running": 0, "queued": 0})
        code, out, errors = self.run_cli("--wait")
        self.assertEqual((code, out), (125, ""))
        self.assertIn("taken back", errors[-1])

    def test_an_answer_of_something_else_is_no_success(self):
        self.say({"hello": "there"})
        code, out, errors = self.run_cli()
        self.assertEqual((code, out, len(errors)), (125, "", 1))

    def test_on_a_terminal_the_number_changes_in_its_place(self):
        self.say(3, 2, 0)
        ours, theirs = pty.openpty()
        process = subprocess.Popen([self.program, "drain", "--wait"], env=self.environment, stdin=subprocess.DEVNULL,
                                   stdout=theirs, stderr=theirs)
        os.close(theirs)
        said = b""
        with contextlib.suppress(OSError):      # EIO is the end of a terminal
            while select.select([ours], [], [], TIME_LIMIT)[0]:
                piece = os.read(ours, 4096)
                if not piece:
                    break
                said += piece
        os.close(ours)
        self.assertEqual(process.wait(TIME_LIMIT), 0)
        self.assertEqual(said.count(b"\n"), 1, said)
        self.assertRegex(said, rb"^3 jobs still run\r +\r2 jobs still run\r +\rdrained: ")


if __name__ == "__main__":
    unittest.main()
