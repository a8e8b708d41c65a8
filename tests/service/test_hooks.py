"""Inbound webhooks against a real service: each provider's proof and every way in which a delivery is none; what runs."""

import functools
import json
import os
import signal
import threading
import time
import unittest
import urllib.parse
import uuid

import harness
from harness import Instance, wait_until
from hook_signing import PROVIDERS, other_secret

COMMANDS = {
    "says": {"exec": ["/usr/bin/echo", "{env}", "{ref}"],
             "params": {"env": {"type": "enum", "values": ["staging", "production"], "required": True},
                        "ref": {"type": "string", "pattern": "[a-z0-9/_.-]+", "required": True}}},
    "typed": {"exec": ["/usr/bin/echo", "{number}", "{yes}", "{words...}", "{event}", "{query}"],
              "params": {"number": {"type": "int", "required": True}, "yes": {"type": "bool", "required": True},
                         "words": {"type": "list", "of": {"type": "string"}, "required": True},
                         "event": {"type": "string", "default": "none"}, "query": {"type": "string", "default": "none"}}},
}
RUN = {"command": "says", "params": {"env": "staging", "ref": {"json": "/ref"}}}


def some_body(**more):
    """One that nobody sent before."""
    return json.dumps({"ref": "refs/heads/main", "nonce": str(uuid.uuid4()), **more}).encode()


def for_each_provider(test):
    """A row of the table for each."""
    @functools.wraps(test)
    def run(self):
        for provider in PROVIDERS:
            with self.subTest(provider.preset):
                test(self, provider)
    return run


class HooksTest(unittest.TestCase):
    """One instance for all tests of a class; `hooks` are its own."""

    instance = None

    @classmethod
    def setUpClass(cls):
        if not os.access(os.path.join(harness.BIN, "sallyportd"), os.X_OK):
            raise unittest.SkipTest("sallyportd is not built")
        cls.instance = Instance(COMMANDS)
        cls.instance.config["hooks"] = cls.make_hooks()
        cls.instance.__enter__()

    @classmethod
    def tearDownClass(cls):
        if cls.instance is not None:
            cls.instance.stop()

    @classmethod
    def make_hooks(cls):
        return {}

    @classmethod
    def secret_file(cls, name, secret):
        path = os.path.join(cls.instance.directory, f"hook-{name}")
        cls.instance.write_private(path, secret + "\n")
        return f"file:{path}"

    @classmethod
    def hook_for(cls, provider, name=None, **more):
        return {"verify": {"preset": provider.preset, "secrets": cls.secret_file(name or provider.preset, provider.secret),
                           **provider.verify}, "run": RUN, **more}

    def deliver(self, name, body, headers, query=""):
        return self.instance.request("POST", f"/hooks/{name}{query}", body, headers, token=None)

    def jobs(self):
        """The newest, by their names."""
        return [job["id"] for job in self.instance.request("GET", "/v1/jobs?limit=50").json()["items"]]

    def accepted(self, response):
        self.assertIn(response.status, (200, 202), response.body)
        self.assertIn("Sallyport-Job", response.headers, response.body)
        return response.headers["Sallyport-Job"]

    def problem(self, response, status, code):
        self.assertEqual((response.status, response.json().get("code")), (status, code), response.body)

    def metric(self, hook, verdict):
        text = self.instance.request("GET", "/metrics").body.decode()
        for line in text.splitlines():
            if line.startswith(f'sallyport_webhook_deliveries_total{{hook="{hook}",verdict="{verdict}"}}'):
                return int(line.rpartition(" ")[2])
        return 0


