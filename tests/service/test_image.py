"""Roots that are images: from a registry or a layout into the store, and from the store to a job."""

import contextlib
import ctypes
import json
import os
import pathlib
import pwd
import shutil
import subprocess
import tarfile
import unittest

import harness
from harness import Instance, ordinary_user
from images import BUSYBOX, Registry, Store, busybox_layout, entry, layer, layout_by_hand, sha256

CONFIG = ("--config.entrypoint", "/bin/echo", "--config.cmd", "from the image", "--config.env", "IMAGE_SAYS=hi",
          "--config.env", "PATH=/bin", "--config.env", "LD_PRELOAD=/evil.so", "--config.workingdir", "/app",
          "--config.user", "4711")


class ImageTest(unittest.TestCase):
    """A good image, made once, and a store for each test."""

    @classmethod
    def setUpClass(cls):
        cls.place = harness.make_directory("images")
        cls.addClassCleanup(shutil.rmtree, cls.place, True)
        cls.layout, cls.digest = busybox_layout(cls.place, config=CONFIG)
        cls.name = f"example/tool@sha256:{cls.digest}"

    def setUp(self):
        self.directory = harness.make_directory("image")
        self.addCleanup(shutil.rmtree, self.directory, True)
        self.store = Store(os.path.join(self.directory, "store"))

    def pulled(self):
        done = self.store.pull(self.name, self.layout)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)


