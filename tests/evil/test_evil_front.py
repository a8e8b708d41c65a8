"""A front that was taken over, against the keeper: it gets nothing, the service goes on, and the trail says what was tried.

The front is the live one of a running service (takeover.py); what it sends are the rows of rows.py.
"""

import unittest

import rows
from attacker import Attacker
from rig import REQUEST, SECONDS, Evil, add_rows, trail, verify, wait_until, wire

LET_GO = "front is not listened to any more"


class EvilFront(Evil):
    """A test for each row of rows.BREACHES and rows.REFUSALS is added below."""

    @classmethod
    def setUpClass(cls):
        cls.breaches = 0
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        """Each of them is in the trail, also those that were gathered. None of them made a job."""
        try:
            if cls.instance is not None and cls.instance.process is not None:
                def all_told():
                    return sum(entry["count"] for entry in trail(cls.instance) if entry["what"] == "dropped") == cls.breaches
                assert wait_until(all_told, SECONDS, 0.5), (cls.breaches, [entry for entry in trail(cls.instance) if entry["what"] == "dropped"])
                verdict = verify(cls.instance)
                assert verdict.returncode == 0, verdict
                started = {entry["job"] for entry in trail(cls.instance) if entry["what"] == "start"}
                assert started == {cls.job}, started
        finally:
            super().tearDownClass()

    def attack_with_breach(self, row):
        let_go = len(self.log_lines(LET_GO))
        with self.take("front") as front:
            descriptors = self.parts["keeper"].descriptors()
            attacker = Attacker(self, front)
            for data, fds in row.build(attacker):
                self.assertEqual(front.send(attacker.channel, data, fds), len(data), "the attacker cannot even send")
            told = []
            while (got := front.receive(attacker.channel, timeout_ms=int(SECONDS * 1000))) is not None:
                told.append(got[0])
                front.forget()
            self.assertEqual(front.send(attacker.channel, b"x"), -32, "the keeper still listens")
        type(self).breaches += 1
        for data in told:       # before it was let go it may have heard of what it may see
            if wire.request_of(data) == REQUEST:
                self.assertIn(wire.read(data)[0], ("MSG_JOB", "MSG_GROWN"), row.id)
        self.assertEqual(len(self.log_lines(LET_GO)), let_go + 1)
        self.assertIn(row.why, self.log_lines(LET_GO)[-1])
        self.assertTrue([why for why, _ in self.dropped() if why.startswith("front: ") and row.why in why], (row.why, self.dropped()))
        self.end(self.part)
        self.untouched()
        self.assertTrue(wait_until(lambda: len(self.parts["keeper"].descriptors()) <= len(descriptors), SECONDS), "descriptors are left")

    def strangers(self, address):
        """Refusals of callers whom nobody knows are gathered by their address and told with a count."""
        return sum(entry["count"] for entry in trail(self.instance)
                   if (entry["what"], entry["actor"], entry["address"]) == ("refused", "", address))

    def attack_with_refusal(self, row):
        address = f"192.0.2.1:{1 + rows.REFUSALS.index(row)}"      # of no other row
        before, strangers = len(trail(self.instance)), self.strangers(address)
        with self.take("front") as front:
            attacker = Attacker(self, front)
            attacker.address = address
            answer = self.ask(front, row.build(attacker), row.fds(attacker))
        self.assertIsNotNone(answer, self.log_lines(LET_GO)[-1:])
        kind, values = answer
        self.assertEqual(kind, "MSG_REFUSED", values)
        self.assertIn((values["status"], values["code"]), row.answers, values)
        if values["status"] == 401:
            self.assertEqual((strangers, self.strangers(address)), (0, 1), trail(self.instance)[before:])
        else:
            told = [entry for entry in trail(self.instance)[before:] if entry["what"] != "dropped"]    # gathered, and told later
            self.assertEqual([(entry["what"], entry["actor"] in ("ci", "ops")) for entry in told], [("refused", True)], told)
            self.assertIn(f"{values['status']} {values['code']}", told[0]["why"])
        self.untouched()


add_rows(EvilFront, "test_breach_", rows.BREACHES, "attack_with_breach")
add_rows(EvilFront, "test_refusal_", rows.REFUSALS, "attack_with_refusal")

if __name__ == "__main__":
    unittest.main()