class ProofTest(HooksTest):
    @classmethod
    def make_hooks(cls):
        return {provider.preset: cls.hook_for(provider) for provider in PROVIDERS}

    @for_each_provider
    def test_a_genuine_delivery_runs_its_command(self, provider):
        body = some_body()
        job = self.instance.wait(self.accepted(self.deliver(provider.preset, body, provider.headers(body))))
        self.assertEqual(job["state"], "succeeded")
        self.assertEqual(job["actor"]["id"], f"hook:{provider.preset}")
        self.assertEqual((job["actor"]["via"], job["source"]), ("hook", "hook"))
        self.assertEqual(job["params"], {"env": "staging", "ref": "refs/heads/main"})

    @for_each_provider
    def test_slack_is_answered_with_a_text_and_others_with_a_job(self, provider):
        body = some_body()
        response = self.deliver(provider.preset, body, provider.headers(body))
        if provider.preset == "slack":
            self.assertEqual((response.status, response.headers["Content-Type"].partition(";")[0]), (200, "text/plain"))
        else:
            self.assertEqual(response.status, 202)
            self.assertEqual(response.json()["job"], response.headers["Sallyport-Job"])

    def refused(self, provider, body, headers):
        before = self.jobs()
        response = self.deliver(provider.preset, body, headers)
        self.problem(response, 401, "hook-unproven")
        self.assertEqual(self.jobs(), before)

    @for_each_provider
    def test_another_body_than_the_signed_one_is_refused(self, provider):
        body = some_body()
        if provider.signs_body:
            self.refused(provider, body + b" ", provider.headers(body))

    @for_each_provider
    def test_another_secret_is_refused(self, provider):
        body = some_body()
        self.refused(provider, body, provider.headers(body, secret=other_secret(provider)))

    @for_each_provider
    def test_an_old_and_a_future_timestamp_are_refused(self, provider):
        for seconds in (-400, 400):
            body = some_body()
            if provider.signs_time:
                self.refused(provider, body, provider.headers(body, at=int(time.time()) + seconds))

    @for_each_provider
    def test_a_new_timestamp_on_an_old_signature_is_refused(self, provider):
        body = some_body()
        if not provider.signs_time:
            return
        old = provider.headers(body, at=int(time.time()) - 400)
        new = provider.headers(body, at=int(time.time()))
        signature = {name: value for name, value in old.items() if name == provider.header}
        if provider.preset == "stripe":
            signature = {"Stripe-Signature": f"t={int(time.time())},v1={old['Stripe-Signature'].partition('v1=')[2]}"}
        self.refused(provider, body, {**new, **signature})

    @for_each_provider
    def test_each_missing_or_empty_header_of_the_proof_is_refused(self, provider):
        for name in provider.headers(b""):
            body = some_body()
            if name == provider.header or (provider.signs_time and "ime" in name) or (provider.signs_name and "d" == name[-1:]):
                headers = provider.headers(body)
                self.refused(provider, body, {key: value for key, value in headers.items() if key != name})
                self.refused(provider, body, {**headers, name: ""})

    @for_each_provider
    def test_a_signature_that_has_no_form_is_refused(self, provider):
        body = some_body()
        for nonsense in ("sha1=2c26b46b68ffc68ff99b453c1d30413413422d70", "v1,", "t=,v1=", "x" * 1500, "sha256=" + "0" * 63):
            self.refused(provider, body, {**provider.headers(body), provider.header: nonsense})

    @for_each_provider
    def test_names_of_headers_count_without_their_case(self, provider):
        for change in (str.upper, str.lower, str.swapcase):
            body = some_body()
            headers = {change(name): value for name, value in provider.headers(body).items()}
            self.accepted(self.deliver(provider.preset, body, headers))

    @for_each_provider
    def test_the_same_delivery_again_is_answered_with_the_same_job(self, provider):
        body = some_body()
        headers = provider.headers(body)
        first = self.accepted(self.deliver(provider.preset, body, headers))
        before = self.jobs()
        for _ in range(3):
            self.assertEqual(self.accepted(self.deliver(provider.preset, body, headers)), first)
        self.assertEqual(self.jobs(), before)

    @for_each_provider
    def test_the_same_delivery_again_at_another_time_is_answered_with_the_same_job(self, provider):
        body, name, now = some_body(), str(uuid.uuid4()), int(time.time())
        first = self.accepted(self.deliver(provider.preset, body, provider.headers(body, name=name, at=now - 5)))
        again = self.accepted(self.deliver(provider.preset, body, provider.headers(body, name=name, at=now)))
        if provider.preset == "generic":    # there a time that is signed makes another delivery
            self.assertNotEqual(again, first)
        else:
            self.assertEqual(again, first)

    @for_each_provider
    def test_the_same_body_under_another_name_is_a_replay(self, provider):
        body = some_body()
        headers = provider.headers(body)
        if not provider.has_name:
            return
        self.accepted(self.deliver(provider.preset, body, headers))
        before = self.jobs()
        other = {name: value for name, value in provider.headers(body).items() if value not in headers.values()
                 and name != provider.header and "ime" not in name}
        self.assertEqual(len(other), 1)
        response = self.deliver(provider.preset, body, {**headers, **other})
        if provider.signs_name:
            self.problem(response, 401, "hook-unproven")
        else:
            self.problem(response, 409, "hook-replayed")
        self.assertEqual(self.jobs(), before)

    def test_a_hook_that_does_not_exist_is_answered_like_a_forged_delivery(self):
        provider, body = PROVIDERS[0], some_body()
        forged = self.deliver("github", body, provider.headers(body, secret="another secret of some length"))
        for name in ("nobody", "github-2", "x"):
            answers = [self.deliver(name, body, kind.headers(body)) for kind in PROVIDERS]
            for answer in answers:
                documents = [answer.json(), forged.json()]
                for document in documents:
                    del document["request_id"], document["instance"]
                self.assertEqual(*documents)
                self.assertEqual(answer.status, 401)
                self.assertEqual(set(answer.headers), set(forged.headers))

    def test_only_post_is_taken_and_needs_no_token(self):
        self.assertEqual(self.instance.request("GET", "/hooks/github").status, 405)
        self.assertEqual(self.instance.request("GET", "/hooks/github", token=None).status, 401)

    def test_what_became_of_deliveries_is_counted(self):
        provider, body = PROVIDERS[0], some_body()
        before = {verdict: self.metric("github", verdict) for verdict in ("accepted", "again", "replayed", "forged")}
        headers = provider.headers(body)
        self.accepted(self.deliver("github", body, headers))
        self.accepted(self.deliver("github", body, headers))
        self.deliver("github", body, {**headers, "X-GitHub-Delivery": "another"})
        self.deliver("github", body + b"x", headers)
        for verdict, count in before.items():
            self.assertEqual(self.metric("github", verdict), count + 1, verdict)


