"""sallyport policy learn: what it hears of real programs, and what a job's end says of a call that nobody could hear of."""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import BIN, ServiceTest, needs_program  # noqa: E402

PYTHON = "/usr/bin/python3"
SALLYPORT = os.path.join(BIN, "sallyport")
ENVIRONMENT = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}

# Calls by number, as this machine has them.
NUMBERS = {"x86_64": {"mkdirat": 258, "ptrace": 101, "keyctl": 250, "bpf": 321, "getpid": 39, "swapon": 167},
           "aarch64": {"mkdirat": 34, "ptrace": 117, "keyctl": 219, "bpf": 280, "getpid": 172, "swapon": 224}}[os.uname().machine]
X32_BIT = 0x40000000

PRELUDE = f"""
import ctypes, errno, mmap, os, signal, socket, subprocess, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
N = {NUMBERS!r}
def call(name, *arguments):
    number = N[name] if name in N else name
    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_void_p(a) if isinstance(a, int) else a for a in arguments])
    return "ok" if result >= 0 else errno.errorcode[ctypes.get_errno()]
"""


class Ran:
    def __init__(self, done, report):
        self.code, self.out, self.err, self.report = done.returncode, done.stdout, done.stderr, report

    def calls(self, name):
        return [call for call in self.report["calls"] if call["call"] == name]


