"""`stdin: stream`: what was answered 202 comes to the job once and in order, whoever dies on the way, and its end comes when it was said."""

import hashlib
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import threading
import time
import unittest

import harness
from harness import Instance, new_token, token_hash, wait_until

CAT = ["/usr/bin/cat"]
SUM = ["/usr/bin/sha256sum"]
# Says what it read as soon as it did: a byte that waits for more would show.
ECHO = ["/usr/bin/bash", "-c", 'while IFS= read -r line; do echo "got $line"; done; echo end']
# Reads a line, closes its input, and lives on.
CLOSER = ["/usr/bin/bash", "-c", "read -r line; exec <&-; echo closed; sleep 60"]

COMMANDS = {
    "cat": {"exec": CAT, "stdin": "stream", "timeout": "120s"},
    "sum": {"exec": SUM, "stdin": "stream", "timeout": "120s"},
    "echo": {"exec": ECHO, "stdin": "stream", "timeout": "120s"},
    "closer": {"exec": CLOSER, "stdin": "stream", "timeout": "120s"},
    "small": {"exec": CAT, "stdin": "stream", "stdin_max": "10B", "timeout": "60s"},
    "idle": {"exec": CAT, "stdin": "stream", "stdin_idle": "1s", "timeout": "60s"},
    "short": {"exec": CAT, "stdin": "stream", "timeout": "1s", "grace": "1s"},
    "deaf": {"exec": ["/usr/bin/sleep", "60"], "stdin": "stream", "timeout": "120s"},
    "body": {"exec": CAT, "stdin": "body"},
    "count": {"exec": ["/usr/bin/wc", "-l"], "stdin": "stream"},
    "none": {"exec": ["/usr/bin/sleep", "60"], "timeout": "60s"},
    "first": {"steps": [{"command": "cat"}]},
}


class Feeding:
    """What the tests below do to an instance."""

    def feed(self, job_id, data=b"", query="", token="ours", instance=None):
        headers = {"Content-Type": "application/octet-stream"} if data else {}
        return (instance or self.instance).request("POST", f"/v1/jobs/{job_id}/stdin{query}", data, headers=headers, token=token)

    def fed(self, job_id, data=b"", query=""):
        answer = self.feed(job_id, data, query)
        self.assertEqual(answer.status, 202, answer.body)
        self.assertEqual(int(answer.headers["Sallyport-Stdin-Offset"]), answer.json()["bytes"])
        return answer.json()

    def output(self, job_id):
        return self.instance.request("GET", f"/v1/jobs/{job_id}/output").body

    def is_running(self, job_id):
        return self.instance.job(job_id)["state"] == "running"

    def assert_code(self, answer, status, code):
        self.assertEqual((answer.status, answer.json()["code"]), (status, code), answer.body)


