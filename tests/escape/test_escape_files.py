"""S25, S26, S27: what a job leaves behind as files, for whoever collects, cleans up and lists.

Each has its control beside it: the same with the layer off, or what a careless collector, cleaner or lister would do.
"""

import errno
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "service"))

import harness
from harness import BIN, Instance, probe_directory, skip

ARMS = {"full": [], "landlock": ["collect"], "collect": ["landlock"], "minus": ["collect", "landlock"]}


def python(script, *arguments):
    return ["/usr/bin/python3", "-c", script, *arguments]


class FilesTest(unittest.TestCase):
    instance = None

    @classmethod
    def setUpClass(cls):
        if not os.access(os.path.join(BIN, "sallyportd"), os.X_OK):
            raise unittest.SkipTest("sallyportd is not built")
        cls.shown = probe_directory()       # jobs see it, read-only
        cls.instance = Instance(cls.make_commands(), slots={"count": 1}).__enter__()

    @classmethod
    def tearDownClass(cls):
        if cls.instance is not None:
            cls.instance.stop()

    @classmethod
    def make_file(cls, name, mode):
        path, nonce = os.path.join(cls.shown, name), secrets.token_hex(16)
        with open(path, "w", encoding="ascii") as file:
            file.write(nonce)
        os.chmod(path, mode)
        return path, nonce.encode()

    def collected(self, command):
        """Names with their bytes, and names with their reasons."""
        outcome = self.instance.run(command)
        self.assertEqual(outcome.state, "succeeded", outcome)
        items = self.instance.request("GET", f"/v1/jobs/{outcome.job['id']}/artifacts").json()["items"]
        kept = {item["name"]: self.instance.request("GET", item["url"]).body for item in items if "url" in item}
        return kept, {item["name"]: item["rejected"] for item in items if "rejected" in item}


class Collector(FilesTest):
    """S25: links, a directory that is one, a second name, a FIFO and a file of a terabyte, where a result was expected."""

    TRAPS = """
import os, sys
os.symlink(sys.argv[1], "link"); os.symlink(os.path.dirname(sys.argv[1]), "directory")
open("own", "w").write("own"); os.link("own", "second")
open("good", "w").write("good")
try: os.mkfifo("fifo")
except OSError: print("no fifo")
with open("sparse", "wb") as file: file.truncate(1 << 40)
"""

    @classmethod
    def make_commands(cls):
        cls.canary, cls.nonce = cls.make_file("canary", 0o644)
        cls.secret, cls.secret_nonce = cls.make_file("secret", 0o400)
        commands = {}
        for arm, layers in ARMS.items():
            for target in ("canary", "secret"):
                path = getattr(cls, target)
                commands[f"{arm}-{target}"] = {
                    "exec": python(cls.TRAPS, path), "artifacts": ["link", "directory/" + target, "own", "second", "good", "fifo", "sparse"],
                    "sandbox": {"read": [cls.shown]},
                    **({"test_layers_off": layers} if layers else {})}
        return commands

    def assert_good(self, kept):
        self.assertEqual(kept["good"], b"good")

    def test_S25_nothing_but_plain_files_of_the_job_is_collected(self):
        kept, rejected = self.collected("full-canary")
        self.assert_good(kept)
        self.assertEqual(set(kept), {"good"})
        self.assertEqual(rejected.pop("fifo", "not-a-file"), "not-a-file")
        self.assertEqual(rejected, {"link": "symlink", "directory": "symlink", "own": "hard-link", "second": "hard-link",
                                    "sparse": "too-large"})
        self.assertFalse(any(self.nonce in data for data in kept.values()))

    def test_S25_a_link_is_not_followed_without_landlock(self):
        kept, rejected = self.collected("collect-canary")
        self.assertEqual((rejected["link"], rejected["directory"]), ("symlink", "symlink"))
        self.assertFalse(any(self.nonce in data for data in kept.values()))

    def test_S25_a_link_that_is_followed_leads_nowhere_with_landlock(self):
        if harness.needed_degrade() and "landlock" in harness.needed_degrade():
            skip(self, "needs Landlock")
        kept, rejected = self.collected("landlock-canary")
        self.assertNotIn("link", kept)
        self.assertIn("link", rejected)
        self.assertFalse(any(self.nonce in data for data in kept.values()))

    def test_S25_a_link_is_followed_without_both(self):
        kept, _ = self.collected("minus-canary")
        self.assertEqual((kept["link"], kept["directory/canary"]), (self.nonce, self.nonce), "the control: a naive open leaks it")
        self.assertEqual(kept["second"], b"own")

    def test_S25_even_then_the_collector_reads_no_more_than_the_job_could(self):
        if os.geteuid() != 0:
            skip(self, "needs root, for a file that the job's own id may not read")
        kept, rejected = self.collected("minus-secret")
        self.assertNotIn("link", kept)
        self.assertIn("link", rejected)
        self.assertFalse(any(self.secret_nonce in data for data in kept.values()))

    def test_S25_a_naive_reader_waits_for_a_fifo(self):
        with tempfile.TemporaryDirectory() as directory:
            os.mkfifo(os.path.join(directory, "fifo"))
            with subprocess.Popen(["cat", os.path.join(directory, "fifo")], stdout=subprocess.PIPE) as process:
                with self.assertRaises(subprocess.TimeoutExpired):
                    process.wait(0.5)
                process.kill()


