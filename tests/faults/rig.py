"""Rounds of system calls, each recorded, and some with one call that fails. tests/faults/injector.c does it; this asks for it.

Which calls there are is never written down here: a round without a failure is recorded first, and every call of it is made
to fail in rounds of its own.
"""

import dataclasses
import os
import subprocess

from harness import BIN, PROBE

INJECTOR = os.path.join(os.path.dirname(PROBE), "fault-injector")

LONG_LOOP = 40      # calls of one name in a row


@dataclasses.dataclass(frozen=True)
class Call:
    """The how manieth call of its name, in which process of the round."""
    process: str
    name: str
    number: int
    path: str = ""

    def key(self):
        return (self.process, self.name, self.number)

    def __str__(self):
        return f"{self.process}: {self.name} {self.number}" + (f" '{self.path}'" if self.path else "")


class Round:
    """What happened in one."""

    def __init__(self, lines):
        self.calls, self.failed, self.executed, self.ends = [], None, [], {}
        for line in lines:
            what, process, *more = line.split(" ")
            if what == "call":
                call = Call(process, more[0], int(more[1]), more[3] if len(more) > 3 else "")
                self.calls.append(call)
                if more[2] == "fails":
                    self.failed = call
            elif what == "exec":
                self.executed.append(process)
            elif what == "end":
                self.ends[process] = int(more[0])


def thinned(calls):
    """Without most of what a long loop does: the bounding set is read and emptied capability by capability, and each turn is
    the same code."""
    kept, run = [], []
    for call in [*calls, None]:
        if run and (call is None or (call.process, call.name) != (run[0].process, run[0].name)):
            kept += run if len(run) <= LONG_LOOP else [run[i] for i in range(len(run)) if i < 4 or i % 7 == 0 or i >= len(run) - 4]
            run = []
        run.append(call)
    return kept


class Injector:
    def __init__(self, *arguments, environment=None, errors=None):
        self.process = subprocess.Popen([INJECTOR, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                                        text=True, env=environment)

    def _ask(self, order):
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()
        lines = []
        while True:
            line = self.process.stdout.readline()
            if line == "":
                raise RuntimeError("the injector has ended")
            if line == ".\n":
                return lines
            lines.append(line.rstrip("\n"))

    def begin(self, call=None, code=0):
        self._ask("round" if call is None else f"round {call.process} {call.name} {call.number} {code}")

    def told(self):
        return Round(self._ask("tell"))

    def close(self):
        """Lets everybody go."""
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(10)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.close()
