"""A reload takes the new model as a whole or leaves the old one as it is, and what runs is not touched by either."""

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
import unittest

import harness
from harness import Instance, Refused, new_token, token_hash, wait_until, yaml_text

# A second, as an operator counts it; the machine may be busy and the programs built with sanitizers.
SOON_SECONDS = 1
SLACK_SECONDS = 4

HELLO = {"exec": ["/usr/bin/echo", "hello"]}
SLOW = {"exec": ["/usr/bin/bash", "-c", "echo begun; sleep 2; echo as it was"], "timeout": "20s"}


class ReloadCase(unittest.TestCase):
    slots = {"count": 1}

    def setUp(self):
        harness.needs_program(self, "sallyportd")
        self.guest = new_token()
        tokens = {"guest": {"hash": token_hash(self.guest), "allow": ["run:*", "read:all", "cancel:all"]}}
        self.instance = Instance({"hello": dict(HELLO), "slow": dict(SLOW)}, slots=self.slots, tokens=tokens).start()

    def tearDown(self):
        self.instance.stop()

    def commands(self):
        answer = self.instance.request("GET", "/v1/commands").json()
        return sorted(item["name"] for item in answer["items"])

    def log_lines(self, text):
        with open(self.instance.log_path, encoding="utf-8", errors="replace") as file:
            return [line for line in file if text in line]

    def hang_up(self):
        os.kill(self.instance.process.pid, signal.SIGHUP)

    def hang_up_and_wait_for(self, text):
        before = len(self.log_lines(text))
        self.hang_up()
        self.assertTrue(wait_until(lambda: len(self.log_lines(text)) > before, 20), self.instance.log())
        return self.log_lines(text)[-1]

    def expect_refused(self, why):
        """The old model stays, works, and the log says why."""
        line = self.hang_up_and_wait_for("was not reloaded and the old one stays")
        self.assertIn(why, line)
        self.assertEqual(self.commands(), ["hello", "slow"])
        self.assertEqual(self.instance.run("hello").stdout, b"hello\n")

    def expect_taken(self, *commands):
        self.hang_up_and_wait_for("was reloaded; it is generation")
        self.assertTrue(wait_until(lambda: self.commands() == sorted(commands), 5), self.commands())

    def kill_keeper(self):
        victim = self.instance.part("keeper")
        os.kill(victim.pid, signal.SIGKILL)
        self.assertTrue(wait_until(lambda: not victim.is_alive(), 5))

    def works(self):
        with contextlib.suppress(OSError, Refused, ValueError, KeyError):
            return self.instance.run("hello").stdout == b"hello\n"
        return False


