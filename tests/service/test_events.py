"""GET /v1/events: every change of every job that the caller may read, once and in order, however often the client comes back."""

import contextlib
import datetime
import json
import os
import queue
import random
import signal
import threading
import unittest

import harness
from harness import Instance, new_token, token_hash, wait_until

COMMANDS = {
    "good": {"exec": ["/usr/bin/true"]},
    "bad": {"exec": ["/usr/bin/sh", "-c", "exit 3"]},
    "slow": {"exec": ["/usr/bin/sleep", "60"], "timeout": "200ms"},
    "wait": {"exec": ["/usr/bin/sleep", "60"], "timeout": "60s"},
}

JOBS = 50
LIVES = (["queued", "starting", "running"], ["queued", "starting", "running", "stopping"])


class Event:
    def __init__(self, kind, event_id, data):
        self.kind, self.id, self.data = kind, event_id, data

    def __repr__(self):
        return f"{self.kind} {self.id} {self.data}"


class Feed:
    """An open feed. Iterating gives events as they arrive; `last_id` is what a browser would come back with."""

    def __init__(self, instance, query="", last_id=None, token="ours", timeout=60):
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last_id} if last_id else {})}
        self.connection = instance.connect(timeout)
        self.connection.request("GET", "/v1/events" + query, headers=instance._headers(headers, token))
        self.response = self.connection.getresponse()
        self.last_id, self.pings, self.retry = last_id, 0, None
        if self.response.status != 200:
            answer = harness.Response(self.response.status, dict(self.response.getheaders()), self.response.read())
            self.connection.close()
            raise harness.Refused(answer)

    def blocks(self):
        """The fields of each block of lines, comments under ""."""
        fields = {}
        for line in self.response:
            line = line.decode("utf-8").rstrip("\n")
            if line:
                name, _, value = line.partition(":")
                if name in fields:
                    raise ValueError(f"{name} twice in one event")
                fields[name] = value[1:] if value.startswith(" ") else value
                continue
            if "id" in fields:
                self.last_id = fields["id"]
            if fields.get("") == "ping":
                self.pings += 1
            yield fields
            fields = {}
        if fields:
            raise ValueError(f"the end came within an event: {fields}")

    def __iter__(self):
        for fields in self.blocks():
            if "retry" in fields:
                self.retry = int(fields["retry"])
            if "data" in fields:
                data = json.loads(fields["data"])
                if data["type"] != fields["event"]:
                    raise ValueError(f"two names: {fields}")
                yield Event(fields["event"], fields.get("id"), data)

    def until(self, condition):
        """The events up to the first that fits, which is the last of them."""
        seen = []
        for event in self:
            seen.append(event)
            if condition(event):
                return seen
        raise AssertionError(f"the feed ended before: {seen}")

    def close(self):
        self.response.close()
        self.connection.close()


class Follower(threading.Thread):
    """Reads a feed in the background and keeps what it heard; `ended` is set when the feed has."""

    def __init__(self, feed):
        super().__init__(daemon=True)
        self.feed, self.events, self.news = feed, [], queue.Queue()
        self.ended = threading.Event()
        self.start()

    def run(self):
        try:
            for event in self.feed:
                self.events.append(event)
                self.news.put(event)
        except (OSError, ValueError, AttributeError):
            pass        # closed under us, or cut by the other side
        finally:
            self.ended.set()


def jobs_of(events):
    """What was told of each job, in order."""
    found = {}
    for event in events:
        if event.kind == "job":
            found.setdefault(event.data["id"], []).append(event.data)
    return found


