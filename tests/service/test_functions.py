"""`/r/{path}`: a command answers as a function does, byte for byte, and says truly when it could not."""

import json
import os
import re
import secrets
import socket
import subprocess
import threading
import time
import unittest
import urllib.parse

from function_cases import ALL_BYTES, BAD_HEADS, COMMANDS, MIB, OUTPUT_LARGE, Calling
from harness import SOURCE, Instance, ServiceTest, new_token, token_hash, yaml_text
from host import memory_of


class TestFunctions(Calling, ServiceTest):
    commands = COMMANDS
    options = {"slots": {"count": 8}, "server": {"hosts": ["a.example"], "origins": ["https://dash.example"]}}
    callers = {"runner": ["run:echo", "run:exits", "run:nap", "run:tied", "run:one-get"], "reader": ["read:all"]}

    @classmethod
    def make_options(cls):
        cls.tokens = {name: new_token() for name in cls.callers}
        tokens = {name: {"hash": token_hash(cls.tokens[name]), "allow": allow} for name, allow in cls.callers.items()}
        return {**cls.options, "tokens": tokens}

    # --- bytes ---

    def test_bytes_go_in_and_come_out_as_they_are(self):
        for data in (b"", ALL_BYTES, b"\r\n\r\n", os.urandom(MIB), os.urandom(3 * MIB + 1)):
            answer = self.call("echo", data)
            self.assert_output(answer, data)
            self.assertEqual(answer.headers["Content-Type"], "application/octet-stream")
        for method in ("PUT", "PATCH"):
            self.assert_output(self.call("echo", ALL_BYTES, method=method), ALL_BYTES)
        self.assert_output(self.call("bytes"), ALL_BYTES)

    def test_a_body_in_chunks_is_the_same(self):
        connection = self.instance.connect()
        connection.request("POST", "/r/echo", body=iter([ALL_BYTES, b"x" * 1000]), encode_chunked=True,
                           headers={"Authorization": f"Bearer {self.instance.token}", "Transfer-Encoding": "chunked"})
        response = connection.getresponse()
        self.assertEqual((response.status, response.read()), (200, ALL_BYTES + b"x" * 1000))
        connection.close()

    def test_standard_output_alone_is_the_answer(self):
        self.assert_output(self.call("two/streams"), b"out1\nout2\nout3\n")

    def test_an_answer_says_which_job_it_was_and_how_it_ended(self):
        answer = self.call("bytes")
        job = self.instance.job(answer.headers["Sallyport-Job"])
        self.assertEqual((job["source"], job["command"], job["state"]), ("route", "bytes", "succeeded"))
        self.assertEqual((answer.headers["Sallyport-State"], answer.headers["Sallyport-Exit"]), ("succeeded", "0"))
        self.assertRegex(answer.headers["Sallyport-Duration"], r"^[0-9]+\.[0-9]{3}$")
        self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
        self.assertIn("sandbox", answer.headers["Content-Security-Policy"])
        self.assertIn("default-src 'none'", answer.headers["Content-Security-Policy"])
        self.assertEqual(answer.headers["Cache-Control"], "no-store, no-transform")

    def test_the_description_of_a_command_says_how_it_is_called(self):
        described = self.instance.request("GET", "/v1/commands/page").json()["route"]
        self.assertEqual(described, {"url": "/r/page", "methods": ["POST"], "response": "cgi", "type": "text/html",
                                     "on_disconnect": "continue"})
        self.assertNotIn("route", self.instance.request("GET", "/v1/commands/plain").json())

    def test_head_runs_it_and_sends_all_but_the_body(self):
        answer = self.call("bytes", method="HEAD")
        self.assertEqual((answer.status, answer.body, answer.headers["Content-Length"]), (200, b"", "256"))
        self.assertEqual(self.instance.job(answer.headers["Sallyport-Job"])["state"], "succeeded")

    # --- ends ---

    def test_an_exit_code_becomes_the_status_that_is_written_down(self):
        for code, status in ((0, 201), (3, 404), (5, 503)):
            answer = self.call(f"exits?code={code}", method="GET")
            self.assert_output(answer, f"code {code}\n".encode(), status)
            self.assertEqual(answer.headers["Sallyport-Exit"], str(code))
        for code, status in ((0, 200), (1, 500), (255, 500)):
            answer = self.call(f"others?code={code}", method="GET")
            self.assert_output(answer, f"code {code}\n".encode(), status)
            self.assertEqual(answer.headers["Content-Type"], "text/plain; charset=utf-8")

    def test_a_status_without_a_body_has_none(self):
        answer = self.call("exits?code=4", method="GET")
        self.assertEqual((answer.status, answer.body), (204, b""))
        self.assertNotIn("Content-Length", answer.headers)

    def test_a_code_that_is_not_written_down_is_a_failure_without_output(self):
        answer = self.call("exits?code=7", method="GET")
        self.assert_problem(answer, 502, "function-failed")
        self.assertIn("exit code 7", answer.json()["detail"])
        self.assertEqual((answer.headers["Sallyport-Exit"], answer.headers["Sallyport-State"]), ("7", "failed"))
        self.assertEqual(self.instance.job(answer.headers["Sallyport-Job"])["end"]["exit_code"], 7)

    def test_a_function_that_takes_too_long_is_a_timeout(self):
        answer = self.call("slow")
        self.assert_problem(answer, 504, "function-timeout")
        self.assertEqual(answer.headers["Sallyport-State"], "timed_out")

    def test_what_did_not_end_by_itself_has_failed(self):
        answer = self.call("killed")
        self.assert_problem(answer, 502, "function-failed")
        self.assertEqual(answer.headers["Sallyport-Exit"], "137")
        answer = self.call("missing")
        self.assert_problem(answer, 502, "function-failed")
        self.assertEqual(answer.headers["Sallyport-State"], "launch_failed")
        self.assertNotIn("nowhere", answer.json()["detail"], "it is a path of the host")
        self.assertNotIn("Sallyport-Exit", answer.headers)

    def test_a_part_of_the_output_is_not_passed_off_as_all(self):
        answer = self.call("chatty")
        self.assert_problem(answer, 502, "function-failed")
        self.assertIn("limit", answer.json()["detail"])

    def test_who_waits_hears_that_the_job_was_cancelled(self):
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.call("wait")))
        thread.start()
        job_id = self.wait_for_job("wait")
        self.instance.request("POST", f"/v1/jobs/{job_id}/cancel", {})
        thread.join(30)
        self.assert_problem(answers[0], 502, "function-failed")
        self.assertEqual((answers[0].headers["Sallyport-State"], answers[0].headers["Sallyport-Job"]), ("cancelled", job_id))

    def test_who_cancelled_it_is_not_for_whoever_may_only_call(self):
        held = self.open("lane")
        self.wait_for_job("lane")
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.call("lane")))
        thread.start()
        job_id = self.wait_for_job("lane", "queued")
        self.instance.request("POST", f"/v1/jobs/{job_id}/cancel", {})
        thread.join(30)
        self.assertRegex(self.instance.job(job_id)["end"]["message"], "^cancelled by .+ before it started$")
        self.assertEqual(answers[0].json()["detail"], "The function did not end by itself: cancelled.")
        held.close()
        self.cancel_all("lane")

    def test_no_turn_is_said_with_the_status_that_jobs_have(self):
        held = self.open("single")
        self.wait_for_job("single")
        answer = self.call("single")
        self.assert_problem(answer, 429, "concurrency-full")
        self.assertIn("Retry-After", answer.headers)
        held.close()
        self.cancel_all("single")

        held = [self.open("lane")]
        self.wait_for_job("lane")
        held.append(self.open("lane"))
        self.wait_for_job("lane", "queued")
        answer = self.call("lane")
        self.assert_problem(answer, 503, "queue-full")
        self.assertIn("Retry-After", answer.headers)
        for connection in held:
            connection.close()
        self.cancel_all("lane")

        held = self.open("patient")
        self.wait_for_job("patient")
        answer = self.call("patient")
        self.assert_problem(answer, 503, "function-rejected")
        self.assertEqual(answer.headers["Sallyport-State"], "rejected")
        self.assertIn("Retry-After", answer.headers)
        held.close()
        self.cancel_all("patient")

    # --- who, and what there is ---

    def test_strangers_learn_nothing(self):
        for path in ("bytes", "nothing", "exits?code=x&code=x", "echo"):
            for method in ("GET", "POST", "DELETE", "OPTIONS"):
                for token in (None, new_token()) if (path, method) == ("bytes", "GET") else (None,):
                    answer = self.call(path, method=method, token=token)
                    self.assert_problem(answer, 401, "unauthenticated")
                    self.assertNotIn("Allow", answer.headers)
        answer = self.call("echo", b"x" * MIB, token=None)
        self.assert_problem(answer, 401, "unauthenticated")

    def test_what_the_caller_may_not_run_is_not_there(self):
        def told(path, method, token):
            answer = self.call(path, b"{" if method == "POST" else None, method=method, token=self.tokens[token])
            body = answer.json()
            return (answer.status, {name: value for name, value in body.items() if name not in ("instance", "request_id")},
                    sorted(name for name in answer.headers if name != "Date"))
        for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS", "TRACE"):
            nothing = told("no/such", method, "runner")
            self.assertEqual(nothing[0], 404)
            for path in ("bytes", "picture", "needs?unknown=1", "show?whole=x", "wait", "shared/", "/shared"):
                self.assertEqual(told(path, method, "runner"), nothing, (path, method))
            self.assertEqual(told("exits?code=0", method, "reader"), nothing, "to see a command is not to run it")
        for path in ("", "plain", "Echo", "echo/", "echo/x", "ech%6f/x"):
            self.assert_problem(self.call(path, method="POST"), 404, "not-found")
        self.assert_output(self.call("ech%6f", b"x"), b"x")

    def test_the_right_to_run_is_enough(self):
        answer = self.call("echo", ALL_BYTES, token=self.tokens["runner"])
        self.assert_output(answer, ALL_BYTES)
        job_id = answer.headers["Sallyport-Job"]
        self.assertEqual(self.instance.request("GET", f"/v1/jobs/{job_id}", token=self.tokens["runner"]).status, 404)
        self.assertEqual(self.instance.request("GET", f"/v1/jobs/{job_id}/output", token=self.tokens["runner"]).status, 404)
        self.assertEqual(self.instance.job(job_id)["actor"]["id"], "runner")

    def test_methods_are_those_of_the_functions_that_the_caller_may_run(self):
        self.assert_output(self.call("shared", method="GET"), b"got")
        self.assert_output(self.call("shared", method="POST"), b"posted")
        answer = self.call("shared", method="PUT")
        self.assert_problem(answer, 405, "method-not-allowed")
        self.assertEqual(answer.headers["Allow"], "GET, HEAD, POST")
        answer = self.call("shared", method="POST", token=self.tokens["runner"])
        self.assert_problem(answer, 405, "method-not-allowed")
        self.assertEqual(answer.headers["Allow"], "GET, HEAD")
        for method in ("GET", "HEAD", "OPTIONS", "TRACE", "PUT"):
            answer = self.call("fast", method=method)
            self.assertEqual((answer.status, answer.headers["Allow"]), (405, "POST, DELETE"))
        self.assert_output(self.call("fast", method="DELETE"), b"ok")

    def test_pages_of_other_sites_may_not_call_whatever_the_method(self):
        for method in ("GET", "POST"):
            for headers in ({"Origin": "https://evil.example"}, {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}):
                self.assert_problem(self.call("shared", method=method, **headers), 403, "cross-site")
                self.assert_problem(self.call("%73hared", method=method, **headers), 403, "cross-site")
        self.assertEqual(self.call("shared", method="GET", Sec_Fetch_Site="same-origin").status, 200)
        self.assertEqual(self.call("shared", method="GET", Origin="https://dash.example", Sec_Fetch_Site="cross-site").status, 200)
        before = len(self.jobs("one-get"))
        self.instance.request("GET", "/%72/shared", headers={"Sec-Fetch-Site": "cross-site"})
        self.assertEqual(len(self.jobs("one-get")), before)

    # --- parameters ---

    def show(self, query="", body=None, method="GET", **headers):
        answer = self.call("show" + query, body, method=method, **headers)
        self.assertEqual(answer.status, 200, answer.body)
        return answer.body.decode()

    def test_a_query_is_parameters_of_their_types(self):
        self.assertEqual(self.show(), "-none|7|0.5|false|;")
        self.assertEqual(self.show("?text=a+b%26c%3d%C3%A4&whole=-12&real=1e3&flag=yes&list=3&list=1&list=2"),
                         "a b&c=ä|-12|1e3|true|3;1;2;")
        self.assertEqual(self.show("?flag=0&real=2&text="), "|7|2|false|;")
        answer = self.call("show?whole=5", method="GET")
        self.assertEqual(self.instance.job(answer.headers["Sallyport-Job"])["params"]["whole"], 5)

    def test_each_mistake_in_a_query_is_named(self):
        def faults(query, status, code):
            answer = self.call("show?" + query, method="GET")
            self.assert_problem(answer, status, code)
            return {(fault["pointer"], fault["code"]) for fault in answer.json().get("errors", [])}
        self.assertEqual(faults("nothing=1&whole=2&other=3", 400, "bad-query"),
                         {("/params/nothing", "unknown"), ("/params/other", "unknown")})
        self.assertEqual(faults("key=hidden", 400, "bad-query"), {("/params/key", "secret")})
        self.assertEqual(faults("text=%zz", 400, "bad-query"), set())
        self.assertEqual(faults("=x", 400, "bad-query"), set())
        self.assertEqual(faults("a%00b=x", 400, "bad-query"), set())
        self.assertEqual(faults("whole=x&real=inf&flag=maybe&word=c&list=1&list=y", 422, "params-invalid"),
                         {("/params/whole", "type"), ("/params/real", "type"), ("/params/flag", "type"), ("/params/word", "enum"),
                          ("/params/list/1", "type")})
        self.assertEqual(faults("text=a%00b", 422, "params-invalid"), {("/params/text", "nul")})
        self.assertEqual(faults("text=%ff", 422, "params-invalid"), {("/params/text", "utf8")})
        self.assertEqual(faults("whole=007", 422, "params-invalid"), {("/params/whole", "type")})
        self.assertEqual(faults("whole=1&whole=2", 422, "params-invalid"), {("/params/whole", "duplicate")})
        answer = self.call("needs", method="GET")
        self.assert_problem(answer, 422, "params-invalid")
        self.assertEqual(answer.json()["errors"][0]["pointer"], "/params/name")
        answer = self.call("needs?name=toolong", method="GET")
        self.assertEqual((answer.status, answer.json()["errors"][0]["code"]), (422, "max_length"))

    def test_a_body_is_parameters_as_json_or_as_a_form(self):
        def post(body, kind, query=""):
            return self.call("show" + query, body, **{"Content-Type": kind})
        form = urllib.parse.urlencode({"text": "a&b=ü\n", "whole": "3", "list": [4, 5]}, doseq=True).encode()
        self.assertEqual(post(form, "application/x-www-form-urlencoded").body.decode(), "a&b=ü\n|3|0.5|false|4;5;")
        values = json.dumps({"text": "x", "flag": True, "list": [9], "real": 1.25}).encode()
        self.assertEqual(post(values, "application/json").body, b"x|7|1.25|true|9;")
        self.assertEqual(post(b'{"text": "x"}', "application/json", "?whole=4").body, b"x|4|0.5|false|;")
        self.assertEqual(post(b"key=hidden", "application/x-www-form-urlencoded").status, 200)

    @unittest.skipUnless(os.getuid() == 0, "reads another process's memory")
    def test_parameters_are_forgotten_while_the_function_runs(self):
        secret = "key " + secrets.token_hex(16)
        form = urllib.parse.urlencode({"key": secret}).encode()
        answers = []
        thread = threading.Thread(target=lambda: answers.append(
            self.call("keeps", form, **{"Content-Type": "application/x-www-form-urlencoded"})))
        thread.start()
        self.wait_for_job("keeps")
        for text in (secret.encode(), form):
            self.assertFalse(any(text in piece for piece in memory_of(self.instance.part("front").pid)), text)
        self.cancel_all("keeps")
        thread.join(30)
        self.assert_problem(answers[0], 502, "function-failed")

    def test_mistakes_in_a_body_are_named(self):
        def post(body, kind="application/json", query=""):
            return self.call("show" + query, body, **{"Content-Type": kind})
        self.assert_problem(post(b'{"whole": '), 400, "bad-json")
        self.assert_problem(post(b"[1]"), 400, "bad-json")
        self.assert_problem(post(b'{"whole": {"a": 1}}'), 422, "params-invalid")
        self.assert_problem(post(b'{"whole": "5"}'), 422, "params-invalid")
        self.assert_problem(post(b'{"unknown": 5}'), 422, "params-invalid")
        self.assert_problem(post(b'{"whole": 5}', query="?whole=6"), 422, "params-invalid")
        self.assert_problem(post(b"a=%", "application/x-www-form-urlencoded"), 400, "bad-request")
        self.assert_problem(post(b"whole=x&unknown=1", "application/x-www-form-urlencoded"), 422, "params-invalid")
        self.assert_problem(post(b"text=" + b"x" * 300_000, "application/x-www-form-urlencoded"), 413, "body-too-large")
        self.assert_problem(post(b"&".join(b"list=1" for _ in range(3000)), "application/x-www-form-urlencoded"), 400, "bad-request")
        for kind in ("text/plain", "application/octet-stream", "multipart/form-data; boundary=x"):
            answer = post(b"x", kind)
            self.assert_problem(answer, 415, "unsupported-media-type")
            self.assertEqual(answer.headers["Accept-Post"], "application/json, application/x-www-form-urlencoded")

    def test_a_body_has_one_of_the_types_that_are_written_down(self):
        for kind in ("image/png", "IMAGE/PNG", "text/plain; charset=latin1", "text/x"):
            self.assert_output(self.call("picture", b"x", **{"Content-Type": kind}), b"x")
        for kind in ("image/jpeg", "text", "image/pngx", "application/json"):
            answer = self.call("picture", b"x", **{"Content-Type": kind})
            self.assert_problem(answer, 415, "unsupported-media-type")
            self.assertEqual(answer.headers["Accept-Post"], "image/png, text/*")
        self.assert_problem(self.call("picture", b"x", Content_Encoding="gzip", **{"Content-Type": "image/png"}), 415,
                            "unsupported-media-type")
        self.assert_problem(self.call("picture", b"x" * 1025, **{"Content-Type": "image/png"}), 413, "body-too-large")
        self.assert_output(self.call("picture"), b"")

    # --- what its output is ---

    def test_json_is_passed_on_when_it_is_one_document(self):
        for text in (b'{"a": [1, 2.50, "\\u00e4"]}\n', b"  7", b"null", b'"\xc3\xa4"'):
            answer = self.call("json", text)
            self.assert_output(answer, text)
            self.assertEqual(answer.headers["Content-Type"], "application/json")
        for text in (b"", b"{", b'{"a": 1} {"b": 2}', b"{'a': 1}", b'"\xff"', b'{"a": 1, "a": 2}', b"[" * 5000):
            answer = self.call("json", text)
            self.assert_problem(answer, 502, "function-failed")
            self.assertEqual(answer.headers["Sallyport-Exit"], "0")
        for text in (b"9223372036854775808", b'{"id": 123456789012345678901234567890}', b"-" + b"9" * 300):
            self.assert_output(self.call("json", text), text)
        large = b'"' + b"x" * (256 * 1024 - 2) + b'"'
        self.assert_output(self.call("json", large), large)
        self.assert_problem(self.call("json", large[:-1] + b'x"'), 502, "function-failed")

    def test_json_may_be_written_in_any_number_of_pieces(self):
        answer = self.call("json-pieces")
        self.assert_output(answer, b"[" + b"1," * 6000 + b"1]")

    def test_a_program_may_print_a_head(self):
        answer = self.call("cgi-get", method="GET")
        self.assert_output(answer, b"body\r\n")
        self.assertEqual((answer.headers["ETag"], answer.headers["Cache-Control"], answer.headers["Content-Type"]),
                         ('"v1"', "max-age=60", "text/css; charset=UTF-8"))
        self.assertIn("sandbox", answer.headers["Content-Security-Policy"])
        self.assert_output(self.call("cgi", b"\nplain body\n\n"), b"plain body\n\n")
        answer = self.call("cgi", b"Status: 404 Not here\ncontent-disposition: attachment; filename=\"a b\"\n\n" + ALL_BYTES)
        self.assert_output(answer, ALL_BYTES, 404)
        self.assertEqual((answer.headers["Content-Type"], answer.headers["Content-Disposition"]),
                         ("text/plain", 'attachment; filename="a b"'))
        answer = self.call("cgi", b"Location: /elsewhere?a=b\n\n")
        self.assertEqual((answer.status, answer.headers["Location"]), (302, "/elsewhere?a=b"))
        answer = self.call("cgi", b"Status: 201\nLocation: https://other.example/x\n\nmade")
        self.assertEqual((answer.status, answer.headers["Location"], answer.body), (201, "https://other.example/x", b"made"))
        answer = self.call("page", b"Content-Type: text/html; charset=utf-8\n\n<p>x</p>")
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "text/html; charset=utf-8"))
        answer = self.call("cgi", b"Status: 204\n\nignored")
        self.assertEqual((answer.status, answer.body), (204, b""))
        body = os.urandom(MIB)
        self.assert_output(self.call("cgi", b"Status: 200\n\n" + body), body)
        head = b"".join(name + b": " + b"a" * 1000 + b"\n" for name in (b"ETag", b"Expires", b"Content-Language", b"Retry-After"))
        self.assert_output(self.call("cgi", head + b"\nx"), b"x")

    def test_a_head_that_is_none_of_a_programs_business_fails(self):
        for name, (head, word) in BAD_HEADS.items():
            with self.subTest(name):
                answer = self.call("cgi", head)
                self.assert_problem(answer, 502, "function-failed")
                self.assertIn(word, answer.json()["detail"])
                self.assertNotIn("Set-Cookie", answer.headers)
                self.assertNotIn("ETag", answer.headers)

    def test_the_status_of_a_head_wins_over_that_of_the_exit_code(self):
        answer = self.call("cgi-exit")
        self.assert_output(answer, b"no tea", 418)
        self.assertEqual(answer.headers["Sallyport-Exit"], "3")

    # --- many, slow, again ---

    def test_fifty_at_once_get_each_their_own(self):
        answers = {}

        def one(number):
            data = b"%d:" % number + os.urandom(10_000)
            answers[number] = (data, self.call("echo", data, timeout=120))
        threads = [threading.Thread(target=one, args=(number,)) for number in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(180)
        self.assertEqual(len(answers), 50)
        for data, answer in answers.values():
            self.assert_output(answer, data)

    def test_a_slow_reader_gets_all_of_a_large_answer(self):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        connection.settimeout(60)
        connection.connect(("127.0.0.1", self.instance.port))
        connection.sendall(f"POST /r/large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                           f"Authorization: Bearer {self.instance.token}\r\n\r\n".encode())
        got = bytearray(connection.recv(4096))
        before = self.resident("front")
        for _ in range(10):
            time.sleep(0.05)
            got += connection.recv(65536)
        self.assertLess(self.resident("front") - before, OUTPUT_LARGE // 2, "the front does not hold the answer")
        while piece := connection.recv(MIB):
            got += piece
        connection.close()
        head, body = bytes(got).split(b"\r\n\r\n", 1)
        self.assertIn(b"Content-Length: %d" % OUTPUT_LARGE, head)
        self.assertEqual(len(body), OUTPUT_LARGE)
        self.assertEqual(body.count(b"\0"), OUTPUT_LARGE)

    def resident(self, part):
        with open(f"/proc/{self.instance.part(part).pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def test_the_same_key_is_the_same_job(self):
        first = self.call("bytes", Idempotency_Key="k1")
        again = self.call("bytes", Idempotency_Key="k1")
        self.assert_output(again, ALL_BYTES)
        self.assertEqual(again.headers["Sallyport-Job"], first.headers["Sallyport-Job"])
        self.assertEqual((first.headers.get("Idempotency-Replayed"), again.headers.get("Idempotency-Replayed")), (None, "true"))
        self.assert_output(self.call("echo", b"a", Idempotency_Key="k1"), b"a")
        self.assert_problem(self.call("echo", b"b", Idempotency_Key="k1"), 422, "idempotency-mismatch")
        self.assert_problem(self.call("echo", b"b", Idempotency_Key="a b"), 400, "bad-request")
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(self.call("nap", b"x", Idempotency_Key="k2"))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        self.assertEqual([answer.body for answer in answers], [b"rested\n"] * 4)
        self.assertEqual(len({answer.headers["Sallyport-Job"] for answer in answers}), 1)

    def test_a_request_that_is_the_same_as_one_before_gets_its_answer(self):
        first, again = self.call("once"), self.call("once")
        self.assertEqual((again.status, again.body), (200, first.body))
        self.assertEqual(again.headers["Sallyport-Deduplicated"], "true")

    def test_metrics_know_the_route_and_not_the_path(self):
        self.call("bytes")
        self.call("no/such/path")
        text = self.instance.request("GET", "/metrics").body.decode()
        self.assertIn('sallyport_http_requests_total{route="/r/{path}",method="POST",code="200"}', text)
        self.assertIn('sallyport_jobs_total{command="bytes",state="succeeded",source="route"}', text)
        self.assertNotIn("no/such", text)


class DocumentInstance(Instance):
    """With the commands that docs/functions.md shows."""

    def write_config(self, text=None):
        config = {name: value for name, value in self.config.items() if name != "commands"}
        super().write_config(yaml_text(config).lstrip("\n") + text_of_document().partition("```yaml\n")[2].partition("```\n")[0])


def text_of_document():
    with open(os.path.join(SOURCE, "docs", "functions.md"), encoding="utf-8") as file:
        return file.read()


class TestFunctionsDocument(unittest.TestCase):
    def test_the_examples_say_what_the_document_says(self):
        examples = re.findall(r"^    \$ (.*)\n((?:    (?!\$ ).*\n)*)", text_of_document(), re.MULTILINE)
        self.assertGreaterEqual(len(examples), 6)
        with DocumentInstance({}) as instance:
            for command, said in examples:
                done = subprocess.run(["/bin/bash", "-c", command], capture_output=True, text=True, timeout=60, check=False,
                                      env={"PATH": "/usr/bin:/bin", "U": instance.url, "A": f"Authorization: Bearer {instance.token}"})
                self.assertEqual(done.stdout, re.sub("^    ", "", said, flags=re.MULTILINE), (command, done.stderr))


if __name__ == "__main__":
    unittest.main()
