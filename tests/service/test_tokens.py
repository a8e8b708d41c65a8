"""Who may call: what a token is known by, where from, what it may say, and how it is replaced and withdrawn."""

import base64
import contextlib
import datetime
import http.client
import json
import os
import re
import signal
import sqlite3
import subprocess
import threading
import time
import unittest

import harness
from harness import Instance, Refused, new_token, token_hash, wait_until

# A second, as an operator counts it; the machine may be busy and the programs built with sanitizers.
SOON_SECONDS = 1
SLACK_SECONDS = 4

HELLO = {"exec": ["/usr/bin/echo", "hello"]}
SLOW = {"exec": ["/usr/bin/sleep", "30"], "timeout": "60s"}


class TokenCase(unittest.TestCase):
    commands, server, rights = {"hello": HELLO, "slow": SLOW}, None, {}

    def setUp(self):
        harness.needs_program(self, "sallyportd")
        self.secret = new_token()
        self.instance = Instance({name: dict(keys) for name, keys in self.commands.items()}, server=self.server)
        self.hashes = os.path.join(self.instance.directory, "ci-hash")
        self.write_hashes(self.secret)
        self.instance.config["tokens"]["ci"] = {"hash": f"file:{self.hashes}", "allow": ["run:*", "read:own", "cancel:own"],
                                                **self.rights}
        self.prepare()
        self.instance.start()

    def prepare(self):
        """What the configuration has beside that."""

    def tearDown(self):
        self.instance.stop()

    def write_hashes(self, *secrets):
        self.instance.write_private(self.hashes, "".join(token_hash(secret) + "\n" for secret in secrets))

    def read_hashes(self):
        with open(self.hashes, encoding="utf-8") as file:
            return file.read().splitlines()

    def whoami(self, secret, **more):
        return self.instance.request("GET", "/v1/whoami", token=secret, **more)

    def status(self, secret, **more):
        return self.whoami(secret, **more).status

    def reload(self):
        answer = self.instance.request("POST", "/v1/config/reload")
        self.assertEqual(answer.status, 200, answer.body)

    def audit(self):
        answer = self.instance.cli("audit", "ls", "--state", self.instance.state, "-o", "json", "-n", "1000")
        self.assertEqual(answer.returncode, 0, answer.stderr)
        return json.loads(answer.stdout)["items"]


class Follower:
    """Follows a job until the stream ends."""

    def __init__(self, instance, secret):
        self.stream = instance.stream("POST", "/v1/commands/slow/jobs", {"params": {}}, token=secret)
        self.records = [next(iter(self.stream))]
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        for record in self.stream:
            self.records.append(record)
        self.ended.set()

    def close(self):
        self.stream.close()
        self.thread.join(10)


