"""Whatever a parameter says arrives in the job's argv as the same bytes, in one element, and nothing else happens."""

import json
import os
import unittest

import harness
from harness import ServiceTest, probe_command, probe_directory

SHELL = [";", "&", "&&", "|", "||", "`id`", "$(id)", "${IFS}", "$HOME", "$IFS$9", "$((1+1))", "$'\\n'", "~", "~root", "*", "?", "[a-z]",
         "{a,b}", "!", "!!", "#", "# comment", "'", "\"", "''", "\"\"", "\\", "\\\\", "\\'", "\\\"", "\\n", "\\0", "<", ">", ">>", "<<EOF",
         "<(id)", ">(id)", "2>&1", "&>/dev/null", "(", ")", "()", "{", "}", "{}", "[", "]", "[[", "]]", ";;", ":", ":(){ :|:& };:",
         "a;id", "a|id", "a&id", "a\nid", "a`id`b", "a$(id)b", "a'b", "a\"b", "a\\b", "a b", "a\tb", " a", "a ", "  ", "'; id; '",
         "\"; id; \"", "') id ('", "x' || id || 'x", "%s", "%n%n%n", "%d%x", "${x:-y}", "${x//a/b}", "=", "a=b", "A=1 id", "PATH=/tmp",
         "+x", "@file", "@/etc/passwd", "/", "//", "/etc/passwd", "../../etc/passwd", "..", ".", "...", "file:///etc/passwd",
         "\\\\host\\share", "C:\\", "CON", "NUL", "^", "^M", "$", "$$", "$?", "$@", "$*", "$#", "$0", "$1", "env", "exec id", "eval id",
         "sudo id", "sh -c id", "/bin/sh", "rm -rf /"]
WHITE = [" ", "\t", "\n", "\r", "\r\n", "\v", "\f", "\n\n", "a\r\nb", "line1\nline2\nline3", "\ttab", "trail\n", "\x1c\x1d\x1e\x1f", "\x7f",
         "\x01", "\x02\x03", "\x07", "\x08", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x1b[2J"]
UNICODE = ["\u00e9", "e\u0301", "\u212b", "\u00df", "\u0130", "\u0131", "\u4e2d\u6587", "\u0627\u0644\u0639", "\u202eevil", "\u200b", "\ufeff",
           "\u2028", "\u2029", "\u0085", "\u00a0", "\u3000", "\ufffd", "\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f466",
           "\U0010ffff", "\ue000", "\u037e", "\uff1b", "\uff07", "\u2019", "\u2018", "\u201c", "\u2044", "\u2215", "\u0301"]
FORMATS = ["{}", "{0}", "{name}", "{value}", "{{value}}", "${value}", "{value...}", "<script>alert(1)</script>", "&lt;", "&#39;", "%27", "%00",
           "%0a", "%2e%2e%2f", "\\u0027", "\\x27", "' OR 1=1 --", "'; DROP TABLE jobs; --", "\" or \"\"=\"", "1e309", "0x10", "007", "1_000",
           "NaN", "Infinity", "null", "true", "no", "yes", "~null", "12:30", "1.20", "2026-01-01", "[1,2]", "{\"a\":1}", "!!python/object",
           "&anchor", "*alias", "<<", "? key", "- item", "| block", "> fold", "key: value", "HTTP/1.1 200 OK\r\n\r\n", "data: x\n\n",
           "event: end", "Content-Length: 0", "\x1f\x8b\x08", "x" * 255, "x" * 256, "x" * 4095, "x" * 4096, "\u00e9" * 2048]
DASHED = ["-", "--", "-x", "--help", "-rf", "--checkpoint-action=exec=id", "-oProxyCommand=id", "-e", "-\n", "-1"]

NASTY = [*SHELL, *WHITE, *UNICODE, *FORMATS]


class Metacharacters(ServiceTest):
    @classmethod
    def make_commands(cls):
        cls.probes = probe_directory()
        probe = os.path.join(cls.probes, "escape-probe")
        text = {"type": "string", "required": True}
        read = {"read": [cls.probes]}
        return {
            "many": probe_command(cls.probes, "argv"),
            "one": {"exec": [probe, "argv", "before", "{value}", "after"], "params": {"value": text}, "sandbox": read},
            "glued": {"exec": [probe, "argv", "--value={value}!"], "params": {"value": {**text, "allow_dash": True}}, "sandbox": read},
            "inenv": {"exec": [probe, "env"], "env": {"VALUE": "<{value}>"}, "params": {"value": text}, "sandbox": read},
        }

    def arguments(self, outcome):
        self.assertEqual(outcome.state, "succeeded", outcome)
        return [bytes.fromhex(line).decode() for line in outcome.stdout.decode().splitlines()]

    def test_there_are_two_hundred_nasty_values(self):
        self.assertGreaterEqual(len(set(NASTY + DASHED)), 200)

    def test_each_value_arrives_as_one_element_with_the_same_bytes(self):
        for at in range(0, len(NASTY), 10):
            values = NASTY[at:at + 10]
            self.assertEqual(self.arguments(self.instance.run("many", {"args": values})), values)

    def test_a_value_stays_between_its_neighbours(self):
        for value in SHELL[::3] + WHITE[::3]:
            self.assertEqual(self.arguments(self.instance.run("one", {"value": value})), ["before", value, "after"], repr(value))

    def test_a_value_within_an_argument_stays_within(self):
        for value in SHELL[::4] + DASHED[:4]:
            self.assertEqual(self.arguments(self.instance.run("glued", {"value": value})), [f"--value={value}!"], repr(value))

    def test_a_value_in_a_variable_stays_there(self):
        for value in ("$(id)", "a=b", "x\"y'z", "\u202e", "`id`"):
            outcome = self.instance.run("inenv", {"value": value})
            self.assertIn(f"VALUE=<{value}>\n".encode(), outcome.stdout)

    def test_an_empty_value_is_an_empty_element(self):
        self.assertEqual(self.arguments(self.instance.run("one", {"value": ""})), ["before", "", "after"])

    def test_a_leading_dash_is_refused_unless_the_owner_allows_it(self):
        for value in DASHED:
            response = self.instance.request("POST", "/v1/commands/one/jobs", {"params": {"value": value}})
            self.assertEqual(response.status, 422, repr(value))
            self.assertEqual(response.json()["errors"][0]["pointer"], "/params/value")
        self.assertEqual(self.arguments(self.instance.run("many", {"args": DASHED})), DASHED)

    def test_the_cli_passes_the_same_bytes(self):
        harness.needs_program(self, "sallyport")
        for value in SHELL[::8] + ["\u00e9", "a\nb", "\U0001f600"]:
            done = self.instance.cli("run", "-q", "one", "-p", f"value={value}")
            self.assertEqual(done.returncode, 0, done)
            self.assertEqual([bytes.fromhex(line).decode() for line in done.stdout.decode().splitlines()], ["before", value, "after"])

    def test_the_record_shows_the_same_value(self):
        for value in ("\u202e<script>", "a\nb", "\x1b[2J", "'; DROP TABLE jobs; --"):
            outcome = self.instance.run("one", {"value": value})
            self.assertEqual(outcome.job["params"]["value"], value)
            self.assertEqual(json.loads(json.dumps(outcome.job))["params"]["value"], value)

    def test_no_value_reaches_the_log_unescaped(self):
        self.instance.run("one", {"value": "forged\nline=1 \x1b[2J"})
        self.assertNotIn("\x1b", self.instance.log())
        self.assertNotIn("\nline=1", self.instance.log())


if __name__ == "__main__":
    unittest.main()
