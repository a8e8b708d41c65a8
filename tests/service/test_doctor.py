"""`sallyport doctor` as a whole: rows that are wrong because the host is, as a mount namespace of the test's own shows it."""

import glob
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import tempfile
import unittest

import harness
from harness import BIN, Instance, as_user


class Doctor(unittest.TestCase):

    def setUp(self):
        self.place = tempfile.mkdtemp(prefix="sallyport-doctor-")
        os.chmod(self.place, 0o755)
        self.addCleanup(shutil.rmtree, self.place)

    def examine(self, *arguments, covers=None, user=None, before=""):
        """(exit code, findings); covers: {path: the text, or {name: text}, that it has for doctor}."""
        lines = ["set -e", before]
        for index, (path, content) in enumerate((covers or {}).items()):
            fake = os.path.join(self.place, str(index))
            if isinstance(content, dict):
                os.mkdir(fake)
                for name, text in content.items():
                    with open(os.path.join(fake, name), "w", encoding="ascii") as file:
                        file.write(text)
            else:
                with open(fake, "w", encoding="ascii") as file:
                    file.write(content)
            lines.append(shlex.join(["mount", "--bind", fake, path]))
        lines.append(shlex.join(["exec", *as_user(user), os.path.join(BIN, "sallyport"), "doctor", "-o", "json", *arguments]))
        command = ["unshare", "--mount", "sh", "-c", "\n".join(lines)] if covers or before else ["sh", "-c", "\n".join(lines)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        self.assertIn(done.returncode, (0, 1), done)
        return done.returncode, json.loads(done.stdout)["findings"]

    def one(self, findings, subject, words=""):
        found = [item for item in findings if item["subject"] == subject and words in item["text"]]
        self.assertEqual(len(found), 1, (subject, words, findings))
        return found[0]

    def instance(self, **options):
        instance = Instance({"true": {"exec": ["/usr/bin/true"]}}, **options)
        self.addCleanup(instance.clean)
        instance.write_config()
        return instance

    def need_root(self):
        if os.geteuid() != 0:
            harness.skip(self, "needs root")

    def test_each_row_says_what_is_and_a_fix_where_it_is_no_pass(self):
        _, findings = self.examine()
        for item in findings:
            self.assertEqual(item["fix"] == "", item["verdict"] == "pass", item)
            self.assertLessEqual(len(item["subject"]), 15)
        self.assertLessEqual({"kernel", "Landlock", "seccomp actions", "out of memory", "namespaces", "open files", "clock"},
                             {item["subject"] for item in findings})

    def test_the_document_has_each_row(self):
        subjects = set()
        for path in glob.glob(os.path.join(harness.SOURCE, "src", "cli", "doctor*.c")):
            with open(path, encoding="utf-8") as file:
                text = file.read()
            subjects.update(re.findall(r'finding_add\([^;]*?"([^"]+)"\);', text))
            subjects.update(re.findall(r'\{ "([^"]+)", "(?:proc|sys)/', text))
        self.assertGreater(len(subjects), 20)
        with open(os.path.join(harness.SOURCE, "docs", "doctor.md"), encoding="utf-8") as file:
            rows = [line.split("|")[1] for line in file if line.startswith("| `")]
        self.assertEqual(sorted(re.findall(r"`([^`]+)`", "".join(rows))), sorted(subjects))

    def test_a_host_that_stops_when_a_job_has_no_memory_fails(self):
        self.need_root()
        code, findings = self.examine(covers={"/proc/sys/vm/panic_on_oom": "2\n"})
        row = self.one(findings, "out of memory")
        self.assertEqual((code, row["verdict"], row["fix"]), (1, "fail", "sysctl -w vm.panic_on_oom=0"))

    def test_a_host_with_few_namespaces_fails_for_users_too(self):
        self.need_root()
        for user in (None, harness.ordinary_user()):
            code, findings = self.examine(covers={"/proc/sys/user/max_net_namespaces": "0\n"}, user=user)
            row = self.one(findings, "namespaces")
            self.assertEqual((code, row["verdict"]), (1, "fail"))
            self.assertIn("sysctl -w user.max_net_namespaces=", row["fix"])
            shutil.rmtree(self.place)
            os.mkdir(self.place)

    def test_a_processor_without_mitigations_is_told(self):
        self.need_root()
        if not os.path.isdir("/sys/devices/system/cpu/vulnerabilities"):
            harness.skip(self, "needs a kernel that tells of its mitigations")
        _, findings = self.examine(covers={"/sys/devices/system/cpu/vulnerabilities": {"mds": "Vulnerable\n", "l1tf": "Not affected\n"}})
        row = self.one(findings, "processor")
        self.assertEqual(row["verdict"], "warn")
        self.assertIn("not mitigated: mds;", row["text"])

    def test_a_state_directory_in_memory_or_that_cannot_be_written_is_told(self):
        self.need_root()
        path = os.path.join(self.place, "state")
        os.mkdir(path, 0o711)
        for options, verdict, words in (("size=8m,mode=711", "warn", "tmpfs: all records are gone"), ("size=8m,mode=711,ro", "fail", "read-only")):
            _, findings = self.examine("--state", path, before=shlex.join(["mount", "-t", "tmpfs", "-o", options, "none", path]))
            row = self.one(findings, "state directory")
            self.assertEqual(row["verdict"], verdict, row)
            self.assertIn(words, row["text"])
            self.assertEqual(self.one(findings, "disk")["verdict"], "warn")      # 8 MiB

    def test_ids_that_somebody_else_has_fail(self):
        self.need_root()
        instance = self.instance(slots={"count": 4, "first_uid": 200500})
        code, findings = self.examine("--config", instance.config_path, covers={"/etc/subuid": "somebody:200506:2\n"})
        row = self.one(findings, "ids of slots")
        self.assertEqual((code, row["verdict"]), (1, "fail"))
        self.assertIn("meets that of 'somebody'", row["text"])
        self.assertIn("first_uid: 1879048192", row["fix"])

    def test_an_address_that_a_stranger_has_is_told_and_one_of_our_own_is_not(self):
        instance = self.instance()
        with socket.socket() as stranger:
            stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            stranger.bind(("127.0.0.1", instance.port))
            stranger.listen()
            _, findings = self.examine("--config", instance.config_path)
            self.assertEqual(self.one(findings, "listener")["verdict"], "warn")
        instance.start()
        _, findings = self.examine("--config", instance.config_path, "--state", instance.state)
        instance.stop()
        self.assertEqual([item for item in findings if item["subject"] == "listener"], [])


if __name__ == "__main__":
    unittest.main()
