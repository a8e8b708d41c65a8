"""What a front or a keeper that was taken over tries, as data: docs/lockdown.md is made of these rows, and each row has a test.

A row says which of the threats I01 to I18 and which of the twelve sentences of docs/lockdown.md it belongs to, what stands in
the way, and which line is left of it. A message row has what is sent; a call row the system calls and their answers.
"""

from dataclasses import dataclass, field

import wire
from wire import ENTRY_INTEGER, ENTRY_LIST, ENTRY_STRING, EVIDENCE, bearer, body, entry, frame, message

REQUEST = 0x70000000            # a number that no front of ours has reached

# --- which line is left --------------------------------------------------------------------------------------------------------

DROPPED = "audit trail: `dropped`, with the cause"
REFUSED = "audit trail: `refused`, with the cause"
KILLED = "log of sallyportd: ended by signal 31"
LAUNCHER = "log of the launcher"
NOWHERE = "none: the kernel answers the caller, and nobody else hears of it"
CROSSED = "none: a reload may cross any order"
NOTHING = "none: there is nothing to send it to"
RECORDED = "audit trail: the entry itself"

SENTENCES = (
    "run a command that is not in the table, or beyond the scope of the credential shown",
    "choose or influence uid, gid, capabilities, namespaces, root, names of variables, program, policy, control group, or raise a limit",
    "pass elements of argv beyond the schema, or reach a shell",
    "read tokens, keys, other callers' parameters, other jobs' output, or the past of the audit trail",
    "make launcher or keeper read, write, open, make or remove a path that it names",
    "get descriptors but read-only logs of jobs that the credential may read, or pass any in but sealed memory files and accepted connections",
    "signal, trace or look into launcher, keeper or others' jobs",
    "use up memory, descriptors, processes or processor time of launcher and keeper",
    "keep a job alive past its limits, raise them while it runs, or cancel others' jobs",
    "forge or suppress entries of the audit trail, or put lines into it",
    "survive its own restart, or leave anything behind",
    "connect out",
)


@dataclass
class Row:
    """One that has a test of its own, by the name of its method: test_ID, in this folder or where `test` says."""

    id: str
    threats: tuple
    sentences: tuple
    tries: str
    stopped: str
    line: str
    test: str = ""


@dataclass
class Breach(Row):
    """Messages and descriptors for which the keeper lets the front go. build(attacker): a list of (bytes, descriptors)."""

    build: object = None
    why: str = ""


@dataclass
class Refusal(Row):
    """A message that is whole and asks for what its credential may not. build(attacker): the message."""

    build: object = None
    answers: tuple = ()             # (status, code), any of them
    fds: object = field(default=lambda attacker: [])


@dataclass
class Calls(Row):
    """System calls: build(attacker) gives (name, arguments) and the errno that each must have, or any of several."""

    build: object = None
    errnos: tuple = ()


@dataclass
class Fatal(Row):
    """A call that ends the process."""

    call: str = ""
    arguments: tuple = ()


# --- messages for which the keeper lets the front go --------------------------------------------------------------------------------


def breach(name, threats, sentences, tries, build, why):
    return Breach(name, threats, sentences, tries, "the keeper lets it go; the bootstrap starts another when it ends", DROPPED, "", build, why)


def one(data, *fds):
    return lambda attacker: [(data, [attacker.fd(of) for of in fds])]


def submit(attacker, **more):
    return message("MSG_SUBMIT", REQUEST, **{"command": "echo", "params": text("x"), **bearer(attacker.ci, attacker.address), **more})


def text(value, name="text"):
    return entry(ENTRY_STRING, name, value)


def reads(of):
    """Standard input for a command that takes some, by a descriptor that it should not be."""
    return lambda attacker: [(submit(attacker, command="reads", params=b"", has_stdin=1), [attacker.fd(of)])]


