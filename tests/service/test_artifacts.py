"""What a job leaves behind as files is kept after its end, whatever it is, and however often the keeper dies."""

import base64
import glob
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import unittest

import harness
from fake_api import ID, FakeApi
from harness import Instance, ServiceTest, wait_until

MIB = 1024 * 1024


def bash(script):
    return ["/usr/bin/bash", "-c", script]


def python(script):
    return ["/usr/bin/python3", "-c", script]


# Everything that is no plain file, with two plain ones among it.
ZOO = """
import os, socket
def attempt(what, *args):
    try: what(*args)
    except OSError as error: print(error)
write = lambda name, data=b"x": open(name, "wb").write(data)
os.makedirs("zoo/sub"); os.chdir("zoo")
write("good"); write("other", b"other")
os.symlink("/etc/passwd", "link"); os.symlink("good", "inner-link"); os.symlink("sub", "linked-dir")
write("sub/in-sub")
write("two-names"); attempt(os.link, "two-names", "second-name")
attempt(os.mkfifo, "fifo"); attempt(socket.socket(socket.AF_UNIX).bind, "socket")
write(b"new\\nline"); write(b"esc\\x1b[31m"); write(b"no-utf8-\\xff"); write("back\\\\slash")
write("n" * 255)
write("secret"); os.chmod("secret", 0)
with open("sparse", "wb") as file: file.truncate(1 << 40)
os.mkdir("closed"); write("closed/x"); os.chmod("closed", 0)
"""

DEEP = """
import os
for _ in range(255):
    os.mkdir("d"); os.chdir("d")
open("x", "w").write("deep")
"""

CROWD = """
import os
os.mkdir("crowd")
for i in range(%d):
    try: open("crowd/%%06d" %% i, "w").close()
    except OSError: break
open("last", "w").write("last")
"""


