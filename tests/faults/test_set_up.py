"""Each system call between an order and its program fails once. Then the program never runs, the report names the step, and
nothing is left: the next job in the same slot is a job like any other."""

import dataclasses
import errno
import os
import shutil
import unittest

from errnos import codes_for
from harness import Instance, cgroups_of, make_directory, needs_root, wait_until
from host import children_of
from images import Store, busybox_layout
from rig import Injector, thinned

COMMANDS = {"say": {"exec": ["/usr/bin/echo", "ran"], "params": {"pin": {"type": "secret", "pattern": "[0-9]{4}"}}}}

SUPERVISOR, CELL, JOB = "0", "0.1", "0.1.1"     # how the injector calls them
LAUNCHER = "0"
INIT = "0.1 as init"        # the cell once it has made the job


@dataclasses.dataclass(frozen=True)
class Other:
    """A call whose failure does something else than to keep the program from running, and why."""
    process: str
    name: str
    why: str
    codes: tuple = ()               # all of them
    reasons: tuple = ("exited",)
    paths: tuple = ()               # any; of prctl: its options

    def is_of(self, process, call, code):
        return (self.process, self.name) == (process, call.name) and (not self.codes or code in self.codes) and \
            (not self.paths or call.path in self.paths)


class SetUpTest(unittest.TestCase):
    part = ""       # whose calls are meant
    others = ()

    def setUp(self):
        needs_root(self)
        self.injector = None

    def make_instance(self):
        return Instance(COMMANDS, slots={"count": 1})

    def meant(self, calls):
        return calls

    def role(self, call):
        return call.process

    def run_job(self):
        job = self.instance.submit("say", {"pin": "1234"})
        ended = wait_until(lambda: (lambda seen: seen if seen["end"] else None)(self.instance.job(job["id"])), 30, 0.003)
        self.assertIsNotNone(ended, self.instance.log())
        output = self.instance.request("GET", f"/v1/jobs/{job['id']}/output", headers={"Accept": "application/octet-stream"}).body
        return ended, output

    def what_is_there(self):
        """Of the slot: its supervisor's and the launcher's descriptors, processes below, mounts, and groups of jobs."""
        try:
            with open(f"/proc/{self.supervisor.pid}/mountinfo", encoding="utf-8") as mounts:
                return {"supervisor's descriptors": self.supervisor.descriptors(),
                        "launcher's descriptors": len(self.launcher.descriptors()),
                        "children": children_of(self.supervisor.pid), "mounts": len(mounts.readlines()),
                        "groups": os.listdir(self.jobs_group) if self.jobs_group else []}
        except OSError as error:
            return str(error)

    def attach(self):
        """To the part as it is now: a failure may have ended it, and then it was started anew."""
        if self.injector is not None:
            self.injector.close()
        self.supervisor, self.launcher = (wait_until(lambda name=name: self.living(name), 10) for name in ("cell-slot", "launcher"))
        self.injector = Injector("attach", str((self.supervisor if self.part == "cell-slot" else self.launcher).pid))
        self.injector.begin()

    def living(self, name):
        return next((process for process in self.instance.processes() if process.name() == name and process.is_alive()), None)

    def fail_each(self):
        with self.make_instance() as self.instance:
            groups = [path for path in cgroups_of(self.instance.state) if path.endswith("/jobs")]
            self.jobs_group = groups[0] if groups else None
            self.attach()
            try:
                before = self.what_is_there()
                self.run_job()
                self.injector.begin()
                self.run_job()
                calls = thinned(self.meant(self.injector.told().calls))
                self.assertGreater(len(calls), 10)
                for call in calls:
                    for code in codes_for(call):
                        with self.subTest(call=str(call), code=errno.errorcode[code]):
                            self.fail_one(call, code, before)
            finally:
                self.injector.close()

    def fail_one(self, call, code, before):
        self.injector.begin(call, code)
        ended, output = self.run_job()
        told = self.injector.told()
        if SUPERVISOR in told.ends:
            self.attach()
        else:
            self.injector.begin()
        next_ended, next_output = self.run_job()

        if not self.supervisor.is_alive():
            self.attach()       # the launcher gave it up, and another one ran the last job
        self.assertIsNotNone(told.failed, "no such call in this round")
        other = next((other for other in self.others if other.is_of(self.role(call), call, code)), None)
        reason = ended["end"]["reason"]
        if other is None:
            self.assertEqual(reason, "launch_failed", ended["end"])
            self.assertIn(os.strerror(code), ended["end"]["message"])
        else:
            self.assertIn(reason, other.reasons, (other.why, ended["end"]))
        if reason == "launch_failed":
            self.assertEqual((output, told.executed), (b"", []), ended["end"])
            self.assertTrue(ended["end"]["step"], ended["end"])
        self.assertEqual((next_ended["state"], next_output), ("succeeded", b"ran\n"), ("the job after it", next_ended["end"]))
        if not wait_until(lambda: self.what_is_there() == before, 2):
            self.assertEqual(self.what_is_there(), before)


