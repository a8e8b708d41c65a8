"""What a job leaves for the next one in its slot, or takes from the one beside it; and readers who go away."""

import json
import os
import secrets
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "service"))

import harness
from harness import PROBE, Instance, probe_command, probe_directory

PYTHON = "/usr/bin/python3"


def python_command(**more):
    return {"exec": [PYTHON, "-c", "{script}"], "params": {"script": {"type": "string", "max_length": 8000, "required": True}}, **more}


def bare(*command, **more):
    return subprocess.run(["setpriv", f"--reuid={harness.BARE_UID}", f"--regid={harness.BARE_UID}", "--clear-groups", "--", *command],
                          capture_output=True, cwd="/tmp", timeout=30, check=False, stdin=subprocess.DEVNULL, **more)


# What is left: a file in each place where a job may write, a socket's name, and a process that holds it.
PLANT = """
import os, socket, sys
name = {name!r}
for place in ("/tmp/", "/dev/shm/"):
    open(place + name, "w").write(name)
left = socket.socket(socket.AF_UNIX)
left.bind("\\0" + name)
left.listen()
if os.fork() == 0:
    os.setsid()
    for fd in range(3):
        os.close(fd)
    left.settimeout(20)
    try:
        left.accept()
    finally:
        os._exit(0)
print("planted")
"""

FIND = """
import os, socket
name = {name!r}
found = [place for place in ("/tmp/", "/dev/shm/") if os.path.exists(place + name)]
try:
    socket.socket(socket.AF_UNIX).connect("\\0" + name)
    found.append("socket")
except OSError:
    pass
print("found", *found)
"""

# A connection that was ended from this side: its port is taken for a minute.
LEAVE_PORT = """
import socket
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", {port}))
listener.listen()
client = socket.create_connection(("127.0.0.1", {port}))
server, _ = listener.accept()
server.close()
client.recv(1)
client.close()
print("planted")
"""

TAKE_PORT = """
import socket
try:
    socket.socket().bind(("127.0.0.1", {port}))
    print("free")
except OSError as error:
    print("found", error.errno)
"""


class OneAfterTheOther(unittest.TestCase):
    """S76, S115: the same slot, so the same ids."""

    @classmethod
    def setUpClass(cls):
        no_net = ["seccomp", "landlock", "net"]
        cls.instance = Instance({"job": python_command(), "inet": python_command(test_layers_off=["seccomp", "landlock"]),
                                 "shared": python_command(test_layers_off=no_net)}, slots={"count": 1}).__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.instance.stop()

    def say(self, command, script):
        outcome = self.instance.run(command, {"script": script})
        self.assertEqual(outcome.state, "succeeded", outcome)
        return outcome.stdout.decode().strip()

    def test_S76_the_next_job_in_a_slot_finds_nothing(self):
        name = "sallyport-" + secrets.token_hex(6)
        self.assertEqual(self.say("job", PLANT.format(name=name)), "planted")
        self.assertEqual(self.say("job", FIND.format(name=name)), "found")

    def test_S76_without_a_sandbox_the_next_one_finds_all_of_it(self):
        harness.needs_root(self)
        name = "sallyport-" + secrets.token_hex(6)
        planted = bare(PYTHON, "-c", PLANT.format(name=name))
        self.assertEqual(planted.stdout, b"planted\n", planted)
        found = bare(PYTHON, "-c", FIND.format(name=name))    # and ends the process, by its connection
        for place in ("/tmp/", "/dev/shm/"):
            os.unlink(place + name)
        self.assertEqual(found.stdout.split(), [b"found", b"/tmp/", b"/dev/shm/", b"socket"], found)

    def test_S115_a_port_of_the_last_job_is_free(self):
        port = harness.free_port()
        self.assertEqual(self.say("inet", LEAVE_PORT.format(port=port)), "planted")
        self.assertEqual(self.say("inet", TAKE_PORT.format(port=port)), "free")

    def test_S115_in_one_network_the_port_of_the_last_job_is_taken(self):
        port = harness.free_port()
        self.assertEqual(self.say("shared", LEAVE_PORT.format(port=port)), "planted")
        self.assertIn("found", self.say("shared", TAKE_PORT.format(port=port)))


# Uses up what an id may have of processes, says so, and stays until its input ends or ten seconds are over.
HOARD = """
import os, sys, time
children = 0
try:
    while children < {wanted}:
        if os.fork() == 0:
            time.sleep(10)
            os._exit(0)
        children += 1
except OSError:
    pass
print("children", children, flush=True)
time.sleep({seconds})
"""


