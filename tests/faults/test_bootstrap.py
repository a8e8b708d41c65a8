"""Each system call of a service's start fails once. Then there is no service and its log says why, or there is one like any other.

SALLYPORT_FAULTS_ALL=1 tries every call with every errno, which takes a quarter of an hour; without it each kind of call fails once.
"""

import dataclasses
import errno
import os
import re
import signal
import subprocess
import unittest

from errnos import codes_for
from harness import Instance, needs_root
from host import children_of, process_tree, wait_until
from rig import Injector

COMMANDS = {"say": {"exec": ["/usr/bin/echo", "ran"]}}
ALL = os.environ.get("SALLYPORT_FAULTS_ALL") == "1"
RELEASE = os.environ.get("SALLYPORT_RELEASE_BIN")       # a sanitizer's start has four times as many calls, most of them its own
EVERY = 8           # without ALL: of calls that name no file


@dataclasses.dataclass(frozen=True)
class Other:
    """A call whose failure keeps nothing from starting, or is told in other words, and why. Patterns match the whole."""
    name: str
    why: str
    process: str = ".*"
    path: str = ".*"
    codes: tuple = ()           # all of them

    def is_of(self, call, code):
        return all(re.fullmatch(pattern, text) for pattern, text in
                   ((self.name, call.name), (self.process, call.process), (self.path, call.path))) and \
            (not self.codes or code in self.codes)


# The service comes up, and nothing is lost by it.
STARTS = (
    Other("read|wait4|poll|flock|getrandom", "asked again", codes=(errno.EINTR,)),
    Other("close", "releases the descriptor whatever it returns"),
    Other("mmap|mremap|munmap|mprotect|sysinfo", "the C library gets its memory in another way"),
    Other("rt_sigaction", "cannot fail with what it is given"),
    Other("openat|getrandom", "a library that wants a number by chance takes the time", path="/dev/urandom|"),
    Other("openat", "there is no conf.d", path="/|conf.d", codes=(errno.ENOENT,)),
    Other("seccomp", "libseccomp asks what the kernel can do, and uses less"),
    Other("sendmsg", "waits, and sends it again", codes=(errno.ENOBUFS, errno.ETOOMANYREFS)),
    Other("openat", "the C library's zone for the log's times", path="/etc/localtime"),
    Other("keyctl", "a kernel without keyrings", codes=(errno.ENOSYS,)),
    Other("openat", "no group is left of an earlier life, or it is in the way of ours and that is told", path="sallyport-[0-9a-f-]*"),
    Other("openat", "root needs no range of ids", path="/etc/subuid"),
    Other("openat2", "what most hosts have, and this one lacks", process="0.3", codes=(errno.ENOENT,)),
    Other("readlink", "the host has no such link", process="0.3", codes=(errno.ENOENT, errno.EINVAL)),
    Other("prctl", "a process that stays hidden cannot be looked at, and the next step fails", process="0\\.[0-9]+", path="4"),
    # What the host can do is asked by trying. A command that needs what seems to be missing is refused, or says that it need not.
    Other(".*", "the host is asked", process="0.1|0.2|0.2.1"),
    Other("clone", "the host is asked", process="0"),
    Other("prctl", "the host is asked", process="0", path="22"),
    Other("landlock_create_ruleset", "the host is asked", process="0"),
    Other("access|faccessat2", "the host is asked", process="0", path="/proc/sys/vm/.*|/sys/fs/cgroup.*|/usr/bin/new.idmap"),
    Other("openat", "the host is asked", process="0", path="/proc/self/(mountinfo|cgroup)|/sys/fs/cgroup/.*"),
)

# The log says what could not be had, and not why.
WITHOUT_REASON = (
    Other("access", "that a program is missing, and where", path=".*/bin/.*"),
    Other("uname", "that the kernel's version is not known"),
    Other("seccomp|write|mmap", "libseccomp does not say", process="0"),
    Other("rt_sigprocmask|futex", "the C library ends a process that this happens to", process="0"),
    Other("read|write", "that a child gave no answer", process="0\\..*"),
)


def is_in(others, call, code):
    return any(other.is_of(call, code) for other in others)


