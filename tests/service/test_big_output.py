"""Much output: exact to the last byte, in bounded memory, whoever reads or does not.

SALLYPORT_RELEASE_BIN=DIR runs the full gibibyte with the release programs and holds every process to 40 MB; without it the
sanitizers' programs move less and are held to nothing, for their shadow memory is theirs.
"""

import hashlib
import os
import socket
import subprocess
import threading
import time
import unittest

import harness
from harness import BIN, Instance, probe_command, probe_directory

RELEASE = os.environ.get("SALLYPORT_RELEASE_BIN")
MIB = 1 << 20
SIZE = (1 << 30) if RELEASE else 64 * MIB
RESIDENT_MAX_BYTES = 40 * 1000 * 1000
PERIOD = b"0123456789abcdefghijklmnopqrstuvwxyz\n"


def expected_hash(size):
    whole = PERIOD * (MIB // len(PERIOD) + 1)
    block = whole[:len(PERIOD) * (MIB // len(PERIOD))]
    digest, left = hashlib.sha256(), size
    while left > 0:
        digest.update(block[:left] if left < len(block) else block)
        left -= len(block)
    return digest.hexdigest()


class Watch(threading.Thread):
    """Samples the resident memory of our processes until it is stopped."""

    def __init__(self, instance):
        super().__init__(daemon=True)
        self.instance, self.most, self.stopped = instance, {}, threading.Event()
        self.start()

    def run(self):
        while not self.stopped.wait(0.1):
            for process in self.instance.processes():
                try:
                    self.most[process.name()] = max(self.most.get(process.name(), 0), process.resident_bytes())
                except OSError:
                    pass

    def stop(self):
        self.stopped.set()
        self.join()
        return self.most


class BigOutput(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not os.access(os.path.join(RELEASE or BIN, "sallyportd"), os.X_OK):
            raise unittest.SkipTest("sallyportd is not built")
        cls.probes = probe_directory()
        flood = probe_command(cls.probes, "flood", timeout="10m", output={"max": "2GiB"})
        cls.instance = Instance({
            "flood": flood,
            "little": probe_command(cls.probes, "flood", output={"max": "1MiB"}),
            "head": probe_command(cls.probes, "flood", output={"max": "1MiB", "when_full": "discard"}),
        }, bin_directory=RELEASE).__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.instance.stop()

    def check_memory(self, most):
        print("resident at most:", ", ".join(f"{name} {size / 1e6:.1f} MB" for name, size in sorted(most.items())))
        if RELEASE:
            for name, size in most.items():
                self.assertLess(size, RESIDENT_MAX_BYTES, name)

    def test_a_gibibyte_comes_through_the_cli_exactly_in_bounded_memory(self):
        watch = Watch(self.instance)
        started = time.monotonic()
        run = subprocess.Popen([os.path.join(RELEASE or BIN, "sallyport"), "run", "-q", "flood", "-p", f"args={SIZE}"],
                               env=self.instance.cli_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        client = harness.Process(run.pid)
        digest, count, most_client = hashlib.sha256(), 0, 0
        while data := run.stdout.read(MIB):
            digest.update(data)
            count += len(data)
            if count % (16 * MIB) < MIB:
                most_client = max(most_client, client.resident_bytes())
        error = run.stderr.read()
        run.stdout.close()
        run.stderr.close()
        self.assertEqual(run.wait(30), 0, error)
        most = watch.stop()
        took = time.monotonic() - started
        print(f"{SIZE // MIB} MiB through `sallyport run` in {took:.1f} s, {SIZE / MIB / took:.0f} MiB/s")
        self.assertEqual((count, digest.hexdigest()), (SIZE, expected_hash(SIZE)))
        self.check_memory({**most, "sallyport": most_client})
        job = self.instance.request("GET", "/v1/jobs?limit=1").json()["items"][0]
        self.assertFalse(job["output"]["truncated"])

    def test_a_stalled_follower_costs_nothing_and_slows_nobody(self):
        size = SIZE // 4

        def run():
            started = time.monotonic()
            job = self.instance.submit("flood", {"args": [str(size)]})
            return job["id"], started

        def end(job_id, started):
            job = self.instance.wait(job_id, 300)
            self.assertEqual(job["state"], "succeeded", job)
            return time.monotonic() - started

        alone = end(*run())
        watch = Watch(self.instance)
        job_id, started = run()
        stalled = []
        for _ in range(8):      # they ask, read a little, and then never again
            peer = socket.socket()
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.connect(("127.0.0.1", self.instance.port))
            peer.sendall(f"GET /v1/jobs/{job_id}/output?follow=1 HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                         f"Authorization: Bearer {self.instance.token}\r\nAccept: text/plain\r\n\r\n".encode())
            peer.recv(1000)
            stalled.append(peer)
        beside = end(job_id, started)
        most = watch.stop()
        for peer in stalled:
            peer.close()
        print(f"{size // MIB} MiB: {alone:.2f} s alone, {beside:.2f} s with 8 stalled followers")
        self.assertLess(beside, 3 * alone + 2)
        self.check_memory(most)

    def test_the_store_has_the_same_bytes_and_their_hash(self):
        size = 3 * MIB + 12345
        job = self.instance.wait(self.instance.submit("flood", {"args": [str(size)]})["id"], 60)
        body = self.instance.request("GET", f"/v1/jobs/{job['id']}/output?stream=stdout", headers={"Accept": "application/octet-stream"}).body
        self.assertEqual(hashlib.sha256(body).hexdigest(), expected_hash(size))
        whole = self.instance.request("GET", f"/v1/jobs/{job['id']}/output", headers={"Accept": "text/plain"}).body
        self.assertEqual(job["output"]["bytes"], len(whole))
        self.assertEqual(job["output"]["sha256"], hashlib.sha256(whole).hexdigest())

    def test_a_job_that_says_too_much_is_ended(self):
        job = self.instance.wait(self.instance.submit("little", {"args": [str(64 * MIB)]})["id"], 60)
        self.assertEqual((job["state"], job["end"]["reason"]), ("failed", "output_limit"), job)
        self.assertLessEqual(job["output"]["bytes"], MIB)
        self.assertTrue(job["output"]["truncated"])

    def test_where_the_owner_says_so_only_the_head_is_kept(self):
        stream = self.instance.stream("POST", "/v1/commands/head/jobs", {"params": {"args": [str(8 * MIB)]}})
        kinds = [record["type"] for record in stream]
        stream.close()
        job = self.instance.wait(stream.headers["Sallyport-Job"], 60)
        self.assertEqual((job["state"], job["end"]["reason"]), ("succeeded", "exited"), job)
        self.assertTrue(job["output"]["truncated"])
        self.assertLessEqual(job["output"]["bytes"], MIB)
        self.assertIn("gap", kinds)


if __name__ == "__main__":
    unittest.main()
