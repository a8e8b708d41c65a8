#!/usr/bin/python3
"""Users with a password: what a login gives, what the cookie does and does not do, and what ends it. Over TLS and a unix socket."""

import concurrent.futures
import contextlib
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import unittest

import harness
from harness import Refused, wait_until
from host import memory_of
from receivers import Certificates
from test_tls import TlsInstance

PASSWORD = "correct horse " + secrets.token_hex(12)
OTHER_PASSWORD = "battery staple " + secrets.token_hex(12)
COOKIE = "__Host-sallyport"
OURS = {"Sec-Fetch-Site": "same-origin"}
SECRET = "[0-9a-f]{64}"

certificates = None


def setUpModule():
    global certificates
    certificates = Certificates()


def tearDownModule():
    certificates.remove()


def make_line(password):
    """What `sallyport user hash` prints for it."""
    done = subprocess.run([os.path.join(harness.BIN, "sallyport"), "user", "hash"], input=password.encode(), capture_output=True,
                          check=True, timeout=60)
    return done.stdout.decode()


class UnixConnection(http.client.HTTPConnection):

    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(self.path)


class Answer:

    def __init__(self, answer, body):
        self.status, self.headers, self.body = answer.status, answer.headers, body

    def json(self):
        return json.loads(self.body)

    def cookie(self):
        return self.headers["Set-Cookie"].partition(";")[0]


class Following:
    """A stream whose lines are read as they come."""

    def __init__(self, connection, answer):
        self.connection, self.answer = connection, answer

    def line(self):
        return self.answer.readline()

    def rest(self):
        """All that comes until the other side ends it."""
        try:
            return self.answer.read()
        except http.client.IncompleteRead as cut:
            return cut.partial

    def close(self):
        self.connection.close()


class SessionInstance(TlsInstance):
    """alice and bob may log in, over TLS, a unix socket, and a plain port where they may not."""

    def __init__(self, sessions=None, users=None, proxies=None, **more):
        super().__init__(certificates, **more)
        self.config["server"]["listen"].append(f"unix:{self.socket_path}")
        if sessions is not None:
            self.config["server"]["sessions"] = sessions
        if proxies is not None:
            self.config["server"]["trusted_proxies"] = {"peers": proxies}
        self.config["users"] = {}
        self.set_user("alice", PASSWORD)
        self.set_user("bob", OTHER_PASSWORD, allow=["run:hello", "read:own"])
        self.config["users"].update(users or {})

    def line_path(self, name):
        return os.path.join(self.directory, f"user-{name}")

    def set_user(self, name, password, **keys):
        self.write_private(self.line_path(name), make_line(password))
        self.config["users"][name] = {"password": f"file:{self.line_path(name)}", "allow": ["run:*", "read:own", "cancel:own"], **keys}

    def open(self, where="tls"):
        if where == "unix":
            return UnixConnection(self.socket_path)
        return self.connect_tls() if where == "tls" else self.connect()

    def ask(self, method, path, cookie=None, headers=None, body=None, where="tls"):
        """Without a token."""
        headers = {**({"Cookie": cookie} if cookie else {}), **(headers or {})}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        with contextlib.closing(self.open(where)) as connection:
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            return Answer(answer, answer.read())

    def log_in(self, user="alice", password=PASSWORD, **more):
        return self.ask("POST", "/v1/session", body={"user": user, "password": password}, **more)

    def cookie(self, user="alice", password=PASSWORD, **more):
        answer = self.log_in(user, password, **more)
        if answer.status != 200:
            raise AssertionError(f"{answer.status}: {answer.body}\n{self.log()}")
        return answer.cookie()

    def status(self, cookie, path="/v1/whoami"):
        return self.ask("GET", path, cookie).status

    def follow(self, cookie, path, accept):
        """A stream that is open."""
        connection = self.connect_tls(timeout=60)
        connection.request("GET", path, headers={"Cookie": cookie, "Accept": accept})
        answer = connection.getresponse()
        if answer.status != 200:
            raise Refused(Answer(answer, answer.read()))
        return Following(connection, answer)

    def reloaded(self):
        """Reloads, and returns when that has taken effect."""
        self.write_config()
        answer = self.request("POST", "/v1/config/reload")
        if answer.status != 200:
            raise AssertionError(f"{answer.status} {answer.body}")


