"""What somebody who took the front over has at hand: its descriptors, and tokens of callers with few rights."""

import stat

SEALS, FUTURE_WRITE, ADD_SEALS = 0xf, 0x17, 1033
ALLOW_SEALING = 2


class Attacker:
    def __init__(self, test, front):
        self.front, self.test = front, test
        self.ci, self.ops, self.expired, self.admin = test.ci, test.ops, test.expired, test.instance.token
        self.hash_of_admin = test.instance.config["tokens"]["tester"]["hash"]
        self.job = test.job_bytes
        self.address = "127.0.0.1:9"        # where it says that its callers are
        self.channel = test.keeper_fd(front)

    def memory(self, content, seals, mode=0o400):
        front = self.front
        fd = front.call("memfd_create", b"in\0", ALLOW_SEALING)
        assert fd >= 0 and front.call("write", fd, content, len(content)) == len(content)
        assert front.call("fchmod", fd, mode) == 0 and (seals == 0 or front.call("fcntl", fd, ADD_SEALS, seals) == 0)
        return fd

    def listener(self, family):
        """SO_ACCEPTCONN and SO_DOMAIN say which of its sockets are listeners."""
        for fd in self.front.descriptors():
            mode = self.front.mode(fd)
            if mode is not None and stat.S_ISSOCK(mode) and self.front.option(fd, 30) == 1 and self.front.option(fd, 39) == family:
                return fd
        raise AssertionError(f"the front has no listener of family {family}")

    def fd(self, of):
        if of in ("channel", "control", "null"):
            return {"channel": self.channel, "control": 3, "null": 0}[of]
        if of in ("listener", "unix"):
            return self.listener(2 if of == "listener" else 1)
        content = b"x" * 2000 if of == "large" else b"x"
        seals = {"unsealed": 0, "future": FUTURE_WRITE}.get(of, SEALS)
        return self.memory(content, seals, 0o500 if of == "executable" else 0o400)


class Caller:
    """What the rows of system calls name: memory of the process, a listener, and the processes of others."""

    def __init__(self, test, taken):
        self.taken = taken
        self.keeper = test.parts["keeper"].pid
        self.others = [part.pid for part in test.parts.values()]
        self.room, self.put = taken.room, taken.put
        self.page = taken.base
        self.listener = self.find_listener()

    def find_listener(self):
        for fd in self.taken.descriptors():
            if self.taken.option(fd, 30) == 1 and self.taken.option(fd, 39) == 2:
                return fd
        raise AssertionError("the front has no listener")

    def arguments(self, row):
        return [self.keeper if argument == "keeper" else argument for argument in row.arguments]


class Bare(Caller):
    """The same in a process of the test's own, which nothing confines."""

    def __init__(self, test, taken):
        super().__init__(test, taken)
        self.keeper, self.others = 1, [taken.pid]

    def find_listener(self):
        fd = self.taken.call("socket", 2, 1, 0)
        assert fd >= 0 and self.taken.call("listen", fd, 1) == 0
        return fd
