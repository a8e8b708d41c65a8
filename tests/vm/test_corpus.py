"""The escape corpus ran in this guest, on Debian's kernel 6.1 with control groups of version 2, and nothing of it was left out but
what such a kernel lacks. Runs after it, in the same guest (tests/vm/list)."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "escape"))

import rows
import test_escape
import test_rows
from harness import ServiceTest

RAN = "/run/ran"            # what tests/vm/inside was told by the files before this one


def setUpModule():
    if not os.path.exists("/sallyport/tests/vm/guest"):
        raise unittest.SkipTest("needs the guest of tests/vm/run")


def results():
    """(row, verdict, test, reason) of each test that has a row in its name."""
    found = []
    with open(RAN, encoding="utf-8") as file:
        for line in file:
            verdict, name, reason = line.rstrip("\n").split("\t")
            row_id = test_rows.row_of(name.split(".", 2)[-1])
            if row_id is not None:
                found.append((row_id, verdict, name, reason))
    return found


class Corpus(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.results = results()
        count = {verdict: sum(found == verdict for _, found, _, _ in cls.results) for verdict in ("pass", "fail", "skip")}
        print(f"{len({row_id for row_id, _, _, _ in cls.results})} rows:", ", ".join(f"{number} {verdict}" for verdict, number in count.items()))

    def test_every_row_ran_here(self):
        passed = {row_id for row_id, verdict, _, _ in self.results if verdict == "pass"}
        self.assertEqual([row_id for row_id, _, where in rows.LIST if where is rows.HERE and row_id not in passed], [])

    def test_nothing_was_skipped_but_for_what_this_kernel_lacks(self):
        lacks = {row_id: {test_escape.NEEDS[need] for need in guest.lacks} for row_id, guest in rows.IN_GUEST.items()}
        self.assertEqual([(name, reason) for row_id, verdict, name, reason in self.results
                          if verdict == "skip" and reason not in lacks.get(row_id, ())], [])

    def test_this_kernel_lacks_what_the_rows_say(self):
        facts = test_escape.kernel_facts()
        self.assertEqual([(row_id, need) for row_id, guest in rows.IN_GUEST.items() for need in guest.lacks if facts[need]], [])

    def test_every_row_for_this_kernel_is_one_that_is_shown_by_the_corpus(self):
        self.assertLessEqual(set(rows.IN_GUEST), {row_id for row_id, _, where in rows.LIST if where is rows.HERE})


class WithoutScopes(ServiceTest):
    """S72: where Landlock cannot keep a job with the host's network from abstract sockets, there is no such job."""

    options = {"degrade": None}
    commands = {"refused": {"exec": ["/usr/bin/echo", "ran"], "sandbox": {"network": "host"}},
                "content": {"exec": ["/usr/bin/echo", "ran"], "sandbox": {"network": "host"}, "degrade": ["landlock"]}}

    def test_S72_a_job_with_the_hosts_network_is_refused(self):
        outcome = self.instance.run("refused")
        self.assertEqual((outcome.reason, outcome.stdout), ("launch_failed", b""), outcome)
        self.assertIn("Landlock ABI 6", outcome.job["end"]["message"])

    def test_S72_a_command_that_accepts_that_runs_and_its_report_says_so(self):
        outcome = self.instance.run("content")
        self.assertEqual((outcome.stdout, outcome.job["degraded"]), (b"ran\n", ["landlock"]), outcome)


if __name__ == "__main__":
    unittest.main()