class MeaningTest(HooksTest):
    @classmethod
    def make_hooks(cls):
        github, slack = PROVIDERS[0], next(kind for kind in PROVIDERS if kind.preset == "slack")
        return {
            "push": cls.hook_for(github, "push", when=[{"header": "X-GitHub-Event", "equals": "push"},
                                                       {"json": "/ref", "glob": "refs/heads/*"},
                                                       {"json": "/kind", "regex": "[a-z]+"},
                                                       {"query": "from", "in": ["here", "there"]}]),
            "typed": {**cls.hook_for(github, "typed"),
                      "run": {"command": "typed", "params": {
                          "number": {"json": "/number"}, "yes": {"json": "/deep/a~1b/0"}, "words": {"json": "/words"},
                          "event": {"header": "X-GitHub-Event"}, "query": {"query": "q"}}}},
            "form": {**cls.hook_for(slack, "form"), "run": {"command": "says", "params": {"env": "staging", "ref": {"form": "text"}}}},
            "payload": cls.hook_for(github, "payload"),
        }

    def github(self, name, body, query="", **headers):
        return self.deliver(name, body, {**PROVIDERS[0].headers(body), **headers}, query)

    def test_what_does_not_fit_the_rules_is_ignored_with_the_first_that_does_not(self):
        rows = [
            ({"kind": "a"}, "?from=here", {"X-GitHub-Event": "release"}, "header X-GitHub-Event"),
            ({"kind": "a", "ref": "refs/tags/1"}, "?from=here", {}, "json /ref"),
            ({"kind": "A"}, "?from=here", {}, "json /kind"),
            ({"kind": 7}, "?from=here", {}, "json /kind"),
            ({"kind": None}, "?from=here", {}, "json /kind"),
            ({}, "?from=here", {}, "json /kind"),
            ({"kind": "a\n"}, "?from=here", {}, "json /kind"),
            ({"kind": "a"}, "?from=elsewhere", {}, "query from"),
            ({"kind": "a"}, "", {}, "query from"),
        ]
        before = self.jobs()
        for more, query, headers, why in rows:
            with self.subTest(why=why, more=more):
                response = self.github("push", some_body(**more), query, **headers)
                self.assertEqual((response.status, response.json()), (200, {"ignored": why}))
        self.assertEqual(self.jobs(), before)
        self.accepted(self.github("push", some_body(kind="a"), "?from=there&other=1"))

    def test_what_was_ignored_comes_again_with_the_headers_and_the_query_that_it_had(self):
        body, name = some_body(kind="a"), str(uuid.uuid4())
        headers = {**PROVIDERS[0].headers(body, name=name), "X-GitHub-Event": "release"}
        for _ in range(2):
            response = self.deliver("push", body, headers, "?from=here")
            self.assertEqual((response.status, response.json()), (200, {"ignored": "header X-GitHub-Event"}))
        before = self.jobs()
        self.problem(self.deliver("push", body, {**headers, "X-GitHub-Event": "push"}, "?from=here"), 409, "hook-replayed")
        self.problem(self.deliver("push", body, headers, "?from=there"), 409, "hook-replayed")
        self.problem(self.deliver("push", body, {**headers, "Content-Type": "application/x-www-form-urlencoded"}, "?from=here"),
                     409, "hook-replayed")
        self.assertEqual(self.deliver("push", body, {**headers, "X-Unread": "1"}, "?from=here").status, 200)
        self.assertEqual(self.jobs(), before)

    def test_a_ping_is_ignored(self):
        response = self.github("push", some_body(), **{"X-GitHub-Event": "ping"})
        self.assertEqual((response.status, response.json()), (200, {"ignored": "ping"}))

    def test_parameters_come_from_where_the_configuration_says(self):
        body = some_body(number=42, deep={"a/b": [True]}, words=["one", "two three"])
        job = self.instance.wait(self.accepted(self.github("typed", body, "?q=a+b")))
        self.assertEqual(job["params"], {"number": 42, "yes": True, "words": ["one", "two three"], "event": "push", "query": "a b"})

    def test_what_the_command_refuses_is_refused_and_logged(self):
        for more, pointer in (({"number": "x"}, "/params/number"), ({"number": 1, "deep": {"a/b": [3]}}, "/params/yes"), ({}, "/params/number")):
            body = some_body(**{"words": ["a"], "deep": {"a/b": [True]}, **more})
            response = self.github("typed", body)
            self.problem(response, 422, "params-invalid")
            self.assertIn(pointer, [error["pointer"] for error in response.json()["errors"]])
        newest = self.instance.request("GET", "/v1/hooks/typed/deliveries?limit=1").json()["items"][0]
        self.assertEqual(newest["verdict"], "refused")
        self.assertIn("params-invalid", newest["detail"])

    def test_what_was_refused_may_come_again(self):
        body, name = some_body(number=1, words=["a"]), str(uuid.uuid4())
        headers = {**PROVIDERS[0].headers(body, name=name), "X-GitHub-Event": "push"}
        for _ in range(2):
            self.problem(self.deliver("typed", body, headers), 422, "params-invalid")
        newest = self.instance.request("GET", "/v1/hooks/typed/deliveries?limit=1").json()["items"][0]
        self.assertEqual((newest["delivery"], newest["count"]), (name, 2))

    def test_fields_of_a_form_are_parameters(self):
        slack = next(kind for kind in PROVIDERS if kind.preset == "slack")
        body = urllib.parse.urlencode({"command": "/deploy", "text": "refs/heads/a_b", "trigger": str(uuid.uuid4())}).encode()
        headers = {**slack.headers(body), "Content-Type": "application/x-www-form-urlencoded"}
        response = self.deliver("form", body, headers)
        self.assertEqual(response.status, 200)
        self.assertIn(b"Accepted as job", response.body)
        self.assertEqual(self.instance.wait(self.accepted(response))["params"]["ref"], "refs/heads/a_b")

    def test_json_in_the_field_payload_of_a_form_is_read(self):
        body = urllib.parse.urlencode({"payload": some_body().decode()}).encode()
        self.accepted(self.github("payload", body, **{"Content-Type": "application/x-www-form-urlencoded"}))

    def test_a_body_that_is_no_json_gives_no_parameters(self):
        for body in (b"", b"{", b"[" * 5000, b"\xff\xfe", b'{"ref": "a", "ref": "b", "x": "' + uuid.uuid4().hex.encode() + b'"}'):
            self.problem(self.github("payload", body + b" " * (uuid.uuid4().int % 1000)), 422, "params-invalid")

    def test_a_body_may_have_two_mebibytes_and_no_more(self):
        for extra, status in ((0, 202), (1, 413)):
            body = some_body()
            body += b" " * (2 * 1024 * 1024 - len(body) + extra)
            self.assertEqual(self.github("payload", body).status, status)

    def test_a_large_body_is_not_read_before_its_proof_has_its_form(self):
        body = b" " * 1_000_000
        for name in ("payload", "nobody"):
            connection = self.instance.connect()
            connection.putrequest("POST", f"/hooks/{name}")
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders()         # and not a byte of it
            response = connection.getresponse()
            self.assertEqual((response.status, json.loads(response.read())["code"]), (401, "hook-unproven"))
            connection.close()


