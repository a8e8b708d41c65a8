"""What stands on the host while a job attacks: canaries, listeners, victims. The host decides, not the job.

A stage is entered for one attempt. `words` fills the {names} in the probe's arguments; `has_escaped(output)` says what the
host saw: True, False, or None where there is nothing to see but what the probe says.
"""

import contextlib
import ctypes
import os
import pty
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from corpus import OBEYED
from harness import BARE_UID, free_port, wait_until

LIBC = ctypes.CDLL(None, use_errno=True)


class Scene:
    """What all stages share: the probe's directory and the job's kernel uid, for a victim of the same id."""

    def __init__(self, probe_directory, job_uid=None):
        self.probe_directory, self.job_uid = probe_directory, job_uid
        self.probe = os.path.join(probe_directory, "escape-probe")


class Plain:
    def __init__(self, scene):
        self.scene = scene
        self.nonce = secrets.token_hex(12)
        self.words = {"nonce": self.nonce, "probe": scene.probe, "host_name": socket.gethostname()}
        self.scratch = None

    def __enter__(self):
        self.scratch = tempfile.mkdtemp(prefix="sallyport-bare-", dir="/tmp")
        os.chmod(self.scratch, 0o777)
        self.words["scratch"] = self.scratch
        self.set_up()
        return self

    def __exit__(self, *_):
        self.tear_down()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def set_up(self):
        pass

    def tear_down(self):
        pass

    def has_escaped(self, output):
        return None

    # --- the control without a sandbox ---

    def bare_command(self, arguments, as_root):
        who = [] if as_root or os.geteuid() != 0 else ["setpriv", f"--reuid={BARE_UID}", f"--regid={BARE_UID}", "--clear-groups", "--"]
        return [*who, self.scene.probe, *arguments]

    def run_bare(self, arguments, as_root=False, **more):
        """The attack without a sandbox; returns (exit status, output)."""
        done = subprocess.run(self.bare_command(arguments, as_root), cwd=self.scratch, timeout=20, check=False,
                              **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more})
        return done.returncode, done.stdout or b""


class CanaryTold(Plain):
    """A file of the host whose text only a reader can know."""

    def set_up(self):
        self.path = os.path.join(self.scene.probe_directory, "..", "canary-" + self.nonce[:6])
        self.path = os.path.normpath(self.path)
        with open(self.path, "w", encoding="ascii") as file:
            file.write(self.nonce + "\n")
        os.chmod(self.path, 0o644)
        self.words["canary"] = self.path

    def tear_down(self):
        os.unlink(self.path)

    def has_escaped(self, output):
        return True if self.nonce.encode() in output else None


class LooseFile(Plain):
    """A file that anybody may write, in a directory that the job may only read."""

    def set_up(self):
        self.path = os.path.join(self.scene.probe_directory, "loose-" + self.nonce[:6])
        with open(self.path, "w", encoding="ascii") as file:
            file.write("as it was, and as it must stay\n")
        os.chmod(self.path, 0o666)
        self.words["loose_file"] = self.path

    def tear_down(self):
        os.unlink(self.path)

    def has_escaped(self, output):
        with open(self.path, encoding="ascii") as file:
            return self.nonce in file.read()


class LooseDirectory(LooseFile):
    """The same, and beside it a directory where anybody may make names."""

    def set_up(self):
        super().set_up()
        self.links = self.path + ".d"
        os.mkdir(self.links)
        os.chmod(self.links, 0o777)
        self.words["loose_link"] = os.path.join(self.links, "link")

    def tear_down(self):
        shutil.rmtree(self.links)
        super().tear_down()

    def has_escaped(self, output):
        return os.stat(self.path).st_nlink > 1


class ChrootJail(CanaryTold):
    """For the control: a jail that is nothing but a chroot, with the host's root still around it."""

    def bare_command(self, arguments, as_root):
        jail = os.path.join(self.scratch, "root")
        os.makedirs(os.path.join(jail, "jail"), exist_ok=True)
        shutil.copy(self.scene.probe, os.path.join(jail, "probe"))
        return ["chroot", jail, "/probe", *arguments]


