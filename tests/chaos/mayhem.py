"""Kills and stops processes of an instance at random moments, and watches how soon they are back.

Whom: a row of VICTIMS. What happens to them: a row of ACTS.
"""

import collections
import contextlib
import os
import random
import signal
import threading
import time

from host import children_of

WATCH_SECONDS = 0.02
STOP_SECONDS_MAX = 5
BACK_SECONDS_MAX = 15       # nobody is away for longer, however busy the host is

Victim = collections.namedtuple("Victim", "kill_share stop_share takes")
Death = collections.namedtuple("Death", "unix moment kind")
Restart = collections.namedtuple("Restart", "name back away lived is_excused")       # back: Unix time

# A launcher takes its jobs with it: where it dies too often, none comes to its end. `takes`: who must end with it.
WORLD = ("launcher", "reaper", "supervisor")
VICTIMS = {
    "front": Victim(38, 30, ()),
    "keeper": Victim(46, 40, ()),
    "launcher": Victim(6, 15, WORLD),
    "reaper": Victim(3, 5, WORLD),
    "supervisor": Victim(25, 30, ()),
    "notifier": Victim(10, 10, ()),
}
ENDS_ITS_JOBS = ("launcher", "reaper", "instance")      # and so their jobs are lost; a supervisor's only job, too
ACTS = {"kill": 48, "pair": 5, "again": 10, "halt": 18, "halt and kill": 4, "halt bootstrap": 2, "kill follower": 10, "halt follower": 5}


def kind_of(name):
    """Supervisors have a name each."""
    return name.partition(" ")[0]


def program_of(pid):
    """The file name of what a process runs; '' when it is gone or not yet itself."""
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)"))
    except OSError:
        return ""


def name_of(pid):
    """What a child of the bootstrap is called here; '' when it is none of the victims, or not yet itself."""
    program = program_of(pid)
    if not program.endswith("sallyport-cell"):
        return program if program in VICTIMS else ""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            role = file.read().split(b"\0")[1]
        if role == b"reap":
            return "reaper"
        slot = os.readlink(f"/proc/{pid}/ns/user")      # which one it serves, as soon as it is in it
        return f"supervisor {slot}" if slot != os.readlink("/proc/self/ns/user") else ""
    except (OSError, IndexError):
        return ""


