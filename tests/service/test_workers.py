"""Workers of go-tasky: the sample ones with the configuration that is installed with them, and those that docs/workers.md shows."""

import glob
import http.client
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import unittest

import harness
from harness import BIN, SOURCE, Instance, Response, free_port, make_directory, needed_degrade, wait_until

DONE = "Filed copied successfully."
WORKERS = os.path.join(SOURCE, "packaging", "workers")


def replaced(text, *pairs):
    """Each of them stands there; a sample that changes must not slip past its test."""
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


class WorkersInstance(Instance):
    """With a configuration as it is shipped or shown, but for places, ports and what this host lacks."""

    def __init__(self, text):
        super().__init__({})
        self.port_of_workers = free_port()
        self.text = replaced(text, ("127.0.0.1:8417", f"127.0.0.1:{self.port}"), ("127.0.0.1:8888", f"127.0.0.1:{self.port_of_workers}"))
        added = f"degrade: [{', '.join(needed_degrade())}]"
        if "defaults:\n" in self.text:
            self.text = self.text.replace("defaults:\n", f"defaults:\n  {added}\n")
        else:
            self.text += f"\ndefaults: {{{added}}}\n"
        self.text += harness.yaml_text({"tokens": self.config["tokens"], "slots": {**self.config["slots"], "count": 16}})

    def write_config(self, text=None):
        super().write_config(text or self.text)


