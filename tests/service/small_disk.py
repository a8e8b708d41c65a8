"""A disk that is small enough to fill: a tmpfs, seen by this test's process and its children alone.

It is mounted in a mount namespace of our own, so that nothing of it is left when the process ends, however it ends.
"""

import contextlib
import ctypes
import os
import shutil
import subprocess

from host import make_directory

CLONE_NEWNS = 0x20000
PAGE = 4096

_state = {"is_apart": False}


def _go_apart():
    """Once for the process: what it mounts from here on is its own affair."""
    if _state["is_apart"]:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    _state["is_apart"] = True


class SmallDisk:
    """`path` is the disk; what else lies in `directory` is on the host's."""

    def __init__(self, mebibytes):
        _go_apart()
        self.directory = make_directory("disk")
        self.path = os.path.join(self.directory, "disk")
        self.foreign = os.path.join(self.path, "foreign")
        os.mkdir(self.path)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=0755", "disk", self.path], check=True)

    def remove(self):
        subprocess.run(["umount", self.path], check=True)
        shutil.rmtree(self.directory)

    def remount(self, options):
        return subprocess.run(["mount", "-o", f"remount,{options}", self.path], capture_output=True, check=False)

    def free_bytes(self):
        disk = os.statvfs(self.path)
        return disk.f_bavail * disk.f_frsize

    def fill(self, leave=0):
        """All of it but so many bytes, by a file that is nobody's."""
        with open(self.foreign, "ab", buffering=0) as file, contextlib.suppress(OSError):
            while leave == 0 or self.free_bytes() > leave:
                file.write(bytes(PAGE))

    def free(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.foreign)
