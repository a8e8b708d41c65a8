"""Uploads: parameters of type file, from the bytes of a request to a file that the job alone can read, and nowhere else."""

import hashlib
import json
import os
import signal
import socket
import unittest

import harness
from answers import Response
from harness import Instance, Refused, ServiceTest, ordinary_user, wait_until

MIB = 1024 * 1024
BOUNDARY = "----test-boundary"
TYPE = f"multipart/form-data; boundary={BOUNDARY}"

# What a job finds, and what it cannot do, one line for each.
LOOK = r"""
path=$1
stat -c 'file %a %U:%G %s' "$path"; stat -c 'directory %a %U' /run/files
echo "me $(id -un 2>/dev/null || id -u)"
[ "$(stat -c %u "$path")" = "$(id -u)" ] && echo owner
for try in 'echo x >"$path"' 'echo x >>"$path"' 'chmod 600 "$path"' 'rm -f "$path"' 'mv "$path" /tmp/x' 'touch /run/files/new' \
           'ln "$path" /tmp/link' 'truncate -s 0 "$path"' 'mount -o remount,rw /run/files'; do
    (eval "$try") 2>/dev/null && echo "could: $try"
done
ls -A /run/files
for fd in /proc/self/fd/*; do readlink "$fd"; done | grep -v '^pipe:\|^/dev/null\|/proc/[0-9]*/fd\|^$' | sed 's/^/descriptor /'
head -c 4 "$path"
"""

