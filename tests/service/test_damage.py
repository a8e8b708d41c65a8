"""Records that are hurt: the keeper says what is wrong, where, and what to do; it changes nothing and invents nothing."""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import unittest

import harness
from harness import Instance, wait_until

COMMANDS = {
    "talk": {"exec": ["/usr/bin/seq", "{count}"], "params": {"count": {"type": "int", "min": 1, "max": 1000000, "required": True}}},
    "slow": {"exec": ["/usr/bin/sh", "-c", "echo begin; sleep 3; echo end"]},
}
HOPELESS, REFUSED_BY_HOST = 78, 71
PAGE = 4096


def said(count):
    return "".join(f"{i}\n" for i in range(1, count + 1)).encode()


def hashes(directory):
    """Of every file below, but for the map of the database's log, which SQLite makes anew whenever it looks, and an empty log."""
    found = {}
    for path, _, names in os.walk(directory):
        for name in names:
            where = os.path.join(path, name)
            if name in ("jobs.db-shm", "lock") or (name == "jobs.db-wal" and os.lstat(where).st_size == 0):
                continue
            if os.path.islink(where):
                found[where] = os.readlink(where)
            else:
                with open(where, "rb") as file:
                    found[where] = hashlib.sha256(file.read()).hexdigest()
    return found


def overwrite(path, at, size, byte=0xa5):
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(bytes([byte]) * size)


def last_error(log):
    """The keeper's last line of this level."""
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    return next((line["message"] for line in reversed(lines) if (line["process"], line["level"]) == ("keeper", "error")), "")


class Damaged(unittest.TestCase):
    """The state directory of an instance with some jobs, as a kill -9 leaves it, once for all; each test hurts a copy."""

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            return
        cls.template = harness.make_directory("damage")
        cls.addClassCleanup(shutil.rmtree, cls.template, True)
        instance = Instance(COMMANDS)
        cls.first_uid = instance.config["slots"]["first_uid"]
        try:
            instance.start()
            cls.jobs = {count: instance.run("talk", {"count": count}).job["id"] for count in (3, 500, 20000)}
            for process in instance.processes():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)
            instance.process.wait(10)
            if not wait_until(lambda: not [process for process in instance.seen if process.is_alive()], 10):
                raise AssertionError("some live on")
            cls.copy(instance.state, os.path.join(cls.template, "state"))
            # The same, moved into the database as an orderly end does it.
            instance.start()
            state = instance.state
            instance.process.send_signal(signal.SIGTERM)
            instance.process.wait(30)
            cls.copy(state, os.path.join(cls.template, "settled"))
        finally:
            instance.kill()

    @staticmethod
    def copy(source, target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        subprocess.run(["cp", "-a", source, target], check=True)

    def setUp(self):
        harness.needs_root(self)
        harness.needs_program(self, "sallyportd")
        self.instance = None

    def tearDown(self):
        log = self.instance.log() if self.instance is not None else ""
        for word in ("AddressSanitizer", "runtime error:", "Assertion"):
            self.assertNotIn(word, log)

    def take(self, which="settled"):
        """An instance on a copy, not started."""
        self.instance = Instance(COMMANDS, slots={"first_uid": self.first_uid})
        self.addCleanup(self.instance.kill)
        self.copy(os.path.join(self.template, which), self.instance.state)
        self.keeper = os.path.join(self.instance.state, "keeper")
        self.database = os.path.join(self.keeper, "jobs.db")

    def root_page(self, name):
        with contextlib.closing(sqlite3.connect(f"file:{self.database}?immutable=1", uri=True)) as records:
            return records.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (name,)).fetchone()[0]

    def hurt_page(self, name):
        overwrite(self.database, (self.root_page(name) - 1) * PAGE, PAGE)

    def output_file(self, count, suffix):
        job_id = self.jobs[count]
        return os.path.join(self.keeper, "output", job_id[-2:], job_id + suffix)

    def refuses(self, *words, status=HOPELESS):
        """It ends with this status, says these words, and leaves every byte as it was."""
        before = hashes(self.instance.state)
        self.instance.start(wait=False)
        self.assertEqual(self.instance.process.wait(60), status, self.instance.log())
        for word in words:
            self.assertIn(word, self.instance.log())
        self.assertEqual(hashes(self.instance.state), before)

    def serves_all(self):
        for count, job_id in self.jobs.items():
            self.assertEqual(self.instance.job(job_id)["state"], "succeeded")
            self.assertEqual(self.output(job_id).body, said(count))
        self.assertEqual(self.instance.run("talk", {"count": 2}).stdout, said(2))

    def output(self, job_id):
        return self.instance.request("GET", f"/v1/jobs/{job_id}/output", headers={"Accept": "application/octet-stream"})

    def expect_problem(self, response, status, code):
        self.assertEqual((response.status, response.json()["code"]), (status, code), response.body)
        self.assertEqual(response.headers["Content-Type"], "application/problem+json")