class Learn(unittest.TestCase):
    def setUp(self):
        needs_program(self, "sallyport")
        self.directory = tempfile.TemporaryDirectory(prefix="sallyport-learn.")
        self.addCleanup(self.directory.cleanup)

    def path(self, name):
        return os.path.join(self.directory.name, name)

    def raw(self, *words, **more):
        return subprocess.run([SALLYPORT, "policy", "learn", *words], capture_output=True, text=True, timeout=120, check=False,
                              env=ENVIRONMENT, cwd=self.directory.name, **more)

    def learn(self, *command, profile="base", **more):
        report = tempfile.mktemp(dir=self.directory.name, suffix=".report")
        done = self.raw("-p", profile, "--json", report, "--", *command, **more)
        self.assertTrue(os.path.exists(report), done)
        with open(report, encoding="utf-8") as file:
            return Ran(done, json.load(file))

    def python(self, script, *arguments, **more):
        return self.learn(PYTHON, "-c", PRELUDE + script, *arguments, **more)

    # --- what is the program's stays the program's ---

    def test_output_input_and_exit_code_are_the_program_s(self):
        done = self.raw("--", "/usr/bin/sh", "-c", 'read line; echo "$line" "$@"; echo err >&2; exit 3', "sh", "-q", "--", input="in\n")
        self.assertEqual((done.returncode, done.stdout), (3, "in -q --\n"))
        self.assertEqual(done.stderr.splitlines(), ["err", "sallyport: 'base' refuses nothing that /usr/bin/sh called",
                                                    "sallyport: /usr/bin/sh ended with 3"])
        self.assertEqual(self.raw("--", "/usr/bin/sh", "-c", "kill -9 $$").returncode, 137)

    def test_our_own_errors_are_125(self):
        data = self.path("data")
        with open(data, "w", encoding="utf-8") as file:
            file.write("neither")
        os.chmod(data, 0o755)
        for words, says in ((("--", "no-such-program"), "run 'no-such-program'"), (("--", data), "run the program: Exec format error"),
                            (("-p", "bsae", "--", "true"), "there is no profile 'bsae'"), ((), "usage: sallyport policy learn"),
                            (("-w", data, "--", "true"), "File exists")):
            done = self.raw(*words)
            self.assertEqual(done.returncode, 125, done)
            self.assertIn(says, done.stderr.splitlines()[-1])

    # --- what is heard ---

    def test_calls_of_threads_and_children_are_told_and_made(self):
        ran = self.python("""
made = []
def connectable(): made.append(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).fileno() >= 0)
threads = [threading.Thread(target=connectable) for i in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
socket.socket(socket.AF_INET)
child = subprocess.run(["/usr/bin/perl", "-e", 'use Socket; socket(my $s, PF_INET, SOCK_STREAM, 0) or die; print "made"'], stdout=subprocess.PIPE)
print(made == [True] * 8, child.stdout)
""")
        self.assertEqual((ran.code, ran.out), (0, "True b'made'\n"), ran.err)
        sockets = {(call["program"].rstrip("0123456789."), call["arguments"]): call for call in ran.calls("socket")}
        self.assertEqual({key: call["count"] for key, call in sockets.items()},
                         {("python", "AF_INET6, SOCK_CLOEXEC|SOCK_DGRAM, 0"): 8, ("python", "AF_INET, SOCK_CLOEXEC|SOCK_STREAM, 0"): 1,
                          ("perl", "AF_INET, SOCK_CLOEXEC|SOCK_STREAM, 0"): 1})
        for call in sockets.values():
            self.assertEqual((call["permitted_by"], call["never"], call["answer"]), (["net", "build"], None, "made"))
        self.assertEqual((ran.report["smallest"], ran.report["profile"], ran.report["exit_code"]), ("net", "base", 0))

    def test_the_table_has_a_row_for_each_and_a_sentence_for_all(self):
        done = self.raw("--", PYTHON, "-c", PRELUDE + "socket.socket(); call('bpf', 0, 0, 0)")
        lines = done.stderr.splitlines()
        self.assertEqual(lines[0].split(), ["CALL", "TIMES", "PROGRAM", "ARGUMENTS", "FILE", "PERMITTED", "BY"])
        self.assertRegex(lines[1], r"^socket +1 +python3\S* +AF_INET, SOCK_CLOEXEC\|SOCK_STREAM, 0 +- +net, build$")
        self.assertRegex(lines[2], r"^bpf +1 +python3\S* +0, 0, 0 +- +never: bpf may not be allowed by any profile$")
        self.assertEqual(lines[3:], [
            "sallyport: 1 of these no profile may permit: they were answered with an errno, or their process was ended",
            "sallyport: of the others 'net' is the smallest of the shipped profiles that permits all",
            f"sallyport: {PYTHON} ended with 0"])

    def test_json_goes_to_stdout_when_asked(self):
        done = self.raw("--json", "-", "--", PYTHON, "-c", "import socket; socket.socket()")
        self.assertEqual([call["call"] for call in json.loads(done.stdout)["calls"]], ["socket"])
        self.assertEqual(done.stderr, "")

    def test_fifty_children_at_once_are_all_heard_and_none_is_left(self):
        ran = self.python("""
ready, go = os.pipe()
children = []
for i in range(50):
    child = os.fork()
    if child == 0:
        os.close(go)
        os.read(ready, 1)   # all begin when the write end is closed
        for i in range(4): socket.socket(socket.AF_INET)
        os._exit(0)
    children.append(child)
os.close(go)
print([os.waitpid(child, 0)[1] for child in children] == [0] * 50)
""")
        self.assertEqual((ran.code, ran.out), (0, "True\n"), ran.err)
        self.assertEqual(sum(call["count"] for call in ran.calls("socket")), 200)

    def test_what_it_left_running_is_killed(self):
        ran = self.learn("/usr/bin/sh", "-c", "setsid sleep 1000 & echo $!")
        self.assertFalse(os.path.exists(f"/proc/{int(ran.out)}"))

    def test_signals_make_no_call_be_heard_twice(self):
        ran = self.python("""
count = 0
def on_alarm(*_):
    global count
    count += 1
signal.signal(signal.SIGALRM, on_alarm)
signal.siginterrupt(signal.SIGALRM, False)      # before we hear of it a call can be interrupted, and begins again
signal.setitimer(signal.ITIMER_REAL, 0.0003, 0.0003)
calls = 0
while count < 200 or calls < 1000:
    socket.socket(socket.AF_INET).close()
    calls += 1
signal.setitimer(signal.ITIMER_REAL, 0)
print(calls)
""")
        self.assertEqual(ran.code, 0, ran.err)
        self.assertEqual(ran.calls("socket")[0]["count"], int(ran.out))

    def test_a_process_that_dies_in_a_call_stops_nobody(self):
        ran = self.python("""
def call_for_ever():
    while True: socket.socket(socket.AF_INET).close()
for i in range(30):
    child = os.fork()
    if child == 0:
        for i in range(3): threading.Thread(target=call_for_ever, daemon=True).start()
        socket.socket(socket.AF_INET6)
        os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
threading.Thread(target=call_for_ever, daemon=True).start()
socket.socket(socket.AF_INET6)
os.kill(os.getpid(), signal.SIGKILL)
""")
        self.assertEqual(ran.code, 137, ran.err)
        self.assertEqual(sum(call["count"] for call in ran.calls("socket") if "AF_INET6" in call["arguments"]), 31)

    # --- files ---

    def test_the_file_of_a_call_is_told(self):
        ran = self.python("os.mkdir(sys.argv[1])", self.path("made"), profile="strict")
        self.assertTrue(os.path.isdir(self.path("made")))
        self.assertEqual([call["file"] for call in ran.report["calls"] if call["call"].startswith("mkdir")], [self.path("made")])

    def test_a_path_is_read_up_to_the_end_of_memory_and_no_further_than_paths_go(self):
        ran = self.python("""
memory = mmap.mmap(-1, 2 * 4096)
start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
end = start + 4096
libc.munmap(ctypes.c_void_p(end), 4096)
def put(text, at): ctypes.memmove(at, text, len(text))
put(b"/nonexistent/x\\0", end - 15)
print(call("mkdirat", -100 & (2**64 - 1), end - 15, 1))          # its last byte is the last byte of the page
put(b"/nonexistent/yy", end - 15)
print(call("mkdirat", -100 & (2**64 - 1), end - 15, 2))          # no end before the memory's
print(call("mkdirat", -100 & (2**64 - 1), 8, 3))                 # nothing is there
print(call("mkdirat", -100 & (2**64 - 1), 2**64 - 8, 4))
print(call("mkdirat", -100 & (2**64 - 1), 2**63 - 8, 5))
print(call("mkdirat", -100 & (2**64 - 1), b"/" + b"z" * 4094, 6))    # 4096 bytes with its end; the name is too long
print(call("mkdirat", -100 & (2**64 - 1), b"/" * 9000, 7))
sys.stdout.flush()
os._exit(0)
""", profile="strict")
        self.assertEqual(ran.out.split(), ["ENOENT", "EFAULT", "EFAULT", "EFAULT", "EFAULT", "ENAMETOOLONG", "ENAMETOOLONG"], ran.err)
        self.assertEqual([call["count"] for call in ran.calls("mkdirat")], [7])    # one row: no profile looks at the arguments
        self.assertEqual(ran.calls("mkdirat")[0]["file"], "/nonexistent/x")

    def test_each_path_alone_is_what_was_readable(self):
        for pointer, file in (("end - 15", "/nonexistent/yy"), ("8", None), ("2**64 - 8", None), ("2**63 - 8", None),
                              ('b"/" + b"z" * 4094', "/" + "z" * 4094), ('b"/" * 9000', "/" * 4095)):
            ran = self.python(f"""
memory = mmap.mmap(-1, 2 * 4096)
end = ctypes.addressof(ctypes.c_char.from_buffer(memory)) + 4096
libc.munmap(ctypes.c_void_p(end), 4096)
ctypes.memmove(end - 15, b"/nonexistent/yy", 15)
call("mkdirat", -100 & (2**64 - 1), {pointer}, 0)
os._exit(0)
""", profile="strict")
            self.assertEqual([call["file"] for call in ran.calls("mkdirat")], [file], pointer)

    def test_a_path_that_changes_while_it_is_read_is_a_path_all_the_same(self):
        ran = self.python("""
path = ctypes.create_string_buffer(4000)
is_over = False
def change():
    while not is_over:
        for letter in b"ab": ctypes.memset(path, letter, 3999); ctypes.memset(ctypes.addressof(path) + 2000, 0, 1)
thread = threading.Thread(target=change)
ctypes.memset(path, ord("a"), 3999)
thread.start()
for i in range(300):
    libc.prctl(15, b"change%d" % i, 0, 0, 0)     # PR_SET_NAME: a row of its own for each
    call("mkdirat", 2**64 - 1, path, 0)
is_over = True
thread.join()
""", profile="strict")
        self.assertEqual(ran.code, 0, ran.err)
        files = [call["file"] for call in ran.calls("mkdirat")]
        self.assertEqual(sum(call["count"] for call in ran.calls("mkdirat")), 300)
        for file in files:
            self.assertLessEqual(set(file), {"a", "b"})
            self.assertLessEqual(len(file), 3999)

    # --- what no profile may permit ---

    def test_what_no_profile_may_permit_is_answered_as_the_profile_does_and_named(self):
        ran = self.python("print(call('ptrace', 0, 0, 0, 0), call('keyctl', 0, 2**64 - 3, 1), call('bpf', 0, 0, 0), call(435, 0, 0), "
                          "call(9999), call(-1 & (2**64 - 1)))")
        self.assertEqual((ran.code, ran.out.split()), (0, ["EPERM", "EPERM", "EPERM", "ENOSYS", "ENOSYS", "ENOSYS"]), ran.err)
        for name in ("ptrace", "keyctl", "bpf", "clone3"):
            self.assertEqual([call["never"] for call in ran.calls(name)], [f"{name} may not be allowed by any profile"])
            self.assertEqual(ran.calls(name)[0]["permitted_by"], [])
        self.assertEqual([call["never"] for call in ran.calls("call 9999")], ["no call of this kernel"])
        self.assertEqual(ran.report["smallest"], "base")

    def test_what_a_program_falls_back_to_is_learned(self):
        ran = self.python("threading.Thread(target=print, args=('ran',)).start()", profile="strict")
        self.assertEqual(ran.out, "ran\n")
        self.assertEqual([call["answer"] for call in ran.calls("clone3")], ["ENOSYS"])
        self.assertEqual([call["answer"] for call in ran.calls("clone")], ["made"])

    @unittest.skipIf(os.uname().machine != "x86_64", "x32 is an ABI of x86_64")
    def test_a_call_of_another_abi_ends_its_process_and_is_named(self):
        ran = self.python(f"print('before', flush=True); call({X32_BIT + NUMBERS['getpid']}); print('after')")
        self.assertEqual((ran.code, ran.out), (159, "before\n"))
        self.assertEqual([(call["call"], call["answer"]) for call in ran.report["calls"]], [("call 0x40000027 of another ABI", "killed")])
        ran = self.python(f"""
child = os.fork()
if child == 0: call({X32_BIT + NUMBERS['getpid']})
print(os.waitpid(child, 0)[1])
""")
        self.assertEqual((ran.code, ran.out), (0, "9\n"))

    @unittest.skipIf(os.uname().machine != "x86_64", "int 0x80 is a gate of x86_64")
    def test_a_call_through_the_old_gate_ends_its_process(self):
        ran = self.python("""
code = mmap.mmap(-1, 4096, prot=7)
code.write(b"\\xb8\\x14\\0\\0\\0\\xcd\\x80\\xc3")      # mov $20, %eax; int $0x80; ret
ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
print("after")
""")
        self.assertEqual((ran.code, ran.out), (159, ""))
        self.assertEqual([call["answer"] for call in ran.calls("call 0x14 of another ABI")], ["killed"])

    # --- signals ---

    def begin(self, script):
        """The program, which has printed a line."""
        process = subprocess.Popen([SALLYPORT, "policy", "learn", "--", PYTHON, "-c", PRELUDE + script], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, env=ENVIRONMENT, start_new_session=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process, process.stdout.readline()

    def test_signals_go_on_to_the_program_and_the_report_still_comes(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            process, _ = self.begin(f"""
signal.signal({int(number)}, lambda *_: sys.exit(7))
socket.socket()
print("ready", flush=True)
while True: signal.pause()
""")
            process.send_signal(number)
            _, err = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 7, err)
            self.assertIn("AF_INET", err)

    def test_a_signal_that_ends_the_program_is_told(self):
        process, _ = self.begin("print('ready', flush=True)\nsignal.signal(signal.SIGINT, signal.SIG_DFL)\nwhile True: signal.pause()")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
        self.assertEqual((process.returncode, err.splitlines()[-1]), (143, f"sallyport: {PYTHON} was ended by signal TERM"))

    def test_the_program_does_not_outlive_who_answers_it(self):
        process, pid = self.begin("print(os.getpid(), flush=True)\nwhile True: signal.pause()")
        program = os.pidfd_open(int(pid))
        self.addCleanup(os.close, program)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        self.assertEqual(len(select.select([program], [], [], 60)[0]), 1)

    # --- the profile that is written ---

    def test_the_profile_that_is_written_permits_the_program_and_nothing_forbidden(self):
        script = PRELUDE + """
socket.socket(socket.AF_INET)
threading.Thread(target=subprocess.run, args=(["/usr/bin/sh", "-c", "echo child"],)).start()
call("bpf", 0, 0, 0)
call("mkdirat", -100 & (2**64 - 1), b"made", 0o755)
os.rmdir("made")
"""
        file = self.path("mine.json")
        done = self.raw("-p", "strict", "-w", file, "--", PYTHON, "-c", script)
        self.assertEqual((done.returncode, done.stdout), (0, "child\n"), done.stderr)
        shown = subprocess.run([SALLYPORT, "policy", "show", file, "-o", "json"], capture_output=True, text=True, check=True,
                               env=ENVIRONMENT, timeout=60)
        allowed = {item["call"] for item in json.loads(shown.stdout)["items"] if item["action"] == "allow"}
        self.assertLessEqual({"socket", "clone", "execve", "mkdirat", "rmdir"}, allowed)
        self.assertFalse(allowed & {"bpf", "clone3", "ptrace"})
        tried = subprocess.run([SALLYPORT, "policy", "test", file, "--", PYTHON, "-c", script.replace('call("bpf", 0, 0, 0)', "")],
                               capture_output=True, text=True, check=False, env=ENVIRONMENT, timeout=60, cwd=self.directory.name)
        self.assertEqual((tried.returncode, tried.stdout), (0, "child\n"), tried.stderr)
        self.assertNotIn("socket", tried.stderr)
        self.assertEqual({line.split(":")[2].split("(")[0].strip() for line in tried.stderr.splitlines() if "refused with" in line},
                         {"clone3"}, tried.stderr)

    def test_a_profile_that_allows_next_to_nothing_can_be_learned_from(self):
        file = self.path("least.json")
        with open(file, "w", encoding="utf-8") as least:
            json.dump({"defaultAction": "SCMP_ACT_KILL_PROCESS", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}]}, least)
        ran = self.learn("/usr/bin/echo", "hello", profile=file)
        self.assertEqual((ran.code, ran.out), (0, "hello\n"), ran.err)
        self.assertLessEqual({"execveat", "mmap", "write", "exit_group"}, {call["call"] for call in ran.report["calls"]})
        self.assertEqual(ran.report["smallest"], "strict")
        written = self.path("written.json")
        self.assertEqual(self.raw("-p", file, "-w", written, "--", "/usr/bin/echo", "hello").returncode, 0)
        tried = subprocess.run([SALLYPORT, "policy", "test", written, "--", "/usr/bin/echo", "hello"], capture_output=True, text=True,
                               check=False, env=ENVIRONMENT, timeout=60)
        self.assertEqual((tried.returncode, tried.stdout), (0, "hello\n"), tried.stderr)

    def test_the_program_runs_without_new_privileges_and_holds_no_descriptor_of_ours(self):
        ran = self.python("""
print(libc.prctl(39, 0, 0, 0, 0), sorted(os.listdir("/proc/self/fd"))[:3], sorted(
    os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if int(fd) > 2 and os.path.exists(f"/proc/self/fd/{fd}")))
""")
        self.assertEqual(ran.code, 0, ran.err)
        self.assertTrue(ran.out.startswith("1 ['0', '1', '2']"), ran.out)
        self.assertNotIn("seccomp", ran.out)
        self.assertNotIn("socket:", ran.out)