class Rotation(TokenCase):
    def test_a_rotated_token_is_taken_beside_the_one_before_it_until_that_is_revoked(self):
        saved = os.path.join(self.instance.directory, "new-token")
        done = self.instance.cli("token", "rotate", "ci", "-c", self.instance.config_path, "--save", saved)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(saved, encoding="utf-8") as file:
            fresh = file.read().strip()
        self.assertEqual(os.stat(saved).st_mode & 0o777, 0o600)
        self.assertNotIn(fresh.encode(), done.stdout + done.stderr)
        self.assertEqual(self.read_hashes(), [token_hash(fresh), token_hash(self.secret)])
        self.assertEqual(self.status(fresh), 401, "nothing holds before the reload")
        self.reload()
        self.assertEqual((self.status(fresh), self.status(self.secret)), (200, 200))

        old, new = Follower(self.instance, self.secret), Follower(self.instance, fresh)
        done = self.instance.cli("token", "revoke", "ci", "--old", "-c", self.instance.config_path)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.read_hashes(), [token_hash(fresh)])
        began = time.monotonic()
        self.reload()
        self.assertTrue(old.ended.wait(SOON_SECONDS + SLACK_SECONDS), "the stream of the withdrawn secret goes on")
        self.assertLess(time.monotonic() - began, SOON_SECONDS + SLACK_SECONDS)
        self.assertEqual((self.status(fresh), self.status(self.secret)), (200, 401))
        self.assertEqual(old.records[-1]["type"], "error")
        self.assertFalse(new.ended.is_set(), new.records)

        done = self.instance.cli("token", "revoke", "ci", "-c", self.instance.config_path)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.read_hashes(), [])
        self.reload()
        self.assertTrue(new.ended.wait(SOON_SECONDS + SLACK_SECONDS))
        self.assertEqual(self.status(fresh), 401)
        old.close()
        new.close()

    def test_the_older_of_two_secrets_goes_with_the_next_rotation(self):
        before = new_token()
        self.write_hashes(self.secret, before)
        out = json.loads(self.instance.cli("token", "rotate", "ci", "-c", self.instance.config_path, "-o", "json").stdout)
        self.assertEqual(out["hash"], token_hash(out["token"]))
        self.assertEqual(self.read_hashes(), [out["hash"], token_hash(self.secret)])
        self.assertEqual(os.stat(self.hashes).st_mode & 0o777, 0o600)

    def test_the_configuration_itself_is_its_owners_to_change(self):
        with open(self.instance.config_path, "rb") as file:
            before = file.read()
        done = self.instance.cli("token", "rotate", "tester", "-c", self.instance.config_path)
        self.assertEqual(done.returncode, 0, done.stderr)
        fresh = done.stdout.decode().split("\n")[0]
        self.assertIn(f'hash: ["{token_hash(fresh)}",\n           "{token_hash(self.instance.token)}"]', done.stdout.decode())
        done = self.instance.cli("token", "revoke", "tester", "-c", self.instance.config_path)
        self.assertEqual(done.returncode, 125)
        self.assertIn(b"take tokens.tester out", done.stderr)
        with open(self.instance.config_path, "rb") as file:
            self.assertEqual(file.read(), before)
        self.instance.config["tokens"]["tester"]["hash"] = [token_hash(fresh), token_hash(self.instance.token)]
        self.instance.write_config()
        self.reload()
        self.assertEqual((self.status(fresh), self.status(self.instance.token)), (200, 200))

    def test_a_token_with_a_file_of_its_hash_is_made_in_one_step(self):
        path = os.path.join(self.instance.directory, "other-hash")
        out = self.instance.cli("token", "create", "--name", "other", "--hash-file", path).stdout.decode()
        self.assertIn(f'hash: "file:{path}"', out)
        self.assertEqual(self.instance.cli("token", "create", "--hash-file", path).returncode, 125, "it is there")
        self.instance.config["tokens"]["other"] = {"hash": f"file:{path}", "allow": ["read:own"]}
        self.instance.write_config()
        self.reload()
        self.assertEqual(self.status(out.split("\n")[0]), 200)

    def test_what_cannot_be_changed_safely_is_not_changed(self):
        self.assertEqual(self.instance.cli("token", "rotate", "nobody", "-c", self.instance.config_path).returncode, 125)
        os.chmod(self.hashes, 0o666)
        done = self.instance.cli("token", "rotate", "ci", "-c", self.instance.config_path)
        self.assertEqual((done.returncode, done.stdout), (78, b""))
        self.assertEqual(self.read_hashes(), [token_hash(self.secret)])

    def test_a_list_of_callers_shows_no_hash(self):
        for form in ("table", "wide", "json", "yaml"):
            out = self.instance.cli("token", "ls", "-c", self.instance.config_path, "-o", form).stdout.decode()
            self.assertIn("ci", out)
            self.assertNotIn(token_hash(self.secret)[7:], out)
            self.assertNotIn("sha256", out)


