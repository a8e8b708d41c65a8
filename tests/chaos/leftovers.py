"""What is left over: of jobs while the instance still serves, and of the instance when it has ended."""

import collections
import contextlib
import fcntl
import os
import re
import struct

from harness import mounts_with, wait_until
from host import all_processes, cgroups_of

IDLE_SECONDS = 20           # until the instance is as it was at first
GONE_SECONDS = 3            # until all of it is gone
OURS = ("sallyportd", "front", "keeper", "launcher", "notifier")
NS_GET_USERNS, NS_GET_OWNER_UID = 0xB701, 0xB704        # ioctl_ns(2)


# --- while it serves ------------------------------------------------------------------------------------------------------


def kinds_of_descriptors(pid):
    """What a process holds, without numbers that differ from time to time."""
    found = collections.Counter()
    with contextlib.suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                target = os.readlink(f"/proc/{pid}/fd/{name}")
                found[re.sub(r"\d+", "N", target)] += 1
    return found


def picture(instance):
    """An idle instance: its processes by program and, for those that stay, what they hold; its jobs' control groups."""
    tree = instance.processes()
    programs = collections.Counter(process.name() for process in tree)
    held = {process.name(): kinds_of_descriptors(process.pid) for process in tree if process.name() in OURS}
    return {"processes": programs, "descriptors": held, "job groups": len([path for path in cgroups_of(instance.state) if "/jobs/" in path])}


def differences(before, after):
    for name in ("processes", "job groups"):
        if before[name] != after[name]:
            yield f"{name}: {before[name]} before, {after[name]} after"
    for name, held in before["descriptors"].items():
        now = after["descriptors"].get(name, collections.Counter())
        if now != held:
            yield f"descriptors of {name}: more {dict(now - held)}, less {dict(held - now)}"


def check_idle(facts):
    """As it was before the first job."""
    wait_until(lambda: not list(differences(facts.before, picture(facts.instance))), IDLE_SECONDS, 0.5)
    yield from (f"left over: {text}" for text in differences(facts.before, picture(facts.instance)))


# --- when it has ended ----------------------------------------------------------------------------------------------------


def is_of_slots(pid, ids):
    """Whether a process, or the user namespace that it is in, has one of our slots' ids."""
    with contextlib.suppress(OSError, ValueError):
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            if any(int(word) in ids for line in file if line.startswith("Uid:") for word in line.split()[1:]):
                return True
        with open(f"/proc/{pid}/uid_map", encoding="ascii") as file:
            return any(int(line.split()[1]) in ids for line in file)
    return False


def _owner_of(path):
    """The uid that owns the user namespace which a namespace is, or belongs to."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if not os.readlink(f"/proc/self/fd/{fd}").startswith("user:"):
            owner = fcntl.ioctl(fd, NS_GET_USERNS)
            os.close(fd)
            fd = owner
        return struct.unpack("I", fcntl.ioctl(fd, NS_GET_OWNER_UID, b"\0" * 4))[0]
    finally:
        os.close(fd)


def namespaces_held(pid, ids):
    """Namespaces of our slots that a process is in or holds open."""
    paths = [f"/proc/{pid}/ns/{kind}" for kind in ("user", "mnt", "pid", "net")]
    with contextlib.suppress(OSError):
        paths += [f"/proc/{pid}/fd/{name}" for name in os.listdir(f"/proc/{pid}/fd")]
    for path in paths:
        with contextlib.suppress(OSError):
            target = os.readlink(path)
            if re.fullmatch(r"[a-z_]+:\[\d+\]", target) and not target.startswith(("pipe:", "socket:")) and _owner_of(path) in ids:
                yield target


def left_over(facts):
    for process in all_processes():
        is_ours = process in facts.instance.seen or is_of_slots(process.pid, facts.slot_ids)
        with contextlib.suppress(OSError):
            if is_ours and process.is_alive():
                yield f"process {process!r} is left"
            yield from (f"namespace {name} is left, held by {process!r}" for name in namespaces_held(process.pid, facts.slot_ids))
    yield from (f"control group {path} is left" for path in cgroups_of(facts.instance.state))
    yield from (f"mount {line.split()[4]} is left" for line in mounts_with(facts.instance.directory))


def check_left(facts):
    wait_until(lambda: not list(left_over(facts)), GONE_SECONDS, 0.2)
    yield from left_over(facts)