ALONE = body("MSG_WHOAMI", kind=EVIDENCE["BEARER"], secret="x", address="y")
BREACHES = [
    breach("unknown_type", ("I01",), (), "a message of a type that does not exist", one(frame(9999, b"")), "a message of unknown type"),
    breach("type_zero", ("I01",), (), "a message of type 0", one(frame(0, b"")), "a message of unknown type 0"),
    breach("wrong_magic", ("I01",), (), "another magic number", one(frame("MSG_WHOAMI", ALONE, magic=0x32307073)), "a frame that is not ours"),
    breach("word_of_the_bootstrap", ("I01",), (8,), "an order to stop, as the bootstrap gives it", one(message("MSG_SHUTDOWN", REQUEST)),
           "a message that it may not send"),
    breach("word_of_the_keeper", ("I01", "I04"), (1, 2), "an order to start a job, as the keeper gives it to the launcher",
           one(message("MSG_LAUNCH", REQUEST, audit_head=bytes(32))), "a message that it may not send"),
    breach("word_of_the_launcher", ("I01",), (9, 10), "a job's end, as the launcher tells it",
           lambda a: [(message("MSG_EXITED", REQUEST, job_id=a.job), [])], "a message that it may not send"),
    breach("word_of_the_notifier", ("I01",), (10,), "a delivery's end, as the notifier tells it", one(message("MSG_DELIVERED", REQUEST)),
           "a message that it may not send"),
    breach("one_number_twice", ("I01",), (), "two streams under one number",
           lambda a: [(message("MSG_READ_JOB", REQUEST, job_id=a.job, watch=1, **bearer(a.admin)), [])] * 2, "is open already"),
    breach("length_too_small", ("I02",), (), "a length that is less than what follows", one(frame("MSG_WHOAMI", ALONE, length=0)), "wrong length"),
    breach("length_too_large", ("I02",), (), "a length that is more than what follows",
           one(frame("MSG_WHOAMI", ALONE, length=2**32 - 16)), "wrong length"),
    breach("empty", ("I02",), (), "a message of no bytes", one(b""), "a frame that is not ours"),
    breach("half_a_head", ("I02", "I09"), (), "half of a head", one(frame("MSG_WHOAMI", ALONE)[:8]), "a frame that is not ours"),
    breach("cut", ("I02",), (), "fields that end too early", one(frame("MSG_SUBMIT", ALONE)), "read submit"),
    breach("trailing_bytes", ("I02",), (), "bytes behind the last field", one(frame("MSG_WHOAMI", ALONE + b"x")), "bytes left over"),
    breach("nested_length_wraps", ("I02",), (), "a text of 4 GiB less one byte inside of a message",
           one(frame("MSG_WHOAMI", b"\x01" + b"\xff" * 4 + ALONE)), "read whoami"),
    breach("larger_than_any", ("I02", "I09"), (8,), "more bytes than any message may have", one(frame("MSG_WHOAMI", bytes(65536))),
           "a frame with too much in it"),
    breach("evidence_of_no_kind", ("I02", "I06"), (1,), "evidence of a kind that does not exist", one(message("MSG_WHOAMI", REQUEST, kind=200)),
           "read whoami"),
    breach("yes_no_or_2", ("I02",), (), "a truth value that is neither", lambda a: [(submit(a, is_trial=2), [])], "read submit.is_trial"),
    breach("zero_byte_in_text", ("I02", "I05", "I13"), (3, 10), "a zero byte inside of a text", lambda a: [(submit(a, reason=b"a\0b"), [])],
           "read submit.reason"),
    breach("page_too_long", ("I11",), (8,), "a page of more jobs than there may be",
           lambda a: [(message("MSG_LIST_JOBS", REQUEST, limit=2**32 - 1, **bearer(a.ci)), [])], "read list-jobs.limit"),
    breach("timeout_beyond_all", ("I11",), (2, 9), "a timeout beyond what any command may have",
           lambda a: [(submit(a, timeout_ms=2**32 - 1), [])], "read submit.timeout_ms"),
    breach("params_that_are_none", ("I05",), (3,), "parameters that are no list of entries", lambda a: [(submit(a, params=b"junk"), [])], "parameters are cut short"),
    breach("unwanted_descriptor", ("I08",), (6,), "a descriptor of which the message does not speak",
           lambda a: [(message("MSG_WHOAMI", REQUEST, **bearer(a.ci)), [a.fd("sealed")])], "descriptors that its message does not speak of"),
    breach("descriptor_where_none_may_be", ("I08",), (6,), "a descriptor with a message that takes none",
           one(message("MSG_UNWATCH", REQUEST), "sealed"), "unwatch: 1 descriptors"),
    breach("more_than_fit", ("I08",), (6, 8), "more descriptors than any message has", one(message("MSG_UNWATCH", REQUEST), *["sealed"] * 40),
           "a frame with too much in it"),
    breach("missing_descriptor", ("I08",), (6,), "input of which there is no descriptor",
           lambda a: [(submit(a, command="reads", params=b"", has_stdin=1), [])], "descriptors that its message does not speak of"),
    breach("input_unsealed", ("I08",), (6,), "input in a memory file that can still be changed", reads("unsealed"), "memory file can still be changed"),
    breach("input_sealed_for_others", ("I08",), (6,), "input in a memory file that whoever has it mapped still changes (F_SEAL_FUTURE_WRITE)",
           reads("future"), "memory file can still be changed"),
    breach("input_executable", ("I08",), (6,), "input in a memory file that can be executed", reads("executable"),
           "memory file can still be changed or executed"),
    breach("input_listener", ("I08",), (6,), "a listening socket as input", reads("listener"), "is not a memory file"),
    breach("input_channel", ("I08",), (6,), "its own end of the keeper's channel as input", reads("channel"), "is not a memory file"),
    breach("login_with_evidence", ("I06",), (1,), "a login that shows a credential",
           lambda a: [(message("MSG_LOGIN", REQUEST, user="alice", password="x", **bearer(a.ci)), [])], "a login with evidence"),
    breach("delivery_unsealed", ("I08",), (6,), "a webhook's delivery in a memory file that can still be changed",
           one(message("MSG_HOOK", REQUEST, hook="push", signature="sha256=" + "0" * 64), "unsealed"), "memory file can still be changed"),
    breach("delivery_is_a_connection", ("I08",), (6,), "a listening socket as a webhook's delivery",
           one(message("MSG_HOOK", REQUEST, hook="push", signature="sha256=" + "0" * 64), "listener"), "is not a memory file"),
    breach("input_device", ("I08",), (6,), "/dev/null as input", reads("null"), "is not a memory file"),
]

