"""An instance with something to lose, and what is needed to take one of its processes over.

    self.front()            a Takeover of the front that is there now; with it: keeper_fd(front)
    self.untouched()        fails unless the service works and the others' job still runs
"""

import contextlib
import json
import os
import signal
import socket
import stat
import struct
import subprocess
import time
import unittest

import harness
import wire
from harness import Instance, wait_until
from takeover import Died, Takeover, is_possible

RELEASE = os.environ.get("SALLYPORT_RELEASE_BIN") or os.path.join(harness.SOURCE, "build", "release", "bin")
QUICK_DEATH_SECONDS = 1.1       # who dies sooner is waited for, longer each time (src/bootstrap/restart.h)
SECONDS = 20 * harness.SLOWNESS
SEQPACKET = 5
CONTROL_FD = 3
REQUEST = 0x70000000            # numbers of requests that no front of ours has reached

COMMANDS = {
    "echo": {"exec": ["/usr/bin/echo", "--", "{text}"], "timeout": "60s",
             "params": {"text": {"type": "string", "required": True, "max_length": 20, "pattern": "[ -~]*"}}},
    "long": {"exec": ["/usr/bin/sleep", "600"], "timeout": "600s", "signals": ["HUP"]},
    "other": {"exec": ["/usr/bin/echo", "other"]},
    "reads": {"exec": ["/usr/bin/cat"], "stdin": "body", "stdin_max": "1KiB"},
}


def add_rows(case, prefix, rows, attack):
    """Makes a test of each row, which calls the case's method `attack` with it."""
    def test_of(row):
        def test(self):
            getattr(self, attack)(row)
        test.__doc__ = row.tries
        return test
    for row in rows:
        setattr(case, f"{prefix}{row.id}", test_of(row))


def job_bytes(text):
    """The 16 bytes of a job's id as it is written (src/base/job_id.c)."""
    number = 0
    for digit in text:
        number = number << 5 | "0123456789abcdefghjkmnpqrstvwxyz".index(digit)
    return number.to_bytes(16, "big")