class Pull(ImageTest):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.registry = Registry(cls.place)
        cls.addClassCleanup(cls.registry.stop)
        cls.registry.push(cls.layout, "team/tool")
        cls.remote = f"{cls.registry.host}/team/tool@sha256:{cls.digest}"

    def test_by_digest_from_a_registry(self):
        done = self.store.pull(self.remote)
        self.assertEqual((done.returncode, done.stdout.strip()), (0, self.remote), done.stderr)
        self.assertEqual(self.store.names(), ["sha256-" + self.digest])
        self.assertEqual(self.store.image("ls").stdout.strip(), self.remote)
        self.assertEqual(self.store.image("verify").stdout.strip(), self.remote + ": fine")
        with open(os.path.join(self.store.rootfs(self.digest), "app/data"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "data\n")
        self.assertEqual(os.stat(self.store.path).st_mode & 0o777, 0o700)

    def test_a_layout_and_a_registry_give_the_same_tree(self):
        other = Store(os.path.join(self.directory, "other"))
        self.assertEqual(self.store.pull(self.remote).returncode, 0)
        self.assertEqual(other.pull(self.name, self.layout).returncode, 0)
        trees = [pathlib.Path(store.path, "sha256-" + self.digest, "tree").read_text(encoding="utf-8") for store in (self.store, other)]
        self.assertEqual(*trees)

    def test_of_a_digest_that_the_registry_does_not_have_leaves_nothing(self):
        done = self.store.pull(f"{self.registry.host}/team/tool@sha256:{'0' * 64}")
        self.assertEqual((done.returncode, self.store.names()), (125, []), done.stderr)
        self.assertIn("fetch the image", done.stderr)

    def test_of_a_layer_that_the_registry_changed_is_refused(self):
        place = os.path.join(self.directory, "changed")
        os.mkdir(place)
        layout, digest = busybox_layout(place, config=("--config.env", "CHANGED=1"))
        self.registry.push(layout, "team/changed")
        with open(os.path.join(layout, "blobs", "sha256", digest), encoding="utf-8") as file:
            path = self.registry.blob_path(json.load(file)["layers"][0]["digest"].removeprefix("sha256:"))
        with open(path, "rb") as file:
            data = bytearray(file.read())
        data[len(data) // 2] ^= 1
        with open(path, "wb") as file:
            file.write(data)
        try:
            done = self.store.pull(f"{self.registry.host}/team/changed@sha256:{digest}")
        finally:
            data[len(data) // 2] ^= 1
            with open(path, "wb") as file:
                file.write(data)
        self.assertEqual((done.returncode, self.store.names()), (125, []), done.stderr)
        self.assertEqual(self.store.pull(f"{self.registry.host}/team/changed@sha256:{digest}").returncode, 0)

    def test_needs_a_digest_and_says_how_to_find_it(self):
        for name, said in ((f"{self.registry.host}/team/tool:1", "skopeo inspect"), ("tool", "skopeo inspect"),
                           (f"tool:1@sha256:{self.digest}", "leave the tag out"), ("tool@sha256:12", "64"),
                           (f"-evil@sha256:{self.digest}", "no name of an image"),
                           (f"a b@sha256:{self.digest}", "no name of an image")):
            with self.subTest(name):
                done = self.store.image("pull", "--store", self.store.path, "--", name, where=False)
                self.assertEqual(done.returncode, 125)
                self.assertIn(said, done.stderr)

    def test_by_an_ordinary_user(self):
        user = ordinary_user()
        directory = harness.make_directory("image", user)
        self.addCleanup(shutil.rmtree, directory, True)
        store = Store(os.path.join(directory, "store"), user)
        done = store.pull(self.remote)
        self.assertEqual((done.returncode, done.stdout.strip()), (0, self.remote), done.stderr)
        self.assertEqual(store.image("verify").stdout.strip(), self.remote + ": fine")

    def test_twice_is_no_fault(self):
        self.pulled()
        self.pulled()

    def test_into_a_store_that_others_can_change_is_refused(self):
        os.mkdir(self.store.path)
        os.chmod(self.store.path, 0o777)
        done = self.store.pull(self.name, self.layout)
        self.assertEqual(done.returncode, 125)
        self.assertIn("can be changed by others", done.stderr)


HOSTILE = {
    "a step up": ([entry("app/../../evil")], "has a step '..'"),
    "an absolute name": ([entry("/etc/evil")], "has an absolute name"),
    "a device": ([entry("zero", tarfile.CHRTYPE, devmajor=1, devminor=5)], "is a device, pipe or socket"),
    "a block device": ([entry("sda", tarfile.BLKTYPE, devmajor=8)], "is a device, pipe or socket"),
    "a pipe": ([entry("pipe", tarfile.FIFOTYPE)], "is a device, pipe or socket"),
    "a newline": ([entry("a\nb")], "has a control character"),
    "no UTF-8": ([entry("a\udcff")], "or is no UTF-8"),
    "through a link": ([entry("out", tarfile.SYMTYPE, link="/etc"), entry("out/evil", data=b"x")], "through a link"),
    "through a link upwards": ([entry("out", tarfile.SYMTYPE, link=".."), entry("out/evil", data=b"x")], "through a link"),
    "a link to a file outside": ([entry("passwd", tarfile.LNKTYPE, link="/etc/passwd")], "has an absolute name"),
    "a link upwards": ([entry("passwd", tarfile.LNKTYPE, link="../etc/passwd")], "has a step '..'"),
    "a link through a link": ([entry("out", tarfile.SYMTYPE, link="/etc"),
                               entry("passwd", tarfile.LNKTYPE, link="out/passwd")], "through a link"),
    "a link to a link": ([entry("out", tarfile.SYMTYPE, link="/etc/passwd"),
                          entry("passwd", tarfile.LNKTYPE, link="out")], "is no file"),
    "a mark of nothing": ([entry("app/.wh.")], "means nothing"),
    "a mark of '..'": ([entry("app/.wh...")], "means nothing"),
    "below a mark": ([entry(".wh.app/x")], "below a mark"),
    "a name that is too long": ([entry("x" * 300)], "too long a name"),
    "too deep": ([entry("d/" * 70 + "x")], "too deep"),
    "a mark through a link": ([entry("out", tarfile.SYMTYPE, link="/etc")], None),
}


class Entries(ImageTest):

    def pull_layers(self, *layers, **more):
        layout, digest = layout_by_hand(os.path.join(self.directory, f"layout-{len(os.listdir(self.directory))}"), layers, **more)
        return self.store.pull(f"example/hand@sha256:{digest}", layout), digest

    def test_that_are_hostile_refuse_the_whole_image(self):
        for what, (entries, said) in HOSTILE.items():
            if said is None:
                continue
            with self.subTest(what):
                done, _ = self.pull_layers(layer(entry("fine", data=b"fine"), *entries))
                self.assertEqual((done.returncode, self.store.names()), (125, []), done.stderr)
                self.assertIn(said, done.stderr)

    def test_that_remove_through_a_link_refuse_the_image(self):
        outside = os.path.join(self.directory, "outside")
        os.mkdir(outside)
        with open(os.path.join(outside, "file"), "w", encoding="utf-8"):
            pass
        for mark in ("out/.wh.file", "out/.wh..wh..opq"):
            with self.subTest(mark):
                done, _ = self.pull_layers(layer(entry("out", tarfile.SYMTYPE, link=outside)), layer(entry(mark)))
                self.assertEqual((done.returncode, self.store.names()), (125, []), done.stderr)
                self.assertEqual(os.listdir(outside), ["file"])

    def test_lose_set_id_bits_and_the_rights_of_others_to_write(self):
        done, digest = self.pull_layers(layer(entry("suid", data=b"x", mode=0o6777, uid=4711), entry("d", tarfile.DIRTYPE, mode=0o1777),
                                              entry("closed", tarfile.DIRTYPE, mode=0), entry("closed/file", data=b"x", mode=0)))
        self.assertEqual(done.returncode, 0, done.stderr)
        modes = {path: os.lstat(os.path.join(self.store.rootfs(digest), path)) for path in ("suid", "d", "closed", "closed/file")}
        self.assertEqual({path: oct(st.st_mode & 0o7777) for path, st in modes.items()},
                         {"suid": "0o755", "d": "0o755", "closed": "0o700", "closed/file": "0o400"})
        self.assertEqual({st.st_uid for st in modes.values()}, {os.geteuid()})

    def test_of_marks_remove_what_older_layers_brought_and_nothing_else(self):
        below = layer(entry("d/a", data=b"a"), entry("d/b", data=b"b"), entry("e/c", data=b"c"), entry("e/f/g", data=b"g"),
                      entry("gone", data=b"x"))
        # The opaque mark comes last, and does not take what its own layer brings.
        above = layer(entry("d/.wh.a"), entry("e/new", data=b"new"), entry("e/.wh..wh..opq"), entry(".wh.gone"), entry(".wh.never"))
        done, digest = self.pull_layers(below, above)
        self.assertEqual(done.returncode, 0, done.stderr)
        root = self.store.rootfs(digest)
        found = sorted(os.path.relpath(os.path.join(at, name), root) for at, _, files in os.walk(root) for name in files)
        self.assertEqual(found, ["d/b", "e/new", "etc/hosts", "etc/resolv.conf"])

    def test_of_dev_and_proc_are_left_out_and_places_of_jobs_are_directories(self):
        done, digest = self.pull_layers(layer(entry("dev/zero", tarfile.CHRTYPE, devmajor=1, devminor=5), entry("proc/x", data=b"x"),
                                              entry("tmp", tarfile.SYMTYPE, link="/etc"), entry("run", tarfile.SYMTYPE, link="/etc")))
        self.assertEqual(done.returncode, 0, done.stderr)
        root = self.store.rootfs(digest)
        self.assertEqual([os.listdir(os.path.join(root, name)) for name in ("dev", "proc", "tmp")], [[], [], []])
        self.assertFalse(any(os.path.islink(os.path.join(root, name)) for name in ("tmp", "run")))

    def test_are_not_looked_at_before_the_digests_are_right(self):
        good = layer(entry("fine", data=b"fine"))
        self.assertIn("unpacks to sha256:", self.pull_layers(good, diffs=["sha256:" + "0" * 64])[0].stderr)
        layout, digest = layout_by_hand(os.path.join(self.directory, "tampered"), [good])
        blobs = os.path.join(layout, "blobs", "sha256")
        with open(os.path.join(blobs, digest), encoding="utf-8") as file:
            name = json.load(file)["layers"][0]["digest"].removeprefix("sha256:")
        with open(os.path.join(blobs, name), "r+b") as file:
            file.seek(-1, os.SEEK_END)
            file.write(b"!")
        done = self.store.pull(f"example/hand@sha256:{digest}", layout)
        self.assertIn("layer 1 is not what was asked for", done.stderr)
        self.assertEqual(self.store.names(), [])

    def test_are_unpacked_by_a_process_that_has_nothing(self):
        """Looked at while it works: its layer takes a while."""
        harness.needs_root(self)
        layout, digest = layout_by_hand(os.path.join(self.directory, "large"), [layer(entry("zeros", data=bytes(96 << 20)))])
        pulling = subprocess.Popen([os.path.join(harness.BIN, "sallyport"), "image", "pull", "--store", self.store.path, "--layout", layout,
                                    f"example/large@sha256:{digest}"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.addCleanup(pulling.wait)
        found = {}

        def look():
            for process in harness.process_tree(pulling.pid):
                with contextlib.suppress(OSError):
                    status = pathlib.Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
                    said = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
                    if said["Seccomp"] == "2":
                        spaces = {kind: os.readlink(f"/proc/{process.pid}/ns/{kind}") for kind in ("mnt", "net", "pid", "ipc", "uts")}
                        found.update(said, spaces=spaces, root=os.listdir(f"/proc/{process.pid}/root/"))
            return bool(found) or pulling.poll() is not None
        harness.wait_until(look, 60, 0.005)
        self.assertEqual(pulling.wait(120), 0)
        self.assertTrue(found, "it was never seen at work")
        self.assertNotIn("0", found["Uid"].split() + found["Gid"].split() + found["Groups"].split())
        self.assertEqual({found[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb")}, {"0" * 16})
        self.assertEqual(found["NoNewPrivs"], "1")
        self.assertEqual(sorted(found["root"]), ["rootfs", "settings"])
        for kind, space in found["spaces"].items():
            self.assertNotEqual(space, os.readlink(f"/proc/self/ns/{kind}"), kind)

    def test_a_manifest_with_another_digest_is_refused(self):
        layout, digest = layout_by_hand(os.path.join(self.directory, "swapped"), [layer(entry("fine"))])
        blobs = os.path.join(layout, "blobs", "sha256")
        os.rename(os.path.join(blobs, digest), os.path.join(blobs, "1" * 64))
        done = self.store.pull(f"example/hand@sha256:{'1' * 64}", layout)
        self.assertIn("the manifest is not what was asked for", done.stderr)

    def test_manifests_that_mean_something_else_are_refused(self):
        good = layer(entry("fine"))
        elsewhere = {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": "sha256:" + sha256(good), "size": len(good),
                     "urls": ["http://127.0.0.1:1/"]}
        for what, more, said in (
                ("an index", {"manifest": {"manifests": []}}, "index of several platforms"),
                ("a layer elsewhere", {"manifest": {"layers": [elsewhere]}}, "lies elsewhere"),
                ("no layers", {"manifest": {"layers": []}}, "0 layers"),
                ("another version", {"manifest": {"schemaVersion": 1}}, "no manifest"),
                ("another machine", {"config": {"architecture": "s390x"}}, "not for linux/"),
                ("another system", {"config": {"os": "windows"}}, "not for linux/"),
                ("texts that are none", {"config": {"config": {"Env": [1]}}}, "no list of texts")):
            with self.subTest(what):
                self.assertIn(said, self.pull_layers(good, **more)[0].stderr)


class Keeping(ImageTest):

    def instance(self, commands):
        instance = Instance(commands)
        instance.config["images"] = {"dir": self.store.path}
        return instance

    def test_verify_finds_a_changed_file_a_new_one_and_a_changed_mode(self):
        self.pulled()
        self.assertEqual(self.store.image("verify").returncode, 0)
        data = os.path.join(self.store.rootfs(self.digest), "app/data")
        new = os.path.join(self.store.rootfs(self.digest), "app/new")
        for do, undo in ((lambda: pathlib.Path(data).write_text("dbta\n"), lambda: pathlib.Path(data).write_text("data\n")),
                         (lambda: shutil.copy(data, new), lambda: os.remove(new)),
                         (lambda: os.chmod(data, 0o755), lambda: os.chmod(data, 0o644)),
                         (lambda: os.chmod(data, 0o666), lambda: os.chmod(data, 0o644))):
            do()
            done = self.store.image("verify")
            self.assertEqual(done.returncode, 125, done)
            self.assertIn(self.digest, done.stderr)
            undo()
            self.assertEqual(self.store.image("verify").returncode, 0)

    def test_gc_keeps_what_the_configuration_names_and_what_a_service_holds(self):
        self.pulled()
        layout, other = busybox_layout(self.directory, "other")
        self.assertEqual(self.store.pull(f"example/other@sha256:{other}", layout).returncode, 0)
        os.mkdir(os.path.join(self.store.path, ".pull-abcdef"))
        with self.instance({"in": {"image": self.name}}) as instance:
            instance.config["commands"]["other"] = {"image": f"example/other@sha256:{other}", "exec": ["/bin/cat", "/app/which"]}
            instance.reload()
            self.assertTrue(harness.wait_until(lambda: instance.request("GET", "/v1/commands/other").status == 200, 20))
            self.assertEqual(instance.run("other").stdout, b"other\n")
            del instance.config["commands"]["other"]
            instance.write_config()
            done = self.store.image("gc", "-c", instance.config_path, where=False)
            self.assertEqual(done.returncode, 0, done)
            self.assertIn("still has it", done.stderr)
            self.assertEqual(self.store.names(), sorted("sha256-" + digest for digest in (self.digest, other)))
            shutil.copy(instance.config_path, os.path.join(self.directory, "kept.yaml"))
        config = os.path.join(self.directory, "kept.yaml")
        done = self.store.image("gc", "-c", config, where=False)
        self.assertEqual((done.returncode, done.stdout.strip()), (0, f"example/other@sha256:{other}: removed"), done.stderr)
        self.assertEqual(self.store.names(), ["sha256-" + self.digest])

    def test_a_command_without_its_image_says_what_to_run(self):
        with self.instance({"in": {"image": self.name}, "with": {"image": self.name, "exec": ["/bin/id"]},
                       "host": {"exec": ["/usr/bin/echo", "host"]}}) as instance:
            self.assertEqual(instance.run("host").stdout, b"host\n")
            for command in ("in", "with"):
                job = instance.run(command).job
                self.assertEqual((job["state"], job["end"]["reason"]), ("launch_failed", "launch_failed"))
                self.assertIn(f"sallyport image pull {self.name}", json.dumps(job["end"]))
            said = instance.cli("doctor", "--config", instance.config_path, text=True)
            self.assertIn(f"sallyport image pull {self.name}", said.stdout)
            self.pulled()
            done = instance.cli("config", "reload", text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(instance.run("in").stdout, b"from the image\n")
            self.assertNotIn("image pull", instance.cli("doctor", "--config", instance.config_path, text=True).stdout)


SHELL = ["/bin/sh", "-c", "{script}"]


class Jobs(ImageTest):

    user = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.choose_user()
        cls.shared = harness.make_directory("image-store", cls.user)
        cls.addClassCleanup(shutil.rmtree, cls.shared, True)
        cls.kept = Store(os.path.join(cls.shared, "store"), cls.user)
        done = cls.kept.pull(cls.name, cls.layout)
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        script = {"script": {"type": "string", "max_length": 4000, "allow_dash": True, "required": True}}
        cls.instance = cls.make_instance({
            "entry": {"image": cls.name},
            "shell": {"image": cls.name, "exec": SHELL, "params": script},
            "own": {"image": cls.name, "exec": SHELL, "params": script, "workdir": "/var", "env": {"IMAGE_SAYS": "mine"}},
            "host": {"exec": ["/usr/bin/cat", "/proc/self/mountinfo"]},
            "nothing": {"image": cls.name, "exec": ["/usr/bin/python3"]},
        })
        cls.instance.config["images"] = {"dir": cls.kept.path}
        cls.instance.__enter__()
        cls.addClassCleanup(cls.instance.stop)

    @classmethod
    def choose_user(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("needs root")

    @classmethod
    def make_instance(cls, commands):
        return Instance(commands, user=cls.user)

    def shell(self, script, command="shell"):
        return self.instance.run(command, {"script": script})

    def test_run_the_entrypoint_where_the_image_says(self):
        outcome = self.instance.run("entry")
        self.assertEqual((outcome.stdout, outcome.job["state"]), (b"from the image\n", "succeeded"), outcome)
        self.assertEqual(self.shell("pwd").stdout, b"/app\n")
        self.assertEqual(self.shell("pwd", "own").stdout, b"/var\n")

    def test_have_the_images_variables_below_their_own_and_none_that_loaders_obey(self):
        said = dict(line.split("=", 1) for line in self.shell("env").stdout.decode().splitlines())
        self.assertEqual((said["IMAGE_SAYS"], said["PATH"], said["HOME"]), ("hi", "/bin", "/tmp"))
        self.assertNotIn("LD_PRELOAD", said)
        self.assertIn(b"IMAGE_SAYS=mine\n", self.shell("env", "own").stdout)

    def test_see_the_image_and_nothing_of_the_host(self):
        outcome = self.shell("ls /; cat /hello; ls /dev; test -e /usr || echo no usr")
        self.assertEqual(outcome.stderr, b"", outcome)
        lines = outcome.stdout.decode().splitlines()
        self.assertEqual(lines[:9], ["app", "bin", "dev", "etc", "hello", "proc", "run", "tmp", "var"])
        self.assertIn("hello", lines[9:])
        self.assertIn("null", lines[9:])
        self.assertEqual(lines[-1], "no usr")
        self.assertIn("image", json.dumps(self.instance.run("nothing").job["end"]).replace("job's root", "image"))

    def test_are_nobodys_user_but_the_slots_own(self):
        self.assertIn(b"uid=1000", self.shell("id").stdout)

    def is_read_only(self):
        """A rootless instance with a range of ids: only the host's root may show files under another owner."""
        with open(f"/proc/{self.instance.processes()[0].pid}/uid_map", encoding="utf-8") as file:
            return self.user is not None and len(file.readlines()) > 1

    def test_cannot_change_the_image_and_what_they_write_is_gone_with_them(self):
        if self.is_read_only():
            outcome = self.shell("echo changed >/app/data; rm /var/data/old; mkdir /var/dir; echo x >/tmp/x && cat /tmp/x /app/data")
            self.assertEqual((outcome.stdout, outcome.job["state"]), (b"x\ndata\n", "succeeded"), outcome.stderr)
            self.assertEqual(outcome.stderr.count(b"Read-only file system"), 3, outcome.stderr)
            self.assertEqual(self.kept.image("verify").returncode, 0)
            return
        outcome = self.shell("set -e; echo changed >/app/data; echo new >/app/new; rm /var/data/old; mkdir /var/dir; chmod 600 /app/which;"
                             "cat /app/data /app/new; ls /var/data")
        self.assertEqual((outcome.stdout, outcome.job["state"]), (b"changed\nnew\n", "succeeded"), outcome.stderr)
        outcome = self.shell("cat /app/data; ls /app /var /var/data; stat -c %a /app/which")
        self.assertEqual(outcome.stdout.decode().split(), ["data", "/app:", "data", "which", "/var:", "data", "/var/data:", "old", "644"])
        self.assertEqual(self.kept.image("verify").returncode, 0)

    def test_that_run_beside_each_other_share_nothing(self):
        first = self.instance.submit("shell", {"script": "echo mine >/app/data; echo there >/app/first; sleep 20"})
        self.assertTrue(harness.wait_until(lambda: self.instance.job(first["id"])["state"] == "running", 20))
        outcome = self.shell("cat /app/data; ls /app")
        self.assertEqual(outcome.stdout.decode().split(), ["data", "data", "which"])
        self.instance.request("POST", f"/v1/jobs/{first['id']}/cancel", {})
        self.instance.wait(first["id"])

    def test_have_a_root_of_bounded_size(self):
        outcome = self.shell("dd if=/dev/zero of=/var/large bs=1M count=2000 2>&1; echo $?")
        self.assertNotEqual(outcome.stdout.decode().splitlines()[-1:], ["0"], outcome)

    def test_cannot_write_to_proc_or_the_root_itself_or_run_what_is_in_tmp(self):
        outcome = self.shell("echo 500 >/proc/self/oom_score_adj; echo x >/new; mkdir /dir; echo x >/dev/new;"
                             "cp /bin/busybox /tmp/busybox; /tmp/busybox id; mount -t tmpfs none /app; ls /")
        self.assertEqual(outcome.stdout.decode().split(), ["app", "bin", "dev", "etc", "hello", "proc", "run", "tmp", "var"], outcome.stderr)

    def test_cannot_see_the_store_or_the_layers_below_their_root(self):
        outcome = self.shell("cat /proc/self/mountinfo; ls -a /")
        for path in (b".sallyport-image", b".sallyport-upper"):
            self.assertNotIn(path, b"\n".join(line for line in outcome.stdout.splitlines() if b" - overlay " not in line))

    def test_files_of_the_image_are_shown_to_no_command_of_the_host(self):
        self.assertNotIn(b"overlay", self.instance.run("host").stdout)


class JobsOfAnOrdinaryUser(Jobs):
    """One id for everybody: what the user pulled is the job's, too, and as little can be changed."""

    @classmethod
    def choose_user(cls):
        cls.user = ordinary_user()


RANGE = 700_000


class JobsOfAnOrdinaryUserWithIds(JobsOfAnOrdinaryUser):
    """With a range of subordinate ids the image's files belong to nobody whom a slot knows: the root is read-only."""

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0 or shutil.which("newuidmap") is None:
            raise unittest.SkipTest("needs root, to give an account ids in a namespace of its own, and newuidmap")
        super().setUpClass()

    @classmethod
    def make_instance(cls, commands):
        ranges = os.path.join(cls.shared, "ranges")
        with open(ranges, "w", encoding="utf-8") as file:
            file.write(f"{cls.user}:{RANGE}:65536\n")
        os.chmod(ranges, 0o644)
        libc = ctypes.CDLL(None, use_errno=True)

        def show_ranges():
            clone_newns, ms_bind, ms_rec, ms_private = 0x20000, 4096, 16384, 1 << 18
            if (libc.unshare(clone_newns) or libc.mount(None, b"/", None, ms_rec | ms_private, None) or
                    any(libc.mount(ranges.encode(), place, None, ms_bind, None) for place in (b"/etc/subuid", b"/etc/subgid"))):
                raise OSError(ctypes.get_errno(), "show ranges")
        return Instance(commands, user=cls.user, preexec=show_ranges)

    def test_are_shown_a_root_that_is_read_only(self):
        with open(f"/proc/{self.instance.processes()[0].pid}/uid_map", encoding="utf-8") as file:
            self.assertIn(str(RANGE), file.read())
        self.assertTrue(self.is_read_only())


class Around(ImageTest):
    """What else a job has, in a root that is an image."""

    ACCOUNT = "daemon"

    def setUp(self):
        super().setUp()
        harness.needs_root(self)
        self.pulled()

    def start(self, commands):
        instance = Instance({name: {"image": self.name, **command} for name, command in commands.items()})
        instance.config["images"] = {"dir": self.store.path}
        instance.__enter__()
        self.addCleanup(instance.stop)
        return instance

    def test_directories_of_the_host_are_shown_where_the_owner_said(self):
        read, write, account = os.path.join(self.directory, "read"), os.path.join(self.directory, "write"), pwd.getpwnam(self.ACCOUNT)
        for path in (read, write):
            os.mkdir(path)
        os.chown(write, account.pw_uid, account.pw_gid)
        with open(os.path.join(read, "file"), "w", encoding="utf-8") as file:
            file.write("of the host\n")
        script = f"id -u; cat {read}/file; echo x >{read}/file; echo kept >{write}/kept; echo changed >/app/data; cat /app/data; stat -c %u /app/data"
        instance = self.start({"bound": {"exec": ["/bin/sh", "-c", script], "user": self.ACCOUNT, "sandbox": {"read": [read], "write": [write]}}})
        outcome = instance.run("bound")
        uid = str(account.pw_uid)
        self.assertEqual(outcome.stdout.decode().splitlines(), [uid, "of the host", "changed", uid], outcome.stderr)
        with open(os.path.join(read, "file"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "of the host\n")
        with open(os.path.join(write, "kept"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "kept\n")
        self.assertEqual(self.store.image("verify").returncode, 0)

    def test_files_of_the_hosts_network_are_there_with_it_alone(self):
        files = {"exec": ["/bin/cat", "/etc/hosts", "/etc/resolv.conf"]}
        degrade = sorted({*harness.needed_degrade(), "landlock"})
        instance = self.start({"own": files, "host": {**files, "sandbox": {"network": "host"}, "degrade": degrade}})
        self.assertEqual(instance.run("own").stdout, b"127.0.0.1 localhost\n::1 localhost\n")
        of_host = b"".join(pathlib.Path(path).read_bytes() if os.path.exists(path) else b"" for path in files["exec"][1:])
        self.assertEqual(instance.run("host").stdout, of_host)

    def test_secrets_and_artefacts_work_as_elsewhere(self):
        instance = self.start({"job": {
            "exec": ["/bin/sh", "-c", "cat /run/secrets/key; echo made >made; pwd; touch /run/secrets/new"],
            "params": {"key": {"type": "secret"}}, "artifacts": ["made"]}})
        outcome = instance.run("job", {"key": "open sesame\n"})
        self.assertEqual(outcome.stdout, b"open sesame\n/tmp\n", outcome.stderr)
        self.assertEqual(instance.request("GET", f"/v1/jobs/{outcome.job['id']}/artifacts/made").body, b"made\n")

    def test_a_program_that_was_changed_in_the_store_is_not_run(self):
        instance = self.start({"job": {"exec": ["/bin/busybox", "echo", "x"]}})
        self.assertEqual(instance.run("job").stdout, b"x\n")
        with open(os.path.join(self.store.rootfs(self.digest), "bin/busybox"), "ab") as file:
            file.write(b"!")
        self.assertIn("exec-changed", json.dumps(instance.run("job").job["end"]))

    def test_what_an_image_has_where_jobs_mount_leads_nowhere_else(self):
        """Links at every place where something is mounted, and below it."""
        links = [entry(name, tarfile.SYMTYPE, link="/etc") for name in ("tmp", "run", "dev", "proc", "srv")]
        with open(BUSYBOX, "rb") as file:
            layers = [layer(entry("bin/busybox", data=file.read(), mode=0o755), *links, entry("etc/hosts", tarfile.SYMTYPE, link="/bin/busybox"))]
        layout, digest = layout_by_hand(os.path.join(self.directory, "links"), layers)
        done = self.store.pull(f"example/links@sha256:{digest}", layout)
        self.assertEqual(done.returncode, 0, done.stderr)
        read = "/srv"
        instance = self.start({
            "job": {"image": f"example/links@sha256:{digest}", "exec": ["/bin/busybox", "sh", "-c", "echo x >/tmp/x; cat /tmp/x; ls /etc"]},
            "bound": {"image": f"example/links@sha256:{digest}", "exec": ["/bin/busybox", "true"], "sandbox": {"read": [read]}}})
        self.assertEqual(instance.run("job").stdout, b"x\nhosts\nresolv.conf\n")
        self.assertIn("find-place-in-image", json.dumps(instance.run("bound").job["end"]))


if __name__ == "__main__":
    unittest.main()