def documented():
    """The configurations of docs/hooks.md that have commands, by the name of their hook."""
    with open(os.path.join(harness.SOURCE, "docs", "hooks.md"), encoding="utf-8") as file:
        blocks = [block.partition("```")[0] for block in file.read().split("```yaml\n")[1:]]
    return {block.partition("hooks:\n  ")[2].partition(":")[0]: block for block in blocks if block.startswith("commands:")}


class DocumentTest(unittest.TestCase):
    """The examples of docs/hooks.md, as they stand there, with deliveries as the providers document them."""

    DELIVERIES = {
        "github-web": ("github", {"ref": "refs/heads/main", "repository": {"full_name": "example/web"}}, None,
                       b"staging refs/heads/main\n"),
        "gitlab-ci": ("gitlab-signing", {"object_kind": "pipeline", "object_attributes": {"status": "failed"}, "project": {"id": 7}},
                      None, b"7 failed\n"),
        "slack-deploy": ("slack", "token=x&team_id=T1DC2JH3J&user_id=U2CERLKJA&command=%2Fdeploy&text=web",
                         "application/x-www-form-urlencoded", b"U2CERLKJA web\n"),
        "stripe": ("stripe", {"id": "evt_1NG8Du2eZvKYlo2C", "type": "invoice.paid", "data": {"object": {"customer": "cus_4QFJOjw2pOmAGJ"}}},
                   None, b"evt_1NG8Du2eZvKYlo2C cus_4QFJOjw2pOmAGJ\n"),
    }

    def test_each_example_takes_its_providers_delivery(self):
        harness.needs_program(self, "sallyportd")
        blocks = documented()
        self.assertEqual(set(blocks), set(self.DELIVERIES))
        with Instance({}) as instance:
            base = {key: value for key, value in instance.config.items() if key != "commands"}
            for name, (preset, content, kind, said) in self.DELIVERIES.items():
                provider = next(row for row in PROVIDERS if row.preset == preset)
                path = os.path.join(instance.directory, name)
                instance.write_private(path, provider.secret + "\n")
                text = blocks[name].replace(f"file:/etc/sallyport/{blocks[name].partition('file:/etc/sallyport/')[2].partition(chr(34))[0]}",
                                            f"file:{path}")
                instance.write_config(harness.yaml_text(base).lstrip("\n") + text)
                reloaded = instance.request("POST", "/v1/config/reload")
                self.assertEqual(reloaded.status, 200, reloaded.body)
                body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
                headers = {**provider.headers(body), **({"Content-Type": kind} if kind else {})}
                response = instance.request("POST", f"/hooks/{name}", body, headers, token=None)
                self.assertIn("Sallyport-Job", response.headers, (name, response.body))
                job = instance.wait(response.headers["Sallyport-Job"])
                self.assertEqual(instance.request("GET", f"/v1/jobs/{job['id']}/output", headers={"Accept": "text/plain"}).body, said)