# --- whole messages that ask for too much ----------------------------------------------------------------------------------------

UNKNOWN = ((401, "unauthenticated"),)
NOT_FOUND = ((404, "not-found"),)
FORBIDDEN = ((403, "forbidden"),)
INVALID = ((422, "params-invalid"),)


def refusal(name, threats, sentences, tries, build, answers, fds=lambda attacker: []):
    return Refusal(name, threats, sentences, tries, "the keeper refuses it", REFUSED, "", build, answers, fds)


def of_job(kind, **more):
    return lambda a: message(kind, REQUEST, job_id=a.job, **{**bearer(a.ci), **more})


def peer(of):
    return lambda a: [a.fd(of)]


def of_kind(kind, secret=None):
    """An administrator's token, unless it says what: as evidence of a kind that it is not of."""
    return lambda a: submit(a, kind=EVIDENCE[kind], secret=a.admin if secret is None else secret)


def whoami(**evidence):
    return lambda a: message("MSG_WHOAMI", REQUEST, **{"address": a.address, **evidence})


REFUSALS = [
    refusal("unknown_command", ("I03",), (1,), "a command that is not in the table", lambda a: submit(a, command="../echo"), NOT_FOUND),
    refusal("command_of_others", ("I03", "I06"), (1,), "a command beyond the token's scope", lambda a: submit(a, command="other", params=b""),
            NOT_FOUND + FORBIDDEN),
    refusal("no_evidence", ("I06",), (1,), "a request without evidence", lambda a: submit(a, kind=EVIDENCE["NONE"], secret=""), UNKNOWN),
    refusal("wrong_token", ("I06",), (1,), "a token that nobody has", lambda a: submit(a, secret="sp_nobody"), UNKNOWN),
    refusal("expired_token", ("I06",), (1,), "a token that has expired", lambda a: submit(a, secret=a.expired), UNKNOWN),
    refusal("hash_as_token", ("I06",), (1, 4), "the hash of a token in its place", lambda a: submit(a, secret=a.hash_of_admin), UNKNOWN),
    refusal("evidence_of_the_service", ("I06",), (1,), "the evidence by which the keeper knows itself", of_kind("SERVICE", ""), UNKNOWN),
    refusal("token_as_the_services", ("I06",), (1,), "the same, with an administrator's token in it", of_kind("SERVICE"), UNKNOWN),
    refusal("evidence_of_a_hook", ("I06",), (1,), "the evidence of a webhook's delivery, which records have", of_kind("HOOK", "hook:push"), UNKNOWN),
    refusal("token_as_a_hooks", ("I06",), (1,), "the same, with an administrator's token in it", of_kind("HOOK"), UNKNOWN),
    refusal("made_up_session", ("I06",), (1,), "a session's cookie that nobody was given", of_kind("SESSION", "c" * 64), UNKNOWN),
    refusal("token_as_a_session", ("I06",), (1,), "an administrator's token as a session's cookie", of_kind("SESSION"), UNKNOWN),
    refusal("listener_of_nobody", ("I06",), (1,), "a call on the listener of a predecessor, for whom no peer stands", of_kind("LISTENER", "gort"), UNKNOWN),
    refusal("token_as_a_listener", ("I06",), (1,), "an administrator's token as the name of a listener", of_kind("LISTENER"), UNKNOWN),
    refusal("certificate_of_nobody", ("I06",), (1,), "a certificate that names nobody", lambda a: submit(a, kind=EVIDENCE["CERTIFICATE"], secret="cn:admin"), UNKNOWN),
    refusal("channel_as_connection", ("I06", "I08"), (1, 6), "its own channel, shown as a caller's connection", whoami(kind=EVIDENCE["PEER"]), UNKNOWN, peer("channel")),
    refusal("control_as_connection", ("I06", "I08"), (1, 6), "the bootstrap's channel, shown as a caller's connection", whoami(kind=EVIDENCE["PEER"]), UNKNOWN,
            peer("control")),
    refusal("listener_as_connection", ("I06", "I08"), (1, 6), "a listening unix socket, shown as a connection: its maker is root", whoami(kind=EVIDENCE["PEER"]),
            UNKNOWN, peer("unix")),
    refusal("memory_as_connection", ("I06", "I08"), (1, 6), "a memory file, shown as a connection", whoami(kind=EVIDENCE["PEER"]), UNKNOWN, peer("sealed")),
    refusal("value_too_long", ("I05",), (3,), "a value that is too long", lambda a: submit(a, params=text("x" * 21)), INVALID),
    refusal("value_with_newline", ("I05",), (3,), "a value that its pattern does not allow", lambda a: submit(a, params=text("a\nb")), INVALID),
    refusal("value_with_zero_byte", ("I05",), (3,), "a value with a zero byte", lambda a: submit(a, params=text(b"a\0b")), INVALID),
    refusal("value_with_dash", ("I05",), (3,), "a value that begins with a dash", lambda a: submit(a, params=text("-rf")), INVALID),
    refusal("value_of_other_kind", ("I05",), (3,), "a number where a text belongs",
            lambda a: submit(a, params=entry(ENTRY_INTEGER, "text", "1")), INVALID),
    refusal("list_for_a_value", ("I05",), (3,), "a list where one value belongs", lambda a: submit(a, params=entry(ENTRY_LIST, "text")), INVALID),
    refusal("unknown_parameter", ("I05",), (2, 3), "a parameter that the command does not have",
            lambda a: submit(a, params=text("x") + text("/bin/sh", "exec")), INVALID),
    refusal("parameter_twice", ("I05",), (3,), "one parameter twice", lambda a: submit(a, params=text("x") + text("y")), INVALID),
    refusal("missing_parameter", ("I05",), (3,), "no value where one is required", lambda a: submit(a, params=b""), INVALID),
    refusal("longer_timeout", ("I11",), (2, 9), "a timeout that is longer than the command's", lambda a: submit(a, timeout_ms=61000), INVALID),
    refusal("higher_priority", ("I11",), (2,), "a priority above the command's", lambda a: submit(a, has_priority=1, priority=9), INVALID),
    refusal("larger_input", ("I11",), (2, 8), "more input than the command takes",
            lambda a: submit(a, command="reads", params=b"", has_stdin=1), ((413, "body-too-large"),), peer("large")),
    refusal("read_others_job", ("I10",), (4,), "another caller's job", of_job("MSG_READ_JOB"), NOT_FOUND),
    refusal("read_others_output", ("I10",), (4, 6), "the output of another caller's job", of_job("MSG_READ_OUTPUT"), NOT_FOUND),
    refusal("follow_others_output", ("I10",), (4, 6), "what another caller's job still writes", of_job("MSG_READ_OUTPUT", watch=1), NOT_FOUND),
    refusal("read_others_files", ("I10",), (4, 6), "the artefacts of another caller's job", of_job("MSG_READ_ARTIFACTS"), NOT_FOUND),
    refusal("read_others_steps", ("I10",), (4,), "the steps of another caller's job", of_job("MSG_LIST_STEPS"), NOT_FOUND),
    refusal("cancel_others_job", ("I10",), (9,), "the end of another caller's job", of_job("MSG_CANCEL"), NOT_FOUND + FORBIDDEN),
    refusal("cancel_others_job_with_a_right", ("I10",), (9,), "the same with a token that may cancel its own",
            lambda a: message("MSG_CANCEL", REQUEST, job_id=a.job, **bearer(a.ops)), NOT_FOUND),
    refusal("signal_others_job", ("I10",), (7, 9), "a signal to another caller's job", of_job("MSG_SIGNAL", signal=1), NOT_FOUND + FORBIDDEN),
    refusal("feed_others_job", ("I10",), (7,), "input for another caller's job", of_job("MSG_STDIN", ends=1), NOT_FOUND + FORBIDDEN),
    refusal("guessed_job", ("I10",), (4,), "a job whose number is guessed",
            lambda a: message("MSG_READ_JOB", REQUEST, job_id=bytes(15) + b"\x01", **bearer(a.ci)), NOT_FOUND),
    refusal("rerun_others_job", ("I07", "I10"), (4,), "another caller's job once more, with its parameters",
            lambda a: submit(a, command="", params=b"", rerun_of=a.job), NOT_FOUND + FORBIDDEN),
    refusal("reload", ("I06",), (2,), "a reload with a token that may not", lambda a: message("MSG_RELOAD", REQUEST, **bearer(a.ops)), FORBIDDEN),
    refusal("drain", ("I06",), (8,), "a drain with a token that may not", lambda a: message("MSG_DRAIN", REQUEST, is_on=1, **bearer(a.ops)), FORBIDDEN),
    refusal("pause", ("I06",), (8,), "a pause of a command with a token that may not",
            lambda a: message("MSG_PAUSE", REQUEST, command="echo", **bearer(a.ops)), FORBIDDEN),
    refusal("list_callers", ("I06",), (4,), "the list of callers with a token that may not",
            lambda a: message("MSG_LIST_CALLERS", REQUEST, **bearer(a.ops)), FORBIDDEN),
    refusal("read_numbers", ("I06",), (4,), "the service's numbers as a listener for everybody gives them, where there is none",
            lambda a: message("MSG_READ_METRICS", REQUEST, is_open=1, address=a.address), UNKNOWN),
]

