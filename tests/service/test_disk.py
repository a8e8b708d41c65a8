"""A disk that is full, or read-only: new jobs are refused, running ones go on, and no record says what is not so."""

import contextlib
import hashlib
import os
import signal
import threading
import unittest

import harness
from harness import Instance, wait_until
from small_disk import SmallDisk

# Ends when the test makes a file called like its parameter, with last words that need some room.
WAITER = 'echo waiting; while [ ! -e "$0/$1" ]; do sleep 0.05; done; seq 5000; exit 7'
# Numbers on both streams: every lost, doubled or moved byte shows.
TALKER = 'seq "$0" & seq 10000 >&2; wait'
STORE_FULL = (503, "store-full", "30")


def numbers(count):
    return "".join(f"{i}\n" for i in range(1, count + 1)).encode()


WAITER_SAID = b"waiting\n" + numbers(5000)


def refusal(response):
    return response.status, response.json()["code"], response.headers.get("Retry-After")


class OnSmallDisk(unittest.TestCase):
    mebibytes = 24

    def setUp(self):
        harness.needs_root(self)
        harness.needs_program(self, "sallyportd")
        self.disk = SmallDisk(self.mebibytes)
        self.addCleanup(self.disk.remove)
        self.gate = os.path.join(self.disk.directory, "gate")
        os.mkdir(self.gate)
        os.chmod(self.gate, 0o755)
        commands = {
            "wait": {"exec": ["/usr/bin/sh", "-c", WAITER, self.gate, "{name}"], "timeout": "100s", "sandbox": {"read": [self.gate]},
                     "params": {"name": {"type": "string", "required": True}}},
            "talk": {"exec": ["/usr/bin/sh", "-c", TALKER, "{count}"], "timeout": "100s", "output": {"max": "100MiB"},
                     "params": {"count": {"type": "int", "min": 1, "max": 10000000, "required": True}}},
            "brief": {"exec": ["/usr/bin/seq", "100000000"], "timeout": "3s", "output": {"max": "1GiB"}},
            "short": {"exec": ["/usr/bin/echo", "short"]},
            "large": {"exec": ["/usr/bin/true", "{values...}"],
                      "params": {"values": {"type": "list", "default": [], "max_items": 20, "of": {"type": "string", "max_length": 4000}}}},
            "input": {"exec": ["/usr/bin/sha256sum"], "stdin": "body"},
            "file": {"exec": ["/usr/bin/sha256sum", "{source}"], "params": {"source": {"type": "file", "required": True}}},
        }
        self.instance = Instance(commands)
        self.instance.config["store"] = {"free_min": "0B"}
        self.instance.state = self.disk.path
        self.addCleanup(self.end)
        self.instance.start()

    def end(self):
        """A failed test's own words come first."""
        if self.instance.process is None:
            return
        self.disk.free()
        if any(error for _, error in getattr(self._outcome, "errors", ()) if error):
            self.instance.kill()
        else:
            self.instance.stop()

    def open_gate(self, name):
        with open(os.path.join(self.gate, name), "w", encoding="utf-8"):
            pass

    def post(self, command, params=None, **more):
        return self.instance.request("POST", f"/v1/commands/{command}/jobs", {"params": params or {}, **more})

    def running(self, name):
        job_id = self.instance.submit("wait", {"name": name})["id"]
        self.assertTrue(wait_until(lambda: self.instance.job(job_id)["output"]["bytes"] == 8, 10), self.instance.log())
        return job_id

    def submit_until_refused(self, accepted, command="short", params=None):
        """What the database's own log has room for is still taken."""
        for _ in range(200):
            response = self.post(command, params)
            if response.status != 202:
                self.assertEqual(refusal(response), STORE_FULL, response.body)
                return
            accepted.append(response.json()["id"])
        self.fail("a full disk takes everything")

    def kill_keeper(self):
        victim = self.instance.part("keeper")
        os.kill(victim.pid, signal.SIGKILL)
        self.assertTrue(wait_until(lambda: not victim.is_alive(), 5))

        def is_served():
            with contextlib.suppress(OSError):
                return self.instance.request("GET", "/v1/whoami", timeout=2).status == 200
        self.assertTrue(wait_until(is_served, 20), self.instance.log())

    def streams(self, job_id):
        stream = self.instance.stream("GET", f"/v1/jobs/{job_id}/output")
        said = {"out": [], "err": []}
        for record in stream:
            if record["type"] == "output":
                said[record["s"]].append(harness.output_bytes(record))
        stream.close()
        return b"".join(said["out"]), b"".join(said["err"])

    def log_file(self, job_id):
        with open(os.path.join(self.disk.path, "keeper", "output", job_id[-2:], job_id + ".log"), "rb") as file:
            return file.read()

    def check_record(self, job_id):
        """The record says of the output what is stored of it."""
        job, stored = self.instance.job(job_id), self.log_file(job_id)
        self.assertEqual(job["output"]["bytes"], len(stored), job)
        self.assertEqual(job["output"]["sha256"], hashlib.sha256(stored).hexdigest(), job)
        return job

    def job_ids(self):
        found, cursor = [], ""
        while cursor is not None:
            page = self.instance.request("GET", f"/v1/jobs?limit=200{cursor and '&cursor=' + cursor}").json()
            found += [job["id"] for job in page["items"]]
            cursor = page.get("next_cursor")
        return found

    def check_whole(self, accepted):
        """Exactly the accepted jobs are there, each ended as it should, and database and audit trail are sound."""
        for job_id in accepted:
            self.assertIn(self.instance.wait(job_id)["state"], ("succeeded", "failed"), self.instance.job(job_id))
        self.assertEqual(sorted(self.job_ids()), sorted(accepted))
        self.check_files()

    def check_files(self):
        done = self.instance.cli("doctor", "--state", self.disk.path, text=True)
        self.assertIn("the database in", "".join(line for line in done.stdout.splitlines() if line.startswith("pass  state")), done.stdout)
        done = self.instance.cli("audit", "verify", "--state", self.disk.path, text=True)
        self.assertEqual(done.returncode, 0, done)


