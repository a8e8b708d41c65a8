"""Clients of http-runner (v0.0.5): what they sent and got, row by row, with who they are asked first."""

import http.client
import json
import os
import re
import signal
import unittest

from predecessors import PredecessorCase, SharedTests

COMMANDS = {
    "echo": {"exec": ["/usr/bin/echo", "{args...}"], "params": {"args": {"type": "list", "of": {"type": "string"}, "default": []}}},
    "say": {"exec": ["/usr/bin/printf", "{args...}"],
            "params": {"args": {"type": "list", "of": {"type": "string", "max_length": 1000}, "required": True}}},
    "both": {"exec": ["/usr/bin/python3", "-c", "import sys; sys.stdout.write('out'); sys.stdout.flush(); sys.stderr.write('err'); sys.exit(7)"]},
    "bytes": {"exec": ["/usr/bin/python3", "-c",
                       "import sys; sys.stdout.buffer.write(b'\\xc3\\xa4' * 40000 + b'\\xff\\x00\\xc3\"\\\\end')"]},
    "long": {"exec": ["/usr/bin/python3", "-c", "print('x' * 8000000, end='')"]},
    "slow": {"exec": ["/usr/bin/python3", "-u", "-c", "import time; print('so far'); time.sleep(60)"], "timeout": "90s"},
    "gone": {"exec": ["/usr/bin/true"], "user": "nobody", "workdir": "/nonexistent-directory"},
}
ID = re.compile(r"^[0-9a-f]{40}$")


