"""A full queue and a hundred running jobs: a keeper that is killed serves again at once and goes on with all of them.

SALLYPORT_RELEASE_BIN=DIR runs this at its full size with the release programs and holds the restart to its bound; without
it there are fewer jobs, and the time that the sanitizers' programs take is only told.
"""

import collections
import contextlib
import json
import os
import shutil
import signal
import socket
import statistics
import threading
import time
import unittest

import harness
from harness import BIN, Instance, wait_until

RELEASE = os.environ.get("SALLYPORT_RELEASE_BIN")
RUNNING, QUEUED = (100, 10000) if RELEASE else (20, 600)    # QUEUE_MAX of limits.h is 10000
RESTART_MAX_SECONDS = 2
RESTARTS = 3
CONNECTIONS = 24
START_RECORD_BYTES = 76     # start_record.h
ACCOUNT = "games"           # Debian's own, without files and without processes; its jobs may leave something behind

# Each job that runs says so in a file of ours: nobody's record vouches for itself. `held` waits until the FIFO has a writer.
BRIEF = 'echo "$SALLYPORT_JOB_ID" >> "$0/ran"'
HELD = 'read word < "$0/gate"; ' + BRIEF


def ask(stream, request):
    """One exchange on a connection that stays open. Python's own client takes longer than the service does."""
    stream.write(request)
    stream.flush()
    head, length = stream.readline(), 0
    while (line := stream.readline()) != b"\r\n":
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    body = stream.read(length)
    if not head.startswith(b"HTTP/1.1 202 "):
        raise AssertionError(f"{head} {body}")
    return json.loads(body)


def submit_all(instance, command, count):
    """The ids of so many new jobs."""
    ids, failures = [], []
    request = (f"POST /v1/commands/{command}/jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {instance.token}\r\n"
               "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}").encode()

    def submit_some(number):
        try:
            with socket.create_connection(("127.0.0.1", instance.port), 60) as connection, connection.makefile("rwb") as stream:
                for _ in range(count // CONNECTIONS + (number < count % CONNECTIONS)):
                    ids.append(ask(stream, request)["id"])
        except Exception as error:
            failures.append(error)
    threads = [threading.Thread(target=submit_some, args=(number,)) for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return ids


class Scale(unittest.TestCase):
    def setUp(self):
        harness.needs_root(self)        # an ordinary user's jobs have fewer slots
        if not os.access(os.path.join(RELEASE or BIN, "sallyportd"), os.X_OK):
            harness.skip(self, f"{RELEASE or BIN}/sallyportd is not built")
        self.place = harness.make_directory("scale")
        self.addCleanup(shutil.rmtree, self.place, True)
        os.mkfifo(os.path.join(self.place, "gate"))
        self.ran = os.path.join(self.place, "ran")
        with open(self.ran, "w", encoding="ascii"):
            os.chmod(self.ran, 0o666)
        commands = {name: {"exec": ["/usr/bin/sh", "-c", script, self.place], "timeout": "10m", "user": ACCOUNT,
                           "sandbox": {"write": [self.place]}} for name, script in (("brief", BRIEF), ("held", HELD))}
        self.instance = Instance(commands, slots={"count": 1, "per_user": RUNNING}, bin_directory=RELEASE)
        self.addCleanup(self.instance.kill)
        self.instance.start()

    def page(self, query):
        return self.instance.request("GET", f"/v1/jobs?{query}").json()

    def all_jobs(self):
        jobs, cursor = [], ""
        while cursor is not None:
            page = self.page("limit=200" + (cursor and f"&cursor={cursor}"))
            jobs += page["items"]
            cursor = page.get("next_cursor")
        return jobs

    def restart_seconds(self, job_id):
        """From the kill to the first answer with a job in it."""
        victim = self.instance.part("keeper")
        began = time.monotonic()
        os.kill(victim.pid, signal.SIGKILL)

        def is_answered():
            with contextlib.suppress(OSError):
                return self.instance.request("GET", f"/v1/jobs/{job_id}", timeout=5).status == 200
        self.assertTrue(wait_until(is_answered, 60, 0.005), self.instance.log())
        took = time.monotonic() - began
        self.assertFalse(victim.is_alive())
        return took

    def entries(self):
        done = self.instance.cli("audit", "export", "--state", self.instance.state)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def check_trail(self, jobs):
        """Each job was accepted, started and ended once, and they were started in the order in which they were accepted."""
        by_what = collections.defaultdict(list)
        for entry in self.entries():
            by_what[entry["what"]].append(entry["job"])
        self.assertEqual(sorted(by_what["submit"]), sorted(jobs))
        self.assertEqual(by_what["start"], by_what["submit"])
        self.assertEqual(sorted(by_what["end"]), sorted(jobs))
        self.assertEqual(os.path.getsize(os.path.join(self.instance.state, "launcher", "starts")), len(jobs) * START_RECORD_BYTES)
        self.assertEqual(self.instance.cli("audit", "verify", "--state", self.instance.state).returncode, 0)

    def test_a_keeper_that_is_killed_serves_again_and_goes_on_with_all_jobs(self):
        held = submit_all(self.instance, "held", RUNNING)
        self.assertTrue(wait_until(lambda: len(self.page("state=running&limit=200")["items"]) == RUNNING, 60), self.instance.log())
        began = time.monotonic()
        queued = submit_all(self.instance, "brief", QUEUED)
        submitted = time.monotonic() - began
        if RELEASE:
            response = self.instance.request("POST", "/v1/commands/brief/jobs", {"params": {}})
            self.assertEqual((response.status, response.json()["code"]), (503, "queue-full"))

        took = []
        for number in range(RESTARTS):
            took.append(self.restart_seconds(queued[number]))
            self.assertEqual(self.instance.job(queued[-1])["state"], "queued")
            self.assertTrue(wait_until(lambda: len(self.page("state=running&limit=200")["items"]) == RUNNING, 10))
        print(f"\n    {RUNNING} running and {QUEUED} queued: served {statistics.median(took):.2f} s after the kill "
              f"({min(took):.2f} to {max(took):.2f})", flush=True)

        began = time.monotonic()
        with open(os.path.join(self.place, "gate"), "wb", buffering=0):     # all who wait are through when it is open
            pass
        self.assertTrue(wait_until(lambda: not self.page("state=queued&limit=1")["items"] and
                                   not self.page("state=running&limit=1")["items"] and
                                   not self.page("state=starting&limit=1")["items"], 400, 0.5), self.instance.log())
        print(f"    submitted in {submitted:.1f} s, all ended {time.monotonic() - began:.1f} s after the slots were free", flush=True)
        jobs = self.all_jobs()
        self.assertEqual({job["state"] for job in jobs}, {"succeeded"})
        self.assertEqual(sorted(job["id"] for job in jobs), sorted(held + queued))
        with open(self.ran, encoding="ascii") as file:
            self.assertEqual(sorted(file.read().split()), sorted(held + queued), "each ran once")
        self.check_trail(held + queued if not RELEASE else [job["id"] for job in jobs])
        self.instance.stop()
        if RELEASE:
            self.assertLess(max(took), RESTART_MAX_SECONDS)


if __name__ == "__main__":
    unittest.main()
