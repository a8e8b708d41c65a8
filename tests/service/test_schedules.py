"""Schedules on their way from the file to the keeper: taken as a whole or not at all, with zones of the host's files."""

import contextlib
import datetime
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


class Runs(unittest.TestCase):
    """Runs by the clock, under a clock of the test's own where only that can show it."""

    def start(self, schedules, clock=None, speed=1):
        instance = getattr(self, "instance", None)
        if instance is None:
            instance = self.instance = Instance({name: dict(command) for name, command in COMMANDS.items()}, slots={"count": 8})
            self.addCleanup(self.finish)
        instance.config["schedules"] = schedules
        if clock is not None:
            instance.config["server"] |= {"test_clock": clock, "test_clock_speed": speed}
        instance.start()
        return instance

    def finish(self):
        if self.instance.process is not None:
            self.instance.stop()
        else:
            self.instance.clean()

    def halt(self):
        """An orderly end that leaves the records."""
        self.instance.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.instance.process.wait(30), 0)
        self.instance.process = None

    def runs(self, name):
        """The nominal times of a schedule's jobs, the oldest first."""
        items = self.instance.request("GET", f"/v1/jobs?actor={name}&limit=200").json()["items"]
        self.assertEqual({item["source"] for item in items} | {"schedule"}, {"schedule"})
        self.assertEqual({item["origin"] for item in items} | {name}, {name})
        return sorted(item["reason"].removeprefix("scheduled for ").removesuffix(":00.000Z") for item in items)

    def schedule(self, **more):
        return {"command": "hello", "params": {"env": "prod"}, **more}

    def test_come_at_their_time_and_are_listed_with_the_next_five(self):
        instance = self.start({"often": self.schedule(every="1s"), "nightly": self.schedule(cron="30 2 * * *", zone="Europe/Berlin")})
        self.assertTrue(wait_until(lambda: len(self.runs("often")) >= 3, 30), instance.log())
        listed = {item["name"]: item for item in instance.request("GET", "/v1/schedules").json()["items"]}
        self.assertEqual(listed["nightly"]["cron"], "30 2 * * *")
        self.assertEqual(len(listed["nightly"]["next"]), 5)
        for text in listed["nightly"]["next"]:
            self.assertRegex(text, r"T02:30:00[+]0[12]:00$|T03:00:00[+]02:00$")
        self.assertIn(listed["often"]["last"]["state"], ("queued", "starting", "running", "succeeded"))
        shown = instance.cli("schedule", "ls").stdout.decode()
        for text in listed["nightly"]["next"]:
            self.assertIn(text, shown)
        self.assertEqual(instance.request("GET", "/v1/schedules", token=None).status, 401)

    def test_come_once_although_the_keeper_is_killed_again_and_again(self):
        instance = self.start({"often": self.schedule(every="1s", missed="run-all")})
        for _ in range(6):
            victim = instance.part("keeper")
            os.kill(victim.pid, signal.SIGKILL)
            self.assertTrue(wait_until(lambda victim=victim: not victim.is_alive(), 5))
            self.assertTrue(wait_until(self.is_served, 20), instance.log())
        before = len(self.runs("often"))
        self.assertTrue(wait_until(lambda: len(self.runs("often")) > before + 1, 20))
        times = self.runs("often")
        self.assertEqual(len(times), len(set(times)), "none twice")
        seconds = sorted(self.seconds(text) for text in times)
        self.assertEqual(seconds, list(range(seconds[0], seconds[0] + len(seconds))), "none lost")

    def seconds(self, text):
        moment = text if text.endswith("Z") else text + ":00.000Z"
        return int(datetime.datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp())

    def is_served(self):
        with contextlib.suppress(OSError):
            return self.instance.request("GET", "/v1/whoami", timeout=2).status == 200
        return False

    def test_go_by_the_clock_on_the_wall_where_it_jumps(self):
        """Four changes of daylight saving time; a time of day that is fixed, and one each hour."""
        cases = [
            ("2027-03-28T00:10:00Z", "Europe/Berlin", ["2027-03-28T01:00"], ["2027-03-28T00:30", "2027-03-28T01:30"]),
            ("2027-10-31T00:10:00Z", "Europe/Berlin", ["2027-10-31T00:30"], ["2027-10-31T00:30", "2027-10-31T01:30"]),
            ("2027-03-14T06:10:00Z", "America/New_York", ["2027-03-14T07:00"], ["2027-03-14T06:30", "2027-03-14T07:30"]),
            ("2027-11-07T05:10:00Z", "America/New_York", [], ["2027-11-07T05:30", "2027-11-07T06:30"]),
        ]
        for clock, zone, fixed, hourly in cases:
            with self.subTest(clock=clock, zone=zone):
                self.instance = None
                # 100 real minutes go by in ten seconds; what is late by that speed is made up for.
                self.start({"fixed": self.schedule(cron="30 2 * * *", zone=zone, missed="run-all"),
                            "hourly": self.schedule(cron="30 * * * *", zone=zone, missed="run-all")}, clock, 600)
                self.assertTrue(wait_until(lambda hourly=hourly: len(self.runs("hourly")) >= len(hourly), 60), self.instance.log())
                self.assertEqual(self.runs("hourly")[:len(hourly)], hourly)
                self.assertEqual([time for time in self.runs("fixed") if time <= hourly[-1]], fixed)
                self.finish()
                self.instance = None
        self.instance = Instance({})

    def test_that_fell_into_a_stop_are_made_up_for_as_the_owner_says(self):
        """Stopped from 26 to 31 March over the change in Berlin: five runs at 02:30 fell into that time."""
        schedules = {policy: self.schedule(cron="30 2 * * *", zone="Europe/Berlin", missed=policy)
                     for policy in ("skip", "run-once", "run-all")}
        schedules["new"] = self.schedule(every="10m", enabled=False, missed="run-all")
        self.start(schedules, "2027-03-26T12:00:00Z")
        self.halt()
        schedules["new"] = self.schedule(cron="0 0 * * *", missed="run-all")
        self.start(schedules, "2027-03-31T12:00:00Z")
        everything = ["2027-03-27T01:30", "2027-03-28T01:00", "2027-03-29T00:30", "2027-03-30T00:30", "2027-03-31T00:30"]
        self.assertTrue(wait_until(lambda: len(self.runs("run-all")) == 5 and len(self.runs("run-once")) == 1, 20))
        self.assertEqual(self.runs("run-all"), everything)
        self.assertEqual(self.runs("run-once"), everything[-1:])
        self.assertEqual(self.runs("skip"), [])
        self.assertEqual(self.runs("new"), [], "a schedule that is new missed nothing")
        left_out = len(everything) + len(everything) - 1      # of skip, and of run-once
        self.assertIn(f"\nsallyport_schedule_missed_total {left_out}\n", self.instance.request("GET", "/metrics").body.decode())
        self.halt()
        self.start(schedules, "2027-03-31T12:00:10Z")     # and nothing comes a second time
        self.assertEqual(self.runs("run-all"), everything)


if __name__ == "__main__":
    unittest.main()