class Artifacts(ServiceTest):
    commands = {
        "report": {"exec": bash("mkdir report; echo -n one > report/a.xml; echo -n > report/empty.xml; echo no > report/b.txt; "
                                "echo -n 0123456789 > out.bin; mkdir 'with space'; echo -n s > 'with space/ü &%.xml'; exit 3"),
                   "artifacts": ["report/*.xml", "out.bin", "out.*", "*/*.xml", "not-there", "out.bin/below"]},
        "plain": {"exec": bash("echo hello")},
        "none": {"exec": bash("echo hello"), "artifacts": ["x"]},
        "zoo": {"exec": python(ZOO), "artifacts": ["zoo/*", "zoo/linked-dir/in-sub", "zoo/closed/*"]},
        "deep": {"exec": python(DEEP), "artifacts": ["d/*", "d/d/d/d/d/d/d/*", "*/*/*/*/*/*/*/*"]},
        "crowd": {"exec": python(CROWD % 110000), "artifacts": ["last", "crowd/*[!0-9]*"], "sandbox": {"tmp": "1GiB"}},
        "many": {"exec": python(CROWD % 350), "artifacts": ["crowd/*", "last"]},
        "large": {"exec": bash("head -c 600 /dev/zero > a; head -c 600 /dev/zero > b; head -c 300 /dev/zero > c"),
                  "artifacts": ["a", "b", "c"], "artifacts_max": "1KiB"},
        "closed": {"exec": bash("echo x > x; chmod 0 /tmp"), "artifacts": ["*"]},
        "left": {"exec": bash("setsid bash -c 'while :; do echo more >> growing; done' & sleep 0.2; exit 0"), "artifacts": ["growing"]},
        "slow": {"exec": bash("echo -n late > late; sleep 60"), "artifacts": ["late"], "timeout": "60s", "grace": "0s"},
        "killed": {"exec": bash("echo -n x > x; kill -9 $$"), "artifacts": ["x"]},
        "brief": {"exec": bash("echo -n x > x"), "artifacts": ["x"], "retention": {"count": 1}},
    }

    def listing(self, job_id):
        answer = self.instance.request("GET", f"/v1/jobs/{job_id}/artifacts")
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def get(self, item, **headers):
        return self.instance.request("GET", item["url"], headers={name.replace("_", "-"): value for name, value in headers.items()})

    def ran(self, command):
        outcome = self.instance.run(command)
        return outcome, self.listing(outcome.job["id"])

    @staticmethod
    def kept(listing):
        return {item["name"]: item for item in listing["items"] if "url" in item}

    @staticmethod
    def rejected(listing):
        return {item["name"]: item["rejected"] for item in listing["items"] if "rejected" in item}

    def test_what_matches_is_kept_once_and_can_be_read(self):
        outcome, listing = self.ran("report")
        self.assertEqual((outcome.state, outcome.exit_code), ("failed", 3), "its end is its own")
        self.assertEqual(listing["state"], "complete", listing)
        kept = self.kept(listing)
        wanted = {"report/a.xml": b"one", "report/empty.xml": b"", "out.bin": b"0123456789", "with space/ü &%.xml": b"s"}
        self.assertEqual(sorted(kept), sorted(wanted))
        self.assertEqual(len(listing["items"]), len(wanted), listing)
        for name, data in wanted.items():
            answer = self.get(kept[name])
            self.assertEqual((answer.status, answer.body), (200, data), name)
            digest = hashlib.sha256(data)
            self.assertEqual((kept[name]["sha256"], kept[name]["bytes"]), (digest.hexdigest(), len(data)))
            self.assertEqual(answer.headers["Repr-Digest"], f"sha-256=:{base64.b64encode(digest.digest()).decode()}:")
            self.assertEqual(answer.headers["Content-Type"], "application/octet-stream")
            self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
            self.assertTrue(answer.headers["Content-Disposition"].startswith("attachment; "), answer.headers)
        self.assertEqual(self.get(kept["with space/ü &%.xml"]).headers["Content-Disposition"],
                         "attachment; filename=\"_____.xml\"; filename*=UTF-8''%C3%BC%20%26%25.xml")

    def test_a_part_of_a_file_is_sent_and_what_a_client_has_is_not(self):
        _, listing = self.ran("report")
        item = self.kept(listing)["out.bin"]
        part = self.get(item, Range="bytes=2-4")
        self.assertEqual((part.status, part.body, part.headers["Content-Range"]), (206, b"234", "bytes 2-4/10"))
        self.assertEqual(self.get(item, Range="bytes=-3").body, b"789")
        self.assertEqual(self.get(item, Range="bytes=10-").status, 416)
        etag = self.get(item).headers["ETag"]
        self.assertEqual(etag, f"\"{item['sha256']}\"")
        self.assertEqual(self.get(item, If_None_Match=etag).status, 304)
        self.assertEqual(self.get(item, Range="bytes=2-4", If_Range='"another"').body, b"0123456789")
        head = self.instance.request("HEAD", item["url"])
        self.assertEqual((head.status, head.headers["Content-Length"], head.body), (200, "10", b""))

    def test_names_that_are_not_there_are_not_found(self):
        outcome, _ = self.ran("report")
        base = f"/v1/jobs/{outcome.job['id']}/artifacts/"
        for name in ("report", "report/b.txt", "report/", "no", "report%2Fa.xml", "../output", "%2e%2e/x", "report/a.xml/x",
                     "a/b/c/d/e/f/g/h/i/j", "n" * 600):
            self.assertIn(self.instance.request("GET", base + name).status, (400, 404), name)

    def test_a_job_without_artefacts_says_so(self):
        self.assertEqual(self.ran("plain")[1], {"state": "none", "items": []})
        self.assertEqual(self.ran("none")[1], {"state": "complete", "items": []})

    def test_what_is_no_plain_file_is_rejected_with_a_reason_and_the_rest_is_kept(self):
        outcome, listing = self.ran("zoo")
        self.assertEqual((outcome.state, outcome.exit_code), ("succeeded", 0), outcome)
        self.assertEqual(listing["state"], "complete", listing)
        kept, rejected = self.kept(listing), self.rejected(listing)
        wanted = {"zoo/good", "zoo/other", "zoo/" + "n" * 255}
        expected = {"zoo/link": "symlink", "zoo/inner-link": "symlink", "zoo/linked-dir": "symlink", "zoo/sub": "not-a-file",
                    "zoo/closed": "unreadable", "zoo/secret": "unreadable", "zoo/sparse": "too-large",
                    "zoo/new\\x0aline": "name", "zoo/esc\\x1b[31m": "name", "zoo/no-utf8-\\xff": "name", "zoo/back\\x5cslash": "name"}
        said = outcome.stdout.count(b"Errno")       # what the profile itself refused to make
        if "zoo/fifo" in rejected or said == 0:
            expected["zoo/fifo"] = "not-a-file"
        if "zoo/socket" in rejected or said == 0:
            expected["zoo/socket"] = "not-a-file"
        expected["zoo/two-names"] = expected["zoo/second-name"] = "hard-link"
        self.assertEqual(rejected, expected, outcome.stdout)
        self.assertEqual(set(kept), wanted)
        self.assertEqual(self.get(kept["zoo/other"]).body, b"other")

    def test_a_pattern_looks_no_deeper_than_it_is_long(self):
        _, listing = self.ran("deep")
        self.assertEqual(listing["state"], "complete")
        self.assertEqual(self.rejected(listing), {"d/d": "not-a-file", "d/d/d/d/d/d/d/d": "not-a-file"})

    def test_a_crowd_ends_the_search_and_what_was_found_before_is_kept(self):
        outcome, listing = self.ran("crowd")
        self.assertEqual(outcome.state, "succeeded")
        self.assertEqual(listing["state"], "incomplete", listing)
        self.assertIn("more files than are looked at", listing["detail"])
        self.assertEqual(self.get(self.kept(listing)["last"]).body, b"last")

    def test_a_hundred_files_are_kept_and_a_hundred_rejections_are_listed(self):
        _, listing = self.ran("many")
        self.assertEqual(len(self.kept(listing)), 100)
        self.assertEqual(set(self.rejected(listing).values()), {"too-many"})
        self.assertEqual((len(self.rejected(listing)), listing["unlisted"]), (100, 151))
        self.assertEqual(listing["state"], "incomplete")

    def test_more_bytes_than_there_may_be_are_rejected_file_by_file(self):
        _, listing = self.ran("large")
        self.assertEqual(set(self.kept(listing)), {"a", "c"})
        self.assertEqual(self.rejected(listing), {"b": "too-large"})

    def test_a_directory_that_the_job_closed_is_closed(self):
        _, listing = self.ran("closed")
        self.assertEqual((listing["state"], listing["items"]), ("incomplete", []))

    def test_nothing_of_the_job_is_alive_when_its_files_are_collected(self):
        _, listing = self.ran("left")
        item = self.kept(listing)["growing"]
        self.assertEqual(len(self.get(item).body), item["bytes"])

    def test_they_are_pending_while_the_job_runs_and_there_when_it_was_cancelled(self):
        job_id = self.instance.submit("slow")["id"]
        wait_until(lambda: self.instance.job(job_id)["state"] == "running", 20)
        self.assertEqual(self.listing(job_id), {"state": "pending", "items": []})
        self.assertEqual(self.instance.request("GET", f"/v1/jobs/{job_id}/artifacts/late").status, 404)
        self.instance.request("POST", f"/v1/jobs/{job_id}/cancel", {})
        self.assertEqual(self.instance.wait(job_id)["state"], "cancelled")
        self.assertEqual(self.listing(job_id)["state"], "complete")

    def test_a_job_that_was_killed_ends_as_killed(self):
        outcome, listing = self.ran("killed")
        self.assertEqual((outcome.reason, listing["state"]), ("signalled", "complete"))
        self.assertEqual(self.get(self.kept(listing)["x"]).body, b"x")

    def test_they_go_with_the_output(self):
        jobs = [self.instance.run("brief").job for _ in range(2)]
        gone = f"/v1/jobs/{jobs[0]['id']}/artifacts"
        self.assertTrue(wait_until(lambda: self.instance.request("GET", gone).status == 410, 40, 0.2), self.instance.log())
        self.assertEqual(self.instance.request("GET", gone + "/x").status, 410)
        self.assertEqual(glob.glob(os.path.join(self.instance.state, "**", jobs[0]["id"] + "*"), recursive=True), [])
        self.assertEqual(self.get(self.kept(self.listing(jobs[1]["id"]))["x"]).body, b"x")

    def test_who_may_not_read_the_output_sees_no_artefacts(self):
        outcome, listing = self.ran("report")
        for path in (f"/v1/jobs/{outcome.job['id']}/artifacts", self.kept(listing)["out.bin"]["url"]):
            self.assertEqual(self.instance.request("GET", path, token=None).status, 401)