class Events(unittest.TestCase):
    """An instance for each test, for some kill its parts."""

    def setUp(self):
        harness.needs_program(self, "sallyportd")
        self.own = {name: new_token() for name in ("ann", "bob")}
        self.runner = new_token()
        tokens = {name: {"hash": token_hash(token), "allow": ["run:*", "read:own", "cancel:own"]} for name, token in self.own.items()}
        tokens["runner"] = {"hash": token_hash(self.runner), "allow": ["run:*"]}
        self.instance = Instance(dict(COMMANDS), tokens=tokens)
        self.addCleanup(lambda: self.instance.stop())
        self.instance.start()

    def open(self, *arguments, **more):
        feed = Feed(self.instance, *arguments, **more)
        self.addCleanup(feed.close)
        return feed

    def submit(self, command, token):
        answer = self.instance.request("POST", f"/v1/commands/{command}/jobs", {"params": {}}, token=token,
                                       headers={"Prefer": "respond-async"})
        self.assertEqual(answer.status, 202, answer)
        return answer.json()["id"]

    def cancel(self, job_id):
        self.assertIn(self.instance.request("POST", f"/v1/jobs/{job_id}/cancel", {}).status, (200, 202))

    def assert_whole_lives(self, told, ids):
        """Every change once and in order: the versions of each job count from 1 to that of its record."""
        self.assertEqual(set(told), set(ids))
        for job_id in ids:
            job, changes = self.instance.job(job_id), told[job_id]
            last = int(job["etag"][3:-1])
            self.assertEqual([change["etag"] for change in changes], [f'W/"{number}"' for number in range(1, last + 1)], changes)
            states = [change["state"] for change in changes]
            self.assertIn(states[:-1], LIVES, job)
            self.assertEqual(states[-1], job["state"])
            self.assertEqual(changes[-1]["end"], job["end"])
            for change in changes:
                self.assertEqual((change["command"], change["created_at"]), (job["command"], job["created_at"]))
                self.assertEqual(change["end"] is not None, change is changes[-1])
            self.assertEqual(changes[-1]["finished_at"], job["finished_at"])

    def test_every_change_is_heard_once_and_in_order_by_a_client_that_keeps_coming_back(self):
        chance = random.Random(20261122)
        first = self.open()
        self.assertEqual(next(iter(first)).kind, "hello")
        last_id = first.last_id
        first.close()
        ids, submitted = [], threading.Event()

        def submit_all():
            try:
                for number in range(JOBS):
                    ids.append(self.submit(("good", "bad", "good", "slow")[number % 4], self.instance.token))
            finally:
                submitted.set()
        submitter = threading.Thread(target=submit_all)
        submitter.start()
        told, visits = [], 0

        def is_complete():
            ends = {change["id"] for event in told if event.kind == "job" for change in [event.data] if change["end"]}
            return submitted.is_set() and ends == set(ids)
        while not is_complete():
            feed = Feed(self.instance, last_id=last_id)
            visits += 1
            leave_after = chance.randrange(1, 25)
            try:
                for event in feed:
                    told.append(event)
                    leave_after -= 1
                    if leave_after <= 0 or is_complete():
                        break
            finally:
                last_id = feed.last_id
                feed.close()
        submitter.join()
        self.assertEqual(len(ids), JOBS)
        self.assertGreater(visits, 5, "it came back often enough to show something")
        self.assertNotIn("reset", {event.kind for event in told})
        self.assert_whole_lives(jobs_of(told), ids)
        places = [int(event.id.partition("-")[2]) for event in told if event.kind == "job"]
        self.assertEqual(places, list(range(places[0], places[0] + len(places))), "no place is left out or told twice")

    def test_a_feed_that_stays_hears_the_same(self):
        feed = self.open("?kinds=job")
        follower = Follower(feed)
        ids = [self.submit("good", self.instance.token) for _ in range(10)]
        stopped = self.submit("wait", self.instance.token)
        self.assertTrue(wait_until(lambda: self.instance.job(stopped)["state"] == "running", 20))
        self.cancel(stopped)
        for job_id in (*ids, stopped):
            self.instance.wait(job_id)
        self.assertTrue(wait_until(lambda: all(job_id in jobs_of(follower.events) and jobs_of(follower.events)[job_id][-1]["end"]
                                               for job_id in (*ids, stopped)), 20), follower.events)
        self.assert_whole_lives(jobs_of(follower.events), [*ids, stopped])
        self.assertEqual({event.kind for event in follower.events}, {"hello", "job"}, "nothing else was asked for")
        self.assertEqual(feed.retry, 2000)
        self.assertEqual(feed.response.getheader("Content-Type"), "text/event-stream")
        self.assertEqual(feed.response.getheader("Cache-Control"), "no-store, no-transform")

    def test_jobs_of_others_are_not_seen_with_read_own(self):
        feed = self.open("?kinds=job", token=self.own["ann"])
        self.assertEqual(next(iter(feed)).kind, "hello")
        theirs = [self.submit("good", token) for token in (self.own["bob"], self.instance.token)]
        for job_id in theirs:
            self.instance.wait(job_id)
        mine = self.submit("good", self.own["ann"])
        seen = feed.until(lambda event: event.kind == "job" and event.data["end"])
        self.assertEqual(set(jobs_of(seen)), {mine}, seen)
        again = self.open("?kinds=job", last_id=feed.last_id.partition("-")[0] + "-0", token=self.own["bob"])
        seen = again.until(lambda event: event.kind == "job" and event.data["end"])
        self.assertEqual(set(jobs_of(seen)), {theirs[0]}, seen)
        # To ask for a job by its name shows no more of it.
        named = self.open(f"?kinds=job&jobs={mine},{theirs[0]}", last_id=feed.last_id.partition("-")[0] + "-0",
                          token=self.own["bob"])
        seen = named.until(lambda event: event.kind == "job" and event.data["end"])
        self.assertEqual(set(jobs_of(seen)), {theirs[0]}, seen)

    def test_a_caller_that_may_read_nothing_has_no_feed(self):
        for token, status in ((self.runner, 403), (None, 401), ("sp_wrong", 401)):
            with self.assertRaises(harness.Refused) as caught:
                Feed(self.instance, token=token)
            self.assertEqual(caught.exception.response.status, status)

    def test_what_is_not_known_is_refused(self):
        for query in ("?kinds=node", "?kinds=", "?jobs=x", "?kind=job", "?jobs=" + ",".join(["01jd8k3v9x5q2m7r4t6w8y0b1c"] * 33)):
            with self.assertRaises(harness.Refused, msg=query) as caught:
                Feed(self.instance, query)
            self.assertEqual((caught.exception.response.status, caught.exception.response.json()["code"]), (400, "bad-query"))
        self.assertEqual(self.instance.request("GET", "/v1/events", headers={"Accept": "application/json"}).status, 406)

    def test_a_feed_can_be_narrowed_to_jobs(self):
        others = [self.submit("wait", self.instance.token) for _ in range(2)]
        chosen = self.submit("wait", self.instance.token)
        feed = self.open(f"?kinds=job&jobs={chosen}")
        self.assertEqual(next(iter(feed)).kind, "hello")
        for job_id in (*others, chosen):
            self.cancel(job_id)
        seen = feed.until(lambda event: event.kind == "job" and event.data["end"])
        self.assertEqual(set(jobs_of(seen)), {chosen})

    def test_numbers_and_generations_are_told_when_they_change(self):
        feed = self.open("?kinds=queue,config")
        follower = Follower(feed)

        def numbers():
            return [(event.data["waiting"], event.data["running"]) for event in follower.events if event.kind == "queue"]
        self.assertTrue(wait_until(numbers, 10))
        self.assertEqual(numbers(), [(0, 0)], "first, how it is")
        hello = follower.events[0].data
        self.assertEqual((hello["generation"], hello["launcher_up"]), (1, True))
        datetime.datetime.fromisoformat(hello["time"].replace("Z", "+00:00"))
        ids = [self.submit("wait", self.instance.token) for _ in range(6)]
        self.assertTrue(wait_until(lambda: numbers()[-1] == (2, 4), 20), numbers())
        self.instance.reload()
        self.assertTrue(wait_until(lambda: [event.data for event in follower.events if event.kind == "config"], 10))
        self.assertEqual([event.data["generation"] for event in follower.events if event.kind == "config"], [2])
        for job_id in ids:
            self.cancel(job_id)
        self.assertTrue(wait_until(lambda: numbers()[-1] == (0, 0), 20), numbers())
        told = numbers()
        self.assertTrue(all(before != after for before, after in zip(told, told[1:])), told)
        self.assertEqual({event.kind for event in follower.events}, {"hello", "queue", "config"})

    def test_a_revoked_token_loses_its_feed(self):
        follower = Follower(self.open(token=self.own["ann"]))
        stays = Follower(self.open(token=self.own["bob"]))
        self.assertEqual(follower.news.get(timeout=10).kind, "hello")
        self.assertFalse(follower.ended.is_set())
        del self.instance.config["tokens"]["ann"]
        self.instance.reload()
        self.assertTrue(follower.ended.wait(10), "the feed goes on")
        self.assertEqual((follower.events[-1].kind, follower.events[-1].data["code"]), ("error", "unauthenticated"))
        job_id = self.submit("good", self.own["bob"])
        self.assertTrue(wait_until(lambda: job_id in jobs_of(stays.events), 10), "the other one goes on")

    def test_an_expired_token_loses_its_feed(self):
        token = new_token()
        end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=7)
        self.instance.config["tokens"]["short"] = {"hash": token_hash(token), "allow": ["read:all"],
                                                   "expires": end.strftime("%Y-%m-%dT%H:%M:%SZ")}
        self.instance.reload()
        self.assertTrue(wait_until(lambda: self.instance.request("GET", "/v1/whoami", token=token).status == 200, 5))
        follower = Follower(self.open(token=token))
        self.assertTrue(follower.ended.wait(20), "the feed goes on")
        self.assertEqual((follower.events[0].kind, follower.events[-1].data["code"]), ("hello", "unauthenticated"))

    def test_a_keeper_that_died_is_told_by_a_reset(self):
        feed = self.open("?kinds=job")
        job_id = self.submit("wait", self.instance.token)
        feed.until(lambda event: event.kind == "job" and event.data["state"] == "running")
        os.kill(self.instance.part("keeper").pid, signal.SIGKILL)
        seen = feed.until(lambda event: event.kind == "error")
        self.assertEqual(seen[-1].data["code"], "keeper-down")
        self.assertEqual(list(feed), [], "and that was the end")

        def come_back():
            with contextlib.suppress(harness.Refused, OSError):
                return self.open("?kinds=job", last_id=feed.last_id)
            return None
        again = wait_until(come_back, 20)
        self.assertIsNotNone(again)
        self.cancel(job_id)
        seen = again.until(lambda event: event.kind == "job" and event.data["end"])
        self.assertEqual([event.kind for event in seen[:2]], ["hello", "reset"], seen)
        self.assertIsNone(seen[0].id, "a hello before a reset has no place")
        self.assertEqual(jobs_of(seen)[job_id][-1]["state"], "cancelled")
        # The place that it was given with the reset is a good one.
        third = self.open("?kinds=job", last_id=seen[1].id)
        seen = third.until(lambda event: event.kind == "job" and event.data["end"])
        self.assertNotIn("reset", [event.kind for event in seen])

    def test_a_front_that_died_loses_nothing(self):
        feed = self.open("?kinds=job")
        self.assertEqual(next(iter(feed)).kind, "hello")
        held = self.submit("wait", self.instance.token)
        seen = feed.until(lambda event: event.kind == "job" and event.data["state"] == "starting")
        os.kill(self.instance.part("front").pid, signal.SIGKILL)
        last_id = feed.last_id
        feed.close()
        self.assertTrue(wait_until(self.is_ready, 20))
        self.cancel(held)
        again = self.open("?kinds=job", last_id=last_id)
        seen += again.until(lambda event: event.kind == "job" and event.data["end"])
        self.assertNotIn("reset", [event.kind for event in seen])
        self.assert_whole_lives(jobs_of(seen), [held])

    def is_ready(self):
        try:
            return self.instance.request("GET", "/readyz", token=None, timeout=2).status == 200
        except OSError:
            return False

    def test_silence_is_broken_by_pings_that_move_the_place_over_what_is_not_shown(self):
        feed = self.open("?kinds=job", token=self.own["ann"])
        blocks = feed.blocks()
        self.assertEqual(next(blocks).get("retry"), "2000")
        self.assertEqual(next(blocks)["event"], "hello")
        before = int(feed.last_id.partition("-")[2])
        self.instance.wait(self.submit("good", self.own["bob"]))
        while int(feed.last_id.partition("-")[2]) == before:
            self.assertEqual(next(blocks).get(""), "ping", "a place without an event")
        self.assertEqual(int(feed.last_id.partition("-")[2]), before + 4, "the changes of the other's job")


if __name__ == "__main__":
    unittest.main()
