"""Clients of jobrunner (2014), in both of its protocols: command lines, lists of commands, and output as it comes."""

import http.client
import json
import os
import shutil
import threading
import unittest

from harness import make_directory
from predecessors import PredecessorCase, SharedTests

TEXT = "text/plain; charset=utf-8"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
SHELL_PARAMS = {"command_line": {"type": "string", "max_length": 8000, "required": True},
                "GREETING": {"type": "string", "pattern": "[a-z ]*", "default": ""}}


class Jobrunner(SharedTests, PredecessorCase):
    name = "jobrunner"
    words = {"bash": "shell", "registry.example/tools/echo:1": "box"}
    commands = {
        "shell": {"exec": ["/bin/bash", "-c", "{command_line}"], "params": SHELL_PARAMS, "env": {"GREETING": "{GREETING}"}, "timeout": "90s"},
        "box": {"exec": ["/usr/bin/echo", "in a box:", "{args...}"], "params": {"args": {"type": "list", "of": {"type": "string"}, "default": []}}},
    }
    routes = [("GET", "/"), ("POST", "/"), ("GET", f"/{UNKNOWN}/attach"), ("DELETE", f"/{UNKNOWN}"), ("POST", f"/{UNKNOWN}/clean"),
              ("GET", "/debug/vars"), ("GET", f"/{UNKNOWN}")]

    @classmethod
    def setUpClass(cls):
        cls.directory = make_directory("jobrunner")
        cls.addClassCleanup(shutil.rmtree, cls.directory, True)
        cls.commands = {**cls.commands, "shell": {**cls.commands["shell"], "sandbox": {"read": [cls.directory]}}}
        super().setUpClass()

    def post(self, body):
        return self.ask("POST", "/", body if isinstance(body, str) else json.dumps(body))

    def start(self, line, **environment):
        answer = self.post({"CommandLine": line, "Environment": environment})
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, TEXT), answer.body)
        self.assertFalse(answer.body.endswith(b"\n"))
        self.assertRegex(answer.json()["ID"], UUID)
        return answer.json()["ID"]

    def attached(self, job_id, query=""):
        """The answer, whose body comes as the job writes it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        self.addCleanup(connection.close)
        connection.request("GET", f"/{job_id}/attach{query}")
        answer = connection.getresponse()
        self.assertEqual(answer.status, 200)
        return answer

    def running(self):
        return self.ask("GET", "/").json()["IDs"] or []

    def test_a_job_runs_with_exactly_its_environment(self):
        job_id = self.start("echo $GREETING; echo err >&2; env | grep -v -e ^SALLYPORT -e ^_= | cut -d= -f1 | sort | tr '\\n' ' '", GREETING="hello there")
        answer = self.attached(job_id)
        self.assertEqual(answer.getheader("Content-Type"), TEXT)
        self.assertEqual(answer.getheader("Transfer-Encoding"), "chunked")
        body = answer.read().decode()
        self.assertTrue(body.startswith("hello there\n"), body)
        self.assertIn("err\n", body)
        self.assertNotIn("TOKEN", body)

    def test_running_jobs_are_listed_and_a_kill_ends_the_whole_tree(self):
        self.assertEqual(self.ask("GET", "/").headers["Content-Type"], TEXT)
        job_id = self.start("sleep 61 & sleep 62 & echo up; wait")
        answer = self.attached(job_id)
        self.assertEqual(answer.read(3), b"up\n")
        self.assertIn(job_id, self.running())
        killed = self.ask("DELETE", "/" + job_id)
        self.assertEqual((killed.status, killed.body), (200, b""))
        self.assertEqual(answer.read(), b"")
        self.ended(lambda: job_id not in self.running())
        self.assertEqual([process for process in self.instance.processes() if "sleep" in str(process)], [])

    def test_no_running_job_is_null(self):
        self.ended(lambda: not self.running())
        self.assertEqual(self.ask("GET", "/").body, b'{"IDs":null}')

    def test_each_write_is_delivered_at_once_to_every_reader(self):
        """The first line is read while the job has more to say."""
        job_id = self.start("for i in 1 2 3 4 5; do echo line $i; sleep 0.2; done")
        readers = [self.attached(job_id) for _ in range(3)]
        late = self.attached(job_id, "?from=now")
        for reader in readers:
            self.assertEqual(reader.readline(), b"line 1\n")
        self.assertIn(job_id, self.running())
        said = []
        threads = [threading.Thread(target=lambda reader=reader: said.append(reader.read())) for reader in readers[:2]]
        for thread in threads:
            thread.start()
        readers[2].close()                          # one leaves
        for thread in threads:
            thread.join()
        self.assertEqual(said, [b"line 2\nline 3\nline 4\nline 5\n"] * 2)
        self.assertTrue(b"line 1\nline 2\nline 3\nline 4\nline 5\n".endswith(late.read()))

    def test_one_byte_of_a_job_that_is_silent_before_and_after_reaches_every_reader(self):
        sign = os.path.join(self.directory, "sign")
        job_id = self.start(f"until [ -e {sign} ]; do sleep 0.02; done; printf x; sleep 60")
        readers = [self.attached(job_id) for _ in range(2)]     # both have heard that they are, and nothing else
        with open(sign, "wb"):
            pass
        for reader in readers:
            self.assertEqual(reader.read(1), b"x")
        self.assertIn(job_id, self.running())
        self.ask("DELETE", "/" + job_id)
        for reader in readers:
            self.assertEqual(reader.read(), b"")

    def test_output_of_a_job_that_is_over_is_not_lost(self):
        job_id = self.start("echo short")
        self.ended(lambda: job_id not in self.running())
        self.assertEqual(self.attached(job_id).read(), b"short\n")

    def test_unknown_jobs(self):
        answer = self.ask("GET", f"/{UNKNOWN}/attach")
        self.assertEqual((answer.status, answer.body.decode(), answer.headers["Content-Type"]), (404, f"Job {UNKNOWN} not found.\n", TEXT))
        for job_id in (UNKNOWN, "nothing", "x" * 36):
            killed = self.ask("DELETE", "/" + job_id)
            self.assertEqual((killed.status, killed.body), (200, b""))
        answer = self.ask("POST", f"/{UNKNOWN}/clean", "")
        self.assertEqual((answer.status, answer.body.decode()), (404, f"Job {UNKNOWN} not found\n"))

    def test_other_paths_are_its_404(self):
        for method, path in (("GET", "/debug/vars"), ("GET", f"/{UNKNOWN}"), ("PUT", "/"), ("GET", f"/{UNKNOWN}/"), ("POST", f"/{UNKNOWN}/attach")):
            with self.subTest(method=method, path=path):
                answer = self.ask(method, path, "" if method == "POST" else None)
                self.assertEqual((answer.status, answer.body), (404, b"404 page not found\n"))

    def test_wrong_bodies_are_500_with_its_texts(self):
        for body, text in (("{}", "Missing CommandLine key."), ('{"CommandLine": ""}', "Missing CommandLine key."), ("null", "Missing CommandLine key."),
                           ('{"CommandLine": "id"}', "Missing Environment key."), ('{"CommandLine": "id", "Environment": null}', "Missing Environment key."),
                           ("", "EOF"), ('{"CommandLine": 7}', "json: cannot unmarshal number into Go struct field StartMsg.CommandLine of type string"),
                           ('{"Commands": [{}]}', "Missing Kind from command."), ('{"Commands": [{"Kind": "perl"}]}', "Missing invalid kind of command: perl"),
                           ('{"Commands": [{"Kind": "bash"}]}', "Missing CommandLine from command."),
                           ('{"Commands": [{"Kind": "bash", "CommandLine": "id"}]}', "Missing Environment from command."),
                           ('{"Commands": [{"Kind": "docker", "CommandLine": "id", "Environment": {}}]}', "Missing docker repository from command."),
                           ('{"Commands": "x"}', "Missing JSONCommands key.")):
            with self.subTest(body=body):
                answer = self.post(body)
                self.assertEqual((answer.status, answer.body.decode(), answer.headers["Content-Type"]), (500, text + "\n", TEXT))

    def test_variables_that_the_command_does_not_take_start_nothing(self):
        before = len(self.jobs())
        for name, value in (("LD_PRELOAD", "/tmp/x"), ("PATH", "/tmp"), ("BASH_ENV", "x"), ("GREETING", "$(id)"), ("GREETING", "a\nb"), ("A=B", "c"), ("", "x")):
            with self.subTest(name=name):
                self.assertIn(self.post({"CommandLine": "id", "Environment": {name: value}}).status, (400, 422))
        self.assertEqual(len(self.jobs()), before)

    def test_commands_run_one_after_another_whatever_becomes_of_each(self):
        answer = self.post({"Commands": [
            {"Kind": "bash", "CommandLine": "echo one; exit 3", "Environment": {}},
            {"kind": "docker", "commandline": "two words", "environment": {}, "registry": "registry.example", "repository": "tools/echo", "tag": "1"},
            {"Kind": "bash", "CommandLine": "echo three", "Environment": {"GREETING": "x"}}]})
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(list(answer.json()), ["JobID", "CommandIDs"])
        self.assertEqual(len(set(answer.json()["CommandIDs"])), 3)
        self.ended(lambda: answer.json()["JobID"] not in self.running())
        steps = [job for job in self.jobs() if job["parent"] is not None]
        outputs = [self.instance.request("GET", job["output"]["url"]).body for job in reversed(steps)][-3:]
        self.assertEqual(outputs, [b"one\n", b"in a box: two words\n", b"three\n"])
        self.assertEqual(self.ask("POST", f"/{answer.json()['JobID']}/clean", "").status, 200)

    def test_an_image_that_is_not_listed_starts_nothing(self):
        before = len(self.jobs())
        for image in ({"Repository": "alpine"}, {"Repository": "tools/echo", "Registry": "registry.example"}, {"Repository": "-v /:/data"}):
            answer = self.post({"Commands": [{"Kind": "docker", "CommandLine": "id", "Environment": {}, **image}]})
            self.assertEqual(answer.status, 500)
            self.assertIn(b"lists no '", answer.body)
        self.assertEqual(len(self.jobs()), before)


class NoShell(PredecessorCase):
    name, words = "jobrunner", {"registry.example/box": "box"}
    commands = {"box": {"exec": ["/usr/bin/true"]}}

    def test_without_a_listed_shell_command_lines_are_refused_with_the_reason(self):
        answer = self.ask("POST", "/", '{"CommandLine": "id", "Environment": {}}')
        self.assertEqual(answer.status, 403)
        self.assertEqual(answer.body, b"Command lines are not run here: predecessors.jobrunner.commands lists no 'bash'.\n")
        self.assertEqual(self.jobs(), [])


if __name__ == "__main__":
    unittest.main()
