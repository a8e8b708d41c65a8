"""The command line against a server that loses connections, refuses, and says strange things."""

import base64
import hashlib
import json
import os
import pty
import select
import signal
import subprocess
import tempfile
import threading
import time
import unittest

from fake_api import ID, FakeApi, end_record, first_record, job, record
from harness import needs_program

TIME_LIMIT = 60     # sanitizers on a loaded machine


class CliTest(unittest.TestCase):
    def setUp(self):
        self.program = needs_program(self, "sallyport")
        home = tempfile.TemporaryDirectory()
        self.addCleanup(home.cleanup)
        self.home = home.name
        self.api = FakeApi()
        self.api.__enter__()
        self.addCleanup(self.api.__exit__)

    def environment(self, **more):
        keep = {name: os.environ[name] for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS") if name in os.environ}
        usual = {"HOME": self.home, "PATH": "/usr/bin:/bin", "SALLYPORT_URL": self.api.url, "SALLYPORT_TOKEN": "sp_test"}
        return {**keep, **usual, **more}

    def start(self, *words, env=None, **options):
        options = dict({"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}, **options)
        process = subprocess.Popen([self.program, *words], env=self.environment(**(env or {})), **options)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                stream.close()

    def run_cli(self, *words, **options):
        data = options.pop("input", None)
        if data is not None:
            options["stdin"] = subprocess.PIPE
        process = self.start(*words, **options)
        out, err = process.communicate(data, timeout=TIME_LIMIT)
        return process.returncode, out, (err or b"").decode()

    def one_sentence(self, text):
        self.assertEqual(text.count("\n"), 1, text)
        self.assertTrue(text.startswith("sallyport: "), text)
        return text


class Streams(CliTest):
    def test_both_streams_come_out_byte_exact(self):
        out = bytes(range(256)) * 50 + "ä€😀\n".encode()
        err = b"\x1b[31mred\x1b[0m \xff\xfe\n"
        self.api.submit_streams = [[first_record(), record(0, out), record(len(out), err, "err"), {"type": "ping"}, {"type": "later"},
                                    end_record()]]
        process = self.start("run", "-q", "demo")
        got, told = process.communicate(timeout=TIME_LIMIT)
        self.assertEqual((process.returncode, got, told), (0, out, err))

    def test_job_id_comes_first_on_stderr_unless_quiet(self):
        for words, expected in (((), f"sallyport: job {ID}\n"), (("-q",), "")):
            self.api.submit_streams = [[first_record(), end_record()]]
            code, out, err = self.run_cli("run", "demo", *words)
            self.assertEqual((code, out, err), (0, b"", expected))

    def test_a_lost_connection_goes_on_with_the_next_byte(self):
        self.api.submit_streams = [[first_record(), record(0, b"one "), record(4, b"two "), self.api.BREAK]]
        self.api.output_streams = [[first_record(), record(8, b"thr"), self.api.BREAK],
                                   [first_record(), record(8, b"three "), record(14, b"four"), end_record("failed", exit_code=3)]]
        code, out, err = self.run_cli("run", "demo")
        self.assertEqual((code, out), (3, b"one two three four"))
        asked = [seen["query"] for seen in self.api.asked("GET", "/output")]
        self.assertEqual(asked, [{"follow": "1", "offset": "8"}, {"follow": "1", "offset": "11"}])
        self.assertIn(f"sallyport: demo failed: exit 3 after 42s (job {ID})", err)

    def test_a_line_cut_by_the_loss_is_not_taken_for_a_record(self):
        line = json.dumps(record(0, b"whole")).encode() + b"\n"
        self.api.submit_streams = [[first_record(), line[:20], self.api.BREAK]]
        self.api.output_streams = [[first_record(), line, end_record()]]
        code, out, _ = self.run_cli("run", "-q", "demo")
        self.assertEqual((code, out), (0, b"whole"))

    def test_gives_up_after_the_reconnect_time_and_says_how_to_go_on(self):
        self.api.submit_streams = [[first_record(), self.api.BREAK]]
        self.api.overrides[f"/v1/jobs/{ID}/output"] = lambda handler, seen: handler.problem(503, "keeper-down", "The keeper is away.")
        code, _, err = self.run_cli("run", "-q", "demo", "--reconnect", "500ms")
        self.assertEqual(code, 125)
        self.assertIn(f"sallyport attach {ID}", err)

    def test_an_error_record_that_may_pass_is_a_lost_connection(self):
        self.api.submit_streams = [[first_record(), record(0, b"a"), {"type": "error", "status": 503, "detail": "away"}]]
        self.api.output_streams = [[first_record(), record(1, b"b"), end_record()]]
        code, out, _ = self.run_cli("run", "-q", "demo")
        self.assertEqual((code, out), (0, b"ab"))

    def test_a_revoked_token_ends_the_stream_with_a_sentence(self):
        self.api.submit_streams = [[first_record(), record(0, b"a"), {"type": "error", "status": 401, "detail": "The token was revoked."}]]
        code, out, err = self.run_cli("run", "-q", "demo")
        self.assertEqual((code, out), (125, b"a"))
        self.assertIn("The token was revoked.", self.one_sentence(err))

    def test_what_is_no_record_is_not_guessed_at(self):
        self.api.submit_streams = [[first_record(), b"<html>\n"]]
        code, out, err = self.run_cli("run", "-q", "demo")
        self.assertEqual((code, out), (125, b""))
        self.one_sentence(err)

    def test_an_accepted_job_is_followed_although_the_stream_could_not_begin(self):
        self.api.overrides["/v1/commands/demo/jobs"] = lambda handler, seen: handler.answer(
            202, {"id": ID, "state": "queued", "url": "x"}, headers=[("Sallyport-Job", ID)])
        self.api.output_streams = [[first_record(), record(0, b"later"), end_record()]]
        code, out, _ = self.run_cli("run", "-q", "demo")
        self.assertEqual((code, out), (0, b"later"))

    def test_plain_takes_terminal_sequences_out(self):
        self.api.submit_streams = [[first_record(), record(0, b"a\x1b[3"), record(4, b"1mb\x1b[0m"), end_record()]]
        self.assertEqual(self.run_cli("run", "-q", "--plain", "demo")[1], b"ab")

    def test_a_closed_stdout_detaches_and_says_so(self):
        self.api.submit_streams = [[first_record()] + [record(65536 * i, b"x" * 65536) for i in range(100)] + [end_record()]]
        process = self.start("run", "-q", "demo")
        process.stdout.read(10)
        process.stdout.close()
        process.stdout = None
        self.assertEqual(process.wait(TIME_LIMIT), 125)
        self.assertIn("detached", process.stderr.read().decode())

    def test_exit_codes_of_ends(self):
        for state, end, code in (("succeeded", {}, 0), ("failed", {"exit_code": 7}, 7), ("timed_out", {"reason": "timed_out", "signal": 9}, 124),
                                 ("failed", {"reason": "oom", "signal": 9, "exit_code": None}, 137), ("cancelled", {"reason": "cancelled"}, 130),
                                 ("launch_failed", {"reason": "launch_failed", "message": "no group"}, 126), ("lost", {"reason": "lost"}, 125)):
            with self.subTest(state=state, end=end):
                self.api.submit_streams = [[first_record(), end_record(state, **end)]]
                got, _, err = self.run_cli("run", "-q", "demo")
                self.assertEqual(got, code)
                if code:
                    self.one_sentence(err)
                self.api.submit_streams = [[first_record(), end_record(state, **end)]]
                self.assertEqual(self.run_cli("run", "-q", "demo", "--exit-codes=strict")[0], 1 if code else 0)


class Submitting(CliTest):
    def setUp(self):
        super().setUp()
        self.api.submit_streams = [[first_record(), end_record()] for _ in range(3)]
        self.api.schema = {
            "type": "object", "additionalProperties": False, "required": ["env"],
            "properties": {"env": {"type": "string", "enum": ["a", "b"]}, "count": {"type": "integer"},
                           "hosts": {"type": "array", "items": {"type": "string"}}, "dry": {"type": "boolean"},
                           "key": {"type": "string", "writeOnly": True, "format": "password"}}}

    def body(self):
        return self.api.asked("POST", "/jobs")[-1]["body"]

    def test_parameters_are_sent_with_the_types_of_the_schema(self):
        code, _, err = self.run_cli("run", "demo", "-p", "env=a", "-p", "count=3", "-p", "hosts=x", "-p", "hosts=y", "-p", "dry=true",
                                    "--label", "pr=812", "--reason", "because", "--timeout", "30s")
        self.assertEqual(code, 0, err)
        self.assertEqual(self.body(), {"params": {"env": "a", "count": 3, "hosts": ["x", "y"], "dry": True}, "labels": {"pr": "812"},
                                       "reason": "because", "timeout": "30000ms"})

    def test_a_callback_is_named_with_or_without_a_url(self):
        for word, callback in (("chat", "chat"), ("reply=https://a.example/b?c=d", {"name": "reply", "url": "https://a.example/b?c=d"})):
            code, _, err = self.run_cli("run", "demo", "-p", "env=a", "--callback", word)
            self.assertEqual(code, 0, err)
            self.assertEqual(self.body(), {"params": {"env": "a"}, "callback": callback})

    def test_a_file_gives_parameters_and_words_win(self):
        path = os.path.join(self.home, "p.json")
        with open(path, "w", encoding="utf8") as file:
            json.dump({"env": "a", "count": 1, "hosts": ["x"]}, file)
        self.assertEqual(self.run_cli("run", "demo", "-f", path, "-p", "count=2", "-p", "hosts=y")[0], 0)
        self.assertEqual(self.body()["params"], {"env": "a", "count": 2, "hosts": ["y"]})

    def test_stdin_is_sent_as_text(self):
        self.assertEqual(self.run_cli("run", "demo", "--stdin", input="zwölf\n".encode())[0], 0)
        self.assertEqual(self.body()["stdin"], "zwölf\n")
        code, _, err = self.run_cli("run", "demo", "--stdin", input=b"\xff")
        self.assertEqual(code, 125)
        self.assertIn("UTF-8", self.one_sentence(err))

    def test_every_run_has_a_key_of_its_own_unless_told(self):
        for words in ((), (), ("--key", "mine"), ("--key", "none")):
            self.api.submit_streams = [[first_record(), end_record()]]
            self.run_cli("run", "demo", *words)
        keys = [seen["headers"].get("Idempotency-Key") for seen in self.api.asked("POST", "/jobs")]
        self.assertEqual(len(keys[0]), 32)
        self.assertNotEqual(keys[0], keys[1])
        self.assertEqual(keys[2:], ["mine", None])

    def test_a_lost_answer_is_asked_for_again_with_the_same_key(self):
        self.api.submit_streams = [[b"", self.api.BREAK], [first_record(), record(0, b"once"), end_record()]]
        tries = []

        def submit(handler, seen):
            tries.append(seen["headers"].get("Idempotency-Key"))
            if len(tries) == 1:
                handler.connection.shutdown(2)
                handler.close_connection = True
            else:
                handler.stream([first_record(), record(0, b"once"), end_record()])

        self.api.overrides["/v1/commands/demo/jobs"] = submit
        code, out, _ = self.run_cli("run", "-q", "demo")
        self.assertEqual((code, out), (0, b"once"))
        self.assertEqual(len(tries), 2)
        self.assertEqual(tries[0], tries[1])

    def test_without_a_key_a_lost_answer_is_an_error_that_says_so(self):
        def submit(handler, seen):
            handler.connection.shutdown(2)
            handler.close_connection = True

        self.api.overrides["/v1/commands/demo/jobs"] = submit
        code, _, err = self.run_cli("run", "-q", "demo", "--key", "none")
        self.assertEqual(code, 125)
        self.assertIn("whether the job runs is not known", self.one_sentence(err))
        self.assertEqual(len(self.api.asked("POST", "/jobs")), 1)

    def test_detached_prints_only_the_id(self):
        code, out, err = self.run_cli("run", "-d", "demo", "-p", "env=a")
        self.assertEqual((code, out, err), (0, ID.encode() + b"\n", ""))
        self.assertEqual(self.api.asked("POST", "/jobs")[0]["headers"]["Prefer"], "respond-async")

    def test_all_that_is_wrong_with_parameters_is_told_in_one_line(self):
        self.api.overrides["/v1/commands/demo/jobs"] = lambda handler, seen: handler.problem(
            422, "params-invalid", "The parameters are not right",
            [{"pointer": "/params/env", "code": "required", "detail": "is required"}, {"pointer": "/params/count", "code": "max", "detail": "at most 5"}])
        code, _, err = self.run_cli("run", "demo")
        self.assertEqual(code, 125)
        self.assertEqual(err, "sallyport: The parameters are not right: env: is required; count: at most 5\n")

    def test_missing_parameters_are_asked_for_on_a_terminal(self):
        leader, follower = pty.openpty()
        process = self.start("run", "-q", "demo", stdin=follower, stderr=follower)
        os.close(follower)
        shown = b""
        while b": " not in shown:
            self.assertTrue(select.select([leader], [], [], TIME_LIMIT)[0], shown)
            shown += os.read(leader, 1000)
        os.write(leader, b"b\n")
        self.assertEqual(process.wait(TIME_LIMIT), 0)
        os.close(leader)
        self.assertIn(b"env [a|b]: ", shown)
        self.assertEqual(self.body()["params"], {"env": "b"})

    def test_secrets_are_asked_for_without_echo(self):
        self.api.schema["required"] = ["key"]
        leader, follower = pty.openpty()
        process = self.start("run", "-q", "demo", stdin=follower, stderr=follower)
        os.close(follower)
        shown = b""
        while b"key: " not in shown:
            self.assertTrue(select.select([leader], [], [], TIME_LIMIT)[0], shown)
            shown += os.read(leader, 1000)
        time.sleep(0.2)
        os.write(leader, b"geheim\n")
        self.assertEqual(process.wait(TIME_LIMIT), 0)
        while select.select([leader], [], [], 0.2)[0]:
            try:
                more = os.read(leader, 1000)
            except OSError:
                break
            shown += more
        os.close(leader)
        self.assertNotIn(b"geheim", shown)
        self.assertEqual(self.body()["params"], {"key": "geheim"})


class Interrupts(CliTest):
    def follow(self, *words, steps=()):
        """A job that goes on until the test lets it end; waits until the stream has begun."""
        self.go_on = threading.Event()
        self.addCleanup(self.go_on.set)
        stream = [first_record(), record(0, b"begun\n"), self.go_on.wait, *steps]
        self.api.submit_streams, self.api.output_streams = [list(stream)], [list(stream)]
        process = self.start(*words)
        self.assertEqual(process.stdout.readline(), b"begun\n")
        return process

    def finish(self, process):
        _, err = process.communicate(timeout=TIME_LIMIT)
        return process.returncode, err.decode()

    def until(self, condition):
        deadline = time.monotonic() + TIME_LIMIT
        while not condition():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)

    def test_the_first_ctrl_c_cancels_and_follows_to_the_real_end(self):
        process = self.follow("run", "-q", "demo", steps=[end_record("cancelled", reason="cancelled", stopped_by="ci")])
        process.send_signal(signal.SIGINT)
        self.until(lambda: self.api.asked("POST", "/cancel"))
        self.go_on.set()
        code, err = self.finish(process)
        self.assertEqual(code, 130)
        self.assertIn("asked the server to cancel", err)
        self.assertIn("demo was cancelled: by ci", err)

    def test_the_second_ctrl_c_detaches(self):
        process = self.follow("run", "-q", "demo")
        process.send_signal(signal.SIGINT)
        self.until(lambda: self.api.asked("POST", "/cancel"))
        process.send_signal(signal.SIGINT)
        code, err = self.finish(process)
        self.assertEqual(code, 130)
        self.assertIn(f"detached; job {ID} goes on. Follow it with: sallyport attach {ID}", err)
        self.assertEqual(len(self.api.asked("POST", "/cancel")), 1)

    def test_term_and_hup_detach_and_do_not_cancel(self):
        self.addCleanup(signal.signal, signal.SIGHUP, signal.signal(signal.SIGHUP, signal.SIG_DFL))     # under nohup it stays ignored
        for number, expected in ((signal.SIGTERM, 143), (signal.SIGHUP, 129)):
            process = self.follow("run", "-q", "demo")
            process.send_signal(number)
            code, err = self.finish(process)
            self.assertEqual(code, expected)
            self.assertIn("detached", err)
        self.assertEqual(self.api.asked("POST", "/cancel"), [])

    def test_on_interrupt_changes_the_rules(self):
        process = self.follow("run", "-q", "demo", "--on-interrupt=detach")
        process.send_signal(signal.SIGINT)
        self.assertEqual(self.finish(process)[0], 130)
        self.assertEqual(self.api.asked("POST", "/cancel"), [])

        process = self.follow("run", "-q", "demo", "--on-interrupt=signal:USR1", steps=[end_record()])
        process.send_signal(signal.SIGINT)
        self.until(lambda: self.api.asked("POST", "/signal"))
        self.assertEqual(self.api.asked("POST", "/signal")[0]["body"], {"signal": "USR1"})
        self.go_on.set()
        self.assertEqual(self.finish(process)[0], 0)

        process = self.follow("run", "-q", "demo", "--on-interrupt=cancel", steps=[end_record("cancelled", reason="cancelled")])
        process.send_signal(signal.SIGTERM)
        self.until(lambda: self.api.asked("POST", "/cancel"))
        self.go_on.set()
        self.assertEqual(self.finish(process)[0], 130)

    def test_wait_detaches_when_its_time_is_over(self):
        process = self.follow("run", "-q", "demo", "--wait", "1s")
        code, err = self.finish(process)
        self.assertEqual(code, 125)
        self.assertIn("detached", err)

    def test_attach_and_logs_only_detach(self):
        for words in (("attach", ID), ("logs", "-f", ID)):
            process = self.follow(*words)
            process.send_signal(signal.SIGINT)
            code, err = self.finish(process)
            self.assertEqual(code, 130)
            self.assertIn("detached", err)
        self.assertEqual(self.api.asked("POST", "/cancel"), [])

    def test_a_stalled_reader_does_not_keep_ctrl_c_away(self):
        steps = [record(6 + 65536 * i, b"x" * 65536) for i in range(50)]
        process = self.follow("run", "-q", "demo", steps=steps)
        self.go_on.set()
        time.sleep(1)           # the pipe is full now, and nobody reads it
        process.send_signal(signal.SIGINT)
        self.until(lambda: self.api.asked("POST", "/cancel"))
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(TIME_LIMIT), 130)


class Asking(CliTest):
    def test_attach_ends_with_the_code_of_the_job(self):
        self.api.output_streams = [[first_record(), record(0, b"all"), end_record("failed", exit_code=9)]]
        code, out, _ = self.run_cli("attach", ID)
        self.assertEqual((code, out), (9, b"all"))

    def test_logs_shows_what_is_there_and_ends_well(self):
        self.api.output_streams = [[first_record(), record(0, b"so far")]]
        code, out, err = self.run_cli("logs", ID)
        self.assertEqual((code, out, err), (0, b"so far", ""))
        self.api.output_streams = [[first_record(), record(90, b"last"), end_record("failed", exit_code=9)]]
        code, out, err = self.run_cli("logs", "--tail", "1", ID)
        self.assertEqual((code, out, err), (0, b"last", ""))
        self.assertEqual([seen["query"] for seen in self.api.asked("GET", "/output")], [{"offset": "0"}, {"tail": "1"}])

    @staticmethod
    def match(offset, text, **more):
        payload = {"d": text} if isinstance(text, str) else {"b64": base64.b64encode(text).decode()}
        return {"type": "match", "off": offset, "line": 1, "at": offset, "t": "2026-03-01T10:00:00.000Z", "s": "out",
                "truncated": False, **payload, **more}

    @staticmethod
    def search_end(matches, next_offset, is_complete=True):
        return {"type": "end", "scanned": 1, "matches": matches, "lines": 1, "next_offset": next_offset, "is_complete": is_complete}

    def test_logs_searches_page_after_page_and_prints_the_lines(self):
        first = [self.match(i, f"line {i}") for i in range(999)]
        self.api.output_streams = [
            [*first, {"type": "ping"}, self.match(2000, b"\xff\x1b[1mx"), self.search_end(1000, 2000, False)],
            [self.match(2000, b"\xff\x1b[1mx"), self.match(3000, "last", truncated=True), self.search_end(2, 3001, False)]]
        code, out, err = self.run_cli("logs", "--search", "a b&\xe9%\t", "-i", ID)
        self.assertEqual(code, 0, err)
        self.assertEqual(out, b"".join(b"line %d\n" % i for i in range(999)) + b"\xff\x1b[1mx\nlast\n")
        self.assertIn("of 1 lines", self.one_sentence(err))
        asked = {"limit": "1000", "ignore_case": "1", "search": "a b&\xe9%\t"}
        self.assertEqual([seen["query"] for seen in self.api.asked("GET", "/output")],
                         [{**asked, "offset": "0"}, {**asked, "offset": "2000"}])
        self.api.output_streams = [[self.match(0, b"\xff\x1b[1mx"), self.search_end(1, 9)]] * 2
        self.assertEqual(self.run_cli("logs", ID, "--search", "x", "--plain")[1], b"\xffx\n")
        code, out, _ = self.run_cli("logs", ID, "--search", "x", "-o", "ndjson")
        self.assertEqual(json.loads(out), self.match(0, b"\xff\x1b[1mx"))

    def test_a_search_ends_with_1_when_there_is_nothing_and_with_125_when_it_cannot_tell(self):
        self.api.output_streams = [[self.search_end(0, 9)]]
        self.assertEqual(self.run_cli("logs", "--search", "x", ID), (1, b"", ""))
        for steps in ([], [self.match(0, "x")], [self.match(0, "x"), self.api.BREAK], [b"<html>\n"], [{"type": "end"}],
                      [{"type": "match", "off": "x"}], [{"type": "match", "off": 1}]):
            self.api.output_streams = [steps]
            code, _, err = self.run_cli("logs", "--search", "x", ID)
            self.assertEqual(code, 125, steps)
            self.one_sentence(err)
        self.api.overrides[f"/v1/jobs/{ID}/output"] = lambda handler, seen: handler.problem(
            429, "rate-limited", "As many searches are under way as there may be. Try again.", headers=[("Retry-After", "1")])
        code, _, err = self.run_cli("logs", "--search", "x", ID)
        self.assertEqual(code, 125)
        self.assertIn("try again in 1 s", self.one_sentence(err))

    def test_options_that_do_not_go_with_a_search_are_refused(self):
        for words in (("--search", "x", "-f"), ("--search", "x", "-n", "3"), ("--search", "x", "--since", "1h"), ("-i",),
                      ("--search", "%" * 400)):
            code, _, err = self.run_cli("logs", ID, *words)
            self.assertEqual(code, 125, words)
            self.one_sentence(err)
        self.assertEqual(self.api.requests, [])

    def test_wait_polls_until_the_end(self):
        answers = [job("running"), job("running"), job("failed", exit_code=4)]

        def answer(handler, seen):
            if seen["headers"].get("If-None-Match") and len(answers) == 2:
                answers.pop(0)
                handler.send_response(304)
                handler.send_header("Content-Length", "0")
                handler.end_headers()
            else:
                handler.answer(200, answers.pop(0), headers=[("ETag", 'W/"1"')])

        self.api.overrides[f"/v1/jobs/{ID}"] = answer
        code, _, err = self.run_cli("wait", ID)
        self.assertEqual(code, 4)
        self.assertIn("exit 4", self.one_sentence(err))

    def test_wait_gives_up_in_time(self):
        self.api.job = job("running")
        code, _, err = self.run_cli("wait", "--timeout", "300ms", ID)
        self.assertEqual(code, 125)
        self.assertIn("goes on", self.one_sentence(err))

    def test_ls_in_every_form(self):
        self.api.job = job("failed", exit_code=3)
        code, out, _ = self.run_cli("ls", "--state", "failed", "--since", "2026-03-01")
        self.assertEqual(code, 0)
        self.assertIn(f"{ID}  demo     failed  2026-03-01T10:00:00.000Z  42s   ci".encode(), out)
        self.assertEqual(self.api.requests[-1]["query"], {"limit": "30", "state": "failed", "since": "2026-03-01T00:00:00.000Z"})
        self.assertEqual(self.run_cli("ls", "-o", "name")[1], ID.encode() + b"\n")
        self.assertEqual(json.loads(self.run_cli("ls", "-o", "json")[1])["items"], [self.api.job])
        self.assertEqual(json.loads(self.run_cli("ls", "-o", "ndjson")[1]), self.api.job)
        self.assertIn(b"state: failed", self.run_cli("ls", "-o", "yaml")[1])

    def test_ls_goes_through_all_pages(self):
        pages = {None: ("b", [job("running")] * 2), "b": ("c&d", [job("running")] * 2), "c&d": (None, [job("running")])}
        self.api.overrides["/v1/jobs"] = lambda handler, seen: handler.answer(
            200, dict(zip(("next_cursor", "items"), pages[seen["query"].get("cursor")])))
        self.assertEqual(len(self.run_cli("ls", "-a", "-o", "name")[1].split()), 5)
        self.assertEqual(len(self.run_cli("ls", "-n", "3", "-o", "name")[1].split()), 3)

    def test_text_from_the_server_cannot_move_the_cursor(self):
        self.api.job = dict(job("running"), command="\x1b[2Jx\ny")
        for words in (("ls",), ("show", ID)):
            out = self.run_cli(*words)[1]
            self.assertNotIn(b"\x1b", out)
            self.assertIn(b"?[2Jx?y", out)

    def test_show_is_the_api_object_with_json(self):
        self.assertEqual(json.loads(self.run_cli("show", ID, "-o", "json")[1]), self.api.job)

    def test_describe_shows_parameters_and_an_example(self):
        self.api.schema = {"required": ["ref"], "properties": {"ref": {"type": "string", "pattern": "^v[0-9]+$", "examples": ["v1"], "description": "What to deploy"},
                                                               "n": {"type": "integer", "minimum": 1, "default": 3}}}
        out = self.run_cli("describe", "demo")[1].decode()
        self.assertIn("sallyport run demo -p ref=v1", out)
        self.assertRegex(out, r"ref +text +required +What to deploy; matching \^v\[0-9\]\+\$")
        self.assertRegex(out, r"n +int +3 +at least 1")

    def test_cancel_and_signal_send_what_was_asked(self):
        code, out, _ = self.run_cli("cancel", ID, "--grace", "5s", "--reason", "enough")
        self.assertEqual((code, out), (0, f"{ID} is being cancelled\n".encode()))
        self.assertEqual(self.api.requests[-1]["body"], {"grace": "5000ms", "reason": "enough"})
        self.assertEqual(self.run_cli("signal", ID, "sighup")[0], 0)
        self.assertEqual(self.api.requests[-1]["body"], {"signal": "HUP"})


class Trouble(CliTest):
    """One sentence that says what to do, and 125."""

    def check(self, *words, says, env=None):
        code, out, err = self.run_cli(*words, env=env)
        self.assertEqual((code, out), (125, b""), err)
        self.assertIn(says, self.one_sentence(err))
        return err

    def test_without_a_server(self):
        self.check("ls", "--url", "http://127.0.0.1:1", says="no server answers at http://127.0.0.1:1")
        self.check("run", "demo", "--url", "unix:/nonexistent/s.sock", says="there is no server at unix:/nonexistent/s.sock")
        self.check("ls", "--url", "http://does-not-exist.invalid", "--insecure-http", says="is not known")

    def test_with_a_wrong_url(self):
        self.check("ls", "--url", "127.0.0.1:8417", says="is no URL")
        self.check("ls", "--url", "ftp://127.0.0.1", says="http://, https:// or unix:")
        self.check("ls", "--url", self.api.url + "/elsewhere", says="There is nothing here.")
        self.api.overrides["/v1/jobs"] = lambda handler, seen: handler.answer(200, b"<html>", "text/html")
        self.check("ls", says="not JSON")
        self.api.overrides["/v1/jobs"] = lambda handler, seen: handler.answer(404, b"<html>", "text/html")
        self.check("ls", says="not as sallyport does")
        self.api.overrides["/v1/jobs"] = lambda handler, seen: handler.answer(302, b"", headers=[("Location", self.api.url + "/v1/commands")])
        self.check("ls", says="status 302")

    def test_plain_http_to_another_host_is_refused(self):
        self.check("ls", "--url", "http://192.0.2.1:8417", says="in the clear")

    def test_a_refused_token_is_named_by_its_source(self):
        self.api.overrides["/v1/jobs"] = lambda handler, seen: handler.problem(401, "unauthenticated", "No.")
        self.check("ls", says="does not accept the token from SALLYPORT_TOKEN")
        self.check("ls", env={"SALLYPORT_TOKEN": ""}, says="wants a token")

    def test_a_token_file_that_others_can_read_is_refused(self):
        path = os.path.join(self.home, "token")
        with open(path, "w", encoding="utf8") as file:
            file.write("sp_file\n")
        os.chmod(path, 0o644)
        self.check("ls", "--token-file", path, says=f"chmod 600 '{path}'")
        self.assertEqual(self.api.requests, [])
        os.chmod(path, 0o600)
        self.assertEqual(self.run_cli("ls", "--token-file", path)[0], 0)
        self.assertEqual(self.api.requests[-1]["headers"]["Authorization"], "Bearer sp_file")
        self.check("ls", "--token-file", path + "x", says="No such file")
        if os.geteuid() == 0:
            os.chown(path, 61234, -1)
            self.check("ls", "--token-file", path, says="belongs to another user")

    def test_credentials_are_used_when_nothing_else_is_given(self):
        directory = os.path.join(self.home, ".config", "sallyport")
        os.makedirs(directory)
        path = os.path.join(directory, "credentials")
        with open(path, "w", encoding="utf8") as file:
            file.write(f"https://elsewhere sp_other\n{self.api.url} sp_mine\n")
        os.chmod(path, 0o600)
        self.assertEqual(self.run_cli("ls", env={"SALLYPORT_TOKEN": ""})[0], 0)
        self.assertEqual(self.api.requests[-1]["headers"]["Authorization"], "Bearer sp_mine")

    def test_unknown_commands_get_the_nearest_name(self):
        self.check("run", "deploy-wbe", says="did you mean 'deploy-web'?")
        self.check("runn", "demo", says="did you mean 'sallyport run'?")
        self.check("run", "demo", "--tmeout", "3s", says="did you mean '--timeout'?")

    def test_ids_are_checked_before_anything_is_sent(self):
        for words in (("show", "1"), ("attach", "../x"), ("cancel", "A" * 26), ("wait", ID, "x")):
            self.check(*words, says="is no id of a job")
        self.assertEqual(self.api.requests, [])

    def test_full_queues_say_when_to_try_again(self):
        self.api.overrides["/v1/commands/demo/jobs"] = lambda handler, seen: handler.problem(503, "queue-full", "The queue is full", headers=[("Retry-After", "7")])
        self.check("run", "demo", says="The queue is full; try again in 7 s")

    def test_usage_is_told_in_one_line(self):
        self.check("run", says="usage: sallyport run NAME")
        self.check("run", "demo", "-d", "--wait", "3s", says="exclude each other")


class Local(CliTest):
    def test_token_create_prints_a_token_and_its_hash(self):
        out = json.loads(self.run_cli("token", "create", "--name", "ci", "--allow", "run:demo,read:own", "-o", "json")[1])
        self.assertEqual(out["hash"], "sha256:" + hashlib.sha256(out["token"].encode()).hexdigest())
        self.assertEqual(out["allow"], ["run:demo", "read:own"])
        path = os.path.join(self.home, "saved")
        code, lines, _ = self.run_cli("token", "create", "--name", "ci", "--save", path, "-o", "yaml")
        self.assertEqual(code, 0)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        with open(path, encoding="utf8") as file:
            digest = hashlib.sha256(file.read().strip().encode()).hexdigest()
        self.assertIn(f'hash: "sha256:{digest}"', lines.decode())
        self.assertNotEqual(self.run_cli("token", "create", "--save", path)[0], 0)

    def test_config_check_says_78_for_a_bad_one(self):
        path = os.path.join(self.home, "sallyport.yaml")
        with open(path, "w", encoding="utf8") as file:
            file.write("comands: {}\n")
        code, out, err = self.run_cli("config", "check", path)
        self.assertEqual((code, out), (78, b""))
        self.assertIn(f"{path}:1:1: ", err)
        with open(path, "w", encoding="utf8") as file:
            file.write("server: {listen: [127.0.0.1:8417]}\ncommands:\n  a: {exec: [/bin/true]}\n")
        code, out, err = self.run_cli("config", "check", path)
        self.assertEqual(code, 0, err)
        self.assertIn(b"1 command, 0 tokens", out)

    def test_config_reference_is_markdown(self):
        code, out, _ = self.run_cli("config", "reference")
        self.assertEqual(code, 0)
        self.assertIn(b"`commands", out)

    def test_doctor_for_scripts_and_for_people(self):
        code, names, _ = self.run_cli("doctor", "--degrade")
        self.assertEqual(code, 0)
        self.assertRegex(names, rb"^([a-z-]+(,[a-z-]+)*)?\n$")
        code, out, _ = self.run_cli("doctor", "-o", "json")
        self.assertIn(code, (0, 1))
        self.assertEqual(json.loads(out)["degrade"].replace(" ", ""), names.decode().strip())
        for finding in json.loads(out)["findings"]:
            self.assertEqual(finding["fix"] == "", finding["verdict"] == "pass", finding)

    def test_help_of_every_command(self):
        code, out, _ = self.run_cli("--help")
        self.assertEqual(code, 0)
        names = [line.split("  ")[1] for line in out.decode().split("\noptions\n")[0].splitlines() if line.startswith("  ")]
        self.assertGreater(len(names), 14)
        for name in names:
            code, out, err = self.run_cli(*name.split(), "--help")
            self.assertEqual((code, err), (0, ""), name)
            self.assertIn(f"usage: sallyport {name}", out.decode())
            self.assertLessEqual(max(len(line) for line in out.decode().splitlines()), 92, name)

    def test_full_disk_behind_stdout_is_noticed(self):
        with open("/dev/full", "wb") as full:
            self.assertEqual(self.run_cli("--help", stdout=full)[0], 125)


if __name__ == "__main__":
    unittest.main()
