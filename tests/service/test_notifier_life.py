"""The notifier of a real instance: it is there while there are callbacks, comes back when it dies, and never sees their keys."""

import contextlib
import os
import shutil
import signal
import time
import unittest

import harness
from harness import Instance, wait_until
from test_restarts import WELL_SECONDS, break_links

COMMANDS = {"hello": {"exec": ["/usr/bin/echo", "hello"]}}
CALLBACKS = {"chat": {"url": "https://chat.example/"}, "reply": {"allow_url": "https://reply.example/hooks/", "timeout": "5s"}}


class Life(unittest.TestCase):
    def start(self, **more):
        harness.needs_program(self, "sallyportd")
        self.instance = Instance(COMMANDS, **{"callbacks": CALLBACKS, **more}).start()
        self.addCleanup(self.instance.kill)     # does nothing after a stop
        return self.instance

    def notifiers(self):
        return [process for process in self.instance.processes() if process.name() == "notifier"]

    def wait_for(self, condition, seconds=20):
        self.assertTrue(wait_until(condition, seconds), self.instance.log())

    def joined(self):
        return self.instance.log().count("keeper is there, its orders are taken")

    def expect_service(self):
        self.assertEqual(self.instance.run("hello").stdout, b"hello\n")

    def test_without_callbacks_there_is_none(self):
        self.start(callbacks=None)
        self.assertEqual(self.notifiers(), [])
        self.expect_service()
        self.instance.stop()

    def test_it_comes_and_goes_with_the_callbacks_at_a_reload(self):
        instance = self.start(callbacks=None)
        instance.set_callbacks(CALLBACKS)
        instance.reload()
        self.wait_for(lambda: len(self.notifiers()) == 1 and self.joined() == 1)
        first, = self.notifiers()
        instance.config["commands"]["other"] = COMMANDS["hello"]
        instance.reload()
        self.wait_for(lambda: instance.request("GET", "/v1/commands/other").status == 200)
        self.wait_for(lambda: instance.log().count("name servers are asked") == 2)
        self.assertEqual(self.notifiers(), [first], "a reload is no reason to start it anew")
        del instance.config["callbacks"]
        instance.reload()
        self.wait_for(lambda: not self.notifiers())
        self.assertNotIn("is started again", instance.log())
        instance.set_callbacks(CALLBACKS)
        instance.reload()
        self.wait_for(lambda: len(self.notifiers()) == 1 and self.joined() == 2)
        self.expect_service()
        instance.stop()

    def test_it_may_be_killed_at_any_time(self):
        self.start()
        for round_number in range(1, 6):
            self.wait_for(lambda: len(self.notifiers()) == 1 and self.joined() == round_number)
            os.kill(self.notifiers()[0].pid, signal.SIGKILL)
            self.wait_for(lambda: self.instance.log().count("notifier was ended by signal 9") == round_number)
            self.expect_service()
        self.wait_for(lambda: self.joined() == 6)
        self.instance.stop()

    def test_it_is_joined_to_a_new_keeper(self):
        self.start()
        time.sleep(WELL_SECONDS)
        notifier, = self.notifiers()
        os.kill(self.instance.part("keeper").pid, signal.SIGKILL)
        self.wait_for(lambda: self.joined() == 2)
        self.assertEqual(self.notifiers(), [notifier])
        self.expect_service()
        self.instance.stop()

    def test_a_broken_link_to_the_keeper_is_made_again(self):
        harness.needs_root(self)
        self.start()
        time.sleep(WELL_SECONDS)
        self.assertEqual(break_links(self.notifiers()[0]), 1)
        self.wait_for(lambda: self.joined() == 2, 30)
        self.expect_service()
        self.instance.stop()

    def test_one_that_cannot_live_is_no_reason_to_end(self):
        place = harness.make_directory("programs")
        self.addCleanup(shutil.rmtree, place, True)
        shutil.copytree(harness.BIN, os.path.join(place, "bin"))
        shutil.copytree(os.path.join(os.path.dirname(harness.BIN), "policies"), os.path.join(place, "policies"))
        path = os.path.join(place, "bin", "notifier")
        os.unlink(path)
        shutil.copy("/usr/bin/false", path)
        self.start(bin_directory=os.path.join(place, "bin"))
        self.wait_for(lambda: "all else goes on without it" in self.instance.log(), 60)
        self.expect_service()
        os.unlink(path)
        shutil.copy(os.path.join(harness.BIN, "notifier"), path)
        self.wait_for(lambda: self.joined() == 1)
        self.instance.stop()

    def test_an_ordinary_users_instance_has_one_too(self):
        self.start(user=harness.ordinary_user())
        self.wait_for(lambda: self.joined() == 1)
        self.expect_service()
        self.instance.stop()

    def memory_has(self, process, text):
        """Whether it stands anywhere in what the process can write to or was handed."""
        with open(f"/proc/{process.pid}/maps", encoding="utf-8") as maps, open(f"/proc/{process.pid}/mem", "rb", 0) as memory:
            for line in maps:
                span, mode = line.split()[:2]
                first, last = (int(number, 16) for number in span.split("-"))
                if not mode.startswith("rw") or last - first > 1 << 30:       # a sanitizer's shadow is larger, and no copy
                    continue
                with contextlib.suppress(OSError, OverflowError, ValueError):
                    memory.seek(first)
                    if text in memory.read(last - first):
                        return True
        for number in process.descriptors():
            with contextlib.suppress(OSError):
                if "memfd:" in os.readlink(f"/proc/{process.pid}/fd/{number}"):
                    with open(f"/proc/{process.pid}/fd/{number}", "rb") as file:
                        if text in file.read():
                            return True
        return False

    def test_the_keys_are_the_keepers_alone(self):
        harness.needs_root(self)
        self.start()
        self.wait_for(lambda: self.joined() == 1)
        self.expect_service()
        key = self.instance.callback_key.encode()
        self.assertTrue(self.memory_has(self.instance.part("keeper"), key), "who signs must have it, or we cannot look")
        for name in ("front", "launcher", "notifier"):
            self.assertFalse(self.memory_has(self.instance.part(name), key), name)
            self.assertFalse(self.memory_has(self.instance.part(name), b"reply.example/hooks"), name)
        self.assertNotIn(self.instance.callback_key, self.instance.log())
        for directory, _, names in os.walk(self.instance.state):
            for name in names:
                with open(os.path.join(directory, name), "rb") as file:
                    self.assertNotIn(key, file.read(), name)
        self.instance.stop()


if __name__ == "__main__":
    unittest.main()