# --- system calls of the front ----------------------------------------------------------------------------------------------------

ENOENT, ENOSYS = 2, 38
ABSTRACT = b"\x01\x00\0sallyport"                   # a sockaddr_un of an abstract name
LOOPBACK = b"\x02\x00\x00\x16\x7f\x00\x00\x01" + bytes(8)
NAMED = b"/nonexistent-sallyport/x\0"               # where a call that were made would do no harm
EXECUTABLE = 0x4 | 0x1
FASTOPEN = 0x20000000 | 0x4000


def calls(name, sentences, tries, build, errnos=(ENOSYS,), stopped="its filter of system calls"):
    return Calls(name, ("I12",), sentences, tries, stopped, NOWHERE, "", build, errnos)


CALLS = [
    calls("sockets", (12,), "a socket of any family and kind",
          lambda a: [("socket", (family, kind, 0)) for family in (1, 2, 10, 16, 17, 38, 40) for kind in (1, 2, 3, 5)]),
    calls("pair_as_connection", (1, 6), "a socket pair of its own, to be shown as a caller's unix connection", lambda a: [("socketpair", (1, 1, 0, a.room(8)))]),
    calls("connect", (12,), "a connection to an abstract name and to an address",
          lambda a: [("connect", (a.listener, a.put(ABSTRACT), len(ABSTRACT))), ("connect", (a.listener, a.put(LOOPBACK), 16))]),
    calls("bind", (11, 12), "a listener of its own", lambda a: [("bind", (a.listener, a.put(LOOPBACK), 16)), ("listen", (a.listener, 1))]),
    calls("listener_to_connection", (11, 12), "its listener made an unconnected socket, and that connected by TCP fast open",
          lambda a: [("shutdown", (a.listener, 0)), ("shutdown", (a.listener, 2)),
                     ("sendto", (a.listener, a.put(b"x"), 1, FASTOPEN, a.put(LOOPBACK), 16)), ("sendmsg", (a.listener, a.put(bytes(56)), FASTOPEN))]),
    Calls("linger", ("I08", "I12"), (8,), "a socket on whose end the last who closes it waits (SO_LINGER), to be handed to the keeper",
          "its filter of system calls", NOWHERE, "", lambda a: [("setsockopt", (a.listener, 1, 13, a.put(b"\1\0\0\0\x10\x0e\0\0"), 8))], (ENOSYS,)),
    calls("signals_of_descriptors", (7, 11), "signals by way of a descriptor that its successor gets, too",
          lambda a: [("fcntl", (a.listener, command, value)) for command, value in ((8, 1), (10, 9), (15, a.put(bytes(8))))]),
    calls("signals", (7,), "signals to keeper and launcher",
          lambda a: [(call, arguments) for pid in a.others for call, arguments in
                     (("kill", (pid, 0)), ("tkill", (pid, 0)), ("tgkill", (pid, pid, 0)), ("rt_sigqueueinfo", (pid, 0, a.room(128))))]),
    calls("handles_of_processes", (7,), "a handle of another process",
          lambda a: [(call, arguments) for pid in a.others for call, arguments in (("pidfd_open", (pid, 0)), ("pidfd_send_signal", (0, 0, 0, 0)))]),
    calls("processes", (8, 11), "a process or a thread of its own", lambda a: [("fork", ()), ("vfork", ()), ("clone", (0x10000, 0, 0, 0, 0)), ("clone3", (0, 0))]),
    calls("open", (4, 5, 11), "files, by each call that opens one",
          lambda a: [(call, arguments) for path in (b"/\0", b"/proc/self/environ\0", b"/etc/passwd\0") for call, arguments in
                     (("open", (a.put(path), 0)), ("openat", (-100, a.put(path), 0)), ("openat2", (-100, a.put(path), a.put(bytes(24)), 24)))]),
    calls("look_at_files", (4,), "whether files are there", lambda a: [("newfstatat", (-100, a.put(path), a.room(144), 0)) for path in
                                                                    (b"/etc/passwd\0", b"/proc/1\0", b"/../etc/passwd\0")],
          (ENOENT,), "its empty root"),
    calls("change_files", (5, 11), "files made, removed and renamed",
          lambda a: [("mkdir", (a.put(NAMED), 0)), ("unlink", (a.put(NAMED),)), ("rmdir", (a.put(NAMED),)), ("rename", (a.put(NAMED), a.put(NAMED))),
                     ("link", (a.put(NAMED), a.put(NAMED))), ("symlink", (a.put(NAMED), a.put(NAMED))), ("mknod", (a.put(NAMED), 0, 0)),
                     ("truncate", (a.put(NAMED), 0)), ("chmod", (a.put(NAMED), 0)), ("ftruncate", (-1, 0)), ("chdir", (a.put(NAMED),))]),
    calls("watch_files", (4,), "news of files", lambda a: [("inotify_init1", (0,)), ("fanotify_init", (0, 0))]),
    calls("new_code", (11,), "memory that is code", lambda a: [("mmap", (0, 4096, EXECUTABLE, 0x22, -1, 0)), ("mprotect", (a.page, 4096, EXECUTABLE)),
                                                              ("pkey_mprotect", (a.page, 4096, EXECUTABLE, -1))]),
    calls("shared_memory", (11,), "memory and queues that outlive it", lambda a: [("shmget", (0, 4096, 0o1600)), ("msgget", (0, 0o1600)), ("semget", (0, 1, 0o1600)),
                                                                                ("mq_open", (a.put(b"sallyport\0"), 0, 0, 0))]),
    calls("own_limits", (8, 9), "more than its limits, and other priorities", lambda a: [("prlimit64", (0, 7, 0, a.room(16))), ("setpriority", (0, 0, 0)),
                                                                                      ("sched_setaffinity", (0, 0, 0)), ("ioprio_set", (1, 0, 0))]),
    calls("own_confinement", (2, 7), "to be looked into, and other filters", lambda a: [("prctl", (4, 1, 0, 0, 0)), ("prctl", (0x59616d61, 0, 0, 0, 0)), ("seccomp", (2, 0, a.room(8))),
                                                                               ("landlock_create_ruleset", (0, 0, 1)), ("personality", (-1,))]),
    calls("many_messages", (8,), "many messages in one call", lambda a: [("sendmmsg", (a.listener, a.room(64), 0, 0)), ("recvmmsg", (a.listener, a.room(64), 0, 0, 0))]),
    calls("terminals", (10, 11), "keys for a terminal", lambda a: [("ioctl", (0, 0x5412, a.put(b"x"))), ("ioctl", (2, 0x541c, a.put(b"x")))]),
    calls("timers", (11,), "timers that signal", lambda a: [("timer_create", (0, 0, a.room(8))), ("setitimer", (0, 0, 0)), ("alarm", (0,))]),
]