class Mayhem:
    def __init__(self, instance, load, seed, log, falls):
        """falls: what kills the whole instance (fall.py), at the moments that it says."""
        self.instance, self.load, self.log, self.falls = instance, load, log, falls
        self.dice = random.Random(f"{seed} mayhem")
        self.current, self.born, self.known, self.stopped = {}, {}, {}, []
        self.kills = dict.fromkeys((*VICTIMS, "follower", "instance"), 0)
        self.stops = dict.fromkeys((*VICTIMS, "follower", "bootstrap"), 0)
        self.deaths, self.restarts = [], []
        self.killed = {}                        # name: when, after which life; until the next one is seen
        self.unexpected = []                    # those that were replaced and not killed by us
        self.bootstrap_stops = []               # [from, to]
        self.world_gaps = []                    # [whose death, from, to]: until there is a launcher again
        self.life = 0                           # of the instance: the next after each fall
        self.is_falling = False
        self.ending, self.is_over = threading.Event(), threading.Event()
        self.lock, self.turn = threading.Lock(), threading.Lock()       # of what is known; of whoever does harm
        self.watcher, self.rager = (threading.Thread(target=run, daemon=True) for run in (self._watch, self._rage))
        self.errors = []
        self._look()
        self.nominal = self._count()

    def start(self):
        self.began = time.monotonic()
        self.watcher.start()
        self.rager.start()

    def stop(self):
        """Peace: everybody goes on, and nobody is harmed any more."""
        self.ending.set()
        self.rager.join()
        self._wake(everybody=True)
        self.is_over.set()      # only now: the last act may have killed somebody whom the watcher shall see again
        self.watcher.join()

    def is_broken(self):
        """Whether the instance ended by itself."""
        return not self.is_falling and self.instance.process.poll() is not None

    def missing(self):
        """Those that are not there now, however closely they were watched."""
        there = self._count()
        return [f"{self.nominal[kind] - there[kind]} {kind}" for kind in self.nominal if there[kind] < self.nominal[kind]]

    def died(self, kinds, since, until):
        """Whether one of these died by our hand in this time."""
        return any(death.kind in kinds and since <= death.unix <= until for death in self.deaths)

    # --- watching ---

    def _names(self):
        """The victims by name. Who was known stays known while it lives."""
        children = children_of(self.instance.process.pid)
        self.known = {pid: self.known.get(pid) or name_of(pid) for pid in children}
        return {name: pid for pid, name in self.known.items() if name}

    def _count(self):
        children = children_of(self.instance.process.pid)
        return collections.Counter(kind_of(name) for name in map(name_of, children) if name)

    def _look(self):
        life, found = self.life, self._names()
        with self.lock:
            if life != self.life or self.is_falling:
                return          # what was found is of a dead instance
            for name, pid in found.items():
                if self.current.get(name) != pid:
                    self._came(name, pid, time.monotonic())

    def _came(self, name, pid, now):
        killed = self.killed.pop(name, None)
        if killed is not None:
            self.restarts.append(Restart(name, time.time(), now - killed[0], killed[1], self._is_excused(name, killed[0], now)))
        elif name in self.current and not self._was_taken(name):
            self.unexpected.append(name)
            self.log(f"{name} {self.current[name]} was replaced by {pid}, and nobody had killed it")
        self.current[name], self.born[name] = pid, now
        if name == "launcher":
            for gap in self.world_gaps:
                gap[2] = min(gap[2], now)

    def _was_taken(self, name):
        """Whether somebody died in its life who takes it along, or just before it: a dying world may still get a supervisor."""
        return any(self.born[name] <= ended and kind_of(name) in VICTIMS[kind].takes for kind, _, ended in self.world_gaps)

    def _is_excused(self, name, since, until):
        """Nobody is started again by a stopped bootstrap; nor into a world that has ended."""
        gaps = self.bootstrap_stops + ([gap[1:] for gap in self.world_gaps] if kind_of(name) in WORLD else [])
        return any(begun < until and since < ended for begun, ended in gaps if begun != since)

    def _watch(self):
        end = None
        while not self.is_over.is_set() or self.killed and time.monotonic() < end:
            self._look()
            if not self.is_over.is_set():
                end = time.monotonic() + BACK_SECONDS_MAX
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
        if pid in children_of(self.instance.process.pid) and name_of(pid) == name:
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
                self.kills[kind_of(name)] += 1
                self.deaths.append(Death(time.time(), now, kind_of(name)))
                self.killed[name] = (now, now - self.born[name])
                if VICTIMS[kind_of(name)].takes:
                    self.world_gaps.append([name, now, float("inf")])
                self.log(f"kill -9 {name} {self.current[name]}")
        os.close(pidfd)

    def _halt(self, name):
        pidfd = self._open(name)
        if pidfd is not None:
            self._halt_by(pidfd, name, self.dice.uniform(0.05, STOP_SECONDS_MAX))

    def _halt_by(self, pidfd, name, seconds):
        if not self._send(pidfd, signal.SIGSTOP):
            os.close(pidfd)
            return
        self.stops[kind_of(name)] += 1
        self.log(f"stop {name} for {seconds:.2f} s")
        self.stopped.append((time.monotonic() + seconds, pidfd, name))

    def _wake(self, everybody=False):
        now = time.monotonic()
        for entry in [entry for entry in self.stopped if everybody or entry[0] <= now]:
            self._send(entry[1], signal.SIGCONT)
            os.close(entry[1])
            self.stopped.remove(entry)
            if entry[2] == "bootstrap":
                self.bootstrap_stops[-1][1] = time.monotonic() + WATCH_SECONDS

    # --- acts ---

    def _choose(self, shares, but=None):
        """A victim that lives, by name: one of the supervisors where it is their turn."""
        names = sorted(self.current)
        weights = [shares[kind_of(name)] / sum(kind_of(other) == kind_of(name) for other in names) * (name != but) for name in names]
        return self.dice.choices(names, weights)[0] if any(weights) else None

    def _to_kill(self, but=None):
        return self._choose({kind: victim.kill_share for kind, victim in VICTIMS.items()}, but)

    def _to_halt(self):
        return self._choose({kind: victim.stop_share for kind, victim in VICTIMS.items()})

    def _act_kill(self):
        self._kill(self._to_kill())

    def _act_pair(self):
        name = self._to_kill()
        self._kill(name)
        self._kill(self._to_kill(but=name))

    def _act_again(self):
        """And the next one, on its way up."""
        name = self._to_kill()
        self._kill(name)
        time.sleep(self.dice.uniform(0, 0.3))
        self._kill(name)

    def _act_halt(self):
        self._halt(self._to_halt())

    def _act_halt_and_kill(self):
        """One who cannot answer meets another's death."""
        name = self._to_halt()
        self._halt(name)
        time.sleep(self.dice.uniform(0, 0.5))
        self._kill(self._to_kill(but=name))

    def _act_halt_bootstrap(self):
        if not any(name == "bootstrap" for _, _, name in self.stopped):
            self.bootstrap_stops.append([time.monotonic(), float("inf")])
            self._halt_by(os.pidfd_open(self.instance.process.pid), "bootstrap", self.dice.uniform(0.05, STOP_SECONDS_MAX))

    def _follower(self):
        with self.load.lock:
            running = [process for process in self.load.followers if process.poll() is None]
        return self.dice.choice(running) if running else None

    def _act_kill_follower(self):
        process = self._follower()
        if process is not None and process.poll() is None:
            process.kill()
            self.kills["follower"] += 1
            self.log(f"kill -9 follower {process.pid}")

    def _act_halt_follower(self):
        process = self._follower()
        with contextlib.suppress(ProcessLookupError, AttributeError):
            self._halt_by(os.pidfd_open(process.pid), "follower", self.dice.uniform(0.05, STOP_SECONDS_MAX))

    def _fall(self):
        """Everything at once. Nobody's life goes on after it, so nobody is waited for but the next instance."""
        if self.dice.random() < 0.5:
            self._halt(self._to_halt())     # who is stopped meets the next one's life
        with self.lock:
            self.is_falling = True
        self.falls.begin(self.dice)
        with self.lock:
            self.life += 1
            self.kills["instance"] += 1
            self.deaths.append(Death(time.time(), time.monotonic(), "instance"))
            self.current, self.born, self.killed, self.known = {}, {}, {}, {}
        self.falls.rise(self._wake)
        with self.lock:
            self.is_falling = False
        self._look()

    def _act(self):
        if self.falls.is_due(time.monotonic() - self.began):
            self._fall()
        else:
            act = self.dice.choices(list(ACTS), list(ACTS.values()))[0]
            getattr(self, "_act_" + act.replace(" ", "_"))()

    def _rage(self):
        try:
            while not self.ending.is_set():
                pause = time.monotonic() + self.dice.choice((0.05, 0.3, 1, 2, 3)) * self.dice.uniform(0.3, 1)
                while time.monotonic() < pause and not self.ending.is_set():
                    self._wake()
                    time.sleep(0.02)
                if self.ending.is_set():
                    return
                with self.turn:
                    self._act()
        except Exception as error:          # a storm that has died down must not look like one that was survived
            self.errors.append(f"the storm itself failed: {type(error).__name__}: {error}")
            raise