class CleanUp(FilesTest):
    """S26: what a job leaves points elsewhere, and whoever cleans up must not touch what it points to."""

    @classmethod
    def make_commands(cls):
        cls.target, cls.nonce = cls.make_file("target", 0o644)
        links = "import os, sys\nos.symlink(sys.argv[1], 'link'); os.symlink(os.path.dirname(sys.argv[1]), 'directory')\n"
        return {"links": {"exec": python(links, cls.target), "artifacts": ["*"], "sandbox": {"read": [cls.shown]}}}

    def test_S26_the_target_of_a_link_is_as_it_was(self):
        before = os.stat(self.target)
        self.collected("links")
        after = os.stat(self.target)
        self.assertEqual((before.st_uid, before.st_gid, before.st_mode, before.st_ino, before.st_ctime_ns),
                         (after.st_uid, after.st_gid, after.st_mode, after.st_ino, after.st_ctime_ns))
        with open(self.target, "rb") as file:
            self.assertEqual(file.read(), self.nonce)

    def test_S26_a_cleaner_that_goes_by_paths_changes_it(self):
        if os.geteuid() != 0:
            skip(self, "needs root, to give files away")
        with tempfile.TemporaryDirectory() as directory:
            target, link = os.path.join(directory, "target"), os.path.join(directory, "link")
            with open(target, "w", encoding="ascii"):
                pass
            os.symlink(target, link)
            os.chown(link, harness.BARE_UID, harness.BARE_UID)
            self.assertEqual(os.stat(target).st_uid, harness.BARE_UID)


class Trees(FilesTest):
    """S27: a tree too deep for a path, a crowd of files, names with newlines and orders for terminals."""

    DEEP = """
import os
for _ in range(255):
    os.mkdir("d" * 200); os.chdir("d" * 200)
open("x", "w").write("x")
"""
    CROWD = """
import os
for i in range(60000):
    try: open("%06d" % i, "w").close()
    except OSError: break
"""
    NAMES = r"""
open("new\nline", "w").close(); open("\x1b]0;title\x07", "w").close(); open(b"\xff\xfe", "w").close(); open("good", "w").write("good")
"""
    LOOK = "import os; print(sorted(os.listdir('/tmp')))"

    @classmethod
    def make_commands(cls):
        return {"deep": {"exec": python(cls.DEEP), "artifacts": ["*/*/*/*/*/*/*/x", "*"]},
                "crowd": {"exec": python(cls.CROWD), "artifacts": ["0*9", "none*"]},
                "names": {"exec": python(cls.NAMES), "artifacts": ["*"]},
                "look": {"exec": python(cls.LOOK)}}

    def assert_clean(self):
        """The next job of the one slot finds nothing, and could start at once."""
        outcome = self.instance.run("look")
        self.assertEqual(outcome.stdout, b"[]\n", outcome)

    def test_S27_a_deep_tree_is_gone_with_its_job(self):
        self.assertEqual(self.collected("deep"), ({}, {"d" * 200: "not-a-file"}))
        self.assert_clean()

    def test_S27_a_path_into_it_is_more_than_the_kernel_takes(self):
        with self.assertRaises(OSError) as refused:
            os.stat("/".join(["/tmp", *["d" * 200] * 255, "x"]))
        self.assertEqual(refused.exception.errno, errno.ENAMETOOLONG, "the control: whoever goes by paths cannot reach it")

    def test_S27_a_crowd_is_gone_with_its_job(self):
        kept, rejected = self.collected("crowd")
        self.assertEqual((len(kept), set(rejected.values())), (100, {"too-many"}))
        self.assert_clean()

    def test_S27_names_stay_one_line_of_text(self):
        kept, rejected = self.collected("names")
        self.assertEqual(kept, {"good": b"good"})
        self.assertEqual(rejected, {"new\\x0aline": "name", "\\x1b]0;title\\x07": "name", "\\xff\\xfe": "name"})

    def test_S27_a_lister_of_lines_is_fooled(self):
        directory = tempfile.mkdtemp()
        try:
            with open(os.path.join(directory, "new\nline"), "w", encoding="ascii"):
                pass
            listed = subprocess.run(["find", directory, "-type", "f", "-printf", "%P\\n"], capture_output=True, check=True)
            self.assertEqual(listed.stdout.splitlines(), [b"new", b"line"])
        finally:
            shutil.rmtree(directory)


if __name__ == "__main__":
    unittest.main()