PR_SET_NAME, PR_CAPBSET_READ, PR_GET_SECUREBITS, PR_GET_NO_NEW_PRIVS, PR_SET_MDWE = "15", "23", "27", "39", "65"


class CellTest(SetUpTest):
    part = "cell-slot"
    others = (
        *(Other(process, "close", "releases the descriptor whatever it returns") for process in (SUPERVISOR, CELL, JOB)),
        Other(CELL, "keyctl", "a kernel without keyrings", codes=(errno.ENOSYS,)),
        Other(JOB, "prctl", "an old kernel", codes=(errno.EINVAL,), paths=(PR_SET_MDWE,)),
        Other(JOB, "prctl", "the end of the list of capabilities; what was not dropped for it, is found at the read-back",
              codes=(errno.EINVAL,), paths=(PR_CAPBSET_READ,), reasons=("exited", "launch_failed")),
        *(Other(JOB, name, "the read-back says what could not be verified, not why", reasons=("launch_failed",))
          for name in ("getresuid", "getresgid", "getgroups")),
        Other(JOB, "prctl", "the same", reasons=("launch_failed",),
              paths=(PR_CAPBSET_READ, PR_GET_SECUREBITS, PR_GET_NO_NEW_PRIVS)),
        # From here on the program runs.
        Other(INIT, "prctl", "a name, for whoever looks", paths=(PR_SET_NAME,)),
        *(Other(INIT, name, "an init that cannot be what it should be ends, and the job that has just begun with it",
                reasons=("signalled",))
          for name in ("close_range", "prctl", "capset", "rt_sigprocmask", "signalfd4", "seccomp")),
        *(Other(SUPERVISOR, name, "asked again") for name in ("poll", "read", "wait4")),
        Other(SUPERVISOR, "sendto", "a supervisor that cannot tell ends, and its job with it", reasons=("lost",)),
    )

    def meant(self, calls):
        """Without the next order, and without what init does in its filter, which knows no call of the number -1."""
        names = [(call.process, call.name) for call in calls]
        fork, last = names.index((CELL, "vfork")), names.index((CELL, "seccomp"))
        self.of_init = {call for i, call in enumerate(calls) if call.process == CELL and i > fork}
        return [call for i, call in enumerate(calls)
                if call.name != "recvmsg" and (call.process != CELL or i <= last)]

    def role(self, call):
        return INIT if call in self.of_init else call.process

    def test_a_call_that_fails_in_supervisor_or_cell_is_a_job_that_never_starts(self):
        self.fail_each()


class ImageCellTest(CellTest):
    """The same for a job whose root is an image."""

    others = (
        *CellTest.others,
        Other(CELL, "openat2", "a place that is not there is made, and that it is there after all is told then", codes=(errno.ENOENT,),
              paths=("dev", "proc"), reasons=("launch_failed",)),
    )

    def make_instance(self):
        directory = make_directory("image-faults")
        self.addCleanup(shutil.rmtree, directory, True)
        layout, digest = busybox_layout(directory)
        name, store = f"example/tool@sha256:{digest}", Store(os.path.join(directory, "store"))
        done = store.pull(name, layout)
        self.assertEqual(done.returncode, 0, done.stderr)
        instance = Instance({"say": {**COMMANDS["say"], "image": name, "exec": ["/bin/echo", "ran"]}}, slots={"count": 1})
        instance.config["images"] = {"dir": store.path}
        return instance


class LauncherTest(SetUpTest):
    part = "launcher"
    others = (
        Other(LAUNCHER, "close", "releases the descriptor whatever it returns"),
        Other(LAUNCHER, "openat", "a kernel without this file, or a group without its controller", codes=(errno.ENOENT,),
              paths=("cpu.stat", "memory.peak", "memory.events", "pids.events")),
        Other(LAUNCHER, "fcntl", "a pipe of the usual size works as well, only slower"),
        Other(LAUNCHER, "epoll_ctl", "the library does not say why", reasons=("launch_failed",)),
        Other(LAUNCHER, "write", "the disk of the start record is full: the job waits until it is not", codes=(errno.ENOSPC,)),
    )

    def meant(self, calls):
        """From the order that was heard to the order that was given."""
        names = [call.name for call in calls]
        return calls[names.index("recvmsg") + 1:names.index("sendmsg") + 1]

    def test_a_call_that_fails_in_the_launcher_is_a_job_that_never_starts(self):
        self.fail_each()


if __name__ == "__main__":
    unittest.main()
