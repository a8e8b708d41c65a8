"""After many jobs everything is as it was: nothing of them stays on the host, and no process of ours grows.

SALLYPORT_SOAK_JOBS says how many, one after the other (1,000), and SALLYPORT_SOAK_AT_ONCE how many with 32 under way (1,000). With
100000 and 10000 this is the long form, for whoever changes how jobs are launched. Memory is compared for the release programs alone
(SALLYPORT_RELEASE_BIN=DIR).
"""

import http.client
import json
import os
import threading
import unittest

import harness
from harness import wait_until

RELEASE = os.environ.get("SALLYPORT_RELEASE_BIN") # a sanitizer keeps what was freed: there memory says nothing
IN_A_ROW = int(os.environ.get("SALLYPORT_SOAK_JOBS", "1000"))
AT_ONCE = int(os.environ.get("SALLYPORT_SOAK_AT_ONCE", "1000"))
WARM_UP = 5000 # until the cache of the database is full; from there on nothing has a reason to grow
CALLERS = 32
NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")
KIB_OF_A_PAGE_OR_TWO = 16


class Caller:
    """One connection that runs one job after the other."""

    def __init__(self, instance):
        self.connection = http.client.HTTPConnection("127.0.0.1", instance.port, timeout=60)
        self.headers = {"Authorization": f"Bearer {instance.token}", "Content-Type": "application/json", "Prefer": "wait=30"}

    def run(self, count, ends):
        for _ in range(count):
            self.connection.request("POST", "/v1/commands/true/jobs", "{}", self.headers)
            response = self.connection.getresponse()
            job = json.loads(response.read())
            ends.append((response.status, job.get("state")))
        self.connection.close()


def namespaces_of(processes):
    found = set()
    for process in processes:
        for kind in NAMESPACES:
            try:
                found.add(os.readlink(f"/proc/{process.pid}/ns/{kind}"))
            except OSError:
                pass
    return found


class Soak(harness.ServiceTest):
    # Records go on to be removed, so that neither memory nor files grow with those that are kept.
    commands = {"true": {"exec": ["/usr/bin/true"]}}
    options = {"defaults": {"retention": {"count": 100, "records": "1s", "age": "1s"}}, "slots": {"count": CALLERS},
               "bin_directory": RELEASE}
    is_warm = False

    def setUp(self):
        if not Soak.is_warm:
            self.run_jobs(WARM_UP, CALLERS)
        Soak.is_warm = True

    def run_jobs(self, count, callers):
        ends = []
        threads = [threading.Thread(target=Caller(self.instance).run, args=(count // callers, ends)) for _ in range(callers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(ends), count // callers * callers)
        self.assertEqual(set(ends), {(200, "succeeded")})

    def host(self):
        """What a job could leave behind."""
        processes = self.instance.processes()
        return {
            "processes": sorted((process.pid, process.name()) for process in processes),
            "descriptors": {(process.pid, process.name()): len(process.descriptors()) for process in processes},
            "mounts": {(process.pid, process.name()): self.mounts_of(process) for process in processes},
            "namespaces": namespaces_of(processes),
            "control groups": sorted(harness.cgroups_of(self.instance.state)),
        }

    @staticmethod
    def mounts_of(process):
        with open(f"/proc/{process.pid}/mountinfo", encoding="utf-8") as file:
            return len(file.readlines())

    def memory(self):
        """KiB of each of our processes; a supervisor's is that of its whole life, so it has one as well."""
        return {(process.pid, process.name()): process.resident_bytes() // 1024 for process in self.instance.processes()}

    def assert_as_before(self, before, after):
        for what, was in before.items():
            self.assertEqual(after[what], was, what)

    def assert_no_growth(self, before, after):
        grown = {key: (before[key], size) for key, size in after.items() if size > max(before[key] * 1.01, before[key] + KIB_OF_A_PAGE_OR_TWO)}
        self.assertEqual(grown, {}, "resident KiB before and after")

    def soak(self, count, callers):
        before, memory = self.host(), self.memory()
        self.run_jobs(count, callers)
        self.assertTrue(wait_until(lambda: self.host() == before, 10) or self.assert_as_before(before, self.host()) is None)
        if RELEASE:
            self.assert_no_growth(memory, self.memory())
        print(f"{count} jobs, {callers} at once: resident KiB "
              + ", ".join(f"{name} {memory[(pid, name)]}->{size}" for (pid, name), size in sorted(self.memory().items())
                          if not name.startswith("cell-")))

    def test_jobs_in_a_row_leave_nothing(self):
        self.soak(IN_A_ROW, 1)

    def test_jobs_at_once_leave_nothing(self):
        self.soak(AT_ONCE, CALLERS)


if __name__ == "__main__":
    unittest.main()
