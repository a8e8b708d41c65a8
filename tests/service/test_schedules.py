"""Schedules on their way from the file to the keeper: taken as a whole or not at all, with zones of the host's files."""

import contextlib
import os
import signal
import unittest

import harness
from harness import Instance, Refused, wait_until

COMMANDS = {
    "hello": {"exec": ["/usr/bin/echo", "{env}"],
              "params": {"env": {"type": "enum", "values": ["staging", "prod"], "required": True}}},
}

SCHEDULES = {
    "nightly": {"command": "hello", "params": {"env": "prod"}, "cron": "30 2 29 2 *", "zone": "Europe/Berlin", "jitter": "10m",
                "missed": "run-once"},
    "far": {"command": "hello", "params": {"env": "staging"}, "at": "2999-01-31T18:00:00", "zone": "Australia/Lord_Howe"},
    "off": {"command": "hello", "params": {"env": "staging"}, "every": "1s", "enabled": False},
}


class Schedules(unittest.TestCase):
    def user(self):
        return None

    def setUp(self):
        harness.needs_program(self, "sallyportd")
        self.instance = Instance({name: dict(command) for name, command in COMMANDS.items()}, user=self.user())
        self.instance.config["schedules"] = {name: dict(schedule) for name, schedule in SCHEDULES.items()}
        self.instance.start()

    def tearDown(self):
        self.instance.stop()

    def log_lines(self, text):
        with open(self.instance.log_path, encoding="utf-8", errors="replace") as file:
            return [line for line in file if text in line]

    def reload_and_wait_for(self, text):
        before = len(self.log_lines(text))
        self.instance.reload()
        self.assertTrue(wait_until(lambda: len(self.log_lines(text)) > before, 20), self.instance.log())
        return self.log_lines(text)[-1]

    def works(self):
        with contextlib.suppress(OSError, Refused, ValueError, KeyError):
            return self.instance.run("hello", {"env": "prod"}).stdout == b"prod\n"
        return False

    def test_are_taken_at_the_start_at_a_reload_and_by_a_new_keeper(self):
        self.assertTrue(self.works())
        self.instance.config["schedules"]["more"] = {"command": "hello", "params": {"env": "prod"}, "cron": "@yearly",
                                                     "zone": "Africa/Casablanca"}
        self.reload_and_wait_for("generation 2 of the configuration is in effect")
        victim = self.instance.part("keeper")
        os.kill(victim.pid, signal.SIGKILL)
        self.assertTrue(wait_until(lambda: not victim.is_alive(), 5))
        self.assertTrue(wait_until(self.works, 20), self.instance.log())
        del self.instance.config["schedules"]
        self.reload_and_wait_for("generation 3 of the configuration is in effect")
        self.assertTrue(self.works())

    def test_one_that_is_wrong_changes_nothing_and_is_named(self):
        for key, value, why in [("params", {"env": "test"}, "schedules.nightly.params.env: must be one of staging, prod"),
                                ("zone", "Europe/Berlim", "schedules.nightly.zone: there is no time zone 'Europe/Berlim'"),
                                ("cron", "0 0 30 2 *", "schedules.nightly.cron: never comes"),
                                ("command", "helo", "schedules.nightly.command: there is no command 'helo'; did you mean")]:
            self.instance.config["schedules"]["nightly"] = {**SCHEDULES["nightly"], key: value}
            line = self.reload_and_wait_for("was not reloaded and the old one stays")
            self.assertIn(why, line)
            self.assertTrue(self.works())


class RootlessSchedules(Schedules):
    """A reload reads the zones inside a user namespace, where root's files look like nobody's."""

    def user(self):
        return harness.ordinary_user()


if __name__ == "__main__":
    unittest.main()
