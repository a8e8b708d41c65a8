"""A process of ours that dies is started again; one that only dies is waited for longer and longer, and then given up."""

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import sqlite3
import time
import unittest

import harness
from harness import Instance, wait_until

COMMANDS = {"short": {"exec": ["/usr/bin/echo", "short"]},
            "patient": {"exec": ["/usr/bin/sh", "-c", "echo before; sleep 14; echo after"]}}
GIVEN_UP = 70               # sallyportd's exit status
WELL_SECONDS = 1.2          # so old, a process has lived, and its death is the first one
PAUSES = (100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000)


SYS_PIDFD_GETFD = 438       # on every architecture
CONTROL_FD = 3


def break_links(process):
    """Shuts down what joins a process to its neighbours, as if it was done with them. All of them live on."""
    pidfd, broken = os.pidfd_open(process.pid), 0
    for number in process.descriptors():
        if number <= CONTROL_FD or not os.readlink(f"/proc/{process.pid}/fd/{number}").startswith("socket:"):
            continue
        copy = ctypes.CDLL(None, use_errno=True).syscall(SYS_PIDFD_GETFD, pidfd, number, 0)
        with socket.socket(fileno=copy) as link:
            if link.type == socket.SOCK_SEQPACKET:
                link.shutdown(socket.SHUT_RDWR)
                broken += 1
    os.close(pidfd)
    return broken