def fatal(name, call, sentences, tries, *arguments):
    return Fatal(name, ("I12",), sentences, tries, "its filter, which ends it", KILLED, "", call, arguments)


FATALS = [
    fatal("execve", "execve", (3, 11), "another program", b"/bin/sh\0", 0, 0),
    fatal("execveat", "execveat", (3, 11), "another program, from a memory file", 0, b"\0", 0, 0, 0x1000),
    fatal("ptrace", "ptrace", (7,), "to trace the keeper", 16, "keeper", 0, 0),
    fatal("process_vm_readv", "process_vm_readv", (4, 7), "the keeper's memory", "keeper", 0, 0, 0, 0, 0),
    fatal("pidfd_getfd", "pidfd_getfd", (6, 7), "another process's descriptor", 0, 0, 0),
    fatal("setresuid", "setresuid", (2,), "another user", 0, 0, 0),
    fatal("unshare", "unshare", (2,), "namespaces of its own", 0),
    fatal("mount", "mount", (2, 5), "a mount", 0, 0, 0, 0, 0),
    fatal("io_uring_setup", "io_uring_setup", (12,), "calls that no filter sees", 0, 0),
    fatal("bpf", "bpf", (2,), "a program for the kernel", 99, 0, 0),
    fatal("userfaultfd", "userfaultfd", (2,), "the handling of its own page faults, with which holes of the kernel are opened", 0),
    fatal("keyctl", "keyctl", (4,), "keys of the kernel", 0, 0, 0, 0, 0),
]

