"""The examples that predecessors' READMEs have, run by curl as they are printed there: with an Authorization header below a path
of the API's listeners, and without one on a predecessor's own listener."""

import json
import os
import shutil
import subprocess
import unittest

import harness
from predecessors import ALLOW, PredecessorCase

STARTED = "The function will be executed in the background. Refer to container logs to see the output"
ARGS = {"args": {"type": "list", "of": {"type": "string"}, "default": []}}


class Readme(PredecessorCase):
    def places(self):
        """Where the examples are run: what stands before their paths, and what curl is told beside them."""
        return ((self.instance.url + self.prefix, ["-H", "Authorization: Bearer " + self.instance.token]),
                (f"http://127.0.0.1:{self.port}", []))

    def setUp(self):
        self.assertIsNotNone(shutil.which("curl"), "curl is not installed")

    def curl(self, place, *arguments, path):
        """What it prints, and the status."""
        url, more = place
        done = subprocess.run(["curl", "--silent", "--show-error", "--max-time", "30", "--write-out", "\n%{http_code}", *more, *arguments, url + path],
                              capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        body, _, status = done.stdout.rpartition("\n")
        return body, int(status)

    def examples(self):
        """Each example twice; the second time nobody shows a token."""
        for place in self.places():
            with self.subTest(place=place[0]):
                yield place


class Gort(Readme):
    name, words = "gort", {"node": "run-node"}

    @classmethod
    def setUpClass(cls):
        cls.scripts = harness.make_directory("scripts")
        cls.addClassCleanup(shutil.rmtree, cls.scripts, True)
        os.chmod(cls.scripts, 0o755)
        with open(os.path.join(cls.scripts, "example.js"), "w", encoding="utf-8") as file:
            file.write("echo url is $URL\n")
        os.chmod(file.name, 0o644)
        cls.commands = {"run-node": {
            "exec": ["/bin/sh", cls.scripts + "/{script}"], "sandbox": {"read": [cls.scripts]}, "env": {"URL": "{URL}"},
            "params": {"script": {"type": "enum", "values_from": cls.scripts, "required": True},
                       "URL": {"type": "string", "pattern": "[a-z0-9:/.]*", "default": ""}}}}
        super().setUpClass()

    def test_the_examples_of_gort(self):
        for place in self.examples():
            self.assertEqual(self.curl(place, path="/v1/health"), ("OK", 200))
            self.assertEqual(self.curl(place, path="/v1/list-dist"), ("example.js\n", 200))
            body = '{"executor": "node", "script": "example.js", "env_vars": ["URL=https://example.com"]}'
            answer = self.curl(place, "-X", "POST", "-H", "Content-Type: application/json", "-d", body, path="/v1/start")
            self.assertEqual(answer, (STARTED, 200))
            job = self.ended(lambda: (lambda job: job if job["end"] else None)(self.jobs()[0]))
            self.assertEqual(self.instance.request("GET", job["output"]["url"]).body, b"url is https://example.com\n")


class Jobrunner(Readme):
    name, words = "jobrunner", {"bash": "shell"}
    commands = {"shell": {"exec": ["/bin/bash", "-c", "{command_line}"], "env": {"FOO": "{FOO}"},
                          "params": {"command_line": {"type": "string", "required": True}, "FOO": {"type": "string", "pattern": "[a-z]*", "default": ""}}}}

    def test_the_examples_of_jobrunner(self):
        for place in self.examples():
            line = "while true; do echo $FOO; sleep 0.1; done"
            body, status = self.curl(place, "-d", json.dumps({"CommandLine": line, "Environment": {"FOO": "bar"}}), path="/")
            self.assertEqual((status, list(json.loads(body))), (200, ["ID"]))
            job_id = json.loads(body)["ID"]
            body, status = self.curl(place, path="/")
            self.assertEqual((json.loads(body), status), ({"IDs": [job_id]}, 200))
            self.assertEqual(self.curl(place, "-X", "DELETE", path="/" + job_id), ("", 200))
            self.ended(lambda place=place: self.curl(place, path="/") == ('{"IDs":null}', 200))
            body, status = self.curl(place, "-N", path=f"/{job_id}/attach")
            self.assertEqual((set(body.split("\n")) - {""}, status), ({"bar"}, 200))


class GoServerless(Readme):
    name, words = "go-serverless", {"xprnio/hello-world": "hello"}
    allow = [*ALLOW, "admin:functions"]
    commands = {"hello": {"exec": ["/bin/sh", "-c", 'cat "$CONTEXT_PATH/request.json" >"$CONTEXT_PATH/response.json"'], "context": True,
                          "params": {"request": {"type": "file", "required": True}}}}

    def test_the_examples_of_go_serverless(self):
        json_type = ("-H", "Content-Type: application/json")
        for number, place in enumerate(self.examples()):
            path = f"/hello{number}"
            body, status = self.curl(place, "-X", "POST", *json_type, "-d", '{"image": "xprnio/hello-world"}', path="/v1/functions")
            made = json.loads(body)["data"]
            self.assertEqual((status, made["image"]), (201, "xprnio/hello-world"))
            body, status = self.curl(place, path="/v1/functions")
            self.assertEqual((status, json.loads(body)["data"][-1]["id"]), (200, made["id"]))
            route = json.dumps({"path": path, "function_id": made["id"]})
            body, status = self.curl(place, "-X", "POST", *json_type, "-d", route, path="/v1/routes")
            self.assertEqual((status, json.loads(body)["data"]["function"]["id"]), (200, made["id"]))
            body, status = self.curl(place, path="/v1/routes")
            self.assertEqual((status, json.loads(body)["data"][-1]["path"]), (200, path))
            answer = self.curl(place, "-X", "POST", *json_type, "-d", '{"message": "Hello"}', path="/r" + path)
            self.assertEqual(answer, ('{"message": "Hello"}', 200))


class HttpRunner(Readme):
    name, words = "http-runner", {"ls": "list-files", "/bin/ls": "list-files"}
    commands = {"list-files": {"exec": ["/usr/bin/ls", "{args...}"],
                               "params": {"args": {"type": "list", "of": {"type": "string", "allow_dash": True, "pattern": "-?[a-z/]*"}, "default": []}}}}

    def test_the_examples_of_http_runner(self):
        for place in self.examples():
            body, status = self.curl(place, "-X", "POST", "-H", "Content-Type: application/json", "-d", '{"command": "ls", "args": "-d /usr"}', path="/")
            job = json.loads(body)
            self.assertEqual((status, job["command"], job["arguments"], job["code"]), (202, "ls", ["-d", "/usr"], None))
            read = lambda place=place, job=job: json.loads(self.curl(place, path="/" + job["id"])[0])
            job = self.ended(lambda: (lambda job: job if "err" in job else None)(read()))
            self.assertEqual((job["stdout"], job["stderr"], job["code"], job["err"]), ("/usr\n", "", 0, None))
            body, status = self.curl(place, "-d", '{"command": "rm", "args": "-rf /"}', path="/")
            self.assertEqual((json.loads(body), status), ({"message": "Bad Request", "error": "Specified command is not in whitelist."}, 400))
            self.assertEqual(self.curl(place, path="/" + "0" * 40), ('{"message":"Not Found"}', 404))


class GoTasky(Readme):
    name = "go-tasky"
    words = {"copyfile": "copyfile", "sleeper": "sleeper"}
    commands = {
        "copyfile": {"exec": ["/usr/bin/printf", "%s", "Filed copied successfully.", "{source}", "{destination}"],
                     "params": {"source": {"type": "string", "required": True}, "destination": {"type": "string", "required": True}},
                     "description": "CopyFile will copy a file on the server. You must specify the Source and Destination"},
        "sleeper": {"exec": ["/usr/bin/sleep", "60"], "timeout": "90s", "description": "Sleeps for a minute. This is to showcase long running tasks."},
    }

    def test_the_examples_of_go_tasky(self):
        for place in self.examples():
            body, status = self.curl(place, path="/tasky/v1/workers/")
            self.assertEqual((status, sorted(worker["name"] for worker in json.loads(body))), (200, ["copyfile", "sleeper"]))
            copied = self.create(place, "copyfile", '{"source": "/tmp/a", "destination": "/tmp/b"}')
            self.until(place, copied, "Completed")
            body, status = self.curl(place, path=f"/tasky/v1/tasks/{copied}/result")
            self.assertEqual((status, json.loads(body)["TaskId"]), (200, copied))
            self.assertTrue(json.loads(body)["Output"]["string_output"].startswith("Filed copied successfully."))
            slept = self.create(place, "sleeper", "")
            self.until(place, slept, "Running")
            body, status = self.curl(place, path="/tasky/v1/tasks/")
            self.assertEqual([task["TaskId"] for task in json.loads(body)["Tasks"]][:2], [slept, copied])
            self.assertEqual(self.curl(place, "-X", "POST", path=f"/tasky/v1/tasks/{slept}/cancel"), ("", 200))
            self.until(place, slept, "Canceled")

    def create(self, place, worker, body):
        answer, status = self.curl(place, "-X", "POST", "-d", body, path="/tasky/v1/workers/" + worker)
        self.assertEqual(status, 200, answer)
        return json.loads(answer)["TaskId"]

    def until(self, place, task_id, state):
        return self.ended(lambda: json.loads(self.curl(place, path=f"/tasky/v1/tasks/{task_id}/status")[0])["Status"] == state)


if __name__ == "__main__":
    unittest.main()
