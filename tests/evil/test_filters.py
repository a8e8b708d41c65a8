"""Which calls each of our processes has, of those that are told apart here: a table. All others are not there (ENOSYS), some are the end.

The calls are made by the live processes of a running service, as they are released, with arguments by which nothing happens.
"""

import signal
import subprocess
import unittest

from rig import RELEASE, SECONDS, Died, Evil, Takeover, wait_until

ENOSYS = -38
HAS_NO_CONTROL = ("fork", "clone")          # would make what nobody ends
NOBODY = ()
CHILDREN = ("front", "keeper", "launcher", "notifier")
FD = -1                 # no descriptor has this number
NOWHERE = 8             # an address at which there is no memory

# A call, its arguments, and who has it
CALLS = [
    ("read", (FD, NOWHERE, 1), CHILDREN),
    ("sendmsg", (FD, NOWHERE, 0), CHILDREN),
    ("newfstatat", (FD, NOWHERE, NOWHERE, 0), CHILDREN),
    ("epoll_ctl", (FD, 1, FD, 0), CHILDREN),
    # files
    ("open", (NOWHERE, 0), ("keeper",)),
    ("openat", (FD, NOWHERE, 0), ("keeper", "launcher")),
    ("openat2", (FD, NOWHERE, NOWHERE, 0), ("keeper",)),
    ("mkdirat", (FD, NOWHERE, 0), ("keeper", "launcher")),
    ("unlinkat", (FD, NOWHERE, 0), ("keeper", "launcher")),
    ("renameat2", (FD, NOWHERE, FD, NOWHERE, 0), ("keeper",)),
    ("getdents64", (FD, NOWHERE, 0), ("keeper",)),
    ("ftruncate", (FD, 0), ("keeper",)),
    ("flock", (FD, 0), ("keeper",)),
    ("fchmod", (FD, 0), ("front", "keeper")),
    ("memfd_create", (NOWHERE, 0), ("front", "keeper")),
    ("symlinkat", (NOWHERE, FD, NOWHERE), NOBODY),
    ("linkat", (FD, NOWHERE, FD, NOWHERE, 0), NOBODY),
    ("mknodat", (FD, NOWHERE, 0, 0), NOBODY),
    ("fchown", (FD, 0, 0), NOBODY),
    ("fchdir", (FD,), NOBODY),
    ("inotify_init1", (-1,), NOBODY),
    # pipes
    ("pipe2", (NOWHERE, 0), ("launcher",)),
    ("splice", (FD, 0, FD, 0, 0, 0), ("keeper",)),
    ("sendfile", (FD, FD, 0, 0), ("keeper",)),
    # sockets
    ("accept4", (FD, 0, 0, 0), ("front",)),
    ("shutdown", (FD, 1), ("front",)),
    ("setsockopt", (FD, 6, 1, NOWHERE, 4), ("front", "notifier")),
    ("getsockname", (FD, NOWHERE, NOWHERE), ("front", "keeper", "notifier")),
    ("connect", (FD, NOWHERE, 0), ("notifier",)),
    ("socket", (1, 1, 0), NOBODY),
    ("socket", (16, 3, 0), NOBODY),
    ("socketpair", (1, 1, 0, NOWHERE), NOBODY),
    ("bind", (FD, NOWHERE, 0), NOBODY),
    ("listen", (FD, 0), NOBODY),
    # processes
    ("clone3", (0, 0), NOBODY),
    ("clone", (0x10000, 0, 0, 0, 0), NOBODY),
    ("fork", (), NOBODY),
    ("kill", (1, 0), NOBODY),
    ("pidfd_open", (1, 0), NOBODY),
    ("pidfd_send_signal", (FD, 0, 0, 0), NOBODY),
    ("wait4", (-1, 0, 1, 0), NOBODY),
    # itself
    ("mmap", (0, 4096, 5, 0x22, -1, 0), NOBODY),
    ("prctl", (4, 1, 0, 0, 0), NOBODY),
    ("seccomp", (2, 0, NOWHERE), NOBODY),
    ("landlock_restrict_self", (FD, 0), NOBODY),
    ("prlimit64", (0, 7, 0, NOWHERE), NOBODY),
    ("fcntl", (FD, 8, 1), NOBODY),
    ("ioctl", (0, 0x5412, NOWHERE), NOBODY),
]

FATAL = (("execve", (b"/bin/sh\0", 0, 0)), ("ptrace", (16, 1, 0, 0)), ("setns", (FD, 0)), ("mount", (0, 0, 0, 0, 0)), ("setresuid", (0, 0, 0)), ("bpf", (99, 0, 0)))


class Filters(Evil):
    """A test for each process is added below. The launcher's ends take the job with them that others leave alone."""

    bin_directory = RELEASE         # a sanitizer's calls are allowed, too
    lasting = ()

    @classmethod
    def configure(cls, instance):
        instance.set_callbacks({"nobody": {"url": "https://nobody.example/"}})        # for which there is a notifier

    def has_its_calls(self, name):
        with self.take(name) as taken:
            answers = [(call, arguments, taken.call(call, *arguments) != ENOSYS) for call, arguments, _ in CALLS]
        self.assertEqual(answers, [(call, arguments, name in who) for call, arguments, who in CALLS])
        self.assertTrue(self.part.is_alive())
        self.assertTrue(wait_until(self.instance.is_ready, SECONDS, 0.05))

    def ends_at_others(self, name):
        for call, arguments in FATAL:
            with self.subTest(call):
                line = f"{name} was ended by signal 31"
                before = len(self.log_lines(line))
                with self.assertRaises(Died) as end, self.take(name) as taken:
                    taken.call(call, *arguments)
                self.assertEqual(end.exception.signal, signal.SIGSYS)
                self.assertTrue(wait_until(lambda: len(self.log_lines(line)) == before + 1, SECONDS), line)

    def test_without_a_filter_all_of_them_are_there(self):
        with subprocess.Popen(["/usr/bin/sleep", "600"]) as process:
            try:
                with Takeover(process.pid) as taken:
                    for call, arguments, _ in CALLS:
                        if call not in HAS_NO_CONTROL:
                            self.assertNotEqual(taken.call(call, *arguments), ENOSYS, (call, arguments))
            finally:
                process.kill()


def add(name):
    setattr(Filters, f"test_{name}_has_its_calls", lambda self: self.has_its_calls(name))
    setattr(Filters, f"test_{name}_ends_at_what_only_an_attacker_calls", lambda self: self.ends_at_others(name))


for child in CHILDREN:
    add(child)

if __name__ == "__main__":
    unittest.main()