class LooseProgram(Plain):
    """A copy of the probe that anybody may write."""

    def set_up(self):
        self.path = os.path.join(self.scene.probe_directory, "loose-" + self.nonce[:6])
        shutil.copy(self.scene.probe, self.path)
        os.chmod(self.path, 0o777)
        self.words["loose_probe"] = self.path

    def tear_down(self):
        os.unlink(self.path)

    def has_escaped(self, output):
        with open(self.path, "rb") as copy, open(self.scene.probe, "rb") as original:
            return copy.read(64) != original.read(64)


class SetuidProgram(Plain):
    def set_up(self):
        self.path = os.path.join(self.scene.probe_directory, "setuid-" + self.nonce[:6])
        shutil.copy(self.scene.probe, self.path)
        os.chmod(self.path, 0o4755)
        self.words["setuid_probe"] = self.path

    def tear_down(self):
        os.unlink(self.path)


class SharedOutput(Plain):
    """Without a sandbox and with a file as its output, a program can rewrite what was said before it."""

    def run_bare(self, arguments, as_root=False, **more):
        with tempfile.TemporaryFile() as output:
            output.write(b"said before\n" * 100)
            output.flush()
            status, _ = super().run_bare(arguments, as_root, stdout=output)
            output.seek(0)
            self.is_gone = not output.read().startswith(b"said before")
        return status, b""

    def has_escaped(self, output):
        return getattr(self, "is_gone", None)


class OwnPipe(Plain):
    """A pipe that the program's own id made, as any shell does."""

    def bare_command(self, arguments, as_root):
        command = super().bare_command(["ARGUMENTS"], as_root)[:-2]
        return [*command, "sh", "-c", f"exec 3>&1; {{ {self.scene.probe} {' '.join(arguments)} 3>&-; echo $? >status; }} | cat >&3"]

    def run_bare(self, arguments, as_root=False, **more):
        _, output = super().run_bare(arguments, as_root, **more)
        with open(os.path.join(self.scratch, "status"), encoding="ascii") as file:
            return int(file.read()), output


class HostMount(Plain):
    def set_up(self):
        self.path = os.path.join(self.scratch, self.nonce)
        os.mkdir(self.path)
        subprocess.run(["mount", "-t", "tmpfs", "none", self.path], check=True)

    def tear_down(self):
        subprocess.run(["umount", self.path], check=True)


