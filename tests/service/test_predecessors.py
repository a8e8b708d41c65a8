"""All predecessors at the root of one server, beside the API, and what a listed origin may not do without a token."""

import unittest

import harness
from harness import Instance, ServiceTest, free_port

ARGS = {"args": {"type": "list", "of": {"type": "string"}, "default": []}}
COMMANDS = {
    "shell": {"exec": ["/bin/bash", "-c", "{command_line}"], "params": {"command_line": {"type": "string", "required": True}}},
    "echo": {"exec": ["/usr/bin/echo", "{args...}"], "params": ARGS},
    "function": {"exec": ["/bin/bash", "-c", 'cat "$CONTEXT_PATH/request.json" >"$CONTEXT_PATH/response.json"'], "context": True,
                 "params": {"request": {"type": "file", "required": True}}},
    "own": {"exec": ["/usr/bin/echo", "own"], "route": {"path": "/own"}},
    "script": {"exec": ["/usr/bin/echo", "{script}"], "params": {"script": {"type": "enum", "values": ["a.sh"], "required": True}}},
}
ROOT = {"gort": {"prefix": "/", "commands": {"bash": "script"}}, "jobrunner": {"prefix": "/", "commands": {"bash": "shell"}},
        "http-runner": {"prefix": "/", "commands": {"echo": "echo"}}, "go-tasky": {"prefix": "/", "commands": {"echo": "echo"}},
        "go-serverless": {"prefix": "/", "commands": {"acme/hello:1": "function"}}}


class AtOneRoot(ServiceTest):
    commands = COMMANDS

    @classmethod
    def setUpClass(cls):
        cls.instance = Instance(dict(COMMANDS))
        cls.instance.config["predecessors"] = ROOT
        cls.instance.__enter__()

    def test_each_client_reaches_its_own(self):
        ask = self.instance.request
        self.assertEqual(ask("GET", "/v1/health").body, b"OK")
        self.assertEqual(ask("GET", "/v1/list-dist").body, b"a.sh\n")
        self.assertEqual(ask("POST", "/v1/start", {"executor": "bash", "script": "a.sh"}).status, 200)
        self.assertEqual(list(ask("POST", "/", {"CommandLine": "true", "Environment": {}}).json()), ["ID"])
        self.assertEqual(list(ask("POST", "/", {"Commands": [{"Kind": "bash", "CommandLine": "true", "Environment": {}}]}).json()),
                         ["JobID", "CommandIDs"])
        created = ask("POST", "/", {"command": "echo", "args": "x"})
        self.assertEqual((created.status, created.json()["command"]), (202, "echo"))
        self.assertEqual(ask("GET", "/" + created.json()["id"]).status, 200)
        self.assertEqual(list(ask("GET", "/").json()), ["IDs"])
        self.assertEqual(list(ask("POST", "/tasky/v1/workers/echo", b"").json()), ["TaskId"])
        self.assertEqual(list(ask("GET", "/tasky/v1/tasks/").json()), ["Tasks"])

    def test_functions_of_both_kinds_are_called_below_r_and_the_api_s_own_come_first(self):
        ask = self.instance.request
        made = ask("POST", "/v1/functions", {"image": "acme/hello:1"}).json()["data"]["id"]
        for path in ("/theirs", "/own"):
            self.assertEqual(ask("POST", "/v1/routes", {"path": path, "function_id": made}).status, 200)
        self.assertEqual(len(ask("GET", "/v1/routes").json()["data"]), 2)
        self.assertEqual(ask("POST", "/r/theirs", b"{}").body, b"{}")
        self.assertEqual(ask("POST", "/r/own").body, b"own\n")
        self.assertEqual(ask("POST", "/r/nothing", b"").json(), {"success": False, "message": "there is no such route", "data": None})
        self.assertEqual(ask("GET", "/r/attach").status, 405)
        for path in ("/r/theirs", "/r/own", "/r/nothing", "/v1/functions"):
            self.assertEqual(ask("POST", path, b"{}", token=None).status, 401)

    def test_the_api_s_own_paths_come_first(self):
        for path, status in (("/v1/jobs", 200), ("/v1/whoami", 200), ("/healthz", 200), ("/v1/commands/echo", 200), ("/v1/jobs/nothing", 404)):
            with self.subTest(path=path):
                self.assertEqual(self.instance.request("GET", path).status, status)

    def test_strangers_learn_nothing_of_what_is_mounted(self):
        bodies = set()
        for method, path in (("GET", "/v1/health"), ("GET", "/v1/nothing"), ("POST", "/"), ("GET", "/"), ("GET", "/tasky/v1/tasks/"), ("GET", "/tasky/v1/x")):
            answer = self.instance.request(method, path, b"{}" if method == "POST" else None, token=None)
            document = {name: value for name, value in answer.json().items() if name not in ("instance", "request_id")}
            bodies.add((answer.status, answer.headers["Content-Type"], str(document)))
        self.assertEqual(len(bodies), 1, bodies)


class ListedOrigin(unittest.TestCase):
    def test_a_listed_origin_s_page_does_nothing_where_nobody_shows_a_token(self):
        harness.needs_program(self, "sallyportd")
        origin, port = "https://dash.example.org", free_port()
        instance = Instance(dict(COMMANDS), server={"origins": [origin]})
        instance.config["predecessors"] = {"http-runner": {"listen": f"127.0.0.1:{port}", "commands": {"echo": "echo"}}}
        instance.config["peers"] = {"old": {"predecessor": "http-runner", "allow": ["run:echo"]}}
        with instance:
            api, instance.port = instance.port, port
            refused = instance.request("POST", "/", {"command": "echo", "args": ""}, headers={"Origin": origin}, token=None)
            self.assertEqual(refused.status, 403)
            self.assertNotIn("Access-Control-Allow-Origin", refused.headers)
            own = instance.request("POST", "/", {"command": "echo", "args": ""}, headers={"Origin": f"http://127.0.0.1:{port}"}, token=None)
            self.assertEqual(own.status, 202)
            instance.port = api


if __name__ == "__main__":
    unittest.main()
