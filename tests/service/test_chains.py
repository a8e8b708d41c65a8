"""Sequences and chains in real processes: every step once, in its turn, and none behind a failure or a cancel."""

import os
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import Instance, wait_until  # noqa: E402

FAIL = "/usr/bin/false"
TEXT = {"text": {"type": "string", "default": "none"}}


def echo(**more):
    return {"exec": ["/usr/bin/echo", "{text}"], "params": TEXT, **more}


COMMANDS = {
    "say": echo(),
    "nap": {"exec": ["/usr/bin/sleep", "{seconds}"], "params": {"seconds": {"type": "number", "default": "0.2"}}},
    "fail": {"exec": [FAIL]},
    "three": {"params": {"text": {"type": "string", "required": True}},
              "steps": [{"command": "say", "params": {"text": "{text}"}}, {"command": "fail", "continue": True},
                        {"command": "say", "params": {"text": "the end of {text}"}}]},
    "stops": {"steps": [{"command": "say"}, {"command": "fail"}, {"command": "say"}]},
    "slow": {"steps": [{"command": "nap", "params": {"seconds": 30}}, {"command": "say"}], "timeout": "1s"},
    "fifty": {"steps": [{"command": "nap", "params": {"seconds": 0.05}}] * 50},
    "fifty-slow": {"steps": [{"command": "nap", "params": {"seconds": 0.5}}] * 50},
    "wide": {"steps": [{"command": "nap", "params": {"seconds": 0.05}}] * 200, "parallel": 50},
    "hooked": echo(then=[{"command": "say", "params": {"text": "then {text} {job.state}"}}],
                   always=[{"command": "say", "params": {"text": "always {job.id}"}}]),
    "broken": {"exec": [FAIL], "on_failure": [{"command": "say", "params": {"text": "{job.reason} {job.exit_code}"}}],
               "then": [{"command": "say", "params": {"text": "never"}}]},
    "long-hooked": {"exec": ["/usr/bin/sleep", "30"], "then": [{"command": "say"}], "on_failure": [{"command": "say"}],
                    "always": [{"command": "say", "params": {"text": "tidy"}}]},
    "talk": {"exec": ["/usr/bin/sh", "-c", 'sleep "$1"; echo "out $1"; echo "err $1" >&2', "sh", "{seconds}"],
             "params": {"seconds": {"type": "number", "default": "0"}}},
    "talks": {"steps": [{"command": "talk"}, {"command": "fail", "continue": True}, {"command": "talk", "params": {"seconds": 0.1}}]},
    "talks-at-once": {"parallel": 3, "steps": [{"command": "talk", "params": {"seconds": seconds}} for seconds in (0.3, 0.2, 0.1)]},
    "talks-within": {"steps": [{"command": "talk"}, {"command": "talks"}, {"command": "say", "params": {"text": "last"}}]},
    "talks-long": {"steps": [{"command": "talk"}, {"command": "nap", "params": {"seconds": 60}}, {"command": "talk"}]},
    "fan": echo(then=[{"command": "nap", "params": {"seconds": 0.05}}] * 200),
}
for name, seconds in (("link", "0.05"), ("slow", "2")):     # the slow one is there to be cancelled
    for number in range(50):
        COMMANDS[f"{name}-{number}"] = {"exec": ["/usr/bin/sleep", seconds]}
        if number < 49:
            COMMANDS[f"{name}-{number}"]["then"] = [{"command": f"{name}-{number + 1}"}]


