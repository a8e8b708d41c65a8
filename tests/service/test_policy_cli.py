"""sallyport policy: what it says of the shipped profiles, and what it makes of those of container runtimes."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import BIN  # noqa: E402

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EQ, NE, MASKED = "SCMP_CMP_EQ", "SCMP_CMP_NE", "SCMP_CMP_MASKED_EQ"


def policy(*words, **more):
    return subprocess.run([os.path.join(BIN, "sallyport"), "policy", *words], capture_output=True, text=True, timeout=60,
                          check=False, env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}, **more)


def arg(index, value, op=EQ, two=0):
    return {"index": index, "value": value, "valueTwo": two, "op": op}


# In the form of a container engine's default, with one of each thing that such files have.
ENGINE = {
    "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1,
    "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]}],
    "syscalls": [
        {"names": ["read", "write", "exit_group", "execveat", "socketcall", "brk", "clone3", "call_of_the_future", "ioctl"],
         "action": "SCMP_ACT_ALLOW"},
        {"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "4.8"}},
        {"names": ["personality"], "action": "SCMP_ACT_ALLOW", "args": [arg(0, 8)]},
        {"names": ["personality"], "action": "SCMP_ACT_ALLOW", "args": [arg(0, 0x20000), arg(0, 0x20008)]},
        {"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [arg(0, 0x7e020000, MASKED)],
         "excludes": {"caps": ["CAP_SYS_ADMIN"], "arches": ["s390"]}},
        {"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [arg(1, 0x7e020000, MASKED)], "includes": {"arches": ["s390"]}},
        {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
        {"names": ["bpf"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1, "excludes": {"caps": ["CAP_BPF"]}},
        {"names": ["getpriority"], "action": "SCMP_ACT_KILL", "args": [arg(0, 3)]},
        {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [arg(0, 40, NE)]},
        {"names": ["getcwd"], "action": "SCMP_ACT_LOG"},
    ],
}


class Policy(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="sallyport-policy.")
        self.addCleanup(self.directory.cleanup)

    def file(self, name, content):
        path = os.path.join(self.directory.name, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(content if isinstance(content, str) else json.dumps(content, indent=1))
        return path

    def rules(self, *words):
        shown = policy(*words, "-o", "json")
        self.assertEqual(shown.stderr, "")
        return json.loads(shown.stdout)["items"]

    # --- show ---

    def test_show_has_every_rule_of_every_shipped_profile_and_its_default(self):
        for name in ("strict", "base", "net", "build"):
            with open(os.path.join(SOURCE, "policies", name + ".json"), encoding="utf-8") as file:
                listed = {call for entry in json.load(file)["syscalls"] for call in entry["names"]}
            items = self.rules("show", name)
            self.assertLessEqual({item["call"] for item in items[:-1]}, listed)
            self.assertGreater(len({item["call"] for item in items}), len(listed) * 0.9)
            self.assertEqual((items[-1]["call"], items[-1]["action"], items[-1]["line"]), ("*", "errno ENOSYS", None))

    def test_show_names_the_line_of_each_rule(self):
        with open(os.path.join(SOURCE, "policies", "base.json"), encoding="utf-8") as file:
            lines = file.read().splitlines()
        for item in self.rules("show", "base")[:-1]:
            self.assertIn("{", lines[item["line"] - 1], item)

    def test_show_of_a_file_that_is_no_profile_names_line_and_reason(self):
        path = self.file("mine.json", '{\n"defaultAction": "SCMP_ACT_ERRNO",\n"syscalls": [\n'
                         '{"names": ["raed"], "action": "SCMP_ACT_ALLOW"}]}')
        shown = policy("show", path)
        self.assertEqual((shown.returncode, shown.stdout), (125, ""))
        self.assertIn("line 4: syscalls[0]: names: 'raed' is no system call", shown.stderr)
        self.assertIn("did you mean 'read'?", shown.stderr)
        self.assertIn("there is no profile 'bsae'", policy("show", "bsae").stderr)

    # --- diff ---

    def test_diff_shows_the_rules_that_only_one_has(self):
        for name in ("strict", "base", "net", "build"):
            same = policy("diff", name, os.path.join(SOURCE, "policies", name + ".json"))
            self.assertEqual((same.returncode, same.stdout, same.stderr), (0, "", ""))
        differing = policy("diff", "base", "net", "-o", "json")
        self.assertEqual(differing.returncode, 1)
        rows = json.loads(differing.stdout)["items"]
        self.assertEqual({row["call"] for row in rows}, {"ioctl", "socket"})
        self.assertIn({"profile": "base", "call": "socket", "rule": "errno EAFNOSUPPORT if arg0 == 0x2"}, rows)

    def test_diff_takes_no_order_and_no_repeated_default_for_a_difference(self):
        def rule(*names, **more):
            return {"names": list(names), "action": "SCMP_ACT_ALLOW", **more}
        one = self.file("one.json", {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [rule("read", "write")]})
        two = self.file("two.json", {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
            rule("write"), rule("read"), rule("bpf", action="SCMP_ACT_ERRNO", errnoRet=1)]})
        three = self.file("three.json", {"defaultAction": "SCMP_ACT_KILL_PROCESS", "syscalls": [rule("write")]})
        self.assertEqual(policy("diff", one, two).returncode, 0)
        rows = json.loads(policy("diff", one, three, "-o", "json").stdout)["items"]
        self.assertEqual([(row["profile"], row["call"], row["rule"]) for row in rows],
                         [(one, "read", "allow"), (one, "*", "errno EPERM"), (three, "*", "kill")])

    # --- explain ---

    def test_explain_says_verdict_and_rule_in_each_profile(self):
        actions = {row["profile"]: row["action"] for row in self.rules("explain", "socket", "AF_INET", "SOCK_STREAM|SOCK_CLOEXEC", "0")}
        self.assertEqual(actions, {"strict": "errno ENOSYS", "base": "errno EAFNOSUPPORT", "net": "allow", "build": "allow"})
        for call, args, action in (("ioctl", ("0", "TIOCSTI"), "kill"), ("ioctl", ("0", "0x100005412"), "kill"),
                                   ("clone", ("CLONE_NEWUSER|17",), "errno EPERM"), ("read", (), "allow"), ("0", (), "allow"),
                                   ("mmap", ("0", "4096", "PROT_WRITE|PROT_EXEC"), "errno EACCES")):
            rows = self.rules("explain", call, *args, "-p", "base")
            self.assertEqual([row["action"] for row in rows], [action], (call, args))
            self.assertRegex(rows[0]["why"], r"^line \d+")

    def test_explain_shows_what_it_depends_on_when_arguments_are_missing(self):
        rows = self.rules("explain", "prctl", "-p", "strict")
        self.assertTrue(all(row["why"].startswith("if arg0 == ") for row in rows[:-1]), rows)
        self.assertEqual((rows[-1]["action"], rows[-1]["why"]), ("errno ENOSYS", "otherwise: the default"))

    def test_explain_says_what_no_profile_may_allow(self):
        self.assertIn("bpf may not be allowed by any profile", self.rules("explain", "bpf", "-p", "base")[0]["why"])
        self.assertIn("family 38 may not be allowed", self.rules("explain", "socket", "AF_ALG", "-p", "net")[0]["why"])

    def test_explain_refuses_what_is_no_call_or_argument(self):
        self.assertIn("'opne' is no system call", policy("explain", "opne").stderr)
        self.assertIn("'AF_FOO' is no argument", policy("explain", "socket", "AF_FOO").stderr)
        self.assertEqual(policy("explain", "socket", "AF_FOO").returncode, 125)

    # --- import ---

    def test_import_makes_a_profile_and_says_what_it_left_out(self):
        imported = policy("import", self.file("engine.json", ENGINE))
        self.assertEqual(imported.returncode, 0, imported.stderr)
        path = self.file("mine.json", imported.stdout)
        rules = {}
        for item in self.rules("show", path):
            rules.setdefault(item["call"], []).append((item["action"], item["when"]))
        self.assertEqual(rules["read"], [("allow", "")])
        self.assertEqual(rules["clone"], [("allow", "arg0 & 0x7e020000 == 0")])
        self.assertEqual(sorted(rules["personality"]), [("allow", "arg0 == 0x20000"), ("allow", "arg0 == 0x20008"),
                                                        ("allow", "arg0 == 0x8")])
        self.assertEqual(rules["getpriority"], [("kill", "arg0 == 0x3")])
        self.assertIn(("allow", "arg1 == 0x5401"), rules["ioctl"])
        self.assertEqual(rules["*"], [("errno EPERM", "")])
        for call in ("ptrace", "clone3", "mount", "socket", "getcwd", "bpf", "socketcall", "call_of_the_future"):
            self.assertNotIn(call, rules)
        for words in ("ptrace left out: ptrace may not be allowed by any profile", "call_of_the_future left out: no system call",
                      "architectures left out", "ioctl narrowed: only the requests TCGETS",
                      "syscalls[3] (personality) rewritten: an argument compared twice",
                      "syscalls[5] (clone) left out: it is for other architectures",
                      "syscalls[6] (mount) left out: it is for a capability",
                      "syscalls[8] (getpriority) rewritten: what denies compares the 32 bits",
                      "syscalls[9] (socket) left out: it compares by other than equality",
                      "syscalls[10] (getcwd) left out: its action"):
            self.assertIn("sallyport: " + words, imported.stderr)
        self.assertEqual(policy("import", "-q", self.file("engine.json", ENGINE)).stderr, "")

    def test_import_takes_a_container_s_configuration_and_standard_input(self):
        plain = policy("import", self.file("engine.json", ENGINE))
        inner = policy("import", "-", input=json.dumps({"ociVersion": "1.2.0", "linux": {"seccomp": ENGINE}}))
        self.assertEqual((inner.returncode, inner.stdout), (0, plain.stdout))

    def test_import_of_what_is_shipped_changes_nothing(self):
        for name in ("strict", "base", "net", "build"):
            imported = policy("import", os.path.join(SOURCE, "policies", name + ".json"))
            self.assertEqual((imported.returncode, imported.stderr), (0, ""), name)
            self.assertEqual(policy("diff", name, self.file("again.json", imported.stdout)).stdout, "")

    def test_import_refuses_what_lists_only_what_is_denied(self):
        for bad, words in (({**ENGINE, "defaultAction": "SCMP_ACT_ALLOW"}, "allows what it does not name"),
                           ({**ENGINE, "defaultAction": "SCMP_ACT_LOG"}, "allows what it does not name"),
                           ({"syscalls": []}, "no seccomp profile"), ([], "no seccomp profile"), ("{", "line 1")):
            refused = policy("import", self.file("bad.json", bad))
            self.assertEqual((refused.returncode, refused.stdout), (125, ""))
            self.assertIn(words, refused.stderr)

    # --- test ---

    def trial(self, profile, *command, **more):
        ran = policy("test", profile, "--", *command, **more)
        return ran.returncode, ran.stdout, ran.stderr.splitlines()

    def test_test_gives_the_program_s_output_and_exit_code(self):
        code, out, lines = self.trial("base", "/usr/bin/sh", "-c", 'read line; echo "$line" "$@"; echo err >&2; exit 3', "sh", "-q", "--",
                                      input="in\n")
        self.assertEqual((code, out), (3, "in -q --\n"))
        self.assertEqual(lines, ["err", "sallyport: the profile refused nothing; /usr/bin/sh ended with 3"])

    def test_test_tells_what_was_refused_with_arguments_and_line(self):
        script = ("import socket\nfor i in range(3):\n try: socket.socket(socket.AF_INET)\n"
                  " except OSError as error: print(error.errno)\n")
        code, out, lines = self.trial("base", "/usr/bin/python3", "-c", script)
        self.assertEqual((code, out), (0, "97\n" * 3))
        self.assertRegex(lines[0], r"^sallyport: refused with EAFNOSUPPORT, 3 times: socket\(0x2, 0x80001, 0, .*\) \(line \d+\)$")
        self.assertEqual(lines[1:], ["sallyport: the profile refused 1 different call; /usr/bin/python3 ended with 0"])

    def test_test_tells_which_file_a_refused_call_was_about(self):
        path = os.path.join(self.directory.name, "made")
        code, _, lines = self.trial("strict", "/usr/bin/sh", "-c", 'echo x > "$1"', "sh", path)
        self.assertNotEqual(code, 0)
        self.assertTrue(any(f"refused with EACCES: openat(" in line and f" of '{path}' (line " in line for line in lines), lines)
        self.assertFalse(os.path.exists(path))

    def test_test_says_that_the_profile_ended_the_program_and_for_which_call(self):
        code, out, lines = self.trial("base", "/usr/bin/sh", "-c", "exec /usr/bin/unshare -U /usr/bin/echo out")
        self.assertEqual((code, out), (159, ""))
        self.assertRegex(lines[0], r"^sallyport: ended: unshare\(0x10000000, .*\) \(line \d+\)$")
        self.assertEqual(lines[1], "sallyport: /usr/bin/sh was ended by the profile")

    def test_test_follows_children_and_leaves_none(self):
        code, out, lines = self.trial("base", "/usr/bin/sh", "-c", "/usr/bin/unshare -U true; sleep 1000 & echo $!")
        self.assertEqual(code, 0)
        self.assertTrue(lines[-2].startswith("sallyport: ended: unshare("), lines)
        self.assertFalse(os.path.exists(f"/proc/{int(out.split()[-1])}"))

    def test_test_answers_as_the_filter_alone_does(self):
        script = ("import ctypes, errno\nlibc = ctypes.CDLL(None, use_errno=True)\n"
                  "for number in (435, 425, 323, 161, 600): print(errno.errorcode[(libc.syscall(number, 0, 0, 0), ctypes.get_errno())[1]])\n")
        _, out, _ = self.trial("base", "/usr/bin/python3", "-c", script)
        self.assertEqual(out.split(), ["ENOSYS", "ENOSYS", "ENOSYS", "EPERM", "ENOSYS"])

    def test_test_runs_scripts_and_says_what_cannot_be_run(self):
        script = self.file("script", "#!/usr/bin/sh\necho ran\n")
        os.chmod(script, 0o755)
        self.assertEqual(self.trial("base", script)[:2], (0, "ran\n"))
        self.assertEqual(self.trial("base", "no-such-program")[0], 125)
        self.assertIn("run 'no-such-program'", self.trial("base", "no-such-program")[2][0])
        data = self.file("data", "neither")
        os.chmod(data, 0o755)
        code, _, lines = self.trial("base", data)
        self.assertEqual((code, lines), (125, ["sallyport: run the program: Exec format error"]))


if __name__ == "__main__":
    unittest.main()
