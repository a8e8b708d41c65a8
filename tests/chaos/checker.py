"""What must be true when the storm is over. Each check gives sentences; no sentence means that it held."""

import collections
import contextlib
import hashlib
import os
import re
import sqlite3
import struct
from datetime import datetime

from harness import BIN, mounts_with
from host import all_processes, cgroups_of
from work import KINDS, exit_code, expected

ENDED = {"succeeded", "failed", "timed_out", "cancelled", "rejected", "lost", "launch_failed"}
# How a job of each kind may end when nobody harms it.
OWN_END = {kind: {"succeeded"} for kind in KINDS} | {"failing": {"failed"}, "dying": {"failed"}, "long": {"timed_out", "cancelled"}}
KEEPER_RECOVERS_SECONDS = 3


def unix_time(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() if text else None


# --- jobs ---------------------------------------------------------------------------------------------------------------


class Witness:
    """The files that the jobs themselves left."""

    def __init__(self, place):
        self.marks = collections.defaultdict(set)       # id: start, again, said, end
        self.numbers = {}                               # id: number
        self.said = {}
        for name in os.listdir(place):
            number, job_id, mark = name.split(".")
            self.marks[job_id].add(mark)
            self.numbers[job_id] = int(number)
            if mark == "said":
                with open(os.path.join(place, name), encoding="ascii") as file:
                    lines = [line for line in file.read().split("\n")[:-1] if line]
                self.said[job_id] = tuple(int(word) for word in lines[-1].split()) if lines else (0, 0)


class Stored:
    """A job as the API gives it after the storm."""

    def __init__(self, instance, job_id):
        self.id = job_id
        self.job = instance.job(job_id)
        self.streams = tuple(self._output(instance, f"?stream={name}") for name in ("stdout", "stderr"))
        self.both = self._output(instance, "")
        self.state = self.job["state"]
        self.kind = self.job["command"]
        self.number = self.job["params"]["number"]

    def _output(self, instance, query):
        response = instance.request("GET", f"/v1/jobs/{self.id}/output{query}", headers={"Accept": "application/octet-stream"})
        if response.status not in (200, 204):
            raise AssertionError(f"job {self.id}: output{query}: {response}")
        return response.body


def read_all(instance):
    ids, cursor = [], ""
    while True:
        page = instance.request("GET", f"/v1/jobs?limit=200{cursor}").json()
        ids += [job["id"] for job in page["items"]]
        if not page.get("next_cursor"):
            break
        cursor = "&cursor=" + page["next_cursor"]
    return {job_id: Stored(instance, job_id) for job_id in ids}


def check_orders(orders, stored):
    """Every id that was answered is there; a key made one job, whoever sent it how often."""
    by_number = collections.defaultdict(set)
    for job in stored.values():
        by_number[job.number].add(job.id)
    for order in orders:
        yield from (f"order {order.number}: {fault}" for fault in order.faults)
        yield from (f"order {order.number}: accepted as {job_id}, which is not there" for job_id in set(order.ids) - set(stored))
        made = by_number[order.number]
        if len(made) > 1 or len(set(order.ids)) > 1:
            yield f"order {order.number} (key {order.key}) made {len(made)} jobs: {sorted(made)}"
        if made and not set(order.ids) <= made:
            yield f"order {order.number}: was told {set(order.ids)}, and is {made}"
    for number in set(by_number) - {order.number for order in orders}:
        yield f"jobs {by_number[number]} are of order {number}, which nobody made"


def check_starts(stored, witness):
    for job_id, marks in witness.marks.items():
        if "again" in marks:
            yield f"job {job_id} was started twice"
        if job_id not in stored:
            yield f"job {job_id} ran and is in no list"
    for job in stored.values():
        marks = witness.marks.get(job.id, set())
        if job.state not in ENDED:
            yield f"job {job.id} ({job.kind}) is still {job.state}"
        if job.state in ("rejected", "launch_failed"):
            yield f"job {job.id} ({job.kind}) ended as {job.state}: {job.job['end']['message']}"
        if job.state in ("succeeded", "failed", "timed_out") and "start" not in marks:
            yield f"job {job.id} ({job.kind}) is {job.state} and never started"
        if job.state in ("succeeded", "failed") and "end" not in marks:
            yield f"job {job.id} ({job.kind}) is {job.state} and did not come to its end"


def check_ends(orders, stored, mayhem):
    """Only what a launcher's death explains is lost; everything else ends as its kind does."""
    cancelled = {job_id for order in orders if order.was_cancelled for job_id in order.ids}
    for job in stored.values():
        end = job.job["end"] or {}
        allowed = OWN_END[job.kind] - (set() if job.id in cancelled else {"cancelled"})
        if job.state == "lost":
            if mayhem.lived_through("launcher", unix_time(job.job["created_at"]), unix_time(job.job["finished_at"]) + 0.1):
                yield f"job {job.id} ({job.kind}) is lost, and no launcher died meanwhile: {end['message']}"
        elif job.state not in allowed:
            yield f"job {job.id} ({job.kind}) is {job.state}, which is not one of {sorted(allowed)}: {end.get('message')}"
        elif job.state in ("succeeded", "failed") and job.kind != "dying" and end["exit_code"] != exit_code(job.number, job.kind):
            yield f"job {job.id} ({job.kind}) has exit code {end['exit_code']} instead of {exit_code(job.number, job.kind)}"
        elif job.kind == "dying" and (end["reason"], end["signal"]) != ("signalled", 9):
            yield f"job {job.id} (dying) has ended by {end['reason']}, signal {end['signal']}, instead of by signal 9"


def check_output(stored, witness, mayhem):
    for job in stored.values():
        report = job.job["output"]
        if report["bytes"] != len(job.both):
            yield f"job {job.id} ({job.kind}, {job.state}): the report says {report['bytes']} bytes, {len(job.both)} are stored"
        if report["sha256"] != hashlib.sha256(job.both).hexdigest() and (job.both or report["sha256"]):
            yield f"job {job.id} ({job.kind}, {job.state}): the report's sha256 {report['sha256']} is not that of what is stored"
        if sum(map(len, job.streams)) != len(job.both):
            yield f"job {job.id}: stdout and stderr are {[len(data) for data in job.streams]} bytes, together {len(job.both)}"
        is_whole = job.state in ("succeeded", "failed")
        # Nothing can keep a pipe's bytes when launcher and keeper die together; otherwise what was written is stored.
        keeps_all = job.state != "lost" or mayhem.lived_through(
            "keeper", unix_time(job.job["created_at"]), unix_time(job.job["finished_at"]) + KEEPER_RECOVERS_SECONDS)
        said = witness.said.get(job.id, (0, 0))
        for name, data, wanted, least in zip(("stdout", "stderr"), job.streams, expected(job.number, job.kind), said, strict=True):
            if not wanted.startswith(data):
                at = next((i for i, pair in enumerate(zip(data, wanted, strict=False)) if pair[0] != pair[1]), min(len(data), len(wanted)))
                yield f"job {job.id} ({job.kind}, {job.state}): {name} differs from byte {at} of {len(wanted)} ({len(data)} stored)"
            elif is_whole and data != wanted:
                yield f"job {job.id} ({job.kind}, {job.state}): {name} has {len(data)} of {len(wanted)} bytes"
            elif keeps_all and len(data) < least:
                yield f"job {job.id} ({job.kind}, {job.state}): {name} has {len(data)} bytes, and {least} were written"


def check_readers(load, stored):
    """Who followed got a prefix; who was not killed got all of it."""
    for read in load.reads:
        if read["id"] not in stored:
            continue
        if read["fault"]:
            yield f"reader of {read['id']}: {read['fault']}"
        elif read["data"] != stored[read["id"]].both:
            yield f"reader of {read['id']}: {len(read['data'])} bytes, which are not the {len(stored[read['id']].both)} that are stored"
    for run in load.cli_runs:
        if run["id"] not in stored:
            continue
        was_killed = run["status"] == -9
        for path, data in zip(run["paths"], stored[run["id"]].streams, strict=True):
            with open(path, "rb") as file:
                got = file.read()
            if path.endswith(".err"):       # its own words about lost connections are on stderr too
                got = re.sub(rb"sallyport: [^\n]*\n", b"", got)
            if not data.startswith(got) or not was_killed and got != data:
                yield f"follower of {run['id']} (status {run['status']}): {path} has {len(got)} bytes, {len(data)} are stored"
        if run["status"] not in (0, -9):
            yield f"follower of {run['id']} ended with {run['status']}"


# --- the audit trail --------------------------------------------------------------------------------------------------


def _record(row):
    """An entry as the bytes over which its head was taken (include/sallyport/base/record.h)."""
    sequence, unix_ms, what, job_id, actor, address, command, detail, count = row[:9]

    def sized(data):
        data = data.encode() if isinstance(data, str) else data
        return struct.pack("<I", len(data)) + data
    return (struct.pack("<QQ", sequence, unix_ms) + sized(what) + sized(job_id) + sized(actor) + sized(address) + sized(command)
            + sized(detail) + struct.pack("<I", count))


def check_audit(database, stored_count):
    """The chain from its first entry, and for each job one acceptance and one end."""
    connection = sqlite3.connect(database)
    head, submits, ends = bytes(32), collections.Counter(), collections.Counter()
    rows = connection.execute("SELECT sequence, unix_ms, what, job_id, actor, address, command, detail, count, previous, head"
                              " FROM audit ORDER BY sequence").fetchall()
    jobs = [row[0] for row in connection.execute("SELECT id FROM jobs")]
    faults = [line for line, in connection.execute("PRAGMA integrity_check") if line != "ok"]
    connection.close()
    yield from (f"the database is damaged: {fault}" for fault in faults)
    for at, row in enumerate(rows, 1):
        if row[0] != at or row[9] != head or hashlib.sha256(head + _record(row)).digest() != row[10]:
            yield f"audit entry {at} breaks the chain"
            return
        head = row[10]
        submits[row[3]] += row[2] == "submit"
        ends[row[3]] += row[2] == "end"
    if len(jobs) != stored_count:
        yield f"the database has {len(jobs)} jobs, the API showed {stored_count}"
    for job_id in jobs:
        if (submits[job_id], ends[job_id]) != (1, 1):
            yield f"job {job_id.hex()} was accepted {submits[job_id]} times and ended {ends[job_id]} times in the audit trail"


# --- what is left -------------------------------------------------------------------------------------------------------


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
    held = {process.name(): kinds_of_descriptors(process.pid) for process in tree if process.name() in ("sallyportd", "front", "keeper", "launcher")}
    return {"processes": programs, "descriptors": held, "job groups": len([path for path in cgroups_of(instance.state) if "/jobs/" in path])}


def differences(before, after):
    for name in ("processes", "job groups"):
        if before[name] != after[name]:
            yield f"{name}: {before[name]} before, {after[name]} after"
    for name, held in before["descriptors"].items():
        now = after["descriptors"].get(name, collections.Counter())
        if now != held:
            yield f"descriptors of {name}: more {dict(now - held)}, less {dict(held - now)}"


def is_of_slots(pid, first_uid, count):
    """Whether a process, or the user namespace that it is in, has one of our slots' ids."""
    ids = range(first_uid, first_uid + count)
    with contextlib.suppress(OSError, ValueError):
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            if any(int(word) in ids for line in file if line.startswith("Uid:") for word in line.split()[1:]):
                return True
        with open(f"/proc/{pid}/uid_map", encoding="ascii") as file:
            return any(int(line.split()[1]) in ids for line in file)
    return False


def left_over(instance, first_uid, id_count):
    """After the stop: processes, control groups and mounts."""
    for process in all_processes():
        is_ours = process in instance.seen or is_of_slots(process.pid, first_uid, id_count)
        with contextlib.suppress(OSError):
            if is_ours and process.is_alive():
                yield f"process {process!r} is left"
    yield from (f"control group {path} is left" for path in cgroups_of(instance.state))
    yield from (f"mount {line.split()[4]} is left" for line in mounts_with(instance.directory))


def programs_are_there():
    return all(os.access(os.path.join(BIN, name), os.X_OK) for name in ("sallyportd", "sallyport"))
