"""Clients of go-serverless: functions and routes that they make, list, delete and call, and each hole of theirs closed."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import unittest

import harness
from harness import Instance, wait_until
from images import Store, busybox_layout
from predecessors import ALLOW, PredecessorCase, SharedTests

JSON = "application/json; charset=UTF-8"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
RESPONSE = '"$CONTEXT_PATH/response.json"'
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def function(script, params=None, **more):
    script = script.replace("{", "{{").replace("}", "}}")   # they are no placeholders
    return {"exec": ["/bin/bash", "-c", script], "context": True, "params": {"request": {"type": "file", "required": True}, **(params or {})}, **more}


SHOW = f"""cd "$CONTEXT_PATH"; {{ echo "$REQUEST_ID"; echo "$CONTEXT_PATH"; ls; cat request.json; echo; cat response.json; ls -d /tmp/*; env | sort; }} >/tmp/seen
cat /tmp/seen >{RESPONSE}; echo to the log; echo to errors >&2"""
COMMANDS = {
    "echo": function(f'cat "$CONTEXT_PATH/request.json" >{RESPONSE}'),
    "show": function(SHOW),
    "greet": function(f'printf %s "$GREETING" >{RESPONSE}', {"GREETING": {"type": "string", "pattern": "[a-z =]*", "default": "nobody"},
                                                            "TOKEN": {"type": "secret"}}, env={"GREETING": "{GREETING}"}),
    "silent": function("true"),
    "fails": function("exit 3"),
    "says-and-fails": function(f"""printf '{{"success":false,"message":"missing message"}}' >{RESPONSE}; exit 1"""),
    "link": function(f"rm {RESPONSE}; ln -s /etc/passwd {RESPONSE}"),
    "pipe": function(f"rm {RESPONSE}; mkfifo {RESPONSE}"),
    "gone": function(f"rm {RESPONSE}"),
    "large": function(f"head -c 20000 /dev/zero >{RESPONSE}", artifacts_max="16KiB"),
    "noisy": function(f"head -c 200000 /dev/zero | tr '\\0' x; printf '{{\"n\":1}}' >{RESPONSE}"),
    "slow": function("sleep 30", timeout="1s"),
    "leaves": function("sleep 60", on_disconnect="cancel"),
    "hidden": function("true"),
}
WORDS = {f"acme/{name}:1": name for name in COMMANDS}


class GoServerless(SharedTests, PredecessorCase):
    name = "go-serverless"
    commands, words = COMMANDS, WORDS
    allow = [scope for name in COMMANDS if name != "hidden" for scope in [f"run:{name}"]] + ["read:own", "cancel:own", "admin:functions"]
    routes = [("GET", "/v1/functions"), ("POST", "/v1/functions"), ("POST", f"/v1/functions/{UNKNOWN}/pull"), ("GET", "/v1/functions/x"),
              ("DELETE", f"/v1/functions/{UNKNOWN}"), ("GET", "/v1/routes"), ("POST", "/v1/routes"), ("GET", f"/v1/routes/{UNKNOWN}"),
              ("DELETE", f"/v1/routes/{UNKNOWN}"), ("POST", "/r/x"), ("GET", "/r/x"), ("POST", "/r"), ("PUT", "/v1/functions"), ("GET", "/nothing")]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.made = 0

    def data(self, answer, status=200):
        self.assertEqual((answer.status, answer.headers["Content-Type"], answer.body[-1:]), (status, JSON, b"\n"), answer.body)
        document = json.loads(answer.body)
        self.assertEqual(list(document), ["success", "message", "data"])
        self.assertEqual((document["success"], document["message"]), (True, "success"))
        return document["data"]

    def failed(self, answer, status, message):
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (status, JSON), answer.body)
        document = json.loads(answer.body)
        self.assertEqual(list(document), ["success", "message", "data"])
        self.assertEqual((document["success"], document["data"]), (False, None))
        self.assertRegex(document["message"], message)

    def create(self, image, environment=None, **more):
        body = {"image": image, **({"environment": environment} if environment is not None else {}), **more}
        return self.ask("POST", "/v1/functions", json.dumps(body))

    def route(self, path, function_id):
        return self.ask("POST", "/v1/routes", json.dumps({"path": path, "function_id": function_id}))

    def serve(self, name, environment=None):
        """A function of this command and a route to it; the path."""
        path = f"/{name}-{type(self).__name__}-{self.next()}"
        made = self.data(self.create(f"acme/{name}:1", environment), 201)
        self.data(self.route(path, made["id"]))
        return path

    @classmethod
    def next(cls):
        cls.made += 1
        return cls.made

    def call(self, path, body=b"", **more):
        return self.ask("POST", "/r" + path, body, **more)

    def answered(self, answer, body, status=200):
        self.assertEqual((answer.status, answer.headers["Content-Type"], answer.body), (status, JSON, body))

    # --- functions and routes

    def test_a_function_is_created_and_shown_with_its_keys_in_their_order(self):
        made = self.data(self.create("acme/echo:1"), 201)
        self.assertEqual(list(made), ["id", "image", "environment"])
        self.assertRegex(made["id"], UUID)
        self.assertEqual((made["image"], made["environment"]), ("acme/echo:1", None))
        listed = self.data(self.ask("GET", "/v1/functions"))
        self.assertEqual(listed[-1], {**made, "environment": {}})   # null in the answer to its making alone

    def test_an_environment_is_shown_sorted(self):
        made = self.data(self.create("acme/greet:1", {"GREETING": "a = b"}), 201)
        self.assertEqual(made["environment"], {"GREETING": "a = b"})
        self.assertEqual(self.data(self.create("acme/greet:1", {}), 201)["environment"], {})
        self.assertEqual(self.data(self.create("acme/greet:1", {"GREETING": None}), 201)["environment"], {"GREETING": ""})

    def test_a_route_is_created_read_and_listed_with_its_function(self):
        made = self.data(self.create("acme/echo:1"), 201)
        route = self.data(self.route("/a/route é", made["id"]))
        self.assertEqual((list(route), route["path"]), (["id", "path", "function"], "/a/route é"))
        self.assertRegex(route["id"], UUID)
        self.assertEqual(route["function"], {**made, "environment": {}})
        self.assertEqual(self.data(self.ask("GET", "/v1/routes/" + route["id"])), route)
        self.assertEqual(self.data(self.ask("GET", "/v1/routes"))[-1], route)

    def test_lists_are_in_the_order_of_creation_over_many_pages(self):
        before = len(self.data(self.ask("GET", "/v1/functions")))
        ids = [self.data(self.create("acme/silent:1"), 201)["id"] for _ in range(70)]
        paths = [f"/many/{number}" for number in range(70)]
        for path in paths:
            self.data(self.route(path, ids[0]))
        self.assertEqual([item["id"] for item in self.data(self.ask("GET", "/v1/functions"))][before:], ids)
        self.assertEqual([item["path"] for item in self.data(self.ask("GET", "/v1/routes"))][-70:], paths)

    def test_ids_are_taken_in_every_form(self):
        path = self.serve("echo")
        route = self.data(self.ask("GET", "/v1/routes"))[-1]
        self.assertEqual(route["path"], path)
        uuid = route["id"]
        for form in (uuid, uuid.upper(), "urn:uuid:" + uuid, "%7B" + uuid + "%7D", uuid.replace("-", "")):
            with self.subTest(form=form):
                self.assertEqual(self.data(self.ask("GET", "/v1/routes/" + form)), route)
        for form, text in (("abc", "^invalid UUID length: 3$"), ("x" * 36, "^invalid UUID format$"), ("x" * 60, "^invalid UUID length: 60$"),
                           ("z" * 32, "^invalid UUID format$"), (uuid[:-1], "^invalid UUID length: 35$")):
            for method, where in (("GET", "/v1/routes/%s"), ("POST", "/v1/functions/%s/pull"), ("DELETE", "/v1/functions/%s"), ("DELETE", "/v1/routes/%s")):
                with self.subTest(form=form, where=where):
                    self.failed(self.ask(method, where % form), 400, text)

    def test_a_pull_answers_with_the_function(self):
        made = self.data(self.create("acme/echo:1"), 201)
        self.assertEqual(self.data(self.ask("POST", f"/v1/functions/{made['id']}/pull")), {**made, "environment": {}})

    def test_a_function_is_deleted_when_no_route_leads_to_it(self):
        made = self.data(self.create("acme/echo:1"), 201)
        route = self.data(self.route("/to-be-deleted", made["id"]))
        self.failed(self.ask("DELETE", "/v1/functions/" + made["id"]), 409, "a route leads to this function")
        self.assertEqual(self.data(self.ask("DELETE", "/v1/routes/" + route["id"])), route)
        self.failed(self.call("/to-be-deleted"), 404, "there is no such route")
        self.failed(self.ask("DELETE", "/v1/routes/" + route["id"]), 404, "there is no such route")
        self.assertEqual(self.data(self.ask("DELETE", "/v1/functions/" + made["id"])), {**made, "environment": {}})
        self.assertNotIn(made["id"], [item["id"] for item in self.data(self.ask("GET", "/v1/functions"))])
        self.data(self.route("/to-be-deleted", self.data(self.create("acme/echo:1"), 201)["id"]))

    def test_bodies_are_read_as_go_reads_them(self):
        for body in ('{"Image": "acme/echo:1", "x": 1} trailing', '{"image": "x", "IMAGE": "acme/echo:1", "environment": null}'):
            with self.subTest(body=body):
                self.assertIsNone(self.data(self.ask("POST", "/v1/functions", body), 201)["environment"])
        made = self.data(self.create("acme/echo:1"), 201)["id"]
        for number, form in enumerate((made.upper(), "urn:uuid:" + made, "{" + made + "}", made.replace("-", ""))):
            self.assertEqual(self.data(self.route(f"/form/{number}", form))["function"]["id"], made)
        self.data(self.ask("POST", "/v1/routes", f'{{"PATH": "/any-case", "Function_ID": "{made}", "x": 1}} trailing'))
        self.failed(self.ask("POST", "/v1/routes", '{"path": "/x", "function_id": "abc"}'), 400, "^invalid UUID length: 3$")
        self.failed(self.ask("POST", "/v1/functions", " \n"), 400, "^EOF$")

    def test_errors_of_creation(self):
        for body, text in (("", "^EOF$"), ("{", "no JSON"), ("[]", "no JSON"), ('{"image": 1}', "'image' must be a string"), ("null", "^invalid reference format$"),
                           ("{}", "^invalid reference format$"), ('{"image": "Acme/Echo"}', "^invalid reference format$"),
                           ('{"image": "acme/echo:1", "environment": []}', "object of strings"),
                           ('{"image": "acme/echo:1", "environment": {"A": 1}}', "object of strings"),
                           ('{"image": "' + "a" * 400 + '"}', "not listed"), ('{"image": "acme/echo"}', "'docker.io/acme/echo:latest' is not listed")):
            with self.subTest(body=body):
                self.failed(self.ask("POST", "/v1/functions", body), 400, text)
        made = self.data(self.create("acme/echo:1"), 201)["id"]
        self.data(self.route("/taken", made))
        for body, text in (("", "^EOF$"), ('{"path": 1}', "'path' must be a string"), ('{"path": "/x"}', "^invalid UUID length: 0$"),
                           (f'{{"path": "/taken", "function_id": "{made}"}}', "the path is taken"),
                           (f'{{"path": "", "function_id": "{made}"}}', "can never be called"), (f'{{"path": "x", "function_id": "{made}"}}', "can never be called"),
                           (f'{{"path": "/{"x" * 600}", "function_id": "{made}"}}', "511 bytes"),
                           (f'{{"path": "/a\\nb", "function_id": "{made}"}}', "control characters"), (f'{{"path": "/a/../b", "function_id": "{made}"}}', "never be called")):
            with self.subTest(body=body):
                self.failed(self.ask("POST", "/v1/routes", body), 400, text)

    def test_what_is_not_there_and_what_does_not_fit_is_told_in_its_framework_s_words(self):
        for method, path in (("GET", "/"), ("GET", "/v1"), ("GET", "/v1/functions/" + UNKNOWN), ("POST", "/r"), ("GET", "/v1/functions/x/pull/y"),
                             ("PUT", "/v1/functions/" + UNKNOWN), ("POST", "/v1/functions/" + UNKNOWN)):
            with self.subTest(method=method, path=path):
                answer = self.ask(method, path)
                self.assertEqual((answer.status, answer.body, answer.headers["Content-Type"]), (404, b'{"message":"Not Found"}\n', JSON))
        for method, path, allow in (("PUT", "/v1/functions", "OPTIONS, GET, POST"), ("HEAD", "/v1/routes", "OPTIONS, GET, POST"),
                                    ("GET", "/r/x", "OPTIONS, POST"), ("GET", f"/v1/functions/{UNKNOWN}/pull", "OPTIONS, POST")):
            with self.subTest(method=method, path=path):
                answer = self.ask(method, path)
                self.assertEqual((answer.status, answer.headers["Allow"]), (405, allow))
                if method != "HEAD":
                    self.assertEqual(answer.body, b'{"message":"Method Not Allowed"}\n')

    # --- calls

    def test_a_response_comes_back_byte_for_byte(self):
        path = self.serve("echo")
        for body in (b'{"message": "hi"}', b"", b"no JSON \x00\xff", b"x" * 200000):
            with self.subTest(size=len(body)):
                self.answered(self.call(path, body), body)

    def test_a_path_is_compared_exactly_and_a_query_means_nothing(self):
        made = self.data(self.create("acme/echo:1"), 201)["id"]
        for path in ("/", "/exact", "/exact/", "/exact/er", "/exact ü"):
            self.data(self.route(path, made))
        for path in ("/", "/exact", "/exact/", "/exact/er", "/exact%20%C3%BC", "/exact?x=1", "/?x"):
            with self.subTest(path=path):
                self.answered(self.call(path, b"1"), b"1")
        for path in ("/Exact", "/exact/er/", "/exac", "/x" + "y" * 600):
            with self.subTest(path=path):
                self.failed(self.call(path, b"1"), 404, "there is no such route")

    def test_a_function_finds_its_request_in_a_directory_of_its_own(self):
        seen = self.call(self.serve("show"), b'{"n": 1}').body.decode().splitlines()
        self.assertRegex(seen[0], r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
        self.assertEqual(seen[1:6], ["/tmp/" + seen[0], "request.json", "response.json", '{"n": 1}', "{}/tmp/" + seen[0]])
        self.assertIn("REQUEST_ID=" + seen[0], seen)
        job = self.jobs()[0]
        self.assertEqual((job["command"], job["labels"]), ("show", {"called": "acme/show:1", "predecessor": "go-serverless"}))
        output = self.instance.request("GET", job["output"]["url"]).body.decode()   # what a function logs
        self.assertEqual(sorted(output.splitlines()), ["to errors", "to the log"])

    def test_what_writes_no_response_has_answered_with_an_empty_object(self):
        self.answered(self.call(self.serve("silent"), b"{}"), b"{}")

    def test_the_environment_of_a_function_reaches_it(self):
        self.answered(self.call(self.serve("greet", {"GREETING": "dear friend"})), b"dear friend")
        self.answered(self.call(self.serve("greet")), b"nobody")

    # --- the holes, by their numbers in the list of what is not to be reproduced

    def test_S5_1_who_may_call_may_not_make_and_images_are_those_of_the_list(self):
        path = self.serve("echo")
        poor = "poor" * 10      # knows nothing and may run nothing
        for method, where, body in (("POST", "/v1/functions", '{"image": "acme/echo:1"}'), ("DELETE", "/v1/functions/" + UNKNOWN, None),
                                    ("POST", "/v1/routes", f'{{"path": "/p", "function_id": "{UNKNOWN}"}}'), ("DELETE", "/v1/routes/" + UNKNOWN, None)):
            with self.subTest(method=method, where=where):
                self.failed(self.ask(method, where, body, token=poor), 403, "admin:functions")
        self.assertEqual(self.data(self.ask("GET", "/v1/functions", token=poor)), [])
        self.assertEqual(self.data(self.ask("GET", "/v1/routes", token=poor)), [])
        self.failed(self.call(path, token=poor), 404, "there is no such route")
        self.failed(self.create("acme/hidden:1"), 400, "not listed")   # a command that this caller may not see
        self.failed(self.create("alpine"), 400, "'docker.io/library/alpine:latest' is not listed")

    def test_S5_2_an_id_of_the_client_s_overwrites_nothing(self):
        first = self.data(self.create("acme/greet:1", {"GREETING": "first"}), 201)
        second = self.data(self.create("acme/echo:1", id=first["id"]), 201)
        self.assertNotEqual(first["id"], second["id"])
        listed = {item["id"]: item for item in self.data(self.ask("GET", "/v1/functions"))}
        self.assertEqual((listed[first["id"]], listed[second["id"]]["image"]), (first, "acme/echo:1"))
        unknown = self.data(self.create("acme/echo:1", id=UNKNOWN), 201)
        self.assertIn(unknown["id"], [item["id"] for item in self.data(self.ask("GET", "/v1/functions"))])

    def test_S5_3_no_environment_makes_the_list_unreadable(self):
        before = self.data(self.ask("GET", "/v1/functions"))
        for environment, text in (({"GREETING": "a\nb"}, "control character"), ({"A\nB": "x"}, "control character"), ({"A=B": "x"}, "'='"), ({"": "x"}, "empty"),
                                  ({"OTHER": "x"}, "'OTHER' is none"), ({"request": "x"}, "'request' is none"), ({"TOKEN": "x"}, "'TOKEN' is none"),
                                  ({"LD_PRELOAD": "x"}, "none"), ({"GREETING": "UPPER"}, "'GREETING'"),
                                  ({"GREETING": "\u0000"}, "no JSON"), ({"GREETING": "x" * 20000}, "16 KiB")):
            with self.subTest(environment=str(environment)[:60]):
                self.failed(self.create("acme/greet:1", environment), 400, text)
        self.assertEqual(self.data(self.ask("GET", "/v1/functions")), before)

    def test_S5_4_a_link_or_a_device_in_the_place_of_the_response_is_not_followed(self):
        for name in ("link", "pipe"):
            with self.subTest(name=name):
                answer = self.call(self.serve(name))
                self.assertNotIn(b"root:", answer.body)
                self.failed(answer, 502, "no file that is read")
        self.failed(self.call(self.serve("large")), 502, "no file that is read")    # nor is one beyond the limit of the command
        self.failed(self.call(self.serve("gone")), 500, "response file is gone")

    def test_S5_5_a_function_sees_no_other_request(self):
        path = self.serve("show")
        first, second = (self.call(path, body).body.decode() for body in (b"first", b"second"))
        self.assertNotEqual(first.splitlines()[0], second.splitlines()[0])
        for seen in (first, second):
            self.assertEqual([line for line in seen.splitlines() if line.startswith("/tmp/") and line != "/tmp/seen"], [seen.splitlines()[1]])
        self.assertNotIn("first", second)

    def test_S5_6_a_long_line_in_the_log_does_not_cut_the_answer_short(self):
        self.answered(self.call(self.serve("noisy")), b'{"n":1}')

    def test_S5_7_a_timeout_holds_and_the_job_of_who_goes_away_is_cancelled(self):
        self.failed(self.call(self.serve("slow")), 504, "took too long")
        path = self.serve("leaves")
        with socket.create_connection(("127.0.0.1", self.port)) as client:
            client.sendall(f"POST /r{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n".encode())
            self.ended(lambda: [job for job in self.jobs() if job["command"] == "leaves" and job["state"] == "running"])
        self.ended(lambda: [job for job in self.jobs() if job["command"] == "leaves" and job["state"] == "cancelled"])

    def test_S5_7_nothing_of_a_call_is_left_in_tmp(self):
        before = set(os.listdir("/tmp"))
        self.call(self.serve("show"))
        self.assertEqual([name for name in set(os.listdir("/tmp")) - before if UUID.search(name)], [])

    def test_S5_8_a_function_that_fails_is_no_success(self):
        self.failed(self.call(self.serve("fails")), 500, "exit code 3, and wrote no response")
        self.answered(self.call(self.serve("says-and-fails")), b'{"success":false,"message":"missing message"}', 500)

    def test_S5_9_what_is_not_known_is_404_and_no_inner_text_leaks(self):
        for method, where, body in (("GET", "/v1/routes/" + UNKNOWN, None), ("POST", f"/v1/functions/{UNKNOWN}/pull", None), ("DELETE", "/v1/functions/" + UNKNOWN, None),
                                    ("DELETE", "/v1/routes/" + UNKNOWN, None), ("POST", "/v1/routes", f'{{"path": "/n", "function_id": "{UNKNOWN}"}}'), ("POST", "/r/nothing", "")):
            with self.subTest(method=method, where=where):
                answer = self.ask(method, where, body)
                self.failed(answer, 404, "^there is no such (function|route)$")
                self.assertNotIn(b"sql", answer.body)

    def test_S5_10_no_registry_is_asked_whatever_the_image_s_name_says(self):
        with socket.create_server(("127.0.0.1", 0)) as trap:
            trap.settimeout(0)
            host = f"127.0.0.1:{trap.getsockname()[1]}"
            for image in (f"{host}/acme/echo:1", f"{host}/x", f"localhost:{host[10:]}/acme/echo", f"{host}/acme/echo@sha256:{'0' * 64}"):
                with self.subTest(image=image):
                    self.failed(self.create(image), 400, "not listed")
            for image in (f"http://{host}/x", f"user@{host}/x", f"{host}:1/x", "-x/y", "a//b", "acme/echo:1:2", "../x"):
                with self.subTest(image=image):
                    self.failed(self.create(image), 400, "invalid reference format")
            self.assertRaises(BlockingIOError, trap.accept)     # nobody came
        for image in ("docker.io/acme/echo:1", "index.docker.io/acme/echo:1", "acme/echo:1"):
            with self.subTest(image=image):
                self.assertEqual(self.data(self.create(image), 201)["image"], image)

    def test_S5_11_what_a_client_says_is_data_on_every_way(self):
        nasty = '"}, {"success": true, $(id) `id` \'; \\ \u2028'
        self.answered(self.call(self.serve("echo"), json.dumps({"message": nasty})), json.dumps({"message": nasty}).encode())
        made = self.data(self.create("acme/echo:1"), 201)["id"]
        path = "/" + nasty.replace("\\", "")
        self.assertEqual(self.data(self.route(path, made))["path"], path)

    def test_S5_12_what_is_stored_is_whole(self):
        made = self.data(self.create("acme/echo:1"), 201)["id"]
        for function_id in (None, "", "null"):
            self.failed(self.route("/no-function", function_id), 400, "invalid UUID length")
        self.data(self.route("/whole", made))
        self.assertTrue(all(route["function"]["id"] for route in self.data(self.ask("GET", "/v1/routes"))))

    # --- what is ours

    def test_each_change_is_in_the_audit_trail(self):
        made = self.data(self.create("acme/echo:1"), 201)
        route = self.data(self.route("/audited", made["id"]))
        self.data(self.ask("DELETE", "/v1/routes/" + route["id"]))
        self.data(self.ask("DELETE", "/v1/functions/" + made["id"]))
        done = subprocess.run([os.path.join(harness.BIN, "sallyport"), "audit", "ls", "--state", self.instance.state],
                              capture_output=True, text=True, timeout=60, check=False)
        for uuid in (made["id"], route["id"]):
            self.assertEqual(len([line for line in done.stdout.splitlines() if uuid.replace("-", "") in line and "old-clients" in line]), 2, done)

    def test_below_its_path_who_shows_a_token_is_served_and_sees_what_is_its_own(self):
        ask = self.instance.request
        made = ask("POST", self.prefix + "/v1/functions", b'{"image": "acme/hidden:1"}')    # an administrator
        self.assertEqual(made.status, 201, made.body)
        uuid = made.json()["data"]["id"]
        self.assertEqual(ask("POST", self.prefix + "/v1/routes", json.dumps({"path": "/hidden", "function_id": uuid}).encode()).status, 200)
        self.assertEqual((lambda answer: (answer.status, answer.body))(ask("POST", self.prefix + "/r/hidden", b"")), (200, b"{}"))
        self.failed(self.call("/hidden"), 404, "there is no such route")    # for whoever may not run it


class Restart(PredecessorCase):
    name = "go-serverless"
    commands, words, allow = COMMANDS, WORDS, ALLOW + ["admin:functions"]

    def create(self, body):
        return json.loads(self.ask("POST", "/v1/functions", json.dumps(body)).body)["data"]

    def reload(self):
        self.instance.write_config()
        self.assertEqual(self.instance.request("POST", "/v1/config/reload", timeout=60).status, 200)

    def test_functions_and_routes_survive_a_kill_and_obey_the_new_configuration(self):
        made = self.create({"image": "acme/greet:1", "environment": {"GREETING": "still here"}})
        self.assertEqual(self.ask("POST", "/v1/routes", json.dumps({"path": "/kept", "function_id": made["id"]})).status, 200)
        listed = self.ask("GET", "/v1/routes").body
        keeper = self.instance.part("keeper")
        os.kill(keeper.pid, signal.SIGKILL)     # what was answered is on the disk
        self.assertTrue(wait_until(lambda: not keeper.is_alive(), 10))
        self.assertTrue(wait_until(lambda: self.ask("GET", "/v1/routes").body == listed, 30))
        self.assertEqual(self.ask("POST", "/r/kept", b"").body, b"still here")
        self.instance.config["commands"]["greet"]["params"].pop("GREETING")
        self.instance.config["commands"]["greet"].pop("env")
        self.reload()
        refused = self.ask("POST", "/r/kept", b"")
        self.assertEqual((refused.status, json.loads(refused.body)["success"]), (422, False))
        self.assertIn("GREETING", json.loads(refused.body)["message"])
        self.instance.config["predecessors"]["go-serverless"]["commands"].pop("acme/greet:1")
        self.reload()
        self.assertEqual(self.ask("POST", "/r/kept", b"").status, 404)
        pulled = self.ask("POST", f"/v1/functions/{made['id']}/pull")
        self.assertEqual((pulled.status, "not listed" in json.loads(pulled.body)["message"]), (400, True))
        self.assertEqual(self.ask("GET", "/v1/routes").body, listed)    # who could delete it sees it


class Example(PredecessorCase):
    """The function that docs/migrating.md shows, as go-serverless had one."""

    name, words = "go-serverless", {"hello-world": "hello"}
    allow = [*ALLOW, "admin:functions"]

    @classmethod
    def setUpClass(cls):
        with open(os.path.join(os.path.dirname(__file__), "../../docs/migrating.md"), encoding="utf-8") as file:
            program, = re.findall(r"^```python\n(.*?)^```$", file.read(), re.MULTILINE | re.DOTALL)
        cls.commands = {"hello": {"exec": ["/usr/bin/python3", "-c", program.replace("{", "{{").replace("}", "}}")], "context": True,
                                  "params": {"request": {"type": "file", "required": True}}}}
        super().setUpClass()

    def test_it_answers_as_its_predecessor_did(self):
        made = json.loads(self.ask("POST", "/v1/functions", '{"image": "hello-world"}').body)["data"]["id"]
        self.assertEqual(self.ask("POST", "/v1/routes", json.dumps({"path": "/hello", "function_id": made})).status, 200)
        answer = self.ask("POST", "/r/hello", '{"message": "say \\"hi\\""}')
        self.assertEqual((answer.status, answer.body),
                         (200, b'{\n  "success": true,\n  "data": {\n    "message": "say \\"hi\\""\n  }\n}'))
        for body in ("", "[]", "{}", '{"message": 5}', "no json"):
            answer = self.ask("POST", "/r/hello", body)
            self.assertEqual((answer.status, json.loads(answer.body)), (500, {"success": False, "message": "missing message"}), body)


class Image(unittest.TestCase):
    """A function that is an image: fetched by the operator beforehand, and named by its digest in the configuration alone."""

    def test_an_image_runs_as_a_function(self):
        harness.needs_root(self)
        place = harness.make_directory("function-image")
        self.addCleanup(shutil.rmtree, place, True)
        layout, digest = busybox_layout(place)
        store = Store(os.path.join(place, "store"))
        name = f"acme/hello@sha256:{digest}"
        self.assertEqual(store.pull(name, layout).returncode, 0)
        run = function(f'cat "$CONTEXT_PATH/request.json" >{RESPONSE}')
        instance = Instance({"hello": {**run, "exec": ["/bin/sh", *run["exec"][1:]], "image": name}})
        instance.config["images"] = {"dir": store.path}
        instance.config["predecessors"] = {"go-serverless": {"prefix": "/faas", "commands": {"acme/hello:1": "hello"}}}
        with instance:
            made = instance.request("POST", "/faas/v1/functions", {"image": "docker.io/acme/hello:1"}).json()["data"]["id"]
            self.assertEqual(instance.request("POST", "/faas/v1/routes", {"path": "/hello", "function_id": made}).status, 200)
            answer = instance.request("POST", "/faas/r/hello", b'{"from": "an image"}')
            self.assertEqual((answer.status, answer.body), (200, b'{"from": "an image"}'))


if __name__ == "__main__":
    unittest.main()