class FullDisk(OnSmallDisk):
    def test_a_foreign_file_fills_it(self):
        accepted = [self.instance.run("short").job["id"]]
        waiting = [self.running("first"), self.running("second")]
        accepted += waiting
        self.disk.fill()
        self.submit_until_refused(accepted)
        self.assertEqual(self.streams(accepted[0]), (b"short\n", b""))

        answers = []

        def race(number):
            for i in range(10):
                answers.append(self.instance.request("POST", "/v1/commands/short/jobs", {"params": {}},
                                                     headers={"Idempotency-Key": f"key-{(number + i) % 7}"}))
        threads = [threading.Thread(target=race, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual({answer.status for answer in answers} - {200, 202, 503}, set())
        accepted += {answer.json()["id"] for answer in answers if answer.status != 503}
        for answer in answers:
            if answer.status == 503:
                self.assertEqual(refusal(answer), STORE_FULL)

        self.open_gate("first")
        self.assertTrue(wait_until(lambda: self.instance.log().count("could not be stored") > 0, 10))
        self.assertEqual(self.instance.job(waiting[0])["state"], "running", "an end that is not stored is not told")
        self.disk.free()
        job = self.instance.wait(waiting[0])
        self.assertEqual((job["state"], job["end"]["exit_code"]), ("failed", 7), job)
        self.check_record(waiting[0])
        self.assertEqual(self.log_file(waiting[0]), WAITER_SAID)
        self.open_gate("second")
        self.assertTrue(wait_until(lambda: self.post("short").status == 202 or None, 5), self.instance.log())
        accepted.append(next(job_id for job_id in self.job_ids() if job_id not in accepted))
        self.check_whole(accepted)

    def test_jobs_fill_it_with_their_own_output(self):
        count = 4000000     # 31 MB of it
        waiter = self.running("go")
        talker = self.instance.submit("talk", {"count": count})["id"]
        self.assertTrue(wait_until(lambda: "cannot be stored" in self.instance.log(), 60), self.instance.log())
        accepted = [talker, waiter]
        self.submit_until_refused(accepted)
        before = self.instance.job(talker)
        self.assertEqual(before["state"], "running")
        self.assertEqual(before["output"]["bytes"], len(self.log_file(talker)))
        self.kill_keeper()
        self.open_gate("go")
        self.assertTrue(wait_until(lambda: self.disk.free_bytes() == 0, 5))
        self.assertEqual(self.instance.job(talker)["state"], "running")
        self.assertEqual(self.disk.remount("size=80m").returncode, 0)
        self.assertEqual(self.instance.wait(talker)["state"], "succeeded")
        self.assertTrue(self.streams(talker) == (numbers(count), numbers(10000)), "its output is not what it wrote")
        self.check_record(talker)
        self.assertEqual(self.instance.wait(waiter)["end"]["exit_code"], 7)
        self.check_whole(accepted)

    def test_the_last_bytes_of_an_ended_job_wait_for_room(self):
        """They are in its pipe, which the launcher holds too: also a keeper that dies meanwhile loses none."""
        job_id = self.running("go")
        self.disk.fill()
        self.open_gate("go")
        self.assertTrue(wait_until(lambda: "cannot be stored" in self.instance.log(), 10), self.instance.log())
        for _ in range(2):
            self.kill_keeper()
            self.assertEqual(self.instance.job(job_id)["state"], "running")
        self.disk.free()
        job = self.instance.wait(job_id)
        self.assertEqual((job["state"], job["end"]["exit_code"]), ("failed", 7), job)
        self.check_record(job_id)
        self.assertEqual(self.log_file(job_id), WAITER_SAID)
        self.check_whole([job_id])

    def test_a_job_that_waits_for_room_still_has_its_timeout(self):
        job_id = self.instance.submit("brief")["id"]
        self.assertTrue(wait_until(lambda: "cannot be stored" in self.instance.log(), 30), self.instance.log())
        self.assertTrue(wait_until(lambda: not [process for process in self.instance.processes() if process.name() == "seq"], 20),
                        "it ends though nobody reads what it said")
        self.assertEqual(self.instance.job(job_id)["state"], "running", "and its end is not told, for it is not stored")
        self.assertEqual(self.disk.remount("size=80m").returncode, 0)
        job = self.instance.wait(job_id)
        self.assertEqual(job["state"], "timed_out", job)
        out, err = self.streams(job_id)
        self.assertTrue(numbers(out.count(b"\n") + 1).startswith(out), "a head of what it wrote")
        self.assertEqual(self.check_record(job_id)["output"]["bytes"], len(out) + len(err))
        self.check_files()

    def test_a_commit_that_does_not_fit_leaves_nothing(self):
        """Room for a part of it only: the log meets the end of the disk at many places."""
        accepted = []
        params = {"values": ["v" * 3900] * 11}
        for pages in (0, 1, 2, 3, 5, 8, 13, 21, 34, 55):
            self.disk.fill(leave=pages * 4096)
            answers = []
            threads = [threading.Thread(target=lambda: answers.append(self.post("large", params))) for _ in range(12)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            for answer in answers:
                if answer.status == 202:
                    accepted.append(answer.json()["id"])
                else:
                    self.assertEqual(refusal(answer), STORE_FULL, answer.body)
            self.disk.free()
            job_id = wait_until(lambda: (lambda answer: answer.json()["id"] if answer.status == 202 else None)(self.post("short")), 5)
            self.assertIsNotNone(job_id, self.instance.log())
            accepted.append(job_id)
        self.check_whole(accepted)

    def test_the_keeper_starts_on_it(self):
        accepted = [self.instance.run("short").job["id"], self.running("go")]
        self.disk.fill()
        self.submit_until_refused(accepted)
        for _ in range(3):
            self.kill_keeper()
            self.assertEqual(self.instance.job(accepted[0])["state"], "succeeded")
            self.assertEqual(self.streams(accepted[0]), (b"short\n", b""))
            self.submit_until_refused(accepted)
        self.open_gate("go")
        self.disk.free()
        self.check_whole(accepted)

    def test_the_whole_service_ends_and_starts_on_it(self):
        accepted = [self.instance.run("short").job["id"]]
        self.disk.fill()
        self.submit_until_refused(accepted)
        self.instance.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.instance.process.wait(60), 0, self.instance.log())
        self.disk.fill()
        self.instance.start(wait=False)

        def is_given_up_or_serves():
            if self.instance.process.poll() is not None:
                return "given up"
            with contextlib.suppress(OSError):
                return self.instance.request("GET", "/readyz", token=None, timeout=2).status == 200 and "serves"
        how = wait_until(is_given_up_or_serves, 60, 0.1)
        if how == "given up":   # the log's files cannot be made
            self.assertEqual(self.instance.process.returncode, 70, self.instance.log())
            self.assertIn("make room on the disk of the state directory", self.instance.log())
            self.disk.free()
            self.instance.start()
        else:
            self.assertEqual(how, "serves", self.instance.log())
            self.submit_until_refused(accepted)
            self.disk.free()
            self.assertTrue(wait_until(lambda: self.post("short").status == 202, 5))
            accepted = self.job_ids()
        self.check_whole(accepted)

    def test_files_need_room_too(self):
        def upload():
            body = (b'--b\r\nContent-Disposition: form-data; name="source"\r\n\r\n' + b"x" * 200000 + b"\r\n--b--\r\n")
            return self.instance.request("POST", "/v1/commands/file/jobs", body, {"Content-Type": "multipart/form-data; boundary=b"})
        self.disk.fill(leave=64 * 1024)
        self.assertEqual(refusal(upload()), STORE_FULL)
        self.disk.free()
        self.assertEqual(os.listdir(os.path.join(self.disk.path, "keeper", "files")), [])
        job = self.instance.wait(upload().json()["id"])
        self.assertEqual(job["params"]["source"]["file"]["sha256"], hashlib.sha256(b"x" * 200000).hexdigest())
        self.check_whole([job["id"]])

    def test_standard_input_needs_room_too(self):
        self.disk.fill(leave=256 * 1024)
        response = self.instance.request("POST", "/v1/commands/input/jobs", {"params": {}, "stdin": "x" * 200000})
        accepted = [response.json()["id"]] if response.status == 202 else []
        self.disk.fill(leave=64 * 1024)
        response = self.instance.request("POST", "/v1/commands/input/jobs", {"params": {}, "stdin": "x" * 200000})
        self.assertEqual(refusal(response), STORE_FULL, response.body)
        self.disk.free()
        for job_id in accepted:
            self.instance.wait(job_id)
        self.assertTrue(wait_until(lambda: os.listdir(os.path.join(self.disk.path, "keeper", "stdin")) == [], 5))
        job = self.instance.run("input", stdin="x" * 200000)
        self.assertEqual(job.stdout.split()[0].decode(), hashlib.sha256(b"x" * 200000).hexdigest())
        self.check_whole([*accepted, job.job["id"]])

    def test_a_cancel_that_cannot_be_written_down_is_not_done(self):
        job_id = self.running("go")
        self.disk.fill()
        accepted = [job_id]
        self.submit_until_refused(accepted)
        response = self.instance.request("POST", f"/v1/jobs/{job_id}/cancel", {})
        self.assertEqual(refusal(response), STORE_FULL, response.body)
        self.disk.free()
        self.open_gate("go")
        self.assertEqual(self.instance.wait(job_id)["end"]["exit_code"], 7)
        self.check_whole(accepted)

    def test_jobs_are_refused_before_it_is_full(self):
        self.instance.config["store"] = {"free_min": "8MiB"}
        self.instance.reload()
        self.disk.fill(leave=4 << 20)
        self.assertTrue(wait_until(lambda: self.post("short").status == 503, 10))
        self.assertEqual(refusal(self.post("short")), STORE_FULL)
        self.assertTrue(wait_until(lambda: "store.free_min is 8 MiB" in self.instance.log(), 5))
        self.disk.free()
        self.assertTrue(wait_until(lambda: self.post("short").status == 202, 10))


class ReadOnlyDisk(OnSmallDisk):
    def test_the_service_says_so_and_does_not_start(self):
        self.instance.run("short")
        self.instance.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.instance.process.wait(20), 0)
        self.assertEqual(self.disk.remount("ro").returncode, 0)
        self.instance.start(wait=False)
        self.assertEqual(self.instance.process.wait(20), 71, self.instance.log())
        self.assertIn(f"'{self.disk.path}/lock': Read-only file system", self.instance.log())
        self.assertEqual(self.disk.remount("rw").returncode, 0)
        self.instance.start()
        self.instance.run("short")

    def test_one_that_is_in_use_cannot_become_read_only(self):
        """What the kernel does by itself on a fault is met by the keeper's own tests; this is what an administrator may try."""
        self.assertNotEqual(self.disk.remount("ro").returncode, 0)
        self.instance.run("short")


if __name__ == "__main__":
    unittest.main()