class WorkersCase(unittest.TestCase):
    instance = None

    @classmethod
    def start(cls, text):
        cls.instance = WorkersInstance(text)
        cls.instance.__enter__()

    @classmethod
    def make_directory(cls):
        cls.directory = make_directory("workers")
        cls.addClassCleanup(shutil.rmtree, cls.directory, True)

    @classmethod
    def tearDownClass(cls):
        if cls.instance is not None:
            cls.instance.stop()

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.instance.port_of_workers, timeout=30)
        try:
            connection.request(method, "/tasky/v1" + path, body=body)
            response = connection.getresponse()
            return Response(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def create(self, worker, **body):
        answer = self.ask("POST", f"/workers/{worker}", json.dumps(body) if body else "")
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json()["TaskId"]

    def task(self, task_id):
        return self.ask("GET", f"/tasks/{task_id}/status").json()

    def until(self, task_id, *statuses):
        found = wait_until(lambda: (lambda task: task if task["Status"] in statuses else None)(self.task(task_id)), 30)
        self.assertTrue(found, self.task(task_id))
        return found

    def result(self, task_id):
        self.until(task_id, "Completed")
        return self.ask("GET", f"/tasks/{task_id}/result").json()["Output"]

    def sleeping(self):
        """The processes of all tasks that sleep a minute."""
        def command_line(process):
            try:
                with open(f"/proc/{process.pid}/cmdline", "rb") as file:
                    return file.read()
            except OSError:
                return b""
        return [process for process in self.instance.processes() if command_line(process) == b"sleep\x0060\x00"]


class TestSampleWorkers(WorkersCase):
    @classmethod
    def setUpClass(cls):
        if not os.access(os.path.join(BIN, "copyfile"), os.X_OK):
            raise unittest.SkipTest("copyfile is not built")
        if os.geteuid() != 0:
            raise unittest.SkipTest("needs root: copyfile has an account of its own")
        cls.make_directory()
        cls.account = "games"       # Debian's own, without files and without processes
        programs = os.path.join(cls.directory, "sallyport", "workers")
        cls.files, cls.copies = os.path.join(cls.directory, "files"), os.path.join(cls.directory, "copies")
        os.makedirs(programs)
        for directory in (cls.files, cls.copies):
            os.mkdir(directory)
        shutil.chown(cls.copies, cls.account, cls.account)
        for program in (os.path.join(BIN, "copyfile"), *(os.path.join(WORKERS, name) for name in ("checksum", "diskspace", "ifconfig", "sleeper"))):
            shutil.copy(program, programs)
        with open(os.path.join(WORKERS, "workers.yaml.in"), encoding="utf-8") as file:
            text = file.read()
        # Installed they lie below /usr, which a job sees anyhow.
        text = replaced(text, ("@CMAKE_INSTALL_FULL_LIBEXECDIR@", cls.directory), ("/srv/copies", cls.copies),
                        ("user: copier", f"user: {cls.account}"), ("read: [/srv/files]", f"read: [/srv/files, {programs}]"),
                        ("sandbox: {profile: net}", f"sandbox: {{profile: net, read: [{programs}]}}"),
                        ('workers/sleeper"]\n', f'workers/sleeper"]\n    sandbox: {{read: [{programs}]}}\n'), ("/srv/files", cls.files),
                        ("{copyfile: copyfile,", "{copyfile: copyfile, nap: nap, ifconfig-host: ifconfig-host,"),
                        ('["run:copyfile",', '["run:*",'))
        text = text.rstrip() + f"""
  nap:
    exec: [{programs}/sleeper, "0.1"]
    sandbox: {{read: [{programs}]}}
  ifconfig-host:
    exec: [{programs}/ifconfig]
    sandbox: {{profile: net, network: host, read: [{programs}]}}
"""
        cls.start(text)

    def write(self, name, content, **more):
        path = os.path.join(self.files, name)
        with open(path, "wb") as file:
            file.write(content)
        os.chmod(path, more.get("mode", 0o644))
        return path

    def copy(self, source, destination):
        return self.create("copyfile", source=source, destination=destination)

    def refused(self, source, destination):
        """Why a copy failed, which left nothing behind."""
        before = sorted(os.listdir(self.copies))
        task_id = self.copy(source, destination)
        task = self.until(task_id, "Failed", "Completed")
        self.assertEqual(task["Status"], "Failed", (source, destination))
        self.assertEqual(sorted(os.listdir(self.copies)), before)
        self.assertEqual(self.ask("GET", f"/tasks/{task_id}/result").body, b"")
        return task["Error"].partition("exited with status 1: copyfile: ")[2]

    def test_workers_are_listed_as_their_predecessors_were(self):
        listed = {worker["name"]: worker for worker in self.ask("GET", "/workers/").json()}
        self.assertEqual(listed["copyfile"], {
            "name": "copyfile", "description": "CopyFile will copy a file on the server. You must specify the Source and Destination",
            "config_objects": {"source": "", "destination": ""}})
        self.assertEqual(listed["ifconfig"], {
            "name": "ifconfig", "description": "Ifconfig will return networking details from the server. No config is needed for this worker"})
        self.assertEqual(listed["sleeper"], {
            "name": "sleeper", "description": "Sleeps for a minute. This is to showcase long running tasks."})

    def test_a_file_is_copied_and_is_another_file(self):
        source, copy = self.write("a", bytes(range(256)) * 5000, mode=0o754), os.path.join(self.copies, "a-copy")
        self.assertEqual(self.result(self.copy(source, copy)), {"string_output": DONE})
        with open(copy, "rb") as file:
            self.assertEqual(file.read(), bytes(range(256)) * 5000)
        one, other = os.stat(source), os.stat(copy)
        self.assertNotEqual((one.st_dev, one.st_ino), (other.st_dev, other.st_ino))
        self.assertEqual((one.st_nlink, other.st_nlink, stat.S_IMODE(other.st_mode)), (1, 1, 0o754))
        with open(source, "wb") as file:
            file.write(b"later")
        self.assertEqual(os.stat(copy).st_size, 256 * 5000)
        self.assertEqual([name for name in os.listdir(self.copies) if name.startswith(".")], [])

    def test_a_copy_takes_the_place_of_a_regular_file_and_of_an_empty_one(self):
        source, copy = self.write("empty", b""), os.path.join(self.copies, "there")
        with open(copy, "wb") as file:
            file.write(b"before")
        self.assertEqual(self.result(self.copy(source, copy)), {"string_output": DONE})
        self.assertEqual(os.stat(copy).st_size, 0)

    def test_sources_elsewhere_and_what_is_no_file_are_refused_with_the_reason(self):
        outside = os.path.join(self.directory, "secret")
        with open(outside, "wb") as file:
            file.write(b"secret")
        inside = self.write("inside", b"x")
        for name, target in (("link-out", outside), ("link-in", inside), ("link-root", "/"), ("link-up", "..")):
            os.symlink(target, os.path.join(self.files, name))
        os.mkfifo(os.path.join(self.files, "pipe"))
        os.mkdir(os.path.join(self.files, "directory"))
        os.mknod(os.path.join(self.files, "device"), 0o666 | stat.S_IFCHR, os.makedev(1, 5))    # /dev/zero
        for source, why in ((outside, "not below a listed directory"), ("/etc/passwd", "not below a listed directory"),
                            (self.files, "not below a listed directory"), (self.files + "x/a", "not below a listed directory"),
                            (inside + "/../../secret", "a step '.' or '..'"), (self.files + "/../secret", "a step '.' or '..'"),
                            (self.files + "/./inside", "a step '.' or '..'"), (self.files + "/link-out", "a symbolic link"),
                            (self.files + "/link-in", "a symbolic link"), (self.files + "/link-root/etc/passwd", "a symbolic link"),
                            (self.files + "/link-up/secret", "a symbolic link"), (self.files + "/pipe", "no regular file"),
                            (self.files + "/directory", "no regular file"), (self.files + "/device", "(no regular file|Permission denied)"),
                            (self.files + "/nothing", "No such file or directory"), (self.files + "/", "not below a listed directory"),
                            (self.files + "//etc/passwd", "(Invalid cross-device link|No such file or directory)")):
            with self.subTest(source=source):
                self.assertRegex(self.refused(source, os.path.join(self.copies, "refused")), why)

    def test_a_file_that_its_account_may_not_read_is_refused(self):
        self.assertIn("Permission denied", self.refused(self.write("private", b"x", mode=0o600), os.path.join(self.copies, "refused")))

    def test_destinations_elsewhere_and_places_that_are_taken_are_refused_with_the_reason(self):
        source = self.write("source", b"x")
        outside = os.path.join(self.directory, "victim")
        with open(outside, "wb") as file:
            file.write(b"untouched")
        os.chmod(outside, 0o666)
        for name, target in (("to-file", outside), ("to-directory", self.directory), ("to-nothing", self.directory + "/new")):
            os.symlink(target, os.path.join(self.copies, name))
        os.mkfifo(os.path.join(self.copies, "pipe"))
        os.mkdir(os.path.join(self.copies, "directory"))
        for destination, why in ((outside, "not below a listed directory"), (self.files + "/new", "not below a listed directory"),
                                 ("/tmp/new", "not below a listed directory"), (self.copies + "/../victim", "a step '.' or '..'"),
                                 (self.copies + "/to-file", "there, and is no regular file"),
                                 (self.copies + "/to-nothing", "there, and is no regular file"),
                                 (self.copies + "/to-directory/new", "a symbolic link"), (self.copies + "/pipe", "there, and is no regular file"),
                                 (self.copies + "/directory", "there, and is no regular file"), (self.copies + "/directory/", "no name for a file"),
                                 (self.copies + "/none/new", "No such file or directory")):
            with self.subTest(destination=destination):
                self.assertRegex(self.refused(source, destination), why)
        self.assertFalse(os.path.exists(self.directory + "/new"))
        with open(outside, "rb") as file:
            self.assertEqual(file.read(), b"untouched")

    def test_bodies_that_are_none_for_copyfile_start_nothing(self):
        before = len(self.ask("GET", "/tasks/").json()["Tasks"] or [])
        for body in ("", "{}", '{"source": "/a"}', '{"source": "a", "destination": "b"}', '{"source": "-x", "destination": "/b"}',
                     '{"source": "/a", "destination": "/b", "link": true}', '{"source": "/a\\u0000b", "destination": "/b"}'):
            with self.subTest(body=body):
                self.assertIn(self.ask("POST", "/workers/copyfile", body).status, (400, 422))
        self.assertEqual(len(self.ask("GET", "/tasks/").json()["Tasks"] or []), before)

    def test_a_copy_that_is_cancelled_leaves_nothing(self):
        """The program alone: it is told while the copy is there, and not whole."""
        source = self.write("endless", b"")
        os.truncate(source, 1 << 40)
        self.addCleanup(os.remove, source)
        place = os.path.join(self.directory, "cancelled")
        os.mkdir(place)
        copying = subprocess.Popen([os.path.join(BIN, "copyfile"), f"--from={self.files}", f"--to={place}", source, place + "/copy"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertTrue(wait_until(lambda: glob.glob(place + "/.copyfile-*"), 20, 0.001))
        copying.send_signal(signal.SIGTERM)
        said = copying.communicate(timeout=60)
        self.assertEqual((copying.returncode, *said), (1, "", "copyfile: cancelled; there is no copy\n"))
        self.assertEqual(os.listdir(place), [])

    def test_ifconfig_tells_the_interfaces_of_its_own_network(self):
        task_id = self.create("ifconfig")
        told = self.result(task_id)["Interfaces"]
        self.assertEqual(told[0], {"interface_name": "lo", "ip_network": "127.0.0.1/8", "mac_address": ""})
        self.assertEqual({row["interface_name"] for row in told}, {"lo"})
        self.assertTrue(self.ask("GET", f"/tasks/{task_id}/result").body.startswith(
            b'{"Output":{"Interfaces":[{"interface_name":"lo","ip_network":"127.0.0.1/8","mac_address":""}'))

    def test_with_the_hosts_network_ifconfig_tells_the_hosts_interfaces(self):
        told = self.result(self.create("ifconfig-host"))["Interfaces"]
        expected = {}
        for name in os.listdir("/sys/class/net"):
            if os.path.isdir(f"/sys/class/net/{name}"):
                with open(f"/sys/class/net/{name}/address", encoding="ascii") as file:
                    expected[name] = file.read().strip().replace("00:00:00:00:00:00", "")
        self.assertEqual({row["interface_name"]: row["mac_address"] for row in told}, expected)
        self.assertIn(("lo", "127.0.0.1/8"), [(row["interface_name"], row["ip_network"]) for row in told])

    def test_a_sleeper_says_so_when_it_is_done(self):
        self.assertEqual(self.result(self.create("nap")), {"string_output": "Done sleeping."})

    def test_ten_tasks_of_a_worker_run_at_once_and_a_cancel_kills_what_one_runs(self):
        tasks = [self.create("sleeper") for _ in range(11)]
        for task_id in tasks[:10]:
            self.until(task_id, "Running")
        self.assertTrue(wait_until(lambda: len(self.sleeping()) == 10, 20))
        self.assertEqual(self.task(tasks[10])["Status"], "Started")
        before = self.sleeping()
        self.assertEqual(self.ask("POST", f"/tasks/{tasks[0]}/cancel").status, 200)
        self.until(tasks[0], "Canceled")
        self.until(tasks[10], "Running")
        self.assertEqual(len([process for process in before if process.is_alive()]), 9)
        self.assertTrue(wait_until(lambda: len(self.sleeping()) == 10, 20))
        before = self.sleeping()
        for task_id in tasks[1:]:
            self.ask("POST", f"/tasks/{task_id}/cancel")
        for task_id in tasks[1:]:
            self.until(task_id, "Canceled")
        self.assertEqual([process for process in before if process.is_alive()], [])

    def test_a_checksum_is_that_of_the_file(self):
        path = self.write("summed", b"abc")
        os.symlink("summed", os.path.join(self.files, "link-to-summed"))
        self.assertEqual(self.result(self.create("checksum", file=path)), {
            "algorithm": "sha256", "bytes": 3, "file": path, "digest": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"})
        self.assertEqual(self.result(self.create("checksum", file=path, algorithm="md5"))["digest"], "900150983cd24fb0d6963f7d28e17f72")
        for wrong, why in (("/etc/passwd", "not below a listed directory"), (self.files + "/../secret", "shortest form"),
                           (self.files + "/link-to-summed", "symbolic links"), (self.files + "/none", "No such file")):
            with self.subTest(file=wrong):
                self.assertIn(why, self.until(self.create("checksum", file=wrong), "Failed")["Error"])

    def test_disk_space_is_that_of_the_listed_directory(self):
        told, = self.result(self.create("diskspace"))["FileSystems"]
        space = os.statvfs(self.files)
        self.assertEqual((told["directory"], told["bytes"]), (self.files, space.f_blocks * space.f_frsize))
        self.assertLessEqual(told["bytes_free"], told["bytes"])


def document():
    with open(os.path.join(SOURCE, "docs", "workers.md"), encoding="utf-8") as file:
        return file.read()


def block(kind):
    """The one block of the document that is written in this language."""
    found = re.findall(rf"^```{kind}\n(.*?)^```$", document(), re.MULTILINE | re.DOTALL)
    assert len(found) == 1, kind
    return found[0]


class TestWorkersDocument(WorkersCase):
    """The workers that docs/workers.md shows, built and configured as it says."""

    @classmethod
    def setUpClass(cls):
        if not os.access(os.path.join(BIN, "sallyportd"), os.X_OK):
            raise unittest.SkipTest("sallyportd is not built")
        cls.make_directory()
        with open(os.path.join(cls.directory, "wordcount.c"), "w", encoding="utf-8") as file:
            file.write(block("c"))
        compiles, = re.findall(r"^    (cc .*)$", document(), re.MULTILINE)
        cls.compiled = subprocess.run(["/bin/sh", "-c", replaced(compiles, ("/opt/workers", cls.directory))], cwd=cls.directory,
                                      capture_output=True, text=True, check=False)
        for kind, name in (("python", "wordcount.py"), ("sh", "wordcount.sh")):
            path = os.path.join(cls.directory, name)
            with open(path, "w", encoding="utf-8") as file:
                file.write(block(kind))
            os.chmod(path, 0o755)
        cls.start(replaced(block("yaml"), ("/opt/workers", cls.directory)))

    def test_the_worker_in_c_compiles_without_a_warning(self):
        self.assertEqual((self.compiled.returncode, self.compiled.stdout, self.compiled.stderr), (0, "", ""))

    def test_the_examples_say_what_the_document_says(self):
        examples = re.findall(r"^    \$ (.*)\n((?:    (?!\$ ).*\n)*)", document(), re.MULTILINE)
        self.assertEqual(len(examples), 8)
        task_id = ""
        for command, said in examples:
            if task_id:
                self.until(task_id, "Completed", "Failed")
            done = subprocess.run(["/bin/bash", "-c", command], capture_output=True, text=True, timeout=60, check=False,
                                  env={"PATH": "/usr/bin:/bin", "U": f"http://127.0.0.1:{self.instance.port_of_workers}", "ID": task_id})
            if "/workers/" in command:
                task_id = json.loads(done.stdout)["TaskId"]
            self.assertEqual(done.stdout, re.sub("^    ", "", said, flags=re.MULTILINE).replace("<ID>", task_id), (command, done.stderr))

    def test_a_text_that_looks_like_an_option_is_a_text(self):
        self.assertEqual(self.result(self.create("wordcount-py", text="--help me"))["words"], 2)

    def test_a_body_that_is_empty_is_a_failure_with_its_reason(self):
        self.assertEqual(self.until(self.create("wordcount"), "Failed")["Error"], "exited with status 1: wordcount: there is no text")


if __name__ == "__main__":
    unittest.main()
