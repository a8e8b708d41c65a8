"""A log of a gibibyte, read at its ends and in its middle, searched, and downloaded, by a front and a keeper that stay small.

SALLYPORT_RELEASE_BIN=DIR reads the full gibibyte with the release programs, and front and keeper may grow by 16 MiB at most;
without it the sanitizers' programs read less and are held to nothing, for their shadow memory is theirs. All tests read the
output of one job.
"""

import hashlib
import os
import subprocess
import threading
import time
import unittest
import zlib

import harness
from harness import BIN, Instance, output_bytes, probe_command, probe_directory

RELEASE = os.environ.get("SALLYPORT_RELEASE_BIN")
MIB = 1 << 20
SIZE = (1 << 30) if RELEASE else 64 * MIB
GROWTH_MAX_BYTES = 16 * MIB
LOOK_BACK_BYTES = 16 * MIB
PERIOD = b"0123456789abcdefghijklmnopqrstuvwxyz\n"
NEEDLE = b"here is the needle, near the end"
BEHIND = 100 * len(PERIOD)      # bytes of the usual kind that follow the needle's line
SCRIPT = f'"$0" flood "$1" 2>/dev/null; printf "\\n{NEEDLE.decode()}\\n"; "$0" flood {BEHIND} 2>/dev/null'
LAST = b"\n" + NEEDLE + b"\n" + PERIOD * 100
TOTAL = SIZE + len(LAST)
PLAIN = {"Accept": "text/plain"}