class LastUse(TokenCase):
    def listed(self):
        answer = self.instance.request("GET", "/v1/tokens")
        self.assertEqual(answer.status, 200, answer.body)
        return {item["name"]: item for item in answer.json()["items"]}

    def is_recorded(self, name):
        path = os.path.join(self.instance.state, "keeper", "jobs.db")
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            return database.execute("SELECT 1 FROM marks WHERE name = ?", (f"used {name}",)).fetchone() is not None

    def test_is_told_to_administrators_to_the_minute_and_outlives_reloads_and_the_keeper(self):
        self.assertIsNone(self.listed()["ci"]["last_used_at"])
        before = time.time()
        self.assertEqual(self.status(self.secret), 200)
        told = self.listed()["ci"]["last_used_at"]
        self.assertRegex(told, r"T\d\d:\d\d:00\.000Z$")
        used = datetime.datetime.fromisoformat(told.replace("Z", "+00:00")).timestamp()
        self.assertTrue(before - 60 <= used <= time.time(), (before, told))
        self.reload()
        self.assertEqual(self.listed()["ci"]["last_used_at"], told)
        self.assertEqual(self.status(new_token()), 401, "who is not known was not there")
        self.assertTrue(wait_until(lambda: self.is_recorded("ci"), 20), "the tick writes it")
        killed = self.instance.part("keeper").pid
        os.kill(killed, signal.SIGKILL)
        self.assertTrue(wait_until(lambda: any(process.name() == "keeper" and process.pid != killed
                                               for process in self.instance.processes()), 30))
        self.assertTrue(wait_until(lambda: self.instance.request("GET", "/v1/tokens").status == 200, 30))
        self.assertEqual(self.listed()["ci"]["last_used_at"], told)

    def test_who_asks_must_be_an_administrator(self):
        answer = self.instance.request("GET", "/v1/tokens", token=self.secret)
        self.assertEqual((answer.status, answer.json()["code"]), (403, "forbidden"))
        self.assertEqual(self.instance.request("GET", "/v1/tokens", token=None).status, 401)

    def test_the_command_line_lists_them(self):
        self.status(self.secret)
        done = self.instance.cli("token", "ls", "-o", "json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn(b"sha256", done.stdout)
        items = json.loads(done.stdout)
        items = {item["name"]: item for item in (items["items"] if isinstance(items, dict) else items)}
        self.assertEqual(items["ci"]["allow"], ["run:*", "read:own", "cancel:own"])
        self.assertEqual((items["ci"]["kind"], items["ci"]["secrets"]), ("token", 1))
        self.assertIsNotNone(items["ci"]["last_used_at"])
        self.assertIn(b"LAST USED", self.instance.cli("token", "ls").stdout)

    def test_all_of_many_callers_are_listed(self):
        for number in range(200):
            self.instance.config["tokens"][f"one-of-{number}"] = {"hash": token_hash(new_token()), "allow": ["read:own"]}
        self.instance.write_config()
        self.reload()
        self.assertEqual(len(self.listed()), 202)


class Pins(TokenCase):
    SHOW = {"exec": ["/usr/bin/echo", "{env}"], "params": {"env": {"type": "string", "default": "prod"}}}
    commands = {
        "show": SHOW,
        "mild": {"exec": ["/usr/bin/echo", "{env}"], "params": {"env": {"type": "string", "default": "test"}}},
        "both": {"steps": [{"command": "show", "params": {"env": "{env}"}}, {"command": "mild"}],
                 "params": {"env": {"type": "string", "required": True}}},
        "bad": {"steps": [{"command": "mild"}, {"command": "show", "params": {"env": "prod"}}]},
        "first": {"exec": ["/usr/bin/true"], "then": [{"command": "show", "params": {"env": "prod"}},
                                                     {"command": "show", "params": {"env": "test"}}]},
        "hello": HELLO,
    }
    rights = {"allow": ["run:*", "read:own"], "params": {"env": ["staging", "test"]}}

    def ask(self, command, params, **more):
        return self.instance.request("POST", f"/v1/commands/{command}/jobs", {"params": params, **more}, token=self.secret)

    def expect_refused(self, answer, pointer):
        self.assertEqual((answer.status, answer.json()["code"]), (403, "param-not-allowed"), answer.body)
        self.assertEqual([error["pointer"] for error in answer.json()["errors"]], [pointer])

    def test_a_token_says_its_pinned_values_and_no_other(self):
        self.assertEqual(self.ask("show", {"env": "staging"}).status, 202)
        self.assertEqual(self.ask("hello", {}).status, 202)
        self.assertEqual(self.ask("mild", {}).status, 202)
        self.expect_refused(self.ask("show", {"env": "prod"}), "/params/env")
        self.expect_refused(self.ask("show", {}), "/params/env")
        self.assertEqual(self.instance.submit("show", {"env": "prod"})["command"], "show", "others say what they like")
        self.assertTrue([entry for entry in self.audit() if "param-not-allowed" in json.dumps(entry)])

    def test_a_dry_run_and_a_rerun_are_judged_too(self):
        verdict = self.instance.request("POST", "/v1/commands/show/validate", {"params": {"env": "prod"}}, token=self.secret)
        self.assertIn(b"param-not-allowed", verdict.body)
        job = self.ask("show", {"env": "staging"}).json()
        self.instance.wait(job["id"])
        self.instance.config["tokens"]["ci"]["params"] = {"env": "test"}
        self.instance.write_config()
        self.reload()
        self.expect_refused(self.instance.request("POST", f"/v1/jobs/{job['id']}/rerun", {}, token=self.secret), "/params/env")

    def test_steps_are_judged_before_any_of_them_runs(self):
        self.assertEqual(self.ask("both", {"env": "test"}).status, 202)
        self.expect_refused(self.ask("both", {"env": "prod"}), "/params/env")
        self.expect_refused(self.ask("bad", {}), "/params")
        steps = [{"command": "mild"}, {"command": "show", "params": {"env": "prod"}}]
        self.expect_refused(self.instance.request("POST", "/v1/jobs", {"steps": steps}, token=self.secret),
                            "/steps/1/params/env")
        steps[1]["params"]["env"] = "test"
        self.assertEqual(self.instance.request("POST", "/v1/jobs", {"steps": steps}, token=self.secret).status, 202)

    def test_what_follows_a_job_in_the_tokens_name_is_judged_too(self):
        job = self.ask("first", {}).json()
        self.instance.wait(job["id"])
        def followers():
            jobs = self.instance.request("GET", f"/v1/jobs?parent={job['id']}").json()["items"]
            return [item["params"]["env"] for item in jobs] if jobs else None
        self.assertEqual(wait_until(followers, 20), ["test"])
        self.assertIn("should have followed a job and was refused: 403 param-not-allowed", self.instance.log())


class PlacesCase(TokenCase):
    """Asks from the loopback address that a test wants, and over a unix socket."""

    def prepare(self):
        self.instance.config["server"]["listen"].append(f"unix:{self.instance.socket_path}")

    def ask_from(self, source, secret, forwarded=(), authorization=None):
        """The status of a request whose connection comes from this loopback address."""
        connection = http.client.HTTPConnection("127.0.0.1", self.instance.port, timeout=30, source_address=(source, 0))
        connection.putrequest("GET", "/v1/whoami")
        connection.putheader("Authorization", authorization or f"Bearer {secret}")
        for line in forwarded:
            connection.putheader("X-Forwarded-For", line)
        connection.endheaders()
        response = connection.getresponse()
        self.last = (response.status, {name: value for name, value in response.getheaders() if name not in ("X-Request-Id", "Date")},
                     re.sub(rb'"urn:[^"]*"|"instance":"[^"]*"|"request_id":"[^"]*"', b"", response.read()))
        connection.close()
        return response.status


class Places(PlacesCase):
    rights = {"from": ["127.0.0.2", "192.0.2.0/24"]}

    def test_a_token_from_elsewhere_is_told_what_a_wrong_one_is_and_the_audit_trail_is_told_why(self):
        self.assertEqual(self.ask_from("127.0.0.2", self.secret), 200)
        self.assertEqual(self.ask_from("127.0.0.3", self.secret), 401)
        elsewhere = self.last
        self.assertEqual(self.ask_from("127.0.0.3", new_token()), 401)
        self.assertEqual(elsewhere, self.last, "the answers differ")
        self.assertTrue(wait_until(lambda: any("token 'ci' is not taken from this address" in json.dumps(entry)
                                               for entry in self.audit()), 20), self.audit())
        self.assertEqual(self.ask_from("127.0.0.3", self.instance.token), 200, "others come from anywhere")

    def test_on_a_unix_socket_there_is_no_address(self):
        done = subprocess.run(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket", self.instance.socket_path,
                               "-H", f"Authorization: Bearer {self.secret}", "http://localhost/v1/whoami"],
                              check=False, capture_output=True, timeout=60)
        self.assertEqual(done.stdout, b"401", done.stderr)

    def test_a_stream_ends_when_its_address_is_not_listed_any_more(self):
        self.instance.config["tokens"]["ci"]["from"] = ["127.0.0.0/8"]
        self.instance.write_config()
        self.reload()
        follower = Follower(self.instance, self.secret)
        self.instance.config["tokens"]["ci"]["from"] = ["127.0.0.2"]
        self.instance.write_config()
        self.reload()
        self.assertTrue(follower.ended.wait(SOON_SECONDS + SLACK_SECONDS))
        follower.close()

    def test_forwarded_addresses_count_only_from_listed_proxies(self):
        inside, outside = "192.0.2.7", "198.51.100.7"
        self.assertEqual(self.ask_from("127.0.0.3", self.secret, [inside]), 401, "nobody is believed")
        self.instance.config["server"]["trusted_proxies"] = {"peers": ["127.0.0.8", "127.0.0.9"]}
        self.instance.write_config()
        self.reload()
        wait_until(lambda: self.ask_from("127.0.0.9", self.secret, [inside]) == 200, 20)
        for source, lines, status in (
                ("127.0.0.3", [inside], 401), ("127.0.0.2", [outside], 200),
                ("127.0.0.9", [inside], 200), ("127.0.0.9", [outside], 401),
                ("127.0.0.9", [f"{inside}, {outside}"], 401), ("127.0.0.9", [f"{outside}, {inside}"], 200),
                ("127.0.0.9", [f"{inside}, 127.0.0.8"], 200), ("127.0.0.9", [outside, inside], 200),
                ("127.0.0.9", [inside, outside], 401), ("127.0.0.9", [f"{inside}, nonsense"], 401),
                ("127.0.0.9", [f"::ffff:{inside}"], 200), ("127.0.0.9", [f"{inside}:4711"], 200),
                ("127.0.0.9", [], 401), ("127.0.0.9", ["127.0.0.8, 127.0.0.9"], 401)):
            self.assertEqual(self.ask_from(source, self.secret, lines), status, (source, lines))
        self.assertEqual(self.ask_from("127.0.0.9", self.instance.token, ["203.0.113.5"]), 200)

    def test_a_name_and_its_token_are_taken_as_basic_authentication(self):
        def basic(name, secret):
            pair = base64.b64encode(f"{name}:{secret}".encode()).decode()
            return self.ask_from("127.0.0.2", None, authorization=f"Basic {pair}")
        self.assertEqual(basic("ci", self.secret), 200)
        self.assertEqual(basic("tester", self.instance.token), 200)
        answers = []
        for name, secret in (("tester", self.secret), ("ci", new_token()), ("nobody", self.secret), ("", self.secret), ("ci", "")):
            self.assertEqual(basic(name, secret), 401, name)
            answers.append(self.last)
        self.assertEqual(self.ask_from("127.0.0.2", new_token()), 401)
        self.assertEqual([answer for answer in answers if answer != self.last], [])
        self.assertEqual(self.ask_from("127.0.0.2", None, authorization="Basic !!!"), 401)
        self.assertEqual(self.last, answers[0])
        job = self.instance.request("POST", "/v1/commands/hello/jobs", {"params": {}}, token=None, headers={
            "Authorization": "Basic " + base64.b64encode(f"tester:{self.instance.token}".encode()).decode()}).json()
        self.assertEqual((job["actor"]["id"], job["actor"]["via"]), ("tester", "token"))


