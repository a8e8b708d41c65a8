"""Callers of functions that go away, processes that die while they wait, and rights that are withdrawn meanwhile."""

import os
import signal
import threading
import unittest

from function_cases import CAT, COMMANDS, MIB, Calling
from harness import Instance, ServiceTest, new_token, token_hash, wait_until


class TestFunctionCallers(Calling, ServiceTest):
    commands = {name: COMMANDS[name] for name in ("tied", "tied-once", "nap")}

    @classmethod
    def make_options(cls):
        cls.token = new_token()
        return {"tokens": {"runner": {"hash": token_hash(cls.token), "allow": ["run:*"]}}}

    def audit(self):
        return self.instance.cli("audit", "ls", "--state", self.instance.state).stdout

    def ask_often(self):
        """What was closed before is known to front and keeper when they have answered what came after it."""
        for _ in range(20):
            self.jobs("tied")

    def test_a_job_goes_on_without_its_caller(self):
        connection = self.open("nap", b"x", token=self.token)
        job_id = self.wait_for_job("nap")
        connection.close()
        self.assertEqual(self.instance.wait(job_id)["state"], "succeeded")

    def test_a_job_ends_with_its_caller_where_that_is_written_down(self):
        connection = self.open("tied", b"x", token=self.token)
        job_id = self.wait_for_job("tied")
        connection.close()
        job = self.instance.wait(job_id)
        self.assertEqual((job["state"], job["end"]["stopped_by"]), ("cancelled", "runner"))
        self.assertIn(b"the caller of the function went away", self.audit())

    def test_a_caller_who_leaves_at_once_leaves_nothing_running(self):
        for body in (b"", b"x", b"x" * MIB):
            for _ in range(5):
                self.open("tied", body).close()
        self.ask_often()
        self.assertTrue(wait_until(lambda: all(job["end"] for job in self.jobs("tied")), 30), self.jobs("tied"))
        self.ask_often()
        self.assertTrue(all(job["state"] == "cancelled" for job in self.jobs("tied")), self.jobs("tied"))

    def test_whoever_joined_a_job_does_not_end_it(self):
        first = self.open("tied-once")
        job_id = self.wait_for_job("tied-once")
        second = self.open("tied-once")
        self.assertTrue(wait_until(lambda: b"deduplicated" in self.audit(), 20))
        second.close()
        self.ask_often()
        self.assertEqual(self.instance.job(job_id)["state"], "running")
        first.close()
        self.assertEqual(self.instance.wait(job_id)["state"], "cancelled")


class TestFunctionsInTrouble(Calling, unittest.TestCase):
    """Processes that die while a caller waits."""

    def setUp(self):
        self.instance = Instance({name: COMMANDS[name] for name in ("wait", "tied", "nap", "echo")})
        self.instance.start()
        self.addCleanup(self.end)

    def end(self):
        self.instance.stop()

    def kill(self, part):
        pid = self.instance.part(part).pid
        os.kill(pid, signal.SIGKILL)
        self.assertTrue(wait_until(lambda: any(process.name() == part and process.pid != pid
                                               for process in self.instance.processes()), 20))
        self.assertTrue(wait_until(self.instance.is_ready, 20))

    def calling(self, path, body=None):
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.call(path, body)))
        thread.start()
        return thread, answers

    def test_a_keeper_that_dies_is_said_to_be_gone_and_the_job_goes_on(self):
        thread, answers = self.calling("nap", b"x")
        job_id = self.wait_for_job("nap")
        self.kill("keeper")
        thread.join(30)
        answer = answers[0]
        self.assert_problem(answer, 503, "keeper-down")
        self.assertEqual((answer.headers["Sallyport-Job"], answer.headers["Location"]), (job_id, f"/v1/jobs/{job_id}"))
        self.assertNotIn("Sallyport-Exit", answer.headers)
        self.assertEqual(self.instance.wait(job_id)["state"], "succeeded")
        self.assert_output(self.call("echo", b"again"), b"again")

    def test_a_launcher_that_dies_takes_the_function_with_it(self):
        thread, answers = self.calling("wait")
        job_id = self.wait_for_job("wait")
        self.kill("launcher")
        thread.join(30)
        self.assert_problem(answers[0], 502, "function-failed")
        self.assertEqual(answers[0].headers["Sallyport-State"], "lost")
        self.assertEqual(self.instance.job(job_id)["state"], "lost")

    def test_with_the_front_all_callers_go_away(self):
        connections = [self.open("tied", b"x"), self.open("wait")]
        tied, wait = self.wait_for_job("tied"), self.wait_for_job("wait")
        self.kill("front")
        self.assertEqual(self.instance.wait(tied)["state"], "cancelled")
        self.assertEqual(self.instance.job(wait)["state"], "running")
        for connection in connections:
            connection.close()
        self.cancel_all("wait")

    def test_a_withdrawn_right_ends_the_wait_and_not_the_job(self):
        token = new_token()
        self.instance.config["tokens"]["guest"] = {"hash": token_hash(token), "allow": ["run:wait"]}
        self.instance.reload()
        self.assertTrue(wait_until(lambda: self.instance.request("GET", "/v1/whoami", token=token).status == 200, 20))
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.call("wait", token=token)))
        thread.start()
        job_id = self.wait_for_job("wait")
        self.instance.config["tokens"]["guest"]["allow"] = ["read:own"]
        self.instance.reload()
        thread.join(30)
        self.assert_problem(answers[0], 403, "forbidden")
        self.assertEqual(self.instance.job(job_id)["state"], "running")
        self.cancel_all("wait")

    def test_a_function_that_is_taken_away_by_a_reload_is_not_there(self):
        self.assert_output(self.call("echo", b"x"), b"x")
        self.instance.config["commands"]["echo"] = {"exec": CAT, "stdin": "body"}
        self.instance.reload()
        self.assertTrue(wait_until(lambda: self.call("echo", b"x").status == 404, 20))


if __name__ == "__main__":
    unittest.main()
