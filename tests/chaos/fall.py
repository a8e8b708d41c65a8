"""The death of the whole instance, bootstrap included, and its next life in the same state directory."""

import contextlib
import itertools
import os
import random
import shutil
import signal
import sqlite3
import tempfile
import time

from harness import wait_until
from host import children_of

# All processes at once; or the bootstrap alone, and the next one comes at once, as from a service manager.
WAYS = ("all", "alone")
EVERY_SECONDS = 45          # of storm there is one; a storm that is worth the name has one at least
STORM_SECONDS_LEAST = 10
END_SECONDS = 15            # until what belonged to the dead one has ended; a stopped one is stopped for up to 5 s
RISE_SECONDS = 60
TRY_AGAIN_STATUS = 71       # the host refuses something, such as an address that a stopped front still holds
CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"


def id_text(data):
    number = int.from_bytes(data, "big")
    return "".join(CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


def read_records(state):
    """What the records of a dead instance say, {id: state}, from a copy: they are the next one's to recover."""
    with tempfile.TemporaryDirectory() as place:
        for name in ("jobs.db", "jobs.db-wal"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copy(os.path.join(state, "keeper", name), place)
        with contextlib.closing(sqlite3.connect(os.path.join(place, "jobs.db"))) as database:
            return {id_text(job_id): job_state for job_id, job_state in database.execute("SELECT id, state FROM jobs")}


class Fall:
    """One of them. `records`: {id: state} as the dead left it; None when the next one was started without a pause."""

    def __init__(self, way, old):
        self.front = next((process for process in old if process.name() == "front"), None)
        self.way, self.old, self.unix, self.records, self.faults, self.tries = way, old, time.time(), None, [], 0
        self.served = float("inf")      # Unix time, too: when the next one served

    def _count(self, states):
        return "?" if self.records is None else sum(state in states for state in self.records.values())

    @property
    def waiting(self):
        return self._count({"queued"})

    @property
    def under_way(self):
        return self._count({"starting", "running", "stopping"})


class Falls:
    def __init__(self, instance, seconds, seed, log):
        self.instance, self.log, self.past = instance, log, []
        self.ways = itertools.cycle(WAYS if seed % 2 else reversed(WAYS))
        dice = random.Random(f"{seed} falls")
        count = max(1, int(seconds // EVERY_SECONDS)) if seconds >= STORM_SECONDS_LEAST else 0
        self.due = [(i + dice.uniform(0.2, 0.8)) * seconds / count for i in range(count)]
        self.before_rise = None         # sabotage: called with the fall while everything is dead

    def is_due(self, now):
        return bool(self.due) and now >= self.due[0]

    def begin(self, dice):
        self.due.pop(0)
        fall = Fall(next(self.ways), self.instance.processes())
        self.past.append(fall)
        self.log(f"kill -9 of the instance: {fall.way}")
        # Of our own, that is: a job whose init is killed by itself has ended by a signal, and says so.
        victims = fall.old[:1]
        if fall.way == "all":
            victims += [process for process in fall.old if process.pid in children_of(victims[0].pid)]
            dice.shuffle(victims)
        for process in victims:
            with contextlib.suppress(ProcessLookupError):
                if process.is_alive():
                    os.kill(process.pid, signal.SIGKILL)
        self.instance.process.wait()

    def rise(self, meanwhile):
        """`meanwhile`: called again and again, so that who is stopped goes on in its time."""
        fall = self.past[-1]
        if fall.way == "all":
            self._see_end(fall, meanwhile)
            fall.records = read_records(self.instance.state)
        if self.before_rise:
            self.before_rise(fall)
        self._start(fall, meanwhile)
        self._see_end(fall, meanwhile)
        self.log(f"the instance serves again, at start {fall.tries}")

    def _see_end(self, fall, meanwhile):
        """Every child reads the end of its control channel and ends, and the reaper takes the jobs with it."""
        def living():
            meanwhile()
            return [process for process in fall.old if process.is_alive()]
        if not wait_until(lambda: not living(), END_SECONDS):
            fall.faults.append(f"{END_SECONDS} s after the death of their instance there still are {living()}")

    def _start(self, fall, meanwhile):
        end = time.monotonic() + RISE_SECONDS
        while time.monotonic() < end:
            fall.tries += 1
            self.instance.start(wait=False)
            if wait_until(lambda: meanwhile() or self._is_settled(fall), end - time.monotonic()) and self.instance.process.poll() is None:
                fall.served = time.time()
                return
            status = self.instance.process.poll()
            if status != TRY_AGAIN_STATUS:
                break
            time.sleep(0.2)
        fall.faults.append(f"the next instance did not serve after {fall.tries} starts (status {self.instance.process.poll()})")

    def _is_settled(self, fall):
        """It serves, or it has ended. The dead one's front may answer for a moment."""
        if self.instance.process.poll() is not None:
            return True
        if fall.front is not None and fall.front.is_alive():
            return False
        try:
            return self.instance.request("GET", "/readyz", token=None, timeout=2).status == 200
        except OSError:
            return False