COMMANDS = {
    "digest": {"exec": ["/usr/bin/sha256sum", "{source}"],
               "params": {"source": {"type": "file", "max": "64MiB", "required": True}},
               "sandbox": {"memory": "256MiB"}},
    "two": {"exec": ["/usr/bin/bash", "-c", 'echo "$1"; sha256sum /run/files/* 2>&1; cat', "two", "--a={a}"],
            "params": {"a": {"type": "file", "required": True}, "b": {"type": "file", "max": "1KiB"},
                       "word": {"type": "string", "default": "w"}},
            "files_max": "1MiB", "stdin": "body"},
    "look": {"exec": ["/usr/bin/bash", "-c", LOOK, "look", "{source}"],
             "params": {"source": {"type": "file", "required": True}}},
    "hold": {"exec": ["/usr/bin/bash", "-c", 'sha256sum "$1"; sleep 0.3', "hold", "{source}"],
             "params": {"source": {"type": "file", "required": True}}, "concurrency": {"limit": 1}},
    "wait": {"exec": ["/usr/bin/sleep", "60"], "params": {"source": {"type": "file"}}},
    "none": {"exec": ["/usr/bin/bash", "-c", "ls -A /run/files; mountpoint -q /run/files || echo empty"]},
    "secretive": {"exec": ["/usr/bin/sha256sum", "{source}"], "record": "metadata-only",
                  "params": {"source": {"type": "file", "required": True}}},
}


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def part(name, data, head=""):
    return (f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{head}\r\n\r\n').encode() + data + b"\r\n"


def form(*parts):
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def files(**named):
    return form(*(part(name, data, f'; filename="{name}.bin"\r\nContent-Type: application/octet-stream')
                  for name, data in named.items()))


def stored(instance, kind="files"):
    return sorted(os.listdir(os.path.join(instance.state, "keeper", kind)))


def post(instance, command, body, path="jobs", **more):
    headers = {"Content-Type": TYPE, **more.pop("headers", {})}
    return instance.request("POST", f"/v1/commands/{command}/{path}", body, headers, **more)


def submit(instance, command, body, **more):
    response = post(instance, command, body, **more)
    if response.status != 202:
        raise Refused(response)
    return response.json()


def output(instance, job_id):
    return instance.request("GET", f"/v1/jobs/{job_id}/output?stream=stdout", headers={"Accept": "application/octet-stream"}).body


class Files(ServiceTest):
    commands = COMMANDS

    def run_with(self, command, body):
        job = self.instance.wait(submit(self.instance, command, body)["id"])
        self.assertEqual(job["state"], "succeeded", (job, output(self.instance, job["id"])))
        return job, output(self.instance, job["id"]).decode()

    def refused(self, command, body, status, code, pointer=None, **more):
        answer = post(self.instance, command, body, **more)
        self.assertEqual((answer.status, answer.json()["code"]), (status, code), answer.json())
        if pointer is not None:
            self.assertIn(pointer, [error["pointer"] for error in answer.json().get("errors", [])], answer.json())
        return answer.json()

    def test_bytes_arrive_exactly_whatever_they_are(self):
        boundary = f"\r\n--{BOUNDARY}".encode()
        for data in (b"", b"x", b"\0", bytes(range(256)) * 5, b"\r\n", b"\r\n--", boundary[:-1] * 3 + boundary[:-1] + b"\r",
                     os.urandom(100_003), os.urandom(16 * MIB), os.urandom(MIB - 17) + b"\r\n-"):
            with self.subTest(bytes=len(data)):
                job, said = self.run_with("digest", files(source=data))
                self.assertEqual(said, f"{sha256(data)}  /run/files/source\n")
                self.assertEqual(job["params"], {"source": {"file": {"bytes": len(data), "sha256": sha256(data)}}})

    def test_a_body_as_large_as_may_be_arrives(self):
        data = os.urandom(64 * MIB)
        _, said = self.run_with("digest", files(source=data))
        self.assertEqual(said, f"{sha256(data)}  /run/files/source\n")

    def test_the_job_owns_a_file_that_it_can_only_read(self):
        _, said = self.run_with("look", files(source=b"#!/bin/sh\n"))
        lines = said.splitlines()
        self.assertRegex(lines[0], r"^file 400 \S+ 10$")
        self.assertRegex(lines[1], r"^directory 500 ")
        self.assertIn("owner", lines)
        self.assertEqual([line for line in lines if line.startswith(("could:", "descriptor"))], [], said)
        self.assertEqual(lines[-2:], ["source", "#!/b"])

    def test_several_files_go_with_parameters_and_input(self):
        document = {"params": {"word": "hello"}, "labels": {"pr": "1"}, "reason": "two files"}
        body = form(part("b", b"bb"), part("job", json.dumps(document).encode(), "\r\nContent-Type: application/json"),
                    part("stdin", b"in\0put\xff"), part("a", b"aaa"))
        job = self.instance.wait(submit(self.instance, "two", body)["id"])
        self.assertEqual(output(self.instance, job["id"]), (f"--a=/run/files/a\n{sha256(b'aaa')}  /run/files/a\n"
                         f"{sha256(b'bb')}  /run/files/b\n").encode() + b"in\0put\xff")
        self.assertEqual(job["params"], {"word": "hello", "a": {"file": {"bytes": 3, "sha256": sha256(b"aaa")}},
                                         "b": {"file": {"bytes": 2, "sha256": sha256(b"bb")}}})
        self.assertEqual((job["labels"], job["reason"]), ({"pr": "1"}, "two files"))

    def test_the_name_of_a_client_is_nothing(self):
        for name in ("../../../etc/passwd", "/etc/shadow", "..", "a/b", "", "x" * 500, "\u202egpj.exe", "a\\\"b", "$(id)"):
            with self.subTest(name=name):
                body = form(part("source", b"bytes", f'; filename="{name}"'))
                job, said = self.run_with("digest", body)
                self.assertEqual(said, f"{sha256(b'bytes')}  /run/files/source\n")
                self.assertNotIn("filename", json.dumps(job))

    def test_a_job_without_files_has_none(self):
        job = self.instance.wait(self.instance.submit("none")["id"])
        self.assertEqual(output(self.instance, job["id"]), b"empty\n")

    def test_what_does_not_fit_is_refused(self):
        one = part("source", b"1")
        self.refused("digest", form(part("job", b"{}")), 422, "params-invalid", "/params/source")
        self.refused("digest", form(one, part("more", b"2")), 422, "params-invalid", "/params/more")
        self.refused("two", form(part("a", b"1"), part("word", b"2")), 422, "params-invalid", "/params/word")
        self.refused("two", form(part("a", b"1"), part("job", b'{"params": {"b": "text"}}')), 422, "params-invalid", "/params/b")
        self.refused("two", form(part("a", b"1"), part("job", b'{"params": {"a": "text"}}')), 422, "params-invalid", "/params/a")
        self.refused("digest", form(one, one), 400, "bad-request", "/params/source")
        self.refused("two", form(part("a", b"1"), part("stdin", b"1"), part("stdin", b"1")), 400, "bad-request", "/stdin")
        self.refused("two", form(part("a", b"1"), part("stdin", b"1"), part("job", b'{"stdin": "1"}')), 400, "bad-request", "/stdin")
        self.refused("digest", form(one, part("stdin", b"1")), 422, "params-invalid", "/stdin")
        self.refused("digest", form(one, part("job", b"{")), 400, "bad-json")
        self.refused("digest", form(one, part("job", b'{"what": 1}')), 400, "unknown-member", "/what")
        self.refused("two", files(a=b"1", b=b"x" * 1025), 413, "body-too-large", "/params/b")
        self.refused("two", files(a=b"x" * (MIB - 10), b=b"x" * 11), 413, "body-too-large")
        self.refused("digest", files(source=b"x" * (64 * MIB + 1)), 413, "body-too-large", "/params/source")
        self.refused("none", form(one), 422, "params-invalid", "/params/source")
        answer = self.instance.request("POST", "/v1/commands/digest/jobs", {"params": {"source": "text"}})
        self.assertEqual((answer.status, answer.json()["errors"][0]["pointer"]), (422, "/params/source"))
        self.assertEqual(stored(self.instance), [])

    def test_what_is_no_form_is_refused(self):
        good = files(source=b"1")
        for body in (b"", b"x", good[:-4], good[:-20], good + b"x", b"\r\n" + good, good.replace(b"\r\n", b"\n"),
                     good.replace(b"name=", b"nome="), good.replace(b'"source"', b'"../x"'),
                     good.replace(b"form-data", b"file"), good.replace(b"application/octet-stream", b"multipart/mixed"),
                     good.replace(b"Content-Type:", b"Content-Transfer-Encoding: base64\r\nContent-Type:")):
            with self.subTest(body=body[:80]):
                self.refused("digest", body, 400, "bad-request")
        for kind in ("multipart/form-data", "multipart/form-data; boundary=", "multipart/mixed; boundary=x",
                     f"{TYPE}; boundary=x"):
            with self.subTest(kind=kind):
                self.refused("digest", good, 415, "unsupported-media-type", headers={"Content-Type": kind})
        self.refused("digest", good, 415, "unsupported-media-type", headers={"Content-Encoding": "gzip"})

    def test_a_stranger_is_told_so_and_leaves_nothing(self):
        answer = post(self.instance, "digest", files(source=os.urandom(2 * MIB)), token="sp_nobody")
        self.assertEqual(answer.status, 401)
        self.assertEqual(stored(self.instance), [])

    def in_chunks(self, pieces):
        """What is answered; None when the connection was closed instead."""
        connection = self.instance.connect()
        try:
            connection.request("POST", "/v1/commands/digest/jobs", iter(pieces), encode_chunked=True,
                               headers={"Content-Type": TYPE, "Transfer-Encoding": "chunked",
                                        "Authorization": f"Bearer {self.instance.token}"})
            response = connection.getresponse()
            return Response(response.status, dict(response.getheaders()), response.read())
        except OSError:
            return None
        finally:
            connection.close()

    def test_other_bodies_stay_small(self):
        answer = self.instance.request("POST", "/v1/commands/digest/jobs", b" " * MIB)
        self.assertEqual((answer.status, answer.json()["code"]), (413, "body-too-large"))
        body = files(source=b"x" * MIB)     # chunks do not tell beforehand how much they are
        answer = self.in_chunks([body[at:at + 65536] for at in range(0, len(body), 65536)])
        self.assertTrue(answer is None or answer.status == 413, answer)

    def test_a_small_body_may_come_in_chunks(self):
        body = files(source=b"in chunks")
        answer = self.in_chunks([body[:10], body[10:]])
        self.assertEqual(answer.status, 202, answer.body)
        job = self.instance.wait(answer.json()["id"])
        self.assertEqual(output(self.instance, job["id"]).split()[0].decode(), sha256(b"in chunks"))

    def test_a_client_that_vanishes_leaves_nothing(self):
        body = files(source=os.urandom(8 * MIB))
        jobs = self.instance.request("GET", "/v1/jobs?limit=1").json()["items"]
        for sent in (100, MIB, 7 * MIB, len(body) - 1):
            with socket.create_connection(("127.0.0.1", self.instance.port)) as connection:
                connection.sendall((f"POST /v1/commands/digest/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: {TYPE}\r\n"
                                    f"Authorization: Bearer {self.instance.token}\r\nContent-Length: {len(body)}\r\n\r\n").encode())
                connection.sendall(body[:sent])
        self.assertEqual(post(self.instance, "digest", form(), path="validate").status, 400)   # it still answers
        self.assertEqual(self.instance.request("GET", "/v1/jobs?limit=1").json()["items"], jobs)
        self.assertEqual(stored(self.instance), [])

    def test_files_are_there_while_their_job_is_and_gone_with_it(self):
        first = submit(self.instance, "wait", files(source=b"held"))
        self.assertEqual(stored(self.instance), [first["id"]])
        self.instance.request("POST", f"/v1/jobs/{first['id']}/cancel", {})
        self.instance.wait(first["id"])
        self.assertTrue(wait_until(lambda: stored(self.instance) == [], 5))

    def test_the_same_request_again_has_the_same_files(self):
        key = {"Idempotency-Key": os.urandom(8).hex()}
        first = submit(self.instance, "digest", files(source=b"one"), headers=key)
        again = post(self.instance, "digest", files(source=b"one"), headers=key)
        self.assertEqual((again.status, again.json()["id"]), (202, first["id"]))
        self.assertEqual(again.headers["Idempotency-Replayed"], "true")
        for body in (files(source=b"two"), files(source=b"")):
            self.refused("digest", body, 422, "idempotency-mismatch", headers=key)

    def test_a_rerun_is_refused(self):
        job, _ = self.run_with("digest", files(source=b"once"))
        answer = self.instance.request("POST", f"/v1/jobs/{job['id']}/rerun", {})
        self.assertEqual((answer.status, answer.json()["code"]), (409, "input-not-kept"))
        self.assertIn("files", answer.json()["detail"])

    def test_a_dry_run_looks_at_the_files_and_keeps_none(self):
        answer = post(self.instance, "two", files(a=b"1", b=b"2"), path="validate")
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(answer.json()["verdict"], "accepted", answer.json())
        self.assertIn("--a=/run/files/a", answer.json()["argv"])
        answer = post(self.instance, "two", files(a=b"1", b=b"2" * 2000), path="validate")
        self.assertEqual((answer.json()["verdict"], answer.json()["code"]), ("refused", "body-too-large"))
        self.assertEqual(stored(self.instance), [])

    def test_metadata_only_keeps_not_even_a_digest(self):
        job, said = self.run_with("secretive", files(source=b"hush"))
        self.assertEqual(job["params"], {})
        self.assertEqual(said, f"{sha256(b'hush')}  /run/files/source\n")

    def test_the_command_tells_of_its_files(self):
        command = self.instance.request("GET", "/v1/commands/two").json()
        self.assertEqual(command["params_schema"]["properties"]["b"],
                         {"type": "string", "contentMediaType": "application/octet-stream", "maxLength": 1024})
        self.assertEqual(command["files_max"], MIB)

    def test_no_process_holds_a_file_when_its_job_runs(self):
        job = submit(self.instance, "wait", files(source=b"held"))
        self.assertTrue(wait_until(lambda: self.instance.job(job["id"])["state"] == "running", 10))
        held = []
        for process in self.instance.processes():
            try:
                for name in os.listdir(f"/proc/{process.pid}/fd"):
                    target = os.readlink(f"/proc/{process.pid}/fd/{name}")
                    if "memfd:files" in target or f"files/{job['id']}" in target:
                        held.append((process.name(), target))
            except OSError:
                continue
        self.instance.request("POST", f"/v1/jobs/{job['id']}/cancel", {})
        self.instance.wait(job["id"])
        self.assertEqual(held, [])


class Cli(ServiceTest):
    commands = COMMANDS

    def write(self, name, data):
        path = os.path.join(self.instance.directory, name)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def complains(self, expected, *words):
        done = self.instance.cli("run", *words)
        self.assertEqual((done.returncode, done.stdout), (125, b""), done)
        self.assertIn(expected, done.stderr.decode())

    def test_a_file_is_sent_and_the_job_followed(self):
        data = os.urandom(3 * MIB)
        done = self.instance.cli("run", "digest", "--file", f"source={self.write('main.c', data)}")
        self.assertEqual((done.returncode, done.stdout.decode()), (0, f"{sha256(data)}  /run/files/source\n"), done.stderr)

    def test_files_go_with_parameters_and_with_input_as_bytes(self):
        done = self.instance.cli("run", "two", "--file", f"a={self.write('x=y', b'aaa')}", "--file", f"b={self.write('b', b'')}",
                                 "-p", "word=hello", "--stdin", stdin=None, input=b"\xff\0")
        self.assertEqual((done.returncode, done.stdout), (0, f"--a=/run/files/a\n{sha256(b'aaa')}  /run/files/a\n"
                         f"{sha256(b'')}  /run/files/b\n".encode() + b"\xff\0"), done.stderr)

    def test_a_detached_run_prints_the_id(self):
        done = self.instance.cli("run", "-d", "digest", "--file", f"source={self.write('d', b'd')}")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.instance.wait(done.stdout.decode().strip())["params"]["source"]["file"]["sha256"], sha256(b"d"))

    def test_what_cannot_be_sent_is_told_before_anything_is(self):
        small = self.write("small", b"x")
        jobs = len(self.instance.request("GET", "/v1/jobs").json()["items"])
        self.complains("No such file or directory", "digest", "--file", "source=/nowhere/at/all")
        self.complains("is a directory", "digest", "--file", "source=/tmp")
        self.complains("is no regular file", "digest", "--file", "source=/dev/null")
        self.complains("--stdin", "digest", "--file", "source=-")
        self.complains("takes NAME=PATH", "digest", "--file", "source")
        self.complains("takes NAME=PATH", "digest", "--file", "source=")
        self.complains("did you mean 'source'?", "digest", "--file", f"sorce={small}")
        self.complains("is no file; give it with -p word=VALUE", "two", "--file", f"a={small}", "--file", f"word={small}")
        self.complains("send it with --file source=PATH", "digest", "-p", "source=text")
        self.complains("gives two", "digest", "--file", f"source={small}", "--file", f"source={small}")
        self.complains("the command needs a file: --file a=PATH", "two", "--file", f"b={small}")
        self.complains("has 1025 bytes, and the command takes 1024", "two", "--file", f"b={self.write('big', b'x' * 1025)}")
        self.assertEqual(len(self.instance.request("GET", "/v1/jobs").json()["items"]), jobs)

    def test_a_description_tells_how(self):
        done = self.instance.cli("describe", "two")
        self.assertRegex(done.stdout.decode(), r"(?m)^b +file ")
        self.assertIn("sallyport run two --file a=PATH\n", done.stdout.decode())
        self.assertIn("--file NAME=PATH", self.instance.cli("run", "--help").stdout.decode())


