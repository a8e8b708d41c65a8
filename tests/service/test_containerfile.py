"""packaging/Containerfile, as far as a machine without a container engine can show it.

The build stage: what it copies is there, its packages are those that are installed here, its commands configure the copied tree, and
all sources of what they would make are in it. They compile three small programs and no more: what is installed is the release that
this tree has built.
The final stage: a root made of the files of exactly the packages that it names (and what those and Debian's base need), and of what
it copies; its own commands run there; and its program starts as process 1, with the capabilities that the header names.
"""

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import unittest

import harness
from harness import SOURCE, Instance, make_directory, wait_until

RELEASE = os.path.join(SOURCE, "build", "release")
DEVICES = ("null", "zero", "full", "random", "urandom")


def read(*names):
    with open(os.path.join(SOURCE, *names), encoding="utf-8") as file:
        return file.read()


def stages():
    """For each FROM its base, and its instructions as (word, rest)."""
    text = re.sub(r"^\s*#.*\n", "", read("packaging", "Containerfile"), flags=re.MULTILINE)
    found = []
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            found.append((rest.split()[0], []))
        elif word:
            found[-1][1].append((word, rest))
    return found


def of(stage, word):
    return [rest for one, rest in stage[1] if one == word]


def packages_of(stage):
    words = shlex.split(of(stage, "RUN")[0].partition("--no-install-recommends")[2].partition("&&")[0])
    return sorted(words)


def host(*words, **more):
    return subprocess.run(words, capture_output=True, text=True, check=True, **more).stdout


def with_what_they_need(names):
    """The packages, those that Debian's base always has, and all that they depend on, as dpkg has them installed."""
    rows = [line.split("\t") for line in host("dpkg-query", "-W", "-f", "${Package}\t${Essential}\t${Pre-Depends}, ${Depends}\t${Provides}\n").splitlines()]
    needs, provided = {row[0]: row[2] for row in rows}, {}
    for package, _, _, provides in rows:
        for name in re.findall(r"[a-z0-9][a-z0-9+.-]+", re.sub(r"\(.*?\)", "", provides)):
            provided.setdefault(name, package)
    wanted, taken = [*names, *(row[0] for row in rows if row[1] == "yes")], set()
    while wanted:
        package = wanted.pop()
        package = package if package in needs else provided.get(package)
        if package is None or package in taken:
            continue
        taken.add(package)
        for alternatives in re.sub(r"\(.*?\)|:[a-z0-9]+", "", needs[package]).split(","):
            found = [name.strip() for name in alternatives.split("|") if name.strip() in needs or name.strip() in provided]
            wanted += found[:1]
    return sorted(taken)


