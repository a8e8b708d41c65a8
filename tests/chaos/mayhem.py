"""Kills and stops processes of an instance at random moments, and watches how soon they are back."""

import contextlib
import os
import random
import signal
import threading
import time

VICTIMS = ("front", "keeper", "launcher")
WEIGHTS = (4, 5, 1)         # a launcher takes its jobs with it: where it dies too often, none comes to its end
STOP_SECONDS_MAX = 5
WATCH_SECONDS = 0.02


def program_of(pid):
    """The file name of what a process runs; '' when it is gone or not yet itself."""
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)"))
    except OSError:
        return ""


def children_of(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]
    return []


class Mayhem:
    def __init__(self, instance, load, seed, log):
        self.instance, self.load, self.log = instance, load, log
        self.dice = random.Random(f"{seed} mayhem")
        self.bootstrap = instance.process.pid
        self.current, self.born, self.stopped = {}, {}, []
        self.kills, self.stops = {name: 0 for name in (*VICTIMS, "follower")}, {name: 0 for name in VICTIMS}
        self.deaths, self.restarts = [], []     # (time, name); (name, seconds without, its last life)
        self.killed = {}                        # name: when, after which life; until the next one is seen
        self.unexpected = []                    # those that were replaced and not killed by us
        self.ending, self.lock = threading.Event(), threading.Lock()
        self.threads = [threading.Thread(target=run, daemon=True) for run in (self._watch, self._rage)]
        self._look()

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        """Peace: everybody goes on, and nobody is harmed any more."""
        self.ending.set()
        self.threads[1].join()
        for until, pidfd, _ in self.stopped:
            self._send(pidfd, signal.SIGCONT)
            os.close(pidfd)
        self.stopped = []
        time.sleep(1)
        self.threads[0].join()

    def missing(self):
        """Those that are not there now, however closely they were watched."""
        there = {program_of(pid) for pid in children_of(self.bootstrap)}
        return [name for name in VICTIMS if name not in there]

    def lived_through(self, name, since, until):
        return not any(who == name and since <= when <= until for when, who in self.deaths)

    # --- watching ---

    def _look(self):
        found = {program_of(pid): pid for pid in children_of(self.bootstrap)}
        for name in VICTIMS:
            if name in found and self.current.get(name) != found[name]:
                with self.lock:
                    self._came(name, found[name], time.monotonic())

    def _came(self, name, pid, now):
        killed = self.killed.pop(name, None)
        if killed is not None:
            self.restarts.append((name, now - killed[0], killed[1]))
        elif name in self.current:
            self.unexpected.append(name)
            self.log(f"{name} {self.current[name]} was replaced by {pid}, and nobody had killed it")
        self.current[name], self.born[name] = pid, now

    def _watch(self):
        while not self.ending.is_set() or self.killed and time.monotonic() < self.ended + 10:
            self._look()
            if not self.ending.is_set():
                self.ended = time.monotonic()
            time.sleep(WATCH_SECONDS)

    # --- harming ---

    @staticmethod
    def _send(pidfd, number):
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(pidfd, number)
            return True
        return False

    def _open(self, name):
        """A descriptor of the process that has this name now, and none of a stranger with its number."""
        pid = self.current.get(name)
        if pid is None:
            return None
        try:
            pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            return None
        if pid in children_of(self.bootstrap) and program_of(pid) == name:
            return pidfd
        os.close(pidfd)
        return None

    def _kill(self, name):
        pidfd = self._open(name)
        if pidfd is None:
            return
        with self.lock:
            now = time.monotonic()
            if name not in self.killed and self._send(pidfd, signal.SIGKILL):
                self.kills[name] += 1
                self.deaths.append((time.time(), name))
                self.killed[name] = (now, now - self.born[name])
                self.log(f"kill -9 {name} {self.current[name]}")
        os.close(pidfd)

    def _halt(self, name):
        pidfd = self._open(name)
        if pidfd is None:
            return
        seconds = self.dice.uniform(0.05, STOP_SECONDS_MAX)
        if self._send(pidfd, signal.SIGSTOP):
            self.stops[name] += 1
            self.log(f"stop {name} {self.current[name]} for {seconds:.2f} s")
            self.stopped.append((time.monotonic() + seconds, pidfd, name))
        else:
            os.close(pidfd)

    def _wake(self):
        now = time.monotonic()
        for entry in [entry for entry in self.stopped if entry[0] <= now]:
            self._send(entry[1], signal.SIGCONT)
            os.close(entry[1])
            self.stopped.remove(entry)

    def _kill_follower(self):
        with self.load.lock:
            running = list(self.load.followers)
            if not running:
                return
            process = self.dice.choice(running)
            if process.poll() is None:
                process.kill()
                self.kills["follower"] += 1
        self.log(f"kill -9 follower {process.pid}")

    def _act(self):
        what = self.dice.choices(("kill", "pair", "again", "halt", "follower"), (50, 5, 10, 20, 15))[0]
        name = self.dice.choices(VICTIMS, WEIGHTS)[0]
        other = self.dice.choice([victim for victim in VICTIMS if victim != name])
        if what == "follower":
            self._kill_follower()
        elif what == "halt":
            self._halt(name)
        else:
            self._kill(name)
        if what == "pair":
            self._kill(other)
        if what == "again":         # the next one, on its way up
            time.sleep(self.dice.uniform(0, 0.3))
            self._kill(name)

    def _rage(self):
        while not self.ending.is_set():
            pause = time.monotonic() + self.dice.choice((0.05, 0.3, 1, 2, 3)) * self.dice.uniform(0.3, 1)
            while time.monotonic() < pause and not self.ending.is_set():
                self._wake()
                time.sleep(0.02)
            if not self.ending.is_set():
                self._act()