class Listener(Plain):
    """Somebody on the host who would hear a job."""

    def make_socket(self):
        raise NotImplementedError

    def set_up(self):
        self.heard, self.descriptors = b"", []
        self.socket = self.make_socket()
        self.socket.listen(8)
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            with peer:
                peer.settimeout(2)
                with contextlib.suppress(OSError):
                    if peer.family == socket.AF_UNIX:
                        data, descriptors, _, _ = socket.recv_fds(peer, 4096, 8)
                        self.descriptors += descriptors
                    else:
                        data = peer.recv(4096)
                    self.heard += data

    def tear_down(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(5)
        for descriptor in self.descriptors:
            os.close(descriptor)

    def has_escaped(self, output):
        return bool(wait_until(lambda: self.nonce.encode() in self.heard, 1 if b"worked" in output else 0.05))


class AbstractListener(Listener):
    def make_socket(self):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind("\0sallyport-test-" + self.nonce)
        self.words["abstract"] = "sallyport-test-" + self.nonce
        return listener


class TcpListener(Listener):
    def make_socket(self):
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        self.words["port"] = str(listener.getsockname()[1])
        return listener


class PathListener(Listener):
    def make_socket(self):
        listener = socket.socket(socket.AF_UNIX)
        path = os.path.join(self.scratch, "service.sock")
        listener.bind(path)
        os.chmod(path, 0o777)
        self.words["socket_path"] = path
        return listener


class Impersonation(Plain):
    """A client of the host that calls a port on which nobody should answer."""

    def set_up(self):
        self.port = free_port()
        self.words["free_port"] = str(self.port)
        self.was_answered, self.stopped = False, threading.Event()
        self.thread = threading.Thread(target=self.call, daemon=True)
        self.thread.start()

    def call(self):
        while not self.stopped.wait(0.05):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                self.was_answered = True

    def tear_down(self):
        self.stopped.set()
        self.thread.join(5)

    def has_escaped(self, output):
        return self.was_answered


class Program32(Plain):
    """The smallest 32-bit program: exit(0) through int 0x80."""

    CODE = bytes.fromhex("31db" "31c0" "40" "cd80")     # xor ebx,ebx; xor eax,eax; inc eax; int 0x80

    def set_up(self):
        self.path = os.path.join(self.scene.probe_directory, "program32-" + self.nonce[:6])
        base, head = 0x08048000, 52 + 32
        size = head + len(self.CODE)
        word = lambda *values: b"".join(value.to_bytes(4, "little") for value in values)
        half = lambda *values: b"".join(value.to_bytes(2, "little") for value in values)
        elf = b"\x7fELF\x01\x01\x01" + bytes(9) + half(2, 3) + word(1, base + head, 52, 0, 0) + half(52, 32, 1, 0, 0, 0)
        segment = word(1, 0, base, base, size, size, 5, 4096)
        with open(self.path, "wb") as file:
            file.write(elf + segment + self.CODE)
        os.chmod(self.path, 0o755)
        self.words["program32"] = self.path

    def tear_down(self):
        os.unlink(self.path)


class Terminal(Plain):
    """The control has a terminal, which a job never has: what it types there, a reader finds."""

    def run_bare(self, arguments, as_root=False, **more):
        pid, master = pty.fork()
        if pid == 0:
            command = self.bare_command(arguments, True)    # root keeps the terminal's file modes out of the question
            os.execvp(command[0], command)
        output = b""
        with contextlib.suppress(OSError):
            while data := os.read(master, 4096):
                output += data
        os.close(master)
        _, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status), output


