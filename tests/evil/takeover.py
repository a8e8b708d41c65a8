"""A process of ours that was taken over: its attacker's system calls are made by the process itself.

    with Takeover(pid) as front:
        front.call("getuid")                       what the kernel answered; an errno is negative
        front.call("write", 4, b"bytes")           bytes are put into its memory, and their address is the argument
        room = front.room(100)                     memory of its own, for answers
        front.call("read", 4, room, 100); front.read(room, 100)

Who runs code in a process can do no more to others than make system calls, with its descriptors, its ids, its Landlock and its
filter. So the tests need no door in our programs: a tracer sets the registers of the live process to the call, lets it go as
far as the kernel's answer, and puts them back. The filter judges such a call like any other. The programs are those that are
released, bit by bit.

Only root can trace them: they are of other users, and not dumpable.
"""

import ctypes
import os
import platform
import signal
import struct

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long
libseccomp = ctypes.CDLL("libseccomp.so.2")

GETREGS, SETREGS, DETACH, SYSCALL, SEIZE, INTERRUPT = 12, 13, 17, 24, 0x4206, 0x4207
OPTIONS = 0x1 | 0x100000                # calls are told from signals; the process ends with its tracer
WALL = 0x40000000
IS_CALL = signal.SIGTRAP | 0x80
RESTARTS = (-512, -513, -514)           # what the kernel turns into a second try, unseen (include/linux/errno.h)
RESTART_BLOCK = -516
ROOM_BYTES = 4 << 20

REGISTERS = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base ds es fs "
             "gs").split()
ARGUMENTS = ("rdi", "rsi", "rdx", "r10", "r8", "r9")


def is_possible():
    """Whether this machine's registers are known here."""
    return platform.machine() == "x86_64"


def number_of(call):
    number = libseccomp.seccomp_syscall_resolve_name(call.encode())
    if number < 0:
        raise ValueError(f"there is no call {call}")
    return number


class Died(Exception):
    """The process ended instead of an answer."""

    def __init__(self, status):
        self.status = status
        self.signal = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        super().__init__(f"ended by signal {self.signal}" if self.signal else f"exited: {status:#x}")


