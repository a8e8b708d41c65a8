"""Clients of gort (v1.2.1): health, list and start, with every error and its text, and who they are asked first."""

import http.client
import json
import os
import shutil
import signal
import socket
import unittest

import harness
from predecessors import LOOK, SECRET_ENVIRONMENT, SECRET_NAME, HoleTests, PredecessorCase, SharedTests

STARTED = b"The function will be executed in the background. Refer to container logs to see the output"
JSON = "Not able to parse data as valid JSON\n"
REQUIRED = "Required parameters 'executor' and 'script' were not found in the payload\n"
EXECUTOR = "Requested executor is not installed\n"
SCRIPT = "Requested script is not found in the scripts directory\n"


class Scripts(PredecessorCase):
    name = "gort"
    words = {"bash": "run-bash", "python3": "run-python"}

    @classmethod
    def setUpClass(cls):
        if not hasattr(cls, "scripts"):
            cls.make_scripts()
        super().setUpClass()

    @classmethod
    def make_scripts(cls):
        cls.scripts = harness.make_directory("scripts")
        cls.addClassCleanup(shutil.rmtree, cls.scripts, True)
        os.chmod(cls.scripts, 0o755)
        cls.add("hello.sh", "echo hello $GREETING $1\n")
        cls.add("wait.sh", "sleep 30\n")
        cls.add("zzz.py", "print('python')\n")
        cls.add(".hidden.sh", "echo hidden\n")
        os.mkdir(os.path.join(cls.scripts, "directory"))
        os.symlink("hello.sh", os.path.join(cls.scripts, "link.sh"))
        params = {"script": {"type": "enum", "values_from": cls.scripts, "required": True},
                  "args": {"type": "list", "of": {"type": "string", "pattern": "[a-z0-9 ]*"}, "default": []},
                  "GREETING": {"type": "string", "pattern": "[a-z]*", "default": ""}}
        cls.commands = {name: {"exec": [program, cls.scripts + "/{script}", "{args...}"], "params": params,
                               "env": {"GREETING": "{GREETING}"}, "sandbox": {"read": [cls.scripts]}}
                        for name, program in (("run-bash", "/bin/bash"), ("run-python", "/usr/bin/python3"))}

    @classmethod
    def add(cls, name, text):
        with open(os.path.join(cls.scripts, name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(os.path.join(cls.scripts, name), 0o644)

    def start(self, body, **more):
        return self.ask("POST", "/v1/start", body if isinstance(body, (str, bytes)) else json.dumps(body), **more)

    def last_ended(self):
        return self.ended(lambda: (lambda job: job if job["end"] else None)(self.jobs()[0]))

    def output(self, job):
        return self.instance.request("GET", job["output"]["url"]).body.decode()


class Gort(SharedTests, Scripts):
    routes = [("GET", "/v1/health"), ("GET", "/v1/list-dist"), ("POST", "/v1/start"), ("GET", "/"), ("DELETE", "/v1/start"), ("GET", "/v1")]

    def test_health(self):
        answer = self.ask("GET", "/v1/health")
        self.assertEqual((answer.status, answer.body, answer.headers["Content-Type"]), (200, b"OK", "text/plain; charset=utf-8"))

    def test_scripts_are_listed_sorted_and_neither_hidden_ones_nor_directories_nor_links(self):
        answer = self.ask("GET", "/v1/list-dist")
        self.assertEqual((answer.status, answer.body, answer.headers["Content-Type"]),
                         (200, b"hello.sh\nwait.sh\nzzz.py\n", "text/plain; charset=utf-8"))
        answer = self.instance.request("GET", "/old/v1/list-dist", token="poor" * 10)      # who may run nothing
        self.assertEqual((answer.status, answer.body, answer.headers["Content-Type"]),
                         (200, b"./dist seems like empty", "text/plain; charset=utf-8"))

    def test_a_script_runs_with_its_variables_and_arguments(self):
        answer = self.start({"executor": "bash", "script": "hello.sh", "env_vars": ["GREETING=dear"], "args": ["friend"]})
        self.assertEqual((answer.status, answer.body, answer.headers["Content-Type"]), (200, STARTED, "text/plain; charset=utf-8"))
        job = self.last_ended()
        self.assertEqual((job["state"], self.output(job)), ("succeeded", "hello dear friend\n"))
        self.assertEqual(job["labels"], {"called": "bash", "predecessor": "gort"})

    def test_members_are_found_in_any_case_and_what_stands_behind_the_document_means_nothing(self):
        for body in ('{"Executor": "python3", "SCRIPT": "zzz.py", "x": 1} trailing', '{"executor": "x", "executor": "python3", "script": "zzz.py"}',
                     '{"executor": "python3", "script": "zzz.py", "args": null, "env_vars": null}'):
            with self.subTest(body=body):
                self.assertEqual(self.start(body).status, 200)
                self.assertEqual(self.output(self.last_ended()), "python\n")

    def test_a_variable_without_a_value_and_null_mean_nothing(self):
        for variables in (["NOTHING"], [None], []):
            answer = self.start({"executor": "bash", "script": "hello.sh", "env_vars": variables, "args": [None] if variables else None})
            self.assertEqual((answer.status, answer.body), (200, STARTED), answer.body)
            self.last_ended()

    def test_errors_in_their_order(self):
        for body, status, text in (
                ("", 422, JSON), ("{", 422, JSON), ("[]", 422, JSON), ('"x"', 422, JSON), ('{"executor": 1}', 422, JSON),
                ('{"executor": "bash", "script": "hello.sh", "args": "x"}', 422, JSON),
                ('{"executor": "bash", "script": "hello.sh", "env_vars": [1]}', 422, JSON),
                ("{}", 400, REQUIRED), ("null", 400, REQUIRED), ('{"executor": "", "script": "hello.sh"}', 400, REQUIRED),
                ('{"executor": "bash"}', 400, REQUIRED), ('{"executor": "bash", "script": null}', 400, REQUIRED),
                ('{"executor": "rm", "script": "hello.sh"}', 500, EXECUTOR), ('{"executor": "/bin/bash", "script": "hello.sh"}', 500, EXECUTOR),
                ('{"executor": "rm", "script": "nothing"}', 500, EXECUTOR),
                ('{"executor": "bash", "script": "../hello.sh"}', 501, SCRIPT), ('{"executor": "bash", "script": "./hello.sh"}', 501, SCRIPT),
                ('{"executor": "bash", "script": ".hidden.sh"}', 501, SCRIPT), ('{"executor": "bash", "script": "directory"}', 501, SCRIPT),
                ('{"executor": "bash", "script": "link.sh"}', 501, SCRIPT),
                ('{"script": 1}', 422, JSON), ('{"executor": "", "args": "x"}', 422, JSON), ('{"executor": "rm", "script": ""}', 400, REQUIRED),
                ('{"executor": "bash", "script": "sub/x"}', 501, SCRIPT), ('{"executor": "bash", "script": "/abs"}', 501, SCRIPT)):
            with self.subTest(body=body):
                answer = self.start(body)
                self.assertEqual((answer.status, answer.body.decode(), answer.headers["Content-Type"], answer.headers["X-Content-Type-Options"]),
                                 (status, text, "text/plain; charset=utf-8", "nosniff"))

    def test_variables_that_the_command_does_not_know_start_nothing(self):
        before = len(self.jobs())
        for variable in ("LD_PRELOAD=/tmp/x.so", "BASH_ENV=/tmp/x", "PATH=/tmp", "GREETING=$(id)", "GREETING=a\nb", "=x", "args=x"):
            with self.subTest(variable=variable):
                self.assertIn(self.start({"executor": "bash", "script": "hello.sh", "env_vars": [variable]}).status, (422, 400))
        self.assertEqual(len(self.jobs()), before)

    def test_a_job_sees_nothing_of_the_service_s_environment(self):
        self.add("hello.sh", "echo hello $GREETING $1\n")
        self.start({"executor": "bash", "script": "hello.sh", "args": ["a b", "c"]})
        self.assertEqual(self.output(self.last_ended()), "hello a b\n")

    def test_other_paths_and_methods(self):
        for method, path, status, body in (
                ("GET", "/", 404, b"This page does not exist!\n"), ("GET", "/v1", 404, b"This page does not exist!\n"),
                ("GET", "/v1/health/", 404, b"This page does not exist!\n"), ("GET", "/v1/starts", 404, b"This page does not exist!\n"),
                ("POST", "/v1/health", 405, b""), ("DELETE", "/v1/start", 405, b""), ("GET", "/v1/start", 405, b"")):
            with self.subTest(method=method, path=path):
                answer = self.ask(method, path, "" if method == "POST" else None)
                self.assertEqual((answer.status, answer.body), (status, body))
                if status == 404:
                    self.assertEqual((answer.headers["Content-Type"], answer.headers["X-Content-Type-Options"]),
                                     ("text/plain; charset=utf-8", "nosniff"))
                if status == 405:
                    self.assertNotIn("Allow", answer.headers)
                    self.assertNotIn("Content-Type", answer.headers)
        self.assertEqual(self.ask("HEAD", "/v1/health").status, 405)

    def test_new_scripts_are_there_after_a_reload(self):
        self.add("fresh.sh", "echo fresh\n")
        self.assertEqual(self.start({"executor": "bash", "script": "fresh.sh"}).status, 501)
        self.instance.reload()
        self.ended(lambda: self.start({"executor": "bash", "script": "fresh.sh"}).status == 200)
        self.assertEqual(self.output(self.last_ended()), "fresh\n")
        os.unlink(os.path.join(self.scripts, "fresh.sh"))
        self.instance.reload()
        self.ended(lambda: self.start({"executor": "bash", "script": "fresh.sh"}).status == 501)

    def test_jobs_are_listed_stopped_and_leave_no_zombie(self):
        self.start({"executor": "bash", "script": "wait.sh"})
        job = self.ended(lambda: (lambda job: job if job["state"] == "running" else None)(self.jobs()[0]))
        self.assertEqual(self.instance.request("POST", job["url"] + "/cancel", {}).status, 202)
        self.assertEqual(self.last_ended()["state"], "cancelled")
        self.assertEqual([process for process in self.instance.processes() if process.is_zombie()], [])


class Holes(Scripts, HoleTests):
    """The holes of gort, one by one (docs/predecessors.md)."""

    options = {"environment": SECRET_ENVIRONMENT}

    @classmethod
    def setUpClass(cls):
        cls.make_scripts()
        cls.add("look.py", LOOK)
        cls.add("env.sh", "env\n")
        cls.add("fails.sh", "exit 3\n")
        cls.add("say.sh", "echo out $1; echo err $1 >&2\n")
        cls.commands["brief"] = {**cls.commands["run-bash"], "timeout": "1s"}
        cls.commands["one"] = {**cls.commands["run-bash"], "concurrency": {"limit": 1, "when_full": "reject"}}
        cls.commands["broken"] = {**cls.commands["run-bash"], "workdir": "/nonexistent-directory"}
        cls.words = {"bash": "run-bash", "python3": "run-python", "brief": "brief", "one": "one", "broken": "broken"}
        super().setUpClass()

    def test_G4_1_nobody_starts_anything_without_a_token_or_from_another_site(self):
        """G.4.1: no authentication, all interfaces, form posts of any page."""
        self.assert_nobody_gets_in("POST", "/v1/start", '{"executor": "bash", "script": "hello.sh"}')

    def test_G4_2_only_listed_executors_run_and_no_path_is_one(self):
        """G.4.2: any program of PATH, or any path; `rm` removed the script."""
        for executor in ("rm", "/bin/rm", "/bin/bash", "../bash", "./bash", "bash ", "BASH", "env", "sh"):
            with self.subTest(executor=executor):
                self.assertEqual(self.start({"executor": executor, "script": "hello.sh"}).status, 500)
        self.assertTrue(os.path.exists(os.path.join(self.scripts, "hello.sh")))

    def test_G4_3_variables_that_load_code_start_nothing_and_nothing_is_inherited(self):
        """G.4.3: env_vars unchecked, and the server's whole environment beside them."""
        before = len(self.jobs())
        for name in ("LD_PRELOAD", "LD_LIBRARY_PATH", "BASH_ENV", "ENV", "PATH", "NODE_OPTIONS", "PYTHONPATH", "PYTHONSTARTUP", "IFS", "PS4"):
            with self.subTest(name=name):
                self.assertEqual(self.start({"executor": "bash", "script": "hello.sh", "env_vars": [name + "=/tmp/x"]}).status, 422)
        self.assertEqual(len(self.jobs()), before)
        self.start({"executor": "bash", "script": "env.sh"})
        self.assertNotIn(SECRET_NAME, self.output(self.last_ended()))

    def test_G4_4_no_job_stays_behind_as_a_zombie(self):
        """G.4.4: children were never waited for."""
        for _ in range(3):
            self.start({"executor": "bash", "script": "say.sh"})
            self.last_ended()
        self.ended(lambda: not self.zombies())

    def test_G4_5_what_cannot_be_executed_is_refused_or_told_and_ends_nothing(self):
        """G.4.5: a NUL, too long a list, or a program that is none dereferenced nil, and a script's failure was told nowhere."""
        front = self.instance.part("front").pid
        for more in ({"env_vars": ["GREETING=a\0b"]}, {"args": ["a\0b"]}, {"args": ["a" * 100] * 2000}):
            self.assertIn(self.start({"executor": "bash", "script": "hello.sh", **more}).status, (413, 422))
        self.assertEqual(self.start({"executor": "broken", "script": "hello.sh"}).status, 200)
        self.assertEqual(self.last_ended()["state"], "launch_failed")
        self.start({"executor": "bash", "script": "fails.sh"})
        self.assertEqual(self.last_ended()["end"]["exit_code"], 3)
        self.assertEqual(self.instance.part("front").pid, front)

    def test_G4_6_output_is_kept_with_arguments_and_without(self):
        """G.4.6: with `args` a job's output was dropped."""
        for args, text in (({"args": ["now"]}, "out now\nerr now\n"), ({}, "out\nerr\n")):
            self.start({"executor": "bash", "script": "say.sh", **args})
            self.assertEqual(sorted(self.output(self.last_ended()).split("\n")), sorted(text.split("\n")))

    def test_G4_7_jobs_have_an_id_a_state_an_end_and_limits(self):
        """G.4.7: no id, no state, no exit code, no kill, no timeout, no limit of jobs or bodies. Slow clients: class Throttle."""
        self.start({"executor": "brief", "script": "wait.sh"})
        job = self.last_ended()
        self.assertEqual((job["state"], job["end"]["reason"]), ("timed_out", "timed_out"))
        self.assertEqual(self.start({"executor": "one", "script": "wait.sh"}).status, 200)
        self.assertEqual(self.start({"executor": "one", "script": "wait.sh"}).status, 429)
        job = self.jobs()[0]
        self.assertEqual(self.instance.request("POST", job["url"] + "/cancel", {}).status, 202)
        self.assertEqual(self.last_ended()["state"], "cancelled")
        self.assert_bodies_are_bounded("POST", "/v1/start")

    def test_G4_8_directories_and_hidden_files_are_no_scripts(self):
        """G.4.8: a directory was accepted, dotfiles were listed and ran."""
        listed = self.ask("GET", "/v1/list-dist").body.decode().split("\n")
        for name in ("directory", ".hidden.sh", ".", ".."):
            with self.subTest(name=name):
                self.assertNotIn(name, listed)
                self.assertEqual(self.start({"executor": "bash", "script": name}).status, 501)

    def test_G4_9_a_header_is_no_address(self):
        """G.4.9: X-Real-IP and X-Forwarded-For were believed from anybody."""
        forged = {"X-Real-IP": "203.0.113.7", "X-Forwarded-For": "203.0.113.7", "Forwarded": "for=203.0.113.7"}
        self.start({"executor": "bash", "script": "say.sh"}, headers=forged)
        self.assertEqual(self.last_ended()["actor"]["addr"].split(":")[0], "127.0.0.1")
        self.assertNotIn("203.0.113.7", self.instance.log())

    def test_G4_10_a_job_is_nobody_on_this_host(self):
        """G.4.10: jobs were the server's user, with its directory, its network and its processes."""
        answer = self.start({"executor": "python3", "script": "look.py", "args": [str(self.instance.part("keeper").pid), str(self.instance.port)]})
        self.assertEqual(answer.status, 200)
        self.assert_confined(self.output(self.last_ended()))


class Throttle(PredecessorCase):
    name, words, keys = "gort", {"bash": "hello"}, {"requests": 2}
    commands = {"hello": {"exec": ["/usr/bin/true"]}}

    def test_more_requests_at_once_than_may_be_are_told_so(self):
        """The keeper stands still, so each request waits for it; what needs no keeper is answered behind those that came first."""
        keeper, connections = self.instance.part("keeper").pid, []
        os.kill(keeper, signal.SIGSTOP)
        try:
            for _ in range(3):
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                connection.request("GET", "/v1/health")
                connections.append(connection)
                self.assertEqual(self.instance.request("GET", "/healthz", token=None).status, 200)
        finally:
            os.kill(keeper, signal.SIGCONT)
        answers = [connection.getresponse() for connection in connections]
        self.assertEqual([(answer.status, answer.read()) for answer in answers],
                         [(200, b"OK"), (200, b"OK"), (503, b"Server capacity exceeded.\n")])
        for connection in connections:
            connection.close()
        self.assertEqual(self.ask("GET", "/v1/health").status, 200)

    def slow(self, port=None, path="/v1/start", head=b""):
        """A POST whose head is there, and one byte of its body."""
        connection = socket.create_connection(("127.0.0.1", port or self.port), 30)
        self.addCleanup(connection.close)
        connection.sendall(b"POST %s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: 2\r\n\r\n{" % (path.encode(), head))
        self.assertEqual(self.instance.request("GET", "/healthz", token=None).status, 200, "what came before it was read")
        return connection

    def finish(self, connection):
        connection.sendall(b"}")
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status

    def test_a_request_whose_body_is_still_coming_counts(self):
        first, second = self.slow(), self.slow()
        answer = self.ask("GET", "/v1/health")
        self.assertEqual((answer.status, answer.body), (503, b"Server capacity exceeded.\n"))
        self.assertEqual(self.ask("POST", "/v1/start", "{}").status, 503)
        self.assertEqual((self.finish(first), self.finish(second)), (400, 400), "they came first, and have their own answers")
        self.assertEqual(self.ask("GET", "/v1/health").status, 200)

    def test_who_came_first_is_not_locked_out_by_who_came_later(self):
        first = self.slow()
        later = [self.slow() for _ in range(5)]
        self.assertEqual(self.finish(first), 400)
        self.assertEqual(self.finish(later.pop()), 503)
        later.pop().close()
        self.assertEqual(self.finish(later[0]), 400)

    def test_a_body_that_is_given_up_counts_no_more(self):
        for connection in (self.slow(), self.slow()):
            connection.close()
        self.ended(lambda: self.ask("GET", "/v1/health").status == 200)

    def test_other_slow_bodies_count_not(self):
        """Nor those below its path, where anybody may be who sends them."""
        token = f"Authorization: Bearer {self.instance.token}\r\n".encode()
        for path in ("/v1/start", "/old/v1/start", "/old", "/olds/v1/start", "/v1/commands/hello/jobs", "/nothing"):
            self.slow(self.instance.port, path, token)
        for path in ("/v1/nothing", "/"):
            self.slow(path=path)
        self.assertEqual(self.ask("GET", "/v1/health").status, 200)

    def test_whole_requests_below_its_path_and_on_its_listener_count_together(self):
        self.slow()
        self.assertEqual(self.instance.request("GET", "/old/v1/health").status, 200)
        self.slow()
        self.assertEqual(self.instance.request("GET", "/old/v1/health").status, 503)
        self.assertEqual(self.instance.request("GET", "/v1/jobs").status, 200, "what is not gort's is not throttled")


if __name__ == "__main__":
    unittest.main()