class Database(Damaged):
    def test_is_found_again_after_a_kill(self):
        for which in ("state", "settled"):
            self.take(which)
            self.instance.start()
            self.serves_all()
            self.instance.stop()

    def test_that_is_no_database_is_left_alone(self):
        for which in ("state", "settled"):
            with self.subTest(which):
                self.take(which)
                overwrite(self.database, 0, 100)
                if which == "state":       # whose log would mend the first page
                    os.unlink(self.database + "-wal")
                self.refuses("open database '/jobs.db'", "not a database", "newest backup")

    def test_that_was_cut_is_left_alone(self):
        for pages in (1, 2, 10):
            with self.subTest(pages=pages):
                self.take()
                os.truncate(self.database, pages * PAGE)
                self.refuses("open database '/jobs.db'", "malformed", "newest backup")

    def test_that_is_empty_or_gone_is_not_begun_anew(self):
        self.take()
        os.truncate(self.database, 0)
        self.refuses("'jobs.db' is empty, but jobs have left output", "from a backup")
        self.take()
        os.unlink(self.database)
        self.refuses("'jobs.db' is missing, but jobs have left output", "from a backup")

    def test_with_damage_where_it_begins_to_read_is_left_alone(self):
        for table in ("audit", "jobs_active", "migrations"):
            with self.subTest(table):
                self.take()
                self.hurt_page(table)
                self.refuses("cannot start: ", "malformed", "newest backup")

    def test_of_a_newer_release_is_left_alone(self):
        self.take()
        with contextlib.closing(sqlite3.connect(self.database)) as records, records:
            records.execute("INSERT INTO migrations (version, name, applied_unix_ms) VALUES (99, 'of a later release', 0)")
        self.refuses("has schema 99", "start the newer program")

    def test_of_another_program_is_left_alone(self):
        self.take()
        os.unlink(self.database)
        with contextlib.closing(sqlite3.connect(self.database)) as other, other:
            other.execute("CREATE TABLE things (a)")
        os.chmod(self.database, 0o600)
        os.chown(self.database, self.first_uid - 2, self.first_uid - 2)
        self.refuses("belongs to another program")

    def test_that_is_a_link_is_not_followed(self):
        for name in ("jobs.db", "jobs.db-wal"):
            with self.subTest(name):
                self.take("state")
                place = os.path.join(self.keeper, name)
                os.rename(place, place + ".away")
                os.symlink(name + ".away", place)
                self.refuses(f"'/{name}' is a symbolic link", "put the file itself there")

    def test_that_is_a_directory_is_named(self):
        self.take()
        os.unlink(self.database)
        os.mkdir(self.database, 0o700)
        self.refuses("'/jobs.db' is no file")

    def test_of_another_owner_is_named(self):
        for name in ("jobs.db", "jobs.db-wal", "jobs.db-shm"):
            with self.subTest(name):
                self.take("state")
                os.chown(os.path.join(self.keeper, name), 0, 0)
                self.refuses(f"'/{name}' belongs to uid 0", "chown")

    def test_that_cannot_be_written_is_named(self):
        self.take("state")
        os.chmod(self.database, 0o400)
        self.refuses("'/jobs.db' has mode 0400", "chmod 600")

    def test_with_damage_that_a_look_meets_answers_with_a_problem(self):
        self.take()
        self.hurt_page("job_inputs")
        self.instance.start()
        for job_id in self.jobs.values():
            self.expect_problem(self.instance.request("GET", f"/v1/jobs/{job_id}"), 500, "internal")
        self.assertIn("malformed", last_error(self.instance.log()))
        self.assertEqual(self.instance.request("GET", "/v1/commands").status, 200, "the rest goes on")
        self.assertEqual(self.output(self.jobs[3]).body, said(3))

    def test_with_damage_that_a_write_meets_ends_the_service(self):
        """What it would take from here on may be lost with the rest."""
        for table in ("job_inputs", "jobs_by_actor"):
            with self.subTest(table):
                self.take()
                self.hurt_page(table)
                self.instance.start()
                self.expect_problem(self.instance.request("POST", "/v1/commands/talk/jobs", {"params": {"count": 1}}), 500, "internal")
                self.assertEqual(self.instance.process.wait(20), HOPELESS, self.instance.log())
                self.assertIn("malformed", self.instance.log())
                self.assertIn("newest backup", self.instance.log())

    def test_that_was_put_back_serves_again(self):
        self.take()
        shutil.copy2(self.database, self.database + ".good")
        overwrite(self.database, 0, 100)
        self.refuses("not a database")
        shutil.copy2(self.database + ".good", self.database)
        os.unlink(self.database + ".good")
        os.chown(self.database, self.first_uid - 2, self.first_uid - 2)
        self.instance.start()
        self.serves_all()