class Rootless(unittest.TestCase):
    """The service of an ordinary user, whose jobs have one id to be."""

    def test_a_file_reaches_its_job(self):
        harness.needs_root(self)
        harness.needs_program(self, "sallyportd")
        with Instance(COMMANDS, user=ordinary_user()) as instance:
            job = instance.wait(submit(instance, "look", files(source=b"#!/bin/sh\n"))["id"])
            said = output(instance, job["id"]).decode().splitlines()
            self.assertEqual((job["state"], said[-2:]), ("succeeded", ["source", "#!/b"]), said)
            self.assertEqual([line for line in said if line.startswith(("could:", "descriptor"))], [])


class Crashes(unittest.TestCase):
    def setUp(self):
        harness.needs_program(self, "sallyportd")
        self.instance = Instance(COMMANDS).start()
        self.addCleanup(self.instance.stop)

    def kill(self, name):
        victim = self.instance.part(name)
        os.kill(victim.pid, signal.SIGKILL)
        self.assertTrue(wait_until(lambda: not victim.is_alive(), 5))

    def wait_until_served(self):
        def is_served():
            try:
                return self.instance.request("GET", "/v1/whoami", timeout=2).status == 200
            except OSError:
                return False
        self.assertTrue(wait_until(is_served, 20), self.instance.log())

    def test_a_keeper_that_is_killed_after_its_answer_loses_no_file(self):
        sent = {}
        for _ in range(3):
            for _ in range(3):
                data = os.urandom(300_000)
                sent[submit(self.instance, "hold", files(source=data))["id"]] = data
            self.kill("keeper")
            self.wait_until_served()
        for job_id, data in sent.items():
            self.assertEqual(self.instance.wait(job_id)["state"], "succeeded")
            self.assertEqual(output(self.instance, job_id).split()[0].decode(), sha256(data))
        self.assertTrue(wait_until(lambda: stored(self.instance) == [], 5))

    def test_a_keeper_that_is_killed_in_the_middle_leaves_nothing_that_was_not_answered(self):
        body = files(source=os.urandom(16 * MIB))
        for _ in range(3):
            connection = self.instance.connect()
            connection.request("POST", "/v1/commands/wait/jobs", body, {"Content-Type": TYPE, "Authorization": f"Bearer {self.instance.token}"})
            wait_until(lambda: stored(self.instance), 5, 0.001)
            self.kill("keeper")
            connection.close()
            self.wait_until_served()
        known = [job["id"] for job in self.instance.request("GET", "/v1/jobs").json()["items"]]
        self.assertEqual([name for name in stored(self.instance) if name not in known], [])
        for job_id in known:
            self.instance.request("POST", f"/v1/jobs/{job_id}/cancel", {})
            self.instance.wait(job_id)

    def test_a_backup_has_the_files_of_jobs_that_wait(self):
        self.instance.request("POST", "/v1/commands/digest/pause", {})
        waiting = submit(self.instance, "digest", files(source=b"waiting"))
        target = os.path.join(self.instance.directory, "copy")
        done = self.instance.cli("backup", "--state", self.instance.state, target)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(os.path.join(target, "keeper", "files", waiting["id"]), "rb") as file:
            self.assertTrue(file.read().endswith(b"waiting"))
        self.instance.request("POST", "/v1/commands/digest/resume")
        self.assertEqual(self.instance.wait(waiting["id"])["state"], "succeeded")

    def test_many_large_bodies_at_once_are_told_to_come_again(self):
        head = (f"POST /v1/commands/digest/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: {TYPE}\r\n"
                f"Authorization: Bearer {self.instance.token}\r\nContent-Length: {60 * MIB}\r\n\r\n").encode()
        connections = []
        try:
            for _ in range(4):
                connections.append(socket.create_connection(("127.0.0.1", self.instance.port)))
                connections[-1].sendall(head)
            wait_until(lambda: post(self.instance, "digest", files(source=b"x" * 17 * MIB)).status == 503, 5)
            answer = post(self.instance, "digest", files(source=b"x" * 17 * MIB))
            self.assertEqual((answer.status, answer.json()["code"]), (503, "uploads-full"))
            self.assertEqual(answer.headers["Retry-After"], "5")
            self.assertEqual(post(self.instance, "digest", files(source=b"small")).status, 202)
        finally:
            for connection in connections:
                connection.close()
        self.assertTrue(wait_until(lambda: post(self.instance, "digest", files(source=b"x" * 17 * MIB)).status == 413
                                   or post(self.instance, "digest", files(source=b"x" * 15 * MIB)).status == 202, 5))


if __name__ == "__main__":
    unittest.main()