# --- what a front does that is not one message ---------------------------------------------------------------------------------------

DEEDS = [
    Row("holds_nothing_else", ("I04", "I12"), (5, 6), "every number of a descriptor: a way to the launcher, a file, a directory",
        "it has none: two channels, listeners, its log and its loop", NOTHING),
    Row("replays_a_key", ("I07",), (4,), "the idempotency key of another caller, to get that caller's job", "keys belong to their callers", RECORDED),
    Row("lists_others_jobs", ("I10",), (4,), "a list of all jobs, or those of a named other", "the keeper lists what the credential may read", NOWHERE),
    Row("zero_for_a_limit", ("I11",), (2, 9), "a timeout of zero, for none at all", "it is the command's own", RECORDED),
    Row("forges_text", ("I13",), (10,), "line feeds, control characters and imitated entries in each text that gets into the trail",
        "each entry is one record, whose texts are escaped when they are shown", RECORDED),
    Row("never_reads", ("I09",), (8,), "requests without end, of which no answer is read",
        "the keeper reads nothing more of it until it takes its answers; what waits is bounded", "none: nothing more is read of it"),
    Row("floods_with_descriptors", ("I08", "I09"), (8,), "thousands of messages with descriptors", "the keeper closes what it does not keep", REFUSED),
    Row("floods_the_bootstrap", ("I09",), (8,), "what fills the channel of the bootstrap, which reads none of it", "a bounded buffer of the kernel's", NOWHERE),
    Row("names_no_path", (), (2, 5), "a message with a place for a path, an id or a policy", "there is none in any message of the front", NOTHING),
    Row("is_any_listeners_peer", ("I06",), (1, 2), "to be who calls on the listener of a predecessor without a token (allowed), and by that an administrator",
        "it is that peer within what the owner allows it; the configuration makes none an administrator", REFUSED),
    Row("makes_up_sessions", ("I06",), (1, 4), "a session near one that was given: another letter, its hash, its end undone",
        "a session is what the keeper gave and has not ended; its cookie is compared by hash", REFUSED),
    Row("floods_logins", ("I06", "I09"), (8, 10), "logins without end, of made-up names, from made-up addresses",
        "one password is compared at a time and a few wait; the others are put off, and entries gathered", REFUSED),
    Row("forges_tickets", ("I06", "I07"), (1, 10), "a webhook's command without a delivery: by a ticket that was never given, a second time, or of a front before it",
        "a ticket is drawn at random, for one delivery that was proven, one time, and one front", REFUSED),
    Row("mixes_hooks", ("I05",), (1, 2, 3), "a delivery of one webhook with the parameters of another, or with one that the owner has set",
        "the ticket knows its webhook; the keeper lets it go", DROPPED),
    Row("leaves_nothing", ("I12",), (11,), "what its successor would find: sockets that do not listen, or wait", "what it may change of a listener is nothing that stays",
        NOWHERE),
]

# --- an evil keeper, against the launcher -----------------------------------------------------------------------------------------


@dataclass
class KeeperBreach(Row):
    """Messages for which the launcher drops the keeper, and what its log says of that. build(keeper): a list of (bytes, descriptors)."""

    build: object = None
    why: str = ""