class Cli(ServiceTest):
    commands = {"report": Artifacts.commands["report"],
                "links": {"exec": python("import os; os.symlink('x', 'l'); open('x', 'w').write('x')"), "artifacts": ["*"]}}

    def setUp(self):
        self.job_id = self.instance.run("report").job["id"]
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.directory = holder.name

    def fetch(self, *words):
        return self.instance.cli("artifacts", *words, capture_output=True)

    def test_lists_them_and_prints_one(self):
        listed = self.fetch(self.job_id)
        self.assertEqual(listed.returncode, 0, listed)
        self.assertIn(b"report/a.xml", listed.stdout)
        self.assertEqual(self.fetch(self.job_id, "report/a.xml").stdout, b"one")
        self.assertEqual(self.fetch(self.job_id, "with space/ü &%.xml").stdout, b"s")
        missing = self.fetch(self.job_id, "no")
        self.assertEqual((missing.returncode, missing.stdout), (125, b""), missing)
        self.assertIn(b"reject", self.fetch(self.instance.run("links").job["id"]).stdout.lower())

    def test_saves_all_below_a_directory_and_overwrites_nothing(self):
        done = self.fetch(self.job_id, "-d", self.directory)
        self.assertEqual(done.returncode, 0, done)
        root = pathlib.Path(self.directory)
        found = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        self.assertEqual(found, {"report/a.xml": b"one", "report/empty.xml": b"", "out.bin": b"0123456789",
                                 "with space/ü &%.xml": b"s"})
        again = self.fetch(self.job_id, "-d", self.directory)
        self.assertEqual(again.returncode, 125)
        self.assertIn(b"is there already and is not overwritten", again.stderr)

    def test_follows_no_link_that_waits_there(self):
        outside = os.path.join(self.directory, "outside")
        inside = os.path.join(self.directory, "inside")
        os.mkdir(outside)
        os.mkdir(inside)
        os.symlink(outside, os.path.join(inside, "report"))
        os.symlink(os.path.join(outside, "new"), os.path.join(inside, "out.bin"))
        os.symlink(outside, os.path.join(inside, "with space"))
        done = self.fetch(self.job_id, "-d", inside)
        self.assertEqual(done.returncode, 125, done)
        self.assertEqual(os.listdir(outside), [])