class HttpRunner(SharedTests, PredecessorCase):
    name = "http-runner"
    words = {"echo": "echo", "/bin/echo": "echo", "say": "say", "both": "both", "bytes": "bytes", "slow": "slow", "long": "long"}
    commands = {name: COMMANDS[name] for name in ("echo", "say", "both", "bytes", "slow", "long")}
    routes = [("POST", "/"), ("GET", "/" + "0" * 40), ("GET", "/"), ("DELETE", "/" + "0" * 40), ("HEAD", "/"), ("GET", "/a/b")]

    def post(self, body, **more):
        return self.ask("POST", "/", body if isinstance(body, (str, bytes)) else json.dumps(body), **more)

    def start(self, command, args=""):
        answer = self.post({"command": command, "args": args})
        self.assertEqual(answer.status, 202, answer.body)
        return answer.json()

    def read(self, job_id):
        answer = self.ask("GET", "/" + job_id)
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "application/json"))
        return answer.json()

    def run_to_end(self, command, args=""):
        job_id = self.start(command, args)["id"]
        return self.ended(lambda: (lambda job: job if "err" in job else None)(self.read(job_id)))

    def test_a_job_is_created_and_told_as_not_known_of_yet(self):
        answer = self.post('{"command": "echo", "args": "hello  world", "more": [1]}')
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (202, "application/json"))
        job = answer.json()
        self.assertEqual(list(job), ["stderr", "stdout", "id", "code", "command", "arguments"])
        self.assertRegex(job["id"], ID)
        self.assertEqual((job["stderr"], job["stdout"], job["code"], job["command"], job["arguments"]),
                         ("", "", None, "echo", ["hello", "world"]))
        self.assertFalse(answer.body.endswith(b"\n"))

    def test_a_job_that_has_ended_has_all_it_wrote_and_an_err(self):
        job = self.run_to_end("both")
        self.assertEqual(list(job), ["stderr", "stdout", "id", "code", "command", "arguments", "err"])
        self.assertEqual((job["stdout"], job["stderr"], job["code"], job["err"]), ("out", "err", 7, None))

    def test_a_running_job_shows_what_it_wrote_so_far_and_no_err(self):
        job_id = self.start("slow")["id"]
        job = self.ended(lambda: (lambda job: job if job["stdout"] else None)(self.read(job_id)))
        self.assertEqual((job["stdout"], job["code"]), ("so far\n", None))
        self.assertNotIn("err", job)
        ours = self.instance.request("GET", "/v1/jobs?command=slow").json()["items"][0]
        self.assertEqual(self.instance.request("POST", ours["url"] + "/cancel", {}).status, 202)
        job = self.ended(lambda: (lambda job: job if "err" in job else None)(self.read(job_id)))
        self.assertEqual((job["code"], job["err"]), (None, None))

    def test_the_name_that_was_asked_for_is_the_name_that_is_told(self):
        self.assertEqual(self.run_to_end("/bin/echo", "x")["command"], "/bin/echo")
        self.assertEqual(self.run_to_end("echo", "x")["command"], "echo")

    def test_arguments_are_split_at_runs_of_white_space_without_a_shell(self):
        for args, arguments in (("", [""]), ("a b", ["a", "b"]), (" a", ["", "a"]), ("a ", ["a", ""]), ("a \t\n b", ["a", "b"]),
                                ("a\u00a0b", ["a", "b"]), ("'a b'", ["'a", "b'"]), ("$(id) ;x", ["$(id)", ";x"])):
            with self.subTest(args=args):
                job = self.run_to_end("echo", args)
                self.assertEqual(job["arguments"], arguments)
                self.assertEqual(job["stdout"], " ".join(arguments) + "\n")

    def test_bytes_that_are_no_text_are_replaced_and_characters_are_never_cut(self):
        job = self.run_to_end("bytes")
        self.assertEqual(job["stdout"], "\u00e4" * 40000 + "\ufffd\x00\ufffd\"\\end")

    def test_wrong_bodies_are_400_in_its_own_shape(self):
        for body in ("", "{", "[]", "null", "{} x", '{"command": 1, "args": ""}', '{"command": "", "args": ""}', '{"args": ""}',
                     '{"command": "echo"}', '{"command": "echo", "args": ["a"]}', '{"command": "echo", "arguments": "a"}'):
            with self.subTest(body=body):
                answer = self.post(body)
                self.assertEqual(answer.status, 400, answer.body)
                self.assertEqual(list(answer.json()), ["message", "error"])
                self.assertEqual(answer.json()["message"], "Bad Request")

    def test_a_command_that_is_not_in_the_whitelist_is_told_first_and_letter_for_letter(self):
        for command in ("rm", "Echo", "echo ", "/usr/bin/echo", "../echo", "sh"):
            with self.subTest(command=command):
                answer = self.post({"command": command})
                self.assertEqual((answer.status, answer.json()["error"]), (400, "Specified command is not in whitelist."))

    def test_ids_and_paths(self):
        known = self.run_to_end("echo", "x")["id"]
        for method, path, status, message in (
                ("GET", "/" + "0" * 40, 404, "Not Found"), ("GET", "/" + known[:-1] + "1", 404, "Not Found"),
                ("GET", "/" + known + "/", 404, "Not Found"), ("GET", "/x/", 501, "Not Implemented"), ("GET", "/", 501, "Not Implemented"),
                ("GET", "/" + known.upper(), 501, "Not Implemented"), ("GET", "/" + known[:-1], 501, "Not Implemented"),
                ("DELETE", "/" + known, 501, "Not Implemented"), ("PUT", "/", 501, "Not Implemented"),
                ("GET", "/a/b", 501, "Not Implemented")):
            with self.subTest(method=method, path=path):
                answer = self.ask(method, path)
                self.assertEqual((answer.status, answer.json()), (status, {"message": message}))
        self.assertEqual(self.ask("GET", f"/{known}?x=1").status, 200)
        self.assertEqual(self.ask("HEAD", "/" + known).status, 501)

    def test_below_a_path_it_is_the_same_with_a_token(self):
        answer = self.instance.request("POST", "/old/", {"command": "echo", "args": "below"})
        self.assertEqual(answer.status, 202)
        path = "/old/" + answer.json()["id"]
        job = self.ended(lambda: (lambda job: job if "err" in job else None)(self.instance.request("GET", path).json()))
        self.assertEqual(job["stdout"], "below\n")
        self.assertEqual(self.instance.request("GET", "/old/nothing").status, 501)
        self.assertEqual(self.instance.request("GET", "/older").status, 404)

    def test_jobs_of_others_are_not_found(self):
        ours = self.instance.request("POST", "/old/", {"command": "echo", "args": "mine"}).json()["id"]
        self.assertEqual(self.ask("GET", "/" + ours).status, 404)

    def test_who_may_not_run_a_command_starts_none(self):
        before = len(self.jobs())
        for command in ("echo", "nothing"):
            answer = self.instance.request("POST", "/old/", {"command": command, "args": ""}, token="poor" * 10)
            self.assertEqual((answer.status, answer.json()["error"]), (400, "Specified command is not in whitelist."))
        self.assertEqual(len(self.jobs()), before)

    def test_a_value_that_the_command_does_not_take_is_refused_with_its_reason(self):
        answer = self.post({"command": "say", "args": "x" * 2000})
        self.assertEqual((answer.status, answer.json()["message"]), (400, "Bad Request"))
        self.assertIn("/params/args/0 ", answer.json()["error"])

    def test_arguments_that_a_command_does_not_take_are_not_left_out(self):
        before = len(self.jobs())
        answer = self.post({"command": "both", "args": "--dry-run"})
        self.assertEqual((answer.status, answer.json()["message"]), (400, "Bad Request"))
        self.assertEqual(len(self.jobs()), before)

    def test_a_document_that_is_half_read_is_read_to_its_end_while_the_keeper_dies(self):
        job_id = self.run_to_end("long")["id"]
        front = self.instance.part("front").pid
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        self.addCleanup(connection.close)
        connection.request("GET", "/" + job_id)
        answer = connection.getresponse()
        beginning = answer.read(10)
        os.kill(self.instance.part("keeper").pid, signal.SIGKILL)
        self.ended(lambda: self.instance.is_ready())
        job = json.loads(beginning + answer.read())
        self.assertEqual((len(job["stdout"]), job["code"], job["err"]), (8_000_000, 0, None))
        self.assertEqual(self.instance.part("front").pid, front)

    def test_records_say_who_came_without_a_token(self):
        job_id = self.run_to_end("echo", "who")["id"]
        job = next(job for job in self.jobs() if job["params"].get("args") == ["who"])
        self.assertEqual((job["actor"]["id"], job["actor"]["via"], job["labels"]), ("old-clients", "listener", {"called": "echo", "predecessor": "http-runner"}))
        self.assertTrue(job_id)


if __name__ == "__main__":
    unittest.main()
