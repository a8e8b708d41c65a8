"""sallyport import: what other programs were told becomes a configuration that is taken, and their clients' requests work as before."""

import base64
import hashlib
import hmac
import http.client
import json
import os
import shutil
import subprocess
import tempfile
import unittest

import harness
from harness import Instance, Response, free_port, wait_until
from images import Store, busybox_layout

SECRET = "a-secret-that-nobody-may-read-0123"
DIGEST = "sha256:" + "0123456789abcdef" * 4
CORPUS = os.path.join(harness.SOURCE, "fuzz", "corpus", "import-webhook")

GITHUB_RULE = {"match": {"type": "payload-hmac-sha256", "secret": SECRET, "parameter": {"source": "header", "name": "X-Hub-Signature-256"}}}
HOOK = {
    "id": "deploy", "execute-command": "/usr/bin/printenv", "response-message": "thanks",
    "pass-arguments-to-command": [{"source": "string", "name": "REF"}, {"source": "string", "name": "HOOK_pusher_name"}],
    "pass-environment-to-command": [{"source": "payload", "name": "ref", "envname": "REF"},
                                    {"source": "payload", "name": "pusher.name", "envname": "HOOK_pusher_name"}],
    "trigger-rule": {"and": [GITHUB_RULE, {"match": {"type": "regex", "regex": "^refs/heads/(main|stable)$",
                                                     "parameter": {"source": "payload", "name": "ref"}}}]},
}


def hook_with(**more):
    return {**HOOK, **more}