class Reload(ReloadCase):
    # --- files that are no configuration ---

    def test_a_broken_file_changes_nothing(self):
        self.instance.write_config("commands: {hello: {exec: [/usr/bin/echo\n")
        self.expect_refused("sallyport.yaml")
        self.instance.config["commands"]["hello"]["tiemout"] = "3s"
        self.instance.write_config()
        self.expect_refused("did you mean 'timeout'?")
        del self.instance.config["commands"]["hello"]["tiemout"]
        self.instance.write_config()
        self.expect_taken("hello", "slow")

    def test_a_vanished_file_changes_nothing(self):
        os.rename(self.instance.config_path, self.instance.config_path + ".away")
        self.expect_refused("No such file")
        os.rename(self.instance.config_path + ".away", self.instance.config_path)
        self.expect_taken("hello", "slow")

    def test_a_symbolic_link_in_its_place_is_refused_and_a_renamed_file_is_taken(self):
        other = self.instance.config_path + ".next"
        os.rename(self.instance.config_path, other)
        os.symlink(other, self.instance.config_path)
        self.expect_refused("symbolic link")
        self.instance.config["commands"]["second"] = dict(HELLO)
        with open(other, "w", encoding="utf-8") as file:
            file.write(yaml_text(self.instance.config))
        os.rename(other, self.instance.config_path)
        self.expect_taken("hello", "second", "slow")

    def test_a_file_that_is_truncated_and_then_written_is_never_taken_for_an_empty_one(self):
        os.truncate(self.instance.config_path, 0)
        self.expect_refused("sallyport.yaml")
        with open(self.instance.config_path, "w", encoding="utf-8") as file:
            file.write("# nothing but a comment yet\n")
        self.expect_refused("sallyport.yaml")
        self.instance.config["commands"]["second"] = dict(HELLO)
        self.instance.write_config()
        self.expect_taken("hello", "second", "slow")

    def test_a_file_that_others_may_write_is_refused(self):
        os.chmod(self.instance.config_path, 0o666)
        self.expect_refused("chmod")

    def test_a_restarted_part_gets_the_model_that_holds_and_not_the_broken_file(self):
        self.instance.write_config("commands: nonsense\n")
        self.expect_refused("commands")
        self.kill_keeper()
        self.assertTrue(wait_until(self.works, 20), self.instance.log())

    # --- drop-ins ---

    def drop_in(self, name, config):
        directory = os.path.join(self.instance.directory, "conf.d")
        os.makedirs(directory, 0o755, exist_ok=True)
        path = os.path.join(directory, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(config if isinstance(config, str) else yaml_text(config).lstrip("\n"))
        os.chmod(path, 0o600)
        return path

    def test_a_drop_in_adds_its_commands_and_takes_them_away_again(self):
        path = self.drop_in("10-more.yaml", {"commands": {"dropped": dict(HELLO)}})
        self.expect_taken("dropped", "hello", "slow")
        self.assertEqual(self.instance.run("dropped").stdout, b"hello\n")
        os.remove(path)
        self.expect_taken("hello", "slow")

    def test_a_drop_in_with_a_fault_changes_nothing(self):
        path = self.drop_in("10-same.yaml", {"commands": {"hello": dict(HELLO)}})
        self.expect_refused("10-same.yaml")
        os.remove(path)
        path = self.drop_in("20-broken.yaml", "commands: {dropped: {exec: [")
        self.expect_refused("20-broken.yaml")
        os.remove(path)
        self.drop_in("30-fine.yaml", {"commands": {"dropped": dict(HELLO)}})
        self.expect_taken("dropped", "hello", "slow")

    # --- what runs, waits and comes ---

    def start_slow(self):
        job_id = self.instance.submit("slow")["id"]
        self.assertTrue(wait_until(lambda: self.instance.job(job_id)["output"]["bytes"] > 0, 10))
        return job_id

    def output(self, job_id):
        return self.instance.request("GET", f"/v1/jobs/{job_id}/output", headers={"Accept": "text/plain"}).body

    def test_a_running_job_ends_on_the_definition_it_started_with(self):
        job_id = self.start_slow()
        self.instance.config["commands"]["slow"] = {"exec": ["/usr/bin/bash", "-c", "echo new; sleep 20"],
                                                    "timeout": "100ms", "output": {"max": "1B"}}
        self.instance.write_config()
        self.expect_taken("hello", "slow")
        job = self.instance.wait(job_id)
        self.assertEqual((job["state"], job["timeout"]), ("succeeded", 20), job)
        self.assertEqual(self.output(job_id), b"begun\nas it was\n")
        self.assertIn(self.instance.run("slow").reason, ("output_limit", "timed_out"))

    def test_a_running_job_of_a_removed_command_ends_by_itself_and_waiting_ones_are_rejected(self):
        running = self.start_slow()
        waiting, other = self.instance.submit("slow")["id"], self.instance.submit("hello")["id"]
        del self.instance.config["commands"]["slow"]
        self.instance.write_config()
        self.expect_taken("hello")
        job = self.instance.wait(waiting, 5)
        self.assertEqual((job["state"], job["end"]["reason"]), ("rejected", "rejected"), job)
        self.assertIn("does not list its command", job["end"]["message"])
        with self.assertRaises(Refused) as refused:
            self.instance.submit("slow")
        self.assertEqual(refused.exception.response.status, 404)
        self.assertEqual(self.instance.wait(running)["state"], "succeeded")
        self.assertEqual(self.output(running), b"begun\nas it was\n")
        self.assertEqual(self.instance.wait(other)["state"], "succeeded")

    def test_a_command_that_appears_can_be_run_within_a_second(self):
        took = []
        for name in ("late", "later", "latest"):
            self.instance.config["commands"][name] = {"exec": ["/usr/bin/echo", name], "sandbox": {"read": ["/etc/hostname"]}}
            self.instance.write_config()
            begun = time.monotonic()
            self.hang_up()

            def is_taken(name=name):
                with contextlib.suppress(Refused):
                    return self.instance.run(name).stdout == name.encode() + b"\n"
                return False
            self.assertTrue(wait_until(is_taken, 20), self.instance.log())
            took.append(time.monotonic() - begun)
        self.assertLess(min(took), SOON_SECONDS, took)
        self.assertLess(max(took), SOON_SECONDS + SLACK_SECONDS, took)


class ReloadWithoutSlots(ReloadCase):
    """One slot and room for no more than there may be: a command of another account cannot have its own."""

    slots = {"count": 1, "per_user": 1024}

    def test_what_fails_behind_the_file_leaves_the_old_model_whole(self):
        harness.needs_root(self)
        self.instance.config["commands"]["other"] = {**HELLO, "user": "nobody"}
        self.instance.write_config()
        self.expect_refused("slots: more than 1024 in all")
        self.kill_keeper()      # the next one is handed what the bootstrap has, and the launcher what it had
        self.assertTrue(wait_until(self.works, 20), self.instance.log())
        self.assertEqual(self.commands(), ["hello", "slow"])


class ReloadByRequest(ReloadCase):
    """The answer is true: what it says is in effect when it comes, or it says why not."""

    def ask(self, **more):
        return self.instance.request("POST", "/v1/config/reload", timeout=60, **more)

    def taken(self):
        response = self.ask()
        self.assertEqual(response.status, 200, response.body)
        return response.json()

    def refused(self, status, code):
        """The errors of an answer that says no, behind which all is as before."""
        response = self.ask()
        self.assertEqual((response.status, response.json()["code"]), (status, code), response.body)
        self.assertEqual(self.commands(), ["hello", "slow"])
        self.assertTrue(self.works())
        return [error["detail"] for error in response.json()["errors"]]

    def audit(self):
        """What was recorded of reloads: what, who, why."""
        done = self.instance.cli("audit", "export", "--state", self.instance.state)
        self.assertEqual(done.returncode, 0, done.stderr)
        entries = [json.loads(line) for line in done.stdout.splitlines()]
        return [(entry["what"], entry["verdict"], entry["actor"], entry["why"]) for entry in entries
                if entry["what"] == "reload" or entry["why"].startswith("reload: ")]

    def add(self, name):
        self.instance.config["commands"][name] = {"exec": ["/usr/bin/echo", name]}
        self.instance.write_config()

    # --- taken ---

    def test_the_new_generation_is_in_effect_everywhere_when_the_answer_comes(self):
        known = ["hello", "slow"]
        for generation in range(2, 8):
            name = f"new-{generation}"
            known.append(name)
            self.add(name)
            self.assertEqual(self.taken(), {"generation": generation, "changed": True, "warnings": []})
            self.assertEqual(self.commands(), sorted(known))
            self.assertEqual(self.instance.run(name).stdout, name.encode() + b"\n")

    def test_it_is_said_when_the_file_says_nothing_new(self):
        self.assertEqual(self.taken(), {"generation": 2, "changed": False, "warnings": []})
        self.instance.config["server"]["shutdown_grace"] = "3s"
        self.instance.write_config()
        self.assertEqual(self.taken()["changed"], True)
        self.assertEqual(self.taken(), {"generation": 4, "changed": False, "warnings": []})
        self.assertEqual(self.instance.run("hello").stdout, b"hello\n")

    def test_what_stays_until_a_restart_is_said(self):
        self.instance.config["slots"]["count"] = 2
        self.instance.write_config()
        answer = self.taken()
        self.assertEqual((answer["generation"], answer["changed"], len(answer["warnings"])), (2, False, 1), answer)
        self.assertIn("slots have changed; the old number stays until a restart", answer["warnings"][0])

    # --- refused ---

    def test_every_fault_is_named_with_its_place_and_the_old_model_stays(self):
        self.instance.config["commands"]["hello"]["tiemout"] = "3s"
        self.instance.config["commands"]["slow"]["grace"] = "long"
        self.instance.write_config()
        errors = self.refused(422, "config-invalid")
        self.assertEqual(len(errors), 2, errors)
        for error, word in zip(errors, ("did you mean 'timeout'?", "grace"), strict=True):
            self.assertRegex(error, "^" + self.instance.config_path + r":\d+:\d+: commands\.")
            self.assertIn(word, error)
        del self.instance.config["commands"]["hello"]["tiemout"]
        self.instance.config["commands"]["slow"]["grace"] = "1s"
        self.instance.write_config()
        self.assertEqual(self.taken()["generation"], 2)

    def test_more_faults_than_an_answer_holds_are_counted(self):
        for i in range(200):
            self.instance.config["commands"]["n" * 58 + f"-{i:03}"] = {"exec": ["relative" + 200 * "x"]}
        self.instance.write_config()
        errors = self.refused(422, "config-invalid")
        self.assertGreater(len(errors), 40)
        self.assertRegex(errors[-1], "^and [0-9]+ more lines; ")

    def test_a_vanished_file_is_said_to_be_missing(self):
        os.rename(self.instance.config_path, self.instance.config_path + ".away")
        errors = self.refused(422, "config-invalid")
        self.assertEqual(len(errors), 1, errors)
        self.assertIn("No such file", errors[0])
        os.rename(self.instance.config_path + ".away", self.instance.config_path)
        self.assertEqual(self.taken()["generation"], 2)

    # --- who may ---

    def test_only_an_administrator_may_ask_and_all_of_it_is_recorded(self):
        harness.needs_root(self)        # who looks into the state directory
        self.instance.config["commands"]["hello"]["tiemout"] = "3s"
        self.instance.write_config()
        self.assertEqual(self.ask(token=None).status, 401)
        self.assertEqual(self.ask(token=new_token()).status, 401)
        response = self.ask(token=self.guest)
        self.assertEqual((response.status, response.json()["code"]), (403, "forbidden"))
        self.assertNotIn(self.instance.config_path.encode(), response.body)
        self.assertEqual(self.log_lines("was not reloaded"), [])
        self.assertEqual(self.ask().status, 422)
        del self.instance.config["commands"]["hello"]["tiemout"]
        self.instance.write_config()
        self.assertEqual(self.ask().status, 200)
        self.assertEqual(self.audit(), [
            ("refused", "refused", "guest", "reload: 403 forbidden: this needs the scope admin"),
            ("reload", "accepted", "tester", ""),
            ("refused", "refused", "tester",
             "reload: 422 config-invalid: generation 1 stays: the configuration has 1 fault"),
            ("reload", "accepted", "tester", "")])

    def test_a_body_says_nothing(self):
        self.assertEqual(self.ask(body={}).status, 200)
        response = self.ask(body={"force": True})
        self.assertEqual((response.status, response.json()["code"]), (400, "unknown-member"))
        self.assertEqual(self.instance.request("GET", "/v1/config/reload").status, 405)

    # --- several at once ---

    def test_callers_who_ask_at_once_all_hear_of_a_reload_that_has_what_they_wrote(self):
        self.add("together")
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(self.ask())) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([answer.status for answer in answers], [200] * 12)
        self.assertLessEqual(max(answer.json()["generation"] for answer in answers), 13)
        self.assertEqual(self.commands(), ["hello", "slow", "together"])

    def test_a_reload_that_began_before_does_not_answer_for_one_that_was_asked_for_later(self):
        is_over = threading.Event()

        def hang_up_all_the_time():
            while not is_over.wait(0.005):
                self.hang_up()
        disturber = threading.Thread(target=hang_up_all_the_time)
        disturber.start()
        try:
            for i in range(20):
                # In one step, so that no SIGHUP meets half of it.
                self.instance.config["commands"][f"late-{i}"] = {"exec": ["/usr/bin/echo", f"late-{i}"]}
                with open(self.instance.config_path + ".next", "w", encoding="utf-8") as file:
                    file.write(yaml_text(self.instance.config).lstrip("\n"))
                os.chmod(file.name, 0o600)
                os.rename(file.name, self.instance.config_path)
                self.taken()
                response = self.instance.request("POST", f"/v1/commands/late-{i}/jobs", {})
                self.assertEqual(response.status, 202, response.body)
        finally:
            is_over.set()
            disturber.join()

    # --- when somebody does not answer ---

    def rings(self):
        """How often the doorbell rang that the bootstrap has not answered yet."""
        directory, count = f"/proc/{self.instance.process.pid}/fdinfo", 0
        for name in os.listdir(directory):
            with contextlib.suppress(OSError), open(os.path.join(directory, name), encoding="ascii") as file:
                count += sum(int(line.split()[1], 16) for line in file if line.startswith("eventfd-count:"))
        return count

    def test_a_keeper_that_dies_while_a_caller_waits_does_not_leave_it_waiting(self):
        self.add("survivor")
        answers = []
        os.kill(self.instance.process.pid, signal.SIGSTOP)
        try:
            caller = threading.Thread(target=lambda: answers.append(self.ask()))
            caller.start()
            self.assertTrue(wait_until(lambda: self.rings() == 1, 20))
            os.kill(self.instance.part("keeper").pid, signal.SIGKILL)
            caller.join()
        finally:
            os.kill(self.instance.process.pid, signal.SIGCONT)
        self.assertEqual((answers[0].status, answers[0].json()["code"]), (503, "keeper-down"))
        self.assertTrue(wait_until(self.works, 20), self.instance.log())
        # What the dead one had asked for was done, and its count of rings is not that of the next one.
        self.assertEqual(self.commands(), ["hello", "slow", "survivor"])
        self.add("second")
        self.taken()
        self.assertEqual(self.commands(), ["hello", "second", "slow", "survivor"])

    # --- the command line ---

    def test_the_command_line_says_how_it_went(self):
        self.add("more")
        done = self.instance.cli("config", "reload")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"generation 2 is in effect\n", b""))
        done = self.instance.cli("config", "reload")
        self.assertIn(b"generation 3 is in effect; it says what", done.stdout)
        self.instance.config["commands"]["hello"]["tiemout"] = "3s"
        self.instance.write_config()
        done = self.instance.cli("config", "reload")
        self.assertEqual((done.returncode, done.stdout), (78, b""))
        fault, verdict = done.stderr.decode().splitlines()
        checked = subprocess.run([os.path.join(harness.BIN, "sallyport"), "config", "check", self.instance.config_path],
                                 capture_output=True, text=True, check=False, timeout=60)
        self.assertIn(fault, checked.stderr.splitlines())
        self.assertEqual(verdict, "sallyport: not reloaded; generation 3 stays: the configuration has 1 fault")
        self.instance.token = self.guest
        done = self.instance.cli("config", "reload")
        self.assertEqual((done.returncode, done.stderr), (125, b"sallyport: this needs the scope admin\n"))


if __name__ == "__main__":
    unittest.main()