class Loader(Plain):
    def set_up(self):
        found = [path for path in ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1") if os.path.exists(path)]
        self.words["loader"] = found[0] if found else ""


class ProgramAsInput(Plain):
    """The control gets a script in a memory file as its standard input."""

    def run_bare(self, arguments, as_root=False, **more):
        memory = os.memfd_create("input")
        try:
            os.write(memory, b"#!/bin/sh\nexit 0\n")
            with open(f"/proc/self/fd/{memory}", "rb") as reading:  # what is open for writing cannot be executed
                os.fchmod(memory, 0o755)
                os.close(memory)
                memory = -1
                return super().run_bare(arguments, as_root, stdin=reading)
        finally:
            if memory >= 0:
                os.close(memory)


class Victim(Plain):
    """A process outside with the very id that the job has on the host."""

    def set_up(self):
        uid = self.scene.job_uid or BARE_UID
        self.process = subprocess.Popen(["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--", "sleep", "60"])
        time.sleep(0.2)
        self.words["victim"] = str(self.process.pid)

    def bare_command(self, arguments, as_root):
        uid = self.scene.job_uid or BARE_UID
        return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--", self.scene.probe, *arguments]

    def tear_down(self):
        self.process.kill()
        self.process.wait()

    def has_escaped(self, output):
        time.sleep(0.1)
        return self.process.poll() is not None


class Peer(Plain):
    """Without a sandbox: another process of the same id, which is what a badly made init would be."""

    def set_up(self):
        self.process = subprocess.Popen(super().bare_command(["hold", "60000"], False), stdout=subprocess.PIPE)
        self.process.stdout.readline()
        self.words["peer"] = str(self.process.pid)

    def tear_down(self):
        self.process.kill()
        self.process.stdout.close()
        self.process.wait()


class TalkativeProcess(Plain):
    """A process outside with a secret among its arguments and in its environment."""

    def set_up(self):
        self.process = subprocess.Popen(["sleep", "60.0" + "".join(f"{ord(c) % 10}" for c in self.nonce)],
                                        env={"SECRET": self.nonce, "PATH": os.environ["PATH"]})
        self.words["nonce"] = self.process.args[1]

    def tear_down(self):
        self.process.kill()
        self.process.wait()


class Segment(Plain):
    """A System V segment that everybody on the host may read."""

    def set_up(self):
        self.key = secrets.randbelow(2**30) + 1
        LIBC.shmat.restype = ctypes.c_void_p
        self.id = LIBC.shmget(self.key, 4096, 0o1000 | 0o666)
        if self.id < 0:
            raise OSError(ctypes.get_errno(), "shmget")
        place = LIBC.shmat(self.id, None, 0)
        ctypes.memmove(place, self.nonce.encode(), len(self.nonce))
        LIBC.shmdt(ctypes.c_void_p(place))
        self.words["key"] = str(self.key)

    def tear_down(self):
        LIBC.shmctl(self.id, 0, None)

    def has_escaped(self, output):
        return self.nonce.encode() in output


class Queue(Plain):
    """A POSIX message queue with a message in it."""

    def set_up(self):
        self.name = b"/sallyport-" + self.nonce.encode()
        mask = os.umask(0)
        self.queue = LIBC.mq_open(self.name, os.O_RDWR | os.O_CREAT, 0o666, None)
        os.umask(mask)
        if self.queue < 0:
            raise OSError(ctypes.get_errno(), "mq_open")
        LIBC.mq_send(self.queue, self.nonce.encode(), len(self.nonce), 0)
        self.words["queue"] = self.name.decode()

    def tear_down(self):
        LIBC.mq_close(self.queue)
        LIBC.mq_unlink(self.name)

    def has_escaped(self, output):
        return self.nonce.encode() in output


class ShmFile(Plain):
    def set_up(self):
        self.path = "/dev/shm/sallyport-" + secrets.token_hex(6)
        with open(self.path, "w", encoding="ascii") as file:
            file.write(self.nonce)
        os.chmod(self.path, 0o644)
        self.words["shm_file"] = self.path

    def tear_down(self):
        os.unlink(self.path)

    def has_escaped(self, output):
        return self.nonce.encode() in output


def be_careless():
    """What nohup, cron and old shells leave to their children. The instances of these tests are started like this."""
    os.umask(0)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGCHLD, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2, signal.SIGALRM})


CARELESS_ENVIRONMENT = {"SALLYPORT_TEST_CANARY": "1", **dict.fromkeys(OBEYED, "/nonexistent"), "GLIBC_TUNABLES": "", "MALLOC_ARENA_MAX": "1"}


class CarelessParent(Plain):
    def run_bare(self, arguments, as_root=False, **more):
        return super().run_bare(arguments, as_root, preexec_fn=be_careless, restore_signals=False,
                                env={**os.environ, **CARELESS_ENVIRONMENT})


STAGES = {
    "plain": Plain, "canary_told": CanaryTold, "loose_file": LooseFile, "loose_directory": LooseDirectory, "chroot_jail": ChrootJail, "loose_program": LooseProgram,
    "setuid_program": SetuidProgram, "shared_output": SharedOutput, "own_pipe": OwnPipe, "host_mount": HostMount,
    "abstract_listener": AbstractListener, "tcp_listener": TcpListener, "path_listener": PathListener,
    "impersonation": Impersonation, "program_32": Program32, "terminal": Terminal, "loader": Loader,
    "program_as_input": ProgramAsInput, "victim": Victim, "peer": Peer, "talkative_process": TalkativeProcess, "segment": Segment,
    "queue": Queue, "shm_file": ShmFile, "careless_parent": CarelessParent,
}
