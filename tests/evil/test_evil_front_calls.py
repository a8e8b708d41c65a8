"""A front that was taken over, against the kernel: the release, bit by bit. Each call of rows.CALLS and rows.FATALS is refused, and none
of them is one that would be refused without the front's lockdown."""

import signal
import subprocess
import unittest

import rows
from attacker import Bare, Caller
from rig import RELEASE, Died, Evil, Takeover, add_rows, wait_until

HAS_NO_CONTROL = ("fork", "vfork")      # would make what nobody ends


class EvilFrontCalls(Evil):
    """A test for each row is added below; `bin_directory` without sanitizers, whose filter allows more."""

    bin_directory = RELEASE

    def attack_with_calls(self, row):
        with self.take("front") as front:
            for call, arguments in row.build(Caller(self, front)):
                answer = front.call(call, *arguments)
                self.assertIn(-answer, row.errnos, (call, arguments, answer))
        self.assertTrue(self.part.is_alive())
        self.untouched()

    def attack_with_fatal(self, row):
        ended = len(self.log_lines("front was ended by signal 31"))
        with self.assertRaises(Died) as end, self.take("front") as front:
            front.call(row.call, *Caller(self, front).arguments(row))
        self.assertEqual(end.exception.signal, signal.SIGSYS)
        self.assertTrue(wait_until(lambda: len(self.log_lines("front was ended by signal 31")) == ended + 1, 10))
        self.untouched()

    def attack_without_lockdown(self, row):
        with subprocess.Popen(["/usr/bin/sleep", "600"]) as process:
            try:
                with Takeover(process.pid) as taken:
                    bare = Bare(self, taken)
                    if isinstance(row, rows.Fatal):
                        taken.call(row.call, *bare.arguments(row))
                    else:
                        for call, arguments in row.build(bare):
                            if call not in HAS_NO_CONTROL:
                                answer = taken.call(call, *arguments)
                                self.assertNotIn(-answer, row.errnos, (call, arguments))
            finally:
                process.kill()


add_rows(EvilFrontCalls, "test_call_", rows.CALLS, "attack_with_calls")
add_rows(EvilFrontCalls, "test_fatal_", rows.FATALS, "attack_with_fatal")
add_rows(EvilFrontCalls, "test_control_", rows.CALLS + rows.FATALS, "attack_without_lockdown")

if __name__ == "__main__":
    unittest.main()
