"""The tool of this folder works: who takes a process over can do all that the process can. So a refusal is no broken tool."""

import os
import signal
import subprocess
import unittest

from rig import REQUEST, Died, Evil, Takeover, wire


class Control(Evil):
    def test_an_allowed_call_returns_what_the_kernel_answers(self):
        with self.take("front") as front:
            uid = front.call("getuid")
            self.assertEqual((front.call("getpid"), front.call("close", 1000)), (front.pid, -9))
        self.assertNotEqual(uid, 0)
        self.untouched()

    def test_memory_of_the_process_is_written_and_read(self):
        with self.take("front") as front:
            fd = front.call("memfd_create", b"x\0", 0)
            self.assertEqual(front.call("write", fd, b"hello", 5), 5)
            room = front.room(16)
            self.assertEqual(front.call("pread64", fd, room, 16, 0), 5)
            self.assertEqual(front.read(room, 5), b"hello")
            self.assertEqual(front.call("close", fd), 0)
        self.untouched()

    def test_a_valid_message_is_answered(self):
        with self.take("front") as front:
            kind, values = self.ask(front, wire.message("MSG_WHOAMI", REQUEST, **wire.bearer(self.ci)))
        self.assertEqual((kind, values["actor"]), ("MSG_IDENTITY", "ci"))
        self.untouched()

    def test_a_job_is_made_by_a_message_that_is_right(self):
        params = wire.entry(wire.ENTRY_STRING, "text", "hello")
        with self.take("front") as front:
            kind, _ = self.ask(front, wire.message("MSG_SUBMIT", REQUEST, command="echo", params=params, **wire.bearer(self.ci)))
        self.assertEqual(kind, "MSG_SUBMITTED")
        self.untouched()

    def test_a_process_goes_on_as_if_nothing_had_been(self):
        before = self.instance.part("front")
        for _ in range(50):
            with Takeover(before.pid) as front:
                front.call("getuid")
        self.untouched()
        self.assertEqual(self.instance.part("front"), before)

    def test_a_call_that_the_filter_forbids_is_the_end(self):
        before = self.settled("front")
        with self.assertRaises(Died) as end, Takeover(before.pid) as front:
            front.call("execve", b"/bin/sh\0", 0, 0)
        self.assertEqual(end.exception.signal, signal.SIGSYS)
        self.untouched()
        self.assertNotEqual(self.instance.part("front"), before)

    def test_without_a_lockdown_such_a_call_is_answered(self):
        with subprocess.Popen(["/usr/bin/sleep", "60"]) as process:
            try:
                with Takeover(process.pid) as taken:
                    self.assertGreaterEqual(taken.call("socket", 1, 1, 0), 0)
                    self.assertEqual(taken.call("getuid"), os.getuid())
            finally:
                process.kill()


if __name__ == "__main__":
    unittest.main()