class Sequences(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.instance = Instance(COMMANDS, slots={"count": 8})
        cls.instance.start()

    @classmethod
    def tearDownClass(cls):
        cls.instance.stop()

    def kill_keeper(self):
        """kill -9, then until the next one answers."""
        victim = self.instance.part("keeper")
        os.kill(victim.pid, signal.SIGKILL)
        wait_until(lambda: not victim.is_alive(), 5)

        def is_served():
            try:
                return self.instance.request("GET", "/v1/whoami", timeout=2).status == 200
            except OSError:
                return False
        self.assertTrue(wait_until(is_served, 20), self.instance.log())

    def children(self, job_id):
        items, cursor = [], ""
        while True:
            page = self.instance.request("GET", f"/v1/jobs?parent={job_id}&limit=200{cursor}").json()
            items += page["items"]
            if not page["next_cursor"]:
                return items
            cursor = "&cursor=" + page["next_cursor"]

    def steps(self, job_id):
        return self.instance.request("GET", f"/v1/jobs/{job_id}/steps").json()["items"]

    def output(self, job_id):
        return self.instance.request("GET", f"/v1/jobs/{job_id}/output").body.decode()

    def wait_for_children(self, job_id, count):
        found = wait_until(lambda: (lambda all_: all_ if len(all_) == count and all(one["end"] for one in all_) else None)
                           (self.children(job_id)), 60, 0.05)
        self.assertIsNotNone(found, self.children(job_id))
        return found

    def test_runs_its_steps_in_order_with_the_caller_s_values(self):
        job = self.instance.submit("three", {"text": "o'clock; {text}"})
        ended = self.instance.wait(job["id"])
        self.assertEqual((ended["state"], ended["end"]["message"], ended["step_count"]),
                         ("succeeded", "all 3 steps are done", 3))
        steps = self.steps(job["id"])
        self.assertEqual([step["state"] for step in steps], ["succeeded", "failed", "succeeded"])
        self.assertEqual(self.output(steps[0]["job"]), "o'clock; {text}\n")
        self.assertEqual(self.output(steps[2]["job"]), "the end of o'clock; {text}\n")
        children = [self.instance.job(step["job"]) for step in steps]
        self.assertEqual([child["parent"] for child in children], [job["id"]] * 3)
        self.assertEqual([child["source"] for child in children], ["step"] * 3)
        for before, after in zip(children, children[1:]):
            self.assertLessEqual(before["finished_at"], after["started_at"])

    def test_stops_at_a_failure_and_ends_like_it(self):
        job = self.instance.submit("stops")
        ended = self.instance.wait(job["id"])
        self.assertEqual((ended["state"], ended["end"]["exit_code"]), ("failed", 1))
        self.assertTrue(ended["end"]["message"].startswith("step 2 of 3 (fail): "), ended["end"]["message"])
        self.assertEqual([step["state"] for step in self.steps(job["id"])], ["succeeded", "failed", "skipped"])

    def test_is_stopped_when_its_time_is_over(self):
        job = self.instance.submit("slow")
        ended = self.instance.wait(job["id"])
        self.assertEqual((ended["state"], ended["end"]["stopped_by"]), ("timed_out", "timeout"))
        self.assertEqual([step["state"] for step in self.steps(job["id"])], ["cancelled", "skipped"])

    def test_is_found_again_by_its_key(self):
        body = {"steps": [{"command": "say", "params": {"text": "once"}}]}
        answers = [self.instance.request("POST", "/v1/jobs", body, {"Idempotency-Key": "one"}) for _ in range(3)]
        self.assertEqual(len({answer.json()["id"] for answer in answers}), 1)
        body["steps"][0]["params"]["text"] = "twice"
        self.assertEqual(self.instance.request("POST", "/v1/jobs", body, {"Idempotency-Key": "one"}).status, 422)

    def test_is_run_again_with_the_steps_that_it_had(self):
        body = {"steps": [{"command": "say", "params": {"text": "once"}}, {"command": "fail", "continue": True}, {"command": "say"}],
                "parallel": 2, "priority": 3}
        given = self.instance.wait(self.instance.request("POST", "/v1/jobs", body).json()["id"])
        listed = self.instance.wait(self.instance.submit("three", {"text": "x"})["id"])
        for job in given, listed:
            answer = self.instance.request("POST", f"/v1/jobs/{job['id']}/rerun", {"priority": job["priority"]})
            self.assertEqual(answer.status, 202, answer)
            again = self.instance.wait(answer.json()["id"])
            self.assertEqual((again["state"], again["priority"], again["step_count"]),
                             (job["state"], job["priority"], job["step_count"]), again)
            self.assertEqual([(step["command"], step["params"], step["continue"]) for step in self.steps(again["id"])],
                             [(step["command"], step["params"], step["continue"]) for step in self.steps(job["id"])])
            self.assertEqual({child["priority"] for child in self.children(job["id"])}, {job["priority"]})
        self.assertEqual((given["priority"], listed["priority"]), (3, 5))

    def test_is_tried_without_being_run(self):
        verdict = self.instance.request("POST", "/v1/commands/three/validate", {"params": {"text": "x"}}).json()
        self.assertEqual((verdict["verdict"], verdict.get("argv")), ("accepted", None), verdict)
        self.assertEqual(self.instance.request("POST", "/v1/commands/sequence/validate", {}).status, 404)

    def test_of_a_caller_says_all_that_is_wrong_at_once(self):
        body = {"steps": [{"command": "nope"}, {"command": "say", "params": {"txt": "x"}}, {"command": "sequence"}]}
        answer = self.instance.request("POST", "/v1/jobs", body)
        self.assertEqual(answer.status, 422)
        self.assertEqual([error["pointer"] for error in answer.json()["errors"]],
                         ["/steps/0/command", "/steps/1/params/txt", "/steps/2/command"])
        for bad in ({}, {"steps": []}, {"steps": "x"}, {"steps": [{}]}, {"steps": [{"command": "say", "x": 1}]},
                    {"steps": [{"command": "say"}] * 257}, {"steps": [{"command": "say"}], "parallel": 0},
                    {"steps": [{"command": "say"}], "params": {}}):
            self.assertIn(self.instance.request("POST", "/v1/jobs", bad).status, (400, 422), bad)
        self.assertEqual(self.instance.request("POST", "/v1/jobs", body, token=None).status, 401)
        self.assertEqual(self.instance.request("POST", "/v1/commands/sequence/jobs", {}).status, 404)

    def test_of_fifty_cancelled_in_the_middle_starts_no_more(self):
        job = self.instance.submit("fifty-slow")
        wait_until(lambda: len(self.children(job["id"])) >= 4, 60, 0.02)
        self.assertEqual(self.instance.request("POST", f"/v1/jobs/{job['id']}/cancel", {}).status, 202)
        ended = self.instance.wait(job["id"])
        self.assertEqual((ended["state"], ended["end"]["stopped_by"]), ("cancelled", "tester"))
        states = [step["state"] for step in self.steps(job["id"])]
        done = states.count("succeeded")
        self.assertLess(done, 50)
        self.assertEqual(states[done + 1:], ["skipped"] * (49 - done))
        self.assertIn(states[done], ("cancelled", "skipped"))
        self.assertEqual(len(self.children(job["id"])), 50 - states.count("skipped"))

    def test_of_two_hundred_at_once_cancelled_in_the_middle_ends_whole(self):
        job = self.instance.submit("wide")
        wait_until(lambda: sum(1 for step in self.steps(job["id"]) if step["state"] == "succeeded") >= 60, 60, 0.02)
        self.instance.request("POST", f"/v1/jobs/{job['id']}/cancel", {})
        self.assertEqual(self.instance.wait(job["id"])["state"], "cancelled")
        states = [step["state"] for step in self.steps(job["id"])]
        self.assertLessEqual(set(states), {"succeeded", "cancelled", "skipped"})
        self.assertGreaterEqual(states.count("skipped"), 1)
        self.assertLessEqual(states.count("cancelled"), 50)

    def test_of_two_hundred_at_once_runs_each_of_them(self):
        job = self.instance.submit("wide")
        self.assertEqual(self.instance.wait(job["id"], 90)["state"], "succeeded")
        children = self.children(job["id"])
        self.assertEqual(sorted(child["step_index"] for child in children), list(range(1, 201)))

    def test_goes_on_exactly_although_the_keeper_is_killed_again_and_again(self):
        job = self.instance.submit("fifty")
        for _ in range(6):
            before = len(self.children(job["id"]))
            self.kill_keeper()
            wait_until(lambda before=before: len(self.children(job["id"])) > before or self.instance.job(job["id"])["end"], 30,
                       0.02)
        self.assertEqual(self.instance.wait(job["id"], 90)["state"], "succeeded")
        children = self.children(job["id"])
        self.assertEqual(sorted(child["step_index"] for child in children), list(range(1, 51)))
        self.assertEqual({child["state"] for child in children}, {"succeeded"})

    def test_is_not_changed_by_a_reload(self):
        job = self.instance.submit("fifty")
        before = self.instance.config["commands"]["fifty"]
        try:
            self.instance.config["commands"]["fifty"] = {"steps": [{"command": "fail"}]}
            self.instance.reload()
            self.assertEqual(self.instance.wait(job["id"], 90)["end"]["message"], "all 50 steps are done")
        finally:
            self.instance.config["commands"]["fifty"] = before
            self.instance.reload()

    def test_steps_are_shown_by_the_cli(self):
        job = self.instance.submit("stops")
        self.instance.wait(job["id"])
        shown = self.instance.cli("show", job["id"]).stdout
        for words in ("skipped", "fail", "say"):
            self.assertIn(words, shown if isinstance(shown, str) else shown.decode())

    def test_is_shown_by_the_cli_as_its_steps_run(self):
        for words in (["run", "talks"], ["run", "-q", "talks"]):
            ran = self.instance.cli(*words)
            self.assertEqual((ran.returncode, ran.stdout), (0, b"out 0\nout 0.1\n"), ran)
        self.assertEqual(ran.stderr, b"err 0\nerr 0.1\n")

    def test_is_announced_by_the_cli_step_by_step(self):
        lines = self.instance.cli("run", "talks").stderr.decode().splitlines()
        self.assertEqual([line.split(" (job")[0] for line in lines[1:]],
                         ["sallyport: step 1 of 3: talk", "err 0", "sallyport: step 2 of 3: fail",
                          next(line.split(" (job")[0] for line in lines if "the sequence goes on" in line),
                          "sallyport: step 3 of 3: talk", "err 0.1"], lines)

    def test_of_steps_at_once_is_shown_by_the_cli_in_their_order(self):
        ran = self.instance.cli("run", "-q", "talks-at-once")
        self.assertEqual((ran.returncode, ran.stdout, ran.stderr),
                         (0, b"out 0.3\nout 0.2\nout 0.1\n", b"err 0.3\nerr 0.2\nerr 0.1\n"))

    def test_within_a_sequence_is_shown_by_the_cli_too(self):
        ran = self.instance.cli("run", "-q", "talks-within")
        self.assertEqual((ran.returncode, ran.stdout), (0, b"out 0\nout 0\nout 0.1\nlast\n"), ran)

    def test_that_failed_gives_the_cli_its_exit_code(self):
        ran = self.instance.cli("run", "stops")
        self.assertEqual((ran.returncode, ran.stdout), (1, b"none\n"), ran)
        self.assertIn(b"step 2 of 3 (fail)", ran.stderr.splitlines()[-1])

    def test_that_has_ended_is_shown_again_by_attach_and_logs(self):
        job = self.instance.wait(self.instance.submit("talks")["id"])
        for words in (["attach", "-q", job["id"]], ["logs", "-q", job["id"]], ["logs", "-q", "-f", job["id"]]):
            ran = self.instance.cli(*words)
            self.assertEqual((ran.returncode, ran.stdout, ran.stderr), (0, b"out 0\nout 0.1\n", b"err 0\nerr 0.1\n"), words)

    def test_is_cancelled_as_a_whole_by_ctrl_c_in_the_middle(self):
        with subprocess.Popen([os.path.join(self.instance.bin, "sallyport"), "run", "talks-long"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=self.instance.cli_environment()) as process:
            lines = [process.stderr.readline()]
            while b"step 2 of 3" not in lines[-1]:
                self.assertNotEqual(lines[-1], b"", lines)
                lines.append(process.stderr.readline())
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(60), 130)
            self.assertEqual(process.stdout.read(), b"out 0\n")
        job = self.instance.job(lines[0].split()[-1].decode())
        self.assertEqual((job["state"], job["end"]["stopped_by"]), ("cancelled", "tester"))
        self.assertEqual([step["state"] for step in self.steps(job["id"])], ["succeeded", "cancelled", "skipped"])

    def test_metrics_tell_steps_and_chains_apart_from_requests(self):
        self.instance.wait(self.instance.submit("stops")["id"])
        self.wait_for_children(self.instance.submit("broken")["id"], 1)
        text = self.instance.request("GET", "/metrics").body.decode()
        for sample in ('command="fail",state="failed",source="step"', 'command="say",state="succeeded",source="chain"',
                       'command="stops",state="failed",source="api"'):
            self.assertRegex(text, "sallyport_jobs_total{" + sample + "} [1-9]")

    # --- chains ---

    def test_chains_follow_a_success_and_tell_of_it(self):
        job = self.instance.submit("hooked", {"text": "x y"})
        children = self.wait_for_children(job["id"], 2)
        self.assertEqual(sorted(self.output(child["id"]) for child in children),
                         sorted([f"always {job['id']}\n", "then x y succeeded\n"]))
        self.assertEqual({child["source"] for child in children}, {"chain"})
        self.assertEqual({child["actor"]["id"] for child in children}, {"tester"})

    def test_chains_follow_a_failure(self):
        job = self.instance.submit("broken")
        children = self.wait_for_children(job["id"], 1)
        self.assertEqual(self.output(children[0]["id"]), "exited 1\n")

    def test_chains_behind_a_cancelled_job_only_clean_up(self):
        job = self.instance.submit("long-hooked")
        wait_until(lambda: self.instance.job(job["id"])["state"] == "running", 20, 0.02)
        self.instance.request("POST", f"/v1/jobs/{job['id']}/cancel", {"grace": "1s"})
        children = self.wait_for_children(job["id"], 1)
        self.assertEqual(self.output(children[0]["id"]), "tidy\n")

    def chain(self, job_id):
        ids = [job_id]
        while True:
            children = self.children(ids[-1])
            if not children:
                return ids
            ids.append(children[0]["id"])

    def test_a_chain_of_fifty_runs_to_its_end(self):
        job = self.instance.submit("link-0")
        self.assertTrue(wait_until(lambda: len(self.chain(job["id"])) == 50, 90, 0.2), len(self.chain(job["id"])))

    def test_a_chain_of_fifty_cancelled_in_the_middle_goes_no_further(self):
        job = self.instance.submit("slow-0")
        wait_until(lambda: len(self.chain(job["id"])) >= 3, 60, 0.02)
        while True:     # one that ended by itself just before was not cancelled, and is followed
            last = self.chain(job["id"])[-1]
            self.instance.request("POST", f"/v1/jobs/{last}/cancel", {"grace": "0s"})
            if self.instance.wait(last)["state"] == "cancelled":
                break
        length = len(self.chain(job["id"]))
        self.assertLess(length, 50)
        time.sleep(0.5)     # nothing can be awaited: nothing happens
        self.assertEqual(len(self.chain(job["id"])), length)

    def test_a_fan_out_of_two_hundred_is_whole(self):
        job = self.instance.submit("fan")
        children = self.wait_for_children(job["id"], 200)
        self.assertEqual({child["state"] for child in children}, {"succeeded"})


if __name__ == "__main__":
    unittest.main()
