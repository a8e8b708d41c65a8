"""The host as tests see it: accounts, places for instances, processes, mounts, cgroups."""

import atexit
import contextlib
import os
import pwd
import re
import socket
import subprocess
import tempfile
import time

# Without an account and without any process: jobs of nobody, and controls that are run without a sandbox.
BARE_UID = 61234
ROOTLESS_USER = "sallyport-test"


def as_user(user):
    """The words that put a command line under another user; none for ourselves."""
    if user is None:
        return []
    account = pwd.getpwnam(user)
    return ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups", "--"]


def ordinary_user():
    """An account for rootless instances: ourselves (None), or one made for this when we are root."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(ROOTLESS_USER)
    except KeyError:
        subprocess.run(["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin",
                        "--home-dir", "/nonexistent", ROOTLESS_USER], check=True, capture_output=True)
    return ROOTLESS_USER


def _root_directory():
    chosen = os.environ.get("SALLYPORT_TEST_DIR")
    if chosen:
        return chosen
    if os.geteuid() == 0:
        return "/var/lib/sallyport-tests"       # every parent belongs to root, as the configuration's files must
    return os.path.expanduser("~/.cache/sallyport-tests")


def _remove_if_empty(path):
    with contextlib.suppress(OSError):
        os.rmdir(path)


def make_directory(name, user=None):
    root = _root_directory()
    if not os.path.isdir(root):
        os.makedirs(root, exist_ok=True)
        os.chmod(root, 0o755)  # whatever the umask: rootless instances go through it
    atexit.register(_remove_if_empty, root)
    directory = tempfile.mkdtemp(prefix=name + "-", dir=root)
    os.chmod(directory, 0o755)
    if user is not None:
        account = pwd.getpwnam(user)
        os.chown(directory, account.pw_uid, account.pw_gid)
    return directory


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """A process by pid and start time, so that a reused pid is another one."""

    def __init__(self, pid):
        self.pid = pid
        self.started = self._stat()[19]

    def _stat(self):
        with open(f"/proc/{self.pid}/stat", "rb") as file:
            return file.read().rsplit(b")", 1)[1].split()

    def __eq__(self, other):
        return (self.pid, self.started) == (other.pid, other.started)

    def __hash__(self):
        return hash((self.pid, self.started))

    def __repr__(self):
        return f"{self.pid} ({self.name()})"

    def is_alive(self):
        try:
            fields = self._stat()
            return fields[19] == self.started and fields[0] not in (b"Z", b"X")
        except OSError:
            return False

    def cpu_ticks(self):
        """What it took of a processor, in hundredths of a second."""
        return sum(int(field) for field in self._stat()[11:13])

    def is_zombie(self):
        try:
            return self._stat()[0] == b"Z"
        except OSError:
            return False

    def parent(self):
        return int(self._stat()[1])

    def name(self):
        try:
            with open(f"/proc/{self.pid}/comm", encoding="utf-8", errors="replace") as file:
                return file.read().strip()
        except OSError:
            return "gone"

    def status(self, thread=None):
        """/proc/PID/status as a dictionary, of its first thread or of another."""
        with open(f"/proc/{self.pid}/task/{thread or self.pid}/status", encoding="utf-8", errors="replace") as file:
            return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)

    def threads(self):
        return sorted(int(name) for name in os.listdir(f"/proc/{self.pid}/task"))

    def uid(self):
        return int(self.status()["Uid"].split()[0])

    def resident_bytes(self):
        return int(self.status().get("VmRSS", "0 kB").split()[0]) * 1024

    def peak_bytes(self):
        """The most that was ever resident, or since forget_peak()."""
        return int(self.status().get("VmHWM", "0 kB").split()[0]) * 1024

    def forget_peak(self):
        """Only root may; for others the peak stays, and what is measured against it grows later."""
        with contextlib.suppress(PermissionError), open(f"/proc/{self.pid}/clear_refs", "w", encoding="ascii") as file:
            file.write("5")

    def read_bytes(self):
        """All that it has read by now, from files and sockets alike."""
        with open(f"/proc/{self.pid}/io", encoding="ascii") as file:
            return int(next(line for line in file if line.startswith("rchar:")).split()[1])

    def descriptors(self):
        return sorted(int(name) for name in os.listdir(f"/proc/{self.pid}/fd"))


def all_processes():
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                found.append(Process(int(name)))
    return found


def processes_named(name):
    """Those that live under this name now. The youngest first: some do not live long."""
    found = []
    for pid in sorted((int(entry) for entry in os.listdir("/proc") if entry.isdigit()), reverse=True):
        with contextlib.suppress(OSError, IndexError):
            with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
                if file.read().strip() == name:
                    found.append(Process(pid))
    return [process for process in found if process.is_alive()]


def process_tree(pid):
    """The process and everything below it."""
    children = {}
    for process in all_processes():
        with contextlib.suppress(OSError):
            children.setdefault(process.parent(), []).append(process)
    try:
        tree = [Process(pid)]
    except (OSError, IndexError):
        return []
    for process in tree:
        tree.extend(children.get(process.pid, []))
    return tree


def children_of(pid):
    """Now and then one is missing here: the kernel may skip one while another ends (proc(5))."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]
    return []


def wait_until(condition, seconds, pause=0.02):
    """The condition's value as soon as it is true; its last value after so many seconds."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() >= end:
            return value
        time.sleep(pause)


def mounts_with(text):
    with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as file:
        return [line for line in file if text in line]


def cgroups_of(state):
    """The control groups of the instance with this state directory; their name is that of src/bootstrap/groups.c."""
    try:
        stat = os.stat(state)
    except OSError:
        return []
    name = f"sallyport-{stat.st_dev:x}-{stat.st_ino:x}"
    return [path for directory, names, _ in os.walk("/sys/fs/cgroup") for path in (os.path.join(directory, entry) for entry in names)
            if name in path]


def memory_of(pid):
    """All that a process could write into a core, as root may read it, in pieces."""
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb") as memory:
        for line in maps:
            first, last, rights = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+)", line).groups()
            if rights.startswith("rw"):
                with contextlib.suppress(OSError, ValueError, OverflowError):
                    memory.seek(int(first, 16))
                    yield memory.read(min(int(last, 16) - int(first, 16), 1 << 26))
