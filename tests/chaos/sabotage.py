"""Damage that is done on purpose, and that the checker must see: its own test.

A row of SABOTAGE says when it is done, and how. The function gives what the checker must say about it, as a part of one
sentence (or several parts of it), and afterwards takes back what would stay behind. A new check needs a row here.

    storm       while things are killed
    fall        while the whole instance is dead; the storm must be long enough for that
    idle        when all jobs have ended, before the checks
    stopped     when the instance has ended, before the last checks
"""

import collections
import contextlib
import glob
import http.client
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import threading
import time

from fall import id_text
from harness import wait_until
from host import Process, cgroups_of
from mayhem import ENDS_ITS_JOBS
from work import expected


def _dice(run):
    return random.Random(run.options.seed)


def _logs(run):
    """Logs with something in them, of jobs that came to their own end."""
    paths = glob.glob(os.path.join(run.instance.state, "keeper", "output", "*", "*.log"))
    return sorted(path for path in paths if os.path.getsize(path) > 100)


@contextlib.contextmanager
def _records(run):
    with contextlib.closing(sqlite3.connect(os.path.join(run.instance.state, "keeper", "jobs.db"), timeout=10)) as database, database:
        yield database


def _end_as(run, job_id, state, message=""):
    with _records(run) as database:
        database.execute("UPDATE jobs SET state = ?, reason = ?, message = ?, is_active = 0, finished_unix_ms = ? WHERE id = ?",
                         (state, {"failed": "exited", "succeeded": "exited"}.get(state, state), message, int(time.time() * 1000), job_id))


def _first_that_is(run, state):
    with _records(run) as database:
        found = database.execute("SELECT id FROM jobs WHERE state = ? AND step_count = 0 ORDER BY sequence LIMIT 1", (state,)).fetchone()
    if found is None:
        raise AssertionError(f"no job is {state}, so that there is nothing to damage")
    return found[0]


# --- in the storm ---------------------------------------------------------------------------------------------------------


def strike(run):
    """Somebody else kills one of ours."""
    def is_done():
        with run.mayhem.lock:
            victim = run.mayhem.current.get("front")
            if victim is None or "front" in run.mayhem.killed or not Process(victim).is_alive():
                return False
            os.kill(victim, signal.SIGKILL)
            return True
    wait_until(is_done, 10)
    yield "front was replaced, and nobody had killed it"


def make_wait(run):
    """Whoever died soon after its start is taken for one that had lived well, and it was made to wait."""
    mayhem = run.mayhem

    def is_back():
        return "keeper" not in mayhem.killed and "keeper" in mayhem.current
    with mayhem.turn:                           # the storm holds its breath
        mayhem._wake(everybody=True)
        for _ in range(2):
            wait_until(is_back, 10)
            mayhem.born["keeper"] -= 5
            mayhem._kill("keeper")
        wait_until(is_back, 10)
    yield "keeper had lived for", "and was made to wait"


def feed_too(run):
    """Somebody else gives a job a byte, in front of what its own client has yet to say."""
    def is_heard():
        with contextlib.suppress(OSError, ValueError, KeyError, http.client.HTTPException):
            for job in run.instance.request("GET", "/v1/jobs?command=fed&state=running", timeout=5).json()["items"]:
                place = job["stdin"]["bytes"]
                if place > len(expected(job["params"]["number"], "fed")[0]) / 2 or not _feed_byte(run, job):
                    continue
                if wait_until(lambda: _said(run, job) > place, 5):   # the job has read it, whatever becomes of it then
                    return job["id"]
        return None
    yield f"job {wait_until(is_heard, 30)} (fed", "stdout differs from byte"


def _feed_byte(run, job):
    return run.instance.request("POST", f"/v1/jobs/{job['id']}/stdin", b"\xff", headers={"Content-Type": "application/octet-stream"},
                                timeout=5).status == 202


def _said(run, job):
    return run.instance.job(job["id"])["output"]["bytes"]


# --- while everything is dead ---------------------------------------------------------------------------------------------


def drop_waiting(run):
    job_id = _first_that_is(run, "queued")
    _end_as(run, job_id, "rejected")
    yield f"job {id_text(job_id)} waited when the instance died, never ran, and is rejected"


def revive(run):
    job_id = _first_that_is(run, "running")
    _end_as(run, job_id, "succeeded")
    yield f"job {id_text(job_id)} was running when the instance died, and is succeeded instead of lost"


def change_end(run):
    job_id = _first_that_is(run, "succeeded")
    _end_as(run, job_id, "failed")
    yield f"job {id_text(job_id)} was succeeded when the instance died, and is failed now"


