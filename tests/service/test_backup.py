"""A copy of the state directory, made while jobs come and go, is a state directory: another instance starts with it."""

import os
import shutil
import subprocess
import threading
import time
import unittest

import harness
from harness import Instance, wait_until

TALKER = "for i in $(seq 1 300); do echo line $i; [ $((i % 10)) = 0 ] && sleep 0.02; done"
SAID = "".join(f"line {i}\n" for i in range(1, 301)).encode()
COMMANDS = {
    "talk": {"exec": ["/usr/bin/bash", "-c", TALKER]},
    "echo": {"exec": ["/usr/bin/cat"], "stdin": "body"},
    "leave": {"exec": ["/usr/bin/bash", "-c", "echo -n left > x; ln -s x y"], "artifacts": ["*"]},
    "wait": {"exec": ["/usr/bin/sleep", "300"], "timeout": "300s"},
}


def cli(*arguments):
    return subprocess.run([os.path.join(harness.BIN, "sallyport"), *arguments], capture_output=True, text=True, timeout=120,
                          check=False)


class Backup(unittest.TestCase):
    def setUp(self):
        harness.needs_program(self, "sallyportd")
        self.directory = harness.make_directory("backup")
        self.addCleanup(shutil.rmtree, self.directory, True)

    def backup(self, instance, name):
        target = os.path.join(self.directory, name)
        done = cli("backup", "--state", instance.state, target)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        self.assertIn(f"start sallyportd with --state {target}", done.stdout)
        self.assertEqual(sorted(os.listdir(target)), ["keeper", "launcher"])
        self.assertEqual(sorted(os.listdir(os.path.join(target, "keeper"))), ["files", "jobs.db", "output", "stdin"])
        return target

    def restored(self, target):
        """An instance on a backup, with the ids that the records belong to: the keeper's is two below the first slot's."""
        instance = Instance(COMMANDS, slots={"first_uid": os.stat(os.path.join(target, "keeper")).st_uid + 2})
        instance.state = target
        return instance

    def test_a_copy_is_refused_where_the_keeper_has_another_id(self):
        harness.needs_root(self)
        with Instance(COMMANDS) as instance:
            target = self.backup(instance, "copy")
        other = Instance(COMMANDS)
        self.addCleanup(other.kill)
        other.state = target
        other.start(wait=False)
        self.assertEqual(other.process.wait(20), 71, other.log())
        self.assertIn("chown -R", other.log())

    def output(self, instance, job_id):
        """What the record has, and that it is what the record says of it."""
        stream = instance.stream("GET", f"/v1/jobs/{job_id}/output")
        said = b"".join(harness.output_bytes(record) for record in stream if record["type"] == "output")
        stream.close()
        return said

    def test_under_load_it_has_every_job_that_had_been_accepted(self):
        ended, failures, is_over = [], [], threading.Event()

        def load(instance, number):
            while not is_over.is_set():
                try:
                    if number % 2:
                        ended.append((instance.run("talk").job["id"], SAID))
                    else:
                        job = instance.submit("echo", stdin=f"input {number}\n" * 100)
                        instance.wait(job["id"])
                        ended.append((job["id"], f"input {number}\n".encode() * 100))
                except Exception as error:
                    failures.append(error)
                    return
        with Instance(COMMANDS) as instance:
            threads = [threading.Thread(target=load, args=(instance, number)) for number in range(4)]
            for thread in threads:
                thread.start()
            time.sleep(1)
            copies = []
            for number in range(4):
                before = list(ended)
                copies.append((self.backup(instance, f"copy-{number}"), before))
            is_over.set()
            for thread in threads:
                thread.join()
            self.assertEqual(failures, [])
        for target, before in copies:
            self.assertGreater(len(before), 0)
            self.assertEqual(cli("audit", "verify", "--state", target).returncode, 0)
        target, before = copies[-1]
        with self.restored(target) as instance:
            for job_id, said in before:
                job = instance.job(job_id)
                self.assertEqual(job["state"], "succeeded", job)
                self.assertEqual(self.output(instance, job_id), said)
            for job in instance.request("GET", "/v1/jobs?limit=100").json()["items"]:
                instance.wait(job["id"])
                if job["command"] == "talk":
                    self.assertTrue(SAID.startswith(self.output(instance, job["id"])), job)
            self.assertEqual(instance.run("echo", stdin="new").stdout, b"new")
            done = cli("audit", "verify", "--state", target)
            self.assertEqual(done.returncode, 0, done)

    def test_what_a_job_left_behind_is_in_the_copy(self):
        with Instance(COMMANDS) as instance:
            listing = f"/v1/jobs/{instance.run('leave').job['id']}/artifacts"
            before = instance.request("GET", listing).json()
            target = self.backup(instance, "copy")
        with self.restored(target) as again:
            self.assertEqual(again.request("GET", listing).json(), before)
            self.assertEqual(again.request("GET", listing + "/x").body, b"left")

    def test_what_waited_runs_and_what_ran_is_lost(self):
        with Instance(COMMANDS, slots={"count": 1}) as instance:
            running = instance.submit("wait")["id"]
            self.assertTrue(wait_until(lambda: instance.job(running)["state"] == "running", 10))
            waiting = instance.submit("echo", stdin="later\n")["id"]
            target = self.backup(instance, "copy")
            instance.request("POST", f"/v1/jobs/{running}/cancel", {})
            self.assertEqual(instance.wait(waiting)["state"], "succeeded")
        with self.restored(target) as instance:
            self.assertEqual(instance.wait(running)["state"], "lost")
            self.assertEqual(instance.wait(waiting)["state"], "succeeded")
            self.assertEqual(self.output(instance, waiting), b"later\n")

    def test_the_copy_is_for_nobody_but_the_keeper(self):
        with Instance(COMMANDS) as instance:
            instance.run("talk")
            target = self.backup(instance, "copy")
            for path, _, names in os.walk(os.path.join(target, "keeper")):
                for name in (".", *names):
                    copied = os.stat(os.path.join(path, name))
                    self.assertEqual(copied.st_mode & 0o077, 0, os.path.join(path, name))
                    self.assertEqual(copied.st_uid, os.stat(os.path.join(instance.state, "keeper")).st_uid)

    def test_a_place_that_the_keeper_cannot_walk_to_is_fine(self):
        harness.needs_root(self)
        os.chmod(self.directory, 0o700)
        with Instance(COMMANDS) as instance:
            instance.run("talk")
            self.backup(instance, "copy")

    def test_works_for_an_ordinary_user_and_through_links(self):
        user = harness.ordinary_user()
        with Instance(COMMANDS, user=user) as instance:
            if os.stat(os.path.join(instance.state, "keeper")).st_uid != os.stat(instance.state).st_uid:
                harness.skip(self, "needs a user without subordinate ids: with them the keeper's files are not the user's")
            job_id = instance.run("talk").job["id"]
            link = os.path.join(instance.directory, "link")
            os.symlink(instance.state, link)
            target = os.path.join(instance.directory, "copy")
            for words in (["backup", "--state", link, target], ["audit", "verify", "--state", target]):
                done = subprocess.run([*harness.as_user(user), os.path.join(harness.BIN, "sallyport"), *words],
                                      capture_output=True, text=True, timeout=120, check=False)
                self.assertEqual((done.returncode, done.stderr), (0, ""), done)
            with open(os.path.join(target, "keeper", "output", job_id[-2:], job_id + ".log"), "rb") as file:
                self.assertEqual(file.read(), SAID)

    def test_refuses_a_directory_that_is_not_empty(self):
        with Instance(COMMANDS) as instance:
            target = self.backup(instance, "copy")
            done = cli("backup", "--state", instance.state, target)
            self.assertEqual(done.returncode, 125)
            self.assertIn("is not empty", done.stderr)
            done = cli("backup", "--state", instance.state, instance.state)
            self.assertIn("is not empty", done.stderr)
            done = cli("backup", "--state", self.directory, os.path.join(self.directory, "other"))
            self.assertIn("is no state directory", done.stderr)

    def test_an_intruder_s_links_lead_nowhere(self):
        """A keeper that was taken over puts links into its directory; who makes a backup as root follows none."""
        harness.needs_root(self)
        with Instance(COMMANDS) as instance:
            job_id = instance.run("talk").job["id"]
            log = os.path.join(instance.state, "keeper", "output", job_id[-2:], job_id + ".log")
            os.rename(log, log + ".away")
            os.symlink("/etc/shadow", log)
            done = cli("backup", "--state", instance.state, os.path.join(self.directory, "copy"))
            self.assertEqual(done.returncode, 125, done)
            self.assertNotIn("jobs.db", os.listdir(os.path.join(self.directory, "copy", "keeper")))
            os.remove(log)
            os.rename(log + ".away", log)