class Restarts(unittest.TestCase):
    def setUp(self):
        harness.needs_program(self, "sallyportd")
        self.place = harness.make_directory("programs")
        self.addCleanup(shutil.rmtree, self.place, True)
        shutil.copytree(harness.BIN, os.path.join(self.place, "bin"))
        shutil.copytree(os.path.join(os.path.dirname(harness.BIN), "policies"), os.path.join(self.place, "policies"))
        self.instance = Instance(COMMANDS, bin_directory=os.path.join(self.place, "bin")).start()
        self.addCleanup(self.instance.kill)
        time.sleep(WELL_SECONDS)

    def replace(self, name, source):
        """A new file, because the old one may be running."""
        path = os.path.join(self.place, "bin", name)
        os.unlink(path)
        shutil.copy(source, path)

    def kill(self, name):
        os.kill(self.instance.part(name).pid, signal.SIGKILL)

    def test_what_dies_at_its_start_is_given_up_after_ten_times(self):
        began = time.monotonic()
        self.replace("front", "/usr/bin/false")
        self.kill("front")
        status = self.instance.process.wait(60)
        log = self.instance.log()
        self.assertEqual(status, GIVEN_UP, log)
        self.assertIn("front died 10 times in a row", log)
        self.assertEqual(log.count("front ended with status 1"), 10, log)
        for pause in PAUSES:
            self.assertIn(f"it is started again in {pause} ms", log)
        self.assertGreater(time.monotonic() - began, sum(PAUSES) / 1000)
        self.assertTrue(wait_until(lambda: not [process for process in self.instance.seen if process.is_alive()], 5))

    def test_what_says_that_it_cannot_be_helped_is_not_started_again(self):
        self.instance.process.send_signal(signal.SIGTERM)
        self.instance.process.wait(20)
        with contextlib.closing(sqlite3.connect(os.path.join(self.instance.state, "keeper", "jobs.db"))) as records, records:
            records.execute("INSERT INTO migrations (version, name, applied_unix_ms) VALUES (99, 'of a later release', 0)")
        self.instance.start(wait=False)
        self.assertEqual(self.instance.process.wait(20), 78, self.instance.log())
        self.assertIn("keeper says that starting it again would not help", self.instance.log())

    def test_what_is_mended_meanwhile_serves_again(self):
        real = os.path.join(harness.BIN, "keeper")
        self.replace("keeper", "/usr/bin/false")
        self.kill("keeper")
        self.assertTrue(wait_until(lambda: self.instance.log().count("keeper ended with status 1") >= 4, 10))
        self.replace("keeper", real)
        self.assertTrue(wait_until(lambda: self.instance.request("GET", "/readyz", token=None).status == 200, 10), self.instance.log())
        self.assertEqual(self.instance.run("short").stdout, b"short\n")
        self.instance.stop()

    def test_all_of_them_may_die_at_once(self):
        for _ in range(6):
            for name in ("keeper", "front", "launcher"):
                self.kill(name)
            self.assertTrue(wait_until(self.is_whole, 10), self.instance.log())
        self.assertEqual(self.instance.run("short").stdout, b"short\n")
        self.instance.stop()

    def test_an_accepted_job_is_there_when_everything_was_killed_at_once(self):
        accepted = []
        for _ in range(3):
            accepted += [self.instance.submit("patient")["id"] for _ in range(2)]
            accepted.append(self.instance.submit("short")["id"])
            for process in self.instance.processes():
                with contextlib.suppress(ProcessLookupError):       # most of them end with the first
                    os.kill(process.pid, signal.SIGKILL)
            self.instance.process.wait(10)
            self.assertTrue(wait_until(lambda: not [p for p in self.instance.seen if p.is_alive()], 10), "some live on")
            self.instance.start()
            for job_id in accepted:
                job = self.instance.job(job_id)
                self.assertIn(job["state"], ("queued", "starting", "running", "succeeded", "lost"), job)
        self.assertIn(self.instance.wait(accepted[-1])["state"], ("succeeded", "lost"))
        for job_id in accepted:
            if not self.instance.job(job_id)["end"]:
                self.instance.request("POST", f"/v1/jobs/{job_id}/cancel", {})
            self.instance.wait(job_id)
        self.instance.stop()

    def test_the_next_instance_waits_until_the_keeper_and_the_launcher_of_a_dead_one_have_ended(self):
        for name, stopped in (("keeper", ("keeper",)), ("launcher", ("launcher", "cell-reaper"))):
            job_id = self.instance.submit("patient")["id"]
            self.assertTrue(wait_until(lambda job_id=job_id: self.instance.job(job_id)["state"] == "running", 10))
            old = [self.instance.part(part) for part in stopped]
            for process in old:
                os.kill(process.pid, signal.SIGSTOP)        # it cannot see that its bootstrap is gone
            self.instance.process.kill()
            self.instance.process.wait()
            self.instance.start(wait=False)
            self.assertTrue(wait_until(lambda name=name: f"waiting for the end of the {name}" in self.instance.log(), 10), self.instance.log())
            self.assertEqual([process.name() for process in self.instance.processes()], ["sallyportd"], "nobody is started meanwhile")
            for process in old:
                os.kill(process.pid, signal.SIGCONT)
            self.instance.wait_ready()
            self.assertFalse(old[0].is_alive())
            self.assertEqual(self.instance.job(job_id)["state"], "lost")
        self.assertEqual(self.instance.run("short").stdout, b"short\n")
        self.instance.stop()

    def test_the_next_instance_does_not_wait_for_ever(self):
        old = self.instance.part("keeper")
        os.kill(old.pid, signal.SIGSTOP)
        self.instance.process.kill()
        self.instance.process.wait()
        self.instance.start(wait=False)
        self.assertEqual(self.instance.process.wait(30), 71, self.instance.log())
        self.assertIn("the keeper of a sallyportd that has ended is still there", self.instance.log())
        os.kill(old.pid, signal.SIGCONT)
        self.assertTrue(wait_until(lambda: not old.is_alive(), 10))
        self.instance.start()
        self.instance.stop()

    def test_a_broken_link_between_two_that_live_is_made_again(self):
        harness.needs_root(self)
        job_id = self.instance.submit("patient")["id"]
        self.assertTrue(wait_until(lambda: self.instance.job(job_id)["state"] == "running", 10))
        self.assertEqual(break_links(self.instance.part("keeper")), 2, "front and launcher")
        self.assertFalse(self.is_whole())
        self.assertTrue(wait_until(self.is_whole, 20), self.instance.log())
        self.assertEqual(self.instance.wait(job_id)["state"], "succeeded")
        output = self.instance.request("GET", f"/v1/jobs/{job_id}/output?stream=stdout", headers={"Accept": "application/octet-stream"})
        self.assertEqual(output.body, b"before\nafter\n")
        self.instance.stop()

    def is_whole(self):
        names = [process.name() for process in self.instance.processes()]
        try:
            return all(names.count(name) == 1 for name in ("keeper", "front", "launcher")) and \
                self.instance.request("GET", "/readyz", token=None, timeout=2).status == 200
        except OSError:
            return False


if __name__ == "__main__":
    unittest.main()
