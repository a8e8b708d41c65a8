"""One job of the chaos run, and what it says. Read by the checker too, so that both know every byte.

    python3 work.py NUMBER KIND DIRECTORY

What a job says depends on its number and kind alone. Beside that it leaves witness files in DIRECTORY, which sallyport never reads:

    NUMBER.ID.start     made exclusively before the first byte: a second start of the same job finds it
    NUMBER.ID.again     such a second start
    NUMBER.ID.said      after each write: bytes so far, of stdout and of stderr
    NUMBER.ID.end       just before its end
"""

import os
import signal
import sys
import time

OUT, ERR = 1, 2
KINDS = ("short", "chatty", "loud", "silent", "failing", "dying", "forking", "long")
ALPHABET = bytes(range(256))


class Dice:
    """A small generator of numbers: `random` takes longer to load than most of these jobs' work."""

    def __init__(self, number):
        self.state = (number * 2654435761 + 97) & 0xFFFFFFFF

    def below(self, limit):
        self.state = (self.state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self.state >> 8) % limit


def _line(number, kind, fd, step):
    return fd, f"{kind} {number} {'out' if fd == OUT else 'err'} {step}\n".encode()


def _binary(fd, first, size):
    first %= 256
    return fd, (ALPHABET[first:] + ALPHABET * (size // 256 + 1))[:size]


def pieces(number, kind):
    """What the job writes, in order: (descriptor, bytes, seconds of sleep afterwards)."""
    dice = Dice(number)
    steps = {"short": 4, "chatty": 120 + dice.below(200), "loud": 24, "silent": 0, "failing": 12, "dying": 12, "forking": 6, "long": 250}[kind]
    seconds = {"loud": 1, "long": 50}.get(kind, 1 + dice.below(300) / 100)
    if kind == "silent":
        yield OUT, b"", seconds
    for step in range(steps):
        fd = ERR if dice.below(3) == 0 else OUT
        if kind == "loud":
            fd, data = _binary(fd, number + step, 40000 + dice.below(60000))
        elif kind == "chatty" and dice.below(4) == 0:
            fd, data = _binary(fd, number + step, 1 + dice.below(6000))
        else:
            fd, data = _line(number, kind, fd, step)
        yield fd, data, seconds / steps


def expected(number, kind):
    """All of stdout and all of stderr."""
    said = {OUT: [], ERR: []}
    for fd, data, _ in pieces(number, kind):
        said[fd].append(data)
    return b"".join(said[OUT]), b"".join(said[ERR])


def exit_code(number, kind):
    return 1 + number % 100 if kind == "failing" else 0


def _mark(path):
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))


def _fork_twice():
    """A grandchild in a session of its own, which holds both pipes for longer than anybody waits."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(300)
        os._exit(0)
    os.wait()


def main():
    number, kind, directory = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    base = os.path.join(directory, f"{number}.{os.environ['SALLYPORT_JOB_ID']}")
    try:
        _mark(base + ".start")
    except FileExistsError:
        _mark(base + ".again")
    if kind == "long" and number % 2:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if kind == "forking":
        _fork_twice()
    said = os.open(base + ".said", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    sums = {OUT: 0, ERR: 0}
    for fd, data, seconds in pieces(number, kind):
        while data:
            written = os.write(fd, data)
            sums[fd] += written
            data = data[written:]
            os.write(said, f"{sums[OUT]} {sums[ERR]}\n".encode())
        time.sleep(seconds)
    _mark(base + ".end")
    if kind == "dying":
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(exit_code(number, kind))


if __name__ == "__main__":
    main()
