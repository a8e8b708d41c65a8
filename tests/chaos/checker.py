"""What must be true when the storm is over. Each check gets the facts and gives sentences; no sentence means that it held.

A new check is a function and its name in RUNNING (asked while the instance serves) or in STOPPED (asked when it has ended).
"""

import collections
import hashlib
import json
import os
import re
import sqlite3
import struct
from datetime import datetime

from followers import check_chains, check_schedule, check_steps
from leftovers import check_idle, check_left
from mayhem import BACK_SECONDS_MAX, ENDS_ITS_JOBS, kind_of
from receiver import check_callbacks
from work import KINDS, exit_code, expected

ENDED = {"succeeded", "failed", "timed_out", "cancelled", "rejected", "lost", "launch_failed"}
KEEPER_RECOVERS_SECONDS = 3
WELL_SECONDS = 1            # who has lived so long is started again without a pause


def unix_time(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() if text else None


class Facts:
    """What is known when it is over: what clients, jobs and killers saw, and what the instance says of it."""

    def __init__(self, run):
        self.instance, self.load, self.mayhem, self.falls = run.instance, run.load, run.mayhem, run.falls.past
        self.receiver = run.receiver
        self.orders, self.before, self.slot_ids = run.load.orders, run.before, run.slot_ids
        self.stored = read_all(run.instance)
        self.witness = Witness(run.place)
        self.log = list(read_log(run.instance.log_path))


# --- jobs ---------------------------------------------------------------------------------------------------------------


class Witness:
    """The files that the jobs themselves left."""

    def __init__(self, place):
        self.marks = collections.defaultdict(set)       # id: start, again, said, end
        self.numbers = {}                               # id: number
        self.said, self.started = {}, {}                # id: bytes of stdout and stderr; Unix time
        for name in os.listdir(place):
            number, job_id, mark = name.split(".")
            self.marks[job_id].add(mark)
            self.numbers[job_id] = int(number)
            if mark == "start":
                self.started[job_id] = os.stat(os.path.join(place, name)).st_mtime
            if mark == "said":
                with open(os.path.join(place, name), encoding="ascii") as file:
                    lines = [line for line in file.read().split("\n")[:-1] if line]
                self.said[job_id] = tuple(int(word) for word in lines[-1].split()) if lines else (0, 0)


class Stored:
    """A job as the API gives it after the storm."""

    def __init__(self, instance, job_id):
        self.id = job_id
        self.damage = None      # the service's own word that it cannot give what was stored
        self.job = instance.job(job_id)
        self.streams = tuple(self._output(instance, f"?stream={name}") for name in ("stdout", "stderr"))
        self.both = self._output(instance, "")
        self.state = self.job["state"]
        self.kind = self.job["command"]
        self.number = self.job["params"]["number"]

    def _output(self, instance, query):
        response = instance.request("GET", f"/v1/jobs/{self.id}/output{query}", headers={"Accept": "application/octet-stream"})
        if response.status == 500:
            self.damage = response.json()["detail"]
            return b""
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


def check_orders(facts):
    """Every id that was answered is there; a key made one job, whoever sent it how often."""
    stored, by_number = facts.stored, collections.defaultdict(set)
    for job in stored.values():
        if job.job["source"] == "api":
            by_number[job.number].add(job.id)
    for order in facts.orders:
        yield from (f"order {order.number}: {fault}" for fault in order.faults)
        yield from (f"order {order.number}: accepted as {job_id}, which is not there" for job_id in set(order.ids) - set(stored))
        made = by_number[order.number]
        if len(made) > 1 or len(set(order.ids)) > 1:
            yield f"order {order.number} (key {order.key}) made {len(made)} jobs: {sorted(made)}"
        if made and not set(order.ids) <= made:
            yield f"order {order.number}: was told {set(order.ids)}, and is {made}"
    for number in set(by_number) - {order.number for order in facts.orders}:
        yield f"jobs {by_number[number]} are of order {number}, which nobody made"


def check_starts(facts):
    stored, witness = facts.stored, facts.witness
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
        if KINDS[job.kind].walk:
            continue                # its steps are what runs
        if job.state in ("succeeded", "failed", "timed_out") and "start" not in marks:
            yield f"job {job.id} ({job.kind}) is {job.state} and never started"
        if job.state in ("succeeded", "failed") and "end" not in marks:
            yield f"job {job.id} ({job.kind}) is {job.state} and did not come to its end"


def _killer_of(job, mayhem):
    """Who may have lost this job, by what is said of it. A supervisor may also have died with all the others."""
    kinds = (*ENDS_ITS_JOBS, "supervisor") if "supervisor" in job.job["end"]["message"] else ENDS_ITS_JOBS
    return mayhem.died(kinds, unix_time(job.job["created_at"]), unix_time(job.job["finished_at"]) + 0.1)


def check_ends(facts):
    """Only what a death explains is lost; everything else ends as its kind does."""
    cancelled = {job_id for order in facts.orders if order.was_cancelled for job_id in order.ids}
    cancelled |= {job.id for job in facts.stored.values() if job.job["parent"] in cancelled}
    for job in facts.stored.values():
        end, kind = job.job["end"] or {}, KINDS[job.kind]
        allowed = kind.ends | ({"cancelled"} if job.id in cancelled else set())
        if job.state == "lost":
            if not _killer_of(job, facts.mayhem):
                yield f"job {job.id} ({job.kind}) is lost, and nobody died who could have lost it: {end['message']}"
        elif job.state not in allowed:
            yield f"job {job.id} ({job.kind}) is {job.state}, which is not one of {sorted(allowed)}: {end.get('message')}"
        elif kind.signal and job.state == "failed":
            if (end["reason"], end["signal"]) != ("signalled", kind.signal):
                yield f"job {job.id} ({job.kind}) has ended by {end['reason']}, signal {end['signal']}, instead of by signal {kind.signal}"
        elif job.state in ("succeeded", "failed") and end["exit_code"] != exit_code(job.number, job.kind):
            yield f"job {job.id} ({job.kind}) has exit code {end['exit_code']} instead of {exit_code(job.number, job.kind)}"


def check_supervisors(facts):
    """One of them takes one job with it, unless it dies with all the others."""
    mayhem = facts.mayhem
    lost = [job.id for job in facts.stored.values() if job.state == "lost" and not KINDS[job.kind].walk and "supervisor" in job.job["end"]["message"]
            and not mayhem.died(ENDS_ITS_JOBS, unix_time(job.job["finished_at"]) - 1, unix_time(job.job["finished_at"]) + 0.1)]
    if len(lost) > mayhem.kills["supervisor"]:
        yield f"{mayhem.kills['supervisor']} supervisors died, and {len(lost)} jobs with them: {lost}"


def check_falls(facts):
    """After the death of the whole instance: what had ended stays so, what ran is lost, what waited runs."""
    for fall in facts.falls:
        yield from fall.faults
        for job_id, state in (fall.records or {}).items():
            if job_id in facts.stored:      # or check_orders misses it
                yield from _after_fall(facts, fall, facts.stored[job_id], state)


def _after_fall(facts, fall, job, state):
    began, ended = facts.witness.started.get(job.id), unix_time(job.job["finished_at"])
    if state == "queued":
        if began is not None and began < fall.unix - 0.1:
            yield f"job {job.id} waited when the instance died, and had been started before"
        later = facts.mayhem.died((*ENDS_ITS_JOBS, "supervisor"), fall.unix + 0.001, ended + 0.1)
        if began is None and job.state != "cancelled" and not (job.state == "lost" and later):
            yield f"job {job.id} waited when the instance died, never ran, and is {job.state}"
    elif state in ENDED and job.state != state:
        yield f"job {job.id} was {state} when the instance died, and is {job.state} now"
    elif state not in ENDED and job.state != "lost" and not KINDS[job.kind].walk:
        yield f"job {job.id} was {state} when the instance died, and is {job.state} instead of lost"


def _keeps_all(mayhem, job):
    """Nothing can keep a pipe's bytes when both who hold it die; whoever is alone keeps them."""
    if job.state != "lost":
        return True
    since, until = unix_time(job.job["created_at"]), unix_time(job.job["finished_at"]) + KEEPER_RECOVERS_SECONDS
    is_told = job.job["started_at"] is not None     # or no keeper ever had its pipes
    return is_told and not mayhem.died(("instance",), since, until) and not (mayhem.died(("keeper",), since, until)
                                                                           and mayhem.died(("launcher", "reaper"), since, until))


def check_output(facts):
    """What is stored is what the job said: all of it for its own end, and a beginning where it was lost."""
    for job in facts.stored.values():
        report = job.job["output"]
        if job.damage is not None:
            yield f"job {job.id} ({job.kind}, {job.state}): its output cannot be read: {job.damage}"
            continue
        if report["bytes"] != len(job.both):
            yield f"job {job.id} ({job.kind}, {job.state}): the report says {report['bytes']} bytes, {len(job.both)} are stored"
        if report["sha256"] != hashlib.sha256(job.both).hexdigest() and (job.both or report["sha256"]):
            yield f"job {job.id} ({job.kind}, {job.state}): the report's sha256 {report['sha256']} is not that of what is stored"
        if sum(map(len, job.streams)) != len(job.both):
            yield f"job {job.id}: stdout and stderr are {[len(data) for data in job.streams]} bytes, together {len(job.both)}"
        is_whole = job.state in ("succeeded", "failed")
        said = facts.witness.said.get(job.id, (0, 0)) if _keeps_all(facts.mayhem, job) else (0, 0)
        for name, data, wanted, least in zip(("stdout", "stderr"), job.streams, expected(job.number, job.kind), said, strict=True):
            if not wanted.startswith(data):
                at = next((i for i, pair in enumerate(zip(data, wanted, strict=False)) if pair[0] != pair[1]), min(len(data), len(wanted)))
                yield f"job {job.id} ({job.kind}, {job.state}): {name} differs from byte {at} of {len(wanted)} ({len(data)} stored)"
            elif is_whole and data != wanted:
                yield f"job {job.id} ({job.kind}, {job.state}): {name} has {len(data)} of {len(wanted)} bytes"
            elif len(data) < least:
                yield f"job {job.id} ({job.kind}, {job.state}): {name} has {len(data)} bytes, and {least} were written"


def _followed(facts, job):
    """What a follower of the job shows of both streams: of a sequence those of its steps, in their order."""
    if not KINDS[job.kind].walk:
        return job.streams
    steps = sorted((step for step in facts.stored.values() if step.job["parent"] == job.id and step.job["step_index"]),
                   key=lambda step: step.job["step_index"])
    return [b"".join(step.streams[stream] for step in steps) for stream in (0, 1)]


def check_readers(facts):
    """Who followed got a prefix; who was not killed got all of it."""
    load, stored = facts.load, facts.stored
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
        # Nobody is there between two lives of the instance, and a first connection is tried once, a moment after the start.
        was_refused = run["status"] == 125 and any(fall.unix - 1 <= run["began"] <= fall.served for fall in facts.falls)
        for path, data in zip(run["paths"], _followed(facts, stored[run["id"]]), strict=True):
            with open(path, "rb") as file:
                got = file.read()
            if path.endswith(".err"):       # its own words about lost connections are on stderr too
                got = re.sub(rb"sallyport: [^\n]*\n", b"", got)
            if not data.startswith(got) or got != data and not (was_killed or was_refused and not got):
                yield f"follower of {run['id']} (status {run['status']}): {path} has {len(got)} bytes, {len(data)} are stored"
        if run["status"] not in (0, -9) and not was_refused:
            yield f"follower of {run['id']} ended with {run['status']}"


# --- those that died ---------------------------------------------------------------------------------------------------


def check_restarts(facts):
    """Whoever died is there again, and whoever had lived well was not made to wait; nobody else was replaced."""
    mayhem = facts.mayhem
    yield from (f"{name} was replaced, and nobody had killed it" for name in mayhem.unexpected)
    yield from (f"{restart.name} was away for {restart.away:.2f} s" for restart in mayhem.restarts
                if restart.away > BACK_SECONDS_MAX and not restart.is_excused)
    yield from (f"{name} never came back" for name in mayhem.killed)
    yield from (f"{names} never came back" for names in mayhem.missing())
    for restart in mayhem.restarts:
        said = _word_on(restart, facts.log)
        if restart.lived > WELL_SECONDS and "soon after its start" in said:
            yield f"{restart.name} had lived for {restart.lived:.1f} s, and was made to wait: {said}"


def _word_on(restart, log):
    """What the bootstrap said when this one had died; how soon it acts on that is the host's affair. '' for those without a name."""
    for line in log:
        if restart.back - restart.away - 0.01 <= line["unix"] <= restart.back and line["message"].startswith(restart.name + " was ended"):
            return line["message"]
    return ""


def read_log(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("{"):
                entry = json.loads(line)
                if entry["process"] == "sallyportd":
                    yield {"unix": unix_time(entry["time"]), "message": entry["message"]}


def longest_away(mayhem):
    """{kind: seconds} of those that had lived well."""
    away = {}
    for restart in mayhem.restarts:
        if restart.lived > WELL_SECONDS and not restart.is_excused:
            away[kind_of(restart.name)] = max(away.get(kind_of(restart.name), 0), restart.away)
    return away


# --- the audit trail --------------------------------------------------------------------------------------------------


def _record(row):
    """An entry as the bytes over which its head was taken (include/sallyport/base/record.h)."""
    sequence, unix_ms, what, job_id, actor, address, command, detail, count = row[:9]

    def sized(data):
        data = data.encode() if isinstance(data, str) else data
        return struct.pack("<I", len(data)) + data
    return (struct.pack("<QQ", sequence, unix_ms) + sized(what) + sized(job_id) + sized(actor) + sized(address) + sized(command)
            + sized(detail) + struct.pack("<I", count))


def check_audit(facts):
    """The chain from its first entry, and for each job one acceptance and one end."""
    connection = sqlite3.connect(os.path.join(facts.instance.state, "keeper", "jobs.db"))
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
    if len(jobs) != len(facts.stored):
        yield f"the database has {len(jobs)} jobs, the API showed {len(facts.stored)}"
    for job_id in jobs:
        if (submits[job_id], ends[job_id]) != (1, 1):
            yield f"job {job_id.hex()} was accepted {submits[job_id]} times and ended {ends[job_id]} times in the audit trail"


RUNNING = (check_orders, check_starts, check_ends, check_steps, check_chains, check_schedule, check_callbacks, check_supervisors, check_falls, check_output,
           check_readers, check_restarts, check_idle)
STOPPED = (check_audit, check_left)