class SessionTest(unittest.TestCase):
    options = {}
    instance = None

    @classmethod
    def setUpClass(cls):
        if not os.access(os.path.join(harness.BIN, "sallyportd"), os.X_OK):
            raise unittest.SkipTest(f"{harness.BIN}/sallyportd is not built")
        cls.instance = SessionInstance(**cls.options).start()
        cls.addClassCleanup(cls.instance.stop)

    def audit(self, what):
        done = subprocess.run([os.path.join(harness.BIN, "sallyport"), "audit", "ls", "--state", self.instance.state, "-o", "json"],
                              capture_output=True, check=False, timeout=60)
        entries = json.loads(done.stdout) if done.returncode == 0 else self.fail(done.stderr)
        return [entry for entry in (entries["items"] if isinstance(entries, dict) else entries) if entry["what"] == what]


class Logins(SessionTest):

    def test_a_login_gives_a_cookie_that_is_the_user(self):
        answer = self.instance.log_in()
        self.assertEqual(answer.status, 200)
        self.assertRegex(answer.headers["Set-Cookie"],
                         f"^{COOKIE}={SECRET}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=43200$")
        self.assertEqual(answer.headers.get_all("Set-Cookie"), [answer.headers["Set-Cookie"]])
        self.assertEqual(answer.headers["Clear-Site-Data"], '"cache", "storage"')
        self.assertEqual(answer.headers["Cache-Control"], "no-store, no-transform")
        said = answer.json()
        self.assertEqual((said["id"], said["via"], said["scopes"]), ("user:alice", "session", ["run:*", "read:own", "cancel:own"]))
        self.assertNotIn(answer.cookie().partition("=")[2], answer.body.decode())
        whoami = self.instance.ask("GET", "/v1/whoami", answer.cookie()).json()
        self.assertEqual(whoami, {key: said[key] for key in whoami})

    def test_it_may_be_made_over_a_unix_socket_too(self):
        cookie = self.instance.cookie(where="unix")
        self.assertEqual(self.instance.ask("GET", "/v1/whoami", cookie, where="unix").json()["id"], "user:alice")

    def test_a_job_is_the_users(self):
        cookie = self.instance.cookie()
        answer = self.instance.ask("POST", "/v1/commands/hello/jobs", cookie, OURS, {})
        self.assertEqual(answer.status, 202)
        job = self.instance.wait(answer.json()["id"])
        self.assertEqual((job["actor"]["id"], job["actor"]["via"]), ("user:alice", "session"))
        self.assertEqual(self.instance.status(cookie, f"/v1/jobs/{job['id']}"), 200)
        self.assertEqual(self.instance.status(self.instance.cookie("bob", OTHER_PASSWORD), f"/v1/jobs/{job['id']}"), 404)

    def test_a_user_has_only_the_users_rights(self):
        cookie = self.instance.cookie("bob", OTHER_PASSWORD)
        answer = self.instance.ask("POST", "/v1/commands/size/jobs", cookie, OURS, {})
        self.assertIn(answer.status, (403, 404))
        self.assertEqual(self.instance.status(cookie, "/v1/tokens"), 403)

    def test_the_session_says_when_it_ends(self):
        cookie = self.instance.cookie()
        times = self.instance.ask("GET", "/v1/session", cookie).json()["session"]
        self.assertLess(times["began_at"], times["idle_expires_at"])
        self.assertLess(times["idle_expires_at"], times["expires_at"])
        self.assertEqual(self.instance.request("GET", "/v1/session").status, 404)
        self.assertEqual(self.instance.request("DELETE", "/v1/session").status, 404)
        self.assertEqual(self.instance.ask("GET", "/v1/session").status, 401)

    def test_a_wrong_password_and_an_unknown_user_get_the_same(self):
        wrong, unknown = self.instance.log_in(password=PASSWORD[:-1]), self.instance.log_in("nobody")
        self.assertEqual((wrong.status, unknown.status), (401, 401))
        self.assertNotIn("Set-Cookie", wrong.headers)
        said = [answer.json() for answer in (wrong, unknown)]
        for problem in said:
            problem.pop("request_id")
        self.assertEqual(said[0], said[1])

    def test_the_password_is_all_of_it(self):
        for password in (PASSWORD + "x", " " + PASSWORD, PASSWORD.upper(), "x" * 1024):
            self.assertEqual(self.instance.log_in(password=password).status, 401, password)

    def test_the_body_is_json_with_two_texts(self):
        for body, status in (({"user": "alice"}, 422), ({"password": PASSWORD}, 422), ({"user": "alice", "password": 5}, 422),
                             ({"user": "alice", "password": "x" * 1025}, 422), ({"user": "x" * 200, "password": "x"}, 422),
                             ({"user": "alice", "password": ""}, 422), ({"user": "alice", "password": PASSWORD, "x": 1}, 400),
                             (b'{"user": "alice", "password": "' + PASSWORD.encode(), 400), (b"[]", 400), (b"", 422)):
            headers = {"Content-Type": "application/json"}
            answer = self.instance.ask("POST", "/v1/session", headers=headers, body=body)
            self.assertEqual(answer.status, status, (body, answer.body))
            self.assertNotIn("Set-Cookie", answer.headers)
            self.assertNotIn(PASSWORD, answer.body.decode())

    def test_no_form_of_a_page_logs_anybody_in(self):
        body = json.dumps({"user": "alice", "password": PASSWORD}).encode()
        for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", None):
            headers = {"Content-Type": content_type} if content_type else {}
            self.assertEqual(self.instance.ask("POST", "/v1/session", headers=headers, body=body).status, 415, content_type)
        for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
            answer = self.instance.log_in(headers=headers)
            self.assertEqual((answer.status, answer.json()["code"]), (403, "cross-site"), headers)

    def test_no_password_is_taken_where_others_can_read_it(self):
        answer = self.instance.log_in(where="plain")
        self.assertEqual((answer.status, answer.json()["code"]), (403, "tls-required"))
        answer = self.instance.log_in(where="plain", headers={"X-Forwarded-Proto": "https"})
        self.assertEqual(answer.status, 403, "nobody listed this proxy")
        cookie = self.instance.cookie()
        self.assertEqual(self.instance.ask("GET", "/v1/whoami", cookie, where="plain").status, 401)

    def test_other_methods_are_named(self):
        answer = self.instance.request("PUT", "/v1/session")
        self.assertEqual((answer.status, answer.headers["Allow"]), (405, "GET, HEAD, POST, DELETE"))

    def test_a_login_does_not_mind_what_else_the_request_shows(self):
        stale = f"{COOKIE}={'0' * 64}"
        self.assertEqual(self.instance.log_in(cookie=stale, headers=OURS).status, 200)
        self.assertEqual(self.instance.log_in(cookie=stale).status, 403, "with a cookie it is a browser, which would say where from")
        self.assertEqual(self.instance.log_in(headers={"Authorization": "Bearer nonsense"}).status, 200)

    def test_each_login_and_logout_is_in_the_audit_trail(self):
        before = len(self.audit("login")), len(self.audit("logout"))
        cookie = self.instance.cookie()
        self.instance.ask("DELETE", "/v1/session", cookie, OURS)
        logins, logouts = self.audit("login"), self.audit("logout")
        self.assertEqual((len(logins), len(logouts)), (before[0] + 1, before[1] + 1))
        self.assertEqual((logins[-1]["actor"], logouts[-1]["actor"]), ("user:alice", "user:alice"))

    def test_a_failed_login_names_users_and_no_others(self):
        typed = "typo-" + secrets.token_hex(8)
        self.instance.log_in(password="wrong password")
        self.instance.log_in(typed)
        def details():
            return [entry["why"] for entry in self.audit("refused") if "login" in entry["why"]]
        self.assertTrue(any("not the password of 'alice'" in detail for detail in details()), details())
        self.assertTrue(any("no such user" in detail for detail in details()), details())
        self.assertFalse(any(typed in detail for detail in details()), "people type passwords there")