class Takeover:
    def __init__(self, pid):
        self.pid = pid
        self.is_dead = False
        self.at = 0

    def _ptrace(self, request, address=0, data=None):
        if libc.ptrace(request, self.pid, address, data) < 0:
            raise OSError(ctypes.get_errno(), f"ptrace {request:#x} of {self.pid}")

    def _registers(self):
        room = (ctypes.c_ulonglong * len(REGISTERS))()
        self._ptrace(GETREGS, 0, ctypes.byref(room))
        return dict(zip(REGISTERS, room))

    def _set_registers(self, values):
        room = (ctypes.c_ulonglong * len(REGISTERS))(*(values[name] % 2**64 for name in REGISTERS))
        self._ptrace(SETREGS, 0, ctypes.byref(room))

    def _stopped(self):
        _, status = os.waitpid(self.pid, WALL)
        if not os.WIFSTOPPED(status):
            self.is_dead = True
            raise Died(status)
        return os.WSTOPSIG(status)

    def _until_call(self):
        """Goes on to the next door of the kernel, in or out."""
        passed_on = 0
        while True:
            self._ptrace(SYSCALL, 0, passed_on)
            stop = self._stopped()
            if stop == IS_CALL:
                return
            passed_on = 0 if stop == signal.SIGTRAP else stop

    def _find_instruction(self):
        """Two bytes of its own code that enter the kernel."""
        with open(f"/proc/{self.pid}/maps", encoding="ascii") as maps:
            for line in maps:
                span, rights, *_ = line.split()
                if "x" not in rights or "r" not in rights:
                    continue
                begin, end = (int(text, 16) for text in span.split("-"))
                try:
                    found = self.read(begin, min(end - begin, 1 << 21)).find(b"\x0f\x05")
                except OSError:
                    continue
                if found >= 0:
                    return begin + found
        raise RuntimeError("no code of it enters the kernel")

    def __enter__(self):
        self._ptrace(SEIZE, 0, OPTIONS)
        self._ptrace(INTERRUPT)
        self._stopped()
        self.memory = open(f"/proc/{self.pid}/mem", "r+b", buffering=0)
        self.saved = self._registers()
        self.instruction = self._find_instruction()
        self.base = self._call("mmap", 0, ROOM_BYTES, 3, 0x22, -1, 0)
        if self.base < 0:
            raise RuntimeError(f"it has no memory: {self.base}")
        self.at = self.base
        return self

    def __exit__(self, *_):
        self.memory.close()
        if self.is_dead:
            return
        try:
            self._call("munmap", self.base, ROOM_BYTES)
            registers, result = dict(self.saved), ctypes.c_longlong(self.saved["rax"]).value
            if ctypes.c_longlong(registers["orig_rax"]).value >= 0 and result in (*RESTARTS, RESTART_BLOCK):
                registers["rip"] -= 2
                registers["rax"] = number_of("restart_syscall") if result == RESTART_BLOCK else registers["orig_rax"]
            registers["orig_rax"] = -1
            self._set_registers(registers)
            self._ptrace(DETACH)
        except Died:
            pass

    def read(self, address, size):
        return os.pread(self.memory.fileno(), size, address)

    def write(self, address, data):
        os.pwrite(self.memory.fileno(), data, address)

    def room(self, size):
        """Memory of the process; all of it is given back by forget()."""
        address, self.at = self.at, self.at + (size + 15) // 16 * 16
        if self.at > self.base + ROOM_BYTES:
            raise MemoryError("the attacker asks for more than it took")
        return address

    def put(self, data):
        address = self.room(max(len(data), 1))
        self.write(address, data)
        return address

    def forget(self):
        self.at = self.base

    def _call(self, call, *arguments):
        number = number_of(call) if isinstance(call, str) else call
        values = [self.put(value) if isinstance(value, bytes) else value for value in arguments]
        registers = dict(self.saved, rip=self.instruction, rax=number, orig_rax=-1, **dict(zip(ARGUMENTS, values + [0] * (6 - len(values)))))
        self._set_registers(registers)
        self._until_call()
        self._until_call()
        result = ctypes.c_longlong(self._registers()["rax"]).value
        if result == number and self._is_condemned():
            self._until_call()
        return result

    def _is_condemned(self):
        """A filter that kills leaves the number where the answer would be, and the signal for the way out."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            pending = next(line for line in status if line.startswith("SigPnd:"))
        return int(pending.split()[1], 16) >> (signal.SIGSYS - 1) & 1

    def call(self, call, *arguments):
        """The kernel's answer. Raises Died where there is none."""
        return self._call(call, *arguments)

    # --- what an attacker builds of calls ---

    def send(self, fd, data, fds=(), flags=0x4040):
        """sendmsg with descriptors; flags: MSG_NOSIGNAL | MSG_DONTWAIT."""
        control = b""
        if fds:
            control = struct.pack("QII", 16 + 4 * len(fds), 1, 1) + struct.pack(f"{len(fds)}i", *fds)
            control += bytes(-len(control) % 8)
        part = self.put(struct.pack("QQ", self.put(data), len(data)))
        head = struct.pack("QIxxxxQQQQIxxxx", 0, 0, part, 1, self.put(control) if control else 0, len(control), 0)
        return self.call("sendmsg", fd, head, flags)

    def receive(self, fd, timeout_ms=10000, size=65536):
        """One message and the descriptors that came with it; None when nothing comes."""
        poll = self.put(struct.pack("ihh", fd, 1, 0))
        if self.call("poll", poll, 1, timeout_ms) <= 0:
            return None
        data, control = self.room(size), self.room(256)
        part = self.put(struct.pack("QQ", data, size))
        head = self.put(struct.pack("QIxxxxQQQQIxxxx", 0, 0, part, 1, control, 256, 0))
        got = self.call("recvmsg", fd, head, 0x40000040)
        if got <= 0:
            return None
        room = struct.unpack("QIxxxxQQQQIxxxx", self.read(head, 56))[5]
        fds = []
        if room >= 16:
            length, level, kind = struct.unpack("QII", self.read(control, 16))
            if (level, kind) == (1, 1):
                fds = list(struct.unpack(f"{(length - 16) // 4}i", self.read(control + 16, length - 16)))
        return self.read(data, got), fds

    def descriptors(self):
        """Which there are: an attacker would try all numbers, and gets no others by that."""
        return sorted(int(name) for name in os.listdir(f"/proc/{self.pid}/fd"))

    def option(self, fd, option):
        """A number that SOL_SOCKET tells; None for what is no socket."""
        value, size = self.put(b"\xff" * 4), self.put(struct.pack("I", 4))
        return struct.unpack("i", self.read(value, 4))[0] if self.call("getsockopt", fd, 1, option, value, size) == 0 else None

    def mode(self, fd):
        """st_mode, or None where there is no descriptor of that number."""
        room = self.room(144)
        return struct.unpack_from("I", self.read(room, 144), 24)[0] if self.call("fstat", fd, room) == 0 else None
