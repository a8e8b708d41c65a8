"""Bad input gets a clear error, and nothing happens."""

import contextlib
import os
import socket
import subprocess
import time
import unittest

import harness
from harness import BIN, Instance, ServiceTest, new_token, probe_command, probe_directory, token_hash, yaml_text


class BadRequests(ServiceTest):
    @classmethod
    def make_commands(cls):
        cls.probes = probe_directory()
        return {
            "greet": {
                "exec": ["/usr/bin/echo", "{name}", "{times}", "{ratio}", "{loud}", "{mood}", "{tags...}"],
                "params": {
                    "name": {"type": "string", "required": True, "pattern": "[a-z]+", "max_length": 20},
                    "times": {"type": "int", "min": 1, "max": 10, "default": 1},
                    "ratio": {"type": "number", "min": 0, "max": 1, "default": 0.5},
                    "loud": {"type": "bool", "default": False},
                    "mood": {"type": "enum", "values": ["fine", "sad"], "default": "fine"},
                    "tags": {"type": "list", "of": {"type": "string", "max_length": 10}, "max_items": 3, "default": []},
                },
            },
            "any": {"exec": ["/usr/bin/echo", "{text}"], "params": {"text": {"type": "string", "required": True}}},
            "slow-pattern": {"exec": ["/usr/bin/echo", "{text}"],
                             "params": {"text": {"type": "string", "required": True, "pattern": "(a+)+"}}},
            "no-input": {"exec": ["/usr/bin/cat"]},
            "not-yours": {"exec": ["/usr/bin/true"]},
        }

    @classmethod
    def make_options(cls):
        cls.narrow, cls.expired, cls.reader = new_token(), new_token(), new_token()
        return {"tokens": {
            "narrow": {"hash": token_hash(cls.narrow), "allow": ["run:any", "read:own"]},
            "expired": {"hash": token_hash(cls.expired), "allow": ["admin"], "expires": "2020-01-01"},
            "reader": {"hash": token_hash(cls.reader), "allow": ["read:own"]},
        }}

    def jobs(self):
        return len(self.instance.request("GET", "/v1/jobs?limit=200").json()["items"])

    def post(self, command, body, **more):
        return self.instance.request("POST", f"/v1/commands/{command}/jobs", body, **more)

    def assert_problem(self, response, status, code=None):
        """A problem document, complete, of this status; returns it."""
        self.assertEqual(response.status, status, response)
        self.assertEqual(response.headers["Content-Type"].split(";")[0], "application/problem+json", response)
        problem = response.json()
        for member in ("type", "title", "status", "detail", "code", "request_id"):
            self.assertIn(member, problem)
        self.assertEqual(problem["status"], status)
        if code is not None:
            self.assertEqual(problem["code"], code)
        return problem

    def assert_params(self, params, *pointers):
        """422 that names every fault, and no job."""
        before = self.jobs()
        problem = self.assert_problem(self.post("greet", {"params": params}), 422, "params-invalid")
        self.assertEqual({error["pointer"] for error in problem["errors"]}, set(pointers), problem)
        for error in problem["errors"]:
            self.assertTrue(error["code"] and error["detail"], error)
        self.assertEqual(self.jobs(), before)

    def test_an_unknown_command_is_not_found(self):
        self.assert_problem(self.post("nonsense", {"params": {}}), 404, "not-found")

    def test_names_that_are_no_names_are_not_found(self):
        for name in ("..", "%2e%2e", "GREET", "greet%00", "greet/", "%2fgreet", "a" * 300):
            self.assertIn(self.post(name, {"params": {}}).status, (400, 404), name)

    def test_an_unknown_parameter_is_named(self):
        self.assert_params({"name": "ann", "colour": "red"}, "/params/colour")

    def test_a_missing_parameter_is_named(self):
        self.assert_params({}, "/params/name")

    def test_all_faults_come_in_one_answer(self):
        self.assert_params({"name": "UPPER", "times": 0, "ratio": 2, "loud": "yes", "mood": "angry", "tags": ["a", "b", "c", "d"], "x": 1},
                           "/params/name", "/params/times", "/params/ratio", "/params/loud", "/params/mood", "/params/tags", "/params/x")

    def test_each_ill_typed_value_is_refused(self):
        table = {
            "name": [1, True, None, [], {}, "", "a" * 21, "a b", "ann\n", "ann\u0000", "-ann"],
            "times": ["1", 1.5, True, None, 0, 11, 2**53 + 1, 2**63, -1, [1]],
            "ratio": ["0.5", -0.1, 1.1, True, None],
            "loud": ["true", 1, 0, None],
            "mood": ["FINE", "", 1, None, "fine "],
            "tags": ["a", [1], [["a"]], ["a" * 11], ["a\u0000"], None, {"0": "a"}],
        }
        for name, values in table.items():
            for value in values:
                response = self.post("greet", {"params": {"name": "ann", name: value}})
                self.assertIn(response.status, (400, 422), (name, value, response))
                if response.status == 422:
                    for error in response.json()["errors"]:
                        self.assertTrue(error["pointer"].startswith(f"/params/{name}"), (name, value, error))

    def test_good_values_are_taken(self):
        outcome = self.instance.run("greet", {"name": "ann", "times": 3, "ratio": 0.25, "loud": True, "mood": "sad", "tags": ["x", "y"]})
        self.assertEqual(outcome.stdout, b"ann 3 0.25 true sad x y\n")

    def test_a_leading_dash_is_refused(self):
        problem = self.assert_problem(self.post("any", {"params": {"text": "-n"}}), 422, "params-invalid")
        self.assertEqual(problem["errors"][0]["pointer"], "/params/text")

    def test_nul_is_refused_everywhere(self):
        before = self.jobs()
        for body in (b'{"params": {"text": "a\\u0000b"}}', b'{"params": {"text": "a\0b"}}', b'{"params": {"te\\u0000xt": "a"}}',
                     b'{"params": {"text": "a"}, "reason": "a\\u0000"}'):
            self.assertIn(self.post("any", body).status, (400, 422), body)
        self.assertIn(self.instance.request("GET", "/v1/commands/any%00").status, (400, 404))
        self.assertEqual(self.jobs(), before)

    def test_text_that_is_not_utf8_is_refused(self):
        for bad in (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x28\xa1"):
            self.assertEqual(self.post("any", b'{"params": {"text": "' + bad + b'"}}').status, 400, bad)
        self.assertEqual(self.post("any", b'{"params": {"text": "\\ud800"}}').status, 400)

    def test_broken_json_is_answered_with_its_position(self):
        for body in (b"{", b'{"params": }', b'{"params": {"text": "a"}} trailing', b'{"params": {"text": "a",}}', b"nonsense",
                     b'{"params": {"text": "a", "text": "b"}}', b"// comment\n{}", b'{"params": {"text": NaN}}', b"\xef\xbb\xbf{}",
                     b'{"params": ' * 100 + b"1" + b"}" * 100):
            with self.subTest(body):
                problem = self.assert_problem(self.post("any", body), 400)
                if problem["code"] == "bad-json":
                    self.assertRegex(problem["detail"], r"\d")

    def test_an_unknown_member_is_an_error(self):
        self.assert_problem(self.post("any", {"params": {"text": "a"}, "shell": True}), 400, "unknown-member")

    def test_a_body_that_is_too_large_is_refused(self):
        response = self.post("any", b'{"params": {"text": "' + b"a" * (300 * 1024) + b'"}}')
        self.assert_problem(response, 413, "body-too-large")

    def test_a_value_that_is_too_long_is_refused(self):
        self.assertIn(self.post("any", {"params": {"text": "a" * 4097}}).status, (413, 422))
        self.assertIn(self.post("any", {"params": {f"x{i}": "a" for i in range(1000)}}).status, (413, 422))

    def test_input_for_a_command_that_takes_none_is_refused(self):
        self.assertIn(self.post("no-input", {"params": {}, "stdin": "text"}).status, (400, 422))

    def test_a_pattern_that_backtracks_answers_at_once(self):
        started = time.monotonic()
        response = self.post("slow-pattern", {"params": {"text": "a" * 40 + "!"}})
        self.assertEqual(response.status, 422, response)
        self.assertLess(time.monotonic() - started, 1)

    def test_no_token_a_bad_token_and_an_expired_one_look_alike(self):
        before = self.jobs()
        answers = []
        for headers, token in (({}, None), ({}, "sp_nonsense"), ({}, new_token()), ({}, self.expired), ({"Authorization": "Basic YTpi"}, None),
                               ({"Authorization": "Bearer"}, None), ({"Authorization": "Bearer a b"}, None)):
            response = self.instance.request("POST", "/v1/commands/any/jobs", {"params": {"text": "a"}}, headers=headers, token=token)
            problem = self.assert_problem(response, 401, "unauthenticated")
            self.assertTrue(response.headers["WWW-Authenticate"].startswith("Bearer"), response.headers)
            answers.append((problem["title"], problem["detail"], problem["type"]))
        self.assertEqual(len(set(answers)), 1, answers)
        self.assertEqual(self.jobs(), before)

    def test_a_token_without_the_scope_runs_nothing(self):
        before = self.jobs()
        for command in ("not-yours", "greet"):
            self.assertIn(self.post(command, {"params": {"name": "ann"}}, token=self.narrow).status, (403, 404))
        self.assertIn(self.post("any", {"params": {"text": "a"}}, token=self.reader).status, (403, 404))
        self.assertEqual(self.jobs(), before)

    def test_what_a_token_may_not_run_looks_like_what_does_not_exist(self):
        real = self.post("not-yours", {"params": {}}, token=self.narrow)
        invented = self.post("no-such-command", {"params": {}}, token=self.narrow)
        self.assertEqual((real.status, real.json()["detail"].replace("not-yours", "X")),
                         (invented.status, invented.json()["detail"].replace("no-such-command", "X")))

    def test_another_callers_job_is_not_found(self):
        job = self.instance.submit("any", {"text": "a"})["id"]
        for method, path in (("GET", f"/v1/jobs/{job}"), ("GET", f"/v1/jobs/{job}/output"), ("POST", f"/v1/jobs/{job}/cancel")):
            body = {} if method == "POST" else None
            self.assertEqual(self.instance.request(method, path, body, token=self.narrow).status, 404, path)

    def test_everything_but_health_needs_a_token(self):
        for path in ("/version", "/v1/whoami", "/v1/commands", "/v1/commands/any", "/v1/jobs", "/v1/jobs/" + "0" * 26):
            self.assert_problem(self.instance.request("GET", path, token=None), 401)
        for path in ("/healthz", "/readyz"):
            self.assertEqual(self.instance.request("GET", path, token=None).status, 200)

    def test_methods_and_media_types_are_closed_lists(self):
        self.assertEqual(self.instance.request("DELETE", "/v1/commands/any").status, 405)
        self.assertEqual(self.instance.request("PUT", "/v1/jobs").status, 405)
        self.assertEqual(self.post("any", b"text=a", headers={"Content-Type": "application/x-www-form-urlencoded"}).status, 415)
        self.assertEqual(self.post("any", b'{"params":{"text":"a"}}', headers={"Content-Type": "text/plain"}).status, 415)

    def test_bad_queries_are_answered(self):
        for query in ("limit=0", "limit=201", "limit=x", "state=nonsense", "cursor=nonsense", "nonsense=1"):
            self.assert_problem(self.instance.request("GET", f"/v1/jobs?{query}"), 400)

    def test_a_job_id_that_is_none_is_not_found(self):
        for job in ("0", "x" * 26, "0" * 26, "..", "01jd8k3v9x5q2m7r4t6w8y0b1c"):
            self.assertIn(self.instance.request("GET", f"/v1/jobs/{job}").status, (400, 404), job)


class RawRequests(ServiceTest):
    """Bytes that two parties could read differently end the connection."""

    commands = {"any": {"exec": ["/usr/bin/true"]}}

    def exchange(self, data):
        with socket.create_connection(("127.0.0.1", self.instance.port), 5) as peer:
            peer.settimeout(5)
            answer = b""
            with contextlib.suppress(OSError):
                peer.sendall(data)
                peer.shutdown(socket.SHUT_WR)
                while part := peer.recv(65536):
                    answer += part
        return answer

    def test_ambiguous_requests_are_refused_and_answered_once(self):
        host = b"Host: 127.0.0.1\r\n"
        second = b"GET /healthz HTTP/1.1\r\n" + host + b"\r\n"
        table = {
            "two lengths": b"POST /healthz HTTP/1.1\r\n" + host + b"Content-Length: 0\r\nContent-Length: 4\r\n\r\n" + second,
            "length and chunks": b"POST /healthz HTTP/1.1\r\n" + host + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + second,
            "signed length": b"POST /healthz HTTP/1.1\r\n" + host + b"Content-Length: +0\r\n\r\n" + second,
            "bare line feeds": b"GET /healthz HTTP/1.1\n" + host + b"\n" + second,
            "space before the colon": b"GET /healthz HTTP/1.1\r\nHost : 127.0.0.1\r\n\r\n" + second,
            "folded header": b"GET /healthz HTTP/1.1\r\n" + host + b"X: a\r\n b\r\n\r\n" + second,
            "nul in a header": b"GET /healthz HTTP/1.1\r\n" + host + b"X: a\0b\r\n\r\n" + second,
            "strange chunk size": b"POST /healthz HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n" + second,
            "unknown coding": b"POST /healthz HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked, identity\r\n\r\n" + second,
            "no host": b"GET /healthz HTTP/1.1\r\n\r\n" + second,
            "huge head": b"GET /healthz HTTP/1.1\r\n" + host + b"X: " + b"a" * 20000 + b"\r\n\r\n" + second,
        }
        for name, data in table.items():
            with self.subTest(name):
                answer = self.exchange(data)
                self.assertLessEqual(answer.count(b"HTTP/1.1 "), 1, answer)
                self.assertRegex(answer.split(b"\r\n")[0], rb"^(HTTP/1\.1 (400|411|413|414|421|431|501)|$)")
        self.assertEqual(self.instance.request("GET", "/healthz", token=None).status, 200)


class BadConfiguration(unittest.TestCase):
    """sallyportd does not start with a faulty configuration: file:line:col, and status 78."""

    GOOD = {"server": {"listen": ["127.0.0.1:1"]}, "commands": {"hello": {"exec": ["/usr/bin/true"]}}}

    def setUp(self):
        self.daemon = harness.needs_program(self, "sallyportd")
        self.directory = harness.make_directory("config")
        self.addCleanup(lambda: subprocess.run(["rm", "-rf", self.directory], check=False))
        self.path = os.path.join(self.directory, "sallyport.yaml")

    def check(self, text, mode=0o600):
        with open(self.path, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
        os.chmod(self.path, mode)
        return subprocess.run([self.daemon, "--config", self.path, "--state", os.path.join(self.directory, "state"), "--foreground"],
                              capture_output=True, text=True, timeout=30, check=False, stdin=subprocess.DEVNULL)

    def assert_refused(self, text, *words, position=True):
        done = self.check(text)
        self.assertEqual(done.returncode, 78, (text, done))
        if position:
            self.assertRegex(done.stderr, r"sallyport\.yaml:\d+:\d+: ", text)
        for word in words:
            self.assertIn(word, done.stderr, text)

    def test_each_fault_is_refused_with_its_place(self):
        good = yaml_text(self.GOOD).lstrip("\n")
        table = {
            "an unknown key": (good + "tokns: {}\n", "tokens"),
            "a duplicate key": (good + "commands: {}\n",),
            "a tab": ("server:\n\tlisten: x\n",),
            "an anchor": ("server: &a {}\n",),
            "a tag": ("server: !!map {}\n",),
            "two documents": (good + "---\n{}\n",),
            "a unit that is missing": (good.replace('"exec"', '"timeout": 30\n    "exec"'),),
            "a path that is not absolute": (good.replace("/usr/bin/true", "true"), "absolute"),
            "a placeholder without a parameter": (good.replace('"/usr/bin/true"', '"/usr/bin/true", "{nobody}"'), "nobody"),
            "a pattern that does not compile": (good + '    params: {x: {type: string, pattern: "("}}\n',),
            "a word that is none": (good + "    sandbox: {profile: nonsense}\n",),
            "a key for later": (good + "nodes: {}\n", "release"),
            "a broken line": ("server: [\n",),
            "a name that is none": (good.replace('"hello"', '"Hello World"'),),
            "write without user": (good + "    sandbox: {write: [/srv]}\n", "user"),
            "a test switch that is none": (good + "    test_layers_of: [seccomp]\n",),
        }
        for name, (text, *words) in table.items():
            with self.subTest(name):
                self.assert_refused(text, *words)

    def test_all_faults_are_told_at_once(self):
        done = self.check("server: {lisen: 1}\ncommands: {a: {exec: [true]}, B: {exec: [/usr/bin/true]}}\n")
        self.assertEqual(done.returncode, 78)
        self.assertGreaterEqual(done.stderr.count("sallyport.yaml:"), 3, done.stderr)

    def test_a_file_that_others_may_write_is_refused(self):
        done = self.check(yaml_text(self.GOOD), mode=0o666)
        self.assertEqual(done.returncode, 78, done)

    def test_a_file_that_is_not_there_is_named(self):
        done = subprocess.run([self.daemon, "--config", "/nonexistent/sallyport.yaml", "--foreground"], capture_output=True, text=True,
                              timeout=30, check=False)
        self.assertEqual(done.returncode, 78, done)
        self.assertIn("/nonexistent/sallyport.yaml", done.stderr)

    def test_config_check_says_the_same(self):
        harness.needs_program(self, "sallyport")
        self.check("server: {lisen: 1}\n")
        done = subprocess.run([os.path.join(BIN, "sallyport"), "config", "check", self.path], capture_output=True, text=True, timeout=30,
                              check=False)
        self.assertEqual(done.returncode, 78, done)
        self.assertRegex(done.stdout + done.stderr, r"sallyport\.yaml:1:\d+: ")
        self.assertIn("listen", done.stdout + done.stderr)


class Reload(unittest.TestCase):
    """A token that is gone from the file is gone within a second; a broken file changes nothing."""

    def test_revoking_a_token_ends_its_rights_and_its_streams(self):
        harness.needs_program(self, "sallyportd")
        probes = probe_directory()
        token = new_token()
        with Instance({"lines": probe_command(probes, "lines")},
                      tokens={"leaving": {"hash": token_hash(token), "allow": ["run:*", "read:own"]}}) as instance:
            stream = instance.stream("POST", "/v1/commands/lines/jobs", {"params": {"args": ["100", "100"]}}, token=token)
            records = iter(stream)
            for _ in range(3):
                next(records)
            del instance.config["tokens"]["leaving"]
            revoked = time.monotonic()
            instance.reload()
            gone = harness.wait_until(lambda: instance.request("GET", "/v1/whoami", token=token).status == 401, 3)
            self.assertTrue(gone)
            self.assertLess(time.monotonic() - revoked, 1.5)
            last = None
            with contextlib.suppress(OSError, ValueError):
                for last in records:
                    self.assertLess(time.monotonic() - revoked, 3, "the stream goes on")
            stream.close()
            self.assertIsNone((last or {}).get("state"), "the stream was cut, the job was not over")

    def test_a_broken_file_keeps_the_old_rules(self):
        harness.needs_program(self, "sallyportd")
        with Instance({"true": {"exec": ["/usr/bin/true"]}}) as instance:
            instance.config["commands"]["broken"] = {"exec": ["true"]}
            instance.reload()
            found = harness.wait_until(lambda: "sallyport.yaml:" in instance.log(), 5)
            self.assertTrue(found, "the fault is in the log")
            self.assertEqual(instance.run("true").state, "succeeded")
            del instance.config["commands"]["broken"]
            instance.config["commands"]["second"] = {"exec": ["/usr/bin/echo", "second"]}
            instance.reload()
            known = harness.wait_until(lambda: instance.request("GET", "/v1/commands/second").status == 200, 5)
            self.assertTrue(known)
            self.assertEqual(instance.run("second").stdout, b"second\n")


if __name__ == "__main__":
    unittest.main()
