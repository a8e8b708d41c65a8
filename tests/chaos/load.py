"""The load: clients that submit jobs, and readers that follow them, through everything that breaks meanwhile."""

import contextlib
import http.client
import itertools
import os
import random
import subprocess
import threading
import time

from harness import BIN, Refused, output_bytes
from work import KINDS, pieces

# Who works, and how many of each: a row is a method of Load.
WORKERS = {"client": 4, "cli_follower": 3, "reader": 2}
OPEN_MAX = 30               # jobs that have not ended, as far as clients know
ANSWER_SECONDS = 60         # a request with a key is sent again for so long
BROKEN = (OSError, http.client.HTTPException)


class Order:
    """What one client asked for: a number, which its job writes into everything that it says."""

    def __init__(self, number, kind, key):
        self.number, self.kind, self.key = number, kind, key
        self.ids, self.faults, self.unanswered = [], [], 0
        self.was_cancelled = False


class Load:
    def __init__(self, instance, seed, record):
        self.instance, self.seed, self.record = instance, seed, record
        self.orders, self.cli_runs, self.reads = [], [], []
        self.lock = threading.Lock()
        self.followers = []             # running CLI processes, for whoever kills them
        self.follower_numbers = itertools.count()
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=self._guard, args=(getattr(self, "_" + who), number), daemon=True)
                        for who, count in WORKERS.items() for number in range(count)]
        self.errors = []

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self, seconds):
        """No new work; what is being followed is followed to its end."""
        self.ending.set()
        end = time.monotonic() + seconds
        for thread in self.threads:
            thread.join(max(0.1, end - time.monotonic()))
        self.errors += [f"{thread.name} did not come to its end" for thread in self.threads if thread.is_alive()]

    def _guard(self, run, name):
        threading.current_thread().name = f"{run.__name__.strip('_')} {name}"
        try:
            run(random.Random(f"{self.seed} {run.__name__} {name}"))
        except Exception as error:      # a thread's own fault must not look like a quiet client
            self.errors.append(f"{threading.current_thread().name}: {type(error).__name__}: {error}")

    def _accepted(self):
        with self.lock:
            return [order for order in self.orders if order.ids]

    # --- clients ---

    def _client(self, dice):
        shares = [kind.share for kind in KINDS.values()]
        while not self.ending.is_set():
            if self._open_count() >= OPEN_MAX:
                time.sleep(0.3)
                continue
            with self.lock:
                number = len(self.orders) + 1
                kind = dice.choices(list(KINDS), shares)[0]
                # Without a key nobody knows a job whose answer was lost, and so nobody would feed it.
                order = Order(number, kind, f"{self.seed}-{number}" if KINDS[kind].is_fed or dice.random() < 0.6 else None)
                self.orders.append(order)
            self._submit(order, dice.choice((1, 1, 2, 4)) if order.key else 1)
            if KINDS[kind].is_fed and order.ids:
                self._feed(order)
            if KINDS[kind].is_cancelled and order.ids and dice.random() < 0.6:
                time.sleep(dice.uniform(0, 2))
                self._cancel(order)
            time.sleep(dice.uniform(0, 0.8))

    def _open_count(self):
        """Not more often than twice a second, for all clients together."""
        with self.lock:
            now = time.monotonic()
            if now < getattr(self, "open_again", 0):
                return self.open_count
            self.open_again, self.open_count = now + 0.5, getattr(self, "open_count", 0)
        total = 0
        for state in ("queued", "starting", "running"):
            with contextlib.suppress(*BROKEN, ValueError, KeyError):
                total += len(self.instance.request("GET", f"/v1/jobs?state={state}&limit=200", timeout=5).json()["items"])
        self.open_count = total
        return total

    def _submit(self, order, times):
        """The same request so many times at once."""
        twins = [threading.Thread(target=self._submit_once, args=(order,), daemon=True) for _ in range(times)]
        for twin in twins:
            twin.start()
        for twin in twins:
            twin.join()

    def _submit_once(self, order):
        headers = {"Idempotency-Key": order.key} if order.key else {}
        end = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < end:
            try:
                response = self.instance.request("POST", f"/v1/commands/{order.kind}/jobs", {"params": {"number": order.number}},
                                                 headers=headers, timeout=20)
            except BROKEN:
                response = None
            if response is not None and response.status in (200, 202):
                with self.lock:
                    order.ids.append(response.json()["id"])
                return
            if response is not None and response.status != 503:
                with self.lock:
                    order.faults.append(f"{response.status} {response.body[:200]!r}")
                return
            if not order.key:       # it may have been accepted or not: nobody can know, and so it is not sent again
                order.unanswered += 1
                return
            time.sleep(0.1)
        order.faults.append(f"no answer for {ANSWER_SECONDS} s")

    def _cancel(self, order):
        order.was_cancelled = True      # said or not: it may be cancelled from here on
        with contextlib.suppress(*BROKEN):
            self.instance.request("POST", f"/v1/jobs/{order.ids[0]}/cancel", {}, timeout=10)

    def _feed(self, order):
        """All that the job shall say, in pieces with their offsets, each sent again until it is known to be taken; then the end."""
        offset = 0
        for data, seconds in [*((data, seconds) for _, data, seconds in pieces(order.number, order.kind)), (b"", 0)]:
            query = f"?offset={offset}" + ("" if data else "&eof=1")
            if not self._feed_once(order, query, data):
                return
            offset += len(data)
            time.sleep(seconds)

    def _feed_once(self, order, query, data):
        """False when there is nobody left to feed."""
        headers = {"Content-Type": "application/octet-stream"} if data else {}
        end = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < end:
            with contextlib.suppress(*BROKEN, ValueError):
                response = self.instance.request("POST", f"/v1/jobs/{order.ids[0]}/stdin{query}", data, headers=headers, timeout=20)
                if response.status == 202:
                    return True
                if response.status == 409 and response.json()["code"] in ("job-not-active", "stdin-closed"):
                    return False        # lost, with its launcher; what ended by itself without all of its input says too little
                if response.status != 503 and response.json()["code"] != "stdin-busy":
                    order.faults.append(f"{query}: {response.status} {response.body[:200]!r}")
                    return False
            time.sleep(0.1)
        order.faults.append(f"{query}: not taken for {ANSWER_SECONDS} s")
        return False

    # --- the command line, following ---

    def _cli_follower(self, dice):
        while not self.ending.is_set():
            accepted = self._accepted()[-8:]
            if not accepted:
                time.sleep(0.2)
                continue
            self._follow_by_cli(dice.choice(accepted))
            time.sleep(dice.uniform(0.1, 0.5))

    def _follow_by_cli(self, order):
        run = {"order": order, "id": order.ids[0], "paths": [], "status": None, "began": time.time()}
        base = os.path.join(self.record, f"follower-{next(self.follower_numbers)}-{order.number}")
        run["paths"] = [base + ".out", base + ".err"]
        with open(run["paths"][0], "wb") as out, open(run["paths"][1], "wb") as err:
            process = subprocess.Popen([os.path.join(BIN, "sallyport"), "logs", "-f", "-q", order.ids[0]], stdin=subprocess.DEVNULL,
                                       stdout=out, stderr=err, env=self.instance.cli_environment())
        self.cli_runs.append(run)
        with self.lock:
            self.followers.append(process)
        try:
            run["status"] = process.wait(120)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            run["status"] = "did not end within 120 s"
        with self.lock:
            self.followers.remove(process)

    # --- a reader that goes on by offset ---

    def _reader(self, dice):
        while not self.ending.is_set():
            accepted = self._accepted()[-8:]
            if not accepted:
                time.sleep(0.2)
                continue
            order = dice.choice(accepted)
            self.reads.append(self._read_to_the_end(order, dice))

    def _read_to_the_end(self, order, dice):
        """Reconnects at its offset as often as needed, also on its own account. Gaps and repetitions show at once."""
        read = {"order": order, "id": order.ids[0], "data": b"", "fault": None, "connections": 0, "ended": False}
        end = time.monotonic() + 120
        while not read["ended"] and read["fault"] is None:
            if time.monotonic() > end:
                read["fault"] = "did not end within 120 s"
                break
            read["connections"] += 1
            with contextlib.suppress(*BROKEN, ValueError, Refused):
                stream = self.instance.stream("GET", f"/v1/jobs/{read['id']}/output?follow=1&offset={len(read['data'])}", timeout=10)
                self._read_some(stream, read, dice.randrange(1, 200))
                stream.close()
            time.sleep(0.05)
        return read

    @staticmethod
    def _read_some(stream, read, most):
        for record in stream:
            if record["type"] == "output":
                if record["off"] != len(read["data"]):
                    read["fault"] = f"a record at offset {record['off']} where {len(read['data'])} was next"
                    return
                read["data"] += output_bytes(record)
                most -= 1
            read["ended"] = record["type"] == "end"
            if most == 0 or read["ended"]:
                return
