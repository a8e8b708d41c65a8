"""Clients of jobrunner (2014), in both of its protocols: command lines, lists of commands, and output as it comes."""

import http.client
import json
import os
import shutil
import socket
import threading
import unittest

from harness import make_directory
from predecessors import LOOK, SECRET_ENVIRONMENT, HoleTests, PredecessorCase, SharedTests

TEXT = "text/plain; charset=utf-8"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
SHELL_PARAMS = {"command_line": {"type": "string", "max_length": 8000, "required": True},
                "GREETING": {"type": "string", "pattern": "[a-z ]*", "default": ""}}

ARGS = {"args": {"type": "list", "of": {"type": "string"}, "default": []}}


class Client(PredecessorCase):
    name = "jobrunner"
    words = {"bash": "shell", "registry.example/tools/echo:1": "box"}
    commands = {
        "shell": {"exec": ["/bin/bash", "-c", "{command_line}"], "params": SHELL_PARAMS, "env": {"GREETING": "{GREETING}"}, "timeout": "90s"},
        "box": {"exec": ["/usr/bin/echo", "in a box:", "{args...}"], "params": ARGS},
    }

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


class Jobrunner(SharedTests, Client):
    routes = [("GET", "/"), ("POST", "/"), ("GET", f"/{UNKNOWN}/attach"), ("DELETE", f"/{UNKNOWN}"), ("POST", f"/{UNKNOWN}/clean"),
              ("GET", "/debug/vars"), ("GET", f"/{UNKNOWN}")]

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
        for method, path in (("GET", "/debug/vars"), ("GET", f"/{UNKNOWN}"), ("PUT", "/"), ("GET", f"/{UNKNOWN}/"), ("POST", f"/{UNKNOWN}/attach"),
                             ("DELETE", "/"), ("POST", f"/{UNKNOWN}"), ("DELETE", f"/{UNKNOWN}/"), ("GET", f"/{UNKNOWN}/attach/"),
                             ("GET", f"/{UNKNOWN}/clean"), ("DELETE", f"/{UNKNOWN}/attach")):
            with self.subTest(method=method, path=path):
                answer = self.ask(method, path, "" if method == "POST" else None)
                self.assertEqual((answer.status, answer.body, answer.headers["Content-Type"]), (404, b"404 page not found\n", TEXT))
        for path in ("/", f"/{UNKNOWN}/attach"):
            self.assertEqual(self.ask("HEAD", path).status, 404)

    def test_wrong_bodies_are_500_with_its_texts(self):
        for body, text in (("{}", "Missing CommandLine key."), ('{"CommandLine": ""}', "Missing CommandLine key."), ("null", "Missing CommandLine key."),
                           ('{"CommandLine": "id"}', "Missing Environment key."), ('{"CommandLine": "id", "Environment": null}', "Missing Environment key."),
                           ("", "EOF"), ('{"CommandLine": 7}', "json: cannot unmarshal number into Go struct field StartMsg.CommandLine of type string"),
                           ('{"Commands": [{}]}', "Missing Kind from command."), ('{"Commands": [{"Kind": "perl"}]}', "Missing invalid kind of command: perl"),
                           ('{"Commands": [{"Kind": "bash"}]}', "Missing CommandLine from command."),
                           ('{"Commands": [{"Kind": "bash", "CommandLine": "id"}]}', "Missing Environment from command."),
                           ('{"Commands": [{"Kind": "docker", "CommandLine": "id", "Environment": {}}]}', "Missing docker repository from command."),
                           ('{"Commands": "x"}', "Missing JSONCommands key."), (" \n", "EOF"),
                           ('{"Environment": 5}', "json: cannot unmarshal number into Go struct field StartMsg.Environment of type map[string]string"),
                           ('{"CommandLine": "", "Environment": []}',
                            "json: cannot unmarshal array into Go struct field StartMsg.Environment of type map[string]string"),
                           ('{"CommandLine": "id", "Environment": {"A": 1}}',
                            "json: cannot unmarshal number into Go struct field StartMsg.Environment of type string"),
                           ('{"Commands": [{"Kind": "bash", "CommandLine": "id", "Environment": {}}, {"Kind": "bash"}]}', "Missing CommandLine from command."),
                           ('{"Commands": [{"Kind": "docker"}]}', "Missing CommandLine from command."),
                           ('{"Commands": [{"Kind": "docker", "CommandLine": "id"}]}', "Missing Environment from command.")):
            with self.subTest(body=body):
                answer = self.post(body)
                self.assertEqual((answer.status, answer.body.decode(), answer.headers["Content-Type"]), (500, text + "\n", TEXT))

    def test_bodies_are_read_as_go_reads_them(self):
        for body in ('{"commandline": "true", "ENVIRONMENT": {}, "x": 1} trailing', '{"CommandLine": "x", "commandLine": "true", "Environment": {}}',
                     '{"CommandLine": "true", "Environment": {"GREETING": null}}'):
            with self.subTest(body=body):
                self.assertEqual(list(self.post(body).json()), ["ID"])

    def test_a_list_is_cleaned_and_killed_as_a_whole(self):
        step = {"Kind": "bash", "CommandLine": "sleep 60", "Environment": {}}
        answer = self.post({"Commands": [step, {**step, "CommandLine": "echo never"}]})
        self.assertRegex(answer.body.decode(), r'^\{"JobID":"[0-9a-f-]{36}","CommandIDs":\["[0-9a-f-]{36}","[0-9a-f-]{36}"\]\}$')
        self.assertEqual(answer.headers["Content-Type"], TEXT)
        job_id = answer.json()["JobID"]
        self.ended(lambda: [job for job in self.jobs() if job["parent"] is not None and job["state"] == "running"])
        self.assertEqual(self.running(), [job_id])      # its steps are no jobs of their own
        cleaned = self.ask("POST", f"/{job_id}/clean", "")
        self.assertEqual((cleaned.status, cleaned.body), (200, b""))
        self.assertEqual(self.ask("GET", "/").body.decode(), '{"IDs":["%s"]}' % job_id)
        self.assertEqual(self.ask("DELETE", "/" + job_id).status, 200)
        self.ended(lambda: not self.running())
        self.assertEqual([job for job in self.jobs() if job["params"].get("command_line") == "echo never"], [])

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


