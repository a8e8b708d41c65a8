"""The rules of the queue with real jobs: who waits, for what, and that no limit is exceeded whatever dies meanwhile."""

import contextlib
import datetime
import os
import pwd
import signal
import threading
import unittest

import harness
from harness import Instance, make_directory, new_token, token_hash, wait_until

ACCOUNT = "games"       # Debian's own, without files and without processes
HOLD = {"exec": ["/usr/bin/sleep", "300"], "timeout": "10m"}


def seconds(text):
    """A time of the API."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def keyed(exec_line=("/usr/bin/bash", "-c", "exec sleep 300", "-", "{key}"), **concurrency):
    """A command that has a limit for each value of its parameter `key`, and runs until it is cancelled."""
    return {"exec": list(exec_line), "timeout": "10m", "params": {"key": {"type": "string", "default": "none"}},
            "concurrency": {"key": "{key}", **concurrency}}


class QueueTest(unittest.TestCase):
    """An instance for each test, with the commands and the rest of the configuration that it names."""

    def setUp(self):
        harness.needs_program(self, "sallyportd")
        self.instance = None

    def tearDown(self):
        if self.instance is not None:
            self.instance.stop()

    def start(self, commands, limits=None, **options):
        options.setdefault("slots", {"count": 8})
        self.instance = Instance(commands, server={"shutdown_grace": "0s"}, **options)     # what holds a slot need not end
        if limits is not None:
            self.instance.config["limits"] = limits
        self.instance.start()

    def kill_keeper(self):
        victim = self.instance.part("keeper")
        os.kill(victim.pid, signal.SIGKILL)
        self.assertTrue(wait_until(lambda: not victim.is_alive(), 5))

        def is_served():        # by the new one: what is asked of the keeper the front does not know by heart
            with contextlib.suppress(OSError):
                return all(self.instance.request("GET", path, timeout=2).status == 200 for path in ("/v1/whoami", "/readyz"))
            return False
        self.assertTrue(wait_until(is_served, 20), self.instance.log())

    def post(self, command, key=None, token="ours", headers=None, **body):
        if key is not None:
            body["params"] = {"key": key}
        return self.instance.request("POST", f"/v1/commands/{command}/jobs", body, token=token, headers=headers)

    def put(self, command, key=None, **more):
        answer = self.post(command, key, **more)
        self.assertEqual(answer.status, 202, answer)
        return answer.json()["id"]

    def state(self, job_id):
        return self.instance.job(job_id)["state"]

    def running(self, job_id):
        self.assertTrue(wait_until(lambda: self.state(job_id) == "running", 20), self.instance.job(job_id))
        return job_id

    def end(self, job_id):
        self.assertIn(self.instance.request("POST", f"/v1/jobs/{job_id}/cancel", {"grace": "0s"}).status, (200, 202))
        return self.instance.wait(job_id)

    def expect_refused(self, answer, status, code):
        self.assertEqual((answer.status, answer.json()["code"]), (status, code), answer)
        self.assertGreater(int(answer.headers["Retry-After"]), 0)
        return answer

    def queue(self, query="", token="ours"):
        answer = self.instance.request("GET", "/v1/queue" + query, token=token)
        self.assertEqual(answer.status, 200, answer)
        return answer.json()["items"]


class OneAtATime(QueueTest):
    JOBS = 1000
    THREADS = 16

    def setUp(self):
        super().setUp()
        harness.needs_root(self)        # a directory that jobs may write to needs `user`
        self.place = make_directory("lock")
        account = pwd.getpwnam(ACCOUNT)
        os.chown(self.place, account.pw_uid, account.pw_gid)

    def tearDown(self):
        super().tearDown()
        with contextlib.suppress(OSError):
            os.rmdir(os.path.join(self.place, "lock"))
        os.rmdir(self.place)

    def submit_all(self):
        ids, answers = [], []
        lock = threading.Lock()

        def submit(count):
            for _ in range(count):
                answer = self.post("locked")
                with lock:
                    answers.append(answer.status)
                    ids.append(answer.json().get("id"))
        share = [self.JOBS // self.THREADS + (i < self.JOBS % self.THREADS) for i in range(self.THREADS)]
        threads = [threading.Thread(target=submit, args=(count,)) for count in share]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(set(answers), {202})
        self.assertEqual(len(set(ids)), self.JOBS)

    def all_jobs(self):
        jobs, cursor = [], ""
        while True:
            page = self.instance.request("GET", f"/v1/jobs?command=locked&limit=200{cursor}").json()
            jobs += page["items"]
            if page["next_cursor"] is None:
                return jobs
            cursor = "&cursor=" + page["next_cursor"]

    def test_a_thousand_racing_submits_never_run_twice_at_once(self):
        """Each job makes a directory, which fails while another has it; and by the records no two overlap."""
        lock = os.path.join(self.place, "lock")
        self.start({"locked": {"exec": ["/usr/bin/bash", "-c", 'mkdir "$0" || exit 9; rmdir "$0"', lock], "user": ACCOUNT,
                               "sandbox": {"write": [self.place]}, "concurrency": {"limit": 1}}}, slots={"per_user": 4})
        self.submit_all()
        self.assertTrue(wait_until(lambda: not self.queue("?limit=1"), 400, 0.5), self.queue("?limit=1"))
        jobs = self.all_jobs()
        self.assertEqual(len(jobs), self.JOBS)
        for job in jobs:
            self.instance.wait(job["id"])
        jobs = self.all_jobs()
        self.assertEqual({(job["state"], job["end"]["exit_code"]) for job in jobs}, {("succeeded", 0)})
        by_start = sorted(jobs, key=lambda job: (job["started_at"], job["finished_at"]))
        for before, after in zip(by_start, by_start[1:]):
            self.assertLessEqual(before["finished_at"], after["started_at"], (before, after))


class WhenFull(QueueTest):
    def test_queue_keeps_the_order_of_a_key_and_keys_do_not_wait_for_each_other(self):
        self.start({"deploy": keyed(limit=1)})
        first = [self.put("deploy", "a") for _ in range(4)]
        other = self.put("deploy", "b")
        self.running(first[0])
        self.running(other)
        for before, after in zip(first, first[1:]):
            self.assertEqual(self.state(after), "queued")
            self.end(before)
            self.running(after)
        self.assertEqual(self.state(other), "running")

    def test_priority_goes_before_age(self):
        self.start({"deploy": keyed(limit=1)})
        running = self.running(self.put("deploy"))
        low, normal, lower = self.put("deploy", priority=3), self.put("deploy"), self.put("deploy", priority=0)
        self.assertEqual([item["id"] for item in self.queue()], [normal, low, lower])
        self.assertEqual([item["priority"] for item in self.queue()], [5, 3, 0])
        self.assertEqual(self.instance.job(low)["position"], 2)
        answer = self.post("deploy", priority=6)
        self.assertEqual((answer.status, answer.json()["errors"][0]["pointer"]), (422, "/priority"), answer)
        for last, following in ((running, normal), (normal, low), (low, lower)):
            self.end(last)
            self.running(following)

    def test_reject_refuses_and_takes_again_when_there_is_room(self):
        self.start({"deploy": keyed(limit=2, when_full="reject")})
        jobs = [self.put("deploy", "a"), self.put("deploy", "a")]
        self.expect_refused(self.post("deploy", "a"), 429, "concurrency-full")
        self.put("deploy", "b")
        self.end(jobs[0])
        self.put("deploy", "a")

    def test_replace_cancels_what_waits_and_says_for_whom(self):
        self.start({"deploy": keyed(limit=1, when_full="replace")})
        running = self.running(self.put("deploy"))
        jobs = [self.put("deploy") for _ in range(4)]
        for old, new in zip(jobs, jobs[1:]):
            job = self.instance.wait(old)
            self.assertEqual((job["state"], job["end"]["stopped_by"]), ("cancelled", f"job {new}"), job)
            self.assertIsNone(job["started_at"])
        self.assertEqual(self.state(running), "running")
        self.end(running)
        self.running(jobs[-1])

    def test_coalesce_answers_with_the_one_that_waits(self):
        self.start({"deploy": keyed(limit=1, when_full="coalesce")})
        running = self.running(self.put("deploy"))
        first = self.post("deploy")
        self.assertNotIn("Sallyport-Coalesced", first.headers)
        for _ in range(3):
            answer = self.post("deploy")
            self.assertEqual((answer.status, answer.headers.get("Sallyport-Coalesced")), (202, "true"), answer)
            self.assertEqual(answer.json()["id"], first.json()["id"])
        self.end(running)
        self.running(first.json()["id"])
        self.assertNotEqual(self.put("deploy"), first.json()["id"])

    def test_max_queue_is_for_each_key(self):
        self.start({"deploy": keyed(limit=1, max_queue=2)})
        self.running(self.put("deploy", "a"))
        self.put("deploy", "a")
        self.put("deploy", "a")
        self.expect_refused(self.post("deploy", "a"), 503, "queue-full")
        self.put("deploy", "b")

    def test_a_replay_is_answered_under_a_full_limit(self):
        self.start({"deploy": keyed(limit=1, when_full="reject")})
        first = self.post("deploy", headers={"Idempotency-Key": "k1"})
        again = self.post("deploy", headers={"Idempotency-Key": "k1"})
        self.assertEqual((again.status, again.headers.get("Idempotency-Replayed")), (202, "true"), again)
        self.assertEqual(again.json()["id"], first.json()["id"])
        self.expect_refused(self.post("deploy", headers={"Idempotency-Key": "k2"}), 429, "concurrency-full")

    def test_a_burst_is_one_job(self):
        self.start({"sync": {**keyed(limit=1), "dedupe": {"key": "{key}", "window": "1h"}}})
        first = self.put("sync", "main")
        for _ in range(3):
            answer = self.post("sync", "main")
            self.assertEqual((answer.json()["id"], answer.headers.get("Sallyport-Deduplicated")), (first, "true"), answer)
        self.kill_keeper()
        self.assertEqual(self.put("sync", "main"), first)
        self.assertNotEqual(self.put("sync", "other"), first)

    def test_a_limit_of_today_holds_for_what_waits_since_yesterday(self):
        self.start({"deploy": keyed(limit=1)})
        jobs = [self.put("deploy") for _ in range(3)]
        self.running(jobs[0])
        self.instance.config["commands"]["deploy"]["concurrency"]["limit"] = 3
        self.instance.reload()
        self.running(jobs[1])
        self.running(jobs[2])


class OverCrashes(QueueTest):
    def test_limits_hold_when_the_keeper_is_killed(self):
        self.start({"deploy": keyed(limit=1)})
        jobs = [self.put("deploy") for _ in range(3)]
        self.running(jobs[0])
        self.kill_keeper()
        jobs.append(self.put("deploy"))
        self.running(self.put("deploy", "other"))     # what may start has started
        self.assertEqual([self.state(job) for job in jobs], ["running", "queued", "queued", "queued"])
        self.end(jobs[0])
        self.running(jobs[1])
        self.assertEqual([self.state(job) for job in jobs[2:]], ["queued", "queued"])

    def test_limits_hold_when_the_launcher_is_killed(self):
        self.start({"deploy": keyed(limit=1)})
        jobs = [self.put("deploy") for _ in range(3)]
        self.running(jobs[0])
        os.kill(self.instance.part("launcher").pid, signal.SIGKILL)
        self.assertEqual(self.instance.wait(jobs[0])["state"], "lost")
        self.running(jobs[1])
        self.assertEqual(self.state(jobs[2]), "queued")

    def test_max_wait_counts_on_while_the_keeper_is_away(self):
        self.start({"deploy": keyed(limit=1, max_wait="3s")})
        running = self.running(self.put("deploy"))
        waiting = self.put("deploy")
        self.kill_keeper()
        job = self.instance.wait(waiting)
        self.assertEqual((job["state"], job["end"]["reason"]), ("rejected", "rejected"), job)
        self.assertIn("longer than the 3 s that its command's concurrency.max_wait allows", job["end"]["message"])
        self.assertGreaterEqual(seconds(job["finished_at"]) - seconds(job["created_at"]), 3)
        self.assertEqual(self.state(running), "running")

    def test_a_rate_is_not_forgotten_by_a_crash(self):
        self.start({"often": {"exec": ["/usr/bin/true"], "rate": "3/1h"}})
        for _ in range(3):
            self.put("often")
        for _ in range(2):
            answer = self.expect_refused(self.post("often"), 429, "rate-limited")
            later = int(answer.headers["Retry-After"])
            self.assertTrue(3000 < later <= 3600, answer.headers)
            self.assertEqual(answer.headers["RateLimit-Policy"], '"command";q=3;w=3600')
            self.assertEqual(answer.headers["RateLimit"], f'"command";r=0;t={later}')
            self.assertEqual(answer.json()["retry_after"], later)
            self.kill_keeper()

    def test_a_paused_command_stays_paused(self):
        self.start({"deploy": keyed(limit=1), "other": HOLD})
        answer = self.instance.request("POST", "/v1/commands/deploy/pause", {"reason": "moving"})
        self.assertEqual((answer.status, answer.json()["pause"]["reason"]), (200, "moving"), answer)
        waiting = self.put("deploy")
        self.kill_keeper()
        self.running(self.put("other"))
        item, = self.queue()
        self.assertEqual((item["id"], item["reason"]), (waiting, "paused"))
        self.assertEqual(item["queued_reason"], "its command is paused by tester: moving")
        shown = self.instance.request("GET", "/v1/commands/deploy").json()
        self.assertEqual((shown["paused"], shown["pause"]["by"], shown["pause"]["queue"]), (True, "tester", True), shown)
        self.instance.request("POST", "/v1/commands/deploy/pause", {"queue": False})
        self.expect_refused(self.post("deploy"), 409, "command-paused")
        self.assertEqual(self.instance.request("POST", "/v1/commands/deploy/resume").status, 200)
        self.running(waiting)
        self.assertEqual(self.instance.request("GET", "/v1/commands/deploy").json()["pause"], None)


class Followers(QueueTest):
    """Sequences and chains go by the same rules."""
    QUICK = {"exec": ["/usr/bin/true"]}

    def test_a_sequence_does_not_keep_its_own_steps_out(self):
        self.start({"quick": self.QUICK, "hold": HOLD, "both": {"steps": [{"command": "quick"}] * 2},
                    "held": {"steps": [{"command": "hold"}], "concurrency": {"limit": 1}}},
                   {"running": 1}, slots={"count": 1})
        self.assertEqual(self.instance.wait(self.put("both"))["state"], "succeeded")
        first, second = self.running(self.put("held")), self.put("held")
        self.assertTrue(wait_until(lambda: [(item["id"], item["reason"]) for item in self.queue()] == [(second, "concurrency")], 20),
                        self.queue())
        self.end(first)
        self.running(second)

    def test_a_step_needs_a_job_of_its_own(self):
        self.start({"deploy": keyed(limit=1, when_full="coalesce"), "both": {"steps": [{"command": "deploy"}] * 2}})
        self.running(self.put("deploy"))
        waiting = self.put("deploy")
        job = self.instance.wait(self.put("both"))
        self.assertEqual(job["state"], "failed", job)
        self.assertIn("a job with its key waits already, and a step needs a job of its own", job["end"]["message"])
        self.assertEqual(self.state(waiting), "queued")

    def test_what_cleans_up_follows_a_job_that_was_replaced(self):
        self.start({"clean": {**self.QUICK, "params": {"of": {"type": "string", "required": True}}, "exec": ["/usr/bin/echo", "{of}"]},
                    "deploy": {**keyed(limit=1, when_full="replace"), "always": [{"command": "clean", "params": {"of": "{job.id}"}}],
                             "on_failure": [{"command": "clean", "params": {"of": "wrong"}}]}})
        self.running(self.put("deploy"))
        old = self.put("deploy")
        self.put("deploy")
        self.assertEqual(self.instance.wait(old)["state"], "cancelled")

        def followed():
            return self.instance.request("GET", f"/v1/jobs?parent={old}").json()["items"]
        self.assertTrue(wait_until(followed, 10), self.instance.log())
        self.assertEqual([(item["command"], item["params"]) for item in followed()], [("clean", {"of": old})])


class Callers(QueueTest):
    def start_with_guest(self, commands, guest, limits=None, **options):
        self.guest = new_token()
        tokens = {"guest": {"hash": token_hash(self.guest), "allow": ["run:*", "read:own"], "limits": guest}}
        self.start(commands, limits, tokens=tokens, **options)

    def test_a_caller_has_no_more_than_its_limits(self):
        self.start_with_guest({"hold": HOLD}, {"running": 1, "waiting": 2, "rate": "4/1h"})
        first = self.running(self.put("hold", token=self.guest))
        second, third = self.put("hold", token=self.guest), self.put("hold", token=self.guest)
        self.expect_refused(self.post("hold", token=self.guest), 503, "queue-full")
        self.running(self.put("hold"))
        self.assertEqual({item["reason"] for item in self.queue()}, {"caller-limit"})
        self.end(first)
        self.running(second)
        fourth = self.put("hold", token=self.guest)
        self.end(second)
        self.running(third)
        answer = self.expect_refused(self.post("hold", token=self.guest), 429, "rate-limited")
        self.assertEqual(answer.headers["RateLimit-Policy"], '"caller";q=4;w=3600')
        self.assertEqual(self.state(fourth), "queued")

    def test_all_together_have_no_more_than_the_limits_of_the_service(self):
        self.start_with_guest({"hold": HOLD}, {}, {"running": 2, "waiting": 1, "rate": "4/1h"})
        jobs = [self.running(self.put("hold")), self.running(self.put("hold", token=self.guest))]
        waiting = self.put("hold")
        self.expect_refused(self.post("hold", token=self.guest), 503, "queue-full")
        self.assertEqual(self.queue()[0]["reason"], "service-limit")
        self.end(jobs[0])
        self.running(waiting)
        self.put("hold", token=self.guest)
        self.end(jobs[1])
        answer = self.expect_refused(self.post("hold"), 429, "rate-limited")
        self.assertEqual(answer.headers["RateLimit-Policy"], '"service";q=4;w=3600')

    def test_the_queue_tells_each_what_it_waits_for(self):
        harness.needs_root(self)        # accounts of other users
        self.start_with_guest({"hold": HOLD, "deploy": keyed(limit=1), "stopped": HOLD, "owned": {**HOLD, "user": ACCOUNT}},
                              {"running": 1}, slots={"count": 3, "per_user": 1})
        self.assertEqual(self.instance.request("POST", "/v1/commands/stopped/pause", {}).status, 200)
        working, mine = self.running(self.put("deploy", "a")), self.running(self.put("hold", token=self.guest))
        owned = self.running(self.put("owned"))
        self.running(self.put("hold"))
        wanted = {self.put("deploy", "a"): ("concurrency", f"waiting for job {working}"),
                  self.put("deploy", "b"): ("slots", "waiting for a free slot"),
                  self.put("stopped"): ("paused", "paused by tester"),
                  self.put("owned"): ("user-slots", f"free slot of its user '{ACCOUNT}'"),
                  self.put("hold", token=self.guest): ("caller-limit", "caller 'guest' has 1 running"),
                  self.put("hold", priority=1): ("slots", "")}
        items = self.queue()
        self.assertEqual([item["id"] for item in items], list(wanted))
        self.assertEqual([item["position"] for item in items], [1, 2, 3, 4, 5, 6])
        for item in items:
            reason, words = wanted[item["id"]]
            self.assertEqual(item["reason"], reason, item)
            self.assertIn(words, item["queued_reason"])
            job = self.instance.job(item["id"])
            self.assertEqual((job["queued_reason"], job["position"], job["created_at"], job["command"]),
                             (item["queued_reason"], item["position"], item["created_at"], item["command"]))
        pages = self.instance.request("GET", "/v1/queue?limit=4")
        self.assertIn('rel="next"', pages.headers["Link"])
        rest = self.queue("?limit=4&cursor=" + pages.json()["next_cursor"])
        self.assertEqual([item["id"] for item in pages.json()["items"] + rest], list(wanted))
        self.assertEqual([item["reason"] for item in self.queue(token=self.guest)], ["caller-limit"], "its own alone")
        self.assertEqual(len(self.queue("?command=deploy")), 2)
        self.assertEqual(self.instance.request("GET", "/v1/queue?state=queued").status, 400)
        for job_id in (working, mine, owned):
            self.end(job_id)
        started = [job_id for job_id in wanted if wanted[job_id][0] in ("concurrency", "user-slots")]
        for job_id in started:
            self.running(job_id)
        self.assertEqual([item["id"] for item in self.queue() if item["reason"] == "paused"], [list(wanted)[2]])


class CommandLine(QueueTest):
    def cli(self, *words, code=0):
        done = self.instance.cli(*words)
        self.assertEqual(done.returncode, code, done)
        return done.stdout.decode()

    def test_what_waits_is_listed_paused_resumed_and_run_again(self):
        self.start({"deploy": keyed(limit=1), "echo": {"exec": ["/usr/bin/echo", "{word}"],
                                                    "params": {"word": {"type": "string", "default": "hello"}}}})
        self.running(self.put("deploy"))
        first = self.cli("run", "-d", "deploy").strip()
        last = self.cli("run", "-d", "--priority", "2", "deploy").strip()
        self.assertEqual(self.cli("-o", "name", "queue").split(), [first, last])
        self.assertIn("concurrency", self.cli("queue"))
        self.assertIn("waiting for job", self.cli("-o", "wide", "queue", "--command", "deploy"))
        self.assertEqual(self.cli("-o", "name", "queue", "--command", "echo"), "")

        self.assertEqual(self.cli("pause", "echo", "--reason", "lunch"), "echo is paused\n")
        waiting = self.cli("run", "-d", "echo").strip()
        self.assertIn(waiting, self.cli("-o", "name", "queue"))
        self.assertEqual(self.cli("pause", "echo", "--refuse"), "echo is paused\n")
        self.cli("run", "echo", code=125)
        self.assertEqual(self.cli("resume", "echo"), "echo goes on\n")
        self.assertEqual(self.instance.wait(waiting)["state"], "succeeded")
        self.cli("pause", "nonsense", code=125)

        done = self.cli("run", "-q", "echo", "-p", "word=once", "--label", "pr=812")
        self.assertEqual(done, "once\n")
        old = self.instance.request("GET", "/v1/jobs?command=echo&limit=1").json()["items"][0]
        self.assertEqual(self.cli("rerun", "-q", old["id"]), "once\n")
        new = self.instance.request("GET", "/v1/jobs?command=echo&limit=1").json()["items"][0]
        self.assertNotEqual(new["id"], old["id"])
        self.assertEqual((new["params"], new["labels"], new["reason"]), (old["params"], old["labels"], f"rerun of {old['id']}"))
        again = self.cli("rerun", "-d", "--reason", "once more", "--priority", "1", old["id"]).strip()
        self.assertEqual((self.instance.job(again)["reason"], self.instance.job(again)["priority"]), ("once more", 1))

    def test_what_is_not_kept_is_not_run_again(self):
        self.start({"pin": {"exec": ["/usr/bin/true", "{pin}"], "params": {"pin": {"type": "secret", "required": True}}},
                    "read": {"exec": ["/usr/bin/cat"], "stdin": "body"},
                    "quiet": {"exec": ["/usr/bin/true"], "record": "metadata-only"}})
        cases = [(self.instance.run("pin", {"pin": "4711"}).job, "secrets-required"),
                 (self.instance.run("read", stdin="words").job, "input-not-kept"),
                 (self.instance.run("quiet").job, "input-not-kept")]
        for job, code in cases:
            answer = self.instance.request("POST", f"/v1/jobs/{job['id']}/rerun", {})
            self.assertEqual((answer.status, answer.json()["code"]), (409, code), answer)
        self.cli("rerun", cases[0][0]["id"], code=125)
        plain = self.instance.run("read").job
        self.assertEqual(self.instance.request("POST", f"/v1/jobs/{plain['id']}/rerun", {}).status, 202)
        self.assertEqual(self.instance.request("POST", f"/v1/jobs/{plain['id']}/rerun", {"stdin": "x"}).status, 400)


if __name__ == "__main__":
    unittest.main()