class HostileServer(unittest.TestCase):
    """A server that names files elsewhere, or sends other bytes than it listed."""

    def setUp(self):
        self.api = FakeApi().__enter__()
        self.addCleanup(self.api.__exit__, None, None, None)
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.directory = os.path.join(holder.name, "to")
        os.mkdir(self.directory)

    def save(self, name, sha256):
        path = f"/v1/jobs/{ID}/artifacts"
        listing = {"state": "complete", "items": [{"name": name, "bytes": 1, "sha256": sha256, "url": path + "/x"}]}
        self.api.overrides[path] = lambda handler, seen: handler.answer(200, json.dumps(listing).encode())
        self.api.overrides[path + "/x"] = lambda handler, seen: handler.answer(200, b"x", "application/octet-stream")
        return subprocess.run([os.path.join(harness.BIN, "sallyport"), "artifacts", ID, "-d", self.directory, "--url", self.api.url],
                              capture_output=True, check=False, env={"PATH": "/usr/bin:/bin", "HOME": self.directory})

    def everything(self):
        above = os.path.dirname(self.directory)
        return [path for path in glob.glob(os.path.join(above, "**"), recursive=True) if os.path.isfile(path)]

    def test_a_name_that_leads_elsewhere_is_not_saved(self):
        for name in ("../x", "/tmp/sallyport-x", "a/../../x", "x\n", "x\x1b[2J", "", "."):
            done = self.save(name, hashlib.sha256(b"x").hexdigest())
            self.assertEqual(done.returncode, 125, (name, done))
            self.assertEqual(self.everything(), [], name)

    def test_bytes_of_another_hash_do_not_stay(self):
        self.assertIn(b"other bytes", self.save("x", hashlib.sha256(b"y").hexdigest()).stderr)
        self.assertEqual(self.everything(), [])
        self.assertEqual(self.save("x", hashlib.sha256(b"x").hexdigest()).returncode, 0)
        self.assertEqual(len(self.everything()), 1)