class Streams(Feeding, harness.ServiceTest):
    """One instance for all."""

    commands = COMMANDS

    def test_each_chunk_comes_as_it_was_sent_and_the_end_when_it_was_said(self):
        job = self.instance.submit("echo")
        self.assertEqual(job["stdin"], {"bytes": 0, "ended": False, "url": f"/v1/jobs/{job['id']}/stdin"})
        self.assertEqual(self.fed(job["id"], b"one\n"), {"id": job["id"], "url": job["url"], "bytes": 4, "ended": False})
        self.assertTrue(wait_until(lambda: self.output(job["id"]) == b"got one\n", 20))
        self.fed(job["id"], b"two\nthr")
        self.assertTrue(wait_until(lambda: self.output(job["id"]) == b"got one\ngot two\n", 20))
        self.assertTrue(self.fed(job["id"], b"ee\n", "?eof=1")["ended"])
        self.assertEqual(self.instance.wait(job["id"])["state"], "succeeded")
        self.assertEqual(self.output(job["id"]), b"got one\ngot two\ngot three\nend\n")

    def test_any_bytes_and_an_end_alone(self):
        data = bytes(range(256)) * 1800 # nearly as much as a body may have
        job = self.instance.submit("sum")
        self.fed(job["id"], data)
        self.fed(job["id"], data)
        self.fed(job["id"], query="?eof=1&offset=%d" % (2 * len(data)))
        self.assertEqual(self.instance.wait(job["id"])["state"], "succeeded")
        self.assertEqual(self.output(job["id"]).split()[0].decode(), hashlib.sha256(data + data).hexdigest())

    def test_the_first_bytes_may_come_with_the_submit(self):
        job = self.instance.submit("cat", stdin="first ")
        self.assertEqual(self.fed(job["id"], "zweites ö".encode(), "?eof=1")["bytes"], 16)
        self.assertEqual(self.instance.wait(job["id"])["state"], "succeeded")
        self.assertEqual(self.output(job["id"]).decode(), "first zweites ö")

    def test_the_same_chunk_again_is_taken_once(self):
        job = self.instance.submit("cat")
        self.fed(job["id"], b"0123456789", "?offset=0")
        self.assertEqual(self.fed(job["id"], b"0123456789", "?offset=0")["bytes"], 10)
        self.assertEqual(self.fed(job["id"], b"56789abc", "?offset=5")["bytes"], 13)
        self.fed(job["id"], b"c", "?offset=12&eof=1")
        again = self.fed(job["id"], b"c", "?offset=12&eof=1")
        self.assertEqual((again["bytes"], again["ended"]), (13, True))
        self.assertEqual(self.instance.wait(job["id"])["state"], "succeeded")
        self.assertEqual(self.output(job["id"]), b"0123456789abc")

    def test_a_gap_is_refused_and_says_where_to_go_on(self):
        job = self.instance.submit("cat")
        self.fed(job["id"], b"0123")
        answer = self.feed(job["id"], b"9", "?offset=9")
        self.assert_code(answer, 409, "stdin-gap")
        self.assertEqual(answer.headers["Sallyport-Stdin-Offset"], "4")
        early_end = self.feed(job["id"], b"", "?offset=2&eof=1")
        self.assert_code(early_end, 409, "stdin-gap")
        self.fed(job["id"], b"4", "?offset=4&eof=1")
        self.assertEqual(self.instance.wait(job["id"])["state"], "succeeded")
        self.assertEqual(self.output(job["id"]), b"01234")

    def test_nothing_comes_behind_the_end(self):
        job = self.instance.submit("deaf")
        self.fed(job["id"], b"a", "?eof=1")
        self.assert_code(self.feed(job["id"], b"b"), 409, "stdin-closed")
        self.instance.request("POST", f"/v1/jobs/{job['id']}/cancel", {})
        self.instance.wait(job["id"])
        self.assert_code(self.feed(job["id"], b"b"), 409, "job-not-active")

    def test_a_job_that_closes_its_input_goes_on_and_the_writer_hears_of_it(self):
        job = self.instance.submit("closer")
        self.fed(job["id"], b"line\n")
        self.assertTrue(wait_until(lambda: self.output(job["id"]) == b"closed\n", 20))
        self.assertTrue(wait_until(lambda: self.feed(job["id"], b"more\n").status == 409, 10))
        self.assert_code(self.feed(job["id"], b"more\n"), 409, "stdin-closed")
        self.assertTrue(self.is_running(job["id"]))
        self.instance.request("POST", f"/v1/jobs/{job['id']}/cancel", {})
        self.assertEqual(self.instance.wait(job["id"])["state"], "cancelled")

    def test_more_than_the_command_takes_is_refused_whole(self):
        job = self.instance.submit("small")
        self.fed(job["id"], b"12345678")
        self.assert_code(self.feed(job["id"], b"9ab"), 413, "body-too-large")
        self.fed(job["id"], b"9a", "?eof=1")
        self.assertEqual(self.instance.wait(job["id"])["state"], "succeeded")
        self.assertEqual(self.output(job["id"]), b"123456789a")

    def test_a_stalled_writer_leaves_the_job_waiting_until_its_timeout(self):
        job = self.instance.submit("short")
        self.fed(job["id"], b"some")
        self.assertEqual(self.instance.wait(job["id"])["state"], "timed_out")
        self.assertEqual(self.output(job["id"]), b"some")

    def test_or_until_the_input_ends_by_itself_where_the_command_says_so(self):
        job = self.instance.submit("idle")
        self.fed(job["id"], b"some")
        ended = self.instance.wait(job["id"])
        self.assertEqual((ended["state"], ended["stdin"]["ended"]), ("succeeded", True), ended)
        self.assertEqual(self.output(job["id"]), b"some")

    def test_a_writer_that_vanishes_in_the_middle_has_sent_nothing(self):
        job = self.instance.submit("cat")
        connection = self.instance.connect()
        connection.putrequest("POST", f"/v1/jobs/{job['id']}/stdin")
        for name, value in self.instance._headers({"Content-Type": "application/octet-stream", "Content-Length": "1000"}, "ours").items():
            connection.putheader(name, value)
        connection.endheaders()
        connection.send(b"half")
        connection.sock.shutdown(socket.SHUT_WR)
        connection.close()
        self.assertEqual(self.fed(job["id"], b"whole", "?eof=1&offset=0")["bytes"], 5)
        self.assertEqual(self.instance.wait(job["id"])["state"], "succeeded")
        self.assertEqual(self.output(job["id"]), b"whole")

    def test_what_a_job_does_not_read_waits_on_the_disk(self):
        job = self.instance.submit("deaf")
        data = bytes(400_000)
        for _ in range(4):
            self.fed(job["id"], data)
        path = os.path.join(self.instance.state, "keeper", "stdin", job["id"])
        self.assertEqual(os.stat(path).st_size, 4 * len(data))
        self.instance.request("POST", f"/v1/jobs/{job['id']}/cancel", {})
        self.instance.wait(job["id"])
        self.assertTrue(wait_until(lambda: not os.path.exists(path), 10), "gone with the job")

    def test_input_may_come_while_the_job_waits(self):
        held = [self.instance.submit("none")["id"] for _ in range(4)]
        job = self.instance.submit("cat")
        self.assertEqual(job["state"], "queued")
        self.fed(job["id"], b"early ")
        self.fed(job["id"], b"bird", "?eof=1")
        for job_id in held:
            self.instance.request("POST", f"/v1/jobs/{job_id}/cancel", {})
        self.assertEqual(self.instance.wait(job["id"])["state"], "succeeded")
        self.assertEqual(self.output(job["id"]), b"early bird")

    def test_what_is_no_stream_takes_none(self):
        job = self.instance.submit("body", stdin="all")
        other = self.instance.submit("none")
        self.assertIsNone(other["stdin"])
        self.assert_code(self.feed(other["id"], b"x"), 409, "stdin-closed")
        self.instance.request("POST", f"/v1/jobs/{other['id']}/cancel", {})
        self.assertEqual(self.instance.wait(job["id"])["state"], "succeeded")

    def test_requests_that_say_it_wrongly(self):
        job = self.instance.submit("cat")
        path = f"/v1/jobs/{job['id']}/stdin"
        plain = self.instance.request("POST", path, b"x", headers={"Content-Type": "text/plain"})
        self.assert_code(plain, 415, "unsupported-media-type")
        self.assertEqual(plain.headers["Accept-Post"], "application/octet-stream")
        for query in ("?offset=-1", "?offset=", "?offset=1e3", "?eof=yes", "?offset=99999999999999999999"):
            self.assert_code(self.feed(job["id"], b"x", query), 400, "bad-query")
        self.assertEqual(self.instance.request("GET", path).status, 405)
        self.assert_code(self.feed("0" * 26, b"x"), 404, "not-found")
        self.fed(job["id"], query="?eof=1")
        self.assertEqual(self.instance.wait(job["id"])["output"]["bytes"], 0)

    def test_only_who_started_the_job_feeds_it_or_an_administrator(self):
        tokens = {"other": ["run:*", "read:own"], "reader": ["run:cat", "read:all"], "starter": ["run:cat", "read:own"], "chief": ["admin"]}
        secrets = {name: new_token() for name in tokens}
        for name, scopes in tokens.items():
            self.instance.config["tokens"][name] = {"hash": token_hash(secrets[name]), "allow": scopes}
        self.instance.reload()
        self.assertTrue(wait_until(lambda: self.instance.request("GET", "/v1/whoami", token=secrets["chief"]).status == 200, 10))
        job = self.instance.request("POST", "/v1/commands/cat/jobs", {}, token=secrets["starter"]).json()
        self.assertEqual(self.feed(job["id"], b"mine ", token=secrets["starter"]).status, 202)
        self.assert_code(self.feed(job["id"], b"x", token=secrets["other"]), 404, "not-found")
        self.assert_code(self.feed(job["id"], b"x", token=secrets["reader"]), 403, "forbidden")
        self.assert_code(self.feed(job["id"], b"x", token=None), 401, "unauthenticated")
        self.assertEqual(self.feed(job["id"], b"theirs", "?eof=1", token=secrets["chief"]).status, 202)
        self.instance.wait(job["id"])
        self.assertEqual(self.output(job["id"]), b"mine theirs")

    def test_the_documented_example_works(self):
        with open(os.path.join(os.path.dirname(__file__), "../../docs/api.md"), encoding="utf-8") as file:
            lines = [line.strip() for line in file if line.startswith("    printf ") and "/stdin?" in line]
        self.assertEqual(len(lines), 2)
        job = self.instance.submit("count")
        for line in lines:
            done = subprocess.run(["/usr/bin/bash", "-c", line], capture_output=True, text=True, timeout=30, check=True, env={
                **os.environ, "ID": job["id"], "U": f"http://127.0.0.1:{self.instance.port}", "A": f"Authorization: Bearer {self.instance.token}"})
        self.assertEqual((json.loads(done.stdout)["bytes"], json.loads(done.stdout)["ended"]), (14, True))
        self.assertEqual(self.instance.wait(job["id"])["state"], "succeeded")
        self.assertEqual(self.output(job["id"]).split(), [b"3"])

    def test_a_step_has_nobody_to_feed_it_and_reads_its_end(self):
        job = self.instance.submit("first")
        self.assertEqual(self.instance.wait(job["id"])["state"], "succeeded")

    def test_a_rerun_needs_the_input_again_unless_there_was_none(self):
        job = self.instance.submit("cat", stdin="x")
        self.fed(job["id"], query="?eof=1")
        self.instance.wait(job["id"])
        self.assert_code(self.instance.request("POST", f"/v1/jobs/{job['id']}/rerun", {}), 409, "input-not-kept")

    def test_the_trail_tells_of_beginning_and_end(self):
        job = self.instance.submit("cat")
        self.fed(job["id"], b"abc")
        self.fed(job["id"], b"def")
        self.fed(job["id"], b"ghi", "?eof=1")
        self.instance.wait(job["id"])
        trail = subprocess.run([os.path.join(harness.BIN, "sallyport"), "audit", "ls", "--job", job["id"], "--state",
                                self.instance.state], capture_output=True, text=True, timeout=30, check=True).stdout
        entries = [line for line in trail.splitlines() if " stdin " in line]
        self.assertEqual(len(entries), 2, trail)
        self.assertIn("9 bytes, and no more", entries[-1] + entries[0])