@dataclass
class KeeperOrder(Row):
    """An order that is refused, with words of the refusal. What happens to keepers that are not lost (a reload) is not logged."""

    build: object = None
    says: str = ""
    fds: object = field(default=lambda keeper: [])


def order(keeper, **more):
    return message("MSG_LAUNCH", REQUEST, **{"job_id": b"\x01" * 16, "generation": keeper.generation, "command": keeper.index["echo"],
                                             "params": text("x"), "actor": "tester", "audit_head": bytes(32), **more})


def keeper_breach(name, threats, tries, build, why):
    return KeeperBreach(name, threats, (), tries, "the launcher drops it; its jobs go on", LAUNCHER, "", build, why)


def keeper_order(name, tries, build, says, threats=("I14",), fds=lambda keeper: [], line=LAUNCHER):
    return KeeperOrder(name, threats, (), tries, "the launcher refuses it by its own copy of the policy", line, "", build, says, fds)


KEEPER_BREACHES = [
    keeper_breach("keeper_unknown_type", ("I01", "I14"), "a message of unknown type", lambda k: [(frame(9999, b""), [])],
                  "a message of unknown type 9999"),
    keeper_breach("keeper_word_of_the_bootstrap", ("I01", "I14"), "roots, slots and policies, as the bootstrap hands them out",
                  lambda k: [(message("MSG_POLICY", 0, generation=9), [k.fd("sealed")])], "it sent 'policy' against the rules"),
    keeper_breach("keeper_wrong_length", ("I02", "I14"), "a length that lies", lambda k: [(frame("MSG_LAUNCH", b"", length=77), [])], "wrong length"),
    keeper_breach("keeper_index_beyond_all", ("I03", "I14"), "a command of a number beyond what any configuration has",
                  lambda k: [(order(k, command=2**32 - 1), [])], "read launch.command"),
    keeper_breach("keeper_timeout_beyond_all", ("I11", "I14"), "a timeout beyond what any command may have", lambda k: [(order(k, timeout_ms=2**32 - 1), [])],
                  "read launch.timeout_ms"),
    keeper_breach("keeper_descriptor", ("I08", "I14"), "a descriptor of which the order does not speak", lambda k: [(order(k), [k.fd("sealed")])],
                  "it sent 'launch' against the rules"),
    keeper_breach("keeper_ends_what_runs", ("I01", "I14"), "the acknowledgement of an end of a job that runs: its slot would be another's",
                  lambda k: [(message("MSG_EXITED_SEEN", 0, job_id=k.job), [])], "it sent 'exited-seen' against the rules"),
    keeper_breach("keeper_stop_for_no_reason", ("I01", "I14"), "a stop for a reason that only the launcher may have",
                  lambda k: [(message("MSG_STOP", 0, job_id=k.job, reason=4), [])], "it sent 'stop' against the rules"),
]

KEEPER_ORDERS = [
    keeper_order("keeper_unknown_command", "a command that is not in the table", lambda k: order(k, command=500), "there is no command 500", ("I03", "I14")),
    keeper_order("keeper_other_generation", "an order of another configuration", lambda k: order(k, generation=77), "of configuration 77, and 1 is in force", ("I03", "I14"),
                 line=CROSSED),
    keeper_order("keeper_value_too_long", "a value that is too long", lambda k: order(k, params=text("x" * 21)), "faults in its parameters", ("I05", "I14")),
    keeper_order("keeper_value_with_newline", "a value that its pattern does not allow", lambda k: order(k, params=text("a\nb")), "faults in its parameters", ("I05", "I14")),
    keeper_order("keeper_value_with_dash", "a value that begins with a dash", lambda k: order(k, params=text("-rf")), "faults in its parameters", ("I05", "I14")),
    keeper_order("keeper_unknown_parameter", "a parameter that the command does not have", lambda k: order(k, params=text("x") + text("/bin/sh", "exec")), "faults in its parameters",
                 ("I05", "I14")),
    keeper_order("keeper_no_params", "no value where one is required", lambda k: order(k, params=b""), "faults in its parameters", ("I05", "I14")),
    keeper_order("keeper_junk", "parameters that are no list of entries", lambda k: order(k, params=b"junk"), "parameters are cut short", ("I05", "I14")),
    keeper_order("keeper_longer_timeout", "a timeout that is longer than the command's", lambda k: order(k, timeout_ms=61000),
                 "the timeout is longer", ("I11", "I14")),
    keeper_order("keeper_no_head", "an order without a head of the trail", lambda k: order(k, audit_head=b""), "names no head"),
    keeper_order("keeper_same_job", "a second start of a job that runs", lambda k: order(k, job_id=k.job), "has a slot already", ("I07", "I14")),
    keeper_order("keeper_unwanted_input", "input for a command that takes none", lambda k: order(k, has_stdin=1), "takes no input", ("I08", "I14"),
                 lambda k: [k.fd("sealed")]),
    keeper_order("keeper_unsealed_input", "input that can still be changed", lambda k: order(k, command=k.index["reads"], params=b"", has_stdin=1),
                 "can still be changed", ("I08", "I14"), lambda k: [k.fd("unsealed")]),
    keeper_order("keeper_directory_as_input", "a directory as input", lambda k: order(k, command=k.index["reads"], params=b"", has_stdin=1), "memory file",
                 ("I08", "I14"), lambda k: [k.directory]),
    keeper_order("keeper_channel_as_input", "its own channel as input", lambda k: order(k, command=k.index["reads"], params=b"", has_stdin=1), "memory file",
                 ("I08", "I14"), lambda k: [k.channel]),
    keeper_order("keeper_larger_input", "more input than the command takes", lambda k: order(k, command=k.index["reads"], params=b"", has_stdin=1), "larger than",
                 ("I08", "I11", "I14"), lambda k: [k.fd("large")]),
]