def copy_packages(names, root):
    """Their files, each below its real directory: where /bin is a link to /usr/bin, so it is in the root."""
    for link in ("bin", "lib", "lib64", "sbin"):
        os.symlink("usr/" + link, os.path.join(root, link))
    paths = {os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
             for path in host("dpkg", "-L", *names).splitlines() if path.startswith("/") and not path.startswith(("/usr/share/doc", "/usr/share/man", "/usr/share/locale"))}
    listed = "\0".join(path[1:] for path in sorted(paths) if os.path.lexists(path) and (os.path.islink(path) or os.path.isfile(path)))
    packed = subprocess.Popen(["tar", "-C", "/", "-cf", "-", "--no-recursion", "--null", "-T", "-"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    unpacked = subprocess.Popen(["tar", "-C", root, "-xf", "-", "--keep-directory-symlink"], stdin=packed.stdout)
    packed.stdout.close()
    packed.stdin.write(listed.encode())
    packed.stdin.close()
    assert packed.wait() == 0 and unpacked.wait() == 0


@unittest.skipUnless(os.access(os.path.join(RELEASE, "bin", "sallyportd"), os.X_OK), "the release is not built")
class TestContainerfile(unittest.TestCase):
    def setUp(self):
        self.build, self.final = stages()
        self.directory = make_directory("container")
        self.addCleanup(shutil.rmtree, self.directory, True)

    def copied_tree(self, into):
        """What `COPY . .` takes: all that .containerignore does not name."""
        ignored = [line for line in read(".containerignore").splitlines() if line and not line.startswith("#")]
        def left_out(directory, names):
            below = os.path.relpath(directory, SOURCE)
            return [name for name in names if any(fnmatch.fnmatch(os.path.normpath(os.path.join(below, name)), pattern) for pattern in ignored)]
        shutil.copytree(SOURCE, into, symlinks=True, ignore=left_out)

    def test_it_builds_on_the_debian_that_we_are_tested_on(self):
        self.assertEqual([self.build[0], self.final[0]], ["docker.io/library/debian:bookworm", "docker.io/library/debian:bookworm-slim"])

    def test_the_build_stage_configures_what_it_copies_and_lacks_no_source(self):
        tree = os.path.join(self.directory, "src")
        self.copied_tree(tree)
        self.assertFalse(os.path.exists(os.path.join(tree, "build")))
        self.assertEqual(of(self.build, "COPY"), ["packaging/dependencies packaging/dependencies", ". ."])
        dependencies, configure, compile_, install = of(self.build, "RUN")
        missing = [name for name in host("packaging/dependencies", "--list", cwd=tree).split()
                   if subprocess.run(["dpkg-query", "-W", name], capture_output=True, check=False).returncode != 0]
        self.assertEqual((dependencies, missing), ("packaging/dependencies --yes", []))
        subprocess.run(["/bin/sh", "-c", configure], cwd=tree, check=True, capture_output=True)
        self.assertEqual(compile_, "cmake --build --preset release")
        subprocess.run([*compile_.split(), "--target", "cell", "probe", "copyfile"], cwd=tree, check=True, capture_output=True)
        inputs = host("ninja", "-C", "build/release", "-t", "inputs", "all", cwd=tree).splitlines()
        sources = [path for path in inputs if path.endswith(".c")]
        self.assertGreater(len(sources), 300)
        self.assertEqual([path for path in sources if not os.path.exists(os.path.join(tree, "build/release", path))], [])
        self.assertEqual(install, "DESTDIR=/out cmake --install build/release --strip")

    def test_the_libraries_of_the_programs_are_those_of_the_named_packages(self):
        needed = set()
        for name in os.listdir(os.path.join(RELEASE, "bin")):
            said = host("readelf", "-d", os.path.join(RELEASE, "bin", name))
            needed |= set(re.findall(r"\(NEEDED\).*\[(.*)\]", said))
        files = {os.path.basename(path) for path in host("dpkg", "-L", "libc6", *packages_of(self.final)).splitlines()}
        self.assertEqual(sorted(needed - files), [])

    def make_root(self):
        root = os.path.join(self.directory, "root")
        os.makedirs(os.path.join(root, "usr"))
        for name in ("usr/bin", "usr/lib", "usr/lib64", "usr/sbin", "etc", "dev", "proc", "sys", "tmp", "mnt", "var/lib", "run", "root"):
            os.makedirs(os.path.join(root, name))
        os.chmod(os.path.join(root, "tmp"), 0o1777)
        copy_packages(with_what_they_need(packages_of(self.final)), root)
        for name in ("passwd", "group", "nsswitch.conf"):
            shutil.copy(os.path.join("/etc", name), os.path.join(root, "etc", name))
        out = os.path.join(self.directory, "out")
        subprocess.run(["cmake", "--install", RELEASE, "--strip"], env={**os.environ, "DESTDIR": out}, check=True, capture_output=True)
        copied, = of(self.final, "COPY")
        self.assertEqual(copied, "--from=build /out/usr/local /usr/local")
        shutil.copytree(os.path.join(out, "usr", "local"), os.path.join(root, "usr", "local"), symlinks=True)
        return root

    def in_root(self, root, command, without=None, **more):
        """As process 1 of namespaces of its own, which are gone with it, below the root and with the capabilities of the header."""
        capabilities, = re.findall(r"--cap-drop=ALL --cap-add=([A-Z_,]+)", read("packaging", "Containerfile"))
        kept = "-all," + ",".join("+" + name.lower() for name in capabilities.split(",") if name != without)
        script = ['set -e; cd "$0"; mount --bind . .; cd "$0"', "mount -t proc proc proc", "mount --rbind /sys sys", "mount -t tmpfs -o mode=755 tmpfs dev",
                  *(f"touch dev/{name}; mount --bind /dev/{name} dev/{name}" for name in DEVICES), "mkdir dev/shm; mount -t tmpfs tmpfs dev/shm",
                  "pivot_root . mnt; cd /; /mnt/usr/bin/umount -l /mnt",      # the image has no umount
                  'exec setpriv --bounding-set="$1" --inh-caps=-all --ambient-caps=-all -- "${@:2}"']
        return subprocess.Popen(["unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "--propagation", "private",
                                 "/bin/bash", "-c", "\n".join(script), root, kept, *command], env={"PATH": os.environ["PATH"]}, **more)

    def test_doctor_fails_nothing_inside_and_misses_what_the_header_says(self):
        harness.needs_root(self)
        root = self.make_root()
        os.makedirs(os.path.join(root, "var/lib/sallyport"), 0o711)
        for without, expected in ((None, []), ("SYS_ADMIN", ["procfs"])):
            with self.subTest(without=without):
                asked = self.in_root(root, ["sallyport", "doctor", "-o", "json"], without, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                findings = json.loads(asked.communicate(timeout=60)[0])["findings"]
                self.assertIn("user namespaces", [row["subject"] for row in findings if row["verdict"] == "pass"])
                self.assertEqual([row["subject"] for row in findings if row["verdict"] == "fail"], expected)

    def test_the_final_stage_starts_its_program_and_runs_a_job(self):
        harness.needs_root(self)
        root = self.make_root()
        apt, *commands = of(self.final, "RUN")
        self.assertIn("apt-get install", apt)
        for command in commands:
            done = self.in_root(root, ["/bin/sh", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            said = done.communicate()[0]
            self.assertEqual((done.returncode, said.count("0.1.0")), (0, 2 if "--version" in command else 0), (command, said))
        entry, arguments = json.loads(of(self.final, "ENTRYPOINT")[0]), json.loads(of(self.final, "CMD")[0])
        asking = Instance({"job": {"exec": ["/usr/bin/id", "-u"]}})       # never started itself: it knows how to ask
        self.addCleanup(asking.clean)
        asking.write_private(os.path.join(root, "etc/sallyport/sallyport.yaml"), harness.yaml_text(asking.config).lstrip("\n"))
        with open(asking.log_path, "ab") as log:
            process = self.in_root(root, [*entry, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        asking.process = process
        self.addCleanup(lambda: asking.process and asking.kill())
        asking.wait_ready()
        self.assertEqual(asking.request("GET", "/healthz", token=None).status, 200)
        outcome = asking.run("job")
        self.assertEqual((outcome.state, outcome.stdout.strip().decode()), ("succeeded", "1000"))
        first = next(one for one in asking.processes() if one.name() == "sallyportd")
        self.assertEqual(first.status()["NSpid"].split()[-1], "1")
        os.kill(first.pid, 15)
        self.assertEqual(process.wait(60), 0, asking.log())
        self.assertTrue(wait_until(lambda: not [one for one in asking.seen if one.is_alive()], 5))
        asking.process = None
        self.assertTrue(wait_until(lambda: not harness.mounts_with(root), 5))


if __name__ == "__main__":
    unittest.main()