def expected(offset, size):
    """Bytes of the log, as the job wrote them."""
    block = b""
    if offset < SIZE:
        take = min(size, SIZE - offset)
        start = offset % len(PERIOD)
        block = (PERIOD * ((start + take) // len(PERIOD) + 1))[start:start + take]
    if offset + size > SIZE:
        block += LAST[max(0, offset - SIZE):offset + size - SIZE]
    return block


def expected_hash():
    digest = hashlib.sha256()
    for offset in range(0, TOTAL, MIB):
        digest.update(expected(offset, min(MIB, TOTAL - offset)))
    return digest.hexdigest()


class BigReading(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not os.access(os.path.join(RELEASE or BIN, "sallyportd"), os.X_OK):
            raise unittest.SkipTest("sallyportd is not built")
        cls.probes = probe_directory()
        command = probe_command(cls.probes, timeout="10m", output={"max": "2GiB"})
        command["exec"] = ["/usr/bin/sh", "-c", SCRIPT, command["exec"][0], "{args...}"]
        cls.instance = Instance({"big": command}, bin_directory=RELEASE).__enter__()
        try:
            cls.job = cls.instance.wait(cls.instance.submit("big", {"args": [str(SIZE)]})["id"], 300)
            cls.path = f"/v1/jobs/{cls.job['id']}/output"
            cls.parts = [cls.instance.part(name) for name in ("front", "keeper")]
            cls.before = {}
            for part in cls.parts:
                part.forget_peak()
                cls.before[part.name()] = part.peak_bytes()
        except BaseException:
            cls.instance.kill()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.instance.stop()

    def setUp(self):
        self.assertEqual((self.job["state"], self.job["output"]["bytes"]), ("succeeded", TOTAL), self.job)

    def tearDown(self):
        """Whatever was read so far."""
        growth = {part.name(): part.peak_bytes() - self.before[part.name()] for part in self.parts}
        print("grown at most by:", ", ".join(f"{name} {size / MIB:.1f} MiB" for name, size in growth.items()))
        if RELEASE:
            for name, size in growth.items():
                self.assertLess(size, GROWTH_MAX_BYTES, name)

    def get(self, query="", headers=PLAIN):
        return self.instance.request("GET", self.path + query, headers=headers)

    def head_of(self, query, size, headers=PLAIN):
        """The first bytes of an answer whose rest nobody wants."""
        connection = self.instance.connect()
        try:
            connection.request("GET", self.path + query, headers={"Authorization": f"Bearer {self.instance.token}", **headers})
            response = connection.getresponse()
            self.assertEqual(response.status, 200)
            return response.read(size)
        finally:
            connection.close()

    def digest(self, headers, unpack=lambda data: data):
        """(status, headers, bytes on the wire, SHA-256 of what they mean)"""
        connection = self.instance.connect(timeout=120)
        digest, count = hashlib.sha256(), 0
        try:
            connection.request("GET", self.path, headers={"Authorization": f"Bearer {self.instance.token}", **PLAIN, **headers})
            response = connection.getresponse()
            while data := response.read(MIB):
                count += len(data)
                digest.update(unpack(data))
            return response.status, dict(response.getheaders()), count, digest.hexdigest()
        finally:
            connection.close()

    def assert_reads_little(self, read, most=LOOK_BACK_BYTES + 4 * MIB):
        """What the front reads of its files meanwhile, sockets included."""
        if os.geteuid() != 0:
            read()
            harness.skip(self, "needs root to see how much the front reads")
        before = self.parts[0].read_bytes()
        read()
        self.assertLess(self.parts[0].read_bytes() - before, most)

    def test_opens_at_the_tail(self):
        lines = expected(TOTAL - 4 * 200 * len(PERIOD), 4 * 200 * len(PERIOD)).splitlines(keepends=True)

        def read():
            for query in ("?tail=200", "?tail=200&stream=stdout"):
                self.assertEqual(self.get(query).body, b"".join(lines[-200:]))
            stream = self.instance.stream("GET", self.path + "?tail=3")
            records = list(stream)
            stream.close()
            self.assertEqual(b"".join(output_bytes(record) for record in records if record["type"] == "output"), b"".join(lines[-3:]))
            self.assertEqual(self.get("?tail=3&stream=stderr").body, b"")
        self.assert_reads_little(read)

    def test_opens_in_the_middle(self):
        middle = SIZE // 2

        def read():
            for query in (f"?offset={middle}", f"?offset={middle}&stream=stdout"):
                self.assertEqual(self.head_of(query, MIB), expected(middle, MIB))
            stream = self.instance.stream("GET", f"{self.path}?offset={middle}")
            first = next(record for record in stream if record["type"] == "output")
            stream.close()
            self.assertEqual((first["off"], output_bytes(first)), (middle, expected(middle, len(output_bytes(first)))))
            part = self.get(headers={**PLAIN, "Range": f"bytes={middle}-{middle + MIB - 1}"})
            self.assertEqual((part.status, part.headers["Content-Range"]), (206, f"bytes {middle}-{middle + MIB - 1}/{TOTAL}"))
            self.assertEqual(part.body, expected(middle, MIB))
            last = self.get("?stream=stdout", headers={**PLAIN, "Range": "bytes=-1000"})
            self.assertEqual((last.status, last.body), (206, expected(TOTAL - 1000, 1000)))
            outside = self.get(headers={**PLAIN, "Range": f"bytes={TOTAL}-"})
            self.assertEqual((outside.status, outside.headers["Content-Range"]), (416, f"bytes */{TOTAL}"))
        self.assert_reads_little(read, 16 * MIB)

    def search(self, text, more=""):
        stream = self.instance.stream("GET", f"{self.path}?search={text}{more}")
        records = [record for record in stream if record["type"] != "ping"]
        stream.close()
        return records[:-1], records[-1]

    def test_a_search_finds_the_one_line_and_says_where(self):
        started = time.monotonic()
        for text, more in (("the+needle", ""), ("THE+NEEDLE", "&ignore_case=1"), ("the%20needle", "&stream=stdout")):
            matches, end = self.search(text, more)
            offset = TOTAL - BEHIND - len(NEEDLE) - 1
            self.assertEqual([(match["off"], match["line"], match["at"], match["s"], match["d"]) for match in matches],
                             [(offset, (SIZE + len(PERIOD) - 1) // len(PERIOD) + 1, offset + NEEDLE.index(b"the"), "out", NEEDLE.decode())])
            self.assertEqual((end["matches"], end["scanned"], end["next_offset"], end["is_complete"]), (1, TOTAL, TOTAL, True))
        took = time.monotonic() - started
        print(f"3 searches through {TOTAL // MIB} MiB in {took:.1f} s, {3 * TOTAL / MIB / took:.0f} MiB/s")
        found = subprocess.run([os.path.join(RELEASE or BIN, "sallyport"), "logs", "--search", "the needle", self.job["id"]],
                               env=self.instance.cli_environment(), stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False)
        self.assertEqual((found.returncode, found.stdout), (0, NEEDLE + b"\n"), found.stderr)

    def test_others_are_answered_while_one_searches_for_what_is_not_there(self):
        found, ended = [], threading.Event()

        def search():
            found.append(self.search("what+nobody+wrote"))
            found.append(self.search("z0", "&stream=stdout"))
            ended.set()
        searcher = threading.Thread(target=search, daemon=True)
        searcher.start()
        answered = 0
        while not ended.wait(0):
            self.assertEqual(self.instance.request("GET", f"/v1/jobs/{self.job['id']}").status, 200)
            self.assertEqual(self.get(headers={**PLAIN, "Range": "bytes=0-99"}).body, expected(0, 100))
            answered += 2 * (not ended.is_set())
            if not searcher.is_alive():
                break
        searcher.join(10)
        print(f"{answered} answers during two searches")
        self.assertGreater(answered, 3)
        self.assertEqual([(matches, end["matches"], end["scanned"], end["is_complete"]) for matches, end in found], [([], 0, TOTAL, True)] * 2)

    def test_a_page_of_matches_costs_no_walk_through_the_rest(self):
        def read():
            matches, end = self.search("xyz", "&limit=1000")
            self.assertEqual([match["off"] for match in matches], [i * len(PERIOD) for i in range(1000)])
            self.assertEqual((end["next_offset"], end["lines"], end["is_complete"]), (1000 * len(PERIOD), 1000, False))
        self.assert_reads_little(read, 16 * MIB)

    def test_a_download_is_exact_with_gzip_with_a_range_and_without(self):
        wanted = expected_hash()
        self.assertEqual(self.job["output"]["sha256"], wanted)
        status, headers, count, digest = self.digest({})
        self.assertEqual((status, count, digest, headers["ETag"]), (200, TOTAL, wanted, f'"{wanted}"'))
        status, headers, count, digest = self.digest({"Range": "bytes=0-", "If-Range": f'"{wanted}"'})
        self.assertEqual((status, count, digest), (206, TOTAL, wanted))
        started = time.monotonic()
        inflate = zlib.decompressobj(31)
        status, headers, count, digest = self.digest({"Accept-Encoding": "gzip"}, inflate.decompress)
        took = time.monotonic() - started
        print(f"{TOTAL // MIB} MiB as {count / MIB:.1f} MiB of gzip in {took:.1f} s, {TOTAL / MIB / took:.0f} MiB/s")
        self.assertEqual((status, headers["Content-Encoding"], digest), (200, "gzip", wanted))
        self.assertTrue(inflate.eof)
        self.assertLess(count, TOTAL // 10)


if __name__ == "__main__":
    unittest.main()
