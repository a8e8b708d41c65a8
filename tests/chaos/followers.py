"""What follows from other jobs and from the clock: steps of sequences, chains, and the runs of a schedule."""

import collections
from datetime import datetime, timedelta

from work import KINDS, TICK_SECONDS


def _children(facts):
    """{parent: its jobs, in the order of their steps}"""
    children = collections.defaultdict(list)
    for job in facts.stored.values():
        if job.job["parent"] is not None:
            children[job.job["parent"]].append(job)
    return {parent: sorted(jobs, key=lambda job: (job.job["step_index"] or 0, job.id)) for parent, jobs in children.items()}


def check_steps(facts):
    """Each step is one job, after the one before it and only if that did well; the sequence ends as they did, and last."""
    children = _children(facts)
    for sequence in facts.stored.values():
        if KINDS[sequence.kind].walk:
            yield from (f"sequence {sequence.id} ({sequence.state}): {fault}" for fault in _walk(sequence, children.get(sequence.id, [])))


def _walk(sequence, steps):
    kinds = KINDS[sequence.kind].walk
    yield from (f"step {index} was made {count} times"
                for index, count in collections.Counter(step.job["step_index"] for step in steps).items() if count > 1)
    made = [(step.job["step_index"], step.kind) for step in steps]
    if made != list(enumerate(kinds, 1))[:len(made)]:
        yield f"its steps are {made}, which are not the first of {kinds}"
    for step, following in zip(steps, steps[1:]):
        if step.state != "succeeded":
            yield f"goes on after step {step.job['step_index']}, which is {step.state}"
        if following.job["created_at"] < step.job["finished_at"]:
            yield f"step {following.job['step_index']} came before the end of the one before it"
    if any(step.job["finished_at"] > sequence.job["finished_at"] for step in steps):
        yield "ended before its steps"
    is_done = len(steps) == len(kinds) and all(step.state == "succeeded" for step in steps)
    if sequence.state == "succeeded" and not is_done:
        yield f"its steps are {[step.state for step in steps]}"
    if sequence.state == "lost" and (not steps or steps[-1].state != "lost"):
        yield f"no step of it is lost: {[step.state for step in steps]}"


def check_chains(facts):
    """Whatever the end of such a job: one job follows, and nothing else follows from anything."""
    children = _children(facts)
    for job in facts.stored.values():
        follows = KINDS[job.kind].followed_by
        kinds = [child.kind for child in children.get(job.id, [])]
        if not KINDS[job.kind].walk and kinds != ([follows] if follows else []):
            yield f"job {job.id} ({job.kind}, {job.state}) is followed by {kinds}"
    yield from (f"jobs of {parent} are there, and it is not" for parent in children if parent not in facts.stored)


def check_schedule(facts):
    """One run for each time that has come since the first: the owner wants those made up for that fell into a death."""
    times = collections.Counter(datetime.fromisoformat(job.job["reason"].removeprefix("scheduled for ").replace("Z", "+00:00"))
                                for job in facts.stored.values() if job.job["source"] == "schedule")
    if not times:
        yield "the schedule never ran"
        return
    yield from (f"the run at {time.isoformat()} was made {count} times" for time, count in times.items() if count > 1)
    time, last = min(times), max(times)
    while time < last:
        if time not in times:
            yield f"there is no run at {time.isoformat()}"
        time += timedelta(seconds=TICK_SECONDS)