class Directory(Damaged):
    def test_that_others_can_change_is_refused(self):
        self.take()
        os.chmod(self.instance.state, 0o777)
        self.refuses("can be changed by others", "chmod go-w", status=REFUSED_BY_HOST)
        os.chmod(self.instance.state, 0o711)
        for mode in (0o777, 0o500, 0o000):
            os.chmod(self.keeper, mode)
            self.refuses(f"has mode {mode:04o}", "chmod 700 keeper", status=REFUSED_BY_HOST)
        os.chmod(self.keeper, 0o700)
        self.instance.start()
        self.serves_all()

    def test_of_another_owner_is_refused(self):
        self.take()
        os.chown(self.instance.state, 12345, 12345)
        self.refuses("belongs to uid 12345", status=REFUSED_BY_HOST)
        os.chown(self.instance.state, 0, 0)
        os.chown(self.keeper, 12345, 12345)
        self.refuses("belong to uid 12345", "chown -R", status=REFUSED_BY_HOST)

    def test_that_is_a_link_is_refused(self):
        self.take()
        os.rename(self.keeper, self.keeper + ".away")
        os.symlink("keeper.away", self.keeper)
        self.refuses(f"open '{self.instance.state}/keeper'", status=REFUSED_BY_HOST)


class Output(Damaged):
    def test_that_is_shorter_than_its_record_is_an_error(self):
        for suffix, size in ((".log", 1000), (".log", 0), (".idx", 0), (".idx", 13)):
            with self.subTest(suffix=suffix, size=size):
                self.take()
                os.truncate(self.output_file(20000, suffix), size)
                self.instance.start()
                before = hashes(os.path.join(self.keeper, "output"))
                for accept in ("application/octet-stream", "text/plain", "application/x-ndjson"):
                    self.expect_problem(self.instance.request("GET", f"/v1/jobs/{self.jobs[20000]}/output", headers={"Accept": accept}),
                                        500, "internal")
                self.assertIn(f"job={self.jobs[20000]}: its output is damaged", last_error(self.instance.log()))
                job = self.instance.job(self.jobs[20000])
                self.assertEqual((job["state"], job["output"]["bytes"]), ("succeeded", len(said(20000))))
                self.assertEqual(self.output(self.jobs[500]).body, said(500))
                self.assertEqual(hashes(os.path.join(self.keeper, "output")), before)
                self.instance.stop()

    def test_that_is_gone_is_gone(self):
        self.take()
        os.unlink(self.output_file(500, ".log"))
        os.unlink(self.output_file(500, ".idx"))
        os.unlink(self.output_file(3, ".idx"))
        self.instance.start()
        self.expect_problem(self.output(self.jobs[500]), 410, "output-expired")
        self.expect_problem(self.output(self.jobs[3]), 500, "internal")
        self.assertEqual(self.output(self.jobs[20000]).body, said(20000))

    def test_of_another_owner_is_an_error(self):
        self.take()
        os.chown(self.output_file(500, ".log"), 0, 0)
        self.instance.start()
        self.expect_problem(self.output(self.jobs[500]), 500, "internal")
        self.assertIn("Permission denied", last_error(self.instance.log()))
        self.assertEqual(self.output(self.jobs[3]).body, said(3))

    def kill_keeper_and(self, do):
        """`do` happens while there is no keeper: its successor is held up until then."""
        victim = self.instance.part("keeper")
        os.kill(self.instance.process.pid, signal.SIGSTOP)
        try:
            os.kill(victim.pid, signal.SIGKILL)
            self.assertTrue(wait_until(lambda: not victim.is_alive(), 5))
            do()
        finally:
            os.kill(self.instance.process.pid, signal.SIGCONT)

        def is_served():
            return self.instance.request("GET", "/v1/whoami").status == 200
        self.assertTrue(wait_until(is_served, 20), self.instance.log())

    def running(self):
        self.take()
        self.instance.start()
        job_id = self.instance.submit("slow")["id"]
        self.assertTrue(wait_until(lambda: self.instance.job(job_id)["output"]["bytes"] == 6, 10))
        return job_id, os.path.join(self.keeper, "output", job_id[-2:], job_id)

    def check_record(self, job_id, path, expected):
        job = self.instance.wait(job_id)
        self.assertEqual(job["state"], "succeeded", job)
        with open(path + ".log", "rb") as file:
            self.assertEqual(file.read(), expected)
        self.assertEqual(job["output"]["bytes"], len(expected))
        self.assertEqual(job["output"]["sha256"], hashlib.sha256(expected).hexdigest())
        self.assertEqual(self.output(job_id).body, expected)

    def test_of_a_running_job_goes_on_where_it_is_whole(self):
        def hurt():
            os.truncate(path + ".log", 3)
            os.truncate(path + ".idx", os.path.getsize(path + ".idx") + 5)
        job_id, path = self.running()
        self.kill_keeper_and(hurt)
        self.check_record(job_id, path, b"begend\n")

    def test_of_a_running_job_that_is_gone_begins_anew(self):
        def hurt():
            os.unlink(path + ".log")
            os.unlink(path + ".idx")
        job_id, path = self.running()
        self.kill_keeper_and(hurt)
        self.check_record(job_id, path, b"end\n")
        self.assertIn(f"job={job_id}: the files of its output are gone", self.instance.log())

    def test_of_a_running_job_without_its_index_stops_the_job_and_stays(self):
        def hurt():
            os.unlink(path + ".idx")
        job_id, path = self.running()
        self.kill_keeper_and(hurt)
        job = self.instance.wait(job_id)
        self.assertEqual((job["state"], job["end"]["stopped_by"]), ("cancelled", "output failure"), job)
        with open(path + ".log", "rb") as file:
            self.assertEqual(file.read(), b"begin\n")
        self.expect_problem(self.output(job_id), 500, "internal")
        self.assertIn("cannot be kept", self.instance.log())


if __name__ == "__main__":
    unittest.main()