class ImportCase(unittest.TestCase):
    def setUp(self):
        self.sallyport = harness.needs_program(self, "sallyport")
        self.directory = tempfile.mkdtemp(prefix="sallyport-import-test.")
        self.addCleanup(shutil.rmtree, self.directory)

    def file(self, name, content):
        path = os.path.join(self.directory, name)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode() if isinstance(content, str) else json.dumps(content).encode())
        return path

    def new_directory(self):
        return tempfile.mkdtemp(dir=self.directory)

    def hooks(self, *hooks, name="hooks.json"):
        return self.file(name, list(hooks))

    def scripts(self):
        """A directory as gort had it, of root's alone."""
        directory = harness.make_directory("scripts")
        self.addCleanup(shutil.rmtree, directory)
        for name, text in (("hello.sh", "#!/bin/bash\necho hello $GREETING $1\n"), ("later", "#!/usr/bin/env python3\nprint('python')\n")):
            with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
                file.write(text)
        return directory

    def call(self, *arguments, environment=None):
        return subprocess.run([self.sallyport, "import", *arguments], capture_output=True, text=True, timeout=120, check=False,
                              stdin=subprocess.DEVNULL, cwd=self.directory, env={"PATH": "/usr/bin:/bin", **(environment or {})})

    def made(self, *arguments, environment=None):
        """What is printed, which is a configuration that is taken, and what is said of it."""
        done = self.call(*arguments, environment=environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        path = self.file("made.yaml", done.stdout)
        checked = subprocess.run([self.sallyport, "config", "check", path], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(checked.returncode, 0, checked.stderr + done.stdout)
        return done.stdout, done.stderr

    def refused(self, *arguments, says, environment=None):
        done = self.call(*arguments, environment=environment)
        self.assertEqual((done.returncode, done.stdout), (125, ""), done.stderr)
        self.assertIn(says, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)


class ResultTest(ImportCase):
    def rows(self):
        functions = self.file("functions.json", {"success": True, "data": [
            {"id": "1", "image": "hello-world", "environment": {"A": "b", "no name": "x"}},
            {"id": "2", "image": f"registry.example/hello@{DIGEST}", "environment": None}]})
        routes = self.file("routes.json", {"success": True, "data": [{"id": "3", "path": "/hello", "function": {"image": "hello-world"}},
                                                                     {"id": "4", "path": "/$(id)", "function": {"image": "hello-world"}}]})
        return [
            (["http-runner", "-p", "9000", "-w", "ls,/bin/echo,sh,no-such,a b", "-n", "7"], {}),
            (["http-runner", "-p", "none", "-w", "x\ny,z: w,{a},\u2028,- b", "-i", "0.0.0.0"], {}),
            (["gort", "--executor", "bash", "--executor", "no-such", "--env", "GREETING", "--env", "a-b"],
             {"PORT": "none", "SCRIPTS_DIR": self.scripts(), "GORT_RATE_LIMIT": "5"}),
            (["gort", "--scripts-dir", self.scripts()], {}),
            (["gort", "--scripts-dir", "/no/such", "--executor", "bash"], {}),
            (["jobrunner", "--shell", "--image", f"tools:1=registry.example/tools@{DIGEST}", "--image", "alpine:3"],
             {"JOBRUNNER_PORT": "8081", "JOBRUNNER_BASE": "/srv", "JOBRUNNER_DOCKER": "/usr/bin/docker", "JOBRUNNER_DOCKER_PASS": SECRET}),
            (["go-tasky", "-addr=:8888", "--worker", "CopyFile=cp", "--worker", "x=/no/such"], {}),
            (["go-serverless", "--functions", functions, "--routes", routes], {"DATA_PATH": "/data", "OS_ENV": "docker"}),
            (["webhook", "-port", "9001", "-secure", "-cert", "/no/such", "-urlprefix", "x", "-verbose", self.hooks(HOOK)], {}),
            (["shell2http", "-port=8081", "-form", "-cache", "5", "-timeout=10", "-include-stderr", "-basic-auth", f"user:{SECRET}",
              "-export-vars=A,B", "-one-thread", "-add-exit", "/date", "date", "GET:/hi", "echo \"${v_name:-x}\" $v_9 {a}\n# x: \u2029",
              "/", "echo index", "/up", "cat $filepath_f", "/a//b", "true"], {}),
            (["shell2http", "-cgi", "-500", "-shell", "", "-cert", "/c.pem", "-key", "k.pem", "/date", "date -u", "/x", "echo 'a'"], {}),
        ]

    def test_every_configuration_that_is_made_is_taken(self):
        for arguments, environment in self.rows():
            with self.subTest(arguments=arguments):
                text, said = self.made(*arguments, environment=environment)
                self.assertTrue(text.startswith("# - Made of "))
                self.assertIn(" written, ", said.splitlines()[-1])
                self.assertNotIn(SECRET, text + said)
                self.made("--no-token", *arguments, environment=environment)

    def test_what_is_said_stands_in_the_file_too(self):
        for arguments, environment in self.rows():
            with self.subTest(arguments=arguments):
                text, said = self.made(*arguments, environment=environment)
                comments = " ".join(line.strip().lstrip("#").strip().removeprefix("- ") for line in text.splitlines()
                                    if line.lstrip().startswith("#"))
                for line in said.splitlines()[:-1]:
                    sentence = line.removeprefix("sallyport: ").partition(": ")[2]
                    self.assertIn(" ".join(sentence.split()), " ".join(comments.split()))
                self.assertEqual(self.made("-q", *arguments, environment=environment), (text, ""))

    def test_a_predecessor_without_no_token_admits_nobody(self):
        text, said = self.made("http-runner", "-w", "ls")
        self.assertNotIn("\npeers:", text)
        self.assertIn("sallyport token create --name http-runner-clients --allow 'run:ls,read:own,cancel:own'", said)

    def test_the_result_goes_into_a_new_file_and_never_into_one_that_is_there(self):
        path = os.path.join(self.directory, "new.yaml")
        printed, _ = self.made("http-runner", "-w", "ls")
        done = self.call("-o", path, "http-runner", "-w", "ls")
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        with open(path, encoding="utf-8") as file:
            self.assertEqual(file.read(), printed)
        self.refused("-o", path, "http-runner", "-w", "uptime", says="is there already, and nothing is overwritten: name another one")
        with open(path, encoding="utf-8") as file:
            self.assertEqual(file.read(), printed)

    def test_names_of_files_that_are_no_text_are_told_as_far_as_they_are(self):
        directory = self.scripts()
        with open(os.path.join(directory.encode(), b"odd\xff\n"), "wb") as file:
            file.write(b"nothing")
        _, said = self.made("gort", "--scripts-dir", directory)
        self.assertIn("'odd??' says by no #! line", said)

    def test_each_has_a_help_that_fits(self):
        for name in ("webhook", "shell2http", "http-runner", "gort", "jobrunner", "go-serverless", "go-tasky"):
            done = self.call(name, "--help")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn(f"usage: sallyport import {name} ", done.stdout)
            self.assertEqual([line for line in done.stdout.splitlines() if len(line) > 92], [])
            self.assertIn(f"  {name} ", self.call("--help").stdout)


class WrongUseTest(ImportCase):
    def test_of_all(self):
        self.refused("cron", says="what can be imported is webhook, shell2http,")
        self.refused(says="usage: sallyport import ")
        self.refused("--secrets", "here", "webhook", self.hooks(HOOK), says="--secrets must be an absolute path")
        self.refused("--secrets", "/no/such", "webhook", self.hooks(HOOK), says="install -d -m 700 '/no/such' makes it")
        self.refused("http-runner", "-w", b"\xff".decode("utf-8", "surrogateescape"), says="is not UTF-8")

    def test_a_directory_for_secrets_that_others_can_change(self):
        place = self.new_directory()
        for mode in (0o770, 0o1777):
            os.chmod(place, mode)
            self.refused("--secrets", place, "webhook", self.hooks(HOOK), says=f"chmod go-w '{place}'")
        os.chmod(place, 0o755)
        harness.needs_root(self)
        os.chown(place, 12345, 0)
        self.refused("--secrets", place, "webhook", self.hooks(HOOK), says=f"belongs to another user (12345), who could change the secrets: chown 0 '{place}'")
        self.assertEqual(os.listdir(place), [])

    def test_of_webhook(self):
        self.refused("webhook", says="which hooks? sallyport import webhook /etc/webhook/hooks.json")
        self.refused("webhook", "/no/such", says="open '/no/such': No such file")
        self.refused("webhook", "--port", "x", self.hooks(HOOK), says="-port takes a number from 1 to 65535")
        self.refused("webhook", self.file("hooks.yaml", "- id: x\n"), says="YAML is not read here. python3 -c")
        self.refused("webhook", self.file("t.json", '[{"id": "{{ getenv "X" }}"}]'), says="this is a template ('{{')")
        self.refused("webhook", "-template", self.hooks(HOOK), says="write the values in their places")
        self.refused("webhook", self.file("o.json", {}), says="is no list of hooks")
        self.refused("webhook", self.file("n.json", [1]), says="hook 1 of the list is no object")

    def test_a_fault_of_a_file_with_secrets_is_told_without_what_stands_near(self):
        path = self.file("cut.json", json.dumps([HOOK])[:-2].replace(SECRET + '"', SECRET))
        done = self.call("webhook", path)
        self.assertEqual(done.returncode, 125)
        self.assertIn("this is no JSON, from line 1, column", done.stderr)
        self.assertNotIn(SECRET[:8], done.stdout + done.stderr)

    def test_of_shell2http(self):
        self.refused("shell2http", says="there is no pair: shell2http takes pairs")
        self.refused("shell2http", "/date", says="a path has no command")
        self.refused("shell2http", "date", "date", says="'date' is no path: pairs are PATH COMMAND")
        self.refused("shell2http", "HEAD:/date", "date", says="is no path")
        self.refused("shell2http", "-timeout", "soon", "/date", "date", says="-timeout takes a number of seconds, not 'soon'")
        self.refused("shell2http", "-prot", "80", "/date", "date", says="there is no option '--prot'; did you mean '--port'?")

    def test_of_http_runner(self):
        self.refused("http-runner", "-p", "9000", says="here a list is needed: -w ls,uptime")
        self.refused("http-runner", "-w", ",", says="-w names no command; write them with commas between")
        self.refused("http-runner", "-w", "ls", "-n", "many", says="-n takes a number from 1 on, not 'many'")
        self.refused("http-runner", "-w", says="-w needs a value: -w A,B,C")
        self.refused("http-runner", "-w", "ls", "more", says="'more' is one word too many")

    def test_of_gort(self):
        self.refused("gort", says="the scripts' directory './dist' (name it with --scripts-dir): No such file")
        self.refused("gort", "--scripts-dir", self.directory, says="name them, --executor bash")
        self.refused("gort", "--scripts-dir", self.scripts(), environment={"GORT_RATE_LIMIT": "-1"},
                     says="GORT_RATE_LIMIT is '-1', with which gort does not start")

    def test_of_jobrunner(self):
        self.refused("jobrunner", says="say what is to be served here: --shell")
        self.refused("jobrunner", "--shell", environment={"JOBRUNNER_PORT": "http"}, says="JOBRUNNER_PORT takes a number")
        self.refused("jobrunner", "--image", "=x", says="--image takes NAME@sha256:DIGITS")

    def test_of_go_tasky(self):
        self.refused("go-tasky", says="name the program that does the work of each: --worker")
        self.refused("go-tasky", "--worker", "copyfile", says="a worker is NAME=PROGRAM")
        self.refused("go-tasky", "-addr", "8888", "--worker", "a=ls", says="-addr takes [HOST]:PORT, not '8888'")
        self.refused("go-tasky", "--worker", "a=ls", "--worker", "A=cp", says="worker 'a' is named twice")

    def test_of_go_serverless(self):
        self.refused("go-serverless", says="--functions functions.json")
        self.refused("go-serverless", "--functions", self.file("f", "<html>"), says="is no JSON, from line 1")
        self.refused("go-serverless", "--functions", self.file("g", {"data": None}), says="it has no list 'data'")


class WebhookTest(ImportCase):
    """What hooks.json is made of, key by key."""

    def hook(self, *arguments, **more):
        return self.made("webhook", self.hooks(hook_with(**more)), *arguments)

    def held(self, more):
        """The same with a place for the secret, which is not what holds it back then."""
        text, said = self.made("--secrets", self.new_directory(), "webhook", self.hooks(hook_with(**more)))
        self.assertNotIn("\nhooks:", text)
        self.assertNotIn("    route:", text)
        return text, said

    def test_every_file_of_the_corpus_is_refused_or_becomes_a_configuration_that_is_taken(self):
        names = sorted(os.listdir(CORPUS))
        self.assertGreaterEqual(len(names), 10)
        made = 0
        for name in names:
            with self.subTest(name=name):
                done = self.call("webhook", os.path.join(CORPUS, name))
                self.assertNotIn("secret-of-tests", done.stdout + done.stderr)
                self.assertNotIn("token-of-tests", done.stdout + done.stderr)
                if done.returncode != 0:
                    self.assertEqual(done.returncode, 125)
                    continue
                made += 1
                self.made("webhook", os.path.join(CORPUS, name))
                secrets = tempfile.mkdtemp(dir=self.directory)
                text, said = self.made("--secrets", secrets, "webhook", os.path.join(CORPUS, name))
                self.assertNotIn("secret-of-tests", text + said)
        self.assertGreaterEqual(made, 10)

    def test_a_secret_goes_into_its_file_alone(self):
        secrets = os.path.join(self.directory, "secrets")
        os.mkdir(secrets)
        text, said = self.made("--secrets", secrets, "webhook", self.hooks(HOOK))
        self.assertNotIn(SECRET, text + said)
        path = os.path.join(secrets, "deploy")
        with open(path, encoding="utf-8") as file:
            self.assertEqual(file.read(), SECRET + "\n")
        self.assertEqual(os.stat(path).st_mode & 0o7777, 0o600)
        self.assertIn("\nhooks:\n", text)
        self.refused("--secrets", secrets, "webhook", self.hooks(hook_with(id="another"), HOOK), says="is there already, and nothing is overwritten: "
                     "remove it, or name another directory")
        self.assertEqual(os.listdir(secrets), ["deploy"])

    def test_without_a_place_for_it_the_hook_is_held_and_the_line_that_makes_it_is_shown(self):
        text, said = self.hook()
        self.assertNotIn(SECRET, text + said)
        self.assertNotIn("\nhooks:", text)
        self.assertIn("\n#   deploy:\n#     verify: {preset: github, secrets: ", text)
        self.assertIn("install -D -m 600 /dev/stdin /etc/sallyport/hooks/deploy", said)

    def test_a_secret_that_is_compared_is_not_written_and_a_token_takes_its_place(self):
        for source, name in (("url", "token"), ("header", "Authorization"), ("payload", "api_key"), ("payload", "config.secret")):
            with self.subTest(name=name):
                text, said = self.hook(**{"trigger-rule": {"match": {"type": "value", "value": SECRET,
                                                                     "parameter": {"source": source, "name": name}}}})
                self.assertNotIn(SECRET, text + said)
                self.assertNotIn("hooks:\n", text)
                self.assertIn("    route: {path: /deploy}\n", text)
                self.assertIn("sallyport token create --name deploy --allow run:deploy", said)

    def test_a_rule_about_a_password_holds_a_hook_that_has_a_signature(self):
        for name, kind in (("token", "value"), ("config.ApiKey", "value"), ("x_api_key", "regex"), ("X-Auth-Token", "value"),
                           ("secrets.0", "value"), ("db.DB_PASSWORD", "regex")):
            with self.subTest(name=name):
                rule = {"match": {"type": kind, kind: "another-" + SECRET, "parameter": {"source": "payload", "name": name}}}
                text, said = self.held({"trigger-rule": {"and": [rule, GITHUB_RULE]}})
                self.assertIn(f"what it compares with '{name}' looks like a secret, which is not written here, and without that rule more "
                              "would run", said)
                self.assertNotIn("another-" + SECRET, text + said)

    def test_words_within_a_name_that_is_no_password_are_rules_as_others(self):
        for name in ("comment.author_association", "issue.fields.project.key", "monkey", "assignee", "token.count", "signed", "KeyName",
                     "authority", "compass"):
            with self.subTest(name=name):
                rule = {"match": {"type": "value", "value": "OWNER", "parameter": {"source": "payload", "name": name}}}
                text, said = self.hook(**{"trigger-rule": {"and": [GITHUB_RULE, rule]}})
                self.assertIn(f"{{json: /{name.replace('.', '/')}, equals: OWNER}}", text)
                self.assertNotIn("looks like a secret", said)

    def test_a_hook_that_proves_nothing_becomes_a_function(self):
        for rule in (None, {"and": []}):
            text, said = self.hook(**{"trigger-rule": rule})
            self.assertIn("    route: {path: /deploy}\n", text)
            self.assertIn("hooks.deploy: No signature proves who sends, so there is no hook.", said)

    def test_a_rule_of_null_is_none_and_the_first_that_is_there_counts(self):
        value = {"type": "value", "value": "x", "parameter": {"source": "payload", "name": "a"}}
        text, _ = self.hook(**{"trigger-rule": {"and": [{**GITHUB_RULE, "and": None, "or": None, "not": None}]}})
        self.assertIn("verify: {preset: github,", text)
        text, _ = self.hook(**{"trigger-rule": {"match": value, "not": {"match": value, "or": None}, "and": [GITHUB_RULE]}})
        self.assertNotIn("when:", text)
        self.assertIn("verify: {preset: github,", text)

    def test_two_secrets_are_either_in_an_or_and_too_much_in_an_and(self):
        def signed(*secrets):
            return [{"match": {**GITHUB_RULE["match"], "secret": SECRET + secret}} for secret in secrets]

        place = self.new_directory()
        text, _ = self.made("--secrets", place, "webhook", self.hooks(hook_with(**{"trigger-rule": {"or": signed("a", "b")}})))
        self.assertIn(f'secrets: ["file:{place}/deploy", "file:{place}/deploy.second"]', " ".join(text.split()))
        for rule in ({"and": signed("a", "b")}, {"and": [*signed("c"), {"or": signed("a", "b")}]},
                     {"and": [{"or": signed("a", "b")}, *signed("a")]}):
            text, said = self.held({"trigger-rule": rule})
            self.assertIn("it takes two proofs at once", said)
        text, _ = self.made("--secrets", self.new_directory(), "webhook", self.hooks(hook_with(**{"trigger-rule": {"and": signed("a", "a")}})))
        self.assertIn("\nhooks:", text)

    def test_the_second_secret_of_a_hook_is_never_the_file_of_another(self):
        rule = {"or": [GITHUB_RULE, {"match": {**GITHUB_RULE["match"], "secret": "second-" + SECRET}}]}
        place = self.new_directory()
        third = {"match": {**GITHUB_RULE["match"], "secret": "third-" + SECRET}}
        text, _ = self.made("--secrets", place, "webhook", self.hooks(hook_with(**{"trigger-rule": rule}),
                                                                      hook_with(id="deploy-2", **{"trigger-rule": third})))
        contents = {}
        for name in os.listdir(place):
            with open(os.path.join(place, name), encoding="utf-8") as file:
                contents[name] = file.read()
        self.assertEqual(contents, {"deploy": SECRET + "\n", "deploy.second": f"second-{SECRET}\n", "deploy-2": f"third-{SECRET}\n"})
        self.assertIn("\n  deploy-2:\n", text)

    def test_a_program_is_looked_for_in_the_working_directory(self):
        shutil.copy("/usr/bin/true", os.path.join(self.directory, "printenv"))
        for said in ("printenv", "./printenv"):
            text, _ = self.hook(**{"execute-command": said, "command-working-directory": self.directory})
            self.assertIn(f"exec: [{self.directory}/printenv,", text)
        text, said = self.held({"command-working-directory": "scripts", "execute-command": "printenv"})
        self.assertIn("hooks.deploy: Held back: its command is held back.", said)
        self.assertIn("'printenv' is taken from command-working-directory 'scripts', which is no absolute path", said)
        self.assertNotIn("\ncommands:\n", text)

    def test_a_command_that_lacks_an_argument_is_held_back(self):
        text, said = self.held({"pass-arguments-to-command": [{"source": "payload", "name": "a"}, {"source": "entire-payload"},
                                                              {"source": "payload", "name": "b"}]})
        self.assertNotIn("\ncommands:\n", text)
        self.assertIn("commands.deploy: Held back: argument 2 of it could not be translated", said)

    def test_a_hook_whose_command_is_not_taken_says_so(self):
        text, said = self.held({"execute-command": "/proc/self/exe"})
        self.assertIn("commands.deploy: Not taken: ", said)
        self.assertIn("hooks.deploy: Held back: its command is held back.", said)

    def test_a_fixed_text_that_looks_like_a_secret_is_told(self):
        for more in ({"pass-arguments-to-command": [{"source": "string", "name": "--token=x"}]},
                     {"pass-arguments-to-command": [{"source": "string", "name": "--api-key=x"}]},
                     {"pass-environment-to-command": [{"source": "string", "name": "x", "envname": "DB_PW"}]}):
            _, said = self.hook(**more)
            self.assertIn("A fixed text of it looks like a secret.", said)
        self.assertNotIn("looks like a secret", self.hook()[1])
        _, said = self.hook(**{"pass-arguments-to-command": [{"source": "string", "name": "--author=key"}]})
        self.assertNotIn("looks like a secret", said)

    def test_options_of_webhook_are_taken_and_those_that_mean_nothing_told(self):
        flags = ["nopanic", "debug", "hotreload", "verbose", "x-request-id", "list-cipher-suites", "version"]
        texts = ["header", "http-methods", "max-multipart-mem", "cipher-suites", "tls-min-version", "logfile", "pidfile", "setuid", "setgid"]
        _, said = self.made("webhook", *(f"-{name}" for name in flags), *(word for name in texts for word in (f"-{name}", "a=b")),
                            self.hooks(HOOK))
        for name in flags + texts:
            self.assertIn(f"\nsallyport: hooks: -{name} is left out: ", said)
        self.refused("webhook", "-no-such", self.hooks(HOOK), says="there is no option '--no-such'")
        self.refused("webhook", "-hotrelod", self.hooks(HOOK), says="did you mean '--hotreload'?")

    def test_rules_become_rules(self):
        parameter = {"source": "payload", "name": "a.0.b"}
        rows = [
            ({"match": {"type": "value", "value": "x", "parameter": parameter}}, "{json: /a/0/b, equals: x}"),
            ({"match": {"type": "regex", "regex": "^a+$", "parameter": parameter}}, '{json: /a/0/b, regex: "a+"}'),
            ({"match": {"type": "regex", "regex": "a|b", "parameter": parameter}}, '{json: /a/0/b, regex: "[\\\\s\\\\S]*(?:a|b)[\\\\s\\\\S]*"}'),
            ({"not": {"match": {"type": "value", "value": "a.b", "parameter": parameter}}},
             '{json: /a/0/b, regex: "(?!a\\\\.b\\\\z)[\\\\s\\\\S]*"}'),
            ({"or": [{"match": {"type": "value", "value": value, "parameter": parameter}} for value in "xz"]}, "{json: /a/0/b, in: [x, z]}"),
            ({"match": {"type": "value", "value": "push", "parameter": {"source": "header", "name": "X-Event"}}},
             "{header: X-Event, equals: push}"),
            ({"match": {"type": "value", "value": "1", "parameter": {"source": "url", "name": "n"}}}, '{query: "n", equals: "1"}'),
        ]
        for rule, expected in rows:
            with self.subTest(expected=expected):
                text, _ = self.hook(**{"trigger-rule": {"and": [GITHUB_RULE, rule]}})
                self.assertIn(expected, text)

    def test_what_cannot_be_said_holds_the_hook_back(self):
        value = {"match": {"type": "value", "value": "x", "parameter": {"source": "payload", "name": "a"}}}
        sha1 = {"match": {"type": "payload-hmac-sha1", "secret": SECRET, "parameter": {"source": "header", "name": "X-Odd"}}}
        rows = [
            ({"trigger-rule": {"or": [GITHUB_RULE, value]}}, "it has an 'or' of different places"),
            ({"trigger-rule": {"and": [GITHUB_RULE, {"or": [value, {"not": value}]}]}}, "it has an 'or' of different places"),
            ({"trigger-rule": {"and": [GITHUB_RULE, {"not": {"and": [value]}}]}}, "a 'not' is of something else than one value"),
            ({"trigger-rule": {"and": [GITHUB_RULE, {"not": {**value, "and": [value]}}]}}, "a 'not' is of something else than one value"),
            ({"trigger-rule": {"and": [GITHUB_RULE, {"and": {"match": value}}]}}, "the 'and' of a rule is no list"),
            ({"trigger-rule": {"and": [GITHUB_RULE, {"or": "x", **value}]}}, "the 'or' of a rule is no list"),
            ({"trigger-rule": {"and": [GITHUB_RULE, {"match": [value]}]}}, "the 'match' of a rule is no object"),
            ({"trigger-rule": {"and": [GITHUB_RULE, {"match": None}]}}, "a rule is none of and, or, match"),
            ({"trigger-rule": {"and": [GITHUB_RULE, None]}}, "a rule is none of and, or, match"),
            ({"trigger-rule": {**GITHUB_RULE, "AND": [value]}}, "a rule is none of and, or, match"),
            ({"trigger-rule": {"and": [GITHUB_RULE, {"or": [value, {**value, "And": [value]}]}]}}, "it has an 'or' of different places"),
            ({"trigger-rule": {"and": [GITHUB_RULE, {"match": {"type": "regex", "Regex": "x", "parameter": value["match"]["parameter"]}}]}},
             "a rule of the type regex has no regex"),
            ({"trigger-rule": {}}, "its trigger-rule has no rule in it"),
            ({"trigger-rule": []}, "a rule is none of and, or, match"),
            ({"trigger-rule": sha1}, "its signature is SHA-1"),
            ({"trigger-rule": {"match": {"type": "scalr-signature", "secret": SECRET}}}, "Scalr signs with SHA-1"),
            ({"pass-arguments-to-command": [{"source": "entire-payload"}]}, "a delivery as a whole is not passed on"),
            ({"pass-arguments-to-command": [{"source": "payload", "name": "a", "base64decode": True}]}, "base64 is not decoded"),
            ({"pass-file-to-command": [{"source": "payload", "name": "a"}]}, "a delivery brings no files"),
            ({"http-methods": ["GET"]}, "its http-methods are without POST"),
            ({"execute-command": ""}, "it has no execute-command"),
        ]
        for more, why in rows:
            with self.subTest(why=why):
                self.assertIn(why, self.held(more)[1])

    def test_presets_are_found_by_their_headers(self):
        for header, kind, preset in (("X-Hub-Signature-256", "sha256", "preset: github,"), ("X-Hub-Signature", "sha256", "preset: bitbucket,"),
                                     ("x-hub-signature", "sha1", "preset: github,"), ("X-Gitea-Signature", "sha256", "preset: gitea,"),
                                     ("X-Ours", "sha512", "preset: generic, header: X-Ours, algorithm: sha512,")):
            with self.subTest(header=header, kind=kind):
                text, _ = self.hook(**{"trigger-rule": {"match": {"type": f"payload-hmac-{kind}", "secret": SECRET,
                                                                  "parameter": {"source": "header", "name": header}}}})
                self.assertIn(f"verify: {{{preset} secrets:", text)

    def test_names_that_are_not_ours_are_changed_and_told(self):
        text, said = self.made("webhook", self.hooks(hook_with(id="Deploy Web!"), hook_with(id="deploy-web"), hook_with(id="")))
        for name in ("deploy-web", "deploy-web-2", "unnamed"):
            self.assertIn(f"\n  {name}:\n", text)
        self.assertIn("'Deploy Web!' is called deploy-web here, and delivered to /hooks/deploy-web.", said)


class OthersTest(ImportCase):
    """What stands in lines to be copied, and what is kept out."""

    def test_no_line_to_be_copied_has_a_name_that_a_shell_would_read(self):
        for name in ("x$(id)", "x';id;'", "x`id`:1", "x y"):
            with self.subTest(name=name):
                functions = self.file("functions.json", [{"id": "1", "image": name}, {"id": "2", "image": "tool:1"}])
                text, said = self.made("go-serverless", "--functions", functions)
                self.assertIn(f"Function '1' is left out: its image '{name}' is no name of one.", said)
                self.assertIn("docker://tool:1 shows", said)
                self.assertNotIn("docker://x", text + said)
                text, said = self.made("jobrunner", "--image", name, "--image", "tool:1")
                self.assertIn(f"'{name}' is no name of one: import once more with another", said)
                self.assertIn("docker://tool:1 shows", said)
                self.assertNotIn("docker://x", text + said)

    def test_no_line_changes_the_owner_of_a_directory_that_a_shell_would_read(self):
        scripts = self.scripts()
        for name, has_line in (("plain", True), ("o'dd", False), ("$(id)", False)):
            with self.subTest(name=name):
                path = os.path.join(self.directory, name)
                shutil.copytree(scripts, path)
                os.chmod(path, 0o777)
                _, said = self.made("gort", "--scripts-dir", path)
                self.assertIn("decides what runs, so it must be root's alone", said)
                self.assertEqual("chown root: '" in said, has_line, said)

    def test_a_variable_of_a_function_that_looks_like_a_secret_is_asked_for(self):
        functions = self.file("functions.json", [{"id": "1", "image": f"registry.example/hello@{DIGEST}",
                                                  "environment": {"DB_PASSWORD": SECRET, "AUTHOR": "me"}}])
        text, said = self.made("go-serverless", "--functions", functions)
        self.assertNotIn(SECRET, text + said)
        self.assertIn("DB_PASSWORD: {type: string, required: true}", text.replace("# ", ""))
        self.assertIn("AUTHOR: {type: string, default: me}", text.replace("# ", ""))
        self.assertIn("The value of DB_PASSWORD looks like a secret and is not written here", said)

    def test_the_cache_of_shell2http_is_kept_only_where_a_key_tells_requests_apart(self):
        text, said = self.made("shell2http", "-cache", "5", "-form", "/one", "echo $v_a", "/two", "echo $v_a $v_b")
        self.assertIn('dedupe: {window: "5s", key: "{a}"}', text)
        self.assertEqual(text.count("dedupe: "), 1)
        self.assertIn("commands.one: -cache: within the time a request with the same field is answered with the first job, whoever makes it", said)
        self.assertIn("commands.two: -cache is left out: ", said)
        text, said = self.made("shell2http", "-cache", "5", "-cgi", "POST:/body", "cat", "GET:/none", "date")
        self.assertEqual(text.count('dedupe: {window: "5s"}'), 1)
        self.assertIn("commands.body: -cache is left out: ", said)


class ServedTest(ImportCase):
    """The result, as it is, beside the configuration of an instance."""

    def start(self, *arguments, environment=None, port_option=None, images=None, changed=lambda text: text):
        harness.needs_root(self)
        harness.needs_program(self, "sallyportd")
        self.instance = Instance({})
        if images:
            self.instance.config["images"] = images
        self.addCleanup(lambda: self.instance.process and self.instance.kill())
        self.port = self.instance.port if port_option else None
        if port_option:
            name, *rest = arguments
            arguments = [name, port_option, str(self.instance.port), *rest]
        done = self.call("--secrets", self.instance.directory, *arguments, environment=environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        directory = os.path.join(self.instance.directory, "conf.d")
        os.mkdir(directory, 0o755)
        self.instance.write_private(os.path.join(directory, "imported.yaml"), changed(done.stdout))
        self.instance.start()

    def ask(self, port, method, path, body=None, headers=None):
        headers = dict(headers or {})
        if body is not None:
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            return Response(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def until(self, ask):
        answer = wait_until(ask, 30, 0.05)
        self.assertTrue(answer)
        return answer

    def newest(self):
        return self.until(lambda: next((job for job in self.instance.request("GET", "/v1/jobs").json()["items"] if job["end"]), None))

    def output(self, job):
        return self.instance.request("GET", f"/v1/jobs/{job['id']}/output", headers={"Accept": "text/plain"}).body

    def test_a_client_of_http_runner(self):
        port = free_port()
        self.start("--no-token", "http-runner", "-p", str(port), "-w", "echo,ls")
        answer = self.ask(port, "POST", "/", json.dumps({"command": "echo", "args": "as before"}))
        self.assertEqual(answer.status, 202, answer.body)
        job = self.until(lambda: (lambda job: job if "err" in job else None)(self.ask(port, "GET", "/" + answer.json()["id"]).json()))
        self.assertEqual((job["stdout"], job["code"]), ("as before\n", 0))
        self.assertEqual(self.ask(port, "POST", "/", json.dumps({"command": "id", "args": ""})).status, 400)

    def test_a_client_of_gort(self):
        port = free_port()
        self.start("--no-token", "gort", "--env", "GREETING", environment={"PORT": str(port), "SCRIPTS_DIR": self.scripts()})
        self.assertEqual(self.ask(port, "GET", "/v1/list-dist").body, b"hello.sh\nlater\n")
        answer = self.ask(port, "POST", "/v1/start", json.dumps({"executor": "bash", "script": "hello.sh", "env_vars": ["GREETING=you"],
                                                                 "args": ["there"]}))
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(self.output(self.newest()), b"hello you there\n")

    def test_a_client_of_jobrunner(self):
        port = free_port()
        self.start("--no-token", "jobrunner", "--shell", environment={"JOBRUNNER_PORT": str(port)})
        answer = self.ask(port, "POST", "/", json.dumps({"CommandLine": "echo a line", "Environment": {}}))
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(self.output(self.newest()), b"a line\n")

    def test_a_client_of_go_tasky(self):
        port = free_port()
        self.start("--no-token", "go-tasky", "-addr", f":{port}", "--worker", "Reader=cat")
        task = self.ask(port, "POST", "/tasky/v1/workers/reader", "what was sent").json()["TaskId"]
        status = self.until(lambda: (lambda task: task if task["Status"] == "Completed" else None)(
            self.ask(port, "GET", f"/tasky/v1/tasks/{task}/status").json()))
        self.assertEqual(status["TaskId"], task)
        self.assertIn("what was sent", self.ask(port, "GET", f"/tasky/v1/tasks/{task}/result").body.decode())

    def test_a_client_of_go_serverless(self):
        place = harness.make_directory("import-images")
        self.addCleanup(shutil.rmtree, place, True)
        layout, digest = busybox_layout(place, config=("--config.entrypoint", "/bin/busybox", "--config.entrypoint", "true"))
        image, store = f"registry.example/hello@sha256:{digest}", Store(os.path.join(place, "store"))
        self.assertEqual(store.pull(image, layout).returncode, 0)
        functions = self.file("functions.json", {"success": True, "data": [{"id": "1", "image": image, "environment": {"GREETING": "hi"}}]})
        port = free_port()
        self.start("--no-token", "go-serverless", "--functions", functions, images={"dir": store.path},
                   changed=lambda text: text.replace("127.0.0.1:9999", f"127.0.0.1:{port}"))
        made = self.ask(port, "POST", "/v1/functions", json.dumps({"image": image}))
        self.assertEqual(made.status, 201, made.body)
        route = {"path": "/hello", "function_id": made.json()["data"]["id"]}
        self.assertEqual(self.ask(port, "POST", "/v1/routes", json.dumps(route)).status, 200)
        answer = self.ask(port, "POST", "/r/hello", "{}")
        self.assertEqual((answer.status, answer.body), (200, b"{}"))

    def test_without_no_token_its_clients_are_asked_for_one(self):
        port = free_port()
        self.start("http-runner", "-p", str(port), "-w", "echo")
        body = json.dumps({"command": "echo", "args": ""})
        self.assertEqual(self.ask(port, "POST", "/", body).status, 401)
        self.assertEqual(self.ask(port, "POST", "/", body, {"Authorization": f"Bearer {self.instance.token}"}).status, 202)

    def deliver(self, ref, secret=SECRET):
        body = json.dumps({"ref": ref, "pusher": {"name": "$(id)"}}).encode()
        digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return self.ask(self.port, "POST", "/hooks/deploy", body,
                        {"Content-Type": "application/json", "X-Hub-Signature-256": "sha256=" + digest, "X-GitHub-Event": "push",
                         "X-GitHub-Delivery": ref})

    def test_a_delivery_as_webhook_took_it_runs_the_command(self):
        self.start("webhook", self.hooks(HOOK), port_option="-port")
        self.assertEqual(self.deliver("refs/heads/main", "x" * 20).status, 401)
        self.assertEqual(self.deliver("refs/heads/other").json(), {"ignored": "json /ref"})
        answer = self.deliver("refs/heads/main")
        self.assertEqual(answer.status, 202, answer.body)
        job = self.instance.wait(answer.json()["job"])
        self.assertEqual((job["state"], self.output(job)), ("succeeded", b"refs/heads/main\n$(id)\n"))

    def test_requests_as_shell2http_took_them(self):
        self.start("shell2http", "-form", "-500", "/date", "echo today", "GET:/hi", "echo \"Hi ${v_name:-nobody}\"\necho {done}",
                   "/fails", "echo no; exit 3", port_option="-port")
        token = {"Authorization": f"Bearer {self.instance.token}"}
        answer = self.ask(self.port, "GET", "/r/date", headers=token)
        self.assertEqual((answer.status, answer.body, answer.headers["Content-Type"]), (200, b"today\n", "text/plain; charset=utf-8"))
        self.assertEqual(self.ask(self.port, "GET", "/r/hi?name=%24%28id%29%3B%20x", headers=token).body, b"Hi $(id); x\n{done}\n")
        self.assertEqual(self.ask(self.port, "GET", "/r/hi", headers=token).body, b"Hi nobody\n{done}\n")
        self.assertEqual(self.ask(self.port, "POST", "/r/hi", "", token).status, 405)
        answer = self.ask(self.port, "GET", "/r/fails", headers=token)
        self.assertEqual((answer.status, answer.body), (500, b"no\n"))
        self.assertEqual(self.ask(self.port, "GET", "/r/date").status, 401)
        basic = "Basic " + base64.b64encode(b"user:password").decode()
        self.assertEqual(self.ask(self.port, "GET", "/r/date", headers={"Authorization": basic}).status, 401)


class DocumentTest(ImportCase):
    """docs/migrating.md shows what is made: each block with a `$ sallyport import` line, and the configuration behind it."""

    def test_the_examples_are_what_is_made(self):
        with open(os.path.join(harness.SOURCE, "docs", "migrating.md"), encoding="utf-8") as file:
            section = file.read().partition("\n## Importing\n")[2]
        self.file("hooks.json", section.partition("```json\n")[2].partition("```")[0])
        examples = section.split("\n    $ sallyport import ")[1:]
        self.assertEqual(len(examples), 2)
        secrets = os.path.join(self.directory, "secrets")
        os.mkdir(secrets)
        for example in examples:
            line = example.partition("\n")[0].replace("/etc/sallyport/hooks", secrets)
            shown = example.partition("```yaml\n")[2].partition("```")[0]
            done = subprocess.run(["/bin/bash", "-c", f"{self.sallyport} import -q {line}"], capture_output=True, text=True, timeout=60,
                                  check=False, cwd=self.directory)
            self.assertEqual(done.returncode, 0, done.stderr)
            entries = "".join(line + "\n" for line in done.stdout.splitlines() if line and not line.lstrip().startswith("#"))
            self.assertEqual(entries.replace(secrets, "/etc/sallyport/hooks"), shown.replace("\n\n", "\n"))


if __name__ == "__main__":
    unittest.main()