class Throttle(PlacesCase):
    def test_guesses_are_put_off_where_they_come_from_and_nowhere_else(self):
        wrong = new_token()
        statuses = [self.ask_from("127.0.0.3", wrong) for _ in range(21)]
        self.assertEqual(statuses, [401] * 20 + [429])
        self.assertTrue(1 <= int(self.last[1]["Retry-After"]) <= 60, self.last)
        self.assertEqual(self.ask_from("127.0.0.3", wrong[:11] + "x"), 429, "what begins alike is one")
        self.assertEqual(self.ask_from("127.0.0.3", self.secret), 200, "others behind the address go on")
        self.assertEqual(self.ask_from("127.0.0.4", wrong), 401)
        statuses = [self.ask_from("127.0.0.3", new_token()) for _ in range(81)]
        self.assertEqual(statuses, [401] * 80 + [429])
        guess = self.last
        self.assertEqual(self.ask_from("127.0.0.3", self.secret), 429, "a right one is not looked at")
        self.assertEqual(self.last[2], guess[2], "and nothing tells that it is one")
        self.assertEqual((self.ask_from("127.0.0.5", self.secret), self.ask_from("127.0.0.2", self.instance.token)), (200, 200))
        self.assertTrue([entry for entry in self.audit() if "throttled" in json.dumps(entry)], "the audit trail counts them")
        metrics = self.instance.request("GET", "/metrics").body.decode()
        self.assertRegex(metrics, r'sallyport_auth_failures_total\{method="bearer",reason="throttled"\} [34]\n')
        self.instance.reload()
        self.assertTrue(wait_until(lambda: self.ask_from("127.0.0.3", self.secret) == 200, 20), "a reload forgets it")

    def test_on_a_unix_socket_nobody_is_put_off(self):
        for _ in range(25):
            done = subprocess.run(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket",
                                   self.instance.socket_path, "-H", "Authorization: Bearer sp_wrong", "http://localhost/v1/whoami"],
                                  check=False, capture_output=True, timeout=60)
            self.assertEqual(done.stdout, b"401", done.stderr)


if __name__ == "__main__":
    unittest.main()