class Cookies(SessionTest):

    def test_what_acts_says_that_it_is_of_our_own_origin(self):
        cookie, host = self.instance.cookie(), f"127.0.0.1:{self.instance.tls_port}"
        def act(headers):
            return self.instance.ask("POST", "/v1/commands/hello/jobs", cookie, headers, {}).status
        for headers in ({"Origin": f"https://{host}"}, {"Sec-Fetch-Site": "same-origin"},
                        {"Origin": f"https://{host}", "Sec-Fetch-Site": "same-origin"}):
            self.assertEqual(act(headers), 202, headers)
        for headers in ({}, {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": f"http://{host}"},
                        {"Origin": "https://127.0.0.1"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
                        {"Sec-Fetch-Site": "none"}, {"Origin": f"https://{host}", "Sec-Fetch-Site": "cross-site"},
                        {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"}):
            self.assertEqual(act(headers), 403, headers)
        self.assertEqual(self.instance.ask("DELETE", "/v1/session", cookie).status, 403)
        self.assertEqual(self.instance.status(cookie), 200)

    def test_a_listed_origin_acts_with_tokens_and_not_with_cookies(self):
        cookie = self.instance.cookie()
        listed = {"Origin": "https://dash.example.org"}
        self.assertEqual(self.instance.ask("POST", "/v1/commands/hello/jobs", cookie, listed, {}).status, 403)
        self.assertEqual(self.instance.request("POST", "/v1/commands/hello/jobs", {}, headers=listed).status, 202)

    options = {"server": {"origins": ["https://dash.example.org"]}}

    def test_forms_act_no_more_than_they_do_with_tokens(self):
        cookie = self.instance.cookie()
        for content_type in ("text/plain", "application/x-www-form-urlencoded"):
            answer = self.instance.ask("POST", "/v1/commands/hello/jobs", cookie, {"Content-Type": content_type, **OURS}, b"{}")
            self.assertEqual(answer.status, 415)

    def test_a_cookie_counts_only_alone_and_whole(self):
        cookie = self.instance.cookie()
        value = cookie.partition("=")[2]
        for fine in (f"a=b; {cookie}", f"{cookie}; a=b", f"{COOKIE}x={value[::-1]}; {cookie}", f"a; {cookie}", f"=; {cookie};"):
            self.assertEqual(self.instance.status(fine), 200, fine)
        for wrong in (f"{cookie}; {cookie}", f"{cookie}; {COOKIE}=", f"{COOKIE}={'0' * 64}; {cookie}", f"{COOKIE}; {cookie}",
                      f"{COOKIE}={value[:-1]}", f"{COOKIE}={value}0", f'{COOKIE}="{value}"', f"{COOKIE} ={value}",
                      f"{COOKIE}={value.upper()}" if value.upper() != value else f"{COOKIE}=", f"{COOKIE.lower()}={value}",
                      f"sallyport={value}", f"{COOKIE}={'0' * 64}"):
            self.assertEqual(self.instance.status(wrong), 401, wrong)

    def test_two_headers_with_one_cookie_each_are_two_cookies(self):
        cookie = self.instance.cookie()
        for second, status in (("a=b", 200), (cookie, 401)):
            with contextlib.closing(self.instance.open()) as connection:
                connection.putrequest("GET", "/v1/whoami")
                connection.putheader("Cookie", cookie)
                connection.putheader("Cookie", second)
                connection.endheaders()
                self.assertEqual(connection.getresponse().status, status, second)

    def test_a_bad_cookie_on_a_unix_socket_is_not_the_peer(self):
        self.instance.config["peers"] = {"root": {"uid": os.getuid(), "allow": ["admin"]}}
        self.instance.reloaded()
        self.assertEqual(self.instance.ask("GET", "/v1/whoami", where="unix").json()["id"], "root")
        self.assertEqual(self.instance.ask("GET", "/v1/whoami", f"{COOKIE}={'0' * 64}", where="unix").status, 401)

    def test_a_header_of_authorization_wins(self):
        cookie = self.instance.cookie()
        token = {"Authorization": f"Bearer {self.instance.token}"}
        self.assertEqual(self.instance.ask("GET", "/v1/whoami", cookie, token).json()["id"], "tester")
        self.assertEqual(self.instance.ask("POST", "/v1/commands/hello/jobs", cookie, token, {}).status, 202,
                         "it is a token that acts, which no browser sends by itself")
        self.assertEqual(self.instance.ask("GET", "/v1/whoami", cookie, {"Authorization": "Bearer wrong"}).status, 401)


class Ends(SessionTest):

    def setUp(self):
        self.instance.set_user("alice", PASSWORD)
        self.instance.reloaded()

    def open_stream(self, cookie):
        answer = self.instance.ask("POST", "/v1/commands/count/jobs", cookie, OURS, {})
        job = answer.json()["id"]
        self.addCleanup(self.instance.request, "POST", f"/v1/jobs/{job}/cancel", {})
        streams = [self.instance.follow(cookie, f"/v1/jobs/{job}/output?follow=1", "application/x-ndjson"),
                   self.instance.follow(cookie, "/v1/events", "text/event-stream")]
        for stream in streams:
            self.addCleanup(stream.close)
            self.assertNotEqual(stream.line(), b"")
        return job, streams

    def assert_closed(self, job, streams):
        """Both end, and the job that they would tell of does not."""
        for stream in streams:
            stream.rest()
        self.assertIsNone(self.instance.job(job)["end"])

    def test_a_logout_ends_it_and_its_streams(self):
        cookie, other = self.instance.cookie(), self.instance.cookie()
        job, streams = self.open_stream(cookie)
        answer = self.instance.ask("DELETE", "/v1/session", cookie, OURS)
        self.assertEqual(answer.status, 204)
        self.assertEqual(answer.headers["Set-Cookie"], f"{COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0")
        self.assertEqual(answer.headers["Clear-Site-Data"], '"cache", "cookies", "storage"')
        self.assert_closed(job, streams)
        self.assertEqual(self.instance.status(cookie), 401)
        self.assertEqual(self.instance.ask("DELETE", "/v1/session", cookie, OURS).status, 401)
        self.assertEqual(self.instance.status(other), 200, "another session of the same user goes on")

    def test_a_user_who_is_taken_out_is_out(self):
        cookie, bob = self.instance.cookie(), self.instance.cookie("bob", OTHER_PASSWORD)
        job, streams = self.open_stream(cookie)
        alice = self.instance.config["users"].pop("alice")
        self.instance.reloaded()
        self.assert_closed(job, streams)
        self.assertEqual(self.instance.status(cookie), 401)
        self.assertEqual(self.instance.status(bob), 200)
        self.instance.config["users"]["alice"] = alice
        self.instance.reloaded()
        self.assertEqual(self.instance.status(cookie), 401, "what has ended does not come back")

    def test_another_password_ends_sessions(self):
        cookie = self.instance.cookie()
        job, streams = self.open_stream(cookie)
        self.instance.set_user("alice", PASSWORD)       # with another salt
        self.instance.reloaded()
        self.assert_closed(job, streams)
        self.assertEqual(self.instance.status(cookie), 401)
        self.assertEqual(self.instance.log_in().status, 200)

    def test_a_reload_that_changes_no_user_ends_nothing(self):
        cookie = self.instance.cookie()
        self.instance.reloaded()
        self.assertEqual(self.instance.status(cookie), 200)

    def test_an_empty_file_is_nobodys_password(self):
        cookie = self.instance.cookie()
        self.instance.write_private(self.instance.line_path("alice"), "")
        self.instance.reloaded()
        self.assertEqual((self.instance.status(cookie), self.instance.log_in().status, self.instance.log_in(password="").status),
                         (401, 401, 422))

    def test_rights_are_those_of_the_moment(self):
        cookie = self.instance.cookie()
        self.instance.config["users"]["alice"]["allow"] = ["read:own"]
        self.instance.reloaded()
        self.assertEqual(self.instance.ask("GET", "/v1/whoami", cookie).json()["scopes"], ["read:own"])

    def test_a_user_who_expired_or_comes_from_elsewhere_is_out(self):
        for keys in ({"expires": "2020-01-01"}, {"from": ["192.0.2.0/24"]}):
            cookie = self.instance.cookie()
            self.instance.set_user("bob", OTHER_PASSWORD, **keys)
            self.instance.config["users"]["alice"].update(keys)
            self.instance.reloaded()
            self.assertEqual(self.instance.status(cookie), 401, keys)
            self.assertEqual(self.instance.log_in().status, 401, keys)
            self.instance.set_user("alice", PASSWORD)
            self.instance.set_user("bob", OTHER_PASSWORD, allow=["run:hello", "read:own"])
            self.instance.reloaded()

    def test_a_file_that_others_can_read_is_refused(self):
        os.chmod(self.instance.line_path("alice"), 0o644)
        self.instance.write_config()
        answer = self.instance.request("POST", "/v1/config/reload")
        self.assertEqual((answer.status, answer.json()["code"]), (422, "config-invalid"))
        self.assertIn("chmod 600", answer.body.decode())

    def test_one_session_too_many_ends_the_one_that_was_used_longest_ago(self):
        self.instance.set_user("alice", PASSWORD)       # nobody's session is left
        self.instance.reloaded()
        cookies = [self.instance.cookie() for _ in range(16)]
        self.assertEqual([self.instance.status(cookie) for cookie in cookies], [200] * 16)
        self.assertEqual(self.instance.status(cookies[0]), 200, "used last")
        self.instance.cookie()
        self.assertEqual([self.instance.status(cookie) for cookie in cookies], [200, 401] + [200] * 14)


class Times(SessionTest):
    options = {"sessions": {"idle": "3s", "max_age": "20s"}}

    def test_a_session_that_rests_ends_and_one_that_is_used_ends_later(self):
        resting, used = self.instance.cookie(), self.instance.cookie()
        events = self.instance.follow(resting, "/v1/events", "text/event-stream")
        self.addCleanup(events.close)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            closing = pool.submit(events.rest)      # a stream is no use of it, and ends with it
            while not closing.done():
                self.assertEqual(self.instance.status(used), 200)
        self.assertEqual(self.instance.status(resting), 401)
        self.assertTrue(wait_until(lambda: self.instance.status(used) == 401, 30, 0.2), "used or not, it has an age")
        self.assertEqual(self.instance.status(self.instance.cookie()), 200)

    def test_the_cookie_goes_with_it(self):
        self.assertIn("Max-Age=20", self.instance.log_in().headers["Set-Cookie"])


class Restarts(SessionTest):

    def restarted(self, name, number):
        before = self.instance.part(name)
        os.kill(before.pid, number)
        def is_new():
            with contextlib.suppress(AssertionError):
                return self.instance.part(name).pid != before.pid and self.instance.is_ready()
            return False
        self.assertTrue(wait_until(is_new, 30, 0.05), self.instance.log())

    def test_a_killed_keeper_logs_nobody_out(self):
        cookie, gone = self.instance.cookie(), self.instance.cookie()
        self.instance.ask("DELETE", "/v1/session", gone, OURS)
        self.restarted("keeper", signal.SIGKILL)
        self.assertEqual((self.instance.status(cookie), self.instance.status(gone)), (200, 401))

    def test_a_killed_front_logs_nobody_out(self):
        cookie = self.instance.cookie()
        self.restarted("front", signal.SIGKILL)
        self.assertEqual(self.instance.status(cookie), 200)

    def test_a_restart_of_the_service_logs_nobody_out(self):
        cookie = self.instance.cookie()
        self.instance.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.instance.process.wait(60), 0)
        self.instance.start()
        self.assertEqual(self.instance.status(cookie), 200)


class Crowds(SessionTest):

    def test_guesses_from_one_address_are_put_off_and_no_others(self):
        statuses = [self.instance.log_in(password="wrong password").status for _ in range(25)]
        self.assertEqual(statuses[:20], [401] * 20)
        self.assertEqual(statuses[20:], [429] * 5)
        self.assertEqual(self.instance.log_in().status, 429, "the right one from there, too")
        answer = self.instance.log_in()
        self.assertGreater(int(answer.headers["Retry-After"]), 0)
        self.assertEqual(self.instance.log_in(where="unix").status, 200, "from elsewhere the user is let in")
        self.assertEqual(self.instance.log_in("bob", OTHER_PASSWORD).status, 200, "and others from the same address")
        self.instance.reloaded()

    def test_a_crowd_is_put_off_and_nobody_else_waits(self):
        """Two dozen at once from one address, which has four places; meanwhile the loop answers."""
        with concurrent.futures.ThreadPoolExecutor(28) as pool:
            logins = [pool.submit(self.instance.log_in) for _ in range(24)]
            answered = 0
            while not all(login.done() for login in logins):
                self.assertEqual(self.instance.request("GET", "/v1/whoami").status, 200)
                answered += 1
        statuses = sorted(login.result().status for login in logins)
        self.assertGreater(answered, 0)
        self.assertEqual(set(statuses), {200, 429}, statuses)
        for login in logins:
            if login.result().status == 429:
                self.assertEqual(login.result().headers["Retry-After"], "2")
        self.assertEqual(self.instance.log_in().status, 200)

    def test_whoever_leaves_does_not_hold_the_place(self):
        for _ in range(8):
            with contextlib.closing(self.instance.open("unix")) as connection:
                connection.request("POST", "/v1/session", json.dumps({"user": "alice", "password": PASSWORD}),
                                   {"Content-Type": "application/json"})
        self.assertTrue(wait_until(lambda: self.instance.log_in(where="unix").status == 200, 30))


class Secrets(SessionTest):

    def test_a_password_is_nowhere_afterwards(self):
        wrong = "wrong " + secrets.token_hex(16)
        cookie = self.instance.cookie()
        self.instance.log_in(password=wrong)
        self.instance.log_in(user="nobody", password=wrong)
        self.instance.ask("POST", "/v1/session", headers={"Content-Type": "application/json"}, body=f'{{"password": "{wrong}"'.encode())
        self.instance.ask("POST", "/v1/session", headers={"Content-Type": "application/json"},
                          body={"user": "alice", "password": wrong, "more": wrong})
        self.instance.ask("DELETE", "/v1/session", cookie, OURS)
        self.assertEqual(self.instance.status(cookie), 401)     # all of it is stored by now
        wanted = [text.encode() for text in (PASSWORD, wrong, cookie.partition("=")[2])]
        for directory, _, names in os.walk(self.instance.directory):
            for name in names:
                path = os.path.join(directory, name)
                if not os.path.isfile(path):
                    continue
                with open(path, "rb") as file:
                    data = file.read()
                for text in wanted:
                    self.assertNotIn(text, data, path)

    def assert_forgotten(self, part, texts, there):
        wanted = {text.encode() for text in texts}
        has_any, found = False, set()
        for piece in memory_of(self.instance.part(part).pid):
            has_any |= there.encode() in piece
            found |= {text for text in wanted if text in piece}
        self.assertTrue(has_any, f"{there} was not found, so nothing would have been")
        self.assertEqual(found, set(), part)

    @unittest.skipUnless(os.getuid() == 0, "reads another process's memory")
    def test_the_processes_have_forgotten_it(self):
        for where in ("tls", "unix"):
            wrong = "wrong " + secrets.token_hex(16)
            self.instance.cookie(where=where)
            self.assertEqual(self.instance.log_in(password=wrong, where=where).status, 401)
            with self.subTest(where):
                self.assert_forgotten("keeper", [PASSWORD, wrong], "user:alice")
                self.assert_forgotten("front", [PASSWORD, wrong], "/v1/session")

    @unittest.skipUnless(os.getuid() == 0, "reads another process's memory")
    def test_a_login_in_chunks_is_forgotten_too(self):
        wrong = "wrong " + secrets.token_hex(16)
        text = json.dumps({"user": "alice", "password": wrong})
        with contextlib.closing(self.instance.open()) as connection:
            connection.request("POST", "/v1/session", body=iter([text[:20].encode(), text[20:].encode()]), encode_chunked=True,
                               headers={"Content-Type": "application/json", "Transfer-Encoding": "chunked"})
            self.assertEqual(connection.getresponse().status, 401)
            self.assert_forgotten("front", [wrong], "/v1/session")

    @unittest.skipUnless(os.getuid() == 0, "reads another process's memory")
    def test_a_login_that_is_not_looked_at_is_forgotten_too(self):
        for status, where, kind, more in ((403, "plain", "application/json", ""), (415, "tls", "text/plain", ""),
                                          (413, "tls", "application/json", "x" * 300_000)):
            wrong = "wrong " + secrets.token_hex(16)
            body = json.dumps({"user": "alice", "password": wrong, "more": more}).encode()
            with self.subTest(status), contextlib.closing(self.instance.open(where)) as connection:
                connection.request("POST", "/v1/session", body, {"Content-Type": kind})
                self.assertEqual(connection.getresponse().status, status)
                self.assert_forgotten("front", [wrong], "/v1/session")


class Proxies(SessionTest):
    options = {"proxies": ["127.0.0.1"]}

    def test_a_proxy_of_ours_may_say_that_it_speaks_tls(self):
        spoken = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.7"}
        cookie = self.instance.cookie(where="plain", headers=spoken)
        self.assertEqual(self.instance.ask("GET", "/v1/whoami", cookie, spoken, where="plain").json()["id"], "user:alice")
        for said in ({}, {"X-Forwarded-Proto": "http"}, {"X-Forwarded-Proto": "https, http"}, {"X-Forwarded-Proto": "HTTPS "}):
            headers = {**said, "X-Forwarded-For": "198.51.100.7"}
            self.assertEqual(self.instance.log_in(where="plain", headers=headers).status, 403, said)
            self.assertEqual(self.instance.ask("GET", "/v1/whoami", cookie, headers, where="plain").status, 401, said)


if __name__ == "__main__":
    unittest.main()