class LifeTest(unittest.TestCase):
    """What needs an instance of its own."""

    def start(self, hooks, **commands):
        harness.needs_program(self, "sallyportd")
        self.instance = Instance({**COMMANDS, **commands})
        self.addCleanup(lambda: self.instance.process and self.instance.kill())
        self.instance.config["hooks"] = {name: self.hook(name, secret, **more) for name, (secret, more) in hooks.items()}
        self.instance.start()

    def secret_file(self, name, secret):
        path = os.path.join(self.instance.directory, f"hook-{name}")
        self.instance.write_private(path, secret + "\n")
        return f"file:{path}"

    def hook(self, name, secret, **more):
        return {"verify": {"preset": "github", "secrets": self.secret_file(name, secret)}, "run": RUN, **more}

    def deliver(self, name, secret, body=None, delivery=None):
        body = body if body is not None else some_body()
        headers = PROVIDERS[0].headers(body, secret=secret, name=delivery)
        return self.instance.request("POST", f"/hooks/{name}", body, headers, token=None)

    def reload(self):
        self.instance.write_config()
        response = self.instance.request("POST", "/v1/config/reload")
        self.assertEqual(response.status, 200, response.body)

    def jobs(self):
        return self.instance.request("GET", "/v1/jobs?limit=200").json()["items"]

    def test_two_secrets_hold_while_one_replaces_another(self):
        old, new = "the secret before it".replace(" ", "-"), "the-secret-that-comes"
        self.start({"push": (old, {})})
        self.assertEqual(self.deliver("push", old).status, 202)
        self.assertEqual(self.deliver("push", new).status, 401)
        verify = self.instance.config["hooks"]["push"]["verify"]
        verify["secrets"] = [self.secret_file("new", new), self.secret_file("push", old)]
        self.reload()
        self.assertEqual((self.deliver("push", old).status, self.deliver("push", new).status), (202, 202))
        verify["secrets"] = self.secret_file("new", new)
        self.reload()
        self.assertEqual((self.deliver("push", old).status, self.deliver("push", new).status), (401, 202))
        del self.instance.config["hooks"]
        self.reload()
        self.assertEqual(self.deliver("push", new).status, 401)
        self.instance.stop()

    def test_hooks_that_prove_nothing_are_faults_of_the_configuration(self):
        self.start({"push": ("a-secret-of-some-length", {})})
        hook = self.instance.config["hooks"]["push"]
        empty = self.secret_file("empty", "")
        for verify in (None, {}, {"preset": "github"}, {"preset": "github", "secrets": empty}, {"preset": "github", "secrets": []},
                       {"preset": "nobody", "secrets": hook["verify"]["secrets"]}, {"secrets": hook["verify"]["secrets"]}):
            with self.subTest(verify=verify):
                self.instance.config["hooks"]["other"] = {"run": RUN, **({"verify": verify} if verify is not None else {})}
                self.instance.write_config()
                response = self.instance.request("POST", "/v1/config/reload")
                self.assertEqual((response.status, response.json()["code"]), (422, "config-invalid"))
                self.assertIn("sallyport.yaml:", response.json()["errors"][0]["detail"])
                self.assertEqual(self.deliver("push", "a-secret-of-some-length").status, 202)
        del self.instance.config["hooks"]["other"]
        self.instance.stop()

    def test_a_killed_keeper_forgets_no_delivery_and_runs_none_twice(self):
        secret = "a-secret-of-some-length"
        self.start({"push": (secret, {"rate": "10000/1m", "concurrency": 64})})
        bodies = [(some_body(number=number), str(uuid.uuid4())) for number in range(60)]
        jobs, ended = {}, threading.Event()

        def insist(body, delivery):
            """As a provider does: until it hears something good."""
            while not ended.is_set():
                try:
                    response = self.deliver("push", secret, body, delivery)
                    if response.status == 202:
                        jobs[delivery] = response.headers["Sallyport-Job"]
                        return
                except OSError:
                    pass
                time.sleep(0.02)

        def send(part):
            for body, delivery in part:
                insist(body, delivery)
        senders = [threading.Thread(target=send, args=(bodies[i::4],)) for i in range(4)]
        for sender in senders:
            sender.start()
        for count in (10, 25, 40):
            self.assertTrue(wait_until(lambda count=count: len(jobs) >= count, 60))
            os.kill(self.instance.part("keeper").pid, signal.SIGKILL)
            self.assertTrue(wait_until(self.instance.is_ready, 60))
        for sender in senders:
            sender.join(120)
        ended.set()
        self.assertEqual(len(jobs), len(bodies))
        self.assertEqual(len(set(jobs.values())), len(bodies))
        for body, delivery in bodies:
            self.assertEqual(self.deliver("push", secret, body, delivery).headers["Sallyport-Job"], jobs[delivery])
        made = [job for job in self.jobs() if job["source"] == "hook"]
        self.assertEqual({job["id"] for job in made}, set(jobs.values()))
        self.instance.stop()

    def test_a_flood_of_forged_deliveries_stores_nothing_and_keeps_nobody_genuine_out(self):
        secret = "a-secret-of-some-length"
        self.start({"push": (secret, {"rate": "10000/1m", "concurrency": 16}), "calm": (secret, {})})
        first, delivery = some_body(), str(uuid.uuid4())
        job = self.deliver("push", secret, first, delivery).headers["Sallyport-Job"]
        ended, forged = threading.Event(), []

        def flood():
            connection = self.instance.connect()
            while not ended.is_set():
                body = some_body()
                connection.request("POST", "/hooks/push", body, PROVIDERS[0].headers(body, secret="another secret entirely"))
                response = connection.getresponse()
                response.read()
                forged.append(response.status)
            connection.close()
        floods = [threading.Thread(target=flood) for _ in range(4)]
        for thread in floods:
            thread.start()
        self.assertTrue(wait_until(lambda: len(forged) > 300, 60))
        for name in ("push", "calm"):
            for _ in range(10):
                self.assertEqual(self.deliver(name, secret).status, 202)
        self.assertEqual(self.deliver("push", secret, first, delivery).headers["Sallyport-Job"], job)
        self.assertEqual(self.deliver("push", secret, first, "another-name").status, 409)
        ended.set()
        for thread in floods:
            thread.join(30)
        self.assertEqual(set(forged), {401})
        items = self.instance.request("GET", "/v1/hooks/push/deliveries?limit=200").json()["items"]
        self.assertEqual(len(items), 11)
        text = self.instance.request("GET", "/metrics").body.decode()
        self.assertIn(f'sallyport_webhook_deliveries_total{{hook="push",verdict="forged"}} {len(forged)}\n', text)
        self.instance.stop()

    def test_an_address_has_its_rate_and_a_hook_its_number_at_once(self):
        secret = "a-secret-of-some-length"
        self.start({"slow": (secret, {"rate": "3/1h"}), "other": (secret, {})})
        for _ in range(3):
            self.assertEqual(self.deliver("slow", secret).status, 202)
        for secrets in (secret, "another secret entirely"):
            response = self.deliver("slow", secrets)
            self.assertEqual((response.status, response.json()["code"]), (429, "rate-limited"))
            self.assertGreater(int(response.headers["Retry-After"]), 3000)
        self.assertEqual(self.deliver("other", secret).status, 202)
        keeper = self.instance.part("keeper")
        os.kill(keeper.pid, signal.SIGSTOP)
        statuses = []
        threads = [threading.Thread(target=lambda: statuses.append(self.deliver("other", secret).status)) for _ in range(6)]
        for thread in threads:
            thread.start()
        self.assertTrue(wait_until(lambda: len(statuses) == 2, 5), statuses)     # beyond four nobody waits
        os.kill(keeper.pid, signal.SIGCONT)
        for thread in threads:
            thread.join(30)
        self.assertEqual(sorted(statuses), [202] * 4 + [429] * 2)
        self.instance.stop()

    def test_names_that_are_no_hooks_are_counted_together_and_hooks_with_them(self):
        self.start({"push": ("a-secret-of-some-length", {})})
        connection, statuses = self.instance.connect(), []
        while len(statuses) < 1300 and statuses.count(429) == 0:    # in two windows of a minute there are 1200 at most
            body = some_body()
            connection.request("POST", f"/hooks/invented-{len(statuses)}", body,
                               {header: value for kind in PROVIDERS for header, value in kind.headers(body).items()})
            response = connection.getresponse()
            response.read()
            statuses.append(response.status)
        connection.close()
        self.assertEqual(set(statuses), {401, 429})
        self.assertGreaterEqual(statuses.count(401), 600)
        self.assertEqual(self.deliver("push", "another secret entirely").status, 429)
        self.instance.stop()

    def test_who_leaves_is_counted_until_the_keeper_has_answered(self):
        secret = "a-secret-of-some-length"
        self.start({"push": (secret, {})})
        keeper = self.instance.part("keeper")
        os.kill(keeper.pid, signal.SIGSTOP)
        try:
            for _ in range(4):
                body = some_body()
                connection = self.instance.connect()
                connection.request("POST", "/hooks/push", body, PROVIDERS[0].headers(body, secret=secret))
                connection.close()
            self.assertTrue(wait_until(lambda: self.deliver("push", secret).status == 429, 30))
        finally:
            os.kill(keeper.pid, signal.SIGCONT)
        self.assertTrue(wait_until(lambda: self.deliver("push", secret).status == 202, 30))
        self.instance.stop()

    def test_a_token_of_gitlab_is_sent_to_this_host_alone(self):
        self.start({})
        secret = "a-secret-of-some-length"
        self.instance.config["hooks"] = {"lab": {"verify": {"preset": "gitlab-token", "secrets": self.secret_file("lab", secret)}, "run": RUN}}
        self.reload()
        done = self.instance.cli("hook", "test", "lab", "--config", self.instance.config_path, "--url", "https://sallyport.invalid")
        self.assertEqual(done.returncode, 125)
        self.assertIn(b"sends the secret itself", done.stderr)
        self.assertNotIn(secret.encode(), done.stdout + done.stderr)
        body = os.path.join(self.instance.directory, "body.json")
        self.instance.write_private(body, some_body().decode())
        done = self.instance.cli("hook", "test", "lab", "--config", self.instance.config_path, "--body", body)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.instance.stop()

    def test_the_log_says_what_came_and_a_delivery_runs_again(self):
        secret = "a-secret-of-some-length"
        self.start({"push": (secret, {"when": [{"json": "/ref", "glob": "refs/heads/*"}]})})
        self.deliver("push", secret, delivery="first")
        self.deliver("push", secret, some_body(ref="refs/tags/1"), "second")
        self.assertEqual(self.instance.request("GET", "/v1/hooks/push/deliveries", token=None).status, 401)
        page = self.instance.request("GET", "/v1/hooks/push/deliveries?limit=1").json()
        self.assertEqual([(item["delivery"], item["verdict"], item["detail"], item["job"]) for item in page["items"]],
                         [("second", "ignored", "json /ref", None)])
        rest = self.instance.request("GET", f"/v1/hooks/push/deliveries?limit=1&cursor={page['next_cursor']}").json()
        item = rest["items"][0]
        self.assertEqual((item["delivery"], item["verdict"], item["event"], rest["next_cursor"]), ("first", "accepted", "push", None))
        done = self.instance.request("POST", f"/v1/hooks/push/deliveries/{page['items'][0]['id']}/redeliver")
        self.assertEqual((done.status, done.json()["code"]), (409, "hook-started-nothing"))
        done = self.instance.request("POST", f"/v1/hooks/push/deliveries/{item['id']}/redeliver")
        self.assertEqual(done.status, 202, done.body)
        job = self.instance.wait(done.json()["job"])
        self.assertNotEqual(job["id"], item["job"])
        self.assertEqual((job["params"], job["actor"]["id"]), ({"env": "staging", "ref": "refs/heads/main"}, "tester"))
        self.assertEqual(self.instance.request("GET", "/v1/hooks/nobody/deliveries").status, 404)
        self.instance.stop()

    def test_the_command_line_lists_tests_and_redelivers(self):
        secret = "a-secret-of-some-length"
        self.start({"push": (secret, {})})
        listed = self.instance.cli("hook", "ls").stdout.decode()
        self.assertRegex(listed, r"push +github +says +1")
        body = os.path.join(self.instance.directory, "body.json")
        self.instance.write_private(body, some_body().decode())
        tested = self.instance.cli("hook", "test", "push", "--config", self.instance.config_path)
        self.assertEqual(tested.returncode, 0, tested.stderr)
        self.assertIn(b"ignored for: ping", tested.stdout)
        tested = self.instance.cli("hook", "test", "push", "--config", self.instance.config_path, "--event", "push", "--body", body)
        self.assertEqual(tested.returncode, 0, tested.stderr)
        self.assertIn(b"it started job", tested.stdout)
        self.assertNotIn(secret.encode(), tested.stdout + tested.stderr)
        rows = json.loads(self.instance.cli("hook", "deliveries", "push", "-o", "json").stdout)["items"]
        self.assertEqual([row["verdict"] for row in rows], ["accepted", "ignored"])
        again = self.instance.cli("hook", "redeliver", "push", rows[0]["id"])
        self.assertEqual(again.returncode, 0, again.stderr)
        nothing = self.instance.cli("hook", "redeliver", "push", rows[1]["id"])
        self.assertEqual(nothing.returncode, 125)
        self.assertIn(b"started nothing", nothing.stderr)
        self.instance.write_private(os.path.join(self.instance.directory, "hook-push"), "another-secret-entirely\n")
        wrong = self.instance.cli("hook", "test", "push", "--config", self.instance.config_path)
        self.assertEqual(wrong.returncode, 125)
        self.instance.stop()


if __name__ == "__main__":
    unittest.main()
