"""One job of the chaos run, and what it says. Read by the load and the checker too, so that all know every byte.

    python3 work.py NUMBER KIND DIRECTORY

What a job says depends on its number and kind alone. Beside that it leaves witness files in DIRECTORY, which sallyport never reads:

    NUMBER.ID.start     made exclusively before the first byte: a second start of the same job finds it
    NUMBER.ID.again     such a second start
    NUMBER.ID.said      after each write: bytes so far, of stdout and of stderr
    NUMBER.ID.end       just before its end

A new kind of job is a row of KINDS.
"""

import os
import signal
import sys
import time

OUT, ERR = 1, 2
ALPHABET = bytes(range(256))


class Dice:
    """A small generator of numbers: `random` takes longer to load than most of these jobs' work."""

    def __init__(self, number):
        self.state = (number * 2654435761 + 97) & 0xFFFFFFFF

    def below(self, limit):
        self.state = (self.state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self.state >> 8) % limit


# --- what is said at a step: (descriptor, bytes) ---------------------------------------------------------------------------


def _line(number, kind, step, dice):
    fd = ERR if dice.below(3) == 0 else OUT
    return fd, f"{kind} {number} {'out' if fd == OUT else 'err'} {step}\n".encode()


def _bytes(number, step, size, fd):
    first = (number + step) % 256
    return fd, (ALPHABET[first:] + ALPHABET * (size // 256 + 1))[:size]


def _lines_and_bytes(number, kind, step, dice):
    fd, line = _line(number, kind, step, dice)
    return _bytes(number, step, 1 + dice.below(6000), fd) if dice.below(4) == 0 else (fd, line)


def _echoes(number, _, step, dice):
    return _bytes(number, step, 1 + dice.below(9000), OUT)


def _blocks(number, _, step, dice):
    return _bytes(number, step, 40000 + dice.below(60000), ERR if dice.below(3) == 0 else OUT)


# --- what is done before the first byte and after the last -------------------------------------------------------------------


def _fork_twice(_):
    """A grandchild in a session of its own, which holds both pipes for longer than anybody waits."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(300)
        os._exit(0)
    os.wait()


def _ignore_term_now_and_then(number):
    if number % 2:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _die(_):
    os.kill(os.getpid(), signal.SIGKILL)


# --- kinds --------------------------------------------------------------------------------------------------------------------


class Kind:
    """`share` of the load; so many `steps` over `seconds` (from 1 to 4 unless told); `ends` are the states of its own end.

    walk: the kinds of its steps, when it is a sequence
    followed_by: the kind that follows its end, whatever that is
    is_fed: it says what it reads, and clients give it what it shall say, while it runs
    """

    def __init__(self, share, steps, says=_line, *, seconds=None, before=None, after=None, ends=("succeeded",), exit_code=None,
                 signal=None, is_cancelled=False, timeout="60s", walk=(), followed_by=None,
                 is_fed=False):
        self.share, self.steps, self.says, self.seconds = share, steps, says, seconds
        self.before, self.after, self.ends, self.exit_code, self.signal = before, after, frozenset(ends), exit_code, signal
        self.is_cancelled, self.timeout, self.walk, self.followed_by, self.is_fed = is_cancelled, timeout, walk, followed_by, is_fed


KINDS = {
    "short": Kind(5, lambda dice: 4),
    "chatty": Kind(5, lambda dice: 120 + dice.below(200), _lines_and_bytes),
    "loud": Kind(3, lambda dice: 24, _blocks, seconds=1),
    "silent": Kind(2, lambda dice: 0),
    "failing": Kind(3, lambda dice: 12, ends=("failed",), exit_code=lambda number: 1 + number % 100),
    "dying": Kind(2, lambda dice: 12, ends=("failed",), after=_die, signal=9),
    "forking": Kind(3, lambda dice: 6, before=_fork_twice),
    "long": Kind(2, lambda dice: 250, seconds=50, before=_ignore_term_now_and_then, ends=("timed_out",), is_cancelled=True, timeout="6s"),
    "walking": Kind(3, lambda dice: 0, is_cancelled=True, walk=("short", "silent", "chatty", "short")),
    "leading": Kind(4, lambda dice: 4, followed_by="following"),
    "following": Kind(0, lambda dice: 4),       # nobody asks for it
    "fed": Kind(3, lambda dice: 20 + dice.below(60), _echoes, timeout="120s", is_fed=True),
    "ticking": Kind(0, lambda dice: 1, seconds=0.1),
}
TICK_SECONDS = 2            # between two runs of the schedule, whose kind is "ticking"; its jobs have the number 0


def pieces(number, name):
    """What the job writes, in order: (descriptor, bytes, seconds of sleep afterwards)."""
    kind, dice = KINDS[name], Dice(number)
    steps = kind.steps(dice)
    seconds = kind.seconds or 1 + dice.below(300) / 100
    if steps == 0:
        yield OUT, b"", seconds
    for step in range(steps):
        fd, data = kind.says(number, name, step, dice)
        yield fd, data, seconds / steps


def expected(number, kind):
    """All of stdout and all of stderr."""
    said = {OUT: [], ERR: []}
    for fd, data, _ in pieces(number, kind):
        said[fd].append(data)
    return b"".join(said[OUT]), b"".join(said[ERR])


def exit_code(number, kind):
    return KINDS[kind].exit_code(number) if KINDS[kind].exit_code else 0


def heard():
    """What comes on stdin, as it comes."""
    while True:
        data = os.read(0, 65536)
        if not data:
            return
        yield OUT, data, 0


def _mark(path):
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))


def main():
    number, kind, directory = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    base = os.path.join(directory, f"{number}.{os.environ['SALLYPORT_JOB_ID']}")
    try:
        _mark(base + ".start")
    except FileExistsError:
        _mark(base + ".again")
    if KINDS[kind].before:
        KINDS[kind].before(number)
    said = os.open(base + ".said", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    sums = {OUT: 0, ERR: 0}
    for fd, data, seconds in heard() if KINDS[kind].is_fed else pieces(number, kind):
        while data:
            written = os.write(fd, data)
            sums[fd] += written
            data = data[written:]
            os.write(said, f"{sums[OUT]} {sums[ERR]}\n".encode())
        time.sleep(seconds)
    _mark(base + ".end")
    if KINDS[kind].after:
        KINDS[kind].after(number)
    os._exit(exit_code(number, kind))


if __name__ == "__main__":
    main()