def trail(instance, *arguments):
    """Entries of the audit trail, as `sallyport audit` reads them."""
    done = subprocess.run([os.path.join(instance.bin, "sallyport"), "audit", "ls", "-o", "ndjson", "-n", "100000", "--state", instance.state,
                           *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done
    return [json.loads(line) for line in done.stdout.splitlines()]


def verify(instance):
    return subprocess.run([os.path.join(instance.bin, "sallyport"), "audit", "verify", "--state", instance.state],
                          capture_output=True, text=True, timeout=60, check=False)


class Evil(unittest.TestCase):
    """One instance for all tests of a class: a job of the administrator's runs in it the whole time."""

    bin_directory = None        # or other programs than those with sanitizers
    commands = COMMANDS
    lasting = ("keeper", "launcher")        # whom no attack may end
    instance = None

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("needs root: who takes a process over traces it")
        if not is_possible():
            raise unittest.SkipTest("needs x86_64: registers of other machines are not known here")
        if cls.bin_directory is not None and not os.access(os.path.join(cls.bin_directory, "sallyportd"), os.X_OK):
            raise unittest.SkipTest(f"{cls.bin_directory}/sallyportd is not built")
        cls.ci, cls.ops, cls.expired = harness.new_token(), harness.new_token(), harness.new_token()
        tokens = {
            "ci": {"hash": harness.token_hash(cls.ci), "allow": ["run:echo", "run:reads", "run:long", "read:own"]},
            "ops": {"hash": harness.token_hash(cls.ops), "allow": ["run:*", "read:own", "cancel:own"]},
            "expired": {"hash": harness.token_hash(cls.expired), "allow": ["admin"], "expires": "2020-01-01"},
        }
        cls.instance = Instance(cls.commands, tokens=tokens,
                                bin_directory=cls.bin_directory)
        cls.instance.config["server"]["listen"].append(f"unix:{cls.instance.socket_path}")
        try:
            cls.configure(cls.instance)
            cls.instance.start()
            cls.job = cls.instance.submit("long")["id"]
            wait_until(lambda: cls.instance.job(cls.job)["state"] == "running", SECONDS)
            cls.job_bytes = job_bytes(cls.job)
            cls.parts = {name: cls.instance.part(name) for name in cls.lasting}
        except BaseException:
            cls.instance.kill()
            raise

    @classmethod
    def configure(cls, instance):
        """What a class has in its configuration beside all this."""

    @classmethod
    def tearDownClass(cls):
        if cls.instance is not None and cls.instance.process is not None:
            cls.instance.request("POST", f"/v1/jobs/{cls.job}/cancel")
            cls.instance.stop()

    # --- the process that is taken over ---

    def settled(self, name):
        """The process of this name, when its death would count as one of a process that had lived."""
        def there():
            found = [part for part in self.instance.processes() if part.name() == name]
            return found[0] if len(found) == 1 and self.instance.is_ready() else None
        part = wait_until(there, SECONDS, 0.05)
        self.assertIsNotNone(part, f"there is no {name}:\n{self.instance.log()}")
        ticks = os.sysconf("SC_CLK_TCK")
        born = int(part.started) / ticks
        wait_until(lambda: time.clock_gettime(time.CLOCK_BOOTTIME) - born > QUICK_DEATH_SECONDS, SECONDS, 0.05)
        return part

    def take(self, name):
        self.part = self.settled(name)
        return Takeover(self.part.pid)

    def end(self, part):
        """The process that was attacked has nothing more to lose; untouched() awaits its successor."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(part.pid, signal.SIGKILL)
        wait_until(lambda: not part.is_alive(), SECONDS)

    def channels(self, taken):
        """Its SEQPACKET sockets but the bootstrap's."""
        found = []
        for fd in taken.descriptors():
            if fd != CONTROL_FD and (taken.mode(fd) or 0) & 0o170000 == stat.S_IFSOCK and taken.option(fd, 3) == SEQPACKET:
                found.append(fd)
            taken.forget()
        return found

    def keeper_fd(self, front):
        found = self.channels(front)
        self.assertEqual(len(found), 1, found)
        return found[0]

    def ask(self, front, data, fds=(), request=REQUEST):
        """Sends a message to the keeper and waits for what it answers to this request: (type, fields), or None at the end."""
        fd = self.keeper_fd(front)
        sent = front.send(fd, data, fds)
        self.assertEqual(sent, len(data), "the attacker cannot even send")
        return self.answer(front, fd, request)

    def answer(self, front, fd, request=REQUEST):
        while True:
            front.forget()
            got = front.receive(fd, timeout_ms=int(SECONDS * 1000))
            if got is None:
                return None
            if wire.request_of(got[0]) == request:
                kind, _, values = wire.read(got[0])
                return kind, values

    # --- what must hold after each attack ---

    def untouched(self):
        self.assertTrue(wait_until(self.instance.is_ready, SECONDS, 0.05), self.instance.log())
        job = self.instance.job(self.job)
        self.assertEqual((job["state"], job["end"]), ("running", None))
        for name, part in self.parts.items():
            self.assertTrue(part.is_alive(), f"{name} is another one")

    def log_lines(self, *words):
        with open(self.instance.log_path, encoding="utf-8", errors="replace") as file:
            return [line for line in file if all(word in line for word in words)]

    def dropped(self):
        """Why processes were let go and how often, as the trail has it: entries are gathered by cause."""
        return [(entry["why"], entry["count"]) for entry in trail(self.instance) if entry["what"] == "dropped"]


def unix_address(name):
    return struct.pack("H", socket.AF_UNIX) + name


def inet_address(port, host="127.0.0.1"):
    return struct.pack("H", socket.AF_INET) + struct.pack("!H4s8x", port, socket.inet_aton(host))


__all__ = ["COMMANDS", "CONTROL_FD", "Died", "Evil", "RELEASE", "REQUEST", "SECONDS", "SEQPACKET", "Takeover", "inet_address", "job_bytes",
           "trail", "unix_address", "verify", "wait_until", "wire"]