class Traced(Instance):
    """Started by the injector, which waits for the round's order."""

    def start(self, wait=False):
        self.write_config()
        with open(self.log_path, "ab") as log:
            self.injector = Injector("start", *self.command_line(), errors=log, environment={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"})
        self.process = self.injector.process
        return self

    def bootstrap(self):
        return next(iter(children_of(self.process.pid)), None)

    def is_confined(self):
        done = subprocess.run([os.path.join(self.bin, "sallyport"), "selftest", "--state", self.state], capture_output=True, text=True,
                              check=False, timeout=30)
        return done.returncode == 0, done.stdout + done.stderr

    def settle(self):
        """True: it is ready. False: it has ended."""
        def look():
            if "0" in self.injector.told().ends:
                return "ended"
            self.seen.update(process_tree(self.process.pid)[1:])
            return "ready" if self.is_ready() else None
        return wait_until(look, 20, 0.02)

    def end(self):
        pid = self.bootstrap()
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
            wait_until(lambda: self.bootstrap() is None, 20, 0.01)
        told = self.injector.told()
        self.injector.close()
        return told


def shape(path):
    """What kind of file it is: numbers and temporary names left out."""
    return re.sub(r"[0-9]+|instance-[^/]*", "*", path)


def is_of_name_service(call):
    return call.process == "0" and ("userdb" in call.path or call.path in ("/etc/nsswitch.conf", "/etc/passwd", "/etc/group"))


def ours(calls):
    """From the first look at the configuration on, without the looks for accounts: before it the loader is at work, and in them
    the C library's name service, which take each failure for an answer of their own."""
    names = [call.name for call in calls]
    first = next(i for i, call in enumerate(calls) if call.path.endswith("sallyport.yaml"))
    asked = [i for i, call in enumerate(calls) if is_of_name_service(call)]
    return calls[first:names.index("socket")] + calls[asked[-1] + 1:]


def chosen(calls):
    """Pairs of a call and an errno."""
    if ALL:
        return [(call, code) for call in ours(calls) for code in codes_for(call)]
    counts, kept = {}, []
    for call in ours(calls):
        key = (call.process, call.name, shape(call.path))
        count = counts[key] = counts.get(key, 0) + 1
        codes = codes_for(call)
        if codes and (count == 1 or (not call.path and count % EVERY == 0)):
            kept.append((call, codes[call.number % len(codes)]))
    return kept


class StartTest(unittest.TestCase):
    def setUp(self):
        needs_root(self)

    def new_instance(self):
        return Traced(COMMANDS, slots={"count": 1}, bin_directory=RELEASE)

    def pairs_of_a_start(self):
        instance = self.new_instance().start()
        try:
            instance.injector.begin()
            self.assertEqual(instance.settle(), "ready", instance.log())
            calls = instance.injector.told().calls
            instance.end()
        finally:
            instance.kill()
        return chosen(calls)

    def fail_one(self, call, code):
        instance = self.new_instance().start()
        try:
            instance.injector.begin(call, code)
            how = instance.settle()
            log = instance.log()
            self.assertIsNotNone(how, f"neither a service nor an end:\n{log}")
            if how == "ready":
                self.assert_is_a_service(instance, call, code, log)
            told = instance.end()
            self.assertIsNotNone(told.failed, "no such call in this round")
            if how == "ended":
                self.assertNotEqual(told.ends["0"], 0)
                self.assertTrue(os.strerror(code) in log or is_in(WITHOUT_REASON, call, code), log)
            self.assertEqual(wait_until(lambda: not instance.leftovers(), 2) or instance.leftovers(), True, log)
        finally:
            instance.kill()

    def assert_is_a_service(self, instance, call, code, log):
        outcome = instance.run("say")
        if outcome.state != "succeeded":    # for what the host or the job's root seems to lack, and then nothing of it runs
            self.assertIn(outcome.state, ("rejected", "launch_failed"), outcome)
            self.assertEqual(outcome.stdout, b"", outcome)
            self.assertTrue(outcome.end["message"], outcome)
        told = os.strerror(code) in log or os.strerror(code) in (outcome.end["message"] or "")
        self.assertTrue(told or is_in(STARTS, call, code), f"it starts as if nothing had been:\n{log}")
        self.assertTrue(outcome.state != "succeeded" or outcome.stdout == b"ran\n", outcome)
        fine, said = instance.is_confined()
        self.assertTrue(fine, said)

    def test_a_call_that_fails_is_no_service_or_one_like_any_other(self):
        pairs = self.pairs_of_a_start()
        self.assertGreater(len(pairs), 100)
        for call, code in pairs:
            with self.subTest(call=str(call), code=errno.errorcode[code]):
                self.fail_one(call, code)


if __name__ == "__main__":
    unittest.main()