def survive(run):
    """One of the dead instance lives on."""
    with subprocess.Popen(["sleep", "300"]) as process:
        run.falls.past[-1].old.append(Process(process.pid))
        yield "after the death of their instance there still are"
        process.kill()


# --- when all jobs have ended ---------------------------------------------------------------------------------------------


def cut_output(run):
    path = _dice(run).choice(_logs(run))
    os.truncate(path, os.path.getsize(path) - 1)
    yield "its output cannot be read"


def change_output(run):
    path = _dice(run).choice(_logs(run))
    with open(path, "r+b") as file:
        file.seek(50)
        byte = file.read(1)
        file.seek(50)
        file.write(bytes([byte[0] ^ 1]))
    yield "is not that of what is stored"


def start_twice(run):
    path = sorted(glob.glob(os.path.join(run.place, "*.start")))[0]
    with open(path.removesuffix("start") + "again", "x", encoding="ascii"):
        yield f"job {os.path.basename(path).split('.')[1]} was started twice"


def lose_job(run):
    with _records(run) as database:
        job_id, = database.execute("SELECT id FROM jobs ORDER BY sequence LIMIT 1").fetchone()
        database.execute("DELETE FROM jobs WHERE id = ?", (job_id,))
    yield f"job {id_text(job_id)} ran and is in no list"


def double_key(run):
    order = next(order for order in run.load.orders if order.key and order.ids)
    run.instance.wait(run.instance.submit(order.kind, {"number": order.number})["id"])
    yield f"order {order.number} (key {order.key}) made 2 jobs"


def repeat_step(run):
    with _records(run) as database:
        found = database.execute("SELECT id, parent FROM jobs WHERE step_index = 2 LIMIT 1").fetchone()
        if found is None:
            raise AssertionError("no sequence came to its second step")
        database.execute("UPDATE jobs SET step_index = 1 WHERE id = ?", found[:1])
    yield f"sequence {id_text(found[1])} (", "step 1 was made 2 times"


def forget_following(run):
    with _records(run) as database:
        found = database.execute("SELECT id, parent FROM jobs WHERE command = 'following' LIMIT 1").fetchone()
        if found is None:
            raise AssertionError("no job was followed by another")
        database.execute("UPDATE jobs SET parent = zeroblob(16) WHERE id = ?", found[:1])
    yield f"job {id_text(found[1])} (", "is followed by []"


def repeat_run(run):
    """The second run of the schedule says that it is the first."""
    with _records(run) as database:
        first, second = database.execute("SELECT id, why FROM jobs WHERE source = 'schedule' ORDER BY sequence LIMIT 2").fetchall()
        database.execute("UPDATE jobs SET why = ? WHERE id = ?", (first[1], second[0]))
    yield "was made 2 times", "the run at"


def forget_callback(run):
    """As if it had never come."""
    heard = run.receiver.heard[0]
    run.receiver.heard[:] = [other for other in run.receiver.heard if other.id != heard.id]
    yield f"job {json.loads(heard.body)['data']['id']} (", "was told of in 0 callbacks"


def forge_callback(run):
    heard = run.receiver.heard[-1]
    run.receiver.heard[-1] = heard._replace(is_signed=False)
    yield f"callback {heard.id} came with a signature that is not ours"


def call_lost(run):
    """A job that ended well in peace is called lost."""
    with _records(run) as database:
        for job_id, created_ms in database.execute("SELECT id, created_unix_ms FROM jobs WHERE state = 'succeeded' ORDER BY sequence DESC"):
            if not run.mayhem.died(ENDS_ITS_JOBS, created_ms / 1000, time.time()):
                break
        else:
            raise AssertionError("no job ended well in peace")
        database.execute("UPDATE jobs SET state = 'lost', reason = 'lost', message = 'the launcher ended' WHERE id = ?", (job_id,))
    yield f"job {id_text(job_id)} (", "is lost, and nobody died who could have lost it"


def blame_supervisors(run):
    """More jobs than supervisors died."""
    with _records(run) as database:
        database.execute("UPDATE jobs SET state = 'lost', reason = 'lost', message = 'the slot''s supervisor ended' WHERE state = 'succeeded'")
    yield "supervisors died, and"


def keep_mount(run):
    place = os.path.join(run.instance.directory, "left")
    os.mkdir(place)
    subprocess.run(["mount", "-t", "tmpfs", "none", place], check=True)
    yield f"mount {place} is left"
    subprocess.run(["umount", place], check=True)


def keep_connection(run):
    """A descriptor that the front does not let go. It does let go of a silent client, and so there is always a next one."""
    ending = threading.Event()

    def connect():
        connection = None
        while not ending.wait(0.5):
            following = socket.create_connection(("127.0.0.1", run.instance.port))
            if connection:
                connection.close()
            connection = following
        connection.close()
    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    yield "descriptors of front: more {'socket:[N]'"
    ending.set()
    thread.join()