CPU_TICKS_MAX = 50      # half a second of a processor, for what waits two seconds; a busy loop takes all of them
READER_MEMORY_MAX = 16 * 1024 * 1024


class Holes(Client, HoleTests):
    """The holes of jobrunner, one by one (docs/predecessors.md)."""

    options = {"environment": SECRET_ENVIRONMENT}
    commands = {**Client.commands, "brief": {"exec": ["/usr/bin/sleep", "{args...}"], "params": ARGS, "timeout": "1s"},
                "endless": {"exec": ["/usr/bin/yes", "{args...}"], "params": ARGS, "output": {"max": "100KiB"}}}
    words = {**Client.words, "example/brief": "brief", "example/endless": "endless"}

    def run_image(self, name, line):
        answer = self.post({"Commands": [{"Kind": "docker", "CommandLine": line, "Environment": {}, "Repository": "example/" + name}]})
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json()["JobID"]

    def last_of(self, command):
        return self.ended(lambda: next((job for job in self.jobs() if job["command"] == command and job["end"]), None))

    def text_of(self, line, **environment):
        return self.attached(self.start(line, **environment)).read().decode()

    def test_J6_1_nobody_runs_a_line_without_a_token_or_from_another_site(self):
        """J.6.1: any caller ran any line as the server's user, from anywhere."""
        self.assert_nobody_gets_in("POST", "/", '{"CommandLine": "id", "Environment": {}}')
        look = "python3 -c '" + LOOK.replace("'", '"') + f"' {self.instance.part('keeper').pid} {self.instance.port}"
        self.assert_confined(self.text_of(look))

    def test_J6_2_little_output_is_delivered_at_once(self):
        """J.6.2: less than 2 kB waited for more."""
        job_id = self.start("echo little; read never < <(sleep 60)")
        self.assertEqual(self.attached(job_id).readline(), b"little\n")
        self.assertIn(job_id, self.running())
        self.ask("DELETE", "/" + job_id)

    def test_J6_3_a_stream_ends_with_its_last_chunk(self):
        """J.6.3: at a job's end the stream was broken off, and what was little was lost."""
        with socket.create_connection(("127.0.0.1", self.port), 60) as connection:
            connection.sendall(f"GET /{self.start('echo last; sleep 0.3')}/attach HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            with connection.makefile("rb") as stream:
                body = stream.read().partition(b"\r\n\r\n")[2]
        self.assertIn(b"last\n", body)
        self.assertTrue(body.endswith(b"0\r\n\r\n"), body)

    def test_J6_4_readers_and_ended_jobs_cost_no_processor(self):
        """J.6.4: each reader, and each job that had ended, took a whole core."""
        for _ in range(3):
            self.text_of("true")
        parts = [self.instance.part(name) for name in ("front", "keeper")]
        job_id = self.start("sleep 2")
        readers = [self.attached(job_id) for _ in range(3)]
        before = [part.cpu_ticks() for part in parts]
        for reader in readers:
            self.assertEqual(reader.read(), b"")
        for part, ticks in zip(parts, before):
            self.assertLess(part.cpu_ticks() - ticks, CPU_TICKS_MAX, part)

    def test_J6_5_a_reader_that_does_not_read_costs_no_memory(self):
        """J.6.5: 50 MB of output, which nobody took, were 170 MB of memory."""
        front = self.instance.part("front")
        self.text_of("head -c 1000000 /dev/zero")           # what a stream needs is there
        job_id = self.start("read -t 1 never < <(sleep 60); head -c 50000000 /dev/zero")
        before = front.resident_bytes()
        reader = self.attached(job_id)
        self.ended(lambda: job_id not in self.running())
        self.assertLess(front.resident_bytes() - before, READER_MEMORY_MAX)
        self.assertEqual(len(reader.read()), 50_000_000)

    def test_J6_6_earlier_output_is_there_and_an_exit_code_is_told(self):
        """J.6.6: output before the attach was lost, ended jobs vanished, exit codes were never told."""
        job_id = self.start("echo before; exit 7")
        self.ended(lambda: job_id not in self.running())
        self.assertEqual(self.attached(job_id).read(), b"before\n")
        self.assertEqual(self.last_of("shell")["end"]["exit_code"], 7)

    def test_J6_7_a_kill_reaches_all_that_a_line_has_started(self):
        """J.6.7: the shell's children lived on and held the pipe."""
        job_id = self.start("(setsid sleep 61 &) ; nohup sleep 62 >/dev/null 2>&1 & echo up; wait")
        answer = self.attached(job_id)
        self.assertEqual(answer.readline(), b"up\n")
        self.assertEqual(self.ask("DELETE", "/" + job_id).status, 200)
        self.assertEqual(answer.read(), b"")
        self.ended(lambda: job_id not in self.running())
        self.assertEqual([process for process in self.instance.processes() if process.name() == "sleep"], [])

    def test_J6_8_what_cannot_be_started_is_refused_and_a_kill_never_hangs(self):
        """J.6.8: a line with a NUL stayed in the list for ever, and its DELETE hung."""
        before = len(self.jobs())
        self.assertIn(self.post({"CommandLine": "echo a\0b", "Environment": {}}).status, (400, 422, 500))
        self.assertEqual(len(self.jobs()), before)
        for _ in range(5):
            job_id = self.start("exit")
            self.assertEqual([self.ask("DELETE", "/" + job_id, timeout=20).status for _ in range(3)], [200] * 3)
            self.ended(lambda job_id=job_id: job_id not in self.running())

    def test_J6_9_no_inner_page_is_served_and_no_text_is_sent_back(self):
        """J.6.9: /debug/vars told the command line, addresses and memory; GET /:ID sent back any string."""
        for path in ("/debug/vars", "/debug/pprof/", f"/{UNKNOWN}", "/anything", "/%3Cscript%3E"):
            with self.subTest(path=path):
                answer = self.ask("GET", path)
                self.assertEqual((answer.status, answer.body), (404, b"404 page not found\n"))

    def test_J6_10_no_directory_and_no_option_leads_out(self):
        """J.6.10: WorkingDir `../x` left the base, and clean removed it; docker took options for images; DELETE right after POST failed."""
        before = len(self.jobs())
        for directory in ("../x", "/etc", "a/../../x"):
            command = {"Kind": "bash", "CommandLine": "pwd", "Environment": {}, "WorkingDir": directory}
            self.assertIn(self.post({"Commands": [command]}).status, (400, 422, 500), directory)
        for image in ("-v /:/data alpine", "--privileged", "alpine --net=host", "../box", ""):
            command = {"Kind": "docker", "CommandLine": "id", "Environment": {}, "Repository": image}
            self.assertEqual(self.post({"Commands": [command]}).status, 500, image)
        self.assertEqual(len(self.jobs()), before)
        line = self.post({"Commands": [{"Kind": "bash", "CommandLine": "sleep 60", "Environment": {}}]}).json()["JobID"]
        self.assertEqual(self.ask("DELETE", "/" + line).status, 200)
        self.ended(lambda: line not in self.running())
        self.assertEqual(self.ask("POST", f"/{line}/clean", "").status, 200)

    def test_J6_11_nothing_is_a_format_and_no_browser_guesses_a_type(self):
        """J.6.11: a `%` in a text corrupted it; JSON went out as text, which a browser could take for a page."""
        self.assertEqual(self.text_of("echo '100% %s %d %n'"), "100% %s %d %n\n")
        answer = self.post({"Commands": [{"Kind": "%s%n%d"}]})
        self.assertEqual(answer.body, b"Missing invalid kind of command: %s%n%d\n")
        for answer in (answer, self.ask("GET", "/")):
            self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")

    def test_J6_12_time_output_and_bodies_have_limits(self):
        """J.6.12: there was no limit of anything."""
        self.run_image("brief", "60")
        self.assertEqual(self.last_of("brief")["state"], "timed_out")
        self.run_image("endless", "y")
        job = self.last_of("endless")
        self.assertLessEqual(job["output"]["bytes"], 100 * 1024)
        self.assert_bodies_are_bounded("POST", "/")


class WorkingDirectory(Client):
    words = {"bash": "shell"}
    commands = {"shell": {"exec": ["/bin/bash", "-c", 'cd "$0" && eval "$1"', "{working_dir}", "{command_line}"],
                          "params": {"command_line": {"type": "string", "required": True},
                                     "working_dir": {"type": "enum", "values": ["/usr", "/usr/share"], "default": "/usr"}}}}

    def test_a_command_runs_where_its_caller_says_of_the_places_that_are_listed(self):
        command = {"Kind": "bash", "CommandLine": "pwd", "Environment": {}}
        answer = self.post({"WorkingDir": "/usr/share", "Commands": [command, {**command, "WorkingDir": "/usr"}]})
        self.assertEqual(answer.status, 200, answer.body)
        self.ended(lambda: answer.json()["JobID"] not in self.running())
        steps = [job for job in reversed(self.jobs()) if job["parent"] is not None]
        self.assertEqual([self.instance.request("GET", job["output"]["url"]).body for job in steps], [b"/usr/share\n", b"/usr\n"])
        before = len(self.jobs())
        self.assertIn(self.post({"WorkingDir": "/etc", "Commands": [command]}).status, (400, 422, 500))
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