class EndOfJob(ServiceTest):
    """A job that its profile killed: the kernel keeps the call to itself, and the end says who can name it."""

    commands = {
        "die": {"exec": ["/usr/bin/unshare", "--user", "/usr/bin/true"]},
        "shell": {"exec": ["/usr/bin/bash", "-c", "/usr/bin/unshare --user /usr/bin/true; exit $?"],
                  "sandbox": {"profile": "net"}},
    }

    def test_the_end_names_the_profile_and_the_tool(self):
        outcome = self.instance.run("die")
        self.assertEqual(outcome.reason, "policy_violation", outcome)
        self.assertEqual(outcome.job["end"]["message"],
                         "killed by SIGSYS: it made a system call that its seccomp profile 'base' answers with death; the kernel does not "
                         "tell which, but `sallyport policy learn -p base -- PROGRAM ARGUMENT...`, run on the host, names it")

    def test_what_the_end_says_to_run_names_the_call(self):
        done = subprocess.run([SALLYPORT, "policy", "learn", "-p", "base", "--", *self.commands["die"]["exec"]], capture_output=True,
                              text=True, check=False, env=ENVIRONMENT, timeout=60)
        self.assertRegex(done.stderr, r"(?m)^unshare +1 +unshare +CLONE_NEWUSER +- +never: unshare may be allowed only where")

    def test_a_shell_that_hands_the_death_on_is_explained_too(self):
        outcome = self.instance.run("shell")
        self.assertEqual((outcome.reason, outcome.exit_code), ("exited", 159), outcome)
        self.assertIn("exited with status 159, as a shell does when SIGSYS ended its program", outcome.job["end"]["message"])
        self.assertIn("`sallyport policy learn -p net --", outcome.job["end"]["message"])

    def test_the_command_line_says_it(self):
        done = self.instance.cli("run", "-q", "die", text=True)
        self.assertEqual(done.returncode, 159)
        self.assertIn("sallyport policy learn -p base -- PROGRAM", done.stderr)


if __name__ == "__main__":
    unittest.main()