def keep_group(run):
    parent = next((path for path in cgroups_of(run.instance.state) if path.endswith("/jobs")), None)
    if parent is None:
        raise AssertionError("this host has no control groups for jobs")
    place = os.path.join(parent, "left")
    os.mkdir(place)
    yield "job groups: 0 before, 1 after"
    with contextlib.suppress(FileNotFoundError):        # the instance's own end removes it
        os.rmdir(place)


def keep_namespace(run):
    """Of a slot: it outlives the instance while somebody holds it open."""
    supervisor = next(process for process in run.instance.processes() if process.name() == "cell-slot")
    fd = os.open(f"/proc/{supervisor.pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    yield f"namespace {os.readlink(f'/proc/self/fd/{fd}')} is left"
    os.close(fd)


def hold_back(run):
    """A supervisor that nobody starts again."""
    bootstrap = os.pidfd_open(run.instance.process.pid)
    signal.pidfd_send_signal(bootstrap, signal.SIGSTOP)
    os.kill(next(process for process in run.instance.processes() if process.name() == "cell-slot").pid, signal.SIGKILL)
    yield "1 supervisor never came back"
    signal.pidfd_send_signal(bootstrap, signal.SIGCONT)
    os.close(bootstrap)


# --- when the instance has ended ------------------------------------------------------------------------------------------


def forget_audit(run):
    with _records(run) as database:
        database.execute("DELETE FROM audit WHERE sequence = (SELECT max(sequence) / 2 FROM audit)")
    yield "breaks the chain"


def keep_process(run):
    with subprocess.Popen(["setpriv", f"--reuid={run.first_uid}", "--clear-groups", "sleep", "300"]) as process:
        wait_until(lambda: Process(process.pid).name() == "sleep", 5)
        yield f"process {process.pid} (sleep) is left"
        process.kill()


Damage = collections.namedtuple("Damage", "when until do")      # until: "checked" (the instance still serves) or "stopped"
SABOTAGE = {
    "strike": Damage("storm", "checked", strike),
    "make-wait": Damage("storm", "checked", make_wait),
    "feed-too": Damage("storm", "checked", feed_too),
    "drop-waiting": Damage("fall", "checked", drop_waiting),
    "change-end": Damage("fall", "checked", change_end),
    "revive": Damage("fall", "checked", revive),
    "survive": Damage("fall", "checked", survive),
    "cut-output": Damage("idle", "checked", cut_output),
    "change-output": Damage("idle", "checked", change_output),
    "start-twice": Damage("idle", "checked", start_twice),
    "lose-job": Damage("idle", "checked", lose_job),
    "double-key": Damage("idle", "checked", double_key),
    "repeat-step": Damage("idle", "checked", repeat_step),
    "forget-following": Damage("idle", "checked", forget_following),
    "repeat-run": Damage("idle", "checked", repeat_run),
    "forget-callback": Damage("idle", "checked", forget_callback),
    "forge-callback": Damage("idle", "checked", forge_callback),
    "call-lost": Damage("idle", "checked", call_lost),
    "blame-supervisors": Damage("idle", "checked", blame_supervisors),
    "keep-connection": Damage("idle", "checked", keep_connection),
    "hold-back": Damage("idle", "checked", hold_back),
    "keep-group": Damage("idle", "stopped", keep_group),
    "keep-mount": Damage("idle", "stopped", keep_mount),
    "keep-namespace": Damage("idle", "stopped", keep_namespace),
    "forget-audit": Damage("stopped", "stopped", forget_audit),
    "keep-process": Damage("stopped", "stopped", keep_process),
}


class Saboteur:
    """Does what was asked for, each in its time, and tells afterwards which of it was seen."""

    def __init__(self, run, kinds):
        self.run, self.kinds, self.done = run, kinds, {}        # kind: (undo, words)

    def act(self, when):
        for kind in self.kinds:
            if SABOTAGE[kind].when == when and kind not in self.done:
                undo = SABOTAGE[kind].do(self.run)
                self.done[kind] = (undo, next(undo))
                self.run.log(f"sabotage {kind}: {self.done[kind][1]}")

    def take_back(self, *stages):
        for kind, (undo, _) in self.done.items():
            if SABOTAGE[kind].until in stages:
                next(undo, None)

    def seen(self, faults):
        """{kind: whether somebody said so}"""
        def is_seen(words):
            parts = (words,) if isinstance(words, str) else words
            return any(all(part in fault for part in parts) for fault in faults)
        return {kind: kind in self.done and is_seen(self.done[kind][1]) for kind in self.kinds}