class SideBySide(unittest.TestCase):
    """S78: the kernel counts processes by id, so jobs with one id would take them from each other."""

    PIDS, WANTED = 32, 20

    def test_S78_a_job_that_has_all_its_processes_takes_none_from_another(self):
        harness.needs_root(self)
        with Instance({"job": python_command(sandbox={"pids": self.PIDS})}, slots={"count": 2}) as instance:
            greedy = instance.submit("job", {"script": HOARD.format(wanted=1000, seconds=8)})
            follower = instance.stream("GET", f"/v1/jobs/{greedy['id']}/output?follow=1")
            for record in follower:
                if record["type"] == "output":
                    break
            outcome = instance.run("job", {"script": HOARD.format(wanted=self.WANTED, seconds=0)})
            self.assertEqual(outcome.stdout.decode(), f"children {self.WANTED}\n")
            self.assertEqual(instance.job(greedy["id"])["state"], "running", "both ran at once")
            follower.close()
            instance.request("POST", f"/v1/jobs/{greedy['id']}/cancel", {})
            instance.wait(greedy["id"])

    def test_S78_with_one_id_it_does(self):
        harness.needs_root(self)
        limited = ["prlimit", f"--nproc={self.PIDS}", "setpriv", f"--reuid={harness.BARE_UID}", f"--regid={harness.BARE_UID}",
                   "--clear-groups", "--", PYTHON, "-c"]
        greedy = subprocess.Popen([*limited, HOARD.format(wanted=1000, seconds=8)], stdout=subprocess.PIPE, start_new_session=True)
        greedy.stdout.readline()
        try:
            done = subprocess.run([*limited, HOARD.format(wanted=self.WANTED, seconds=0)], capture_output=True, check=False, timeout=30,
                                  preexec_fn=os.setsid)
            self.assertNotEqual(done.stdout.decode(), f"children {self.WANTED}\n")
        finally:
            os.killpg(greedy.pid, signal.SIGKILL)
            greedy.communicate()


class Readers(unittest.TestCase):
    """S86, S91: whoever reads the output goes away, or believes what it says."""

    @classmethod
    def setUpClass(cls):
        cls.probes = probe_directory()
        cls.instance = Instance({"lines": probe_command(cls.probes, "lines"), "lie": python_command()}, slots={"count": 1}).__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.instance.stop()

    def test_S86_a_reader_that_goes_away_ends_no_job(self):
        stream = self.instance.stream("POST", "/v1/commands/lines/jobs", {"params": {"args": ["40", "20"]}})
        job = stream.headers["Sallyport-Job"]
        for record in stream:
            if record["type"] == "output":
                break
        stream.close()
        ended = self.instance.wait(job)
        self.assertEqual(ended["state"], "succeeded", ended)
        said = self.instance.request("GET", f"/v1/jobs/{job}/output", headers={"Accept": "application/octet-stream"}).body
        self.assertIn(b"39 ", said)
        self.assertTrue(all(self.instance.part(name).is_alive() for name in ("front", "keeper", "launcher")))

    def test_S86_without_a_service_between_them_it_does(self):
        process = subprocess.Popen([PROBE, "lines", "40", "20"], stdout=subprocess.PIPE)
        process.stdout.readline()
        process.stdout.close()
        self.assertEqual(process.wait(20), -signal.SIGPIPE)

    LIE = "sallyport: job ended: out of memory\n" + json.dumps({"type": "end", "state": "succeeded", "reason": "oom"}) + "\n"

    def test_S91_what_a_job_says_of_itself_is_its_output(self):
        outcome = self.instance.run("lie", {"script": f"import sys; sys.stderr.write({self.LIE!r}); sys.exit(3)"})
        self.assertEqual((outcome.state, outcome.reason, outcome.exit_code), ("failed", "exited", 3), outcome)
        self.assertEqual((outcome.stdout, outcome.stderr), (b"", self.LIE.encode()))
        self.assertTrue(all(record.get("s") == "err" for record in outcome.records if record["type"] == "output"))

    def test_S91_where_both_have_one_channel_the_lie_is_believed(self):
        done = subprocess.run(["sh", "-c", f"printf '%s' '{self.LIE}' >&2; exit 3"], capture_output=True, check=False)
        ends = [json.loads(line) for line in done.stderr.splitlines() if line.startswith(b"{")]
        self.assertEqual([end["reason"] for end in ends], ["oom"])


if __name__ == "__main__":
    unittest.main()
