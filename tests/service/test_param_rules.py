"""One set of rules for parameters: whichever way they come, the verdict is the same."""

import json
import unittest

from harness import ServiceTest
from param_cases import CASES, COMMAND, cli_words, faults_of


class ParamRules(ServiceTest):
    commands = {"judged": COMMAND}

    def judge_by_submit(self, params):
        answer = self.instance.request("POST", "/v1/commands/judged/jobs", {"params": params})
        if answer.status == 422:
            self.assertEqual(answer.json()["code"], "params-invalid", answer)
            return faults_of(answer.json()["errors"])
        self.assertEqual(answer.status, 202, answer)
        return set()

    def judge_by_validate(self, params):
        answer = self.instance.request("POST", "/v1/commands/judged/validate", {"params": params})
        self.assertEqual(answer.status, 200, answer)
        verdict = answer.json()
        self.assertEqual(verdict["verdict"], "refused" if verdict["errors"] else "accepted", verdict)
        return faults_of(verdict["errors"])

    def judge_by_param_test(self, params):
        done = self.instance.cli("-o", "json", "param-test", "judged", *cli_words(params))
        self.assertIn(done.returncode, (0, 1), done)
        verdict = json.loads(done.stdout)
        self.assertEqual(done.returncode, 1 if verdict["errors"] else 0, done)
        return faults_of(verdict["errors"])

    def test_every_case_has_one_verdict(self):
        for case in CASES:
            for judge in (self.judge_by_submit, self.judge_by_validate, self.judge_by_param_test):
                with self.subTest(case.name, by=judge.__name__):
                    self.assertEqual(judge(case.params), case.faults)

    def test_param_test_says_which_rule_refuses_what(self):
        done = self.instance.cli("param-test", "judged", "-p", "env=dev", "-p", "count=11")
        self.assertEqual(done.returncode, 1, done)
        said = done.stdout.decode().splitlines()
        self.assertEqual([line.split(": ")[:2] for line in sorted(said)], [["count", "max"], ["env", "enum"]])
        done = self.instance.cli("param-test", "judged", "-p", "env=prod")
        self.assertEqual((done.returncode, done.stdout), (0, b"accepted: it would start at once\n"), done)
        done = self.instance.cli("param-test", "jugded", "-p", "env=prod")
        self.assertEqual(done.returncode, 125, done)
        self.assertIn(b"did you mean 'judged'?", done.stderr)

    def test_a_dry_run_makes_no_job_and_shows_an_admin_the_argv(self):
        before = self.instance.request("GET", "/v1/jobs?limit=1").json()["items"]
        verdict = self.instance.request("POST", "/v1/commands/judged/validate",
                                        {"params": {"env": "prod", "hosts": ["web-1"], "pin": "4711"}}).json()
        self.assertEqual(verdict["argv"], ["/usr/bin/true", "prod", "v1", "1", "0", "false", "ok", "web-1", "1"])
        self.assertNotIn("4711", json.dumps(verdict))
        self.assertEqual(self.instance.request("GET", "/v1/jobs?limit=1").json()["items"], before)
        self.assertEqual(self.instance.request("POST", "/v1/commands/judged/validate", {"parms": {}}).status, 400)


if __name__ == "__main__":
    unittest.main()