class Crashes(unittest.TestCase):
    """The keeper dies in the middle of a large collection."""

    def setUp(self):
        harness.needs_program(self, "sallyportd")
        script = f"head -c {200 * MIB} /dev/urandom > a; head -c {20 * MIB} /dev/urandom > b; sha256sum a b"
        self.instance = Instance({"big": {"exec": bash(script), "artifacts": ["a", "b"], "artifacts_max": "256MiB", "sandbox": {"tmp": "512MiB", "memory": "1GiB"}}}).start()


    def tearDown(self):
        self.instance.stop()

    def files(self):
        return glob.glob(os.path.join(self.instance.state, "**", "*.art"), recursive=True)

    def test_no_byte_is_lost_or_doubled(self):
        job_id = self.instance.submit("big")["id"]
        deaths = 0
        for mib in (8, 60, 120):
            def has_come(least=mib * MIB):
                return any(os.path.getsize(path) > least for path in self.files())
            if not wait_until(has_come, 60, 0.001) or self.is_collected(job_id):
                break
            victim = self.instance.part("keeper")
            os.kill(victim.pid, signal.SIGKILL)
            deaths += 1
            self.assertTrue(wait_until(lambda one=victim: not one.is_alive(), 5))
        self.assertGreaterEqual(deaths, 1)
        wait_until(self.is_served, 30)
        job = self.instance.wait(job_id, 120)
        self.assertEqual(job["state"], "succeeded", job)
        said = self.instance.request("GET", f"/v1/jobs/{job_id}/output", headers={"Accept": "text/plain"}).body.split()
        listing = self.instance.request("GET", f"/v1/jobs/{job_id}/artifacts").json()
        self.assertEqual(listing["state"], "complete", listing)
        sums = {item["name"]: item["sha256"] for item in listing["items"]}
        self.assertEqual(sums, {"a": said[0].decode(), "b": said[2].decode()})
        for item in listing["items"]:
            body = self.instance.request("GET", item["url"], timeout=60).body
            self.assertEqual(hashlib.sha256(body).hexdigest(), item["sha256"])

    def is_served(self):
        try:
            return self.instance.request("GET", "/v1/whoami", timeout=2).status == 200
        except OSError:
            return False

    def is_collected(self, job_id):
        try:
            return self.instance.job(job_id)["end"] is not None
        except (OSError, KeyError):
            return False


if __name__ == "__main__":
    unittest.main()