KEEPER_DEEDS = [
    Row("signals_beyond_the_list", ("I14",), (7,), "a signal that the command does not list", "the launcher sends none", LAUNCHER),
    Row("orders_while_full", ("I09", "I14"), (8,), "more orders than there are slots", "the launcher answers that all are taken", NOWHERE),
    Row("floods_the_launcher", ("I09", "I14"), (8,), "orders without end, of which no answer is read", "the launcher drops it; memory and log are bounded", LAUNCHER),
    Row("forges_an_order", ("I14",), (10,), "a start of which the trail knows nothing (allowed: listed commands, parameters in the schema)",
        "the launcher's record of starts has the order's head, and `sallyport audit verify` does not find it in the trail", "`sallyport audit verify` fails"),
    Row("rewrites_the_trail", ("I14",), (4, 10), "another audit trail, hashes and all", "the launcher's record of starts", "`sallyport audit verify` fails",
        "service/test_audit"),
    Row("rings_without_end", ("I09", "I14"), (8,), "the doorbell of reloads, as often as it can", "rings are counted, and one reload answers many", RECORDED),
    Row("keeper_calls", ("I12", "I14"), (5, 7, 12), "sockets, connections, processes, signals, code, files outside of its directory",
        "its filter of system calls, Landlock and its root", NOWHERE),
    Row("keeper_looks_outside", ("I12", "I14"), (4, 5), "files outside of its directory, by the way up from each directory that it has open",
        "its root; the descriptor that it was handed, by which a way led out of it, it gives up before it reads", NOWHERE),
    Row("keeper_fatal_calls", ("I12", "I14"), (2, 7), "another program, to trace the launcher", "its filter, which ends it",
        "log of sallyportd: ended by signal 31"),
]

# --- shown elsewhere ----------------------------------------------------------------------------------------------------------------

ELSEWHERE = [
    Row("lying_supervisor", ("I15",), (), "a supervisor that was taken over by its job tells the launcher what cannot be",
        "its messages have a state to fit; its slot is set aside", LAUNCHER, "launcher/test_launcher_distrust.closes_a_slot_whose_supervisor_lies"),
    Row("evil_launcher_calls", ("I12", "I15"), (5, 7, 12), "sockets, processes, signals, code, other files by a launcher that was taken over",
        "its filter, which has other calls than the front's and the keeper's; some end it", "log of sallyportd: ended by signal 31; or none",
        "evil/test_filters.has_its_calls"),
    Row("lying_text", ("I15",), (10,), "text of a cell that is none", "the launcher cleans it", LAUNCHER,
        "launcher/test_launcher_distrust.writes_no_text_that_is_none_into_a_report"),
    Row("reborn_launcher", ("I16",), (9,), "jobs that run on when their launcher has died", "the kernel ends their namespace; the keeper calls them lost",
        "audit trail: `end`", "service/test_keeper_crash.test_the_launcher_takes_its_jobs_with_it_and_the_queue_goes_on"),
    Row("reborn_everything", ("I16",), (9,), "what is left when all of them die at once", "the next sallyportd waits for what is left", "audit trail: `end`",
        "service/test_restarts.test_an_accepted_job_is_there_when_everything_was_killed_at_once"),
    Row("confused_descriptors", ("I17",), (6,), "descriptors that are handed over in another order, or to another process",
        "each comes with a message of its type, and what does not fit ends the start", "log of sallyportd",
        "launcher/test_launcher_handover.ends_at_what_is_for_another_process"),
    Row("rewritable_record", ("I17",), (10,), "a record of starts that could be rewritten", "the launcher does not begin", "log of sallyportd",
        "launcher/test_launcher_handover.ends_at_a_start_record_that_could_be_rewritten"),
    Row("many_short_jobs", ("I18",), (8,), "the ends of many short jobs at once", "ends are events of descriptors, and no signals", "audit trail: `end`",
        "service/test_soak.test_jobs_at_once_leave_nothing"),
    Row("truncation_and_mutation", ("I02",), (), "every message cut and changed at random", "each bound is checked in one place", NOTHING, "fuzz/messages"),
]

FRONT = [("Messages for which the keeper lets it go", BREACHES), ("Messages that are refused", REFUSALS), ("More than one message", DEEDS),
         ("System calls that are not there for it", CALLS), ("System calls that end it", FATALS)]
KEEPER = [("Messages for which the launcher drops it", KEEPER_BREACHES), ("Orders that are refused", KEEPER_ORDERS), ("More than one message", KEEPER_DEEDS)]
OTHERS = [("Shown by other tests", ELSEWHERE)]
ALL = [row for _, part in FRONT + KEEPER + OTHERS for row in part]
