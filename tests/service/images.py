"""Images for tests: good ones by umoci, served by Debian's docker-registry on loopback; hostile ones by hand, as OCI layouts."""

import contextlib
import gzip
import hashlib
import io
import json
import os
import platform
import shutil
import subprocess
import tarfile
import urllib.request

from harness import BIN
from host import as_user, free_port, wait_until

BUSYBOX = "/bin/busybox"
APPLETS = ("sh", "ls", "cat", "echo", "id", "touch", "mkdir", "rm", "mv", "ln", "mount", "stat", "env", "pwd", "wc", "dd", "chmod", "sleep",
           "cp", "test")
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def run(*words, **more):
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=120, **more)
    if done.returncode != 0:
        raise AssertionError(f"{words}: {done.stderr}")
    return done.stdout


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def busybox_layout(directory, name="layout", config=()):
    """An image by umoci with busybox and some files. Returns the layout and the manifest's digest."""
    layout, root = os.path.join(directory, name), os.path.join(directory, name + "-root")
    for path in ("bin", "etc", "app", "var/data"):
        os.makedirs(os.path.join(root, path))
    shutil.copy(BUSYBOX, os.path.join(root, "bin", "busybox"))
    for applet in APPLETS:
        os.symlink("busybox", os.path.join(root, "bin", applet))
    for path, text in (("app/data", "data\n"), ("hello", "hello\n"), ("app/which", name + "\n"), ("var/data/old", "old\n")):
        with open(os.path.join(root, path), "w", encoding="utf-8") as file:
            file.write(text)
    run("umoci", "init", "--layout", layout)
    run("umoci", "new", "--image", layout + ":base")
    run("umoci", "insert", "--image", layout + ":base", root, "/")
    run("umoci", "config", "--image", layout + ":base", *config)
    run("chmod", "-R", "a+rX", layout)
    with open(os.path.join(layout, "index.json"), encoding="utf-8") as file:
        return layout, json.load(file)["manifests"][0]["digest"].removeprefix("sha256:")


def entry(name, kind=tarfile.REGTYPE, data=b"", mode=0o644, link="", **more):
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.linkname, info.size = kind, mode, link, len(data)
    for key, value in more.items():
        setattr(info, key, value)
    return info, data


def layer(*entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info, data in entries:
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def layout_by_hand(directory, layers, *, config=None, manifest=None, diffs=None):
    """Any layout at all. `config` and `manifest` change what stands there. Returns it and the manifest's digest."""
    blobs = os.path.join(directory, "blobs", "sha256")
    os.makedirs(blobs)

    def blob(data):
        with open(os.path.join(blobs, sha256(data)), "wb") as file:
            file.write(data)
        return {"digest": "sha256:" + sha256(data), "size": len(data)}
    described = [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", **blob(gzip.compress(tar, mtime=0))} for tar in layers]
    said = {"architecture": ARCHITECTURE, "os": "linux", "config": {},
            "rootfs": {"type": "layers", "diff_ids": diffs or ["sha256:" + sha256(tar) for tar in layers]}, **(config or {})}
    head = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": described,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **blob(json.dumps(said).encode())},
            **(manifest or {})}
    return directory, blob(json.dumps(head).encode())["digest"].removeprefix("sha256:")


class Registry:
    """Debian's docker-registry on a port of loopback, with its storage in `directory`."""

    def __init__(self, directory):
        self.storage, self.port = os.path.join(directory, "registry"), free_port()
        self.host = f"127.0.0.1:{self.port}"
        config = os.path.join(directory, "registry.yml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"version: 0.1\nlog: {{level: error}}\nstorage:\n  filesystem: {{rootdirectory: {self.storage}}}\n"
                       f"http:\n  addr: {self.host}\n")
        self.process = subprocess.Popen(["docker-registry", "serve", config], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if not wait_until(self.answers, 20, 0.05):
            self.stop()
            raise AssertionError("docker-registry does not answer")

    def answers(self):
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://{self.host}/v2/", timeout=2) as answer:
            return answer.status == 200
        return False

    def push(self, layout, name):
        run("skopeo", "copy", "--quiet", "--dest-tls-verify=false", f"oci:{layout}:base", f"docker://{self.host}/{name}:1")

    def blob_path(self, digest):
        return os.path.join(self.storage, "docker", "registry", "v2", "blobs", "sha256", digest[:2], digest, "data")

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


class Store:
    """A store of images, and `sallyport image` upon it."""

    def __init__(self, path, user=None):
        self.path, self.user = path, user

    def image(self, *words, where=True):
        return subprocess.run([*as_user(self.user), os.path.join(BIN, "sallyport"), "image", *words,
                               *(["--store", self.path] if where else [])],
                              check=False, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL)

    def pull(self, name, layout=None):
        return self.image("pull", name, *(["--layout", layout] if layout else ["--plain-http"]))

    def rootfs(self, digest):
        return os.path.join(self.path, "sha256-" + digest, "rootfs")

    def names(self):
        return sorted(os.listdir(self.path)) if os.path.isdir(self.path) else []