class Doctor(unittest.TestCase):
    def findings(self, state):
        done = cli("doctor", "--state", state)
        return done.returncode, [line for line in done.stdout.splitlines() if "state  " in line]

    def test_reads_the_database_of_a_running_service(self):
        harness.needs_program(self, "sallyportd")
        with Instance(COMMANDS) as instance:
            instance.run("talk")
            _, lines = self.findings(instance.state)
            self.assertEqual([line.split()[0] for line in lines], ["pass"], lines)
            self.assertEqual(instance.run("echo", stdin="x").stdout, b"x")

    def test_finds_a_damaged_database(self):
        harness.needs_program(self, "sallyportd")
        directory = harness.make_directory("backup")
        self.addCleanup(shutil.rmtree, directory, True)
        target = os.path.join(directory, "copy")
        with Instance(COMMANDS) as instance:
            for _ in range(20):
                instance.run("echo", stdin="x")
            self.assertEqual(cli("backup", "--state", instance.state, target).returncode, 0)
        path = os.path.join(target, "keeper", "jobs.db")
        with open(path, "r+b") as file:
            for page in range(3, os.path.getsize(path) // 4096):
                file.seek(page * 4096 + 2000)
                file.write(bytes(300))
        code, lines = self.findings(target)
        self.assertEqual(code, 1)
        self.assertEqual([line.split()[0] for line in lines], ["fail"], lines)


if __name__ == "__main__":
    unittest.main()
