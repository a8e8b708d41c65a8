"""A reload takes the new model as a whole or leaves the old one as it is, and what runs is not touched by either."""

import contextlib
import os
import signal
import time
import unittest

import harness
from harness import Instance, Refused, wait_until, yaml_text

# A second, as an operator counts it; the machine may be busy and the programs built with sanitizers.
SOON_SECONDS = 1
SLACK_SECONDS = 4

HELLO = {"exec": ["/usr/bin/echo", "hello"]}
SLOW = {"exec": ["/usr/bin/bash", "-c", "echo begun; sleep 2; echo as it was"], "timeout": "20s"}


class Reload(unittest.TestCase):
    def setUp(self):
        harness.needs_program(self, "sallyportd")
        self.instance = Instance({"hello": dict(HELLO), "slow": dict(SLOW)}, slots={"count": 1}).start()

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
        victim = self.instance.part("keeper")
        os.kill(victim.pid, signal.SIGKILL)
        self.assertTrue(wait_until(lambda: not victim.is_alive(), 5))

        def works():
            with contextlib.suppress(OSError, Refused, ValueError, KeyError):
                return self.instance.run("hello").stdout == b"hello\n"
            return False
        self.assertTrue(wait_until(works, 20), self.instance.log())

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
        self.instance.config["commands"]["slow"] = {"exec": ["/usr/bin/echo", "new"], "timeout": "100ms",
                                                    "output": {"max": "1B"}}
        self.instance.write_config()
        self.expect_taken("hello", "slow")
        job = self.instance.wait(job_id)
        self.assertEqual((job["state"], job["timeout"]), ("succeeded", 20), job)
        self.assertEqual(self.output(job_id), b"begun\nas it was\n")
        self.assertEqual(self.instance.run("slow").reason, "output_limit")

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


if __name__ == "__main__":
    unittest.main()