class CommandLine(Feeding, harness.ServiceTest):
    """`run --stdin` of such a command, and `sallyport stdin`."""

    commands = COMMANDS

    def start(self, *arguments):
        return subprocess.Popen([os.path.join(harness.BIN, "sallyport"), *arguments], env=self.instance.cli_environment(),
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def finish(self, running, status=0):
        out, err = running.communicate(timeout=60)
        self.assertEqual(running.returncode, status, err)
        return out, err

    def test_a_line_comes_back_before_the_next_is_written(self):
        running = self.start("-q", "run", "echo", "--stdin")
        for word in (b"one", b"two"):
            running.stdin.write(word + b"\n")
            running.stdin.flush()
            self.assertEqual(running.stdout.readline(), b"got " + word + b"\n")
        self.assertEqual(self.finish(running)[0], b"end\n")

    def test_any_bytes_pass_as_they_are(self):
        data = random.Random(3).randbytes(3_000_000)
        running = self.start("-q", "run", "cat", "--stdin")
        out, _ = running.communicate(data, timeout=120)
        self.assertEqual((running.returncode, hashlib.sha256(out).hexdigest()), (0, hashlib.sha256(data).hexdigest()))

    def test_a_job_that_ends_first_takes_nobody_with_it(self):
        running = self.start("-q", "run", "short", "--stdin")
        self.assertEqual(running.stdout.read(), b"")
        running.wait(60)
        self.assertEqual(running.returncode, 124, "timed out, while our stdin is still open")
        running.communicate()

    def test_detached_it_is_fed_all_the_same(self):
        running = self.start("run", "-d", "cat", "--stdin")
        out, _ = running.communicate(b"all of it", timeout=60)
        self.assertEqual(running.returncode, 0)
        job_id = out.decode().strip()
        self.assertEqual(self.instance.wait(job_id)["state"], "succeeded")
        self.assertEqual(self.output(job_id), b"all of it")

    def test_a_running_job_is_given_more(self):
        job_id = self.instance.submit("cat")["id"]
        for words, more in ((("--no-eof",), b"first "), ((), b"last")):
            running = self.start("stdin", job_id, *words)
            running.communicate(more, timeout=60)
            self.assertEqual(running.returncode, 0)
        self.assertEqual(self.instance.wait(job_id)["state"], "succeeded")
        self.assertEqual(self.output(job_id), b"first last")

    def test_what_cannot_be_fed_is_said(self):
        job_id = self.instance.submit("none")["id"]
        running = self.start("stdin", job_id)
        _, err = running.communicate(b"x", timeout=60)
        self.assertEqual(running.returncode, 125)
        self.assertIn(b"does not say 'stdin: stream'", err)
        self.instance.request("POST", f"/v1/jobs/{job_id}/cancel", {})


class Deaths(Feeding, unittest.TestCase):
    """kill -9 in the middle: an instance for each test."""

    def setUp(self):
        harness.needs_program(self, "sallyportd")
        self.instance = Instance(COMMANDS).start()

    def tearDown(self):
        self.instance.stop()

    def keeper_dies(self):
        victim = self.instance.part("keeper")
        os.kill(victim.pid, signal.SIGKILL)
        self.assertTrue(wait_until(lambda: not victim.is_alive(), 5))

    def wait_until_served(self):
        def is_served():
            try:
                return self.instance.request("GET", "/v1/whoami", timeout=2).status == 200
            except (OSError, http.client.HTTPException):
                return False
        self.assertTrue(wait_until(is_served, 30), self.instance.log())

    def feed_stubbornly(self, job_id, chunks, failures):
        """As a careful client does it: an offset with each chunk, the same again whenever the answer did not come, then the end."""
        offset = 0
        for chunk in [*chunks, b""] if isinstance(chunks, list) else chunks:
            query = f"?offset={offset}" + ("" if chunk else "&eof=1")
            deadline = time.monotonic() + 60
            while True:
                try:
                    answer = self.feed(job_id, chunk, query)
                    if answer.status == 202:
                        break
                    if answer.status != 503 and answer.json()["code"] != "stdin-busy":
                        failures.append((query, answer.status, answer.body))
                        return
                except (OSError, http.client.HTTPException):
                    pass
                if time.monotonic() > deadline:
                    failures.append((query, "no answer"))
                    return
                time.sleep(0.02)
            offset += len(chunk)

    def storm(self, victims, seed):
        """Bytes without a pause, until all victims died; what the job read must be what was sent."""
        chance = random.Random(seed)
        job_id = self.instance.submit("sum")["id"]
        is_over, failures, sent = threading.Event(), [], []

        def chunks():
            while not is_over.is_set():
                sent.append(random.randbytes(chance.choice([1, 100, 5000, 200_000])))
                yield sent[-1]
            yield b""
        writer = threading.Thread(target=self.feed_stubbornly, args=(job_id, chunks(), failures))
        writer.start()
        for name in victims:
            time.sleep(chance.uniform(0, 0.3))
            victim = self.instance.part(name)
            os.kill(victim.pid, signal.SIGKILL)
            self.assertTrue(wait_until(lambda: not victim.is_alive(), 5))
            self.wait_until_served()
        is_over.set()
        writer.join(90)
        self.assertEqual(failures, [])
        job = self.instance.wait(job_id)
        self.assertEqual(job["state"], "succeeded", job)
        self.assertEqual(job["stdin"]["bytes"], sum(map(len, sent)))
        self.assertGreater(len(sent), 3 * len(victims))
        self.assertEqual(self.output(job_id).split()[0].decode(), hashlib.sha256(b"".join(sent)).hexdigest())

    def test_every_byte_comes_once_and_in_order_however_often_the_keeper_dies(self):
        self.storm(["keeper"] * 7, 7)

    def test_the_front_may_die_as_well(self):
        self.storm(["front", "keeper"] * 4, 8)

    def test_a_job_that_reads_slowly_misses_nothing_over_a_death(self):
        """Bytes lie in the file and in the pipe when the keeper dies, and the end was said already."""
        self.instance.config["commands"]["slow"] = {
            "exec": ["/usr/bin/python3", "-c", "import os,time,hashlib\nh=hashlib.sha256()\nwhile 1:\n b=os.read(0,30000)\n"
                     " if not b: break\n h.update(b); time.sleep(0.02)\nprint(h.hexdigest())"], "stdin": "stream", "timeout": "120s"}
        self.instance.reload()
        self.assertTrue(wait_until(lambda: self.instance.request("GET", "/v1/commands/slow").status == 200, 10))
        data = random.Random(9).randbytes(2_000_000)
        job_id = self.instance.submit("slow")["id"]
        for at in range(0, len(data), 500_000):
            self.fed(job_id, data[at:at + 500_000])
        self.fed(job_id, query="?eof=1")
        for _ in range(3):
            self.keeper_dies()
            self.wait_until_served()
        job = self.instance.wait(job_id)
        self.assertEqual(job["state"], "succeeded", job)
        self.assertEqual(self.output(job_id).decode().strip(), hashlib.sha256(data).hexdigest())

    def test_what_came_while_it_waited_outlives_keepers(self):
        held = [self.instance.submit("none")["id"] for _ in range(4)]
        job = self.instance.submit("cat")
        self.fed(job["id"], b"before ")
        self.keeper_dies()
        failures = []
        self.feed_stubbornly(job["id"], [b"before ", b"after"], failures)
        self.assertEqual(failures, [])
        for job_id in held:
            self.instance.request("POST", f"/v1/jobs/{job_id}/cancel", {})
        self.assertEqual(self.instance.wait(job["id"])["state"], "succeeded")
        self.assertEqual(self.output(job["id"]), b"before after")

    def test_bytes_that_were_never_answered_do_not_count(self):
        """A kill between the bytes and the record leaves a longer file; the next chunk is written over what is too much."""
        held = [self.instance.submit("none")["id"] for _ in range(4)]
        job = self.instance.submit("cat")
        self.fed(job["id"], b"good ")
        victim = self.instance.part("keeper")
        os.kill(victim.pid, signal.SIGSTOP)
        with open(os.path.join(self.instance.state, "keeper", "stdin", job["id"]), "ab") as torn:
            torn.write(b"TORN BY A KILL")
        os.kill(victim.pid, signal.SIGKILL)
        self.assertTrue(wait_until(lambda: not victim.is_alive(), 5))
        failures = []
        self.feed_stubbornly(job["id"], [b"good ", b"end"], failures)
        self.assertEqual(failures, [])
        for job_id in held:
            self.instance.request("POST", f"/v1/jobs/{job_id}/cancel", {})
        self.assertEqual(self.instance.wait(job["id"])["state"], "succeeded")
        self.assertEqual(self.output(job["id"]), b"good end")


if __name__ == "__main__":
    unittest.main()
